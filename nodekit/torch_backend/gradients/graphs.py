"""The graph of a solve's first steps, kept for the way back as far as memory allows (used from lesson 07 on).

Steps that autograd recorded need not be repeated on the way back. They hang together as one graph, in which the
accepted steps alone are kept alive, so that one call of autograd goes back through all of them. With a graph and a call
for each step a step of training took a tenth longer.
"""

from typing import Any, NamedTuple

import torch

from nodekit.stepping.step import dense_slopes, runge_kutta_step
from nodekit.torch_backend.explicit import ExplicitRungeKutta, fused_advance


class Graph(NamedTuple):
    """What is kept of one step, each with its graph: the state y where it begins, its end y1, its slopes k."""

    y: Any
    y1: Any
    k: list[Any]


class Recorded(ExplicitRungeKutta):
    """Steps that autograd records, as many of the accepted ones as fit into `memory` bytes; later ones are not.

    It goes on where `stepper`, an `ExplicitRungeKutta`, is, before its first step. first: what `recorded` gave there.
    """

    graph = None  # of the step attempted last

    def __init__(self, stepper, memory, first):
        vars(self).update(vars(stepper))
        self.leaf, self.first, size = first
        self.y, stages, self.graphs = self.leaf, self.method.stages, []  # y: where the next step begins, recorded
        self.most = memory // (stages * size + (stages + 2) * self.leaf.nbytes or 1)
        self.begin_with(self.first.detach())

    def start(self, t, y):
        self.plan(y)
        if self.k0 is None and self.recording:  # behind a breakpoint
            with torch.enable_grad():
                self.first = self.field(t, self.y)
            self.begin_with(self.first.detach())
        return super().start(t, y)

    def plan(self, y):
        self.recording = len(self.graphs) < self.most
        with torch.set_grad_enabled(self.recording):
            super().plan(y)

    def attempt(self, t, y, h):
        if not self.recording:
            return super().attempt(t, y, h)
        with torch.enable_grad():
            y1, self.k = runge_kutta_step(self.field, t, self.y, h, self.rk, self.first, self.advance)
        self.first, self.graph = self.k[0], Graph(self.y, y1, self.k)
        return self.judged(t, self.y, h, y1.detach())  # what `inside` adds to the slopes is recorded too

    def inside(self, theta):
        with torch.set_grad_enabled(self.recording):
            return super().inside(theta).detach()

    def accept(self):
        super().accept()
        if self.recording:
            self.graphs.append(self.graph)
            self.y, self.first, self.graph = self.graph.y1, self.k0, None
            if len(self.graphs) >= self.most:
                self.y = self.first = None
                self.k0 = None if self.k0 is None else self.k0.detach()
                self.plan(self.step.y1)

    def hand_over(self):
        """(leaf, graphs) for `graph_vjp`. The stepper keeps nothing of them: they would live as long as it does."""
        found = self.leaf, self.graphs
        self.leaf = self.y = self.first = self.graph = self.graphs = self.k = self.k0 = self.step = None
        return found

    def graph_vjp(self, leaf, graphs, steps, params):
        """The vjp of the steps with these graphs: (dL/dy where the first begins, a gradient or None for every
        parameter). The graphs are spent.

        steps: for each of them t, h, dL/dy1 (d,) or None, and `inside` as for `step_vjp`.
        """
        ends, d = [], []
        for (y, y1, k), (t, h, a, inside) in zip(graphs, steps, strict=True):
            if a is not None:
                ends.append(y1)
                d.append(a)
            if inside:
                with torch.enable_grad():
                    rows = torch.stack(dense_slopes(self.field_back, t, y, h, k, self.method, fused_advance))
                    ends.append(self.interpolate(y, h, rows, inside[0]))
                d.append(inside[1])
        found = torch.autograd.grad(ends, [leaf, *params], d, allow_unused=True)
        return found[0], found[1:]


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
