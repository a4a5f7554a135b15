# SPDX-License-Identifier: Apache-2.0
"""The web server that cases fetch from, at http://127.0.0.1:8080 of a network namespace of its own: the files of
corpus/served.yaml, and git's repositories among them (a mapping with `commits`, each with files)."""
import email.utils
import http.server
import os
import subprocess
import threading

import cases

PORT = 8080
GIT = {"GIT_AUTHOR_NAME": "corpus", "GIT_AUTHOR_EMAIL": "corpus@example.org", "GIT_COMMITTER_NAME": "corpus",
       "GIT_COMMITTER_EMAIL": "corpus@example.org", "GIT_AUTHOR_DATE": "1000000000 +0000",
       "GIT_COMMITTER_DATE": "1000000000 +0000", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


def make_repository(path, commits):
    """A bare repository with these commits on `main`, each with the tag it names."""
    work = path + ".work"
    os.makedirs(work)
    env = {**os.environ, **GIT}

    def git(*words):
        subprocess.run(["git", "-C", work, *words], env=env, check=True, stdout=subprocess.DEVNULL)

    git("init", "-q", "-b", "main")
    for commit in commits:
        cases.write_files(work, commit["files"])
        git("add", "-A")
        git("commit", "-q", "-m", commit["message"])
        if "tag" in commit:
            git("tag", commit["tag"])
        if "branch" in commit:
            git("branch", commit["branch"])
    subprocess.run(["git", "clone", "-q", "--bare", work, path], env=env, check=True)
    subprocess.run(["git", "-C", path, "config", "uploadpack.allowAnySHA1InWant", "true"], env=env, check=True)


class Handler(http.server.BaseHTTPRequestHandler):
    """Files, and repositories through git's own program."""

    protocol_version = "HTTP/1.1"
    root = files = None

    def log_message(self, *_):
        pass

    def answer(self, status, headers, data=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if ".git/" in path:
            self.git(path, query)
            return
        spec = self.files.get(path.lstrip("/"))
        if spec is None:
            self.answer(404, {})
            return
        spec = spec if isinstance(spec, dict) else {"text": spec}
        headers = {"Last-Modified": email.utils.formatdate(spec.get("mtime", cases.WHEN), usegmt=True)}
        if "disposition" in spec:
            headers["Content-Disposition"] = spec["disposition"]
        if "location" in spec:
            self.answer(302, {"Location": spec["location"]})
        else:
            self.answer(200, headers, cases.data_of(spec))

    do_HEAD = do_POST = do_GET

    def git(self, path, query):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        while self.headers.get("Transfer-Encoding") == "chunked":
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                break
        env = {**os.environ, "GIT_PROJECT_ROOT": self.root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
               "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type") or "",
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "", "CONTENT_LENGTH": str(len(body)),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "", "REMOTE_ADDR": "127.0.0.1"}
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, data = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.answer(int(headers.pop("Status", "200").split()[0]), headers, data)


def start(folder):
    """Serves in a thread; returns the server, whose shutdown() ends it."""
    Handler.root, Handler.files = folder, cases.served()
    os.makedirs(folder)
    for name, spec in Handler.files.items():
        if isinstance(spec, dict) and "commits" in spec:
            make_repository(f"{folder}/{name}", spec["commits"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
