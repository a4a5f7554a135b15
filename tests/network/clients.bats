#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks as the docker command line (the newest and Debian's), docker-py and docker-compose use them.

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

# All that a docker command line does with networks.
round_trip() {
	local docker=$1 id
	[ -x "$docker" ] || skip "there is no $docker on this machine"
	id=$("$docker" network create --ipv6 --subnet 10.95.0.0/24 --subnet fd95::/64 --label a=b front)
	[ ${#id} -eq 64 ]
	"$docker" network create back >/dev/null
	[ "$("$docker" network ls --filter label=a=b --format '{{.Name}} {{.Driver}} {{.Scope}}')" = "front bridge local" ]
	[ "$("$docker" network ls -q --filter driver=bridge | wc -l)" -eq 3 ]
	"$docker" run -d --name one --network front --network-alias web --ip 10.95.0.50 -p 8080:80 \
		-v "$peer:/peer:ro" busybox /peer answer tcp 80 >/dev/null
	"$docker" run -d --name two --network front busybox sleep 1000 >/dev/null
	eventually from in_outside -- tcp $HOST4 8080
	[[ "$("$docker" port one 80)" == *"0.0.0.0:8080"* ]]
	[[ "$("$docker" ps --format '{{.Names}} {{.Ports}}' --filter name=one)" == "one 0.0.0.0:8080->80/tcp"* ]]
	"$docker" run --rm --network front busybox ping -qc 1 -W 10 web
	"$docker" network connect --alias late --ip 10.95.0.60 front "$("$docker" run -d --name three busybox sleep 1000)"
	"$docker" run --rm --network front busybox ping -qc 1 -W 10 late
	[ "$("$docker" inspect -f '{{(index .NetworkSettings.Networks "front").IPAddress}}' three)" = 10.95.0.60 ]
	[ "$("$docker" network inspect -f '{{len .Containers}}' front)" -eq 3 ]
	[[ "$("$docker" network inspect -f '{{range .Containers}}{{.Name}}={{.IPv4Address}} {{end}}' front)" == *"one=10.95.0.50/24"* ]]
	"$docker" run --rm --mac-address 02:42:0a:5f:00:07 busybox cat /sys/class/net/eth0/address | grep -q 02:42:0a:5f:00:07
	"$docker" network disconnect front three
	"$docker" network connect back three
	run "$docker" network rm front
	[ "$status" -eq 1 ]
	[[ "$output" == *"has active endpoints"* ]]
	run "$docker" network create front
	[ "$status" -eq 1 ]
	[[ "$output" == *"network with name front already exists"* ]]
	run "$docker" network inspect nothing
	[ "$status" -eq 1 ]
	[[ "$output" == *"network nothing not found"* || "$output" == *"No such network: nothing"* ]]
	run "$docker" network rm bridge
	[ "$status" -eq 1 ]
	"$docker" rm -f one two three >/dev/null
	[[ "$("$docker" network prune -f)" == *front* ]]
	[ "$("$docker" network ls -q --filter type=custom | wc -l)" -eq 0 ]
}

@test "the newest docker" {
	round_trip /usr/local/bin/docker
}

@test "Debian's docker 20.10" {
	round_trip /usr/bin/docker
}

@test "docker-py" {
	/usr/bin/python3 - <<-'END'
		import time
		import docker
		client = docker.from_env()
		ipam = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet="10.96.0.0/24", gateway="10.96.0.1")])
		network = client.networks.create("front", driver="bridge", ipam=ipam, labels={"a": "b"}, check_duplicate=True)
		assert [n.name for n in client.networks.list(filters={"label": "a=b"})] == ["front"]
		one = client.containers.run("busybox", "sleep 1000", detach=True, name="one", network="front",
		                            ports={"80/tcp": ("127.0.0.1", None), "53/udp": 5353})
		one.reload()
		ports = one.attrs["NetworkSettings"]["Ports"]
		assert ports["80/tcp"][0]["HostIp"] == "127.0.0.1" and int(ports["80/tcp"][0]["HostPort"]) > 1024, ports
		assert {entry["HostPort"] for entry in ports["53/udp"]} == {"5353"}, ports
		assert one.attrs["NetworkSettings"]["Networks"]["front"]["Gateway"] == "10.96.0.1"
		two = client.containers.run("busybox", "sleep 1000", detach=True, name="two")
		network.connect(two, aliases=["late"], ipv4_address="10.96.0.77")
		network.reload()
		assert {c.name for c in network.containers} == {"one", "two"}
		answer = client.containers.run("busybox", "ping -qc 1 -W 10 late", network="front", remove=True)
		assert b"1 packets received" in answer, answer
		network.disconnect(two)
		for container in (one, two):
		    container.remove(force=True)
		events = [e["Action"] for e in client.events(since=0, until=int(time.time()) + 1, decode=True, filters={"type": "network"})]
		assert {"create", "connect", "disconnect"} <= set(events), events
		network.remove()
		assert client.networks.prune()["NetworksDeleted"] in (None, [])
	END
}

@test "docker-compose: a project of several networks, up and down" {
	mkdir "$BATS_TEST_TMPDIR/shop"
	cd "$BATS_TEST_TMPDIR/shop"
	cat >docker-compose.yml <<-END
		version: "2.4"
		x-peer: &peer
		  image: busybox
		  volumes: ["$peer:/peer:ro"]
		services:
		  web:
		    <<: *peer
		    command: /peer answer tcp 80
		    ports: ["8088:80"]
		    networks: {front: {aliases: [www]}, back: {}}
		  db:
		    <<: *peer
		    command: /peer answer tcp 5432
		    networks: {back: {ipv4_address: 10.97.0.20}}
		  proxy:
		    <<: *peer
		    command: sleep 1000
		    networks: [front]
		    depends_on: [web]
		networks:
		  front: {}
		  back:
		    internal: true
		    ipam: {config: [{subnet: 10.97.0.0/24}]}
	END
	docker-compose up -d
	eventually from in_outside -- tcp $HOST4 8088
	inside shop_web_1 ping -qc 1 -W 10 db
	inside shop_web_1 /peer ask tcp 10.97.0.20 5432
	inside shop_proxy_1 ping -qc 1 -W 10 www
	inside shop_proxy_1 ping -qc 1 -W 10 web
	run ! inside shop_proxy_1 ping -qc 1 -W 2 db
	run ! inside shop_db_1 ping -qc 1 -W 1 $FAR4
	[[ "$(docker-compose ps)" == *"0.0.0.0:8088->80/tcp"* ]]
	docker-compose down -t 1
	[ -z "$(berth network ls -q --filter type=custom)" ]
	[ -z "$(berth ps -aq)" ]
}
