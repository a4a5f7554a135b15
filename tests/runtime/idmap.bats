#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Mounts that map ids, in all the ways of asking for it.

load helpers

# A folder with files of 0, 1000 and 5000, at $source.
tree() {
	source=$work/source
	mkdir -p "$source/deep"
	mount -t tmpfs tmpfs "$source"
	mkdir "$source/deep"
	mount -t tmpfs tmpfs "$source/deep"
	touch "$source/zero" "$source/thousand" "$source/deep/zero"
	chown 1000:1001 "$source/thousand"
	chmod 777 "$source" "$source/deep"
}

eval "helpers_$(declare -f setup)"
setup() {
	helpers_setup
	not_as 'old-*' "mounts that map ids need mount_setattr()"
}

eval "helpers_$(declare -f teardown)"
teardown() {
	if mountpoint -q "$work/source"; then
		umount -R "$work/source"
	fi
	helpers_teardown
}

bind() {
	configure --arg source "$source" --argjson more "$1" \
		'.mounts += [{"destination":"/data","type":"bind","source":$source} + $more]'
}

owners='stat -c "%n %u:%g" /data/zero /data/thousand /data/deep/zero | xargs'

@test "uidMappings and gidMappings: seen as other ids, and written back as their own" {
	tree
	bind '{"options":["rbind","idmap"],"uidMappings":[{"containerID":0,"hostID":70000,"size":1},{"containerID":1000,"hostID":2000,"size":1}],
		"gidMappings":[{"containerID":0,"hostID":70001,"size":1},{"containerID":1001,"hostID":2001,"size":1}]}'
	configure '.process.user={"uid":2000,"gid":2001}'
	run -0 script "$owners; touch /data/made"
	[ "${lines[0]}" = "/data/zero 70000:70001 /data/thousand 2000:2001 /data/deep/zero 0:0" ]
	[ "$(stat -c %u:%g "$source/made")" = 1000:1001 ]
}

@test "mappings alone are enough, and ridmap reaches the mounts beneath" {
	tree
	local maps='"uidMappings":[{"containerID":0,"hostID":70000,"size":2000}],"gidMappings":[{"containerID":0,"hostID":80000,"size":2000}]'
	bind "{\"options\":[\"rbind\"],$maps}"
	run -0 script "$owners"
	[ "$output" = "/data/zero 70000:80000 /data/thousand 71000:81001 /data/deep/zero 0:0" ]
	configure '.mounts[-1].options=["rbind","ridmap"]'
	run -0 script "$owners"
	[ "$output" = "/data/zero 70000:80000 /data/thousand 71000:81001 /data/deep/zero 70000:80000" ]
}

@test "idmap without mappings is the container's user namespace" {
	tree
	bind '{"options":["rbind","ridmap"]}'
	user_namespace
	run -0 script "$owners; touch /data/made"
	[ "${lines[0]}" = "/data/zero 0:0 /data/thousand 1000:1001 /data/deep/zero 0:0" ]
	[ "$(stat -c %u:%g "$source/made")" = 0:0 ]
	configure '.mounts[-1].options=["rbind"]'
	run -0 script "$owners"
	[ "$output" = "/data/zero 65534:65534 /data/thousand 65534:65534 /data/deep/zero 65534:65534" ]
}

@test "idmap without mappings in a user namespace that is joined by path" {
	tree
	user_namespace
	launch 'exec sleep 1000'
	local first=$id
	configure --arg path "/proc/$(pid_of)/ns/user" 'del(.linux.uidMappings, .linux.gidMappings) |
		(.linux.namespaces[] | select(.type=="user")).path=$path'
	bind '{"options":["rbind","idmap"]}'
	id=$id-b
	run -0 script "$owners"
	[ "$output" = "/data/zero 0:0 /data/thousand 1000:1001 /data/deep/zero 65534:65534" ]
	id=$first
}

@test "crun's maps in the option, absolute and relative to the user namespace" {
	tree
	bind '{"options":["rbind","idmap=uids=0-70000-1#1000-71000-1;gids=0-80000-2000"]}'
	run -0 script "$owners"
	[ "$output" = "/data/zero 70000:80000 /data/thousand 71000:81001 /data/deep/zero 0:0" ]
	configure '.mounts[-1].options=["rbind","idmap=uids=@0-5-1#@1000-70-1;gids=@0-0-2000"]'
	configure '.linux.namespaces += [{"type":"user"}] |
		.linux.uidMappings=[{"containerID":0,"hostID":100000,"size":10},{"containerID":10,"hostID":200000,"size":1000}] |
		.linux.gidMappings=[{"containerID":0,"hostID":100000,"size":1000},{"containerID":1000,"hostID":300000,"size":1000}]'
	chown -R 100000:100000 "$bundle/rootfs"
	run -0 script "$owners"
	[ "$output" = "/data/zero 5:0 /data/thousand 70:1001 /data/deep/zero 65534:65534" ]
}

@test "a new file system has mapped ids, too" {
	configure '.mounts += [{"destination":"/data","type":"tmpfs","source":"tmpfs","options":["idmap","mode=777","ro","noexec"],
		"uidMappings":[{"containerID":0,"hostID":4000,"size":10}],"gidMappings":[{"containerID":0,"hostID":5000,"size":10}]}]'
	run -0 script 'stat -c %u:%g /data; touch /data/x || grep -c " /data ro,noexec.*idmapped" /proc/self/mountinfo'
	[ "${lines[0]}" = 4000:5000 ]
	[ "${lines[-1]}" = 1 ]
}

@test "a tmpfs with mapped ids in a user namespace, filled by tmpcopyup" {
	mkdir "$bundle/rootfs/data"
	echo kept >"$bundle/rootfs/data/file"
	user_namespace
	configure '.mounts += [{"destination":"/data","type":"tmpfs","source":"tmpfs","options":["idmap","tmpcopyup"]}]'
	run -0 script 'cat /data/file; stat -c %u:%g /data /data/file | xargs'
	[ "$(xargs <<<"$output")" = "kept 0:0 0:0" ]
}

@test "what cannot be mapped is refused by name, and nothing is left" {
	local change expected
	source=$work
	while IFS='|' read -r change expected; do
		cp "$BATS_FILE_TMPDIR/bundle/config.json" "$bundle/config.json"
		bind '{"options":["rbind"]}'
		configure ".mounts[-1] += $change"
		run -1 runtime create --bundle "$bundle" "$id"
		echo "$change: $output"
		[[ "$output" == *"$expected"* ]]
		[ ! -d "$state/$id" ]
	done <<-'CASES'
		{"uidMappings":[{"containerID":0,"hostID":0,"size":1}]}|mounts: /data: uidMappings and gidMappings: one needs the other
		{"uidMappings":[{"containerID":0,"hostID":0,"size":0}],"gidMappings":[{"containerID":0,"hostID":0,"size":1}]}|ids go from 0 to 4294967295
		{"options":["bind","idmap"]}|option idmap: without a user namespace it needs uidMappings and gidMappings
		{"options":["bind","idmap=uids=0-0-1"]}|option idmap: uids and gids are both needed
		{"options":["bind","idmap=uids=0-0;gids=0-0-1"]}|option idmap: 0-0 is not "file-host-count" in numbers
		{"options":["bind","idmap=pids=0-0-1"]}|option idmap: "pids=0-0-1" is neither uids= nor gids=
		{"options":["bind","idmap=uids=@0-0-1;gids=0-0-1"]}|option idmap: the container's user namespace has no id 0
		{"type":"mqueue","source":"mqueue","options":["idmap=uids=0-0-1;gids=0-0-1"]}|the ids of mqueue cannot be mapped
		{"options":["bind","idmapped"]}|unknown option "idmapped" of a bind mount
	CASES
}
