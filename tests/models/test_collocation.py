"""Collocation: slopes of splines at data, and a field's distance from them; against closed forms."""

import pytest
import torch
from scipy.interpolate import CubicSpline

import nodekit
from nodekit.models import Collocation

F64 = torch.float64


def data(m=21):
    """A cubic in time, whose slopes a cubic spline has exactly: t (m,), y and dy/dt (m, 2, 3)."""
    t = torch.linspace(-1.0, 2.0, m, dtype=F64) ** 3 / 4 + torch.linspace(-1.0, 2.0, m, dtype=F64)  # uneven
    c = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    powers = torch.stack([t**i for i in range(4)], 1)
    derivatives = torch.stack([0 * t, 0 * t + 1, 2 * t, 3 * t**2], 1)
    return t, torch.einsum("mi,inj->mnj", powers, c), torch.einsum("mi,inj->mnj", derivatives, c)


def test_slopes_of_a_cubic_are_exact():
    t, y, slopes = data()
    assert torch.allclose(Collocation(t, y).slopes, slopes, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("scale", [1.0, torch.tensor([0.5, 3.0, 20.0], dtype=F64)], ids=["1", "each its own"])
def test_the_loss(scale):
    """Of a field that depends on time and state, written out one point after the other."""
    t, y, slopes = data(7)
    A = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=F64)
    f = lambda t, y: torch.tanh(y @ A) * torch.cos(t)  # noqa: E731
    terms = [((f(t[i], y[i, j]) - slopes[i, j]) / scale) ** 2 for i in range(7) for j in range(2)]
    assert torch.allclose(Collocation(t, y, scale)(f), torch.stack(terms).mean(), rtol=1e-9)


def test_third_order():
    """The slopes of sin: halving the distance divides the largest error by about 8."""
    errors = []
    for m in (21, 41, 81):
        t = torch.linspace(0.0, 3.0, m, dtype=F64)
        errors.append((Collocation(t, torch.sin(t)[:, None]).slopes[:, 0] - torch.cos(t)).abs().max().item())
    assert 6 < errors[0] / errors[1] < 12
    assert 6 < errors[1] / errors[2] < 12


def test_the_true_field_of_a_solve_has_almost_no_loss_and_the_gradient_finds_it():
    """A linear field is found from its path by a linear least squares, here by LBFGS."""
    A = torch.tensor([[-0.4, 1.3, 0.0], [-1.1, -0.2, 0.3], [0.2, 0.0, -0.7]], dtype=F64)
    t = torch.linspace(0.0, 4.0, 81, dtype=F64)
    y = nodekit.solve(lambda t, y: y @ A.T, torch.eye(3, dtype=F64), t, rtol=1e-10, atol=1e-12).y
    field = torch.nn.Linear(3, 3, bias=False).double()
    collocation = Collocation(t, y)
    assert collocation(lambda t, y: y @ A.T) < 1e-8
    optimizer = torch.optim.LBFGS(field.parameters(), max_iter=100, tolerance_grad=1e-12, tolerance_change=1e-14)

    def loss():
        optimizer.zero_grad()
        value = collocation(lambda t, y: field(y))
        value.backward()
        return value

    optimizer.step(loss)
    assert torch.allclose(field.weight, A, atol=1e-3)


def test_float32_data_keep_their_kind():
    t = torch.linspace(0.0, 1.0, 9)
    y = torch.stack([t**2, t], 1)
    collocation = Collocation(t, y)
    assert collocation.slopes.dtype == torch.float32
    assert torch.allclose(collocation.slopes, torch.stack([2 * t, torch.ones(9)], 1), atol=1e-5)
    spline = CubicSpline(t.double().numpy(), y.double().numpy())
    assert torch.allclose(collocation.slopes.double(), torch.tensor(spline(t.double().numpy(), 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("t", "y", "error", "message"),
    [
        (torch.ones(5), torch.ones(5, 2), ValueError, "four or more increasing times"),
        (torch.arange(3.0), torch.ones(3, 2), ValueError, "four or more increasing times"),
        (torch.arange(5.0), torch.ones(4, 2), ValueError, r"m = 5 times, got shape \(4, 2\)"),
        (torch.arange(5.0), torch.ones(5), ValueError, r"y \(m, ..., d\)"),
        (torch.arange(5.0), torch.full((5, 2), torch.nan), ValueError, "finite numbers, and y has others"),
        ([0.0, 1.0, 2.0, 3.0], torch.ones(4, 2), TypeError, "t as a real tensor, got list"),
        (torch.arange(5.0), torch.ones(5, 2, dtype=torch.complex64), TypeError, "y as a real tensor"),
    ],
)
def test_bad_data(t, y, error, message):
    with pytest.raises(error, match=message):
        Collocation(t, y)
