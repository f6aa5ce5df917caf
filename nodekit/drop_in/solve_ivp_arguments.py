"""What solve_ivp makes of SciPy's arguments: one check and one conversion each (no lesson builds them).

Sources of the checks and of their words: scipy.integrate.solve_ivp (P. Virtanen et al., Nature Methods 17, 2020).
"""

import math
import sys
import warnings
from itertools import pairwise

import autograd.numpy as anp
import numpy as np

from nodekit import methods
from nodekit.arrays import is_torch
from nodekit.events import counted_to, event
from nodekit.private_autograd import getval, isbox

METHODS = {"RK45": "dopri5", "RK23": "bosh3", "DOP853": "dop853", "Radau": "radau", "BDF": "bdf", "LSODA": "auto"}
NEWTON = ("implicit", "rosenbrock", "bdf", "auto")  # the families that take jac
SMALLEST_RTOL = 100 * math.ulp(1.0)


class Field:
    """fun as `nodekit.solve` wants it: f(t, y) -> an array, or a tensor for a tensor, of y's shape (d,).

    SciPy also takes lists, and one number for all components. Raises TypeError for a gradient that would be lost.
    """

    def __init__(self, fun, args, vectorized):
        if not callable(fun):
            raise TypeError(f"fun must be a function fun(t, y), got {type(fun).__name__}.")
        self.fun, self.args, self.vectorized = fun, args, vectorized

    def __call__(self, t, y):
        y = own(y)
        k = self.fun(t, y[:, None] if self.vectorized else y, *self.args)
        if type(k) is not np.ndarray or not k.ndim:
            k = of_tensors(k, y) if is_torch(y) else of_arrays(k, y)
        return k.reshape(-1) if self.vectorized else k


def own(y):
    """An array that the caller may change, and that torch takes without a warning."""
    return y.copy() if type(y) is np.ndarray else y


def of_arrays(k, y):
    """What fun returned for an array y, as an array or one of autograd's boxes."""
    if is_torch(k):
        if any(part.requires_grad for part in (k if isinstance(k, tuple | list) else [k]) if is_torch(part)):
            raise TypeError(
                "fun returned a tensor that requires grad for an array y: the gradient would be lost. "
                "Give y0 as a torch tensor, or call solve_ivp under torch.no_grad()."
            )
        k = np.asarray(k)
    k = k if isbox(k) else anp.array(k)
    return k if k.ndim else k * np.ones(y.shape)


def of_tensors(k, y):
    """What fun returned for a tensor y, as a tensor where it is a list or a number."""
    torch = sys.modules["torch"]
    if isinstance(k, tuple | list):
        return torch.stack([torch.as_tensor(part, dtype=y.dtype, device=y.device).reshape(()) for part in k])
    if isinstance(k, np.ndarray) or not hasattr(k, "shape"):
        k = torch.as_tensor(k, dtype=y.dtype, device=y.device)
    return k if k.dim() else k.expand(y.shape)


def jacobian(options, record, args):
    """(jac as `nodekit.solve` wants it, whether it is constant), taken out of the options with what belongs to it."""
    if not options.get("min_step"):
        options.pop("min_step", None)  # 0 is the default, there
    jac = options.pop("jac", None) if record.family in NEWTON else None
    if jac is None or isinstance(jac, str):
        return jac, False
    band = None
    if record.family == "auto" and not (options.get("lband") is None and options.get("uband") is None):
        band = [options.pop(name, None) or 0 for name in ("lband", "uband")]
    return Jacobian(jac, args, band), not callable(jac)


class Jacobian:
    """jac as `nodekit.solve` wants it: jac(t, y) -> a dense (d, d). band: (lband, uband) where it returns diagonals."""

    def __init__(self, jac, args, band):
        self.jac, self.args, self.band = jac, args, band
        if not callable(jac):
            self.jac = dense(jac)

    def __call__(self, t, y):
        matrix = dense(self.jac(t, own(y), *self.args)) if callable(self.jac) else self.jac
        if self.band:  # packed[i - j + uband, j] is ∂f_i/∂y_j
            (lower, upper), packed, d = self.band, matrix, len(y)
            matrix = np.zeros((d, d), packed.dtype)
            for k in range(-upper, lower + 1):
                j = np.arange(max(0, -k), min(d, d - k))
                matrix[j + k, j] = packed[k + upper, j]
        return matrix if is_torch(matrix) or matrix.ndim else matrix.reshape(1, 1)


def dense(matrix):
    """A matrix as an array, from SciPy's sparse ones too; a tensor stays one."""
    for convert in ("toarray", "todense"):
        if hasattr(matrix, convert):
            return np.asarray(getattr(matrix, convert)())
    return matrix if is_torch(matrix) and hasattr(matrix, "dim") else np.asarray(getval(matrix))


def method_named(method):
    """The record of a method by SciPy's name or ours. Raises ValueError, listing them."""
    if isinstance(method, type) and method.__module__.startswith("scipy.integrate."):
        method = method.__name__
    try:
        return methods.get(METHODS.get(method, method) if isinstance(method, str) else method)
    except ValueError as error:
        raise ValueError(f"`method` must be one of {[*METHODS]}, or one of nodekit's own: {error}") from error


def initial_state(y0, args):
    """y0 (d,) as an array of float64 or complex128, as one of autograd's boxes, or as a tensor. Raises ValueError."""
    if is_torch(y0) or needs_torch(args):
        torch = sys.modules["torch"]
        if isinstance(y0, tuple | list):
            y0 = torch.stack([torch.as_tensor(x, dtype=None if is_torch(x) else torch.float64) for x in y0])
        y0 = torch.as_tensor(y0)
        y0 = y0 if y0.is_floating_point() or y0.is_complex() else y0.to(torch.float64)
        values = y0.detach()
        finite = values.isfinite().all
    else:
        y0 = y0 if isbox(y0) else anp.array(y0)
        y0 = y0.astype(complex if y0.dtype.kind == "c" else float)
        finite = np.isfinite(getval(y0)).all
    if y0.ndim != 1:
        raise ValueError(f"`y0` must be 1-dimensional, got shape {tuple(y0.shape)}.")
    if not finite():
        raise ValueError(f"All components of the initial state `y0` must be finite. Got {y0}.")
    return y0


def needs_torch(args):
    """Whether torch would record what depends on these arguments."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.is_grad_enabled() and any(is_torch(x) and requires_grad(x) for x in args)


def requires_grad(x):
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, tuple | list) else [x]
    return any(getattr(part, "requires_grad", False) for part in parts)


def number(name, x):
    """A time as a float. Raises ValueError for a tensor that requires grad."""
    if getattr(x, "requires_grad", False):
        raise ValueError(f"`{name}` takes numbers, through which no gradient flows: detach them, or see nodekit.solve.")
    return float(x)


def far(max_step):
    """A time, > 0, that stands for an infinite one: no solve gets there by such steps, and it still resolves them."""
    return 1e12 * max_step if max_step and 0 < max_step < 1e290 else sys.float_info.max


def output_times(t_eval, t0, t1):
    """t_eval (n,) as a list of floats. Raises ValueError as SciPy does."""
    if np.ndim(t_eval) != 1:
        raise ValueError(f"`t_eval` must be 1-dimensional, got {np.ndim(t_eval)} axes.")
    times = [number("t_eval", x) for x in t_eval]
    if not all(min(t0, t1) <= t <= max(t0, t1) for t in times):
        raise ValueError(f"Values in `t_eval` are not within `t_span`, {(t0, t1)}: {t_eval!r}.")
    if not all((b - a) * (t1 - t0) > 0 for a, b in pairwise(times)):
        raise ValueError(f"Values in `t_eval` are not properly sorted: {t_eval!r}.")
    return times


def tolerances(rtol, atol, y0):
    """rtol and atol, numbers or (d,), as floats or arrays. Warns of too small an rtol; raises ValueError as SciPy."""
    d, finfo = len(y0), sys.modules["torch"].finfo if is_torch(y0) else np.finfo
    rtol, atol = (np.asarray(x.detach().cpu() if is_torch(x) else x, float) for x in (rtol, atol))
    if (rtol < SMALLEST_RTOL).any():
        warnings.warn(
            f"At least one element of `rtol` is too small. Setting `rtol = np.maximum(rtol, {SMALLEST_RTOL})`.",
            stacklevel=3,
        )
    if atol.shape not in ((), (d,)):
        raise ValueError(f"`atol` has wrong shape: {atol.shape} for y0 of shape {(d,)}.")
    if not (atol >= 0).all():
        raise ValueError(f"`atol` must be positive, got {atol}.")
    smallest_atol = float(finfo(y0.dtype).tiny) ** 0.4  # in place of 0: what is divided by it can still be squared
    found = np.maximum(rtol, SMALLEST_RTOL), np.maximum(atol, smallest_atol)
    return [x if x.ndim else float(x) for x in found]


def checked_events(events, args):
    """The events as `nodekit.solve` wants them. Raises TypeError or ValueError for what is none."""
    if events is None:
        return None
    found = []
    for i, g in enumerate([events] if callable(events) else events):
        if not callable(g):
            raise TypeError(f"events[{i}] must be a function g(t, y), got {type(g).__name__}.")
        terminal = getattr(g, "terminal", None) or False
        try:
            counted_to(f"events[{i}]", terminal)
        except ValueError as error:
            message = "The `terminal` attribute of each event must be a boolean or positive integer."
            raise ValueError(f"{message} {error}") from error
        direction = int(np.sign(getattr(g, "direction", 0)))
        found.append(event(lambda t, y, g=g: g(t, own(y), *args), int(terminal), direction))
    return found
