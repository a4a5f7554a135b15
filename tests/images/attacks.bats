#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published attacks by registries, on manifests and on credentials, each by its identifier; docs/security.md has the table.

load helpers

setup_file() {
	images_setup
	own_address
	make_certificates >/dev/null 2>&1
	fake_registry fake --layers 2 --size 20000
	fake_registry other --layers 1 --size 1000
	fake_registry plain --bind "$OWN_ADDRESS" --layers 1 --size 1000
	fake_registry sealed --bind "$OWN_ADDRESS" --layers 1 --size 1000 --tls "$REGISTRIES/server.crt" "$REGISTRIES/server.key"
	mkdir "$REGISTRIES/certs.d/$SEALED"
	cp "$REGISTRIES/ca.crt" "$REGISTRIES/certs.d/$SEALED/"
}
teardown_file() { images_teardown; }
teardown() {
	rm -rf "$DOCKER_CONFIG"
	forget_images
	fake_reset "$FAKE"
	fake_reset "$OTHER"
	fake_reset "$PLAIN"
	SCHEME=https fake_reset "$SEALED"
	# the engine is the one that it was
	kill -0 "$(cat "$WORK/pid")"
}

# Credentials for a registry, as login leaves them.
remember() {
	mkdir -p "$DOCKER_CONFIG"
	echo "{\"auths\": {\"$1\": {\"auth\": \"$(printf 'tester:s3cret' | base64)\"}}}" >"$DOCKER_CONFIG/config.json"
}

put_manifest() {
	curl -sf -X PUT -H "Content-Type: $1" --data-binary "$2" "http://$FAKE/_manifest?name=test/image&tag=bad"
}

pull_bad() {
	run timeout 60 "$BERTH_BUILD/berth" pull "$FAKE/test/image:bad"
	echo "$output"
}

refused() {
	pull_bad
	[ "$status" -eq 1 ]
	[[ "$output" == *"$1"* ]]
	run berth image inspect "$FAKE/test/image:bad"
	[ "$status" -eq 1 ]
}

MANIFEST=application/vnd.oci.image.manifest.v1+json
INDEX=application/vnd.oci.image.index.v1+json

@test "CVE-2014-5277: a registry without TLS is not spoken to in plain HTTP" {
	remember "$PLAIN"
	run berth pull "$PLAIN/test/image:1"
	[ "$status" -eq 1 ]
	run berth login -u tester -p s3cret "$PLAIN"
	[ "$status" -eq 1 ]
	[ -z "$(fake_requests "$PLAIN")" ]
	# nor after TLS that failed half-way, or when TLS leads there
	SCHEME=https fake_rules "$SEALED" "[{\"match\": \"GET .*/blobs/\", \"do\": \"redirect\", \"to\": \"http://$PLAIN\"}]"
	run berth pull "$SEALED/test/image:1"
	fake_requests "$PLAIN" | lacks 'authorization=[^ ]'
}

@test "CVE-2014-8178 CVE-2014-8179: neither a tag nor a layer stands for other content than its digest says" {
	berth pull -q "$FAKE/test/image:1"
	old=$(berth image inspect -f '{{.Id}}' "$FAKE/test/image:1")
	# the tag has moved: what is here is not taken for it
	first=$(fake "$FAKE" GET v2/test/image/manifests/1)
	moved=$(fake "$FAKE" GET v2/test/index/manifests/1 | jq -r '.manifests[0].digest')
	second=$(fake "$FAKE" GET "v2/test/index/manifests/$moved")
	for digest in $(jq -r '.config.digest, .layers[].digest' <<<"$second"); do
		curl -sf "http://$FAKE/v2/test/index/blobs/$digest" | curl -sf -X PUT --data-binary @- "http://$FAKE/_blob" >/dev/null
	done
	curl -sf -X PUT -H "Content-Type: $MANIFEST" --data-binary "$second" "http://$FAKE/_manifest?name=test/image&tag=1" >/dev/null
	berth pull -q "$FAKE/test/image:1"
	new=$(berth image inspect -f '{{.Id}}' "$FAKE/test/image:1")
	curl -sf -X PUT -H "Content-Type: $MANIFEST" --data-binary "$first" "http://$FAKE/_manifest?name=test/image&tag=1" >/dev/null
	[ "$new" != "$old" ]
	# layers that are not what the configuration says, with digests that are right
	forget_images
	put_manifest $MANIFEST "$(jq -c '.layers = [.layers[1], .layers[0]]' <<<"$first")"
	refused "the image's configuration says"
	# content of another digest
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "corrupt"}]'
	run berth pull "$FAKE/test/forty:1"
	[ "$status" -eq 1 ]
	# and nothing of all this is left for those who come after
	fake_rules "$FAKE" '[]'
	berth pull -q "$FAKE/test/forty:1"
	berth pull -q "$FAKE/test/image:1"
	[ "$(berth image inspect -f '{{.Id}}' "$FAKE/test/image:1")" = "$old" ]
}

@test "CVE-2014-0048: nothing is used that has not been checked, also where the registry names no digest" {
	fake_rules "$FAKE" '[{"match": "GET .*/manifests/", "do": "corrupt", "no_digest": true}]'
	digest=$(remote_digest "$OTHER/test/image:1")
	run berth pull "$FAKE/test/image@sha256:$(fake "$FAKE" GET _log >/dev/null; printf '1%.0s' $(seq 64))"
	[ "$status" -eq 1 ]
	run berth pull "$FAKE/test/image:1"
	[ "$status" -eq 1 ]
	fake_rules "$FAKE" "[{\"match\": \"GET .*/manifests/sha256\", \"do\": \"answer\", \"type\": \"$MANIFEST\", \"body\": \"{}\"}]"
	run berth pull "$FAKE/test/image@$digest"
	[ "$status" -eq 1 ]
	[[ "$output" == *"$digest"* ]]
}

@test "CVE-2014-9358 CVE-2014-5278 CVE-2014-5282: names that are paths, or ids" {
	for name in "$FAKE/../../etc/passwd" "$FAKE/a/../b:1" "$FAKE/test/image:../../x" "$FAKE/test/image@sha256:../../x" \
		"$(printf 'a%.0s' $(seq 64))" "$FAKE/TEST" "$FAKE/test/image:$(printf 'x%.0s' $(seq 200))"; do
		run berth pull "$name"
		echo "$output"
		[ "$status" -eq 1 ]
		[[ "$output" == *"invalid reference format"* ]]
	done
	[ -z "$(fake_requests "$FAKE")" ]
	# and those that a registry gives for tags
	fake_rules "$FAKE" '[{"match": "GET .*/tags/", "do": "answer", "body": "{\"name\": \"test/image\", \"tags\": [\"1\", \"../../../x\"]}"}]'
	run berth pull -a "$FAKE/test/image"
	echo "$output"
	[ "$status" -eq 1 ]
	fake_requests "$FAKE" | lacks '\.\./'
}

@test "CVE-2019-13509: no secret is in the engine's log, at its loudest" {
	fake "$FAKE" PUT _auth "{\"kind\": \"bearer\", \"realm\": \"http://$FAKE/token\", \"user\": \"tester\", \"password\": \"s3cret-1\", \"refresh\": \"identity-1\"}"
	echo s3cret-1 | berth login -u tester --password-stdin "$FAKE"
	run berth login -u tester -p s3cret-2 "$FAKE"
	berth pull -q "$FAKE/test/image:1"
	berth tag "$FAKE/test/image:1" "$FAKE/test/again:1"
	berth push -q "$FAKE/test/again:1"
	# by hand, as they must not be given: in the query and as a user of the address
	curl -s --unix-socket "$WORK/run/berth.sock" -X POST "http://x/images/create?fromImage=$FAKE/test/none&tag=1" \
		-H "X-Registry-Auth: $(printf '{"username":"tester","password":"s3cret-3"}' | base64 -w0 | tr '+/' '-_')" >/dev/null
	fake_requests "$FAKE" | grep -q 'Bearer:token-'
	grep -q 'POST .*/auth: 401' "$WORK/log"
	[ -z "$(words_in_log s3cret identity-1 token- Bearer "$(printf 'tester:s3cret-1' | base64)" "$(printf '{"username":"tester' | base64 | head -c 20)")" ]
}

@test "CVE-2019-10214: the password goes to no token server without TLS, when the registry has it" {
	remember "$SEALED"
	SCHEME=https fake "$SEALED" PUT _auth "{\"kind\": \"bearer\", \"realm\": \"http://$PLAIN/token\"}"
	run berth pull "$SEALED/test/image:1"
	echo "$output"
	[ "$status" -eq 1 ]
	fake_requests "$PLAIN" | lacks 'authorization=[^ ]|password|s3cret'
	run berth login -u tester -p s3cret "$SEALED"
	[ "$status" -eq 1 ]
	[ -z "$(fake_requests "$PLAIN")" ]
	# with TLS it does
	SCHEME=https fake "$SEALED" PUT _auth "{\"kind\": \"bearer\", \"realm\": \"https://$SEALED/token\", \"user\": \"tester\", \"password\": \"s3cret\"}"
	berth pull -q "$SEALED/test/image:1"
}

@test "CVE-2020-15157: neither a redirect nor an address in a manifest gets credentials for another host" {
	remember "$FAKE"
	fake "$FAKE" PUT _auth '{"kind": "basic", "user": "tester", "password": "s3cret"}'
	challenge='[{"match": "/v2/|/stolen", "do": "status", "code": 401, "headers": {"WWW-Authenticate": "Basic realm=\"x\""}}]'
	for what in blobs manifests; do
		fake_rules "$OTHER" "$challenge"
		fake_rules "$FAKE" "[{\"match\": \"(GET|HEAD) .*/$what/\", \"do\": \"redirect\", \"to\": \"http://$OTHER\"}]"
		run berth pull "$FAKE/test/image:1"
		echo "$output"
		[ "$status" -eq 1 ]
		fake_requests "$OTHER" | grep -q "$what"
	done
	# a token server of another host is not given them because that one asks for them
	fake_rules "$OTHER" "$(jq -nc --arg realm "Bearer realm=\"http://$OTHER/token\"" \
		'[{match: "/v2/", do: "status", code: 401, headers: {"WWW-Authenticate": $realm}}]')"
	run berth pull "$FAKE/test/image:1"
	[ "$status" -eq 1 ]
	fake_rules "$FAKE" '[]'
	# a layer that lies elsewhere, by its own word
	fake "$FAKE" PUT _auth '{"kind": "none"}'
	manifest=$(fake "$FAKE" GET v2/test/image/manifests/1)
	fake_rules "$OTHER" "$challenge"
	fake "$FAKE" PUT _auth '{"kind": "basic", "user": "tester", "password": "s3cret"}'
	put_manifest $MANIFEST "$(jq -c ".layers[0].digest = \"sha256:$(printf '1%.0s' $(seq 64))\" | .layers[0].urls = [\"http://$OTHER/stolen\"]" <<<"$manifest")"
	refused "sha256:1111"
	fake_requests "$OTHER" | lacks 'authorization=[^ ]|s3cret'
	# they did go where they belong
	fake_requests "$FAKE" | grep -q 'authorization=basic:tester:s3cret'
}

@test "CVE-2021-41092: a helper that is missing does not make other registries' credentials go along" {
	mkdir -p "$DOCKER_CONFIG"
	cat >"$DOCKER_CONFIG/config.json" <<-EOS
		{"auths": {"https://index.docker.io/v1/": {"auth": "$(printf 'tester:s3cret' | base64)"}, "$OTHER": {"auth": "$(printf 'tester:s3cret' | base64)"}},
		 "credHelpers": {"$FAKE": "missing"}}
	EOS
	fake "$FAKE" PUT _auth '{"kind": "basic", "user": "tester", "password": "s3cret"}'
	run berth pull "$FAKE/test/image:1"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"docker-credential-missing"* ]]
	fake_requests "$FAKE" | grep -q manifests
	fake_requests "$FAKE" | lacks 'authorization=[^ ]'
	# and a request that brings those of another host is not believed
	curl -s --unix-socket "$WORK/run/berth.sock" -X POST "http://x/images/create?fromImage=$FAKE/test/image&tag=1" -H "X-Registry-Auth: $(
		printf '{"username":"tester","password":"s3cret","serveraddress":"https://index.docker.io/v1/"}' | base64 -w0 | tr '+/' '-_')"
	fake_requests "$FAKE" | lacks 'authorization=[^ ]'
}

@test "CVE-2024-3727: digests that are not of their form are nothing to ask a registry for" {
	manifest=$(fake "$FAKE" GET v2/test/image/manifests/1)
	for digest in "sha256:../../../../v2/secret/manifests/latest" "sha256:../$(printf '1%.0s' $(seq 61))" "sha256:" "" \
		"md5:d41d8cd98f00b204e9800998ecf8427e" "sha256:$(printf 'A%.0s' $(seq 64))" "sha256:$(printf '1%.0s' $(seq 65))" "/etc/passwd"; do
		for at in .config.digest ".layers[0].digest"; do
			put_manifest $MANIFEST "$(jq -c --arg digest "$digest" "$at = \$digest" <<<"$manifest")"
			refused "digest"
		done
		put_manifest $INDEX "$(jq -nc --arg digest "$digest" '{schemaVersion: 2, manifests: [{mediaType: "'$MANIFEST'", digest: $digest,
			size: 10, platform: {os: "linux", architecture: "amd64"}}]}')"
		refused "digest"
	done
	fake_requests "$FAKE" | lacks 'secret|\.\.|md5|passwd|AAAA'
}

@test "CVE-2021-21285: manifests and configurations that are broken in every way" {
	manifest=$(fake "$FAKE" GET v2/test/image/manifests/1)
	for change in '.layers = null' '.layers = {}' '.layers = [null]' '.layers = [[]]' '.layers = ["x"]' '.config = null' '.config = []' \
		'.config.digest = 7' '.config.size = -1' '.config.size = 9223372036854775807' '.layers[0].size = -5' '.layers[0].size = "x"' \
		'.layers[0].mediaType = null' '.layers[0].mediaType = "text/html"' 'del(.layers[0].digest)' '.schemaVersion = 1' \
		'.schemaVersion = "2"' '.config.size = 3' '.layers[0].size = 3' '[.]' 'null' '""' '7'; do
		put_manifest $MANIFEST "$(jq -c "$change" <<<"$manifest")"
		pull_bad
		[ "$status" -eq 1 ]
	done
	for text in '' '{' '{}' $'{"schemaVersion": 2, "layers": [\xff\xfe]}' "$(printf '[%.0s' $(seq 5000))"; do
		put_manifest $MANIFEST "$text"
		pull_bad
		[ "$status" -eq 1 ]
	done
	# configurations: each is an own blob, with its right digest
	config=$(fake "$FAKE" GET "v2/test/image/blobs/$(jq -r .config.digest <<<"$manifest")")
	for change in '.rootfs = null' '.rootfs.diff_ids = null' '.rootfs.diff_ids = []' '.rootfs.diff_ids = [7, 8]' '.rootfs.diff_ids += ["x"]' \
		'.rootfs.diff_ids[0] = "sha256:../../x"' '.history = 7' '.config = []' '.os = null' 'null' '[]'; do
		text=$(jq -c "$change" <<<"$config")
		digest=$(curl -sf -X PUT --data-binary "$text" "http://$FAKE/_blob")
		put_manifest $MANIFEST "$(jq -c --arg digest "$digest" --argjson size "${#text}" '.config.digest = $digest | .config.size = $size' <<<"$manifest")"
		pull_bad
		[ "$status" -eq 1 ]
	done
	# the engine is there and works
	berth pull -q "$FAKE/test/image:1"
}

@test "GO-2022-0360 GO-2024-2914: a document that is a manifest and an index at once" {
	manifest=$(fake "$FAKE" GET v2/test/image/manifests/1)
	index=$(fake "$FAKE" GET v2/test/index/manifests/1)
	both=$(jq -c --argjson index "$index" '.manifests = $index.manifests' <<<"$manifest")
	for type in $MANIFEST $INDEX application/vnd.docker.distribution.manifest.v2+json; do
		put_manifest "$type" "$(jq -c ".mediaType = \"$type\"" <<<"$both")"
		refused "both"
		put_manifest "$type" "$(jq -c 'del(.mediaType)' <<<"$both")"
		refused "both"
	done
	# not to be had in two steps either
	digest=$(put_manifest $MANIFEST "$both")
	put_manifest $INDEX "$(jq -nc --arg digest "$digest" --argjson size "${#both}" '{schemaVersion: 2, manifests: [{mediaType: "'$MANIFEST'", digest: $digest,
		size: $size, platform: {os: "linux", architecture: "amd64"}}]}')"
	refused "both"
}
