#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Roots and programs that attack the runtime: nothing outside the root may be written, mounted on, or left open.

load helpers

# A folder of the host that must stay as it is.
canary() {
	mkdir -p "$work/canary/sub"
	echo untouched >"$work/canary/file"
	chmod 600 "$work/canary/file"
	(cd "$work/canary" && find . -printf '%p %m %u %y %l\n' | sort) >"$work/canary.before"
}

check_canary() {
	diff "$work/canary.before" <(cd "$work/canary" && find . -printf '%p %m %u %y %l\n' | sort)
	[ "$(cat "$work/canary/file")" = untouched ]
}

@test "links in place of folders of the root lead nowhere outside" {
	canary
	local name
	for name in proc dev sys etc dev/pts dev/shm; do
		rm -rf "$bundle/rootfs"
		make_bundle_root
		mkdir -p "$bundle/rootfs/$name"
		rmdir "$bundle/rootfs/$name"
		ln -s "$work/canary" "$bundle/rootfs/$name"
		configure '.process.args=["true"] | .linux.devices=[{"type":"c","path":"/etc/node","major":1,"minor":3}] |
			.mounts |= (map(select(.destination != "/etc/new")) +
			[{"destination":"/etc/new","type":"tmpfs","source":"tmpfs"}])'
		run runtime run --bundle "$bundle" "$id"
		echo "$name: $status $output"
		check_canary
	done
}

make_bundle_root() {
	mkdir -p "$bundle/rootfs/bin" "$bundle/rootfs/tmp"
	cp /bin/busybox "$bundle/rootfs/bin/busybox"
	ln -s busybox "$bundle/rootfs/bin/true"
	ln -s busybox "$bundle/rootfs/bin/sh"
}

@test "without a mount on /dev, a link there is not left through by devices, links or the console" {
	canary
	for terminal in false true; do
		rm -rf "$bundle/rootfs/dev"
		ln -s "$work/canary" "$bundle/rootfs/dev"
		configure --argjson terminal $terminal '.process.args=["true"] | .process.terminal=$terminal |
			del(.mounts[] | select(.destination | startswith("/dev")))'
		run runtime run --bundle "$bundle" "$id" </dev/null
		echo "$terminal: $status $output"
		check_canary
	done
}

@test "a link in place of /dev/null is refused, and its target keeps owner and content" {
	canary
	mkdir "$bundle/rootfs/dev"
	ln -s "$work/canary/file" "$bundle/rootfs/dev/null"
	configure 'del(.mounts[] | select(.destination | startswith("/dev")))'
	run -1 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *"/dev/null"* ]]
	check_canary
	rm "$bundle/rootfs/dev/null"
	echo file >"$bundle/rootfs/dev/null"
	run -1 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *"something else of that name"* ]]
}

@test "a bind mounted /dev whose null is something else masks nothing with it" {
	mkdir "$work/dev"
	echo secret >"$work/dev/null"
	configure --arg dev "$work/dev" '.mounts |= map(if .destination=="/dev" then
		{"destination":"/dev","type":"bind","source":$dev,"options":["rbind"]} else . end)'
	run -1 runtime run --bundle "$bundle" "$id" </dev/null
	[[ "$output" == *"/dev/null in the root is not the null device"* ]]
	[ "$(cat "$work/dev/null")" = secret ]
}

@test "a link in place of /dev/console is not followed" {
	canary
	mkdir "$bundle/rootfs/dev"
	ln -s "$work/canary/file" "$bundle/rootfs/dev/console"
	configure '.process.terminal=true | .process.args=["true"] | .mounts |= map(select(.destination != "/dev"))'
	run -1 runtime run --bundle "$bundle" "$id" </dev/null
	[[ "$output" == *"/dev/console in the root is a link or a folder"* ]]
	check_canary
}

@test "links as mount targets resolve inside the root" {
	canary
	ln -s "$work/canary" "$bundle/rootfs/abs"
	ln -s ../../../../../../.."$work/canary" "$bundle/rootfs/rel"
	ln -s "$work/canary/new" "$bundle/rootfs/file"
	configure '.mounts += [{"destination":"/abs/sub","type":"tmpfs","source":"tmpfs"},
		{"destination":"/rel/sub","type":"tmpfs","source":"tmpfs"},
		{"destination":"/file","type":"bind","source":"/etc/hostname","options":["bind","ro"]},
		{"destination":"/../../../up","type":"tmpfs","source":"tmpfs"}]'
	run script 'echo x >/abs/sub/x; echo y >/rel/sub/y; echo ran'
	echo "$status $output"
	check_canary
	[ ! -e /up ]
}

@test "a procfs or sysfs target that is a link is refused" {
	mkdir "$bundle/rootfs/other"
	for name in proc sys; do
		rm -rf "$bundle/rootfs/proc" "$bundle/rootfs/sys"
		ln -s other "$bundle/rootfs/$name"
		run -1 runtime run --bundle "$bundle" "$id"
		[[ "$output" == *"/$name in the root is no folder"* ]]
	done
}

@test "the working folder cannot be a descriptor of the runtime" {
	for fd in $(seq 3 20); do
		configure --arg cwd "/proc/self/fd/$fd" '.process.cwd=$cwd'
		run runtime run --bundle "$bundle" "$id"
		[ "$status" = 1 ]
		[[ "$output" == *process.cwd* ]]
	done
	canary
	ln -s "$work/canary" "$bundle/rootfs/cwd"
	configure '.process.cwd="/cwd/made"'
	run script pwd
	check_canary
}

@test "no descriptor but the standard streams reaches the program" {
	configure '.process.args=["sleep","1000"]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1 7</etc/passwd 8>"$work/open" 3>&- 4>&-
	[ "$(find "/proc/$(pid_of)/fd" -mindepth 1 -printf "%f ")" = "0 1 2 " ]
}

@test "--preserve-fds passes on what was asked for, and only what is open" {
	echo through >"$work/preserved"
	configure '.process.args=["sh","-c","cat <&3; exec ls /proc/self/fd"]'
	run -0 runtime run --preserve-fds 1 --bundle "$bundle" "$id" 3<"$work/preserved" 7</etc/passwd
	[ "${lines[0]}" = through ]
	[ "$(tail -n +2 <<<"$output" | xargs)" = "0 1 2 3 4" ] # 4 is ls's own
	run -1 runtime run --preserve-fds 90 --bundle "$bundle" "$id"
	[[ "$output" == *"is not open"* ]]
}

# The attack of CVE-2019-5736: a program that is the runtime itself, and its file opened for writing from inside.
@test "the runtime's own file cannot be written from inside through /proc/self/exe" {
	local sum
	sum=$(sha256sum "$BERTH_BUILD/berth-runtime")
	printf '#!/proc/self/exe\n' >"$bundle/rootfs/bin/evil"
	chmod 755 "$bundle/rootfs/bin/evil"
	configure '.process.args=["/bin/evil","--version"] | .process.capabilities |= map_values(["CAP_SYS_ADMIN","CAP_DAC_OVERRIDE","CAP_SYS_PTRACE"])'
	run runtime run --bundle "$bundle" "$id"
	echo "$status $output"
	[ "$sum" = "$(sha256sum "$BERTH_BUILD/berth-runtime")" ]
	# A created container's process still is the runtime; a privileged one of the same pid namespace tries to open it.
	configure '.process.args=["true"]'
	create
	local pid
	pid=$(pid_of)
	configure --arg path "/proc/$pid/ns/pid" '(.linux.namespaces[] | select(.type=="pid")).path=$path |
		.process.capabilities |= map_values(["CAP_SYS_ADMIN","CAP_DAC_OVERRIDE"])'
	local first=$id
	id=$id-b
	run script 'ls -l /proc/1/exe; ls /proc/1/fd; (echo x >>/proc/1/exe) && echo opened; mount -o remount,rw /proc/1/exe 2>/dev/null; echo end'
	id=$first
	echo "$output"
	[[ "$output" == *end* ]]
	[[ "$output" != *opened* ]]
	[ "$sum" = "$(sha256sum "$BERTH_BUILD/berth-runtime")" ]
}

@test "the waiting process lies on a read-only mount and is not dumpable" {
	create
	local pid
	pid=$(pid_of)
	run ! sh -c "echo x >>/proc/$pid/exe"
	[ "$(stat -c %u "/proc/$pid/mem")" = 0 ]
	user_namespace
	id=$id-b
	create
	# Owned by the host's root although the process is 100000: nobody inside may look into it.
	[ "$(stat -c %u "/proc/$(pid_of)/environ")" = 0 ]
	runtime delete --force "$id"
}

@test "what a container may not do" {
	run -0 script 'mknod /tmp/disk b 8 0 2>&1; mount -t tmpfs tmpfs /tmp 2>&1; hostname other 2>&1
		echo 1 >/proc/sys/kernel/panic 2>&1; echo b >/proc/sysrq-trigger 2>&1; chmod 600 /proc/1/mem 2>&1; ip link add d0 type dummy 2>&1; echo end'
	[ "${lines[-1]}" = end ]
	[ "$(grep -c "not permitted\|Read-only\|ermission denied\|nonexistent" <<<"$output")" -ge 5 ]
	[ ! -e "$bundle/rootfs/tmp/disk" ]
}
