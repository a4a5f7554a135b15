#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the store tells of itself: what images share, what deleting them frees, what is broken.

bats_require_minimum_version 1.5.0
load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

# Another image of busybox's own layer.
twin() {
	rm -rf "$BATS_TEST_TMPDIR/twin"
	mkdir "$BATS_TEST_TMPDIR/twin"
	berth save busybox | tar -C "$BATS_TEST_TMPDIR/twin" -x
	(
		cd "$BATS_TEST_TMPDIR/twin" || exit
		rm index.json oci-layout
		config=$(jq -r '.[0].Config' manifest.json)
		jq -c '.config.Cmd = ["twin"]' "$config" >twin.json
		jq -c '.[0].Config = "twin.json" | .[0].RepoTags = ["twin:1"]' manifest.json >new
		mv new manifest.json
		tar -c .
	) | berth load
}

@test "image tree tells what is shared and what deleting frees" {
	twin
	tree=$(berth image tree --format json)
	[ "$(jq '.Layers | length' <<<"$tree")" -eq 1 ]
	[ "$(jq '.Layers[0].Images | length' <<<"$tree")" -eq 2 ]
	size=$(jq '.LayersSize' <<<"$tree")
	[ "$(jq '[.Images[].SharedSize] | min' <<<"$tree")" -eq "$size" ]
	[ "$(jq '[.Images[].FreedSize] | max' <<<"$tree")" -lt 10000 ]
	run -0 berth image tree busybox
	[[ "${lines[0]}" == busybox:latest\ * ]]
	[[ "${lines[1]}" == "└─ "*"; shared with "* ]]
	[ "${#lines[@]}" -eq 2 ]
	berth rmi twin:1
	run -0 berth image tree --format '{{(index .Images 0).SharedSize}}'
	[ "$output" = 0 ]
	before=$(du -sb "$WORK/data/blobs/sha256" | cut -f1)
	freed=$(berth image tree --format '{{(index .Images 0).FreedSize}}')
	[ "$freed" -gt "$size" ]
	berth save -o "$BATS_TEST_TMPDIR/box.tar" busybox
	berth rmi busybox
	after=$(du -sb "$WORK/data/blobs/sha256" | cut -f1)
	[ $((before - after + size)) -eq "$freed" ]
	berth load -i "$BATS_TEST_TMPDIR/box.tar"
	run ! berth image tree nothere
	[[ "$output" == *"No such image: nothere"* ]]
}

@test "system df counts a shared layer once" {
	one=$(berth system df --format '{{.Size}}' | head -n 1)
	twin
	[ "$(berth system df --format '{{.Size}}' | head -n 1)" = "$one" ]
	[ "$(berth system df --format '{{.TotalCount}}' | head -n 1)" = 2 ]
	berth run -d --name user --network none busybox sleep 100
	run -0 berth system df --format '{{.Active}} {{.Reclaimable}}'
	[[ "${lines[0]}" == "1 0B (0%)" ]]
	remove_containers
	[[ "$(berth system df --format '{{.Reclaimable}}' | head -n 1)" == "$one (100%)" ]]
	berth rmi twin:1
}

@test "system check finds what is broken and repairs what is not in use" {
	run -0 berth system check
	[[ "$output" == *" references: whole" ]]
	berth save -o "$BATS_TEST_TMPDIR/box.tar" busybox
	layer=$(berth image tree --format '{{(index .Layers 0).Digest}}')
	printf '#' | dd of="$WORK/data/blobs/sha256/${layer#sha256:}" conv=notrunc status=none
	run -1 berth system check
	[[ "${lines[0]}" == "blob $layer: it is damaged: its content has the digest sha256:"* ]]
	[[ "$output" == *"used by: image sha256:"*"remedy: remove the images that use it"*": broken" ]]
	run -1 berth system check --repair
	[ "$(berth run --rm --network none busybox echo works)" = works ]
	berth rmi busybox
	berth load -i "$BATS_TEST_TMPDIR/box.tar"
	run -0 berth system check --format '{{.Whole}} {{len .Problems}}'
	[ "$output" = "true 0" ]

	stray=$WORK/data/snapshots/stray
	mkdir "$stray"
	run -1 berth system check
	[[ "$output" == *"folder snapshots/stray: no snapshot has it"* ]]
	run -0 berth system check --repair
	[[ "$output" == *"repaired"* ]]
	[ ! -e "$stray" ]
}

@test "system check drops an image that has lost something, and it can be loaded again" {
	berth save -o "$BATS_TEST_TMPDIR/box.tar" busybox
	id=$(berth images -q --no-trunc busybox)
	rm "$WORK/data/blobs/sha256/${id#sha256:}"
	run -1 berth system check
	[[ "$output" == *"image $id: it refers to blob $id, which is missing"* ]]
	run -0 berth system check --repair
	[ -z "$(berth images -q)" ]
	berth load -i "$BATS_TEST_TMPDIR/box.tar"
	run -0 berth system check
	[ "$(berth run --rm --network none busybox echo works)" = works ]
}
