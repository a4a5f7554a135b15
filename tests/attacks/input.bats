#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hostile documents and arguments: what is too long, too deep, of the wrong kind, or has in it what it must not have,
# fails cleanly or means exactly what it says.

load helpers

# The document fails cleanly: an error of a reasonable length, no container, no state, no group, no crash.
refused() {
	attack
	[ "$status" = 1 ]
	[ -n "$output" ]
	[[ "$output" != *ATTACK* ]]
	[ ! -e "$state/$id" ]
}

# A string of $1 bytes.
long() {
	head -c "$1" /dev/zero | tr '\0' "${2:-a}"
}

@test "CVE-2021-43784: fields of 64 KiB and more fail cleanly; none is cut short and so means something else" {
	local length text
	cp "$bundle/config.json" "$work/kept.json"
	for length in 4096 65535 65536 65537 131072 1048576; do
		long "$length" >"$work/long"
		while read -r program; do
			cp "$work/kept.json" "$bundle/config.json"
			configure --rawfile long "$work/long" "$program"
			echo "$length: $program"
			refused
		done <<-'PROGRAMS'
			.root.path = "/" + $long
			.process.cwd = "/" + $long
			.process.args = ["/" + $long]
			.hostname = $long
			.domainname = $long
			.mounts += [{"destination": ("/" + $long), "type": "tmpfs"}]
			.mounts += [{"destination": "/x", "source": ("/" + $long), "options": ["bind"]}]
			.mounts += [{"destination": "/x", "type": $long}]
			.mounts += [{"destination": "/x", "type": "tmpfs", "options": [$long]}]
			.linux.namespaces[0].path = "/" + $long
			.linux.namespaces[0].type = $long
			.linux.cgroupsPath = "/" + $long
			.linux.devices = [{"type": "c", "path": ("/" + $long), "major": 1, "minor": 3}]
			.linux.sysctl = {("net." + $long): "1"}
			.linux.rootfsPropagation = $long
			.linux.resources.unified = {($long): "1"}
			.hooks.createRuntime = [{"path": ("/" + $long)}]
			.hooks.createContainer = [{"path": ("/" + $long)}]
			.hooks.startContainer = [{"path": ("/" + $long)}]
			.process.rlimits = [{"type": $long, "hard": 1, "soft": 1}]
			.linux.seccomp = {"defaultAction": $long}
			.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [$long]}
			.ociVersion = $long
		PROGRAMS
	done
}

@test "CVE-2021-43784: long fields that mean nothing to the kernel arrive whole" {
	long 100000 >"$work/long"
	configure --rawfile long "$work/long" '.annotations={"long":$long} | .process.env += ["LONG=" + $long] |
		.process.args=["sh","-c","echo ${#LONG}"]'
	attack
	[ "$output" = 100000 ]
	configure '.process.args=["sleep","1000"]'
	create
	[ "$(runtime state "$id" | jq -r '.annotations.long | length')" = 100000 ]
}

@test "CVE-2021-43784: id maps of any number fail cleanly or are written whole" {
	local count
	for count in 341 1000 100000; do
		configure --argjson count $count '.linux.namespaces += (if any(.linux.namespaces[]; .type == "user") then [] else [{"type":"user"}] end) |
			.linux.uidMappings=[range($count) | {"containerID":.,"hostID":(100000 + .),"size":1}] |
			.linux.gidMappings=.linux.uidMappings'
		refused
	done
	configure '.linux.uidMappings=[{"containerID":0,"hostID":100000,"size":4294967296}] | .linux.gidMappings=.linux.uidMappings'
	refused
	configure '.linux.uidMappings=[{"containerID":0,"hostID":4294967295,"size":2}]'
	refused
}

@test "every list has an end: a document of a hundred thousand entries is refused or done" {
	local program
	cp "$bundle/config.json" "$work/kept.json"
	while read -r program; do
		cp "$work/kept.json" "$bundle/config.json"
		configure "$program"
		echo "$program"
		attack
		[ "$status" -le 1 ]
		[ ! -e "$state/$id" ]
	done <<-'PROGRAMS'
		.process.user.additionalGids = [range(100000)]
		.process.env += [range(100000) | "V\(.)=1"]
		.linux.devices = [range(100000) | {"type":"c","path":"/dev/n\(.)","major":1,"minor":3}]
		.linux.resources.devices = [range(100000) | {"allow":true,"type":"c","major":1,"minor":.,"access":"r"}]
		.linux.maskedPaths = [range(100000) | "/proc/x\(.)"]
		.linux.sysctl = ([range(10000) | {"key":"net.x\(.)","value":"1"}] | from_entries)
		.process.capabilities.bounding = [range(100000) | "CAP_X\(.)"]
	PROGRAMS
}

@test "documents that are too deep, too long, or no documents are refused" {
	local text
	{ jq -c 'del(.annotations)' "$bundle/config.json" | sed 's/}$//'; printf ',"x":'; long 100000 '['; } >"$work/deep"
	cp "$work/deep" "$bundle/config.json"
	refused
	{ printf '{"ociVersion":"1.0.2","x":"'; long 17000000; printf '"}'; } >"$bundle/config.json"
	refused
	# shellcheck disable=SC1003
	for text in '' '[]' 'null' '{' '{"ociVersion":1}' '{"ociVersion":"1.0.2","process":[]}' '"\u0000"' '{"ociVersion":"1.0.2\u0000"}'; do
		echo "$text" >"$bundle/config.json"
		refused
	done
	rm "$bundle/config.json"
	mkfifo "$bundle/config.json"
	refused
	rm "$bundle/config.json"
	ln -s /dev/zero "$bundle/config.json"
	refused
}

@test "CVE-2016-3697 CVE-2024-40635 CVE-2026-46680: a user is the number that the document has, or an error" {
	local uid
	# A passwd that would make root of them.
	printf '%s:x:0:0::/:/bin/sh\n' 1000 2147483648 4294967294 >"$bundle/rootfs/etc/passwd"
	for uid in 1 1000 65535 65536 2147483647 2147483648 4294967294; do
		configure --argjson uid $uid '.process.user={"uid":$uid,"gid":$uid}'
		attack_with 'grep ^Uid: /proc/self/status; grep ^Gid: /proc/self/status'
		[ "$(xargs <<<"$output")" = "Uid: $uid $uid $uid $uid Gid: $uid $uid $uid $uid" ]
	done
	for uid in 4294967295 4294967296 -1 -2 1.5 1e3 '"0x0"' '"00"' '"+0"' '"1000"' '"root"' 'true' '[0]' '{}' '""' \
		18446744073709551616 99999999999999999999; do
		configure '.process.user={"uid": 4711, "gid": 0}'
		sed -i "s/4711/$uid/" "$bundle/config.json"
		configure_args id
		attack
		echo "$uid"
		[ "$status" = 1 ] || [[ "$uid" == 1e3 && "$output" == *uid=1000* ]]
		[[ "$output" != *"uid=0"* ]]
	done
}

# process.args without rewriting what jq would read differently.
configure_args() {
	sed -i -z "s/\"args\": \[[^]]*\]/\"args\": [\"$1\"]/" "$bundle/config.json"
}

@test "CVE-2014-9358 CVE-2014-5278 CVE-2014-5282: ids have no way out of the state folder" {
	local name
	mkdir -p "$work/canary/state" "$state"
	mark
	for name in '' . .. ../x ../../x a/b /etc a/../../x '.hidden' 'a b' $'a\nb' 'a;b' 'ä' "$(long 256)" '*' '$(id)'; do
		run nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" create --bundle "$bundle" -- "$name" </dev/null
		[ "$status" = 1 ]
		[[ "$output" == *"container id"* || "$output" == *"nvalid"* ]]
		for command in state start delete "delete --force" kill ps pause; do
			# shellcheck disable=SC2086
			run nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" $command -- "$name"
			[ "$status" = 1 ]
		done
		check_canary
	done
	[ -z "$(ls -A "$state")" ]
}

@test "CVE-2026-33945 CVE-2025-54293: names of files have no folders in them" {
	local name
	for name in ../cgroup.procs a/b /cgroup.procs .. . 'memory.max/../x'; do
		configure --arg name "$name" '.linux.resources.unified={($name):"1"}'
		refused
	done
	configure 'del(.linux.resources.unified)'
	for name in /../../x /a/../../b ../x a/./b; do
		configure --arg name "$name" '.linux.cgroupsPath=$name'
		refused
	done
	configure '.linux.cgroupsPath="/"'
	refused
}

@test "CVE-2026-23953: line breaks in what is written down change neither log nor state nor group" {
	local text=$'x\ntime="2026" level=error msg="forged"\n{"level":"error","msg":"forged"}'
	for format in text json; do
		configure --arg text "$text" '.hostname="h" | .process.cwd="/" | .annotations={($text):$text} |
			.process.args=[$text]'
		run nsenter --target "$host" --mount -- "$BERTH_BUILD/berth-runtime" --root "$state" --log "$work/log.$format" \
			--log-format $format run --bundle "$bundle" "$id"
		[ "$status" = 1 ]
		cat "$work/log.$format"
		[ "$(wc -l <"$work/log.$format")" = 1 ]
	done
	[ "$(jq -r .level "$work/log.json")" = error ]
	configure --arg text "$text" '.linux.cgroupsPath=("/" + $text)'
	refused
	configure --arg text "$text" 'del(.linux.cgroupsPath) | .process.args=["sleep","1000"]'
	create
	[ "$(jq -r '.annotations | length' "$state/$id/state.json")" = 1 ]
	[ "$(runtime state "$id" | jq -r .status)" = created ]
}

@test "CVE-2024-9407: mount options are those of a list, alone" {
	local option
	mkdir "$work/volume"
	for option in shared,ro 'private,rw,source=/' evil 'upperdir=/' $'ro\nrw' "context=x" 'lowerdir=/etc'; do
		configure --arg option "$option" --arg volume "$work/volume" '.mounts[7]={"destination":"/volume","source":$volume,"options":["bind",$option]}'
		refused
	done
	for option in 'size=1m,mode=777' $'size=1m\nmode=777' evil 'upperdir=/'; do
		configure --arg option "$option" '.mounts[7]={"destination":"/volume","type":"tmpfs","source":"tmpfs","options":[$option]}'
		refused
	done
}

@test "GO-2024-2914 GO-2022-0360: a key that is there twice is refused or counts once" {
	# What reads the document after us must not see another one.
	sed -i '0,/"process"/s//"process": {"user":{"uid":0,"gid":0},"args":["id"],"cwd":"\/"}, "process"/' "$bundle/config.json"
	attack
	[ "$status" = 1 ]
}
