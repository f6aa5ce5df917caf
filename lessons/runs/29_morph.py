"""A heart carried into a star by flow matching, and back, over five seeds: a long run of lesson 29.

    python lessons/runs/29_morph.py [--compare]

The field is trained on straight walks from points of the heart to points of the star, paired at the least cost in each
batch (lesson 23). 2000 other points of the heart are carried to time 1 and back to time 0, in float32, by DOPRI5.
undone_4, undone_5, undone_6: the largest distance of a point from where it began, at the tolerances 1e-4, 1e-5, 1e-6
(relative and absolute). outside: the share of the points that are carried to a place outside of the star, at 1e-6.
nfev: evaluations there and back at 1e-6.
"""

import numpy as np
import torch
from torch import nn

import nodekit
from nodekit.classroom.runs import make
from nodekit.models.density import flow_matching_loss, optimal_pairs

SETTINGS = [{"shape": "star", "seed": seed} for seed in range(5)]


def heart(x):
    """Which of the points x (n, 2) lie in the heart: (n,) bool."""
    a, b = 1.1 * x[:, 0], 1.1 * x[:, 1] + 0.1
    return (a**2 + b**2 - 1) ** 3 - a**2 * b**3 < 0


def star(x):
    """Which of the points x (n, 2) lie in the star with five tips at a distance of 1.3: (n,) bool."""
    turn = 2 * np.pi / 5
    angle = np.abs((np.arctan2(x[:, 0], x[:, 1]) + turn / 2) % turn - turn / 2)  # from the nearest tip
    tip, notch = np.array([1.3, 0.0]), 0.62 * np.array([np.cos(turn / 2), np.sin(turn / 2)])
    side, here = notch - tip, np.hypot(*x.T) * np.stack([np.cos(angle), np.sin(angle)])
    return side[0] * (here[1] - tip[1]) - side[1] * (here[0] - tip[0]) > 0


def points(shape, n, rng):
    """n points (n, 2), float32, uniform in a shape."""
    x = rng.uniform(-1.4, 1.4, size=(20 * n, 2))
    return torch.tensor(x[shape(x)][:n], dtype=torch.float32)


class Field(nn.Module):
    """(t, x) -> dx/dt of the plane. t: a number or (..., 1). x: (..., 2)."""

    def __init__(self, width=64):
        super().__init__()
        sizes = [(3, width), (width, width), (width, width)]
        hidden = [layer for a, b in sizes for layer in (nn.Linear(a, b), nn.SiLU())]
        self.net = nn.Sequential(*hidden, nn.Linear(width, 2))

    def forward(self, t, x):
        return self.net(torch.cat([x, torch.as_tensor(t, dtype=x.dtype).expand(*x.shape[:-1], 1)], -1))


def train(seed, steps=1000, batch=128):
    torch.manual_seed(seed)
    field, rng, g = Field(), np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    hearts, stars = points(heart, 20_000, rng), points(star, 20_000, rng)
    optimizer = torch.optim.Adam(field.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps, pct_start=0.2)
    for _ in range(steps):
        x0, x1 = (x[torch.randint(len(x), (batch,), generator=g)] for x in (hearts, stars))
        loss = flow_matching_loss(field, x0, optimal_pairs(x0, x1), generator=g)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return field


def there_and_back(field, x, tolerance):
    """Where the points x (n, 2) are at time 1, where they are when they are back at time 0, and the evaluations."""
    with torch.no_grad():
        go = nodekit.solve(field, x, (0.0, 1.0), rtol=tolerance, atol=tolerance)
        back = nodekit.solve(field, go.y[-1], (1.0, 0.0), rtol=tolerance, atol=tolerance)
    return go.y[-1], back.y[-1], go.stats.nfev + back.stats.nfev


def measured(field, seed):
    x, row = points(heart, 2000, np.random.default_rng(1000 + seed)), {}
    for digits in (4, 5, 6):
        end, again, nfev = there_and_back(field, x, 10.0**-digits)
        row[f"undone_{digits}"] = (again - x).norm(dim=1).max().item()
    return row | {"outside": float(1 - star(end.double().numpy()).mean()), "nfev": nfev}


def measure(shape, seed):
    return measured(train(seed), seed)


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
