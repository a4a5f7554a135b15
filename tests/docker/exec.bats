#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The stock docker command line against our engine: exec and health.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() {
	command -v docker >/dev/null || skip "there is no docker command line on this machine"
	engine_setup
}
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

terminal() {
	"$BATS_TEST_DIRNAME/../terminal" "$@"
}

docker() {
	timeout -s KILL 60 docker "$@"
}

@test "exec: streams, input, the status, who and where" {
	docker run -d --name box --network none busybox sleep 1000
	run bash -c "docker exec box sh -c 'echo out; echo err >&2; exit 7' 2>$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
	[ "$(printf 'a\nb' | docker exec -i box sh -c 'cat; echo; echo end')" = "$(printf 'a\nb\nend')" ]
	[ "$(docker exec -u 1000 -w /tmp -e X=y box sh -c 'id -u; pwd; echo $X')" = "$(printf '1000\n/tmp\ny')" ]
	run -127 docker exec box nothere
	[[ "$output" == *"executable file not found"* ]]
	run -126 docker exec box /etc
	run -126 docker exec -u nobody2 box true
	[[ "$output" == *"unable to find user nobody2"* ]]
}

@test "exec: a terminal, its size, the keys that detach; -d" {
	docker run -d --name box --network none busybox sleep 1000
	terminal timeout -s KILL --foreground 60 docker exec -it box sh <<-'END'
		expect # 
		send tty\r
		expect /dev/pts/
		resize 30 90 again
		send until [ "$(stty size)" = "30 90" ]; do sleep 0.1; done; echo re""sized\r
		expect resized
		send exit 4\r
		status 4
	END
	terminal timeout -s KILL --foreground 60 docker exec -it --detach-keys a,b box sh -c 'echo ready; sleep 999; true' <<-'END'
		expect ready
		send ab
		expect read escape sequence
		status 1
	END
	docker exec -d box sleep 888
	docker top box | grep -q 'sleep 999'
	docker top box | grep -q 'sleep 888'
	docker pause box
	run -1 docker exec box true
	[[ "$output" == *"is paused"* ]]
	docker unpause box
}

@test "health options, (healthy), inspect" {
	docker run -d --name box --network none --health-cmd 'echo fine' --health-interval 100ms --health-timeout 3s \
		--health-retries 2 busybox sleep 1000
	well() { [ "$(docker inspect -f '{{.State.Health.Status}}' box)" = healthy ]; }
	eventually well
	[[ "$(docker ps --format '{{.Status}}')" == "Up "*" (healthy)" ]]
	[ "$(docker inspect -f '{{(index .State.Health.Log 0).Output}}' box)" = fine ]
	[ -n "$(docker ps -q -f health=healthy)" ]
	told() { docker events --since 1h --until 0s -f event=health_status --format '{{.Action}}' | grep -q 'health_status: healthy'; }
	eventually told
}
