"""Right answers to the exercises of lesson 08 in other forms than the solution's."""

import numpy as np


def two_counts(channels, blocks):
    convolution = lambda into: (9 * into + 1) * channels  # noqa: E731
    norm = 2 * channels
    return blocks * (2 * norm + 2 * convolution(channels)), 3 * norm + 2 * convolution(channels + 1)


def filled(t, x):
    out = np.empty((x.shape[0], x.shape[1] + 1, *x.shape[2:]))
    out[:, :-1], out[:, -1:] = x, t
    return out


def by_loops(x, groups, eps=1e-5):
    out, size = np.empty_like(x), x.shape[1] // groups
    for i in range(len(x)):
        for g in range(0, x.shape[1], size):
            part = x[i, g : g + size]
            out[i, g : g + size] = (part - part.mean()) / (part.var() + eps) ** 0.5
    return out


def counted(nfev, wrong):
    total = 0.0
    for a in nfev[wrong]:
        for b in nfev[~wrong]:
            total += 1.0 if a > b else 0.5 if a == b else 0.0
    return total / (wrong.sum() * (~wrong).sum())


RIGHT = {
    "with_time": {"filled": filled},
    "group_norm": {"loops": by_loops},
    "body_parameters": {
        "a tuple": two_counts,
        "a list": lambda channels, blocks: list(two_counts(channels, blocks)),
        "an array": lambda channels, blocks: np.array(two_counts(channels, blocks)),
    },
    "costs_more": {"loops": counted},
}
