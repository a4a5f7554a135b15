#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Volumes exported, imported and cloned, by what is in them and while it changes.

load helpers
bats_require_minimum_version 1.5.0
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { clean_up; }

# A volume with files of all kinds.
make_full() {
	api POST /volumes/create "{\"Name\":\"$1\",\"Labels\":{\"a\":\"b\"}}"
	(
		cd "$(data_of "$1")"
		mkdir -p folder/inner
		chmod 1770 folder
		chown 7:8 . folder
		echo text >file
		chown 12:34 file
		chmod 4755 file
		ln file folder/twin
		ln -s /etc/shadow link
		mkfifo folder/pipe
		mknod folder/null c 1 3
		truncate -s 1M sparse
		echo whiteout >.wh.file
		printf 'odd\n' >"$(printf 'odd \n\377 name')"
		/usr/bin/python3 -c 'import os; os.setxattr("file", "user.note", b"kept")'
		touch -d @1000000000 file folder/inner
	)
}

content() {
	(cd "$1" && find . -printf '%P|%y|%m|%U:%G|%n|%l|%s|%Ts\n' | grep -av '^|' | grep -av '|[dp]|' | sort && find . -mindepth 1 -type d -printf '%P %m %U:%G\n' | sort &&
		sha256sum file sparse .wh.file && /usr/bin/python3 -c 'import os; print(os.getxattr("file", "user.note"))')
}

import() {
	url --fail-with-body -X PUT -H 'Content-Type: application/x-tar' -T - "http://x/volumes/$1/archive"
}

export_of() {
	url --fail-with-body "http://x/volumes/$1/archive"
}

@test "what is exported and imported is the same" {
	make_full data
	export_of data >"$BATS_TEST_TMPDIR/archive"
	tar -tf "$BATS_TEST_TMPDIR/archive" >/dev/null
	api POST /volumes/create '{"Name":"copy"}'
	import copy <"$BATS_TEST_TMPDIR/archive"
	[ "$(content "$(data_of copy)")" = "$(content "$(data_of data)")" ]
	[ "$(stat -c %u:%g "$(data_of copy)")" = 7:8 ]
	[ -p "$(data_of copy)/folder/pipe" ]
	[ "$(ls -A "$WORK/data/volumes/copy")" = _data ]
	# Compressed, too, and into a volume with content.
	echo old >"$(data_of copy)/file"
	echo own >"$(data_of copy)/own"
	gzip <"$BATS_TEST_TMPDIR/archive" | import copy
	[ "$(cat "$(data_of copy)/file" "$(data_of copy)/own")" = $'text\nown' ]
}

@test "a volume of another host's archive is read as tar makes it" {
	mkdir "$BATS_TEST_TMPDIR/there"
	echo text >"$BATS_TEST_TMPDIR/there/file"
	api POST /volumes/create '{"Name":"data"}'
	tar -C "$BATS_TEST_TMPDIR/there" -cf - . | import data
	[ "$(run_with '"Binds":["data:/d"]' cat /d/file)" = text ]
}

@test "an archive that is damaged or hostile leaves an empty volume empty" {
	make_full data
	export_of data >"$BATS_TEST_TMPDIR/archive"
	api POST /volumes/create '{"Name":"empty"}'
	head -c 4000 "$BATS_TEST_TMPDIR/archive" >"$BATS_TEST_TMPDIR/short"
	run import empty <"$BATS_TEST_TMPDIR/short"
	[ "$status" -ne 0 ]
	[[ "$output" == *"import into volume empty: "* ]]
	/usr/bin/python3 - "$BATS_TEST_TMPDIR/evil" <<-'END'
		import io, sys, tarfile
		with tarfile.open(sys.argv[1], "w") as archive:
		    archive.addfile(tarfile.TarInfo("good"), io.BytesIO(b""))
		    archive.addfile(tarfile.TarInfo("../../evil"), io.BytesIO(b""))
	END
	run import empty <"$BATS_TEST_TMPDIR/evil"
	[ "$status" -ne 0 ]
	[ -z "$(ls -A "$(data_of empty)")" ]
	[ "$(ls -A "$WORK/data/volumes/empty")" = _data ]
	run import nosuch <"$BATS_TEST_TMPDIR/archive"
	[[ "$output" == *"get nosuch: no such volume"* ]]
	refused 404 'get nosuch: no such volume' GET /volumes/nosuch/archive
}

@test "a clone has the same content, driver and labels, and is its own" {
	make_full data
	[ "$(api POST '/volumes/data/clone?to=copy' | jq -c '[.Name,.Driver,.Labels]')" = '["copy","local",{"a":"b"}]' ]
	[ "$(content "$(data_of copy)")" = "$(content "$(data_of data)")" ]
	echo new >"$(data_of copy)/file"
	[ "$(cat "$(data_of data)/file")" = text ]
	refused 409 'there is a volume of that name already' POST '/volumes/data/clone?to=copy'
	refused 409 'cannot be its own clone' POST '/volumes/data/clone?to=data'
	refused 404 'get nosuch: no such volume' POST '/volumes/nosuch/clone?to=new'
	refused 400 'includes invalid characters' POST '/volumes/data/clone?to=a%2Fb'
	refused 400 'query parameter to' POST /volumes/data/clone
	[ "$(names)" = "copy data " ]
}

@test "a volume that is a file system of its own is copied by its archive, not cloned" {
	api POST /volumes/create '{"Name":"data","DriverOpts":{"type":"tmpfs","device":"tmpfs"}}'
	id=$(container one '"Binds":["data:/d"]' sh -c 'echo text >/d/file; sleep 1000')
	api POST "/containers/$id/start"
	eventually eval '[ -s "$WORK/run/volumes/data/fs/file" ]'
	[ "$(export_of data | tar -xOf - file)" = text ]
	[ "$(export_of data | tar -tf - | tr '\n' ' ')" = "./ file " ]
	refused 409 'a file system of its own (type tmpfs)' POST '/volumes/data/clone?to=copy'
	[ "$(names)" = "data " ]
}

@test "a volume that changes while it is copied gives a whole archive and a whole clone" {
	api POST /volumes/create '{"Name":"data"}'
	id=$(container busy '"Binds":["data:/d"]' sh -c 'for i in $(seq 200); do echo $i >/d/kept$i; done; touch /d/ready; i=0; while true; do i=$((i+1)); echo $i >/d/new$((i%50)); mv /d/new$((i%50)) /d/moved$((i%50)); rm -f /d/moved$(((i+25)%50)); mkdir -p /d/dir$((i%9))/x; rm -rf /d/dir$(((i+4)%9)); done')
	api POST "/containers/$id/start"
	eventually test -e "$(data_of data)/ready"
	for round in 1 2 3 4 5; do
		export_of data | tar -tf - >"$BATS_TEST_TMPDIR/names"
		[ "$(grep -c kept "$BATS_TEST_TMPDIR/names")" = 200 ]
		api POST "/volumes/data/clone?to=copy$round" >/dev/null
		[ "$(cat "$(data_of "copy$round")"/kept* | wc -l)" = 200 ]
	done
}

@test "a volume that is being read cannot be removed, and a client that leaves harms nothing" {
	api POST /volumes/create '{"Name":"data"}'
	head -c 50000000 /dev/urandom >"$(data_of data)/file"
	curl -sS --unix-socket "$WORK/run/berth.sock" --limit-rate 1M http://x/volumes/data/archive -o "$BATS_TEST_TMPDIR/begun" >/dev/null 2>&1 3>&- &
	client=$!
	eventually test -s "$BATS_TEST_TMPDIR/begun"
	refused 409 'volume is in use - [another request]' DELETE /volumes/data
	kill "$client"
	eventually api DELETE /volumes/data
}
