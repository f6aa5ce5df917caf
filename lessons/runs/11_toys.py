"""FFJORD in small: four densities in the plane, learned with one random vector a solve; five seeds."""

from functools import cache

import numpy as np
import torch

from nodekit.classroom import runs
from nodekit.classroom.densities import DENSITIES
from nodekit.classroom.training import progress_bar
from nodekit.models import CNF
from nodekit.models.density import ConcatSquashField, Hutchinson

NAMES = ("8 gaussians", "checkerboard", "pinwheel", "rings")
WIDTHS, STEPS, BATCH, RATE, SOLVER_STEPS = (64, 64), 400, 128, 2e-2, 4
SETTINGS = [{"density": name, "seed": seed} for name in NAMES for seed in range(5)]


def samples(n, rng):
    """n samples of each density: (4, n, 2)."""
    return torch.tensor(np.stack([DENSITIES[name].sample(n, rng) for name in NAMES]), dtype=torch.float32)


def train(seed):
    """Four networks side by side, one for each density, by maximum likelihood; each step draws new samples."""
    field = ConcatSquashField(2, WIDTHS, generator=[torch.Generator().manual_seed(seed) for _ in NAMES])
    flow = CNF(field, 2, divergence=Hutchinson(), method="rk4", step=1 / SOLVER_STEPS, gradient="backprop")
    rng, noise = np.random.default_rng(100 + seed), torch.Generator().manual_seed(seed)
    optimizer, parameters = torch.optim.Adam(field.parameters(), lr=RATE), list(field.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS)
    for _ in (bar := progress_bar(STEPS, f"seed {seed}")):
        loss = -flow.log_prob(samples(BATCH, rng), noise).mean(1)
        optimizer.zero_grad()
        loss.sum().backward()  # each density has weights of its own, so a sum trains all of them
        size = sum(p.grad.square().flatten(1).sum(1) for p in parameters).sqrt()
        for p in parameters:
            p.grad.mul_((1 / size).clamp(max=1).view(-1, 1, 1))  # clip the gradient of each network to 1
        optimizer.step()
        schedule.step()
        bar.set_postfix(nll=f"{loss.mean().item():.3f}")
    return field


@cache
def trained(seed):
    """The learned fields of a seed, one by one: name -> ConcatSquashField."""
    stacked, fields = train(seed).state_dict(), {}
    for i, name in enumerate(NAMES):
        fields[name] = ConcatSquashField(2, WIDTHS)
        fields[name].load_state_dict({key: value[i] for key, value in stacked.items()})
    return fields


def measure(density, seed, n=4000):
    """On n new samples: the NLL by the exact trace and by an estimated one, how many standard errors these are apart,
    the evaluations of a solve at 1e-5, and the integral of exp(estimated log p)."""
    field = trained(seed)[density]
    exact, estimated = (CNF(field, 2, rtol=1e-5, atol=1e-5, **way) for way in ({}, {"divergence": Hutchinson()}))
    x = torch.tensor(DENSITIES[density].sample(n, np.random.default_rng(999)), dtype=torch.float32)
    u = (torch.arange(81) + 0.5) * (12 / 81) - 6
    grid, noise = torch.stack(torch.meshgrid(u, u, indexing="ij"), -1), torch.Generator().manual_seed(1000 + seed)
    with torch.no_grad():
        a, b = exact.log_prob(x), estimated.log_prob(x, noise)
        mass = estimated.log_prob(grid, noise).exp().sum().item() * (12 / 81) ** 2
    apart = (b - a).mean() / (b - a).std() * n**0.5
    return {
        "nll": -a.mean().item(), "estimated": -b.mean().item(), "apart": apart.item(), "noise": (b - a).std().item(),
        "nfev": exact.nfev, "mass": mass,
    }  # fmt: skip


if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
