"""What a solve remembers, shares or computes again: all that the result depends on is in the key, or restored."""

import functools
import math
import threading

import numpy as np
import pytest
import torch

import nodekit

F64 = torch.float64
ADAMS = {"method": "explicit_adams", "step": 0.01}


# Dense output: a repeated step.


@pytest.mark.parametrize("arguments", [{"gradient": "backprop"}, ADAMS, {"gradient": "checkpoint"}])
def test_a_value_does_not_spoil_a_later_gradient(arguments):
    """sol(0.53) without gradients, then with them: dL/da of y = exp(−a sin t), the same step twice, both exact."""
    a = torch.tensor(1.0, dtype=F64, requires_grad=True)
    sol = nodekit.solve(
        lambda t, y: -a * y * torch.cos(t), torch.ones(1, dtype=F64), (0.0, 1.0), rtol=1e-9, **arguments
    )
    exact = -math.sin(0.53) * math.exp(-math.sin(0.53))
    with torch.no_grad():
        sol(0.53)
    with torch.inference_mode():
        sol(0.53)
    (first,) = torch.autograd.grad(sol(0.53).sum(), a, retain_graph=True)
    (second,) = torch.autograd.grad(sol(0.53).sum(), a, retain_graph=True)
    assert first == second == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("method", ["dopri5", "dop853", "auto"])
@pytest.mark.parametrize("array", [np.array, lambda y: torch.tensor(y, dtype=F64)], ids=["numpy", "torch"])
def test_dense_output_from_threads(method, array):
    """Six threads ask one solution for 200 times each: every answer is that of a single thread, to the bit."""
    f = lambda t, y: -2 * y * (t - 0.3) + y[[1, 2, 0]]  # noqa: E731
    sol = nodekit.solve(f, array([1.0, -2.0, 0.5]), (0.0, 5.0), method=method, rtol=1e-4)
    times = np.random.default_rng(0).uniform(0, 5, 200)
    expected = {t: np.asarray(sol(t)) for t in times}
    wrong = []

    def ask(seed):
        for t in np.random.default_rng(seed).permutation(times):
            try:
                if not np.array_equal(np.asarray(sol(t)), expected[t]):
                    wrong.append(t)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("array", [np.array, lambda y: torch.tensor(y, dtype=F64)], ids=["numpy", "torch"])
@pytest.mark.parametrize("arguments", [{}, {"method": "dop853"}, {"method": "radau"}, {"method": "rk4", "step": 0.03}])
def test_dense_output_at_the_outputs_is_the_output(array, arguments):
    """sol(sol.t) equals sol.y to the bit, for steps and for output times, and is not sol's own memory."""
    f = lambda t, y: -2 * y * (t - 0.3)  # noqa: E731
    for t in ((0.0, 2.0), np.linspace(0.0, 2.0, 7)):
        sol = nodekit.solve(f, array([1.0, -2.0, 0.5]), t, **arguments)
        assert np.array_equal(np.asarray(sol(np.asarray(sol.t))), np.asarray(sol.y))
        one = sol(float(sol.t[1]))
        assert np.array_equal(np.asarray(one), np.asarray(sol.y[1]))
        one *= 0
        assert np.array_equal(np.asarray(sol(float(sol.t[1]))), np.asarray(sol.y[1]))


# Compiled solves: what makes a field the same.


def rate(k):
    def f(t, y, *, k=k):
        return -k * y

    return f


def in_a_list(t, y, ks=[2.0]):  # noqa: B006
    return -ks[0] * y


def end(f, y0=None):
    y0 = torch.ones(2, dtype=F64) if y0 is None else y0
    return nodekit.solve(f, y0, (0.0, 1.0), compile=True).y


@pytest.mark.slow(seconds=30)
def test_compiled_fields_are_told_apart():
    """By keyword-only defaults, by a default that is not hashable and changes, by what partial fixes, and by a closure
    whose content was exchanged after the solve."""
    for k in (1.0, 2.0):
        assert end(rate(k))[-1, 0].item() == pytest.approx(math.exp(-k), rel=1e-5)
        assert end(functools.partial(lambda k, t, y: -k * y, k))[-1, 0].item() == pytest.approx(math.exp(-k), rel=1e-5)
    assert end(in_a_list)[-1, 0].item() == pytest.approx(math.exp(-2), rel=1e-5)
    in_a_list.__defaults__[0][0] = 3.0
    assert end(in_a_list)[-1, 0].item() == pytest.approx(math.exp(-3), rel=1e-5)
    in_a_list.__defaults__[0][0] = 2.0

    def exchangeable(k):
        def f(t, y):
            return -k * y

        def change(value):
            nonlocal k
            k = value

        return f, change

    two = 2.0
    first, change = exchangeable(two)
    end(first)
    change(3.0)
    assert end(exchangeable(two)[0])[-1, 0].item() == pytest.approx(math.exp(-2), rel=1e-5)


@pytest.mark.slow(seconds=30)
def test_compiled_fields_of_two_modules():
    """The same source with other globals is another field."""
    for k in (1.0, 2.0):
        module = {"k": k}
        exec("def f(t, y):\n    return -k * y", module)
        assert end(module["f"])[-1, 0].item() == pytest.approx(math.exp(-k), rel=1e-5)


@pytest.mark.slow(seconds=30)
def test_compiled_states_are_told_apart():
    """A field of dicts, solved with other names for tensors of the same shapes."""
    f = lambda t, s: {name: -part for name, part in s.items()}  # noqa: E731
    for names in ("ab", "pq"):
        y = end(f, {name: torch.ones(2, dtype=F64) for name in names})
        assert set(y) == set(names)


# The way back: f finds what was in force on the way forward.


@pytest.fixture
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"method": "kvaerno3"},
        {"gradient": "adjoint", "rtol": 1e-7},
        {"gradient": "interpolated"},
        {"batch": "independent"},
    ],
    ids=str,
)
def test_autocast_is_restored(net, arguments):
    """Forward inside torch.autocast, backward outside or inside: the same gradient, that of the recorded steps where
    it is exact; f needs no casts, and the states stay float32.

    The repeated steps are those of the solve up to rounding in float32. From this y0 none of that reaches bfloat16.
    """
    y0 = torch.randn((5, 3) if "batch" in arguments else (3,), generator=torch.Generator().manual_seed(2))

    def gradient(inside, **arguments):
        net.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            sol = nodekit.solve(lambda t, y: net(y), y0, (0.0, 1.0), **{"rtol": 1e-4, "atol": 1e-4, **arguments})
            loss = (sol.y[-1] ** 2).sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        assert sol.y.dtype == torch.float32
        return net[0].weight.grad.clone()

    outside = gradient(False, **arguments)
    assert torch.equal(gradient(True, **arguments), outside)
    if not arguments:
        exact = gradient(False, gradient="backprop")
        assert (outside - exact).abs().max() < 1e-6 * exact.abs().max()
    assert outside.abs().max() > 1e-3


def test_dense_output_under_another_autocast(net):
    """sol(t) is that of the solve, wherever it is asked for."""
    sol = nodekit.solve(lambda t, y: net(y), torch.ones(3), (0.0, 1.0), rtol=1e-4, atol=1e-4)
    before = sol(0.4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(sol(0.4), before)


def test_default_dtype_is_restored():
    """f makes tensors of the default dtype, which changes between forward and backward."""
    a = torch.tensor(2.0, requires_grad=True)
    f = lambda t, y: -a * y * torch.tensor(1.0) + torch.zeros(2)  # noqa: E731
    sol = nodekit.solve(f, torch.ones(2), (0.0, 1.0))
    torch.set_default_dtype(torch.float64)
    try:
        sol.y[-1].sum().backward()
        assert torch.get_default_dtype() is torch.float64
        assert sol(0.5).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
    assert a.grad.item() == pytest.approx(-2 * math.exp(-2), rel=1e-4)


def test_compile_under_autocast_is_refused(net):
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(ValueError, match=r"does not go with torch\.autocast"),
    ):
        nodekit.solve(lambda t, y: net(y), torch.ones(3), (0.0, 1.0), compile=True)


@pytest.mark.parametrize("arguments", [{}, {"gradient": "adjoint"}, {"batch": "independent"}], ids=str)
def test_a_field_that_draws_numbers(net, arguments):
    """Dropout: repeated steps would draw others, so it is refused in words; recorded, it is exact; a noise drawn at the
    first evaluation, as FFJORD's fields do it, is no such thing."""
    noisy = torch.nn.Sequential(net, torch.nn.Dropout(0.5))
    solve = lambda f, **kw: nodekit.solve(f, torch.ones(2, 3), (0.0, 1.0), method="rk4", step=0.1, **kw)  # noqa: E731
    with pytest.raises(ValueError, match=r"f draws random numbers.*backprop"):
        solve(lambda t, y: noisy(y), **arguments)
    solve(lambda t, y: noisy(y), gradient="backprop").y.sum().backward()
    noise = []

    def once(t, y):
        if not noise:
            noise.append(torch.randn(3))
        return net(y) * noise[0]

    solve(once, **arguments).y.sum().backward()


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint", "interpolated"])
def test_f_under_no_grad_gets_a_state_that_claims_nothing(gradient):
    """A Hamiltonian field in the common way, autograd.grad of an energy inside f, for a y0 that requires grad."""

    def f(t, y):
        with torch.enable_grad():
            y = y if y.requires_grad else y.detach().requires_grad_()
            (g,) = torch.autograd.grad((y[..., 0] ** 2 + 2 * y[..., 1] ** 2).sum(), y, create_graph=True)
        return torch.stack([g[..., 1], -g[..., 0]], -1)

    y0 = torch.tensor([[1.0, 0.3]], dtype=F64, requires_grad=True)
    sol = nodekit.solve(f, y0, (0.0, 1.0), rtol=1e-9, gradient=gradient)
    (g,) = torch.autograd.grad(sol.y[-1].sum(), y0)
    w = math.sqrt(8.0)
    exact = torch.tensor([[math.cos(w) - 2 / w * math.sin(w), math.cos(w) + 4 / w * math.sin(w)]], dtype=F64)
    assert torch.allclose(g, exact, atol=1e-6)


# Gradients by times.


@pytest.mark.parametrize("batch", ["joint", "independent"])
@pytest.mark.parametrize("form", ["tuple", "two", "three"])
def test_gradients_by_output_times(batch, form):
    """dL/dt of y = y0 exp((t0² − t²)/2): t as a tuple with a tensor in it, as two times and as three."""
    parts = [torch.tensor(x, dtype=F64, requires_grad=True) for x in (0.1, 0.4, 0.7)]
    parts = parts if form == "three" else parts[::2]
    t = (0.1, parts[1]) if form == "tuple" else torch.stack(parts)
    sol = nodekit.solve(lambda t, y: -y * t, torch.tensor([[1.0], [2.0]], dtype=F64), t, batch=batch, rtol=1e-9)
    end = 3 * math.exp(-0.24)
    found = torch.autograd.grad(sol.y[-1].sum(), parts[1:] if form == "tuple" else parts, retain_graph=True)
    exact = [0.1 * end, *[0.0] * (form == "three"), -0.7 * end]
    assert [g.item() for g in found] == pytest.approx(exact[1:] if form == "tuple" else exact, abs=1e-7)
    if form == "three":
        (g,) = torch.autograd.grad(sol.y[1].sum(), parts[1])
        assert g.item() == pytest.approx(-0.4 * 3 * math.exp(-0.075), abs=1e-7)


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint", "interpolated"])
def test_gradients_by_two_output_times(gradient):
    """Every way goes back to both ends; the steps in between stand where they stand."""
    t = torch.tensor([0.1, 0.7], dtype=F64, requires_grad=True)
    sol = nodekit.solve(lambda t, y: -y * t, torch.tensor([1.0, 2.0, -1.0], dtype=F64), t, gradient=gradient, rtol=1e-9)
    end = 2 * math.exp(-0.24)
    assert torch.autograd.grad(sol.y[-1].sum(), t)[0].tolist() == pytest.approx([0.1 * end, -0.7 * end], abs=1e-6)


def test_an_event_does_not_move_with_the_times():
    """The state at a terminal event is that at the event, not at the output time whose place it takes."""
    t = torch.tensor([0.0, 1.0, 2.0], dtype=F64, requires_grad=True)
    stop = nodekit.event(lambda t, y: y[0] - 1.5, terminal=True)
    sol = nodekit.solve(lambda t, y: 0 * y + 1, torch.zeros(1, dtype=F64), t, events=stop)
    (g,) = torch.autograd.grad(sol.y[-1].sum(), t)
    assert g.tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_f_may_leave_torch_where_nothing_requires_grad():
    """With y.numpy() in f, and no gradient wanted anywhere, solve works as odeint does."""
    f = lambda t, y: torch.from_numpy(-y.numpy())  # noqa: E731
    assert nodekit.solve(f, torch.ones(3), (0.0, 1.0)).y[-1, 0].item() == pytest.approx(math.exp(-1), rel=1e-5)
