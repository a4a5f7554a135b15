#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The stock docker command line against our engine: containers and their streams.

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

# A client that waits in vain passes even the signal on that should end it.
docker() {
	timeout -s KILL 60 docker "$@"
}

start() {
	docker run --network none "$@"
}

@test "run: output, errors, the status" {
	run bash -c "docker run --rm --network none busybox sh -c 'echo out; echo err >&2; exit 7' 2>$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
}

@test "statuses 125, 126 and 127" {
	run -127 start --rm busybox nothere
	[[ "$output" == *"executable file not found"* ]]
	run start --rm busybox /etc
	[ "$status" -eq 126 ]
	run start --rm --pull never nosuchimage true
	[ "$status" -eq 125 ]
	[[ "$output" == *"No such image: nosuchimage:latest"* ]]
}

@test "echo x | docker run -i … cat" {
	[ "$(echo x | start --rm -i busybox cat)" = x ]
	[ "$(head -c 2000000 /dev/zero | start --rm -i busybox wc -c)" = 2000000 ]
}

@test "run -it: its size, detaching, attaching again" {
	terminal timeout -s KILL --foreground 60 docker run -it --name tty --network none busybox sh <<-'END'
		expect #
		send until [ "$(stty size)" = "24 80" ]; do sleep 0.1; done; echo as""wide\n
		expect aswide
		send \x10\x11
		status 0
	END
	[ "$(docker inspect -f '{{.State.Running}}' tty)" = true ]
	terminal timeout -s KILL --foreground 60 docker attach tty <<-'END'
		raw
		send echo $((6*7))\n
		expect 42
		send exit 9\n
		status 9
	END
}

@test "run -d, ps, inspect, logs -f, stop, rm" {
	id=$(start -d --name box -l a=b busybox sh -c 'for i in 1 2 3; do echo line $i; sleep 0.2; done; exec sleep 1000')
	[ "$(docker ps -q --no-trunc)" = "$id" ]
	[ "$(docker ps --format '{{.Names}} {{.Image}} {{.Label "a"}} {{.State}}')" = "box busybox b running" ]
	[ "$(docker inspect -f '{{.State.Status}} {{.Config.Cmd}}' box | cut -c1-12)" = "running [sh " ]
	timeout 60 docker logs -f box >"$BATS_TEST_TMPDIR/log" 3>&- &
	pid=$!
	eventually grep -q "line 3" "$BATS_TEST_TMPDIR/log"
	[ "$(docker stop -t 1 box)" = box ]
	wait $pid
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/log")" = "line 3" ]
	[ "$(docker inspect -f '{{.State.Status}}' box)" = exited ]
	[[ "$(docker ps -a --format '{{.Status}}')" == "Exited (137) "* ]]
	[ "$(docker rm box)" = box ]
	run docker inspect box
	[ "$status" -eq 1 ]
}

@test "attach with half-closed input" {
	docker create -i --name box --network none busybox sh -c 'read line; echo got $line; cat; exit 5'
	docker start box
	run bash -c "printf 'one\ntwo\n' | timeout -s KILL 60 docker attach box"
	[ "$status" -eq 5 ]
	[ "$output" = "$(printf 'got one\ntwo')" ]
}

@test "create, start -ai, wait" {
	docker create -i --name box --network none busybox sh -c 'cat; exit 3' >/dev/null
	run bash -c "echo through | timeout -s KILL 60 docker start -ai box"
	[ "$status" -eq 3 ]
	[ "$output" = through ]
	[ "$(docker wait box)" = 3 ]
}

@test "kill, restart, pause, rename, top" {
	start -d --name box busybox sleep 1000
	docker pause box
	[[ "$(docker ps --format '{{.Status}}')" == *"(Paused)" ]]
	docker unpause box
	docker rename box other
	docker restart -t 0 other
	docker top other | grep -q "sleep 1000"
	docker kill -s KILL other
	[ "$(docker wait other)" = 137 ]
	run docker kill other
	[ "$status" -eq 1 ]
}

@test "run --rm waits until it is gone" {
	start --rm --name gone busybox true
	[ -z "$(docker ps -aq)" ]
}

@test "signals of docker run go to the container" {
	command docker run --network none --name sig busybox sh -c 'trap "exit 4" TERM; echo ready; while :; do sleep 0.1; done' \
		>"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status -eq 4 ]
}

@test "logs: tail, timestamps, both streams" {
	start --name box busybox sh -c 'seq 1 5; echo err >&2' >/dev/null 2>&1
	[ "$(docker logs -n 2 box 2>/dev/null | tail -n 1)" = 5 ]
	[ "$(docker logs box 2>&1 >/dev/null)" = err ]
	[[ "$(docker logs -t box 2>/dev/null | head -n 1)" =~ ^20[0-9-]+T[0-9:.]+Z\ 1$ ]]
}

@test "events" {
	start --rm --name told busybox true
	output=$(docker events --since 1h --until "$(($(date +%s) + 1))" -f container=told --format '{{.Action}}' | tr '\n' ' ')
	[[ "$output" == "create "*"start "*"die "* ]]
}

@test "version and info" {
	[[ "$(docker version --format '{{.Server.APIVersion}}')" == 1.47 ]]
	docker info | grep -q "Storage Driver"
	docker system df >/dev/null
}

@test "prune" {
	start --name ended busybox true
	[[ "$(docker container prune -f)" == *"Total reclaimed space"* ]]
	[ -z "$(docker ps -aq)" ]
	docker system prune -f
}

@test "our own command line understands the same engine by DOCKER_HOST" {
	unset BERTH_HOST
	start -d --name box busybox sleep 1000
	[ "$(berth ps --format '{{.Names}}')" = box ]
}
