#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Checkpoint and restore on Debian's kernel, where Debian's CRIU works, in a virtual machine.

bats_require_minimum_version 1.5.0

@test "checkpoint and restore" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 1700 bats --tap tests/runtime/checkpoint.bats
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^ok .* # skip CRIU does not work' <<<"$output")" = 0 ]
	grep -q '^ok .*goes on from where it was' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}

@test "checkpoints by the engine" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 300 bats --tap tests/cli/checkpoint.bats
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^ok .* # skip CRIU does not work' <<<"$output")" = 0 ]
	grep -q '^ok .*goes on from where it was' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}
