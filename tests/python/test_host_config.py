# SPDX-License-Identifier: Apache-2.0
"""Every field of a request to create a container, as the API's description has them: each is seen to take effect here or
by the test that its row names, or is refused by an error that names it. A field that nobody wrote a row for fails."""
import io
import json
import os
import pathlib
import re
import shutil
import tarfile
import time

import pytest

from conftest import TOP, eventually
from judge import SCHEMAS

MIB = 1 << 20


def cgroup(engine, container, v1, v2):
    for path in (f"/sys/fs/cgroup/{v1.split('/')[0]}/{engine.cgroup}/{container}/{v1.split('/')[1]}",
                 f"/sys/fs/cgroup/{engine.cgroup}/{container}/{v2}"):
        if os.path.exists(path):
            return pathlib.Path(path).read_text().split("\n")[0]
    return None


def prints(script, *wanted):
    """The container's program is this script, and prints one of these."""
    return {"script": script, "wanted": wanted}


def limits(v1, v2, *wanted):
    return {"limit": (v1, v2), "wanted": wanted}


def warns(words, *more):
    """Where this host's kernel has no such limit it is taken out, with a warning."""
    return {**(more[0] if more else {}), "warning": words}


def refused(*words):
    return {"refused": words}


def told(path, wanted, proof):
    """Inspect tells it; what it does is shown by the test that is named as "file: words of its first line", or it is
    a note that nobody is to act on: "note: why"."""
    return {"told": (path, wanted), "proof": proof}


NOTE = "note: "


def device_of(path):
    number = os.stat(path).st_dev
    name = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").split("/")[-1]
    return f"/dev/{name}" if os.path.exists(f"/dev/{name}") else None


BLOCK = device_of("/") or "/dev/vda"
RATE = [{"Path": BLOCK, "Rate": MIB}]

# field: (value, what is seen)
HOST = {
    "Annotations": ({"a.b/c": "d"}, {"bundle": ("annotations", {"a.b/c": "d"})}),
    "AutoRemove": (True, {"gone": True}),
    "Binds": (["/etc:/of/host:ro"], prints("test -d /of/host/ssl && touch /of/host/x 2>&1 | grep -c Read-only", "1")),
    "BlkioDeviceReadBps": (RATE, limits("blkio/blkio.throttle.read_bps_device", "io.max", r"\d+:\d+ (rbps=)?1048576")),
    "BlkioDeviceReadIOps": (RATE, limits("blkio/blkio.throttle.read_iops_device", "io.max", r"\d+:\d+ .*1048576")),
    "BlkioDeviceWriteBps": (RATE, limits("blkio/blkio.throttle.write_bps_device", "io.max", r"\d+:\d+ .*1048576")),
    "BlkioDeviceWriteIOps": (RATE, limits("blkio/blkio.throttle.write_iops_device", "io.max", r"\d+:\d+ .*1048576")),
    "BlkioWeight": (300, warns("Block I/O weight", limits("blkio/blkio.bfq.weight", "io.weight", ".*300", r"\w+ \d+"))),
    "BlkioWeightDevice": ([{"Path": BLOCK, "Weight": 300}], warns("weight_device", limits("blkio/blkio.bfq.weight_device", "io.weight", ".*300"))),
    "CapAdd": (["NET_ADMIN"], prints("grep CapBnd /proc/self/status | cut -f2", "00000000a80435fb")),
    "CapDrop": (["ALL"], prints("grep CapBnd /proc/self/status | cut -f2", "0000000000000000")),
    "Cgroup": ("container:x", refused("Cgroup")),
    "CgroupParent": ("/{engine.cgroup}/deeper", {"parent": "deeper"}),
    "CgroupnsMode": ("host", prints("readlink /proc/self/ns/cgroup", re.escape(os.readlink("/proc/self/ns/cgroup")))),
    "ConsoleSize": ([20, 70], {**prints("stty size", "20 70"), "Tty": True}),
    "ContainerIDFile": ("/x", told("HostConfig.ContainerIDFile", "/x", "tests/cli/run.bats: --cidfile has the id")),
    "CpuCount": (1, refused("CpuCount")),
    "CpuPercent": (1, refused("CpuPercent")),
    "CpuPeriod": (50000, limits("cpu/cpu.cfs_period_us", "cpu.max", "50000", "max 50000")),
    "CpuQuota": (20000, limits("cpu/cpu.cfs_quota_us", "cpu.max", "20000", "20000 100000")),
    "CpuRealtimePeriod": (1000000, {"either": (refused("CPU real-time"), limits("cpu/cpu.rt_period_us", "none", "1000000"))}),
    "CpuRealtimeRuntime": (1000, {"either": (refused("CPU real-time", "cpu.realtimeRuntime"),
                                            limits("cpu/cpu.rt_runtime_us", "none", "1000"))}),
    "CpuShares": (512, limits("cpu/cpu.shares", "cpu.weight", "512", "59")),
    "CpusetCpus": ("0", limits("cpuset/cpuset.cpus", "cpuset.cpus", "0")),
    "CpusetMems": ("0", limits("cpuset/cpuset.mems", "cpuset.mems", "0")),
    "DeviceCgroupRules": (["c 10:229 rw"], {**prints("mknod /fuse c 10 229; : </fuse && echo open", "open"), "CapAdd": 1}),
    "DeviceRequests": ([{"Driver": "cdi", "DeviceIDs": ["none.com/x=y"]}], refused("none.com/x=y")),
    "Devices": ([{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/renamed", "CgroupPermissions": "rw"}],
                prints(": </dev/renamed && stat -c %t:%T /dev/renamed", "a:e5")),
    "Dns": (["9.9.9.9"], prints("grep -c 'nameserver 9.9.9.9' /etc/resolv.conf", "1")),
    "DnsOptions": (["ndots:7"], prints("grep -c ndots:7 /etc/resolv.conf", "1")),
    "DnsSearch": (["example.org"], prints("grep -c 'search example.org' /etc/resolv.conf", "1")),
    "ExtraHosts": (["other:10.1.2.3"], prints("grep other /etc/hosts", "10.1.2.3\tother")),
    "GroupAdd": (["4321"], prints("id -G", ".*4321.*")),
    "IOMaximumBandwidth": (1, refused("IOMaximumBandwidth")),
    "IOMaximumIOps": (1, refused("IOMaximumIOps")),
    "Init": (True, prints("cat /proc/1/comm", "docker-init|berth-init")),
    "IpcMode": ("none", prints("ls -d /dev/shm 2>/dev/null || echo none; mount | grep -c /dev/shm", "none\r?\n0")),
    "Isolation": ("hyperv", refused("isolation")),
    "KernelMemory": (MIB, refused("kernel memory", "KernelMemory")),
    "KernelMemoryTCP": (MIB, refused("kernel memory", "KernelMemory")),
    "Links": (["nobody:x"], refused("can't be used with links")),
    "LogConfig": ({"Type": "none", "Config": {}}, {"logless": True}),
    "MaskedPaths": (["/proc/uptime"], prints("wc -c </proc/uptime", "0")),
    "Memory": (32 * MIB, limits("memory/memory.limit_in_bytes", "memory.max", str(32 * MIB))),
    "MemoryReservation": (16 * MIB, limits("memory/memory.soft_limit_in_bytes", "memory.low", str(16 * MIB))),
    "MemorySwap": (64 * MIB, {**limits("memory/memory.memsw.limit_in_bytes", "memory.swap.max", str(64 * MIB),
                                       str(32 * MIB)), "Memory": 32 * MIB}),
    "MemorySwappiness": (7, warns("swappiness", limits("memory/memory.swappiness", "none", "7"))),
    "Mounts": ([{"Type": "tmpfs", "Target": "/t"}], prints("grep -c ' /t tmpfs' /proc/mounts", "1")),
    "NanoCpus": (500000000, limits("cpu/cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000")),
    "NetworkMode": ("host", prints("readlink /proc/self/ns/net", re.escape(os.readlink("/proc/self/ns/net")))),
    "OomKillDisable": (True, warns("OomKillDisable", {**limits("memory/memory.oom_control", "none",
                                                              "oom_kill_disable 1"), "Memory": 32 * MIB})),
    "OomScoreAdj": (500, prints("cat /proc/self/oom_score_adj", "500")),
    "PidMode": ("host", prints("readlink /proc/self/ns/pid", re.escape(os.readlink("/proc/self/ns/pid")))),
    "PidsLimit": (33, limits("pids/pids.max", "pids.max", "33")),
    "PortBindings": ({"80/tcp": [{"HostPort": "1"}]}, warns("ublished ports", told(
        "HostConfig.PortBindings", {"80/tcp": [{"HostIp": "", "HostPort": "1"}]},
        "tests/network/publish.bats: from outside: both families"))),
    "Privileged": (True, prints("test -e /dev/fuse && grep CapBnd /proc/self/status | cut -f2", "000001[0-9a-f]{10}")),
    "PublishAllPorts": (True, told("HostConfig.PublishAllPorts", True,
                                    "tests/network/publish.bats: ranges, random ports and all that is exposed")),
    "ReadonlyPaths": (["/tmp"], prints("touch /tmp/x 2>&1 | grep -c Read-only", "1")),
    "ReadonlyRootfs": (True, prints("touch /x 2>&1 | grep -c Read-only", "1")),
    "RestartPolicy": ({"Name": "on-failure", "MaximumRetryCount": 2}, {"restarts": 2, "script": "exit 3"}),
    "Runtime": ("runc", refused("runc")),
    "Secrets": ([{"Source": "none"}], refused("secret none not found")),
    "SecurityOpt": (["no-new-privileges", "seccomp=unconfined", "apparmor=unconfined", "label=disable"],
                    prints("grep -E 'NoNewPrivs|Seccomp:' /proc/self/status | cut -f2", "1\r?\n0")),
    "ShmSize": (8 * MIB, prints("df -k /dev/shm | tail -1 | awk '{print $2}'", "8192")),
    "StorageOpt": ({"size": "100m"}, {"either": (refused("limit the size of"), told(
        "HostConfig.StorageOpt", {"size": "100m"},
        "tests/volumes/quota.bats: a container's own files take no more than its storage option"))}),
    "Sysctls": ({"kernel.shmmni": "99"}, prints("cat /proc/sys/kernel/shmmni", "99")),
    "Tmpfs": ({"/t": "size=1m"}, prints("grep ' /t tmpfs' /proc/mounts | grep -c size=1024k", "1")),
    "UTSMode": ("host", prints("readlink /proc/self/ns/uts", re.escape(os.readlink("/proc/self/ns/uts")))),
    "Ulimits": ([{"Name": "nofile", "Soft": 100, "Hard": 200}], prints("ulimit -n; ulimit -Hn", "100\r?\n200")),
    "UsernsMode": ("auto", prints("awk '{print ($2 > 0)}' /proc/self/uid_map", "1")),
    "VolumeDriver": ("nothing-here", {**refused("nothing-here"), "Volumes": {"/v": {}}}),
    "VolumesFrom": (["nobody"], refused("No such container: nobody")),
}
CONFIG = {
    "ArgsEscaped": (True, told("Config.ArgsEscaped", True, NOTE + "about images of Windows")),
    "AttachStderr": (True, told("Config.AttachStderr", True, NOTE + "what the client that made it attached")),
    "AttachStdin": (True, told("Config.AttachStdin", True, NOTE + "what the client that made it attached")),
    "AttachStdout": (True, told("Config.AttachStdout", True, NOTE + "what the client that made it attached")),
    "Cmd": (["echo", "words"], {"wanted": ("words",), "script": None}),
    "Domainname": ("example.org", prints("cat /proc/sys/kernel/domainname", "example.org")),
    "Entrypoint": (["echo"], {"wanted": ("sh -c words",), "script": "words"}),
    "Env": (["A=b c", "EMPTY=", "GONE", "TAB=x\ty"], prints("echo \"$A,$EMPTY,$TAB\"; env | grep -c GONE",
                                                            "b c,,x\ty\r?\n0")),
    "ExposedPorts": ({"80/tcp": {}}, told("Config.ExposedPorts", {"80/tcp": {}},
                                         "tests/network/publish.bats: ranges, random ports and all that is exposed")),
    "Healthcheck": ({"Test": ["CMD", "true"], "Interval": 100000000}, {"healthy": True}),
    "Hostname": ("box", prints("hostname; cat /etc/hostname; echo $HOSTNAME", "box\r?\nbox\r?\nbox")),
    "Image": ("nothing:here", refused("No such image: nothing:here")),
    "Labels": ({"a": "b\tc", "empty": ""}, told("Config.Labels", {"a": "b\tc", "empty": ""},
                                                      "tests/cli/containers.bats: ps with filters")),
    "MacAddress": ("02:42:ac:11:00:02", told(
        "State.Running", True, "tests/network/clients.bats: Debian's docker 20.10")),
    "NetworkDisabled": (True, prints("ls /sys/class/net", "lo")),
    "OnBuild": (["RUN x"], told("Config.OnBuild", ["RUN x"], "tests/python/test_host_config.py: test_what_a_commit_takes_along")),
    "OpenStdin": (True, {"script": "read x; exit 5", "waits": None}),
    "Shell": (["/bin/x"], told("Config.Shell", ["/bin/x"], "tests/python/test_host_config.py: test_what_a_commit_takes_along")),
    "StdinOnce": (True, told("Config.StdinOnce", True, "tests/python/test_streams.py: test_stdin_until_half_close")),
    "StopSignal": ("SIGUSR1", {"stops": 7, "script": "trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done"}),
    "StopTimeout": (0, {"stops at once": True, "script": "trap '' TERM; echo ready; while :; do sleep 0.05; done"}),
    "Tty": (True, prints("tty", "/dev/pts/0")),
    "User": ("65534:7", prints("id -u; id -g", "65534\r?\n7")),
    "Volumes": ({"/v": {}}, prints("grep -c ' /v ' /proc/mounts", "1")),
    "WorkingDir": ("/new/folder", prints("pwd", "/new/folder")),
}


class Refused(Exception):
    pass


def post(client, path, body=None):
    answer = client.api._post_json(client.api._url(path), data=body or {})
    if answer.status_code >= 400:
        raise Refused(answer.status_code, answer.json()["message"])
    return answer.json() if answer.content else {}


def create(engine, client, field, value, seen, host):
    script = seen.get("script", "sleep 600")
    body = {"Image": "busybox", "HostConfig": {"NetworkMode": "none"}}
    if script is not None:
        body["Cmd"] = ["sh", "-c", script]
    value = json.loads(json.dumps(value).replace("{engine.cgroup}", engine.cgroup))
    (body["HostConfig"] if host else body)[field] = value
    body["Tty"] = body.get("Tty") or seen.get("Tty", False)
    if "Memory" in seen:
        body["HostConfig"]["Memory"] = seen["Memory"]
    if "Volumes" in seen:
        body["Volumes"] = seen["Volumes"]
    if "limit" in seen or "told" in seen:
        body.setdefault("Cmd", ["sleep", "600"])
    answer = post(client, "/containers/create", body)
    return client.containers.get(answer["Id"]), answer.get("Warnings") or []


def find(attributes, path):
    for word in path.split("."):
        attributes = (attributes or {}).get(word)
    return attributes


def check(engine, client, field, value, seen, host):
    if "either" in seen:
        try:
            return check(engine, client, field, value, seen["either"][1], host)
        except Refused as error:
            assert any(word.lower() in error.args[1].lower() for word in seen["either"][0]["refused"]), error
            return None
    if "refused" in seen:
        with pytest.raises(Refused) as error:
            container, _ = create(engine, client, field, value, seen, host)
            post(client, f"/containers/{container.id}/start")
        status, message = error.value.args
        assert status in (400, 404, 409, 500, 501) and any(word in message for word in seen["refused"]), message
        return None
    container, warnings = create(engine, client, field, value, seen, host)
    if "warning" in seen and any(seen["warning"] in warning for warning in warnings):
        return None  # this kernel has no such limit, and it is said
    post(client, f"/containers/{container.id}/start")
    if "wanted" in seen and "limit" not in seen:
        container.wait()
        output = container.logs(stdout=True, stderr=True).decode().rstrip("\r\n")
        assert any(re.fullmatch(wanted, output) for wanted in seen["wanted"]), (field, output)
    elif "limit" in seen:
        now = cgroup(engine, container.id, *seen["limit"])
        assert now is not None and any(re.fullmatch(wanted, now) for wanted in seen["wanted"]), (field, now)
    elif "told" in seen:
        assert find(client.api.inspect_container(container.id), seen["told"][0]) == seen["told"][1], field
    elif "parent" in seen:
        pid = client.api.inspect_container(container.id)["State"]["Pid"]
        groups = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
        assert f"/{engine.cgroup}/{seen['parent']}/{container.id}" in groups, groups
    elif "bundle" in seen:
        name, wanted = seen["bundle"]
        config = json.loads(pathlib.Path(f"{engine.folder}/run/{container.id}/config.json").read_text())
        assert wanted.items() <= config[name].items(), config[name]
    elif "logless" in seen:
        answer = client.api._get(client.api._url("/containers/{0}/logs", container.id), params={"stdout": 1})
        assert "does not support reading" in answer.text, answer.text
    elif "healthy" in seen:
        eventually(lambda: client.api.inspect_container(container.id)["State"]["Health"]["Status"] == "healthy", "its health")
    elif "waits" in seen:
        assert client.api.inspect_container(container.id)["State"]["Running"]  # without it the end of file is there at once
        time.sleep(0.2)
        assert client.api.inspect_container(container.id)["State"]["Running"]
    elif "stops at once" in seen:
        eventually(lambda: b"ready" in container.logs(), "it ignores its signal")
        begun = time.monotonic()
        post(client, f"/containers/{container.id}/stop")
        assert time.monotonic() - begun < 8  # and not the ten seconds that it is otherwise
    elif "gone" in seen:
        container.kill()
        eventually(lambda: not client.containers.list(all=True, filters={"id": container.id}), "it is removed")
    elif "restarts" in seen:
        eventually(lambda: client.api.inspect_container(container.id)["RestartCount"] == 2, "it is started again")
    elif "stops" in seen:
        assert client.api.inspect_container(container.id)["Config"]["StopSignal"] == "SIGUSR1"
        eventually(lambda: b"ready" in container.logs(), "it listens to its signal")
        container.stop(timeout=20)
        assert client.api.inspect_container(container.id)["State"]["ExitCode"] == seen["stops"]
    return None


@pytest.mark.parametrize("field", sorted(HOST))
def test_host_config(engine, client, field):
    check(engine, client, field, *HOST[field], True)


@pytest.mark.parametrize("field", sorted(CONFIG))
def test_config(engine, client, field):
    check(engine, client, field, *CONFIG[field], False)


def proofs():
    for field, (_, seen) in {**HOST, **CONFIG}.items():
        for part in (seen, *seen.get("either", ())):
            if "proof" in part:
                yield field, part["proof"]


@pytest.mark.parametrize("field, proof", proofs())
def test_proofs_are_there(field, proof):
    """What is only told here is shown by a test that exists."""
    if proof.startswith(NOTE):
        assert len(proof) > len(NOTE) + 10
        return
    path, words = proof.split(": ", 1)
    lines = pathlib.Path(f"{TOP}/{path}").read_text().splitlines()
    assert any(re.match("@test |def test_", line) and words in line for line in lines), proof


def test_what_a_commit_takes_along(client):
    """Shell and OnBuild are said to whoever builds on the image that is made of the container; Shell to its probes, too."""
    made = post(client, "/containers/create", {
        "Image": "busybox", "Shell": ["/bin/sh", "-ec"], "OnBuild": ["RUN x"], "Cmd": ["sleep", "600"],
        "Healthcheck": {"Test": ["CMD-SHELL", "false; true"], "Interval": 100000000, "Retries": 1},
        "HostConfig": {"NetworkMode": "none"}})
    image = client.containers.get(made["Id"]).commit("committed")
    assert (image.attrs["Config"]["Shell"], image.attrs["Config"]["OnBuild"]) == (["/bin/sh", "-ec"], ["RUN x"])
    post(client, f"/containers/{made['Id']}/start")
    eventually(lambda: client.api.inspect_container(made["Id"])["State"]["Health"]["Status"] == "unhealthy", "its shell ends")
    client.containers.get(made["Id"]).remove(force=True)
    client.images.remove("committed")


def test_none_is_missing():
    """The engine's own tables are of the API's description; each of their rows has one here."""
    source = pathlib.Path(f"{TOP}/src/spec/api-config.c").read_text()
    for table, rows in (("host_config_fields", HOST), ("container_config_fields", CONFIG)):
        text = source[source.index(f"{table}[]"):]
        text = text[:text.index("{0}")]
        names = set(re.findall(r'(?:\.name = |, )"([A-Z][A-Za-z]+)"', text))
        assert len(names) > 20 and names == set(rows), names ^ set(rows)
    fields = set(SCHEMAS["Resources"]["properties"])
    for part in SCHEMAS["HostConfig"]["allOf"]:
        fields |= set(part.get("properties", {}))
    assert fields <= set(HOST) and set(SCHEMAS["ContainerConfig"]["properties"]) <= set(CONFIG)


@pytest.mark.parametrize("body, words", [
    ({"Env": ["=x"]}, "invalid environment variable"), ({"Env": [""]}, "invalid environment variable"),
    ({"Env": ["A" * 10]}, None), ({"Hostname": "a\nb"}, "control characters"), ({"User": "x\n"}, "control characters"),
    ({"HostConfig": {"CgroupParent": "../x"}}, "invalid cgroup parent"),
    ({"HostConfig": {"CgroupParent": "some.slice"}}, "systemd"),
    ({"HostConfig": {"StorageOpt": {"colour": "red"}}}, "colour"),
    ({"HostConfig": {"StorageOpt": {"size": "many"}}}, "size"),
    ({"HostConfig": {"Sysctls": {"kernel.panic": "1"}}}, "sysctl 'kernel.panic' is not allowed"),
    ({"HostConfig": {"NetworkMode": "host", "Sysctls": {"net.ipv4.ip_forward": "1"}}}, "shares the host's"),
    ({"HostConfig": {"SecurityOpt": ["label=type:x"]}}, "SELinux"),
    ({"HostConfig": {"SecurityOpt": ["colour=red"]}}, "colour=red"),
    ({"StopSignal": "SIGNOTHING"}, "SIGNOTHING"), ({"StopTimeout": -5}, "stop timeout"),
    ({"HostConfig": {"Annotations": {"": "x"}}}, "Annotations"),
])
def test_odd_content(client, body, words):
    body = {"Image": "busybox", **body}
    if words is None:
        post(client, "/containers/create", body)
        return
    with pytest.raises(Refused) as error:
        post(client, "/containers/create", body)
    assert words in error.value.args[1], error.value


def test_accounts_without_end(engine, client):
    """The image's /etc/passwd is data of a bounded size: a name in a file of a gigabyte is not found, a number works."""
    for user, words in (("nobody", "unable to find user nobody"), ("65534", None)):
        made = post(client, "/containers/create", {"Image": "busybox", "User": user,
                                                       "Cmd": ["grep", "Uid:", "/proc/self/status"]})
        path = f"{engine.folder}/data/snapshots/{made['Id']}/fs/etc"
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/passwd", "w") as file:
            file.truncate(1 << 30)
        if words:
            with pytest.raises(Refused, match=words):
                post(client, f"/containers/{made['Id']}/start")
        else:
            post(client, f"/containers/{made['Id']}/start")
            client.containers.get(made["Id"]).wait()
            assert client.containers.get(made["Id"]).logs().split()[1] == b"65534"


def test_files_of_names_where_there_is_no_etc(engine, client):
    """A root that is read-only and has none of the files gets them all the same."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = archive.gettarinfo(shutil.which("busybox"), "bin/busybox")
        entry.mode = 0o755
        with open(shutil.which("busybox"), "rb") as file:
            archive.addfile(entry, file)
    client.api.import_image_from_data(data.getvalue(), repository="bare")
    script = "cat /etc/hostname; echo $HOME $HOSTNAME $PATH; grep -c localhost /etc/hosts; test -f /etc/resolv.conf"
    made = post(client, "/containers/create", {
        "Image": "bare", "Hostname": "box", "Cmd": ["/bin/busybox", "sh", "-c", script.replace("cat", "/bin/busybox cat").replace(
            "grep", "/bin/busybox grep")], "HostConfig": {"ReadonlyRootfs": True}})
    post(client, f"/containers/{made['Id']}/start")
    container = client.containers.get(made["Id"])
    assert container.wait()["StatusCode"] == 0
    assert container.logs().decode().split("\n")[:3] == [
        "box", "/ box /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "2"]
    container.remove()
    client.images.remove("bare")
