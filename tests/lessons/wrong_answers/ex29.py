"""Wrong answers to the exercises of lesson 29."""

import numpy as np


def solved(path, z, q, small, columns=slice(None), right=None, divide=None):
    """The change of z with one thing of shooting_step changed."""
    here = path(z)
    shifts = (small * np.eye(2))[columns]
    slopes = np.stack([(path(z + shift) - here) / (divide or small) for shift in shifts], axis=1)
    return np.linalg.lstsq(slopes, q - here if right is None else right, rcond=None)[0]


def downhill(path, z, q, small=1e-4):
    here = path(z)
    slopes = np.stack([(path(z + shift) - here) / small for shift in small * np.eye(2)], axis=1)
    return z + slopes.T @ (q - here)


def in_place(path, z, q, small=1e-4):
    z += solved(path, z, q, small)
    return z


def basis(s):
    return (1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2, s**2 * (3 - 2 * s), -(s**2) * (1 - s)


def cubic(weights):
    """weights: function of (h, q0, v0, q1, v1) -> the four numbers that the four cubics are multiplied with."""

    def cubic_between(t0, z0, t1, z1, t):
        return sum(w * p for w, p in zip(weights(t1 - t0, *z0, *z1), basis((t - t0) / (t1 - t0)), strict=True))

    return cubic_between


WRONG = {
    "shooting_step": {
        "change alone": (lambda path, z, q, small=1e-4: solved(path, z, q, small), "add it to z"),
        "sign": (lambda path, z, q, small=1e-4: z - solved(path, z, q, small), "you go away from q"),
        "not divided": (lambda path, z, q, small=1e-4: z + solved(path, z, q, small, divide=1.0), "divide"),
        "solved for q": (lambda path, z, q, small=1e-4: z + solved(path, z, q, small, right=q), "what the path from z"),
        "downhill": (downhill, "a step downhill"),
        "velocity only": (
            lambda path, z, q, small=1e-4: z + np.array([0, solved(path, z, q, small, columns=slice(1, 2))[0]]),
            "the velocity only",
        ),
        "position only": (
            lambda path, z, q, small=1e-4: z + np.array([solved(path, z, q, small, columns=slice(0, 1))[0], 0]),
            "the position only",
        ),
        "the path": (lambda path, z, q, small=1e-4: path(z), "the start"),
        "unchanged": (lambda path, z, q, small=1e-4: z.copy(), "the start"),
        "zeros": (lambda path, z, q, small=1e-4: np.zeros(2), "the start"),
        "in place": (in_place, "changed"),
    },
    "jump_error": {
        "frames": (lambda found, true: ((found - true) ** 2).mean(), "error of the frames"),
        "sizes": (
            lambda found, true: ((np.abs(np.diff(found, axis=0)) - np.abs(np.diff(true, axis=0))) ** 2).mean(),
            "sizes of the jumps",
        ),
        "rows": (lambda found, true: (np.diff(found - true, axis=1) ** 2).mean(), "along the rows"),
        "columns": (lambda found, true: (np.diff(found - true) ** 2).mean(), "along the columns"),
        "found alone": (lambda found, true: (np.diff(found, axis=0) ** 2).mean(), "A true film jumps too"),
        "by n": (
            lambda found, true: (np.diff(found - true, axis=0) ** 2).sum() / found.size,
            "Divide by the number of jumps",
        ),
        "over pixels": (
            lambda found, true: (np.diff(found - true, axis=0) ** 2).sum((1, 2)).mean(),
            "sum over the pixels",
        ),
        "over jumps": (
            lambda found, true: (np.diff(found - true, axis=0) ** 2).mean((1, 2)).sum(),
            "mean over the jumps",
        ),
        "no square": (lambda found, true: np.diff(found - true, axis=0).mean(), "square is missing"),
        "absolute": (lambda found, true: np.abs(np.diff(found - true, axis=0)).mean(), "absolute values"),
        "root": (lambda found, true: np.sqrt((np.diff(found - true, axis=0) ** 2).mean()), "without the root"),
        "zero": (lambda found, true: 0.0, "the error"),
    },
    "cubic_between": {
        "line": (
            lambda t0, z0, t1, z1, t: z0[0] + (t - t0) / (t1 - t0) * (z1[0] - z0[0]),
            "straight line",
        ),
        "no h": (cubic(lambda h, q0, v0, q1, v1: (q0, v0, q1, v1)), "multiply the velocities by h"),
        "divided": (cubic(lambda h, q0, v0, q1, v1: (q0, v0 / h, q1, v1 / h)), "Divide by h nowhere"),
        "sign at the end": (cubic(lambda h, q0, v0, q1, v1: (q0, h * v0, q1, -h * v1)), "wrong sign"),
        "at rest": (cubic(lambda h, q0, v0, q1, v1: (q0, 0, q1, 0)), "at rest at both ends"),
        "first state": (lambda t0, z0, t1, z1, t: z0[0] + (t - t0) * z0[1], "first state alone"),
        "exchanged": (cubic(lambda h, q0, v0, q1, v1: (q1, h * v1, q0, h * v0)), "two states are exchanged"),
        "velocities exchanged": (cubic(lambda h, q0, v0, q1, v1: (q0, h * v1, q1, h * v0)), "velocities are exchanged"),
        "zeros": (lambda t0, z0, t1, z1, t: 0 * t, "the position"),
    },
}
