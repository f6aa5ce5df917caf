"""Homework 1 on both sides: the student's modules and the instructor's, and one graded batch of submissions."""

import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.homework.bank import LIGHT, bank, brief, filled, reference

HOMEWORK = Path(__file__).parents[2] / "lessons" / "homework"
SOURCE = HOMEWORK / "hw1" / "hw1.ipynb"
HASTY = ("endless", "stubborn", "flood")  # what only a limit ends
VARIANTS = {"first": 7, "second": 23, "third": 1234567}  # of the students that hand in the reference


def load(path):
    """A module from its file, beside which its own imports lie."""
    for folder in (str(HOMEWORK), str(path.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if path.stem in sys.modules:
        return sys.modules[path.stem]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def hw1():
    return load(HOMEWORK / "hw1" / "hw1.py")


@pytest.fixture(scope="session")
def checks(hw1):
    return load(HOMEWORK / "hw1" / "hw1_checks.py")


@pytest.fixture(scope="session")
def answers(hw1):
    return load(HOMEWORK / "hw1" / "answers.py")


@pytest.fixture(scope="session")
def source():
    return json.loads(SOURCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def solution(source, hw1):
    """What the reference's cells define, as a dict, without its figures."""
    space = {"hw1": hw1}
    exec("import numpy as np\nimport nodekit\nfrom nodekit.stability import stability_function", space)
    for cell in (reference(source) | LIGHT).items():
        if cell[0] != "part6":
            exec(cell[1], space)
    return space


@pytest.fixture(scope="session")
def hand_in(hw1, solution):
    """hand_in(part, variant, secret, **instead): what comes out of the cell, from the reference but for `instead`."""

    def hand_in(part, variant, secret=0, **instead):
        names = {
            1: ("field", "jacobian"),
            2: ("rest", "largest_stable_step"),
            3: ("implicit_step",),
            4: ("period",),
            5: ("setting",),
        }[part]
        found = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NODEKIT_HOMEWORK_SECRET", str(secret))
            patch.setattr(hw1, "show", lambda part, answer: found.update(json.loads(json.dumps(answer))))
            hw1.hand_in(part, variant, *({**solution, **instead}[name] for name in names))
        return found

    return hand_in


def command(*arguments):
    """grading.py, as the instructor runs it. Returns what it prints."""
    line = [sys.executable, str(HOMEWORK / "grading.py"), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_roster(path, variants):
    path.write_text("student,variant\n" + "".join(f"{s},{v}\n" for s, v in variants.items()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The folder with the releases of three students, each with a variant of its own."""
    pytest.importorskip("nbgrader", reason="grading needs the extra [grading]")
    folder = tmp_path_factory.mktemp("release")
    roster = write_roster(folder / "roster.csv", VARIANTS)
    command("release", "hw1", "--variants", roster, "--to", folder / "students")
    return folder / "students"


@pytest.fixture(scope="session")
def graded(released, source, hand_in, tmp_path_factory):
    """Every submission graded in one batch: its rows by student, `.to`, the folder, `.bank` and what was `.printed`."""
    folder, variants = tmp_path_factory.mktemp("graded"), dict(VARIANTS)
    submissions = folder / "submissions"
    submissions.mkdir()
    for student in VARIANTS:
        notebook = json.loads((released / student / "hw1.ipynb").read_text(encoding="utf-8"))
        notebook = filled(notebook, reference(source) | (LIGHT if student != "first" else {}))
        notebook = notebook if student == "first" else brief(notebook)  # the first one runs all that a student runs
        (submissions / f"{student}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    base = json.loads((released / "first" / "hw1.ipynb").read_text(encoding="utf-8"))
    public, elsewhere = ({part: hand_in(part, variant) for part in (1, 2, 4)} for variant in (VARIANTS["first"], 8))
    tried = bank(base, source, public, elsewhere)
    for student, (notebook, _, _) in tried.items():
        if student not in HASTY:
            variants[student] = VARIANTS["first"]
        (submissions / student).mkdir()
        if notebook is not None:
            content = notebook if isinstance(notebook, str) else json.dumps(notebook)
            (submissions / student / "hw1.ipynb").write_text(content, encoding="utf-8")
    shadow = submissions / "checks patched"  # modules of a student's own, beside the notebook
    (shadow / "nodekit").mkdir()
    (shadow / "nodekit" / "__init__.py").write_text("raise SystemExit('a nodekit of my own')\n", encoding="utf-8")
    (shadow / "hw1.py").write_text("raise SystemExit('a hw1 of my own')\n", encoding="utf-8")

    (folder / "hasty").mkdir()  # graded with a smaller limit, to save time
    for student in HASTY:
        (submissions / student).rename(folder / "hasty" / student)
    roster = write_roster(folder / "roster.csv", variants)
    write_roster(folder / "hasty.csv", {student: VARIANTS["first"] for student in HASTY})
    rows, printed = {}, ""
    for of, where, seconds in ((roster, submissions, 30), (folder / "hasty.csv", folder / "hasty", 6)):
        printed += command("grade", "hw1", "--variants", of, "--submissions", where, "--to", folder / "to",
                           "--cell-seconds", seconds)  # fmt: skip
        with open(folder / "to" / "scores.csv", encoding="utf-8", newline="") as file:
            rows |= {row["student"]: row for row in csv.DictReader(file)}
        (folder / "to" / "written.md").rename(folder / "to" / f"written {where.name}.md")
    return Graded(rows, folder / "to", tried, printed)


class Graded:
    def __init__(self, rows, to, bank, printed):
        self.rows, self.to, self.bank, self.printed = rows, to, bank, printed

    def points(self, student):
        """{part: points} of the automatic parts."""
        return {
            part: float(value) for part, value in self.rows[student].items() if part[:4] == "part" and part != "part6"
        }
