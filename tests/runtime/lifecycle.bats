#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# create, start, state, kill, delete, run, list, ps, and what they say when they cannot.

load helpers

@test "run passes on output, standard input and exit status" {
	configure '.process.args=["sh","-c","read line; echo got $line; echo err >&2; exit 7"]'
	run -7 --separate-stderr runtime run --bundle "$bundle" "$id" <<<word
	[ "$output" = "got word" ]
	[ "$stderr" = err ]
}

@test "run reports the signal that ended the program" {
	# In a pid namespace of its own it would be init, which its own signals do not end.
	configure 'del(.linux.namespaces[] | select(.type=="pid"))'
	run -137 script 'kill -9 $$'
}

@test "a container goes from created to running to stopped and away" {
	configure '.process.args=["sh","-c","echo started; exec sleep 1000"] | .annotations={"a.b":"c"}'
	create --pid-file "$work/pid"
	[ ! -s "$work/out" ]
	run -0 runtime state "$id"
	[ "$(jq -r '.id, .status, .bundle, .annotations["a.b"]' <<<"$output" | xargs)" = "$id created $bundle c" ]
	[ "$(jq -r .ociVersion <<<"$output")" = 1.2.0 ]
	[ "$(pid_of)" = "$(cat "$work/pid")" ]
	kill -0 "$(pid_of)"

	runtime start "$id"
	eventually grep -qx started "$work/out"
	[ "$(status_of)" = running ]
	runtime kill "$id" KILL
	eventually is_stopped
	[ "$(pid_of)" = null ]
	runtime delete "$id"
	run -1 runtime state "$id"
	[ "$output" = "berth-runtime: container $id does not exist" ]
}

@test "run --detach returns when the program runs, run --keep keeps the stopped container" {
	configure '.process.args=["sleep","1000"]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&- 4>&-
	[ "$(status_of)" = running ]
	runtime delete --force "$id"

	configure '.process.args=["false"]'
	run -1 runtime run --keep --bundle "$bundle" "$id"
	[ "$(status_of)" = stopped ]
	runtime delete "$id"
}

@test "a container that run makes is for nobody else to start" {
	configure '.process.args=["sleep","1000"]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	[ ! -e "$state/$id/start.sock" ]
	[ "$(status_of)" = running ]
	run -1 runtime start "$id"
	[[ "$output" == *"already running"* ]]
	runtime delete --force "$id"
	# Hooks may ask how far it is, so with hooks there is what tells.
	configure --arg state "$state/$id" --arg seen "$work/seen" '.hooks={"createRuntime":[{"path":"/bin/sh",
		"args":["sh","-c","[ -S \($state)/start.sock ] && echo socket >\($seen)"]}]}'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	[ "$(cat "$work/seen")" = socket ]
	[ ! -e "$state/$id/start.sock" ]
}

@test "the program is executed again, for its protection, before its libraries begin" {
	not_as 'user*' "a user's program is copied in place of its mount"
	not_as 'old-*' "there is no clone of its mount"
	[ "$(uname -m)" = x86_64 ] || skip "the entry point is for x86_64"
	if LC_ALL=C ldd "$BERTH_BUILD/berth-runtime" 2>/dev/null | grep -q libc; then
		skip "this build is not linked statically"
	fi
	strace -o "$work/trace" "$BERTH_BUILD/berth-runtime" --version
	grep '^execveat' "$work/trace"
	[ "$(grep -c '^arch_prctl(ARCH_SET_FS' "$work/trace")" = 1 ]
}

@test "signals to run reach the program" {
	configure '.process.args=["sh","-c","trap \"exit 33\" TERM; echo ready; while :; do sleep 0.05; done"]'
	"$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" >"$work/out" 3>&- 4>&- &
	local pid=$!
	eventually grep -q ready "$work/out"
	kill -TERM $pid
	local result=0
	wait $pid || result=$?
	[ $result = 33 ]
}

@test "an id exists once" {
	create
	run -1 create
	grep -q "container with given ID already exists: $id" "$work/out"
	[ "$(status_of)" = created ]
}

@test "ids that could leave the state root are refused" {
	for bad in ../x a/b .hidden "" "a b" "$(printf 'x%.0s' $(seq 300))"; do
		run -1 runtime create --bundle "$bundle" -- "$bad"
		[[ "$output" == *"container id"* ]]
	done
}

@test "a container is started once" {
	launch 'exec sleep 1000'
	run -1 runtime start "$id"
	[ "$output" = "berth-runtime: cannot start an already running container" ]
	runtime kill "$id" 9
	eventually is_stopped
	run -1 runtime start "$id"
	[ "$output" = "berth-runtime: cannot start a container that has stopped" ]
}

@test "a running container is deleted only by force" {
	launch 'exec sleep 1000'
	run -1 runtime delete "$id"
	[ "$output" = "berth-runtime: cannot delete container $id that is not stopped: running" ]
	runtime delete --force "$id"
	run -1 runtime state "$id"
	runtime delete --force "$id"
	run -1 runtime delete "$id"
	[ "$output" = "berth-runtime: container $id does not exist" ]
}

@test "a created container can be deleted" {
	create
	local pid
	pid=$(pid_of)
	runtime delete "$id"
	eventually ended "$pid"
}

@test "kill knows names and numbers and refuses others" {
	launch 'trap "echo hup" HUP; trap "echo usr1" USR1; echo ready; while :; do sleep 0.05; done'
	eventually grep -q ready "$work/out"
	runtime kill "$id" HUP
	eventually grep -q hup "$work/out"
	runtime kill "$id" 10
	eventually grep -q usr1 "$work/out"
	run -1 runtime kill "$id" SIGNOTHING
	[ "$output" = 'berth-runtime: unknown signal "SIGNOTHING"' ]
	runtime kill "$id" SIGKILL
	eventually is_stopped
	run -1 runtime kill "$id" KILL
	[[ "$output" == *"is not running" ]]
}

@test "kill --all reaches every process, also without a pid namespace" {
	configure 'del(.linux.namespaces[] | select(.type=="pid"))'
	launch 'sleep 1000 & sleep 1000 & exec sleep 1000'
	eventually eval '[ "$(runtime ps -f json "$id" | jq length)" = 3 ]'
	local pids
	pids=$(runtime ps -f json "$id" | jq -r '.[]')
	runtime kill --all "$id" KILL
	eventually is_stopped
	for pid in $pids; do
		eventually ended "$pid"
	done
	eventually eval '[ "$(runtime ps -f json "$id" | jq length)" = 0 ]'
}

@test "delete takes processes along that outlived init" {
	configure 'del(.linux.namespaces[] | select(.type=="pid"))'
	launch 'sleep 1000 & exit 0'
	eventually is_stopped
	[ "$(runtime ps -f json "$id" | jq length)" = 1 ]
	runtime delete "$id"
}

@test "list and ps" {
	launch 'exec sleep 1000'
	run -0 runtime list
	[ "${#lines[@]}" = 2 ]
	[[ "${lines[1]}" == "$id "*running*"$bundle "* ]]
	[ "$(runtime list -q)" = "$id" ]
	[ "$(runtime list -f json | jq -r '.[0].status')" = running ]
	[ "$(runtime ps -f json "$id" | jq -c .)" = "[$(pid_of)]" ]
	run -1 runtime list -f yaml
}

@test "a configuration that is wrong is refused with the property's name, and nothing is left" {
	local change message
	while IFS='|' read -r change message; do
		# Without a manager nobody looks at these.
		if [ ${#globals[@]} -gt 0 ] && [[ "$change" == .linux.resources* || "$change" == .linux.cgroupsPath* ]]; then
			continue
		fi
		cp "$bundle/config.json" "$work/good.json"
		configure "$change"
		run -1 create # its streams are a file: a container that is made all the same holds nothing up
		echo "$change: $(cat "$work/out")"
		[[ "$(cat "$work/out")" == *"$message"* ]]
		[ ! -d "$state/$id" ]
		cp "$work/good.json" "$bundle/config.json"
	done <<-'CASES'
		del(.ociVersion)|ociVersion
		.ociVersion="new"|ociVersion new: is no version
		del(.root)|root.path
		.root.path="nothing"|root.path
		.process.args=[]|process.args: is empty
		.process.args="x"|process.args: expected an array
		.process.cwd="relative"|process.cwd: must be an absolute path
		.process.user.uid=-1|process.user: ids go from 0
		.process.user.uid=4294967295|process.user: ids go from 0
		.process.user.gid="0x0"|expected an integer
		.process.rlimits=[{"type":"RLIMIT_X","soft":1,"hard":1}]|RLIMIT_X is not known
		.process.rlimits=[{"type":"RLIMIT_CORE","soft":1,"hard":1},{"type":"RLIMIT_CORE","soft":1,"hard":1}]|twice
		.process.rlimits=[{"type":"RLIMIT_CORE","soft":2,"hard":1}]|above the hard one
		.linux.namespaces+=[{"type":"pid"}]|pid is there twice
		.linux.namespaces+=[{"type":"what"}]|what is not known
		.linux.namespaces=[]|mount is required
		.linux.namespaces+=[{"type":"user"}]|a new user namespace needs both
		.linux.namespaces[0].path="relative"|the path must be absolute
		.linux.namespaces[0].path="/proc/self/ns/net"|is no pid namespace
		.linux.namespaces[0].path="/nothing"|open namespace /nothing
		.mounts[0].options=["idmap"]|the ids of proc cannot be mapped
		.mounts+=[{"destination":"/x","type":"nofs"}]|mount /x
		.mounts+=[{"destination":"/x","type":"bind","source":"/nothing"}]|/nothing
		.mounts+=[{"destination":"/x","type":"bind","source":"/tmp","options":["what"]}]|unknown option
		.mounts+=[{"destination":"/x","type":"tmpfs","options":["what=1"]}]|what=1
		.linux.devices=[{"type":"x","path":"/dev/x","major":1,"minor":1}]|type x is not known
		.linux.devices=[{"type":"c","path":"dev/x","major":1,"minor":1}]|must be an absolute path
		.linux.sysctl={"kernel.core_pattern":"x"}|belongs to no namespace
		.linux.rootfsPropagation="what"|linux.rootfsPropagation
		.linux.seccomp={"defaultAction":"SCMP_ACT_WHAT"}|linux.seccomp
		.linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}|linux.seccomp.listenerPath: is needed for SCMP_ACT_NOTIFY
		.linux.intelRdt={"closID":"a/b"}|linux.intelRdt.closID: a/b is no name of a class
		.hooks={"prestart":[{"path":"relative"}]}|the path must be absolute
		.linux.resources.memory={"limit":8388608,"swap":4194304}|memory
		.linux.resources.unified={"../x":"1"}|resources: unified
		.linux.cgroupsPath="/a/../../b"|cgroup path
		.linux.cgroupsPath="/"|must not be the root
	CASES
}

@test "config.json must be there and be JSON" {
	run -1 runtime run --bundle "$work" "$id"
	[[ "$output" == *config.json* ]]
	echo '{"ociVersion": "1.0.0", ' >"$bundle/config.json"
	run -1 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *"config.json"* ]]
}

@test "a container without a process can be created and not started" {
	configure 'del(.process)'
	create
	[ "$(status_of)" = created ]
	run -1 runtime start "$id"
	[[ "$output" == *"no process to start"* ]]
	[ "$(status_of)" = stopped ]
}

@test "errors go to the log, as text or JSON" {
	run -1 runtime --log "$work/log" --log-format json start none
	[ "$(jq -r '.level, .msg' "$work/log" | tr '\n' ' ')" = "error container none does not exist " ]
	run -1 runtime --log "$work/text" start none
	grep -q 'level=error msg="container none does not exist"' "$work/text"
	run -1 runtime --log-format xml list
}

@test "the command line is checked" {
	run -0 runtime --version
	[[ "${lines[0]}" == "berth-runtime version "* ]]
	[[ "$output" == *"spec: 1.2.0"*"+SECCOMP"* ]]
	run -0 runtime --help
	[[ "$output" == *create*delete* ]]
	run -0 runtime create --help
	[[ "$output" == *--console-socket* ]]
	run -1 runtime what
	[[ "$output" == *"unknown command what"* ]]
	run -1 runtime create --what x
	[[ "$output" == *"unknown flag: --what"* ]]
	run -1 runtime create
	[[ "$output" == *"create: wants ID"* ]]
	run -1 runtime --cgroup-manager what list
	[[ "$output" == *"--cgroup-manager what: is cgroupfs, systemd or disabled"* ]]
	[ "$(runtime features | jq -r '.linux.seccomp.enabled')" = true ]
}

@test "spec makes a bundle's config.json and replaces none" {
	mkdir "$work/new"
	runtime spec --bundle "$work/new"
	[ "$(jq -r .process.cwd "$work/new/config.json")" = / ]
	mkdir "$work/here"
	(cd "$work/here" && runtime spec)
	cmp "$work/here/config.json" "$work/new/config.json"
	run -1 runtime spec --bundle "$work/new"
	[[ "$output" == *"File exists"* ]]
}
