#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images pushed to Debian's registry and taken from there by other software; and to one that misbehaves.

load helpers
bats_require_minimum_version 1.5.0

setup_file() {
	images_setup
	debian_registry plain
	debian_registry other
	fake_registry fake --layers 3 --size 300000
	berth image tag busybox box:1
}
teardown_file() { images_teardown; }
teardown() {
	remove_containers
	berth images --format '{{.Repository}}:{{.Tag}}' | grep -v -e '^busybox:' -e '^box:1$' -e '<none>' | xargs -r "$BERTH_BUILD/berth" rmi >/dev/null
	fake_reset "$FAKE"
}

# An image that nobody has yet.
new_image() {
	mkdir -p "$BATS_TEST_TMPDIR/root/bin"
	cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/bin/busybox"
	head -c "${2:-1000000}" /dev/urandom >"$BATS_TEST_TMPDIR/root/data"
	tar -C "$BATS_TEST_TMPDIR/root" -c . | berth import -c 'CMD ["/bin/busybox","echo","hello"]' - "$1" >/dev/null
}

@test "pushed, and taken back by skopeo, podman, buildah and umoci" {
	command -v podman buildah >/dev/null || skip "podman and buildah are not installed"
	new_image "$PLAIN/new/image:1"
	run berth push "$PLAIN/new/image:1"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "The push refers to repository [$PLAIN/new/image]" ]
	[[ "$output" == *": Pushed"* ]]
	digest=$(remote_digest "$PLAIN/new/image:1")
	[[ "${lines[-1]}" =~ ^1:\ digest:\ $digest\ size:\ [0-9]+$ ]]
	# what came back is what went there: its digest, its configuration, its files
	copy "docker://$PLAIN/new/image:1" "oci:$BATS_TEST_TMPDIR/oci:1"
	id=$(berth image inspect -f '{{.Id}}' "$PLAIN/new/image:1")
	[ "$(skopeo inspect --raw "oci:$BATS_TEST_TMPDIR/oci:1" | grep -o "$id")" = "$id" ]
	umoci unpack --image "$BATS_TEST_TMPDIR/oci:1" "$BATS_TEST_TMPDIR/bundle"
	cmp "$BATS_TEST_TMPDIR/root/data" "$BATS_TEST_TMPDIR/bundle/rootfs/data"
	local own=(--root "$BATS_TEST_TMPDIR/storage" --runroot "$BATS_TEST_TMPDIR/run" --storage-driver vfs)
	unset DOCKER_CONFIG
	podman "${own[@]}" pull -q --tls-verify=false "$PLAIN/new/image:1"
	[ "sha256:$(podman "${own[@]}" images -q --no-trunc "$PLAIN/new/image:1" | sed 's/sha256://')" = "$id" ]
	buildah "${own[@]}" pull -q --tls-verify=false "$PLAIN/new/image:1"
	podman "${own[@]}" rmi -af >/dev/null
	rm -rf "$BATS_TEST_TMPDIR/storage"
	# and here: gone, pulled, run
	berth rmi "$PLAIN/new/image:1" >/dev/null
	[ "$(berth run --rm -q --network none "$PLAIN/new/image:1")" = hello ]
	[ "$(berth image inspect -f '{{.Id}}' "$PLAIN/new/image:1")" = "$id" ]
	[ "$(berth image inspect -f '{{index .RepoDigests 0}}' "$PLAIN/new/image:1")" = "$PLAIN/new/image@$digest" ]
}

@test "what was pulled is pushed as it was: the same digests" {
	for tag in image index; do
		berth pull -q "$FAKE/test/$tag:1"
		berth tag "$FAKE/test/$tag:1" "$PLAIN/copy/$tag:1"
		berth push -q "$PLAIN/copy/$tag:1"
	done
	[ "$(remote_digest "$PLAIN/copy/image:1")" = "$(remote_digest "$FAKE/test/image:1")" ]
	# of the index this machine's image
	amd64=$(skopeo inspect --tls-verify=false --raw "docker://$FAKE/test/index:1" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["manifests"][0]["digest"])')
	[ "$(remote_digest "$PLAIN/copy/index:1")" = "$amd64" ]
}

@test "a second push uploads nothing" {
	new_image "$PLAIN/twice:1"
	berth push -q "$PLAIN/twice:1"
	debian_forget plain
	run berth push "$PLAIN/twice:1"
	[[ "$output" == *": Layer already exists"* ]]
	debian_requests plain | lacks '^(POST|PATCH) |^PUT .*/blobs/'
	# nor does an image with another configuration upload the layer again
	tar -C "$BATS_TEST_TMPDIR/root" -c . | berth import -c 'CMD ["/bin/busybox","echo","other"]' - "$PLAIN/twice:2" >/dev/null
	debian_forget plain
	berth push "$PLAIN/twice:2"
	[ "$(debian_requests plain | grep -c '^POST ')" -eq 1 ]
	# the compressed layer is kept, also over a restart of the engine: the same digest elsewhere
	engine_stop
	engine_again
	berth tag "$PLAIN/twice:1" "$OTHER/twice:1"
	berth push -q "$OTHER/twice:1"
	[ "$(remote_digest "$OTHER/twice:1")" = "$(remote_digest "$PLAIN/twice:1")" ]
}

@test "what another repository has is taken from there" {
	new_image "$PLAIN/first/place:1"
	berth push -q "$PLAIN/first/place:1"
	berth tag "$PLAIN/first/place:1" "$PLAIN/second/place:1"
	debian_forget plain
	run berth push "$PLAIN/second/place:1"
	[[ "$output" == *": Mounted from first/place"* ]]
	debian_requests plain | grep -Eq '^POST /v2/second/place/blobs/uploads/\?.*mount=sha256.* 201$'
	# none of the layer's bytes went again
	debian_requests plain | lacks '^PATCH '
	berth rmi "$PLAIN/first/place:1" "$PLAIN/second/place:1" >/dev/null
	[ "$(berth run --rm -q --network none "$PLAIN/second/place:1")" = hello ]
}

@test "all tags, and names that are not here" {
	berth tag box:1 "$PLAIN/tags:a"
	berth tag box:1 "$PLAIN/tags:b"
	run berth push -a "$PLAIN/tags"
	[ "$status" -eq 0 ]
	[ "$(curl -s "http://$PLAIN/v2/tags/tags/list" | /usr/bin/python3 -c 'import json, sys; print(sorted(json.load(sys.stdin)["tags"]))')" = "['a', 'b']" ]
	run berth push -a "$PLAIN/tags:a"
	[ "$status" -eq 1 ]
	[[ "$output" == *"tag can't be used with --all-tags/-a"* ]]
	run berth push "$PLAIN/nothing:here"
	[ "$status" -eq 1 ]
	[[ "$output" == *"An image does not exist locally with the tag: $PLAIN/nothing"* ]]
	run berth push "$PLAIN/tags@sha256:$(printf '0%.0s' $(seq 64))"
	[ "$status" -eq 1 ]
	run berth push --platform linux/s390x "$PLAIN/tags:a"
	[ "$status" -eq 1 ]
	[[ "$output" == *"does not provide the specified platform (linux/s390x)"* ]]
	berth push -q --platform linux/amd64 "$PLAIN/tags:a"
}

@test "a push goes on where the registry failed" {
	new_image "$FAKE/flaky:1" 3000000
	fake_rules "$FAKE" '[{"match": "(PATCH|PUT) .*/blobs/", "do": "status", "code": 503, "times": 2},
		{"match": "PUT .*/manifests/", "do": "status", "code": 429, "headers": {"Retry-After": "1"}, "times": 1}]'
	started=$SECONDS
	berth push "$FAKE/flaky:1"
	[ $((SECONDS - started)) -ge 1 ]
	fake "$FAKE" PUT _rules '[]'
	berth rmi "$FAKE/flaky:1" >/dev/null
	[ "$(berth run --rm -q --network none "$FAKE/flaky:1")" = hello ]
}

@test "chunks, where the registry wants them" {
	new_image "$FAKE/chunks:1" 3000000
	fake_rules "$FAKE" '[{"match": "POST .*/blobs/uploads/", "do": "headers", "headers": {"OCI-Chunk-Min-Length": "1000000"}}]'
	berth push "$FAKE/chunks:1"
	fake_requests "$FAKE"
	[ "$(fake_requests "$FAKE" | grep -c '^PATCH ')" -ge 1 ]
	berth rmi "$FAKE/chunks:1" >/dev/null
	[ "$(berth run --rm -q --network none "$FAKE/chunks:1")" = hello ]
}

@test "a refusal is told with the registry's words" {
	new_image "$FAKE/full:1" 1000
	fake_rules "$FAKE" '[{"match": "PUT .*/manifests/", "do": "status", "code": 403,
		"body": "{\"errors\": [{\"code\": \"DENIED\", \"message\": \"quota exceeded\"}]}"}]'
	run berth push "$FAKE/full:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"quota exceeded"* ]]
}

@test "manifest lists: create, annotate, inspect, push, pull, rm" {
	berth tag box:1 "$PLAIN/list/one:1"
	berth push -q "$PLAIN/list/one:1"
	tar -P -c --transform 's/.*/file/' -f - "$BATS_TEST_FILENAME" | berth import --platform linux/arm64 - "$OTHER/list/two:1" >/dev/null
	berth push -q "$OTHER/list/two:1"
	[ "$(berth manifest create "$PLAIN/list/all:1" "$PLAIN/list/one:1" "$OTHER/list/two:1")" = "Created manifest list $PLAIN/list/all:1" ]
	run berth manifest create "$PLAIN/list/all:1" "$PLAIN/list/one:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"refusing to amend an existing manifest list with no --amend flag"* ]]
	[ "$(berth manifest inspect "$PLAIN/list/all:1" | grep -o '"arm64"')" = '"arm64"' ]
	berth manifest annotate --os-version 1.2 --variant v8 "$PLAIN/list/all:1" "$OTHER/list/two:1"
	berth manifest inspect "$PLAIN/list/all:1" | grep -q '"variant": "v8"'
	digest=$(berth manifest push "$PLAIN/list/all:1")
	[ "$digest" = "$(remote_digest "$PLAIN/list/all:1")" ]
	berth manifest rm "$PLAIN/list/all:1"
	[ ! -e "$DOCKER_CONFIG/manifests/${PLAIN/:/-}_list_all-1" ]
	# both are in the registry of the list now
	berth rmi "$OTHER/list/two:1" >/dev/null
	berth pull -q --platform linux/arm64 "$PLAIN/list/all:1"
	[ "$(berth image inspect -f '{{.Architecture}}' "$PLAIN/list/all:1")" = arm64 ]
	berth manifest inspect -v "$PLAIN/list/all:1" | grep -q "\"Ref\": \"$PLAIN/list/all@sha256:"
	run berth manifest push "$PLAIN/list/all:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"No such manifest: $PLAIN/list/all:1"* ]]
	run berth manifest create --insecure "$PLAIN/x:1" "$PLAIN/list/one:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"insecure-registries"* ]]
}

@test "builds go out annotated and as zstd, twice the same, and are taken back" {
	command -v podman >/dev/null || skip "podman is not installed"
	cd "$BATS_TEST_TMPDIR"
	printf 'FROM busybox\nCOPY file /file\nCMD ["cat", "/file"]\n' >Dockerfile
	seq 20000 >file
	out=type=registry,compression=zstd,compression-level=9,force-compression=true
	berth build -q --network none -t "$PLAIN/built:1" -o "$out" --annotation Key.of=value .
	berth build -q --network none -t "$PLAIN/built:2" -o "$out,annotation.Key.of=value" .
	manifest=$(skopeo inspect --tls-verify=false --raw "docker://$PLAIN/built:1")
	[ "$(jq -r '.annotations["Key.of"]' <<<"$manifest")" = value ]
	[ "$(jq -r '.layers[].mediaType' <<<"$manifest" | sort -u)" = application/vnd.oci.image.layer.v1.tar+zstd ]
	[ "$(remote_digest "$PLAIN/built:1")" = "$(remote_digest "$PLAIN/built:2")" ]
	local own=(--root "$BATS_TEST_TMPDIR/storage" --runroot "$BATS_TEST_TMPDIR/run" --storage-driver vfs)
	DOCKER_CONFIG='' podman "${own[@]}" pull -q --tls-verify=false "$PLAIN/built:1"
	podman "${own[@]}" rmi -af >/dev/null
	rm -rf "$BATS_TEST_TMPDIR/storage"
	[ "$(berth run --rm -q --network none "$PLAIN/built:1" | cksum)" = "$(cksum <file)" ]
	berth rmi "$PLAIN/built:1" >/dev/null
	# the engine's own image has both, and is pushed with them
	berth build -q --network none -t "$PLAIN/own:1" -o type=image,compression=zstd --annotation a=b .
	berth push -q "$PLAIN/own:1"
	skopeo inspect --tls-verify=false --raw "docker://$PLAIN/own:1" | jq -e '.annotations.a == "b" and (.layers[-1].mediaType | endswith("+zstd"))'
	# an index in a layout; and an archive that is loaded
	berth build -q --network none --provenance true --annotation index,manifest,index-descriptor:n=m -o type=oci,dest=layout,tar=false .
	[ "$(jq -r '.manifests[0].annotations.n' layout/index.json)" = m ]
	index=$(skopeo inspect --raw oci:layout)
	[ "$(jq -r .annotations.n <<<"$index")" = m ]
	blob=layout/blobs/sha256/$(jq -r '.manifests[0].digest' <<<"$index" | cut -d: -f2)
	[ "$(jq -r .annotations.n "$blob")" = m ]
	berth build -q --network none -t loaded:1 -o type=docker,dest=archive,compression=zstd .
	berth load -q -i archive
	[ "$(berth run --rm --network none loaded:1 | cksum)" = "$(cksum <file)" ]
}

@test "a base image of another platform takes no name away" {
	cd "$BATS_TEST_TMPDIR"
	machine=$(berth version -f '{{.Server.Arch}}')
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	berth build -q --platform "linux/$machine,linux/s390x" -t "$PLAIN/multi:1" -o type=registry .
	printf 'FROM %s\nCOPY Dockerfile /again\n' "$PLAIN/multi:1" >Dockerfile
	berth build -q --platform linux/s390x -t foreign .
	[ "$(berth image inspect -f '{{.Architecture}}' foreign)" = s390x ]
	run ! berth image inspect "$PLAIN/multi:1"
	berth build -q .
	[ "$(berth image inspect -f '{{.Architecture}}' "$PLAIN/multi:1")" = "$machine" ]
	berth build -q --pull --no-cache --platform linux/s390x -t foreign .
	[ "$(berth image inspect -f '{{.Architecture}}' "$PLAIN/multi:1")" = "$machine" ]
	[ "$(berth image inspect -f '{{.Architecture}}' foreign)" = s390x ]
}
