"""Robertson's reaction learned by a network seven ways, over five seeds: the long run of lesson 15.

    python lessons/runs/15_robertson.py [--compare]

Data: the three concentrations at 41 times from 1e-5 to 1e5, from 7 starts. Tested on 4 starts between them.
mae: mean absolute error on these, each chemical in units of its own largest value; mae_2: the second chemical's.
"""

import numpy as np
import torch

import nodekit
from nodekit import problems
from nodekit.classroom.runs import make
from nodekit.models import Collocation, NeuralODE

TIMES = np.logspace(-5, 5, 41)
S = torch.tensor(np.log10(TIMES))
ways = ("raw loss", "raw clock", "scaled", "raw loss, 600", "scaled, 600", "collocation, raw", "collocation")
SETTINGS = [{"way": way, "seed": seed} for way in ways for seed in range(5)]


def concentrations(shares, times=TIMES):
    """(m, n, 3) from the starts (1 - u, 0, u), by radau. shares: n numbers u."""
    f, paths = problems.get("Robertson 40").f, []
    for u in shares:
        atol = np.array([1e-10, 1e-14, 1e-10])
        sol = nodekit.solve(f, np.array([1 - u, 0.0, u]), [0.0, *times], method="radau", rtol=1e-8, atol=atol)
        paths.append(torch.tensor(sol.y[1:]))
    return torch.stack(paths, 1)


class Network(torch.nn.Module):
    """dz/ds from (z, s / 5): two hidden layers of 32, tanh. z: (..., 3)."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Linear(32, 32), torch.nn.Tanh(), torch.nn.Linear(32, 3)
        ).double()

    def forward(self, s, z):
        return self.layers(torch.cat([z, (s / 5).expand(*z.shape[:-1], 1)], -1))


def minimise(network, loss, steps, lr):
    """Adam with a cosine that ends at 0. Returns the last loss."""
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        cosine.step()
    return value.item()


def measure(way, seed):
    train, test = concentrations(np.linspace(0.0, 0.6, 7)), concentrations([0.05, 0.25, 0.45, 0.57])
    scale = train.abs().amax((0, 1))
    z, tau = train / scale, torch.tensor(TIMES / TIMES[-1])
    torch.manual_seed(seed)
    network = Network()
    if way == "raw clock":
        layer = NeuralODE(network, tau, rtol=1e-3, atol=1e-4)  # the network's second input is t / 5 in units of 1e5 s
    else:
        layer = NeuralODE(network, S, method="rk4", step=0.25)
    if way.startswith("collocation"):
        collocation = Collocation(S, z, 1.0 if way == "collocation" else 1 / scale)
        minimise(network, lambda: collocation(network), 2000, 1e-2)
    else:
        weights, updates = scale if way.startswith("raw loss") else 1.0, 600 if way.endswith("600") else 300
        minimise(network, lambda: ((layer(z[0]) - z) * weights).abs().mean(), updates, 5e-3)
    with torch.no_grad():
        error = (layer(test[0] / scale) - test / scale).abs()
    return {
        "mae": error.mean().item(),
        "mae_1": error[..., 0].mean().item(),
        "mae_2": error[..., 1].mean().item(),
        "mae_3": error[..., 2].mean().item(),
        "raw_mae": (error * scale).mean().item(),
    }


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
