# SPDX-License-Identifier: Apache-2.0
"""Images on their way: pull, push, save and load by each engine, and skopeo where it does the same job.

The registry is Debian's docker-registry on loopback. Before each measurement the engine forgets the image (pull, load),
or the registry does (push, with the image loaded anew, so that it is a first push for everybody).
"""
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request

from bench_tools import QUIET, Daemon, compare, say, timed, which

SMALL_FILES = 100_000
BIG_BYTES = 1 << 30


class Registry:
    """docker-registry without a cache, so that its storage can be emptied while it runs."""

    def __init__(self, work):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        self.storage = f"{work}/registry"
        with open(f"{work}/registry.yml", "w", encoding="utf-8") as file:
            file.write(f"version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {self.storage}\n"
                       f"http:\n  addr: {self.host}\n")
        self.daemon = Daemon([which("docker-registry"), "serve", f"{work}/registry.yml"],
                             ["curl", "-fs", f"http://{self.host}/v2/"], f"{work}/registry.log")

    def forget(self):
        shutil.rmtree(f"{self.storage}/docker", ignore_errors=True)

    def end(self):
        self.daemon.end()


def make_debian(folder):
    subprocess.run(["mmdebstrap", "--variant=minbase", "--quiet", "bookworm", f"{folder}.tar"], check=True,
                   stdout=subprocess.DEVNULL)


def make_small(folder):
    for number in range(SMALL_FILES):
        if number % 100 == 0:
            os.makedirs(f"{folder}/d{number // 100}")
        with open(f"{folder}/d{number // 100}/f{number}", "w", encoding="utf-8") as file:
            file.write(f"{number}\n" * 20)
    subprocess.run(["tar", "-C", folder, "-cf", f"{folder}.tar", "."], check=True)
    shutil.rmtree(folder)


def make_big(folder):
    os.makedirs(folder)
    with open(f"{folder}/big", "wb") as file:
        for _ in range(BIG_BYTES >> 20):  # half of it can be compressed
            file.write(os.urandom(1 << 19) + bytes(1 << 19))
    subprocess.run(["tar", "-C", folder, "-cf", f"{folder}.tar", "."], check=True)
    shutil.rmtree(folder)


class Image:
    """One image as docker-archive, and in the registry."""

    def __init__(self, name, make, command, registry, work):
        self.name, self.registry, self.archive = name, registry, f"{work}/{name}-archive.tar"
        make(f"{work}/{name}")
        subprocess.run(command + ["import", f"{work}/{name}.tar", name], check=True, stdout=subprocess.DEVNULL)
        os.unlink(f"{work}/{name}.tar")
        subprocess.run(command + ["save", "-o", self.archive, name], check=True)
        subprocess.run(command + ["rmi", name], check=True, stdout=subprocess.DEVNULL)
        self.publish()

    def reference(self):
        return f"{self.registry.host}/{self.name}:latest"

    def publish(self):
        subprocess.run(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"docker-archive:{self.archive}",
                        f"docker://{self.reference()}"], check=True)


def quietly(command):
    subprocess.run(command, check=False, **QUIET)


def forget(command, *names):
    for name in names:
        quietly(command + ["rmi", "-f", name])


def verify_flag(name):
    return ["--tls-verify=false"] if name == "podman" else []


def pull(engines, image, rounds, work):
    def candidate(name, command):
        def once():
            forget(command, image.reference(), image.name)
            os.sync()
            return timed(command + ["pull", "-q"] + verify_flag(name) + [image.reference()])
        return once

    def skopeo():
        shutil.rmtree(f"{work}/skopeo", ignore_errors=True)
        os.sync()
        return timed([which("skopeo"), "copy", "-q", "--src-tls-verify=false", f"docker://{image.reference()}",
                      f"oci:{work}/skopeo"])
    candidates = {name: candidate(name, command) for name, command in engines.commands.items()}
    if which("skopeo"):
        candidates["skopeo copy (not unpacked)"] = skopeo
    compare(f"pull of {image.name}", candidates, rounds)


def again(engines, image, rounds):
    """A pull of what is here, and the one request that it cannot do without."""
    candidates = {}
    for name, command in engines.commands.items():
        quietly(command + ["pull", "-q"] + verify_flag(name) + [image.reference()])
        candidates[name] = lambda name=name, command=command: timed(command + ["pull", "-q"] + verify_flag(name) +
                                                                    [image.reference()])

    def request():
        started = time.monotonic()
        urllib.request.urlopen(urllib.request.Request(
            f"http://{image.registry.host}/v2/{image.name}/manifests/latest", method="HEAD",
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})).close()
        return (time.monotonic() - started) * 1000
    candidates["one request"] = request
    compare(f"pull of {image.name} once more", candidates, rounds)


def load(engines, image, rounds):
    def candidate(command):
        def once():
            forget(command, image.reference(), image.name)
            os.sync()
            return timed(command + ["load", "-q", "-i", image.archive])
        return once
    compare(f"load of {image.name}", {name: candidate(command) for name, command in engines.commands.items()}, rounds)


def save(engines, image, rounds, work):
    def candidate(command):
        def once():
            if os.path.exists(f"{work}/saved.tar"):
                os.unlink(f"{work}/saved.tar")
            os.sync()
            return timed(command + ["save", "-o", f"{work}/saved.tar", image.name])
        return once
    compare(f"save of {image.name}", {name: candidate(command) for name, command in engines.commands.items()}, rounds)
    os.unlink(f"{work}/saved.tar")


def push(engines, image, rounds):
    def candidate(name, command):
        def once():
            forget(command, image.reference(), image.name)
            subprocess.run(command + ["load", "-q", "-i", image.archive], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(command + ["tag", image.name, image.reference()], check=True)
            image.registry.forget()
            os.sync()
            return timed(command + ["push", "-q"] + verify_flag(name) + [image.reference()])
        return once

    def skopeo():
        image.registry.forget()
        os.sync()
        return timed([which("skopeo"), "copy", "-q", "--dest-tls-verify=false", f"docker-archive:{image.archive}",
                      f"docker://{image.reference()}"])
    candidates = {name: candidate(name, command) for name, command in engines.commands.items()}
    if which("skopeo"):
        candidates["skopeo copy"] = skopeo
    compare(f"first push of {image.name}", candidates, rounds)


def peak(engines, image):
    """The largest resident size of berthd during a pull; the kernel's mark is set back before."""
    pid, command = engines.pids["berth"], engines.commands["berth"]
    forget(command, image.reference(), image.name)
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
    subprocess.run(command + ["pull", "-q", image.reference()], check=True, stdout=subprocess.DEVNULL)
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        kilobytes = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))
    say(f"\nberthd's peak resident size during a pull of {image.name}: {kilobytes / 1024:.1f} MB")


def run(engines, work, rounds, wanted):
    if not which("docker-registry") or not which("skopeo"):
        say("\nimages: docker-registry and skopeo are needed, and one of them is not installed")
        return
    makers = {"debian": make_debian, "small": make_small, "big": make_big}
    registry = Registry(work)
    try:
        for name in wanted:
            image = Image(name, makers[name], engines.commands["berth"], registry, work)
            pull(engines, image, rounds, work)
            peak(engines, image)
            again(engines, image, rounds)
            load(engines, image, rounds)
            save(engines, image, rounds, work)
            push(engines, image, rounds)
            for command in engines.commands.values():
                forget(command, image.reference(), image.name)
            os.unlink(image.archive)
    finally:
        registry.end()
