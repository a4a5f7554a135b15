#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's containerd with roots and a socket of its own, and its client ctr, with berth-runtime in the place of runc.

load helpers

setup_file() {
	make_work
	export CONTAINERD_ADDRESS=$work/socket
	has containerd && has ctr || return 0
	containerd_configure >"$work/config.toml"
	setsid containerd -c "$work/config.toml" >"$work/log" 2>&1 </dev/null 3>&- &
	echo $! >"$work/pid"
	if ! eventually ctr version; then
		tail -n 40 "$work/log" >&2
		return 1
	fi
	make_root "$work/root"
	make_image "$work/root" "$work/image"
	tar -C "$work/image" -c . | ctr image import - >/dev/null
}

# Only what ctr needs: the others take time to find out that they cannot work.
containerd_configure() {
	local plugin
	printf 'version = 2\nroot = "%s"\nstate = "%s"\n' "$work/data" "$work/run"
	printf 'disabled_plugins = ['
	for plugin in grpc.v1.cri snapshotter.v1.btrfs snapshotter.v1.zfs snapshotter.v1.aufs snapshotter.v1.devmapper \
		internal.v1.opt internal.v1.tracing; do
		printf '"io.containerd.%s", ' "$plugin"
	done
	printf ']\n[grpc]\naddress = "%s"\n[ttrpc]\naddress = "%s.ttrpc"\n' "$CONTAINERD_ADDRESS" "$CONTAINERD_ADDRESS"
}

# An OCI layout with one layer: make_image ROOT FOLDER.
make_image() {
	local blobs=$2/blobs/sha256 layer config manifest
	mkdir -p "$blobs"
	tar -C "$1" -cf "$work/layer.tar" .
	layer=$(add_blob "$blobs" "$work/layer.tar")
	jq -nc --arg layer "sha256:$layer" '{architecture: "amd64", os: "linux", config: {Cmd: ["sh"],
		Env: ["PATH=/bin:/usr/bin"]}, rootfs: {type: "layers", diff_ids: [$layer]}}' >"$work/config.json"
	config=$(add_blob "$blobs" "$work/config.json")
	jq -nc --arg config "$config" --arg layer "$layer" --argjson a "$(stat -c %s "$blobs/$config")" \
		--argjson b "$(stat -c %s "$blobs/$layer")" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: "sha256:\($config)", size: $a},
		layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: "sha256:\($layer)", size: $b}]}' \
		>"$work/manifest.json"
	manifest=$(add_blob "$blobs" "$work/manifest.json")
	jq -nc --arg manifest "$manifest" --argjson size "$(stat -c %s "$blobs/$manifest")" '{schemaVersion: 2,
		manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: "sha256:\($manifest)", size: $size,
		annotations: {"io.containerd.image.name": "local/bb:latest"}}]}' >"$2/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$2/oci-layout"
}

add_blob() {
	local digest
	digest=$(sha256sum <"$2" | cut -d' ' -f1)
	mv "$2" "$1/$digest"
	echo "$digest"
}

setup() {
	needs containerd ctr script jq
}

teardown() {
	local name
	has ctr || return 0
	for name in $(ctr task ls -q); do
		ctr task kill -s KILL "$name" || true
		eventually task_is "$name" STOPPED
		ctr task rm "$name" >/dev/null || true
	done
	for name in $(ctr container ls -q); do
		ctr container rm "$name"
	done
}

teardown_file() {
	if has containerd; then
		kill "$(cat "$work/pid")"
		eventually ended "$(cat "$work/pid")"
	fi
	leave
}

once() {
	ctr run --rm --runc-binary "$runtime" --cgroup "/$cgroup/once" "$@"
}

# launch NAME [FLAG...] -- ARGUMENT...
launch() {
	local name=$1 flags=()
	shift
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	shift
	ctr run -d --runc-binary "$runtime" --cgroup "/$cgroup/$name" "${flags[@]}" local/bb:latest "$name" "$@" \
		>"$work/out-$name" 2>&1 3>&-
}

task_is() {
	ctr task ls | grep -q "^$1 .* $2"
}

inside() {
	local name=$1
	shift
	ctr task exec --exec-id "x$RANDOM$RANDOM" "$name" "$@"
}

# The value of a container's group: group NAME V1FILE V2FILE.
group() {
	if pure_v2; then
		cat "/sys/fs/cgroup/$cgroup/$1/$3"
	else
		cat "/sys/fs/cgroup/${2%%/*}/$cgroup/$1/${2#*/}"
	fi
}

# bats test_tags=vm
@test "containerd: output, exit status, what cannot be run" {
	run -0 once local/bb:latest t-one echo hello
	[ "$output" = hello ]
	run -7 once local/bb:latest t-two sh -c 'exit 7'
	run -1 once local/bb:latest t-three no-such-program
	[[ "$output" == *'executable file not found in $PATH'* ]]
	[ -z "$(ctr container ls -q)$(ctr task ls -q)" ]
}

@test "containerd: terminals" {
	run -0 on_terminal ctr run --rm -t --runc-binary "$runtime" --cgroup "/$cgroup/t" local/bb:latest t-tty \
		sh -c "$sized; tty; stty size"
	[[ "$output" == *"/dev/pts/0"*"33 77"* ]]
	launch t-other -- sleep 1000
	run -0 on_terminal ctr task exec -t --exec-id first t-other sh -c "$sized; tty; stty size"
	[[ "$output" == *"/dev/pts/0"*"33 77"* ]]
}

# bats test_tags=vm
@test "containerd: exec" {
	launch t-exec --env FROM=image -- sleep 1000
	run -3 inside t-exec sh -c 'echo $FROM; ps -o pid,args; exit 3'
	[[ "$output" == *image*"1 sleep 1000"* ]]
	run -0 ctr task exec --exec-id user --user 1000 --cwd /tmp t-exec sh -c 'id -u; pwd'
	[ "$output" = $'1000\n/tmp' ]
	[ "$(echo fed | inside t-exec cat)" = fed ]
	run ! inside t-exec no-such-program
	[[ "$output" == *'executable file not found in $PATH'* ]]
}

throttled() {
	[ "$(group "$1" cpu/cpu.stat cpu.stat | sed -n 's/^nr_throttled //p')" -gt 0 ]
}

# bats test_tags=vm
@test "containerd: limits bind, metrics tell" {
	launch t-limits --memory-limit 33554432 --cpus 0.2 -- sh -c 'sleep 1000; true'
	[ "$(group t-limits memory/memory.limit_in_bytes memory.max)" = 33554432 ]
	ctr task exec -d --exec-id burn t-limits timeout 5 sh -c 'while :; do :; done'
	eventually throttled t-limits
	all_mounted
	run -0 ctr task metrics t-limits
	[[ "$output" == *memory.*33554432* || "$output" == *memory.usage_limit*33554432* ]]
	[[ "$output" == *"pids.current"* ]]
	run -137 inside t-limits sh -c 'x=a; while :; do x=$x$x; done'
	task_is t-limits RUNNING
}

@test "containerd: pause, resume, processes" {
	launch t-pause -- sh -c 'while :; do sleep 0.1; done'
	ctr task pause t-pause
	task_is t-pause PAUSED
	run ! inside t-pause true
	ctr task resume t-pause
	task_is t-pause RUNNING
	run -0 ctr task ps t-pause
	[[ "$output" == *"$(ctr task ls | awk '$1 == "t-pause" {print $2}')"* ]]
}

@test "containerd: signals, the end, a further start" {
	launch t-end -- sh -c 'trap "exit 3" TERM; echo >/tmp/ready; while :; do sleep 0.1; done'
	eventually inside t-end test -e /tmp/ready
	ctr task kill -s TERM t-end
	eventually task_is t-end STOPPED
	run ctr task rm t-end
	[[ "$output" == *"exit code 3"* ]]
	ctr task start -d t-end
	ctr task kill -s KILL t-end
	eventually task_is t-end STOPPED
	run ctr task rm t-end
	[[ "$output" == *"exit code 137"* ]]
}

@test "containerd: kill reaches all processes" {
	launch t-all -- sh -c 'sleep 1001 & sleep 1002 & wait'
	eventually inside t-all sh -c '[ $(ps | grep -c "sleep 100[12]") -ge 2 ]'
	ctr task kill -a -s KILL t-all
	eventually task_is t-all STOPPED
}

@test "containerd: read-only roots, mounts, capabilities, seccomp" {
	run -0 once --read-only --mount "type=bind,src=$work/root,dst=/mnt,options=rbind:ro" local/bb:latest t-ro \
		sh -c 'touch /x 2>/dev/null || echo fixed; ls /mnt/bin/busybox; touch /mnt/x 2>/dev/null || echo fixed, too'
	[ "$output" = $'fixed\n/mnt/bin/busybox\nfixed, too' ]
	run -0 once --cap-drop CAP_CHOWN --cap-add CAP_SYS_ADMIN --seccomp local/bb:latest t-caps \
		grep -E 'CapEff|Seccomp:' /proc/self/status
	[[ "$output" == *00000000a82425fa*"Seccomp:"*2* ]]
}

@test "containerd: namespaces by path, a root that is a folder" {
	launch t-first -- sleep 1000
	local pid
	pid=$(ctr task ls | awk '$1 == "t-first" {print $2}')
	run -0 once --with-ns "network:/proc/$pid/ns/net" --rootfs "$work/root" t-second sh -c 'readlink /proc/self/ns/net >/tmp/own'
	[ "$(cat "$work/root/tmp/own")" = "$(readlink "/proc/$pid/ns/net")" ]
}

@test "containerd: checkpoint" {
	needs criu
	criu check >/dev/null 2>&1 || skip "CRIU does not work on this kernel"
	launch t-check -- sh -c 'while :; do sleep 0.1; done'
	mkdir "$work/images"
	ctr task checkpoint --image-path "$work/images" t-check
	ls "$work/images"/core-*.img
	task_is t-check RUNNING
}
