"""Forecasts of hare and lynx by three models that were fitted to 1900–1913: a long run of lesson 26.

    python lessons/runs/26_lynx.py [--compare]

model: "Lotka–Volterra", "with a network", which adds one to its two growth rates, or "network alone". States are the
logarithms of the numbers; model and first state are fitted through the solver to the 14 logarithms, by 200 steps of
L-BFGS from a random start (the second from the parameters of the first).
fit_hare, fit_lynx, ahead_hare, ahead_lynx: root mean square errors, thousands of pelts, of 1900–1913 and 1914–1920.
"""

from pathlib import Path

import numpy as np
import torch

import nodekit
from nodekit.classroom.runs import make

MODELS = ("Lotka–Volterra", "with a network", "network alone")
SETTINGS = [{"model": model, "seed": seed} for model in MODELS for seed in range(5)]
FIT = 14  # years that the models see


def pelts():
    """Years (21,), and hares and lynx in thousands of pelts (21, 2)."""
    table = np.loadtxt(Path(__file__).parent.parent / "data" / "hudson_bay.csv", delimiter=",", skiprows=1)
    return table[:, 0], table[:, 1:]


class Model(torch.nn.Module):
    """The growth rates (log x)' of hare and lynx as functions of z = log x (..., 2)."""

    def __init__(self, model, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        guess = np.log([0.5, 0.025, 0.9, 0.025]) + rng.uniform(-0.2, 0.2, 4)  # growth, eaten, death, fed
        self.logs = torch.nn.Parameter(torch.tensor(guess)) if model != "network alone" else None
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)]
        self.network = torch.nn.Sequential(*layers).double() if model != "Lotka–Volterra" else None
        logs = torch.tensor(np.log(pelts()[1][:FIT]))
        self.middle, self.width = logs.mean(0), logs.std(0)
        self.start = torch.nn.Parameter(logs[0].clone())
        if self.network:
            with torch.no_grad():
                self.network[2].weight *= 0.1
                self.network[2].bias *= 0.0

    def forward(self, t, z):
        rates = torch.zeros_like(z)
        if self.logs is not None:
            growth, eaten, death, fed = self.logs.exp()
            rates = torch.stack([growth - eaten * z[..., 1].exp(), fed * z[..., 0].exp() - death], -1)
        return rates + self.network((z - self.middle) / self.width) if self.network else rates

    def path(self, years):
        """Hares and lynx at 0, 1, ..., years - 1: (years, 2)."""
        return nodekit.solve(self, self.start, np.arange(float(years)), method="rk4", step=0.25, throw=False).y


def fitted(model, seed):
    """The Model, fitted to the first FIT years."""
    field, target = Model(model, seed), torch.tensor(np.log(pelts()[1][:FIT]))
    if model == "with a network":
        plain = fitted("Lotka–Volterra", seed)
        with torch.no_grad():
            field.logs.copy_(plain.logs)
            field.start.copy_(plain.start)
    optimizer = torch.optim.LBFGS(field.parameters(), max_iter=200, history_size=30, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        path = field.path(FIT)
        loss = (path - target[: len(path)]).square().mean() + 100.0 * (FIT - len(path))  # where a solve stops early
        loss.backward()
        return loss

    optimizer.step(closure)
    return field


def measure(model, seed):
    return measured(fitted(model, seed))


def measured(field):
    """The numbers of one row, of a model that is fitted."""
    _, x = pelts()
    with torch.no_grad():
        found = np.exp(np.clip(field.path(len(x)).numpy(), -7, 7))
    found = np.concatenate([found, np.repeat(found[-1:], len(x) - len(found), 0)])  # where a solve stops early
    off = np.sqrt([((found - x)[part] ** 2).mean(0) for part in (slice(FIT), slice(FIT, None))])
    return dict(zip(("fit_hare", "fit_lynx", "ahead_hare", "ahead_lynx"), off.ravel().tolist(), strict=True))


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
