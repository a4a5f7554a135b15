#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The engine is killed at each of its failpoints; walk.py has the scenarios and what must hold afterwards.

walk() {
	BERTH_BUILD=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build-failpoint} \
		/usr/bin/python3 -B "$BATS_TEST_DIRNAME/walk.py" "$1"
}

@test "killed at any point of containers' lives, the engine loses and leaves nothing" {
	walk containers
}

@test "killed at any point of networks' lives, connecting and publishing, the engine loses and leaves nothing" {
	walk networks
}

@test "killed at any point of images' lives, the engine loses and leaves nothing" {
	walk images
}

@test "killed at any point of volumes' lives, the engine loses and leaves nothing" {
	walk volumes
}

@test "killed at any point of what plugins and CNI do for it, the engine leaves nothing there that it does not know" {
	walk plugins
}

@test "killed at any point of a pull or push, the engine loses and leaves nothing, and goes on" {
	walk pulls
}

@test "killed at any point of its recovery, the engine recovers at the next start" {
	walk recovery
}

@test "when a monitor is killed at any point, the engine notices and leaves nothing" {
	walk monitors
}

@test "killed at any point of a commit, the engine leaves nothing that is half made" {
	walk commits
}

@test "killed at any point of a build, the engine leaves nothing that is half made, and layers that are whole" {
	walk builds
}
