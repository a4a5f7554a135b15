#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# More of what depends on the kernel: hooks and namespaces on Debian's, and a clock that is set, which only a machine of
# our own may be.

bats_require_minimum_version 1.5.0

inside() {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 900 bats --tap "$@"
	echo "$output"
	[ "$status" = 0 ]
	grep '^ok ' <<<"$output" | grep -qvi '# skip'
	run ! grep '^not ok ' <<<"$output"
}

@test "hooks and namespaces of the runtime" {
	inside tests/runtime/hooks.bats tests/runtime/namespaces.bats
}

@test "a clock that is set disturbs no timer" {
	inside tests/vm-long/clock
}
