"""Noise schedules, the score of noisy data, and how it is learned by removing noise (built in lesson 22).

A schedule says how much of the data x0 and how much noise z there is at time t: x(t) = α(t) x0 + σ(t) z. As a
differential equation, dx = f(t) x dt + g(t) dW with f = d log α/dt and g² = dσ²/dt − 2 f σ². The score is the gradient
of the log density of x(t); σ times it is minus the mean of the noise z, given x(t).

Sources: Y. Song et al., Score-based generative modeling through stochastic differential equations, 2021, appendix B;
P. Vincent, A connection between score matching and denoising autoencoders, 2011.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

__all__ = ["NoiseScore", "Schedule", "VarianceExploding", "VariancePreserving", "denoising_loss"]

T = torch.Tensor
Score = Callable[[Any, T], T]


def tensor(t: Any) -> T:
    """A time as a tensor: as it is, or in float64."""
    return t if isinstance(t, torch.Tensor) else torch.tensor(t, dtype=torch.float64)


def floating(name: str, x: Any) -> None:
    """Raise TypeError unless x is a tensor of floats: among whole numbers, times are rounded to 0 and 1."""
    if not (isinstance(x, torch.Tensor) and x.is_floating_point()):
        kind = x.dtype if isinstance(x, torch.Tensor) else type(x).__name__
        raise TypeError(f"{name} must be a tensor of floats, got {kind}. Take torch.as_tensor(...).double().")


def times_of(t: Any, x: T) -> T:
    """The time of the states x (..., d), of their dtype and device: 0-d, or (..., 1).

    Raises TypeError for x that holds no floats, ValueError for t of another shape, as (n,), which would be broadcast
    along d.
    """
    floating("x", x)
    t = t.to(x) if isinstance(t, torch.Tensor) else x.new_tensor(t)
    if t.dim() and t.shape[-1] != 1:
        raise ValueError(f"t has shape {tuple(t.shape)}; a number or (..., 1) was expected: take t[..., None].")
    return t


def within(name: str, times: Sequence[float]) -> None:
    """Raise ValueError unless all times lie in [0, 1]. Outside, a schedule may give numbers that mean nothing."""
    for t in times:
        if not 0 <= float(t) <= 1:
            raise ValueError(f"{name}={times!r} has {float(t)!r}, outside of the schedule's times, [0, 1].")


class Schedule(Protocol):
    """How much signal and how much noise. All functions take a float or a tensor of times, and return a tensor."""

    def alpha(self, t: Any, /) -> T:
        """The factor α(t) > 0 of the data."""

    def sigma(self, t: Any, /) -> T:
        """The standard deviation σ(t) of the noise."""

    def drift_rate(self, t: Any, /) -> T:
        """f(t) = d log α/dt, a rate per unit of time."""

    def diffusion(self, t: Any, /) -> T:
        """g(t) >= 0, where g² = dσ²/dt − 2 f σ²."""

    def log_snr(self, t: Any, /) -> T:
        """log(α/σ), of the sizes of signal and noise; of their powers it is twice that. It falls with t."""

    def time(self, log_snr: Any, /) -> T:
        """The time t at which log(α/σ) has this value."""


def _checked(low: float, high: float, names: tuple[str, str]) -> None:
    for name, value in zip(names, (low, high), strict=True):
        if not (isinstance(value, float | int) and math.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value!r} must be a number greater than 0.")
    if not low < high:
        raise ValueError(f"{names[0]}={low!r} must be less than {names[1]}={high!r}.")


@dataclass(frozen=True)
class VariancePreserving:
    """dx = −½ β x dt + √β dW with β(t) = low + t (high − low): α² + σ² = 1, for t in [0, 1].

    low, high: β at t = 0 and at t = 1, 0 < low < high, per unit of time. Raises ValueError for others.

    Source: Y. Song et al., 2021, equations 32 and 33; J. Ho, A. Jain, P. Abbeel, 2020, in discrete time. Lesson 22.
    """

    low: float = 0.1
    high: float = 20.0

    def __post_init__(self) -> None:
        _checked(self.low, self.high, ("low", "high"))

    def beta(self, t: Any) -> T:
        """β(t), per unit of time."""
        return self.low + (self.high - self.low) * tensor(t)

    def _total(self, t: Any) -> T:
        """∫₀ᵗ β."""
        t = tensor(t)
        return (self.low + (self.high - self.low) / 2 * t) * t

    def alpha(self, t: Any) -> T:
        return torch.exp(-self._total(t) / 2)

    def sigma(self, t: Any) -> T:
        return torch.sqrt(-torch.expm1(-self._total(t)))

    def drift_rate(self, t: Any) -> T:
        return -self.beta(t) / 2

    def diffusion(self, t: Any) -> T:
        return torch.sqrt(self.beta(t))

    def log_snr(self, t: Any) -> T:
        return -torch.log(torch.expm1(self._total(t))) / 2

    def time(self, log_snr: Any) -> T:
        total = nn.functional.softplus(-2 * tensor(log_snr), threshold=math.inf)
        root = torch.sqrt(self.low**2 + 2 * (self.high - self.low) * total)
        return 2 * total / (self.low + root)  # the root of a quadratic, without a difference of near numbers


@dataclass(frozen=True)
class VarianceExploding:
    """dx = g dW: α = 1 and σ(t) = low (high/low)ᵗ, for t in [0, 1]. At t = 0 the data have the noise `low` already.

    low, high: σ at t = 0 and at t = 1, in units of the data, 0 < low < high. `high` should be far above the data's
    spread. Raises ValueError for others.

    Source: Y. Song et al., 2021, equations 30 and 31. Lesson 22.
    """

    low: float = 0.01
    high: float = 50.0

    def __post_init__(self) -> None:
        _checked(self.low, self.high, ("low", "high"))

    def alpha(self, t: Any) -> T:
        return torch.ones_like(tensor(t))

    def sigma(self, t: Any) -> T:
        return self.low * (self.high / self.low) ** tensor(t)

    def drift_rate(self, t: Any) -> T:
        return torch.zeros_like(tensor(t))

    def diffusion(self, t: Any) -> T:
        return self.sigma(t) * math.sqrt(2 * math.log(self.high / self.low))

    def log_snr(self, t: Any) -> T:
        return -torch.log(self.sigma(t))

    def time(self, log_snr: Any) -> T:
        return (-tensor(log_snr) - math.log(self.low)) / math.log(self.high / self.low)


class NoiseScore(nn.Module):
    """The score of a network that predicts the noise: −net(t, x)/σ(t).

    net : nn.Module, net(t, x) -> the mean of z, given x = α x0 + σ z
        t (..., 1), x (..., d) -> (..., d). A number t is repeated for every sample.
    schedule : Schedule

    Called with t, a number or (..., 1), and x (..., d), it returns the score (..., d). Raises TypeError unless net is a
    module and x holds floats, ValueError for t of another shape.

    Source: J. Ho, A. Jain, P. Abbeel, Denoising diffusion probabilistic models, 2020. Lesson 22.
    """

    def __init__(self, net: nn.Module, schedule: Schedule) -> None:
        super().__init__()
        if not isinstance(net, nn.Module):
            raise TypeError(f"net must be an nn.Module with forward(t, x), got {type(net).__name__}.")
        self.net, self.schedule = net, schedule

    def forward(self, t: Any, x: T) -> T:
        t = times_of(t, x)
        t = t.expand(*x.shape[:-1], 1) if t.dim() == 0 else t
        score: T = -self.net(t, x) / self.schedule.sigma(t)
        return score


def denoising_loss(
    score: Score, x0: T, schedule: Schedule, generator: torch.Generator | None = None, least: float = 1e-3
) -> T:
    """The mean over samples of |σ score(t, α x0 + σ z) + z|², at times t in [least, 1] and noise z of its own for each.

    With a `NoiseScore` this is |z − net|², the squared error of the noise. The times are spread evenly, each uniform in
    a part of the interval of its own, which makes the loss less noisy than independent ones. score(t, x) gets t (n, 1).

    score: function or module, or a `NoiseScore`. x0: data (n, d). least: 0 < least < 1; the score may be infinite at
    t = 0. Returns a 0-d tensor, least (over all functions) where score is the score of noisy data; it is not 0 there.
    Raises TypeError for x0 without floats, ValueError for x0 or a score that is not (n, d) and for another `least`.

    Source: P. Vincent, 2011; Y. Song et al., 2021, equation 7 with the weight σ². Lesson 22.
    """
    floating("x0", x0)
    if x0.dim() != 2 or not len(x0):
        raise ValueError(f"x0 has shape {tuple(x0.shape)}; samples (n, d) were expected.")
    if not 0 < least < 1:
        raise ValueError(f"least={least!r} must lie between 0 and 1.")
    n = len(x0)
    inside = torch.rand(n, 1, generator=generator, dtype=x0.dtype, device=x0.device)
    part = torch.arange(n, dtype=x0.dtype, device=x0.device)[:, None]
    t = least + (1 - least) * (part + inside) / n
    z = torch.randn(x0.shape, generator=generator, dtype=x0.dtype, device=x0.device)
    sigma = schedule.sigma(t)
    found = score(t, schedule.alpha(t) * x0 + sigma * z)
    if found.shape != x0.shape:
        raise ValueError(f"score returned the shape {tuple(found.shape)} for x of shape {tuple(x0.shape)}.")
    return (sigma * found + z).square().sum(-1).mean()
