"""Right answers to the exercises of lesson 15 in other forms than the solution's."""

import numpy as np


def by_rows(J, P, h, a):
    """κᵀ (I - hJ) = aᵀ, by the inverse, a list of two."""
    kappa = a @ np.linalg.inv(np.eye(len(a)) - h * J)
    return [kappa, np.array([h * kappa @ column for column in P.T])]


def as_array(J, P, h, a):
    kappa = np.linalg.lstsq((np.eye(len(a)) - h * J).T, a, rcond=None)[0]
    return (kappa, np.einsum("ij,i->j", h * P, kappa))


def by_exponential(f, scale):
    return lambda s, z: f(np.exp(s * np.log(10)), z * scale) / scale * np.exp(s * np.log(10)) * np.log(10)


def by_einsum(a, k, h):
    rows = np.zeros((2, 7))
    rows[0, :5], rows[1, :6] = a[5], a[6]
    apart = h * (rows[1] - rows[0]) @ k
    return np.sqrt(((k[6] - k[5]) ** 2).sum() / (apart**2).sum())


RIGHT = {
    "estimated_rate": {"one product": by_einsum},
    "in_log_time": {"by exp": by_exponential},
    "step_back": {"the inverse, a list": by_rows, "least squares": as_array},
}
