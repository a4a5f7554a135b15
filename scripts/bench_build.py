# SPDX-License-Identifier: Apache-2.0
"""Building images: against docker's classic builder, its BuildKit, and buildah; the same files, the same base."""
import os
import subprocess
import time

from bench_engine import Engines
from bench_network import Machines
from bench_tools import QUIET, compare, say, timed, which

STEPS, FILES, FOLDERS, LARGE = 10, 20000, 100, 3
# Work for one processor that takes some tenths of a second.
WORK = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done"


class Builders(Engines):
    """The engines of those benchmarks, and what builds with them."""

    def __init__(self, build, work, tar):
        super().__init__(build, work, tar)
        self.folder, self.buildah_base = f"{work}/contexts", None
        os.makedirs(self.folder)
        self.ways = {"berth": self.commands["berth"] + ["build", "-q"]}
        if "docker" in self.commands:
            host = ["-H", f"unix://{work}/docker.sock"]
            self.ways["docker"] = ["/usr/bin/env", "DOCKER_BUILDKIT=0", "/usr/bin/docker", *host, "build", "-q"]
            self.ways["docker, BuildKit"] = ["/usr/bin/env", "DOCKER_BUILDKIT=1", "/usr/bin/docker", *host, "build", "-q"]
        if which("buildah"):
            self.buildah(tar)

    def buildah(self, tar):
        machine = Machines("buildah")
        self.machines["buildah"] = machine
        roots = ["--root", f"{self.work}/buildah", "--runroot", f"{self.work}/buildah-run"]
        begun = Machines.on(machine.host) + [which("buildah"), *roots]
        name = subprocess.run(begun + ["from", "scratch"], capture_output=True, text=True, check=True).stdout.strip()
        subprocess.run(begun + ["add", "-q", name, tar, "/"], check=True, **QUIET)
        subprocess.run(begun + ["commit", "-q", "--rm", name, "busybox"], check=True, **QUIET)
        self.ways["buildah"] = begun + ["bud", "-q", "--pull-never", "--runtime", which("runc") or "runc"]

    def context(self, name, dockerfile):
        folder = f"{self.folder}/{name}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/Dockerfile", "w", encoding="utf-8") as file:
            file.write(dockerfile)
        return folder

    def build(self, way, folder, *flags):
        layers = ["--layers"] if way == "buildah" else []
        return timed(self.ways[way] + layers + [*flags, "-t", "bench", folder])


def steps(builders, rounds):
    """Ten steps that do next to nothing: what a step costs. Then the same build when nothing has changed."""
    folder = builders.context("steps", "FROM busybox\n" + "".join(f"RUN echo {i} > /file-{i}\n" for i in range(STEPS)))
    compare(f"{STEPS} RUN steps, nothing cached", {way: lambda way=way: builders.build(way, folder, "--no-cache")
                                                  for way in builders.ways}, rounds)
    for way in builders.ways:
        builders.build(way, folder)
    compare("The same, all cached", {way: lambda way=way: builders.build(way, folder) for way in builders.ways}, rounds)


def many_files(builders, rounds):
    folder = builders.context("files", "FROM busybox\nCOPY . /files\n")
    for i in range(FILES):
        if i < FOLDERS:
            os.makedirs(f"{folder}/{i}")
        with open(f"{folder}/{i % FOLDERS}/{i}", "w", encoding="utf-8") as file:
            file.write(f"{i}\n" * 20)
    compare(f"COPY of {FILES} files, nothing cached", {way: lambda way=way: builders.build(way, folder, "--no-cache")
                                                      for way in builders.ways}, rounds)
    cached(builders, folder, f"The same of {FILES} files, all cached", rounds)


def cached(builders, folder, title, rounds):
    time.sleep(2.5)  # files that were written just now have to be looked at
    for way in builders.ways:
        builders.build(way, folder)
    compare(title, {way: lambda way=way: builders.build(way, folder) for way in builders.ways}, rounds)


def large_files(builders, rounds):
    folder = builders.context("large", "FROM busybox\nCOPY . /files\n")
    for i in range(LARGE):
        with open(f"{folder}/{i}", "wb") as file:
            for _ in range(100):
                file.write(os.urandom(1 << 20))
    cached(builders, folder, f"COPY of {LARGE} files of 100 MiB, all cached", rounds)


def copied_stage(builders, rounds):
    folder = builders.context("files", "FROM busybox AS files\nCOPY . /files\nFROM busybox\nCOPY --from=files /files /files\n")
    cached(builders, folder, f"COPY --from of a stage's {FILES} files, all cached", rounds)


def stages(builders, rounds):
    """Two stages that do not need each other, together and one by one; ours alone."""
    both = builders.context("both", f"FROM busybox AS one\nRUN {WORK}; echo 1 > /one\nFROM busybox AS two\n"
                                    f"RUN {WORK}; echo 2 > /two\nFROM busybox\nCOPY --from=one /one /\nCOPY --from=two /two /\n")
    times = {"both": [], "one": [], "two": []}
    for _ in range(rounds):
        times["both"].append(builders.build("berth", both, "--no-cache"))
        for stage in ("one", "two"):
            times[stage].append(builders.build("berth", both, "--no-cache", "--target", stage))
    median = {name: sorted(values)[len(values) // 2] for name, values in times.items()}
    say(f"\nTwo independent stages: {median['both']:.0f} ms together, {median['one']:.0f} and {median['two']:.0f} ms"
        f" alone: {median['both'] / (median['one'] + median['two']):.2f} of their sum ({os.cpu_count()} processors)")


def run(build, work, tar, rounds):
    begun = time.monotonic()
    builders = Builders(build, f"{work}/builders", tar)
    try:
        steps(builders, rounds)
        many_files(builders, max(rounds // 2, 3))
        copied_stage(builders, max(rounds // 2, 3))
        large_files(builders, max(rounds // 2, 3))
        stages(builders, rounds)
    finally:
        for name in list(builders.commands):
            if name == "podman":
                del builders.commands[name]
        builders.end()
    say(f"\n({time.monotonic() - begun:.0f} s)")
