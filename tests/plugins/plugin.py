#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A network and IPAM plugin of Docker's protocol. An endpoint is a pair of interfaces whose host's end is a port of a
bridge with the network's gateway; addresses are counted. What is called is written to a file, what is known to another, so
that the plugin may be started anew.

    plugin.py SOCKET STATE LOG
    plugin.py ADDRESS:PORT STATE LOG FOLDER    over TLS, with key.pem, cert.pem and ca.pem of FOLDER
"""
import http.server
import json
import os
import socketserver
import ssl
import subprocess
import sys

SOCKET, STATE, LOG = sys.argv[1:4]
known = {"networks": {}, "addresses": []}
if os.path.exists(STATE):
    with open(STATE, encoding="utf-8") as file:
        known = json.load(file)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def bridge_of(network):
    return "plug-" + network[:8]


def network(method, request):
    name = bridge_of(request.get("NetworkID", ""))
    pair = "p" + request.get("EndpointID", "")[:8]
    if method == "CreateNetwork":
        if request["NetworkID"] in known["networks"]:
            return {"Err": "it is there already"}
        known["networks"][request["NetworkID"]] = request["IPv4Data"][0]["Gateway"]
        ip("link", "add", name, "type", "bridge")
        ip("addr", "add", request["IPv4Data"][0]["Gateway"], "dev", name)
        ip("link", "set", name, "up")
    elif method == "DeleteNetwork":
        if not known["networks"].pop(request["NetworkID"], None):
            return {"Err": "no such network"}
        ip("link", "del", name)
    elif method == "CreateEndpoint":
        ip("link", "add", pair + "h", "type", "veth", "peer", "name", pair + "c")
        ip("link", "set", pair + "h", "master", name, "up")
        return {"Interface": {"MacAddress": "02:99:00:00:00:" + request["EndpointID"][:2]}}
    elif method == "DeleteEndpoint":
        subprocess.run(["ip", "link", "del", pair + "h"], check=False, stderr=subprocess.DEVNULL)
    elif method == "Join":
        gateway = known["networks"][request["NetworkID"]].split("/")[0]
        return {"InterfaceName": {"SrcName": pair + "c", "DstPrefix": "plug"}, "Gateway": gateway}
    elif method == "GetCapabilities":
        return {"Scope": "local"}
    return {}


def ipam(method, request):
    if method == "GetDefaultAddressSpaces":
        return {"LocalDefaultAddressSpace": "local"}
    if method == "RequestPool":
        return {"PoolID": "the-pool", "Pool": request["Pool"] or "10.99.0.0/24"}
    if method == "RequestAddress":
        for last in range(1, 255):
            address = request["Address"] or f"10.99.0.{last}"
            if address not in known["addresses"]:
                known["addresses"].append(address)
                return {"Address": address + "/24"}
        return {"Err": "none is left"}
    if method == "ReleaseAddress" and request["Address"] in known["addresses"]:
        known["addresses"].remove(request["Address"])
    return {}


class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "engine"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        interface, method = self.path.lstrip("/").split(".")
        request = json.loads(body or b"{}")
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(f"{interface}.{method} {json.dumps(request)}\n")
        if interface == "Plugin":
            answer = {"Implements": ["NetworkDriver", "IpamDriver"]}
        else:
            answer = network(method, request) if interface == "NetworkDriver" else ipam(method, request)
        with open(STATE, "w", encoding="utf-8") as state:
            json.dump(known, state)
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(socketserver.UnixStreamServer):
    pass


def over_tls(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    context.load_verify_locations(f"{folder}/ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    address, port = SOCKET.rsplit(":", 1)
    server = http.server.HTTPServer((address, int(port)), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


if len(sys.argv) > 4:
    over_tls(sys.argv[4]).serve_forever()
if os.path.exists(SOCKET):
    os.unlink(SOCKET)
Server(SOCKET, Handler).serve_forever()
