#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Podman of an ordinary user who has a session with a user manager: scripts/vm --systemd --user bats tests/vm-long/rootless

BERTH_BUILD=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../../build}
load ../../users/helpers

setup_file() {
	[ "$(id -u)" != 0 ]
	make_work
	podman_configure systemd
	sed -i 's/overlay/vfs/' "$CONTAINERS_STORAGE_CONF" # neither tmpfs nor the machine's root has what overlay needs
	mkdir -p "$work/root/bin"
	cp /bin/busybox "$work/root/bin/busybox"
	for applet in sh id cat sleep tty stty echo; do ln -s busybox "$work/root/bin/$applet"; done
	tar -C "$work/root" -c . | podman import -q -c 'CMD ["sh"]' - bb >/dev/null
}

teardown() {
	podman rm -af -t 0 >/dev/null
}

teardown_file() {
	# The process that holds podman's user namespace ends with this.
	podman system migrate
	podman unshare rm -rf "$work/storage"
	leave
}

@test "rootless: ids are mapped" {
	run -0 podman run --rm --network none bb sh -c 'id -u; cat /proc/self/uid_map'
	[[ "$output" =~ ^0.*0\ +2000\ +1.*1\ +2000000\ +65536 ]]
	run -3 podman run --rm --network none bb sh -c 'exit 3'
	run -127 podman run --rm --network none bb no-such-program
}

@test "rootless: exec, terminal, pause, stop" {
	podman run -d --name t-user --network none bb sleep 1000 >/dev/null
	run -0 podman exec t-user id -u
	[ "$output" = 0 ]
	run -0 on_terminal podman exec -t t-user sh -c 'sleep 1; tty; stty size'
	[[ "$output" == */dev/pts/0*"33 77"* ]]
	podman pause t-user >/dev/null
	podman unpause t-user >/dev/null
	podman stop -t 0 t-user >/dev/null
	[ "$(podman inspect -f '{{.State.ExitCode}}' t-user)" = 137 ]
}

@test "rootless: limits in a scope of the user's manager" {
	podman run -d --name t-limits --network none --memory 32m --pids-limit 20 bb sleep 1000 >/dev/null
	local group
	group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(podman inspect -f '{{.State.Pid}}' t-limits)/cgroup")
	[[ "$group" == */user@2000.service/*libpod-*.scope* ]]
	run -0 podman exec t-limits cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max
	[ "$output" = $'33554432\n20' ]
	run -137 podman exec t-limits sh -c 'x=a; while :; do x=$x$x; done'
}
