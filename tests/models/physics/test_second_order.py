"""A second-order field moves positions with the velocities; SONODE learns where they begin, or is told."""

import numpy as np
import pytest
import torch
from torch import nn

import nodekit
from nodekit.models import SONODE, SecondOrderField

D = torch.float64


def damped(t, x, v):
    """Two coupled oscillators with friction, pushed in time: nothing in it is symmetric."""
    pull = torch.tensor([[2.0, 0.3], [-0.5, 3.0]], dtype=D)
    return -x @ pull.T - torch.tensor([0.2, 0.5], dtype=D) * v + torch.sin(torch.as_tensor(3 * t, dtype=D))


def start(*shape, seed=0):
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4)])
def test_the_field_is_velocity_then_acceleration(shape):
    y = start(*shape)
    x, v = y[..., :2], y[..., 2:]
    assert torch.equal(SecondOrderField(damped)(0.7, y), torch.cat([v, damped(0.7, x, v)], -1))


def test_sonode_follows_a_damped_oscillator_exactly():
    """x'' = −2γ x' − (ω² + γ²) x has x = e^{−γt}(x0 cos ωt + (v0 + γ x0)/ω sin ωt)."""
    gamma, omega, t = 0.3, 1.7, torch.linspace(0.0, 3.0, 7, dtype=D)
    model = SONODE(lambda t, x, v: -2 * gamma * v - (omega**2 + gamma**2) * x, t=t.tolist(), rtol=1e-10, atol=1e-12)
    x0, v0 = start(5, 1), start(5, 1, seed=1)
    path = model(x0, v0)
    b = (v0 + gamma * x0) / omega
    s = t[:, None, None]
    wave = x0 * torch.cos(omega * s) + b * torch.sin(omega * s)
    slope = omega * (b * torch.cos(omega * s) - x0 * torch.sin(omega * s)) - gamma * wave
    exact = torch.exp(-gamma * s) * torch.cat([wave, slope], -1)
    assert path.shape == (7, 5, 2)
    assert torch.allclose(path, exact, atol=1e-8)


def test_the_second_half_is_the_derivative_of_the_first():
    model = SONODE(damped, t=[0.5 - 1e-4, 0.5, 0.5 + 1e-4], rtol=1e-11, atol=1e-12)
    before, now, after = model(start(3, 2), start(3, 2, seed=1))
    assert torch.allclose((after - before)[..., :2] / 2e-4, now[..., 2:], atol=1e-6)


def test_the_velocity_network_gives_the_start_and_is_trained():
    net = nn.Linear(2, 2).double()
    model = SONODE(damped, net, rtol=1e-9, atol=1e-9)
    x0 = start(6, 2)
    assert torch.allclose(model(x0), SONODE(damped, rtol=1e-9, atol=1e-9)(x0, net(x0)), atol=1e-12)
    assert torch.equal(model.start(x0)[:, :2], x0)
    model(x0).square().sum().backward()
    w, e = net.weight, 1e-5
    with torch.no_grad():
        found = w.grad[0, 1].item()
        values = []
        for move in (e, -2 * e):
            w[0, 1] += move
            values.append(model(x0).square().sum().item())
    assert np.isclose(found, (values[0] - values[1]) / (2 * e), rtol=1e-5)


def test_a_given_velocity_goes_before_the_network():
    model = SONODE(damped, nn.Linear(2, 2).double())
    x0, v0 = start(3, 2), start(3, 2, seed=4)
    assert torch.equal(model.start(x0, v0), torch.cat([x0, v0], -1))


def test_it_serves_solve():
    y = start(4)
    sol = nodekit.solve(SecondOrderField(damped), y, (0.0, 1.0))
    assert sol.y.shape[1:] == (4,)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda: SecondOrderField(3),
            TypeError,
            "acceleration must be an nn.Module or a function of .t, x, v., got int",
        ),
        (lambda: SecondOrderField(damped)(0.0, start(5)), ValueError, "5 numbers"),
        (
            lambda: SecondOrderField(lambda t, x, v: x[..., :1])(0.0, start(4)),
            ValueError,
            r"returned \(1,\) for x and v",
        ),
        (lambda: SecondOrderField(lambda t, x, v: 1.0)(0.0, start(4)), ValueError, "returned float"),
        (lambda: SONODE(damped)([1.0, 2.0], start(2)), TypeError, "x0 must be a torch tensor, got list"),
        (lambda: SONODE(damped, velocity=2), TypeError, "velocity must be"),
        (lambda: SONODE(damped)(start(3, 2)), ValueError, "v0 is missing"),
        (lambda: SONODE(damped)(start(3, 2), start(3, 1)), ValueError, r"velocity is \(3, 1\) for x0 \(3, 2\)"),
        (lambda: SONODE(damped, lambda x: None)(start(3, 2)), ValueError, "velocity is NoneType"),
        (lambda: SONODE(damped, lambda x: x.float())(start(3, 2)), TypeError, "velocity is torch.float32 for x0 of"),
        (
            lambda: SecondOrderField(lambda t, x, v: x.half())(0.0, start(4)),
            TypeError,
            "acceleration returned torch.float16 for x and v of torch.float64",
        ),
        (
            lambda: nodekit.solve(SecondOrderField(damped), start(2, 4), (0.0, 1.0), method="leapfrog", step=0.1),
            ValueError,
            r"halves of y's first axis, shape \(2, 4\): put samples last",
        ),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()
