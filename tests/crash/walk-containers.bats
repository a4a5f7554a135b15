#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The engine, or a monitor, is killed at each failpoint of containers' and networks' lives; walk.py has the
# scenarios and what must hold afterwards.

load helpers

@test "killed at any point of containers' lives, the engine loses and leaves nothing" {
	walk containers
}

@test "killed at any point of networks' lives, connecting and publishing, the engine loses and leaves nothing" {
	walk networks
}

@test "when a monitor is killed at any point, the engine notices and leaves nothing" {
	walk monitors
}

@test "killed at any point of what plugins and CNI do for it, the engine leaves nothing there that it does not know" {
	walk plugins
}
