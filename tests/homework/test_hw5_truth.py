"""Homework 5: well posed for every variant, and what is right there is right by other means."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from tests.homework.conftest import MANY, Homework

pytestmark = pytest.mark.slow(seconds=30)


@pytest.fixture(scope="module")
def hw5():
    return Homework("hw5").module


@pytest.fixture(scope="module")
def right(hw5):
    """The judge's own functions, in NumPy."""
    import plant_truth

    return plant_truth


@pytest.mark.parametrize("variant", MANY)
def test_every_variant_is_well_posed(hw5, variant):
    """Recordings have uneven times, one gap, missing numbers; waves move the plant, those of a calm day hardly."""
    for secret in (0, 99 + variant):
        for record in [row[1] for row in hw5.inputs(2, variant, secret)] + [hw5.inputs(5, variant, secret)[1][0][0]]:
            steps = np.diff(record.t)
            assert record.t[0] > 0
            assert np.sum(steps > 1.0) == 1
            assert np.ptp(steps[steps < 1.0]) > 0.05
            assert 0.02 < np.isnan(record.y).mean() < 0.2
            assert np.all(~np.isnan(record.y).all(axis=0))
            assert np.all(record.sigma > 0)
        rows = hw5.inputs(3, variant, secret)
        assert sorted(row[-1] for row in rows) == sorted(2 * hw5.VERDICTS)
        for record, _, library, _, name, kind in rows:
            assert (name in library.names) == (kind != "library wrong")
            assert (np.nanmax(np.abs(record.y[:, 1])) < 0.9) == (kind == "cannot be told")


def test_the_judges_paths_are_those_of_scipy(hw5, right):
    """States and their derivatives by c, r, β and the start: SciPy's LSODA and central differences, to 1e-5."""
    for _, _, theta, y0, times, power, plant in hw5.inputs(1, 5, 3)[:2]:

        def path(q, power=power, plant=plant, times=times):
            f = lambda t, y: right.slopes(t, y, q[:3], power, plant)  # noqa: E731
            return solve_ivp(f, (0, times[-1]), q[3:], "LSODA", t_eval=times, rtol=1e-10, atol=1e-11).y.T

        q, eps = np.append(theta, y0), 1e-4
        states, by_q = right.sensitivities(theta, y0, times, power, plant)
        assert np.allclose(states, path(q), atol=1e-6)
        columns = [(path(q + eps * e) - path(q - eps * e)) / (2 * eps) for e in np.eye(6)]
        assert np.allclose(by_q, np.stack(columns, -1), atol=1e-5)


def test_the_judges_slopes_are_the_equations(right, hw5):
    """By hand, for one state: v' = 2 - 3·0.5 - 1·(-1) - 0.5·(-2)·2, with a wave of 2 and both powers."""
    plant = hw5.Plant(3.0, 0.7, ((2.0, 1.0, 0.0),))
    y, theta = np.array([0.5, -2.0, -1.0]), np.array([1.0, 0.4, 0.5])
    assert np.allclose(right.slopes(0.0, y, theta, 2, plant), [-2.0, 2 - 1.5 + 1 + 2, -1.4 + 0.4])
    assert np.allclose(right.slopes(0.0, y, theta, 1, plant), [-2.0, 2 - 1.5 + 1 + 1, -1.4 + 0.4])


def test_the_response_of_a_linear_field_is_exact(right):
    """dh = A_c h dX along lines is a product of exponentials, also where numbers are missing."""
    random = np.random.default_rng(1)
    A, t, y = 0.4 * random.normal(size=(3, 3, 3)), np.array([0.0, 1.0, 3.0, 3.5]), random.normal(size=(4, 3))
    y[1, 0] = np.nan
    h = h0 = random.normal(size=3)
    whole = y.copy()
    whole[1, 0] = y[0, 0] + (y[2, 0] - y[0, 0]) / 3
    for step in np.diff(whole, axis=0):
        h = expm(np.einsum("cij,c->ij", A, step)) @ h
    field = lambda h: np.stack([a @ h for a in A], 1)  # noqa: E731
    assert np.allclose(right.response(field, h0, t, y), h, atol=1e-7)
