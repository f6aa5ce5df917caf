"""Right answers to the exercises of lesson 20 in other forms than the solution's."""

import numpy as np


def from_list(h):
    """Written into an array of zeros."""
    f = np.zeros((3, 2))
    f[0, 0] = f[1, 1] = 1.0
    f[2] = 0.5 * np.array([-h[1], h[0]])
    return f


def by_powers(x, i, s):
    """The cubic in powers of s, differentiated."""
    line = x[i + 1] - x[i]
    before = x[i] - x[max(i, 1) - 1] if i else line
    return before - 4 * s * (before - line) + 3 * s**2 * (before - line)


def by_blocks(g, h, x):
    """Put together from blocks."""
    top = np.hstack([g(h, x)[:, None], np.zeros((len(h), len(x)))])
    return np.vstack([top, np.hstack([np.zeros((len(x), 1)), np.eye(len(x))])])


RIGHT = {
    "area_matrix": {"zeros first": from_list},
    "hermite_rate": {"powers of s": by_powers},
    "as_controlled": {"blocks": by_blocks},
}
