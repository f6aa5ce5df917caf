"""bdf on NumPy: its formulas, its orders, stiff problems against their references, what they cost, how it fails."""

import math

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from conftest import Ensemble

import nodekit
from nodekit import problems, steppers
from nodekit.methods.multistep import METHODS, BackwardDifferentiation
from nodekit.solution import Status
from nodekit.steppers import bdf

BDF = METHODS["bdf"]
CLASSICAL = BackwardDifferentiation("classical", (0.0,) * 5, "C. F. Curtiss, J. O. Hirschfelder, 1952")


def solve(f, y0, t, **arguments):
    return nodekit.solve(f, y0, t, method="bdf", **arguments)


def differences(values):
    """Backward differences ∇^j at the last of k + 1 values (k + 1, d)."""
    return np.array([np.diff(values, j, axis=0)[-1] for j in range(len(values))])


def started(f, exact, t, h, order, method=BDF):
    """A stepper in the middle of a run of steps h, at t with the exact past; loose error test, strict Newton."""
    stepper = steppers.stepper("numpy", f, np.zeros(exact(t).shape), method, 1e3, 1e3, False)
    stepper.start(t, exact(t).reshape(-1))
    past = np.array([exact(t - j * h).reshape(-1) for j in range(order + 1)[::-1]])
    stepper.order, stepper.h, stepper.newton_tol = order, h, 1e-19
    stepper.table = np.zeros((8, past.shape[1]))
    stepper.table[: order + 1] = differences(past)
    return stepper


# The formulas.


@pytest.mark.parametrize("order", range(1, 6))
@pytest.mark.parametrize("factor", [0.25, 1.0, 3.7])
def test_rescaling_keeps_the_polynomial(order, factor):
    """The differences of a polynomial for steps h become those for steps factor·h."""
    p = np.polynomial.Polynomial(np.random.default_rng(order).normal(size=order + 1))
    old, new = (differences(p(s * np.arange(-order, 1.0))[:, None]) for s in (1.0, factor))
    assert np.allclose(bdf.rescaling(order, factor) @ old, new, rtol=1e-10, atol=1e-10)
    theta = np.array([-1.0, 0.0, 0.3, 1.0])
    assert np.allclose(
        [(old[0] + bdf.weights_at(order, x) @ old[1:])[0] for x in theta], p(theta - 1), rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("method", [BDF, CLASSICAL], ids=lambda m: m.name)
@pytest.mark.parametrize("order", range(1, 6))
def test_formulas(order, method):
    """y' = p'(t): exact for degree k; for degree k + 1 the error is the constant times ∇^{k+1} p over (1 − κ)γ."""
    formulas, h = bdf.Formulas(method.kappa, np.array), 0.5
    for degree in (order, order + 1):
        p = np.polynomial.Polynomial(np.random.default_rng(degree).normal(size=degree + 1))
        f, exact = lambda t, y, p=p: np.array([p.deriv()(t)]), lambda t, p=p: np.array([p(t)])
        y1, _ = started(f, exact, 1.0, h, order, method).attempt(1.0, exact(1.0), h)
        leading = 0.0 if degree == order else p.coef[-1] * math.factorial(degree) * h**degree
        assert y1 - exact(1.5) == pytest.approx(formulas.error[order] / formulas.alpha[order] * leading, abs=1e-9)


def test_classical_coefficients():
    """κ = 0 gives the textbook formula of order 3: 11/6 y3 − 3 y2 + 3/2 y1 − 1/3 y0 = h f3."""
    f, exact, h = lambda t, y: -(y**2), lambda t: np.array([1 / (1 + t)]), 0.1
    y3, _ = started(f, exact, 1.0, h, 3, CLASSICAL).attempt(1.0, exact(1.0), h)
    left = 11 / 6 * y3 - 3 * exact(1.0) + 1.5 * exact(0.9) - exact(0.8) / 3
    assert left == pytest.approx(h * f(1.1, y3), abs=1e-12)


@pytest.mark.parametrize("order", range(1, 6))
@pytest.mark.parametrize("direction", [1.0, -1.0], ids=["forward", "backward"])
def test_order_of_each_formula(order, direction, measured):
    """Fixed steps from exact starting values on a non-autonomous problem: the slope is k ± 0.2, dense output too."""
    ensemble = Ensemble(n=4)
    t0, counts, errors = 1.5, np.array([80, 113, 160]) * (4 if order == 1 else 1), []
    for n in counts:
        h = direction * 1.5 / n
        stepper = started(ensemble.field(), ensemble.exact, t0, h, order)
        y, seen = ensemble.exact(t0).reshape(-1), []
        for i in range(n):
            y, ratio = stepper.attempt(t0 + i * h, y, h)
            assert ratio <= 1
            times = t0 + (i + np.array([1.0, 0.35])) * h
            seen.append([ensemble.exact(t).reshape(-1) for t in times] - np.array([y, stepper.inside(0.35)]))
            stepper.accept()
        errors.append(np.sqrt(np.mean(np.square(seen), axis=(0, 2))))
    slopes = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    measured(
        f"order of bdf with k = {order}, direction {direction:+.0f}: {slopes[0]:.2f}, dense output {slopes[1]:.2f}"
    )
    assert np.abs(slopes - order).max() <= 0.2


# Adaptive: accuracy and choice of the order.


@pytest.mark.parametrize("span", [(0.0, 3.0), (3.0, 0.0)], ids=["forward", "backward"])
def test_tolerance_proportionality(span, measured):
    """The largest error, at the steps and between them, falls with the tolerance and stays below 100 times it."""
    ensemble, between = Ensemble(n=8), np.linspace(0.0, 3.0, 203)[1:-1]
    previous = math.inf
    for tol in (1e-3, 1e-5, 1e-7, 1e-9):
        sol = solve(ensemble.field(), ensemble.exact(span[0]), span, rtol=tol, atol=tol)
        error = max(np.abs(sol(t) - ensemble.exact(t)).max() for t in (*sol.t, *between))
        assert error < min(100 * tol, previous / 5)
        previous = error
    measured(f"bdf, {span[0]:g} to {span[1]:g}: error {error:.1e} at rtol = atol = 1e-9, nfev {sol.stats.nfev}")


def test_the_order_rises_to_five_and_begins_at_one():
    """A smooth problem at a tight tolerance starts with order 1 and uses 5 for most steps; a loose one stays lower."""
    orders = []
    for tol in (1e-3, 1e-9):
        sol = solve(lambda t, y: anp.stack([y[1], -y[0]]), np.array([1.0, 0.0]), (0.0, 20.0), rtol=tol, atol=tol)
        orders.append([len(table) - 1 for table in sol._dense.kept])
        assert orders[-1][0] == 1
        assert set(np.abs(np.diff(orders[-1]))) <= {0, 1}
    assert max(orders[1]) == 5
    assert np.mean(np.array(orders[1]) == 5) > 0.5
    assert np.mean(orders[0]) < np.mean(orders[1])


STIFF = {  # name: largest error in units of the tolerance, nfev
    "van der Pol 1000": (50, 4000),
    "Robertson 40": (20, 900),
    "Robertson 1e11": (20, 2300),
    "HIRES": (60, 1100),
    "Prothero–Robinson": (10, 300),
    "relaxation": (50, 400),
}


@pytest.mark.parametrize("name", STIFF)
def test_stiff_problems(name, measured):
    """At rtol 1e-6 the end is met within a stated multiple of atol + rtol |y|, with bounded evaluations."""
    p, (factor, nfev) = problems.get(name), STIFF[name]
    atol = p.atol(1e-6) * (1e-3 if np.ndim(p.scale) == 0 else 1.0)
    sol = solve(p.f, p.y0, p.t_span, rtol=1e-6, atol=atol)
    error, s = float(np.max(np.abs(sol.y[-1] - p.end) / (atol + 1e-6 * np.abs(p.end)))), sol.stats
    measured(
        f"bdf, {name} at 1e-6: {error:.2g} tolerances, nfev {s.nfev}, njev {s.njev}, nlu {s.nlu}, "
        f"{s.n_accepted} steps, {s.n_rejected} rejected"
    )
    assert error < factor
    assert s.nfev < nfev
    assert s.njev < s.n_accepted / 10
    assert s.nlu < s.n_accepted / 2


@pytest.mark.parametrize("tol", [1e-3, 1e-4, 1e-5])
def test_a_jump_of_the_solution_is_not_missed(tol):
    """Van der Pol, μ = 1000, at loose tolerances: the slow branch is left where it ends, not followed beyond it."""
    p = problems.get("van der Pol 1000")
    sol = solve(p.f, p.y0, p.t_span, rtol=tol, atol=p.atol(tol))
    assert np.abs(sol.y[-1] / p.end - 1).max() < 200 * tol


# Cost.


def test_statistics_are_what_was_done():
    """nfev and njev are the calls of f and jac; a linear problem needs one Jacobian, and few inverses."""
    calls, A = {"f": 0, "jac": 0}, np.diag([-1.0, -1000.0, -30.0])

    def f(t, y):
        calls["f"] += 1
        return A @ y

    def jac(t, y):
        calls["jac"] += 1
        return A

    for j in (jac, None):
        calls["f"] = 0
        sol = solve(f, np.ones(3), (0.0, 5.0), jac=j)
        s = sol.stats
        assert s.nfev == calls["f"]
        assert s.njev == 1
        assert 0 < s.nlu < s.n_accepted / 3
        assert s.nfev < 1.8 * (s.n_accepted + s.n_rejected)
        assert np.allclose(sol.y[-1], [np.exp(-5), 0, 0], atol=1e-6)
    assert calls["jac"] == 1


def test_jacobian_from_the_user_autograd_and_differences():
    """All three lead to the same end at the same cost, but for the evaluations that the Jacobian itself takes."""
    p = problems.get("van der Pol 1000")
    jac = lambda t, y: np.array([[0, 1], [-2000 * y[0] * y[1] - 1, 1000 * (1 - y[0] ** 2)]])  # noqa: E731
    plain = lambda t, y: np.array([y[1], 1000 * (1 - float(y[0]) ** 2) * y[1] - y[0]])  # noqa: E731
    runs = [solve(f, p.y0, (0.0, 900.0), jac=j) for f, j in ((p.f, jac), (p.f, None), (plain, None))]
    for sol in runs[1:]:
        assert np.allclose(sol.y[-1], runs[0].y[-1], rtol=1e-4)
        assert sol.stats.nfev == pytest.approx(runs[0].stats.nfev, rel=0.15)


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_wrong_jacobian_costs_but_does_not_lie(factor):
    """With jac = 0 or of the wrong sign a stiff problem takes many more steps, or fails; the result is not wrong."""
    p = problems.get("relaxation")
    sol = solve(p.f, p.y0, p.t_span, jac=lambda t, y: np.full((1, 1), -100.0 * factor), throw=False)
    right = solve(p.f, p.y0, p.t_span)
    assert sol.status in (Status.SUCCESS, Status.NO_CONVERGENCE)
    assert np.abs(sol.y - p.exact(sol.t)).max() < 1e-4
    assert not sol.success or sol.stats.nfev > 3 * right.stats.nfev


# Interface.


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_shapes_and_dtypes(shape, dtype):
    """f and jac see y in its shape and dtype, forward and backward in time; so do sol.y and sol(t)."""
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
        assert np.allclose(sol.y[-1], y0 * np.exp(rate * (span[1] - span[0])), rtol=100 * tol, atol=100 * tol)


def test_output_times_dense_output_and_events():
    """Output times are the dense output; that is sol.y at the steps; an event within a step ends the solve there."""
    f, y0, times = lambda t, y: -y, np.array([1.0, 2.0]), np.linspace(0.0, 3.0, 31)
    sol, steps = solve(f, y0, times), solve(f, y0, (0.0, 3.0))
    assert np.allclose(sol.y, steps(times), rtol=0, atol=1e-14)
    assert sol.stats == steps.stats
    assert np.allclose(steps(steps.t), steps.y, rtol=0, atol=1e-14)
    below = np.nextafter(steps.t[1:], 0.0)
    above = np.nextafter(steps.t[:-1], 3.0)
    assert np.allclose(steps(below), steps.y[1:], rtol=0, atol=1e-13)
    assert np.allclose(steps(above), steps.y[:-1], rtol=0, atol=1e-13)
    half = nodekit.event(lambda t, y: y[0] - 0.5, terminal=True)
    assert solve(f, y0, times, events=half).t[-1] == pytest.approx(math.log(2), abs=1e-5)


def test_f_is_called_inside_the_interval():
    """Neither the first step's trial, nor the predictor, nor a Jacobian leaves [t0, t1]."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        t0, t1 = rng.uniform(-10, 10, 2)

        def f(t, y, t0=t0, t1=t1):
            assert min(t0, t1) <= t <= max(t0, t1)
            return -5 * y + math.sin(t)

        for first_step in (None, abs(t1 - t0)):
            solve(f, np.ones(2), (t0, t1), rtol=1e-4, first_step=first_step)


def test_max_step_and_first_step():
    """first_step is the first attempt, max_step bounds all."""
    sol = solve(lambda t, y: -y, np.ones(1), (0.0, 10.0), first_step=1e-3, max_step=0.07)
    assert sol.steps.h[0] == 1e-3
    assert sol.steps.h.max() <= 0.07


# How it fails.


def test_a_fixed_step_is_refused():
    """step=... makes no sense for a method that chooses its order by its errors."""
    with pytest.raises(ValueError, match="method='bdf' chooses its steps and its order"):
        solve(lambda t, y: -y, np.ones(1), (0.0, 1.0), step=0.1)


def test_boxes_are_refused():
    """autograd through the steps is refused in words, for y0 and for what f uses, instead of a wrong gradient."""
    with pytest.raises(TypeError, match="'bdf' cannot be differentiated step by step"):
        autograd.grad(lambda y0: solve(lambda t, y: -y, y0, (0.0, 1.0)).y[-1, 0])(np.ones(1))
    with pytest.raises(TypeError, match="'bdf' cannot be differentiated step by step"):
        autograd.grad(lambda a: solve(lambda t, y: -a * y, np.ones(1), (0.0, 1.0)).y[-1, 0])(1.0)


def test_a_singular_newton_matrix_is_only_a_rejection():
    """Backward Euler on y' = 16 y with h = 1/16: 1 − hλ = 0. The step is repeated smaller, and the solve goes on."""
    euler = BackwardDifferentiation("backward Euler", (0.0,), "for this test, 2026")
    jac = lambda t, y: np.array([[16.0]])  # noqa: E731
    sol = nodekit.solve(
        lambda t, y: 16 * y, np.ones(1), (0.0, 0.5), method=euler, first_step=1 / 16, jac=jac, rtol=1e-4
    )
    assert not sol.steps.accepted[0]
    assert sol.steps.error_ratio[0] == math.inf
    assert sol.y[-1] == pytest.approx(np.exp(8), rel=0.1)


def test_a_jacobian_that_is_not_finite():
    """jac = nan: NO_CONVERGENCE, with t, h and the reason."""
    with pytest.raises(nodekit.SolveError, match=r"from t = 0.0 with h = .* singular or not finite") as error:
        solve(lambda t, y: -y, np.ones(2), (0.0, 1.0), jac=lambda t, y: np.full((2, 2), math.nan))
    assert error.value.solution.status is Status.NO_CONVERGENCE


def test_a_trial_beyond_the_domain_is_only_a_rejection():
    """y' = −√y: trials that make y negative (nan) are repeated smaller."""
    with np.errstate(invalid="ignore"):
        sol = solve(lambda t, y: -(y**0.5), np.array([1.0]), (0.0, 1.9), first_step=1.9)
    assert not sol.steps.accepted[0]
    assert sol.y[-1] == pytest.approx((1 - 1.9 / 2) ** 2, rel=1e-2)


def test_blow_up_in_finite_time():
    """y' = y² from 1 has a pole at t = 1: a clear failure there."""
    with np.errstate(over="ignore", invalid="ignore"):
        sol = solve(lambda t, y: y**2, np.array([1.0]), (0.0, 2.0), throw=False)
    assert sol.status in (Status.STEP_TOO_SMALL, Status.NOT_FINITE, Status.NO_CONVERGENCE)
    assert sol.t[-1] == pytest.approx(1.0, abs=1e-3)
