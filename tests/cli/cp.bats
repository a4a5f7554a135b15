#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container's files: cp, export, diff, commit. What docker's command line makes of the same is in tests/docker/cp.bats.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() {
	remove_containers
	berth volume prune -af >/dev/null
}

start() {
	berth run -d --network none "$@" >/dev/null
}

url() {
	curl -s --unix-socket "$WORK/run/berth.sock" "$@"
}

# What HEAD says of a path of the container box: "name mode linkTarget".
stat_of() {
	url --head "http://x/containers/box/archive?path=$1" | tr -d '\r' | sed -n 's/^X-Docker-Container-Path-Stat: //p' | base64 -d |
		jq -r '"\(.name) \(.mode) \(.linkTarget)"'
}

status_of() {
	url -o /dev/null -w '%{http_code}' "$@"
}

@test "a path's stat is in Go's terms" {
	start --name box busybox sh -c 'ln -s /etc/passwd /link; ln -s ../x/y /bin/dangling; mkfifo /pipe; mkdir -m 1777 /sticky; : >/set; chmod 4750 /set; sleep 1000'
	eventually berth cp box:/set -
	[ "$(stat_of /sticky)" = "sticky $((1 << 31 | 1 << 20 | 0777)) " ]
	[ "$(stat_of /sticky/)" = "sticky $((1 << 31 | 1 << 20 | 0777)) " ]
	[ "$(stat_of /sticky/.)" = ". $((1 << 31 | 1 << 20 | 0777)) " ]
	[ "$(stat_of /set)" = "set $((1 << 23 | 0750)) " ]
	[ "$(stat_of /link)" = "link $((1 << 27 | 0777)) /etc/passwd" ]
	[ "$(stat_of /bin/dangling)" = "dangling $((1 << 27 | 0777)) /x/y" ]
	[ "$(stat_of /pipe)" = "pipe $((1 << 25 | 0644)) " ]
	[ "$(stat_of /dev/null)" = "null $((1 << 26 | 1 << 21 | 0666)) " ]
	[ "$(status_of --head 'http://x/containers/box/archive?path=/nosuch')" = 404 ]
	[ "$(status_of 'http://x/containers/box/archive?path=')" = 400 ]
	[ "$(status_of 'http://x/containers/box/archive?path=/set/')" = 400 ]
	[ "$(status_of -X PUT -d x 'http://x/containers/box/archive?path=/set')" = 400 ]
	[ "$(url 'http://x/containers/box/archive?path=/nosuch' | jq -r .message)" = "Could not find the file /nosuch in container box" ]
	url -H 'Accept-Encoding: deflate;q=0, gzip' 'http://x/containers/box/archive?path=/sticky' | gunzip | tar t | grep -qx sticky/
}

@test "running, paused and stopped: volumes and tmpfs as the container sees them" {
	berth volume create data >/dev/null
	mkdir "$WORK/bound"
	echo bound >"$WORK/bound/file"
	start --name box -v data:/data -v "$WORK/bound:/bound:ro" --tmpfs /scratch busybox sh -c 'echo volume >/data/file; echo tmp >/scratch/file; ln /data/file /data/hard; sleep 1000'
	eventually berth cp box:/data/hard -
	echo new >"$BATS_TEST_TMPDIR/new"
	[ "$(berth cp box:/scratch/file - | tar xO)" = tmp ]
	berth cp "$BATS_TEST_TMPDIR/new" box:/scratch/new
	[ "$(berth exec box cat /scratch/new)" = new ]
	berth pause box >/dev/null
	berth cp "$BATS_TEST_TMPDIR/new" box:/data/paused
	[ "$(berth cp box:/data/file - | tar xO)" = volume ]
	berth unpause box >/dev/null
	berth cp box:/data "$BATS_TEST_TMPDIR/data"
	[ "$BATS_TEST_TMPDIR/data/file" -ef "$BATS_TEST_TMPDIR/data/hard" ]
	run -1 berth cp "$BATS_TEST_TMPDIR/new" box:/bound/new
	[[ "$output" == *"mounted volume is marked read-only"* ]]
	# The kernel's own files are no part of a whole container.
	berth cp box:/ "$BATS_TEST_TMPDIR/whole"
	[ -z "$(find "$BATS_TEST_TMPDIR/whole/proc" "$BATS_TEST_TMPDIR/whole/dev" -mindepth 1)" ]
	[ "$(cat "$BATS_TEST_TMPDIR/whole/bound/file")" = bound ]
	berth stop -t 0 box >/dev/null
	[ "$(berth cp box:/data/paused - | tar xO)" = new ]
	[ "$(berth cp box:/bound/file - | tar xO)" = bound ]
	run -1 berth cp "$BATS_TEST_TMPDIR/new" box:/bound/new
	[[ "$output" == *"mounted volume is marked read-only"* ]]
	run -1 berth cp box:/scratch/file -
	berth cp "$BATS_TEST_TMPDIR/new" box:/data/stopped
	[ "$(cat "$WORK/data/volumes/data/_data/stopped")" = new ]
	[ ! -e "$WORK/bound/new" ]
	run grep "$WORK/run/volumes" /proc/self/mountinfo; [ "$status" -eq 1 ]
	berth create --name fresh --read-only -v data:/new/place busybox >/dev/null
	[ "$(berth cp fresh:/new/place/stopped - | tar xO)" = new ]
	run -1 berth cp "$BATS_TEST_TMPDIR/new" fresh:/x
	[[ "$output" == *"container rootfs is marked read-only"* ]]
	[ "$(status_of -X PUT -d x 'http://x/containers/fresh/archive?path=/')" = 403 ]
}

# shellcheck disable=SC2016
@test "owners: numbers stay with -a, --chown knows the destination's names" {
	start --name box busybox sleep 1000
	mkdir "$BATS_TEST_TMPDIR/tree"
	echo own >"$BATS_TEST_TMPDIR/tree/file"
	chown 1234:5678 "$BATS_TEST_TMPDIR/tree/file"
	chmod 4755 "$BATS_TEST_TMPDIR/tree/file"
	setfattr -n user.colour -v blue "$BATS_TEST_TMPDIR/tree/file" 2>/dev/null || true
	berth cp -a "$BATS_TEST_TMPDIR/tree" box:/home
	[ "$(berth exec box stat -c '%u:%g %a' /home/tree/file)" = "1234:5678 4755" ]
	berth cp --chown 77 "$BATS_TEST_TMPDIR/tree" box:/srv
	[ "$(berth exec box stat -c '%u:%g' /srv/file)" = 77:0 ]
	run -1 berth cp --chown nosuch "$BATS_TEST_TMPDIR/tree" box:/x
	[[ "$output" == *"unable to find user nosuch: no matching entries in passwd file"* ]]
	berth cp box:/home/tree "$BATS_TEST_TMPDIR/plain"
	[ "$(stat -c '%u:%g %a' "$BATS_TEST_TMPDIR/plain/file")" = "0:0 755" ]
	berth cp -a box:/home/tree "$BATS_TEST_TMPDIR/kept"
	[ "$(stat -c '%u:%g %a' "$BATS_TEST_TMPDIR/kept/file")" = "1234:5678 4755" ]
	berth cp --chown nobody:42 box:/home/tree "$BATS_TEST_TMPDIR/given"
	[ "$(stat -c '%U:%g' "$BATS_TEST_TMPDIR/given/file")" = nobody:42 ]
	"$BATS_TEST_DIRNAME/../terminal" "$BERTH_BUILD/berth" cp box:/home/tree/file "$BATS_TEST_TMPDIR/said" <<-'END'
		expect Successfully copied
		status 0
	END
}

@test "owners in a user namespace are the container's" {
	berth run -d --name box --userns auto --network none busybox sh -c 'echo own >/own; chown 1000:1001 /own; sleep 1000' >/dev/null
	eventually berth cp box:/own -
	[ "$(berth cp box:/own - | tar tv --numeric-owner | cut -d' ' -f2)" = 1000/1001 ]
	echo new >"$BATS_TEST_TMPDIR/new"
	chown 33:44 "$BATS_TEST_TMPDIR/new"
	berth cp "$BATS_TEST_TMPDIR/new" box:/new
	[ "$(berth exec box stat -c '%u:%g' /new)" = 33:44 ]
	chown 700000 "$BATS_TEST_TMPDIR/new"
	run -1 berth cp "$BATS_TEST_TMPDIR/new" box:/other
	[[ "$output" == *"is not in the map of user ids"* ]]
	berth stop -t 0 box >/dev/null
	[ "$(berth cp box:/new - | tar tv --numeric-owner | cut -d' ' -f2)" = 33/44 ]
}

@test "export, diff and commit see what the container has changed, and no more" {
	berth volume create data >/dev/null
	start --name box -v data:/data busybox sh -c 'echo new >/new; rm /bin/vi; mkdir -p /a/b; echo x >/data/inner; chmod 700 /home; sleep 1000'
	eventually berth cp box:/data/inner -
	[ "$(berth diff box)" = "A /a
A /a/b
C /bin
D /bin/vi
A /data
C /home
A /new" ]
	berth export box | tar t >"$BATS_TEST_TMPDIR/exported"
	grep -qx new "$BATS_TEST_TMPDIR/exported"
	grep -qx data/ "$BATS_TEST_TMPDIR/exported"
	run grep -e data/inner -e "bin/vi$" -e "^dev/." "$BATS_TEST_TMPDIR/exported"; [ "$status" -eq 1 ]
	local id
	id=$(berth commit -a me -m words -c 'CMD ["cat","/new"]' -c 'ENV colour=blue' box copy:1)
	[ "$(berth inspect -f '{{.State.Status}}' box)" = running ]
	[ "$(berth run --rm copy:1)" = new ]
	[ "$(berth run --rm "$id" sh -c 'echo $colour; ls /data /bin/vi 2>&1; stat -c %a /home')" = "blue
ls: /bin/vi: No such file or directory
/data:
700" ]
	[ "$(berth inspect -f '{{len .RootFS.Layers}} {{.Author}}' copy:1)" = "2 me" ]
	berth history --no-trunc copy:1 | grep -q 'words'
	berth stop -t 0 box >/dev/null
	berth export -o "$BATS_TEST_TMPDIR/stopped" box
	tar tf "$BATS_TEST_TMPDIR/stopped" | grep -qx new
	# Nothing is changed: no layer.
	berth create --name idle busybox true >/dev/null
	berth commit idle same >/dev/null
	[ "$(berth inspect -f '{{len .RootFS.Layers}}' same)" = 1 ]
	run -1 berth commit -c 'FROM x' idle bad
	[[ "$output" == *"FROM is not a valid change command"* ]]
	run -1 berth commit idle Bad:name
	[[ "$output" == *"invalid reference format"* ]]
	[ "$(berth ps -as --filter name=box --format '{{.Size}}' | cut -d' ' -f1)" != 0B ]
	berth events --since 1h --until 0s --filter event=commit --filter container=box | grep -q 'imageRef=copy:1'
	berth rmi copy:1 same >/dev/null
}

@test "a container goes on after a commit, frozen meanwhile or not" {
	start --name box busybox sh -c 'i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.05; done'
	eventually berth cp box:/count -
	berth commit --pause=false box unpaused >/dev/null
	berth commit box paused >/dev/null
	local first
	first=$(berth exec box cat /count)
	moved() { [ "$(berth exec box cat /count)" != "$first" ]; }
	eventually moved
	berth rmi unpaused paused >/dev/null
}
