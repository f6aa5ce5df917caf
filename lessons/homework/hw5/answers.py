"""Homework 5, the instructor's half: how many points an answer is worth, for any variant.

It is never released, and runs in a process of its own that sees of a submission nothing but data. `judge` is what
grading.py asks; LIMITS bounds a submission's run; `files` is what a release holds besides notebook and modules. What is
right is in plant_truth.py.
"""

from pathlib import Path

import hw5
import numpy as np
import plant_truth as right
from judging import array, by_parts, share, summed

LIMITS = {"memory_gb": 3.0, "cell_seconds": 120, "notebook_seconds": 400}
FULL, NONE = 5e-5, 1e-2  # full points up to the first error, none from the second on; the self-checks ask for 1e-5
EXCESS, NO_EXCESS = 0.1, 50.0  # of χ² above the least one; the self-check asks for 0.02
RATIO, NO_RATIO = 0.1, 0.4  # of |log| of a standard error against the right one; the self-check asks for 0.02
ROWS, NO_ROWS = 5e-3, 5e-2  # of the rows of a regression; the self-check asks for 1e-3
COEFFICIENT, NO_COEFFICIENT = 0.1, 0.4  # of a coefficient; the self-check asks for 0.02
LAW, NO_LAW = 0.15, 0.5  # of a law of friction within its range; the self-check asks for 0.03
AHEAD, NO_AHEAD = 0.03, 0.15  # of a forecast, in errors of the mean's forecast; the self-check asks for 0.006


def files(variant):
    """{name: text} to release beside the notebook: the self-checks' example; recordings are simulated."""
    return {"example.json": Path(__file__).with_name("example.json").read_text(encoding="utf-8")}


def off_by(answer, name, correct, miss):
    """How far each row of answer[name] is off, a list, inf where it is no answer; and why, in words.

    miss: miss(got, right), one function for all rows of `correct` or a list with one for each.
    """
    misses, rows = miss if isinstance(miss, list) else [miss] * len(correct), answer.get(name)
    if not isinstance(rows, list) or len(rows) != len(correct):
        return [np.inf] * len(correct), f"{name}: nothing was handed in, or not for each of {len(correct)} cases"
    off, why = [], ""
    for row, known, how_far in zip(rows, correct, misses, strict=True):
        got, problem = array({name: [row]}, name, (1, *np.shape(known)))
        off.append(np.inf if problem else how_far(got[0], np.asarray(known)))
        why = why or problem
    return off, why


def near(answer, name, correct, points, full=FULL, none=NONE, miss=hw5.miss, of=None):
    """(points, message) for answer[name] against the rows of `correct`: each row its share, by miss(got, right).

    of: for each row, whether that was found whose errors these are; no errors of what was not found are right.
    """
    off, why = off_by(answer, name, correct, miss)
    of = [True] * len(correct) if of is None else of
    shares = [share(far, full, none) if there and np.isfinite(far) else 0.0 for far, there in zip(off, of, strict=True)]
    earned = points * sum(shares) / len(correct)
    if not why and not all(of):
        why = f"{name}: these belong to numbers that are far off"
    if not why and earned < points - 1e-9:
        why = f"{name}: off by {max(off):.1e} in the worst of {len(correct)} cases, {full:g} has full points"
    return earned, why or f"{name}: right"


def judge_field(answer, given):
    """6 points for slopes, 6 for the states at uneven times."""
    found = [right.slopes(t, y, theta, power, plant) for t, y, theta, _, _, power, plant in given]
    paths = [right.sensitivities(theta, y0, times, *rest)[0] for _, _, theta, y0, times, *rest in given]
    return summed([near(answer, "slopes", found, 6.0), near(answer, "states", paths, 6.0)])


def judge_fit(answer, given):
    """3 + 5 points for ½ χ² and its gradient, 7 for a fit by its χ², 5 for its standard errors."""
    values = [right.misfit(q, record) for q, record in given]
    fits = [right.fit(record) for _, record in given]
    above = [
        lambda q, _, r=record, c=chi2: excess(q, r, c) for (_, record), (*_, chi2) in zip(given, fits, strict=True)
    ]
    found = [off < NO_EXCESS for off in off_by(answer, "fitted", [q for q, _, _ in fits], above)[0]]
    return summed([
        near(answer, "misfit", [value for value, _ in values], 3.0, 10 * FULL, NONE),
        near(answer, "gradient", [gradient for _, gradient in values], 5.0, 10 * FULL, NONE),
        near(answer, "fitted", [q for q, _, _ in fits], 7.0, EXCESS, NO_EXCESS, above),
        near(answer, "errors", [errors for _, errors, _ in fits], 5.0, RATIO, NO_RATIO, hw5.ratio, found),
    ])  # fmt: skip


def excess(q, record, chi2):
    """χ² above the least one; inf for numbers so wild that the model has no path."""
    if np.abs(q).max() > 20:
        return np.inf
    try:
        return right.misfit(q, record)[0] * 2 - chi2
    except Exception:
        return np.inf


def judge_terms(answer, given):
    """8 points for rows of two recordings, 9 for the verdicts on six, 5 for the coefficients of what is found."""
    known = [right.term_rows(record.t, record.y, f, library) for record, f, library, *_ in given[:2]]
    parts = [
        near(answer, "terms", [theta for theta, _ in known], 4.0, ROWS, NO_ROWS),
        near(answer, "change", [change for _, change in known], 4.0, ROWS, NO_ROWS, hw5.scaled_miss),
    ]
    verdicts, coefficients = answer.get("verdict"), answer.get("coefficients")
    if not all(isinstance(rows, list) and len(rows) == len(given) for rows in (verdicts, coefficients)):
        why = f"verdict: nothing was handed in, or not for each of {len(given)} recordings"
        return summed([*parts, (0.0, why)])
    kinds = [kind for *_, kind in given]
    shared = {kind: np.mean([v == kind for v, k in zip(verdicts, kinds, strict=True) if k == kind]) for kind in kinds}
    wrong = [f"{v!s:.20} for {k}" for v, k in zip(verdicts, kinds, strict=True) if v != k]
    balance = max(0.0, (sum(shared.values()) - 1) / 2)  # one word for all has a third of them, and no points
    parts.append((9.0 * float(balance), f"verdict: {'; '.join(wrong[:2]) or 'right'}"))
    places = [i for i, kind in enumerate(kinds) if kind == "found"]
    wanted = [formula(*given[i][2:5]) for i in places]
    got = {"coefficients": [coefficients[i] if verdicts[i] == "found" else None for i in places]}
    parts.append(near(got, "coefficients", wanted, 5.0, COEFFICIENT, NO_COEFFICIENT, hw5.scaled_miss))
    return summed(parts)


def formula(library, coefficient, name):
    """The true coefficients (p,)."""
    return [coefficient if term == name else 0.0 for term in library.names]


def judge_law(answer, given):
    """12 points for the law where the plant has been, 4 for saying where that is."""
    record, _, law = given
    speeds, v = hw5.tried.SPEEDS, np.sort(record.y[:, 1])
    been = (speeds > np.quantile(v, 0.02)) & (speeds < np.quantile(v, 0.98))
    got, why = array({"friction": [answer.get("friction")]}, "friction", (1, len(speeds)))
    off = np.sqrt(np.mean((got[0] - law(speeds))[been] ** 2) / np.mean(law(speeds)[been] ** 2))
    points = 0.0 if np.isnan(off) else 12.0 * share(off, LAW, NO_LAW)
    rows = [(points, why or f"friction: off by {off:.1%} where the plant has been, {LAW:.0%} has full points")]
    got, why = array({"range": [answer.get("range")]}, "range", (1, 2))
    wide, (low, high) = v[-1] - v[0], got[0]
    beyond = max(v[0] - low, high - v[-1], 0.0) / wide
    short = max(low - np.quantile(v, 0.05), np.quantile(v, 0.95) - high, 0.0) / wide
    good = 0.0 if why else share(max(beyond, short), 0.1, 0.3) * (points > 0)
    return summed(
        [*rows, (4.0 * good, why or f"range: from {low:.2f} to {high:.2f}, seen from {v[0]:.2f} to {v[-1]:.2f}")]
    )


def judge_series(answer, given):
    """8 points for the response to a path, 6 for a forecast, 6 for its standard deviations (not without a forecast)."""
    paths, records = given
    ends = [right.response(*row) for row in paths]
    ahead = [right.forecast(*row) for row in records]
    to_mean = [lambda a, b, r=record: hw5.from_mean(a, b, r) for record, _ in records]
    found = [off < NO_AHEAD for off in off_by(answer, "forecast", [path for path, _ in ahead], to_mean)[0]]
    return summed([
        near(answer, "response", ends, 8.0),
        near(answer, "forecast", [path for path, _ in ahead], 6.0, AHEAD, NO_AHEAD, to_mean),
        near(answer, "band", [band for _, band in ahead], 6.0, RATIO, NO_RATIO, hw5.ratio, found),
    ])  # fmt: skip


judge = by_parts(hw5.inputs, judge_field, judge_fit, judge_terms, judge_law, judge_series)
