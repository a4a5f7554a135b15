# SPDX-License-Identifier: Apache-2.0
# Images of programs that the host has, for tests of what people run in containers.

# image_of NAME FILE...: an image of the host's files, of their libraries and of a few files that all need.
image_of() {
	local name=$1 root file
	shift
	root=$(mktemp -d "$BATS_FILE_TMPDIR/root-XXXXXX")
	mkdir -p "$root/etc" "$root/tmp" "$root/run" "$root/var/log/nginx" "$root/var/lib/nginx" "$root/bin"
	chmod 755 "$root"
	chmod 1777 "$root/tmp" "$root/run"
	printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\nwww-data:x:33:33::/:/bin/sh\npostgres:x:70:70::/tmp:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\nwww-data:x:33:\npostgres:x:70:\n' >"$root/etc/group"
	cp /bin/busybox "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	for file in "$@"; do
		echo "$file"
		[ -d "$file" ] || ldd "$file" | grep -o '/[^ ]*'
	done | sort -u | sed 's|^/||' | tar -C / -chf - -T - | tar -C "$root" -xf -
	# the loader by its name, wherever the host has it
	mkdir -p "$root/lib64"
	cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/" 2>/dev/null || true
	tar -C "$root" -c . | berth import - "$name" >/dev/null
	rm -rf "$root"
}
