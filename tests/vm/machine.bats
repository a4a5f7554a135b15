#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What depends on Debian's kernel, with control groups v2 alone and AppArmor, in virtual machines: two at a time, each of
# which boots once and runs suites of the file "inside"; here each suite is looked at.

bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	export RESULTS="$BATS_FILE_TMPDIR/results"
	machine one tests/vm/inside one &
	machine two tests/vm/inside two
	machine systemd --systemd bats --tap tests/runtime/systemd.bats
	wait
	cat "$RESULTS".one "$RESULTS".two >"$RESULTS"
}

machine() {
	local name=$1
	shift
	scripts/vm -t 1100 "$@" >"$RESULTS.$name" 3>&- || echo "the machine's status: $?" >>"$RESULTS.$name"
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

@test "a volume takes no more than its size" {
	passed quota
}

@test "the runtime on control groups v2: limits, hooks and namespaces" {
	passed groups
}

@test "AppArmor's profiles" {
	passed apparmor
	grep -q '^ok 1 the process is under its profile, and further ones are$' "$RESULTS"
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
	cat "$RESULTS.systemd"
	grep -q '^ok 3 a container is a scope of its own, and that is gone with it$' "$RESULTS.systemd"
	run ! grep "^not ok \|^the machine's status" "$RESULTS.systemd"
}

@test "a clock that is set disturbs no timer" {
	passed clock
}
