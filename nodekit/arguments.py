"""The checks that solve() makes of its arguments: one message each, repeating the value (used from lesson 03 on)."""

import math
import sys
from numbers import Real

import numpy as np

from nodekit.arrays import is_torch
from nodekit.stepping.control import too_small


def positive(name, value, times=()):
    """Raise ValueError unless value is a number > 0 that, as a step size, is not lost in the rounding of `times`."""
    if not isinstance(value, Real) or not value > 0 or (value == math.inf and name != "max_step"):
        raise ValueError(f"{name}={value!r} must be a number greater than 0.")
    for t in times:
        if too_small(t, value):
            raise ValueError(f"{name}={value!r} is lost in the rounding of t={t!r}. Take a larger one.")


def at_least_one(name, value):
    """Raise ValueError unless value is a whole number >= 1."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}={value!r} must be a whole number of at least 1.")


def fixed_step(step, ends, max_steps):
    """Raise ValueError unless `step` is a step size that goes from ends[0] to ends[1] in at most max_steps steps."""
    positive("step", step, ends)
    needed = abs(ends[1] - ends[0]) / step
    if needed > max_steps * (1 + 1e-10):
        needed = math.ceil(needed) if needed < math.inf else needed
        raise ValueError(
            f"step={step!r} needs {needed} steps from t={ends[0]!r} to t={ends[1]!r}, "
            f"more than max_steps={max_steps!r}. Raise max_steps, or take a larger step."
        )


def step_sizes(method, times, rtol, atol, step, max_steps):
    """Raise ValueError unless a method's record, tolerances and sizes of steps go together. times: list of floats."""
    tolerance("rtol", rtol)
    tolerance("atol", atol)
    if step is None and not method.adaptive:
        raise ValueError(f"method={method.name!r} has no error estimate: give it a step size, as in step=0.01.")
    at_least_one("max_steps", max_steps)
    if step is not None:
        fixed_step(step, (times[0], times[-1]), max_steps)


LAYER = "a layer keeps its times as floats. Detach it, or call nodekit.solve(f, y0, t), which has gradients by t"


def held_times(t, why=LAYER):
    """The output times where no gradient can flow to them. Raises as `output_times`, and for a t that requires one."""
    if any(getattr(x, "requires_grad", False) for x in (t if isinstance(t, tuple | list) else (t,))):
        raise ValueError(f"t requires gradients, and {why}.")
    return output_times(t)


def tensor(name, y):
    """Raise TypeError unless y is one torch tensor, as layers take it."""
    if not is_torch(y) or isinstance(y, tuple | list | dict):
        raise TypeError(f"{name} must be a torch tensor, got {type(y).__name__}.")


def tolerance(name, value):
    """Raise ValueError unless value holds numbers > 0 alone: a number, an array, or a tuple or dict of arrays."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else [value]
    for part in parts:
        array = np.asarray(part.detach().cpu() if is_torch(part) else part)
        if array.dtype.kind not in "iuf" or not np.all((array > 0) & (array < math.inf)):
            raise ValueError(f"{name}={value!r} must be a number greater than 0, or an array of them.")


def output_times(t):
    """The output times as a list of floats. Raises TypeError or ValueError that repeats what is wrong."""
    if is_torch(t):
        listed = isinstance(t, tuple | list)
        t = [float(x.detach() if is_torch(x) else x) for x in t] if listed else t.detach().cpu().numpy()
    try:
        times = np.asarray(t)
        if times.dtype.kind not in "iuf":
            raise TypeError(f"t must hold real numbers, got {t!r}.")
        times = times.astype(float)
    except (ValueError, TypeError) as error:
        raise TypeError(f"t must be (t0, t1) or a sequence of output times, got {t!r}.") from error
    if times.ndim != 1 or len(times) < 2:
        raise ValueError(f"t must be (t0, t1) or at least two output times, got shape {times.shape}: {t!r}.")
    if not np.isfinite(times).all():
        raise ValueError(f"t={times[~np.isfinite(times)][0]} is not finite. Give finite times.")
    if not math.isfinite(float(times[-1]) - float(times[0])):
        raise ValueError(f"the interval from t={times[0]} to t={times[-1]} is too long for floating-point numbers.")
    gaps = np.diff(times)
    nothing_to_do = len(times) == 2 and gaps[0] == 0
    if not ((gaps > 0).all() or (gaps < 0).all() or nothing_to_do):
        i = int(np.argmax(gaps * np.sign(times[-1] - times[0]) <= 0))
        raise ValueError(
            f"times must be strictly increasing or strictly decreasing: t[{i}]={times[i]} is followed by "
            f"t[{i + 1}]={times[i + 1]}."
        )
    return times.tolist()


def increasing(name, given):
    """Times as a list of floats, [] for None. Raises TypeError or ValueError unless they are finite and increase."""
    if given is None:
        return []
    try:
        points = np.asarray([float(x) for x in (given.detach().tolist() if is_torch(given) else given)])
    except (TypeError, ValueError, AttributeError) as error:
        raise TypeError(f"{name} must be a sequence of times, (n,), got {given!r}.") from error
    if not np.isfinite(points).all():
        i = int(np.argmin(np.isfinite(points)))
        raise ValueError(f"{name}[{i}]={points[i]} is not finite. Give finite times.")
    if not (np.diff(points) > 0).all():
        i = int(np.argmin(np.diff(points) > 0))
        raise ValueError(
            f"{name} must increase strictly, whatever the direction of t: {name}[{i}]={points[i]} is followed by "
            f"{name}[{i + 1}]={points[i + 1]}. Sort them, and give each once."
        )
    return points.tolist()


def with_middle(times):
    """Two times, and one between them: two alone would return, and keep, every step."""
    return [times[0], (times[0] + times[1]) / 2, times[1]]


def sample_count(y0):
    """How many samples batch="blocks" has. Raises ValueError for a y0 that is not one tensor with samples first."""
    if not is_torch(y0) or isinstance(y0, tuple | dict) or not y0.dim() or not y0.numel():
        given = f"shape {tuple(y0.shape)}" if hasattr(y0, "shape") else type(y0).__name__
        raise ValueError(f'batch="blocks" needs y0 as one torch tensor with samples along its first axis, got {given}.')
    return y0.shape[0]


def sample_times(t, y0):
    """The times of a batch y0 of n samples, a float64 tensor (m, n), from (m,) times for all or (m, n).
    Gradients flow to t through it.

    Raises TypeError or ValueError that repeats what is wrong, with y0 too.
    """
    torch = sys.modules["torch"]
    parts = list(y0.values()) if isinstance(y0, dict) else list(y0) if isinstance(y0, tuple | list) else [y0]
    counts = {part.shape[0] if part.dim() else None for part in parts}
    if len(counts) > 1 or counts & {None, 0}:
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        raise ValueError(f'batch="independent" needs samples along the first axis of y0, whose shape is {shapes}.')
    (n,) = counts
    if isinstance(t, tuple | list) and is_torch(t):
        t = torch.stack([torch.as_tensor(x, dtype=torch.float64) for x in t])
    times = t if isinstance(t, torch.Tensor) else torch.as_tensor(np.asarray(t, float))
    times = times.to(torch.float64)
    if times.dim() == 1:
        times = times[:, None].expand(-1, n)
    if times.dim() != 2 or times.shape[1] != n or len(times) < 2:
        raise ValueError(
            f'with batch="independent" t must hold at least two times, (m,) for all samples or (m, {n}), one column '
            f"for each of the {n} samples; got shape {tuple(times.shape)}."
        )
    columns = {tuple(column) for column in times.T.tolist()}
    for column in columns:
        output_times(column)
    return times
