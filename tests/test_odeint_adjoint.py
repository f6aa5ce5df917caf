"""Gradients of the drop-in for torchdiffeq: through odeint, by odeint_adjoint with its options, and of event times."""

import functools
import gc
import math

import pytest
import torch
from torch import nn

from nodekit import odeint, odeint_adjoint, odeint_event, solve
from tests.test_odeint import Y0, Net, Steps, T, swing

WEIGHTS = torch.randn(7, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def gradients(solver, f, t=T, weights=WEIGHTS, create_graph=False, **arguments):
    """dL/d(y0, t, parameters) of L = Σ weights · states."""
    inputs = [Y0.clone().requires_grad_(), t.clone().requires_grad_(), *f.parameters()]
    y = solver(f, inputs[0], inputs[1], **arguments)
    return torch.autograd.grad((y * weights).sum(), inputs, create_graph=create_graph)


@functools.cache
def reference(direction="forward"):
    """The same, of a solve by another method at 1e-12, by central differences in every number."""
    t = T if direction == "forward" else T.flip(0)
    f, arrays = Net(), []

    @torch.no_grad()
    def loss(y0, t):
        y = solve(f, y0, t, method="dop853", rtol=1e-12, atol=1e-13).y
        return (y * WEIGHTS).sum().item()

    y0, t = Y0.clone(), t.clone()
    for x in (y0, t, *f.parameters()):
        g, flat = torch.zeros_like(x), x.data.view(-1)
        for i in range(x.numel()):
            values, kept = [], flat[i].item()
            for e in (1e-5, -1e-5):
                flat[i] = kept + e
                values.append(loss(y0, t))
            flat[i] = kept
            g.view(-1)[i] = (values[0] - values[1]) / 2e-5
        arrays.append(g)
    return arrays


def close(found, expected, tol):
    return all(torch.allclose(a, b, rtol=tol, atol=tol) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("solver", [odeint, odeint_adjoint])
@pytest.mark.parametrize("method", ["dopri5", "dopri8", "rk4", "implicit_adams", "radauIIA5", "scipy_solver"])
@pytest.mark.slow(seconds=30)
def test_gradients_against_finite_differences(method, solver, direction):
    """By y0, by the output times and by every parameter, both ways in time, to the accuracy of the method."""
    if method == "scipy_solver":
        pytest.importorskip("scipy")
        if solver is odeint:
            return
    t = T if direction == "forward" else T.flip(0)
    options = {"step_size": 0.03, "interp": "cubic"} if method in ("rk4", "implicit_adams", "radauIIA5") else None
    tol = 1e-4 if options else 1e-5
    found = gradients(solver, Net(), t, method=method, options=options, rtol=1e-9, atol=1e-10)
    assert close(found, reference(direction), tol)


def test_double_backward():
    """odeint can be differentiated twice; odeint_adjoint says that it cannot."""
    f = Net(3)

    def first(y0):
        y = odeint(f, y0, T[:2], method="rk4", options={"step_size": 0.1})
        return torch.autograd.grad((y**3).sum(), y0, create_graph=True)[0]

    assert torch.autograd.gradcheck(first, Y0.clone().requires_grad_())
    g = gradients(odeint_adjoint, f, create_graph=True)
    with pytest.raises(RuntimeError, match="can be differentiated once"):
        g[0].sum().backward()


@pytest.mark.filterwarnings("ignore:gradient='adjoint' solved the state backward")  # steps are coarse
def test_adjoint_on_the_grid_of_t_equals_a_chain_of_solves():
    """A fixed-step method whose grid is t: the way back steps from output to output, from the forward's states.

    So it equals solves of the augmented equation over each interval, written out with Euler steps.
    """
    f, t = Net(), T
    y0 = Y0.clone().requires_grad_()
    states = odeint_adjoint(f, y0, t, method="euler")
    (states * WEIGHTS).sum().backward()
    a, dW = WEIGHTS[-1].clone(), torch.zeros_like(f.net[0].weight)
    for i in range(6, 0, -1):
        y = states[i].detach().requires_grad_()
        vy, vW = torch.autograd.grad(f(t[i], y), [y, f.net[0].weight], a)
        h = t[i] - t[i - 1]
        a, dW = a + h * vy + WEIGHTS[i - 1], dW + h * vW
    assert torch.allclose(y0.grad, a, rtol=1e-13)
    assert torch.allclose(f.net[0].weight.grad, dW, rtol=1e-13)


@pytest.mark.parametrize("options", [None, {"step_size": 0.05}])
def test_backward_cost_does_not_grow_with_the_outputs(options, measured):
    """2, 10, 100 and 1000 outputs of one solve: one sweep, with evaluations that stay bounded."""
    costs = []
    for n in (2, 10, 100, 1000):
        f = Net()
        y = odeint_adjoint(f, Y0, torch.linspace(0, 5, n).double(), method="rk4" if options else None, options=options)
        f.nfe = 0
        y.sum().backward()
        costs.append(f.nfe)
    measured(f"odeint_adjoint {options}: evaluations of the way back for 2, 10, 100, 1000 outputs: {costs}")
    assert costs[3] <= 1.25 * costs[2] < 5 * costs[0]


@pytest.mark.filterwarnings("ignore:gradient='adjoint' solved the state backward")  # steps are coarse
def test_adjoint_tolerances_method_and_options():
    """Each adjoint_ argument governs the way back alone: seen in its steps."""
    runs = {}
    for name, arguments in {
        "default": {},
        "loose": {"adjoint_rtol": 1e-3, "adjoint_atol": 1e-3},
        "rtol": {"adjoint_rtol": 1e-3},
        "atol": {"adjoint_atol": 1e-3},
        "method": {"adjoint_method": "bosh3"},
        "grid": {"adjoint_method": "rk4", "adjoint_options": {"step_size": 0.5}},
        "bounded": {"adjoint_options": {"max_step": 0.1}},
        "stops": {"adjoint_options": {"step_t": torch.tensor([1.0])}},
        "forced": {"adjoint_rtol": 1e-12, "adjoint_options": {"min_step": 0.9}},
    }.items():
        f = Steps(Net(), ["step"])
        y = odeint_adjoint(f, Y0, T[[0, 6]], rtol=1e-7, atol=1e-7, **arguments)
        forward = f.sizes()
        y.sum().backward()
        starts = [t.item() for kind, t, _, _ in f.log if kind == "step_adjoint"]
        runs[name] = forward, f.sizes("step_adjoint"), starts
    assert len({tuple(forward) for forward, _, _ in runs.values()}) == 1
    steps = {name: len(back) for name, (_, back, _) in runs.items()}
    assert steps["loose"] <= min(steps["rtol"], steps["atol"])
    assert max(steps["rtol"], steps["atol"]) < steps["default"]
    assert steps["method"] > 3 * steps["default"]
    assert runs["grid"][1] == pytest.approx([0.5] * 5 + [0.2])
    assert max(runs["bounded"][1]) <= 0.1
    assert 1.0 in runs["stops"][2]
    assert 1.0 not in runs["default"][2]
    assert steps["forced"] == 3


def test_options_of_the_forward_solve_are_those_of_the_way_back():
    """adjoint_options defaults to options, but for the norm."""
    f = Steps(Net(), ["step"])
    seen = []
    norm = lambda e: (seen.append(e.shape), e.abs().max())[1]  # noqa: E731
    y = odeint_adjoint(f, Y0, T[[0, 6]], options={"max_step": 0.1, "norm": norm})
    forward = len(seen)
    y.sum().backward()
    assert max(f.sizes("step_adjoint")) <= 0.1
    assert set(seen) == {(2, 2)}  # the state's norm, of y and of dL/dy
    assert len(seen) == forward + 2 * len(f.sizes("step_adjoint"))


@pytest.mark.parametrize("shape", [(), (2, 2)])
def test_adjoint_norm(shape):
    """A norm of adjoint_options gets (dL/dt, y, dL/dy, *dL/dparams); for a tuple state, y and dL/dy part by part."""
    params = (
        torch.rand(7, dtype=torch.float64, requires_grad=True),
        torch.rand((), requires_grad=True).double(),
    )
    seen = []

    def norm(state):
        seen.append([part.shape for part in state])
        return max(part.abs().max() for part in state)

    y0 = torch.ones(shape).double()
    f = lambda t, y: y * params[0][0] * params[1]  # noqa: E731
    odeint_adjoint(f, y0, T, adjoint_params=params, adjoint_options={"norm": norm}).sum().backward()
    assert seen[0] == [(), shape, shape, (7,), ()]
    seen.clear()
    pair = lambda t, y: (f(t, y[0]), f(t, y[1]))  # noqa: E731
    out = odeint_adjoint(
        pair, (y0.reshape(-1), y0[..., None]), T, adjoint_params=params, adjoint_options={"norm": norm}
    )
    out[0].sum().backward()
    assert seen[0] == [(), (y0.numel(),), (*shape, 1), (y0.numel(),), (*shape, 1), (7,), ()]


@pytest.mark.parametrize("own", [False, True], ids=["rms", "own norm"])
def test_seminorm(own):
    """With "seminorm" the parameters' integrals do not count: fewer steps back, and still the gradient."""
    costs, found = [], []
    for norm in (None, "seminorm"):
        f = Net(64)
        options = {"norm": lambda e: e.square().mean().sqrt()} if own else None
        y0 = Y0.clone().requires_grad_()
        adjoint_options = {"norm": norm} if norm else {}
        y = odeint_adjoint(f, y0, T[[0, -1]], options=options, adjoint_options=adjoint_options, rtol=1e-8, atol=1e-10)
        f.nfe = 0
        y.sum().backward()
        costs.append(f.nfe)
        found.append(torch.cat([p.grad.reshape(-1) for p in f.parameters()]))
    assert costs[1] < 0.95 * costs[0]
    assert torch.cosine_similarity(*found, dim=0) > 1 - 1e-8


def test_parameters():
    """All of func's parameters, those that it does not use get 0; adjoint_params instead, where they are given."""

    class Unused(Net):
        def __init__(self):
            super().__init__()
            self.extra = nn.Linear(2, 2)

    f = Unused()
    odeint_adjoint(f, Y0, T).sum().backward()
    assert f.extra.weight.grad is not None
    assert not f.extra.weight.grad.any()
    assert f.net[0].weight.grad.any()
    f.zero_grad()
    odeint_adjoint(f, Y0, T, adjoint_params=(f.net[0].weight,)).sum().backward()
    assert f.net[0].weight.grad.any()
    assert f.net[0].bias.grad is None
    replica = nn.Linear(2, 2).double()  # as DataParallel makes them: parameters are attributes
    w = torch.eye(2, dtype=torch.float64, requires_grad=True)
    for name, value in (("weight", w * 1), ("bias", torch.zeros(2).double())):
        del replica._parameters[name]
        setattr(replica, name, value)
    replica._is_replica = True
    replica.forward = lambda t, y: y @ replica.weight
    odeint_adjoint(replica, Y0, T).sum().backward()
    assert w.grad.any()


# --- events --------------------------------------------------------------------------------------------------------


class Ball(nn.Module):
    """A ball that falls from `height` at speed `speed` down to the floor at `radius`."""

    def __init__(self):
        super().__init__()
        self.gravity, self.radius, self.height, self.speed, self.t0 = (
            nn.Parameter(torch.tensor([x], dtype=torch.float64)) for x in (9.8, 0.2, 10.0, 1.5, 0.7)
        )

    def forward(self, t, state):
        return state[1], -self.gravity.expand_as(state[1])

    def floor(self, t, state):
        return state[0] - self.radius

    def lands(self):
        """(time, speed) in closed form."""
        speed = -torch.sqrt(self.speed**2 + 2 * self.gravity * (self.height - self.radius))
        return self.t0 + (self.speed - speed) / self.gravity, speed


@pytest.mark.parametrize("solver", [odeint, functools.partial(odeint_adjoint, adjoint_params=())])
def test_bouncing_ball(solver):
    """Event time and state, and their gradients by t0, height, speed, gravity and the floor, equal the closed form."""
    ball = Ball()
    if solver is not odeint:
        solver = odeint_adjoint
    t, (height, speed) = odeint_event(
        ball,
        (ball.height, ball.speed),
        ball.t0,
        event_fn=ball.floor,
        odeint_interface=solver,
        rtol=1e-9,
        atol=1e-9,
    )
    exact_t, exact_speed = ball.lands()
    assert t.item() == pytest.approx(exact_t.item(), rel=1e-12)
    assert height[-1].item() == pytest.approx(0.2, abs=1e-12)
    assert speed[-1].item() == pytest.approx(exact_speed.item(), rel=1e-12)
    params = list(ball.parameters())
    for found, exact in ((t, exact_t), (speed[-1], exact_speed)):
        a = torch.autograd.grad(found.sum(), params, retain_graph=True, allow_unused=True)
        b = torch.autograd.grad(exact.sum(), params, allow_unused=True, retain_graph=True)
        for x, y in zip(a, b, strict=True):
            expected = 0.0 if y is None else y.item()
            assert (0.0 if x is None else x.item()) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "rk4", "heun2", "implicit_adams", "radauIIA5", "kvaerno5"])
@pytest.mark.parametrize("reverse", [False, True])
def test_events_of_every_kind_of_method(method, reverse):
    """y = e^t from 1 meets 2 (or 1/2, back in time) at ±log 2, by adaptive and by fixed steps."""
    fixed = method in ("rk4", "heun2", "implicit_adams", "radauIIA5")
    options = {"step_size": 0.01, "interp": "cubic"} if fixed else None
    level = 0.5 if reverse else 2.0
    with torch.no_grad():
        t, y = odeint_event(
            lambda t, y: y, torch.ones(1).double(), torch.tensor(0.0).double(), reverse_time=reverse,
            event_fn=lambda t, y: y - level, method=method, options=options,
        )  # fmt: skip
    assert t.item() == pytest.approx(math.log(level), rel=2e-4 if method in ("heun2", "kvaerno5") else 1e-6)
    assert y.shape == (2, 1)
    assert y[-1].item() == pytest.approx(level, rel=1e-9)


def test_the_first_of_several_events():
    """Of event_fn's elements, whatever their signs at the start, the first to become zero ends the solve."""
    event_fn = lambda t, y: torch.stack([y[0] - 9.0, 3.0 - y[0], t - 50.0])  # noqa: E731
    t, _ = odeint_event(lambda t, y: y, torch.ones(1).double(), torch.tensor(0.0).double(), event_fn=event_fn)
    assert t.item() == pytest.approx(math.log(3.0), rel=1e-7)


def test_an_event_that_is_zero_from_some_time_on():
    """The solve ends where the zeros begin, and at once if it begins on one."""
    event_fn = lambda t, y: torch.zeros_like(y) if t > 1.25 else y  # noqa: E731
    y0, t0 = torch.ones(1, dtype=torch.float64, requires_grad=True), torch.tensor(0.0).double()
    t, _ = odeint_event(lambda t, y: y, y0, t0, event_fn=event_fn)
    assert t.item() == pytest.approx(1.25, rel=1e-12)
    t, y = odeint_event(lambda t, y: y, y0, t0 + 2, event_fn=event_fn)
    assert t.item() == 2.0
    assert y.tolist() == [[1.0], [1.0]]


def test_events_that_never_come():
    """max_num_steps ends an adaptive solve, 20000 steps a fixed one, which needs step_size."""
    arguments = {"event_fn": lambda t, y: y + 2.0, "t0": torch.tensor(0.0).double()}
    decay, y0 = lambda t, y: -y, torch.ones(1).double()
    with pytest.raises(AssertionError, match="max_num_steps exceeded"):
        odeint_event(decay, y0, options={"max_num_steps": 50}, **arguments)
    with pytest.raises(RuntimeError, match="20000 steps"):
        odeint_event(decay, y0, method="euler", options={"step_size": 0.01}, **arguments)
    with pytest.raises(AssertionError, match="requires `step_size`"):
        odeint_event(decay, y0, method="euler", **arguments)


def test_an_event_in_the_middle_of_training():
    """A parameter of event_fn that is not in the state gets its gradient: y = e^t meets c at log c, dt/dc = 1/c."""
    c = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    t, _ = odeint_event(
        lambda t, y: y,
        torch.ones(1).double(),
        torch.tensor(0.0).double(),
        event_fn=lambda t, y: y - c,
        rtol=1e-9,
    )
    t.backward()
    assert c.grad.item() == pytest.approx(1 / 3, rel=1e-8)


# --- in use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [odeint, odeint_adjoint])
@pytest.mark.slow(seconds=30)
def test_fit_a_spiral(solver):
    """A field learns a damped rotation from a trajectory: the loss falls to a fifth in 60 steps."""
    A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    y0, t = torch.tensor([[2.0, 0.0]]), torch.linspace(0, 1.5, 12)
    with torch.no_grad():
        truth = odeint(lambda t, y: y @ A, y0, t)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))

    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, t, y):
            return self.net(y)

    f, losses = Field(), []
    optimizer = torch.optim.Adam(f.parameters(), 2e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = (solver(f, y0, t, rtol=1e-4, atol=1e-4) - truth).abs().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("options", [None, {"jump_t": torch.tensor([1.0])}], ids=["plain", "jump_t"])
@pytest.mark.parametrize("solver", [odeint, odeint_adjoint])
@pytest.mark.slow(seconds=30)
def test_no_reference_cycles(solver, options):
    """With the garbage collector off, 20 training steps leave no tensor behind."""
    f = Steps(Net(), ["step"])
    f.callback_step = f.callback_step_adjoint = lambda t, y, dt: None

    def step():
        y0 = Y0.clone().requires_grad_()
        solver(f, y0, T, options=options).sum().backward()
        t, y = odeint_event(f, y0, T[0], event_fn=lambda t, y: t - 1.5 + 0 * y.sum(), odeint_interface=solver)
        (t + y.sum()).backward()
        f.zero_grad()

    def tensors():
        return sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects())

    step()
    gc.collect()
    gc.disable()
    try:
        before = tensors()
        for _ in range(20):
            step()
        assert tensors() <= before + 2
    finally:
        gc.enable()


def test_vmap_over_parameters():
    """A fixed-step solve runs under torch.func.vmap: as one after the other."""
    rates = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    end = lambda rate: odeint(lambda t, y: -rate * y, Y0, T, method="rk4")[-1]  # noqa: E731
    assert torch.allclose(torch.func.vmap(end)(rates), torch.stack([end(rate) for rate in rates]))


def test_swing_is_the_field_of_the_other_tests():
    assert torch.equal(swing(T[0], Y0), Y0 * torch.cos(T[0]))


IMPLICIT = (
    "implicit_euler",
    "implicit_midpoint",
    "trapezoid",
    "radauIIA3",
    "gl4",
    "radauIIA5",
    "gl6",
    "sdirk2",
    "trbdf2",
)


class Driven(torch.nn.Module):
    """A field that depends on time, with a Jacobian that is not normal."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
        self.A, self.b = torch.nn.Parameter(draw(3, 3) - torch.eye(3)), torch.nn.Parameter(draw(3))
        self.kinds = []

    def forward(self, t, y):
        return torch.tanh(y @ self.A.T) * torch.cos(t) + self.b * t - 0.3 * torch.sin(y)

    def callback_step_adjoint(self, t, y, dt):
        self.kinds.append(dt.item())


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("method", IMPLICIT)
def test_implicit_methods_go_back_by_their_own_steps(method, forward, measured):
    """With the steps of the forward solve: as many, of that size, and a gradient that nears the exact one with them.

    Gauss's methods conserve the product of the adjoint and a tangent: theirs is the exact gradient, to rounding.
    """
    weights, errors = torch.tensor([1.0, -2.0, 0.3], dtype=torch.float64), []
    for n in (20, 40):
        t = torch.linspace(0.0, 1.0, n + 1, dtype=torch.float64)
        t = (t if forward else t.flip(0)).requires_grad_()
        f, y0 = Driven(), torch.tensor([[1.0, 0.2, -0.5], [0.3, 0.1, 0.9]], dtype=torch.float64, requires_grad=True)
        inputs = [y0, t, f.A, f.b]
        loss = lambda y: (y[-1] * weights).sum() + y[n // 2, 0, 1]  # noqa: B023, E731
        exact = torch.autograd.grad(loss(odeint(f, y0, t, method=method)), inputs)
        found = torch.autograd.grad(loss(odeint_adjoint(f, y0, t, method=method)), inputs)
        errors.append(max(((a - b).abs().max() / a.abs().max()).item() for a, b in zip(exact, found, strict=True)))
        assert f.kinds == pytest.approx([1 / n] * n)
    measured(f"odeint_adjoint by {method}, {'forward' if forward else 'backward'} in time: {errors}")
    if method in ("implicit_midpoint", "gl4", "gl6"):
        assert errors[1] < 1e-12
    else:
        assert errors[1] < errors[0] / 1.6 or errors[1] < 1e-8
        assert errors[1] < (0.3 if method == "implicit_euler" else 0.01)


def test_an_output_within_a_step_of_an_implicit_way_back():
    """A grid that does not meet the outputs: what they add within a step is that of the step's own dense output."""
    f, y0 = Driven(), torch.tensor([[1.0, 0.2, -0.5]], dtype=torch.float64, requires_grad=True)
    t = torch.tensor([0.0, 0.33, 1.0], dtype=torch.float64)
    grads = []
    for solver, options in ((odeint, None), (odeint_adjoint, {"adjoint_options": {"step_size": 0.02}})):
        arguments = {"method": "gl4", "options": {"step_size": 0.02}, **(options or {})}
        y = solver(f, y0, t, **arguments)
        grads.append(torch.autograd.grad(y[1].sum() - 2 * y[2, 0, 1], [y0, f.A]))
    for a, b in zip(*grads, strict=True):
        assert (a - b).abs().max() < 1e-3 * a.abs().max()


def test_the_norm_of_the_way_back_stands_in_the_graph():
    """y.grad_fn.adjoint_options["norm"], as in torchdiffeq: it can be read and exchanged."""
    f, t = Driven(), torch.tensor([0.0, 1.0], dtype=torch.float64)
    y0 = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    y = odeint_adjoint(f, y0, t)
    norm, seen = y.grad_fn.adjoint_options["norm"], []

    def spy(parts):
        seen.append([tuple(part.shape) for part in parts])
        return norm(parts)

    y.grad_fn.adjoint_options["norm"] = spy
    y.sum().backward()
    assert seen
    assert seen[0] == [(), (2, 3), (2, 3), (3, 3), (3,)]
