"""Paths through observations: against SciPy, what each knows of the future, missing values, both libraries."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline, CubicSpline, make_interp_spline

import nodekit
from nodekit import paths

RNG = np.random.default_rng(200)
TIMES = np.cumsum(RNG.uniform(0.2, 1.0, 9))
VALUES = RNG.normal(size=(2, 9, 3))
AT = [*np.linspace(TIMES[0], TIMES[-1], 41)[1:-1], *TIMES]
SCHEMES = {"linear": paths.linear, "hermite": paths.hermite, "natural_spline": paths.natural_spline}


def backward_slopes():
    slopes = np.diff(VALUES, axis=1) / np.diff(TIMES)[:, None]
    return np.concatenate([slopes[:, :1], slopes], 1)


REFERENCES = {
    "linear": make_interp_spline(TIMES, VALUES, k=1, axis=1),
    "hermite": CubicHermiteSpline(TIMES, VALUES, backward_slopes(), axis=1),
    "natural_spline": CubicSpline(TIMES, VALUES, axis=1, bc_type="natural"),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_values_and_derivatives_are_scipys(name):
    path, right = SCHEMES[name](VALUES, TIMES), REFERENCES[name]
    for t in AT:
        assert np.allclose(path(t), right(t), atol=1e-12)
        if t < TIMES[-1]:  # there the last piece counts
            assert np.allclose(path.derivative(t), right(np.nextafter(t, 9e9), 1), atol=1e-10)
    assert path.ends == (TIMES[0], TIMES[-1])
    assert path.breakpoints == TIMES[1:-1].tolist()


@pytest.mark.parametrize("name", SCHEMES)
def test_torch_gives_the_same_and_gradients_reach_the_values(name):
    values = torch.tensor(VALUES, requires_grad=True)
    path, right = SCHEMES[name](values, torch.tensor(TIMES)), SCHEMES[name](VALUES, TIMES)
    for t in AT:
        time = torch.tensor(t, dtype=torch.float64)
        assert np.allclose(path(time).detach().numpy(), right(t), atol=1e-12)
        assert np.allclose(path.derivative(time).detach().numpy(), right.derivative(t), atol=1e-12)
    weights, time = torch.arange(6.0, dtype=torch.float64).reshape(2, 3), torch.tensor(TIMES[3] + 0.1)
    (found,) = torch.autograd.grad((path.derivative(time) * weights).sum(), values)
    moved = VALUES.copy()
    moved[1, 4, 2] += 1e-6
    change = (
        (SCHEMES[name](moved, TIMES).derivative(TIMES[3] + 0.1) - right.derivative(TIMES[3] + 0.1)) * weights.numpy()
    ).sum()
    assert np.isclose(found[1, 4, 2].item(), change / 1e-6, rtol=1e-4)


def depends(make, values, piece, on):
    """Whether the values within a piece change with the observations from the `on`-th one on."""
    later = values.copy()
    later[:, on:] += np.random.default_rng(1).normal(size=later[:, on:].shape)
    one, other = make(values), make(later)
    t = (one.knots[piece] + one.knots[piece + 1]) / 2
    return not np.allclose(one(t), other(t), atol=1e-12)


def gappy():
    values = VALUES.copy()
    values[0, 3:5, 1] = np.nan
    values[1, 6:, 0] = np.nan
    return values


@pytest.mark.parametrize("name", [*SCHEMES, "rectilinear"])
@pytest.mark.parametrize("values", [VALUES, gappy()], ids=["full", "with gaps"])
def test_what_a_piece_knows_of_the_future(name, values):
    """As `looks_ahead` says, for every piece: nothing after it, its own end, or everything."""
    if name == "rectilinear":
        make = lambda x: paths.rectilinear(x, TIMES)  # noqa: E731
        for piece in range(16):
            known = (piece + 1) // 2 + 1 if piece % 2 else piece // 2 + 1  # observations made by its beginning
            assert not depends(make, values, piece, known)
        assert make(values).looks_ahead == "nothing"
        return
    make = lambda x: SCHEMES[name](x, TIMES)  # noqa: E731
    beyond = [depends(make, values, piece, piece + 2) for piece in range(7)]
    assert all(depends(make, values, piece, piece + 1) for piece in range(8))
    if make(values).looks_ahead == "the next observation":
        assert not any(beyond)
    else:
        assert make(values).looks_ahead == "everything"
        assert any(beyond)
    assert (make(VALUES).looks_ahead == "everything") == (name == "natural_spline")


def test_missing_values_lie_on_lines_and_after_the_last_one_hold():
    path = paths.linear(gappy(), TIMES)
    share = (TIMES[4] - TIMES[2]) / (TIMES[5] - TIMES[2])
    assert np.isclose(path(TIMES[4])[0, 1], VALUES[0, 2, 1] + share * (VALUES[0, 5, 1] - VALUES[0, 2, 1]))
    assert np.isclose(path(TIMES[8])[1, 0], VALUES[1, 5, 0])
    torched = paths.linear(torch.tensor(gappy()), TIMES)
    assert np.allclose(torched(torch.tensor(TIMES[4])).numpy(), path(TIMES[4]))


def test_rectilinear_moves_time_and_then_the_values():
    path = paths.rectilinear(gappy(), TIMES)
    assert path.ends == (0.0, 16.0)
    for i in range(8):
        assert np.allclose(path(2.0 * i)[:, 0], TIMES[i])
        waiting = path(2.0 * i + 1)
        assert np.allclose(waiting[:, 0], TIMES[i + 1])
        assert np.allclose(waiting[:, 1:], path(2.0 * i)[:, 1:])
        assert np.allclose(path.derivative(2 * i + 0.5)[:, 1:], 0.0)
        assert np.allclose(path.derivative(2 * i + 1.5)[:, 0], 0.0)
    assert np.allclose(path(8.0)[0, 2], VALUES[0, 2, 1])  # missing at the fourth time: held
    assert np.allclose(path(16.0)[1, 1], VALUES[1, 5, 0])


def test_rectilinear_with_times_of_each_sample():
    own = np.stack([TIMES, TIMES**2])
    path, single = paths.rectilinear(VALUES, own), paths.rectilinear(VALUES[1], TIMES**2)
    for s in (0.0, 0.4, 3.0, 7.7, 16.0):
        assert np.allclose(path(s)[1], single(s))
        torched = paths.rectilinear(torch.tensor(VALUES), torch.tensor(own))(torch.tensor(s, dtype=torch.float64))
        assert np.allclose(torched.numpy(), path(s))


@pytest.mark.parametrize("name", SCHEMES)
def test_without_times_knots_are_numbered(name):
    path, other = SCHEMES[name](VALUES), SCHEMES[name](VALUES, np.arange(9.0))
    assert np.allclose(path(3.3), other(3.3))
    assert path.ends == (0.0, 8.0)


@pytest.mark.parametrize("name", SCHEMES)
def test_two_observations_are_a_line(name):
    path = SCHEMES[name](VALUES[:, :2], TIMES[:2])
    middle = (TIMES[0] + TIMES[1]) / 2
    assert np.allclose(path(middle), VALUES[:, :2].mean(1))
    assert path.breakpoints == []


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: paths.linear(VALUES[:, :1], TIMES[:1]), ValueError, r"n >= 2 times, got shape \(2, 1, 3\)"),
        (lambda: paths.linear(VALUES[0, 0]), ValueError, r"n >= 2 times, got shape \(3,\)"),
        (lambda: paths.hermite(VALUES, TIMES[:-1]), ValueError, r"times must be \(9,\).*got shape \(8,\)"),
        (lambda: paths.hermite(VALUES, TIMES[::-1]), ValueError, r"increase: times\[0\]="),
        (lambda: paths.linear(VALUES, np.where(TIMES > 3, np.nan, TIMES)), ValueError, "must be finite and increase"),
        (lambda: paths.linear(np.arange(6).reshape(3, 2)), TypeError, "values must be floats, got int"),
        (lambda: paths.rectilinear(VALUES, None), ValueError, "rectilinear needs times"),
        (lambda: paths.rectilinear(VALUES, TIMES[:-1]), ValueError, "times have 8 entries, and values 9"),
        (lambda: paths.rectilinear(VALUES, TIMES[::-1]), ValueError, "must increase strictly, in every sample"),
        (
            lambda: paths.linear(np.where(np.arange(9)[:, None] < 2, np.nan, VALUES), TIMES),
            ValueError,
            "channel 0 of sample 0 has no value at the first time",
        ),
        (lambda: paths.linear(np.full((3, 2), np.nan)), ValueError, "channel 0 has no value at the first time"),
        (lambda: paths.linear(VALUES, [*TIMES[:-1], np.inf]), ValueError, "must be finite and increase"),
        (lambda: paths.rectilinear(VALUES, [*TIMES[:-1], np.inf]), ValueError, "times hold inf: a time must be finite"),
        (
            lambda: paths.rectilinear(VALUES.astype(np.float32), TIMES + 1e9),
            ValueError,
            "times do not fit into float32, which would change gaps",
        ),
        (
            lambda: paths.hermite(np.where(np.arange(9)[:, None] == 2, np.inf, VALUES), TIMES),
            ValueError,
            r"the value at time 2, place \(0, 0\), is infinite",
        ),
        (
            lambda: paths.linear(torch.tensor(VALUES), torch.tensor(TIMES, requires_grad=True)),
            ValueError,
            "times require gradients",
        ),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("kind", [paths.linear, paths.hermite, paths.natural_spline, paths.rectilinear])
@pytest.mark.parametrize("times", [TIMES, torch.tensor(TIMES)])
@pytest.mark.parametrize("make", [np.array, torch.tensor])
def test_single_precision_stays_single(make, times, kind):
    """Values of float32 make a path of float32, whatever the times are."""
    path = kind(make(VALUES.astype(np.float32)), times)
    assert "float32" in str(path.coefficients.dtype)


def test_what_is_shown():
    shown = repr(paths.hermite(VALUES, TIMES))
    assert shown.endswith("8 pieces of degree 3, values (2, 3), looks ahead to the next observation)")


def test_a_solve_along_a_path_stops_at_its_knots():
    """dh/dt = A h · dX/dt by fixed steps of RK4: order 4 across knots, against a tight solve of each piece."""
    X = paths.linear(VALUES[:1], TIMES)
    A = np.array([[0.3, -1.0], [0.8, 0.2]])

    def f(t, h):
        return h @ A.T * X.derivative(t)[0, 0] + np.sin(h) * X.derivative(t)[0, 2]

    h0, right = np.array([1.0, -0.5]), np.array([1.0, -0.5])
    for start, end in pairwise(TIMES):
        slope = X.derivative((start + end) / 2)[0]
        own = lambda t, h, slope=slope: h @ A.T * slope[0] + np.sin(h) * slope[2]  # noqa: E731
        right = nodekit.solve(own, right, (start, end), "dop853", rtol=1e-12, atol=1e-13).y[-1]
    errors = [
        np.abs(nodekit.solve(f, h0, X.ends, "rk4", step=step, breakpoints=X.breakpoints).y[-1] - right).max()
        for step in (0.05, 0.025, 0.0125)
    ]
    assert np.all(np.diff(np.log2(errors)) < -3.5)
    across = np.abs(nodekit.solve(f, h0, X.ends, "rk4", step=0.0125).y[-1] - right).max()
    assert across > 1e3 * errors[-1]
