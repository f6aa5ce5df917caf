"""NeuralODE: the flow of a learned field as a layer (used from lesson 02 on; its regularisers are built in 12)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nodekit import gradients, methods
from nodekit.arguments import held_times, step_sizes, tensor, with_middle
from nodekit.models.regularisers import Regularized, checked
from nodekit.solution import Stats
from nodekit.solve import solve
from nodekit.torch_backend.depends import told

if TYPE_CHECKING:
    from nodekit.hints import Gradient, Method, Times, Tolerance


class NeuralODE(nn.Module):
    """y0 -> the state at the end of dy/dt = field(t, y), y(t[0]) = y0: a layer as any other, in nn.Sequential too.

    Parameters
    ----------
    field : nn.Module, field(t, y) -> dy/dt of y's shape
        Its parameters are the layer's; state_dict holds nothing else. Gradients reach the tensors too that it or a
        module within it holds otherwise, as a condition that is set before each forward.
    t : (t0, t1), or (n,) output times; not tensors that require gradients
        Two times: forward returns the state at t1, of y0's shape. More: the states at all of them, (n, *y0.shape).
    method, rtol, atol, step, max_steps, gradient
        As in `nodekit.solve`.
    regularizer : "kinetic", "jacobian", "taylor2", "taylor3", "taylor4", several in a tuple, or None
        What is integrated along the solution, in training mode only: |field|², |εᵀ ∂field/∂y|² with ε standard normal
        and fixed for a solve, |d^K y/dt^K|², each as a mean over the numbers of y (`regularisers.Regularized`). Their
        integrals after a forward are `regularization`, a dict of 0-d tensors to add to the loss:
        loss + 0.01 * sum(ode.regularization.values()).

    Attributes
    ----------
    nfev, nfev_backward : evaluations of the field in the last forward, and in its backward so far
    total_nfev, total_nfev_backward : the same since the beginning, or since `reset_counts()`

    Raises ValueError or TypeError for bad arguments, in the constructor, and for a y0 that is not one tensor;
    SolveError where the solve fails.

    Sources: R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural ordinary differential equations, 2018;
    of the regularisers, in regularisers.py.
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
        m = methods.get(method)
        gradients.get(gradient)
        self.field, self.t, self.regularizer = field, held_times(t), checked(regularizer)
        step_sizes(m, self.t, rtol, atol, step, max_steps)
        self.method, self.rtol, self.atol, self.step = method, rtol, atol, step
        self.max_steps, self.gradient = max_steps, gradient
        self.regularization: dict[str, torch.Tensor] = {}
        self.reset_counts()

    def forward(self, y0: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """The state at t[-1], of y0's shape (any); with more than two times (n, *y0.shape). generator: of ε."""
        tensor("y0", y0)
        names = self.regularizer if self.training else ()
        regularized = Regularized(self.field, names, y0, generator) if names else None
        t = with_middle(self.t) if len(self.t) == 2 else self.t
        solution = solve(
            regularized or self.field,
            regularized.start(y0) if regularized else y0,
            t,
            method=self.method,
            rtol=self.rtol,
            atol=self.atol,
            step=self.step,
            max_steps=self.max_steps,
            gradient=self.gradient,
            params=told(self.field),
        )
        self.last, self.last.total = solution.stats, self.total
        self.total.nfev += self.last.nfev
        y = solution.y[0] if regularized else solution.y
        self.regularization = regularized.integrals(solution.y) if regularized else {}
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
