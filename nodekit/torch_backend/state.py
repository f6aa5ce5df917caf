"""States on the torch backend: what can be one, and f as the steppers call it (used from lesson 03 on).

Steppers keep a state flat, (d,), on its own device; f sees it in the caller's form: a tensor of any shape, or a tuple
or dict of tensors. Times and step sizes are Python floats, float64 whatever the state's dtype; f receives the time as
a 0-d tensor of the state's (real) dtype.
"""

import math

import numpy as np
import torch

from nodekit.solution import in_component
from nodekit.stepping import stepper
from nodekit.stepping.breaks import Sided
from nodekit.torch_backend.context import Context
from nodekit.torch_backend.layout import Layout
from nodekit.torch_backend.private_torch import transformed, version_of


class Field:
    """f on flat states: counts its calls, refuses a wrong shape, and changes in place of y or of a slope."""

    def __init__(self, f, layout, y, context=None):
        context = context or Context(y.device)
        self.sided, f = (f, f.f) if isinstance(f, Sided) else (None, f)
        self.own, self.f, self.show, self.slopes, self.nfev = f, context.around(f), layout.show, layout.slopes, 0
        self.dtype, self.device = y.real.dtype, y.device
        self.autocast = bool(context.autocast)  # then f's answer is converted
        # Under torch.inference_mode no tensor counts its changes.
        self.last = None if torch.is_inference_mode_enabled() or y.is_inference() else (y, version_of(y))

    def __call__(self, t, y):
        self.nfev += 1
        time = self.time(t)
        if self.last is None or torch.is_inference_mode_enabled():
            return self.checked(self.slopes(self.f(time, self.show(y)), t), y)
        before = version_of(y)
        k = self.slopes(self.f(time, self.show(y)), t)
        if version_of(y) != before:
            raise ValueError(f"f changed y in place at t = {t!r}. Work on a copy, as in y = y.clone().")
        last, version = self.last  # one pair: threads may evaluate f at once
        if version_of(last) != version:
            raise ValueError(f"f wrote into the tensor that it returned before (seen at t = {t!r}). Return a new one.")
        self.last = k, version_of(k)
        return k if k.dtype is y.dtype else self.checked(k, y)

    def time(self, t):
        """t, a float, as f gets it."""
        return torch.full((), t if self.sided is None else self.sided.inside(t), dtype=self.dtype, device=self.device)

    def checked(self, k, y):
        """The slope k in y's dtype. Raises TypeError for another one, but for what autocast chose."""
        if self.autocast:
            return k.to(y.dtype)
        if k.is_complex() and not y.is_complex():
            raise TypeError("f returned complex values for a real y0. Make y0 complex, as in y0.to(torch.complex128).")
        if k.dtype != y.dtype or k.device != y.device:
            raise TypeError(
                f"f returned {k.dtype} on {k.device}, but y0 is {y.dtype} on {y.device}. "
                "Convert the one or the other, as in y0.to(...) or module.to(...)."
            )
        return k


def all_finite(v):
    """Whether a tensor holds neither nan nor infinity. The norm is one quick pass; it may overflow, though."""
    if transformed():
        return True
    return math.isfinite(torch.linalg.vector_norm(v.detach()).item()) or bool(torch.isfinite(v).all())


def first_not_finite(values):
    """Index of the first nan or infinity of a flat tensor."""
    bad = (~torch.isfinite(values)).nonzero()
    return int(bad[0] if len(bad) else values.abs().argmax())  # all finite, and their squares are not


def rms(v):
    """Root mean square of a tensor, as a 0-d tensor."""
    return torch.linalg.vector_norm(v) / math.sqrt(v.numel())


class Stepper(stepper.Stepper):
    """What all steppers on torch tensors share (see stepper.py for what a stepper is).

    y0 as `check_state` returns it, rtol and atol as `check_tolerance` does. fixed: take every step whatever its error.
    jac: for families that solve equations with it. norm gives a 0-d tensor.
    """

    library = "torch"
    rms, norm, values = staticmethod(rms), staticmethod(rms), staticmethod(torch.Tensor.detach)

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
        self.layout = Layout(y0)
        y = flat(y0)
        self.kind, self.context = y.dtype, Context(y.device)
        # Dense output and the way back have counts of their own.
        self.field, self.again, self.field_back = (Field(f, self.layout, y, self.context) for _ in range(3))
        self.method, self.rtol, self.atol, self.fixed = method, rtol, atol, fixed
        self.tightest = float(rtol.min()) if isinstance(rtol, torch.Tensor) else rtol

    def start(self, t, y):
        """Evaluate the first slope. Raises ValueError or TypeError for an f that cannot be used."""
        if self.k0 is None:
            self.k0 = self.field(t, y)
        self.blame("f", self.k0)
        return all_finite(self.k0)

    def finite(self, y):
        return all_finite(y)

    def in_tolerances(self, v, y):
        return rms(v.detach() / (self.atol + self.rtol * y.detach().abs())).item()

    def culprit(self, values):
        i = first_not_finite(values)
        return self.layout.index(i), values[i].item()

    def worst(self):
        return self.layout.index(int(self.error.argmax()))

    def join(self, parts):
        return torch.cat(parts)

    def show(self, y):
        return self.layout.show(y)

    def stack(self, ys, like):
        return torch.stack(ys) if ys else like.new_empty((0, like.numel()))

    def plus(self, y, h, weights, k):
        """One kernel in place of three."""
        return torch.addmv(y, k.T, weights, alpha=h) if weights.dim() == 1 else torch.addmm(y, weights, k, alpha=h)

    def constant(self, array):
        kind = self.kind.to_complex() if array.dtype.kind == "c" else self.kind
        return torch.as_tensor(array, dtype=kind, device=self.context.device)

    def column(self, theta):
        return self.constant(theta)[:, None] if isinstance(theta, np.ndarray) else theta

    def times(self, ts):
        return torch.tensor(ts, dtype=torch.float64)

    def largest(self, x):
        return None if transformed() else x.detach().abs().max().item()

    def sees_values(self):
        return not transformed()

    def recorded_vjp(self, t, y, h, a, inside, params):
        """The vjp of one step, which `recorded` repeats while autograd records: see `step_vjp` in explicit.py."""
        before = self.field_back.nfev
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            states = self.recorded(t, y, h, inside[0] if inside else None)
            d = [a, inside[1]] if inside else [a]
            found = torch.autograd.grad(states, [y, *params], d, allow_unused=True)
        return found[0], found[1:], self.field_back.nfev - before

    def time(self, t):
        return torch.full((), t, dtype=torch.float64, device=self.context.device)

    def held(self):
        return self.context.held()

    def mode(self):
        return None if torch.is_grad_enabled() or transformed() else torch.is_inference_mode_enabled()


def check_state(y0):
    """y0 of real or complex floats. Raises TypeError, ValueError for no state."""

    def convert(y):
        return y if y.is_floating_point() or y.is_complex() else y.to(torch.float64)

    if isinstance(y0, torch.Tensor):
        y0 = convert(y0)
    else:
        pairs = enumerate(y0) if isinstance(y0, tuple | list) else y0.items()
        parts = {name: convert(y) if isinstance(y, torch.Tensor) else y for name, y in pairs}
        y0 = parts if isinstance(y0, dict) else tuple(parts.values())
    layout, y = Layout(y0), flat(y0)
    if not all_finite(y):
        i = first_not_finite(y)
        raise ValueError(f"y0 is {y[i].item()}{in_component(layout.index(i))}. Give a finite initial state.")
    return y0


def check_tolerance(name, value, y0):
    """rtol or atol as a float, or flat (d,) from one for every number of y0. Raises ValueError for another shape."""
    if not (isinstance(value, torch.Tensor | tuple | dict | list) or hasattr(value, "__array__")):
        return float(value)
    layout, y = Layout(y0), flat(y0)
    if layout.names is not None and isinstance(value, tuple | dict | list):
        value = tuple(value) if isinstance(value, list) else value
        if Layout(value).shapes != layout.shapes:
            raise ValueError(f"{name} must hold tensors of the shapes of y0, {[tuple(s) for s in layout.shapes]}.")
        return layout.flatten(value).to(dtype=y.real.dtype, device=y.device)
    value = torch.as_tensor(value, dtype=y.real.dtype, device=y.device)
    if value.dim() and (layout.names is not None or value.shape != layout.shape):
        shape = [tuple(s) for s in layout.shapes] if layout.names is not None else tuple(layout.shape)
        raise ValueError(f"{name} has shape {tuple(value.shape)}, but y0 has shape {shape}.")
    return value.reshape(-1) if value.dim() else float(value)


def size(y0):
    """How many numbers y0 holds."""
    return sum(Layout(y0).sizes)


def neighbours(y0):
    """The function of a float that gives its neighbours in y0's precision, (below, above); None for float64."""
    kind = flat(y0).real.dtype
    if torch.finfo(kind).bits >= 64:
        return None
    ends = torch.tensor([-math.inf, math.inf], dtype=kind)
    return lambda b: tuple(torch.nextafter(torch.tensor(b, dtype=kind).expand(2), ends).tolist())


def flat(y0):
    """The state as the steppers keep it: (d,), and not y0 itself, which stays the caller's to change."""
    y = Layout(y0).flatten(y0)
    return y.clone() if isinstance(y0, torch.Tensor) else y
