# SPDX-License-Identifier: Apache-2.0
"""How fast a container's output is logged, and read again."""
import os
import subprocess
import time

from bench_tools import QUIET, compare, timed

MEGABYTES = 100
LINE = 100  # bytes, the newline included


def make_lines(path):
    with open(path, "w", encoding="ascii") as file:
        for number in range(MEGABYTES * 1000000 // LINE):
            file.write(f"{number:012} ".ljust(LINE - 1, "x") + "\n")


def run(engines, work, rounds):
    """A container writes lines as fast as it can, by each engine's default driver and by ours."""
    lines = f"{work}/lines"
    make_lines(lines)
    variants = {}
    for name, command in engines.commands.items():
        variants[name] = (command, engines.more.get(name, []))
    berth = engines.commands["berth"]
    variants["berth, local"] = (berth, ["--log-driver", "local"])
    variants["berth, json-file uncompressed"] = (berth, ["--log-opt", "compress=false"])
    variants["berth, none"] = (berth, ["--log-driver", "none"])

    def remove(command, name):
        subprocess.run(command + ["rm", "-f", name], check=False, **QUIET)

    def write(label):
        command, more = variants[label]
        box = "bench-" + "".join(filter(str.isalnum, label))
        remove(command, box)
        started = time.monotonic()
        subprocess.run(command + ["run", "-d", "--name", box, "--network", "none", "-v", f"{lines}:/lines:ro"] + more +
                       ["busybox", "cat", "/lines"], check=True, **QUIET)
        subprocess.run(command + ["wait", box], check=True, **QUIET)
        return (time.monotonic() - started) * 1000

    compare(f"{MEGABYTES} MB of lines written through the log, `run -d` and `wait`",
            {label: lambda label=label: write(label) for label in variants}, rounds)

    # Nothing lost and nothing reordered: of berth's default driver and docker's all of it, as far as it is kept.
    readers = {}
    for label in ("berth", "docker", "podman", "berth, local"):
        if label not in variants:
            continue
        command, box = variants[label][0], "bench-" + "".join(filter(str.isalnum, label))
        with open(f"{work}/read", "wb") as out:
            subprocess.run(command + ["logs", box], check=True, stdout=out, stderr=subprocess.DEVNULL)
        size = os.path.getsize(f"{work}/read")
        tail = subprocess.run(f"tail -c {size} {lines} | cmp - {work}/read", shell=True, check=False, **QUIET)
        if size % LINE or size == 0 or tail.returncode != 0:
            raise RuntimeError(f"{label}: what was logged is not what was written")
        readers[f"{label} ({size / 1e6:.0f} MB)"] = lambda command=command, box=box: timed(command + ["logs", box])
    compare("`logs`, whole command", readers, rounds)
    compare("`logs --tail 10`, whole command",
            {label: lambda label=label: timed(variants[label][0] + ["logs", "--tail", "10", "bench-" + label])
             for label in ("berth", "docker", "podman") if label in variants}, rounds)
    for label, (command, _) in variants.items():
        remove(command, "bench-" + "".join(filter(str.isalnum, label)))
