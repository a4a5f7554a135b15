# SPDX-License-Identifier: Apache-2.0
# What the attacks share. Each test has a canary: a folder of the host that the hostile root knows by its path. Before
# and after, all that a change could show in is compared: names, kinds, modes, owners, links, times, content, and the
# host's mounts. For the latter the runtime runs in a mount namespace of the test's own, whose mounts are shared as those
# of a host under systemd are: what the runtime lets out of a container is seen there.

load ../runtime/helpers

attacker=$BERTH_BUILD/tests/attacks/attacker
evil=$BATS_TEST_DIRNAME/evil-rootfs

setup() {
	set_up_work
	swappers=()
	mkdir -p "$work/canary/sub" "$bundle/rootfs/tmp"
	echo untouched >"$work/canary/file"
	chmod 640 "$work/canary/file"
	chown 1234:5678 "$work/canary/file"
	ln -s file "$work/canary/link"
	cp "$attacker" "$bundle/rootfs/bin/attacker"
	unshare --mount --propagation private sh -c 'mount --make-rshared / && exec sleep 100000' 3>&- 4>&- &
	host=$!
	eventually eval '[ "$(cat /proc/$host/comm)" = sleep ]'
	mark
}

teardown() {
	local status=0 pid
	for pid in "${swappers[@]}"; do
		stop_process "$pid"
	done
	check_canary || status=1
	tear_down_work || status=1
	stop_process "$host"
	return $status
}

stop_process() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null || true
}

runtime() {
	nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" "$@"
}

snapshot() {
	(
		cd "$work/canary"
		find . -printf '%p %y %m %U:%G %n %s %T@ %C@ %l\n' | sort
		find . -type f -exec sha256sum {} + | sort
	)
	# Others' temporary mounts may go meanwhile, with the folder or the file that they are on.
	awk -v temporary="${TMPDIR:-/tmp}/" -v work="$work/" \
		'(index($5, temporary) != 1 && index($5, "/run/netns/") != 1) || index($5, work) == 1 {$1 = $2 = ""; print}' "/proc/$host/mountinfo"
}

# Takes the state that is compared with; to be called again by a test that has changed the canary itself.
mark() {
	snapshot >"$work/before"
}

check_canary() {
	diff "$work/before" <(snapshot)
}

# The bundle's root anew, hostile in the given ways.
evil_root() {
	local kind
	rm -rf "$bundle/rootfs"
	cp -a "$BATS_FILE_TMPDIR/bundle/rootfs" "$bundle/rootfs"
	cp "$attacker" "$bundle/rootfs/bin/attacker"
	for kind in "$@"; do
		"$evil" "$kind" "$bundle/rootfs" "$work/canary"
	done
	mark
}

# Exchanges two names until the end of the test, or stop_swapping.
swapping() {
	"$attacker" swap "$1" "$2" >"$work/swaps.${#swappers[@]}" 3>&- 4>&- &
	swappers+=($!)
}

# Ends all swappers; each must have been at work.
stop_swapping() {
	local pid i
	for pid in "${swappers[@]}"; do
		kill "$pid"
		wait "$pid"
	done
	for i in "${!swappers[@]}"; do
		cat "$work/swaps.$i"
		[ "$(cut -d' ' -f1 "$work/swaps.$i")" -ge "${1:-100}" ]
	done
	swappers=()
}

without_dev() {
	configure 'del(.mounts[] | select(.destination | startswith("/dev")))'
}

# Runs the bundle; what it says is in $output and what happened in $status, and it has not hung.
attack() {
	run timeout 20 nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" run \
		--bundle "$bundle" "$id" </dev/null
	echo "status $status: ${output:0:2000}"
	[ "$status" != 124 ]
}

# The container's program is this shell script; it may use $CANARY. Like `attack` otherwise.
attack_with() {
	configure --arg text "$1" --arg canary "$work/canary" \
		'.process.args=["sh","-c",$text] | .process.env += ["CANARY=" + $canary]'
	attack
}

capabilities() {
	local list
	list=$(printf '%s\n' "$@" | jq -R . | jq -s .)
	configure --argjson list "$list" '.process.capabilities |= map_values($list)'
}

# The engine's seccomp profile, as it is for a container without further capabilities.
default_seccomp() {
	jq '(.syscalls |= map(select((.includes.caps // []) == [] and (.includes.arches // ["amd64"] | index("amd64"))
			and (.excludes.arches // [] | index("amd64") | not)))) |
		{defaultAction, defaultErrnoRet, architectures: ["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],
		 syscalls: [.syscalls[] | del(.includes, .excludes, .comment)]}' \
		"$BATS_TEST_DIRNAME/../../src/engine/plan/seccomp-default.json" >"$work/seccomp.json"
	configure --slurpfile seccomp "$work/seccomp.json" '.linux.seccomp=$seccomp[0]'
}
