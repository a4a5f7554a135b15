#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images that other software made and pushed, pulled from Debian's registry; and what a pull does when it is cut off.

load helpers

# Of all that a tree may have.
everything() {
	cd "$1" || return 1
	mkdir -m 755 bin etc empty gone opaque
	mkdir -m 1777 tmp
	mkdir -m 2750 shared
	chown 10:20 shared
	echo one >etc/one
	echo old >etc/changed
	echo gone >gone/file
	echo hidden >opaque/below
	cp "$(command -v busybox)" bin/busybox
	chmod 4755 bin/busybox
	ln bin/busybox bin/sh
	ln -s busybox bin/ls
	ln -s /nowhere/at/all dangling
	ln -s ../../outside up
	mkfifo pipe
	mknod -m 666 null c 1 3
	mknod -m 600 disk b 7 200
	chown 70000:80000 etc/one
	/usr/bin/python3 -c '
import os
os.setxattr("etc/one", "user.colour", b"red\0blue")
os.setxattr("bin/busybox", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))'
	printf 'x' >$'name\xff\xfewith bytes'
	printf 'x' >'name with spaces and ü'
	printf 'end' | dd of=sparse bs=1 seek=5000000 conv=notrunc 2>/dev/null
	: >"$(printf 'l%.0s' $(seq 200))"
	touch -d '2001-02-03 04:05:06.123456789' etc/one
	touch -h -d '1999-12-31 23:59:59' dangling
	cd - >/dev/null || return 1
}

# Files that are changed, gone, replaced by other kinds; a folder that is made anew.
second() {
	cd "$1" || return 1
	echo new >etc/changed
	rm -r gone opaque bin/ls
	mkdir opaque
	echo new >opaque/above
	echo "a file now" >bin/ls
	rm pipe
	mkdir pipe
	chmod 700 shared
	touch -d '2010-01-01' tmp
	cd - >/dev/null || return 1
}

setup_file() {
	images_setup
	export ONE=$BATS_FILE_TMPDIR/one TWO=$BATS_FILE_TMPDIR/two
	make_layout "$TWO" everything second
	make_layout "$ONE" everything
	debian_registry plain
	debian_registry other
	fake_registry fake --layers 3 --size 400000
}
teardown_file() { images_teardown; }
teardown() {
	remove_containers
	forget_images
	fake_reset "$FAKE"
}

# The folders of an image's layers as the engine has unpacked them, the top first.
layer_folders() {
	berth image inspect "$1" | DATA=$WORK/data /usr/bin/python3 -c '
import hashlib, json, os, sys
chain, folders = "", []
for diff in json.load(sys.stdin)[0]["RootFS"]["Layers"]:
    chain = "sha256:" + hashlib.sha256(f"{chain} {diff}".encode()).hexdigest() if chain else diff
    folders.insert(0, os.path.join(os.environ["DATA"], "snapshots", chain.replace(":", "-"), "fs"))
print("\n".join(folders))'
}

# Compares what the engine unpacked of an image with what umoci unpacks of the layout that it came from.
compare_with_umoci() {
	local image=$1 layout=$2 folders
	mapfile -t folders < <(layer_folders "$image")
	[ "${#folders[@]}" -eq 1 ] || export TREE_FOLDER_TIMES=no
	"$BATS_TEST_DIRNAME/tree" --layers "${folders[@]}" >"$BATS_TEST_TMPDIR/ours"
	umoci unpack --image "$layout" "$BATS_TEST_TMPDIR/bundle"
	"$BATS_TEST_DIRNAME/tree" "$BATS_TEST_TMPDIR/bundle/rootfs" >"$BATS_TEST_TMPDIR/umoci"
	rm -rf "$BATS_TEST_TMPDIR/bundle"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/ours")" -ge 3 ]
	diff "$BATS_TEST_TMPDIR/umoci" "$BATS_TEST_TMPDIR/ours"
}

@test "a tree of all kinds, as umoci unpacks it" {
	copy "oci:$TWO:box" "docker://$PLAIN/all/kinds:1"
	run berth pull "$PLAIN/all/kinds:1"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"1: Pulling from all/kinds"*"Digest: $(remote_digest "$PLAIN/all/kinds:1")"* ]]
	[[ "$output" == *"Status: Downloaded newer image for $PLAIN/all/kinds:1"* ]]
	[ "${lines[-1]}" = "$PLAIN/all/kinds:1" ]
	compare_with_umoci "$PLAIN/all/kinds:1" "$TWO:box"
	[ "$(berth run --rm --network none "$PLAIN/all/kinds:1" /bin/busybox cat /etc/changed /opaque/above)" = $'new\nnew' ]
}

@test "the times of folders, to the nanosecond" {
	copy "oci:$ONE:box" "docker://$PLAIN/times:1"
	berth pull -q "$PLAIN/times:1"
	compare_with_umoci "$PLAIN/times:1" "$ONE:box"
}

@test "layers as zstd, in Docker's form, uncompressed" {
	# to a registry of which skopeo does not know that it has the layers already
	copy --dest-compress-format zstd "oci:$TWO:box" "docker://$OTHER/box:zstd"
	skopeo inspect --tls-verify=false --raw "docker://$OTHER/box:zstd" | grep -q 'tar+zstd'
	copy -f v2s2 "oci:$TWO:box" "docker://$PLAIN/box:docker"
	skopeo inspect --tls-verify=false --raw "docker://$PLAIN/box:docker" | grep -q docker.distribution.manifest.v2
	for name in "$OTHER/box:zstd" "$PLAIN/box:docker"; do
		berth pull -q "$name"
		compare_with_umoci "$name" "$TWO:box"
		forget_images
	done
	copy "oci:$TWO:box" "dir:$BATS_TEST_TMPDIR/dir" --dest-decompress
	copy --preserve-digests "dir:$BATS_TEST_TMPDIR/dir" "docker://$PLAIN/box:plain"
	skopeo inspect --tls-verify=false --raw "docker://$PLAIN/box:plain" | grep -q 'tar"'
	berth pull -q "$PLAIN/box:plain"
	compare_with_umoci "$PLAIN/box:plain" "$TWO:box"
}

@test "an image of forty layers" {
	copy "docker://$FAKE/test/forty:1" "oci:$BATS_TEST_TMPDIR/forty:box"
	copy "docker://$FAKE/test/forty:1" "docker://$PLAIN/forty:1"
	berth pull -q "$PLAIN/forty:1"
	[ "$(layer_folders "$PLAIN/forty:1" | wc -l)" -eq 40 ]
	compare_with_umoci "$PLAIN/forty:1" "$BATS_TEST_TMPDIR/forty:box"
	[ "$(grep -c "'file" "$BATS_TEST_TMPDIR/ours")" -eq 40 ]
}

@test "an index: the machine's platform, another one by --platform, one that it has not" {
	berth pull "$FAKE/test/index:1"
	[ "$(berth image inspect -f '{{.Os}}/{{.Architecture}}' "$FAKE/test/index:1")" = linux/amd64 ]
	berth pull --platform linux/arm64 "$FAKE/test/index:1"
	[ "$(berth image inspect -f '{{.Os}}/{{.Architecture}}' "$FAKE/test/index:1")" = linux/arm64 ]
	run berth pull --platform linux/s390x "$FAKE/test/index:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"linux/s390x"* ]]
	# the same through the registry that others fill
	copy --all "docker://$FAKE/test/index:1" "docker://$PLAIN/index:1"
	berth pull -q "$PLAIN/index:1"
	[ "$(berth image inspect -f '{{index .RepoDigests 0}}' "$PLAIN/index:1")" = "$PLAIN/index@$(remote_digest "$PLAIN/index:1")" ]
}

@test "by digest, and what its name is then" {
	digest=$(remote_digest "$FAKE/test/image:1")
	berth pull "$FAKE/test/image@$digest"
	[ "$(berth image inspect -f '{{index .RepoDigests 0}} {{len .RepoTags}}' "$FAKE/test/image@$digest")" = "$FAKE/test/image@$digest 0" ]
	run berth pull "$FAKE/test/image@sha256:$(printf '0%.0s' $(seq 64))"
	[ "$status" -eq 1 ]
	[[ "$output" == *"not found"* ]]
}

@test "all tags of a repository" {
	for tag in 1 2 three; do
		copy "docker://$FAKE/test/image:1" "docker://$PLAIN/many:$tag"
	done
	run berth pull -a "$PLAIN/many"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "$PLAIN/many" ]
	[ "$(berth images --format '{{.Tag}}' "$PLAIN/many" | sort | tr '\n' ' ')" = "1 2 three " ]
	run berth pull -a "$PLAIN/many:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"tag can't be used with --all-tags/-a"* ]]
}

@test "what is here is not fetched again" {
	berth pull -q "$FAKE/test/image:1"
	fake "$FAKE" DELETE _log
	run berth pull "$FAKE/test/image:1"
	[[ "$output" == *"Status: Image is up to date for $FAKE/test/image:1"* ]]
	[ "$(fake_requests "$FAKE" | grep -c .)" -eq 1 ]
	# another image with the same layers: only its manifest
	berth rmi "$FAKE/test/image:1" >/dev/null
	copy "docker://$FAKE/test/image:1" "docker://$PLAIN/same:1"
	berth pull -q "$PLAIN/same:1"
	fake "$FAKE" DELETE _log
	run berth pull "$FAKE/test/image:1"
	[ "$(grep -c 'Already exists' <<<"$output")" -eq 3 ]
	run fake_requests "$FAKE"
	[[ "$output" != *"GET /v2/test/image/blobs/"* ]]
}

@test "an engine that was killed in the middle of a pull goes on at the byte where it was" {
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "trickle", "bytes": 20000, "seconds": 0.3}]'
	berth pull "$FAKE/test/image:1" >/dev/null 2>&1 3>&- 4>&- &
	eventually sh -c "find '$WORK/data/blobs/ingest' -type f -size +100k | grep -q ."
	engine_stop KILL
	wait || true
	fake_reset "$FAKE"
	engine_again
	berth pull -q "$FAKE/test/image:1"
	run fake_requests "$FAKE"
	echo "$output"
	# at least one blob was not fetched from its beginning
	[[ "$output" =~ blobs/[^$'\n']*range=bytes=[1-9][0-9]{4,}- ]]
	berth image inspect "$FAKE/test/image:1" >/dev/null
}

@test "Ctrl-C ends a pull, in the engine too" {
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "trickle", "bytes": 1000, "seconds": 0.2}]'
	"$BERTH_BUILD/berth" pull "$FAKE/test/image:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
	pid=$!
	eventually grep -q 'Pulling fs layer' "$BATS_TEST_TMPDIR/out"
	before=$(grep -c 'POST .*/images/create: ' "$WORK/log" || true)
	kill $pid # bash lets what runs in the background ignore SIGINT
	wait $pid || true
	# what is left would take minutes
	eventually sh -c "[ \$(grep -c 'POST .*/images/create: ' '$WORK/log') -gt $before ]"
	run berth image inspect "$FAKE/test/image:1"
	[ "$status" -eq 1 ]
}

@test "a mirror of docker.io is asked, and docker.io's name is kept" {
	copy "docker://$FAKE/test/image:1" "docker://$PLAIN/library/mirrored:1"
	engine_stop
	engine_again --registry-mirror "http://$PLAIN" --registry-mirror "example.invalid:1=http://$PLAIN"
	debian_forget plain
	run berth pull mirrored:1
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = docker.io/library/mirrored:1 ]
	[ "$(berth images --format '{{.Repository}}:{{.Tag}}' mirrored)" = mirrored:1 ]
	debian_requests plain | grep -q 'GET /v2/library/mirrored/blobs/.* 20[06]'
	copy "docker://$FAKE/test/image:1" "docker://$PLAIN/its/own:1"
	berth pull -q example.invalid:1/its/own:1
	[ "$(berth info --format '{{json .RegistryConfig.Mirrors}}')" = "[\"http://$PLAIN\"]" ]
	engine_stop
	engine_again
}

@test "run pulls what is missing, and --pull says when" {
	copy "oci:$ONE:box" "docker://$PLAIN/box:latest"
	run berth run --rm --network none --pull never "$PLAIN/box" /bin/busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"No such image: $PLAIN/box:latest"* ]]
	berth run --rm --network none "$PLAIN/box" /bin/busybox echo works >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = works ]
	head -n 1 "$BATS_TEST_TMPDIR/err" | grep -qx "Unable to find image '$PLAIN/box:latest' locally"
	grep -q "Status: Downloaded newer image for $PLAIN/box:latest" "$BATS_TEST_TMPDIR/err"
	debian_forget plain
	[ "$(berth run --rm --network none "$PLAIN/box" /bin/busybox echo works 2>&1)" = works ]
	[ -z "$(debian_requests plain)" ]
	[ "$(berth run --rm --network none --pull always -q "$PLAIN/box" /bin/busybox echo works 2>&1)" = works ]
	debian_requests plain | grep -q 'manifests/latest'
	forget_images
	id=$(berth create --network none -q "$PLAIN/box" /bin/busybox true 2>&1)
	[ "${#id}" -eq 64 ]
	run berth run --rm "$PLAIN/nothing:here" true
	[ "$status" -eq 125 ]
	[[ "$output" == *"$PLAIN/nothing:here"*"not found"* ]]
	run berth run --pull sometimes busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"invalid pull option: 'sometimes'"* ]]
}

@test "a pull tells of itself: event, and no more than its words" {
	since=$(date +%s)
	run berth pull -q "$FAKE/test/image:1"
	[ "$output" = "$FAKE/test/image:1" ]
	events=$(berth events --since "$since" --until "$(($(date +%s) + 1))" --filter event=pull --format '{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}')
	grep -qx "pull $FAKE/test/image:1 $FAKE/test/image" <<<"$events"
	[ "$(berth image pull -q "$FAKE/test/image:1")" = "$FAKE/test/image:1" ]
}
