#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What only older kernels refuse. The other suites of the runtime, and the attacks on paths and mounts, run as an old
# kernel by `scripts/run-tests --only runtime-old`.

load helpers

old() {
	"$BERTH_BUILD/deny-syscalls" "$1" "$BERTH_BUILD/berth-runtime" --root "$state" "${@:2}"
}

@test "the calls are denied" {
	run -2 "$BERTH_BUILD/deny-syscalls" 5.1 "$BERTH_BUILD/deny-syscalls" 9.9 true
	[[ "$output" == *"nothing in \"9.9\" is denied"* ]] || [[ "$output" == *"install the filter"* ]]
	run -0 "$BERTH_BUILD/deny-syscalls" clone3,openat2 grep Seccomp: /proc/self/status
	[[ "$output" == *2 ]]
}

@test "what cannot be done without the newer calls is refused by name" {
	mkdir "$work/source"
	cp "$bundle/config.json" "$work/good.json"
	for kernel in 5.1 5.10; do
		configure --arg source "$work/source" '.mounts += [{"destination":"/data","type":"bind","source":$source,
			"options":["rbind","idmap"],"uidMappings":[{"containerID":0,"hostID":5,"size":9}],
			"gidMappings":[{"containerID":0,"hostID":5,"size":9}]}]'
		run -1 old $kernel run --bundle "$bundle" "$id"
		[[ "$output" == *"mount /data: "*"needs Linux 5.12"* ]]
		cp "$work/good.json" "$bundle/config.json"
		configure --arg source "$work/source" '.mounts += [{"destination":"/data","type":"bind","source":$source,
			"options":["rbind","rshared"]}]'
		run -1 old $kernel run --bundle "$bundle" "$id"
		[[ "$output" == *"mount /data: option shared: "*"needs Linux 5.12"* ]]
		cp "$work/good.json" "$bundle/config.json"
	done
	configure '.linux.namespaces += [{"type":"time"}]'
	run -1 old 5.1 run --bundle "$bundle" "$id"
	[[ "$output" == *"a time namespace needs clone3"* ]]
}

@test "one option of a file system does not become two" {
	configure '.mounts += [{"destination":"/data","type":"tmpfs","source":"tmpfs","options":["size=1m,mode=777"]}]'
	run -1 old 5.1 run --bundle "$bundle" "$id"
	[[ "$output" == *"option size=1m,mode=777: must have no comma"* ]]
}
