# SPDX-License-Identifier: Apache-2.0
"""Attach, logs, wait and events over raw sockets and docker-py: order, framing, half-closed connections, restarts."""
import json
import re
import signal
import struct
import threading
import time

import pytest

from conftest import eventually

ATTACH = ("POST /v1.47/containers/{}/attach?{} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
          "Content-Length: 0\r\n\r\n")


def read_head(connection):
    """The head of an answer; what came behind it is returned, too."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(4096)
        assert more, data
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode(), rest


def read_all(connection, data=b""):
    while True:
        more = connection.recv(1 << 16)
        if not more:
            return data
        data += more


def frames(data):
    """Docker's frames as (stream, payload)."""
    result = []
    while data:
        stream, size = struct.unpack(">BxxxI", data[:8])
        assert stream in (0, 1, 2) and len(data) >= 8 + size
        result.append((stream, data[8:8 + size]))
        data = data[8 + size:]
    return result


def joined(data, stream=1):
    return b"".join(payload for number, payload in frames(data) if number == stream)


def attach(engine, name, query="stream=1&stdin=1&stdout=1&stderr=1", early=b""):
    connection = engine.connect()
    connection.sendall(ATTACH.format(name, query).encode() + early)
    head, rest = read_head(connection)
    assert head.startswith("HTTP/1.1 101 ") and "\r\nUpgrade: tcp" in head
    return connection, head, rest


def test_attach_before_start(engine, create):
    container = create("echo out; echo err >&2")
    connection, head, rest = attach(engine, container.id)
    assert "application/vnd.docker.multiplexed-stream" in head
    container.start()
    data = read_all(connection, rest)
    assert joined(data) == b"out\n" and joined(data, 2) == b"err\n"


def test_stdin_until_half_close(engine, create):
    container = create("cat; echo done", stdin_open=True)
    connection, _, rest = attach(engine, container.id)
    container.start()
    connection.sendall(b"hello\n")
    data = rest
    while b"hello" not in data:
        data += connection.recv(4096)
    connection.sendall(b"again\n")
    connection.shutdown(1)
    assert joined(read_all(connection, data)) == b"hello\nagain\ndone\n"
    assert container.wait()["StatusCode"] == 0


def test_input_behind_the_request(engine, create):
    container = create("cat", stdin_open=True)
    connection, _, rest = attach(engine, container.id, early=b"early\n")
    container.start()
    connection.sendall(b"late\n")
    connection.shutdown(1)
    assert joined(read_all(connection, rest)) == b"early\nlate\n"


def test_attach_by_docker_py(create):
    container = create("cat", stdin_open=True)
    stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    container.start()
    stream._sock.sendall(b"by docker-py\n")
    stream._sock.shutdown(1)
    assert joined(read_all(stream._sock)) == b"by docker-py\n"


def test_much_output(engine, create):
    container = create("dd if=/dev/zero bs=64k count=100 2>/dev/null; echo end >&2")
    connection, _, rest = attach(engine, container.id, "stream=1&stdout=1&stderr=1")
    container.start()
    data = read_all(connection, rest)
    assert len(joined(data)) == 6553600 and joined(data, 2) == b"end\n"


def test_attach_with_logs(engine, run):
    container = run("echo before; read line; echo after", stdin_open=True)
    eventually(lambda: container.logs() == b"before\n", "it has written")
    connection, _, rest = attach(engine, container.id, "logs=1&stream=1&stdin=1&stdout=1")
    connection.sendall(b"\n")
    assert joined(read_all(connection, rest)) == b"before\nafter\n"


def test_attach_without_upgrade(engine, run):
    container = run("echo before; read line; echo after", stdin_open=True)
    with engine.connect() as connection:
        connection.sendall(f"POST /v1.41/containers/{container.id}/attach?stream=1&stdout=1&logs=1 HTTP/1.1\r\n"
                           "Host: x\r\n\r\n".encode())
        head, rest = read_head(connection)
        assert head.startswith("HTTP/1.1 200 ") and "application/vnd.docker.raw-stream" in head
        assert "chunked" not in head
        writer, _, _ = attach(engine, container.id, "stream=1&stdin=1")
        writer.sendall(b"\n")
        assert b"after\n" in read_all(connection, rest)
    assert engine.ask("POST", f"/containers/{container.id}/attach?stdin=1").startswith(b"HTTP/1.1 400 ")


def test_attach_to_nothing(engine):
    answer = engine.ask("POST", "/containers/missing/attach?stream=1", ["Upgrade: tcp"])
    assert answer.startswith(b"HTTP/1.1 404 ")


def test_terminal(engine, create):
    container = create("stty size; read line; echo got $line; stty size", stdin_open=True, tty=True)
    connection, head, data = attach(engine, container.id)
    assert "application/vnd.docker.raw-stream" in head
    container.start()
    eventually(lambda: container.resize(33, 99) is None, "the terminal is there")
    while b"\r\n" not in data:
        data += connection.recv(4096)
    connection.sendall(b"line\r")
    data = read_all(connection, data)
    assert b"got line\r\n" in data and b"33 99\r\n" in data


def test_detach_keys(client, engine, create):
    container = create("sleep 60", stdin_open=True, tty=True)
    connection, _, rest = attach(engine, container.id, "stream=1&stdin=1&stdout=1")
    container.start()
    connection.sendall(b"\x10\x11")
    read_all(connection, rest)
    assert client.containers.get(container.id).status == "running"


def test_engine_restart_in_the_middle(engine, create, client):
    container = create("read a; echo one $a; read b; echo two $b", stdin_open=True)
    connection, _, data = attach(engine, container.id)
    container.start()
    connection.sendall(b"1\n")
    while b"one 1" not in data:
        data += connection.recv(4096)
    engine.restart(signal.SIGKILL)
    connection.sendall(b"2\n")
    connection.shutdown(1)
    assert joined(read_all(connection, data)) == b"one 1\ntwo 2\n"
    assert container.wait()["StatusCode"] == 0


# Logs

def test_logs_of_each_stream(engine, run):
    container = run("echo a; read x; echo b >&2; read x; echo c", stdin_open=True)
    connection, _, _ = attach(engine, container.id, "stream=1&stdin=1")
    for before in (b"a\n", b"a\nb\n"):
        eventually(lambda: container.logs() == before, "it has written")
        connection.sendall(b"\n")
    container.wait()
    assert container.logs(stdout=True, stderr=False) == b"a\nc\n"
    assert container.logs(stdout=False, stderr=True) == b"b\n"
    assert container.logs() == b"a\nb\nc\n"
    assert container.logs(tail=1) == b"c\n" and container.logs(tail=0) == b"" and container.logs(tail="all")


def test_logs_timestamps_since_until(engine, run):
    container = run("echo a; sleep 1.5; echo b")
    container.wait()
    lines = container.logs(timestamps=True).decode().splitlines()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z [ab]", line) for line in lines)
    moment = lines[1].split()[0]
    answer = engine.ask("GET", f"/containers/{container.id}/logs?stdout=1&since={moment}")
    assert b"\x01\0\0\0\0\0\0\x02b\n" in answer and b"\x02a\n" not in answer
    answer = engine.ask("GET", f"/containers/{container.id}/logs?stdout=1&until={lines[0].split()[0]}")
    assert b"\x02a\n" in answer and b"\x02b\n" not in answer


def test_logs_follow(run):
    container = run("for i in 1 2 3 4 5; do echo $i; sleep 0.1; done")
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n4\n5\n"


def test_logs_follow_head_at_once(engine, run):
    container = run("sleep 60")
    with engine.connect() as connection:
        connection.sendall(f"GET /v1.47/containers/{container.id}/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                           .encode())
        head, _ = read_head(connection)
        assert head.startswith("HTTP/1.1 200 ") and "multiplexed-stream" in head


def test_logs_need_a_stream(engine, run):
    container = run("true")
    answer = engine.ask("GET", f"/containers/{container.id}/logs")
    assert answer.startswith(b"HTTP/1.1 400 ") and b"must specify at least one of 'stdout' or 'stderr'" in answer


def test_logs_long_lines(run):
    container = run("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")
    container.wait()
    assert container.logs() == b"x" * 100000 + b"\nend\n"


# Wait

def begin_wait(engine, name, condition):
    connection = engine.connect()
    connection.sendall(f"POST /containers/{name}/wait?condition={condition} HTTP/1.1\r\nHost: x\r\n"
                       "Connection: close\r\n\r\n".encode())
    head, rest = read_head(connection)
    assert head.startswith("HTTP/1.1 200 ")
    return connection, rest


def test_wait_answers_its_head_first(engine, create):
    container = create("exit 5")
    connection, rest = begin_wait(engine, container.id, "next-exit")
    connection.settimeout(0.3)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(30)
    container.start()
    assert b'{"StatusCode":5}' in read_all(connection, rest)


def test_wait_for_removal(engine, create):
    container = create("exit 6", auto_remove=True)
    connection, rest = begin_wait(engine, container.id, "removed")
    container.start()
    assert b'{"StatusCode":6}' in read_all(connection, rest)
    assert engine.ask("GET", f"/containers/{container.id}/json").startswith(b"HTTP/1.1 404 ")


def test_wait_for_what_has_ended(engine, run):
    container = run("exit 4")
    container.wait()
    assert container.wait()["StatusCode"] == 4
    assert engine.ask("POST", f"/containers/{container.id}/wait?condition=never").startswith(b"HTTP/1.1 400 ")


def threads_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"Threads:\t(\d+)", status.read()).group(1))


def test_clients_that_leave(engine, run):
    container = run("sleep 300")
    connections = [begin_wait(engine, container.id, "not-running")[0] for _ in range(10)]
    for path in ("/events", f"/containers/{container.id}/logs?follow=1&stdout=1"):
        for _ in range(5):
            connection = engine.connect()
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert read_head(connection)[0].startswith("HTTP/1.1 200 ")
            connections.append(connection)
    busy = threads_of(engine.process.pid)
    assert busy >= 20
    for connection in connections:
        connection.close()
    eventually(lambda: threads_of(engine.process.pid) <= busy - 18, "the requests' threads end")


# Events

def test_events_of_a_life(client, run):
    since = time.time()
    container = run("exit 2", name="watched", labels={"k": "v"})
    container.wait()
    container.remove()
    events = eventually(lambda: (lambda list: list if "destroy" in [event["Action"] for event in list] else None)(
        list(client.events(since=since, until=time.time(), decode=True, filters={"container": container.id}))),
        "all events are there")
    actions = [event["Action"] for event in events]
    order = [actions.index(action) for action in ("create", "start", "die", "destroy")]
    assert order == sorted(order)
    die = events[actions.index("die")]
    assert die["Type"] == "container" and die["Actor"]["ID"] == container.id and die["scope"] == "local"
    attributes = die["Actor"]["Attributes"]
    assert attributes["name"] == "watched" and attributes["exitCode"] == "2" and attributes["k"] == "v"
    assert attributes["image"].startswith("busybox") and die["id"] == container.id and die["status"] == "die"
    assert die["time"] == die["timeNano"] // 10**9


def test_events_are_live(engine, client, run):
    with engine.connect() as connection:
        connection.sendall(b'GET /events?filters={"event":["start"],"type":{"container":true}} HTTP/1.1\r\n'
                           b"Host: x\r\n\r\n")
        _, data = read_head(connection)
        container = run("true")
        while b"}\n" not in data:
            data += connection.recv(4096)
    event = json.loads(re.search(rb"\{.*\}\n", data).group(0))
    assert event["Action"] == "start" and event["Actor"]["ID"] == container.id


def test_events_survive_a_restart(engine, client, run):
    since = time.time()
    container = run("true")
    container.wait()
    engine.restart()
    events = list(client.events(since=since, until=time.time(), decode=True, filters={"container": container.id}))
    assert {"create", "start", "die"} <= {event["Action"] for event in events}


def test_slow_client_does_not_stop_the_rest(engine, create):
    container = create("dd if=/dev/zero bs=64k count=200 2>/dev/null")
    slow, _, _ = attach(engine, container.id, "stream=1&stdout=1")
    container.start()
    done = threading.Event()
    threading.Thread(target=lambda: (engine.ask("GET", "/info"), done.set()), daemon=True).start()
    assert done.wait(20)
    slow.close()
    assert container.wait()["StatusCode"] == 0
