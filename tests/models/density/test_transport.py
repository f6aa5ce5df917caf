"""Distances of optimal transport, against closed forms: gradient maps, Gaussians, all permutations."""

import itertools
import math

import pytest
import torch

from nodekit.models.density import optimal_pairs, sliced_wasserstein2, wasserstein2
from tests.models.density.test_cnf import F64, points


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_the_cheapest_of_all_permutations(seed):
    """By trying them all; and every row of y is used once."""
    x, y = points(5, 3, seed=seed), 1 + 2 * points(5, 3, seed=seed + 50)
    found = optimal_pairs(x, y)
    best = min(itertools.permutations(range(5)), key=lambda p: (x - y[list(p)]).square().sum().item())
    assert torch.equal(found, y[list(best)])
    assert not torch.equal(found, y)
    distance = (x - y[list(best)]).square().sum(-1).mean().sqrt().item()
    assert wasserstein2(x, y) == pytest.approx(distance, abs=1e-12)


@pytest.mark.parametrize("d", [1, 3])
def test_a_convex_gradient_is_optimal_and_gives_the_gaussian_formula(d):
    """y = A x + b with A positive definite: |m|² + tr(S0 + S1 − 2 (S0^½ S1 S0^½)^½) with the sample's own moments."""
    x, root = points(60, d, seed=3), points(d, d, seed=4)
    A, b = root @ root.T + 0.3 * torch.eye(d, dtype=F64), 2 * points(d, seed=5)
    y = x @ A.T + b

    def square_root(S):
        values, vectors = torch.linalg.eigh(S)
        return vectors @ torch.diag(values.sqrt()) @ vectors.T

    S0, S1 = (torch.cov(z.T, correction=0).reshape(d, d) for z in (x, y))
    half = square_root(S0)
    shift = (y.mean(0) - x.mean(0)).square().sum()
    exact = shift + (S0 + S1 - 2 * square_root(half @ S1 @ half)).diagonal().sum()
    order = torch.randperm(60, generator=torch.Generator().manual_seed(6))
    assert wasserstein2(x, y[order]) == pytest.approx(exact.sqrt().item(), abs=1e-6)
    assert torch.equal(optimal_pairs(x, y[order]), y)


def test_distances_are_distances():
    """0 for the same points in another order, symmetric, in the unit of the points; a sample of one point too."""
    x, y = points(30, 3, seed=1), 0.4 - points(30, 3, seed=2)
    assert wasserstein2(x, x.flip(0)) == 0
    assert wasserstein2(x, y) == pytest.approx(wasserstein2(y, x), rel=1e-12)
    assert wasserstein2(3 * x, 3 * y) == pytest.approx(3 * wasserstein2(x, y), rel=1e-12)
    assert wasserstein2(x[:1], y[:1]) == pytest.approx((x[0] - y[0]).norm().item())


def test_sliced_distance_of_gaussians():
    """N(0, I) and N(m, s² I): the square is |m|²/d + (s − 1)². Over 20,000 samples, to 3%."""
    m, s, d = torch.tensor([1.0, -0.5, 2.0], dtype=F64), 1.7, 3
    x, y = points(20_000, d, seed=1), m + s * points(20_000, d, seed=2)
    found = sliced_wasserstein2(x, y, directions=400, generator=torch.Generator().manual_seed(0))
    assert found == pytest.approx(math.sqrt((m @ m).item() / d + (s - 1) ** 2), rel=0.03)


def test_sliced_distance_of_a_shift_and_on_the_line():
    """A shift by c gives the root of the mean of (c·θ)² over the drawn directions; in one dimension it is W2."""
    x, c = points(40, 3), torch.tensor([3.0, -1.0, 0.5], dtype=F64)
    ways = torch.randn(3, 7, generator=torch.Generator().manual_seed(9), dtype=F64)
    exact = (c @ (ways / ways.norm(dim=0))).square().mean().sqrt().item()
    found = sliced_wasserstein2(x, x.flip(0) + c, directions=7, generator=torch.Generator().manual_seed(9))
    assert found == pytest.approx(exact, rel=1e-12)
    u, v = points(50, 1, seed=1), 2 + points(50, 1, seed=2).exp()
    assert sliced_wasserstein2(u, v, directions=1) == pytest.approx(wasserstein2(u, v), rel=1e-12)


def test_gradients_reach_the_ends():
    """The order is chosen without gradients; y has them."""
    x, y = points(6, 2, seed=1), points(6, 2, seed=2).requires_grad_()
    optimal_pairs(x, y)[0].sum().backward()
    assert y.grad.abs().sum() == 2


@pytest.mark.parametrize("call", [optimal_pairs, wasserstein2, sliced_wasserstein2])
def test_bad_samples(call):
    """Each error names the value, and where it is."""
    x = points(4, 2)
    with pytest.raises(ValueError, match=r"x has shape \(4, 2\) and y \(5, 2\)"):
        call(x, points(5, 2))
    with pytest.raises(ValueError, match=r"x has shape \(4, 2\) and y \(4, 3\)"):
        call(x, points(4, 3))
    with pytest.raises(ValueError, match=r"y has shape \(4,\)"):
        call(x, points(4))
    with pytest.raises(TypeError, match="x must be a torch tensor"):
        call(x.numpy(), x)
    bad = x.clone()
    bad[2, 1] = math.nan
    with pytest.raises(ValueError, match="x has entries that are not finite, in row 2"):
        call(bad, x)
    with pytest.raises(TypeError, match=r"y has the dtype torch\.complex128; real numbers"):
        call(x, 1j * x)
    with pytest.raises(ValueError, match="y has entries beyond 1e150"):
        call(x, 1e200 * x)


def test_bad_directions():
    with pytest.raises(ValueError, match="directions=0"):
        sliced_wasserstein2(points(4, 2), points(4, 2), directions=0)
