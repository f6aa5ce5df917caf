"""LagrangianField: the field of a learned Lagrangian, from positions and velocities (built in lesson 18)."""

import torch

from nodekit.models.physics.hamiltonian import OfOneNumber, gradient
from nodekit.torch_backend.private_torch import transformed
from nodekit.torch_backend.recording import functional, recording

__all__ = ["LagrangianField"]


class LagrangianField(OfOneNumber):
    """dy/dt = (v, q'') for y = (q, v), q'' from M q'' + C v = ∂L/∂q. A field f(t, y) for `solve` and `NeuralODE`.

    M = ∂²L/∂v² is the mass matrix and C = ∂²L/∂v∂q, both (d, d) for each sample. M is factorised, never inverted.
    The function v·∂L/∂v − L is constant along its solutions, whatever the weights of L, as long as M stays regular.
    On a path M may become singular between two steps: an adaptive solver stops there, a fixed step jumps over it.

    Parameters
    ----------
    net : nn.Module or function, y (..., 2d) -> L (...) or (..., 1)
        The Lagrangian, of each sample by itself, twice differentiable (tanh, softplus; not ReLU). Its mass matrix must
        be regular wherever the field is asked for: |v|²/2 plus a network begins near the identity, a bare network does
        not. L, c L (c ≠ 0) and L + dF(q)/dt have the same field.
    dim : int, the axis of y that holds the d positions and then the d velocities; net sees it as the last one

    Raises ValueError for a mass matrix that is singular to rounding, and names the sample (not under torch.func or
    torch.compile, where values cannot be looked at). ValueError or TypeError for a y or an L of another shape or kind.

    Sources: J.-L. Lagrange, Mécanique analytique, 1788; M. Cranmer, S. Greydanus, S. Hoyer, P. Battaglia, D. Spergel,
    S. Ho, Lagrangian neural networks, 2020, eq. 6.
    """

    symbol, second = "L", "velocities"

    def forward(self, t: float | torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """(v, q''), of y's shape. t is not used: L does not depend on time."""
        y = self._last(y)
        return torch.cat([y.chunk(2, -1)[1], self._acceleration(y)], -1).movedim(-1, self.dim)

    def acceleration(self, y: torch.Tensor) -> torch.Tensor:
        """q'', of the shape of y with d in place of 2d: what a recording of accelerations is compared with."""
        return self._acceleration(self._last(y)).movedim(-1, self.dim)

    def mass_matrix(self, y: torch.Tensor) -> torch.Tensor:
        """∂²L/∂v²: (..., d, d), without y's axis `dim`. It may be singular."""
        return self._parts(self._last(y))[2]

    def lagrangian(self, y: torch.Tensor) -> torch.Tensor:
        """L(y), without y's axis `dim`: (..., 2d) -> (...)."""
        return self._number(self._last(y))

    def energy(self, y: torch.Tensor) -> torch.Tensor:
        """v·∂L/∂v − L, T + V where L = T − V: (..., 2d) -> (...). It is constant along the exact flow."""
        y = self._last(y)
        momentum = gradient(self._number, y).chunk(2, -1)[1]
        return (y.chunk(2, -1)[1] * momentum).sum(-1) - self._number(y)

    def _acceleration(self, y: torch.Tensor) -> torch.Tensor:
        force, C, M = self._parts(y)
        v = y.chunk(2, -1)[1]
        right = force - (C @ v[..., None])[..., 0]
        factors, pivots, _ = torch.linalg.lu_factor_ex(M)
        if not (transformed() or torch.compiler.is_compiling()):
            _regular(M, factors)
        return torch.linalg.lu_solve(factors, pivots, right[..., None])[..., 0]

    def _parts(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """∂L/∂q (..., d), ∂²L/∂v∂q and ∂²L/∂v² (..., d, d): one gradient of L, and one of each momentum."""
        if functional(y):
            return self._parts_by_func(*y.chunk(2, -1))
        with recording(y) as (y, kept):
            q, v = y.chunk(2, -1)
            force, momentum = _gradients(self._number(torch.cat([q, v], -1)), [q, v], True)
            rows = [_gradients(p, [q, v], kept) for p in momentum.unbind(-1)]
            C, M = (torch.stack(parts, -2) for parts in zip(*rows, strict=True))
        return (force if kept else force.detach()), C, M

    def _parts_by_func(self, q: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The same where torch.autograd.grad cannot be called; each row differentiates L anew."""

        def total(q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            return self._number(torch.cat([q, v], -1)).sum()

        def momentum(q: torch.Tensor, v: torch.Tensor, i: int) -> torch.Tensor:
            return torch.func.grad(total, argnums=1)(q, v)[..., i].sum()

        rows = [torch.func.grad(momentum, argnums=(0, 1))(q, v, i) for i in range(q.shape[-1])]
        C, M = (torch.stack(parts, -2) for parts in zip(*rows, strict=True))
        return torch.func.grad(total)(q, v), C, M

    def _last(self, y: torch.Tensor) -> torch.Tensor:
        y = super()._last(y)
        if y.dtype not in (torch.float32, torch.float64):
            raise TypeError(f"y has dtype {y.dtype}; positions and velocities in float32 or float64 were expected.")
        return y


def _gradients(value: torch.Tensor, inputs: list[torch.Tensor], recorded: bool) -> list[torch.Tensor]:
    """The gradient of each number of value (...) in the inputs (..., d) of its own sample: zeros where it has none."""
    total = value.sum()  # the sum over samples couples nothing
    if not total.requires_grad:  # a constant
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(total, inputs, create_graph=recorded, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def _regular(M: torch.Tensor, factors: torch.Tensor) -> None:
    """Raise ValueError for the first sample whose mass matrix M (..., d, d) is singular to rounding."""
    M = M.detach()
    bad = _tiny_pivot(M, factors.detach())
    if bad.any():  # it may only be that some masses are much smaller than others: look again, all masses scaled to 1
        size = M.abs().amax(-1).clamp_min(torch.finfo(M.dtype).tiny).sqrt()
        scaled = M / size[..., :, None] / size[..., None, :]
        bad = bad & _tiny_pivot(scaled, torch.linalg.lu_factor_ex(scaled)[0])
    if bad.any():
        index = tuple(int(i) for i in bad.nonzero()[0])
        where = f"sample {index[0] if len(index) == 1 else index}" if index else "y"
        shown = f": {M[index].tolist()}" if M.shape[-1] <= 4 else ""
        raise ValueError(
            f"the mass matrix ∂²L/∂v² of {where} is singular{shown}. No acceleration follows from this L "
            "there. Does L depend on every velocity, and not only linearly? |v|²/2 plus a network begins regular."
        )


def _tiny_pivot(M: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Whether the least pivot is rounding beside M's largest entry: (...). Not for nan, which the solver names."""
    pivots = factors.diagonal(dim1=-2, dim2=-1).abs().amin(-1)
    return pivots <= M.shape[-1] * torch.finfo(M.dtype).eps * M.abs().amax((-2, -1))
