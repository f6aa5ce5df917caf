"""Recordings with gaps that the tests of series share."""

import numpy as np


def given(lengths=(4, 6, 2), seed=0, missing=0.3):
    """A list of (t, x (n, 2)), x with nan; at each time the first number is there."""
    rng, found = np.random.default_rng(seed), []
    for n in lengths:
        t, x = np.sort(rng.uniform(0.2, 4, n)), rng.normal(size=(n, 2))
        hidden = rng.random((n, 2)) < missing
        hidden[:, 0] = False
        found.append((t, np.where(hidden, np.nan, x)))
    return found
