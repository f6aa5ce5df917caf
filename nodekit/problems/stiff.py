"""Stiff initial value problems: an explicit method is slowed down by stability, not by accuracy (lessons 14 and 15).

Their references are published ones, each recomputed with Radau IIA at rtol 1e-11 or tighter; several of their
components live on scales of their own, which `Problem.atol` knows.
Source: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 1996, sections IV.1 and IV.10; F. Mazzia,
C. Magherini, Test Set for Initial Value Problem Solvers, CWI and Bari, 2008.
"""

from math import pi

import numpy as np

from nodekit.arrays import namespace
from nodekit.problems.problem import Problem, over_time, vector

_TEST_SET = "Test Set for IVP Solvers (CWI and Bari), problem "


def _robertson(t, y):
    slow, middle, quick = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return vector(y, middle - slow, slow - middle - quick, quick)


def _hires(t, y):
    r = 280 * y[5] * y[7]
    return vector(
        y,
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
        1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
        8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * (y[5] + y[6]),
        -r + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
        r - 1.81 * y[6],
        -r + 1.81 * y[6],
    )


def _pyrolysis(t, y):
    """E5 with y3 = y2 − y4 put in: as four equations, rounding errors break that invariant and spoil the end."""
    y3 = y[1] - y[2]
    first, second = 7.89e-10 * y[0], 1.1e7 * y[0] * y3
    return vector(y, -first - second, first - 1.13e9 * y[1] * y3, second - 1.13e3 * y[2])


def prothero_robinson(rate=-1e6):
    """y' = rate (y − φ(t)) + φ'(t), φ(t) = sin(π/4 + t), y(0) = φ(0): y = φ, whatever the rate.

    Source: A. Prothero, A. Robinson, Math. Comp. 28, 1974; φ as in Hairer, Wanner 1996, section IV.15.
    """

    def f(t, y):
        xp = namespace(y)
        return rate * (y - xp.sin(pi / 4 + t)) + xp.cos(pi / 4 + t)

    exact = over_time(lambda t: np.sin(pi / 4 + t))
    source = f"Prothero, Robinson, Math. Comp. 28, 1974, rate {rate:g}"
    return Problem("Prothero–Robinson", f, exact(0.0), (0.0, 10.0), source, exact, stiff=rate < -50)


def relaxation(rate=100.0):
    """y' = −rate (y − cos t) from 0: a quick transient, then nearly cos t. It strains the adjoint of lesson 06.

    On the border: with the rate 100 stability limits explicit steps at rtol = 1e-3, and accuracy at 1e-6.
    """
    a, b = rate**2 / (1 + rate**2), rate / (1 + rate**2)
    exact = over_time(lambda t: a * np.cos(t) + b * np.sin(t) - a * np.exp(-rate * t))

    def f(t, y):
        return -rate * (y - namespace(y).cos(t))

    source = f"linear, rate {rate:g}; exact by an integrating factor"
    return Problem("relaxation", f, np.zeros(1), (0.0, 5.0), source, exact, stiff=rate > 1000)


_ROBERTSON = "H. Robertson, The solution of a set of reaction rate equations, 1966, "

STIFF = (
    Problem(
        "van der Pol 1e-6",
        lambda t, y: vector(y, y[1], ((1 - y[0] ** 2) * y[1] - y[0]) / 1e-6),
        np.array([2.0, 0.0]), (0.0, 2.0),
        _TEST_SET + "vdpol, in the slow time; digits recomputed",
        y1=np.array([1.706167732170483, -0.8928097010247975]), stiff=True,
    ),
    Problem(
        "van der Pol 1000",
        lambda t, y: vector(y, y[1], 1000 * (1 - y[0] ** 2) * y[1] - y[0]),
        np.array([2.0, 0.0]), (0.0, 2000.0),
        _TEST_SET + "vdpol, μ = 1000; digits recomputed",
        y1=np.array([1.706167732170469, -0.8928097010248125e-3]), stiff=True, scale=np.array([1.0, 1e-3]),
    ),
    Problem(
        "Robertson 40", _robertson, np.array([1.0, 0.0, 0.0]), (0.0, 40.0),
        _ROBERTSON + "as in Hairer, Wanner 1996, section IV.1; digits recomputed",
        y1=np.array([0.715827069, 9.18553476e-6, 0.284163746]), stiff=True, scale=np.array([1.0, 1e-5, 1.0]),
    ),
    Problem(
        "Robertson 1e11", _robertson, np.array([1.0, 0.0, 0.0]), (0.0, 1e11),
        _TEST_SET + "rober; digits recomputed",
        y1=np.array([2.083340149701255e-8, 8.333360770334713e-14, 0.9999999791665050]), stiff=True,
        scale=np.array([1e-8, 1e-14, 1.0]),
    ),
    Problem(
        "HIRES", _hires, np.array([1.0, 0, 0, 0, 0, 0, 0, 0.0057]), (0.0, 321.8122),
        _TEST_SET + "hires; digits recomputed to 4e-13",
        y1=np.array([
            0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
            0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2,
        ]), stiff=True, scale=1e-3,
    ),
    prothero_robinson(),
    relaxation(),
    Problem(
        "E5", _pyrolysis, np.array([1.76e-3, 0.0, 0.0]), (0.0, 1e13),
        _TEST_SET + "E5, with y3 = y2 − y4 put in (states y1, y2, y4): the published end breaks that invariant by "
        "1.4e-3 of y2; digits by Radau IIA at three tolerances that agree to twelve of them",
        y1=np.array([0.0, 8.86123352129e-23, 0.0]), stiff=True, scale=1e-18,
    ),
)  # fmt: skip
