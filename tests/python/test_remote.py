# SPDX-License-Identifier: Apache-2.0
"""The engine for others: TLS with certificates on both sides, and authorization plugins."""
import base64
import http.server
import json
import os
import socket
import socketserver
import ssl
import subprocess
import threading
import time

import docker
import pytest

from conftest import BUILD, TOP, eventually
from test_daemon import free_port, info, reload


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(folder, by, name, subject, extensions):
    (folder / f"{name}.ext").write_text(extensions)
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={subject}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """An authority, the engine's certificate, alice's, one of another authority, and one that is for servers alone."""
    folder = tmp_path_factory.mktemp("papers")
    authority(folder, "ca")
    authority(folder, "other")
    certificate(folder, "ca", "server", "engine", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    certificate(folder, "ca", "alice", "alice", "extendedKeyUsage=clientAuth\n")
    certificate(folder, "ca", "wrong", "mallory", "extendedKeyUsage=serverAuth\n")
    certificate(folder, "other", "stranger", "stranger", "extendedKeyUsage=clientAuth\n")
    for name, files in {"alice": ("ca", "alice"), "stranger": ("ca", "stranger"), "deceived": ("other", "alice")}.items():
        own = folder / f"{name}.d"
        own.mkdir()
        for target, source in zip(("ca.pem", "cert.pem", "key.pem"), (f"{files[0]}.pem", f"{files[1]}.pem", f"{files[1]}.key")):
            (own / target).symlink_to(folder / source)
    return folder


@pytest.fixture(scope="module")
def port(engine, papers):
    """Where the engine speaks TLS, beside its socket."""
    number = free_port()
    os.makedirs(f"{engine.folder}/plugins")
    assert engine.stop() == 0
    start(engine, papers, number)
    return number


def start(engine, papers, number):
    engine.start("-H", f"unix://{engine.socket}", "-H", f"tcp://127.0.0.1:{number}", "--tlsverify", "--tlscacert",
            f"{papers}/ca.pem", "--tlscert", f"{papers}/server.pem", "--tlskey", f"{papers}/server.key", "--plugin-folder",
            f"{engine.folder}/plugins")


def ask(port, papers, name, request=b"GET /_ping HTTP/1.0\r\n\r\n", version=None):
    """One request with this client's certificate."""
    context = ssl.create_default_context(cafile=papers / "ca.pem")
    if name:
        context.load_cert_chain(papers / f"{name}.pem", papers / f"{name}.key")
    if version:
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain, \
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
        client.sendall(request)
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer


def test_only_who_has_a_certificate_of_the_authority(port, papers, engine):
    assert b"200 OK" in ask(port, papers, "alice")
    assert b"200 OK" in ask(port, papers, "alice", version=ssl.TLSVersion.TLSv1_2)
    for nobody in (None, "stranger", "wrong"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(port, papers, nobody)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(port, papers, "alice", version=ssl.TLSVersion.TLSv1_1)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        plain.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        try:
            assert b"200" not in plain.recv(4096)
        except ConnectionError:
            pass
    assert info(engine)["Warnings"] == []


def test_certificates_are_read_again(port, papers, engine):
    for name in ("server", "ca"):
        (papers / f"{name}.kept").write_bytes((papers / f"{name}.pem").read_bytes())
    try:
        (papers / "server.pem").write_text("nonsense")
        assert "those from before hold" in reload(engine)
        assert b"200 OK" in ask(port, papers, "alice")
        (papers / "server.pem").write_bytes((papers / "server.kept").read_bytes())
        (papers / "ca.pem").write_bytes((papers / "ca.kept").read_bytes() + (papers / "other.pem").read_bytes())
        reload(engine)
        assert b"200 OK" in ask(port, papers, "stranger")
    finally:
        for name in ("server", "ca"):
            (papers / f"{name}.pem").write_bytes((papers / f"{name}.kept").read_bytes())
        reload(engine)


def command(program, papers, name, port, *words, **options):
    environment = {**os.environ, "DOCKER_HOST": f"tcp://127.0.0.1:{port}", "DOCKER_TLS_VERIFY": "1",
                   "DOCKER_CERT_PATH": f"{papers}/{name}.d"}
    environment.pop("BERTH_HOST", None)
    return subprocess.run([program, *words], env=environment, capture_output=True, text=True, timeout=60, check=False,
                          **options)


@pytest.mark.parametrize("program", [f"{BUILD}/berth", "docker"])
def test_clients_over_tls(port, papers, engine, run, program):
    assert "1.47" in command(program, papers, "alice", port, "version").stdout
    said = command(program, papers, "alice", port, "run", "--rm", "-i", "--network", "none", "busybox", "sh", "-c",
                   "cat; echo err >&2; exit 7", input="through the tunnel\n" * 5000)
    assert said.returncode == 7 and said.stdout == "through the tunnel\n" * 5000 and said.stderr == "err\n"
    run("for i in $(seq 20000); do echo line $i; done", name="talks")
    eventually(lambda: command(program, papers, "alice", port, "logs", "-f", "talks").stdout.count("\n") == 20000, "the log")
    assert command(program, papers, "stranger", port, "ps").returncode != 0
    deceived = command(program, papers, "deceived", port, "ps")
    assert deceived.returncode != 0 and "certificate" in deceived.stderr


def test_berth_says_what_is_wrong(port, papers):
    def berth(*words):
        return subprocess.run([f"{BUILD}/berth", "-H", f"tcp://127.0.0.1:{port}", *words], capture_output=True, text=True,
                              timeout=60, check=False)
    assert "could not read /missing" in berth("--tlsverify", "--tlscacert", "/missing", "ps").stderr
    assert "go together" in berth("--tls", "--tlskey", f"{papers}/alice.key", "--config", "/missing", "ps").stderr
    alice = ["--tlscert", f"{papers}/alice.pem", "--tlskey", f"{papers}/alice.key"]
    assert berth("--tls", *alice, "ps", "-q").returncode == 0  # whoever the engine is
    refused = berth("--tlsverify", "--tlscacert", f"{papers}/other.pem", *alice, "ps")
    assert refused.returncode == 1 and "the engine's certificate" in refused.stderr
    refused = berth("--tlsverify", "--tlscacert", f"{papers}/ca.pem", "ps")
    assert refused.returncode == 1 and "ertificate" in refused.stderr and "over TLS" in refused.stderr
    needed = subprocess.run(["ldd", f"{BUILD}/berth"], capture_output=True, text=True, check=True).stdout
    assert "gnutls" not in needed and "libssl" not in needed


def test_top_over_tls(port, papers, run):
    """The live view is another program: what the flags say reaches it."""
    run("sleep 1000", name="watched")
    words = [f"{TOP}/tests/screen", f"{BUILD}/berth", "-H", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert",
             f"{papers}/ca.pem", "--tlscert", f"{papers}/alice.pem", "--tlskey", f"{papers}/alice.key", "top"]
    environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    environment.pop("DOCKER_CERT_PATH", None)
    done = subprocess.run(words, input="expect watched\nsend q\nstatus 0\n", env=environment, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done


def test_docker_py_over_tls(port, papers, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # which would go before ours
        monkeypatch.delenv(name, raising=False)
    tls = docker.tls.TLSConfig(client_cert=(f"{papers}/alice.pem", f"{papers}/alice.key"), ca_cert=f"{papers}/ca.pem",
                               verify=True)
    client = docker.DockerClient(base_url=f"https://127.0.0.1:{port}", tls=tls, timeout=60)
    assert client.ping()
    assert client.containers.run("busybox", "echo fine", network_mode="none", remove=True) == b"fine\n"
    client.close()


def test_strangers_do_not_use_up_the_engine(port, papers, engine):
    """Connections that never shake hands get few threads, and are ended; others come through all the while."""
    def threads():
        with open(f"/proc/{engine.process.pid}/status", encoding="ascii") as status:
            return int(next(line for line in status if line.startswith("Threads:")).split()[1])
    idle = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(200)]
    eventually(lambda: threads() >= 200, "they are served")
    assert b"200 OK" in ask(port, papers, "alice")
    for connection in idle:
        connection.close()
    eventually(lambda: threads() < 60, "their threads end")
    assert engine.answers()


def test_stop_with_an_attached_client(port, papers, engine, run):
    """The engine does not wait for who is attached over TLS, nor for who shakes hands."""
    run("sleep 1000", name="attached")
    context = ssl.create_default_context(cafile=papers / "ca.pem")
    context.load_cert_chain(papers / "alice.pem", papers / "alice.key")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain, \
            socket.create_connection(("127.0.0.1", port), timeout=30), \
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
        client.sendall(b"POST /containers/attached/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                       b"Upgrade: tcp\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        begun = time.monotonic()
        assert engine.stop() == 0
        # It says so when it gives up waiting.
        assert time.monotonic() - begun < 10 and "abandoned" not in engine.read_log()
        client.settimeout(10)
        try:
            assert client.recv(100) == b""
        except (ssl.SSLError, ConnectionError):
            pass
    start(engine, papers, port)


# Authorization plugins

class Policy:
    """An authorization plugin: `decide` is given method name and question, and returns the answer."""

    def __init__(self, folder, name):
        self.name, self.asked, self.path = name, [], f"{folder}/{name}.sock"
        self.decide = lambda method, question: {"Allow": True}
        policy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/Plugin.Activate":
                    answer = {"Implements": ["authz"]}
                else:
                    question = json.loads(body)
                    policy.asked.append((self.path, question))
                    answer = policy.decide(self.path, question)
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
        self.server = Server(self.path, Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.path)

    def take(self):
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture(scope="module")
def plugins(engine, port):
    both = [Policy(f"{engine.folder}/plugins", "first"), Policy(f"{engine.folder}/plugins", "second")]
    yield both
    for policy in both:
        policy.close()


@pytest.fixture
def policies(engine, plugins, client):  # whose containers are removed when nobody is asked any more
    for policy in plugins:
        policy.decide = lambda method, question: {"Allow": True}
        policy.take()
    reload(engine, **{"authorization-plugins": ["first", "second"]})
    yield plugins
    reload(engine)


def body_of(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_each_is_asked_about_request_and_answer(engine, policies):
    assert info(engine)["Plugins"]["Authorization"] == ["first", "second"]
    for policy in policies:
        (request_path, request), (answer_path, answer) = policy.take()
        assert (request_path, answer_path) == ("/AuthZPlugin.AuthZReq", "/AuthZPlugin.AuthZRes")
        assert request["RequestMethod"] == "GET" and request["RequestUri"] == "/info" and request["User"] == ""
        assert answer["ResponseStatusCode"] == 200
        assert "OperatingSystem" in json.loads(base64.b64decode(answer["ResponseBody"]))
    engine.ask("POST", "/v1.47/containers/x%20y/start?a=b%26c", ["X-Registry-Auth: secret", "X-Mine: 1"])
    request = policies[0].take()[0][1]
    assert request["RequestUri"] == "/v1.47/containers/x%20y/start?a=b%26c"
    assert request["RequestHeaders"]["X-Mine"] == "1" and "X-Registry-Auth" not in request["RequestHeaders"]


def test_no_from_any_is_no(engine, policies, client):
    policies[1].decide = lambda method, question: {"Allow": question["RequestMethod"] != "POST", "Msg": "no changes"}
    answer = engine.ask("POST", "/networks/prune")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert body_of(answer)["message"] == "authorization denied by plugin second: no changes"
    with pytest.raises(docker.errors.APIError, match="no changes"):
        client.containers.run("busybox", "true", network_mode="none")
    assert client.containers.list(all=True) == []
    policies[0].decide = lambda method, question: {"Allow": False, "Msg": "nothing"}
    policies[1].take()
    assert b"plugin first: nothing" in engine.ask("GET", "/info")
    assert policies[1].take() == []  # the chain ends with the first no
    for path in ("/containers/json", "/events", "/images/get?names=busybox"):
        assert engine.ask("GET", path).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"[]", {"Allow": "true"}, {"Allow": 1}, {}, {"Err": "broken"}])
def test_who_fails_has_said_no(engine, policies, answer):
    policies[0].decide = lambda method, question: answer
    assert engine.ask("GET", "/containers/json").startswith(b"HTTP/1.1 403 ")


def test_plugin_that_is_not_there_has_said_no(engine, policies):
    reload(engine, **{"authorization-plugins": ["missing"]})
    answer = engine.ask("GET", "/_ping")
    assert answer.startswith(b"HTTP/1.1 403 ") and b"missing" in answer


def test_answers_are_authorized(engine, policies):
    policies[0].decide = lambda method, question: {
        "Allow": not (method.endswith("Res") and b"KernelVersion" in base64.b64decode(question.get("ResponseBody", ""))),
        "Msg": "it would tell the kernel"}
    answer = engine.ask("GET", "/version")
    assert answer.startswith(b"HTTP/1.1 403 ") and b"KernelVersion" not in answer
    assert engine.ask("GET", "/_ping").startswith(b"HTTP/1.1 200 ")
    # Of what streams the head is shown, before anything of it goes out.
    policies[0].decide = lambda method, question: {"Allow": method.endswith("Req")}
    assert engine.ask("GET", "/events").startswith(b"HTTP/1.1 403 ")
    assert engine.ask("GET", "/images/get?names=busybox").startswith(b"HTTP/1.1 403 ")


def no_privilege(method, question):
    """A policy as sites have them: it looks into the body."""
    if method.endswith("Res") or "/containers/create" not in question["RequestUri"]:
        return {"Allow": True}
    try:
        body = json.loads(base64.b64decode(question.get("RequestBody", "")))
    except ValueError:
        return {"Allow": True}  # as one does that was not shown it: only the engine can make this safe
    return {"Allow": not body.get("HostConfig", {}).get("Privileged"), "Msg": "privileged"}


EVIL = {"Image": "busybox", "HostConfig": {"Privileged": True}}
HEAD = "POST /v1.47/containers/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


def raw(engine, data):
    with engine.connect() as client:
        try:
            client.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while part := client.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize("how", ["plain", "length 0", "chunked", "padded", "padded and chunked", "too long", "text", "both"])
def test_no_body_gets_past_the_policy(engine, policies, client, how):
    """CVE-2024-41110: a length of 0 kept the body from the plugin. CVE-2026-34040: one of more than a megabyte did."""
    policies[0].decide = no_privilege
    body = json.dumps(EVIL).encode()
    kind = "Content-Type: text/plain\r\n" if how == "text" else "Content-Type: application/json\r\n"
    if "padded" in how:
        body = body[:-1] + b', "Labels": {"a": "' + b"x" * (3 << 20) + b'"}}'
    if how == "too long":
        body = b" " * (17 << 20) + body
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    if "chunked" in how:
        request = (HEAD + kind + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks
    elif how == "both":
        request = (HEAD + kind + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n").encode() + chunks
    else:
        length = 0 if how == "length 0" else len(body)
        request = (HEAD + kind + f"Content-Length: {length}\r\n\r\n").encode() + body
    answer = raw(engine, request)
    assert b"HTTP/1.1 201" not in answer
    assert client.containers.list(all=True) == []


def test_what_is_allowed_works(engine, policies, client):
    policies[0].decide = no_privilege
    assert client.containers.run("busybox", "echo fine", network_mode="none", remove=True) == b"fine\n"
    uris = [question["RequestUri"] for method, question in policies[1].take() if method.endswith("Req")]
    assert any("/containers/create" in uri for uri in uris) and any("/start" in uri for uri in uris)


def test_the_user_is_who_the_certificate_names(engine, papers, port, policies):
    policies[0].decide = lambda method, question: {"Allow": question["User"] == "alice"}
    assert b"200 OK" in ask(port, papers, "alice")
    question = policies[0].take()[0][1]
    assert (question["User"], question["UserAuthNMethod"]) == ("alice", "TLS")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(question["RequestPeerCertificates"][0])
    assert b" 403 " in engine.ask("GET", "/info")
