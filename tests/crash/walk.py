#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the engine at every failpoint of a scenario and checks what the next engine makes of it.

    walk.py SCENARIO    builds, commits, containers, networks, images, volumes, plugins, pulls, recovery or monitors

needs a build with -Dfailpoints=true in $BERTH_BUILD.

A scenario is a list of requests. It is run once whole, which counts the points that the engine passes; then once per
point N, with the engine killed at the N-th. The engine is started anew, and then

- what was acknowledged is so, and what was under way is done or not done, never half;
- there is no folder, snapshot, run folder, cgroup, monitor or process of a container that does not exist;
- the engine works: containers can be made, run and removed, and then nothing is left at all.

With "monitors" it is the containers' monitors that are killed, and the engine that is to notice.

Points are walked in several lanes at once. Prints one line per point that went wrong; the exit status tells.
"""
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import builds  # noqa: E402
import commits  # noqa: E402
import conftest  # noqa: E402
import plugins  # noqa: E402
import volumes  # noqa: E402
from conftest import Engine, busybox_tar, eventually  # noqa: E402
from registry import Registry  # noqa: E402

LANES = 3
POINTS_MAX = 2000
ID = re.compile(r"[0-9a-f]{64}$")
JSON = ["Content-Type: application/json"]


class Killed(Exception):
    """The engine is gone."""


class Refused(Exception):
    """The engine answered with an error."""


class Walk:
    """One engine and what is known of its containers by those who asked for them."""

    def __init__(self):
        self.engine = Engine()
        self.known = {}  # name -> the states that it may be in; "" is: does not exist
        self.ids = {}
        self.registry = None
        self.volumes = None
        self.plugin = None
        self.damaged = False  # by us
        self.commits = {}  # as networks
        self.networks = {}  # name -> whether it may be there: {True}, {False} or both
        self.host = None  # name of the network namespace that the engine runs in

    # Requests

    def ask(self, method, path, body=None, headers=JSON):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        try:
            answer = self.engine.ask(method, path, headers, body)
        except OSError as error:
            raise Killed from error
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 "):
            raise Killed
        if b"chunked" in head.lower():
            parts, rest = [], body
            while True:
                size, _, rest = rest.partition(b"\r\n")
                if not size:
                    raise Killed
                if int(size, 16) == 0:
                    break
                parts.append(rest[:int(size, 16)])
                rest = rest[int(size, 16) + 2:]
            body = b"".join(parts)
        status = int(head.split()[1])
        if status >= 400:
            raise Refused(f"{method} {path}: {status} {body.decode()}")
        return body

    def step(self, name, before, after, *request):
        """A request about a container: it leads from one of the states to the other."""
        self.known[name] = before | after
        result = self.ask(*request)
        self.known[name] = after
        return result

    def create(self, name, script, **host):
        self.known[name] = {"", "created"}
        body = {"Image": "busybox", "Cmd": ["sh", "-c", script], "HostConfig": {"NetworkMode": "none", **host}}
        if name == "broken":
            body["Cmd"] = ["/nothing/here"]
        self.ids[name] = json.loads(self.ask("POST", f"/containers/create?name={name}", body))["Id"]
        self.known[name] = {"created"}

    def import_image(self):
        self.ask("POST", "/images/create?fromSrc=-&repo=busybox&tag=latest&changes=CMD+%5B%22sh%22%5D", busybox_tar(),
                 ["Content-Type: application/x-tar"])

    def transfer(self, path):
        """A pull or push: its failure stands in the stream."""
        lines = self.ask("POST", path, b"")
        failed = [line for line in map(json.loads, lines.splitlines()) if "error" in line]
        assert not failed, failed

    def pull(self):
        self.transfer(f"/images/create?fromImage={self.registry.host}/walk&tag=1")

    # The engine

    def start(self, kill=None, trace=None, program="berthd"):
        os.environ.update(BERTH_FAILPOINT_PROGRAM=program, **({"BERTH_FAILPOINT_KILL": str(kill)} if kill else {}),
                          **({"BERTH_FAILPOINT_TRACE": trace} if trace else {}))
        try:
            self.engine.start()
        except AssertionError as error:
            if self.engine.process.poll() == -signal.SIGKILL and kill:
                raise Killed from error
            raise
        finally:
            for name in ("KILL", "TRACE", "PROGRAM"):
                os.environ.pop(f"BERTH_FAILPOINT_{name}", None)

    # What is there

    def containers(self):
        return json.loads(self.ask("GET", "/containers/json?all=1"))

    def folders(self, name):
        try:
            return {entry for entry in os.listdir(f"{self.engine.folder}/{name}") if ID.match(entry)}
        except FileNotFoundError:
            return set()

    def cgroups(self):
        found = set()
        for root, folders, _ in os.walk("/sys/fs/cgroup"):
            if root.endswith(f"/{self.engine.cgroup}"):
                found |= set(folders)
            folders[:] = [name for name in folders if not ID.match(name)]
        return found

    def monitors(self):
        found = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if words[0] == "berth-monitor" and len(words) > 2 and words[2].startswith(self.engine.folder):
                found.add(words[1])
        return found

    def strangers(self):
        """What belongs to no container, or to one that does not run."""
        try:
            containers = self.containers()
        except Refused as error:
            return [str(error)]
        every = {container["Id"] for container in containers}
        up = {container["Id"] for container in containers if container["State"] in ("running", "paused")}
        wrong = []
        for what, there, wanted in (("folder", self.folders("data/containers"), every),
                                    ("snapshot", self.folders("data/snapshots"), every),
                                    ("run folder", self.folders("run"), up), ("cgroup", self.cgroups(), up),
                                    ("monitor", self.monitors(), up)):
            wrong += [f"{what} {name[:12]} of no container" for name in there - wanted]
            wrong += [f"container {name[:12]} has no {what}" for name in wanted - there]
        return wrong

    # Checks

    # Networks

    def own_host(self):
        self.host = f"berth-test-walk-{os.path.basename(self.engine.folder)[-8:]}"
        subprocess.run(["ip", "netns", "add", self.host], check=True)
        subprocess.run(["ip", "-n", self.host, "link", "set", "lo", "up"], check=True)
        self.engine.under = ["nsenter", f"--net=/run/netns/{self.host}"]

    def in_host(self, *words):
        return subprocess.run([*self.engine.under, *words], check=True, capture_output=True, text=True).stdout

    def links(self):
        """Interfaces of the host but lo."""
        return {link["ifname"] for link in json.loads(self.in_host("ip", "-j", "link"))} - {"lo"}

    def network(self, name, after, *request):
        self.networks[name] = {True, False}
        result = self.ask(*request)
        self.networks[name] = {after}
        return result

    def ports_of_kernel(self):
        tables = re.findall(r"^table inet (berth-\S+)$", self.in_host("nft", "list", "tables"), re.MULTILINE)
        if not tables:
            return set()
        rules = json.loads(self.in_host("nft", "-j", "list", "map", "inet", tables[0], "any4"))
        elements = [element for item in rules["nftables"] for element in item.get("map", {}).get("elem", [])]
        keys = [(key.get("elem", {}).get("val", key)["concat"], value["concat"]) for key, value in elements]
        return {(key[0], key[1], value[1]) for key, value in keys}

    def check_networks(self):
        """What the kernel has is what the engine says."""
        listed = {network["Name"]: network for network in json.loads(self.ask("GET", "/networks"))}
        for name, allowed in self.networks.items():
            assert (name in listed) in allowed, f"network {name} is {'' if name in listed else 'not '}there"
        interfaces, ports = set(), set()
        for container in self.containers():
            if container["State"] != "running":
                continue
            state = json.loads(self.ask("GET", f"/containers/{container['Id']}/json"))
            there = {link["ifname"] for link in json.loads(subprocess.run(
                ["nsenter", "-t", str(state["State"]["Pid"]), "-n", "ip", "-j", "link"], check=True,
                capture_output=True).stdout)} - {"lo"}
            networks = state["NetworkSettings"]["Networks"]
            assert len(there) == len(networks), f"{container['Names']} is on {set(networks)} and has {there}"
            with open(f"{self.engine.folder}/run/{container['Id']}/hosts", encoding="ascii") as file:
                hosts = file.read()
            for name, endpoint in networks.items():
                shown = json.loads(self.ask("GET", f"/networks/{name}"))["Containers"][container["Id"]]
                assert shown["IPv4Address"].split("/")[0] == endpoint["IPAddress"] != ""
                assert hosts.count(endpoint["IPAddress"] + "\t") == 1, hosts
            assert hosts.count(container["Id"][:12]) == len(networks), hosts
            interfaces |= {link for link in self.links() if link.startswith(f"bc{container['Id'][:12]}")}
            assert len([link for link in interfaces if container["Id"][:12] in link]) == len(networks)
            ports |= {(port["Type"], port["PublicPort"], port["PrivatePort"])
                      for port in container["Ports"] if "PublicPort" in port}
        left = {link for link in self.links() - interfaces
                if not any(link == f"br-{network['Id'][:12]}" for network in listed.values()) and link != "berth0"}
        assert not left, f"interfaces of nobody: {left}"
        assert self.ports_of_kernel() == ports, f"{self.ports_of_kernel()} are published, not {ports}"

    def check_nothing_left(self):
        """After the engine's end, when nothing runs on a network."""
        assert not self.links(), self.links()
        assert not self.in_host("nft", "list", "ruleset"), self.in_host("nft", "list", "ruleset")

    def settle(self):
        """Waits until what runs in the background is done."""
        end = time.monotonic() + conftest.PATIENCE
        while self.strangers():
            assert time.monotonic() < end, "; ".join(self.strangers())
            time.sleep(0.02)

    def check_known(self):
        states = {container["Names"][0][1:]: container["State"] for container in self.containers()}
        for name, allowed in self.known.items():
            assert states.get(name, "") in allowed, \
                f"container {name} is {states.get(name) or 'not there'}, expected {' or '.join(sorted(allowed))}"
        assert set(states) <= set(self.known), f"never made: {set(states) - set(self.known)}"

    def check_events(self):
        """Of every container the events come in the order of its life, and each change was told."""
        lines = self.ask("GET", f"/events?since=1&until={time.time():.9f}").splitlines()
        lives = {}
        for event in map(json.loads, lines):
            if event["Type"] == "container" and event["Actor"]["ID"]:  # none has that of a prune
                lives.setdefault(event["Actor"]["ID"], []).append(event["Action"])
        for identity in (container["Id"] for container in self.containers()):
            assert "destroy" not in lives.get(identity, []), f"{identity[:12]} exists and was told to be destroyed"
        for identity, actions in lives.items():
            assert actions[0] == "create", f"{identity[:12]}: {actions}"
            depth = 0
            for action in actions:
                depth += {"start": 1, "die": -1}.get(action, 0)
                assert 0 <= depth <= 1, f"{identity[:12]}: {actions}"

    def check_use(self):
        """The engine works: a container prints a line and is removed; then all of them go, and nothing is left."""
        created = json.loads(self.ask("POST", "/containers/create?name=afterwards", {
            "Image": "busybox", "Cmd": ["echo", "it works"], "HostConfig": {"NetworkMode": "none"}}))
        self.ask("POST", f"/containers/{created['Id']}/start")
        assert json.loads(self.ask("POST", f"/containers/{created['Id']}/wait"))["StatusCode"] == 0
        assert b"it works\n" in self.ask("GET", "/containers/afterwards/logs?stdout=1")
        for container in self.containers():
            self.ask("DELETE", f"/containers/{container['Id']}?force=1")
        self.settle()
        assert not self.containers() and not self.folders("data/containers") and not self.folders("run")

    def finish(self):
        if self.engine.process.poll() is None:
            try:
                for container in self.containers():
                    self.ask("DELETE", f"/containers/{container['Id']}?force=1")
            except (Killed, Refused):
                pass
            self.engine.stop()
        self.engine.remove()
        if self.plugin:
            self.plugin.end()
        if self.host:
            subprocess.run(["ip", "netns", "del", self.host], check=True)
        if self.registry:
            self.registry.close()


def run(walk):
    """A container's life, in all the ways in which it can go."""
    walk.create("one", "echo hello; sleep 1000")
    walk.step("one", {"created"}, {"running"}, "POST", "/containers/one/start")
    eventually(lambda: b"hello\n" in walk.ask("GET", "/containers/one/logs?stdout=1"), "it says hello")
    walk.step("one", {"running"}, {"paused"}, "POST", "/containers/one/pause")
    walk.step("one", {"paused"}, {"running"}, "POST", "/containers/one/unpause")
    walk.known["two"] = {"", "running"}
    walk.step("one", {"running"}, {""}, "POST", "/containers/one/rename?name=two")
    walk.known["two"] = {"running"}
    walk.step("two", {"running"}, {"exited"}, "POST", "/containers/two/stop?t=0")
    walk.step("two", {"exited"}, {"running"}, "POST", "/containers/two/start")
    walk.step("two", {"running", "exited"}, {"running"}, "POST", "/containers/two/restart?t=0")
    walk.step("two", {"running"}, {"exited"}, "POST", "/containers/two/kill")
    assert walk.ask("GET", "/containers/two/logs?stdout=1").count(b"hello\n") >= 1
    walk.step("two", {"exited"}, {""}, "DELETE", "/containers/two")

    walk.create("passing", "exit 3", AutoRemove=True)
    walk.known["passing"] = {"created", "running", ""}
    walk.ask("POST", "/containers/passing/start")
    walk.known["passing"] = {""}
    try:
        walk.ask("POST", "/containers/passing/wait?condition=removed")
    except Refused:
        pass  # it was gone already

    walk.create("broken", "")
    try:
        walk.step("broken", {"created"}, {"created", "exited"}, "POST", "/containers/broken/start")
    except Refused:
        pass
    walk.known["broken"] = {"created", "exited"}  # a crash behind the start makes it an exit with status 127

    walk.create("trying", "exit 1", RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 1})
    walk.known["trying"] = {"created", "running", "restarting", "exited"}
    walk.ask("POST", "/containers/trying/start")
    walk.known["trying"] = {"running", "restarting", "exited"}
    eventually(lambda: json.loads(walk.ask("GET", "/containers/trying/json"))["RestartCount"] == 1, "it is tried again")

    walk.create("forced", "sleep 1000")
    walk.step("forced", {"created"}, {"running"}, "POST", "/containers/forced/start")
    walk.step("forced", {"running", "exited"}, {""}, "DELETE", "/containers/forced?force=1")
    for name in ("broken", "trying"):
        walk.known[name] = walk.known[name] | {""}
    walk.ask("POST", "/containers/prune")


def networks(walk):
    """Networks come and go, and containers on them; ports are published and withdrawn as they run."""
    def publish(public, private):
        return {f"{private}/tcp": [{"HostPort": str(public)}]}

    walk.network("front", True, "POST", "/networks/create", {"Name": "front", "Labels": {"a": "b"}})
    walk.network("back", True, "POST", "/networks/create", {"Name": "back", "Internal": True})
    walk.create("server", "sleep 1000", NetworkMode="front", PortBindings=publish(8080, 80))
    walk.step("server", {"created"}, {"running"}, "POST", "/containers/server/start")
    walk.ask("POST", "/networks/back/connect", {"Container": "server", "EndpointConfig": {"Aliases": ["data"]}})
    walk.ask("POST", "/containers/server/update", {"PublishAdd": publish(8081, 81), "PublishRm": publish(8080, 80)})
    walk.create("other", "sleep 1000", NetworkMode="bridge", AutoRemove=True)
    walk.known["other"] = {"created", "running", ""}
    walk.ask("POST", "/containers/other/start")
    walk.known["other"] = {"running"}
    walk.known["renamed"] = {"", "running"}
    walk.step("server", {"running"}, {""}, "POST", "/containers/server/rename?name=renamed")
    walk.known["renamed"] = {"running"}
    walk.ask("POST", "/networks/front/disconnect", {"Container": "renamed"})
    walk.step("renamed", {"running", "exited"}, {"running"}, "POST", "/containers/renamed/restart?t=0")
    walk.step("other", {"running", "exited"}, {""}, "DELETE", "/containers/other?force=1")
    walk.network("front", False, "DELETE", "/networks/front")
    walk.step("renamed", {"running", "exited"}, {""}, "DELETE", "/containers/renamed?force=1")
    walk.networks["back"] = {True, False}
    walk.ask("POST", "/networks/prune")
    walk.networks["back"] = {False}


def images(walk):
    """An image's life. It is checked by what can be made of it afterwards."""
    walk.import_image()
    walk.ask("POST", "/images/busybox/tag?repo=other&tag=1")
    walk.create("user", "true")
    walk.step("user", {"created"}, {""}, "DELETE", "/containers/user")
    archive = walk.ask("GET", "/images/other:1/get")
    walk.ask("DELETE", "/images/busybox")
    walk.ask("DELETE", "/images/other:1")
    walk.ask("POST", "/images/load", archive, ["Content-Type: application/x-tar"])


    walk.damaged = True
    blobs = f"{walk.engine.folder}/data/blobs/sha256"
    for name in os.listdir(blobs):
        if os.path.getsize(f"{blobs}/{name}") < 4096:  # the configuration and the manifest
            os.unlink(f"{blobs}/{name}")
    assert json.loads(walk.ask("POST", "/berth/check?repair=1"))["Whole"]
    walk.damaged = False


def check_store(walk):
    """Every blob, snapshot and reference is whole, but what we damaged ourselves, which is repaired."""
    report = json.loads(walk.ask("POST", "/berth/check?repair=1" if walk.damaged else "/berth/check"))
    assert report["Whole"], report["Problems"]


def check_images(walk):
    """Every image that is there is whole; without images nothing is stored."""
    walk.import_image()
    for container in walk.containers():
        walk.ask("DELETE", f"/containers/{container['Id']}")
    for image in json.loads(walk.ask("GET", "/images/json")):
        created = json.loads(walk.ask("POST", "/containers/create", {
            "Image": image["Id"], "Cmd": ["/bin/busybox", "true"], "HostConfig": {"NetworkMode": "none"}}))
        walk.ask("POST", f"/containers/{created['Id']}/start")
        assert json.loads(walk.ask("POST", f"/containers/{created['Id']}/wait"))["StatusCode"] == 0
        walk.ask("DELETE", f"/containers/{created['Id']}")
    walk.settle()
    for image in json.loads(walk.ask("GET", "/images/json")):
        walk.ask("DELETE", f"/images/{image['Id']}?force=1")
    data = f"{walk.engine.folder}/data"
    left = os.listdir(f"{data}/snapshots") + [name for _, _, files in os.walk(f"{data}/blobs/sha256") for name in files]
    assert not left, f"without images and containers there is still {left}"


def put_image(walk):
    walk.registry = Registry()
    small = io.BytesIO()
    with tarfile.open(fileobj=small, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("second"))
    walk.registry.image("walk", "1", [busybox_tar(), small.getvalue()])


def pulls(walk):
    """An image comes from a registry and goes to one, as it came and as it is made here."""
    walk.pull()
    walk.ask("POST", f"/images/{walk.registry.host}/walk:1/tag?repo={walk.registry.host}/copy&tag=2")
    walk.transfer(f"/images/{walk.registry.host}/copy/push?tag=2")
    walk.import_image()
    walk.ask("POST", f"/images/busybox/tag?repo={walk.registry.host}/made&tag=1")
    walk.transfer(f"/images/{walk.registry.host}/made/push?tag=1")


def leave(walk):
    """Leaves an engine's worth of things to find: what runs, what ended meanwhile, what was told to go."""
    walk.start()
    walk.import_image()
    for name, script, host in (("stays", "echo hello; sleep 1000", {}),
                               ("ends", "while [ ! -e /gate/open ]; do sleep 0.01; done; echo end; exit 5", {}),
                               ("goes", "while [ ! -e /gate/open ]; do sleep 0.01; done", {"AutoRemove": True}),
                               ("again", "while [ ! -e /gate/open ]; do sleep 0.01; done; sleep 1000",
                                {"RestartPolicy": {"Name": "always"}})):
        walk.create(name, script, Binds=[f"{walk.engine.folder}/gate:/gate"], **host)
        walk.ask("POST", f"/containers/{name}/start")
    walk.create("fresh", "true")
    again = json.loads(walk.ask("GET", "/containers/again/json"))["State"]["Pid"]
    walk.engine.stop(signal.SIGKILL)
    with open(f"{walk.engine.folder}/gate/open", "w", encoding="ascii"):
        pass
    os.kill(again, signal.SIGKILL)
    eventually(lambda: walk.monitors() == {walk.ids["stays"]}, "the others end")
    walk.known.update(stays={"running"}, ends={"exited"}, goes={""}, again={"running", "restarting"},
                      fresh={"created"})


def recovery(walk):
    """The engine has found everything."""
    walk.settle()


def monitors(walk):
    """A container whose monitor dies at some point has not started or has ended, and says so."""
    walk.create("orphan", "echo hello; exit 3")
    walk.known["orphan"] = {"created", "exited"}
    try:
        walk.ask("POST", "/containers/orphan/start")
        assert json.loads(walk.ask("POST", "/containers/orphan/wait"))["StatusCode"] in (3, 255)
        walk.known["orphan"] = {"exited"}
        walk.settle()
    except Refused:
        pass


SCENARIOS = {"builds": builds.scenario, "monitors": monitors, "containers": run, "networks": networks, "images": images, "pulls": pulls,
             "recovery": recovery, "commits": commits.scenario, "volumes": volumes.scenario, "plugins": plugins.scenario}


def walk_point(scenario, point, trace=None):
    """One run, killed at the point. Returns whether the engine was."""
    walk = Walk()
    try:
        if scenario == "recovery":
            leave(walk)
        elif scenario in ("builds", "commits", "containers", "monitors", "networks", "volumes", "plugins"):
            if scenario in ("networks", "plugins"):
                walk.own_host()
            if scenario == "plugins":
                walk.plugin = plugins.Plugin(walk.engine.folder)
            walk.start()
            walk.import_image()
            walk.engine.stop()
        elif scenario == "pulls":
            put_image(walk)
        try:
            walk.start(point, trace, "berth-monitor" if scenario == "monitors" else "berthd")
            SCENARIOS[scenario](walk)
            walk.engine.process.terminate()  # what is done in the background is finished, or killed
        except Killed:
            pass
        ended = walk.engine.process.wait(conftest.PATIENCE)
        assert ended in (0, -signal.SIGKILL), f"the engine ended by itself with {ended}"
        walk.start()
        walk.settle()
        walk.check_known()
        walk.check_events()
        if scenario == "recovery":
            assert b"end\n" in walk.ask("GET", "/containers/ends/logs?stdout=1")
            assert json.loads(walk.ask("GET", "/containers/ends/json"))["State"]["ExitCode"] == 5
        if scenario == "networks":
            walk.check_networks()
        check_store(walk)
        if scenario == "volumes":
            volumes.check(walk)
        if scenario == "plugins":
            plugins.check(walk)
        if scenario == "pulls":
            walk.pull()  # goes on where it was
        if scenario == "commits":
            commits.check(walk)
            walk.check_use()
        if scenario == "builds":
            builds.check(walk)
            walk.check_use()
        if scenario in ("builds", "commits", "images", "pulls"):
            check_images(walk)
        else:
            walk.check_use()
        if scenario == "volumes":
            volumes.clean(walk)
        if scenario == "plugins":
            plugins.clean(walk)
        assert walk.engine.stop() == 0, walk.engine.read_log()
        if walk.host:
            walk.check_nothing_left()
        assert "warning" not in walk.engine.read_log(), walk.engine.read_log()
        return ended != 0 or scenario == "monitors"
    finally:
        walk.finish()


def chosen(scenario, names):
    """Numbers of points, from 1: of "builds", "commits" and "plugins" the first passing of theirs, else all, and of an engine more
    than a run once had."""
    points = {"builds": builds.POINTS, "commits": commits.POINTS, "plugins": plugins.POINTS}.get(scenario)
    if points:
        return [number for number, name in enumerate(names, 1)
                if points.match(name) and names[:number].count(name) == 1]
    return range(1, len(names) + 1 if scenario == "monitors" else POINTS_MAX)


def lane(scenario, first, trace):
    """Walks every LANES-th point from the first on, until one is not reached. Prints "FAILED point: why"."""
    failed = 0
    with open(trace, encoding="ascii") as file:
        names = file.read().splitlines()
    for point in chosen(scenario, names)[first - 1::LANES]:
        try:
            if not walk_point(scenario, point):
                break
        except Exception:  # pylint: disable=broad-except
            where = names[point - 1] if point <= len(names) else "beyond the last"
            print(f"FAILED point {point} (about {where}):\n{traceback.format_exc()}", flush=True)
            failed += 1
            if failed > 20:
                break
    return 1 if failed else 0


def main():
    scenario = sys.argv[1]
    if len(sys.argv) > 2:
        return lane(scenario, int(sys.argv[2]), sys.argv[3])
    trace = f"{os.environ.get('TMPDIR', '/tmp')}/berth-walk-{os.getpid()}"
    try:
        walk_point(scenario, None, trace)
        with open(trace, encoding="ascii") as file:
            points = file.read().splitlines()
        assert points, "no point was passed: was this built with -Dfailpoints=true?"
        print(f"{scenario}: {len(points)} points, {len(set(points))} of them different", flush=True)
        lanes = [subprocess.Popen([sys.executable, "-B", __file__, scenario, str(number), trace])
                 for number in range(1, LANES + 1)]
        return max([process.wait() for process in lanes])
    finally:
        if os.path.exists(trace):
            os.unlink(trace)


if __name__ == "__main__":
    sys.exit(main())
