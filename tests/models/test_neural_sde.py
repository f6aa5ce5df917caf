"""NeuralSDE: a layer that is steered by a Brownian path, whose diffusion is positive, and whose gradients are exact."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from nodekit.models import NeuralSDE
from nodekit.solution import SolveError
from nodekit.stochastic import BrownianPath, solve

F64 = torch.float64
Y0 = torch.tensor([[1.0, -0.5, 0.2], [0.3, 2.0, -0.7]], dtype=F64)


class Net(nn.Module):
    """A function of t and y: mixing components (a drift), or each from itself alone (a diagonal diffusion)."""

    def __init__(self, seed, columns=None, alone=False):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.W = nn.Parameter(0.6 * torch.randn(3, 3, generator=g, dtype=F64))
        self.M = None if columns is None else torch.randn(3, columns, generator=g, dtype=F64)
        self.alone = alone

    def forward(self, t, y):
        if self.alone:
            return torch.sin(y * self.W.diagonal() + t)
        found = torch.tanh(y @ self.W.T + torch.cos(2 * torch.as_tensor(t)))
        return found if self.M is None else found[..., None] * self.M


def layer(calculus="ito", positive=True, **options):
    options = {"step": 0.05, "t": (0.2, 1.2), **options}
    return NeuralSDE(Net(0), Net(1, alone=True), calculus, positive=positive, **options)


@pytest.mark.parametrize(("calculus", "method"), [("ito", "milstein"), ("stratonovich", "heun")])
def test_it_is_a_solve_along_the_path(calculus, method):
    """Of the drift and softplus of the diffusion; without positive, of the diffusion itself."""
    path = BrownianPath(3, 0.2, 1.2, (2, 3), cells=20)
    for positive, shape in ((True, nn.functional.softplus), (False, lambda x: x)):
        sde = layer(calculus, positive, method=method)
        g = lambda t, y, sde=sde, shape=shape: shape(sde.diffusion(t, y))  # noqa: E731
        expected = solve(sde.drift, g, Y0, (0.2, 1.2), calculus, path, method, step=0.05)
        assert torch.equal(sde(Y0, path), expected.y[-1])
        assert torch.equal(sde.g(torch.tensor(0.4), Y0), g(torch.tensor(0.4), Y0))
        assert torch.equal(sde.f(torch.tensor(0.4), Y0), sde.drift(torch.tensor(0.4), Y0))
        assert sde.nfev == expected.stats.nfev


def test_a_seed_is_a_path_and_more_times_give_the_trajectory():
    sde, times = layer(), (0.2, 0.5, 1.2)
    assert torch.equal(sde(Y0, 5), sde(Y0, BrownianPath(5, 0.2, 1.2, (2, 3), cells=20)))
    assert not torch.allclose(sde(Y0, 5), sde(Y0, 6))
    sde.t = list(times)
    assert sde(Y0, 5).shape == (3, 2, 3)
    assert torch.equal(sde(Y0, 5)[0], Y0)


def test_the_diffusion_is_positive():
    sde, y = layer(), torch.linspace(-20, 20, 300, dtype=F64).reshape(100, 3)
    assert sde.diffusion(0.3, y).min() < -0.9
    assert sde.g(0.3, y).min() > 0


def test_the_spread_is_that_of_the_equation():
    """dy = -y dt + softplus(c) dW from 0: variance softplus(c)² (1 - e^-2)/2 at t = 1, over 20,000 paths."""

    class Constant(nn.Module):
        def __init__(self, slope, value):
            super().__init__()
            self.slope, self.value = slope, nn.Parameter(torch.tensor(value, dtype=F64))

        def forward(self, t, y):
            return self.slope * y + self.value

    sde = NeuralSDE(Constant(-1.0, 0.0), Constant(0.0, 0.3), "ito", (0.0, 1.0), "euler_maruyama", step=0.01)
    with torch.no_grad():
        ends = sde(torch.zeros(20_000, dtype=F64), brownian=1).numpy()
    sigma = math.log1p(math.exp(0.3))
    assert abs(ends.var() / (sigma**2 * (1 - math.exp(-2)) / 2) - 1) < 0.04  # the variance of an estimate: 1%


@pytest.mark.parametrize("gradient", ["backprop", "checkpoint"])
@pytest.mark.parametrize("noise", ["diagonal", "general"])
def test_gradients_are_finite_differences(noise, gradient):
    """By y0 and by both networks' weights, on a fixed path, to 1e-6."""
    if noise == "diagonal":
        sde, path = layer(gradient=gradient), BrownianPath(9, 0.2, 1.2, (2, 3), cells=20)
    else:
        path = BrownianPath(9, 0.2, 1.2, (2, 2), cells=20)
        sde = NeuralSDE(
            Net(0), Net(1, columns=2), "stratonovich", (0.2, 1.2), "heun", "general", 0.05, False, gradient=gradient
        )
    y0, weights = Y0.clone().requires_grad_(), torch.arange(1.0, 7.0, dtype=F64).reshape(2, 3)
    inputs = [y0, sde.drift.W, sde.diffusion.W]
    found = torch.autograd.grad((sde(y0, path) * weights).sum(), inputs)
    g = torch.Generator().manual_seed(1)
    for x, slope in zip(inputs, found, strict=True):
        v, ends = torch.randn(x.shape, generator=g, dtype=F64), []
        with torch.no_grad():
            for sign in (1, -1):
                x.add_(sign * 1e-5 * v)
                ends.append((sde(y0, path) * weights).sum())
                x.sub_(sign * 1e-5 * v)
        assert torch.isclose((slope * v).sum(), (ends[0] - ends[1]) / 2e-5, rtol=1e-6)


def test_it_learns_its_noise_and_keeps_nothing_but_its_networks():
    """A few steps of Adam on the log spread of its ends; state_dict goes to a copy with another seed."""
    sde = layer()
    path = BrownianPath(1, 0.2, 1.2, (200, 3), cells=20)
    optimizer, wide = torch.optim.Adam(sde.parameters(), lr=0.05), []
    for _ in range(60):
        spread = sde(torch.zeros(200, 3, dtype=F64), path).std()
        optimizer.zero_grad()
        (spread.log() - math.log(0.8)).square().backward()
        optimizer.step()
        wide.append(spread.item())
    assert abs(wide[0] - 0.8) > 10 * abs(wide[-1] - 0.8)
    other = NeuralSDE(Net(7), Net(8, alone=True), "ito", (0.2, 1.2), step=0.05)
    other.load_state_dict(sde.state_dict())
    assert set(sde.state_dict()) == {"drift.W", "diffusion.W"}
    assert torch.equal(other(Y0, 3), copy.deepcopy(sde)(Y0, 3))


@pytest.mark.parametrize("kind", ["leaf", "computed"])
@pytest.mark.parametrize("gradient", ["checkpoint", "adjoint"])
def test_gradients_reach_what_a_network_holds(gradient, kind):
    """A condition that is no parameter: an input, or what another network made of it; as backprop has it."""

    class Steered(Net):
        def forward(self, t, y):
            return super().forward(t, y) * self.condition

    x, found = torch.tensor([0.5, -0.3, 0.8], dtype=F64, requires_grad=True), {}
    path, n = BrownianPath(4, 0.2, 1.2, (2, 3), cells=3000), 1000 if gradient == "adjoint" else 100
    for way in ("backprop", gradient):
        options = {"method": "heun", "step": 1 / n, "gradient": way}
        sde = NeuralSDE(Steered(0), Net(1, alone=True), "stratonovich", (0.2, 1.2), **options)
        sde.drift.condition = x if kind == "leaf" else x.tanh()
        found[way] = torch.autograd.grad(sde(Y0, path).square().sum(), [x, sde.drift.W, sde.diffusion.W])
    for a, b in zip(found[gradient], found["backprop"], strict=True):
        assert torch.allclose(a, b, rtol=1e-2 if gradient == "adjoint" else 1e-10, atol=1e-3 * b.abs().max())


def test_steps_of_its_own_choice():
    sde = layer(step=None, rtol=1e-4)
    fine = layer(step=1e-3)
    path = BrownianPath(2, 0.2, 1.2, (2, 3), cells=1000)
    assert torch.allclose(sde(Y0, path), fine(Y0, path), atol=5e-3)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: NeuralSDE(lambda t, y: y, Net(0), "ito"), TypeError, "drift must be an nn.Module.*got function"),
        (lambda: NeuralSDE(Net(0), np.sin, "ito"), TypeError, "diffusion must be an nn.Module.*got ufunc"),
        (lambda: layer("strato"), ValueError, "calculus='strato' is not known. Choose one of: ito, stratonovich"),
        (lambda: layer(noise="pink"), ValueError, "noise='pink' is not known. Choose one of: diagonal"),
        (lambda: layer(method="heun"), ValueError, "method='heun' is not made for 'ito' integrals"),
        (lambda: layer(noise="general", method="euler_maruyama"), ValueError, "noise='general' needs positive=False"),
        (lambda: layer(gradient="none"), ValueError, "gradient='none'"),
        (lambda: layer()(Y0, 1.5), TypeError, "brownian must be a seed"),
        (lambda: layer()(Y0 * math.nan, 1), ValueError, "y0 is nan"),
        (lambda: layer(max_steps=3, step=None)(Y0, 1), SolveError, "max_steps = 3 steps were tried"),
        (lambda: layer(max_steps=3), ValueError, "step=0.05 needs 20 steps from t=0.2 to t=1.2, more than max_steps=3"),
        (lambda: layer(method="euler_maruyama", step=None), ValueError, "'euler_maruyama'.*give it a step size"),
        (lambda: layer(gradient="adjoint"), ValueError, "gradient='adjoint' cannot be had of 'ito' integrals"),
        (lambda: layer(gradient="interpolated"), ValueError, "gradient='interpolated' cannot be had"),
        (lambda: layer(t=(1.2, 0.2)), ValueError, "t goes from 1.2 back to 0.2"),
        (lambda: layer(t=torch.tensor([0.0, 1.0], requires_grad=True)), ValueError, "t requires gradients"),
        (lambda: layer(step=-0.1), ValueError, "step=-0.1 must be"),
        (lambda: layer(rtol=-1.0), ValueError, "rtol=-1.0"),
        (lambda: layer(max_steps=0), ValueError, "max_steps=0"),
        (lambda: layer(positive="no"), TypeError, "positive='no' must be True or False"),
        (lambda: layer()(Y0.numpy(), 1), TypeError, "y0 must be a torch tensor, got ndarray"),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_what_is_shown():
    assert "calculus='ito', t=(0.2, 1.2), method='milstein', noise='diagonal', step=0.05" in repr(layer())
