"""LogTime: the same solution in another clock and other units; what it does to a rate."""

import math

import numpy as np
import pytest
import torch

import nodekit
from nodekit.models import LogTime

F64 = torch.float64
SCALE = torch.tensor([2.0, 1e-3, 40.0], dtype=F64)


class Field(torch.nn.Module):
    """Non-autonomous, unsymmetric, three components of different sizes."""

    def __init__(self):
        super().__init__()
        g = torch.Generator().manual_seed(2)
        self.A = torch.nn.Parameter(torch.randn(3, 3, generator=g, dtype=F64))

    def forward(self, t, x):
        z = x / SCALE
        return SCALE * (torch.tanh(z @ self.A) / (1 + t) - 0.3 * z * torch.cos(t))


def test_the_same_path():
    """scale z(log10 t) is x(t), the solution in seconds."""
    f, x0 = Field(), SCALE * torch.tensor([0.3, -1.0, 0.7], dtype=F64)
    t = torch.logspace(-2, 1, 7, dtype=F64)
    tight = {"rtol": 1e-10, "atol": 1e-13}
    with torch.no_grad():
        x = nodekit.solve(f, x0, t, **tight).y
        z = nodekit.solve(LogTime(f, SCALE), x0 / SCALE, torch.log10(t), **tight).y
    assert torch.allclose(SCALE * z, x, rtol=1e-7)


def test_chain_rule_by_differences():
    """dz/ds, where x is a known curve: x = (t², ln t, 1/t)."""
    curve = lambda t: torch.stack([t**2, torch.log(t), 1 / t])  # noqa: E731
    slope = lambda t, x: torch.stack([2 * t, 1 / t, -1 / t**2])  # noqa: E731
    s, e = torch.tensor(0.4, dtype=F64), 1e-6
    by_differences = (curve(10 ** (s + e)) - curve(10 ** (s - e))) / (2 * e) / SCALE
    assert torch.allclose(LogTime(slope, SCALE)(s, curve(10**s) / SCALE), by_differences, rtol=1e-7)


def test_batches_parameters_and_devices():
    f = Field()
    model = LogTime(f, SCALE)
    assert [name for name, _ in model.named_parameters()] == ["f.A"]
    z = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    s = torch.tensor(0.2, dtype=F64)
    assert torch.allclose(model(s, z)[2], model(s, z[2]))
    model(s, z).sum().backward()
    assert f.A.grad.abs().min() > 0


def test_stiffness_stays():
    """x' = −λx in log time has the rate ln(10) λ 10^s: the docstring's claim."""
    z = torch.ones(1, dtype=F64, requires_grad=True)
    value = LogTime(lambda t, x: -50.0 * x)(torch.tensor(1.5, dtype=F64), z)
    assert torch.autograd.grad(value, z)[0].item() == pytest.approx(-math.log(10) * 50 * 10**1.5)


@pytest.mark.parametrize("scale", [0.0, torch.tensor([1.0, -1.0]), np.nan])
def test_bad_scales(scale):
    with pytest.raises(ValueError, match="positive scale"):
        LogTime(lambda t, x: x, scale)


def test_scale_is_a_copy():
    """What the caller does with its array afterwards changes nothing."""
    scale = np.array([2.0, 3.0])
    layer = LogTime(lambda t, x: x, scale)
    scale[:] = 1e6
    assert layer.scale.tolist() == [2.0, 3.0]
