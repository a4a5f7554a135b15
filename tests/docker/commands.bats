#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Our command line has all commands and flags of Docker's. No engine is needed.

load ../helpers

@test "every command, flag, short form and alias of docker 28.2 is there, or has a reason" {
	"$BATS_TEST_DIRNAME/command-tree" compare "$BERTH_BUILD/berth" "$BATS_TEST_DIRNAME/docker-28.2.txt" \
		"$BATS_TEST_DIRNAME/docker-missing.txt"
}

@test "what is expected is what docker 28.2 has" {
	[[ "$(docker --version 2>/dev/null)" == *" 28.2"* ]] || skip "docker 28.2 is not on this machine"
	diff <("$BATS_TEST_DIRNAME/command-tree" walk docker) "$BATS_TEST_DIRNAME/docker-28.2.txt"
}

@test "berth loads nothing but libc, berth-top alone ncurses" {
	[ "$(readelf -d "$BERTH_BUILD/berth" | grep -c NEEDED)" = 1 ]
	readelf -d "$BERTH_BUILD/berth-top" | grep -q 'NEEDED.*libncursesw'
}
