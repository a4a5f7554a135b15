#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How the kernel treats the process: scheduler, I/O priority, personality, memory policy.

load helpers

@test "scheduler: each policy with its parameters" {
	local scheduler expected
	while IFS='|' read -r scheduler expected; do
		configure --argjson scheduler "$scheduler" '.process.scheduler=$scheduler'
		launch 'exec sleep 1000'
		run -0 chrt -p "$(pid_of)"
		echo "$scheduler: $output"
		[[ "$output" == *"$expected"* ]]
		runtime delete --force "$id"
	done <<-'CASES'
		{"policy":"SCHED_OTHER","nice":5}|SCHED_OTHER
		{"policy":"SCHED_BATCH","nice":3}|SCHED_BATCH
		{"policy":"SCHED_IDLE"}|SCHED_IDLE
	CASES
	configure '.process.scheduler={"policy":"SCHED_OTHER","nice":7,"flags":["SCHED_FLAG_RESET_ON_FORK"]}'
	launch 'exec sleep 1000'
	[ "$(ps -o ni= -p "$(pid_of)" | tr -d ' ')" = 7 ]
	chrt -p "$(pid_of)" | grep -q SCHED_RESET_ON_FORK
}

@test "scheduler: a realtime policy, where the system lets one be set" {
	chrt -f 3 true || skip "no realtime policy may be set here"
	configure '.process.scheduler={"policy":"SCHED_FIFO","priority":3}'
	if [ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ]; then # groups have shares of their own here
		run -1 script true
		[[ "$output" == *"process.scheduler: SCHED_FIFO (does its group have a share: cpu.realtimeRuntime?)"* ]]
		configure '.linux.resources.cpu={"realtimeRuntime":10000,"realtimePeriod":1000000}'
	fi
	launch 'exec sleep 1000'
	run -0 chrt -p "$(pid_of)"
	[[ "$output" == *SCHED_FIFO*"priority: 3"* ]]
}

@test "scheduler: SCHED_DEADLINE, where the system lets it be set" {
	chrt -d -T 1000000 -D 10000000 -P 20000000 0 true || skip "SCHED_DEADLINE may not be set here"
	configure '.process.scheduler={"policy":"SCHED_DEADLINE","runtime":1000000,"deadline":10000000,"period":20000000,
		"flags":["SCHED_FLAG_RESET_ON_FORK","SCHED_FLAG_RECLAIM"]}'
	launch 'exec sleep 1000'
	run -0 chrt -p "$(pid_of)"
	[[ "$output" == *SCHED_DEADLINE*"1000000/10000000/20000000"* ]]
}

@test "what is wrong with scheduler, ioPriority or personality is refused by name" {
	local change expected
	cp "$bundle/config.json" "$work/good.json"
	while IFS='|' read -r change expected; do
		cp "$work/good.json" "$bundle/config.json"
		configure "$change"
		run -1 runtime create --bundle "$bundle" "$id"
		echo "$change: $output"
		[[ "$output" == *"$expected"* ]]
		[ ! -d "$state/$id" ]
	done <<-'CASES'
		.process.scheduler={"policy":"SCHED_NO"}|process.scheduler.policy: SCHED_NO is not known
		.process.scheduler={"policy":"SCHED_OTHER","nice":20}|process.scheduler.nice: goes from -20 to 19
		.process.scheduler={"policy":"SCHED_OTHER","priority":1}|process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only
		.process.scheduler={"policy":"SCHED_FIFO"}|process.scheduler.priority: goes from 1 to 99
		.process.scheduler={"policy":"SCHED_BATCH","runtime":5}|process.scheduler: runtime, deadline and period are for SCHED_DEADLINE only
		.process.scheduler={"policy":"SCHED_OTHER","flags":["SCHED_FLAG_NO"]}|process.scheduler.flags: SCHED_FLAG_NO is not known
		.process.ioPriority={"class":"IOPRIO_CLASS_NO"}|process.ioPriority.class: IOPRIO_CLASS_NO is not known
		.process.ioPriority={"class":"IOPRIO_CLASS_BE","priority":8}|process.ioPriority.priority: goes from 0 to 7
		.linux.memoryPolicy={"mode":"MPOL_NO"}|linux.memoryPolicy.mode: MPOL_NO is not known
		.linux.memoryPolicy={"mode":"MPOL_BIND"}|linux.memoryPolicy.nodes: MPOL_BIND needs them
		.linux.memoryPolicy={"mode":"MPOL_LOCAL","nodes":"0"}|linux.memoryPolicy.nodes: MPOL_LOCAL has none
		.linux.memoryPolicy={"mode":"MPOL_BIND","nodes":"0-"}|linux.memoryPolicy.nodes: "0-" is no list of nodes
		.linux.memoryPolicy={"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_NO"]}|linux.memoryPolicy.flags: MPOL_F_NO is not known
		.linux.personality={"domain":"BSD"}|linux.personality.domain: BSD is not known
		.linux.personality={"domain":"LINUX","flags":["NOTHING"]}|linux.personality.flags: NOTHING is not known
	CASES
}

@test "ioPriority: each class" {
	local class priority expected
	while read -r class priority expected; do
		configure --arg class "$class" --argjson priority "$priority" '.process.ioPriority={"class":$class,"priority":$priority}'
		launch 'exec sleep 1000'
		run -0 ionice -p "$(pid_of)"
		[ "$output" = "$expected" ]
		runtime delete --force "$id"
	done <<-'CASES'
		IOPRIO_CLASS_BE 5 best-effort: prio 5
		IOPRIO_CLASS_RT 2 realtime: prio 2
		IOPRIO_CLASS_IDLE 0 idle
	CASES
}

@test "personality: domain and flags" {
	configure '.linux.personality={"domain":"LINUX32","flags":["ADDR_NO_RANDOMIZE","UNAME26"]}'
	launch 'exec sleep 1000'
	[ "$(cat "/proc/$(pid_of)/personality")" = 00060008 ]
}

# The policy of the process's stack, as the kernel tells it.
policy() {
	grep -m1 'stack' "/proc/$1/numa_maps" | cut -d' ' -f2
}

@test "memoryPolicy: each mode and flag, for the container's process and further ones" {
	local wanted expected
	[ -e /proc/self/numa_maps ] || skip "this kernel has no NUMA"
	while IFS='|' read -r wanted expected; do
		configure --argjson wanted "$wanted" '.linux.memoryPolicy=$wanted'
		launch 'exec sleep 1000'
		echo "$wanted: $(policy "$(pid_of)")"
		[[ "$(policy "$(pid_of)")" == "$expected"* ]]
		runtime exec --detach --pid-file "$work/pid" "$id" sleep 1001
		[[ "$(policy "$(cat "$work/pid")")" == "$expected"* ]]
		runtime delete --force "$id"
	done <<-'CASES'
		{"mode":"MPOL_DEFAULT"}|default
		{"mode":"MPOL_BIND","nodes":"0"}|bind:0
		{"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_NUMA_BALANCING"]}|bind
		{"mode":"MPOL_INTERLEAVE","nodes":"0-0","flags":["MPOL_F_STATIC_NODES"]}|interleave=static:0
		{"mode":"MPOL_PREFERRED","nodes":"0","flags":["MPOL_F_RELATIVE_NODES"]}|prefer=relative:0
		{"mode":"MPOL_PREFERRED_MANY","nodes":"0"}|prefer
		{"mode":"MPOL_LOCAL"}|local
	CASES
}

@test "memoryPolicy: what the kernel refuses is told by name" {
	configure '.linux.memoryPolicy={"mode":"MPOL_BIND","nodes":"900"}'
	run -1 script true
	[[ "$output" == *'linux.memoryPolicy: MPOL_BIND of nodes "900": '* ]]
}

@test "intelRdt: a clear error where there is no resctrl file system, and nothing is left" {
	if grep -q ' - resctrl ' /proc/self/mountinfo; then
		skip "there is one here"
	fi
	configure '.linux.intelRdt={"closID":"gold","memBwSchema":"MB:0=20"}'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"linux.intelRdt: no resctrl file system is mounted (/sys/fs/resctrl)"* ]]
	[ ! -d "$state/$id" ]
	configure '.linux.intelRdt={"closID":"../gold"}'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"linux.intelRdt.closID: ../gold is no name of a class"* ]]
}
