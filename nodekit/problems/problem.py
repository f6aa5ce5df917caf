"""The record that holds an initial value problem, and what its right-hand sides are written with (first in lesson 03).

The problems themselves are in detest.py, stiff.py and others.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nodekit.arrays import is_torch, namespace
from nodekit.private_autograd import recording

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    f: Callable[[Any, Any], Any]
    y0: "NDArray[Any]"
    t_span: tuple[float, float]
    source: str
    exact: Callable[[Any], "NDArray[Any]"] | None = None
    y1: "NDArray[Any] | None" = None
    stiff: bool = False
    scale: "float | NDArray[Any]" = 1.0

    def atol(self, rtol: float) -> "float | NDArray[Any]":
        """The absolute tolerance that suits a relative one: rtol · scale, a float or (d,)."""
        return rtol * self.scale

    @property
    def end(self) -> "NDArray[Any]":
        """The reference solution at t_span[1], (d,)."""
        return self.exact(self.t_span[1]) if self.y1 is None else self.y1  # type: ignore[misc]  # it has one of them


def vector(y: Any, *components: Any) -> Any:
    """The components of a dy/dt, each a number or an array of one shape, along a new first axis, in y's library.

    Plain NumPy takes the quick way, unless autograd is differentiating: it costs a twentieth of autograd's stack.
    """
    if type(y) is np.ndarray and not recording():
        return np.array(components)
    return namespace(y).stack(components)


def constant(array: "NDArray[Any]", y: Any) -> Any:
    """A NumPy array as one that y's library computes with."""
    return namespace(y).as_tensor(array, dtype=y.dtype, device=y.device) if is_torch(y) else array


def linear(matrix: "NDArray[Any]") -> Callable[[Any, Any], Any]:
    """f(t, y) = matrix @ y."""

    def f(t: Any, y: Any) -> Any:
        return constant(matrix, y) @ y

    return f


def over_time(*components: Callable[[Any], Any]) -> Callable[[Any], "NDArray[Any]"]:
    """exact(t) from functions of t alone, each in NumPy: (d,) for a float t, (n, d) for n times."""

    def exact(t: Any) -> "NDArray[Any]":
        t = np.asarray(t, float)
        return np.stack([component(t) + 0.0 * t for component in components], -1)

    return exact
