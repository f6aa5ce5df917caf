"""Start a training script on several processes from a notebook, and never wait for it without end (lesson 27).

    rows = launch("examples/train_distributed.py", "--steps", 40, processes=2, history="run.jsonl")

The script is started as torchrun starts it, on this machine, with one thread a process. It appends a line of JSON a
step to the file that its argument --history names, with "step" and "pids" among its values.

    with second("examples/train_distributed.py", "--steps", 40):
        train(settings, data, rank=0, ranks=2)

Here the notebook itself is process 0, and only process 1 is started: that takes a third of the time.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

__all__ = ["launch", "second"]

LOOPBACK = {"linux": "lo", "darwin": "lo0"}  # gloo asks for the name of the network's interface


def launch(script, *arguments, processes=2, history, seconds=100, kill_after=None):
    """Run the script to its end, and return the rows that it wrote to `history`, a list of dicts.

    arguments: the script's, made text. seconds: the limit, by the clock. kill_after: a step; as soon as its row is
    there, the last process is killed at once, as by a machine that fails, and launch returns when all have ended.

    Raises RuntimeError with the end of what was printed, where the script fails without having been killed, takes too
    long, or ends before the step after which it was to be killed; nothing that it started is left running. ValueError
    for processes < 1.
    """
    if processes < 1:
        raise ValueError(f"processes={processes!r} must be 1 or more.")
    history = Path(history)
    before = len(_rows(history))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes, script]
    given = [*command, *arguments, "--history", history]
    environment = _environment()
    printed = history.with_name(history.name + ".printed")
    with printed.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(list(map(str, given)), stdout=file, stderr=subprocess.STDOUT, env=environment)
        killed, end = False, time.monotonic() + seconds
        try:
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
                rows = _rows(history)[before:] if kill_after is not None and not killed else []
                if rows and rows[-1]["step"] >= kill_after:
                    _kill(rows[-1]["pids"][-1])
                    killed = True
        finally:
            late = process.poll() is None
            if late:
                _stop(process, _rows(history)[before:])
    early = kill_after is not None and not killed  # who asked for a failure must not take a whole run for one
    if late or early or (process.returncode != 0 and not killed):
        what = f"took more than {seconds} s" if late else f"ended with {process.returncode}"
        what += f" before step {kill_after}" if early and not late else ""
        raise RuntimeError(f"{Path(script).name} {what}. It printed:\n{printed.read_text(encoding='utf-8')[-3000:]}")
    return _rows(history)[before:]


@contextmanager
def second(script, *arguments, seconds=60):
    """Start the script as process 1 of two; until the end of the block, the caller is process 0, in a gloo group.

    arguments: the script's, made text. seconds: how long one waits for the other at most, at the start, in an exchange,
    and at the end.

    Raises RuntimeError with the end of what process 1 printed, where it fails, does not come or does not end; an error
    of the block alone is raised as it is. Nothing that was started is left running.
    """
    import torch.distributed as dist

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = _environment()
    place = {"RANK": 1, "LOCAL_RANK": 1, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1"}
    environment |= {name: str(value) for name, value in {**place, "MASTER_PORT": port}.items()}
    name, ours = "GLOO_SOCKET_IFNAME", os.environ.get("GLOO_SOCKET_IFNAME")
    command = [sys.executable, *map(str, (script, *arguments))]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT, env=environment)
        what = "did not come"
        try:
            if name in environment:
                os.environ[name] = environment[name]
            wait = timedelta(seconds=seconds)
            # torch counts an init that fails too, and then no later one of this notebook meets another process. So we
            # wait for process 1 here; the prefix is the one under which it looks.
            store = dist.PrefixStore("default_pg", dist.TCPStore("127.0.0.1", port, 2, is_master=True, timeout=wait))
            dist.init_process_group("gloo", store=store, rank=0, world_size=2, timeout=wait)
            what = ""
            yield
            what = "did not end"
            if process.wait(seconds):
                raise ChildProcessError
        except Exception as error:
            try:  # an exchange fails a little before the process that caused it has ended
                code = process.wait(3)
                what = f"ended with {code}" if code else what
            except subprocess.TimeoutExpired:
                pass
            if not what:
                raise
            printed.seek(0)
            raise RuntimeError(
                f"{Path(script).name}, process 1, {what}. It printed:\n{printed.read()[-3000:]}"
            ) from error
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()
            os.environ.pop(name, None)
            if ours is not None:
                os.environ[name] = ours
            process.kill()
            process.wait()


def _environment():
    """This process's, with one thread, and the interface on which processes of one machine meet."""
    own = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": LOOPBACK.get(sys.platform, "")}
    return {**os.environ, **{name: value for name, value in own.items() if value}}


def _rows(path):
    """The whole lines of the file; the last may be half written."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def _kill(pid):
    if int(pid) < 2:  # 0 would be all of this process's own group
        raise ValueError(f"{pid!r} is not the number of a process that the script may have.")
    os.kill(int(pid), getattr(signal, "SIGKILL", signal.SIGTERM))


def _stop(process, rows):
    """End torchrun, which ends its processes; and those, if it has not."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for pid in rows[-1]["pids"] if rows else ():
            try:
                _kill(pid)
            except ProcessLookupError:
                continue
