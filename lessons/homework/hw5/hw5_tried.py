"""Homework 5, what is handed to functions: laws of friction, moments, equations that a path steers; and how far off.

It ships with hw5.py.
"""

from dataclasses import dataclass

import numpy as np
from handin import called

SPEEDS = np.linspace(-3.0, 3.0, 121)  # at which part 4 asks for the law


@dataclass(frozen=True)
class Law:
    """A friction of a velocity: v (...) -> the acceleration -(slow v + dry tanh(steep v)), (...)."""

    slow: float
    dry: float
    steep: float

    def __call__(self, v):
        return -(self.slow * v + self.dry * np.tanh(self.steep * v))


class Steered:
    """A random field f(h) (3, 3) of dh = f(h) dX, with three states and three channels; not symmetric."""

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        self.W, self.b, self.V = random.normal(size=(6, 3)) / 2, random.normal(size=6), random.normal(size=(9, 6)) / 4

    def __call__(self, h):
        """h (3,) -> (3, 3): a row for each state, a column for each channel."""
        return (self.V @ np.tanh(self.W @ np.asarray(h, float) + self.b)).reshape(3, 3)


def moments(random, end, n, gap):
    """n uneven times in (0, end), none of them in a gap of this length somewhere in the middle."""
    spacing = random.uniform(0.4, 1.6, n)
    t = np.cumsum(spacing) * (end - gap) / (spacing.sum() + 1)
    return np.where(t > random.uniform(0.4, 0.6) * (end - gap), t + gap, t)


def some_path(random, gaps):
    """(field, h0 (3,), uneven times (9,), values (9, 3)): with gaps, some of the inner numbers are nan."""
    t, y = np.cumsum(random.uniform(0.2, 1.5, 9)), np.cumsum(random.normal(size=(9, 3)), axis=0) * 0.7
    if gaps:
        holes = random.uniform(size=y.shape) < 0.3
        holes[[0, -1]] = False
        y = np.where(holes, np.nan, y)
    return Steered(int(random.integers(2**31))), random.normal(size=3), t, y


def learnt(learn, t, y, sigma, known):
    """What `learn` of part 4 found, as data: the friction at SPEEDS, and from where to where it vouches for it."""
    found = []

    def run():
        found.extend(learn(t, y, sigma, known))
        if len(found) != 3:
            raise ValueError(f"learn returns friction, low, high: three things, and these are {len(found)}")
        return "three things"

    said = called(run)
    if isinstance(said, dict):
        return {"friction": said, "range": said}
    friction, low, high = found
    return {"friction": called(friction, SPEEDS.copy()), "range": called(lambda: [float(low), float(high)])}


# ---- how answers are kept and compared ----


def miss(got, right):
    """How far numbers are off: the largest |got - right|, against the larger of 1 and the largest |right|."""
    return float(np.max(np.abs(got - right)) / max(1.0, np.max(np.abs(right))))


def scaled_miss(got, right):
    """The same against the largest |right| alone."""
    return float(np.max(np.abs(got - right)) / np.max(np.abs(right)))


def ratio(got, right):
    """How far standard deviations are off: the largest |log(got / right)|; inf where one is not positive."""
    return float(np.max(np.abs(np.log(got / right)))) if np.all(got > 0) else np.inf


def from_mean(got, right, record):
    """The error of a forecast, in errors of the forecast that says the mean of the recording; root mean squares."""
    mean = np.nanmean(record.y, axis=0)
    return float(np.sqrt(np.mean((got - right) ** 2) / np.mean((mean - right) ** 2)))
