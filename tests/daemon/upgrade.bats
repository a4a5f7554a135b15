#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# New programs take the place of old ones while containers run.

bats_require_minimum_version 1.5.0
load ../helpers

setup() {
	PROGRAMS=$(mktemp -d "${TMPDIR:-/tmp}/berth-programs-XXXXXX")
	cp "$BERTH_BUILD"/{berth,berthd,berth-monitor,berth-init} "$PROGRAMS"
	export PROGRAMS
	BERTH_BUILD=$PROGRAMS engine_setup
}

teardown() {
	BERTH_BUILD=$PROGRAMS engine_teardown
	rm -rf "$PROGRAMS"
}

# The programs as those of another version: as an installation does it, by a new file under the old name.
install_version() {
	local program
	[ ${#1} = ${#2} ]
	for program in berthd berth-monitor; do
		LC_ALL=C sed "s/${1//./\\.}/$2/g" "$PROGRAMS/$program" >"$PROGRAMS/$program.new"
		chmod 755 "$PROGRAMS/$program.new"
		mv "$PROGRAMS/$program.new" "$PROGRAMS/$program"
	done
}

server_version() {
	berth version -f '{{.Server.Version}}'
}

more_lines() {
	[ "$(berth logs lives | wc -l)" -gt "$1" ]
}

more_attached() {
	[ "$(wc -l <"$WORK/attached")" -gt "$1" ]
}

@test "containers live through an upgrade, and through the way back" {
	was=$(server_version)
	berth run -d --name lives --network none busybox sh -c \
		'trap "echo heard; exit 5" TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done' >/dev/null
	berth run -d --name comes-back --restart always --network none busybox sleep 1000 >/dev/null
	berth attach --no-stdin lives >"$WORK/attached" 2>&1 3>&- &
	attached=$!
	pid=$(berth inspect -f '{{.State.Pid}}' lives)
	eventually more_lines 3
	eventually more_attached 0
	install_version "$was" 9.8.7
	# The old engine goes on with the programs that it has, and starts containers.
	[ "$(berth run --rm --network none busybox echo between)" = between ]
	engine_stop
	seen=$(wc -l <"$WORK/attached")
	BERTH_BUILD=$PROGRAMS engine_start
	[ "$(server_version)" = 9.8.7 ]
	[ "$(berth inspect -f '{{.State.Pid}} {{.State.Running}}' lives)" = "$pid true" ]
	eventually more_lines "$(berth logs lives | wc -l)"
	# No line is missing, neither in the log nor with who was attached.
	berth logs lives | awk '$1 != NR {exit 1}'
	eventually more_attached "$seen"
	# What the monitor of the old version is asked for by the new engine.
	[ "$(berth exec lives echo inside)" = inside ]
	berth pause lives
	berth unpause lives
	berth top lives >/dev/null
	[ "$(berth run --rm --network none busybox echo new)" = new ]
	berth kill comes-back >/dev/null
	berth start comes-back >/dev/null
	# The way back: the old engine, the new version's monitor.
	install_version 9.8.7 "$was"
	engine_stop KILL
	BERTH_BUILD=$PROGRAMS engine_start
	[ "$(server_version)" = "$was" ]
	[ "$(berth inspect -f '{{.State.Pid}}' lives)" = "$pid" ]
	[ "$(berth exec comes-back echo inside)" = inside ]
	berth stop -t 10 lives >/dev/null
	[ "$(berth inspect -f '{{.State.ExitCode}}' lives)" = 5 ]
	[ "$(berth logs --tail 1 lives)" = heard ]
	status=0
	wait $attached || status=$? # an engine's end cuts off who waits for the exit status, not the output
	echo "$status"
	tail -n 3 "$WORK/attached"
	grep -qx heard "$WORK/attached"
}
