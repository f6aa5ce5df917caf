"""Events: the times at which a function of the state is zero (found on the dense output of lesson 04).

An event is a function g(t, y) -> number, with y in f's shape. As in SciPy, two attributes may be set on it:
`g.terminal = True` ends the solve at its first zero, and `g.direction = 1` (or −1) counts only zeros at which g
rises (falls). `nodekit.event(g, terminal=..., direction=...)` sets them.

A zero is found when the sign of g differs between the ends of a step, and located on the dense output. Two zeros
within one step cancel and are not seen: bound `max_step` where that can happen.
"""

import math


def event(g, terminal=False, direction=0):
    """The function g(t, y) with the attributes of an event.

    terminal: whether its first counted zero ends the solve. direction: 1 rising, −1 falling, 0 both.
    Raises ValueError for another direction.
    """
    if direction not in (-1, 0, 1):
        raise ValueError(f"direction={direction!r} must be 1 (rising), -1 (falling) or 0 (both).")

    def named(t, y):
        return g(t, y)

    named.terminal, named.direction = bool(terminal), direction
    return named


class Watch:
    """The events of one solve: what the loop asks after every accepted step."""

    def __init__(self, events, stepper):
        self.events = [] if events is None else [events] if callable(events) else list(events)
        for i, g in enumerate(self.events):
            if not callable(g):
                raise TypeError(f"events[{i}] must be a function g(t, y), got {type(g).__name__}.")
        self.stepper = stepper
        self.t_events, self.y_events = [[] for _ in self.events], [[] for _ in self.events]

    def value(self, i, t, y):
        """events[i] at (t, y) as a float. Raises ValueError if it is no finite number."""
        g = self.events[i](t, self.stepper.show(y))
        g = float(g.detach() if hasattr(g, "detach") else g)
        if not math.isfinite(g):
            raise ValueError(f"events[{i}] is {g} at t = {t!r}. It must be a finite number wherever the solution goes.")
        return g

    def start(self, t, y):
        """Note the sign of every event at the start. A zero there is not counted: it is where we begin."""
        self.before = [self.value(i, t, y) for i in range(len(self.events))]
        self.leaving = [g == 0 for g in self.before]  # at zero now, and that zero is counted or not to be counted

    def after(self, t, h, t1, y1):
        """What the step from t by h to (t1, y1) met. Returns (t, y) of the terminal zero that ends it, or None."""
        hits = []
        for i, g in enumerate(self.events):
            theta, found = self._crossing(i, t, h, t1, y1)
            if found and getattr(g, "direction", 0) in (0, found):
                hits.append((theta, i))
        for theta, i in sorted(hits):
            at = (t1, y1) if theta == 1.0 else (t + theta * h, self.stepper.inside(theta))
            self.t_events[i].append(at[0])
            self.y_events[i].append(at[1])
            if getattr(self.events[i], "terminal", False):
                return at
        return None

    def _crossing(self, i, t, h, t1, y1):
        """(theta, direction) of the zero of events[i] within the step; direction 0 when there is none."""
        low, g0, g1 = 0.0, self.before[i], self.value(i, t1, y1)
        if self.leaving[i]:  # the step starts on a zero: its sign is that just behind it
            low = 1e-3
            g0 = self.value(i, t + low * h, self.stepper.inside(low))
        self.before[i], self.leaving[i] = g1, g1 == 0
        if g0 == 0 or g0 * g1 > 0:
            return 1.0, 0
        direction = -1 if g0 > 0 else 1
        if g1 == 0:
            return 1.0, direction
        return self._root(lambda x: self.value(i, t + x * h, self.stepper.inside(x)), low, g0, 1.0, g1), direction

    @staticmethod
    def _root(g, a, ga, b, gb):
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
