#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# logs, attach and events.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

start() {
	berth run --network none "$@"
}

@test "logs: both streams, tail, timestamps, since" {
	start --name box busybox sh -c 'for i in 1 2 3 4 5; do echo line $i; done; echo err >&2' >/dev/null 2>&1
	[ "$(berth logs box 2>/dev/null | tail -n 1)" = "line 5" ]
	[ "$(berth logs box 2>&1 >/dev/null)" = err ]
	[ "$(berth logs -n 2 box 2>&1 | wc -l)" -eq 2 ]
	[[ "$(berth logs -t -n 1 box 2>&1)" =~ ^20[0-9-]+T[0-9:.]+Z\ err$ ]]
	[ -z "$(berth logs --until 2020-01-01 box 2>&1)" ]
	[ "$(berth logs --since 1h box 2>/dev/null | wc -l)" -eq 5 ]
	run berth logs nothere
	[ "$status" -eq 1 ]
	[ "$output" = "Error response from daemon: No such container: nothere" ]
}

@test "logs -f follows until the end" {
	start -d --name box busybox sh -c 'for i in 1 2 3; do echo line $i; sleep 0.3; done' >/dev/null
	[ "$(timeout 60 "$BERTH_BUILD/berth" logs -f box | tail -n 1)" = "line 3" ]
}

@test "logs of a terminal are raw" {
	start -dt --name box busybox echo hello >/dev/null
	berth wait box
	[ "$(berth logs box | tr -d '\r')" = hello ]
}

@test "attach: output, half-closed input, the status" {
	berth create -i --name box --network none busybox sh -c 'read line; echo got $line; cat; exit 5'
	berth start box
	run bash -c "printf 'one\ntwo\n' | timeout -s KILL 60 '$BERTH_BUILD/berth' attach box"
	[ "$status" -eq 5 ]
	[ "$output" = "$(printf 'got one\ntwo')" ]
}

@test "attach --no-stdin only listens; several may" {
	start -di --name box busybox sh -c '(until [ -e /heard ]; do echo tick; sleep 0.05; done) & read x; wait; echo said $x' >/dev/null
	"$BERTH_BUILD/berth" attach --no-stdin box >"$BATS_TEST_TMPDIR/one" </dev/null 3>&- &
	first=$!
	eventually grep -q tick "$BATS_TEST_TMPDIR/one"
	berth exec box touch /heard
	echo hi | berth attach box >"$BATS_TEST_TMPDIR/two"
	wait $first
	[ "$(uniq "$BATS_TEST_TMPDIR/one")" = "$(printf 'tick\nsaid hi')" ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/two")" = "said hi" ]
}

@test "attach refuses what does not run" {
	start --name box busybox true
	run berth attach box
	[ "$status" -eq 1 ]
	[[ "$output" == *"cannot attach to a stopped container, start it first"* ]]
	run berth attach nothere
	[ "$output" = "Error response from daemon: No such container: nothere" ]
}

@test "events: past ones, formats and filters" {
	start --rm --name told busybox true
	run berth events --since 1h --until 0s --filter container=told --format '{{.Action}}'
	[ "$status" -eq 0 ]
	[[ "$output" == create*start*die* ]]
	berth events --since 1h --until 0s -f event=die | grep -qE '^20[0-9-]+T[0-9:.]+Z container die [0-9a-f]{64} \(.*exitCode=0.*name=told\)$'
	berth events --since 1h --until 0s --format json | jq -e -s 'map(select(.Action == "start")) | length >= 1'
	run berth events --filter bogus=1 --until 0s
	[ "$status" -eq 1 ]
}

@test "events as they happen" {
	"$BERTH_BUILD/berth" events --filter event=start --format '{{.Actor.Attributes.name}}' \
		>"$BATS_TEST_TMPDIR/events" 3>&- &
	pid=$!
	# The listener may come late to the first ones.
	told() { start --rm --name live busybox true && grep -qx live "$BATS_TEST_TMPDIR/events"; }
	eventually told
	kill $pid
}
