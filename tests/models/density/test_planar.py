"""PlanarFlow, against its Jacobian, its inverse and the density of its samples."""

import math

import pytest
import torch

from nodekit.models.density import PlanarFlow
from tests.models.density.test_cnf import F64, points


def made(dim=3, layers=4, seed=0, scale=3.0):
    """A flow with large weights, so that w·u < −1 occurs and the condition has to act."""
    flow = PlanarFlow(dim, layers, generator=torch.Generator().manual_seed(seed)).double()
    generator = torch.Generator().manual_seed(100 + seed)
    with torch.no_grad():
        for p in flow.parameters():
            p.copy_(scale * torch.randn(p.shape, generator=generator, dtype=F64))
    return flow


@pytest.mark.parametrize("seed", range(5))
def test_log_det_is_that_of_the_jacobian(seed):
    """Of all layers together, by torch.func.jacrev, point by point; for points of any leading shape."""
    flow, z = made(seed=seed), points(2, 5, 3)
    x, log_det = flow(z)
    assert x.shape == z.shape
    assert log_det.shape == z.shape[:-1]
    for row, found in zip(z.reshape(-1, 3), log_det.flatten(), strict=True):
        sign, exact = torch.linalg.slogdet(torch.func.jacrev(lambda z: flow(z)[0])(row))
        assert sign == 1
        assert found.item() == pytest.approx(exact.item(), abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_the_condition_holds_and_changes_nothing_across_w(seed):
    """w·û = log(1 + exp(w·u)) − 1 > −1 also where w·u < −1; û − u is parallel to w."""
    flow = made(seed=seed, layers=20)
    direction, m = flow.directions()
    along = (flow.w * flow.u).sum(-1)
    assert (along < -1).any()
    assert (m > -1).all()
    assert torch.allclose(m, torch.log1p(along.exp()) - 1, atol=1e-10)
    assert torch.allclose((flow.w * direction).sum(-1), m, atol=1e-10)
    moved, unit = direction - flow.u, flow.w / flow.w.norm(dim=-1, keepdim=True)
    assert torch.allclose(moved, (moved * unit).sum(-1, keepdim=True) * unit, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back(seed):
    """inverse undoes forward, in the order of the layers, where m is positive and where it is negative."""
    flow, z = made(seed=seed, scale=1.5), points(50, 3)
    x, _ = flow(z)
    assert torch.allclose(flow.inverse(x), z, atol=1e-7)
    assert not flow.inverse(x).requires_grad


def test_without_the_condition_a_layer_folds():
    """The raw u with w·u < −1 takes two points to one: this is what û prevents."""
    w, u = torch.tensor([1.0], dtype=F64), torch.tensor([-3.0], dtype=F64)
    s = torch.linspace(-3, 3, 61, dtype=F64)
    assert (torch.diff(s + (w @ u) * torch.tanh(s)) < 0).any()
    flow = PlanarFlow(1, 1).double()
    with torch.no_grad():
        flow.w[0], flow.u[0], flow.b[0] = w, u, 0.0
    assert (torch.diff(flow(s[:, None])[0][:, 0]) > 0).all()


def test_samples_have_their_density():
    """log p of the samples is what log_prob says; the density integrates to 1; another base is used throughout."""

    class Wide:
        def log_prob(self, x):
            return -0.125 * x.square().sum(-1) - math.log(8 * math.pi)

        def sample(self, shape, like, generator=None):
            return 2 * torch.randn(shape, generator=generator, dtype=like.dtype)

    flow = PlanarFlow(2, 3, base=Wide(), generator=torch.Generator().manual_seed(5)).double()
    x, log_q = flow.sample_and_log_prob((4, 5), torch.Generator().manual_seed(0))
    assert x.shape == (4, 5, 2)
    assert torch.allclose(flow.log_prob(x.detach()), log_q, atol=1e-8)
    u = torch.linspace(-15, 15, 301, dtype=F64)
    grid = torch.stack(torch.meshgrid(u, u, indexing="ij"), -1)
    with torch.no_grad():
        assert flow.log_prob(grid).exp().sum().item() * 0.01 == pytest.approx(1, abs=1e-4)
    again, _ = flow.sample_and_log_prob(20, torch.Generator().manual_seed(0))
    assert torch.allclose(again, x.reshape(-1, 2))


def test_gradients_of_a_reverse_kl_against_differences():
    flow = made(dim=2, layers=2, scale=1.0)

    def kl():
        x, log_q = flow.sample_and_log_prob(30, torch.Generator().manual_seed(3))
        return (log_q + (x - 1).pow(4).sum(-1)).mean()

    found = torch.autograd.grad(kl(), list(flow.parameters()))
    with torch.no_grad():
        for p, gradient in zip(flow.parameters(), found, strict=True):
            for i in range(p.numel()):
                p.view(-1)[i] += 1e-6
                above = kl()
                p.view(-1)[i] -= 2e-6
                assert ((above - kl()) / 2e-6).item() == pytest.approx(gradient.view(-1)[i].item(), rel=1e-4, abs=1e-6)
                p.view(-1)[i] += 1e-6


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PlanarFlow(0, 4), "dim=0 must be an int >= 1"),
        (lambda: PlanarFlow(2, True), "layers=True must be an int >= 1"),
        (lambda: PlanarFlow(2, 1)(torch.zeros(4, 3)), r"z has shape \(4, 3\); \(\.\.\., 2\) was expected"),
        (lambda: PlanarFlow(2, 1).inverse(torch.zeros(())), r"z has shape \(\)"),
    ],
)
def test_errors_name_value_and_way_out(make, words):
    with pytest.raises(ValueError, match=words):
        make()
