"""The trace of a field's Jacobian along a flow: exact (built in lesson 10), and estimated with one vector (11)."""

from collections.abc import Callable
from typing import Any

import torch

from nodekit.torch_backend.recording import recording

T = torch.Tensor
Field = Callable[[Any, T], T]
Divergence = Callable[[Field, Any, T], tuple[T, T]]


def exact_divergence(f: Field, t: Any, x: T) -> tuple[T, T]:
    """f(t, x) and the trace of ∂f/∂x for each sample, by d vector–Jacobian products: (..., d), (...).

    f must treat samples by themselves: each row of f(t, x) may depend on that row of x alone (no batch normalisation).
    """

    def trace(k: T, x: T, recorded: bool) -> T:
        found = torch.zeros_like(k[..., 0])
        for i in range(x.shape[-1]):
            if not k.requires_grad:  # f is constant
                break
            last = i == x.shape[-1] - 1 and not recorded
            (row,) = torch.autograd.grad(
                k[..., i].sum(), x, create_graph=recorded, retain_graph=not last, allow_unused=True
            )
            if row is None:
                break
            found = found + row[..., i]
        return found

    return _with_slope(f, t, x, trace)


def _with_slope(f: Field, t: Any, x: T, trace: Callable[[T, T, bool], T]) -> tuple[T, T]:
    """k = f(t, x), and trace(k, x, recorded) from k's graph, which both keep where autograd records."""
    with recording(x) as (x, kept):
        k = f(t, x)
        found = trace(k, x, kept)
    return (k, found) if kept else (k.detach(), found.detach())


class Hutchinson:
    """The trace of ∂f/∂x by one vector–Jacobian product: εᵀ (∂f/∂x) ε, with E[ε εᵀ] = I.

    It is right in the mean. Its variance is Σ_{i<j} (J_ij + J_ji)² for Rademacher noise, to which the diagonal adds
    nothing, and 2 |(J + Jᵀ)/2|² (Frobenius) for Gaussian noise.

    A solve needs one ε from its start to its end, so that what is solved is one differential equation: `drawn` gives
    the function (f, t, x) -> (f(t, x), estimate) that holds it, and `CNF(divergence=Hutchinson())` asks once a solve.

    noise: "rademacher" (each entry ±1), or "gaussian". Raises ValueError that lists them for another name.

    Sources: M. F. Hutchinson, Commun. Stat. Simul. Comput. 18, 1989; W. Grathwohl et al., FFJORD, 2019, section 3.1.
    """

    def __init__(self, noise: str = "rademacher") -> None:
        if noise not in ("rademacher", "gaussian"):
            raise ValueError(f"noise={noise!r} is not known. Choose of: rademacher, gaussian.")
        self.noise = noise

    def drawn(self, x: T, generator: torch.Generator | None = None) -> Divergence:
        """The estimate with one ε of x's shape (..., d), drawn now: for each sample its own."""
        if self.noise == "gaussian":
            noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        else:
            noise = torch.randint(0, 2, x.shape, generator=generator, device=x.device).to(x.dtype) * 2 - 1

        def trace(k: T, x: T, recorded: bool) -> T:
            row = None
            if k.requires_grad:
                (row,) = torch.autograd.grad(k, x, noise, create_graph=recorded, allow_unused=True)
            return torch.zeros_like(k[..., 0]) if row is None else (row * noise).sum(-1)

        def estimated(f: Field, t: Any, x: T) -> tuple[T, T]:
            return _with_slope(f, t, x, trace)

        return estimated

    def __repr__(self) -> str:
        return f"Hutchinson({self.noise!r})"
