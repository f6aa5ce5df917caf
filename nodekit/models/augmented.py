"""Augmented: a flow in more dimensions than its input has (built in lesson 09)."""

from typing import Any

import torch
from torch import nn

from nodekit.arguments import tensor
from nodekit.models.neural_ode import NeuralODE


class Augmented(NeuralODE):
    """y0 -> the state at the end of dz/dt = field(t, z), where z starts as y0 with `extra` zeros appended.

    Parameters
    ----------
    field : nn.Module, field(t, z) -> dz/dt of z's shape
    extra : int >= 0
        How many zeros; with 0 it is a `NeuralODE`.
    dim : int
        The axis of y0 that grows: the last one for vectors, 1 for images (samples, channels, height, width).
    **options
        As for `NeuralODE`: t, method, rtol, atol, step, max_steps, gradient, regularizer; and its attributes.

    y0 (..., d) becomes (..., d + extra), with more than two times (n, ..., d + extra).

    Raises ValueError or TypeError for bad arguments, and for a y0 that has no axis `dim`.

    Source: E. Dupont, A. Doucet, Y. W. Teh, Augmented neural ODEs, 2019, section 4.
    """

    def __init__(self, field: nn.Module, extra: int, dim: int = -1, **options: Any) -> None:
        super().__init__(field, **options)
        for name, value, low in (("extra", extra, 0), ("dim", dim, None)):
            if not isinstance(value, int) or isinstance(value, bool) or (low is not None and value < low):
                least = "" if low is None else f" >= {low}"
                raise ValueError(f"{name}={value!r} must be an int{least}.")
        self.extra, self.dim = extra, dim

    def augment(self, y0: torch.Tensor) -> torch.Tensor:
        """y0 with `extra` zeros appended along `dim`."""
        tensor("y0", y0)
        if not -y0.dim() <= self.dim < y0.dim():
            raise ValueError(f"y0 has shape {tuple(y0.shape)}, and no axis dim={self.dim} to append zeros to.")
        shape = list(y0.shape)
        shape[self.dim] = self.extra
        return torch.cat([y0, y0.new_zeros(shape)], self.dim)

    def forward(self, y0: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """The state at t[-1], with `extra` more numbers along `dim`; with more than two times at all of them."""
        return super().forward(self.augment(y0), generator)

    def extra_repr(self) -> str:
        return f"extra={self.extra}, dim={self.dim}, {super().extra_repr()}"
