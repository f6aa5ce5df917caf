"""Lesson 18's long run: three networks that learn a double pendulum from angles and velocities, over ten seeds.

python lessons/runs/18_lagrangian.py
"""

import math

import numpy as np
import torch
from torch import nn

import nodekit
from nodekit.classroom import runs
from nodekit.classroom.training import progress_bar
from nodekit.models import HamiltonianField, LagrangianField

torch.set_num_threads(1)

# Two equal masses on two equal rods without weight. The units: a mass, a rod, and sqrt(rod/g), which is 0.32 s for a
# rod of one metre. A state is (a, b, w, u): the angles of the rods from the vertical below, and their velocities.
STEPS, BATCH, WIDTH, RATE = 1500, 256, 64, 1e-2
REACH = 1.2  # the starts: at rest, both angles within ±REACH


def true_field(t, y):
    """The equations of the double pendulum as textbooks have them. y: (..., 4), an array. Returns its shape."""
    a, b, w, u = np.moveaxis(np.asarray(y), -1, 0)
    c, s = np.cos(a - b), np.sin(a - b)
    first, second = -(u**2) * s - 2 * np.sin(a), w**2 * s - np.sin(b)
    return np.stack([w, u, (first - c * second) / (2 - c**2), (2 * second - c * first) / (2 - c**2)], -1)


def true_energy(y):
    """T + V, of arrays and tensors: (..., 4) -> (...). It is 0 with both masses at the height of the pivot, at rest."""
    cos = torch.cos if isinstance(y, torch.Tensor) else np.cos
    a, b, w, u = (y[..., i] for i in range(4))
    return w**2 + u**2 / 2 + w * u * cos(a - b) - 2 * cos(a) - cos(b)


def starts(n, rng):
    """n starts at rest: (n, 4)."""
    return np.concatenate([rng.uniform(-REACH, REACH, size=(n, 2)), np.zeros((n, 2))], 1)


def recordings(seed, n=20):
    """n motions, seen at 20 moments within 10 units of time: states and exact accelerations, (20 n, 4), (20 n, 2)."""
    y0 = starts(n, np.random.default_rng(seed))
    y = nodekit.solve(true_field, y0, np.linspace(0, 10, 20), rtol=1e-9, atol=1e-9).y.reshape(-1, 4)
    return y, true_field(0.0, y)[:, 2:]


class Net(nn.Module):
    """A tanh network of (angles, velocities), two hidden layers: (..., 4) -> (..., outputs)."""

    def __init__(self, outputs, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in ((4, WIDTH), (WIDTH, WIDTH), (WIDTH, outputs)))
        for layer in self.layers:
            for p in (layer.weight, layer.bias):
                nn.init.uniform_(p, -(layer.in_features**-0.5), layer.in_features**-0.5, generator=generator)

    def forward(self, y):
        return self.layers[2](torch.tanh(self.layers[1](torch.tanh(self.layers[0](y)))))


class Plain(nn.Module):
    """The field of a network that gives the accelerations; the velocities it copies. y: (..., 4)."""

    def __init__(self, seed):
        super().__init__()
        self.net = Net(2, seed)

    def forward(self, t, y):
        return torch.cat([y[..., 2:], self.net(y)], -1)


class Lagrangian(nn.Module):
    """L = |v|²/2 + a network: (..., 4) -> (...)."""

    def __init__(self, seed):
        super().__init__()
        self.net = Net(1, seed)

    def forward(self, y):
        return y[..., 2:].square().sum(-1) / 2 + self.net(y)[..., 0]


KINDS = {
    "plain": Plain,
    "Hamiltonian": lambda seed: HamiltonianField(Net(1, seed)),  # as if velocities were momenta
    "Lagrangian": lambda seed: LagrangianField(Lagrangian(seed)),
}


def train(field, recorded, seed, what="training", steps=STEPS):
    """Adam on the mean absolute error of all four slopes of what `recordings` made; the rate falls to 0 by a cosine."""
    y, acceleration = (torch.tensor(part, dtype=torch.float32) for part in recorded)
    slopes = torch.cat([y[:, 2:], acceleration], -1)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(field.parameters(), lr=RATE)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: 0.5 + 0.5 * math.cos(math.pi * k / steps))
    for _ in (bar := progress_bar(steps, what)):
        batch = torch.randint(len(y), (BATCH,), generator=generator)
        loss = (field(0.0, y[batch]) - slopes[batch]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        bar.set_postfix(loss=f"{loss.item():.4f}")
    return field


def paths(field, y0, T=30.0):
    """Solve from y0 (n, 4) with steps of 0.1 by RK4: t (10 T + 1,), states (10 T + 1, n, 4), an array."""
    t = np.linspace(0.0, T, round(10 * T) + 1)
    with torch.no_grad():
        sol = nodekit.solve(field, torch.tensor(y0, dtype=torch.float32), t, method="rk4", step=0.1)
    return t, sol.y.double().numpy()


def tested(field):
    """What a field is worth on new motions: the mean error of its slopes, and from 40 new starts the median error of
    the true energy at t = 10 and 30 (and its mean), and of the angles at t = 10; `lost`."""
    y, acceleration = recordings(1000, 100)
    with torch.no_grad():
        found = field(0.0, torch.tensor(y, dtype=torch.float32)).numpy()
    y0 = starts(40, np.random.default_rng(2000))
    path = paths(field, y0)[1]
    error = np.abs(true_energy(path) - true_energy(y0))
    truth = nodekit.solve(true_field, y0, np.array([0.0, 10.0]), rtol=1e-9, atol=1e-9).y[-1]
    return {
        "acceleration": float(np.abs(found[:, 2:] - acceleration).mean()),
        "velocity": round(float(np.abs(found[:, :2] - y[:, 2:]).mean()), 6),  # without the rounding of copies
        "energy 10": float(np.median(error[100])),
        "energy 30": float(np.median(error[300])),
        "mean energy 30": float(error[300].mean()),
        "angles 10": float(np.median(np.linalg.norm(path[100, :, :2] - truth[:, :2], axis=1))),
        "paths lost": lost(field, path),
    }


def lost(field, path):
    """On how many of the paths (times, n, 4) a learned mass matrix passes through a singular one."""
    if not isinstance(field, LagrangianField):
        return 0
    with torch.no_grad():
        M = field.mass_matrix(torch.tensor(path, dtype=torch.float32))
    return int((torch.linalg.det(M) < 0).any(0).sum())


def measure(kind, seed):
    """One row."""
    return tested(train(KINDS[kind](seed), recordings(seed), seed, kind))


# The width, the rate and the number of steps were chosen by looking at seeds 0 to 4.
SETTINGS = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(10)]

if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
