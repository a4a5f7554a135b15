#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.netDevices: network interfaces of the host in a container.

load helpers

eval "helpers_$(declare -f setup)"
eval "helpers_$(declare -f teardown)"

# A pair of interfaces; $one, with addresses and up, is the host's that the container gets.
setup() {
	helpers_setup
	one=bt$((BASHPID % 100000))a
	two=bt$((BASHPID % 100000))b
	ip link add "$one" type veth peer name "$two"
	ip link set "$one" mtu 1400 address 02:00:00:00:12:34
	ip address add 192.0.2.7/24 broadcast 192.0.2.255 dev "$one"
	ip address add 2001:db8::7/64 dev "$one" nodad
	ip link set "$one" up
	ip link set "$two" up
}

teardown() {
	local status=0
	helpers_teardown || status=1
	if ip link show "$two" >/dev/null 2>&1; then
		ip link delete "$two"
	fi
	return $status
}

take() {
	configure --argjson devices "$1" '.linux.netDevices=$devices'
}

addresses() {
	ip -o address show dev "$1" scope global | awk '{print $4}' | sort | xargs
}

inside() {
	nsenter -t "$(pid_of)" -n "$@"
}

@test "an interface is moved with its address, size and hardware address, and is up" {
	take "{\"$one\":{}}"
	launch "ip -o link show dev $one; exec sleep 1000"
	run ! ip link show "$one"
	[ "$(inside ip -o address show dev "$one" scope global | awk '{print $4}' | sort | xargs)" = "192.0.2.7/24 2001:db8::7/64" ]
	inside ip -o -4 address show dev "$one" | grep -q 'brd 192.0.2.255'
	run -0 inside ip -o link show dev "$one"
	[[ "$output" == *",UP"*"mtu 1400"*"02:00:00:00:12:34"* ]]
	[ "$(inside ip -o -6 address show dev "$one" scope link | wc -l)" -le 1 ]
}

@test "an interface is renamed, and goes back under its old name when the container is deleted" {
	take "{\"$one\":{\"name\":\"eth7\"}}"
	launch 'exec sleep 1000'
	inside ip link show eth7
	run ! ip link show "$one"
	runtime delete --force "$id"
	[ "$(addresses "$one")" = "192.0.2.7/24 2001:db8::7/64" ]
	ip -o link show dev "$one" | grep -q ',UP.*mtu 1400'
}

@test "an interface that was down goes back down" {
	ip link set "$one" down
	take "{\"$one\":{\"name\":\"eth7\"}}"
	launch 'exec sleep 1000'
	inside ip -o link show eth7 | grep -q ',UP'
	runtime delete --force "$id"
	run -0 ip -o link show dev "$one"
	[[ "$output" != *",UP"* ]]
}

@test "hooks see the interface in the container's namespace" {
	take "{\"$one\":{\"name\":\"eth7\"}}"
	configure --arg note "$work/note" '.hooks={createRuntime:[{path:"/bin/sh",env:["PATH=/usr/bin:/bin:/usr/sbin:/sbin"],
		args:["sh","-c","nsenter -t $(jq .pid) -n ip -o link show eth7 >\($note)"]}]}'
	launch 'exec sleep 1000'
	grep -q ',UP' "$work/note"
}

@test "a user namespace's network namespace gets interfaces, too" {
	user_namespace
	take "{\"$one\":{\"name\":\"eth7\"}}"
	launch 'exec sleep 1000'
	[ "$(inside ip -o address show dev eth7 scope global | awk '{print $4}' | sort | xargs)" = "192.0.2.7/24 2001:db8::7/64" ]
}

@test "from a namespace that was joined by path it goes back even when the container has ended by itself" {
	unshare --net sleep 1000 3>&- 4>&- &
	local holder=$!
	eventually eval '[ "$(readlink /proc/self/ns/net)" != "$(readlink /proc/$holder/ns/net)" ]'
	configure --arg path "/proc/$holder/ns/net" '(.linux.namespaces[] | select(.type=="network")).path=$path'
	take "{\"$one\":{\"name\":\"eth7\"}}"
	launch 'true'
	eventually is_stopped
	run ! ip link show "$one"
	runtime delete "$id"
	kill $holder
	[ "$(addresses "$one")" = "192.0.2.7/24 2001:db8::7/64" ]
}

@test "an interface that the container made in its place does not become the host's" {
	take "{\"$one\":{\"name\":\"eth9\"}}"
	launch 'exec sleep 1000'
	inside ip link set eth9 down
	inside ip link set eth9 name real
	inside ip link add eth9 type veth peer name other
	run -0 runtime delete --force "$id"
	[[ "$output" == *"eth9 is another interface"* ]]
	run ! ip link show eth9
	run ! ip link show "$one"
}

@test "when creating fails the interface is where it was" {
	take "{\"$one\":{\"name\":\"eth7\"}}"
	configure '.hooks={createContainer:[{path:"/bin/false"}]}'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"hook createContainer"* ]]
	[ "$(addresses "$one")" = "192.0.2.7/24 2001:db8::7/64" ]
	# The second of two is not there.
	take "{\"$one\":{},\"bt-none\":{}}"
	configure 'del(.hooks)'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"linux.netDevices: network interface bt-none: no such device"* ]]
	[ "$(addresses "$one")" = "192.0.2.7/24 2001:db8::7/64" ]
}

@test "what cannot be is refused by name" {
	local devices expected
	cp "$bundle/config.json" "$work/good.json"
	while IFS='|' read -r devices expected; do
		cp "$work/good.json" "$bundle/config.json"
		take "$devices"
		run -1 runtime create --bundle "$bundle" "$id"
		echo "$devices: $output"
		[[ "$output" == *"$expected"* ]]
		[ ! -d "$state/$id" ]
	done <<-CASES
		{"$one":{"name":"lo"}}|linux.netDevices: network interface lo: File exists
		{"a/b":{}}|linux.netDevices: "a/b" is no name of a network interface
		{"$one":{"name":"longer-than-16-bytes"}}|"longer-than-16-bytes" is no name of a network interface
		{"$one":{"name":"x"},"$two":{"name":"x"}}|linux.netDevices: two become x
	CASES
	cp "$work/good.json" "$bundle/config.json"
	take "{\"$one\":{}}"
	configure 'del(.linux.namespaces[] | select(.type=="network")) | del(.mounts[] | select(.type=="sysfs"))'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"linux.netDevices: the container has no network namespace of its own"* ]]
	ip link show "$one"
}
