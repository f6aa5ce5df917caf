"""rodas5p on NumPy: order conditions, measured orders, stiff problems against their references, cost, failures."""

import dataclasses
import math

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import torch
from conftest import Ensemble
from rooted_trees import gamma, nodes, trees
from scipy.integrate import solve_ivp

import nodekit
from nodekit import problems
from nodekit.methods.rosenbrock import METHODS, RODAS5P
from nodekit.numpy_backend.newton import Jacobian


def solve(f, y0, t, **arguments):
    return nodekit.solve(f, y0, t, method="rodas5p", **arguments)


# The coefficients.


def weights(tree, alpha, beta):
    """Φ_i of a tree: a branch that is alone goes with beta = alpha + gamma, branches of a fork go with alpha."""
    product = np.ones(len(alpha))
    for t in tree:
        product = product * ((beta if len(tree) == 1 else alpha) @ weights(t, alpha, beta))
    return product


def residual(m, b, order, theta=1.0):
    """Largest |Σ b_i Φ_i − θ^n/γ| over the trees of `order` nodes (Hairer, Wanner 1996, theorem IV.7.2)."""
    alpha, g, _ = m.plain()
    b = np.array(b) @ g
    return max(abs(b @ weights(t, alpha, alpha + g) - theta ** nodes(t) / gamma(t)) for t in trees(order))


@pytest.mark.parametrize("m", METHODS.values(), ids=METHODS)
def test_order_conditions(m):
    """All trees up to the order for the solution, up to one less for the embedded one and the dense output; no more."""
    embedded = np.subtract(m.b, m.b_error)
    for n in range(1, m.order + 1):
        assert residual(m, m.b, n) < 1e-13
        assert n == m.order or residual(m, embedded, n) < 1e-13
    assert residual(m, m.b, m.order + 1) > 1e-3
    assert residual(m, embedded, m.order) > 1e-3
    for theta in (0.2, 0.5, 0.9):
        p = (1 - theta) * np.array([1, theta, theta**2]) @ np.array(m.dense)
        for n in range(1, m.dense_order):
            assert residual(m, theta * (m.b + p), n, theta) < 1e-13
        assert residual(m, theta * (m.b + p), m.dense_order, theta) > 1e-4


def test_a_contradiction_is_refused():
    """Nodes or time weights that do not belong to the rows raise ValueError, which names them."""
    for what in ("c", "d"):
        wrong = (*getattr(RODAS5P, what)[:3], 0.5, *getattr(RODAS5P, what)[4:])
        with pytest.raises(ValueError, match=f"'rodas5p': {what} is not"):
            dataclasses.replace(RODAS5P, **{what: wrong})


@pytest.mark.parametrize("z", [-0.5, -30.0, -1e4, -1e9, -1 + 5j])
def test_one_step_is_the_stability_function(z):
    """y' = λy: a step multiplies by R(z) = 1 + z b (I − z β)⁻¹ 1, to rounding, and R(−∞) = 0: L-stable."""
    alpha, g, b = RODAS5P.plain()
    exact = 1 + z * b @ np.linalg.solve(np.eye(8) - z * (alpha + g), np.ones(8))
    y0 = np.ones(2, complex if isinstance(z, complex) else float)
    sol = solve(lambda t, y: z * y, y0, (0.0, 1.0), step=1.0)
    assert np.allclose(sol.y[-1], exact, rtol=1e-9, atol=1e-12)
    assert abs(exact) < max(0.7, math.exp(z.real))
    assert z != -1e9 or abs(exact) < 1e-6


# Orders.


def measure(span, field, n, arguments=None):
    """(order, dense order) by fixed steps on a non-autonomous problem."""
    ensemble, errors = Ensemble(n=8), []
    between, counts = np.linspace(*span, 103)[1:-1], np.array([int(n * 1.25**i) for i in range(4)])
    for n in counts:
        sol = solve(field(ensemble), ensemble.exact(span[0]), span, step=3 / n, **(arguments or {}))
        assert sol.stats.n_accepted == n == sol.stats.njev == sol.stats.nlu
        errors.append([ensemble.error(t, y) for t, y in ((sol.t, sol.y), (between, sol(between)))])
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


@pytest.mark.parametrize("span", [(0.0, 3.0), (3.0, 0.0)], ids=["forward", "backward"])
@pytest.mark.parametrize("library", [anp, np], ids=["autograd", "differences"])
def test_measured_order(span, library, measured):
    """Order 5 ± 0.15, of the dense output too, in both directions of time, with exact derivatives and differences.

    The dense output satisfies the order conditions up to 4; its error, O(h^5), is a local one.
    """
    order, dense = measure(span, lambda ensemble: ensemble.field(library), 60 if library is anp else 70)
    measured(f"order of rodas5p, {span[0]:g} to {span[1]:g}, {library.__name__}: {order:.2f}, dense output {dense:.2f}")
    assert abs(order - RODAS5P.order) <= 0.15
    assert abs(dense - RODAS5P.dense_order) <= 0.15


def test_the_derivative_by_time_matters(monkeypatch):
    """Without ∂f/∂t the measurement sees an order of 3 at most: the term is there, and the test is not blind."""
    monkeypatch.setattr(Jacobian, "time_derivative", lambda self, t, y, k, h: np.zeros_like(y))
    assert measure((0.0, 3.0), lambda ensemble: ensemble.field(), 60)[0] < 3.2


def test_the_true_jacobian_matters():
    """With half of it, the order is lost too: the method is no W-method, as its docstring says."""
    half = lambda t, y: 0.5 * np.eye(16)  # noqa: E731
    assert measure((0.0, 3.0), lambda ensemble: ensemble.field(), 60, {"jac": half})[0] < 3.5


# Adaptive.


@pytest.mark.parametrize("span", [(0.0, 3.0), (3.0, 0.0)], ids=["forward", "backward"])
def test_tolerance_proportionality(span, measured):
    """The largest error, at the steps and between them, falls with the tolerance and stays below 50 times it."""
    ensemble, between = Ensemble(n=8), np.linspace(0.0, 3.0, 203)[1:-1]
    previous = math.inf
    for tol in (1e-3, 1e-5, 1e-7, 1e-9):
        sol = solve(ensemble.field(), ensemble.exact(span[0]), span, rtol=tol, atol=tol)
        error = max(np.abs(sol(t) - ensemble.exact(t)).max() for t in (*sol.t, *between))
        assert error < min(50 * tol, previous / 5)
        previous = error
    measured(f"rodas5p, {span[0]:g} to {span[1]:g}: error {error:.1e} at rtol = atol = 1e-9, nfev {sol.stats.nfev}")


STIFF = {  # name: largest error in units of the tolerance, attempts
    "van der Pol 1000": (2, 900),
    "Robertson 40": (1, 80),
    "Robertson 1e11": (1, 480),
    "HIRES": (1, 400),
    "Prothero–Robinson": (1, 30),
    "relaxation": (1, 90),
}


@pytest.mark.parametrize("name", STIFF)
@pytest.mark.slow(seconds=30)
def test_stiff_problems(name, measured):
    """At rtol 1e-6 the end is met within a stated multiple of atol + rtol |y|, in a bounded number of attempts."""
    p, (factor, attempts) = problems.get(name), STIFF[name]
    atol = p.atol(1e-6) * (1e-3 if np.ndim(p.scale) == 0 else 1.0)
    sol = solve(p.f, p.y0, p.t_span, rtol=1e-6, atol=atol)
    error, s = float(np.max(np.abs(sol.y[-1] - p.end) / (atol + 1e-6 * np.abs(p.end)))), sol.stats
    measured(
        f"rodas5p, {name} at 1e-6: {error:.2g} tolerances, nfev {s.nfev}, njev {s.njev}, nlu {s.nlu}, "
        f"{s.n_accepted} steps, {s.n_rejected} rejected"
    )
    assert error < factor
    assert s.n_accepted + s.n_rejected < attempts
    assert s.nfev <= 8 * s.n_accepted + 7 * s.n_rejected + 2 * s.njev + 10


# Cost.


def test_statistics_are_what_was_done():
    """nfev and njev are the calls; one Jacobian an accepted step, one inverse an attempt, eight evaluations a step."""
    calls = {"f": 0, "jac": 0}

    def f(t, y):
        calls["f"] += 1
        return -50 * (y - math.cos(t))

    def jac(t, y):
        calls["jac"] += 1
        return -50 * np.eye(2)

    s = solve(f, np.zeros(2), (0.0, 5.0), jac=jac, first_step=1.0).stats
    assert s.n_rejected > 0
    assert s.nfev == calls["f"]
    assert s.njev == calls["jac"] == s.n_accepted
    assert s.nlu == s.n_accepted + s.n_rejected
    by_time = 2 * s.n_accepted + 1  # two evaluations a step for ∂f/∂t, one for the vain attempt by autograd
    assert s.nfev == 8 * s.n_accepted + 7 * s.n_rejected + by_time


# Interface.


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_shapes_and_dtypes(shape, dtype):
    """f sees y in its shape and dtype, forward and backward in time; so do sol.y and sol(t)."""
    y0 = np.random.default_rng(0).normal(size=shape).astype(dtype)
    rate = -1 + 2j if dtype.startswith("complex") else -1.0
    tol = 1e-4 if dtype == "float32" else 1e-8

    def f(t, y):
        assert y.shape == shape
        assert y.dtype == dtype
        return rate * y * 1.0

    for span in ((0.0, 1.0), (1.0, 0.0)):
        sol = solve(f, y0, span, rtol=tol, atol=tol)
        assert sol.y.shape == (len(sol.t), *shape)
        assert sol.y.dtype == sol(0.5).dtype == dtype
        assert sol(0.5).shape == shape
        exact = y0 * np.exp(rate * (span[1] - span[0]))
        assert np.allclose(sol.y[-1], exact, rtol=100 * tol, atol=100 * tol)


def test_output_times_dense_output_and_events():
    """Output times are the dense output; that is sol.y at the steps; an event within a step ends the solve there."""
    f, y0, times = lambda t, y: -y, np.array([1.0, 2.0]), np.linspace(0.0, 3.0, 31)
    sol, steps = solve(f, y0, times), solve(f, y0, (0.0, 3.0))
    assert np.allclose(sol.y, steps(times), rtol=0, atol=1e-14)
    assert sol.stats == steps.stats
    assert np.allclose(steps(steps.t), steps.y, rtol=0, atol=1e-14)
    half = nodekit.event(lambda t, y: y[0] - 0.5, terminal=True)
    assert solve(f, y0, times, events=half).t[-1] == pytest.approx(math.log(2), abs=1e-5)


def test_f_is_called_inside_the_interval():
    """Neither a stage, nor the derivative by time, nor a Jacobian leaves [t0, t1]."""
    rng = np.random.default_rng(2)
    for i in range(20):
        t0, t1 = rng.uniform(-10, 10, 2)

        def f(t, y, t0=t0, t1=t1, sin=math.sin if i % 2 else anp.sin):
            assert min(t0, t1) <= t <= max(t0, t1)
            return -5 * y + sin(t)

        solve(f, np.ones(2), (t0, t1), rtol=1e-4)
        solve(f, np.ones(2), (t0, t1), step=rng.uniform(0.1, 1))


# How it fails.


def test_boxes_are_refused():
    """autograd through the steps is refused in words, for y0 and for what f uses, instead of a wrong gradient."""
    with pytest.raises(TypeError, match="'rodas5p' cannot be differentiated step by step"):
        autograd.grad(lambda y0: solve(lambda t, y: -y, y0, (0.0, 1.0)).y[-1, 0])(np.ones(1))
    with pytest.raises(TypeError, match="'rodas5p' cannot be differentiated step by step"):
        autograd.grad(lambda a: solve(lambda t, y: -a * y, np.ones(1), (0.0, 1.0)).y[-1, 0])(1.0)


def test_a_trial_beyond_the_domain_is_only_a_rejection():
    """y' = −√y: trials that make y negative (nan) are repeated smaller."""
    with np.errstate(invalid="ignore"):
        sol = solve(lambda t, y: -(y**0.5), np.array([1.0]), (0.0, 1.9), first_step=1.9)
    assert not sol.steps.accepted[0]
    assert sol.y[-1] == pytest.approx((1 - 1.9 / 2) ** 2, rel=1e-3)


FORCINGS = {  # each has a slope of zero at t = 0, which autograd's answer for what it does not see agrees with
    "array": lambda t, y: np.array([-50 * (y[0] - np.cos(t)), y[0] - y[1] * np.cos(t), y[1]]),
    "list": lambda t, y: [-50 * (y[0] - np.cos(t)), y[0] - y[1] * np.cos(t), y[1]],
    "math": lambda t, y: np.array([-50 * (y[0] - math.cos(t)), y[0] - y[1] * math.cos(t), y[1]]),
    "torch": lambda t, y: torch.stack([-50 * (y[0] - torch.cos(t)), y[0] - y[1] * torch.cos(t), y[1]]),
    "torch and math": lambda t, y: torch.stack([-50 * (y[0] - math.cos(t)), y[0] - y[1] * math.cos(t), y[1]]),
    "item": lambda t, y: torch.stack([-50 * (y[0] - math.cos(t.item())), y[0] - y[1] * torch.cos(t.detach()), y[1]]),
    # the slope by y[0] is hidden, and zero where the solve begins
    "hidden y": lambda t, y: torch.stack([-50 * (y[0] - torch.cos(t)), y[0] - y[0].detach() ** 2 * y[1], y[1]]),
}


@pytest.mark.parametrize("name", FORCINGS)
def test_a_slope_that_autograd_does_not_see(name, measured):
    """Order 5 in fixed steps, and no more adaptive steps than for the form that autograd sees."""
    f = FORCINGS[name]
    y0 = np.array([0.0, 0.3, -0.2])
    start = y0 if name in ("array", "list", "math") else torch.tensor(y0)
    plain = lambda t, y: np.asarray(f(torch.tensor(t), torch.tensor(y)) if torch.is_tensor(start) else f(t, y))  # noqa: E731
    exact = solve_ivp(plain, (0.0, 1.0), y0, "DOP853", rtol=1e-13, atol=1e-14).y[:, -1]
    errors = []
    few = 100 if name == "hidden y" else 12  # above the rounding of the differences that are plain NumPy's ∂f/∂y
    for n in (few, 2 * few):
        sol = nodekit.solve(f, start, (0.0, 1.0), method="rodas5p", step=1 / n)
        errors.append(np.abs(np.asarray(sol.y[-1]) - exact).max())
    order = math.log2(errors[0] / errors[1])
    measured(f"order of rodas5p with {name}: {order:.2f}, error {errors[1]:.1e}")
    assert order > 4.5
    sol = nodekit.solve(f, start, (0.0, 1.0), method="rodas5p", rtol=1e-6, atol=1e-9)
    assert sol.stats.n_accepted < 60
    assert np.abs(np.asarray(sol.y[-1]) - exact).max() < 1e-6
