#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Races: while containers are created, somebody who may write in their root, or in a volume that they share, exchanges
# what the runtime is about to use with a link to the host. Each attack is repeated; a container may fail or run, but
# nothing outside may change, and what runs is confined.

load helpers

rounds=${BERTH_ATTACK_ROUNDS:-25}
slowly=() # what the runtime is run by

# Runs the bundle $rounds times; collects what the containers said in $work/said. Neither all may fail nor all succeed
# without the race having been on.
race() {
	local i status ran=0 refused=0
	: >"$work/said"
	for i in $(seq "$rounds"); do
		status=0
		timeout 20 nsenter --target "$host" --mount -- "${slowly[@]}" "$BERTH_BUILD/berth-runtime" --root "$state" run \
			--bundle "$bundle" "$id" </dev/null >>"$work/said" 2>&1 || status=$?
		[ "$status" != 124 ]
		if [ "$status" = 0 ]; then ran=$((ran + 1)); else refused=$((refused + 1)); fi
		[ ! -e "$state/$id" ]
	done
	echo "ran $ran times, failed $refused times"
	sort "$work/said" | uniq -c | sort -rn | head -20
	stop_swapping
	[ $((ran + refused)) = "$rounds" ]
}

program() {
	configure --arg text "$1" '.process.args=["sh","-c",$text]'
}

# A volume of the host whose folder `a` is exchanged with a link to the canary.
swapped_volume() {
	mkdir -p "$work/volume/a" "$bundle/rootfs$work/canary"
	ln -s "$work/canary" "$work/volume/link"
	configure --arg volume "$work/volume" '.mounts += [{"destination":"/volume","source":$volume,"options":["rbind"]}]'
	mark
	swapping "$work/volume/a" "$work/volume/link"
}

@test "CVE-2021-30465: a mount's target in a shared volume is exchanged with a link to the host" {
	swapped_volume
	configure '.mounts += [{"destination":"/volume/a","type":"tmpfs","source":"tmpfs"},
		{"destination":"/volume/a/b/c","type":"tmpfs","source":"tmpfs"},
		{"destination":"/volume/a/etc","source":"/etc","options":["rbind","ro"]}]'
	program 'echo x >/volume/a/x; echo x >/volume/a/b/c/x; true'
	race
	check_canary
}

@test "CVE-2024-45310: folders and files that mounts need are not made in the host" {
	local i
	swapped_volume
	for i in 1 2 3 4 5 6; do
		configure --arg n "$i" '.mounts += [{"destination":("/volume/a/folder" + $n),"type":"tmpfs","source":"tmpfs"},
			{"destination":("/volume/a/deep/" + $n + "/er"),"type":"tmpfs","source":"tmpfs"},
			{"destination":("/volume/a/file" + $n),"source":"/etc/hostname","options":["bind"]}]'
	done
	program true
	race
	check_canary
}

@test "CVE-2015-1334 CVE-2019-19921: /proc is exchanged with a false one; no container runs unmasked" {
	mkdir -p "$bundle/rootfs/proc" "$bundle/rootfs/false/sys/kernel" "$bundle/rootfs/false/self/attr"
	touch "$bundle/rootfs/false/timer_list" "$bundle/rootfs/false/sysrq-trigger"
	swapping "$bundle/rootfs/proc" "$bundle/rootfs/false"
	cat /proc/sys/kernel/panic >"$work/panic"
	program 'for p in /proc /false; do
		cd $p && [ "$(stat -f -c %T .)" = proc ] || continue
		[ "$(stat -c %t:%T timer_list)" = 1:3 ] || echo "ATTACK: unmasked"
		(echo 77 >sys/kernel/panic) 2>/dev/null && echo "ATTACK: writable"
		echo looked
	done; true'
	race
	diff "$work/panic" /proc/sys/kernel/panic || { cat "$work/panic" >/proc/sys/kernel/panic; false; }
	run ! grep ATTACK "$work/said"
	grep looked "$work/said"
	check_canary
}

@test "CVE-2023-27561 CVE-2025-54867: /proc and /sys are exchanged with links" {
	mkdir -p "$bundle/rootfs/proc" "$bundle/rootfs/sys" "$bundle/rootfs/inside" "$bundle/rootfs$work/canary"
	ln -s "$work/canary" "$bundle/rootfs/proc-link"
	ln -s /inside "$bundle/rootfs/sys-link"
	swapping "$bundle/rootfs/proc" "$bundle/rootfs/proc-link"
	swapping "$bundle/rootfs/sys" "$bundle/rootfs/sys-link"
	program 'for p in /proc /proc-link; do
		cd $p/ && [ "$(stat -f -c %T .)" = proc ] || continue
		[ "$(stat -c %t:%T timer_list)" = 1:3 ] || echo "ATTACK: unmasked"
	done
	for p in /sys /sys-link /inside; do
		cd $p/fs/cgroup 2>/dev/null && [ "$(stat -c %d .)" != "$(stat -c %d /bin)" ] || continue
		mkdir made 2>/dev/null && echo "ATTACK: cgroups are writable"
	done; true'
	race
	run ! grep ATTACK "$work/said"
	check_canary
}

@test "CVE-2025-31133 CVE-2025-62161: /dev/null is exchanged with a link to core_pattern; nothing is exposed by masks" {
	without_dev
	mkdir -p "$bundle/rootfs/dev"
	mknod -m 666 "$bundle/rootfs/dev/null" c 1 3
	ln -s /proc/sys/kernel/core_pattern "$bundle/rootfs/dev/link"
	swapping "$bundle/rootfs/dev/null" "$bundle/rootfs/dev/link"
	cat /proc/sys/kernel/core_pattern >"$work/core_pattern"
	program 'echo "|/evil" >/proc/timer_list; [ "$(stat -c %t:%T /proc/timer_list)" = 1:3 ] || echo "ATTACK: not masked"; true'
	race
	diff "$work/core_pattern" /proc/sys/kernel/core_pattern ||
		{ cat "$work/core_pattern" >/proc/sys/kernel/core_pattern; false; }
	run ! grep ATTACK "$work/said"
}

@test "CVE-2025-52565 CVE-2026-88264: /dev/console and /dev/pts are exchanged with links while a terminal is made" {
	without_dev
	mkdir -p "$bundle/rootfs/dev/pts" "$bundle/rootfs$work/canary/pts"
	configure '.process.terminal=true | .mounts += [{"destination":"/dev/pts","type":"devpts","source":"devpts",
		"options":["newinstance","ptmxmode=0666"]}]'
	touch "$bundle/rootfs/dev/console"
	ln -s "$work/canary/file" "$bundle/rootfs/dev/console-link"
	ln -s "$work/canary/pts" "$bundle/rootfs/dev/pts-link"
	swapping "$bundle/rootfs/dev/console" "$bundle/rootfs/dev/console-link"
	swapping "$bundle/rootfs/dev/pts" "$bundle/rootfs/dev/pts-link"
	program 'echo evil >/dev/console; true'
	race
	check_canary
}

@test "CVE-2025-52881 CVE-2025-62596 CVE-2019-18837: what sysctl writes to is exchanged with a link to the host's files" {
	mkdir -p "$bundle/rootfs/proc"
	"$evil" proc-sys-link "$bundle/rootfs" "$work/canary"
	mv "$bundle/rootfs/proc" "$bundle/rootfs/false"
	mkdir "$bundle/rootfs/proc"
	configure '.linux.sysctl={"net.ipv4.ip_forward":"1","net.ipv4.ip_unprivileged_port_start":"7"}'
	mark
	swapping "$bundle/rootfs/proc" "$bundle/rootfs/false"
	# By ip's own view: the setting is made, whatever lies at /proc.
	program 'for p in /proc /false; do [ "$(stat -f -c %T $p)" = proc ] && echo "set $(cat $p/sys/net/ipv4/ip_forward)"; done; true'
	race
	run ! grep 'set 0' "$work/said"
	check_canary
}

@test "CVE-2026-41579 CVE-2026-47766: /dev is exchanged with a link while devices are made in it" {
	without_dev
	configure '.linux.devices=[{"type":"c","path":"/dev/node","major":1,"minor":3,"uid":1,"gid":1},
		{"type":"p","path":"/dev/pipe"}]'
	mkdir -p "$bundle/rootfs/dev" "$bundle/rootfs$work/canary"
	ln -s "$work/canary" "$bundle/rootfs/dev-link"
	swapping "$bundle/rootfs/dev" "$bundle/rootfs/dev-link"
	program true
	race
	check_canary
}

@test "CVE-2026-47766: in a user namespace, the files that devices are bound on are exchanged with links" {
	user_namespace
	without_dev
	mkdir -p "$bundle/rootfs/dev"
	touch "$bundle/rootfs/dev/null"
	ln -s "$work/canary/file" "$bundle/rootfs/dev/link"
	chown -hR 100000:100000 "$bundle/rootfs"
	swapping "$bundle/rootfs/dev/null" "$bundle/rootfs/dev/link"
	program 'echo x >/dev/null; true'
	race
	check_canary
}

@test "CVE-2015-1340: files that are copied and given away are exchanged with links" {
	mkdir -p "$bundle/rootfs/up/sub" "$bundle/rootfs/up/a" "$bundle/rootfs$work/canary"
	echo inside >"$bundle/rootfs/up/file"
	chown 1:1 "$bundle/rootfs/up/file"
	ln -s "$work/canary/file" "$bundle/rootfs/up/link"
	ln -s "$work/canary" "$bundle/rootfs/up/link-a"
	swapping "$bundle/rootfs/up/file" "$bundle/rootfs/up/link"
	swapping "$bundle/rootfs/up/a" "$bundle/rootfs/up/link-a"
	configure '.mounts += [{"destination":"/up","type":"tmpfs","source":"tmpfs","options":["tmpcopyup"]}]'
	program 'cat /up/file /up/link 2>/dev/null; ls /up/a /up/link-a 2>/dev/null; true'
	# The moment between look and open is short: it is made long, so that in every round there is a link at half of them.
	slowly=(strace -f -o /dev/null -e trace=openat -e inject=openat:delay_enter=2000)
	race
	run ! grep -E 'untouched' "$work/said"
	check_canary
}

@test "CVE-2026-55686 CVE-2024-21626: the working folder is exchanged with links" {
	mkdir -p "$bundle/rootfs/cwd/here" "$bundle/rootfs$work/canary"
	ln -s "$work/canary" "$bundle/rootfs/link"
	ln -s /proc/self/fd/7 "$bundle/rootfs/link-fd"
	configure '.process.cwd="/cwd/here/made"'
	swapping "$bundle/rootfs/cwd" "$bundle/rootfs/link"
	program 'pwd; ls -a ..; cat ../../../../../../../..'"$work/canary/file"' 2>/dev/null; true'
	race
	run ! grep -E 'untouched|unreachable' "$work/said"
	check_canary
}
