"""nodekit.classroom.densities: samples, densities and entropies agree."""

import numpy as np
import pytest

from nodekit.classroom.densities import CENTERS, DENSITIES, SIGMA

KNOWN = [name for name, density in DENSITIES.items() if density.log_prob]


def grid(points=641, limit=5.0):
    """Midpoints of a fine grid, (points², 2), and the area of a cell."""
    u = (np.arange(points) + 0.5) / points * 2 * limit - limit
    return np.stack(np.meshgrid(u, u, indexing="ij"), -1).reshape(-1, 2), (2 * limit / points) ** 2


@pytest.mark.parametrize("name", KNOWN)
def test_the_density_integrates_to_one_and_has_its_entropy(name):
    x, cell = grid(640)  # cells of 1/64: no square of the checkerboard cuts one
    log_p = DENSITIES[name].log_prob(x)
    p = np.exp(log_p)
    assert p.sum() * cell == pytest.approx(1, abs=1e-4)
    assert -np.sum(p[p > 0] * log_p[p > 0]) * cell == pytest.approx(DENSITIES[name].entropy, abs=2e-4)


@pytest.mark.parametrize("name", KNOWN)
def test_samples_have_the_density(name):
    """The mean of -log p over samples is the entropy, and each cell of a coarse grid holds its share."""
    density, n = DENSITIES[name], 40_000
    x = density.sample(n, np.random.default_rng(0))
    log_p = density.log_prob(x)
    assert abs(-log_p.mean() - density.entropy) <= 5 * log_p.std() / np.sqrt(n) + 1e-4
    fine, cell = grid(1000, 5.0)
    share = np.histogram2d(*fine.T, bins=10, range=[[-5, 5]] * 2, weights=np.exp(density.log_prob(fine)) * cell)[0]
    found = np.histogram2d(*x.T, bins=10, range=[[-5, 5]] * 2)[0] / n
    assert np.all(np.abs(found - share) < 6 * np.sqrt(share / n) + 1e-3)


@pytest.mark.parametrize("name", DENSITIES)
def test_seeded_shapes_and_size(name):
    sample = DENSITIES[name].sample
    a, b, c = (
        sample(500, np.random.default_rng(1)),
        sample(500, np.random.default_rng(1)),
        sample(0, np.random.default_rng(1)),
    )
    assert a.shape == (500, 2)
    assert c.shape == (0, 2)
    assert np.array_equal(a, b)
    assert np.abs(a).max() < 5
    assert np.all(np.abs(sample(20_000, np.random.default_rng(2)).mean(axis=0)) < 0.1)


def test_the_far_tail_is_finite():
    """Far away the log density is that of the nearest centre: no logarithm of 0."""
    far = np.array([[100.0, 0.0]])
    nearest = -np.sum((far - CENTERS[0]) ** 2) / (2 * SIGMA**2)
    assert DENSITIES["8 gaussians"].log_prob(far)[0] == pytest.approx(nearest - np.log(16 * np.pi * SIGMA**2), rel=1e-6)


def test_the_pinwheel_has_five_bent_arms():
    """Its moments as complex numbers: E z^k = 0 for k = 1 … 4, E|z|² = 4.4, and E z⁵, in which all arms agree, by
    quadrature of (2 (r + i a) exp(i exp(r)/4))⁵ over the distance r and the place a across an arm: within 5 errors."""
    n = 100_000
    x = DENSITIES["pinwheel"].sample(n, np.random.default_rng(3))
    z = x[:, 0] + 1j * x[:, 1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    r, a = 1 + 0.3 * nodes[:, None], 0.1 * nodes
    fifth = np.sum(np.outer(weights, weights) * (2 * (r + 1j * a) * np.exp(0.25j * np.exp(r))) ** 5) / (2 * np.pi)
    for power, wanted in ((1, 0), (2, 0), (3, 0), (4, 0), (5, fifth)):
        assert abs(np.mean(z**power) - wanted) < 5 * np.std(z**power) / np.sqrt(n)
    assert abs(np.mean(np.abs(z) ** 2) - 4.4) < 5 * np.std(np.abs(z) ** 2) / np.sqrt(n)
    assert abs(fifth) > 50 * np.std(z**5) / np.sqrt(n)
