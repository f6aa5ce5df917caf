"""Wrong answers to the exercises of lesson 18."""

from itertools import pairwise

import autograd.numpy as anp
import numpy as np
from autograd import grad


def acting(at=lambda a, b: (a + b) / 2, speed=lambda a, b, h: (b - a) / h, weight=lambda h: h, pieces=0, change=None):
    """An answer to action with one of its parts replaced."""

    def action(L, t, q):
        n = len(t) - 1 + pieces
        total = 0.0
        for k in range(n):
            h = t[k + 1] - t[k]
            total += L(at(q[k], q[k + 1]), speed(q[k], q[k + 1], h)) * weight(h)
        return change(total, t) if change else total

    return action


def even(L, t, q):
    h = (t[-1] - t[0]) / (len(t) - 1)
    return sum(L((a + b) / 2, (b - a) / h) * h for a, b in pairwise(q))


def each(L, t, q):
    return np.array(
        [L((q[k] + q[k + 1]) / 2, (q[k + 1] - q[k]) / (t[k + 1] - t[k])) * (t[k + 1] - t[k]) for k in range(len(t) - 1)]
    )


def action_in_place(L, t, q):
    total = acting()(L, t, q)
    q[1:] -= q[:-1].copy()
    return total


def solved(right, M):
    return np.linalg.solve(M, right[..., None])[..., 0]


def times(A, v):
    return np.einsum("nij,nj->ni", A, v)


def accelerating(make):
    """An answer to acceleration."""

    def acceleration(force, C, M, v):
        return make(force, C, M, v)

    return acceleration


def acceleration_in_place(force, C, M, v):
    force -= times(C, v)
    return solved(force, M)


def momentum(L, q, v):
    return grad(L, 1)(q, v)


def valued(make):
    """An answer to energy or to gauge_term, with the arguments of either."""
    return lambda first, q, v: make(first, q, v)


WRONG = {
    "action": {
        "zero": (lambda L, t, q: 0.0, "the action is off"),
        "left ends": (acting(at=lambda a, b: a), "left ends"),
        "right ends": (acting(at=lambda a, b: b), "right ends"),
        "differences": (acting(speed=lambda a, b, h: b - a), "division is missing"),
        "no durations": (acting(weight=lambda h: 1.0), "lacks the durations"),
        "mean": (acting(weight=lambda h: 1.0, change=lambda s, t: s / (len(t) - 1)), "mean of L"),
        "mean over time": (acting(change=lambda s, t: s / (t[-1] - t[0])), "mean over time"),
        "even pieces": (even, "not equally long"),
        "backwards": (acting(speed=lambda a, b, h: (a - b) / h), "velocity has the wrong sign"),
        "last piece": (acting(pieces=-1), "last piece is missing"),
        "minus": (acting(change=lambda s, t: -s), "sign is turned"),
        "a list": (each, "one number was expected"),
        "in place": (action_in_place, "changed q itself"),
    },
    "acceleration": {
        "all zeros": (accelerating(lambda f, C, M, v: 0 * f), "q'' is off"),
        "plus": (accelerating(lambda f, C, M, v: solved(f + times(C, v), M)), "has to be subtracted"),
        "transposed": (accelerating(lambda f, C, M, v: solved(f - times(C.swapaxes(1, 2), v), M)), "C is transposed"),
        "no C": (accelerating(lambda f, C, M, v: solved(f, M)), "C v is missing"),
        "no solve": (accelerating(lambda f, C, M, v: f - times(C, v)), "right side alone"),
        "times M": (accelerating(lambda f, C, M, v: times(M, f - times(C, v))), "multiplies by M"),
        "C after": (accelerating(lambda f, C, M, v: solved(f, M) - times(C, v)), "subtracted after it"),
        "turned": (accelerating(lambda f, C, M, v: -solved(f - times(C, v), M)), "sign is turned"),
        "diagonal": (
            accelerating(lambda f, C, M, v: (f - times(C, v)) / np.diagonal(M, axis1=1, axis2=2)),
            "Only the diagonal of M",
        ),
        "diagonal of C": (
            accelerating(lambda f, C, M, v: solved(f - np.diagonal(C, axis1=1, axis2=2) * v, M)),
            "one entry of C only",
        ),
        "one column": (accelerating(lambda f, C, M, v: solved(f - times(C, v), M)[..., None]), "was expected"),
        "one matrix": (accelerating(lambda f, C, M, v: np.linalg.solve(M, f - times(C, v))), "n of them give it"),
        "in place": (acceleration_in_place, "changed force itself"),
    },
    "energy": {
        "zero": (valued(lambda L, q, v: 0.0), "the energy is off"),
        "plus": (valued(lambda L, q, v: v @ momentum(L, q, v) + L(q, v)), "not added"),
        "turned": (valued(lambda L, q, v: L(q, v) - v @ momentum(L, q, v)), "sign is turned"),
        "by the position": (valued(lambda L, q, v: v @ grad(L, 0)(q, v) - L(q, v)), "by the velocity"),
        "no L": (valued(lambda L, q, v: v @ momentum(L, q, v)), "alone; subtract L"),
        "velocity": (valued(lambda L, q, v: v @ v - L(q, v)), "momentum is not v"),
        "times q": (valued(lambda L, q, v: q @ momentum(L, q, v) - L(q, v)), "not by q"),
        "half": (valued(lambda L, q, v: v @ momentum(L, q, v) / 2 - L(q, v)), "no half here"),
        "minus L": (valued(lambda L, q, v: -L(q, v)), "This is minus L"),
        "no sum": (valued(lambda L, q, v: v * momentum(L, q, v) - L(q, v)), "is a sum"),
    },
    "gauge_term": {
        "zero": (valued(lambda F, q, v: 0.0), "dF/dt is off"),
        "gradient": (valued(lambda F, q, v: anp.sum(grad(F)(q))), "velocity is missing"),
        "at the velocity": (valued(lambda F, q, v: grad(F)(v) @ v), "taken at v"),
        "F times v": (valued(lambda F, q, v: F(q) * anp.sum(v)), "F times v"),
        "times q": (valued(lambda F, q, v: grad(F)(q) @ q), "multiplied by q"),
        "turned": (valued(lambda F, q, v: -grad(F)(q) @ v), "sign is turned"),
        "F": (valued(lambda F, q, v: F(q)), "F itself"),
        "difference": (valued(lambda F, q, v: F(q + v) - F(q)), "whole unit of time"),
        "no sum": (valued(lambda F, q, v: grad(F)(q) * v), "is a sum"),
    },
}
