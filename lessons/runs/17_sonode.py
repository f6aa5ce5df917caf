"""Lesson 17: damped oscillators of which only the position is seen, learned by a SONODE and by an augmented NODE.

A row: a kind of model, a seed of its weights. Measured on 50 new starts, as root mean squares over all times: how far
the position is off, how far the second number of the state is from the true velocity, and how far the slope of the
position is from it; all in the unit of the velocity's standard deviation (the position in its own). Then how far the
velocity is from the nearest affine function of the second number, and one value of that number, at t = 2 from x0 = 0.5.
"""

import math

import torch
from torch import nn

from nodekit.classroom import runs
from nodekit.classroom.training import progress_bar
from nodekit.models import SONODE, Augmented

DAMPING, FREQUENCY, WIDTH, ADAM, LBFGS = 0.2, 1.5, 20, 80, 60
TIMES = torch.linspace(0.0, 4.0, 21, dtype=torch.float64)
SETTINGS = [{"kind": kind, "seed": seed} for kind in ("SONODE", "augmented") for seed in range(5)]


def velocity(x0):
    """The velocity that each start has: a function of the position, so that x0 says all. (n, 1) -> (n, 1)."""
    return 0.5 - torch.sin(2 * x0)


def oscillator(x0):
    """x and x' of x'' = −2γ x' − (ω² + γ²) x, from x0 with velocity(x0): each (times, n, 1)."""
    t, w = TIMES[:, None, None], FREQUENCY
    b = (velocity(x0) + DAMPING * x0) / w
    wave = x0 * torch.cos(w * t) + b * torch.sin(w * t)
    slope = w * (b * torch.cos(w * t) - x0 * torch.sin(w * t)) - DAMPING * wave
    return torch.exp(-DAMPING * t) * wave, torch.exp(-DAMPING * t) * slope


class Net(nn.Sequential):
    """(n, inputs) -> (n, outputs), one hidden layer of tanh; takes parts that it joins. Double precision."""

    def __init__(self, inputs, outputs):
        super().__init__(nn.Linear(inputs, WIDTH), nn.Tanh(), nn.Linear(WIDTH, outputs))
        self.double()

    def forward(self, *parts):
        return super().forward(torch.cat(parts, -1))


class Field(nn.Module):
    """A field (t, y) or an acceleration (t, x, v) from a Net without the time."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, t, *parts):
        return self.net(*parts)


def make_model(kind, seed):
    torch.manual_seed(seed)
    how = {"t": TIMES.tolist(), "method": "rk4", "step": 0.4, "gradient": "backprop"}
    if kind == "SONODE":
        return SONODE(Field(Net(2, 1)), Net(1, 1), **how)
    return Augmented(Field(Net(2, 2)), 1, **how)


def train(kind, seed):
    """A model that has seen the positions of 16 oscillators at 21 times."""
    model, x0 = make_model(kind, seed), torch.linspace(-1, 1, 16, dtype=torch.float64)[:, None]
    x, _ = oscillator(x0)

    def loss():
        return (model(x0)[..., :1] - x).square().mean()

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in (bar := progress_bar(ADAM, f"{kind}, seed {seed}")):
        bar.set_postfix(loss=f"{optimizer.step(closure).item():.1e}")
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=LBFGS, history_size=30, line_search_fn="strong_wolfe")
    optimizer.step(closure)
    return model


def compare(model):
    """x0 (50, 1), the model's path (times, 50, 2), the slope of its position, the true position and velocity."""
    x0 = torch.linspace(-0.98, 0.98, 50, dtype=torch.float64)[:, None]
    with torch.no_grad():
        path = model(x0)
        return x0, path, model.field(0.0, path)[..., :1], *oscillator(x0)


def along(number, v):
    """The affine function of the number that is nearest to v."""
    columns = torch.stack([torch.ones_like(number), number], -1).reshape(-1, 2)
    return (columns @ torch.linalg.lstsq(columns, v.reshape(-1, 1)).solution).reshape(v.shape)


def measure(kind, seed):
    return measure_model(train(kind, seed))


def measure_model(model):
    _, path, slope, x, v = compare(model)
    rms = lambda off: math.sqrt(off.square().mean())  # noqa: E731
    return {
        "position": rms(path[..., :1] - x) / x.std().item(),
        "second number": rms(path[..., 1:] - v) / v.std().item(),
        "slope": rms(slope - v) / v.std().item(),
        "by a line": rms(v - along(path[..., 1:], v)) / v.std().item(),
        "value": path[10, 37, 1].item(),
    }


if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
