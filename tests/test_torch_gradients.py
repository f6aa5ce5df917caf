"""Gradients through the torch engine: four ways, their exactness, their memory, what they cost and what they refuse."""

import gc
import math
import weakref

import numpy as np
import pytest
import torch

import nodekit
from nodekit.gradients import Adjoint, Backprop, Checkpoint, Discrete, Interpolated
from nodekit.numpy_backend.gradient import solve_and_vjp

F64 = torch.float64
EXACT = [Discrete(), Discrete(memory=10_000), Checkpoint(), Checkpoint(every="sqrt"), Backprop()]
WAYS = [*EXACT, Adjoint(), Adjoint(seminorm=True), Interpolated()]
IDS = ["discrete", "some graphs", "checkpoint", "sqrt", "backprop", "adjoint", "seminorm", "interpolated"]


class Field(torch.nn.Module):
    """Non-linear, non-autonomous; 3 components."""

    def __init__(self, seed=0):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.a = torch.nn.Parameter(torch.randn(3, 3, generator=g, dtype=F64) * 0.7)
        self.b = torch.nn.Parameter(torch.randn(3, generator=g, dtype=F64))

    def forward(self, t, y):
        return torch.tanh(y @ self.a.T + self.b * torch.sin(2 * t)) - 0.3 * y


Y0 = torch.tensor([[0.5, -0.4, 1.0], [1.1, 0.2, -0.7]], dtype=F64)
TIMES = [0.0, 0.3, 0.35, 1.4, 2.0]


def loss(y):
    """Every output counts, each with a weight of its own."""
    return sum((i + 1) * (y_i**2).sum() for i, y_i in enumerate(y)) / 10


def gradient(way, rtol=1e-9, t=TIMES, method="dopri5", f=None, **arguments):
    f, y0, t = f or Field(), Y0.clone().requires_grad_(), torch.tensor(t, dtype=F64, requires_grad=True)
    sol = nodekit.solve(f, y0, t, method=method, rtol=rtol, atol=rtol, gradient=way, **arguments)
    return torch.autograd.grad(loss(sol.y), [y0, t, *f.parameters()]), sol


def reference():
    """By the NumPy reference, with another method at a far smaller tolerance."""
    import autograd.numpy as anp

    f = Field()
    a, b = f.a.detach().numpy(), f.b.detach().numpy()
    g = lambda t, y, p: anp.tanh(anp.dot(y, p[0].T) + p[1] * anp.sin(2 * t)) - 0.3 * y  # noqa: E731
    sol, vjp = solve_and_vjp(g, Y0.numpy(), np.array(TIMES), [a, b], method="dop853", rtol=1e-13, atol=1e-13)
    found = vjp(np.array([(i + 1) / 5 * y for i, y in enumerate(sol.y)]))
    return [found.y0, found.t, *found.params]


@pytest.mark.parametrize("way", WAYS, ids=IDS)
@pytest.mark.parametrize("method", ["dopri5", "dop853", "bosh3"])
@pytest.mark.slow(seconds=30)
def test_all_ways_against_numpy(way, method, measured):
    """By y0, parameters, output times and the start, at rtol = atol = 1e-9: the reference's, to the accuracy of the
    method (its dense output is of lower order than its steps)."""
    found, _ = gradient(way, method=method)
    errors = [float(np.abs(a.numpy() - b).max() / np.abs(b).max()) for a, b in zip(found, reference(), strict=True)]
    assert max(errors) < (1e-6 if method == "bosh3" else 1e-7)
    measured(f"gradient {way!r}, {method}: relative error {max(errors):.1e}")


@pytest.mark.parametrize("way", EXACT[:2], ids=IDS[:2])
@pytest.mark.parametrize("method", ["dopri5", "dop853", "rk4"])
def test_checkpoints_equal_backprop(way, method):
    """Even at a coarse tolerance: the same gradient of the same steps, to 1e-12."""
    arguments = {"rtol": 1e-2, "method": method, "step": 0.17 if method == "rk4" else None}
    for a, b in zip(gradient(way, **arguments)[0], gradient("backprop", **arguments)[0], strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", WAYS, ids=IDS)
@pytest.mark.slow(seconds=30)
def test_gradcheck(way):
    """torch.autograd.gradcheck, with the steps held: exact ways to 1e-6, adjoints at a small tolerance and step."""
    f = Field()

    def solve(y0, a):
        g = lambda t, y: torch.tanh(y @ a.T + f.b.detach() * torch.sin(2 * t)) - 0.3 * y  # noqa: E731
        return nodekit.solve(g, y0, TIMES[::2], method="dop853", step=0.05, rtol=1e-10, atol=1e-10, gradient=way).y

    assert torch.autograd.gradcheck(solve, (Y0.clone().requires_grad_(), f.a), atol=1e-7)


@pytest.mark.parametrize("way", [Adjoint(), Interpolated()], ids=["adjoint", "interpolated"])
@pytest.mark.parametrize("weights", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1e6, 1, 0)])
def test_any_output_alone(way, weights):
    """The adjoint starts where the loss looks last, and an output that outweighs it all ends a step of its own."""

    def found(way, tol):
        f, y0 = Field(), Y0.clone().requires_grad_()
        y = nodekit.solve(f, y0, [0.0, 0.9, 1.3, 2.0], rtol=tol, atol=tol, method="dop853", gradient=way).y
        return torch.autograd.grad(sum(w * (y_i**2).sum() for w, y_i in zip(weights, y[1:], strict=True)), [y0, f.a])

    for a, b in zip(found(way, 1e-8), found("checkpoint", 1e-12), strict=True):
        assert (a - b).abs().max() < 1e-6 * b.abs().max()


@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_cost_does_not_grow_with_the_outputs(way, measured):
    """Evaluations of the way back for 2, 10, 100, 1000 outputs. Checkpoints repeat the steps, however many outputs
    they hold; an adjoint repeats each of its steps that holds outputs once more."""
    counts = []
    for n in (2, 10, 100, 1000):
        f, y0 = Field(), Y0.clone().requires_grad_()
        sol = nodekit.solve(f, y0, np.linspace(0, 5, n + 1), rtol=1e-6, atol=1e-6, gradient=way)
        loss(sol.y).backward()
        counts.append(sol.stats.nfev_backward)
    if isinstance(way, Backprop) or way == Discrete():
        assert counts == [0, 0, 0, 0]
    else:
        assert 0 < counts[-1] < 5 * counts[0]
        assert counts[-1] < 1.3 * counts[-2]
    measured(f"evaluations of the way back for 2, 10, 100, 1000 outputs, {way!r}: {counts}")


@pytest.mark.filterwarnings("ignore:Checkpoint")  # every="sqrt" says where it saves nothing
@pytest.mark.parametrize("method", ["dopri5", "bosh3", "kvaerno5", "rodas5p"])
@pytest.mark.parametrize("way", [way for way in WAYS if not isinstance(way, Backprop)], ids=str)
def test_nfev_backward_counts_the_calls_of_f(way, method):
    """All of them: those that are differentiated, and those that repeat a step for its state alone."""
    calls, w = [], torch.tensor([[0.3, -1.0], [1.0, -0.2]], dtype=F64, requires_grad=True)

    def f(t, y):
        calls.append(t)
        return torch.tanh(y @ w)

    sol = nodekit.solve(f, torch.ones(3, 2, dtype=F64), [0.0, 0.5, 1.0], method, gradient=way, params=[w])
    calls.clear()
    sol.y[-1].sum().backward()
    assert len(calls) == sol.stats.nfev_backward
    assert calls or (isinstance(way, Discrete) and method in ("dopri5", "bosh3"))  # graphs of explicit steps


def saved_bytes(way, steps):
    """Bytes that a solve of so many steps keeps alive for its backward pass."""
    f, y0 = Field(), torch.randn(100, 3, dtype=F64).requires_grad_()
    kept = {}

    def pack(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    gc.collect()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        sol = nodekit.solve(f, y0, [0.0, 0.5, 1.0], method="rk4", step=1 / steps, gradient=way)
    if way.name != "backprop":  # what the trajectory keeps
        node = sol.y.grad_fn
        while not hasattr(node, "way_back"):
            node = node.next_functions[0][0]
        _, graphs = node.way_back.graphs or (None, ())
        recorded = [x for graph in graphs for x in (graph.y, graph.y1, *graph.k)]
        for x in [*node.way_back.path.states.values(), *recorded]:
            kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
    return sum(kept.values())


@pytest.mark.parametrize(
    ("way", "power"),
    [(Backprop(), 1.0), (Checkpoint(), 1.0), (Checkpoint(every="sqrt"), 0.5), (Adjoint(), 0.0), (Interpolated(), 1.0)],
    ids=["backprop", "checkpoint", "sqrt", "adjoint", "interpolated"],
)
@pytest.mark.slow(seconds=30)
def test_memory_against_steps(way, power, measured):
    """Bytes kept grow like n (activations), n (states), √n, not at all, n."""
    n = np.array([64, 128, 256, 512, 1024])
    kept = np.array([saved_bytes(way, int(k)) for k in n], float)
    slope = np.polyfit(np.log(n), np.log(kept), 1)[0]
    assert abs(slope - power) < 0.15
    measured(f"bytes kept for 64 ... 1024 steps of rk4, {way!r}: {kept.astype(int).tolist()}, growth n^{slope:.2f}")


@pytest.mark.slow(seconds=30)
def test_memory_of_graphs_has_a_bound(measured):
    """Discrete keeps graphs up to its memory, and checkpoints beyond: linear, then as Checkpoint. The memory is judged
    from one evaluation of f, within 30 %.
    """
    memory, steps = 1_000_000, np.array([8, 16, 64, 512, 1024])
    of = {way: np.array([saved_bytes(way, int(n)) for n in steps], float) for way in (Discrete(memory), Checkpoint())}
    graphs = of[Discrete(memory)] - of[Checkpoint()]
    assert np.all(graphs < 1.3 * memory)
    assert graphs[-1] > 0.5 * memory
    assert graphs[-1] == graphs[-2]
    assert graphs[1] > 1.8 * graphs[0]
    measured(
        f"bytes of graphs for {steps.tolist()} steps of rk4, with memory for {memory}: {graphs.astype(int).tolist()}"
    )


@pytest.mark.parametrize("memory", [2**29, 10_000])
def test_nothing_of_a_graph_outlives_the_way_back(memory):
    """After the backward pass no activation is alive, though the solution is."""
    alive = []

    def f(t, y):
        hidden = torch.tanh(y * a)
        alive.append(weakref.ref(hidden))
        return hidden * torch.cos(t)

    a, y0 = torch.ones((), dtype=F64, requires_grad=True), Y0.clone().requires_grad_()
    sol = nodekit.solve(f, y0, TIMES, gradient=Discrete(memory=memory))
    loss(sol.y).backward()
    gc.collect()
    assert len(alive) > 50
    assert not [x for x in alive if x() is not None]
    assert sol.success


@pytest.mark.parametrize("memory", [2**29, 10_000])
@pytest.mark.parametrize("method", ["dopri5", "dop853", "rk4"])
def test_graphs_serve_one_backward_pass(method, memory):
    """A second pass, one through sol(t), and one after a pass that failed half way, have the same gradient."""
    f, y0 = Field(), Y0.clone().requires_grad_()
    step = 0.05 if method == "rk4" else None
    sol = nodekit.solve(f, y0, TIMES, method, step=step, gradient=Discrete(memory=memory))
    total = loss(sol.y) + sol(1.1).sum()
    first, second = (torch.autograd.grad(total, [y0, f.a], retain_graph=True) for _ in range(2))
    again = nodekit.solve(f, y0, TIMES, method, step=step, gradient=Discrete(memory=memory))
    total, calls = loss(again.y) + again(1.1).sum(), []

    def fails(module, grads):
        calls.append(1)
        if len(calls) == 7:
            raise ZeroDivisionError
        return None

    hook = f.register_full_backward_pre_hook(fails)
    if memory == 10_000:  # the hook sees those steps alone that are repeated
        with pytest.raises(ZeroDivisionError):
            torch.autograd.grad(total, [y0, f.a], retain_graph=True)
    hook.remove()
    third = torch.autograd.grad(total, [y0, f.a])
    exact = nodekit.solve(f, y0, TIMES, method, step=step, gradient="backprop")
    expected = torch.autograd.grad(loss(exact.y) + exact(1.1).sum(), [y0, f.a])
    for found in (first, second, third):
        for g, e in zip(found, expected, strict=True):
            assert (g - e).abs().max() < 1e-12 * e.abs().max()


def test_graphs_do_not_ask_for_more_than_checkpoints_do():
    """A field that leaves torch by y.numpy() is solved by default, as it is where no gradient is wanted."""
    p = torch.tensor(0.5, dtype=F64, requires_grad=True)
    f = lambda t, y: p * torch.from_numpy(np.sin(y.numpy()))  # noqa: E731
    y0 = torch.ones(3, dtype=F64)
    sol = nodekit.solve(f, y0, (0.0, 1.0))
    with torch.no_grad():
        assert torch.equal(sol.y, nodekit.solve(f, y0, (0.0, 1.0)).y)


@pytest.mark.parametrize("memory", [-1, math.nan])
def test_memory_that_is_none(memory):
    """A memory that is not a number of at least 0 is refused."""
    with pytest.raises(ValueError, match="memory="):
        Discrete(memory=memory)


@pytest.mark.slow(seconds=30)
def test_memory_ranking():
    """At 256 steps: backprop keeps several times the checkpoints' states, these more than √n of them, these more than
    the adjoint."""
    a, b, c, d = (saved_bytes(way, 256) for way in (Backprop(), Checkpoint(), Checkpoint(every="sqrt"), Adjoint()))
    assert a > 4 * b
    assert b > 4 * c
    assert c > 4 * d


@pytest.mark.parametrize("way", WAYS, ids=IDS)
@pytest.mark.slow(seconds=30)
def test_memory_is_flat_over_training(way):
    """100 training steps without the garbage collector leave no tensor behind: there are no reference cycles."""
    f = Field()
    optimizer = torch.optim.SGD(f.parameters(), 1e-3)

    def train():
        optimizer.zero_grad()
        loss(nodekit.solve(f, Y0, (0.0, 0.5, 1.0), rtol=1e-4, gradient=way).y).backward()
        torch.nn.utils.clip_grad_norm_(f.parameters(), 1.0)
        optimizer.step()

    def tensors():
        return sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects())

    train()
    gc.collect()
    gc.disable()
    try:
        before = tensors()
        for _ in range(100):
            train()
        assert tensors() <= before
    finally:
        gc.enable()


def test_parameters_are_found():
    """In a module, a closure, a bound method, a list, a partial; a computed tensor, in a module within a module too, as
    an attribute or a buffer; one that is used later in time."""
    import functools

    class Inner(torch.nn.Module):
        def forward(self, t, y):
            return self.w * y

    def nest():
        inner = Inner()
        nested = torch.nn.Sequential(torch.nn.ModuleList([inner]))
        nested.forward = lambda t, y: inner(t, y)
        return nested, inner

    w = torch.tensor(0.5, dtype=F64, requires_grad=True)
    half = w * 1.0  # computed: no leaf

    class Owner:
        def __init__(self):
            self.parts = [{"w": w}]

        def field(self, t, y):
            return self.parts[0]["w"] * y

        def late(self, t, y):
            return self.parts[0]["w"] * y if t > 0.5 else 0 * y

        __call__ = field

    owner, one = Owner(), torch.ones(1, dtype=F64)
    attribute, inner = nest()
    inner.w = w * 1.0
    buffer, inner = nest()
    inner.register_buffer("w", w * 1.0)
    fields = {
        "closure": (lambda t, y: w * y, 1.0),
        "computed": (lambda t, y: half * y, 1.0),
        "method": (owner.field, 1.0),
        "callable": (owner, 1.0),
        "partial": (functools.partial(lambda w, t, y: w * y, w), 1.0),
        "late": (owner.late, 0.5),
        "attribute": (attribute, 1.0),
        "buffer": (buffer, 1.0),
    }
    for name, (f, share) in fields.items():
        y = nodekit.solve(f, one, (0.0, 1.0), rtol=1e-8, max_step=0.1, gradient="checkpoint").y[-1]
        expected = share * np.exp(0.5 * share)
        found = torch.autograd.grad(y.sum(), w, retain_graph=True)[0].item()
        assert found == pytest.approx(expected, rel=1e-3 if name == "late" else 1e-6), name


def test_however_many_parameters_there_are():
    """Of 2,500 weights all are found, and so is the one that is used late in time only."""
    weights = torch.nn.ParameterList(torch.nn.Parameter(torch.ones((), dtype=torch.float64)) for _ in range(2500))

    class Late(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = weights

        def forward(self, t, y):
            return weights[0] * y + (weights[100] * (t - 0.5) if t > 0.5 else 0.0)

    y = nodekit.solve(Late(), torch.ones(1, dtype=torch.float64), (0.0, 1.0), "rk4", step=0.25).y[-1]
    y.sum().backward()
    assert weights[100].grad is not None
    assert weights[100].grad.abs() > 0.1


def test_parameters_that_are_hidden_can_be_given():
    """params= names what no search would find."""
    import weakref

    w = torch.tensor(0.5, dtype=F64, requires_grad=True)
    hidden = weakref.ref(w)
    f = lambda t, y: hidden() * y if t > 0.5 else 0 * y  # noqa: E731
    y = nodekit.solve(f, torch.ones(1, dtype=F64), (0.0, 1.0), params=[w], max_step=0.1).y[-1]
    assert torch.autograd.grad(y.sum(), w)[0].item() == pytest.approx(0.5 * np.exp(0.25), rel=1e-3)


def test_parameters_that_are_not_reached():
    """They get no gradient, as everywhere in torch; a field without any gives none."""
    unused = torch.nn.Parameter(torch.ones(1, dtype=F64))
    f = Field()
    f.unused = unused
    loss(nodekit.solve(f, Y0, (0.0, 1.0)).y).backward()
    assert unused.grad is None
    assert f.a.grad is not None
    assert not nodekit.solve(lambda t, y: -y, Y0, (0.0, 1.0)).y.requires_grad


def test_changed_parameters_are_noticed():
    """A parameter changed in place between forward and backward is an error of autograd, not a wrong gradient."""
    f = Field()
    y = nodekit.solve(f, Y0, (0.0, 1.0)).y
    with torch.no_grad():
        f.a.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss(y).backward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # its own, on the first use of forward mode
def test_forward_mode():
    """A jvp by backprop equals the vjp; the other ways say what to use."""
    import torch.autograd.forward_ad as fwd

    f = Field()
    tangent = torch.ones_like(Y0)

    def jvp(way):
        with fwd.dual_level():
            y = nodekit.solve(f, fwd.make_dual(Y0, tangent), (0.0, 0.5, 1.0), gradient=way).y
            return fwd.unpack_dual(y[-1]).tangent

    y0 = Y0.clone().requires_grad_()
    y = nodekit.solve(f, y0, (0.0, 0.5, 1.0), gradient="backprop").y[-1]
    by_vjp = torch.autograd.grad(y.sum(), y0)[0].sum()
    assert jvp("backprop").sum().item() == pytest.approx(by_vjp.item(), rel=1e-10)
    with pytest.raises(RuntimeError, match=r"forward-mode gradients cannot be had of gradient='checkpoint'"):
        jvp("checkpoint")


def test_vmap_over_parameters():
    """torch.func.vmap and grad over stacked parameters of fixed-step solves equal a loop over them."""
    models = [Field(seed) for seed in range(3)]
    params, _ = torch.func.stack_module_state(models)
    base = models[0]

    def end(p):
        f = lambda t, y: torch.func.functional_call(base, p, (t, y))  # noqa: E731
        return nodekit.solve(f, Y0, (0.0, 1.0, 2.0), method="rk4", step=0.1).y[-1]

    ys = torch.func.vmap(end)(params)
    slopes = torch.func.vmap(torch.func.grad(lambda p: (end(p) ** 2).sum()))(params)
    for i, f in enumerate(models):
        y = nodekit.solve(f, Y0, (0.0, 1.0, 2.0), method="rk4", step=0.1).y[-1]
        assert torch.allclose(ys[i], y, atol=1e-13)
        assert torch.allclose(slopes["a"][i], torch.autograd.grad((y**2).sum(), f.a)[0], atol=1e-12)
    at = lambda p: lambda t, y: torch.func.functional_call(base, p, (t, y))  # noqa: E731
    adaptive = lambda p: nodekit.solve(at(p), Y0, (0.0, 1.0)).y  # noqa: E731
    with pytest.raises(ValueError, match=r"torch.func.vmap needs a fixed step size"):
        torch.func.vmap(adaptive)(params)


@pytest.mark.filterwarnings("ignore:Checkpoint")  # every="sqrt" says where it saves nothing
def test_event_times():
    """dt*/dv of a ball thrown up from height 1 at speed v, by every way: t* = (v + √(v² + 2g))/g."""
    g = 9.81
    f = lambda t, y: torch.stack([y[1], torch.full_like(y[1], -g)])  # noqa: E731
    hit = nodekit.event(lambda t, y: y[0], terminal=True, direction=-1)
    for way in WAYS:
        v = torch.tensor(3.0, dtype=F64, requires_grad=True)
        y0 = torch.stack([torch.ones_like(v), v])
        sol = nodekit.solve(f, y0, (0.0, 10.0), events=hit, gradient=way, rtol=1e-9)
        time, speed = sol.t_events[0][0], sol.y_events[0][0, 1]
        root = np.sqrt(9 + 2 * g)
        assert time.item() == pytest.approx((3 + root) / g, rel=1e-8)
        assert torch.autograd.grad(time, v, retain_graph=True)[0].item() == pytest.approx((1 + 3 / root) / g, rel=1e-6)
        assert torch.autograd.grad(speed, v)[0].item() == pytest.approx(-3 / root, rel=1e-6)


class Counter(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts ATen calls, and those that wait for the device."""

    def __init__(self):
        super().__init__()
        self.calls = self.waits = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.calls += 1
        self.waits += "local_scalar_dense" in str(function)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("shape", [(2,), (16, 2)])
def test_lean_attempts(shape, measured):
    """dopri5: at most 45 ATen calls an attempt besides f's own, and exactly one that waits for the device."""
    y0 = torch.ones(shape)
    f = lambda t, y: -y  # one call  # noqa: E731
    with torch.no_grad():
        counts = []
        for end in (1.0, 30.0):
            with Counter() as c:
                sol = nodekit.solve(f, y0, (0.0, end), rtol=1e-6)
            counts.append((c.calls - sol.stats.nfev, c.waits, len(sol.steps.t)))
    (calls, waits, n), (more_calls, more_waits, more_n) = counts
    per_attempt = (more_calls - calls) / (more_n - n)
    assert per_attempt <= 45
    assert more_waits - waits == more_n - n
    measured(f"dopri5, y of shape {shape}: {per_attempt:.1f} ATen calls and 1 wait for the device an attempt")


@pytest.mark.parametrize(
    ("y0", "f", "error", "message"),
    [
        (
            torch.ones(2),
            lambda t, y: -y.double(),
            TypeError,
            "f returned torch.float64 on cpu, but y0 is torch.float32",
        ),
        (torch.ones(2), lambda t, y: y.mul_(-1), ValueError, "f changed y in place"),
        ((torch.ones(2), torch.ones(1).double()), lambda t, y: y, TypeError, "torch.float32 on cpu and torch.float64"),
        ((torch.ones(2), np.ones(2)), lambda t, y: y, TypeError, r"y0\[1\] must be a torch tensor, got ndarray"),
        ((torch.ones(2), torch.ones(1)), lambda t, y: y[0], TypeError, "but y is a tuple of 2 tensors"),
        ((torch.ones(2), torch.ones(1)), lambda t, y: (y[1], y[1]), ValueError, r"shape \(1,\) for y\[0\]"),
        ({"q": torch.ones(2)}, lambda t, y: {"p": y["q"]}, TypeError, "but y is a dict of 1 tensors"),
    ],
    ids=["dtype", "in place", "dtypes", "array", "form", "part", "names"],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_bad_fields_and_states(y0, f, error, message, recorded):
    """One sentence names the value and the way out, whether or not gradients are wanted."""
    if recorded and isinstance(y0, torch.Tensor):
        y0 = y0.clone().requires_grad_()
    with pytest.raises(error, match=message):
        nodekit.solve(f, y0, (0.0, 1.0))


def test_tolerances_in_parts():
    """atol may have y0's form: a loose one for the second component takes fewer steps."""
    f = lambda t, y: torch.stack([y[1], -y[0]]) * 5  # noqa: E731
    y0 = torch.tensor([1.0, 0.0], dtype=F64)
    tight = nodekit.solve(f, y0, (0.0, 2.0), rtol=1e-9, atol=1e-9)
    parts = nodekit.solve(f, y0, (0.0, 2.0), rtol=1e-9, atol=torch.tensor([1e-9, 1.0]))
    same = nodekit.solve(f, y0, (0.0, 2.0), rtol=1e-9, atol=np.array([1e-9, 1e-9]))
    assert parts.stats.n_accepted < tight.stats.n_accepted
    assert torch.equal(same.y, tight.y)
    with pytest.raises(ValueError, match=r"atol has shape \(3,\), but y0 has shape \(2,\)"):
        nodekit.solve(f, y0, (0.0, 2.0), atol=np.ones(3))


@pytest.mark.parametrize("recorded", [True, False], ids=["with gradient", "without"])
@pytest.mark.parametrize("form", ["tuple", "dict", "0-d", "matrix"])
def test_dense_output_in_any_form(form, recorded):
    """At one time the state in the caller's form, at n times with a leading axis n, with and without autograd."""
    q, p = torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.tensor(3.0, dtype=torch.float64)
    y0, f = {
        "tuple": ((q, p), lambda t, y: (-y[0], -y[1])),
        "dict": ({"q": q, "p": p}, lambda t, y: {"q": -y["q"], "p": -y["p"]}),
        "0-d": (p, lambda t, y: -y),
        "matrix": (q, lambda t, y: -y),
    }[form]
    with torch.set_grad_enabled(recorded):
        sol = nodekit.solve(f, y0, (0.0, 1.0), rtol=1e-10, atol=1e-10)
        leaves = lambda y: list(y.values()) if isinstance(y, dict) else y if isinstance(y, tuple) else [y]  # noqa: E731
        for times in (0.0, 0.3, [0.0, 0.3, 1.0], [0.7]):
            factor = torch.exp(-torch.tensor(times, dtype=torch.float64))
            found = sol(times)
            assert type(found) is type(y0)
            for a, b in zip(leaves(found), leaves(y0), strict=True):
                exact = factor.reshape(factor.shape + (1,) * b.dim()) * b
                assert a.shape == exact.shape
                assert torch.allclose(a, exact, rtol=0, atol=1e-8)


def test_square_root_of_the_steps_says_where_it_saves_nothing():
    """Checkpoint(every="sqrt") warns where every step is an output, and with implicit methods; not otherwise."""
    y0, way = torch.ones(3, dtype=F64, requires_grad=True), Checkpoint(every="sqrt")
    with pytest.warns(UserWarning, match="every step is an output, and kept.*Give three output times or more"):
        nodekit.solve(lambda t, y: -y, y0, (0.0, 1.0), gradient=way)
    with pytest.warns(UserWarning, match="method='radau' needs all that it keeps of a step"):
        nodekit.solve(lambda t, y: -y, y0, [0.0, 0.5, 1.0], method="radau", gradient=way)
    nodekit.solve(lambda t, y: -y, y0, [0.0, 0.5, 1.0], gradient=way)


@pytest.mark.parametrize("face", ["solve", "odeint_adjoint"])
def test_an_adjoint_that_lost_the_state_says_so(face):
    """y' = −50 (y − a): the state solved backward misses y0 by 1e50, and so does the gradient; a mild one is silent."""
    a = torch.tensor(0.3, dtype=F64, requires_grad=True)
    y0 = torch.tensor([1.0, 2.0, -1.0], dtype=F64)

    def end(rate):
        f = lambda t, y: -rate * (y - a * torch.cos(t))  # noqa: E731
        if face == "solve":
            return nodekit.solve(f, y0, (0.0, 3.0), gradient="adjoint").y[-1].sum()
        t = torch.tensor([0.0, 3.0], dtype=F64)
        return nodekit.odeint_adjoint(f, y0, t, adjoint_params=(a,))[-1].sum()

    with pytest.warns(RuntimeWarning, match=r"missed y\(t0\) by .*Use gradient=\"checkpoint\""):
        end(50.0).backward()
    end(0.5).backward()


@pytest.mark.parametrize("way", ["adjoint", "interpolated", "checkpoint", "backprop"])
@pytest.mark.parametrize("method", ["dopri5", "radau"])
def test_a_tolerance_for_every_number(way, method):
    """rtol and atol as arrays, on the way forward and back: the gradient is the exact one."""
    if way == "backprop" and method == "radau":
        pytest.skip("implicit steps are not recorded")
    p = torch.tensor([0.7, 1.3, 0.4], dtype=F64, requires_grad=True)
    f = lambda t, y: -p * y * torch.cos(t)  # noqa: E731
    rtol, atol = torch.tensor([1e-8, 1e-9, 1e-8], dtype=F64), np.array([1e-10, 1e-9, 1e-10])
    sol = nodekit.solve(f, torch.ones(3, dtype=F64), [0.0, 0.6, 1.5], method, rtol=rtol, atol=atol, gradient=way)
    (g,) = torch.autograd.grad(sol.y[-1].sum(), p)
    exact = -math.sin(1.5) * torch.exp(-p.detach() * math.sin(1.5))
    assert torch.allclose(g, exact, atol=1e-6)


@pytest.mark.parametrize("method", ["leapfrog", "yoshida4", "symplectic_euler"])
@pytest.mark.parametrize("way", ["adjoint", Checkpoint(every="sqrt"), "checkpoint"], ids=str)
def test_dense_output_of_steps_that_were_not_kept(method, way):
    """sol(t) repeats what it needs, whatever the way back keeps."""
    f = lambda t, y: torch.cat([y[3:] * 1.5, -torch.sin(y[:3]) * torch.cos(t)])  # noqa: E731
    y0 = torch.tensor([0.3, 1.0, -0.5, 0.2, 0.0, 0.7], dtype=F64, requires_grad=True)
    solve = lambda t, way: nodekit.solve(f, y0, t, method=method, step=0.05, gradient=way)  # noqa: E731
    found, expected = solve([0.0, 0.3, 1.0], way)(0.77), solve((0.0, 1.0), "checkpoint")(0.77)
    assert torch.allclose(found, expected, atol=1e-14)
