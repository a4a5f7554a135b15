#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `berth doctor` on this host as it is, and with conditions made for it in a mount namespace of its own.

load ../helpers
bats_require_minimum_version 1.5.0

setup() {
	export BERTH_HOST=unix:///nonexistent/berth.sock
	FAKE=$BATS_TEST_TMPDIR
	export FAKE
}

# The findings that are not fine, as "GROUP LEVEL FACT".
findings() {
	"$@" --format json | jq -r '.Findings[] | select(.Level != "fine") | "\(.Group) \(.Level) \(.Fact)"'
}

# Runs the commands given, then doctor, in a mount namespace.
with() {
	local script=$1
	shift
	unshare -m sh -ec "$script; exec \"\$0\" doctor \"\$@\"" "$BERTH_BUILD/berth" "$@"
}

@test "each finding says what is so; what is not fine also what it turns off and the remedy" {
	berth doctor --format json >"$FAKE/report" || [ $? -eq 1 ]
	jq -e '.Findings | length > 20 and all(.Fact != "" and .Group != "" and (.Level == "fine" or (.Off != "" and .Remedy != "")))' \
		"$FAKE/report"
	jq -e '.Healthy == ([.Findings[] | select(.Level == "missing")] == [])' "$FAKE/report"
	[ "$(jq -r '[.Findings[].Group] | unique | join(" ")' "$FAKE/report")" = "Cgroups Engine Host Kernel Network Storage Users" ]
	run berth doctor
	[[ "$output" == *"Kernel"*"fine     Linux $(uname -r)"*"limited  no engine answers"* || "$output" == *"limited  no engine answers"*"fine     Linux"* ]]
	[[ "${lines[-1]}" == *" fine, "*" limited, "*" missing: "* ]]
	run berth doctor -q
	[[ "$output" != *"  fine "* ]]
	[ "$(CLICOLOR_FORCE=1 berth doctor | grep -c $'\033\\[3[123]m')" -gt 10 ]
}

@test "without root" {
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$BERTH_BUILD/berth" doctor
	[[ "$output" == *"Run it as root to see what the engine sees."* ]]
}

@test "an older kernel" {
	findings "$BERTH_BUILD/deny-syscalls" 5.4 "$BERTH_BUILD/berth" doctor >"$FAKE/found"
	grep -qx 'Kernel limited there is no openat2(2)' "$FAKE/found"
	grep -qx 'Kernel limited there is no mount_setattr(2)' "$FAKE/found"
	run ! grep -q clone3 "$FAKE/found"
}

@test "no overlay file systems: containers cannot run" {
	echo 'nodev	proc' >"$FAKE/systems"
	run with 'mount --bind $FAKE/systems /proc/filesystems; mount -t tmpfs none /sys/module; [ ! -d /lib/modules ] || mount -t tmpfs none /lib/modules'
	[ "$status" -eq 1 ]
	[[ "$output" == *"missing  no overlay file systems"*"remedy: "*"modprobe overlay"* ]]
	[[ "$output" == *"something that containers need is not there"* ]]
}

@test "cgroups of version 2 without memory, and none at all" {
	run with 'mount -t tmpfs none /sys/fs/cgroup; echo cpuset cpu io pids >/sys/fs/cgroup/cgroup.controllers' -q
	[[ "$output" == *"limited  no cgroup controller memory"*"turns off: --memory"*"cgroup_enable=memory"* ]]
	[[ "$output" != *"controller devices"* ]]
	echo >"$FAKE/mounts"
	run with 'mount -t tmpfs none /sys/fs/cgroup; mount --bind $FAKE/mounts /proc/$$/mounts'
	[ "$status" -eq 1 ]
	[[ "$output" == *"missing  no cgroups are mounted"* ]]
}

@test "users, limits, a network namespace in which nothing is forwarded" {
	echo 0 >"$FAKE/zero"
	echo 128 >"$FAKE/few"
	printf 'root:100000:65536\n' >"$FAKE/ids"
	run with 'mount --bind $FAKE/zero /proc/sys/user/max_user_namespaces; mount --bind $FAKE/few /proc/sys/fs/inotify/max_user_instances
		mount --bind $FAKE/ids /etc/subuid; mount --bind $FAKE/ids /etc/subgid; ulimit -n 1024'
	[[ "$output" == *"limited  no user namespace may be made"*"sysctl -w user.max_user_namespaces"* ]]
	[[ "$output" == *"fine     ranges of subordinate ids"* ]]
	[[ "$output" == *"limited  at most 1024 open files"* ]]
	[[ "$output" == *"limited  128 inotify instances"* ]]
	run unshare -n sh -c "echo 0 >/proc/sys/net/ipv4/ip_forward; exec $BERTH_BUILD/berth doctor"
	[[ "$output" == *"limited  IPv4 is not forwarded"* ]]
}

@test "other firewalls, and no libnftables" {
	local library
	library=$(ldconfig -p | sed -n 's/.*libnftables.so.1 .*=> //p' | head -n 1)
	run with "mount -t tmpfs none /run; mkdir /run/firewalld; touch /run/docker.sock; mount --bind /dev/null ${library:-/dev/null}
		mkdir -p \$FAKE/etc/ufw; printf '# ufw\nENABLED=yes\n' >\$FAKE/etc/ufw/ufw.conf; mount -t overlay -o lowerdir=\$FAKE/etc:/etc none /etc" -q
	[[ "$output" == *"limited  firewalld runs"* ]]
	[[ "$output" == *"limited  ufw is on"*"ufw route allow"* ]]
	[[ "$output" == *"limited  Docker has networks here"* ]]
	[[ "$output" == *"limited  no libnftables"*"libnftables1"* ]]
}

@test "programs that are not there, no systemd, no ranges of ids, no seccomp, no connection tracking, no CNI" {
	: >"$FAKE/empty"
	run with '[ ! -e /usr/sbin/criu ] || mount --bind $FAKE/empty /usr/sbin/criu
		mount -t tmpfs none /run; mount --bind $FAKE/empty /etc/subuid; mount --bind $FAKE/empty /etc/subgid
		mount -t tmpfs none /proc/sys/kernel/seccomp; mount -t tmpfs none /proc/sys/net; mount -t tmpfs none /sys/module
		for folder in /lib/modules /usr/lib/cni /opt/cni/bin; do [ ! -d $folder ] || mount -t tmpfs none $folder; done
		PATH=/nonexistent' -q
	echo "$output"
	[[ "$output" == *"limited  no criu"*"turns off: checkpoints"*"remedy: install Debian's package criu"* ]]
	[[ "$output" == *"limited  no mmdebstrap"*"turns off: \`berth image bootstrap debian\`"* ]]
	[[ "$output" == *"limited  no ssh"*"turns off: engines behind ssh://"* ]]
	[[ "$output" == *"limited  systemd does not run here"*"turns off: cgroup driver systemd, socket activation"* ]]
	[[ "$output" == *"limited  no subordinate ids for berth, containers or root"*"turns off: --userns auto takes ids of the standard range"* ]]
	[[ "$output" == *"limited  no seccomp filters"*"turns off: containers may make every system call"* ]]
	[[ "$output" == *"limited  no connection tracking"*"turns off: published ports and masquerading"* ]]
	[[ "$output" == *"limited  no CNI plugins"*"turns off: networks of CNI"* ]]
}

@test "the data root" {
	mkdir "$FAKE/lower" "$FAKE/upper" "$FAKE/work" "$FAKE/merged" "$FAKE/small"
	run with 'mount -t tmpfs none $FAKE/upper; mkdir $FAKE/upper/u $FAKE/upper/w
		mount -t overlay -o lowerdir=$FAKE/lower,upperdir=$FAKE/upper/u,workdir=$FAKE/upper/w none $FAKE/merged' --data-root "$FAKE/merged/a/b"
	[ "$status" -eq 1 ]
	[[ "$output" == *"missing  the data root $FAKE/merged/a/b is on overlay"*"another --data-root"* ]]
	run with 'mount -t tmpfs -o size=1m none $FAKE/small' --data-root "$FAKE/small"
	[[ "$output" == *"is on tmpfs, which is empty after a restart"*"limited  no project quotas"*"limited  1.049MB is free"* ]]
}

@test "an engine that answers, and one that may not be used" {
	engine_setup
	run berth doctor
	[[ "$output" == *"fine     version "*" at $BERTH_HOST, API 1."* ]]
	[[ "$output" == *"the data root $WORK/data "* ]]
	chmod 755 "$WORK"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$BERTH_BUILD/berth" doctor
	engine_teardown
	[[ "$output" == *"limited  you may not use the engine's socket"*"remedy: "* ]]
}
