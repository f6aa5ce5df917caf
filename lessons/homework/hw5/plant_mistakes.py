"""Homework 5, what plausible mistakes return, made of what is right. It stays at home; tests hand these in.

MISTAKES[name] = {the self-check's sentence: the mistaken function}. What they return on the example is in example.json,
where the self-check finds it again (`python lessons/homework/hw5/plant_mistakes.py` writes that file).
"""

import json
from pathlib import Path

import numpy as np
import plant_truth as right
from plant_mistakes_more import FORECAST, RESPONSE, ROWS

import nodekit


def of(*values):
    """Tensors as arrays of floats; the rest as it is."""
    return [np.asarray(v, float) if hasattr(v, "detach") else v for v in values]


def slopes_but(extra):
    """field, with extra(t, y, theta, power, plant) (..., 3) added to what is right."""

    def field(t, y, theta, power, plant):
        y, theta = of(y, theta)
        return right.slopes(t, y, theta, power, plant) + extra(t, y, theta, power, plant)

    return field


def on_v(number):
    """(..., 3) with a number added to v' alone."""
    return lambda *given: np.stack([0 * number(*given), number(*given), 0 * number(*given)], -1)


def drag(y, theta, power):
    return theta[2] * y[..., 1] * np.abs(y[..., 1]) ** (power - 1)


def order(indices):
    return lambda t, y, theta, power, plant: right.slopes(t, *of(y, theta), power, plant)[..., indices]


def leaks(t, y, theta, power, plant):
    return np.stack([0 * y[..., 0], 0 * y[..., 0], 2 * theta[1] * y[..., 2]], -1)


FIELD = {
    "The friction drives: its sign is turned. v' has -β v|v|^(power - 1).": slopes_but(
        on_v(lambda t, y, th, power, plant: 2 * drag(y, th, power))
    ),
    "The friction is missing from v'.": slopes_but(on_v(lambda t, y, th, power, plant: drag(y, th, power))),
    "The friction takes `power`: this is β v everywhere, also where the power is 2.": slopes_but(
        on_v(lambda t, y, th, power, plant: drag(y, th, power) - th[2] * y[..., 1])
    ),
    "A square has lost its sign: the friction is β v|v|, and not β v².": slopes_but(
        on_v(lambda t, y, th, power, plant: drag(y, th, power) - th[2] * y[..., 1] ** power)
    ),
    "The air pushes back: v' has -c p.": slopes_but(on_v(lambda t, y, th, power, plant: 2 * th[0] * y[..., 2])),
    "The waves are missing from v': plant.push(t).": slopes_but(
        on_v(lambda t, y, th, power, plant: -plant.push(t) + 0 * y[..., 0])
    ),
    "The waves push at the time t. Yours push as at the time 0.": slopes_but(
        on_v(lambda t, y, th, power, plant: plant.push(0.0) - plant.push(t) + 0 * y[..., 0])
    ),
    "The water's stiffness is missing, or has the wrong sign: v' has -k x.": slopes_but(
        on_v(lambda t, y, th, power, plant: 2 * plant.k * y[..., 0])
    ),
    "The pressure leaks away: p' has -r p.": slopes_but(leaks),
    "c and r are exchanged. theta is (c, r, β).": lambda t, y, theta, power, plant: right.slopes(
        t, *of(y, theta[[1, 0, 2]]), power, plant
    ),
    "The slopes are in another order: (x', v', p').": order([0, 2, 1]),
    "The axes are exchanged: the three slopes stand along the last one.": lambda *given: order([0, 1, 2])(*given).T,
}


def path(theta, y0, times, power, plant):
    theta, y0, times = of(theta, y0, times)
    return right.sensitivities(theta, y0, times, power, plant)[0]


def still(theta, y0, times, power, plant):
    """As if all began at the first output time."""
    theta, y0, times = of(theta, y0, times)
    f = lambda t, y: right.slopes(t, y, theta, power, plant)  # noqa: E731
    return nodekit.solve(f, y0, times, **right.TIGHT).y


def loosely(theta, y0, times, power, plant):
    theta, y0, times = of(theta, y0, times)
    f = lambda t, y: right.slopes(t, y, theta, power, plant)  # noqa: E731
    return nodekit.solve(f, y0, [0.0, *times], rtol=1e-3, atol=1e-4).y[1:]


STATES = {
    "The start belongs to the time 0, and not to times[0]: solve from 0.": still,
    "The friction's power is ignored along the path.": lambda theta, y0, times, power, plant: path(
        theta, y0, times, 1, plant
    ),
    "The start is among the states: give those at `times` alone.": lambda theta, y0, times, *rest: np.concatenate(
        [of(y0)[0][None], path(theta, y0, times, *rest)]
    ),
    "The axes are exchanged: time comes first.": lambda *given: path(*given).T,
    "The solution is not followed closely enough: tighter tolerances, rtol and atol.": loosely,
}


def sums(weight):
    """misfit with a weight (m, 3) for each square."""

    def misfit(q, record):
        p, by_q = right.sensitivities(q[:3], q[3:], record.t, record.power, record.plant)
        seen, w = ~np.isnan(record.y), weight(record) + 0 * p
        left = np.where(seen, p - np.nan_to_num(record.y), 0)
        return np.sum(w * left**2) / 2, np.einsum("ni,ni,nij->j", w, left, by_q)

    return misfit


def nan_as_zero(q, record):
    p, by_q = right.sensitivities(q[:3], q[3:], record.t, record.power, record.plant)
    left = (p - np.nan_to_num(record.y)) / record.sigma
    return np.sum(left**2) / 2, np.einsum("ni,nij->j", left, by_q / record.sigma[:, None])


def whole(record):
    return (~np.isnan(record.y).any(axis=1))[:, None] / record.sigma**2


def times(a, b):
    return lambda q, record: tuple(w * part for w, part in zip((a, b), right.misfit(q, record), strict=True))


MISFIT = {
    "This is χ². Half of it is wanted, and its gradient.": times(2, 2),
    "The gradient has its sign turned.": times(1, -1),
    "The value is right, the gradient is that of χ², twice as large.": times(1, 2),
    "A sum over all numbers is wanted, and not the mean.": lambda q, record: tuple(
        part / np.sum(~np.isnan(record.y)) for part in right.misfit(q, record)
    ),
    "The errors are not divided by their σ: each sensor has its own.": sums(lambda record: 1.0),
    "(error / σ)² has σ², and yours has σ.": sums(lambda record: 1 / record.sigma),
    "A missing number counts as 0. It has no term in the sum.": nan_as_zero,
    "Where one number is missing, the others of that moment count all the same.": sums(whole),
    "The gradient by the start is missing: q has six numbers, the last three are the start.": lambda q, record: (
        right.misfit(q, record)[0],
        right.misfit(q, record)[1] * (1, 1, 1, 0, 0, 0),
    ),
}


def errors_by(change):
    def fit(record):
        q, _, chi2 = right.fit(record)
        return q, change(right.residuals(q, record)[1], chi2, record)

    return fit


def spread(H):
    return np.sqrt(np.diag(np.linalg.inv(H)))


def fixed_start(record):
    """Only c, r and β are fitted; the start is the first number of each sensor."""
    q = right.first_guess(record)
    for _ in range(25):
        r, A = right.residuals(q, record)
        q = q - np.append(np.clip(np.linalg.lstsq(A[:, :3], r, rcond=None)[0], -0.3, 0.3), np.zeros(3))
    return q, right.fit(record)[1]


FIT = {
    "These are variances. The errors are their square roots.": errors_by(lambda A, *_: spread(A.T @ A) ** 2),
    "These are the errors that each number would have if the other five were known. Invert the whole matrix.": (
        errors_by(lambda A, *_: 1 / np.sqrt(np.diag(A.T @ A)))
    ),
    "The errors are scaled by what the fit leaves. Take σ as stated, also where the model is wrong.": (
        errors_by(lambda A, chi2, _: spread(A.T @ A) * np.sqrt(chi2 / (len(A) - 6)))
    ),
    "√2 too large: AᵀA belongs to ½ χ², and the covariance is its inverse.": errors_by(
        lambda A, *_: spread(A.T @ A) * 2**0.5
    ),
    "This is the guess that a fit begins with.": lambda record: (right.first_guess(record), right.fit(record)[1]),
    "The start is fitted, too: you keep the first number of each sensor, with its noise.": fixed_start,
}


MISTAKES = {
    "field": FIELD, "states": STATES, "misfit": MISFIT, "fit": FIT, "term_rows": ROWS, "response": RESPONSE,
    "forecast": FORECAST,
}  # fmt: skip
RIGHT = {
    "field": order([0, 1, 2]), "states": path, "misfit": right.misfit, "fit": lambda record: right.fit(record)[:2],
    "term_rows": right.term_rows, "response": right.response, "forecast": right.forecast,
}  # fmt: skip


def example():
    """{name: {"right": [...], "mistakes": {words: [...]}}}: what comes out on the example, as lists."""
    import hw5_examples

    found = {}
    for name, mistakes in MISTAKES.items():
        rows = hw5_examples.arguments(name)
        made = lambda f, rows=rows: [listed(f(*row)) for row in rows]  # noqa: E731
        found[name] = {"right": made(RIGHT[name]), "mistakes": {words: made(f) for words, f in mistakes.items()}}
    return found


def listed(value):
    """Arrays as lists, tuples too; eight digits."""
    if isinstance(value, tuple):
        return [listed(v) for v in value]
    return json.loads(json.dumps(np.asarray(value).tolist()), parse_float=lambda s: float(f"{float(s):.9g}"))


if __name__ == "__main__":
    text = json.dumps(example(), ensure_ascii=False).replace('"mistakes"', '\n"mistakes"') + "\n"
    Path(__file__).with_name("example.json").write_text(text, encoding="utf-8")
