"""SecondOrderField and SONODE: x'' = f(t, x, x'), learned (built in lesson 17)."""

from typing import Any

import torch
from torch import nn

from nodekit.arguments import tensor
from nodekit.models.neural_ode import NeuralODE
from nodekit.models.physics.hamiltonian import halves

__all__ = ["SONODE", "SecondOrderField"]


class SecondOrderField(nn.Module):
    """(x, v)' = (v, acceleration(t, x, v)): a field f(t, y) for `solve` and `NeuralODE`, positions first.

    The first half of y' is the second half of y, whatever the weights, so v is the velocity of x and nothing else.

    Parameters
    ----------
    acceleration : nn.Module or function, (t, x (..., d), v (..., d)) -> (..., d)

    Raises TypeError for an acceleration that cannot be called or has another type than x, ValueError for a y without
    two halves, and for an acceleration of another shape than x. The splittings of `solve` (leapfrog) halve the first
    axis, so they take one state (2d,) and no batch.

    Source: A. Norcliffe, C. Bodnar, B. Day, N. Simidjievski, P. Liò, On second order behaviour in augmented neural
    ODEs, 2020, section 3.
    """

    def __init__(self, acceleration: Any) -> None:
        super().__init__()
        if not callable(acceleration):
            raise TypeError(
                f"acceleration must be an nn.Module or a function of (t, x, v), got {type(acceleration).__name__}."
            )
        self.acceleration = acceleration

    def forward(self, t: float | torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """(v, acceleration(t, x, v)) at y = (x, v) (..., 2d): (..., 2d)."""
        x, v = halves(y, "velocities")
        a = self.acceleration(t, x, v)
        check_like(a, x, "acceleration returned", "x and v")
        return torch.cat([v, a], -1)


class SONODE(NeuralODE):
    """x0 -> (x, v) at the end of x'' = acceleration(t, x, v), where v starts as it is given or as velocity(x0).

    Parameters
    ----------
    acceleration : nn.Module or function, (t, x (..., d), v (..., d)) -> (..., d)
    velocity : nn.Module or function x0 (..., d) -> v0 (..., d), or None
        The initial velocity, learned from the initial position. None: it is given in each call.
    **options
        As for `NeuralODE`: t, method, rtol, atol, step, max_steps, gradient, regularizer; and its attributes.

    model(x0) or model(x0, v0): (..., 2d), positions first; with more than two times (n, ..., 2d).
    What is learned of v0 is one function of x0: of two paths with equal x0 and different velocities it knows nothing.

    Raises TypeError for parts that cannot be called and a velocity of another type than x0, ValueError for a velocity
    that is missing or of another shape than x0.

    Source: A. Norcliffe, C. Bodnar, B. Day, N. Simidjievski, P. Liò, On second order behaviour in augmented neural
    ODEs, 2020, section 3.
    """

    def __init__(self, acceleration: Any, velocity: Any = None, **options: Any) -> None:
        super().__init__(SecondOrderField(acceleration), **options)
        if velocity is not None and not callable(velocity):
            raise TypeError(f"velocity must be an nn.Module, a function of x0, or None, got {type(velocity).__name__}.")
        self.velocity = velocity

    def start(self, x0: torch.Tensor, v0: torch.Tensor | None = None) -> torch.Tensor:
        """(x0, v0): (..., 2d), with v0 = velocity(x0) where it is not given."""
        tensor("x0", x0)
        if v0 is None:
            if self.velocity is None:
                raise ValueError("v0 is missing: give it, model(x0, v0), or a network for it, velocity=..., above.")
            v0 = self.velocity(x0)
        check_like(v0, x0, "the initial velocity is", "x0")
        return torch.cat([x0, v0], -1)

    def forward(  # type: ignore[override]  # a start has two parts here
        self, x0: torch.Tensor, v0: torch.Tensor | None = None, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """(x, v) at t[-1]; with more than two times at all of them."""
        return super().forward(self.start(x0, v0), generator)


def check_like(found: Any, x: torch.Tensor, what: str, name: str) -> None:
    """Raise ValueError, TypeError unless found is a tensor of the shape and the type of x, which is called `name`."""
    if not isinstance(found, torch.Tensor) or found.shape != x.shape:
        got = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise ValueError(f"{what} {got} for {name} {tuple(x.shape)}; that shape was expected.")
    if found.dtype != x.dtype:
        raise TypeError(f"{what} {found.dtype} for {name} of {x.dtype}; that type was expected.")
