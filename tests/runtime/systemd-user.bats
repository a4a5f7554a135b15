#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# An ordinary user's groups: made by the user's own systemd, or below a group that was delegated (scripts/vm --systemd
# --user).

load helpers

setup() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/berth-runtime-test-XXXXXX")
	state=$work/state
	bundle=$work/bundle
	id=rt$$-$BATS_TEST_NUMBER
	if [ "$(id -u)" = 0 ] || [ "$(cat /proc/1/comm)" != systemd ] || ! [ -S "$XDG_RUNTIME_DIR/systemd/private" ]; then
		skip "needs an ordinary user with a systemd of their own (scripts/vm --systemd --user)"
	fi
	cp -a "$BATS_FILE_TMPDIR/bundle" "$bundle"
	rm "$bundle/config.json"
	"$BERTH_BUILD/berth-runtime" spec --rootless --bundle "$bundle"
	configure '.process.terminal=false | .root.readonly=false | .linux.resources={"memory":{"limit":67108864},"pids":{"limit":17}}'
}

group_of() {
	echo "/sys/fs/cgroup$(sed 's/^0:://' "/proc/$(pid_of "$1")/cgroup")"
}

@test "the user's systemd makes the scope, with limits that hold over a reload" {
	configure '.process.args=["sleep","1000"]'
	runtime --systemd-cgroup create --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	runtime start "$id"
	local group
	group=$(group_of "$id")
	[[ "$group" == */user@$(id -u).service/user.slice/berth-$id.scope ]]
	echo '{"pids":{"limit":23}}' | runtime update "$id"
	systemctl --user daemon-reload
	[ "$(cat "$group/memory.max")" = 67108864 ]
	[ "$(cat "$group/pids.max")" = 23 ]
	[ "$(cat "$group/cgroup.procs")" = "$(pid_of)" ]
	run -0 systemd-run --user --scope -q "$BERTH_BUILD/berth-runtime" --root "$state" exec "$id" cat /proc/self/cgroup
	[[ "$output" == *"0::/" ]]
	runtime delete --force "$id"
	[ "$(systemctl --user show -p LoadState --value "berth-$id.scope")" = not-found ]
}

@test "a delegated group is used, and its processes make room" {
	configure '.process.args=["sh","-c","cat /proc/self/cgroup"]'
	cat >"$work/inside" <<-'INSIDE'
		"$@" </dev/null || exit
		cat /proc/self/cgroup
		own=/sys/fs/cgroup$(sed 's/^0:://; s,/berth-callers$,,' /proc/self/cgroup)
		cat "$own/cgroup.subtree_control"
	INSIDE
	run -0 systemd-run --user --scope -q -p Delegate=yes sh "$work/inside" "$BERTH_BUILD/berth-runtime" --root "$state" \
		run --bundle "$bundle" "$id"
	echo "$output"
	[[ "$output" == *"0::/"*/berth-callers*memory* ]]
}

@test "without delegation limits are refused with the remedy, and a container without limits runs" {
	configure '.process.args=["true"]'
	run -1 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *"user $(id -u) may not make groups in it (Permission denied): run it in a delegated group"* ]]
	[ ! -d "$state/$id" ]
	configure 'del(.linux.resources)'
	run -0 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *"warning: the container has no cgroup"* ]]
}
