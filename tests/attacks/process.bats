#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a process of a container must not get from the runtime: descriptors, folders, rights, groups, environment,
# terminals, and the runtime's own program.

load helpers

launch_detached() {
	configure '.process.args=["sleep","1000"]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&- 4>&-
}

field() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid_of)/status"
}

@test "CVE-2015-3627: descriptors, working folder and root of a container's process lie inside" {
	configure '.process.cwd="/tmp"'
	launch_detached
	local pid
	pid=$(pid_of)
	ls -l "/proc/$pid/fd" "/proc/$pid/cwd" "/proc/$pid/root"
	run find "/proc/$pid/fd" -type l -printf '%l\n'
	[ "$(sort -u <<<"$output")" = /dev/null ]
	[ "$(nsenter --target "$pid" --mount --root --wd readlink /proc/1/cwd)" = /tmp ] ||
		[ "$(stat -c %d:%i "/proc/$pid/cwd/")" = "$(stat -c %d:%i "$bundle/rootfs/tmp")" ]
	[ "$(stat -c %d:%i "/proc/$pid/root/")" = "$(stat -c %d:%i "$bundle/rootfs")" ]
	# Of the host's mounts none is left.
	awk '{print $5}' "/proc/$pid/mountinfo" >"$work/mounts"
	run ! grep -vE '^/($|proc|dev|sys)' "$work/mounts"
	[ "$(awk '$5 == "/"' "/proc/$pid/mountinfo" | wc -l)" = 1 ]
}

@test "CVE-2024-21626 CVE-2016-8649: no descriptor but the standard streams reaches the program" {
	configure '.process.args=["sleep","1000"]'
	nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" run --detach --bundle "$bundle" \
		"$id" </dev/null >/dev/null 2>&1 7</etc/passwd 8>"$work/open" 9</ 50</ 3>&- 4>&-
	[ "$(find "/proc/$(pid_of)/fd" -mindepth 1 -printf "%f ")" = "0 1 2 " ]
}

@test "CVE-2024-21626: the working folder cannot be a descriptor of the runtime" {
	local fd
	for fd in $(seq 3 20) self/../1/cwd self/root 1/root; do
		[[ $fd == *[a-z]* ]] && fd=/proc/$fd || fd=/proc/self/fd/$fd
		configure --arg cwd "$fd" '.process.cwd=$cwd'
		run runtime run --bundle "$bundle" "$id" 7</ 8</proc 9</etc
		echo "$fd: $output"
		[ "$status" = 1 ]
		[[ "$output" == *process.cwd* ]]
	done
	evil_root cwd-fd
	configure '.process.cwd="/cwd"'
	run -1 runtime run --bundle "$bundle" "$id" 7</
	[[ "$output" == *process.cwd* ]]
}

@test "CVE-2024-21626: descriptors that are passed on are those asked for, and must be open" {
	echo through >"$work/preserved"
	configure '.process.args=["sh","-c","cat <&3; exec ls /proc/self/fd"]'
	run -0 runtime run --preserve-fds 1 --bundle "$bundle" "$id" 3<"$work/preserved" 7</etc/passwd
	[ "${lines[0]}" = through ]
	[ "$(tail -n +2 <<<"$output" | xargs)" = "0 1 2 3 4" ] # 4 is ls's own
	run -1 runtime run --preserve-fds 90 --bundle "$bundle" "$id"
	[[ "$output" == *"is not open"* ]]
}

# A copy, so that an attack that succeeds destroys nothing.
copied_runtime() {
	cp "$BERTH_BUILD/berth-runtime" "$work/berth-runtime"
	sum=$(sha256sum "$work/berth-runtime")
}

@test "CVE-2019-5736: a program that is the runtime itself cannot be written by the container" {
	copied_runtime
	evil_root self-exe
	configure '.process.args=["/bin/evil","--version"] |
		.process.capabilities |= map_values(["CAP_SYS_ADMIN","CAP_DAC_OVERRIDE","CAP_SYS_PTRACE"])'
	run nsenter --target "$host" --mount -- "$work/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	echo "$status $output"
	[ "$sum" = "$(sha256sum "$work/berth-runtime")" ]
}

@test "CVE-2019-5736: containers that are made beside it do not lend their program to an attacker" {
	local first=$id pid attacker_pid capability
	copied_runtime
	launch_detached
	pid=$(pid_of)
	for capability in CAP_DAC_OVERRIDE CAP_SYS_PTRACE CAP_SYS_ADMIN; do
		configure --arg path "/proc/$pid/ns/pid" --arg capability $capability \
			'(.linux.namespaces[] | select(.type=="pid")).path=$path |
			.process.capabilities |= map_values(["CAP_DAC_OVERRIDE",$capability]) |
			.process.args=["attacker","exe","100"]'
		runtime run --bundle "$bundle" "$first-b" >"$work/said" </dev/null 2>&1 3>&- 4>&- &
		attacker_pid=$!
		eventually grep -q trying "$work/said"
		configure '.process.args=["true"]'
		# It waits, starts, and ends, while the other holds on to its program.
		for _ in 1 2 3; do
			nsenter --target "$host" --mount -- "$work/berth-runtime" --root "$state" create --bundle "$bundle" \
				"$first-c" </dev/null >/dev/null 2>&1 3>&- 4>&-
			if [ $capability = CAP_SYS_PTRACE ]; then eventually grep -q '^seen' "$work/said"; else sleep 0.1; fi
			nsenter --target "$host" --mount -- "$work/berth-runtime" --root "$state" start "$first-c"
			nsenter --target "$host" --mount -- "$work/berth-runtime" --root "$state" delete --force "$first-c"
		done
		touch "$bundle/rootfs/tmp/enough"
		wait "$attacker_pid"
		rm "$bundle/rootfs/tmp/enough"
		cat "$work/said"
		grep -q rounds "$work/said"
		[ $capability != CAP_SYS_PTRACE ] || grep -q '^seen' "$work/said"
		run ! grep ATTACK "$work/said"
		[ "$sum" = "$(sha256sum "$work/berth-runtime")" ]
	done
}

@test "CVE-2019-5736: while its process waits, the runtime's program lies on a read-only mount" {
	create
	run ! sh -c "echo x >>/proc/$(pid_of)/exe"
	# Not only because it is executed just now: a read-only mount, or, on older kernels, a sealed copy.
	[[ "$(readlink "/proc/$(pid_of)/exe")" == /memfd:* ]] ||
		/usr/bin/python3 -c 'import os, sys; sys.exit(not os.statvfs(sys.argv[1]).f_flag & os.ST_RDONLY)' "/proc/$(pid_of)/exe"
	run ! nsenter --target "$(pid_of)" --mount sh -c "mount -o remount,rw /proc/self/exe"
}

@test "CVE-2016-9962: the waiting process is not dumpable, for users of the container neither" {
	create
	[ "$(stat -c %u "/proc/$(pid_of)/mem")" = 0 ]
	runtime delete --force "$id"
	user_namespace
	create
	# Owned by the host's root although the process is 100000: nobody inside may look into it.
	[ "$(stat -c %u "/proc/$(pid_of)/environ")" = 0 ]
}

# Processes of one container are made in the pid namespace of another, whose program watches it.
watched_creates() {
	local first=$id pid watcher
	configure '.linux.namespaces |= map(del(.path)) | .process.args=["sleep","1000"]'
	runtime run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&- 4>&-
	pid=$(pid_of)
	configure --arg path "/proc/$pid/ns/" '.linux.namespaces |= map(if .type == "pid" or .type == "user"
		then .path = $path + .type else . end)'
	id=$first-watch
	configure --arg canary "$work/canary/file" '.process.env += ["CANARY=" + $canary] | .process.args=["attacker","watch","100"]'
	runtime run --bundle "$bundle" "$id" >"$work/said" </dev/null 2>&1 3>&- 4>&- &
	watcher=$!
	eventually grep -q watching "$work/said"
	configure '.process.args=["true"]'
	id=$first-b
	for _ in $(seq "$1"); do
		HOST_SECRET=secret runtime run --bundle "$bundle" "$id" </dev/null
	done
	touch "$bundle/rootfs/tmp/enough"
	wait "$watcher"
	id=$first
	sort "$work/said" | uniq -c | sort -rn | head -30
	grep -q 'at the runtime' "$work/said"
}

@test "CVE-2016-9962: a process made in a shared pid namespace shows nothing of itself before its program runs" {
	watched_creates 40
	run ! grep -E 'ATTACK|descriptor' "$work/said"
}

@test "CVE-2016-9962: nor, in a user namespace, to who may trace everything" {
	user_namespace
	capabilities CAP_SYS_PTRACE CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH
	watched_creates 40
	run ! grep -E 'ATTACK|descriptor' "$work/said"
}

@test "CVE-2022-29162 CVE-2022-27650 CVE-2022-27649 CVE-2022-27651 CVE-2022-27652 CVE-2022-24769 GO-2024-2846: nothing is inheritable" {
	local user
	for user in 0 1000; do
		configure --argjson user $user '.process.user={"uid":$user,"gid":$user}'
		attack_with 'grep Cap /proc/self/status'
		[[ "$output" == *"CapInh:	0000000000000000"* ]]
		[[ "$output" == *"CapAmb:	0000000000000000"* ]]
	done
	# What the caller's own sets have in them neither.
	run -0 nsenter --target "$host" --mount -- setpriv --inh-caps +chown,+sys_admin --ambient-caps +chown -- \
		"$BERTH_BUILD/berth-runtime" --root "$state" run --bundle "$bundle" "$id"
	[[ "$output" == *"CapInh:	0000000000000000"* ]]
	[[ "$output" == *"CapAmb:	0000000000000000"* ]]
	[ "$(jq '.process.capabilities | has("inheritable") or has("ambient")' "$bundle/config.json")" = false ]
}

@test "CVE-2018-10856 CVE-2021-20188 CVE-2016-8867: a user that is not root has no effective capabilities" {
	configure '.process.user={"uid":1000,"gid":1000}'
	attack_with 'grep Cap /proc/self/status'
	[[ "$output" == *"CapAmb:	0000000000000000"* ]]
	# The program is executed without file capabilities, so of what was permitted nothing is left.
	[[ "$output" == *"CapEff:	0000000000000000"* ]]
	[[ "$output" == *"CapPrm:	0000000000000000"* ]]
}

@test "CVE-2022-36109 CVE-2023-25173 CVE-2022-2989 CVE-2022-2995: the groups are those of the document, and no others" {
	local with
	configure '.process.user={"uid":1000,"gid":1001,"additionalGids":[1001,77]}'
	for with in "--groups 0,4,4321" "--clear-groups"; do
		configure '.process.args=["grep","^Groups:\\|^Gid:","/proc/self/status"]'
		# shellcheck disable=SC2086
		run -0 nsenter --target "$host" --mount -- setpriv $with -- "$BERTH_BUILD/berth-runtime" --root "$state" run \
			--bundle "$bundle" "$id"
		echo "$output"
		[ "$(sed -n 's/^Groups:[[:space:]]*//p' <<<"$output" | xargs)" = "77 1001" ]
		[ "$(sed -n 's/^Gid:[[:space:]]*//p' <<<"$output" | xargs)" = "1001 1001 1001 1001" ]
	done
	configure 'del(.process.user.additionalGids)'
	run -0 nsenter --target "$host" --mount -- setpriv --groups 0,4,4321 -- "$BERTH_BUILD/berth-runtime" --root "$state" run \
		--bundle "$bundle" "$id"
	[ "$(sed -n 's/^Groups:[[:space:]]*//p' <<<"$output" | xargs)" = "" ]
	# A file that a group must not read.
	echo secret >"$bundle/rootfs/tmp/negative"
	chown 5:77 "$bundle/rootfs/tmp/negative"
	chmod 604 "$bundle/rootfs/tmp/negative"
	configure '.process.user.additionalGids=[77]'
	attack_with 'cat /tmp/negative'
	[[ "$output" == *"ermission denied"* ]]
}

@test "CVE-2021-21334 CVE-2020-14370: a container's environment is its document's, exactly" {
	configure '.process.args=["env"] | .process.env=["SECRET_A=1","HOME=/a"]'
	run -0 runtime run --bundle "$bundle" "$id"
	[ "$(sort <<<"$output" | xargs)" = "HOME=/a SECRET_A=1" ]
	configure '.process.env=["B=2","HOME=/b"]'
	run -0 runtime run --bundle "$bundle" "$id"
	[ "$(sort <<<"$output" | xargs)" = "B=2 HOME=/b" ]
	# While it waits, too: what the runtime itself got is not in the process that the container can see.
	configure '.process.env=["SECRET_A=1"]'
	create
	run ! grep SECRET_A "$state/$id/state.json"
}

@test "CVE-2021-3602 CVE-2026-57231: the caller's environment does not reach the container, whatever the document's is" {
	configure '.process.args=["cat","/proc/self/environ"] | .process.env=["HOME=/","HOST_SECRET","=x","","HOST_SECRET\n=y"]'
	HOST_SECRET=secret run -0 runtime run --bundle "$bundle" "$id"
	[[ "$output" != *secret* ]]
	configure 'del(.process.env)'
	HOST_SECRET=secret run runtime run --bundle "$bundle" "$id"
	[[ "$output" != *secret* ]]
	[[ "$output" == HOME=/* ]]
}

@test "CVE-2022-4318: line breaks in the environment and in HOME change no file" {
	echo 'root:x:0:0::/root:/bin/sh' >"$bundle/rootfs/etc/passwd"
	configure '.process.env += ["HOME=/x\nevil::0:0::/:/bin/sh"]'
	attack_with 'echo "$HOME"; cat /etc/passwd'
	[ "${lines[1]}" = 'evil::0:0::/:/bin/sh' ]
	[ "${lines[2]}" = 'root:x:0:0::/root:/bin/sh' ]
	[ "${#lines[@]}" = 3 ]
}

@test "CVE-2016-10124 CVE-2017-5226: a container cannot type into the terminal of who starts it" {
	if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)" = 0 ]; then
		skip "this kernel has no TIOCSTI (dev.tty.legacy_tiocsti is 0)"
	fi
	configure '.process.args=["attacker","tty"] |
		.process.capabilities |= map_values([])' # CAP_SYS_ADMIN may type into every terminal that it has
	# The caller's own terminal: script(1) makes one; what is typed would come back.
	run command script -qec "nsenter --target $host --mount -- $BERTH_BUILD/berth-runtime --root $state run --bundle $bundle $id" /dev/null
	echo "$output"
	[[ "$output" == *"/proc/self/fd/0: "* ]]
	[[ "$output" != *ATTACK* ]]
}

@test "CVE-2020-15257: the runtime listens on no abstract socket, and on none that others could open" {
	local before
	before=$(awk '$NF ~ /^@/ {print $NF}' /proc/net/unix | sort)
	configure '.linux.namespaces |= map(select(.type != "network")) | .process.args=["attacker","abstract"]'
	create
	awk '$NF ~ /^@/ {print $NF}' /proc/net/unix | sort | comm -13 <(echo "$before") - >"$work/new"
	run ! grep -i -E 'berth|runtime|start' "$work/new"
	[ "$(stat -c %a "$state/$id/start.sock")" = 600 ]
	runtime start "$id"
	eventually is_stopped
	[[ "$(cat "$work/out")" != *berth* ]]
	grep 'all tried' "$work/out"
}

@test "CVE-2021-41103 CVE-2024-25621 CVE-2015-1331: what the runtime keeps on the host is its own only" {
	umask 0
	mkdir "$bundle/rootfs/etc/x"
	default_seccomp
	configure '.process.args=["sleep","1000"]'
	create --pid-file "$work/pid"
	find "$state" -printf '%P %m %u %y\n'
	[ -z "$(find "$state" -perm /077 ! -type l)" ]
	[ -z "$(find "$state" ! -user root)" ]
	[ "$(stat -c %a "$work/pid")" = 644 ]
}

@test "CVE-2015-1331: links in the state folder are not followed" {
	mkdir -p "$state/$id"
	chmod 700 "$state" "$state/$id"
	ln -s "$work/canary/file" "$state/$id/state.lock"
	mark
	run -1 runtime run --bundle "$bundle" "$id"
	check_canary
	rm "$state/$id/state.lock"
	ln -s "$work/canary/file" "$state/$id/start.sock"
	create
	check_canary
	runtime delete --force "$id"
	rm -rf "${state:?}/$id"
	ln -s "$work/canary" "$state/$id"
	mark
	run -1 runtime run --bundle "$bundle" "$id"
	run -1 runtime delete --force "$id"
	check_canary
	rm "$state/$id"
}

@test "CVE-2014-0047: a pid file that is a link is replaced, not written through" {
	ln -s "$work/canary/file" "$work/pid"
	mark
	create --pid-file "$work/pid"
	check_canary
	[ ! -L "$work/pid" ]
	[ "$(cat "$work/pid")" = "$(pid_of)" ]
}

@test "CVE-2016-8659 CVE-2020-5291: no program has another's rights by its file" {
	local program
	for program in berth-runtime berth-monitor berth-init berthd berth; do
		[ -x "$BERTH_BUILD/$program" ]
		[ -z "$(find "$BERTH_BUILD/$program" -perm /6000)" ]
		[ -z "$(getcap "$BERTH_BUILD/$program")" ]
	done
	run ! grep -n -E "chmod [^ ]*s|chmod [2467][0-7]{3}|setcap|-m [2467][0-7]{3}" "$BATS_TEST_DIRNAME/../../scripts/install"
}
