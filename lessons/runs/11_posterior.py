"""A banana-shaped posterior, approximated by reverse KL: a Gaussian, planar flows and CNFs; five seeds."""

import math

import torch

from nodekit.classroom import runs
from nodekit.classroom.training import progress_bar
from nodekit.models import CNF
from nodekit.models.density import ConcatSquashField, Hutchinson, PlanarFlow

MEASURED, SIGMA = torch.tensor([1.2, 0.7, 1.4, 0.9, 1.3]), 0.5  # five measurements of a + b², and their error
# kind: width or layers, steps of training, rate
MODELS = {
    "Gaussian": (0, 800, 2e-2), "planar 8": (8, 1500, 2e-2), "planar 32": (32, 1500, 2e-2), "CNF 8": (8, 400, 5e-2),
    "CNF 32": (32, 400, 5e-2), "CNF 32 long": (32, 1500, 2e-2),
}  # fmt: skip
SETTINGS = [{"model": model, "seed": seed} for model in MODELS for seed in range(5)]


def log_joint(theta):
    """log p(measurements, a, b) for theta (..., 2) = (a, b), both N(0, 1) beforehand: (...)."""
    a, b = theta[..., 0], theta[..., 1]
    errors = (MEASURED - (a + b**2)[..., None]) / SIGMA
    return -0.5 * (a**2 + b**2 + errors.square().sum(-1)) - math.log(2 * math.pi) - 5 * math.log(SIGMA * math.tau**0.5)


def log_evidence(limit=6.0, n=1201):
    """log p(measurements), by the trapezoidal rule over a square: a float."""
    u = torch.linspace(-limit, limit, n, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(u, u, indexing="ij"), -1)
    return torch.logsumexp(log_joint(grid).flatten(), 0).item() + 2 * math.log(2 * limit / (n - 1))


class Gaussian(torch.nn.Module):
    """N(m, L Lᵀ) in the plane, with any mean and covariance."""

    def __init__(self, generator):
        super().__init__()
        self.m = torch.nn.Parameter(0.5 * torch.randn(2, generator=generator))
        self.L = torch.nn.Parameter(torch.eye(2))

    def sample_and_log_prob(self, n, generator):
        z, L = torch.randn(n, 2, generator=generator), self.L.tril()
        return self.m + z @ L.T, -0.5 * z.square().sum(-1) - math.log(2 * math.pi) - L.diagonal().abs().log().sum()


def build(model, seed):
    """The untrained model of a name."""
    (size, *_), generator = MODELS[model], torch.Generator().manual_seed(seed)
    if model == "Gaussian":
        return Gaussian(generator)
    if model.startswith("planar"):
        return PlanarFlow(2, size, generator=generator)
    field = ConcatSquashField(2, (size,), generator=generator)
    return CNF(field, 2, divergence=Hutchinson(), method="rk4", step=0.25, gradient="backprop")


def fit(model, seed, batch=128):
    """Make the mean of log q - log p(measurements, ·) over samples of q small."""
    q, (_, steps, rate), generator = build(model, seed), MODELS[model], torch.Generator().manual_seed(100 + seed)
    optimizer = torch.optim.Adam(q.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    for _ in (bar := progress_bar(steps, f"{model}, seed {seed}")):
        theta, log_q = q.sample_and_log_prob(batch, generator)
        loss = (log_q - log_joint(theta)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(q.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    return q


def divergence(q, n=10_000):
    """KL(q | posterior) in nats over n samples, with the exact trace, and its standard error."""
    q = CNF(q.field, 2, rtol=1e-5, atol=1e-5) if isinstance(q, CNF) else q
    with torch.no_grad():
        theta, log_q = q.sample_and_log_prob(n, torch.Generator().manual_seed(7))
        off = log_q - log_joint(theta) + log_evidence()
    return off.mean().item(), off.std().item() / n**0.5


def measure(model, seed):
    """The divergence that is left after training, and the number of parameters."""
    q = fit(model, seed)
    return {"kl": divergence(q)[0], "parameters": sum(p.numel() for p in q.parameters())}


if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
