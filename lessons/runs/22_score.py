"""A score learned from samples of the 8 gaussians, over five seeds: lesson 22's long run.

    python lessons/runs/22_score.py [--compare]

A network of three layers of 64 units guesses the noise in noisy samples (variance preserving, β from 0.1 to 20), with
Adam and a cosine schedule; 512 new samples a step. loss: the mean of |z − guess|² over 20,000 new samples, less that of
the exact score. nll: the mean of −log p over 4,000 new samples, by the probability flow at the tolerance 1e-4, less the
mean of the exact −log p of these samples; nfev: its evaluations. w2_flow: the sliced Wasserstein distance of 4,000
samples of the probability flow from as many data, w2_sde: of the reversed SDE in 400 steps of Euler and Maruyama, and
w2_data: of data from data.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from nodekit.classroom.densities import CENTERS, DENSITIES, SIGMA
from nodekit.classroom.runs import make
from nodekit.classroom.training import progress_bar
from nodekit.models.density import (
    GaussianMixture,
    NoiseScore,
    ProbabilityFlow,
    VariancePreserving,
    denoising_loss,
    reverse_sde,
)

SCHEDULE, DATA = VariancePreserving(0.1, 20.0), DENSITIES["8 gaussians"]
SETTINGS = [{"steps": steps, "seed": seed} for steps in (3000, 12000) for seed in range(5)]


class Net(nn.Module):
    """(t, x) -> the noise in x. t: (n, 1), x: (n, 2). It sees t and log σ(t)."""

    def __init__(self, width=64):
        super().__init__()
        sizes = [4, width, width, width, 2]
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.SiLU())]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, t, x):
        return self.net(torch.cat([x, 2 * t - 1, torch.log(SCHEDULE.sigma(t))], -1))


def data(n, seed):
    """n samples, float32: (n, 2)."""
    return torch.tensor(DATA.sample(n, np.random.default_rng(seed)), dtype=torch.float32)


def sliced(x, y):
    """The sliced Wasserstein distance of two sets of n points in the plane: over 64 directions."""
    angle = np.pi * (np.arange(64) + 0.5) / 64
    directions = np.stack([np.cos(angle), np.sin(angle)])
    gaps = np.sort(np.asarray(x) @ directions, 0) - np.sort(np.asarray(y) @ directions, 0)
    return float(np.sqrt(np.mean(gaps**2)))


def measured(score):
    """The columns of the table, for a score."""
    exact = GaussianMixture(CENTERS, np.full(8, SIGMA), np.ones(8), SCHEDULE)
    x, more = data(4000, 999), data(20_000, 998)
    flow = ProbabilityFlow(score, SCHEDULE, 2, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        loss = [denoising_loss(s, more, SCHEDULE, torch.Generator().manual_seed(0)).item() for s in (score, exact)]
        nll = -flow.log_prob(x).mean().item()
        nfev = flow.nfev
        z = torch.randn(4000, 2, generator=torch.Generator().manual_seed(1))
        samples = flow.sample(4000, torch.Generator().manual_seed(1)), reverse_sde(score, SCHEDULE, z, 400, brownian=1)
    return {
        "loss": loss[0] - loss[1],
        "nll": nll + DATA.log_prob(x.numpy()).mean(),
        "nfev": nfev,
        "w2_flow": sliced(samples[0], x),
        "w2_sde": sliced(samples[1], x),
        "w2_data": sliced(data(4000, 997), x),
    }


def trained(seed, steps):
    """A score, after so many steps."""
    torch.manual_seed(seed)
    score, generator = NoiseScore(Net(), SCHEDULE), torch.Generator().manual_seed(seed)
    optimizer, rng = torch.optim.Adam(score.parameters(), 0.01), np.random.default_rng(seed)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in progress_bar(steps, f"seed {seed}"):
        x0 = torch.tensor(DATA.sample(512, rng), dtype=torch.float32)
        loss = denoising_loss(score, x0, SCHEDULE, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return score


def measure(steps, seed):
    torch.set_num_threads(1)
    return measured(trained(seed, steps))


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
