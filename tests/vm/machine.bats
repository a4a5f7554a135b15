#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What depends on Debian's kernel, with control groups v2 alone and AppArmor, in a virtual machine: it boots once and runs
# the suites of the file "inside"; here each is looked at.

bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	export RESULTS="$BATS_FILE_TMPDIR/results"
	scripts/vm -t 1100 tests/vm/inside >"$RESULTS" || echo "the machine's status: $?" >>"$RESULTS"
}

# Whether the suite passed, with one case at least that was not skipped.
passed() {
	local said
	said=$(sed -n "/^== $1\$/,/^== status /p" "$RESULTS")
	echo "$said"
	if [ "$(tail -n 1 <<<"$said")" != "== status 0" ]; then
		tail -n 5 "$RESULTS"
		return 1
	fi
	run ! grep '^not ok ' <<<"$said"
	grep '^ok ' <<<"$said" | grep -qvi '# skip'
}

@test "limits bind" {
	passed limits
}

@test "a container sees only its own" {
	passed isolation
}

@test "containers in user namespaces of their own, on a kernel before 6.15" {
	passed userns
	grep -q "^ok 3 userns auto: volumes and binds are whose they are" "$RESULTS"
}

@test "a volume takes no more than its size" {
	passed quota
}

@test "the runtime's limits on control groups v2" {
	passed groups
}

@test "AppArmor's profiles" {
	passed apparmor
	grep -q '^ok 1 the process is under its profile, and further ones are$' "$RESULTS"
}

@test "further programs in a container" {
	passed exec
}

@test "health checks" {
	passed health
}

@test "checkpoint and restore" {
	passed checkpoint
	grep -q '^ok 1 a container goes on from where it was, with its limits, exec and hooks$' "$RESULTS"
}

@test "SCTP: published, between containers and outward, IPv4 and IPv6" {
	passed sctp
}

@test "ipvlan, and parents that are VLANs" {
	passed ipvlan
	grep -q '^ok 2 /macvlan/parent-made$' "$RESULTS"
}

@test "groups that systemd makes, on control groups v2" {
	cd "$BATS_TEST_DIRNAME/../.."
	run scripts/vm -t 900 --systemd bats --tap tests/runtime/systemd.bats
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^ok 3 a container is a scope of its own, and that is gone with it$' <<<"$output"
}
