#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `build`: contexts, what is seen, outputs, exit codes. RUN has no network here.

load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() { remove_containers; }

# A Dockerfile of these lines in ./$1.
dockerfile() {
	mkdir -p "$1"
	printf '%s\n' "${@:2}" >"$1/Dockerfile"
}
build() { berth build --network none "$@"; }

@test "a folder becomes an image; plain lines on standard error, nothing on standard output" {
	dockerfile ctx 'FROM busybox' 'ARG A=0' 'COPY file /there' 'RUN echo "A is $A"; cat /there' 'ENTRYPOINT ["cat", "/there"]'
	echo hello >ctx/file
	build -t one:1 -t two --build-arg A=7 --label who=me --iidfile id --metadata-file meta ctx >out 2>err
	[ ! -s out ]
	grep -Eq '^#[0-9]+ \[[0-9]/[0-9]\] RUN echo' err
	grep -Eq '^#[0-9]+ [0-9]+\.[0-9]{3} A is 7$' err
	grep -Eq '^#[0-9]+ DONE [0-9.]+s$' err
	[ "$(berth run --rm --network none one:1)" = hello ]
	[ "$(berth image inspect -f '{{.Id}}' two)" = "$(cat id)" ]
	[ "$(berth image inspect -f '{{.Config.Labels.who}}' two)" = me ]
	jq -e . meta
	build -t one:1 --build-arg A=7 --label who=me ctx 2>err
	grep -Eq '^#[0-9]+ CACHED$' err
}

@test "quiet prints the id alone; the aliases are the same command" {
	dockerfile ctx 'FROM busybox' 'LABEL a=b'
	id=$(build -q ctx)
	[[ "$id" =~ ^sha256:[0-9a-f]{64}$ ]]
	for noun in image builder buildx; do
		[ "$(berth "$noun" build --progress quiet ctx)" = "$id" ]
	done
}

@test "Dockerfile on standard input, an archive there, and one outside of the context" {
	[[ "$(printf 'FROM busybox\nRUN true\n' | build -q -)" == sha256:* ]]
	dockerfile ctx 'FROM busybox' 'COPY file /x' 'CMD cat /x'
	echo packed >ctx/file
	tar -cz -C ctx . | build -q -t packed -
	[ "$(berth run --rm --network none packed)" = packed ]
	printf 'FROM busybox\nCOPY file /y\nCMD cat /y\n' >other
	build -q -t other -f other ctx
	[ "$(berth run --rm --network none other)" = packed ]
	printf 'FROM busybox\nCOPY file /z\nCMD cat /z\n' | build -q -t input -f - ctx
	[ "$(berth run --rm --network none input)" = packed ]
}

@test ".dockerignore is applied before anything is sent; links and modes stay" {
	dockerfile ctx 'FROM busybox' 'COPY . /c' 'CMD cd /c && find . | sort && readlink out && stat -c %a tool'
	mkdir -p ctx/a/b
	touch ctx/a/no ctx/a/b/keep ctx/a/b/no ctx/tool
	chmod 751 ctx/tool
	ln -s /etc/passwd ctx/out
	printf '# all but one\na/**\n!a/b/keep\nDockerfile\n.dockerignore\n' >ctx/.dockerignore
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("ctx/socket")'
	build -q -t ignored ctx
	run berth run --rm --network none ignored
	[ "$output" = $'.\n./a\n./a/b\n./a/b/keep\n./out\n./tool\n/etc/passwd\n751' ]
}

@test "named contexts, secrets and targets" {
	dockerfile ctx 'FROM busybox AS first' 'COPY --from=libs one /one' 'RUN --mount=type=secret,id=token cat /run/secrets/token | tr a-z A-Z >/two' 'FROM first' 'RUN exit 3'
	mkdir libs
	echo lib >libs/one
	SECRET=abc build -q -t staged --target first --build-context libs=libs --secret id=token,env=SECRET ctx
	[ "$(berth run --rm --network none staged cat /one /two)" = $'lib\nABC' ]
	[ "$(berth history --no-trunc staged | grep -c abc)" = 0 ]
	run build --secret id=token,env=NOT_THERE ctx
	[ "$status" -eq 1 ]
	[[ "$output" == *"the environment has no variable NOT_THERE"* ]]
	run build --build-context libs=nothere ctx
	[[ "$output" == *"failed to find context path nothere"* ]]
}

@test "a step that fails shows its log, its lines and its exit code" {
	dockerfile ctx 'FROM busybox' 'RUN echo before; exit 3' 'RUN echo never'
	run build -t failed ctx
	[ "$status" -eq 1 ]
	[[ "$output" == *" before"* ]]
	[[ "$output" == *'------'* ]]
	[[ "$output" == *'2 | >>> RUN echo before; exit 3'* ]]
	[[ "$output" == *'ERROR: failed to build: '*'did not complete successfully: exit code: 3'* ]]
	[[ "$output" != *"never"$'\n'*"DONE"* ]]
	[ -z "$(berth images -q failed)" ]
	run build -q ctx
	[ "$status" -eq 1 ]
	[[ "$output" == *"exit code: 3"* ]]
}

@test "nothing of a Dockerfile or of what it prints reaches the terminal as a command" {
	dockerfile ctx 'FROM busybox' $'LABEL x="\e]0;title\a \u009b31m"' $'RUN true "\e[2J"; printf "\\033[31mred\\302\\2331m\\177\\n"; false "\e[5m"'
	run build --progress plain -t evil ctx
	[ "$status" -eq 1 ]
	[[ "$output" == *'LABEL x="]0;title 31m"'*'ERROR: failed to build: '* ]]
	[[ "$output" != *[$'\e\a\x7f']* && "$output" != *$'\u009b'* ]]
	sed -i 's/; false.*//' ctx/Dockerfile
	build -q -t evil ctx
	run berth history evil
	[[ "$output" == *'LABEL x=]0;title'* ]]
	[[ "$output" != *[$'\e\a']* && "$output" != *$'\u009b'* ]]
}

@test "letters stay whole wherever the output is cut; a line without end takes no memory" {
	dockerfile ctx 'FROM busybox' 'RUN (printf %0500001d 0; printf "\\n") | sed "s/0/é/g"' 'RUN head -c 4000000 /dev/zero | tr "\000" "\303"'
	build --progress plain ctx >"$BATS_TEST_TMPDIR/shown" 2>&1
	[ "$(grep '^#3' "$BATS_TEST_TMPDIR/shown" | tr -d '\n' | grep -o é | wc -l)" -gt 500000 ]
	[ "$(grep '^#3' "$BATS_TEST_TMPDIR/shown" | grep -c $'\ufffd')" -eq 0 ]
	[ "$(awk '{ if (length > most) most = length } END { print most }' "$BATS_TEST_TMPDIR/shown")" -lt 300000 ]
}

@test "what is wrong is told before anything runs" {
	run build nothere
	[ "$status" -eq 1 ]
	[[ "$output" == *'path "nothere" not found'* ]]
	mkdir empty
	run build empty
	[[ "$output" == *"failed to read dockerfile: "*"empty/Dockerfile"* ]]
	dockerfile ctx 'FROM busybox' 'RUNN true'
	run build ctx
	[ "$status" -eq 1 ]
	[[ "$output" == *"unknown instruction: RUNN"* ]]
	dockerfile fine 'FROM busybox'
	run build -t UPPER fine
	[[ "$output" == *"invalid reference format"* ]]
	run build --progress funny fine
	[[ "$output" == *"invalid progress mode funny"* ]]
	run build --isolation hyperv fine
	[[ "$output" == *"isolation hyperv"* ]]
	run build -o type=magic fine
	[[ "$output" == *'unknown type "magic"'* ]]
	run build --ssh default=/nothere fine
	[[ "$output" == *"/nothere"* ]]
	run build --call dance fine
	[[ "$output" == *"--call"* ]]
	while IFS='|' read -r flags word; do
		# shellcheck disable=SC2086 # several words
		run build $flags fine
		[ "$status" -ne 0 ]
		[[ "$output" == *"$word"* ]]
	done <<-END
		--annotation x|--annotation x: expected [TYPE:]KEY=VALUE
		--annotation layer:a=b|annotation-layer.a: unrecognized annotation type layer
		--annotation index:a=b|the manifest alone can be annotated
		--annotation manifest[linux/s390x]:a=b|annotation a of linux/s390x: this build is not for that platform
		--annotation a=b -o folder|--annotation: this build has no image
		--builder mine|--builder mine: there is no such builder
		--add-host name|bad format for add-host: "name"
		--detach|--detach: a build ends with its client
		--print=outline|--print: its name is --call
		--disable-content-trust=false|--disable-content-trust=false
		--security-opt seccomp=x|--security-opt
		--isolation hyperv|--isolation hyperv
		-o type=oci,dest=x.oci,compression=estargz|compression=estargz
		-o type=image,oci-mediatypes=false|oci-mediatypes=false
		-o type=oci,dest=x.oci,rewrite-timestamp=false --build-arg SOURCE_DATE_EPOCH=1|rewrite-timestamp=false
	END
	[ -z "$(ls x.oci* 2>/dev/null)" ]
}

@test "outputs: a folder, archives, standard output" {
	dockerfile ctx 'FROM scratch' 'COPY file /deep/file'
	echo content >ctx/file
	build -q -o folder ctx
	timeout 60 "$BERTH_BUILD/berth" build -q -o one -o type=local,dest=two -o three ctx
	diff -r folder one && diff -r folder two && diff -r folder three
	rm -r one two three
	[ "$(cat folder/deep/file)" = content ]
	[ "$(build -q -o - ctx | tar -xO deep/file)" = content ]
	build -q -o type=tar,dest=out.tar ctx
	tar -tf out.tar | grep -qx 'deep/file'
	build -q -o type=oci,dest=out.oci ctx
	tar -tf out.oci | grep -qx index.json
	[ "$(ls)" = $'ctx\nfolder\nout.oci\nout.tar' ]
	dockerfile bad 'FROM scratch' 'COPY nothere /'
	run build -o type=tar,dest=bad.tar bad
	[ "$status" -eq 1 ]
	[ -z "$(ls bad.tar* 2>/dev/null)" ]
}

@test "progress as lines of JSON" {
	dockerfile ctx 'FROM busybox' 'RUN echo json'
	build --no-cache --progress rawjson ctx 2>lines
	jq -e . lines >/dev/null
	[ "$(jq -r '.logs[]?.data' lines | base64 -d)" = json ]
	[ -n "$(jq -r '.vertexes[]? | select(.completed) | .name | select(test("RUN echo json"))' lines)" ]
}

@test "progress on a terminal is never higher than it" {
	dockerfile ctx 'FROM busybox' 'RUN for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.1; done'
	python3 - "$BERTH_BUILD/berth" build --network none --no-cache ctx >screen <<-'END'
		import fcntl, os, pty, struct, sys, termios
		child, terminal = pty.fork()
		if child == 0:
		    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 7, 50, 0, 0))
		    os.environ["TERM"] = "xterm"
		    os.execv(sys.argv[1], ["berth"] + sys.argv[2:])
		data = b""
		try:
		    while part := os.read(terminal, 65536):
		        data += part
		except OSError:
		    pass
		*frames, last = data.decode().split("\x1b[J")
		assert max(frame.count("\n") for frame in frames) <= 6, frames
		assert any("# line" in frame for frame in frames), frames
		assert "FINISHED" in last, last
		assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
	END
}

@test "a step that failed is entered with a shell, with the step's mounts, in a terminal that is resized" {
	dockerfile ctx 'FROM busybox' 'WORKDIR /work' 'ENV WHO=me' \
		'RUN --mount=type=secret,id=word --mount=type=ssh --mount=type=cache,target=/cache --mount=target=/bound \
		echo kept >/cache/file; echo left > there; exit 3'
	echo hush >word
	ssh-keygen -q -t ed25519 -N '' -f key
	python3 - "$BERTH_BUILD/berth" build --network none --progress plain --debug-on-failure --secret id=word,src=word \
		--ssh default=key ctx >screen <<-'END'
		import fcntl, os, pty, struct, sys, termios
		def resize(rows, columns):
		    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
		child, terminal = pty.fork()
		if child == 0:
		    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
		    os.execv(sys.argv[1], ["berth"] + sys.argv[2:])
		data = b""
		def read_until(text):
		    global data
		    while text not in data:
		        data += os.read(terminal, 65536)
		read_until(b"at its end.")
		read_until(b"# ")
		os.write(terminal, b"echo $(cat there) $(pwd) $WHO; tty; cat /run/secrets/word /cache/file /bound/Dockerfile; "
		         b"test -S $SSH_AUTH_SOCK && echo an agent; stty size\n")
		read_until(b"31 97")
		resize(40, 111)
		os.write(terminal, b"until stty size | grep '40 111'; do :; done; exit 0\n")
		try:
		    while part := os.read(terminal, 65536):
		        data += part
		except OSError:
		    pass
		text = data.decode()
		for expected in ("left /work me", "/dev/pts/0", "hush", "kept", "ENV WHO", "an agent", "exit code: 3"):
		    assert expected in text, text
		assert text.count("ERROR: failed to build") == 1, text
		assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
	END
	[ -z "$(ls -A "$WORK/data/build/work")" ]
	run build --debug-on-failure ctx </dev/null
	[ "$status" -eq 1 ]
	[[ "$output" == *"--debug-on-failure: standard input is no terminal"* ]]
	run curl -s --unix-socket "$WORK/run/berth.sock" -X POST -H 'Connection: Upgrade' -H 'Upgrade: tcp' http://x/build/nothing/debug
	[[ "$output" == *"No such failed step: nothing"* ]]
	run curl -s --unix-socket "$WORK/run/berth.sock" -X POST -H 'Content-Type: application/x-tar' http://x/build?keepfailed=1
	[[ "$output" == *"keepfailed: needs a stream of events"* ]]
}

@test "a client that leaves its shell in a failed step, or does not open one, ends the build" {
	dockerfile ctx 'FROM busybox' 'RUN --mount=type=cache,target=/c false'
	python3 - "$BERTH_BUILD/berth" build --network none --progress plain --debug-on-failure ctx <<-'END'
		import os, pty, signal, sys
		child, terminal = pty.fork()
		if child == 0:
		    os.execv(sys.argv[1], ["berth"] + sys.argv[2:])
		data = b""
		while b"# " not in data.split(b"at its end.")[-1] or b"at its end." not in data:
		    data += os.read(terminal, 65536)
		os.kill(child, signal.SIGKILL)
	END
	eventually bash -c '[ -z "$(ls -A "$WORK/data/build/work")" ]'
	tar -C ctx -c . | curl -sN --unix-socket "$WORK/run/berth.sock" -H 'Content-Type: application/x-tar' --data-binary @- \
		'http://x/build?progress=events&keepfailed=1&networkmode=none' >events 3>&- 4>&- &
	client=$!
	eventually grep -q '"kind":"debug"' events
	kill "$client"
	eventually bash -c '[ -z "$(ls -A "$WORK/data/build/work")" ]'
}

@test "--check tells what could be better" {
	dockerfile ctx 'FROM busybox' 'CMD echo shell'
	run build --check ctx
	[ "$status" -eq 1 ]
	[[ "$output" == *"WARNING: JSONArgsRecommended"*"Dockerfile:2"* ]]
	[ "$(build --call targets,format=json ctx | jq -r '.targets | length')" = 1 ]
	dockerfile fine 'FROM busybox' 'CMD ["echo"]'
	run build --check fine
	[ "$status" -eq 0 ]
	[[ "$output" == *"Check complete, no warnings found."* ]]
}

@test "a client that leaves ends its build" {
	dockerfile ctx 'FROM busybox' 'RUN sleep 7373'
	"$BERTH_BUILD/berth" build --network none ctx >client.log 2>&1 3>&- 4>&- &
	client=$!
	eventually pgrep -f '[s]leep 7373'
	kill "$client"
	eventually bash -c '! pgrep -f "[s]leep 7373"'
}

@test "the cache is listed, counted and pruned" {
	dockerfile ctx 'FROM busybox' 'RUN head -c 300000 /dev/zero >/big'
	build -q ctx
	run berth builder du
	[[ "${lines[0]}" =~ ^CACHE\ ID\ +CACHE\ TYPE ]]
	[[ "$output" == *"Total:"* ]]
	berth builder du --format json | jq -e .ID
	[ "$(berth system df --format '{{.Type}} {{.TotalCount}}' | sed -n 's/^Build Cache //p')" -gt 0 ]
	berth system df -v | grep -q '^Build cache usage'
	[[ "$(berth builder ls)" == *default* ]]
	[[ "$(berth builder inspect)" == *Platforms* ]]
	run berth builder inspect other
	[ "$status" -eq 1 ]
	run berth builder prune -af
	[ "$status" -eq 0 ]
	[[ "$output" == *"Total:"* ]]
	[ "$(berth builder du --format '{{.ID}}' | wc -l)" = 0 ]
	berth events --since 1h --until 0s --filter type=builder | grep -q prune
}

# The Dockerfiles of a document, as files 1, 2, …
documented() {
	awk -v folder="$2" '/^```dockerfile$/ { file = folder "/" ++count; next } /^```/ { file = "" } file { print >file }' "$1"
}

@test "the Dockerfiles of the documentation" {
	cd "$BATS_TEST_DIRNAME/../.." || return
	mkdir "$BATS_TEST_TMPDIR/build" "$BATS_TEST_TMPDIR/readme" "$BATS_TEST_TMPDIR/empty"
	documented docs/build.md "$BATS_TEST_TMPDIR/build"
	documented README.md "$BATS_TEST_TMPDIR/readme"
	cd "$BATS_TEST_TMPDIR" || return
	build -q -t greeting:polite --build-arg greeting=Welcome -f build/1 empty
	[ "$(berth run --rm --network none greeting:polite)" = "Welcome, world" ]
	echo secret >token.txt
	build -q -t second --secret id=token,src=token.txt -f build/2 empty
	[ "$(berth run --rm --network none second)" = "Made by Berth
$(md5sum <token.txt)" ]
	build -q -t hello -f readme/1 empty
	[ "$(berth run --rm --network none --hostname harbour hello)" = "Hello from harbour" ]
}

@test "an ssh agent is lent to a step, for names and signatures alone" {
	dockerfile ctx 'FROM busybox' 'COPY ask /' 'RUN --mount=type=ssh /ask'
	cat >agent.py <<-'END'
		import socket, sys
		listener = socket.socket(socket.AF_UNIX)
		listener.bind("agent")
		listener.listen(4)
		while True:
		    connection, _ = listener.accept()
		    while head := connection.recv(4):
		        kind = connection.recv(int.from_bytes(head, "big"))[0]
		        print("asked", kind, file=sys.stderr, flush=True)
		        connection.sendall(b"\0\0\0\5\x0c\0\0\0\0")
	END
	cat >ask.c <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <sys/un.h>
		#include <unistd.h>
		static int ask(int fd, char kind) {
			char answer[64];
			if (write(fd, (char[]){0, 0, 0, 1, kind}, 5) != 5 || read(fd, answer, sizeof answer) < 5) return -1;
			return answer[4];
		}
		int main(void) {
			struct sockaddr_un address = {.sun_family = AF_UNIX};
			strcpy(address.sun_path, getenv("SSH_AUTH_SOCK"));
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);
			if (connect(fd, (void *) &address, sizeof address) < 0) return 2;
			printf("identities %d, removal %d\n", ask(fd, 11), ask(fd, 19));
			return 0;
		}
	END
	cc -static -o ctx/ask ask.c
	python3 agent.py 2>asked 3>&- 4>&- &
	agent=$!
	eventually test -S agent
	SSH_AUTH_SOCK=$PWD/agent run build --progress plain --ssh default ctx
	kill "$agent"
	[ "$status" -eq 0 ]
	[[ "$output" == *"identities 12, removal 5"* ]]
	[ "$(cat asked)" = "asked 11" ]
	run build --no-cache ctx
	[ "$status" -eq 1 ]
}

@test "a cache in a folder" {
	dockerfile ctx 'FROM busybox' 'RUN date +%N >/now'
	build -q -t cached --cache-to type=local,dest=kept,mode=max ctx
	[ -s kept/index.json ]
	before=$(berth run --rm --network none cached cat /now)
	berth rmi cached
	berth builder prune -af
	build -t cached --cache-from type=local,src=kept ctx
	[ "$(berth run --rm --network none cached cat /now)" = "$before" ]
	build -q --cache-to type=local,dest=packed,compression=zstd,mode=max ctx
	grep -rlq 'tar+zstd' packed/blobs
	run build --cache-to type=local,dest=packed,colour=red ctx
	[[ "$output" == *"colour is no attribute of type=cache"* ]]
	run build --cache-from type=local,src=nothere ctx
	[ "$status" -eq 1 ]
	[[ "$output" == *"--cache-from type=local,src=nothere"* ]]
}
