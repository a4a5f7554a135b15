#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Attacks on the runtime on Debian's kernel with control groups v2 alone and AppArmor, in a virtual machine: those whose
# subject is the kernel, its groups or its labels. All is emulated there, so the others are left to the host.

bats_require_minimum_version 1.5.0

@test "attacks on masks, labels, devices, and groups" {
	cd "$BATS_TEST_DIRNAME/../.."
	run env BERTH_ATTACK_ROUNDS=3 scripts/vm -t 500 bats --tap --filter \
		'CVE-2017-16539|CVE-2019-16884 CVE-2023|GO-2022-0396|CVE-2023-25809|CVE-2025-47291|CVE-2022-0492' \
		tests/attacks/kernel.bats tests/attacks/exec.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok ' <<<"$output"
	run ! grep '^not ok ' <<<"$output"
}
