"""nodekit.classroom.progress and kept: what a student did is kept, shown, restored, and never lost."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodekit.classroom import kept, progress, quiz

SOURCE = """
from nodekit.classroom.checks import Exercise, Wrong
from nodekit.classroom.quiz import Prediction, Question, Quiz

OPTIONS = {"a": "one", "b": "two"}
first_guess = Prediction("1 + 1?", OPTIONS, "b", OPTIONS)

def one():
    return 1

def check(function):
    if function() != 1:
        raise Wrong("no")
    return "1 indeed."

one_exercise = Exercise(one, check, ["x", "y", "z"])
quiz = Quiz(Question("1?", OPTIONS, "a", OPTIONS), Question("2?", OPTIONS, "b", OPTIONS))
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Two lessons, 05 and 06, in a folder; returns a function that imports their exercises anew, as a kernel does."""
    folder = tmp_path / "lessons"
    (folder / "exercises").mkdir(parents=True)
    (folder / "05_small.ipynb").write_text('{"cells": []}')
    (folder / "exercises" / "__init__.py").write_text("")
    for name in ("ex05", "ex06"):
        (folder / "exercises" / f"{name}.py").write_text(SOURCE)
    monkeypatch.delenv("NODEKIT_PROGRESS", raising=False)
    monkeypatch.setattr(kept, "watchers", [])
    monkeypatch.setattr(kept, "_said", set())
    monkeypatch.syspath_prepend(str(folder))
    others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "exercises"}

    def kernel(name="ex05"):
        monkeypatch.setattr(kept, "_unsaved", {})
        for each in [each for each in sys.modules if each.split(".")[0] == "exercises"]:
            del sys.modules[each]
        importlib.invalidate_caches()
        return importlib.import_module(f"exercises.{name}")

    kernel.folder, kernel.file = folder, folder / kept.FILE
    yield kernel
    for each in [each for each in sys.modules if each.split(".")[0] == "exercises"]:
        del sys.modules[each]
    sys.modules.update(others)


@pytest.fixture
def views(monkeypatch):
    found = []
    monkeypatch.setattr(quiz, "shown", lambda *view: found.append(view))
    monkeypatch.setattr(progress, "shown", lambda *view: found.append(view))
    return found


def test_what_is_done_outlives_the_kernel(course, views):
    """A passed check, an answer and a prediction are in the file, and a new kernel's buttons stand where they stood."""
    ex05 = course()
    ex05.one_exercise.check(lambda: 2)
    assert not course.file.exists(), "what is not solved is not noted"
    ex05.one_exercise.check(lambda: 1)
    ex05.quiz.answer(1, "a")
    ex05.quiz.answer(2, "a")
    ex05.first_guess.answer("b")
    again = course()
    again.first_guess.ask()
    again.quiz.show()
    assert views[0][0].children[1].value == "b"
    assert [box.children[1].value for box in views[1][0].children] == ["a", "a"]
    progress.show(again)
    assert views[2][2].splitlines()[1:] == [
        "predictions  first_guess   –",
        "exercises    one_exercise  –",
        "quiz         1 ✓, 2 ✗      –",
    ]


def test_the_table_is_alive(course, views):
    """Shown before anything is done, it follows; the table of all lessons counts."""
    ex05 = course()
    progress.show(ex05)
    progress.show()
    (one, html, text), (all_, *_) = views
    assert text.splitlines()[0].split() == ["Lesson", "05", "done", "open"]
    assert "first_guess" in text.splitlines()[1].split()[-1]
    assert one.value == html
    ex05.first_guess.answer("a")
    ex05.quiz.answer(2, "b")
    assert one.value != html
    assert "2 ✓" in one.value
    assert ">05 small</td>" in all_.value
    assert ">1 of 1</td>" in all_.value
    assert ">1 of 2</td>" in all_.value


def test_what_is_shown_of_an_untouched_lesson_writes_nothing(course, views):
    """Asking, revealing, showing and failed checks leave no file."""
    ex05 = course()
    ex05.first_guess.ask()
    ex05.first_guess.reveal()
    ex05.quiz.show()
    progress.show(ex05)
    progress.show()
    assert os.listdir(course.folder).count(kept.FILE) == 0


def test_reset(course, views, capsys):
    """Of one lesson, of all, and buttons follow; a lesson that there is none of is refused."""
    ex05 = course()
    ex05.first_guess.answer("a")
    kept.note(course.folder, "06", "quiz", "1", {"letter": "a", "right": True})
    ex05.first_guess.ask()
    progress.reset("05")
    assert set(json.loads(course.file.read_text())) == {"06"}
    assert views[0][0].children[1].value is None
    progress.reset()
    assert json.loads(course.file.read_text()) == {}
    with pytest.raises(ValueError, match="no lesson '99'"):
        progress.reset("99")


WRITER = """
import sys
from nodekit.classroom import kept
for i in range(40):
    kept.note(sys.argv[1], "05", sys.argv[2], str(i), {})
"""


def test_two_kernels_write_at_once_and_nothing_is_lost(course):
    """Two processes with 40 entries each: 80 in the end, and no lock or half-written file beside them."""
    environment = {k: v for k, v in os.environ.items() if k != "NODEKIT_PROGRESS"}
    command = [sys.executable, "-c", WRITER, str(course.folder)]
    root = Path(__file__).parents[2]
    both = [subprocess.Popen([*command, kind], env=environment, cwd=root) for kind in ("quiz", "exercises")]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    found = json.loads(course.file.read_text())["05"]
    assert [len(found[kind]) for kind in ("quiz", "exercises")] == [40, 40]
    assert [name for name in os.listdir(course.folder) if name.startswith(kept.FILE)] == [kept.FILE]


@pytest.mark.parametrize(
    "content",
    ['{"05": {"quiz"', "[1, 2]", '{"05": 3}', '{"05": {"quiz": 3}}', '{"05": {"quiz": {"1": 3}}}', "\ufeff\x00"],
)
def test_a_damaged_file_is_set_aside(course, capsys, content):
    """One message, its content under another name, and a new file begins."""
    ex05 = course()
    course.file.write_text(content)
    ex05.first_guess.answer("a")
    assert capsys.readouterr().out.count("could not be read") == 1
    (aside,) = course.folder.glob(".nodekit_progress.damaged-*.json")
    assert aside.read_text() == content
    assert json.loads(course.file.read_text())["05"]["predictions"]["first_guess"] == {"letter": "a"}


def test_a_folder_that_cannot_be_written_to_costs_one_line(course, capsys, monkeypatch):
    """No error, one notice, and the choice lasts as long as the kernel."""
    ex05 = course()

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(kept.os, "open", refuse)
    ex05.first_guess.answer("a")
    ex05.first_guess.answer("b")
    assert capsys.readouterr().out.count("cannot be written") == 1
    assert ex05.first_guess.chosen == "b"


def test_a_lock_of_a_kernel_that_died_is_broken(course, monkeypatch):
    ex05 = course()
    lock = course.file.with_name(f"{kept.FILE}.lock")
    lock.write_text("")
    monkeypatch.setattr(kept._locked.__wrapped__, "__defaults__", (0.1,))
    ex05.first_guess.answer("a")
    assert course.file.exists()
    assert not lock.exists()


def test_no_test_and_no_kernel_of_a_test_has_a_students_file():
    """tests/__init__.py takes the file away, for this process and those that it starts."""
    assert os.environ["NODEKIT_PROGRESS"] == ""
    assert kept.file_in(Path("lessons")) is None
