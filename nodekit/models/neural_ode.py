"""NeuralODE: the flow of a learned field as a layer (used from lesson 02 on; its regularisers are built in 12)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nodekit import gradients, methods
from nodekit.arguments import output_times
from nodekit.solution import Stats
from nodekit.solve import solve

if TYPE_CHECKING:
    from nodekit.hints import Gradient, Method, Times, Tolerance

REGULARIZERS = ("kinetic", "jacobian")


class NeuralODE(nn.Module):
    """y0 -> the state at the end of dy/dt = field(t, y), y(t[0]) = y0: a layer as any other, in nn.Sequential too.

    Parameters
    ----------
    field : nn.Module, field(t, y) -> dy/dt of y's shape
        Its parameters are the layer's; state_dict holds nothing else.
    t : (t0, t1), or (n,) output times
        Two times: forward returns the state at t1, of y0's shape. More: the states at all of them, (n, *y0.shape).
    method, rtol, atol, step, max_steps, gradient
        As in `nodekit.solve`.
    regularizer : "kinetic", "jacobian", both in a tuple, or None
        What is integrated along the solution, in training mode only: |field|² and |εᵀ ∂field/∂y|², with ε standard
        normal and fixed for a solve, each as a mean over the numbers of y. Their integrals after a forward are
        `regularization`, a dict of 0-d tensors to add to the loss: loss + 0.01 * sum(ode.regularization.values()).

    Attributes
    ----------
    nfev, nfev_backward : evaluations of the field in the last forward, and in its backward so far
    total_nfev, total_nfev_backward : the same since the beginning, or since `reset_counts()`

    Raises ValueError or TypeError for bad arguments, SolveError where the solve fails.

    Sources: R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural ordinary differential equations, 2018;
    C. Finlay, J.-H. Jacobsen, L. Nurbekyan, A. Oberman, How to train your neural ODE, 2020, eqs. 7 and 8.
    """

    def __init__(
        self,
        field: nn.Module,
        t: "Times" = (0.0, 1.0),
        method: "str | Method" = "dopri5",
        rtol: "Tolerance" = 1e-6,
        atol: "Tolerance" = 1e-9,
        step: float | None = None,
        max_steps: int = 10_000,
        gradient: "Gradient" = "discrete",
        regularizer: str | Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(field, nn.Module):
            raise TypeError(f"field must be an nn.Module with forward(t, y), got {type(field).__name__}.")
        methods.get(method)
        gradients.get(gradient)
        names = (regularizer,) if isinstance(regularizer, str) else tuple(regularizer or ())
        if unknown := [name for name in names if name not in REGULARIZERS]:
            raise ValueError(f"regularizer={unknown[0]!r} is not known. Choose of: {', '.join(REGULARIZERS)}.")
        self.field, self.t, self.regularizer = field, output_times(t), names
        self.method, self.rtol, self.atol, self.step = method, rtol, atol, step
        self.max_steps, self.gradient = max_steps, gradient
        self.regularization: dict[str, torch.Tensor] = {}
        self.reset_counts()

    def forward(self, y0: torch.Tensor) -> torch.Tensor:
        """The state at t[-1], of y0's shape (any); with more than two times (n, *y0.shape)."""
        names = self.regularizer if self.training else ()
        f: Any = self.field
        start: Any = y0
        if names:
            f = Regularized(self.field, names, torch.randn_like(y0))
            start = (y0, *(y0.new_zeros(1) for _ in names))
        # Two times would return, and keep, every step; one in between costs next to nothing.
        t = [self.t[0], (self.t[0] + self.t[1]) / 2, self.t[1]] if len(self.t) == 2 else self.t
        solution = solve(
            f,
            start,
            t,
            method=self.method,
            rtol=self.rtol,
            atol=self.atol,
            step=self.step,
            max_steps=self.max_steps,
            gradient=self.gradient,
            params=[p for p in self.field.parameters() if p.requires_grad],
        )
        self.last, self.last.total = solution.stats, self.total
        self.total.nfev += self.last.nfev
        y, *integrals = solution.y if names else (solution.y,)
        self.regularization = {name: x[-1, 0] for name, x in zip(names, integrals, strict=True)}
        return y[-1] if len(self.t) == 2 else y

    def reset_counts(self) -> None:
        """Set the counts of evaluations to 0."""
        self.last, self.total = Stats(), Stats()

    @property
    def nfev(self) -> int:
        return self.last.nfev

    @property
    def nfev_backward(self) -> int:
        return self.last.nfev_backward

    @property
    def total_nfev(self) -> int:
        return self.total.nfev

    @property
    def total_nfev_backward(self) -> int:
        return self.total.nfev_backward

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: without the graph of the last forward."""
        return {**self.__dict__, "regularization": {}}

    def extra_repr(self) -> str:
        shown: dict[str, Any] = {
            "t": (self.t[0], self.t[-1]),
            "method": self.method,
            "rtol": self.rtol,
            "atol": self.atol,
        }
        shown |= {"step": self.step} if self.step is not None else {}
        shown |= {"gradient": self.gradient} | ({"regularizer": self.regularizer} if self.regularizer else {})
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


class Regularized:
    """The field with its regularisers' densities: (y, r, ...) -> (dy/dt, dr/dt, ...), each r of shape (1,).

    noise: ε of y's shape, held through the solve so that what is solved is one ODE.
    """

    def __init__(self, field: nn.Module, names: Sequence[str], noise: torch.Tensor) -> None:
        self.field, self.names, self.noise = field, names, noise

    def __call__(self, t: Any, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        y, recorded = state[0], torch.is_grad_enabled()
        if "jacobian" not in self.names:
            k = self.field(t, y)
            return k, k.square().mean().reshape(1)
        with torch.enable_grad():
            if not (recorded and y.requires_grad):
                y = y.detach().requires_grad_()
            k = self.field(t, y)
            vjp = None
            if k.requires_grad:
                (vjp,) = torch.autograd.grad(k, y, self.noise, create_graph=recorded, allow_unused=True)
            densities = {
                "kinetic": k.square().mean().reshape(1),
                "jacobian": k.new_zeros(1) if vjp is None else vjp.square().mean().reshape(1),
            }
        found = k, *(densities[name] for name in self.names)
        return found if recorded else tuple(x.detach() for x in found)
