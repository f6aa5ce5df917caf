"""Small drawn films to learn from (used in lesson 29): the bob of a pendulum, frame by frame, most frames missing.

    from nodekit.classroom.films import bob, pendulum_films

    films = pendulum_films(300, seed=0)      # films.frames: (300, 120, 16, 16), films.seen: (300, 30)

The law is angle'' = −sin(angle), so that a small swing takes 2π units of time; there are 20 frames in 2π.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nodekit.arguments import at_least_one
from nodekit.solve import solve

__all__ = ["Films", "bob", "pendulum_films"]

FRAMES_A_PERIOD = 20


@dataclass(frozen=True)
class Films:
    """m films of n frames, and which frames of each have been kept.

    t (n,). state (m, n, 2): angle and velocity. clean (m, n, pixels, pixels), float32: 0 black, 1 white; frames: the
    same with noise. seen (m, k), int: the numbers of the frames that are kept, rising, all below `window`.
    """

    t: np.ndarray
    state: np.ndarray
    clean: np.ndarray
    frames: np.ndarray
    seen: np.ndarray
    window: int

    def gaps(self):
        """(m, n), int: how many frames in a row are missing around each frame; 0 if it is kept, or outside of them."""
        length = np.zeros(self.frames.shape[:2], int)
        for row, seen in zip(length, self.seen, strict=True):
            for a, b in pairwise(seen):
                row[a + 1 : b] = b - a - 1
        return length


def bob(angle, pixels=16, radius=0.25, soft=0.15):
    """Frames of a bob on a rod of length 1 that hangs in the middle: angle (...) -> (..., pixels, pixels), float32.

    The frame shows [−1.4, 1.4]², its first row is the top. A pixel is one half on the edge of the disk, 0.88 at a
    distance of 2 `soft` within it and 0.12 at one of 2 `soft` outside, so that a frame changes smoothly with the angle.
    Raises ValueError for fewer than one pixel, a radius or a rim that is not positive, and an angle that is not finite.
    """
    at_least_one("pixels", pixels)
    if not radius > 0 or not soft > 0:
        raise ValueError(f"radius={radius!r} and soft={soft!r} must be greater than 0.")
    angle = np.asarray(angle, float)[..., None, None]
    if not np.isfinite(angle).all():
        raise ValueError("angle must be finite.")
    place = (np.arange(pixels) + 0.5) / pixels * 2.8 - 1.4
    distance = np.hypot(place - np.sin(angle), -place[:, None] + np.cos(angle))
    return (0.5 - 0.5 * np.tanh((distance - radius) / (2 * soft))).astype(np.float32)


def pendulum_films(films, seed, frames=120, window=100, kept=30, pixels=16, noise=0.02, amplitude=(0.5, 1.4)):
    """Films of pendulums whose swings reach a uniform angle within `amplitude`, from a random place of the swing.

    Of the first `window` frames of each film, `kept` are kept, chosen at random; of the rest, none. noise: the standard
    deviation of a pixel's error. Raises ValueError for numbers of films, frames or pixels below 1, more kept frames
    than there are in the window, fewer frames than the window has, a negative noise, and an `amplitude` that is not
    (low, high) with 0 <= low <= high < π: from π on nothing swings.
    """
    for name, value in (("films", films), ("frames", frames), ("window", window), ("kept", kept)):
        at_least_one(name, value)
    if not kept <= window <= frames:
        raise ValueError(f"kept={kept!r} <= window={window!r} <= frames={frames!r} must hold.")
    if np.shape(amplitude) != (2,) or not 0 <= amplitude[0] <= amplitude[1] < np.pi:
        raise ValueError(f"amplitude={amplitude!r} must be (low, high) with 0 <= low <= high < π.")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise={noise!r} must be a number of at least 0.")
    rng = np.random.default_rng(seed)
    t = 2 * np.pi / FRAMES_A_PERIOD * np.arange(max(frames, 3))  # `solve` takes two times for the ends of an interval
    reach, phase = rng.uniform(*amplitude, films), rng.uniform(0, 2 * np.pi, films)
    energy = 1 - np.cos(reach)
    angle = reach * np.cos(phase)
    speed = np.sqrt(np.maximum(2 * (energy - (1 - np.cos(angle))), 0)) * np.sign(np.sin(phase))

    def pendulum(t, y):
        return np.stack([y[..., 1], -np.sin(y[..., 0])], -1)

    start = np.stack([angle, speed], -1)
    state = np.swapaxes(solve(pendulum, start, t, rtol=1e-8, atol=1e-8).y, 0, 1)[:, :frames]
    clean = bob(state[..., 0], pixels)
    noisy = clean + noise * rng.normal(size=clean.shape).astype(np.float32)
    seen = np.stack([np.sort(rng.choice(window, kept, replace=False)) for _ in range(films)])
    return Films(t[:frames], state, clean, noisy.astype(np.float32), seen, window)
