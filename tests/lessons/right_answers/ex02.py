"""Right answers in other forms to the exercises of lesson 02."""

import numpy as np


def reversed_as_def(f, T):
    def backward(s, x):
        return np.multiply(-1.0, f(T - s, x))

    return backward


class Reversed:
    def __init__(self, f, T):
        self.f, self.T = f, T

    def __call__(self, s, x):
        return -self.f(self.T - s, x)


def pieces_with_linspace(flow, fields, x, T):
    ends = np.linspace(0.0, T, len(fields) + 1)
    for f, t0, t1 in zip(fields, ends[:-1], ends[1:], strict=True):
        x = flow(f, x, t0, t1)
    return x


def inverted_on_a_copy(F, y, rounds):
    x = y.copy()
    for _ in range(rounds):
        x[:] = y - F(x)
    return x


RIGHT = {
    "reversed_field": {"a function with a name": reversed_as_def, "an object that can be called": Reversed},
    "lipschitz_bound": {
        "from the svd": lambda matrices: np.prod([np.linalg.svd(W)[1][0] for W in matrices]),
        "from WᵀW": lambda matrices: float(np.sqrt(np.prod([np.linalg.eigvalsh(W.T @ W)[-1] for W in matrices]))),
        "float32": lambda matrices: np.float32(np.prod([np.linalg.norm(W, 2) for W in matrices])),
    },
    "piece_by_piece": {"the ends by linspace": pieces_with_linspace},
    "invert_layer": {
        "on a copy": inverted_on_a_copy,
        "float32": lambda F, y, rounds: inverted_on_a_copy(F, y, rounds).astype(np.float32),
    },
}
