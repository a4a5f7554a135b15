#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who reaches whom on bridges: containers each other, the outside by translation, and nobody what is kept apart.

# shellcheck disable=SC2086,SC2153 # addresses are single words; $OUTPUT is ours
load helpers
bats_require_minimum_version 1.5.0

setup_file() {
	network_setup --metrics-addr 127.0.0.1:9323
	berth network create --ipv6 --subnet 10.90.1.0/24 --subnet fd90:1::/64 both >/dev/null
	KEEP=both
	export KEEP
}
teardown_file() {
	berth network rm both >/dev/null
	network_teardown
}
teardown() {
	unserve
	remove_containers
	remove_networks
}

@test "the default bridge: addresses, route, and the outside by the host's address" {
	serve in_outside tcp 7000
	serve in_outside udp 7000
	launch one
	[ "$(address4 one)" != "" ]
	in_container one ip -4 -o addr show dev eth0 | grep -q "inet $(address4 one)/16 "
	in_container one ip route | grep -q "^default via $(berth inspect -f '{{.NetworkSettings.Gateway}}' one) dev eth0"
	in_container one ping -qc 1 -W 10 $FAR4
	[ "$(from in_container one -- tcp $FAR4 7000)" = "$HOST4 $FAR4 hello" ]
	# of several addresses, a server that listens on all answers by the nearest
	[[ "$(from in_container one -- udp $OUTSIDE4 7000 hi)" == "$HOST4 "*" hi" ]]
	# and the host itself
	serve in_host tcp 7001
	from in_container one -- tcp $HOST4 7001
	# what was not asked for cannot come in: the outside knows the way, but the host does not let it through
	ip -n "$NETWORK-outside" route add 172.16.0.0/12 via $HOST4
	background in_container one "$peer" answer tcp 7002
	eventually grep -q ready "$OUTPUT"
	from in_host -- tcp "$(address4 one)" 7002
	not_from in_outside -- tcp "$(address4 one)" 7002
	ip -n "$NETWORK-outside" route del 172.16.0.0/12
}

@test "IPv4 and IPv6, TCP and UDP, both ways between two containers, and outward" {
	local protocol
	launch left --network both
	launch right --network both
	for protocol in tcp udp; do
		background in_container left "$peer" answer $protocol 7000
		eventually grep -q ready "$OUTPUT"
		background in_container right "$peer" answer $protocol 7000
		eventually grep -q ready "$OUTPUT"
		[[ "$(from in_container left -- $protocol "$(address4 right both)" 7000)" == "$(address4 left both) "* ]]
		[[ "$(from in_container right -- $protocol "$(address4 left both)" 7000)" == "$(address4 right both) "* ]]
		[[ "$(from in_container left -- $protocol "$(address6 right both)" 7000)" == "$(address6 left both) "* ]]
		[[ "$(from in_container right -- $protocol "$(address6 left both)" 7000)" == "$(address6 right both) "* ]]
		serve in_outside $protocol 7003
		[[ "$(from in_container left -- $protocol $OUTSIDE4 7003)" == "$HOST4 "* ]]
		[[ "$(from in_container left -- $protocol $OUTSIDE6 7003)" == "$HOST6 "* ]]
	done
	in_container left ping -qc 1 -W 10 "$(address4 right both)"
	in_container left ping -6 -qc 1 -W 2 "$(address6 right both)"
	in_container left ping -6 -qc 1 -W 2 $FAR6
}

@test "SCTP: between containers, outward and published" {
	has_sctp
	launch left --network both
	answerer right sctp 7000 --network both -p 7004:7000/sctp
	from in_container left -- sctp "$(address4 right both)" 7000
	from in_container left -- sctp "$(address6 right both)" 7000
	serve in_outside sctp 7003
	[[ "$(from in_container left -- sctp $OUTSIDE4 7003)" == "$HOST4 "* ]]
	[[ "$(from in_container left -- sctp $OUTSIDE6 7003)" == "$HOST6 "* ]]
	[[ "$(from in_outside -- sctp $HOST4 7004)" == "$OUTSIDE4 "* ]]
	[[ "$(from in_outside -- sctp $HOST6 7004)" == "$OUTSIDE6 "* ]]
	[[ "$(from in_host -- sctp 127.0.0.1 7004)" == *hello ]]
	berth update --publish-rm 7000/sctp right
	not_from in_outside -- sctp $HOST4 7004
}

@test "a whole file in both directions, as it was" {
	local sum
	launch one --network both
	head -c 20000000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
	sum=$(sha256sum <"$BATS_TEST_TMPDIR/file")
	background in_outside socat -u tcp-listen:7005,reuseaddr,fork "create:$BATS_TEST_TMPDIR/out"
	eventually in_container one socat -u "open:$BATS_TEST_TMPDIR/file" tcp:$FAR4:7005
	eventually test "$(stat -c %s "$BATS_TEST_TMPDIR/file")" = 20000000
	eventually same_sum "$sum" "$BATS_TEST_TMPDIR/out"
	background in_outside socat -U tcp-listen:7006,reuseaddr,fork "open:$BATS_TEST_TMPDIR/file"
	eventually in_container one socat -u tcp:$FAR4:7006 "create:$BATS_TEST_TMPDIR/back"
	same_sum "$sum" "$BATS_TEST_TMPDIR/back"
}
same_sum() {
	[ "$(sha256sum <"$2")" = "$1" ]
}

@test "networks are apart from each other, by their addresses and by the host's for them" {
	berth network create --ipv6 other >/dev/null
	answerer one tcp 7000 --network both
	launch two --network other
	launch three
	not_from in_container two -- tcp "$(address4 one both)" 7000
	not_from in_container two -- tcp "$(address6 one both)" 7000
	not_from in_container three -- tcp "$(address4 one both)" 7000
	run ! in_container two ping -qc 1 -W 1 "$(address4 one both)"
	# with an address of the other network, and with a route that names the other's gateway
	in_container two ip route add "$(address4 one both)" via "$(berth network inspect -f \
		'{{(index .IPAM.Config 0).Gateway}}' other)"
	not_from in_container two -- tcp "$(address4 one both)" 7000
	# in both at once both are reached
	berth network connect other one
	from in_container two -- tcp "$(address4 one other)" 7000
}

@test "an internal network: its containers each other, and nothing else" {
	berth network create --internal --ipv6 inner >/dev/null
	serve in_outside tcp 7000
	serve in_host tcp 7007
	launch one --network inner
	answerer two tcp 7000 --network inner
	from in_container one -- tcp "$(address4 two inner)" 7000
	from in_container one -- tcp "$(address6 two inner)" 7000
	not_from in_container one -- tcp $FAR4 7000
	not_from in_container one -- tcp $FAR6 7000
	run ! in_container one ip route get $FAR4
	[ "$(berth network inspect -f '{{.Internal}}' inner)" = true ]
	# not even with a route of its own making
	in_container one ip route add default via "$(berth network inspect -f '{{(index .IPAM.Config 0).Gateway}}' inner)" ||
		in_container one ip route add default dev eth0
	not_from in_container one -- tcp $FAR4 7000
}

@test "a bridge whose containers do not reach each other" {
	berth network create -o com.docker.network.bridge.enable_icc=false alone >/dev/null
	answerer one tcp 7000 --network alone -p 7008:7000
	launch two --network alone
	not_from in_container two -- tcp "$(address4 one alone)" 7000
	run ! in_container two ping -qc 1 -W 1 "$(address4 one alone)"
	# what is published is for all
	from in_outside -- tcp $HOST4 7008
	serve in_outside tcp 7000
	from in_container two -- tcp $FAR4 7000
}

@test "MTU, name of the bridge, no translation, fixed addresses" {
	berth network create -o com.docker.network.driver.mtu=1400 -o com.docker.network.bridge.name=berth-own \
		-o com.docker.network.bridge.enable_ip_masquerade=false --subnet 10.91.0.0/24 --ip-range 10.91.0.128/25 \
		--gateway 10.91.0.9 own >/dev/null
	launch one --network own
	launch two --network own --ip 10.91.0.77 --mac-address 02:42:0a:5b:00:4d
	in_container one ip -o link show dev eth0 | grep -q "mtu 1400"
	in_host ip -o link show dev berth-own | grep -q "mtu 1400"
	in_host ip -4 -o addr show dev berth-own | grep -q "inet 10.91.0.9/24"
	[[ "$(address4 one own)" =~ ^10\.91\.0\.(12[89]|1[3-9][0-9]|2[0-9]*)$ ]]
	[ "$(address4 two own)" = 10.91.0.77 ]
	in_container two ip -o link show dev eth0 | grep -q 02:42:0a:5b:00:4d
	in_container two ip route | grep -q "default via 10.91.0.9"
	# untranslated: the outside sees the container's own address, and answers if it knows the way
	serve in_outside tcp 7000
	ip -n "$NETWORK-outside" route add 10.91.0.0/24 via $HOST4
	[[ "$(from in_container two -- tcp $FAR4 7000)" == "10.91.0.77 "* ]]
	ip -n "$NETWORK-outside" route del 10.91.0.0/24
	run berth run --rm --network own --ip 10.91.0.77 busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"ddress already in use"* ]]
	run berth run --rm --network own --ip 10.92.0.1 busybox true
	[ "$status" -eq 125 ]
}

@test "subnets that overlap, too, are refused by name and leave nothing" {
	run berth network create --subnet 10.90.1.128/25 second
	[ "$status" -eq 1 ]
	[[ "$output" == *"verlap"* ]]
	run berth network create --subnet 203.0.113.0/24 third
	# the host's own wire: chosen by hand it is the user's word
	berth network rm -f third >/dev/null
	run berth network create both
	[ "$status" -eq 1 ]
	[[ "$output" == *"network with name both already exists"* ]]
	run berth network create -d nosuchdriver fourth
	[ "$status" -eq 1 ]
	[[ "$output" == *nosuchdriver* ]]
	[ "$(berth network ls -q --filter type=custom | wc -l)" -eq 1 ]
}

metric() {
	in_host curl -sS http://127.0.0.1:9323/metrics | sed -n "s/^engine_daemon_network_actions_seconds_count{action=\"$1\"} //p"
}

@test "metrics count what is allocated, connected and released" {
	local before=("$(metric allocate)" "$(metric connect)" "$(metric release)")
	launch one --network both
	berth network connect bridge one
	berth rm -f one >/dev/null
	[ "$(metric allocate)" -eq $((before[0] + 1)) ]
	[ "$(metric connect)" -eq $((before[1] + 1)) ]
	released() { [ "$(metric release)" -ge $((before[2] + 1)) ]; } # those of a container before may come now, too
	eventually released
}
