"""States on the NumPy backend: what can be one, and f as the steppers call it (used from lesson 03 on)."""

import cmath
import math
from contextlib import nullcontext

import autograd.numpy as anp
import numpy as np

from nodekit.private_autograd import getval, isbox, recording
from nodekit.solution import in_component
from nodekit.stepping import stepper
from nodekit.stepping.breaks import Sided


class Field:
    """f on flat states: counts its calls, refuses a wrong shape, and protects y from changes in place.

    shape: of the states that f takes. dtype: what f's answer is converted to, from another precision; None leaves it.
    copy: whether answers are copied, since f may write the next one into the same array.
    """

    def __init__(self, f, shape, dtype=None, copy=False):
        self.sided, f = (f, f.f) if isinstance(f, Sided) else (None, f)
        self.f, self.shape, self.flat, self.nfev, self.copy = f, shape, len(shape) == 1, 0, copy
        self.dtype = None if dtype is None else np.dtype(dtype)

    def __call__(self, t, y):
        self.nfev += 1
        if type(y) is np.ndarray:
            y.setflags(write=False)
        if self.sided is not None:
            t = self.sided.inside(t)
        k = self.f(t, y if self.flat else y.reshape(self.shape))
        if self.flat and type(k) is np.ndarray and k.shape == self.shape and k.dtype is self.dtype:
            return k + 0.0 if self.copy else k  # the common case, first
        if type(k) is not np.ndarray and not isbox(k):
            k = anp.array(k)
        if k.shape != self.shape:
            raise ValueError(f"f returned shape {k.shape} at t = {t!r}, but y has shape {self.shape}.")
        if type(k) is np.ndarray and self.dtype and k.dtype != self.dtype:
            if k.dtype.kind == "c" and self.dtype.kind != "c":
                raise TypeError("f returned complex values for a real y0. Make y0 complex, as in y0 + 0j.")
            if k.dtype.kind not in "iubfc":
                raise TypeError(
                    f"f returned an array of {k.dtype} at t = {getval(t)!r}, not of numbers. "
                    "Where autograd differentiates f, build arrays with autograd.numpy."
                )
            k = k.astype(self.dtype)
        k = k if self.flat else k.reshape(-1)
        return k + 0.0 if self.copy else k


def all_finite(v):
    """Whether a flat array holds neither nan nor infinity. The square is one quick pass; it may overflow, though."""
    if isbox(v):
        v = getval(v)
    return cmath.isfinite(v.dot(v)) or bool(np.isfinite(v).all())


def first_not_finite(values):
    """Index of the first nan or infinity, as a tuple of ints."""
    bad = np.argwhere(~np.isfinite(values))
    return tuple(int(i) for i in (bad[0] if len(bad) else np.unravel_index(np.argmax(np.abs(values)), values.shape)))


def rms(v):
    """Root mean square of an array, as a float."""
    v = v if v.ndim == 1 else v.reshape(-1)
    return math.sqrt((v.dot(v) if v.dtype.kind == "f" else np.vdot(v, v).real) / v.size)


class Stepper(stepper.Stepper):
    """What all steppers on NumPy arrays share (see stepper.py for what a stepper is).

    keeps_slopes: whether f's answers are kept as they are, and not copied into a buffer.
    y0 (any shape) as `check_state` returns it, rtol and atol as `check_tolerance` does. fixed: take every step
    whatever its error. jac: for families that solve equations with it.
    """

    library, keeps_slopes = "numpy", True
    rms, norm, values = staticmethod(rms), staticmethod(rms), staticmethod(getval)

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
        own = y0.shape, getval(y0).dtype, self.keeps_slopes
        self.field, self.again = Field(f, *own), Field(f, *own)  # dense output has a count of its own
        self.method, self.shape, self.rtol, self.atol, self.fixed = method, y0.shape, rtol, atol, fixed
        self.kind = getval(y0).dtype
        self.tightest = float(np.min(rtol))

    def start(self, t, y):
        """Evaluate the first slope. Raises ValueError or TypeError for an f that cannot be used."""
        if self.k0 is None:
            self.k0 = self.field(t, y) + 0.0  # a copy: f may use its array again
        if np.iscomplexobj(getval(self.k0)) and not np.iscomplexobj(getval(y)):
            raise TypeError("f returned complex values for a real y0. Make y0 complex, as in y0 + 0j.")
        self.blame("f", self.k0)
        return all_finite(self.k0)

    def finite(self, y):
        return all_finite(y)

    def in_tolerances(self, v, y):
        return rms(getval(v) / (self.atol + self.rtol * np.abs(getval(y))))

    def culprit(self, values):
        values = getval(values).reshape(self.shape)
        i = first_not_finite(values)
        return i, values[i]

    def worst(self):
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(self.error))), self.shape))

    def join(self, parts):
        return anp.concatenate(parts)

    def show(self, y):
        return y.reshape((*y.shape[:-1], *self.shape))

    def stack(self, ys, like):
        return anp.stack(ys) if ys else np.empty((0, like.size), getval(like).dtype)

    def plus(self, y, h, weights, k):
        return y + h * (weights @ k)

    def constant(self, array):
        return array.astype(np.result_type(self.kind, np.complex64) if np.iscomplexobj(array) else self.kind)

    def column(self, theta):
        return self.constant(theta)[:, None] if isinstance(theta, np.ndarray) else theta

    def times(self, ts):
        return np.array(ts, float)

    def largest(self, x):
        return float(np.abs(getval(x)).max(initial=0.0))

    def sees_values(self):
        return True

    def time(self, t):
        return t

    def held(self):
        """Overflow is no news here: the solver meets what is infinite, and names it."""
        return np.errstate(over="ignore") if np.geterr()["over"] == "warn" else nullcontext()

    def mode(self):
        return None if recording() else ()


def check_state(y0):
    """y0 as an array of real or complex floats. Raises TypeError or ValueError for no state."""
    if not isbox(y0):
        y0 = np.asarray(y0)
    if y0.dtype.kind in "iub":
        y0 = y0 * 1.0
    if y0.dtype.kind not in "fc":
        raise TypeError(f"y0 must hold numbers, got {y0.dtype} values. Give a NumPy array or a torch tensor.")
    values = getval(y0)
    if not np.isfinite(values).all():
        i = first_not_finite(values)
        raise ValueError(f"y0 is {values[i]}{in_component(i)}. Give a finite initial state.")
    return y0


def check_tolerance(name, value, y0):
    """rtol or atol as a float, or flat (d,) from an array of y0's shape. Raises ValueError for another shape."""
    if np.ndim(value) == 0:
        return float(value)
    if np.shape(value) != np.shape(getval(y0)):
        raise ValueError(f"{name} has shape {np.shape(value)}, but y0 has shape {np.shape(getval(y0))}.")
    return np.asarray(value, float).reshape(-1)


def size(y0):
    """How many numbers y0 holds."""
    return y0.size


def neighbours(y0):
    """The function of a float that gives its neighbours in y0's precision, (below, above); None for float64."""
    kind = getval(y0).real.dtype.type
    if np.finfo(kind).bits >= 64:
        return None
    return lambda b: tuple(float(np.nextafter(kind(b), kind(side))) for side in (-math.inf, math.inf))


def flat(y0):
    """The state as the steppers keep it: (d,), and not y0 itself, which stays the caller's to change."""
    return y0.reshape(-1) + 0.0
