#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's Docker daemon with berth-runtime as its default runtime, on a socket and roots of its own and with no network.
# Where systemd is init, BERTH_TEST_CGROUP_DRIVER=systemd lets the daemon ask systemd for its groups.

load helpers
load engine

export program=docker

setup_file() {
	make_work
	export DOCKER_HOST=unix://$work/socket DOCKER_CONFIG=$work/config
	export driver=${BERTH_TEST_CGROUP_DRIVER:-cgroupfs}
	# Debian's client, if it is not the first.
	export PATH=/usr/bin:$PATH
	unset DOCKER_CONTEXT
	has dockerd && has docker || return 0
	start_daemon
	make_root "$work/root"
	tar -C "$work/root" -c . | docker import -c 'CMD ["sh"]' - bb >/dev/null
}

start_daemon() {
	local parent=/$cgroup
	[ "$driver" = cgroupfs ] || parent=${cgroup//-/_}.slice
	jq -n --arg key "$work/key.json" '{"deprecated-key-path": $key}' >"$work/daemon.json"
	setsid dockerd --config-file "$work/daemon.json" --data-root "$work/data" --exec-root "$work/run" \
		--pidfile "$work/pid" -H "$DOCKER_HOST" --add-runtime "berth=$runtime" --default-runtime berth \
		--exec-opt "native.cgroupdriver=$driver" --cgroup-parent "$parent" --live-restore \
		--bridge none --iptables=false --ip-forward=false --ip-masq=false >>"$work/log" 2>&1 </dev/null 3>&- &
	if ! eventually docker version; then
		tail -n 40 "$work/log" >&2
		return 1
	fi
}

stop_daemon() {
	local pid
	pid=$(cat "$work/pid")
	kill "$pid"
	eventually ended "$pid"
}

setup() {
	needs dockerd docker script jq
}

teardown() {
	! has dockerd || remove_all
}

teardown_file() {
	! has dockerd || stop_daemon || true
	umount "$work/data" 2>/dev/null || true # with --live-restore the daemon leaves its own mount
	leave
}

@test "docker: output, input, exit status" {
	run -0 docker info -f '{{.DefaultRuntime}} {{.CgroupDriver}}'
	[ "$output" = "berth $driver" ]
	case_run
}

@test "docker: what cannot be run" {
	case_failures
}

@test "docker: terminals" {
	case_terminal
}

@test "docker: exec" {
	case_exec
}

# bats test_tags=vm
@test "docker: limits bind" {
	case_limits
}

# bats test_tags=vm
@test "docker: want of memory is reported" {
	local name=t-oom
	all_mounted
	case_oom
	if [ "$driver" = systemd ]; then
		# systemd may have taken away the group of a killed init before containerd's shim, whatever the runtime is, has
		# read its counter. So a child is killed there.
		name=t-oom-child
		# shellcheck disable=SC2086
		engine run --name $name $create_flags -m 16m --memory-swap 16m bb \
			sh -c 'sh -c "x=a; while :; do x=\$x\$x; done"; sleep 2' || true
	fi
	[ "$(inspect '{{.State.OOMKilled}}' $name)" = true ]
	run -0 docker events --since 1h --until "$(($(date +%s) + 1))" --filter container=$name --format '{{.Action}}'
	[[ "$output" == *start* && "$output" == *oom* && "$output" == *die* ]]
}

# bats test_tags=vm
@test "docker: limits change while it runs" {
	case_update
	docker update --pids-limit 7 --cpu-shares 2048 t-update >/dev/null
	[ "$(limit t-update pids/pids.max pids.max)" = 7 ]
}

@test "docker: pause and unpause" {
	case_pause
}

@test "docker: stop, kill, start, restart" {
	case_signals
}

@test "docker: logs" {
	case_logs
}

@test "docker: users, capabilities, names, limits of resources" {
	case_identity
	run -0 once bb grep -E 'CapEff|Seccomp:' /proc/self/status
	[[ "$output" == *00000000a80425fb* && "$output" == *"Seccomp:"*2* ]]
}

@test "docker: read-only roots, volumes, devices" {
	case_files
}

@test "docker: privileged and not" {
	case_privileged
}

@test "docker: stats and top" {
	all_mounted
	case_statistics
}

@test "docker: namespaces of others" {
	case_namespaces
}

@test "docker: a health check is executed" {
	background --name t-health --health-cmd 'test -e /tmp/well' --health-interval 0.2s --health-retries 1 bb sleep 1000
	docker exec t-health touch /tmp/well
	eventually healthy t-health healthy
	docker exec t-health rm /tmp/well
	eventually healthy t-health unhealthy
}

healthy() {
	[ "$(inspect '{{.State.Health.Status}}' "$1")" = "$2" ]
}

@test "docker: an init of its own" {
	has docker-init || has /usr/libexec/docker/docker-init || skip "docker-init is not installed"
	run -0 once --init bb ps -o pid,args
	[[ "$output" == *"1 "*docker-init* ]]
}

@test "docker: containers go on without the daemon" {
	background --name t-live bb sleep 1000
	stop_daemon
	start_daemon
	is_running t-live
	run -0 docker exec t-live echo again
	[ "$output" = again ]
	docker stop -t 0 t-live >/dev/null
	[ "$(inspect '{{.State.ExitCode}}' t-live)" = 137 ]
}

@test "docker: many at once" {
	case_many
}
