"""Right answers to the exercises of lesson 10 in other forms than the solution's."""

import numpy as np

import nodekit


def by_differences(psi):
    """Central differences: right to many digits, without autograd."""

    def f(t, z):
        g = [(psi(z + e) - psi(z - e)) / 2e-5 for e in 1e-5 * np.eye(2)]
        return np.array([g[1], -g[0]])

    return f


def clock_turned(f, trace, base, x, T):
    """Forward in s = T - t, with the field's sign and its clock turned."""

    def field(s, both):
        return -np.append(f(T - s, both[:-1]), trace(T - s, both[:-1]))

    end = nodekit.solve(field, np.append(x, 0.0), (0.0, T), rtol=1e-9, atol=1e-9).y[-1]
    return float(base(end[:-1]) + end[-1])


RIGHT = {
    "area_factor": {
        "a product": lambda A, eps: (1 + eps * A[0, 0]) * (1 + eps * A[1, 1]) - eps**2 * A[0, 1] * A[1, 0],
    },
    "trace_by_vjps": {"the diagonal": lambda vjp, d: float(np.trace(np.array([vjp(e) for e in np.eye(d)])))},
    "stream_field": {"central differences": by_differences},
    "log_prob": {"the clock turned": clock_turned},
}
