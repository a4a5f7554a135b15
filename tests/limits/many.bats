#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Three hundred containers run at once, and go without a trace.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }

COUNT=300

start_some() {
	for i in $(seq "$1" 4 $COUNT); do
		berth run -d --name "many$i" --network none busybox sh -c "echo number $i; exec sleep 1000" >/dev/null || return 1
	done
}

says() {
	berth logs "many$1" | grep -qx "number $1"
}

nothing_left() {
	[ -z "$(find "$WORK/data/containers" "$WORK/data/snapshots" "$WORK/run" -mindepth 1 -maxdepth 1 \
		-regextype egrep -regex '.*/[0-9a-f]{64}')" ]
}

@test "300 containers run at once, each answers, and all are removed" {
	pids=()
	for lane in 1 2 3 4; do
		start_some $lane &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	[ "$(berth ps -q | wc -l)" -eq $COUNT ]
	for i in 1 77 150 223 300; do
		eventually says "$i"
		[ "$(berth logs "many$i")" = "number $i" ]
	done
	engine_stop KILL
	engine_start
	[ "$(berth ps -q | wc -l)" -eq $COUNT ]
	berth ps -aq | xargs -n 50 -P 4 "$BERTH_BUILD/berth" rm -f >/dev/null
	[ -z "$(berth ps -aq)" ]
	eventually nothing_left # what is left of them goes behind the answer
}
