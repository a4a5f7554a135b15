# SPDX-License-Identifier: Apache-2.0
# An engine of its own for each test file that talks to one. In the file:
#
#	load ../helpers
#	setup_file() { engine_setup; }
#	teardown_file() { engine_teardown; }
#	teardown() { remove_containers; }
#
# The engine's roots, socket and cgroup parent lie apart from everything else on the machine; `berth` is the built
# program talking to it. $WORK is a temporary folder, $WORK/log what the engine said.

BERTH_BUILD=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build}
PATIENCE=30 # seconds until a wait gives up; sanitizers are slow

berth() {
	"$BERTH_BUILD/berth" "$@"
}

# Tells scripts/run-tests of what would be left if it were killed: made folder|netns|cgroup NAME.
made() {
	[ ! -w "${BERTH_TESTS_JOURNAL:-}" ] || echo "$*" >>"$BERTH_TESTS_JOURNAL"
}

# Waits until the command succeeds.
eventually() {
	local end=$((SECONDS + PATIENCE))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "waited $PATIENCE s in vain for: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

engine_answers() {
	curl -sf --unix-socket "$WORK/run/berth.sock" http://x/_ping
}

# $ENGINE_UNDER: words of a command that the engine is run by (tests/network). Without them it has no default bridge:
# nothing of networks is made in this machine's own namespace. $ENGINE_USERNS: its setting `userns`.
engine_start() {
	[ -z "${ENGINE_USERNS:-}" ] || set -- --userns "$ENGINE_USERNS" "$@"
	[ -n "${ENGINE_UNDER:-}" ] || set -- --bridge none "$@"
	# shellcheck disable=SC2086
	setsid ${ENGINE_UNDER:-} "$BERTH_BUILD/berthd" -D --data-root "$WORK/data" --exec-root "$WORK/run" --cgroup-parent "/$CGROUP" \
		--config-file "$WORK/daemon.json" "$@" >>"$WORK/log" 2>&1 </dev/null 3>&- &
	echo $! >"$WORK/pid"
	if ! eventually engine_answers; then
		tail -n 40 "$WORK/log" >&2
		return 1
	fi
}

# Ends the engine (containers go on) and waits for it: SIGTERM, or the signal named.
engine_stop() {
	local pid
	pid=$(cat "$WORK/pid")
	kill "-${1:-TERM}" "$pid" 2>/dev/null || true
	eventually engine_gone "$pid"
}

engine_gone() {
	! kill -0 "$1" || grep -q '^State:.*Z' "/proc/$1/status"
}

# Makes a file in the root of a process from outside, as whom the root belongs to: the engine may be gone.
touch_in() {
	(cd "/proc/$1/root" && setpriv --reuid "$(stat -c %u .)" --regid "$(stat -c %g .)" --clear-groups touch "$2")
}

engine_setup() {
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/berth-test-XXXXXX")
	made folder "$WORK"
	CGROUP=$(basename "$WORK")
	BERTH_HOST=unix://$WORK/run/berth.sock
	DOCKER_HOST=$BERTH_HOST
	XDG_CACHE_HOME=$WORK/cache
	export WORK CGROUP BERTH_HOST DOCKER_HOST BERTH_BUILD XDG_CACHE_HOME
	unset DOCKER_CONTEXT DOCKER_CONFIG
	echo '{}' >"$WORK/daemon.json"
	engine_start "$@"
	berth image bootstrap busybox >/dev/null
}

# Removes all containers; what cannot be removed fails the test. One that removes itself may have gone meanwhile.
remove_containers() {
	local ids
	ids=$(berth ps -aq) || return 1
	# shellcheck disable=SC2086
	[ -z "$ids" ] || berth rm -f $ids >/dev/null || eventually no_containers
}

no_containers() {
	[ -z "$(berth ps -aq)" ]
}

engine_teardown() {
	local left=0
	remove_containers || left=1
	engine_stop || left=1
	# What a sanitizer found.
	if grep -E 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:' "$WORK/log"; then
		left=1
	fi
	[ $left = 0 ] || tail -n 60 "$WORK/log" >&2
	find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" -exec rmdir {} + 2>/dev/null || true
	rm -rf "$WORK"
	return $left
}

# How long a command takes, in milliseconds.
milliseconds() {
	local started ended
	started=$(date +%s%N)
	"$@" >/dev/null
	ended=$(date +%s%N)
	echo $(((ended - started) / 1000000))
}
