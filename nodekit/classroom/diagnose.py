"""The debugging checklist of a field: `diagnose(f, y0, t)` says what is well, and what to do about the rest.

Lessons 04, 05 and 07 use it. The checks stand in checklist.py; whatever f raises becomes a line too.
"""

from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from nodekit.classroom.checklist import CHECKS, NEEDS_AN_END, field
from nodekit.classroom.watched import Case, FieldError

__all__ = ["Diagnosis", "diagnose"]


@dataclass
class Line:
    """One line of the table. good: True; False; None: nothing to judge, or (with advice) no harm as things are set."""

    name: str
    found: str
    good: bool | None
    advice: str = ""

    def __post_init__(self):
        self.good = None if self.good is None else bool(self.good)  # a NumPy one would not be `is False`


class Diagnosis:
    """What `diagnose` found; it prints as a table. lines: list of Line; bad: the names of those that are not good."""

    def __init__(self):
        self.lines = []

    @property
    def bad(self):
        return [line.name for line in self.lines if line.good is False]

    def __getitem__(self, name):
        return {line.name: line for line in self.lines}[name]

    def __repr__(self):
        rows = []
        for line in self.lines:
            first, *more = wrap(line.found, 88)
            mark = {True: "✓", False: "✗", None: "!" if line.advice else " "}[line.good]
            rows.append(f"{mark} {line.name:11s}{first}")
            rows += [" " * 13 + text for text in more]
            if not line.good:
                rows += [" " * 13 + ("  " if i else "→ ") + text for i, text in enumerate(wrap(line.advice, 86))]
        return "\n".join(rows)


def diagnose(f, y0, t, *, params=None, seed=0, **settings):
    """Go through the checklist of a field and return a `Diagnosis`, which prints as a table.

    f, y0, t: as for `nodekit.solve`; of t the two ends count. y0, of any shape, is an array or one torch
        tensor, which adds the checks of gradients and memory.
    params: the tensors whose gradient is checked; by default those that are found in f.
    seed: of the random directions of the gradient check.
    settings: any other argument of `nodekit.solve`, such as method, rtol, atol, step.

    It costs about ten solves, or twenty on torch. Nothing is raised for what f does: it becomes a line.
    """
    case, diagnosis = Case(f, y0, t, params, seed, settings), Diagnosis()
    for check in CHECKS if case.torch else CHECKS[:-3]:
        if check in NEEDS_AN_END and not case.solution.success:
            continue
        try:
            with np.errstate(all="ignore"), case.no_grad():
                line = Line(check.__name__, *check(case))
        except FieldError as error:
            line = Line(check.__name__, str(error), False, "Call f(t, y) there yourself, and read the traceback.")
        except Exception as error:
            line = Line(check.__name__, f"{type(error).__name__}: {error}", False)
        diagnosis.lines.append(line)
        if line.good is False and (check is field or not hasattr(case, "solution")):
            break  # what follows would only repeat it
    return diagnosis
