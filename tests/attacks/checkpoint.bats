#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hostile checkpoints: folders of images whose author wants more than config.json gives. All of this is refused before
# CRIU reads them, so CRIU need not work on this machine.

load helpers

restore() {
	runtime restore --bundle "$bundle" --image-path "$work/images" "$@" "$id" </dev/null
}

forge() {
	rm -rf "$work/images"
	"$BATS_TEST_DIRNAME/criu-images" "$work/images" "$@"
}

# What the last `run` said; nothing was made, neither state nor group.
refused_with() {
	echo "status $status: $output"
	[ "$status" = 1 ]
	[[ "$output" == *"$1"* ]]
	[ ! -e "$state/$id" ]
}

need_criu_program() {
	command -v criu >/dev/null || skip "criu is not installed"
}

@test "CVE-2024-8676, CVE-2026-53492: a checkpoint's mounts and devices are config.json's" {
	need_criu_program
	local mount
	configure '.process.capabilities.bounding=["CAP_KILL"]'
	for mount in "16:$work/canary" "16:/host:$work/canary" 16:/host:/host 5:/more 17:/proc/x 16:/x:/../../etc \
		16:/dev/sda:/dev/sda 3:/dev2 0:/x; do
		forge --mount "$mount"
		run restore
		refused_with "the images' mount /"
		grep -q 'config.json has no\|No such file\|cross-device' <<<"$output"
	done
	# One of config.json's own is none of those: this comes as far as CRIU, which does not like the rest.
	forge --mount 1:/proc --mount 5:/dev
	run restore
	refused_with "criu failed: restore: "
}

@test "CVE-2024-8676: what is mounted beneath a bind's source is found without the source's links" {
	need_criu_program
	mkdir "$work/data"
	ln -s "$work/canary" "$work/data/link"
	configure --arg source "$work/data" '.mounts += [{destination:"/data",type:"bind",source:$source,options:["rbind"]}]'
	for name in link ../canary link/sub sub; do
		forge --mount 16:/data:/data --mount "16:/data/$name:/data/$name"
		run restore
		refused_with "the images' mount /data/$name: "
	done
}

@test "CVE-2024-8676: a checkpoint's namespaces and groups are config.json's" {
	need_criu_program
	local namespace
	for namespace in mnt pid net ipc uts cgroup; do
		forge --shared $namespace
		run restore
		refused_with "has no $namespace namespace of its own, config.json says otherwise"
	done
	forge --group ../../../etc
	run restore
	refused_with 'has ".." in its name'
}

@test "CVE-2026-53489: links among a checkpoint's files are neither read nor written through" {
	need_criu_program
	local name
	for name in core-1.img pages-1.img inventory.img descriptors.json mountpoints-10.img; do
		forge
		ln -sf "$work/canary/file" "$work/images/$name"
		run restore
		refused_with "$name, which is no plain file"
	done
	forge
	mkfifo "$work/images/core-1.img"
	run restore
	refused_with "core-1.img, which is no plain file"
	# Those that are written are made anew.
	forge
	ln -s "$work/canary/file" "$work/images/restore.log"
	ln -s "$work/canary/file" "$work/images/stats-restore"
	run restore
	refused_with "criu failed: restore: "
	[ ! -L "$work/images/restore.log" ]
	launch 'sleep 100'
	forge
	ln -s "$work/canary/file" "$work/images/dump.log"
	ln -s "$work/canary/file" "$work/images/stats-dump"
	run runtime checkpoint --image-path "$work/images" --leave-running "$id"
	[ ! -L "$work/images/dump.log" ]
	ln -s "$work/canary/file" "$work/images/pages-7.img"
	run runtime checkpoint --image-path "$work/images" --leave-running "$id"
	[ "$status" = 1 ]
}

@test "CVE-2026-53489: earlier images are looked for beside the images only" {
	need_criu_program
	local target
	for target in / /etc "$work/canary" ../../etc .. ../images/../../..; do
		forge
		ln -sfn "$target" "$work/images/parent"
		run restore
		refused_with "the images' parent $target: must name a folder beside"
	done
	mkdir "$work/pre"
	ln -s "$work/canary/file" "$work/pre/pages-1.img"
	ln -sfn ../pre "$work/images/parent"
	run restore
	refused_with "the images' parent ../pre: "
	ln -sfn ../images "$work/images/parent" # for ever
	run restore
	refused_with "earlier images"
}
