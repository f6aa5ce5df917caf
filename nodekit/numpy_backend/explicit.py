"""Explicit Runge–Kutta steps on NumPy arrays: the reference (built in lessons 03 and 04).

Its twin, with the same names, is torch_backend/explicit.py; the loop around both is loop.py. The state is kept flat,
(d,), and shown to f in its own shape. autograd can differentiate the steps: its boxes take the plain `advance` of
step.py, ordinary arrays a faster one of equal value.
"""

import math

import autograd.numpy as anp
import numpy as np

from nodekit.numpy_backend.state import Stepper, all_finite
from nodekit.private_autograd import getval, isbox, recording
from nodekit.stepping import control
from nodekit.stepping.step import advance as plain_advance
from nodekit.stepping.step import dense_slopes, runge_kutta_step


class Slopes:
    """The slopes k_j of one step as rows of an array, so that `advance` is one product of a vector and a matrix.

    For two components this takes about half the time of the written-out sum.
    """

    def __init__(self, rows, y):
        self.rows, self.n = np.empty((rows, y.size), y.dtype), 0
        self.leading = [self.rows[:i] for i in range(rows + 1)]

    def append(self, k):
        n = self.n
        self.rows[n] = k
        self.n = n + 1

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.rows[i].copy()  # the buffer is used again by the next step

    def empty(self):
        self.n = 0
        return self


class Copies(list):
    """The slopes of one step while autograd differentiates: copies, since f may use its array again."""

    def append(self, k):
        super().append(k + 0.0)


class Scaled:
    """A tableau's weights as arrays, times h: one product for a step in place of one for each of its stages.

    It has the fields of `Tableau` that a step reads; `scale(h)` comes before them.
    """

    def __init__(self, tableau, dtype):
        rows = [*tableau.a, tableau.b, *(row.a for row in tableau.dense_rows)]
        rows += [e for e in (tableau.b_error, tableau.b_error_low) if e is not None]
        self.weights = np.zeros((len(rows), max(map(len, rows))), dtype)
        for row, values in zip(self.weights, rows, strict=True):
            row[: len(values)] = values
        self.scaled, self.h = np.empty_like(self.weights), None
        views = [view[: len(row)] for view, row in zip(self.scaled, rows, strict=True)]
        s = self.stages = tableau.stages
        self.later_stages, self.b = list(zip(tableau.c, views[:s], strict=True))[1:], views[s]
        self.dense_rows = [(row.c, view) for row, view in zip(tableau.dense_rows, views[s + 1 :], strict=False)]
        errors = iter(views[s + 1 + len(self.dense_rows) :])
        self.b_error, self.b_error_low = (
            None if e is None else next(errors) for e in (tableau.b_error, tableau.b_error_low)
        )
        self.fsal = tableau.fsal

    def scale(self, h):
        if h != self.h:
            self.h = h
            np.multiply(self.weights, h, out=self.scaled)


def advance(y, h, weights, k):
    """`step.advance` on a `Slopes` buffer, with weights that hold h already: equal to it up to rounding."""
    increment = weights.dot(k.leading[len(weights)])
    if y is not None:
        increment += y
    return increment


def rescaled(y, h, weights, k):
    """`advance` with weights that do not hold h: what a repeated step uses, which shares nothing with the solve."""
    increment = weights.dot(k.leading[len(weights)])
    increment *= h
    if y is not None:
        increment += y
    return increment


class Weights:
    """A tableau's weights as arrays, for `rescaled`. It has the fields of `Tableau` that a step reads."""

    def __init__(self, tableau, dtype):
        self.stages, self.fsal = tableau.stages, tableau.fsal
        self.later_stages = [(c, np.array(a, dtype)) for c, a in tableau.later_stages]
        self.dense_rows = [(row.c, np.array(row.a, dtype)) for row in tableau.dense_rows]
        self.b = np.array(tableau.b, dtype)


def plan(tableau, y):
    """(tableau, advance, slopes): how steps are taken. While autograd differentiates: the plain, traceable way."""
    if isbox(y) or recording():
        return tableau, plain_advance, Copies
    return Scaled(tableau, y.dtype), advance, Slopes(tableau.stages + len(tableau.dense_rows), y).empty


class ExplicitRungeKutta(Stepper):
    """A stepper (see stepper.py) for a tableau."""

    keeps_slopes, one_step = False, True
    k = size = size1 = None  # the slopes of the step attempted last; |y| at its start and at its end

    def __init__(self, f, y0, tableau, *rest):
        super().__init__(f, y0, tableau, *rest)
        self.adaptive, self.error_order = tableau.adaptive, tableau.error_order
        self.dense_holds = tableau.dense_holds
        self.rk, self.advance, self.slopes = plan(tableau, y0.reshape(-1))
        self.boxes = self.rk is tableau
        self.weights = Weights(tableau, getval(y0).dtype)
        self.last = tableau.stages - 1 if tableau.fsal else tableau.stages if tableau.dense_rows else None

    def start(self, t, y):
        self.size = np.abs(getval(y))
        return super().start(t, y)

    def enter(self, t, y, k0):
        """Go on at (t, y), where another stepper has arrived and f is k0."""
        self.k0, self.size = k0, np.abs(y)

    def attempt(self, t, y, h):
        if not self.boxes:
            self.rk.scale(h)
        y1, self.k = runge_kutta_step(self.field, t, y, h, self.rk, self.k0, self.advance, self.slopes)
        self.led_to(t, y, h, y1)
        if not all_finite(y1):
            return y1, math.nan
        return y1, 0.0 if self.fixed else self.error_ratio(y, y1, h)

    def error_ratio(self, y, y1, h):
        """The norm that decides: a step is good when it is <= 1. Values only: in a gradient, h is held."""
        if self.boxes:
            y1 = getval(y1)
        self.size1 = np.abs(y1)
        scale = np.maximum(self.size, self.size1)
        scale *= self.rtol
        scale += self.atol
        error = self.advance(None, h, self.rk.b_error, self.k)
        self.error = getval(error) / scale if self.boxes else error / scale
        ratio = self.norm(self.error)
        if self.rk.b_error_low is not None and ratio > 0:  # dop853
            low = self.norm(getval(self.advance(None, h, self.rk.b_error_low, self.k)) / scale)
            ratio = control.combined(ratio, low)
        if not ratio < math.inf:
            self.blame("the result of a step", self.error)
        return ratio

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

    def restep(self, t, y, h, kept):
        """Repeat an accepted step: a function of theta that gives the states within it. Threads may repeat at once."""
        if self.boxes or isbox(y) or recording():
            rk, advance, slopes = self.method, plain_advance, Copies
        else:
            rk, advance, slopes = self.weights, rescaled, Slopes(len(self.method.dense_weights), y).empty
        k = runge_kutta_step(self.again, t, y, h, rk, None, advance, slopes)[1]
        rows = self.rows(dense_slopes(self.again, t, y, h, k, rk, advance))
        return lambda theta: self.interpolate(y, h, rows, theta)

    def rows(self, k):
        """Slopes as one array."""
        return k.rows if isinstance(k, Slopes) else anp.stack(k)
