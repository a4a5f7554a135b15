#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who the process is and how it begins: ids, capabilities, limits, environment, filter, terminal, and the words for what
# cannot be executed.

load helpers

@test "errors of the program have the well-known words and end in exit status 1" {
	local args message
	mkdir "$bundle/rootfs/data"
	echo '#!/nothing' >"$bundle/rootfs/data/script"
	echo 'no program' >"$bundle/rootfs/data/text"
	printf '\177ELFbroken' >"$bundle/rootfs/data/elf"
	chmod 755 "$bundle/rootfs/data/script" "$bundle/rootfs/data/elf"
	while IFS='|' read -r args message; do
		configure --arg arg "$args" '.process.args=[$arg]'
		run -1 runtime run --bundle "$bundle" "$id"
		echo "$args: $output"
		[ "$output" = "berth-runtime: $message" ]
	done <<-'CASES'
		nothing|exec: "nothing": executable file not found in $PATH
		|exec: "": executable file not found in $PATH
		/nothing|exec: "/nothing": stat /nothing: no such file or directory
		/bin/busybox/x|exec: "/bin/busybox/x": stat /bin/busybox/x: not a directory
		/data|exec: "/data": is a directory: permission denied
		/data/text|exec: "/data/text": permission denied
		/data/script|exec /data/script: no such file or directory
		/data/elf|exec /data/elf: exec format error
	CASES
}

@test "create says already that the program is not there" {
	configure '.process.args=["nothing"]'
	run -1 runtime create --bundle "$bundle" "$id"
	[ "$output" = 'berth-runtime: exec: "nothing": executable file not found in $PATH' ]
	[ ! -d "$state/$id" ]
}

@test "ids, groups and umask" {
	configure '.process.user={"uid":1000,"gid":1001,"umask":63,"additionalGids":[1002,1003]}'
	chmod 777 "$bundle/rootfs/tmp"
	run -0 script 'id -u; id -g; grep Groups /proc/self/status; touch /tmp/x; stat -c %a:%u:%g /tmp/x; grep ^Cap /proc/self/status | tr -d "\t" | xargs'
	[ "${lines[0]}" = 1000 ]
	[ "${lines[1]}" = 1001 ]
	[[ "${lines[2]}" == *"1002 1003"* ]]
	[ "${lines[3]}" = 600:1000:1001 ]
}

@test "a user without ambient capabilities has none" {
	configure '.process.user={"uid":1000,"gid":1000} | .process.capabilities |= (.ambient=[] | .inheritable=[])'
	run -0 script 'grep "^Cap\(Inh\|Prm\|Eff\|Amb\)" /proc/self/status | cut -f2 | sort -u'
	[ "$output" = 0000000000000000 ]
}

@test "the capability sets are exactly those asked for" {
	configure '.process.capabilities={"bounding":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL"],"effective":["CAP_KILL"],
		"inheritable":[],"ambient":[]}'
	run -0 script 'grep ^Cap /proc/self/status | tr -d "\t"'
	[ "$(xargs <<<"$output")" = "CapInh:0000000000000000 CapPrm:0000000000000020 CapEff:0000000000000020 CapBnd:0000000000000021 CapAmb:0000000000000000" ]
	configure 'del(.process.capabilities)'
	run -0 script 'grep ^CapBnd /proc/self/status | cut -f2'
	[ "$output" = 0000000000000000 ]
}

@test "a capability that cannot be granted is a warning" {
	configure '.process.capabilities |= map_values(["CAP_KILL","CAP_NOTHING"])'
	run -0 script 'echo ran'
	[[ "$output" == *"CAP_NOTHING is not known here"*ran ]]
}

@test "no_new_privs is set when asked for" {
	run -0 script 'grep NoNewPrivs /proc/self/status | cut -f2'
	[ "$output" = 1 ]
	configure '.process.noNewPrivileges=false'
	run -0 script 'grep NoNewPrivs /proc/self/status | cut -f2'
	[ "$output" = 0 ]
}

@test "rlimits are set, and clamped with a warning where they cannot be raised" {
	configure '.process.rlimits=[{"type":"RLIMIT_NOFILE","soft":50,"hard":100},{"type":"RLIMIT_CORE","soft":0,"hard":0}]'
	run -0 script 'ulimit -n; ulimit -Hn; ulimit -c'
	[ "$(xargs <<<"$output")" = "50 100 0" ]

	configure '.process.rlimits=[{"type":"RLIMIT_MSGQUEUE","soft":2000000,"hard":3000000}] |
		.process.user={"uid":1000,"gid":1000}'
	run -0 --separate-stderr script 'grep -c "msgqueue size *2000000 *3000000" /proc/self/limits; true'
	if [ "$output" != 1 ]; then
		[[ "$stderr" == *"RLIMIT_MSGQUEUE: clamped to "*"cannot be set without CAP_SYS_RESOURCE"* ]]
	fi
	[ "$(ulimit -Hq)" = "$(ulimit -q)" ] # the caller's own are as before
}

@test "limits that would hinder the runtime do not" {
	configure '.process.rlimits=[{"type":"RLIMIT_NOFILE","soft":3,"hard":3},{"type":"RLIMIT_FSIZE","soft":0,"hard":0},
		{"type":"RLIMIT_NPROC","soft":1,"hard":1}]'
	run -0 script 'echo ran'
	[ "$output" = ran ]
}

@test "oomScoreAdj is set" {
	configure '.process.oomScoreAdj=321'
	run -0 script 'cat /proc/self/oom_score_adj'
	[ "$output" = 321 ]
}

@test "the environment is exactly the configuration's, and HOME" {
	echo 'someone:x:1000:1000::/home/someone:/bin/sh' >"$bundle/rootfs/etc/passwd"
	configure '.process.env=["PATH=/bin","A=b=c"] | .process.user={"uid":1000,"gid":1000} | .process.args=["env"]'
	SECRET=x run -0 runtime run --bundle "$bundle" "$id"
	[ "$(sort <<<"$output" | xargs)" = "A=b=c HOME=/home/someone PATH=/bin" ]
}

@test "seccomp: errno, unknown calls, a filter without no_new_privs, and the cache" {
	local filter='{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat","nosuchcall"],"action":"SCMP_ACT_ERRNO","errnoRet":17}]}'
	configure --argjson filter "$filter" '.linux.seccomp=$filter'
	run -1 script 'grep "^Seccomp:" /proc/self/status; mkdir /tmp/x'
	[[ "$output" == *"Seccomp:"*2*"File exists"* ]]
	[ -n "$(find "$state" -name "seccomp-*")" ]
	run -1 script 'mkdir /tmp/x'
	[[ "$output" == *"File exists"* ]]
	configure '.process.noNewPrivileges=false'
	run -1 script 'grep ^CapEff /proc/self/status; mkdir /tmp/x'
	[[ "$output" == *"0000000020000420"*"File exists"* ]]
	configure '.process.user={"uid":1000,"gid":1000} | .process.capabilities.ambient=[]'
	run -1 script 'grep ^CapPrm /proc/self/status; mkdir /tmp/x'
	[[ "$output" == *"0000000000000000"*"File exists"* ]]
}

@test "personality" {
	configure '.linux.personality={"domain":"LINUX32"}'
	run -0 script 'cat /proc/self/personality 2>/dev/null; busybox uname -m'
	[ "${lines[-1]}" = i686 ]
}

# Gets the terminal's master over a console socket and prints what comes out of it.
receive_console() {
	python3 - "$1" "$2" <<-'PYTHON' 3>&- 4>&- &
		import array, os, socket, sys
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1])
		server.listen(1)
		connection, _ = server.accept()
		data, ancillary, _, _ = connection.recvmsg(100, 1000)
		master = array.array("i", ancillary[0][2])[0]
		with open(sys.argv[2], "wb") as out:
		    os.write(master, b"typed\n")
		    try:
		        while chunk := os.read(master, 1000):
		            out.write(chunk)
		            out.flush()
		    except OSError:
		        pass
	PYTHON
	console=$!
	eventually [ -S "$1" ]
}

@test "a terminal is handed over the console socket" {
	receive_console "$work/socket" "$work/typed"
	configure '.process.terminal=true | .process.consoleSize={"height":11,"width":22} |
		.process.args=["sh","-c","read word; echo got $word; tty; stty size; test -c /dev/console && echo console >/dev/console; echo tty >/dev/tty; ls /dev/pts | xargs; ls /proc/self/fd | xargs"]'
	runtime run --detach --console-socket "$work/socket" --bundle "$bundle" "$id"
	wait $console
	eventually is_stopped
	tr -d '\r' <"$work/typed" >"$work/text"
	diff "$work/text" - <<-'EXPECTED'
		typed
		got typed
		/dev/pts/0
		11 22
		console
		tty
		0 ptmx
		0 1 2 3
	EXPECTED
}

@test "the terminal belongs to the process's user" {
	receive_console "$work/socket" "$work/typed"
	configure '.process.terminal=true | .process.user={"uid":1000,"gid":1000} | .process.args=["sh","-c","stat -c %u /dev/pts/0; echo x >/dev/tty"]'
	runtime run --detach --console-socket "$work/socket" --bundle "$bundle" "$id"
	wait $console
	grep -q 1000 "$work/typed"
}

@test "a terminal in a user namespace" {
	receive_console "$work/socket" "$work/typed"
	user_namespace
	configure '.process.terminal=true | .process.args=["sh","-c","tty; id -u"]'
	runtime run --detach --console-socket "$work/socket" --bundle "$bundle" "$id"
	wait $console
	# What the test types is echoed at some point.
	[ "$(tr -d '\r' <"$work/typed" | grep -v typed | xargs)" = "/dev/pts/0 0" ]
}

@test "a terminal without a console socket, and a console socket without a terminal" {
	configure '.process.terminal=true'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"needs --console-socket"* ]]
	run -1 runtime create --console-socket "$work/none" --bundle "$bundle" "$id"
	[[ "$output" == *"--console-socket"* ]]
	[ ! -d "$state/$id" ]
	configure '.process.terminal=false'
	run -1 runtime create --console-socket "$work/none" --bundle "$bundle" "$id"
	[[ "$output" == *"only for a detached container with process.terminal"* ]]
}

@test "run connects the caller's terminal" {
	configure '.process.terminal=true | .process.args=["sh","-c","tty; stty size; read word; echo got $word; exit 9"]'
	run -9 python3 - "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" <<-'PYTHON'
		import os, pty, struct, fcntl, sys, termios
		pid, master = pty.fork()
		if pid == 0:
		    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
		    os.execv(sys.argv[1], sys.argv[1:])
		output = b""
		try:
		    while chunk := os.read(master, 1000):
		        output += chunk
		        if b"77" in chunk:
		            os.write(master, b"typed\r")
		except OSError:
		    pass
		print(output.decode().replace("\r", ""))
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	PYTHON
	[[ "$output" == *"/dev/pts/0"*"33 77"*"got typed"* ]]
}
