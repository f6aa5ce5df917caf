"""Symplectic and reversible steps on torch tensors (built in lesson 17): those of nodekit/geometric.py."""

from nodekit.geometric import geometric_stepper
from nodekit.torch_backend.state import Stepper, all_finite

Geometric = geometric_stepper(Stepper, all_finite)


def stepper(f, y0, method, rtol, atol, fixed, jac=None):
    """The stepper of a `Splitting` or a `Reversible` method; it needs no Jacobian."""
    return Geometric(f, y0, method, rtol, atol, fixed)
