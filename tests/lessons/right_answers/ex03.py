"""Right answers in other forms to the exercises of lesson 03."""

import numpy as np


def heun(f, t, x, h):
    slope = f(t, x)
    ahead = x + h * slope
    return ahead + h / 2 * (f(t + h, ahead) - slope)


def three(c2, c3):
    b3 = (1 / 3 - c2 / 2) / (c3 * (c3 - c2))
    b2 = (1 / 2 - b3 * c3) / c2
    a32 = 1 / (6 * b3 * c2)
    return [0.0, c2, c3], [[], [c2], [c3 - a32, a32]], [1 - b2 - b3, b2, b3]


def as_list(method):
    return lambda *nodes: list(method(*nodes))


def as_tuples(method):
    def answer(*nodes):
        c, a, b = method(*nodes)
        return tuple(c), tuple(map(tuple, a)), tuple(b)

    return answer


def as_arrays(method):
    def answer(*nodes):
        c, a, b = method(*nodes)
        return np.array(c), [np.array(row) for row in a], np.array(b)

    return answer


def doubling(R, A):
    z, h = np.linalg.eigvals(A), 1.0
    while np.abs(R(h * z)).max() > 1:
        h /= 2
    while np.abs(R(2 * h * z)).max() <= 1:
        h *= 2
    low, high = h, 2 * h
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if np.abs(R(middle * z)).max() <= 1 else (low, middle)
    return np.float32(low)


def halving(lam):
    low, high = 0.0, 2 / abs(lam)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if abs(1 + middle * lam) <= 1 else (low, middle)
    return low


RIGHT = {
    "heun_step": {
        "a correction of Euler's": heun,
        "float32": lambda f, t, x, h: heun(f, t, x, h).astype(np.float32),
    },
    "third_order": {"a list": as_list(three), "tuples": as_tuples(three), "arrays": as_arrays(three)},
    "observed_order": {
        "difference of logarithms": lambda c, m, f: np.log2(np.linalg.norm(c - m)) - np.log2(np.linalg.norm(m - f)),
        "largest component": lambda c, m, f: np.log2(np.abs(c - m).max() / np.abs(m - f).max()),
        "float32": lambda c, m, f: np.float32(np.log2(np.linalg.norm(c - m) / np.linalg.norm(m - f))),
    },
    "euler_limit": {
        "real part of 2 / λ": lambda lam: max(-(2 / lam).real, 0),
        "cosine, float32": lambda lam: np.float32(np.clip(-2 * np.cos(np.angle(lam)) / np.abs(lam), 0, None)),
        "halving": halving,
    },
    "largest_step": {"from 1 both ways, float32": doubling},
}
