"""Mechanical systems to learn from (used from lesson 16 on): spring, pendulum, two bodies; noisy recordings of them.

    from nodekit.classroom.mechanics import SYSTEMS, record

    data = record(SYSTEMS["spring"], 25, np.random.default_rng(0), noise=0.1)    # data.y, data.dy: (25, 30, 2)

A state is (q, p), positions first, along the last axis. The energies and the starts of spring and pendulum are those
of S. Greydanus, M. Dzamba, J. Yosinski, Hamiltonian neural networks, 2019, with the constants of the authors' code.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nodekit.arrays import namespace
from nodekit.solve import solve

__all__ = ["SYSTEMS", "Recording", "System", "record"]


@dataclass(frozen=True)
class System:
    """d positions and d momenta, and how they move.

    energy: y (..., 2d) -> (...). field: (t, y) -> (..., 2d); both take arrays and tensors.
    start: (n, rng) -> (n, 2d), random starts. times: (n,), at which a recording looks.
    """

    name: str
    d: int
    energy: Callable
    field: Callable
    start: Callable
    times: np.ndarray


@dataclass(frozen=True)
class Recording:
    """t (n,). clean (m, n, 2d): m trajectories. y: the same as measured, with noise. dy: field(clean), exact."""

    t: np.ndarray
    clean: np.ndarray
    y: np.ndarray
    dy: np.ndarray

    def samples(self):
        """What a network is trained on, the moments of all trajectories in one list: y, dy, each (m n, 2d)."""
        d = self.y.shape[-1]
        return self.y.reshape(-1, d), self.dy.reshape(-1, d)


def record(system, trajectories, rng, noise=0.1):
    """A Recording of random trajectories; normal noise of that standard deviation is added to each number of y.

    Raises ValueError for fewer than one trajectory, and for negative noise.
    """
    if not isinstance(trajectories, int) or isinstance(trajectories, bool) or trajectories < 1:
        raise ValueError(f"trajectories={trajectories!r} must be an int >= 1.")
    if not noise >= 0:
        raise ValueError(f"noise={noise!r} must be >= 0.")
    y0 = system.start(trajectories, rng)
    clean = np.swapaxes(solve(system.field, y0, system.times, rtol=1e-9, atol=1e-10).y, 0, 1)
    noisy = clean + noise * rng.normal(size=clean.shape)
    return Recording(system.times, clean, noisy, system.field(0.0, clean))


# ---- the systems ---------------------------------------------------------------------------------------


def on_rings(low, high):
    """Starts (n, 2) in a random direction, at a distance from the origin that is uniform in [low, high]."""

    def start(n, rng):
        direction = rng.uniform(-1, 1, size=(n, 2))
        return direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.uniform(low, high, size=(n, 1))

    return start


def spring_energy(y):
    """H = q² + p²."""
    return (y**2).sum(-1)


def spring_field(t, y):
    xp = namespace(y)
    return xp.stack([2 * y[..., 1], -2 * y[..., 0]], -1)


def pendulum_energy(y):
    """H = 3 (1 − cos q) + p²."""
    return 3 * (1 - namespace(y).cos(y[..., 0])) + y[..., 1] ** 2


def pendulum_field(t, y):
    xp = namespace(y)
    return xp.stack([2 * y[..., 1], -3 * xp.sin(y[..., 0])], -1)


def two_body_energy(y):
    """H = |p|²/2 − 1/|q₁ − q₂|: two unit masses in the plane, y = (q₁, q₂, p₁, p₂), 8 numbers."""
    apart = y[..., :2] - y[..., 2:4]
    return (y[..., 4:] ** 2).sum(-1) / 2 - 1 / (apart**2).sum(-1) ** 0.5


def two_body_field(t, y):
    xp = namespace(y)
    apart = y[..., :2] - y[..., 2:4]
    pull = apart / ((apart**2).sum(-1) ** 1.5)[..., None]
    return xp.concatenate([y[..., 4:], -pull, pull], -1)


def two_body_start(n, rng):
    """Opposite each other about the origin, which stays in the middle; orbits within 5% of a circle's speed."""
    radius, angle = rng.uniform(0.5, 1.5, size=(n, 1)), rng.uniform(0, 2 * np.pi, size=n)
    out = np.stack([np.cos(angle), np.sin(angle)], 1)
    along = np.stack([-out[:, 1], out[:, 0]], 1)
    q, p = radius * out, (1 + 0.05 * rng.normal(size=(n, 1))) / (2 * radius**0.5) * along
    return np.concatenate([q, -q, p, -p], 1)


SYSTEMS = {
    system.name: system
    for system in (
        System("spring", 1, spring_energy, spring_field, on_rings(0.1, 1.0), np.linspace(0, 3, 30)),
        System("pendulum", 1, pendulum_energy, pendulum_field, on_rings(1.3, 2.3), np.linspace(0, 3, 45)),
        System("two bodies", 2 * 2, two_body_energy, two_body_field, two_body_start, np.linspace(0, 20, 50)),
    )
}
