# SPDX-License-Identifier: Apache-2.0
"""The builders that the corpus is given to: berth, and Docker's classic builder, BuildKit and Buildah as its peers. Each
has its roots, sockets and control groups to itself and leaves nothing."""
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 60
# What a sanitizer found, in the engine or the command.
REPORT = re.compile("ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:")
# Nothing of these may come from the environment of whoever runs the tests.
PROXIES = [name + "_proxy" for name in ("http", "https", "ftp", "no", "all")]


class BuildError(Exception):
    """The builder did not build the case; the text is what it said."""


class Builder:
    """start() it, build() cases, stop() it."""

    def __init__(self, folder, base):
        self.folder, self.base = folder, base
        self.env = {name: value for name, value in os.environ.items()
                    if name.lower() not in PROXIES and not name.startswith(("DOCKER_", "BERTH_HOST", "BUILDAH_", "SOURCE_DATE"))}
        self.log = f"{folder}/log"
        os.makedirs(folder, exist_ok=True)

    def start(self):
        """Starts what runs beside the builds and gives it the base."""

    def stop(self):
        """Ends what start() began; the problems that are seen then, as texts."""
        return []

    def command(self, name, words):
        """The command that builds an image of that name."""
        raise NotImplementedError

    def export(self, name):
        """The image as an archive."""
        raise NotImplementedError

    def build(self, name, words, place, stdin=None):
        """Builds in the folder `place`; returns what was printed."""
        done = subprocess.run(self.command(name, words), cwd=place, env=self.env, input=stdin or b"", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=4 * PATIENCE, check=False)
        text = done.stdout.decode(errors="replace")
        if REPORT.search(text):
            raise RuntimeError(text)
        if done.returncode < 0 or done.returncode > 125:
            text += f"\n(ended with status {done.returncode})"
        if done.returncode:
            raise BuildError(text)
        return text


def remove_groups(name):
    """Removes control groups of that name, wherever they are, and those below."""
    for root, folders, _ in os.walk("/sys/fs/cgroup"):
        if name in folders:
            folders.remove(name)
            subprocess.run(["find", f"{root}/{name}", "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"],
                           stderr=subprocess.DEVNULL, check=False)


class Connection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


class Engine(Builder):
    """A builder that is part of an engine with Docker's API."""

    def __init__(self, folder, base):
        super().__init__(folder, base)
        self.socket = f"{folder}/run/engine.sock"
        self.group = f"berth-build-{os.getpid()}"
        self.process = None
        os.makedirs(f"{folder}/run", exist_ok=True)
        with open(f"{folder}/daemon.json", "w", encoding="utf-8") as file:
            file.write("{}")

    def arguments(self):
        """The engine's own command."""
        raise NotImplementedError

    def ask(self, method, path, body=None):
        connection = Connection(self.socket)
        connection.request(method, path, body, {"Content-Type": "application/x-tar"} if body else {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status >= 300:
            raise BuildError(f"{method} {path}: {answer.status} {data.decode(errors='replace')}")
        return data

    def answers(self):
        if self.process.poll() is not None:
            raise BuildError(f"the engine ended with {self.process.returncode}: {self.said()}")
        try:
            return self.ask("GET", "/_ping")
        except OSError:
            return False

    def said(self):
        with open(self.log, errors="replace", encoding="utf-8") as file:
            return file.read()[-8000:]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                            start_new_session=True)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if time.monotonic() > end:
                raise BuildError(f"the engine does not answer: {self.said()}")
            time.sleep(0.02)
        self.ask("POST", "/images/load?quiet=1", self.base.archive)

    def stop(self):
        problems = []
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
            if status:
                problems.append(f"the engine ended with {status}: {self.said()}")
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            problems.append(f"the engine did not end: {self.said()}")
        with open(self.log, errors="replace", encoding="utf-8") as file:
            problems += [line for line in file if REPORT.search(line)]
        remove_groups(self.group)
        return problems

    def export(self, name):
        return self.ask("GET", f"/images/{name}/get")


class Berth(Engine):
    """What is built here."""

    def __init__(self, folder, base):
        super().__init__(folder, base)
        self.programs = os.path.abspath(os.environ.get("BERTH_BUILD", f"{TOP}/build"))
        self.socket = f"{folder}/run/berth.sock"
        self.env["BERTH_HOST"] = f"unix://{self.socket}"

    def arguments(self):
        return [f"{self.programs}/berthd", "-D", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/run",
                "--cgroup-parent", f"/{self.group}", "--config-file", f"{self.folder}/daemon.json"]

    def command(self, name, words):
        return [f"{self.programs}/berth", "build", "--progress=plain", "-t", name, *words]


class Docker(Engine):
    """Debian's docker.io with its classic builder."""

    buildkit = "0"

    def __init__(self, folder, base):
        super().__init__(folder, base)
        self.lock = threading.Lock()
        self.env |= {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": f"{folder}/config", "DOCKER_BUILDKIT": self.buildkit}
        with open(f"{folder}/daemon.json", "w", encoding="utf-8") as file:
            file.write(f'{{"deprecated-key-path": "{folder}/key.json"}}')

    def arguments(self):
        return ["/usr/sbin/dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/run",
                "--pidfile", f"{self.folder}/pid", "-H", f"unix://{self.socket}", "--cgroup-parent", f"/{self.group}",
                "--config-file", f"{self.folder}/daemon.json"]

    def command(self, name, words):
        return ["/usr/bin/docker", "build", "-t", name, *words]

    def build(self, name, words, place, stdin=None):
        """There are Dockerfiles that this version's daemon does not survive: it is started again for the others."""
        for _ in range(3):
            try:
                return super().build(name, words, place, stdin)
            except BuildError as error:
                with self.lock:
                    if self.process.poll() is None and "the Docker daemon" not in str(error):
                        raise
                    if self.process.poll() is not None:
                        self.start()
        raise BuildError("the daemon ends when it is asked to build this")


class BuildKit(Docker):
    """The BuildKit in Debian's docker.io."""

    buildkit = "1"

    def command(self, name, words):
        return ["/usr/bin/docker", "build", "--progress=plain", "-t", name, *words]

    def build(self, name, words, place, stdin=None):
        # Contexts that are called the same are the same for it, if the sizes and times of their files are.
        last = words[-1] if words[-1] == "-" else f"{place}/{words[-1]}"
        return super().build(name, [*words[:-1], last], place, stdin)


class Buildah(Builder):
    """Debian's buildah."""

    def __init__(self, folder, base):
        super().__init__(folder, base)
        self.roots = ["--root", f"{folder}/data", "--runroot", f"{folder}/run", "--storage-driver", "overlay"]

    def start(self):
        path = f"{self.folder}/base.tar"
        with open(path, "wb") as file:
            file.write(self.base.archive)
        done = subprocess.run(["buildah", *self.roots, "pull", "-q", f"docker-archive:{path}"], env=self.env,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(done.stderr)

    def stop(self):
        subprocess.run(["buildah", *self.roots, "rm", "-a"], env=self.env, capture_output=True, check=False)
        remove_groups(f"berth-build-{os.getpid()}")
        for name in (f"{self.folder}/data/overlay", f"{self.folder}/data"):
            subprocess.run(["umount", "-l", name], capture_output=True, check=False)
        return []

    def command(self, name, words):
        return ["buildah", *self.roots, "bud", "--format", "docker", "--pull-never", "--isolation", "oci", "--runtime", "runc",
                "--cgroup-parent", f"/berth-build-{os.getpid()}/{name.replace(':', '-')}", "-t", name, *words]

    def export(self, name):
        path = f"{self.folder}/{name.replace(':', '_')}.tar"
        done = subprocess.run(["buildah", *self.roots, "push", "-q", f"localhost/{name}", f"docker-archive:{path}"], env=self.env,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(done.stderr)
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        return data


BUILDERS = {"berth": Berth, "docker": Docker, "buildkit": BuildKit, "buildah": Buildah}


def remove(folder):
    """Removes the roots of builders, whatever is still mounted there."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split()[4] for line in file]
    for place in sorted((place for place in mounts if place.startswith(folder + "/")), reverse=True):
        subprocess.run(["umount", "-l", place], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


