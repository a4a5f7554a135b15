#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Devices of the configuration: all types, beside the default ones, and in user namespaces.

load helpers

@test "types c, u, b and p, with modes and owners, replace nothing" {
	configure '.linux.devices=[
		{"type":"c","path":"/dev/one","major":1,"minor":3,"fileMode":416,"uid":1,"gid":2},
		{"type":"u","path":"/dev/two","major":1,"minor":5},
		{"type":"b","path":"/dev/three","major":7,"minor":0,"fileMode":25008},
		{"type":"p","path":"/dev/four","fileMode":4480}] |
		.linux.resources.devices += [{"allow":true,"access":"rwm"}]'
	run -0 script 'stat -c "%n %F %t:%T %a %u:%g" /dev/one /dev/two /dev/three /dev/four'
	[ "${lines[0]}" = "/dev/one character special file 1:3 640 1:2" ]
	[ "${lines[1]}" = "/dev/two character special file 1:5 666 0:0" ]
	[ "${lines[2]}" = "/dev/three block special file 7:0 660 0:0" ]
	[ "${lines[3]}" = "/dev/four fifo 0:0 600 0:0" ]
}

@test "a default device with a mode and an owner of the configuration's" {
	configure '.linux.devices=[{"type":"c","path":"/dev/full","major":1,"minor":7,"fileMode":384,"uid":3,"gid":4}]'
	run -0 script 'stat -c "%a %u:%g" /dev/full /dev/zero | xargs'
	[ "$output" = "600 3:4 666 0:0" ]
}

@test "in a user namespace the host's devices are bound, and what only can be made is" {
	user_namespace
	configure '.linux.devices=[{"type":"c","path":"/dev/full","major":1,"minor":7},{"type":"p","path":"/dev/pipe","fileMode":384}]'
	run -0 script 'stat -c "%F %t:%T" /dev/full /dev/pipe /dev/null; echo x >/dev/full || echo full; grep -c " /dev/full " /proc/self/mountinfo'
	[ "${lines[0]}" = "character special file 1:7" ]
	[ "${lines[1]}" = "fifo 0:0" ]
	[ "${lines[2]}" = "character special file 1:3" ]
	[[ "$output" == *full* ]]
	[ "${lines[-1]}" -ge 1 ]
}

@test "in a user namespace a device that is not everybody's on the host, or is not there, is the container's own" {
	user_namespace
	configure '.linux.devices=[{"type":"c","path":"/dev/nothing","major":1,"minor":7,"fileMode":416,"uid":3,"gid":4},
		{"type":"c","path":"/dev/zero","major":1,"minor":7}]'
	if [[ ${BERTH_TEST_AS:-} == old-* ]] || [ "$(printf '6.15\n%s\n' "$(uname -r)" | sort -V | head -n 1)" != 6.15 ]; then
		run -1 script true
		[[ "$output" == *"device /dev/nothing: the host's is not c 1:7, and in a user namespace none can be made: "* ]]
		[[ ${BERTH_TEST_AS:-} == old-* || "$output" == *"needs Linux 6.15"* ]]
		return
	fi
	run -0 script 'stat -c "%F %t:%T %a %u:%g" /dev/nothing /dev/zero; echo x >/dev/nothing || echo full
		grep -c " /dev/nothing " /proc/self/mountinfo; find / -xdev -name node'
	[ "${lines[0]}" = "character special file 1:7 640 3:4" ]
	[ "${lines[1]}" = "character special file 1:7 666 0:0" ]
	[[ "$output" == *full* ]]
	[ "${lines[-1]}" = 1 ]
	configure '.linux.devices[0].uid=4000000'
	run -1 script true
	[[ "$output" == *"device /dev/nothing: the host's is not c 1:7, and in a user namespace none can be made"* ]]
}

@test "something else of a device's name is refused" {
	configure '.mounts |= map(select(.destination | startswith("/dev") | not))'
	mkdir -p "$bundle/rootfs/dev"
	touch "$bundle/rootfs/dev/zero"
	run -1 script true
	[[ "$output" == *"device /dev/zero: the root has something else of that name"* ]]
}
