"""Right answers to the exercises of lesson 28 in other forms than the solution's."""

import numpy as np


def one_by_one(costate, B, limit, price):
    """Each control alone, from the three places where a parabola or a line on [-limit, limit] can be least."""
    rows = []
    for slope in costate @ B:
        row = []
        for s in slope:
            places = [-limit, limit] + ([-s / price] if price and abs(s / price) <= limit else [])
            row.append(min(places, key=lambda u, s=s: s * u + price * u**2 / 2))
        rows.append(row)
    return np.array(rows)


def by_series(A, B, h):
    """Σ (hA)^k / k! and h Σ (hA)^k / (k + 1)! B."""
    F, S, term = np.eye(len(A)), np.eye(len(A)), np.eye(len(A))
    for k in range(1, 60):
        term = term @ (h * A) / k
        F, S = F + term, S + term / (k + 1)
    return [F, h * S @ B]


def squared(P, F, G, Q, R):
    """P before as what is paid: Q, the controls, and the rest."""
    K = np.linalg.inv(R + G.T @ P @ G) @ (G.T @ P @ F)
    left = F - G @ K
    return K, Q + K.T @ R @ K + left.T @ P @ left


RIGHT = {
    "best_push": {"one by one": one_by_one},
    "held_matrices": {"a series": by_series},
    "riccati_step": {"squared": squared},
}
