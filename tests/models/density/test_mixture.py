"""The exact score of a noisy mixture, against autograd, torch's own mixture and its definition."""

import math

import pytest
import torch

from nodekit.models.density import GaussianMixture
from tests.models.density.test_score import CONSERVED, F64, SCHEDULES, TIMES, mixture, points


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_score_is_the_gradient_of_the_log_density(schedule):
    """By autograd; one time for all samples, and one for each, in leading shapes too."""
    m, x = mixture(schedule), points().requires_grad_()
    for t in (0.3, TIMES[2], torch.linspace(0.1, 0.9, 5, dtype=F64)[:, None]):
        (gradient,) = torch.autograd.grad(m.log_prob(t, x).sum(), x)
        assert torch.allclose(m(t, x), gradient, rtol=1e-9, atol=1e-10)
    assert torch.allclose(m(0.3, x[:4].view(2, 2, 3)).view(4, 3), m(0.3, x[:4]))


def test_the_density_of_a_noisy_mixture():
    """Against torch's own mixture, and samples of mean and covariance as they should be."""
    m, x, t = mixture(), points(), 0.4
    alpha, sigma = CONSERVED.alpha(t), CONSERVED.sigma(t)
    spread = (alpha**2 * m.spreads**2 + sigma**2).sqrt()
    parts = torch.distributions.Independent(torch.distributions.Normal(alpha * m.means, spread[:, None]), 1)
    reference = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(m.weights), parts)
    assert torch.allclose(m.log_prob(t, x), reference.log_prob(x), rtol=1e-10)
    samples = m.sample(40_000, torch.Generator().manual_seed(0))
    assert (samples.mean(0) - m.weights @ m.means).abs().max() < 5 * 1.5 / 200
    assert torch.allclose(m.weights, torch.tensor([1.0, 0.5, 0.7], dtype=F64) / 2.2)


def test_whole_numbers_are_taken_as_floats():
    """Means from an integer tensor: samples and scores as with floats."""
    whole = GaussianMixture(torch.tensor([[0, 2], [1, -3]]), [0.3, 0.6], [1, 2], CONSERVED)
    same = GaussianMixture([[0.0, 2.0], [1.0, -3.0]], [0.3, 0.6], [1.0, 2.0], CONSERVED)
    assert torch.equal(whole(0.3, points(5, 2)), same(0.3, points(5, 2)))
    draws = [m.sample(4, torch.Generator().manual_seed(0)) for m in (whole, same)]
    assert torch.equal(*draws)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: GaussianMixture([[1.0]], [1.0, 2.0], [1.0], CONSERVED), r"have the shapes \(1, 1\), \(2,\), \(1,\)"),
        (lambda: GaussianMixture([[1.0]], [-1.0], [1.0], CONSERVED), r"spreads=\[-1.0\] must be at least 0"),
        (lambda: GaussianMixture([[1.0]], [1.0], [0.0], CONSERVED), r"weights=\[0.0\] greater than 0"),
        (lambda: GaussianMixture([[math.nan]], [1.0], [1.0], CONSERVED), r"means=\[\[nan\]\], .* must be finite"),
        (lambda: GaussianMixture([[0.0]], [1.0], [math.inf], CONSERVED), r"weights=\[inf\] must be finite"),
        (lambda: mixture(d=2)(0.3, points(5, 1)), r"x has shape \(5, 1\); \(..., 2\) was expected"),
        (lambda: mixture(d=1)(0.3, points(5, 2)), r"x has shape \(5, 2\); \(..., 1\) was expected"),
        (lambda: mixture(d=2).log_prob(0.3, points(5, 1)), r"x has shape \(5, 1\)"),
        (lambda: mixture()(TIMES[:3], points(3, 3)), r"t has shape \(3,\); a number or \(..., 1\)"),
    ],
)
def test_bad_arguments(action, words):
    """Each error repeats the value, where broadcasting would give numbers."""
    with pytest.raises(ValueError, match=words):
        action()


def test_states_are_floats():
    """Among whole numbers a time of 0.3 is 0."""
    with pytest.raises(TypeError, match=r"x must be a tensor of floats, got torch\.int64"):
        mixture(d=2)(0.3, torch.tensor([[1, -1], [2, 0]]))
