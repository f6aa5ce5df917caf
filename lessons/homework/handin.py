"""How an answer leaves a student's notebook: as data, under a type of its own. It ships with every assignment.

At home the secret is 0. At grading the notebook runs with another variant and a secret that the student has never seen,
both from the environment, so that the cell that hands in is the hidden test as well. What is right is decided
elsewhere, from the data alone: nothing that a notebook changes in its own process matters there.
"""

import math
import os
import sys

import numpy as np
from IPython.display import display

from nodekit.classroom.checks import Exercise
from nodekit.classroom.watch import NotAttempted, Wrong, is_stub

__all__ = [
    "MIME",
    "SelfCheck",
    "attempted",
    "called",
    "in_columns",
    "in_sizes",
    "numbers",
    "pair",
    "rng",
    "secret",
    "show",
    "variant_of",
]

MIME = "application/vnd.nodekit.answer+json"


def variant_of(own):
    """The variant's number: `own`, from the notebook's cell; at grading the environment's. Returns an int >= 0.

    Raises ValueError unless it is a whole number of at least 0.
    """
    given = os.environ.get("NODEKIT_HOMEWORK_VARIANT", own)
    if isinstance(given, bool) or not str(given).isdecimal():
        raise ValueError(f"VARIANT = {own!r} must be a whole number, as your instructor gave it.")
    return int(given)


def secret():
    """What the hidden test is drawn from: 0 at home. Returns an int."""
    return int(os.environ.get("NODEKIT_HOMEWORK_SECRET", 0))


def rng(variant, part, secret):
    """The generator from which the inputs of one part are drawn: the same for whoever asks and whoever judges."""
    return np.random.default_rng([variant, part, secret])


def plain(value):
    """`value` as JSON can hold it: numbers, text, lists, dicts. What it cannot hold becomes text that says what it was.

    Infinite numbers and nan become text too. Arrays become lists.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return f"a {type(value).__name__}"


def called(function, *inputs):
    """What `function` returns for `inputs`, as JSON can hold it; {"error": "..."} where it raises or is a stub."""
    if not callable(function):
        return {"error": f"a function was expected, not a {type(function).__name__}"}
    try:
        if is_stub(function):
            raise NotAttempted
        value = function(*inputs)
        return {"error": "not attempted, or it returned None"} if value is None else plain(value)
    except (NotAttempted, NotImplementedError):
        return {"error": "not attempted"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def errors(answer):
    """Every {"error": words} within an answer, as a set of words."""
    if isinstance(answer, dict) and set(answer) == {"error"}:
        return {str(answer["error"])}
    inside = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    return set().union(*map(errors, inside))


def show(part, answer):
    """Put `answer` (what JSON can hold) into the cell's output, as data and as a line of text."""
    text = f"handed in: part {part}" + "".join(f"\n  but: {words}" for words in sorted(errors(answer)))
    display({MIME: {"part": part, "answer": answer}, "text/plain": text}, raw=True)


# ---- for a student's own eyes ------------------------------------------------------------------------


def dtypes(value):
    """The names of the types of numbers in arrays and tensors, also inside lists and tuples."""
    if isinstance(value, list | tuple):
        return [kind for item in value for kind in dtypes(item)]
    return [str(value.dtype).removeprefix("torch.")] if hasattr(value, "dtype") else []


def numbers(value):
    """`value` with its lists and tuples of numbers as arrays, and its integers and short floats as float64."""
    if isinstance(value, list | tuple):
        inside = [numbers(item) for item in value]
        alike = inside and all(isinstance(item, np.ndarray) and item.dtype.kind in "fc" for item in inside)
        if alike and len({item.shape for item in inside}) == 1:
            return np.array(inside)
        return type(value)(inside) if type(value) in (list, tuple) else value
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic | float | int) and not isinstance(value, bool | np.bool):
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype.kind in "iuf" else array if array.dtype.kind == "c" else value
    return value


class SelfCheck(Exercise):
    """A lesson's exercise without a solution to print: it is your homework.

    It looks at what a function returns as the judge does, who sees numbers: lists and tuples are as good as arrays,
    and float32 has the digits that it has.
    """

    after_hints = "Leave it for a night, or ask."

    def __init__(self, reference, check, hints, seconds=10.0):
        def checked(function):
            single = []

            def as_judged(*given):
                value = function(*given)
                single.extend(kind for kind in dtypes(value) if kind in ("float32", "float16"))
                return numbers(value)

            try:
                return check(as_judged)
            except Wrong as wrong:
                said = (
                    f" (Your numbers are {single[0]}, which has 7 digits at most: compute in float64.)"
                    if single
                    else ""
                )
                raise Wrong(f"{wrong}{said}") from None

        super().__init__(reference, checked, hints, seconds)
        self._module = sys._getframe(1).f_globals  # of the checks, and not this file's

    def solution(self):
        """Say that there is none."""
        print("This is homework: there are hints, and no solution.")


def in_sizes(value, right):
    """Both in units of what the judge measures an error by: each number's size, or a thousandth of the largest one."""
    size = np.maximum(np.abs(right), 1e-3 * np.abs(right).max())
    return (value / size if np.shape(value) == np.shape(right) else value), right / size


def attempted(*functions):
    """Whether none of them is an untouched stub. The cells that show your numbers wait for that."""
    return not any(is_stub(function) for function in functions)


def pair(value, names):
    """Two things that came back together, by name; what they were instead is in both."""
    if isinstance(value, list) and len(value) == 2:
        return dict(zip(names, value, strict=True))
    return dict.fromkeys(names, value if isinstance(value, dict) else {"error": f"{' and '.join(names)} are returned"})


def in_columns(rows):
    """A list of dicts as a dict of lists."""
    return {name: [row[name] for row in rows] for name in rows[0]}
