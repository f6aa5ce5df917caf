"""A field that holds a tensor and another that was computed from it (used from lesson 05 on).

On the way back torch.autograd.grad(k, [x, b]) follows b to what it was computed from. If x is among that, x's gradient
comes with the part that went through b, which then arrives a second time by b's own gradient; and b's graph, which is
the caller's, is used up. A model that holds an encoder and what it said is such a field. So f finds, in place of b, a
leaf with b's value, and b gets the leaf's gradient.
"""

import torch
from torch.overrides import TorchFunctionMode

from nodekit.torch_backend.depends import Around, held, reaches, unique


class Apart(Around):
    """f, called with a leaf in place of each tensor of `pairs`, [(b, leaf)], once it is `on`."""

    def __init__(self, f, pairs):
        super().__init__(f, {id(b): leaf for b, leaf in pairs})
        self.pairs, self.on = pairs, False

    def __call__(self, *args):
        if not self.on:
            return self.f(*args)
        with Exchange(self.leaves):
            return self.f(*args)


class Exchange(TorchFunctionMode):
    """Every function of torch gets the leaf of a tensor that has one."""

    def __init__(self, leaves):
        super().__init__()
        self.leaves = leaves

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*self.exchanged(args), **{k: self.exchanged(v) for k, v in (kwargs or {}).items()})

    def exchanged(self, x):
        if isinstance(x, torch.Tensor):
            return self.leaves.get(id(x), x)
        return type(x)(map(self.exchanged, x)) if type(x) in (list, tuple) else x


def apart(fields, params=None, compile=False):
    """The fields, each an `Apart` if one of the tensors that they hold was computed from another, or from `params`.

    Raises ValueError for such fields that are to be compiled.
    """
    if not torch.is_grad_enabled():
        return fields
    leaves, computed = held(fields)
    if params is not None:
        leaves, computed = [p for p in params if p.is_leaf], unique([*computed, *(p for p in params if not p.is_leaf)])
    if not computed:
        return fields
    ends = {id(x) for x in leaves}
    nodes = {x.grad_fn for x in computed}
    pairs = [(b, b.detach().requires_grad_()) for b in computed if reaches(b, ends, nodes)]
    if pairs and compile:
        raise ValueError(
            "compile=True does not go with an f that holds a tensor and another that was computed from it. Leave "
            "compile out, or give f the one that it uses alone."
        )
    return [Apart(f, pairs) for f in fields] if pairs else fields


def in_force(f):
    """Let an `Apart`, or those among several fields, exchange from now on. Returns their pairs."""
    found = [x for x in (f if isinstance(f, tuple | list) else [f]) if isinstance(x, Apart)]
    for x in found:
        x.on = True
    return found[0].pairs if found else []


def inner(params, pairs):
    """`params`, with the leaves of the pairs in place of what they stand for, and all leaves among them."""
    leaves = {id(b): leaf for b, leaf in pairs}
    return unique([*(leaves.get(id(p), p) for p in params), *leaves.values()])


def outer(params, pairs):
    """The tensors that get the gradients of `params`: those which the leaves stand for."""
    stand_for = {id(leaf): b for b, leaf in pairs}
    return [stand_for.get(id(p), p) for p in params]
