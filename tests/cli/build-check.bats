#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What can be asked of a Dockerfile without building it, and what is said of one that is wrong. The rules, one by one, are
# in src/build/dockerfile/tests/test-lint.c.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir context
	echo x >context/file
}

@test "build --check shows each warning with its lines, and builds nothing" {
	printf 'FROM scratch AS Base\nCOPY ./file tmp/x /\nCMD echo $x\n' >context/Dockerfile
	printf 'tmp\n' >context/.dockerignore
	run -1 berth build --check context
	[[ $output == *"StageNameCasing"*"Stage name 'Base' should be lowercase"* ]]
	[[ $output == *"CopyIgnoredFile"*'Attempting to Copy file "tmp/x" that is excluded by .dockerignore'*"   2 | >>> COPY ./file tmp/x /"* ]]
	[[ $output == *"JSONArgsRecommended"*"   3 | >>> CMD echo \$x"* ]]
	[[ $output == *"Check complete, 3 warnings have been found!"* ]]
	[ -z "$(berth images -q --filter dangling=true)" ]
}

@test "a directive leaves rules out, or makes a build fail" {
	printf '# check=skip=StageNameCasing\nFROM scratch AS Base\nLABEL a=b\n' >context/Dockerfile
	run -0 berth build --check context
	[[ $output == *"no warnings found"* ]]
	printf '# check=error=true\nFROM scratch AS Base\nLABEL a=b\n' >context/Dockerfile
	run -1 berth build -q context
	[[ $output == *"lint violation found for rules: StageNameCasing"* ]]
}

@test "build --call=targets and outline" {
	printf '# app the program\nFROM scratch AS app\n# version of it\nARG version=1\nRUN --mount=type=secret,id=key true\nFROM scratch AS other\n' >context/Dockerfile
	run -0 berth build --call=targets context
	[[ $output == *"app "*"the program"*"other (default)"* ]]
	run -0 berth build --call=outline --target app --build-arg version=2 context
	[[ $output == *"TARGET:"*"app"*"DESCRIPTION: the program"*"version      2        of it"*"key"* ]]
	run -0 --separate-stderr berth build --call=outline,format=json --target app context
	[ "$(jq -r '.name, .args[0].value, .args[0].description, .secrets[0].name' <<<"$output" | paste -sd' ')" = "app 1 of it key" ]
	run -1 berth build --call=outline --target none context
	[[ $output == *'target stage "none" could not be found'* ]]
}

@test "an error shows the line, a caret, and what was meant" {
	printf 'FROM scratch\nLABEL a=b\nCPOY file /\n' >context/Dockerfile
	run -1 berth build context
	[[ $output == *"unknown instruction: CPOY (did you mean COPY?)"* ]]
	[[ $output == *"Dockerfile:3"*"   3 | >>> CPOY file /"*"^^^^"* ]]
}

@test "another frontend is refused, Docker's own is this one" {
	printf '# syntax=docker/dockerfile:1.7\nFROM scratch\nLABEL a=b\n' >context/Dockerfile
	berth build -q --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1 context
	run -1 berth build -q --build-arg BUILDKIT_SYNTAX=other/frontend context
	[[ $output == *"syntax=other/frontend: frontends are not run"* ]]
	printf '# syntax=other/frontend\nFROM scratch\n' >context/Dockerfile
	run -1 berth build -q context
	[[ $output == *"Dockerfile:1"*"syntax=other/frontend: frontends are not run"* ]]
}
