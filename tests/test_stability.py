"""R(z) of every method against what the method does and what is known of it; Lyapunov exponents."""

import numpy as np
import pytest

import nodekit
from nodekit import problems
from nodekit.analysis import stability
from nodekit.analysis.stability import stability_function
from nodekit.methods import METHODS
from nodekit.methods.explicit import METHODS as EXPLICIT
from nodekit.problems.problem import vector

WITH_R = [name for name, m in METHODS.items() if m.family in ("explicit", "implicit", "rosenbrock")]
IMPLICIT = [name for name in WITH_R if name not in EXPLICIT]
NOT_L_STABLE = ["implicit_midpoint", "trapezoid", "gl4", "gl6"]


@pytest.mark.parametrize("method", WITH_R)
def test_stability_function_is_what_a_step_multiplies_by(method):
    """One step on y' = λy, h = 1, written as two real equations, gives R(λ) y, for random complex λ."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 8))
    f = lambda t, y: vector(y, a * y[0] - b * y[1], b * y[0] + a * y[1])  # noqa: E731
    y = nodekit.solve(f, np.array([np.ones(8), np.zeros(8)]), (0.0, 1.0), method=method, step=1.0).y[-1]
    assert np.allclose(y[0] + 1j * y[1], stability_function(method, a + 1j * b), rtol=1e-11)


@pytest.mark.parametrize("method", WITH_R)
def test_stability_function_agrees_with_exp_to_the_order(method):
    """R(z) = exp(z) + O(z^(p+1)), and not better by two orders."""
    p = METHODS[method].order
    z = 0.4 * np.exp(2j * np.pi * np.arange(16) / 16)
    coefficients = np.fft.fft(stability_function(method, z)) / 16 / 0.4 ** np.arange(16)
    factorials = np.cumprod([1, *range(1, 16)])
    errors = np.abs(coefficients * factorials - 1)
    assert (errors[: p + 1] < 1e-6).all()
    assert errors[p + 1 : p + 3].max() > 1e-3


@pytest.mark.parametrize("method", WITH_R)
def test_stability_polynomials(method):
    """N(z)/D(z) is R(z), in which N and D have no more than s + 1 coefficients; z of any shape is taken."""
    rng = np.random.default_rng(1)
    z = 3 * (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)))
    n, d = stability.stability_polynomials(method)
    assert len(n) == len(d) == len(METHODS[method].b) + 1
    assert np.allclose(np.polyval(n[::-1], z) / np.polyval(d[::-1], z), stability_function(method, z), rtol=1e-10)


@pytest.mark.parametrize(
    ("method", "real", "imaginary"),
    [
        ("euler", 2.0, 0.0),
        ("midpoint", 2.0, 0.0),
        ("heun3", 2.5127453266, 3**0.5),
        ("rk4", 2.7852935634, 2 * 2**0.5),
        ("dopri5", 3.3065678930, 0.9971890086),
        ("implicit_euler", np.inf, np.inf),
        ("gl6", np.inf, np.inf),
    ],
)
def test_known_limits(method, real, imaginary):
    """The limits on both axes are the known ones (Hairer, Wanner 1996, section IV.2)."""
    assert stability.real_limit(method) == pytest.approx(real, rel=1e-9)
    assert stability.imaginary_limit(method) == pytest.approx(imaginary, rel=1e-7)


@pytest.mark.parametrize("method", WITH_R)
def test_limits_are_where_r_leaves_the_unit_disk(method, measured):
    """|R| <= 1 up to the limit and > 1 just beyond it, on both axes, seen by sampling R itself."""
    real, imaginary = stability.real_limit(method), stability.imaginary_limit(method)
    for limit, direction in ((real, -1.0), (imaginary, 1j)):
        inside = direction * np.linspace(0, min(limit, 1e4), 2001)
        assert np.abs(stability_function(method, inside)).max() <= 1 + 1e-11
        if limit < np.inf:
            # where the limit is 0, |R| − 1 grows with a high power: it is looked for a little farther out
            assert abs(stability_function(method, direction * max(limit * 1.001, 1.0))) > 1
    a, l = stability.is_a_stable(method), stability.is_l_stable(method)
    measured(f"stability of {method}: real limit {real:.4f}, imaginary {imaginary:.4f}, A-stable {a}, L-stable {l}")


@pytest.mark.parametrize("method", WITH_R)
def test_a_and_l_stability(method):
    """Every implicit method is A-stable, no explicit one is; the symmetric ones are not L-stable. R itself agrees."""
    a = stability.is_a_stable(method)
    assert a is (method in IMPLICIT)
    assert stability.is_l_stable(method) is (a and method not in NOT_L_STABLE)
    if a:
        rng = np.random.default_rng(2)
        z = 10.0 ** rng.uniform(-3, 4, 4000) * np.exp(1j * rng.uniform(np.pi / 2, 3 * np.pi / 2, 4000))
        assert np.abs(stability_function(method, z)).max() <= 1 + 1e-11
        far = abs(stability_function(method, -1e7))
        assert far > 0.99 if method in NOT_L_STABLE else far < 1e-5


def test_a_method_that_is_not_quite_a_stable():
    """SDIRK with γ = 0.2 is of order 2 and not A-stable, γ = 0.3 is A-stable and not L-stable: the tests are not blind.

    R of these: (1 + (1 − 2γ)z + (1/2 − 2γ + γ²)z²)/(1 − γz)²; A-stable from γ = 1/4 on.
    """

    def sdirk(gamma):
        a = ((gamma, 0.0), (1 - 2 * gamma, gamma))
        return nodekit.methods.tableau.Tableau("sdirk", 2, (gamma, 1 - gamma), a, (0.5, 0.5), "for this test, 2026")

    assert not stability.is_a_stable(sdirk(0.2))
    assert stability.is_a_stable(sdirk(0.3))
    assert not stability.is_l_stable(sdirk(0.3))
    assert stability.is_l_stable(sdirk(1 - 0.5**0.5))


def test_methods_without_one():
    """A method that has no R(z) of its own is refused by name."""
    with pytest.raises(ValueError, match="method='leapfrog' has no stability function"):
        stability_function("leapfrog", -1.0)


def test_stiffness_ratio():
    """max |Re λ| / min |Re λ| of the decaying components; a conserved one is left out; bad input is refused."""
    rng = np.random.default_rng(3)
    v = rng.normal(size=(4, 4))
    jacobian = v @ np.diag([-1e4, -20.0, -0.5, 0.0]) @ np.linalg.inv(v)
    assert stability.stiffness_ratio(jacobian) == pytest.approx(2e4, rel=1e-6)
    assert stability.stiffness_ratio(np.diag([1.0, 2.0])) == 1.0
    for bad in (np.ones(3), np.ones((2, 3)), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="jacobian must be a finite square matrix"):
            stability.stiffness_ratio(bad)


@pytest.mark.slow(seconds=30)
def test_lyapunov_exponents_of_a_linear_flow(measured):
    """They are the real parts of the eigenvalues; also for fewer than all, and with the Jacobian by autograd."""
    matrix = np.array([[-0.1, 2.0, 0.3], [-2.0, -0.1, 0.0], [0.0, 0.0, -1.5]])
    exponents = stability.lyapunov_exponents(lambda t, y: matrix @ y, np.ones(3), (0.0, 100.0))
    measured(f"Lyapunov exponents of a linear flow with real parts -0.1, -0.1, -1.5: {np.round(exponents, 4)}")
    assert np.allclose(exponents, [-0.1, -0.1, -1.5], atol=1e-2)
    (first,) = stability.lyapunov_exponents(lambda t, y: matrix @ y, np.ones(3), (0.0, 50.0), number=1)
    assert first == pytest.approx(-0.1, abs=2e-2)


@pytest.mark.slow(seconds=30)
def test_lyapunov_exponents_of_the_lorenz_system(measured):
    """λ₁ ≈ 0.906, λ₂ = 0 along the flow, and the sum is the divergence, −(10 + 1 + 8/3)."""
    p = problems.get("Lorenz")

    def jac(t, y):
        return np.array([[-10.0, 10.0, 0.0], [28 - y[2], -1.0, -y[0]], [y[1], y[0], -8 / 3]])

    exponents = stability.lyapunov_exponents(p.f, p.y0, (0.0, 300.0), jac=jac)
    measured(f"Lyapunov exponents of the Lorenz system over 300 units of time: {np.round(exponents, 3)}")
    assert 0.85 <= exponents[0] <= 0.95
    assert abs(exponents[1]) < 0.02
    assert exponents.sum() == pytest.approx(-41 / 3, abs=1e-3)


@pytest.mark.slow(seconds=30)
def test_lyapunov_exponents_refuse_bad_input():
    """y0 of another shape, or an interval that is not positive."""
    for y0, interval in ((np.ones((2, 2)), 1.0), (np.ones(2), 0.0)):
        with pytest.raises(ValueError, match=r"lyapunov_exponents needs y0 of shape \(d,\)"):
            stability.lyapunov_exponents(lambda t, y: -y, y0, (0.0, 1.0), interval=interval)
