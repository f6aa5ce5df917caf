"""Lesson 19: noisy spirals seen at 30 uneven times, filled in and carried on by four kinds of models.

    python lessons/runs/19_spirals.py [--compare]

data: "spirals", or "knocked", whose angle jumps at a random time. kind: a GRU that is told the gaps and reads forward
("GRU"), two of them from both sides ("smoother"), an ODE-RNN, a latent ODE; "GRU, tails" is asked in half of its loss
for all that comes after a random time, and "latent ODE, wide" has 8 hidden numbers and a recognition network of 50 in
place of 4 and 25. steps: of Adam, 50 of 1000 series each.
inside, beyond: the root of the mean square of the distance from the true path, per coordinate, on 300 new series, for
t in [0, 5], where the observations lie, and (5, 7.5]. covered, covered_beyond: the percentage of the true numbers that
lie in the band of 90% about the answer; models that state no spread have 0.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from nodekit.classroom import runs
from nodekit.classroom.training import progress_bar
from nodekit.models.series import ODERNN, GapGRU, LatentODE, Series

NOISE, SEEN, BATCH, HIDDEN = 0.3, 30, 50, 25
TIMES = torch.linspace(0.0, 7.5, 151)  # the first 101 reach to t = 5
# Chosen for `inside` on the spirals of other seeds, 100 and 101: of 0.01, 0.02, 0.04, 0.06 and 0.1 for the GRUs, of
# 0.01, 0.02 and 0.03 for the latent ODE, of 0.01 and 0.02 for the ODE-RNN. On knocked spirals nothing was chosen anew.
# The two that were added later, "GRU, tails" and "latent ODE, wide", take those of their kind.
RATES = {
    "GRU": 0.06, "GRU, tails": 0.06, "smoother": 0.06, "latent ODE": 0.02, "latent ODE, wide": 0.02, "ODE-RNN": 0.02,
}  # fmt: skip
SETTINGS = [
    {"data": data, "kind": kind, "steps": steps, "seed": seed}
    for data, kind, steps in (
        ("spirals", "GRU", 1000), ("spirals", "smoother", 1000), ("spirals", "latent ODE", 1000),
        ("spirals", "GRU, tails", 1000),
        ("spirals", "latent ODE", 500), ("spirals", "ODE-RNN", 200),
        ("knocked", "GRU", 500), ("knocked", "smoother", 500), ("knocked", "latent ODE", 500),
        ("knocked", "latent ODE, wide", 1000),
    )
    for seed in range(5)
]  # fmt: skip


def paths(n, seed, data="spirals"):
    """n true paths at TIMES: outward against the clock, or inward with it. (n, 151, 2)."""
    rng, t = np.random.default_rng(seed), TIMES.double().numpy()
    outward = rng.random((n, 1)) < 0.5
    turn = np.where(outward, 1.0, -1.0)
    radius = np.where(outward, rng.uniform(0.5, 1.2, (n, 1)), rng.uniform(1.4, 2.1, (n, 1))) * np.exp(0.1 * turn * t)
    angle = rng.uniform(0, 2 * np.pi, (n, 1)) + 2 * turn * t
    if data == "knocked":
        when, jump = rng.uniform(1, 4, (n, 1)), rng.uniform(-np.pi, np.pi, (n, 1))
        angle = angle + np.where(t > when, jump, 0.0)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def observed(x, seed, seen=SEEN):
    """Each path seen with noise at `seen` of the first 101 times, drawn for each: a Series."""
    rng, t, recordings = np.random.default_rng(seed + 10_000), TIMES.numpy(), []
    for path in x:
        k = np.sort(rng.choice(101, seen, replace=False))
        recordings.append((t[k], (path[k] + NOISE * rng.normal(size=(seen, 2))).astype(np.float32)))
    return Series.of(recordings)


class Field(nn.Sequential):
    """f(t, z), the same at all times: z (..., d) -> (..., d)."""

    def __init__(self, d, layers):
        hidden = [module for _ in range(layers - 1) for module in (nn.Linear(20, 20), nn.ELU())]
        super().__init__(nn.Linear(d, 20), nn.ELU(), *hidden, nn.Linear(20, d))

    def forward(self, t, z):
        return super().forward(z)


def make_model(kind, seed):
    torch.manual_seed(seed)
    if "latent ODE" in kind:
        d, hidden = (8, 50) if "wide" in kind else (4, HIDDEN)
        decoder = nn.Sequential(nn.Linear(d, 20), nn.Tanh(), nn.Linear(20, 2))
        return LatentODE(Field(d, 2), decoder, latent=d, dim=2, hidden=hidden, noise=NOISE, rtol=1e-3, atol=1e-3)
    if kind == "ODE-RNN":
        return ODERNN(Field(HIDDEN, 1), dim=2, hidden=HIDDEN, method="midpoint", step=0.5)
    return GapGRU(dim=2, hidden=HIDDEN, both_sides=kind == "smoother")


def loss_of(model, batch, generator):
    """The latent ODE: −ELBO. All others: the mean square of what they say of the 30% that they are not shown."""
    if isinstance(model, LatentODE):
        return model.loss(batch, generator=generator)
    shown, hidden = batch.split(0.3, generator)
    miss = torch.where(hidden.mask, model(shown, hidden.t) - hidden.x, 0.0)
    return miss.square().sum() / hidden.mask.sum()


def tail_loss(model, batch, generator):
    """The mean square of what it says of all that comes after a time between 2 and 4.5, from what came before."""
    end = 2.0 + 2.5 * torch.rand(len(batch), generator=generator)
    read, seen = replace(batch, length=(batch.t <= end[:, None]).sum(1).minimum(batch.length)), batch.real
    later = seen & (batch.t > end[:, None])
    miss = torch.where(later[..., None] & batch.mask, model(read, batch.t) - batch.x, 0.0)
    return miss.square().sum() / (later[..., None] & batch.mask).sum()


def train(data, kind, steps, seed):
    """A trained model."""
    series, model = observed(paths(1000, seed, data), seed), make_model(kind, seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), RATES[kind])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    largest = 10.0 if "latent ODE" in kind else 1.0  # its loss is a sum over 60 numbers, theirs a mean
    for _ in progress_bar(steps, f"{kind}, {data}"):
        batch = series[torch.randint(1000, (BATCH,), generator=generator)]
        loss = loss_of(model, batch, generator)
        if "tails" in kind:
            loss = (loss + tail_loss(model, batch, generator)) / 2
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), largest)
        optimizer.step()
        schedule.step()
    return model


def answer(model, series, seed=0):
    """The model's paths at TIMES, and their deviations: (samples, 151, 2) each."""
    with torch.no_grad():
        if isinstance(model, LatentODE):
            return model.predict(series, TIMES, 64, torch.Generator().manual_seed(seed))
        mean = model(series, TIMES)
        return mean, torch.zeros_like(mean)


def measured(model, data, seed):
    """The numbers of one row."""
    x = paths(300, seed + 500, data)
    mean, spread = answer(model, observed(x, seed + 500))
    off = mean.double() - torch.tensor(x)
    covered = 100.0 * (off.abs() <= 1.645 * spread)
    return {
        "inside": off[:, :101].square().mean().sqrt().item(), "beyond": off[:, 101:].square().mean().sqrt().item(),
        "covered": covered[:, :101].mean().item(), "covered_beyond": covered[:, 101:].mean().item(),
    }  # fmt: skip


def measure(data, kind, steps, seed):
    return measured(train(data, kind, steps, seed), data, seed)


if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
