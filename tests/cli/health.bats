#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Health checks, the restart policy that looks at them, and --init.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

start() {
	berth run -d --network none --name box "$@" >/dev/null
}

health() {
	berth inspect box | jq -c ".[0].State.Health$1"
}

# Whether a condition (jq) on the health holds.
holds() {
	[ "$(health " | $1")" = true ]
}

is() {
	[ "$(health .Status)" = "\"$1\"" ]
}

# The events of the container whose action begins with one of the words.
events() {
	berth events --since 1h --until 0s --filter "container=$(berth inspect -f '{{.Id}}' box)" "$@" --format '{{.Action}}'
}

@test "health: starting, healthy, unhealthy, with results, texts, filters and events" {
	start --health-cmd 'cat /tmp/state' --health-interval 150ms --health-retries 2 --health-timeout 5s \
		--health-start-period 20s --health-start-interval 100ms busybox sleep 1000
	[ "$(health .Status)" = '"starting"' ]
	[[ "$(berth ps --format '{{.Status}}')" == "Up "*" (health: starting)" ]]
	[ -n "$(berth ps -q -f health=starting)" ]
	[ -z "$(berth ps -q -f health=healthy)" ]
	# Failures within the start period do not count.
	eventually holds '(.Log | length) > 1'
	[ "$(health .FailingStreak)" = 0 ]
	[[ "$(health '.Log[0]')" == *'"ExitCode":1,"Output":"cat: '* ]]
	berth exec box sh -c 'echo well >/tmp/state'
	eventually is healthy
	[ "$(health '.Log[-1].Output')" = '"well\n"' ]
	[[ "$(berth ps --format '{{.Status}}')" == "Up "*" (healthy)" ]]
	berth exec box rm /tmp/state
	eventually is unhealthy
	[ "$(health '.FailingStreak >= 2')" = true ]
	[ -n "$(berth ps -q -f health=unhealthy)" ]
	eventually holds '(.Log | length) == 5'
	[ "$(events --filter event=health_status)" = "$(printf 'health_status: healthy\nhealth_status: unhealthy')" ]
	[[ "$(events)" == *"exec_create: /bin/sh -c cat /tmp/state"*"exec_start: /bin/sh -c cat /tmp/state"*"exec_die"* ]]
	berth kill box
	berth wait box
	is unhealthy
	berth start box
	is starting
	# What was found out before is forgotten.
	holds "[.Log[] | select(.Start < \"$(berth inspect -f '{{.State.StartedAt}}' box)\")] == []"
}

@test "health: a probe that takes too long is killed with all that it started" {
	start --health-cmd 'setsid sh -c "sleep 4321 & sleep 4321" & sleep 4321; true' --health-interval 100ms --health-timeout 400ms \
		--health-retries 1 busybox sleep 1000
	eventually is unhealthy
	[ "$(health '.Log[0].ExitCode')" = -1 ]
	[ "$(health '.Log[0].Output')" = '"Health check exceeded timeout (400ms)"' ]
	# Nothing is left of three probes but what the one that runs now has.
	eventually holds '(.Log | length) >= 3'
	holds '[.Log[] | select(.Output != "Health check exceeded timeout (400ms)")] == []'
	[ "$(berth top box | grep -c 'sleep 4321')" -le 5 ]
}

@test "health: endless output is cut, and what cannot be executed is a failure" {
	start --health-cmd 'yes | head -c 10000000' --health-interval 100ms --health-retries 1 busybox sleep 1000
	eventually is healthy
	[ "$(health '.Log[0].Output | length')" = 4099 ]
	berth rm -f box
	start --no-healthcheck busybox sleep 1000
	[ "$(berth inspect box | jq '.[0].State | has("Health")')" = false ]
	berth rm -f box
	curl -sf --unix-socket "$WORK/run/berth.sock" http://x/containers/create?name=box -H 'Content-Type: application/json' -d '{
		"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "none"},
		"Healthcheck": {"Test": ["CMD", "/nothere"], "Interval": 100000000, "Retries": 1}}'
	berth start box
	eventually is unhealthy
	[ "$(health '.Log[0].ExitCode')" = -1 ]
	[[ "$(health '.Log[0].Output')" == *"no such file or directory"* ]]
}

@test "health: paused containers are not probed" {
	start --health-cmd 'echo x >>/tmp/count' --health-interval 100ms busybox sleep 1000
	eventually is healthy
	local root before
	root=/proc/$(berth inspect -f '{{.State.Pid}}' box)/root
	berth pause box
	before=$(wc -l <"$root/tmp/count")
	sleep 0.4
	[ "$(wc -l <"$root/tmp/count")" -eq "$before" ]
	is healthy
	berth unpause box
	more() { [ "$(wc -l <"$root/tmp/count")" -gt "$before" ]; }
	eventually more
}

@test "health: goes on without the engine, and what changed meanwhile is told" {
	start --health-cmd 'test -e /tmp/ok && echo >>/tmp/found' --health-interval 100ms --health-retries 1 busybox sleep 1000
	eventually is unhealthy
	local pid
	pid=$(berth inspect -f '{{.State.Pid}}' box)
	engine_stop KILL
	touch_in "$pid" tmp/ok
	twice() { [ "$(wc -l <"/proc/$pid/root/tmp/found")" -ge 2 ]; } # so that it knows of the first
	eventually twice
	engine_start
	is healthy
	[ "$(health .FailingStreak)" = 0 ]
	[ "$(events --filter event=health_status)" = "$(printf 'health_status: unhealthy\nhealth_status: healthy')" ]
	engine_stop
	engine_start
	[ "$(events --filter event=health_status | wc -l)" -eq 2 ]
}

@test "health: the image's check, and options that change it" {
	tar -c -T /dev/null | berth import -c 'HEALTHCHECK --interval=7s --retries=4 CMD exit 3' -c 'CMD ["x"]' - checked >/dev/null
	berth create --name box --network none --health-retries 2 checked
	[ "$(berth inspect box | jq -c '.[0].Config.Healthcheck')" = \
		'{"Test":["CMD-SHELL","exit 3"],"Interval":7000000000,"Retries":2}' ]
	run -1 berth create --network none --health-cmd true --health-interval 1us busybox
	[[ "$output" == *"Interval in Healthcheck cannot be less than 1ms"* ]]
	run berth create --network none --health-interval 1s busybox
	[ "$status" -eq 0 ]
	[[ "$output" == *"The health options have no effect"* ]]
	run -1 berth create --restart on-unhealthy busybox
	[[ "$output" == *"'on-unhealthy' needs a health check"* ]]
	berth rmi -f checked
}

restarts() {
	[ "$(berth inspect -f '{{.RestartCount}}' box)" -ge "$1" ]
}

@test "restart policy on-unhealthy: restarted when ill and after a failure, so many times" {
	start --restart on-unhealthy:2 --stop-signal KILL --health-cmd 'test -e /tmp/ok' --health-interval 100ms --health-retries 1 busybox \
		sh -c 'if [ -e /tmp/once ]; then touch /tmp/ok; else touch /tmp/once; fi; exec sleep 1000'
	eventually restarts 1
	eventually is healthy
	berth exec box sh -c 'rm /tmp/once /tmp/ok'
	eventually restarts 2
	# No restart is left: it stays as it is.
	eventually is unhealthy
	sleep 0.3
	[ "$(berth inspect -f '{{.State.Status}} {{.RestartCount}}' box)" = "running 2" ]
	berth stop box
	[ "$(berth inspect -f '{{.State.Status}}' box)" = exited ]
}

@test "restart policies: the delay doubles from 100 ms, the count stops it" {
	start --restart on-failure:3 busybox sh -c 'exit 5'
	gone() { [ "$(berth inspect -f '{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}' box)" = "exited 3 5" ]; }
	eventually gone
	local times=()
	mapfile -t times < <(berth events --since 1h --until 0s --filter "container=$(berth inspect -f '{{.Id}}' box)" --format json |
		jq -r '"\(.Action) \(.timeNano)"' | awk '$1 == "die" { die = $2 } $1 == "start" && die { printf "%d\n", ($2 - die) / 1000000 }')
	[ "${#times[@]}" -eq 3 ]
	[ "${times[0]}" -ge 100 ]
	[ "${times[1]}" -ge 200 ]
	[ "${times[2]}" -ge 400 ]
	berth start box
	eventually gone
}

@test "on-unhealthy: one that does not end by its signal is killed; a crash of the engine in between changes nothing" {
	start --restart on-unhealthy --stop-timeout 1 --health-cmd 'test -e /tmp/ok' --health-interval 100ms --health-retries 1 busybox \
		sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	killed() { events | grep -q '^kill$'; }
	eventually killed
	engine_stop KILL
	engine_start
	eventually restarts 1
	berth rm -f box
	# Ends well by its signal while nobody looks.
	start --restart on-unhealthy --stop-timeout 60 --health-cmd 'test ! -e /tmp/trapped' --health-interval 100ms --health-retries 1 busybox \
		sh -c 'trap "sleep 0.5; exit 0" TERM; touch /tmp/trapped; while :; do sleep 0.1; done'
	eventually killed
	engine_stop KILL
	sleep 1
	engine_start
	eventually restarts 1
}

zombies() {
	berth exec box ps -o stat,comm | grep -c '^Z'
}

ready() {
	berth logs box | grep -qx ready
}

no_zombie() {
	[ "$(zombies)" -eq 0 ]
}

@test "--init: zombies are reaped, signals are passed on, the status is the program's" {
	local program='trap "echo got; exit 7" USR1; (sleep 0.1 & exec true); (true & exec sleep 0.2) & echo ready; while :; do sleep 0.05; done'
	start --init busybox sh -c "$program"
	eventually ready
	[ "$(berth exec box cat /proc/1/comm)" != sh ]
	berth exec -d box sh -c '(sleep 0.1 &) ; exit 0'
	sleep 0.4
	eventually no_zombie
	berth kill -s USR1 box
	[ "$(berth wait box)" = 7 ]
	[[ "$(berth logs box)" == *got* ]]
}
