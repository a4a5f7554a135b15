#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's Buildah: the steps of a build run by berth-runtime.

load helpers

setup_file() {
	make_work
	has buildah || return 0
	podman_configure cgroupfs
	make_root "$work/root"
	mkdir "$work/context"
	tar -C "$work/root" -cf "$work/context/root.tar" .
	cat >"$work/context/Containerfile" <<-'FILE'
		FROM scratch
		ADD root.tar /
		RUN echo "made by $(id -u) in $(pwd)" >/made
		USER user
		WORKDIR /tmp
		ENV NAME=value
		RUN echo "$NAME of $(id -u) in $(pwd)" >more
		CMD ["cat", "/made", "/tmp/more"]
	FILE
}

setup() {
	needs buildah script
}

teardown() {
	! has buildah || buildah rm -a >/dev/null
}

teardown_file() {
	leave
}

@test "buildah: a build's steps" {
	run -0 buildah bud --runtime "$runtime" --network none --isolation oci -t built "$work/context"
	local container folder
	container=$(buildah from --pull-never built)
	folder=$(buildah mount "$container")
	[ "$(cat "$folder/made")" = "made by 0 in /" ]
	[ "$(cat "$folder/tmp/more")" = "value of 1000 in /tmp" ]
	[ "$(stat -c %u "$folder/tmp/more")" = 1000 ]
	printf 'FROM built\nRUN exit 9\n' >"$work/context/Failing"
	run ! buildah bud --runtime "$runtime" --network none --isolation oci -f "$work/context/Failing" "$work/context"
	[[ "$output" == *"exit status 9"* ]]
}

@test "buildah: commands in a working container" {
	local container
	container=$(buildah from --pull-never scratch)
	buildah add -q "$container" "$work/context/root.tar" /
	run -0 buildah run --runtime "$runtime" --network none --isolation oci "$container" -- sh -c 'echo hello; ls -d /proc/1'
	[ "$output" = $'hello\n/proc/1' ]
	run -5 buildah run --runtime "$runtime" --network none --isolation oci "$container" -- sh -c 'exit 5'
	run -0 on_terminal buildah run -t --runtime "$runtime" --network none --isolation oci "$container" -- tty
	[[ "$output" == */dev/pts/0* ]]
}
