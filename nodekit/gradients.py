"""How a gradient goes back through a solve, as data: `solve(..., gradient=...)` takes one of these, or its name.

Lesson 05 builds backprop and checkpoints, 06 derives the adjoint, 07 measures all four. The file
torch_backend/gradients/through.py takes them; numpy_backend/gradient.py has the same four to read. The default,
"discrete", is backprop as far as memory allows, and checkpoints beyond.

Sources: A. Griewank, Achieving logarithmic growth of temporal and spatial complexity in reverse automatic
differentiation, 1992 (checkpoints); R. T. Q. Chen et al., Neural ordinary differential equations, 2018 (the adjoint
of a network's field; in optimal control, L. S. Pontryagin et al., 1962).
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from nodekit.hints import Gradient
    from nodekit.solution import Solution

__all__ = ["Adjoint", "Backprop", "Checkpoint", "Discrete", "Interpolated", "get"]


@dataclass(frozen=True)
class Backprop:
    """torch.autograd records every operation of the solve: exact, O(steps · stages · activations) memory.

    The only one with double backward and forward mode, and the one that torch.func's transforms get.
    """

    name = "backprop"


@dataclass(frozen=True)
class Discrete:
    """The discrete adjoint, that of the steps that were taken: exact, as quick as memory allows. The default.

    The graphs of the first accepted steps are kept, as by `Backprop`, but for those of rejected steps, as long as they
    fit into `memory` bytes, which is judged from f's first evaluation; the steps beyond are kept, and repeated on the
    way back, as by `Checkpoint`. A second backward pass through the solve repeats all of them.
    Graphs are kept of explicit Runge–Kutta steps alone, and not with compile=True.
    Raises ValueError for a memory that is not a number of at least 0.
    """

    memory: float = 2**29
    name = "discrete"

    def __post_init__(self) -> None:
        if not self.memory >= 0:
            raise ValueError(f"memory={self.memory!r} must be a number of bytes of at least 0.")


@dataclass(frozen=True)
class Checkpoint:
    """The accepted steps are kept as (t, h, y), and the way back repeats and differentiates one at a time: exact.

    every: 1 keeps each state, O(steps · state) memory. "sqrt" keeps about √steps of them, and repeats the steps
    between two of them once more on the way back: O(√steps · state). It saves nothing, and warns, where every step is
    an output, t = (t0, t1), and with implicit methods. Raises ValueError for anything else.
    """

    every: int | str = 1
    name = "checkpoint"

    def __post_init__(self) -> None:
        if self.every not in (1, "sqrt"):
            raise ValueError(f'every={self.every!r} must be 1 or "sqrt".')


@dataclass(frozen=True)
class Adjoint:
    """a' = −(∂f/∂y)ᵀ a solved backward in one sweep together with y itself: O(1) memory, a gradient of its own error.

    A RuntimeWarning says so where y does not come home to y(t0): then the gradient is lost. If it does come home, that
    is evidence and no proof: where a flow first spreads and then contracts, y can go astray half-way (lesson 07).

    method, rtol, atol: of the way back; None takes those of the solve (dopri5, where its method is implicit).
    seminorm: leave the parameters' integrals out of the error norm, which need no error control of their own (Kidger,
    Chen, Lyons, "Hey, that's not an ODE", 2021). Source: R. T. Q. Chen et al., 2018, algorithm 1.
    """

    method: str | None = None
    rtol: float | None = None
    atol: float | None = None
    seminorm: bool = False
    name = "adjoint"


@dataclass(frozen=True)
class Interpolated(Adjoint):
    """As `Adjoint`, with y taken from the forward solve's dense output: O(steps · state) memory, y cannot go astray."""

    name = "interpolated"


Way: TypeAlias = Discrete | Backprop | Checkpoint | Adjoint
_WAYS: tuple[Way, ...] = Discrete(), Checkpoint(), Backprop(), Adjoint(), Interpolated()
GRADIENTS = {way.name: way for way in _WAYS}


def get(name: "Gradient") -> Way:
    """The way called `name`; a record is returned as it is. Raises ValueError that lists the names."""
    if isinstance(name, Way):
        return name
    if not isinstance(name, str) or name not in GRADIENTS:
        raise ValueError(f"gradient={name!r} is not known. Choose one of: {', '.join(GRADIENTS)}.")
    return GRADIENTS[name]


def on_the_way_back(solution: "Solution", name: str) -> "Solution":
    """A solution that failed there, its message saying where, and what to use instead."""
    instead = 'gradient="checkpoint", which solves nothing backward, or a tighter tolerance'
    solution.message = f"on the way back of gradient={name!r}: {solution.message} Use {instead}."
    return solution


COMES_HOME = 'gradient="checkpoint" or "interpolated", or a tighter tolerance'


def warn_if_lost(missed: tuple[float, float], rtol: float, name: str, instead: str = COMES_HOME) -> None:
    """Warn if the state, solved backward, did not come home to y(t0): the gradient then is that of another solution.

    missed: (off, size), how far it is from y(t0), and the state's size. 1 % of it, or ten times rtol, counts as lost.
    instead: what to use.
    """
    off, size = missed
    if not off <= max(1e-2, 10 * rtol) * size:
        warnings.warn(
            f"gradient={name!r} solved the state backward and missed y(t0) by {off:.1e}, for a state of size "
            f"{size:.1e}: its gradient may be wrong by as much, or more. The flow forgets where it began, as stiff and "
            f"strongly damped ones do. Use {instead}.",
            RuntimeWarning,
            stacklevel=3,
        )
