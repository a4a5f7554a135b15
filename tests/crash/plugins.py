# SPDX-License-Identifier: Apache-2.0
"""The scenario "plugins" of walk.py: networks, addresses and volumes of a plugin, and a network of CNI. Whatever happens to
the engine, the plugin has what the engine knows of, and nothing else."""
import http.server
import json
import os
import re
import socketserver
import threading

from conftest import eventually

NAME = "walker"
# Where the plugin is spoken to, or its answer is not recorded yet; the other points are the other scenarios'.
POINTS = re.compile(r"network\.(ipam|remote|cni|create|remove)\.|container\.network\.(allocated|written|attached|detached)|"
                    r"volume\.(mount|release|create)\.")
CNI_PLUGIN = """#!/bin/sh
case $CNI_COMMAND in
VERSION) echo '{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}' ;;
ADD) : >"${0%/*}/added/$CNI_CONTAINERID" && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.77.0.2/24"}]}' ;;
DEL) rm -f "${0%/*}/added/$CNI_CONTAINERID" ;;
esac
"""


class Refusal(Exception):
    """What the plugin does not do, in its words."""


class Plugin:
    """A plugin of all kinds that makes nothing. It does nothing twice."""

    def __init__(self, folder):
        self.networks, self.pools, self.addresses, self.endpoints, self.mounts = set(), set(), set(), set(), set()
        self.volumes, self.foreign, self.folder = set(), None, folder
        os.makedirs(f"{folder}/plugins")
        os.makedirs(f"{folder}/cni/added")
        os.makedirs(f"{folder}/mounted")
        with open(f"{folder}/cni/walked", "w", encoding="ascii") as file:
            file.write(CNI_PLUGIN)
        os.chmod(f"{folder}/cni/walked", 0o755)
        with open(f"{folder}/daemon.json", "w", encoding="ascii") as file:
            json.dump({"plugin-folders": [f"{folder}/plugins"], "cni-plugin-folders": [f"{folder}/cni"]}, file)
        plugin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One call of the engine's."""

            def address_string(self):
                return "engine"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    answer, status = plugin.answer(self.path.lstrip("/"), json.loads(body or b"{}")), 200
                except Refusal as refusal:
                    answer, status = {"Err": str(refusal)}, 500
                text = json.dumps(answer or {}).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except BrokenPipeError:  # the engine was killed
                    pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            """Listens where the engine looks."""
            daemon_threads = True

        self.server = Server(f"{folder}/plugins/{NAME}.sock", Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def add(things, thing):
        if thing in things:
            raise Refusal(f"{thing} is there already")
        things.add(thing)

    @staticmethod
    def remove(things, thing):
        if thing not in things:
            raise Refusal(f"there is no {thing}")
        things.remove(thing)

    def answer(self, method, request):
        if method == "Plugin.Activate":
            return {"Implements": ["NetworkDriver", "IpamDriver", "VolumeDriver"]}
        interface, _, method = method.partition(".")
        return getattr(self, interface)(method, request)

    def NetworkDriver(self, method, request):  # pylint: disable=invalid-name
        if method == "CreateNetwork":
            self.add(self.networks, request["NetworkID"])
        elif method == "DeleteNetwork":
            self.remove(self.networks, request["NetworkID"])
        elif method == "CreateEndpoint":
            self.add(self.endpoints, request["EndpointID"])
        elif method == "DeleteEndpoint":
            self.endpoints.discard(request["EndpointID"])
        return {"Scope": "local"} if method == "GetCapabilities" else {}

    def IpamDriver(self, method, request):  # pylint: disable=invalid-name
        if method == "RequestPool":
            number = next(number for number in range(256) if f"pool{number}" not in self.pools)
            self.pools.add(f"pool{number}")
            return {"PoolID": f"pool{number}", "Pool": f"10.88.{number}.0/24"}
        if method == "RequestAddress":
            start = f"10.88.{request['PoolID'][4:]}."
            address = start + str(next(last for last in range(1, 255) if start + str(last) not in self.addresses))
            self.addresses.add(address)
            return {"Address": address + "/24"}
        if method == "ReleaseAddress":
            self.remove(self.addresses, request["Address"])
        if method == "ReleasePool":
            self.remove(self.pools, request["PoolID"])
        return {"LocalDefaultAddressSpace": "local"}

    def VolumeDriver(self, method, request):  # pylint: disable=invalid-name
        name = request.get("Name")
        if method == "List":
            return {"Volumes": [{"Name": name} for name in self.volumes]}
        if method == "Create":
            self.add(self.volumes, name)
        elif method != "Capabilities" and name not in self.volumes:
            raise Refusal(f"there is no {name}")
        elif method == "Remove":
            self.volumes.remove(name)
        elif method == "Mount":
            self.mounts.add((name, request["ID"]))
        elif method == "Unmount":
            self.mounts.discard((name, request["ID"]))
        return {"Mountpoint": f"{self.folder}/mounted", "Volume": {"Name": name}}


def scenario(walk):
    conflist = {"cniVersion": "1.0.0", "name": "near", "plugins": [{"type": "walked"}]}
    walk.plugin.foreign = "data"  # it has this one from elsewhere
    walk.plugin.volumes.add("data")
    walk.ask("POST", "/volumes/create", {"Name": "data", "Driver": NAME})
    walk.network("far", True, "POST", "/networks/create", {"Name": "far", "Driver": NAME, "IPAM": {"Driver": NAME}})
    walk.network("near", True, "POST", "/networks/create",
                 {"Name": "near", "Driver": "cni", "Options": {"cni.conflist": json.dumps(conflist)}})
    walk.create("user", "sleep 1000", NetworkMode="far", Mounts=[
        {"Type": "volume", "Source": "theirs", "Target": "/theirs", "VolumeOptions": {"DriverConfig": {"Name": NAME}}}])
    walk.step("user", {"created"}, {"running"}, "POST", "/containers/user/start")
    walk.ask("POST", "/networks/near/connect", {"Container": "user"})
    walk.ask("POST", "/networks/far/disconnect", {"Container": "user"})
    walk.ask("POST", "/networks/far/connect", {"Container": "user"})
    walk.step("user", {"running", "exited"}, {""}, "DELETE", "/containers/user?force=1")
    walk.network("far", False, "DELETE", "/networks/far")
    walk.network("near", False, "DELETE", "/networks/near")
    walk.ask("DELETE", "/volumes/theirs")


def check(walk):
    """What the plugin has is what the engine knows."""
    plugin = walk.plugin
    listed = [network for network in json.loads(walk.ask("GET", "/networks")) if network["Driver"] == NAME]
    for name, allowed in walk.networks.items():
        there = name in [network["Name"] for network in json.loads(walk.ask("GET", "/networks"))]
        assert there in allowed, f"network {name} is {'' if there else 'not '}there"
    assert plugin.networks == {network["Id"] for network in listed}, plugin.networks
    assert len(plugin.pools) == len(listed), plugin.pools
    addresses = {pool["Gateway"] for network in listed for pool in network["IPAM"]["Config"]}
    endpoints, added, mounts = set(), set(), set()
    for container in walk.containers():
        if container["State"] != "running":
            continue
        networks = json.loads(walk.ask("GET", f"/containers/{container['Id']}/json"))["NetworkSettings"]["Networks"]
        if "far" in networks:
            endpoints.add(networks["far"]["EndpointID"])
            addresses.add(networks["far"]["IPAddress"])
        if "near" in networks:
            added.add(container["Id"])
        mounts.add(("theirs", container["Id"]))
    assert plugin.addresses == addresses, f"the plugin gave {plugin.addresses}, not {addresses}"
    assert plugin.foreign is None or plugin.foreign in plugin.volumes, "a volume that it had was removed"
    assert plugin.endpoints == endpoints, f"the plugin has endpoints {plugin.endpoints}, not {endpoints}"
    assert set(os.listdir(f"{plugin.folder}/cni/added")) == added
    eventually(lambda: plugin.mounts == mounts, f"the plugin has mounted {plugin.mounts}, not {mounts}")


def clean(walk):
    for network in json.loads(walk.ask("GET", "/networks")):
        if network["Name"] in ("far", "near"):
            walk.ask("DELETE", f"/networks/{network['Id']}")
    for volume in json.loads(walk.ask("GET", "/volumes"))["Volumes"]:
        walk.ask("DELETE", f"/volumes/{volume['Name']}")
    left = [things for things in vars(walk.plugin).values() if isinstance(things, set) and things]
    assert not left, f"the plugin still has {left}"
