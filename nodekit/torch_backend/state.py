"""States on the torch backend: what can be one, and f as the steppers call it (used from lesson 03 on).

Times and step sizes are Python floats, float64 whatever the state's dtype; f receives the time as a 0-d tensor of
the state's (real) dtype.
"""

import math

import torch

from nodekit.solution import Status, in_component, not_finite


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


class Stepper:
    """What all steppers on torch tensors share (see loop.py for what a stepper is).

    y0: tensor of any shape, as `check_state` returns it. fixed: take every step whatever its error.
    """

    adaptive, error_order = False, None

    def __init__(self, f, y0, rtol, atol, fixed):
        self.field, self.again = Field(f, y0), Field(f, y0)  # dense output has a count of its own
        self.rtol, self.atol, self.fixed = rtol, atol, fixed

    def start(self, t, y):
        """Evaluate the first slope. Raises ValueError or TypeError for an f that cannot be used."""
        self.k0 = self.field(t, y)
        if self.k0.is_complex() and not y.is_complex():
            raise TypeError("f returned complex values for a real y0. Make y0 complex, as in y0.to(torch.complex128).")
        self.bad = "f", self.k0
        return all_finite(self.k0)

    def finite(self, y):
        return all_finite(y)

    def accept(self):
        """Nothing to do for most methods."""

    def reject(self):
        """Nothing to do for most methods."""

    def factor(self, ratio, accepted):
        return None

    def keep(self):
        return None

    def trouble(self, t, h):
        what, values = self.bad
        i = first_not_finite(values)
        return Status.NOT_FINITE, not_finite(what, t, h, i, values[i].item())

    def worst(self):
        return tuple(map(int, torch.unravel_index(self.error.argmax(), self.error.shape)))

    def count(self):
        return {"nfev": self.field.nfev}

    def join(self, parts):
        return torch.cat(parts)

    def show(self, y):
        return y

    def stack(self, ys):
        return torch.stack(ys)

    def times(self, ts):
        return torch.tensor(ts, dtype=torch.float64)


def version(x):
    """How often x was changed in place; 0 under torch.inference_mode, which does not count."""
    return 0 if x.is_inference() else x._version


def check_state(y0, atol):
    """(y0, atol): a tensor of real or complex floats. Raises TypeError or ValueError for what cannot be a state."""
    if not (y0.is_floating_point() or y0.is_complex()):
        y0 = y0.to(torch.float64)
    if y0.numel() == 0:
        raise ValueError(f"y0 is empty (shape {tuple(y0.shape)}): there is nothing to solve.")
    if not torch.isfinite(y0).all():
        i = first_not_finite(y0)
        raise ValueError(f"y0 is {y0[i].item()}{in_component(i)}. Give a finite initial state.")
    return y0, atol


def flat(y0):
    """The state as the steppers keep it: on torch, in its own shape."""
    return y0


def all_finite(v):
    """Whether a tensor holds neither nan nor infinity."""
    return bool(torch.isfinite(v).all())


def first_not_finite(values):
    """Index of the first nan or infinity, as a tuple of ints."""
    bad = (~torch.isfinite(values)).nonzero()
    largest = torch.unravel_index(values.abs().argmax(), values.shape)  # all finite, and their squares are not
    return tuple(map(int, bad[0] if len(bad) else largest))


def rms(v):
    """Root mean square of a real tensor, as a 0-d tensor."""
    return torch.linalg.vector_norm(v) / math.sqrt(v.numel())
