#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks and addresses of a plugin (plugin.py), and CNI's, used by containers of an engine; the plugin and the engine are
# started anew in between.

load ../network/helpers
bats_require_minimum_version 1.5.0

setup_file() {
	network_setup
	PLUGIN=$(basename "$WORK" | tr '[:upper:]' '[:lower:]')
	export PLUGIN SOCKETS=$WORK/plugins
	mkdir -p "$SOCKETS" "$WORK/net.d" "$WORK/cni"
	engine_stop
	jq -n --arg work "$WORK" '{"plugin-folders": [$work + "/plugins"], "cni-config-folders": [$work + "/net.d"],
		"cni-plugin-folders": ["/usr/lib/cni", $work + "/cni"]}' >"$WORK/daemon.json"
	engine_start
	plugin_start
}

teardown_file() {
	remove_containers
	remove_networks
	plugin_stop
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
	rm -f "$SOCKETS/$PLUGIN.sock"
	nsenter "--net=/run/netns/$NETWORK-host" /usr/bin/python3 "$BATS_TEST_DIRNAME/plugin.py" "$SOCKETS/$PLUGIN.sock" \
		"$WORK/plugin.json" "$WORK/calls" >/dev/null 2>>"$WORK/plugin.log" 3>&- 4>&- &
	echo $! >"$WORK/plugin.pid"
	eventually plugin_listens
}
plugin_listens() {
	/usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$SOCKETS/$PLUGIN.sock"
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
	find "$WORK/leases" -name '*.*.*.*' 2>/dev/null | wc -l
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
	[[ " $(berth info -f '{{.Plugins.Network}}') " == *"$PLUGIN"* ]]
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

# certificate NAME SUBJECT-ALTERNATIVE...: $WORK/tls/NAME-key.pem and -cert.pem, of the authority there.
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1-key.pem" -subj "/CN=$1" 2>/dev/null |
		openssl x509 -req -CA ca.pem -CAkey ca-key.pem -days 2 -extfile <(echo "subjectAltName=$2") -out "$1-cert.pem" 2>/dev/null
}

@test "a plugin over TLS: each shows its certificate; without one, or by another authority, nothing is told to it" {
	local folder=$WORK/tls
	mkdir -p "$folder/plugin"
	cd "$folder"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca-key.pem -out ca.pem -subj /CN=authority 2>/dev/null
	certificate plugin IP:127.0.0.1
	certificate engine DNS:engine
	cp ca.pem plugin/ca.pem
	mv plugin-key.pem plugin/key.pem
	mv plugin-cert.pem plugin/cert.pem
	background in_host /usr/bin/python3 "$BATS_TEST_DIRNAME/plugin.py" 127.0.0.1:9443 "$WORK/tls.json" "$WORK/calls" "$folder/plugin"
	jq -n --arg f "$folder" '{Name: "overtls", Addr: "tcp://127.0.0.1:9443", TLSConfig: {CAFile: ($f + "/ca.pem"),
		CertFile: ($f + "/engine-cert.pem"), KeyFile: ($f + "/engine-key.pem")}}' >"$SOCKETS/overtls.json"
	jq '.TLSConfig |= {CAFile}' "$SOCKETS/overtls.json" >"$SOCKETS/nobody.json"
	jq '.TLSConfig.CAFile = "/etc/ssl/certs/ca-certificates.crt"' "$SOCKETS/overtls.json" >"$SOCKETS/stranger.json"
	eventually in_host sh -c 'ss -ltn | grep -q 9443'
	berth network create -d overtls --subnet 10.97.0.0/24 far
	launch one --network far
	[ "$(address4 one far)" = 10.97.0.2 ]
	grep -q '^NetworkDriver.Join ' "$WORK/calls"
	local told
	told=$(wc -l <"$WORK/calls")
	run -1 berth network create -d stranger --subnet 10.96.0.0/24 other
	[[ $output == *certificate* ]]
	run -1 berth network create -d nobody --subnet 10.96.0.0/24 other
	[ "$(wc -l <"$WORK/calls")" = "$told" ]
	berth rm -f one
	eventually all_left
	berth network rm far
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

# A plugin of the test's own: it adds nothing, and writes down what it is told.
scribe() {
	cat >"$WORK/cni/scribe" <<-'END'
		#!/bin/sh
		if [ "$CNI_COMMAND" = VERSION ]; then
			echo '{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}'
			exit
		fi
		cat >"$0.$CNI_COMMAND"
		[ "$CNI_COMMAND" != ADD ] || jq .prevResult "$0.ADD"
	END
	chmod +x "$WORK/cni/scribe"
}

@test "a CNI network of the engine's folders: its name servers and domains, and what a plugin is told" {
	[ -x /usr/lib/cni/bridge ] || skip "containernetworking-plugins are not installed"
	scribe
	cni_list ', {"type": "scribe", "capabilities": {"dns": true, "cgroupPath": true}}' |
		jq '.plugins[0].dns = {"nameservers": ["'"$FAR4"'"], "search": ["b.test"], "options": ["timeout:7"]}' >"$WORK/net.d/e2e.conflist"
	background in_outside "$BATS_TEST_DIRNAME/../network/nameserver" "$WORK/queries" "$FAR4" "$OUTSIDE4"
	# shellcheck disable=SC2153 # OUTPUT is of background
	eventually grep -q ready "$OUTPUT"
	berth network create -d cni e2e
	launch one --network e2e
	[ "$(inside one cat /etc/resolv.conf)" = $'nameserver 127.0.0.11\nsearch b.test\noptions timeout:7\noptions ndots:0' ]
	[ "$(in_container one dig @127.0.0.11 +short a.test)" = "$FAR4" ]
	engine_stop KILL
	engine_start
	[ "$(in_container one dig @127.0.0.11 +short b.test)" = "$FAR4" ]
	[ "$(jq -r .runtimeConfig.cgroupPath "$WORK/cni/scribe.ADD")" = "/$CGROUP/$(berth inspect -f '{{.Id}}' one)" ]
	[ "$(jq .runtimeConfig.dns "$WORK/cni/scribe.ADD")" = null ]
	# What the container says itself goes before, and the plugin is told.
	launch two --network e2e --dns "$OUTSIDE4" --dns-search c.test
	[ "$(in_container two dig @127.0.0.11 +short a.test)" = "$OUTSIDE4" ]
	inside two grep -qx 'search c.test' /etc/resolv.conf
	[ "$(jq -c .runtimeConfig.dns "$WORK/cni/scribe.ADD")" = '{"servers":["'"$OUTSIDE4"'"],"searches":["c.test"]}' ]
	berth rm -f one two
	eventually no_leases
}

@test "a CNI network: macvlan on the host's wire, and loopback before it" {
	[ -x /usr/lib/cni/macvlan ] || skip "containernetworking-plugins are not installed"
	serve in_outside tcp 90
	berth network create -d cni --opt 'cni.conflist={"cniVersion": "1.0.0", "name": "wire", "plugins": [{"type": "loopback"},
		{"type": "macvlan", "master": "wire", "mode": "bridge", "ipam": {"type": "host-local", "dataDir": "'"$WORK"'/leases",
		"ranges": [[{"subnet": "203.0.113.0/24", "rangeStart": "203.0.113.80", "rangeEnd": "203.0.113.90"}]]}}]}' wire
	launch one --network wire
	in_container one ip -br addr show eth0 | grep -q 203.0.113.80/24
	in_container one ip -br addr show lo | grep -q 127.0.0.1/8
	[ "$(from in_container one -- tcp "$OUTSIDE4" 90)" = "203.0.113.80 $OUTSIDE4 hello" ]
	berth rm -f one
	eventually no_leases
}

@test "a CNI network: firewall, tuning and portmap behind the bridge" {
	[ -x /usr/lib/cni/firewall ] || skip "containernetworking-plugins are not installed"
	serve in_outside tcp 90
	berth network create -d cni --opt "cni.conflist=$(cni_list ', {"type": "firewall", "backend": "iptables"},
		{"type": "tuning", "sysctl": {"net.core.somaxconn": "512"}}, {"type": "portmap", "capabilities": {"portMappings": true}}' |
		jq -c '.plugins[0].ipMasq = true')" e2e
	answerer one tcp 80 --network e2e -p 8088:80
	[ "$(inside one cat /proc/sys/net/core/somaxconn)" = 512 ]
	from in_outside -- tcp "$HOST4" 8088
	in_host iptables -w -P FORWARD DROP
	[ "$(from in_container one -- tcp "$OUTSIDE4" 90)" = "$HOST4 $OUTSIDE4 hello" ] # by the plugin's rule
	berth rm -f one
	eventually no_leases
	run ! in_host sh -c 'iptables -S CNI-FORWARD | grep 10.55'
	in_host iptables -w -P FORWARD ACCEPT
}

@test "CVE-2021-20206: a CNI plugin's type leads nowhere" {
	run -1 berth network create -d cni --opt 'cni.conflist={"cniVersion":"1.0.0","name":"e","plugins":[{"type":"../../bin/sh"}]}' e2e
	[[ $output == *'without a slash'* ]]
}
