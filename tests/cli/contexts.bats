#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Contexts, also those that Docker's command line made, and engines behind ssh://.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() { engine_setup; }
teardown_file() { engine_teardown; }

setup() {
	ENGINE=$BERTH_HOST
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	mkdir -p "$DOCKER_CONFIG"
	unset BERTH_HOST DOCKER_HOST
}

teardown() {
	export BERTH_HOST=$ENGINE
	remove_containers
}

meta_of() {
	echo "$DOCKER_CONFIG/contexts/meta/$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)/meta.json"
}

tls_of() {
	echo "$DOCKER_CONFIG/contexts/tls/$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)"
}

@test "a context is made, used, shown and removed" {
	[ "$(berth context create here --description 'this one' --docker host="$ENGINE")" = here ]
	jq -e '.Name == "here" and .Metadata.Description == "this one" and .Endpoints.docker.Host == "'"$ENGINE"'"' \
		"$(meta_of here)"
	[ "$(berth context show)" = default ]
	berth -c here version >/dev/null
	DOCKER_CONTEXT=here berth version >/dev/null
	berth context use here
	[ "$(berth context show)" = here ]
	[ "$(jq -r .currentContext "$DOCKER_CONFIG/config.json")" = here ]
	[ "$(berth version --format '{{.Client.Context}} {{.Server.Version}}')" = "here $(berth version --format '{{.Client.Version}}')" ]
	berth context ls | grep -q '^here \*  *this one  *unix:'
	[ "$(berth context ls --format json | jq -r 'select(.Current).Name')" = here ]
	run berth context rm here
	[ "$status" -eq 1 ]
	[[ "$output" == *'context "here" is in use, set -f flag to force remove'* ]]
	berth context rm -f here
	[ "$(berth context show)" = default ]
	[ ! -e "$(meta_of here)" ]
}

@test "which engine: -H, -c, the environment, DOCKER_CONTEXT, the one in use" {
	berth context create one --docker host=unix:///one
	berth context create two --docker host=unix:///two
	berth context use one 2>/dev/null
	run berth ps
	[[ "$output" == *unix:///one:* ]]
	run env DOCKER_CONTEXT=two "$BERTH_BUILD/berth" ps
	[[ "$output" == *unix:///two:* ]]
	run env DOCKER_CONTEXT=two DOCKER_HOST=unix:///host "$BERTH_BUILD/berth" ps
	[[ "$output" == *unix:///host:* ]]
	run env DOCKER_CONTEXT=one DOCKER_HOST=unix:///host "$BERTH_BUILD/berth" -c two ps
	[[ "$output" == *unix:///two:* ]]
	run berth -H unix:///flag ps
	[[ "$output" == *unix:///flag:* ]]
	run berth -H unix:///flag -c one ps
	[[ "$output" == *"cannot specify both --host and --context"* ]]
	run env DOCKER_HOST=unix:///host "$BERTH_BUILD/berth" context use two
	[[ "$output" == *"overrides the active context"* ]]
	run berth -c gone run busybox
	[ "$status" -eq 125 ]
	[[ "$output" == *'context "gone": context not found'* ]]
	DOCKER_CONTEXT=gone berth context ls | grep -q '^gone \*.*not found'
}

@test "names and engines that are wrong" {
	local bad
	for bad in default a 'x y' .x; do
		run berth context create "$bad" --docker host=unix:///x
		[ "$status" -eq 1 ]
	done
	run berth context create bad --docker host=nowhere
	[[ "$output" == *'unable to parse docker host `nowhere`'* ]]
	run berth context create bad --docker nope=1
	[[ "$output" == *"unrecognized config key: nope"* ]]
	run berth context create bad --docker host=tcp://x:1,ca=/nonexistent
	[[ "$output" == *"/nonexistent"* ]]
	[ ! -e "$(meta_of bad)" ]
	berth context create good --docker host=unix:///x
	run berth context create good --docker host=unix:///x
	[[ "$output" == *'context "good" already exists'* ]]
	run berth context rm gone
	[[ "$output" == *'context "gone" does not exist'* ]]
	mkdir -p "$(dirname "$(meta_of broken)")"
	echo '{' >"$(meta_of broken)"
	run berth -c broken ps
	[ "$status" -eq 1 ]
	[[ "$output" == *'context "broken"'* ]]
}

@test "export, import, copies, TLS files" {
	echo secret >"$BATS_TEST_TMPDIR/key"
	berth context create tls --docker host=tcp://x:2376,key="$BATS_TEST_TMPDIR/key",skip-tls-verify=true
	berth context create copy --from tls --description second
	berth context export copy "$BATS_TEST_TMPDIR/file"
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/file")" = 600 ]
	run berth context export copy "$BATS_TEST_TMPDIR/file"
	[ "$status" -eq 1 ]
	[ "$(tar -xOf "$BATS_TEST_TMPDIR/file" tls/docker/key.pem)" = secret ]
	berth context export copy - | berth context import again -
	berth context inspect again | jq -e '.[0] | .Metadata.Description == "second" and .TLSMaterial.docker == ["key.pem"]
		and .Endpoints.docker.SkipTLSVerify'
	berth context update again --docker host=unix:///elsewhere --description third
	[ "$(berth context inspect again --format '{{.Endpoints.docker.Host}} {{.Metadata.Description}}')" = "unix:///elsewhere third" ]
	# What would be written elsewhere is refused, and nothing of it is left.
	mkdir -p "$BATS_TEST_TMPDIR/evil/tls/docker"
	echo '{"Endpoints": {"docker": {"Host": "unix:///x"}}}' >"$BATS_TEST_TMPDIR/evil/meta.json"
	echo x >"$BATS_TEST_TMPDIR/evil/out"
	tar -C "$BATS_TEST_TMPDIR/evil" --transform 's,^out,tls/../../out,' -cPf "$BATS_TEST_TMPDIR/evil.tar" meta.json out
	run berth context import evil "$BATS_TEST_TMPDIR/evil.tar"
	[ "$status" -eq 1 ]
	[[ "$output" == *"expected tls/ENDPOINT/FILE"* ]]
	[ ! -e "$(meta_of evil)" ]
	head -c 700 "$BATS_TEST_TMPDIR/file" >"$BATS_TEST_TMPDIR/short"
	printf 'x%.0s' {1..600} >"$BATS_TEST_TMPDIR/noise"
	run berth context import evil "$BATS_TEST_TMPDIR/noise"
	[[ "$output" == *"no tar archive"* ]]
	# A context that cannot be read is not taken for none.
	echo '{' >"$(meta_of again)"
	run berth context import again "$BATS_TEST_TMPDIR/noise"
	[ "$status" -eq 1 ]
	[[ "$output" == *'context "again"'* ]]
	run berth context create again --docker host=unix:///x
	[ "$status" -eq 1 ]
	[ "$(cat "$(meta_of again)")" = '{' ]
}

# Zip archives, named by what is wrong with them; "good" has all that one may have.
zips() {
	python3 - "$BATS_TEST_TMPDIR" <<-'END'
		import io, stat, struct, sys, zipfile
		META = '{"Endpoints": {"docker": {"Host": "unix:///zip"}}, "Metadata": {"Description": "' + "long " * 1000 + '"}}'

		def archive(name, *entries, change=lambda data: data):
		    file = io.BytesIO()
		    with zipfile.ZipFile(file, "w") as made:
		        for entry, text, mode, method in (("meta.json", META, 0o100644, zipfile.ZIP_DEFLATED), *entries):
		            info = zipfile.ZipInfo(entry)
		            info.external_attr, info.compress_type = mode << 16, method
		            made.writestr(info, text)
		        made.comment = b"a comment"
		    with open(f"{sys.argv[1]}/{name}.zip", "wb") as written:
		        written.write(change(file.getvalue()))

		def listed(data, offset, form, *values):
		    """With other values in the directory, of its last entry."""
		    at = data.rindex(b"PK\1\2") + offset
		    return data[:at] + struct.pack(form, *values) + data[at + struct.calcsize(form):]

		key = ("tls/docker/key.pem", "secret", 0, zipfile.ZIP_STORED)
		archive("good", ("tls/", "", 0o40755, 0), ("tls/docker/", "", 0, 0), key)
		archive("climbs", ("tls/../../out", "x", 0o100644, 0))
		archive("absolute", ("/tls/docker/key.pem", "x", 0o100644, 0))
		archive("other", ("README", "x", 0o100644, 0))
		archive("link", ("tls/docker/key.pem", "/etc/passwd", stat.S_IFLNK | 0o777, 0))
		archive("lzma", ("tls/docker/key.pem", "x", 0o100644, zipfile.ZIP_LZMA))
		archive("bomb", ("tls/docker/key.pem", b"\0" * (11 << 20), 0o100644, zipfile.ZIP_DEFLATED))
		archive("locked", key, change=lambda data: listed(data, 8, "<H", 1))
		archive("sum", key, change=lambda data: listed(data, 16, "<I", 7))
		archive("long", key, change=lambda data: listed(data, 20, "<II", 1 << 19, 1 << 19))
		archive("outside", key, change=lambda data: listed(data, 42, "<I", 0xfffffff0))
		archive("liar", ("tls/docker/key.pem", "x" * 5000, 0, zipfile.ZIP_DEFLATED), change=lambda data: listed(data, 24, "<I", 100))
		archive("cut", key, change=lambda data: data[:-40])
		archive("head", key, change=lambda data: data[:100])
		with zipfile.ZipFile(f"{sys.argv[1]}/empty.zip", "w"):
		    pass
	END
}

@test "a zip archive is imported, and one that is not as it should be is not" {
	zips
	berth context import zipped "$BATS_TEST_TMPDIR/good.zip"
	berth context inspect zipped | jq -e '.[0].Endpoints.docker.Host == "unix:///zip" and .[0].TLSMaterial.docker == ["key.pem"]'
	[ "$(cat "$(tls_of zipped)/docker/key.pem")" = secret ]
	[ "$(stat -c %a "$(tls_of zipped)/docker/key.pem")" = 600 ]
	while read -r name expected; do
		run berth context import bad "$BATS_TEST_TMPDIR/$name.zip"
		[ "$status" -eq 1 ]
		[[ "$output" == *"$expected"* ]]
		[ ! -e "$(meta_of bad)" ]
		[ ! -e "$(tls_of bad)" ]
	done <<-END
		climbs tls/../../out: expected tls/ENDPOINT/FILE
		absolute /tls/docker/key.pem: expected tls/ENDPOINT/FILE
		other README: expected tls/ENDPOINT/FILE
		link tls/docker/key.pem: it is neither a file nor a folder
		lzma compressed by method 14 of zip
		bomb tls/docker/key.pem: too large
		locked tls/docker/key.pem: it is encrypted
		sum the zip archive is broken
		long the zip archive is broken
		outside the zip archive is broken
		liar the zip archive is broken
		cut the zip archive is broken
		head the zip archive is broken
		empty it has no meta.json
	END
	berth context rm zipped
}

@test "what docker made, berth reads, and the other way round" {
	docker context ls >/dev/null 2>&1 || skip "there is no docker command line with contexts"
	docker context create theirs --docker host="$ENGINE"
	berth -c theirs version >/dev/null
	berth context create ours --docker host="$ENGINE"
	docker -c ours version >/dev/null
	docker context export theirs "$BATS_TEST_TMPDIR/theirs"
	berth context import from-docker "$BATS_TEST_TMPDIR/theirs"
	berth context export ours "$BATS_TEST_TMPDIR/ours"
	docker context import from-berth "$BATS_TEST_TMPDIR/ours"
	[ "$(docker context inspect from-berth -f '{{.Endpoints.docker.Host}}')" = "$ENGINE" ]
	docker context use ours
	[ "$(berth context show)" = ours ]
}

# An ssh that does not go anywhere: it notes its words and runs the last as a login shell would.
fake_ssh() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/ssh" <<-END
		#!/bin/sh
		printf '%s|' "\$@" >>$BATS_TEST_TMPDIR/words
		for last; do :; done
		BERTH_HOST=$ENGINE exec sh -c "\$last"
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/ssh"
	ln -sf "$(realpath "$BERTH_BUILD")/berth" "$BATS_TEST_TMPDIR/bin/$1"
}

@test "ssh:// runs ssh, and berth system dial-stdio there" {
	fake_ssh berth
	export PATH=$BATS_TEST_TMPDIR/bin:/usr/bin:/bin
	berth -H ssh://me@far:2222 version >/dev/null
	grep -qF -- '-T|-l|me|-p|2222|--|far|sh -c' "$BATS_TEST_TMPDIR/words"
	run berth -H ssh://far run --rm --network none busybox sh -c 'echo out; exit 7'
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "$(echo through | berth -H ssh://far run --rm -i --network none busybox cat)" = through ]
	head -c 3000000 /dev/zero | berth -H ssh://far run --rm -i --network none busybox wc -c | grep -qx 3000000
	berth -H "ssh://far$WORK/run/berth.sock" ps
	grep -qF -- "berth -H unix://'\\''$WORK/run/berth.sock'\\'' system dial-stdio" "$BATS_TEST_TMPDIR/words"
	rm "$BATS_TEST_TMPDIR/bin/berth"
	fake_ssh docker
	"$BERTH_BUILD/berth" -H ssh://far version >/dev/null
}

@test "ssh:// that fails says why" {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "Permission denied (publickey)." >&2\nexit 255\n' >"$BATS_TEST_TMPDIR/bin/ssh"
	chmod +x "$BATS_TEST_TMPDIR/bin/ssh"
	PATH=$BATS_TEST_TMPDIR/bin:/usr/bin:/bin run berth -H ssh://far ps
	[ "$status" -eq 1 ]
	[[ "$output" == *"Permission denied"*"ssh://far: ssh ended with status 255"* ]]
	PATH=$BATS_TEST_TMPDIR/empty run "$BERTH_BUILD/berth" -H ssh://far ps
	[[ "$output" == *"starting ssh: No such file or directory"* ]]
	local bad
	for bad in ssh:// ssh://-oProxyCommand=x ssh://-x@far ssh://a:b@far ssh://far:x 'ssh://far?x'; do
		run berth -H "$bad" ps
		[ "$status" -eq 1 ]
		[[ "$output" == *"expected ssh://"* ]]
	done
}

@test "ssh:// by Debian's sshd" {
	[ -x /usr/sbin/sshd ] || skip "openssh-server is not installed"
	local top=$BATS_TEST_TMPDIR/sshd
	mkdir -p "$top" /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$top/host"
	ssh-keygen -q -t ed25519 -N '' -f "$top/user"
	cat >"$top/config" <<-END
		HostKey $top/host
		AuthorizedKeysFile $top/user.pub
		StrictModes no
		UsePAM no
		PidFile none
		SetEnv BERTH_HOST=$ENGINE PATH=$(realpath "$BERTH_BUILD"):/usr/bin:/bin
	END
	# Inetd's way: no port is opened on this machine.
	cat >"$top/client" <<-END
		Host far
			ProxyCommand /usr/sbin/sshd -i -f $top/config
			IdentityFile $top/user
			UserKnownHostsFile $top/known
			StrictHostKeyChecking accept-new
			LogLevel ERROR
	END
	mkdir -p "$top/bin"
	printf '#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n' "$top/client" >"$top/bin/ssh"
	chmod +x "$top/bin/ssh"
	export PATH=$top/bin:$PATH
	run berth -H ssh://far run --rm --network none busybox sh -c 'echo out; exit 7'
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "$(echo through | berth -H ssh://root@far run --rm -i --network none busybox cat)" = through ]
}
