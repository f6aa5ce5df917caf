"""FFJORD in small: four densities in the plane, learned with one random vector a solve; five seeds."""

from functools import cache

import numpy as np
import torch

from nodekit.classroom import runs
from nodekit.classroom.densities import DENSITIES
from nodekit.classroom.training import progress_bar
from nodekit.models import CNF
from nodekit.models.density import ConcatSquashField, Hutchinson

# what is trained side by side, each density with a network of its own: for how many steps, and at which rate
GROUPS = {("8 gaussians",): (400, 2e-2), ("checkerboard", "pinwheel", "rings"): (1000, 1e-2)}
NAMES = [name for names in GROUPS for name in names]
WIDTHS, BATCH, SOLVER_STEPS = (64, 64), 128, 4
SETTINGS = [{"density": name, "seed": seed} for name in NAMES for seed in range(5)]


def samples(names, n, rng):
    """n samples of each density: (densities, n, 2)."""
    return torch.tensor(np.stack([DENSITIES[name].sample(n, rng) for name in names]), dtype=torch.float32)


def train(names, seed):
    """A network for each density, by maximum likelihood; each step draws new samples. Returns them as one field."""
    steps, rate = GROUPS[names]
    field = ConcatSquashField(2, WIDTHS, generator=[torch.Generator().manual_seed(seed) for _ in names])
    flow = CNF(field, 2, divergence=Hutchinson(), method="rk4", step=1 / SOLVER_STEPS, gradient="backprop")
    rng, noise = np.random.default_rng(100 + seed), torch.Generator().manual_seed(seed)
    optimizer, parameters = torch.optim.Adam(field.parameters(), lr=rate), list(field.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    for _ in (bar := progress_bar(steps, f"{len(names)} densities, seed {seed}")):
        loss = -flow.log_prob(samples(names, BATCH, rng), noise).mean(1)
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
def trained(names, seed):
    """The learned fields of a group of densities, one by one: name -> ConcatSquashField."""
    stacked, fields = train(names, seed).state_dict(), {}
    for i, name in enumerate(names):
        fields[name] = ConcatSquashField(2, WIDTHS)
        fields[name].load_state_dict({key: value[i] for key, value in stacked.items()})
    return fields


def grid(limit=6.0, n=81):
    """The midpoints of n × n cells over a square, and the area of a cell: (n, n, 2), float."""
    u = (torch.arange(n) + 0.5) * (2 * limit / n) - limit
    return torch.stack(torch.meshgrid(u, u, indexing="xy"), -1), (2 * limit / n) ** 2


def measure(density, seed, n=4000):
    """On n new samples, solved at 1e-5: the NLL by the exact and by the estimated trace, how many standard errors these
    are apart, the scatter of an estimated log p, and the evaluations; the integrals of exp(log p), both ways."""
    field = trained(next(group for group in GROUPS if density in group), seed)[density]
    exact, estimated = (CNF(field, 2, rtol=1e-5, atol=1e-5, **way) for way in ({}, {"divergence": Hutchinson()}))
    x = torch.tensor(DENSITIES[density].sample(n, np.random.default_rng(999)), dtype=torch.float32)
    (cells, area), noise = grid(), torch.Generator().manual_seed(1000 + seed)
    with torch.no_grad():
        a, b = exact.log_prob(x), estimated.log_prob(x, noise)
        nfev = exact.nfev
        mass, claimed = (area * flow.log_prob(cells, noise).exp().sum().item() for flow in (exact, estimated))
    apart = (b - a).mean() / (b - a).std() * n**0.5
    return {
        "nll": -a.mean().item(), "estimated": -b.mean().item(), "apart": apart.item(), "scatter": (b - a).std().item(),
        "nfev": nfev, "mass": round(mass, 2), "claimed": claimed,
    }  # fmt: skip


if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
