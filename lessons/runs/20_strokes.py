"""Which curve was drawn? A CDE and a GRU on pen strokes and on spirals, observations dropped at random: a long run.

    python lessons/runs/20_strokes.py [--compare]

task: "strokes", 10 classes of strokes of a pen, each drawn at a speed that varies, 40 points; "spirals", 2 classes, to
the left or to the right, 60 points. dropped: how many per cent of the points, each curve its own.
model: "CDE" (lines through the points, with time as a third channel, rk4 from knot to knot), or "CDE without time";
"GRU" (it is given the points, and the time since the last one), or "GRU, resampled" (it is given 40 points of the same
lines, at equal steps of time).
accuracy: per cent of 500 new curves. midpoints: the same, with the midpoint of each line between two observations
inserted. seven: with seven points on each line, at equal steps. cpu_s: CPU seconds of the training.
"""

import time

import numpy as np
import torch

from nodekit import paths
from nodekit.classroom.runs import make
from nodekit.models.series import CDE

MODELS = ("CDE", "CDE without time", "GRU", "GRU, resampled")
SETTINGS = [
    {"task": task, "dropped": dropped, "model": model, "seed": seed}
    for task, rates in (("strokes", (30, 50, 70)), ("spirals", (67,)))
    for dropped in rates
    for model in MODELS
    for seed in range(5)
]
CLASSES = {"strokes": 10, "spirals": 2}
EPOCHS = {"strokes": 30, "spirals": 15}


def strokes(n, rng):
    """Curves that a pen draws in 40 moments: points (n, 40, 2), times (40,), and which of 10 strokes each is, (n,)."""
    shapes = np.random.default_rng(7).normal(size=(10, 2, 4))  # the same ten for every seed
    label, s = rng.integers(0, 10, n), np.linspace(0, 1, 40)
    waves = shapes[label] + 0.3 * rng.normal(size=(n, 2, 4))
    at = s + rng.uniform(-0.8, 0.8, (n, 1)) * s * (1 - s) + rng.uniform(-0.1, 0.1, (n, 1)) * np.sin(2 * np.pi * s)
    order = np.arange(1, 5)
    x = np.einsum("nck,nsk->nsc", waves / order, np.cos(np.pi * order * at[:, :, None]))
    return x + 0.02 * rng.normal(size=x.shape), s, label


def spirals(n, rng):
    """Spirals to the left or to the right, from any direction: points (n, 60, 2), times (60,), labels (n,)."""
    label, s = rng.integers(0, 2, n), np.linspace(0, 1, 60)
    turn = rng.uniform(0, 2 * np.pi, (n, 1)) + (2 * label[:, None] - 1) * rng.uniform(4, 8, (n, 1)) * s
    size = rng.uniform(0.3, 1, (n, 1)) + rng.uniform(-0.3, 1, (n, 1)) * s
    x = size[:, :, None] * np.stack([np.cos(turn), np.sin(turn)], -1)
    return x + 0.02 * rng.normal(size=x.shape), s, label


def thinned(x, s, dropped, rng):
    """Each curve without `dropped` per cent of its points, which ones by chance: (n, m, 2), and their times (n, m)."""
    keep = len(s) - round(len(s) * dropped / 100)
    chosen = np.sort(rng.random(x.shape[:2]).argsort(1)[:, :keep], 1)
    return np.take_along_axis(x, chosen[:, :, None], 1), s[chosen]


def doubled(x):
    """With the midpoint between any two that follow each other inserted: (n, m, ...) -> (n, 2 m − 1, ...)."""
    both = torch.stack([x[:, :-1], (x[:, :-1] + x[:, 1:]) / 2], 2).flatten(1, 2)
    return torch.cat([both, x[:, -1:]], 1)


def resampled(x, t, points=40):
    """The lines through the points, read at equal steps of time: x (n, 40, 2), t (n, 40)."""
    share = torch.linspace(0, 1, points)
    at = (t[:, :1] + (t[:, -1:] - t[:, :1]) * share).contiguous()
    i = torch.searchsorted(t.contiguous(), at, right=True).clamp(1, t.shape[1] - 1)
    low, high = t.gather(1, i - 1), t.gather(1, i)
    part = ((at - low) / (high - low))[..., None]
    before, after = (x.take_along_dim(j[..., None], 1) for j in (i - 1, i))
    return before + part * (after - before), at


def examples(task, dropped, n, seed):
    """Points (n, m, 2), times (n, m) and labels (n,), tensors."""
    rng = np.random.default_rng(seed)
    x, s, label = {"strokes": strokes, "spirals": spirals}[task](n, rng)
    x, t = thinned(x, s, dropped, rng)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(t, dtype=torch.float32), torch.tensor(label)


class Matrix(torch.nn.Module):
    """h (..., hidden) -> a matrix (..., hidden, channels), between −1 and 1."""

    def __init__(self, hidden, channels, width=32):
        super().__init__()
        self.shape = hidden, channels
        self.net = torch.nn.Sequential(
            torch.nn.Linear(hidden, width), torch.nn.Tanh(), torch.nn.Linear(width, hidden * channels), torch.nn.Tanh()
        )

    def forward(self, h):
        return self.net(h).unflatten(-1, self.shape)


class Controlled(torch.nn.Module):
    """Scores (n, classes) of curves x (n, m, 2), at times t (n, m), by a CDE along lines between the points."""

    def __init__(self, classes, timed=True, hidden=16):
        super().__init__()
        self.timed, channels = timed, 3 if timed else 2
        start = torch.nn.Linear(channels, hidden)
        self.cde = CDE(Matrix(hidden, channels), start, method="rk4", step=1.0, gradient="backprop")
        self.read = torch.nn.Linear(hidden, classes)

    def forward(self, x, t):
        return self.read(self.cde(paths.linear(torch.cat([x, 3 * t[..., None]], -1) if self.timed else x)))


class Recurrent(torch.nn.Module):
    """The same by a GRU, which sees the points and the time since the last one."""

    def __init__(self, classes, resampled=False, hidden=24):
        super().__init__()
        self.resampled = resampled
        self.gru, self.read = torch.nn.GRU(3, hidden, batch_first=True), torch.nn.Linear(hidden, classes)

    def forward(self, x, t):
        if self.resampled:
            x, t = resampled(x, t)
        since = torch.cat([torch.zeros_like(t[:, :1]), t[:, 1:] - t[:, :-1]], 1)
        return self.read(self.gru(torch.cat([x, 10 * since[..., None]], -1))[0][:, -1])


def train(task, dropped, model, seed, epochs=None, rate=4e-2):
    """A model, trained on 1024 curves, and its CPU seconds."""
    x, t, label = examples(task, dropped, 1024, 1000 + seed)
    torch.manual_seed(seed)
    classes, epochs = CLASSES[task], epochs or EPOCHS[task]
    if "CDE" in model:
        net = Controlled(classes, timed="without" not in model)
    else:
        net = Recurrent(classes, resampled="resampled" in model)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=8 * epochs, pct_start=0.2)
    begin = time.process_time()
    for _ in range(epochs):
        for batch in torch.randperm(1024).split(128):
            loss = torch.nn.functional.cross_entropy(net(x[batch], t[batch]), label[batch])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return net, time.process_time() - begin


def accuracy(net, x, t, label):
    """Per cent of the curves that get their own label."""
    with torch.no_grad():
        return 100 * (net(x, t).argmax(1) == label).double().mean().item()


def measured(net, task, dropped):
    """The numbers of one row, of a model that is trained."""
    x, t, label = examples(task, dropped, 500, 5000)
    found = {"accuracy": accuracy(net, x, t, label)}
    for name, times in (("midpoints", 1), ("seven", 2)):
        for _ in range(times):
            x, t = doubled(x), doubled(t)
        found[name] = accuracy(net, x, t, label)
    return found


def measure(task, dropped, model, seed):
    net, seconds = train(task, dropped, model, seed)
    return {**measured(net, task, dropped), "cpu_s": round(seconds, 1)}


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
