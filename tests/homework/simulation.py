"""A class of N students, graded twice: undisturbed, and with the grader killed twice and resumed. Run by hand.

    python -m tests.homework.simulation 200 FOLDER

One in twenty is hostile. It compares every row, and prints what it took: wall, seconds of CPU, the largest memory.
"""

import csv
import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.homework.bank import ENDLESS, FLOOD, FULL, LIGHT, STUBBORN, brief, filled, reference, with_lines
from tests.homework.conftest import HOMEWORK, Homework, release

SECRET, VARIANT, JOBS = 20301, 7, 2
HOSTILE = {
    "endless": ENDLESS,
    "stubborn": STUBBORN,
    "flood": FLOOD,
    "exit": "import os\nos._exit(0)",
    "grader": "import os\nos.kill(os.getppid(), 9)",
    "forks": "import os\nwhile True:\n    os.fork()",
    "mapping": "import mmap\nblock = mmap.mmap(-1, 4 * 10**9)\nfor i in range(0, 4 * 10**9, 4096):\n    block[i] = 1",
    "disk": "for i in range(10**6):\n    open(f'file{i}', 'wb').write(bytes(10**6))",
    "orphan": "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)",
    "pipe": None,
}
MISTAKES = {  # an honest mistake: cell, what is written there
    "right": {},
    "no period": {"period": "period = None"},
    "euler": {"implicit": "def implicit_step(f, jac, t, x, h):\n    return x + h * f(t, x)"},
    "default": {"setting": "setting = {}"},
    "raises": {"steps": "def rest(cell):\n    return 1 / 0\n\n\ndef largest_stable_step(J, method):\n    return 2.0"},
}


def make(folder, n):
    """n submissions in folder/submitted; returns the names of the honest ones."""
    homework = Homework("hw1", LIGHT)
    (folder / "release").mkdir(parents=True)
    released = release("hw1", folder / "release", {"all": VARIANT}) / "all" / "hw1.ipynb"
    released = json.loads(released.read_text(encoding="utf-8"))
    right, honest = reference(homework.source) | LIGHT, []
    kinds, ends = list(MISTAKES.values()), list(HOSTILE.items())
    for i in range(n):
        name, mistake = f"student{i:03d}", kinds[i % len(kinds)]
        path = folder / "submitted" / name / "hw1.ipynb"
        path.parent.mkdir(parents=True)
        if i % 20 != 7:
            honest.append(name)
            path.write_text(json.dumps(brief(filled(released, right | mistake))), encoding="utf-8")
            continue
        kind, code = ends[i // 20 % len(ends)]
        if kind == "pipe":
            subprocess.run(["mkfifo", str(path)], check=True)
        else:
            path.write_text(json.dumps(with_lines(brief(filled(released, right)), code, "implicit")), encoding="utf-8")
    return honest


def start(folder, to, *more):
    where = ["--submissions", folder / "submitted", "--to", folder / to, "--cell-seconds", 15, "--jobs", JOBS]
    line = [sys.executable, HOMEWORK / "grading.py", "grade", "hw1", "--variant", VARIANT, *where, *more]
    return subprocess.Popen(list(map(str, line)), stdout=subprocess.PIPE, text=True)


def rows(folder, to):
    with open(folder / to / "scores.csv", encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def finish(grader):
    printed, _ = grader.communicate()
    assert grader.returncode == 0, printed
    return printed


def main(n, folder):
    honest, begin = make(folder, n), time.monotonic()
    for third in range(2):
        grader = start(folder, "killed", *(["--resume"] if third else ["--secret", SECRET]))
        for _ in range(n // 3):
            print(grader.stdout.readline(), end="")
        grader.send_signal(signal.SIGKILL)
        grader.communicate()
        print(f"killed after {time.monotonic() - begin:.0f} s")
    finish(start(folder, "killed", "--resume"))
    print(f"resumed and done after {time.monotonic() - begin:.0f} s")
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    finish(start(folder, "undisturbed", "--secret", SECRET))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(f"undisturbed: {time.monotonic() - begin:.0f} s of wall, {seconds:.0f} s of CPU in {JOBS} jobs, ", end="")
    print(f"the largest process {used.ru_maxrss / 1e6:.2f} GB")
    killed, undisturbed = rows(folder, "killed"), rows(folder, "undisturbed")
    differ = [name for name in honest if killed[name] != undisturbed[name]]
    print(f"{n} rows each: {len(killed) == len(undisturbed) == n}; honest rows that differ: {differ or 'none'}")
    full = [name for name in honest if all(float(undisturbed[name][part]) == FULL[part] for part in FULL)]
    print(f"{len(full)} of {len(honest)} honest ones have full marks")
    for name in sorted(set(undisturbed) - set(honest)):
        print(name, undisturbed[name]["total"], undisturbed[name]["note"][:120])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]).resolve())
