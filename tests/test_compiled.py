"""compile=True: the steps, states, costs and gradients of the ordinary loop, and nothing compiled twice."""

import math
import re

import pytest
import torch

import nodekit
from nodekit.torch_backend.loops import cache, compiled

old = torch.__version__ < (2, 13)
pytestmark = [pytest.mark.skipif(old, reason="compile=True needs torch 2.13"), pytest.mark.slow(seconds=150)]

torch.manual_seed(0)
NET = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3)).double()
Y0 = torch.randn(4, 3, dtype=torch.float64)


def field(t, y):
    """Non-linear, non-autonomous, with parameters."""
    return NET(y) * torch.cos(3 * t)


def solve(y0=Y0, t=(0.0, 2.0), **arguments):
    return nodekit.solve(field, y0, t, **{"rtol": 1e-7, "atol": 1e-7, **arguments})


@pytest.mark.parametrize("t", [(0.0, 2.0), (2.0, 0.5), (0.0, 0.31, 0.32, 1.7, 2.0)], ids=["all", "back", "outputs"])
@pytest.mark.parametrize("method", ["dopri5", "dop853"])
def test_same_solution(method, t):
    """float64: y, the steps and dense output to rounding, nfev, with and without outputs within steps."""
    with torch.no_grad():
        a, b = (solve(t=t, method=method, compile=c) for c in (False, True))
        assert (a.t - b.t).abs().max() < 1e-6
        assert torch.allclose(a(b.t), b.y, rtol=0, atol=1e-12)
        assert b.stats.n_accepted == a.stats.n_accepted
        assert b.stats.n_rejected == a.stats.n_rejected
        assert a.steps.h == pytest.approx(b.steps.h, rel=1e-6, abs=1e-7)
        assert a.steps.accepted.tolist() == b.steps.accepted.tolist()
        if method != "dop853":  # which evaluates its dense stages for the next step too
            assert b.stats.nfev == a.stats.nfev
        between = torch.linspace(t[0], t[-1], 7, dtype=torch.float64)
        assert torch.allclose(a(between), b(between), atol=1e-9)


@pytest.mark.parametrize("method", ["rk4", "dopri5", "euler"])
def test_fixed_steps(method):
    """A fixed step size gives the steps of the ordinary loop, the shortened last one too."""
    with torch.no_grad():
        a, b = (solve(method=method, step=0.03, compile=c) for c in (False, True))
    assert torch.allclose(a.t, b.t, rtol=1e-14)
    assert torch.allclose(a.y, b.y, atol=1e-13)
    assert a.stats.nfev == b.stats.nfev


@pytest.mark.parametrize(
    ("gradient", "t"),
    [
        ("checkpoint", (0.0, 1.0, 2.0)),
        ("checkpoint", (0.0, 0.31, 0.32, 0.33, 1.7, 2.0)),
        ("adjoint", (0.0, 0.31, 2.0)),
        ("interpolated", (0.0, 0.31, 2.0)),
    ],
)
def test_same_gradient(gradient, t):
    """The gradients by y0 and the parameters equal those without compile, to 1e-10, with outputs within steps."""

    def gradients(compile):
        y0 = Y0.clone().requires_grad_()
        loss = (solve(y0, t, gradient=gradient, compile=compile).y[1:] ** 2).mean()
        return torch.autograd.grad(loss, [y0, *NET.parameters()])

    for a, b in zip(gradients(False), gradients(True), strict=True):
        assert torch.allclose(a, b, rtol=1e-7, atol=1e-10)


def test_states_in_any_form():
    """A dict of tensors is compiled too."""
    f = lambda t, s: {"q": s["p"], "p": -s["q"]}  # noqa: E731
    y0 = {"q": torch.ones(2, dtype=torch.float64), "p": torch.zeros(2, dtype=torch.float64)}
    sol = nodekit.solve(f, y0, (0.0, 1.0), rtol=1e-9, compile=True)
    assert torch.allclose(sol.y["q"][-1], torch.full((2,), math.cos(1.0), dtype=torch.float64), atol=1e-8)


def test_nothing_is_compiled_again():
    """Another h, t, tolerance or first step, and a lambda made anew, reuse what is there."""
    run = lambda t, **a: nodekit.solve(lambda t, y: NET(y), Y0, t, compile=True, **a)  # noqa: E731
    with torch.no_grad():
        run((0.0, 1.0))
        with torch.compiler.set_stance("fail_on_recompile"):
            run((0.5, 3.0), rtol=1e-3)
            run((3.0, 0.5), rtol=1e-4, atol=1e-2, first_step=0.01, max_step=0.2)


def test_as_many_fields_as_you_like():
    """Fields of one source line do not exhaust the compiler's patience with it, which is made to end after two here."""
    with torch.no_grad(), torch._dynamo.config.patch(recompile_limit=2):
        for i in range(4):
            sol = nodekit.solve(
                lambda t, y, i=i: -i * y, torch.ones(2), (0.0, 1.0), method="euler", step=0.01, compile=True
            )
            assert sol.y[-1][0].item() == pytest.approx((1 - 0.01 * i) ** 100, abs=1e-5)


def test_attempts_at_a_time():
    """Looking at the end only every second attempt, as on a device that must be waited for, changes nothing."""
    run = compiled.integrate
    try:
        with torch.no_grad():
            a = solve(t=(0.0, 0.3, 2.0), compile=True)
            compiled.integrate = lambda *args, **kw: run(*args, **kw, unrolled=2)
            b = solve(t=(0.0, 0.3, 2.0), compile=True)
    finally:
        compiled.integrate = run
    assert torch.equal(a.y, b.y)
    assert a.stats == b.stats


def fails(t, y):
    """From y = 1 it blows up; from y = -1 it stays bounded, until t = 0.5, where it is nan."""
    return torch.sqrt(0.5 - t) * y + 50 * y * y


@pytest.mark.parametrize(
    ("y0", "message"),
    [(-1.0, "is nan in component 0 at t = "), (1.0, "nan|inf|below rounding|max_steps")],
    ids=["nan", "blow up"],
)
def test_failures_in_words(y0, message):
    """A failure is the ordinary loop's, word for word."""
    for compile in (False, True):
        with pytest.raises(nodekit.SolveError, match=message) as error:
            nodekit.solve(fails, torch.full((2,), y0, dtype=torch.float64), (0.0, 2.0), compile=compile)
        if not compile:
            message = re.escape(str(error.value))


def test_max_steps():
    with pytest.raises(nodekit.SolveError, match="max_steps = 3 steps were tried"):
        solve(max_steps=3, compile=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"events": lambda t, y: y[0, 0]}, "without events, not method='dopri5' on torch with events"),
        ({"gradient": "backprop"}, "compile=True cannot be recorded by autograd"),
        (
            {"method": "radau"},
            "explicit methods without events, not method='radau'",
        ),
        ({"y0": Y0.numpy()}, "method='dopri5' on numpy"),
    ],
)
def test_what_it_cannot_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        solve(compile=True, **arguments)


def test_a_field_that_cannot_be_compiled():
    """One sentence says so, and what to do."""

    def f(t, y):
        if y.sum().item() > 0:  # decides on values
            return -y
        return y

    with torch.no_grad(), pytest.raises(RuntimeError, match=r"f could not be compiled.*Use compile=False"):
        nodekit.solve(f, torch.ones(2), (0.0, 1.0), compile=True)


def test_an_older_torch_is_refused(monkeypatch):
    """It names both versions and the way out."""
    monkeypatch.setattr(cache.torch, "__version__", "2.12.1+cpu")
    with pytest.raises(RuntimeError, match=r"needs torch 2.13 or newer, and this is 2.12.1\+cpu. Use compile=False"):
        solve(compile=True)
