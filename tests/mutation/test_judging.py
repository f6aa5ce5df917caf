"""A made-up exercise and a made-up lesson, with and without gaps; children that hang, wait or die; the list."""

import importlib
import sys
import time

import pytest

from tests.mutation import __main__ as command
from tests.mutation import accepted, exercises, forked, lessons
from tests.mutation.cells import Cell, plan

pytestmark = pytest.mark.slow(seconds=30)

EXERCISES = '''
import numpy as np

from nodekit.classroom.checks import Exercise, Wrong


def step(x, h):
    """Returns x one step later, (d,)."""
    return x - h * x


def check(step):
    for x, h in CASES:
        x = np.array(x)
        got = step(x, h)
        if got.dtype != float or not np.all(abs(got - (x - h * x)) < 1e-9):
            raise Wrong("No.")
    return "Yes."


step = Exercise(step, check, hints=("a", "b", "c"))
'''
LESSON = [
    "def rate(t):\n    return 2 - t\n\n\nidle = 1",
    "count = 0\ndef solve(n):\n    x = -5.0\n    for i in range(n):\n        x = x + rate(i) / n\n    return x",
    "count = 7\nunrelated = [count]",
    "def draw(ax):\n    ax.plot([rate(0)])\n\n\ndef forgotten(x):\n    return x + 1",
    "end = solve(2)\nprint(end)",
    "assert ENOUGH",
]


@pytest.fixture
def exercise(tmp_path, monkeypatch):
    """Makes exercises/ex97.py beside no other, with the cases that its check looks at."""

    def make(cases):
        (tmp_path / "exercises97.py").write_text(f"CASES = {cases}\n{EXERCISES}")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "exercises97", raising=False)
        found = importlib.import_module("exercises97")
        monkeypatch.setattr(exercises, "exercises", lambda number: {"step": found.step})
        return {text for _, text in survivors(exercises, "97")}

    return make


@pytest.fixture
def lesson(monkeypatch):
    """Judges the made-up lesson with an assert at its end."""

    def make(enough, cells=LESSON, processes=1):
        sources = [source.replace("ENOUGH", enough) for source in cells]
        monkeypatch.setattr(lessons, "cells_of", lambda number: [Cell(source) for source in sources])
        monkeypatch.setattr(lessons, "prepare", lambda: None)
        return survivors(lessons, "97", processes)

    return make


def survivors(part, number, processes=1):
    results = part.judge(number, part.listed(number), processes, say=lambda line: None)
    return {(mutant.name, mutant.text) for _, mutant, outcome in results if outcome.text == "survived"}


def test_a_good_check_lets_nothing_pass(exercise):
    assert exercise([([1.3, -0.4], 0.1), ([-0.7, 0.1], 0.2)]) == set()


def test_a_check_with_a_gap_is_found(exercise):
    """At x = 1 and h = 0 nearly every mistake is hidden; not a result doubled."""
    found = exercise([([1.0], 0.0)])
    assert "sign: return x - h * x -> return x + h * x" in found
    assert "absolute: return x - h * x -> return _absolute_(x - h * x)" in found
    assert not any("return 2 *" in text for text in found)


def test_a_reference_that_is_refused_is_an_error(exercise):
    with pytest.raises(RuntimeError, match="step refuses its own solution: killed: step raised "):
        exercise([("a", 0.0)])


def test_a_good_assert_lets_nothing_pass(lesson):
    """Only the function that no cell uses is left."""
    assert {name for name, _ in lesson("abs(end + 3.5) < 1e-9")} == {"forgotten"}


def test_an_assert_with_a_gap_is_found(lesson):
    found = lesson("end > -4.6")
    assert ("rate", "sign: return 2 - t -> return 2 + t") in found
    assert ("solve", "off_by_one: for i in range(n): -> for i in range(1, n):") in found
    assert ("solve", "sign: x = x + rate(i) / n -> x = x - rate(i) / n") not in found
    assert lesson("end > -4.6", processes=3) == found


def test_a_lesson_that_fails_by_itself_is_an_error(lesson):
    with pytest.raises(RuntimeError, match="lesson 97 itself failed"):
        lesson("end > 0")


def test_cells_that_fail_without_a_mistake_are_told(lesson):
    """What a cell did unseen is missing where it is left out: nothing is said to be killed by that."""
    cells = [
        "class Log:\n    pass\n\n\ndef one(x):\n    return -x",
        "one(1)",
        "exec('Log.done = 1')",
        "one(2), Log.done",
    ]
    lesson("", cells)
    results = lessons.judge("97", lessons.listed("97"), say=lambda line: None)
    assert {outcome.text.split(":")[0] for _, _, outcome in results} == {"unclear"}


def test_a_mutant_that_hangs_is_killed(lesson, monkeypatch):
    monkeypatch.setattr(lessons, "limit", lambda seconds: 0.3)
    cells = ["def last(n):\n    while n > 0:\n        n = n - 1\n    return n", "assert last(3) == 0"]
    start = time.monotonic()
    assert ("last", "sign: n = n - 1 -> n = n + 1") not in lesson("", cells)
    assert time.monotonic() - start < 60


def test_plans():
    """Only the cells that use a function are run, and those that they need; from the first of them on."""
    cells = [Cell(source.replace("ENOUGH", "end < 0")) for source in LESSON]
    rate = plan(cells, 0, 0)
    assert (rate.first, rate.run) == (4, (4, 5))
    assert plan(cells, 3, 1) is None
    sources = [
        "def f():\n    return 1",
        "a = f()",
        "b = 2",
        "net = []",
        "net.append(b)",
        "c = a",
        "a = 0",
        "a + 1",
        "c + net[0]",
    ]
    assert plan([Cell(source) for source in sources], 0, 0).run == (1, 2, 3, 4, 5, 8)
    again = ["def f():\n    return 1", "def f():\n    return 2", "f()"]
    assert plan([Cell(source) for source in again], 0, 0) is None
    loops = ["def f(k):\n    return k", "for k in range(3):\n    f(k)", "for k in range(3):\n    print(k)", "print(k)"]
    assert plan([Cell(source) for source in loops], 0, 0).run == (1,)


def test_children(monkeypatch):
    """Results in order; one that works on is ended, so is one that only waits; an error is told."""
    monkeypatch.setattr(forked, "PATIENCE", 1)
    tasks = [lambda: "one", lambda: [None for _ in iter(int, 1)], lambda: time.sleep(60), lambda: 1 / 0, lambda: "five"]
    start = time.monotonic()
    found = forked.run(tasks, limit=1, processes=5)
    assert [each.text.split("\n")[0] for each in found] == [
        "one", "out of time", "out of time", "failed: Traceback (most recent call last):", "five"
    ]  # fmt: skip
    assert time.monotonic() - start < 40


LISTED = '[[accepted]]\nwhere = "ex97"\nfunction = "step"\nreason = "A reason in words, not in one."\nmutants = {}'


def test_the_list(exercise):
    """A survivor may be listed; one that is not is told, so is a row that is gone, or killed."""
    exercise([([1.0], 0.0)])
    existing = exercises.listed("97")
    results = exercises.judge("97", existing, say=lambda line: None)
    flip, double = "sign: return x - h * x -> return x + h * x", "factor: return x - h * x -> return 2 * (x - h * x)"

    def compared(texts):
        rows = accepted.read(LISTED.format(texts))
        unlisted, stale = accepted.compare(rows, existing, results, complete=True)
        return {mutant.text for _, mutant in unlisted}, [(row.text, why) for row, why in stale]

    assert flip in compared([])[0]
    assert flip not in compared([flip])[0]
    assert compared(["*"]) == (set(), [])
    assert compared([double])[1] == [(double, "it is killed now")]
    assert compared(["sign: gone"])[1] == [("sign: gone", "there is no such mutant any more")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LISTED.format(["*"]).replace("A reason in words, not in one.", "equal"), "no reason"),
        (LISTED.format(["*", "*"]), "twice"),
    ],
)
def test_a_list_without_reasons_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        accepted.read(text)


def test_the_committed_list_can_be_read():
    accepted.read(accepted.PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def made_up(exercise, monkeypatch):
    """The command with one made-up exercise and nothing else, and an empty list."""
    exercise([([1.0], 0.0)])
    monkeypatch.setattr(command, "PARTS", {"exercises": exercises})
    monkeypatch.setattr(accepted, "read", lambda text: [])


def test_the_command(made_up, capsys):
    assert command.main(["--lesson", "97"]) == 1
    said = capsys.readouterr().out
    assert "97 exercises: " in said
    assert "ex97 step | sign: return x - h * x -> return x + h * x" in said


def test_a_sample_is_the_same_each_time(made_up, capsys):
    """In the order of the whole, another one for another seed."""

    def sample(*given):
        assert command.main(["--lesson", "97", "--list", *given]) == 0
        return capsys.readouterr().out.splitlines()

    whole, three = sample(), sample("--sample", "3", "--seed", "1")
    assert len(three) == 3
    assert three == [line for line in whole if line in three] == sample("--sample", "3", "--seed", "1")
    assert any(sample("--sample", "3", "--seed", str(seed)) != three for seed in range(2, 6))


def test_the_command_passes_where_nothing_survives(exercise, monkeypatch, capsys):
    exercise([([1.3, -0.4], 0.1), ([-0.7, 0.1], 0.2)])
    monkeypatch.setattr(command, "PARTS", {"exercises": exercises})
    monkeypatch.setattr(accepted, "read", lambda text: [])
    assert command.main(["--lesson", "97"]) == 0
    assert "survived" not in capsys.readouterr().out
