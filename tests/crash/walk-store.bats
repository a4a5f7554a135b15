#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The engine is killed at each failpoint of what it keeps, and of its recovery; walk.py has the scenarios and what must hold afterwards.

load helpers

@test "killed at any point of images' lives, the engine loses and leaves nothing" {
	walk images
}

@test "killed at any point of volumes' lives, the engine loses and leaves nothing" {
	walk volumes
}

@test "killed at any point of a pull or push, the engine loses and leaves nothing, and goes on" {
	walk pulls
}

@test "killed at any point of its recovery, the engine recovers at the next start" {
	walk recovery
}

@test "killed at any point of a commit, the engine leaves nothing that is half made" {
	walk commits
}

@test "killed at any point of a build, the engine leaves nothing that is half made, and layers that are whole" {
	walk builds
}
