#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Several engines on one machine.

load ../helpers
# The engine has a UTS namespace of its own, by which its monitors are told from those of engines that run beside it.
setup_file() {
	export ENGINE_UNDER="unshare --uts"
	engine_setup --bridge none
}
teardown_file() { engine_teardown; }
teardown() {
	remove_containers
	[ ! -e "$WORK/other/pid" ] || kill "$(cat "$WORK/other/pid")" 2>/dev/null || true
}

other() {
	berth -H "unix://$WORK/other/run/berth.sock" "$@"
}

other_answers() {
	other version
}

@test "engines with roots of their own run side by side and know nothing of each other" {
	mkdir -p "$WORK/other"
	setsid "$BERTH_BUILD/berthd" --data-root "$WORK/other/data" --exec-root "$WORK/other/run" --cgroup-parent \
		"/$CGROUP" --config-file "$WORK/daemon.json" --bridge none >>"$WORK/log" 2>&1 </dev/null 3>&- &
	echo $! >"$WORK/other/pid"
	eventually other_answers
	[ -z "$(other images -q)" ]
	berth save busybox | other load
	berth run -d --name same --network none busybox sleep 100
	other run -d --name same --network none busybox sleep 100
	[ "$(berth ps -q | wc -l)" -eq 1 ]
	[ "$(other ps -q | wc -l)" -eq 1 ]
	[ "$(berth ps -q)" != "$(other ps -q)" ]
	other rm -f same
	[ "$(berth inspect -f '{{.State.Running}}' same)" = true ]
	kill "$(cat "$WORK/other/pid")"
	eventually engine_gone "$(cat "$WORK/other/pid")"
}

@test "a second engine on the same data root is refused, by the folder's name" {
	run "$BERTH_BUILD/berthd" --data-root "$WORK/data" --exec-root "$WORK/second" --config-file "$WORK/daemon.json"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"$WORK/data"* ]]
	run "$BERTH_BUILD/berthd" --data-root "$WORK/second-data" --exec-root "$WORK/run" --config-file "$WORK/daemon.json"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"an engine runs already (process $(cat "$WORK/pid"))"* ]]
	engine_answers
}

# Monitors that wait for a container have blanks for arguments.
spares() {
	local pid own
	own=$(readlink "/proc/$(cat "$WORK/pid")/ns/uts")
	for pid in $(pgrep -f '^berth-monitor  '); do
		if [ "$(readlink "/proc/$pid/ns/uts")" = "$own" ]; then echo "$pid"; fi
	done
}

# The spares once there is one: that of the container before may still be coming.
settled_spares() {
	berth run --rm --network none busybox true
	eventually spares_wait
	spares
}

spares_wait() {
	spares | grep -q .
}

new_spare() {
	comm -13 <(sort <<<"$1") <(spares | sort) | grep .
}

# The network namespaces that a process holds by descriptor.
networks() {
	find "/proc/$1/fd" -lname 'net:*' -printf '%l\n' 2>/dev/null | grep .
}

without_networks() {
	! networks "$1"
}

network_of() {
	readlink "/proc/$(berth inspect --format '{{.State.Pid}}' "$1")/ns/net"
}

@test "the waiting monitor has a network namespace ready, which the container gets if it wants its own" {
	before=$(settled_spares)
	berth run --rm --userns host --network none busybox true
	eventually new_spare "$before"
	spare=$(new_spare "$before")
	eventually networks "$spare"
	made=$(networks "$spare")
	host=$(readlink /proc/self/ns/net)
	[ "$made" != "$host" ]
	berth run -d --name own --userns host --network none busybox sleep 1000
	[ "$(network_of own)" = "$made" ]
	[ "$(readlink "/proc/$spare/ns/net")" = "$host" ]
	eventually without_networks "$spare"
	[ "$(berth run --rm --userns host --network none busybox ls /sys/class/net)" = lo ]
	eventually new_spare "$before"
	spare=$(new_spare "$before")
	eventually networks "$spare"
	berth run -d --name hosts --network host busybox sleep 1000
	[ "$(network_of hosts)" = "$host" ]
	eventually without_networks "$spare" # it lets go of it beside the container's start
	berth rm -f own hosts
}

@test "behind a container with a user namespace of its own the waiting monitor makes no network namespace" {
	before=$(settled_spares)
	berth run --rm --userns auto --network none busybox true
	eventually new_spare "$before"
	spare=$(new_spare "$before")
	sleep 0.2
	without_networks "$spare"
	[ "$(berth run --rm --userns host --network none busybox ls /sys/class/net)" = lo ]
}

@test "after a start the next monitor waits already; it is used, not needed, and ends with the engine" {
	before=$(settled_spares)
	berth run --rm --network none busybox true
	eventually new_spare "$before"
	spare=$(new_spare "$before")
	berth run -d --name second --network none busybox sleep 1000
	tr '\0' ' ' <"/proc/$spare/cmdline" | grep "^berth-monitor $(berth inspect --format '{{.Id}}' second) $WORK/run/"
	[ "$(berth inspect --format '{{.State.Running}}' second)" = true ]
	eventually new_spare "$before"
	kill -9 "$(new_spare "$before")"
	[ "$(berth run --rm --network none busybox echo still)" = still ]
	# Nor does one that ends before it has read its order.
	eventually new_spare "$before"
	spare=$(new_spare "$before")
	kill -STOP "$spare"
	berth run --rm --network none busybox echo too >"$WORK/output" &
	sleep 0.3
	kill -9 "$spare"
	wait $!
	[ "$(cat "$WORK/output")" = too ]
	eventually new_spare "$before"
	spare=$(new_spare "$before")
	engine_stop KILL
	eventually engine_gone "$spare"
	engine_start --bridge none
	[ "$(berth inspect --format '{{.State.Running}}' second)" = true ]
}
