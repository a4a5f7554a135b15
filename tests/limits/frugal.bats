#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What idle containers cost: memory of the engine and of each monitor, and no processor time at all.

load ../helpers
setup_file() {
	# A program file of its own: no other engine's monitors share its pages.
	cp "$BERTH_BUILD/berth-monitor" "$BATS_FILE_TMPDIR/"
	engine_setup --monitor-path "$BATS_FILE_TMPDIR/berth-monitor"
	idle 1
	# Until what was begun behind the answers is done.
	for _ in $(seq 30); do
		sleep 1
		proportional "$(monitors)" >"$WORK/alone"
		[ "$(cat "$WORK/alone")" -gt 1024 ] || break
	done
	for i in $(seq 2 20); do
		idle "$i"
	done
}
teardown_file() { engine_teardown; }

sanitized() {
	grep -q 'lib[a-z]*san' "/proc/$(cat "$WORK/pid")/maps"
}

idle() {
	berth run -d --name "idle$1" --network none busybox sleep 1000 >/dev/null
}

# Kilobytes of a process, pages that it shares counted by its share.
proportional() {
	awk '/^Pss:/ {print $2}' "/proc/$1/smaps_rollup"
}

monitors() {
	pgrep -f "^berth-monitor .*$WORK/run/"
}

@test "the engine needs at most 15 MB with 20 containers" {
	sanitized && skip "a sanitizer's memory is not the engine's"
	little() {
		kilobytes=$(awk '/^VmRSS/ {print $2}' "/proc/$(cat "$WORK/pid")/status")
		[ "$kilobytes" -le $((15 * 1024)) ]
	}
	eventually little || { echo "$kilobytes kB resident"; return 1; }
}

@test "a monitor that is the only one on its machine needs at most 1 MB" {
	sanitized && skip "a sanitizer's memory is not the monitor's"
	echo "$(cat "$WORK/alone") kB proportional"
	[ "$(cat "$WORK/alone")" -le 1024 ]
}

@test "a monitor among twenty needs at most 1 MB" {
	sanitized && skip "a sanitizer's memory is not the monitor's"
	[ "$(monitors | wc -l)" -eq 20 ]
	for pid in $(monitors); do
		little() {
			kilobytes=$(proportional "$pid")
			[ "$kilobytes" -le 1024 ]
		}
		eventually little || { echo "monitor $pid: $kilobytes kB proportional"; return 1; }
	done
}

# How often the process gave the processor away or was taken it from, which an idle one never does.
switches() {
	awk '/ctxt_switches/ {sum += $2} END {print sum}' "/proc/$1/status"
}

@test "while nothing happens, monitors and engine do nothing" {
	still() {
		before=$(for pid in $(monitors) $(cat "$WORK/pid"); do switches "$pid"; done)
		sleep 3
		after=$(for pid in $(monitors) $(cat "$WORK/pid"); do switches "$pid"; done)
		[ "$before" = "$after" ]
	}
	eventually still # once what was begun behind the answers is done
	[ "$(wc -l <<<"$before")" -eq 21 ]
}
