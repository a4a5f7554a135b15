#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hostile root file systems: whatever the runtime looks for in the root, what it finds there leads to the host.

load helpers

# All that a runtime may touch in a root is asked for: mounts, a file to be bound, devices, a working folder, sysctl,
# and a program that writes wherever the links might lead.
ask_for_everything() {
	local text='for p in /target /target/sub /target/new /target/up /cwd . /dev /etc /sys /proc /proc/self/root; do
		echo evil >$p/evil; echo evil >$p/file; rm -rf $p/sub/*; done 2>/dev/null'
	configure --arg source "$work/source" --arg text "$text" '.process.cwd="/cwd/made" |
		.linux.devices=[{"type":"c","path":"/dev/node","major":1,"minor":3,"uid":1,"gid":1},
			{"type":"p","path":"/dev/deep/pipe"},{"type":"c","path":"/etc/node","major":1,"minor":5}] |
		.linux.sysctl={"net.ipv4.ip_forward":"1"} |
		.mounts += [{"destination":"/target/sub","type":"tmpfs","source":"tmpfs"},
			{"destination":"/target/new/file","source":$source,"options":["bind","ro"]},
			{"destination":"/etc/hosts","source":$source,"options":["bind"]},
			{"destination":"/etc/mtab","source":$source,"options":["bind"]},
			{"destination":"/target/up","type":"tmpfs","source":"tmpfs","options":["tmpcopyup"]}] |
		.process.args=["sh","-c",$text]'
	echo source >"$work/source"
}

everything() {
	local kind only=${1:-.}
	ask_for_everything
	for kind in $("$evil" --list); do
		[[ $kind =~ $only ]] || continue
		evil_root "$kind"
		[ -z "${mapped:-}" ] || chown -hR 100000:100000 "$bundle/rootfs"
		mark
		echo "kind $kind"
		attack
		check_canary
		[ ! -e "$state/$id" ]
	done
}

@test "the fixtures lead out: a runtime that goes by path would change the canary" {
	local kind path naive=0
	for kind in $("$evil" --list); do
		evil_root "$kind"
		# Only those whose links all lead to the canary: others would lead this test to the host itself.
		if find "$bundle/rootfs" -path "$bundle/rootfs/bin" -prune -o -type l ! -lname "*$work/canary*" -print | grep -q .; then
			continue
		fi
		for path in proc sys dev etc cwd target run dev/shm dev/mqueue dev/pts target/file cwd/file dev/null dev/node \
			dev/console dev/ptmx dev/fd etc/passwd etc/hosts etc/mtab proc/sys/net/ipv4/ip_forward \
			proc/self/attr/exec .krun_config.json; do
			[ -p "$bundle/rootfs/$path" ] || [ -c "$bundle/rootfs/$path" ] ||
				{ echo naive >"$bundle/rootfs/$path"; } 2>/dev/null || mkdir "$bundle/rootfs/$path/made" 2>/dev/null || true
		done
		check_canary >/dev/null || naive=$((naive + 1))
		rm -rf "$work/canary"
		mkdir -p "$work/canary/sub"
		echo untouched >"$work/canary/file"
		mark
	done
	echo "$naive kinds lead out"
	[ "$naive" -ge 25 ]
}

@test "every hostile root: nothing outside changes" {
	everything
}

@test "every hostile root: nothing outside changes without a mount on /dev" {
	without_dev
	everything
}

@test "every hostile root: nothing outside changes with a terminal and without a mount on /dev" {
	without_dev
	configure '.process.terminal=true'
	everything 'dev|etc|self|target'
}

@test "every hostile root: nothing outside changes without a mount on /proc and /sys" {
	configure 'del(.mounts[] | select(.destination | startswith("/proc") or startswith("/sys")))'
	everything 'proc|sys|target|dev'
}

@test "every hostile root: nothing outside changes in a user namespace" {
	user_namespace
	mapped=1
	chmod 755 "$work/canary"
	without_dev
	everything
}

@test "every hostile root: nothing outside changes with --no-pivot and a read-only root" {
	configure '.root.readonly=true'
	without_dev
	everything 'dev|proc|target|cwd'
}

@test "CVE-2015-3629 CVE-2015-1335: mount targets that became links between two containers resolve inside the root" {
	configure '.mounts += [{"destination":"/file","source":"/etc/hostname","options":["bind"]},
		{"destination":"/data","type":"tmpfs","source":"tmpfs"},
		{"destination":"/deep/er","type":"tmpfs","source":"tmpfs"}]'
	attack_with 'echo first'
	[ "$output" = first ]
	[ -d "$bundle/rootfs/data" ]
	rm -rf "$bundle/rootfs/data" "$bundle/rootfs/deep" "$bundle/rootfs/file"
	ln -s "$work/canary" "$bundle/rootfs/data"
	ln -s "../../../../../../../..$work/canary" "$bundle/rootfs/deep"
	ln -s "$work/canary/file" "$bundle/rootfs/file"
	mkdir -p "$bundle/rootfs$work/canary"
	echo inside >"$bundle/rootfs$work/canary/file"
	mark
	attack_with 'echo x >/data/x; echo x >/deep/er/x; grep -c . /proc/mounts; ls "$CANARY"'
	[ "$status" = 0 ]
	# What was mounted lies inside, where the links lead from the root's own "/".
	[[ "$output" == *er* ]]
	check_canary
}

@test "CVE-2015-3631: nothing but procfs is mounted on /proc or beneath it" {
	local target
	mkdir "$work/volume"
	for target in /proc /proc/self /proc/self/attr /proc/sys /proc/sys/kernel /proc/x /proc//self/../1 /./proc /proc/kcore; do
		for mount in '"type":"tmpfs","source":"tmpfs"' '"source":"'"$work/volume"'","options":["rbind"]'; do
			configure --argjson mount "{\"destination\":\"$target\",$mount}" \
				'.mounts = (.mounts | map(select(.source != $mount.source or .destination == "/dev"))) + [$mount]'
			attack_with true
			[ "$status" = 1 ]
			[[ "$output" == *"nothing but proc may be mounted there"* ]]
		done
	done
}

@test "CVE-2015-3631: what lxcfs provides may be mounted in /proc" {
	echo 17 >"$work/uptime"
	configure --arg source "$work/uptime" '.mounts += [{"destination":"/proc/uptime","source":$source,"options":["bind"]}]'
	attack_with 'cat /proc/uptime'
	[ "$output" = 17 ]
}

@test "CVE-2019-19921 CVE-2023-27561: links in the root that lead a mount into /proc are refused" {
	local kind
	configure '.mounts += [{"destination":"/target/attr","type":"tmpfs","source":"tmpfs"}]'
	for kind in target-link-proc target-link-proc-self; do
		evil_root $kind
		[ $kind = target-link-proc-self ] || configure '.mounts[-1].destination="/target"'
		attack_with true
		[ "$status" = 1 ]
		[[ "$output" == *"/proc"* || "$output" == *symbolic* ]]
		configure '.mounts[-1].destination="/target/attr"'
	done
}

@test "CVE-2023-27561 CVE-2025-54867: a link or a file in place of /proc or /sys is refused" {
	local kind
	for kind in proc-link proc-link-inside proc-file proc-fifo; do
		evil_root $kind
		attack_with true
		[ "$status" = 1 ]
		[[ "$output" == *"/proc in the root is no folder"* ]]
	done
	for kind in sys-link sys-link-inside; do
		evil_root $kind
		attack_with true
		[ "$status" = 1 ]
		[[ "$output" == *"/sys in the root is no folder"* ]]
	done
}

@test "CVE-2019-16884 CVE-2019-19921: over a root with a false /proc lies the kernel's, masked" {
	evil_root proc-fake
	attack_with 'stat -f -c %T /proc; stat -c %t:%T /proc/timer_list; echo 1 >/proc/sys/kernel/panic; ls -l /proc/self/attr/exec'
	[ "$status" = 0 ]
	[ "${lines[0]}" = proc ]
	[ "${lines[1]}" = 1:3 ]
	[[ "$output" == *"Read-only file system"* ]]
	[[ "$output" != *"->"* ]]
	check_canary
}

@test "CVE-2019-18837 CVE-2025-52881: sysctl is written to the kernel's procfs, whatever the root has in its place" {
	configure '.linux.sysctl={"net.ipv4.ip_forward":"1"}'
	evil_root proc-sys-link
	attack_with 'cat /proc/sys/net/ipv4/ip_forward'
	[ "$output" = 1 ]
	check_canary
	# Without a procfs in the container, what is there is the root's; the setting is made all the same.
	configure 'del(.mounts[] | select(.destination=="/proc")) | .linux.maskedPaths=[] | .linux.readonlyPaths=[]'
	attack_with 'readlink /proc/sys/net/ipv4/ip_forward'
	[ "$output" = "$work/canary/file" ]
	check_canary
}

@test "CVE-2025-31133: a /dev/null that leads elsewhere masks nothing, and no container runs unmasked" {
	local kind
	without_dev
	for kind in dev-null-link dev-null-core-pattern dev-null-file dev-null-fifo dev-null-zero dev-null-hardlink; do
		evil_root $kind
		attack_with 'echo ran; cat /proc/kcore'
		[ "$status" = 1 ]
		[[ "$output" == *"/dev/null"* ]]
		[[ "$output" != *ran* ]]
		check_canary
	done
}

@test "CVE-2025-31133: a bind mounted /dev whose null is something else masks nothing with it" {
	mkdir "$work/dev"
	ln -s /proc/sys/kernel/core_pattern "$work/dev/null"
	configure --arg dev "$work/dev" '.mounts |= map(if .destination=="/dev" then
		{"destination":"/dev","type":"bind","source":$dev,"options":["rbind"]} else . end)'
	attack_with 'echo ran'
	[ "$status" = 1 ]
	[[ "$output" == *"/dev/null in the root is not the null device"* ]]
	rm "$work/dev/null"
	echo secret >"$work/dev/null"
	attack_with 'echo ran'
	[ "$status" = 1 ]
	[ "$(cat "$work/dev/null")" = secret ]
}

@test "CVE-2026-88265: standard streams are not taken from a link in place of /dev/null, whose owner stays" {
	without_dev
	configure '.linux.maskedPaths=[]'
	evil_root dev-null-link
	configure '.process.user={"uid":1000,"gid":1000}'
	run timeout 20 nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" run \
		--bundle "$bundle" "$id" </dev/null >/dev/null 2>/dev/null
	check_canary
}

@test "CVE-2025-52565 CVE-2026-88264: a link in place of /dev/console or a terminal is not followed" {
	local kind ro
	configure '.process.terminal=true | .mounts |= map(select(.destination != "/dev"))'
	for ro in false true; do
		for kind in dev-console-link dev-console-new dev-console-folder; do
			configure ".root.readonly=$ro"
			evil_root $kind
			mkdir -p "$bundle/rootfs/dev/pts" "$bundle/rootfs/dev/shm" "$bundle/rootfs/dev/mqueue"
			attack_with 'echo ran'
			[ "$status" = 1 ]
			[[ "$output" == *"/dev/console in the root is a link or a folder"* ]]
			check_canary
		done
	done
}

@test "CVE-2025-52565: terminals come from a devpts, not from what the root calls so" {
	without_dev
	configure '.process.terminal=true'
	evil_root dev-pts-fake
	attack_with 'echo ran'
	[ "$status" = 1 ]
	[[ "$output" == *"the ptmx is not devpts's own"* ]]
	check_canary
}

@test "CVE-2026-41579 CVE-2026-47766: devices and links are not made through a link in place of /dev" {
	local kind
	without_dev
	configure '.linux.devices=[{"type":"c","path":"/dev/node","major":1,"minor":3}]'
	for kind in dev-link dev-link-up; do
		evil_root $kind
		attack_with 'echo ran'
		check_canary
	done
	evil_root dev-node-link
	attack_with true
	[ "$status" = 1 ]
	[[ "$output" == *"device /dev/node: the root has something else of that name"* ]]
	check_canary
}

@test "CVE-2026-47766: devices that a user namespace has bound are not bound through links" {
	user_namespace
	without_dev
	evil_root dev-null-link
	chown -h 100000:100000 "$bundle/rootfs/dev" "$bundle/rootfs"
	attack_with 'echo ran >/dev/null'
	check_canary
}

@test "CVE-2026-41579: a link that leads /dev into a volume makes no devices there" {
	mkdir "$work/volume"
	echo mine >"$work/volume/ptmx"
	evil_root target-link-dev
	mkdir "$bundle/rootfs/dev"
	without_dev
	configure --arg volume "$work/volume" '.mounts += [{"destination":"/target","source":$volume,"options":["bind"]}] |
		.linux.devices=[{"type":"b","path":"/dev/disk","major":8,"minor":0}]'
	attack_with 'echo ran'
	[ "$status" = 1 ]
	[[ "$output" == *"/dev in the root leads into what is mounted on /target"* ]]
	[ "$(ls "$work/volume")" = ptmx ]
	[ "$(cat "$work/volume/ptmx")" = mine ]
}

@test "CVE-2025-24965 CVE-2024-5154: nothing is written into the root but what the document asks for" {
	evil_root files-link etc-files-link
	attack_with true
	[ "$status" = 0 ]
	check_canary
	# A root that has the mounts' targets already stays as it is.
	(cd "$bundle/rootfs" && find . -printf '%p %y %m %U:%G %s %T@ %l\n' | sort) >"$work/root.before"
	attack_with true
	(cd "$bundle/rootfs" && find . -printf '%p %y %m %U:%G %s %T@ %l\n' | sort) | diff "$work/root.before" -
}

@test "CVE-2026-55686: a working folder through a link is made and entered inside the root" {
	local kind
	for kind in cwd-link cwd-link-up; do
		evil_root $kind
		configure '.process.cwd="/cwd/made" | .process.user={"uid":1000,"gid":1000}'
		attack_with 'pwd; readlink /proc/self/cwd'
		[ "$status" = 0 ]
		[ -d "$bundle/rootfs$work/canary/made" ]
		check_canary
	done
}

@test "CVE-2025-4437 CVE-2026-47262 CVE-2024-9676: a passwd of any size or kind costs nothing" {
	local kind
	for kind in etc-passwd-huge etc-passwd-fifo etc-passwd-zero etc-files-link; do
		evil_root $kind
		configure 'del(.process.env[] | select(startswith("HOME="))) | .process.user={"uid":1000,"gid":1000}'
		configure --arg text 'echo $HOME' '.process.args=["sh","-c",$text]'
		run timeout 20 nsenter --target "$host" --mount -- /usr/bin/time -f 'peak %M' -o "$work/peak" \
			"$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" </dev/null
		echo "$kind: $output $(cat "$work/peak")"
		[ "$status" = 0 ]
		[ "$output" = / ]
		[ "$(awk '/^peak/{print $2}' "$work/peak")" -lt 16384 ]
	done
	# With a home given the file is not even opened.
	configure '.process.env += ["HOME=/x"]'
	nsenter --target "$host" --mount -- strace -f -e trace=open,openat,openat2 -o "$work/trace" \
		"$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" </dev/null
	[ -s "$work/trace" ]
	run ! grep -E '/passwd|/group"' "$work/trace"
}

@test "CVE-2019-14271 CVE-2026-41567 CVE-2022-1227: nothing of the root is executed or loaded by the runtime" {
	evil_root programs libraries
	configure '.process.args=["true"]'
	nsenter --target "$host" --mount -- strace -f -e trace=execve,execveat,openat,open,openat2,mmap -o "$work/trace" \
		"$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" </dev/null
	# The runtime, itself again from its read-only mount, and the container's program.
	grep -oE 'execve(at)?\([^,]*, [^,]*' "$work/trace" >"$work/executed"
	cat "$work/executed"
	[ "$(wc -l <"$work/executed")" -le 3 ]
	[[ "$(tail -n 1 "$work/executed")" == 'execve("/bin/true"'* ]]
	run ! grep -E 'libnss|nsswitch|ld\.so\.preload|\.so\.[0-9]' "$work/trace"
	check_canary
}

@test "CVE-2019-12439 CVE-2020-27534: nothing is made on the host but in the state folder" {
	configure '.process.args=["true"]'
	nsenter --target "$host" --mount -- strace -f -e trace=open,openat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat \
		-o "$work/trace" "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" </dev/null
	grep -E 'O_CREAT|mkdir|mknod|symlink' "$work/trace" | grep -o '"/[^"]*"' | sort -u >"$work/made"
	cat "$work/made"
	run ! grep -vE "^\"($state|/proc/self/fd(/[012])?\"$)" "$work/made"
	[ -s "$work/trace" ]
}

@test "CVE-2024-42472: a bind mount's source is looked up once" {
	not_as old-5.1 "open_tree() is seen to fail before the one look-up"
	mkdir "$work/source-folder"
	configure --arg source "$work/source-folder" '.process.args=["true"] |
		.mounts += [{"destination":"/target","source":$source,"options":["rbind","ro"]}]'
	nsenter --target "$host" --mount -- strace -f -o "$work/trace" \
		"$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" </dev/null
	grep '"[^"]*source-folder"' "$work/trace"
	[ "$(grep -c '"[^"]*source-folder"' "$work/trace")" = 1 ]
	grep -q 'open_tree(.*source-folder' "$work/trace"
}

@test "CVE-2024-1753: a bind mount's source that is a link is the configuration's, a target that is one is the root's" {
	evil_root target-link
	configure --arg source "$work/canary" '.mounts += [{"destination":"/target","source":$source,"options":["bind","ro"]}]'
	chmod 644 "$work/canary/file"
	mark
	attack_with 'cat /target/file; echo x >/target/file'
	[[ "$output" == *untouched*"Read-only"* ]]
	check_canary
}
