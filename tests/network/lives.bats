#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What goes on without the engine, and what is put right after a crash, a flush, or somebody's hand.

# shellcheck disable=SC2086,SC2153 # addresses are single words; $OUTPUT is ours
load helpers
bats_require_minimum_version 1.5.0

setup_file() {
	network_setup
	berth network create --ipv6 both >/dev/null
	KEEP=both
	export KEEP
}
teardown_file() {
	berth network rm both >/dev/null
	network_teardown
}
teardown() {
	engine_answers >/dev/null || engine_start
	unserve
	remove_containers
	remove_networks
}

@test "the engine is killed: traffic, names and ports go on, and the next one adopts all of it" {
	answerer one tcp 80 --network both -p 8080:80
	launch two --network both
	hold in_outside $HOST4 8080
	local address before
	address=$(address4 one both) before=$(network_objects)
	engine_stop KILL
	[ "$(from in_outside -- tcp $HOST4 8080)" = "$OUTSIDE4 $address hello" ]
	from in_outside -- tcp $HOST6 8080
	echo dead >&8
	eventually grep -q dead "$HELD"
	engine_start
	echo alive >&8
	eventually grep -q alive "$HELD"
	exec 8>&-
	[ "$(address4 one both)" = "$address" ]
	[ "$(network_objects)" = "$before" ]
	from in_outside -- tcp $HOST4 8080
	inside two ping -qc 1 -W 10 one
	# what it adopted it knows: the address and the port are taken
	run berth run --rm --network both --ip "$address" busybox true
	[ "$status" -eq 125 ]
	run berth run --rm -p 8080:80 busybox true
	[ "$status" -eq 125 ]
	[[ "$output" == *"already allocated"* ]]
	launch three --network both
	inside three ping -qc 1 -W 10 one
	berth rm -f one >/dev/null
	not_from in_outside -- tcp $HOST4 8080
}

@test "a container that ends while there is no engine leaves nothing behind the next start" {
	launch one --network both -p 8080:80
	local pid
	pid=$(berth inspect -f '{{.State.Pid}}' one)
	engine_stop KILL
	kill -9 "$pid"
	eventually test ! -e "/proc/$pid"
	engine_start
	eventually no_endpoints
	[ "$(berth inspect -f '{{.State.Running}}' one)" = false ]
	eventually no_rule 8080
	launch two --network both -p 8080:80
}
no_endpoints() {
	[ "$(in_host ip -o link show type veth | grep -vc ' wire')" -eq 0 ]
}
no_rule() {
	! in_host nft list ruleset | grep -q "$1"
}

@test "nft flush ruleset: all is put back" {
	answerer one tcp 80 --network both -p 8080:80
	launch two --network both
	serve in_outside tcp 7000
	in_host nft flush ruleset
	eventually from in_outside -- tcp $HOST4 8080
	eventually from in_container two -- tcp $FAR4 7000
	# this engine's tables have the beginning of its id in their names: its exec root is not the standard one
	in_host nft list tables | grep -q 'inet berth-[0-9a-f]\{8\}$'
	in_host nft list tables | grep -q 'bridge berth-[0-9a-f]\{8\}$'
	# a table alone, and a chain of it
	in_host nft delete table inet "$(in_host nft list tables | sed -n 's/^table inet \(berth-.*\)/\1/p')"
	eventually from in_outside -- tcp $HOST4 8080
	# while there is no engine: at its start
	engine_stop
	in_host nft flush ruleset
	engine_start
	from in_outside -- tcp $HOST4 8080
}

@test "others' tables stay as they are, and what they drop stays dropped" {
	in_host nft -f - <<-'END'
		table ip others { chain forward { type filter hook forward priority 0; policy accept; ip daddr 198.51.100.9 drop; }; }
		table ip6 filter { set keep { type ipv6_addr; elements = { fd00::1 }; }; }
	END
	local before
	before=$(in_host nft list table ip others; in_host nft list table ip6 filter)
	launch one --network both -p 8080:80
	ip -n "$NETWORK-outside" addr add 198.51.100.9/32 dev lo
	serve in_outside tcp 7000
	from in_container one -- tcp $FAR4 7000
	not_from in_container one -- tcp 198.51.100.9 7000
	ip -n "$NETWORK-outside" addr del 198.51.100.9/32 dev lo
	berth rm -f one >/dev/null
	[ "$(in_host nft list table ip others; in_host nft list table ip6 filter)" = "$before" ]
	in_host nft delete table ip others
	in_host nft delete table ip6 filter
}

@test "a host that filters what comes in: published ports are not open around its rules" {
	answerer one tcp 80 --network both -p 8080:80
	from in_outside -- tcp $HOST4 8080
	in_host nft -f - <<-'END'
		table inet filter { chain input { type filter hook input priority 0; policy drop;
			iif lo accept; ct state established,related accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }; }
	END
	eventually not_from in_outside -- tcp $HOST4 8080
	from in_host -- tcp 127.0.0.1 8080
	in_host nft delete table inet filter
	eventually from in_outside -- tcp $HOST4 8080
}

@test "a bridge that somebody removed is made again" {
	berth network create -o com.docker.network.bridge.name=berth-gone gone >/dev/null
	berth run --rm --network gone busybox true
	in_host ip link del berth-gone
	serve in_outside tcp 7000
	launch one --network gone
	from in_container one -- tcp $FAR4 7000
}

@test "a port on the host has neither addresses nor routes of IPv6" {
	launch one --network both
	launch two
	local ports
	ports=$(in_host ip -o link show type veth | awk -F '[ @:]+' '/ master / {print $2}')
	[ "$(wc -l <<<"$ports")" -eq 2 ]
	sleep 0.1 # an address is put to use in the background
	for port in $ports; do
		[ -z "$(in_host ip -6 addr show dev "$port"; in_host ip -6 route show table all dev "$port")" ]
	done
	inside one ping -qc 1 -W 10 "$(address6 one both)"
}

@test "claims of another's address are not heard: ARP, Ethernet, IP, neighbour discovery" {
	answerer victim tcp 80 --network both
	launch thief --network both --privileged
	launch third --network both
	from in_container third -- tcp "$(address4 victim both)" 80
	in_container thief ip addr add "$(address4 victim both)/32" dev eth0
	in_container thief ip addr add "$(address6 victim both)/128" dev eth0 nodad
	in_container third ip neigh flush all
	in_container thief ping -qc 2 -W 1 -I "$(address4 victim both)" "$(address4 third both)" || true
	[[ "$(from in_container third -- tcp "$(address4 victim both)" 80)" == "$(address4 third both) $(address4 victim both) "* ]]
	# router advertisements do not pass
	in_container thief /usr/bin/python3 -c '
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.sendto(bytes([134, 0, 0, 0, 64, 0]) + struct.pack(">HII", 1800, 0, 0), ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))'
	sleep 0.2
	run ! grep -q 'proto ra' <<<"$(in_container third ip -6 route)"
	# another's MAC: nothing of it passes
	in_container thief ip addr del "$(address4 victim both)/32" dev eth0
	in_container thief ip link set dev eth0 address "$(mac victim both)"
	run ! in_container thief ping -qc 1 -W 1 "$(address4 third both)"
	from in_container third -- tcp "$(address4 victim both)" 80
}

no_interfaces() {
	! in_host ip -o link show type veth | grep -v wire
}

# What the steps of a build printed.
printed() {
	sed -n 's/^#[0-9]* [0-9.]* \(.*=.*\)$/\1/p' | sort
}

@test "steps of a build have one network after another, and only those that may; with the build it is gone" {
	local about='echo "$N=$(readlink /proc/self/ns/net) $(ip -4 -o addr show eth0 2>/dev/null | tr -s " " | cut -d" " -f4)"'
	serve in_outside tcp 80
	berth build --progress plain --allow security.insecure - >"$BATS_TEST_TMPDIR/log" 2>&1 <<-END
		FROM busybox
		ENV N=1
		RUN $about
		ENV N=2
		RUN $about; echo hello | nc -w 5 $FAR4 80 | grep hello && echo "3=reached"; grep -c "\$(hostname -i)" /etc/hosts
		ENV N=4
		RUN --network=none $about
		ENV N=5
		RUN --security=insecure $about
		ENV N=6
		RUN $about
	END
	printed <"$BATS_TEST_TMPDIR/log" >"$BATS_TEST_TMPDIR/said"
	cat "$BATS_TEST_TMPDIR/said" "$BATS_TEST_TMPDIR/log"
	first=$(sed -n 's/^1=//p' "$BATS_TEST_TMPDIR/said")
	[[ "$first" == net:*/16 ]]
	grep -qxF "2=$first" "$BATS_TEST_TMPDIR/said"
	grep -qx '3=reached' "$BATS_TEST_TMPDIR/said"
	grep -qxF "6=$first" "$BATS_TEST_TMPDIR/said"
	run ! grep -qF "4=${first% *}" "$BATS_TEST_TMPDIR/said"
	run ! grep -qF "5=${first% *}" "$BATS_TEST_TMPDIR/said"
	eventually no_interfaces
}

@test "steps that run at once are on the network that was asked for, each with an address of its own" {
	berth network create building >/dev/null
	# Each waits for the other, so that they do run at once.
	berth build --progress plain --network building - >"$BATS_TEST_TMPDIR/log" 2>&1 <<-'END'
		FROM busybox AS one
		RUN --mount=type=cache,target=/c touch /c/a; for i in $(seq 300); do [ -e /c/b ] && break; sleep 0.1; done; echo "a=$(ip -4 -o addr show eth0 | tr -s ' ' | cut -d' ' -f4)"; touch /one
		FROM busybox AS two
		RUN --mount=type=cache,target=/c touch /c/b; for i in $(seq 300); do [ -e /c/a ] && break; sleep 0.1; done; echo "b=$(ip -4 -o addr show eth0 | tr -s ' ' | cut -d' ' -f4)"; touch /two
		FROM busybox
		COPY --from=one /one /
		COPY --from=two /two /
		RUN echo "c=$(ip -4 -o addr show eth0 | tr -s ' ' | cut -d' ' -f4)"
	END
	printed <"$BATS_TEST_TMPDIR/log" >"$BATS_TEST_TMPDIR/said"
	cat "$BATS_TEST_TMPDIR/said"
	[ "$(grep -c '=172[.].*/' "$BATS_TEST_TMPDIR/said")" -eq 3 ]
	[ "$(cut -d= -f2 "$BATS_TEST_TMPDIR/said" | sort -u | wc -l)" -eq 2 ]
	eventually no_interfaces
}

@test "steps with user namespaces: those that run at once have different ids, the next one gets both namespaces of one" {
	serve in_outside tcp 80
	cat >"$BATS_TEST_TMPDIR/Dockerfile" <<-'END'
		FROM busybox AS one
		COPY about /
		RUN --mount=type=cache,target=/u touch /u/a; for i in $(seq 300); do [ -e /u/b ] && break; sleep 0.1; done; sh /about a; touch /one
		FROM busybox AS two
		COPY about /
		RUN --mount=type=cache,target=/u touch /u/b; for i in $(seq 300); do [ -e /u/a ] && break; sleep 0.1; done; sh /about b; touch /two
		FROM busybox
		COPY --from=one /one /about /
		COPY --from=two /two /
		ARG there
		RUN sh /about c; echo hello | nc -w 5 $there 80 | grep hello && echo "d=reached"
	END
	echo 'echo "$1=$(awk "{ print \$2 }" /proc/self/uid_map) $(readlink /proc/self/ns/user) $(readlink /proc/self/ns/net)"' \
		>"$BATS_TEST_TMPDIR/about"
	run -0 berth build --progress plain --userns auto --build-arg there=$FAR4 "$BATS_TEST_TMPDIR"
	printed <<<"$output" >"$BATS_TEST_TMPDIR/said"
	cat "$BATS_TEST_TMPDIR/said"
	grep -qx 'd=reached' "$BATS_TEST_TMPDIR/said"
	local first other next
	first=$(sed -n 's/^a=//p' "$BATS_TEST_TMPDIR/said")
	other=$(sed -n 's/^b=//p' "$BATS_TEST_TMPDIR/said")
	next=$(sed -n 's/^c=//p' "$BATS_TEST_TMPDIR/said")
	[ "${first%% *}" -ge 65536 ]
	[ "${other%% *}" -ge 65536 ]
	[ "${first%% *}" != "${other%% *}" ]
	[ "$next" = "$first" ] || [ "$next" = "$other" ]
	eventually no_interfaces
}

@test "the engine is killed during a build: what its steps had of networks is gone, and its addresses are free" {
	berth network create --subnet 10.77.0.0/29 small >/dev/null
	berth build --network small - >/dev/null 2>&1 <<-'END' &
		FROM busybox
		RUN true
		RUN sleep 8642
	END
	eventually pgrep -xf 'sleep 8642'
	engine_stop KILL
	wait
	engine_start
	eventually no_interfaces
	eventually eval "! pgrep -xf 'sleep 8642'"
	for i in 1 2 3 4 5; do launch "n$i" --network small; done
}
