"""Homework 4, how the self-checks compare: with what is right on the example, and with what mistakes lead to there."""

import json
from functools import lru_cache
from pathlib import Path

import hw4
import numpy as np

from nodekit.classroom.watch import Wrong


@lru_cache
def example():
    """example.json, which lies beside the notebook."""
    path = Path(__file__).with_name("example.json")
    if not path.exists():
        raise Wrong("example.json is missing. It belongs beside the notebook: take it from what you were given.")
    return json.loads(path.read_text(encoding="utf-8"))


def numbers(value, shape, what, each, finite=True):
    """The value as an array of floats: arrays, tensors, lists and tuples of any float type. Raises Wrong."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        value = np.array(value)
        value = value.astype(float) if value.dtype.kind in "fiu" else None
    except (TypeError, ValueError):
        value = None
    if value is None:
        raise Wrong(f"{what} is not made of numbers: an array of shape {shape} was expected, {each}.")
    if value.shape != shape:
        turned = " Transposed: rows are states." if value.shape == shape[::-1] and len(shape) > 1 else ""
        raise Wrong(f"{what} has shape {value.shape}; {shape} was expected, {each}.{turned}")
    if finite and not np.isfinite(value).all():
        raise Wrong(f"{what} is not finite everywhere.")
    return value


def two(value, what):
    """Two things from a tuple or a list, or from the array that two of one shape are made. Raises Wrong."""
    if not ((isinstance(value, tuple | list) or np.ndim(value) > 0) and len(value) == 2):
        raise Wrong(f"Two things are returned, {what}; yours is a {type(value).__name__}.")
    return value


def mistaken(name, got):
    """The sentence of the mistake that leads to `got` on the example, or None.

    A mistake counts by the rows on which it shows: there it has to be within a thousandth, in each of them.
    """
    for words, rows in example()[name]["mistakes"].items():
        rows = [np.array(row) for row in rows]
        right = [np.array(row) for row in example()[name]["right"]]
        shown = [i for i in range(len(rows)) if hw4.miss(rows[i], right[i]) > 3e-3]
        if shown and all(hw4.miss(got[i], rows[i]) < 1e-3 for i in shown):
            return words
    return None


def compared(name, got, what, advice):
    """How far the rows `got` are off in the worst case. Raises Wrong, with a mistake's sentence where it is known."""
    right = [np.array(row) for row in example()[name]["right"]]
    off = [hw4.miss(g, r) for g, r in zip(got, right, strict=True)]
    if max(off) <= hw4.LIMIT:
        return max(off)
    if max(off) <= 5e-3:
        raise Wrong(
            f"{what} is right to {max(off):.0e}, and {hw4.LIMIT:g} was asked for. Tighten the tolerances of your "
            "solves, or the step of your differences."
        )
    words = mistaken(name, got)
    if words:
        raise Wrong(words)
    wrong = sum(x > hw4.LIMIT for x in off)
    raise Wrong(f"{what} is off in {wrong} of {len(off)} cases. {advice}")


def said(off):
    return f"to {max(off, 1e-15):.0e}"
