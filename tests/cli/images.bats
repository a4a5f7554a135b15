#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images: made, listed, tagged, saved, loaded, imported, removed.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

@test "images are listed as Docker lists them" {
	run berth images
	[[ "${lines[0]}" =~ ^REPOSITORY\ +TAG\ +IMAGE\ ID\ +CREATED\ +SIZE$ ]]
	[[ "${lines[1]}" =~ ^busybox\ +latest\ +[0-9a-f]{12}\ +.*ago\ +[0-9.]+MB$ ]]
	[[ "$(berth images -q)" =~ ^[0-9a-f]{12}$ ]]
	[[ "$(berth images -q --no-trunc)" =~ ^sha256:[0-9a-f]{64}$ ]]
	[ "$(berth images --format '{{.Repository}}:{{.Tag}}')" = busybox:latest ]
	[ "$(berth images --format json | jq -r .Repository)" = busybox ]
	[ "$(berth image ls busy* --format '{{.Repository}}')" = busybox ]
	[ -z "$(berth images -q nothere)" ]
}

@test "the same busybox makes the same file system" {
	layer=$(berth image inspect -f '{{index .RootFS.Layers 0}}' busybox)
	berth image bootstrap busybox
	[ "$(berth image inspect -f '{{index .RootFS.Layers 0}}' busybox)" = "$layer" ]
	berth image prune -f
	run berth image bootstrap windows
	[ "$status" -eq 1 ]
	[[ "$output" == *"busybox and of debian"* ]]
}

@test "tag and rmi" {
	berth tag busybox example.com:5000/some/box:1.0
	[ "$(berth images --format '{{.Repository}}|{{.Tag}}' example.com:5000/some/box)" = "example.com:5000/some/box|1.0" ]
	[ "$(berth rmi example.com:5000/some/box:1.0)" = "Untagged: example.com:5000/some/box:1.0" ]
	run berth rmi nothere
	[ "$status" -eq 1 ]
	[[ "$output" == "Error response from daemon: No such image: nothere"* ]]
	run berth tag nothere x
	[ "$status" -eq 1 ]
	berth run --network none --name user busybox true
	run berth rmi busybox
	[ "$status" -eq 1 ]
	[[ "$output" == *"conflict"* ]]
}

@test "save and load, by files and by streams" {
	id=$(berth images -q --no-trunc busybox)
	berth save -o "$BATS_TEST_TMPDIR/box.tar" busybox
	berth save busybox >"$BATS_TEST_TMPDIR/stream.tar"
	tar -tf "$BATS_TEST_TMPDIR/stream.tar" | grep -qx manifest.json
	berth rmi busybox
	run berth load -i "$BATS_TEST_TMPDIR/box.tar"
	[ "$status" -eq 0 ]
	[[ "$output" == *"Loaded image: busybox:latest"* ]]
	[ "$(berth images -q --no-trunc busybox)" = "$id" ]
	berth rmi busybox
	[[ "$(gzip -c "$BATS_TEST_TMPDIR/stream.tar" | berth load)" == *"Loaded image: busybox:latest"* ]]
	[ "$(berth run --rm --network none busybox echo works)" = works ]
}

@test "a save that fails leaves the file as it was" {
	echo before >"$BATS_TEST_TMPDIR/file"
	run berth save -o "$BATS_TEST_TMPDIR/file" nothere
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/file")" = before ]
	run berth save -o /nonexistent/x busybox
	[ "$status" -eq 1 ]
	[[ "$output" == *"/nonexistent/x"* ]]
	[ "$(ls "$BATS_TEST_TMPDIR")" = file ]
}

@test "load refuses what is no archive" {
	run bash -c "head -c 100000 /dev/urandom | '$BERTH_BUILD/berth' load"
	[ "$status" -eq 1 ]
	[ -n "$output" ]
	run berth load -i /nonexistent
	[ "$status" -eq 1 ]
	[[ "$output" == *"/nonexistent: No such file or directory"* ]]
}

@test "terminals are no archives" {
	"$BATS_TEST_DIRNAME/../terminal" "$BERTH_BUILD/berth" save busybox <<-'END'
		expect cowardly refusing to save to a terminal
		status 1
	END
	"$BATS_TEST_DIRNAME/../terminal" "$BERTH_BUILD/berth" load <<-'END'
		expect stdin is empty
		status 1
	END
}

@test "import" {
	mkdir -p "$BATS_TEST_TMPDIR/root/bin"
	cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/bin/busybox"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$BATS_TEST_TMPDIR/root.tar" .
	id=$(berth import -c 'CMD ["/bin/busybox","echo","imported"]' -m "by hand" "$BATS_TEST_TMPDIR/root.tar" mine:1)
	[[ "$id" =~ ^sha256:[0-9a-f]{64}$ ]]
	[ "$(berth run --rm --network none mine:1)" = imported ]
	[ "$(berth history --format '{{.Comment}}' mine:1)" = "by hand" ]
	gzip -c "$BATS_TEST_TMPDIR/root.tar" | berth import - mine:2
	berth run --rm --network none mine:2 /bin/busybox true
	berth rmi mine:1 mine:2
	run berth import https://example.com/x.tar
	[ "$status" -eq 1 ]
	[[ "$output" == *"curl https://example.com/x.tar | berth import -"* ]]
}

@test "inspect and history" {
	berth image inspect busybox | jq -e '.[0].RepoTags == ["busybox:latest"] and .[0].Config.Cmd == ["sh"]'
	run berth history busybox
	[[ "${lines[0]}" =~ ^IMAGE\ +CREATED\ +CREATED\ BY\ +SIZE\ +COMMENT$ ]]
	run berth image inspect nothere
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "[]" ]
}

@test "version, info and system df" {
	[ "$(berth version --format '{{.Server.ApiVersion}}')" = 1.47 ]
	[[ "$(berth version)" == *"Client: Berth"*"Server: "* ]]
	[ "$(berth info -f '{{.Images}}')" = 1 ]
	[[ "$(berth system info)" == *"Storage Driver: "* ]]
	run berth system df
	[[ "${lines[0]}" =~ ^TYPE\ +TOTAL\ +ACTIVE\ +SIZE\ +RECLAIMABLE$ ]]
	[[ "${lines[1]}" =~ ^Images\ +1\ +0 ]]
}
