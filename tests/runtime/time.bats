#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Time namespaces: offsets of their clocks, and joining one.

load helpers

offsets() {
	configure --argjson offsets "$1" '.linux.namespaces += [{"type":"time"}] | .linux.timeOffsets=$offsets'
}

# Days since boot, as the container has it.
days='cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets'

@test "offsets move the container's clocks and not the host's" {
	offsets '{"boottime":{"secs":864000,"nanosecs":7},"monotonic":{"secs":432000,"nanosecs":5}}'
	local host
	host=$(cut -d. -f1 /proc/uptime)
	run -0 script "$days"
	[ "${lines[0]}" -ge $((host + 864000)) ]
	[ "${lines[0]}" -le $((host + 864060)) ]
	[ "$(printf '%s\n' "${lines[@]:1}" | awk '{print $1, $2, $3}' | sort | xargs)" = "boottime 864000 7 monotonic 432000 5" ]
	[ "$(cut -d. -f1 /proc/uptime)" -lt $((host + 60)) ]
}

@test "offsets with the init process, its status, output and pid namespace as always" {
	offsets '{"boottime":{"secs":100}}'
	run -7 script 'echo $$; readlink /proc/self/ns/time; exit 7'
	[ "${lines[0]}" = 1 ]
	[ "${lines[1]}" != "$(readlink /proc/self/ns/time)" ]
}

@test "offsets in a user namespace, which owns the time namespace" {
	user_namespace
	offsets '{"monotonic":{"secs":1000},"boottime":{"secs":-1}}'
	launch 'cat /proc/self/timens_offsets; id -u; exec sleep 1000'
	eventually grep -qx 0 "$work/out"
	grep -q '^monotonic *1000 *0$' "$work/out"
	[ "$(grep '^Uid' "/proc/$(pid_of)/status" | cut -f2)" = 100000 ]
	[ "$(xargs <"/proc/$(pid_of)/uid_map")" = "0 100000 65536" ]
	# Its owner is the container's user namespace, so the container's root may enter it.
	nsenter -t "$(pid_of)" -U -T --preserve-credentials readlink /proc/self/ns/time
}

@test "offsets beside joined namespaces" {
	unshare --net sleep 1000 3>&- 4>&- &
	local holder=$!
	eventually eval '[ "$(readlink /proc/self/ns/net)" != "$(readlink /proc/$holder/ns/net)" ]'
	configure --arg path "/proc/$holder/ns/net" '(.linux.namespaces[] | select(.type=="network")).path=$path'
	user_namespace
	offsets '{"boottime":{"secs":500}}'
	configure 'del(.mounts[] | select(.type=="sysfs"))'
	launch 'exec sleep 1000'
	[ "$(readlink "/proc/$(pid_of)/ns/net")" = "$(readlink /proc/$holder/ns/net)" ]
	grep -q '^boottime *500 ' "/proc/$(pid_of)/timens_offsets"
	kill $holder
}

@test "the time namespace of another container is joined by path" {
	offsets '{"boottime":{"secs":864000}}'
	launch 'exec sleep 1000'
	local pid first=$id host
	pid=$(pid_of)
	host=$(cut -d. -f1 /proc/uptime)
	configure --arg path "/proc/$pid/ns/time" 'del(.linux.timeOffsets) | (.linux.namespaces[] | select(.type=="time")).path=$path'
	id=$id-b
	run -0 script 'cut -d. -f1 /proc/uptime'
	[ "$output" -ge $((host + 864000)) ]
	id=$first
}

@test "offsets that cannot be are refused by name, and nothing is left" {
	local offsets expected
	while IFS='|' read -r offsets expected; do
		cp "$BATS_FILE_TMPDIR/bundle/config.json" "$bundle/config.json"
		offsets "$offsets"
		run -1 runtime create --bundle "$bundle" "$id"
		echo "$offsets: $output"
		[[ "$output" == *"$expected"* ]]
		[ ! -d "$state/$id" ]
	done <<-'CASES'
		{"realtime":{"secs":1}}|linux.timeOffsets: realtime: only monotonic and boottime have offsets
		{"boottime":{"secs":1,"nanosecs":1000000000}}|linux.timeOffsets: boottime: nanosecs go from 0 to 999999999
		{"boottime":{"secs":-999999999}}|linux.timeOffsets: boottime -999999999 0: Numerical result out of range
	CASES
	cp "$BATS_FILE_TMPDIR/bundle/config.json" "$bundle/config.json"
	configure '.linux.timeOffsets={"boottime":{"secs":1}}'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"linux.timeOffsets: needs a new time namespace"* ]]
}
