#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What idle containers cost: memory of the engine and of each monitor, and no processor time at all.

load ../helpers
setup_file() {
	engine_setup
	for i in $(seq 20); do
		berth run -d --name "idle$i" --network none busybox sleep 1000 >/dev/null
	done
	sleep 2 # until what was begun behind the answers is done
}
teardown_file() { engine_teardown; }

sanitized() {
	grep -q 'lib[a-z]*san' "/proc/$(cat "$WORK/pid")/maps"
}

monitors() {
	pgrep -f "^berth-monitor .*$WORK/run/"
}

@test "the engine needs at most 15 MB with 20 containers" {
	sanitized && skip "a sanitizer's memory is not the engine's"
	kilobytes=$(awk '/^VmRSS/ {print $2}' "/proc/$(cat "$WORK/pid")/status")
	echo "$kilobytes kB resident"
	[ "$kilobytes" -le $((15 * 1024)) ]
}

@test "a monitor needs at most 1 MB of its own" {
	sanitized && skip "a sanitizer's memory is not the monitor's"
	[ "$(monitors | wc -l)" -eq 20 ]
	for pid in $(monitors); do
		kilobytes=$(awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup")
		echo "monitor $pid: $kilobytes kB proportional"
		[ "$kilobytes" -le 1024 ]
	done
}

# How often the process gave the processor away or was taken it from, which an idle one never does.
switches() {
	awk '/ctxt_switches/ {sum += $2} END {print sum}' "/proc/$1/status"
}

@test "while nothing happens, monitors and engine do nothing" {
	before=$(for pid in $(monitors) $(cat "$WORK/pid"); do switches "$pid"; done)
	sleep 3
	after=$(for pid in $(monitors) $(cat "$WORK/pid"); do switches "$pid"; done)
	[ "$(wc -l <<<"$before")" -eq 21 ]
	[ "$before" = "$after" ]
}
