"""The four ways back on NumPy: exact where they say so, near the tolerance where not, at the cost they say."""

from contextlib import nullcontext

import autograd.numpy as anp
import numpy as np
import pytest

import nodekit
from nodekit.numpy_backend.gradient import GRADIENTS, solve_and_vjp

RNG = np.random.default_rng(0)
PARAMS = {"layers": [RNG.normal(size=(2, 2)), RNG.normal(size=2)], "rate": 0.3}
Y0 = np.array([0.7, -0.4])
METHODS = ["rk4", "dopri5", "dop853", "gl4", "radau"]
FIXED = {"rk4", "gl4"}
RATE = np.array(0.3)


def field(t, y, params):
    W, b = params["layers"]
    return anp.tanh(W @ y + b * anp.sin(t)) - params["rate"] * y


def central(loss, x, e=1e-6):
    """Central differences of loss(x) by every entry of x."""
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = e
        g[i] = (loss(x + step) - loss(x - step)) / (2 * e)
    return g


@pytest.fixture(scope="module")
def reference():
    """Differences of a solve at 1e-12, for three sets of output times: (times, dL_dy, dy0, dW, db, drate, dt)."""
    found = []
    for t in (np.array([0.0, 0.5, 1.1, 2.0]), np.array([2.0, 1.3, 0.2]), np.linspace(0, 2, 30)):
        weights = np.random.default_rng(1).normal(size=(len(t), 2))

        def loss(y0=Y0, W=PARAMS["layers"][0], b=PARAMS["layers"][1], rate=RATE, t=t, weights=weights):
            p = {"layers": [W, b], "rate": rate}
            sol = nodekit.solve(lambda t, y: field(t, y, p), y0, t, method="dop853", rtol=1e-12, atol=1e-13)
            return np.sum(weights * sol.y)

        found.append(
            (
                t,
                weights,
                central(lambda x: loss(y0=x), Y0),
                central(lambda x: loss(W=x), PARAMS["layers"][0]),
                central(lambda x: loss(b=x), PARAMS["layers"][1]),
                central(lambda x: loss(rate=x), np.array(0.3)),
                central(lambda x: loss(t=x), t),
            )
        )
    return found


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow(seconds=30)
def test_against_finite_differences(gradient, method, reference):
    """By y0, by every leaf of nested params, and by every output time: 2e-7 at tolerance 1e-9, for 3 to 30 outputs."""
    step = 0.01 if method in FIXED else None
    tol = 2e-7
    for t, weights, dy0, dW, db, drate, dt in reference:
        arguments = {"method": method, "step": step, "rtol": 1e-9, "atol": 1e-11, "max_steps": 100_000}
        if gradient == "backprop" and method in ("gl4", "radau"):
            with pytest.raises(ValueError, match="cannot be had of method"):
                solve_and_vjp(field, Y0, t, PARAMS, gradient=gradient, **arguments)
            return
        _, vjp = solve_and_vjp(field, Y0, t, PARAMS, gradient=gradient, **arguments)
        g = vjp(weights)
        assert np.allclose(g.y0, dy0, rtol=tol, atol=tol)
        assert np.allclose(g.params["layers"][0], dW, rtol=tol, atol=tol)
        assert np.allclose(g.params["layers"][1], db, rtol=tol, atol=tol)
        assert np.allclose(g.params["rate"], drate, rtol=tol, atol=tol)
        assert np.allclose(g.t, dt, rtol=tol, atol=tol)


@pytest.mark.parametrize("method", ["euler", "rk4", "bosh3", "dopri5", "tsit5", "dopri8", "dop853"])
@pytest.mark.parametrize("rtol", [1e-2, 1e-6])
def test_checkpoint_is_backprop(method, rtol):
    """At any tolerance, loose ones too: the gradient of the very steps taken, equal to backprop's to 1e-11."""
    t, weights = np.linspace(0.0, 2.0, 7), np.random.default_rng(2).normal(size=(7, 2))
    step = 0.3 if method in ("euler", "rk4") else None
    results = [
        solve_and_vjp(field, Y0, t, PARAMS, gradient=g, method=method, step=step, rtol=rtol, atol=rtol)[1](weights)
        for g in ("backprop", "checkpoint")
    ]
    # the sizes of the steps differ by rounding: autograd's solve sums the slopes in another order
    tol = 1e-11 if step else 1e-6
    assert np.allclose(results[0].y0, results[1].y0, rtol=tol, atol=tol)
    for a, b in zip(results[0].params["layers"], results[1].params["layers"], strict=True):
        assert np.allclose(a, b, rtol=tol, atol=tol)


@pytest.mark.parametrize("method", ["gl4", "sdirk2", "implicit_euler", "trapezoid", "radauIIA5"])
def test_implicit_steps_are_differentiated_exactly(method):
    """20 steps of an implicit method: the checkpointed gradient equals differences of the same 20 steps to 1e-8."""
    weights = np.array([[0.0, 0.0]] * 20 + [[1.0, -2.0]])
    sol, vjp = solve_and_vjp(field, Y0, (0.0, 2.0), PARAMS, method=method, step=0.1)
    assert len(sol.t) == 21

    def loss(W):
        p = {"layers": [W, PARAMS["layers"][1]], "rate": 0.3}
        sol = nodekit.solve(lambda t, y: field(t, y, p), Y0, (0.0, 2.0), method=method, step=0.1)
        return np.sum(weights * sol.y)

    assert np.allclose(vjp(weights).params["layers"][0], central(loss, PARAMS["layers"][0]), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("gradient", ["adjoint", "interpolated"])
def test_cost_of_the_way_back_does_not_grow_with_the_outputs(gradient, measured):
    """2, 10, 100, 1000 output times of one solve: the way back is one sweep, and its evaluations stay bounded."""
    cost = []
    for n in (2, 10, 100, 1000):
        t = np.linspace(0.0, 10.0, n)
        sol, vjp = solve_and_vjp(field, Y0, t, PARAMS, gradient=gradient, rtol=1e-6, atol=1e-8)
        weights = np.ones((len(sol.t), 2))
        if n == 2:
            weights[1:-1] = 0  # the loss sees the end alone
        cost.append(vjp(weights).nfev)
    measured(f"{gradient}: evaluations of the way back for 2, 10, 100, 1000 outputs: {cost}")
    assert cost[3] <= 1.2 * cost[2]
    assert cost[3] <= 4.5 * cost[0]  # a step with outputs in it is repeated, with its vjps, once


def test_memory_is_what_it_says():
    """checkpoint keeps the states of the steps and nothing of their inside."""
    sol, _ = solve_and_vjp(field, Y0, np.linspace(0, 2, 100), PARAMS)
    assert len(sol._dense.states) == sol.stats.n_accepted + 1
    assert sol._dense.kept == [None] * sol.stats.n_accepted


def test_reversing_a_decay_goes_astray_but_the_checkpoint_does_not():
    """y' = −50y over [0, 1]: the adjoint's backward y is useless; checkpoint and interpolated are right (lesson 07)."""
    f = lambda t, y, p: -50.0 * p * y + 50.0 * p * anp.cos(t)  # noqa: E731
    exact = central(
        lambda p: nodekit.solve(lambda t, y: f(t, y, p), np.ones(1), (0, 1.0), rtol=1e-11, atol=1e-12).y[-1][0],
        np.array(1.0),
    )
    errors = {}
    for g in ("checkpoint", "interpolated", "adjoint"):
        sol, vjp = solve_and_vjp(f, np.ones(1), (0.0, 1.0), np.array(1.0), gradient=g, rtol=1e-6, atol=1e-9)
        lost = pytest.warns(RuntimeWarning, match="missed y") if g == "adjoint" else nullcontext()
        with lost:
            errors[g] = abs(vjp(np.eye(len(sol.t))[-1][:, None]).params - exact) / abs(exact)
    assert errors["checkpoint"] < 1e-3
    assert errors["interpolated"] < 1e-3
    assert errors["adjoint"] > 10 * errors["checkpoint"]


def test_bad_arguments():
    """Unknown ways and impossible methods are refused with the list or the reason."""
    with pytest.raises(ValueError, match=r"gradient='magic' is not known\. Choose one of: backprop, checkpoint"):
        solve_and_vjp(field, Y0, (0.0, 1.0), PARAMS, gradient="magic")
    with pytest.raises(ValueError, match="cannot be had of method='leapfrog'"):
        solve_and_vjp(field, Y0, (0.0, 1.0), PARAMS, method="leapfrog", step=0.1)
