#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a container must not get from the kernel: interfaces that are masked, settings of the host, devices, control
# groups, system calls.

load helpers

spec_has() {
	"$BERTH_BUILD/berth-runtime" spec --bundle "$work"
	jq -e --arg path "$2" ".linux.$1 | index(\$path) != null" "$work/config.json"
	rm "$work/config.json"
}

@test "CVE-2015-3630: what can be written in /proc is masked or read-only by default" {
	local path
	for path in /proc/asound /proc/timer_stats /proc/latency_stats; do
		spec_has maskedPaths $path
	done
	for path in /proc/fs /proc/bus /proc/irq /proc/sys /proc/sysrq-trigger; do
		spec_has readonlyPaths $path
	done
	capabilities CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_CHOWN
	attack_with 'for p in /proc/sys/kernel/panic /proc/sysrq-trigger /proc/fs/x /proc/irq/default_smp_affinity; do
		(echo 1 >$p) 2>/dev/null && echo "ATTACK: $p"; chmod 777 $p 2>/dev/null && echo "ATTACK: chmod $p"; done; echo end'
	[ "$output" = end ]
}

@test "CVE-2017-16539 CVE-2018-10892 GO-2023-2412: all masked paths are, those of scsi, acpi and powercap among them" {
	local path seen=0 expected=0
	for path in /proc/scsi /proc/acpi /sys/devices/virtual/powercap /proc/kcore /proc/keys /proc/timer_list /sys/firmware; do
		spec_has maskedPaths $path
	done
	for path in $(jq -r '.linux.maskedPaths[]' "$bundle/config.json"); do
		[ ! -e "$path" ] || expected=$((expected + 1))
	done
	capabilities CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_SYS_RAWIO
	# A folder is empty and nothing can be made in it, a file is the null device.
	attack_with "for p in $(jq -r '.linux.maskedPaths | join(" ")' "$bundle/config.json"); do"'
		[ -e $p ] || continue
		if [ -d $p ]; then [ -z "$(ls -A $p)" ] && ! touch $p/x 2>/dev/null && echo masked $p
		else [ "$(stat -c %t:%T $p)" = 1:3 ] && echo masked $p; fi; done'
	seen=$(grep -c '^masked' <<<"$output")
	echo "$seen of $expected"
	[ "$seen" = "$expected" ]
	[ "$seen" -ge 3 ]
}

@test "GO-2022-0396: without a rule for it a device can be made, but not opened" {
	local rules
	capabilities CAP_MKNOD CAP_SYS_RAWIO CAP_SYSLOG CAP_DAC_OVERRIDE
	for rules in '{}' null '{"devices":[]}' '{"devices":[{"allow":false,"access":"rwm"}]}' \
		'{"devices":[{"allow":true,"type":"c","major":10,"minor":200,"access":"rwm"}]}'; do
		configure --argjson rules "$rules" '.linux.resources=$rules'
		attack_with 'mknod /tmp/disk b 8 0; mknod /tmp/log c 1 11; mknod /tmp/mem c 1 1
			for p in disk log mem; do cat /tmp/$p 2>&1 >/dev/null | head -n 1; rm -f /tmp/$p; done'
		[ "$(grep -c 'Operation not permitted' <<<"$output")" = 3 ]
	done
	# The rule that lets it through shows that it was the rules.
	configure '.linux.resources={"devices":[{"allow":true,"type":"c","major":1,"minor":11,"access":"rwm"}]}'
	attack_with 'mknod /tmp/log c 1 11; exec 3</tmp/log && echo opened'
	[ "$output" = opened ]
}

@test "CVE-2022-0811: a sysctl's name cannot lead to a setting of the host" {
	local name
	cp /proc/sys/kernel/panic "$work/panic"
	for name in net/../kernel/panic net/./../kernel/panic net/ipv4/../../kernel/panic net..kernel.panic net//../kernel/panic \
		user/../kernel/panic fs/mqueue/../../kernel/panic net/ipv4/. net. net/ ../sys/kernel/panic /net/ipv4/ip_forward \
		kernel.panic kernel/panic kernel.core_pattern vm.overcommit_memory fs.file-max kernel.sem/../panic \
		net.ipv4.ip_forward=1,kernel.panic "net.ipv4.ip_forward+kernel.panic" "net.ipv4.ip_forward
kernel.panic"; do
		configure --arg name "$name" '.linux.sysctl={($name):"7"}'
		attack_with 'echo ran'
		[ "$status" = 1 ]
		[[ "$output" == *sysctl* ]]
		diff "$work/panic" /proc/sys/kernel/panic || { cat "$work/panic" >/proc/sys/kernel/panic; false; }
	done
}

@test "CVE-2022-0811: a sysctl's value is one value, whatever is in it" {
	local value
	cp /proc/sys/kernel/core_pattern "$work/core_pattern"
	for value in '1+kernel.core_pattern=|/evil' '1,kernel.core_pattern=|/evil' '1 kernel.core_pattern=|/evil' \
		'1;kernel.core_pattern=|/evil' $'1\nkernel.core_pattern=|/evil'; do
		configure --arg value "$value" '.linux.sysctl={"net.ipv4.ip_forward":$value}'
		attack_with 'cat /proc/sys/net/ipv4/ip_forward'
		[ "$status" = 1 ] || [[ "$output" =~ ^[01]$ ]]
		cmp "$work/core_pattern" /proc/sys/kernel/core_pattern
	done
	configure '.linux.sysctl={"kernel.domainname":"a+b=c"}'
	attack_with 'cat /proc/sys/kernel/domainname'
	[ "$output" = "a+b=c" ]
}

@test "CVE-2022-0532 GO-2022-0363: sysctl needs a namespace of the container's own" {
	local pair type
	cp "$bundle/config.json" "$work/kept.json"
	for pair in network:net.ipv4.ip_forward ipc:kernel.shmmax ipc:fs.mqueue.msg_max uts:kernel.domainname; do
		type=${pair%%:*}
		cat "/proc/sys/$(tr . / <<<"${pair#*:}")" >"$work/value"
		for path in "" "/proc/$host/ns"; do
			configure --arg type "$type" --arg path "$path/${type/network/net}" --arg key "${pair#*:}" '
				(if $path[0:5] == "/proc" then (.linux.namespaces[] | select(.type == $type)).path = $path
				 else del(.linux.namespaces[] | select(.type == $type)) end) |
				.linux.sysctl={($key):"1"} | del(.hostname)'
			attack_with 'echo ran'
			[ "$status" = 1 ]
			[[ "$output" == *"sysctl ${pair#*:}"* ]]
			diff "$work/value" "/proc/sys/$(tr . / <<<"${pair#*:}")"
			cp "$work/kept.json" "$bundle/config.json"
		done
	done
}

@test "CVE-2022-0492: a container's own user namespace mounts no hierarchy whose release_agent it may write" {
	# Without any filter.
	configure '.process.args=["attacker","release"]'
	attack
	[[ "$output" != *ATTACK* ]]
	[[ "$output" == *"in a user namespace"* ]] || [[ "$output" == *unshare:* ]]
	# With all rights but the host's user namespace.
	user_namespace
	capabilities CAP_SYS_ADMIN CAP_DAC_OVERRIDE
	attack
	[[ "$output" != *ATTACK* ]]
	default_seccomp
	attack
	[[ "$output" == "unshare: Operation not permitted"* ]]
}

@test "CVE-2022-0185: the default filter keeps from the calls that such attacks begin with" {
	local expected="unshare-user EPERM
unshare-mount EPERM
clone-user EPERM
clone3 ENOSYS
mount EPERM
fsopen EPERM
bpf EPERM
userfaultfd EPERM
keyctl EPERM
add_key EPERM
io_uring_setup EPERM
open_by_handle_at EPERM
kexec_load EPERM
init_module EPERM
perf_event_open EPERM
setns EPERM
pivot_root EPERM
getpid worked"
	default_seccomp
	# The ids of root and the capabilities make no difference to the filter.
	capabilities CAP_SYS_ADMIN CAP_BPF CAP_SYS_MODULE CAP_DAC_READ_SEARCH CAP_SYS_BOOT CAP_PERFMON
	# shellcheck disable=SC2046
	configure --arg calls "$(cut -d' ' -f1 <<<"$expected" | xargs)" '.process.args=(["attacker","calls"] + ($calls | split(" ")))'
	attack
	[ "$output" = "$expected" ]
}

@test "CVE-2023-25809: without a cgroup namespace the container does not write to groups that are not its own" {
	local users options
	for users in own host; do
		[ $users = host ] || user_namespace
		for options in '["ro"]' '["rw"]'; do
			configure --argjson options "$options" '.linux.namespaces |= map(select(.type != "cgroup")) |
				(.mounts[] | select(.type == "cgroup")).options=["nosuid","noexec","nodev"] + $options'
			[ $users = own ] || [ "$options" = '["ro"]' ] || continue # the host's root, asked for it: its right
			attack_with 'find /sys/fs/cgroup -type d -maxdepth 3 | while read -r d; do
				mkdir "$d/made-by-attack" 2>/dev/null && echo "made $d"; done; echo end'
			[ "${lines[-1]}" = end ]
			# Those of its own that the mount shows are its own; no other's and no parent's.
			[[ "$output" != *made* ]] || [ "$options" = '["rw"]' ]
			[ -z "$(find /sys/fs/cgroup -maxdepth 5 -name made-by-attack)" ]
		done
	done
}

@test "CVE-2025-47291 CVE-2023-6476: a process is under its limits, whatever its namespaces and annotations are" {
	local drop
	configure '.linux.resources.pids={"limit":19} | .annotations={"io.kubernetes.cri-o.UnifiedCgroup.x":"pids.max=max",
		"run.oci.systemd.subgroup":"","org.systemd.property.TasksMax":"999","io.katacontainers.x":"1"}'
	for drop in none cgroup network pid ipc user; do
		cp "$bundle/config.json" "$work/kept.json"
		if [ $drop = user ]; then user_namespace; else
			configure --arg type $drop '.linux.namespaces |= map(select(.type != $type))'
		fi
		configure '.process.args=["sleep","1000"]'
		create
		[ "$(cat "$(group pids)/pids.max")" = 19 ]
		grep -qx "$(pid_of)" "$(group pids)/cgroup.procs"
		runtime start "$id"
		grep -qx "$(pid_of)" "$(group pids)/cgroup.procs"
		runtime delete --force "$id"
		cp "$work/kept.json" "$bundle/config.json"
	done
}

@test "CVE-2024-3154 CVE-2023-6476: annotations give a systemd unit no programs, no other units and no higher limits" {
	local name
	[ "$(cat /proc/1/comm)" = systemd ] || skip "systemd is not init here (scripts/vm --systemd)"
	systemd() {
		"$BERTH_BUILD/berth-runtime" --root "$state" --systemd-cgroup "$@"
	}
	configure '.process.args=["sleep","1000"] | .linux.resources.pids={"limit":19} | .linux.cgroupsPath="system.slice:berth:'"$id"'"'
	for name in ExecStart ExecStartPre ExecStopPost ExecReload OnFailure OnSuccess Wants Requires Slice Delegate PIDs User \
		RootDirectory FailureAction SuccessAction JobTimeoutAction Triggers BindsTo 'ExecStart ' ''; do
		configure --arg name "org.systemd.property.$name" '.annotations={($name):"[\"x\"]"}'
		run -1 systemd create --bundle "$bundle" "$id" </dev/null
		[[ "$output" == *"annotation org.systemd.property.$name: is not one of the properties"* ]]
		[ ! -e "$state/$id" ]
	done
	configure '.annotations={"org.systemd.property.TasksMax":"uint64 999","org.systemd.property.Description":"\"x\""}'
	systemd create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&- 4>&-
	[ "$(systemctl show -p TasksMax --value "berth-$id.scope")" = 19 ]
	systemctl daemon-reload
	[ "$(cat "/sys/fs/cgroup/system.slice/berth-$id.scope/pids.max")" = 19 ]
	systemd delete --force "$id"
}

@test "CVE-2023-25809: a container of an ordinary user without a cgroup namespace does not write to the user's groups" {
	local options
	cp "$bundle/config.json" "$work/kept.json"
	chown -R 2000:2000 "$bundle" "$work/canary"
	mkdir "$work/user"
	chown 2000:2000 "$work/user"
	mark
	for options in '["ro"]' '["rw"]' '[]'; do
		configure --argjson options "$options" '.linux.namespaces |= map(select(.type != "cgroup" and .type != "network")) |
			.linux.namespaces += [{"type":"user"}] | .linux.uidMappings=[{"containerID":0,"hostID":2000,"size":1}] |
			.linux.gidMappings=.linux.uidMappings | del(.linux.resources) |
			.mounts |= map(select(.type != "sysfs" and .destination != "/dev/mqueue")) |
			(.mounts[] | select(.type == "devpts")).options -= ["gid=5"] |
			(.mounts[] | select(.type == "cgroup")).options=["nosuid","noexec","nodev"] + $options |
			.process.args=["sh","-c","for d in /sys/fs/cgroup /sys/fs/cgroup/* /sys/fs/cgroup/*/*; do
				[ $(stat -f -c %T $d) != tmpfs ] && mkdir $d/made-by-attack 2>/dev/null && echo made $d; done; echo end"]'
		run setpriv --reuid 2000 --regid 2000 --clear-groups -- env HOME="$work/user" XDG_RUNTIME_DIR="$work/user" \
			"$BERTH_BUILD/berth-runtime" --root "$work/user/state" --cgroup-manager disabled run --bundle "$bundle" "$id"
		echo "$options: $status $output"
		[ "${lines[-1]}" = end ]
		[[ "$output" != *made* ]]
		cp "$work/kept.json" "$bundle/config.json"
	done
}

@test "CVE-2019-16884 CVE-2023-28642 CVE-2015-1334: a false /proc keeps no AppArmor profile from a program" {
	local kind user
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || ! command -v apparmor_parser >/dev/null; then
		skip "AppArmor is not enabled here"
	fi
	printf 'profile berth-attack-test flags=(attach_disconnected) { file, deny /etc/secret r, }\n' >"$work/profile"
	apparmor_parser -r "$work/profile"
	echo secret >"$bundle/rootfs/etc/secret"
	configure '.process.apparmorProfile="berth-attack-test"'
	attack_with 'cat /proc/self/attr/current; cat /etc/secret'
	[[ "$output" == *berth-attack-test* ]]
	[[ "$output" == *"ermission denied"* ]]
	# Whoever its user is, and in exec.
	configure '.process.user={"uid":1000,"gid":1000} | .process.args=["sleep","1000"]'
	chmod 644 "$bundle/rootfs/etc/secret"
	runtime run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&- 4>&-
	[[ "$(cat "/proc/$(pid_of)/attr/current")" == berth-attack-test* ]]
	for user in 0 1000; do
		run -0 runtime exec --user $user "$id" cat /proc/self/attr/current </dev/null
		[[ "$output" == berth-attack-test* ]]
		run runtime exec --user $user "$id" cat /etc/secret </dev/null
		[[ "$output" == *"ermission denied"* ]]
	done
	runtime delete --force "$id"
	configure 'del(.process.user)'
	for kind in proc-fake proc-link proc-link-inside; do
		evil_root $kind
		mkdir -p "$bundle/rootfs/etc"
		echo secret >"$bundle/rootfs/etc/secret"
		attack_with 'cat /etc/secret'
		[[ "$output" != secret ]]
		check_canary
		# And with no procfs in the container at all.
		configure '.mounts |= map(select(.destination != "/proc")) | .linux.maskedPaths=[] | .linux.readonlyPaths=[]'
		attack_with 'cat /etc/secret'
		[[ "$output" != secret ]]
		[[ "$output" == *denied* ]]
		check_canary
		configure '.mounts = [{"destination":"/proc","type":"proc","source":"proc"}] + .mounts'
	done
	apparmor_parser -R "$work/profile"
}

@test "what a container may not do by default" {
	attack_with 'mknod /tmp/disk b 8 0 2>&1; mount -t tmpfs tmpfs /tmp 2>&1; hostname other 2>&1
		chmod 600 /proc/1/mem 2>&1; ip link add d0 type dummy 2>&1; echo end'
	[ "${lines[-1]}" = end ]
	[ "$(grep -c "not permitted\|Read-only\|ermission denied" <<<"$output")" -ge 4 ]
	[ ! -e "$bundle/rootfs/tmp/disk" ]
}
