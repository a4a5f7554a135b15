#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# exec: a further process in a container, with exactly what the container's document gives it.

load helpers

# A container that sleeps.
start_sleeper() {
	configure '.process.args=["sleep","1000"]'
	create
	runtime start "$id"
}

@test "exec passes on streams and exit status" {
	start_sleeper
	run -7 --separate-stderr runtime exec "$id" sh -c 'read line; echo got $line; echo err >&2; exit 7' <<<word
	[ "$output" = "got word" ]
	[ "$stderr" = err ]
	run -137 runtime exec "$id" sh -c 'kill -9 $$'
}

@test "exec is in all the container's namespaces, its groups and its root" {
	configure 'del(.linux.namespaces[] | select(.type=="cgroup"))'
	start_sleeper
	local name pid
	pid=$(pid_of)
	for name in mnt net pid uts ipc user; do
		[ "$(runtime exec "$id" readlink /proc/self/ns/$name)" = "$(readlink "/proc/$pid/ns/$name")" ]
	done
	[ "$(runtime exec "$id" cat /proc/self/cgroup)" = "$(cat "/proc/$pid/cgroup")" ]
	[ "$(runtime exec "$id" readlink /proc/self/root)" = / ]
	runtime exec "$id" touch /made
	[ -f "$bundle/rootfs/made" ]
}

@test "exec has exactly the container's identity, and no more than that with flags" {
	configure '.process.user={"uid":1000,"gid":1001,"additionalGids":[5,6]} |
		.process.capabilities={"bounding":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL"],"effective":[]}'
	start_sleeper
	[ "$(runtime exec "$id" id)" = "uid=1000 gid=1001 groups=5,6" ]
	local field
	for field in CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Groups; do
		runtime exec "$id" grep "^$field" /proc/self/status
		[ "$(runtime exec "$id" grep "^$field" /proc/self/status)" = "$(grep "^$field" "/proc/$(pid_of)/status")" ]
	done
	[ "$(runtime exec -u 7:8 "$id" id)" = "uid=7 gid=8" ]
	[ "$(runtime exec -u 7 -g 9 "$id" id)" = "uid=7 gid=1001 groups=9" ]
	run -0 runtime exec -u 0:0 --cap CAP_NET_RAW "$id" grep Cap /proc/self/status
	[[ "$output" == *"CapInh:	0000000000000000"* ]]
	[[ "$output" == *"CapBnd:	0000000000002021"* ]]
}

@test "ids that are no plain numbers are refused" {
	start_sleeper
	local bad
	for bad in "" "1:" "1:x" 4294967295 4294967296 -1 user 0x0 00 +0 " 1" "1 " ":" ":1" 1:2:3 18446744073709551616; do
		echo "user $bad"
		run -255 runtime exec --user="$bad" "$id" id
		[[ "$output" == *"--user"*"is no id"* ]]
	done
	[ "$(runtime exec -u 4294967294 "$id" id -u)" = 4294967294 ]
	[ "$(runtime exec -u 2147483648 "$id" id -u)" = 2147483648 ]
}

@test "exec takes environment, working folder and no_new_privs from its flags" {
	configure '.process.env=["PATH=/bin","A=1","B=2"] | .process.cwd="/tmp" | .process.noNewPrivileges=false'
	start_sleeper
	[ "$(runtime exec -e B=3 -e C=4 "$id" sh -c 'echo $A$B$C; pwd')" = $'134\n/tmp' ]
	[ "$(runtime exec --cwd /etc "$id" pwd)" = /etc ]
	run -255 runtime exec -e novalue "$id" true
	[ "$(runtime exec "$id" grep NoNewPrivs /proc/self/status)" = "NoNewPrivs:	0" ]
	[ "$(runtime exec --no-new-privs "$id" grep NoNewPrivs /proc/self/status)" = "NoNewPrivs:	1" ]
}

@test "a working folder that is not there is not made, and none outside the root is entered" {
	start_sleeper
	run -255 runtime exec --cwd /missing "$id" true
	[ "$output" = 'berth-runtime: chdir to cwd ("/missing") set in config.json failed: no such file or directory' ]
	[ ! -e "$bundle/rootfs/missing" ]
	local n
	for n in $(seq 3 20); do
		run -255 runtime exec --cwd /proc/self/fd/"$n" "$id" true
		run -255 runtime exec --cwd /proc/1/cwd/../../proc/self/fd/"$n"/../.. "$id" true
	done
	run -255 runtime exec --cwd relative "$id" true
	[[ "$output" == *"process.cwd: must be an absolute path"* ]]
}

@test "exec has no descriptor but its streams and those that are preserved" {
	start_sleeper
	# The last one is that of ls itself.
	[ "$(runtime exec "$id" ls /proc/self/fd 5<"$bundle/config.json" | xargs)" = "0 1 2 3" ]
	[ "$(runtime exec --preserve-fds 1 "$id" sh -c 'head -c 1 <&3' 3<"$bundle/config.json")" = "{" ]
	run -255 runtime exec --preserve-fds 200 "$id" true
	[[ "$output" == *"preserved descriptors"* ]]
}

@test "failures say the well-known words" {
	start_sleeper
	run -255 runtime exec "$id" nothing
	[ "$output" = 'berth-runtime: exec: "nothing": executable file not found in $PATH' ]
	run -255 runtime exec "$id" /nothing
	[ "$output" = 'berth-runtime: exec: "/nothing": stat /nothing: no such file or directory' ]
	run -255 runtime exec "$id" /etc
	[[ "$output" == *"permission denied" ]]
	run -255 runtime exec none true
	[ "$output" = "berth-runtime: container none does not exist" ]
	run -255 runtime exec "$id"
	[ "$output" = "berth-runtime: exec: wants a command" ]
	runtime kill "$id" KILL
	eventually is_stopped
	run -255 runtime exec "$id" true
	[[ "$output" == *"cannot exec in a stopped container"*"is not running" ]]
}

@test "exec waits for a paused container only if told" {
	start_sleeper
	runtime pause "$id"
	run -255 runtime exec "$id" true
	[[ "$output" == *"cannot exec in a paused container"* ]]
	(
		sleep 0.5
		runtime resume "$id"
	) 3>&- 4>&- &
	[ "$(runtime exec --ignore-paused "$id" echo on)" = on ]
	wait $!
}

@test "exec --detach writes the pid file and leaves the process" {
	start_sleeper
	runtime exec --detach --pid-file "$work/pid" "$id" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
	local pid
	pid=$(cat "$work/pid")
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "sleep 1000 " ]
	[ "$(runtime ps -f json "$id" | jq length)" = 2 ]
	runtime delete --force "$id"
	eventually ended "$pid"
}

@test "exec --process replaces the container's process" {
	start_sleeper
	echo '{"args":["sh","-c","id -u; pwd; echo $X"],"cwd":"/tmp","env":["PATH=/bin","X=y"],"user":{"uid":3,"gid":0}}' \
		>"$work/process.json"
	[ "$(runtime exec --process "$work/process.json" "$id")" = $'3\n/tmp\ny' ]
	echo '{"args":["true"]}' >"$work/process.json"
	run -255 runtime exec --process "$work/process.json" "$id"
	[[ "$output" == *cwd* ]]
}

@test "what fails inside the root loads no code and reads no file of it for its message" {
	# libc would look for conversions of character sets here; who opened one of these would wait for ever.
	local folder=$bundle/rootfs/usr/lib/x86_64-linux-gnu
	mkdir -p "$folder/gconv"
	mkfifo "$folder/charset.alias" "$folder/gconv/gconv-modules.cache" "$folder/gconv/gconv-modules"
	start_sleeper
	run -255 timeout 10 "$BERTH_BUILD/berth-runtime" --root "$state" exec --cwd /missing "$id" true
	run -255 timeout 10 "$BERTH_BUILD/berth-runtime" --root "$state" exec "$id" /etc/passwd/x
	[[ "$output" == *"no such file or directory" || "$output" == *"not a directory" ]]
	runtime delete --force "$id"
	configure '.mounts += [{"destination":"/etc/passwd/x","type":"tmpfs","source":"tmpfs"}] | .process.args=["/nothing"]'
	touch "$bundle/rootfs/etc/passwd"
	run -1 timeout 10 "$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
}

@test "exec joins a container's user namespace first, and its time namespace" {
	user_namespace
	configure '.linux.namespaces += [{"type":"time"}] | .linux.timeOffsets={"monotonic":{"secs":5000000,"nanosecs":0}}'
	start_sleeper
	local name pid
	pid=$(pid_of)
	[ "$(runtime exec "$id" cat /proc/self/uid_map | xargs)" = "0 100000 65536" ]
	[ "$(runtime exec "$id" id)" = "uid=0 gid=0" ]
	for name in user time pid mnt; do
		[ "$(runtime exec "$id" readlink /proc/self/ns/$name)" = "$(readlink "/proc/$pid/ns/$name")" ]
	done
	runtime exec --detach --pid-file "$work/pid" -u 7:8 "$id" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
	[ "$(grep ^Uid "/proc/$(cat "$work/pid")/status" | cut -f2)" = 100007 ]
}

@test "exec's limits, priorities and processors are those of its process" {
	local cpu
	cpu=$(awk '/^Cpus_allowed_list/ {split($2, a, /[-,]/); print a[1]}' /proc/self/status)
	configure --argjson cpu "$cpu" '.process.rlimits=[{"type":"RLIMIT_NOFILE","soft":51,"hard":52}] |
		.process.oomScoreAdj=77 | .process.scheduler={"policy":"SCHED_BATCH","nice":3} |
		.process.ioPriority={"class":"IOPRIO_CLASS_IDLE","priority":0} |
		.process.execCPUAffinity={"initial":"\($cpu)","final":"\($cpu)"}'
	start_sleeper
	[ "$(runtime exec "$id" cat /proc/self/oom_score_adj)" = 77 ]
	[ "$(runtime exec "$id" sh -c 'ulimit -n')" = 51 ]
	[ "$(runtime exec "$id" grep '^Cpus_allowed_list' /proc/self/status)" = "Cpus_allowed_list:	$cpu" ]
	runtime exec --detach --pid-file "$work/pid" "$id" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
	[ "$(chrt -p "$(cat "$work/pid")" | sed -n 's/.*policy: //p')" = SCHED_BATCH ]
	[ "$(ps -o ni= -p "$(cat "$work/pid")" | xargs)" = 3 ]
	[ "$(ionice -p "$(cat "$work/pid")")" = idle ]
	# Only of a further process, and none that is wrong:
	[ "$(grep '^Cpus_allowed_list' "/proc/$(pid_of)/status")" = "$(grep '^Cpus_allowed_list' /proc/self/status)" ]
	echo '{"cwd":"/","args":["true"],"execCPUAffinity":{"initial":"0-x"}}' >"$work/process.json"
	run -255 runtime exec --process "$work/process.json" "$id"
	[[ "$output" == *"process.execCPUAffinity"* ]]
}

@test "exec enters the group beneath the container's that it is told, and none outside" {
	start_sleeper
	local sub path
	if pure_v2; then
		sub=inner path=inner
	else
		sub=inner path=memory:inner
	fi
	mkdir "$(group memory)/$sub"
	runtime exec --cgroup "$path" --detach --pid-file "$work/pid" "$id" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
	grep -qx "$(cat "$work/pid")" "$(group memory)/$sub/cgroup.procs"
	run -255 runtime exec --cgroup missing "$id" true
	[[ "$output" == *"open missing beneath it"* ]]
	run -255 runtime exec --cgroup ../.. "$id" true
	run -255 runtime exec --cgroup what:inner "$id" true
	[[ "$output" == *cgroup* ]]
}

@test "a container that has moved its processes to groups of its own is joined where they are" {
	pure_v2 || skip "without cgroup v2 in charge groups with processes can have groups beneath them"
	configure '.mounts |= map(if .type=="cgroup" then .options -= ["ro"] else . end)'
	launch 'mkdir /sys/fs/cgroup/init && echo 1 >/sys/fs/cgroup/init/cgroup.procs &&
		echo +memory >/sys/fs/cgroup/cgroup.subtree_control && echo moved; exec sleep 1000'
	eventually grep -qx moved "$work/out"
	[ "$(runtime exec "$id" cat /proc/self/cgroup)" = "0::/init" ]
}

# Standard input for script(1) that gives nothing and does not end: at its end script types a NUL, whose echo stands
# somewhere in the output.
silence() {
	[ -p "$work/silence" ] || mkfifo "$work/silence"
	exec 8<>"$work/silence"
}

@test "exec -t has a terminal of the container's own devpts, and is its session's leader" {
	start_sleeper
	silence
	export BERTH_BUILD state id
	# shellcheck disable=SC2016 # for the inner shells
	run -3 env script -qec 'stty rows 31 cols 77; "$BERTH_BUILD/berth-runtime" --root "$state" exec -t "$id" \
		sh -c "tty; stty size; ls -l /proc/self/fd/0; cut -d\" \" -f 1,5,6,7,8 /proc/\$\$/stat; exit 3"' /dev/null <&8 8<&-
	[[ "${lines[0]}" == */dev/pts/0* ]]
	[ "${lines[1]}" = $'31 77\r' ] # one carriage return: the outer terminal adds none
	[[ "${lines[2]}" == *"-> /dev/pts/0"* ]]
	local pid group session tty foreground
	read -r pid group session tty foreground <<<"${lines[3]}"
	[ "$pid" = "$group" ] && [ "$pid" = "$session" ] && [ "$pid" = "${foreground%$'\r'}" ]
	[ "$tty" = 34816 ]
}

@test "exec without -t shares no controlling terminal" {
	start_sleeper
	silence
	export BERTH_BUILD state id
	# shellcheck disable=SC2016
	run -0 env script -qec '"$BERTH_BUILD/berth-runtime" --root "$state" exec "$id" sh -c "cut -d\" \" -f 7 /proc/\$\$/stat"' \
		/dev/null <&8 8<&-
	[ "${lines[0]%$'\r'}" = 0 ]
}

@test "exec's filter is the container's" {
	configure '.linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
		{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}'
	start_sleeper
	[ "$(runtime exec "$id" grep '^Seccomp:' /proc/self/status)" = "Seccomp:	2" ]
	run -1 runtime exec "$id" mkdir /made
	[[ "$output" == *"not implemented"* ]]
	configure '.process.noNewPrivileges=false'
	runtime delete --force "$id"
	start_sleeper
	run -1 runtime exec "$id" mkdir /made
	[ "$(runtime exec "$id" grep '^CapPrm' /proc/self/status)" = "$(grep '^CapPrm' "/proc/$(pid_of)/status")" ]
}

@test "exec in a created container works, in one that is being created it does not" {
	configure '.process.args=["sleep","1000"]'
	create
	[ "$(runtime exec "$id" echo here)" = here ]
	runtime delete "$id"
	configure --arg wait "$work/go" '.hooks={"createRuntime":[{"path":"/bin/sh",
		"args":["sh","-c","while [ ! -e \($wait) ]; do sleep 0.05; done"]}]}'
	create &
	local creator=$!
	eventually test -S "$state/$id/start.sock"
	run -255 runtime exec "$id" true
	[[ "$output" == *"is being created"* ]]
	touch "$work/go"
	wait $creator
}

@test "the runtime's keyring, environment and working folder stay outside" {
	start_sleeper
	run -0 env SECRET=host "$BERTH_BUILD/berth-runtime" --root "$state" exec "$id" env
	[[ "$output" != *SECRET* && "$output" != *BERTH* ]]
	[ "$(runtime exec "$id" readlink /proc/self/exe)" = /bin/busybox ]
	[ "$(cd "$work" && runtime exec "$id" pwd)" = / ]
}

@test "signals to exec reach its process" {
	start_sleeper
	"$BERTH_BUILD/berth-runtime" --root "$state" exec "$id" \
		sh -c 'trap "exit 33" TERM; echo ready; while :; do sleep 0.05; done' >"$work/exec" 3>&- 4>&- &
	local pid=$! result=0
	eventually grep -q ready "$work/exec"
	kill -TERM $pid
	wait $pid || result=$?
	[ $result = 33 ]
}

@test "a helper that is killed when it has made the process leaves neither that nor its program" {
	start_sleeper
	run -255 timeout 60 "$BERTH_BUILD/kill-helper" "$BERTH_BUILD/berth-runtime" --root "$state" \
		exec "$id" touch /made
	[ "$output" = "berth-runtime: container $id: the process was ended before its program" ]
	[ ! -e "$bundle/rootfs/made" ]
	[ "$(runtime ps -f json "$id" | jq length)" = 1 ]
	runtime exec "$id" touch /made
	[ -e "$bundle/rootfs/made" ]
	runtime kill "$id" KILL
	eventually is_stopped
}

@test "twenty at once" {
	start_sleeper
	local i pids=()
	for i in $(seq 20); do
		runtime exec "$id" echo "$i" >"$work/out$i" 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	[ "$(cat "$work"/out[0-9]* | sort -n | xargs)" = "$(seq 20 | xargs)" ]
	[ "$(runtime ps -f json "$id" | jq length)" = 1 ]
}
