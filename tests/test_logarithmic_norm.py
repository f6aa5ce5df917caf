"""logarithmic_norm: against its definition as a limit, known values, its inequalities, and the flows it bounds."""

import numpy as np
import pytest

import nodekit
from nodekit.analysis.logarithmic_norm import logarithmic_norm
from nodekit.analysis.stability import lyapunov_exponents

NORMS = [2, 1, np.inf]


def matrix(seed, d=None, kind=float):
    rng = np.random.default_rng(seed)
    d = d or 1 + seed % 5
    a = rng.normal(size=(d, d)) - 0.5 * np.eye(d)
    return a + 1j * rng.normal(size=(d, d)) if kind is complex else a


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", [float, complex])
def test_is_the_limit_of_its_definition(norm, kind):
    """(|I + hA| − 1)/h falls to it as h → 0: the difference is of order h, and never negative."""
    for seed in range(10):
        a = matrix(seed, kind=kind)
        limits = [(np.linalg.norm(np.eye(len(a)) + h * a, norm) - 1) / h for h in (1e-4, 1e-6)]
        found = logarithmic_norm(a, norm)
        assert found == pytest.approx(limits[1], abs=1e-4)
        assert -1e-9 < limits[1] - found <= 1e-9 + max(limits[0] - found, 0)


def test_known_values():
    """By hand, for a matrix that is not symmetric: the norms give different values, and some are negative."""
    a = np.array([[-3.0, 1.0, 0.0], [0.0, -4.0, 2.0], [-0.5, 0.0, -5.0]])
    assert logarithmic_norm(a, 1) == -2.5  # the first column: −3 + 0.5; the others −3 and −3
    assert logarithmic_norm(a, np.inf) == -2.0  # the first and second row
    assert logarithmic_norm([[-1, 10], [0, -2]]) == pytest.approx(-1.5 + 25.25**0.5)  # of [[-1, 5], [5, -2]]
    assert logarithmic_norm([[0, 4], [0, 0]]) == pytest.approx(2)  # eigenvalues 0, and μ = 2
    assert logarithmic_norm([[0, 4], [0, 0]], 1) == logarithmic_norm([[0, 4], [0, 0]], float("inf")) == 4
    assert logarithmic_norm([[2j - 1]]) == logarithmic_norm([[2j - 1]], 1) == -1


@pytest.mark.parametrize("norm", NORMS)
def test_inequalities(norm):
    """α(A) <= μ(A) <= |A|, μ(A + B) <= μ(A) + μ(B), μ(cA + sI) = cμ(A) + s; for a normal matrix μ₂ = α."""
    for seed in range(10):
        a, b = matrix(seed, d=4), matrix(seed + 50, d=4)
        mu = logarithmic_norm(a, norm)
        assert np.linalg.eigvals(a).real.max() <= mu + 1e-12
        assert mu <= np.linalg.norm(a, norm) + 1e-12
        assert logarithmic_norm(a + b, norm) <= mu + logarithmic_norm(b, norm) + 1e-12
        assert logarithmic_norm(2.5 * a - 3 * np.eye(4), norm) == pytest.approx(2.5 * mu - 3)
        assert logarithmic_norm(a - a.T - 0.3 * np.eye(4)) == pytest.approx(-0.3)


def test_bounds_a_flow_at_all_times(measured):
    """|y(t)| <= exp(∫ μ) |y(0)| for y' = A(t) y, where the eigenvalues at each time allow no conclusion."""

    def a(t):
        c, s = np.cos(t), np.sin(t)
        return np.array([[-1 + 1.5 * c * c, 1 - 1.5 * s * c], [-1 - 1.5 * s * c, -1 + 1.5 * s * s]])

    times = np.linspace(0.0, 10.0, 41)
    assert all(logarithmic_norm(a(t)) == pytest.approx(0.5) for t in times)
    assert all(np.linalg.eigvals(a(t)).real.max() < 0 for t in times)
    starts = np.eye(2)
    ends = [nodekit.solve(lambda t, y: a(t) @ y, y0, times, rtol=1e-9, atol=1e-9).y for y0 in starts]
    sizes = np.linalg.norm(ends, axis=2)
    assert np.all(sizes <= np.exp(0.5 * times) * (1 + 1e-6))
    assert sizes[0] == pytest.approx(np.exp(0.5 * times), rel=1e-6)  # from (1, 0) the bound is attained
    measured(f"Markus and Yamabe's A(t): grows {sizes[0, -1]:.1f}-fold to t = 10, the bound is {np.exp(5.0):.1f}")


def test_is_not_below_the_lyapunov_exponent():
    """The mean growth of a nudge is at most μ: a linear flow with a skewed A."""
    a = np.array([[-0.2, 3.0, 0.0], [-0.5, -0.2, 0.4], [0.0, 0.3, -1.0]])
    (first,) = lyapunov_exponents(lambda t, y: a @ y, np.ones(3), (0.0, 30.0), number=1, jac=lambda t, y: a)
    assert first < logarithmic_norm(a)


@pytest.mark.parametrize(
    ("bad", "norm", "words"),
    [
        (np.ones(3), 2, r"needs a square matrix \(d, d\), got shape \(3,\)"),
        (np.ones((2, 3)), 2, r"got shape \(2, 3\)"),
        (np.zeros((0, 0)), 2, r"got shape \(0, 0\)"),
        ([[1.0, np.nan], [0.0, 1.0]], 1, "needs finite numbers"),
        ([["a"]], 2, "needs finite numbers, got a matrix of <U1"),
        (np.eye(2), 3, "norm=3 must be 2, 1 or inf"),
        (np.eye(2), "fro", "norm='fro' must be 2, 1 or inf"),
    ],
)
def test_bad_input(bad, norm, words):
    """Each is refused with its value and the way out."""
    with pytest.raises(ValueError, match=words):
        logarithmic_norm(bad, norm)
