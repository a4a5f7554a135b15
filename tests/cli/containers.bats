#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The life of a container, and how it is shown.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

sleeper() {
	berth run -d --network none --name "$@" busybox sleep 1000
}

@test "ps shows what runs, as Docker does" {
	id=$(berth run -d --network none --name web -l a=b busybox sleep 1000)
	berth run --network none --name ended busybox true
	run berth ps
	[[ "${lines[0]}" =~ ^CONTAINER\ ID\ \ \ IMAGE\ +COMMAND\ +CREATED\ +STATUS\ +PORTS\ +NAMES$ ]]
	[ ${#lines[@]} -eq 2 ]
	[[ "${lines[1]}" =~ ^${id:0:12}\ \ \ busybox\ \ \ \"sleep\ 1000\"\ +.*\ ago\ +Up\ .*\ web$ ]]
	[ "$(berth ps -a | wc -l)" -eq 3 ]
	[ "$(berth ps -q)" = "${id:0:12}" ]
	[ "$(berth ps -q --no-trunc)" = "$id" ]
	[ "$(berth ps -l --format '{{.Names}}')" = ended ]
	[ "$(berth ps -n 2 --format '{{.Names}}' | tr '\n' ' ')" = "ended web " ]
	[ "$(berth container ls --format '{{.Names}}')" = web ]
}

@test "ps with formats" {
	sleeper web -l a=b -l c=d
	[ "$(berth ps --format '{{.Names}}: {{.Image}} {{.State}} {{.Label "a"}} {{.Labels}}')" = "web: busybox running b a=b,c=d" ]
	run berth ps --format 'table {{.Names}}\t{{.Label "a"}}\t{{.Networks}}'
	[ "${lines[0]}" = "NAMES     a         NETWORKS" ]
	[ "${lines[1]}" = "web       b         none" ]
	[ "$(berth ps --format json | jq -r .Names)" = web ]
	[ "$(berth ps --format '{{json .}}' | jq -r .Names)" = web ]
	[ "$(berth ps --format '{{json .Names}}')" = '"web"' ]
	[ "$(berth ps --format '{{upper .Names}}{{"\t"}}{{len .ID}}')" = "$(printf 'WEB\t12')" ]
	run berth ps --format '{{.Bogus}}'
	[ "$status" -eq 1 ]
	run berth ps --format '{{.Names'
	[ "$status" -eq 1 ]
	[[ "$output" == *"template parsing error"* ]]
}

@test "ps with filters" {
	sleeper one -l kind=a
	sleeper two -l kind=b
	berth run --network none --name three busybox false || true
	[ "$(berth ps -a -f name=one --format '{{.Names}}')" = one ]
	[ "$(berth ps -a -f label=kind=b --format '{{.Names}}')" = two ]
	[ "$(berth ps -a -f label=kind --format '{{.Names}}' | sort | tr '\n' ' ')" = "one two " ]
	[ "$(berth ps -a -f status=exited --format '{{.Names}}')" = three ]
	[ "$(berth ps -a -f exited=1 --format '{{.Names}}')" = three ]
	berth create --name four -v named:/there -v /etc:/host --expose 7000-7002 --expose 53/udp busybox >/dev/null
	for filter in volume=named volume=/there volume=/etc expose=7001 expose=6990-7000/tcp expose=53/udp; do
		[ "$(berth ps -a -f $filter --format '{{.Names}}')" = four ]
	done
	for filter in volume=name expose=53 expose=7003 publish=7000; do
		[ -z "$(berth ps -aq -f $filter)" ]
	done
	berth rm four >/dev/null
	berth volume rm named >/dev/null
	run berth ps -f publish=web
	[ "$status" -eq 1 ]
	[[ "$output" == "Error response from daemon: invalid filter 'publish=web'"* ]]
	run berth ps -f bogus=1
	[ "$status" -eq 1 ]
	[[ "$output" == "Error response from daemon: invalid filter 'bogus'"* ]]
}

@test "ps -s shows sizes" {
	berth run --network none --name big busybox sh -c 'head -c 2000000 /dev/zero >/file'
	[[ "$(berth ps -as --format '{{.Size}}')" =~ ^2(\.[0-9]+)?MB\ \(virtual\ [0-9.]+MB\)$ ]]
}

@test "stop, start, restart, kill and wait" {
	sleeper box
	[ "$(berth stop -t 1 box)" = box ]
	[ "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' box)" = "exited 137" ]
	[ "$(berth start box)" = box ]
	first=$(berth inspect -f '{{.State.Pid}}' box)
	[ "$(berth restart -t 0 box)" = box ]
	[ "$(berth inspect -f '{{.State.Pid}}' box)" != "$first" ]
	berth wait box >"$BATS_TEST_TMPDIR/status" 3>&- &
	pid=$!
	sleep 0.3 # who comes later gets the same answer
	[ "$(berth kill -s KILL box)" = box ]
	wait $pid
	[ "$(cat "$BATS_TEST_TMPDIR/status")" = 137 ]
	[ "$(berth wait box)" = 137 ]
	run berth kill box
	[ "$status" -eq 1 ]
	[[ "$output" == *"is not running"* ]]
}

@test "several at once: failures do not keep the others" {
	sleeper one
	sleeper two
	run berth stop -t 0 one nothere two
	[ "$status" -eq 1 ]
	[ "$output" = "$(printf 'one\nError response from daemon: No such container: nothere\ntwo')" ]
	[ -z "$(berth ps -q)" ]
}

@test "pause and unpause" {
	sleeper box
	[ "$(berth pause box)" = box ]
	[[ "$(berth ps --format '{{.Status}}')" == *"(Paused)" ]]
	[ "$(berth unpause box)" = box ]
	[[ "$(berth ps --format '{{.Status}}')" != *"(Paused)" ]]
}

@test "rm refuses what runs, -f removes it" {
	sleeper box
	run berth rm box
	[ "$status" -eq 1 ]
	[[ "$output" == *"stop the container before removing or force remove"* ]]
	[ "$(berth rm -f box)" = box ]
	run berth rm box
	[ "$output" = "Error response from daemon: No such container: box" ]
}

@test "rename" {
	sleeper old
	berth rename old new
	[ "$(berth ps --format '{{.Names}}')" = new ]
	run berth rename nothere x
	[ "$status" -eq 1 ]
}

@test "top" {
	sleeper box
	run berth top box
	[[ "${lines[0]}" =~ ^UID\ +PID ]]
	[[ "${lines[1]}" == *"sleep 1000"* ]]
	run berth top box -o pid,comm
	[[ "${lines[0]}" =~ ^PID\ +COMMAND$ ]]
}

@test "inspect" {
	id=$(sleeper box)
	berth inspect box | jq -e '.[0].Name == "/box" and .[0].State.Running'
	[ "$(berth inspect -f '{{.Id}}' "${id:0:10}")" = "$id" ]
	[ "$(berth inspect -f '{{json .State.Status}}' box)" = '"running"' ]
	[ "$(berth inspect --type image -f '{{.Os}}' busybox)" = linux ]
	[ "$(berth inspect -f '{{if .State.Health}}yes{{else}}no{{end}}' box)" = no ]
	[ "$(berth inspect -f '{{range $key, $value := .NetworkSettings.Networks}}{{$key}}{{end}}' box)" = none ]
	run berth inspect nothere
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "[]" ]
	[ "${lines[1]}" = "Error: No such object: nothere" ]
	run berth container inspect nothere
	[ "${lines[1]}" = "Error response from daemon: No such container: nothere" ]
	run berth inspect -f '{{.Bogus}}' box
	[ "$status" -eq 1 ]
	run berth inspect --type bogus box
	[ "$status" -eq 1 ]
}

@test "container prune asks, and removes what does not run" {
	sleeper stays
	berth run --network none --name goes busybox true
	[[ "$(echo n | berth container prune)" == "WARNING!"* ]]
	[ "$(berth ps -aq | wc -l)" -eq 2 ]
	run berth container prune -f
	[[ "$output" == *"Deleted Containers:"*"Total reclaimed space: "* ]]
	[ "$(berth ps -a --format '{{.Names}}')" = stays ]
}

@test "completion knows containers and images" {
	sleeper candidate
	[ "$(berth __complete -- stop cand)" = candidate ]
	[ "$(berth __complete -- run --rm busy)" = busybox:latest ]
}
