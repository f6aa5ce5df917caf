"""GapGRU: against a loop over single cells, what it may not see, samples and their mates, errors."""

import numpy as np
import pytest
import torch

from nodekit.models.series import GapGRU, Series
from tests.models.series.recordings import given

F64 = torch.float64


def model(both_sides, seed=0):
    torch.manual_seed(seed)
    return GapGRU(dim=2, hidden=5, width=4, both_sides=both_sides).to(F64)


def by_hand(net, t, x, at):
    """One sample at one time, by the equations of the docstring."""
    seen = ~np.isnan(x)
    parts = []
    for read, sign in zip(net.reads, (1, -1), strict=False):
        order = np.argsort(sign * t)
        used = [k for k in order if sign * t[k] <= sign * at]
        state, before = torch.zeros(1, 1, 5, dtype=F64), None
        for k in used:
            gap = 0.0 if before is None else abs(t[k] - before)
            row = torch.tensor([*np.nan_to_num(x[k]), *seen[k].astype(float), gap])
            state, before = read(row[None, None], state)[1], t[k]
        parts.append(torch.cat([state[0, 0], torch.tensor([0.0 if before is None else abs(at - before)], dtype=F64)]))
    return net.net(torch.cat(parts))


@pytest.mark.parametrize("both_sides", [False, True])
def test_against_a_loop(both_sides):
    """Every sample, at times before, between, at and behind its observations."""
    net, recordings = model(both_sides), given()
    batch = Series.of(recordings)
    for i, (t, x) in enumerate(recordings):
        times = [0.0, t[0], (t[0] + t[1]) / 2, t[-1], 6.0]
        got = net(batch, torch.tensor(times))[i]
        for k, at in enumerate(times):
            assert torch.allclose(got[k], by_hand(net, t, x, at), rtol=1e-10, atol=1e-12)


def test_times_of_their_own():
    net, batch = model(True), Series.of(given())
    t = torch.rand(3, 5, generator=torch.Generator().manual_seed(0), dtype=F64) * 5
    got = net(batch, t)
    assert got.shape == (3, 5, 2)
    assert torch.allclose(got[1], net(batch, t[1])[1])


def test_a_filter_does_not_see_the_future():
    """A change of an observation at t changes nothing before t; a smoother's answers do change."""
    recordings = given((6,))
    t, x = recordings[0]
    changed = x.copy()
    changed[3, 0] += 1.0
    times = torch.linspace(0, t[3] - 1e-6, 7, dtype=F64)
    for both_sides in (False, True):
        net = model(both_sides)
        a, b = net(Series.of([(t, x)]), times), net(Series.of([(t, changed)]), times)
        assert torch.equal(a, b) is not both_sides


@pytest.mark.parametrize("both_sides", [False, True])
def test_every_parameter_has_a_gradient(both_sides):
    net = model(both_sides)
    net(Series.of(given()), torch.linspace(0, 5, 9)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())


def test_refusals():
    net, batch = model(False), Series.of(given())
    with pytest.raises(ValueError, match="the series has 1 components, and the model dim=2"):
        net(Series.of([([0.0, 1.0], np.ones((2, 1)))]), torch.ones(3))
    with pytest.raises(ValueError, match=r"t has shape \(4, 2\); \(m,\) or \(3, m\)"):
        net(batch, torch.ones(4, 2))
    with pytest.raises(ValueError, match="t holds nan"):
        net(batch, [1.0, float("nan")])
    with pytest.raises(TypeError, match="series must be a Series, got list"):
        net(given(), torch.ones(3))
    for name in ("dim", "hidden", "width"):
        with pytest.raises(ValueError, match=f"{name}=0 must be a whole number"):
            GapGRU(**{"dim": 2, name: 0})
