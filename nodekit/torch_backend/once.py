"""Gradients that can be differentiated once: a second time is refused in words (used by gradient.py and bdf.py)."""

import torch


class Once(torch.autograd.Function):
    """Gradients found by hand, as functions of what they depend on, so that a double backward comes here.

    Once.apply(why, found, *inputs) returns `found`, a tuple; differentiated, it raises RuntimeError with `why`.
    """

    @staticmethod
    def forward(ctx, why, found, *_):
        ctx.why = why
        return found

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(f"{ctx.why}.")
