#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# systemd's groups where fewer users are: v1 and v2 together, and an ordinary user's systemd.

bats_require_minimum_version 1.5.0

@test "groups that systemd makes, on v1 and v2 together" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 900 --systemd --cgroups hybrid bats --tap tests/runtime/systemd.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok 3 a container is a scope of its own, and that is gone with it$' <<<"$output"
}

@test "an ordinary user's groups, by systemd and by delegation" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 600 --systemd --user bats --tap tests/runtime/systemd-user.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q "^ok 1 the user's systemd makes the scope, with limits that hold over a reload$" <<<"$output"
}
