"""Events: the times at which a function of the state is zero (found on the dense output of lesson 04).

An event is a function g(t, y) with y in f's shape, and t as f gets it (on torch a 0-d tensor, of float64). It returns
a number, whose zeros are the events; a truth value, such as y[0] < 0.5, whose changes are; or an array of either, each
component of which counts. As in SciPy, two attributes may be set on it: `g.terminal = True` ends the solve at its
first zero, `g.terminal = 3` at its third, and `g.direction = 1` (or −1) counts only zeros at which g rises (falls; a
condition that comes true rises). `nodekit.event(g, terminal=..., direction=...)` sets them.

A zero is found when the sign of g differs between the ends of a step, and located on the dense output to rounding. Two
zeros within one step cancel and are not seen: bound `max_step` where that can happen.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nodekit.arrays import is_torch
from nodekit.private_autograd import getval

if TYPE_CHECKING:
    from nodekit.hints import Direction, Event, Field

__all__ = ["event", "steady_state"]


def event(g: "Event", terminal: bool | int = False, direction: "Direction" = 0) -> "Event":
    """The function g(t, y) -> number, truth value or array of them, with the attributes of an event.

    terminal: whether its first counted zero ends the solve; a whole number n: whether the n-th does. direction: 1
    rising, −1 falling, 0 both. Raises ValueError for other values. Source: SciPy's solve_ivp. Used from lesson 16 on.
    """
    if direction not in (-1, 0, 1):
        raise ValueError(f"direction={direction!r} must be 1 (rising), -1 (falling) or 0 (both).")
    counted_to("event", terminal)

    def named(t: Any, y: Any, *args: Any) -> Any:  # solve_ivp passes further ones on
        return g(t, y, *args)

    vars(named).update(terminal=terminal, direction=direction)
    return named


def steady_state(f: "Field", bound: float, terminal: bool | int = True) -> "Event":
    """The event that the root mean square of f(t, y) falls below `bound`, in y's units a unit of time.

    f(t, y), y of any shape: the field of the solve, evaluated once more a step. bound: a number > 0. terminal: as for
    `event`. A solve that begins in a steady state meets no event, and stays there. Raises ValueError for another bound.
    Source: as C. Rackauckas, Q. Nie, DifferentialEquations.jl, J. Open Res. Softw. 5, 2017 (TerminateSteadyState).
    Used in lesson 25.
    """
    if not bound > 0:
        raise ValueError(f"bound={bound!r} must be a number greater than 0.")

    def above(t: Any, y: Any) -> Any:
        parts = list(y.values()) if isinstance(y, dict) else list(y) if isinstance(y, tuple) else [y]
        t = t.to(parts[0].real.dtype) if is_torch(t) else t  # as f gets it
        k = f(t, y)
        k = list(k.values()) if isinstance(k, dict) else list(k) if isinstance(y, tuple) else [k]
        if not is_torch(parts[0]):
            k = [np.asarray(x) if isinstance(x, list | tuple) else x for x in k]
        return (sum((abs(x) ** 2).sum() for x in k) / sum(math.prod(x.shape) for x in parts)) ** 0.5 - bound

    return event(above, terminal=terminal, direction=-1)


def counted_to(name: str, terminal: Any) -> int:
    """The number of the zero that ends a solve, 0 for none. Raises ValueError unless it is True, False or n >= 0."""
    try:
        n = int(terminal)
        good = n == terminal and n >= 0
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"{name}: terminal={terminal!r} must be True, False, or the number of the zero that ends it.")
    return n


class Watch:
    """The events of one solve: what the loop asks after every accepted step.

    t_events, y_events: for each event the times and states of its zeros; which: the components that were zero there.
    """

    def __init__(self, events: "Event | Sequence[Event] | None", stepper: Any) -> None:
        self.events = [] if events is None else [events] if callable(events) else list(events)
        for i, g in enumerate(self.events):
            if not callable(g):
                raise TypeError(f"events[{i}] must be a function g(t, y), got {type(g).__name__}.")
        self.stepper = stepper
        self.terminal = [counted_to(f"events[{i}]", getattr(g, "terminal", False)) for i, g in enumerate(self.events)]
        self.t_events: list[list[float]] = [[] for _ in self.events]
        self.y_events: list[list[Any]] = [[] for _ in self.events]
        self.which: list[list[int]] = [[] for _ in self.events]

    def values(self, i: int, t: float, y: Any) -> tuple[list[float], bool]:
        """(values, conditions): events[i] at (t, y) as a list of floats, ±1 for truth values, and whether it is such.

        Raises TypeError or ValueError, naming the event, unless they are finite real numbers.
        """
        g = self.events[i](self.stepper.time(t), self.stepper.show(y))
        if isinstance(g, float) and math.isfinite(g):
            return [g], False  # the common case, first
        g = np.array([number(x) for x in g]) if isinstance(g, list | tuple) else number(g)
        if g.dtype.kind not in "biuf":
            kind = g.dtype if g.dtype.kind == "c" else type(self.events[i](self.stepper.time(t), self.stepper.show(y)))
            raise TypeError(
                f"events[{i}] returned {kind} at t = {t!r}. Return a real number, a truth value, or an array."
            )
        values = np.where(g, 1.0, -1.0) if g.dtype.kind == "b" else g.astype(float)
        if not np.isfinite(values).all():
            bad = values[~np.isfinite(values)].flat[0]
            raise ValueError(f"events[{i}] is {bad} at t = {t!r}. It must be finite wherever the solution goes.")
        return values.reshape(-1).tolist(), g.dtype.kind == "b"

    def start(self, t: float, y: Any) -> None:
        """Note the signs of every event at the start. A zero there is not counted: it is where we begin."""
        self.before = [self.values(i, t, y)[0] for i in range(len(self.events))]
        self.leaving = [[g == 0 for g in values] for values in self.before]  # at a zero that was counted, or not to be

    def after(self, t: float, h: float, t1: float, y1: Any) -> tuple[float, Any] | None:
        """What the step from t by h to (t1, y1) met. Returns (t, y) of the terminal zero that ends it, or None."""

        def inside(i: int, theta: float) -> list[float]:
            return self.values(i, t + theta * h, self.stepper.inside(theta))[0]

        hits = []
        for i, g in enumerate(self.events):
            wanted = float(getattr(g, "direction", 0))
            for component, (theta, found) in enumerate(self._crossings(i, inside, *self.values(i, t1, y1), t1)):
                if found and wanted * found >= 0:
                    hits.append((theta, i, component))
        for theta, i, component in sorted(hits):
            at = (t1, y1) if theta == 1.0 else (t + theta * h, self.stepper.inside(theta))
            self.t_events[i].append(at[0])
            self.y_events[i].append(at[1])
            self.which[i].append(component)
            if len(self.t_events[i]) == self.terminal[i]:
                return at
        return None

    def _crossings(
        self, i: int, inside: Callable[..., Any], values: list[float], condition: bool, t1: float
    ) -> list[tuple[float, int]]:
        """(theta, direction) of the zero of every component of events[i] within the step; direction 0 for none."""
        before, low = self.before[i], 0.0
        if len(before) != len(values):
            raise ValueError(f"events[{i}] has {len(values)} components at t = {t1!r}, and had {len(before)} before.")
        if any(self.leaving[i]):  # the step starts on a zero: its sign is that just behind it
            low = 1e-3
            just_behind = inside(i, low)
            before = [b if leaving else a for a, b, leaving in zip(before, just_behind, self.leaving[i], strict=True)]
        found: list[tuple[float, int]] = []
        for component, (g0, g1) in enumerate(zip(before, values, strict=True)):
            if g0 == 0 or g0 * g1 > 0:
                found.append((1.0, 0))
                continue
            start = low if self.leaving[i][component] else 0.0
            locate = change if condition else root

            def of_component(theta: float, component: int = component) -> float:
                value: float = inside(i, theta)[component]
                return value

            theta = 1.0 if g1 == 0 else locate(of_component, start, g0, 1.0, g1)
            found.append((theta, -1 if g0 > 0 else 1))
        self.before[i], self.leaving[i] = values, [g == 0 for g in values]
        return found


def number(x: Any) -> "np.ndarray[Any, Any]":
    """x, without a graph, as a NumPy array."""
    return x.detach().cpu().numpy() if is_torch(x) else np.asarray(getval(x))


def root(g: Callable[[float], float], a: float, ga: float, b: float, gb: float) -> float:
    """The zero of g between a and b, to rounding: the Illinois method (Dowell, Jarratt 1971), kept by bisection."""
    for i in range(100):
        x = b - gb * (b - a) / (gb - ga) if i % 3 < 2 else (a + b) / 2
        if not min(a, b) < x < max(a, b):
            x = (a + b) / 2
        gx = g(x)
        if gx == 0 or abs(b - a) < 4e-16:
            return x
        if gx * gb < 0:
            a, ga = b, gb
        else:
            ga /= 2
        b, gb = x, gx
    return b


def change(g: Callable[[float], float], a: float, ga: float, b: float, gb: float) -> float:
    """Where a condition changes from ga to gb, to rounding, by bisection: the first number at which it is gb."""
    while b - a > 4e-16 and a < (x := (a + b) / 2) < b:
        if g(x) == gb:
            b = x
        else:
            a = x
    return b
