"""The implicit, Rosenbrock, multistep, switching and geometric families on torch: NumPy's steps, and gradients."""

import math
from dataclasses import replace

import autograd.numpy as anp
import numpy as np
import pytest
import torch

import nodekit
from nodekit import problems
from nodekit.methods import METHODS
from nodekit.numpy_backend.gradient import solve_and_vjp
from nodekit.problems.stiff import STIFF
from nodekit.solution import Status
from nodekit.torch_backend import newton
from nodekit.torch_backend.layout import Layout
from nodekit.torch_backend.state import Field

FAMILIES = {name: m for name, m in METHODS.items() if m.family != "explicit"}
ADAPTIVE = [name for name, m in FAMILIES.items() if m.adaptive]
NEWTON = [name for name, m in FAMILIES.items() if m.family in ("implicit", "rosenbrock", "bdf", "auto")]
IMPLICIT = [name for name, m in FAMILIES.items() if m.family == "implicit"]
GEOMETRIC = [name for name, m in FAMILIES.items() if m.family == "geometric"]
SAMPLE = ["logistic", "predator and prey", "non-autonomous", "Lotka–Volterra", "rigid body", "cubic spiral"]
EPS = np.finfo(float).eps


def sizes(name, step=0.05):
    """Arguments with which the method solves y' = −y and its like to 1e-3 and better."""
    return {"method": name, "step": None if METHODS[name].adaptive else step}


# The same steps as on NumPy


def assert_same_steps(a, b, tol, rtol=1e-10):
    """Counts, acceptance; every h to rtol and as much as the rounding of the error estimate allows.

    Steps that follow an estimate that is nothing but rounding, as small as 1e-11 of y, are not compared.
    """
    ratio = np.where(a.steps.error_ratio > 0, a.steps.error_ratio, np.inf)  # nan for fixed steps
    rounding = np.maximum.accumulate(2000 * EPS / (tol * ratio))
    n = int((rounding < 0.1).sum())
    assert (np.abs(a.steps.h[:n] - b.steps.h[:n]) <= (rtol + rounding[:n]) * np.abs(a.steps.h[:n])).all()
    if n == len(a.steps.h):
        assert_same_counts(a, b)


def assert_same_counts(a, b):
    """nfev, njev, nlu, what was accepted, where "auto" switched, how it ended."""
    switches_a, switches_b = a.stats.switches, b.stats.switches
    assert [name for _, name in switches_a] == [name for _, name in switches_b]
    assert [t for t, _ in switches_a] == pytest.approx([t for t, _ in switches_b], rel=1e-6)
    assert replace(a.stats, switches=[]) == replace(b.stats, switches=[])
    assert a.status is b.status
    assert np.array_equal(a.steps.accepted, b.steps.accepted)


@pytest.mark.parametrize("p", [problems.get(name) for name in SAMPLE], ids=SAMPLE)
@pytest.mark.parametrize("method", [name for name in FAMILIES if name not in GEOMETRIC])
def test_same_steps(method, p):
    """float64, a Jacobian without the noise of differences: y, every h, nfev, njev and nlu are those of NumPy."""
    t0, t1 = p.t_span
    step = None if METHODS[method].adaptive else (t1 - t0) / 2000
    span = (t0, t0 + (t1 - t0) * (0.3 if step is None else 0.02))
    arguments = {"method": method, "step": step, "rtol": 1e-3, "atol": 1e-3, "first_step": 0.1, "jac": "autograd"}
    a = nodekit.solve(p.f, p.y0, span, **arguments)
    b = nodekit.solve(p.f, torch.tensor(p.y0), span, **arguments)
    assert_same_steps(a, b, 1e-3)
    between = np.linspace(*span, 9)
    assert np.allclose(a(between), b(between).numpy(), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("method", GEOMETRIC)
def test_same_geometric_steps(method):
    """The states of symplectic and reversible steps are those of NumPy to rounding."""
    p = problems.get("harmonic oscillator")
    a = nodekit.solve(p.f, p.y0, p.t_span, method=method, step=0.1)
    b = nodekit.solve(p.f, torch.tensor(p.y0), p.t_span, method=method, step=0.1)
    assert a.stats == b.stats
    assert np.allclose(a.y, b.y.numpy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("p", STIFF, ids=lambda p: p.name)
@pytest.mark.parametrize("method", ADAPTIVE)
def test_same_steps_on_stiff_problems(method, p):
    """The first 25 attempts, at rtol 1e-6, are those of NumPy, with Jacobians by differences too (h to 1e-4).

    Over hundreds of steps rounding grows, until an iteration more or less tells them apart: as it does on NumPy alone,
    if f is multiplied by 1 + 2e-16.
    """
    for jac in ("autograd", None) if method != "rodas5p" else ("autograd",):
        arguments = {"method": method, "rtol": 1e-6, "atol": p.atol(1e-6), "jac": jac, "max_steps": 25, "throw": False}
        a = nodekit.solve(p.f, p.y0, p.t_span, **arguments)
        b = nodekit.solve(p.f, torch.tensor(p.y0), p.t_span, **arguments)
        assert_same_steps(a, b, 1e-6, 1e-10 if jac else 1e-4)


@pytest.mark.parametrize("p", STIFF, ids=lambda p: p.name)
@pytest.mark.parametrize("method", ["radau", "kvaerno5", "rodas5p", "bdf", "auto"])
@pytest.mark.slow(seconds=30)
def test_same_errors_on_stiff_problems(method, p, measured):
    """rtol 1e-6 to the end: the error is NumPy's within a factor of 1.5, or 0.3 tolerances; the cost within 5 %."""
    arguments = {"method": method, "rtol": 1e-6, "atol": p.atol(1e-6)}
    a = nodekit.solve(p.f, p.y0, p.t_span, **arguments)
    b = nodekit.solve(p.f, torch.tensor(p.y0), p.t_span, **arguments)
    unit = p.atol(1e-6) + 1e-6 * np.abs(p.end)
    here, there = (float(np.max(np.abs(np.asarray(s.y[-1]) - p.end) / unit)) for s in (b, a))
    measured(f"{p.name}, {method}: error in tolerances {here:.3g} on torch, {there:.3g} on NumPy")
    assert here == pytest.approx(there, rel=0.5, abs=0.3)
    assert b.stats.nfev == pytest.approx(a.stats.nfev, rel=0.05)
    assert [name for _, name in a.stats.switches] == [name for _, name in b.stats.switches]


# Every state


STATES = {
    "number": lambda v: v[0],
    "vector": lambda v: v,
    "matrix": lambda v: v.reshape(2, 2),
    "tuple": lambda v: (v[:1], v[1:].reshape(3, 1)),
    "dict": lambda v: {"a": v[:2], "b": v[2:].reshape(1, 2)},
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("form", STATES)
@pytest.mark.parametrize("method", [name for name in FAMILIES if name not in GEOMETRIC])
def test_every_method_takes_every_state(method, form, dtype):
    """y' = −(1 + t/2) y forward and backward, fixed and adaptive: the exact solution in y's form, dtype and device."""
    y0 = STATES[form](torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=dtype))
    layout = Layout(y0)

    def f(t, y):
        assert t.dtype == dtype
        assert t.shape == ()
        return layout.show(-(1 + t / 2) * layout.flatten(y))

    kinds = [None] if METHODS[method].adaptive else []
    kinds += [0.05 if METHODS[method].order > 1 else 0.02] if METHODS[method].family not in ("bdf", "auto") else []
    for step in kinds:
        for t0, t1 in ((0.0, 1.0), (1.0, -0.5)):
            sol = nodekit.solve(f, y0, (t0, 0.4, t1), method=method, step=step, rtol=1e-4, atol=1e-5, jac=None)
            for t, y in ((0.4, layout.flatten(sol.y)[1]), (t1, layout.flatten(sol.y)[2])):
                growth = math.exp(-(t - t0) - (t**2 - t0**2) / 4)
                tol = 3e-2 if METHODS[method].order == 1 else 3e-3
                assert torch.allclose(y, layout.flatten(y0) * growth, rtol=tol, atol=tol)
                assert y.dtype == dtype
            assert sol.t.tolist() == [t0, 0.4, t1]
            assert torch.allclose(layout.flatten(sol([0.4])), layout.flatten(sol.y)[1:2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", FAMILIES)
def test_events(method):
    """cos t, from an oscillator, passes zero falling at π/2, where a terminal event ends the solve."""
    f = lambda t, y: torch.stack([y[1], -y[0]])  # noqa: E731
    event = nodekit.event(lambda t, y: y[0], terminal=True, direction=-1)
    arguments = sizes(method, 0.001 if METHODS[method].order == 1 else 0.01)
    sol = nodekit.solve(f, torch.tensor([1.0, 0.0], dtype=float), (0.0, 3.0), rtol=1e-7, events=event, **arguments)
    assert sol.status is Status.TERMINATED
    assert sol.t[-1].item() == pytest.approx(math.pi / 2, abs=2e-3)
    assert sol.y_events[0][0, 0].item() == pytest.approx(0.0, abs=1e-12)
    assert torch.equal(sol.y_events[0][0], sol.y[-1])


def test_what_is_refused():
    """Half precision, slopes that change their dtype: one clear error each."""

    def solve(y0, method, f=lambda t, y: -y, step=None):
        return nodekit.solve(f, y0, (0.0, 1.0), method=method, step=step)

    late = lambda t, y: -y if t < 0.3 else -y.float()  # noqa: E731
    for method in NEWTON:
        step = sizes(method)["step"]
        with pytest.raises(TypeError, match=r"takes float32 or float64 states, got torch\.float16"):
            solve(torch.ones(2).half(), method, step=step)
        with pytest.raises(TypeError, match=r"f returned torch\.float32 on cpu, but y0 is torch\.float64"):
            solve(torch.ones(2, dtype=float), method, late, step)
    for method in ("bdf", "auto"):
        with pytest.raises(ValueError, match="chooses its"):
            solve(torch.ones(2), method, step=0.1)


@pytest.mark.parametrize("method", ["rodas5p", "bdf"])
def test_complex_states(method):
    """y' = iy² is holomorphic, and so are the Jacobians by differences and by autograd: y = 1/(1/y0 − it)."""
    y0 = torch.tensor([1.0 + 0.5j, -0.3j], dtype=torch.complex128)
    for jac in (None, "autograd"):
        sol = nodekit.solve(lambda t, y: 1j * y**2, y0, (0.0, 1.0), method=method, rtol=1e-7, jac=jac)
        assert torch.allclose(sol.y[-1], 1 / (1 / y0 - 1j), rtol=3e-5)
    jacobian = newton.Jacobian(Field(lambda t, y: 1j * y**2, Layout(y0), y0), "autograd")
    assert torch.allclose(jacobian(0.0, y0), torch.diag(2j * y0))
    assert jacobian.by_autograd


# Jacobians


def smooth(t, y):
    return torch.stack([torch.sin(t) * y[1] ** 2, y[0] * y[2] + t**2, torch.exp(-y[0]) * torch.cos(t * y[2])])


def by_value(t, y):
    """smooth, in a way that autograd cannot follow."""
    return smooth(torch.tensor(t.item(), dtype=t.dtype), torch.tensor(y.tolist(), dtype=y.dtype))


def branching(t, y):
    """smooth, with a look at a value, which torch.func.vmap does not allow."""
    return smooth(t, y) if y[0] > 0 else 0 * y


def detached(t, y):
    """smooth, with part of it hidden from autograd, which finds derivatives that are wrong."""
    return smooth(t.detach() * 1.0, torch.stack([y[0].detach(), y[1], y[2]]))


class Square(torch.autograd.Function):
    """y² with a derivative that is no batch's: it looks at a value."""

    @staticmethod
    def forward(ctx, y):
        ctx.save_for_backward(y)
        return y**2

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return 2 * y * g if float(g.sum()) else 0 * g


def by_function(t, y):
    squares = Square.apply(y)
    return torch.stack([torch.sin(t) * squares[1], y[0] * y[2] + t**2, torch.exp(-y[0]) * torch.cos(t * y[2])])


def smooth_jacobian(t, y):
    a, s = math.exp(-y[0]), math.sin(t * y[2])
    rows = [[0, 2 * math.sin(t) * y[1], 0], [y[2], 0, y[0]], [-a * math.cos(t * y[2]), 0, -a * t * s]]
    return torch.tensor(rows, dtype=float)


Y, T = torch.tensor([0.7, -1.3, 2.1], dtype=float), 0.4


@pytest.mark.parametrize("inference", [False, True], ids=["no_grad", "inference_mode"])
@pytest.mark.parametrize(
    ("f", "autograd", "tolerance"),
    [(smooth, True, 1e-14), (branching, True, 1e-14), (by_function, True, 1e-14), (by_value, False, 1e-6),
     (detached, False, 1e-6)],
)  # fmt: skip
def test_jacobian(f, autograd, tolerance, inference):
    """The derivatives by hand are met: by autograd where it can follow f, by differences otherwise."""
    with torch.inference_mode(inference), torch.no_grad():
        jacobian = newton.Jacobian(Field(f, Layout(Y), Y), "autograd")
        for t, y in ((T, Y + 0.0), (2 * T, Y**2)):
            assert torch.allclose(jacobian(t, y), smooth_jacobian(t, y.tolist()), rtol=tolerance, atol=tolerance)
            a = math.exp(-y[0]) * math.sin(t * y[2])
            slope = torch.tensor([math.cos(t) * y[1] ** 2, 2 * t, -a * y[2]], dtype=float)
            found = jacobian.time_derivative(t, y, f(torch.tensor(t, dtype=float), y), 0.1)
            assert torch.allclose(found, slope, rtol=1e-7, atol=1e-7)
        assert jacobian.by_autograd is autograd
        assert jacobian.time_by_autograd is (f is not by_value and f is not detached)
        assert jacobian.njev == 2
        by_differences = newton.Jacobian(Field(f, Layout(Y), Y))
        assert torch.allclose(by_differences(T, Y), smooth_jacobian(T, Y.tolist()), rtol=1e-6, atol=1e-6)
        assert by_differences.field.nfev == 4


def test_jacobian_from_the_user():
    """A matrix in any form is taken; a wrong shape, or what is no matrix, is refused with the value's name."""
    f, y0 = lambda t, y: -(y**3), torch.tensor([[1.0, 2.0]], dtype=float)
    right = lambda t, y: torch.diag(-3 * y[0] ** 2)  # noqa: E731
    seen = []
    forms = (right, lambda t, y: right(t, y).numpy(), lambda t, y: right(t, y).tolist(),
             lambda t, y: seen.append((t, y)) or right(t, y).reshape(1, 2, 1, 2))  # fmt: skip
    for jac in forms:
        sol = nodekit.solve(f, y0, (0.0, 1.0), method="radau", jac=jac)
        assert torch.allclose(sol.y[-1], (y0**-2 + 2) ** -0.5, rtol=1e-5)
    assert seen[0][0].shape == ()
    assert seen[0][1].shape == (1, 2)
    for wrong, error in ((torch.ones(2), ValueError), (None, TypeError), ("J", TypeError), (math.nan, ValueError)):
        with pytest.raises(error, match=r"jac returned .* at t = 0\.0"):
            nodekit.solve(f, y0, (0.0, 1.0), method="radau", jac=lambda t, y, wrong=wrong: wrong)
    with pytest.raises(TypeError, match="jac must be a function"):
        nodekit.solve(f, y0, (0.0, 1.0), method="bdf", jac="exact")


# Gradients: the steps that were taken, with their sizes held

W0, B0 = np.array([[-0.6, 1.1, 0.2], [-1.4, -0.2, 0.3], [0.5, 0.1, -0.9]]), np.array([0.4, -0.3, 0.8])
Y0, WEIGHTS = np.array([0.7, -0.4, 0.2]), np.random.default_rng(0).normal(size=(5, 4))
TIMES = np.array([0.0, 0.31, 0.52, 0.9, 1.3])


def field(xp, W, b):
    """Non-linear, non-autonomous; for 4 components separable: (q, p)."""

    def f(t, y):
        if len(y) == 4:
            velocity, force = xp.tanh(W[:2, :2] @ y[2:] + b[0]), -xp.sin(W[1:, 1:] @ y[:2]) + b[1] * xp.cos(3 * t)
            return xp.concatenate([velocity, force])
        return xp.tanh(W @ y + b * xp.sin(3 * t)) - 0.3 * y**2

    return f


def replay(method, steps, switches, y, W, b, times):
    """The states at `times` of the same steps, by torch without gradients: what differences are taken of."""
    f, out = field(torch, W, b), [y] if times[0] == steps[0][0] else []
    for t, h in steps:
        name = ([n for s, n in switches if s <= t + 1e-12] or ["dopri5"])[-1] if method == "auto" else method
        one = nodekit.solve(f, y, (t, t + h), method=name, step=abs(h))
        ends = sorted((t, t + h))
        out += [one(min(max(s, ends[0]), ends[1])) for s in times if min(t, t + h) + 1e-13 < s <= max(t, t + h) + 1e-13]
        y = one.y[-1]
    return torch.stack(out)


def solve_with_gradient(method, y0, times, **arguments):
    W, b, y0 = (torch.tensor(x, requires_grad=True) for x in (W0, B0, y0))
    sol = nodekit.solve(field(torch, W, b), y0, times, method=method, **arguments)
    weights = torch.tensor(WEIGHTS[:, : len(y0)])
    (weights * sol.y).sum().backward()
    return sol, weights, (y0, W, b)


ONE_STEP = [n for n, m in FAMILIES.items() if m.family in ("implicit", "rosenbrock", "auto") or n in GEOMETRIC[:3]]
CASES = [(n, s) for n in ONE_STEP for s in (0.085, None) if not (s is None and not METHODS[n].adaptive)]
CASES = [(n, s) for n, s in CASES if not (s and n == "auto")]


@pytest.mark.parametrize(("method", "step"), CASES, ids=[f"{n}-{s or 'adaptive'}" for n, s in CASES])
@pytest.mark.slow(seconds=30)
def test_gradients_by_differences_of_the_same_steps(method, step):
    """dL/dy0 and dL/dparams are central differences with every h held, to 1e-7; the outputs lie inside the steps."""
    y0 = np.append(Y0, 0.5) if method in GEOMETRIC else Y0
    sol, weights, leaves = solve_with_gradient(method, y0, TIMES, step=step, rtol=1e-8, atol=1e-9)
    good = sol.steps.accepted
    steps = list(zip(sol.steps.t[good], sol.steps.h[good], strict=True))
    assert not np.isin(TIMES[1:-1], sol.steps.t).any()

    def loss(*leaves):
        with torch.no_grad():
            return (weights * replay(method, steps, sol.stats.switches, *leaves, TIMES)).sum().item()

    values = [x.detach().clone() for x in leaves]
    assert loss(*values) == pytest.approx((weights * sol.y.detach()).sum().item(), rel=1e-7)
    for i, leaf in enumerate(leaves):
        direction = torch.tensor(np.random.default_rng(i).normal(size=leaf.shape))
        up, down = list(values), list(values)
        up[i], down[i] = values[i] + 1e-5 * direction, values[i] - 1e-5 * direction
        numeric = (loss(*up) - loss(*down)) / 2e-5
        assert (leaf.grad * direction).sum().item() == pytest.approx(numeric, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("step", [0.085, None], ids=["fixed", "adaptive"])
@pytest.mark.parametrize("times", [TIMES, TIMES[::-1].copy()], ids=["forward", "backward"])
@pytest.mark.parametrize("method", IMPLICIT)
def test_implicit_gradients_equal_the_reference(method, times, step):
    """The implicit function theorem on both backends: dL/dy0 and dL/dparams to 1e-9, evaluations no more."""
    if step is None and not METHODS[method].adaptive:
        return
    arguments = {"step": step, "rtol": 1e-6, "atol": 1e-8}
    f = lambda t, y, p: field(anp, *p)(t, y)  # noqa: E731
    _, vjp = solve_and_vjp(f, Y0, times, (W0, B0), method=method, **arguments)
    expected = vjp(WEIGHTS[:, :3])
    sol, _, leaves = solve_with_gradient(method, Y0, times, **arguments)
    for leaf, g in zip(leaves, (expected.y0, *expected.params), strict=True):
        assert np.allclose(leaf.grad.numpy(), g, rtol=1e-9, atol=1e-10)
    assert 0 < sol.stats.nfev_backward <= expected.nfev


@pytest.mark.parametrize("method", ["explicit_adams", "implicit_adams", "asynchronous_leapfrog", "reversible_heun"])
@pytest.mark.parametrize("step", [0.17, 0.085])
@pytest.mark.slow(seconds=30)
def test_gradients_of_methods_with_a_history(method, step):
    """Steps of one size throughout: recorded whole, equal to differences of the whole solve, outputs in between."""
    _, weights, leaves = solve_with_gradient(method, Y0, TIMES, step=step)
    values = [x.detach() for x in leaves]

    def loss(y0, W, b):
        return (weights * nodekit.solve(field(torch, W, b), y0, TIMES, method=method, step=step).y).sum().item()

    for i, leaf in enumerate(leaves):
        direction = torch.tensor(np.random.default_rng(i).normal(size=leaf.shape))
        up, down = list(values), list(values)
        up[i], down[i] = values[i] + 1e-5 * direction, values[i] - 1e-5 * direction
        numeric = (loss(*up) - loss(*down)) / 2e-5
        assert (leaf.grad * direction).sum().item() == pytest.approx(numeric, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("method", ["radau", "kvaerno5", "trbdf2", "rodas5p", "auto"])
@pytest.mark.slow(seconds=30)
def test_gradients_through_a_stiff_solve(method):
    """y' = −λ(y − c cos t), λ = 1e4: dy(t)/dc and dy(t)/dλ are the exact ones, and dy(t)/dy0 has died out."""
    rate, c = (torch.tensor(x, dtype=float, requires_grad=True) for x in (1e4, 1.5))
    y0 = torch.ones(1, dtype=float, requires_grad=True)
    f = lambda t, y: -rate * (y - c * torch.cos(t))  # noqa: E731
    sol = nodekit.solve(f, y0, (0.0, 1.0), method=method, rtol=1e-8, atol=1e-10)
    dy0, dc, drate = torch.autograd.grad(sol.y[-1, 0], [y0, c, rate])
    r, n = 1e4, 1 + 1e8
    assert dc.item() == pytest.approx((r**2 * math.cos(1) + r * math.sin(1)) / n, rel=1e-6)
    assert drate.item() == pytest.approx(1.5 * (2 * r * math.cos(1) + (1 - r**2) * math.sin(1)) / n**2, rel=1e-3)
    assert abs(dy0.item()) < 1e-7


@pytest.mark.filterwarnings("ignore:Checkpoint")  # every="sqrt" says where it saves nothing
@pytest.mark.parametrize("way", ["adjoint", "interpolated", nodekit.gradients.Checkpoint("sqrt")])
@pytest.mark.parametrize("method", ["radau", "kvaerno5", "rodas5p", "auto"])
def test_the_other_ways_back(method, way):
    """The adjoint, and the adjoint along the dense output, agree with checkpoints to their own tolerance.

    kvaerno5's dense output, in which the outputs lie here, is of order 4 alone.
    """
    arguments = {"rtol": 1e-7, "atol": 1e-9}
    _, _, exact = solve_with_gradient(method, Y0, TIMES, **arguments)
    _, _, leaves = solve_with_gradient(method, Y0, TIMES, gradient=way, **arguments)
    for leaf, other in zip(leaves, exact, strict=True):
        assert torch.allclose(leaf.grad, other.grad, rtol=1e-5, atol=1e-6 if method != "kvaerno5" else 1e-4)


@pytest.mark.slow(seconds=30)
def test_gradients_of_modules_dicts_and_times():
    """A module's parameters, a dict for a state, output times that require grad: dL/dt is f at the outputs."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()
    f = lambda t, y: {"x": net(y["x"]) * torch.cos(t), "n": -y["n"]}  # noqa: E731
    grads = {}
    for method in ("dop853", "radau", "rodas5p", "kvaerno5"):
        y0 = {"x": torch.ones(3, 2, dtype=float, requires_grad=True), "n": torch.ones(1, dtype=float)}
        t = torch.tensor([0.0, 0.4, 1.0], dtype=float, requires_grad=True)
        sol = nodekit.solve(f, y0, t, method=method, rtol=1e-9, atol=1e-11)
        net.zero_grad()
        (sol.y["x"] ** 2).sum().backward()
        grads[method] = [y0["x"].grad, t.grad, *(p.grad.clone() for p in net.parameters())]
    for method in ("radau", "rodas5p", "kvaerno5"):
        for g, expected in zip(grads[method], grads["dop853"], strict=True):
            assert torch.allclose(g, expected, rtol=1e-6, atol=1e-7)


def test_dense_output_is_differentiable():
    """sol(t) carries the gradient through an implicit step: y0 exp(−t) has derivative exp(−t)."""
    for method in ("radau", "kvaerno5", "rodas5p", "auto"):
        y0 = torch.tensor([2.0], dtype=float, requires_grad=True)
        sol = nodekit.solve(lambda t, y: -y, y0, (0.0, 1.0), method=method, rtol=1e-9, atol=1e-12)
        assert torch.autograd.grad(sol(0.37)[0], y0)[0].item() == pytest.approx(math.exp(-0.37), rel=1e-6)


def test_a_constant_field_and_an_unused_parameter():
    """f that depends on nothing: dy1/dy0 is 1; a parameter it does not reach gets None, or zeros, as torch has it."""
    for method in ("radau", "sdirk2", "rodas5p", "auto", "leapfrog"):
        y0 = torch.ones(2, dtype=float, requires_grad=True)
        p = torch.ones(1, dtype=float, requires_grad=True)
        f = lambda t, y: torch.ones(2, dtype=float)  # noqa: E731
        sol = nodekit.solve(f, y0, (0.0, 1.0), params=[p], **sizes(method, 0.25))
        dy0, dp = torch.autograd.grad(sol.y[-1].sum(), [y0, p], allow_unused=True)
        assert torch.allclose(dy0, torch.ones(2, dtype=float))
        assert dp is None or not dp.any()


# What has no gradient says so


@pytest.mark.slow(seconds=30)
def test_gradients_through_bdf():
    """By the implicit function theorem at every step: y0, parameters, one that enters late, outputs within a step; they
    come near radau's as the tolerance does. A second derivative is refused in words."""
    p = torch.tensor([50.0, 1.3, 0.7], dtype=float, requires_grad=True)
    y0 = torch.tensor([0.0, 1.0, 0.5], dtype=float, requires_grad=True)
    weights = torch.tensor([1.0, -2.0, 0.3], dtype=float)

    def f(t, y):
        late = 0.7 + (t - 0.9) ** 6 * (p[2] - 0.2) if t > 0.9 else 0.7
        return torch.stack(
            [-p[0] * (y[0] - torch.cos(p[1] * t)), y[0] * y[2] - late * y[1] ** 2, -y[2] * y[1] + torch.sin(t)]
        )

    def gradient(method, tol):
        sol = nodekit.solve(f, y0, [0.0, 0.7, 2.0], method=method, rtol=tol, atol=tol)
        return torch.cat(torch.autograd.grad((sol.y[-1] * weights).sum() + sol.y[1, 1] + sol(1.234)[0], [p, y0]))

    exact = gradient("radau", 1e-10)
    errors = [(gradient("bdf", tol) - exact).abs().max().item() for tol in (1e-6, 1e-8, 1e-10)]
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 10
    assert errors[2] < 1e-6
    sol = nodekit.solve(f, y0, (0.0, 2.0), method="bdf")
    (g,) = torch.autograd.grad(sol.y[-1].sum(), y0, create_graph=True)
    with pytest.raises(RuntimeError, match="method='bdf' can be differentiated once"):
        g.sum().backward()


@pytest.mark.parametrize("method", ["radau", "sdirk2", "rodas5p", "auto"])
def test_recording_newtons_iteration_is_refused(method):
    """gradient="backprop" gets one error that names "checkpoint", for y0, a parameter, and one that enters late."""
    p, y0 = torch.ones(1, dtype=float, requires_grad=True), torch.ones(2, dtype=float)
    late = lambda t, y: -p * y if t > 0.5 else -y  # noqa: E731
    cases = ((lambda t, y: -y, y0.clone().requires_grad_()), (lambda t, y: -p * y, y0), (late, y0))
    for f, start in cases:
        with pytest.raises(ValueError, match=r"cannot be differentiated step by step.*gradient=\"checkpoint\""):
            nodekit.solve(f, start, (0.0, 1.0), gradient="backprop", **sizes(method))


def test_a_rosenbrock_gradient_needs_autograds_jacobian():
    """Where differences had to be taken, one error says that f must be written in torch, and what else to use."""
    p = torch.ones(1, dtype=float, requires_grad=True)
    f = lambda t, y: -p * y.detach()  # noqa: E731
    sol = nodekit.solve(f, torch.ones(2, dtype=float, requires_grad=True), (0.0, 1.0), method="rodas5p")
    with pytest.raises(ValueError, match=r"method='rodas5p' differentiates f twice .* radau or kvaerno5"):
        sol.y.sum().backward()


@pytest.mark.parametrize("method", ["radau", "kvaerno5", "trbdf2", "auto", "bdf", "rodas5p"])
@pytest.mark.slow(seconds=30)
def test_gradients_of_complex_states(method):
    """dL/dA of a complex, non-normal, nonlinear system through implicit steps: near that through dop853's."""
    real = torch.tensor([[-1.0, 0.5, 0.0], [0.0, -6.0, 1.0], [0.0, 0.2, 0.0]], dtype=float)
    imaginary = torch.tensor([[2.0, 0.0, 0.0], [0.3, -5.0, 0.0], [0.0, 0.0, -0.5]], dtype=float)
    A = torch.complex(real, imaginary).requires_grad_()
    y0 = torch.tensor([1.0, 1.0j, 0.5 - 0.2j], dtype=torch.complex128)
    weights = torch.tensor([1.0, 2.0 - 1.0j, 1.0j], dtype=torch.complex128)

    def gradient(method, tol):
        f = lambda t, y: A @ y + 0.1 * y[0] ** 2 * weights * torch.cos(t)  # noqa: E731
        end = nodekit.solve(f, y0, (0.0, 1.0), method=method, rtol=tol, atol=tol).y[-1]
        return torch.autograd.grad((end * weights).sum().real, A)[0]

    tol = 1e-7 if method == "trbdf2" else 1e-9
    assert (gradient(method, tol) - gradient("dop853", 1e-10)).abs().max() < 2e-5
