#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The stock docker command line against our engine: logs and events.

load ../helpers

setup_file() {
	command -v docker >/dev/null || skip "there is no docker command line on this machine"
	engine_setup
}
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

docker() {
	timeout -s KILL 60 docker "$@"
}

start() {
	docker run --network none "$@"
}

@test "logs with every flag, of both drivers that keep files" {
	for driver in json-file local; do
		start -d --name "box-$driver" --log-driver "$driver" --log-opt max-size=4k --log-opt max-file=100 busybox \
			sh -c 'seq 1 300; echo err >&2; sleep 1; seq 301 600' >/dev/null
		[ "$(docker logs -f "box-$driver" 2>/dev/null | sha256sum)" = "$(seq 1 600 | sha256sum)" ]
		[ "$(docker logs "box-$driver" 2>&1 >/dev/null)" = err ]
		[ "$(docker logs --tail 3 "box-$driver" 2>/dev/null)" = "$(seq 598 600)" ]
		moment=$(docker logs -t --tail 300 "box-$driver" 2>/dev/null | head -n 1 | cut -d' ' -f1)
		[[ "$moment" =~ ^[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z$ ]]
		[ "$(docker logs --since "$moment" "box-$driver" 2>/dev/null | head -n 1)" = 301 ]
		[ "$(docker logs --until "$moment" "box-$driver" 2>/dev/null | head -n 300 | tail -n 1)" = 300 ]
	done
}

@test "details, and logs that cannot be read" {
	start --name box --label a=1 --log-opt labels=a busybox echo hi
	[ "$(docker logs --details box)" = "a=1 hi" ]
	start --name none --log-driver none busybox echo hi
	run docker logs none
	[ "$status" -eq 1 ]
	[ "$output" = "Error response from daemon: configured logging driver does not support reading" ]
	run start --name wrong --log-opt colour=red busybox true
	[ "$status" -eq 125 ]
	[[ "$output" = *"unknown log opt 'colour' for json-file log driver"* ]]
}

@test "following ends when the container stops, also if it is started again" {
	start -d --name box busybox sh -c 'echo begin; sleep 100' >/dev/null
	docker logs -f box >"$BATS_TEST_TMPDIR/log" 3>&- &
	follower=$!
	eventually grep -q begin "$BATS_TEST_TMPDIR/log"
	docker restart -t 0 box >/dev/null
	wait "$follower"
	[ "$(cat "$BATS_TEST_TMPDIR/log")" = begin ]
	eventually sh -c "[ \"\$(docker logs box | wc -l)\" = 2 ]"
}

@test "info names the drivers" {
	[ "$(docker info -f '{{.LoggingDriver}} {{.Plugins.Log}}')" = "json-file [fluentd journald json-file local syslog]" ]
}
