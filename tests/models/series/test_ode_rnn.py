"""ODERNN: against one solve a gap, on a field that depends on time; what it may not see; gradients, errors."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.models.series import ODERNN, Series
from tests.models.series.recordings import given

F64 = torch.float64


class Field(torch.nn.Module):
    """Depends on time, and is neither linear nor symmetric."""

    def __init__(self, d=4, seed=0):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.W = torch.nn.Parameter(torch.randn(d, d, generator=draw, dtype=F64))

    def forward(self, t, h):
        return torch.tanh(h @ self.W.T + torch.sin(2 * t)) - 0.2 * h


def model(**options):
    torch.manual_seed(1)
    return ODERNN(Field(), dim=2, hidden=4, width=3, **options).to(F64)


@pytest.mark.slow(seconds=5)
@pytest.mark.parametrize(
    "options", [{"method": "dopri5", "step": None, "rtol": 1e-9, "atol": 1e-11}, {"method": "rk4", "step": 0.02}]
)
def test_against_a_solve_for_each_gap(options):
    """Each sample alone, one nodekit.solve a gap in its own time, a GRU cell at each observation."""
    net, recordings = model(**options), given()
    batch, at = Series.of(recordings), 5.0
    got = net(batch, torch.tensor([0.1, at], dtype=F64))
    for i, (t, x) in enumerate(recordings):
        h = torch.zeros(4, dtype=F64)
        for k in range(len(t)):
            if k:
                h = nodekit.solve(net.field, h, (t[k - 1], t[k]), rtol=1e-9, atol=1e-11).y[-1]
            row = torch.tensor([*np.nan_to_num(x[k]), *(~np.isnan(x[k])).astype(float)])
            h = net.cell(row[None], h[None])[0]
            assert torch.allclose(net.states(batch)[i, k], h, atol=1e-7)
        h = nodekit.solve(net.field, h, (t[-1], at), rtol=1e-9, atol=1e-11).y[-1]
        assert torch.allclose(got[i, 1], net.net(h), atol=1e-7)
        assert torch.allclose(got[i, 0], net.net(torch.zeros(4, dtype=F64)))  # before the first observation


def test_mates_do_not_matter():
    """Samples of other lengths beside one change nothing but the steps."""
    net, recordings = model(rtol=1e-11, atol=1e-12), given((3, 7, 5))
    times = torch.linspace(0.5, 5, 6, dtype=F64)
    together = net(Series.of(recordings), times)
    for i, recording in enumerate(recordings):
        assert torch.allclose(together[i], net(Series.of([recording]), times)[0], rtol=1e-9, atol=1e-10)
    states = net.states(Series.of(recordings))
    assert torch.equal(states[0, 3:], states[0, 2].expand(4, -1))  # behind its last observation nothing moves


def test_it_is_a_filter():
    """An observation changes nothing before its time."""
    net, (t, x) = model(), given((6,))[0]
    changed = x.copy()
    changed[3, 0] += 1.0
    before, after = (torch.linspace(*ends, 7, dtype=F64) for ends in ((0, t[3] - 1e-6), (t[3], 5)))
    a, b = Series.of([(t, x)]), Series.of([(t, changed)])
    assert torch.equal(net(a, before), net(b, before))
    assert not torch.allclose(net(a, after), net(b, after))


@pytest.mark.parametrize("options", [{}, {"method": "midpoint", "step": 0.05}, {"method": "rk4", "step": 0.3}])
def test_far_behind_the_last_observation(options):
    """A rotation, long after the data: steps are units of time, however long the gap is."""
    field = torch.nn.Linear(2, 2, bias=False, dtype=F64)
    field.weight.data = torch.tensor([[0.0, -2.0], [2.0, 0.0]], dtype=F64)
    net = ODERNN(Timeless(field), dim=1, hidden=2, **options).to(F64)
    net.net = torch.nn.Identity()
    batch = Series.of([(np.array([0.0, 0.1]), np.ones((2, 1)))])
    gap, h = torch.tensor([0.5, 2.5, 10.0], dtype=F64), net.states(batch)[0, -1]
    cos, sin = torch.cos(2 * gap), torch.sin(2 * gap)
    exact = torch.stack([cos * h[0] - sin * h[1], sin * h[0] + cos * h[1]], -1)
    assert torch.allclose(net(batch, 0.1 + gap)[0], exact, atol=0.02)


class Timeless(torch.nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, t, h):
        return self.f(h)


@pytest.mark.parametrize(("longest", "calls"), [(0.5, 10), (0.4, 14), (10.0, 3)])
def test_a_fixed_step_is_a_time(longest, calls):
    """Midpoint's two evaluations a step, 2.5 / step steps, rounded up; a lone one needs a slope more for its middle."""
    net, batch = model(method="midpoint", step=longest), Series.of([(np.array([0.0]), np.ones((1, 2)))], least=1)
    net(batch, torch.tensor([0.2, 2.5], dtype=F64))
    assert net.nfev == calls


def test_gradients_by_differences():
    net, batch = model(method="rk4", step=0.3), Series.of(given())
    t = torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=F64) * 5

    def loss():
        return (net(batch, t) * torch.tensor([1.0, -2.0], dtype=F64)).square().sum()

    for p in (net.field.W, net.cell.weight_ih, net.net[0].weight):
        gradient = torch.autograd.grad(loss(), p)[0]
        ends = []
        for step in (1e-5, -2e-5):
            p.data[1, 0] += step
            ends.append(loss().item())
        p.data[1, 0] += 1e-5
        assert gradient[1, 0].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-6)


def test_refusals():
    net, batch = model(), Series.of(given())
    with pytest.raises(TypeError, match=r"field must be an nn\.Module"):
        ODERNN(abs, dim=2)
    with pytest.raises(ValueError, match="the series has 1 components, and the model dim=2"):
        net(Series.of([([0.0, 1.0], np.ones((2, 1)))]), torch.ones(3))
    with pytest.raises(ValueError, match=r"t has shape \(4, 2\)"):
        net(batch, torch.ones(4, 2))
    with pytest.raises(ValueError, match=r"t holds inf: a time must be finite"):
        net(batch, [1.0, np.inf])
    with pytest.raises(TypeError, match=r"series must be a Series, got tuple"):
        net((1, 2), torch.ones(3))
    for name in ("dim", "hidden", "width"):
        with pytest.raises(ValueError, match=f"{name}=0 must be a whole number of at least 1"):
            ODERNN(Field(), **{"dim": 2, name: 0})
    with pytest.raises(ValueError, match=r"step=-0\.1 must be a time greater than 0"):
        ODERNN(Field(), dim=2, method="rk4", step=-0.1)
    with pytest.raises(ValueError, match="'midpoint' has no error estimate: give step="):
        ODERNN(Field(), dim=2, method="midpoint")
