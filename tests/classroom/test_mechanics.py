"""nodekit.classroom.mechanics: the fields are those of the energies, and recordings are what they say."""

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from autograd import elementwise_grad

from nodekit import solve
from nodekit.classroom.mechanics import SYSTEMS, record

NAMES = list(SYSTEMS)


def states(system, n=7):
    return system.start(n, np.random.default_rng(3)) + 0.1 * np.random.default_rng(4).normal(size=(n, 2 * system.d))


@pytest.mark.parametrize("name", NAMES)
def test_the_field_is_the_symplectic_gradient_of_the_energy(name):
    """q' = ∂H/∂p and p' = −∂H/∂q, by autograd and by torch, for any leading shape."""
    system = SYSTEMS[name]
    y = states(system)
    g = elementwise_grad(lambda y: system.energy(y))(anp.array(y))
    expected = np.concatenate([g[..., system.d :], -g[..., : system.d]], -1)
    assert np.allclose(system.field(0.0, y), expected, rtol=1e-12, atol=1e-12)
    assert np.allclose(system.field(0.0, y[0]), expected[0])
    assert np.allclose(system.field(0.0, torch.tensor(y)).numpy(), expected)
    assert np.allclose(system.energy(torch.tensor(y)).numpy(), system.energy(y))


@pytest.mark.parametrize("name", NAMES)
def test_recordings(name):
    """Shapes, the seed, the size of the noise, slopes of the clean states, energy constant to 1e-6."""
    system = SYSTEMS[name]
    data, again = (record(system, 40, np.random.default_rng(1), noise=0.1) for _ in range(2))
    shape = (40, len(system.times), 2 * system.d)
    assert data.t.shape == shape[1:2]
    assert data.clean.shape == data.y.shape == data.dy.shape == shape
    assert np.array_equal(data.y, again.y)
    assert np.std(data.y - data.clean) == pytest.approx(0.1, rel=0.05)
    assert np.array_equal(data.dy, system.field(0.0, data.clean))
    energy = system.energy(data.clean)
    assert np.abs(energy - energy[:, :1]).max() < 1e-6
    y, dy = data.samples()
    assert y.shape == dy.shape == (40 * shape[1], shape[2])
    assert np.array_equal(y[: shape[1]], data.y[0])
    assert np.array_equal(record(system, 3, np.random.default_rng(2), noise=0).y[:, 0], record_starts(system))


def record_starts(system):
    return system.start(3, np.random.default_rng(2))


@pytest.mark.parametrize(("name", "low", "high"), [("spring", 0.1, 1.0), ("pendulum", 1.3, 2.3)])
def test_starts(name, low, high):
    r = np.linalg.norm(SYSTEMS[name].start(2000, np.random.default_rng(0)), axis=1)
    assert low <= r.min() < low + 0.01
    assert high - 0.01 < r.max() <= high


def test_known_solutions():
    """The spring turns with 2 radians per unit of time; two bodies on a circle come back after a turn."""
    y = solve(SYSTEMS["spring"].field, np.array([1.0, 0.0]), (0.0, 1.0), rtol=1e-10, atol=1e-12).y[-1]
    assert np.allclose(y, [np.cos(2), -np.sin(2)], atol=1e-8)
    y0 = np.array([1.0, 0, -1, 0, 0, 0.5, 0, -0.5])  # radius 1, speed 1/2: a turn takes 4π
    y = solve(SYSTEMS["two bodies"].field, y0, (0.0, 4 * np.pi), rtol=1e-10, atol=1e-12).y[-1]
    assert np.allclose(y, y0, atol=1e-7)


def test_two_bodies_stay_around_the_origin():
    data = record(SYSTEMS["two bodies"], 20, np.random.default_rng(0), noise=0.0)
    assert np.abs(data.clean[..., :2] + data.clean[..., 2:4]).max() < 1e-6
    assert (
        0.3
        < np.linalg.norm(data.clean[..., :2], axis=-1).min()
        < np.linalg.norm(data.clean[..., :2], axis=-1).max()
        < 2.5
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((0, 0.1), "trajectories=0 must be an int >= 1"), ((2.0, 0.1), "trajectories=2.0"), ((2, -1), "noise=-1 must be")],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        record(SYSTEMS["spring"], arguments[0], np.random.default_rng(0), noise=arguments[1])
