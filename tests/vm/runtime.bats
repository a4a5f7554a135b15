#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The runtime's suites on Debian's kernel with control groups v2 alone, in a virtual machine. All is emulated there, so a
# test takes seconds: those whose subject the kernel and its cgroup layout are run here, the others not.

bats_require_minimum_version 1.5.0

@test "the runtime on control groups v2: limits, hooks and namespaces" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 1100 bats --tap tests/runtime/cgroups.bats tests/runtime/hooks.bats tests/runtime/namespaces.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok ' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}

@test "AppArmor's profiles" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 600 bats --tap tests/runtime/apparmor.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok 1 the process is under its profile, and further ones are$' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}

@test "groups that systemd makes, on control groups v2" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 900 --systemd bats --tap tests/runtime/systemd.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok 3 a container is a scope of its own, and that is gone with it$' <<<"$output"
}

@test "checkpoint and restore" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 500 bats --tap --filter 'goes on from where it was|a checkpoint that fails says why' \
		tests/runtime/checkpoint.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok 1 a container goes on from where it was, with its limits, exec and hooks$' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}
