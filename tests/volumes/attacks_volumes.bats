#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published attacks that concern volumes, each by its identifier: what a container or an image has left in a volume, or
# exchanges while the engine works on it, leads nothing of the engine's to the host.

load helpers
load ../attacks/engine
bats_require_minimum_version 1.5.0

setup_file() {
	engine_setup
	canary_setup secret
}
teardown_file() { engine_teardown; }
setup() { before=$(canary); }
teardown() {
	stop_swapping
	[ "$(canary)" = "$before" ]
	clean_up
}

# An image "evil" of what lies in the folder.
image_of() {
	cp "$(command -v busybox)" "$1/busybox"
	tar -C "$1" -c . |
		url -X POST -H 'Content-Type: application/x-tar' --data-binary @- 'http://x/images/create?fromSrc=-&repo=evil' >/dev/null
}

evil() {
	url -X POST -H 'Content-Type: application/json' -d "{\"Image\":\"evil\",\"Cmd\":[\"/busybox\",\"true\"],$1}" http://x/containers/create
}

@test "CVE-2020-1726: a volume with content is not overwritten by an image" {
	local root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/data/folder"
	echo image >"$root/data/file"
	echo image >"$root/data/folder/inner"
	image_of "$root"
	api POST /volumes/create '{"Name":"data"}'
	echo own >"$(data_of data)/file"
	chown 5:6 "$(data_of data)"
	evil '"HostConfig":{"NetworkMode":"none","Binds":["data:/data"]}'
	[ "$(ls -A "$(data_of data)")" = file ]
	[ "$(cat "$(data_of data)/file")" = own ]
	[ "$(stat -c %u:%g "$(data_of data)")" = 5:6 ]
	# Hidden names are content, too.
	api POST /volumes/create '{"Name":"hidden"}'
	touch "$(data_of hidden)/.hidden"
	evil '"HostConfig":{"NetworkMode":"none","Binds":["hidden:/data"]}'
	[ "$(ls -A "$(data_of hidden)")" = .hidden ]
}

@test "CVE-2022-23648: an image's volume that leads out of the root brings nothing of the host" {
	local root=$BATS_TEST_TMPDIR/root up=../../../../../../../../../../..
	mkdir -p "$root/way"
	ln -s "$CANARY" "$root/absolute"
	ln -s "$up$CANARY" "$root/relative"
	ln -s "/proc/self/root$CANARY" "$root/magic"
	ln -s "$CANARY" "$root/way/folder"
	image_of "$root"
	for place in "/$up$CANARY" /absolute /relative /magic /way/folder; do
		id=$(evil "\"Volumes\":{\"$place\":{}},\"HostConfig\":{\"NetworkMode\":\"none\"}" | jq -r .Id)
		[ -z "$(find "$WORK/data/volumes" -name file)" ]
		[ "$id" = null ] || api DELETE "/containers/$id?v=1&force=1"
	done
	# Links within what is copied are copied as links.
	mkdir "$root/data"
	ln -s "$CANARY/file" "$root/data/link"
	image_of "$root"
	evil '"HostConfig":{"NetworkMode":"none","Binds":["data:/data"]}'
	[ "$(readlink "$(data_of data)/link")" = "$CANARY/file" ]
}

@test "CVE-2019-16884 CVE-2019-19921: no volume lies over /proc, by whatever name" {
	for place in /proc /proc/self/attr /proc/sys /x/../proc; do
		refused 400 'nothing may be mounted over /proc' POST /containers/create \
			"{\"Image\":\"busybox\",\"Volumes\":{\"$place\":{}},\"HostConfig\":{\"NetworkMode\":\"none\"}}"
		for type in volume image; do
			refused 400 'nothing may be mounted over /proc' POST /containers/create \
				"{\"Image\":\"busybox\",\"HostConfig\":{\"NetworkMode\":\"none\",$(mount "{\"Type\":\"$type\",\"Source\":\"busybox\",\"Target\":\"$place\"}")}}"
		done
	done
	[ "$(names)" = "" ]
}

@test "CVE-2023-0778: what is exchanged for links while a volume is exported is not the host's" {
	api POST /volumes/create '{"Name":"data"}'
	local data
	data=$(data_of data)
	mkdir -p "$data/in/folder"
	for number in $(seq 30); do echo own >"$data/in/folder/file$number"; done
	echo own >"$data/in/folder/file"
	ln -s "$CANARY" "$data/in/link"
	echo own >"$data/one"
	ln -s "$CANARY/file" "$data/other"
	swapping "$data/in/folder" "$data/in/link"
	"$BERTH_BUILD/tests/attacks/attacker" swap "$data/one" "$data/other" >/dev/null 2>&1 3>&- &
	second=$!
	for _ in $(seq 40); do
		url http://x/volumes/data/archive >"$BATS_TEST_TMPDIR/archive"
		tar -tf "$BATS_TEST_TMPDIR/archive" >/dev/null
		tar -xOf "$BATS_TEST_TMPDIR/archive" >"$BATS_TEST_TMPDIR/content"
		run ! grep -aq secret "$BATS_TEST_TMPDIR/content"
	done
	for number in $(seq 10); do
		url -X POST "http://x/volumes/data/clone?to=copy$number" >/dev/null
	done
	end "$second"
	stop_swapping
	[ -z "$(find "$WORK/data/volumes" -type f -exec grep -l secret {} +)" ]
}

@test "CVE-2025-64507: the host's users reach no set-user-id program in a volume" {
	api POST /volumes/create '{"Name":"plain"}'
	api POST /volumes/create '{"Name":"mounted","DriverOpts":{"type":"tmpfs","device":"tmpfs"}}'
	id=$(container one '"Binds":["plain:/p","mounted:/m"]' sh -c 'for d in p m; do cp /bin/busybox /$d/id; chmod 4755 /$d/id; chmod 777 /$d; done; sleep 1000')
	api POST "/containers/$id/start"
	eventually test -u "$WORK/run/volumes/mounted/fs/id"
	chmod 755 "$WORK" # a data root that anybody may pass
	for path in "$(data_of plain)/id" "$WORK/run/volumes/mounted/fs/id"; do
		[ -u "$path" ]
		run setpriv --reuid 12345 --regid 12345 --clear-groups sh -c "$path"
		echo "$status $output"
		[ "$status" -ne 0 ]
		[[ "$output" == *"Permission denied"* ]]
	done
	chmod 700 "$WORK"
	grep -F "$WORK/run/volumes/mounted/fs" /proc/self/mountinfo | grep -q nosuid
}

@test "CVE-2025-9566: what is written into a volume follows no link that was left there" {
	api POST /volumes/create '{"Name":"data"}'
	ln -s "$CANARY/file" "$(data_of data)/file"
	ln -s "$CANARY" "$(data_of data)/folder"
	mkdir -p "$BATS_TEST_TMPDIR/new/folder"
	echo new >"$BATS_TEST_TMPDIR/new/file"
	echo new >"$BATS_TEST_TMPDIR/new/folder/file"
	chmod 777 "$BATS_TEST_TMPDIR/new/folder"
	tar -C "$BATS_TEST_TMPDIR/new" -cf - . |
		url -X PUT -H 'Content-Type: application/x-tar' -T - http://x/volumes/data/archive
	[ "$(cat "$(data_of data)/file")" = new ]
	[ ! -L "$(data_of data)/file" ]
	# Nor does an archive that brings its own link.
	/usr/bin/python3 - "$BATS_TEST_TMPDIR/evil" "$CANARY" <<-'END'
		import io, sys, tarfile
		with tarfile.open(sys.argv[1], "w") as archive:
		    link = tarfile.TarInfo("out")
		    link.type, link.linkname = tarfile.SYMTYPE, sys.argv[2]
		    archive.addfile(link)
		    for name in ("out/file", "out/new"):
		        entry = tarfile.TarInfo(name)
		        entry.size = 4
		        archive.addfile(entry, io.BytesIO(b"evil"))
	END
	url -X PUT -H 'Content-Type: application/x-tar' -T - http://x/volumes/data/archive <"$BATS_TEST_TMPDIR/evil"
	[ ! -e "$CANARY/new" ]
}

@test "CVE-2021-30465: a part of a volume that is exchanged for a link while containers start is not the host's" {
	api POST /volumes/create '{"Name":"data"}'
	local data refusals=0
	data=$(data_of data)
	mkdir "$data/part"
	echo own >"$data/part/file"
	ln -s "$CANARY" "$data/link"
	id=$(container part "$(mount '{"Type":"volume","Source":"data","Target":"/d","VolumeOptions":{"Subpath":"part"}}')" sh -c 'cat /d/file; echo x >>/d/file')
	swapping "$data/part" "$data/link"
	for _ in $(seq 25); do
		if api POST "/containers/$id/start" >/dev/null 2>&1; then
			api POST "/containers/$id/wait" >/dev/null
		else
			refusals=$((refusals + 1))
		fi
	done
	echo "refused $refusals of 25"
	[ "$refusals" -lt 25 ]
	url "http://x/containers/$id/logs?stdout=1&stderr=1" --output "$BATS_TEST_TMPDIR/said"
	run ! grep -aq secret "$BATS_TEST_TMPDIR/said"
}
