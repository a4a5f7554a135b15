#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A registry that misbehaves: what can be made good is, what cannot is refused with the cause, and nothing half-made
# remains.

load helpers

setup_file() {
	images_setup --max-concurrent-downloads 2
	fake_registry fake --layers 3 --size 500000
	fake_registry other --layers 1 --size 1000
	DIGEST=$(remote_digest "$FAKE/test/image:1")
	export DIGEST
}
teardown_file() { images_teardown; }
teardown() {
	forget_images
	fake_reset "$FAKE"
	fake_reset "$OTHER"
}

whole() {
	[ "$(berth image inspect -f '{{index .RepoDigests 0}}' "$FAKE/test/image:1")" = "$FAKE/test/image@$DIGEST" ]
}

# The pull fails, with these words, and within a time; no image is there.
refused() {
	run timeout 60 "$BERTH_BUILD/berth" pull "$FAKE/test/image:1"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"$1"* ]]
	run berth image inspect "$FAKE/test/image:1"
	[ "$status" -eq 1 ]
}

@test "connections that are cut at any byte: the pull goes on there" {
	for bytes in 0 1 $((RANDOM * 10 + 2)) $((RANDOM * 10 + 2)); do
		fake_reset "$FAKE"
		fake_rules "$FAKE" "[{\"match\": \"GET .*/blobs/\", \"do\": \"cut\", \"bytes\": $bytes, \"times\": 2}]"
		berth pull -q "$FAKE/test/image:1"
		whole
		if [ "$bytes" -gt 0 ]; then
			fake_requests "$FAKE" | grep -q "blobs/.*range=bytes=$bytes-"
		fi
		berth rmi "$FAKE/test/image:1" >/dev/null
	done
}

@test "a manifest that is cut" {
	fake_rules "$FAKE" '[{"match": "GET .*/manifests/", "do": "cut", "bytes": 100, "times": 1}]'
	berth pull -q "$FAKE/test/image:1"
	whole
}

@test "a registry that knows no ranges is read from the start again" {
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "cut", "bytes": 1000, "times": 1},
		{"match": "GET .*/blobs/", "do": "true", "no_range": true}]'
	berth pull -q "$FAKE/test/image:1"
	whole
}

@test "content that is not what its digest says" {
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "corrupt"}]'
	refused "sha256:"
	[[ "$output" != *"Status: Downloaded"* ]]
	# nothing of it is used afterwards
	fake_rules "$FAKE" '[]'
	berth pull -q "$FAKE/test/image:1"
	whole
}

@test "a manifest that is not what its digest says" {
	fake_rules "$FAKE" '[{"match": "GET .*/manifests/", "do": "corrupt"}]'
	refused "manifest"
}

@test "bodies that are short, long, or without an end" {
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "short", "bytes": 10}]'
	refused "blob"
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "endless"}]'
	refused "blob"
	find "$WORK/data/blobs" -type f -size +4M | lacks .
	fake_rules "$FAKE" '[]'
	berth pull -q "$FAKE/test/image:1"
	whole
}

@test "429 with Retry-After, and 503" {
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "status", "code": 429, "headers": {"Retry-After": "1"}, "times": 1},
		{"match": "HEAD .*/manifests/", "do": "status", "code": 503, "times": 1},
		{"match": "GET .*/manifests/", "do": "status", "code": 500, "times": 1}]'
	started=$(date +%s%N)
	berth pull -q "$FAKE/test/image:1"
	[ $((($(date +%s%N) - started) / 1000000)) -ge 900 ]
	whole
	forget_images
	fake_rules "$FAKE" '[{"match": "/v2/test/", "do": "status", "code": 503}]'
	refused "503"
	[ "$(fake_requests "$FAKE" | grep -c manifests)" -ge 3 ]
}

@test "a slow trickle is waited for" {
	fake_rules "$FAKE" '[{"match": "GET .*/blobs/", "do": "trickle", "bytes": 100000, "seconds": 0.2}]'
	berth pull -q "$FAKE/test/image:1"
	whole
}

@test "a redirect of blobs to another host" {
	# as registries do whose blobs lie with somebody else
	fake_rules "$FAKE" "[{\"match\": \"GET .*/blobs/\", \"do\": \"redirect\", \"to\": \"http://$OTHER\"}]"
	for digest in $(fake "$FAKE" GET v2/test/image/manifests/1 | jq -r '.config.digest, .layers[].digest'); do
		curl -sf "http://$FAKE/v2/test/image/blobs/$digest" -o /dev/null || true
	done
	fake "$FAKE" PUT _rules '[]'
	for digest in $(fake "$FAKE" GET v2/test/image/manifests/1 | jq -r '.config.digest, .layers[].digest'); do
		curl -sf "http://$FAKE/v2/test/image/blobs/$digest" | curl -sf -X PUT --data-binary @- "http://$OTHER/_blob" >/dev/null
	done
	fake_rules "$FAKE" "[{\"match\": \"GET .*/blobs/\", \"do\": \"redirect\", \"to\": \"http://$OTHER\"}]"
	berth pull -q "$FAKE/test/image:1"
	whole
	fake_requests "$OTHER" | grep -q 'GET /v2/test/image/blobs/'
	# and one that never arrives
	forget_images
	fake_rules "$FAKE" "[{\"match\": \"GET .*/blobs/\", \"do\": \"redirect\", \"to\": \"http://$FAKE\"}]"
	refused "redirect"
}

# Puts a manifest of this text and type under test/image:bad and pulls it.
refused_manifest() {
	curl -sf -X PUT -H "Content-Type: $1" --data-binary "$2" "http://$FAKE/_manifest?name=test/image&tag=bad" >/dev/null
	run timeout 60 "$BERTH_BUILD/berth" pull "$FAKE/test/image:bad"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"$3"* ]]
	kill -0 "$(cat "$WORK/pid")"
}

@test "manifests that disagree with their media type, or have none that is known" {
	# with content that is not here already
	manifest=$(fake "$FAKE" GET v2/test/image/manifests/1 | jq -c '.annotations = {"a": "1"}')
	index=$(fake "$FAKE" GET v2/test/index/manifests/1 | jq -c '.annotations = {"a": "1"}')
	refused_manifest application/vnd.oci.image.index.v1+json "$manifest" "but it says itself that it is"
	refused_manifest application/vnd.oci.image.manifest.v1+json "$index" "but it says itself that it is"
	refused_manifest application/vnd.oci.image.manifest.v1+json \
		"$(jq -c '.mediaType = "application/vnd.oci.image.index.v1+json"' <<<"$manifest")" "but it says itself that it is"
	refused_manifest text/html '<html>Sign in</html>' "test/image:bad: "
	refused_manifest application/vnd.docker.distribution.manifest.v1+json '{"schemaVersion": 1}' "schema 1 is not supported"
}

@test "manifests that are too large" {
	fake_rules "$FAKE" '[{"match": "GET .*/manifests/", "do": "endless"}]'
	run timeout 60 "$BERTH_BUILD/berth" pull "$FAKE/test/index:1"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"4194304"* ]]
	fake_rules "$FAKE" '[]'
	/usr/bin/python3 -c 'print("{\"x\": \"" + "y" * (5 << 20) + "\"}")' >"$BATS_TEST_TMPDIR/large"
	refused_manifest application/vnd.oci.image.manifest.v1+json "@$BATS_TEST_TMPDIR/large" "4194304"
	# more layers than there may be
	manifest=$(fake "$FAKE" GET v2/test/image/manifests/1 | jq -c '.layers = [range(200) as $i | .layers[0]]')
	refused_manifest application/vnd.oci.image.manifest.v1+json "$manifest" "127"
}
