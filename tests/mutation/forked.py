"""Tasks in forked children: each with a limit of CPU time, several at once, and none left behind."""

import contextlib
import os
import resource
import selectors
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass

GIGABYTE = 2**30
PATIENCE = 10  # seconds that a child may wait, beside several times its CPU time


@dataclass(frozen=True)
class Outcome:
    """What became of a task: its text, or how its process ended; and its CPU seconds."""

    text: str
    seconds: float


def run(tasks, limit, processes=1):
    """[Outcome] of the tasks, functions without arguments that return a short text, in their order.

    limit: CPU seconds for each. A child that neither ends nor works (it waits, say) is ended after four times that.
    """
    outcomes, running, waiting = [None] * len(tasks), {}, list(enumerate(tasks))[::-1]
    with selectors.DefaultSelector() as selector:
        while waiting or running:
            while waiting and len(running) < processes:
                number, task = waiting.pop()
                pid, pipe = start(task, limit)
                selector.register(pipe, selectors.EVENT_READ, pid)
                running[pid] = (number, pipe, time.monotonic() + 4 * limit + PATIENCE)
            ready = {key.data for key, _ in selector.select(timeout=1.0)}
            for pid, (number, pipe, end) in list(running.items()):
                if pid in ready or time.monotonic() > end:
                    selector.unregister(pipe)
                    outcomes[number] = finish(pid, pipe, late=pid not in ready)
                    del running[pid]
    return outcomes


def start(task, limit):
    """Fork a child that runs the task: (its id, the end of a pipe from which its text can be read)."""
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():  # of threads: those of the numerical libraries are idle
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    try:  # nothing below may return: the child must not go on as its parent
        os.setpgid(0, 0)
        os.close(read)
        seconds = max(1, round(limit))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (8 * GIGABYTE, 8 * GIGABYTE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        sys.stdout = sys.stderr = open(os.devnull, "w")
        os.write(write, task().encode()[:4000])
    except BaseException:
        with contextlib.suppress(OSError):
            os.write(write, f"failed: {traceback.format_exc(limit=-3)}".encode()[:4000])
    finally:
        os._exit(0)


def finish(pid, pipe, late):
    """Wait for a child that has written or is late, end it and what it started, and say what became of it."""
    text = b"" if late else os.read(pipe, 4096)
    os.close(pipe)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    seconds = used.ru_utime + used.ru_stime
    if text:
        return Outcome(text.decode(), seconds)
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    out_of_time = late or ended_by == signal.SIGXCPU
    return Outcome("out of time" if out_of_time else f"ended by signal {ended_by}", seconds)
