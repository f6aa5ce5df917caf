"""A field in another clock and in other units: log10 of the time, and numbers of size one (lesson 15)."""

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from nodekit.hints import Field

__all__ = ["LogTime"]


class LogTime(torch.nn.Module):
    """x' = f(t, x) as dz/ds = LogTime(f, scale)(s, z), where s = log10 t and x = scale z.

    f : function (t, x) -> dx/dt, of x (..., d); a Module's parameters are this one's too. t > 0.
    scale : (d,) positive tensor, or a number, in the units of x: x = scale z.

    forward(s, z) : ln(10) 10^s f(10^s, scale z) / scale, (..., d), in units of z a decade.
    The fast and the slow part of a process take a decade each, and a solver takes about as many steps for either.
    Implicit methods do not become superfluous: where x' = −λx, dz/ds = −ln(10) λ 10^s z, which is fast once t > 1/λ.

    Raises ValueError for a scale that is not positive.
    Source: S. Kim, W. Ji, S. Deng, Y. Ma, C. Rackauckas, Stiff neural ordinary differential equations, Chaos 31, 2021:
    a field scaled by y's range and the time's; the logarithm of the time is lesson 15's.
    """

    scale: torch.Tensor

    def __init__(self, f: "Field", scale: "torch.Tensor | float" = 1.0) -> None:
        super().__init__()
        self.f = f
        self.register_buffer("scale", torch.as_tensor(scale).detach().clone())
        if not (self.scale > 0).all():
            raise ValueError(f"LogTime needs a positive scale for every component, got {self.scale.tolist()}.")

    def forward(self, s: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        t = 10.0**s
        return math.log(10) * t * self.f(t, self.scale * z) / self.scale
