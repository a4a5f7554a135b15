#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# login and logout: where credentials are kept, and that they are used, with passwords and with tokens.

load helpers

PASSWORD=s3cret:pass

setup_file() {
	images_setup
	debian_registry locked auth
	fake_registry fake --layers 1 --size 1000
	mkdir "$REGISTRIES/bin"
	# A helper that keeps all in one file, and notes what it was called with.
	cat >"$REGISTRIES/bin/docker-credential-stub" <<-'EOS'
		#!/usr/bin/env python3
		import json, os, sys
		folder = os.environ["REGISTRIES"]
		path = folder + "/stub.json"
		kept = json.load(open(path)) if os.path.exists(path) else {}
		text = sys.stdin.read()
		open(folder + "/stub.calls", "a").write(" ".join(sys.argv[1:]) + "\n")
		if sys.argv[1] == "store":
		    entry = json.loads(text)
		    kept[entry["ServerURL"]] = [entry["Username"], entry["Secret"]]
		elif sys.argv[1] == "erase":
		    kept.pop(text, None)
		elif text not in kept:
		    print("credentials not found in native keychain")
		    sys.exit(1)
		else:
		    print(json.dumps({"ServerURL": text, "Username": kept[text][0], "Secret": kept[text][1]}))
		json.dump(kept, open(path, "w"))
	EOS
	printf '#!/bin/sh\necho "the keychain is locked"\nexit 1\n' >"$REGISTRIES/bin/docker-credential-broken"
	chmod +x "$REGISTRIES/bin"/*
	export PATH=$REGISTRIES/bin:$PATH
}
teardown_file() { images_teardown; }
setup() { rm -rf "$DOCKER_CONFIG" "$REGISTRIES"/stub.*; }
teardown() {
	forget_images
	fake_reset "$FAKE"
}

config() {
	cat "$DOCKER_CONFIG/config.json"
}

log_in() {
	echo "$PASSWORD" | berth login -u tester --password-stdin "$@"
}

@test "login, push, pull, logout" {
	berth tag busybox "$LOCKED/box:1"
	run berth push "$LOCKED/box:1"
	[ "$status" -eq 1 ]
	run log_in "$LOCKED"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"Login Succeeded"* ]]
	[[ "$output" == *"WARNING! Your credentials are stored unencrypted in '$DOCKER_CONFIG/config.json'"* ]]
	[ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
	[ "$(config | jq -r ".auths[\"$LOCKED\"].auth" | base64 -d)" = "tester:$PASSWORD" ]
	berth push -q "$LOCKED/box:1"
	berth rmi "$LOCKED/box:1" >/dev/null
	berth pull -q "$LOCKED/box:1"
	berth rmi "$LOCKED/box:1" >/dev/null
	[ "$(berth run --rm -q --network none "$LOCKED/box:1" echo works)" = works ]
	[ "$(berth logout "$LOCKED")" = "Removing login credentials for $LOCKED" ]
	[ "$(berth logout "$LOCKED")" = "Not logged in to $LOCKED" ]
	[ "$(config | jq -c .auths)" = '{}' ]
	run berth pull "$LOCKED/box:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"pull access denied for $LOCKED/box, repository does not exist or may require 'docker login'"* ]]
}

@test "wrong passwords, and what is said of them" {
	run berth login -u tester -p wrong "$LOCKED"
	[ "$status" -eq 1 ]
	[[ "$output" == *"WARNING! Using --password via the CLI is insecure. Use --password-stdin."* ]]
	[[ "$output" == *"Error response from daemon: "*"$LOCKED"* ]]
	[[ "$output" != *"wrong"* ]]
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	run berth login -u tester -p x --password-stdin "$LOCKED"
	[[ "$output" == *"--password and --password-stdin are mutually exclusive"* ]]
	run berth login --password-stdin "$LOCKED" </dev/null
	[[ "$output" == *"Must provide --username with --password-stdin"* ]]
	run berth login -u tester --password-stdin "$LOCKED" </dev/null
	[[ "$output" == *"password is empty"* ]]
	run berth login "$LOCKED" </dev/null
	[ "$status" -eq 1 ]
	[[ "$output" == *"Cannot perform an interactive login from a non TTY device"* ]]
}

@test "asked on a terminal, without echo" {
	"$BATS_TEST_DIRNAME/../terminal" "$BERTH_BUILD/berth" login "$LOCKED" <<-END
		expect Username:
		send tester\n
		expect Password:
		send $PASSWORD\n
		expect Login Succeeded
		lacks $PASSWORD
		status 0
	END
	# with what is kept
	run berth login "$LOCKED" </dev/null
	[ "$status" -eq 0 ]
	[[ "$output" == *"Authenticating with existing credentials..."*"Login Succeeded"* ]]
}

@test "all else in config.json stays, and a link stays a link" {
	mkdir "$DOCKER_CONFIG"
	mkdir "$BATS_TEST_TMPDIR/real"
	cat >"$BATS_TEST_TMPDIR/real/c.json" <<-'EOS'
		{"psFormat": "{{.ID}}", "auths": {"other:1": {"auth": "YTpi"}}, "proxies": {"default": {"noProxy": "x"}}, "unknown": [1, {"a": null}]}
	EOS
	ln -s "$BATS_TEST_TMPDIR/real/c.json" "$DOCKER_CONFIG/config.json"
	log_in "$LOCKED"
	[ -L "$DOCKER_CONFIG/config.json" ]
	[ "$(config | jq -c 'del(.auths["'"$LOCKED"'"])')" = '{"psFormat":"{{.ID}}","auths":{"other:1":{"auth":"YTpi"}},"proxies":{"default":{"noProxy":"x"}},"unknown":[1,{"a":null}]}' ]
	[ "$(ls "$BATS_TEST_TMPDIR/real")" = c.json ]
	berth logout "$LOCKED"
	[ "$(config | jq -c .auths)" = '{"other:1":{"auth":"YTpi"}}' ]
	# one that is broken is neither used nor written over
	echo '{"auths": ' >"$BATS_TEST_TMPDIR/real/c.json"
	run log_in "$LOCKED"
	[ "$status" -eq 1 ]
	[[ "$output" == *"berth: "*"$DOCKER_CONFIG/config.json"* ]]
	[ "$(cat "$BATS_TEST_TMPDIR/real/c.json")" = '{"auths": ' ]
}

@test "--config, and keys as addresses of old" {
	berth --config "$BATS_TEST_TMPDIR/elsewhere" login -u tester --password-stdin "https://$LOCKED/v2/" <<<"$PASSWORD"
	[ -e "$BATS_TEST_TMPDIR/elsewhere/config.json" ] && [ ! -e "$DOCKER_CONFIG" ]
	mkdir "$DOCKER_CONFIG"
	echo "{\"auths\": {\"http://$LOCKED/v1/\": {\"auth\": \"$(printf 'tester:%s' "$PASSWORD" | base64)\"}}}" >"$DOCKER_CONFIG/config.json"
	berth tag busybox "$LOCKED/old:1"
	berth push -q "$LOCKED/old:1"
}

@test "a helper for all (credsStore), and one for a host (credHelpers)" {
	mkdir "$DOCKER_CONFIG"
	echo '{"credsStore": "stub"}' >"$DOCKER_CONFIG/config.json"
	run log_in "$LOCKED"
	[ "$output" = "Login Succeeded" ]
	[ "$(config | jq -c .)" = "{\"credsStore\":\"stub\",\"auths\":{\"$LOCKED\":{}}}" ]
	[ "$(jq -c . "$REGISTRIES/stub.json")" = "{\"$LOCKED\":[\"tester\",\"$PASSWORD\"]}" ]
	berth tag busybox "$LOCKED/helped:1"
	berth push -q "$LOCKED/helped:1"
	berth logout "$LOCKED"
	[ "$(jq -c . "$REGISTRIES/stub.json")" = '{}' ]
	[ "$(config | jq -c .auths)" = '{}' ]
	# nothing but its word is in the helper's arguments
	[ "$(sort -u "$REGISTRIES/stub.calls" | tr '\n' ' ')" = "erase get store " ]

	echo "{\"credsStore\": \"broken\", \"credHelpers\": {\"$LOCKED\": \"stub\"}}" >"$DOCKER_CONFIG/config.json"
	log_in "$LOCKED"
	berth push -q "$LOCKED/helped:1"
	# a helper that fails is told of; what needs no credentials works
	run berth pull "$FAKE/test/image:1"
	[ "$status" -eq 0 ]
	[[ "$output" == *"WARNING: no credentials for $FAKE: credential helper docker-credential-broken: get failed: the keychain is locked"* ]]
	echo '{"credsStore": "nowhere"}' >"$DOCKER_CONFIG/config.json"
	run log_in "$LOCKED"
	[ "$status" -eq 1 ]
	[[ "$output" == *"docker-credential-nowhere"* ]]
	echo '{"credsStore": "../../bin/sh"}' >"$DOCKER_CONFIG/config.json"
	run log_in "$LOCKED"
	[ "$status" -eq 1 ]
	[[ "$output" == *"is not a name"* ]]
}

@test "a token server: anonymous, by password, and by the identity token that it gives" {
	auth='"kind": "bearer", "realm": "http://'$FAKE'/token", "user": "tester", "password": "s3cret:pass"'
	fake "$FAKE" PUT _auth "{$auth}"
	run berth pull "$FAKE/test/image:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"pull access denied for $FAKE/test/image"* ]]
	fake_requests "$FAKE" | grep -Eq '^GET /token\?.*scope=repository(%3A|:)test(%2F|/)image(%3A|:)pull.* authorization= '
	log_in "$FAKE"
	[ "$(config | jq -r ".auths[\"$FAKE\"].auth" | base64 -d)" = "tester:$PASSWORD" ]
	fake "$FAKE" DELETE _log
	berth pull -q "$FAKE/test/image:1"
	# the password went to the token server, and to it alone
	fake_requests "$FAKE" | grep ' /token' | grep -q "$PASSWORD\|POST"
	fake_requests "$FAKE" | grep -v ' /token' | lacks "$PASSWORD"
	fake_requests "$FAKE" | grep -q '/blobs/.*authorization=Bearer:token-'
	berth tag "$FAKE/test/image:1" "$FAKE/test/new:1"
	berth push -q "$FAKE/test/new:1"
	berth rmi "$FAKE/test/new:1" "$FAKE/test/image:1" >/dev/null
	berth logout "$FAKE"

	fake "$FAKE" PUT _auth "{$auth, \"refresh\": \"identity-1\"}"
	log_in "$FAKE"
	[ "$(config | jq -r ".auths[\"$FAKE\"].identitytoken")" = identity-1 ]
	config | jq -r ".auths[\"$FAKE\"].auth" | base64 -d | lacks "$PASSWORD"
	fake "$FAKE" DELETE _log
	berth pull -q "$FAKE/test/image:1"
	fake_requests "$FAKE" | grep -q '^POST /token'
	berth logout "$FAKE"
	# the same with a helper, whose name for it is <token>
	echo '{"credsStore": "stub"}' >"$DOCKER_CONFIG/config.json"
	log_in "$FAKE"
	[ "$(jq -c . "$REGISTRIES/stub.json")" = "{\"$FAKE\":[\"<token>\",\"identity-1\"]}" ]
	berth rmi "$FAKE/test/image:1" >/dev/null
	berth pull -q "$FAKE/test/image:1"
}

@test "no secret is in the engine's log, nor in its answers" {
	log_in "$LOCKED"
	berth tag busybox "$LOCKED/quiet:1"
	berth push -q "$LOCKED/quiet:1"
	run berth login -u tester -p hunter2-is-wrong "$LOCKED"
	encoded=$(printf 'tester:%s' "$PASSWORD" | base64)
	grep -q "POST .*/auth: 401" "$WORK/log"
	[ -z "$(words_in_log "$PASSWORD" "$encoded" hunter2 "X-Registry-Auth" "Authorization" "Basic ")" ]
	for file in "$WORK/data/berth.db" "$WORK/data/berth.db-wal"; do
		[ ! -e "$file" ] || [ "$(grep -c -a -e "$PASSWORD" -e "$encoded" "$file")" -eq 0 ]
	done
}
