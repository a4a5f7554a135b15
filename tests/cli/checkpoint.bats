#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Checkpoints of containers. Where CRIU does not work on this kernel, the engine has to say so, and nothing is left; the
# rest runs in a virtual machine (tests/vm-long/checkpoint.bats).

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

counting() {
	berth run -d --network none "$@" busybox sh -c 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done' >/dev/null
}

works() {
	criu check >/dev/null 2>&1
}

last_of() {
	berth logs "$1" | tail -n 1
}

@test "names, folders and states that a checkpoint cannot be made of are refused" {
	berth create --name idle busybox true >/dev/null
	run -1 berth checkpoint create idle one
	[[ "$output" == *"Cannot checkpoint container idle: Container idle not running"* ]]
	run -1 berth checkpoint create idle ../one
	[[ "$output" == *"Invalid checkpoint ID (../one), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"* ]]
	run -1 berth checkpoint create --checkpoint-dir relative idle one
	[[ "$output" == *"must be an absolute path"* ]]
	run -1 berth checkpoint rm idle one
	[[ "$output" == *"checkpoint one does not exist for container idle"* ]]
	run -1 berth start --checkpoint one idle
	[[ "$output" == *"checkpoint one does not exist for container idle"* ]]
	[ "$(berth checkpoint ls idle)" = "CHECKPOINT NAME" ]
	berth run -dt --name terminal --network none busybox sleep 1000 >/dev/null
	run -1 berth checkpoint create terminal one
	[[ "$output" == *"checkpoint not supported on containers with tty"* ]]
}

@test "a checkpoint that cannot be written says why, and leaves the container and no folder" {
	counting --name box
	! works || skip "CRIU works here"
	run -1 berth checkpoint create box one
	echo "$output"
	[[ "$output" == *"Cannot checkpoint container box: "*[cC][rR][iI][uU]* ]]
	[ "$(berth checkpoint ls box)" = "CHECKPOINT NAME" ]
	[ "$(berth inspect -f '{{.State.Status}}' box)" = running ]
	[ -z "$(ls -A "$WORK/data/containers/$(berth inspect -f '{{.Id}}' box)/checkpoints")" ]
}

@test "a container goes on from where it was" {
	works || skip "CRIU does not work on this kernel"
	counting --name box
	local first
	past() { [ "$(last_of box)" -gt "$1" ]; }
	eventually past 5
	[ "$(berth checkpoint create --leave-running box running)" = running ]
	first=$(last_of box)
	eventually past "$first"
	berth checkpoint create box end
	[ "$(berth inspect -f '{{.State.Status}}' box)" = exited ]
	[ "$(berth checkpoint ls box)" = "$(printf 'CHECKPOINT NAME\nend\nrunning')" ]
	run -1 berth checkpoint create box end
	first=$(last_of box)
	berth start --checkpoint end box
	eventually past "$first"
	[ "$(berth inspect -f '{{.State.Running}}' box)" = true ]
	# The restored one is as any other: its log, its execs, its end, also after a crash of the engine.
	berth exec box true
	engine_stop KILL
	engine_start
	first=$(last_of box)
	eventually past "$first"
	berth stop -t 0 box >/dev/null
	[ "$(berth inspect -f '{{.State.ExitCode}}' box)" = 137 ]
	berth checkpoint rm box running
	[ "$(berth checkpoint ls box)" = "$(printf 'CHECKPOINT NAME\nend')" ]
	berth events --since 1h --until 0s --filter event=checkpoint | grep -q 'name=end'
	# A folder of one's own; a container that is created anew starts from it, too.
	counting --name again
	last_of again
	berth checkpoint create --checkpoint-dir "$WORK/saved" again one
	[ -d "$WORK/saved/one" ]
	berth start --checkpoint one --checkpoint-dir "$WORK/saved" again
	[ "$(berth inspect -f '{{.State.Running}}' again)" = true ]
}
