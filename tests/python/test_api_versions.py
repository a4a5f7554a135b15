# SPDX-License-Identifier: Apache-2.0
"""Answers as each version of the API has them, from 1.24 to the newest, and what HTTP clients rely on."""
import json
import os
import urllib.parse

import pytest

from conftest import Engine, busybox_tar, engine_with_networks, remove_containers

OLDEST, NEWEST = 24, 47


class Server(Engine):
    def call(self, method, path, body=None, version=None, headers=()):
        """Status and JSON of an answer."""
        raw = None
        if body is not None:
            raw, headers = json.dumps(body).encode(), [*headers, "Content-Type: application/json"]
        answer = self.ask(method, (f"/v1.{version}" if version else "") + path, headers, raw)
        head, _, content = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(content) if content else None

    def create(self, name, version=None, **config):
        status, created = self.call("POST", f"/containers/create?name={name}",
                                    {"Image": "busybox", "Cmd": ["sleep", "1000"], **config}, version)
        assert status == 201, created
        return created["Id"]

    def inspect(self, name, version=None):
        return self.call("GET", f"/containers/{name}/json", version=version)[1]


@pytest.fixture(scope="module")
def server():
    with engine_with_networks(Server) as engine:
        engine.call("POST", "/networks/create", {"Name": "net"})
        yield engine


@pytest.fixture(autouse=True)
def clean(server):
    yield
    remove_containers(server.client())


def around(version):
    """The version before a change, and the one that has it."""
    return version - 1, version


def shapes(server, since, path, look):
    """What `look` finds in the answers of the version before and since a change."""
    return tuple(look(server.call("GET", path, version=version)[1]) for version in around(since))


def test_every_version_is_served(server):
    server.create("box", HostConfig={"NetworkMode": "net"})
    for version in range(OLDEST, NEWEST + 1):
        for path in ("/info", "/version", "/containers/json?all=1", "/containers/box/json", "/images/json",
                     "/images/busybox/json", "/networks", "/volumes"):
            status, answer = server.call("GET", path, version=version)
            assert status == 200 and answer, (version, path)


def test_fields_of_images(server):
    """VirtualSize went with 1.44, the container that an image was made of with 1.45; of that, ContainerConfig stays:
    docker-compose 1.29 needs it in any version."""
    assert shapes(server, 44, "/images/json", lambda images: "VirtualSize" in images[0]) == (True, False)
    assert shapes(server, 44, "/images/busybox/json", lambda image: "VirtualSize" in image) == (True, False)
    assert shapes(server, 45, "/images/busybox/json", lambda image: "Container" in image) == (True, False)
    before, after = shapes(server, 45, "/images/busybox/json", lambda image: image.get("ContainerConfig"))
    assert before["Cmd"] is None and before["Volumes"] is None and after == before


def test_images_without_a_name(server):
    server.client().api.import_image_from_data(busybox_tar(), repository="busybox", tag="other")
    image = server.client().images.get("busybox:other").id
    filters = urllib.parse.quote('{"dangling":["true"]}')
    server.call("POST", "/images/busybox:latest/tag?repo=keep")
    server.call("POST", f"/images/{server.client().images.get('busybox:latest').id}/tag?repo=busybox&tag=other")
    before, after = shapes(server, 43, f"/images/json?filters={filters}", lambda images: images[0])
    assert before["Id"] == after["Id"] == image
    assert before["RepoTags"] == ["<none>:<none>"] and before["RepoDigests"] == ["<none>@<none>"]
    assert after["RepoTags"] == [] and after["RepoDigests"] == []
    assert server.call("GET", "/system/df", version=42)[1]["Images"]


def test_names_in_networks(server):
    """Until 1.44 the short id and the host's name stood among the aliases; since 1.44 names are told apart."""
    identity = server.create("box", Hostname="host", HostConfig={"NetworkMode": "net"},
                             NetworkingConfig={"EndpointsConfig": {"net": {"Aliases": ["alias"]}}})
    server.call("POST", "/containers/box/start")
    before, after = (server.inspect("box", version)["NetworkSettings"]["Networks"]["net"] for version in around(45))
    assert before["Aliases"] == ["alias", identity[:12], "host"] and after["Aliases"] == ["alias"]
    before, after = (server.inspect("box", version)["NetworkSettings"]["Networks"]["net"] for version in around(44))
    assert "DNSNames" not in before and {"box", "alias", identity[:12]} <= set(after["DNSNames"])
    server.create("plain")
    server.call("POST", "/containers/plain/start")
    assert server.inspect("plain", 40)["NetworkSettings"]["Networks"]["bridge"]["Aliases"] is None


def test_several_networks_at_create(server):
    server.create("box", 44, HostConfig={"NetworkMode": "net"}, NetworkingConfig={"EndpointsConfig": {
        "net": {"MacAddress": "02:42:ac:11:00:09"}, "bridge": {}}})
    assert set(server.inspect("box")["NetworkSettings"]["Networks"]) == {"net", "bridge"}
    assert server.inspect("box")["NetworkSettings"]["Networks"]["net"]["MacAddress"] == "02:42:ac:11:00:09"
    server.create("old", 43, HostConfig={"NetworkMode": "net"}, NetworkingConfig={"EndpointsConfig": {
        "net": {"MacAddress": "02:42:ac:11:00:09"}}})
    assert server.inspect("old")["NetworkSettings"]["Networks"]["net"]["MacAddress"] == ""


def test_mac_address_of_the_container(server):
    server.create("box", 43, MacAddress="02:42:ac:11:00:08")
    assert server.inspect("box", 43)["Config"]["MacAddress"] == "02:42:ac:11:00:08"
    assert "MacAddress" not in server.inspect("box", 44)["Config"]


def test_defaults_of_their_time(server):
    for version in (39, 40, 41):
        server.create(f"box{version}", version)
    modes = [(host["IpcMode"], host["CgroupnsMode"]) for host in
             (server.inspect(f"box{version}")["HostConfig"] for version in (39, 40, 41))]
    assert modes[0] == ("shareable", "host") and modes[1] == ("private", "host") and modes[2][0] == "private"
    assert modes[2][1] == ("private" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else modes[2][1])


def test_what_a_version_did_not_know_is_not_looked_at(server):
    host = {"Annotations": {"a": "b"}, "ConsoleSize": [10, 20], "Mounts": [
        {"Type": "bind", "Source": "/etc", "Target": "/b", "ReadOnly": True, "BindOptions": {"ReadOnlyNonRecursive": True}},
        {"Type": "volume", "Source": "vol", "Target": "/v", "VolumeOptions": {"Subpath": "sub"}},
        {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Options": [["noexec"]]}}]}
    shown = {}
    for version in (41, 42, 43, 44, 45, 46):
        server.create(f"box{version}", version, HostConfig=host)
        shown[version] = server.inspect(f"box{version}")
    hosts = {version: inspect["HostConfig"] for version, inspect in shown.items()}
    assert hosts[41]["ConsoleSize"] == [0, 0] and hosts[42]["ConsoleSize"] == [10, 20]
    assert "Annotations" not in hosts[42] and hosts[43]["Annotations"] == {"a": "b"}
    mounts = {version: {mount["Type"]: mount for mount in host["Mounts"]} for version, host in hosts.items()}
    assert "ReadOnlyNonRecursive" not in mounts[43]["bind"].get("BindOptions", {})
    assert mounts[44]["bind"]["BindOptions"]["ReadOnlyNonRecursive"] is True
    assert "Subpath" not in mounts[44]["volume"].get("VolumeOptions", {})
    assert mounts[45]["volume"]["VolumeOptions"]["Subpath"] == "sub"
    assert "Options" not in mounts[45]["tmpfs"].get("TmpfsOptions", {})
    assert mounts[46]["tmpfs"]["TmpfsOptions"]["Options"] == [["noexec"]]
    listed = [server.call("GET", "/containers/json?all=1&limit=1", version=version)[1][0] for version in around(46)]
    assert "Annotations" not in listed[0]["HostConfig"] and listed[1]["HostConfig"]["Annotations"] == {"a": "b"}


def test_health_checks(server):
    check = {"Test": ["CMD", "true"], "Interval": 10 ** 9, "StartInterval": 10 ** 9}
    for version in around(44):
        server.create(f"box{version}", version, Healthcheck=check)
    assert "StartInterval" not in server.inspect("box43")["Config"]["Healthcheck"]
    assert server.inspect("box44")["Config"]["Healthcheck"] == check
    assert "StartInterval" not in server.inspect("box44", 43)["Config"]["Healthcheck"]


def test_networks(server):
    assert shapes(server, 47, "/networks/net", lambda network: network.get("EnableIPv4")) == (None, True)
    for version in around(44):  # a name is there once, whatever is asked
        status, answer = server.call("POST", "/networks/create", {"Name": "net", "CheckDuplicate": False}, version)
        assert status == 409 and "network with name net already exists" in answer["message"]
        status, answer = server.call("POST", "/networks/create", {"Name": "bad", "IPAM": {"Config": [{
            "Subnet": "10.0.0.0/8", "Gateway": "11.0.0.1"}]}}, version)
        assert status == 400


def test_the_engine(server):
    assert shapes(server, 25, "/info", lambda info: info["SecurityOptions"][0].startswith("name=")) == (False, True)
    assert shapes(server, 42, "/system/df", lambda usage: "BuilderSize" in usage) == (True, False)


def test_volumes_pruned(server):
    """Until 1.41 prune took named volumes, too."""
    server.client().volumes.prune(filters={"all": True})
    server.call("POST", "/volumes/create", {"Name": "named"})
    assert server.call("POST", "/volumes/prune", version=42)[1]["VolumesDeleted"] == []
    filters = urllib.parse.quote('{"all":["true"]}')
    assert server.call("POST", f"/volumes/prune?filters={filters}", version=42)[1]["VolumesDeleted"] == ["named"]
    server.call("POST", "/volumes/create", {"Name": "named"})
    assert server.call("POST", "/volumes/prune", version=41)[1]["VolumesDeleted"] == ["named"]


def test_streams(server):
    """Since 1.42 their type says whether they are framed."""
    server.create("box", HostConfig={"NetworkMode": "none"})
    server.create("terminal", Tty=True, HostConfig={"NetworkMode": "none"})
    for version, name, kind in ((41, "box", b"raw"), (42, "box", b"multiplexed"), (42, "terminal", b"raw")):
        answer = server.ask("GET", f"/v1.{version}/containers/{name}/logs?stdout=1")
        assert b"Content-Type: application/vnd.docker." + kind + b"-stream\r\n" in answer
        with server.connect() as connection:
            connection.sendall(f"POST /v1.{version}/containers/{name}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
                               "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode())
            head = connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 101 ") and b"\r\nUpgrade: tcp\r\n" in head
            assert b"Content-Type: application/vnd.docker." + kind + b"-stream\r\n" in head


def test_version_errors(server):
    """Docker's texts, word for word; before 1.24 errors were plain text."""
    old = server.ask("GET", "/v1.23/info")
    assert old.startswith(b"HTTP/1.1 400 ") and b"\r\nContent-Type: text/plain" in old
    assert old.endswith(b"\r\n\r\nclient version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your "
                        b"client to a newer version")
    new = server.call("GET", "/info", version=48)
    assert new == (400, {"message": "client version 1.48 is too new. Maximum supported API version is 1.47"})
    for path in ("/_ping", "/v1.40/_ping", "/v1.47/nothing", "/v1.23/info", "/containers/nobody/json"):
        answer = server.ask("GET", path)
        for header in (b"Server: Berth/", b"Api-Version: 1.47\r\n", b"Ostype: linux\r\n", b"Docker-Experimental: false\r\n"):
            assert b"\r\n" + header in answer


def test_ping(server):
    answer = server.ask("GET", "/_ping")
    head = server.ask("HEAD", "/_ping")
    assert answer.endswith(b"\r\n\r\nOK") and head.endswith(b"\r\n\r\n")
    for header in (b"Builder-Version: ", b"Swarm: inactive\r\n", b"Cache-Control: no-cache, no-store, must-revalidate\r\n",
                   b"Pragma: no-cache\r\n", b"Content-Type: text/plain; charset=utf-8\r\n", b"Content-Length: 2\r\n"):
        assert header in answer and header in head


def test_pages_that_are_not_there(server):
    for method, path in (("PUT", "/info"), ("DELETE", "/version"), ("GET", "/nothing"), ("GET", "/info/"),
                         ("HEAD", "/info"), ("PATCH", "/v1.40/containers/x/json"), ("GET", "/v1.x/info"), ("POST", "/")):
        answer = server.ask(method, path)
        assert answer.startswith(b"HTTP/1.1 404 ") and b"Content-Type: application/json" in answer
        assert answer.endswith(b'\r\n\r\n' if method == "HEAD" else b'\r\n\r\n{"message":"page not found"}\n')
    for path in ("/", "/info", "/v1.40/containers/json", "/nothing/at/all"):
        answer = server.ask("OPTIONS", path)
        assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n")


def test_other_forms_of_a_path(server):
    for path in ("http://anywhere/_ping", "//_ping", "//v1.40/_ping", "http://anywhere//v1.40/_ping"):
        assert server.ask("GET", path).startswith(b"HTTP/1.1 200 ")
    assert server.ask("GET", "http://anywhere").startswith(b"HTTP/1.1 404 ")


def test_errors_are_not_escaped(server):
    assert server.ask("GET", "/containers/<a&b>/json").endswith(b'{"message":"No such container: <a&b>"}\n')


def test_bodies(server):
    def post(kind, body):
        answer = server.ask("POST", "/containers/create", kind and [f"Content-Type: {kind}"], body)
        return int(answer.split()[1]), json.loads(answer.partition(b"\r\n\r\n")[2]).get("message")
    good = b'{"Image":"busybox"}'
    assert post("application/json", good)[0] == 201
    assert post("Application/JSON; charset=utf-8", b"\n " + good + b" \n")[0] == 201
    # As dockerd, whatever the case of names.
    assert post("application/json", b'{"image":"busybox"}')[0] == 201
    assert "Minimum memory limit" in post("application/json", b'{"Image":"busybox","hostConfig":{"memory":1}}')[1]
    for kind in ("text/plain", "application/jsonx", ""):
        status, message = post(kind, good)
        assert status == 400 and message == f"unsupported 'Content-Type' header ({kind}): must be 'application/json'"
    for body in (good + b"x", good + good, b"[]", b'"x"', b"{", b'{"Image":1}', b"\xff\xfe", b""):
        assert post("application/json", body)[0] == 400
    # A body that is not there is no body, whatever its type is said to be.
    server.create("box", HostConfig={"NetworkMode": "none"})
    assert server.ask("POST", "/containers/box/start", ["Content-Type: text/plain"]).startswith(b"HTTP/1.1 204 ")
    assert server.ask("POST", "/containers/box/stop?t=0", ["Content-Type: application/json"], b"").startswith(b"HTTP/1.1 204 ")
    answer = server.ask("POST", "/containers/box/start", ["Content-Type: application/json"], b'{"Binds":["/:/x"]}')
    assert answer.startswith(b"HTTP/1.1 400 ") and b"was deprecated since API v1.22 and removed in v1.24" in answer
    assert server.ask("POST", "/containers/box/start", ["Content-Type: application/json"], b"{}").startswith(b"HTTP/1.1 204 ")
    assert server.ask("POST", "/containers/box/start").startswith(b"HTTP/1.1 304 ")


def test_switches(server):
    server.create("box", HostConfig={"NetworkMode": "none"})
    for text, all_of_them in (("1", 1), ("true", 1), ("yes", 1), ("2", 1), ("x", 1), ("0", 0), ("no", 0), ("none", 0),
                              ("False", 0), ("", 0), ("%20false%20", 0)):
        assert len(server.call("GET", f"/containers/json?all={text}")[1]) == all_of_them, text


def test_filters(server):
    server.create("box", Labels={"a": "b", "c": ""}, HostConfig={"NetworkMode": "none"})

    def found(filters):
        status, answer = server.call("GET", "/containers/json?all=1&filters=" + urllib.parse.quote(
            filters if isinstance(filters, str) else json.dumps(filters)))
        return len(answer) if status == 200 else (status, answer["message"])
    for form in (lambda value: [value], lambda value: {value: True}):
        assert found({"label": form("a=b")}) == found({"label": form("a")}) == found({"name": form("bo")}) == 1
        assert found({"label": form("a=x")}) == found({"label": form("x")}) == 0
        assert found({"name": form("^/box$")}) == 1
        assert found({"label": form("a=b"), "status": form("running")}) == 0
    assert found({"label": {"a=x": True, "a=b": True}}) == 0  # labels are all wanted
    assert found({"status": ["created", "running"]}) == 1
    assert found({"bogus": ["x"]}) == (400, "invalid filter 'bogus'")
    assert found({"status": ["bogus"]}) == (400, "invalid filter 'status=bogus'")
    for wrong in ("x", "[]", '{"a":1}', '{"a":[1]}', '{"status"', "1"):
        assert found(wrong)[0] == 400, wrong
    assert found("") == found("{}") == 1
    for moment, status in (("10m", 200), ("1700000000", 200), ("2024-01-01T00:00:00Z", 200), ("x", 400)):
        filters = urllib.parse.quote(json.dumps({"until": [moment]}))
        assert server.call("POST", f"/containers/prune?filters={filters}")[0] == status


def test_wait_answers_at_once(server):
    """The head of the answer comes before the container ends: who starts it afterwards misses nothing."""
    server.create("box", Cmd=["true"], HostConfig={"NetworkMode": "none"})
    for condition, body in (("next-exit", b""), ("", b"")):
        with server.connect() as connection:
            connection.sendall(f"POST /containers/box/wait?condition={condition} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 200 ") and b"Content-Type: application/json" in head
            if condition:
                assert head.endswith(b"\r\n\r\n")
                server.call("POST", "/containers/box/start")
            answer = head.partition(b"\r\n\r\n")[2]
            while b'"StatusCode":0' not in answer:
                more = connection.recv(4096)
                assert more
                answer += more


def test_raw_streams(server):
    """Without an upgrade attach answers 200 with bytes as they are; after it has begun nothing is framed as HTTP."""
    server.create("box", Cmd=["sh", "-c", "sleep 0.2; echo out; echo err >&2"], HostConfig={"NetworkMode": "none"})
    with server.connect() as connection:
        connection.sendall(b"POST /containers/box/attach?stream=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        head = connection.recv(4096)
        server.call("POST", "/containers/box/start")
        data = head
        while more := connection.recv(4096):
            data += more
    head, _, content = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and b"Transfer-Encoding" not in head and b"Content-Length" not in head
    assert sorted((content[:12], content[12:])) == sorted((b"\1\0\0\0\0\0\0\4out\n", b"\2\0\0\0\0\0\0\4err\n"))
