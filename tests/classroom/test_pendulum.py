"""The pendulum with a weak motor, and random play with it."""

import numpy as np
import pytest
import torch

from nodekit.classroom.pendulum import Pendulum, play, wrapped

STATES = np.array([[0.4, -1.3], [3.0, 0.2], [-2.0, 5.0]])


def test_the_equation_on_arrays_and_tensors():
    pendulum, u = Pendulum(gravity=7.0, friction=0.3), np.array([[0.5], [-1.0], [2.0]])
    expected = [[-1.3, 7 * np.sin(0.4) + 0.39 + 0.5], [0.2, 7 * np.sin(3.0) - 0.06 - 1], [5.0, 7 * np.sin(-2.0) + 0.5]]
    assert np.allclose(pendulum.field(0.0, STATES, u), expected)
    assert np.allclose(pendulum.field(0.0, torch.tensor(STATES), torch.tensor(u)), expected)


def test_without_friction_and_torque_the_energy_stays():
    pendulum = Pendulum(friction=0.0)
    after = pendulum.step(STATES, np.zeros((3, 1)), np.array([0.3, 1.0, 2.0]))
    assert np.allclose(pendulum.energy(after), pendulum.energy(STATES), rtol=1e-5)
    assert not np.allclose(after, STATES)
    assert pendulum.energy(np.array([np.pi, 0.0])) == 0
    assert pendulum.energy(np.zeros(2)) == 20
    assert pendulum.energy(np.array([np.pi, 3.0])) == 4.5


def test_own_intervals_and_the_limit():
    pendulum, h = Pendulum(), np.array([0.1, 0.35, 0.02])
    u = np.array([[1.5], [-9.0], [3.0]])
    together = pendulum.step(STATES, u, h)
    for i in range(3):
        assert np.allclose(together[i], pendulum.step(STATES[i], np.clip(u[i], -2, 2), h[i]), atol=1e-6)
    halves = pendulum.step(pendulum.step(STATES, u, h / 2), u, h / 2)
    assert np.allclose(together, halves, atol=1e-6)
    with pytest.raises(ValueError, match="duration"):
        pendulum.step(STATES, u, 0.0)


def test_play():
    data = play(Pendulum(), 50, 40, np.random.default_rng(0), intervals=(0.1, 0.3), noise=0.05)
    h = np.diff(data.t, axis=0)
    assert data.x.shape == (41, 50, 2)
    assert data.u.shape == (40, 50, 1)
    assert data.t.shape == (41, 50)
    assert 0.1 <= h.min() < 0.11
    assert 0.29 < h.max() <= 0.3
    assert np.all(data.t[0] == 0)
    assert np.abs(data.u).max() <= 2
    assert data.u.std() > 1
    kept = np.mean(data.u[1:] == data.u[:-1])
    assert abs(kept - 0.3) < 0.04
    assert abs((data.x - data.clean).std() - 0.05) < 0.003
    assert np.allclose(Pendulum().step(data.clean[3], data.u[3], h[3]), data.clean[4])
    assert np.abs(data.clean[0, :, 0]).max() > 2.5
    assert np.abs(data.clean[0, :, 1]).max() <= 2
    for bad in ((0.0, 0.2), (0.3, 0.2)):
        with pytest.raises(ValueError, match="intervals"):
            play(Pendulum(), 2, 2, np.random.default_rng(0), intervals=bad)


def test_wrapped():
    assert np.allclose(
        wrapped(np.array([0.1, 2 * np.pi - 0.2, -2 * np.pi + 0.3, 3.5])), [0.1, -0.2, 0.3, 3.5 - 2 * np.pi]
    )


def test_what_a_pendulum_refuses():
    pendulum, rng = Pendulum(), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"torques \(..., 1\)"):  # the first one would act on all states
        pendulum.step(STATES[:2], np.array([0.5, -1.0]), 0.1)
    with pytest.raises(ValueError, match="positive and finite"):
        pendulum.step(STATES, np.zeros((3, 1)), np.inf)
    for bad in ({"limit": -1.0}, {"gravity": np.nan}, {"friction": -0.1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Pendulum(**bad)
    with pytest.raises(ValueError, match="episodes=0"):
        play(pendulum, 0, 3, rng)
    with pytest.raises(ValueError, match="intervals"):
        play(pendulum, 2, 3, rng, intervals=(0.1, np.inf))
