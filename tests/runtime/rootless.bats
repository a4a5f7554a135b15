#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Containers of an ordinary user with subordinate ids, made by tests/run-as. What does not concern the user as such is
# asked by the other suites, which run as one, too (`scripts/run-tests --only runtime-user,runtime-userns`).

load helpers

eval "helpers_$(declare -f setup)"
setup() {
	helpers_setup
	not_as 'user*' "root makes the user of these tests"
	chmod 755 "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
	chmod 777 "$work"
	chmod 777 "$bundle/rootfs" "$bundle/rootfs/etc" "$bundle/rootfs/tmp"
	configure '.mounts |= map(select(.type != "cgroup"))'
}

# Runs a shell script as the user, with $rt as the runtime and its state root of its own.
as_user() {
	local text=$1
	shift
	chmod 666 "$bundle/config.json"
	rm -rf "$work/user" "$work/out" # of another user: each call makes one
	# shellcheck disable=SC2097,SC2098
	rt="$BERTH_BUILD/berth-runtime --root $work/user" work=$work bundle=$bundle id=$id \
		"$BATS_TEST_DIRNAME/../run-as" user timeout 60 bash -euc "$text" bash "$@" </dev/null
}

quiet='--cgroup-manager disabled'

@test "a container without a user namespace gets one: root is the user, further ids are the user's" {
	configure '.process.args=["sh","-c","id -u; cat /proc/self/uid_map | xargs; touch /tmp/root; sleep 1000"]'
	chmod 777 "$bundle/rootfs/tmp"
	run -0 as_user '$rt --cgroup-manager disabled run -d --bundle $bundle $id >$work/out
		pid=$($rt state $id | jq .pid)
		until [ -e $bundle/rootfs/tmp/root ]; do sleep 0.1; done
		[ $(stat -c %u /proc/$pid) = $(id -u) ]
		[ $(stat -c %U $bundle/rootfs/tmp/root) = $(id -un) ]
		[ $(readlink /proc/$pid/ns/user) != $(readlink /proc/self/ns/user) ]
		$rt delete --force $id
		id -u'
	local uid=${lines[-1]}
	[ "$(head -1 "$work/out")" = 0 ]
	[ "$(sed -n 2p "$work/out")" = "0 $uid 1 1 2000000000 65536" ]
	rm -f "$bundle/rootfs/tmp/root"
	configure '.process.user={"uid":1000,"gid":1001,"additionalGids":[5]} | .process.args=["sh","-c","id -G; touch /tmp/other"]'
	run -0 as_user "\$rt $quiet run --bundle \$bundle \$id"
	[ "$output" = "1001 5" ]
	[ "$(stat -c %u:%g "$bundle/rootfs/tmp/other")" = 2000000999:2000001000 ]
}

@test "without newuidmap there is the own id, and what needs more is refused by name" {
	configure '.process.args=["sh","-c","cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups | xargs"]'
	run -0 as_user "PATH=/nothing \$rt $quiet run --bundle \$bundle \$id; id -u"
	[ "${lines[0]}" = "0 ${lines[-1]} 1 0 ${lines[-1]} 1 deny" ]
	configure '.process.user={"uid":1000,"gid":0}'
	run -1 as_user "PATH=/nothing \$rt $quiet run --bundle \$bundle \$id"
	[[ "$output" == *"process.user.uid 1000: is not in linux.uidMappings"*"/etc/subuid"*"uidmap"* ]]
	configure '.process.user={"uid":0,"gid":0,"additionalGids":[7]}'
	run -1 as_user "PATH=/nothing \$rt $quiet run --bundle \$bundle \$id"
	[[ "$output" == *"process.user.additionalGids (in a user namespace they need subordinate group ids)"* ]]
	configure '.process.user={"uid":0,"gid":0} | .linux.namespaces += [{"type":"user"}] |
		.linux.uidMappings=[{"containerID":0,"hostID":2000000000,"size":2}] | .linux.gidMappings=.linux.uidMappings'
	run -1 as_user "PATH=/nothing \$rt $quiet run --bundle \$bundle \$id"
	[[ "$output" == *"linux.uidMappings: newuidmap is not installed"*"package uidmap"* ]]
}

@test "ids that are not the user's are refused, by whom and where they would have to be named" {
	configure '.linux.namespaces += [{"type":"user"}] |
		.linux.uidMappings=[{"containerID":0,"hostID":1,"size":2}] | .linux.gidMappings=.linux.uidMappings'
	run -1 as_user "\$rt $quiet run --bundle \$bundle \$id; ls \$work/user"
	[[ "$output" == *"linux.uidMappings: "*newuidmap*"/etc/subuid"* ]]
}

@test "--rootless false makes no user namespace" {
	run -1 as_user "\$rt --rootless false $quiet run --bundle \$bundle \$id"
	[[ "$output" == *"Operation not permitted"* ]]
}

@test "without control groups: limits that are asked for are refused, and without any there is a warning" {
	if pure_v2; then
		skip "on cgroup v2 delegation decides: cgroups.bats"
	fi
	configure '.linux.resources={"memory":{"limit":67108864}}'
	run -1 as_user '$rt run --bundle $bundle $id'
	[[ "$output" == *"make cgroup /berth-$id in /sys/fs/cgroup/"*"Permission denied"*"version 1 cannot be delegated"* ]]
	configure '.linux.resources={"devices":[{"allow":false,"access":"rwm"}]} | .process.args=["echo","ran"]'
	run -0 as_user '$rt run --bundle $bundle $id'
	[[ "$output" == *"warning: the container has no cgroup: "*ran ]]
}

@test "exec, ps, kill --all, pause and delete without control groups" {
	configure '.process.args=["sh","-c","sleep 1000 & sleep 1000 & exec sleep 1000"]'
	run -0 as_user 'rt="$rt --cgroup-manager disabled"
		$rt run -d --bundle $bundle $id >$work/out 2>&1
		$rt exec $id sh -c "id -u; cat /proc/self/uid_map | wc -l"
		until [ "$($rt ps -f json $id | jq length)" = 3 ]; do sleep 0.1; done
		$rt pause $id && exit 1
		echo "{\"memory\":{\"limit\":100000000}}" | $rt update -r - $id && exit 1
		$rt kill --all $id TERM
		until [ "$($rt ps -f json $id | jq length)" = 1 ]; do sleep 0.1; done
		$rt kill --all $id KILL
		until [ "$($rt state $id | jq -r .status)" = stopped ]; do sleep 0.1; done
		$rt delete $id
		[ -z "$($rt list -q)" ]'
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = 2 ]
	echo "$output"
	[ "$(grep -c "container $id has no cgroup, which this needs" <<<"$output")" = 2 ]
	configure 'del(.linux.namespaces[] | select(.type=="pid"))'
	run -0 as_user 'rt="$rt --cgroup-manager disabled"
		$rt run -d --bundle $bundle $id >$work/out 2>&1
		$rt ps $id && exit 1
		$rt kill --all $id KILL && exit 1
		$rt kill $id KILL
		until [ "$($rt state $id | jq -r .status)" = stopped ]; do sleep 0.1; done
		$rt delete $id'
	[ "$(grep -c "neither a cgroup nor a pid namespace of its own" <<<"$output")" = 2 ]
}

@test "oomScoreAdj is set where that is allowed, and else stays with a warning" {
	configure '.process.oomScoreAdj=500 | .process.args=["cat","/proc/self/oom_score_adj"]'
	run -0 as_user "\$rt $quiet run --bundle \$bundle \$id"
	[ "$output" = 500 ]
	configure '.process.oomScoreAdj=-500'
	run -0 as_user "\$rt $quiet run --bundle \$bundle \$id"
	[[ "$output" == *"warning: process.oomScoreAdj: stays "*", -500 cannot be set without CAP_SYS_RESOURCE"* ]]
}

@test "exec in a container that was not started; its oomScoreAdj" {
	configure '.process.args=["sleep","1000"] | .process.oomScoreAdj=300'
	jq '.process | .args=["cat","/proc/self/oom_score_adj"] | .oomScoreAdj=700' "$bundle/config.json" >"$work/process.json"
	chmod 644 "$work/process.json"
	run as_user "
		\$rt $quiet create --bundle \$bundle \$id >\$work/out 2>&1
		\$rt exec \$id sh -c 'cat /proc/self/oom_score_adj; for kind in cgroup ipc mnt net pid; do readlink /proc/self/ns/\$kind; done'
		for kind in cgroup ipc mnt net pid user uts; do
			# Only root may look at its namespaces.
			! readlink /proc/\$(\$rt state \$id | jq .pid)/ns/\$kind 2>/dev/null
		done
		\$rt state \$id | jq -r .status
		\$rt start \$id
		echo; for kind in cgroup ipc mnt net pid; do readlink /proc/\$(\$rt state \$id | jq .pid)/ns/\$kind; done
		echo; \$rt exec --process \$work/process.json \$id
		\$rt delete --force \$id"
	cat "$work/out"
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 300 ]
	[[ "$output" == *$'\ncreated\n'* ]]
	[ "${lines[-1]}" = 700 ]
	[[ "$output" != *"cannot be set"* ]]
	# It was in the same as the program later.
	for kind in cgroup ipc mnt net pid; do
		[ "$(grep -c "^$kind:" <<<"$output")" = 2 ]
		[ "$(grep "^$kind:" <<<"$output" | sort -u | wc -l)" = 1 ]
	done
}

@test "the creator's mounts of sysfs, mqueue and procfs serve where the namespaces are shared" {
	configure '.linux.namespaces |= map(select(.type | IN("network","ipc","pid") | not)) | .process.args=["sh","-c",
		"ls /sys/class/net | wc -l; ls -d /proc/1; touch /sys/x 2>/dev/null || grep -c \" /sys ro\" /proc/self/mountinfo"]'
	mountpoint -q /dev/mqueue || configure 'del(.mounts[] | select(.type == "mqueue"))'
	run -0 as_user "\$rt $quiet run --bundle \$bundle \$id"
	[ "${lines[0]}" = "$(find /sys/class/net -mindepth 1 | wc -l)" ]
	[ "${lines[-1]}" = 1 ]
}

@test "CVE-2023-25809: without a cgroup namespace the groups can only be read" {
	configure '.linux.namespaces |= map(select(.type != "cgroup")) |
		.mounts += [{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["rw"]}] |
		.process.args=["sh","-c","cat /proc/self/mountinfo; find /sys/fs/cgroup -name cgroup.procs | while read f; do echo 1 2>/dev/null >$f && echo written; done; true"]'
	run -0 as_user "\$rt $quiet run --bundle \$bundle \$id 2>/dev/null"
	[ "$(grep -c " - cgroup" <<<"$output")" -gt 0 ]
	[ "$(grep " - cgroup" <<<"$output" | grep -cv " ro,")" = 0 ]
	[[ "$output" != *written* ]]
}

@test "root of a user namespace without a mount namespace of its own makes containers" {
	configure '.linux.devices=[{"type":"c","path":"/dev/fuse","major":10,"minor":229}] | .process.args=["sh","-c",
		"stat -c %F:%t:%T /dev/null; echo x >/dev/null; echo ran"] | .process.oomScoreAdj=-3'
	[ -c /dev/fuse ] || configure 'del(.linux.devices)'
	run -0 as_user "unshare --user --map-root-user \$rt $quiet run --bundle \$bundle \$id 2>/dev/null"
	[ "${lines[0]}" = "character special file:1:3" ]
	[ "${lines[1]}" = ran ]
	run -0 as_user "unshare --user --map-root-user --mount \$rt $quiet run --bundle \$bundle \$id 2>/dev/null"
	[ "${lines[1]}" = ran ]
}

@test "the sources of bind mounts are opened with the user's rights" {
	configure --arg source "$work/private/source" '.mounts += [{"destination":"/data","type":"bind","source":$source,"options":["rbind","ro"]}] |
		.linux.namespaces += [{"type":"user"}] | .linux.uidMappings=[{"containerID":0,"hostID":2000000000,"size":9}] |
		.linux.gidMappings=.linux.uidMappings | .process.args=["cat","/data/file"]'
	run -0 as_user "mkdir -p \$work/private/source; echo mine >\$work/private/source/file; chmod 700 \$work/private
		\$rt $quiet run --bundle \$bundle \$id"
	[ "$output" = mine ]
	mkdir -m 700 "$work/roots"
	configure --arg source "$work/roots/x" '.mounts[-1].source=$source'
	run -1 as_user "\$rt $quiet run --bundle \$bundle \$id"
	[[ "$output" == *"mount /data: clone the mount of $work/roots/x: Permission denied" ]]
}

@test "the waiting process is not dumpable" {
	configure '.process.args=["true"]'
	run -0 as_user "\$rt $quiet create --bundle \$bundle \$id >\$work/out 2>&1
		stat -c %u /proc/\$(\$rt state \$id | jq .pid)/environ; \$rt delete --force \$id"
	[ "$output" = 0 ]
}

@test "the state root is the session's folder, or one of /tmp that is the user's alone" {
	configure '.process.args=["true"]'
	run -0 as_user "rt=\${rt%% *}; \$rt $quiet create --bundle \$bundle \$id >\$work/out 2>&1
		[ -e \$XDG_RUNTIME_DIR/berth-runtime/\$id/state.json ]; \$rt delete --force \$id
		unset XDG_RUNTIME_DIR; fallback=/tmp/berth-runtime-\$(id -u); [ ! -e \$fallback ]
		\$rt $quiet create --bundle \$bundle \$id >\$work/out 2>&1
		stat -c %a \$fallback; \$rt delete --force \$id; chmod 755 \$fallback; \$rt list || true; rm -r \$fallback
		ln -s \$HOME \$fallback; \$rt list || true; rm \$fallback"
	[ "${lines[0]}" = 700 ]
	[ "$(grep -c "must be a folder that only user .* may enter; or set XDG_RUNTIME_DIR or --root" <<<"$output")" = 2 ]
}
