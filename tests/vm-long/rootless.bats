#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Podman of an ordinary user with berth-runtime, in a session with a user manager.

bats_require_minimum_version 1.5.0

@test "podman of an ordinary user" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 1000 --systemd --user bats --tap tests/vm-long/rootless
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok ' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}
