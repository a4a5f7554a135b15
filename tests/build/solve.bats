#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Builds as their users see them: what is run again and what is not, several at once, what is left behind.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() {
	engine_setup
}

teardown_file() {
	engine_teardown
}

setup() {
	CONTEXT=$(mktemp -d "$WORK/context-XXXXXX")
	cd "$CONTEXT" || return 1
}

build() {
	berth build --network none --progress plain "$@" 2>&1
}

# What a file of an image says.
content() {
	berth run --rm --network none "$1" cat "$2"
}

@test "the same again is the same image, and runs nothing" {
	printf 'FROM busybox\nRUN cat /proc/sys/kernel/random/uuid >/now\nENV a=b\nRUN cat /proc/sys/kernel/random/uuid >/then\n' >Dockerfile
	build -q -t same . >first
	sleep 0.01
	build -q -t same . >second
	diff first second
	build --no-cache -q -t same . >third
	run ! diff first third
	run build -t same .
	[ "$(grep -c CACHED <<<"$output")" -ge 2 ]
}

# A stage whose first step fails and that has so many steps more, and one upon it: deep STEPS STEPS.
deep() {
	printf 'FROM busybox AS one\nRUN echo it runs; exit 3\n'
	for i in $(seq "$1"); do echo "WORKDIR /one/$i"; done
	printf 'FROM one\n'
	for i in $(seq "$2"); do echo "WORKDIR /two/$i"; done
}

@test "what would come to too many layers does not begin" {
	deep 100 25 >Dockerfile # and one of busybox, and RUN
	run build .
	[ "$status" -eq 1 ]
	[[ $output == *"it runs"*"exit code: 3"* ]]
	[[ $output != *"max depth"* ]]
	deep 100 26 >Dockerfile
	run build .
	[ "$status" -eq 1 ]
	[[ $output == *"line 129: max depth exceeded: more than 127 layers"* ]]
	[[ $output != *"it runs"* ]]
	run build --target one .
	[[ $output == *"it runs"* ]]
}

@test "--no-cache-filter runs the steps of its stage alone" {
	printf 'FROM busybox AS one\nRUN cat /proc/sys/kernel/random/uuid >/one\nFROM busybox AS two\nRUN cat /proc/sys/kernel/random/uuid >/two\n' >Dockerfile
	printf 'FROM busybox\nCOPY --from=one /one /\nCOPY --from=two /two /\n' >>Dockerfile
	build -t filter .
	one=$(content filter /one) two=$(content filter /two)
	build --no-cache-filter two -t filter .
	[ "$(content filter /one)" = "$one" ]
	[ "$(content filter /two)" != "$two" ]
}

@test "five builds of one file at once run each step once" {
	printf 'FROM busybox\nRUN --mount=type=cache,target=/c echo x >>/c/runs; sleep 0.2\nRUN echo again\n' >Dockerfile
	local builds=()
	for i in 1 2 3 4 5; do
		build -q . >"id$i" 3>&- 4>&- &
		builds+=($!)
	done
	wait "${builds[@]}"
	[ "$(cat id? | sort -u | wc -l)" -eq 1 ]
	printf 'FROM busybox\nRUN --mount=type=cache,target=/c cp /c/runs /runs\n' >Dockerfile
	build -t runs .
	[ "$(content runs /runs)" = x ]
}

@test "with SOURCE_DATE_EPOCH two engines make the same image, whatever the time is" {
	mkdir d
	echo text >d/file
	printf 'FROM scratch\nCOPY d /d\nWORKDIR /w\nCOPY --link d/file /w/x\nENV a=b\n' >Dockerfile
	SOURCE_DATE_EPOCH=1000000000 build --build-arg SOURCE_DATE_EPOCH=1000000000 -q -t epoch . >first
	berth builder prune -af >/dev/null
	touch -d '+1 hour' d/file
	build --build-arg SOURCE_DATE_EPOCH=1000000000 --no-cache -q -t epoch . >second
	diff first second
	printf 'FROM busybox\nRUN mkdir /n && echo x >/n/f && touch -d 2040-01-01 /n/g\n' >Dockerfile
	build --build-arg SOURCE_DATE_EPOCH=1000000000 --no-cache -q -t epoch . >first
	build --build-arg SOURCE_DATE_EPOCH=1000000000 --no-cache -q -t epoch . >second
	diff first second
	[ "$(berth run --rm --network none epoch stat -c %Y /n/g)" = 1000000000 ]
}

@test "a client that goes away ends what its build runs, and nothing is left" {
	printf 'FROM busybox\nRUN echo begun; sleep 987\n' >Dockerfile
	"$BERTH_BUILD/berth" build --network none --progress plain . >out 2>&1 3>&- &
	client=$!
	eventually grep -q '^#[0-9]* [0-9.]* begun' out
	kill -9 $client
	eventually_not pgrep -f 'sleep 987'
	eventually no_work
	printf 'FROM busybox\nRUN true\n' >Dockerfile
	build .
}

no_work() {
	[ -z "$(ls "$WORK/data/build/work")" ]
}

eventually_not() {
	local end=$((SECONDS + PATIENCE))
	while "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ]
		sleep 0.05
	done
}

@test "a folder that is a named context is a stage's base" {
	mkdir base
	echo one >base/file
	printf 'FROM base AS files\nWORKDIR /w\nFROM busybox\nCOPY --from=files / /all/\n' >Dockerfile
	build --build-context base=base -t based .
	[ "$(content based /all/file)" = one ]
	echo two >base/file
	build --build-context base=base -t based .
	[ "$(content based /all/file)" = two ]
	run build --build-context base=base -t based .
	[ "$(grep -c CACHED <<<"$output")" -ge 3 ]
}

@test "what is written to a folder that is bound rw is discarded" {
	echo kept >file
	printf 'FROM busybox\nRUN --mount=type=bind,rw,target=/m echo changed >/m/file && cp /m/file /seen && touch /m/new\n' >Dockerfile
	printf 'RUN --mount=type=bind,target=/m cp /m/file /kept && ! test -e /m/new\n' >>Dockerfile
	build -t bound .
	[ "$(content bound /seen)" = changed ]
	[ "$(content bound /kept)" = kept ]
	printf 'FROM bound AS base\nFROM busybox\nRUN --mount=type=bind,rw,from=base,target=/m echo x >/m/seen && cp /m/kept /k\n' >Dockerfile
	build -t bound2 .
	[ "$(content bound2 /k)" = kept ]
	{
		printf 'FROM busybox AS base\nRUN mkdir -p /a/b && echo deep >/a/b/c\nFROM busybox\n'
		printf 'RUN --mount=from=base,source=a/b,target=/m cp /m/c /ro && ! touch /m/x\n'
		printf 'RUN --mount=from=base,source=a/b,target=/m,rw echo y >>/m/c && cp /m/c /rw\n'
		printf 'RUN --mount=from=base,source=/a/b/c,target=/f,rw echo z >>/f && cp /f /file\n'
	} >Dockerfile
	build -t bound3 .
	[ "$(content bound3 /ro)" = deep ]
	[ "$(content bound3 /rw)" = $'deep\ny' ]
	[ "$(content bound3 /file)" = $'deep\nz' ]
	[ "$(content bound /seen)" = changed ]
}

@test "an ssh agent answers in a step that asks for it" {
	# shellcheck disable=SC2016
	printf 'FROM busybox\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && test "$SSH_AUTH_SOCK" = /run/buildkit/ssh_agent.0\n' >Dockerfile
	python3 -c 'import socket,sys,os
s=socket.socket(socket.AF_UNIX); s.bind("agent"); s.listen(8); print("ready", flush=True)
while True:
    c,_=s.accept(); c.close()' >ready 3>&- &
	agent=$!
	eventually grep -q ready ready
	run build --ssh default=agent .
	echo "$output"
	kill $agent
	[ "$status" -eq 0 ]
	run build --no-cache .
	[ "$status" -ne 0 ]
}

@test "a cache mount that is locked serves one step at a time" {
	printf 'FROM busybox AS a\nRUN --mount=type=cache,target=/c,sharing=locked test ! -e /c/in && touch /c/in && sleep 0.3 && rm /c/in\n' >Dockerfile
	printf 'FROM busybox AS b\nRUN --mount=type=cache,target=/c,sharing=locked test ! -e /c/in && touch /c/in && sleep 0.2 && rm /c/in\n' >>Dockerfile
	printf 'FROM scratch\nCOPY --from=a /etc /a\nCOPY --from=b /etc /b\n' >>Dockerfile
	build .
}

@test "what failed is kept if it is asked for, and gone otherwise" {
	printf 'FROM busybox\nRUN echo x >/left && false\n' >Dockerfile
	before=$(find "$WORK/data/snapshots" -maxdepth 1 | wc -l)
	run build .
	[ "$status" -ne 0 ]
	[[ $output == *'did not complete successfully: exit code: 1'* ]]
	[[ $output == *'>>> RUN echo x >/left && false'* ]]
	[ "$(find "$WORK/data/snapshots" -maxdepth 1 | wc -l)" -eq "$before" ]
}

@test "layers of COPY --link stand on the base of their own stage" {
	echo data >f
	printf 'FROM busybox AS a\nRUN touch /from-a\nCOPY --link f /f\nFROM busybox AS b\nRUN touch /from-b\nCOPY --link f /f\n' >Dockerfile
	printf 'FROM b\nCOPY --from=a /f /from-a /other/\nRUN test -e /from-b && ! test -e /from-a && cmp /f /other/f\n' >>Dockerfile
	for round in 1 2 3; do # of the cache the first time, then again on bases that are new
		build .
		sed -i "s/touch \/from-b/touch \/from-b # $round/" Dockerfile
	done
	build .
	[ "$(build . | grep -c CACHED)" -eq 8 ]
}

@test "cache mounts that two steps lock in another order, and one step twice" {
	local m=--mount=type=cache,sharing=locked
	printf 'FROM busybox AS a\nRUN %s,id=x,target=/x %s,id=y,target=/y sleep 0.1\n' $m $m >Dockerfile
	printf 'FROM busybox AS b\nRUN %s,id=y,target=/y %s,id=x,target=/x sleep 0.1\n' $m $m >>Dockerfile
	printf 'FROM busybox\nCOPY --from=a /bin/sh /a\nCOPY --from=b /bin/sh /b\nRUN %s,id=x,target=/x %s,id=x,target=/y : >/x/f; test -e /y/f\n' $m $m >>Dockerfile
	for round in 1 2 3; do
		timeout 60 "$BERTH_BUILD/berth" build --network none --no-cache -q .
	done
}

@test "folders that a step nests deeply in a cache mount are counted, and go" {
	local deep
	deep=$(printf 'd/%.0s' {1..500})
	printf 'FROM busybox\nRUN --mount=type=cache,id=deep,target=/c cd /c; i=0; while [ $i -lt 8 ]; do mkdir -p %s; cd %s; i=$((i+1)); done\n' "$deep" "$deep" >Dockerfile
	build .
	berth builder du
	berth builder prune -af --filter type=exec.cachemount
}

@test "steps that must not be taken from the cache do not wait for each other" {
	printf 'FROM busybox\nRUN --mount=type=cache,id=meet,target=/c mktemp /c/XXXXXX; until [ "$(ls /c | wc -l)" -ge 2 ]; do sleep 0.02; done\n' >Dockerfile
	timeout 60 "$BERTH_BUILD/berth" build --network none --no-cache -q . >one 3>&- 4>&- &
	timeout 60 "$BERTH_BUILD/berth" build --network none --no-cache -q .
	wait $!
	berth builder prune -af --filter type=exec.cachemount
}

@test "variables that are copied into many texts, stages and steps have a limit together" {
	{
		printf 'FROM busybox AS s0\nENV a=0123456789abcdef0123456789abcdef\n'
		printf 'ENV a=$a$a\n%.0s' {1..14}
	} >base
	{
		cat base
		printf 'RUN echo %s\n' {1..200}
	} >steps
	{
		cat base
		printf 'LABEL l%s=$a\n' {1..200}
	} >labels
	{
		cat base
		for i in {1..100}; do printf 'FROM s%s AS s%s\n' $((i - 1)) "$i"; done
	} >stages
	for file in steps labels stages; do
		run build -f "$file" .
		[ "$status" -eq 1 ]
		[[ $output == *'larger than 67108864 bytes'* || $output == *'more than 67108864 bytes'* ]]
	done
}

@test "files of a stage that is cached are not read again, and a stage that is made anew counts" {
	{
		printf 'FROM busybox AS made\nRUN echo one >/alias-marker\nFROM busybox\n'
		printf 'COPY --from=made /alias-marker /to/\nCOPY --link --from=made /alias-marker /link/\n'
	} >Dockerfile
	build -t alias .
	build -t alias . # its name for the key is kept with what was hit
	# Reading would find something else: nobody may change a layer's files, so that it shows who reads them.
	while read -r file; do echo more >>"$file"; done < <(find "$WORK/data/snapshots" -path '*alias-marker' -not -path '*/to/*' -not -path '*/link/*')
	run build -t alias .
	[ "$(grep -c CACHED <<<"$output")" -ge 4 ]
	sed -i 's/echo one/echo two/' Dockerfile
	build -t alias .
	[ "$(content alias /to/alias-marker)" = two ]
	[ "$(content alias /link/alias-marker)" = two ]
	sed -i 's/to\//there\//' Dockerfile
	build -t alias .
	[ "$(content alias /there/alias-marker)" = two ]
}

# Contexts that are listed: their files come when a step that is not cached wants them.

# A context that is large enough for a listing, and older than what a clock could miss.
large_context() {
	export XDG_CACHE_HOME=$WORK/cache
	mkdir many
	for i in $(seq 200); do printf '%01000d' "$i" >"many/$i"; done
	printf 'FROM busybox\nCOPY . /all\n' >Dockerfile
	date +%s%N >many/own # nobody else has built it
	ln -s nowhere link
	mkfifo fifo
	touch -d '1 hour ago' many/*
}

note() {
	python3 -c 'import os, sys; os.setxattr("many/3", "user.note", sys.argv[1].encode())' "$1"
}

sent() {
	grep -q 'load build context' <<<"$1"
}

@test "files of a context that is cached are not sent, and one byte is noticed" {
	large_context
	note 1
	run build -t listed .
	sent "$output"
	sleep 2.1 # what has just been written could be written again in the same tick
	run build -t listed .
	run ! sent "$output"
	run strace -qq -f -e trace=openat "$BERTH_BUILD/berth" build -q .
	run ! grep -q '"77"' <<<"$output"
	printf '%01000d' 778 >many/77
	touch -d '1 hour ago' many/77 many # as it was, as far as one can
	run build -t listed .
	sent "$output"
	[ "$(berth run --rm --network none listed tail -c 3 /all/many/77)" = 778 ]
	chmod 600 many/78
	run build -t listed .
	sent "$output"
	note 2
	run build -t listed .
	sent "$output"
	run build -t listed .
	run ! sent "$output"
	rm many/79
	run build -t listed .
	sent "$output"
	run ! berth run --rm --network none listed test -e /all/many/79
	# What is kept of hashes is the user's alone, and may be damaged.
	kept=("$WORK"/cache/berth/contexts/*)
	[ "$(stat -c %a "${kept[0]}")" = 600 ]
	printf x | dd of="${kept[0]}" bs=1 seek=200 conv=notrunc status=none
	run build -t listed .
	run ! sent "$output"
}

@test "mounts, named contexts, ADD and .dockerignore with a context that is listed" {
	large_context
	mkdir other
	cp -r many other/
	tar -czf packed.tar.gz many/1 many/2
	printf '*.log\nmany/9*\n!many/99\nDockerfile\n' >.dockerignore
	echo x >a.log
	{
		printf 'FROM other AS base\nFROM busybox\nCOPY --from=base /many/5 /five\nCOPY . /all\nADD packed.tar.gz /unpacked/\n'
		printf 'RUN --mount=target=/m test -p /m/fifo && cat /m/many/7 >/seven\nCOPY --from=other --chown=3:4 many/8 /\n'
	} >Dockerfile
	build -t mounted --build-context other=other .
	berth run --rm --network none mounted sh -c 'test -e /all/many/99 && ! test -e /all/many/98 && ! test -e /all/a.log &&
		! test -e /all/Dockerfile && test -f /unpacked/many/2 && cmp /seven /all/many/7 && stat -c %u:%g /8 | grep 3:4'
	run build -t mounted --build-context other=other .
	[ "$(grep -c CACHED <<<"$output")" -ge 6 ]
	run ! grep -q 'context other. load build' <<<"$output"
	echo y >other/many/8
	run build -t mounted --build-context other=other .
	grep -q 'context other. load build' <<<"$output"
	[ "$(content mounted /8)" = y ]
}

@test "a client that lists what it does not have poisons nobody's cache" {
	large_context
	build -t honest .
	echo evil >many/1
	tar -cf "$WORK/evil.tar" --exclude=fifo .
	printf '%01000d' 1 >many/1
	date +%s%N >many/own
	python3 - >"$WORK/listing" <<-'END'
		import hashlib, os, sys
		for folder, folders, files in os.walk("."):
		    for name in folders + files:
		        path = os.path.relpath(f"{folder}/{name}", ".")
		        status = os.lstat(path)
		        digest, size, target = "-", 0, ""
		        if os.path.islink(path):
		            target = os.readlink(path) + "\0"
		        elif os.path.isfile(path):
		            digest, size = hashlib.sha256(open(path, "rb").read()).hexdigest(), status.st_size
		        sys.stdout.write(f"{status.st_mode:o} {size} 0 {digest} {path}\0{target}")
	END
	{
		printf 'dockerfile 24 -\nFROM busybox\nCOPY . /all'
		printf 'listing %d -\n' "$(stat -c %s "$WORK/listing")"
		cat "$WORK/listing"
		printf 'end 0 -\n'
	} >"$WORK/body"
	curl -sN --unix-socket "$WORK/run/berth.sock" -H 'X-Berth-Build: 1' -T "$WORK/body" -X POST \
		'http://x/build?progress=events&buildid=liar&t=lied' >"$WORK/events" 3>&- &
	client=$!
	eventually grep -q wanted "$WORK/events"
	curl -sf --unix-socket "$WORK/run/berth.sock" -T "$WORK/evil.tar" -X POST 'http://x/build/liar/context?name=-'
	wait "$client"
	grep -q '"result"' "$WORK/events"
	[ "$(content lied /all/many/1)" = evil ]
	rm fifo
	build -t honest .
	[ "$(berth run --rm --network none honest tail -c 1 /all/many/1)" = 1 ]
	run curl -s --unix-socket "$WORK/run/berth.sock" -T "$WORK/evil.tar" -X POST 'http://x/build/liar/context?name=-'
	[[ $output == *'none of this id is under way'* ]]
	printf 'dockerfile 12 -\nFROM busyboxlisting 8 -\n100644 1end 0 -\n' >"$WORK/body"
	run curl -s --unix-socket "$WORK/run/berth.sock" -H 'X-Berth-Build: 1' -T "$WORK/body" -X POST 'http://x/build?progress=events'
	[[ $output == *'"result"'* ]] # nothing of it was wanted
	run curl -s --unix-socket "$WORK/run/berth.sock" -H 'X-Berth-Build: 1' -T "$WORK/body" -X POST 'http://x/build'
	[[ $output == *'only be asked for in a stream of events'* ]]
}
