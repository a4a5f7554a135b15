#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Docker's own clients against our engine and a registry: the newest command line on this machine, Debian's, docker-py;
# and what ours shows on a terminal.

load helpers

setup_file() {
	images_setup
	debian_registry plain auth
	fake_registry fake --layers 3 --size 300000
	fake_registry other --layers 12 --size 100000
}
teardown_file() { images_teardown; }
teardown() {
	rm -rf "$DOCKER_CONFIG"
	forget_images
	fake_reset "$FAKE"
	fake_reset "$OTHER"
}

# All that a docker command line does with registries.
round_trip() {
	local docker=$1
	[ -x "$docker" ] || skip "there is no $docker on this machine"
	run "$docker" pull "$FAKE/test/image:1"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"1: Pulling from test/image"*": Pull complete"*"Digest: sha256:"*"Status: Downloaded newer image for $FAKE/test/image:1"* ]]
	[ "${lines[-1]}" = "$FAKE/test/image:1" ]
	"$docker" tag "$FAKE/test/image:1" "$PLAIN/docker:1"
	run "$docker" push "$PLAIN/docker:1"
	[ "$status" -eq 1 ]
	run "$docker" login -u tester -p wrong "$PLAIN"
	[ "$status" -eq 1 ]
	echo s3cret:pass | "$docker" login -u tester --password-stdin "$PLAIN" | grep -q "Login Succeeded"
	"$docker" push "$PLAIN/docker:1" | grep -q "^1: digest: sha256:[0-9a-f]* size: [0-9]*$"
	"$docker" tag busybox "$PLAIN/docker:box"
	"$docker" push -a "$PLAIN/docker"
	"$docker" rmi "$PLAIN/docker:1" "$PLAIN/docker:box" >/dev/null
	"$docker" pull -aq "$PLAIN/docker"
	[ "$("$docker" images -q "$PLAIN/docker" | wc -l)" -eq 2 ]
	"$docker" rmi "$PLAIN/docker:box" >/dev/null
	[ "$("$docker" run --rm --network none "$PLAIN/docker:box" echo works)" = works ]
	"$docker" search --format '{{.Name}}' "$FAKE/ima" | grep -qx "$FAKE/test/image"
	run "$docker" pull "$FAKE/test/nothing:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"manifest for $FAKE/test/nothing:1 not found: manifest unknown"* ]]
	"$docker" logout "$PLAIN" | grep -q "Removing login credentials"
	run "$docker" pull "$PLAIN/docker:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"pull access denied for $PLAIN/docker"* ]]
}

@test "the newest docker: pull, push, login, search, run" {
	round_trip /usr/local/bin/docker
}

@test "Debian's docker 20.10: the same" {
	round_trip /usr/bin/docker
}

@test "credentials and manifest lists that docker keeps are ours, and the other way round" {
	echo s3cret:pass | docker login -u tester --password-stdin "$PLAIN" >/dev/null 2>&1
	berth tag busybox "$PLAIN/shared:1"
	berth push -q "$PLAIN/shared:1"
	berth logout "$PLAIN" | grep -q Removing
	echo s3cret:pass | berth login -u tester --password-stdin "$PLAIN" 2>/dev/null
	docker push -q "$PLAIN/shared:1"
	berth manifest create "$FAKE/list:1" "$FAKE/test/image:1"
	docker manifest inspect "$FAKE/list:1" | grep -q amd64
}

@test "docker-py: pull with its stream, push, login, search, registry data" {
	/usr/bin/python3 - "$BERTH_HOST" "$PLAIN" "$FAKE" <<-'EOS'
		import sys
		import docker
		host, plain, fake = sys.argv[1:]
		client = docker.DockerClient(base_url=host, version="auto")
		lines = list(client.api.pull(f"{fake}/test/image", tag="1", stream=True, decode=True))
		assert lines[0]["status"] == "Pulling from test/image" and lines[0]["id"] == "1", lines[0]
		assert any(line.get("progressDetail", {}).get("total") for line in lines), lines
		assert lines[-1]["status"].startswith("Status: Downloaded newer image"), lines[-1]
		image = client.images.pull(f"{fake}/test/image", tag="1")
		assert f"{fake}/test/image:1" in image.tags
		assert len(client.images.pull(f"{fake}/test/image", all_tags=True)) == 1
		try:
		    client.images.pull(f"{fake}/test/none", tag="1")
		    raise AssertionError("a pull of nothing")
		except docker.errors.NotFound as error:
		    assert "manifest unknown" in str(error)
		data = client.images.get_registry_data(f"{fake}/test/index:1")
		assert data.has_platform("linux/arm64") and not data.has_platform("linux/s390x")
		assert client.images.get_registry_data(f"{fake}/test/image:1").has_platform("linux/amd64")
		assert [found["name"] for found in client.images.search(f"{fake}/ima")] == [f"{fake}/test/image"]
		image.tag(f"{plain}/py", "1")
		assert any("error" in line for line in client.images.push(f"{plain}/py", tag="1", stream=True, decode=True))
		assert client.login("tester", "s3cret:pass", registry=plain)["Status"] == "Login Succeeded"
		try:
		    client.login("tester", "wrong", registry=plain, reauth=True)
		    raise AssertionError("a wrong password is good")
		except docker.errors.APIError as error:
		    assert error.status_code == 401, error
		auth = {"username": "tester", "password": "s3cret:pass"}
		lines = list(client.images.push(f"{plain}/py", tag="1", auth_config=auth, stream=True, decode=True))
		assert lines[-1]["aux"]["Tag"] == "1" and lines[-1]["aux"]["Digest"].startswith("sha256:"), lines[-1]
		client.images.remove(f"{plain}/py:1")
		client.images.pull(f"{plain}/py", tag="1", auth_config=auth)
	EOS
}

# What a terminal of 14 lines and 100 columns is sent, through to its end.
on_terminal() {
	script -qec "stty rows 14 cols 100; $*" /dev/null </dev/null
}

@test "on a terminal: a line per layer with bytes, rate and time left, one for all, no more than fit" {
	# long enough for a rate, also where little is drawn
	fake_rules "$OTHER" '[{"match": "GET .*/blobs/", "do": "trickle", "bytes": 10000, "seconds": 0.25}]'
	on_terminal "$BERTH_BUILD/berth" pull "$OTHER/test/image:1" >"$BATS_TEST_TMPDIR/out"
	/usr/bin/python3 - "$BATS_TEST_TMPDIR/out" <<-'EOS'
		import re
		import sys
		text = open(sys.argv[1], encoding="utf-8", newline="").read()
		frames = text.split("\x1b[J")
		# of twelve layers: what is drawn between two clearings fits into the terminal, with the cursor's line
		assert len(frames) > 5 and max(frame.count("\n") for frame in frames[1:-1]) <= 13, [f.count("\n") for f in frames]
		assert all(len(line) < 100 for frame in frames for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[\d+A", "", frame)))
		assert re.search(r"[0-9a-f]{12}: Downloading +\[=+> *\] +[\d.]+kB/100\.\dkB  [\d.]+kB/s  \d+s left", text), text
		assert re.search(r"Total: \d+ of 12 done", text)
		assert "1: Pulling from test/image" in frames[1] or "1: Pulling from test/image" in frames[0], frames[:2]
		assert re.search(r"Status: Downloaded newer image for", text)
	EOS
	# without one: no control characters, each state once
	forget_images
	fake_reset "$OTHER"
	run berth pull "$OTHER/test/image:1"
	[[ "$output" != *$'\033'* ]]
	[ "$(grep -c 'Pull complete' <<<"$output")" -eq 12 ]
	[ "$(grep -c 'Download complete' <<<"$output")" -eq 12 ]
	# nor on one that can do nothing
	run env TERM=dumb script -qec "$BERTH_BUILD/berth pull $OTHER/test/image:1" /dev/null </dev/null
	[[ "$output" != *$'\033'* ]]
}
