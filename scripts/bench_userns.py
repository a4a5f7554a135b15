# SPDX-License-Identifier: Apache-2.0
"""What a user namespace of its own costs a container's start: the same commands with --userns host and auto, in turn."""
import statistics
import subprocess
import time

from bench_network import Machines
from bench_tools import QUIET, SETTLE, Daemon, say, timed

MODES = ("host", "auto")
ROW = 10


class Engine:
    """berthd alone, on a machine of its own."""

    def __init__(self, build, work, tar):
        self.machines = Machines("userns")
        self.run_folder = f"{work}/userns-run"
        subprocess.run(["mkdir", self.run_folder], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "run", self.run_folder], check=True)
        self.command = [f"{build}/berth", "-H", f"unix://{work}/userns.sock"]
        self.daemon = Daemon(Machines.on(self.machines.host) + [
            f"{build}/berthd", "-H", f"unix://{work}/userns.sock", "--data-root", f"{work}/userns-data", "--exec-root",
            self.run_folder, "--pidfile", f"{work}/userns.pid"], self.command + ["version"], f"{work}/userns.log")
        subprocess.run(self.command + ["import", tar, "busybox"], check=True, **QUIET)

    def berth(self, *words):
        return subprocess.run(self.command + list(words), check=True, capture_output=True, text=True).stdout.split()

    def clear(self):
        ids = self.berth("ps", "-aq")
        if ids:
            self.berth("rm", "-f", *ids)

    def end(self):
        self.clear()
        self.daemon.end()
        subprocess.run(["umount", "-l", self.run_folder], check=False)
        self.machines.end()


def detached(engine, mode, *more):
    return timed(engine.command + ["run", "-d", "--userns", mode, *more, "busybox", "true"])


def to_the_end(engine, mode):
    return timed(engine.command + ["run", "--rm", "--network", "none", "--userns", mode, "busybox", "true"])


def created(engine, mode):
    begun = time.monotonic()
    name = engine.berth("create", "--network", "none", "--userns", mode, "busybox", "true")[0]
    engine.berth("start", name)
    return (time.monotonic() - begun) * 1000


def in_a_row(engine, mode):
    begun = time.monotonic()
    for _ in range(ROW):
        detached(engine, mode, "--network", "none")
    return (time.monotonic() - begun) * 1000 / ROW


def measure(engine, title, once, rounds):
    times = {mode: [] for mode in MODES}
    for mode in MODES:
        once(engine, mode)
    for number in range(rounds):
        for mode in MODES if number % 2 else reversed(MODES):
            time.sleep(SETTLE)
            times[mode].append(once(engine, mode))
        if number % 10 == 9:
            engine.clear()
    row = []
    for mode in MODES:
        quarters = statistics.quantiles(times[mode], n=4)
        row += [quarters[0], quarters[1]]
    say(f"| {title:32} | {row[0]:5.1f} ms | {row[2]:5.1f} ms | {row[2] - row[0]:+5.2f} ms | {row[1]:5.1f} ms |"
        f" {row[3]:5.1f} ms | {row[3] - row[1]:+5.2f} ms |")


def run(build, work, tar, rounds):
    engine = Engine(build, work, tar)
    try:
        say(f"\n--userns host and auto, {rounds} times each in turn: lower quartiles and their difference, medians and "
            "theirs\n")
        say(f"| {'':32} |    host  |    auto  |          |    host  |    auto  |          |")
        measure(engine, "`run -d`, no network", lambda *one: detached(*one, "--network", "none"), rounds)
        measure(engine, "`run -d`, the default bridge", detached, rounds)
        measure(engine, "`run --rm`, to its end", to_the_end, rounds)
        measure(engine, "`create` and `start`", created, rounds)
        measure(engine, f"`run -d`, {ROW} without a pause, each", in_a_row, max(rounds // 4, 3))
    finally:
        engine.end()
