"""The modified energy of a splitting, by Poisson brackets, against closed forms and against the method's own steps."""

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from autograd import grad

import nodekit
from nodekit.analysis.modified_hamiltonian import bracket_coefficients, modified_hamiltonian, poisson_bracket
from nodekit.methods.geometric import METHODS, Splitting

A, B = np.random.default_rng(170).normal(size=(2, 3, 3)) / 2


def kinetic(p):
    return anp.sum(anp.cosh(p @ A), -1)


def potential(q):
    return anp.sum(anp.sin(q @ B), -1) + 0.3 * anp.sum(q**2, -1)


def drift(method, h, energy):
    """The range of an energy (2d numbers) along the method's steps until t = 2."""
    f = lambda t, y: np.concatenate([grad(kinetic)(y[3:]), -grad(potential)(y[:3])])  # noqa: E731
    y0 = np.array([0.4, -0.3, 0.2, 0.5, 0.1, -0.6])
    return np.ptp(energy(nodekit.solve(f, y0, (0.0, 2.0), method=method, step=h).y))


@pytest.mark.parametrize(("method", "plain", "order"), [("symplectic_euler", 1, 3), ("leapfrog", 2, 4)])
@pytest.mark.parametrize("sign", [1, -1])
def test_it_is_conserved_to_a_higher_order(method, plain, order, sign):
    """H itself is off by h^p, H̃ by the first term that the series leaves out."""
    energy = lambda y: kinetic(y[:, 3:]) + potential(y[:, :3])  # noqa: E731

    def slope(made):
        found = [drift(method, h, made(h)) for h in (0.05, 0.025)]
        return np.log2(found[0] / found[1])

    assert abs(slope(lambda h: energy) - plain) < 0.15
    assert abs(slope(lambda h: modified_hamiltonian(method, h, kinetic, potential)) - order) < 0.15
    if sign < 0:  # with −h it is another function, of the adjoint method: as bad as H, or worse, for order 1
        wrong = slope(lambda h: modified_hamiltonian(method, -h, kinetic, potential))
        assert abs(wrong - (1 if method == "symplectic_euler" else order)) < 0.15


def test_coefficients_of_the_known_methods():
    """Hairer, Lubich, Wanner: symplectic Euler ½, 1/12, 1/12 in absolute value; leapfrog 1/12 and 1/24."""
    assert np.allclose(bracket_coefficients("symplectic_euler"), (1 / 2, -1 / 12, -1 / 12), atol=1e-15)
    assert np.allclose(bracket_coefficients("leapfrog"), (0, -1 / 12, 1 / 24), atol=1e-15)
    assert np.allclose(bracket_coefficients("yoshida4"), 0, atol=1e-14)


def test_drift_first_exchanges_the_roles():
    """The leapfrog that drifts first has the brackets with T and V exchanged."""
    other = Splitting("dkd", 2, (0.0, 1.0), (0.5, 0.5), "here")
    assert np.allclose(bracket_coefficients(other), (0, 1 / 24, -1 / 12), atol=1e-15)


def test_harmonic_oscillator_in_closed_form():
    """H = (ω²q² + p²)/2: symplectic Euler keeps H − (h/2) ω² q p exactly, leapfrog p² + ω² q² (1 − h²ω²/4)."""
    omega, h = 1.3, 0.02
    t, v = (lambda p: anp.sum(p**2, -1) / 2), (lambda q: omega**2 * anp.sum(q**2, -1) / 2)
    y = np.random.default_rng(1).normal(size=(9, 2))
    q, p = y.T
    euler = t(p[:, None]) + v(q[:, None]) - h / 2 * omega**2 * q * p
    frog = (p**2 + omega**2 * q**2 * (1 - (h * omega) ** 2 / 4)) / 2
    # Both are multiples of what the series gives, up to the terms that it leaves out.
    assert np.allclose(
        modified_hamiltonian("symplectic_euler", h, t, v)(y), euler * (1 + (h * omega) ** 2 / 6), rtol=3e-6
    )
    assert np.allclose(modified_hamiltonian("leapfrog", h, t, v)(y), frog * (1 + (h * omega) ** 2 / 6), rtol=3e-7)


def test_poisson_bracket_of_polynomials():
    """{q² p, q p³} by hand: 2qp · 3qp² − q² · p³ = 5 q² p³; it is antisymmetric, and obeys Jacobi's identity."""
    a, b = (lambda y: y[..., 0] ** 2 * y[..., 1]), (lambda y: y[..., 0] * y[..., 1] ** 3)
    c = lambda y: y[..., 0] + anp.sin(y[..., 1])  # noqa: E731
    y = np.random.default_rng(2).normal(size=(7, 2))
    ab = poisson_bracket(a, b)
    assert np.allclose(ab(y), 5 * y[:, 0] ** 2 * y[:, 1] ** 3)
    assert np.allclose(ab(y), -poisson_bracket(b, a)(y))
    around = sum(poisson_bracket(poisson_bracket(f, g), k)(y) for f, g, k in ((a, b, c), (b, c, a), (c, a, b)))
    assert np.abs(around).max() < 1e-10


@pytest.mark.parametrize("method", ["rk4", METHODS["reversible_heun"]])
def test_methods_that_are_no_splitting(method):
    with pytest.raises(ValueError, match=r"is no splitting.*symplectic_euler, leapfrog, yoshida4"):
        bracket_coefficients(method)


@pytest.mark.parametrize("h", [float("nan"), "0.1", None, np.ones(2)])
def test_a_step_must_be_a_finite_number(h):
    with pytest.raises(ValueError, match=r"h=.* must be a finite number"):
        modified_hamiltonian("leapfrog", h, kinetic, potential)


@pytest.mark.parametrize("f", [modified_hamiltonian("leapfrog", 0.1, kinetic, potential), poisson_bracket(sum, sum)])
@pytest.mark.parametrize("y", [np.ones(5), np.float64(1.0), np.ones((4, 0))])
def test_a_state_has_two_halves(f, y):
    with pytest.raises(ValueError, match="d positions, then d momenta, were expected"):
        f(y)


def test_a_kinetic_energy_of_all_samples_together_is_refused():
    energy = modified_hamiltonian("leapfrog", 0.1, lambda p: anp.sum(p**2) / 2, potential)
    with pytest.raises(ValueError, match=r"kinetic returned shape \(\) for \(2, 3\)"):
        energy(np.ones((2, 6)))


def test_integers_and_lists_are_states_and_tensors_are_not():
    energy = modified_hamiltonian("leapfrog", 0.1, kinetic, potential)
    assert energy(np.arange(12).reshape(2, 6)).tolist() == energy(np.arange(12.0).reshape(2, 6)).tolist()
    assert energy([1, 2, 0, 3, 1, 5]) == energy(np.array([1.0, 2.0, 0.0, 3.0, 1.0, 5.0]))
    with pytest.raises(TypeError, match="torch tensor"):
        energy(torch.ones(2))
