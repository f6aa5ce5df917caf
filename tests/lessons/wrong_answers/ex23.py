"""Wrong answers to the exercises of lesson 23."""

import numpy as np


def curved(velocity, position=lambda c, s, x0, x1: c * x0 + s * x1):
    """An answer to curved_path with its own formulas of the cosine, the sine and the pair."""

    def curved_path(x0, x1, t):
        c, s = np.cos(np.pi * t / 2), np.sin(np.pi * t / 2)
        return position(c, s, x0, x1), velocity(c, s, x0, x1)

    return curved_path


def true_velocity(c, s, x0, x1):
    return np.pi / 2 * (c * x1 - s * x0)


def curved_in_place(x0, x1, t):
    answer = curved(true_velocity)(x0, x1, t)
    x1 -= x0
    return answer


def shares(t, x, ends, weights, scale=0.5, weighted=True, divide=True, at=None, stable=True):
    at = t if at is None else at
    starts = (x[:, None] - at * ends) / ((1 - t) if divide else 1)
    exponent = np.log(weights) * weighted - scale * np.sum(starts**2, axis=-1)
    share = np.exp(exponent - (exponent.max(axis=1, keepdims=True) if stable else 0))
    return share / share.sum(axis=1, keepdims=True)


def mean(what=lambda t, x, ends: ends - (x[:, None] - t * ends) / (1 - t), **options):
    """An answer to weighted_mean_velocity: the mean of what(t, x, ends) with other shares."""

    def weighted_mean_velocity(t, x, ends, weights):
        with np.errstate(all="ignore"):
            share = shares(t, x, ends, weights, **options)
            values = np.broadcast_to(what(t, x, ends), (len(x), *ends.shape))
            return np.sum(share[..., None] * values, axis=1)

    return weighted_mean_velocity


def everywhere(t, x, ends, weights):
    velocity = ends - (x[:, None] - t * ends) / (1 - t)
    return np.sum(weights[None, :, None] * velocity, axis=1)


def not_normalised(t, x, ends, weights):
    starts = (x[:, None] - t * ends) / (1 - t)
    share = weights * np.exp(-0.5 * np.sum(starts**2, axis=-1))
    return np.sum(share[..., None] * (ends - starts), axis=1)


def parts(t, path):
    h, square = np.diff(t)[:, None], np.sum(np.diff(path, axis=0) ** 2, axis=-1)
    return h, square, np.sum((path[-1] - path[0]) ** 2, axis=-1)


def bends(energy, end=lambda energy, cost: float((energy - cost).mean())):
    """An answer to bend with its own energy, of h (k, 1) and the squares (k, n), and its own last line."""

    def bend(t, path):
        h, square, cost = parts(t, path)
        return end(energy(h, square), cost)

    return bend


def true_energy(h, square):
    return np.sum(square / h, axis=0)


def root(S):
    values, vectors = np.linalg.eigh(S)
    return vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T


def gaussian(cross, shift=lambda d: d @ d, factor=2, end=lambda w: w):
    """An answer to gaussian_distance with other parts."""

    def gaussian_distance(m0, S0, m1, S1):
        return float(end(shift(m1 - m0) + np.trace(S0) + np.trace(S1) - factor * np.trace(cross(S0, S1))))

    return gaussian_distance


def true_cross(S0, S1):
    return root(root(S0) @ S1 @ root(S0))


WRONG = {
    "curved_path": {
        "straight": (curved(lambda c, s, x0, x1: x1 - x0), "the velocity of the straight path"),
        "no inner derivative": (curved(lambda c, s, x0, x1: c * x1 - s * x0), "The inner derivative π/2 is missing"),
        "sign": (curved(lambda c, s, x0, x1: -true_velocity(c, s, x0, x1)), "the opposite sign"),
        "both plus": (curved(lambda c, s, x0, x1: np.pi / 2 * (c * x1 + s * x0)), "minus the sine"),
        "not differentiated": (curved(lambda c, s, x0, x1: c * x0 + s * x1), "where the walker is"),
        "swapped": (curved(lambda c, s, x0, x1: np.pi / 2 * (s * x1 - c * x0)), "are swapped"),
        "twice": (curved(lambda c, s, x0, x1: np.pi * (c * x1 - s * x0)), "is π/2, not π"),
        "reversed": (curved(true_velocity, lambda c, s, x0, x1: s * x0 + c * x1), "at x0 at time 0"),
        "zeros": (curved(lambda c, s, x0, x1: 0 * x0), "the velocity is off"),
        "position alone": (lambda x0, x1, t: (1 - t) * x0 + t * x1, "2 things are returned"),
        "straight position": (curved(true_velocity, lambda c, s, x0, x1: (x0 + x1) / 2), "x is off"),
        "in place": (curved_in_place, "Right value, but your curved_path changed x1 itself"),
    },
    "weighted_mean_velocity": {
        "no weights": (mean(weighted=False), "The weights are missing"),
        "every end alike": (everywhere, "Which starts pass through x?"),
        "mean end": (mean(lambda t, x, ends: ends), "the mean end of the walkers"),
        "towards": (mean(lambda t, x, ends: ends - x[:, None]), "the mean end minus x"),
        "sign": (mean(lambda t, x, ends: (x[:, None] - t * ends) / (1 - t) - ends), "the opposite sign"),
        "no half": (mean(scale=1.0), "The ½ in the exponent"),
        "not divided": (mean(divide=False), "the 1 - t is missing in the exponent"),
        "at the end": (mean(divide=False, at=1.0), "compare x with t times the end"),
        "unstable": (mean(stable=False), "Subtract the largest exponent"),
        "not normalised": (not_normalised, "the velocity, for d = 2 and t = 0.4, is off"),
        "zeros": (lambda t, x, ends, weights: 0 * x, "the velocity, for d = 2 and t = 0.4, is off"),
        "first point alone": (lambda t, x, ends, weights: mean()(t, x, ends, weights)[0], "has shape (2,)"),
    },
    "bend": {
        "energy": (bends(true_energy, lambda e, c: e.mean()), "This is the energy"),
        "sign": (bends(true_energy, lambda e, c: (c - e).mean()), "The sign is turned"),
        "sum": (bends(true_energy, lambda e, c: (e - c).sum()), "The mean is asked for"),
        "equal steps": (bends(lambda h, q: len(h) * q.sum(0)), "The steps are not equal"),
        "no time": (bends(lambda h, q: q.sum(0)), "is not yet the energy"),
        "velocity squared": (bends(lambda h, q: np.sum(q / h**2, axis=0)), "is to be multiplied by Δt"),
        "mean over pieces": (bends(lambda h, q: np.mean(q / h**2, axis=0)), "do not average over the pieces"),
        "length": (bends(lambda h, q: np.sum(np.sqrt(q), axis=0) ** 2), "the square of the path's length"),
        "components": (
            lambda t, path: bends(true_energy)(t, path) / path.shape[-1],
            "The mean over the components was taken",
        ),
        "mean points": (
            lambda t, path: (
                bends(true_energy, lambda e, c: e.mean())(t, path) - np.sum((path[-1] - path[0]).mean(0) ** 2)
            ),
            "the distance of the mean points",
        ),
        "each path": (bends(true_energy, lambda e, c: e - c), "one number was expected"),
        "zero": (lambda t, path: 0.0, "the bend is off"),
        "times the step": (bends(lambda h, q: np.sum(q * h, axis=0)), "the bend is off"),
    },
    "gaussian_distance": {
        "root": (gaussian(true_cross, end=np.sqrt), "This is W2"),
        "no means": (gaussian(true_cross, shift=lambda d: 0.0), "The means are missing"),
        "means not squared": (gaussian(true_cross, shift=np.linalg.norm), "is to be squared"),
        "independent": (gaussian(true_cross, factor=0), "the cost of independent pairs"),
        "factor": (gaussian(true_cross, factor=1), "The factor 2 is missing"),
        "no outer root": (gaussian(lambda S0, S1: root(S0) @ S1 @ root(S0)), "The outer root is missing"),
        "commuting": (gaussian(lambda S0, S1: root(S0) @ root(S1)), "only where S0 and S1 commute"),
        "zero": (lambda m0, S0, m1, S1: 0.0, "W2² is off"),
        "diagonals": (
            gaussian(lambda S0, S1: np.diag(np.sqrt(np.diag(S0) * np.diag(S1)))),
            "W2² is off",
        ),
        "a vector": (lambda m0, S0, m1, S1: (m1 - m0) ** 2, "one number was expected"),
    },
}
