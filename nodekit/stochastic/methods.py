"""Methods for stochastic differential equations as data, and their steps, in + and * only (built in lesson 21).

A step gets the drift f(t, y) -> (d,), the diffusion's columns b(t, y) -> (m, d), and the increments w of the Brownian
motion that go with them, (m, d): with diagonal noise m = 1, and each component has its own.

Sources: P. E. Kloeden, E. Platen, Numerical Solution of Stochastic Differential Equations, 1992: chapter 10.2 (Euler,
Maruyama 1955), 10.3 (Milstein 1974), 11.1 (without derivatives); W. Rümelin, 1982 (Heun).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["CALCULI", "METHODS", "NOISES", "Method", "get"]

CALCULI = "ito", "stratonovich"
NOISES = "diagonal", "commutative", "general"
# The orders of convergence with the noises of NOISES.
HALF, ONE = 0.5, 1.0


@dataclass(frozen=True)
class Method:
    """A method: its step (f, b, t, y, h, w, ito) -> y1, and what it is for.

    calculi: the integrals that it approximates. orders: the strong order for each noise that it takes; a solution by
    steps of its own choice needs order 1 (Gaines and Lyons, 1997). source: author and year.
    """

    name: str
    step: Callable[..., Any]
    calculi: tuple[str, ...]
    orders: dict[str, float]
    source: str


def euler_maruyama(f: Any, b: Any, t: float, y: Any, h: float, w: Any, ito: bool) -> Any:
    """y + f h + b ΔW."""
    return y + h * f(t, y) + (b(t, y) * w).sum(0)


def milstein(f: Any, b: Any, t: float, y: Any, h: float, w: Any, ito: bool) -> Any:
    """Euler's step and ½ Σ_jk (∂b_k b_j) (ΔW_j ΔW_k − h δ_jk), without the h for Stratonovich's integral.

    The derivatives are differences over √h. For one column it is Kloeden and Platen's (11.1.3); for several that
    commute, the sum over j and k of products is one difference along b ΔW.
    """
    slope, columns = f(t, y), b(t, y)
    noise, root = (columns * w).sum(0), abs(h) ** 0.5
    y1 = y + h * slope + noise
    if len(columns) == 1:
        along = y + root * columns[0] + (h * slope if ito else 0.0)
        return y1 + (b(t, along)[0] - columns[0]) * (w[0] ** 2 - (h if ito else 0.0)) / (2 * root)
    y1 = y1 + ((b(t, y + noise) - columns) * w).sum(0) / 2
    if ito:
        for j, column in enumerate(columns):
            y1 = y1 - root / 2 * (b(t, y + root * column)[j] - column)
    return y1


def heun(f: Any, b: Any, t: float, y: Any, h: float, w: Any, ito: bool) -> Any:
    """The mean of Euler's step from the start and of the one with the values at its end."""
    first = h * f(t, y) + (b(t, y) * w).sum(0)
    return y + (first + h * f(t + h, y + first) + (b(t + h, y + first) * w).sum(0)) / 2


METHODS = {
    method.name: method
    for method in (
        Method("euler_maruyama", euler_maruyama, ("ito",), dict.fromkeys(NOISES, HALF), "G. Maruyama, 1955"),
        Method(
            "milstein",
            milstein,
            ("ito", "stratonovich"),
            {"diagonal": ONE, "commutative": ONE},
            "G. N. Milstein, 1974; E. Platen, 1984",
        ),
        Method(
            "heun",
            heun,
            ("stratonovich",),
            {"diagonal": ONE, "commutative": ONE, "general": HALF},
            "W. Rümelin, 1982",
        ),
    )
}


def get(name: str, calculus: str, noise: str) -> Method:
    """The method called `name`. Raises ValueError for one that is not known, or not made for this integral or noise."""
    for what, value, known in (("calculus", calculus, CALCULI), ("noise", noise, NOISES)):
        if value not in known:
            raise ValueError(f"{what}={value!r} is not known. Choose one of: {', '.join(known)}.")
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"method={name!r} is not known. Choose one of: {', '.join(METHODS)}.")
    fitting = [m.name for m in METHODS.values() if calculus in m.calculi and noise in m.orders]
    if name not in fitting:
        raise ValueError(
            f"method={name!r} is not made for {calculus!r} integrals with noise={noise!r}. For them there is: "
            f"{', '.join(fitting)}."
        )
    return METHODS[name]
