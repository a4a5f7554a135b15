# SPDX-License-Identifier: Apache-2.0
# What is asked of every engine with Docker's grammar; the suite says in $program which. Containers get a network of their own
# without any interface but loopback, their names begin with "t-".

base_flags=""
create_flags="--network none"

engine() {
	"$program" "$@"
}

# Runs and removes.
once() {
	# shellcheck disable=SC2086
	engine run --rm $create_flags "$@"
}

background() {
	# shellcheck disable=SC2086
	engine run -d $create_flags "$@" >/dev/null
}

remove_all() {
	local ids
	ids=$(engine ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || engine rm -f $ids >/dev/null
}

# inspect FORMAT NAME
inspect() {
	engine inspect -f "$1" "$2"
}

is_running() {
	[ "$(inspect '{{.State.Running}}' "$1")" = true ]
}

is_stopped() {
	[ "$(inspect '{{.State.Running}}' "$1")" = false ]
}

# Reads a limit inside a container: limit NAME V1FILE V2FILE. An engine may show v2's groups from the root (podman
# without a cgroup namespace does): then the container's path is in /proc/self/cgroup.
limit() {
	if pure_v2; then
		engine exec "$1" cat "/sys/fs/cgroup/$3"
	else
		engine exec "$1" cat "/sys/fs/cgroup/$2"
	fi
}

case_run() {
	run -0 once bb echo "hello world"
	[ "$output" = "hello world" ]
	run -42 once bb sh -c 'exit 42'
	run -0 once bb sh -c 'echo $$; echo to stderr >&2'
	[[ "$output" == *1* ]] && [[ "$output" == *"to stderr"* ]]
	[ "$(echo fed | once -i bb cat)" = fed ]
}

case_failures() {
	run -127 once bb /no/such/program
	[[ "$output" == *"no such file or directory"* ]]
	run -127 once bb no-such-program
	[[ "$output" == *'executable file not found in $PATH'* ]]
	run -126 once bb /etc
	[[ "$output" == *"permission denied"* ]]
	run -126 once bb /etc/passwd
	[[ "$output" == *"permission denied"* ]]
	[ -z "$(engine ps -aq)" ]
}

case_terminal() {
	# shellcheck disable=SC2086
	run -0 on_terminal "$program" run --rm $create_flags -t bb sh -c 'tty; test -t 0 && test -t 1 && echo terminal'
	[[ "$output" == */dev/pts/0* ]] && [[ "$output" == *terminal* ]]
	background --name t-tty -t bb sh -c 'trap exit TERM; while :; do sleep 0.1; done'
	run -0 on_terminal "$program" exec -t t-tty sh -c "$sized; tty; stty size"
	[[ "$output" == */dev/pts/1* ]] && [[ "$output" == *"33 77"* ]]
}

case_exec() {
	background --name t-exec -e FROM=image bb sleep 1000
	run -0 engine exec t-exec ps -o pid,args
	[[ "$output" == *"1 sleep 1000"* ]]
	run -5 engine exec -u 1000 -w /tmp -e MORE=exec t-exec sh -c 'id; pwd; echo $FROM $MORE; exit 5'
	[[ "$output" == *"uid=1000(user)"*"2000(extra)"*"/tmp"*"image exec"* ]]
	[ "$(echo fed | engine exec -i t-exec cat)" = fed ]
	run ! engine exec t-exec no-such-program
	[[ "$output" == *'executable file not found in $PATH'* ]]
	run ! engine exec -w /missing t-exec true
	[[ "$output" == *'chdir to cwd ("/missing")'*"no such file or directory"* ]]
	engine exec -d t-exec sh -c 'echo done >/tmp/done'
	eventually engine exec t-exec test -s /tmp/done
	run -0 engine exec --privileged t-exec grep CapEff /proc/self/status
	[[ "$output" != *00000000a80425fb* ]]
	run -0 engine exec t-exec grep -E 'CapInh|CapAmb|CapEff' /proc/self/status
	[[ "$output" == *0000000000000000*0000000000000000* ]]
}

# Memory, processes and processor time: the kernel keeps them, and says so.
case_limits() {
	background --name t-limits --memory 32m --memory-swap 32m --pids-limit 20 --cpus 0.2 bb sleep 1000
	[ "$(limit t-limits memory/memory.limit_in_bytes memory.max)" = 33554432 ]
	[ "$(limit t-limits pids/pids.max pids.max)" = 20 ]
	engine exec -d t-limits timeout 5 sh -c 'while :; do :; done'
	eventually throttled t-limits
	run -137 engine exec t-limits sh -c 'x=a; while :; do x=$x$x; done'
	is_running t-limits
	run once --pids-limit 10 bb sh -c 'for i in $(seq 20); do sleep 1 & done'
	[[ "$output" == *"can't fork"* ]]
}

throttled() {
	[ "$(limit "$1" cpu/cpu.stat cpu.stat | sed -n 's/^nr_throttled //p')" -gt 0 ]
}

case_oom() {
	# shellcheck disable=SC2086
	run -137 engine run --name t-oom $create_flags -m 16m --memory-swap 16m bb sh -c 'x=a; while :; do x=$x$x; done'
	[ "$(inspect '{{.State.ExitCode}}' t-oom)" = 137 ]
}

case_update() {
	background --name t-update --memory 32m --memory-swap 64m bb sleep 1000
	engine update --memory 48m --memory-swap 96m --cpu-quota 50000 --cpu-period 100000 t-update >/dev/null
	[ "$(limit t-update memory/memory.limit_in_bytes memory.max)" = 50331648 ]
	if pure_v2; then
		[ "$(limit t-update - cpu.max)" = "50000 100000" ]
		# A Docker daemon in the root group believes that there are no limits of swap, and asks for none.
		[ "$program" = docker ] && [ "$(docker info -f '{{.SwapLimit}}')" = false ] ||
			[ "$(limit t-update - memory.swap.max)" = 50331648 ]
	else
		[ "$(limit t-update cpu/cpu.cfs_quota_us -)" = 50000 ]
		[ "$(limit t-update memory/memory.memsw.limit_in_bytes -)" = 100663296 ]
	fi
}

case_pause() {
	background --name t-pause bb sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.05; done'
	eventually engine exec t-pause test -s /tmp/n
	engine pause t-pause
	[ "$(inspect '{{.State.Status}}' t-pause)" = paused ]
	run ! engine exec t-pause true
	[[ "$output" == *paused* || "$output" == *"state improper"* ]]
	engine unpause t-pause
	local before
	before=$(engine exec t-pause cat /tmp/n)
	eventually engine exec t-pause sh -c "[ \$(cat /tmp/n) -gt $before ]"
}

case_signals() {
	background --name t-signals bb sh -c 'trap "echo usr1" USR1; trap "echo term; exit 3" TERM
		echo ready; while :; do sleep 0.1; done'
	eventually logged t-signals ready
	engine kill -s USR1 t-signals >/dev/null
	eventually logged t-signals usr1
	engine stop -t 20 t-signals >/dev/null
	eventually logged t-signals term
	[ "$(inspect '{{.State.ExitCode}}' t-signals)" = 3 ]
	engine start t-signals >/dev/null
	is_running t-signals
	engine restart -t 0 t-signals >/dev/null
	is_running t-signals
	engine kill t-signals >/dev/null
	eventually is_stopped t-signals
	[ "$(inspect '{{.State.ExitCode}}' t-signals)" = 137 ]
}

logged() {
	engine logs "$1" 2>&1 | grep -q "$2"
}

case_logs() {
	# shellcheck disable=SC2086
	engine run --name t-logs $create_flags bb sh -c 'for i in $(seq 2000); do echo line $i; done; echo error >&2' \
		>/dev/null 2>&1
	[ "$(engine logs t-logs 2>/dev/null | wc -l)" = 2000 ]
	[ "$(engine logs t-logs 2>&1 >/dev/null)" = error ]
}

case_identity() {
	run -0 once --user 1000:2000 bb id
	[ "$output" = "uid=1000(user) gid=2000(extra) groups=2000(extra)" ]
	run -0 once --user user bb id
	[[ "$output" == "uid=1000(user) gid=1000(user) groups="*"2000(extra)" ]]
	run -0 once --user 1000 --cap-add NET_ADMIN --cap-drop CHOWN --security-opt no-new-privileges bb \
		grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status
	[[ "$output" == *"NoNewPrivs:"*1* ]]
	run -0 once --hostname elsewhere --sysctl kernel.msgmax=1000 --ulimit nofile=100:100 bb \
		sh -c 'hostname; cat /proc/sys/kernel/msgmax; ulimit -n'
	[ "$output" = $'elsewhere\n1000\n100' ]
}

case_files() {
	run -1 once --read-only bb touch /x
	[[ "$output" == *"Read-only file system"* ]]
	mkdir -p "$work/volume"
	echo outside >"$work/volume/file"
	run -0 once --read-only --tmpfs /scratch -v "$work/volume:/volume" -v "$work/volume:/fixed:ro" bb \
		sh -c 'cat /volume/file; touch /scratch/x; echo inside >/volume/other; touch /fixed/x 2>/dev/null || echo fixed'
	[ "$output" = $'outside\nfixed' ]
	[ "$(cat "$work/volume/other")" = inside ]
	run -0 once --device /dev/null:/dev/mine --shm-size 1m bb sh -c 'ls -l /dev/mine; df -k /dev/shm | tail -n 1'
	[[ "$output" == *"1, "*"3 "*/dev/mine*1024* ]]
}

case_privileged() {
	run -0 once --privileged bb sh -c 'mount -t tmpfs t /tmp && echo mounted; grep CapEff /proc/self/status'
	[[ "$output" == *mounted* ]]
	run once bb sh -c 'mount -t tmpfs t /tmp 2>/dev/null || echo refused; mknod /tmp/sda b 8 0 && cat /tmp/sda'
	[[ "$output" == *refused* ]]
	[[ "$output" == *"not permitted"* || "$output" == *"ermission denied"* ]]
}

case_statistics() {
	background --name t-stats --memory 32m bb sh -c 'while :; do sleep 0.1; done'
	run -0 engine stats --no-stream t-stats
	[[ "$output" =~ 3[23](\.[0-9]*)?M ]]
	run -0 engine top t-stats
	[[ "$output" == *"while :"* ]]
}

case_namespaces() {
	background --name t-first --ipc shareable bb sleep 1000
	# shellcheck disable=SC2086
	run -0 engine run --rm $base_flags --network container:t-first --pid container:t-first --ipc container:t-first bb \
		sh -c 'ps -o args; readlink /proc/self/ns/net; readlink /proc/self/ns/ipc'
	[[ "$output" == *"sleep 1000"* ]]
	[[ "$output" == *"$(engine exec t-first readlink /proc/self/ns/net)"* ]]
	[[ "$output" == *"$(engine exec t-first readlink /proc/self/ns/ipc)"* ]]
	run -0 once --pid host bb readlink /proc/self/ns/pid
	[ "$output" = "$(readlink /proc/self/ns/pid)" ]
}

# Many at once: each gets its own output, and all are gone afterwards.
none_left() {
	[ -z "$(engine ps -aq)" ]
}

# What an engine says itself of a container that two of its processes remove at once, as podman's do, is not the container's
# output; it is shown when something is wrong.
case_many() {
	local i pids=""
	for i in $(seq 8); do
		once bb echo "number $i" >"$work/many-$i" 2>"$work/many-$i.said" &
		pids="$pids $!"
	done
	for i in $pids; do wait "$i" || echo "process $i ended with $?" >>"$work/many-failed"; done
	for i in $(seq 8); do
		cat "$work/many-$i" "$work/many-$i.said"
	done
	[ ! -e "$work/many-failed" ] || { cat "$work/many-failed" && return 1; }
	for i in $(seq 8); do
		[ "$(cat "$work/many-$i")" = "number $i" ]
	done
	eventually none_left
}
