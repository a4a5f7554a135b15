# SPDX-License-Identifier: Apache-2.0
"""Look-ups of containers' names, by dnsperf in a container's network namespace: how many in a second, and how long they
take when 20,000 come in each second. The engines run in a network namespace of the benchmark's own."""
import os
import re
import statistics
import subprocess

from bench_tools import QUIET, Daemon, say, which

RATE = 20000
SECONDS = 3


class Place:
    """A network namespace for engines, so that their rules and bridges are not this machine's."""

    def __init__(self):
        self.name = f"berth-bench-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)

    def command(self, *words):
        return [which("nsenter"), f"--net=/run/netns/{self.name}"] + list(words)

    def end(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)


def engines(build, work, place):
    """The clients of those that start, and their daemons."""
    berth = [f"{build}/berth", "-H", f"unix://{work}/dns-berth.sock"]
    commands, daemons = {"berth": berth}, []
    daemons.append(Daemon(place.command(f"{build}/berthd", "-H", f"unix://{work}/dns-berth.sock", "--data-root",
                                        f"{work}/dns-berth", "--exec-root", f"{work}/dns-berth-run", "--pidfile",
                                        f"{work}/dns-berth.pid"), berth + ["version"], f"{work}/dns-berthd.log"))
    if which("dockerd") and which("docker"):
        docker = [which("docker"), "-H", f"unix://{work}/dns-docker.sock"]
        try:
            daemons.append(Daemon(place.command(which("dockerd"), "-H", f"unix://{work}/dns-docker.sock", "--data-root",
                                                f"{work}/dns-docker", "--exec-root", f"{work}/dns-docker-run",
                                                "--pidfile", f"{work}/dns-docker.pid"),
                                  docker + ["version"], f"{work}/dns-dockerd.log"))
            commands["docker"] = docker
        except RuntimeError as error:
            say(f"docker: {error}")
    return commands, daemons


def container(command, tar):
    """A network, and on it `web` and the one that asks, whose process is returned."""
    subprocess.run(command + ["import", tar, "busybox"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(command + ["network", "create", "front"], check=True, stdout=subprocess.DEVNULL)
    for name in ("web", "asker"):
        subprocess.run(command + ["run", "-d", "--name", name, "--network", "front", "busybox", "sleep", "1000"], check=True,
                       stdout=subprocess.DEVNULL)
    return subprocess.run(command + ["inspect", "-f", "{{.State.Pid}}", "asker"], check=True, capture_output=True,
                          text=True).stdout.strip()


def dnsperf(pid, questions, *options):
    done = subprocess.run(["nsenter", "-t", pid, "-n", "dnsperf", "-s", "127.0.0.11", "-d", questions, "-l", str(SECONDS),
                           "-c", "4", "-q", "64"] + list(options), check=True, capture_output=True, text=True).stdout
    return done


def measure(pid, questions):
    most = float(re.search(r"Queries per second: +([\d.]+)", dnsperf(pid, questions)).group(1))
    output = dnsperf(pid, questions, "-Q", str(RATE), "-v")
    times = [float(line.split()[-1]) * 1000 for line in output.splitlines() if line.startswith("> NOERROR")]
    lost = int(re.search(r"Queries lost: +(\d+)", output).group(1))
    return most, statistics.median(times), statistics.quantiles(times, n=100)[98], lost


def compare_dns(build, work, rootfs, rounds):
    if not which("dnsperf"):
        say("dns: dnsperf is not installed")
        return
    place, daemons, commands = Place(), [], {}
    try:
        commands, daemons = engines(build, work, place)
        subprocess.run(["tar", "-C", rootfs, "-cf", f"{work}/dns.tar", "."], check=True)
        questions = f"{work}/questions"
        with open(questions, "w", encoding="utf-8") as file:
            file.write("web A\nasker A\nweb AAAA\nweb.front A\n")
        pids = {name: container(command, f"{work}/dns.tar") for name, command in commands.items()}
        found = {name: [] for name in pids}
        for _ in range(rounds):
            for name, pid in pids.items():
                found[name].append(measure(pid, questions))
        say(f"\nLook-ups of containers' names (median of {rounds}, alternating)\n")
        say(f"| {'':28} | a second | at {RATE} a second: median | 99 % within | lost |")
        say("|" + "-" * 30 + "|---------:|--------------------------:|------------:|-----:|")
        for name, values in found.items():
            most, middle, high, lost = (statistics.median(column) for column in zip(*values))
            say(f"| {name:28} | {most:8.0f} | {middle:22.3f} ms | {high:8.3f} ms | {lost:4.0f} |")
    finally:
        for command in commands.values():
            ids = subprocess.run(command + ["ps", "-aq"], capture_output=True, text=True, check=False).stdout.split()
            if ids:
                subprocess.run(command + ["rm", "-f"] + ids, check=False, **QUIET)
            subprocess.run(command + ["network", "rm", "front"], check=False, **QUIET)
        for daemon in reversed(daemons):
            daemon.end()
        place.end()
