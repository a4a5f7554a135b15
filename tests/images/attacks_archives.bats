#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published attacks by archives of images and by layers. A folder of the host is what they aim at; whatever becomes of
# the archive, it must be what it was.

bats_require_minimum_version 1.5.0
load ../helpers

setup_file() {
	engine_setup
	mkdir -p "$WORK/canary/inner"
	echo safe >"$WORK/canary/file"
	chmod 640 "$WORK/canary/file"
	chmod 750 "$WORK/canary"
	canary >"$WORK/before"
}

teardown_file() { engine_teardown; }

setup() {
	hostile=$BATS_TEST_DIRNAME/hostile compression=
	out=$BATS_TEST_TMPDIR/out.tar
}

teardown() {
	canary | diff "$WORK/before" -
	engine_answers >/dev/null
	rm -f "$out"
}

canary() {
	find "$WORK/canary" -printf '%P %m %u %g %s %T@ %n %y\n' | sort
	cat "$WORK/canary/file"
}

# Loads each of the attacks. What is loaded all the same is removed again, with the canary behind it looked at.
try() {
	local attack
	for attack; do
		"$hostile" "$attack" "$WORK/canary" "$out" "$compression"
		run berth load -i "$out"
		echo "$attack: $output"
		[ "$status" -eq 0 ] || [[ "$output" == *"layer "*"entry "* ]]
		canary | diff "$WORK/before" -
		berth rmi -f "hostile:$attack" >/dev/null 2>&1 || true
		canary | diff "$WORK/before" -
	done
}

refused() {
	local attack
	for attack; do
		"$hostile" "$attack" "$WORK/canary" "$out"
		run -1 berth load -i "$out"
		[[ "$output" == *"layer "*"entry "* ]]
	done
}

nothing_left() {
	[ -z "$(ls -A "$WORK/data/blobs/ingest")" ]
	run -0 berth system check
	[ "$(berth images -q | wc -l)" -eq 1 ]
}

peak() {
	awk '/^VmHWM/ {print $2}' "/proc/$(cat "$WORK/pid")/status"
}

# For sanitizers, which need memory of their own, the rise is what counts.
bounded() {
	[ $(($(peak) - before)) -lt 60000 ]
}

@test "CVE-2014-6407 CVE-2014-9356: links in layers lead out of the root" {
	try symlink-absolute symlink-up symlink-below hardlink-through
	refused hardlink-up hardlink-absolute
	nothing_left
}

@test "CVE-2014-9357: the same in layers that are compressed by xz" {
	compression=xz try symlink-absolute symlink-up hardlink-absolute name-up
	nothing_left
}

@test "CVE-2020-10696: names in layers lead out of the root" {
	refused name-up name-middle whiteout-up whiteout-dots
	try name-absolute whiteout-through
	nothing_left
}

@test "CVE-2021-29136: the root of a layer is a link" {
	refused root-link root-link-slash
	nothing_left
}

@test "CVE-2021-32760: a mode for what lies behind a link" {
	try mode-through mode-within
	nothing_left
}

@test "CVE-2025-47290: layers exchange a folder for a link, while others are unpacked" {
	local i pids=()
	"$hostile" swap "$WORK/canary" "$out"
	for i in 1 2 3 4 5 6; do
		berth load -i "$out" >"$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	canary | diff "$WORK/before" -
	berth rmi hostile:swap >/dev/null 2>&1 || true
	nothing_left
}

@test "CVE-2017-14992: an archive that is a bomb of zeros" {
	before=$(peak)
	dd if=/dev/zero bs=1M count=2048 status=none | gzip -1 >"$out"
	run -1 timeout 60 "$BERTH_BUILD/berth" load -i "$out"
	[[ "$output" == *"behind its end"* ]]
	bounded
	nothing_left
}

@test "CVE-2023-25153: a document in an archive is endless" {
	before=$(peak)
	mkdir "$BATS_TEST_TMPDIR/layout"
	truncate -s 1G "$BATS_TEST_TMPDIR/layout/index.json"
	tar -C "$BATS_TEST_TMPDIR/layout" -c index.json | gzip -1 >"$out"
	run -1 timeout 60 "$BERTH_BUILD/berth" load -i "$out"
	[[ "$output" == *"index.json is larger than 4194304 bytes"* ]]
	bounded
	nothing_left
}

@test "CVE-2021-20291: a layer that ends early keeps nobody waiting" {
	local how
	for how in xz gzip; do
		"$hostile" name-absolute "$WORK/canary" "$BATS_TEST_TMPDIR/whole.tar" "$how"
		mkdir -p "$BATS_TEST_TMPDIR/parts"
		tar -C "$BATS_TEST_TMPDIR/parts" -xf "$BATS_TEST_TMPDIR/whole.tar"
		truncate -s -12 "$BATS_TEST_TMPDIR/parts/0/layer.tar"
		tar -C "$BATS_TEST_TMPDIR/parts" -cf "$out" .
		run -1 timeout 30 "$BERTH_BUILD/berth" load -i "$out"
		[[ "$output" == *"image "*"layer 1: "* ]]
	done
	nothing_left
	"$hostile" name-absolute "$WORK/canary" "$out"
	berth load -i "$out"
	berth rmi hostile:name-absolute
}

@test "CVE-2026-48749 CVE-2026-48750: files of the archive itself are links to the host" {
	cd "$BATS_TEST_TMPDIR"
	ln -s "$WORK/canary/file" manifest.json
	tar -cf "$out" manifest.json
	run -1 berth load -i "$out"
	[[ "$output" == *"has no "*"manifest.json"* ]] || [[ "$output" == *"archive has no"* ]]
	rm manifest.json
	mkdir x
	"$hostile" name-absolute "$WORK/canary" whole.tar
	tar -C x -xf whole.tar
	rm x/0/layer.tar
	cp whole.tar "$WORK/layer-of-the-host.tar"
	ln -s "$WORK/layer-of-the-host.tar" x/0/layer.tar
	tar -C x -cf "$out" .
	run -1 berth load -i "$out"
	[[ "$output" == *"has no "* ]]
	rm x/0/layer.tar "$WORK/layer-of-the-host.tar"
	nothing_left
}

@test "CVE-2021-41091: an ordinary user reaches no file of a layer" {
	chmod 755 "$WORK"
	run setpriv --reuid 65534 --regid 65534 --clear-groups find "$WORK/data/snapshots" "$WORK/data/blobs" -type f
	chmod 700 "$WORK"
	[[ "$output" == *"Permission denied"* ]]
	[[ "$output" != *"/fs/"* ]]
	[ "$(stat -c %a "$WORK/data")" = 711 ]
	[ "$(stat -c %a "$WORK/data/snapshots")" = 700 ]
	[ "$(stat -c %a "$WORK/data/blobs/sha256")" = 700 ]
}

@test "CVE-2026-50195: names in what is imported mean nothing" {
	local id
	id=$(berth images -q --no-trunc busybox)
	"$hostile" name-absolute "$WORK/canary" "$out"
	mkdir "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -xf "$out"
	sed -i 's/hostile:name-absolute/busybox:latest/' "$BATS_TEST_TMPDIR/root/manifest.json"
	tar -C "$BATS_TEST_TMPDIR/root" -c . | berth import - imported:1
	[ "$(berth images -q --no-trunc busybox)" = "$id" ]
	berth rmi imported:1
}
