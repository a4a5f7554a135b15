#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Groups that systemd makes, where it is init (scripts/vm --systemd, also with --cgroups hybrid). systemd is reloaded
# wherever a limit must not be lost by that.

load helpers

manager=--systemd-cgroup

runtime() {
	# shellcheck disable=SC2086
	"$BERTH_BUILD/berth-runtime" --root "$state" $manager "$@"
}

script() {
	configure --arg text "$1" '.process.args=["sh","-c",$text]'
	runtime run --bundle "$bundle" "$id" </dev/null
}

needs_systemd() {
	[ "$(cat /proc/1/comm)" = systemd ] || skip "systemd is not init here (scripts/vm --systemd)"
}

needs_v2() {
	pure_v2 || skip "needs control groups v2 alone"
}

property() {
	systemctl show -p "$1" --value "${2:-berth-$id.scope}"
}

# The folder of a group; the controller says in which hierarchy on v1.
scope() {
	if pure_v2; then
		echo "/sys/fs/cgroup${2:-/system.slice/berth-$id.scope}"
	else
		echo "/sys/fs/cgroup/$1${2:-/system.slice/berth-$id.scope}"
	fi
}

value() {
	cat "$(scope "$1")/$2"
}

@test "without systemd the error says what to do" {
	[ "$(cat /proc/1/comm)" != systemd ] || skip "systemd is init here"
	run -1 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *"systemd's system manager cannot be reached"*"use --cgroup-manager cgroupfs"* ]]
	[ ! -d "$state/$id" ]
}

@test "cgroupsPath is slice:prefix:name, and nothing else" {
	for path in /docker/x a:b a:b:c:d a/b.slice:c:d a--b.slice:c:d system.slice:c:d/e; do
		configure --arg path "$path" '.linux.cgroupsPath=$path'
		run -1 runtime run --bundle "$bundle" "$id"
		[[ "$output" == *"linux.cgroupsPath: "* ]]
		[ ! -d "$state/$id" ]
	done
	configure '.linux.cgroupsPath="/docker/x"'
	run -1 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/docker/x" instead'* ]]
}

@test "a container is a scope of its own, and that is gone with it" {
	needs_systemd
	launch 'exec sleep 1000'
	[ "$(property ActiveState)" = active ]
	[ "$(property Slice)" = system.slice ]
	[ "$(property Delegate)" = yes ]
	[ "$(property Description)" = "Berth container $id" ]
	grep -q "/system.slice/berth-$id.scope$" "/proc/$(pid_of)/cgroup"
	awk '/ - cgroup2? /{print $5}' /proc/self/mountinfo >"$work/hierarchies"
	while read -r hierarchy; do
		[ "$(cat "$hierarchy/system.slice/berth-$id.scope/cgroup.procs")" = "$(pid_of)" ]
	done <"$work/hierarchies"
	[ "$(runtime ps -f json "$id" | jq -r '.[]')" = "$(pid_of)" ]
	runtime pause "$id"
	[ "$(status_of)" = paused ]
	runtime resume "$id"
	runtime delete --force "$id"
	[ "$(property LoadState)" = not-found ]
}

@test "limits hold in the files and in systemd, over a reload" {
	needs_systemd
	configure '.linux.resources += {"memory":{"limit":67108864},"cpu":{"shares":512,"quota":50000,"period":200000,
		"cpus":"1"},"pids":{"limit":17}}'
	create
	for round in before after; do
		echo "$round"
		[ "$(value pids pids.max)" = 17 ]
		[ "$(property TasksMax)" = 17 ]
		[ "$(property CPUQuotaPerSecUSec)" = 250ms ]
		[ "$(value cpuset cpuset.cpus)" = 1 ]
		if pure_v2; then
			[ "$(value memory memory.max)" = 67108864 ]
			[ "$(value cpu cpu.max)" = "50000 200000" ]
			[ "$(value cpu cpu.weight)" = 59 ]
			[ "$(property MemoryMax)" = 67108864 ]
			[ "$(property AllowedCPUs)" = 1 ]
		else
			[ "$(value memory memory.limit_in_bytes)" = 67108864 ]
			[ "$(value cpu cpu.shares)" = 512 ]
			[ "$(value cpu cpu.cfs_quota_us)" = 50000 ]
			[ "$(property MemoryLimit)" = 67108864 ]
		fi
		systemctl daemon-reload
	done
}

@test "update changes what it names, in systemd too, and keeps the rest" {
	needs_systemd
	configure '.linux.resources += {"memory":{"limit":67108864},"cpu":{"quota":50000,"period":200000},"pids":{"limit":17}}'
	launch 'exec sleep 1000'
	echo '{"pids":{"limit":23},"cpu":{"quota":100000}}' | runtime update "$id"
	systemctl daemon-reload
	[ "$(value pids pids.max)" = 23 ]
	[ "$(property TasksMax)" = 23 ]
	[ "$(property CPUQuotaPerSecUSec)" = 500ms ]
	if pure_v2; then
		[ "$(value cpu cpu.max)" = "100000 200000" ]
		[ "$(value memory memory.max)" = 67108864 ]
	else
		[ "$(value cpu cpu.cfs_quota_us)" = 100000 ]
		[ "$(value memory memory.limit_in_bytes)" = 67108864 ]
	fi
	# The manager is the container's, whatever this call says.
	manager=
	echo '{"pids":{"limit":29}}' | runtime update "$id"
	systemctl daemon-reload
	[ "$(value pids pids.max)" = 29 ]
}

@test "one process is one process: the helper does not count" {
	needs_systemd
	configure '.linux.resources.pids={"limit":1}'
	run -0 runtime run --bundle "$bundle" "$id" </dev/null
	run script 'true & wait'
	[[ "$output" == *"an't fork"* ]]
}

@test "slices lie in the slices that their names say" {
	needs_systemd
	configure --arg path "berth-a-b.slice:pre:$id" '.linux.cgroupsPath=$path'
	create
	[ "$(property Slice "pre-$id.scope")" = berth-a-b.slice ]
	grep -q "/berth.slice/berth-a.slice/berth-a-b.slice/pre-$id.scope$" "/proc/$(pid_of)/cgroup"
	runtime delete "$id"
	systemctl stop berth.slice
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -name 'berth-a-b.slice' -o -maxdepth 3 -name berth.slice)" ] ||
		find /sys/fs/cgroup -depth -path '*/berth.slice*' -type d -exec rmdir {} +
}

@test "a scope that exists is not taken over" {
	needs_systemd
	configure --arg path "system.slice:t:$id" '.linux.cgroupsPath=$path'
	create
	local first=$id pid
	pid=$(pid_of)
	id=$id-b
	run -1 create
	grep -q "systemd: start t-$first.scope: Unit t-$first.scope was already loaded\|already exists" "$work/out"
	[ ! -d "$state/$id" ]
	id=$first
	[ "$(status_of)" = created ]
	grep -q "/system.slice/t-$id.scope$" "/proc/$pid/cgroup"
}

@test "annotations set harmless properties, others are refused before anything is made" {
	needs_systemd
	configure '.annotations={"org.systemd.property.TimeoutStopUSec":"uint64 7000000","org.systemd.property.CollectMode":"'"'inactive'"'"}'
	create
	[ "$(property TimeoutStopUSec)" = 7s ]
	[ "$(property CollectMode)" = inactive ]
	runtime delete "$id"
	for name in ExecStartPre ExecStopPost OnFailure Wants Slice DeviceAllow PIDs Delegate; do
		configure --arg name "org.systemd.property.$name" '.annotations={($name):"[\"x\"]"}'
		run -1 create
		grep -q "annotation org.systemd.property.$name: is not one of the properties that a container may set" "$work/out"
		[ ! -d "$state/$id" ]
		[ "$(property LoadState)" = not-found ]
	done
}

@test "a device that is denied stays denied over a reload" {
	needs_systemd
	configure '.linux.devices=[{"type":"c","path":"/dev/port","major":1,"minor":4,"fileMode":438}] |
		.linux.resources.devices=[{"allow":false,"access":"rwm"}] |
		.process.capabilities |= map_values(["CAP_SYS_RAWIO","CAP_DAC_OVERRIDE"])'
	launch 'while ! [ -e /tmp/go ]; do sleep 0.1; done; head -c1 /dev/port >/dev/null || echo refused; head -c1 /dev/zero | wc -c'
	systemctl daemon-reload
	touch "$bundle/rootfs/tmp/go"
	eventually is_stopped
	grep -q refused "$work/out"
	grep -qx 1 "$work/out"
}

@test "a container that fails while it is made leaves no scope" {
	needs_systemd
	configure '.process.args=["/not/there"]'
	run -1 create
	[ "$(property LoadState)" = not-found ]
	configure '.linux.resources.cpu={"cpus":"4000"}'
	run -1 create
	[ "$(property LoadState)" = not-found ]
	[ ! -d "$state/$id" ]
}

@test "the scope of a container that ended is collected, and the container can be deleted" {
	needs_systemd
	launch 'kill -9 $$'
	eventually is_stopped
	eventually eval '[ "$(property LoadState)" = not-found ]'
	runtime delete "$id"
}

@test "run.oci.systemd.subgroup: the container is below its scope" {
	needs_systemd
	needs_v2
	configure '.annotations={"run.oci.systemd.subgroup":"inner"} | .linux.resources.memory={"limit":67108864}'
	create
	grep -q "/system.slice/berth-$id.scope/inner$" "/proc/$(pid_of)/cgroup"
	[ "$(cat "$(scope memory)/inner/memory.max")" = 67108864 ]
	[ "$(value memory memory.max)" = 67108864 ]
	[ -z "$(value memory cgroup.procs)" ]
}

@test "run.oci.delegate-cgroup: the container manages a group below its limits" {
	needs_systemd
	needs_v2
	user_namespace
	configure '.annotations={"run.oci.delegate-cgroup":"own"} | .linux.resources.memory={"limit":67108864} |
		.mounts |= map(if .type=="cgroup" then .options-=["ro"] else . end)'
	run -0 script 'cat /proc/self/cgroup; cd /sys/fs/cgroup/own; mkdir a; cat cgroup.controllers memory.max; stat -c %u .'
	[[ "$output" == *"0::/own"*memory*max*0 ]]
}

@test "the kill of the last process is an event, though systemd takes its group away at once" {
	needs_systemd
	local pid
	configure '.linux.resources.memory={"limit":16777216,"swap":16777216}'
	launch 'while ! [ -e /tmp/go ]; do sleep 0.1; done; exec tail -c 100m /dev/zero'
	"$BERTH_BUILD/berth-runtime" --root "$state" "$manager" events --interval 1h "$id" >"$work/events" 3>&- 4>&- &
	pid=$!
	eventually eval 'readlink /proc/$pid/fd/* | grep -q "inotify\|eventfd"' # it watches
	touch "$bundle/rootfs/tmp/go"
	wait $pid
	[ "$(cat "$work/events")" = "{\"type\":\"oom\",\"id\":\"$id\"}" ]
	eventually is_stopped
	[ ! -e "$(scope memory)" ]
}
