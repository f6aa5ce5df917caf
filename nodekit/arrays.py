"""Which array library a value belongs to. torch is looked at only when somebody else has imported it."""

import sys

import autograd.numpy as anp


def is_torch(x):
    """Whether x is a torch tensor. Does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def namespace(x):
    """The module with sin, exp, stack, ... for x: torch for a tensor, autograd's NumPy for anything else.

    With it one f(t, y) serves both backends, as in nodekit/problems.py.
    """
    return sys.modules["torch"] if is_torch(x) else anp
