"""Robertson's three rates found from noisy concentrations by two losses, over five seeds: a long run of lesson 15.

    python lessons/runs/15_rates.py [--compare]

Data: 25 times from 1e-4 to 1e4, from (1, 0, 0), with 2% of noise. Starts: each rate wrong by a factor up to e.
factor_1, 2, 3: the rates found, divided by the true ones. misfit: the root of the loss at the end; units: what each
chemical's error is divided by.
"""

import numpy as np
import torch

import nodekit
from nodekit import problems
from nodekit.classroom.runs import make

CLOCK = np.logspace(-4, 4, 25)
SETTINGS = [{"units": units, "seed": seed} for units in ("one for all", "own") for seed in range(5)]


def reaction(x, k):
    """Robertson's field. x: (..., 3), k: (3,)."""
    first, second, third = k[0] * x[..., 0], k[1] * x[..., 1] * x[..., 2], k[2] * x[..., 1] ** 2
    return torch.stack([-first + second, first - second - third, third], -1)


def true_path():
    """(25, 3)"""
    p, atol = problems.get("Robertson 40"), np.array([1e-10, 1e-14, 1e-10])
    return nodekit.solve(p.f, np.array([1.0, 0.0, 0.0]), [0.0, *CLOCK], "radau", 1e-8, atol).y[1:]


def measure(units, seed):
    truth, rng = true_path(), np.random.default_rng(seed)
    weights = torch.tensor(np.abs(truth).max(0)) if units == "own" else 1.0
    k = torch.tensor([0.04, 1e4, 3e7], dtype=torch.float64)
    data = torch.tensor(truth * (1 + 0.02 * rng.normal(size=truth.shape)))
    log_k = (k.log() + torch.tensor(rng.uniform(-1, 1, 3))).requires_grad_()
    optimizer = torch.optim.LBFGS([log_k], max_iter=15, line_search_fn="strong_wolfe")
    y0, atol = torch.tensor([1.0, 0.0, 0.0]).double(), torch.tensor([1e-6, 1e-10, 1e-6]).double()
    seen = []

    def loss():
        optimizer.zero_grad()
        f = lambda t, x: reaction(x, log_k.exp())  # noqa: E731
        sol = nodekit.solve(f, y0, [0.0, *CLOCK], "kvaerno5", 1e-4, atol, jac="autograd")
        value = ((sol.y[1:] - data) / weights).square().mean()
        value.backward()
        seen.append(value.item())
        return value

    optimizer.step(loss)
    factors = (log_k.detach().exp() / k).tolist()
    return {**{f"factor_{i}": x for i, x in enumerate(factors, 1)}, "misfit": min(seen) ** 0.5}


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
