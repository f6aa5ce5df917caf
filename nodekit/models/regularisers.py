"""What keeps a flow's path short, slow and straight (built in lesson 12): terms that are added up along a solve.

`NeuralODE` and `CNF` take them by name, `regularizer=("kinetic", "jacobian")`; `Regularized` adds them to any field.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch.func import jvp

from nodekit.arguments import output_times
from nodekit.torch_backend.recording import recording

if TYPE_CHECKING:
    from nodekit.hints import Times

__all__ = ["REGULARIZERS", "Regularized", "jacobian", "kinetic", "path_derivative", "random_end"]

T = torch.Tensor
Field = Callable[[Any, T], T]
Whole = Callable[[Any, Any], tuple[T, ...]]

ORDERS = {"taylor2": 2, "taylor3": 3, "taylor4": 4}
REGULARIZERS = ("kinetic", "jacobian", *ORDERS)


def checked(regularizer: "str | Sequence[str] | None") -> tuple[str, ...]:
    """The names as a tuple. Raises ValueError that lists them for one that is not known, or that comes twice."""
    names = (regularizer,) if isinstance(regularizer, str) else tuple(regularizer or ())
    if unknown := [name for name in names if name not in REGULARIZERS]:
        raise ValueError(f"regularizer={unknown[0]!r} is not known. Choose of: {', '.join(REGULARIZERS)}.")
    if len(set(names)) < len(names):
        raise ValueError(f"regularizer={names!r} names one of them twice. Name each once.")
    return names


def kinetic(slope: T) -> T:
    """The mean of |dy/dt|² over the numbers of y: a 0-d tensor. Its integral over time is the path's energy.

    Source: C. Finlay, J.-H. Jacobsen, L. Nurbekyan, A. Oberman, How to train your neural ODE, 2020, eq. 7.
    """
    return slope.square().mean()


def jacobian(slope: T, y: T, noise: T, create_graph: bool = True) -> T:
    """The mean of |εᵀ ∂slope/∂y|² over the numbers of y, by one vector–Jacobian product: a 0-d tensor.

    slope: field(t, y), computed from a y that requires gradients; noise ε: of y's shape, with E[ε εᵀ] = I. Each sample
    by itself, the mean over ε is |∂slope/∂y|² (Frobenius) divided by y's dimension. 0 where slope is not y's.

    Source: C. Finlay et al., 2020, eqs. 8 and 9.
    """
    vjp = None
    if slope.requires_grad:
        (vjp,) = torch.autograd.grad(slope, y, noise, create_graph=create_graph, retain_graph=True, allow_unused=True)
    return slope.new_zeros(()) if vjp is None else vjp.square().mean()


def path_derivative(field: Field, t: Any, y: T, order: int, slope: T | None = None) -> T:
    """d^order y / dt^order at t, of the solution of dy/dt = field(t, y) that passes through y: of y's shape.

    The derivative of order 1 is the field. The next one is its derivative in the direction (1, field), by a
    Jacobian–vector product, and so on: they are nested, and the work doubles with each order. The field is called
    `order` times, or once less where slope, field(t, y), is given. t: a number or a 0-d tensor.
    Raises ValueError unless order is an int >= 1.

    Source: J. Kelly, J. Bettencourt, M. J. Johnson, D. Duvenaud, Learning differential equations that are easy to
    solve, 2020, section 3 (where Taylor mode gives all orders at once).
    """
    if not isinstance(order, int) or isinstance(order, bool) or order < 1:
        raise ValueError(f"order={order!r} must be an int >= 1.")
    time = torch.as_tensor(t, dtype=y.dtype, device=y.device)
    slope = field(time, y) if slope is None else slope
    if order == 1:
        return slope
    _load_forward_mode()

    def below(t: T, y: T) -> T:
        return path_derivative(field, t, y, order - 1)

    derivative: T = jvp(below, (time, y), (torch.ones_like(time), slope))[1]
    return derivative


@cache
def _load_forward_mode() -> None:
    """torch's first Jacobian–vector product compiles what it needs, with a DeprecationWarning of torch's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jvp(torch.sin, (torch.ones(()),), (torch.ones(()),))


def random_end(t: "Times", width: float, generator: torch.Generator | None = None) -> tuple[float, float]:
    """(t0, t1 + u) with u uniform in [-width, width): a training step's own times (STEER).

    t: (t0, t1). Raises ValueError for other times, and for a width that is negative or not below |t1 − t0|.

    Source: A. Ghosh, H. S. Behl, E. Dupont, P. H. S. Torr, V. Namboodiri, STEER, 2020, section 3.
    """
    times = output_times(t)
    if len(times) != 2:
        raise ValueError(f"t={t!r} must be two times: the end of the second is drawn.")
    if not 0 <= width < abs(times[1] - times[0]):
        raise ValueError(f"width={width!r} must be at least 0, and below the time from {times[0]:g} to {times[1]:g}.")
    return times[0], times[1] + width * (2 * torch.rand((), generator=generator).item() - 1)


class Regularized:
    """A field with its regularisers' densities: (y, ..., r, ...) -> (dy/dt, ..., dr/dt, ...), each r of shape (1,).

    Solve it from `start(...)`; `integrals(solution.y)` then takes the r's apart. For a solve of y alone:

        f = Regularized(field, ("kinetic", "jacobian"), y0)
        solution = nodekit.solve(f, f.start(y0), (0.0, 1.0))
        loss = ... + 0.01 * sum(f.integrals(solution.y).values())

    Parameters
    ----------
    field : function (t, y) -> dy/dt of y's shape
    names : "kinetic", "jacobian", "taylor2", "taylor3", "taylor4", or several in a tuple
        Each a mean over the numbers of y: |dy/dt|², |εᵀ ∂field/∂y|², |d^K y/dt^K|² (`path_derivative`).
    y : the start
        ε has its shape, and is drawn once, here, standard normal: what is solved is one differential equation.
    generator : of ε
    whole : function (t, (y, ...)) -> (dy/dt, ...), or None
        What is solved beside y, as the log density of a `CNF`. None: y alone.

    An evaluation calls `whole` (or the field) once, and the field K − 1 times more for a "taylorK".
    Raises ValueError that lists the names for another one, or for one that comes twice.
    """

    def __init__(
        self,
        field: Field,
        names: str | Sequence[str],
        y: T,
        generator: torch.Generator | None = None,
        whole: Whole | None = None,
    ) -> None:
        self.field, self.names, self.whole = field, checked(names), whole
        self.noise = torch.randn(y.shape, generator=generator, dtype=y.dtype, device=y.device)

    def start(self, *state: T) -> tuple[T, ...]:
        """The state (y, ...), with a 0 of shape (1,) for each name."""
        return (*state, *(state[0].new_zeros(1) for _ in self.names))

    def integrals(self, states: Sequence[T]) -> dict[str, T]:
        """{name: 0-d tensor} of a solution's states (times, ...), at its last time, positive in either direction."""
        found = states[len(states) - len(self.names) :]
        return {name: x[-1, 0].abs() for name, x in zip(self.names, found, strict=True)}

    def __call__(self, t: Any, state: tuple[T, ...]) -> tuple[T, ...]:
        inner = state[: len(state) - len(self.names)]
        if "jacobian" not in self.names:
            slopes = self._slopes(t, inner)
            return *slopes, *self._densities(t, inner[0], slopes[0], torch.is_grad_enabled())
        with recording(inner[0]) as (y, kept):
            slopes = self._slopes(t, (y, *inner[1:]))
            found = *slopes, *self._densities(t, y, slopes[0], kept)
        return found if kept else tuple(x.detach() for x in found)

    def _slopes(self, t: Any, inner: tuple[T, ...]) -> tuple[T, ...]:
        return (self.field(t, inner[0]),) if self.whole is None else self.whole(t, inner)

    def _densities(self, t: Any, y: T, slope: T, recorded: bool) -> list[T]:
        """The density of each name, of shape (1,)."""
        found = []
        for name in self.names:
            if name == "kinetic":
                density = kinetic(slope)
            elif name == "jacobian":
                density = jacobian(slope, y, self.noise, recorded)
            else:
                density = path_derivative(self.field, t, y, ORDERS[name], slope).square().mean()
            found.append(density.reshape(1))
        return found
