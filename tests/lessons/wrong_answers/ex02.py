"""Wrong answers to the exercises of lesson 02."""

import math

import numpy as np


def product(norm):
    """An answer to lipschitz_bound that multiplies norm(W) over the matrices."""
    return lambda matrices: float(math.prod(norm(W) for W in matrices))


def eigenvalues_or_norm(W):
    return np.abs(np.linalg.eigvals(W)).max() if W.shape[0] == W.shape[1] else np.linalg.norm(W, 2)


def norm_of_product(matrices):
    whole = matrices[0]
    for W in matrices[1:]:
        whole = W @ whole
    return float(np.linalg.norm(whole, 2))


def pieces(times, order=lambda k, K: k, keep=True):
    """An answer to piece_by_piece: piece k runs over times(k, K, T) with field number order(k, K)."""

    def piece_by_piece(flow, fields, x, T):
        K, z = len(fields), x
        for k in range(K):
            z = flow(fields[order(k, K)], z if keep else x, *times(k, K, T))
        return z

    return piece_by_piece


def own(k, K, T):
    return k * T / K, (k + 1) * T / K


def jumping(fields, T):
    return lambda t, x: fields[min(int(t / T * len(fields)), len(fields) - 1)](t, x)


def stops_at_the_jumps(flow, fields, x, T):
    for k in range(len(fields)):
        x = flow(jumping(fields, T), x, *own(k, len(fields), T))
    return x


def without_the_last(flow, fields, x, T):
    for k in range(len(fields) - 1):
        x = flow(fields[k], x, *own(k, len(fields), T))
    return x


def result_lost(flow, fields, x, T):
    for k, f in enumerate(fields):
        flow(f, x, *own(k, len(fields), T))
    return x


def iterate(step, extra=0, start=lambda y: y):
    """An answer to invert_layer that makes rounds + extra rounds of step(F, x, y)."""

    def invert_layer(F, y, rounds):
        x = start(y)
        for _ in range(rounds + extra):
            x = step(F, x, y)
        return x

    return invert_layer


def in_place(F, y, rounds):
    x = y
    for _ in range(rounds):
        x -= F(x)
    return x


def right_but_input_spoilt(F, y, rounds):
    own, x = y.copy(), y
    for _ in range(rounds):
        x = own - F(x)
    y[:] = x
    return x


WRONG = {
    "reversed_field": {
        "a positive T only": (lambda f, T: lambda s, x: -f(abs(T) - s, x), "your field is off"),
        "clock forward": (lambda f, T: lambda s, x: -f(s, x), "The clock runs backward too"),
        "no sign": (lambda f, T: lambda s, x: f(T - s, x), "The sign is missing"),
        "s - T": (lambda f, T: lambda s, x: -f(s - T, x), "yours is s - T"),
        "s - T, no sign": (lambda f, T: lambda s, x: f(s - T, x), "The sign is missing, and the old time"),
        "-s": (lambda f, T: lambda s, x: -f(-s, x), "the way back begins at T"),
        "the old field": (lambda f, T: f, "This is the old field"),
        "values": (lambda f, T: -f(T, np.zeros(2)), "A field is a function"),
        "zeros": (lambda f, T: lambda s, x: np.zeros_like(x), "your field is off"),
        "T + s": (lambda f, T: lambda s, x: -f(T + s, x), "your field is off"),
        "x too": (lambda f, T: lambda s, x: -f(T - s, -x), "your field is off"),
        "one point": (lambda f, T: lambda s, x: -f(T - s, x)[0], "has shape (2,); (5, 2) was expected"),
    },
    "lipschitz_bound": {
        "sum": (lambda matrices: float(sum(np.linalg.norm(W, 2) for W in matrices)), "are multiplied"),
        "of the product": (norm_of_product, "With tanh in between it is no bound"),
        "Frobenius": (product(np.linalg.norm), "That is the Frobenius norm"),
        "largest entry": (product(lambda W: np.abs(W).max()), "the largest entry"),
        "one layer": (lambda matrices: float(max(np.linalg.norm(W, 2) for W in matrices)), "one layer only"),
        "smallest": (product(lambda W: np.linalg.norm(W, -2)), "the smallest singular value"),
        "eigenvalues": (product(eigenvalues_or_norm), "from eigenvalues"),
        "column sums": (product(lambda W: np.linalg.norm(W, 1)), "the largest column sum"),
        "zero": (lambda matrices: 0.0, "your bound is off"),
        "an array": (lambda matrices: np.array([np.linalg.norm(W, 2) for W in matrices]), "your bound has shape"),
        "squared": (product(lambda W: np.linalg.norm(W, 2) ** 2), "take the root"),
        "row sums": (product(lambda W: np.linalg.norm(W, np.inf)), "the largest row sum"),
        "a list": (lambda matrices: [np.linalg.norm(W, 2) for W in matrices], "your bound is a list"),
        "without the last": (lambda matrices: product(lambda W: np.linalg.norm(W, 2))(matrices[:-1]), "your bound is"),
    },
    "piece_by_piece": {
        "from x each": (pieces(own, keep=False), "starts where the one before has ended"),
        "from 0 each": (pieces(lambda k, K, T: (0.0, T / K)), "Every piece runs from 0"),
        "whole horizon each": (pieces(lambda k, K, T: (0.0, T)), "over the whole of [0, T]"),
        "too long": (pieces(lambda k, K, T: (k * T, (k + 1) * T)), "K times as long"),
        "without T": (pieces(lambda k, K, T: (k / K, (k + 1) / K)), "The pieces end at k / K"),
        "opposite order": (pieces(own, order=lambda k, K: K - 1 - k), "the opposite order"),
        "over the jumps": (
            lambda flow, fields, x, T: flow(jumping(fields, T), x, 0.0, T),
            "it steps over the jumps",
        ),
        "stops at the jumps": (stops_at_the_jumps, "still sees the field jump"),
        "without the last": (without_the_last, "The last piece is missing"),
        "result lost": (result_lost, "is the result of flow kept"),
        "zeros": (lambda flow, fields, x, T: np.zeros_like(x), "your state at T is off"),
        "quarters": (pieces(lambda k, K, T: (k * T / 4, (k + 1) * T / 4)), "your state at T is off"),
        "first field only": (pieces(own, order=lambda k, K: 0), "your state at T is off"),
        "shifted by one": (pieces(lambda k, K, T: ((k + 1) * T / K, (k + 2) * T / K)), "your state at T is off"),
    },
    "invert_layer": {
        "sign": (iterate(lambda F, x, y: y + F(x)), "The sign"),
        "from the last guess": (iterate(lambda F, x, y: x - F(x)), "You subtract from the last guess"),
        "in place": (in_place, "You subtract from the last guess"),
        "F at y": (lambda F, y, rounds: y - F(y), "F is taken at y in every round"),
        "one too few": (iterate(lambda F, x, y: y - F(x), extra=-1), "One round too few"),
        "one too many": (iterate(lambda F, x, y: y - F(x), extra=1), "One round too many"),
        "no round": (lambda F, y, rounds: y, "no round was made"),
        "the layer": (lambda F, y, rounds: y + F(y), "the layer, forward"),
        "from zero": (iterate(lambda F, x, y: y - F(x), start=np.zeros_like), "and not 0"),
        "zeros": (lambda F, y, rounds: np.zeros_like(y), "your x is off"),
        "input spoilt": (right_but_input_spoilt, "changed y itself"),
        "until it stands": (iterate(lambda F, x, y: y - F(x), extra=100), "is the argument rounds"),
    },
}
