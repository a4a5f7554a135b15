#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real users of the runtime on control groups v2 alone, with systemd as init: what is tagged "vm" in tests/users, Docker
# and Podman with systemd's groups; and Podman of an ordinary user.

bats_require_minimum_version 1.5.0

inside() {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 900 --systemd "$@"
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok ' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}

@test "docker, podman and containerd with systemd and control groups v2" {
	BERTH_TEST_CGROUP_DRIVER=systemd inside bats --tap --filter-tags vm tests/users
}

@test "podman of an ordinary user" {
	inside --user bats --tap tests/vm/rootless
}
