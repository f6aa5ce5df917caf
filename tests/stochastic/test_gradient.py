"""Gradients through a stochastic solve: of the steps, equal to finite differences; the stochastic adjoint."""

import pytest
import torch
from torch import nn

from nodekit import stochastic
from nodekit.stochastic import BrownianPath

F64 = torch.float64


class Field(nn.Module):
    """A drift and a diffusion with parameters of their own; time enters, and nothing is symmetric."""

    def __init__(self, m=None, seed=0):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.W, self.V = (nn.Parameter(0.5 * torch.randn(3, 3, generator=g, dtype=F64)) for _ in range(2))
        self.m = None if m is None else torch.randn(3, m, generator=g, dtype=F64)

    def drift(self, t, y):
        return torch.tanh(y @ self.W.T + torch.sin(2 * t))

    def diffusion(self, t, y):
        if self.m is None:
            return 0.3 * torch.cos(y * self.V.diagonal() + t)
        return torch.cos(y @ self.V.T)[..., None] * self.m * 0.3


def loss(field, y0, calculus, method, noise, gradient, step=0.05, times=(0.0, 0.4, 1.0), path=None):
    path = path or BrownianPath(31, 0.0, 1.0, (2, 3) if noise == "diagonal" else (2, 2), cells=1600)
    sol = stochastic.solve(
        field.drift, field.diffusion, y0, list(times), calculus, path, method, noise, step=step, gradient=gradient
    )
    return (sol.y * torch.arange(1.0, sol.y.numel() + 1, dtype=F64).reshape(sol.y.shape)).sum()


CASES = [
    ("ito", "euler_maruyama", "general", 0.05),
    ("ito", "milstein", "diagonal", 0.05),
    ("stratonovich", "heun", "general", 0.05),
    ("stratonovich", "milstein", "diagonal", 0.05),
]


@pytest.mark.parametrize("gradient", ["discrete", "checkpoint", "backprop"])
@pytest.mark.parametrize(("calculus", "method", "noise", "step"), CASES)
def test_exact_gradients_are_finite_differences(calculus, method, noise, step, gradient):
    """Along a fixed path, by y0, by the drift's and by the diffusion's parameters, to 1e-6."""
    field, y0 = Field(None if noise == "diagonal" else 2), torch.randn(2, 3, dtype=F64).requires_grad_()
    case = calculus, method, noise
    inputs = [y0, field.W, field.V]
    found = torch.autograd.grad(loss(field, y0, *case, gradient, step), inputs)
    g = torch.Generator().manual_seed(1)
    for x, slope in zip(inputs, found, strict=True):
        v = torch.randn(x.shape, generator=g, dtype=F64)
        with torch.no_grad():
            ends = []
            for sign in (1, -1):
                x.add_(sign * 1e-5 * v)
                ends.append(loss(field, y0, *case, gradient, step))
                x.sub_(sign * 1e-5 * v)
        assert torch.isclose((slope * v).sum(), (ends[0] - ends[1]) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop"])
def test_free_steps_have_one_gradient(gradient):
    """That of the steps that were taken, their sizes held: a nudge of y0 may change them."""
    field, y0 = Field(), torch.randn(2, 3, dtype=F64).requires_grad_()
    case, inputs = (field, y0, "ito", "milstein", "diagonal"), [y0, field.W, field.V]
    found, other = (torch.autograd.grad(loss(*case, way, None), inputs) for way in ("discrete", gradient))
    assert all(torch.allclose(a, b, rtol=1e-10) for a, b in zip(found, other, strict=True))


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize("noise", ["diagonal", "general"])
def test_the_stochastic_adjoint_approaches_the_exact_gradient(noise):
    """With the steps, on the same path, outputs in between too."""
    field, y0 = Field(None if noise == "diagonal" else 2), torch.randn(2, 3, dtype=F64).requires_grad_()
    inputs, off = [y0, field.W, field.V], []
    for step in (1 / 100, 1 / 400, 1 / 1600):
        exact, adjoint = (
            torch.autograd.grad(loss(field, y0, "stratonovich", "heun", noise, way, step), inputs)
            for way in ("discrete", "adjoint")
        )
        off.append(max(((a - b).norm() / a.norm()).item() for a, b in zip(exact, adjoint, strict=True)))
    assert off[-1] < (2e-3 if noise == "diagonal" else 2e-2)
    assert off[0] > (6 if noise == "diagonal" else 2) * off[-1]


def test_parameters_of_the_diffusion_alone_are_found():
    sigma = torch.tensor(0.7, dtype=F64, requires_grad=True)
    y0 = torch.ones(3, dtype=F64)
    path = BrownianPath(2, 0.0, 1.0, 3, cells=50)
    sol = stochastic.solve(lambda t, y: 0 * y, lambda t, y: sigma + 0 * y, y0, (0.0, 1.0), "ito", path, step=0.02)
    (found,) = torch.autograd.grad(sol.y[-1].sum(), sigma)
    assert torch.isclose(found, torch.tensor(path(1.0).sum()))


def test_without_gradients_nothing_is_recorded():
    y0 = torch.ones(3, dtype=F64)
    sol = stochastic.solve(lambda t, y: -y, lambda t, y: y, y0, (0.0, 1.0), "ito", 1, step=0.1)
    assert not sol.y.requires_grad


def test_the_adjoint_is_refused_for_ito():
    with pytest.raises(ValueError, match="goes backward along the path"):
        loss(Field(), torch.ones(2, 3, dtype=F64), "ito", "milstein", "diagonal", "adjoint")


def test_an_adjoint_that_lost_the_state_says_so():
    """And names a way that there is."""
    y0 = torch.ones(3, dtype=F64, requires_grad=True)
    sol = stochastic.solve(
        lambda t, y: -30 * y, lambda t, y: 0.1 * y, y0, (0.0, 1.0), "stratonovich", 1, "heun", step=0.01,
        gradient="adjoint",
    )  # fmt: skip
    with pytest.warns(RuntimeWarning, match='missed y.*Use gradient="checkpoint", or shorter steps.$'):
        sol.y[-1].sum().backward()


class Within(nn.Module):
    """A diffusion that depends on a tensor that a module within it holds, beside its parameters."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Module()

    def forward(self, t, y):
        return self.inner.condition * torch.cos(y + t)


@pytest.mark.parametrize("kind", ["leaf", "computed"])
@pytest.mark.parametrize("gradient", ["discrete", "checkpoint", "adjoint"])
def test_what_a_module_within_holds_is_found(gradient, kind):
    """As backprop has it."""
    x, found = torch.tensor([0.3, 0.5, 0.2], dtype=F64, requires_grad=True), {}
    path, y0 = BrownianPath(3, 0.0, 1.0, (2, 3), cells=3200), torch.ones(2, 3, dtype=F64)
    for way in ("backprop", gradient):
        field = Within()
        field.inner.condition = x if kind == "leaf" else x.exp() / 4
        sol = stochastic.solve(
            lambda t, y: -y, field, y0, (0.0, 0.4, 1.0), "stratonovich", path, "heun", step=1 / 400, gradient=way
        )
        (found[way],) = torch.autograd.grad(sol.y.square().sum(), x)
    assert torch.allclose(found[gradient], found["backprop"], rtol=5e-3 if gradient == "adjoint" else 1e-10)


def test_backprop_evaluates_nothing_more():
    """Looking for what a field depends on takes an evaluation, which only the other ways need."""
    calls, field = {"backprop": 0, "checkpoint": 0}, Field()
    for way in calls:

        def drift(t, y, way=way):
            calls[way] += 1
            return field.drift(t, y)

        sol = stochastic.solve(
            drift, field.diffusion, torch.ones(2, 3, dtype=F64), (0.0, 1.0), "ito", 1, step=0.1, gradient=way
        )
        assert sol.stats.nfev == calls["backprop"]
    assert calls["checkpoint"] == calls["backprop"] + 1
