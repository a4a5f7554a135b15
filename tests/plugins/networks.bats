#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks and addresses of a plugin (plugin.py), and CNI's, used by containers of an engine; the plugin and the engine are
# started anew in between.

load ../network/helpers
bats_require_minimum_version 1.5.0

setup_file() {
	network_setup
	PLUGIN=$(basename "$WORK" | tr '[:upper:]' '[:lower:]')
	export PLUGIN SOCKETS=/run/docker/plugins
	mkdir -p "$SOCKETS"
	plugin_start
}

teardown_file() {
	remove_containers
	remove_networks
	plugin_stop
	rm -f "$SOCKETS/$PLUGIN.sock"
	rmdir -p "$SOCKETS" 2>/dev/null || true
	in_host ip link del cni-e2e 2>/dev/null || true
	network_teardown
}

teardown() {
	unserve
	remove_containers
	remove_networks
	: >"$WORK/calls"
}

plugin_start() {
	nsenter "--net=/run/netns/$NETWORK-host" /usr/bin/python3 "$BATS_TEST_DIRNAME/plugin.py" "$SOCKETS/$PLUGIN.sock" \
		"$WORK/plugin.json" "$WORK/calls" >/dev/null 2>>"$WORK/plugin.log" 3>&- 4>&- &
	echo $! >"$WORK/plugin.pid"
	eventually test -S "$SOCKETS/$PLUGIN.sock"
}

plugin_stop() {
	kill "$(cat "$WORK/plugin.pid")" 2>/dev/null || true
	eventually plugin_gone
}
plugin_gone() {
	! kill -0 "$(cat "$WORK/plugin.pid")" 2>/dev/null
}

calls() {
	grep -c "^$1 " "$WORK/calls" || true
}

all_left() {
	[ "$(calls NetworkDriver.CreateEndpoint)" = "$(calls NetworkDriver.DeleteEndpoint)" ]
}

# The list of a bridge with host-local, and what comes behind it.
cni_list() {
	echo '{"cniVersion": "1.0.0", "name": "e2e", "plugins": [{"type": "bridge", "bridge": "cni-e2e", "isGateway": true,
		"capabilities": {"ips": true}, "ipam": {"type": "host-local", "dataDir": "'"$WORK"'/leases",
		"ranges": [[{"subnet": "10.55.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}'"$1"']}'
}
leases() {
	find "$WORK/leases" -name '10.55.0.*' 2>/dev/null | wc -l
}
no_leases() {
	[ "$(leases)" = 0 ]
}

@test "a plugin's network and its addresses: containers reach each other, also when plugin and engine were restarted" {
	berth network create -d "$PLUGIN" --ipam-driver "$PLUGIN" far
	[ "$(berth network inspect -f '{{.Driver}} {{(index .IPAM.Config 0).Subnet}}' far)" = "$PLUGIN 10.99.0.0/24" ]
	launch one --network far
	[ "$(address4 one far)" = 10.99.0.2 ]
	in_container one ip -br addr show plug0 | grep -q 10.99.0.2/24
	in_container one ip route show default | grep -q 'via 10.99.0.1 dev plug0'
	[[ $(mac one far) == 02:99:00:00:00:* ]]
	plugin_stop
	plugin_start
	engine_stop KILL
	engine_start
	[ "$(calls NetworkDriver.CreateNetwork)" = 1 ]
	answerer two tcp 80 --network far
	from in_container one -- tcp "$(address4 two far)" 80
	from in_container two -- tcp "$(address4 two far)" 80
	berth rm -f one two
	eventually all_left
	engine_stop
	engine_start
	[ "$(calls NetworkDriver.DeleteNetwork)" = 0 ]
	berth network rm far
	[ "$(calls NetworkDriver.DeleteNetwork)" = 1 ]
	[ "$(calls IpamDriver.ReleasePool)" = 1 ]
	[ "$(jq -c .addresses "$WORK/plugin.json")" = '[]' ]
}

@test "a container is connected to a plugin's network and disconnected while it runs" {
	berth network create -d "$PLUGIN" --subnet 10.98.0.0/24 far
	launch one --network none
	berth rm -f one
	launch one
	berth network connect far one
	in_container one ip -br addr show | grep -q 10.98.0.2/24
	berth network disconnect far one
	run ! in_container one sh -c 'ip -br addr show | grep 10.98.0.2/24'
	[ "$(calls NetworkDriver.DeleteEndpoint)" = 1 ]
}

@test "a driver that is not there is refused by its name; what a plugin refuses, in its words" {
	run -1 berth network create -d nowhere far
	[[ $output == *'plugin "nowhere" not found'* ]]
	run -1 berth network create -d ../x far
	[[ $output == *'"../x" not found'* ]]
	[ -z "$(berth network ls -q --filter type=custom)" ]
}

@test "a CNI network: bridge and host-local, traffic, an address of one's choice, and addresses that come back" {
	[ -x /usr/lib/cni/bridge ] || skip "containernetworking-plugins are not installed"
	berth network create -d cni --opt "cni.conflist=$(cni_list '')" e2e
	launch one --network e2e
	answerer two tcp 80 --network e2e --ip 10.55.0.77
	in_container one ip route show default | grep -q 'via 10.55.0.1'
	from in_container one -- tcp 10.55.0.77 80
	[ "$(leases)" = 2 ]
	engine_stop KILL
	engine_start
	[ "$(leases)" = 2 ]
	berth rm -f one two
	eventually no_leases
}

@test "a CNI network: portmap publishes, by its capability; without it published ports are refused" {
	[ -x /usr/lib/cni/portmap ] || skip "containernetworking-plugins are not installed"
	berth network create -d cni --opt "cni.conflist=$(cni_list ', {"type": "portmap", "capabilities": {"portMappings": true}}')" e2e
	answerer one tcp 80 --network e2e -p 8088:80
	from in_outside -- tcp "$HOST4" 8088
	berth rm -f one
	eventually no_leases
	berth network rm e2e
	berth network create -d cni --opt "cni.conflist=$(cni_list '')" e2e
	run -125 berth run --rm --network e2e -p 8088:80 busybox true
	[[ $output == *portMappings* ]]
	eventually no_leases
}

@test "CVE-2021-20206: a CNI plugin's type leads nowhere" {
	run -1 berth network create -d cni --opt 'cni.conflist={"cniVersion":"1.0.0","name":"e","plugins":[{"type":"../../bin/sh"}]}' e2e
	[[ $output == *'without a slash'* ]]
}
