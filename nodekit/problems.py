"""Named initial value problems with exact or many-digit solutions (first used in lesson 03).

Each f works on both backends: `namespace(y)` is autograd's NumPy or torch, and y's first axis is the component.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nodekit.arrays import is_torch, namespace


@dataclass(frozen=True)
class Problem:
    """dy/dt = f(t, y), y(t_span[0]) = y0.

    Parameters
    ----------
    name, source : str
    f : callable
        f(t, y) -> dy/dt of y's shape, for NumPy arrays and torch tensors.
    y0 : (d,) float64
    t_span : (t0, t1)
    exact : callable or None
        exact(t) -> the solution, (d,) for a float t, (n, d) for n times.
    y1 : (d,) or None
        y(t_span[1]) to at least 15 digits.
    """

    name: str
    f: Callable
    y0: np.ndarray
    t_span: tuple[float, float]
    source: str
    exact: Callable | None = None
    y1: np.ndarray | None = None


def _linear(matrix):
    """f(t, y) = matrix @ y on either backend."""

    def f(t, y):
        if is_torch(y):
            return namespace(y).as_tensor(matrix, dtype=y.dtype, device=y.device) @ y
        return matrix @ y

    return f


def _polynomial_trigonometric(t):
    """Exact solution of "non-autonomous"."""
    t = np.asarray(t, float)
    y = (0.25 * t**2 - 0.5 * t**4) * np.cos(2 * t) + 0.5 * t**3 * np.sin(2 * t)
    return (y - t**3 + 2 * t**4 + (np.pi - 0.25) * t**2)[..., None]


def _three_body(t, y, mu=0.012277471):
    xp = namespace(y)
    x, v, vx, vv = y[0], y[1], y[2], y[3]
    d1 = ((x + mu) ** 2 + v**2) ** 1.5
    d2 = ((x - 1 + mu) ** 2 + v**2) ** 1.5
    return xp.stack(
        [
            vx,
            vv,
            x + 2 * vv - (1 - mu) * (x + mu) / d1 - mu * (x - 1 + mu) / d2,
            v - 2 * vx - (1 - mu) * v / d1 - mu * v / d2,
        ]
    )


_DETEST = "Hull, Enright, Fellen, Sedgwick, SIAM J. Numer. Anal. 9(4), 1972, problem "
_ARENSTORF = np.array([0.994, 0.0, 0.0, -2.00158510637908252240537862224])

_ALL = (
    Problem(
        "decay",
        lambda t, y: -y,
        np.array([1.0]),
        (0.0, 20.0),
        _DETEST + "A1",
        lambda t: np.exp(-np.asarray(t))[..., None],
    ),
    Problem(
        "oscillating growth",
        lambda t, y: y * namespace(y).cos(t),
        np.array([1.0]),
        (0.0, 20.0),
        _DETEST + "A3",
        lambda t: np.exp(np.sin(np.asarray(t)))[..., None],
        np.array([2.4916502718504145235]),
    ),
    Problem(
        "logistic",
        lambda t, y: y / 4 * (1 - y / 20),
        np.array([1.0]),
        (0.0, 20.0),
        _DETEST + "A4",
        lambda t: (20 / (1 + 19 * np.exp(-np.asarray(t) / 4)))[..., None],
        np.array([17.730166481314839849]),
    ),
    Problem(
        "predator and prey",
        lambda t, y: namespace(y).stack([2 * (y[0] - y[0] * y[1]), -(y[1] - y[0] * y[1])]),
        np.array([1.0, 3.0]),
        (0.0, 20.0),
        _DETEST + "B1",
        y1=np.array([0.67618760085766066073, 0.18608160996400298008]),
    ),
    Problem(
        "rigid body",
        lambda t, y: namespace(y).stack([y[1] * y[2], -y[0] * y[2], -0.51 * y[0] * y[1]]),
        np.array([0.0, 1.0, 1.0]),
        (0.0, 20.0),
        _DETEST + "B5",
        y1=np.array([-0.93965707987292039619, -0.34211777540007490653, 0.74141265961999530078]),
    ),
    Problem(
        "non-autonomous",
        lambda t, y: 2 * y / t + t**4 * namespace(y).sin(2 * t) - t**2 + 4 * t**3,
        np.array([-0.5 * np.cos(2) + 0.5 * np.sin(2) + 0.25 * np.cos(2) - 1 + 2 + np.pi - 0.25]),
        (1.0, 8.0),
        "linear, exact by an integrating factor; used for order tests because f depends on t",
        _polynomial_trigonometric,
    ),
    Problem(
        "bell",
        lambda t, y: -2 * t * y**2,
        np.array([0.5]),
        (-1.0, 2.0),
        "y = 1/(1 + t²): non-linear and non-autonomous, for order tests",
        lambda t: (1 / (1 + np.asarray(t, float) ** 2))[..., None],
    ),
    Problem(
        "rational",
        lambda t, y: namespace(y).stack([y[1] / t, y[1] * (y[0] + 2 * y[1] - 1) / (t * (y[0] - 1))]),
        np.array([5 / 15, 50 / 225]),
        (5.0, 9.0),
        "exact solution t/(t + 10), 10t/(t + 10)²",
        lambda t: np.stack([np.asarray(t) / (np.asarray(t) + 10), 10 * np.asarray(t) / (np.asarray(t) + 10) ** 2], -1),
    ),
    Problem(
        "harmonic oscillator",
        _linear(np.array([[0.0, 1.0], [-1.0, 0.0]])),
        np.array([1.0, 0.0]),
        (0.0, 2 * np.pi),
        "exact solution cos t, −sin t",
        lambda t: np.stack([np.cos(t), -np.sin(t)], -1),
    ),
    Problem(
        "Lotka–Volterra",
        lambda t, y: namespace(y).stack([1.5 * y[0] - y[0] * y[1], y[0] * y[1] - 3 * y[1]]),
        np.array([1.0, 1.0]),
        (0.0, 10.0),
        "parameters 1.5, 1, 3, 1; digits by extrapolation in 40-digit arithmetic",
        y1=np.array([1.02634476757508932, 0.909691078136041618]),
    ),
    Problem(
        "Arenstorf orbit",
        _three_body,
        _ARENSTORF,
        (0.0, 17.0652165601579625588917206249),
        "R. Arenstorf, Am. J. Math. 85, 1963; constants from Hairer, Nørsett, Wanner 1993, section II.0; periodic",
        y1=_ARENSTORF,
    ),
    Problem(
        "cubic spiral",
        lambda t, y: namespace(y).stack([-0.1 * y[0] ** 3 - 2 * y[1] ** 3, 2 * y[0] ** 3 - 0.1 * y[1] ** 3]),
        np.array([2.0, 0.0]),
        (0.0, 25.0),
        "the spiral of Chen et al. 2018; digits by extrapolation in 40-digit arithmetic",
        y1=np.array([-0.443623486698634945, 0.279440641618938998]),
    ),
)

PROBLEMS = {p.name: p for p in _ALL}


def get(name):
    """The problem called `name`. Raises ValueError that lists the names when there is none."""
    if name not in PROBLEMS:
        raise ValueError(f"problem {name!r} is not known. Choose one of: {', '.join(PROBLEMS)}.")
    return PROBLEMS[name]
