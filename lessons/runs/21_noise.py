"""The rate and the noise of an Ornstein–Uhlenbeck process, learned by two losses over five seeds: lesson 21's long run.

    python lessons/runs/21_noise.py [--compare]

Data: 4,000 values of dx = θ (m - x) dt + σ dW, θ = 1, m = 0.5, σ = 0.8, every 0.5. A neural SDE (two networks of 16
units) carries samples from each value over a gap of 0.5, in 8 steps of Euler and Maruyama; 300 training steps.
theta: minus the slope of the learned drift over the data. sigma: the mean of the learned diffusion there. ml_theta,
ml_sigma: by maximum likelihood from the exact transition density, on the same data. losses: "energy", the energy
score; "squared", the mean squared difference between samples and data.
"""

import numpy as np
import torch
from torch import nn

from nodekit.classroom.runs import make
from nodekit.classroom.training import progress_bar
from nodekit.models import NeuralSDE

THETA, MEAN, SIGMA, GAP = 1.0, 0.5, 0.8, 0.5
SETTINGS = [{"loss": loss, "seed": seed} for loss in ("energy", "squared") for seed in range(5)]


def observed(seed, n=4000):
    """Values of the process every GAP, exactly distributed: (n + 1,)."""
    rng, kept = np.random.default_rng(seed), np.exp(-THETA * GAP)
    x = [MEAN]
    for z in rng.normal(size=n):
        x.append(MEAN + kept * (x[-1] - MEAN) + SIGMA * np.sqrt((1 - kept**2) / (2 * THETA)) * z)
    return np.array(x)


def likeliest(x, gap=GAP):
    """θ, m, σ of largest likelihood: the transition is Gaussian, and linear in x."""
    slope, start = np.polyfit(x[:-1], x[1:], 1)
    theta, spread = -np.log(slope) / gap, (x[1:] - slope * x[:-1] - start).var()
    return theta, start / (1 - slope), np.sqrt(2 * theta * spread / (1 - slope**2))


class Net(nn.Module):
    """A function of y alone, with 16 tanh units. y: (..., 1)."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, t, y):
        return self.net(y)


def energy(samples, y):
    """The energy score: E|X - y| - ½ E|X - X'|. samples: (k, n), y: (n,)."""
    k = len(samples)
    apart = (samples[:, None] - samples[None]).abs().sum((0, 1)) / (k * (k - 1))
    return ((samples - y).abs().mean(0) - apart / 2).mean()


def squared(samples, y):
    return (samples - y).square().mean()


def trained(loss, x, seed, steps=300, k=6, batch=256):
    """The neural SDE after training on pairs of neighbours in x (n + 1,)."""
    torch.manual_seed(seed)
    sde, rng = NeuralSDE(Net(), Net(), "ito", (0.0, GAP), "euler_maruyama", step=GAP / 8), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(sde.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    x = torch.tensor(x, dtype=torch.float32)
    for step in progress_bar(steps, f"{loss} loss"):
        i = torch.tensor(rng.integers(len(x) - 1, size=batch))
        ends = sde(x[i].repeat(k)[:, None], brownian=10_000 * seed + step).view(k, batch)
        value = {"energy": energy, "squared": squared}[loss](ends, x[i + 1])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    return sde


def measure(loss, seed):
    x = observed(seed)
    sde, at = trained(loss, x, seed), torch.tensor(x, dtype=torch.float32)[:, None]
    with torch.no_grad():
        drift, noise = sde.f(0.0, at)[:, 0].numpy(), sde.g(0.0, at).mean().item()
    theta, _, sigma = likeliest(x)
    return {"theta": -np.polyfit(x, drift, 1)[0], "sigma": noise, "ml_theta": theta, "ml_sigma": sigma}


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
