#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What containers are used for works where the engine gives each a user namespace of its own (its setting `userns` is
# auto), and what needs the host's is there.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { ENGINE_USERNS=auto engine_setup; }
teardown_file() { engine_teardown; }
teardown() {
	remove_containers
	berth volume prune -af >/dev/null
}

start() {
	berth run -d --network none "$@" >/dev/null
}

try() {
	berth run --rm --network none "$@"
}

pid_of() {
	berth inspect -f '{{.State.Pid}}' "$1"
}

mode_of() {
	berth inspect -f '{{.HostConfig.UsernsMode}}' "$1"
}

user_of() {
	readlink "/proc/$(pid_of "$1")/ns/user"
}

# Whether this kernel maps the ids of a tmpfs (Linux 6.3), and lets a mount be made of a detached one (6.15).
kernel_has() {
	[ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]
}

@test "userns auto: an ordinary container has ids of its own, and its files have the ids that they are to have" {
	start --name one busybox sleep 1000
	start --name other busybox sleep 1000
	[ "$(mode_of one)" = auto ]
	[ "$(user_of one)" != "$(user_of other)" ]
	[ "$(user_of one)" != "$(readlink /proc/self/ns/user)" ]
	[ "$(awk '{ print $2 }' "/proc/$(pid_of one)/uid_map")" != "$(awk '{ print $2 }' "/proc/$(pid_of other)/uid_map")" ]
	run -0 try busybox sh -ec 'touch /mine; chown 1000:1001 /mine; stat -c %u:%g / /mine /bin/busybox; rm /etc/group
		echo x >/dev/null; head -c 4 /dev/urandom >/dev/null; ! (: >>/proc/sysrq-trigger) 2>/dev/null
		test "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" = 0
		ping -c 1 127.0.0.1 >/dev/null; su nobody -s /bin/sh -c "id -u"'
	[ "$output" = $'0:0\n1000:1001\n0:0\n65534' ]
	if kernel_has 6.3; then
		try busybox sh -c 'echo 1.2.3.4 x >>/etc/hosts && test "$(stat -c %u /etc/hosts)" = 0'
	fi
}

@test "userns auto: exec, cp, restart, kill of the engine, commit" {
	start --name box busybox sh -c 'touch /own; chown 1000 /own; exec sleep 1000'
	[ "$(berth exec box id -u)" = 0 ]
	[ "$(berth exec -u 1000 box id -u)" = 1000 ]
	touch "$BATS_TEST_TMPDIR/in"
	berth cp "$BATS_TEST_TMPDIR/in" box:/in
	[ "$(berth exec box stat -c %u /in)" = 0 ]
	berth cp -a box:/own "$BATS_TEST_TMPDIR/out"
	[ "$(stat -c %u "$BATS_TEST_TMPDIR/out")" = 1000 ]
	engine_stop KILL
	ENGINE_USERNS=auto engine_start
	[ "$(berth exec box stat -c %u /own)" = 1000 ]
	berth restart -t 0 box
	[ "$(berth exec box stat -c %u /own /in)" = $'1000\n0' ]
	berth commit box made >/dev/null
	[ "$(try made stat -c %u /own)" = 1000 ]
	[ "$(try --userns host made stat -c %u /own)" = 1000 ]
	run -1 berth checkpoint create box one
	[[ "$output" == *"not supported on containers in a user namespace of their own (auto): run it with --userns host"* ]]
	berth rm -f box >/dev/null
	berth rmi made >/dev/null
}

@test "userns auto: volumes and binds are whose they are, whatever the container that looks" {
	mkdir "$BATS_TEST_TMPDIR/place"
	local words=(-v shared:/v -v "$BATS_TEST_TMPDIR/place:/b" busybox)
	try "${words[@]}" sh -c 'touch /v/root /b/root /v/user /b/user; chown 1000:1000 /v/user /b/user'
	[ "$(stat -c %u "$BATS_TEST_TMPDIR/place/root" "$BATS_TEST_TMPDIR/place/user")" = $'0\n1000' ]
	for mode in host auto; do
		[ "$(try --userns $mode "${words[@]}" stat -c %u /v/root /v/user /b/root /b/user)" = $'0\n1000\n0\n1000' ]
	done
	try "${words[@]}" sh -c 'echo x >>/v/user; echo x >>/b/user'
}

@test "userns auto: --volumes-from, tmpfs, secrets, export, an image as a mount" {
	printf value | berth secret create "kept-$$" - >/dev/null
	start --name donor -v /data --secret "kept-$$,target=s,uid=7,mode=0400" --tmpfs /t:uid=5,mode=750 busybox \
		sh -c 'touch /data/root /data/user; chown 1000:1001 /data/user; touch /t/x; exec sleep 1000'
	eventually berth exec donor test -e /t/x
	[ "$(berth exec donor stat -c %u:%a /t /run/secrets/s)" = $'5:750\n7:400' ]
	[ "$(berth exec -u 7 donor cat /run/secrets/s)" = value ]
	for mode in host auto; do
		[ "$(try --userns $mode --volumes-from donor busybox stat -c %u:%g /data/root /data/user)" = $'0:0\n1000:1001' ]
	done
	# An image's files that others may not read are root's, too.
	[ "$(try --mount type=image,source=busybox,target=/i busybox sh -c 'stat -c %u /i/bin && ls /i/root >/dev/null')" = 0 ]
	berth exec donor sh -c 'touch /own; chown 3:4 /own'
	berth export donor | tar --numeric-owner -tvf - own | grep -q ' 3/4 '
	berth rm -f donor >/dev/null
	berth secret rm "kept-$$" >/dev/null
}

@test "userns auto: who shares namespaces shares the user namespace" {
	start --name donor --ipc shareable busybox sleep 1000
	for option in --network --pid --ipc; do
		run -0 berth run --rm "$option" container:donor busybox readlink /proc/self/ns/user
		[ "$output" = "$(user_of donor)" ]
	done
	start --name joined --pid container:donor busybox sleep 1000
	[ "$(mode_of joined)" = "container:$(berth inspect -f '{{.Id}}' donor)" ]
	start --name third --pid container:joined --ipc container:donor busybox sleep 1000
	[ "$(user_of third)" = "$(user_of donor)" ]
	start --name plain --userns host busybox sleep 1000
	start --name with-plain --pid container:plain busybox sleep 1000
	[ "$(mode_of with-plain)" = host ]
	run -125 berth run --rm --pid container:plain --network container:donor busybox true
	[[ "$output" == *"the containers whose namespaces are to be shared are in different user namespaces"* ]]
}

@test "userns auto: what needs the host's user namespace is in it" {
	run -0 try --privileged busybox cat /proc/self/uid_map
	[[ "$output" =~ ^\ +0\ +0\ +4294967295$ ]]
	for words in "--network host" "--pid host" "--ipc host" "--cap-add SYS_TIME" "--cap-add all"; do
		# shellcheck disable=SC2086
		run -0 berth run --rm $words busybox cat /proc/self/uid_map
		[[ "$output" =~ ^\ +0\ +0\ +4294967295$ ]]
	done
	run -0 try --cap-add NET_ADMIN busybox sh -c 'ip link add d type dummy 2>/dev/null; cat /proc/self/uid_map'
	[[ "$output" =~ \ 65536$ ]]
	# A bind that cannot be mapped is a reason, too, which is told.
	run -0 --separate-stderr try -v /proc/sys:/x:ro busybox cat /proc/self/uid_map
	[[ "$output" =~ ^\ +0\ +0\ +4294967295$ ]]
	[[ "$stderr" == *"The container is in the host's user namespace: the file system of /proc/sys, or one beneath it, does not map ids (--userns auto insists)."* ]]
	run -125 try --userns auto -v /proc/sys:/x:ro busybox true
	[[ "$output" == *"map the mount's ids"* ]]
}

@test "userns auto: devices are the container's" {
	local node=$BATS_TEST_TMPDIR/node
	mknod -m 600 "$node" c 1 7
	if ! kernel_has 6.15; then
		run -125 try --device "$node:/dev/renamed" busybox true
		[[ "$output" == *"/dev/renamed"*"none can be made: a mount of a detached one (needs Linux 6.15)"* ]]
		return
	fi
	run try --device "$node:/dev/renamed" busybox sh -c \
		'stat -c "%t:%T %a %u" /dev/renamed; head -c 2 /dev/renamed | wc -c; echo x >/dev/renamed'
	[[ "$output" == $'1:7 600 0\n2\n'*"No space left on device"* ]]
	run ! try busybox mknod /x c 1 7
}

# What a step printed of its map: 65536 ids of its own, or those of the host.
steps_ids() {
	sed -n 's/^#[0-9]* [0-9.]* *0 *\([0-9]*\) *\([0-9]*\)$/\1 \2/p'
}

@test "userns auto: a build's steps, too; files of layers, caches and contexts have the ids that they have there" {
	local place=$BATS_TEST_TMPDIR map='cat /proc/self/uid_map'
	echo text >"$place/file"
	echo secret >"$place/../secret"
	cat >"$place/Dockerfile" <<-END
		FROM busybox AS base
		RUN $map && mkdir -m 700 /d && touch /mine /d/f && chown 1000:1001 /mine && rm /etc/group && ! mknod /n c 1 3
		ADD --chown=7:8 file /added
		RUN --mount=type=cache,target=/c --mount=type=bind,source=file,target=/b --mount=type=secret,id=s $map && touch /c/x && \
		    chown 5 /c/x && stat -c "%n=%u" /c /c/x /b /run/secrets/s /added /mine /d/f | tr "\\n" " " && grep secret /run/secrets/s
		USER 1000
		RUN touch /tmp/user
	END
	berth build --no-cache --progress plain --network none --secret "id=s,src=$place/../secret" -t made "$place" >"$place/log" 2>&1
	cat "$place/log"
	local own=2
	kernel_has 6.15 || own=1 # whether the mounts of the second can be mapped is not to be known
	[ "$(steps_ids <"$place/log" | awk '$1 >= 65536 && $2 == 65536' | wc -l)" -eq "$own" ]
	grep -q '/c=0 /c/x=5 /b=0 /run/secrets/s=0 /added=7 /mine=1000 /d/f=0' "$place/log"
	for mode in host auto; do
		[ "$(try --userns $mode -u 0 made stat -c %u:%g /mine /d /d/f /added /tmp/user /bin)" = $'1000:1001\n0:0\n0:0\n7:8\n1000:0\n0:0' ]
		run ! try --userns $mode made test -e /etc/group
	done
	[ -z "$(find "$WORK/data/snapshots" -uid +65535)" ]
	berth rmi made >/dev/null
}

@test "userns auto: steps that need the host's user namespace are in it, unless auto is asked for in so many words" {
	local map='cat /proc/self/uid_map' place=$BATS_TEST_TMPDIR
	cat >"$place/Dockerfile" <<-END
		FROM busybox AS base
		RUN --security=insecure $map
		RUN --network=host $map
		RUN --mount=type=bind,target=/x,rw $map && touch /x/new
		RUN --mount=type=bind,from=busybox,source=/bin,target=/x $map
	END
	run -0 berth build --no-cache --progress plain --allow network.host --allow security.insecure "$place"
	local host=4
	kernel_has 6.15 || host=3 # of an image's part a copy is bound
	[ "$(steps_ids <<<"$output" | grep -c '^0 4294967295$')" -eq "$host" ]
	printf 'FROM busybox\nRUN --network=none %s\n' "$map" >"$place/Dockerfile"
	run -0 berth build --no-cache --progress plain --userns host "$place"
	[ "$(steps_ids <<<"$output")" = "0 4294967295" ]
	run -0 berth build --no-cache --progress plain --userns auto:size=1000 "$place"
	[[ "$(steps_ids <<<"$output")" == *" 1000" ]]
	printf 'FROM busybox\nRUN --network=none --mount=type=bind,from=busybox,target=/x true\n' >"$place/Dockerfile"
	run -1 berth build --no-cache --progress plain --userns auto "$place"
	[[ "$output" == *"mount at /x: its file system does not map ids"*"use --userns host"* ]]
	printf 'FROM busybox\nRUN --security=insecure true\n' >"$place/Dockerfile"
	run -1 berth build --no-cache --progress plain --userns auto --allow security.insecure "$place"
	[[ "$output" == *"privileged mode is incompatible with user namespaces"* ]]
	run -1 berth build --userns keep-id "$place"
	[[ "$output" == *'query parameter userns: "keep-id": expected host or auto'* ]]
}

@test "the process's user opens its standard streams by their names, with and without a user namespace" {
	for mode in host auto; do
		for user in 0 1000; do
			run -0 --separate-stderr try -i --userns $mode -u $user busybox sh -c 'cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr' <<<in
			[ "$output" = $'in\nout' ]
			[ "$stderr" = err ]
		done
		start --name "box-$mode" --userns $mode busybox sleep 1000
		run -0 --separate-stderr berth exec -u 7 "box-$mode" sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'
		[ "$output $stderr" = "out err" ]
	done
}
