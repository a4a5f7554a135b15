#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Names in containers: 127.0.0.11 as containers see it, with a name server on the outside machine.

load helpers
bats_require_minimum_version 1.5.0

SECOND4=203.0.113.54 # further addresses of the outside

setup_file() {
	network_setup
	ip -n "$NETWORK-outside" addr add $SECOND4/24 dev wire
	berth network create front >/dev/null
	berth network create back >/dev/null
}
teardown_file() { network_teardown; }
setup() {
	QUERIES=$BATS_TEST_TMPDIR/queries
	: >"$QUERIES"
	echo "nameserver $OUTSIDE4" >"$RESOLV_CONF"
}
teardown() {
	unserve
	remove_containers
}

# upstream ADDRESS[=CONDUCT]...: name servers outside; what they are asked is in $QUERIES.
# shellcheck disable=SC2153 # OUTPUT is of background
upstream() {
	background in_outside "$BATS_TEST_DIRNAME/nameserver" "$QUERIES" "$@"
	eventually grep -q ready "$OUTPUT" || { cat "$OUTPUT" >&2; return 1; }
}

# ask CONTAINER [what dig takes]: what it answers, sorted.
ask() {
	local container=$1
	shift
	in_container "$container" dig @127.0.0.11 +short +tries=1 +timeout=8 "$@" | sort
}
# code CONTAINER [what dig takes]: NOERROR and so on, and the number of answers.
code() {
	local container=$1
	shift
	in_container "$container" dig @127.0.0.11 +noall +comments +tries=1 +timeout=8 "$@" |
		sed -n 's/.*status: \([A-Z]*\).*/\1/p; s/.* ANSWER: \([0-9]*\).*/\1/p' | xargs
}

@test "containers find each other by name, alias, short id and name with network, and by address" {
	local address id
	launch web --network front --network-alias www
	launch asker --network front
	launch stranger --network back
	address=$(address4 web front)
	id=$(berth inspect -f '{{.Id}}' web)
	for name in web WEB web. www web.front Web.Front. "${id:0:12}"; do
		[ "$(ask asker "$name")" = "$address" ]
		[ "$(ask asker +tcp "$name")" = "$address" ]
	done
	[ "$(ask asker -x "$address")" = web.front. ]
	[ "$(ask web asker)" = "$(address4 asker front)" ]
	[ "$(ask asker -t ANY web)" = "$address" ]
	[ "$(code asker -t MX web)" = "NOERROR 0" ]
	[[ "$(inside asker nslookup web)" == *"$address"* ]]
	inside asker ping -c 1 -W 2 web
	# Another network's containers do not.
	[ "$(ask stranger web)" = "" ]
	[ "$(ask stranger web.front)" = "" ]
	[ "$(ask stranger -x "$address")" = "" ]
}

@test "names have the addresses of both families, and one that has none of a family is asked of nobody else" {
	upstream "$OUTSIDE4"
	berth network create --ipv6 six
	launch web --network six
	launch asker --network six
	launch old --network front
	launch other --network front
	[ "$(ask asker web AAAA)" = "$(address6 web six)" ]
	[ "$(ask asker -x "$(address6 web six)")" = web.six. ]
	[ "$(ask asker web ANY | wc -l)" -eq 2 ]
	[ "$(code other old AAAA)" = "NOERROR 0" ]
	[ "$(code other old TXT)" = "NOERROR 0" ]
	[ ! -s "$QUERIES" ]
	remove_containers
	berth network rm six
}

@test "names follow what starts, stops, connects and leaves at once" {
	launch asker --network front
	[ "$(ask asker web)" = "" ]
	launch web --network front
	[ "$(ask asker web)" = "$(address4 web front)" ]
	berth stop -t 0 web >/dev/null
	[ "$(ask asker web)" = "" ]
	berth start web >/dev/null
	[ "$(ask asker web)" = "$(address4 web front)" ]
	launch far --network back
	[ "$(ask far web)" = "" ]
	berth network connect --alias near back web
	[ "$(ask far web)" = "$(address4 web back)" ]
	[ "$(ask far near)" = "$(address4 web back)" ]
	[ "$(ask web far)" = "$(address4 far back)" ]
	berth network disconnect back web
	[ "$(ask far web)" = "" ]
	[ "$(ask web far)" = "" ]
	berth rm -f web >/dev/null
	[ "$(ask asker web)" = "" ]
}

@test "an alias of several containers has all addresses, in changing order" {
	local i first=""
	for i in 1 2 3; do
		launch "web$i" --network front --network-alias web
	done
	launch asker --network front
	[ "$(ask asker web)" = "$({ address4 web1 front; address4 web2 front; address4 web3 front; } | sort)" ]
	for i in $(seq 40); do
		first+=$(in_container asker dig @127.0.0.11 +short web | head -n 1)$'\n'
	done
	[ "$(sort -u <<<"$first" | grep -c .)" -eq 3 ]
}

@test "other names are asked from the host, over UDP and TCP, with EDNS and long answers" {
	upstream "$OUTSIDE4"
	launch asker --network front
	[ "$(ask asker a.test)" = "$OUTSIDE4" ]
	[ "$(ask asker +tcp a.test)" = "$OUTSIDE4" ]
	[ "$(cat "$QUERIES")" = "udp a.test A $HOST4"$'\n'"tcp a.test A $HOST4" ]
	[[ "$(inside asker nslookup a.test)" == *"$OUTSIDE4"* ]]
	[ "$(code asker none.test)" = "NXDOMAIN 0" ]
	: >"$QUERIES"
	[ "$(code asker +bufsize=4096 big.test)" = "NOERROR 100" ]
	[ "$(code asker +noedns +ignore big.test)" = "NOERROR 0" ]
	[ "$(grep -c tcp "$QUERIES")" -eq 0 ]
	[ "$(code asker +noedns big.test)" = "NOERROR 100" ] # dig comes back by TCP
	grep -q tcp "$QUERIES"
}

@test "a server that is silent, refuses or is not there is followed by the next one" {
	local slow
	launch asker --network front
	upstream "$OUTSIDE4=silent" "$SECOND4"
	printf 'nameserver %s\nnameserver %s\noptions timeout:1\n' "$OUTSIDE4" "$SECOND4" >"$RESOLV_CONF"
	[ "$(ask asker a.test)" = "$SECOND4" ]
	[ "$(ask asker +tcp a.test)" = "$SECOND4" ]
	slow=0 # and now it is known: not a second each
	for _ in $(seq 10); do
		[ "$(ask asker a.test)" = "$SECOND4" ]
		[ "$(in_container asker dig @127.0.0.11 a.test | sed -n 's/.*Query time: \([0-9]*\) msec.*/\1/p')" -lt 1000 ] || slow=$((slow + 1))
	done
	[ $slow -lt 5 ]
	unserve
	upstream "$OUTSIDE4=refuse" "$SECOND4"
	printf 'nameserver %s\nnameserver %s\n' "$OUTSIDE4" "$SECOND4" >"$RESOLV_CONF"
	[ "$(ask asker a.test)" = "$SECOND4" ]
	unserve
	upstream "$SECOND4"
	[ "$(ask asker a.test)" = "$SECOND4" ]
	unserve
	[ "$(code asker a.test)" = "SERVFAIL 0" ]
}

@test "changes of the host's resolv.conf are followed" {
	launch asker --network front
	upstream "$OUTSIDE4" "$SECOND4"
	[ "$(ask asker a.test)" = "$OUTSIDE4" ]
	echo "nameserver $SECOND4" >"$RESOLV_CONF"
	[ "$(ask asker a.test)" = "$SECOND4" ]
	# The host's own server, which no container could reach.
	background in_host "$BATS_TEST_DIRNAME/nameserver" "$QUERIES" 127.0.0.53
	eventually grep -q ready "$OUTPUT"
	echo "nameserver 127.0.0.53" >"$RESOLV_CONF"
	[ "$(ask asker a.test)" = 127.0.0.53 ]
}

@test "--dns, --dns-search and --dns-opt" {
	upstream "$OUTSIDE4=refuse" "$SECOND4"
	launch asker --network front --dns "$SECOND4" --dns-search front.test --dns-opt use-vc
	[ "$(ask asker a.test)" = "$SECOND4" ]
	inside asker cat /etc/resolv.conf | grep -x 'nameserver 127.0.0.11'
	inside asker cat /etc/resolv.conf | grep -x 'search front.test'
	inside asker cat /etc/resolv.conf | grep -E '^options .*use-vc'
}

@test "an internal network's questions do not leave the host (CVE-2024-29018)" {
	upstream "$OUTSIDE4"
	berth network create --internal inner >/dev/null
	launch web --network inner
	launch asker --network inner
	[ "$(ask asker web)" = "$(address4 web inner)" ]
	for name in secret.test secret web.test; do
		[ "$(code asker $name)" = "SERVFAIL 0" ]
		[ "$(code asker +tcp $name)" = "SERVFAIL 0" ]
	done
	[ "$(code asker -x 198.51.100.9)" = "SERVFAIL 0" ]
	[ "$(code asker secret.test TXT)" = "SERVFAIL 0" ]
	[ ! -s "$QUERIES" ]
	# With a way out there is somebody to ask.
	berth network connect front asker
	[ "$(ask asker a.test)" = "$OUTSIDE4" ]
	remove_containers
	berth network rm inner
}

is_unknown() {
	[ "$(ask "$1" "$2")" = "" ]
}

@test "names are answered while the engine is killed, and after it is back" {
	local late address pid
	upstream "$OUTSIDE4"
	launch web --network front
	launch asker --network front
	address=$(address4 web front)
	pid=$(berth inspect -f '{{.State.Pid}}' asker)
	engine_stop KILL
	[ "$(nsenter -t "$pid" -n dig @127.0.0.11 +short web)" = "$address" ]
	[ "$(nsenter -t "$pid" -n dig @127.0.0.11 +short +tcp web)" = "$address" ]
	[ "$(nsenter -t "$pid" -n dig @127.0.0.11 +short a.test)" = "$OUTSIDE4" ]
	engine_start
	[ "$(ask asker web)" = "$(address4 web front)" ]
	[ "$(ask asker a.test)" = "$OUTSIDE4" ]
	launch late --network front
	[ "$(ask asker late)" = "$(address4 late front)" ]
	late=$(berth inspect -f '{{.State.Pid}}' late)
	berth rm -f web >/dev/null
	eventually is_unknown asker web
	# What ended while nobody looked is gone when somebody does.
	engine_stop KILL
	kill -KILL "$late"
	engine_start
	eventually is_unknown asker late
}

@test "paused, restarted, and with another container's network" {
	launch web --network front
	launch asker --network front
	launch sharer --network container:asker
	[ "$(ask sharer web)" = "$(address4 web front)" ]
	berth pause asker >/dev/null
	[ "$(ask asker web)" = "$(address4 web front)" ]
	[ "$(ask sharer web)" = "$(address4 web front)" ]
	[ "$(ask web asker)" = "$(address4 asker front)" ]
	berth unpause asker >/dev/null
	berth rm -f sharer >/dev/null
	berth restart -t 0 asker >/dev/null
	[ "$(ask asker web)" = "$(address4 web front)" ]
	[ "$(ask web asker)" = "$(address4 asker front)" ]
}

@test "an alias of a link is its container's alone" {
	launch db --network front
	launch app --network front --link db:Database
	launch asker --network front
	[ "$(ask app database)" = "$(address4 db front)" ]
	[ "$(ask app db)" = "$(address4 db front)" ]
	[ "$(ask asker database)" = "" ]
}

@test "port 53 of the container is free for a server of its own" {
	launch web --network front
	launch asker --network front
	background in_container asker "$BATS_TEST_DIRNAME/nameserver" "$QUERIES" 0.0.0.0
	eventually grep -q ready "$OUTPUT"
	[ "$(in_container asker dig @127.0.0.1 +short a.test)" = 0.0.0.0 ]
	[ "$(in_container asker dig @127.0.0.1 +tcp +short a.test)" = 0.0.0.0 ]
	[ "$(ask asker web)" = "$(address4 web front)" ]
	[ "$(ask asker +tcp web)" = "$(address4 web front)" ]
}

@test "a container that floods its name server harms neither its log nor others, and is served again after" {
	launch web --network front
	launch asker --network front -- sh -c 'trap exit TERM; i=0; while :; do
		[ -e /go ] && { while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; rm /go; }; sleep 0.1; done'
	for _ in 1 2; do # garbage, and questions for names
		background in_container asker /usr/bin/python3 -c '
import os, socket
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.connect(("127.0.0.11", 53))
question = b"\1\2\1\0\0\1\0\0\0\0\0\0\3web\0\0\1\0\1"
while True:
	for _ in range(100):
		try:
			made.send(os.urandom(40))
			made.send(question)
		except OSError:
			pass'
	done
	inside asker touch /go
	eventually grep_log 'line 4999'
	[ "$(berth logs asker | wc -l)" -eq 5000 ]
	# What finds no room among its own by UDP does by TCP, and nobody else is disturbed.
	[ "$(ask asker +tcp web)" = "$(address4 web front)" ]
	[ "$(ask web asker)" = "$(address4 asker front)" ]
	unserve
	[ "$(ask asker web)" = "$(address4 web front)" ]
	berth stop -t 5 asker >/dev/null
	[ "$(berth inspect -f '{{.State.ExitCode}}' asker)" -ne 137 ]
}
grep_log() {
	berth logs --tail 1 asker | grep -q "$1"
}

# In kilobytes.
private_memory() {
	awk '/^Private_Dirty/ {print $2}' "/proc/$1/smaps_rollup"
}

@test "a container that asks much costs no memory for it" {
	local monitor before
	launch web --network front
	launch asker --network front
	monitor=$(pgrep -f "berth-monitor.*$(berth inspect -f '{{.Id}}' asker)")
	sleep 1.2 # it has given back what its start took
	before=$(private_memory "$monitor")
	for _ in $(seq 50); do
		ask asker web >/dev/null
	done
	ask asker +tcp web >/dev/null
	settled() { [ "$(private_memory "$monitor")" -le $((before + 32)) ]; }
	eventually settled
}
