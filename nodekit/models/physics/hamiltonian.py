"""HamiltonianField: the field of a learned energy (built in lesson 16; its symplectic solvers in lesson 17)."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import nn

from nodekit.torch_backend.recording import functional, recording

Energy: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


class Separable(nn.Module):
    """The energy H(q, p) = T(p) + V(q), for which leapfrog and the other splittings of `nodekit.solve` are made.

    Parameters
    ----------
    potential : nn.Module or function, q (..., d) -> V (...) or (..., 1)
    kinetic : the same for T(p). Default: |p|²/2, mass 1.

    y (..., 2d) -> H (...). Raises TypeError for parts that cannot be called; otherwise as `HamiltonianField`.

    Source of the splittings: L. Verlet, 1967; E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, 2006.
    """

    def __init__(self, potential: Energy, kinetic: Energy | None = None) -> None:
        super().__init__()
        for name, part in (("potential", potential), ("kinetic", kinetic)):
            if not callable(part) and not (name == "kinetic" and part is None):
                raise TypeError(f"{name} must be an nn.Module or a function of d numbers, got {type(part).__name__}.")
        self.potential, self.kinetic = potential, kinetic

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """T(p) + V(q): y (..., 2d) -> (...)."""
        q, p = halves(y)
        kinetic = p.square().sum(-1) / 2 if self.kinetic is None else scalar(self.kinetic(p), p, "kinetic")
        return kinetic + scalar(self.potential(q), q, "potential")


class OfOneNumber(nn.Module):
    """A field that follows from one number of each state, net(y): what a net and a state have to be."""

    symbol, second = "H", "momenta"  # the number, and the second half of y, in what is said of errors

    def __init__(self, net: Energy, dim: int = -1) -> None:
        super().__init__()
        if not callable(net):
            raise TypeError(f"net must be an nn.Module or a function y -> {self.symbol}(y), got {type(net).__name__}.")
        if not isinstance(dim, int) or isinstance(dim, bool):
            raise ValueError(f"dim={dim!r} must be an int.")
        self.net, self.dim = net, dim

    def _last(self, y: torch.Tensor) -> torch.Tensor:
        """y with its axis `dim` as the last one, checked."""
        if not isinstance(y, torch.Tensor):
            raise TypeError(f"y must be a tensor of positions and {self.second}, got {type(y).__name__}.")
        if not -y.dim() <= self.dim < y.dim():
            raise ValueError(
                f"y has shape {tuple(y.shape)}, and no axis dim={self.dim} with positions and {self.second}."
            )
        y = y.movedim(self.dim, -1)
        halves(y, self.second)
        return y

    def _number(self, y: torch.Tensor) -> torch.Tensor:
        return scalar(self.net(y), y, "net")

    def extra_repr(self) -> str:
        return "" if self.dim == -1 else f"dim={self.dim}"


class HamiltonianField(OfOneNumber):
    """dy/dt = J ∇H(y) for y = (q, p): q' = ∂H/∂p, p' = −∂H/∂q. A field f(t, y) for `solve` and `NeuralODE`.

    H is constant along its solutions and they keep volumes, whatever the weights of H: exactly so for the exact
    solution, and as far as the solver's error for a computed one.

    Parameters
    ----------
    net : nn.Module, y (..., 2d) -> H (...) or (..., 1)
        The energy, of each sample by itself. The field is its gradient, turned, so it should be smooth (tanh, softplus;
        not ReLU). `Separable(potential, kinetic)` is one with H = T(p) + V(q). A function without parameters serves
        as well.
    dim : int
        The axis of y that holds the d positions and then the d momenta; net sees it as the last one. The splittings of
        `solve` (leapfrog, ...) take halves along the first axis: for many samples at once, y (2d, n), give dim=0.

    torch.compile takes the field, `solve(..., compile=True)` does not: its loop cannot hold a gradient.

    Raises ValueError or TypeError for a y or an energy of another shape or kind.

    Sources: W. R. Hamilton, 1835; S. Greydanus, M. Dzamba, J. Yosinski, Hamiltonian neural networks, 2019, eq. 2.
    """

    def energy(self, y: torch.Tensor) -> torch.Tensor:
        """H(y), without y's axis `dim`: (..., 2d) -> (...)."""
        return self._number(self._last(y))

    def forward(self, t: float | torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """(∂H/∂p, −∂H/∂q), of y's shape. t is not used: H does not depend on time."""
        dq, dp = halves(gradient(self._number, self._last(y)))
        return torch.cat([dp, -dq], -1).movedim(-1, self.dim)


def gradient(energy: Energy, y: torch.Tensor) -> torch.Tensor:
    """∇H at each sample: y (..., n) -> (..., n), recorded where gradients are. The sum over samples couples nothing."""
    if functional(y):
        return torch.func.grad(lambda y: energy(y).sum())(y)  # elsewhere it costs 4 to 8 times what follows
    with recording(y) as (y, kept):
        total = energy(y).sum()
        if not total.requires_grad:  # a constant
            return torch.zeros_like(y)
        (found,) = torch.autograd.grad(total, y, create_graph=kept, allow_unused=True)
    return torch.zeros_like(y) if found is None else found


def halves(y: torch.Tensor, second: str = "momenta") -> tuple[torch.Tensor, ...]:
    """The positions and the momenta of y: (..., 2d) -> (..., d), (..., d)."""
    if y.dim() == 0 or y.shape[-1] % 2 or y.shape[-1] == 0:
        length = y.shape[-1] if y.dim() else "no"
        raise ValueError(f"y has {length} numbers along its axis; d positions, then as many {second}, were expected.")
    return y.chunk(2, -1)


def scalar(energy: Any, y: torch.Tensor, name: str) -> torch.Tensor:
    """An energy as (...), one number for each of y (..., d)."""
    if not isinstance(energy, torch.Tensor):
        raise TypeError(f"{name} returned {type(energy).__name__}; a tensor with one number for each y was expected.")
    shape = y.shape[:-1]
    if energy.shape not in (shape, (*shape, 1)):
        raise ValueError(
            f"{name} returned shape {tuple(energy.shape)} for {tuple(y.shape)}; one number each, {tuple(shape)} or "
            f"{(*shape, 1)}, was expected."
        )
    return energy.reshape(shape)
