# SPDX-License-Identifier: Apache-2.0
"""A registry in memory, on loopback: just enough for an engine to pull from and to push to."""
import gzip
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    def __init__(self):
        self.objects = {}  # path -> (media type, bytes)
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_GET(self):
                media_type, body = registry.objects.get(self.path, (None, None))
                if body is None:
                    self.reply(200 if self.path == "/v2/" else 404, b"{}")
                    return
                asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
                headers = {"Content_Type": media_type, "Docker_Content_Digest": digest_of(body)}
                if asked:
                    first = int(asked.group(1))
                    headers["Content_Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
                    body = body[first:]
                self.reply(206 if asked else 200, body, **headers)

            do_HEAD = do_GET

            def do_POST(self):
                self.reply(202, Location=self.path.partition("?")[0] + "1")

            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                url = urllib.parse.urlparse(self.path)
                if "/uploads/" in url.path:
                    digest = urllib.parse.parse_qs(url.query)["digest"][0]
                    if digest != digest_of(body):
                        self.reply(400)
                        return
                    registry.objects[url.path.partition("uploads/")[0] + digest] = ("application/octet-stream", body)
                else:
                    registry.objects[url.path] = (self.headers["Content-Type"], body)
                self.reply(201, Docker_Content_Digest=digest_of(body))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def blob(self, repository, data):
        self.objects[f"/v2/{repository}/blobs/{digest_of(data)}"] = ("application/octet-stream", data)
        return {"digest": digest_of(data), "size": len(data)}

    def image(self, repository, tag, layers):
        """Layers are plain archives."""
        config = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["sh"]}, "rootfs": {
            "type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}}).encode()
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **self.blob(repository, config)},
            "layers": [{"mediaType": LAYER, **self.blob(repository, gzip.compress(layer, 1, mtime=0))}
                       for layer in layers]}).encode()
        for reference in (tag, digest_of(manifest)):
            self.objects[f"/v2/{repository}/manifests/{reference}"] = (MANIFEST, manifest)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
