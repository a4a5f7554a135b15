#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The engine on Debian's kernel with control groups v2 alone, in a virtual machine: limits that bind and isolation.

bats_require_minimum_version 1.5.0

suite() {
	local top
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$top"
	run "$top/scripts/vm" -t 900 bats --tap ${2:+-f "$2"} "$1"
	echo "$output"
	[ "$status" = 0 ]
	grep '^ok ' <<<"$output" | grep -qv '# skip'
}

@test "limits bind" {
	suite tests/limits/limits.bats
}

@test "a container sees only its own" {
	suite tests/limits/isolation.bats
}

@test "a volume takes no more than its size" {
	suite tests/volumes/quota.bats 'takes no more'
}
