#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Cache mounts of builds as archives.

load ../helpers

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }

# Runs `script` in a build with the cache mount `id` at /c.
with_mount() {
	printf 'FROM busybox\nRUN --mount=type=cache,id=%s,target=/c --network=none %s\n' "$1" "$2" |
		berth build -q --no-cache -
}

@test "what is in a cache mount goes out and comes in again, whole, in place of what was there" {
	with_mount one 'mkdir -p /c/deep && echo kept > /c/deep/file && chown 7:8 /c/deep/file'
	with_mount two 'echo old > /c/old'
	berth builder mount export -o "$BATS_TEST_TMPDIR/one.tar" one
	berth builder mount import two "$BATS_TEST_TMPDIR/one.tar"
	with_mount two 'test "$(cat /c/deep/file)" = kept && test "$(stat -c %u:%g /c/deep/file)" = 7:8 && test ! -e /c/old'
	berth builder mount export one | berth builder mount import new
	with_mount new 'test "$(cat /c/deep/file)" = kept'
}

@test "a namespace has cache mounts of its own" {
	with_mount one 'echo plain > /c/plain'
	berth builder mount export -o "$BATS_TEST_TMPDIR/one.tar" one
	berth builder mount import --namespace other one "$BATS_TEST_TMPDIR/one.tar"
	printf 'FROM busybox\nRUN --mount=type=cache,id=one,target=/c --network=none cat /c/plain && touch /c/more\n' |
		berth build -q --no-cache --build-arg BUILDKIT_CACHE_MOUNT_NS=other -
	with_mount one 'test ! -e /c/more'
}

@test "what is missing, named badly or no archive is refused, and nothing is changed" {
	run berth builder mount export nothing
	[ "$status" -eq 1 ]
	[[ $output == *"no such cache mount: nothing"* ]]
	run berth builder mount import ../../up /dev/null
	[ "$status" -eq 1 ]
	[[ $output == *'it has ".."'* ]]
	with_mount kept 'echo kept > /c/file'
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
	run berth builder mount import kept "$BATS_TEST_TMPDIR/noise"
	[ "$status" -eq 1 ]
	with_mount kept 'test "$(cat /c/file)" = kept'
	[ -z "$(find "$WORK/data/build/mounts" -name '.new-*')" ]
}
