#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container sees its own processes, host name, mounts and network, and none of the host's; what would break out of it
# is refused.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

inside() {
	berth run --rm --network none "$@"
}

@test "it sees only its own processes" {
	output=$(inside busybox sh -c 'echo /proc/[0-9]*; cat /proc/1/comm')
	[ "$(echo "$output" | head -n 1 | tr ' ' '\n' | wc -l)" -le 2 ]
	[ "$(echo "$output" | tail -n 1)" != systemd ]
	[ "$(inside busybox sh -c 'echo $$')" = 1 ]
}

@test "it has its own host name, and the host keeps its own" {
	before=$(hostname)
	[ "$(inside --hostname inside busybox hostname)" = inside ]
	[ "$(inside --hostname inside busybox cat /etc/hostname)" = inside ]
	inside --cap-add SYS_ADMIN busybox hostname changed
	[ "$(hostname)" = "$before" ]
}

@test "its mounts are its own: nothing of the host's shows" {
	mounts=$(inside busybox cat /proc/self/mountinfo)
	run grep -F "$WORK/data" <<<"$mounts"
	[ "$status" -ne 0 ] || [[ "$output" == *" /etc/"* ]]
	targets=$(awk '{print $5}' <<<"$mounts" | sort -u)
	for target in $targets; do
		case $target in
		/ | /proc* | /dev* | /sys* | /etc/resolv.conf | /etc/hostname | /etc/hosts) ;;
		*)
			echo "unexpected mount at $target"
			return 1
			;;
		esac
	done
	[ ! -e /proc/1/root/from-the-container ]
	inside busybox sh -c 'echo x >/from-the-container'
	[ ! -e /from-the-container ]
}

@test "without network it has loopback alone" {
	[ "$(inside busybox ls /sys/class/net)" = lo ]
	[ "$(inside busybox cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' ')" = lo ]
}

@test "with the host's network it has the host's" {
	[ "$(berth run --rm --network host busybox ls /sys/class/net)" = "$(ls /sys/class/net)" ]
}

@test "it cannot make a device node of a disk that it could read" {
	run inside busybox sh -c 'mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk'
	[ "$status" -ne 0 ]
	run inside busybox sh -c 'mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem'
	[ "$status" -ne 0 ]
}

@test "it cannot mount" {
	run inside busybox mount -t tmpfs none /tmp
	[ "$status" -ne 0 ]
	run inside busybox mount -o remount,rw /sys
	[ "$status" -ne 0 ]
}

@test "it cannot load a module, reboot, or set the clock" {
	run inside busybox sh -c 'echo x >/tmp/x.ko; insmod /tmp/x.ko'
	[ "$status" -ne 0 ]
	[[ "$output" == *"ermitted"* || "$output" == *"denied"* ]]
	run inside busybox sh -c 'date -s 2001-01-01' # whose status says nothing
	[[ "$output" == *"can't set date: Operation not permitted"* ]]
	run inside busybox sh -c 'echo b >/proc/sysrq-trigger'
	[ "$status" -ne 0 ]
}

@test "it has no descriptor of the host" {
	output=$(inside busybox sh -c 'ls /proc/self/fd')
	# ls itself holds the folder open.
	[ "$(echo "$output" | tr '\n' ' ')" = "0 1 2 3 " ]
	run inside busybox sh -c 'for fd in /proc/1/fd/*; do readlink $fd; done'
	run grep -vE '^(/dev/null|pipe:.*|/proc/1/fd|/dev/pts/.*)$' <<<"$output"
	[ "$status" -eq 1 ]
}

@test "masked and read-only places stay so" {
	[ -z "$(inside busybox cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | head -c 16)" ]
	run inside busybox sh -c 'echo 1 >/proc/sys/kernel/panic'
	[ "$status" -ne 0 ]
	run inside busybox sh -c 'ls -A /sys/firmware'
	[ -z "$output" ]
	run inside busybox sh -c 'echo x >/sys/kernel/mm/transparent_hugepage/enabled'
	[ "$status" -ne 0 ]
}

@test "its capabilities are Docker's fourteen, and fewer or more by request" {
	[ "$(inside busybox sh -c 'grep CapEff /proc/self/status' | tr -s '\t' ' ')" = "CapEff: 00000000a80425fb" ]
	[ "$(inside busybox sh -c 'grep CapInh /proc/self/status' | tr -s '\t' ' ')" = "CapInh: 0000000000000000" ]
	[ "$(inside --cap-drop ALL busybox sh -c 'grep CapBnd /proc/self/status' | tr -s '\t' ' ')" = "CapBnd: 0000000000000000" ]
	[ "$(inside --cap-drop ALL --cap-add NET_RAW busybox sh -c 'grep CapEff /proc/self/status' | tr -s '\t' ' ')" = "CapEff: 0000000000002000" ]
	[ "$(inside -u 1000 busybox sh -c 'grep CapEff /proc/self/status' | tr -s '\t' ' ')" = "CapEff: 0000000000000000" ]
}

@test "system calls are filtered, and no new privileges can be asked for" {
	inside busybox grep -q '^Seccomp:.*2' /proc/self/status
	inside --security-opt seccomp=unconfined busybox grep -q '^Seccomp:.*0' /proc/self/status
	run inside busybox unshare -U true
	[ "$status" -ne 0 ]
	inside --security-opt no-new-privileges busybox grep -q '^NoNewPrivs:.*1' /proc/self/status
}

@test "a read-only root stays so, and tmpfs and binds say what is writable" {
	run inside --read-only busybox touch /x
	[ "$status" -ne 0 ]
	inside --read-only --tmpfs /run busybox touch /run/x
	mkdir "$WORK/bound"
	run inside -v "$WORK/bound:/bound:ro" busybox touch /bound/x
	[ "$status" -ne 0 ]
	inside -v "$WORK/bound:/bound" busybox touch /bound/x
	[ -e "$WORK/bound/x" ]
	rm -r "$WORK/bound"
}

@test "what it writes to its own program's file does not reach the host" {
	before=$(sha256sum "$BERTH_BUILD/berth-monitor")
	run inside busybox sh -c 'for pid in 1 self; do echo x >/proc/$pid/exe; done'
	[ "$(sha256sum "$BERTH_BUILD/berth-monitor")" = "$before" ]
	run inside busybox sh -c 'printf "#!/proc/self/exe\n" >/tmp/x; chmod +x /tmp/x; /tmp/x'
	[ "$(sha256sum "$BERTH_BUILD/berth-monitor")" = "$before" ]
}

@test "privileged has everything, and still its own processes" {
	[ "$(inside --privileged busybox sh -c 'echo $$')" = 1 ]
	inside --privileged busybox mount -t tmpfs none /tmp
	inside --privileged busybox grep -q '^Seccomp:.*0' /proc/self/status
}
