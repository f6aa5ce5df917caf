"""The graphs of a solve's first steps, kept for the way back as far as memory allows (used from lesson 07 on).

A step that autograd recorded need not be repeated on the way back. Its graph is one from (y, k0) to (y1, k1), with k0
the slope that the step before it found at its end: what flows to k0 goes on to that step's k1.
"""

from typing import Any, NamedTuple

import torch

from nodekit.stepping.step import dense_slopes, runge_kutta_step
from nodekit.torch_backend.explicit import ExplicitRungeKutta, fused_advance


class Graph(NamedTuple):
    """Of one step: the leaves y and k0 where it begins, its end y1, its slopes k.

    k0 is None where the first slope is a function of y in this graph; else it is the last slope of the step before.
    """

    y: Any
    k0: Any
    y1: Any
    k: list[Any]


class Recorded(ExplicitRungeKutta):
    """Steps that autograd records one by one, as many of the accepted ones as fit into `memory` bytes; others are not.

    It goes on where `stepper`, an `ExplicitRungeKutta`, is, before its first step. first: what `recorded` gave there.
    """

    graph = None  # of the step attempted last

    def __init__(self, stepper, memory, first):
        vars(self).update(vars(stepper))
        self.leaf, self.first, size = first
        stages, self.graphs = self.method.stages, []
        self.most = memory // (stages * size + (stages + 2) * self.leaf.nbytes or 1)
        self.begin_with(self.first.detach())

    def start(self, t, y):
        self.plan(y)
        return super().start(t, y)

    def plan(self, y):
        self.recording = len(self.graphs) < self.most
        with torch.set_grad_enabled(self.recording):
            super().plan(y)

    def attempt(self, t, y, h):
        if not self.recording:
            return super().attempt(t, y, h)
        if self.leaf is None:
            self.leaf = y.detach().requires_grad_()
            self.first = None if self.k0 is None else self.k0.detach().requires_grad_()
        with torch.enable_grad():
            y1, k = runge_kutta_step(self.field, t, self.leaf, h, self.rk, self.first, self.advance)
        k0 = self.first if self.first is not None and self.first.is_leaf else None
        self.first, self.graph, self.k = k[0], Graph(self.leaf, k0, y1, k), k
        return self.judged(t, self.leaf, h, y1.detach())

    def inside(self, theta):
        with torch.set_grad_enabled(self.recording):
            return super().inside(theta).detach()

    def accept(self):
        super().accept()
        if self.recording:
            self.graphs.append(self.graph)
            self.leaf = self.graph = None
            if len(self.graphs) >= self.most:
                self.k0 = None if self.k0 is None else self.k0.detach()
                self.plan(self.step.y1)

    def graph_vjp(self, graph, t, h, a, dk, inside, params):
        """The vjp of a step whose graph was kept: (dL/dy, dL/dk0 or None, a gradient or None for every parameter).

        a: dL/dy1 (d,). dk: dL/dk of its last slope, or None. inside: as for `step_vjp`. The graph is spent.
        """
        y, k0, y1, k = graph
        ends, d = [y1], [a]
        if dk is not None and k[self.last].requires_grad:
            ends.append(k[self.last])
            d.append(dk)
        if inside:
            with torch.enable_grad():
                rows = torch.stack(dense_slopes(self.field_back, t, y, h, k, self.method, fused_advance))
                ends.append(self.interpolate(y, h, rows, inside[0]))
            d.append(inside[1])
        leaves = [y] if k0 is None else [y, k0]
        found = torch.autograd.grad(ends, [*leaves, *params], d, allow_unused=True)
        return found[0], None if k0 is None else found[1], found[len(leaves) :]


def recorded(f, t, y):
    """(leaf, f(t, leaf) with its graph, the bytes that the graph keeps alive besides parameters), where leaf is y.

    None where f cannot be recorded at a y that requires a gradient.
    """
    sizes = {}

    def pack(x):
        if x.grad_fn is not None or not x.requires_grad:  # a parameter is there anyway
            sizes[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x.detach()

    leaf = y.detach().requires_grad_()
    try:
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            return leaf, f(t, leaf), sum(sizes.values())
    except RuntimeError:  # f leaves torch, as by y.numpy(): there is no gradient by y, and perhaps none is wanted
        return None


def unpack(x):
    return x
