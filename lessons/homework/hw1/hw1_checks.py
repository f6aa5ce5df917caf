"""Homework 1, the self-checks: field, jacobian, rest, largest_stable_step, implicit_step, period, setting.

They look at properties of what you wrote, on numbers of their own. What is handed in is looked at on other numbers, and
by another program, so that it helps nobody to satisfy this file alone.
"""

from dataclasses import replace

import hw1
import numpy as np
from handin import SelfCheck

import nodekit
from nodekit.classroom.checks import Result, as_array, same_values
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
            "The current I has the wrong sign.": np.array(right) - (2 * EXAMPLE.current / EXAMPLE.epsilon, 0),
            "In v' the recovery w has a minus.": np.array(right) - (-2 * w / EXAMPLE.epsilon, 0),
            "The cubic term is v³/3: the third is missing.": np.array(right) - (2 * v**3 / 3 / EXAMPLE.epsilon, 0),
            "v' is right. Mind the signs of w' = v + a - b w.": np.array((right[0], v + EXAMPLE.a + EXAMPLE.b * w)),
            "v' is right. In w' = v + a - b w the a has a plus.": np.array((right[0], v - EXAMPLE.a - EXAMPLE.b * w)),
            "v' is right. w' is v + a - b w, not divided by ε.": np.array(right) / (1, EXAMPLE.epsilon),
            "v' is right. w' is v + a - b w, without ε.": np.array(right) * (1, EXAMPLE.epsilon),
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
        "Only row 0 is divided by ε.": right / ((1.0,), (EXAMPLE.epsilon,)),
        "∂v'/∂w: w has a minus in v'.": right * ((1.0, -1.0), (1.0, 1.0)),
        "∂w'/∂w: b w has a minus in w'.": right * ((1.0, 1.0), (1.0, -1.0)),
        "The derivative of -v³/3 is -v².": right * ((0.0, 1.0), (1.0, 1.0)) + ((10 * (1 - 0.25 / 3), 0.0), (0.0, 0.0)),
        "The derivative of v³/3 is v², not 3 v².": right * ((0.0, 1.0), (1.0, 1.0)) + ((2.5, 0.0), (0.0, 0.0)),
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


def real_root(*coefficients):
    """The real root of a cubic that has one only."""
    roots = np.roots(coefficients)
    return roots[np.abs(roots.imag).argmin()].real


def check_rest(rest):
    for v, w in ((-1.2, -0.625), (0.1, 1.0), (-2.0, -1.625), (1.7, 3.0)):
        got = as_array(rest(EXAMPLE.resting_at(v)), "the state of rest")
        if got.dtype.kind == "c":
            raise Wrong(
                "The state of rest is complex. np.roots gives complex numbers: take the real root, and its .real."
            )
        if got.shape != (2,):
            raise Wrong(f"The state of rest is the array (v, w), of shape (2,); yours has shape {got.shape}.")
        cell = EXAMPLE.resting_at(v)
        without = real_root(-1 / 3, 0.0, 1 - 1 / cell.b, -cell.a / cell.b)
        mistakes = {
            "This is (w, v): the order is (v, w).": np.array((w, v)),
            "The current I is missing.": np.array((without, (without + cell.a) / cell.b)),
            "Only v is right.": np.array((v, got[1])),
        }
        off = np.abs(got - (v, w)).max()
        if 1e-8 < off < 1e-4:
            raise Wrong(f"Nearly: the state of rest is off by {off:.0e}, and 1e-8 is wanted.")
        same_values(got, np.array((v, w)), 1e-8, "the state of rest", mistakes)
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
            far = (
                "A limit on the negative axis does not hold beside it."
                if turning
                else "Is it this method's limit, and for the fastest λ?"
            )
            why = (far, "The relative error may be 1e-6.")
            for share in (0.2, 0.5, 0.8, 0.999, 1 - 2e-6):
                near = share > 0.999
                if growth(J, method, share * h) > 1 + 1e-9:
                    raise Wrong(
                        f"{what} a step of {share * h:.8g} already grows, and you allow up to {h:.8g}. {why[near]}"
                    )
            for share in (1.001, 1 + 2e-6):
                near = share < 1.001
                if growth(J, method, share * h) <= 1:
                    raise Wrong(
                        f"{what} a step of {share * h:.8g} is stable too, and you allow only {h:.8g}. {why[near]}"
                    )
    return "Below your largest step nothing grows, and just above it something does, for both methods."


largest_stable_step = SelfCheck(
    largest_stable_step,
    check_largest_stable_step,
    hints=(
        "x' = J x falls apart into x' = λ x, one for each eigenvalue. A step multiplies by R(hλ); λ may be complex.",
        "analysis.stability.stability_function(method, h * eigenvalues). Walk up in h until some |R| > 1, then bisect.",
        "Start at 0.01 / max|λ|, walk by as much, and bisect 60 times between the last stable h and the next one.",
    ),
)


def implicit_step(f, jac, t, x, h):
    """The signature that the check expects."""


def check_implicit_step(implicit_step):
    for rate in (-3.0, -1e4, -1e8):
        got = as_array(implicit_step(*hw1.decay(rate)[:2], 0.0, np.ones(1), 1.0), "the new x")
        if got.shape != (1,) or not np.isfinite(got).all():
            raise Wrong(f"A step on x' = {rate:g} x gives {got}. A finite array of x's shape was expected.")
        if rate < -1000 and abs(got[0]) > max(1e-4, 20 / abs(rate)):
            size = "blows up" if abs(got[0]) > 1.01 else "is still there: stable, but not L-stable"
            raise Wrong(f"After one step of size 1 on x' = {rate:g} x, what started at 1 is {got[0]:.3g}. It {size}.")
    runs = [[hw1.march(implicit_step, *hw1.smooth(seed), 1.0, n) for n in hw1.COUNTS] for seed in range(8)]
    order, smallest = hw1.measured_order(np.array([[as_array(x, "x") for x in run] for run in runs]), range(8))
    if smallest < 1e-9:
        raise Wrong(f"The error on smooth fields is {smallest:.0e}: this is a whole solve. One step was asked for.")
    if not order > 1.8:
        why = "It does not converge."
        if order > 0.7:
            why = "An order of 1: are γ, the stages' times and their weights right?"
        raise Wrong(f"The measured order on smooth fields is {order:.2f}. {why}")
    if order > 2.4:
        raise Wrong(f"The measured order is {order:.1f}. A method of order 2 was asked for, not another one.")
    off = []
    for mu in (300.0, 1000.0):
        f, jac, x0 = hw1.van_der_pol(mu)
        truth = nodekit.solve(f, x0, (0.0, 0.5), method="radau", rtol=1e-9, atol=1e-11, jac=jac).y[-1]
        off.append(np.abs(as_array(hw1.march(implicit_step, f, jac, x0, 0.5, 10), "x") - truth).max())
        if not off[-1] < 1e-3:
            raise Wrong(
                f"On the stiff nonlinear field 10 steps end {off[-1]:.1e} from the truth; 1e-3 is allowed. Does "
                "Newton's iteration go on until it has converged? Is the method as accurate as SDIRK2?"
            )
    return f"L-stable, and of order {order:.2f}. On the stiff field 10 steps end {max(off):.0e} from the truth."


implicit_step = SelfCheck(
    implicit_step,
    check_implicit_step,
    seconds=30.0,
    hints=(
        "Lesson 14's backward Euler step solves one equation. Here two such equations follow one another.",
        "A stage of SDIRK2: find k with k = f(t + c h, base + γ h k). As an equation for the state u = base + γ h k it "
        "is u - base - γ h f(t + c h, u) = 0, with the matrix I - γ h J. c is γ for the first stage, 1 for the second.",
        "First stage: base = x. Then k₁ = (u - base)/(γ h). Second stage: base = x + (1 - γ) h k₁. Its u is the new x.",
    ),
)


def period(cell):
    """The signature that the check expects."""


PERIODS = {  # to 1e-9
    EXAMPLE: 3.352471117,
    replace(EXAMPLE, epsilon=0.001): 2.023622038,
    hw1.Neuron(0.0008, 0.6, 0.65, 0.65): 1.841924018,  # of all cells one with the most steps to a unit of time
}


def check_period(period):
    for cell, right in PERIODS.items():
        got, epsilon = as_array(period(cell), "the period"), cell.epsilon
        if got.shape != () or got.dtype.kind == "c":
            raise Wrong(f"The period is one number; yours has shape {got.shape}.")
        ratio = float(got) / right
        if not abs(ratio - 1) < 0.1:
            why = "Is it the time between two upstrokes, and not the time of one?"
            if 0.2 < ratio < 0.8:
                why = "Do you count every crossing of v = 0? Or is it the time of an upstroke, not between two?"
            elif abs(ratio - round(ratio)) < 0.01 and 2 <= ratio < 9:
                why = f"These are {round(ratio)} rounds."
            elif abs(ratio - 10) < 0.01:
                why = "In the model's units of time, not in ms."
            raise Wrong(f"At ε = {epsilon:g} you say {got:.4g}, and it is {right:.4g}. {why}")
        if not abs(ratio - 1) < 1e-6:
            why = "Tighter tolerances?" if abs(ratio - 1) < 1e-4 else "Is it a round on the cycle, or the first one?"
            raise Wrong(f"At ε = {epsilon:g} the relative error is {abs(ratio - 1):.1e}; 1e-6 is wanted. {why}")
    return "Three periods, right to 1e-6."


period = SelfCheck(
    period,
    check_period,
    seconds=60.0,
    hints=(
        "An event is a function g(t, x) whose zeros a solve records: nodekit.event(g, direction=1) for rising ones.",
        "Differences of sol.t_events[0]. The first round starts beside the cycle: leave it out. About 2 units a round.",
        "An implicit method with rtol=1e-8 and atol=1e-10, over 10 units of time; the last difference. More of either "
        "comes near max_steps on some cells.",
    ),
)


TRIED = {  # cells that fire, and the times of their first five upstrokes to 1e-9
    hw1.Neuron(0.001, 0.7, 0.8, 0.5): (0.406182605, 2.429804642, 4.453426680, 6.477048717, 8.500670755),
    hw1.Neuron(0.001141, 0.79, 0.543, 1.669): (0.001159494, 2.171447890, 3.971300708, 5.771153531, 7.571006353),
    hw1.Neuron(0.001234, 0.779, 0.733, 0.855): (0.004764175, 1.953772552, 3.838123975, 5.722475398, 7.606826820),
    hw1.Neuron(0.001552, 0.642, 0.749, 0.616): (0.148507480, 2.065847844, 3.983188204, 5.900528565, 7.817868925),
}
DEFAULT_COST, FULL_COST = 104_200, 15_000  # evaluations on these four: nodekit's default; about what has all points


def setting(mine, f):
    """Try a setting of part 5 on four cells; print the largest error and the cost.

    mine: dict. f: your field(x, cell). Returns a result, true if it is exact enough.
    """
    if mine is ...:
        return Result(False, "Not attempted yet.", attempted=False).shown()
    error, cost = 0.0, 0
    try:
        for cell, right in TRIED.items():
            round_ = right[-1] - right[-2]
            times, nfev = hw1.spike_times(lambda t, x, cell=cell: f(x, cell), mine, right[-1] + 0.3 * round_)
            error, cost = max(error, np.abs(times - right).max() / round_), cost + nfev
    except Wrong as wrong:
        return Result(False, str(wrong)).shown()
    words = f"error {error:.1e} of a period ({hw1.TARGET:g} is allowed), {cost} evaluations of f on four cells"
    if error > hw1.TARGET:
        return Result(False, words).shown()
    words += f"\n  (nodekit's default takes {DEFAULT_COST}; all points are for about {FULL_COST} or fewer)"
    if error > hw1.TARGET / 3:
        words += "\n  The error is near to what is allowed: on other cells it may be three times as large."
    return Result(True, words).shown()
