# SPDX-License-Identifier: Apache-2.0
"""Networks: what the default bridge and published ports cost a run, and what goes through a published port.

Each engine has a machine of its own made of network namespaces, with another one on its wire, so that no engine's rules
stand in another's way, and this machine's stay as they are."""
import os
import statistics
import subprocess
import time

from bench_tools import QUIET, SETTLE, Daemon, compare, say, timed, which

HOST, OUTSIDE = "203.0.113.1", "203.0.113.2"
MANY = 2000


class Machines:
    """A host and, on its wire, an outside."""

    made = []

    def __init__(self, name):
        self.made.append(self)
        self.host, self.outside = f"berth-bench-{os.getpid()}-{name}", f"berth-bench-{os.getpid()}-{name}-out"
        for namespace in (self.host, self.outside):
            self.ip("netns", "add", namespace)
            self.ip("-n", namespace, "link", "set", "lo", "up")
        self.ip("-n", self.host, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.outside)
        for namespace, address in ((self.host, HOST), (self.outside, OUTSIDE)):
            self.ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "wire")
            self.ip("-n", namespace, "link", "set", "wire", "up")
        self.ip("-n", self.host, "route", "add", "default", "via", OUTSIDE)

    @staticmethod
    def ip(*arguments):
        subprocess.run([which("ip"), *arguments], check=True)

    @staticmethod
    def on(namespace):
        return [which("nsenter"), f"--net=/run/netns/{namespace}"]

    def end(self):
        for namespace in (self.host, self.outside):
            if os.path.exists(f"/run/netns/{namespace}"):
                subprocess.run([which("ip"), "netns", "del", namespace], check=False)
        if self in self.made:
            self.made.remove(self)

    @classmethod
    def end_all(cls):
        for machines in list(cls.made):
            machines.end()


class Networked:
    """berthd, dockerd without its proxy, podman: each on its machine, with the image busybox."""

    def __init__(self, build, work, tar):
        self.machines, self.commands, self.daemons, self.more = {}, {}, [], {}
        self.work, self.tar = work, tar
        os.makedirs(work)
        makers = {"berth": lambda: self.berth(build)}
        if which("dockerd") and which("docker"):
            makers["docker"] = self.docker
        if which("podman"):
            makers["podman"] = self.podman
        for name, make in makers.items():
            self.machines[name] = Machines(name)
            os.mkdir(f"{work}/{name}-run")  # in memory, as /run is
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "run", f"{work}/{name}-run"], check=True)
            try:
                command = make()
                subprocess.run(command + ["import", tar, "busybox"], check=True, **QUIET)
                self.commands[name] = command
            except (RuntimeError, subprocess.CalledProcessError) as error:
                say(f"{name}: {str(error)[-300:]}")

    def daemon(self, name, command, client):
        self.daemons.append(Daemon(Machines.on(self.machines[name].host) + command, client + ["version"],
                                   f"{self.work}/{name}.log"))
        return client

    def berth(self, build):
        return self.daemon("berth", [f"{build}/berthd", "-H", f"unix://{self.work}/berth.sock", "--data-root",
                                     f"{self.work}/berth-data", "--exec-root", f"{self.work}/berth-run", "--pidfile",
                                     f"{self.work}/berth.pid"],
                           [f"{build}/berth", "-H", f"unix://{self.work}/berth.sock"])

    def docker(self):
        return self.daemon("docker", [which("dockerd"), "-H", f"unix://{self.work}/docker.sock", "--data-root",
                                      f"{self.work}/docker-data", "--exec-root", f"{self.work}/docker-run", "--pidfile",
                                      f"{self.work}/docker.pid", "--userland-proxy=false"],
                           [which("docker"), "-H", f"unix://{self.work}/docker.sock"])

    def podman(self):
        self.more["podman"] = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]  # its own need rights
        return Machines.on(self.machines["podman"].host) + [
            which("podman"), "--root", f"{self.work}/podman", "--runroot", f"{self.work}/podman-run", "--cgroup-manager",
            "cgroupfs", "--events-backend", "none"]

    def run(self, name, *arguments):
        return self.commands[name] + ["run"] + self.more.get(name, []) + list(arguments)

    def end(self):
        for command in self.commands.values():
            ids = subprocess.run(command + ["ps", "-aq"], capture_output=True, text=True, check=False).stdout.split()
            if ids:
                subprocess.run(command + ["rm", "-f"] + ids, check=False, **QUIET)
        for daemon in reversed(self.daemons):
            daemon.end()
        for machines in self.machines.values():
            machines.end()


def start(engines, rounds):
    candidates = {name: lambda name=name: timed(engines.run(name, "--rm", "busybox", "true")) for name in engines.commands}
    candidates["berth, --network none"] = lambda: timed(engines.run("berth", "--rm", "--network", "none", "busybox", "true"))
    compare("`run --rm busybox true` on the default bridge, whole command", candidates, rounds)


def publish(engines, rounds):
    """A run without, with one published port, and with one beside 2000 others."""
    def once(*flags):
        return lambda: timed(engines.run("berth", "--rm", *flags, "busybox", "true"))
    compare("`run --rm busybox true` with a published port", {
        "berth, no port": once(), "berth, -p 80:80": once("-p", "80:80"),
        **{f"{name}, -p 80:80": lambda name=name: timed(engines.run(name, "--rm", "-p", "80:80", "busybox", "true"))
           for name in engines.commands if name != "berth"}}, rounds)
    subprocess.run(engines.run("berth", "-d", "--name", "many", "-p", f"20000-{19999 + MANY}:1-{MANY}", "busybox", "sleep",
                               "1000"), check=True, **QUIET)
    compare(f"the same while {MANY} other ports are published", {
        "berth, no port": once(), "berth, -p 80:80": once("-p", "80:80")}, rounds)
    subprocess.run(engines.commands["berth"] + ["rm", "-f", "many"], check=True, **QUIET)


def measure(engines, title, unit, server, client, rounds):
    """A number that `peer` prints, through a published port; alternating."""
    values = {name: [] for name in engines.commands}
    for name in engines.commands:
        subprocess.run(engines.run(name, "-d", "--name", "server", "-p", "8080:80", "-v", f"{engines.peer}:/peer:ro",
                                   "busybox", "/peer", *server), check=True, **QUIET)
    time.sleep(1)
    for turn in range(rounds + 1):
        for name in values:
            time.sleep(SETTLE)
            done = subprocess.run(Machines.on(engines.machines[name].outside) + [engines.peer] + client, check=True,
                                  capture_output=True, text=True)
            if turn:
                values[name].append(float(done.stdout))
    say(f"\n{title} (median of {rounds}, alternating)\n")
    say(f"| {'':28} | {unit:>15} | to Berth |\n|{'-' * 30}|{'-' * 16}:|---------:|")
    ours = None
    for name, numbers in values.items():
        median = statistics.median(numbers)
        ours = ours or median
        say(f"| {name:28} | {median:15.1f} | {median / ours:7.2f}x |")
    for command in engines.commands.values():
        subprocess.run(command + ["rm", "-f", "server"], check=False, **QUIET)


def run(build, work, tar, rounds):
    engines = Networked(build, f"{work}/networks", tar)
    engines.peer = f"{build}/tests/network/peer"
    few = max(rounds // 3, 3)
    try:
        start(engines, rounds)
        publish(engines, rounds)
        measure(engines, "Through a published port from another machine: one TCP stream", "Mbit/s", ["drink", "80"],
                ["pour", HOST, "8080", "2"], few)
        measure(engines, "… messages there and back over one connection", "a second", ["answer", "tcp", "80"],
                ["rate", HOST, "8080", "2"], few)
        measure(engines, "… a new connection", "microseconds", ["answer", "tcp", "80"], ["connects", HOST, "8080", "2000"], few)
    finally:
        engines.end()
