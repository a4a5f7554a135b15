# SPDX-License-Identifier: Apache-2.0
"""docker-py through and through: every method of its clients and models that has to do with containers, exec, images,
networks, volumes, the system and plugins. What is called is counted: a method that no test calls must stand in a list
of reasons."""
import functools
import inspect
import io
import os
import re
import socket
import struct
import subprocess
import tarfile
import time

import docker
import pytest
import requests
from docker.models import containers, images, networks, plugins, volumes

from conftest import busybox_tar, engine_with_networks, eventually, remove_containers

SWARM = re.compile("swarm|service|node|task|secret|config|unlock")
NOT_CALLED = {
    "ImageCollection.prepare_model": "of docker-py's own", "ContainerCollection.prepare_model": "of docker-py's own",
    "NetworkCollection.prepare_model": "of docker-py's own", "VolumeCollection.prepare_model": "of docker-py's own",
    "PluginCollection.prepare_model": "of docker-py's own",
    "ImageCollection.create": "docker-py has none: it is the base class's",
    "APIClient.import_image_from_url": "only imports of the request's body are in this version",
    "APIClient.create_plugin": "managed plugins are not in this version; it needs a folder of one",
    "PluginCollection.create": "managed plugins are not in this version; it needs a folder of one",
    "PluginCollection.install": "managed plugins are not in this version: APIClient.pull_plugin is refused",
    **{f"Plugin.{name}": "there are no managed plugins in this version"
       for name in "configure disable enable enabled id name push reload remove settings short_id upgrade".split()},
}
called = set()


def classes():
    yield docker.APIClient
    yield docker.DockerClient
    for module in (containers, images, networks, volumes, plugins):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and kind is not containers.ExecResult:
                yield kind


def methods(kind):
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)) and not (
                kind in (docker.APIClient, docker.DockerClient) and (
                    name in dir(requests.Session) or SWARM.search(name) and name != "create_host_config"
                    and name not in ("create_container_config", "create_networking_config", "create_endpoint_config"))):
            yield name, member


def counted(name, function):
    @functools.wraps(function)
    def call(*arguments, **options):
        called.add(name)
        return function(*arguments, **options)
    return call


@pytest.fixture(scope="module", autouse=True)
def counting():
    patch = pytest.MonkeyPatch()
    for kind in classes():
        for name, member in methods(kind):
            full = f"{kind.__name__}.{name}"
            patch.setattr(kind, name, property(counted(full, member.fget)) if isinstance(member, property) else counted(
                full, member))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def engine(counting):
    with engine_with_networks() as engine:
        yield engine


@pytest.fixture
def api(client):
    return client.api


@pytest.fixture
def box(run):
    return run("trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done", name="box")


@pytest.fixture(scope="module")
def registry(engine):
    """Debian's docker-registry beside the engine; its address."""
    program = "/usr/bin/docker-registry"
    assert os.access(program, os.X_OK), "docker-registry is not installed"
    with open(f"{engine.folder}/registry.yml", "w") as file:
        file.write(f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {engine.folder}/registry}}}}\n"
                   "http: {addr: 127.0.0.1:5000}\n")
    process = subprocess.Popen(["nsenter", "-t", str(engine.process.pid), "-n", program, "serve",
                                f"{engine.folder}/registry.yml"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        def answers():
            return subprocess.run(["nsenter", "-t", str(engine.process.pid), "-n", "curl", "-sfo", "/dev/null",
                                   "http://127.0.0.1:5000/v2/"], check=False).returncode == 0
        eventually(answers, "the registry answers")
        yield "127.0.0.1:5000"
    finally:
        process.terminate()
        process.wait()


def frames(sock):
    """A framed stream that is read to its end."""
    data = b""
    while more := sock.recv(1 << 16):
        data += more
    said = {1: b"", 2: b""}
    while data:
        stream, length = data[0], struct.unpack(">I", data[4:8])[0]
        said[stream] += data[8:8 + length]
        data = data[8 + length:]
    return said[1], said[2]


def test_system(client, api, engine):
    assert client.ping() and api.ping()
    assert client.version()["ApiVersion"] == api.version(api_version=False)["ApiVersion"] == api.api_version == "1.47"
    assert client.info()["ServerVersion"] == api.info()["ServerVersion"]
    assert set(client.df()) == set(api.df()) == {"LayersSize", "Images", "Containers", "Volumes", "BuildCache"}
    assert api.reload_config() is None
    assert client.plugins.list() == api.plugins() == []
    for call in (lambda: client.plugins.get("nothing"), lambda: api.inspect_plugin("nothing"),
                 lambda: api.enable_plugin("nothing"), lambda: api.disable_plugin("nothing"),
                 lambda: api.remove_plugin("nothing"), lambda: api.push_plugin("nothing"),
                 lambda: api.configure_plugin("nothing", {"a": "b"}), lambda: api.upgrade_plugin("nothing", "x", [])):
        with pytest.raises(docker.errors.NotFound):
            call()
    for call in (lambda: api.plugin_privileges("x"), lambda: list(api.pull_plugin("x", []))):
        with pytest.raises(docker.errors.APIError, match="not supported by this version"):
            call()
    for collection in (client.services, client.nodes, client.secrets, client.configs):
        with pytest.raises(docker.errors.APIError, match="not a swarm manager"):
            collection.list()
    other = engine.client()
    other.close()


def test_events(client, api, create):
    since = int(time.time())
    container = create("true", name="told")
    container.start()
    container.wait()
    found = list(api.events(since=since, until=time.time(), filters={"container": "told"}, decode=True))
    assert [event["Action"] for event in found][:2] == ["create", "start"] and found[0]["Actor"]["Attributes"]["name"] == "told"
    stream = client.events(decode=True, filters={"event": "destroy"})
    container.remove()
    assert next(stream)["id"] == container.id
    stream.close()


def test_low_level_life(api):
    host = api.create_host_config(mem_limit="64m", network_mode="none", init=False, tmpfs={"/t": ""}, pids_limit=50,
                                  log_config=docker.types.LogConfig(type="json-file", config={"max-size": "1m"}))
    config = api.create_container_config("busybox", ["sleep", "1000"], environment={"A": "b"}, host_config=host)
    assert "A=b" in config["Env"]
    first = api.create_container_from_config(config, "first")
    second = api.create_container("busybox", "sh -c 'read x; echo $x; exit 4'", name="second", stdin_open=True,
                                  host_config=host, labels=["a"], user="0", working_dir="/t", hostname="h")
    assert first["Warnings"] == second["Warnings"] == []
    assert {container["Id"] for container in api.containers(all=True)} == {first["Id"], second["Id"]}
    assert api.containers(quiet=True) == [] and len(api.containers(all=True, limit=1)) == 1
    assert api.inspect_container(first)["Config"]["Env"] == config["Env"] or "A=b" in api.inspect_container(first)["Config"]["Env"]
    api.start(first)
    assert api.top(first)["Processes"][0][-1] == "sleep 1000"
    assert api.top(first, "-o pid,args")["Titles"] == ["PID", "COMMAND"]
    api.pause(first)
    assert api.inspect_container(first)["State"]["Paused"]
    api.unpause(first)
    api.rename(first, "renamed")
    assert api.update_container("renamed", mem_limit="80m", memswap_limit="80m")["Warnings"] in ([], None)
    assert api.inspect_container("renamed")["HostConfig"]["Memory"] == 80 << 20
    api.restart("renamed", timeout=0)
    assert api.stats("renamed", stream=False)["memory_stats"]["limit"] == 80 << 20
    api.kill("renamed", "SIGKILL")
    assert api.wait("renamed")["StatusCode"] == 137
    api.start("renamed")
    api.stop("renamed", timeout=0)
    api.remove_container("renamed", v=True)
    with pytest.raises(docker.errors.NotFound):
        api.inspect_container("renamed")
    sock = api.attach_socket("second", {"stdin": 1, "stdout": 1, "stream": 1})
    api.start("second")
    sock._sock.sendall(b"hello\n")
    assert frames(sock._sock) == (b"hello\n", b"")
    sock.close()
    assert api.wait("second", condition="not-running") == {"StatusCode": 4}
    assert api.logs("second") == b"hello\n" and list(api.logs("second", stream=True, timestamps=True))[0].endswith(b"hello\n")
    assert api.port("second", 80) is None
    assert api.diff("second") is None or isinstance(api.diff("second"), list)
    assert set(api.prune_containers()["ContainersDeleted"]) == {second["Id"]}


def test_models_of_containers(client, create, box):
    assert client.containers.get("box") == box and box in client.containers.list()
    assert len(box.short_id) in (10, 12) and box.id.startswith(box.short_id)
    assert box.name == "box" and box.status in ("created", "running") and box.labels == {} and box.ports == {}
    assert box.image.tags == ["busybox:latest"]
    box.reload()
    assert box.status == "running"
    eventually(lambda: box.logs(tail=1) == b"ready\n", "it runs")
    box.pause()
    box.unpause()
    box.rename("renamed")
    box.update(cpu_shares=512)
    box.reload()
    assert box.name == "renamed" and box.attrs["HostConfig"]["CpuShares"] == 512
    assert box.top()["Titles"][1] == "PID"
    assert next(box.stats(decode=True))["name"] == "/renamed"
    box.restart(timeout=0)
    eventually(lambda: box.logs().count(b"ready") == 2, "it runs again")
    box.kill()
    assert box.wait()["StatusCode"] == 137
    box.start()
    eventually(lambda: box.logs().count(b"ready") == 3, "it runs for the third time")
    box.stop(timeout=20)
    assert box.wait(condition="not-running")["StatusCode"] == 0
    box.remove()
    terminal = create("sleep 1000", tty=True)
    terminal.start()
    terminal.resize(10, 20)
    assert client.api.resize(terminal.id, 10, 20) is None
    terminal.kill()
    assert client.containers.prune()["ContainersDeleted"] == [terminal.id]
    assert client.containers.run("busybox", "echo hello", remove=True, network_mode="none") == b"hello\n"


def test_attach(client, api, create):
    container = create("echo out; echo err >&2; sleep 0.1")
    streams = container.attach(stream=True, demux=True, logs=False)
    container.start()
    said = list(streams)
    assert sorted(said, key=repr) == sorted([(b"out\n", None), (None, b"err\n")], key=repr)
    assert api.attach(container.id, stream=False, logs=True, stdout=True, stderr=False) == b"out\n"
    sock = container.attach_socket(params={"logs": 1, "stdout": 1, "stderr": 1})
    assert frames(sock._sock) == (b"out\n", b"err\n")
    sock.close()


def test_exec(client, api, box):
    assert box.exec_run("sh -c 'echo out; echo err >&2; exit 3'", demux=True) == (3, (b"out\n", b"err\n"))
    assert box.exec_run(["id", "-u"], user="nobody") == (0, b"65534\n")
    assert box.exec_run(["sh", "-c", "pwd; echo $A"], workdir="/tmp", environment={"A": "b"}).output == b"/tmp\nb\n"
    assert b"".join(box.exec_run("echo streamed", stream=True).output) == b"streamed\n"
    created = api.exec_create("box", ["cat"], stdin=True, tty=False)
    sock = api.exec_start(created, socket=True)
    sock._sock.sendall(b"through\n")
    sock._sock.shutdown(socket.SHUT_WR)
    assert frames(sock._sock) == (b"through\n", b"")
    sock.close()
    eventually(lambda: not api.exec_inspect(created)["Running"], "it has ended")
    assert api.exec_inspect(created["Id"])["ExitCode"] == 0
    terminal = api.exec_create("box", ["sleep", "1000"], tty=True)
    api.exec_start(terminal, detach=True, tty=True)
    api.exec_resize(terminal["Id"], 10, 20)
    assert api.exec_inspect(terminal)["Running"] and api.exec_inspect(terminal)["ProcessConfig"]["tty"]


def tar_of(name, data):
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return output.getvalue()


def read_tar(stream):
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        return {entry.name: archive.extractfile(entry).read() if entry.isfile() else None for entry in archive}


def test_files(client, api, box):
    assert box.put_archive("/tmp", tar_of("file", b"hello")) and api.put_archive("box", "/tmp", tar_of("other", b"x"))
    stream, stat = box.get_archive("/tmp/file")
    assert stat["name"] == "file" and stat["size"] == 5 and read_tar(stream) == {"file": b"hello"}
    stream, _ = api.get_archive("box", "/tmp", encode_stream=True)
    assert {"tmp", "tmp/file", "tmp/other"} <= set(read_tar(stream))
    changes = {change["Path"]: change["Kind"] for change in box.diff()}
    assert changes["/tmp/file"] == 1 and changes["/tmp"] == 0
    assert read_tar(box.export())["tmp/file"] == b"hello"
    assert "tmp/other" in read_tar(api.export("box"))
    made = box.commit("committed", "1", changes=["ENV A=b"], message="m", author="a")
    assert "A=b" in made.attrs["Config"]["Env"] and made.tags == ["committed:1"]
    assert api.commit("box", "committed", "2")["Id"].startswith("sha256:")
    assert client.containers.run("committed:1", "cat /tmp/file", network_mode="none", remove=True) == b"hello"
    for tag in ("1", "2"):
        client.images.remove(f"committed:{tag}")


def test_images(client, api, tmp_path):
    image = client.images.get("busybox")
    assert image.tags == ["busybox:latest"] and image.id.startswith("sha256:") and len(image.short_id) in (17, 19)
    assert image.labels == {} and image.history()[0]["Id"] == api.history("busybox")[0]["Id"] == image.id
    assert api.inspect_image("busybox")["Id"] == image.id and image in client.images.list(name="busybox")
    assert api.images("busybox", quiet=True) == [image.id]
    assert image.tag("tagged", "1") and api.tag("busybox", "tagged", "2", force=True)
    image.reload()
    assert set(image.tags) == {"busybox:latest", "tagged:1", "tagged:2"}
    saved = b"".join(image.save(named="tagged:1"))
    assert b"".join(api.get_image("tagged:2")) and api.remove_image("tagged:2")
    client.images.remove("tagged:1", noprune=True)
    assert client.images.load(saved)[0].tags == ["busybox:latest", "tagged:1"]
    assert any("Loaded image" in line.get("stream", "") for line in api.load_image(saved))
    assert api.prune_images({"dangling": True})["SpaceReclaimed"] == 0 and client.images.prune()["ImagesDeleted"] is not False
    assert client.images.prune_builds()["SpaceReclaimed"] == api.prune_builds()["SpaceReclaimed"] == 0
    archive = tmp_path / "root.tar"
    archive.write_bytes(busybox_tar())
    assert "sha256:" in api.import_image_from_file(str(archive), repository="imported", tag="file")
    assert "sha256:" in api.import_image(src=str(archive), repository="imported", tag="any")
    with open(archive, "rb") as file: # in pieces: of a file docker-py says both its length and that it comes in chunks
        assert "sha256:" in api.import_image_from_stream(iter(lambda: file.read(65536), b""), repository="imported",
                                                         tag="stream")
    assert "sha256:" in api.import_image_from_data(archive.read_bytes(), repository="imported", tag="data")
    for name in [tag for image in client.images.list("imported") for tag in image.tags] + ["tagged:1"]:
        client.images.remove(name)
    # Docker's engine has no such import either: fromImage is a pull.
    with pytest.raises(docker.errors.APIError):
        api.import_image_from_image("127.0.0.1:1/nothing", repository="imported")
    for build in (lambda: client.images.build(fileobj=io.BytesIO(b"FROM busybox")),
                  lambda: list(api.build(fileobj=io.BytesIO(b"FROM busybox")))):
        assert build()


def test_registries(client, api, registry):
    client.images.get("busybox").tag(f"{registry}/box", "1")
    said = list(client.images.push(f"{registry}/box", "1", stream=True, decode=True))
    digest = said[-1]["aux"]["Digest"]
    assert "error" not in said[-1] and list(api.push(f"{registry}/box", "1", stream=True))
    client.images.remove(f"{registry}/box:1")
    data = client.images.get_registry_data(f"{registry}/box:1")
    assert data.id == digest and digest.startswith(data.short_id) and data.has_platform("linux/amd64")
    data.reload()
    assert api.inspect_distribution(f"{registry}/box:1")["Descriptor"]["digest"] == digest
    assert data.pull().id == client.images.pull(f"{registry}/box", "1").id
    assert "Status: " in api.pull(f"{registry}/box", tag="1")
    client.images.remove(f"{registry}/box:1")
    for search in (client.images.search, api.search):
        with pytest.raises(docker.errors.APIError):
            search("127.0.0.1:1/box")
    for login in (client.login, api.login):
        with pytest.raises(docker.errors.APIError):
            login("user", "password", registry="127.0.0.1:1", reauth=True)


def test_networks(client, api, run):
    config = api.create_networking_config({"net": api.create_endpoint_config(aliases=["alias"], ipv4_address="10.99.0.7")})
    pool = docker.types.IPAMPool(subnet="10.99.0.0/24", gateway="10.99.0.1")
    net = client.networks.create("net", driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=[pool]), labels={"a": "b"},
                                 check_duplicate=True)
    assert net.name == "net" and net.id.startswith(net.short_id) and net.containers == []
    assert client.networks.get("net") == net and net in client.networks.list(names=["net"], greedy=True)
    api.create_container("busybox", ["sleep", "1000"], name="box", networking_config=config,
                         host_config=api.create_host_config(network_mode="net"))
    api.start("box")
    net.reload()
    assert [container.name for container in net.containers] == ["box"]
    assert api.inspect_network("net")["Containers"][client.containers.get("box").id]["IPv4Address"] == "10.99.0.7/24"
    other = api.create_network("other", options={"com.docker.network.bridge.name": "bother"})
    client.networks.get("other").connect("box", aliases=["second"])
    client.networks.get("other").disconnect("box")
    api.connect_container_to_network("box", "other", ipv4_address=None)
    assert set(api.inspect_container("box")["NetworkSettings"]["Networks"]) == {"net", "other"}
    api.disconnect_container_from_network("box", "other", force=True)
    client.containers.run("busybox", "sleep 1000", detach=True, name="open", ports={"80/tcp": 8080, "81/tcp": None})
    assert client.containers.get("open").ports["80/tcp"][0]["HostPort"] == "8080"
    assert api.port("open", 80)[0]["HostPort"] == "8080"
    assert {network["Name"] for network in api.networks(filters={"type": "custom"})} == {"net", "other"}
    api.remove_network(other["Id"])
    remove_containers(client)
    net.remove()
    client.networks.create("unused")
    assert client.networks.prune()["NetworksDeleted"] == ["unused"]
    client.networks.create("unused")
    assert api.prune_networks()["NetworksDeleted"] == ["unused"]


def test_volumes(client, api, run):
    volume = client.volumes.create("vol", driver="local", labels={"a": "b"})
    assert volume.name == volume.id == volume.short_id == "vol" and client.volumes.get("vol") == volume
    assert volume in client.volumes.list(filters={"label": "a=b"})
    assert run("echo kept >/v/file", volumes={"vol": {"bind": "/v", "mode": "rw"}}).wait()["StatusCode"] == 0
    assert run("cat /v/file", volumes=["vol:/v:ro"], detach=False) == b"kept\n"
    volume.reload()
    assert api.inspect_volume("vol")["Mountpoint"] == volume.attrs["Mountpoint"]
    assert api.create_volume("other")["Name"] == "other" and len(api.volumes()["Volumes"]) == 2
    api.remove_volume("other", force=True)
    with pytest.raises(docker.errors.APIError, match="in use"):
        volume.remove()
    remove_containers(client)
    volume.remove()
    client.volumes.create("third")
    assert client.volumes.prune({"all": ["1"]})["VolumesDeleted"] == ["third"]
    assert api.prune_volumes()["VolumesDeleted"] in ([], None)


def test_every_method_was_called(request):
    ran = {item.name for item in request.session.items if item.fspath == request.node.fspath}
    if len(ran) < len([name for name in globals() if name.startswith("test_")]):
        pytest.skip("only some tests of this file run")
    every = {f"{kind.__name__}.{name}" for kind in classes() for name, _ in methods(kind)}
    missing = every - called - NOT_CALLED.keys()
    assert not missing, sorted(missing)
    assert not NOT_CALLED.keys() - every, "a reason for what is not there"
