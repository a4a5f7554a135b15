# SPDX-License-Identifier: Apache-2.0
"""User namespaces of containers: ids of their own, files that nobody re-owns, and the attacks on such things."""
import os
import subprocess

import docker
import pytest

from conftest import BUILD, eventually, remove_containers


class Mode(str):
    """docker-py knows "host" only."""
    def __ne__(self, other):
        return other != "host" and str.__ne__(self, other)

    __hash__ = str.__hash__


@pytest.fixture
def run(client):
    def run(script, userns_mode="host", **options):
        options = {"detach": True, "network_mode": "none", **options}
        return client.containers.run("busybox", ["sh", "-c", script], userns_mode=Mode(userns_mode), **options)
    return run


@pytest.fixture
def create(client):
    def create(script, userns_mode="host", **options):
        options = {"network_mode": "none", **options}
        return client.containers.create("busybox", ["sh", "-c", script], userns_mode=Mode(userns_mode), **options)
    return create


def process_of(container):
    container.reload()
    return container.attrs["State"]["Pid"]


def map_of(container, kind="uid"):
    with open(f"/proc/{process_of(container)}/{kind}_map") as file:
        return [[int(word) for word in line.split()] for line in file]


def snapshot_file(engine, container, path):
    return os.lstat(f"{engine.folder}/data/snapshots/{container.id}/fs/{path}")


def test_auto(engine, run):
    script = "id -u; stat -c %u:%g /bin/busybox /etc/hosts; touch /tmp/mine; mkdir /d; chown 1000:1001 /d; rm /etc/group"
    container = run(f"{script}; exec sleep 600", userns_mode="auto")
    eventually(lambda: len(container.logs().split()) == 3, "its words")
    assert container.logs().split() == [b"0", b"0:0", b"0:0"], container.logs()
    assert container.attrs["HostConfig"]["UsernsMode"] == "auto"
    first = map_of(container)[0]
    assert first[0] == 0 and first[1] >= 65536 and first[2] == 65536
    assert os.stat(f"/proc/{process_of(container)}").st_uid in (first[1], 0)
    with open(f"/proc/{process_of(container)}/status") as status:
        assert f"Uid:\t{first[1]}" in status.read()
    eventually(lambda: os.path.exists(f"{engine.folder}/data/snapshots/{container.id}/fs/d"), "its folder")
    # On disk its files are what they would be without: no id is of the range.
    assert snapshot_file(engine, container, "tmp/mine").st_uid == 0
    eventually(lambda: snapshot_file(engine, container, "d").st_uid == 1000, "the owner")
    assert snapshot_file(engine, container, "d").st_gid == 1001
    other = run("exec sleep 600", userns_mode="auto")
    assert abs(map_of(other)[0][1] - first[1]) >= 65536


def test_ranges_are_kept_and_freed(engine, run, client):
    container = run("exec sleep 600", userns_mode="auto:size=1000")
    first = map_of(container)
    assert first[0][2] == 1000
    engine.stop(9)
    engine.start()
    others = [run("exec sleep 600", userns_mode="auto:size=1000") for _ in range(3)]
    starts = sorted(map_of(other)[0][1] for other in others + [container])
    assert all(after - before >= 1000 for before, after in zip(starts, starts[1:]))
    container.restart(timeout=0)
    assert map_of(container) == first
    container.remove(force=True)
    # What is free is taken from below; there may be more now, if a range was kept ready for a container when this began.
    assert map_of(run("exec sleep 600", userns_mode="auto:size=1000"))[0][1] <= first[0][1]


def test_options(run):
    container = run("exec sleep 600", userns_mode="auto:size=2000,uidmapping=1000:4321:1,gidmapping=5:6:2")
    uids, gids = map_of(container), map_of(container, "gid")
    assert [1000, 4321, 1] in uids and [5, 6, 2] in gids and sum(line[2] for line in uids) == 2000
    joined = run("exec sleep 600", userns_mode=f"container:{container.id}", network_mode=f"container:{container.id}",
                 pid_mode=f"container:{container.id}")
    assert os.stat(f"/proc/{process_of(joined)}/ns/user").st_ino == os.stat(
        f"/proc/{process_of(container)}/ns/user").st_ino


def test_keep_id(engine, run, tmp_path):
    os.chmod(tmp_path, 0o755)
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 1234, 1235)
    output = run("id -u; id -g; touch /theirs/new; stat -c %u /theirs; echo $?", detach=False,
                 userns_mode="keep-id:hostuid=1234,hostgid=1235", volumes=[f"{tmp_path}/theirs:/theirs"])
    assert output.split() == [b"1234", b"1235", b"1234", b"0"]
    assert os.stat(tmp_path / "theirs/new").st_uid == 1234
    output = run("id -u; stat -c %u /theirs/new", detach=False, volumes=[f"{tmp_path}/theirs:/theirs"],
                 userns_mode="keep-id:uid=7,gid=8,hostuid=1234,hostgid=1235")
    assert output.split() == [b"7", b"7"]
    # The command says whose ids: here root's, as it would be without.
    done = subprocess.run([f"{BUILD}/berth", "-H", f"unix://{engine.socket}", "create", "--network", "none",
                           "--userns", "keep-id:uid=7", "busybox"], capture_output=True, text=True, check=False)
    attributes = engine.client().api.inspect_container(done.stdout.strip())
    assert attributes["HostConfig"]["UsernsMode"] == "keep-id:uid=7,hostuid=0,hostgid=0"
    assert attributes["Config"]["User"] == "7:0"


def test_volumes_and_binds(run, tmp_path, client):
    """What is on a volume belongs to whom it belongs to, whatever the map of the container that looks."""
    os.chmod(tmp_path, 0o777)
    options = {"volumes": ["shared:/v", f"{tmp_path}:/b"], "detach": False}
    run("touch /v/root /b/root; touch /v/user /b/user; chown 1000:1000 /v/user /b/user", userns_mode="auto", **options)
    for mode in ("host", "auto"):
        seen = run("stat -c %u /v/root /v/user /b/root /b/user", userns_mode=mode, **options)
        assert seen.split() == [b"0", b"1000", b"0", b"1000"], mode
    assert os.stat(tmp_path / "user").st_uid == 1000 and os.stat(tmp_path / "root").st_uid == 0
    with pytest.raises(docker.errors.APIError, match="map the mount's ids"):
        run("true", userns_mode="auto", volumes=["/proc/sys/kernel:/x"], detach=False)
    remove_containers(client)
    client.volumes.get("shared").remove()


def test_what_works_in_it(run):
    script = """set -ex
        echo x >/dev/null; echo x >/dev/shm/file; test -c /dev/urandom; head -c 4 /dev/urandom >/dev/null
        echo 10.1.2.3 name >>/etc/hosts; grep -q name /etc/hosts
        hostname >/dev/null; mkdir /mnt; cat /sys/kernel/mm/transparent_hugepage/enabled >/dev/null || :
        test "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" = 0
        test "$(cat /proc/sys/net/ipv4/ping_group_range | tr '\\t' ' ')" = "0 65535"
        ip link show lo | grep -q UP; ls /sys/fs/cgroup >/dev/null; su nobody -s /bin/sh -c 'id -u' | grep -q 65534
        echo done"""
    for options in ({}, {"init": True}):
        container = run(script, userns_mode="auto", **options)
        assert container.wait()["StatusCode"] == 0, container.logs().decode()
    assert run("stty size; tty", detach=False, userns_mode="auto", tty=True).strip().endswith(b"/dev/pts/0")
    assert run("touch /x", userns_mode="auto", read_only=True).wait()["StatusCode"] == 1


@pytest.mark.parametrize("options, words", [
    ({"userns_mode": "auto", "privileged": True}, "privileged mode is incompatible with user namespaces"),
    ({"userns_mode": "auto", "pid_mode": "host"}, "cannot share PID namespace when user namespaces are enabled"),
    ({"userns_mode": "auto", "network_mode": "host"}, "cannot share the host's network namespace"),
    ({"userns_mode": "auto", "ipc_mode": "host"}, "cannot share the host's IPC namespace"),
    ({"userns_mode": "auto", "pid_mode": "container:x"}, "has to be in the same user namespace"),
    ({"userns_mode": "nomap"}, "only for an engine of an ordinary user"),
    ({"userns_mode": "keep-id"}, "hostuid= and hostgid= have to say whose ids are kept"),
    ({"userns_mode": "auto:size=0"}, "invalid userns mode: auto:size=0: size=0"),
    ({"userns_mode": "auto:size=99999999999"}, "invalid userns mode"),
    ({"userns_mode": "auto:uidmapping=0:1:2,uidmapping=1:9"}, "is mapped twice"),
    ({"userns_mode": "elsewhere"}, "invalid userns mode: elsewhere"),
])
def test_refusals(create, options, words):
    with pytest.raises(docker.errors.APIError, match=words) as error:
        create("true", **options)
    assert error.value.response.status_code == 400


def test_user_beyond(create):
    container = create("true", userns_mode="auto:size=1000", user="5000")
    with pytest.raises(docker.errors.APIError, match="user 5000 does not exist in the container's user namespace"):
        container.start()


def test_limits_hold(run):
    """CVE-2025-47291: with a user namespace limits were forgotten. And it cannot change them."""
    container = run("ulimit -n; for f in /sys/fs/cgroup/*/tasks /sys/fs/cgroup/cgroup.procs; do echo 0 2>/dev/null >$f "
                    "&& echo moved $f; done; exec sleep 600", userns_mode="auto", mem_limit="32m", pids_limit=20)
    pid = process_of(container)
    with open(f"/proc/{pid}/cgroup") as groups:
        assert container.id in groups.read()
    eventually(lambda: container.logs(), "its words")
    assert b"moved" not in container.logs()
    hungry = run("x=a; while :; do x=$x$x; done", userns_mode="auto", mem_limit="16m")
    assert hungry.wait()["StatusCode"] == 137
    forks = run("for i in $(seq 50); do sleep 5 & done; echo all", userns_mode="auto", pids_limit=20)
    forks.wait()
    assert b"all" not in forks.logs(stderr=False)


def test_hostile_image_has_no_say(client, run):
    """CVE-2024-9676, CVE-2024-3056: the size of the range is never read out of the image."""
    donor = run("ln -sf /proc/self/mem /etc/passwd; rm /etc/group; mkfifo /etc/group; exit 0")
    donor.wait()
    with open("/etc/hostname", "rb"):
        container = run("exec sleep 600", userns_mode="auto")
    assert map_of(container)[0][2] == 65536


def test_data_is_out_of_reach(engine, run):
    """CVE-2021-21284: root of a container, once outside, owns nothing of the engine's. CVE-2015-1340: neither does
    it own anything that others' maps make its own."""
    container = run("exec sleep 600", userns_mode="auto")
    uid = map_of(container)[0][1]
    for path in ("data", "data/snapshots", f"run/{container.id}"):
        done = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "ls",
                               f"{engine.folder}/{path}"], capture_output=True, check=False)
        assert done.returncode != 0, path
    for folder, _, files in os.walk(f"{engine.folder}/data/snapshots/{container.id}"):
        for name in files:
            assert os.lstat(os.path.join(folder, name)).st_uid < 65536


def test_as_the_default(engine, run):
    """The engine's setting: what cannot have one of its own says so, and is in the host's."""
    engine.stop()
    engine.start("--userns", "auto")
    client = engine.client()
    try:
        container = client.containers.run("busybox", ["sleep", "600"], network_mode="none", detach=True)
        assert map_of(container)[0][2] == 65536
        container.reload()
        assert container.attrs["HostConfig"]["UsernsMode"] == "auto"
        other = client.containers.run("busybox", ["sleep", "600"], network_mode="host", detach=True)
        other.reload()
        assert other.attrs["HostConfig"]["UsernsMode"] == "host" and map_of(other)[0][2] == 4294967295
        answer = client.api._post_json(client.api._url("/containers/create"), data={
            "Image": "busybox", "HostConfig": {"Privileged": True, "NetworkMode": "none"}}).json()
        assert not answer["Warnings"]
        assert client.api.inspect_container(answer["Id"])["HostConfig"]["UsernsMode"] == "host"
    finally:
        engine.restart()
    done = subprocess.run(engine.arguments() + ["--userns", "some"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and '--userns: "some" is neither host nor auto' in done.stderr


def test_exec_and_copies(engine, run, tmp_path):
    """What comes in and goes out by exec, cp, commit and export has the container's ids."""
    (tmp_path / "file").write_text("x")
    os.chown(tmp_path / "file", 0, 0)
    container = run("touch /own; chown 1000:1000 /own; exec sleep 600", userns_mode="auto", name="box")
    assert container.exec_run("id -u").output == b"0\n"
    assert container.exec_run("id -u", user="1000").output == b"1000\n"

    def berth(*words):
        done = subprocess.run([f"{BUILD}/berth", "-H", f"unix://{engine.socket}", *words], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done
        return done.stdout
    berth("cp", f"{tmp_path}/file", "box:/tmp/in")
    assert container.exec_run("stat -c %u:%g /tmp/in").output == b"0:0\n"
    berth("cp", "-a", "box:/own", f"{tmp_path}/out")
    assert os.stat(tmp_path / "out").st_uid == 1000
    berth("export", "-o", f"{tmp_path}/tar", "box")
    listing = subprocess.run(["tar", "--numeric-owner", "-tvf", tmp_path / "tar"], capture_output=True, text=True,
                             check=True).stdout
    assert [line for line in listing.split("\n") if line.endswith(" own")][0].split()[1] == "1000/1000"
    berth("commit", "box", "made:here")
    assert berth("run", "--rm", "--network", "none", "made:here", "stat", "-c", "%u", "/own", "/tmp/in") == "1000\n0\n"
    engine.client().images.remove("made:here", force=True)
