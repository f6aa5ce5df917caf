"""An assignment on both sides, the student's and the instructor's; and batches of submissions, released and graded."""

import copy
import csv
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from nodekit.classroom.watch import Wrong
from tests.homework.bank import LIGHT, bank, brief, filled, reference, text

HOMEWORK = Path(__file__).parents[2] / "lessons" / "homework"
HASTY = ("accidents", "stubborn", "flood")  # what only a limit ends
MANY = [0, 1, 2, 3, 5, 8, 13, 101, 4096, 77777, 10**6, 123456789]  # variants that must be well posed
VARIANTS = {"first": 7, "second": 1234567}  # of the students that hand in the reference


def load(path):
    """A module from its file, beside which its own imports lie."""
    for folder in (str(HOMEWORK), str(path.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    name = f"{path.parent.name}_answers" if path.stem == "answers" else path.stem
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Homework:
    """The assignment `name`. light: {grade_id: source} in place of solution cells that a test need not run."""

    def __init__(self, name, light=None):
        self.name, self.light, self.folder = name, light or {}, HOMEWORK / name
        self.module, self.checks = load(self.folder / f"{name}.py"), load(self.folder / f"{name}_checks.py")
        self.answers = load(self.folder / "answers.py")
        self.source = json.loads((self.folder / f"{name}.ipynb").read_text(encoding="utf-8"))

    def cells(self):
        """{grade_id: cell} of the source notebook."""
        marked = [cell for cell in self.source["cells"] if "nbgrader" in cell["metadata"]]
        return {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in marked}

    @cached_property
    def solution(self):
        """What the reference's cells define, as a dict, after the imports of the notebook."""
        space = {}
        (imports,) = (cell for cell in self.source["cells"] if cell["id"] == "imports")
        exec("\n".join(line for line in text(imports).splitlines() if line.startswith(("import ", "from "))), space)
        for grade_id, source in (reference(self.source) | self.light).items():
            if self.cells()[grade_id]["cell_type"] == "code":
                exec(source, space)
        return space

    def hand_in(self, part, variant, secret=0, **instead):
        """What comes out of the cell that hands in, as data: from the reference but for `instead`."""
        found = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NODEKIT_HOMEWORK_SECRET", str(secret))
            patch.setattr(self.module, "show", lambda part, answer: found.update(json.loads(json.dumps(answer))))
            exec(text(self.cells()[f"part{part}"]), {**self.solution, **instead, "VARIANT": variant})
        return found

    def earned(self, part, variant, secret, answer):
        """(points, message) that the judge gives, where nothing at all is (0, why)."""
        try:
            points, message = self.answers.judge(part, variant, secret, answer)
        except Wrong as wrong:
            return 0.0, str(wrong)
        return float(points), message

    def assert_full_marks(self, full, variant, secret):
        """The judge gives the reference full = {part: points}, part by part."""
        for part, points in full.items():
            got = self.earned(part, variant, secret, self.hand_in(part, variant, secret))
            assert got[0] == points, got[1]


def known_by(value):
    """What tells one argument from another: arrays and data classes by their numbers, functions by a value."""
    if is_dataclass(value):
        return tuple(known_by(getattr(value, field.name)) for field in fields(value))
    if callable(value):
        return known_by(value(np.array([0.3, -1.2, 0.7])))
    if isinstance(value, list | tuple):
        return tuple(map(known_by, value))
    return value if not hasattr(value, "shape") else (value.shape, np.asarray(value).tobytes())


def remember(patch, module, names):
    """Let what these functions of a module return be computed once for each input: many answers are judged by it.

    patch: pytest's MonkeyPatch, which ends it. Each caller has a copy of its own.
    """

    def once(whole):
        kept = {}

        def function(*given, **options):
            try:
                hash(key := known_by([*given, *sorted(options.items())]))
            except TypeError:  # nothing tells these from others
                return whole(*given, **options)
            if key not in kept:
                kept[key] = whole(*given, **options)
            return copy.deepcopy(kept[key])

        return function

    for name in names:
        patch.setattr(module, name, once(getattr(module, name)))


def need_nbgrader():
    """Skip where nbgrader is not installed. It is not imported here: it brings setuptools, which clashes with pip's."""
    if importlib.util.find_spec("nbgrader") is None:
        pytest.skip("grading needs the extra [grading]", allow_module_level=True)


def command(*arguments, cwd=None):
    """grading.py, as the instructor runs it, in the folder cwd. Returns what it prints."""
    line = [sys.executable, str(HOMEWORK / "grading.py"), *map(str, arguments)]
    path = os.pathsep.join([str(Path(__file__).parent / "quicker"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)}  # an empty place in it would be the folder cwd
    done = subprocess.run(line, capture_output=True, text=True, timeout=1800, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_roster(path, variants):
    path.write_text("student,variant\n" + "".join(f"{s},{v}\n" for s, v in variants.items()), encoding="utf-8")
    return path


def release(name, folder, variants):
    """Each student's release, in folder/STUDENT. variants: {student: variant}."""
    need_nbgrader()
    command("release", name, "--variants", write_roster(folder / "roster.csv", variants), "--to", folder)
    return folder


def grade(name, folder, submissions, variants, seconds):
    """One batch through the instructor's command. Returns ({student: row of scores.csv}, what it printed).

    submissions: {student: notebook as a dict, or the file's text, or None for no file}. variants: {student: variant},
    or one number for all. seconds: limit of a cell. Results are in folder/to, submissions in folder/submitted.
    """
    submitted = folder / "submitted"
    for student, content in submissions.items():
        (submitted / student).mkdir(parents=True, exist_ok=True)
        if content is not None:
            content = content if isinstance(content, str) else json.dumps(content)
            (submitted / student / f"{name}.ipynb").write_text(content, encoding="utf-8")
    of = ["--variant", variants]
    if isinstance(variants, dict):
        of = ["--variants", write_roster(folder / "roster.csv", variants)]
    where = ["--submissions", submitted, "--to", folder / "to", "--cell-seconds", seconds]
    printed = command("grade", name, *of, *where, cwd=submitted)
    with open(folder / "to" / "scores.csv", encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, printed


def batch(homework, bank, light, folders, parts=(1, 2)):
    """({student: row}, bank) of the reference, one for each of VARIANTS, and of a bank: released, filled in, graded.

    bank, light: of the assignment's own bank_hwN.py. folders: pytest's tmp_path_factory. parts: those whose right
    answers for another variant the bank's cheat has learnt by heart.
    """
    name, first = homework.name, VARIANTS["first"]
    folder = release(name, folders.mktemp("release"), {"first": first})  # the roster decides
    released = json.loads((folder / "first" / f"{name}.ipynb").read_text(encoding="utf-8"))
    good = dict.fromkeys(VARIANTS, brief(filled(released, reference(homework.source) | light)))
    tried = bank(released, homework.source, {part: homework.hand_in(part, 8) for part in parts})
    bad = {student: notebook for student, (notebook, _, _) in tried.items()}
    hasty = {"accidents": bad.pop("accidents")}  # with a smaller limit, to save time
    to = folders.mktemp("graded")
    rows, _ = grade(name, to, good | bad, VARIANTS | dict.fromkeys(bad, first), 120)
    return rows | grade(name, to / "hasty", hasty, first, 8)[0], tried


def automatic(row):
    """{part: points} of the parts that no human marks: what a row of scores.csv says."""
    return {part: float(value) for part, value in row.items() if part[:4] == "part" and value and part != "part6"}


# ---- homework 1 ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The folder with the releases of the students, each with a variant of its own."""
    return release("hw1", tmp_path_factory.mktemp("release"), VARIANTS)


@pytest.fixture(scope="session")
def graded(released, tmp_path_factory):
    """Every submission graded: its rows by student, folders, the `.bank`, what was `.printed`, if it was `.boxed`."""
    homework, good, folder = Homework("hw1", LIGHT), {}, tmp_path_factory.mktemp("graded")
    for student in VARIANTS:
        notebook = json.loads((released / student / "hw1.ipynb").read_text(encoding="utf-8"))
        notebook = filled(notebook, reference(homework.source) | (LIGHT if student != "first" else {}))
        good[student] = notebook if student == "first" else brief(notebook)  # the first runs all that a student runs
    base = json.loads((released / "first" / "hw1.ipynb").read_text(encoding="utf-8"))
    public, elsewhere = ({part: homework.hand_in(part, v) for part in (1, 2, 4)} for v in (VARIANTS["first"], 8))
    places = [str(HOMEWORK / "hw1" / "answers.py"), str(folder / "submitted"), str(folder / "to")]
    boxed = load(HOMEWORK / "contained.py").bubblewrap() is not None
    tried = bank(base, homework.source, public, elsewhere, places, boxed)
    bad = {student: notebook for student, (notebook, *_) in tried.items()}
    hasty = {student: bad.pop(student) for student in HASTY}  # with a smaller limit, to save time
    shadow = folder / "submitted" / "checks patched"  # modules of a student's own, beside the notebook
    (shadow / "nodekit").mkdir(parents=True)
    (shadow / "nodekit" / "__init__.py").write_text("raise SystemExit('a nodekit of my own')\n", encoding="utf-8")
    (shadow / "hw1.py").write_text("raise SystemExit('a hw1 of my own')\n", encoding="utf-8")
    for name in ("nbgrader", "sqlite3", "socket"):  # and in the folder that one grades from
        (folder / "submitted" / f"{name}.py").write_text("raise SystemExit('of my own')\n", encoding="utf-8")
    rows, printed = grade("hw1", folder, good | bad, VARIANTS | dict.fromkeys(bad, VARIANTS["first"]), 30)
    slow, more = grade("hw1", folder / "hasty", hasty, VARIANTS["first"], 6)
    return Graded(rows | slow, folder, tried, printed + more, boxed)


class Graded:
    def __init__(self, rows, folder, bank, printed, boxed):
        self.rows, self.folder, self.bank, self.printed, self.boxed = rows, folder, bank, printed, boxed

    def page(self, student):
        """The path of the student's feedback."""
        where = self.folder / "hasty" if student in HASTY else self.folder
        return where / "to" / "feedback" / f"{student}.html"
