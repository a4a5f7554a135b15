# SPDX-License-Identifier: Apache-2.0
"""An engine of its own for each test file: a berthd of $BERTH_BUILD (default: build) on temporary roots, with an image
`busybox` made from the host's static busybox. Every test starts and ends without containers."""
import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time

import docker
import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BERTH_BUILD", os.path.join(TOP, "build"))
PATIENCE = 30  # seconds until a wait gives up; sanitizers are slow


def eventually(condition, what, timeout=PATIENCE):
    """Waits until condition() is true and returns what it returned."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"waited {timeout} s in vain: {what}"
        time.sleep(0.02)


class Engine:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="berth-py-")
        self.socket = f"{self.folder}/run/berth.sock"
        self.log = f"{self.folder}/log"
        self.cgroup = f"berth-py-{os.path.basename(self.folder)[-8:]}"
        self.process = None
        if os.access(os.environ.get("BERTH_TESTS_JOURNAL", ""), os.W_OK):
            with open(os.environ["BERTH_TESTS_JOURNAL"], "a", encoding="ascii") as journal:
                journal.write(f"folder {self.folder}\ncgroup {self.cgroup}\n")
        self.under = []  # words of a command that it is run by: into a network namespace of its own

    def arguments(self):
        words = self.under + [f"{BUILD}/berthd", "-D", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/run",
                "--cgroup-parent", f"/{self.cgroup}", "--config-file", f"{self.folder}/daemon.json"]
        if os.environ.get("ENGINE_USERNS"):
            words += ["--userns", os.environ["ENGINE_USERNS"]]
        # Nothing of networks is made in this machine's own namespace.
        return words if self.under else words + ["--bridge", "none"]

    def start(self, *more):
        if not os.path.exists(f"{self.folder}/daemon.json"):
            with open(f"{self.folder}/daemon.json", "w") as file:
                file.write("{}")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.arguments() + list(more), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        eventually(self.answers, f"the engine answers; its log:\n{self.read_log()}")

    def answers(self):
        assert self.process.poll() is None, f"berthd ended with {self.process.returncode}:\n{self.read_log()}"
        try:
            return b"200 OK" in self.ask("GET", "/_ping")
        except OSError:
            return False

    def read_log(self):
        with open(self.log, errors="replace") as log:
            return log.read()[-8000:]

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def restart(self, number=signal.SIGTERM):
        self.stop(number)
        self.start()

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(self.socket)
        return client

    def ask(self, method, path, headers=(), body=None):
        """One request on a connection of its own; all of the answer."""
        with self.connect() as client:
            lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
            if body is not None:
                lines.append(f"Content-Length: {len(body)}")
            client.sendall("\r\n".join(lines + ["", ""]).encode() + (body or b""))
            answer = b""
            while True:
                data = client.recv(1 << 16)
                if not data:
                    return answer
                answer += data

    def client(self, version="auto"):
        return docker.DockerClient(base_url=f"unix://{self.socket}", version=version, timeout=2 * PATIENCE)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        for root, folders, _ in os.walk("/sys/fs/cgroup"):
            if self.cgroup in folders:
                folders.remove(self.cgroup)
                subprocess.run(["find", f"{root}/{self.cgroup}", "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"],
                               stderr=subprocess.DEVNULL, check=False)


def busybox_tar():
    """A root file system: busybox with a link for each of its applets."""
    output = io.BytesIO()
    program = shutil.which("busybox")
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for folder in ("bin", "dev", "etc", "proc", "sys", "tmp", "root"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        for name, text in {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
                           "etc/group": "root:x:0:\nnogroup:x:65534:\n"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        entry = archive.gettarinfo(program, "bin/busybox")
        entry.mode, entry.uid, entry.gid = 0o755, 0, 0
        with open(program, "rb") as file:
            archive.addfile(entry, file)
        for applet in applets:
            if applet != "busybox":
                entry = tarfile.TarInfo(f"bin/{applet}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
    return output.getvalue()


def remove_containers(client):
    for container in client.containers.list(all=True, ignore_removed=True):
        try:
            container.remove(force=True)
        except docker.errors.NotFound:
            pass


# What runs an engine in a network namespace of its own: there it makes networks.
OWN_NETWORK = ["unshare", "-n", "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]


@contextlib.contextmanager
def engine_with_networks(kind=Engine, changes=('CMD ["sh"]',)):
    """An engine of that class in a network namespace of its own, with an image busybox."""
    engine = kind()
    engine.under = OWN_NETWORK
    engine.start()
    try:
        client = engine.client()
        client.api.import_image_from_data(busybox_tar(), repository="busybox", tag="latest", changes=[
            *changes, "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        yield engine
        remove_containers(client)
        client.networks.prune()
        client.close()
        assert engine.stop() == 0, engine.read_log()
    finally:
        if engine.process.poll() is None:
            engine.process.kill()
            engine.process.wait()
        engine.remove()


@pytest.fixture(scope="module")
def engine():
    engine = Engine()
    engine.start()
    try:
        client = engine.client()
        client.api.import_image_from_data(busybox_tar(), repository="busybox", tag="latest", changes=[
            'CMD ["sh"]', "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        yield engine
        if engine.process.poll() is not None:
            engine.start()
        remove_containers(client)
        assert engine.stop() == 0, engine.read_log()
    finally:
        if engine.process.poll() is None:
            engine.process.kill()
            engine.process.wait()
        engine.remove()


@pytest.fixture
def client(engine):
    client = engine.client()
    yield client
    remove_containers(client)
    client.close()


@pytest.fixture
def run(client):
    """Runs a shell script in a container without network; detached unless told otherwise."""
    def run(script, **options):
        options.setdefault("detach", True)
        options.setdefault("network_mode", "none")
        return client.containers.run("busybox", ["sh", "-c", script], **options)
    return run


@pytest.fixture
def create(client):
    def create(script, **options):
        options.setdefault("network_mode", "none")
        return client.containers.create("busybox", ["sh", "-c", script], **options)
    return create
