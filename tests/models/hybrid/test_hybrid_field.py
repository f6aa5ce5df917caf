"""HybridField: the sum of what is known and a network, with both readable."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.models import HybridField, NeuralODE

F64 = torch.float64
SCALE = torch.tensor([2.0, 0.1, 30.0], dtype=F64)


def field(rate=0.7):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    return HybridField(lambda t, y: t * y * torch.tensor([1.0, -2.0, 0.5], dtype=F64), network, SCALE, rate)


def test_the_sum_written_out():
    f, y = field(), torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=F64)
    known, learned = f.parts(2.0, y)
    assert torch.allclose(known, 2 * y * torch.tensor([1.0, -2.0, 0.5], dtype=F64))
    assert torch.allclose(learned, 0.7 * SCALE * f.network(y / SCALE))
    assert torch.allclose(f(2.0, y), known + learned)
    assert torch.equal(f.learned(y), learned)


def test_units():
    """y in other units, and time in others: the same field, where scale and rate are in them too."""
    f, y = field(), torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=F64)
    unit = torch.tensor([1e3, 1.0, 1e-2], dtype=F64)
    other = HybridField(f.known, f.network, SCALE * unit, 0.7 * 60)
    assert torch.allclose(other.learned(y * unit), f.learned(y) * unit * 60)


def test_the_known_part_alone():
    """With a network that is zero, the exact solution of the known equation."""
    f = field()
    torch.nn.init.zeros_(f.network[2].weight)
    torch.nn.init.zeros_(f.network[2].bias)
    y0 = torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    end = nodekit.solve(f, y0, (0.0, 1.0), rtol=1e-9, atol=1e-11).y[-1]
    assert torch.allclose(end, y0 * torch.exp(0.5 * torch.tensor([1.0, -2.0, 0.5], dtype=F64)), rtol=1e-7)


def test_gradients_reach_network_and_known_part():
    """In a NeuralODE; against central differences of one weight of each."""

    class Known(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Parameter(torch.tensor(0.3, dtype=F64))

        def forward(self, t, y):
            return -self.a * y

    f = HybridField(Known(), field().network, SCALE)
    layer = NeuralODE(f, method="rk4", step=0.25)
    y0 = torch.tensor([1.0, 0.2, -3.0], dtype=F64)
    loss = lambda: (layer(y0) * torch.tensor([1.0, 2.0, 3.0], dtype=F64)).sum()  # noqa: E731
    loss().backward()
    for parameter, index in ((f.known.a, ()), (f.network[0].weight, (1, 2))):
        with torch.no_grad():
            parameter[index] += 1e-5
            above = loss().item()
            parameter[index] -= 2e-5
            below = loss().item()
            parameter[index] += 1e-5
        assert abs((above - below) / 2e-5 - parameter.grad[index].item()) < 1e-6


def test_scale_follows_the_state():
    f = field().float()
    f.known = lambda t, y: y
    y = torch.ones(3)
    assert f(0.0, y).dtype == torch.float32


def test_scale_is_saved():
    """What is loaded is the same function: scale and rate come with the weights, and one for another d is refused."""
    f, y = field(), torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=F64)
    other = HybridField(f.known, field().network, torch.ones(3))
    assert not torch.allclose(other.learned(y), f.learned(y))
    other.load_state_dict(f.state_dict())
    assert torch.equal(other.learned(y), f.learned(y))
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        HybridField(f.known, f.network).load_state_dict(f.state_dict())


@pytest.mark.parametrize("scale", [np.array([2.0, 3.0]), torch.tensor([2.0, 3.0], dtype=F64)], ids=["array", "tensor"])
def test_scale_is_a_copy(scale):
    """What the caller does with its array afterwards changes nothing."""
    f = HybridField(lambda t, y: y, torch.nn.Identity(), scale)
    scale[:] = 1e6
    assert f.scale.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3, torch.nn.Identity()), TypeError, "known must be a function or Module of \\(t, y\\), got int"),
        ((lambda t, y: y, None), TypeError, "network must be a Module of y, got NoneType"),
        ((lambda t, y: y, torch.nn.Identity(), 0.0), ValueError, "scale=0.0 must be positive"),
        ((lambda t, y: y, torch.nn.Identity(), [1.0, float("nan")]), ValueError, "must be positive and finite"),
        ((lambda t, y: y, torch.nn.Identity(), 1.0, -1.0), ValueError, "rate=-1.0 must be positive"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        HybridField(*arguments)


def test_parts_of_another_shape():
    y = torch.ones(4, 3, dtype=F64)
    with pytest.raises(ValueError, match="known returned \\(4,\\) for y \\(4, 3\\)"):
        HybridField(lambda t, y: y[:, 0], torch.nn.Identity())(0.0, y)
    with pytest.raises(ValueError, match="network returned \\(4, 2\\) for y \\(4, 3\\)"):
        HybridField(lambda t, y: y, torch.nn.Linear(3, 2).double())(0.0, y)
