#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published ports: from outside, from the host itself, from containers; what is seen of the client; added and withdrawn
# while the container runs.

# shellcheck disable=SC2086,SC2153 # addresses are single words; $OUTPUT is ours
load helpers
bats_require_minimum_version 1.5.0

setup_file() {
	network_setup
	berth network create --ipv6 --subnet 10.90.2.0/24 --subnet fd90:2::/64 both >/dev/null
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

@test "from outside: both families, the client's own address" {
	answerer one tcp 80 --network both -p 8080:80 -p 8081:80
	answerer two udp 80 --network both -p 8080:80/udp
	[ "$(from in_outside -- tcp $HOST4 8080 x)" = "$OUTSIDE4 $(address4 one both) x" ]
	[ "$(from in_outside -- tcp $HOST6 8080 x)" = "$OUTSIDE6 $(address6 one both) x" ]
	[[ "$(from in_outside -- udp $HOST4 8080 x)" == "$OUTSIDE4 "* ]]
	[[ "$(from in_outside -- udp $HOST6 8080 x)" == "$OUTSIDE6 "* ]]
	from in_outside -- tcp $HOST4B 8081
	not_from in_outside -- tcp $HOST4 80
	not_from in_outside -- tcp $HOST4 8082
	[ "$(berth port one 80 | sort | paste -sd' ')" = "0.0.0.0:8080 0.0.0.0:8081 [::]:8080 [::]:8081" ]
	[ "$(berth ps -f publish=8079-8080 --format '{{.Names}}')" = one ]
	[ -z "$(berth ps -q -f publish=80)" ]
	# no process stands in between; what keeps the port from others is the engine's alone, and takes nothing
	[ "$(in_host ss -Hltunp | grep 808 | grep -vc berthd)" -eq 0 ]
}

@test "from the host itself and from containers to the host's address" {
	answerer one tcp 80 --network both -p 8080:80
	launch two --network both
	launch three
	from in_host -- tcp 127.0.0.1 8080
	from in_host -- tcp $HOST4 8080
	from in_host -- tcp $HOST6 8080
	from in_container three -- tcp $HOST4 8080 # of another network
	from in_container two -- tcp $HOST4 8080 # of the same
	from in_container two -- tcp $HOST6 8080
	from in_container one -- tcp $HOST4 8080 # itself
	from in_container two -- tcp "$(berth network inspect -f '{{(index .IPAM.Config 0).Gateway}}' both)" 8080
}

@test "one address of the host, and loopback alone" {
	answerer one tcp 80 -p $HOST4B:8080:80 -p 127.0.0.1:8081:80
	from in_outside -- tcp $HOST4B 8080
	not_from in_outside -- tcp $HOST4 8080
	from in_host -- tcp 127.0.0.1 8081
	not_from in_outside -- tcp $HOST4 8081
	# also not by a route that leads 127.0.0.1 over the wire
	ip -n "$NETWORK-outside" addr del 127.0.0.1/8 dev lo
	nsenter "--net=/run/netns/$NETWORK-outside" sh -c 'echo 1 >/proc/sys/net/ipv4/conf/wire/route_localnet'
	ip -n "$NETWORK-outside" route add 127.0.0.1/32 via $HOST4 dev wire src $OUTSIDE4
	not_from in_outside -- tcp 127.0.0.1 8081
	ip -n "$NETWORK-outside" route del 127.0.0.1/32
	ip -n "$NETWORK-outside" addr add 127.0.0.1/8 dev lo
}

@test "services on the host's loopback are not reached through a published port" {
	serve in_host tcp 9000 127.0.0.1
	answerer one tcp 80 -p 8080:80
	not_from in_outside -- tcp $HOST4 9000
	not_from in_container one -- tcp "$(berth inspect -f '{{.NetworkSettings.Gateway}}' one)" 9000
}

@test "ranges, random ports and all that is exposed" {
	local port
	answerer one tcp 81 -p 8090-8092:80-82
	from in_outside -- tcp $HOST4 8091
	answerer two tcp 80 -p 8080-8085:80
	answerer three tcp 80 -p 8080-8085:80
	[ "$(berth port two 80 | head -n 1)" != "$(berth port three 80 | head -n 1)" ]
	answerer four tcp 80 --expose 80 -P
	port=$(berth port four 80 | head -n 1)
	from in_outside -- tcp $HOST4 "${port##*:}"
	answerer five tcp 80 -p 80
	port=$(berth port five 80 | head -n 1)
	from in_outside -- tcp $HOST4 "${port##*:}"
	# another for each start, but as long as it runs the same
	[ "$(berth inspect -f '{{len (index .NetworkSettings.Ports "80/tcp")}}' four)" -ge 1 ]
}

@test "a port in use: who has it is named, a container and a process, and nothing is left of the refused" {
	answerer one tcp 80 -p 8080:80
	run berth run --name two -p 8080:80 busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"port is already allocated"*one* ]]
	serve in_host tcp 8081
	run berth run --name three -p 8081:80 busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *8081*peer* ]]
	# of another address, another protocol: fine
	answerer four udp 80 -p 8080:80/udp
	run berth start two
	[ "$status" -eq 1 ]
	berth rm -f one >/dev/null
	berth start two
}

@test "ports of a container that ends are free at once, and those of one that starts again are back" {
	for _ in 1 2 3 4 5; do
		berth run --rm -p 8080:80 busybox true
	done
	answerer one tcp 80 -p 8080:80
	from in_outside -- tcp $HOST4 8080
	berth restart -t 1 one >/dev/null
	eventually from in_outside -- tcp $HOST4 8080
	berth stop -t 1 one >/dev/null
	not_from in_outside -- tcp $HOST4 8080
	[ "$(in_host nft list ruleset | grep -c 8080)" -eq 0 ]
}

@test "update --publish-add and --publish-rm on a running container" {
	answerer one tcp 80 --network both -p 8080:80
	hold in_outside $HOST4 8080
	not_from in_outside -- tcp $HOST4 8081
	berth update --publish-add 8081:80 --publish-add 127.0.0.1:8082:80 one
	[ "$(from in_outside -- tcp $HOST4 8081)" = "$OUTSIDE4 $(address4 one both) hello" ]
	from in_outside -- tcp $HOST6 8081
	from in_host -- tcp 127.0.0.1 8082
	not_from in_outside -- tcp $HOST4 8082
	[ "$(berth port one 80 | grep -c 808)" -ge 4 ]
	run berth update --publish-add 8081:80 one
	[ "$status" -eq 1 ]
	[[ "$output" == *"already allocated"* ]]
	berth update --publish-rm 8081:80 one
	not_from in_outside -- tcp $HOST4 8081
	from in_outside -- tcp $HOST4 8080
	# what was connected through another port goes on
	echo still >&8
	eventually grep -q "$OUTSIDE4 .* still" "$HELD"
	exec 8>&-
	# kept over a restart
	berth restart -t 1 one >/dev/null
	eventually from in_host -- tcp 127.0.0.1 8082
	not_from in_outside -- tcp $HOST4 8081
	berth update --publish-rm 80 one
	not_from in_host -- tcp 127.0.0.1 8082
	not_from in_outside -- tcp $HOST4 8080
	[ "$(berth port one)" = "" ]
	run berth update --publish-rm 80 one
	[ "$status" -eq 1 ]
}

# How long a run with a port takes at best.
quickest() {
	for _ in 1 2 3; do
		milliseconds berth run --rm -p 9999:80 busybox true
	done | sort -n | head -n 1
}

@test "two thousand ports: quickly there, quickly gone, and a further one costs no more" {
	local took few many
	few=$(quickest)
	took=$(milliseconds launch many --network both -p 20000-21999:1000-2999)
	echo "2000 ports in $took ms"
	[ "$took" -lt 15000 ]
	background in_container many "$peer" answer tcp 2998
	eventually grep -q ready "$OUTPUT"
	from in_outside -- tcp $HOST4 21998
	[ "$(berth port many | grep -c '^[0-9]*/tcp -> 0\.0\.0\.0:2')" -eq 2000 ]
	many=$(quickest)
	echo "a run with a port: $few ms, beside 2000 others $many ms"
	[ "$many" -lt $((few * 3 + 300)) ]
	took=$(milliseconds berth update --publish-add 9998:2998 many)
	echo "a further port of it: $took ms"
	[ "$took" -lt $((few * 3 + 1000)) ]
	from in_outside -- tcp $HOST4 9998
	took=$(milliseconds berth rm -f many)
	echo "gone in $took ms"
	[ "$took" -lt 15000 ]
	run ! grep -q 21998 <<<"$(in_host nft list ruleset)"
}
