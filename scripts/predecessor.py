# SPDX-License-Identifier: Apache-2.0
"""What a run of the tests that was killed left is removed by the next one.

begin() makes a journal of this run, in which tests write what they make outside of themselves, a line each: "folder PATH",
"netns NAME", "cgroup NAME" (a folder's name is a group's, too). Its name is in the environment of all that the run starts.
It is removed by end(). One whose run is there no more tells what is nobody's: what is not named by a journal, or not named
as tests name things, is left alone.
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

JOURNALS = "/run/berth-tests"
VARIABLE = "BERTH_TESTS_JOURNAL"
NAME = re.compile(r"(berth-|rt\d)[\w-]+$")
GROUPS = "/sys/fs/cgroup"
PATIENCE = 10  # seconds for processes to end


def start_time(pid):
    """In clock ticks since boot; None: there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def begin(journals=JOURNALS):
    """Of this process. Who may not make a journal has none, and nothing is told apart then."""
    path = f"{journals}/{os.getpid()}"
    try:
        os.makedirs(journals, mode=0o755, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{start_time(os.getpid())}\n")
    except OSError:
        return
    os.environ[VARIABLE] = path


def end():
    path = os.environ.pop(VARIABLE, None)
    if path:
        os.unlink(path)


def processes_of(journal):
    """Those that were started by its run."""
    mark = f"{VARIABLE}={journal}".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    yield int(pid)


def groups_named(name):
    """The control groups of that name and those in them, the deepest first."""
    for root, folders, _ in os.walk(GROUPS):
        if name in folders:
            for path, _, _ in os.walk(f"{root}/{name}", topdown=False):
                yield path


def processes_in(name):
    for group in groups_named(name):
        with contextlib.suppress(OSError):
            with open(f"{group}/cgroup.procs", encoding="ascii") as file:
                yield from map(int, file.read().split())


def processes_of_network(path):
    there = os.stat(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), there):
                yield int(pid)


def end_processes(find):
    """Kills what find() finds until it finds nothing."""
    until = time.monotonic() + PATIENCE
    while (pids := {pid for pid in find() if pid != os.getpid()}) and time.monotonic() < until:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def remove_groups(name):
    end_processes(lambda: processes_in(name))
    for group in groups_named(name):
        with contextlib.suppress(OSError):
            os.rmdir(group)


def remove_folder(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        points = [line.split()[4] for line in file]
    for point in reversed(points):
        if point == path or point.startswith(f"{path}/"):
            subprocess.run(["umount", "-l", point], check=False)
    shutil.rmtree(path, ignore_errors=True)


def remove(kind, what):
    """What one line tells of. True: it was there."""
    if kind == "folder":
        folder, name = os.path.split(what)
        if folder != tempfile.gettempdir() or not NAME.match(name):
            return False
        remove_groups(name)
        if os.path.islink(what) or not os.path.isdir(what):
            return False
        remove_folder(what)
    elif not NAME.match(what):
        return False
    elif kind == "cgroup":
        remove_groups(what)
    elif kind == "netns" and os.path.exists(path := f"/run/netns/{what}"):
        end_processes(lambda: processes_of_network(path))  # some tell of no environment
        subprocess.run(["ip", "netns", "del", what], check=False)
    else:
        return False
    return True


def read(path):
    """When the run began, and the lines that follow; None if another one that cleans has removed it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            begun, *lines = file.read().splitlines() or [""]
            return begun, lines
    except OSError:
        return None


def clean(journals=JOURNALS):
    """Removes what is left of runs that are there no more. Returns what that was, in words."""
    removed = []
    for pid in filter(str.isdigit, os.listdir(journals) if os.path.isdir(journals) else []):
        path = f"{journals}/{pid}"
        journal = read(path)
        if not journal or start_time(pid) == journal[0]:
            continue
        end_processes(lambda path=path: processes_of(path))
        # What is made last is in the way of what was made first.
        removed += [line for line in reversed(journal[1]) if remove(*(line.split(" ", 1) + [""])[:2])]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return removed
