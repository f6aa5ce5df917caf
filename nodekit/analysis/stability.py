"""Linear stability of a method (built in lessons 03 and 13), and Lyapunov exponents of a flow (13).

On y' = λy a step multiplies y by R(hλ). The method is stable there when |R(z)| <= 1, z = hλ.
Where a solve is held back by that, and not by accuracy, is found in stiffness.py.

Source: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 1996, chapter IV.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nodekit import methods
from nodekit.numpy_backend.newton import Jacobian
from nodekit.numpy_backend.state import Field
from nodekit.solve import solve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nodekit.hints import Field as Fields
    from nodekit.hints import Method

__all__ = [
    "imaginary_limit",
    "is_a_stable",
    "is_l_stable",
    "lyapunov_exponents",
    "real_limit",
    "stability_function",
    "stability_polynomials",
    "stiffness_ratio",
]


def stability_function(tableau: "str | Method", z: "ArrayLike") -> "NDArray[Any]":
    """R(z) of a method: y1 = R(hλ) y on y' = λy.

    tableau: a Tableau, a Rosenbrock method, or a name. z: complex number or array of any shape. Returns an array of
    z's shape, complex; it is infinite or nan at a pole.
    Raises ValueError for an unknown name, and for a method that is not of one step and one stage after the other.

    Source: Hairer, Wanner, Solving Ordinary Differential Equations II, 1996, sections IV.2 and IV.3: the stages of
    y' = λy with y = 1 and h = 1 are k_i = z (1 + Σ_j a_ij k_j). Where the stages are coupled, R is the ratio of the
    determinants of I − zA + z 1bᵀ and I − zA.
    """
    a, b = _coefficients(tableau)
    z = np.asarray(z, complex)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if np.triu(a, 1).any():
            one = np.eye(len(b))
            z = z[..., None, None]
            return np.linalg.det(one - z * (a - b)) / np.linalg.det(one - z * a)
        k: list[Any] = []
        for i, a_i in enumerate(a):
            k_i = z * (1 + sum(a_ij * k_j for a_ij, k_j in zip(a_i, k, strict=False)))
            k.append(k_i / (1 - z * a_i[i]) if a_i[i] else k_i)
        return 1 + sum(b_i * k_i for b_i, k_i in zip(b, k, strict=True))


def _coefficients(method: "str | Method") -> "tuple[NDArray[Any], NDArray[Any]]":
    """a (s, s) and b (s,) of a method that has R(z) = 1 + z bᵀ (I − zA)⁻¹ 1."""
    m = methods.get(method)
    if hasattr(m, "plain"):  # Rosenbrock: on a linear problem, A is the sum of its two triangles
        alpha, gamma, b = m.plain()
        return alpha + gamma, b
    if not hasattr(m, "a"):
        raise ValueError(f"method={m.name!r} has no stability function R(z): give a Runge–Kutta method.")
    a = np.zeros((len(m.b), len(m.b)))
    for i, row in enumerate(m.a):
        a[i, : len(row)] = row
    return a, np.array(m.b)


def stability_polynomials(method: "str | Method") -> "tuple[NDArray[Any], NDArray[Any]]":
    """The coefficients, in rising powers, of N and D in R(z) = N(z)/D(z), (s + 1,) each; D = 1 if it is explicit.

    D = det(I − zA) by Faddeev and LeVerrier, N = D·(1 + Σ z^j bᵀA^(j−1)1), in which all powers beyond s cancel. What
    is left of a sum by rounding is set to zero.
    """
    a, b = _coefficients(method)
    s = len(b)
    d, series, m, v = np.zeros(s + 1), np.ones(s + 1), np.eye(s), np.ones(s)
    d[0] = 1
    for j in range(1, s + 1):
        series[j] = b @ v
        v, m = a @ v, a @ m
        d[j] = -np.trace(m) / j
        m += d[j] * np.eye(s)
    return _sum(np.convolve(series, d)[: s + 1], np.convolve(np.abs(series), np.abs(d))[: s + 1]), d


def _sum(total: "NDArray[Any]", size: "NDArray[Any]") -> "NDArray[Any]":
    """Sums, with zero for those that are only rounding beside the sum of the absolute terms."""
    return np.where(np.abs(total) > 1e-11 * size, total, 0.0)


def _margin_on_imaginary_axis(method: "str | Method") -> "NDArray[Any]":
    """|D(iy)|² − |N(iy)|² as coefficients in u = y²; R is stable at iy where it is >= 0. It is O(y^(order + 1))."""

    def squared(p: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[Any]]":
        even, odd = p[::2] * (-1.0) ** np.arange(len(p[::2])), p[1::2] * (-1.0) ** np.arange(len(p[1::2]))
        return np.convolve(even, even), np.r_[0.0, np.convolve(odd, odd)]

    parts = [squared(p) for p in stability_polynomials(method)]
    margin = np.zeros(max(len(p) for pair in parts for p in pair))
    size = margin.copy()
    for sign, pair in zip((-1, 1), parts, strict=True):
        for p in pair:
            margin[: len(p)] += sign * p
            size[: len(p)] += np.abs(p)
    margin = _sum(margin, size)
    margin[: (methods.get(method).order + 2) // 2] = 0.0
    return margin


def _first_sign_change(p: "NDArray[Any]") -> float:
    """The smallest x > 0 beyond which the polynomial p (rising powers) is negative: 0 at once, inf never."""
    p = np.trim_zeros(p, "b")
    if not p.size:
        return np.inf
    p = np.trim_zeros(p, "f")
    if p[0] < 0:
        return 0.0
    roots = np.roots(p[::-1])
    real = np.sort(roots.real[(np.abs(roots.imag) <= 1e-7 * np.abs(roots)) & (roots.real > 0)])
    for i, x in enumerate(real):
        beyond = (x + real[i + 1]) / 2 if i + 1 < len(real) else 2 * x
        if np.polyval(p[::-1], beyond) < 0:
            return float(x)
    return np.inf


def real_limit(method: "str | Method") -> float:
    """The largest x with |R| <= 1 on all of [−x, 0]: y' = λy, λ < 0 real, allows h <= x/|λ|. inf if all are stable.

    From the real roots of D² − N², to about 1e-9. Raises ValueError as `stability_function`.
    """
    n, d = (p * (-1.0) ** np.arange(len(p)) for p in stability_polynomials(method))
    size = np.abs(n) + np.abs(d)
    return min(_first_sign_change(_sum(d - n, size)), _first_sign_change(_sum(d + n, size)))


def imaginary_limit(method: "str | Method") -> float:
    """The largest y with |R| <= 1 on all of [0, iy]: oscillations of frequency ω allow h <= y/ω. 0 for many methods.

    From the real roots of |D|² − |N|², with the powers that vanish by the method's order left out; to about 1e-9.
    """
    return float(np.sqrt(_first_sign_change(_margin_on_imaginary_axis(method))))


def is_a_stable(method: "str | Method") -> bool:
    """Whether |R| <= 1 on the whole left half plane.

    What is tested: |D|² − |N|² >= 0 along the imaginary axis (no change of sign among its roots), and no zero of D
    in the left half plane; the maximum principle does the rest. Source: Hairer, Wanner 1996, section IV.3.
    """
    d = np.trim_zeros(stability_polynomials(method)[1], "b")
    return imaginary_limit(method) == np.inf and bool((np.roots(d[::-1]).real > 0).all())


def is_l_stable(method: "str | Method") -> bool:
    """Whether the method is A-stable and R(z) → 0 as z → ∞: the degree of N is below that of D, up to rounding."""
    n, d = stability_polynomials(method)
    return is_a_stable(method) and np.trim_zeros(n, "b").size < np.trim_zeros(d, "b").size


def stiffness_ratio(jacobian: "ArrayLike") -> float:
    """max |Re λ| / min |Re λ| over the eigenvalues with Re λ < 0 of a Jacobian (d, d); 1 when there are none.

    Eigenvalues at rounding level (conserved quantities) are left out. Raises ValueError unless it is square and finite.
    Source: J. D. Lambert, Numerical Methods for Ordinary Differential Systems, 1991, section 6.2. Lesson 14 says what
    it misses: the interval, the tolerance, and whether the fast components are still there.
    """
    jacobian = np.asarray(jacobian, float)
    if jacobian.ndim != 2 or jacobian.shape[0] != jacobian.shape[1] or not np.isfinite(jacobian).all():
        raise ValueError(f"jacobian must be a finite square matrix, got shape {jacobian.shape}.")
    values = np.linalg.eigvals(jacobian)
    rates = -values.real[values.real < -1e-14 * np.abs(values).max(initial=0.0)]
    return float(rates.max() / rates.min()) if rates.size else 1.0


def lyapunov_exponents(
    f: "Fields",
    y0: "ArrayLike",
    t: Sequence[float],
    number: int | None = None,
    interval: float = 1.0,
    jac: "Fields | None" = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> "NDArray[Any]":
    """The largest `number` Lyapunov exponents (all if None) of a flow: (number,), in falling order, per unit of time.

    Tangent vectors V follow V' = J(t, y) V beside the solution and are made orthonormal again (QR) after every
    `interval`; the exponents are the means of log |diag R| over (t0, t1). On an attractor start on it, and let t1 − t0
    be long: the mean settles no faster than 1/(t1 − t0).

    f(t, y) with y of shape (d,), y0 (d,), t = (t0, t1); jac(t, y) -> (d, d), by autograd or differences if None.
    Raises ValueError for y0 of another shape or an interval <= 0, SolveError where the solve fails.

    Source: G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 1980. Used in lesson 13.
    """
    y = np.array(y0, float)
    if y.ndim != 1 or not interval > 0:
        raise ValueError(f"lyapunov_exponents needs y0 of shape (d,) and interval > 0, got {y.shape} and {interval!r}.")
    field = Field(f, y.shape)
    jacobian = Jacobian(field, jac)

    def flow(t: float, z: "NDArray[Any]") -> "NDArray[Any]":
        return np.column_stack([field(t, z[:, 0]), jacobian(t, z[:, 0]) @ z[:, 1:]])

    tangents, total = np.eye(len(y))[:, :number], np.zeros(len(y))[:number]
    times = np.linspace(t[0], t[1], max(2, round(abs(t[1] - t[0]) / interval) + 1))
    for span in pairwise(times):
        sol = solve(flow, np.column_stack([y, tangents]), span, "dopri5", rtol, atol)
        y = sol.y[-1][:, 0]
        tangents, r = np.linalg.qr(sol.y[-1][:, 1:])
        total = total + np.log(np.abs(np.diag(r)))
    return np.sort(total / (t[1] - t[0]))[::-1]
