"""The student's own progress: what is predicted, solved and answered, and what is still open. Used from lesson 00 on.

`progress.show(ex05)` at a lesson's end, `progress.show()` in lesson 00. It is kept in the file
lessons/.nodekit_progress.json, and stays on this machine.
"""

import ast
import re
from html import escape
from importlib import import_module
from pathlib import Path

import ipywidgets as widgets

from nodekit.classroom import kept
from nodekit.classroom.quiz import shown

__all__ = ["reset", "show"]

KINDS = {"Prediction": "predictions", "Exercise": "exercises", "Quiz": "quiz"}


def show(exercises=None):
    """Display what is done and what is not: of one lesson, show(ex05), or of all of them. It follows every change."""
    if exercises is None:
        folder, rows = _folder(), _all_lessons
    else:
        path = Path(exercises.__file__)
        folder, rows = path.parents[1], lambda found: _one_lesson(path, found)

    def table():
        return rows(kept.read(folder))

    view = widgets.HTML(_html(table()))

    def refresh():
        view.value = _html(table())

    kept.watchers.append(refresh)
    shown(view, _html(table()), _text(table()))


def reset(lesson=None):
    """Forget what is kept of one lesson, reset("05"), or of all. Raises ValueError where there is no such lesson."""
    if lesson is not None and lesson not in _modules():
        raise ValueError(f"there is no lesson {lesson!r}; there are {', '.join(_modules())}")
    kept.forget(_folder(), lesson)
    print(f"Forgotten: {'everything' if lesson is None else f'lesson {lesson}'}.")


def _folder():
    """The folder of the lessons, from where `exercises` was imported."""
    return Path(import_module("exercises").__path__[0]).resolve().parent


def _modules():
    """{"05": the file of its exercises}, for all lessons."""
    return {path.stem[2:]: path for path in sorted((_folder() / "exercises").glob("ex[0-9][0-9].py"))}


def assigned(path):
    """{kind: names} of what a file of exercises assigns, read from its source; for a quiz its questions' numbers."""
    found = {kind: [] for kind in KINDS.values()}
    for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            kind = KINDS.get(getattr(node.value.func, "id", None))
            if kind == "quiz":
                found[kind] = [str(number) for number in range(1, len(node.value.args) + 1)]
            elif kind:
                found[kind].append(node.targets[0].id)
    return found


def _one_lesson(path, found):
    """[heading, rows...] of one lesson: a row for each kind, with what is done and what is not."""
    lesson, rows = path.stem[2:], [(f"Lesson {path.stem[2:]}", "done", "open")]
    for kind, names in assigned(path).items():
        if names:
            done = found.get(lesson, {}).get(kind, {})
            rows.append((kind, _named(names, done, kind), ", ".join(n for n in names if n not in done) or "–"))
    return rows


def _named(names, done, kind):
    """'1 ✓, 3 ✗' for the questions of a quiz, which are right or wrong; the names alone for the rest."""
    marks = {
        name: (" ✓" if done[name].get("right") else " ✗") if kind == "quiz" else "" for name in names if name in done
    }
    return ", ".join(name + mark for name, mark in marks.items()) or "–"


def _all_lessons(found):
    """[heading, rows...]: a row for each lesson, 'done of all' for each kind."""
    rows = [("lesson", *KINDS.values(), "right in the quiz")]
    for lesson, path in _modules().items():
        kinds, done = assigned(path), found.get(lesson, {})
        counts = [(len([n for n in names if n in done.get(kind, {})]), len(names)) for kind, names in kinds.items()]
        right = sum(bool(value.get("right")) for name, value in done.get("quiz", {}).items() if name in kinds["quiz"])
        cells = [f"{some} of {all_}" if all_ else "–" for some, all_ in counts]
        rows.append((_title(path, lesson), *cells, str(right) if kinds["quiz"] else "–"))
    return rows


def _title(path, lesson):
    """'05 backprop', from the notebook's name."""
    names = [p.stem[3:] for p in path.parents[1].glob(f"{lesson}_*.ipynb")]
    return f"{lesson} {re.sub('_', ' ', names[0])}" if names else lesson


def _html(rows):
    def row(cells, tag):
        inside = "".join(f'<{tag} style="text-align: left">{escape(cell)}</{tag}>' for cell in cells)
        return f"<tr>{inside}</tr>"

    return f"<table>{row(rows[0], 'th')}{''.join(row(cells, 'td') for cells in rows[1:])}</table>"


def _text(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
