"""PhysicsInformed: the two losses, against paths whose slopes are known in closed form."""

import numpy as np
import pytest
import torch

from nodekit.models import PhysicsInformed

F64 = torch.float64
T = torch.tensor([1.0, 1.5, 3.0, 5.0], dtype=F64)


class Cubic(torch.nn.Module):
    """(s³, 2 s) of the scaled time s in [-1, 1]."""

    def forward(self, s):
        return torch.cat([s**3, 2 * s], 1)


def model(field=lambda t, y: 0 * y, y=None, **options):
    y = torch.zeros(4, 2, dtype=F64) if y is None else y
    return PhysicsInformed(Cubic(), field, T, y, torch.tensor([0.5, 2.0], dtype=F64), **options)


def test_path_and_data_loss():
    """s = (t − 3) / 2 from −1 to 1; the loss written out."""
    scale = torch.tensor([10.0, 0.1], dtype=F64)
    y = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    s = (T - 3) / 2
    path = torch.stack([10 * s**3, 0.2 * s], 1)
    m = model(y=y, scale=scale)
    assert torch.allclose(m(T), path)
    off = (path - y) / torch.tensor([0.5, 2.0], dtype=F64)
    assert torch.allclose(m.data_loss(), (off**2).sum() / 8)


def test_equation_loss():
    """The slopes in time, less a field of time and state, at the places that were given."""
    at = torch.tensor([1.2, 2.0, 4.4], dtype=F64)
    field = lambda t, y: torch.sin(t) * y.flip(-1)  # noqa: E731
    m = model(field, at=at, scale=torch.tensor([10.0, 0.1], dtype=F64), rate=3.0)
    s = (at - 3) / 2
    slope = torch.stack([15 * s**2, 0.1 + 0 * s], 1)
    path = torch.stack([10 * s**3, 0.2 * s], 1)
    off = (slope - torch.sin(at)[:, None] * path.flip(-1)) / (3 * torch.tensor([10.0, 0.1], dtype=F64))
    assert torch.allclose(m.equation_loss(), (off**2).mean())


def test_zero_for_a_solution():
    """y' = (3 s² / 2, 1) has the path as solution."""
    field = lambda t, y: torch.cat([1.5 * ((t - 3) / 2) ** 2, 1 + 0 * t], 1)  # noqa: E731
    m = model(field)
    assert m.equation_loss() < 1e-28
    assert m.at.shape == (100,)
    assert (m.at[0], m.at[-1]) == (1.0, 5.0)


def test_finds_a_rate():
    """y' = −a y with a = 0.8 unknown, from eleven noisy values: within 3%, and the path decays."""

    class Decay(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Parameter(torch.tensor(0.2, dtype=F64))

        def forward(self, t, y):
            return -self.a * y

    torch.manual_seed(0)
    t = torch.linspace(0, 3, 11, dtype=F64)
    y = 2 * torch.exp(-0.8 * t)[:, None] + 0.005 * torch.randn(11, 1, dtype=F64)
    path = torch.nn.Sequential(torch.nn.Linear(1, 12), torch.nn.Tanh(), torch.nn.Linear(12, 1)).double()
    m = PhysicsInformed(path, Decay(), t, y, 0.005, scale=2.0)
    optimizer = torch.optim.LBFGS(m.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = m.data_loss() + 1e4 * m.equation_loss()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert abs(m.field.a.item() / 0.8 - 1) < 0.03


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"path": 3}, TypeError, "path must be a Module or a function, got int"),
        ({"field": None}, TypeError, "field must be a Module or a function, got NoneType"),
        ({"t": [1.0, 2.0]}, TypeError, "needs t as a real tensor, got list"),
        ({"at": torch.tensor([1, 2])}, TypeError, "needs at as a real tensor"),
        ({"t": T.flip(0)}, ValueError, "increasing times"),
        ({"y": torch.zeros(3, 2, dtype=F64)}, ValueError, "with m = 4 times, got shape \\(3, 2\\)"),
        ({"y": torch.full((4, 2), float("nan"), dtype=F64)}, ValueError, "finite numbers, and y has others"),
        ({"noise": 0.0}, ValueError, "noise=0.0 must be positive and finite"),
        ({"rate": -1.0}, ValueError, "rate=-1.0 must be positive and finite"),
        ({"at": T[:, None]}, ValueError, "needs at \\(n,\\), one or more times, got shape \\(4, 1\\)"),
        ({"at": T[:0]}, ValueError, "needs at \\(n,\\), one or more times, got shape \\(0,\\)"),
        ({"noise": [1.0, 2.0, 3.0]}, ValueError, "noise has shape \\(3,\\), \\(\\) or \\(2,\\) expected"),
        ({"scale": torch.ones(4, 2)}, ValueError, "scale has shape \\(4, 2\\), \\(\\) or \\(2,\\) expected"),
        ({"rate": torch.ones(2)}, ValueError, "rate has shape \\(2,\\), \\(\\) expected"),
    ],
)
def test_bad_arguments(change, error, words):
    arguments = {"path": Cubic(), "field": lambda t, y: y, "t": T, "y": torch.zeros(4, 2, dtype=F64), "noise": 1.0}
    with pytest.raises(error, match=words):
        PhysicsInformed(**{**arguments, **change})


@pytest.mark.parametrize(
    "kind", [list, np.array, torch.tensor, lambda a: torch.tensor(a, dtype=F64)], ids=["list", "array", "f32", "f64"]
)
def test_noise_and_scale_of_any_kind(kind):
    """Lists, arrays and tensors of either type give the losses that those of y's type do, to float32's rounding."""
    y = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    losses = []
    for form in (kind, lambda a: torch.tensor(a, dtype=F64)):
        m = PhysicsInformed(Cubic(), lambda t, y: t * y, T, y, form([0.5, 2.0]), scale=form([10.0, 0.1]))
        assert m.data_loss().dtype == F64
        losses.append([m.data_loss().item(), m.equation_loss().item()])
    assert np.allclose(*losses, rtol=1e-6)


def test_moves_as_a_whole():
    """.float() takes the data, the noise, the scale and the places along; so do the losses, and state_dict has them."""
    m = model(lambda t, y: t * y, scale=[10.0, 0.1])
    before = m.data_loss().item(), m.equation_loss().item()
    m.float()
    assert (m.data_loss().dtype, m.equation_loss().dtype) == (torch.float32, torch.float32)
    assert np.allclose([m.data_loss().item(), m.equation_loss().item()], before, rtol=1e-5)
    assert set(m.state_dict()) == {"t", "y", "noise", "at", "scale", "rate"}


def test_data_are_copies():
    """What the caller does with its tensors afterwards changes nothing."""
    noise = torch.tensor([0.5, 2.0], dtype=F64)
    t, y, at = T.clone(), torch.ones(4, 2, dtype=F64), T.clone()
    m = PhysicsInformed(Cubic(), lambda t, y: t * y, t, y, noise, at=at)
    before = m.data_loss().item(), m.equation_loss().item()
    for mine in (t, y, at, noise):
        mine *= 2.0
    assert (m.data_loss().item(), m.equation_loss().item()) == before


class OneOutput(torch.nn.Module):
    def forward(self, s):
        return s**3


def test_a_path_of_another_shape():
    """One output for two components would be multiplied by each of the two scales: refused, by both losses."""
    m = PhysicsInformed(
        OneOutput(), lambda t, y: y, T, torch.ones(4, 2, dtype=F64), 1.0, scale=torch.tensor([8.0, 6.0], dtype=F64)
    )
    for loss in (m.data_loss, m.equation_loss):
        with pytest.raises(ValueError, match=r"path returned \(\d+, 1\) for y \(\d+, 2\)"):
            loss()
    with pytest.raises(ValueError, match="path returned"):
        model()(T[:, None])


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (lambda t, y: y[:, :1], "field returned \\(2, 1\\) for y \\(2, 2\\)"),
        (lambda t, y: y[:, 0], "field returned \\(2,\\) for y \\(2, 2\\)"),  # n = d, so that it would fit
        (lambda t, y: 0.0, "field returned float"),
    ],
)
def test_a_field_of_another_shape(field, words):
    with pytest.raises(ValueError, match=words):
        model(field, at=T[:2]).equation_loss()
