# SPDX-License-Identifier: Apache-2.0
"""A program that leaves no process behind, however it ends: tests and benchmarks start engines, monitors and containers
that are nobody's children.

adopt() goes on in a child of this process. The parent gets every descendant whose own parent is gone, and when the child
has ended, or this process is told to end, it ends those that are left.
"""
import ctypes
import os
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PATIENCE = 10  # seconds for what is told to end
TICKS = os.sysconf("SC_CLK_TCK")


def children():
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


def tell(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def reap():
    """Takes every child that has ended; False if there is none left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return False


def end_all():
    """Ends the children, and theirs, which are ours then: with SIGTERM, that they end what they know of, then with SIGKILL."""
    begun, known = time.monotonic(), set()
    while reap():
        late = time.monotonic() - begun
        if late > 2 * PATIENCE:
            print(f"these processes do not end: {children()}", file=sys.stderr)
            return
        there = set(children())
        tell(there - known, signal.SIGTERM)
        if late > PATIENCE:
            tell(there, signal.SIGKILL)
        known |= there
        time.sleep(0.05)


def told(number, _):
    for other in TOLD:  # once is enough
        signal.signal(other, signal.SIG_IGN)
    raise InterruptedError(number)


def adopt():
    """Returns in the child. The parent exits with the child's status, or 128 and the number of the signal it got."""
    sys.stdout.flush()
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit(f"cannot become the parent of orphans: {os.strerror(ctypes.get_errno())}")
    main = os.fork()
    if main == 0:
        return
    for number in TOLD:
        signal.signal(number, told)
    try:
        pid, status = 0, 0
        while pid != main:
            pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        code = code if code >= 0 else 128 - code
    except InterruptedError as error:
        code = 128 + error.args[0]
    for number in TOLD:
        signal.signal(number, signal.SIG_IGN)
    end_all()
    os._exit(code)


def processor_seconds():
    """What all that was started and has ended used of the processors, in seconds: ours, and what the parent has got."""
    here = os.times()
    with open(f"/proc/{os.getppid()}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(here[:4]) + (int(fields[13]) + int(fields[14])) / TICKS
