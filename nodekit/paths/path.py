"""A path: polynomials of time between knots (built in lesson 20)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nodekit.arrays import is_torch

__all__ = ["Path"]


@dataclass(frozen=True, eq=False)
class Path:
    """X(t) = Σ_k coefficients[k, i] (t − knots[i])^k on piece i, from knots[i] to knots[i + 1].

    knots : (n,), floats, increasing
    coefficients : (degree + 1, n − 1, ..., channels), an array or tensor
    looks_ahead : what a piece depends on besides observations before it
        "nothing": it can be followed as observations arrive. "the next observation": that at its end; it can be drawn
        when that has come. "everything": observations that come later still.

    At a knot the later piece counts; beyond the ends the first and the last piece go on.
    """

    knots: "np.ndarray[Any, Any]"
    coefficients: Any
    looks_ahead: str

    def __call__(self, t: Any) -> Any:
        """X(t): (..., channels). t: a number, or a 0-d tensor."""
        at, tau = self._piece(t)
        value = at[-1]
        for row in reversed(at[:-1]):
            value = value * tau + row
        return value

    def derivative(self, t: Any) -> Any:
        """dX/dt: (..., channels). It jumps at the knots, at the latest that of some order."""
        at, tau = self._piece(t)
        value = (len(at) - 1) * at[-1]
        for k in range(len(at) - 2, 0, -1):
            value = value * tau + k * at[k]
        return value

    @property
    def ends(self) -> tuple[float, float]:
        """The first and the last knot."""
        return float(self.knots[0]), float(self.knots[-1])

    @property
    def breakpoints(self) -> list[float]:
        """The knots within, at which the derivative jumps in itself or in one of its own: for `nodekit.solve`."""
        return [float(t) for t in self.knots[1:-1]]

    def _piece(self, t: Any) -> tuple[list[Any], Any]:
        """The coefficients of the piece that t lies in, and t from its beginning."""
        if is_torch(t):
            import torch

            knots: Any = torch.as_tensor(self.knots, dtype=t.dtype, device=t.device)
            i: Any = torch.searchsorted(knots[1:-1].contiguous(), t.detach(), right=True)
        else:
            knots = self.knots
            i = int(np.searchsorted(knots[1:-1], t, side="right"))
        return [row[i] for row in self.coefficients], t - knots[i]

    def __repr__(self) -> str:
        shape = tuple(self.coefficients.shape[2:])
        low, high = self.ends
        return (
            f"Path(from {low:g} to {high:g}, {len(self.knots) - 1} pieces of degree {len(self.coefficients) - 1}, "
            f"values {shape}, looks ahead to {self.looks_ahead})"
        )
