"""PhysicsInformed: a path y(t) as a network, held to data and to a differential equation by one loss (lesson 26)."""

from typing import Any

import torch
from torch import nn

from nodekit.models.physics.second_order import check_like

__all__ = ["PhysicsInformed"]


def sizes(name: str, value: Any, y: torch.Tensor, shapes: tuple[tuple[int, ...], ...]) -> torch.Tensor:
    """The value as a tensor of y's type with one of the shapes, or ValueError where it is not positive and finite."""
    numbers = torch.as_tensor(value).detach().to(y).clone()
    if not (torch.isfinite(numbers).all() and (numbers > 0).all()):
        raise ValueError(f"{name}={value!r} must be positive and finite.")
    if tuple(numbers.shape) not in shapes:
        raise ValueError(f"{name} has shape {tuple(numbers.shape)}, {' or '.join(map(str, shapes))} expected.")
    return numbers


class PhysicsInformed(nn.Module):
    """t (n,) -> y (n, d): a network of the time, for which `data_loss()` and `equation_loss()` are to be small.

    Parameters
    ----------
    path : nn.Module, (n, 1) -> (n, d)
        The network. It sees the time mapped linearly so that t[0] is −1 and t[-1] is 1; its output times `scale` is y.
    field : nn.Module or function f(t, y), (n, 1) and (n, d) -> (n, d)
        The equation; a Module's parameters are unknowns that are found along with the path (a `HybridField`, say).
    t, y : (m,) increasing and (m, d) real tensors, the data
    noise : float or d floats > 0, the standard deviation of an error of y, in y's units
    at : (n,) real tensor, the times at which the equation is asked for, or None: 100 equal ones from t[0] to t[-1]
    scale : float or d floats > 0, the typical sizes of y's components
    rate : float > 0, the typical rate of change, one over a time

    data_loss(): the mean of ((path(t_i) − y_i) / noise)². equation_loss(): the mean over `at` of
    ((dpath/dt − f(t, path)) / (rate · scale))². Both are 0-d; minimise data_loss() + weight · equation_loss(). There
    is no solve in it: how well the path satisfies the equation is decided by the weight, so solve the field that was
    found, and look. All that is given is kept as buffers of y's type, which move and are saved
    with the weights.

    Raises TypeError for what is not a real tensor or cannot be called, ValueError for times that do not increase, data
    of another length, noise, scale or rate that are not positive and finite or of another shape, and for a path or a
    field that returns another shape than (n, d).
    Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, Physics-informed neural networks, Journal of Computational
    Physics 378, 2019; arXiv:1711.10566 has the discovery of equations.
    """

    t: torch.Tensor
    y: torch.Tensor
    noise: torch.Tensor
    at: torch.Tensor
    scale: torch.Tensor
    rate: torch.Tensor

    def __init__(
        self,
        path: nn.Module,
        field: Any,
        t: torch.Tensor,
        y: torch.Tensor,
        noise: Any,
        at: torch.Tensor | None = None,
        scale: Any = 1.0,
        rate: float = 1.0,
    ) -> None:
        super().__init__()
        for name, part in (("path", path), ("field", field)):
            if not callable(part):
                raise TypeError(f"{name} must be a Module or a function, got {type(part).__name__}.")
        for name, value in (("t", t), ("y", y), ("at", t if at is None else at)):
            if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                raise TypeError(f"PhysicsInformed needs {name} as a real tensor, got {type(value).__name__}.")
            if not torch.isfinite(value).all():
                raise ValueError(f"PhysicsInformed needs finite numbers, and {name} has others.")
        if t.dim() != 1 or len(t) < 2 or not (t[1:] > t[:-1]).all():
            raise ValueError(f"PhysicsInformed needs two or more increasing times (m,), got shape {tuple(t.shape)}.")
        if y.dim() != 2 or len(y) != len(t):
            raise ValueError(f"PhysicsInformed needs y (m, d) with m = {len(t)} times, got shape {tuple(y.shape)}.")
        places = torch.linspace(float(t[0]), float(t[-1]), 100, dtype=t.dtype) if at is None else at
        if places.dim() != 1 or len(places) == 0:
            raise ValueError(f"PhysicsInformed needs at (n,), one or more times, got shape {tuple(places.shape)}.")
        self.path, self.field = path, field
        for name, value in (("t", t), ("y", y), ("at", places)):
            self.register_buffer(name, value.detach().to(y).clone())
        for name, size in (("noise", noise), ("scale", scale), ("rate", rate)):
            self.register_buffer(name, sizes(name, size, y, ((),) if name == "rate" else ((), (y.shape[1],))))

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        """The path at the times t (n,): (n, d)."""
        begin, end = self.t[0], self.t[-1]
        path = self.path((2 * (t - begin) / (end - begin) - 1)[:, None])
        check_like(path, t.new_empty(*t.shape, self.y.shape[1]), "path returned", "y")
        y: torch.Tensor = self.scale * path
        return y

    def data_loss(self) -> torch.Tensor:
        """The mean squared distance from the data, in units of the noise: about 1 for the true path. 0-d."""
        return ((self(self.t) - self.y) / self.noise).square().mean()

    def equation_loss(self) -> torch.Tensor:
        """The mean squared residual of the equation, in units of rate · scale: 0 for a solution. 0-d."""
        with torch.enable_grad():
            at = self.at.detach().requires_grad_()
            y = self(at)
            slopes = [torch.autograd.grad(y[:, i].sum(), at, create_graph=True)[0] for i in range(y.shape[1])]
        found = self.field(at.detach()[:, None], y)
        check_like(found, y, "field returned", "y")
        residual: torch.Tensor = torch.stack(slopes, 1) - found
        return (residual / (self.rate * self.scale)).square().mean()
