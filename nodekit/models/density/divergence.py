"""The trace of a field's Jacobian along a flow: exact (built in lesson 10)."""

from collections.abc import Callable
from typing import Any

import torch

T = torch.Tensor


def exact_divergence(f: Callable[[Any, T], T], t: Any, x: T) -> tuple[T, T]:
    """f(t, x) and the trace of ∂f/∂x for each sample, by d vector–Jacobian products: (..., d), (...).

    f must treat samples by themselves: each row of f(t, x) may depend on that row of x alone (no batch normalisation).
    """
    recorded = torch.is_grad_enabled()
    with torch.enable_grad():
        if not (recorded and x.requires_grad):
            x = x.detach().requires_grad_()
        k = f(t, x)
        trace = torch.zeros_like(k[..., 0])
        for i in range(x.shape[-1]):
            if not k.requires_grad:  # f is constant
                break
            last = i == x.shape[-1] - 1 and not recorded
            (row,) = torch.autograd.grad(
                k[..., i].sum(), x, create_graph=recorded, retain_graph=not last, allow_unused=True
            )
            if row is None:
                break
            trace = trace + row[..., i]
    return (k, trace) if recorded else (k.detach(), trace.detach())
