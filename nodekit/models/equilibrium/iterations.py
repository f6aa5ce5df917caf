"""The steps of the four iterations of `fixed_point`, each for a batch of flat states (n, d) (lesson 25, section 4).

A step is made from (f, z0, memory, damping) and called with z and f(z); it returns the next z. f: (n, d) -> (n, d).
"""

from collections.abc import Callable

import torch

from nodekit.torch_backend.recording import recording

Map = Callable[[torch.Tensor], torch.Tensor]

NO_GRAPH = (
    "method='newton' needs the Jacobian of f, and what f returned has no graph that leads to z. Is there a detach "
    "or NumPy in f? Where f does not depend on z, 'picard' takes one step."
)


class Singular(ArithmeticError):
    """Newton's matrix of this sample cannot be inverted."""

    def __init__(self, sample: int) -> None:
        super().__init__(sample)
        self.sample = sample


class Picard:
    """z ← z + damping (f(z) − z)."""

    njev = 0

    def __init__(self, f: Map, z: torch.Tensor, memory: int, damping: float) -> None:
        self.f, self.memory, self.damping = f, memory, damping

    def __call__(self, z: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return z + self.damping * (value - z)


class Newton(Picard):
    """z ← z + (I − J)⁻¹ (f(z) − z), J = ∂f/∂z of each sample."""

    def __call__(self, z: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        d = z.shape[1]
        with recording(z) as (at, _):
            out = self.f(at)
            if not out.requires_grad:
                raise ValueError(NO_GRAPH)
            # Row i of every sample's J at once: the sum over the batch, whose samples do not mix.
            rows = [torch.autograd.grad(out[:, i].sum(), at, retain_graph=True, allow_unused=True)[0] for i in range(d)]
        if any(row is None for row in rows):
            raise ValueError(NO_GRAPH)
        self.njev += 1
        change, info = torch.linalg.solve_ex(torch.eye(d).to(z) - torch.stack(rows, 1), value - z)
        if bool((info != 0).any()):
            raise Singular(int(torch.nonzero(info)[0]))
        return z + change


class Broyden(Picard):
    """z ← z − H g with g = f(z) − z; H, about the inverse of ∂g/∂z, starts as −I and is kept as a sum of u vᵀ."""

    def __init__(self, f: Map, z: torch.Tensor, memory: int, damping: float) -> None:
        super().__init__(f, z, memory, damping)
        self.us: list[torch.Tensor] = []
        self.vs: list[torch.Tensor] = []
        self.last: tuple[torch.Tensor, torch.Tensor] | None = None

    def times(self, x: torch.Tensor, transposed: bool = False) -> torch.Tensor:
        """H x, or Hᵀ x, of each sample."""
        out = -x
        for u, v in zip(self.us, self.vs, strict=True):
            left, right = (v, u) if transposed else (u, v)
            out = out + left * (right * x).sum(1, keepdim=True)
        return out

    def __call__(self, z: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        g = value - z
        if self.last is not None:
            dz, dg = z - self.last[0], g - self.last[1]
            v, moved = self.times(dz, transposed=True), self.times(dg)  # Sherman and Morrison's formula
            below = (dz * moved).sum(1, keepdim=True)
            safe = below.abs() > torch.finfo(z.dtype).eps * dz.norm(dim=1, keepdim=True) ** 2
            self.us.append(torch.where(safe, (dz - moved) / torch.where(safe, below, 1.0), 0.0))
            self.vs.append(v)
        self.last = z, g
        return z - self.times(g)


class Anderson(Picard):
    """z ← f̄ with the combination of the last values of f whose residual is least, damped."""

    def __init__(self, f: Map, z: torch.Tensor, memory: int, damping: float) -> None:
        super().__init__(f, z, memory, damping)
        self.dz, self.dg = (z.new_zeros(*z.shape, memory) for _ in range(2))  # columns, the oldest written over
        self.last: tuple[torch.Tensor, torch.Tensor] | None = None
        self.count = 0

    def __call__(self, z: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        g = value - z
        if self.last is not None:
            column = self.count % self.memory
            self.dz[..., column], self.dg[..., column] = z - self.last[0], g - self.last[1]
            self.count += 1
        self.last = z, g
        new, k = z + self.damping * g, min(self.count, self.memory)
        if k == 0:
            return new
        dz, dg = self.dz[..., :k], self.dg[..., :k]
        # As if the columns had length one, so that old, large differences and new, small ones count alike.
        length = dg.norm(dim=1).clamp_min(torch.finfo(z.dtype).tiny)
        products = dg.mT @ dg / length[:, :, None] / length[:, None, :]
        ridge = 10 * k * torch.finfo(z.dtype).eps * torch.eye(k).to(z)
        gamma = torch.linalg.solve(products + ridge, (g[:, None, :] @ dg)[:, 0] / length) / length
        return new - (dz @ gamma[..., None])[..., 0] - self.damping * (dg @ gamma[..., None])[..., 0]


METHODS: dict[str, type[Picard]] = {"picard": Picard, "newton": Newton, "broyden": Broyden, "anderson": Anderson}
