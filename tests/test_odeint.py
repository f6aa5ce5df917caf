"""The drop-in for torchdiffeq: each name, option, callback and error does what that library's documentation says."""

import math
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from torch import nn

from nodekit import SolveError, odeint, odeint_adjoint, odeint_dense

ADAPTIVE = ["dopri8", "dopri5", "tsit5", "bosh3", "fehlberg2", "adaptive_heun"]
# Fixed-step methods and the error that they may have on `swing` with step_size 0.02.
FIXED = {
    "euler": 1e-1, "implicit_euler": 1e-1, "midpoint": 6e-4, "heun2": 6e-4, "implicit_midpoint": 6e-4,
    "trapezoid": 6e-4, "sdirk2": 6e-4, "trbdf2": 6e-4, "heun3": 4e-6, "radauIIA3": 4e-6, "rk4": 1e-7, "gl4": 1e-7,
    "explicit_adams": 4e-6, "implicit_adams": 4e-6, "fixed_adams": 4e-6, "radauIIA5": 1e-10, "gl6": 1e-12,
}  # fmt: skip
T = torch.linspace(0.3, 3.0, 7, dtype=torch.float64)
Y0 = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)


def swing(t, y):
    """y' = y cos t: not autonomous."""
    return y * torch.cos(t)


def exact(t, t0=None, y0=Y0):
    t0 = t[0] if t0 is None else t0
    return torch.exp(torch.sin(t) - torch.sin(t0)).reshape(-1, *[1] * y0.dim()) * y0


class Steps(nn.Module):
    """A field that records what its callbacks are told: (kind, t, y, dt)."""

    def __init__(self, f=swing, kinds=("step", "accept_step", "reject_step")):
        super().__init__()
        self.f, self.log = f, []
        for kind in (*kinds, *(f"{kind}_adjoint" for kind in kinds)):
            setattr(self, f"callback_{kind}", lambda t, y, dt, kind=kind: self.log.append((kind, t, y, dt)))

    def forward(self, t, y):
        return self.f(t, y)

    def sizes(self, kind="step"):
        return [dt.item() for k, _, _, dt in self.log if k == kind]


class Net(nn.Module):
    """A tanh field of t and y that counts its evaluations."""

    def __init__(self, width=8):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2)).double()
        for p in self.net.parameters():
            p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.7
        self.nfe = 0

    def forward(self, t, y):
        self.nfe += 1
        return self.net(y * torch.cos(t))


# --- methods -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [T, T.flip(0)], ids=["forward", "backward"])
@pytest.mark.parametrize("method", [*ADAPTIVE, *FIXED])
def test_every_method(method, t):
    """By its torchdiffeq name, both ways in time: the exact solution to the tolerance, or to the method's order."""
    options = {"step_size": 0.02, "interp": "cubic"} if method in FIXED else None
    y = odeint(swing, Y0, t, method=method, options=options)
    assert y.shape == (7, 2, 2)
    assert y.dtype == Y0.dtype
    error = (y - exact(t)).abs().amax((1, 2))
    assert error[-1] < FIXED.get(method, 2e-5)
    # Between grid points the cubic has order 4; fehlberg2's long steps have a dense output of order 2.
    assert error.max() < max(FIXED.get(method, 2e-4 if method == "fehlberg2" else 1e-4), 3e-8)


@pytest.mark.parametrize("method", ["kvaerno5", "radau", "rodas5p", "bdf", "auto", "dop853"])
def test_methods_of_ours(method):
    """Every method of `nodekit.solve` can be named."""
    with torch.no_grad():
        assert (odeint(swing, Y0, T, method=method, rtol=1e-6) - exact(T)).abs().max() < 1e-3


def test_scipy_solver():
    """scipy_solver takes SciPy's methods, forward and backward; odeint_adjoint differentiates through it."""
    pytest.importorskip("scipy")
    for solver in (None, "RK45", "DOP853"):
        options = {"solver": solver} if solver else None
        for t in (T, T.flip(0)):
            y = odeint(swing, Y0, t, method="scipy_solver", options=options)
            assert (y - exact(t)).abs().max() < 1e-5
    y0 = Y0.clone().requires_grad_()
    odeint_adjoint(swing, y0, T, method="scipy_solver", adjoint_params=())[-1].sum().backward()
    assert torch.allclose(y0.grad, exact(T, y0=torch.ones_like(Y0))[-1], rtol=1e-6)
    with pytest.raises(ValueError, match="takes no event_fn"):
        odeint(swing, Y0, T[:2], method="scipy_solver", event_fn=lambda t, y: y.sum())


def test_rk4_is_the_three_eighths_rule():
    """One step over the whole interval, against the 3/8 rule written out."""
    t, h = torch.tensor([0.3, 1.1], dtype=torch.float64), 0.8
    k1 = swing(t[0], Y0)
    k2 = swing(t[0] + h / 3, Y0 + h * k1 / 3)
    k3 = swing(t[0] + 2 * h / 3, Y0 + h * (k2 - k1 / 3))
    k4 = swing(t[1], Y0 + h * (k1 - k2 + k3))
    assert torch.allclose(odeint(swing, Y0, t, method="rk4")[1], Y0 + h / 8 * (k1 + 3 * k2 + 3 * k3 + k4), rtol=1e-14)


def test_max_order():
    """explicit_adams has the order that max_order asks for; below 4 it is rk4, with a warning; above 12 an error."""
    for order in (4, 6):
        errors = []
        for n in (80, 160):
            t = torch.linspace(0, 4, n + 1, dtype=torch.float64)
            y = odeint(swing, Y0, t, method="explicit_adams", options={"max_order": order})
            errors.append((y[-1] - exact(t)[-1]).abs().max().item())
        assert math.log2(errors[0] / errors[1]) > order - 0.5
    with pytest.warns(UserWarning, match="reduces to `rk4`"):
        y = odeint(swing, Y0, T, method="implicit_adams", options={"max_order": 3, "max_iters": 4})
    assert torch.equal(y, odeint(swing, Y0, T, method="rk4"))
    with pytest.raises(AssertionError, match="max_order must be at most 12"):
        odeint(swing, Y0, T, method="implicit_adams", options={"max_order": 13})


def test_one_output_time():
    """A single time gives the start."""
    assert torch.equal(odeint(swing, Y0, T[:1]), Y0[None])
    assert torch.equal(odeint_adjoint(Net(), Y0, T[:1]), Y0[None])


# --- states and tolerances -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [odeint, odeint_adjoint])
def test_tuple_states(solver):
    """A tuple of tensors of any shapes, 0-d ones and mixed float dtypes too: a tuple of states comes back."""
    y0 = torch.tensor(1.0, dtype=torch.float64), torch.tensor([[2.0, -1.0]])
    arguments = {"adjoint_params": ()} if solver is odeint_adjoint else {}
    a, b = solver(lambda t, y: (-y[0], y[1] * torch.cos(t)), y0, T, **arguments)
    assert torch.allclose(a, torch.exp(T[0] - T), rtol=1e-6)
    assert torch.allclose(b, exact(T, y0=y0[1].double()), rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128])
def test_dtypes(dtype):
    """The states have y0's dtype, whatever that of t."""
    y0 = torch.tensor([1.0, 2.0], dtype=dtype)
    y = odeint(lambda t, y: y * torch.cos(t), y0, T, rtol=1e-6, atol=1e-6)
    assert y.dtype == dtype
    assert torch.allclose(y.real.double(), exact(T, y0=y0.real.double()), rtol=1e-4)


def test_tolerances_for_each_number():
    """Tensors of equal entries give the steps of a number; a tuple gives each part its own."""
    runs, full = [], torch.ones((2, 2), dtype=torch.float64)
    for rtol, atol in ((1e-5, 1e-6), (1e-5 * full, 1e-6 * full), (torch.tensor(1e-5), 1e-6)):
        f = Steps()
        odeint(f, Y0, T, rtol=rtol, atol=atol, options={"first_step": 0.1})
        runs.append(f.sizes())
    assert runs[1] == pytest.approx(runs[0], rel=1e-6)
    assert runs[2] == pytest.approx(runs[0], rel=1e-6)

    def two(t, y):
        return y[0] * torch.cos(t), 20 * torch.cos(20 * t) * y[1] / y[1]

    counts = []
    for rtol, atol in (
        (1e-9, 1e-9),
        ((1e-9, 1e9), (1e-9, torch.full((2,), 1e9))),
        ((1e9, 1e-9), (1e9, 1e-9)),
    ):
        f = Steps(two)
        odeint(f, (Y0[0], Y0[1]), T, rtol=rtol, atol=atol)
        counts.append(len(f.sizes()))
    assert counts[1] < 0.5 * counts[0]  # the quick part, ignored
    assert counts[2] == pytest.approx(counts[0], rel=0.1)
    with pytest.raises(AssertionError, match="same length as the tuple"):
        odeint(two, (Y0[0], Y0[1]), T, rtol=(1e-3,))
    with pytest.raises(AssertionError, match="cannot require gradient"):
        odeint(swing, Y0, T, atol=torch.tensor(1e-6, requires_grad=True))


# --- options of adaptive methods -----------------------------------------------------------------------------------


def test_first_max_and_min_step():
    """first_step is the first tried; none is longer than max_step; one no longer than min_step is never refused."""
    f = Steps()
    odeint(f, Y0, T, options={"first_step": 0.0123})
    assert f.sizes()[0] == pytest.approx(0.0123)
    f = Steps()
    odeint(f, Y0, T, options={"max_step": torch.tensor(0.0625)})
    assert max(f.sizes()) <= 0.0625
    f = Steps()
    odeint(f, Y0, T.flip(0), rtol=1e-12, atol=1e-12, options={"min_step": 0.5})
    assert min(f.sizes()[:-1]) >= 0.5
    assert not f.sizes("reject_step")
    assert len(f.sizes("accept_step")) == 6  # 2.7 / 0.5, and the shortened last one


@pytest.mark.parametrize("method", ["bdf", "radau", "kvaerno5", "rodas5p", "auto"])
def test_min_step_of_stiff_methods(method):
    """Steps no longer than min_step are taken, and the solve comes to its end on the stiff van der Pol equation."""
    f = lambda t, y: torch.stack([y[1], 50 * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731
    y0, t = torch.tensor([2.0, 0.0], dtype=torch.float64), torch.tensor([0.0, 30.0], dtype=torch.float64)
    exact = odeint(f, y0, t, rtol=1e-10, atol=1e-10, method="radau")[-1]
    found = odeint(f, y0, t, rtol=1e-10, atol=1e-10, method=method, options={"min_step": 0.02})[-1]
    assert torch.allclose(found, exact, rtol=0, atol=1e-3)  # the solution is slow here


def test_safety_ifactor_dfactor():
    """safety makes steps shorter, ifactor bounds their growth, dfactor their shrinking."""
    runs = {}
    for name, options in {"": {}, "safe": {"safety": 0.3}, "slow": {"ifactor": 1.1}}.items():
        f = Steps()
        odeint(f, Y0, T, options={"first_step": 1e-3, **options})
        runs[name] = f.sizes("accept_step")
    assert len(runs["safe"]) > 1.5 * len(runs[""])
    growth = [b / a for a, b in pairwise(runs["slow"])]
    assert max(growth) <= 1.1 + 1e-12
    for dfactor in (0.2, 0.9):
        f = Steps()
        odeint(f, Y0, T, options={"first_step": 2.0, "dfactor": dfactor})
        assert f.sizes()[1] / f.sizes()[0] >= dfactor - 1e-12
        assert len(f.sizes("reject_step")) > (5 if dfactor == 0.9 else 0)


def test_norm():
    """options["norm"] decides: it gets what has y0's form; ten times as large a norm means more steps."""
    runs = []
    for factor in (1.0, 10.0):
        seen = []

        def norm(error, factor=factor, seen=seen):
            seen.append(error)
            return factor * max(part.abs().max() for part in error)

        f = Steps(lambda t, y: (swing(t, y[0]), swing(t, y[1])))
        odeint(f, (Y0, Y0[0]), T, options={"norm": norm})
        assert [part.shape for part in seen[0]] == [(2, 2), (2,)]
        runs.append(len(f.sizes()))
    assert runs[1] > 1.3 * runs[0]
    f, shapes = Steps(), []
    odeint(f, Y0, T, options={"norm": lambda e: (shapes.append(e.shape), e.abs().max())[1]})
    assert set(shapes) == {(2, 2)}


def test_norm_of_a_tuple_is_the_largest_part():
    """A part of many zeros does not hide the error of a small one."""
    quick = lambda t, y: (torch.cos(20 * t) * torch.ones_like(y[0]), torch.zeros_like(y[1]))  # noqa: E731
    counts = []
    for n in (1, 10_000):
        f = Steps(quick)
        odeint(f, (torch.zeros(1).double(), torch.zeros(n).double()), T)
        counts.append(len(f.sizes()))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("t", [T, T.flip(0)], ids=["forward", "backward"])
def test_step_t(t):
    """A step ends on each time of step_t within the interval; others do not matter."""
    times = torch.tensor([2.0, 0.77, 50.0, -1.0], dtype=torch.float64)
    f = Steps()
    y = odeint(f, Y0, t, options={"step_t": times})
    starts = [s.item() for kind, s, _, _ in f.log if kind == "accept_step"]
    assert {2.0, 0.77} <= set(starts)
    assert (y - exact(t)).abs().max() < 1e-5


def jumping(t, y):
    """−y/2 before t = 0.5, y² from there on."""
    return -0.5 * y if t < 0.5 else y**2


def after_the_jump(t):
    half = math.exp(-0.25)
    return half / (1 - (t - 0.5) * half)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("solver", [odeint, odeint_adjoint])
def test_jump_t(solver, dtype):
    """With the jump named, f is evaluated on its right sides: the exact solution and gradient, in fewer evaluations.

    y(1) = h/(1 − h/2) y0-wise with h = y0 e^{−1/4}: dy(1)/dy0 = e^{−1/4}/(1 − h/2)².
    """
    cost, arguments = [], {"adjoint_params": ()} if solver is odeint_adjoint else {}
    tol = 1e-9 if dtype == torch.float64 else 1e-6
    for options in (None, {"jump_t": torch.tensor([0.5])}):
        y0, calls = torch.ones(1, dtype=dtype, requires_grad=True), []
        f = lambda t, y, calls=calls: (calls.append(t.item()), jumping(t, y))[1]  # noqa: E731
        y = solver(f, y0, torch.tensor([0.0, 1.0]), rtol=tol, atol=tol, options=options, **arguments)[-1]
        y.sum().backward()
        cost.append(len(calls))
    h = math.exp(-0.25)
    assert y.item() == pytest.approx(after_the_jump(1.0), rel=20 * tol)
    assert y0.grad.item() == pytest.approx(h / (1 - h / 2) ** 2, rel=200 * tol)
    assert 0.5 in calls or max(t for t in calls if t < 0.5) > 0.4999999
    assert cost[1] < 0.7 * cost[0]


def test_jump_t_backward_in_time():
    """The same in a solve that goes back over the jump."""
    y1 = torch.tensor([after_the_jump(1.0)], dtype=torch.float64)
    y = odeint(jumping, y1, torch.tensor([1.0, 0.0]), options={"jump_t": torch.tensor([0.5])})
    assert y[-1].item() == pytest.approx(1.0, rel=1e-7)


@pytest.mark.parametrize("method", ["bdf", "radau"])
def test_jump_t_of_methods_with_a_past(method):
    """What they remember of the steps before is forgotten at a jump: fewer steps than without."""
    counts = []
    with torch.no_grad():
        for options in ({}, {"jump_t": torch.tensor([0.5])}):
            f = Steps(jumping)
            y = odeint(f, torch.ones(1).double(), torch.tensor([0.0, 1.0]), method=method, rtol=1e-5, options=options)
            counts.append(len(f.sizes()))
    assert y[-1].item() == pytest.approx(after_the_jump(1.0), rel=1e-3)
    assert counts[1] < counts[0]


def test_step_t_and_jump_t_are_distinct():
    options = {"step_t": torch.tensor([0.5, 1.0]), "jump_t": torch.tensor([1.0])}
    with pytest.raises(ValueError, match="must not have any repeated elements"):
        odeint(swing, Y0, T, options=options)


def test_max_num_steps():
    """AssertionError as in torchdiffeq, and SolveError as in nodekit, with the part that was solved."""
    with pytest.raises(AssertionError, match="max_num_steps exceeded") as error:
        odeint(swing, Y0, T, options={"max_num_steps": 3})
    assert isinstance(error.value, SolveError)
    assert len(error.value.solution.steps.t) == 3


def test_dtype_is_accepted():
    """Times are float64 whatever the option says: no difference, and no warning."""
    assert torch.equal(odeint(swing, Y0, T), odeint(swing, Y0, T, options={"dtype": torch.float32}))


@pytest.mark.parametrize(("method", "options"), [("dopri5", {"step_size": 0.1}), ("rk4", {"first_step": 0.1})])
def test_unused_options_warn(method, options):
    with pytest.warns(UserWarning, match="Unexpected arguments"):
        odeint(swing, Y0, T, method=method, options=options)


# --- options of fixed-step methods ---------------------------------------------------------------------------------


def growth(t, y):
    return y


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_grid_is_t_unless_said(sign):
    """Euler's steps go from output to output; with step_size they are of this size, the last one shorter."""
    t = sign * torch.tensor([0.0, 0.5, 0.7, 1.5], dtype=torch.float64)
    y = odeint(growth, torch.ones(1).double(), t, method="euler")
    assert torch.allclose(y[:, 0], torch.cat([torch.ones(1).double(), torch.cumprod(1 + t.diff(), 0)]))
    f = Steps(growth, ["step"])
    y = odeint(f, torch.ones(1).double(), t[[0, 3]], method="euler", options={"step_size": 0.4})
    assert f.sizes() == pytest.approx([0.4, 0.4, 0.4, 0.3])
    assert y[1].item() == pytest.approx((1 + sign * 0.4) ** 3 * (1 + sign * 0.3))


def test_step_size_of_a_float32_interval():
    """0.3 in steps of 0.1 is three steps, though 0.3 rounds up in float32."""
    f = Steps(growth, ["step"])
    odeint(f, torch.ones(1), torch.tensor([0.0, 0.3]), method="rk4", options={"step_size": 0.1})
    assert len(f.sizes()) == 3


def test_interp():
    """Between grid points: the straight line, or the cubic with f at both ends."""
    t = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    y0, options = torch.ones(1, dtype=torch.float64), {"step_size": 1.0}
    for interp, expected in (
        ("linear", 1.3),  # Euler's one step ends at 2
        ("cubic", (1 + 0.6) * 0.49 * 1 + 0.3 * 0.49 * 1 + 0.09 * 2.4 * 2 - 0.09 * 0.7 * 2),
    ):
        y = odeint(growth, y0, t, method="euler", options={**options, "interp": interp})
        assert y[1].item() == pytest.approx(expected, rel=1e-14)
    assert odeint(growth, y0, t, method="euler", options=options)[1].item() == pytest.approx(1.3)
    with pytest.raises(ValueError, match="Unknown interpolation method spline"):
        odeint(growth, y0, t, method="euler", options={**options, "interp": "spline"})


@pytest.mark.filterwarnings("ignore:gradient='adjoint' solved the state backward")  # steps are coarse
@pytest.mark.parametrize("solver", [odeint, odeint_adjoint])
def test_grid_constructor(solver):
    """It gets (func, y0, t) and its grid is stepped on; the adjoint asks again, with t reversed."""
    asked = []

    def grid(f, y0, t):
        asked.append(t.tolist())
        return torch.linspace(t[0].item(), t[-1].item(), 11).double() ** 1

    y0 = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    arguments = {"adjoint_params": ()} if solver is odeint_adjoint else {}
    y = solver(growth, y0, torch.tensor([0.0, 1.0]), method="euler", options={"grid_constructor": grid}, **arguments)
    assert y[1].item() == pytest.approx(1.1**10)
    y[1].backward()
    assert y0.grad.item() == pytest.approx(1.1**10)
    assert asked == [[0.0, 1.0], [1.0, 0.0]][: len(asked)]
    assert len(asked) == (2 if solver is odeint_adjoint else 1)
    with pytest.raises(ValueError, match="mutually exclusive"):
        odeint(growth, y0, T, method="euler", options={"grid_constructor": grid, "step_size": 0.1})
    with pytest.raises(AssertionError, match="the grid must go from"):
        odeint(growth, y0, T, method="euler", options={"grid_constructor": lambda f, y0, t: t[1:]})


@pytest.mark.parametrize("method", ["euler", "rk4", "heun2", "implicit_adams", "gl4", "trapezoid"])
@pytest.mark.parametrize("perturb", [True, False])
def test_perturb(method, perturb):
    """With perturb, f never sees the ends of steps but their neighbours inside: a jump there costs no accuracy."""
    times = []

    def f(t, y):
        times.append(t.item())
        return torch.ones_like(y) if t < 0.5 else 3 * torch.ones_like(y)

    options = {"step_size": 0.5, "perturb": perturb}
    y = odeint(f, torch.zeros(1).double(), torch.tensor([0.0, 1.0]), method=method, options=options)
    assert bool({0.0, 0.5, 1.0} & set(times)) != perturb
    if perturb:
        assert y[1].item() == pytest.approx(2.0, rel=1e-12)


# --- callbacks -----------------------------------------------------------------------------------------------------


def test_callbacks():
    """callback_step before every attempt, the others after; y in its form, dt > 0; _adjoint ones on the way back."""
    f = Steps(lambda t, y: (swing(t, y[0]), -y[1]))
    y0 = Y0.clone().requires_grad_(), Y0[0]
    y = odeint_adjoint(f, y0, T.flip(0), options={"first_step": 5.0})
    n = {kind: len(f.sizes(kind)) for kind in ("step", "accept_step", "reject_step")}
    assert n["step"] == n["accept_step"] + n["reject_step"]
    assert n["reject_step"] > 0
    assert [part.shape for part in f.log[0][2]] == [(2, 2), (2,)]
    accepted = [(t.item(), dt.item()) for kind, t, _, dt in f.log if kind == "accept_step"]
    assert accepted[0][0] == 3.0
    assert min(dt for _, dt in accepted) > 0
    assert all(a - da == pytest.approx(b) for (a, da), (b, _) in pairwise(accepted))
    assert not f.sizes("step_adjoint")
    y[0].sum().backward()
    n = {kind: len(f.sizes(f"{kind}_adjoint")) for kind in ("step", "accept_step", "reject_step")}
    assert n["step"] == n["accept_step"] + n["reject_step"] > 0
    first = next(entry for entry in f.log if entry[0] == "step_adjoint")
    assert first[1].item() == pytest.approx(0.3)
    assert [part.shape for part in first[2]] == [(), (6,), (6,)]  # (dL/dt, y, dL/dy)


@pytest.mark.parametrize("method", ["rk4", "explicit_adams"])
def test_callbacks_of_a_grid(method):
    """A fixed-step method calls callback_step for every step of its grid, and on the way back too."""
    f = Steps(Net(), ["step"])
    t = torch.tensor([0.0, 1.0], dtype=torch.float64)
    odeint_adjoint(f, Y0, t, method=method, options={"step_size": 0.1}).sum().backward()
    assert len(f.sizes()) == 10
    assert len(f.sizes("step_adjoint")) == 10


def test_callbacks_that_a_method_does_not_have():
    with pytest.warns(UserWarning, match="does not support callbacks"):
        odeint(Steps(), Y0, T, method="rk4")


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"t": [0.0, 1.0]}, AssertionError, "t must be a torch.Tensor"),
        ({"t": torch.tensor([0, 1])}, TypeError, "must be a floating point Tensor"),
        ({"t": torch.zeros(2, 2)}, AssertionError, "t must be one dimensional"),
        ({"t": torch.tensor([0.0, 1.0, 1.0])}, AssertionError, "strictly increasing or decreasing"),
        ({"t": torch.tensor([0.0, 1.0, 0.5])}, AssertionError, "strictly increasing or decreasing"),
        ({"t": torch.tensor([0.0, math.inf])}, AssertionError, "finite"),
        ({"y0": [1.0]}, AssertionError, "y0 must be either a torch.Tensor or a tuple"),
        ({"y0": torch.tensor([math.nan])}, AssertionError, "non-finite values in state `y`"),
        ({"method": "dopri6"}, ValueError, 'Invalid method "dopri6". Must be one of .*dopri5'),
        ({"event_fn": lambda t, y: y, "t": T}, ValueError, r"We require len\(t\) == 2"),
        ({"func": lambda t, y: y * math.nan}, AssertionError, "non-finite values in state `y`.*at t = 0.3"),
        (
            {"func": lambda t, y: y**2, "t": torch.tensor([0.0, 5.0])},
            AssertionError,
            "underflow in dt|non-finite",
        ),
        ({"func": lambda t, y: y[:1]}, ValueError, "shape"),
    ],
)
def test_errors(arguments, error, message):
    """The type that torchdiffeq raises, and the words to look for."""
    func, y0, t = arguments.pop("func", swing), arguments.pop("y0", Y0), arguments.pop("t", T)
    with pytest.raises(error, match=message):
        odeint(func, y0, t, **arguments)


def test_adjoint_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match="func must be an instance"):
        odeint_adjoint(swing, Y0, T)
    with pytest.raises(ValueError, match="cannot infer `adjoint_options`"):
        odeint_adjoint(Net(), Y0, T, method="rk4", options={"step_size": 0.1}, adjoint_method="dopri5")
    frozen = nn.Parameter(torch.ones(1), requires_grad=False)
    with pytest.warns(UserWarning, match="does not require gradient"):
        odeint_adjoint(swing, Y0, T, adjoint_params=(frozen,), adjoint_options={"norm": lambda z: z[1].abs().max()})


def test_torch_is_imported_only_when_asked():
    """`import nodekit` does not import torch; nodekit.odeint does."""
    code = (
        "import sys, nodekit; assert 'odeint' in dir(nodekit); assert 'torch' not in sys.modules; "
        "nodekit.odeint; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("method", ["dopri5", "rk4", "radau", "bdf", "explicit_adams"])
def test_odeint_dense(method):
    """The function t → y(t) on y' = −a y t, with its gradient by a, for numbers and tensors of times."""
    a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    options = {"step_size": 0.01} if method in ("rk4", "explicit_adams") else None
    y0 = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    y = odeint_dense(lambda t, y: -a * y * t, y0, 0.0, 2.0, method=method, options=options)
    times = torch.tensor([0.3, 1.234], dtype=torch.float64)
    assert y(times).shape == (2, 1, 2)
    assert y(0.3).shape == (1, 2)
    exact = y0 * torch.exp(-0.35 * times**2)[:, None, None]
    assert torch.allclose(y(times), exact, atol=1e-5)
    (g,) = torch.autograd.grad(y(1.234).sum(), a)
    assert g.item() == pytest.approx(-(1.234**2) / 2 * exact[1].sum().item(), rel=1e-4)
    with pytest.raises(ValueError, match="outside the solved interval"):
        y(2.1)


def test_callbacks_that_a_method_does_not_support_are_not_called():
    """torchdiffeq warns, and leaves them alone."""
    f, called = lambda t, y: -y, []
    f.callback_accept_step = lambda t, y, dt: called.append(t)
    with pytest.warns(UserWarning, match="does not support callbacks"):
        odeint(f, torch.ones(2), torch.tensor([0.0, 1.0]), method="rk4", options={"step_size": 0.1})
    assert called == []
