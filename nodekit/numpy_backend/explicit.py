"""Explicit Runge–Kutta methods on NumPy arrays: the reference (built in lessons 03 and 04).

Its twin, with the same functions, is torch_backend/explicit.py. The state is kept flat, (d,), and shown to f in
its own shape. autograd can differentiate through the loop: its boxes take the plain `advance` of step.py, ordinary
arrays a faster one of equal value.
"""

import math
from types import SimpleNamespace

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval, isbox, trace_stack

from nodekit import control
from nodekit import solution as sol
from nodekit.solution import Solution, Stats, Status, Steps, Trajectory
from nodekit.step import advance as plain_advance
from nodekit.step import dense_slopes, interpolate, runge_kutta_step

# So many steps in a row that give nan or infinity, each a fifth of the one before, and the solve gives up.
MAX_NOT_FINITE = 20


class Field:
    """f on flat states: counts its calls, refuses a wrong shape, and protects y from changes in place."""

    def __init__(self, f, shape):
        self.f, self.shape, self.flat, self.nfev = f, shape, len(shape) == 1, 0

    def __call__(self, t, y):
        self.nfev += 1
        if type(y) is np.ndarray:
            y.flags.writeable = False
        k = self.f(t, y if self.flat else y.reshape(self.shape))
        if type(k) is not np.ndarray and not isbox(k):
            k = anp.array(k)
        if k.shape != self.shape:
            raise ValueError(f"f returned shape {k.shape} at t = {t!r}, but y has shape {self.shape}.")
        return k if self.flat else k.reshape(-1)


class Slopes:
    """The slopes k_j of one step as rows of an array, so that `advance` is one product of a vector and a matrix.

    For two components this takes about half the time of the written-out sum.
    """

    def __init__(self, rows, y):
        self.rows, self.n = np.empty((rows, y.size), y.dtype), 0

    def append(self, k):
        self.rows[self.n] = k
        self.n += 1

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.rows[i].copy()  # the buffer is used again by the next step

    def empty(self):
        self.n = 0
        return self


def advance(y, h, weights, k):
    """`step.advance` on a `Slopes` buffer: equal to it up to rounding."""
    increment = h * np.dot(weights, k.rows[: len(weights)])
    return increment if y is None else y + increment


def plan(tableau, y):
    """(tableau, advance, slopes): how steps are taken. While autograd differentiates: the plain, traceable way."""
    if isbox(y) or trace_stack.top >= 0:
        return tableau, plain_advance, list
    array = lambda x: None if x is None else np.array(x, y.dtype)  # noqa: E731
    arrays = SimpleNamespace(
        c=tableau.c,
        a=[array(row) for row in tableau.a],
        b=array(tableau.b),
        fsal=tableau.fsal,
        stages=tableau.stages,
        b_error=array(tableau.b_error),
        b_error_low=array(tableau.b_error_low),
        dense_rows=[(row.c, array(row.a)) for row in tableau.dense_rows],
        weights_at=lambda theta: array(tableau.weights_at(theta)),
    )
    return arrays, advance, Slopes(tableau.stages + len(tableau.dense_rows), y).empty


def check_state(y0, atol):
    """(y0, atol) as arrays of real or complex floats. Raises TypeError or ValueError for what cannot be a state."""
    if not isbox(y0):
        y0 = np.asarray(y0)
    if y0.dtype.kind in "iub":
        y0 = y0 * 1.0
    if y0.dtype.kind not in "fc":
        raise TypeError(f"y0 must hold numbers, got {y0.dtype} values. Give a NumPy array or a torch tensor.")
    values = getval(y0)
    if values.size == 0:
        raise ValueError(f"y0 is empty (shape {values.shape}): there is nothing to solve.")
    if not np.isfinite(values).all():
        i = first_not_finite(values)
        raise ValueError(f"y0 is {values[i]}{sol.in_component(i)}. Give a finite initial state.")
    if np.ndim(atol):
        if np.shape(atol) != values.shape:
            raise ValueError(f"atol has shape {np.shape(atol)}, but y0 has shape {values.shape}.")
        atol = np.asarray(atol, float).reshape(-1)
    return y0, atol


def first_not_finite(values):
    """Index of the first nan or infinity, as a tuple of ints."""
    return tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])


def rms(v):
    """Root mean square of a flat real array, as a float."""
    return math.sqrt(v.dot(v) / v.size)


def error_ratio(y, y1, h, k, tableau, rtol, atol, advance):
    """(ratio, scaled error): a step is good when its ratio <= 1. Values only: in a gradient, h is held."""
    scale = atol + rtol * np.maximum(np.abs(getval(y)), np.abs(getval(y1)))
    error = np.abs(getval(advance(None, h, tableau.b_error, k))) / scale
    ratio = rms(error)
    if tableau.b_error_low is not None and ratio > 0:  # dop853: Hairer, Nørsett, Wanner 1993, section II.10
        low = rms(np.abs(getval(advance(None, h, tableau.b_error_low, k))) / scale)
        ratio = ratio**2 / math.sqrt(ratio**2 + 0.01 * low**2)
    return ratio, error


def integrate(f, y0, times, tableau, *, rtol, atol, step, first_step, max_step, max_steps, controller):
    """Solve from times[0] to times[-1]; arguments as `nodekit.solve` has checked them.

    y0: array of any shape. times: floats; two of them mean every accepted step. Returns a Solution, also of a solve
    that failed; raises TypeError or ValueError for a y0, an atol or an f that cannot be used.
    """
    y0, atol = check_state(y0, atol)
    shape, y = y0.shape, y0.reshape(-1)
    field = Field(f, shape)
    rk, advance, slopes = plan(tableau, y)
    t, t_end = times[0], times[-1]
    direction = math.copysign(1.0, t_end - t)

    def restep(t, y, h):
        k = runge_kutta_step(dense_field, t, y, h, rk, None, advance, slopes)[1]
        return dense_slopes(dense_field, t, y, h, k, rk, advance)

    def inside(y, h, k, theta):
        return interpolate(y, h, k, rk, theta, advance).reshape(shape)

    dense_field = Field(f, shape)  # has a count of its own
    trajectory = Trajectory(t, y, restep, inside, anp.stack)
    stats, steps = Stats(), Steps()
    outputs, next_output, every_step = [y], 1, len(times) == 2
    history, rejections, not_finite = (1.0, 1.0), 0, 0
    status, message = Status.SUCCESS, f"reached t = {t_end!r}"

    k0 = field(t, y) + 0.0  # a copy: f may use its array again
    if np.iscomplexobj(getval(k0)) and not np.iscomplexobj(getval(y)):
        raise TypeError("f returned complex values for a real y0. Make y0 complex, as in y0 + 0j.")
    if not np.isfinite(getval(k0)).all():
        i = first_not_finite(getval(k0).reshape(shape))
        status, message = Status.NOT_FINITE, sol.not_finite("f", t, 0.0, i, getval(k0).reshape(shape)[i])
    elif step is not None:
        h = direction * step
    else:
        norm = lambda v, y: rms(np.abs(getval(v)) / (atol + rtol * np.abs(getval(y))))  # noqa: E731
        h = first_step or control.first_step(field, t, y, k0, t_end, tableau, norm, plain_advance)
        h = direction * min(h, max_step)

    while status is Status.SUCCESS and t != t_end:
        if stats.n_accepted + stats.n_rejected == max_steps:
            status = Status.MAX_STEPS
            message = sol.max_steps_reached(max_steps, t, h, t_end, stats.n_rejected)
            break
        h, last = control.end_on(t, h, t_end)
        y1, k = runge_kutta_step(field, t, y, h, rk, k0, advance, slopes)
        ratio, error = math.nan, getval(y1)
        if step is None:
            ratio, error = error_ratio(y, y1, h, k, rk, rtol, atol, advance)
        finite = bool(np.isfinite(getval(y1)).all()) and (step is not None or ratio < math.inf)
        accepted = finite and (step is not None or ratio <= 1)
        steps.append(t, h, ratio, accepted)

        if not accepted:
            stats.n_rejected += 1
            not_finite = 0 if finite else not_finite + 1
            bad = error.reshape(shape) if not np.isfinite(error).all() else getval(y1).reshape(shape)
            if not finite and (step is not None or not_finite == MAX_NOT_FINITE or control.too_small(t, h)):
                i = first_not_finite(bad)
                status, message = Status.NOT_FINITE, sol.not_finite("the result of a step", t, h, i, bad[i])
                break
            h *= controller.rejected(ratio if finite else math.inf, tableau.error_order)
            if finite and control.too_small(t, h):
                i = np.unravel_index(int(np.argmax(error)), shape)
                status, message = Status.STEP_TOO_SMALL, sol.step_too_small(t, h, tuple(map(int, i)))
                break
            k0, rejections = k[0], rejections + 1
            continue

        t1 = t_end if last else t + h if step is None else times[0] + (stats.n_accepted + 1) * h
        stats.n_accepted += 1
        trajectory.append(t1, h, y1)
        k0 = k[tableau.stages - 1] if tableau.fsal else None
        while not every_step and (times[next_output] - t1) * direction <= 0:
            if times[next_output] == t1:
                outputs.append(y1)
            else:
                dense_slopes(field, t, y, h, k, rk, advance)
                outputs.append(interpolate(y, h, k, rk, (times[next_output] - t) / h, advance))
                k0 = k[tableau.stages - 1 if tableau.fsal else tableau.stages] if tableau.dense_rows else k0
            next_output += 1
            if next_output == len(times):
                break
        if step is None:
            h *= controller.accepted(ratio, history, tableau.error_order, rejections > 0)
            h = math.copysign(min(abs(h), max_step), h)
            history, rejections, not_finite = (ratio, history[0]), 0, 0
        t, y = t1, y1

    stats.nfev = field.nfev
    if every_step:
        t_out, outputs = trajectory.times, trajectory.states
    else:
        t_out = times[: len(outputs)]
    y_out = anp.stack([y.reshape(shape) for y in outputs])
    return Solution(np.array(t_out), y_out, stats, steps.as_arrays(), status, message, trajectory)
