"""Where a problem is stiff, and how much, seen on the steps of an explicit method (homework 1; built in lesson 15).

Source: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 1996, section IV.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nodekit.analysis.stability import real_limit
from nodekit.methods.explicit import DOPRI5
from nodekit.solve import solve
from nodekit.stepping.limited import CALM_AFTER, LIMITED, STIFF_AFTER, rate_of_step
from nodekit.stepping.step import runge_kutta_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nodekit.hints import Field, State

__all__ = ["Stiffness", "detect_stiffness"]


@dataclass(frozen=True)
class Stiffness:
    """What `detect_stiffness` found.

    stiff : bool
    intervals : list of (t_first, t_last), where stability limited the steps of dopri5.
    seen_to : float, the time up to which it looked.
    t, h_lambda : (n,), every accepted step's start and its |hλ|.
    rate : float, the largest |λ| estimated in the intervals, 0 if there are none.
    gain : float, what accuracy would allow / what stability allows: the longest of 20 steps that radau takes from the
        middle of the first interval, by the median there; 1 if there is none.
    """

    stiff: bool
    intervals: list[tuple[float, float]]
    seen_to: float
    t: "NDArray[Any]"
    h_lambda: "NDArray[Any]"
    rate: float
    gain: float

    def __str__(self) -> str:
        if not self.stiff:
            return f"not stiff up to t = {self.seen_to:.3g}: |hλ| is at most {self.h_lambda.max(initial=0):.2f}"
        return (
            f"stiff from t = {self.intervals[0][0]:.3g}, |λ| up to {self.rate:.2g}, "
            f"accuracy would allow steps {self.gain:.2g} times as long"
        )


def detect_stiffness(
    f: "Field",
    y0: "State",
    t: Sequence[float],
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int = 1000,
    jac: "Field | Literal['autograd'] | None" = None,
) -> Stiffness:
    """Solve with dopri5, up to max_steps attempts, and see whether stability limits its steps.

    In each step |λ| is estimated as ‖k₇ − k₆‖ / ‖Y₇ − Y₆‖ from the last two stages, which lie at the same time t + h
    and so differ in their states alone. A step counts as limited when |hλ| reaches 3/4 of the real limit, 3.31; a
    rejected one too, with the λ of the step before it. 15 of these, not forgotten over 6 others in a row, are stiff.

    f, y0 (any real shape), t = (t0, t1), rtol, atol, jac: as for `nodekit.solve`. It finds stiffness for the tolerance
    that it is given: at a tighter one accuracy may be what limits the steps. A solve that fails is judged as far as
    it came. Returns a `Stiffness`.

    Source: Hairer, Wanner, Solving Ordinary Differential Equations II, 1996, section IV.2, and their code DOPRI5.
    """
    sol = solve(f, y0, (t[0], t[-1]), "dopri5", rtol, atol, max_steps=max_steps, throw=False)
    h, accepted, of_steps, rate = np.abs(sol.steps.h), sol.steps.accepted, [], 0.0
    states = iter(sol.y)
    for time, step, good in zip(sol.steps.t, sol.steps.h, accepted, strict=True):
        if good:
            rate = rate_of_step(np.array(runge_kutta_step(f, time, next(states), step, DOPRI5)[1]), step)
        of_steps.append(rate)
    rates = np.array(of_steps)
    runs = _persistent(h * rates >= LIMITED * real_limit(DOPRI5))
    gain = 1.0
    if runs:
        first, last = runs[0]
        middle = (first + last) // 2
        start, y = sol.steps.t[middle], sol.y[accepted[:middle].sum()]
        size = float(np.median(h[first : last + 1]))
        implicit = solve(f, y, (start, t[-1]), "radau", rtol, atol, first_step=size, max_steps=20, jac=jac, throw=False)
        gain = float(np.abs(implicit.steps.h[implicit.steps.accepted]).max(initial=size) / size)
    return Stiffness(
        stiff=bool(runs),
        intervals=[(float(sol.steps.t[i]), float(sol.steps.t[j])) for i, j in runs],
        seen_to=float(sol.t[-1]),
        t=sol.steps.t[accepted],
        h_lambda=(h * rates)[accepted],
        rate=max((float(rates[i : j + 1].max()) for i, j in runs), default=0.0),
        gain=gain,
    )


def _persistent(limited: "NDArray[Any]") -> list[tuple[int, int]]:
    """(first, last) of each run of at least STIFF_AFTER true entries, not broken by CALM_AFTER false ones in a row."""
    runs: list[tuple[int, int]] = []
    hits: list[int] = []
    for i in [*np.flatnonzero(limited), len(limited) + CALM_AFTER]:
        if hits and i - hits[-1] > CALM_AFTER:
            if len(hits) >= STIFF_AFTER:
                runs.append((hits[0], hits[-1]))
            hits = []
        hits.append(i)
    return runs
