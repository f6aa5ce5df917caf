"""The problem that `diagnose` looks at: its field, watched at every call, and what several checks share."""

from contextlib import nullcontext

import numpy as np

from nodekit import gradients, methods
from nodekit.arrays import is_torch
from nodekit.solve import solve as nodekit_solve


class FieldError(Exception):
    """f raised; the message says what, and when."""


class Watch:
    """f as the checks call it: it notes the first value that is not finite, and the time at which f raises."""

    def __init__(self, f):
        self.f, self.bad, self.bad_calls = f, None, 0

    def __call__(self, t, y):
        try:
            with np.errstate(all="ignore"):
                k = self.f(t, y)
        except Exception as error:
            raise FieldError(f"f raised {type(error).__name__}: {error} at t = {float(t):.6g}") from error
        if k is None:
            raise FieldError(f"f returned None at t = {float(t):.6g}")
        wrong = np.argwhere(~np.isfinite(array(k)))
        if len(wrong):
            self.bad_calls += 1
            self.bad = self.bad or f"first at t = {float(t):.6g} in component {', '.join(map(str, wrong[0]))}"
        return k


class Case:
    """The problem that is looked at, and what several checks share."""

    def __init__(self, f, y0, t, params, seed, settings):
        self.torch = is_torch(y0)
        if isinstance(y0, tuple | dict):
            raise TypeError(f"diagnose takes an array or one tensor, got a {type(y0).__name__}: concatenate its parts.")
        self.f, self.y0, self.t = Watch(f), y0 if self.torch else np.asarray(y0) * 1.0, (float(t[0]), float(t[-1]))
        own = ("throw",) if self.torch else ("throw", "gradient")  # of NumPy's solve it is the way that is thought of
        self.settings = {key: value for key, value in settings.items() if key not in own}
        self.rtol, self.atol = settings.get("rtol", 1e-6), array(settings.get("atol", 1e-9))
        self.method = methods.get(settings.get("method", "dopri5"))
        self.way = gradients.get(settings.get("gradient", "discrete")).name
        self.explicit, self.stiff, self.seed = self.method.family == "explicit", False, seed
        self.precision = float(np.finfo(array(self.y0).dtype).eps)
        if self.torch and params is None:
            from nodekit.torch_backend.depends import held

            params = held(f)[0]
        self.params = list(params or ())

    def solve(self, y0=None, t=None, f=None, **changed):
        """nodekit.solve with the caller's settings, and changes to them."""
        settings = {**self.settings, **changed}
        return nodekit_solve(f or self.f, self.y0 if y0 is None else y0, t or self.t, **settings)

    def solve_recorded(self, y0, t=None, **changed):
        return self.solve(y0, t, **({"params": self.params} if self.params else {}), **changed)

    def no_grad(self):
        return import_torch().no_grad() if self.torch else nullcontext()

    def start(self):
        return self.y0.detach().clone().requires_grad_()

    def random(self, x, number):
        """Standard normal numbers like the tensor x, the same for the same seed and number."""
        values = np.random.default_rng([self.seed, number]).normal(size=tuple(x.shape))
        return x.detach().new_tensor(values)


def import_torch():
    import torch

    return torch


def array(x):
    """x as a NumPy array, also where it is a tensor."""
    return x.detach().cpu().numpy() if is_torch(x) else np.asarray(x)


def tensor(x, case):
    return import_torch().as_tensor(np.array(x), dtype=case.y0.dtype, device=case.y0.device)
