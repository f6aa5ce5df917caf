"""ODERNN: against one solve a gap, on a field that depends on time; what it may not see; gradients, errors."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.models.series import ODERNN, Series

F64 = torch.float64


class Field(torch.nn.Module):
    """Depends on time, and is neither linear nor symmetric."""

    def __init__(self, d=4, seed=0):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.W = torch.nn.Parameter(torch.randn(d, d, generator=draw, dtype=F64))

    def forward(self, t, h):
        return torch.tanh(h @ self.W.T + torch.sin(2 * t)) - 0.2 * h


def given(lengths=(4, 6, 2), seed=0):
    rng, found = np.random.default_rng(seed), []
    for n in lengths:
        t, x = np.sort(rng.uniform(0.2, 4, n)), rng.normal(size=(n, 2))
        hidden = rng.random((n, 2)) < 0.3
        hidden[:, 0] = False
        found.append((t, np.where(hidden, np.nan, x)))
    return found


def model(**options):
    torch.manual_seed(1)
    return ODERNN(Field(), dim=2, hidden=4, width=3, **options).to(F64)


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
    """With fixed steps, samples of other lengths beside one change nothing."""
    net, recordings = model(), given((3, 7, 5))
    times = torch.linspace(0.5, 5, 6, dtype=F64)
    together = net(Series.of(recordings), times)
    for i, recording in enumerate(recordings):
        assert torch.allclose(together[i], net(Series.of([recording]), times)[0], rtol=1e-11, atol=1e-12)
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


def test_gradients_by_differences():
    net, batch = model(), Series.of(given())
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
