"""A latent SDE for an Ornstein–Uhlenbeck process that is seen through noise, at three step sizes: a run of lesson 21.

    python lessons/runs/21_latent.py [--compare]

Data: 500 recordings of dx = θ (m - x) dt + σ dW from x(0) = 2, θ = 1, m = 0.5, σ = 0.8; each is seen ten times, every
0.5, with a noise of 0.3. The posterior has the drift θ (m - x) + σ u, u linear in x and in the observations to come,
which the true posterior is too. θ, m, σ and u are learned together by 400 steps of Adam on the ELBO.
per: Euler's steps a gap. theta, sigma, elbo (a recording, in nats): learned. ml_theta, ml_sigma, log_p: of largest
likelihood, from the exact density of the observations, and the mean of its logarithm there.
"""

import numpy as np
import torch
from scipy.optimize import minimize

from nodekit.classroom.runs import make
from nodekit.classroom.training import progress_bar

THETA, MEAN, SIGMA, START, GAP, NOISE = 1.0, 0.5, 0.8, 2.0, 0.5, 0.3
TIMES = GAP * np.arange(1, 11)
SETTINGS = [{"per": per, "seed": seed} for per in (8, 16, 32) for seed in range(5)]


def observed(seed, n=500):
    """What is seen of n recordings at TIMES: (n, 10)."""
    rng, kept, x, seen = np.random.default_rng(seed), np.exp(-THETA * GAP), np.full(n, START), []
    for _ in TIMES:
        x = MEAN + kept * (x - MEAN) + SIGMA * np.sqrt((1 - kept**2) / (2 * THETA)) * rng.normal(size=n)
        seen.append(x + NOISE * rng.normal(size=n))
    return np.array(seen).T


def log_density(y, theta, m, sigma):
    """log p(y) of each recording, exact: all observations are normal together. y: (n, 10). Returns (n,)."""
    apart, both = np.abs(TIMES[:, None] - TIMES), TIMES[:, None] + TIMES
    C = sigma**2 / (2 * theta) * (np.exp(-theta * apart) - np.exp(-theta * both)) + NOISE**2 * np.eye(len(TIMES))
    off = y - m - np.exp(-theta * TIMES) * (START - m)
    return -0.5 * (np.einsum("ni,ij,nj->n", off, np.linalg.inv(C), off) + np.linalg.slogdet(2 * np.pi * C)[1])


def likeliest(y):
    """θ, m, σ of largest likelihood, and the mean of log p(y) there."""
    found = minimize(lambda p: -log_density(y, np.exp(p[0]), p[1], np.exp(p[2])).mean(), np.zeros(3))
    return np.exp(found.x[0]), found.x[1], np.exp(found.x[2]), -found.fun


class Latent(torch.nn.Module):
    """θ, m, σ of the prior, and u(t, x) = start + weights·y to come − pull x, with numbers of its own for each step."""

    def __init__(self, per):
        super().__init__()
        n, self.per, self.h = per * len(TIMES), per, GAP / per
        self.log_theta, self.m, self.log_sigma = (torch.nn.Parameter(torch.zeros(())) for _ in range(3))
        self.start, self.pull = (torch.nn.Parameter(torch.zeros(n)) for _ in range(2))
        self.weights = torch.nn.Parameter(torch.zeros(n, len(TIMES)))
        to_come = torch.arange(n)[:, None] // per <= torch.arange(len(TIMES))
        self.register_buffer("to_come", to_come.float())

    def elbo(self, y):
        """The log density of y (n, 10) along one path of the posterior each, less ½ ∫ u² dt: (n,)."""
        theta, sigma, h = self.log_theta.exp(), self.log_sigma.exp(), self.h
        known = y @ (self.weights * self.to_come).T + self.start
        x, found = torch.full((len(y),), START), torch.zeros(len(y))
        for k, dW in enumerate(h**0.5 * torch.randn(known.shape[1], len(y))):
            u = known[:, k] - self.pull[k] * x
            x, found = x + (theta * (self.m - x) + sigma * u) * h + sigma * dW, found - u.square() * h / 2
            if (k + 1) % self.per == 0:
                found = found - (y[:, k // self.per] - x).square() / (2 * NOISE**2) - np.log(NOISE * (2 * np.pi) ** 0.5)
        return found


def train(per, seed, steps=400):
    """A latent SDE after training, and its data (500, 10)."""
    torch.manual_seed(seed)
    y, model = torch.tensor(observed(seed), dtype=torch.float32), Latent(per)
    optimizer = torch.optim.Adam(model.parameters(), 0.2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in progress_bar(steps, f"{per} steps a gap"):
        loss = -model.elbo(y[torch.randint(len(y), (128,))]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model, y


def measured(model, y):
    """The numbers of one row."""
    with torch.no_grad():
        elbo = np.mean([model.elbo(y).mean().item() for _ in range(50)])
    theta, _, sigma, log_p = likeliest(y.numpy())
    return {"theta": model.log_theta.exp().item(), "sigma": model.log_sigma.exp().item(), "elbo": elbo,
            "ml_theta": theta, "ml_sigma": sigma, "log_p": log_p}  # fmt: skip


def measure(per, seed):
    return measured(*train(per, seed))


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
