"""Homework 1, the self-checks of parts 3 to 5: implicit_step, period, setting."""

from dataclasses import replace

import hw1
import numpy as np
from handin import SelfCheck

from nodekit.classroom.checks import Result, as_array
from nodekit.classroom.watch import Wrong

EXAMPLE = hw1.Neuron(epsilon=0.1, a=0.7, b=0.8, current=0.5)  # FitzHugh's a and b


STIFF = 2.5e-4  # what the self-check allows on the stiff field, a fifth of what the judge does


def implicit_step(f, jac, t, x, h):
    """The signature that the check expects."""


def check_implicit_step(implicit_step):
    for rate in (-3.0, -1e4, -1e8):
        got = as_array(implicit_step(*hw1.decay(rate)[:2], 0.0, np.ones(1), 1.0), "the new x")
        if got.shape != (1,) or not np.isfinite(got).all():
            raise Wrong(f"A step on x' = {rate:g} x gives {got}. A finite array of x's shape was expected.")
        if rate < -1000 and abs(got[0]) > max(2e-5, 6 / abs(rate)):
            size = "blows up" if abs(got[0]) > 1.01 else "is still there: stable, but not L-stable"
            raise Wrong(f"After one step of size 1 on x' = {rate:g} x, what started at 1 is {got[0]:.3g}. It {size}.")
    runs = [[hw1.march(implicit_step, *hw1.smooth(seed), 1.0, n) for n in hw1.COUNTS] for seed in range(8)]
    order, smallest = hw1.measured_order(np.array([[as_array(x, "x") for x in run] for run in runs]), range(8))
    if smallest < 5e-9:
        raise Wrong(f"The error on smooth fields is {smallest:.0e}: this is a whole solve. One step was asked for.")
    if not order > 1.86:
        why = "It does not converge."
        if order > 0.7:
            why = "An order of 1: are γ, the stages' times and their weights right?"
        raise Wrong(f"The measured order on smooth fields is {order:.2f}. {why}")
    if order > 2.34:
        raise Wrong(f"The measured order is {order:.1f}. A method of order 2 was asked for, not another one.")
    off = []
    for mu in (300.0, 1000.0):
        f, jac, x0 = hw1.van_der_pol(mu)
        truth = hw1.stiff_end(mu)
        off.append(np.abs(as_array(hw1.march(implicit_step, f, jac, x0, 0.5, 10), "x") - truth).max())
        if not off[-1] < STIFF:
            finer = np.abs(as_array(hw1.march(implicit_step, f, jac, x0, 0.5, 40), "x") - truth).max()
            why = "Does Newton's iteration go on until it has converged? Is the method as accurate as SDIRK2?"
            if 0 < finer < off[-1] / 10:
                why = (
                    f"With 40 steps it is {finer:.0e}: of order 2 here too, but for its constant. SDIRK2 with "
                    "γ = 1 - 1/√2 and TR-BDF2 end within 2e-4, the other root, γ = 1 + 1/√2, does not; nor does a "
                    "single Newton iteration (or a Rosenbrock method) in place of one that goes on until it stands."
                )
            raise Wrong(
                f"On the stiff nonlinear field 10 steps end {off[-1]:.1e} from the truth; 1e-3 is allowed, and "
                f"{STIFF:g} here, since other fields may be harder. {why}"
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
        if not abs(ratio - 1) < 2e-7:
            why = "Tighter tolerances?" if abs(ratio - 1) < 1e-4 else "Is it a round on the cycle, or the first one?"
            raise Wrong(
                f"At ε = {epsilon:g} the relative error is {abs(ratio - 1):.1e}; 1e-6 is wanted, and 2e-7 here, since "
                f"other cells may be harder. {why}"
            )
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
NEAR = 0.3 * hw1.TARGET  # the error that the self-check allows, a fifth of what the judge does: bdf at 1e-5 has 0.24
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
    words += f"\n  (nodekit's default takes {DEFAULT_COST}; all points are for about {FULL_COST} or fewer)"
    if NEAR < error < hw1.TARGET:
        words += "\n  The error is near to what is allowed: on other cells it may be several times as large. "
        words += f"{NEAR:g} is wanted here."
    return Result(bool(error <= NEAR), words).shown()
