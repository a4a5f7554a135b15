#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A session of the stock docker command line: every command about containers, images, networks, volumes and the system,
# with what each answers. The engine runs in a network namespace of its own.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() {
	command -v docker >/dev/null || skip "there is no docker command line on this machine"
	export ENGINE_UNDER="unshare --net"
	engine_setup
	docker run -d --name web -l tier=front -e COLOUR=blue -p 8080:80 busybox sh -c 'echo hello; echo there >/file; exec sleep 1000'
	eventually sh -c "docker logs web | grep -q hello"
}
teardown_file() { engine_teardown; }

# A client that waits in vain passes even the signal on that should end it.
docker() {
	timeout -s KILL 60 docker "$@"
}

terminal() {
	"$BATS_TEST_DIRNAME/../terminal" "$@"
}

@test "version, info" {
	[ "$(docker version --format '{{.Server.Os}}/{{.Server.Arch}}')" = "$(docker version --format '{{.Client.Os}}/{{.Client.Arch}}')" ]
	[ "$(docker version -f '{{.Server.Version}}')" = "$(berth version -f '{{.Server.Version}}')" ]
	[ "$(docker info -f '{{.ContainersRunning}} {{.DockerRootDir}} {{.OSType}}')" = "1 $WORK/data linux" ]
	docker system info | grep -q '^ *Server Version: '
}

@test "ps: filters, formats, sizes, the last ones" {
	docker create --name second busybox true
	[ "$(docker ps -a --format '{{.Names}}' | sort | tr '\n' ' ')" = "second web " ]
	[ "$(docker container ls --filter label=tier=front -q)" = "$(docker ps -q)" ]
	[ -z "$(docker ps -q -f name=nothing)" ]
	[ "$(docker ps -aq -f status=created --no-trunc)" = "$(docker inspect -f '{{.Id}}' second)" ]
	[ "$(docker ps -l --format '{{.Names}}')" = second ]
	[ "$(docker ps -n 2 --format '{{.ID}}' | wc -l)" = 2 ]
	[[ "$(docker ps -s --format '{{.Size}}')" == *"(virtual "* ]]
	[[ "$(docker ps --format '{{.Ports}}')" == "0.0.0.0:8080->80/tcp"* ]]
	[ "$(docker container rm second)" = second ]
}

@test "inspect: types, sizes, several" {
	[ "$(docker inspect --type container -f '{{.Name}} {{.Config.Image}} {{index .Config.Labels "tier"}}' web)" = "/web busybox front" ]
	run docker inspect --type image web
	[ "$status" -eq 1 ]
	[[ "$output" == *"No such image: web"* ]]
	docker inspect -s web | jq -e '.[0].SizeRootFs > 0'
	docker inspect web busybox bridge | jq -e 'length == 3'
	[ "$(docker container inspect -f '{{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}' web)" = "$(docker network inspect -f '{{.Id}}' bridge)" ]
}

@test "exec" {
	[ "$(docker exec web cat /file)" = there ]
	[ "$(docker exec -e A=b -w /bin -u 1 web sh -c 'echo $A $PWD $(id -u)')" = "b /bin 1" ]
	[ "$(echo in | docker exec -i web cat)" = in ]
	run docker exec web sh -c 'exit 9'
	[ "$status" -eq 9 ]
	run -127 docker exec web nothere
	docker exec -d web touch /made
	eventually docker exec web test -e /made
	terminal docker exec -it web sh <<-'END'
		expect #
		send tty && exit 4\n
		expect /dev/pts/
		status 4
	END
}

@test "logs, top, port, stats" {
	[ "$(docker logs --tail 1 web)" = hello ]
	[[ "$(docker logs -t web)" == 20*Z\ hello ]]
	[ -z "$(docker logs --until 1s --since 1s web)" ] || [ -z "$(docker logs --until 2000-01-01 web)" ]
	docker top web | grep -q "sleep 1000"
	docker top web -o pid,comm | grep -q sleep
	[ "$(docker port web 80/tcp | head -n 1)" = 0.0.0.0:8080 ]
	docker stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' web | grep -Eq '^web [0-9.]+% .* / .* 1$'
}

@test "cp, diff, export, commit" {
	echo copied >"$BATS_TEST_TMPDIR/one"
	docker cp "$BATS_TEST_TMPDIR/one" web:/one
	[ "$(docker exec web cat /one)" = copied ]
	docker cp web:/file "$BATS_TEST_TMPDIR/file"
	[ "$(cat "$BATS_TEST_TMPDIR/file")" = there ]
	docker cp web:/file - | tar -tf - | grep -qx file
	run docker cp web:/nothing .
	[ "$status" -eq 1 ]
	[[ "$output" == *"Could not find the file /nothing in container web"* || "$output" == *"No such container:path: web:/nothing"* ]]
	docker diff web | grep -qx 'A /one'
	docker export web | tar -xOf - one | grep -qx copied
	id=$(docker commit -m "by hand" -c 'CMD ["cat", "/one"]' web mine:1)
	[[ "$id" == sha256:* ]]
	[ "$(docker run --rm --network none mine:1)" = copied ]
	[ "$(docker history --format '{{.Comment}}' mine:1 | head -n 1)" = "by hand" ]
	docker image rm mine:1
}

@test "pause, unpause, rename, update, restart, kill, stop, start, wait" {
	docker pause web
	[ "$(docker inspect -f '{{.State.Status}}' web)" = paused ]
	run docker exec web true
	[ "$status" -eq 1 ]
	docker unpause web
	docker rename web site
	docker update --memory 64m --memory-swap 64m --restart on-failure:3 site
	[ "$(docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' site)" = "67108864 on-failure 3" ]
	docker update --restart no site
	before=$(docker inspect -f '{{.State.Pid}}' site)
	docker restart -t 0 site
	[ "$(docker inspect -f '{{.State.Pid}}' site)" != "$before" ]
	docker wait site >"$BATS_TEST_TMPDIR/status" 3>&- &
	docker kill -s KILL site
	wait $!
	[ "$(cat "$BATS_TEST_TMPDIR/status")" = 137 ]
	docker start site
	docker stop -t 0 site
	[ "$(docker inspect -f '{{.State.ExitCode}}' site)" = 137 ]
	docker start site
	docker rename site web
}

@test "attach, start -ai" {
	docker create -i --name reader busybox sh -c 'read line; echo "got $line"; exit 6'
	run bash -c "echo x | timeout -s KILL 60 docker start -ai reader"
	[ "$status" -eq 6 ]
	[ "$output" = "got x" ]
	docker start reader
	run bash -c "echo y | timeout -s KILL 60 docker attach reader"
	[ "$status" -eq 6 ]
	[ "$output" = "got y" ]
	docker rm reader
}

@test "events" {
	since=$(date +%s)
	docker create --name noted -l a=b busybox true
	docker start noted
	docker wait noted
	docker rm noted
	docker events --since "$since" --until "$(($(date +%s) + 1))" --filter container=noted --format '{{.Action}}' >"$BATS_TEST_TMPDIR/events"
	[ "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/events")" = "create start die destroy " ]
}

@test "networks" {
	docker network create --subnet 10.91.0.0/24 -o com.docker.network.bridge.name=bt0 --label a=b front
	[ "$(docker network ls -f label=a=b --format '{{.Name}} {{.Driver}} {{.Scope}}')" = "front bridge local" ]
	docker network connect --ip 10.91.0.9 --alias shop front web
	[ "$(docker network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}' front)" = "web 10.91.0.9/24" ]
	docker run --rm --network front busybox ping -c 1 shop >/dev/null
	run docker network rm front
	[ "$status" -eq 1 ]
	[[ "$output" == *"has active endpoints"* ]]
	docker network disconnect front web
	[ "$(docker network rm front)" = front ]
	docker network create spare
	[[ "$(docker network prune -f)" == *"Deleted Networks:"*spare* ]]
}

@test "volumes" {
	[ "$(docker volume create --label a=b data)" = data ]
	docker run --rm --network none -v data:/d busybox sh -c 'echo kept >/d/file'
	[ "$(docker run --rm --network none --mount source=data,target=/d,readonly busybox cat /d/file)" = kept ]
	[ "$(docker volume ls -q -f label=a=b)" = data ]
	[ "$(docker volume inspect -f '{{.Driver}} {{.Labels.a}}' data)" = "local b" ]
	[ "$(docker volume rm data)" = data ]
	docker run --network none --name once -v /anonymous busybox true
	docker rm -v once
	docker run --network none --name twice -v /anonymous busybox true
	docker rm twice
	[[ "$(docker volume prune -f)" == *"Deleted Volumes:"*"Total reclaimed space: "* ]]
	[ -z "$(docker volume ls -q)" ]
}

@test "images: tag, ls, save, load, import, rm, prune" {
	docker tag busybox team/app:1
	[ "$(docker images --format '{{.Repository}}:{{.Tag}}' team/app)" = team/app:1 ]
	[ "$(docker images -q -f reference='team/*')" = "$(docker images -q busybox)" ]
	docker save -o "$BATS_TEST_TMPDIR/app.tar" team/app:1
	[ "$(docker rmi team/app:1)" = "Untagged: team/app:1" ]
	[ "$(docker load -i "$BATS_TEST_TMPDIR/app.tar")" = "Loaded image: team/app:1" ]
	docker image rm team/app:1
	docker export web | docker import - flat:1
	[ "$(docker run --rm --network none flat:1 cat /file)" = there ]
	docker tag flat:1 other:1
	docker rmi flat:1 other:1
	docker image prune -f | grep -q "Total reclaimed space"
}

@test "system df, prune" {
	docker create --name gone busybox true
	[ "$(docker system df --format '{{.Type}} {{.TotalCount}} {{.Active}}' | grep Containers)" = "Containers 2 1" ]
	docker system df -v | grep -q gone
	[[ "$(docker system prune -f)" == *"Deleted Containers:"*"Total reclaimed space: "* ]]
	[ "$(docker ps -aq | wc -l)" = 1 ]
	docker container prune -f | grep -q "Total reclaimed space: 0B"
	docker builder prune -f 2>/dev/null | grep -q "^Total"
}

# From one command to the next time goes on.
without_times() {
	sed -E 's/Less than a second|About an? (minute|hour)|[0-9]+ (second|minute|hour)s?/N seconds/g; s/  */ /g'
}

# What one command line shows, the other shows, too: every field of every list.
@test "berth's lists are docker's" {
	[[ "$(docker --version)" == *" 28."* ]] || skip "older than docker 28, its lists have other fields"
	docker volume create data
	for list in "ps -a --no-trunc" "images --digests" "volume ls" "history busybox" "system df" "network ls"; do
		# shellcheck disable=SC2086
		docker $list --format '{{json .}}' | jq -S 'del(.IPv4)' | without_times >"$BATS_TEST_TMPDIR/docker"
		# shellcheck disable=SC2086
		berth $list --format '{{json .}}' | jq -S 'del(.IPv4)' | without_times >"$BATS_TEST_TMPDIR/berth"
		[ -s "$BATS_TEST_TMPDIR/docker" ]
		diff "$BATS_TEST_TMPDIR/docker" "$BATS_TEST_TMPDIR/berth"
		# shellcheck disable=SC2086
		diff <(docker $list | without_times) <(berth $list | without_times)
	done
	for object in "inspect web" "network inspect bridge" "volume inspect data" "image inspect busybox"; do
		# shellcheck disable=SC2086
		diff <(docker $object | jq -S .) <(berth $object | jq -S .)
	done
	docker volume rm data
}
