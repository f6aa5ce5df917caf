"""From the error ratio of a step to the size of the next one; and the first step (built in lesson 04).

The error ratio is the norm of (error estimate) / (atol + rtol max(|y|, |y1|)): a step is accepted when it is
at most 1. Everything here is in plain floats, so that both backends take the same decisions.
"""

import math
from dataclasses import dataclass

__all__ = ["CONTROLLERS", "Controller", "first_step"]

# A ratio below this one has no part in a trend: it is of a step cut to end on a time, or may be of rounding errors.
# Hairer and Wanner's code DOPRI5 has the same floor for the ratio that it remembers.
TELLING = 1e-4


@dataclass(frozen=True)
class Controller:
    """h_next / h = safety · r_n^(−β₁/q) · r_{n−1}^(−β₂/q) · r_{n−2}^(−β₃/q) · P, kept in [min_factor, max_factor].

    r_n is the error ratio of the last accepted step, r_{n−1} and r_{n−2} those before it, and q the order of the
    error estimate. Source: G. Söderlind, "Digital filters in adaptive time-stepping", ACM TOMS 29, 2003.

    P = min(g^prediction, 1/g), and 1 if prediction is 0. g is the trend of the step sizes h r^(−1/q) that would just
    have been accepted: the last over the one before. Where they shrink, they are taken to go on shrinking, at a rate
    of g^prediction a step; where they grow, the smaller one counts. Source: K. Gustafsson, "Control-theoretic
    techniques for stepsize selection in implicit Runge–Kutta methods", ACM TOMS 20, 1994, whose P is g, and Hairer,
    Wanner, Solving ODEs II, 1996, section IV.8, whose P is min(g, 1). The 1/g is ours: it saves bosh3 and dopri5 2%.
    """

    name: str
    beta1: float
    beta2: float = 0.0
    beta3: float = 0.0
    safety: float = 0.9
    min_factor: float = 0.2
    max_factor: float = 10.0
    prediction: float = 0.0

    def accepted(self, ratio, history, q, after_rejection, growth=0.0):
        """Factor for the next step. `history` holds the ratios of the two accepted steps before this one.

        growth: this step size over that of the accepted step before; 0 where there was none.
        """
        factor = self.safety * max(ratio, 1e-10) ** (-self.beta1 / q)
        if self.beta2:
            factor *= max(history[0], 1e-10) ** (-self.beta2 / q)
        if self.beta3:
            factor *= max(history[1], 1e-10) ** (-self.beta3 / q)
        if self.prediction and growth and min(ratio, history[0]) > TELLING:
            trend = growth * (history[0] / ratio) ** (1 / q)
            factor *= trend**self.prediction if trend < 1 else 1 / trend
        # A step that had to be repeated was near the limit: do not grow at once.
        return max(self.min_factor, min(factor, 1.0 if after_rejection else self.max_factor))

    def rejected(self, ratio, q):
        """Factor for the repeated step, from its own ratio alone; the smallest one when the ratio is not finite."""
        if not ratio < math.inf:
            return self.min_factor
        return max(self.min_factor, min(self.safety * ratio ** (-1 / q), 1.0))


CONTROLLERS = {
    c.name: c
    for c in (
        Controller("I", 1.0),  # the elementary controller
        Controller("PI", 0.6, -0.2),  # Söderlind's PI4020
        Controller("PID", 1 / 18, 1 / 9, 1 / 18),  # Söderlind's H312PID: the smoothest, the slowest to react
        # At equal error it takes fewer evaluations than SciPy, whose controller is I: 5% with bosh3, 8% with dopri5,
        # 10% with dop853, in the mean over tests/benchmarks/work_precision.py; at worst 9% more (PI: 1, 3, 3, and 33%
        # more).
        # On networks it takes about as many as I at the same tolerance, since β₁ + β₂ is near to 1 (PI: a tenth more).
        # β₂ from −0.2 to 0 and predictions from 0.5 to 1 change the means by 2%. With β₂ nearer to 0, or a larger
        # prediction, more is rejected where stability limits the steps; further from 0, networks cost more.
        # With a growth of 10 a step dop853 jumps from a start where its ratio is next to nothing over all that follows
        # (DETEST A4: an error of 35 condition numbers times the tolerance). A safety of 0.9 leaves bosh3 31 of them on
        # the cubic spiral, and saves networks 2 to 8% at equal tolerance, for a larger error.
        Controller("predictive", 1.0, -0.15, safety=0.84, max_factor=6.0, prediction=0.6),
    )
}


def first_step(f, t, y, k0, t_end, order, norm, advance):
    """Size of the first step, as a positive float. One evaluation of f.

    order: of the error estimate. norm(v, y) -> float is the root mean square of v / (atol + rtol |y|).
    Source: Hairer, Nørsett, Wanner, Solving ODEs I, 1993, section II.4. Explained in lesson 04.
    """
    span, direction = abs(t_end - t), math.copysign(1.0, t_end - t)
    d0, d1 = norm(y, y), norm(k0, y)
    h0 = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    h0 = min(h0, span)
    if not (d1 < math.inf and h0 > 0):  # f is huge: begin with the smallest step that t can take
        return 64 * math.ulp(t)
    k1 = f(t + direction * h0, advance(y, direction * h0, (1.0,), [k0]))
    d2 = norm(k1 - k0, y) / h0
    if not d2 < math.inf:  # f is not finite so near to the start: let the loop find out where
        return h0
    largest = max(d1, d2)
    h1 = max(1e-6, h0 * 1e-3) if largest <= 1e-15 else (0.01 / largest) ** (1 / order)
    return min(100 * h0, h1, span)


def combined(ratio, low):
    """dop853's error ratio from those of its two estimates: ratio² / √(ratio² + low²/100).

    Source: Hairer, Nørsett, Wanner, Solving ODEs I, 1993, section II.10. As a product, since the square of a tiny
    ratio is 0. torch_backend/control.py has it for tensors.
    """
    return ratio * (ratio / math.hypot(ratio, 0.1 * low)) if ratio > 0 else ratio


def end_on(t, h, t_end):
    """(h, last): the step shortened, or stretched by rounding, to end on t_end. t + h does not pass t_end."""
    if abs(t_end - t) > abs(h) * (1 + 1e-10):
        return h, False
    h = t_end - t
    while t + h > t_end if h > 0 else t + h < t_end:  # the sum rounds past the end
        h = math.nextafter(h, 0.0)
    return h, True


def too_small(t, h):
    """Whether h is lost in the rounding of t."""
    return abs(h) < smallest(t)


def smallest(t):
    """The smallest step size at t that is not lost in rounding."""
    return 8 * math.ulp(t)
