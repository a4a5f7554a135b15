#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Further processes in running containers.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

start() {
	berth run -d --network none "$@" >/dev/null
}

terminal() {
	"$BATS_TEST_DIRNAME/../terminal" "$@"
}

# Whether a process of the container has these words in its arguments.
runs() {
	berth top box | grep -q "[0-9] *$1"
}

url() {
	curl -sf --unix-socket "$WORK/run/berth.sock" "$@"
}

# The monitor has seen the end of the process.
reaped() {
	[ ! -e "/proc/$1" ]
}

@test "exec: streams, the status, input and its end" {
	start --name box busybox sleep 1000
	run --separate-stderr berth exec box sh -c 'echo out; echo err >&2; exit 7'
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "$stderr" = err ]
	[ "$(printf 'one\ntwo\n' | berth exec -i box sh -c 'cat; echo end')" = "$(printf 'one\ntwo\nend')" ]
	[ -z "$(echo unread | berth exec box cat)" ]
	[ "$(head -c 1000000 /dev/zero | berth exec -i box cat | wc -c)" -eq 1000000 ]
	run berth exec box sh -c 'kill -9 $$'
	[ "$status" -eq 137 ]
	run berth container exec box true
	[ "$status" -eq 0 ]
}

@test "exec: who, where, with what" {
	start --name box -e FROM=container -w /tmp busybox sleep 1000
	[ "$(berth exec box sh -c 'pwd; echo $FROM $HOME $(id -u)')" = "$(printf '/tmp\ncontainer /root 0')" ]
	echo FILE=yes >"$BATS_TEST_TMPDIR/env"
	[ "$(berth exec -u 1000:5 -w /var -e A=b -e FROM=exec --env-file "$BATS_TEST_TMPDIR/env" box \
		sh -c 'pwd; id -u; id -g; echo $A $FROM $FILE $HOME')" = "$(printf '/var\n1000\n5\nb exec yes /')" ]
	berth exec box sh -c 'echo "new:x:77:88::/home/new:/bin/sh" >>/etc/passwd; echo "more:x:99:new" >>/etc/group'
	[ "$(berth exec -u new box sh -c 'id -u; id -G; echo $HOME')" = "$(printf '77\n88 99\n/home/new')" ]
}

@test "exec: no more rights than the container has, unless it is privileged" {
	# In a user namespace of its own all rights are more than what this machine's root has.
	start --name box --userns host --cap-drop ALL --cap-add NET_RAW --security-opt no-new-privileges busybox sleep 1000
	local own
	own=$(berth exec box sh -c 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/1/status')
	[ "$(berth exec box grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status)" = "$own" ]
	[ "$(berth exec -u 1000 box awk '/CapEff/ { print $2 }' /proc/self/status)" = 0000000000000000 ]
	[ "$(berth exec --privileged box awk '/CapBnd/ { print $2 }' /proc/self/status)" = \
		"$(awk '/CapBnd/ { print $2 }' /proc/self/status)" ]
	# Only the rights are more: it stays in the container's namespaces, groups and filter.
	[ "$(berth exec --privileged box awk '/^Seccomp:/ { print $2 }' /proc/self/status)" = 2 ]
	[ "$(berth exec --privileged box cat /proc/self/cgroup)" = "$(berth exec box cat /proc/1/cgroup)" ]
}

@test "exec: what cannot be executed" {
	start --name box busybox sleep 1000
	run -127 berth exec box nothere
	[[ "$output" == 'OCI runtime exec failed: exec failed: unable to start container process: exec: "nothere": executable file not found in $PATH'* ]]
	run -127 berth exec -d box nothere
	[[ "$output" == *"executable file not found"* ]]
	run -126 berth exec box /etc
	[[ "$output" == *"permission denied"* ]]
	run -126 berth exec -u nobody2 box true
	[[ "$output" == *"unable to find user nobody2: no matching entries in passwd file"* ]]
	run -1 berth exec -w tmp box true
	[[ "$output" == *"it needs to be an absolute path"* ]]
	run -1 berth exec nothere true
	[[ "$output" == *"No such container: nothere"* ]]
	run -1 berth exec box
	[[ "$output" == *"requires at least 2 arguments"* ]]
	[ "$(berth inspect box | jq -c '.[0].ExecIDs')" = null ]
}

@test "exec: containers that cannot" {
	start --name box busybox sleep 1000
	berth pause box
	run -1 berth exec box true
	[[ "$output" == *"is paused, unpause the container before exec"* ]]
	berth unpause box
	berth kill box
	berth wait box
	run -1 berth exec box true
	[[ "$output" == *"is not running"* ]]
}

@test "exec: a terminal, its size, and the keys that detach" {
	start --name box busybox sleep 1000
	terminal "$BERTH_BUILD/berth" exec -it box sh <<-'END'
		expect # 
		send tty; stty size\r
		expect /dev/pts/
		expect 24 80
		resize 33 77
		send until [ "$(stty size)" = "33 77" ]; do sleep 0.1; done; echo re""sized\r
		expect resized
		send exit 4\r
		status 4
	END
	terminal "$BERTH_BUILD/berth" exec -it box sh -c 'echo ready; sleep 999; true' <<-'END'
		expect ready
		send \x10\x11
		expect read escape sequence
		status 1
	END
	runs 'sh -c echo ready; sleep 999'
}

@test "exec -d, and a client that goes: the process stays until the container ends" {
	start --name box busybox sleep 1000
	berth exec -d box sh -c 'sleep 888; true'
	"$BERTH_BUILD/berth" exec box sh -c 'sleep 777; true' </dev/null >/dev/null 2>&1 3>&- 4>&- &
	local client=$!
	eventually runs 'sh -c sleep 777'
	kill -9 $client
	wait $client || true
	runs 'sh -c sleep 888'
	runs 'sh -c sleep 777'
	[ "$(berth inspect box | jq '.[0].ExecIDs | length')" -eq 2 ]
	berth kill box
	berth wait box
	[ "$(berth inspect box | jq -c '.[0].ExecIDs')" = null ]
	[ "$(berth events --since 1h --until 0s --filter event=exec_die --filter "container=$(berth inspect -f '{{.Id}}' box)" --format '{{index .Actor.Attributes "exitCode"}}' | grep -c 137)" -eq 2 ]
}

@test "exec: what is left behind holds nothing up, and may write on" {
	start --name box busybox sleep 1000
	run timeout 60 "$BERTH_BUILD/berth" exec box sh -c '(until [ -e /tmp/go ]; do sleep 0.1; done; echo late; echo done >/tmp/done) & echo early'
	[ "$status" -eq 0 ]
	[ "$output" = early ]
	berth exec box touch /tmp/go
	eventually berth exec box test -e /tmp/done
}

@test "exec: events" {
	start --name box busybox sleep 1000
	berth exec box sh -c 'exit 3' || true
	run berth events --since 1h --until 0s --filter "container=$(berth inspect -f '{{.Id}}' box)" \
		--format '{{.Action}} {{index .Actor.Attributes "execID" | len}} {{index .Actor.Attributes "exitCode"}}'
	[[ "$output" == *"exec_create: sh -c exit 3 64 "*"exec_start: sh -c exit 3 64 "*"exec_die 64 3"* ]]
}

@test "exec: known again when the engine was killed" {
	start --name box busybox sleep 1000
	berth exec -d box sh -c 'sleep 1000; true'
	berth exec -d box sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done; exit 9'
	local ids
	ids=$(berth inspect box | jq -r '.[0].ExecIDs[]')
	[ "$(wc -w <<<"$ids")" -eq 2 ]
	local pid ending
	pid=$(berth inspect -f '{{.State.Pid}}' box)
	ending=$(for id in $ids; do url "http://x/exec/$id/json"; done | jq 'select(.ProcessConfig.arguments[1] | endswith("exit 9")) | .Pid')
	engine_stop KILL
	touch_in "$pid" tmp/go
	eventually reaped "$ending"
	engine_start
	[ "$(berth inspect box | jq -r '.[0].ExecIDs | length')" -eq 1 ]
	local codes=""
	for id in $ids; do
		codes+=" $(url "http://x/exec/$id/json" | jq -c '[.Running,.ExitCode,.ProcessConfig.entrypoint]')"
	done
	[[ "$codes" == *'[true,null,"sh"]'* ]]
	[[ "$codes" == *'[false,9,"sh"]'* ]]
	[ "$(berth events --since 1h --until 0s --filter event=exec_die --filter "container=$(berth inspect -f '{{.Id}}' box)" | wc -l)" -eq 1 ]
}
