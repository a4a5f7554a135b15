#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Namespaces: new ones, joined ones, and what the container sees of the host.

load helpers

all="pid net ipc uts mnt cgroup"

inode() {
	readlink "/proc/$1/ns/$2"
}

@test "every namespace is new, and one that is not asked for is the caller's" {
	launch 'exec sleep 1000'
	local name pid
	pid=$(pid_of)
	for name in $all; do
		[ "$(inode self "$name")" != "$(inode "$pid" "$name")" ]
	done
	[ "$(inode self user)" = "$(inode "$pid" user)" ]
	runtime delete --force "$id"

	configure '.linux.namespaces=[{"type":"mount"}] | del(.hostname) | del(.mounts[] | select(.type | IN("sysfs","mqueue")))'
	launch 'exec sleep 1000'
	pid=$(pid_of)
	for name in pid net ipc uts cgroup user; do
		[ "$(inode self $name)" = "$(inode "$pid" $name)" ]
	done
	[ "$(inode self mnt)" != "$(inode "$pid" mnt)" ]
}

@test "the container sees its own processes, host name, interfaces and mounts only" {
	configure '.hostname="inside" | .domainname="example.org"'
	run -0 script 'ps | wc -l; hostname; cat /proc/sys/kernel/domainname; ip -o link | wc -l; cut -d" " -f5 /proc/self/mountinfo'
	[ "${lines[0]}" -le 4 ]
	[ "${lines[1]}" = inside ]
	[ "${lines[2]}" = example.org ]
	[ "${lines[3]}" -le 8 ] # loopback, and what the kernel's tunnel modules put into every namespace
	[[ "$output" != *"$work"* ]]
	[ "$(hostname)" != inside ]
}

@test "namespaces of another container are joined by path" {
	launch 'exec sleep 1000'
	local pid first=$id name
	pid=$(pid_of)
	configure --arg pid "$pid" '.linux.namespaces=[{"type":"mount"},
		({"pid":"pid","network":"net","ipc":"ipc","uts":"uts","cgroup":"cgroup"} | to_entries[] |
		 {"type":.key,"path":"/proc/\($pid)/ns/\(.value)"})] | del(.hostname)'
	id=$id-b
	launch 'hostname; exec sleep 1001'
	for name in pid net ipc uts cgroup; do
		[ "$(inode "$pid" $name)" = "$(inode "$(pid_of)" $name)" ]
	done
	[ "$(inode "$pid" mnt)" != "$(inode "$(pid_of)" mnt)" ]
	eventually grep -qx berth "$work/out"
	# The pid namespace's init sees the other's process.
	nsenter -t "$pid" -p -m /bin/busybox ps | grep -q 'sleep 1001'
	runtime delete --force "$id"
	id=$first
}

@test "joining beside new namespaces keeps the exit status, output and errors" {
	unshare --net sleep 1000 3>&- 4>&- &
	local holder=$!
	eventually eval '[ "$(inode self net)" != "$(inode $holder net)" ]'
	configure --arg path "/proc/$holder/ns/net" '(.linux.namespaces[] | select(.type=="network")).path=$path'
	run -5 script 'echo out; exit 5'
	[ "$output" = out ]
	configure '.process.args=["nothing"]'
	run -1 runtime run --bundle "$bundle" "$id"
	[[ "$output" == *'exec: "nothing": executable file not found in $PATH' ]]
	kill $holder
}

@test "a path that is the runtime's own namespace is no error" {
	configure '(.linux.namespaces[] | select(.type=="network")).path="/proc/self/ns/net" |
		del(.mounts[] | select(.type=="sysfs"))'
	launch 'exec sleep 1000'
	[ "$(inode self net)" = "$(inode "$(pid_of)" net)" ]
}

@test "a user namespace maps the ids, and the container is nobody outside" {
	user_namespace
	run -0 script 'cat /proc/self/uid_map /proc/self/gid_map | xargs; id -u; id -g; touch /tmp/mine; cat /dev/zero | head -c 3 | wc -c; echo x >/dev/null; hostname other; hostname'
	[ "${lines[0]}" = "0 100000 65536 0 100000 65536" ] || [ "${lines[0]}" = "0 100000 65536" ]
	[ "$(stat -c %u:%g "$bundle/rootfs/tmp/mine")" = 100000:100000 ]
	[[ "$output" == *$'\n3\n'* ]]
}

@test "capabilities in a user namespace end at its border" {
	user_namespace
	configure '.process.capabilities |= map_values(["CAP_SYS_ADMIN","CAP_MKNOD","CAP_DAC_OVERRIDE","CAP_NET_ADMIN"])'
	run -0 script 'mknod /tmp/disk b 8 0 2>&1; ip link set lo up && echo network mine; date -s 2020-01-01 2>&1 | tail -1; echo end'
	[[ "$output" == *"not permitted"* ]]
	[[ "$output" == *"network mine"* ]]
	[ ! -e "$bundle/rootfs/tmp/disk" ]
}

@test "another user with supplementary groups in a user namespace" {
	user_namespace
	configure '.process.user={"uid":1000,"gid":1001,"additionalGids":[1002,1003]}'
	run -0 script 'id -u; id -g; grep Groups /proc/self/status; touch /tmp/x 2>/dev/null || echo refused'
	[ "${lines[0]}" = 1000 ]
	[ "${lines[1]}" = 1001 ]
	[[ "${lines[2]}" == *"1002 1003"* ]]
	[ "${lines[3]}" = refused ]
}

@test "a new network namespace has its loopback interface up, as with runc" {
	run -0 script 'ip link show lo'
	[[ "$output" == *"LOOPBACK,UP"* ]]
}

@test "the user namespace of another container is joined with its network namespace" {
	user_namespace
	launch 'exec sleep 1000'
	local pid first=$id
	pid=$(pid_of)
	configure --arg pid "$pid" 'del(.linux.uidMappings, .linux.gidMappings) |
		(.linux.namespaces[] | select(.type=="user")).path="/proc/\($pid)/ns/user" |
		(.linux.namespaces[] | select(.type=="network")).path="/proc/\($pid)/ns/net"'
	id=$id-b
	launch 'exec sleep 1000'
	[ "$(inode "$pid" user)" = "$(inode "$(pid_of)" user)" ]
	[ "$(inode "$pid" net)" = "$(inode "$(pid_of)" net)" ]
	[ "$(inode "$pid" ipc)" != "$(inode "$(pid_of)" ipc)" ]
	[ "$(grep '^Uid' "/proc/$(pid_of)/status" | cut -f2)" = 100000 ]
	runtime delete --force "$id"
	id=$first
}

@test "a joined mount namespace is entered, and nothing is mounted in it" {
	unshare --mount sleep 1000 3>&- 4>&- &
	local holder=$!
	eventually eval '[ "$(inode self mnt)" != "$(inode $holder mnt)" ]'
	local before
	before=$(cat /proc/$holder/mountinfo)
	configure --arg path "/proc/$holder/ns/mnt" --arg root "$bundle/rootfs" \
		'(.linux.namespaces[] | select(.type=="mount")).path=$path | .root.path=$root'
	run -0 script 'ls /; echo in'
	[[ "$output" == *bin*in* ]]
	[ "$before" = "$(cat /proc/$holder/mountinfo)" ]
	kill $holder
}

@test "without a mount namespace the root is entered by chroot; what would have to be mounted is refused" {
	local change
	configure 'del(.linux.namespaces[] | select(.type=="mount")) | .linux.maskedPaths=[] | .linux.readonlyPaths=[] |
		.mounts=[]'
	cp "$bundle/config.json" "$work/kept.json"
	own_mounts >"$work/mounts"
	configure '.root.path="rootfs" | .process.args=["sleep","1000"]'
	create
	runtime start "$id"
	[ "$(inode "$(pid_of)" mnt)" = "$(inode self mnt)" ]
	[ "$(readlink "/proc/$(pid_of)/root")" = "$bundle/rootfs" ]
	[ "$(runtime exec "$id" sh -c 'pwd; cd ..; ls; ls /../bin/busybox')" = "$(echo /; ls "$bundle/rootfs"; echo /../bin/busybox)" ]
	runtime delete --force "$id"
	own_mounts | diff "$work/mounts" -
	while read -r change; do
		cp "$work/kept.json" "$bundle/config.json"
		configure ".$change"
		run -1 runtime run --bundle "$bundle" "$id"
		[[ "$output" == *"linux.namespaces: mount is required: without it, ${change%%=*} would be made on the host"* ]]
	done <<-'LIST'
		root.readonly=true
		mounts=[{destination:"/x",type:"tmpfs"}]
		linux.maskedPaths=["/bin"]
		linux.readonlyPaths=["/bin"]
		linux.rootfsPropagation="slave"
		linux.devices=[{type:"c",path:"/dev/x",major:1,minor:3}]
		process.terminal=true
	LIST
}

@test "a cgroup namespace hides the groups above" {
	run -0 script 'cut -d: -f3 /proc/self/cgroup | sort -u'
	[ "$output" = / ]
	configure 'del(.linux.namespaces[] | select(.type=="cgroup"))'
	run -0 script 'cut -d: -f3 /proc/self/cgroup | sort -u'
	[[ "$output" == */berth-$id ]]
}

@test "a time namespace is made" {
	not_as 'old-5.1' "clone() cannot make one, and kernels with time namespaces have clone3()"
	configure '.linux.namespaces += [{"type":"time"}]'
	launch 'exec sleep 1000'
	[ "$(inode self time)" != "$(inode "$(pid_of)" time)" ]
}

@test "sysctls of the container's own namespaces are set" {
	configure '.linux.sysctl={"net.ipv4.ip_forward":"1","kernel.shmmax":"12345678","fs/mqueue/msg_max":"9"}'
	local before
	before=$(cat /proc/sys/kernel/shmmax)
	run -0 script 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax /proc/sys/fs/mqueue/msg_max | xargs; echo x'
	[[ "$output" == "1"*"12345678"*"9"* ]]
	[ "$(cat /proc/sys/kernel/shmmax)" = "$before" ]
	configure 'del(.linux.namespaces[] | select(.type=="ipc"))'
	run -1 script true
	[[ "$output" == *"no namespace of its own"* ]]
}

@test "namespaces of every type at once, the user namespace's too, are joined by path" {
	user_namespace
	configure '.linux.namespaces += [{"type":"time"}] | .linux.timeOffsets={"boottime":{"secs":1000}}'
	launch 'exec sleep 1000'
	local pid first=$id name
	pid=$(pid_of)
	configure --arg pid "$pid" --arg root "$bundle/rootfs" 'del(.linux.uidMappings, .linux.gidMappings, .linux.timeOffsets, .hostname) |
		.linux.namespaces=[{"pid":"pid","network":"net","ipc":"ipc","uts":"uts","cgroup":"cgroup","time":"time","user":"user",
		"mount":"mnt"} | to_entries[] | {"type":.key,"path":"/proc/\($pid)/ns/\(.value)"}] | .root.path="/"'
	id=$id-b
	launch 'exec sleep 1001'
	for name in pid net ipc uts cgroup time user mnt; do
		[ "$(inode "$pid" $name)" = "$(inode "$(pid_of)" $name)" ]
	done
	[ "$(grep '^Uid' "/proc/$(pid_of)/status" | cut -f2)" = 100000 ]
	grep -q '^boottime *1000 ' "/proc/$(pid_of)/timens_offsets"
	runtime delete --force "$id"
	id=$first
}

@test "a namespace of the wrong type at a path is refused, for each type" {
	local type file
	while read -r type file; do
		cp "$BATS_FILE_TMPDIR/bundle/config.json" "$bundle/config.json"
		configure --arg type "$type" --arg path "/proc/self/ns/$file" '.linux.namespaces |=
			(map(select(.type != $type)) + [{"type":$type,"path":$path}])'
		run -1 runtime create --bundle "$bundle" "$id"
		[[ "$output" == *"linux.namespaces: /proc/self/ns/$file is no $(tr -d '\n' <<<"$type" | sed 's/network/net/;s/mount/mnt/') namespace"* ]]
	done < <(printf '%s\n' 'pid net' 'network mnt' 'mount uts' 'ipc user' 'uts ipc' 'user time' 'cgroup pid' 'time cgroup')
}

@test "maps of many ranges, of ids beyond root, and a root that is not mapped" {
	configure '.linux.namespaces += [{"type":"user"}] |
		.linux.uidMappings=[range(0;20) | {"containerID":(. * 10),"hostID":(100000 + . * 100),"size":10}] |
		.linux.gidMappings=[{"containerID":0,"hostID":100000,"size":1},{"containerID":500,"hostID":200000,"size":100}] |
		.process.user={"uid":195,"gid":555}'
	chown -R 100000:100000 "$bundle/rootfs"
	run -0 script 'id -u; id -g; wc -l </proc/self/uid_map; stat -c %u:%g /'
	[ "$(xargs <<<"$output")" = "195 555 20 0:0" ]
	configure '.linux.uidMappings=[{"containerID":5,"hostID":100000,"size":10}] | .process.user.uid=5'
	run -1 script true
	[[ "$output" == *"is id 0 mapped?"* ]]
}
