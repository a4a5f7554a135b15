#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line as the union of runc's and crun's: what their callers pass, and what is refused.

load helpers

start_sleeper() {
	configure '.process.args=["sleep","1000"]'
	create
	runtime start "$id"
}

# A program that listens at a unix socket; it writes what comes to $work/received.
listen() {
	/usr/bin/python3 -c '
import array, os, socket, sys
kind, path, out = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if kind == "dgram" else socket.SOCK_STREAM)
s.bind(path)
s.settimeout(20)
if kind == "stream":
    s.listen()
    open(out + ".ready", "w").close()
    c, _ = s.accept()
    data, fds, _, _ = socket.recv_fds(c, 100, 4)
    with open(out, "w") as f:
        f.write(data.decode() + "\n")
        for fd in fds:
            f.write(open("/proc/self/fdinfo/%d" % fd).read())
else:
    open(out + ".ready", "w").close()
    while True:
        data = s.recv(65536)
        with open(out, "ab") as f:
            f.write(data + b"\n")
' "$1" "$2" "$work/received" 3>&- 4>&- &
	listener=$!
	eventually test -e "$work/received.ready"
}

stop_listener() {
	kill "$listener" 2>/dev/null || true
	wait "$listener" 2>/dev/null || true
}

@test "kill and delete take all containers that a regular expression matches" {
	local name
	configure '.process.args=["sleep","1000"]'
	for name in "$id-a1" "$id-a2" "$id-b1"; do
		runtime run --detach --bundle "$bundle" "$name" </dev/null >/dev/null 2>&1 3>&- 4>&-
	done
	runtime kill --regex "^$id-a[0-9]\$" KILL
	eventually is_stopped "$id-a1"
	eventually is_stopped "$id-a2"
	[ "$(status_of "$id-b1")" = running ]
	runtime delete --regex "^$id-a"
	[ "$(runtime list -q)" = "$id-b1" ]
	run -1 runtime delete --regex "b1"
	[[ "$output" == *"cannot delete container $id-b1 that is not stopped"* ]]
	runtime delete --force --regex "$id"
	[ -z "$(runtime list -q)" ]
	runtime delete --force --regex "$id"
	run -1 runtime kill --regex '('
	[[ "$output" == *'--regex: "(" is no regular expression'* ]]
}

@test "list has runc's columns and names the owner" {
	start_sleeper
	run -0 runtime list
	[ "$(xargs <<<"${lines[0]}")" = "ID PID STATUS BUNDLE CREATED OWNER" ]
	[[ "$(xargs <<<"${lines[1]}")" == "$id $(pid_of) running $bundle 20"*"Z root" ]]
	[ "$(runtime list -f json | jq -r '.[0] | "\(.id) \(.owner) \(.pid) \(.bundle)"')" = "$id root $(pid_of) $bundle" ]
	[ "$(runtime list -q -f json)" = "$id" ]
}

@test "ps shows the host's columns of the container's processes, and takes ps's options" {
	start_sleeper
	run -0 runtime ps "$id"
	[ "${#lines[@]}" = 2 ]
	[[ "$(xargs <<<"${lines[0]}")" == "UID PID PPID"* ]]
	[[ "${lines[1]}" == *"$(pid_of)"*"sleep 1000" ]]
	run -0 runtime ps "$id" -e -o pid,comm
	[ "$(xargs <<<"${lines[0]}")" = "PID COMMAND" ]
	[ "$(xargs <<<"${lines[1]}")" = "$(pid_of) sleep" ]
	run -1 runtime ps "$id" -e -o comm
	[[ "$output" == *"couldn't find PID field"* ]]
	run -1 runtime ps "$id" --nonsense
	[[ "$output" == *"ps: exit status"* ]]
}

@test "the pidfd goes to --pidfd-socket, from create and from exec" {
	configure '.process.args=["sleep","1000"]'
	listen stream "$work/sock"
	create --pidfd-socket "$work/sock"
	wait "$listener"
	[ "$(head -1 "$work/received")" = standard ]
	grep -qx "Pid:	$(pid_of)" "$work/received"
	runtime start "$id"

	rm "$work/sock" "$work/received" "$work/received.ready"
	listen stream "$work/sock"
	runtime exec --pidfd-socket "$work/sock" --pid-file "$work/pid" --detach "$id" sleep 1000 \
		</dev/null >/dev/null 2>&1 3>&- 4>&-
	wait "$listener"
	[ "$(head -1 "$work/received")" = setns ]
	grep -qx "Pid:	$(cat "$work/pid")" "$work/received"
}

@test "a socket that nobody listens at leaves no container and no process" {
	run -1 runtime create --bundle "$bundle" --pidfd-socket "$work/nothing" "$id"
	[[ "$output" == *"--pidfd-socket: "* ]]
	[ ! -d "$state/$id" ]
	start_sleeper
	run -255 runtime exec --pidfd-socket "$work/nothing" "$id" sleep 1000
	eventually eval '[ "$(runtime ps -f json "$id" | jq length)" = 1 ]'
}

@test "readiness reaches the host's NOTIFY_SOCKET, and nothing else that is said" {
	# The container speaks when it has its socket; it cannot see the host's.
	configure '.process.args=["sh","-c","echo $NOTIFY_SOCKET; while [ ! -e /go ]; do sleep 0.05; done; exec sleep 1000"]'
	listen dgram "$work/notify"
	export NOTIFY_SOCKET=$work/notify
	create
	runtime start "$id" >/dev/null 2>&1 3>&- 4>&- &
	local starter=$!
	eventually test -S "$state/$id/notify/notify.sock"
	eventually grep -qx /run/notify/notify.sock "$work/out"
	/usr/bin/python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in ("STATUS=loading", "WATCHDOG=1\nX=READY=1", "A=1\nREADY=1\nSTATUS=secret"):
    s.sendto(text.encode(), sys.argv[1])
' "/proc/$(pid_of)/root/run/notify/notify.sock"
	wait $starter
	eventually grep -q MAINPID "$work/received"
	stop_listener
	[ "$(tr '\n' ' ' <"$work/received" | tr -s ' ')" = "READY=1 MAINPID=$(pid_of) " ]
	runtime delete --force "$id"
	[ ! -e "$state/$id" ]
}

@test "run in the foreground passes readiness on while it waits" {
	configure '.process.args=["sh","-c","while [ ! -e /go ]; do sleep 0.05; done; exit 5"]'
	listen dgram "$work/notify"
	NOTIFY_SOCKET=$work/notify runtime run --bundle "$bundle" "$id" >"$work/out" 2>&1 3>&- 4>&- &
	local runner=$! result=0
	eventually eval '[ "$(status_of 2>/dev/null)" = running ]'
	/usr/bin/python3 -c '
import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", sys.argv[1])
' "/proc/$(pid_of)/root/run/notify/notify.sock"
	eventually grep -q READY=1 "$work/received"
	touch "$bundle/rootfs/go"
	wait $runner || result=$?
	stop_listener
	[ $result = 5 ]
	[ "$(tr -d '\n' <"$work/received")" = READY=1 ]
}

@test "start does not wait for a container that ends without being ready" {
	listen dgram "$work/notify"
	export NOTIFY_SOCKET=$work/notify
	create
	timeout 10 "$BERTH_BUILD/berth-runtime" --root "$state" start "$id" 3>&- 4>&-
	stop_listener
	[ ! -e "$work/received" ]
}

@test "descriptors of socket activation come first, with their names and init's pid" {
	configure '.process.args=["sh","-c","echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES $(cat <&3) $(cat <&4)"]'
	echo one >"$work/one"
	echo two >"$work/two"
	export BERTH_BUILD bundle work state id
	run -0 bash -c 'LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$ exec "$BERTH_BUILD/berth-runtime" --root "$state" \
		run --preserve-fds 1 --bundle "$bundle" "$id" 3<"$work/one" 4<"$work/two"'
	[ "$output" = "1 1 web one two" ]
	# Meant for another process:
	configure '.process.args=["sh","-c","echo [$LISTEN_FDS]"]'
	run -0 bash -c 'LISTEN_FDS=1 LISTEN_PID=1 exec "$BERTH_BUILD/berth-runtime" --root "$state" \
		run --bundle "$bundle" "$id" 3<"$work/one"'
	[ "$output" = "[]" ]
}

@test "run adopts and reaps orphans of a container without a pid namespace, unless told not to" {
	configure 'del(.linux.namespaces[] | select(.type=="pid")) |
		.process.args=["sh","-c","(until [ -e /tmp/end ]; do sleep 0.05; done & ) ; until [ -e /tmp/go ]; do sleep 0.05; done"]'
	"$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id" </dev/null >"$work/out" 3>&- 4>&- &
	local runner=$!
	eventually eval '[ "$(pgrep -P '$runner' | wc -l)" = 2 ]' # it has the orphan, too
	touch "$bundle/rootfs/tmp/end"
	eventually eval '[ "$(pgrep -P '$runner' | wc -l)" = 1 ]' # and no zombie of it
	touch "$bundle/rootfs/tmp/go"
	wait $runner
	rm "$bundle/rootfs/tmp/end" "$bundle/rootfs/tmp/go"
	"$BERTH_BUILD/berth-runtime" --root "$state" run --no-subreaper --bundle "$bundle" "$id" </dev/null >"$work/out" \
		3>&- 4>&- &
	runner=$!
	eventually eval '[ "$(pid_of 2>/dev/null)" ] && [ "$(runtime ps -f json "$id" | jq length)" -ge 2 ] && [ "$(pgrep -P '$runner' | wc -l)" = 1 ]'
	touch "$bundle/rootfs/tmp/end" "$bundle/rootfs/tmp/go"
	wait $runner
}

@test "mounts are added to and removed from a running container, all or none" {
	start_sleeper
	mkdir "$work/source"
	echo there >"$work/source/file"
	jq -n --arg from "$work/source" '[{destination:"/new/place",type:"bind",source:$from,options:["rbind","ro"]},
		{destination:"/mem",type:"tmpfs",source:"tmpfs",options:["size=64k"]},
		{destination:"/one",type:"bind",source:($from+"/file"),options:["bind"]}]' >"$work/mounts.json"
	runtime mounts add "$id" "$work/mounts.json"
	[ "$(runtime exec "$id" cat /new/place/file /one)" = $'there\nthere' ]
	run -1 runtime exec "$id" touch /new/place/x
	runtime exec "$id" grep -q ' /mem tmpfs .*size=64k' /proc/mounts
	runtime mounts remove "$id" "$work/mounts.json"
	run -1 runtime exec "$id" grep -E ' (/new/place|/mem|/one) ' /proc/mounts
	run -1 runtime mounts remove "$id" "$work/mounts.json"
	[[ "$output" == *"mount /new/place: nothing is mounted there"* ]]

	jq '.[3]={destination:"/x",type:"bind",source:"/does/not/exist",options:["bind"]}' "$work/mounts.json" >"$work/bad.json"
	run -1 runtime mounts add "$id" "$work/bad.json"
	[[ "$output" == *"/does/not/exist"* ]]
	run -1 runtime exec "$id" grep -E ' (/new/place|/mem|/one) ' /proc/mounts
}

@test "mounts neither cover nor uncover what protects the host" {
	start_sleeper
	local change
	for change in '{"destination":"/proc","type":"proc","source":"proc"}' \
		'{"destination":"/proc/sys","type":"tmpfs","source":"tmpfs"}' \
		'{"destination":"/","type":"tmpfs","source":"tmpfs"}'; do
		echo "$change" >"$work/mount.json"
		run -1 runtime mounts add "$id" "$work/mount.json"
	done
	for change in /proc/kcore /proc/sys /sys/firmware / /../; do
		jq -n --arg to "$change" '{destination:$to}' >"$work/mount.json"
		run -1 runtime mounts remove "$id" "$work/mount.json"
	done
	run -1 runtime mounts what "$id" "$work/mount.json"
	[[ "$output" == *"mounts: unknown command what"* ]]
}

@test "messages go to a file, to the journal and to syslog, as far as the level says" {
	run -1 runtime --log "file:$work/log" start none
	grep -q 'level=error msg="container none does not exist"' "$work/log"
	run -1 runtime --log=/nowhere/log list
	[[ "$output" == *"open the log /nowhere/log"* ]]
	run -1 runtime --log-level loud list
	[[ "$output" == *"--log-level loud: is error, warning or debug"* ]]
	runtime --log "$work/debug" --debug list
	grep -q 'level=debug msg="list' "$work/debug"
	runtime --log "$work/quiet" --log-level error list
	[ ! -s "$work/quiet" ]

	# In a mount namespace of its own, where /run and /dev/log are ours.
	export BERTH_BUILD work state
	unshare --mount bash -c '
		mount --bind "$work" /mnt && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal
		mount -t tmpfs tmpfs /dev
		/usr/bin/python3 -c "
import socket
names = {\"journal\": \"/run/systemd/journal/socket\", \"syslog\": \"/dev/log\"}
sockets = {}
for name, path in names.items():
    sockets[name] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sockets[name].bind(path)
    sockets[name].settimeout(10)
open(\"/mnt/ready\", \"w\").close()
for name in names:
    open(\"/mnt/\" + name, \"wb\").write(sockets[name].recv(65536))
" 3>&- 4>&- &
		while [ ! -e /mnt/ready ]; do sleep 0.05; done
		"$BERTH_BUILD/berth-runtime" --root /mnt/state --log journald:boat start none
		"$BERTH_BUILD/berth-runtime" --root /mnt/state --log syslog:ship start none
		wait'
	grep -qa '^SYSLOG_IDENTIFIER=boat$' "$work/journal"
	grep -qa '^PRIORITY=3$' "$work/journal"
	grep -qa 'container none does not exist' "$work/journal"
	grep -qa '^<11>ship\[[0-9]*\]: container none does not exist' "$work/syslog"
	run -1 runtime --log journald: list
	[[ "$output" == *"--log journald:: a name is missing"* ]]
}

@test "spec writes where it is told, and for ordinary users" {
	mkdir "$work/new"
	runtime spec --bundle "$work/new" --file other.json
	[ "$(jq -r .ociVersion "$work/new/other.json")" = 1.2.0 ]
	runtime spec --bundle "$work/new" --rootless
	[ "$(jq -c '.linux.uidMappings' "$work/new/config.json")" = '[{"containerID":0,"hostID":0,"size":1}]' ]
	[ "$(jq -r '[.linux.namespaces[].type] | index("user") != null' "$work/new/config.json")" = true ]
	[ "$(jq '.linux.resources' "$work/new/config.json")" = null ]
}

@test "flags are refused by their names" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086
		run -1 runtime $words
		echo "$words: $output"
		[[ "$output" == *"unknown flag: --what"* || "$output" == *"unknown shorthand flag: 'Z'"* ]]
	done <<-'CASES'
		--what list
		create --what x
		run -Z x
		kill --what x
		delete --what x
		list --what
		ps --what x
		spec --what
		state --what x
		start --what x
		pause --what x
		mounts --what add x y
	CASES
	run -1 runtime --rootless=maybe list
	[[ "$output" == *"--rootless maybe: is true, false or auto"* ]]
	run -255 runtime exec --what x true
	[[ "$output" == *"unknown flag: --what"* ]]
}

@test "--version and --help name what there is" {
	run -0 runtime --version
	[[ "${lines[0]}" == "berth-runtime version "* ]]
	[[ "${lines[-1]}" == "+"*"+SECCOMP"* ]]
	run -0 runtime --help
	local name
	for name in create start run state kill delete list ps exec pause resume update spec features mounts; do
		[[ "$output" == *"  $name "* ]]
	done
}

@test "with --rootless=false a container without control groups is refused" {
	local user=(setpriv --reuid 12345 --regid 12345 --clear-groups "$BERTH_BUILD/berth-runtime" --root "$work/user/state")
	mkdir "$work/user"
	cp -a "$bundle/rootfs" "$work/user/rootfs"
	runtime spec --rootless --bundle "$work/user"
	configure_at "$work/user" '.process.terminal=false | .process.args=["true"] |
		.linux.uidMappings[0].hostID=12345 | .linux.gidMappings[0].hostID=12345'
	chown -R 12345:12345 "$work/user"
	run -0 "${user[@]}" run --bundle "$work/user" "$id"
	[[ "$output" == *"the container has no cgroup"* ]]
	run -1 "${user[@]}" --rootless=false run --bundle "$work/user" "$id"
	[[ "$output" == *"make cgroup"* ]]
	[ ! -e "$work/user/state/$id" ]
}

@test "run's terminal has its size before the program starts" {
	configure '.process.terminal=true | .process.args=["stty","size"]'
	export BERTH_BUILD state id bundle
	for _ in 1 2 3; do
		# shellcheck disable=SC2016 # for the inner shell
		run -0 env script -qec 'stty rows 29 cols 71; "$BERTH_BUILD/berth-runtime" --root "$state" run \
			--bundle "$bundle" "$id"' /dev/null </dev/null
		[[ "${lines[0]}" == *$'29 71\r' ]]
	done
}

@test "one dash before a long option's name, and two before a letter, are what they are for runc" {
	start_sleeper
	[ "$("$BERTH_BUILD/berth-runtime" -root "$state" list -quiet)" = "$id" ]
	[ "$("$BERTH_BUILD/berth-runtime" -root="$state" -debug=false list -format=json | jq -r '.[].status')" = running ]
	[ "$(runtime exec -cwd /bin -env A=1 --e B=2 -cap CAP_KILL "$id" sh -c 'echo $PWD $A $B')" = "/bin 1 2" ]
	[ "$(runtime exec -eA=1 -e B=2 "$id" sh -c 'echo $A $B' -env)" = "1 2" ]
	run -1 runtime list -quit
	[[ "$output" == *"unknown shorthand flag: 'u' in -quit"* ]]
	runtime delete -force "$id"
}
