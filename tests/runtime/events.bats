#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# events: measurements and the news that memory ran out; update by flags.

load helpers

value() {
	cat "$(group "$1")/$2"
}

@test "events --stats prints what the kernel counts" {
	configure '.linux.resources += {"memory":{"limit":67108864},"pids":{"limit":17}}'
	launch 'sleep 1000 & i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo ready; wait'
	eventually grep -q ready "$work/out"
	run -0 runtime events --stats "$id"
	echo "$output"
	[ "${#lines[@]}" = 1 ]
	[ "$(jq -r '.type + " " + .id' <<<"$output")" = "stats $id" ]
	jq -e '.data | .pids == {"current":2,"limit":17} and .memory.usage.limit == 67108864 and .memory.usage.usage > 0 and
		.cpu.usage.total > 1000000 and (.memory.raw | length) > 10 and (.cpuset.cpus | length) > 0' <<<"$output"
	# As good as the kernel's own number, which only grows.
	if pure_v2; then
		[ "$(jq .data.cpu.usage.total <<<"$output")" -le $(($(awk '/usage_usec/{print $2}' "$(group cpu)/cpu.stat") * 1000)) ]
	else
		[ "$(jq .data.cpu.usage.total <<<"$output")" -le "$(value cpuacct cpuacct.usage)" ]
	fi
}

@test "a stopped container has no events, and an interval is above zero" {
	create
	run -1 runtime events --interval 0s "$id"
	[[ "$output" == *"duration interval must be greater than 0"* ]]
	runtime start "$id"
	eventually is_stopped
	run -1 runtime events "$id"
	[[ "$output" == *"container with id $id is not running"* ]]
	run -1 runtime events nobody
	[[ "$output" == *"container nobody does not exist"* ]]
}

@test "events come at the interval, and end with the container" {
	launch 'exec sleep 1000'
	runtime events --interval 100ms "$id" >"$work/events" 3>&- 4>&- &
	local pid=$!
	eventually eval '[ "$(wc -l <"$work/events")" -ge 3 ]'
	runtime kill "$id" KILL
	wait $pid
	[ "$(jq -r .type "$work/events" | sort -u)" = stats ]
}

@test "a process that is killed for want of memory is an event" {
	configure '.linux.resources.memory={"limit":16777216,"swap":16777216}'
	launch 'while ! [ -e /tmp/go ]; do sleep 0.1; done; sh -c "exec tail -c 100m /dev/zero"; echo status $?; exec sleep 1000'
	"$BERTH_BUILD/berth-runtime" --root "$state" events --interval 1h "$id" >"$work/events" 3>&- 4>&- &
	local pid=$!
	eventually eval 'readlink /proc/$pid/fd/* | grep -q "inotify\|eventfd"' # it watches
	touch "$bundle/rootfs/tmp/go"
	eventually grep -q "status 137" "$work/out"
	eventually [ -s "$work/events" ]
	[ "$(cat "$work/events")" = "{\"type\":\"oom\",\"id\":\"$id\"}" ]
	runtime kill "$id" KILL
	wait $pid
}

@test "update by flags writes each limit and keeps the others" {
	launch 'exec sleep 1000'
	runtime update --memory 64m --memory-reservation 33554432 --pids-limit 19 "$id"
	runtime update --cpu-period 50000 --cpu-quota 20000 --cpu-share 512 "$id"
	runtime update --cpuset-cpus 0 --cpuset-mems 0 "$id"
	[ "$(value pids pids.max)" = 19 ]
	[ "$(value cpuset cpuset.cpus)" = 0 ]
	if pure_v2; then
		[ "$(value memory memory.max)" = 67108864 ]
		[ "$(value memory memory.low)" = 33554432 ]
		[ "$(value cpu cpu.max)" = "20000 50000" ]
		[ "$(value cpu cpu.weight)" = 59 ]
		runtime update --cpu-burst 10000 --memory-swap 100m "$id"
		[ "$(value cpu cpu.max.burst)" = 10000 ]
		[ "$(value memory memory.swap.max)" = $((36 << 20)) ]
		runtime update --cpu-idle 1 "$id"
		[ "$(value cpu cpu.idle)" = 1 ]
	else
		[ "$(value memory memory.limit_in_bytes)" = 67108864 ]
		[ "$(value memory memory.soft_limit_in_bytes)" = 33554432 ]
		[ "$(value cpu cpu.cfs_quota_us)/$(value cpu cpu.cfs_period_us)" = 20000/50000 ]
		[ "$(value cpu cpu.shares)" = 512 ]
	fi
	runtime update --memory -1 --cpu-quota -1 --pids-limit -1 "$id"
	[ "$(value pids pids.max)" = max ]
	if pure_v2; then
		[ "$(value memory memory.max)" = max ]
		[ "$(value cpu cpu.max)" = "max 50000" ]
	else
		[ "$(value memory memory.limit_in_bytes)" -gt 1000000000000 ]
		[ "$(value cpu cpu.cfs_quota_us)" = -1 ]
	fi
}

@test "update refuses what is no limit, by its name" {
	launch 'exec sleep 1000'
	run -1 runtime update --memory many "$id"
	[[ "$output" == *'invalid argument "many" for "--memory" flag: is not a number of bytes'* ]]
	run -1 runtime update --cpu-quota 1.5 "$id"
	[[ "$output" == *'invalid argument "1.5" for "--cpu-quota" flag: is not a number'* ]]
	run -1 runtime update --cpuset-cpus 4000 "$id"
	[[ "$output" == *"resources: cpu.cpus: "* ]]
	run -1 runtime update --l3-cache-schema "L3:0=f" "$id"
	[[ "$output" == *"container $id has no class of service of its own"*linux.intelRdt ]]
	run -1 runtime update --mem-bw-schema "MB:0=20" "$id"
	[[ "$output" == *"container $id has no class of service of its own"*linux.intelRdt ]]
	run -1 runtime update --blkio-weight 5 "$id"
	[[ "$output" == *"blockIO.weight: 5 is not between 10 and 1000"* ]]
}
