#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Annotations of other runtimes that change what a container is.

load helpers

@test "run.oci.hooks.stdout and .stderr: what hooks write is appended there" {
	local out='["sh","-c","echo \($n) out; echo \($n) err >&2"]'
	configure --arg out "$work/out.log" "def hook(\$n): [{path:\"/bin/sh\",args:$out}];
		.annotations={\"run.oci.hooks.stdout\":\$out,\"run.oci.hooks.stderr\":\"err.log\"} |
		.hooks={prestart:hook(\"prestart\"),createContainer:hook(\"createContainer\"),startContainer:hook(\"startContainer\"),
		poststart:hook(\"poststart\"),poststop:hook(\"poststop\")}"
	echo before >"$work/out.log"
	run -0 script true
	[ "$(xargs <"$work/out.log")" = "before prestart out createContainer out startContainer out poststart out poststop out" ]
	[ "$(xargs <"$bundle/err.log")" = "prestart err createContainer err startContainer err poststart err poststop err" ]
}

@test "hooks of the runtime are run in the bundle's folder" {
	configure '.hooks={createRuntime:[{path:"/bin/sh",args:["sh","-c","pwd >where"]}]}'
	run -0 script true
	[ "$(cat "$bundle/where")" = "$bundle" ]
}

@test "run.oci.keep_original_groups: the creator's groups are the process's" {
	configure '.annotations={"run.oci.keep_original_groups":"1"}'
	run -0 setpriv --groups 4711,4712 "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	configure '.process.args=["sh","-c","grep ^Groups /proc/self/status"]'
	run -0 setpriv --groups 4711,4712 "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	[[ "$output" == *"4711 4712"* ]]
	configure '.annotations={"run.oci.keep_original_groups":"0"}'
	run -0 setpriv --groups 4711,4712 "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	[[ "$output" != *4711* ]]
}

@test "annotations that need what this runtime has not are refused by name" {
	configure '.annotations={"run.oci.handler":"krun"}'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"annotation run.oci.handler: krun is not implemented"* ]]
	configure '.annotations={"run.oci.seccomp.plugins":"/x.so"}'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"annotation run.oci.seccomp.plugins: /x.so is not implemented"* ]]
}

@test "unknown properties and newer versions are no errors" {
	configure '.ociVersion="1.99.0" | .nothing={"x":1} | .linux.nothing=[1] | .process.nothing=true | .process.user.nothing=1 |
		.mounts[0].nothing="x"'
	run -0 script 'echo ran'
	[ "$output" = ran ]
	configure '.ociVersion="7.0.0-rc.1+x"'
	run -0 script true
	configure '.ociVersion="one"'
	run -1 script true
	[[ "$output" == *"ociVersion one: is no version"* ]]
}

@test "a configuration without a process can be created and not be started" {
	configure 'del(.process)'
	runtime create --bundle "$bundle" "$id"
	[ "$(status_of)" = created ]
	run -1 runtime start "$id"
	[[ "$output" == *"has no process to start"* ]]
	[ "$(status_of)" = stopped ]
}

@test "a relative destination is taken from the root, with a warning" {
	configure '.mounts += [{"destination":"relative/place","type":"tmpfs","source":"tmpfs"}]'
	run -0 script 'grep -c " /relative/place " /proc/self/mountinfo'
	[[ "$output" == *"relative/place: a relative destination is deprecated"* ]]
	[ "${lines[-1]}" = 1 ]
}

@test "mountLabel and run.oci.mount_context_type: without SELinux a warning, and no unknown type" {
	if [ -e /sys/fs/selinux/enforce ]; then
		skip "SELinux is enabled here"
	fi
	configure '.linux.mountLabel="system_u:object_r:container_file_t:s0" | .annotations={"run.oci.mount_context_type":"rootcontext"}'
	run -0 script 'echo ran'
	[[ "$output" == *"linux.mountLabel: SELinux is not enabled on this host, ignored"*ran ]]
	configure '.annotations={"run.oci.mount_context_type":"nocontext"}'
	run -1 script true
	[[ "$output" == *"annotation run.oci.mount_context_type: nocontext is not known"* ]]
}

@test "labels of a process without the module that knows them are refused by name" {
	if [ ! -e /sys/fs/selinux/enforce ]; then
		configure '.process.selinuxLabel="system_u:system_r:container_t:s0"'
		run -1 script true
		[[ "$output" == *"process.selinuxLabel: SELinux is not enabled on this host"* ]]
	fi
	if [ ! -e /sys/module/apparmor/parameters/enabled ]; then
		configure 'del(.process.selinuxLabel) | .process.apparmorProfile="some"'
		run -1 script true
		[[ "$output" == *"process.apparmorProfile: AppArmor is not enabled on this host"* ]]
	fi
}

@test "run.oci.pidfd_receiver gets the process's descriptor" {
	python3 - "$work/socket" "$work/got" <<-'PYTHON' 3>&- 4>&- &
		import array, socket, sys
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1])
		server.listen(1)
		connection, _ = server.accept()
		_, ancillary, _, _ = connection.recvmsg(100, 1000)
		pidfd = array.array("i", ancillary[0][2])[0]
		with open(f"/proc/self/fdinfo/{pidfd}") as info, open(sys.argv[2], "w") as out:
		    out.write([line.split()[1] for line in info if line.startswith("Pid:")][0])
	PYTHON
	local receiver=$!
	eventually [ -S "$work/socket" ]
	configure --arg path "$work/socket" '.annotations={"run.oci.pidfd_receiver":$path}'
	launch 'exec sleep 1000'
	wait $receiver
	[ "$(cat "$work/got")" = "$(pid_of)" ]
}
