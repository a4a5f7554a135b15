#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Attacks by a running container on processes that are put into it, and by these on the host: exec is as strict as
# create.

load helpers

# A running container; its program is a script, or sleeps.
running() {
	configure --arg text "${1:-exec sleep 1000}" --arg canary "$work/canary/file" \
		'.process.args=["sh","-c",$text] | .process.env += ["CANARY=" + $canary]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >"$work/said" 2>&1 3>&- 4>&-
}

@test "CVE-2024-21626 CVE-2025-54867: the working folder of exec cannot be a descriptor" {
	local fd
	running
	ln -s /proc/self/fd/7 "$bundle/rootfs/cwd"
	mkdir "$bundle/rootfs/here"
	ln -s /here "$bundle/rootfs/inside"
	for fd in /proc/self/fd/{3..20} /proc/self/cwd /proc/1/root /proc/1/cwd /cwd; do
		run runtime exec --cwd "$fd" "$id" pwd </dev/null 7</ 8</etc 9<"$work"
		echo "$fd: $status $output"
		[ "$status" != 0 ]
		[[ "$output" == *cwd* ]]
	done
	run -0 runtime exec --cwd /inside "$id" pwd </dev/null
	[ "$output" = /here ]
}

@test "CVE-2016-8649 CVE-2024-21626: exec has no descriptor of the host" {
	running
	run nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" exec "$id" ls -l /proc/self/fd \
		</dev/null 7</ 8</etc 50</usr
	echo "$output"
	[ "$(grep -c '^l[rw-]' <<<"$output")" = 4 ] # the fourth is ls's own
	run ! grep -E -- '-> (/usr|/etc|/$|'"$work"')' <<<"$output"
}

# While the container watches, processes are put into it; $1: how many; further arguments go to exec.
watched() {
	local count=$1 made=0
	shift
	running "exec attacker watch 100"
	eventually grep -q watching "$work/said"
	while [ $made -lt "$count" ]; do
		HOST_SECRET=secret runtime exec "$@" "$id" true </dev/null >/dev/null 2>&1
		made=$((made + 1))
	done
	touch "$bundle/rootfs/tmp/enough"
	eventually grep -q 'at the runtime' "$work/said"
	sort "$work/said" | uniq -c | sort -rn | cut -c1-200 | head -30
	grep -q '[1-9][0-9]* looks' "$work/said"
}

@test "CVE-2016-9962: a container that looks into every new process sees nothing of the runtime" {
	watched 40
	run ! grep -E 'ATTACK|descriptor' "$work/said"
}

@test "CVE-2016-9962: nor does one that may trace, in a user namespace" {
	user_namespace
	capabilities CAP_SYS_PTRACE CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH
	watched 40
	run ! grep -E 'ATTACK: (the host|the env)' "$work/said"
}

@test "CVE-2016-9962: to one that may trace all processes of the host's users, exec shows nothing of the host" {
	capabilities CAP_SYS_PTRACE CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH
	watched 40
	run ! grep -E 'ATTACK: (the host|the env)' "$work/said"
	grep '^descriptor' "$work/said" | sort -u >"$work/descriptors"
	run ! grep -vE '^descriptor (/dev/null|pipe:|socket:|/dev/pts/|anon_inode:|/$|.*/said$)' "$work/descriptors"
}

@test "CVE-2019-5736: exec does not lend the runtime's program to the container" {
	local sum
	cp "$BERTH_BUILD/berth-runtime" "$work/berth-runtime"
	sum=$(sha256sum "$work/berth-runtime")
	evil_root self-exe
	capabilities CAP_DAC_OVERRIDE CAP_SYS_PTRACE CAP_SYS_ADMIN
	running "exec attacker exe 100"
	eventually grep -q trying "$work/said"
	for _ in $(seq 20); do
		nsenter --target "$host" --mount -- "$work/berth-runtime" --root "$state" exec "$id" /bin/evil --version </dev/null \
			>/dev/null 2>&1 || true
		nsenter --target "$host" --mount -- "$work/berth-runtime" --root "$state" exec "$id" true </dev/null
	done
	touch "$bundle/rootfs/tmp/enough"
	eventually grep -q rounds "$work/said"
	cat "$work/said"
	run ! grep ATTACK "$work/said"
	[ "$sum" = "$(sha256sum "$work/berth-runtime")" ]
}

sets() {
	runtime exec "$@" "$id" grep ^Cap /proc/self/status </dev/null
}

@test "CVE-2025-27612 CVE-2022-29162: exec has the container's capabilities, --cap makes none inheritable" {
	local own
	capabilities CAP_KILL CAP_NET_BIND_SERVICE
	configure '.process.capabilities |= del(.inheritable, .ambient)'
	running
	own=$(grep ^Cap "/proc/$(pid_of)/status")
	[ "$(sets --cwd /)" = "$own" ]
	run -0 sets --cap CAP_NET_RAW
	[[ "$output" == *"CapInh:	0000000000000000"* ]]
	[[ "$output" == *"CapAmb:	0000000000000000"* ]]
	[[ "$output" == *"CapEff:	0000000000002420"* ]]
	# What the caller has in its own inheritable and ambient sets does not come along.
	run -0 nsenter --target "$host" --mount -- setpriv --inh-caps +chown,+sys_admin --ambient-caps +chown -- \
		"$BERTH_BUILD/berth-runtime" --root "$state" exec "$id" grep ^Cap /proc/self/status
	[ "$output" = "$own" ]
	# Another user has no effective ones.
	run -0 sets --user 1000
	[[ "$output" == *"CapEff:	0000000000000000"* ]]
	[[ "$output" == *"CapPrm:	0000000000000000"* ]]
}

@test "CVE-2026-30892 CVE-2016-3697 CVE-2024-40635: --user is a number or an error" {
	local user
	printf '%s:x:0:0::/:/bin/sh\n' user 1000 2147483648 >"$bundle/rootfs/etc/passwd"
	running
	for user in "" : 1: 1:x :1 x 4294967295 4294967296 -1 +1 0x0 00 01 1.5 "1 " " 1" user root 1:4294967295 1:-1 1:1:1 \
		99999999999999999999 $'1\n' 1e3; do
		run runtime exec --user "$user" "$id" id </dev/null
		echo "$user: $status $output"
		[ "$status" = 255 ]
		[[ "$output" == *"--user"* ]]
	done
	for user in 1 1000 65536 2147483648 4294967294; do
		run -0 runtime exec --user "$user:$user" "$id" grep '^[UG]id:' /proc/self/status </dev/null
		[ "$(xargs <<<"$output")" = "Uid: $user $user $user $user Gid: $user $user $user $user" ]
	done
	for user in -1 x 4294967295 00 ""; do
		run runtime exec --additional-gids "$user" "$id" id </dev/null
		[ "$status" = 255 ]
	done
}

@test "CVE-2022-36109 CVE-2022-2995: exec has the groups that it is given, and none of the caller's" {
	configure '.process.user={"uid":1,"gid":2,"additionalGids":[2,77]}'
	running
	run -0 nsenter --target "$host" --mount -- setpriv --groups 0,4,4321 -- "$BERTH_BUILD/berth-runtime" --root "$state" \
		exec "$id" grep ^Groups: /proc/self/status
	[ "$(cut -d: -f2 <<<"$output" | xargs)" = "2 77" ]
	run -0 nsenter --target "$host" --mount -- setpriv --groups 0,4,4321 -- "$BERTH_BUILD/berth-runtime" --root "$state" \
		exec --user 5:6 -g 8 "$id" grep ^Groups: /proc/self/status
	[ "$(cut -d: -f2 <<<"$output" | xargs)" = 8 ]
}

@test "CVE-2021-21334 CVE-2026-57231: the caller's environment does not reach exec" {
	running
	HOST_SECRET=secret run -0 runtime exec --env A=1 "$id" env </dev/null
	[[ "$output" != *secret* ]]
	[[ "$output" == *A=1* ]]
	for text in HOST_SECRET =x ''; do
		HOST_SECRET=secret run runtime exec --env "$text" "$id" env </dev/null
		[[ "$output" != *secret* ]]
		[ "$status" = 255 ]
	done
	# The next one has not what that one had.
	run -0 runtime exec "$id" env </dev/null
	[[ "$output" != *A=1* ]]
}

@test "CVE-2016-10124 CVE-2017-5226: exec without a terminal of its own cannot type into the caller's" {
	if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)" = 0 ]; then
		skip "this kernel has no TIOCSTI (dev.tty.legacy_tiocsti is 0)"
	fi
	running
	run command script -qec "nsenter --target $host --mount -- $BERTH_BUILD/berth-runtime --root $state exec $id attacker tty" /dev/null
	echo "$output"
	[[ "$output" == *"/proc/self/fd/0: "* ]]
	[[ "$output" != *ATTACK* ]]
	# With -t it is one of the container's own.
	run command script -qec "nsenter --target $host --mount -- $BERTH_BUILD/berth-runtime --root $state exec -t $id readlink /proc/self/fd/0" /dev/null
	[[ "$output" == *"/dev/pts/"* ]]
}

@test "CVE-2025-52565 CVE-2026-88264: exec's terminal is made by the container's devpts, whatever lies there now" {
	without_dev
	mkdir -p "$bundle/rootfs/dev/pts"
	configure '.mounts += [{"destination":"/dev/pts","type":"devpts","source":"devpts","options":["newinstance","ptmxmode=0666"]}]'
	running
	rm -f "$bundle/rootfs/dev/console" "$bundle/rootfs/dev/ptmx"
	ln -s "$work/canary/file" "$bundle/rootfs/dev/console"
	ln -s "$work/canary/file" "$bundle/rootfs/dev/ptmx"
	mkdir -p "$bundle/rootfs$work/canary"
	mark
	command script -qec "nsenter --target $host --mount -- $BERTH_BUILD/berth-runtime --root $state exec -t $id tty" /dev/null || true
	check_canary
	mv "$bundle/rootfs/dev/pts" "$bundle/rootfs/dev/old"
	"$evil" dev-pts-fake "$bundle/rootfs" "$work/canary" || true
	mark
	run command script -qec "nsenter --target $host --mount -- $BERTH_BUILD/berth-runtime --root $state exec -t $id tty" /dev/null
	[ "$status" != 0 ]
	check_canary
}

@test "CVE-2026-88265: exec's streams and its program's search follow links inside the root only" {
	running
	rm -rf "$bundle/rootfs/sbin"
	mkdir -p "$work/canary/bin"
	printf '#!/bin/sh\necho ATTACK\n' >"$work/canary/bin/tool"
	chmod 755 "$work/canary/bin/tool"
	ln -s "$work/canary/bin" "$bundle/rootfs/sbin"
	ln -s "$work/canary/bin/tool" "$bundle/rootfs/bin/tool"
	mark
	for name in tool /sbin/tool /bin/tool /proc/1/root/bin/tool; do
		run runtime exec "$id" $name </dev/null
		echo "$output"
		[ "$status" != 0 ]
		[[ "$output" != *ATTACK* ]]
	done
	check_canary
}

@test "CVE-2025-62596 CVE-2019-16884: a /proc that the container has covered misleads no exec" {
	capabilities CAP_SYS_ADMIN CAP_DAC_OVERRIDE
	"$evil" proc-fake "$bundle/rootfs" "$work/canary"
	mv "$bundle/rootfs/proc" "$bundle/rootfs/false"
	mkdir "$bundle/rootfs/proc"
	mkdir -p "$bundle/rootfs/false/self/attr"
	mark
	running 'mount -o bind /false /proc; echo covered; exec sleep 1000'
	eventually grep -q covered "$work/said"
	run -0 runtime exec "$id" sh -c 'ls /proc; id -u' </dev/null
	[ "${lines[-1]}" = 0 ]
	runtime exec --cwd /proc/self "$id" true </dev/null
	check_canary
}

@test "CVE-2025-47291: exec is under the container's limits, and no --cgroup leads out of them" {
	local path
	configure '.linux.resources.pids={"limit":19}'
	running
	run -0 runtime exec "$id" sh -c 'cat /proc/self/cgroup' </dev/null
	runtime exec --detach --pid-file "$work/pid" "$id" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
	grep -qx "$(cat "$work/pid")" "$(group pids)/cgroup.procs"
	for path in .. ../.. ../../../.. /.. pids:.. pids:../.. a/../../..; do
		run runtime exec --cgroup "$path" "$id" true </dev/null
		echo "$path: $output"
		[ "$status" != 0 ]
	done
}

@test "CVE-2022-0185: exec is under the container's filter" {
	default_seccomp
	configure 'del(.process.noNewPrivileges)'
	running
	run -0 runtime exec "$id" attacker calls unshare-user fsopen bpf keyctl clone3 getpid </dev/null
	[ "$output" = "unshare-user EPERM
fsopen EPERM
bpf EPERM
keyctl EPERM
clone3 ENOSYS
getpid worked" ]
	run -0 runtime exec --cap CAP_SYS_ADMIN "$id" attacker calls unshare-user fsopen </dev/null
	[ "$output" = "unshare-user EPERM
fsopen EPERM" ]
	[ "$(runtime exec "$id" grep ^Seccomp: /proc/self/status </dev/null | xargs)" = "Seccomp: 2" ]
}

@test "CVE-2025-4437: no file of the container is read whole by exec" {
	evil_root etc-passwd-huge
	running
	configure 'del(.process.env)'
	run timeout 20 nsenter --target "$host" --mount -- /usr/bin/time -f '%M' -o "$work/peak" "$BERTH_BUILD/berth-runtime" \
		--root "$state" exec --user 1000 "$id" true </dev/null
	[ "$status" = 0 ]
	[ "$(tail -n 1 "$work/peak")" -lt 16384 ]
}

@test "CVE-2021-43784: exec's fields of 64 KiB and more fail cleanly" {
	local length
	running
	for length in 65535 65536 131000; do
		head -c $length /dev/zero | tr '\0' a >"$work/long"
		run timeout 20 nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" exec \
			--cwd "/$(cat "$work/long")" "$id" true </dev/null
		[ "$status" = 255 ]
		run timeout 20 nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" exec \
			--env "A=$(cat "$work/long")" "$id" sh -c 'echo ${#A}' </dev/null
		[ "$output" = $length ]
	done
	jq --rawfile long "$work/long" '.process | .args=["true"] | .cwd="/" + $long' "$bundle/config.json" >"$work/process.json"
	run runtime exec --process "$work/process.json" "$id" </dev/null
	[ "$status" = 255 ]
}

@test "CVE-2019-19921: what protects /proc and /sys is not taken off through a link of the container's" {
	local path
	running 'ln -s /proc /a; ln -s /proc/sys /b; ln -s / /c; ln -s /sys /d; ln -s /proc/self/root /e; echo linked; exec sleep 1000'
	eventually grep -q linked "$work/said"
	cp /proc/sys/kernel/panic "$work/panic"
	for path in /a/sys /a/timer_list /c/proc /c/proc/sys /d/fs/cgroup /d/firmware /e/proc /e/proc/sys /proc/sys /proc \
		/proc/../proc/sys /../proc/sys /a /b /d; do
		jq -n --arg path "$path" '{destination:$path}' >"$work/mount.json"
		run runtime mounts remove "$id" "$work/mount.json"
		echo "$path: $status $output"
		[ "$status" = 1 ]
	done
	run runtime exec "$id" sh -c 'echo 77 >/proc/sys/kernel/panic; stat -c %t:%T /proc/timer_list' </dev/null
	[[ "$output" == *Read-only*1:3 ]]
	diff "$work/panic" /proc/sys/kernel/panic
}

@test "CVE-2021-30465 CVE-2024-45310: mounts in a running container stay inside, whatever it exchanges meanwhile" {
	local i added=0
	mkdir -p "$bundle/rootfs/a" "$bundle/rootfs$work/canary" "$work/source"
	ln -s "$work/canary" "$bundle/rootfs/link"
	ln -s /proc "$bundle/rootfs/link-proc"
	mark
	running 'attacker swap /a /link & attacker swap /link /link-proc'
	for i in $(seq "${BERTH_ATTACK_ROUNDS:-30}"); do
		jq -n --arg i "$i" --arg source "$work/source" '[{destination:("/a/deep/" + $i),type:"tmpfs",source:"tmpfs"},
			{destination:("/a/bound" + $i),source:$source,options:["bind"]}]' >"$work/mount.json"
		runtime mounts add "$id" "$work/mount.json" && added=$((added + 1))
		runtime mounts remove "$id" "$work/mount.json" || true
	done
	echo "$added of $i were added"
	runtime delete --force "$id"
	check_canary
}
