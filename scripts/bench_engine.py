# SPDX-License-Identifier: Apache-2.0
"""What an engine is asked for all day: many containers started, listed, run in, and removed; and how 500 of them weigh."""
import re
import statistics
import subprocess
import time

from bench_network import Machines, Networked
from bench_tools import QUIET, Daemon, compare, processes_about, say, timed, which

ROW, AT_ONCE, LISTED, CROWD, EDGE = 15, 50, 100, 500, 20
LIST = "/v1.41/containers/json?all=1"
WRK_SECONDS = 5


class Engines(Networked):
    """As there, and the daemons serve TCP on their machines' loopback, too."""

    def berth(self, build):
        self.berthd = Daemon(Machines.on(self.machines["berth"].host) + [
            f"{build}/berthd", "-H", f"unix://{self.work}/berth.sock", "-H", "tcp://127.0.0.1:2375",
            "--allow-insecure-tcp", "--data-root", f"{self.work}/berth-data", "--exec-root", f"{self.work}/berth-run",
            "--pidfile", f"{self.work}/berth.pid"],
            [f"{build}/berth", "-H", f"unix://{self.work}/berth.sock", "version"], f"{self.work}/berthd.log")
        self.daemons.append(self.berthd)
        return [f"{build}/berth", "-H", f"unix://{self.work}/berth.sock"]

    def docker(self):
        client = [which("docker"), "-H", f"unix://{self.work}/docker.sock"]
        self.daemons.append(Daemon(Machines.on(self.machines["docker"].host) + [
            which("dockerd"), "-H", f"unix://{self.work}/docker.sock", "-H", "tcp://127.0.0.1:2375", "--tls=false",
            "--data-root", f"{self.work}/docker-data", "--exec-root", f"{self.work}/docker-run", "--pidfile",
            f"{self.work}/docker.pid", "--userland-proxy=false"], client + ["version"], f"{self.work}/dockerd.log"))
        return client

    def start(self, name, count, *flags):
        for _ in range(count):
            subprocess.run(self.run(name, "-d", *flags, "busybox", "sleep", "1000"), check=True, **QUIET)

    def clear(self, name):
        ids = subprocess.run(self.commands[name] + ["ps", "-aq"], capture_output=True, text=True, check=True).stdout
        if ids.split():
            subprocess.run(self.commands[name] + ["rm", "-f"] + ids.split(), check=True, **QUIET)


def in_a_row(engines, rounds):
    """`run -d`, one after the other."""
    def once(name):
        begun = time.monotonic()
        engines.start(name, ROW)
        took = (time.monotonic() - begun) * 1000
        engines.clear(name)
        return took
    compare(f"{ROW} times `run -d` in a row", {name: lambda name=name: once(name) for name in engines.commands}, rounds)


def at_once(engines, rounds):
    """`run -d`, all at once, and the removal of what runs then. Without podman, which takes minutes."""
    names = [name for name in engines.commands if name != "podman"]
    removals = {name: [] for name in names}

    def once(name):
        begun = time.monotonic()
        started = [subprocess.Popen(engines.run(name, "-d", "busybox", "sleep", "1000"), **QUIET) for _ in range(AT_ONCE)]
        failed = [process.communicate()[1] for process in started if process.wait() != 0]
        took = (time.monotonic() - begun) * 1000
        if failed:
            raise RuntimeError(f"{len(failed)} of {AT_ONCE} failed: {failed[0].decode(errors='replace')[-200:]}")
        ids = subprocess.run(engines.commands[name] + ["ps", "-q"], capture_output=True, text=True, check=True).stdout
        removals[name].append(timed(engines.commands[name] + ["rm", "-f"] + ids.split()))
        return took
    compare(f"{AT_ONCE} times `run -d` at once", {name: lambda name=name: once(name) for name in names}, rounds)
    say(f"\n`rm -f` of {AT_ONCE} that run (medians of those rounds)\n")
    ours = None
    for name, times in removals.items():
        if times:
            median = statistics.median(times[-rounds:])
            ours = ours or median
            say(f"| {name:28} | {median:7.1f} ms | {median / ours:7.2f}x |")


def requests(engines, name):
    """How many lists wrk gets in a second over four connections."""
    said = subprocess.run(Machines.on(engines.machines[name].host) + [
        which("wrk"), "-t", "2", "-c", "4", "-d", f"{WRK_SECONDS}s", f"http://127.0.0.1:2375{LIST}"], capture_output=True,
        text=True, check=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    return float(re.search(r"Requests/sec:\s*([0-9.]+)", said)[1])


def listing(engines, rounds):
    """With 100 containers: `exec`, `ps`, and the API's list. Podman has one: 100 take it minutes."""
    names = [name for name in engines.commands if name != "podman"]
    for name in engines.commands:
        engines.start(name, LISTED if name in names else 1)
    newest = {name: subprocess.run(command + ["ps", "-lq"], capture_output=True, text=True, check=True).stdout.strip()
              for name, command in engines.commands.items()}
    compare("`exec` of true, whole command", {name: lambda name=name: timed(
        engines.commands[name] + ["exec", newest[name], "true"]) for name in engines.commands}, rounds)
    compare(f"`ps` with {LISTED} containers, whole command", {name: lambda name=name: timed(
        engines.commands[name] + ["ps"]) for name in names}, rounds)
    if which("wrk"):
        say(f"\nGET {LIST} with {LISTED} containers, wrk with 4 connections over loopback, requests per second\n")
        rates = {name: [] for name in names}
        for _ in range(3):
            for name, values in rates.items():
                values.append(requests(engines, name))
        for name, values in rates.items():
            say(f"| {name:28} | {statistics.median(values):9.0f} |"
                f" {statistics.median(rates['berth']) / statistics.median(values):7.2f}x |")
    for name in engines.commands:
        engines.clear(name)


def weight(pid, field):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field + ":")) / 1024


def crowd(engines):
    """500 of ours: whether the last ones start as the first did, and what they and the engine weigh."""
    times = [timed(engines.run("berth", "-d", "busybox", "sleep", "1000")) for _ in range(CROWD)]
    monitors = [pid for pid, program in processes_about(engines.work).items() if program == "berth-monitor"]
    first, last = statistics.median(times[:EDGE]), statistics.median(times[-EDGE:])
    berthd = engines.berthd.process.pid
    say(f"\n{CROWD} containers on the default bridge\n")
    say(f"| start, median of the first {EDGE} | {first:.1f} ms |")
    say(f"| start, median of the last {EDGE} | {last:.1f} ms, {last / first:.2f}x |")
    say(f"| berthd: RSS, PSS | {weight(berthd, 'Rss'):.1f} MB, {weight(berthd, 'Pss'):.1f} MB |")
    say(f"| monitor, each: PSS | {sum(weight(pid, 'Pss') for pid in monitors) / CROWD:.2f} MB"
        f" ({len(monitors)} processes) |")
    begun = time.monotonic()
    engines.clear("berth")
    say(f"| `rm -f` of all | {time.monotonic() - begun:.2f} s |")


def run(build, work, tar, rounds):
    engines = Engines(build, f"{work}/engine", tar)
    try:
        in_a_row(engines, max(rounds // 4, 3))
        at_once(engines, max(rounds // 4, 3))
        listing(engines, rounds)
        crowd(engines)
    finally:
        engines.end()
