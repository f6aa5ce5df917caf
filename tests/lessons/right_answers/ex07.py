"""Right answers to the exercises of lesson 07 in other forms than the solution's."""

from math import factorial

import numpy as np


def asks_the_largest(by_adjoint, by_checkpoint, x0, tol):
    gradient, x = by_adjoint()
    if not np.all(np.isfinite(x)):
        return by_checkpoint()
    return gradient if np.max(np.abs(x - x0) / (tol + tol * np.abs(x0))) <= 1 else by_checkpoint()


def in_one_array(vjp, path, d, t, z):
    return -np.concatenate(vjp(t, path(t), z[:d]))


RIGHT = {
    "guarded": {"the largest of the quotients": asks_the_largest},
    "reachable": {
        "factorials": lambda s, r: factorial(s + r) // (factorial(s) * factorial(r)),
        "NumPy's int": lambda s, r: np.int64(factorial(s + r) // (factorial(s) * factorial(r))),
    },
    "seminorm": {
        "a norm": lambda error, z, d, rtol, atol: float(
            np.linalg.norm((error / (atol + rtol * np.abs(z)))[: 2 * d]) / np.sqrt(2 * d)
        ),
    },
    "interpolated_field": {"one minus": in_one_array},
}
