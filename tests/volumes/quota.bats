#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Volumes of limited size, on a data root whose file system has project quotas.

load helpers
bats_require_minimum_version 1.5.0

setup_file() {
	PLACE=$(mktemp -d "${TMPDIR:-/tmp}/berth-test-XXXXXX")
	made folder "$PLACE"
	export PLACE
	modprobe -q -a loop quota_v2 2>/dev/null || true
	truncate -s 256M "$PLACE/image"
	mkfs.ext4 -q -O quota,project -E quotatype=prjquota "$PLACE/image"
	mkdir "$PLACE/mount"
	if command mount -o loop,prjquota "$PLACE/image" "$PLACE/mount" 2>/dev/null; then
		TMPDIR=$PLACE/mount engine_setup
	fi
}

teardown_file() {
	[ -z "$WORK" ] || engine_teardown
	umount "$PLACE/mount" 2>/dev/null || true
	rm -rf "$PLACE"
}

setup() {
	[ -n "$WORK" ] || skip "this kernel cannot mount ext4 with project quotas (it has no quota format 2)"
}

teardown() {
	[ -z "$WORK" ] || clean_up
}

@test "a volume takes no more than its size, and what is removed can be used again" {
	api POST /volumes/create '{"Name":"small","DriverOpts":{"size":"4m"}}'
	api POST /volumes/create '{"Name":"other","DriverOpts":{"size":"8m"}}'
	run run_with '"Binds":["small:/d"]' dd if=/dev/zero of=/d/file bs=1M count=6
	[ "$status" -ne 0 ]
	[[ "$output" =~ "No space left on device"|"Disk quota exceeded"|"quota" ]]
	run_with '"Binds":["small:/d"]' rm /d/file
	run_with '"Binds":["small:/d"]' dd if=/dev/zero of=/d/file bs=1M count=3
	run_with '"Binds":["other:/d"]' dd if=/dev/zero of=/d/file bs=1M count=6
}

@test "the container sees the size as that of its file system" {
	api POST /volumes/create '{"Name":"small","DriverOpts":{"size":"4m"}}'
	run run_with '"Binds":["small:/d"]' stat -f -c '%b %S' /d
	echo "$output"
	[ "$((${output/ /*}))" = 4194304 ]
}

@test "a new volume after one with a limit is not limited" {
	api POST /volumes/create '{"Name":"small","DriverOpts":{"size":"1m"}}'
	api DELETE /volumes/small
	api POST /volumes/create '{"Name":"small"}'
	run_with '"Binds":["small:/d"]' dd if=/dev/zero of=/d/file bs=1M count=4
}

@test "first content that is larger than the volume fails the container, and leaves the volume empty" {
	mkdir "$BATS_TEST_TMPDIR/root"
	cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/busybox"
	mkdir "$BATS_TEST_TMPDIR/root/data"
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/root/data/file"
	tar -C "$BATS_TEST_TMPDIR/root" -c . |
		url -X POST -H 'Content-Type: application/x-tar' --data-binary @- 'http://x/images/create?fromSrc=-&repo=large' >/dev/null
	api POST /volumes/create '{"Name":"small","DriverOpts":{"size":"1m"}}'
	run api POST /containers/create '{"Image":"large","Cmd":["/busybox"],"HostConfig":{"NetworkMode":"none","Binds":["small:/data"]}}'
	[ "$status" -ne 0 ]
	[[ "$output" == *"more than the volume's size, which is 1048576"* ]]
	[ -z "$(ls -A "$(data_of small)")" ]
	[ "$(ls -A "$WORK/data/volumes/small")" = _data ]
}

@test "a container's own files take no more than its storage option, and its end gives the number back" {
	run run_with '"StorageOpt":{"size":"4m"}' dd if=/dev/zero of=/file bs=1M count=8
	[ "$status" -ne 0 ]
	[[ "$output" =~ "No space left on device"|"Disk quota exceeded"|"quota" ]]
	run_with '"StorageOpt":{"size":"4m"}' sh -c 'dd if=/dev/zero of=/file bs=1M count=2; rm /file; mv /etc/passwd /etc/other'
	run_with '"Binds":[]' dd if=/dev/zero of=/file bs=1M count=8
}
