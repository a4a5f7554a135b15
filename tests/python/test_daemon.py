# SPDX-License-Identifier: Apache-2.0
"""The engine as administrators know dockerd: its file, its sockets, TLS, authorization plugins, metrics, its end."""
import contextlib
import io
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from conftest import BUILD, PATIENCE, TOP, eventually


def berthd(*arguments):
    return subprocess.run([f"{BUILD}/berthd", *arguments], capture_output=True, text=True, timeout=60, check=False)


def configure(engine, **keys):
    with open(f"{engine.folder}/daemon.json", "w", encoding="ascii") as file:
        json.dump(keys, file)


def reload(engine, **keys):
    """Writes the file and has it read again; what the log says of it."""
    configure(engine, **keys)
    with open(engine.log, encoding="utf-8", errors="replace") as log:
        log.seek(0, os.SEEK_END)
        engine.process.send_signal(signal.SIGHUP)
        said = []

        def done():
            said.append(log.read())
            return re.search("was read again|nothing is changed", "".join(said))
        eventually(done, "the configuration is read again")
        return "".join(said)


@pytest.fixture(autouse=True)
def as_before(engine):
    yield
    configure(engine)


def restart(engine, *more):
    assert engine.stop() == 0, engine.read_log()
    engine.start(*more)


def info(engine):
    return json.loads(engine.ask("GET", "/info").partition(b"\r\n\r\n")[2])


# The file

@pytest.mark.parametrize("config, flags, messages", [
    ({"tlsverfy": True}, [], ['configuration option: tlsverfy (did you mean "tlsverify"?)']),
    ({"debug": 1, "colour": "red", "log-level": "loud", "mtu": 3},
     [], ["debug: expected true or false", "configuration option: colour", "--log-level: \"loud\"", "--mtu: 3 is not"]),
    ({"hosts": ["unix:///run/y"], "labels": ["a=b"]}, ["-H", "unix:///run/x", "--label", "c=d"],
     ["hosts: (from flag --host: [unix:///run/x], from file: [\"unix:///run/y\"])", "labels: (from flag"]),
    ({"userns-remap": "default"}, [], ["userns-remap is not supported: each container can have"]),
    ({"selinux-enabled": True, "default-runtime": "nvidia"}, [],
     ["selinux-enabled is not supported", '--default-runtime: "nvidia" is not there']),
    ({"exec-opts": ["native.cgroupdriver=systemd"]}, [], ["Delegate=yes"]),
    ({"builder": 5}, [], ["builder: expected an object of gc and entitlements"]),
    ({"builder": {"gc": {"policy": [{}, {"keepStorage": "much"}]}}}, [], ["builder.gc.policy[1].keepStorage: "]),
    ({"builder": {"gc": {"policy": [{"filter": ["colour=red"]}]}}}, [], ['builder.gc.policy[0].filter: "colour=red"']),
    ({"builder": {"gc": {"policy": [{"filter": ["until=soon"]}]}}}, [], ['builder.gc.policy[0].filter: "until=soon"']),
    ({"builder": {"gc": {"enabled": "yes"}, "x": {}}}, [], ["builder.gc.enabled: expected true or false"]),
    ({"builder": {"entitlements": {"network": True}}}, [], ["builder.entitlements.network: there is no such"]),
    ({"default-ulimits": {"nofile": 5}}, [], ['default-ulimits: expected an object of {"Soft"']),
    ({"default-shm-size": "much"}, [], ["default-shm-size: invalid argument"]),
    ({"live-restore": False, "stop-containers": True}, [], ["say the same thing"]),
    ({"tlsverify": True, "tlscacert": "/missing/ca", "tlscert": "/missing/cert", "tlskey": "/missing/key"}, [],
     ["--tlscacert: cannot read /missing/ca", "--tlscert: cannot read", "--tlskey: cannot read"]),
    ({"hosts": ["tcp://127.0.0.1:2375"]}, [], ["--allow-insecure-tcp"]),
    ({"hosts": ["npipe:////./pipe/x"]}, [], ["named pipes are of Windows"]),
    ({}, ["--selinux-enabled"], ["--selinux-enabled is not supported"]),
    ({}, ["--storage-opt", "size=1G"], ["--storage-opt is not supported"]),
])
def test_wrong_settings(tmp_path, config, flags, messages):
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps(config))
    result = berthd("--validate", "--config-file", str(path), *flags)
    assert (result.returncode, result.stdout) == (1, "")
    for message in messages:
        assert message in result.stderr, result.stderr
    assert all(line.startswith("berthd: ") for line in result.stderr.splitlines())


@pytest.mark.parametrize("config, flags, warnings", [
    ({"exec-opts": ["native.cgroupdriver=cgroupfs"], "storage-driver": "overlay2", "live-restore": True,
      "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 64, "Hard": 128}}, "default-shm-size": "128M",
      "shutdown-timeout": 3, "metrics-addr": "127.0.0.1:9323", "features": {"cdi": True}, "selinux-enabled": False,
      "default-address-pools": [{"base": "10.9.0.0/16", "size": 24}], "proxies": {"no-proxy": "x"},
      "builder": {"gc": {"enabled": True, "defaultKeepStorage": "20GB", "policy": [
          {"keepStorage": "10GB", "filter": ["unused-for=2200h", "type=source.local"]},
          {"reservedSpace": "1GB", "maxUsedSpace": "50GB", "minFreeSpace": "", "all": True}]},
          "entitlements": {"network-host": True, "security-insecure": False}}}, [], []),
    ({"userland-proxy": True, "experimental": True, "features": {"buildkit": True}, "max-download-attempts": 9}, [],
     ["userland-proxy has no effect", "experimental has no effect", "feature buildkit=true has no effect",
      "max-download-attempts has no effect"]),
    ({}, ["--containerd=/run/containerd.sock", "--raw-logs"], ["--containerd has no effect", "--raw-logs has no"]),
])
def test_settings_of_dockerd(tmp_path, config, flags, warnings):
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps(config))
    result = berthd("--validate", "--config-file", str(path), *flags)
    assert (result.returncode, result.stdout) == (0, "configuration OK\n"), result.stderr
    assert len(result.stderr.splitlines()) == len(warnings), result.stderr
    for warning in warnings:
        assert warning in result.stderr


def test_reload(engine, client):
    events = client.events(decode=True, filters={"type": "daemon"})
    said = reload(engine, labels=["a=b"], **{"registry-mirrors": ["https://m.example"], "mtu": 1400,
                                                         "insecure-registries": ["r.example:5000"],
                                                         "max-concurrent-downloads": 7})
    assert "what only a restart changes: --mtu" in said
    event = next(events)
    events.close()
    assert event["Action"] == "reload" and event["Actor"]["ID"] == info(engine)["ID"]
    attributes = event["Actor"]["Attributes"]
    assert attributes["labels"] == '["a=b"]' and attributes["max-concurrent-downloads"] == "7"
    shown = info(engine)
    assert shown["Labels"] == ["a=b"]
    assert shown["RegistryConfig"]["Mirrors"] == ["https://m.example"]
    assert shown["RegistryConfig"]["IndexConfigs"]["r.example:5000"]["Secure"] is False
    for wrong in ({"labels": ["c=d"], "colour": 1}, {"labels": ["c=d"], "registry-mirrors": ["nonsense"]}):
        assert "nothing is changed" in reload(engine, **wrong)
        assert info(engine)["Labels"] == ["a=b"]
    reload(engine)
    assert info(engine)["Labels"] == []


def test_builds_are_configured(engine, client):
    """The cache is collected by the rules that hold, also those of a reload and of a start; entitlements are refused."""
    def build(*words):
        text = "FROM busybox\n" + "".join(f"RUN echo {word} >/{word}\n" for word in words)
        client.images.build(fileobj=io.BytesIO(text.encode()), network_mode="none")

    def cached(wanted):
        eventually(lambda: len(client.api.df()["BuildCache"] or []) == wanted, f"{wanted} records are left")

    small = {"gc": {"policy": [{"all": True, "maxUsedSpace": 8}]}}
    reload(engine, builder={"gc": {"enabled": False}})
    build("first1", "second")
    cached(2)
    reload(engine, builder=small)
    cached(1)  # 7 bytes of 14; the one that the other stands on
    reload(engine, builder={"gc": {"policy": [{"keepStorage": "1GB"}]}})
    build("first1", "second")
    cached(2)
    configure(engine, builder=small)
    restart(engine)
    cached(1)
    said = reload(engine, builder={"entitlements": {"security-insecure": False, "device": False}})
    assert "restart" not in said
    for name, refused in (("security.insecure", True), ("device", True), ("network.host", False)):
        answer = engine.ask("POST", f"/build?allow={name}&remote=http://127.0.0.1:9/Dockerfile")
        assert (f"{name} is not allowed by the engine's configuration".encode() in answer) == refused, answer


def test_defaults_of_containers(engine, client, run):
    configure(engine, init=True, **{"default-shm-size": "32m", "no-new-privileges": True, "default-ulimits": {
        "nofile": {"Name": "nofile", "Soft": 77, "Hard": 88}}, "default-cgroupns-mode": "host"})
    restart(engine)
    box = run("ulimit -Sn; ulimit -Hn; grep NoNewPrivs /proc/self/status; df -k /dev/shm | tail -1; cat /proc/1/comm",
              detach=False).decode().split()
    assert box[:4] == ["77", "88", "NoNewPrivs:", "1"] and "32768" in box and box[-1] == "docker-init"
    own = run("ulimit -Sn; cat /proc/1/comm", init=False, ulimits=[{"Name": "nofile", "Soft": 11, "Hard": 12}],
              detach=False).decode().split()
    assert own == ["11", "cat"]
    configure(engine)
    restart(engine)


# Sockets

def test_missing_group_leaves_the_socket_to_root(engine):
    restart(engine, "--group", "no-such-group", "--http-proxy", "http://u:secret@p.example:3128", "--no-proxy", "a,b")
    shown = info(engine)
    assert (shown["HttpProxy"], shown["NoProxy"]) == ("http://xxxxx:xxxxx@p.example:3128", "a,b")
    status = os.stat(engine.socket)
    assert stat.S_IMODE(status.st_mode) == 0o660 and (status.st_uid, status.st_gid) == (0, 0)
    assert "group no-such-group for the engine's socket: there is none" in engine.read_log()
    restart(engine)


def test_several_hosts_and_the_warning_of_one_without_tls(engine):
    port = free_port()
    restart(engine, "-H", f"unix://{engine.socket}", "-H", f"unix://{engine.folder}/second.sock", "-H",
            f"tcp://127.0.0.1:{port}", "--allow-insecure-tcp")
    with socket.create_connection(("127.0.0.1", port)) as tcp:
        tcp.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        assert b"200 OK" in tcp.recv(4096)
    assert stat.S_IMODE(os.stat(f"{engine.folder}/second.sock").st_mode) == 0o660
    assert any(f"127.0.0.1:{port} without encryption" in warning for warning in info(engine)["Warnings"])
    restart(engine)
    assert not os.path.exists(f"{engine.folder}/second.sock") and info(engine)["Warnings"] == []


def test_socket_is_never_everybodys(tmp_path):
    """From its first moment on, whatever mask the engine was started with."""
    calls = tmp_path / "calls"
    (tmp_path / "daemon.json").write_text("{}")
    arguments = ["strace", "-f", "-o", str(calls), "-e", "trace=bind,umask,chmod,chown,listen", "sh", "-c",
                 f"umask 0; exec timeout -s KILL 20 {BUILD}/berthd --data-root {tmp_path}/data --exec-root {tmp_path}/run "
                 f"--config-file {tmp_path}/daemon.json --bridge none -H unix://{tmp_path}/x.sock -H nonsense://"]
    subprocess.run(arguments, capture_output=True, timeout=60, check=False)
    lines = [line.split(" ", 1)[1].strip() for line in calls.read_text().splitlines()]
    bind = next(i for i, line in enumerate(lines) if line.startswith("bind") and "x.sock" in line)
    assert [line for line in lines[:bind] if line.startswith("umask")][-1].startswith("umask(0177)")
    chmod = next(line for line in lines[bind:] if line.startswith("chmod"))
    assert "0660" in chmod


def free_port():
    """Not one that the kernel may give to somebody else meanwhile."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(15000, 30000)))
            return probe.getsockname()[1]


# What the service manager is told

class Manager:
    """Stands in for systemd: a socket that is notified."""

    def __init__(self, folder):
        self.path = f"{folder}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(30)
        self.seen = ""

    def wait(self, text):
        while text not in self.seen:
            self.seen += self.socket.recv(4096).decode() + "\n"
        seen, self.seen = self.seen, ""
        return seen


def test_notifications_and_watchdog(engine, tmp_path):
    manager = Manager(tmp_path)
    assert engine.stop() == 0
    os.environ.update(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="200000")
    try:
        engine.start()
    finally:
        del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
    manager.wait("READY=1")
    manager.wait("WATCHDOG=1")
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    engine.process.send_signal(signal.SIGHUP)
    seen = manager.wait("MONOTONIC_USEC=") + manager.wait("READY=1")
    assert "RELOADING=1" in seen
    assert int(re.search(r"MONOTONIC_USEC=(\d+)", seen)[1]) >= before * 1000000
    engine.process.send_signal(signal.SIGTERM)
    manager.wait("STOPPING=1")
    assert engine.process.wait(30) == 0
    engine.start()


def test_socket_activation(engine, tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{tmp_path}/passed.sock")
    listener.listen()
    assert engine.stop() == 0
    script = ('import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); '
              'os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1"); os.execv(sys.argv[2], sys.argv[2:])')
    process = subprocess.Popen(["/usr/bin/python3", "-c", script, str(listener.fileno()), *engine.arguments(), "-H", "fd://"],
                               pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(f"{tmp_path}/passed.sock")
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            assert b"200 OK" in client.recv(4096)
    finally:
        process.terminate()
        assert process.wait(30) == 0
        listener.close()
    assert os.path.exists(f"{tmp_path}/passed.sock")  # it is systemd's
    engine.start()


# Metrics

def test_metrics(engine, client, run):
    port = free_port()
    restart(engine, "--metrics-addr", f":{port}")
    begun = time.time()

    def events():
        return b"".join(client.events(since=begun, until=time.time())).count(b"\n")
    box = run("sleep 60", name="counted", healthcheck={"test": ["CMD", "false"], "interval": 50000000, "retries": 2})
    run("true", detach=False, remove=True)
    box.diff()
    box.commit("committed")
    client.images.remove("committed")
    eventually(lambda: len(client.api.inspect_container(box.id)["State"]["Health"]["Log"]) >= 2, "its health is checked")

    def get(path="/metrics"):
        with socket.create_connection(("127.0.0.1", port)) as http_socket:
            http_socket.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while data := http_socket.recv(65536):
                answer += data
            return answer.decode().partition("\r\n\r\n")
    told = events()
    head, _, text = get()
    assert "200 OK" in head and "text/plain; version=0.0.4" in head
    values, kinds = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            kinds[line.split()[2]] = line.split()[3]
        elif not line.startswith("# HELP "):
            match = re.fullmatch(r'([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? ([0-9.e+-]+)', line)
            assert match, line
            assert re.sub("_(bucket|sum|count)$", "", match[1]) in kinds or match[1] in kinds
            values[match[1] + (match[2] or "")] = float(match[3])
    assert values['engine_daemon_container_states_containers{state="running"}'] == 1
    assert values['engine_daemon_container_actions_seconds_count{action="start"}'] == 2
    assert values['engine_daemon_container_actions_seconds_count{action="create"}'] == 2
    assert values['engine_daemon_container_actions_seconds_bucket{action="start",le="+Inf"}'] == 2
    assert kinds["engine_daemon_container_actions_seconds"] == "histogram"
    assert values["engine_daemon_health_checks_total"] >= values["engine_daemon_health_checks_failed_total"] >= 2
    for action in ("changes", "commit"):
        assert values[f'engine_daemon_container_actions_seconds_count{{action="{action}"}}'] == 1
    assert 10 < told <= values["engine_daemon_events_total"] <= events()
    for function in ("operating_system", "os_version", "system_info"):
        assert values[f'engine_daemon_host_info_functions_seconds_count{{function="{function}"}}'] >= 1
    for action in ("allocate", "connect", "release"):  # tests/network/traffic.bats sees them count
        assert values[f'engine_daemon_network_actions_seconds_count{{action="{action}"}}'] == 0
    assert values["process_open_fds"] > 5 and values["process_resident_memory_bytes"] > 1 << 20
    assert abs(values["process_start_time_seconds"] - time.time()) < 120
    assert any(name.startswith("engine_daemon_engine_info{") for name in values)
    assert "404" in get("/containers/json")[0]
    restart(engine)


# Its end

def test_containers_go_on_or_are_stopped(engine, client, run):
    run("sleep 1000", name="goes-on")
    pid = client.containers.get("goes-on").attrs["State"]["Pid"]
    restart(engine)
    assert client.containers.get("goes-on").attrs["State"]["Pid"] == pid
    # Those that do not hear it end by force, all at the same time.
    for name in ("deaf1", "deaf2", "deaf3"):
        run("trap '' TERM; while :; do sleep 1; done", name=name, stop_signal="TERM")
    run("sleep 1000", name="again", restart_policy={"Name": "unless-stopped"})
    hears = run("trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done", name="hears")
    eventually(lambda: hears.logs() == b"ready\n", "it listens to its signal")
    reload(engine, **{"live-restore": False, "shutdown-timeout": 2})
    assert info(engine)["LiveRestoreEnabled"] is False
    begun = time.monotonic()
    assert engine.stop() == 0
    assert time.monotonic() - begun < 9  # and not the ten seconds that each has otherwise
    assert not os.path.exists(f"/proc/{pid}")
    configure(engine, **{"shutdown-timeout": 1})
    engine.start()
    states = {name: client.containers.get(name).attrs["State"] for name in ("goes-on", "deaf1", "deaf3", "hears")}
    assert [state["Running"] for state in states.values()] == [False] * 4
    assert states["deaf1"]["ExitCode"] == 137 and states["hears"]["ExitCode"] == 3
    eventually(lambda: client.containers.get("again").attrs["State"]["Running"], "its policy starts it again")
    # The machine goes down.
    pid = client.containers.get("again").attrs["State"]["Pid"]
    assert engine.stop(signal.SIGPWR) == 0
    assert not os.path.exists(f"/proc/{pid}")
    engine.start()


# Lists that are kept

# The first thread ends by itself alone, without what libc does when a process ends.
PREDECESSOR = """
import ctypes, fcntl, os, platform, sys, threading
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
os.write(file, f"{os.getpid()}\\n".encode())
threading.Thread(target=lambda: os._exit(len(sys.stdin.read()))).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


def test_predecessor_that_is_not_wholly_gone_is_waited_for(engine):
    """As one that was killed while a thread of it waited for the disk: a zombie already, it has its lock still."""
    def is_zombie(process):
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"

    def sleeps(process):
        with open(f"/proc/{process.pid}/wchan", encoding="ascii") as file:
            return "nanosleep" in file.read()

    assert engine.stop() == 0
    predecessor = subprocess.Popen(["/usr/bin/python3", "-c", PREDECESSOR, f"{engine.folder}/run/berthd.pid"],
                                   stdin=subprocess.PIPE)
    try:
        eventually(lambda: is_zombie(predecessor), "its first thread has ended")
        with open(engine.log, "ab") as log:
            engine.process = subprocess.Popen(engine.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(lambda: engine.process.poll() is not None or sleeps(engine.process), "it waits")
        assert engine.process.poll() is None, engine.read_log()
    finally:
        predecessor.stdin.close()
        assert predecessor.wait(PATIENCE) == 0
    eventually(engine.answers, "the engine answers")
    # One that runs is not waited for.
    again = subprocess.run(engine.arguments(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                           check=False)
    assert again.returncode == 1 and f"an engine runs already (process {engine.process.pid})" in again.stderr


def test_a_list_shows_each_change_at_once(engine, client, create):
    """Lists are kept as text: one that is asked for in a way which is not kept says the same, after every change."""
    def lists():
        kept, made = (json.loads(engine.ask("GET", f"/containers/json?all=1{more}").partition(b"\r\n\r\n")[2])
                      for more in ("", "&limit=1000"))
        brief = json.loads(engine.ask("GET", "/containers/json?all=1&brief=1").partition(b"\r\n\r\n")[2])
        fields = ("Id", "Names", "Image", "Command", "Created", "Ports", "State", "Status")
        for container in kept + made + brief:
            container["Status"] = container["Status"].rstrip("s")[:4]  # without the time
        assert brief == [{field: container[field] for field in fields} for container in kept]
        return kept, made
    steps = []
    box = create("sleep 1000", name="listed")
    steps.append(lists())
    for change in (box.start, box.pause, box.unpause, lambda: box.rename("renamed"), box.kill, box.wait,
                   lambda: client.images.get("busybox").tag("other"), lambda: box.remove(force=True)):
        steps.append(lists())
        change()
        steps.append(lists())
    for number, (kept, made) in enumerate(steps):
        assert kept == made, number
    assert steps[-1] == ([], []) and len({json.dumps(kept) for kept, _ in steps}) >= 6
    client.images.remove("other")


def test_every_option_is_documented():
    with open(f"{TOP}/docs/daemon.md", encoding="utf-8") as file:
        text = file.read()
    flags = re.findall(r"^(?:  -., |      )--([a-z0-9-]+)", berthd("--help").stdout, re.M)
    with open(f"{TOP}/src/programs/daemon-file.c", encoding="utf-8") as file:
        keys = re.findall(r'^\t\{"([a-z0-9-]+)", &', file.read(), re.M)
    with open(f"{TOP}/src/programs/daemon-foreign.c", encoding="utf-8") as file:
        foreign = re.findall(r'^\t\{"([a-z0-9-]+)",', file.read(), re.M)
    assert len(flags) > 60 and len(keys) > 50 and len(foreign) > 25
    missing = [f"--{flag}" for flag in flags if f"`--{flag}`" not in text]
    missing += [key for key in keys + foreign if f"`{key}`" not in text]
    assert missing == []
