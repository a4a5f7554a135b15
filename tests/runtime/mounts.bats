#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Mount options: every one of the specification's and of crun's, what each does to a mount and to those beneath it.

load helpers

eval "helpers_$(declare -f teardown)"
teardown() {
	if mountpoint -q "$work/tree"; then
		umount -R "$work/tree"
	fi
	helpers_teardown
}

# A mount with another beneath it, at $work/tree.
tree() {
	mkdir "$work/tree"
	mount -t tmpfs tmpfs "$work/tree"
	mkdir "$work/tree/sub"
	mount -t tmpfs tmpfs "$work/tree/sub"
	mount -o "remount,bind,${1:-rw}" "$work/tree/sub"
	mount -o "remount,bind,${1:-rw}" "$work/tree"
}

# The attributes of /data and /data/sub with these options, as the kernel lists them.
attributes() {
	configure --arg source "$work/tree" --arg options "$1" '.mounts |= map(select(.destination != "/data")) +
		[{"destination":"/data","type":"bind","source":$source,"options":(["rbind"] + ($options | split(",")))}]'
	script 'grep " /data" /proc/self/mountinfo | cut -d" " -f5,6'
}

@test "attributes of one mount, and recursive ones" {
	local options top below
	tree
	while read -r options top below; do
		run -0 attributes "$options"
		echo "$options: $output"
		[ "${lines[0]}" = "/data $top" ]
		[ "${lines[1]}" = "/data/sub $below" ]
	done <<-'CASES'
		ro ro,relatime rw,relatime
		rro ro,relatime ro,relatime
		rro,rw ro,relatime ro,relatime
		nosuid,nodev,noexec rw,nosuid,nodev,noexec,relatime rw,relatime
		rnosuid,rnodev,rnoexec rw,nosuid,nodev,noexec,relatime rw,nosuid,nodev,noexec,relatime
		rnosuid,rsuid rw,relatime rw,relatime
		noatime rw,noatime rw,relatime
		rnoatime rw,noatime rw,noatime
		rstrictatime rw rw
		strictatime rw rw,relatime
		rnoatime,ratime rw,relatime rw,relatime
		rnostrictatime rw,relatime rw,relatime
		rrelatime rw,relatime rw,relatime
		rnorelatime rw,relatime rw,relatime
		rnodiratime rw,nodiratime,relatime rw,nodiratime,relatime
		rnosymfollow rw,relatime,nosymfollow rw,relatime,nosymfollow
		nosymfollow,symfollow rw,relatime rw,relatime
		async,defaults,loud,silent,iversion,noiversion,mand,nomand,lazytime,nolazytime,sync,dirsync rw,relatime rw,relatime
	CASES
}

@test "attributes are taken off a mount that has them" {
	local options top below
	tree ro,nosuid,nodev,noexec,noatime,nodiratime
	while read -r options top below; do
		run -0 attributes "$options"
		echo "$options: $output"
		[ "${lines[0]}" = "/data $top" ]
		[ "${lines[1]}" = "/data/sub $below" ]
	done <<-'CASES'
		rw rw,nosuid,nodev,noexec,noatime,nodiratime ro,nosuid,nodev,noexec,noatime,nodiratime
		rrw,rsuid,rdev,rexec rw,noatime,nodiratime rw,noatime,nodiratime
		suid,dev,exec ro,noatime,nodiratime ro,nosuid,nodev,noexec,noatime,nodiratime
		ratime,rdiratime ro,nosuid,nodev,noexec,relatime ro,nosuid,nodev,noexec,relatime
		rstrictatime ro,nosuid,nodev,noexec,nodiratime ro,nosuid,nodev,noexec,nodiratime
		atime ro,nosuid,nodev,noexec,nodiratime,relatime ro,nosuid,nodev,noexec,noatime,nodiratime
	CASES
}

@test "recursive attributes beside an inherited user namespace and new file systems" {
	user_namespace
	configure '.mounts += [{"destination":"/data","type":"tmpfs","source":"tmpfs","options":["rro","rnosuid","rnoatime","size=1m"]}]'
	run -0 script 'grep " /data" /proc/self/mountinfo | cut -d" " -f6'
	[ "$output" = ro,nosuid,noatime ]
}

@test "propagation of a mount" {
	not_as 'old-*' "the mounts of the container's process are slaves of the host's"
	local options expected
	tree
	mount --make-rshared "$work/tree"
	while read -r options expected; do
		configure --arg source "$work/tree" --arg options "$options" '.mounts |= map(select(.destination != "/data")) +
			[{"destination":"/data","type":"bind","source":$source,"options":(["rbind"] + ($options | split(",")))}]'
		run -0 script 'grep " /data" /proc/self/mountinfo | cut -d" " -f7- | sed "s/\(^\| \)- .*//;s/:[0-9]*//g;s/^$/none/" | tr " " + | xargs'
		echo "$options: $output"
		[ "$output" = "$expected" ]
	done < <(printf '%s\n' 'private none shared' 'rprivate none none' 'slave master shared' 'rslave master master' \
		'rshared shared shared' 'unbindable unbindable shared' 'runbindable unbindable unbindable' 'defaults none none')
}

@test "the root's propagation" {
	local propagation expected
	mkdir "$work/tree"
	mount --bind "$bundle/rootfs" "$work/tree"
	mount --make-shared "$work/tree"
	while read -r propagation expected; do
		configure --arg root "$work/tree" --arg propagation "$propagation" '.root.path=$root | .linux.rootfsPropagation=$propagation'
		run -0 script 'grep " / / \| / rw" /proc/self/mountinfo | head -1 | cut -d" " -f7- | sed "s/\(^\| \)- .*//;s/:[0-9]*//g;s/^$/none/" | tr " " +'
		echo "$propagation: $output"
		[ "$output" = "$expected" ]
	done < <(printf '%s\n' 'private none' 'rprivate none' 'slave master' 'rslave master' 'shared shared+master' \
		'rshared shared+master' 'unbindable unbindable' 'runbindable unbindable')
	configure '.linux.rootfsPropagation="open"'
	run -1 script true
	[[ "$output" == *"linux.rootfsPropagation: open is not known"* ]]
}

@test "a slave root gets the host's later mounts, and the host none of the container's" {
	mkdir "$work/tree" "$work/more"
	mount --bind "$bundle/rootfs" "$work/tree"
	mount --make-shared "$work/tree"
	configure --arg root "$work/tree" '.root.path=$root | .linux.rootfsPropagation="rslave" |
		.process.capabilities |= map_values(["CAP_SYS_ADMIN"])'
	launch 'mount -t tmpfs mine /tmp && echo mounted; exec sleep 1000'
	eventually grep -q mounted "$work/out"
	run ! grep " $work/tree/" /proc/self/mountinfo
	mount -t tmpfs tmpfs "$work/tree/etc"
	eventually grep -q ' /etc ' "/proc/$(pid_of)/mountinfo"
}

@test "copy-symlink, src-nofollow and dest-nofollow" {
	mkdir "$bundle/data" "$bundle/rootfs/place"
	echo content >"$bundle/data/file"
	ln -s file "$bundle/data/link"
	ln -s /place/other "$bundle/rootfs/place/link"
	configure '.mounts += [
		{"destination":"/copied/link","type":"bind","source":"data/link","options":["bind","copy-symlink"]},
		{"destination":"/copied/file","type":"bind","source":"data/file","options":["bind","copy-symlink"]},
		{"destination":"/bound/link","type":"bind","source":"data/link","options":["bind","src-nofollow"]},
		{"destination":"/place/link","type":"bind","source":"data/file","options":["bind","dest-nofollow"]}]'
	run -0 script 'readlink /copied/link; cat /copied/link; readlink /bound/link; cat /place/link; ls /place | xargs'
	[ "$(xargs <<<"$output")" = "file content file content link" ]
	[ "$(readlink "$bundle/rootfs/copied/link")" = file ]
	run -0 script 'readlink /copied/link' # once again: the link is there already
	ln -sfn elsewhere "$bundle/rootfs/copied/link"
	run -1 script true
	[[ "$output" == *"mount /copied/link: make the link: File exists"* ]]
}
