"""The probability flow of a score, and the noisy ways back to the data that have the same densities (lesson 22).

dx = f x dt + g dW carries data to noise. With the score s(t, x) of its densities p_t, each of

    dx/dt = f x − ½ g² s                                                  the probability flow
    dx    = (f x − ½ (1 + η²) g² s) dt + η g dW, from large t to small    with the noise η >= 0

has the densities p_t as well; η = 1 is the reversal of the process itself (B. D. O. Anderson, 1982).

Source: Y. Song et al., Score-based generative modeling through stochastic differential equations, 2021.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from nodekit.arguments import at_least_one
from nodekit.models.density.cnf import CNF
from nodekit.models.density.score import Schedule, Score, floating, times_of, within
from nodekit.stochastic import BrownianPath
from nodekit.stochastic import solve as stochastic_solve

__all__ = ["ProbabilityFlow", "ProbabilityFlowField", "ancestral", "reverse_sde"]

T = torch.Tensor


class ProbabilityFlowField(nn.Module):
    """dx/dt = f x − ½ g² score(t, x): a field for `solve` and `CNF`, with the densities of the SDE.

    score: function or nn.Module, (t, x (..., d)) -> (..., d). schedule: Schedule. Raises TypeError for another score
    and x without floats, ValueError for t that is neither a number nor (..., 1).

    Source: Y. Song et al., 2021, equation 13. Lesson 22.
    """

    def __init__(self, score: Score, schedule: Schedule) -> None:
        super().__init__()
        if not callable(score):
            raise TypeError(f"score must be a function (t, x), got {type(score).__name__}.")
        self.score, self.schedule = score, schedule

    def forward(self, t: Any, x: T) -> T:
        t = times_of(t, x)
        pull, push = self.schedule.drift_rate(t), self.schedule.diffusion(t) ** 2 / 2
        return pull * x - push * self.score(t, x)


class _Normal:
    """The normal density of mean 0 and standard deviation `spread`: what is left of the data at the end."""

    def __init__(self, spread: float) -> None:
        self.spread = spread

    def log_prob(self, x: T) -> T:
        d = x.shape[-1]
        return -0.5 * (x / self.spread).square().sum(-1) - d * math.log(self.spread * math.sqrt(2 * math.pi))

    def sample(self, shape: tuple[int, ...], like: T, generator: torch.Generator | None = None) -> T:
        z = torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
        return self.spread * z


class ProbabilityFlow(CNF):
    """The `CNF` of a score: noise of spread σ(1) at t = 1, carried to data at t = `least` by the probability flow.

    `log_prob(x)` is the log density of the flow in nats, by lesson 10's formula: (..., d) -> (...), and `sample(shape)`
    gives samples. What they leave out: that noisy data at t = 1 are not quite normal, and the noise σ(least).

    score : function or nn.Module, (t, x (..., d)) -> (..., d)
    schedule : Schedule
    dim : int, d
    least : float, 0 < least < 1. A learned score is not to be trusted before, and may be infinite at 0.
    options : of `CNF`: method, rtol, atol, step, divergence, gradient, ...

    Raises ValueError or TypeError as `CNF`, and ValueError for another `least`. Lesson 22 builds it.
    """

    def __init__(self, score: Score, schedule: Schedule, dim: int, least: float = 1e-3, **options: Any) -> None:
        _checked_least(least)
        base = _Normal(float(schedule.sigma(1.0)))
        super().__init__(ProbabilityFlowField(score, schedule), dim, (1.0, least), base=base, **options)


def reverse_sde(
    score: Score,
    schedule: Schedule,
    x: T,
    steps: int,
    brownian: int | BrownianPath,
    eta: float = 1.0,
    least: float = 1e-3,
) -> T:
    """Samples at t = `least` from noise x at t = 1, by Euler and Maruyama's steps of equal length in t.

    x: (..., d), noise of spread σ(1). steps: int >= 1. brownian: a seed, or a
    `BrownianPath` of x's shape over [0, 1 − least], the time that has passed. eta >= 0: how
    much noise; 1 is the reversed process, and with 0 this is Euler's method for the probability flow.
    Returns (..., d). The score is asked at most three times more than there are steps. Raises ValueError for other
    numbers, TypeError for x without floats, SolveError where the solve fails. Lesson 22.
    """
    floating("x", x)
    at_least_one("steps", steps)
    _checked_least(least)
    _checked_eta(eta)
    span = 1 - least

    def drift(s: Any, x: T) -> T:  # in s = 1 − t, which increases
        t = 1 - times_of(s, x)
        towards = (1 + eta**2) / 2 * schedule.diffusion(t) ** 2
        return towards * score(t, x) - schedule.drift_rate(t) * x

    def diffusion(s: Any, x: T) -> T:
        return eta * schedule.diffusion(1 - times_of(s, x)) * torch.ones_like(x)

    options: dict[str, Any] = {"method": "euler_maruyama", "step": span / steps}
    end: T = stochastic_solve(drift, diffusion, x, (0.0, span / 2, span), "ito", brownian, **options).y[-1]
    return end


def ancestral(score: Score, schedule: Schedule, x: T, times: T, brownian: "int | BrownianPath", eta: float = 1.0) -> T:
    """Samples at times[-1] from noise x at times[0], each step exact for a noise prediction ε that stays the same.

    From t to s the sample moves to α_s x̂ + √(σ_s² − v) ε + √v z, where ε = −σ_t score, x̂ = (x − σ_t ε)/α_t, and
    v = η² σ_s² (1 − (σ_s α_t/(σ_t α_s))²). eta = 1 is the ancestral sampling of denoising diffusion (Ho et al., 2020),
    eta = 0 DDIM (J. Song, C. Meng, S. Ermon, 2021, equation 12); between 0 and 1 there are all others.

    x: (..., d). times: (n + 1,), decreasing, in [0, 1]. brownian: a seed, or a `BrownianPath` of x's shape over
    [0, times[0] − times[-1]], whose changes make the z. Returns (..., d). Raises ValueError for other times, a path of
    another shape, and eta outside of [0, 1], TypeError for x without floats.
    """
    floating("x", x)
    _checked_eta(eta, 1.0)
    listed = [float(t) for t in times]
    if len(listed) < 2 or any(b >= a for a, b in pairwise(listed)):
        raise ValueError(f"times={listed} must be at least two, and decrease.")
    within("times", listed)
    if isinstance(brownian, BrownianPath) and brownian.shape != tuple(x.shape):
        raise ValueError(f"brownian has shape {brownian.shape}; x's, {tuple(x.shape)}, was expected.")
    first = listed[0]
    path: Callable[[float], Any] = (
        brownian
        if isinstance(brownian, BrownianPath)
        else BrownianPath(brownian, 0.0, first - listed[-1], tuple(x.shape), 4 * len(listed))
    )
    for t, s in pairwise(listed):
        (alpha, sigma), (alpha1, sigma1) = ((schedule.alpha(r).item(), schedule.sigma(r).item()) for r in (t, s))
        noise = -sigma * score(x.new_tensor(t), x)
        clean = (x - sigma * noise) / alpha
        variance = eta**2 * sigma1**2 * (1 - (sigma1 * alpha / (sigma * alpha1)) ** 2)
        z = x.new_tensor(path(first - s) - path(first - t)) / math.sqrt(t - s)
        x = alpha1 * clean + math.sqrt(sigma1**2 - variance) * noise + math.sqrt(variance) * z
    return x


def _checked_least(least: Any) -> None:
    if not (isinstance(least, float) and 0 < least < 1):
        raise ValueError(f"least={least!r} must be a number between 0 and 1: the time at which the flow ends.")


def _checked_eta(eta: Any, most: float = math.inf) -> None:
    if not (isinstance(eta, float | int) and 0 <= eta <= most and math.isfinite(eta)):
        bound = "at least 0" if most == math.inf else f"between 0 and {most:g}"
        raise ValueError(f"eta={eta!r} must be a number {bound}: how much noise.")
