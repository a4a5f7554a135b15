#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published attacks on copying from and to containers. What lies in a container, or is exchanged in it while the engine
# copies, leads to nothing of the host; nothing of a container is executed. The canary folder and the host's mounts are
# compared before and after each.

load ../helpers
load engine
bats_require_minimum_version 1.5.0

ROUNDS=10

setup_file() {
	engine_setup
	canary_setup secret
}
teardown_file() { engine_teardown; }

setup() {
	before=$(canary)
	mounts=$(host_mounts)
}

teardown() {
	stop_swapping
	[ "$(canary)" = "$before" ]
	remove_containers
	berth volume prune -af >/dev/null
	[ "$(host_mounts)" = "$mounts" ]
}

# A container that runs; ROOT is how the host sees its root.
victim() {
	berth run -d --name box --network none "$@" busybox sleep 1000 >/dev/null
	ROOT=/proc/$(berth inspect -f '{{.State.Pid}}' box)/root
}

# What is copied out, if anything is, is not the canary's.
kept_secret() {
	berth cp "$@" - >"$BATS_TEST_TMPDIR/copied" 2>/dev/null || true
	if grep -qa secret "$BATS_TEST_TMPDIR/copied"; then
		echo "the host's file came out: cp $*"
		return 1
	fi
}

@test "CVE-2018-15664, CVE-2019-10152, CVE-2019-18466: a folder that is exchanged for a link to the host" {
	victim
	mkdir -p "$ROOT/work/folder"
	echo own >"$ROOT/work/folder/file"
	ln -s "$CANARY" "$ROOT/work/link"
	echo new >"$BATS_TEST_TMPDIR/new"
	swapping "$ROOT/work/folder" "$ROOT/work/link"
	local i done=0
	for i in $(seq $ROUNDS); do
		kept_secret box:/work/folder/file
		kept_secret box:/work/.
		kept_secret -L box:/work/folder
		berth cp "$BATS_TEST_TMPDIR/new" box:/work/folder/new 2>/dev/null && done=1
		berth cp "$BATS_TEST_TMPDIR/new" "box:/work/folder/other$i" 2>/dev/null && done=1
	done
	[ $done = 1 ]
	stop_swapping
	berth cp box:/work "$BATS_TEST_TMPDIR/out"
	[ -z "$(find "$BATS_TEST_TMPDIR/out" -name file -exec grep -l secret {} +)" ]
}

@test "CVE-2019-10152: links of a stopped container lead nowhere outside" {
	victim
	ln -s "$CANARY" "$ROOT/link"
	ln -s "$CANARY/file" "$ROOT/filelink"
	ln -s ../../../../../../../../../../../.."$CANARY" "$ROOT/up"
	berth stop -t 0 box >/dev/null
	local path
	for path in /link/file /link/. /up/file /up/. /filelink/; do
		run -1 berth cp "box:$path" -
		[[ "$output" == *"Could not find the file $path in container box"* || "$output" == *"not a directory"* ]]
	done
	echo new >"$BATS_TEST_TMPDIR/new"
	run -1 berth cp "$BATS_TEST_TMPDIR/new" box:/link/new
	run -1 berth cp "$BATS_TEST_TMPDIR/new" box:/up/new
	# A link that leads to nothing in the container: its target cannot be made.
	run -1 berth cp "$BATS_TEST_TMPDIR/new" box:/filelink
	[ "$(berth cp box:/filelink - | tar tv | sed 's/.*-> //')" = "$CANARY/file" ]
}

@test "CVE-2026-41568, CVE-2026-42306: the place of a volume is exchanged while a stopped container's is mounted" {
	berth volume create shared >/dev/null
	berth volume create inner >/dev/null
	local data=$WORK/data/volumes/shared/_data i
	berth run --rm --network none -v inner:/inner busybox sh -c 'echo inner >/inner/file'
	berth create --name box -v shared:/shared -v inner:/shared/folder/inner busybox >/dev/null
	mkdir -p "$data/folder"
	ln -s "$CANARY" "$data/link"
	echo new >"$BATS_TEST_TMPDIR/new"
	swapping "$data/folder" "$data/link"
	for i in $(seq $ROUNDS); do
		kept_secret box:/shared/folder/inner
		berth cp "$BATS_TEST_TMPDIR/new" "box:/shared/folder/inner/new$i" 2>/dev/null || true
	done
	stop_swapping
	[ "$(host_mounts)" = "$mounts" ]
}

@test "what something is mounted on is neither replaced nor unmounted" {
	berth volume create inner >/dev/null
	victim -v inner:/place/inner
	local table
	table=$(cut -d' ' -f5 "$ROOT/proc/1/mountinfo" 2>/dev/null || cut -d' ' -f5 "/proc/$(berth inspect -f '{{.State.Pid}}' box)/mountinfo")
	echo new >"$BATS_TEST_TMPDIR/hosts"
	run -1 berth cp "$BATS_TEST_TMPDIR/hosts" box:/etc/hosts
	[[ "$output" == *"something is mounted there"* ]]
	# Without noOverwriteDirNonDir, as others than docker cp ask: a file in the place of a folder with mounts in it.
	for name in etc place; do
		echo new >"$BATS_TEST_TMPDIR/$name"
		tar -C "$BATS_TEST_TMPDIR" -c "$name" | curl -s -o "$BATS_TEST_TMPDIR/answer" -X PUT -T - \
			--unix-socket "$WORK/run/berth.sock" 'http://x/containers/box/archive?path=/'
		grep -q 'mounted' "$BATS_TEST_TMPDIR/answer"
	done
	[ "$table" = "$(cut -d' ' -f5 "/proc/$(berth inspect -f '{{.State.Pid}}' box)/mountinfo")" ]
}

@test "CVE-2019-14271: libraries of a container are not loaded" {
	victim
	cat >"$BATS_TEST_TMPDIR/evil.c" <<-END
		#include <fcntl.h>
		#include <unistd.h>
		__attribute__((constructor)) static void run(void) { close(open("$CANARY/loaded", O_CREAT | O_WRONLY, 0600)); }
	END
	cc -shared -fPIC -o "$BATS_TEST_TMPDIR/evil.so" "$BATS_TEST_TMPDIR/evil.c"
	local folder name
	for folder in lib lib64 usr/lib lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu/gconv; do
		mkdir -p "$ROOT/$folder"
		for name in libnss_files.so.2 libnss_compat.so.2 libnss_dns.so.2 libnss_db.so.2 libgcc_s.so.1 UTF-16.so ISO8859-1.so; do
			cp "$BATS_TEST_TMPDIR/evil.so" "$ROOT/$folder/$name"
		done
	done
	echo 'passwd: db compat' >"$ROOT/etc/nsswitch.conf"
	mkdir "$ROOT/$(printf '\366\344')"
	berth cp box:/etc - | tar t >/dev/null
	berth cp --chown root:root "$BATS_TEST_TMPDIR/evil.c" box:/tmp/x
	run -1 berth cp --chown nobody-such "$BATS_TEST_TMPDIR/evil.c" box:/tmp/y
	[[ "$output" == *"unable to find user nobody-such"* ]]
	berth export box | tar t >/dev/null
	run grep -a evil "/proc/$(cat "$WORK/pid")/maps"; [ "$status" -eq 1 ]
	berth stop -t 0 box >/dev/null
	berth cp --chown root "$BATS_TEST_TMPDIR/evil.c" box:/tmp/z
	berth cp box:/tmp - | tar t | grep -qx tmp/z
}

@test "CVE-2026-41567: programs of a container are not executed to unpack an archive" {
	victim
	local name how
	for name in xz unxz gzip gunzip unpigz pigz bzip2 bunzip2 zstd unzstd tar docker-untar; do
		rm -f "$ROOT/bin/$name"
		printf '#!/bin/sh\ntouch /ran %s/ran\n' "$CANARY" >"$ROOT/bin/$name"
		chmod 755 "$ROOT/bin/$name"
	done
	echo new >"$BATS_TEST_TMPDIR/new"
	for how in --gzip --xz --bzip2 --zstd; do
		tar -C "$BATS_TEST_TMPDIR" $how -c new | berth cp - box:/tmp
		[ "$(berth cp box:/tmp/new - | tar xO)" = new ]
		rm "$ROOT/tmp/new"
	done
	[ ! -e "$ROOT/ran" ]
}

@test "CVE-2021-41089: what is made is exchanged for a link before it gets its mode" {
	victim
	mkdir "$ROOT/work"
	ln -s "$CANARY/file" "$ROOT/work/link"
	mkfifo -m 777 "$BATS_TEST_TMPDIR/pipe"
	tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/pipe.tar" pipe
	swapping "$ROOT/work/pipe" "$ROOT/work/link"
	local i
	for i in $(seq $((2 * ROUNDS))); do
		berth cp - box:/work <"$BATS_TEST_TMPDIR/pipe.tar" 2>/dev/null || true
	done
	stop_swapping
	# Hard links and links of the source itself.
	mkdir "$BATS_TEST_TMPDIR/source"
	ln "$CANARY/file" "$BATS_TEST_TMPDIR/source/hard"
	ln -s "$CANARY/file" "$BATS_TEST_TMPDIR/source/soft"
	berth cp "$BATS_TEST_TMPDIR/source" box:/copied
	berth cp box:/copied "$BATS_TEST_TMPDIR/back"
	rm "$BATS_TEST_TMPDIR/source/hard"
	[ ! "$BATS_TEST_TMPDIR/back/hard" -ef "$CANARY/file" ]
}

@test "CVE-2021-32760, CVE-2018-15664: entries of an archive through links that it brings along" {
	victim
	/usr/bin/python3 - "$CANARY" >"$BATS_TEST_TMPDIR/evil.tar" <<-'END'
		import io, sys, tarfile
		out = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
		def add(name, kind=tarfile.REGTYPE, link="", data=b"", mode=0o777):
		    entry = tarfile.TarInfo(name)
		    entry.type, entry.linkname, entry.size, entry.mode = kind, link, len(data), mode
		    out.addfile(entry, io.BytesIO(data))
		add("link", tarfile.SYMTYPE, sys.argv[1])
		add("link/file", data=b"evil")
		add("link/made", data=b"evil")
		add("up", tarfile.SYMTYPE, "../../../../../../../../../../.." + sys.argv[1])
		add("up/file", data=b"evil")
		out.close()
	END
	mkdir -p "$ROOT$CANARY"
	berth cp - box:/tmp <"$BATS_TEST_TMPDIR/evil.tar"
	[ "$(cat "$ROOT$CANARY/file")" = evil ] # in the container
	/usr/bin/python3 - >"$BATS_TEST_TMPDIR/dots.tar" <<-'END'
		import sys, tarfile
		out = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
		out.addfile(tarfile.TarInfo("a/../../../x"))
		out.close()
	END
	run -1 berth cp - box:/tmp <"$BATS_TEST_TMPDIR/dots.tar"
	[[ "$output" == *"would lead out of the root"* ]]
}

@test "deep folders, long paths and a client that leaves bound what the engine does" {
	victim
	berth exec box sh -c 'cd /tmp; for i in $(seq 300); do mkdir d && cd d || exit 1; done'
	run berth cp box:/tmp "$BATS_TEST_TMPDIR/deep"
	[ "$status" -ne 0 ]
	berth exec box sh -c 'dd if=/dev/zero of=/big bs=1M count=1 2>/dev/null; truncate -s 4398046511104 /big'
	timeout 2 "$BERTH_BUILD/berth" cp box:/big - | head -c 1000 >/dev/null || true
	berth diff box >/dev/null || true
	threads_back() { [ "$(find "/proc/$(cat "$WORK/pid")/task" -maxdepth 1 | wc -l)" -lt 30 ]; }
	eventually threads_back
	berth ps -s >/dev/null
}
