#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore: what is refused and how, and, where CRIU works (Debian's does on Debian's own kernel, so in the
# virtual machine), containers that go on from where they were.

load helpers

setup_file() {
	[ -x "$BERTH_BUILD/berth-runtime" ]
	make_bundle "$BATS_FILE_TMPDIR/bundle"
	# Debian 12's CRIU does not restore noNewPrivileges, which is tested apart. Without a network namespace a checkpoint
	# takes half the time.
	configure_at "$BATS_FILE_TMPDIR/bundle" '.process.noNewPrivileges=false
		| .linux.namespaces |= map(select(.type != "network"))'
}

# What a test has mounted for a container goes after the container.
teardown() {
	runtime delete --force "$id"
	umount "$work"/*/sub 2>/dev/null || true
	[ ! -e "/run/netns/$id" ] || ip netns del "$id"
	tear_down_work
}

need_criu() {
	local reason
	command -v criu >/dev/null || skip "criu is not installed"
	reason=$(criu check 2>&1) || skip "CRIU does not work on this kernel: $(tail -n1 <<<"$reason")"
}

# A container that counts into /tmp/n.
counter() {
	configure '.process.args=["sh","-c","i=0; while :; do i=$((i+1)); echo $i >/tmp/m; mv /tmp/m /tmp/n; sleep 0.1; done"]'
	cp "$(command -v busybox)" "$bundle/rootfs/bin/mv"
	runtime run --detach --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&- || {
		cat "$work/out"
		return 1
	}
	eventually counts
}

count() {
	cat "$bundle/rootfs/tmp/n"
}

counts() {
	local before
	before=$(count) && sleep 0.5 && [ "$(count)" -gt "$before" ]
}

restore() {
	runtime restore --bundle "$bundle" --image-path "$work/images" --work-path "$work/logs" "$@" "$id"
}

restore_detached() {
	restore --detach "$@" </dev/null >"$work/restored" 2>&1 3>&- 4>&- || {
		cat "$work/restored"
		return 1
	}
}

forge() {
	"$BATS_TEST_DIRNAME/../attacks/criu-images" "$work/images"
}

# What every refused restore leaves: nothing.
nothing_made() {
	[ -z "$(find "$state" -mindepth 1 ! -name 'seccomp-*' 2>/dev/null)" ]
}

@test "without CRIU the message names the package and --criu" {
	launch 'sleep 100'
	run runtime --criu "$work/none" checkpoint --image-path "$work/images" "$id"
	[ "$status" = 1 ]
	[[ "$output" == *"there is no $work/none"*"package criu"*--criu* ]]
	[ ! -e "$work/images" ]
	[ "$(status_of)" = running ]
	run runtime --criu "$work/none" restore --bundle "$bundle" --image-path "$work" other
	[ "$status" = 1 ]
	[[ "$output" == *"package criu"* ]]
}

@test "where CRIU does not work, the message has its words, and the container runs on" {
	command -v criu >/dev/null || skip "criu is not installed"
	if criu check >"$work/check" 2>&1; then
		skip "CRIU works here"
	fi
	counter
	run runtime checkpoint --image-path "$work/images" "$id"
	[ "$status" = 1 ]
	[[ "$output" == *"criu failed: checkpoint: "*"does not work on this machine: "*"criu check"* ]]
	grep -qF "$(sed -n 's/^Error ([^)]*): //p' "$work/check" | head -n1)" <<<"$output"
	[ "$(status_of)" = running ]
	counts
}

@test "only a running container is checkpointed" {
	run runtime checkpoint --image-path "$work/images" missing
	[ "$status" = 1 ]
	[[ "$output" == *"container missing does not exist"* ]]
	configure '.process.args=["true"]'
	create
	run runtime checkpoint --image-path "$work/images" "$id"
	[ "$status" = 1 ]
	[[ "$output" == *"cannot be checkpointed in created state"* ]]
	runtime start "$id"
	eventually is_stopped
	run runtime checkpoint --image-path "$work/images" "$id"
	[ "$status" = 1 ]
	[[ "$output" == *"cannot be checkpointed in stopped state"* ]]
}

@test "wrong options are refused by name" {
	launch 'sleep 100'
	local words
	while IFS='|' read -r words expected; do
		# shellcheck disable=SC2086
		run runtime checkpoint --image-path "$work/images" $words "$id"
		[ "$status" = 1 ]
		[[ "$output" == *"$expected"* ]]
	done <<-'LIST'
		--manage-cgroups-mode none|manage-cgroups-mode none: is soft, full, strict or ignore
		--page-server here|--page-server here: is ADDRESS:PORT
		--page-server 127.0.0.1:70000|is ADDRESS:PORT
		--parent-path /etc|--parent-path /etc: must name a folder beside that of the images
		--parent-path ../../etc|must name a folder beside that of the images
		--parent-path ../none|No such file or directory
		--status-fd 1|--status-fd: is for --lazy-pages
		--lazy-pages --status-fd 99|invalid --status-fd argument 99
		--empty-ns mount|--empty-ns mount: is network
		--image-path=|no folder for the images is named
	LIST
	[ "$(status_of)" = running ]
	runtime delete --force "$id"
	run restore --no-pivot
	[ "$status" = 1 ]
	[[ "$output" == *pivot_root* ]]
	cp "$bundle/config.json" "$work/kept.json"
	user_namespace
	run restore
	[ "$status" = 1 ]
	[[ "$output" == *"a restore in a new user namespace is not implemented"* ]]
	cp "$work/kept.json" "$bundle/config.json"
	run restore --console-socket "$work/none"
	[ "$status" = 1 ]
	[[ "$output" == *console* ]]
}

@test "images that are none are refused" {
	run restore
	[ "$status" = 1 ]
	[[ "$output" == *"folder of the images"*"No such file or directory"* ]]
	mkdir "$work/images"
	run restore
	[ "$status" = 1 ]
	[[ "$output" == *pstree.img* ]]
	forge
	head -c 17 "$work/images/mountpoints-10.img" >"$work/cut"
	mv "$work/cut" "$work/images/mountpoints-10.img"
	configure '.linux.namespaces += [{"type":"network"}]'
	run restore
	[ "$status" = 1 ]
	[[ "$output" == *"mountpoints-10.img: is cut off"* ]]
	head -c 100000 /dev/urandom >"$work/images/pstree.img"
	run restore
	[ "$status" = 1 ]
	nothing_made
}

@test "namespaces of others are refused by name, but for network and pid" {
	command -v criu >/dev/null || skip "criu is not installed"
	local kind
	launch 'sleep 100'
	for kind in ipc uts; do
		cp "$bundle/config.json" "$work/kept.json"
		configure --arg kind $kind --arg path "/proc/$(pid_of)/ns/$kind" 'del(.hostname)
			| (.linux.namespaces[] | select(.type == $kind)).path = $path | .process.args=["sleep","100"]'
		runtime run --detach --bundle "$bundle" "$id-$kind" </dev/null >"$work/out" 2>&1 3>&- 4>&-
		run runtime checkpoint --image-path "$work/dumped" "$id-$kind"
		[ "$status" = 1 ]
		[[ "$output" == *"shares the $kind namespace of another process"* ]]
		forge
		run runtime restore --bundle "$bundle" --image-path "$work/images" "$id-more"
		[ "$status" = 1 ]
		[[ "$output" == *"$kind namespace"* ]]
		cp "$work/kept.json" "$bundle/config.json"
	done
}

@test "an annotation's configuration of CRIU must be there" {
	configure '.annotations={"org.criu.config":"/none/criu.conf"}'
	forge
	run restore
	[ "$status" = 1 ]
	[[ "$output" == *"annotation org.criu.config: /none/criu.conf: No such file or directory"* ]]
}

@test "a container goes on from where it was, with its limits, exec and hooks" {
	need_criu
	configure --arg log "$work/hooks" '.linux.resources.pids.limit=50
		| .hooks=({prestart:"prestart",createRuntime:"createRuntime",poststart:"poststart",poststop:"poststop"}
			| map_values([{path:"/bin/sh",args:["sh","-c","echo \(.) $(cat | grep -o creating) >>\($log)"]}]))'
	counter
	local before
	runtime checkpoint --image-path "$work/images" --work-path "$work/logs" "$id"
	nothing_made
	[ -s "$work/logs/dump.log" ]
	[ -s "$work/images/pages-1.img" ]
	before=$(count)
	sleep 0.5
	[ "$(count)" = "$before" ]
	: >"$work/hooks"
	configure '.linux.resources.pids.limit=40'
	restore_detached --pid-file "$work/pid"
	counts
	[ "$(count)" -gt "$before" ]
	[ "$(status_of)" = running ]
	[ "$(runtime state "$id" | jq .pid)" = "$(cat "$work/pid")" ]
	[ "$(cat "/sys/fs/cgroup/$(cut -d: -f3 "/proc/$(cat "$work/pid")/cgroup")/pids.max")" = 40 ]
	[ "$(tr '\n' ';' <"$work/hooks")" = "prestart creating;createRuntime creating;" ]
	[ "$(runtime exec "$id" hostname)" = "$(jq -r .hostname "$bundle/config.json")" ]
	runtime exec "$id" sh -c 'cat /proc/kcore /proc/timer_list | wc -c' | grep -qx 0
	runtime exec "$id" sh -c '! echo 1 2>/dev/null >/proc/sys/vm/drop_caches'
	# It can be checkpointed again.
	runtime checkpoint --image-path "$work/again" "$id"
	mv "$work/again" "$work/images.2"
	runtime restore --detach --bundle "$bundle" --image-path "$work/images.2" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	counts
	runtime kill "$id" KILL
	eventually is_stopped
	runtime delete "$id"
	[ "$(tail -n1 "$work/hooks")" = poststop ]
}

@test "pre-dumps, leave-running, and earlier images" {
	need_criu
	counter
	runtime checkpoint --pre-dump --image-path "$work/pre" "$id"
	[ "$(status_of)" = running ]
	counts
	runtime checkpoint --leave-running --image-path "$work/images" --parent-path ../pre "$id"
	[ "$(readlink "$work/images/parent")" = ../pre ]
	[ "$(status_of)" = running ]
	counts
	runtime kill "$id" KILL
	eventually is_stopped
	runtime delete "$id"
	restore_detached
	counts
}

@test "file locks, open files without a name, and the same memory twice are for flags to allow" {
	need_criu
	# Busybox has none.
	cp "$(command -v flock)" "$bundle/rootfs/bin/flock"
	ldd "$(command -v flock)" | grep -o '/[^ ]*' | xargs cp -L --parents -t "$bundle/rootfs"
	configure '.process.args=["sh","-c","exec 8>/tmp/gone; ln /tmp/gone /tmp/kept; rm /tmp/gone
		flock /tmp/lock sh -c \"echo held >/tmp/held; while [ ! -e /tmp/go ]; do sleep 0.1; done\"
		echo written >&8; exec sleep 1000"]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	eventually test -e "$bundle/rootfs/tmp/held"
	run runtime checkpoint --link-remap --image-path "$work/images" --work-path "$work/logs" "$id"
	[ "$status" = 1 ]
	[[ "$output" == *"lock"* ]]
	rm -rf "$work/images"
	run runtime checkpoint --file-locks --image-path "$work/images" --work-path "$work/logs" "$id"
	[ "$status" = 1 ]
	[[ "$output" == *"link-remap"* ]]
	rm -rf "$work/images"
	[ "$(status_of)" = running ]
	runtime checkpoint --file-locks --link-remap --image-path "$work/images" --work-path "$work/logs" "$id"
	flock -n "$bundle/rootfs/tmp/lock" true # the container is gone, and its lock
	restore_detached --file-locks --link-remap
	run ! flock -n "$bundle/rootfs/tmp/lock" true
	touch "$bundle/rootfs/tmp/go"
	eventually grep -qx written "$bundle/rootfs/tmp/kept"
	flock -n "$bundle/rootfs/tmp/lock" true
}

@test "earlier images lose what later ones have, with --auto-dedup" {
	need_criu
	local before
	counter
	runtime checkpoint --pre-dump --image-path "$work/pre" "$id"
	counts
	before=$(stat -c %b "$work/pre/pages-1.img")
	runtime checkpoint --auto-dedup --image-path "$work/images" --parent-path ../pre "$id"
	echo "$before blocks, $(stat -c %b "$work/pre/pages-1.img") afterwards"
	[ "$(stat -c %b "$work/pre/pages-1.img")" -lt "$before" ]
	restore_detached --auto-dedup
	counts
}

@test "memory goes to a page server" {
	need_criu
	local server
	counter
	mkdir "$work/pages"
	criu page-server --images-dir "$work/pages" --address 127.0.0.1 --port 7798 >"$work/server" 2>&1 3>&- 4>&- &
	server=$!
	eventually eval 'ss -ltn | grep -q 127.0.0.1:7798'
	runtime checkpoint --page-server 127.0.0.1:7798 --image-path "$work/images" --work-path "$work/logs" "$id"
	wait $server
	[ ! -e "$work/images/pages-1.img" ]
	[ -n "$(find "$work/pages" -name 'pages-*.img' -size +0)" ]
	mv "$work"/pages/page* "$work/images/"
	restore_detached
	counts
}

@test "another AppArmor profile is for --lsm-profile to say" {
	need_criu
	local name
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip "AppArmor is not enabled here"
	command -v apparmor_parser >/dev/null || skip "apparmor_parser is not installed"
	for name in one two; do
		echo "profile berth-criu-$name flags=(attach_disconnected) { capability, file, network, signal, ptrace, }"
	done | apparmor_parser -r
	configure '.process.apparmorProfile="berth-criu-one"'
	counter
	runtime checkpoint --image-path "$work/images" --work-path "$work/logs" "$id"
	configure '.process.apparmorProfile="berth-criu-two"'
	run restore_detached
	[ "$status" = 1 ]
	[[ "$output" == *"has the AppArmor profile berth-criu-one, config.json has berth-criu-two: --lsm-profile apparmor:berth-criu-two changes it"* ]]
	nothing_made
	restore_detached --lsm-profile apparmor:berth-criu-two
	counts
	[ "$(cut -d' ' -f1 "/proc/$(pid_of)/attr/current")" = berth-criu-two ]
	runtime delete --force "$id"
	for name in one two; do
		echo "profile berth-criu-$name { }" | apparmor_parser -R
	done
}

@test "a paused container stays paused when it is left" {
	need_criu
	counter
	runtime pause "$id"
	runtime checkpoint --leave-running --image-path "$work/images" "$id"
	[ "$(status_of)" = paused ]
	runtime resume "$id"
	counts
}

@test "a checkpoint that fails says why, and the container runs on; TCP connections are allowed by a flag" {
	need_criu
	configure '.linux.namespaces += [{"type":"network"}]
		| .process.args=["sh","-c","ip link set lo up; nc -l -p 7777 -e cat & sleep 1
			{ i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done; } | nc 127.0.0.1 7777 |
			while read -r n; do echo $n >/tmp/n; done"]
		| .process.capabilities |= map_values(. + ["CAP_NET_ADMIN"])'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	eventually counts
	run runtime checkpoint --image-path "$work/images" --work-path "$work/logs" "$id"
	[ "$status" = 1 ]
	[[ "$output" == *"criu failed: checkpoint: "*"log file: $work/logs/dump.log"* ]]
	grep -qi 'connected tcp\|tcp-established' <<<"$output"
	[ "$(status_of)" = running ]
	counts
	rm -rf "$work/images"
	runtime checkpoint --tcp-established --image-path "$work/images" "$id"
	run restore_detached
	[ "$status" = 1 ]
	nothing_made
	restore_detached --tcp-established
	counts
}

# Whoever has the master answers in the background until it is ended.
receive_console() {
	rm -f "$work/console"
	"$BATS_TEST_DIRNAME/../receive-console" "$work/console" "$work/$1" "$1" 3>&- 4>&- &
	console=$!
	eventually test -S "$work/console"
}

@test "a terminal: its master goes to the console socket" {
	need_criu
	configure '.process.terminal=true | .process.args=["sh","-c","while read -r line; do echo got-$line; done"]'
	receive_console one
	runtime run --detach --console-socket "$work/console" --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	eventually grep -q got-one "$work/one"
	runtime checkpoint --image-path "$work/images" "$id"
	kill $console 2>/dev/null || true # it may have ended by itself
	wait $console || true
	receive_console two
	restore_detached --console-socket "$work/console"
	eventually grep -q got-two "$work/two"
	run ! grep -q got-one "$work/two"
	[ "$(status_of)" = running ]
	kill $console 2>/dev/null || true # it may have ended by itself
}

@test "bind mounts come from this bundle's sources" {
	need_criu
	mkdir "$work/one" "$work/two" "$work/one/sub" "$work/two/sub"
	echo first >"$work/one/file"
	echo second >"$work/two/file"
	mount -t tmpfs sub "$work/one/sub"
	mount -t tmpfs sub "$work/two/sub"
	touch "$work/single" "$work/other-single"
	echo single >"$work/other-single"
	configure --arg one "$work/one" --arg single "$work/single" '.mounts += [
		{destination:"/run/data",type:"bind",source:$one,options:["rbind","ro"]},
		{destination:"/etc/single",type:"bind",source:$single,options:["bind"]},
		{destination:"/scratch",type:"tmpfs",source:"tmpfs",options:["nosuid"]}]'
	mkdir "$bundle/rootfs/run"
	ln -s /run "$bundle/rootfs/var-run"
	configure '(.mounts[] | select(.destination == "/run/data")).destination = "/var-run/data"'
	counter
	runtime exec "$id" sh -c 'echo kept >/scratch/file'
	runtime checkpoint --image-path "$work/images" --work-path "$work/logs" "$id"
	# Less than config.json asks for is refused, and so is what it has not.
	configure '.mounts |= map(select(.destination != "/etc/single"))'
	run restore_detached
	[ "$status" = 1 ]
	[[ "$output" == *"the images' mount /etc/single: "* ]]
	nothing_made
	configure --arg two "$work/two" --arg single "$work/other-single" '
		(.mounts[] | select(.destination == "/var-run/data")).source = $two
		| .mounts += [{destination:"/etc/single",type:"bind",source:$single,options:["bind"]}]'
	restore_detached
	counts
	[ "$(runtime exec "$id" cat /run/data/file /etc/single /scratch/file | tr '\n' ' ')" = "second single kept " ]
	runtime exec "$id" sh -c '! touch /run/data/x 2>/dev/null'
}

@test "in the foreground: streams are the caller's, the status is init's" {
	need_criu
	configure '.process.args=["sh","-c","while [ ! -e /tmp/go ]; do sleep 0.1; done; read -r line; echo said $line; exit 7"]'
	(sleep 1000 3>&- 4>&- & echo $! >"$work/sleep"; wait) |
		runtime run --detach --bundle "$bundle" "$id" 2>"$work/err" 3>&- 4>&- | cat >"$work/first" 3>&- 4>&- &
	eventually container_runs
	runtime checkpoint --image-path "$work/images" "$id"
	kill "$(cat "$work/sleep")"
	touch "$bundle/rootfs/tmp/go"
	echo hello | restore >"$work/second" 2>"$work/err" && false || status=$?
	cat "$work/err"
	[ "$status" = 7 ]
	[ "$(cat "$work/second")" = "said hello" ]
	[ ! -s "$work/first" ]
	nothing_made
}

container_runs() {
	[ "$(status_of)" = running ]
}

@test "a network namespace by its path is joined again" {
	need_criu
	[ ! -w "${BERTH_TESTS_JOURNAL:-}" ] || echo "netns $id" >>"$BERTH_TESTS_JOURNAL"
	ip netns add "$id"
	configure --arg path "/run/netns/$id" '.linux.namespaces += [{type:"network",path:$path}]'
	counter
	runtime checkpoint --image-path "$work/images" "$id"
	ip netns del "$id"
	ip netns add "$id"
	restore_detached
	counts
	[ "$(stat -L -c %i "/proc/$(pid_of)/ns/net")" = "$(stat -c %i "/run/netns/$id")" ]
}

@test "a process that has ended, and that nobody has asked how, is restored as that" {
	need_criu
	configure '.process.args=["sh","-c","true & exec sleep 1000"]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1 3>&- 4>&-
	eventually has_zombie
	runtime checkpoint --image-path "$work/images" "$id"
	restore_detached
	[ "$(status_of)" = running ]
	has_zombie
}

has_zombie() {
	local pid
	pid=$(cat "/proc/$(pid_of)/task/$(pid_of)/children")
	grep -q '^State:.Z' "/proc/${pid// /}/status"
}

@test "processes with more rights than config.json gives are not restored" {
	need_criu
	counter
	runtime checkpoint --image-path "$work/images" --work-path "$work/logs" "$id"
	local change
	while IFS=@ read -r change expected; do
		cp "$bundle/config.json" "$work/kept.json"
		configure "$change"
		run restore_detached
		cp "$work/kept.json" "$bundle/config.json"
		echo "$change: $output"
		[ "$status" = 1 ]
		[[ "$output" == *"$expected"* ]]
		nothing_made
	done <<-'LIST'
		.process.capabilities |= map_values([])@which config.json does not allow
		.process.noNewPrivileges=true@may gain privileges
		.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["kexec_load"],action:"SCMP_ACT_ERRNO"}]}@has no system call filter
		.linux.maskedPaths += ["/proc/version"]@/proc/version is not masked
		.linux.readonlyPaths += ["/tmp"]@/tmp is writable
		.linux.namespaces |= map(select(.type != "uts")) | del(.hostname)@uts namespace
	LIST
	restore_detached
	counts
}

@test "a filter and a user of its own are restored" {
	need_criu
	configure '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["mkdir","mkdirat"],action:"SCMP_ACT_ERRNO"}]}
		| .process.user={uid:1000,gid:1000}'
	chmod 777 "$bundle/rootfs/tmp"
	counter
	runtime checkpoint --image-path "$work/images" --work-path "$work/logs" "$id"
	restore_detached
	counts
	grep -q '^Uid:.1000' "/proc/$(runtime state "$id" | jq .pid)/status"
	run runtime exec "$id" mkdir /tmp/x
	[ "$status" != 0 ]
}

@test "what is done with control groups, and with a network namespace's content" {
	need_criu
	configure '.linux.namespaces += [{"type":"network"}] | .process.capabilities |= map_values(. + ["CAP_NET_ADMIN"])'
	counter
	runtime exec "$id" ip link set lo up
	runtime checkpoint --image-path "$work/images" --manage-cgroups-mode ignore --empty-ns network "$id"
	restore_detached --manage-cgroups-mode ignore --empty-ns network
	counts
	grep -q "berth-$id" "/proc/$(pid_of)/cgroup"
	# Only the loopback that every namespace is born with, and down.
	runtime exec "$id" ip link show lo | grep -q '<LOOPBACK>'
}

@test "memory that follows when it is used" {
	need_criu
	local server
	counter
	mkfifo "$work/ready"
	exec 7<>"$work/ready"
	runtime checkpoint --lazy-pages --page-server 127.0.0.1:7799 --status-fd 7 --image-path "$work/images" \
		--work-path "$work/logs" "$id" >"$work/dumped" 2>&1 3>&- 4>&- &
	server=$!
	read -r -t 60 -d '' -u 7
	exec 7>&-
	mkdir "$work/lazy"
	criu lazy-pages --page-server --address 127.0.0.1 --port 7799 --images-dir "$work/images" --work-dir "$work/lazy" \
		>"$work/pages" 2>&1 3>&- 4>&- &
	eventually test -S "$work/lazy/lazy-pages.socket"
	runtime --root "$state.2" restore --detach --lazy-pages --bundle "$bundle" --image-path "$work/images" \
		--work-path "$work/lazy" "$id-lazy" </dev/null >"$work/restored" 2>&1 3>&- 4>&-
	wait $server
	counts
	runtime --root "$state.2" delete --force "$id-lazy"
	wait
}
