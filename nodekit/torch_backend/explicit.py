"""Explicit Runge–Kutta methods on torch tensors: the engine (the loop is that of lessons 03 and 04).

Its twin, with the same functions, is numpy_backend/explicit.py. Times and step sizes are Python floats, float64
whatever the state's dtype; f receives the time as a 0-d tensor of the state's (real) dtype. An attempt waits for
the device once, to read its error ratio. torch.autograd records the steps; the step sizes are held.
"""

import math

import torch

from nodekit import control
from nodekit import solution as sol
from nodekit.solution import Solution, Stats, Status, Steps, Trajectory
from nodekit.step import dense_slopes, interpolate, runge_kutta_step

# So many steps in a row that give nan or infinity, each a fifth of the one before, and the solve gives up.
MAX_NOT_FINITE = 20


class Field:
    """f with the time as a tensor: counts its calls, refuses a wrong shape, and changes in place of y or of a slope."""

    def __init__(self, f, y0):
        self.f, self.shape, self.nfev = f, y0.shape, 0
        self.time = {"dtype": y0.real.dtype, "device": y0.device}
        self.last, self.last_version = y0, version(y0)

    def __call__(self, t, y):
        self.nfev += 1
        before = version(y)
        k = self.f(torch.tensor(t, **self.time), y)
        if not isinstance(k, torch.Tensor):
            raise TypeError(f"f returned {type(k).__name__} at t = {t!r}, but y is a torch tensor. Return a tensor.")
        if k.shape != self.shape:
            raise ValueError(f"f returned shape {tuple(k.shape)} at t = {t!r}, but y has shape {tuple(self.shape)}.")
        if version(y) != before:
            raise ValueError(f"f changed y in place at t = {t!r}. Work on a copy, as in y = y.clone().")
        if version(self.last) != self.last_version:
            raise ValueError(f"f wrote into the tensor that it returned before (seen at t = {t!r}). Return a new one.")
        self.last, self.last_version = k, version(k)
        return k


def version(x):
    """How often x was changed in place; 0 under torch.inference_mode, which does not count."""
    return 0 if x.is_inference() else x._version


def advance(y, h, weights, k):
    """`step.advance` with the product by h·w fused into each addition: half the kernel calls of the plain sum."""
    for w, k_j in zip(weights, k, strict=False):
        if w:
            y = k_j * (h * w) if y is None else torch.add(y, k_j, alpha=h * w)
    return y


def check_state(y0, atol):
    """y0 as a tensor of real or complex floats. Raises TypeError or ValueError for what cannot be a state."""
    if not (y0.is_floating_point() or y0.is_complex()):
        y0 = y0.to(torch.float64)
    if y0.numel() == 0:
        raise ValueError(f"y0 is empty (shape {tuple(y0.shape)}): there is nothing to solve.")
    if not torch.isfinite(y0).all():
        i = first_not_finite(y0)
        raise ValueError(f"y0 is {y0[i].item()}{sol.in_component(i)}. Give a finite initial state.")
    return y0


def first_not_finite(values):
    """Index of the first nan or infinity, as a tuple of ints."""
    return tuple((~torch.isfinite(values)).nonzero()[0].tolist())


def rms(v):
    """Root mean square of a real tensor, as a 0-d tensor."""
    return torch.linalg.vector_norm(v) / math.sqrt(v.numel())


@torch.no_grad()
def error_ratio(y, y1, h, k, tableau, rtol, atol):
    """(ratio, scaled error): a step is good when its ratio <= 1. Values only: in a gradient, h is held."""
    scale = torch.maximum(y.abs(), y1.abs()).mul_(rtol).add_(atol)
    # Adding 0·y1 changes nothing, but for an infinite y1: there the error is nan instead of finite/inf = 0.
    error = torch.add(advance(None, h, tableau.b_error, k), y1, alpha=0.0).abs() / scale
    ratio = rms(error)
    if tableau.b_error_low is not None:  # dop853: Hairer, Nørsett, Wanner 1993, section II.10
        low = rms(advance(None, h, tableau.b_error_low, k).abs() / scale)
        ratio = torch.where(ratio > 0, ratio**2 / torch.sqrt(ratio**2 + 0.01 * low**2), ratio)
    return ratio.item(), error


def integrate(f, y0, times, tableau, *, rtol, atol, step, first_step, max_step, max_steps, controller):
    """Solve from times[0] to times[-1]; arguments as `nodekit.solve` has checked them.

    y0: tensor of any shape. times: floats; two of them mean every accepted step. Returns a Solution, also of a
    solve that failed; raises TypeError or ValueError for a y0 or an f that cannot be used.
    """
    y = check_state(y0, atol)
    field = Field(f, y)
    t, t_end = times[0], times[-1]
    direction = math.copysign(1.0, t_end - t)

    def restep(t, y, h):
        k = runge_kutta_step(dense_field, t, y, h, tableau, None, advance)[1]
        return dense_slopes(dense_field, t, y, h, k, tableau, advance)

    def inside(y, h, k, theta):
        return interpolate(y, h, k, tableau, theta, advance)

    dense_field = Field(f, y)  # has a count of its own
    trajectory = Trajectory(t, y, restep, inside, torch.stack)
    stats, steps = Stats(), Steps()
    outputs, next_output, every_step = [y], 1, len(times) == 2
    history, rejections, not_finite = (1.0, 1.0), 0, 0
    status, message = Status.SUCCESS, f"reached t = {t_end!r}"

    k0 = field(t, y)
    if k0.is_complex() and not y.is_complex():
        raise TypeError("f returned complex values for a real y0. Make y0 complex, as in y0.to(torch.complex128).")
    if not torch.isfinite(k0).all():
        i = first_not_finite(k0)
        status, message = Status.NOT_FINITE, sol.not_finite("f", t, 0.0, i, k0[i].item())
    elif step is not None:
        h = direction * step
    else:
        norm = lambda v, y: rms(v.detach().abs() / (atol + rtol * y.detach().abs())).item()  # noqa: E731
        h = first_step or control.first_step(field, t, y, k0, t_end, tableau, norm, advance)
        h = direction * min(h, max_step)

    while status is Status.SUCCESS and t != t_end:
        if stats.n_accepted + stats.n_rejected == max_steps:
            status = Status.MAX_STEPS
            message = sol.max_steps_reached(max_steps, t, h, t_end, stats.n_rejected)
            break
        h, last = control.end_on(t, h, t_end)
        y1, k = runge_kutta_step(field, t, y, h, tableau, k0, advance)
        ratio, error = math.nan, y1
        if step is None:
            ratio, error = error_ratio(y, y1, h, k, tableau, rtol, atol)
        finite = ratio < math.inf if step is None else bool(torch.isfinite(y1).all())
        accepted = finite and (step is not None or ratio <= 1)
        steps.append(t, h, ratio, accepted)

        if not accepted:
            stats.n_rejected += 1
            not_finite = 0 if finite else not_finite + 1
            if not finite and (step is not None or not_finite == MAX_NOT_FINITE or control.too_small(t, h)):
                bad = error if not torch.isfinite(error).all() else y1
                i = first_not_finite(bad)
                status, message = Status.NOT_FINITE, sol.not_finite("the result of a step", t, h, i, bad[i].item())
                break
            h *= controller.rejected(ratio if finite else math.inf, tableau.error_order)
            if finite and control.too_small(t, h):
                i = torch.unravel_index(error.argmax(), error.shape)
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
                dense_slopes(field, t, y, h, k, tableau, advance)
                outputs.append(interpolate(y, h, k, tableau, (times[next_output] - t) / h, advance))
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
    t_out = torch.tensor(t_out, dtype=torch.float64)
    return Solution(t_out, torch.stack(outputs), stats, steps.as_arrays(), status, message, trajectory)
