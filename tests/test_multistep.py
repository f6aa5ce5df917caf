"""The Adams methods on NumPy: their weights, their orders, their one or two evaluations a step, how they fail."""

import math

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import nodekit
from nodekit.methods.multistep import METHODS, Adams
from nodekit.solution import Status

ADAMS = {name: m for name, m in METHODS.items() if m.family == "multistep"}
EVALUATIONS = {"explicit_adams": 1, "implicit_adams": 2}


@pytest.mark.parametrize("m", ADAMS.values(), ids=ADAMS)
def test_weights_integrate_the_interpolating_polynomial(m):
    """The weights are the integrals from 0 to 1 of the Lagrange polynomials of the nodes (1,) 0, −1, −2, ..."""
    for weights, newest in ((m.predictor, 0.0), (m.corrector, 1.0)):
        if weights is None:
            continue
        nodes = newest - np.arange(len(weights))
        vandermonde = nodes ** np.arange(len(weights))[:, None]
        exact = np.linalg.solve(vandermonde, 1 / np.arange(1, len(weights) + 1))
        assert np.allclose(weights, exact, rtol=1e-13)


def test_weights_that_do_not_sum_to_one():
    """A record with a wrong weight is refused."""
    with pytest.raises(ValueError, match=r"'wrong': corrector sums to 1\.5, not 1"):
        Adams("wrong", 2, (1.5, -0.5), (1.0, 0.5), "for this test, 2026")


@pytest.mark.parametrize("span", [(0.0, 3.0), (3.0, 0.0)], ids=["forward", "backward"])
@pytest.mark.parametrize("m", ADAMS.values(), ids=ADAMS)
def test_measured_order(m, span, ensemble, measured):
    """The fitted slope is 4 ± 0.15, dense output too, in both directions of time."""
    between, counts, errors = np.linspace(*span, 103)[1:-1], np.array([int(300 * 1.2**i) for i in range(5)]), []
    for n in counts:
        sol = nodekit.solve(ensemble.field(), ensemble.exact(span[0]), span, method=m, step=3 / n)
        errors.append([ensemble.error(t, y) for t, y in ((sol.t, sol.y), (between, sol(between)))])
    order, dense = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    measured(
        f"order of {m.name}, {span[0]:g} to {span[1]:g}: {order:.2f}, dense output {dense:.2f}, "
        f"error {errors[0][0]:.1e} with {counts[0]} steps"
    )
    assert abs(order - m.order) <= 0.15
    assert abs(dense - m.dense_order) <= 0.15


def test_a_wrong_weight_is_seen(ensemble):
    """The measurement is not blind: weights of the right sum but for one digit give order 1."""
    wrong, errors = Adams("wrong", 4, (55 / 24, -59 / 24, 38 / 24, -10 / 24), None, "for this test, 2026"), []
    for n in (300, 600):
        sol = nodekit.solve(ensemble.field(), ensemble.exact(0.0), (0.0, 3.0), method=wrong, step=3 / n)
        errors.append(ensemble.error(sol.t, sol.y))
    assert math.log2(errors[0] / errors[1]) < 2.5


def test_the_corrector_is_worth_its_evaluation(ensemble):
    """At the same step the predictor with corrector is at least twice as accurate."""
    errors = {}
    for name in ADAMS:
        sol = nodekit.solve(ensemble.field(), ensemble.exact(0.0), (0.0, 3.0), method=name, step=0.01)
        errors[name] = ensemble.error(sol.t, sol.y)
    assert errors["implicit_adams"] < errors["explicit_adams"] / 2


@pytest.mark.parametrize("name", ADAMS)
def test_cost(name):
    """nfev is what f was called: 18 for the three dopri5 steps at the start, then one or two a step."""
    calls = []
    f = lambda t, y: calls.append(t) or -y  # noqa: E731
    for n in (1, 3, 4, 64):
        calls.clear()
        s = nodekit.solve(f, np.ones(2), (0.0, 1.0), method=name, step=1 / n).stats
        assert s.n_accepted == n
        assert s.nfev == len(calls) == 1 + 6 * min(n, 3) + EVALUATIONS[name] * max(n - 3, 0) - (n > 3)


@pytest.mark.parametrize("name", ADAMS)
def test_a_shortened_last_step_loses_no_accuracy(name):
    """Steps that do not divide the interval end on t1 with an error of order 4 all the same."""
    errors = []
    for step in (0.03, 0.015):
        sol = nodekit.solve(lambda t, y: y * np.cos(t), np.ones(1), (0.0, 1.0), method=name, step=step)
        assert sol.t[-1] == 1.0
        assert abs(sol.steps.h[-1]) < 0.9 * step
        errors.append(abs(sol.y[-1, 0] - math.exp(math.sin(1.0))))
    assert math.log2(errors[0] / errors[1]) > 3.5


@pytest.mark.parametrize("name", ADAMS)
def test_output_times_dense_output_and_shapes(name):
    """Output times are the dense output, forward and backward; any shape and dtype is kept; no further steps."""
    for y0 in (np.array(2.0), np.ones((2, 3), "float32"), np.array([1 + 1j])):
        for span in ((0.0, 2.0), (2.0, 0.0)):
            f, times = lambda t, y: -y * (1 + t), np.linspace(*span, 12)
            every = nodekit.solve(f, y0, span, method=name, step=0.02)
            sol = nodekit.solve(f, y0, times, method=name, step=0.02)
            assert sol.y.shape == (12, *y0.shape)
            assert sol.y.dtype == every(1.0).dtype == y0.dtype
            assert np.allclose(sol.y, every(times), rtol=0, atol=1e-6 if y0.dtype == "float32" else 1e-13)
            assert sol.stats.nfev <= every.stats.nfev + 2
            growth = np.exp(-(times - span[0]) - (times**2 - span[0] ** 2) / 2)
            assert np.allclose(sol.y, growth.reshape(-1, *[1] * y0.ndim) * y0, rtol=1e-4)


@pytest.mark.parametrize("name", ADAMS)
def test_f_is_called_inside_the_interval(name):
    """No stage, and no slope for dense output, is outside [t0, t1]."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        t0, t1 = rng.uniform(-10, 10, 2)

        def f(t, y, t0=t0, t1=t1):
            assert min(t0, t1) <= t <= max(t0, t1)
            return -y

        sol = nodekit.solve(f, np.ones(1), (t0, t1), method=name, step=rng.uniform(0.01, 0.5))
        sol(np.linspace(t0, t1, 7))


@pytest.mark.parametrize("name", ADAMS)
def test_gradients_go_through_the_steps(name):
    """autograd's gradient by y0 and by a parameter of f is that of finite differences: the steps are + and * only."""

    def loss(p):
        f = lambda t, y: anp.stack([p[2] * y[1], -anp.sin(y[0]) + t])  # noqa: E731
        return anp.sum(nodekit.solve(f, p[:2], np.linspace(0, 1, 4), method=name, step=0.07).y ** 2)

    p = np.array([0.3, -0.4, 1.2])
    numeric = [(loss(p + e) - loss(p - e)) / 2e-6 for e in 1e-6 * np.eye(3)]
    assert np.allclose(autograd.grad(loss)(p), numeric, rtol=1e-7)


@pytest.mark.parametrize("name", ADAMS)
def test_failures(name):
    """No step: ValueError. nan in f, overflow beyond the stability limit: NOT_FINITE, with finite states."""
    with pytest.raises(ValueError, match=f"method='{name}' has no error estimate"):
        nodekit.solve(lambda t, y: -y, np.ones(1), (0.0, 1.0), method=name)
    f = lambda t, y: -y if t < 0.5 else y * math.nan  # noqa: E731
    sol = nodekit.solve(f, np.ones(1), (0.0, 1.0), method=name, step=0.01, throw=False)
    assert sol.status is Status.NOT_FINITE
    assert 0.45 <= sol.t[-1] <= 0.5 + 1e-12
    with np.errstate(over="ignore", invalid="ignore"):
        sol = nodekit.solve(lambda t, y: -1e3 * y, np.ones(1), (0.0, 10.0), method=name, step=0.01, throw=False)
    assert sol.status is Status.NOT_FINITE
    assert np.isfinite(sol.y).all()
