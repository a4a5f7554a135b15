#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Options of the local driver: file systems that are mounted when a container needs them, and sizes.

load helpers
bats_require_minimum_version 1.5.0
setup_file() { engine_setup; }
teardown_file() {
	local device
	for device in $(losetup -n -O NAME -j "$WORK/image"); do losetup -d "$device"; done
	engine_teardown
}
teardown() { clean_up; }

# A volume of these options: `volume NAME type=tmpfs device=tmpfs o=size=1m`.
volume() {
	local name=$1 options
	shift
	options=$(for word in "$@"; do jq -n --arg key "${word%%=*}" --arg value "${word#*=}" '{($key):$value}'; done | jq -sc add)
	echo "{\"Name\":\"$name\",\"DriverOpts\":$options}"
}

make() {
	api POST /volumes/create "$(volume "$@")"
}

running() {
	local id
	id=$(container "$1" "\"Binds\":[\"$2\"]" sleep 1000)
	api POST "/containers/$id/start"
	echo "$id"
}

where() {
	grep -F "$WORK/run/volumes/$1/fs" /proc/self/mountinfo
}

@test "options are checked when the volume is made" {
	refused 400 'create data: invalid option: "colour"' POST /volumes/create "$(volume data colour=red)"
	refused 400 'create data: missing required option: "device"' POST /volumes/create "$(volume data type=tmpfs)"
	refused 400 'missing required option: "type"' POST /volumes/create "$(volume data device=/x)"
	refused 400 'missing required option' POST /volumes/create "$(volume data o=bind)"
	refused 400 'file system "proc" is not one that volumes may be of' POST /volumes/create "$(volume data type=proc device=proc)"
	refused 400 'option o: "uid" is not an option of ext4 volumes' POST /volumes/create "$(volume data type=ext4 device=/dev/x o=uid=5)"
	refused 400 'option o: "bind" is not an option of tmpfs volumes' POST /volumes/create "$(volume data type=tmpfs device=x o=bind)"
	refused 400 'give o=bind' POST /volumes/create "$(volume data type=none device=/tmp)"
	refused 400 'is not an absolute path' POST /volumes/create "$(volume data type=none device=tmp o=bind)"
	refused 400 'o=size=1m of tmpfs' POST /volumes/create "$(volume data type=tmpfs device=x size=1m)"
	refused 400 "invalid size: 'much'" POST /volumes/create "$(volume data size=much)"
	[ "$(names)" = "" ]
}

@test "a tmpfs is mounted for its first container, shared, and gone with the last" {
	make data type=tmpfs device=tmpfs o=size=1m,mode=750,uid=5
	run -1 where data
	one=$(running one data:/d)
	[[ "$(where data)" == *"rw,nosuid,nodev"*"size=1024k,mode=750,uid=5"* ]]
	[ "$(stat -c %a "$WORK/run/volumes")" = 700 ]
	run_with '"Binds":["data:/d"]' sh -c 'stat -c %a:%u /d; echo text >/d/file'
	two=$(running two data:/d)
	[ "$(where data | wc -l)" = 1 ]
	api DELETE "/containers/$one?force=1"
	[ "$(run_with '"Binds":["data:/d"]' cat /d/file)" = text ]
	api POST "/containers/$two/stop?t=0"
	eventually eval '! where data'
	no_mounts
	[ "$(run_with '"Binds":["data:/d"]' ls /d)" = "" ]
}

@test "its mount passes nothing on to other namespaces, and is found again after a crash" {
	make data type=tmpfs device=tmpfs
	id=$(running one data:/d)
	[[ "$(where data)" != *shared:* ]]
	run_with '"Binds":["data:/d"]' sh -c 'echo text >/d/file'
	engine_stop KILL
	engine_start
	[ "$(where data | wc -l)" = 1 ]
	[ "$(run_with '"Binds":["data:/d"]' cat /d/file)" = text ]
	# While nobody looks the last one ends: the next start takes the mount away.
	pid=$(api GET "/containers/$id/json" | jq .State.Pid)
	engine_stop KILL
	kill -9 "$pid"
	engine_start
	eventually eval '! where data'
	no_mounts
}

@test "set-user-id programs work in the container, not on the host" {
	make data type=tmpfs device=tmpfs
	make safe type=tmpfs device=tmpfs o=nosuid
	[[ "$(run_with '"Binds":["data:/d"]' grep ' /d ' /proc/mounts)" != *nosuid* ]]
	[[ "$(run_with '"Binds":["safe:/d"]' grep ' /d ' /proc/mounts)" == *nosuid* ]]
}

@test "a folder of the host by o=bind, with its mounts by rbind, read-only by ro" {
	mkdir -p "$BATS_TEST_TMPDIR/host/below"
	echo text >"$BATS_TEST_TMPDIR/host/file"
	command mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/host/below"
	echo deep >"$BATS_TEST_TMPDIR/host/below/file"
	make flat type=none "device=$BATS_TEST_TMPDIR/host" o=bind
	make deep type=none "device=$BATS_TEST_TMPDIR/host" o=rbind,ro
	flat=$(run_with '"Binds":["flat:/d"]' sh -c 'cat /d/file; ls /d/below; echo new >/d/new')
	deep=$(run_with '"Binds":["deep:/d"]' sh -c 'cat /d/below/file; touch /d/more 2>&1; true')
	umount "$BATS_TEST_TMPDIR/host/below"
	[ "$flat" = text ]
	[ "$(cat "$BATS_TEST_TMPDIR/host/new")" = new ]
	[[ "$deep" == deep*"Read-only file system"* ]]
	api DELETE /volumes/flat
	[ -e "$BATS_TEST_TMPDIR/host/file" ]
}

@test "a file system on a block device" {
	truncate -s 16M "$WORK/image"
	mkfs.ext4 -q "$WORK/image"
	device=$(losetup -f --show "$WORK/image") || skip "no loop device: losetup failed"
	make data type=ext4 "device=$device" o=noatime
	run_with '"Binds":["data:/d"]' sh -c 'echo text >/d/file'
	[ "$(run_with '"Binds":["data:/d"]' sh -c 'cat /d/file; ls /d; grep " /d " /proc/mounts | grep -o noatime')" = $'text\nfile\nlost+found\nnoatime' ]
	eventually eval '! where data'
	losetup -d "$device"
}

@test "what cannot be mounted fails with the kernel's words, and leaves nothing" {
	make none type=none device=/no/such/folder o=bind
	make file type=ext4 device=/etc/passwd
	make bad type=tmpfs device=tmpfs o=size=lots
	try() { refused "$1" "$2" POST /containers/create "{\"Image\":\"busybox\",\"HostConfig\":{\"NetworkMode\":\"none\",\"Binds\":[\"$3:/d\"]}}"; }
	try 404 "error while mounting volume 'none': failed to mount local volume: mount /no/such/folder:" none
	try 400 "is no block device" file
	try 400 "tmpfs: Bad value for 'size'" bad
	[ -z "$(api GET '/containers/json?all=1' | jq -r '.[].Id')" ]
	no_mounts
}

@test "nfs: an address is needed, names are resolved, the kernel says the rest" {
	make nameless type=nfs device=:/export o=vers=4
	refused 400 'addr= is missing' POST /containers/create '{"Image":"busybox","HostConfig":{"NetworkMode":"none","Binds":["nameless:/d"]}}'
	grep -qw nfs4 /proc/filesystems || modprobe nfs 2>/dev/null || skip "this kernel has no NFS"
	make data type=nfs device=:/export o=addr=localhost,vers=4,soft,timeo=1,retrans=1,nolock
	run api POST /containers/create '{"Image":"busybox","HostConfig":{"NetworkMode":"none","Binds":["data:/d"]}}'
	[ "$status" -ne 0 ]
	[[ "$output" == *"error while mounting volume 'data'"* ]]
}

@test "size: a file system without project quotas is named, with the remedy" {
	run api POST /volumes/create "$(volume data size=10m)"
	if [ "$status" -eq 0 ]; then skip "the data root's file system has project quotas"; fi
	refused 501 'has no project quotas' POST /volumes/create "$(volume data size=10m)"
	[ "$(names)" = "" ]
	[ -z "$(ls -A "$WORK/data/volumes")" ]
}
