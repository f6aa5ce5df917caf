"""Homework 2, the instructor's half: how many points an answer is worth, for any variant.

It is never released, and runs in a process of its own that sees of a submission nothing but data. `judge` is what
grading.py asks; LIMITS bounds a submission's run; `files` is what a release holds besides notebook and modules.
"""

from functools import lru_cache
from pathlib import Path

import dose_truth as truth
import hw2
import numpy as np
from judging import array, by_parts, compared, share, summed, worth

import nodekit

LIMITS = {"memory_gb": 1.5, "cell_seconds": 60, "notebook_seconds": 300}
BY_HAND = {"fit": ("field", "field_vjp")}  # and what it must not use: f and vjp are given, and counted
NEAR, INSIDE = 0.1, 9.49  # part 5: above the least χ², full points and half; 9.49: 95% of χ² with four degrees


def files(variant):
    """{name: text} to release beside the notebook: the samples of the variant's patient, and the ward."""
    rows = (f"{t:g},{c:.3f}" for t, c in zip(hw2.TIMES, truth.patient(variant)[2], strict=True))
    kept = Path(__file__).with_name("ward.csv").read_text(encoding="utf-8")
    return {"samples.csv": "\n".join(["t_h,c_mg_per_L", *rows, ""]), "ward.csv": kept}


# ---- what an answer is worth ---------------------------------------------------------------------------


def unpaired(answer, name, names):
    """{names[0]: firsts, names[1]: seconds} of a list of pairs; what is no pair becomes its own words."""
    rows, out = answer.get(name), {one: [] for one in names}
    if not isinstance(rows, list):
        return {}
    for row in rows:
        failed = row if isinstance(row, dict) else {"error": f"{len(names)} things are returned: {', '.join(names)}"}
        pair = row if isinstance(row, list) and len(row) == len(names) else [failed] * len(names)
        for one, value in zip(names, pair, strict=True):
            out[one].append(value)
    return out


def judge_field(answer, given):
    right = [truth.jacobians(x, theta) for x, theta, _ in given]
    pairs = unpaired(answer, "vjp", ("by x", "by θ"))
    rows = [compared(answer, "field", [truth.field(0.0, x, theta) for x, theta, _ in given], {1e-9: 4})]
    for i, name in enumerate(("by x", "by θ")):
        rows.append(compared(pairs, name, [J[i].T @ a for J, (_, _, a) in zip(right, given, strict=True)], {1e-9: 4}))
    return summed(rows)


def judge_gradient(answer, truths, steps):
    """Half for dL/dx0, half for dL/dθ. truths: [(dL/dx0, dL/dθ)]. steps: as `compared` takes them."""
    names = ("dL/dx0", "dL/dθ")
    pairs = unpaired(answer, "gradient", names)
    return summed(
        [compared(pairs, name, right, steps) for name, right in zip(names, zip(*truths, strict=True), strict=True)]
    )


def judge_steps(answer, given):
    return judge_gradient(answer, [truth.steps_gradient(task) for task in given], {1e-10: 9})


def judge_samples(answer, given):
    return judge_gradient(answer, [truth.samples_gradient(task) for task in given], {1e-6: 10, 1e-3: 4})


def judge_trust(answer, given):
    """8 points for growth, to 0.01 in its logarithm, none from 0.03 on; 8 for the ways.

    A constant answer has half of the ways right. One that is right and keeps too much counts a quarter. Half
    of them is worth nothing, all of them 8.
    """
    got, why = array(answer, "growth", (len(given),))
    right = np.array([truth.growth(problem) for problem in given])
    close = [worth(off, {0.01: 1.0, 0.03: 0.0}) for off in np.abs(got - right)]
    message = why or ("growth: right" if min(close) == 1 else f"growth: off by {np.nanmax(np.abs(got - right)):.2g}")
    rows, ways = [(8.0 * float(np.mean(close)), message)], answer.get("way")
    if not isinstance(ways, list) or len(ways) != len(given):
        return summed([*rows, (0.0, "way: nothing was handed in")])
    counted, words = [], []
    for problem, way in zip(given, ways, strict=True):
        if not isinstance(way, str) or way not in hw2.WAYS:
            counted.append(0.0)
            said = str(way.get("error", "no text") if isinstance(way, dict) else f"{str(way)[:80]} is none of the ways")
            words.append(said[:200])
            continue
        exact = truth.exact_gradient(problem)
        error = {name: truth.error_of(name, problem, exact) for name in {"adjoint", way}}
        if error[way] > hw2.TRUST:
            counted.append(0.0)
            words.append(f"the gradient by {way} is off by {error[way]:.0e}")
        elif way == "backprop" or (way != "adjoint" and error["adjoint"] <= hw2.TRUST):
            counted.append(0.25)
            words.append(f"{way} keeps more than is needed")
        else:
            counted.append(1.0)
    beyond_luck = max(0.0, 2.0 * float(np.mean(counted)) - 1.0)
    return summed([*rows, (8.0 * beyond_luck, "way: " + ("; ".join(sorted(set(words))) or "right"))])


@lru_cache(maxsize=64)
def known(c0, y):
    return truth.least(c0, np.array(y))[1]


def judge_fit(answer, given):
    """15 points for χ², 9 for the cost, which count as far as χ² does.

    By the logarithm of what it is above the least one: half of them are left at INSIDE, none at 30.
    """
    got, why = array(answer, "theta", (len(given), 4))
    calls, _ = array(answer, "calls", (len(given),))
    hit, above = [], []
    for theta, (c0, y) in zip(got, given, strict=True):
        best = known(c0, tuple(y))
        try:
            sane = (theta > 1e-3).all() and (theta < 1e3).all()
            r = truth.residuals(theta, c0, y)[0] if sane else np.array([np.inf])
        except nodekit.SolveError:
            r = np.array([np.inf])
        above.append(float(r @ r) - best)
        hit.append(worth(above[-1], {NEAR: 1.0, INSIDE: 0.5, 30.0: 0.0}))
    shown = ", ".join(f"{value:.2g}" for value in above)
    rows = [(15.0 * float(np.mean(hit)), why or f"χ² is above the least by {shown}; {NEAR} is allowed")]
    if not any(hit) or not (calls >= 100).all():
        return summed([*rows, (0.0, "cost: f and vjp were hardly called" if any(hit) else "cost: none without a fit")])
    mean = float(calls.mean())
    cost = 9.0 * float(np.mean(hit)) * share(mean, hw2.FULL_COST, hw2.NO_COST)
    return summed([*rows, (cost, f"cost: {mean:.0f} calls a patient, full marks up to {hw2.FULL_COST}")])


judge = by_parts(hw2.inputs, judge_field, judge_steps, judge_samples, judge_trust, judge_fit)
