#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Filters of system calls: actions, flags, finished programs, and calls that another program answers.

load helpers

filter() {
	configure --argjson filter "$1" '.linux.seccomp=$filter'
}

# A program that answers system calls. It writes what comes with each listener to $work/agent.N, answers mkdir with
# EXDEV, and lets all other calls go on.
agent() {
	cat >"$work/agent.py" <<-'PYTHON'
		import array, errno, fcntl, os, select, socket, struct, sys
		RECV, SEND = 0xC0502100, 0xC0182101
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1] + "/agent.socket")
		server.listen(4)
		poll, listeners, count = select.poll(), {}, 0
		poll.register(server, select.POLLIN)
		while True:
		    for fd, events in poll.poll(20000) or [(-1, 0)]:
		        if fd == -1:
		            sys.exit(0)
		        if fd == server.fileno():
		            connection, _ = server.accept()
		            data, ancillary, _, _ = connection.recvmsg(65536, 1000)
		            listener = array.array("i", ancillary[0][2])[0]
		            count += 1
		            with open(f"{sys.argv[1]}/agent.new", "wb") as out:
		                out.write(data)
		            os.rename(f"{sys.argv[1]}/agent.new", f"{sys.argv[1]}/agent.{count}")
		            poll.register(listener, select.POLLIN)
		            continue
		        if not events & select.POLLIN:
		            poll.unregister(fd)
		            continue
		        try:
		            notification = bytearray(80)
		            fcntl.ioctl(fd, RECV, notification)
		            call, _, _, number = struct.unpack_from("QIIi", notification)
		            if number in (83, 258):
		                answer = struct.pack("QqiI", call, 0, -errno.EXDEV, 0)
		            else:
		                answer = struct.pack("QqiI", call, 0, 0, 1)
		            fcntl.ioctl(fd, SEND, answer)
		        except OSError:
		            pass
	PYTHON
	python3 "$work/agent.py" "$work" 3>&- 4>&- >"$work/agent.log" 2>&1 &
	agent=$!
	eventually [ -S "$work/agent.socket" ]
}

# A filter that asks the agent about these calls.
ask() {
	filter "$(jq -nc --arg path "$work/agent.socket" --arg names "$1" '{defaultAction:"SCMP_ACT_ALLOW",listenerPath:$path,
		listenerMetadata:"some words",syscalls:[{names:($names | split(" ")),action:"SCMP_ACT_NOTIFY"}]}')"
}

eval "helpers_$(declare -f teardown)"
teardown() {
	if [ -n "${agent:-}" ]; then
		kill "$agent"
	fi
	helpers_teardown
}

@test "SCMP_ACT_NOTIFY: the agent gets the listener with the container's state, and answers" {
	agent
	ask "mkdir mkdirat"
	configure '.annotations={"a":"b"}'
	launch 'mkdir /tmp/x || echo refused; exec sleep 1000'
	eventually grep -q refused "$work/out"
	grep -q 'Invalid cross-device link' "$work/out"
	[ "$(jq -r '.fds[0], .metadata, .state.id, .state.annotations.a, .state.bundle' "$work/agent.1" | xargs)" = \
		"seccompFd some words $id b $bundle" ]
	[ "$(jq '.pid, .state.pid' "$work/agent.1" | xargs)" = "$(pid_of) $(pid_of)" ]
	[ "$(jq -r .ociVersion "$work/agent.1")" = "$(runtime state "$id" | jq -r .ociVersion)" ]
	# Nothing of this is left in the container.
	[ -z "$(pgrep -P "$(pid_of)")" ]
	[ "$(find "/proc/$(pid_of)/fd" -type l | wc -l)" = 3 ]
}

@test "SCMP_ACT_NOTIFY for the calls that the runtime itself makes last: nothing waits for ever" {
	agent
	ask "read execve capset capget prctl wait4 waitid close sendmsg recvmsg exit_group mkdir"
	run -0 timeout 30 "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	configure '.process.noNewPrivileges=false | .process.user={"uid":1000,"gid":1000}'
	run -0 timeout 30 "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	[ -e "$work/agent.2" ]
}

@test "SCMP_ACT_NOTIFY in a user namespace, with limits that leave no further process" {
	agent
	ask mkdir
	user_namespace
	configure '.process.rlimits=[{"type":"RLIMIT_NPROC","soft":1,"hard":1}] | .process.user={"uid":7,"gid":7} |
		.process.args=["mkdir","/tmp/x"]'
	run -1 timeout 30 "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	[[ "$output" == *"Invalid cross-device link"* ]]
}

@test "SCMP_ACT_NOTIFY: a further process has its own listener" {
	agent
	ask mkdir
	launch 'sleep 1000'
	run -1 runtime exec "$id" mkdir /tmp/x
	[[ "$output" == *"Invalid cross-device link"* ]]
	[ "$(jq .state.pid "$work/agent.2")" = "$(pid_of)" ]
	[ "$(jq .pid "$work/agent.2")" != "$(pid_of)" ]
}

@test "run.oci.seccomp.receiver is the same as listenerPath" {
	agent
	filter '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}'
	configure --arg path "$work/agent.socket" '.annotations={"run.oci.seccomp.receiver":$path}'
	run -1 script 'mkdir /tmp/x'
	[[ "$output" == *"Invalid cross-device link"* ]]
	[ "$(jq -r .metadata "$work/agent.1")" = null ]
}

@test "SCMP_ACT_NOTIFY: what cannot work is refused by name" {
	local change expected
	ask mkdir
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"linux.seccomp.listenerPath: $work/agent.socket: No such file or directory"* ]]
	touch "$work/agent.socket"
	cp "$bundle/config.json" "$work/good.json"
	while IFS='|' read -r change expected; do
		cp "$work/good.json" "$bundle/config.json"
		configure "$change"
		run -1 runtime create --bundle "$bundle" "$id"
		echo "$change: $output"
		[[ "$output" == *"$expected"* ]]
		[ ! -d "$state/$id" ]
	done <<-'CASES'
		.|agent.socket is no socket
		.linux.seccomp.listenerPath="agent.socket"|linux.seccomp.listenerPath: agent.socket: must be an absolute path
		del(.linux.seccomp.listenerPath, .linux.seccomp.listenerMetadata)|linux.seccomp.listenerPath: is needed for SCMP_ACT_NOTIFY
		del(.linux.seccomp.listenerPath)|listenerMetadata: there is no listenerPath
		.linux.seccomp.syscalls[0].names=["write"]|SCMP_ACT_NOTIFY for write would stop the runtime itself
		.linux.seccomp.defaultAction="SCMP_ACT_NOTIFY"|SCMP_ACT_NOTIFY cannot be the default action
	CASES
}

@test "SCMP_ACT_NOTIFY: an agent that is gone at the start stops the container" {
	agent
	ask mkdir
	create
	kill "$agent"
	wait "$agent" || true
	agent=
	run -1 timeout 30 "$BERTH_BUILD/berth-runtime" --root "$state" start "$id"
	[[ "$output" == *"listenerPath: $work/agent.socket: "*"nobody listens there"* ]]
	[ "$(status_of)" = stopped ]
}

@test "every action" {
	local action expected
	while read -r action expected; do
		filter "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],\"action\":\"$action\"}]}"
		run script 'mkdir /tmp/x; echo "ended with $?"'
		rm -rf "$bundle/rootfs/tmp/x"
		echo "$action: $output"
		[[ "$output" == *"$expected"* ]]
	done <<-'CASES'
		SCMP_ACT_KILL ended with 159
		SCMP_ACT_KILL_THREAD ended with 159
		SCMP_ACT_KILL_PROCESS ended with 159
		SCMP_ACT_TRAP ended with 159
		SCMP_ACT_ERRNO Operation not permitted
		SCMP_ACT_TRACE Function not implemented
		SCMP_ACT_ALLOW ended with 0
		SCMP_ACT_LOG ended with 0
	CASES
}

@test "every flag, and an unknown one by its name" {
	filter '{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_TSYNC","SECCOMP_FILTER_FLAG_LOG",
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW","SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
		"syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}'
	run -1 script 'mkdir /tmp/x'
	[[ "$output" == *"not permitted"* ]]
	agent
	ask mkdir
	configure '.linux.seccomp.flags=["SECCOMP_FILTER_FLAG_TSYNC","SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]'
	run -1 script 'mkdir /tmp/x'
	[[ "$output" == *"cross-device"* ]]
	configure '.linux.seccomp.flags=["SECCOMP_FILTER_FLAG_NOTHING"]'
	run -1 script true
	[[ "$output" == *"unknown flag 'SECCOMP_FILTER_FLAG_NOTHING'"* ]]
}

@test "run.oci.seccomp_bpf_data is the filter itself" {
	local program
	program=$(
		python3 - <<-'PYTHON'
			import base64, struct
			code = [(0x20, 0, 0, 0), (0x15, 1, 0, 83), (0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 + 16)]
			print(base64.b64encode(b"".join(struct.pack("HBBI", *one) for one in code)).decode())
		PYTHON
	)
	configure --arg program "$program" '.annotations={"run.oci.seccomp_bpf_data":$program}'
	run -1 script 'mkdir /tmp/x'
	[[ "$output" == *"Device or resource busy"* ]]
	configure '.annotations={"run.oci.seccomp_bpf_data":"AAAA"}'
	run -1 script true
	[[ "$output" == *"annotation run.oci.seccomp_bpf_data: is no program"* ]]
}

@test "run.oci.seccomp_fail_unknown_syscall" {
	filter '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","nosuchcall"],"action":"SCMP_ACT_ERRNO"}]}'
	run -0 script true
	configure '.annotations={"run.oci.seccomp_fail_unknown_syscall":"0"}'
	run -0 script true
	configure '.annotations={"run.oci.seccomp_fail_unknown_syscall":"1"}'
	run -1 script true
	[[ "$output" == *"seccomp: unknown system call 'nosuchcall'"* ]]
}

@test "every architecture of the specification, and an unknown one by its name" {
	filter "$(runtime features | jq -c '{defaultAction:"SCMP_ACT_ALLOW",architectures:.linux.seccomp.archs,
		syscalls:[{names:["mkdir"],action:"SCMP_ACT_ERRNO"}]}')"
	[ "$(jq '.linux.seccomp.architectures | length' "$bundle/config.json")" -ge 23 ]
	run -1 script 'mkdir /tmp/x'
	[[ "$output" == *"not permitted"* ]]
	configure '.linux.seccomp.architectures=["SCMP_ARCH_PDP11"]'
	run -1 script true
	[[ "$output" == *"unknown architecture 'SCMP_ARCH_PDP11'"* ]]
}
