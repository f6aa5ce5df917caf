"""PlanarFlow: a density pushed through planar layers, the discrete ancestor of the CNF (built in lesson 11)."""

import torch
from torch import nn
from torch.nn.functional import softplus

from nodekit.models.density.cnf import Density, StandardNormal

T = torch.Tensor


class PlanarFlow(nn.Module):
    """K planar layers z -> z + û tanh(w·z + b), each of which moves points along û, by how far they are along w.

    Invertible for all weights: û = u + (m − w·u) w/|w|² with m = log(1 + exp(w·u)) − 1, so that w·û = m > −1. The
    determinant of a layer is 1 + (1 − tanh²(w·z + b)) w·û > 0, at the cost of a scalar product.

    Parameters
    ----------
    dim, layers : int >= 1
    base : object with log_prob(x) -> (...) and sample(shape, like, generator) -> tensor. Default: standard normal.
    generator : torch.Generator, of the first weights: w normal, u and b normal times 0.1

    Raises ValueError for other sizes and for a z that is not (..., dim).

    Source: D. J. Rezende, S. Mohamed, Variational inference with normalizing flows, 2015, equations 10 to 12, and
    appendix A.1 for û.
    """

    def __init__(
        self, dim: int, layers: int, base: Density | None = None, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        for name, size in (("dim", dim), ("layers", layers)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{name}={size!r} must be an int >= 1.")
        self.dim, self.base = dim, base or StandardNormal()
        w, u, b = (torch.randn(layers, n, generator=generator) for n in (dim, dim, 1))
        self.w, self.u, self.b = nn.Parameter(w), nn.Parameter(0.1 * u), nn.Parameter(0.1 * b[:, 0])

    def directions(self) -> tuple[T, T]:
        """û of each layer (layers, dim), and w·û (layers,), which is greater than −1."""
        along = (self.w * self.u).sum(-1)
        m = softplus(along) - 1
        return self.u + ((m - along) / self.w.square().sum(-1))[:, None] * self.w, m

    def forward(self, z: T) -> tuple[T, T]:
        """z through all layers, and the logarithm of the determinant of this map: (..., dim) -> (..., dim), (...)."""
        self._check(z)
        log_det = z.new_zeros(z.shape[:-1])
        for w, b, u, m in zip(self.w, self.b, *self.directions(), strict=True):
            h = torch.tanh(z @ w + b)
            z = z + h[..., None] * u
            log_det = log_det + torch.log1p((1 - h.square()) * m)
        return z, log_det

    @torch.no_grad()
    def inverse(self, x: T) -> T:
        """The z that forward takes to x, (..., dim) -> (..., dim), by bisection, layer by layer; without gradients."""
        self._check(x)
        for w, b, u, m in reversed(list(zip(self.w, self.b, *self.directions(), strict=True))):
            wanted = x @ w  # of z: s + m tanh(s + b) = w·x has one solution s = w·z, since m > −1
            low, high = wanted - m.abs(), wanted + m.abs()
            for _ in range(64):
                s = (low + high) / 2
                above = s + m * torch.tanh(s + b) > wanted
                low, high = torch.where(above, low, s), torch.where(above, s, high)
            x = x - torch.tanh((low + high) / 2 + b)[..., None] * u
        return x

    def log_prob(self, x: T) -> T:
        """log p(x) in nats, by `inverse`: x (..., dim) -> (...). Without gradients in x."""
        z = self.inverse(x)
        return self.base.log_prob(z) - self.forward(z)[1]

    def sample_and_log_prob(
        self, shape: int | tuple[int, ...], generator: torch.Generator | None = None
    ) -> tuple[T, T]:
        """Samples (*shape, dim) and their log density (*shape), both with gradients: for a reverse KL."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        z = self.base.sample((*shape, self.dim), self.w, generator)
        x, log_det = self.forward(z)
        return x, self.base.log_prob(z) - log_det

    def _check(self, z: T) -> None:
        if z.dim() == 0 or z.shape[-1] != self.dim:
            raise ValueError(f"z has shape {tuple(z.shape)}; (..., {self.dim}) was expected.")
