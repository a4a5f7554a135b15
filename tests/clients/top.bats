#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `berth top` without a container, on a terminal.

load ../helpers

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

watch() {
	TERM=xterm LC_ALL=C.UTF-8 "$BATS_TEST_DIRNAME/../screen" "$BERTH_BUILD/berth" "$@" top
}

start() {
	berth run -d --network none "$@" >/dev/null
}

@test "without a terminal it says what to do" {
	run berth top
	[ "$status" -eq 1 ]
	[[ "$output" == *"needs a terminal"*"berth stats --no-stream"* ]]
}

@test "containers with what they use, in the order asked for, filtered" {
	start --name idle busybox sleep 1000
	start --name busy busybox sh -c 'while :; do :; done'
	berth create --name made --network none busybox true
	watch <<-'END'
		expect ^berth top  2 running
		expect ^NAME +STATUS +CPU % +MEMORY +NET/s +I/O/s +PIDS
		expect ^busy +Up .* [1-9]\d+\.\d\d +[\d.]+[KM]iB +0B +0B +1$
		expect ^idle +Up .* 0\.\d\d +[\d.]+KiB
		send A
		expect by name
		send R
		expect by name \(reversed\)
		send a
		expect ^made +Created +- +- +- +- +0
		send /idl
		expect ^filter: idl_
		gone ^busy
		expect ^idle
		send \r
		expect filter: idl
		send \x1b
		expect ^busy
		resize 30 150
		expect NAME +IMAGE +STATUS +CPU % +HISTORY +MEMORY +MEM % +NET RX/s
		expect ^busy +busybox +Up .*[▁-█].*0B +1$
		send h
		expect a shell in it
		send h
		gone a shell in it
		send q
		status 0
	END
}

@test "log, stop, start, restart, pause" {
	start --name one busybox sh -c 'echo a line of the log; trap "exit 0" TERM; while :; do sleep 0.1; done'
	start --name two busybox sleep 1000
	watch <<-'END'
		expect ^one
		send A
		send l
		expect ^Log of one
		expect ^a line of the log
		send j
		expect ^Log of two
		gone ^a line of the log
		send k
		expect ^Log of one
		send p
		expect ^pausing one: done
		expect ^one .*\(P
		send p
		expect ^continuing one: done
		send r
		expect ^restarting one: done
		send x
		expect ^stopping one: done
		gone ^one
		send a
		expect ^one .*Exited
		send q
		status 0
	END
	[ "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' one)" = "exited 0" ]
	[ "$(berth inspect -f '{{.State.Running}}' two)" = true ]
}

@test "a shell, and removal after a question" {
	start --name box busybox sleep 1000
	watch <<-'END'
		expect ^box
		send e
		expect leave it with exit
		expect #
		send echo $((6*7)); exit 3\r
		expect ended with status 3
		send d
		expect ^remove box with force\? \[y/N\]
		send n
		gone ^remove
		expect ^box
		send d
		expect ^remove box with force
		send y
		expect ^removing box: done
		expect ^no containers
		send q
		status 0
	END
	[ -z "$(berth ps -aq)" ]
}

@test "the engine of a context, for the shell, too" {
	start --name box busybox sleep 1000
	DOCKER_CONFIG=$BATS_TEST_TMPDIR berth context create here --docker host="$BERTH_HOST"
	BERTH_HOST=unix:///nonexistent DOCKER_HOST='' watch --config "$BATS_TEST_TMPDIR" -c here <<-'END'
		expect ^box
		send e
		expect #
		send exit 4\r
		expect ended with status 4
		send q
		status 0
	END
	run berth --tlscacert x top </dev/null
	[ "$status" -eq 1 ]
}

@test "an engine that goes away is told, and found again" {
	start --name box busybox sleep 1000
	(
		eventually test -e "$BATS_TEST_TMPDIR/painted"
		engine_stop
		eventually test -e "$BATS_TEST_TMPDIR/told"
		engine_start
	) >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	watch <<-END
		expect ^box
		touch $BATS_TEST_TMPDIR/painted
		expect ^Cannot connect to the Berth engine
		touch $BATS_TEST_TMPDIR/told
		gone ^Cannot connect
		expect ^box
		send q
		status 0
	END
	wait $!
}
