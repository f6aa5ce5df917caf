"""Where a student's code runs: in a box that it cannot see out of, made by bubblewrap (bwrap) where that works.

In the box there are Python with its packages, nodekit, and one folder of its own, all else is missing: no network, no
other processes, no answers.py, no neighbours, nothing of the instructor's. Where there is no bubblewrap a kernel runs
with the rights of the one who grades; README.md says what is open then.
"""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import psutil

import nodekit

MEGABYTE = 1_000_000
SPACE = 200 * MEGABYTE  # for each of /tmp and /dev/shm, which are memory, and for the folder
FILES = 5_000  # in the folder
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/alternatives", "/etc/fonts")
SYSTEM += ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/passwd")


@cache
def bubblewrap():
    """The path of a bwrap that works on this machine, or None."""
    path = shutil.which("bwrap")
    if path is None:
        return None
    attempt = [path, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "true"]
    return path if subprocess.run(attempt, capture_output=True, timeout=60).returncode == 0 else None


def packages():
    """Folders that Python's packages are in: this environment, and what it is made of."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages(), *sysconfig.get_paths().values()}
    if site.ENABLE_USER_SITE:
        places.add(site.getusersitepackages())
    places = {Path(place).resolve() for place in places if Path(place).is_dir()} | {Path(sys.prefix)}
    return sorted(p for p in places if not any(p != q and p.is_relative_to(q) for q in (*places, Path("/usr"))))


def prefix(box):
    """What stands before a command that is to run in the box: its own folder is `box`, at the same path as outside."""
    course = Path(nodekit.__file__).resolve().parent
    line = [bubblewrap(), "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    line += ["--uid", "65534", "--gid", "65534", "--proc", "/proc", "--dev", "/dev"]
    for memory in ("/tmp", "/dev/shm"):
        line += ["--size", str(SPACE), "--tmpfs", memory]
    for place in SYSTEM:
        line += ["--ro-bind-try", place, place]
    for place in packages():
        line += ["--ro-bind", str(place), str(place)]
    line += ["--bind", str(box), str(box), "--ro-bind", str(course), f"{box}/lib/nodekit", "--chdir", f"{box}/work"]
    return [*line, "--"]


def furnish(box, files):
    """Make the folders of a box, with copies of `files` (paths) to work with, and matplotlib's list of fonts."""
    for name in ("work", "lib/nodekit", "home"):
        Path(box, name).mkdir(parents=True)
    for path in files:
        shutil.copy(path, Path(box, "work"))
    import matplotlib  # where it is; making its list takes seconds

    (fonts := Path(box, "home", "matplotlib")).mkdir()
    for path in Path(matplotlib.get_cachedir()).glob("fontlist*.json"):
        shutil.copy(path, fonts)


def variables(box, contained):
    """The environment of a kernel: a few of the instructor's variables, no tokens and no keys, and what the box has."""
    kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX")
    found = {key: os.environ[key] for key in kept if key in os.environ}
    home = f"{box}/home"
    found |= {"HOME": home, "USER": "student", "IPYTHONDIR": f"{home}/ipython", "MPLCONFIGDIR": f"{home}/matplotlib"}
    found |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": "/tmp" if contained else home}
    return found | {"PYTHONPATH": f"{box}/lib" if contained else str(Path(nodekit.__file__).resolve().parents[1])}


# ---- what it uses, and its end -------------------------------------------------------------------------


def family(root):
    """The psutil.Process of a kernel and all below it; [] when it has ended."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def each(processes, ask):
    """The sum of ask(process) over those that are still there."""
    total = 0
    for process in processes:
        try:
            total += ask(process)
        except psutil.Error:
            continue
    return total


def computed(processes):
    """Seconds of CPU, with those of children that have ended."""
    return each(processes, lambda process: sum(process.cpu_times()[:4]))


def memory(processes, limit):
    """Bytes of memory, shared ones counted once where that decides whether it is above the limit."""
    resident = each(processes, lambda process: process.memory_info().rss)
    if resident <= limit or sys.platform != "linux":
        return resident
    return each(processes, lambda process: process.memory_full_info().pss)


def filled(folder):
    """Whether there are more than SPACE bytes, or more than FILES files, in a folder."""
    size = number = 0
    for place, inside, names in os.walk(folder):
        number += len(names) + len(inside)
        for name in names[:FILES]:
            try:
                size += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                continue
        if number > FILES or size > SPACE:
            return True
    return False


def adopt():
    """Let whatever this process starts, and what that starts, stay below it when it is orphaned (on Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end(processes):
    """Kill these, and whatever is left below this process: with its first one the whole of a box ends."""
    for _ in range(100):  # what forks while it is being killed
        for process in processes:
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(processes, timeout=0.1)
        processes = psutil.Process().children(recursive=True)
        if not processes:
            return
