# SPDX-License-Identifier: Apache-2.0
"""The engine as a whole: its program's options, its answers about itself, what it refuses."""
import concurrent.futures
import fcntl
import json
import os
import signal
import stat
import subprocess
import threading
import time

import docker
import pytest

from conftest import BUILD, eventually


def test_ping(engine, client):
    assert client.ping()
    head = engine.ask("HEAD", "/_ping").decode()
    for line in ("Api-Version: 1.47", "Ostype: linux", "Docker-Experimental: false", "Server: Berth/",
                 "Swarm: inactive", "Cache-Control: no-cache"):
        assert f"\r\n{line}" in head
    assert head.endswith("\r\n\r\n")


def test_ping_is_quick(engine):
    with engine.connect() as connection:
        best = 1
        for _ in range(200):
            begun = time.perf_counter()
            connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(4096)
            best = min(best, time.perf_counter() - begun)
    assert best < 0.005  # 0.05 ms without sanitizers; a packet that waits for a timer takes 40 ms


def test_version(client):
    version = client.version()
    assert version["ApiVersion"] == "1.47" and version["MinAPIVersion"] == "1.24"
    assert version["Os"] == "linux" and version["KernelVersion"] == os.uname().release
    assert [component["Name"] for component in version["Components"]]


def test_info(client, run):
    run("sleep 60")
    info = client.info()
    assert info["OSType"] == "linux" and info["NCPU"] == os.cpu_count()
    assert info["Containers"] >= 1 and info["ContainersRunning"] >= 1 and info["Images"] >= 1
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert info["CgroupVersion"] in ("1", "2")


def test_disk_usage(client):
    usage = client.df()
    assert usage["Images"] and usage["Volumes"] == [] and usage["BuildCache"] == []


def test_networks(client):
    names = {network["Name"] for network in client.api.networks()}
    assert {"none", "host"} <= names
    assert [network["Name"] for network in client.api.networks(names=["host"])] == ["host"]
    assert client.networks.get("none").attrs["Driver"] == "null"
    with pytest.raises(docker.errors.NotFound):
        client.networks.get("missing")
    with pytest.raises(docker.errors.APIError, match="pre-defined"):
        client.networks.get("host").remove()


def test_volumes_are_empty(client):
    assert client.volumes.list() == []
    with pytest.raises(docker.errors.NotFound):
        client.volumes.get("missing")


@pytest.mark.parametrize("method, path, status", [
    ("POST", "/session", 501),
    ("GET", "/plugins/privileges?remote=x", 501),
    ("GET", "/swarm", 503), ("GET", "/services", 503), ("GET", "/nodes", 503),
    ("GET", "/missing", 404), ("PATCH", "/info", 404), ("GET", "/v1.47/containers/json/", 404),
])
def test_refused(engine, method, path, status):
    answer = engine.ask(method, path).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert json.loads(answer.partition("\r\n\r\n")[2])["message"]


def test_old_and_new_versions(engine):
    assert b"client version 1.99 is too new. Maximum supported API version is 1.47" in engine.ask("GET", "/v1.99/info")
    assert b"client version 1.12 is too old. Minimum supported API version is 1.24" in engine.ask("GET", "/v1.12/info")
    assert engine.ask("GET", "/v1.24/info").startswith(b"HTTP/1.1 200 ")


def test_malformed_requests(engine):
    for request in (b"\r\n\r\n", b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                    b"GET /" + b"x" * 300000 + b" HTTP/1.1\r\n\r\n",
                    b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                    b"POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
        with engine.connect() as connection:
            try:
                connection.sendall(request)
                connection.shutdown(1)
                while connection.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert engine.answers()


def test_many_connections(engine):
    connections = [engine.connect() for _ in range(300)]
    for connection in connections:
        connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
    for connection in connections:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
        connection.close()


def test_parallel_requests(engine, client, run):
    run("sleep 60", name="shared")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda i: engine.ask("GET", ("/containers/shared/json", "/info", "/images/json")[i % 3]),
                                range(120)))
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


# The program

def berthd(*arguments):
    return subprocess.run([f"{BUILD}/berthd", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_help_and_version():
    shown = berthd("--help")
    assert shown.returncode == 0 and "--data-root" in shown.stdout and "--allow-insecure-tcp" in shown.stdout
    assert berthd("--version").stdout.startswith("Berth version ")
    assert "## POST /containers/create" in berthd("--describe-api").stdout


@pytest.mark.parametrize("config, flags, message", [
    ('{"debug": true}', [], None),
    ('{"labels": ["a=b"], "log-opts": {"max-size": "1m"}, "hosts": ["unix:///run/x"]}', [], None),
    ('{"insecure-registries": ["a:1", "10.0.0.0/8"], "registry-mirrors": ["https://m"], "max-concurrent-downloads": 5}', [],
     None),
    ('{"max-concurrent-downloads": "5"}', [], "max-concurrent-downloads: expected a number"),
    ('{"max-concurrent-uploads": 0}', [], "--max-concurrent-uploads: 0 is less than 1"),
    ('{"max-concurrent-downloads": 1000}', [], "--max-concurrent-downloads: is more than the limit of 64"),
    ('{"colour": "red"}', [], "don't match any configuration option: colour"),
    ('{"debug": true}', ["-D"], "specified both as a flag and in the configuration file: debug"),
    ('{"labels": ["a=b"]}', ["--label", "c=d"], "both as a flag and in the configuration file: labels"),
    ('{"debug": "yes"}', [], "debug: expected true or false"),
    ('{"hosts": "unix:///x"}', [], "hosts: expected an array of strings"),
    ('{"log-level": "loud"}', [], '--log-level: "loud"'),
    ("[]", [], "expected an object"),
    ("{", [], "line 1"),
    ("{}", ["--colour"], "unknown flag: --colour"),
    ("{}", ["--default-ulimit", "nofile"], '--default-ulimit: "nofile" is not NAME=SOFT[:HARD]'),
    ("{}", ["--add-runtime", "x=y"], "--add-runtime is not supported"),
    ("{}", ["--label", "nonsense"], "is not key=value"),
    ("{}", ["extra"], "accepts no arguments"),
])
def test_validate(tmp_path, config, flags, message):
    path = tmp_path / "daemon.json"
    path.write_text(config)
    result = berthd("--validate", "--config-file", str(path), *flags)
    if message:
        assert result.returncode == 1 and message in result.stderr
    else:
        assert (result.returncode, result.stdout) == (0, "configuration OK\n"), result.stderr


def test_missing_config_file():
    assert "/missing.json" in berthd("--validate", "--config-file", "/missing.json").stderr


def test_insecure_hosts_are_refused(engine, tmp_path):
    common = ["--data-root", f"{tmp_path}/data", "--exec-root", f"{tmp_path}/run", "--config-file",
              f"{engine.folder}/daemon.json"]
    assert "--allow-insecure-tcp" in berthd(*common, "-H", "tcp://127.0.0.1:0").stderr
    assert "expected unix:///path" in berthd(*common, "-H", "nonsense").stderr
    assert "no sockets were passed" in berthd(*common, "-H", "fd://").stderr
    assert not os.path.exists(f"{tmp_path}/run/berthd.pid")


def test_second_engine_is_refused(engine):
    result = subprocess.run(engine.arguments(), capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and f"an engine runs already (process {engine.process.pid})" in result.stderr
    result = subprocess.run(engine.arguments() + ["--pidfile", f"{engine.folder}/other.pid"], capture_output=True,
                            text=True, timeout=60, check=False)
    assert result.returncode == 1 and "another program listens on this socket" in result.stderr
    assert engine.answers()


def test_socket_is_private(engine):
    status = os.stat(engine.socket)
    assert stat.S_IMODE(status.st_mode) == 0o660 and status.st_uid == 0


def test_reload(engine):
    with open(f"{engine.folder}/daemon.json", "w") as file:
        file.write('{"colour": "red"}')
    engine.process.send_signal(signal.SIGHUP)
    eventually(lambda: "nothing is changed" in engine.read_log(), "a broken file is refused")
    with open(f"{engine.folder}/daemon.json", "w") as file:
        file.write('{"log-level": "error"}')
    engine.process.send_signal(signal.SIGHUP)
    eventually(lambda: "the configuration was read again" in engine.read_log(), "the file is read again")
    assert engine.answers()
    with open(f"{engine.folder}/daemon.json", "w") as file:
        file.write("{}")


def test_stop_is_clean(engine):
    with engine.connect() as events:
        events.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert events.recv(4096).startswith(b"HTTP/1.1 200 OK")
        begun = time.monotonic()
        assert engine.stop() == 0
        assert time.monotonic() - begun < 10
    assert not os.path.exists(engine.socket) and not os.path.exists(f"{engine.folder}/run/berthd.pid")
    engine.start()


def test_dying_engine_is_waited_for(engine):
    engine.stop(signal.SIGKILL)
    with open(f"{engine.folder}/run/berthd.pid", "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as a process does that the engine was just about to start a monitor with
        threading.Timer(0.3, lambda: fcntl.flock(file, fcntl.LOCK_UN)).start()
        engine.start()


def test_start_after_kill(engine):
    engine.stop(signal.SIGKILL)
    assert os.path.exists(engine.socket)
    engine.start()
