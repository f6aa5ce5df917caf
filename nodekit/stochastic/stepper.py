"""Steps along a Brownian path, for the loop that all solvers share (see stepping/stepper.py for what a stepper is).

A step is a function of its start alone: the path is one of time. So a rejected step is repeated on the same path,
states within a step are those of a shorter step, and a gradient goes back through the steps one at a time.

Where the step size is free, an attempt is one step and two of half its size, and the error is the difference of their
ends. It is then the path at the middle of a step that decides on the step, and no number is drawn anew: drawing again
what was rejected would favour small increments (J. G. Gaines, T. J. Lyons, 1997).
"""

import math

import numpy as np

from nodekit.arrays import is_torch
from nodekit.solution import Status
from nodekit.stochastic import diagonal

SHORTEST = 64  # parts of the path's resolution


class Noisy:
    """A stepper over a library's base. `equip` tells it what the steps of a stochastic method need beside the drift."""

    one_step = repeats = True
    error_order = 1.5  # of the difference over one step, for methods of strong order 1
    alone_at = None  # a time of the solve at which a diagonal diffusion is looked at, where the method needs that

    def equip(self, diffusion, noise, ito, brownian, shape):
        self.diffusion, self.noise, self.ito, self.brownian, self.state_shape = diffusion, noise, ito, brownian, shape
        self.adaptive, self.ngev = not self.fixed, 0
        return self

    def columns(self, t, y):
        """The diffusion's columns at y (d,): (m, d)."""
        self.ngev += 1
        found = self.diffusion(self.clock(t, y), self.show(y))
        noises = None if self.noise == "diagonal" else self.brownian.shape[-1]
        wanted = self.state_shape if noises is None else (*self.state_shape, "m")
        shape = getattr(found, "shape", None)
        if shape is None or tuple(shape[: len(self.state_shape)]) != self.state_shape or len(shape) != len(wanted):
            got = type(found).__name__ if shape is None else f"shape {tuple(shape)}"
            raise ValueError(
                f"diffusion returned {got} at t = {t!r}; with noise={self.noise!r} and y of shape {self.state_shape} "
                f"({', '.join(map(str, wanted))}) was expected."
            )
        if is_torch(found) != is_torch(y) or (is_torch(y) and (found.dtype, found.device) != (y.dtype, y.device)):
            raise TypeError(
                f"diffusion returned {getattr(found, 'dtype', type(found).__name__)}, but y0 is {y.dtype}. "
                "Convert the one or the other."
            )
        if noises is None:
            return found.reshape(1, -1)
        if found.shape[-1] != noises:
            raise ValueError(
                f"diffusion has {found.shape[-1]} noises, brownian {noises}: diffusion returned shape "
                f"{tuple(found.shape)} at t = {t!r}, and brownian has shape {self.brownian.shape}."
            )
        return found.reshape(len(y), noises).T

    def clock(self, t, y):
        """The time as the drift gets it."""
        return self.field.time(t) if is_torch(y) else t

    def increments(self, t, h):
        """The increments of the path over a step, as the columns need them: (m, d)."""
        w = self.brownian.increment(t, t + h)
        if self.noise == "diagonal":
            return self.constant(w.reshape(1, -1))
        rows = np.broadcast_to(w[..., None, :], (*self.state_shape, w.shape[-1]))
        # A copy: torch warns of arrays that cannot be written, as a view of w is.
        return self.constant(np.array(rows.reshape(math.prod(self.state_shape), w.shape[-1]).T, order="C"))

    def once(self, field, t, y, h):
        return self.method.step(field, self.columns, t, y, h, self.increments(t, h), self.ito)

    def taken(self, field, t, y, h):
        """The end of a step as the solver takes it: two halves where the step size is free."""
        if self.fixed:
            return self.once(field, t, y, h)
        half = h / 2
        return self.once(field, t + half, self.once(field, t, y, half), h - half)

    def start(self, t, y):
        """Evaluate the drift and the diffusion once, for their shapes. False where one of them is not finite."""
        finite = super().start(t, y)
        if finite:
            columns = self.columns(t, y)
            finite = self.finite(columns.reshape(-1))
            if not finite:
                self.blame("the diffusion", next(c for c in columns if not self.finite(c)))
            elif self.alone_at is not None:  # after a first evaluation, in which a field may draw noise that it keeps
                diagonal.refuse_mixing(self, self.alone_at, y)
        return finite

    def first_step(self, t, y, t_end):
        return min(abs(t_end - t) / 100, (self.brownian.t1 - self.brownian.t0) / self.brownian.cells)

    def attempt(self, t, y, h):
        y1 = self.taken(self.field, t, y, h)
        self.led_to(t, y, h, y1)
        if not self.finite(y1):
            return y1, math.nan
        if self.fixed:
            return y1, 0.0
        if abs(h) < SHORTEST * self.brownian.resolution:
            return y1, math.nan
        a, b = self.values(y1), self.values(self.once(self.field, t, self.values(y), h))
        self.error = (a - b) / (self.atol + self.rtol * abs(a))
        return y1, float(self.norm(self.error))

    def trouble(self, t, h):
        if not self.fixed and abs(h) < SHORTEST * self.brownian.resolution:
            return Status.STEP_TOO_SMALL, (
                f"the step size h = {h!r} at t = {t!r} came near to the path's resolution, "
                f"{self.brownian.resolution:.1e}: no step meets the tolerance. Loosen rtol and atol, or give a "
                f"BrownianPath with more cells than {self.brownian.cells}."
            )
        return super().trouble(t, h)

    def within(self, field, t, y, h):
        """A function of θ: the states that shorter steps from y lead to, (d,), or (m, d) for m of them."""

        def at(theta):
            if not isinstance(theta, np.ndarray):
                return self.once(field, t, y, theta * h) if theta else y
            return self.stack([at(float(x)) for x in theta], y)

        return at

    def inside(self, theta):
        t, y, h, _ = self.step
        return self.within(self.field, t, y, h)(theta)

    def restep(self, t, y, h, kept):
        return self.within(self.again, t, y, h)

    def again_end(self, t, y, h):
        return self.taken(self.again, t, y, h)

    def recorded(self, t, y, h, theta):
        y1 = self.taken(self.field_back, t, y, h)
        return [y1] if theta is None else [y1, self.within(self.field_back, t, y, h)(theta)]

    def step_vjp(self, t, y, h, kept, a, inside, params):
        return self.recorded_vjp(t, y, h, a, inside, params)

    def count(self):
        return {**super().count(), "ngev": self.ngev}
