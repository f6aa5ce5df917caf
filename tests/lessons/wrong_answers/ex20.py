"""Wrong answers to the exercises of lesson 20."""

import numpy as np


def planimeter(last, first=lambda h: np.eye(2)):
    """An answer to area_matrix with one thing changed."""
    return lambda h: np.vstack([first(h), np.array([last(h)])])


def right_last(h):
    return [-h[1] / 2, h[0] / 2]


def rate(bend=lambda s: (1 - s) * (1 - 3 * s), before=None, first=None, sign=1.0, line=1.0):
    """An answer to hermite_rate with one thing changed."""

    def hermite_rate(x, i, s):
        own = x[i + 1] - x[i]
        back = (before(x, i) if before else x[i] - x[i - 1]) if i > 0 else first(x) if first else own
        return line * own + sign * bend(s) * (back - own)

    return hermite_rate


def value(x, i, s):
    own = x[i + 1] - x[i]
    back = x[i] - x[i - 1] if i > 0 else own
    return x[i] + s * own + s * (1 - s) ** 2 * (back - own)


def ahead(x, i):
    return (x[i + 2] if i + 2 < len(x) else x[i + 1]) - x[i + 1]


def matrix(first=lambda g, h, x: g(h, x), rows=lambda x: np.eye(len(x)), change=lambda F, d, c: F):
    """An answer to as_controlled with one thing changed."""

    def as_controlled(g, h, x):
        d, c = len(h), len(x)
        F = np.zeros((d + c, 1 + c))
        F[:d, 0], F[d:, 1:] = first(g, h, x), rows(x)
        return change(F, d, c)

    return as_controlled


def spread(F, d, c):
    F[:d, 1:] = F[:d, :1]
    return F


WRONG = {
    "area_matrix": {
        "sign": (planimeter(lambda h: [h[1] / 2, -h[0] / 2]), "The sign of the area"),
        "no half": (planimeter(lambda h: [-h[1], h[0]]), "Twice the area"),
        "swapped": (planimeter(lambda h: [h[0] / 2, -h[1] / 2]), "changed places"),
        "Green, x dy": (planimeter(lambda h: [0.0, h[0]]), "not the sweep of the line from the origin"),
        "Green, -y dx": (planimeter(lambda h: [-h[1], 0.0]), "not what the line from the origin sweeps"),
        "plus": (planimeter(lambda h: [h[1] / 2, h[0] / 2]), "Both terms have a plus"),
        "rows swapped": (planimeter(right_last, lambda h: np.eye(2)[::-1]), "wrong way round"),
        "no pen": (planimeter(right_last, lambda h: np.zeros((2, 2))), "must follow the pen"),
        "h in the rows": (planimeter(right_last, lambda h: np.diag(h[:2])), "do not contain h"),
        "transposed": (lambda h: planimeter(right_last)(h).T, "turn it round"),
        "zeros": (lambda h: np.zeros((3, 2)), "f(h) is off"),
        "dh": (lambda h: np.array([1.0, 1.0, h[0] / 2 - h[1] / 2]), "the matrix (3, 2) that multiplies dX"),
    },
    "hermite_rate": {
        "value": (value, "path's value"),
        "line": (rate(bend=lambda s: 0.0), "without the bend"),
        "sign": (rate(sign=-1.0), "bend has the wrong sign"),
        "half of the product rule": (rate(bend=lambda s: (1 - s) ** 2), "By the product rule"),
        "inner derivative": (rate(bend=lambda s: (1 - s) ** 2 + 2 * s * (1 - s)), "with a minus"),
        "looks ahead": (rate(before=ahead), "looks ahead"),
        "wraps around": (rate(first=lambda x: x[0] - x[-1]), "x[-1] is the last"),
        "starts at rest": (rate(first=lambda x: 0 * x[0]), "and not 0"),
        "no line": (rate(line=0.0), "slope of the line itself is missing"),
        "zeros": (lambda x, i, s: np.zeros(x.shape[1]), "the rate in piece 1"),
    },
    "as_controlled": {
        "x stands still": (matrix(rows=lambda x: np.zeros((len(x), len(x)))), "rows of x are empty"),
        "g everywhere": (matrix(change=spread), "belongs to dt alone"),
        "time last": (matrix(change=lambda F, d, c: np.roll(F, -1, 1)), "yours has it last"),
        "x first": (matrix(change=lambda F, d, c: np.roll(F, c, 0)), "the rows of h come first"),
        "x in the rows": (matrix(rows=np.diag), "hold x itself"),
        "sign": (matrix(first=lambda g, h, x: -g(h, x)), "The sign of g"),
        "x forgotten": (matrix(first=lambda g, h, x: g(h, 0 * x)), "x = 0"),
        "transposed": (matrix(change=lambda F, d, c: F.T), "turned round"),
        "no x": (matrix(change=lambda F, d, c: F[:d]), "Only the rows of h"),
        "no time": (matrix(change=lambda F, d, c: F[:, 1:]), "A column is missing"),
        "zeros": (matrix(change=lambda F, d, c: 0 * F), "F is off"),
    },
}
