"""Breakpoints: the times at which f jumps, in itself or in a derivative, and which no step crosses (from lesson 20 on).

A step that comes to a breakpoint b ends on the float64 number before b, and the next begins on the one behind it: no
stage of either is at b, so that an f of t alone decides by comparing t with b. What the loop reports is b itself.
Nothing else in a solve needs to know: a step that is repeated, for dense output or on the way back, is repeated from
where it began. Where f gets t in a lower precision, `Sided` keeps the rounding of t from crossing b.
"""

import math
from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import NamedTuple

from nodekit.methods.geometric import Splitting
from nodekit.stepping import control


class Sides(NamedTuple):
    """Where the step that comes to a breakpoint ends, and where the next begins, in the direction of the solve."""

    before: float
    behind: float


class Sided:
    """f(t, y), and what it sees of the float64 time t in a lower precision: a time on the same side of `points`.

    points: the breakpoints, increasing. neighbours(b) -> those of b in that precision, (below, above), floats.
    Calls f as it is: whoever makes t of a float (each library's `Field`) asks `inside` first.
    """

    def __init__(self, f, points, neighbours):
        below, above = zip(*map(neighbours, points), strict=True)
        self.f, self.points, self.low, self.high = f, points, [-math.inf, *above], [*below, math.inf]

    def __call__(self, t, y):
        return self.f(t, y)

    def inside(self, t):
        low, high = self.around(t)
        return min(max(t, low), high)

    def around(self, t):
        """The first and the last time that f sees of the piece that holds t."""
        i = bisect_right(self.points, t)
        return self.low[i], self.high[i]


def sides(points, t0, t_end):
    """{time: `Sides`} of the breakpoints that a solve from t0 to t_end meets, in the order in which it does.

    Those outside do not count. One at t0 or t_end, up to rounding, has that time as its key, and one side.
    """
    way, found = math.copysign(1.0, t_end - t0), {}
    if abs(t_end - t0) < 4 * control.smallest(t0):  # there is no piece of it
        return found
    for b in points if way > 0 else reversed(points):
        before, behind = (math.nextafter(b, math.copysign(math.inf, side)) for side in (-way, way))
        if way * (behind - t0) <= 0 or way * (t_end - before) <= 0:
            continue
        if way * (b - t0) < control.smallest(t0):
            found[t0] = Sides(behind, behind)
        elif way * (t_end - b) < control.smallest(t_end):
            found.setdefault(t_end, Sides(before, before))
        else:
            found[b] = Sides(before, behind)
    return found


def goals(stops, breaks, t0, t_end):
    """What steps must end on, t_end, `stops` and breakpoints; the first of them last."""
    if not (stops or breaks):
        return [t_end]
    beside = {t0, t_end, *(side for both in breaks.values() for side in both)}  # an end of a step anyway
    return [t_end, *sorted({*stops, *breaks} - beside, reverse=bool(t_end > t0))]


def pieces(breaks, t0, t_end):
    """[(start, end, where its first step begins, where its last one ends)] of a solve from t0 that came to t_end."""
    edges = [t0, *(b for b in breaks if min(t0, t_end) < b < max(t0, t_end)), t_end]
    return [(a, b, behind(breaks, a), before(breaks, b)) for a, b in pairwise(dict.fromkeys(edges))]


def before(breaks, t):
    """Where the step that comes to t ends."""
    return breaks[t].before if t in breaks else t


def behind(breaks, t):
    """Where the step that begins at t does."""
    return breaks[t].behind if t in breaks else t


def refuse_too_near(points, neighbours):
    """Raise ValueError for two breakpoints between which there are no two times that f could be told.

    neighbours: see `Sided`; None for float64.
    """
    neighbours = neighbours or (lambda b: (math.nextafter(b, -math.inf), math.nextafter(b, math.inf)))
    for a, b in pairwise(points):
        if not neighbours(a)[1] < neighbours(b)[0]:
            raise ValueError(
                f"breakpoints: there is no time between {a!r} and {b!r} in the precision of y0, in which f gets t. "
                "Leave one of them out, or give y0 in a higher precision."
            )


def refuse_method(method):
    """Raise ValueError for a method that evaluates f before the start or beyond the end of a step."""
    if isinstance(method, Splitting):
        nodes = [*accumulate(method.kicks), *accumulate(method.drifts)]
    else:
        nodes = [*getattr(method, "c", ()), *(row.c for row in getattr(method, "dense_rows", ()))]
    if nodes and not -1e-12 < min(nodes) <= max(nodes) < 1 + 1e-12:
        raise ValueError(
            f"method={method.name!r} evaluates f outside of its steps, from {min(nodes):.3g} to {max(nodes):.3g} of a "
            "step, and so beyond a breakpoint. Take another one, as kvaerno3, radau or leapfrog, or leave out "
            "breakpoints."
        )
