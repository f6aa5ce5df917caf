"""Explicit Runge–Kutta steps on torch tensors: the engine (the steps are those of lessons 03 and 04).

Its twin, with the same names, is numpy_backend/explicit.py; the loop around both is loop.py. An attempt waits for
the device once, to read its error ratio. torch.autograd records the steps; the step sizes are held.
"""

import math

import torch

from nodekit import control
from nodekit.step import dense_slopes, interpolate, runge_kutta_step
from nodekit.torch_backend.state import Stepper, all_finite, rms


def advance(y, h, weights, k):
    """`step.advance` with the product by h·w fused into each addition: half the kernel calls of the plain sum."""
    for w, k_j in zip(weights, k, strict=False):
        if w:
            y = k_j * (h * w) if y is None else torch.add(y, k_j, alpha=h * w)
    return y


class ExplicitRungeKutta(Stepper):
    """A stepper (see loop.py) for a tableau."""

    def __init__(self, f, y0, tableau, rtol, atol, fixed):
        super().__init__(f, y0, rtol, atol, fixed)
        self.rk, self.adaptive, self.error_order = tableau, tableau.adaptive, tableau.error_order
        self.last = tableau.stages - 1 if tableau.fsal else tableau.stages if tableau.dense_rows else None

    def first_step(self, t, y, t_end):
        norm = lambda v, y: rms(v.detach().abs() / (self.atol + self.rtol * y.detach().abs())).item()  # noqa: E731
        return control.first_step(self.field, t, y, self.k0, t_end, self.error_order, norm, advance)

    def attempt(self, t, y, h):
        y1, self.k = runge_kutta_step(self.field, t, y, h, self.rk, self.k0, advance)
        self.step, self.bad = (t, y, h), ("the result of a step", y1)
        if self.fixed:
            return y1, 0.0 if all_finite(y1) else math.nan
        return y1, self.error_ratio(y, y1, h)

    @torch.no_grad()
    def error_ratio(self, y, y1, h):
        """The norm that decides: a step is good when it is <= 1. Values only: in a gradient, h is held."""
        scale = torch.maximum(y.abs(), y1.abs()).mul_(self.rtol).add_(self.atol)
        # Adding 0·y1 changes nothing, but for an infinite y1: there the error is nan instead of finite/inf = 0.
        self.error = torch.add(advance(None, h, self.rk.b_error, self.k), y1, alpha=0.0).abs() / scale
        ratio = rms(self.error)
        if self.rk.b_error_low is not None:  # dop853: Hairer, Nørsett, Wanner 1993, section II.10
            low = rms(advance(None, h, self.rk.b_error_low, self.k).abs() / scale)
            ratio = torch.where(ratio > 0, ratio**2 / torch.sqrt(ratio**2 + 0.01 * low**2), ratio)
        ratio = ratio.item()
        if not ratio < math.inf:
            self.bad = "the result of a step", self.error
        return ratio

    def accept(self):
        """The next step begins with the slope at the end of this one, where it is known."""
        self.k0 = self.k[self.last] if self.last is not None and len(self.k) > self.last else None

    def reject(self):
        self.k0 = self.k[0]

    def inside(self, theta):
        t, y, h = self.step
        dense_slopes(self.field, t, y, h, self.k, self.rk, advance)
        return interpolate(y, h, self.k, self.rk, theta, advance)

    def restep(self, t, y, h, kept):
        """Repeat an accepted step: a function of theta that gives the states within it."""
        k = runge_kutta_step(self.again, t, y, h, self.rk, None, advance)[1]
        dense_slopes(self.again, t, y, h, k, self.rk, advance)
        return lambda theta: interpolate(y, h, k, self.rk, theta, advance)


def stepper(f, y0, tableau, rtol, atol, fixed, jac=None):
    """The stepper of an explicit tableau; it needs no Jacobian."""
    return ExplicitRungeKutta(f, y0, tableau, rtol, atol, fixed)
