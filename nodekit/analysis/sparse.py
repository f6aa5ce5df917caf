"""Formulas from data: a library of named terms, and least squares that keeps few of them (built in lesson 26).

    library = polynomial(["x", "y"], 2)                       # 1, x, y, x², x·y, y²
    theta, change = integral_rows(library, t, y, known)       # rows: ∫ terms dt, and what `known` leaves to explain
    fit = sparse_regression(theta, change, 0.2, library.names)
    print(fit.formula(0), fit.formula(1))
    field = library.field(fit.coefficients, known)            # for nodekit.solve

Plain NumPy, and so here and not among the models: it takes numbers from wherever they come, and needs no torch.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nodekit.arrays import namespace

if TYPE_CHECKING:
    from nodekit.hints import Field

__all__ = ["Library", "SparseFit", "integral_rows", "polynomial", "sparse_regression"]

Numbers: TypeAlias = "np.ndarray[Any, Any]"
POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Library:
    """Named terms of which a right-hand side may be a sum. library(y): their values at states y (..., d), (..., p).

    terms: {name: function y (..., d) -> (...)}, for arrays, and for tensors where the function takes them.
    Raises ValueError for an empty library and a term with other values than (...), TypeError for what is no function.
    """

    terms: Mapping[str, Callable[[Any], Any]]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a library needs at least one term: {name: function of y}.")
        for name, term in self.terms.items():
            if not callable(term):
                raise TypeError(f"the term {name!r} must be a function of y, got {type(term).__name__}.")

    @property
    def names(self) -> list[str]:
        return list(self.terms)

    def __call__(self, y: Any) -> Any:
        values = [term(y) for term in self.terms.values()]
        for name, value in zip(self.terms, values, strict=True):
            _alike(f"the term {name!r} at y (a constant is 1 + 0 * y[..., 0])", value, y.shape[:-1])
        return namespace(y).stack(values, -1)

    def without(self, *names: str) -> "Library":
        """The library without these terms. Raises ValueError for a name that it does not have."""
        for name in names:
            if name not in self.terms:
                raise ValueError(f"no term {name!r} to leave out; there are {', '.join(self.terms)}.")
        return Library({name: term for name, term in self.terms.items() if name not in names})

    def field(self, coefficients: Any, known: "Field | None" = None) -> "Field":
        """f(t, y) = known(t, y) + library(y) · coefficients (p, d), for `nodekit.solve` on either library of arrays.

        Raises ValueError for coefficients of another shape, and from f where a summand has another shape than y.
        """
        weights = np.asarray(coefficients, float)
        if weights.ndim != 2 or len(weights) != len(self.terms):
            raise ValueError(f"coefficients must be ({len(self.terms)}, d), one row a term, got {weights.shape}.")

        def f(t: Any, y: Any) -> Any:
            W = weights if namespace(y).__name__ != "torch" else namespace(y).as_tensor(weights).to(y)
            part = _alike("library(y) · coefficients", self(y) @ W, y.shape)
            return part if known is None else _alike("known(t, y)", known(t, y), y.shape) + part

        return f


def polynomial(names: Sequence[str], degree: int) -> Library:
    """All products of the components up to `degree` factors: 1, x, y, x², x·y, y² for the names x, y and degree 2.

    names: one for each of y's d components. degree: int >= 0. Raises ValueError for no name, names that give two terms
    the same name, a negative degree, and from the terms for a y with another number of components.
    """
    if not names or degree < 0:
        raise ValueError(f"polynomial needs a name for each component and degree >= 0, got {names!r} and {degree!r}.")
    terms: dict[str, Callable[[Any], Any]] = {}
    for total in range(degree + 1):
        for factors in itertools.combinations_with_replacement(range(len(names)), total):
            powers = [(i, factors.count(i)) for i in dict.fromkeys(factors)]
            name = "·".join(names[i] + (str(n).translate(POWERS) if n > 1 else "") for i, n in powers) or "1"
            if name in terms:
                raise ValueError(
                    f"polynomial needs names that tell its terms apart: {names!r} give two called {name!r}."
                )
            terms[name] = _product(powers, len(names))
    return Library(terms)


def _alike(name: str, value: Any, shape: Sequence[int]) -> Any:
    """The value, or ValueError where it has another shape."""
    got = tuple(value.shape) if hasattr(value, "shape") else type(value).__name__
    if got != tuple(shape):
        raise ValueError(f"{name} has the shape {got}, and {tuple(shape)} was expected.")
    return value


def _product(powers: list[tuple[int, int]], d: int) -> Callable[[Any], Any]:
    """The function y (..., d) -> the product of y_i to the power n, for the pairs (i, n)."""

    def product(y: Any) -> Any:
        if tuple(y.shape[-1:]) != (d,):
            raise ValueError(f"a polynomial in {d} names is for states (..., {d}), got shape {tuple(y.shape)}.")
        return math.prod((y[..., i] ** n for i, n in powers), start=1 + 0 * y[..., 0])

    return product


def integral_rows(library: Library, t: Any, y: Any, known: "Field | None" = None) -> tuple[Numbers, Numbers]:
    """Rows of a regression without slopes: between neighbouring times, ∫ terms dt (m − 1, p), and what is to explain.

    Integrated from t_i to t_{i+1}, dy/dt = known + library · c says y_{i+1} − y_i − ∫ known dt = (∫ library dt) c.
    The right-hand array is the left side, (m − 1, d). Noise of standard deviation σ in each y gives its rows √2 σ,
    but for what is proportional to the distance of the times; of slopes of a curve through the data it is not known.
    The integrals are by the trapezoidal rule with the correction of its ends, of order 4 at inner intervals, from the
    values at the data. Where a state changes much between two times their error is no longer small beside the noise,
    and is left over like a missing term: of lesson 26's long recording, right terms leave 1.0 times the noise, and 2.5
    times where only every second count is used.

    t (m,), increasing, m >= 3. y (m, d). known: field on arrays, (t (m, 1), y (m, d)) -> (m, d), or None.
    Raises ValueError for times that do not increase, data or a known part of another shape, and numbers that are not
    real and finite.
    Source: H. Schaeffer, S. G. McCalla, Sparse model selection via integral terms, Physical Review E 96, 2017.
    """
    t, y = real("t", t), real("y", y)
    if t.ndim != 1 or len(t) < 3 or not np.all(np.diff(t) > 0):
        raise ValueError(f"integral_rows needs three or more increasing times (m,), got shape {t.shape}.")
    if y.ndim != 2 or len(y) != len(t):
        raise ValueError(f"integral_rows needs y (m, d) with m = {len(t)} times, got shape {y.shape}.")
    change = np.diff(y, axis=0)
    if known is not None:
        change = change - _between(t, _alike("known(t, y)", real("known(t, y)", known(t[:, None], y)), y.shape))
    theta = _between(t, real("library(y)", library(y)))
    for name, rows in (("the changes of y", change), ("the terms", theta)):
        if not np.all(np.isfinite(rows)):
            raise ValueError(f"integral_rows needs finite numbers, and {name} are not: look for gaps in the data.")
    return theta, change


def _between(t: Numbers, g: Numbers) -> Numbers:
    """∫ g dt between neighbouring times, from the values g (m, k): (m − 1, k)."""
    h, slope = np.diff(t)[:, None], np.gradient(g, t, axis=0, edge_order=2)
    integral: Numbers = h / 2 * (g[:-1] + g[1:]) + h**2 / 12 * (slope[:-1] - slope[1:])
    return integral


@dataclass(frozen=True)
class SparseFit:
    """What `sparse_regression` found: target ≈ theta · coefficients, few of which are not 0.

    names: the p terms. coefficients (p, d), in units of target / theta. shares (p, d): coefficient times the root mean
    square of its column, divided by the target's: without units. residual (n, d): target − theta · coefficients.
    rounds: int, of least squares, of the component that took most.
    """

    names: list[str]
    coefficients: Numbers
    shares: Numbers
    residual: Numbers
    rounds: int

    @property
    def kept(self) -> Numbers:
        """(p, d), True where the coefficient is not 0."""
        kept: Numbers = self.coefficients != 0
        return kept

    def formula(self, i: int = 0, digits: int = 3) -> str:
        """The formula of component i, the largest share first: '−0.901 x·y', or '0' where no term was kept."""
        order = [j for j in np.argsort(-np.abs(self.shares[:, i])) if self.coefficients[j, i] != 0]
        parts = [f"{self.coefficients[j, i]:+.{digits}g} {self.names[j]}" for j in order]
        return " ".join(parts).replace("-", "−").removeprefix("+") or "0"


def sparse_regression(theta: Any, target: Any, threshold: float, names: Sequence[str] | None = None) -> SparseFit:
    """Sequential thresholded least squares: fit, drop the terms with small shares, fit the rest again, until none is.

    A term's share is |coefficient| · rms(its column) / rms(target), so that neither the unit of a state nor that of the
    time decides what is dropped. (Brunton, Proctor and Kutz compare the coefficients themselves.) Each component is
    fitted by itself. Shares of columns that nearly depend on each other can be large and cancel, and where they depend
    exactly each gets a part, of two equal ones a half: see `nodekit.analysis.identifiability`.

    theta (n, p), n >= p. target (n,) or (n, d). threshold: float >= 0, the least share that stays. names: of the terms.
    Returns a `SparseFit`. Raises ValueError for shapes that do not fit, too few rows, a column or a target that is zero
    everywhere, numbers that are not real and finite, and a threshold that is no number >= 0.

    Source: S. L. Brunton, J. L. Proctor, J. N. Kutz, Discovering governing equations from data by sparse identification
    of nonlinear dynamical systems, PNAS 113, 2016, arXiv:1509.03580. Lesson 26.
    """
    theta, target, labels = checked(theta, target, threshold, names)
    sizes, wholes = np.sqrt((theta**2).mean(0)), np.sqrt((target**2).mean(0))
    found = [
        thresholded(theta / sizes, column / whole, threshold) for column, whole in zip(target.T, wholes, strict=True)
    ]
    shares = np.stack([share for share, _ in found], 1)
    coefficients = shares * wholes / sizes[:, None]
    residual = target - theta @ coefficients
    return SparseFit(labels, coefficients, shares, residual, max(rounds for _, rounds in found))


def thresholded(theta: Numbers, target: Numbers, threshold: float) -> tuple[Numbers, int]:
    """The coefficients (p,) of columns of size one on a target (n,) of size one, and the rounds of least squares."""
    keep, rounds = np.ones(theta.shape[1], bool), 0
    while True:
        share, rounds = np.zeros(len(keep)), rounds + 1
        share[keep] = np.linalg.lstsq(theta[:, keep], target, rcond=None)[0]
        small = keep & (np.abs(share) < threshold)
        if not small.any():
            return share, rounds
        keep = keep & ~small


def real(name: str, value: Any) -> Numbers:
    """The value as an array of floats, or ValueError that names it."""
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be real numbers, got {numbers.dtype}.")
    return numbers.astype(float)


def checked(
    theta: Any, target: Any, threshold: float, names: Sequence[str] | None
) -> tuple[Numbers, Numbers, list[str]]:
    """theta (n, p), target (n, d) and the names, or ValueError that says what does not fit."""
    theta, target = real("theta", theta), real("target", target)
    target = target[:, None] if target.ndim == 1 else target
    if theta.ndim != 2 or target.ndim != 2 or len(theta) != len(target):
        raise ValueError(f"theta (n, p) and target (n, d) need equal n, got {theta.shape} and {target.shape}.")
    labels = [f"term {j}" for j in range(theta.shape[1])] if names is None else list(names)
    if len(labels) != theta.shape[1]:
        raise ValueError(f"{len(labels)} names for {theta.shape[1]} columns of theta: {labels}.")
    if len(theta) < theta.shape[1]:
        raise ValueError(
            f"{len(theta)} rows cannot tell {theta.shape[1]} terms apart: more data, or a smaller library."
        )
    if np.ndim(threshold) or not threshold >= 0:
        raise ValueError(f"threshold={threshold!r} must be at least 0: it is the least share of the target that stays.")
    for name, column in [
        *zip(labels, theta.T, strict=True),
        *((f"component {i} of target", c) for i, c in enumerate(target.T)),
    ]:
        if not np.all(np.isfinite(column)):
            raise ValueError(f"{name!r} has numbers that are not finite.")
        if not column.any():
            raise ValueError(f"{name!r} is zero in every row: nothing can be said of it. Leave it out.")
    return theta, target, labels
