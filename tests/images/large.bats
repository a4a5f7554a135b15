#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images as they are in earnest: Debian, a hundred thousand files, one file of a gigabyte. There and back through a
# registry; what is unpacked is compared with what umoci unpacks, or with what it was made from.

load helpers

FILES=100000
PEAK=40000 # kB that the engine may have resident while it pulls

setup_file() {
	images_setup
	debian_registry plain
}
teardown_file() { images_teardown; }
teardown() {
	remove_containers
	forget_images
	rm -rf "${BATS_TEST_TMPDIR:?}"/*
}

# The folder of an image of one layer.
layer_folder() {
	echo "$WORK/data/snapshots/$(berth image inspect --format '{{index .RootFS.Layers 0}}' "$1" | tr : -)/fs"
}

# Pulls an image that is not here, and looks at the engine's peak: the kernel's mark is set back before.
pull_within_peak() {
	echo 5 >"/proc/$(cat "$WORK/pid")/clear_refs"
	berth pull -q "$1"
	local peak
	peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$(cat "$WORK/pid")/status")
	echo "peak: $peak kB"
	[ "$peak" -lt "$PEAK" ]
}

compare_with_umoci() {
	copy "docker://$1" "oci:$BATS_TEST_TMPDIR/layout:box"
	umoci unpack --image "$BATS_TEST_TMPDIR/layout:box" "$BATS_TEST_TMPDIR/bundle" >/dev/null
	"$BATS_TEST_DIRNAME/tree" "$BATS_TEST_TMPDIR/bundle/rootfs" >"$BATS_TEST_TMPDIR/umoci"
	"$BATS_TEST_DIRNAME/tree" "$(layer_folder "$1")" >"$BATS_TEST_TMPDIR/ours"
	diff "$BATS_TEST_TMPDIR/umoci" "$BATS_TEST_TMPDIR/ours"
}

@test "image bootstrap debian makes a base image from the distribution's mirror, which is pushed and pulled" {
	local mirror digest
	mirror=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | head -n 1)
	curl -sfI --max-time 20 "$mirror/dists/bookworm/InRelease" >/dev/null || skip "the mirror $mirror does not answer"
	berth image bootstrap debian:bookworm
	berth tag debian:bookworm "$PLAIN/debian:1"
	berth push -q "$PLAIN/debian:1"
	digest=$(remote_digest "$PLAIN/debian:1")
	berth rmi "$PLAIN/debian:1" debian:bookworm >/dev/null
	pull_within_peak "$PLAIN/debian:1"
	[ "$(berth images --digests --format '{{.Digest}}' "$PLAIN/debian")" = "$digest" ]
	[ "$(wc -l < <(find "$(layer_folder "$PLAIN/debian:1")"))" -ge 5000 ]
	compare_with_umoci "$PLAIN/debian:1"
	[ "$(berth image inspect -f '{{.Os}}' "$PLAIN/debian:1")" = linux ]
	berth run --rm --network none "$PLAIN/debian:1" grep -q '^VERSION_CODENAME=bookworm' /etc/os-release
	berth run --rm --network none "$PLAIN/debian:1" dpkg -l apt >/dev/null
}

@test "a hundred thousand files" {
	local tar="$BATS_TEST_TMPDIR/many.tar"
	FILES=$FILES /usr/bin/python3 - "$tar" <<-'EOF'
		import io, os, sys, tarfile
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
		    def add(name, kind, content=b"", mode=0o644):
		        entry = tarfile.TarInfo(name)
		        entry.type, entry.size, entry.mode, entry.mtime = kind, len(content), mode, 1700000000
		        tar.addfile(entry, io.BytesIO(content))
		    add(".", tarfile.DIRTYPE, mode=0o755)
		    for number in range(int(os.environ["FILES"])):
		        if number % 100 == 0:
		            add(f"d{number // 100}", tarfile.DIRTYPE, mode=0o755)
		        add(f"d{number // 100}/f{number}", tarfile.REGTYPE, f"{number}\n".encode())
	EOF
	berth import "$tar" "$PLAIN/many:1" >/dev/null
	berth push -q "$PLAIN/many:1"
	berth rmi "$PLAIN/many:1" >/dev/null
	pull_within_peak "$PLAIN/many:1"
	[ "$(find "$(layer_folder "$PLAIN/many:1")" -type f | wc -l)" -eq "$FILES" ]
	compare_with_umoci "$PLAIN/many:1"
}

@test "one file of a gigabyte" {
	local folder="$BATS_TEST_TMPDIR/big" sum
	mkdir "$folder"
	openssl enc -aes-128-ctr -pass pass:big -nosalt -in /dev/zero 2>/dev/null | head -c 1G >"$folder/big"
	sum=$(sha256sum <"$folder/big")
	tar -C "$folder" -cf - . | berth import - "$PLAIN/big:1" >/dev/null
	rm "$folder/big"
	berth push -q "$PLAIN/big:1"
	berth rmi "$PLAIN/big:1" >/dev/null
	pull_within_peak "$PLAIN/big:1"
	[ "$(sha256sum <"$(layer_folder "$PLAIN/big:1")/big")" = "$sum" ]
}
