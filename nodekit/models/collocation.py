"""Training a field without a solve: its values against the slopes of splines through the data (lesson 15)."""

from typing import TYPE_CHECKING

import torch
from scipy.interpolate import CubicSpline

if TYPE_CHECKING:
    from nodekit.hints import Field

__all__ = ["Collocation"]


class Collocation:
    """How far a field is from the slopes of cubic splines through data, `collocation(field)`: a loss without a solve.

    t : (m,) real tensor, increasing, m >= 4; in the field's own time (log10 of the seconds for a field in log time).
    y : (m, ..., d) real tensor, the data at these times.
    scale : float, or a tensor that broadcasts against y: what an error is divided by.
    slopes : (m, ..., d), dy/dt at the data, of each component's not-a-knot cubic spline; their error falls like the
        third power of the distance between the times. Noise in y is divided by that distance: smooth y first.

    The loss is the mean over all entries of ((field(t_i, y_i) − slopes_i) / scale)², a 0-d tensor. field(t, y) is
    called once with all data: y (m, ..., d) and t (m, 1, ..., 1).
    It sees no error add up along a path, so it is for a warm start: a solve decides how good the field is.

    Raises ValueError for times that do not increase, fewer than 4 of them, data of another length, or values that
    are not finite; TypeError for what is not a real tensor.
    Source: J. M. Varah, A spline least squares method for numerical parameter estimation in differential equations,
    SIAM J. Sci. Stat. Comput. 3, 1982; E. Roesch, C. Rackauckas, M. P. H. Stumpf, Collocation based training of neural
    ordinary differential equations, 2021.
    """

    def __init__(self, t: torch.Tensor, y: torch.Tensor, scale: "float | torch.Tensor" = 1.0) -> None:
        for name, value in (("t", t), ("y", y)):
            if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                kind = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
                raise TypeError(f"Collocation needs {name} as a real tensor, got {kind}.")
            if not torch.isfinite(value).all():
                raise ValueError(f"Collocation needs finite numbers, and {name} has others.")
        if t.dim() != 1 or len(t) < 4 or not (t[1:] > t[:-1]).all():
            raise ValueError(f"Collocation needs four or more increasing times, (m,), got t of shape {tuple(t.shape)}.")
        if y.dim() < 2 or len(y) != len(t):
            raise ValueError(f"Collocation needs y (m, ..., d) with m = {len(t)} times, got shape {tuple(y.shape)}.")
        t, self.y, self.scale = t.detach(), y.detach(), scale
        spline = CubicSpline(t.cpu().double().numpy(), y.detach().cpu().double().numpy(), axis=0)
        self.slopes = torch.as_tensor(spline(t.cpu().double().numpy(), 1)).to(self.y)
        self.t = t.reshape(-1, *[1] * (y.dim() - 1)).to(self.y)

    def __call__(self, field: "Field") -> torch.Tensor:
        return ((field(self.t, self.y) - self.slopes) / self.scale).square().mean()
