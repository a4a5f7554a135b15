# SPDX-License-Identifier: Apache-2.0
"""Execs and health through docker-py, and what is on the wire beneath it."""
import json
import socket
import struct
import threading
import time

import docker
import pytest


@pytest.fixture
def box(client):
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True, network_mode="none", name="box")
    yield container
    container.remove(force=True)


def eventually(check):
    end = time.monotonic() + 30
    while not check():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_exec_run(box):
    assert box.exec_run("echo hi") == (0, b"hi\n")
    code, (out, err) = box.exec_run(["sh", "-c", "echo out; echo err >&2; exit 3"], demux=True)
    assert (code, out, err) == (3, b"out\n", b"err\n")
    code, output = box.exec_run("sh -c 'id -u; pwd; echo $A'", user="77", workdir="/tmp", environment={"A": "b"})
    assert (code, output) == (0, b"77\n/tmp\nb\n")
    assert box.exec_run("tty", tty=True).output.startswith(b"/dev/pts/")
    assert b"".join(box.exec_run(["sh", "-c", "for i in 1 2 3; do echo $i; done"], stream=True).output) == b"1\n2\n3\n"
    assert not box.exec_run("sleep 500", detach=True).output
    assert any(process[-1] == "sleep 500" for process in box.top()["Processes"])


def test_exec_inspect(client, box):
    api = client.api
    made = api.exec_create(box.id, ["sh", "-c", "exit 5"], user="1", privileged=True, environment=["A=b"], stdin=True)
    before = api.exec_inspect(made["Id"])
    assert before == {
        "ID": made["Id"], "ContainerID": box.id, "Running": False, "ExitCode": None, "Pid": 0, "CanRemove": False,
        "DetachKeys": "", "OpenStdin": True, "OpenStdout": True, "OpenStderr": True,
        "ProcessConfig": {"entrypoint": "sh", "arguments": ["-c", "exit 5"], "privileged": True, "tty": False, "user": "1"}}
    box.reload()
    assert made["Id"] in box.attrs["ExecIDs"]
    api.exec_start(made["Id"])
    after = api.exec_inspect(made["Id"])
    assert after["ExitCode"] == 5 and not after["Running"] and after["Pid"] > 0
    with pytest.raises(docker.errors.APIError, match="has already run"):
        api.exec_start(made["Id"], detach=True)
    with pytest.raises(docker.errors.NotFound, match="No such exec instance: nothing"):
        api.exec_inspect("nothing")


def test_exec_refused(client, box):
    with pytest.raises(docker.errors.APIError, match="No exec command specified"):
        client.api.exec_create(box.id, [])
    with pytest.raises(docker.errors.APIError, match="Invalid escape keys"):
        client.api.exec_create(box.id, ["true"], detach_keys="ctrl-everything")
    box.kill()
    box.wait()
    with pytest.raises(docker.errors.APIError, match="is not running") as failure:
        box.exec_run("true")
    assert failure.value.status_code == 409


def hijack(engine, exec_id, body, upgrade=True, version="/v1.47"):
    connection = engine.connect()
    text = json.dumps(body)
    head = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else ""
    connection.sendall(f"POST {version}/exec/{exec_id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}"
                       f"Content-Length: {len(text)}\r\n\r\n{text}".encode())
    return connection


def read_all(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def frames(data):
    found = []
    while data:
        stream, length = struct.unpack(">BxxxL", data[:8])
        found.append((stream, data[8:8 + length]))
        data = data[8 + length:]
    return found


@pytest.mark.parametrize("version, kind", [("/v1.47", b"multiplexed"), ("/v1.41", b"raw")])
def test_upgrade(client, engine, box, version, kind):
    """Half of the connection can be closed: the input's end, and the output still comes."""
    made = client.api.exec_create(box.id, ["sh", "-c", "cat; echo end >&2"], stdin=True)
    with hijack(engine, made["Id"], {"Detach": False, "Tty": False}, version=version) as connection:
        connection.sendall(b"input")
        connection.shutdown(socket.SHUT_WR)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Content-Type: application/vnd.docker." + kind + b"-stream" in head
    assert frames(body) == [(1, b"input"), (2, b"end\n")]


def test_failure_after_the_head(client, engine, box):
    """What cannot be executed is told where the output would be, and the code is there when it was read."""
    made = client.api.exec_create(box.id, ["/nothing"])
    with hijack(engine, made["Id"], {}) as connection:
        body = read_all(connection).partition(b"\r\n\r\n")[2]
    (stream, text), = frames(body)
    assert stream == 1 and text.startswith(b"OCI runtime exec failed: exec failed: ") and text.endswith(b"\r\n")
    assert client.api.exec_inspect(made["Id"])["ExitCode"] == 127
    made = client.api.exec_create(box.id, ["/etc"])
    with hijack(engine, made["Id"], {"Detach": True}) as connection:
        connection.settimeout(20)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert client.api.exec_inspect(made["Id"])["ExitCode"] == 126


def test_without_upgrade(client, engine, box):
    made = client.api.exec_create(box.id, ["echo", "hi"])
    with hijack(engine, made["Id"], {}, upgrade=False) as connection:
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and b"application/vnd.docker.raw-stream" in head
    assert frames(body) == [(1, b"hi\n")]


def test_sizes(client, box):
    made = client.api.exec_create(box.id, ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.05; done; stty size"], tty=True)
    stream = client.api.exec_start(made["Id"], tty=True, socket=True)
    client.api.exec_resize(made["Id"], height=11, width=22)
    assert box.exec_run("touch /tmp/go").exit_code == 0
    assert b"11 22" in read_all(stream._sock)


def test_many_at_once(client, engine, box):
    results = []

    def work(number):
        mine = engine.client()
        for i in range(6):
            code, output = mine.containers.get("box").exec_run(["sh", "-c", f"echo {number}-{i}; exit {number}"])
            results.append((code, output) == (number, f"{number}-{i}\n".encode()))
        mine.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 36 and all(results)


def test_health(client, engine):
    check = {"test": ["CMD", "test", "-e", "/tmp/ok"], "interval": 100000000, "retries": 1, "timeout": 30000000000}
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True, network_mode="none", healthcheck=check)
    try:
        eventually(lambda: client.api.inspect_container(container.id)["State"]["Health"]["Status"] == "unhealthy")
        container.exec_run("touch /tmp/ok")
        eventually(lambda: client.api.inspect_container(container.id)["State"]["Health"]["Status"] == "healthy")
        health = client.api.inspect_container(container.id)["State"]["Health"]
        assert health["FailingStreak"] == 0 and health["Log"][-1].keys() == {"Start", "End", "ExitCode", "Output"}
        assert client.containers.list(filters={"health": "healthy"})[0].id == container.id
        assert not client.containers.list(filters={"health": "unhealthy"})
    finally:
        container.remove(force=True)
