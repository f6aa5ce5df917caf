"""ConvField: a field on images that sees the time, and treats each sample by itself."""

import pytest
import torch
from torch import nn

import nodekit
from nodekit.models import ConvField, NeuralODE


@pytest.fixture
def field():
    torch.manual_seed(0)
    return ConvField(6, activation=nn.Softplus()).double()


@pytest.fixture
def images():
    return torch.randn(5, 6, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_it_is_what_its_docstring_says(field, images):
    """Norm, activation, convolution over [y, t], twice, and a norm: written out with functional calls."""
    y, act = images, nn.functional.softplus
    group_norm, conv = nn.functional.group_norm, nn.functional.conv2d
    time = torch.full((5, 1, 4, 3), 0.3, dtype=torch.float64)
    n, c = field.norms, field.convs
    for norm in n:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    for i in range(2):
        y = torch.cat([act(group_norm(y, 6, n[i].weight, n[i].bias)), time], 1)
        y = conv(y, c[i].weight, c[i].bias, padding=1)
    y = group_norm(y, 6, n[2].weight, n[2].bias)
    assert torch.allclose(field(0.3, images), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("channels", "groups", "expected"), [(32, None, 8), (6, None, 6), (14, None, 7), (6, 3, 3)])
def test_groups_and_numbers(channels, groups, expected):
    """2 convolutions with one more channel in, 3 norms; each with its biases."""
    field = ConvField(channels, groups)
    assert {norm.num_groups for norm in field.norms} == {expected}
    count = 2 * ((channels + 1) * 9 + 1) * channels + 3 * 2 * channels
    assert sum(p.numel() for p in field.parameters()) == count
    assert [type(field.activation)] == [nn.ReLU]


def test_time_matters_and_may_differ_between_samples(field, images):
    """One time for each sample gives what each time gives alone; a 0-d tensor is a number."""
    times = torch.linspace(0, 1, 5, dtype=torch.float64)
    together = field(times.reshape(5, 1, 1, 1), images)
    for i, t in enumerate(times):
        assert torch.allclose(together[i : i + 1], field(t, images[i : i + 1]), rtol=1e-12, atol=1e-12)
        assert torch.equal(field(t, images), field(t.item(), images))
    assert not torch.allclose(field(0.0, images), field(1.0, images))


@pytest.mark.parametrize("training", [True, False])
def test_a_sample_does_not_depend_on_its_batch(field, images, training):
    field.train(training)
    assert torch.allclose(field(0.5, images)[2:3], field(0.5, images[2:3]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gradient", ["backprop", "checkpoint", "adjoint", "interpolated"])
def test_gradients_through_a_solve(field, images, gradient):
    """All four ways give the same, the continuous ones to their tolerance."""
    found = []
    for way in ("backprop", gradient):
        layer = NeuralODE(field, rtol=1e-7, atol=1e-7, gradient=way)
        found.append(torch.autograd.grad(layer(images).square().sum(), list(field.parameters())))
    for expected, got in zip(*found, strict=True):
        assert torch.allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_independent_samples(field, images):
    """Each sample with its own steps ends where it ends alone."""
    options = {"rtol": 1e-6, "atol": 1e-6}
    with torch.no_grad():
        together = nodekit.solve(field, images, (0.0, 1.0), batch="independent", **options)
        for i in range(5):
            alone = nodekit.solve(field, images[i : i + 1], (0.0, 1.0), **options)
            assert torch.allclose(together.y[-1][i], alone.y[-1][0], atol=1e-7)
            assert together.stats.per_sample.nfev[i] == alone.stats.nfev


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "channels=0 must be an int >= 1"),
        ((True,), "channels=True must be"),
        ((8, 3), "groups=3 must be an int >= 1 that divides channels=8"),
        ((8, 0), "groups=0 must be"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        ConvField(*arguments)


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (6, 4, 4), (5, 7, 4, 4)])
def test_states_that_are_no_such_images(field, shape):
    with pytest.raises(ValueError, match=r"was expected") as caught:
        field(0.0, torch.zeros(shape, dtype=torch.float64))
    assert f"y has shape {shape}; (samples, 6, height, width)" in str(caught.value)
