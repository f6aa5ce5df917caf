"""Bodies that pull at each other: forces from energies, published minima, and what the solution conserves."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.problems.mechanics import Bodies, lennard_jones, n_body

RNG = np.random.default_rng(171)
THREE = n_body([1.0, 0.3, 2.5], RNG.normal(size=(3, 3)))
FLAT = n_body([1.0, 0.3, 2.5, 0.7], 2 * RNG.normal(size=(4, 2)))
ALL = [lennard_jones(3), lennard_jones(13), THREE, FLAT]
names = [bodies.name for bodies in ALL]


def moving(bodies, seed=0, wobble=0.05):
    rng = np.random.default_rng(seed)
    n, d = bodies.places.shape
    return bodies.state(bodies.places + wobble * rng.normal(size=(n, d)), rng.normal(size=(n, d)) * 0.3)


@pytest.mark.parametrize("bodies", ALL, ids=names)
def test_f_is_hamiltons_equations(bodies):
    """f = J ∇H, with ∇H by differences."""
    y = moving(bodies)
    e = 1e-6 * np.eye(len(y))
    g = (bodies.energy(y + e) - bodies.energy(y - e)) / 2e-6
    d = len(y) // 2
    scale = np.abs(g).max()
    assert np.allclose(bodies.f(0.0, y), np.concatenate([g[d:], -g[:d]]), atol=1e-7 * scale)


@pytest.mark.parametrize(("n", "energy"), [(2, -1.0), (3, -3.0), (4, -6.0), (13, -44.326801)])
def test_the_least_energies_are_the_published_ones(n, energy):
    """Wales and Doye 1997: −44.326801 for 13 atoms; and they are minima."""
    cluster = lennard_jones(n)
    assert abs(cluster.potential(cluster.places) - energy) < 5e-7
    assert np.abs(cluster.force(cluster.places)).max() < 1e-11
    around = cluster.places + 0.01 * np.random.default_rng(3).normal(size=(50, n, 3))
    assert (cluster.potential(around) > cluster.potential(cluster.places)).all()


def test_pair_potential():
    """u(1) = 0 and u(2^(1/6)) = −1, the depth of the well."""
    cluster = lennard_jones(2)
    assert abs(cluster.potential(np.array([[0.0, 0, 0], [1, 0, 0]]))) < 1e-14
    assert abs(cluster.potential(np.array([[0.0, 0, 0], [0, 2.0, 0]])) - 4 * (2.0**-12 - 2.0**-6)) < 1e-14


@pytest.mark.parametrize("bodies", ALL, ids=names)
def test_the_exact_solution_conserves_all_three(bodies):
    sol = nodekit.solve(bodies.f, moving(bodies), (0.0, 0.5), rtol=1e-11, atol=1e-12)
    for conserved in (bodies.energy, bodies.momentum, bodies.angular_momentum):
        values = conserved(sol.y)
        assert np.abs(values - values[0]).max() < 1e-7
        assert np.abs(values[0]).max() > 1e-2  # it is not 0 by a symmetry


@pytest.mark.parametrize("bodies", ALL, ids=names)
def test_leapfrog_conserves_both_momenta_to_rounding(bodies):
    sol = nodekit.solve(bodies.f, moving(bodies), (0.0, 1.0), method="leapfrog", step=0.01)
    for conserved in (bodies.momentum, bodies.angular_momentum):
        values = conserved(sol.y)
        assert np.abs(values - values[0]).max() < 1e-10


def test_two_bodies_go_round_an_ellipse():
    """Half axis 1, eccentricity 0.5, masses 1 and 0.3: back after 2π/√1.3."""
    m = 0.3
    pair = n_body([1.0, m], [[0.0, 0.0], [0.5, 0.0]])
    speed = np.sqrt((1 + m) * 1.5 / 0.5)
    p = m * speed / (1 + m)
    y0 = pair.state(pair.places, [[0.0, -p], [0.0, p]])
    end = nodekit.solve(pair.f, y0, (0.0, 2 * np.pi / np.sqrt(1 + m)), rtol=1e-11, atol=1e-12).y[-1]
    assert np.allclose(end, y0, atol=1e-7)
    assert abs(pair.energy(y0) + m / 2) < 1e-12  # −m1 m2/(2a)


@pytest.mark.parametrize("bodies", ALL, ids=names)
def test_torch_gives_the_same(bodies):
    y = np.stack([moving(bodies, seed) for seed in (0, 1, 2)])
    there = torch.tensor(y)
    for function in (lambda y: bodies.f(0.0, y), bodies.energy, bodies.momentum, bodies.angular_momentum):
        assert np.allclose(function(y), function(there).numpy(), rtol=1e-12, atol=1e-11)
    assert np.allclose(bodies.f(0.0, y)[1], bodies.f(0.0, y[1]))


def test_angular_momentum_is_the_cross_product():
    y = moving(THREE)
    q, p = THREE.parts(y)
    assert np.allclose(THREE.angular_momentum(y), np.cross(q, p).sum(0))
    q, p = FLAT.parts(moving(FLAT))
    assert np.isclose(FLAT.angular_momentum(moving(FLAT)), (q[:, 0] * p[:, 1] - q[:, 1] * p[:, 0]).sum())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lennard_jones(5), "n=5: places of least energy"),
        (lambda: n_body([1.0], [[0.0, 0.0]]), "n >= 2"),
        (lambda: n_body([1.0, -1.0], np.eye(2)), "finite and positive"),
        (lambda: n_body([[1.0, 1.0]], np.eye(2)), "masses must be"),
        (lambda: n_body([1.0, 1.0, 2.0], [[0.0, 1], [2, 3], [0, 1]]), "bodies 0 and 2 are at one place"),
        (lambda: n_body([1.0, 1.0], [[0.0, np.nan], [2, 3]]), "places must be finite"),
        (lambda: n_body([1.0, 1.0], np.zeros((2, 0))), "places must be finite, in d >= 1|at one place"),
        (lambda: lennard_jones(13.0), "n=13.0"),
        (lambda: Bodies("x", "", np.ones(2), np.eye(2), np.array([[0, np.nan], [np.nan, 0]]), abs, abs), "finite, got"),
        (lambda: n_body([1.0, 2.0], np.eye(3)), r"2 masses and places \(3, 3\)"),
        (lambda: Bodies("x", "", np.ones(2), np.eye(2), np.triu(np.ones((2, 2))), abs, abs), "symmetric"),
        (lambda: THREE.energy(np.zeros(4)), r"has 18 numbers.*got shape \(4,\)"),
        (lambda: THREE.state(np.zeros(3), np.zeros(3)), r"needs q and p \(3, 3\)"),
        (lambda: n_body([1.0, 1.0], np.array([[0.0], [1.0]])).angular_momentum(np.ones(4)), "d = 1"),
    ],
)
def test_errors(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_the_diagonal_of_the_weights_is_not_used():
    weights = np.array([[np.inf, 2.0], [2.0, np.nan]])
    pair = Bodies("x", "", np.ones(2), np.array([[0.0], [3.0]]), weights, lambda s: s, np.ones_like)
    assert pair.potential(pair.places) == 18.0
    assert np.allclose(pair.force(pair.places), [[12.0], [-12.0]])


def test_what_the_caller_writes_later_changes_nothing():
    masses, places = np.array([1.0, 2.0]), np.array([[0.0, 0.0], [1.0, 2.0]])
    bodies = n_body(masses, places)
    before = bodies.energy(bodies.y0)
    masses[0], places[1] = 77, 99
    assert bodies.energy(bodies.y0) == before
    assert bodies != n_body([1.0, 2.0], [[0.0, 0.0], [1.0, 2.0]])  # compared as objects: no error
    assert len({bodies}) == 1
