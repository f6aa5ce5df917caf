"""A mixture of Gaussians in a noise schedule: data whose score is known at every time (built in lesson 22).

Source: Y. Song et al., Score-based generative modeling through stochastic differential equations, 2021.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nodekit.models.density.score import Schedule, times_of

__all__ = ["GaussianMixture"]

T = torch.Tensor


class GaussianMixture(nn.Module):
    """A mixture of Gaussians and what noise makes of it: at each time it is a mixture again, with an exact score.

    means : (k, d). spreads : (k,), the standard deviation of each component; 0 for a point. weights : (k,), > 0; they
    are divided by their sum. All numbers or tensors; float64 is kept.
    schedule : Schedule

    Called with t and x (..., d) it returns the score (..., d); `log_prob(t, x)` returns (...), in nats.
    Raises ValueError for shapes that do not fit and numbers out of range, TypeError for x without floats. Where a
    spread is 0 there is no density at σ = 0: the result is nan. Lesson 22.
    """

    means: T
    spreads: T
    weights: T

    def __init__(
        self, means: T | Sequence[Any], spreads: T | Sequence[float], weights: T | Sequence[float], schedule: Schedule
    ) -> None:
        super().__init__()
        m, s, w = (torch.as_tensor(x) if hasattr(x, "dtype") else torch.tensor(x, dtype=torch.float64) for x in
                   (means, spreads, weights))  # fmt: skip
        m, s, w = (x if x.is_floating_point() else x.double() for x in (m, s, w))
        if m.dim() != 2 or s.shape != m.shape[:1] or w.shape != m.shape[:1]:
            shapes = ", ".join(str(tuple(x.shape)) for x in (m, s, w))
            raise ValueError(f"means, spreads and weights have the shapes {shapes}; (k, d), (k,), (k,) were expected.")
        if not (s >= 0).all() or not (w > 0).all():
            raise ValueError(f"spreads={s.tolist()} must be at least 0, and weights={w.tolist()} greater than 0.")
        if not all(torch.isfinite(x).all() for x in (m, s, w)):
            raise ValueError(f"means={m.tolist()}, spreads={s.tolist()}, weights={w.tolist()} must be finite.")
        self.schedule = schedule
        for name, value in (("means", m), ("spreads", s), ("weights", w / w.sum())):
            self.register_buffer(name, value)

    def _parts(self, t: Any, x: T) -> tuple[T, T, T]:
        """log(weight · density) of each component (..., k), x − its centre (..., k, d), its variance (..., k)."""
        t, d = times_of(t, x), self.means.shape[1]
        if x.dim() == 0 or x.shape[-1] != d:
            raise ValueError(f"x has shape {tuple(x.shape)}; (..., {d}) was expected, as the means have.")
        t = t[..., None] if t.dim() else t
        m, s, w = (each.to(x) for each in (self.means, self.spreads, self.weights))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        away = x[..., None, :] - alpha * m
        variance = ((alpha * s[:, None]) ** 2 + sigma**2)[..., 0]
        square = away.square().sum(-1) / variance
        return w.log() - (square + d * torch.log(2 * math.pi * variance)) / 2, away, variance

    def forward(self, t: Any, x: T) -> T:
        logs, away, variance = self._parts(t, x)
        share = torch.softmax(logs, -1) / variance
        return -(share[..., None] * away).sum(-2)

    def log_prob(self, t: Any, x: T) -> T:
        """The log density of the noisy mixture at time t, in nats: (...). t: a number, or (..., 1)."""
        return torch.logsumexp(self._parts(t, x)[0], -1)

    def sample(self, n: int, generator: torch.Generator | None = None) -> T:
        """n samples without noise: (n, d)."""
        k = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        m = self.means
        z = torch.randn(n, m.shape[1], generator=generator, dtype=m.dtype, device=m.device)
        return m[k] + self.spreads[k, None] * z
