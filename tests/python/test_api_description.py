# SPDX-License-Identifier: Apache-2.0
"""Docker's description of its API as the judge of ours: every operation, parameter and status that it has for
containers, exec, images, the system, networks, volumes and plugins is provoked here, and the answers must fit."""
import io
import re
import subprocess
import tarfile
import time

import pytest

from conftest import BUILD, busybox_tar, engine_with_networks
from judge import OPERATIONS, Judge, SCHEMAS

# Statuses that are not provoked, and why.
REASONS = {
    "500": "the engine's own failure: what a client can provoke has another status",
}
UNPROVOKED = {
    ("POST /auth", "200"): "needs a registry: tests/images", ("POST /auth", "204"): "Docker answers 200",
    ("POST /auth", "401"): "needs a registry: tests/images",
    ("GET /distribution/{name}/json", "200"): "needs a registry: tests/images",
    ("GET /distribution/{name}/json", "401"): "needs a registry: tests/images",
    ("GET /images/search", "200"): "needs a registry: tests/images",
    ("POST /images/{name}/push", "200"): "needs a registry: tests/images",
    ("POST /images/create", "404"): "needs a registry: tests/images",
    ("POST /containers/{id}/attach", "200"): "test_streams.py",
    ("POST /containers/{id}/attach", "101"): "test_streams.py",
    ("GET /containers/{id}/attach/ws", "200"): "a WebSocket has 101",
    ("GET /containers/{id}/attach/ws", "101"): "test_websocket.py",
    ("POST /build", "500"): "is told in the stream",
    ("POST /images/{name}/tag", "409"): "Docker moves the name",
    ("DELETE /containers/{id}", "400"): "that of --link: there is no such link",
    ("POST /networks/create", "404"): "of a driver that is a plugin: tests/plugins",
    ("POST /networks/create", "403"): "a swarm's",
    ("POST /networks/{id}/connect", "403"): "a swarm's",
    ("PUT /volumes/{name}", "200"): "a swarm's", ("PUT /volumes/{name}", "400"): "a swarm's",
    ("PUT /volumes/{name}", "404"): "a swarm's",
}
UNPROVOKED.update({(name, status): "there are no managed plugins in this version: none is found"
                   for name, operation in OPERATIONS.items() if operation["path"].startswith("/plugins/{name}")
                   for status in ("200", "204")})
# Operations that are refused by their name, and why.
REFUSED = {
    "POST /session": "BuildKit's protocol is not in this version",
    "GET /plugins/privileges": "managed plugins are not in this version",
    "POST /plugins/pull": "managed plugins are not in this version",
    "POST /plugins/create": "managed plugins are not in this version",
    "POST /swarm/init": "swarm mode is not in this version",
    "POST /swarm/join": "swarm mode is not in this version",
}
SWARM = ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")


@pytest.fixture(scope="module")
def engine():
    """In a network namespace of its own, so that there are networks."""
    with engine_with_networks(changes=('CMD ["sh"]', "EXPOSE 80/tcp", "VOLUME /data", "LABEL kind=test")) as engine:
        yield engine


@pytest.fixture(scope="module")
def all_judged(engine):
    return Judge(engine)


@pytest.fixture
def judge(all_judged, client):
    yield all_judged
    all_judged.settle()


def test_every_route_is_there(engine, judge):
    """Every operation answers something of its own, bare and beneath each version, and knows its parameters."""
    described = subprocess.run([f"{BUILD}/berthd", "--describe-api"], capture_output=True, text=True, check=True).stdout
    parameters = {}
    for section in described.split("\n## ")[1:]:
        title = re.sub(r"\{[^}]*\}", "{}", section.splitlines()[0])
        parameters.setdefault(title, set()).update(re.findall(r"^\| `([^`]*)` \|", section, re.MULTILINE))
    missing = []
    for name, operation in OPERATIONS.items():
        title = re.sub(r"\{[^}]*\}", "{}", name)
        if title not in parameters and name != "HEAD /_ping":
            missing.append(name)
        elif name not in REFUSED:
            known = parameters.get(title, set())
            missing += [f"{name}: {query}" for query in operation.get("query", {}) if query not in known]
    assert not missing, "\n".join(missing)


def test_swarm(engine, judge):
    """Operations of swarm mode answer as those of an engine that is in no swarm."""
    for name, operation in OPERATIONS.items():
        if operation["path"].startswith(SWARM) and name not in REFUSED:
            path = re.sub(r"\{\w+\}", "x", operation["path"])
            answer = engine.ask(operation["method"], f"{path}?version=1", ["Content-Type: application/json"], b"{}")
            assert b" 503 " in answer.split(b"\r\n")[0] and b'This node is not a swarm manager. Use \\"docker swarm init' \
                in answer, f"{name}: {answer}"


def make(judge, name, *, status=201, run=False, **config):
    config = {"Image": "busybox", "Cmd": ["sleep", "1000"], **config}
    created = judge.ask("POST /containers/create", status, query={"name": name}, body=config)
    if run:
        judge.ask("POST /containers/{id}/start", 204, id=name)
    return created


def test_containers(judge, client):
    created = make(judge, "box", run=True, Labels={"a": "b"}, Healthcheck=None, HostConfig={
        "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}, "Tmpfs": {"/tmp": ""}, "Memory": 64 << 20,
        "Mounts": [{"Type": "volume", "Source": "box", "Target": "/v"}], "Binds": ["/etc:/host:ro"]})
    make(judge, "refused", status=400, Cmd=None, HostConfig={"Memory": 1})
    make(judge, "no-image", status=404, Image="nothing/here")
    make(judge, "box", status=409)
    make(judge, "still")
    make(judge, "terminal", run=True, Tty=True)
    judge.ask("GET /containers/json", 200, query={"all": "1", "size": "1"})
    listed = judge.ask("GET /containers/json", 200, query={"limit": "1", "filters": {"label": ["a=b"]}})
    assert listed[0]["Id"] == created["Id"]
    judge.ask("GET /containers/json", 400, query={"filters": {"bogus": ["x"]}})
    judge.ask("GET /containers/{id}/json", 200, id="box", query={"size": "1"})
    judge.ask("GET /containers/{id}/json", 200, id="still")
    judge.ask("GET /containers/{id}/top", 200, id="box", query={"ps_args": "aux"})
    judge.ask("GET /containers/{id}/stats", 200, id="box", query={"stream": "0", "one-shot": "1"})
    judge.ask("GET /containers/{id}/logs", 200, id="box", query={"stdout": "1", "tail": "all", "timestamps": "1"})
    judge.ask("POST /containers/{id}/resize", 200, id="terminal", query={"h": "10", "w": "20"})
    judge.ask("POST /containers/{id}/start", 304, id="box")
    judge.ask("POST /containers/{id}/start", 400, id="still", query={"detachKeys": ""}, body={"Binds": ["/:/host"]})
    judge.ask("POST /containers/{id}/pause", 204, id="box")
    judge.ask("GET /containers/{id}/json", 200, id="box")
    judge.ask("POST /containers/{id}/unpause", 204, id="box")
    judge.ask("POST /containers/{id}/rename", 204, id="box", query={"name": "renamed"})
    judge.ask("POST /containers/{id}/rename", 409, id="renamed", query={"name": "still"})
    judge.ask("POST /containers/{id}/attach", 400, id="renamed", query={"stream": "1", "detachKeys": "ctrl-."})
    judge.ask("GET /containers/{id}/attach/ws", 400, id="renamed")
    judge.ask("POST /containers/{id}/wait", 400, id="renamed", query={"condition": "bogus"})
    judge.ask("DELETE /containers/{id}", 409, id="renamed")
    judge.ask("POST /containers/{id}/update", 200, id="renamed", body={"Memory": 80 << 20, "MemorySwap": -1})
    judge.ask("POST /containers/{id}/restart", 204, id="renamed", query={"t": "0"})
    judge.ask("POST /containers/{id}/kill", 204, id="renamed", query={"signal": "KILL"})
    judge.ask("POST /containers/{id}/wait", 200, id="renamed", query={"condition": "not-running"})
    judge.ask("POST /containers/{id}/kill", 409, id="renamed")
    judge.ask("POST /containers/{id}/start", 204, id="renamed")
    judge.ask("POST /containers/{id}/stop", 204, id="renamed", query={"t": "0", "signal": "KILL"})
    judge.ask("POST /containers/{id}/stop", 304, id="renamed")
    judge.ask("GET /containers/{id}/json", 200, id="renamed")
    judge.ask("DELETE /containers/{id}", 204, id="renamed", query={"v": "1", "force": "1"})
    judge.ask("POST /containers/prune", 200, query={"filters": {"until": ["0s"]}})
    judge.ask("POST /containers/prune", 200)


def test_nobody(judge):
    """Operations on a container that is not there."""
    for name, operation in OPERATIONS.items():
        if operation["path"].startswith("/containers/{id}") and "404" in operation["statuses"]:
            required = {key: "1" for key in operation.get("required", ())}
            if name.endswith("/logs"):
                required["stdout"] = "1"
            body = {} if operation["method"] == "POST" and "body" in operation else None
            headers = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] if name.endswith("/ws") else ()
            error = judge.ask(name, 404, id="nobody", query=required, headers=headers,
                              **({"raw": b""} if name.startswith("PUT") else {"body": body}))
            assert operation["method"] == "HEAD" or error is None or error["message"] == "No such container: nobody"


def test_host_config_is_whole(judge, client):
    """What is asked for is what inspect says, with all the fields that it was not asked for, too."""
    make(judge, "box")
    shown = judge.ask("GET /containers/{id}/json", 200, id="box")
    host = {**SCHEMAS["Resources"]["properties"], **SCHEMAS["HostConfig"]["allOf"][1]["properties"]}
    wanted = {name for name in host if not re.match("Mounts|StorageOpt|Tmpfs|Sysctls|Annotations|Init$|KernelMemory", name)}
    assert not wanted - shown["HostConfig"].keys()


def test_exec(judge, client):
    make(judge, "box", run=True)
    created = judge.ask("POST /containers/{id}/exec", 201, id="box", body={"Cmd": ["cat"], "AttachStdin": True, "Tty": True,
                                                                          "AttachStdout": True, "User": "0"})
    shown = judge.ask("GET /exec/{id}/json", 200, id=created["Id"])
    assert shown["Running"] is False and shown["ContainerID"] == client.containers.get("box").id
    judge.ask("POST /exec/{id}/start", 200, id=created["Id"], body={"Detach": True})
    judge.ask("GET /exec/{id}/json", 200, id=created["Id"])
    judge.ask("POST /exec/{id}/resize", 200, id=created["Id"], query={"h": "10", "w": "10"})
    judge.ask("POST /exec/{id}/resize", 400, id=created["Id"], query={"h": "x", "w": "10"})
    for name in ("POST /exec/{id}/start", "POST /exec/{id}/resize", "GET /exec/{id}/json"):
        judge.ask(name, 404, id="nothing", **({"query": {"h": "1", "w": "1"}} if "resize" in name else
                                              {"body": {}} if "start" in name else {}))
    waiting = judge.ask("POST /containers/{id}/exec", 201, id="box", body={"Cmd": ["true"]})
    judge.ask("POST /containers/{id}/pause", 204, id="box")
    judge.ask("POST /containers/{id}/exec", 409, id="box", body={"Cmd": ["true"]})
    judge.ask("POST /exec/{id}/start", 409, id=waiting["Id"], body={"Detach": True})
    judge.ask("POST /containers/{id}/unpause", 204, id="box")


def test_files(judge, client):
    make(judge, "box", run=True, HostConfig={"NetworkMode": "none"})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    put = {"raw": archive.getvalue(), "headers": ["Content-Type: application/x-tar"]}
    judge.ask("PUT /containers/{id}/archive", 200, id="box", query={"path": "/tmp", "noOverwriteDirNonDir": "1",
                                                                    "copyUIDGID": "1"}, **put)
    judge.ask("PUT /containers/{id}/archive", 400, id="box", query={"path": "/bin/sh"}, **put)
    judge.ask("HEAD /containers/{id}/archive", 200, id="box", query={"path": "/tmp/file"})
    judge.ask("GET /containers/{id}/archive", 200, id="box", query={"path": "/tmp/file"})
    judge.ask("HEAD /containers/{id}/archive", 404, id="box", query={"path": "/nothing"})
    judge.ask("HEAD /containers/{id}/archive", 400, id="box")
    judge.ask("GET /containers/{id}/archive", 404, id="box", query={"path": "/nothing"})
    judge.ask("GET /containers/{id}/archive", 400, id="box")
    make(judge, "locked", HostConfig={"ReadonlyRootfs": True})
    judge.ask("PUT /containers/{id}/archive", 403, id="locked", query={"path": "/tmp"}, **put)
    judge.ask("GET /containers/{id}/changes", 200, id="box")
    judge.ask("GET /containers/{id}/export", 200, id="box")
    judge.ask("POST /commit", 404, query={"container": "nobody"})
    judge.ask("POST /commit", 201, query={"container": "box", "repo": "committed", "tag": "1", "comment": "c",
                                          "author": "a", "pause": "1", "changes": "ENV A=1"}, body={})


def test_images(judge, client):
    client.images.get("busybox").tag("judged", "1")
    make(judge, "user")
    judge.ask("GET /images/json", 200, query={"all": "1", "digests": "1", "shared-size": "1"})
    judge.ask("GET /images/json", 200, query={"filters": {"reference": ["busybox"]}, "manifests": "1"})
    judge.ask("GET /images/{name}/json", 200, name="busybox")
    judge.ask("GET /images/{name}/history", 200, name="busybox")
    judge.ask("POST /images/{name}/tag", 201, name="busybox", query={"repo": "judged", "tag": "2"})
    judge.ask("POST /images/{name}/tag", 400, name="busybox", query={"repo": "UPPER"})
    judge.ask("DELETE /images/{name}", 200, name="judged:2", query={"noprune": "1"})
    judge.ask("DELETE /images/{name}", 409, name=client.images.get("busybox").id)
    for name in ("GET /images/{name}/json", "GET /images/{name}/history", "DELETE /images/{name}"):
        judge.ask(name, 404, name="nothing/here")
    judge.ask("POST /images/{name}/tag", 404, name="nothing/here", query={"repo": "judged"})
    judge.ask("POST /images/{name}/push", 404, name="nothing/here", headers=["X-Registry-Auth: e30="])
    saved = judge.ask("GET /images/{name}/get", 200, name="judged:1")
    judge.ask("GET /images/get", 200, query={"names": ["judged:1", "busybox"]})
    judge.ask("POST /images/load", 200, query={"quiet": "1"}, raw=saved, headers=["Content-Type: application/x-tar"])
    judge.ask("POST /images/create", 200, query={"fromSrc": "-", "repo": "imported"}, raw=busybox_tar(),
              headers=["Content-Type: application/x-tar"])
    judge.ask("DELETE /images/{name}", 200, name="imported")
    judge.ask("POST /images/prune", 200, query={"filters": {"dangling": ["true"]}})
    judge.ask("DELETE /images/{name}", 200, name="judged:1", query={"force": "1"})


def test_networks(judge, client):
    created = judge.ask("POST /networks/create", 201, body={"Name": "net", "Driver": "bridge", "Labels": {"a": "b"}, "IPAM": {
        "Config": [{"Subnet": "10.77.0.0/24", "Gateway": "10.77.0.1", "IPRange": "10.77.0.128/25"}]}})
    judge.ask("POST /networks/create", 400, body={"Name": "bad", "IPAM": {"Config": [{"Subnet": "10.0.0.0/99"}]}})
    make(judge, "box", run=True, HostConfig={"NetworkMode": "net"})
    judge.ask("GET /networks", 200, query={"filters": {"label": ["a=b"]}})
    judge.ask("GET /networks", 200)
    shown = judge.ask("GET /networks/{id}", 200, id="net", query={"verbose": "0", "scope": "local"})
    assert shown["Id"] == created["Id"] and len(shown["Containers"]) == 1
    judge.ask("GET /containers/json", 200)
    judge.ask("GET /containers/{id}/json", 200, id="box")
    judge.ask("POST /networks/{id}/connect", 400, id="bridge", body={"Container": "box", "EndpointConfig": {
        "IPAMConfig": {"IPv4Address": "bad"}}})
    judge.ask("POST /networks/{id}/connect", 200, id="bridge", body={"Container": "box", "EndpointConfig": {}})
    judge.ask("POST /networks/{id}/disconnect", 200, id="bridge", body={"Container": "box", "Force": True})
    judge.ask("DELETE /networks/{id}", 403, id="net")
    make(judge, "joined", HostConfig={"NetworkMode": "container:box"})
    judge.ask("POST /networks/{id}/disconnect", 403, id="host", body={"Container": "box"})
    for name in ("GET /networks/{id}", "DELETE /networks/{id}"):
        judge.ask(name, 404, id="nothing")
    for name in ("POST /networks/{id}/connect", "POST /networks/{id}/disconnect"):
        judge.ask(name, 404, id="nothing", body={"Container": "box"})
    client.containers.get("box").remove(force=True)
    judge.ask("DELETE /networks/{id}", 204, id="net")
    judge.ask("POST /networks/prune", 200, query={"filters": {"until": ["1h"]}})


def test_volumes(judge, client):
    judge.ask("POST /volumes/create", 201, body={"Name": "vol", "Driver": "local", "Labels": {"a": "b"}, "DriverOpts": {}})
    make(judge, "box", HostConfig={"Binds": ["vol:/vol"]})
    assert judge.ask("GET /volumes", 200, query={"filters": {"name": ["vol"]}})["Volumes"][0]["Name"] == "vol"
    judge.ask("GET /volumes/{name}", 200, name="vol")
    judge.ask("GET /volumes/{name}", 404, name="nothing")
    judge.ask("DELETE /volumes/{name}", 409, name="vol")
    judge.ask("DELETE /volumes/{name}", 404, name="nothing")
    judge.ask("PUT /volumes/{name}", 503, name="vol", query={"version": "1"}, body={})
    judge.ask("GET /system/df", 200, query={"type": "volume"})
    client.containers.get("box").remove()
    judge.ask("DELETE /volumes/{name}", 204, name="vol", query={"force": "1"})
    judge.ask("POST /volumes/prune", 200, query={"filters": {"all": ["1"]}})


def test_system(judge, client):
    make(judge, "box", run=True)
    judge.ask("GET /info", 200)
    judge.ask("GET /version", 200)
    assert judge.ask("GET /_ping", 200) == b"OK"
    assert judge.ask("HEAD /_ping", 200) == b""
    judge.ask("GET /system/df", 200)
    event = judge.ask("GET /events", 200, query={"since": "0", "until": str(time.time()), "filters": {"type": ["image"]}})
    assert event["Type"]
    judge.ask("GET /events", 400, query={"filters": {"bogus": ["x"]}})
    judge.ask("GET /plugins", 200, query={"filters": {"enabled": ["true"]}})
    for name, operation in OPERATIONS.items():
        if operation["path"].startswith("/plugins/{name}"):
            judge.ask(name, 404, name="nothing", **({"query": {"remote": "x"}} if "upgrade" in name else {}),
                      **({"body": []} if "body" in operation else {}))
    judge.ask("POST /build", 400, query={"t": "UPPER"})
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        text = b"FROM busybox\nRUN echo >/x\n"
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    judge.ask("POST /build", 200, query={"t": "built:1", "networkmode": "none", "rm": "1"}, raw=context.getvalue())
    assert judge.ask("GET /system/df", 200)["BuildCache"]
    judge.ask("POST /build/prune", 200, query={"all": "1", "keep-storage": "1", "filters": {"until": ["1h"]}})
    for name in REFUSED:
        judge.ask(name, 200, query={key: "x" for key in OPERATIONS[name].get("required", ())})
        assert name in judge.refused


def test_all_was_provoked(request, all_judged):
    """Counts what the tests above have seen."""
    ran = {item.name for item in request.session.items if item.fspath == request.node.fspath}
    if len(ran) < len([name for name in globals() if name.startswith("test_")]):
        pytest.skip("only some tests of this file run")
    assert not all_judged.refused - REFUSED.keys(), "refused"
    missing = []
    for name, operation in OPERATIONS.items():
        if operation["path"].startswith(SWARM) or name in all_judged.refused:
            continue
        for status in operation["statuses"]:
            if (name, int(status)) not in all_judged.seen and status not in REASONS and (name, status) not in UNPROVOKED:
                missing.append(f"{name}: {status}")
    assert not missing, "\n".join(missing)
