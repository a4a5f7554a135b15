# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: timing, comparing, daemons of their own."""
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}


# Seconds between two measurements, so that what one leaves to be done behind its back is not charged to the next.
SETTLE = 0.3
# Seconds after which a slow candidate is not measured again, and how often it is in any case.
ENOUGH, LEAST = 15, 3
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def say(text=""):
    print(text, flush=True)


def timed(command):
    """Milliseconds that the whole command took; a failure ends the benchmark, since a fast failure is no result."""
    with tempfile.TemporaryFile() as errors:
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                   (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
        started = time.monotonic()
        status = os.waitpid(os.posix_spawn(command[0], command, os.environ, file_actions=actions), 0)[1]
        took = (time.monotonic() - started) * 1000
        if status != 0:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)}: status {os.waitstatus_to_exitcode(status)}: "
                               f"{errors.read().decode(errors='replace')}")
    return took


def compare(title, candidates, rounds):
    """candidates: name -> a function that runs once and returns milliseconds. The first is Berth's."""
    times = {name: [] for name in candidates}
    broken = {}
    for name, once in candidates.items():
        try:
            once()  # warm up, and see whether it works at all
            once()
        except (RuntimeError, OSError) as error:
            broken[name] = str(error).strip().splitlines()[-1][-300:]
    for _ in range(rounds):
        for name, once in candidates.items():
            if name not in broken and (len(times[name]) < LEAST or sum(times[name]) < ENOUGH * 1000):
                time.sleep(SETTLE)
                times[name].append(once())
    say(f"\n{title} (median of {rounds}, alternating)\n")
    say(f"| {'':28} |  median |     p90 | to Berth |\n|{'-' * 30}|--------:|--------:|---------:|")
    ours = None
    for name, values in times.items():
        if name in broken:
            say(f"| {name:28} | does not run here: {broken[name]}")
            continue
        median = statistics.median(values)
        ours = ours or median
        fewer = "" if len(values) == rounds else f" of {len(values)}"
        say(f"| {name:28} | {median:4.1f} ms | {statistics.quantiles(values, n=10)[8]:4.1f} ms | {median / ours:7.2f}x |{fewer}")


def which(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def end_by_signals():
    """A signal ends the program by its `finally` clauses, once."""
    def end(number, _):
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)
    for number in ENDING:
        signal.signal(number, end)


def processes_about(word):
    """Pids of processes whose command line has the word, and their programs' names."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                line = file.read()
        except OSError:
            continue
        if word in line:
            found[int(entry)] = os.path.basename(line.partition("\0")[0])
    return found


class Daemon:
    """A daemon of our own, ended by its pid; a terminal's signals do not reach it."""

    running = []

    def __init__(self, command, ready, log):
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True)
        self.running.append(self)
        for _ in range(300):
            if self.process.poll() is not None:
                break
            if subprocess.run(ready, check=False, **QUIET).returncode == 0:
                return
            time.sleep(0.1)
        self.end()
        raise RuntimeError(f"{command[0]} did not start: {open(log, encoding='utf-8', errors='replace').read()[-600:]}")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        if self in self.running:
            self.running.remove(self)

    @classmethod
    def end_all(cls):
        """Those that nobody has ended."""
        for daemon in reversed(list(cls.running)):
            daemon.end()
