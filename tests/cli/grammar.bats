#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flags, help, completion and man pages: what needs no engine.

load ../helpers

setup() {
	BERTH_HOST=unix:///nonexistent/berth.sock
	export BERTH_HOST
}

@test "without a command it prints its help" {
	run berth
	[ "$status" -eq 0 ]
	[[ "$output" == "Usage:  berth [OPTIONS] COMMAND"* ]]
	[[ "$output" == *"Management Commands:"* ]]
	[ "$output" = "$(berth --help)" ]
	[ "$output" = "$(berth help)" ]
}

@test "every command has help, its own arguments and a man page that roff accepts" {
	berth man --list | grep -qx berth-container-run
	berth man --list | while read -r page; do
		berth man "$page" >"$BATS_TEST_TMPDIR/page"
		grep -q '^\.SH NAME' "$BATS_TEST_TMPDIR/page" || exit 1
		[ -z "$(groff -man -Tutf8 -ww -z "$BATS_TEST_TMPDIR/page" 2>&1)" ] || exit 1
		words=$(echo "${page#berth}" | tr - ' ')
		# shellcheck disable=SC2086
		berth $words --help | grep -q "^Usage:  berth" || exit 1
		# shellcheck disable=SC2086
		[ "$page" = berth ] || [ "$(berth help $words)" = "$(COLUMNS=80 berth $words --help)" ] || exit 1
	done
	run berth man berth-nothing
	[ "$status" -eq 1 ]
}

@test "called as docker it says docker" {
	ln -s "$(realpath "$BERTH_BUILD")/berth" "$BATS_TEST_TMPDIR/docker"
	run "$BATS_TEST_TMPDIR/docker" run --help
	[[ "$output" == "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]"* ]]
	[[ "$output" == *"Aliases:"*"docker container run, docker run"* ]]
}

@test "help lists the aliases of a command" {
	berth container ls --help | grep -q "berth container ls, berth container ps, berth ps"
}

@test "an unknown flag is named, with Docker's status" {
	run berth ps --nope
	[ "$status" -eq 125 ]
	[ "${lines[0]}" = "berth: unknown flag: --nope" ]
	[ "${lines[1]}" = "See 'berth ps --help'." ]
	run berth run -dz busybox
	[ "$status" -eq 125 ]
	[ "${lines[0]}" = "berth: unknown shorthand flag: 'z' in -dz" ]
	run berth --nope ps
	[ "$status" -eq 125 ]
}

@test "bad values are refused before the engine is asked" {
	run berth run -m lots busybox
	[ "$status" -eq 125 ]
	[[ "$output" == *"invalid argument \"lots\" for \"-m, --memory\" flag: invalid size: 'lots'"* ]]
	run berth run --rm --restart always busybox
	[ "$status" -eq 125 ]
	[[ "$output" == *"cannot specify both --restart and --rm"* ]]
	run berth ps --filter nothing
	[ "$status" -eq 1 ]
	[[ "$output" == *"bad format of filter"* ]]
	run berth logs --since yesterday x
	[ "$status" -eq 1 ]
	[[ "$output" == *'"yesterday" is neither a moment'* ]]
}

@test "too few and too many arguments" {
	run berth start
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "berth: 'berth start' requires at least 1 argument" ]
	run berth ps x
	[ "$status" -eq 1 ]
	[[ "$output" == *"'berth ps' accepts no arguments"* ]]
	run berth container rename x
	[[ "$output" == *"'berth container rename' requires exactly 2 arguments"* ]]
}

@test "a mistyped command gets suggestions, a missing one an explanation" {
	run berth strat
	[ "$status" -eq 1 ]
	[[ "$output" == *"unknown command: berth strat"*"Did you mean: start"* ]]
	run berth container lsx
	[[ "$output" == *"Did you mean: ls?"* ]]
	run berth swarm init
	[ "$status" -eq 1 ]
	[[ "$output" == *"'berth swarm' is not supported by this version"* ]]
}

@test "an engine that is not there" {
	run berth ps
	[ "$status" -eq 1 ]
	[ "$output" = "berth: Cannot connect to the Berth engine at unix:///nonexistent/berth.sock: No such file or directory. Is berthd running?" ]
	run berth run busybox
	[ "$status" -eq 125 ]
}

@test "the host is -H, then BERTH_HOST, then DOCKER_HOST" {
	run env BERTH_HOST=unix:///b DOCKER_HOST=unix:///d "$BERTH_BUILD/berth" -H unix:///h ps
	[[ "$output" == *unix:///h:* ]]
	run env BERTH_HOST=unix:///b DOCKER_HOST=unix:///d "$BERTH_BUILD/berth" ps
	[[ "$output" == *unix:///b:* ]]
	run env -u BERTH_HOST DOCKER_HOST=unix:///d "$BERTH_BUILD/berth" ps
	[[ "$output" == *unix:///d:* ]]
	run env -u BERTH_HOST -u DOCKER_HOST "$BERTH_BUILD/berth" -H tcp://127.0.0.1:1 ps
	[[ "$output" == *"tcp://127.0.0.1:1: Connection refused"* ]]
	run berth -H unix:///a -H unix:///b ps
	[[ "$output" == *"specify only one -H"* ]]
	run berth -H ssh:// ps
	[[ "$output" == *"expected ssh://"* ]]
}

@test "contexts that are not there are told" {
	run berth -c other ps
	[[ "$output" == *'context "other": context not found'* ]]
	berth -c default --version
}

@test "the version needs no engine" {
	[[ "$(berth --version)" == "Berth version "* ]]
	run berth version
	[ "$status" -eq 1 ]
	[[ "$output" == *"Client: Berth"* ]]
}

@test "output that cannot be written is a failure" {
	run bash -c "'$BERTH_BUILD/berth' --help >/dev/full"
	[ "$status" -eq 1 ]
	[[ "$output" == *"writing the output: No space left on device"* ]]
}
