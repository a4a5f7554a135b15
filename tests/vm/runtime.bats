#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The runtime's suites on Debian's kernel with control groups v2 alone, in a virtual machine.

bats_require_minimum_version 1.5.0

suite() {
	local top
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$top"
	run "$top/scripts/vm" -t 1100 bats --tap "tests/runtime/$1.bats"
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok ' <<<"$output"
}

@test "life cycle and hooks" {
	suite lifecycle
	suite hooks
}

@test "namespaces and file systems" {
	suite namespaces
	suite filesystem
}

@test "hostile roots and processes" {
	suite hostile
	suite process
}

@test "control groups v2" {
	suite cgroups
}
