#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A volume plugin of Docker's protocol: volumes are folders, and every call is written to a file.

    plugin.py SOCKET FOLDER LOG
"""
import http.server
import json
import os
import shutil
import socketserver
import sys

SOCKET, FOLDER, LOG = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "engine"

    def log_message(self, *_):
        pass

    def answer(self, method, request):
        name = request.get("Name", "")
        path = f"{FOLDER}/{name}"
        there = bool(name) and os.path.isdir(path)
        if method == "Plugin.Activate":
            return {"Implements": ["VolumeDriver"]}
        if method == "VolumeDriver.Capabilities":
            return {"Capabilities": {"Scope": "global"}}
        if method == "VolumeDriver.Create":
            if (request.get("Opts") or {}).get("fail"):
                return {"Err": "told to fail"}
            os.makedirs(path, exist_ok=True)
            return {}
        if method == "VolumeDriver.List":
            return {"Volumes": [{"Name": entry, "Mountpoint": f"{FOLDER}/{entry}"} for entry in os.listdir(FOLDER)]}
        if not there:
            return {"Err": f"no volume {name}"}
        if method == "VolumeDriver.Get":
            return {"Volume": {"Name": name, "Mountpoint": path, "Status": {"state": "fine"}}}
        if method in ("VolumeDriver.Mount", "VolumeDriver.Path"):
            return {"Mountpoint": path}
        if method == "VolumeDriver.Remove":
            shutil.rmtree(path)
        return {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        method, request = self.path.lstrip("/"), json.loads(body or b"{}")
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(f"{method} {request.get('Name', '')} {request.get('ID', '')}\n")
        answer = self.answer(method, request)
        text = json.dumps(answer).encode()
        self.send_response(500 if answer.get("Err") else 200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.2+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


os.makedirs(FOLDER, exist_ok=True)
if os.path.exists(SOCKET):
    os.unlink(SOCKET)
Server(SOCKET, Handler).serve_forever()
