"""Lesson 23's long run: 8 gaussians to moons by flow matching, with three kinds of pairs, and by likelihood, 5 seeds.

python lessons/runs/23_straight.py
"""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from nodekit.classroom import runs
from nodekit.classroom.densities import CENTERS, DENSITIES, SIGMA
from nodekit.models import CNF
from nodekit.models.density import flow_matching_loss, measured_paths, optimal_pairs, rectified_ends, wasserstein2

torch.set_num_threads(1)

RATE = 1e-2
# How many steps of training, and samples in each.
BUDGET = {"independent": (1500, 256), "optimal": (1200, 128), "reflow": (600, 256), "likelihood": (600, 128)}
LONGER = 6000  # steps of "independent, longer", which takes less time than "likelihood"
POOL = 4096  # pairs of a reflow
FRESH = 1000  # starts and ends of a test


class Field(nn.Module):
    """(t, x) -> dx/dt of the plane: three hidden layers of 64. t: a number or (..., 1). x: (..., 2)."""

    def __init__(self, seed, width=64):
        super().__init__()
        generator, sizes = torch.Generator().manual_seed(seed), (3, width, width, width, 2)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        for layer in self.layers:
            for p in layer.parameters():
                nn.init.uniform_(p, -(layer.in_features**-0.5), layer.in_features**-0.5, generator=generator)

    def forward(self, t, x):
        time = torch.as_tensor(t, dtype=x.dtype).expand(*x.shape[:-1], 1)
        h = torch.cat([x, time], -1)
        for layer in self.layers[:-1]:
            h = nn.functional.silu(layer(h))
        return self.layers[-1](h)


class EightGaussians:
    """The starts as the base density of a CNF."""

    def log_prob(self, x):
        square = (x[..., None, :] - torch.tensor(CENTERS, dtype=x.dtype)).square().sum(-1) / (2 * SIGMA**2)
        return torch.logsumexp(-square, -1) - math.log(8 * 2 * math.pi * SIGMA**2)


def samples(name, n, rng):
    """n samples (n, 2) of a density of the classroom."""
    return torch.tensor(DENSITIES[name].sample(n, rng), dtype=torch.float32)


def independent(n, rng):
    """n starts and n ends that know nothing of each other."""
    return samples("8 gaussians", n, rng), samples("moons", n, rng)


def optimal(n, rng):
    """The same, and each batch paired anew at the least cost."""
    x0, x1 = independent(n, rng)
    return x0, optimal_pairs(x0, x1)


def rectified(field, seed):
    """A function that draws pairs from a pool of starts and of the ends to which the field carries them."""
    x0 = samples("8 gaussians", POOL, np.random.default_rng(100 + seed))
    x1 = rectified_ends(field, x0)

    def pairs(n, rng):
        rows = torch.tensor(rng.integers(POOL, size=n))
        return x0[rows], x1[rows]

    return pairs


def train(seed, pairs, steps, batch, field=None):
    """A field trained by flow matching on pairs(batch, rng); a given field is trained on."""
    field = field or Field(seed)
    return trained(field, steps, lambda rng, generator: flow_matching_loss(
        field, *pairs(batch, rng), generator=generator), seed)  # fmt: skip


def by_likelihood(seed):
    """A field trained as in lesson 10: every step solves the flow backward, with its trace, by 4 RK4 steps."""
    steps, batch = BUDGET["likelihood"]
    flow = CNF(Field(seed), 2, base=EightGaussians(), method="rk4", step=1 / 4, gradient="backprop")
    return trained(flow.field, steps, lambda rng, _: -flow.log_prob(samples("moons", batch, rng)).mean(), seed)


def trained(field, steps, loss_of, seed):
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(field.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
    for _ in range(steps):
        loss = loss_of(rng, generator)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(field.parameters(), 10.0)
        optimizer.step()
        schedule.step()
    return field


def euler(field, x, n):
    """x carried from time 0 to 1 by n Euler steps."""
    for k in range(n):
        x = x + field(k / n, x) / n
    return x


def tested(field):
    """What a trained field is worth, on fresh starts and fresh ends."""
    x0, x1 = independent(FRESH, np.random.default_rng(999))
    paths = measured_paths(field, x0, method="rk4", step=1 / 32)
    with torch.no_grad():
        off = {f"w2_{k}": wasserstein2(euler(field, x0, k), x1) for k in (1, 4)}
    return {
        **off, "w2": wasserstein2(paths.ends, x1),
        "energy": paths.energy.mean().item(), "cost": paths.cost.mean().item(), "bend": paths.bend,
        "excess": paths.excess(),
    }  # fmt: skip


def scored(field, n=2000):
    """The NLL of n fresh ends under the field's flow, by DOPRI5 at 1e-5, and the evaluations that this takes."""
    flow = CNF(field, 2, base=EightGaussians(), rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        nll = -flow.log_prob(samples("moons", n, np.random.default_rng(77))).mean().item()
    return {"nll": nll, "nfev": flow.nfev}


def moons_log_prob(x, n=2000):
    """The log density of the moons at x (m, 2), float64, by the midpoint rule over the angle: (m,), in nats."""
    angle = math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    upper = 2 * torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], 1)
    square = (x.double()[:, None] - torch.cat([upper, -upper])).square().sum(-1) / (2 * 0.2**2)
    return torch.logsumexp(-square, 1) - math.log(2 * n * 2 * math.pi * 0.2**2)


@lru_cache(maxsize=2)
def field_of(method, seed):
    """The trained field. A reflow trains on, on the pairs of the field before it."""
    if method == "likelihood":
        return by_likelihood(seed)
    if method == "independent, longer":
        return train(seed, independent, LONGER, BUDGET["independent"][1])
    if method in ("independent", "optimal"):
        return train(seed, {"independent": independent, "optimal": optimal}[method], *BUDGET[method])
    before = field_of({"reflow": "independent", "reflow twice": "reflow"}[method], seed)
    field = Field(seed)
    field.load_state_dict(before.state_dict())
    return train(seed, rectified(before, seed), *BUDGET["reflow"], field=field)


def measure(method, seed):
    """One row."""
    field = field_of(method, seed)
    return {**tested(field), **scored(field)}


SETTINGS = [
    {"method": method, "seed": seed}
    for seed in range(5)
    for method in ("independent", "reflow", "reflow twice", "optimal", "likelihood", "independent, longer")
]

if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
