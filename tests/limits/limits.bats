#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits bind: what exceeds its memory is killed and reported as such, a fork bomb stops at its pids limit, a cpu quota
# holds within ten per cent.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

@test "a memory hog is killed and reported as out of memory" {
	run berth run --name hog --network none --memory 32m busybox sh -c 'x=a; while :; do x=$x$x; done'
	[ "$status" -eq 137 ]
	[ "$(berth inspect -f '{{.State.OOMKilled}}' hog)" = true ]
	[ "$(berth inspect -f '{{.State.ExitCode}}' hog)" = 137 ]
	berth events --since 0 --until "$(($(date +%s) + 1))" --format '{{.Action}}' | grep -x oom
}

@test "a process of many that is out of memory is reported though the container goes on" {
	berth run -d --name main --network none --memory 48m busybox sh -c \
		'(x=a; while :; do x=$x$x; done); echo survived; sleep 1'
	[ "$(berth wait main)" = 0 ]
	[ "$(berth logs main 2>/dev/null)" = survived ]
	[ "$(berth inspect -f '{{.State.OOMKilled}}' main)" = true ]
}

@test "without a memory limit nothing is reported" {
	berth run --name plain --network none busybox true
	[ "$(berth inspect -f '{{.State.OOMKilled}}' plain)" = false ]
}

processes_of_bomb() {
	berth top bomb -eo pid | tail -n +2 | wc -l
}

bomb_is_full() {
	[ "$(processes_of_bomb)" -ge 38 ]
}

cannot_fork() {
	berth logs bomb 2>&1 | grep -q "can't fork"
}

# The shell that forks ends when it cannot; what it made stays.
@test "a fork bomb stops at its pids limit" {
	berth run -d --name bomb --network none --pids-limit 40 busybox sh -c \
		'(while :; do sleep 1000 & done); exec sleep 1000'
	eventually bomb_is_full
	eventually cannot_fork
	count=$(processes_of_bomb)
	echo "$count processes where 40 were allowed"
	[ "$count" -ge 38 ]
	[ "$count" -le 40 ]
	berth rm -f bomb
}

@test "the pids limit is what the container's processes see" {
	run berth run --rm --network none --pids-limit 10 busybox sh -c \
		'i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i+1)); done'
	[[ "$output" == *"can't fork"* ]]
}

# Processor seconds that a busy container used in about two seconds of time, as parts of a thousand.
used() {
	local pid before after started ended
	pid=$(berth inspect -f '{{.State.Pid}}' busy)
	sleep 0.5
	started=$(date +%s%N)
	before=$(awk '{print $14 + $15}' "/proc/$pid/stat")
	sleep 4
	after=$(awk '{print $14 + $15}' "/proc/$pid/stat")
	ended=$(date +%s%N)
	echo $(((after - before) * 10000000 * 1000 / (ended - started)))
}

@test "a cpu quota holds within ten per cent" {
	berth run -d --name busy --network none --cpus 0.30 busybox sh -c 'while :; do :; done'
	local share=0 times=0
	# Other work on the machine may take away from what is allowed; a quota would take it away every time.
	until [ "$share" -ge 270 ] || [ "$times" -eq 8 ]; do
		share=$(used)
		echo "used $share of 1000 where 300 were allowed"
		[ "$share" -le 330 ]
		times=$((times + 1))
	done
	[ "$share" -ge 270 ]
}

@test "a limit of open files is what the container has" {
	[ "$(berth run --rm --network none --ulimit nofile=123:456 busybox sh -c 'ulimit -Sn; ulimit -Hn' | tr '\n' ' ')" = "123 456 " ]
}

@test "cpu shares, cpuset and memory limits reach the kernel" {
	berth run -d --name values --network none --cpu-shares 512 --cpuset-cpus 0 --memory 64m busybox sleep 100
	pid=$(berth inspect -f '{{.State.Pid}}' values)
	grep -q '^Cpus_allowed_list:[[:space:]]*0$' "/proc/$pid/status"
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		folder=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
		[ "$(cat "$folder/memory.max")" = 67108864 ]
		[ "$(cat "$folder/cpu.weight")" != 100 ]
	else
		memory=$(sed -n 's/^[0-9]*:memory://p' "/proc/$pid/cgroup")
		cpu=$(sed -n 's/^[0-9]*:cpu\(,[a-z,]*\)\{0,1\}:\(.*\)$/\2/p' "/proc/$pid/cgroup")
		[ "$(cat "/sys/fs/cgroup/memory$memory/memory.limit_in_bytes")" = 67108864 ]
		[ "$(cat /sys/fs/cgroup/cpu*"$cpu/cpu.shares" | head -n 1)" = 512 ]
	fi
}

@test "stats say what is used" {
	berth run -d --name user --network none --memory 64m --cpus 0.3 busybox sh -c \
		"x=\$(head -c 20000000 /dev/zero | tr '\\0' x); while :; do :; done"
	says() {
		berth stats --no-stream --format '{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' user |
			grep -E '^(2[2-9]|3[0-8])\.[0-9]{2}% (19|2[0-9]|3[0-9])(\.[0-9]+)?MiB / 64MiB 1$'
	}
	PATIENCE=90 eventually says
}
