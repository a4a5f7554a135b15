# SPDX-License-Identifier: Apache-2.0
"""Nothing that a container or a client does hurts the engine. $BERTH_ROBUST_SECONDS (1) is how long bodies are made up."""
import contextlib
import json
import os
import random
import resource
import shutil
import socket
import subprocess
import time

import docker
import pytest

from conftest import BUILD, PATIENCE, Engine, busybox_tar, eventually, remove_containers

SECONDS = float(os.environ.get("BERTH_ROBUST_SECONDS", "1"))
# Sanitizers keep what was freed for a while, and shadows of everything.
HEAVY = 6 if "asan" in BUILD or "tsan" in BUILD else 1
MANY = 1000 if HEAVY == 1 else 100
COUNT = "i=0; while :; do i=$((i+1)); echo line $i of endless output, which nobody reads; done"


def status_of(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith(f"{field}:")).split()[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def monitor_of(container):
    container.reload()
    with open(f"/proc/{container.attrs['State']['Pid']}/stat", encoding="ascii") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def goes_on(container):
    """Whether the container gets further: its program writes all the time."""
    def written():
        with open(f"/proc/{container.attrs['State']['Pid']}/io", encoding="ascii") as io:
            return int(next(line for line in io if line.startswith("wchar:")).split()[1])
    before = written()
    eventually(lambda: written() > before + 100000, "the container goes on")


def upgrade(engine, path, body=""):
    client = engine.connect()
    client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
    return client


def attach(engine, name, query="stream=1&stdout=1"):
    return upgrade(engine, f"/containers/{name}/attach?{query}")


@pytest.fixture
def many_descriptors():
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 4 * MANY:
        pytest.skip(f"a process may have {most} descriptors only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


def test_execs_that_nobody_reads(engine, run, many_descriptors):
    """As many further programs in one container, each with a client that never reads; every fifth has more to say than
    anyone keeps."""
    box = run("exec sleep 1000", name="crowded")
    engine_pid, monitor = engine.process.pid, monitor_of(box)
    before = descriptors(engine_pid)
    clients = []
    for number in range(MANY):
        program = ["cat", "/dev/zero"] if number % 5 == 0 else ["sleep", "1000"]
        answer = engine.ask("POST", "/containers/crowded/exec", ["Content-Type: application/json"], json.dumps(
            {"Cmd": program, "AttachStdout": True}).encode())
        made = json.loads(answer.partition(b"\r\n\r\n")[2])
        clients.append(upgrade(engine, f"/exec/{made['Id']}/start", '{"Detach": false}'))
        assert clients[-1].recv(12) == b"HTTP/1.1 101"
    # All of them begin, and who asks for something else meanwhile gets an answer.
    begun = time.monotonic()
    assert len(box.top()["Processes"]) > 1 and time.monotonic() - begun < PATIENCE
    eventually(lambda: len(box.top()["Processes"]) == MANY + 1, "all have begun", 4 * PATIENCE)
    # A queue for each that talks at the monitor, and nothing at the engine.
    assert status_of(monitor, "VmRSS") < MANY // 5 * 110 * HEAVY + (8 << 10) * HEAVY
    assert status_of(engine_pid, "VmRSS") < (40 << 10) * HEAVY
    eventually(lambda: status_of(engine_pid, "Threads") < 60, "their threads are gone")
    assert box.exec_run("echo more").output == b"more\n"
    for connection in clients:
        connection.close()
    eventually(lambda: descriptors(engine_pid) <= before + 8, "the engine has let go")
    box.kill()
    box.wait()
    eventually(lambda: not os.path.exists(f"/proc/{monitor}"), "the monitor has ended")


def test_attachers_that_never_read(engine, client, run, many_descriptors):
    box = run(COUNT, name="talks", log_config={"Type": "none"})
    engine_pid, monitor = engine.process.pid, monitor_of(box)
    before = descriptors(engine_pid), descriptors(monitor)
    clients = [attach(engine, "talks") for _ in range(MANY)]
    heads = [client.recv(12) for client in clients]
    assert set(heads) == {b"HTTP/1.1 101"}
    other = run(COUNT, name="other", log_config={"Type": "none"})
    other.reload()
    goes_on(other)  # the first one may wait for its clients; nobody else does
    # A queue of a megabyte for each of those that are served, and not more as time goes by.
    memory = status_of(monitor, "VmRSS")
    assert memory < (90 << 10) * HEAVY
    goes_on(other)
    assert status_of(monitor, "VmRSS") < memory + (8 << 10) * HEAVY
    assert engine.answers()
    eventually(lambda: status_of(engine_pid, "Threads") < 60, "their threads are gone")
    goes_on(other)
    for connection in clients:
        connection.close()
    eventually(lambda: descriptors(engine_pid) <= before[0] + 8 and descriptors(monitor) <= before[1] + 4, "all are gone")
    with attach(engine, "talks") as one:
        assert one.recv(12) == b"HTTP/1.1 101" and len(one.recv(1 << 16)) > 0
    goes_on(box)


def test_reader_that_stops(engine, run):
    box = run(COUNT, name="logged", log_config={"Type": "json-file", "Config": {"max-size": "200k", "max-file": "2"}})
    with engine.connect() as reader:
        reader.sendall(b"GET /containers/logged/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reader.recv(12) == b"HTTP/1.1 200"
        box.reload()
        goes_on(box)
        goes_on(box)
        folder = f"{engine.folder}/data/containers/{box.id}"
        assert sum(os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder)) < 2 << 20
        box.kill()
        assert engine.answers()


def ask_slowly(engine, text):
    """A connection that has sent this and waits."""
    client = engine.connect()
    client.sendall(text)
    return client


def test_slow_and_half_open_clients(engine, client, run):
    before = descriptors(engine.process.pid)
    heads = [b"", b"G", b"GET /_ping HTTP/1.1\r\n", b"POST /containers/create HTTP/1.1\r\nHost: x\r\n"
             b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", b"POST /images/load HTTP/1.1\r\nHost: x\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n10\r\nabc"]
    slow = [ask_slowly(engine, heads[i % len(heads)]) for i in range(250)]
    begun = time.monotonic()
    assert engine.answers() and run("echo fine", detach=False, remove=True) == b"fine\n"
    assert time.monotonic() - begun < PATIENCE
    for connection in slow:
        connection.close()
    eventually(lambda: descriptors(engine.process.pid) <= before + 8, "their descriptors are free")
    eventually(lambda: status_of(engine.process.pid, "Threads") < 60, "their threads are gone")


@pytest.mark.skipif(HEAVY > 1, reason="four thousand threads are too much for a sanitizer")
def test_crowd_that_says_nothing_does_not_keep_others_out(engine):
    """Where a socket's connections are used up, those that wait longest make room."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < 10000:
        pytest.skip(f"a process may have {most} descriptors only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crowd = []
    try:
        for _ in range(4300):
            crowd.append(engine.connect())
            crowd[-1].sendall(b"GET")
        begun = time.monotonic()
        assert engine.answers()
        assert time.monotonic() - begun < 5
        assert crowd[0].recv(1) == b""  # the first one went
    finally:
        for connection in crowd:
            connection.close()
    eventually(lambda: status_of(engine.process.pid, "Threads") < 60, "their threads are gone")


def raw(engine, data):
    with engine.connect() as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                answer += part
        return answer


@pytest.mark.parametrize("request_text", [
    b"GET /_ping HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200000 + b"\r\n\r\n",
    b"GET /_ping HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 30000 + b"\r\n",
    b"GET /containers/json?filters=" + b"x" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 18446744073709551615\r\n\r\n{",
    b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n"
    + b" " * 20000000,
    b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
    + b"[" * 200000,
    b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"ffffffffffffffff\r\n{",
], ids=["header", "headers", "query", "length", "body", "nesting", "chunk"])
def test_huge_requests(engine, request_text):
    memory = status_of(engine.process.pid, "VmRSS")
    answer = raw(engine, request_text)
    assert answer == b"" or answer.split()[1][:1] == b"4", answer[:100]
    assert engine.answers() and status_of(engine.process.pid, "VmRSS") < memory + (80 << 10) * HEAVY


# Bodies that are made up

SEEDS = [
    ("POST", "/containers/create", {"Image": "busybox", "Cmd": ["true"], "Env": ["A=b"], "Labels": {"a": "b"}, "HostConfig": {
        "NetworkMode": "none", "Memory": 1 << 26, "Binds": ["/tmp:/x:ro"], "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, "RestartPolicy": {"Name": "always"},
        "Mounts": [{"Type": "tmpfs", "Target": "/t"}], "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}], "Tmpfs": {"/y": ""},
        "SecurityOpt": ["seccomp=unconfined"], "Sysctls": {"kernel.shmmax": "1"}, "UsernsMode": "host"},
        "NetworkingConfig": {"EndpointsConfig": {"none": {"Aliases": ["a"]}}}, "Healthcheck": {"Test": ["CMD", "true"]}}),
    ("POST", "/volumes/create", {"Name": "made-up", "Driver": "local", "DriverOpts": {"size": "1m"}, "Labels": {"a": "b"}}),
    ("POST", "/containers/still/update", {"Memory": 1 << 26, "PidsLimit": 5, "RestartPolicy": {"Name": "no"}, "CpuShares": 5}),
    ("POST", "/containers/still/exec", {"Cmd": ["true"], "Env": ["A=b"], "User": "0", "WorkingDir": "/", "Tty": True}),
    ("POST", "/auth", {"username": "a", "password": "b", "serveraddress": "127.0.0.1:1"}),
    ("POST", "/networks/none/connect", {"Container": "still", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "1.2.3.4"}}}),
]
ODD = [None, True, 0, -1, 1 << 63, -(1 << 63), 1.5, 1e308, "", "x", "\0", "\ud7ff\u0001%s%n", "../../etc", "a" * 5000, [], {}, [[]],
       [None], {"": ""}, {"a": None}]


def spoil(dice, value):
    """Something near to the value."""
    if dice.random() < 0.2:
        return dice.choice(ODD)
    if isinstance(value, dict) and value:
        key = dice.choice(list(value))
        changed = dict(value)
        if dice.random() < 0.2:
            changed[dice.choice(["", key.lower(), key * 40, "\0"])] = changed.pop(key)
        else:
            changed[key] = spoil(dice, value[key])
        return changed
    if isinstance(value, list) and value:
        return [spoil(dice, element) for element in value] * dice.choice([1, 1, 1, 2, 500])
    return dice.choice(ODD)


def test_bodies_that_are_made_up(engine, client, create):
    create("true", name="still")
    dice = random.Random(int(os.environ.get("BERTH_ROBUST_SEED", "1")))
    end, count, kinds = time.monotonic() + SECONDS, 0, set()
    while time.monotonic() < end or count < 50:
        method, path, seed = dice.choice(SEEDS)
        body = json.dumps(spoil(dice, spoil(dice, seed))).encode()
        if dice.random() < 0.1:
            body = body[:dice.randrange(len(body) + 1)]
        answer = engine.ask(method, path, ["Content-Type: application/json"], body)
        status = int(answer.split()[1])
        kinds.add(status)
        count += 1
        assert status < 500 or status in (501, 503) or path == "/auth", (path, body[:2000], answer[-500:])
    assert engine.answers() and {201, 400} <= kinds
    remove_containers(client)
    for volume in client.volumes.list():
        volume.remove(force=True)


# A data root that is full

@contextlib.contextmanager
def small_engine(options):
    """An engine whose data root is a file system of its own, small enough to be filled."""
    small = Engine()
    os.makedirs(f"{small.folder}/data")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "berth-small", f"{small.folder}/data"], check=True)
    try:
        small.start()
        client = small.client()
        client.api.import_image_from_data(busybox_tar(), repository="busybox", tag="latest", changes=['CMD ["sh"]'])
        yield small, client
        remove_containers(client)
        assert small.stop() == 0, small.read_log()
    finally:
        if small.process.poll() is None:
            small.process.kill()
            small.process.wait()
        subprocess.run(["umount", "-l", f"{small.folder}/data"], check=True)
        small.remove()


def fill(path):
    """Takes all the room that is left."""
    with contextlib.suppress(OSError):
        with open(path, "wb") as file:
            for size in (1 << 16, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
                        file.flush()


def take_inodes(path):
    os.makedirs(path)
    with contextlib.suppress(OSError):
        for number in range(1 << 20):
            os.close(os.open(f"{path}/{number}", os.O_CREAT | os.O_WRONLY))


@pytest.mark.parametrize("what", ["room", "inodes"])
def test_full_data_root(what):
    with small_engine("size=24m,nr_inodes=2000") as (engine, client):
        box = client.containers.run("busybox", ["sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done"],
                                    name="goes-on", network_mode="none", detach=True)
        waiting = client.containers.create("busybox", ["true"], name="waits", network_mode="none")
        eventually(lambda: b"line 2" in box.logs(), "it talks")
        full = f"{engine.folder}/data/full"
        (fill if what == "room" else take_inodes)(full)
        failures = []
        much = {"much": "x" * (1 << 19)}
        for number in range(16):  # the database's log has room for some
            try:
                client.containers.create("busybox", ["true"], name=f"none{number}", network_mode="none", labels=much).start()
                time.sleep(0.1)
                (fill if what == "room" else lambda path: take_inodes(f"{path}{number}"))(f"{full}-{number}")
            except docker.errors.APIError as error:
                failures.append(str(error))
        assert failures and any("o space left" in failure or "is full" in failure for failure in failures), failures
        assert engine.answers() and client.info()["ContainersRunning"] >= 1
        box.reload()
        assert box.status == "running" and json.loads(engine.ask("GET", "/containers/json").partition(b"\r\n\r\n")[2])
        for name in os.listdir(f"{engine.folder}/data"):
            if name.startswith("full"):
                path = f"{engine.folder}/data/{name}"
                (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
        # There is room again.
        lines = box.logs().count(b"\n")
        eventually(lambda: box.logs().count(b"\n") > lines, "its log goes on")
        assert client.containers.run("busybox", ["echo", "again"], network_mode="none", remove=True) == b"again\n"
        waiting.start()
        assert waiting.wait()["StatusCode"] == 0
        box.kill()
        assert box.wait()["StatusCode"] == 137
        check = json.loads(engine.ask("POST", "/berth/check").partition(b"\r\n\r\n")[2])
        assert check["Problems"] == [] and check["Whole"] is True, check


def test_memory_killer_takes_others_first(client, engine):
    """The engine's score is not its containers'."""
    assert engine.stop() == 0
    engine.start("--oom-score-adjust", "300")
    with open(f"/proc/{engine.process.pid}/oom_score_adj", encoding="ascii") as file:
        assert int(file.read()) == 300
    assert client.containers.run("busybox", ["cat", "/proc/self/oom_score_adj"], network_mode="none", remove=True) == b"0\n"
    assert client.containers.run("busybox", ["cat", "/proc/self/oom_score_adj"], network_mode="none", remove=True,
                                 oom_score_adj=500) == b"500\n"
    assert engine.stop() == 0
    engine.start()
