"""Implicit Runge–Kutta methods on NumPy: orders, stiff problems, what Newton's iteration costs, how it fails."""

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from autograd import grad
from scipy.integrate import solve_ivp

import nodekit
from nodekit import problems
from nodekit.analysis.stability import stability_function
from nodekit.methods.implicit import METHODS
from nodekit.steppers.implicit import ImplicitRungeKutta

ADAPTIVE = [m.name for m in METHODS.values() if m.adaptive]
# Steps over an interval of length 3 at which the error is in its asymptotic range and above rounding.
COARSEST = {1: 200, 2: 100, 3: 60, 4: 40, 5: 30, 6: 12}


def limit_cycle(t, y):
    """Non-linear, coupled, non-autonomous; in polar coordinates r' = r(1 − r²), angle t + 0.3 sin t."""
    rate, g = 1 + 0.3 * anp.cos(t), 1 - y[0] ** 2 - y[1] ** 2
    return anp.stack([g * y[0] - rate * y[1], g * y[1] + rate * y[0]])


def limit_cycle_exact(t, r0=0.5):
    t = np.asarray(t)
    r, angle = 1 / np.sqrt(1 + (1 / r0**2 - 1) * np.exp(-2 * t)), t + 0.3 * np.sin(t)
    return np.stack([r * np.cos(angle), r * np.sin(angle)], -1)


def van_der_pol(t, y, mu=1000.0):
    return anp.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


@pytest.mark.parametrize("span", [(0.0, 3.0), (1.5, 0.0)], ids=["forward", "backward"])
@pytest.mark.parametrize("m", METHODS.values(), ids=METHODS)
def test_measured_order(m, span, measured):
    """The fitted slope is the stated order ± 0.15, dense output too, in both directions of time."""
    counts, errors = np.array([int(COARSEST[m.order] * 1.4**i) for i in range(3)]), []
    between = np.linspace(*span, 138)[1:-1]
    for n in counts:
        sol = nodekit.solve(limit_cycle, limit_cycle_exact(span[0]), span, method=m, step=abs(span[1] - span[0]) / n)
        errors.append([np.sqrt(np.mean((sol(t) - limit_cycle_exact(t)) ** 2)) for t in (sol.t, between)])
    order, dense = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    measured(f"order of {m.name}, {span[0]:g} to {span[1]:g}: {order:.2f}, dense output {dense:.2f}")
    assert abs(order - m.order) <= 0.15
    assert abs(dense - m.dense_order) <= 0.15


@pytest.mark.parametrize("m", METHODS.values(), ids=METHODS)
def test_a_step_multiplies_by_the_stability_function(m):
    """One step on y' = λy is R(hλ), up to hλ = −1e6, for blocks of any size: the linear algebra is right."""
    for z in (-0.5, -3.0, -40.0, -1e6):
        sol = nodekit.solve(lambda t, y, z=z: z * y, np.ones(3), (0.0, 1.0), method=m, step=1.0)
        a, b = np.array(m.a), np.array(m.b)
        exact = 1 + z * b @ np.linalg.solve(np.eye(len(b)) - z * a, np.ones(len(b)))
        assert np.allclose(sol.y[-1], exact, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ADAPTIVE)
def test_van_der_pol(name, measured):
    """μ = 1000 to t = 2000 at 1e-6: the reference to 2e-4, in a few thousand evaluations."""
    sol = nodekit.solve(van_der_pol, np.array([2.0, 0.0]), (0.0, 2000.0), method=name, rtol=1e-6, atol=1e-9)
    error = np.abs(sol.y[-1] / [1.706167732170469, -0.8928097010248125e-3] - 1).max()
    s = sol.stats
    measured(f"van der Pol 1000, {name}: error {error:.1e}, nfev {s.nfev}, njev {s.njev}, nlu {s.nlu}")
    assert error < 2e-4
    assert s.nfev < 30_000
    assert s.njev < s.n_accepted


@pytest.mark.parametrize("name", ADAPTIVE)
def test_prothero_robinson(name):
    """y' = λ(y − sin t) + cos t, λ = −1e6, from y = 0: the error stays near the tolerance, whatever λ."""
    f = lambda t, y: -1e6 * (y - anp.sin(t)) + anp.cos(t)  # noqa: E731
    sol = nodekit.solve(f, np.array([0.0]), (0.0, 10.0), method=name, rtol=1e-6, atol=1e-6)
    assert np.abs(sol.y[:, 0] - np.sin(sol.t)).max() < 1e-5
    assert sol.stats.nfev < 6000


def test_jacobian_of_the_user_and_by_differences():
    """jac(t, y), autograd's and differences give the same solution; autograd need not be able to follow f."""
    jac = lambda t, y: np.array([[0.0, 1.0], [-2000.0 * y[0] * y[1] - 1.0, 1000.0 * (1 - y[0] ** 2)]])  # noqa: E731
    plain = lambda t, y: np.array([y[1], 1000.0 * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731
    ends = [
        nodekit.solve(f, np.array([2.0, 0.0]), (0.0, 100.0), method="radau", jac=j).y[-1]
        for f, j in ((van_der_pol, None), (van_der_pol, jac), (plain, None))
    ]
    assert np.allclose(ends, ends[0], rtol=1e-6)


def test_linear_problem_needs_one_jacobian():
    """y' = Ay: the Jacobian does not change, and is evaluated once."""
    A = np.diag([-1.0, -1000.0])
    for name in ADAPTIVE:
        sol = nodekit.solve(lambda t, y: A @ y, np.ones(2), (0.0, 5.0), method=name)
        assert sol.stats.njev == 1
        assert sol.stats.nlu < 0.7 * 2 * sol.stats.n_accepted + 10
        assert np.allclose(sol.y[-1], [np.exp(-5), 0], atol=1e-5)


def test_output_times_events_and_shapes():
    """Output times, events and a matrix for a state work as for the explicit methods."""
    y0 = np.array([[1.0, 2.0], [3.0, 4.0]])
    times = np.linspace(0, 2, 9)
    event = nodekit.event(lambda t, y: y[0, 0] - 0.5, terminal=True)
    for name in ADAPTIVE:
        sol = nodekit.solve(lambda t, y: -y, y0, times, method=name, rtol=1e-8, atol=1e-10)
        assert np.allclose(sol.y, np.exp(-times)[:, None, None] * y0, atol=2e-5)
        sol = nodekit.solve(lambda t, y: -y, y0, times, method=name, rtol=1e-8, atol=1e-10, events=event)
        assert sol.t[-1] == pytest.approx(np.log(2), abs=1e-5)


def test_implicit_midpoint_is_symplectic():
    """200 steps of implicit midpoint on a pendulum keep the energy to 1e-3 without drift; it conserves quadratics."""
    rotation = lambda t, y: anp.stack([y[1], -y[0]])  # noqa: E731
    sol = nodekit.solve(rotation, np.array([1.0, 0.0]), (0.0, 40.0), method="implicit_midpoint", step=0.2)
    assert np.abs((sol.y**2).sum(1) - 1).max() < 1e-12


def test_stages_stay_inside_the_interval():
    """f is called within [t0, t1] alone; kvaerno5, whose third node is 1.23, is the documented exception."""
    for m in METHODS.values():
        seen = []

        def f(t, y, seen=seen):
            seen.append(float(t))
            return -y

        nodekit.solve(f, np.ones(1), (0.0, 1.0), method=m, step=None if m.adaptive else 0.25)
        assert min(seen) >= 0
        assert max(seen) <= 1.0 or (m.name == "kvaerno5" and max(seen) <= 1.25)


@pytest.mark.parametrize("name", ["sdirk2", "radau", "kvaerno3"])
def test_autograd_through_newton_is_refused(name):
    """Boxes of autograd, in y0 or in f, get one clear error that names the way out."""
    arguments = {"method": name, "step": None if METHODS[name].adaptive else 0.1}
    by_y0 = lambda y0: anp.sum(nodekit.solve(lambda t, y: -y, y0, (0.0, 1.0), **arguments).y)  # noqa: E731
    by_p = lambda p: anp.sum(nodekit.solve(lambda t, y: -p * y, np.ones(2), (0.0, 1.0), **arguments).y)  # noqa: E731
    for loss, x in ((by_y0, np.ones(2)), (by_p, 1.5)):
        with pytest.raises(TypeError, match=r"cannot be differentiated step by step.*solve_and_vjp"):
            grad(loss)(x)


def test_stability_functions_decay_where_they_should():
    """L-stable: R(−1e9) is 0; the trapezoidal rule and Gauss have |R| = 1 there."""
    for m in METHODS.values():
        expected = 1.0 if m.name in ("trapezoid", "implicit_midpoint", "gl4", "gl6") else 0.0
        a, b = np.array(m.a), np.array(m.b)
        R = 1 + -1e9 * b @ np.linalg.solve(np.eye(len(b)) + 1e9 * a, np.ones(len(b)))
        assert abs(R) == pytest.approx(expected, abs=1e-6)
    assert abs(stability_function("rk4", -1e3)) > 1


@pytest.mark.parametrize("method", ["sdirk2", "trbdf2", "implicit_midpoint", "kvaerno5", "gl4", "radauIIA5"])
def test_long_fixed_steps(method):
    """A fixed step cannot be made shorter: its equations are solved to rounding where Newton's iteration is slow.

    Solved means here: as with another Jacobian and from another starting point of the iteration.
    """
    for seed in range(5):
        rng = np.random.default_rng(seed)
        w, b, y0 = rng.normal(size=(6, 6)), rng.normal(size=6), rng.normal(size=6)
        f = lambda t, y, w=w, b=b: anp.tanh(anp.dot(w, y) + b) * anp.cos(t)  # noqa: E731
        one, other = (nodekit.solve(f, y0, (0.0, 4.0), method=method, step=0.5, jac=jac) for jac in (None, "autograd"))
        assert np.allclose(one.y, other.y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("tol", [1e-6, 1e-8])
def test_a_size_at_which_newton_failed_is_remembered(monkeypatch, tol):
    """On Robertson's problem, where accuracy allows kvaerno5 longer steps than Newton's iteration, it saves a tenth."""
    p = problems.get("Robertson 40")

    def nfev():
        return nodekit.solve(p.f, p.y0, p.t_span, method="kvaerno5", rtol=tol, atol=tol).stats.nfev

    remembering = nfev()
    forgetful = property(lambda self: np.inf, lambda self, size: None)
    monkeypatch.setattr(ImplicitRungeKutta, "limit", forgetful, raising=False)
    assert remembering < 0.9 * nfev()


def stiff(t, y):
    return np.array([-50 * (y[0] - np.cos(t)), y[0] - y[1] ** 2, y[1] - y[2]])


def stiff_torch(t, y):
    return torch.stack([-50 * (y[0] - torch.cos(t)), y[0] - y[1] ** 2, y[1] - y[2]])


LIBRARIES = {
    "numpy": (stiff, lambda y: np.array(y, "float32")),
    "torch": (stiff_torch, lambda y: torch.tensor(y, dtype=torch.float32)),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", ["kvaerno3", "kvaerno5", "radau", "trbdf2"])
def test_a_tighter_tolerance_is_no_worse_in_float32(name, library):
    """Newton's iteration goes to a fraction of the tolerance as far as rounding lets it: at 1e-6 as in float64."""
    f, array = LIBRARIES[library]
    exact = solve_ivp(stiff, (0.0, 2.0), [0.0, 1.0, 0.5], "Radau", rtol=1e-11, atol=1e-12).y[:, -1]
    errors = []
    for tol in (1e-4, 1e-6, 1e-7):
        sol = nodekit.solve(f, array([0.0, 1.0, 0.5]), (0.0, 2.0), method=name, rtol=tol, atol=tol)
        errors.append(np.abs(np.asarray(sol.y[-1], float) - exact).max())
    assert errors[1] < 3e-6
    assert errors[2] < 1e-6
