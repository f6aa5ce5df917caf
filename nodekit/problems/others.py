"""Problems that are not stiff and in no collection: exact solutions, periodic orbits, the spiral (see lesson 14)."""

import numpy as np

from nodekit.arrays import namespace
from nodekit.problems.problem import Problem, linear, over_time, vector


def _polynomial_trigonometric(t):
    """Exact solution of "non-autonomous"."""
    y = (0.25 * t**2 - 0.5 * t**4) * np.cos(2 * t) + 0.5 * t**3 * np.sin(2 * t)
    return y - t**3 + 2 * t**4 + (np.pi - 0.25) * t**2


def _three_body(t, y, mu=0.012277471):
    x, v, vx, vv = y[0], y[1], y[2], y[3]
    d1 = ((x + mu) ** 2 + v**2) ** 1.5
    d2 = ((x - 1 + mu) ** 2 + v**2) ** 1.5
    return vector(
        y,
        vx,
        vv,
        x + 2 * vv - (1 - mu) * (x + mu) / d1 - mu * (x - 1 + mu) / d2,
        v - 2 * vx - (1 - mu) * v / d1 - mu * v / d2,
    )


def _rotation_10():
    """(f, y0, exact) of y' = A y with A = S − I/10, S antisymmetric: exp(At) = V exp(λt) Vᴴ."""
    i = np.arange(10.0)
    s = np.sin(3 * i[:, None] + i)
    matrix, y0 = s - s.T - 0.1 * np.eye(10), np.cos(i)
    values, v = np.linalg.eigh(-1j * (s - s.T))
    weights = v.conj().T @ y0

    def exact(t):
        return ((np.exp(np.multiply.outer(np.asarray(t, float), 1j * values - 0.1)) * weights) @ v.T).real

    return linear(matrix), y0, exact


_EXTRAPOLATED = "digits by extrapolation in 40-digit arithmetic"
_ARENSTORF = np.array([0.994, 0.0, 0.0, -2.00158510637908252240537862224])
_LINEAR_10 = _rotation_10()

OTHERS = (
    Problem(
        "non-autonomous",
        lambda t, y: 2 * y / t + t**4 * namespace(y).sin(2 * t) - t**2 + 4 * t**3,
        np.array([_polynomial_trigonometric(1.0)]),
        (1.0, 8.0),
        "linear, exact by an integrating factor; for order tests, because f depends on t",
        over_time(_polynomial_trigonometric),
    ),
    Problem(
        "bell",
        lambda t, y: -2 * t * y**2,
        np.array([0.5]),
        (-1.0, 2.0),
        "y = 1/(1 + t²): non-linear and non-autonomous, for order tests",
        over_time(lambda t: 1 / (1 + t**2)),
    ),
    Problem(
        "rational",
        lambda t, y: vector(y, y[1] / t, y[1] * (y[0] + 2 * y[1] - 1) / (t * (y[0] - 1))),
        np.array([5 / 15, 50 / 225]),
        (5.0, 9.0),
        "exact solution t/(t + 10), 10t/(t + 10)²; for both directions of time, from 1 on",
        over_time(lambda t: t / (t + 10), lambda t: 10 * t / (t + 10) ** 2),
    ),
    Problem(
        "straight line",
        lambda t, y: 0.2 + (y - (0.2 * t + 3)) ** 5,
        np.array([3.2]),
        (1.0, 8.0),
        "exact solution 0.2 t + 3; an error neither grows nor decays at first order",
        over_time(lambda t: 0.2 * t + 3),
    ),
    Problem(
        "growth", lambda t, y: 1.0 * y, np.array([1.0]), (0.0, 1.0), "y = exp(t): reaches e at t = 1", over_time(np.exp)
    ),
    Problem(
        "free fall",
        lambda t, y: vector(y, y[1], -8.0 + 0.0 * y[1]),
        np.array([1.0, 0.0]),
        (0.0, 1.0),
        "x'' = −8 from rest at x0: reaches 0 at t = √(x0/4), with dt/dx0 = 1/(4√x0)",
        over_time(lambda t: 1 - 4 * t**2, lambda t: -8 * t),
    ),
    Problem(
        "harmonic oscillator",
        linear(np.array([[0.0, 1.0], [-1.0, 0.0]])),
        np.array([1.0, 0.0]),
        (0.0, 2 * np.pi),
        "exact solution cos t, −sin t",
        over_time(np.cos, lambda t: -np.sin(t)),
    ),
    Problem("linear 10", _LINEAR_10[0], _LINEAR_10[1], (0.0, 5.0), "y = exp(At) y0, damped rotations", _LINEAR_10[2]),
    Problem(
        "complex decay",
        lambda t, y: -y,
        np.array([1.0 + 2.0j]),
        (0.0, 5.0),
        "y = (1 + 2i) exp(−t)",
        over_time(lambda t: (1 + 2j) * np.exp(-t)),
    ),
    Problem(
        "Lotka–Volterra",
        lambda t, y: vector(y, 1.5 * y[0] - y[0] * y[1], y[0] * y[1] - 3 * y[1]),
        np.array([1.0, 1.0]),
        (0.0, 10.0),
        f"parameters 1.5, 1, 3, 1; {_EXTRAPOLATED}",
        y1=np.array([1.02634476757508932, 0.909691078136041618]),
    ),
    Problem(
        "Brusselator",
        lambda t, y: vector(y, 1 + y[0] ** 2 * y[1] - 4 * y[0], 3 * y[0] - y[0] ** 2 * y[1]),
        np.array([1.5, 3.0]),
        (0.0, 20.0),
        f"Hairer, Nørsett, Wanner 1993, section I.16; {_EXTRAPOLATED}",
        y1=np.array([0.49863707126834784865, 4.5967803494520111832]),
    ),
    Problem(
        "Lorenz",
        lambda t, y: vector(y, 10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]),
        np.array([-8.0, 8.0, 27.0]),
        (0.0, 16.0),
        f"E. Lorenz, J. Atmos. Sci. 20, 1963; chaotic: an error grows about 2.5-fold a unit of time; {_EXTRAPOLATED}",
        y1=np.array([-9.13131302736875293, -12.4761788110782533, 22.8433389609823882]),
    ),
    Problem(
        "FitzHugh–Nagumo",
        lambda t, y: vector(y, y[0] - y[0] ** 3 / 3 - y[1] + 0.5, (y[0] + 0.7 - 0.8 * y[1]) / 12.5),
        np.array([1.0, 1.0]),
        (0.0, 100.0),
        f"R. FitzHugh, Biophys. J. 1, 1961; {_EXTRAPOLATED}",
        y1=np.array([-1.34531839618205788, -0.0894490421088796254]),
    ),
    Problem(
        "pendulum",
        lambda t, y: vector(y, y[1], -namespace(y).sin(y[0])),
        np.array([1.0, 0.0]),
        (0.0, 20.0),
        f"θ'' = −sin θ; {_EXTRAPOLATED}",
        y1=np.array([0.995800677124368115, 0.0840099285483719013]),
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
        lambda t, y: vector(y, -0.1 * y[0] ** 3 - 2 * y[1] ** 3, 2 * y[0] ** 3 - 0.1 * y[1] ** 3),
        np.array([2.0, 0.0]),
        (0.0, 25.0),
        f"the spiral of Chen et al. 2018; {_EXTRAPOLATED}",
        y1=np.array([-0.443623486698634945, 0.279440641618938998]),
    ),
)
