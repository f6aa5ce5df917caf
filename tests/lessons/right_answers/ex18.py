"""Right answers to the exercises of lesson 18 in other forms than the solution's."""

import autograd.numpy as anp
import numpy as np
from autograd import grad, jacobian


def by_zip(L, t, q):
    return sum(L(a + (b - a) / 2, (b - a) / h) * h for a, b, h in zip(q[:-1], q[1:], np.diff(t), strict=True))


def one_by_one(force, C, M, v):
    return np.array([np.linalg.solve(M[k], force[k] - C[k] @ v[k]) for k in range(len(v))])


def by_inverse(force, C, M, v):
    return (np.linalg.inv(M) @ (force[..., None] - C @ v[..., None]))[..., 0]


RIGHT = {
    "action": {"zip": by_zip},
    "acceleration": {"one by one": one_by_one, "the inverse, which costs more": by_inverse},
    "energy": {
        "a sum": lambda L, q, v: anp.sum(grad(L, 1)(q, v) * v) - L(q, v),
        "jacobian": lambda L, q, v: jacobian(L, 1)(q, v).dot(v) - L(q, v),
    },
    "gauge_term": {
        "along the path": lambda F, q, v: grad(lambda s: F(q + s * v))(0.0),
        "a sum": lambda F, q, v: float(sum(grad(F)(q) * v)),
    },
}
