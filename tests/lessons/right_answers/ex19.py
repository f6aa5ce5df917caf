"""Right answers to the exercises of lesson 19 in other forms than the solution's."""

import numpy as np
from scipy import stats


def in_own_time(f, t, h, gaps, steps):
    """In the time s from 0 to 1 that is common to all gaps."""
    for s in np.arange(steps) / steps:
        h = h + 1 / steps * gaps[:, None] * f((t + s * gaps)[:, None], h)
    return h


def by_scipy(x, path, noise):
    return np.nansum(stats.norm.logpdf(x, path, noise))


def row_by_row(t, x, t0):
    rows, before = [], t0
    for time, values in zip(t, x, strict=True):
        seen = np.isfinite(values)
        rows.insert(0, [*np.nan_to_num(values), *seen.astype(float), time - before])
        before = time
    return np.array(rows)


def by_variances(m, s, prior_m, prior_s):
    ratio = (s / prior_s) ** 2
    return 0.5 * np.sum(ratio + ((m - prior_m) / prior_s) ** 2 - 1 - np.log(ratio))


RIGHT = {
    "through_gaps": {"in one common time": in_own_time},
    "log_likelihood": {"SciPy's densities": by_scipy},
    "recognition_inputs": {"row by row": row_by_row},
    "gaussian_kl_from": {"by variances": by_variances},
}
