"""What a solve returns: the states, what it cost, every step it tried, and why it stopped (lessons 03 and 04)."""

import copy
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from nodekit.travel import detached, error_again, packed, unpacked

if TYPE_CHECKING:
    from nodekit.hints import Array


class Status(Enum):
    """Why the solve stopped."""

    SUCCESS = "reached the end"
    TERMINATED = "a terminal event ended it"
    MAX_STEPS = "max_steps was reached"
    STEP_TOO_SMALL = "the step size fell below rounding"
    NO_CONVERGENCE = "the equations of an implicit step could not be solved"
    NOT_FINITE = "f or the state is not finite"


@dataclass
class Stats:
    """Counts of one solve.

    nfev: evaluations of f. njev, nlu: Jacobians and factorisations (0 for explicit methods).
    ngev: evaluations of the diffusion, in nodekit.stochastic.
    nfev_backward: evaluations of f in the backward passes through the solve so far, on torch; vjps are not counted.
    n_accepted, n_rejected: steps. switches: (t, method) of every change that method="auto" made.
    per_sample: with batch="independent", a Stats whose counts are tensors (n,), one for every sample.
    total: a Stats of several solves, to be told of backward passes through this one too; or None.
    """

    nfev: int = 0
    nfev_backward: int = 0
    njev: int = 0
    nlu: int = 0
    n_accepted: int = 0
    n_rejected: int = 0
    ngev: int = 0
    switches: list[tuple[float, str]] = field(default_factory=list)
    per_sample: Any = field(default=None, repr=False)
    total: Any = field(default=None, repr=False, compare=False)

    def went_back(self, nfev: int) -> None:
        """Count the evaluations of a backward pass, in the total too."""
        self.nfev_backward += nfev
        if self.total is not None:
            self.total.went_back(nfev)


@dataclass
class Steps:
    """Every attempted step, in order: arrays of shape (n,). Lesson 04 draws them.

    t and h: where it began and its signed size. error_ratio: nan where the method has no estimate. accepted: bool.
    sample: whose step it was, with batch="independent".
    """

    t: Any
    h: Any
    error_ratio: Any
    accepted: Any
    sample: Any = None

    @staticmethod
    def of(log: "list[tuple[float, float, float, bool]]") -> "Steps":
        """From a list of (t, h, error_ratio, accepted)."""
        t, h, error_ratio, accepted = zip(*log, strict=True) if log else ((), (), (), ())
        return Steps(np.array(t), np.array(h), np.array(error_ratio), np.array(accepted, bool))


@dataclass
class Solution:
    """The result of `nodekit.solve`.

    Attributes
    ----------
    t : (n,)
        The output times that were asked for, or t0 and the end of every accepted step when t was (t0, t1).
        After a failure: as far as the solve came.
    y : (n, *y0.shape)
        The states there, time first.
    stats : Stats
    steps : Steps
    status : Status
    message : str
        Why it stopped, in words: what happened, where, and what to try.
    t_events, y_events : lists, one entry an event
        The times (n,) of its zeros, and the states (n, *y0.shape) there. A terminal event also ends t and y. Where an
        event is an array, the zeros of all its components in order of time.

    Call it for dense output: `sol(t)` with a time, or an array of times, within the interval. It repeats the step
    that holds each time (nothing but its start is stored), so it calls f again; those calls are not in `stats`. At the
    times in `t` it is `y`, to the bit. Threads may call it at once. A Solution can be copied and pickled: without a
    graph, and without dense output where f cannot be pickled, which it then says.
    Built in lesson 04.
    """

    t: Any
    y: Any
    stats: Stats
    steps: Steps
    status: Status
    message: str
    t_events: list[Any] = field(default_factory=list)
    y_events: list[Any] = field(default_factory=list)
    _dense: Any = field(default=None, repr=False)
    _which: list[Any] = field(default_factory=list, repr=False)  # the components of vector events that were zero

    @property
    def success(self) -> bool:
        """Whether the solve reached the end, or the terminal event that was to end it."""
        return self.status in (Status.SUCCESS, Status.TERMINATED)

    def __call__(self, t: "float | list[float] | tuple[float, ...] | Array") -> Any:
        """The state at time t: shape y0.shape for a number, (n, *y0.shape) for n times.

        Raises ValueError for a time outside the part that was solved.
        """
        return self._dense(t)

    def __getstate__(self) -> dict[str, Any]:
        return {**detached({**vars(self), "_dense": None}), "_dense": packed(self._dense)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._dense = unpacked(self._dense)

    def __copy__(self) -> "Solution":
        return replace(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Solution":
        """Arrays of its own, without a graph; dense output, which only reads the solve, in common."""
        fields = copy.deepcopy(detached({**vars(self), "_dense": None}), memo)
        return Solution(**{**fields, "_dense": self._dense})

    def __repr__(self) -> str:
        s = self.stats
        return (
            f"Solution({self.status.name}: {len(self.t)} times from {float(self.t[0]):g} to {float(self.t[-1]):g}, "
            f"{s.n_accepted} steps accepted, {s.n_rejected} rejected, {s.nfev} evaluations of f)"
        )


class SolveError(RuntimeError):
    """The solve stopped before its end. `.solution` holds the part that was solved."""

    def __init__(self, solution: Solution) -> None:
        super().__init__(solution.message)
        self.solution = solution

    def __reduce__(self) -> tuple[Any, ...]:
        return error_again, (type(self), self.solution)


def in_component(index: tuple[int, ...]) -> str:
    """' in component 3' of a vector, ' in component (1, 3)' of a matrix, '' for a 0-d state; index is a tuple."""
    if index == ():
        return ""
    return f" in component {index[0] if len(index) == 1 else index}"


def not_finite(what: str, t: float, h: float, component: tuple[int, ...], value: Any) -> str:
    """The sentence for a nan or an infinity. `component` is an index into the state."""
    return (
        f"{what} is {value}{in_component(component)} at t = {t!r}, with step size h = {h!r}. "
        "Look at f there: a logarithm or root of a negative number, a division by zero, or growth without bound; "
        "if the state itself blows up, a smaller step or a shorter interval shows where."
    )


def no_convergence(t: float, h: float, why: str) -> str:
    """The sentence for an implicit step whose equations could not be solved."""
    return (
        f"the equations of the step from t = {t!r} with h = {h!r} could not be solved: {why}. "
        "Look for a jump of f there or a wrong Jacobian; a smaller step, first_step or max_step may help."
    )


def max_steps_reached(max_steps: int, t: float, h: float, t_end: float, n_rejected: int) -> str:
    """The sentence for a solve that ran out of steps."""
    return (
        f"max_steps = {max_steps} steps were tried and t = {t!r} was reached, not t = {t_end!r} "
        f"(last step size h = {h!r}, {n_rejected} rejected). "
        "Raise max_steps, loosen rtol and atol, or, if the steps are far smaller than the solution's own time scale, "
        "suspect stiffness and use an implicit method."
    )


def step_too_small(t: float, h: float, component: tuple[int, ...]) -> str:
    """The sentence for a step size lost in rounding."""
    return (
        f"the step size h = {h!r} at t = {t!r} fell below rounding{in_component(component)}: "
        "no step meets the tolerance. Look for a singularity or a jump of f there, or loosen rtol and atol."
    )
