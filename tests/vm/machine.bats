#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What depends on Debian's kernel, with control groups v2 alone and AppArmor, in virtual machines: two that boot once and
# run the suites of the file "inside", and one with systemd; here each suite is looked at. A machine of one processor needs
# two thirds of the time that one of two needs, so two of them run side by side.

bats_require_minimum_version 1.5.0

# What the machine of so many processors says, into the file.
machine() {
	local results=$1 cpus=$2
	shift 2
	scripts/vm --cpus "$cpus" -t 590 "$@" >"$results" 2>&1 </dev/null || echo "the machine's status: $?" >>"$results"
}

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	export RESULTS="$BATS_FILE_TMPDIR/results"
	machine "$RESULTS.second" 1 tests/vm/inside second &
	machine "$RESULTS.first" 1 tests/vm/inside first
	machine "$RESULTS.systemd" 2 --systemd bats --tap tests/runtime/systemd.bats
	wait
	cat "$RESULTS.first" "$RESULTS.second" >"$RESULTS"
}

# Whether the suite passed, with one case at least that was not skipped.
passed() {
	local said
	said=$(sed -n "/^== $1 at /,/^== status /p" "$RESULTS")
	echo "$said"
	if [ "$(tail -n 1 <<<"$said")" != "== status 0" ]; then
		tail -n 5 "$RESULTS".*
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
	cat "$RESULTS.systemd"
	run ! grep "^not ok \|^the machine's status" "$RESULTS.systemd"
	grep -q '^ok 3 a container is a scope of its own, and that is gone with it$' "$RESULTS.systemd"
}
