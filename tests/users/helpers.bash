# SPDX-License-Identifier: Apache-2.0
# What the suites of real users of a runtime share: Debian's Docker, Podman and containerd, each with roots of its own,
# run their containers by berth-runtime. $work is a folder of the file, $cgroup the name of the groups' parent.

bats_require_minimum_version 1.5.0
BERTH_BUILD=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build}
PATIENCE=60 # seconds until a wait gives up; a virtual machine is slow

# Skips the test when a program is not installed. (In setup: a file cannot be skipped as one.)
needs() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

has() {
	command -v "$1" >/dev/null
}

make_work() {
	runtime=$(realpath "$BERTH_BUILD/berth-runtime")
	[ -x "$runtime" ]
	work=$(mktemp -d "${TMPDIR:-/tmp}/berth-users-XXXXXX")
	[ ! -w "${BERTH_TESTS_JOURNAL:-}" ] || echo "folder $work" >>"$BERTH_TESTS_JOURNAL"
	cgroup=$(basename "$work")
	export runtime work cgroup BERTH_BUILD
	chmod 755 "$work"
}

# A root of busybox with a second user, in a group and a further one.
make_root() {
	mkdir -p "$1/bin" "$1/etc" "$1/tmp"
	chmod 1777 "$1/tmp"
	cp /bin/busybox "$1/bin/busybox"
	chroot "$1" /bin/busybox --install -s /bin
	printf 'root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$1/etc/group"
}

# Repeats a command until it succeeds.
eventually() {
	local end=$((SECONDS + PATIENCE))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "waited $PATIENCE s in vain for: $*" >&2
			return 1
		fi
		sleep 0.1
	done
}

# Whether a process has ended; its zombie may wait for whoever is init here.
ended() {
	! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null
}

pure_v2() {
	[ -f /sys/fs/cgroup/cgroup.controllers ]
}

# Runs a command on a terminal of its own and prints what appeared there, without carriage returns and without the
# mark that `script` makes of its empty input.
on_terminal() {
	local line
	line=$(printf '%q ' "$@")
	script -qec "stty rows 33 cols 77; $line" /dev/null </dev/null | tr -d '\r\0\004' | sed 's/\^[@D]//g'
}

# A shell's words that wait until the terminal has that size, which who shows it tells only once there is a program.
sized='i=0; until [ "$(stty size)" = "33 77" ] || [ $i = 300 ]; do i=$((i + 1)); sleep 0.1; done'

# The processes whose command line names the work folder, but for the shells of the tests.
processes_of_work() {
	local path pid
	for path in /proc/[0-9]*; do
		pid=${path#/proc/}
		tr '\0' ' ' 2>/dev/null <"$path/cmdline" | grep -q "$work" || continue
		case $(cat "$path/comm" 2>/dev/null) in
		bash | bats* | cat | tr | grep | tee | '') ;;
		*) echo "$pid" ;;
		esac
	done
}

no_processes_of_work() {
	[ -z "$(processes_of_work)" ]
}

# Says what is left of the file, removes it and fails if there was something.
leave() {
	local left=0 pid
	[ -n "$work" ] || return 1
	if ! PATIENCE=15 eventually no_processes_of_work; then
		for pid in $(processes_of_work); do
			echo "left: process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
			kill -9 "$pid"
			left=1
		done
	fi
	if "$runtime" list -f json | grep "$work" >&2; then
		echo "left: containers in the runtime's default folder" >&2
		left=1
	fi
	if grep "$work" /proc/self/mountinfo >&2; then
		echo "left: mounts" >&2
		left=1
	fi
	# The parent that the engine was told to use is nobody's to remove; whatever is in it would be in the way.
	find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true
	# Podman makes its own default parent, too, where it is told another.
	find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true
	if find /sys/fs/cgroup -type d -path "*/$cgroup*" | grep . >&2; then
		echo "left: control groups" >&2
		left=1
	fi
	rm -rf --one-file-system "$work"
	return $left
}

# Points podman at storage of its own and at the runtime: podman_configure cgroupfs|systemd.
podman_configure() {
	export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
	cat >"$CONTAINERS_CONF" <<-CONF
		[engine]
		cgroup_manager = "$1"
		events_logger = "file"
		runtime = "berth"
		runtime_supports_json = ["berth"]
		runtime_supports_nocgroup = ["berth"]
		static_dir = "$work/storage/libpod"
		volume_path = "$work/storage/volumes"
		tmp_dir = "$work/run/libpod"
		[engine.runtimes]
		berth = ["$runtime"]
	CONF
	cat >"$CONTAINERS_STORAGE_CONF" <<-CONF
		[storage]
		driver = "overlay"
		graphroot = "$work/storage"
		runroot = "$work/run"
	CONF
}

# On v1 containerd's shim finds no groups when the kernel has a hierarchy that is not mounted, as it keeps one whose groups
# are still there when it is unmounted. It is so with runc, too.
all_mounted() {
	local name
	for name in $(cut -d: -f2 /proc/self/cgroup | tr , '\n' | grep -v =); do
		[ -d "/sys/fs/cgroup/$name" ] ||
			skip "the $name hierarchy is there, and not mounted: containerd's shim reads no control groups then (with runc neither)"
	done
}
