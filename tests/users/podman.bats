#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's Podman, as root, with berth-runtime in its configuration as an administrator would put it there, and storage of
# its own. Where systemd is init, BERTH_TEST_CGROUP_DRIVER=systemd lets systemd make the groups.

load helpers
load engine

export program=podman
export base_flags="--cgroup-parent=$cgroup_parent"
export create_flags="--network none $base_flags"

setup_file() {
	make_work
	export driver=${BERTH_TEST_CGROUP_DRIVER:-cgroupfs}
	export cgroup_parent=/$cgroup
	[ "$driver" = cgroupfs ] || cgroup_parent=${cgroup//-/_}.slice
	has podman || return 0
	podman_configure "$driver"
	make_root "$work/root"
	tar -C "$work/root" -c . | podman import -q -c 'CMD ["sh"]' - bb >/dev/null
}

setup() {
	needs podman conmon script
}

teardown() {
	# Again where it met podman's own cleaning up after a container that has just ended.
	! has podman || eventually podman rm -af -t 0
}

teardown_file() {
	umount "$work/storage/overlay" 2>/dev/null || true # podman's own, where / is shared
	leave
}

@test "podman: output, input, exit status" {
	run -0 podman info -f '{{.Host.OCIRuntime.Path}} {{.Host.CgroupManager}}'
	[ "$output" = "$runtime $driver" ]
	case_run
}

@test "podman: what cannot be run" {
	case_failures
}

@test "podman: terminals" {
	case_terminal
}

# bats test_tags=vm
@test "podman: exec" {
	case_exec
}

# bats test_tags=vm
@test "podman: limits bind" {
	case_limits
}

@test "podman: want of memory ends a container" {
	case_oom
}

# bats test_tags=vm
@test "podman: limits change while it runs" {
	case_update
}

# bats test_tags=vm
@test "podman: pause and unpause" {
	case_pause
}

@test "podman: stop, kill, start, restart" {
	case_signals
}

@test "podman: logs" {
	case_logs
}

@test "podman: users, capabilities, names, limits of resources" {
	case_identity
}

@test "podman: read-only roots, volumes, devices" {
	case_files
}

@test "podman: privileged and not" {
	case_privileged
}

@test "podman: stats and top" {
	case_statistics
}

@test "podman: namespaces of others" {
	case_namespaces
}

# bats test_tags=vm
@test "podman: user namespaces, given and of podman's choice" {
	run -0 once --uidmap 0:100000:65536 --gidmap 0:200000:65536 bb sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id -u'
	[[ "$output" =~ 0\ +100000\ +65536.*0\ +200000\ +65536.*0$ ]]
	background --name t-mapped --uidmap 0:100000:65536 bb sleep 1000
	run -0 podman exec t-mapped sh -c 'id -u; ls -ln /proc/1/ns >/dev/null && touch /tmp/own && stat -c %u /tmp/own'
	[ "$output" = $'0\n0' ]
	[ "$(stat -c %u "/proc/$(inspect '{{.State.Pid}}' t-mapped)")" = 100000 ]
	# Podman takes the ranges of the user "containers", which only this process tree has.
	echo containers:2000000:100000 >"$work/subordinate"
	run -0 unshare -m sh -c 'mount --bind "$work/subordinate" /etc/subuid && mount --bind "$work/subordinate" /etc/subgid &&
		podman run --rm --network none --userns auto bb cat /proc/self/uid_map'
	[[ "$output" =~ 0\ +2000000\ +1024 ]]
}

# bats test_tags=vm
@test "podman: a pod shares its namespaces" {
	local flags=("$base_flags" --network none --infra-image bb --infra-command "sleep 1000")
	# Podman 4.3 itself forbids a pod's group on v2 all devices: no runtime can make /dev/null below it.
	! pure_v2 || [ "$driver" = systemd ] || flags+=(--share-parent=false)
	podman pod create --name t-pod "${flags[@]}" >/dev/null
	podman run -d --pod t-pod --name t-one bb sleep 1000 >/dev/null
	podman run -d --pod t-pod --name t-two bb sleep 1000 >/dev/null
	local kind
	for kind in net ipc uts; do
		[ "$(podman exec t-one readlink "/proc/self/ns/$kind")" = "$(podman exec t-two readlink "/proc/self/ns/$kind")" ]
	done
	[ "$(podman exec t-one readlink /proc/self/ns/mnt)" != "$(podman exec t-two readlink /proc/self/ns/mnt)" ]
	podman pod pause t-pod >/dev/null
	[ "$(inspect '{{.State.Status}}' t-two)" = paused ]
	podman pod unpause t-pod >/dev/null
	podman pod stop -t 0 t-pod >/dev/null
	is_stopped t-one
	podman pod rm -f -t 0 t-pod >/dev/null
}

@test "podman: a health check is executed" {
	background --name t-health --no-healthcheck bb sleep 1000
	# A check without a timer: that would be systemd's.
	podman rm -f -t 0 t-health >/dev/null
	background --name t-health --health-cmd 'test -e /tmp/well' --health-interval disable bb sleep 1000
	run ! podman healthcheck run t-health
	podman exec t-health touch /tmp/well
	podman healthcheck run t-health
}

@test "podman: containers without control groups, and with all of systemd's mounts" {
	run -0 podman run --rm --network none --cgroups disabled bb echo hello
	[ "$output" = hello ]
	run -0 once --systemd always bb sh -c 'grep " /run tmpfs" /proc/mounts; test -w /sys/fs/cgroup/systemd -o -w /sys/fs/cgroup'
	[[ "$output" == *"/run tmpfs"* ]]
}

@test "podman: init, environment, working folder, entry point" {
	run -0 once -e A=b -w /tmp --entrypoint '["sh", "-c"]' bb 'pwd; echo $A'
	[ "$output" = $'/tmp\nb' ]
	run -0 once --init --init-path "$BERTH_BUILD/berth-init" bb ps -o pid,args
	[[ "$output" == *"1 /run/podman-init"* || "$output" == *"1 /dev/init"* ]]
}

@test "podman: many at once" {
	case_many
}

@test "podman: checkpoint and restore" {
	needs criu
	criu check >/dev/null 2>&1 || skip "CRIU does not work on this kernel"
	background --name t-check bb sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.1; done'
	eventually podman exec t-check test -s /tmp/n
	podman container checkpoint t-check >/dev/null
	is_stopped t-check
	podman container restore t-check >/dev/null
	is_running t-check
	local before
	before=$(podman exec t-check cat /tmp/n)
	[ "$before" -gt 1 ]
	eventually podman exec t-check sh -c "[ \$(cat /tmp/n) -gt $before ]"
}
