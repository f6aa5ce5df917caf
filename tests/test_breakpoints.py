"""breakpoints: no step crosses a jump of f, on both libraries, with every family and every gradient."""

import math
import pickle
from itertools import pairwise

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import torch

import nodekit
from nodekit import methods
from nodekit.arrays import is_torch
from nodekit.numpy_backend.gradient import solve_and_vjp
from nodekit.solution import SolveError, Status
from nodekit.stepping.breaks import Sided, sides

A = np.array([[-1.0, 0.5, 0.0], [-0.7, -0.3, 0.2], [0.1, 0.0, -0.4]])
B = np.array([1.0, -0.5, 2.0])
Y0 = np.array([1.0, 0.0, -1.0])
KNOTS = np.array([0.0, 0.37, 0.8, 1.45, 1.5, 2.0])
LEVELS = np.array([1.0, -3.0, 0.5, 8.0, -2.0])
FAMILIES = (
    "rk4", "midpoint", "bosh3", "dopri5", "tsit5", "dopri8", "dop853", "kvaerno3", "radau", "trbdf2", "gl4",
    "implicit_midpoint", "rodas5p", "bdf", "auto", "explicit_adams", "implicit_adams", "reversible_heun",
    "asynchronous_leapfrog",
)  # fmt: skip
WAYS = ("discrete", "checkpoint", "backprop", "adjoint", "interpolated")


def number(t):
    return float(t.detach()) if is_torch(t) else float(t)


def level(t, side="right", knots=KNOTS):
    """The level that holds at t, by t alone; at a knot the one behind it, or the one before it (side="left")."""
    i = np.searchsorted(knots, number(t), side=side) - 1
    return LEVELS[min(max(i, 0), len(LEVELS) - 1)]


def field(t, y, side="right", weight=1.0):
    """Linear, non-autonomous, driven by a level that jumps: y (3,) on either library."""
    if is_torch(y):
        a, b = torch.as_tensor(A, dtype=y.dtype), torch.as_tensor(B, dtype=y.dtype)
        return a @ y * weight + b * (level(t, side) * weight) + 0.3 * torch.cos(t)
    return A @ y * weight + B * (level(t, side) * weight) + 0.3 * math.cos(t)


def exact(t0, t1, y=Y0, weight=1.0):
    """The solution at t1, piece by piece: that of a linear equation, with the exponential of its matrix."""
    inner = [k for k in KNOTS if min(t0, t1) < k < max(t0, t1)]
    for a, b in pairwise([t0, *(inner if t1 > t0 else inner[::-1]), t1]):
        # y, 1, cos t and sin t as one linear system
        M = np.zeros((6, 6))
        M[:3, :3], M[:3, 3], M[:3, 4] = A * weight, B * level((a + b) / 2) * weight, 0.3
        M[4, 5], M[5, 4] = -1.0, 1.0
        values, vectors = np.linalg.eig(M * (b - a))
        z = np.concatenate([y, [1.0, math.cos(a), math.sin(a)]])
        y = (vectors @ (np.exp(values) * np.linalg.solve(vectors, z.astype(complex)))).real[:3]
    return y


def on(library, y=Y0):
    return torch.tensor(y) if library == "torch" else y.copy()


def sized(method, step=0.02):
    return {} if methods.get(method).adaptive else {"step": step}


def values(y):
    return y.detach().numpy() if is_torch(y) else np.asarray(y)


@pytest.mark.parametrize("ends", [(0.0, 2.0), (2.0, 0.0), (0.21, 1.9)])
@pytest.mark.parametrize("method", FAMILIES)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_every_family_solves_each_piece(library, method, ends):
    """Errors are those of a smooth problem, outputs anywhere are those of dense output, and no step crosses a knot."""
    kwargs = {"method": method, "breakpoints": KNOTS, "rtol": 1e-7, "atol": 1e-8, **sized(method, 0.01)}
    sol = nodekit.solve(field, on(library), ends, **kwargs)
    order = methods.get(method).order if hasattr(methods.get(method), "order") else 5
    bound = (3e-3 if order <= 2 else 1e-5) if sized(method) else 3e-4
    assert np.abs(values(sol.y[-1]) - exact(*ends)).max() < bound
    low, high = np.minimum(sol.steps.t, sol.steps.t + sol.steps.h), np.maximum(sol.steps.t, sol.steps.t + sol.steps.h)
    assert not any(((low < k) & (k < high)).any() for k in KNOTS)
    inner = [k for k in KNOTS if min(ends) < k < max(ends)]
    assert set(inner) <= set(sol.t.tolist())
    assert sol.t[0] == ends[0]
    assert sol.t[-1] == ends[1]
    times = [ends[0], *np.linspace(*ends, 12)[1:-1], ends[1]]
    if methods.get(method).family != "explicit" or methods.get(method).dense_holds:
        chosen = nodekit.solve(field, on(library), times, **kwargs)
        np.testing.assert_allclose(values(sol(np.array(times))), values(chosen.y), rtol=0, atol=1e-12)
        assert chosen.stats.n_accepted == sol.stats.n_accepted
    for i, t in enumerate(sol.t.tolist()):
        assert (values(sol(t)) == values(sol.y[i])).all()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("ends", [(0.0, 2.0), (2.0, 0.0)])
@pytest.mark.parametrize("method", ["rk4", "heun3", "rk4_38", "gl4", "explicit_adams", "dopri5"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_fixed_steps_keep_their_order_across_a_knot(library, method, ends, side):
    """Whichever side f takes at a knot itself, half the step divides the error by 2^order."""

    def error(step):
        f = lambda t, y: field(t, y, side)  # noqa: E731
        sol = nodekit.solve(f, on(library), ends, method=method, step=step, breakpoints=KNOTS)
        return np.abs(values(sol.y[-1]) - exact(*ends)).max()

    coarse, fine = error(0.02), error(0.01)
    assert abs(math.log2(coarse / fine) - methods.get(method).order) < 0.8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, "float32", "float64"])
@pytest.mark.parametrize("ends", [(0.25, 2.0), (2.0, 0.25)])
@pytest.mark.parametrize(
    "method", ["rk4", "dopri5", "kvaerno3", "explicit_adams", "reversible_heun", "asynchronous_leapfrog"]
)
def test_f_sees_the_neighbours_of_a_breakpoint_in_ys_precision(dtype, ends, method):
    """f is told no knot, but both of its neighbours in y's dtype, and between two knots nothing beyond them.

    A step ends on a neighbour as far as the sum t + h can be it in float64.
    """
    if dtype is torch.bfloat16 and method == "kvaerno3":
        pytest.skip("Newton's method takes float32 and float64")
    seen, way = [], math.copysign(1.0, ends[1] - ends[0])
    knots = np.array([0.25, 0.4, 0.8, 1.4, 1.6, 2.0])

    def f(t, y):
        seen.append(float(t))
        return -y * 0.5

    if isinstance(dtype, str):
        y0, kind = np.ones(3, dtype), np.dtype(dtype).type
        near = [[float(np.nextafter(kind(k), kind(s))) for s in (-math.inf, math.inf)] for k in knots]
    else:
        y0 = torch.ones(3, dtype=dtype)
        side = torch.tensor([-math.inf, math.inf], dtype=dtype)
        near = [torch.nextafter(torch.tensor([k, k], dtype=dtype), side).tolist() for k in knots]
    nodekit.solve(f, y0, ends, method=method, breakpoints=knots, rtol=1e-2, atol=1e-2, **sized(method, 0.1))
    assert not {float(k) for k in knots} & set(seen)
    pieces = list(pairwise(near))
    for (_, low), (high, _) in pieces:
        first, last = (low, high) if way > 0 else (high, low)
        assert first in seen
        if method != "asynchronous_leapfrog":  # which looks at the middles of steps
            assert min(abs(t - last) for t in seen) <= 2 * np.spacing(last)
    assert all(any(low <= t <= high for (_, low), (high, _) in pieces) for t in seen)
    middle = [way * [low <= t <= high for (_, low), (high, _) in pieces].index(True) for t in seen]
    assert middle == sorted(middle)  # one piece after the other


def test_float32_loses_no_time_at_knots():
    """Far from zero, where neighbours in float32 are 6e-5 apart, ∫ dt over short pieces is as long as the interval."""
    t0 = 1000.0
    knots = t0 + np.linspace(0.0, 0.5, 26)
    sol = nodekit.solve(lambda t, y: torch.ones_like(y), torch.zeros(1), (t0, t0 + 0.5), breakpoints=knots)
    assert abs(sol.y[-1].item() - 0.5) < 1e-6


def test_knots_cost_no_rejections():
    """Across 20 linear pieces of a path dopri5 takes at least 5 times fewer evaluations, and refuses no step."""
    knots = np.linspace(0.0, 4.0, 21)
    slopes = 2.0 + np.cos(7.0 * np.arange(20.0))

    def f(t, y):
        return A @ y + B * slopes[min(np.searchsorted(knots, t, side="right") - 1, 19)]

    across = nodekit.solve(f, Y0, (0.0, 4.0))
    along = nodekit.solve(f, Y0, (0.0, 4.0), breakpoints=knots)
    print(f"dopri5 over 20 pieces: nfev {across.stats.nfev} across the knots, {along.stats.nfev} with them")
    assert across.stats.n_rejected > 100
    assert along.stats.n_rejected == 0
    assert across.stats.nfev > 5 * along.stats.nfev
    assert along.stats.n_accepted == len(along.t) - 1


def test_what_a_method_remembers_begins_anew():
    """bdf starts at its lowest order with a step that fits; Jacobians are new; auto stays implicit where it is."""
    bdf = nodekit.solve(field, Y0, (0.0, 2.0), method="bdf", breakpoints=KNOTS)
    orders = [len(table) - 1 for table in bdf._dense.kept]
    starts = [i for i, t in enumerate(bdf._dense.times[:-1]) if t in KNOTS]
    assert [orders[i] for i in starts] == [1] * 5
    assert bdf.stats.n_rejected <= 3
    assert nodekit.solve(field, Y0, (0.0, 2.0), method="radau", breakpoints=KNOTS).stats.njev >= 5

    def stiff(t, y):
        return -1000 * (y - level(t) * B) + math.cos(t)

    knots = [0.5, 0.5001, 1.0]  # auto is implicit by then, and has no time to leave it
    found = nodekit.solve(stiff, Y0, (0.0, 1.5), method="auto", breakpoints=sorted({*KNOTS[1:-1], *knots}))
    across = nodekit.solve(stiff, Y0, (0.0, 1.5), method="auto")
    assert found.stats.n_rejected < 0.6 * across.stats.n_rejected
    apart = np.abs(found.y[-1] - nodekit.solve(stiff, Y0, (0.0, 1.5), "radau", 1e-9, 1e-10, breakpoints=KNOTS).y[-1])
    assert apart.max() < 1e-5


def test_the_first_step_is_chosen_within_the_first_piece():
    """A trial of the first step does not look beyond a breakpoint that is near."""
    seen = []

    def f(t, y):
        seen.append(t)
        return -y

    nodekit.solve(f, np.ones(3), (0.0, 1.0), breakpoints=[1e-9])
    assert seen[1] < 1e-9


@pytest.mark.parametrize("method", FAMILIES)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_without_breakpoints_in_the_interval_nothing_changes(library, method):
    """Knots outside of it, or none: the same steps, states and evaluations, to the bit."""

    def run(breakpoints):
        return nodekit.solve(field, on(library), (0.4, 0.75), method=method, breakpoints=breakpoints, **sized(method))

    plain = run(None)
    for breakpoints in ([], [-3.0, 0.1, 0.9, 7.0], KNOTS):
        sol = run(breakpoints)
        assert (values(sol.y) == values(plain.y)).all()
        assert sol.stats == plain.stats
        assert (sol.steps.h == plain.steps.h).all()


def smooth(t, y, p, side="right"):
    """A field with parameters p (3,), that jumps with t."""
    sin = torch.sin if is_torch(y) else anp.sin
    k = level(t, side)
    return p[0] * sin(y) * (1 + 0.1 * k) + p[1] * k + p[2] * y[[1, 2, 0]] * (1 + t)


def torch_loss(p, y0, times, method, way, sol_of=None, **kwargs):
    sol = nodekit.solve(
        lambda t, y: smooth(t, y, p), y0, times, method=method, gradient=way, breakpoints=KNOTS,
        params=[p] if p.requires_grad else None, **kwargs,
    )  # fmt: skip
    weights = torch.arange(1.0, 1.0 + sol.y.numel(), dtype=torch.float64).reshape(sol.y.shape)
    extra = (sol(torch.tensor([0.8, 0.37, 1.1], dtype=torch.float64)) ** 2).sum() if sol_of else 0.0
    return (weights.cos() * sol.y).sum() + extra, sol


P = torch.tensor([0.3, 0.2, -0.4], dtype=torch.float64)
TIMES = {
    "at and between knots": [0.0, 0.2, 0.37, 0.9, 1.45, 1.47, 2.0],
    "one": [0.0, 0.8, 1.9],
    "backwards": [2.0, 1.5, 1.45, 0.6, 0.1],
}


def gradient_of(loss, *leaves):
    """The gradient by each leaf along a direction in which no two entries are alike, and the same by differences."""
    found = torch.autograd.grad(loss(*[x.requires_grad_() for x in leaves]), leaves)
    ways = [torch.cos(1.0 + torch.arange(x.numel(), dtype=x.dtype)).reshape(x.shape) for x in leaves]
    numeric = []
    for i, way in enumerate(ways):
        with torch.no_grad():
            ends = [loss(*[x + s * 1e-5 * way if k == i else x for k, x in enumerate(leaves)]) for s in (1, -1)]
        numeric.append((ends[0] - ends[1]).item() / 2e-5)
    return np.array([(g * way).sum().item() for g, way in zip(found, ways, strict=True)]), np.array(numeric)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("way", [*WAYS, nodekit.gradients.Checkpoint(every="sqrt"), nodekit.gradients.Discrete(2000)])
@pytest.mark.parametrize("method", ["dopri5", "rk4", "dop853"])
def test_explicit_gradients_equal_finite_differences(method, way, times):
    """By y0 and parameters, with outputs at knots and between, dense output too; breakpoints held."""
    kwargs = {"step": 0.05} if method == "rk4" else {"rtol": 1e-9, "atol": 1e-9}

    def loss(y0, p):
        return torch_loss(p, y0, TIMES[times], method, way, sol_of=times.startswith("at"), **kwargs)[0]

    found, numeric = gradient_of(loss, torch.tensor(Y0), P.clone())
    loose = way in ("adjoint", "interpolated")
    np.testing.assert_allclose(found, numeric, rtol=2e-4 if loose else 1e-6, atol=2e-4 if loose else 1e-6)


@pytest.mark.parametrize("way", ["discrete", "checkpoint", "backprop", "adjoint", "interpolated"])
@pytest.mark.parametrize(
    "method", ["kvaerno3", "radau", "gl4", "rodas5p", "bdf", "auto", "explicit_adams", "reversible_heun"]
)
def test_gradients_of_other_families_equal_finite_differences(method, way):
    """Families whose steps are repeated, solved for, or recorded."""
    if way == "backprop" and methods.get(method).family in ("implicit", "rosenbrock", "auto"):
        pytest.skip("their steps cannot be recorded, as without breakpoints")
    # kvaerno3 of order 3 would take thousands of steps to a tight tolerance
    kwargs = {"step": 0.05} if sized(method) or method == "kvaerno3" else {"rtol": 1e-8, "atol": 1e-8}

    def loss(y0, p):
        return torch_loss(p, y0, TIMES["at and between knots"], method, way, **kwargs)[0]

    found, numeric = gradient_of(loss, torch.tensor(Y0), P.clone())
    loose = way in ("adjoint", "interpolated") or not sized(method)  # steps are chosen anew by a difference
    np.testing.assert_allclose(found, numeric, rtol=3e-4 if loose else 1e-6, atol=3e-4 if loose else 1e-6)


@pytest.mark.parametrize("gradient", ["backprop", "checkpoint", "adjoint", "interpolated"])
@pytest.mark.parametrize("ends", [(0.0, 2.0), (1.9, 0.1)])
def test_numpy_gradients_equal_finite_differences(gradient, ends):
    """`solve_and_vjp`, the reference, by y0, parameters and output times."""
    times = np.array([ends[0], *[k for k in KNOTS[1:-1:2]][:: 1 if ends[1] > ends[0] else -1], 1.1, ends[1]])
    times = np.array(sorted(times, reverse=ends[0] > ends[1]))
    weights = np.cos(np.arange(1.0, 1 + 3 * len(times))).reshape(-1, 3)

    def run(y0, p):
        kwargs = {"rtol": 1e-10, "atol": 1e-10, "breakpoints": KNOTS, "gradient": gradient}
        return solve_and_vjp(lambda t, y, p: smooth(t, y, p), y0, times, p, **kwargs)

    p = P.numpy()
    found = run(Y0, p)[1](weights)
    if gradient in ("adjoint", "interpolated"):  # a sweep across the knots takes four times as many
        assert found.nfev < 700
    way = np.cos([1.0, 2.0, 3.0])  # no two entries are alike
    for got, x, of in ((found.y0, Y0, lambda x: (x, p)), (found.params, p, lambda x: (Y0, x))):
        ends = [float((run(*of(x + s * 1e-5 * way))[0].y * weights).sum()) for s in (1, -1)]
        numeric = (ends[0] - ends[1]) / 2e-5
        assert abs(got @ way - numeric) < 1e-5 * (1 + abs(numeric))


def test_autograd_goes_through_a_numpy_solve():
    """HIPS autograd, by y0 and by what f uses."""

    def loss(p):
        sol = nodekit.solve(
            lambda t, y: smooth(t, y, p), Y0, [0.0, 0.8, 2.0], method="rk4", step=0.1, breakpoints=KNOTS
        )
        return anp.sum(sol.y**2)

    found = autograd.grad(loss)(P.numpy())
    numeric = [(loss(P.numpy() + d) - loss(P.numpy() - d)) / 2e-5 for d in np.eye(3) * 1e-5]
    np.testing.assert_allclose(found, numeric, rtol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_gradients_by_output_times_and_event_times(way):
    """An output on a knot moves along the f before it, the start along the f behind it; none flows to breakpoints."""
    knots = torch.tensor(KNOTS, requires_grad=True)
    times = torch.tensor([0.37, 0.6, 1.45, 1.9], dtype=torch.float64, requires_grad=True)
    f = lambda t, y: smooth(t, y, P)  # noqa: E731
    kwargs = {"rtol": 1e-9, "atol": 1e-9, "gradient": way, "breakpoints": knots, "params": []}
    sol = nodekit.solve(f, torch.tensor(Y0), times, **kwargs)
    found = torch.autograd.grad(sol.y[2].sum() + 2 * sol.y[3].sum(), [times, knots], allow_unused=True)
    assert found[1] is None

    def loss(t):
        y = nodekit.solve(f, torch.tensor(Y0), torch.tensor(t, dtype=torch.float64), **kwargs).y
        return (y[2].sum() + 2 * y[3].sum()).item()

    d = 1e-5
    # One-sided where the time is at a knot: to its later side at the start, to its earlier side at the output.
    t = [0.37, 0.6, 1.45, 1.9]
    base = loss(t)
    numeric = [
        (loss([0.37 + d, *t[1:]]) - base) / d,
        0.0,
        (base - loss([*t[:2], 1.45 - d, 1.9])) / d,
        (loss([*t[:3], 1.9 + d]) - loss([*t[:3], 1.9 - d])) / (2 * d),
    ]
    np.testing.assert_allclose(found[0].numpy(), numeric, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_events_are_counted_through_pieces(library, way):
    """The third zero ends the solve though pieces begin between; a zero at a knot is counted once."""
    if library == "numpy" and way != "discrete":
        pytest.skip("ways are for torch")
    knots = [0.5, 1.0, 2.5]  # y = 2 cos(πt/...) as a sawtooth: y' = ±1

    def f(t, y):
        return 0 * y + (1.0 if float(t) < 0.5 or 1.0 < float(t) < 2.5 else -1.0)

    g = nodekit.event(lambda t, y: y[0], terminal=3)
    at_knot = nodekit.event(lambda t, y: t - 0.5, terminal=False)
    y0 = torch.tensor([-0.1], dtype=torch.float64, requires_grad=True) if library == "torch" else np.array([-0.1])
    sol = nodekit.solve(f, y0, (0.0, 9.0), breakpoints=knots, events=[g, at_knot], gradient=way)
    assert sol.status is Status.TERMINATED
    np.testing.assert_allclose([number(t) for t in sol.t_events[0]], [0.1, 0.9, 1.1], atol=1e-9)
    assert len(sol.t_events[1]) == 1
    assert abs(number(sol.t_events[1][0]) - 0.5) < 1e-12
    if library == "torch":
        (found,) = torch.autograd.grad(sol.t_events[0][2], y0)
        assert abs(found.item() + 1.0) < 1e-6
        assert abs(sol.y[-1].item()) < 1e-9


@pytest.mark.parametrize("method", ["dopri5", "rk4", "dop853", "heun3", "dopri8"])
@pytest.mark.parametrize("ends", [(0.0, 2.0), (1.9, 0.1)])
def test_independent_samples_do_as_they_would_alone(method, ends):
    """batch="independent", times of their own, both directions: states and gradients of solves alone."""
    kwargs = {"method": method, "breakpoints": KNOTS, "rtol": 1e-8, "atol": 1e-8, **sized(method)}
    a, b = ends
    times = torch.tensor(
        [[a, a, b], [0.8, 0.9 * a + 0.1 * b, (a + b) / 2], [b, 0.5, a]], dtype=torch.float64
    )  # the last sample goes the other way
    if a > b:
        times[2, 1] = 0.5 * (a + b)
    y0 = torch.tensor(np.array([Y0, Y0[::-1], 2 * Y0]), dtype=torch.float64, requires_grad=True)
    p = P.clone().requires_grad_()

    def f(t, y):
        k = torch.tensor([float(level(x)) for x in t.reshape(-1)], dtype=y.dtype)[:, None]
        return p[0] * torch.sin(y) * (1 + 0.1 * k) + p[1] * k + p[2] * y[:, [1, 2, 0]] * (1 + t)

    sol = nodekit.solve(f, y0, times, batch="independent", params=[p], **kwargs)
    loss = (sol.y * torch.cos(torch.arange(27.0, dtype=torch.float64)).reshape(3, 3, 3)).sum()
    found = torch.autograd.grad(loss, [y0, p])
    alone = [
        nodekit.solve(lambda t, y: smooth(t, y, p), y0[i], times[:, i].tolist(), params=[p], **kwargs) for i in range(3)
    ]
    np.testing.assert_allclose(sol.y.detach(), torch.stack([s.y for s in alone], 1).detach(), rtol=0, atol=1e-9)
    for i, s in enumerate(alone):
        assert sol.stats.per_sample.n_accepted[i] == s.stats.n_accepted
    loss = (
        torch.stack([s.y for s in alone], 1) * torch.cos(torch.arange(27.0, dtype=torch.float64)).reshape(3, 3, 3)
    ).sum()
    for x, y in zip(found, torch.autograd.grad(loss, [y0, p]), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-7)


def test_independent_samples_in_float32_read_their_own_side():
    """A batch in float32 sees the neighbours of knots, on the way back too."""
    knots = [0.0, 0.1, 0.3, 0.7, 1.0]
    seen = []

    def f(t, y):
        seen.extend(t.reshape(-1).tolist())
        return -y

    y0 = torch.ones(2, 1, requires_grad=True)
    times = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    sol = nodekit.solve(f, y0, times, batch="independent", method="rk4", step=0.05, breakpoints=knots)
    sol.y[-1].sum().backward()
    assert not {float(np.float32(k)) for k in knots} & set(seen)
    np.testing.assert_allclose(sol.y[-1, :, 0].detach(), [math.exp(-1), math.e], rtol=1e-5)


def test_independent_samples_have_gradients_by_their_times():
    """As alone: an output on a knot moves along the f before it, a start along the f behind it."""
    times = torch.tensor([[0.37, 0.1], [1.45, 0.8], [1.9, 1.5]], dtype=torch.float64, requires_grad=True)
    y0 = torch.tensor(np.array([Y0, Y0[::-1]]))

    def f(t, y):
        k = torch.tensor([float(level(x)) for x in t.reshape(-1).tolist()], dtype=y.dtype)[:, None]
        return P[0] * torch.sin(y) * (1 + 0.1 * k) + P[1] * k + P[2] * y[:, [1, 2, 0]] * (1 + t)

    sol = nodekit.solve(f, y0, times, batch="independent", breakpoints=KNOTS, rtol=1e-9, atol=1e-9)
    (found,) = torch.autograd.grad((sol.y**2).sum(), times)
    for i in range(2):
        t = times[:, i].detach().requires_grad_()
        y = nodekit.solve(lambda t, y: smooth(t, y, P), y0[i], t, breakpoints=KNOTS, rtol=1e-9, atol=1e-9, params=[]).y
        np.testing.assert_allclose(found[:, i], torch.autograd.grad((y**2).sum(), t)[0], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_jacobian_is_asked_on_the_same_side(library):
    """The user's jac(t, y) is told the times that f is, in float32 too."""
    seen = []
    y0 = torch.ones(2) if library == "torch" else np.ones(2, np.float32)

    def jac(t, y):
        seen.append(number(t))
        return -torch.eye(2) if library == "torch" else -np.eye(2)

    knots = [0.1, 0.3, 0.7]
    nodekit.solve(lambda t, y: -y, y0, (0.1, 0.7), method="gl4", step=0.05, breakpoints=knots, jac=jac)
    assert len(seen) >= 12
    assert not {float(np.float32(k)) for k in knots} & {float(np.float32(t)) for t in seen}


def test_blocks_take_breakpoints():
    """batch="blocks": the steps and states of the joint solve."""
    y0 = torch.tensor(np.array([Y0, -Y0, 2 * Y0]))

    def f(t, y):
        return torch.sin(y) * level(t) - y[:, [1, 2, 0]]

    joint, blocks = (
        nodekit.solve(f, y0, (0.0, 2.0), method="radau", batch=batch, breakpoints=KNOTS)
        for batch in ("joint", "blocks")
    )
    np.testing.assert_allclose(blocks.y, joint.y, rtol=0, atol=1e-8)
    assert blocks.stats.n_accepted == joint.stats.n_accepted


@pytest.mark.slow(seconds=60)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("method", ["dopri5", "rk4", "dopri8"])
def test_compiled_loops_take_breakpoints(method, dtype):
    """compile=True: the steps of the ordinary loop, its states, outputs and gradients, without compiling each piece."""
    from nodekit.torch_backend.loops import cache

    knots = torch.tensor([0.0, 0.37, 0.8, 1.45, 1.5, 2.0], dtype=dtype)
    levels = torch.tensor(LEVELS, dtype=dtype)
    p = P.clone().to(dtype).requires_grad_()

    def f(t, y):
        k = torch.sum(levels * ((knots[:-1] <= t) & (t < knots[1:])))
        return p[0] * torch.sin(y) * (1 + 0.1 * k) + p[1] * k + p[2] * y * (1 + t)

    tight = 1e-7 if dtype is torch.float64 else 1e-4
    kwargs = {"method": method, "breakpoints": [0.0, 0.37, 0.8, 1.45, 1.5, 2.0], "rtol": tight, "atol": tight}
    for times in ((0.0, 2.0), [1.9, 1.45, 0.8, 0.6, 0.2]):
        found = []
        before = len(cache._made)
        for compiled in (False, True):
            y0 = torch.tensor(Y0, dtype=dtype, requires_grad=True)
            sol = nodekit.solve(f, y0, times, compile=compiled, params=[p], **kwargs, **sized(method))
            found.append((sol, *torch.autograd.grad((sol.y**2).sum(), [y0, p])))
        assert len(cache._made) - before <= 4
        (a, *da), (b, *db) = found
        eps = 1e-11 if dtype is torch.float64 else 2e-4
        assert a.t.tolist() == pytest.approx(b.t.tolist(), abs=100 * eps)
        if dtype is torch.float64:
            assert a.stats.n_accepted == b.stats.n_accepted
        np.testing.assert_allclose(b.y.detach(), a.y.detach(), rtol=eps, atol=eps)
        for x, y in zip(da, db, strict=True):
            np.testing.assert_allclose(y, x, rtol=100 * eps, atol=100 * eps)


def test_dense_output_is_right_on_each_side():
    """sol(t) is continuous at a knot, and its slopes on either side are those of f there; copies keep it."""
    sol = nodekit.solve(field, Y0, (0.0, 2.0), rtol=1e-9, atol=1e-9, breakpoints=KNOTS)
    for k in KNOTS[1:-1]:
        d = 1e-5
        y = sol(k)
        assert np.abs(sol(np.nextafter(k, 0)) - y).max() < 1e-13
        assert np.abs(sol(np.nextafter(k, 9)) - y).max() < 1e-13
        np.testing.assert_allclose((y - sol(k - d)) / d, field(k - d / 2, sol(k - d / 2)), atol=1e-3)
        np.testing.assert_allclose((sol(k + d) - y) / d, field(k + d / 2, sol(k + d / 2)), atol=1e-3)
    again = pickle.loads(pickle.dumps(sol))
    times = np.linspace(0.0, 2.0, 41)
    assert (again(times) == sol(times)).all()
    y32 = nodekit.solve(
        field, torch.tensor(Y0, dtype=torch.float32), (0.0, 2.0), method="rk4", step=0.1, breakpoints=KNOTS
    )
    again = pickle.loads(pickle.dumps(y32))
    assert (again(times) == y32(times)).all()


def test_a_failure_keeps_what_was_solved():
    """nan in the third piece: the pieces before it, and where it is."""

    def f(t, y):
        return y * math.nan if t > 0.8 else field(t, y)

    for kwargs in ({}, {"method": "rk4", "step": 0.05}, {"method": "kvaerno3"}):
        with pytest.raises(SolveError, match=r"f is nan in component 0 at t = 0\.8") as error:
            nodekit.solve(f, Y0, (0.0, 2.0), breakpoints=KNOTS, **kwargs)
        sol = error.value.solution
        assert sol.t[-1] == 0.8
        np.testing.assert_allclose(sol.y[-1], exact(0.0, 0.8), atol=1e-3)
        np.testing.assert_allclose(sol(0.5), exact(0.0, 0.5), atol=1e-3)
    with pytest.raises(SolveError, match="max_steps = 9 steps were tried") as error:
        nodekit.solve(field, Y0, (0.0, 2.0), breakpoints=KNOTS, max_steps=9)
    assert len(error.value.solution.steps.t) == 9


@pytest.mark.parametrize("method", ["kvaerno5", "yoshida4"])
def test_methods_that_reach_outside_of_a_step_are_refused(method):
    """They would see beyond the breakpoint."""
    with pytest.raises(ValueError, match="evaluates f outside of its steps"):
        nodekit.solve(lambda t, y: -y, np.ones(2), (0.0, 1.0), method=method, breakpoints=[0.5], **sized(method))


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ([0.5, 0.2], ValueError, r"breakpoints\[0\]=0.5 is followed by breakpoints\[1\]=0.2"),
        ([0.5, 0.5], ValueError, "Sort them, and give each once"),
        ([0.1, math.nan], ValueError, r"breakpoints\[1\]=nan is not finite"),
        (torch.tensor([0.1, math.inf]), ValueError, r"breakpoints\[1\]=inf is not finite"),
        ("ab", TypeError, "must be a sequence of times"),
        (0.5, TypeError, "must be a sequence of times"),
        ([[0.5]], TypeError, "must be a sequence of times"),
        ([1j], TypeError, "must be a sequence of times"),
        ([0.5, np.nextafter(0.5, 1.0)], ValueError, "there is no time between"),
    ],
)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_what_are_no_breakpoints_is_one_clear_error(library, given, kind, words):
    with pytest.raises(kind, match=words):
        nodekit.solve(lambda t, y: -y, on(library), (0.0, 1.0), breakpoints=given)


def test_breakpoints_too_near_for_ys_precision_are_refused():
    """What float64 tells apart, float32 may not."""
    given = [0.5, 0.5 + 1e-9]
    assert nodekit.solve(lambda t, y: -y, torch.ones(1).double(), (0.0, 1.0), breakpoints=given).success
    with pytest.raises(ValueError, match="precision of y0"):
        nodekit.solve(lambda t, y: -y, torch.ones(1), (0.0, 1.0), breakpoints=given)
    assert nodekit.solve(lambda t, y: -y, torch.ones(1), (0.6, 1.0), breakpoints=given).success  # they are outside


@pytest.mark.parametrize("near", [0, 1, -1, 4, -4])
def test_a_breakpoint_at_an_end_up_to_rounding_is_harmless(near):
    """Knots that were computed otherwise than the interval's ends cause no tiny step."""

    def smooth(t, y):  # a jump that is not said would have its own tiny steps
        return A @ y + 0.3 * math.cos(t)

    move = near * np.spacing(0.3)
    for ends in ((0.3, 1.0), (1.0, 0.3)):
        sol = nodekit.solve(smooth, Y0, ends, breakpoints=[0.3 + move, 0.5, 1.0 + near * np.spacing(1.0)])
        assert np.abs(sol.steps.h).min() > 1e-6
        assert sol.t[0] == ends[0]
        assert sol.t[-1] == ends[1]
    assert nodekit.solve(field, Y0, (0.5, 0.5), breakpoints=[0.5]).success
    outputs = [0.3, 0.5 - np.spacing(0.5) / 2, 1.0]
    sol = nodekit.solve(smooth, Y0, outputs, method="dopri8", breakpoints=[0.5])
    assert sol.t.tolist() == outputs
    assert np.abs(sol.steps.h).min() > 1e-6


def test_sides_of_breakpoints():
    """In the order of the way; at the ends one side; those outside are left out."""
    assert list(sides([0.0, 1.0, 2.0, 3.0], 2.5, 0.0)) == [2.0, 1.0, 0.0]
    found = sides([0.0, 1.0], 0.0, 2.0)
    assert found[0.0] == (5e-324, 5e-324)
    assert found[1.0] == (np.nextafter(1, 0), np.nextafter(1, 2))
    f = Sided(None, [1.0], lambda b: (0.9, 1.1))
    assert [f.inside(t) for t in (0.5, 0.95, 1.0, 1.05, 1.2)] == [0.5, 0.9, 1.1, 1.1, 1.2]


def test_an_adjoint_of_an_interval_of_no_length_is_the_identity():
    """t0 = t1: dL/dy0 is dL/dy, once."""
    for way in WAYS:
        y0 = torch.ones(2, dtype=torch.float64, requires_grad=True)
        nodekit.solve(lambda t, y: -y, y0, (1.0, 1.0), gradient=way).y.sum().backward()
        assert (y0.grad == 1).all()
