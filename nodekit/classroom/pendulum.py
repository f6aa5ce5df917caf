"""A pendulum with a motor that is too weak to lift it (lesson 28), and recordings of it under random torques.

    from nodekit.classroom.pendulum import Pendulum, play

    pendulum = Pendulum()
    after = pendulum.step(state, torque, 0.2)              # the torque is held for 0.2 s
    recording = play(pendulum, 20, 80, np.random.default_rng(0))

A state is (angle, angular velocity) along the last axis, in radians and seconds; the angle is 0 upright and π hanging.
"""

from dataclasses import dataclass

import numpy as np

from nodekit.arrays import namespace
from nodekit.solve import solve

__all__ = ["Pendulum", "Play", "play", "wrapped"]


@dataclass(frozen=True)
class Pendulum:
    """θ'' = gravity · sin θ - friction · θ' + u, and |u| <= limit.

    gravity: g/l in 1/s². friction: 1/s. limit: the largest torque, divided by the moment of inertia, in 1/s².
    Raises ValueError for numbers that are not finite and for a negative friction or limit.
    """

    gravity: float = 10.0
    friction: float = 0.05
    limit: float = 2.0

    def __post_init__(self):
        for name, value in vars(self).items():
            if not np.isfinite(value) or (value < 0 and name != "gravity"):
                raise ValueError(f"{name}={value!r}: finite, please, and no negative friction or limit.")

    def field(self, t, x, u):
        """dx/dt (..., 2) at the states x (..., 2) under the torques u (..., 1); arrays or tensors."""
        xp = namespace(x)
        angle, speed = x[..., 0], x[..., 1]
        return xp.stack([speed, self.gravity * xp.sin(angle) - self.friction * speed + u[..., 0]], -1)

    def step(self, x, u, duration):
        """The states after a time under held torques. x: (..., 2). u: (..., 1). duration: float or (...), s.

        Torques beyond the limit are cut down to it. Raises ValueError for a duration that is not positive and finite,
        and for states or torques of another shape.
        """
        x, u, h = np.asarray(x, float), np.asarray(u, float), np.asarray(duration, float)[..., None]
        if not np.all((h > 0) & np.isfinite(h)):
            raise ValueError(f"duration={duration!r} must be positive and finite.")
        if x.shape[-1:] != (2,) or u.shape[-1:] != (1,):
            raise ValueError(f"states are (..., 2) and torques (..., 1), got {x.shape} and {u.shape}.")
        u = np.clip(u, -self.limit, self.limit)
        n = max(1, int(np.ceil(h.max() / 0.02)))
        return solve(lambda s, z: h * self.field(0.0, z, u), x, (0.0, 1.0), method="rk4", step=1 / n).y[-1]

    def energy(self, x):
        """½ θ'² + gravity (1 + cos θ), 0 where it hangs at rest, in 1/s². x: (..., 2), arrays or tensors."""
        return x[..., 1] ** 2 / 2 + self.gravity * (1 + namespace(x).cos(x[..., 0]))


@dataclass(frozen=True)
class Play:
    """t (n + 1, m): times of n decisions in m episodes, and the ends. x (n + 1, m, 2): the states as measured.
    u (n, m, 1): the torques. clean: the states without the noise."""

    t: np.ndarray
    x: np.ndarray
    u: np.ndarray
    clean: np.ndarray


def play(pendulum, episodes, decisions, rng, intervals=(0.05, 0.25), noise=0.01):
    """A Play of random torques: each is uniform within the limit, and kept for the next decision with a chance of 0.3.

    An episode begins at a random angle, with a speed uniform in [-2, 2]. intervals: least and largest time between
    decisions, between which they are uniform. noise: standard deviation, of both numbers of a state.
    Raises ValueError unless 0 < least <= largest < inf, and for less than one episode.
    """
    low, high = intervals
    if episodes < 1:
        raise ValueError(f"episodes={episodes!r} must be at least 1.")
    if not 0 < low <= high < np.inf:
        raise ValueError(f"intervals={intervals!r} must be (least, largest) with 0 < least <= largest.")
    x = np.stack([rng.uniform(-np.pi, np.pi, episodes), rng.uniform(-2, 2, episodes)], -1)
    h = rng.uniform(low, high, (decisions, episodes))
    u = rng.uniform(-pendulum.limit, pendulum.limit, (decisions, episodes, 1))
    keep = rng.uniform(size=(decisions, episodes)) < 0.3
    for k in range(1, decisions):
        u[k] = np.where(keep[k][:, None], u[k - 1], u[k])
    states = [x]
    for k in range(decisions):
        states.append(pendulum.step(states[-1], u[k], h[k]))
    clean = np.stack(states)
    t = np.concatenate([np.zeros((1, episodes)), h.cumsum(0)])
    return Play(t, clean + noise * rng.normal(size=clean.shape), u, clean)


def wrapped(angle):
    """The same angle in [-π, π). angle: any shape."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
