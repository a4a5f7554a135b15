#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is told of containers, images, networks and volumes: in which order, with what, to whom, and for how long.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

now() {
	date +%s.%N
}

# told SINCE [FILTER…]: type and action of what was told since then, one a line.
told() {
	local since=$1 filters=()
	shift
	for filter; do filters+=(--filter "$filter"); done
	berth events --since "$since" --until "$(now)" --format '{{.Type}} {{.Action}}' "${filters[@]}"
}

@test "a container's life, in Docker's order" {
	since=$(now)
	berth create --network none -v data:/data --name box busybox sleep 100
	berth start box
	berth exec box true
	berth top box
	berth pause box
	berth unpause box
	berth update --memory 64m box
	berth rename box crate
	curl -sf --unix-socket "$WORK/run/berth.sock" "http://x/v1.41/containers/crate/archive?path=/bin" >/dev/null
	berth stop -t 0 crate
	berth rm crate
	expected="volume create
container create
network connect
volume mount
container start
container exec_create: true
container exec_start: true
container exec_die
container top
container pause
container unpause
container update
container rename
container archive-path
container kill
container kill
container die
network disconnect
volume unmount
container stop
container destroy"
	told "$since" type=container type=network type=volume | diff - <(echo "$expected") || { told "$since"; return 1; }
	[ "$(berth events --since "$since" --until "$(now)" --filter event=kill --format '{{.Actor.Attributes.signal}}')" = $'15\n9' ]
	berth volume rm data
}

@test "attributes: labels, image, name and what the action adds; legacy fields are there" {
	since=$(now)
	berth run --network none --label a=b --name box busybox sh -c 'exit 3' || true
	event=$(berth events --since "$since" --until "$(now)" --filter event=die --format json)
	/usr/bin/python3 - "$event" "$(berth inspect -f '{{.Id}}' box)" <<-'EOT'
		import json, sys
		event, id = json.loads(sys.argv[1]), sys.argv[2]
		attributes = event["Actor"]["Attributes"]
		assert 0 <= int(attributes.pop("execDuration")) < 30, attributes
		assert attributes == {"a": "b", "image": "busybox", "name": "box", "exitCode": "3"}, attributes
		assert event["id"] == event["Actor"]["ID"] == id and event["status"] == event["Action"] == "die" and event["from"] == "busybox"
		assert event["scope"] == "local" and event["timeNano"] // 10**9 == event["time"], event
	EOT
	since=$(now)
	berth network create net >/dev/null
	berth network rm net >/dev/null
	[ "$(told "$since" network=net)" = "$(printf 'network create\nnetwork destroy')" ]
	berth tag busybox other:1
	berth save busybox >/dev/null
	berth rmi other:1 >/dev/null
	[ "$(told "$since" type=image)" = "$(printf 'image tag\nimage save\nimage untag')" ]
}

@test "filters, each of them; one that is not known is refused" {
	since=$(now)
	berth run --network none --label colour=red --name box busybox true
	berth run --network none --name other busybox true
	berth exec other true 2>/dev/null || true
	id=$(berth inspect -f '{{.Id}}' box)
	[ "$(told "$since" container=box event=create event=start)" = "$(printf 'container create\ncontainer start')" ]
	[ "$(told "$since" "container=${id:0:12}" event=die)" = "container die" ]
	[ "$(told "$since" container=bo event=die)" = "container die" ] # the beginning of a name, as Docker has it
	[ -z "$(told "$since" container=ox event=die)" ]
	[ "$(told "$since" label=colour event=die)" = "container die" ]
	[ "$(told "$since" label=colour=blue)" = "" ]
	[ "$(told "$since" image=busybox event=die | wc -l)" -eq 2 ]
	[ "$(told "$since" type=network event=connect | wc -l)" -eq 2 ]
	[ "$(told "$since" scope=swarm)" = "" ]
	berth run -d --network none --name long busybox sleep 100 >/dev/null
	berth exec long true
	[ "$(told "$since" event=exec_create)" = "container exec_create: true" ]
	[ "$(told "$since" event=exec_die)" = "container exec_die" ]
	run berth events --filter colour=red
	[ "$status" -eq 1 ]
	[[ "$output" = *"invalid filter 'colour'"* ]]
	run berth events --since 2 --until 1
	[[ "$output" = *"cannot be after"* ]]
}

@test "who listens gets the head at once, what happens as it does, and what was told before a crash of the engine" {
	since=$(now)
	berth run --network none --name box busybox true
	before=$(told "$since")
	engine_stop KILL
	engine_start
	[ "$(told "$since")" = "$before" ]
	curl -sN --unix-socket "$WORK/run/berth.sock" -D "$BATS_TEST_TMPDIR/head" http://x/v1.41/events >"$BATS_TEST_TMPDIR/events" 3>&- &
	listener=$!
	eventually grep -q "200 OK" "$BATS_TEST_TMPDIR/head"
	berth container prune -f >/dev/null
	eventually grep -q '"Action":"prune"' "$BATS_TEST_TMPDIR/events"
	grep -q '"Action":"destroy"' "$BATS_TEST_TMPDIR/events"
	[ "$(grep -c '"Action":"create"' "$BATS_TEST_TMPDIR/events")" -eq 0 ]
	kill $listener
}

@test "how many are kept is an option" {
	run "$BERTH_BUILD/berthd" --event-limit 0 --validate
	[ "$status" -ne 0 ]
	[[ "$output" = *"--event-limit: is not between 1 and 1000000"* ]]
	engine_stop
	engine_start --event-limit 3
	berth run --network none --name box busybox true
	[ "$(told 1)" = "$(printf 'container start\ncontainer die\nnetwork disconnect')" ]
	engine_stop
	engine_start
}
