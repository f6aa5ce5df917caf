"""Explicit Runge–Kutta steps on torch tensors: the engine (the steps are those of lessons 03 and 04).

Its twin, with the same names, is numpy_backend/explicit.py; the loop around both is loop.py. An attempt waits for
the device once, to read its error ratio. While autograd records, the steps are plain additions that it can
differentiate; otherwise the slopes are rows of a buffer, and a stage is one product of a matrix and a vector.
"""

import math
from typing import NamedTuple

import torch

from nodekit.stepping.step import dense_slopes, runge_kutta_step
from nodekit.torch_backend.control import combined
from nodekit.torch_backend.private_torch import transformed
from nodekit.torch_backend.state import Stepper, all_finite


class Slopes:
    """The slopes k_j of one step as rows of a tensor, so that `advance` is one product of a matrix and a vector.

    dopri5 then takes 12 kernel calls for its stages in place of 21; at 8192 numbers that is half the memory traffic.
    """

    def __init__(self, rows, y):
        self.rows = torch.empty((rows, y.numel()), dtype=y.dtype, device=y.device)
        self.row = list(self.rows)
        self.leading = [self.rows[:i].T for i in range(rows + 1)]
        self.given = []  # as f returned them: what the next step begins with needs no copy

    def append(self, k):
        self.row[len(self.given)].copy_(k)
        self.given.append(k)

    def __len__(self):
        return len(self.given)

    def __getitem__(self, i):
        return self.given[i] if i else self.row[0]  # f may use the tensor of an earlier step again

    def empty(self):
        self.given = []
        return self


class Weights:
    """A tableau's weights as tensors. It has the fields of `Tableau` that a step reads."""

    def __init__(self, tableau, y):
        def tensor(row):
            return torch.tensor(row, dtype=y.dtype, device=y.device)

        self.stages, self.fsal = tableau.stages, tableau.fsal
        self.later_stages = [(c, tensor(a)) for c, a in tableau.later_stages]
        self.dense_rows = [(row.c, tensor(row.a)) for row in tableau.dense_rows]
        self.b, self.b_error, self.b_error_low = (
            None if w is None else tensor(w) for w in (tableau.b, tableau.b_error, tableau.b_error_low)
        )


def advance(y, h, weights, k):
    """`step.advance` on a `Slopes` buffer, with weights as a tensor: equal to it up to rounding."""
    return torch.addmv(y, k.leading[weights.numel()], weights, alpha=h)


def fused_advance(y, h, weights, k):
    """`step.advance` with the product by h·w fused into each addition: half the kernel calls of the plain sum."""
    for w, k_j in zip(weights, k, strict=False):
        if w:
            y = k_j * (h * w) if y is None else torch.add(y, k_j, alpha=h * w)
    return y


def plan(tableau, y):
    """(tableau, advance, slopes): how steps are taken. While autograd records: the plain, traceable way."""
    if torch.is_grad_enabled() or transformed():
        return tableau, fused_advance, list
    return Weights(tableau, y), advance, Slopes(tableau.stages + len(tableau.dense_rows), y).empty


class EndsOnly(NamedTuple):
    """What a step needs of a tableau for its end alone: an FSAL method's last slope is that of the next step."""

    later_stages: tuple
    b: tuple
    fsal: bool = False


def ends_only(tableau):
    """`tableau` without the slope at the end of the step."""
    return EndsOnly(tableau.later_stages[:-1] if tableau.fsal else tableau.later_stages, tableau.b)


class ExplicitRungeKutta(Stepper):
    """A stepper (see stepper.py) for a tableau."""

    one_step = repeats = True
    go_along = staticmethod(fused_advance)
    k = size = size1 = None  # the slopes of the step attempted last; |y| at its start and at its end

    def __init__(self, f, y0, tableau, *rest):
        super().__init__(f, y0, tableau, *rest)
        self.adaptive, self.error_order = tableau.adaptive, tableau.error_order
        self.dense_holds = tableau.dense_holds
        self.last = tableau.stages - 1 if tableau.fsal else tableau.stages if tableau.dense_rows else None
        self.rk = self.advance = self.slopes = self.traced = None  # how steps are taken
        self.floor = self.tiny = None  # atol, and the smallest of numbers, in the state's precision

    def in_tolerances(self, v, y):
        return super().in_tolerances(v.detach().abs(), y)  # of a complex number one division, and not two

    def plan(self, y):
        """Say how steps are taken from now on. At the first of them: a compiled loop may take them all."""
        self.rk, self.advance, self.slopes = plan(self.method, y)
        self.traced = self.rk is self.method

    def start(self, t, y):
        self.size, self.tiny = y.detach().abs(), torch.finfo(y.dtype).tiny
        self.floor = torch.as_tensor(self.atol, dtype=self.size.dtype, device=y.device)
        return super().start(t, y)

    def enter(self, t, y, k0):
        """Go on at (t, y), where another stepper has arrived and f is k0."""
        self.k0, self.size = k0, y.abs()

    def attempt(self, t, y, h):
        if self.rk is None:
            self.plan(y)
        y1, self.k = runge_kutta_step(self.field, t, y, h, self.rk, self.k0, self.advance, self.slopes)
        return self.judged(t, y, h, y1)

    def judged(self, t, y, h, y1):
        """(y1, ratio) of an attempt that led to y1, with slopes self.k."""
        self.led_to(t, y, h, y1)
        if self.fixed:
            return y1, 0.0 if all_finite(y1) else math.nan
        return y1, self.error_ratio(y, y1, h)

    @torch.no_grad()
    def error_ratio(self, y, y1, h):
        """The norm that decides: a step is good when it is <= 1. Values only: in a gradient, h is held."""
        self.size1 = y1.abs()
        size = torch.maximum(self.size, self.size1)
        one = isinstance(self.rtol, float)
        scale = torch.add(self.floor, size, alpha=self.rtol) if one else self.floor + self.rtol * size
        self.error = self.weighted(self.rk.b_error, y1, h).div_(scale)
        ratio = self.norm(self.error)
        if self.rk.b_error_low is not None:  # dop853
            low = self.norm(self.weighted(self.rk.b_error_low, y1, h).div_(scale))
            ratio = combined(ratio, low)
        ratio = ratio.item()
        if not ratio < math.inf:
            self.blame("the result of a step", self.error)
        return ratio

    def weighted(self, weights, y1, h):
        """h Σ weights k, to which y1 times the smallest of numbers is added: nothing, but for an infinite y1.

        There the error is infinite or nan too, and not a finite one over an infinite scale, which is 0.
        """
        if self.traced:
            return torch.add(fused_advance(None, h, weights, self.k), y1, alpha=self.tiny)
        return torch.addmv(y1, self.k.leading[weights.numel()], weights, beta=self.tiny, alpha=h)

    def worst(self):
        self.error = self.error.abs()
        return super().worst()

    def accept(self):
        """The next step begins with the slope at the end of this one, where it is known."""
        self.k0 = self.k[self.last] if self.last is not None and len(self.k) > self.last else None
        if not self.fixed:
            self.size = self.size1

    def reject(self):
        self.k0 = self.k[0]

    def inside(self, theta):
        t, y, h, _ = self.step
        rows = self.rows(dense_slopes(self.field, t, y, h, self.k, self.rk, self.advance))
        return self.interpolate(y, h, rows, theta)

    def recall(self, t, y, h, y1, slopes):
        """Be as after the attempt from (t, y) by h to y1 with these slopes, which was made elsewhere."""
        if self.rk is None:
            self.plan(y)
        self.led_to(t, y, h, y1)
        self.k = self.slopes()
        for k in slopes:
            self.k.append(k)

    def restep(self, t, y, h, kept):
        """Repeat an accepted step: a function of theta that gives the states within it."""
        k = runge_kutta_step(self.again, t, y, h, self.method, None, fused_advance)[1]
        rows = self.rows(dense_slopes(self.again, t, y, h, k, self.method, fused_advance))
        return lambda theta: self.interpolate(y, h, rows, theta)

    def rows(self, k):
        """Slopes as one tensor."""
        return k.rows if isinstance(k, Slopes) else torch.stack(k)

    def again_end(self, t, y, h):
        """The end of an accepted step, from its start."""
        return runge_kutta_step(self.again, t, y, h, ends_only(self.method), None, fused_advance)[0]

    def step_vjp(self, t, y, h, kept, a, inside, params):
        if self.compile:
            from nodekit.torch_backend.loops import compiled_step

            return compiled_step.step_vjp(self, t, y, h, a, inside, params)
        return step_vjp(self.field_back, self.method, t, y, h, a, inside, params)


def step_vjp(f, tableau, t, y, h, a, inside, params):
    """The vjp of one step: (dL/dy, a gradient or None for every parameter, evaluations of f, each with its vjp).

    a: dL/dy1 (d,). inside: (theta (m,), dL/dy(t + theta h) (m, d)) of the outputs within the step, or None. The step is
    repeated while autograd records, and h is held. It is `recorded_vjp` of state.py without its calls: this is where
    training is.
    """
    before = f.nfev
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        y1, k = runge_kutta_step(f, t, y, h, tableau if inside else ends_only(tableau), None, fused_advance)
        states, d = [y1], [a]
        if inside:
            dense_slopes(f, t, y, h, k, tableau, fused_advance)
            weights = torch.as_tensor(tableau.weights_at(inside[0]), dtype=y.dtype, device=y.device)
            states.append(torch.addmm(y, weights, torch.stack(k), alpha=h))
            d.append(inside[1])
        found = torch.autograd.grad(states, [y, *params], d, allow_unused=True)
    return found[0], found[1:], f.nfev - before
