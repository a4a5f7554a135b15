#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# AppArmor profiles. Where the kernel has no AppArmor these tests are left out; tests/vm runs them on one that has.

load helpers

eval "helpers_$(declare -f setup)"
eval "helpers_$(declare -f teardown)"

setup() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip "AppArmor is not enabled here"
	helpers_setup
	cat >"$work/profile" <<-'PROFILE'
		profile berth-runtime-test flags=(attach_disconnected,mediate_deleted) {
			file,
			capability,
			network,
			signal,
			ptrace,
			mount,
			deny /tmp/secret rw,
		}
	PROFILE
	apparmor_parser --skip-cache --replace "$work/profile"
}

teardown() {
	[ -n "${work:-}" ] || return 0
	local status=0
	helpers_teardown || status=1
	echo -n berth-runtime-test >/sys/kernel/security/apparmor/.remove || status=1
	return $status
}

@test "the process is under its profile, and further ones are" {
	configure '.process.apparmorProfile="berth-runtime-test"'
	echo word >"$bundle/rootfs/tmp/secret"
	launch 'cat /proc/self/attr/current /tmp/secret; echo ended; exec sleep 1000'
	eventually grep -q ended "$work/out"
	grep -qx 'berth-runtime-test (enforce)' "$work/out"
	grep -q 'Permission denied' "$work/out"
	[ "$(cat "/proc/$(pid_of)/attr/current")" = 'berth-runtime-test (enforce)' ]
	run -1 runtime exec "$id" cat /tmp/secret
	[[ "$output" == *"Permission denied"* ]]
}

@test "a profile with another user, without capabilities, with a filter, in a user namespace" {
	user_namespace
	configure '.process.apparmorProfile="berth-runtime-test" | .process.user={"uid":1000,"gid":1000} |
		.process.capabilities |= map_values([]) |
		.linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}'
	run -0 script 'cat /proc/self/attr/current'
	[ "$output" = 'berth-runtime-test (enforce)' ]
}

@test "a profile that is not loaded is an error at the start, and the program does not run" {
	configure '.process.apparmorProfile="berth-nothing"'
	run -1 script 'touch /tmp/ran'
	[[ "$output" == *"attr/"*"exec: No such file or directory"* ]]
	[ ! -e "$bundle/rootfs/tmp/ran" ]
}

@test "unconfined is a profile, too" {
	configure '.process.apparmorProfile="unconfined"'
	run -0 script 'cat /proc/self/attr/current'
	[ "$output" = unconfined ]
}
