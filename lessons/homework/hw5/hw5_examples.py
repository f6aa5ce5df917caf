"""Homework 5, the numbers on which the self-checks try your functions, and how they compare what comes back."""

import json
from functools import lru_cache
from pathlib import Path

import hw5
import numpy as np
import torch

from nodekit.classroom.watch import Wrong

EXAMPLE = 314159  # the variant of the examples
MATCH, SHOWS = 3e-3, 1e-2  # a mistake is recognised when this close, and shows where it is that far from what is right


@lru_cache
def given(part):
    return hw5.inputs(part, EXAMPLE, 0)


@lru_cache
def short():
    """A short recording of a plant with one term missing, for term_rows."""
    random = np.random.default_rng(EXAMPLE)
    return hw5.to_explain(random, *hw5.drawn(EXAMPLE), "v|v|", "found", end=10.0, n=40)


def arguments(name):
    """A list with the arguments of each call of the function `name`."""
    if name == "field":
        return [(t, torch.tensor(y), torch.tensor(th), *rest) for t, y, th, _, _, *rest in given(1)[:4]]
    if name == "states":
        return [tuple(map(torch.tensor, row[2:5])) + row[5:] for row in given(1)[:4]]
    if name == "term_rows":
        record, known, library, _ = short()
        return [(record.t.copy(), record.y.copy(), known, library)]
    if name == "response":
        return [(f, h0.copy(), t.copy(), y.copy()) for f, h0, t, y in given(5)[0]]
    if name == "forecast":
        return [(record, later.copy()) for record, later in given(5)[1]]
    return [(q.copy(), r) if name == "misfit" else (r,) for q, r in given(2)]


@lru_cache
def example():
    """example.json, which lies beside the notebook."""
    path = Path(__file__).with_name("example.json")
    if not path.exists():
        raise Wrong("example.json is missing. It belongs beside the notebook: take it from what you were given.")
    return json.loads(path.read_text(encoding="utf-8"))


def numbers(value, what):
    """The value as an array of floats: arrays, tensors, lists and tuples of any float type. Raises Wrong."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        value = np.array(value)
        value = value.astype(float) if value.dtype.kind in "fiu" else None
    except (TypeError, ValueError):
        value = None
    if value is None:
        raise Wrong(f"{what} is not made of numbers.")
    return value


def outputs(function, name, names):
    """What comes out for each of the example's calls: lists of arrays, one for each of the names. Raises Wrong."""
    rows = []
    for row in arguments(name):
        value = function(*row)
        several = isinstance(value, tuple | list) or np.ndim(value) > 0  # those of one shape come as one array
        if len(names) > 1 and not (several and len(value) == len(names)):
            raise Wrong(f"{len(names)} things are returned: return {', '.join(names)}.")
        rows.append([numbers(v, w) for v, w in zip(value if len(names) > 1 else [value], names, strict=True)])
    return rows


def close(got, wrong, right, far):
    """Whether all of `got` is within `far` of `wrong`, relative to the sizes in `right` where they have one shape."""
    size = np.abs(right) + 1e-3 * np.max(np.abs(right)) if np.shape(right) == np.shape(wrong) else 1 + np.abs(wrong)
    return bool(np.all(np.abs(got - wrong) <= far * size))


def mistaken(name, rows, n):
    """The sentence of the mistake that leads to these rows, or None. n: how many things the function returns.

    A mistake counts by the rows on which it shows; the others have to be right.
    """
    known = [cut(row, n) for row in example()[name]["right"]]
    for words, wrong in example()[name]["mistakes"].items():
        shown = 0
        for got, bad, right in zip(rows, (cut(row, n) for row in wrong), known, strict=True):
            if any(np.shape(g) != np.shape(b) for g, b in zip(got, bad, strict=True)):
                break
            if not all(close(*each, MATCH) for each in zip(got, bad, right, strict=True)):
                break
            alike = all(np.shape(b) == np.shape(r) and close(b, r, r, SHOWS) for b, r in zip(bad, right, strict=True))
            shown += not alike
        else:
            if shown:
                return words
    return None


def cut(row, n):
    return [np.array(value) for value in row] if n > 1 else [np.array(row)]


def compared(name, function, names, limits, advice):
    """Compare a function with what is right on the example. Returns the largest of what it is off, by limit.

    limits: [(how far off, a function (got, right); what is asked for)], one for each thing. Raises Wrong, in words.
    """
    rows, off = outputs(function, name, names), 0.0
    for got, right in zip(rows, (cut(row, len(names)) for row in example()[name]["right"]), strict=True):
        for value, correct, what, (miss, limit) in zip(got, right, names, limits, strict=True):
            fits = value.shape == correct.shape
            if fits and np.isfinite(value).all() and miss(value, correct) <= limit:
                off = max(off, miss(value, correct))
                continue
            words = mistaken(name, rows, len(names))
            if words:
                raise Wrong(words)
            if not fits:
                raise Wrong(f"{what} has shape {value.shape}; {correct.shape} was expected. {advice}")
            if not np.isfinite(value).all():
                raise Wrong(f"{what} is not finite everywhere.")
            raise Wrong(f"{what} is off by {miss(value, correct):.1e}; {limit:g} is asked for. {advice}")
    return off
