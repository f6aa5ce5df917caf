"""The box that a student's code runs in, its limits, and that nothing of it is left when a notebook has ended."""

import json
import os
import socket
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.homework.conftest import HOMEWORK, load, need_nbgrader

need_nbgrader()
contained = load(HOMEWORK / "contained.py")
BOXED = pytest.mark.skipif(contained.bubblewrap() is None, reason="there is no bubblewrap (bwrap) that works here")
LOOKS = """
import json, os, socket, sys
import numpy, matplotlib, nodekit

def tries(action):
    try:
        return str(action())
    except OSError:
        return ""

def writes(path):
    with open(path, "w") as file:
        return file.write("x")

def connects(address):
    with socket.create_connection(address, 2):
        return "connected"

seen = {path: tries(lambda: os.listdir(path) if os.path.isdir(path) else open(path).read()) for path in PATHS}
seen["network"] = tries(lambda: connects(("127.0.0.1", PORT)))
seen["processes"] = sum(name.isdecimal() for name in os.listdir("/proc"))
others = ("/usr/x", sys.prefix + "/x", nodekit.__path__[0] + "/x")
seen["written"] = [path for path in others if tries(lambda: writes(path))]
seen["own"] = [path for path in ("x", os.environ["HOME"] + "/x", "/tmp/x", "/dev/shm/x") if tries(lambda: writes(path))]
seen["variables"] = " ".join(os.environ)
seen["files"] = sorted(os.listdir("."))
print(json.dumps(seen))
"""


@BOXED
def test_nothing_is_seen_from_the_box(tmp_path, monkeypatch):
    """No answers, no neighbours, no home, no network, no other process, no token; its own files and packages are."""
    monkeypatch.setenv("SOME_TOKEN", "abc")
    (tmp_path / "neighbour").mkdir()
    (tmp_path / "neighbour" / "hw1.ipynb").write_text("mine", encoding="utf-8")
    contained.furnish(tmp_path / "box", [HOMEWORK / "handin.py"])
    paths = [HOMEWORK, HOMEWORK / "hw1" / "answers.py", tmp_path / "neighbour" / "hw1.ipynb", "/etc/shadow"]
    paths += ["/home", "/var", "/mnt", "/srv"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        head = f"PATHS = {[str(path) for path in (*paths, tmp_path)]!r}\nPORT = {server.getsockname()[1]}\n"
        line = [*contained.prefix(tmp_path / "box"), sys.executable, "-c", head + LOOKS]
        environment = contained.variables(tmp_path / "box", True)
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)
    seen = json.loads(done.stdout.splitlines()[-1]) if done.stdout else done.stderr
    for path in paths:
        assert seen[str(path)] in ("", "[]"), path
    assert seen[str(tmp_path)] == "['box']"
    assert seen["network"] == ""
    assert seen["processes"] <= 3
    assert seen["written"] == []
    assert len(seen["own"]) == 4
    assert "TOKEN" not in seen["variables"]
    assert seen["files"] == ["handin.py", "x"]


ORPHANS = """
import os, subprocess, sys, time
sys.path[:0] = {paths!r}
import contained, psutil

contained.adopt()
child = "import os, time\\nif os.fork() == 0:\\n    os.setsid()\\n    os.fork()\\n    time.sleep(100)"
parent = subprocess.Popen([sys.executable, "-c", child])
parent.wait()
while len(psutil.Process().children(recursive=True)) < 2:
    time.sleep(0.01)
contained.end([])
print(len(psutil.Process().children(recursive=True)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans stay below their grandparent on Linux alone")
def test_orphans_are_ended():
    """What leaves its parent, its session and its group is found and killed all the same."""
    code = ORPHANS.format(paths=[str(HOMEWORK), str(HOMEWORK.parents[1])])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "0", done.stderr


def test_a_full_folder_is_seen(tmp_path):
    """Many files, or many bytes."""
    assert not contained.filled(tmp_path)
    (tmp_path / "a").mkdir()
    with open(tmp_path / "a" / "large", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, contained.SPACE + 10**6)
    assert contained.filled(tmp_path)
    os.remove(tmp_path / "a" / "large")
    for i in range(contained.FILES):
        (tmp_path / "a" / str(i)).touch()
    assert contained.filled(tmp_path)


# ---- limits --------------------------------------------------------------------------------------------

LIMITS = {"memory_gb": 1.0, "cell_seconds": 10, "notebook_seconds": 40}


@pytest.fixture
def watch(tmp_path, monkeypatch):
    """A watch whose cell has just begun, with `.use`, what its kernel uses, and `.done`, what was done to it."""
    limited = load(HOMEWORK / "limited.py")
    use = {"cpu": 0.0, "clock": 0.0, "memory": 0, "processes": 1, "full": False}
    done = []
    monkeypatch.setattr(limited, "computed", lambda processes: use["cpu"])
    monkeypatch.setattr(limited, "memory", lambda processes, limit: use["memory"])
    monkeypatch.setattr(limited, "filled", lambda box: use["full"])
    monkeypatch.setattr(limited, "family", lambda root: [root])
    monkeypatch.setattr(limited, "interrupt", lambda process, root: done.append("interrupted"))
    monkeypatch.setattr(limited, "end", lambda processes: done.append("killed"))
    monkeypatch.setattr(limited.time, "monotonic", lambda: use["clock"])
    watch = limited.Watch("root", LIMITS, tmp_path)
    watch.begin()
    watch.use, watch.done = use, done

    def look(**new):
        use.update(new)
        watch.look(["root"] * use["processes"], watch.at)
        return list(done)

    watch.see = look
    return watch


def test_limits_count_computing(watch):
    """A machine that is four times too busy takes no points; ten seconds of computing are ten seconds."""
    assert watch.see(cpu=9.9, clock=39.0) == []
    assert watch.see(cpu=10.1, clock=39.0) == ["interrupted"]
    assert watch.see(clock=48.0) == ["interrupted"]
    assert watch.see(clock=50.0) == ["interrupted", "killed"]
    assert watch.said == " after 10 s of computing and could not be interrupted"


def test_waiting_has_an_end(watch):
    """Who sleeps is stopped by the clock, much later."""
    assert watch.see(cpu=0.1, clock=40.1) == ["interrupted"]
    assert watch.said == " after 40 s by the clock"


def test_the_notebook_has_a_limit_of_its_own(watch):
    """Many cells, each within its limit."""
    for cpu in (9.0, 18.0, 27.0, 36.0):
        assert watch.see(cpu=cpu, clock=cpu) == []
        watch.begin()
    assert watch.see(cpu=40.1) == ["interrupted"]
    assert watch.spent


@pytest.mark.parametrize(
    ("use", "words"),
    [({"memory": 2 * 10**9}, "1 GB of memory"), ({"processes": 65}, "64 processes"), ({"full": True}, "folder full")],
)
def test_what_cannot_be_interrupted_is_killed(watch, use, words):
    """Memory, shared mappings included, processes and files: the whole box ends, with words."""
    assert watch.see(**use) == ["killed"]
    assert words in watch.said


HOSTILE = """
import mmap, os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import os, time\\nos.setsid()\\nwhile True: time.sleep(0.1)"])
print("still there")
"""
SHARED = "block = mmap.mmap(-1, 3 * 10**9)\nfor i in range(0, 3 * 10**9, 4096):\n    block[i] = 1"


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize("box", [pytest.param(True, marks=BOXED), False], ids=["in a box", "without one"])
def test_a_kernel_ends_with_all_that_it_started(tmp_path, box):
    """A shared mapping, which no limit of the system counts as data, ends at the limit on memory; what came before it
    is kept; a process that was meant to outlive the notebook does not.
    """
    limited = load(HOMEWORK / "limited.py")
    contained.furnish(tmp_path / "box", [])
    notebook = new_notebook(cells=[new_code_cell(HOSTILE), new_code_cell(SHARED), new_code_cell("print('after')")])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    execute = limited.Limited(LIMITS, tmp_path / "box", box, {})
    done, _ = execute.preprocess(nbformat.from_dict(notebook), {"metadata": {"path": str(tmp_path)}})
    assert done.cells[0].outputs[0].text == "still there\n"
    assert execute.events == ["the kernel died in cell 2 with more than 1 GB of memory; nothing after it was run"]
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= before
    time.sleep(0.1)
    left = [
        p for p in psutil.process_iter(["cmdline"]) if "os.setsid()\nwhile True" in " ".join(p.info["cmdline"] or [])
    ]
    assert left == [] or not box  # without a box, on Linux, marking.py adopts them first
    for process in left:
        process.kill()
