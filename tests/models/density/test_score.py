"""Schedules, the score of a network and the denoising loss, against their definitions."""

import math

import pytest
import torch
from torch import nn

from nodekit import solve
from nodekit.models.density import (
    GaussianMixture,
    NoiseScore,
    VarianceExploding,
    VariancePreserving,
    denoising_loss,
)

F64 = torch.float64
SCHEDULES = [VariancePreserving(), VariancePreserving(0.3, 7.0), VarianceExploding(), VarianceExploding(0.2, 9.0)]
TIMES = torch.tensor([0.003, 0.2, 0.55, 1.0], dtype=F64)
CONSERVED = VariancePreserving(0.3, 7.0)


def mixture(schedule=CONSERVED, d=3):
    """Three components of different weights and spreads in d dimensions; nothing is symmetric."""
    generator = torch.Generator().manual_seed(4)
    return GaussianMixture(
        torch.randn(3, d, generator=generator, dtype=F64), [0.3, 0.6, 0.2], [1.0, 0.5, 0.7], schedule
    )


def points(n=5, d=3, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=F64)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_are_the_derivatives_of_alpha_and_sigma(schedule):
    """f = d log α/dt and g² = dσ²/dt − 2 f σ², by autograd; g >= 0."""
    t = TIMES.clone().requires_grad_()
    (f,) = torch.autograd.grad(schedule.alpha(t).log().sum() + 0 * t.sum(), t)
    (growth,) = torch.autograd.grad(schedule.sigma(t).square().sum(), t)
    assert torch.allclose(schedule.drift_rate(TIMES), f, rtol=1e-10)
    assert torch.allclose(schedule.diffusion(TIMES) ** 2, growth - 2 * f * schedule.sigma(TIMES) ** 2, rtol=1e-10)
    assert (schedule.diffusion(TIMES) > 0).all()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_moments_of_the_sde_are_alpha_and_sigma(schedule):
    """m' = f m and v' = 2 f v + g², solved from t = 0, give α and σ²."""

    def moments(t, y):
        f, g = schedule.drift_rate(t), schedule.diffusion(t)
        return torch.stack([f * y[0], 2 * f * y[1] + g**2])

    start = torch.stack([schedule.alpha(0.0), schedule.sigma(0.0) ** 2])
    end = solve(moments, start, (0.0, 0.8), rtol=1e-10, atol=1e-12).y[-1]
    assert torch.allclose(end, torch.stack([schedule.alpha(0.8), schedule.sigma(0.8) ** 2]), rtol=1e-8)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_time_of_a_log_snr(schedule):
    """log α − log σ, and its inverse, for floats and tensors; it falls with t."""
    ratio = schedule.log_snr(TIMES)
    assert torch.allclose(ratio, schedule.alpha(TIMES).log() - schedule.sigma(TIMES).log(), rtol=1e-9)
    assert torch.allclose(schedule.time(ratio), TIMES, rtol=1e-9)
    assert schedule.time(float(ratio[1])).item() == pytest.approx(0.2, rel=1e-9)
    assert (ratio.diff() < 0).all()


def test_variance_preserving_preserves():
    """α² + σ² = 1, and σ(0) = 0."""
    for schedule in SCHEDULES[:2]:
        assert torch.allclose(schedule.alpha(TIMES) ** 2 + schedule.sigma(TIMES) ** 2, torch.ones(4, dtype=F64))
        assert schedule.sigma(0.0) == 0


def test_the_exact_score_has_the_least_loss():
    """A shifted or a scaled one has a larger loss, by the square of the shift times σ²; the least is not 0."""
    m, x0 = mixture(), mixture().sample(20_000, torch.Generator().manual_seed(0))

    def loss(score):
        return denoising_loss(score, x0, CONSERVED, torch.Generator().manual_seed(1)).item()

    least = loss(m)
    assert least > 0.1
    assert loss(lambda t, x: 1.1 * m(t, x)) > least + 1e-3
    assert loss(lambda t, x: 0.9 * m(t, x)) > least + 1e-3
    shift = torch.tensor([0.3, 0.0, -0.2], dtype=F64)
    assert loss(lambda t, x: m(t, x) + shift / CONSERVED.sigma(t)) == pytest.approx(least + 0.13, abs=0.02)
    assert loss(lambda t, x: 0 * x) == pytest.approx(3, abs=0.05)  # E|z|²


def test_the_loss_has_a_time_for_each_sample():
    """Times (n, 1) in [least, 1], one in each of n parts of equal length, x = α x0 + σ z, and
    the mean of |σ score + z|²."""
    seen = {}

    def score(t, x):
        seen.update(t=t, x=x)
        return -x

    x0 = torch.full((50, 2), 7.0, dtype=F64)
    found = denoising_loss(score, x0, CONSERVED, torch.Generator().manual_seed(2), least=0.1)
    place = (seen["t"][:, 0] - 0.1) / 0.9 * 50
    assert seen["t"].shape == (50, 1)
    assert torch.equal(place.floor(), torch.arange(50, dtype=F64))
    z = (seen["x"] - CONSERVED.alpha(seen["t"]) * x0) / CONSERVED.sigma(seen["t"])
    assert torch.allclose(found, (CONSERVED.sigma(seen["t"]) * -seen["x"] + z).square().sum(1).mean())
    assert abs(z.mean()) < 0.4
    assert 0.7 < z.std() < 1.3


class Noise(nn.Module):
    """A network's place: it records what it is given."""

    def forward(self, t, x):
        self.t = t
        return torch.stack([x[..., 0] * t[..., 0], -x[..., 1]], -1)


@pytest.mark.parametrize("t", [0.4, torch.tensor(0.4), torch.tensor([[0.4], [0.5]])])
def test_a_noise_score_is_minus_the_noise_over_sigma(t):
    """With t as a float, a 0-d tensor or (n, 1); the network gets (n, 1), in x's dtype."""
    net, x = Noise(), torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    found = NoiseScore(net, CONSERVED)(t, x)
    times = torch.as_tensor(t).expand(2, 1)
    assert net.t.shape == (2, 1)
    assert net.t.dtype is found.dtype is torch.float32
    assert torch.allclose(found, -net(times, x) / CONSERVED.sigma(times))


class Linear(nn.Module):
    """The noise a(t) + b(t) x, linear in x, with polynomials of t: what a Gaussian needs, roughly."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2, 6, dtype=F64))

    def forward(self, t, x):
        powers = t ** torch.arange(6, dtype=F64)
        return powers @ self.w[0][:, None] + powers @ self.w[1][:, None] * x


def test_the_loss_trains_a_network():
    """On samples of a Gaussian, to its noise σ (x − α m)/(α² s² + σ²), within 0.05 where samples are."""
    score, generator = NoiseScore(Linear(), CONSERVED), torch.Generator().manual_seed(0)
    x0 = 0.8 + 0.5 * torch.randn(20_000, 1, generator=generator, dtype=F64)
    optimizer = torch.optim.LBFGS(score.parameters(), max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = denoising_loss(score, x0, CONSERVED, torch.Generator().manual_seed(1))
        loss.backward()
        return loss

    optimizer.step(closure)
    exact = GaussianMixture([[0.8]], [0.5], [1.0], CONSERVED)
    for t in (0.3, 0.5, 0.8):
        center, spread = 0.8 * CONSERVED.alpha(t), 0.7
        x = center + spread * torch.linspace(-1, 1, 7, dtype=F64)[:, None]
        assert (CONSERVED.sigma(t) * (score(t, x) - exact(t, x))).abs().max() < 0.05


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: VariancePreserving(0.0, 1.0), "low=0.0 must be a number greater than 0"),
        (lambda: VarianceExploding(2.0, 1.0), "low=2.0 must be less than high=1.0"),
        (lambda: VarianceExploding(0.1, math.nan), "high=nan must be"),
        (lambda: denoising_loss(mixture(), torch.ones(3), CONSERVED), r"x0 has shape \(3,\)"),
        (lambda: denoising_loss(mixture(), torch.ones(3, 3), CONSERVED, least=0.0), "least=0.0 must lie between"),
        (lambda: denoising_loss(lambda t, x: x[:, 0], points(5, 1), CONSERVED), r"the shape \(5,\) for x .* \(5, 1\)"),
        (lambda: denoising_loss(lambda t, x: x[:, :1], points(), CONSERVED), r"the shape \(5, 1\) for x .* \(5, 3\)"),
        (lambda: NoiseScore(Noise(), CONSERVED)(torch.tensor([0.2, 0.4]), points(2, 2)), r"take t\[..., None\]"),
    ],
)
def test_bad_arguments(action, words):
    """Each error repeats the value."""
    with pytest.raises(ValueError, match=words):
        action()


def test_a_network_is_a_module():
    """A function would hide its parameters from the optimizer."""
    with pytest.raises(TypeError, match="net must be an nn"):
        NoiseScore(lambda t, x: x, CONSERVED)


@pytest.mark.parametrize("x", [torch.ones(4, 3, dtype=torch.int64), [[1.0, 2.0, 3.0]]])
def test_states_are_tensors_of_floats(x):
    """Among whole numbers a time of 0.4 is 0, where the score is infinite."""
    for action in (lambda: NoiseScore(Noise(), CONSERVED)(0.4, x), lambda: denoising_loss(mixture(), x, CONSERVED)):
        with pytest.raises(TypeError, match=r"must be a tensor of floats, got (torch\.int64|list)"):
            action()
