"""Wrong answers to the exercises of lesson 28."""

import numpy as np
from scipy.linalg import expm


def push(slope=lambda costate, B: costate @ B, finish=None):
    """An answer to best_push with one thing changed. finish: (slope, limit, price) -> controls, for a price."""

    def best_push(costate, B, limit, price):
        s = slope(costate, B)
        if price == 0:
            return -limit * np.sign(s)
        return finish(s, limit, price) if finish else np.clip(-s / price, -limit, limit)

    return best_push


def both(A, B, h):
    d, m = B.shape
    whole = expm(h * np.block([[A, B], [np.zeros((m, d + m))]]))
    return whole[:d, :d], whole[:d, d:]


def by_inverse(A, B, h):
    F = expm(h * A)
    return F, np.linalg.inv(A) @ (F - np.eye(len(A))) @ B


def matrices(F=None, G=None):
    """An answer to held_matrices with one of the two changed, (A, B, h, F, G) -> the wrong one."""

    def held_matrices(A, B, h):
        right = both(A, B, h)
        return (F(A, B, h, *right) if F else right[0]), (G(A, B, h, *right) if G else right[1])

    return held_matrices


def gain(P, F, G, Q, R):
    return np.linalg.solve(R + G.T @ P @ G, G.T @ P @ F)


def step(K=gain, before=None):
    """An answer to riccati_step with another gain, or another P before the decision, (P, F, G, Q, R, K) -> (d, d)."""

    def riccati_step(P, F, G, Q, R):
        right = gain(P, F, G, Q, R)
        value = before(P, F, G, Q, R, right) if before else Q + F.T @ P @ (F - G @ right)
        return K(P, F, G, Q, R), value

    return riccati_step


WRONG = {
    "best_push": {
        "the sign": (push(slope=lambda costate, B: -costate @ B), "The sign"),
        "no limit": (lambda costate, B, limit, price: -(costate @ B) / (price or 1.0), "The limit is missing"),
        "limit one": (
            lambda costate, B, limit, price: (
                -np.sign(costate @ B) if price == 0 else np.clip(-costate @ B / price, -1, 1)
            ),
            "cut off at 1",
        ),
        "always full": (push(finish=lambda s, limit, price: -limit * np.sign(s)), "with all the force"),
        "a factor of 2": (
            push(finish=lambda s, limit, price: np.clip(-s / (2 * price), -limit, limit)),
            "A factor of 2",
        ),
        "times the price": (push(finish=lambda s, limit, price: np.clip(-s * price, -limit, limit)), "multiply"),
        "cut first": (push(finish=lambda s, limit, price: np.clip(-s, -limit, limit) / price), "Divide by the price"),
        "transposed": (lambda *args: push()(*args).T, "a row for each moment"),
        "zeros": (lambda costate, B, limit, price: 0 * (costate @ B), "your answer is off"),
    },
    "held_matrices": {
        "Euler": (lambda A, B, h: (np.eye(len(A)) + h * A, h * B), "F is one Euler step"),
        "each entry": (matrices(F=lambda A, B, h, F, G: np.exp(h * A)), "of each entry"),
        "no time": (matrices(F=lambda A, B, h, F, G: expm(A)), "h is missing"),
        "transposed": (matrices(F=lambda A, B, h, F, G: F.T), "F is transposed"),
        "backward": (matrices(F=lambda A, B, h, F, G: expm(-h * A)), "undoes the step"),
        "G of Euler": (matrices(G=lambda A, B, h, F, G: h * B), "one Euler step, h B"),
        "all carried": (matrices(G=lambda A, B, h, F, G: F @ B * h), "carry all of h B"),
        "trapezoidal": (matrices(G=lambda A, B, h, F, G: h * (B + F @ B) / 2), "trapezoidal"),
        "minus G": (matrices(G=lambda A, B, h, F, G: -G), "sign of G"),
        "G over h": (matrices(G=lambda A, B, h, F, G: G / h), "divided by h"),
        "by the inverse": (by_inverse, "inverts A"),
        "only F": (lambda A, B, h: both(A, B, h)[0], "Return two matrices"),
        "zeros": (lambda A, B, h: (0 * A, 0 * B), "F is off"),
    },
    "riccati_step": {
        "minus K": (step(K=lambda *args: -gain(*args)), "u = -K x"),
        "no R": (step(K=lambda P, F, G, Q, R: np.linalg.pinv(G.T @ P @ G) @ G.T @ P @ F), "R is missing"),
        "R alone": (step(K=lambda P, F, G, Q, R: np.linalg.solve(R, G.T @ P @ F)), "The size of G enters"),
        "no F": (step(K=lambda P, F, G, Q, R: np.linalg.solve(R + G.T @ P @ G, G.T @ P)), "F is missing"),
        "Q for P": (step(K=lambda P, F, G, Q, R: gain(Q, F, G, Q, R)), "Q stands where P"),
        "no Q": (step(before=lambda P, F, G, Q, R, K: F.T @ P @ (F - G @ K)), "Q is missing"),
        "no gain": (step(before=lambda P, F, G, Q, R, K: Q + F.T @ P @ F), "The gain is missing"),
        "no cost of u": (
            step(before=lambda P, F, G, Q, R, K: Q + (F - G @ K).T @ P @ (F - G @ K)),
            "cost of the controls",
        ),
        "plus": (step(before=lambda P, F, G, Q, R, K: Q + F.T @ P @ (F + G @ K)), "makes the cost smaller"),
        "the same P": (step(before=lambda P, F, G, Q, R, K: P), "after the decision"),
        "only K": (lambda P, F, G, Q, R: gain(P, F, G, Q, R), "Return two things"),
    },
}
