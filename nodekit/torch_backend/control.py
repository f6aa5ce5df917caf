"""stepping/control.py on tensors: for loops that decide on the device (batch.py, compiled.py; see lesson 04)."""

import math

import torch

from nodekit.stepping.control import TELLING


def factor(c, order, ratio, good, rejected, r1, r2, growth):
    """`Controller.accepted` where `good`, `Controller.rejected` elsewhere; tensors of one shape.

    c: a `Controller`. ratio: of this attempt; r1, r2: of the accepted steps before it. rejected: whether the attempt
    before this one was. growth: of this attempt's step size over that of the accepted step before it, or 0.
    """

    def power(r, beta):
        return torch.clamp(r, min=1e-10) ** (-beta / order)

    accepted = c.safety * power(ratio, c.beta1)
    if c.beta2:
        accepted = accepted * power(r1, c.beta2)
    if c.beta3:
        accepted = accepted * power(r2, c.beta3)
    if c.prediction:
        trend = growth * (r1 / ratio) ** (1 / order)
        known = (growth > 0) & (torch.minimum(ratio, r1) > TELLING)
        accepted = accepted * torch.where(known, torch.minimum(trend**c.prediction, 1 / trend), 1.0)
    # A step that had to be repeated was near the limit: do not grow at once.
    accepted = torch.clamp(torch.minimum(accepted, torch.where(rejected, 1.0, c.max_factor)), min=c.min_factor)
    smaller = torch.clamp(c.safety * ratio ** (-1 / order), c.min_factor, 1.0)
    return torch.where(good, accepted, torch.where(ratio < math.inf, smaller, c.min_factor))


def first_step(f, t, y, k0, t_end, order, norm):
    """`control.first_step` for every sample: t, t_end (n,), y, k0 (n, d), norm(v, y) -> (n,). Positive sizes (n,)."""
    span, direction = (t_end - t).abs(), torch.sign(t_end - t)
    d0, d1 = norm(y, y), norm(k0, y)
    h0 = torch.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / d1)
    h0 = torch.minimum(h0, span)
    huge = ~((d1 < math.inf) & (h0 > 0))  # begin with the smallest step that t can take
    h0 = torch.where(huge, smallest(t), h0)
    k1 = f(t + direction * h0, y + ((direction * h0).to(y.real.dtype)[:, None]) * k0)
    d2 = norm(k1 - k0, y) / h0
    largest = torch.maximum(d1, d2)
    h1 = torch.where(largest <= 1e-15, torch.clamp(h0 * 1e-3, min=1e-6), (0.01 / largest) ** (1 / order))
    h1 = torch.minimum(torch.minimum(100 * h0, h1), span)
    return torch.maximum(torch.where(huge | ~(d2 < math.inf), h0, h1), smallest(t))


def combined(ratio, low):
    """`control.combined` of tensors."""
    return torch.where(ratio > 0, ratio * (ratio / torch.hypot(ratio, 0.1 * low)), ratio)


def smallest(t):
    """The smallest step sizes at t that are not lost in rounding."""
    return 8 * (torch.nextafter(t.abs(), torch.full_like(t, math.inf)) - t.abs())
