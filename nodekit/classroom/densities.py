"""Densities in the plane to learn (from lesson 10 on): 8 gaussians, checkerboard, moons, spirals, rings, pinwheel.

    from nodekit.classroom.densities import DENSITIES

    x = DENSITIES["checkerboard"].sample(1000, np.random.default_rng(0))    # (1000, 2)

The first two, rings and pinwheel have the measures of W. Grathwohl et al., FFJORD, 2019, whose figures they are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["DENSITIES", "Density"]


@dataclass(frozen=True)
class Density:
    """sample: function (n, rng) -> (n, 2). log_prob: function (n, 2) -> (n,) in nats, and entropy in nats, or None."""

    name: str
    sample: Callable
    log_prob: Callable | None = None
    entropy: float | None = None


SIGMA = 0.5 / math.sqrt(2)  # of each of the 8 gaussians; their centres lie on a circle of radius 4/√2
CENTERS = 4 / math.sqrt(2) * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)


def eight_gaussians(n, rng):
    return CENTERS[rng.integers(8, size=n)] + SIGMA * rng.normal(size=(n, 2))


def eight_gaussians_log_prob(x):
    square = np.sum((x[:, None] - CENTERS) ** 2, axis=2) / (2 * SIGMA**2)  # (n, 8)
    nearest = square.min(axis=1)
    total = np.exp(nearest[:, None] - square).sum(axis=1)
    return np.log(total) - nearest - np.log(8 * 2 * np.pi * SIGMA**2)


def checkerboard(n, rng):
    """Uniform on 8 of the 16 squares of side 2 in [-4, 4]²."""
    corner = rng.integers(8, size=n)
    column, row = corner // 2, 2 * (corner % 2) + (corner // 2) % 2
    return 2 * (np.stack([column, row], axis=1) + rng.uniform(size=(n, 2))) - 4


def checkerboard_log_prob(x):
    column, row = np.floor((x + 4) / 2).astype(int).T
    inside = np.all(np.abs(x) <= 4, axis=1) & ((column + row) % 2 == 0)
    return np.where(inside, -math.log(32), -np.inf)


def moons(n, rng):
    """Two half circles of radius 2 that reach into each other, with normal noise of 0.2."""
    angle, upper = np.pi * rng.uniform(size=n), rng.integers(2, size=n)
    x = np.where(upper, np.cos(angle) - 0.5, 0.5 - np.cos(angle))
    y = np.where(upper, np.sin(angle) - 0.25, 0.25 - np.sin(angle))
    return 2 * np.stack([x, y], axis=1) + 0.2 * rng.normal(size=(n, 2))


def spirals(n, rng):
    """Two spirals of one and a half turns, with normal noise of 0.1."""
    angle, arm = 3 * np.pi * np.sqrt(rng.uniform(size=n)), 1 - 2 * rng.integers(2, size=n)
    turn = arm * angle / np.pi  # the radius, signed, grows by 1 in half a turn
    return np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1) + 0.1 * rng.normal(size=(n, 2))


def rings(n, rng):
    """Four circles of radius 0.75, 1.5, 2.25, 3, a quarter of the points on each, with normal noise of 0.08."""
    radius, angle = 0.75 * rng.integers(1, 5, size=n), 2 * np.pi * rng.uniform(size=n)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.08 * rng.normal(size=(n, 2))


def pinwheel(n, rng):
    """Five arms, bent: at the distance 2r the arm is turned by exp(r)/4; r is normal about 1 with 0.3, across 0.1."""
    r, across, arm = 1 + 0.3 * rng.normal(size=n), 0.1 * rng.normal(size=n), rng.integers(5, size=n)
    angle = 2 * np.pi * arm / 5 + np.exp(r) / 4
    along, left = np.stack([np.cos(angle), np.sin(angle)], axis=1), np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    return 2 * (r[:, None] * along + across[:, None] * left)


DENSITIES = {
    d.name: d
    for d in (
        # By quadrature of its log_prob; tests/classroom/test_densities.py repeats it.
        Density("8 gaussians", eight_gaussians, eight_gaussians_log_prob, 2.8316),
        Density("checkerboard", checkerboard, checkerboard_log_prob, math.log(32)),
        Density("moons", moons),
        Density("spirals", spirals),
        Density("rings", rings),
        Density("pinwheel", pinwheel),
    )
}
