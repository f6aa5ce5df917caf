"""CNF: a density carried by a flow (built in lesson 10; its trace is estimated in 11, its path regularised in 12)."""

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from nodekit import gradients, methods
from nodekit.arguments import held_times, step_sizes, tensor, with_middle
from nodekit.models.density.divergence import Divergence, Hutchinson, exact_divergence
from nodekit.models.regularisers import Regularized, checked
from nodekit.solution import Solution
from nodekit.solve import solve
from nodekit.torch_backend.depends import told

if TYPE_CHECKING:
    from nodekit.hints import Gradient, Method, State, Times

T = torch.Tensor


class Density(Protocol):
    """What a base density can do."""

    def log_prob(self, x: T, /) -> T:
        """x (..., d) -> (...), in nats."""

    def sample(self, shape: tuple[int, ...], like: T, generator: torch.Generator | None, /) -> T:
        """Samples of this shape, of like's dtype, on its device."""


class StandardNormal:
    """The standard normal density on R^d, d taken from what it is asked about."""

    def log_prob(self, x: T) -> T:
        """x (..., d) -> (...), in nats."""
        return -0.5 * (x.square().sum(-1) + x.shape[-1] * math.log(2 * math.pi))

    def sample(self, shape: tuple[int, ...], like: T, generator: torch.Generator | None = None) -> T:
        return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)


class CNF(nn.Module):
    """A continuous normalizing flow: samples of a base density at t[0], carried to t[1] by dx/dt = field(t, x).

    Along a trajectory d log p/dt = −tr ∂field/∂x. `log_prob` goes from t[1] back to t[0] and adds up the trace;
    `sample` goes forward.

    Parameters
    ----------
    field : nn.Module, field(t, x) -> dx/dt, x (..., d)
        Each sample by itself. Gradients reach its parameters, and the tensors that it holds otherwise.
    dim : int
        d.
    t : (t0, t1)
    divergence : function (field, t, x) -> (dx/dt (..., d), trace (...)), or `Hutchinson()`
        The exact trace by default, at d vector–Jacobian products an evaluation. Hutchinson's estimate takes one; its
        noise is drawn once for each solve, from the generator that is passed, and is the same in the way back.
    base : object with log_prob(x) -> (...) and sample(shape, like, generator) -> tensor
    method, rtol, atol, step, max_steps, gradient
        As in `nodekit.solve`.
    regularizer : "kinetic", "jacobian", "taylor2", "taylor3", "taylor4", several in a tuple, or None
        What is integrated along the paths of `log_prob` and `sample_and_log_prob`, in training mode only: as in
        `NeuralODE`. For the loss: -flow.log_prob(x).mean() + 0.01 * sum(flow.regularization.values()).

    Attributes
    ----------
    nfev : evaluations of the field, each with its trace and regularisers, in the last solve
    regularization : {name: 0-d tensor}, the integrals over the last solve, positive in either direction of time

    Raises ValueError or TypeError for bad arguments and an x that is not (..., dim), SolveError where a solve fails.

    Sources: R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural ordinary differential equations, 2018,
    theorem 1; J. Liouville, 1838.
    """

    def __init__(
        self,
        field: nn.Module,
        dim: int,
        t: "Times" = (0.0, 1.0),
        divergence: "Divergence | Hutchinson" = exact_divergence,
        base: Density | None = None,
        method: "str | Method" = "dopri5",
        rtol: float = 1e-6,
        atol: float = 1e-6,
        step: float | None = None,
        max_steps: int = 10_000,
        gradient: "Gradient" = "discrete",
        regularizer: str | Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(field, nn.Module):
            raise TypeError(f"field must be an nn.Module with forward(t, x), got {type(field).__name__}.")
        if not isinstance(dim, int) or isinstance(dim, bool) or dim < 1:
            raise ValueError(f"dim={dim!r} must be an int >= 1.")
        m = methods.get(method)
        gradients.get(gradient)
        self.field, self.dim, self.t = field, dim, held_times(t)
        if len(self.t) != 2:
            raise ValueError(f"t={t!r} must be two times: of the base density and of the data.")
        step_sizes(m, self.t, rtol, atol, step, max_steps)
        self.divergence, self.base = divergence, base or StandardNormal()
        self.options: dict[str, Any] = {
            "method": method, "rtol": rtol, "atol": atol, "step": step, "max_steps": max_steps, "gradient": gradient,
        }  # fmt: skip
        self.regularizer = checked(regularizer)
        self.regularization: dict[str, T] = {}
        self.nfev = 0

    def log_prob(self, x: T, generator: torch.Generator | None = None) -> T:
        """log p(x) in nats: x (..., d) -> (...). generator: of the noise of an estimated trace."""
        z, change = self.flow(x, self.t[::-1], generator)
        return self.base.log_prob(z) + change

    def flow(self, x: T, t: Sequence[float], generator: torch.Generator | None = None) -> tuple[T, T]:
        """x (..., d), carried from t[0] to t[1], and the integral of the trace over t: (..., d), (...).

        From the data back to the base t decreases, and the integral is what is to be added to log p.
        """
        self._check(x)
        divergence = self.divergence
        if isinstance(divergence, Hutchinson):
            divergence = divergence.drawn(x, generator)

        def f(t: Any, state: tuple[T, T]) -> tuple[T, T]:
            return divergence(self.field, t, state[0])

        start = x, x.new_zeros(x.shape[:-1])
        if not (self.training and self.regularizer):
            self.regularization = {}
            solution = self._solve(f, start, with_middle(t))
        else:
            regularized = Regularized(self.field, self.regularizer, x, generator, whole=f)
            solution = self._solve(regularized, regularized.start(*start), with_middle(t))
            self.regularization = regularized.integrals(solution.y)
        return solution.y[0][-1], solution.y[1][-1]

    def sample(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> T:
        """Samples (*shape, d), on the device and in the dtype of the field's parameters, or of its buffers."""
        return self._solve(self.field, self._base_sample(shape, generator), with_middle(self.t)).y[-1]

    def sample_and_log_prob(self, shape: int | Sequence[int], generator: torch.Generator | None = None) -> tuple[T, T]:
        """Samples (*shape, d) and their log density (*shape) in one solve, both with gradients: for a reverse KL."""
        z = self._base_sample(shape, generator)
        x, change = self.flow(z, self.t, generator)
        return x, self.base.log_prob(z) - change

    def _base_sample(self, shape: int | Sequence[int], generator: torch.Generator | None) -> T:
        held = (p for p in chain(self.field.parameters(), self.field.buffers()) if p.is_floating_point())
        like = next(held, torch.zeros(()))
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        return self.base.sample((*shape, self.dim), like, generator)

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: without the graph of the last solve."""
        return {**self.__dict__, "regularization": {}}

    def _check(self, x: T) -> None:
        tensor("x", x)
        if x.dim() == 0 or x.shape[-1] != self.dim:
            raise ValueError(f"x has shape {tuple(x.shape)}; (..., {self.dim}) was expected.")

    def _solve(self, f: Callable[[Any, Any], Any], state: "State", t: list[float]) -> Solution:
        solution = solve(f, state, t, params=told(self.field), **self.options)
        self.nfev = solution.stats.nfev
        return solution
