"""HybridField: what is known of a right-hand side, plus a network for the rest (built in lesson 26)."""

from typing import Any

import torch
from torch import nn

from nodekit.models.physics.second_order import check_like

__all__ = ["HybridField"]


class HybridField(nn.Module):
    """dy/dt = known(t, y) + rate · scale · network(y / scale): a field f(t, y) for `solve` and `NeuralODE`.

    Parameters
    ----------
    known : nn.Module or function, (t, y (..., d)) -> (..., d)
        What is known of dy/dt. A Module's parameters are trained along with the network's.
    network : nn.Module, (..., d) -> (..., d)
        The rest, as a function of the state alone; it sees numbers of size one.
    scale : float or sequence of d floats > 0, the typical sizes of y's components, in their own units
    rate : float > 0, the typical rate of change, one over a time. Both are buffers, saved with the weights.

    parts(t, y): the two summands, (..., d) each, to see which of them contributes what. learned(y): the second.
    What the network says where no data has been is its own invention.

    Raises TypeError for parts that cannot be called or return another type than y, ValueError for a scale or a rate
    that is not positive and finite, and for a part of another shape than y.

    Source: C. Rackauckas, Y. Ma, J. Martensen, C. Warner, K. Zubov, R. Supekar, D. Skinner, A. Ramadhan, A. Edelman,
    Universal differential equations for scientific machine learning, 2020, arXiv:2001.04385.
    """

    scale: torch.Tensor
    rate: torch.Tensor

    def __init__(self, known: Any, network: nn.Module, scale: Any = 1.0, rate: float = 1.0) -> None:
        super().__init__()
        for name, part in (("known", known), ("network", network)):
            if not callable(part):
                what = "a function or Module of (t, y)" if name == "known" else "a Module of y"
                raise TypeError(f"{name} must be {what}, got {type(part).__name__}.")
        sizes = torch.as_tensor(scale, dtype=torch.float64).detach().clone()
        if not (torch.isfinite(sizes).all() and (sizes > 0).all()):
            raise ValueError(f"scale={scale!r} must be positive and finite: the typical size of each component.")
        if not 0 < rate < float("inf"):
            raise ValueError(f"rate={rate!r} must be positive and finite: one over a typical time.")
        self.known, self.network = known, network
        self.register_buffer("scale", sizes)
        self.register_buffer("rate", torch.tensor(float(rate), dtype=torch.float64))

    def learned(self, y: torch.Tensor) -> torch.Tensor:
        """The network's contribution to dy/dt at the states y (..., d), in y's units a unit of time: (..., d)."""
        scale = self.scale.to(y)
        part = self.rate.to(y) * scale * self.network(y / scale)
        check_like(part, y, "network returned", "y")
        return part

    def parts(self, t: float | torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(known(t, y), learned(y)), (..., d) each: what the two contribute to dy/dt."""
        known = self.known(t, y)
        check_like(known, y, "known returned", "y")
        return known, self.learned(y)

    def forward(self, t: float | torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """dy/dt at (t, y (..., d)): (..., d)."""
        known, learned = self.parts(t, y)
        return known + learned

    def extra_repr(self) -> str:
        return f"scale={self.scale.tolist()}, rate={self.rate.item()}"
