"""Symplectic and reversible steps on torch tensors (built in lesson 17): those of nodekit/geometric.py.

A gradient goes back through symplectic steps one at a time, each repeated while autograd records; the reversible
methods, which carry a second quantity from step to step, are recorded whole.
"""

import torch

from nodekit.geometric import Splitting, geometric_stepper
from nodekit.torch_backend.state import Stepper, all_finite, transformed

Geometric = geometric_stepper(Stepper, all_finite)


class Symplectic(Geometric):
    """The stepper of a `Splitting`, whose steps are functions of (t, y, h)."""

    def check_separable(self, t, y):
        if not transformed():  # torch.func lets nobody look at values
            super().check_separable(t, y)

    def step_vjp(self, t, y, h, kept, a, inside, params):
        """The vjp of one step: (dL/dy, a gradient or None for every parameter, evaluations).

        a: dL/dy1 (d,). inside: (theta, dL/dy(theta)) of the outputs within the step. h is held.
        """
        before = self.back.nfev
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            y1, _ = self.once(self.back, t, y, None, h)
            states, d = [y1], [a]
            if inside:
                within = self.between(self.back, t, y, h, y1)
                states += [within(theta) for theta, _ in inside]
                d += [d_theta for _, d_theta in inside]
            found = torch.autograd.grad(states, [y, *params], d, allow_unused=True)
        return found[0], found[1:], self.back.nfev - before

    def restep(self, t, y, h, kept):
        return super().restep(t, y, h, self.again_end(t, y, h) if kept is None else kept)

    def again_end(self, t, y, h):
        """The end of an accepted step, from its start."""
        return self.once(self.again, t, y, None, h)[0]


def stepper(f, y0, method, rtol, atol, fixed, jac=None):
    """The stepper of a `Splitting` or a `Reversible` method; it needs no Jacobian."""
    kind = Symplectic if isinstance(method, Splitting) else Geometric
    return kind(f, y0, method, rtol, atol, fixed)
