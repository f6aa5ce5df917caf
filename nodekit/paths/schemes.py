"""Four ways to draw a path through observations, and what each knows of those to come (built in lesson 20).

In all of them values are (..., n, channels), NumPy or torch, nan where nothing was observed, and times (n,) increase;
without times the knots are numbered 0, 1, ..., n − 1, which lets every sample have times of its own, as a channel.
A missing value is filled in its channel by the line between its neighbours in time, which looks ahead to the next value
observed there, and after the last one by that one; `rectilinear` holds the last value instead. A channel without a
value at the first time has nothing to begin with: that is an error, since to take it from later would tell the future.
Each raises ValueError for shapes that do not fit, fewer than two times, and times that do not increase; TypeError for
values that are not floats.
"""

from typing import Any

import numpy as np

from nodekit.arrays import is_torch, namespace
from nodekit.paths.path import Path

__all__ = ["hermite", "linear", "natural_spline", "rectilinear"]


def linear(values: Any, times: Any = None) -> Path:
    """Straight lines between observations. It looks ahead to the next observation.

    values (..., n, channels), times (n,): as above. Returns a Path of degree 1.
    """
    x, t, full = prepared(values, times)
    slopes = divided(x, t)
    return Path(t, namespace(x).stack([x[:-1], slopes]), "the next observation" if full else LATER)


def hermite(values: Any, times: Any = None) -> Path:
    """Cubics whose slope at each observation is that of the line that came to it: once continuously differentiable.

    The slope at the first observation is that of the line after it. It looks ahead to the next observation.
    values (..., n, channels), times (n,): as above. Returns a Path of degree 3.

    Source: J. Morrill, P. Kidger, L. Yang, T. Lyons, Neural controlled differential equations for online prediction
    tasks, 2021, section 3 (backward differences).
    """
    x, t, full = prepared(values, times)
    xp, slopes, h = namespace(x), divided(x, t), gaps(x, t)
    before = xp.concatenate([slopes[:1], slopes[:-1]])
    # From x with the slope `before` to the next x with the slope `slopes`: a line, and a cubic that is 0 at both ends.
    bend = before - slopes
    zero = 0 * bend
    rows = [x[:-1], before, -2 * bend / h + zero, bend / h**2]
    return Path(t, xp.stack(rows), "the next observation" if full else LATER)


def natural_spline(values: Any, times: Any = None) -> Path:
    """The cubic spline with X'' = 0 at both ends: twice continuously differentiable, of the least ∫ |X''|².

    Every piece depends on all observations: a model that reads it at t has seen the future. Missing values are filled
    by lines first, so in a channel with gaps it is the spline through the filled values.
    values (..., n, channels), times (n,): as above. Returns a Path of degree 3.

    Source: J. H. Ahlberg, E. N. Nilson, J. L. Walsh, The theory of splines and their applications, 1967, section 2.
    """
    x, t, _ = prepared(values, times)
    xp, n = namespace(x), len(t)
    if n == 2:
        return Path(t, xp.stack([x[:-1], divided(x, t)]), "everything")
    h = np.diff(t)
    # Second derivatives m: h_i m_i + 2 (h_i + h_{i+1}) m_{i+1} + h_{i+1} m_{i+2} = 6 (slope_{i+1} − slope_i).
    matrix = np.diag(2 * (h[:-1] + h[1:])) + np.diag(h[1:-1], 1) + np.diag(h[1:-1], -1)
    inverse = np.zeros((n, n - 2))
    inverse[1:-1] = np.linalg.solve(matrix, 6 * np.eye(n - 2))
    slopes = divided(x, t)
    m = product(inverse, slopes[1:] - slopes[:-1])
    h = gaps(x, t)
    rows = [x[:-1], slopes - h * (2 * m[:-1] + m[1:]) / 6, m[:-1] / 2, (m[1:] - m[:-1]) / (6 * h)]
    return Path(t, xp.stack(rows), "everything")


def rectilinear(values: Any, times: Any) -> Path:
    """First time passes and the values hold, then the values change and time holds: no value is known before its time.

    The path's parameter s goes from 0 to 2 (n − 1), and its channels are (time, *values): between 2i and 2i + 1 time
    goes from t_i to t_{i+1}, between 2i + 1 and 2i + 2 the values go from x_i to x_{i+1}. A missing value holds the
    last one. The curve knows nothing of the future; how fast s runs through a wait depends on when it will end.
    values: (..., n, channels). times: (n,), or (..., n) for samples with times of their own. Returns a Path, degree 1.

    Source: Morrill, Kidger, Yang, Lyons, 2021, section 3.
    """
    x, _, _ = prepared(values, None, hold=True)
    xp, own = namespace(x), x[..., 0]
    if times is None:
        raise ValueError("rectilinear needs times, (n,) or (..., n): time is its first channel.")
    given = plain(times)
    if not np.isfinite(given).all():
        raise ValueError(f"times hold {given[~np.isfinite(given)][0]}: a time must be finite.")
    t = xp.as_tensor(times, dtype=x.dtype, device=x.device) if is_torch(x) else given.astype(x.dtype)
    if (abs(np.diff(plain(t)) - np.diff(given)) > 1e-3 * abs(np.diff(given))).any():
        raise ValueError(
            f"times do not fit into {x.dtype}, which would change gaps. Subtract the first, or use float64."
        )
    t = t.reshape((1,) * (own.ndim - t.ndim) + tuple(t.shape)) if t.ndim < own.ndim else t
    t = first(t)
    if t.shape[0] != x.shape[0]:
        raise ValueError(f"times have {t.shape[0]} entries, and values {x.shape[0]}.")
    t = t + 0 * own
    if not bool((t[1:] > t[:-1]).all()):
        raise ValueError("times must increase strictly, in every sample.")
    corners = xp.concatenate([t[..., None], x], -1)
    waiting = xp.concatenate([t[1:, ..., None], x[:-1]], -1)
    both = xp.stack([corners[:-1], waiting], 1).reshape((-1, *corners.shape[1:]))
    corners = xp.concatenate([both, corners[-1:]])
    return Path(np.arange(len(corners), dtype=float), xp.stack([corners[:-1], corners[1:] - corners[:-1]]), "nothing")


LATER = "everything"  # a line through a missing value ends at an observation that may come much later


def plain(x: Any) -> "np.ndarray[Any, Any]":
    """Its numbers as a NumPy array of float64, without gradients."""
    return np.asarray(x.detach().cpu().double() if is_torch(x) else x, float)


def first(x: Any) -> Any:
    """Its second last axis, or the last of times, moved to the front."""
    return x.movedim(-1, 0) if is_torch(x) else np.moveaxis(x, -1, 0)


def prepared(values: Any, times: Any, hold: bool = False) -> tuple[Any, Any, bool]:
    """Values as (n, ..., channels) without gaps, the knots (n,), and whether there were none."""
    if not is_torch(values):
        values = np.asarray(values) if not hasattr(values, "shape") else values
    floats = values.is_floating_point() if is_torch(values) else values.dtype.kind == "f"
    if not floats:
        raise TypeError(f"values must be floats, got {values.dtype}.")
    if values.ndim < 2 or values.shape[-2] < 2:
        raise ValueError(f"values must be (..., n, channels) with n >= 2 times, got shape {tuple(values.shape)}.")
    n = values.shape[-2]
    if times is None:
        t = np.arange(n, dtype=float)
    elif getattr(times, "requires_grad", False):
        raise ValueError("times require gradients, which a path does not give by its knots. Detach them.")
    else:
        t = plain(times)
    if t.shape != (n,):
        raise ValueError(f"times must be ({n},), as values have {n} of them, got shape {t.shape}.")
    if not (np.isfinite(t).all() and (np.diff(t) > 0).all()):
        i = int(np.argmax(~(np.diff(t) > 0)))
        raise ValueError(f"times must be finite and increase: times[{i}]={t[i]} is followed by {t[i + 1]}.")
    x = values.movedim(-2, 0) if is_torch(values) else np.moveaxis(values, -2, 0)
    known = np.asarray((x == x).detach().cpu()) if is_torch(x) else ~np.isnan(np.asarray(x, float))
    infinite = np.argwhere(np.isinf(plain(x)))
    if len(infinite):
        i, *place = (int(k) for k in infinite[0])
        raise ValueError(f"the value at time {i}, place {tuple(place)}, is infinite. Give a number, or nan if missing.")
    if known.all():
        return x, t, True
    missing = np.argwhere(~known[0])
    if len(missing):
        *sample, channel = (int(i) for i in missing[0])
        where = f" of sample {sample[0] if len(sample) == 1 else tuple(sample)}" if sample else ""
        raise ValueError(
            f"channel {channel}{where} has no value at the first time. Give it one that was known then, a mean of the "
            "training data for example: a value from later would tell the future."
        )
    return filled(x, t, known, hold), t, False


def filled(x: Any, t: Any, known: Any, hold: bool) -> Any:
    """x with its gaps filled by lines, or by the last value."""
    n, xp = len(x), namespace(x)
    place = np.arange(n).reshape(-1, *[1] * (known.ndim - 1))
    before = np.maximum.accumulate(np.where(known, place, 0), 0)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(known, place, n), 0), 0), 0)
    after = np.where((after == n) | hold, before, after)
    span = t[after] - t[before]
    share: Any = np.where(span > 0, (t[place] - t[before]) / np.where(span > 0, span, 1.0), 0.0)
    if is_torch(x):
        import torch

        take = lambda i: torch.take_along_dim(x, torch.as_tensor(i, device=x.device), 0)  # noqa: E731
        share = torch.as_tensor(share, dtype=x.dtype, device=x.device)
    else:
        share, take = share.astype(x.dtype), lambda i: xp.take_along_axis(x, i, 0)
    low, high = take(before), take(after)
    return low + share * (high - low)


def gaps(x: Any, t: Any) -> Any:
    """The lengths of the pieces, (n − 1, 1, ...), in x's kind."""
    h = np.diff(t).reshape(-1, *[1] * (x.ndim - 1))
    return namespace(x).as_tensor(h, dtype=x.dtype, device=x.device) if is_torch(x) else h.astype(x.dtype)


def divided(x: Any, t: Any) -> Any:
    """The slopes of the lines between observations."""
    return (x[1:] - x[:-1]) / gaps(x, t)


def product(matrix: Any, x: Any) -> Any:
    """matrix (m, n) times x (n, ...)."""
    if is_torch(x):
        matrix = namespace(x).as_tensor(matrix, dtype=x.dtype, device=x.device)
    else:
        matrix = matrix.astype(x.dtype)
    return (matrix @ x.reshape(len(x), -1)).reshape((len(matrix), *x.shape[1:]))
