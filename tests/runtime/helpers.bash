# SPDX-License-Identifier: Apache-2.0
# What the runtime's suites share: a bundle of busybox in a folder of its own, and the program on a state root of its own.

bats_require_minimum_version 1.5.0
BERTH_TEST_AS=${BERTH_TEST_AS:-}
# Who has no control groups is told so on each run: not what these tests ask about.
globals=()
if [[ "$BERTH_TEST_AS" == user* ]] && [ ! -f /sys/fs/cgroup/cgroup.controllers ]; then
	globals=(--cgroup-manager disabled)
fi
BERTH_BUILD=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build}

setup_file() {
	[ -x "$BERTH_BUILD/berth-runtime" ]
	make_bundle "$BATS_FILE_TMPDIR/bundle"
}

setup() {
	set_up_work
}

teardown() {
	tear_down_work
}

set_up_work() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/berth-runtime-test-XXXXXX")
	[ ! -w "${BERTH_TESTS_JOURNAL:-}" ] || echo "folder $work" >>"$BERTH_TESTS_JOURNAL"
	chmod 755 "$work" # containers with user namespaces go through it
	state=$work/state
	bundle=$work/bundle
	id=rt$$-$BATS_TEST_NUMBER
	cp -a "$BATS_FILE_TMPDIR/bundle" "$bundle"
	skip_senseless
}

tear_down_work() {
	local status=0 name
	for name in $(runtime list -q 2>/dev/null); do
		runtime delete --force "$name" || status=1
	done
	if [ -n "$(ls -A "$state" 2>/dev/null | grep -v '^seccomp-')" ]; then
		echo "left in the state root: $(ls -A "$state")"
		status=1
	fi
	if find /sys/fs/cgroup -maxdepth 3 -name "*$id*" 2>/dev/null | grep .; then
		echo "left: control groups"
		status=1
	fi
	if grep "$work" /proc/self/mountinfo; then
		echo "left: mounts"
		status=1
	fi
	rm -rf --one-file-system "$work"
	return $status
}

# Skips a test that has no sense as what the suites run: not_as PATTERN REASON. BERTH_TEST_AS is empty for root on the
# kernel as it is, old-VERSION for what tests/deny-syscalls.c makes of it, user and userns for what tests/run-as does.
not_as() {
	# shellcheck disable=SC2053
	if [[ "$BERTH_TEST_AS" == $1 ]]; then
		skip "as $BERTH_TEST_AS: $2"
	fi
}

# Skips what the table in not-as says.
skip_senseless() {
	local kind file name reason
	while IFS='|' read -r kind file name reason; do
		if [ "$file.bats" = "${BATS_TEST_FILENAME##*/}" ] && [[ "$BATS_TEST_DESCRIPTION" == "$name"* ]]; then
			not_as "$kind" "$reason"
		fi
	done < <(grep -v '^#' "$BATS_TEST_DIRNAME/../runtime/not-as")
}

runtime() {
	"$BERTH_BUILD/berth-runtime" "${globals[@]}" --root "$state" "$@"
}

# A bundle whose program is `true`, without a terminal, its root writable.
make_bundle() {
	local applets="sh true false sleep cat echo ls id mount umount ps hostname env stat readlink mkdir mknod touch rm dd
		grep head tail test wc kill chmod chown ln cp tty stty nice pwd ip nc printf tr seq find sort dmesg date xargs cut"
	mkdir -p "$1/rootfs/bin" "$1/rootfs/etc" "$1/rootfs/tmp"
	cp /bin/busybox "$1/rootfs/bin/busybox"
	# shellcheck disable=SC2086
	(cd "$1/rootfs/bin" && printf '%s\n' $applets | xargs -n1 ln -s busybox)
	"$BERTH_BUILD/berth-runtime" spec --bundle "$1"
	configure_at "$1" '.process.terminal=false | .process.args=["true"] | .root.readonly=false'
}

configure_at() {
	local folder=$1
	shift
	jq "$@" "$folder/config.json" >"$folder/config.new"
	mv "$folder/config.new" "$folder/config.json"
}

# Changes config.json by a jq program; further arguments go to jq.
configure() {
	configure_at "$bundle" "$@"
}

# Runs a shell script in the container; the runtime's global flags may come from $flags.
script() {
	configure --arg text "$1" '.process.args=["sh","-c",$text]'
	# shellcheck disable=SC2086
	"$BERTH_BUILD/berth-runtime" "${globals[@]}" --root "$state" ${flags:-} run --bundle "$bundle" "$id" </dev/null
}

create() {
	runtime create --bundle "$bundle" "$@" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
}

# Creates and starts the container in the background of the test.
launch() {
	configure --arg text "$1" '.process.args=["sh","-c",$text]'
	create
	runtime start "$id"
}

# This machine's mounts but for those of tests beside this one, which come and go.
own_mounts() {
	awk -v temporary="${TMPDIR:-/tmp}/" -v work="$work/" \
		'(index($5, temporary) != 1 && index($5, "/run/netns/") != 1) || index($5, work) == 1' /proc/self/mountinfo
}

status_of() {
	runtime state "${1:-$id}" | jq -r .status
}

pid_of() {
	runtime state "${1:-$id}" | jq -r .pid
}

# Repeats a command until it succeeds, for half a minute at least; `eventually eval` for what holds substitutions.
eventually() {
	local i
	for i in $(seq 300); do
		"$@" && return 0
		sleep 0.1
	done
	echo "did not come true: $*"
	return 1
}

is_stopped() {
	[ "$(status_of "$@")" = stopped ]
}

# Whether a process has ended; its zombie may wait for whoever is init here.
ended() {
	! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null
}

pure_v2() {
	[ -f /sys/fs/cgroup/cgroup.controllers ]
}

# The folder of the container's group with a controller.
group() {
	if pure_v2; then
		echo "/sys/fs/cgroup/berth-$id"
	else
		echo "/sys/fs/cgroup/$1/berth-$id"
	fi
}

# A user namespace of the container. An ordinary user's has the user as root; in a user namespace there are not as many
# ids to give.
user_namespace() {
	local first=100000
	case $BERTH_TEST_AS in
	user)
		configure --argjson uid "$(id -u)" --argjson gid "$(id -g)" '.linux.namespaces += [{"type":"user"}] |
			.linux.uidMappings=[{"containerID":0,"hostID":$uid,"size":1},{"containerID":1,"hostID":2000000000,"size":65535}] |
			.linux.gidMappings=[{"containerID":0,"hostID":$gid,"size":1},{"containerID":1,"hostID":2000000000,"size":65535}]'
		return
		;;
	userns) first=10000 ;;
	esac
	configure --argjson first $first '.linux.namespaces += [{"type":"user"}] |
		.linux.uidMappings=[{"containerID":0,"hostID":$first,"size":(if $first == 10000 then 50000 else 65536 end)}] |
		.linux.gidMappings=.linux.uidMappings'
	chown -R $first:$first "$bundle/rootfs"
}
