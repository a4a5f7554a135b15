#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Log drivers, and logs as they are read. The engine has a mount namespace of its own, in which the journal's socket is
# one of the test's.

load ../helpers

setup_file() {
	JOURNAL=$(mktemp -d "${TMPDIR:-/tmp}/berth-journal-XXXXXX")
	made folder "$JOURNAL"
	export JOURNAL
	cat >"$JOURNAL/under" <<-EOT
		#!/bin/sh
		mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/journal &&
			mount --bind "$JOURNAL" /run/systemd/journal && exec "\$@"
	EOT
	chmod +x "$JOURNAL/under"
	ENGINE_UNDER="unshare -m --propagation private $JOURNAL/under"
	export ENGINE_UNDER
	engine_setup --bridge none
}

teardown_file() {
	local result=0
	engine_teardown || result=1
	rm -rf "$JOURNAL"
	return $result
}

teardown() {
	local result=0
	remove_containers || result=1
	if [ -n "${server:-}" ]; then
		kill "$server"
		wait "$server" || true
	fi
	return $result
}

start() {
	berth run --network none "$@"
}

# serve KIND ADDRESS [OPTION…]: what it takes is in $taken.
serve() {
	taken=$BATS_TEST_TMPDIR/taken
	: >"$BATS_TEST_TMPDIR/ready"
	"$BATS_TEST_DIRNAME/log-server" "$1" "$2" "$taken" "${@:3}" >"$BATS_TEST_TMPDIR/ready" 2>"$BATS_TEST_TMPDIR/errors" 3>&- &
	server=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/ready"
}

has_taken() {
	[ "$(wc -l <"$taken")" -ge "$1" ]
}

@test "json-file: attributes of labels, variables and a tag are in the log and its details" {
	start --name box --label a=1 --label b=2 -e V='x y' --log-opt labels=a --log-opt env=V --log-opt 'tag={{.Name}}/{{.ID}}' busybox echo hi
	id=$(berth inspect -f '{{.Id}}' box)
	log=$(berth inspect -f '{{.LogPath}}' box)
	[[ "$(cat "$log")" = '{"log":"hi\n","stream":"stdout","attrs":{'*'},"time":"'* ]]
	[ "$(berth logs --details box)" = "V=x+y,a=1,tag=box%2F${id:0:12} hi" ]
	[ "$(berth logs box)" = hi ]
}

@test "local: everything that is asked of a log" {
	start -d --name box --log-driver local --log-opt max-size=20k --log-opt max-file=1000 busybox sh -c 'seq 1 5000; echo err >&2' >/dev/null
	berth wait box
	[ "$(berth logs box 2>/dev/null | sha256sum)" = "$(seq 1 5000 | sha256sum)" ]
	[ "$(berth logs box 2>&1 >/dev/null)" = err ]
	[ "$(berth logs -n 3 box 2>/dev/null | head -n 1)" = 4999 ]
	[ "$(berth logs -n 4000 box 2>/dev/null | head -n 1)" = 1002 ]
	[ "$(berth inspect -f '{{.LogPath}}' box)" = "" ]
	eventually compgen -G "$WORK/data/containers/*/local.log.*.gz"
}

@test "a rotated and compressed log reads whole, also while it is followed" {
	start -d --name box --log-opt max-size=50k --log-opt max-file=1000 busybox sh -c 'seq 1 20000; sleep 0.5; seq 20001 40000' >/dev/null
	timeout 60 "$BERTH_BUILD/berth" logs -f box | cmp - <(seq 1 40000)
	berth logs box | cmp - <(seq 1 40000)
	[ "$(berth logs -n 30000 box | head -n 1)" = 10001 ]
}

@test "options and drivers that are not known, or not here, are refused by name" {
	refused() {
		run berth create --network none "${@:2}" busybox true
		[ "$status" -ne 0 ]
		[[ "$output" = *"$1"* ]]
	}
	refused "unknown log opt 'colour' for json-file log driver" --log-opt colour=red
	refused "unknown log opt 'tag' for local log driver" --log-driver local --log-opt tag=x
	refused "log driver 'gelf' is not in this version" --log-driver gelf
	refused "no log driver named 'paper' is registered" --log-driver paper
	refused "tcp+tls is not in this version" --log-driver syslog --log-opt syslog-address=tcp+tls://127.0.0.1:1
	[ -z "$(berth ps -aq)" ]
	# So is what the engine itself is told.
	run "$BERTH_BUILD/berthd" --log-driver local --log-opt tag=x --validate
	[ "$status" -ne 0 ]
	[[ "$output" = *"unknown log opt 'tag' for local log driver"* ]]
}

@test "a log that cannot be read says so" {
	start --name box --log-driver none busybox echo hi
	run berth logs box
	[ "$status" -eq 1 ]
	[[ "$output" = *"configured logging driver does not support reading"* ]]
	serve syslog "unixgram:$BATS_TEST_TMPDIR/log"
	start --name two --log-driver syslog --log-opt "syslog-address=unixgram://$BATS_TEST_TMPDIR/log" --log-opt cache-disabled=true busybox echo hi
	run berth logs two
	[[ "$output" = *"configured logging driver does not support reading"* ]]
}

@test "syslog: datagrams, in each format, and what is kept here for reading" {
	serve syslog "unixgram:$BATS_TEST_TMPDIR/log"
	for format in "" rfc3164 rfc5424 rfc5424micro; do
		start --rm --name "box$format" --log-driver syslog --log-opt "syslog-address=unixgram://$BATS_TEST_TMPDIR/log" \
			--log-opt "syslog-format=$format" --log-opt syslog-facility=local3 --log-opt 'tag=t-{{.Name}}' busybox sh -c 'echo out'
	done
	eventually has_taken 4
	host=$(hostname)
	[[ "$(sed -n 1p "$taken")" =~ ^\"\<158\>[A-Z][a-z]{2}\ [\ 0-9][0-9]\ [0-9:]{8}\ t-box\[[0-9]+\]:\ out\\n\"$ ]]
	[[ "$(sed -n 2p "$taken")" =~ ^\"\<158\>[A-Z][a-z]{2}\ [\ 0-9][0-9]\ [0-9:]{8}\ $host\ t-boxrfc3164\[[0-9]+\]:\ out\\n\"$ ]]
	[[ "$(sed -n 3p "$taken")" =~ ^\"\<158\>1\ [0-9T:-]{19}[^\ .]+\ $host\ t-boxrfc5424\ [0-9]+\ t-boxrfc5424\ -\ out\\n\"$ ]]
	[[ "$(sed -n 4p "$taken")" =~ ^\"\<158\>1\ [0-9T:-]{19}\.[0-9]{6}[^\ ]+\ $host\ t-boxrfc5424micro\ [0-9]+\ t-boxrfc5424micro\ -\ out\\n\"$ ]]
	start --name box --log-driver syslog --log-opt "syslog-address=unixgram://$BATS_TEST_TMPDIR/log" busybox sh -c 'echo bad >&2'
	eventually has_taken 5
	[[ "$(sed -n 5p "$taken")" = '"<27>'* ]]
	[ "$(berth logs box 2>&1)" = bad ]
}

@test "syslog: a stream; a daemon that is not there fails the start" {
	run start --name box --log-driver syslog --log-opt syslog-address=tcp://127.0.0.1:1 busybox true
	[ "$status" -ne 0 ]
	[[ "$output" = *"failed to initialize logging driver"*"onnection refused"* ]]
	serve syslog "unix:$BATS_TEST_TMPDIR/log"
	start --name two --log-driver syslog --log-opt "syslog-address=unix://$BATS_TEST_TMPDIR/log" busybox seq 1 100
	eventually has_taken 100
	[[ "$(sed -n 100p "$taken")" = *": 100\\n\"" ]]
}

@test "fluentd: records with attributes, times, acknowledgements, a connection that breaks" {
	serve fluentd "unix:$BATS_TEST_TMPDIR/fluent" --ack --cut 2
	start --name box --label a=1 --log-driver fluentd --log-opt "fluentd-address=unix://$BATS_TEST_TMPDIR/fluent" --log-opt labels=a \
		--log-opt fluentd-sub-second-precision=true --log-opt fluentd-request-ack=true --log-opt fluentd-retry-wait=10ms \
		--log-opt tag=mine -d busybox sh -c 'echo one; until [ -e /1 ]; do sleep 0.05; done; echo two >&2; until [ -e /2 ]; do sleep 0.05; done; echo three; sleep 1000'
	# Each is on its way before the next is written.
	for count in 1 2; do
		eventually has_taken $count
		berth exec box touch /$count
	done
	eventually has_taken 3
	id=$(berth inspect -f '{{.Id}}' box)
	/usr/bin/python3 - "$taken" "$id" <<-'EOT'
		import json, sys, time
		messages = [json.loads(line) for line in open(sys.argv[1])]
		assert [m["record"]["log"] for m in messages] == ["one", "two", "three"], messages
		assert [m["record"]["source"] for m in messages] == ["stdout", "stderr", "stdout"]
		for m in messages:
		    assert m["tag"] == "mine" and m["record"]["container_id"] == sys.argv[2] and m["record"]["a"] == "1", m
		    assert m["record"]["container_name"] == "/box" and abs(m["time"] - time.time()) < 60 and m["time"] % 1, m
	EOT
	[ "$(berth logs box 2>/dev/null)" = "$(printf 'one\nthree')" ]
}

@test "fluentd: a server that does not read holds the container up, but not one that never waits" {
	touch "$BATS_TEST_TMPDIR/stall"
	serve fluentd "unix:$BATS_TEST_TMPDIR/fluent" --stall "$BATS_TEST_TMPDIR/stall"
	options=(--log-driver fluentd --log-opt "fluentd-address=unix://$BATS_TEST_TMPDIR/fluent")
	# Much more of each than pipes, queues and sockets hold on the way, which is up to 1.7 and 0.7 megabytes.
	waits=$(printf 'waits%0194d' 0) goes=$(printf 'goes%0195d' 0)
	start -d --name waits "${options[@]}" busybox sh -c "yes $waits | head -n 20000" >/dev/null
	start -d --name goes "${options[@]}" --log-opt mode=non-blocking --log-opt max-buffer-size=100k busybox sh -c "yes $goes | head -n 10000; echo end; exit 3" >/dev/null
	[ "$(timeout 60 "$BERTH_BUILD/berth" wait goes)" = 3 ]
	[ "$(berth inspect -f '{{.State.Running}}' waits)" = true ]
	rm "$BATS_TEST_TMPDIR/stall"
	[ "$(timeout 60 "$BERTH_BUILD/berth" wait waits)" = 0 ]
	eventually sh -c "[ \$(grep -c $waits '$taken') = 20000 ]"
	eventually grep -q "lines of stdout are missing here: the log is slower than the container" "$taken"
	# What was counted and what came make the whole.
	/usr/bin/python3 - "$taken" "$goes" <<-'EOT'
		import json, re, sys
		logs = [json.loads(line)["record"]["log"] for line in open(sys.argv[1])]
		came = sum(1 for log in logs if log in (sys.argv[2], "end"))
		told = [int(m.group(1)) for m in (re.match(r"berth: (\d+) lines of stdout are missing", log) for log in logs) if m]
		# A line of which only the newline is missing is there and is missing.
		assert 0 <= came + sum(told) - 10001 <= len(told), (came, told)
	EOT
}

@test "mode=non-blocking: files that cannot be written just now do not hold the container up, and say what they miss" {
	start -d --name box --log-opt mode=non-blocking --log-opt max-buffer-size=64k busybox \
		sh -c 'echo begin; until [ -e /tmp/go ]; do sleep 0.02; done; yes 0123456789 | head -n 200000; echo end; exec sleep 100' >/dev/null
	init=$(berth inspect -f '{{.State.Pid}}' box)
	monitor=$(awk '/^PPid/ {print $2}' "/proc/$init/status")
	writer=$(pgrep -P "$monitor" -x berth-log)
	eventually sh -c "'$BERTH_BUILD/berth' logs box | grep -q begin"
	kill -STOP "$writer"
	berth exec box touch /tmp/go
	eventually sh -c "tr '\0' ' ' </proc/$init/cmdline | grep -q '^sleep 100'" # it has written everything
	kill -CONT "$writer"
	eventually sh -c "'$BERTH_BUILD/berth' logs box 2>&1 | grep -q 'are missing here'" || { berth logs box | tail -n 2; return 1; }
	berth kill box
	berth logs box 2>&1 | /usr/bin/python3 -c '
import re, sys
lines = sys.stdin.read().splitlines()
told = [int(m.group(1)) for m in (re.match(r"berth: (\d+) lines of stdout are missing", line) for line in lines) if m]
came = sum(line in ("begin", "0123456789", "end") for line in lines)
assert lines[0] == "begin" and told and 0 <= came + sum(told) - 200002 <= len(told), (came, told)'
}

@test "journald: fields of a message, its pieces, one that is too big for a datagram" {
	serve journald "unixgram:$JOURNAL/socket"
	start --name box --label a.b=1 --log-driver journald --log-opt labels=a.b busybox sh -c 'echo hi; echo oh >&2; head -c 20000 /dev/zero | tr "\0" x; echo'
	eventually has_taken 4
	id=$(berth inspect -f '{{.Id}}' box)
	/usr/bin/python3 - "$taken" "$id" <<-'EOT'
		import json, sys
		first, second, third, fourth = sorted((json.loads(line) for line in open(sys.argv[1])), key=lambda m: len(m["MESSAGE"]))
		for m in (first, second, third, fourth):
		    assert m["CONTAINER_ID"] == sys.argv[2][:12] and m["CONTAINER_ID_FULL"] == sys.argv[2] and m["CONTAINER_NAME"] == "box"
		    assert m["CONTAINER_TAG"] == m["SYSLOG_IDENTIFIER"] == sys.argv[2][:12] and m["IMAGE_NAME"] == "busybox" and m["A_B"] == "1"
		assert {(first["MESSAGE"], first["PRIORITY"]), (second["MESSAGE"], second["PRIORITY"])} == {("hi", "6"), ("oh", "3")}
		assert len(fourth["MESSAGE"]) == 16384 and len(third["MESSAGE"]) == 20000 - 16384
		assert fourth["CONTAINER_PARTIAL_MESSAGE"] == "true" and "CONTAINER_PARTIAL_MESSAGE" not in third
		assert fourth["CONTAINER_PARTIAL_LAST"] == "false" and third["CONTAINER_PARTIAL_LAST"] == "true"
		assert fourth["CONTAINER_PARTIAL_ID"] == third["CONTAINER_PARTIAL_ID"] and third["CONTAINER_PARTIAL_ORDINAL"] == "2"
	EOT
	[ "$(berth logs box 2>/dev/null | tail -n 1 | wc -c)" -eq 20001 ]
}

@test "logging goes on while the engine is dead, wherever it goes to" {
	serve fluentd "unix:$BATS_TEST_TMPDIR/fluent"
	start -d --name box --log-driver fluentd --log-opt "fluentd-address=unix://$BATS_TEST_TMPDIR/fluent" busybox \
		sh -c 'echo one; while [ ! -e /go ]; do sleep 0.05; done; echo two; sleep 100' >/dev/null
	eventually has_taken 1
	local init
	init=$(berth inspect -f '{{.State.Pid}}' box)
	engine_stop KILL
	touch_in "$init" go
	eventually has_taken 2
	engine_start --bridge none
	[ "$(berth logs box)" = "$(printf 'one\ntwo')" ]
}

@test "attach with the log and what comes: every line once, in order" {
	start -d --name box busybox sh -c 'i=0; while [ $i -lt 8000 ]; do i=$((i+1)); echo $i; done; until [ -e /go ]; do sleep 0.05; done; echo end' >/dev/null
	for n in 1 2 3; do
		timeout 60 curl -sN --unix-socket "$WORK/run/berth.sock" -X POST "http://x/v1.41/containers/box/attach?logs=1&stream=1&stdout=1" \
			-o "$BATS_TEST_TMPDIR/got$n" 3>&- &
		eval "pid$n=$!"
		sleep 0.05
	done
	for n in 1 2 3; do
		eventually test -s "$BATS_TEST_TMPDIR/got$n"
	done
	berth exec box touch /go
	# shellcheck disable=SC2154 # by eval
	wait "$pid1" "$pid2" "$pid3"
	for n in 1 2 3; do
		/usr/bin/python3 - "$BATS_TEST_TMPDIR/got$n" <<-'EOT'
			import sys
			data, text = open(sys.argv[1], "rb").read(), b""
			while data:
			    length = int.from_bytes(data[4:8], "big")
			    text, data = text + data[8:8 + length], data[8 + length:]
			assert text == b"".join(b"%d\n" % i for i in range(1, 8001)) + b"end\n", text[-100:]
		EOT
	done
}

@test "a reader that has stopped does not hold up the container" {
	start -d --name box busybox sh -c 'sleep 0.3; yes 0123456789 | head -n 400000; exit 4' >/dev/null
	"$BERTH_BUILD/berth" logs -f box >/dev/null 3>&- &
	reader=$!
	kill -STOP $reader
	[ "$(timeout 60 "$BERTH_BUILD/berth" wait box)" = 4 ]
	kill -CONT $reader
	kill $reader
	wait $reader || true
}

@test "logs of several containers at once, in the order of their times, and as JSON" {
	start -d --name one busybox sh -c 'for i in 1 2 3; do echo a$i; sleep 0.3; done' >/dev/null
	start -d --name other busybox sh -c 'for i in 1 2 3; do echo b$i >&2; sleep 0.3; done' >/dev/null
	timeout 60 "$BERTH_BUILD/berth" logs -f one other >"$BATS_TEST_TMPDIR/followed" 2>&1
	expected="one   | a1
other | b1
one   | a2
other | b2
one   | a3
other | b3"
	diff <(sort "$BATS_TEST_TMPDIR/followed") <(echo "$expected" | sort)
	[ "$(berth logs one other 2>/dev/null)" = "$(echo "$expected" | grep one)" ]
	berth logs --format json one other | /usr/bin/python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert sorted(l["log"] for l in lines) == ["a1", "a2", "a3", "b1", "b2", "b3"], lines
assert {(l["container"], l["stream"]) for l in lines} == {("one", "stdout"), ("other", "stderr")}
assert lines == sorted(lines, key=lambda l: l["time"])'
	[[ "$(berth --color always logs one)" != *$'\033'* ]]
	[[ "$(berth --color always logs one other 2>&1)" = *$'\033[36mone   |\033[0m a1'* ]]
	run berth logs one nothere
	[ "$status" -eq 1 ]
	[[ "$output" = *"nothere: "*"No such container: nothere"* ]]
	run berth logs --format table one
	[ "$status" -eq 1 ]
}
