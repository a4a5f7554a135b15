#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The root, mounts, devices, and paths that are hidden or read-only.

load helpers

@test "the default devices and links are there and work" {
	run -0 script 'stat -c "%n %F %t:%T %a" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
		readlink /dev/fd; readlink /dev/stdin; readlink /dev/stdout; readlink /dev/stderr; readlink /dev/ptmx
		head -c 4 /dev/urandom | wc -c; echo x >/dev/full || echo full; echo x >/dev/null'
	diff - <(printf '%s\n' "${lines[@]}" | grep -v 'write error\|No space') <<-'EXPECTED'
		/dev/null character special file 1:3 666
		/dev/zero character special file 1:5 666
		/dev/full character special file 1:7 666
		/dev/random character special file 1:8 666
		/dev/urandom character special file 1:9 666
		/dev/tty character special file 5:0 666
		/proc/self/fd
		/proc/self/fd/0
		/proc/self/fd/1
		/proc/self/fd/2
		pts/ptmx
		4
		full
	EXPECTED
}

@test "devices of the configuration are made with their mode and owner" {
	configure '.linux.devices=[{"type":"c","path":"/dev/fuse","major":10,"minor":229,"fileMode":384,"uid":5,"gid":6},
		{"type":"p","path":"/dev/deep/pipe","fileMode":420},{"type":"b","path":"/srv/disk","major":7,"minor":3}]'
	run -0 script 'stat -c "%F %t:%T %a %u:%g" /dev/fuse /dev/deep/pipe /srv/disk'
	[ "${lines[0]}" = "character special file a:e5 600 5:6" ]
	[ "${lines[1]}" = "fifo 0:0 644 0:0" ]
	[[ "${lines[2]}" == "block special file 7:3 666 0:0" ]]
}

@test "a read-only root is read-only" {
	configure '.root.readonly=true'
	run -1 script 'touch /file'
	[[ "$output" == *"Read-only file system"* ]]
	[ ! -e "$bundle/rootfs/file" ]
}

@test "masked files and folders are empty, readonly paths refuse writing" {
	mkdir -p "$bundle/rootfs/secret"
	echo word >"$bundle/rootfs/secret/file"
	echo word >"$bundle/rootfs/etc/secret"
	configure '.linux.maskedPaths += ["/secret","/etc/secret","/nothing","/tmp"] | .linux.readonlyPaths += ["/etc"]'
	run -0 script 'ls /secret /tmp; cat /etc/secret; touch /secret/x || touch /etc/x ||
		sh -c "echo x >/proc/sys/kernel/hostname" || echo refused'
	[[ "$output" != *word* ]]
	[[ "${lines[-1]}" == refused ]]
	[ "$(cat "$bundle/rootfs/etc/secret")" = word ]
}

@test "the masks cannot be taken off" {
	run -0 script 'umount /proc/keys 2>/dev/null || umount /sys/firmware 2>/dev/null || echo kept; wc -c </proc/keys'
	[ "${lines[0]}" = kept ]
	[ "${lines[1]}" = 0 ]
}

@test "bind mounts: folders and files, read-only, relative sources, missing targets" {
	mkdir "$bundle/data"
	echo one >"$bundle/data/file"
	configure '.mounts += [
		{"destination":"/new/folder","type":"bind","source":"data","options":["rbind","ro"]},
		{"destination":"/new/file","source":"data/file","options":["bind"]},
		{"destination":"relative","type":"bind","source":"data","options":["bind","nosuid","noexec"]}]'
	run -0 --separate-stderr script 'cat /new/folder/file; echo two >>/new/file; touch /new/folder/x || echo ro; touch /relative/made
		grep -c " /relative rw,nosuid,noexec" /proc/self/mountinfo'
	[ "${lines[0]}" = one ]
	[[ "$stderr" == *"relative destination is deprecated"* ]]
	[[ "$output" == *ro* ]]
	[ "${lines[-1]}" = 1 ]
	[ "$(xargs <"$bundle/data/file")" = "one two" ]
	[ -e "$bundle/data/made" ]
	[ ! -e "$bundle/data/x" ]
}

@test "rro makes the mounts beneath read-only too, ro does not" {
	mkdir -p "$work/tree/sub"
	mount -t tmpfs tmpfs "$work/tree/sub"
	configure --arg tree "$work/tree" '.mounts += [
		{"destination":"/deep","type":"bind","source":$tree,"options":["rbind","rro"]},
		{"destination":"/flat","type":"bind","source":$tree,"options":["rbind","ro"]}]'
	run -0 script 'touch /deep/sub/a 2>/dev/null || echo deep; touch /flat/b 2>/dev/null || echo flat; touch /flat/sub/c && echo written'
	umount "$work/tree/sub"
	[ "$(xargs <<<"$output")" = "deep flat written" ]
}

@test "tmpfs with options and tmpcopyup" {
	mkdir "$bundle/rootfs/filled"
	echo kept >"$bundle/rootfs/filled/file"
	ln -s file "$bundle/rootfs/filled/link"
	configure '.mounts += [
		{"destination":"/scratch","type":"tmpfs","source":"tmpfs","options":["size=1m","mode=1700","noexec"]},
		{"destination":"/filled","type":"tmpfs","source":"tmpfs","options":["tmpcopyup","ro"]}]'
	run -0 script 'stat -c %a /scratch; dd if=/dev/zero of=/scratch/x bs=1M count=2 2>/dev/null || echo full; cat /filled/link
		touch /filled/new 2>/dev/null || echo ro'
	[ "$(xargs <<<"$output")" = "1700 full kept ro" ]
	[ "$(echo "$bundle/rootfs/filled"/*)" = "$bundle/rootfs/filled/file $bundle/rootfs/filled/link" ]
}

@test "nothing but proc covers /proc" {
	for destination in /proc /proc/self /proc/sys/kernel ./proc //proc/../proc; do
		cp "$bundle/config.json" "$work/good.json"
		configure --arg to "$destination" '.mounts += [{"destination":$to,"type":"tmpfs","source":"tmpfs"}]'
		run -1 runtime create --bundle "$bundle" "$id"
		echo "$destination: $output"
		[[ "$output" == *proc* ]]
		cp "$work/good.json" "$bundle/config.json"
	done
	ln -s /proc/sys "$bundle/rootfs/way"
	configure '.mounts += [{"destination":"/way/kernel","type":"tmpfs","source":"tmpfs"}]'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"lies in /proc"* ]]
}

@test "mounts of the container do not reach the host, nor the host's the container" {
	configure '.process.capabilities |= map_values(["CAP_SYS_ADMIN"])'
	local before
	before=$(own_mounts)
	launch 'mount -t tmpfs tmpfs /tmp && echo mounted; exec sleep 1000'
	eventually grep -q mounted "$work/out"
	[ "$(own_mounts)" = "$before" ]
	mount -t tmpfs tmpfs "$bundle/rootfs/etc"
	run -0 grep -c ' /etc ' "/proc/$(pid_of)/mountinfo" || true
	umount "$bundle/rootfs/etc"
	[ "$output" = 0 ]
}

@test "the working folder is made when it is missing" {
	configure '.process.cwd="/a/b/c"'
	run -0 script pwd
	[ "$output" = /a/b/c ]
}

@test "--no-pivot runs too, and the way out of a chroot leads back into the root" {
	configure '.process.args=["sh","-c","ls / | xargs; mkdir /tmp/out; /bin/escape"] |
		.process.capabilities |= map_values(["CAP_SYS_CHROOT"])'
	# Out of a chroot by the old way: the root is changed while the working folder stays above it.
	cat >"$work/escape.c" <<-'C'
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/stat.h>
		#include <unistd.h>
		int main(void)
		{
			if (chroot("/tmp/out") < 0)
				return 1;
			for (int i = 0; i < 64; i++)
				if (chdir("..") < 0)
					return 1;
			if (chroot(".") < 0)
				return 1;
			puts(access("/usr/bin/env", F_OK) == 0 ? "host" : access("/bin/escape", F_OK) == 0 ? "root" : "?");
			return 0;
		}
	C
	cc -static -o "$bundle/rootfs/bin/escape" "$work/escape.c"
	run -0 runtime run --no-pivot --bundle "$bundle" "$id"
	[[ "${lines[0]}" == bin* ]]
	[[ "${lines[0]}" != *home* ]]
	[ "${lines[1]}" = root ]
}

@test "the control groups of the container alone are mounted" {
	run -0 script 'ls -d /sys/fs/cgroup/*; find /sys/fs/cgroup -name "cgroup.procs" | wc -l; cat $(find /sys/fs/cgroup -name cgroup.procs | head -1) | head -1; touch /sys/fs/cgroup/x 2>/dev/null || echo ro'
	[ "${lines[-1]}" = ro ]
	[ "${lines[-2]}" = 1 ]
	configure 'del(.linux.namespaces[] | select(.type=="cgroup"))'
	run -0 script 'cat $(find /sys/fs/cgroup -name cgroup.procs | head -1) | head -1'
	[ "$output" = 1 ]
}
