"""Homework 1, the self-checks: field, jacobian, rest, largest_stable_step, implicit_step, period, setting.

They look at properties of what you wrote, on numbers of their own. What is handed in is looked at on other numbers, and
by another program, so that it helps nobody to satisfy this file alone.
"""

from dataclasses import replace

import hw1
import numpy as np
from handin import SelfCheck

import nodekit
from nodekit.classroom.checks import as_array, same_values, slope
from nodekit.classroom.watch import Wrong

EXAMPLE = hw1.Neuron(epsilon=0.1, a=0.7, b=0.8, current=0.5)  # FitzHugh's a and b


def field(x, cell):
    """The signature that the check expects."""


def check_field(field):
    expected = {
        (0.5, -0.4): (13.583333333333334, 1.52),
        (-1.8, 0.9): (-2.56, -1.82),
        (2.0, 1.5): (-16.666666666666668, 1.5),
    }
    for x, right in expected.items():
        v, w = x
        got = as_array(field(np.array(x), EXAMPLE), "the slope")
        mistakes = {
            "ε v' is v - v³/3 - w + I. It is v' that is wanted: divide by ε.": np.array(right) * (EXAMPLE.epsilon, 1),
            "You multiply by ε. v' is (v - v³/3 - w + I) / ε.": np.array(right) * (EXAMPLE.epsilon**2, 1),
            "The current I is missing.": np.array(right) - (EXAMPLE.current / EXAMPLE.epsilon, 0),
            "v' is right. Mind the signs of w' = v + a - b w.": np.array((right[0], v + EXAMPLE.a + EXAMPLE.b * w)),
            "v' is right. w' is v + a - b w, not divided by ε.": np.array(right) / (1, EXAMPLE.epsilon),
            "The two are in the other order: (v', w').": np.array(right[::-1]),
        }
        same_values(got, np.array(right), 1e-9, f"the slope at v, w = {x}", mistakes)
    return "The slopes of the example cell are right."


field = SelfCheck(
    field,
    check_field,
    hints=(
        "x is the array (v, w): v, w = x. The cell's numbers are cell.epsilon, cell.a, cell.b, cell.current.",
        "Divide the first equation by ε. The second has no ε.",
        "np.array([(...) / cell.epsilon, ...])",
    ),
)


def jacobian(x, cell):
    """The signature that the check expects."""


def check_jacobian(jacobian):
    at = np.array([0.5, -0.4])
    right = np.array([[7.5, -10.0], [1.0, -0.8]])
    mistakes = {
        "Transposed: row 0 holds the derivatives of v', by v and by w.": right.T,
        "Row 0 is not divided by ε.": right * ((EXAMPLE.epsilon,), (1.0,)),
        "The derivative of -v³/3 is -v².": right * ((0.0, 1.0), (1.0, 1.0)) + ((10 * (1 - 0.25 / 3), 0.0), (0.0, 0.0)),
    }
    same_values(jacobian(at, EXAMPLE), right, 1e-9, f"the Jacobian at {at}", mistakes)
    for v, slope_there in ((-1.8, -22.4), (0.0, 10.0), (2.0, -30.0)):
        J = as_array(jacobian(np.array([v, 0.3]), EXAMPLE), "the Jacobian")
        same_values(J[0, 0], np.float64(slope_there), 1e-9, f"∂v'/∂v at v = {v}")
    return "The Jacobian of the example cell is right. Compare it with differences of your own field as well."


jacobian = SelfCheck(
    jacobian,
    check_jacobian,
    hints=(
        "Row i holds the derivatives of component i, by v and by w. Two of the four entries are constants.",
        "On paper: ∂v'/∂v, ∂v'/∂w in row 0, ∂w'/∂v, ∂w'/∂w in row 1.",
        "np.array([[(1 - ...) / cell.epsilon, ...], [1.0, ...]])",
    ),
)


def rest(cell):
    """The signature that the check expects."""


def check_rest(rest):
    for v, w in ((-1.2, -0.625), (0.1, 1.0), (-2.0, -1.625), (1.7, 3.0)):
        got = as_array(rest(EXAMPLE.resting_at(v)), "the state of rest")
        if got.dtype.kind == "c":
            raise Wrong(
                "The state of rest is complex. np.roots gives complex numbers: take the real root, and its .real."
            )
        mistakes = {
            "This is (w, v): the order is (v, w).": np.array((w, v)),
            "Only v is right.": np.array((v, got[-1])),
        }
        same_values(got, np.array((v, w)), 1e-8, "the state of rest", mistakes if got.shape == (2,) else None)
    return "The state of rest of four cells is right."


rest = SelfCheck(
    rest,
    check_rest,
    hints=(
        "Both slopes are 0. The second equation gives w from v, and the first is then an equation for v alone.",
        "A cubic in v: np.roots takes its coefficients, highest power first. Only one root is real, since b < 1.",
        "Which one? The root with the smallest |imaginary part|: roots[np.abs(roots.imag).argmin()].real",
    ),
)


def largest_stable_step(jacobian, method):
    """The signature that the check expects."""


def growth(J, method, h):
    """By how much one step of size h lengthens what it lengthens most in the long run, on x' = J x. Returns float."""
    columns = [nodekit.solve(lambda t, x: J @ x, e, (0.0, h), method=method, step=h).y[-1] for e in np.eye(len(J))]
    return float(np.abs(np.linalg.eigvals(np.transpose(columns))).max())


def check_largest_stable_step(largest_stable_step):
    for seed, method in ((1, "euler"), (2, "euler"), (1, "dopri5"), (2, "dopri5")):
        for turning in (False, True):
            J = hw1.stable_matrix(np.random.default_rng(seed), turning)
            h = as_array(largest_stable_step(J, method), "the step")
            if h.shape != () or h.dtype.kind == "c" or not 0 < h < np.inf:
                raise Wrong(f"The largest step is one positive number; yours is {h!r}.")
            h, what = float(h), f"With {method}, on a matrix with {'complex' if turning else 'real'} eigenvalues,"
            for share in (0.2, 0.5, 0.8, 0.999):
                if growth(J, method, share * h) > 1 + 1e-9:
                    raise Wrong(f"{what} a step of {share * h:.4g} already grows, and you allow up to {h:.4g}.")
            if growth(J, method, 1.001 * h) <= 1:
                raise Wrong(f"{what} a step of {1.001 * h:.4g} is stable too, and you allow only {h:.4g}.")
    return "Below your largest step nothing grows, and just above it something does, for both methods."


largest_stable_step = SelfCheck(
    largest_stable_step,
    check_largest_stable_step,
    hints=(
        "x' = J x falls apart into x' = λ x, one for each eigenvalue. A step multiplies by R(hλ); λ may be complex.",
        "nodekit.stability.stability_function(method, h * eigenvalues). Walk up in h until some |R| > 1, then bisect.",
        "Start at 0.01 / max|λ|, walk by as much, and bisect 60 times between the last stable h and the next one.",
    ),
)


def implicit_step(f, jac, t, x, h):
    """The signature that the check expects."""


def measured_order(step):
    """The slope of log error against log h at t = 1, the error being the root mean square over 8 smooth fields."""
    errors = []
    for seed in range(8):
        f, jac, x0 = hw1.smooth(seed)
        truth = nodekit.solve(f, x0, (0.0, 1.0), method="dopri8", rtol=1e-12, atol=1e-12).y[-1]
        errors.append([as_array(hw1.march(step, f, jac, x0, 1.0, n), "x") - truth for n in hw1.COUNTS])
    return slope(1 / np.array(hw1.COUNTS), np.sqrt(np.square(errors).mean(axis=(0, 2))))


def check_implicit_step(implicit_step):
    for rate in (-3.0, -1e4, -1e8):
        got = as_array(implicit_step(*hw1.decay(rate)[:2], 0.0, np.ones(1), 1.0), "the new x")
        if got.shape != (1,) or not np.isfinite(got).all():
            raise Wrong(f"A step on x' = {rate:g} x gives {got}. A finite array of x's shape was expected.")
        if rate < -1000 and abs(got[0]) > 1e-2:
            size = "blows up" if abs(got[0]) > 1.01 else "is still there: stable, but not L-stable"
            raise Wrong(f"After one step of size 1 on x' = {rate:g} x, what started at 1 is {got[0]:.3g}. It {size}.")
    order = measured_order(implicit_step)
    if not order > 1.8:
        why = (
            "An order of 1: are the stages' times right, and their weights?" if order > 0.7 else "It does not converge."
        )
        raise Wrong(f"The measured order on smooth fields is {order:.2f}. {why}")
    if order > 2.4:
        raise Wrong(f"The measured order is {order:.1f}. A method of order 2 was asked for, not another one.")
    f, jac, x0 = hw1.van_der_pol(500.0)
    truth = nodekit.solve(f, x0, (0.0, 0.5), method="radau", rtol=1e-9, atol=1e-11).y[-1]
    off = np.abs(as_array(hw1.march(implicit_step, f, jac, x0, 0.5, 10), "x") - truth)[0]
    if not off < 1e-2:
        raise Wrong(
            f"On the stiff nonlinear field the steps end {off:.2g} from the truth. Does Newton's iteration converge?"
        )
    return f"L-stable, and of order {order:.2f}. On the stiff field 10 steps end {off:.0e} from the truth."


implicit_step = SelfCheck(
    implicit_step,
    check_implicit_step,
    hints=(
        "Lesson 14's backward Euler step solves one equation. Here two such equations follow one another.",
        "A stage of SDIRK2: find k with k = f(t + c h, base + γ h k). As an equation for the state u = base + γ h k it "
        "is u - base - γ h f(t + c h, u) = 0, with the matrix I - γ h J. c is γ for the first stage, 1 for the second.",
        "First stage: base = x. Then k₁ = (u - base)/(γ h). Second stage: base = x + (1 - γ) h k₁. Its u is the new x.",
    ),
)


def period(cell):
    """The signature that the check expects."""


PERIODS = {0.1: 3.352471117, 0.02: 2.442267077, 0.001: 2.023622038}  # of EXAMPLE with other ε, to 1e-9


def check_period(period):
    for epsilon, right in PERIODS.items():
        got = as_array(period(replace(EXAMPLE, epsilon=epsilon)), "the period")
        if got.shape != () or got.dtype.kind == "c":
            raise Wrong(f"The period is one number; yours has shape {got.shape}.")
        ratio = float(got) / right
        if abs(ratio - 0.5) < 0.3 or abs(ratio - 2) < 0.1:
            raise Wrong(
                f"At ε = {epsilon:g} you say {got:.4g}, and it is {right:.4g}. Do you count every crossing of v = 0?"
            )
        if not abs(ratio - 1) < 1e-6:
            why = "The first rounds are not yet on the cycle?" if abs(ratio - 1) > 1e-4 else "Tighter tolerances."
            raise Wrong(f"At ε = {epsilon:g} the relative error is {abs(ratio - 1):.1e}; 1e-6 is wanted. {why}")
    return "Three periods, right to 1e-6."


period = SelfCheck(
    period,
    check_period,
    seconds=30.0,
    hints=(
        "An event is a function g(t, x) whose zeros a solve records: nodekit.event(g, direction=1) for rising ones.",
        "Differences of sol.t_events[0]. The first round starts beside the cycle: leave it out. About 2 units a round.",
        "An implicit method with rtol=1e-9 and atol=1e-11, over 12 units of time; the last difference.",
    ),
)


def setting(mine, f):
    """Try a setting of part 5 on the example cell with ε = 0.001, and print its error and its cost.

    mine: dict. f: your field(x, cell). Returns True if it is exact enough.
    """
    cell = replace(EXAMPLE, epsilon=0.001)
    try:
        times, nfev = hw1.spike_times(lambda t, x: f(x, cell), mine, 11.0)
    except Wrong as wrong:
        print(f"✗ {wrong}")
        return False
    error = np.abs(times - SPIKE_TIMES).max() / PERIODS[0.001]
    exact = bool(error <= hw1.TARGET)
    print(f"{'✓' if exact else '✗'} error {error:.1e} of a period ({hw1.TARGET:g} is allowed), {nfev} evaluations of f")
    return exact


SPIKE_TIMES = np.array([0.406182605, 2.429804642, 4.453426680, 6.477048717, 8.500670755])
