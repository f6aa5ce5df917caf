"""CDE: a hidden state steered by the changes of a path, dh = f(h) dX (built in lesson 20)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nodekit import gradients, methods
from nodekit.arguments import increasing, with_middle
from nodekit.arrays import is_torch
from nodekit.paths import Path
from nodekit.solve import solve
from nodekit.torch_backend.depends import told

if TYPE_CHECKING:
    from nodekit.hints import Gradient, Method

__all__ = ["CDE"]


class CDE(nn.Module):
    """path -> the state h at its end, of dh/dt = field(h) dX/dt, where h starts as initial(X at its first knot).

    What h becomes depends on the curve that X draws, and not on how fast it is run through, unless time is a channel
    of X or the field sees it otherwise.

    Parameters
    ----------
    field : nn.Module, field(h) -> (..., hidden, channels) for h (..., hidden)
        A matrix for each sample, which multiplies dX/dt.
    initial : nn.Module, X (..., channels) -> h (..., hidden)
    sees_path : bool
        Whether the field is field(h, X) with X (..., channels) the value of the path at that time.
    method, rtol, atol, step, max_steps, gradient
        As in `nodekit.solve`. Steps end at the knots of the path. Time is counted from the path's first knot, so that
        float32 holds it however far from 0 the path begins; a SolveError's t is counted so too.

    Attributes
    ----------
    nfev : evaluations of the field in the last forward

    Raises ValueError or TypeError for bad arguments, a field of another shape and times outside of the path, SolveError
    where the solve fails.

    Source: P. Kidger, J. Morrill, J. Foster, T. Lyons, Neural controlled differential equations for irregular time
    series, 2020, section 3. There the field sees h only.
    """

    def __init__(
        self,
        field: nn.Module,
        initial: nn.Module,
        sees_path: bool = False,
        method: "str | Method" = "dopri5",
        rtol: float = 1e-4,
        atol: float = 1e-6,
        step: float | None = None,
        max_steps: int = 10_000,
        gradient: "Gradient" = "discrete",
    ) -> None:
        super().__init__()
        for name, module in (("field", field), ("initial", initial)):
            if not isinstance(module, nn.Module):
                raise TypeError(f"{name} must be an nn.Module, got {type(module).__name__}.")
        methods.get(method)
        gradients.get(gradient)
        self.field, self.initial, self.sees_path = field, initial, sees_path
        self.options: dict[str, Any] = {
            "method": method, "rtol": rtol, "atol": atol, "step": step, "max_steps": max_steps, "gradient": gradient,
        }  # fmt: skip
        self.nfev = 0

    def forward(self, path: Path, t: "Sequence[float] | torch.Tensor | None" = None) -> torch.Tensor:
        """The state at the end of the path, (..., hidden), or at the increasing times t (n,): (n, ..., hidden).

        path: of `nodekit.paths`, of tensors (..., n, channels).
        """
        if not isinstance(path, Path) or not is_torch(path.coefficients):
            given = "a Path of NumPy arrays" if isinstance(path, Path) else type(path).__name__
            raise TypeError(
                "path must be a Path of torch tensors, as nodekit.paths.hermite(values) makes it of a tensor, "
                f"got {given}."
            )
        start, end = path.ends
        asked = [end] if t is None else times_of(t)
        if not asked or not all(start <= s <= end for s in asked):
            raise ValueError(f"t={asked} must be times from {start:g} to {end:g}, where the path is.")
        kinds = {p.dtype for p in self.parameters() if p.is_floating_point()}
        if len(kinds) == 1 and path.coefficients.dtype not in kinds:
            raise TypeError(
                f"the path is {path.coefficients.dtype} and the model {kinds.pop()}: make the path of values.to(dtype)."
            )
        path, asked = replace(path, knots=path.knots - start), [s - start for s in asked]
        h = self.initial(path(0.0))
        times = [0.0, *asked] if asked[0] > 0 else asked
        if len(times) == 1:  # the start alone
            return h[None]
        increasing("t", times)

        def slope(t: Any, h: torch.Tensor) -> torch.Tensor:
            rate = path.derivative(t)
            matrix = self.field(h, path(t)) if self.sees_path else self.field(h)
            if matrix.shape != (*h.shape, rate.shape[-1]):
                raise ValueError(
                    f"field returned the shape {tuple(matrix.shape)} for h {tuple(h.shape)} and a path with "
                    f"{rate.shape[-1]} channels; {(*h.shape, rate.shape[-1])} was expected: (..., hidden, channels)."
                )
            return (matrix @ rate[..., None])[..., 0]

        grid = with_middle(times) if len(times) == 2 else times
        params = told(self.field)
        if params is not None and path.coefficients.requires_grad:
            params = [*params, path.coefficients]
        solution = solve(slope, h, grid, breakpoints=path.breakpoints, params=params, **self.options)
        self.nfev = solution.stats.nfev
        return solution.y[-1] if t is None else solution.y[-len(asked) :]

    def extra_repr(self) -> str:
        shown = {k: v for k, v in self.options.items() if k in ("method", "rtol", "atol", "step") and v is not None}
        return ", ".join(f"{name}={value!r}" for name, value in ({"sees_path": self.sees_path} | shown).items())


def times_of(t: Any) -> list[float]:
    """Times (n,) as floats. Raises TypeError for one number, ValueError for times that require gradients."""
    if getattr(t, "requires_grad", False):
        raise ValueError("t requires gradients, which a CDE does not give by its times. Detach it.")
    if getattr(t, "ndim", 1) != 1 or not hasattr(t, "__len__"):
        raise TypeError(f"t must be a list of times or (n,), got {t!r}.")
    return [float(s) for s in t]
