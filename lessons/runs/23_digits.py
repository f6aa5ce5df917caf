"""Lesson 23's long run on digits: images of 8 × 8 made by flow matching, judged by a classifier, over 5 seeds.

python lessons/runs/23_digits.py
"""

import math
from functools import lru_cache

import torch
from torch import nn

from nodekit.classroom import runs
from nodekit.classroom.datasets import digits
from nodekit.models.density import flow_matching_loss, optimal_pairs

torch.set_num_threads(1)

STEPS, BATCH, RATE, LONGER, MADE = 2000, 64, 4e-3, 4, 450


@lru_cache
def images():
    """(train, test), each images (n, 64) with numbers in [-1, 1], and labels (n,)."""
    split = digits(0).tensors()
    return [(2 * x.reshape(-1, 64) - 1, y) for x, y in (split.train, split.test)]


@lru_cache
def classifier():
    """A net 64 -> 128 -> 10, trained on the training images with noise: the judge, the same one for all."""
    (x, labels), _ = images()
    generator = torch.Generator().manual_seed(7)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    for p in net.parameters():
        nn.init.uniform_(p, -0.1, 0.1, generator=generator)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(300):
        rows = torch.randint(len(x), (128,), generator=generator)
        noisy = x[rows] + 0.2 * torch.randn(128, 64, generator=generator)
        loss = nn.functional.cross_entropy(net(noisy), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


class Field(nn.Module):
    """(t, x) -> dx/dt of images (..., 64): residual layers of 256 that see the time through waves of it."""

    def __init__(self, seed, width=256, waves=8):
        super().__init__()
        self.register_buffer("rates", math.pi / 2 * torch.arange(1, waves + 1))
        sizes = [64, width, width]
        self.layers = nn.ModuleList(nn.Linear(i + 2 * waves, width) for i in sizes)
        self.last = nn.Linear(width, 64)
        generator = torch.Generator().manual_seed(seed)
        for layer in (*self.layers, self.last):
            for p in layer.parameters():
                nn.init.uniform_(p, -(layer.in_features**-0.5), layer.in_features**-0.5, generator=generator)

    def forward(self, t, x):
        angles = self.rates * torch.as_tensor(t, dtype=x.dtype).expand(*x.shape[:-1], 1)
        time, h = torch.cat([angles.sin(), angles.cos()], -1), 0.0
        for layer in self.layers:
            x = h + nn.functional.silu(layer(torch.cat([x, time], -1)))
            h = x
        return self.last(x)


def train(seed, pairing, steps=STEPS):
    """A field from noise to the training images, by flow matching."""
    (x, _), field, generator = images()[0], Field(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(field.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
    for _ in range(steps):
        x1 = x[torch.randint(len(x), (BATCH,), generator=generator)]
        x0 = torch.randn(BATCH, 64, generator=generator)
        x1 = optimal_pairs(x0, x1) if pairing == "optimal" else x1
        loss = flow_matching_loss(field, x0, x1, generator=generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return field


def made(field, seed, steps, n=MADE):
    """n images (n, 64) from noise, by so many Euler steps, cut to [-1, 1]."""
    x = torch.randn(n, 64, generator=torch.Generator().manual_seed(1000 + seed))
    with torch.no_grad():
        for k in range(steps):
            x = x + field(k / steps, x) / steps
    return x.clamp(-1, 1)


def judged(x):
    """Shares of images that the classifier is sure of (above 0.9), of the rarest class; distance to the nearest."""
    judge = classifier()
    with torch.no_grad():
        p = judge(x).softmax(1)
    counts = torch.bincount(p.argmax(1), minlength=10) / len(x)
    nearest = torch.cdist(x, images()[0][0]).min(1).values
    return {
        "sure": (p.max(1).values > 0.9).float().mean().item(), "rarest": counts.min().item(),
        "nearest": nearest.mean().item(),
    }  # fmt: skip


def gaussian(seed, n=MADE):
    """n images of the normal distribution with the mean and the covariance of the training images."""
    x = images()[0][0]
    root = torch.linalg.svd((x - x.mean(0)) / len(x) ** 0.5, full_matrices=False)
    noise = torch.randn(n, len(root.S), generator=torch.Generator().manual_seed(1000 + seed))
    return (x.mean(0) + (noise * root.S) @ root.Vh).clamp(-1, 1)


def measure(images_of, euler_steps, seed):
    """One row: images of a field trained on independent or optimal pairs, of a normal distribution, or real ones."""
    if images_of == "test images":
        rows = torch.randperm(450, generator=torch.Generator().manual_seed(seed))[:400]
        return judged(images()[1][0][rows])
    if images_of == "normal distribution":
        return judged(gaussian(seed))
    return judged(made(field_of(images_of, seed), seed, euler_steps))


@lru_cache(maxsize=1)
def field_of(pairs, seed):
    return train(seed, pairs.split(",")[0], STEPS * (LONGER if "longer" in pairs else 1))


SETTINGS = [
    {"images_of": name, "euler_steps": steps, "seed": seed}
    for name, counts in (
        ("test images", (0,)), ("normal distribution", (0,)), ("independent", (1, 4, 32)), ("optimal", (1, 4, 32)),
        ("independent, longer", (1, 4, 32)),
    )
    for seed in range(5)
    for steps in counts
]  # fmt: skip

if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
