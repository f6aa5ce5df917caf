"""Derivatives inside of a function that may itself run without gradients (used by models and Newton's families)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nodekit.torch_backend.private_torch import transformed

__all__ = ["functional", "recording"]


@contextmanager
def recording(y: torch.Tensor) -> Iterator[tuple[torch.Tensor, bool]]:
    """A block in which autograd records what is done with y: (y, kept).

    kept: whether the caller records too, so that a derivative taken here needs a graph of its own. Where it does not,
    or y asks for no gradient, y is a new leaf. It works under torch.no_grad and under torch.inference_mode, whose
    tensors autograd does not follow: they are copied.
    """
    kept = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.enable_grad():
        if not (kept and y.requires_grad):
            y = (y.clone() if y.is_inference() else y).detach().requires_grad_()
        yield y, kept


def functional(y: torch.Tensor) -> bool:
    """Whether derivatives have to be taken by torch.func: within its transforms, within compiled code, and for a y that
    carries a tangent of forward mode, which a new leaf would lose."""
    if transformed() or torch.compiler.is_compiling():
        return True
    return torch.autograd.forward_ad.unpack_dual(y).tangent is not None
