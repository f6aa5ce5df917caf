"""The probability flow and the noisy ways back, on mixtures whose score is exact."""

import math

import pytest
import torch

from nodekit import solve
from nodekit.models import CNF
from nodekit.models.density import (
    NoiseScore,
    ProbabilityFlow,
    ProbabilityFlowField,
    VarianceExploding,
    VariancePreserving,
    ancestral,
    dpm_solve,
    reverse_sde,
)
from nodekit.stochastic import BrownianPath
from tests.models.density.test_score import CONSERVED, F64, Noise, mixture, points

FULL = VariancePreserving()
EXPLODING = VarianceExploding(0.05, 30.0)


def noise(n, schedule, d=3, seed=3):
    z = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=F64)
    return z * schedule.sigma(1.0)


def moments(x):
    """Mean, and mean of the products of all pairs: (d + d²,)."""
    return torch.cat([x.mean(0), (x.T @ x / len(x)).flatten()])


@pytest.mark.parametrize("schedule", [CONSERVED, EXPLODING])
def test_the_field_carries_the_densities_of_the_sde(schedule):
    """Continuity: ∂p/∂t + ∇·(p v) = 0 with the exact p(t, x) of the noisy mixture, by autograd."""
    m, t, x = mixture(schedule), torch.tensor(0.3, dtype=F64, requires_grad=True), points(6).requires_grad_()
    field = ProbabilityFlowField(m, schedule)

    def flux(row):
        return m.log_prob(t, row).exp() * field(t, row)

    for row in x:
        (in_time,) = torch.autograd.grad(m.log_prob(t, row).exp(), t)
        divergence = torch.func.jacrev(flux)(row.detach()).trace()
        assert torch.allclose(in_time, -divergence, rtol=1e-8, atol=1e-12)
        assert abs(in_time) > 1e-9


@pytest.mark.parametrize(("schedule", "left_out"), [(FULL, 0.05), (EXPLODING, 0.3)])
def test_the_likelihood_is_that_of_the_mixture(schedule, left_out):
    """log p(x) of the flow against the mixture with the noise σ(least). They differ by what noisy data at t = 1 differ
    from a normal density in, which is known here: to 1e-6."""
    m, x = mixture(schedule), mixture(schedule).sample(20, torch.Generator().manual_seed(0))
    flow = ProbabilityFlow(m, schedule, 3, rtol=1e-9, atol=1e-9)
    assert isinstance(flow, CNF)
    found, exact = flow.log_prob(x), m.log_prob(1e-3, x)
    z, _ = flow.flow(x, (1e-3, 1.0))
    normal = torch.distributions.Normal(0.0, float(schedule.sigma(1.0)))
    base = normal.log_prob(z).sum(-1)
    assert torch.allclose(found + m.log_prob(1.0, z) - base, exact, atol=1e-6, rtol=0)
    assert (found - exact).abs().max() < left_out
    assert (exact - exact.roll(1)).abs().max() > 0.5


@pytest.mark.parametrize("schedule", [FULL, EXPLODING])
def test_there_and_back(schedule):
    """Samples of the flow, carried back, are the noise that they came from; their likelihood is consistent."""
    flow = ProbabilityFlow(mixture(schedule), schedule, 3, least=0.01, rtol=1e-9, atol=1e-9)
    x, log_p = flow.sample_and_log_prob(8, torch.Generator().manual_seed(5))
    z, change = flow.flow(x, (0.01, 1.0))
    wanted = torch.randn(8, 3, generator=torch.Generator().manual_seed(5), dtype=F64) * schedule.sigma(1.0)
    assert torch.allclose(z, wanted, atol=1e-4)
    normal = torch.distributions.Normal(0.0, float(schedule.sigma(1.0)))
    assert torch.allclose(normal.log_prob(z).sum(-1) + change, log_p, atol=1e-4)


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 1.5])
def test_any_amount_of_noise_leads_to_the_data(eta):
    """Moments of 10,000 samples of the reversed SDE against those of as many samples of the mixture: within 5 standard
    errors."""
    m = mixture(FULL)
    found = reverse_sde(m, FULL, noise(10_000, FULL), 400, brownian=2, eta=eta)
    data = m.sample(10_000, torch.Generator().manual_seed(1))
    products = torch.cat([data, (data[:, :, None] * data[:, None]).flatten(1)], 1)
    error = (moments(found) - moments(data)) / (products.std(0) * math.sqrt(2 / 10_000))
    assert error.abs().max() < 5


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_ancestral_sampling_leads_to_the_data(eta):
    """As above, in steps of equal length in log(α/σ)."""
    m = mixture(FULL)
    times = FULL.time(torch.linspace(float(FULL.log_snr(1.0)), float(FULL.log_snr(1e-3)), 151, dtype=F64))
    found = ancestral(m, FULL, noise(4_000, FULL), times, brownian=2, eta=eta)
    data = m.sample(4_000, torch.Generator().manual_seed(1))
    products = torch.cat([data, (data[:, :, None] * data[:, None]).flatten(1)], 1)
    error = (moments(found) - moments(data)) / (products.std(0) * math.sqrt(2 / 4_000))
    assert error.abs().max() < 5


def test_without_noise_reverse_sde_is_eulers_method():
    """Equal to nodekit.solve with Euler's steps on the probability flow."""
    m, x = mixture(), noise(5, CONSERVED)
    steps = solve(ProbabilityFlowField(m, CONSERVED), x, (1.0, 0.02), method="euler", step=0.98 / 20).y[-1]
    assert torch.allclose(reverse_sde(m, CONSERVED, x, 20, 0, eta=0.0, least=0.02), steps, rtol=1e-10)


def test_without_noise_ancestral_sampling_is_ddim():
    """Equal to dpm_solve with "ddim" on the same times."""
    m, x = mixture(), noise(5, CONSERVED)
    path = dpm_solve(m, CONSERVED, x, 12, "ddim")
    assert torch.allclose(ancestral(m, CONSERVED, x, path.t, 0, eta=0.0), path.x[-1], rtol=1e-9)


@pytest.mark.parametrize("eta", [0.4, 1.0])
def test_two_samplers_meet_along_one_path(eta):
    """Ancestral sampling and Euler–Maruyama along one Brownian path approach each other as the steps get shorter."""
    m, x, apart = mixture(), noise(50, CONSERVED), []
    for steps in (50, 200, 800):
        times = torch.linspace(1.0, 0.1, steps + 1, dtype=F64)
        path = BrownianPath(3, 0.0, 0.9, (50, 3), 800)
        ours = ancestral(m, CONSERVED, x, times, path, eta)
        theirs = reverse_sde(m, CONSERVED, x, steps, path, eta, least=0.1)
        apart.append((ours - theirs).abs().mean())
    assert apart[1] < apart[0] / 2.5
    assert apart[2] < apart[1] / 2.5
    assert apart[2] < 0.01


def test_gradients_reach_the_network():
    """Of a likelihood, with respect to the parameters of a score."""

    class Scaled(Noise):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(0.7, dtype=F64))

        def forward(self, t, x):
            return self.scale * x * torch.cos(t)

    net = Scaled()
    flow = ProbabilityFlow(NoiseScore(net, CONSERVED), CONSERVED, 2, method="rk4", step=0.05, least=0.1)
    x = points(4, 2)
    flow.log_prob(x).sum().backward()
    found, values = net.scale.grad.item(), []
    for nudge in (1e-5, -1e-5):
        with torch.no_grad():
            net.scale += nudge
            values.append(flow.log_prob(x).sum().item())
            net.scale -= nudge
    assert found == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: ProbabilityFlow(mixture(), CONSERVED, 3, least=0.0), "least=0.0 must be a number between"),
        (lambda: reverse_sde(mixture(), CONSERVED, points(), 0, 0), "steps=0 must be a whole number"),
        (lambda: reverse_sde(mixture(), CONSERVED, points(), 5, 0, eta=-1.0), "eta=-1.0 must be a number at least 0"),
        (lambda: reverse_sde(mixture(), CONSERVED, points(), 5, 0, least=2.0), "least=2.0 must be"),
        (lambda: ancestral(mixture(), CONSERVED, points(), [1.0, 0.1], 0, eta=1.5), "eta=1.5 must be .* between 0 and"),
        (lambda: ancestral(mixture(), CONSERVED, points(), [0.1, 1.0], 0), r"times=\[0.1, 1.0\] must be at least two"),
        (lambda: ancestral(mixture(), CONSERVED, points(), [1.0, 0.5, -0.1], 0), "has -0.1, outside of"),
        (
            lambda: ancestral(mixture(), CONSERVED, points(), [1.0, 0.1], BrownianPath(0, 0.0, 0.9, (3,), 16)),
            r"brownian has shape \(3,\); x's, \(5, 3\), was expected",
        ),
        (
            lambda: ProbabilityFlowField(mixture(), CONSERVED)(torch.tensor([0.1, 0.2, 0.3]), points(3, 3)),
            r"t has shape \(3,\)",
        ),
        (lambda: ProbabilityFlow(mixture(d=1), CONSERVED, 3).log_prob(points()), r"x has shape .*3.*; \(..., 1\)"),
    ],
)
def test_bad_arguments(action, words):
    """Each error repeats the value."""
    with pytest.raises(ValueError, match=words):
        action()


def test_a_score_is_a_function():
    """A tensor is none."""
    with pytest.raises(TypeError, match="score must be a function"):
        ProbabilityFlowField(torch.ones(3), CONSERVED)


@pytest.mark.parametrize(
    "action",
    [
        lambda x: ProbabilityFlowField(mixture(), CONSERVED)(0.3, x),
        lambda x: ancestral(mixture(), CONSERVED, x, [1.0, 0.5, 0.1], 0),
        lambda x: reverse_sde(mixture(), CONSERVED, x, 5, 0),
    ],
)
def test_states_are_floats(action):
    """Among whole numbers a time of 0.3 is 0, and the samples would be nan."""
    with pytest.raises(TypeError, match=r"x must be a tensor of floats, got torch\.int64"):
        action(torch.ones(4, 3, dtype=torch.int64))


def test_samples_have_the_dtype_of_a_mixture():
    """Which has buffers, and no parameters."""
    flow = ProbabilityFlow(mixture(), CONSERVED, 3, method="euler", step=0.3)
    assert flow.sample(2).dtype is F64
    assert flow.float().sample(2).dtype is torch.float32


@pytest.mark.parametrize("steps", [1, 2, 5, 30, 31])
def test_what_reverse_sde_asks_for(steps):
    """At least `steps` and at most `steps` + 3 evaluations of the score."""
    calls = []

    def score(t, x):
        calls.append(float(t))
        return -x

    reverse_sde(score, CONSERVED, points(), steps, 0)
    assert steps <= len(calls) <= steps + 3
    assert all(1e-3 <= t <= 1 for t in calls)
