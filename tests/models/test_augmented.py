"""Augmented: a NeuralODE on a state with zeros appended."""

import math

import pytest
import torch
from torch import nn

from nodekit.models import Augmented, NeuralODE

F64 = torch.float64


class Turn(nn.Module):
    """z' = speed · (−z₂, z₁): a rotation of the plane."""

    def __init__(self, speed=math.pi):
        super().__init__()
        self.speed = nn.Parameter(torch.tensor(speed, dtype=F64))

    def forward(self, t, z):
        return self.speed * torch.stack([-z[..., 1], z[..., 0]], -1)


class Pointwise(nn.Module):
    """A field on images, by a 1×1 convolution."""

    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1).double()

    def forward(self, t, z):
        return torch.tanh(self.mix(z))


def test_it_turns_the_line_around():
    """x -> -x, which no flow on the line does, is half a turn of the plane around it."""
    x = torch.linspace(-2, 2, 9, dtype=F64)[:, None]
    ends = Augmented(Turn(), 1, rtol=1e-9)(x)
    assert ends.shape == (9, 2)
    assert torch.allclose(ends, torch.cat([-x, torch.zeros_like(x)], 1), atol=1e-7)


@pytest.mark.parametrize(("shape", "dim"), [((5, 2), -1), ((2,), 0), ((3, 2, 4, 4), 1), ((3, 2, 4, 4), -3)])
@pytest.mark.parametrize("extra", [0, 1, 3])
def test_equal_to_a_neural_ode_on_the_appended_state(shape, dim, extra):
    """The state, its gradient in y0 and in the parameters, and the counts."""
    torch.manual_seed(0)
    width = shape[dim] + extra
    linear = nn.Sequential(nn.Linear(width, width), nn.Tanh()).double()

    class Vector(nn.Module):
        net = linear

        def forward(self, t, z):
            return self.net(z) * torch.cos(t)

    field = Pointwise(width) if len(shape) == 4 else Vector()
    y0 = torch.randn(shape, dtype=F64)
    zeros = list(shape)
    zeros[dim] = extra
    found = []
    for model, start in (
        (Augmented(field, extra, dim, t=(0.0, 0.7)), lambda y: y),
        (NeuralODE(field, t=(0.0, 0.7)), lambda y: torch.cat([y, torch.zeros(zeros, dtype=F64)], dim)),
    ):
        y = y0.clone().requires_grad_()
        z = model(start(y))
        gradients = torch.autograd.grad(z.square().sum(), [y, *field.parameters()])
        found.append((z, *gradients, torch.tensor(model.nfev)))
    for a, b in zip(*found, strict=True):
        assert a.shape == b.shape
        assert torch.equal(a, b)


def test_several_times_and_what_it_prints():
    model = Augmented(Turn(), extra=1, t=[0.0, 0.5, 1.0])
    z = model(torch.ones(4, 1, dtype=F64))
    assert z.shape == (3, 4, 2)
    assert torch.allclose(z[1], torch.tensor([0.0, 1.0], dtype=F64).expand(4, 2), atol=1e-5)
    assert "extra=1, dim=-1, t=(0.0, 1.0)" in repr(model)
    assert set(model.state_dict()) == {"field.speed"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"extra": -1}, "extra=-1 must be an int >= 0"),
        ({"extra": 1.0}, "extra=1.0 must be an int >= 0"),
        ({"extra": True}, "extra=True must be an int >= 0"),
        ({"extra": 1, "dim": None}, "dim=None must be an int."),
        ({"extra": 1, "method": "dopri"}, "dopri"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        Augmented(Turn(), **arguments)


def test_a_state_that_is_no_tensor():
    with pytest.raises(TypeError, match="y0 must be a torch tensor, got list"):
        Augmented(nn.Identity(), 1)([1.0, 2.0])


def test_bad_states_and_fields():
    """A y0 without the axis, and a field that knows nothing of the new components."""
    with pytest.raises(ValueError, match=r"y0 has shape \(2,\), and no axis dim=1 to append zeros to"):
        Augmented(Turn(), 1, dim=1)(torch.ones(2, dtype=F64))

    class Old(nn.Module):
        def forward(self, t, z):
            return z[..., :1]

    with pytest.raises(ValueError, match=r"f returned shape \(3, 1\) at t = 0.0, but y has shape \(3, 2\)"):
        Augmented(Old(), 1)(torch.ones(3, 1, dtype=F64))
