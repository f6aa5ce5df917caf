"""Homework 1, the instructor's half: what is right, for any variant, and how many points an answer is worth.

It is never released, and runs in a process of its own that sees of a submission nothing but data. `judge` is what
grading.py asks; LIMITS bounds a submission's run; `files` is what a release holds besides notebook and modules.
"""

from functools import lru_cache

import hw1
import numpy as np
from judging import array, by_parts, compared, flat, share, summed
from scipy.integrate import solve_ivp

import nodekit
from nodekit.analysis.stability import stability_function
from nodekit.classroom.watch import Wrong

LIMITS = {"memory_gb": 1.5, "cell_seconds": 60, "notebook_seconds": 300}
REFERENCE = {"method": "bdf", "rtol": 1e-5, "atol": 1e-7}  # part 5: full marks up to 1.1 times what it costs
DEFAULT = {}  # part 5: none for the cost of nodekit's default, dopri5 at 1e-6
BY_HAND = {"implicit_step": ("nodekit", "scipy")}  # and what it must not use
# What is beyond a stated bound by so much still has all points. The self-checks want a fifth of that: 0.25 of the
# stated bound at the stiff end, 0.3 in the setting.
SLACK, SETTING_SLACK = 1.25, 1.5


# ---- what is right -------------------------------------------------------------------------------------


def field(x, cell):
    v, w = x
    return np.array([(v - v * v * v / 3 - w + cell.current) / cell.epsilon, v + cell.a - cell.b * w])


def jacobian(x, cell):
    return np.array([[(1 - x[0] ** 2) / cell.epsilon, -1 / cell.epsilon], [1.0, -cell.b]])


def rest(cell):
    roots = np.roots([-1 / 3, 0.0, 1 - 1 / cell.b, cell.current - cell.a / cell.b])
    v = roots[np.abs(roots.imag).argmin()].real
    return np.array([v, (v + cell.a) / cell.b])


def largest_stable_step(J, method):
    """The h up to which |R(hλ)| <= 1 for both eigenvalues, to rounding."""
    eigenvalues = np.linalg.eigvals(J)
    h = np.arange(1, 2001) * 0.005 / np.abs(eigenvalues).max()

    def stable(h):  # of any shape
        return np.abs(stability_function(method, np.multiply.outer(h, eigenvalues))).max(-1) <= 1

    first = np.flatnonzero(~stable(h))[0]
    low, high = h[first - 1], h[first]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


@lru_cache
def upstrokes(cell):
    """The times of the first five zeros at which v rises, to some 1e-9 of a period (measured against radau at 1e-9).

    By SciPy's LSODA, which is no solver of nodekit's, and takes a third of radau's time.
    """

    def rising(t, x):
        return x[0]

    rising.direction = 1
    options = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-12, "jac": lambda t, x: jacobian(x, cell)}
    sol = solve_ivp(lambda t, x: field(x, cell), (0.0, 10.5), hw1.START, events=rising, **options)
    return sol.t_events[0][: hw1.SPIKES]


def period(cell):
    return float(np.diff(upstrokes(cell))[-1])


def files(variant):
    """{name: text} to release beside the notebook: a recording of the variant's cell, as an electrode gives it.

    Time in ms (10 to the model's unit), voltage in mV (25 to the model's, from -20), with 1.5 mV of noise.
    """
    cell, random = hw1.drawn(variant)[0], hw1.rng(variant, 9, 0)
    t = np.arange(0.0, 8.0, 0.02)
    sol = nodekit.solve(lambda t, x: field(x, cell), np.array(hw1.START), t, "bdf", rtol=1e-6, atol=1e-8)
    voltage = -20 + 25 * sol.y[:, 0] + random.normal(0.0, 1.5, len(t))
    rows = (f"{10 * t_i:.1f},{v_i:.2f}" for t_i, v_i in zip(t, voltage, strict=True))
    return {"recording.csv": "\n".join(["t_ms,v_mV", *rows, ""])}


# ---- what an answer is worth ---------------------------------------------------------------------------


def judge_field(answer, given):
    slopes, matrices = [field(x, cell) for x, cell in given], [jacobian(x, cell) for x, cell in given]
    return summed([compared(answer, "field", slopes, {1e-9: 6}), compared(answer, "jacobian", matrices, {1e-9: 6})])


def judge_steps(answer, given):
    cells, matrices = given
    rows = [compared(answer, "rest", [rest(cell) for cell in cells], {1e-8: 6, 1e-3: 3})]
    for method in ("euler", "dopri5"):
        right = [largest_stable_step(J, method) for J in matrices]
        rows.append(compared(answer, method, right, {1e-6: 6, 1e-2: 3}))
    return summed(rows)


def judge_implicit(answer, given):
    """8 points for the order, 8 for R at infinity, 8 for a stiff nonlinear field.

    What does not converge at all has nothing for R: a step that returns 0 is no method. On 24 draws of the fields the
    error with 128 steps was at most 0.016 for backward Euler, and at least 0.55 for zeros and for a step that stays.
    Points fall from the orders 1.8 and 2.4 outward, and from the stated error of 1e-3 on.
    """
    seeds, rates, stiff = given
    got, why = array({"order": flat(answer.get("order"))}, "order", (len(seeds) * len(hw1.COUNTS), 2))
    order, last = hw1.measured_order(got.reshape(len(seeds), -1, 2), seeds)
    like_two = np.interp(order, [1.5, 1.8, 2.4, 2.7], [0, 1, 1, 0]) if order == order and last > 1e-9 else 0.0
    rows = [(8.0 * float(like_two), why or f"order {order:.2f}")]
    got, why = array(answer, "decay", (len(rates), 1))
    dies = [abs(r[0]) <= max(1e-4, 30 / abs(rate)) for r, rate in zip(got, rates, strict=True)]
    near = last < 0.1  # False for nan
    why = why or ("" if near else "R does not count, since the steps do not converge on the smooth fields")
    rows.append((8.0 * np.mean(dies) * near, why or f"|R| at {rates[-1]:.0e} is {abs(got[-1, 0]):.1e}"))
    got, why = array(answer, "stiff", (len(stiff), 2))
    off = []
    for mu, end in zip(stiff, got, strict=True):
        off.append(np.abs(end - hw1.stiff_end(mu)).max())
    near = [share(error, SLACK * 1e-3, 1e-2) if error == error else 0.0 for error in off]
    rows.append((8.0 * float(np.mean(near)), why or f"error on the stiff field {max(off):.1e}"))
    return summed(rows)


def judge_period(answer, given):
    return compared(answer, "period", [period(cell) for cell in given], {1e-6: 16, 1e-4: 8})


def judge_setting(answer, given):
    """6 points and 14 that fall with the logarithm of the cost, from the reference's to the default's; all of them fall
    with the logarithm of the error, from what is asked for to ten times as much.
    """
    if isinstance(answer.get("setting"), dict) and "error" in answer["setting"]:
        raise Wrong(f"setting: {str(answer['setting']['error'])[:200]}")
    found = [tried(answer.get("setting"), cell) for cell in given]
    worst, cost = max(error for error, _ in found), sum(nfev for _, nfev in found)
    message = f"error {worst:.1e} of a period, {hw1.TARGET:g} is allowed; {cost} evaluations in all"
    if not worst < 10 * hw1.TARGET:
        return 0.0, message
    full, default = 1.1 * cost_of("reference", tuple(given)), cost_of("default", tuple(given))
    exact = share(worst, SETTING_SLACK * hw1.TARGET, 10 * hw1.TARGET)
    return exact * (6 + 14 * share(cost, full, default)), f"{message}, full marks up to {full:.0f}"


def tried(setting, cell):
    """(error in periods, nfev) of a setting on one cell."""
    truth = upstrokes(cell)
    end = float(truth[-1] + 0.3 * period(cell))
    times, nfev = hw1.spike_times(lambda t, x: field(x, cell), setting, end)
    return np.abs(times - truth).max() / period(cell), nfev


@lru_cache
def cost_of(name, cells):
    """nfev of one of the two settings that points are measured by."""
    setting = {"reference": REFERENCE, "default": DEFAULT}[name]
    return sum(tried(setting, cell)[1] for cell in cells)


judge = by_parts(hw1.inputs, judge_field, judge_steps, judge_implicit, judge_period, judge_setting)
