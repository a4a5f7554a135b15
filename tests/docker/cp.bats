#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cp as Docker's command line and ours do it, against one engine: what either makes of each form of source and
# destination, and the words of their refusals.

bats_require_minimum_version 1.5.0
load ../helpers

setup_file() {
	engine_setup
	export TREE=$WORK/tree
	mkdir -p "$TREE/dir/sub" "$TREE/elsewhere"
	echo one >"$TREE/dir/one"
	echo two >"$TREE/dir/sub/two"
	echo file >"$TREE/file"
	ln -s dir "$TREE/link"
	ln -s file "$TREE/filelink"
	ln -s nowhere "$TREE/dangling"
}

teardown_file() { engine_teardown; }
teardown() { remove_containers; }

# A container whose /t is the tree.
container() {
	berth create --name "$1" busybox >/dev/null
	tar -C "$TREE" -c . | docker cp - "$1:/tmp/"
}

listing() {
	(cd "$1" && find . -printf '%P %y %m %U:%G %l\n' | sort && find . -type f -exec sh -c 'echo "$1: $(cat "$1")"' sh {} \; | sort)
}

# Words of a failure without who says them.
words() {
	sed -e 's/^berth: //; s/^Error response from daemon: //' -e '/^$/d;/^See /d;/^Run /d;/^time=/d' -e "s,$WORK/docker,HERE,;s,$WORK/berth,HERE," | tr '[:upper:]' '[:lower:]' | head -n 1
}

# from SOURCE DESTINATION [FLAG...]: both copy out of a container into equal folders.
from() {
	local source=$1 destination=$2 client status=() said=()
	shift 2
	for client in docker berth; do
		rm -rf "${WORK:?}/$client"
		mkdir -p "$WORK/$client/there"
		echo old >"$WORK/$client/old"
		ln -s there "$WORK/$client/to"
		if (cd "$WORK/$client" && PATH=$BERTH_BUILD:$PATH "$client" cp "$@" "box:$source" "$destination" >/dev/null 2>"$WORK/$client.said"); then
			status+=(0)
		else
			status+=(1)
		fi
		said+=("$(words <"$WORK/$client.said")")
	done
	echo "cp $* box:$source $destination: ${status[*]}: ${said[*]}"
	[ "${status[0]}" = "${status[1]}" ]
	[ "${status[0]}" = 0 ] || [ "${said[0]}" = "${said[1]}" ] || same_refusal "${said[@]}"
	diff <(listing "$WORK/docker") <(listing "$WORK/berth")
}

# The engine's word and the client's own may say it.
same_refusal() {
	[[ "$1" == *"no such file"* && "$2" == *"no such file"* ]] || [[ "$1" == *overwrite* && "$2" == *overwrite* ]]
}

@test "from a container, each form of source and destination gives what docker cp gives" {
	container box
	local source destination
	for source in /tmp/dir /tmp/dir/. tmp/file /tmp/link/; do
		for destination in new there/ old new/; do
			from "$source" "$destination"
		done
	done
	for source in /tmp/link /tmp/dangling /tmp/nosuch /tmp/file/; do
		from "$source" new
	done
	from /tmp/file nosuch/x
	from /tmp/file to
}

@test "from a container with -L, links are what they lead to" {
	container box
	from /tmp/link/ new -L
	from /tmp/link there -L
	from /tmp/filelink old -L
	from /tmp/dir new -L
}

# to SOURCE DESTINATION [FLAG...]
to() {
	local source=$1 destination=$2 client status=() said=()
	shift 2
	TRIAL=$((TRIAL + 1))
	for client in docker berth; do
		berth cp "$WORK/base" "$client:/t$TRIAL"
		if (cd "$TREE" && PATH=$BERTH_BUILD:$PATH "$client" cp "$@" "$source" "$client:/t$TRIAL$destination" >/dev/null 2>"$WORK/$client.said"); then
			status+=(0)
		else
			status+=(1)
		fi
		said+=("$(words <"$WORK/$client.said" | sed "s/\b$client\b/box/g")")
		rm -rf "${WORK:?}/out-$client"
		berth cp "$client:/t$TRIAL" "$WORK/out-$client"
	done
	echo "cp $* $source box:$destination: ${status[*]}: ${said[*]}"
	[ "${status[0]}" = "${status[1]}" ]
	[ "${status[0]}" = 0 ] || [ "${said[0]}" = "${said[1]}" ] || same_refusal "${said[@]}"
	diff <(listing "$WORK/out-docker") <(listing "$WORK/out-berth")
}

@test "to a container, each form of source and destination does what docker cp does" {
	mkdir -p "$WORK/base/there"
	echo old >"$WORK/base/old"
	ln -s there "$WORK/base/to"
	TRIAL=0
	berth create --name docker busybox >/dev/null
	berth create --name berth busybox >/dev/null
	local source destination
	for source in dir/ dir/. file; do
		for destination in /new /there /old /new/; do
			to "$source" "$destination"
		done
	done
	to link/ /new
	to filelink /new
	to file /to
	to dir /nosuch/x
	to nosuch /new
	to link /new -L
	to filelink /there -L
}

@test "archives by standard input and output, and what cannot be" {
	container box
	diff <(berth cp box:/tmp/dir - | tar t) <(docker cp box:/tmp/dir - | tar t)
	tar -C "$TREE" -c file | berth cp - box:/home
	[ "$(berth cp box:/home/file - | tar xO)" = file ]
	run -1 berth cp - box:/tmp/file </dev/null
	[[ "$output" == *'destination "box:/tmp/file" must be a directory'* ]]
	run -1 berth cp box:/tmp/file box:/x
	[[ "$output" == *"copying between containers is not supported"* ]]
	run -1 berth cp /etc/passwd /tmp/x
	[[ "$output" == *"must specify at least one container source"* ]]
	run -1 berth cp "" box:/x
	[[ "$output" == *"source can not be empty"* ]]
	run -1 berth cp nosuch:/x /tmp
	[[ "$output" == *"No such container: nosuch"* ]]
	run -1 berth cp box:/tmp/file /dev/null
	[[ "$output" == *'invalid output path: "/dev/null" must be a directory or a regular file: got a device'* ]]
}

@test "a container that an engine was killed in the middle of committing goes on" {
	berth run -d --network none --name box busybox sh -c 'truncate -s 4294967296 /big; i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.05; done' >/dev/null
	eventually berth cp box:/count -
	local first id images
	id=$(berth inspect -f '{{.Id}}' box)
	images=$(berth images -q | sort)
	frozen() { find /sys/fs/cgroup -path "*/$CGROUP/$id/*" \( -name freezer.state -o -name cgroup.freeze \) -exec grep -lqx -e FROZEN -e 1 {} +; }
	berth commit box half >/dev/null 2>&1 3>&- &
	eventually frozen
	engine_stop KILL
	wait
	engine_start
	run frozen
	[ "$status" -ne 0 ]
	first=$(berth exec box cat /count)
	moved() { [ "$(berth exec box cat /count)" != "$first" ]; }
	eventually moved
	[ "$(berth inspect -f '{{.State.Status}}' box)" = running ]
	[ "$(berth images -q | sort)" = "$images" ]
}
