"""Brownian motion as a function of a seed and of time (built in lesson 21).

A path is a tree of halves (P. Lévy, 1948): given W at both ends of an interval of length l, W in its middle is their
mean and an independent normal number of variance l/4. Each normal number is a function of the seed and of its place in
the tree, by a counter-based generator (J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011). So W(t)
is the same whatever was asked before: a step that is rejected and repeated, or a way back, meets the same path.
"""

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BrownianPath"]

BELOW = 20  # how many halvings there are below a cell


class BrownianPath:
    """A path of Brownian motion on [t0, t1], W(t0) = 0: independent components, increments of variance Δt.

    The path is a function of (seed, t0, t1, shape, cells) and nothing else: W(t) has the same value on every machine
    and device, in every process, and whatever was asked before. Memory is O(log(cells)) states.

    Parameters
    ----------
    seed : int >= 0
    t0, t1 : floats, t0 < t1
    shape : int or tuple of ints, the shape of W(t)
    cells : int >= 1
        The interval is divided into so many cells of equal length. W at the ends of cells is found fastest, one normal
        number a cell when they are asked for in order: take the number of steps of a solve, or a multiple. Paths with
        different numbers of cells are different paths, even with one seed.

    A time is rounded to the nearest of 2^20 parts of a cell, `resolution`: increments over much less have no meaning.

    Raises ValueError for arguments outside of these ranges, and for times outside of [t0, t1].

    Sources: P. Lévy, Processus stochastiques et mouvement brownien, 1948; for the tree behind a solver, J. G. Gaines,
    T. J. Lyons, Variable step size control in the numerical solution of stochastic differential equations, 1997.
    """

    def __init__(self, seed: int, t0: float, t1: float, shape: int | tuple[int, ...] = (), cells: int = 1024) -> None:
        for name, value, least in (("seed", seed, 0), ("cells", cells, 1)):
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name}={value!r} must be an int of at least {least}.")
        t0, t1 = float(t0), float(t1)
        if not (math.isfinite(t0) and math.isfinite(t1) and t0 < t1):
            raise ValueError(f"t0={t0!r} and t1={t1!r} must be finite, and t0 < t1.")
        self.seed, self.t0, self.t1, self.cells = int(seed), t0, t1, int(cells)
        given = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
        if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in given):
            raise ValueError(f"shape={shape!r} must be an int of at least 0, or a tuple of such.")
        self.shape = tuple(map(int, given))
        above = (self.cells - 1).bit_length()  # the root is as long as a power of two of cells
        self.levels = above + BELOW
        self.resolution = (t1 - t0) / self.cells / 2**BELOW
        self._generator = np.random.Philox(key=np.random.SeedSequence(self.seed).generate_state(2, np.uint64))
        self._normal = np.random.Generator(self._generator).standard_normal
        self._state = self._generator.state
        self._lock = threading.Lock()  # two threads must not walk about in one tree
        root = self.resolution * 2**self.levels
        start, end = np.zeros(self.shape), math.sqrt(root) * self._numbers(0)
        self._way = [(0, 2**self.levels, start, end)]  # from the root to where we are: (begin, end, W there, W there)
        self._last: dict[int, Any] = {}

    def __call__(self, t: float) -> "NDArray[np.float64]":
        """W(t): float64, of `shape`."""
        return self._value(t).copy()  # what is kept must not be written into

    def increment(self, s: float, t: float) -> "NDArray[np.float64]":
        """W(t) − W(s), also for t < s."""
        return self._value(t) - self._value(s)

    def _value(self, t: float) -> Any:
        place = self._place(t)
        with self._lock:
            if place not in self._last:
                if len(self._last) > 2:
                    self._last.pop(next(iter(self._last)))
                self._last[place] = self._at(place)
            return self._last[place]

    def _place(self, t: float) -> int:
        t = float(t)
        if not self.t0 <= t <= self.t1:
            slack = 1e-12 * (self.t1 - self.t0)
            if not self.t0 - slack <= t <= self.t1 + slack:
                raise ValueError(f"t={t!r} is outside of the path's interval, [{self.t0!r}, {self.t1!r}].")
        return min(max(round((t - self.t0) / self.resolution), 0), self.cells << BELOW)

    def _at(self, place: int) -> Any:
        way = self._way
        while not way[-1][0] <= place <= way[-1][1]:
            way.pop()
        begin, end, first, last = way[-1]
        while place not in (begin, end):
            middle = (begin + end) // 2
            size = end - begin
            between = 0.5 * (first + last)
            between += (0.5 * math.sqrt(size * self.resolution)) * self._numbers(middle)
            if place < middle:
                end, last = middle, between
            else:
                begin, first = middle, between
            way.append((begin, end, first, last))
        return first if place == begin else last

    def _numbers(self, place: int) -> Any:
        """The normal numbers of the node with this middle (0: the root's end), as a function of the seed and of it."""
        state = self._state
        state["state"]["counter"][:] = (0, place, 0, 0)
        state["buffer_pos"], state["has_uint32"] = 4, 0
        self._generator.state = state
        return self._normal(self.shape)

    def __repr__(self) -> str:
        return f"BrownianPath({self.seed}, {self.t0:g}, {self.t1:g}, shape={self.shape}, cells={self.cells})"

    def __reduce__(self) -> tuple[Any, ...]:
        return BrownianPath, (self.seed, self.t0, self.t1, self.shape, self.cells)
