"""Right answers to the exercises of lesson 13 in other forms than the solution's."""

import numpy as np


def step_by_differences(x, u, W, V, b, eps, gamma):
    """A list of two; the Jacobian by central differences of complex steps: right to rounding."""

    def new(x):
        return x + eps * np.tanh(W @ x - W.T @ x - gamma * x + V @ u + b)

    columns = [np.imag(new(x + 1e-20j * e)) / 1e-20 for e in np.eye(len(x))]
    return [new(x), np.array(columns).T]


def by_eigenvalues(W, eps):
    """The stable form of 1 − √(1 − z²), and the frequencies from eigenvalues."""
    z = eps * np.abs(np.linalg.eigvals(W - W.T)).max()
    return np.inf if z > 1 else z**2 / (1 + np.sqrt(1 - z**2)) / eps


def closed(h, n, second, mu):
    """The geometric series, summed."""
    return second * h**2 / 2 * (n if mu == 0 else np.expm1(mu * h * n) / np.expm1(mu * h))


def with_every_seventh(jacobians, v, h):
    """Rescaled now and then only."""
    total, start = 0.0, np.linalg.norm(v)
    for k, J in enumerate(jacobians):
        v = J @ v
        if k % 7 == 0:
            total, v = total + np.log(np.linalg.norm(v)), v / np.linalg.norm(v)
    return (total + np.log(np.linalg.norm(v)) - np.log(start)) / (len(jacobians) * h)


RIGHT = {
    "logarithmic_norm": {
        "eigvals, their real parts": lambda J: np.linalg.eigvals((J + J.T) / 2).real.max(),
        "an array of no dimension": lambda J: np.array(np.linalg.eigvalsh(J + J.T)[-1] / 2),
    },
    "antisymmetric_step": {"a list, complex steps": step_by_differences},
    "least_damping": {"eigenvalues": by_eigenvalues},
    "euler_error_bound": {"closed form": closed},
    "mean_growth_rate": {"rescaled now and then": with_every_seventh},
}
