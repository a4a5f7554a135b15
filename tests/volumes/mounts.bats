#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How volumes, images and folders get into containers: first content, parts of them, owners, other containers' mounts.

load helpers
bats_require_minimum_version 1.5.0
setup_file() { engine_setup; make_image; }
teardown_file() { engine_teardown; }
teardown() { clean_up; }

# An image "filled": /data has content of all kinds, /empty and /own are folders with owners and modes.
make_image() {
	local root=$WORK/root
	mkdir -p "$root/data/in" "$root/empty"
	cp "$(command -v busybox)" "$root/busybox"
	(
		cd "$root"
		echo content >data/file
		chown 12:34 data/file
		ln data/file data/in/twin
		ln -s /etc/shadow data/link
		mkfifo data/in/pipe
		/usr/bin/python3 -c 'import os; os.setxattr("data/file", "user.note", b"kept")
os.setxattr("data/file", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))'
		chown 7:8 empty data
		chmod 4751 data/file
		touch -d @1000000000 data/file
		chmod 1770 empty
		chmod 2750 data
		ln -s ../../../../../../../../../../../data outside
	)
	tar -C "$root" --xattrs --xattrs-include='*' -c . |
		url -X POST -H 'Content-Type: application/x-tar' --data-binary @- 'http://x/images/create?fromSrc=-&repo=filled' >/dev/null
}

# A container of the image "filled".
filled() {
	api POST /containers/create "{\"Image\":\"filled\",\"Cmd\":[\"/busybox\",\"true\"],\"HostConfig\":{\"NetworkMode\":\"none\",$1}}" | jq -r .Id
}

content() {
	(cd "$1" && find . -printf '%P %y %m %U:%G %n %l %Ts\n' | grep -v '^ ' | sort && /usr/bin/python3 -c '
import os
print(sorted((name, os.getxattr("file", name)) for name in os.listxattr("file")))')
}

@test "an empty volume begins with what the image has there" {
	filled '"Binds":["data:/data"]'
	[ "$(content "$(data_of data)")" = "$(content "$WORK/root/data")" ]
	[ "$(stat -c %u:%g:%a "$(data_of data)")" = 7:8:2750 ]
	[ "$(stat -c %i "$(data_of data)/file")" = "$(stat -c %i "$(data_of data)/in/twin")" ]
	[ "$(readlink "$(data_of data)/link")" = /etc/shadow ]
	filled '"Binds":["outside:/outside"]'
	[ "$(cat "$(data_of outside)/file")" = content ]
}

@test "an image's empty folder gives its owner and mode" {
	filled '"Binds":["data:/empty","new:/nothing/there"]'
	[ "$(stat -c %u:%g:%a "$(data_of data)")" = 7:8:1770 ]
	[ "$(stat -c %u:%g:%a "$(data_of new)")" = 0:0:755 ]
}

@test "what is not wanted is not copied: nocopy, content, subpath, binds" {
	filled '"Binds":["data:/data:nocopy"]'
	[ -z "$(ls -A "$(data_of data)")" ]
	api POST /volumes/create '{"Name":"full"}'
	echo own >"$(data_of full)/own"
	filled '"Binds":["full:/data"]'
	[ "$(ls -A "$(data_of full)")" = own ]
	[ "$(stat -c %u:%a "$(data_of full)")" = 0:755 ]
	mkdir "$(data_of full)/part"
	filled "$(mount '{"Type":"volume","Source":"full","Target":"/data","VolumeOptions":{"Subpath":"part"}}')"
	[ -z "$(ls -A "$(data_of full)/part")" ]
	mkdir "$BATS_TEST_TMPDIR/bind"
	filled "\"Binds\":[\"$BATS_TEST_TMPDIR/bind:/data\"]"
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/bind")" ]
}

@test "anonymous volumes and the image's own begin so, too" {
	id=$(filled '"Binds":["/data"]')
	name=$(api GET "/containers/$id/json" | jq -r '.Mounts[0].Name')
	[ "$(cat "$(data_of "$name")/file")" = content ]
}

@test "two containers that are made at once on one new volume: it is filled once" {
	for _ in 1 2 3; do
		filled '"Binds":["data:/data"]' >"$BATS_TEST_TMPDIR/1" &
		filled '"Binds":["data:/data"]' >"$BATS_TEST_TMPDIR/2" &
		filled '"Binds":["data:/empty"]' >"$BATS_TEST_TMPDIR/3" &
		wait
		# Whoever came first, the volume is whole.
		[ "$(content "$(data_of data)")" = "$(content "$WORK/root/data")" ] || { ls -la "$(data_of data)"; false; }
		clean_up
	done
}

@test "a volume that others see as it is filled is not replaced" {
	id=$(container first '"Binds":["data:/d"]' sh -c 'while [ ! -e /d/file ]; do sleep 0.05; done; cat /d/file')
	api POST "/containers/$id/start"
	filled '"Binds":["data:/data"]'
	[ "$(api POST "/containers/$id/wait" | jq .StatusCode)" = 0 ]
}

@test "a part of a volume is mounted, a folder or a file" {
	api POST /volumes/create '{"Name":"data"}'
	mkdir -p "$(data_of data)/a/b"
	echo inner >"$(data_of data)/a/b/file"
	ln -s a/b "$(data_of data)/inside"
	part() { mount "{\"Type\":\"volume\",\"Source\":\"data\",\"Target\":\"$2\",\"VolumeOptions\":{\"Subpath\":\"$1\"}}"; }
	[ "$(run_with "$(part a/b /d)" cat /d/file)" = inner ]
	[ "$(run_with "$(part inside /d)" cat /d/file)" = inner ]
	[ "$(run_with "$(part a/b/file /f)" cat /f)" = inner ]
	run_with "$(part a/b /d)" sh -c 'echo new >/d/new'
	[ "$(cat "$(data_of data)/a/b/new")" = new ]
	no_mounts
}

@test "a part that is not there, or not in the volume, is refused at the start" {
	api POST /volumes/create '{"Name":"data"}'
	ln -s /etc "$(data_of data)/absolute"
	ln -s ../../../../../../../etc "$(data_of data)/relative"
	ln -s /proc/self/root/etc "$(data_of data)/magic"
	for path in none/there absolute relative magic; do
		id=$(container '' "$(mount "{\"Type\":\"volume\",\"Source\":\"data\",\"Target\":\"/d\",\"VolumeOptions\":{\"Subpath\":\"$path\"}}")" ls /d)
		refused 400 "subpath $path" POST "/containers/$id/start"
		no_mounts
	done
	refused 400 'must be a relative path' POST /containers/create \
		'{"Image":"busybox","HostConfig":{"NetworkMode":"none","Mounts":[{"Type":"volume","Source":"data","Target":"/d","VolumeOptions":{"Subpath":"a/../.."}}]}}'
}

@test "an image is mounted, to be read, whole or in part" {
	whole='{"Type":"image","Source":"filled","Target":"/i"}'
	[ "$(run_with "$(mount "$whole")" sh -c 'cat /i/data/file; stat -c %u:%g:%a /i/empty')" = $'content\n7:8:1770' ]
	run run_with "$(mount "$whole")" touch /i/data/new
	[[ "$output" == *"Read-only file system"* ]]
	part='{"Type":"image","Source":"filled","Target":"/i","ImageOptions":{"Subpath":"data/in"}}'
	[ "$(run_with "$(mount "$part")" cat /i/twin)" = content ]
	no_mounts
	id=$(container keeps "$(mount "$whole")" true)
	[ "$(api GET "/containers/$id/json" | jq -c '.Mounts[0] | [.Type,.Source,.Destination,.RW]')" = '["image","filled","/i",false]' ]
	refused 409 '' DELETE /images/filled
	refused 404 'No such image: nosuch:latest' POST /containers/create \
		'{"Image":"busybox","HostConfig":{"NetworkMode":"none","Mounts":[{"Type":"image","Source":"nosuch","Target":"/i"}]}}'
}

@test "whose the files are: uid and gid map owners both ways, and nothing is re-owned" {
	mkdir -m 755 "$BATS_TEST_TMPDIR/own"
	echo text >"$BATS_TEST_TMPDIR/own/file"
	chown -R 501:502 "$BATS_TEST_TMPDIR/own"
	bind="{\"Type\":\"bind\",\"Source\":\"$BATS_TEST_TMPDIR/own\",\"Target\":\"/d\",\"UID\":1000,\"GID\":1001}"
	id=$(api POST /containers/create "{\"Image\":\"busybox\",\"User\":\"1000:1001\",\"Cmd\":[\"sh\",\"-c\",\"stat -c %u:%g /d /d/file; echo new >/d/new; echo more >>/d/file\"],\"HostConfig\":{\"NetworkMode\":\"none\",$(mount "$bind")}}" | jq -r .Id)
	api POST "/containers/$id/start"
	[ "$(api POST "/containers/$id/wait" | jq .StatusCode)" = 0 ]
	[ "$(url "http://x/containers/$id/logs?stdout=1" --output - | frames)" = $'1000:1001\n1000:1001' ]
	[ "$(stat -c %u:%g "$BATS_TEST_TMPDIR/own" "$BATS_TEST_TMPDIR/own/file" "$BATS_TEST_TMPDIR/own/new" | sort -u)" = 501:502 ]
	# The other ids stay what they are, and the two have changed places.
	touch "$BATS_TEST_TMPDIR/own/roots" "$BATS_TEST_TMPDIR/own/other"
	chown 0:0 "$BATS_TEST_TMPDIR/own/roots"
	chown 1000:1001 "$BATS_TEST_TMPDIR/own/other"
	[ "$(run_with "$(mount "$bind")" stat -c %u:%g /d/roots /d/other)" = $'0:0\n501:502' ]
}

@test "uid and gid of volumes" {
	volume='{"Type":"volume","Source":"data","Target":"/d","UID":1000}'
	[ "$(run_with "$(mount "$volume")" sh -c 'stat -c %u:%g /d')" = 1000:0 ]
	[ "$(stat -c %u:%g "$(data_of data)")" = 0:0 ]
}

@test "a file system that cannot map owners is refused by name" {
	id=$(container '' "$(mount '{"Type":"bind","Source":"/proc","Target":"/d","UID":1000}')" true)
	refused 400 "map the mount's ids (does its file system have that?)" POST "/containers/$id/start"
}

@test "volumes-from: the other's mounts, read-only or not, and what the request says first" {
	mkdir "$BATS_TEST_TMPDIR/bind"
	echo bound >"$BATS_TEST_TMPDIR/bind/file"
	container giver "\"Binds\":[\"data:/d\",\"read:/r:ro\",\"$BATS_TEST_TMPDIR/bind:/b\",\"/anonymous\"],\"Tmpfs\":{\"/t\":\"\"}" true
	run_with '"VolumesFrom":["giver"]' sh -c 'echo text >/d/file; cat /b/file; ls -d /anonymous; ! touch /r/file'
	[ "$(cat "$(data_of data)/file")" = text ]
	run run_with '"VolumesFrom":["giver:ro"]' touch /d/new
	[[ "$output" == *"Read-only file system"* ]]
	[ "$(run_with '"VolumesFrom":["giver"],"Binds":["other:/d"]' ls /d)" = "" ]
	container second '"Binds":["second:/d"]' true
	echo second >"$(data_of second)/file"
	[ "$(run_with '"VolumesFrom":["giver","second"]' cat /d/file)" = second ]
	[ "$(run_with '"VolumesFrom":["second","giver"]' cat /d/file)" = text ]
	refused 400 'No such container: nosuch' POST /containers/create \
		'{"Image":"busybox","HostConfig":{"NetworkMode":"none","VolumesFrom":["nosuch"]}}'
	refused 400 'invalid mode for volumes-from: rx' POST /containers/create \
		'{"Image":"busybox","HostConfig":{"NetworkMode":"none","VolumesFrom":["giver:rx"]}}'
}

@test "an anonymous volume that another container has by volumes-from stays with it" {
	giver=$(container giver '"Binds":["/a"]' true)
	taker=$(container taker '"VolumesFrom":["giver"]' true)
	volume=$(names)
	api DELETE "/containers/$giver?v=1"
	eventually eval '[ ! -e "$WORK/data/containers/$giver" ]'
	[ "$(names)" = "$volume" ]
	api DELETE "/containers/$taker?v=1"
	eventually eval '[ "$(names)" = "" ]'
}

@test "a tmpfs has its size, mode and owner" {
	options='{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1048576,"Mode":448,"Options":[["uid","5"]]}}'
	[ "$(run_with "$(mount "$options")" sh -c 'stat -c %a:%u /t; df -k /t | tail -n 1' | awk '{print $1, $2}')" = $'700:5 \ntmpfs 1024' ]
}

@test "read-only goes down to the mounts beneath, unless that was asked not to be" {
	mkdir -p "$BATS_TEST_TMPDIR/top/below"
	command mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/top/below"
	bind() { mount "{\"Type\":\"bind\",\"Source\":\"$BATS_TEST_TMPDIR/top\",\"Target\":\"/d\",\"ReadOnly\":true,\"BindOptions\":{$1}}"; }
	try() { run_with "$(bind "$1")" sh -c 'touch /d/x 2>/dev/null && echo top; touch /d/below/x 2>/dev/null && echo below; true'; }
	deep=$(try '')
	flat=$(try '"ReadOnlyNonRecursive":true')
	forced=$(try '"ReadOnlyForceRecursive":true,"Propagation":"rprivate"')
	umount "$BATS_TEST_TMPDIR/top/below"
	[ "$deep" = "" ]
	[ "$flat" = below ]
	[ "$forced" = "" ]
}
