"""DEQ: a layer whose output is the fixed point of a small network, with its gradient (lesson 25)."""

from typing import Any

import torch
from torch import nn

from nodekit.arguments import tensor
from nodekit.models.equilibrium.fixed_point import FixedPoint, FixedPointError, check, fixed_point

__all__ = ["DEQ"]

GRADIENTS = ("implicit", "jacobian-free")


class DEQ(nn.Module):
    """A deep equilibrium layer: its output z satisfies z = f(z, x), for each sample of a batch.

    The solver's rounds leave no graph: one evaluation of f is recorded, at the fixed point, so memory does not grow
    with the number of rounds. With J = ∂f/∂z there and g = ∂loss/∂z, the backward pass of

    - "implicit" solves u = g + Jᵀu, a fixed point again, one vector–Jacobian product a round, and sends u through f:
      the exact gradient of the fixed point, by the implicit function theorem, as exact as both solves;
    - "jacobian-free" sends u = g through f: one product, and a gradient that has lost the factor (I − J)⁻ᵀ.

    Parameters
    ----------
    f : nn.Module with forward(z, x), z (n, *size), x (n, ...), each sample on its own; returns z's shape. No dropout
        and no BatchNorm inside: what changes from round to round, or mixes samples, has no fixed point of this kind.
    size : int or tuple of ints, the shape of one sample of z
    method, tol, max_evaluations, memory, damping, throw : of `fixed_point`, for the way forward
    gradient : "implicit" or "jacobian-free"
    backward_method : of the linear solve; "newton" is not offered, because it would need all of J
    backward_tol : float, tol of the linear solve, relative to each sample's g; None takes tol

    Attributes: last, last_backward: the FixedPoint of the last forward and backward solve, or None.

    The gradient is a first derivative: "implicit" raises RuntimeError with create_graph=True, and a second derivative
    through "jacobian-free" is that of its one recorded evaluation, not of the fixed point.

    Raises ValueError or TypeError for an argument outside of its range, naming it; FixedPointError where no fixed point
    is found, forward or backward, unless throw is False: then `last` and `last_backward` have the status.

    Sources: S. Bai, J. Z. Kolter, V. Koltun, Deep equilibrium models, 2019, theorem 1; S. Wu Fung et al., JFB:
    Jacobian-free backpropagation for implicit networks, 2021.
    """

    def __init__(
        self,
        f: nn.Module,
        size: int | tuple[int, ...],
        method: str = "anderson",
        tol: float = 1e-6,
        max_evaluations: int = 100,
        memory: int = 5,
        damping: float = 1.0,
        throw: bool = True,
        gradient: str = "implicit",
        backward_method: str = "anderson",
        backward_tol: float | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(f, nn.Module):
            raise TypeError(f"f must be an nn.Module with forward(z, x), got {type(f).__name__}.")
        check(method, tol, max_evaluations, memory, damping)
        self.size = size if isinstance(size, tuple) else (size,)
        if not self.size or not all(isinstance(k, int) and not isinstance(k, bool) and k >= 1 for k in self.size):
            raise ValueError(f"size={size!r} must be an int, at least 1, or a tuple of such.")
        if gradient not in GRADIENTS:
            raise ValueError(f"gradient={gradient!r} is not known; there are {', '.join(map(repr, GRADIENTS))}.")
        if backward_method not in ("picard", "broyden", "anderson"):
            raise ValueError(f"backward_method={backward_method!r}; there are 'picard', 'broyden' and 'anderson'.")
        self.f, self.gradient = f, gradient
        self.forward_options: dict[str, Any] = {"method": method, "tol": tol, "damping": damping}
        check(backward_method, tol if backward_tol is None else backward_tol, max_evaluations, memory, damping)
        backward_tol = tol if backward_tol is None else backward_tol
        self.backward_options: dict[str, Any] = {"method": backward_method, "tol": backward_tol, "damping": damping}
        for options in (self.forward_options, self.backward_options):
            options |= {"max_evaluations": max_evaluations, "memory": memory, "throw": throw}
        self.last: FixedPoint | None = None
        self.last_backward: FixedPoint | None = None

    def forward(self, x: torch.Tensor, z0: torch.Tensor | None = None) -> torch.Tensor:
        """The fixed point for the inputs x (n, ...): (n, *size). z0 (n, *size): where the search starts; None: 0."""
        tensor("x", x)
        if x.dim() == 0:
            raise ValueError("x has shape (); it is (n, ...), a batch of inputs.")
        shape = (len(x), *self.size)
        if z0 is not None and z0.shape != shape:
            raise ValueError(f"z0 has shape {tuple(z0.shape)}; for this x and size it is {shape}.")
        if z0 is None and not x.is_floating_point():
            raise TypeError(
                f"x is {x.dtype}: the search starts at zeros of x's type. For such an x give z0, in floats."
            )
        start = x.new_zeros(shape) if z0 is None else z0.detach()
        with torch.no_grad():
            self.last = fixed_point(lambda z: self.f(z, x), start, **self.forward_options)
        z = self.last.z
        if not torch.is_grad_enabled():
            return z
        if self.gradient == "jacobian-free":
            return self.f(z, x)
        z = z.detach().requires_grad_()
        value = self.f(z, x)
        return Implicit.apply(value, z, self) if value.requires_grad else value

    def extra_repr(self) -> str:
        o = self.forward_options
        return f"size={self.size}, method={o['method']!r}, tol={o['tol']:g}, gradient={self.gradient!r}"

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: without the last solves."""
        return {**self.__dict__, "last": None, "last_backward": None}


class Implicit(torch.autograd.Function):
    """The identity on value = f(z); on the way back g becomes u, u = g + Jᵀu, J = ∂value/∂z."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, z: torch.Tensor, layer: DEQ) -> torch.Tensor:
        # The graph of value is behind this node, not before it: no cycle.
        ctx.layer, ctx.pair = layer, (value, z)
        return value.detach().clone()

    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, None, None]:  # type: ignore[override]
        if torch.is_grad_enabled():
            raise RuntimeError("DEQ has first derivatives only: take its gradient without create_graph=True.")
        (value, z), layer = ctx.pair, ctx.layer
        scale = g.flatten(1).abs().amax(1).view(-1, *[1] * (g.dim() - 1))  # no squares, which may under- or overflow
        scale = torch.where(scale > 0, scale, 1.0)
        unit = g / scale  # the tolerance is relative to g, which a mean over a batch makes small

        def pulled(u: torch.Tensor) -> torch.Tensor:
            (back,) = torch.autograd.grad(value, z, u, retain_graph=True, allow_unused=True)
            return unit if back is None else unit + back

        try:
            layer.last_backward = fixed_point(pulled, unit, **layer.backward_options)
        except FixedPointError as error:
            layer.last_backward = error.result
            error.result.message = f"on the way back, for u = g + Jᵀu: {error.result.message}"
            raise FixedPointError(error.result) from None
        return layer.last_backward.z * scale, None, None
