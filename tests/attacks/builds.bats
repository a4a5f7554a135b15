#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published attacks on builders. A Dockerfile, its context, and steps that run at the same time reach nothing of the host,
# and nothing of another build that was not given to them. Contexts that are fetched: src/build/context/tests. The canary
# folder and the host's mounts are compared before and after each.

load ../helpers
load engine
bats_require_minimum_version 1.5.0

ROUNDS=5

setup_file() {
	engine_setup
	canary_setup untouched
}
teardown_file() { engine_teardown; }

setup() {
	before=$(canary)
	mounts=$(host_mounts)
	CONTEXT=$BATS_TEST_TMPDIR/context
	mkdir "$CONTEXT"
	echo plain >"$CONTEXT/plain"
}

teardown() {
	[ "$(canary)" = "$before" ]
	[ "$(host_mounts)" = "$mounts" ]
	berth builder prune -af >/dev/null
}

# The input has no line like that.
lacks() {
	if grep -- "$1"; then
		return 1
	fi
}

# Builds the Dockerfile of the input, in $CONTEXT.
build() {
	berth build --progress plain --network none "$@" -f - "$CONTEXT" 2>&1
}

@test "CVE-2024-1753 CVE-2024-11218: the source of a bind mount is a link to the host" {
	ln -s "$CANARY" "$CONTEXT/evil"
	ln -s "$CANARY/file" "$CONTEXT/evil-file"
	ln -s ../../../../../../../.. "$CONTEXT/up"
	for source in evil evil-file evil/file up up/etc ../../../../..; do
		run build <<<"FROM busybox
RUN --mount=type=bind,source=$source,target=/m,rw grep -r untouched /m && ls /m/root; echo over > /m; echo over > /m/file; :"
		lacks '^#[0-9]* [0-9.]* .*untouched' <<<"$output"
	done
}

@test "CVE-2024-23651 CVE-2024-11218: mount points beneath a cache mount become links while other builds mount there" {
	cp "$BERTH_BUILD/tests/attacks/attacker" "$CONTEXT"
	build -t swapper -q <<<"FROM busybox
COPY attacker /attacker" >/dev/null
	(build --no-cache <<<"FROM swapper
RUN --mount=type=cache,id=shared,target=/c rm -rf /c/*; mkdir -p /c/sub; ln -s $CANARY /c/link; timeout 4 /attacker swap /c/sub /c/link; :" \
		>"$BATS_TEST_TMPDIR/swapper" 3>&-) &
	for ((round = 0; round < ROUNDS; round++)); do
		run build --no-cache <<<"FROM busybox
RUN --mount=type=cache,id=shared,target=/c --mount=type=tmpfs,target=/c/sub echo over > /c/sub/file; cat /c/link/file; :"
		lacks '^#[0-9]* [0-9.]* untouched' <<<"$output"
	done
	wait
}

@test "CVE-2024-9675: a cache mount's id or source leads out of the folder of cache mounts" {
	for id in ../../../../../.. a/../../../b ..; do
		run build <<<"FROM busybox
RUN --mount=type=cache,id=$id,target=/c echo over > /c/file"
		[ "$status" -ne 0 ]
		[[ $output == *'it has ".."'* ]]
	done
	run build <<<"FROM busybox
RUN --mount=type=cache,id=$CANARY,target=/c,source=$CANARY echo over > /c/file; cat /c/file"
	lacks '^#[0-9]* [0-9.]* untouched' <<<"$output"
}

@test "CVE-2024-9407: a mount of a build has options that are only the host's to give" {
	for option in bind-propagation=shared bind-propagation=rshared propagation=shared z relabel=shared suid; do
		run build <<<"FROM busybox
RUN --mount=type=bind,target=/m,$option true"
		[ "$status" -ne 0 ]
		[[ $output == *"${option%%=*}"* ]]
	done
}

@test "CVE-2024-23653: a step asks for what the user has not allowed, on each way to build" {
	for step in "--security=insecure" "--network=host"; do
		run build <<<"FROM busybox
RUN $step true"
		[ "$status" -ne 0 ]
		[[ $output == *"--allow"* ]]
		mkdir -p "$BATS_TEST_TMPDIR/docker"
		printf 'FROM busybox\nRUN %s true\n' "$step" >"$BATS_TEST_TMPDIR/docker/Dockerfile"
		tar -C "$BATS_TEST_TMPDIR/docker" -c . | curl -s --unix-socket "$WORK/run/berth.sock" -H 'Content-Type: application/x-tar' \
			--data-binary @- 'http://x/build?t=privileged' >"$BATS_TEST_TMPDIR/answer"
		grep -q 'is not allowed' "$BATS_TEST_TMPDIR/answer"
		lacks 'Successfully built' <"$BATS_TEST_TMPDIR/answer"
	done
}

@test "CVE-2024-24557: a layer made on one image is taken for another one's, which has other settings" {
	tar -C /bin -c busybox >"$BATS_TEST_TMPDIR/root.tar"
	for who in good evil; do
		berth import -c "ENV WHO=$who" -c "USER $([ $who = good ] && echo 0 || echo 1234)" \
			-c 'SHELL ["/busybox","sh","-c"]' "$BATS_TEST_TMPDIR/root.tar" "$who" >/dev/null
	done
	for who in evil good; do
		build -t "made-$who" <<<"FROM $who
USER 0
RUN /busybox echo \$WHO > /who
USER ${who/#*/7}" >/dev/null
		[ "$(berth run --rm --network none "made-$who" /busybox cat /who)" = "$who" ]
	done
	build -t user-evil <<<$'FROM evil\nWORKDIR /w' >/dev/null
	build -t user-good <<<$'FROM good\nWORKDIR /w' >/dev/null
	[ "$(berth run --rm --network none user-good /busybox stat -c %u /w)" = 0 ]
}

@test "CVE-2025-4953 CVE-2021-3602: what a step was lent, or the engine has, stays in a layer or the cache" {
	echo "lent-secret-$$" >"$BATS_TEST_TMPDIR/secret"
	echo "bound-$$" >"$CONTEXT/bound"
	run build -t lent --secret "id=tok,src=$BATS_TEST_TMPDIR/secret" <<<"FROM busybox
RUN --mount=type=secret,id=tok --mount=type=bind,source=bound,target=/b/bound,rw stat -c %a /run/secrets/tok; cat /b/bound > /dev/null; env"
	[ "$status" -eq 0 ]
	grep -q '^#[0-9]* [0-9.]* 400$' <<<"$output"
	lacks CANARY <<<"$output"
	[ -z "$(berth run --rm --network none lent find /run/secrets /b 2>/dev/null)" ]
	# -s: a file may go while it is looked at.
	run grep -rlsF -e "lent-secret-$$" -e "bound-$$" "$WORK/data/blobs" "$WORK/data/snapshots" "$WORK/data/build" "$WORK/data/berth.db"
	[ -z "$output" ]
	[ "$(stat -c %a "$WORK/data/build/work" "$WORK/data/build/mounts" | sort -u)" = 700 ]
	[ -z "$(ls -A "$WORK/data/build/work")" ]
}

@test "CVE-2026-33747: what is built is written beside the folder that it is meant for" {
	mkdir "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two" "$CONTEXT/folder" "$CONTEXT/more"
	ln -s "$CANARY" "$BATS_TEST_TMPDIR/one/folder"
	ln -s "$CANARY/file" "$BATS_TEST_TMPDIR/two/file"
	echo over | tee "$CONTEXT/folder/file" >"$CONTEXT/file"
	ln -s "$CANARY" "$CONTEXT/more/link"
	run build -o "$BATS_TEST_TMPDIR/one" <<<"FROM scratch
COPY folder /folder"
	[ "$status" -ne 0 ]
	[[ $output == *'cannot overwrite non-directory "folder" with directory'* ]]
	build -o "$BATS_TEST_TMPDIR/two" <<<"FROM scratch
COPY file more /"
	[ "$(cat "$BATS_TEST_TMPDIR/two/file")" = over ] && [ ! -L "$BATS_TEST_TMPDIR/two/file" ]
	[ "$(readlink "$BATS_TEST_TMPDIR/two/link")" = "$CANARY" ]
}

@test "CVE-2022-4122 CVE-2022-4123: an ignore file or a Dockerfile of the context is a link to the host" {
	ln -s "$CANARY/file" "$CONTEXT/.dockerignore"
	run build <<<"FROM busybox
COPY . /x"
	[[ $output != *untouched* ]]
	rm "$CONTEXT/.dockerignore"
	ln -s "$CANARY/file" "$CONTEXT/Dockerfile"
	tar -C "$CONTEXT" -c . | curl -s --unix-socket "$WORK/run/berth.sock" -H 'Content-Type: application/x-tar' --data-binary @- \
		http://x/build >"$BATS_TEST_TMPDIR/answer"
	lacks untouched <"$BATS_TEST_TMPDIR/answer"
	lacks 'Successfully built' <"$BATS_TEST_TMPDIR/answer"
}

@test "a device or a pipe that a step made is the source of a mount: the engine opens none" {
	build -t special -q <<<$'FROM busybox\nRUN mknod /null c 1 3 && mknod /zero c 1 5 && mkfifo /pipe && ln -s zero /link' >/dev/null
	for source in null zero pipe link; do
		for access in ro rw; do
			run timeout 60 "$BERTH_BUILD/berth" build --progress plain --network none -f - "$CONTEXT" <<<"FROM busybox
RUN --mount=type=bind,from=special,source=/$source,target=/m,$access head -c 1 /m"
			[ "$status" -eq 1 ]
			[[ $output == *"the source \"/$source\" of the mount at /m is a device, a pipe or a socket"* ]]
		done
	done
}
