"""Which array library a value belongs to. torch is looked at only when somebody else has imported it."""

import sys

import autograd.numpy as anp


def is_torch(x):
    """Whether x is a torch tensor, or a tuple, list or dict that holds one. Does not import torch."""
    torch = sys.modules.get("torch")
    if torch is None or isinstance(x, torch.Tensor):
        return torch is not None
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, tuple | list) else ()
    return any(isinstance(part, torch.Tensor) for part in parts)


def namespace(x):
    """The module with sin, exp, stack, ... for x: torch for a tensor, autograd's NumPy for anything else.

    With it one f(t, y) serves both backends, as in nodekit/problems/.
    """
    return sys.modules["torch"] if is_torch(x) else anp
