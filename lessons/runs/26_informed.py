"""A physics-informed network beside a fit through the solver, on the same recordings: a long run of lesson 26.

    python lessons/runs/26_informed.py [--compare]

The recordings are the long ones of 26_missing.py. unknown: "two numbers", the coefficients of u·v, or "network", the
whole missing part. way: "solver", by windows as there, or "informed, W": `PhysicsInformed` with the weight W of the
equation, a path network of 2 × 32 units, 100 places, 2000 steps of Adam and 400 of L-BFGS.
on_path: the relative error of the missing part along the true path. whole: the standard error of a solve of the field
that was found, from the true start over the recording, in units of the noise. equation: by how much the path that
training found misses the equation, the root of equation_loss (0 for the solver, whose paths are solutions to the
solver's accuracy). calls: how often the loss was evaluated.
"""

import importlib
import sys
from pathlib import Path

import numpy as np
import torch

from nodekit.classroom.runs import make
from nodekit.models.hybrid import HybridField, PhysicsInformed

sys.path.insert(0, str(Path(__file__).parent))
missing = importlib.import_module("26_missing")

WAYS = {
    "two numbers": ("solver", "informed, 1e4"),
    "network": ("solver", "informed, 1e2", "informed, 1e4", "informed, 1e6"),
}
SETTINGS = [{"unknown": u, "way": way, "seed": seed} for u in WAYS for way in WAYS[u] for seed in range(5)]


class TwoNumbers(torch.nn.Module):
    """The known part, and c · u v with two unknown numbers c."""

    def __init__(self):
        super().__init__()
        self.c = torch.nn.Parameter(torch.tensor([-0.3, 0.3], dtype=torch.float64))

    def learned(self, x):
        return x[..., :1] * x[..., 1:] * self.c

    def forward(self, t, x):
        return missing.known(t, x) + self.learned(x)


def parts(unknown, way, seed):
    """The field with what is unknown in it, the loss, and the `PhysicsInformed` or None."""
    t, _, x, sigma = missing.record("long", seed)
    scale = torch.tensor(x.max(0))
    network = missing.perceptron(seed) if unknown == "network" else None
    field = HybridField(missing.known, network, scale=scale) if network else TwoNumbers()
    if way == "solver":
        return field, lambda: missing.windows(field, t, x, sigma), None
    path = missing.perceptron(seed + 100, inputs=1, width=32)
    data = torch.tensor(t), torch.tensor(x), torch.tensor(sigma)
    informed, weight = PhysicsInformed(path, field, *data, scale=scale), float(way.split()[1])
    return field, lambda: informed.data_loss() + weight * informed.equation_loss(), informed


def measure(unknown, way, seed):
    field, loss, informed = parts(unknown, way, seed)
    if informed:
        calls = missing.minimise(informed.parameters(), loss, adam=2000, lbfgs=400)
    else:
        calls = missing.minimise(field.parameters(), loss, adam=300 if unknown == "network" else 0, lbfgs=200)
    clean = missing.record("long", seed)[1]
    true = clean[:, :1] * clean[:, 1:] * missing.MEETING
    return {
        "on_path": missing.relative(missing.learned(field, clean), true),
        "whole": missing.whole(field, "long", seed),
        "equation": float(np.sqrt(informed.equation_loss().item())) if informed else 0.0,
        "calls": calls,
    }


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
