"""The record that holds an initial value problem, and what its right-hand sides are written with (first in lesson 03).

The problems themselves are in detest.py, stiff.py and others.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from autograd.tracer import trace_stack

from nodekit.arrays import is_torch, namespace

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """dy/dt = f(t, y), y(t_span[0]) = y0.

    Parameters
    ----------
    name, source : str
        source also says where the reference digits are from.
    f : callable
        f(t, y) -> dy/dt of y's shape, for NumPy arrays, autograd's boxes and torch tensors.
    y0 : (d,) float64 (complex128 for one)
    t_span : (t0, t1)
    exact : callable or None
        exact(t) -> the solution, (d,) for a float t, (n, d) for n times.
    y1 : (d,) or None
        y(t_span[1]) in as many digits as are known. A problem has exact, or y1, or both.
    stiff : bool
        Whether stability, and not accuracy, limits the steps of an explicit method at rtol = 1e-6.
    scale : float or (d,)
        Size at which a component begins to matter: `atol` is rtol times it.
    """

    name: str
    f: Callable
    y0: np.ndarray
    t_span: tuple[float, float]
    source: str
    exact: Callable | None = None
    y1: np.ndarray | None = None
    stiff: bool = False
    scale: float | np.ndarray = 1.0

    def atol(self, rtol):
        """The absolute tolerance that suits a relative one: rtol · scale, a float or (d,)."""
        return rtol * self.scale

    @property
    def end(self):
        """The reference solution at t_span[1], (d,)."""
        return self.exact(self.t_span[1]) if self.y1 is None else self.y1


def vector(y, *components):
    """The components of a dy/dt, each a number or an array of one shape, along a new first axis, in y's library.

    Plain NumPy takes the quick way, unless autograd is differentiating: it costs a twentieth of autograd's stack.
    """
    if type(y) is np.ndarray and trace_stack.top < 0:
        return np.array(components)
    return namespace(y).stack(components)


def constant(array, y):
    """A NumPy array as one that y's library computes with."""
    return namespace(y).as_tensor(array, dtype=y.dtype, device=y.device) if is_torch(y) else array


def linear(matrix):
    """f(t, y) = matrix @ y."""

    def f(t, y):
        return constant(matrix, y) @ y

    return f


def over_time(*components):
    """exact(t) from functions of t alone, each in NumPy: (d,) for a float t, (n, d) for n times."""

    def exact(t):
        t = np.asarray(t, float)
        return np.stack([component(t) + 0.0 * t for component in components], -1)

    return exact
