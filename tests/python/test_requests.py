# SPDX-License-Identifier: Apache-2.0
"""What `berth` asks an engine for is what the stock `docker` asks it for: both talk to a server that writes down every
request and answers what the command needs. Values that are empty (null, false, 0, "", [], {}) count as not there."""
import http.server
import json
import os
import pathlib
import re
import shlex
import shutil
import socketserver
import subprocess
import tempfile
import threading
import urllib.parse

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BERTH_BUILD", os.path.join(TOP, "build"))
ID = "0123456789abcdef" * 4

NETWORKS = [
    {"Name": "web10", "Id": "b" * 64, "Created": "2024-05-01T10:00:00.123456789Z", "Scope": "local", "Driver": "bridge",
     "EnableIPv4": True, "EnableIPv6": True, "IPAM": {"Driver": "default", "Options": None, "Config": []}, "Internal": True,
     "Attachable": False, "Ingress": False, "ConfigFrom": {"Network": ""}, "ConfigOnly": False, "Containers": {},
     "Options": {}, "Labels": {"a": "1"}},
    {"Name": "web9", "Id": "a" * 64, "Created": "2024-05-01T10:00:00Z", "Scope": "local", "Driver": "macvlan",
     "EnableIPv4": True, "EnableIPv6": False, "IPAM": {"Driver": "default", "Options": None, "Config": []}, "Internal": False,
     "Attachable": False, "Ingress": False, "ConfigFrom": {"Network": ""}, "ConfigOnly": False, "Containers": {},
     "Options": {}, "Labels": {}},
]
VOLUMES = {"Volumes": [
    {"Name": "data10", "Driver": "local", "Mountpoint": "/v/data10", "CreatedAt": "2024-05-01T10:00:00Z",
     "Labels": {"z": "1"}, "Scope": "local", "Options": {"type": "tmpfs"}},
    {"Name": "data9", "Driver": "nfs", "Mountpoint": "/v/data9", "CreatedAt": "2024-05-01T10:00:00Z", "Labels": None,
     "Scope": "global", "Options": None},
], "Warnings": None}
CONTAINER = {
    "Id": ID, "Name": "/web", "Created": "2024-05-01T10:00:00Z", "State": {"Status": "running", "Running": True},
    "Config": {"Image": "busybox"}, "HostConfig": {},
    "NetworkSettings": {"Ports": {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
        "8/udp": [{"HostIp": "127.0.0.1", "HostPort": "9"}], "443/tcp": None, "90/tcp": [],
    }, "Networks": {}},
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "client"

    def answer(self, status, document):
        body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.50")
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = re.sub(r"^/v1\.\d+", "", self.path)
        if path == "/_ping":
            return self.answer(200, None)
        self.server.requests.append((self.command, path, json.loads(body) if body.startswith(b"{") else body.decode() or None))
        answers = {
            "POST /containers/create": (201, {"Id": ID, "Warnings": None}),
            "POST /networks/create": (201, {"Id": ID, "Warning": ""}),
            "POST /volumes/create": (201, VOLUMES["Volumes"][0]),
            "POST /networks/prune": (200, {"NetworksDeleted": ["web9", "web10"]}),
            "POST /volumes/prune": (200, {"VolumesDeleted": ["data9"], "SpaceReclaimed": 1234567}),
            "GET /networks": (200, NETWORKS),
            "GET /networks/web10": (200, NETWORKS[0]),
            "GET /volumes": (200, VOLUMES),
            "GET /volumes/data10": (200, VOLUMES["Volumes"][0]),
            "GET /containers/web/json": (200, CONTAINER),
            "GET /containers/json": (200, [{"Names": ["/web"]}]),
            "GET /volumes/data10/archive": (200, b"what is in it"),
            "POST /containers/web/update": (200, {"Warnings": None}),
            "GET /images/json": (200, []),
            "GET /system/df": (200, {"Volumes": [], "Images": [], "Containers": [], "BuildCache": []}),
            "GET /info": (200, {"Swarm": {"LocalNodeState": "inactive"}}),
        }
        known = answers.get(f"{self.command} {path.partition('?')[0]}")
        if not known:
            known = (204, None) if self.command in ("POST", "PUT", "DELETE") else (404, {"message": f"no such object: {path}"})
        return self.answer(*known)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = handle_any


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("client", 0)


@pytest.fixture(scope="module")
def server():
    folder = tempfile.mkdtemp(prefix="berth-py-")
    with Server(f"{folder}/socket", Handler) as result:
        result.requests, result.host = [], f"unix://{folder}/socket"
        threading.Thread(target=result.serve_forever, daemon=True).start()
        yield result
        result.shutdown()
    shutil.rmtree(folder)


def newest_docker():
    """The newest of the docker programs that are here, and its major version."""
    found = []
    for path in ("/usr/local/bin/docker", "/usr/bin/docker", shutil.which("docker")):
        if path and os.access(path, os.X_OK):
            text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            version = re.search(r"version (\d+)", text)
            if version:
                found.append((int(version.group(1)), path))
    return max(found, default=(0, None))


VERSION, DOCKER = newest_docker()


# Objects whose names count even if nothing stands behind them.
MAPS = ("ExposedPorts", "Volumes", "PortBindings", "EndpointsConfig", "Labels", "Tmpfs", "Options", "DriverOpts",
        "AuxiliaryAddresses")


def without_empty(value):
    if isinstance(value, dict):
        kept = {key: [[name, without_empty(entry[name])] for name in sorted(entry)]
                if key in MAPS and isinstance(entry, dict) else without_empty(entry) for key, entry in value.items()}
        return {key: entry for key, entry in kept.items() if entry}
    if isinstance(value, list):
        kept = [without_empty(entry) for entry in value]
        return kept if any(kept) else []
    return value


def shape(request):
    """A request as it is compared: filters as what they say, members that have changed their form in the new one."""
    method, path, body = request
    path, _, query = path.partition("?")
    body = without_empty(body) if isinstance(body, dict) else {}
    body.pop("CheckDuplicate", None)
    if "HostConfig" in body:
        body["HostConfig"].get("Binds", []).sort()
        if body["HostConfig"].get("MemorySwappiness") == -1:
            del body["HostConfig"]["MemorySwappiness"]
    if isinstance(body.get("IPAM", {}).get("Config"), list):
        body["IPAM"]["Config"].sort(key=lambda pool: pool["Subnet"])
    # Filters are lists of values, or objects whose members they are.
    parameters = sorted((name, {key: sorted(values) for key, values in json.loads(value).items()} if name == "filters"
                         else value) for name, value in urllib.parse.parse_qsl(query) if value != "0")
    return method, path, parameters, body


def ask(server, program, arguments):
    server.requests.clear()
    with tempfile.TemporaryDirectory(prefix="berth-py-") as home:
        environment = {**os.environ, "HOME": home, "DOCKER_CONFIG": home, "DOCKER_HOST": server.host,
                       "BERTH_HOST": server.host, "TZ": "UTC", "DOCKER_CLI_HINTS": "false"}
        done = subprocess.run([program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30,
                              env=environment, cwd="/tmp", check=False)
    # What docker looks at before it asks for a change.
    changes = [shape(request) for request in server.requests]
    changes = [change for change in changes if change[0] != "GET" or program != DOCKER or all(
        other[0] == "GET" for other in changes)]
    return [change for change in changes if change[1] != "/info"], done


CREATE = """
busybox
-p 80 busybox
-p 8080:80 busybox
-p 127.0.0.1:8080:80/udp busybox
-p 127.0.0.1::80/sctp busybox
-p [::1]:8080:80 busybox
-p [::]::80 busybox
-p ::1:80:80 busybox
-p 8080-8082:80-82 busybox
-p 8080-8090:80 busybox
-p 80-82 busybox
-p 0:80 busybox
-p 80:80/TCP busybox
-p 80:80 -p 81:80 -p 80:80/udp busybox
-p published=8080,target=80 busybox
-p published=8080,target=80,protocol=udp busybox
-P --expose 90 --expose 91-93/udp --expose 90 busybox
--expose 90 -p 90 busybox
--network none busybox
--net host busybox
--network container:abc busybox
--network one --network two busybox
--network one --ip 10.0.0.5 --ip6 2001:db8::5 --mac-address 02:42:ac:11:00:02 busybox
--mac-address 02:42:ac:11:00:02 busybox
--network one --network-alias a --net-alias b --link x:y --link-local-ip 169.254.1.1 busybox
--link x:y --link z busybox
--network name=one,alias=a,alias=b,ip=10.0.0.5,ip6=2001:db8::5,mac-address=02:42:ac:11:00:02 busybox
--network name=one,driver-opt=A.b=c,driver-opt=d=e --network name=two,gw-priority=-7 busybox
--network name=one,gw-priority=100,link-local-ip=169.254.1.2 --network-alias c busybox
--dns 1.1.1.1 --dns ::1 --dns-search example.com --dns-search . --dns-opt ndots:2 --dns-option rotate busybox
--add-host a:1.2.3.4 --add-host b=::1 --add-host c:host-gateway --add-host d=[::2] --add-host e:::3 busybox
-v /a:/b -v /c:/d:ro,z -v name:/e -v /f busybox
-v name:/e:nocopy --volume-driver nfs busybox
--volumes-from one --volumes-from two:ro busybox
--mount type=bind,source=/a,target=/b busybox
--mount type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared busybox
--mount TYPE=BIND,src=./a,destination=/b,ro=true,consistency=Cached busybox
--mount type=bind,src=/a,dst=/b,ro=1,bind-recursive=writable busybox
--mount type=bind,src=/a,dst=/b,ro,bind-recursive=readonly,bind-propagation=rprivate busybox
--mount type=bind,src=/a,dst=/b,bind-recursive=disabled busybox
--mount type=bind,src=/a,dst=/b,bind-recursive=enabled busybox
--mount src=v,dst=/b busybox
--mount dst=/b busybox
--mount type=volume,src=v,dst=/b,volume-nocopy,volume-subpath=x/y,volume-label=k=v,volume-label=l busybox
--mount type=volume,dst=/b,volume-nocopy=false,volume-driver=nfs,volume-opt=type=nfs,volume-opt=o=addr=1 busybox
--mount 'type=volume,dst=/b,"volume-opt=o=a,b"' busybox
--mount 'type=bind,"dst=/a""b",src=/c' busybox
--mount type=bind,dst=/a,src=/c,bind-nonrecursive busybox
--mount type=tmpfs,dst=/b,tmpfs-size=64m,tmpfs-mode=1770 busybox
--mount type=tmpfs,dst=/b busybox
--mount type=image,src=busybox,dst=/b,image-subpath=etc busybox
--mount type=image,src=busybox,dst=/b busybox
--tmpfs /x:size=1m --tmpfs /y busybox
""".strip().splitlines()

OTHERS = """
network create net
network create -d macvlan -o parent=eth0 --opt a=b=c --label l=1 --label m net
network create --subnet 10.1.0.0/16 --gateway 10.1.0.1 --ip-range 10.1.5.0/24 --aux-address a=10.1.0.9 net
network create --subnet 10.1.0.0/16,2001:db8::/64 --gateway 2001:db8::1 --gateway 10.1.0.1 --ipv6 net
network create --subnet 10.1.0.0/16 --subnet 10.2.0.0/16 --aux-address a=10.2.0.9 --aux-address b=10.2.0.8 net
network create -o x net
network create --internal --attachable --ingress --ipv6 --scope local net
network create --ipv4=false --ipv6 net
network create --ipv6=false net
network create --ipam-driver other --ipam-opt a=b net
network create --config-only net
network create --config-from other net
network connect net web
network connect --alias a,b --alias c --ip 10.0.0.5 --ip6 2001:db8::5 --link x:y --link-local-ip 169.254.1.1 net web
network connect --driver-opt a=b --driver-opt C.d=E --gw-priority 5 net web
network disconnect net web
network disconnect -f net web
network rm one two
network prune -f
network prune -f --filter until=1h --filter label=a --filter label!=b
network ls
network ls -q --no-trunc
network ls --no-trunc
network ls -f driver=bridge -f type=custom
network ls --format json
network ls --format {{.ID}}:{{.Name}}:{{.Driver}}:{{.Scope}}:{{.IPv6}}:{{.Internal}}:{{.Labels}}:{{.CreatedAt}}
network ls --format '{{.Label "a"}}'
network inspect -f {{.Name}}:{{.EnableIPv6}}:{{.Driver}} web10
volume create
volume create data10
volume create -d nfs -o type=nfs -o o=addr=1.2.3.4,rw --label a=1 --label b data10
volume rm one two
volume rm -f one
volume prune -f
volume prune -af
volume prune -f --filter label=a
volume ls
volume ls -q
volume ls -f dangling=true -f name=x
volume ls --format json
volume ls --format {{.Name}}:{{.Driver}}:{{.Mountpoint}}:{{.Labels}}:{{.Scope}}:{{.Size}}
volume ls --format '{{.Label "z"}}'
volume inspect -f {{.Name}}:{{.Mountpoint}}:{{.Options}} data10
port web
port web 80
port web 80/tcp
port web 8/udp
container port web
""".strip().splitlines()

# What older ones than 28 do in another way or do not know.
NEWER = re.compile("gw-priority|name=|image|--ipv4|bind-recursive|--network one --network|volume-subpath|add-host|format json"
                   "|IPv4|link-local|mac-address|volume ls --format|network ls --format|volume prune|-p|network create|TYPE")


@pytest.mark.parametrize("line", ["create " + line for line in CREATE] + OTHERS)
def test_same_requests(server, line):
    if not DOCKER:
        pytest.skip("there is no docker command line on this machine")
    if VERSION < 28 and NEWER.search(line):
        pytest.skip(f"docker {VERSION} does not know it or does it in another way")
    theirs, docker = ask(server, DOCKER, shlex.split(line))
    ours, berth = ask(server, f"{BUILD}/berth", shlex.split(line))
    assert docker.returncode == 0, docker.stderr
    assert berth.returncode == 0, berth.stderr
    assert ours == theirs
    assert berth.stdout == docker.stdout


WRONG = """
create -p x busybox
create -p 99999 busybox
create -p 1:99999 busybox
create -p a:1 busybox
create -p 1.2.3:1:1 busybox
create -p 80/icmp busybox
create -p 80: busybox
create -p 1-3:1-2 busybox
create -p 3-1 busybox
create -p 80:80:80:80 busybox
create -p target busybox
create -p target=80,x busybox
create --expose 1:2 busybox
create --expose x busybox
create --network one --network one busybox
create --network one --network host busybox
create --network alias=a busybox
create --network name=one,bogus=1 busybox
create --network name=one,gw-priority=x busybox
create --network name=one,gw-priority=99999999999999999999 busybox
create --network name=one,driver-opt=x busybox
create --network name=one,ip=1.2.3.4 --ip 1.2.3.5 busybox
create --network name=one,ip6=::4 --ip6 ::5 busybox
create --network name=one,alias=a --network-alias b busybox
create --network name=one,mac-address=02:42:ac:11:00:02 --mac-address 02:42:ac:11:00:03 busybox
create --network bridge --network-alias b busybox
create --network name=one,mac-address=x busybox
create --mac-address x busybox
create --link a:b:c busybox
create --dns x busybox
create --dns-search a/b busybox
create --add-host x busybox
create --add-host x:y busybox
create --mount type=bind,bogus=1,target=/x busybox
create --mount type=bind,target busybox
create --mount type=bind,target=/x,tmpfs-size=1 busybox
create --mount type=tmpfs,target=/x,tmpfs-size=x busybox
create --mount type=tmpfs,target=/x,tmpfs-mode=8 busybox
create --mount type=bind,target=/x,src=/x,ro=maybe busybox
create --mount type=bind,target=/x,src=/x,bind-recursive=x busybox
create --mount type=bind,target=/x,src=/x,bind-recursive=writable busybox
create --mount type=bind,target=/x,src=/x,bind-recursive=readonly busybox
create --mount type=bind,target=/x,src=/x,bind-recursive=readonly,ro busybox
create --mount type=volume,target=/x,volume-nocopy=x busybox
create --mount type=image,target=/x,volume-nocopy busybox
create --mount type=,target=/x busybox
network create --subnet 10.1.0.0/16 --subnet 10.1.2.0/24 net
network create --gateway 10.1.0.1 net
network create --subnet 10.1.0.0/16 --gateway 10.2.0.1 net
network create --subnet 10.1.0.0/16 --ip-range 10.2.0.0/24 net
network create --subnet 10.1.0.0/16 --aux-address a=10.2.0.1 net
network create --subnet 10.1.0.0/16 --subnet 10.2.0.0/16 --gateway 10.1.0.1 --gateway 10.1.0.2 net
network create --subnet bogus --gateway 10.1.0.1 net
network inspect nothing
volume inspect nothing
port web 443
port web 81
port web 80/icmp
""".strip().splitlines()

# Where ours says it in words of its own.
OTHER_WORDS = re.compile(r"--expose x")


@pytest.mark.parametrize("line", WRONG)
def test_same_refusals(server, line):
    if not DOCKER:
        pytest.skip("there is no docker command line on this machine")
    if VERSION < 28:
        pytest.skip(f"docker {VERSION} has other words")
    theirs, docker = ask(server, DOCKER, shlex.split(line))
    ours, berth = ask(server, f"{BUILD}/berth", shlex.split(line))
    assert docker.returncode != 0
    assert berth.returncode == docker.returncode, berth.stderr
    assert ours == theirs
    said = docker.stderr.splitlines()[0].removeprefix("docker: ").removeprefix("Error: ").strip()
    if not OTHER_WORDS.search(line):
        assert said in berth.stderr


def test_own_requests(server, tmp_path):
    """What docker has no words for."""
    archive = tmp_path / "archive"
    archive.write_bytes(b"an archive")
    rows = {
        "volume clone a/b c": ("POST", "/volumes/a%2Fb/clone", [("to", "c")], {}),
        "volume ls --size": ("GET", "/volumes", [("size", "1")], {}),
        f"volume export -o {archive}.out data10": ("GET", "/volumes/data10/archive", [], {}),
        f"volume import data10 {archive}": ("PUT", "/volumes/data10/archive", [], "an archive"),
        "update --publish-add 8080:80 --publish-add 127.0.0.1::53/udp web": (
            "POST", "/containers/web/update", [], {"PublishAdd": {
                "80/tcp": [{"HostIp": "", "HostPort": "8080"}], "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}}),
        "update --publish-rm 80 --publish-rm [::1]:81:81 web": (
            "POST", "/containers/web/update", [], {"PublishRm": {
                "80/tcp": [{"HostIp": "", "HostPort": ""}], "81/tcp": [{"HostIp": "::1", "HostPort": "81"}]}}),
        "create --mount type=bind,src=/a,dst=/b,uid=5,gid=0 busybox": (
            "POST", "/containers/create", [], [{"Type": "bind", "Source": "/a", "Target": "/b", "UID": 5, "GID": 0}]),
        "network connect --mac-address 02:42:ac:11:00:02 net web": (
            "POST", "/networks/net/connect", [], {"Container": "web", "EndpointConfig": {
                "MacAddress": "02:42:ac:11:00:02"}}),
    }
    for line, wanted in rows.items():
        _, berth = ask(server, f"{BUILD}/berth", shlex.split(line))
        assert berth.returncode == 0, berth.stderr
        method, path, body = server.requests[-1]
        path, _, query = path.partition("?")
        if "create" in line:
            body = body["HostConfig"]["Mounts"]
        elif "connect" in line:
            body = without_empty(body)
        assert (method, path, urllib.parse.parse_qsl(query), body or {}) == wanted
    assert pathlib.Path(f"{archive}.out").read_bytes() == b"what is in it"


@pytest.mark.parametrize("line, words", [
    ("update web", "you must provide one or more flags"),
    ("update --publish-add x web", "invalid containerPort: x"),
    ("update --kernel-memory 5m web", "--kernel-memory: the kernel has no such limit any more"),
    ("create --mount type=bind,src=/a,dst=/b,uid=x busybox", "invalid value for uid: x"),
    ("volume import data10 /nonexistent", "open /nonexistent: No such file or directory"),
    ("volume create --name a b", "cannot specify a volume name through both --name and as a positional arg"),
    ("create --network host --ip 1.2.3 busybox", "invalid IPv4 address: 1.2.3"),
    ("network connect --ip6 1.2.3.4 net web", "invalid IPv6 address: 1.2.3.4"),
])
def test_own_refusals(server, line, words):
    ours, berth = ask(server, f"{BUILD}/berth", shlex.split(line))
    assert berth.returncode in (1, 125)
    assert words in berth.stderr
    assert not ours


@pytest.mark.parametrize("words, wanted", [
    ("network rm w", ["web10", "web9"]),
    ("network connect web", ["web10", "web9"]),
    ("network connect web9 w", ["web"]),
    ("volume inspect data9 d", ["data10", "data9"]),
    ("run --network w", ["web10", "web9"]),
    ("run -v d", ["data10", "data9"]),
    ("volume cl", ["clone"]),
    ("update --publish", ["--publish-add", "--publish-rm"]),
])
def test_completion(server, words, wanted):
    _, berth = ask(server, f"{BUILD}/berth", ["__complete", *words.split(" ")])
    assert sorted(berth.stdout.split()) == sorted(wanted)
