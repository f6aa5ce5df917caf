"""Right answers to the exercises of lesson 21 in other forms than the solution's."""

import numpy as np
from scipy import stats


def translated(f, g, dg):
    def drift(t, x):
        return np.array([a - 0.5 * b * c for a, b, c in zip(f(t, x), g(t, x), dg(t, x), strict=True)])

    return drift


def by_slope(f, g, t, x, h, w):
    euler = x + f(t, x) * h + w * g(t, x)
    quotient = (g(t, x + f(t, x) * h + np.sqrt(h) * g(t, x)) - g(t, x)) / np.sqrt(h)
    return euler + quotient * (w * w - h) / 2


def from_the_end(s, w_s, u, w_u, t, z):
    b = (u - t) / (u - s)
    return b * w_s + (1 - b) * w_u + z * ((u - t) * (1 - b)) ** 0.5


def by_scipy(x, dt, theta, m, sigma):
    mean = x[:-1] * np.exp(-theta * dt) + m * (1 - np.exp(-theta * dt))
    spread = sigma * np.sqrt(-np.expm1(-2 * theta * dt) / (2 * theta))
    return stats.norm.logpdf(x[1:], mean, spread).sum()


RIGHT = {
    "to_stratonovich": {"component by component": translated},
    "milstein_without_dg": {"the quotient by itself": by_slope},
    "bridge": {"from the end": from_the_end},
    "ou_log_likelihood": {"scipy's": by_scipy},
}
