# SPDX-License-Identifier: Apache-2.0
"""Builds by docker-py and raw sockets: every argument, the stream as it is, credentials, cancelling, the cache."""
import base64
import gzip
import io
import json
import tarfile
import threading

import docker
import pytest

from conftest import eventually


def archive(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def raw_build(engine, query, body, headers=()):
    """The lines of the stream."""
    answer = engine.ask("POST", "/build?networkmode=none&" + query, ["Content-Type: application/x-tar", *headers], body)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return [json.loads(line) for line in rest.decode().splitlines() if line.startswith("{")]


def test_images_build(client, tmp_path):
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox AS base\nARG A=0\nARG FROM_ENV\nRUN echo A is $A >/a; grep -q 'named$' /etc/hosts && ulimit -n >/n\n"
        "FROM base AS last\nRUN exit 1\n")
    (tmp_path / "left-out").write_text("x")
    (tmp_path / ".dockerignore").write_text("left-out\n")
    image, log = client.images.build(
        path=str(tmp_path), tag="py:1", quiet=False, nocache=True, rm=True, forcerm=True, pull=False,
        dockerfile="Dockerfile", buildargs={"A": "7"}, labels={"who": "me"}, target="base", network_mode="none",
        cache_from=["busybox"], extra_hosts={"named": "192.0.2.1"}, squash=False, shmsize=1 << 20, platform="linux/amd64",
        use_config_proxy=False, timeout=60, container_limits={"memory": 64 << 20, "memswap": -1, "cpushares": 512,
                                                              "cpusetcpus": "0"})
    lines = list(log)
    text = "".join(line.get("stream", "") for line in lines)
    assert "Step 1/4 : FROM busybox AS base\n" in text, text
    assert " ---> Running in " in text
    assert f"Successfully built {image.short_id.removeprefix('sha256:')}"[:31] in text
    assert text.endswith("Successfully tagged py:1\n")
    assert {"aux": {"ID": image.id}} in lines
    assert image.tags == ["py:1"] and image.labels["who"] == "me"
    assert client.containers.run("py:1", "cat /a", network_mode="none", remove=True) == b"A is 7\n"
    again, log = client.images.build(path=str(tmp_path), tag="py:2", target="base", network_mode="none",
                                     buildargs={"A": "7"}, labels={"who": "me"}, extra_hosts={"named": "192.0.2.1"},
                                     shmsize=1 << 20, container_limits={"memory": 64 << 20, "memswap": -1,
                                                                        "cpushares": 512, "cpusetcpus": "0"})
    assert " ---> Using cache\n" in "".join(line.get("stream", "") for line in log)
    assert again.id == image.id


def test_file_objects(client):
    image, _ = client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN true\nCMD echo from a file\n"),
                                   network_mode="none")
    assert client.containers.run(image.id, network_mode="none", remove=True) == b"from a file\n"
    packed = gzip.compress(archive({"sub/Other": "FROM busybox\nCOPY f /f\nCMD cat /f\n", "f": "content"}))
    image, _ = client.images.build(fileobj=io.BytesIO(packed), custom_context=True, encoding="gzip",
                                   dockerfile="sub/Other", quiet=True, network_mode="none")
    assert client.containers.run(image.id, network_mode="none", remove=True) == b"content"


def test_a_step_that_fails(client, engine):
    dockerfile = b"FROM busybox\nRUN echo before; exit 42\n"
    with pytest.raises(docker.errors.BuildError) as failure:
        client.images.build(fileobj=io.BytesIO(dockerfile), network_mode="none", tag="py:failed")
    assert failure.value.msg == "The command '/bin/sh -c echo before; exit 42' returned a non-zero code: 42"
    assert any(line.get("stream") == "before\n" for line in failure.value.build_log)
    lines = raw_build(engine, "", archive({"Dockerfile": dockerfile.decode()}))
    assert lines[-1]["errorDetail"]["code"] == 42
    assert client.images.list("py") == [image for image in client.images.list("py") if "py:failed" not in image.tags]


def test_what_is_wrong_has_a_status(client, engine):
    for text, words in {"RUNN true": "unknown instruction: RUNN", "": "empty"}.items():
        with pytest.raises((docker.errors.APIError, docker.errors.BuildError)) as failure:
            client.images.build(fileobj=io.BytesIO(text.encode()))
        assert words in str(failure.value)
    with pytest.raises((docker.errors.APIError, docker.errors.BuildError)) as failure:
        client.images.build(fileobj=io.BytesIO(archive({"other": "x"})), custom_context=True)
    assert "Dockerfile" in str(failure.value)
    answer = engine.ask("POST", "/build?version=2", [], b"x")
    assert answer.startswith(b"HTTP/1.1 501 ") and b"DOCKER_BUILDKIT=0" in answer


def test_low_level_stream(client):
    lines = list(client.api.build(fileobj=io.BytesIO(b"FROM busybox\nENV A=b\nRUN echo one; echo two\n"), decode=True,
                                  nocache=True, network_mode="none", tag="py:low"))
    streams = [line["stream"] for line in lines if "stream" in line]
    assert streams[:2] == ["Step 1/3 : FROM busybox", "\n"]
    assert streams[2] == f" ---> {client.images.get('busybox').id[7:19]}\n", streams
    assert "Step 2/3 : ENV A=b" in streams
    assert streams[-6:-4] == ["one\n", "two\n"] or "one\ntwo\n" in streams
    assert streams[-1] == "Successfully tagged py:low\n"


def test_stages_at_once_are_told_in_order(engine):
    dockerfile = ("FROM busybox AS a\nRUN sleep 0.3; echo first\nFROM busybox AS b\nRUN echo second\n"
                  "FROM busybox\nCOPY --from=a /bin/true /a\nCOPY --from=b /bin/true /b\n")
    text = "".join(line.get("stream", "") for line in raw_build(engine, "nocache=1", archive({"Dockerfile": dockerfile})))
    steps = [int(line.split("/")[0].removeprefix("Step ")) for line in text.splitlines() if line.startswith("Step ")]
    assert steps == sorted(steps)
    assert text.index("first\n") < text.index("second\n")


def test_quiet_and_credentials(engine):
    config = base64.urlsafe_b64encode(json.dumps({"localhost:1": {"username": "u", "password": "p"}}).encode()).decode()
    lines = raw_build(engine, "q=1", archive({"Dockerfile": "FROM busybox\n"}), [f"X-Registry-Config: {config}"])
    assert len(lines) == 1 and lines[0]["stream"].startswith("sha256:")


def test_cancel(engine, client):
    result = {}
    body = archive({"Dockerfile": "FROM busybox\nRUN sleep 600\n"})

    def build():
        result["answer"] = engine.ask("POST", "/build?networkmode=none&buildid=long&nocache=1", [], body)

    thread = threading.Thread(target=build)
    thread.start()
    eventually(lambda: engine.ask("POST", "/build/cancel?id=long").startswith(b"HTTP/1.1 204 "), "a build to cancel")
    thread.join(30)
    assert b"canceled" in result["answer"]
    assert engine.ask("POST", "/build/cancel?id=long").startswith(b"HTTP/1.1 404 ")


def test_events_stream(engine):
    body = b"dockerfile 38 -\nFROM busybox\nRUN echo of a Dockerfile\nend 0 -\n"
    lines = raw_build(engine, "progress=events&nocache=1", body, ["X-Berth-Build: 1"])
    kinds = [line["kind"] for line in lines]
    assert kinds[-1] == "result" and lines[-1]["image"].startswith("sha256:")
    assert kinds.index("planned") < kinds.index("started") < kinds.index("log") < len(kinds) - 1
    planned = {line["vertex"] for line in lines if line["kind"] == "planned"}
    assert all(line["vertex"] in planned for line in lines if line["kind"] in ("started", "done", "log"))


def test_cache_usage_and_prune(client, engine):
    client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN echo counted >/x\n"), network_mode="none")
    records = client.api.df()["BuildCache"]
    assert records and {"ID", "Type", "Size", "InUse", "Shared", "CreatedAt", "UsageCount"} <= records[0].keys()
    assert client.images.prune_builds()["SpaceReclaimed"] >= 0
    assert b'{"CachesDeleted":["' in engine.ask("POST", "/build/prune?all=1")
    assert client.api.df()["BuildCache"] == []
