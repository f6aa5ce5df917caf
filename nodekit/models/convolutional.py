"""ConvField: the field of an ODE block on images (built in lesson 08)."""

import torch
from torch import nn


class ConvField(nn.Module):
    """dy/dt = f(t, y) on images y (samples, channels, height, width): two 3×3 convolutions that see the time.

    norm → activation → [y, t] convolution → norm → activation → [y, t] convolution → norm. The time enters as one
    more channel, constant over the image; t is a number, or one for each sample, of shape (samples, 1, 1, 1), as
    `nodekit.solve(..., batch="independent")` hands it over. The norm is GroupNorm: it looks at one sample at a time,
    so that a sample's dy/dt depends on its own y alone, in training as in use.

    Parameters
    ----------
    channels : int
    groups : int
        Of GroupNorm; it must divide channels. Default: the largest divisor of channels that is at most 8.
    activation : nn.Module, applied twice. Default: nn.ReLU(), as in the source.

    Raises ValueError for bad arguments, and for a y that is not (samples, channels, height, width).

    Source: R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural ordinary differential equations, 2018,
    section 3; the layers are those of the authors' example for MNIST.
    """

    def __init__(self, channels: int, groups: int | None = None, activation: nn.Module | None = None) -> None:
        super().__init__()
        if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
            raise ValueError(f"channels={channels!r} must be an int >= 1.")
        if groups is None:
            groups = max(n for n in range(1, 9) if channels % n == 0)
        if not isinstance(groups, int) or isinstance(groups, bool) or groups < 1 or channels % groups:
            raise ValueError(f"groups={groups!r} must be an int >= 1 that divides channels={channels}.")
        self.channels = channels
        self.norms = nn.ModuleList(nn.GroupNorm(groups, channels) for _ in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(channels + 1, channels, 3, padding=1) for _ in range(2))
        self.activation = activation if activation is not None else nn.ReLU()

    def forward(self, t: float | torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """dy/dt, of y's shape."""
        if y.dim() != 4 or y.shape[1] != self.channels:
            wanted = f"(samples, {self.channels}, height, width)"
            raise ValueError(f"y has shape {tuple(y.shape)}; {wanted} was expected.")
        time = torch.as_tensor(t, dtype=y.dtype, device=y.device).expand(len(y), 1, *y.shape[2:])  # as a channel
        for norm, conv in zip(self.norms, self.convs, strict=False):
            y = conv(torch.cat([self.activation(norm(y)), time], 1))
        return self.norms[-1](y)
