#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The stock docker command line against our engine: builds by its classic builder.

load ../helpers

setup_file() {
	command -v docker >/dev/null || skip "there is no docker command line on this machine"
	engine_setup
}
teardown_file() { engine_teardown; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() { remove_containers; }
build() { DOCKER_BUILDKIT=0 docker build --network none "$@" 2>/dev/null; }

@test "build, its words, its cache" {
	mkdir ctx
	printf 'FROM busybox\nARG A\nCOPY file /file\nRUN echo "A is $A"\nCMD ["cat", "/file"]\n' >ctx/Dockerfile
	echo hello >ctx/file
	run build -t built:1 --build-arg A=5 --label who=me ctx
	[ "$status" -eq 0 ]
	[[ "$output" == *"Step 1/5 : FROM busybox"* ]]
	[[ "$output" == *" ---> Running in "* ]]
	[[ "$output" == *"A is 5"* ]]
	[[ "$output" == *"Successfully built "*"Successfully tagged built:1" ]]
	[ "$(docker run --rm --network none built:1)" = hello ]
	run build -t built:1 --build-arg A=5 --label who=me ctx
	[[ "$output" == *" ---> Using cache"* ]]
	id=$(build -q --build-arg A=5 --label who=me ctx)
	[ "$id" = "$(docker images -q --no-trunc built:1)" ]
}

@test "Dockerfile on standard input, another one, limits, a target, iidfile" {
	[[ "$(printf 'FROM busybox\nRUN true\n' | build -)" == *"Successfully built"* ]]
	mkdir ctx
	printf 'FROM busybox AS one\nRUN grep -q "there$" /etc/hosts\nFROM one\nRUN false\n' >ctx/Other
	build -q -f ctx/Other --target one --add-host there:192.0.2.7 --memory 64m --cpu-shares 100 --shm-size 1m \
		--ulimit nofile=100:200 --iidfile id ctx
	[[ "$(cat id)" == sha256:* ]]
}

@test "a step that fails gives its exit code" {
	mkdir ctx
	printf 'FROM busybox\nRUN echo before; exit 9\n' >ctx/Dockerfile
	run env DOCKER_BUILDKIT=0 docker build --network none ctx
	[ "$status" -eq 9 ]
	[[ "$output" == *"The command '/bin/sh -c echo before; exit 9' returned a non-zero code: 9"* ]]
}

@test "builder prune and system df" {
	printf 'FROM busybox\nRUN echo >/x\n' | build -q -
	[ "$(docker system df --format '{{.Type}} {{.TotalCount}}' | sed -n 's/^Build Cache //p')" -gt 0 ]
	[[ "$(docker builder prune -af)" == *"Total"* ]]
}
