"""The trace of a field's Jacobian, against the Jacobian itself."""

import pytest
import torch

from nodekit.models import CNF
from nodekit.models.density import Hutchinson, exact_divergence
from tests.models.density.test_cnf import F64, Net, points


def test_the_trace_is_that_of_the_jacobian():
    """exact_divergence against torch.func.jacrev, sample by sample; also where gradients are not recorded."""
    field, x, t = Net(d=4), points(5, 4), torch.tensor(0.3, dtype=F64)
    traces = torch.stack([torch.func.jacrev(lambda x: field(t, x))(row).trace() for row in x])
    for recorded in (True, False):
        with torch.set_grad_enabled(recorded):
            k, found = exact_divergence(field, t, x)
        assert torch.allclose(found, traces, atol=1e-12)
        assert torch.allclose(k, field(t, x), atol=1e-14)
        assert k.requires_grad is found.requires_grad is recorded


def unsymmetric(d=5, seed=3):
    return torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=F64)


def estimates(noise, A, n=100_000, seed=0):
    """n estimates of tr A, each with its own vector."""
    x = torch.zeros(n, len(A), dtype=F64)
    divergence = Hutchinson(noise).drawn(x, torch.Generator().manual_seed(seed))
    return divergence(lambda t, x: x @ A.T, 0.0, x)[1]


@pytest.mark.parametrize("noise", ["rademacher", "gaussian"])
def test_hutchinson_is_right_in_the_mean_with_the_variance_it_says(noise):
    """For an unsymmetric matrix: the mean within 4 standard errors, the variance within 3 %."""
    A = unsymmetric()
    found, S = estimates(noise, A), (A + A.T) / 2
    variance = 2 * S.square().sum() if noise == "gaussian" else (A + A.T).triu(1).square().sum()
    assert abs(found.mean() - A.trace()) < 4 * (variance / len(found)).sqrt()
    assert found.var() == pytest.approx(variance.item(), rel=0.03)


@pytest.mark.parametrize("recorded", [True, False])
def test_hutchinson_is_the_quadratic_form(recorded):
    """εᵀ J ε of the Jacobian itself, which need not be symmetric, and f's value beside it."""
    field, x, t = Net(d=4), points(5, 4), torch.tensor(0.3, dtype=F64)
    estimate = Hutchinson("gaussian").drawn(x, torch.Generator().manual_seed(1))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=F64)
    jacobians = torch.stack([torch.func.jacrev(lambda x: field(t, x))(row) for row in x])
    with torch.set_grad_enabled(recorded):
        k, found = estimate(field, t, x)
    assert torch.allclose(found, torch.einsum("bi,bij,bj->b", noise, jacobians, noise), atol=1e-12)
    assert torch.allclose(k, field(t, x), atol=1e-14)
    assert k.requires_grad is found.requires_grad is recorded


def test_hutchinson_of_a_constant_field_is_zero():
    x = points(3, 2)
    k, found = Hutchinson().drawn(x)(lambda t, x: torch.ones(3, 2, dtype=F64), 0.0, x)
    assert torch.equal(found, torch.zeros(3, dtype=F64))
    assert torch.equal(k, torch.ones(3, 2, dtype=F64))


@pytest.mark.parametrize("gradient", ["discrete", "checkpoint", "backprop", "adjoint"])
def test_one_noise_a_solve_there_and_back(gradient):
    """One seed gives one value, another seed another; the gradient is that of this value, by differences.

    All weights at once are moved along a random direction.
    """
    field, x = Net(d=3), points(6, 3)
    flow = CNF(field, 3, divergence=Hutchinson(), rtol=1e-9, atol=1e-9, gradient=gradient)

    def value(seed=5):
        return flow.log_prob(x, torch.Generator().manual_seed(seed)).mean()

    first = value()
    assert first == value() != value(6)
    weights = list(field.parameters())
    ways = [points(*w.shape, seed=2 + i) for i, w in enumerate(weights)]
    found = torch.autograd.grad(first, weights)
    ends = []
    for size in (1e-5, -2e-5):
        with torch.no_grad():
            for w, way in zip(weights, ways, strict=True):
                w += size * way
            ends.append(value())
    along = sum((g * way).sum() for g, way in zip(found, ways, strict=True))
    assert torch.allclose(along, (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-7)


def test_the_estimated_likelihood_is_right_in_the_mean():
    """Over 400 solves, for each sample: within 4 standard errors of the exact trace's."""
    flow, x = CNF(Net(d=3), 3, method="rk4", step=0.1), points(4, 3)
    with torch.no_grad():
        exact = flow.log_prob(x)
        flow.divergence = Hutchinson()
        found = flow.log_prob(x.expand(400, 4, 3), torch.Generator().manual_seed(0))
    assert (found.std(0) > 1e-3).all()
    assert ((found.mean(0) - exact).abs() < 4 * found.std(0) / 20).all()


def test_names_of_noise():
    with pytest.raises(ValueError, match=r"noise='normal' is not known\. Choose of: rademacher, gaussian"):
        Hutchinson("normal")
    assert repr(Hutchinson()) == "Hutchinson('rademacher')"
