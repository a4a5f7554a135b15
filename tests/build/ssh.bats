#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Git over ssh and keys for --ssh, with Debian's sshd on loopback of a network namespace, where the engine is, too. The
# engine's /etc/ssh is $TOP/etc, in a mount namespace of its own.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() {
	TOP=$(mktemp -d "${TMPDIR:-/tmp}/berth-sshd-XXXXXX")
	NETNS=$(basename "$TOP")
	export TOP NETNS ENGINE_UNDER="nsenter --net=/run/netns/$NETNS -- unshare --mount -- $TOP/with-etc"
	mkdir "$TOP/etc"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nmount --bind "%s/etc" /etc/ssh && exec "$@"\n' "$TOP" >"$TOP/with-etc"
	chmod 755 "$TOP/with-etc"
	made folder "$TOP"
	made netns "$NETNS"
	ip netns add "$NETNS"
	ip -n "$NETNS" link set lo up
	repository
	start_sshd
	engine_setup --bridge none
	chmod 755 "$TOP"
}

teardown_file() {
	local left=0
	engine_teardown || left=1
	kill "$(cat "$TOP/pid")"
	ip netns del "$NETNS"
	rm -rf "$TOP"
	return $left
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	unset SSH_AUTH_SOCK SSH_AGENT_PID # the user's own
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME/.ssh"
	cp "$TOP/known" "$HOME/.ssh/known_hosts"
}

teardown() {
	[ -z "${SSH_AGENT_PID:-}" ] || kill "$SSH_AGENT_PID"
	# An agent that has our keys ends with its build.
	eventually bash -c '! pgrep -f "[s]sh-agent -D -a .*/berth-ssh-"'
	run ! compgen -G "${TMPDIR:-/tmp}/berth-ssh-??????"
	# shellcheck disable=SC2016
	eventually bash -c '[ -z "$(ls -A "$WORK/data/build/work")" ]'
}

# A bare repository whose Dockerfile takes a file of it.
repository() {
	export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@localhost GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@localhost
	git init -q -b main "$TOP/work"
	printf 'FROM busybox\nCOPY file /from-git\n' >"$TOP/work/Dockerfile"
	echo "by ssh" >"$TOP/work/file"
	git -C "$TOP/work" add .
	git -C "$TOP/work" commit -q -m one
	git clone -q --bare "$TOP/work" "$TOP/repo.git"
}

start_sshd() {
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$TOP/host"
	ssh-keygen -q -t ed25519 -N '' -f "$TOP/user"
	ssh-keygen -q -t ed25519 -N '' -f "$TOP/other"
	ssh-keygen -q -t ed25519 -N opensesame -a 1 -f "$TOP/locked"
	cat "$TOP/user.pub" "$TOP/locked.pub" >"$TOP/authorized"
	cat >"$TOP/config" <<-END
		Port 22
		Port 2222
		ListenAddress 127.0.0.1
		HostKey $TOP/host
		AuthorizedKeysFile $TOP/authorized
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PidFile $TOP/pid
		SetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*
	END
	nsenter --net="/run/netns/$NETNS" /usr/sbin/sshd -f "$TOP/config" -E "$TOP/sshd.log" 3>&- 4>&-
	eventually test -s "$TOP/pid"
	echo "127.0.0.1,[127.0.0.1]:2222 $(cut -d' ' -f1,2 "$TOP/host.pub")" >"$TOP/known"
	ssh-keygen -q -H -f "$TOP/known" 2>/dev/null
}

build() {
	berth build --network none --progress plain "$@" 2>&1
}

content() {
	berth run --rm --network none "$1" cat "$2"
}

@test "a repository by ssh is the context, and what ADD takes, with a key that is given" {
	build --ssh "default=$TOP/user" -t short "root@127.0.0.1:$TOP/repo.git"
	[ "$(content short /from-git)" = "by ssh" ]
	printf 'FROM busybox\nARG HOST\nADD ssh://root@${HOST}:2222%s/repo.git#main /added\n' "$TOP" >Dockerfile
	build --ssh "default=$TOP/other,$TOP/user" --build-arg HOST=127.0.0.1 -t added .
	[ "$(content added /added/file)" = "by ssh" ]
}

@test "an agent that runs is lent to git, and to a step as a further one" {
	eval "$(ssh-agent -a "$PWD/agent" 3>&- 4>&-)"
	ssh-add -q "$TOP/user"
	run build --ssh default -t lent "root@127.0.0.1:$TOP/repo.git"
	printf 'FROM busybox\nRUN --mount=type=ssh,id=key test -S "$SSH_AUTH_SOCK"\n' >Dockerfile
	[ "$status" -eq 0 ]
	build --ssh default --ssh "key=$TOP/other" .
}

@test "hosts whose key is not known, or another one, are refused" {
	: >"$HOME/.ssh/known_hosts"
	run build --ssh "default=$TOP/user" "root@127.0.0.1:$TOP/repo.git"
	[ "$status" -eq 1 ]
	[[ $output == *"the key of 127.0.0.1 is not known: it has to be in the known_hosts of who builds"* ]]
	echo "[127.0.0.1]:2222 $(cut -d' ' -f1,2 "$TOP/other.pub")" >"$HOME/.ssh/known_hosts"
	run build --ssh "default=$TOP/user" "ssh://root@127.0.0.1:2222$TOP/repo.git"
	[ "$status" -eq 1 ]
	[[ $output == *"[127.0.0.1]:2222 is not known"*"HOST IDENTIFICATION HAS CHANGED"* ]]
	cp "$TOP/known" "$HOME/.ssh/known_hosts"
	run build "root@127.0.0.1:$TOP/repo.git"
	[ "$status" -eq 1 ]
	[[ $output == *"it is reached by ssh, and the build was lent no agent: it needs --ssh default"* ]]
	run build --ssh "default=$TOP/other" "root@127.0.0.1:$TOP/repo.git"
	[ "$status" -eq 1 ]
	[[ $output == *"127.0.0.1 takes no key of the agent"*"Permission denied"* ]]
}

@test "hosts are known by the engine's /etc/ssh/ssh_known_hosts, too" {
	: >"$HOME/.ssh/known_hosts"
	cp "$TOP/known" "$TOP/etc/ssh_known_hosts"
	build --ssh "default=$TOP/user" -t global "ssh://root@127.0.0.1:2222$TOP/repo.git"
	[ "$(content global /from-git)" = "by ssh" ]
	# Who builds may have no ~/.ssh at all.
	rm -r "$HOME/.ssh"
	build --ssh "default=$TOP/user" --no-cache -t global "root@127.0.0.1:$TOP/repo.git"
	echo "127.0.0.1 $(cut -d' ' -f1,2 "$TOP/other.pub")" >"$TOP/etc/ssh_known_hosts"
	run build --ssh "default=$TOP/user" "root@127.0.0.1:$TOP/repo.git"
	rm "$TOP/etc/ssh_known_hosts"
	[ "$status" -eq 1 ]
	[[ $output == *"the key of 127.0.0.1 is not known: it has to be in the known_hosts of who builds"*"HOST IDENTIFICATION HAS CHANGED"* ]]
}

@test "keys that cannot be had are refused before anything is built" {
	cp "$TOP/user" open
	chmod 644 open
	echo text >text
	mkdir empty
	cp "$BERTH_BUILD/berth" empty/berth
	printf 'FROM busybox\n' >Dockerfile
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	while read -r given expected; do
		run build --ssh "$given" .
		[ "$status" -eq 1 ]
		[[ $output == *"$expected"* ]]
		[[ $output != *"[internal]"* ]]
	done <<-END
		default=nothing --ssh default=nothing: nothing: No such file or directory
		default=open open can be used by others (its mode is 0644): chmod 600 open
		default=text text is neither the socket of an agent nor a private key
		default=$TOP/user.pub user.pub is neither the socket of an agent nor a private key
		default=$TOP/user,text text is neither the socket of an agent nor a private key
		default=/dev/zero /dev/zero is neither the socket of an agent nor a private key
		default=socket,$TOP/user one agent, or keys: socket is a socket
		default= no socket and no key is named
		@known-hosts=socket expected default, ID=SOCKET or ID=KEY[,KEY]
	END
	PATH=$PWD/empty run berth build --ssh "default=$TOP/user" .
	[ "$status" -eq 1 ]
	[[ $output == *"keys need the program ssh-agent, which is not installed"* ]]
	run build --ssh "default=$TOP/locked" . </dev/null
	[ "$status" -eq 1 ]
	[[ $output == *"ssh-add did not add the key $TOP/locked"* ]]
}

@test "a passphrase is asked on the terminal" {
	printf 'FROM busybox\n' >Dockerfile
	python3 - "$BERTH_BUILD/berth" build --network none --progress plain --ssh "default=$TOP/locked" . <<-'END'
		import os, pty, sys
		child, terminal = pty.fork()
		if child == 0:
		    os.execv(sys.argv[1], ["berth"] + sys.argv[2:])
		data, typed = b"", False
		try:
		    while part := os.read(terminal, 65536):
		        data += part
		        if b"passphrase" in data and not typed:
		            os.write(terminal, b"opensesame\n")
		            typed = True
		except OSError:
		    pass
		assert typed and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, data.decode()
	END
}

@test "a client that is killed takes its agent along" {
	printf 'FROM busybox\nRUN --mount=type=ssh sleep 7474\n' >Dockerfile
	"$BERTH_BUILD/berth" build --network none --ssh "default=$TOP/user" . >client.log 2>&1 3>&- 4>&- &
	client=$!
	eventually pgrep -f '[s]leep 7474'
	pgrep -f "[s]sh-agent -D -a .*/berth-ssh-"
	kill -9 "$client"
	eventually bash -c '! pgrep -f "[s]leep 7474"'
}
