#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real users of the runtime on control groups v2 alone, with systemd as init: what is tagged "vm" in tests/users, Docker
# and Podman with systemd's groups.

bats_require_minimum_version 1.5.0

@test "docker, podman and containerd with systemd and control groups v2" {
	cd "$BATS_TEST_DIRNAME/../.."
	BERTH_TEST_CGROUP_DRIVER=systemd run scripts/vm -t 1000 --systemd bats --tap --filter-tags vm tests/users
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok ' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}
