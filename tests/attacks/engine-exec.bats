#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Attacks on the engine and a container's monitor by way of exec: the container is the attacker's, its files lie.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

# How often the loops below go round.
ROUNDS=${BERTH_EXEC_ROUNDS:-24}

start() {
	berth run -d --network none --name box "$@" busybox sleep 1000 >/dev/null
}

engine() {
	cat "$WORK/pid"
}

# The monitor is the parent of the container's init.
monitor() {
	awk '/^PPid:/ { print $2 }' "/proc/$(berth inspect -f '{{.State.Pid}}' box)/status"
}

# The most memory that a process has had since it was forgotten, in KiB.
forget_peak() {
	echo 5 >"/proc/$1/clear_refs"
}
peak() {
	awk '/^VmHWM:/ { print $2 }' "/proc/$1/status"
}

descriptors() {
	find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l
}

root() {
	echo "/proc/$(berth inspect -f '{{.State.Pid}}' box)/root"
}

@test "CVE-2025-4437 CVE-2026-47262 CVE-2024-9676: accounts of any size or kind cost nothing" {
	start
	local kind etc
	etc=$(root)/etc
	for kind in pipe zero huge folder host loop; do
		echo "kind $kind"
		rm -rf "$etc/passwd" "$etc/group"
		case $kind in
		pipe) mkfifo "$etc/passwd" "$etc/group" ;;
		zero) ln -s /dev/zero "$etc/passwd" && ln -s /dev/zero "$etc/group" ;;
		huge) truncate -s 1G "$etc/passwd" "$etc/group" ;;
		folder) mkdir "$etc/passwd" "$etc/group" ;;
		host) ln -s /proc/1/root/etc/passwd "$etc/passwd" && ln -s ../../../../../proc/self/root/etc/group "$etc/group" ;;
		loop) ln -s passwd "$etc/passwd" && ln -s group "$etc/group" ;;
		esac
		forget_peak "$(engine)"
		forget_peak "$(monitor)"
		local engine_before monitor_before
		engine_before=$(peak "$(engine)")
		monitor_before=$(peak "$(monitor)")
		[ "$(timeout 20 "$BERTH_BUILD/berth" exec box sh -c 'echo $UID; grep ^Uid: /proc/self/status' | awk '/Uid/ { print $2 }')" = 0 ]
		[ "$(timeout 20 "$BERTH_BUILD/berth" exec -u 1000:7 box awk '/^[UG]id:/ { print $2 }' /proc/self/status | tr '\n' ' ')" = "1000 7 " ]
		run -126 timeout 20 "$BERTH_BUILD/berth" exec -u daemon box true
		[[ "$output" == *"unable to find user daemon: no matching entries in passwd file"* ]]
		[ "$(peak "$(engine)")" -lt $((engine_before + 40000)) ]
		[ "$(peak "$(monitor)")" -lt $((monitor_before + 20000)) ]
	done
}

@test "CVE-2016-3697 CVE-2024-40635 CVE-2026-46680 CVE-2026-30892: users that are other numbers than they look" {
	start
	printf '%s:x:0:0::/:/bin/sh\n' 2147483648 4294967295 4294967296 -1 0x3e8 1000 ' 1000' +1000 user >"$(root)/etc/passwd"
	printf '%s:x:0:\n' 2147483648 4294967296 -1 5 group >"$(root)/etc/group"
	local user
	for user in 2147483648 4294967295 4294967296 18446744073709551616 1000:2147483648 1000:4294967296 nobody1 1000:nothere \
		$'user\n' $'1000\t'; do
		run -126 berth exec -u "$user" box true
	done
	# A number is that number, whatever an account is called; a name is what its entry says.
	[ "$(berth exec -u 1000 box awk '/^Uid:/ { print $2 }' /proc/self/status)" = 1000 ]
	[ "$(berth exec -u 1000:5 box awk '/^Gid:/ { print $2 }' /proc/self/status)" = 5 ]
	[ "$(berth exec -u 00001000 box awk '/^Uid:/ { print $2 }' /proc/self/status)" = 1000 ]
}

@test "CVE-2022-29162 CVE-2022-27650 CVE-2025-27612: no more capabilities than the container's, none inheritable" {
	start --cap-drop ALL --cap-add CHOWN
	local flags
	for flags in "" "-u 1000" "--privileged" "--privileged -u 1000"; do
		# shellcheck disable=SC2086
		[ "$(berth exec $flags box awk '/^Cap(Inh|Amb):/ { print $2 }' /proc/self/status | sort -u)" = 0000000000000000 ]
	done
	[ "$(berth exec box awk '/^Cap(Eff|Bnd|Prm):/ { print $2 }' /proc/self/status | sort -u)" = 0000000000000001 ]
	[ "$(berth exec --privileged -u 1000 box awk '/^CapEff:/ { print $2 }' /proc/self/status)" = 0000000000000000 ]
}

@test "CVE-2019-5736 CVE-2016-8649 CVE-2024-21626 CVE-2021-21334: nothing of the host goes along" {
	start
	local sum
	sum=$(sha256sum "$BERTH_BUILD/berth-monitor")
	# A program that is the entering process's own.
	berth exec box ln -s /proc/self/exe /tmp/self
	berth exec -d box sh -c 'while :; do for p in /proc/[0-9]*; do echo evil >$p/exe; done; done 2>/dev/null'
	for ((i = 0; i < ROUNDS / 4; i++)); do
		berth exec box /tmp/self x y >/dev/null 2>&1 || true
		berth exec box /proc/self/exe >/dev/null 2>&1 || true
	done
	[ "$(sha256sum "$BERTH_BUILD/berth-monitor")" = "$sum" ]
	[ "$(echo | berth exec -i box ls /proc/self/fd | tr '\n' ' ')" = "0 1 2 3 " ]
	for path in /proc/self/fd/3 /proc/self/fd/7 /proc/self/fd/8 /proc/1/fd/7; do
		run berth exec -w "$path" box cat ../../../../etc/shadow
		[ "$status" -ne 0 ]
	done
	run berth exec box env
	[ "$status" -eq 0 ]
	[ "$(cut -d= -f1 <<<"$output" | sort | tr '\n' ' ')" = "HOME HOSTNAME PATH " ]
}

@test "endless output and readers that do not read: memory has a bound, others are not held up" {
	start
	local monitor before fds clients=() i
	monitor=$(monitor)
	berth exec box true
	fds=$(descriptors "$monitor")
	forget_peak "$monitor"
	before=$(peak "$monitor")
	for ((i = 0; i < 8; i++)); do
		{ "$BERTH_BUILD/berth" exec box cat /dev/zero 2>/dev/null | tail -f /dev/null; } >/dev/null 2>&1 3>&- 4>&- &
		clients+=($!)
	done
	talk() { [ "$(berth top box | grep -c 'cat /dev/zero')" -eq 8 ]; }
	eventually talk
	sleep 1
	[ "$(timeout 20 "$BERTH_BUILD/berth" exec box echo works)" = works ]
	[ "$(peak "$monitor")" -lt $((before + 8192)) ]
	[ "$(berth top box | grep -c 'cat /dev/zero')" -eq 8 ]
	for i in "${clients[@]}"; do
		pkill -P "$i" || true
		kill "$i" 2>/dev/null || true
		wait "$i" || true
	done
	# The clients are gone: their processes write to nobody, and go on.
	flat() { [ "$(descriptors "$monitor")" -le $((fds + 3 * 8)) ]; }
	eventually flat
	[ "$(berth top box | grep -c 'cat /dev/zero')" -eq 8 ]
}

@test "many execs, clients that go, instances that nobody starts: descriptors, threads and memory are flat" {
	start
	local monitor engine i fds=() threads memory
	monitor=$(monitor)
	engine=$(engine)
	round() {
		for ((i = 0; i < ROUNDS; i++)); do
			berth exec box true
			curl -sf --unix-socket "$WORK/run/berth.sock" http://x/containers/box/exec -H 'Content-Type: application/json' \
				-d '{"Cmd": ["true"], "AttachStdout": true}' >/dev/null
		done
		for ((i = 0; i < ROUNDS / 8; i++)); do
			timeout -s KILL 0.05 "$BERTH_BUILD/berth" exec box sleep 0.3 || true
		done
		timeout -s KILL 0.05 "$BERTH_BUILD/berth" attach --no-stdin box >/dev/null 2>&1 </dev/null || true
	}
	over() { [ "$(berth top box | wc -l)" -eq 2 ]; }
	round
	eventually over
	sleep 0.2
	fds=("$(descriptors "$monitor")" "$(descriptors "$engine")")
	threads=$(find "/proc/$engine/task" -mindepth 1 -maxdepth 1 | wc -l)
	memory=$(awk '/^VmRSS:/ { print $2 }' "/proc/$monitor/status")
	round
	eventually over
	settled() {
		[ "$(descriptors "$monitor")" -le "${fds[0]}" ] && [ "$(descriptors "$engine")" -le $((fds[1] + 2)) ] &&
			[ "$(find "/proc/$engine/task" -mindepth 1 -maxdepth 1 | wc -l)" -le $((threads + 2)) ]
	}
	if ! eventually settled; then
		echo "descriptors were ${fds[*]}, are $(descriptors "$monitor") $(descriptors "$engine"); threads were $threads"
		ls -l "/proc/$monitor/fd" "/proc/$engine/fd"
		return 1
	fi
	[ "$(awk '/^VmRSS:/ { print $2 }' "/proc/$monitor/status")" -lt $((memory + 1024)) ]
}
