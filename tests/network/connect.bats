#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks that come to running containers and go again, several at once, names, and what is no bridge.

# shellcheck disable=SC2086,SC2153 # addresses are single words; $OUTPUT is ours
load helpers
bats_require_minimum_version 1.5.0

setup_file() { network_setup; }
teardown_file() { network_teardown; }
teardown() {
	unserve
	remove_containers
	remove_networks
}

@test "connect and disconnect while it runs" {
	berth network create front >/dev/null
	berth network create back >/dev/null
	answerer one tcp 7000 --network front
	answerer two tcp 7000 --network back
	hold in_host "$(address4 one front)" 7000
	berth network connect --ip "$(address4 two back | sed 's/[0-9]*$/77/')" back one
	[[ "$(address4 one back)" == *.77 ]]
	in_container one ip -o link show dev eth1
	[[ "$(from in_container two -- tcp "$(address4 one back)" 7000)" == "$(address4 two back) "* ]]
	[ "$(berth network inspect -f '{{len .Containers}}' back)" = 2 ]
	run berth network connect back one
	[ "$status" -eq 1 ]
	[[ "$output" == *"already exists in network"* || "$output" == *"already attached"* ]]
	berth network disconnect back one
	not_from in_container two -- tcp 10.255.0.1 7000
	run ! in_container one ip -o link show dev eth1
	[ "$(berth network inspect -f '{{len .Containers}}' back)" = 1 ]
	echo still >&8
	eventually grep -q still "$HELD"
	exec 8>&-
	# its last one, and another
	berth network disconnect front one
	run ! in_container one ip -o link show dev eth0
	berth network connect back one
	from in_container two -- tcp "$(address4 one back)" 7000
	run berth network disconnect front one
	[ "$status" -eq 1 ]
	run berth network rm back
	[ "$status" -eq 1 ]
	[[ "$output" == *"has active endpoints"* ]]
}

@test "several networks at once: interfaces in their order, one default route, by priority" {
	berth network create aaa >/dev/null
	berth network create bbb >/dev/null
	berth network create --internal inner >/dev/null
	gateway() {
		berth network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$1"
	}
	launch one --network inner --network bbb --network aaa
	[ "$(in_container one ip -o -4 addr | grep -c eth)" -eq 3 ]
	in_container one ip -4 -o addr show dev eth0 | grep -q "$(address4 one inner)/"
	[ "$(in_container one ip route | grep -c ^default)" -eq 1 ]
	in_container one ip route | grep -q "^default via $(gateway aaa)"
	launch two --network aaa --network name=bbb,gw-priority=5
	in_container two ip route | grep -q "^default via $(gateway bbb)"
	berth network disconnect bbb two
	in_container two ip route | grep -q "^default via $(gateway aaa)"
	serve in_outside tcp 7000
	from in_container two -- tcp $FAR4 7000
}

@test "networks of a stopped container are there when it starts" {
	berth network create front >/dev/null
	berth create --name one busybox sleep 1000 >/dev/null
	berth network connect --alias web front one
	berth network disconnect bridge one
	berth start one
	[ -n "$(address4 one front)" ]
	[ "$(berth inspect -f '{{len .NetworkSettings.Networks}}' one)" = 1 ]
	[[ "$(berth inspect -f '{{(index .NetworkSettings.Networks "front").Aliases}}' one)" == *web* ]]
	berth stop -t 0 one
	run berth network rm front
	[ "$status" -eq 0 ] || [[ "$output" == *"active endpoints"* ]]
}

@test "names: the container's, its aliases, of both, and the hosts file" {
	berth network create front >/dev/null
	answerer one tcp 7000 --network front --network-alias web --network-alias also
	launch two --network front --add-host fixed:192.0.2.7 --add-host gate:host-gateway
	inside two ping -qc 1 -W 10 one
	inside two ping -qc 1 -W 10 web
	inside two ping -qc 1 -W 10 also
	inside two grep -q "^192.0.2.7.fixed$" /etc/hosts
	run berth run --rm -h a.b --domainname c.d busybox sh -c 'hostname; tail -n 1 /etc/hosts'
	[[ "$output" == a.b$'\n'*$'\ta.b.c.d a' ]]
	inside two ping -qc 1 -W 10 gate
	local pid
	pid=$(berth inspect -f "{{.State.Pid}}" two)
	engine_stop
	nsenter -t "$pid" -a -r ping -qc 1 -W 10 gate # the default bridge stays, though nobody is on it
	engine_start
	inside two ping -qc 1 -W 10 gate
	inside two cat /etc/resolv.conf | grep -q '^nameserver 127.0.0.11'
	run ! inside two ping -qc 1 -W 2 nobody
	berth network connect --alias late front "$(berth run -d busybox sleep 1000)"
	inside two ping -qc 1 -W 10 late
}

# neighbour CONTAINER ADDRESS: the MAC that it knows of it.
neighbour() {
	in_container "$1" ip neigh show "$2" | sed -n 's/.* lladdr \([^ ]*\) .*/\1/p'
}

@test "an address that comes to another container is at its MAC at once" {
	local address4=10.66.0.66 address6=fd00:66::66
	known() { [ "$(neighbour asker $address4) $(neighbour asker $address6)" = "$1 $1" ]; }
	berth network create --ipv6 --subnet 10.66.0.0/24 --subnet fd00:66::/64 front >/dev/null
	launch asker --network front
	launch one --network front --ip $address4 --ip6 $address6 --mac-address 02:00:00:00:00:01
	launch two
	in_container asker ping -qc 1 -W 10 $address4
	in_container asker ping -qc 1 -W 10 $address6
	known 02:00:00:00:00:01
	berth rm -f one
	berth network connect --ip $address4 --ip6 $address6 front two
	eventually known "$(mac two front)"
	berth rm -f two
	launch three --network front --ip $address4 --ip6 $address6 --mac-address 02:00:00:00:00:03
	eventually known 02:00:00:00:00:03
}

@test "links: addresses in hosts, variables, on the default bridge and on others" {
	answerer db tcp 5432 --expose 5432
	launch web --link db:database
	inside web grep -q "$(address4 db).*database" /etc/hosts
	berth inspect -f '{{.HostConfig.Links}}' web | grep -q /db:/web/database
	berth run --rm --link db:database busybox env >"$BATS_TEST_TMPDIR/env"
	grep -qx "DATABASE_PORT=tcp://$(address4 db):5432" "$BATS_TEST_TMPDIR/env"
	grep -qx "DATABASE_PORT_5432_TCP_ADDR=$(address4 db)" "$BATS_TEST_TMPDIR/env"
	grep -qx "DATABASE_PORT_5432_TCP_PORT=5432" "$BATS_TEST_TMPDIR/env"
	run ! grep -q _START "$BATS_TEST_TMPDIR/env"
	launch many --expose 6000-6003 --expose 6002/udp
	berth run --rm --link many busybox env >"$BATS_TEST_TMPDIR/env"
	grep -qx "MANY_PORT_6000_TCP_START=tcp://$(address4 many):6000" "$BATS_TEST_TMPDIR/env"
	grep -qx "MANY_PORT_6000_TCP_PORT_START=6000" "$BATS_TEST_TMPDIR/env"
	grep -qx "MANY_PORT_6000_TCP_END=tcp://$(address4 many):6003" "$BATS_TEST_TMPDIR/env"
	grep -qx "MANY_PORT_6000_TCP_PORT_END=6003" "$BATS_TEST_TMPDIR/env"
	grep -qx "MANY_PORT_6003_TCP_PORT=6003" "$BATS_TEST_TMPDIR/env"
	# A link is removed, from the running container's hosts, too.
	run -1 berth rm --link web
	[[ $output == *"default link name"* ]]
	run -1 berth rm --link web/nothing
	[[ $output == *"no such link"* ]]
	berth rm --link /web/database
	run ! inside web grep -q database /etc/hosts
	[ "$(berth inspect -f '{{.HostConfig.Links}}' web)" = '[]' ]
	berth restart -t 0 web
	run ! inside web grep -q database /etc/hosts
	[ "$(berth ps -q | wc -l)" = 3 ]
	berth network create front >/dev/null
	launch other --network front
	launch linked --network front --link other:friend
	inside linked ping -qc 1 -W 10 friend
	run berth run --rm --link nobody:x busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *nobody* ]]
}

@test "links where containers do not reach each other: the exposed ports of the target, and nothing else" {
	remove_containers
	engine_stop
	echo '{"icc": false}' >"$WORK/daemon.json"
	engine_start
	answerer db tcp 5432 --expose 5432
	background in_container db "$peer" answer tcp 5433
	answerer web tcp 80 --link db
	launch stranger
	from in_container web -- tcp "$(address4 db)" 5432
	not_from in_container web -- tcp "$(address4 db)" 5433
	not_from in_container stranger -- tcp "$(address4 db)" 5432
	not_from in_container db -- tcp "$(address4 web)" 80
	run ! in_container stranger ping -qc 1 -W 1 "$(address4 db)"
	# The way goes on without the engine and with the next one, and follows the target.
	local target pid
	target=$(address4 db)
	pid=$(berth inspect -f '{{.State.Pid}}' web)
	engine_stop KILL
	from nsenter -t "$pid" -n -- tcp "$target" 5432
	engine_start
	from in_container web -- tcp "$(address4 db)" 5432
	unserve
	berth restart -t 0 db
	eventually from in_container web -- tcp "$(address4 db)" 5432
	berth stop -t 0 db
	eventually links_are 0
	berth start db
	eventually links_are 1
	berth rm --link web/db
	links_are 0
	not_from in_container web -- tcp "$(address4 db)" 5432
	remove_containers
	engine_stop
	echo '{}' >"$WORK/daemon.json"
	engine_start
}
links_are() {
	local table
	table=$(in_host nft list tables | sed -n 's/^table inet \(berth-.*\)/\1/p')
	[ "$(in_host nft -j list set inet "$table" links4 | jq '[.nftables[].set.elem // empty | length] | add // 0')" = "$1" ]
}

@test "container:NAME shares all of it, host is the host's, none has nothing" {
	answerer one tcp 7000 -p 8080:7000
	launch two --network container:one
	from in_container two -- tcp 127.0.0.1 7000
	[ "$(in_container two readlink /proc/self/ns/net)" = "$(in_container one readlink /proc/self/ns/net)" ]
	[ "$(inside two hostname)" = "$(inside one hostname)" ]
	run berth run --rm --network container:one -p 80:80 busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"conflicting options"* ]]
	run berth run --rm --network container:nobody busybox true
	[ "$status" -eq 125 ]
	launch three --network host
	[ "$(in_container three readlink /proc/self/ns/net)" = "$(in_host readlink /proc/self/ns/net)" ]
	background in_container three "$peer" answer tcp 7001
	eventually grep -q ready "$OUTPUT"
	from in_outside -- tcp $HOST4 7001
	launch four --network none
	[ "$(in_container four ip -o link | wc -l)" -eq 1 ]
	background in_container four "$peer" answer tcp 7002
	eventually grep -q ready "$OUTPUT"
	from in_container four -- tcp 127.0.0.1 7002
	not_from in_container four -- tcp $HOST4 7001
}

@test "macvlan: a machine of its own on the wire" {
	berth network create -d macvlan -o parent=wire --subnet 203.0.113.0/24 --ip-range 203.0.113.128/25 \
		--gateway $OUTSIDE4 lan >/dev/null
	answerer one tcp 7000 --network lan
	launch two --network lan --ip 203.0.113.200
	[ "$(from in_outside -- tcp "$(address4 one lan)" 7000)" = "$OUTSIDE4 $(address4 one lan) hello" ]
	serve in_outside tcp 7001
	[[ "$(from in_container two -- tcp $FAR4 7001)" == "203.0.113.200 "* ]]
	from in_container two -- tcp "$(address4 one lan)" 7000
	run berth network create -d macvlan -o parent=nosuch0 other
	[ "$status" -eq 1 ] || {
		run berth run --rm --network other busybox true
		[ "$status" -eq 125 ]
	}
	[[ "$output" == *nosuch0* ]]
}

@test "none of a container's life leaves an interface, also where a start fails" {
	local before
	before=$(network_objects)
	berth network create front >/dev/null
	for _ in 1 2 3; do
		run -127 berth run --rm --network front busybox nosuchprogram
		berth run --rm --network front busybox true
	done
	berth network rm front >/dev/null
	eventually same_objects "$before"
}
same_objects() {
	[ "$(network_objects)" = "$1" ]
}
