#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `run` and `create`: streams, statuses, options, terminals.

load ../helpers
bats_require_minimum_version 1.5.0
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

terminal() {
	"$BATS_TEST_DIRNAME/../terminal" "$@"
}

start() {
	berth run --network none "$@"
}

@test "output and errors go their ways, the status is the container's" {
	run bash -c "'$BERTH_BUILD/berth' run --rm --network none busybox sh -c 'echo out; echo err >&2; exit 7' 2>$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
}

@test "input goes in and its end is passed on" {
	[ "$(echo hello | start --rm -i busybox cat)" = hello ]
	[ "$(head -c 3000000 /dev/zero | start --rm -i busybox wc -c)" = 3000000 ]
	[ "$(start --rm -i busybox cat </dev/null)" = "" ]
	[ "$( (sleep 0.3; echo late) | start --rm -i busybox cat)" = late ]
}

@test "without -i there is no input" {
	[ "$(echo hello | start --rm busybox cat)" = "" ]
}

@test "much output arrives whole" {
	[ "$(start --rm busybox sh -c 'seq 1 200000' | sha256sum)" = "$(seq 1 200000 | sha256sum)" ]
}

@test "statuses 125, 126 and 127" {
	run -127 start --rm busybox nothere
	[ "$status" -eq 127 ]
	[[ "$output" == "berth: Error response from daemon: "*"executable file not found"* ]]
	[[ "$output" == *"See 'berth run --help'." ]]
	run start --rm busybox /etc
	[ "$status" -eq 126 ]
	run start --rm --pull never nosuchimage true
	[ "$status" -eq 125 ]
	[[ "${lines[0]}" == *"No such image: nosuchimage:latest"* ]]
	[ -z "$(berth ps -aq -f status=running)" ]
}

@test "--rm leaves nothing, also when the start fails" {
	start --rm --name gone busybox true
	run berth inspect gone
	[ "$status" -eq 1 ]
	run -127 start --rm --name gone busybox nothere
	eventually bash -c '! "$BERTH_BUILD/berth" inspect gone'
}

@test "-d prints the id and returns" {
	id=$(start -d --name box busybox sleep 100)
	[ ${#id} -eq 64 ]
	[ "$(berth ps -q --no-trunc)" = "$id" ]
	[ "$(berth inspect -f '{{.State.Running}}' box)" = true ]
}

@test "--cidfile has the id, and must not be there before" {
	id=$(start -d --cidfile "$BATS_TEST_TMPDIR/cid" busybox true)
	[ "$(cat "$BATS_TEST_TMPDIR/cid")" = "$id" ]
	run start --cidfile "$BATS_TEST_TMPDIR/cid" busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"container ID file found"* ]]
	run start --pull never --cidfile "$BATS_TEST_TMPDIR/cid2" nosuchimage true
	[ ! -e "$BATS_TEST_TMPDIR/cid2" ]
}

@test "--label-file: labels of files, before those of --label; what is wrong is named with file and line" {
	printf '# a comment\n\n  one=1\nbare\ntwo=a b=c \n' >"$BATS_TEST_TMPDIR/labels"
	printf 'two=later\n' >"$BATS_TEST_TMPDIR/more"
	berth create --network none --name box --label-file "$BATS_TEST_TMPDIR/labels" --label-file "$BATS_TEST_TMPDIR/more" -l one=2 busybox >/dev/null
	[ "$(berth inspect box | jq -c '.[0].Config.Labels')" = '{"bare":"","one":"2","two":"later"}' ]
	[ "$(berth ps -aq --filter label=two=later | wc -l)" = 1 ]
	printf 'fine=1\n=x\n' >"$BATS_TEST_TMPDIR/labels"
	run start --label-file "$BATS_TEST_TMPDIR/labels" busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"$BATS_TEST_TMPDIR/labels"* ]]
	run start --label-file "$BATS_TEST_TMPDIR/none" busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"$BATS_TEST_TMPDIR/none"*"o such file"* ]]
}

@test "create and start -a" {
	id=$(berth create --network none --name made busybox sh -c 'echo made; exit 3')
	[ "$(berth inspect -f '{{.State.Status}} {{.Id}}' made)" = "created $id" ]
	run berth start -a made
	[ "$status" -eq 3 ]
	[ "$output" = made ]
	id=$(berth create -i --network none busybox cat)
	[ "$(echo through | berth start -ai "$id")" = through ]
}

@test "a name is there once" {
	start --name twice busybox true
	run start --name twice busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"Error response from daemon: "*"twice"*"already in use"* ]]
}

@test "environment, folder, user and host name" {
	printf '# comment\nFROM_FILE=yes\nHERE\n' >"$BATS_TEST_TMPDIR/env"
	output=$(HERE=taken start --rm -e A=1 -e HERE --env-file "$BATS_TEST_TMPDIR/env" busybox env)
	grep -qx A=1 <<<"$output"
	grep -qx HERE=taken <<<"$output"
	grep -qx FROM_FILE=yes <<<"$output"
	[ "$(start --rm -w /tmp busybox pwd)" = /tmp ]
	[ "$(start --rm -u 1000:1001 busybox id -u)" = 1000 ]
	[ "$(start --rm -h myname busybox hostname)" = myname ]
	[ "$(start --rm --entrypoint echo busybox a b)" = "a b" ]
}

@test "binds, tmpfs and a read-only root" {
	mkdir "$BATS_TEST_TMPDIR/data"
	echo content >"$BATS_TEST_TMPDIR/data/file"
	[ "$(start --rm -v "$BATS_TEST_TMPDIR/data:/data:ro" busybox cat /data/file)" = content ]
	run start --rm -v "$BATS_TEST_TMPDIR/data:/data:ro" busybox touch /data/new
	[ "$status" -eq 1 ]
	start --rm --mount "type=bind,src=$BATS_TEST_TMPDIR/data,dst=/data" busybox touch /data/new
	[ -e "$BATS_TEST_TMPDIR/data/new" ]
	run start --rm --read-only busybox touch /x
	[ "$status" -eq 1 ]
	start --rm --read-only --tmpfs /scratch busybox touch /scratch/x
	cd "$BATS_TEST_TMPDIR"
	[ "$(start --rm -v ./data:/data busybox cat /data/file)" = content ]
}

@test "labels, limits and the rest stand in the container" {
	start -d --name full -l a=b --memory 64m --cpus 0.5 --pids-limit 50 --restart on-failure:2 --stop-signal INT \
		--stop-timeout 3 --ulimit nofile=100:200 --cap-drop ALL --init busybox sleep 100
	format='{{index .Config.Labels "a"}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}'
	[ "$(berth inspect -f "$format" full)" = "b 67108864 500000000 50" ]
	format='{{.HostConfig.RestartPolicy.Name}} {{.Config.StopSignal}} {{.Config.StopTimeout}} {{json .HostConfig.CapDrop}}'
	[ "$(berth inspect -f "$format" full)" = 'on-failure INT 3 ["ALL"]' ]
	[ "$(start --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -n; ulimit -Hn' | tr '\n' ' ')" = "100 200 " ]
}

@test "a seccomp profile is read by the program and applied" {
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}' \
		>"$BATS_TEST_TMPDIR/profile.json"
	run start --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" busybox mkdir /x
	[ "$status" -eq 1 ]
	start --rm --security-opt seccomp=unconfined busybox mkdir /x
}

@test "signals go to the container" {
	"$BERTH_BUILD/berth" run --network none --name sig busybox sh -c 'trap "exit 4" TERM; echo ready; while :; do sleep 0.1; done' \
		>"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status -eq 4 ]
}

@test "--sig-proxy=false keeps them" {
	"$BERTH_BUILD/berth" run --sig-proxy=false --network none --name nosig busybox sh -c 'echo ready; sleep 100' \
		>"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status -eq 143 ]
	[ "$(berth inspect -f '{{.State.Running}}' nosig)" = true ]
	berth rm -f nosig
}

@test "a terminal: its size, its changes, detaching and attaching again" {
	terminal "$BERTH_BUILD/berth" run -it --name tty --network none busybox sh <<-'END'
		expect #
		send stty size\n
		expect 24 80
		resize 33 77
		send until [ "$(stty size)" = "33 77" ]; do sleep 0.1; done; echo re""sized\n
		expect resized
		send \x10\x11
		status 0
	END
	[ "$(berth inspect -f '{{.State.Running}}' tty)" = true ]
	terminal "$BERTH_BUILD/berth" attach tty <<-'END'
		raw
		send echo $((6*7))\n
		expect 42
		send exit 9\n
		status 9
	END
}

@test "detach keys of one's own" {
	terminal "$BERTH_BUILD/berth" run -it --detach-keys ctrl-x,x --name keys --network none busybox sh <<-'END'
		expect #
		send \x18x
		status 0
	END
	[ "$(berth inspect -f '{{.State.Running}}' keys)" = true ]
	run berth run --rm -it --detach-keys bogus busybox true
	[ "$status" -ne 0 ]
}

@test "-t needs a terminal only together with -i" {
	run berth run -it --rm --network none busybox true </dev/null
	[ "$status" -eq 1 ]
	[ "$output" = "the input device is not a TTY" ]
	[ "$(start --rm -t busybox sh -c 'test -t 1 && echo yes' | tr -d '\r')" = yes ]
}

@test "attaching to some streams only" {
	[ "$(start --rm -a stderr busybox sh -c 'echo out; echo err >&2' 2>&1)" = err ]
}

@test "GPUs that no CDI specification has are refused, with what was looked for" {
	run start --rm --gpus all busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"unresolvable CDI devices nvidia.com/gpu=all"* ]]
}

@test "without a default bridge a container has the network none, and ports are discarded with a warning" {
	run start --rm -p 80:80 busybox ls /sys/class/net
	[ "$status" -eq 0 ]
	[[ "$output" == *"Published ports are discarded"* ]]
	[ "${lines[-1]}" = lo ]
}
