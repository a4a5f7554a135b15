#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The stock docker command line against our engine: images.

load ../helpers

setup_file() {
	command -v docker >/dev/null || skip "there is no docker command line on this machine"
	engine_setup
}
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

@test "images, tag, rmi" {
	[ "$(docker images --format '{{.Repository}}:{{.Tag}}')" = busybox:latest ]
	docker tag busybox other/name:1
	[ "$(docker images -q other/name)" = "$(docker images -q busybox)" ]
	[ "$(docker rmi other/name:1)" = "Untagged: other/name:1" ]
	run docker rmi nothere
	[ "$status" -eq 1 ]
	[[ "$output" == *"No such image: nothere"* ]]
}

@test "save and load" {
	id=$(docker images -q --no-trunc busybox)
	docker save -o "$BATS_TEST_TMPDIR/box.tar" busybox
	docker rmi busybox
	[[ "$(docker load -i "$BATS_TEST_TMPDIR/box.tar")" == *"Loaded image: busybox:latest"* ]]
	[ "$(docker images -q --no-trunc busybox)" = "$id" ]
	docker save busybox | docker load
	[ "$(docker run --rm --network none busybox echo works)" = works ]
}

@test "import, history, inspect" {
	mkdir -p "$BATS_TEST_TMPDIR/root/bin"
	cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/bin/busybox"
	id=$(tar -C "$BATS_TEST_TMPDIR/root" -c . | docker import -c 'CMD ["/bin/busybox","echo","imported"]' -m "by hand" - mine:1)
	[[ "$id" == sha256:* ]]
	[ "$(docker run --rm --network none mine:1)" = imported ]
	[ "$(docker history --format '{{.Comment}}' mine:1)" = "by hand" ]
	[ "$(docker image inspect -f '{{.Id}}' mine:1)" = "$id" ]
	docker rmi mine:1
}

@test "an image that a container uses stays" {
	docker run --name user --network none busybox true
	run docker rmi busybox
	[ "$status" -eq 1 ]
	[[ "$output" == *"conflict: "* ]]
}

@test "image prune" {
	[[ "$(docker image prune -f)" == "Total reclaimed space: "* ]]
}
