"""Every method shows its stated order on a non-autonomous problem, and so does its dense output."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.methods.explicit import METHODS

pytestmark = pytest.mark.slow(seconds=30)

# Steps over an interval of length 3 at which the error is in its asymptotic range and above rounding.
COARSEST = {1: 300, 2: 150, 3: 120, 4: 200, 5: 220, 8: 31}


def to_tensor(x):
    return torch.tensor(x, dtype=torch.float64)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("span", [(0.0, 3.0), (3.0, 0.0)], ids=["forward", "backward"])
@pytest.mark.parametrize("m", METHODS.values(), ids=METHODS)
def test_measured_order(m, span, backend, ensemble, measured):
    """The fitted slope of log error against log h is the stated order ± 0.15, in both directions of time.

    dopri8's dense output is an interpolant of order 6 whose leading error term is small: 6 or better is asked.
    """
    xp, convert = (np, np.asarray) if backend == "numpy" else (torch, to_tensor)
    f, y0 = ensemble.field(xp, convert), convert(ensemble.exact(span[0]))
    between = np.linspace(*span, 103)[1:-1]
    counts = np.array([int(COARSEST[m.order] * 1.15**i) for i in range(6)])
    errors = []
    for n in counts:
        sol = nodekit.solve(f, y0, span, method=m, step=3 / n)
        assert sol.stats.n_accepted == n
        assert sol.stats.nfev <= n * m.stages + 1
        errors.append(
            [ensemble.error(np.asarray(s), np.asarray(y)) for s, y in [(sol.t, sol.y), (between, sol(between))]]
        )
    order, dense_order = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    measured(f"order of {m.name} on {backend}, {span[0]:g} to {span[1]:g}: {order:.2f}, dense output {dense_order:.2f}")
    assert abs(order - m.order) <= 0.15
    assert m.dense_order - 0.15 <= dense_order <= m.dense_order + (0.85 if m.name == "dopri8" else 0.15)


def test_a_wrong_weight_is_seen():
    """The measurement is not blind: tsit5 with its embedded weights propagated has order 4, not 5."""
    m = METHODS["tsit5"]
    wrong = type(m)(
        "wrong", 5, m.c, m.a, tuple(np.subtract(m.b, m.b_error)), "for this test, 2026",
        dense_weights=tuple((x,) for x in np.subtract(m.b, m.b_error)),
    )  # fmt: skip
    errors = []
    for n in (40, 80):
        sol = nodekit.solve(lambda t, y: y * np.cos(t), np.ones(1), (0.0, 4.0), method=wrong, step=4 / n)
        errors.append(np.max(np.abs(sol.y[:, 0] - np.exp(np.sin(sol.t)))))
    assert np.log2(errors[0] / errors[1]) < 4.6


@pytest.mark.parametrize("name", [m.name for m in METHODS.values() if m.adaptive])
def test_tolerance_proportionality(name, ensemble, measured):
    """Adaptive: the global error falls with the tolerance, from 1e-4 to 1e-9, to within a factor of 100 of it."""
    y0 = ensemble.exact(0.0)[:, :1]
    one = type(ensemble)()
    one.omega, one.phase, one.c = (x[:1] for x in (ensemble.omega, ensemble.phase, ensemble.c))
    previous = np.inf
    for tol in (1e-4, 1e-6, 1e-8):
        sol = nodekit.solve(one.field(), y0, (0.0, 3.0), method=name, rtol=tol, atol=tol, max_steps=100_000)
        error = one.error(sol.t, sol.y)
        assert error < min(100 * tol, previous)
        previous = error
    measured(f"error of {name} at rtol = atol = 1e-8: {error:.1e} with {sol.stats.nfev} evaluations")
