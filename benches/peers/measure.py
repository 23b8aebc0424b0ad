"""One run of a program: wall time, and the memory of its processes.

Memory is read from /proc every few milliseconds while the program runs, so that what it holds for less is not seen: of the
largest process its own peak, which the kernel keeps, and of all of them together the largest sum seen. Memory that two processes
share counts twice in the sum. Without /proc there is no figure.
"""

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# Between two looks at memory, and between two looks for new processes.
PAUSE_S = 0.005
LOOKS_A_SEARCH = 4


@dataclass
class Run:
    """What was measured."""

    seconds: float
    code: int
    timed_out: bool
    largest_kib: int | None
    sum_kib: int | None
    stderr: str


def children(pid):
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in path.read_text().split()]
        except OSError:
            continue
    return found


def tree(pid):
    """A process and all below it."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def memory(pid):
    """KiB of a process: the most so far, and now. Zero of one that has ended."""
    peak = now = 0
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1])
                elif line.startswith("VmRSS:"):
                    now = int(line.split()[1])
                    break
    except OSError:
        pass
    return peak, now


def watch(pid, ended, most):
    looks, pids = 0, [pid]
    while not ended.is_set():
        if looks % LOOKS_A_SEARCH == 0:
            pids = tree(pid)
        found = [memory(one) for one in pids]
        most["largest"] = max(most["largest"], *(peak for peak, _ in found))
        most["sum"] = max(most["sum"], sum(now for _, now in found))
        looks += 1
        ended.wait(PAUSE_S)


def run(command, env, stdout, timeout_s):
    """Run a command to its end. Whoever takes longer than `timeout_s` is ended, with all its processes."""
    ended, most, timed_out = threading.Event(), {"largest": 0, "sum": 0}, threading.Event()
    with open(stdout, "wb") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

        def end():
            timed_out.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout_s, end)
        watcher = threading.Thread(target=watch, args=(process.pid, ended, most))
        timer.start()
        watcher.start()
        with process.stderr:
            stderr = process.stderr.read()
        code = process.wait()
        seconds = time.perf_counter() - begin
    timer.cancel()
    ended.set()
    watcher.join()
    largest = most["largest"] or None
    # The peak of one process may lie between two looks at all of them.
    together = largest and max(most["sum"], largest)
    return Run(seconds, code, timed_out.is_set(), largest, together, stderr.decode("utf-8", "replace"))
