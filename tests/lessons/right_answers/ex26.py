"""Right answers to the exercises of lesson 26 in other forms than the solution's."""

import numpy as np


def by_contributions(theta, target, c):
    """The size of each term's contribution, one after the other."""
    return np.array([np.linalg.norm(c[j] * theta[:, j]) / np.linalg.norm(target) for j in range(theta.shape[1])])


def by_singular_values(theta, noise):
    """Σ_i (V_ij / s_i)²."""
    _, s, V = np.linalg.svd(theta, full_matrices=False)
    return noise * np.linalg.norm(V / s[:, None], axis=0)


def by_eigenvectors(theta):
    """The eigenvector of Aᵀ A with the least eigenvalue."""
    A = theta / np.sqrt((theta**2).mean(0))
    values, vectors = np.linalg.eigh(A.T @ A / len(A))
    z = vectors[:, 0]
    return [z * np.sign(z[np.argmax(np.abs(z))]), np.sqrt(values[0])]


RIGHT = {
    "shares": {"contributions": by_contributions},
    "coefficient_errors": {"singular values": by_singular_values},
    "blind_direction": {"eigenvectors": by_eigenvectors},
}
