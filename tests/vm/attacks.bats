#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The attacks on the runtime on Debian's kernel with control groups v2 alone and AppArmor, in a virtual machine. All is
# emulated there, so each race is run fewer times, and the matrix of all hostile roots is left to the host.

bats_require_minimum_version 1.5.0

suite() {
	cd "$BATS_TEST_DIRNAME/../.."
	run env BERTH_ATTACK_ROUNDS=5 scripts/vm -t 800 bats --tap "$@"
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok ' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}

@test "attacks by a root file system" {
	suite --filter 'CVE' tests/attacks/roots.bats
}

@test "attacks by races" {
	suite tests/attacks/races.bats
}

@test "attacks on and by a process" {
	suite tests/attacks/process.bats tests/attacks/input.bats
}

@test "attacks on the kernel's interfaces" {
	suite tests/attacks/kernel.bats
}
