#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback that misbehaves as it is told, with a token server beside it, for tests.

    registry.py PORT_FILE [--tls CERTIFICATE KEY] [--client-authority CERTIFICATE] [--bind ADDRESS] [--layers N] [--size BYTES]

It listens on a port of its own choosing, which it writes into PORT_FILE, and has one image, test/image:1, of N layers
of BYTES incompressible bytes each, test/index:1, an index of the same for linux/amd64 and linux/arm64, and test/forty:1
of forty layers. Uploads work.

    PUT /_rules    a JSON array; the first rule that matches a request is obeyed:
                   {"match": regular expression on "GET /v2/…", "do": what, "times": N (for ever), …}
                   cut          the body ends after "bytes", and so does the connection
                   status       "code", with "headers" and "body"
                   redirect     307 to "to" + the request's path
                   corrupt      a byte of the body is another
                   short        the body is "bytes" shorter, with a Content-Length that says so
                   endless      a chunked body that does not end
                   trickle      "bytes" a time, "seconds" between two
                   hang         no answer for "seconds"
                   answer       "body" (text) with "headers", in place of the true answer
                   size         Content-Length lies by "bytes", the body does not
                   delay        the true answer after "seconds"
                   headers      the true answer of an upload's begin with "headers" more
    PUT /_auth     {"kind": "none"|"basic"|"bearer", "user", "password", "realm": URL, "refresh": token}
    GET /_log      requests so far, a line each: method, path, and range, authorization, size as key=value
    DELETE /_log   forgets them
    PUT /_blob     adds a blob to test/image; answers its digest
    PUT /_manifest?name=N&tag=T   adds a manifest under its Content-Type
"""
import argparse
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import re
import ssl
import tarfile
import threading
import time
import urllib.parse

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules, self.log = [], []
        self.auth = {"kind": "none"}
        self.blobs, self.manifests, self.uploads = {}, {}, {}
        self.repositories = {}  # name -> digests of blobs that it has
        self.tokens = {}  # token -> what it is for

    def add_blob(self, name, data):
        digest = digest_of(data)
        self.blobs[digest] = data
        self.repositories.setdefault(name, set()).add(digest)
        return digest

    def add_manifest(self, name, tag, media_type, data):
        self.manifests[name, tag] = self.manifests[name, digest_of(data)] = (media_type, data)
        return digest_of(data)

    def add_image(self, name, tag, layers, size, architecture="amd64", seed=1):
        descriptors, diff_ids = [], []
        for i in range(layers):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as tar:
                content = random.Random(f"{seed}-{i}").randbytes(size)
                info = tarfile.TarInfo(f"file{i}")
                info.size = size
                tar.addfile(info, io.BytesIO(content))
            diff_ids.append(digest_of(out.getvalue()))
            packed = gzip.compress(out.getvalue(), 1, mtime=0)
            descriptors.append({"mediaType": OCI_LAYER, "digest": self.add_blob(name, packed), "size": len(packed)})
        config = json.dumps({"architecture": architecture, "os": "linux", "config": {"Cmd": ["/file0"]},
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": self.add_blob(name, config), "size": len(config)},
            "layers": descriptors}).encode()
        digest = self.add_manifest(name, tag, OCI_MANIFEST, manifest)
        return {"mediaType": OCI_MANIFEST, "digest": digest, "size": len(manifest),
                "platform": {"os": "linux", "architecture": architecture}}

    def rule_for(self, line):
        with self.lock:
            for rule in self.rules:
                if rule.get("times", 1) != 0 and re.search(rule["match"], line):
                    if "times" in rule:
                        rule["times"] -= 1
                    return rule
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                data += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def note(self, size):
        authorization = self.headers.get("Authorization", "")
        if authorization.startswith("Basic "):
            authorization = "basic:" + base64.b64decode(authorization[6:]).decode(errors="replace")
        authorization = authorization.replace(" ", ":")
        line = f"{self.command} {self.path} range={self.headers.get('Range', '')} authorization={authorization} size={size}"
        with self.state.lock:
            self.state.log.append(line)

    def send(self, code, data=b"", media_type="application/json", headers=None, rule=None):
        rule = rule or {}
        what = rule.get("do")
        head = self.command == "HEAD"
        status, start = code, 0
        span = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        if span and code == 200 and not rule.get("no_range"):
            start, status = int(span.group(1)), 206
        total = len(data)
        if what == "corrupt" and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if what == "short":
            data = data[:-rule["bytes"]]
        data = data[start:]
        self.send_response(status)
        self.send_header("Content-Type", rule.get("type", media_type))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if what == "endless" and not head:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(data) + (rule["bytes"] if what == "size" else 0)))
        self.end_headers()
        if head:
            return
        if what == "cut":
            self.wfile.write(data[:rule["bytes"]])
            self.close_connection = True
        elif what == "endless":
            piece = data + b"x" * (64 << 10)
            try:
                while True:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    piece = b"x" * (64 << 10)
            except OSError:
                self.close_connection = True
        elif what == "trickle":
            for at in range(0, len(data), rule["bytes"]):
                self.wfile.write(data[at:at + rule["bytes"]])
                self.wfile.flush()
                time.sleep(rule["seconds"])
        else:
            self.wfile.write(data)
            if what == "size":
                self.close_connection = True

    def refuse(self, code, kind, message, headers=None):
        self.send(code, json.dumps({"errors": [{"code": kind, "message": message}]}).encode(), headers=headers)

    # Control

    def control(self, data):
        state, path = self.state, urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(path.query))
        with state.lock:
            if path.path == "/_rules":
                state.rules = json.loads(data)
                answer = b""
            elif path.path == "/_auth":
                state.auth = json.loads(data)
                answer = b""
            elif path.path == "/_blob":
                answer = state.add_blob(query.get("name", "test/image"), data).encode()
            elif path.path == "/_manifest":
                answer = state.add_manifest(query["name"], query["tag"], self.headers["Content-Type"], data).encode()
            elif self.command == "DELETE":
                state.log.clear()
                answer = b""
            else:
                answer = "".join(line + "\n" for line in state.log).encode()
        self.send(200, answer, "text/plain")

    # Authorization

    def token(self, data):
        auth, query = self.state.auth, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        form = dict(urllib.parse.parse_qsl(data.decode(errors="replace")))
        given = self.headers.get("Authorization", "")
        good = given == "Basic " + base64.b64encode(f"{auth.get('user')}:{auth.get('password')}".encode()).decode()
        if self.command == "POST":
            good = (form.get("grant_type") == "refresh_token" and form.get("refresh_token") == auth.get("refresh")) or (
                form.get("grant_type") == "password" and form.get("username") == auth.get("user") and
                form.get("password") == auth.get("password"))
        if not good and given:
            return self.refuse(401, "UNAUTHORIZED", "incorrect username or password")
        token = f"token-{len(self.state.tokens)}"
        scope = form.get("scope", query.get("scope", ""))
        self.state.tokens[token] = (good, scope)
        answer = {"token": token, "access_token": token, "expires_in": 300}
        if good and auth.get("refresh"):
            answer["refresh_token"] = auth["refresh"]
        return self.send(200, json.dumps(answer).encode())

    def allowed(self, name):
        auth = self.state.auth
        given = self.headers.get("Authorization", "")
        if auth["kind"] == "none":
            return True
        if auth["kind"] == "basic":
            wanted = "Basic " + base64.b64encode(f"{auth['user']}:{auth['password']}".encode()).decode()
            if given == wanted:
                return True
            self.refuse(401, "UNAUTHORIZED", "authentication required",
                        {"WWW-Authenticate": 'Basic realm="test"'})
            return False
        good, scope = self.state.tokens.get(given.removeprefix("Bearer "), (False, ""))
        if good and (not name or f"repository:{name}:" in scope):
            return True
        action = "pull" if self.command in ("GET", "HEAD") else "pull,push"
        scope = f',scope="repository:{name}:{action}"' if name else ""
        self.refuse(401, "UNAUTHORIZED", "authentication required",
                    {"WWW-Authenticate": f'Bearer realm="{auth["realm"]}",service="test"{scope}'})
        return False

    # The registry

    def upload(self, name, rest, data, more):
        state, query = self.state, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        if self.command == "POST":
            source = state.repositories.get(query.get("from"), ())
            if query.get("mount") in source:
                state.repositories.setdefault(name, set()).add(query["mount"])
                return self.send(201, headers={"Location": f"/v2/{name}/blobs/{query['mount']}",
                                               "Docker-Content-Digest": query["mount"]})
            rest = f"u{len(state.uploads)}"
            state.uploads[rest] = b""
            if "digest" not in query:
                return self.send(202, headers={"Location": f"/v2/{name}/blobs/uploads/{rest}?state=a", "Range": "0-0",
                                               **more})
        if rest not in state.uploads:
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        have = len(state.uploads[rest])
        headers = {"Location": f"/v2/{name}/blobs/uploads/{rest}?state=b", "Range": f"0-{max(have + len(data), 1) - 1}"}
        if self.command == "GET":
            return self.send(204, headers={**headers, "Range": f"0-{max(have, 1) - 1}"})
        span = re.match(r"(\d+)-", self.headers.get("Content-Range", ""))
        if self.command == "PATCH" and span and int(span.group(1)) != have:
            return self.send(416, headers={**headers, "Range": f"0-{max(have, 1) - 1}"})
        state.uploads[rest] += data
        if self.command == "PATCH":
            return self.send(202, headers=headers)
        if digest_of(state.uploads[rest]) != query.get("digest"):
            return self.refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        digest = state.add_blob(name, state.uploads.pop(rest))
        return self.send(201, headers={"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})

    def registry(self, data, rule):
        state, path = self.state, urllib.parse.urlsplit(self.path).path
        match = re.match(r"/v2/(.+)/(manifests|blobs/uploads|blobs|tags)/(.*)$", path)
        if not self.allowed(match.group(1) if match else None):
            return None
        if path == "/v2/":
            return self.send(200, b"{}", rule=rule)
        if path == "/v2/_catalog":
            names = sorted({name for name, _ in state.manifests})
            return self.send(200, json.dumps({"repositories": names}).encode())
        if not match:
            return self.refuse(404, "NAME_UNKNOWN", "no such page")
        name, kind, rest = match.groups()
        if kind == "tags":
            tags = sorted(tag for other, tag in state.manifests if other == name and ":" not in tag)
            return self.send(200, json.dumps({"name": name, "tags": tags}).encode(), rule=rule)
        if kind == "blobs/uploads":
            return self.upload(name, rest, data, (rule or {}).get("headers", {}))
        if kind == "blobs":
            if rest not in state.repositories.get(name, ()):
                return self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return self.send(200, state.blobs[rest], "application/octet-stream", {"Docker-Content-Digest": rest}, rule)
        if self.command == "PUT":
            digest = state.add_manifest(name, rest, self.headers.get("Content-Type", ""), data)
            return self.send(201, headers={"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest})
        if (name, rest) not in state.manifests:
            return self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, text = state.manifests[name, rest]
        headers = {} if rule and rule.get("no_digest") else {"Docker-Content-Digest": digest_of(text)}
        return self.send(200, text, media_type, headers, rule)

    def serve(self):
        try:
            data = self.body()
            if self.path.startswith("/_"):
                return self.control(data)
            self.note(len(data))
            rule = self.state.rule_for(f"{self.command} {self.path}") or {}
            what = rule.get("do")
            if what in ("hang", "delay"):
                time.sleep(rule["seconds"])
                if what == "hang":
                    self.close_connection = True
                    return None
            if what == "status":
                return self.send(rule["code"], rule.get("body", "").encode(), headers=rule.get("headers"))
            if what == "redirect":
                return self.send(307, headers={"Location": rule["to"] + self.path})
            if what == "answer":
                headers = rule.get("headers", {})
                return self.send(200, rule["body"].encode(), rule.get("type", "application/json"), headers)
            if urllib.parse.urlsplit(self.path).path == "/token":
                return self.token(data)
            return self.registry(data, rule)
        except (OSError, ValueError):
            self.close_connection = True
            return None

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port_file")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--client-authority", help="of the certificates that clients must have")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--size", type=int, default=100000)
    options = parser.parse_args()

    state = Handler.state = State()
    descriptors = [state.add_image("test/index", architecture, options.layers, 1000, architecture, architecture)
                   for architecture in ("amd64", "arm64")]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}).encode()
    state.add_manifest("test/index", "1", OCI_INDEX, index)
    state.add_image("test/image", "1", options.layers, options.size)
    state.add_image("test/forty", "1", 40, 100, seed="forty")
    server = Server((options.bind, 0), Handler)
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        if options.client_authority:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.client_authority)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(options.port_file + ".new", "w", encoding="ascii") as file:
        file.write(f"{server.server_address[1]}\n")
    os.rename(options.port_file + ".new", options.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
