"""The record that holds a Runge–Kutta method, and checks it when made (built in lesson 03).

`Tableau` is the method: nodes c, weights a and b, error weights, dense output. `numbers`, `rows` and `minus`
turn the exact fractions in which methods are written into the Python floats that are kept.
The methods themselves are in explicit.py, high_order.py and implicit.py.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tableau"]


class Row(NamedTuple):
    """One extra stage that only dense output needs: f(t + c h, y + h sum_j a_j k_j)."""

    c: float
    a: tuple[float, ...]


@dataclass(frozen=True)
class Tableau:
    """A Runge–Kutta method: k_i = f(t + c_i h, y + h sum_j a_ij k_j), y(t + h) ≈ y + h sum_i b_i k_i.

    It is explicit where every row i of a has i entries, and implicit where the rows have all s.

    Parameters
    ----------
    name : str
        The name that `nodekit.solve(method=...)` knows it by.
    order : int
        Order of the solution that is propagated.
    c, b : (s,)
        Nodes and weights of the s stages.
    a : s rows
        Row i holds the weights a_ij: i of them, of the stages before it, or all s of an implicit method.
    source : str
        Author, year and where in the text.
    b_error : (s,) or None
        b − b̂: h Σ b_error·k is the higher-order solution minus the embedded one (the sign convention).
    b_error_low : (s,) or None
        A second, lower-order estimate for the methods that combine two (dop853).
    error_start : float
        Implicit methods: weight of f(t, y) in the error estimate, beside those of the stages.
    filter_error : bool
        Implicit methods: multiply the estimate by (I − h γ ∂f/∂y)⁻¹, which keeps it bounded on stiff components.
    error_order : int
        The error estimate is O(h^error_order): the next step size goes with error_ratio^(−1/error_order).
    dense_rows : rows
        Further stages for dense output, of explicit methods. The first is f(t + h, y(t + h)) unless the method is FSAL.
    dense_weights : rows, or None for cubic Hermite interpolation
        It is linear for a method of order 1, and for an implicit one that does not have the slopes at both ends.
        Row i holds the coefficients of θ, θ², ... in b_i(θ): y(t + θh) ≈ y + h Σ b_i(θ) k_i.
    dense_order : int
        Order of the dense output, seen over the whole interval.

    Raises
    ------
    ValueError
        When the coefficients contradict each other: row sums, Σb = 1, Σb_error = 0, lengths, b(1) = b.

    Source: J. C. Butcher, "On Runge–Kutta processes of high order", 1964. Built in lesson 03.
    """

    name: str
    order: int
    c: tuple[float, ...]
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    source: str
    b_error: tuple[float, ...] | None = None
    b_error_low: tuple[float, ...] | None = None
    error_order: int | None = None
    error_start: float = 0.0
    filter_error: bool = False
    dense_rows: tuple[Row, ...] = ()
    dense_weights: tuple[tuple[float, ...], ...] = None  # type: ignore[assignment]  # set when made, as dense_order
    dense_order: int = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        linear = self.dense_weights is None and (self.order == 1 or not (self.explicit or self.fsal))
        if self.dense_weights is None:
            rows, weights = ((), tuple((x,) for x in self.b)) if linear else _hermite(self)
            object.__setattr__(self, "dense_rows", rows)
            object.__setattr__(self, "dense_weights", weights)
        if self.dense_order is None:
            object.__setattr__(self, "dense_order", min(self.order, 2 if linear else 4))
        _check(self)

    @property
    def stages(self) -> int:
        """Number of stages s."""
        return len(self.b)

    @property
    def explicit(self) -> bool:
        """Whether every stage needs only those before it."""
        return all(len(row) == i for i, row in enumerate(self.a))

    @property
    def family(self) -> str:
        """The module of a backend that takes the steps."""
        return "explicit" if self.explicit else "implicit"

    @property
    def stiffly_accurate(self) -> bool:
        """The last stage is y(t + h) itself."""
        return self.c[-1] == 1 and tuple(self.a[-1]) == self.b[: len(self.a[-1])] and not any(self.b[len(self.a[-1]) :])

    @property
    def fsal(self) -> bool:
        """First same as last: the last slope is f(t + h, y(t + h)), and the first one f(t, y)."""
        return self.stages > 1 and self.c[0] == 0 and not any(self.a[0]) and self.stiffly_accurate

    @cached_property
    def later_stages(self) -> tuple[tuple[float, tuple[float, ...]], ...]:
        """(c_i, row i of a) of every stage but the first."""
        return tuple(zip(self.c, self.a, strict=True))[1:]

    @property
    def adaptive(self) -> bool:
        """Whether the method estimates its own error."""
        return self.b_error is not None

    @property
    def dense_holds(self) -> bool:
        """Whether the dense output is about as accurate as the steps. If not, adaptive steps end on output times."""
        return not self.adaptive or self.dense_order >= self.order - 1

    @cached_property
    def powers(self) -> "NDArray[Any]":
        """The coefficients of θ, θ², ... in the dense weights: (powers, stages + len(dense_rows))."""
        return np.array(self.dense_weights).T.copy()

    def weights_at(self, theta: "float | NDArray[Any]") -> "NDArray[Any]":
        """b_i(θ) of the dense output at θ in [0, 1], (s,) with s = stages + len(dense_rows); (m, s) for m of them."""
        theta = np.asarray(theta, float)[..., None]
        total, power = theta * self.powers[0], theta
        for row in self.powers[1:]:  # a matrix product would add in an order of its own, and dop853's terms cancel
            power = power * theta
            total += power * row
        return total


def _hermite(tableau: Tableau) -> tuple[tuple[Row, ...], tuple[tuple[float, ...], ...]]:
    """Dense output from both ends' values and slopes: y and k_0 at θ = 0, y(t + h) and f there at θ = 1."""
    fsal, b = tableau.fsal, tableau.b
    rows = () if fsal else (Row(1.0, b),)
    weights = [[0.0, 3 * x, -2 * x] for x in b] + ([] if fsal else [[0.0, 0.0, 0.0]])
    for j, (start, end) in enumerate(zip((1.0, -2.0, 1.0), (0.0, -1.0, 1.0), strict=True)):
        weights[0][j] += start
        weights[-1][j] += end
    return rows, tuple(map(tuple, weights))


def _check(m: Tableau) -> None:
    """Raise ValueError where the coefficients of `m` contradict each other."""

    def demand(ok: bool, what: str) -> None:
        if not ok:
            raise ValueError(f"tableau {m.name!r}: {what}.")

    def near(x: float, y: float, terms: tuple[float, ...]) -> bool:
        return abs(x - y) <= 4e-15 * (1 + sum(map(abs, terms)))

    s = m.stages
    demand(len(m.c) == len(m.a) == s, f"c, a and b have {len(m.c)}, {len(m.a)} and {s} stages")
    for i, (c, row) in enumerate(zip(m.c, m.a, strict=True)):
        expected = i if m.explicit or len(m.a[0]) == 0 else s
        demand(len(row) == expected, f"row {i} of a has {len(row)} entries; an explicit method has {i}")
        demand(near(sum(row), c, row), f"row {i} of a sums to {sum(row)!r}, but c[{i}] = {c!r}")
    demand(near(sum(m.b), 1, m.b), f"b sums to {sum(m.b)!r}, not 1")
    for weights in (m.b_error, m.b_error_low):
        if weights is not None:
            demand(len(weights) == s, f"b_error has {len(weights)} entries for {s} stages")
            total = sum(weights) + m.error_start
            demand(near(total, 0, weights), f"b_error sums to {total!r}, not 0")
            demand(m.error_order is not None, "b_error is given without error_order")
    for i, extra in enumerate(m.dense_rows):
        demand(len(extra.a) == s + i, f"dense row {i} has {len(extra.a)} entries, {s + i} expected")
        demand(near(sum(extra.a), extra.c, extra.a), f"dense row {i} sums to {sum(extra.a)!r}, but c = {extra.c!r}")
    slopes = s + len(m.dense_rows)
    demand(len(m.dense_weights) == slopes, f"{len(m.dense_weights)} rows of dense weights for {slopes} slopes")
    ends = (*m.b, *[0.0] * len(m.dense_rows))
    for i, (row, end) in enumerate(zip(m.dense_weights, ends, strict=True)):
        demand(
            abs(sum(row) - end) <= 1e-13 * (1 + sum(map(abs, row))),
            f"dense weight {i} at θ = 1 is not b[{i}]",
        )


def numbers(text: str) -> tuple[float, ...]:
    """'1/5 3/40' or published decimals, as floats rounded once."""
    return tuple(float(Fraction(word)) for word in text.split())


def rows(*texts: str) -> tuple[tuple[float, ...], ...]:
    return tuple(numbers(text) for text in texts)


def minus(text: str, other: str) -> tuple[float, ...]:
    """b − b̂ from the two sets of weights, subtracted exactly and rounded once."""
    pairs = zip(text.split(), other.split(), strict=True)
    return tuple(float(Fraction(x) - Fraction(y)) for x, y in pairs)
