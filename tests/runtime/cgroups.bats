#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits that bind, the freezer, and groups that are gone when the container is.

load helpers

value() {
	cat "$(group "$1")/$2"
}

# Whether the container is in the group in every hierarchy that is mounted.
is_member() {
	local pid hierarchies
	pid=$(pid_of)
	hierarchies=$(awk '/ - cgroup2? /{print $5}' /proc/self/mountinfo)
	for hierarchy in $hierarchies; do
		grep -qx "$pid" "$hierarchy/$1/cgroup.procs"
	done
}

@test "limits are written to the controllers' files" {
	configure '.linux.resources += {"memory":{"limit":67108864},"cpu":{"shares":512,"quota":50000,"period":100000},
		"pids":{"limit":17}}'
	create
	[ "$(value pids pids.max)" = 17 ]
	if pure_v2; then
		[ "$(value memory memory.max)" = 67108864 ]
		[ "$(value cpu cpu.max)" = "50000 100000" ]
	else
		[ "$(value memory memory.limit_in_bytes)" = 67108864 ]
		[ "$(value cpu cpu.cfs_quota_us)" = 50000 ]
		[ "$(value cpu cpu.shares)" = 512 ]
	fi
}

@test "the process is in its group in every hierarchy from the beginning" {
	create
	is_member "berth-$id"
}

@test "a process limit holds" {
	configure '.linux.resources.pids={"limit":5}'
	run script 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done 2>&1; wait'
	[[ "$output" == *"an't fork"* ]]
}

@test "a memory hog is killed, and only it" {
	configure '.linux.resources.memory={"limit":16777216,"swap":16777216}'
	run -0 script 'sh -c "exec tail -c 100m /dev/zero" ; echo status $?; echo alive'
	[[ "$output" == *"status 137"*alive ]]
}

@test "a program that needs little runs within 512 KB, and the runtime itself within 2 MB" {
	ldd "$BERTH_BUILD/berth-runtime" 2>/dev/null | grep -q 'lib[a-z]*san' && skip "a sanitizer's memory is not the runtime's"
	configure '.linux.resources.memory={"limit":524288,"swap":524288}'
	run -0 /usr/bin/time -f %M "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	echo "kilobytes: $output"
	# Pages of its program's file count as well, and the virtual machine's root file system maps more of them at a time.
	if [ "$(stat -f -c %T "$BERTH_BUILD")" = ext2/ext3 ]; then
		[ "$output" -lt 2048 ]
	else
		[ "$output" -lt 2304 ]
	fi
}

@test "a memory limit that the runtime itself does not fit in is told as such" {
	configure '.linux.resources.memory={"limit":65536}'
	run runtime run --bundle "$bundle" "$id"
	echo "$status $output"
	[ "$status" != 0 ]
	[[ "$output" == *memory* ]] || [ "$status" = 137 ]
	[ ! -d "$state/$id" ]
}

@test "devices that are not allowed cannot be opened, the default ones can" {
	configure '.linux.devices=[{"type":"c","path":"/dev/kmsg","major":1,"minor":11,"fileMode":438},
		{"type":"c","path":"/dev/port","major":1,"minor":4,"fileMode":438}] |
		.linux.resources.devices=[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}] |
		.process.capabilities |= map_values(["CAP_SYS_RAWIO","CAP_SYSLOG","CAP_DAC_OVERRIDE"])'
	run -0 script 'head -c1 /dev/port >/dev/null || echo port refused; echo x >/dev/kmsg || echo write refused
		dd if=/dev/kmsg of=/dev/null bs=8k count=1 2>/dev/null && echo read; head -c1 /dev/zero | wc -c; echo x >/dev/null && echo null'
	[[ "$output" == *"port refused"*"write refused"*read*1*null ]]
}

@test "freeze and thaw" {
	launch 'while :; do echo x; sleep 0.01; done'
	eventually [ -s "$work/out" ]
	runtime pause "$id"
	[ "$(status_of)" = paused ]
	local size
	size=$(stat -c %s "$work/out")
	sleep 0.3
	[ "$(stat -c %s "$work/out")" = "$size" ]
	runtime resume "$id"
	[ "$(status_of)" = running ]
	eventually eval '[ "$(stat -c %s "$work/out")" -gt "$size" ]'
}

@test "a paused container can be deleted by force" {
	launch 'sleep 1000 & exec sleep 1000'
	runtime pause "$id"
	run -1 runtime delete "$id"
	[[ "$output" == *"not stopped: paused" ]]
	runtime delete --force "$id"
}

@test "update changes limits of a running container and leaves the others" {
	configure '.linux.resources += {"memory":{"limit":67108864},"pids":{"limit":17}}'
	launch 'exec sleep 1000'
	echo '{"pids":{"limit":23}}' | runtime update "$id"
	[ "$(value pids pids.max)" = 23 ]
	echo '{"memory":{"limit":33554432}}' >"$work/resources.json"
	runtime update --resources "$work/resources.json" "$id"
	[ "$(value pids pids.max)" = 23 ]
	if pure_v2; then
		[ "$(value memory memory.max)" = 33554432 ]
	else
		[ "$(value memory memory.limit_in_bytes)" = 33554432 ]
	fi
	run -1 runtime update "$id" <<<'{"pids":{"limit":"many"}}'
	[[ "$output" == *"expected an integer"* ]]
}

@test "cgroupsPath is used, absolute or relative, and the group is gone afterwards" {
	for path in "/berth-test-$id/leaf" "berth-test-$id/leaf"; do
		configure --arg path "$path" '.linux.cgroupsPath=$path'
		create
		is_member "berth-test-$id/leaf"
		runtime delete "$id"
		[ -z "$(find /sys/fs/cgroup -path "*berth-test-$id/leaf" 2>/dev/null)" ]
	done
	find /sys/fs/cgroup -maxdepth 2 -name "berth-test-$id" -exec rmdir {} + 2>/dev/null || true # others come and go
}

@test "a group with processes is not taken over" {
	create
	local first=$id
	configure --arg path "/berth-$id" '.linux.cgroupsPath=$path'
	id=$id-b
	run -1 create
	grep -q "there are processes in it already" "$work/out"
	[ ! -d "$state/$id" ]
	id=$first
	[ "$(status_of)" = created ]
}

@test "groups that the container made itself are removed with it" {
	configure '.mounts |= map(if .type=="cgroup" then .options-=["ro"] else . end)'
	launch 'cd /sys/fs/cgroup; [ -d pids ] && cd pids; mkdir -p own/deep && echo made; sleep 1000'
	eventually grep -q made "$work/out"
	runtime delete --force "$id"
}

@test "without control groups: --cgroup-manager disabled" {
	# shellcheck disable=SC2034 # script reads it
	flags="--cgroup-manager disabled"
	local own
	own=$(sort /proc/self/cgroup)
	configure 'del(.linux.namespaces[] | select(.type=="cgroup")) | del(.linux.resources)'
	run -0 script 'sort /proc/self/cgroup'
	[ "$output" = "$own" ]
}

@test "fifty containers one after another leave nothing and fail never" {
	for i in $(seq 50); do
		runtime run --bundle "$bundle" "$id-$i"
	done
	[ -z "$(runtime list -q)" ]
}
