"""Every problem's reference is right: recomputed by SciPy, checked against the equation, equal on all libraries."""

import numpy as np
import pytest
import torch
from autograd import jacobian
from scipy.integrate import solve_ivp
from scipy.special import ellipj, jv, jvp

import nodekit
from nodekit import problems
from nodekit.problems.detest import _K2, _PLANETS, _SUN
from nodekit.problems.stiff import prothero_robinson

ALL = problems.PROBLEMS.values()
EXACT = [p for p in ALL if p.exact]
# An error of the solver itself grows so much on these; on the others it stays below 1e-9.
SENSITIVE = {"Lorenz": 1e-4, "Arenstorf orbit": 1e-5}


def ids(p):
    return p.name


def a_state(p, seed=0):
    """A random time and a state near y0."""
    rng = np.random.default_rng(seed)
    return rng.uniform(*p.t_span[:1], p.t_span[0] + 1.0), p.y0 + 0.1 * rng.uniform(0.5, 1, p.y0.shape)


@pytest.mark.parametrize("p", ALL, ids=ids)
@pytest.mark.slow(seconds=30)
def test_reference_against_scipy(p):
    """DOP853 at 1e-12, or Radau at 1e-9 on the stiff ones, ends on the reference."""
    rtol = 1e-9 if p.stiff else 1e-12
    more = {"first_step": 1e-6} if p.name == "E5" else {}  # SciPy's own choice is 1e13
    sol = solve_ivp(p.f, p.t_span, p.y0, "Radau" if p.stiff else "DOP853", rtol=rtol, atol=p.atol(rtol), **more)
    error = np.max(np.abs(sol.y[:, -1] - p.end) / (p.scale + np.abs(p.end)))
    assert error < SENSITIVE.get(p.name, 2e-8 if p.stiff else 1e-9)


@pytest.mark.parametrize("p", EXACT, ids=ids)
def test_exact_solution(p):
    """It starts at y0, satisfies the equation (its derivative by differences of order 4 is f), and ends on y1."""
    (t0, t1), h = p.t_span, 1e-5 * (p.t_span[1] - p.t_span[0])
    assert np.allclose(p.exact(t0), p.y0, rtol=1e-14, atol=1e-14)
    assert p.exact(t0).shape == p.y0.shape
    t = np.random.default_rng(1).uniform(t0 + 2 * h, t1 - 2 * h, 20)
    assert p.exact(t).shape == (20, *p.y0.shape)
    slope = (8 * (p.exact(t + h) - p.exact(t - h)) - (p.exact(t + 2 * h) - p.exact(t - 2 * h))) / (12 * h)
    f = np.array([p.f(float(t_i), y_i) for t_i, y_i in zip(t, p.exact(t), strict=True)])
    assert np.allclose(slope, f, rtol=1e-7, atol=1e-8 * np.abs(f).max())
    if p.y1 is not None:
        assert np.allclose(p.exact(t1), p.y1, rtol=1e-13, atol=0)


@pytest.mark.parametrize("p", ALL, ids=ids)
def test_f_is_the_same_on_every_library(p):
    """f of a NumPy array, a torch tensor and an autograd box agree, in value and in derivative; y is left alone."""
    t, y = a_state(p)
    before, k = y.copy(), p.f(t, y)
    assert isinstance(k, np.ndarray)
    assert k.shape == y.shape
    assert np.array_equal(y, before)
    by_torch = p.f(torch.tensor(t, dtype=torch.float64), torch.tensor(y)).numpy()
    assert np.allclose(by_torch, k, rtol=1e-13, atol=1e-13 * np.abs(k).max())
    if y.dtype == complex:
        return
    by_autograd = jacobian(lambda y: p.f(t, y))(y)
    by_torch = torch.autograd.functional.jacobian(lambda y: p.f(torch.tensor(t, dtype=y.dtype), y), torch.tensor(y))
    assert np.allclose(by_autograd, by_torch.numpy(), rtol=1e-12, atol=1e-12 * np.abs(by_autograd).max())
    direction = np.random.default_rng(2).normal(size=y.shape)
    difference = (p.f(t, y + 1e-6 * direction) - p.f(t, y - 1e-6 * direction)) / 2e-6
    assert np.allclose(by_autograd @ direction, difference, rtol=1e-5, atol=1e-6 * np.abs(difference).max())
    assert np.isfinite(jacobian(lambda t: p.f(t, y) + 0.0 * t)(t)).all()  # a box for the time, an array for the state


def test_the_lists():
    """Every problem is in exactly one list; the other names lead to problems; DETEST is complete."""
    assert sorted(problems.NONSTIFF + problems.STIFF) == sorted(problems.PROBLEMS)
    assert {f"DETEST {c}{i}" for c in "ABCDE" for i in range(1, 6)} <= set(problems.NONSTIFF)
    for alias, name in problems.ALIASES.items():
        assert problems.get(alias) is problems.PROBLEMS[name]
    for p in ALL:
        assert np.shape(p.atol(1e-6)) in ((), p.y0.shape)
        assert np.isfinite(p.end).all()


def test_special_functions():
    """B5 is made of Jacobi's elliptic functions, E1 of Bessel's."""
    assert np.allclose(problems.get("DETEST B5").end, ellipj(20, 0.51)[:3], rtol=1e-12)
    assert np.allclose(problems.get("DETEST E1").end, [jv(0.5, 21), jvp(0.5, 21)], rtol=1e-12)


def test_energy_of_the_planets():
    """C5: the energy about the common centre of mass at the end is that at the start, to 1e-14."""

    def energy(y):
        q, v = y.reshape(2, 5, 3)
        kinetic = (_PLANETS[:, None] * v**2).sum() - ((_PLANETS @ v) ** 2).sum() / (_SUN + _PLANETS.sum())
        apart = np.linalg.norm(q[:, None] - q[None], axis=-1)[np.triu_indices(5, 1)]
        pairs = np.outer(_PLANETS, _PLANETS)[np.triu_indices(5, 1)]
        return kinetic / 2 - _K2 * ((_SUN * _PLANETS / np.linalg.norm(q, axis=1)).sum() + (pairs / apart).sum())

    p = problems.get("DETEST C5")
    assert energy(p.end) == pytest.approx(energy(p.y0), rel=1e-14)


@pytest.mark.parametrize(("name", "span"), [("rational", (5.0, 1.0)), ("non-autonomous", (8.0, 1.0))])
def test_exact_solutions_backward(name, span):
    """Both directions of time."""
    p = problems.get(name)
    sol = nodekit.solve(p.f, p.exact(span[0]), span, rtol=1e-9, atol=1e-11)
    assert np.allclose(sol.y, p.exact(sol.t), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("rate", [-1e2, -1e4, -1e6, -1e8])
def test_prothero_robinson_for_any_rate(rate):
    """radau stays on φ whatever the rate."""
    p = prothero_robinson(rate)
    sol = nodekit.solve(p.f, p.y0, p.t_span, method="radau", rtol=1e-7, atol=1e-7)
    assert np.abs(sol.y - p.exact(sol.t)).max() < 2e-6


def test_events_of_the_small_problems():
    """Free fall reaches 0 at t = 1/2; growth reaches e at t = 1."""
    fall, growth = problems.get("free fall"), problems.get("growth")
    sol = nodekit.solve(fall.f, fall.y0, fall.t_span, events=lambda t, y: y[0])
    assert sol.t_events[0] == pytest.approx([0.5], rel=1e-12)
    sol = nodekit.solve(growth.f, growth.y0, (0.0, 2.0), rtol=1e-9, events=lambda t, y: y[0] - np.e)
    assert sol.t_events[0] == pytest.approx([1.0], rel=1e-8)


def test_names_are_told_apart():
    """A problem that takes the name of another, or of an alias, is refused when the collection is made."""
    p = problems.get("bell")
    with pytest.raises(ValueError, match="problem 'bell': there is one of that name, or an alias, already"):
        problems.by_name([p, p], {})
    with pytest.raises(ValueError, match="problem 'bell'"):
        problems.by_name([p], {"bell": "decay"})
    with pytest.raises(ValueError, match=r"is not known\. Choose one of"):
        problems.get(["bell"])
