"""Rules about how a lesson reads: what can be skipped, how long the core path is, terms before use, predictions."""

import re

from tests.lessons import counting, glossary
from tests.lessons.rules import card_rows, headings, text

WORDS, MINUTES, EXERCISES, SLIDERS = 2200, 60, (2, 3), 1
# Lesson 00 shows one of each thing that a lesson holds, in a few minutes: one exercise is enough for that.
FEW_EXERCISES = {"00"}


def number(lesson):
    return lesson.path.name[:2]


def deeper(lesson):
    """Cells under a deeper heading, and a deeper exercise's, carry the tag; no others; and no cell is half and half."""
    by_cell = {}
    for piece in counting.pieces(lesson.cells):
        by_cell.setdefault(piece.cell, []).append(piece.deeper)
    for number, cell in enumerate(lesson.cells):
        marks, tagged = by_cell.get(number, [False]), "deeper" in cell["metadata"].get("tags", [])
        if len(set(marks)) > 1:
            yield f"cell {number} is half deeper: let the heading, or the exercise, that parts it begin a cell"
        elif marks[0] != tagged:
            yield f"cell {number} {'lacks' if marks[0] else 'has'} the tag 'deeper', by the headings above it"


def core_path(lesson):
    """The part that is not deeper: words, minutes, exercises, sliders."""
    found = counting.core(counting.pieces(lesson.cells))
    if found.words > WORDS:
        yield f"the core path has {found.words:.0f} words: {WORDS} is the limit"
    if found.minutes > MINUTES:
        yield f"the core path takes {found.minutes:.0f} minutes: {MINUTES} is the limit"
    fewest, most = EXERCISES
    if not (1 if number(lesson) in FEW_EXERCISES else fewest) <= len(found.exercises) <= most:
        yield f"the core path has {len(found.exercises)} exercises with minutes: {fewest} or {most} it should be"
    if found.sliders != SLIDERS:
        yield f"the core path has {found.sliders} figures with sliders: {SLIDERS} it should be"


def time_row(lesson):
    """The card's row is the counted one."""
    counted, said = counting.time_row(lesson.cells), card_rows(lesson).get("Time")
    if said != counted:
        yield f"the card says {said!r} behind **Time**; counted: {counted!r}"


def terms(lesson):
    """A term defined in this lesson is not used above its definition, or on an earlier lesson's core path."""
    yield from glossary.used_too_early(lesson)


def no_widget_state(lesson):
    """No saved widget: what a page without a kernel shows are the picture, the HTML and the text beside it."""
    if "widgets" in lesson.notebook["metadata"]:
        yield "the notebook's metadata hold the state of widgets"
    for number, cell in enumerate(lesson.cells):
        for output in cell.get("outputs", []):
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                yield f"cell {number} has the view of a widget among its outputs: {text(cell['source'])[:40]!r}"


APART = 3  # cells between a question and its answer: with their outputs, more than a screen


def predictions(lesson):
    """A lesson asks for a prediction, and compares it with what came out further down, out of sight of the question."""
    asked = {}
    for number, cell in enumerate(lesson.cells):
        source = text(cell["source"]) if cell["cell_type"] == "code" else ""
        for name, what in re.findall(r"\bex\d\d\.(\w+)\.(ask|reveal)\(", source):
            if what == "ask":
                asked[name] = number
            elif name not in asked:
                yield f"cell {number} reveals {name}, which was not asked before"
            elif number - asked.pop(name) <= APART:
                yield f"cell {number} reveals {name} in sight of the question"
    yield from (f"cell {number} asks {name}, which is never revealed" for name, number in asked.items())
    if not any(".ask(" in text(cell["source"]) for cell in lesson.code):
        yield "no prediction is asked for"


def progress(lesson):
    """What is done and what is open is shown at the end: below the quiz, and in lesson 00, which has none."""
    shown = [".quiz.show(" in text(cell["source"]) for cell in lesson.code]
    below = lesson.code[shown.index(True) if True in shown else 0 :]
    if not any(re.search(r"\bprogress\.show\(", text(cell["source"])) for cell in below):
        yield f"no cell below the quiz shows the progress: progress.show(ex{number(lesson)})"


def plain_headings(lesson):
    """A heading is read out, and stands in tables of contents: it holds no formula, and the card's is not empty."""
    for number, cell in enumerate(lesson.cells):
        if cell["cell_type"] == "markdown":
            for _, title in headings(cell):
                if "$" in title:
                    yield f"cell {number} has a formula in the heading {title!r}"
    if not re.search(r"^\| \| \w.*\|$", text(lesson.cells[0]["source"]), re.M):
        yield "the card's table has no heading: its first row is '| | This lesson |'"


RULES = [no_widget_state, deeper, core_path, time_row, terms, predictions, progress, plain_headings]
