"""The implicit Runge–Kutta methods (backward Euler and the trapezoidal rule are built in lesson 14, the rest in 15).

Adding a method is adding a `Tableau` whose rows are complete; it is tested as an explicit one is.
"""

from math import sqrt

import numpy as np

from nodekit.methods.tableau import Tableau


def collocation(c):
    """a and dense weights of the collocation method with the nodes c: integrals of their Lagrange polynomials.

    Returns (a, dense_weights): s rows of s. Source: Hairer, Nørsett, Wanner 1993, theorem II.7.7.
    """
    integrals = []
    for i in range(len(c)):
        lagrange = np.poly1d([1.0])
        for j in range(len(c)):
            if j != i:
                lagrange *= np.poly1d([1.0, -c[j]]) / (c[i] - c[j])
        integrals.append(lagrange.integ())
    a = tuple(tuple(float(p(c_i)) for p in integrals) for c_i in c)
    return a, tuple(tuple(float(x) for x in p.coeffs[::-1][1:]) for p in integrals)


def from_nodes(name, order, c, source, **error):
    """The collocation method with the nodes c."""
    a, dense = collocation(c)
    b = a[-1] if c[-1] == 1 else tuple(float(sum(row)) for row in dense)
    dense_order = min(order, len(c) + 1)
    return Tableau(name, order, c, a, b, source, dense_weights=dense, dense_order=dense_order, **error)


def esdirk(name, order, rows, source, embedded=None, **more):
    """A method whose first stage is f(t, y), and whose last is y(t + h); rows from the second on."""
    s = len(rows) + 1
    a = ((0.0,) * s, *(tuple(map(float, row)) + (0.0,) * (s - len(row)) for row in rows))
    b_error = None if embedded is None else tuple(x - y for x, y in zip(a[-1], embedded, strict=True))
    return Tableau(name, order, tuple(map(sum, a)), a, a[-1], source, b_error=b_error, **more)


_S6 = sqrt(6)
_RADAU5_NODES = ((4 - _S6) / 10, (4 + _S6) / 10, 1.0)
# 1/γ₀ is the real eigenvalue of the inverse of a; the estimate is γ₀ h f(t, y) + Σ e_i (Y_i − y), here in slopes.
_GAMMA0 = 1 / (3 + 3 ** (2 / 3) - 3 ** (1 / 3))
_E = _GAMMA0 / 3 * np.array([-13 - 7 * _S6, -13 + 7 * _S6, -1])
_RADAU_ERROR = tuple(float(x) for x in _E @ np.array(collocation(_RADAU5_NODES)[0]))

_G = 1 - sqrt(0.5)  # sdirk2
_D, _W = 1 - sqrt(0.5), sqrt(2) / 4  # trbdf2
_K3 = 0.43586652150845899942  # kvaerno3: the root of 6x³ − 18x² + 9x − 1 that makes it L-stable
_K3_ROW2 = ((-4 * _K3**2 + 6 * _K3 - 1) / (4 * _K3), (1 - 2 * _K3) / (4 * _K3), _K3)
_K3_ROW3 = (
    (6 * _K3 - 1) / (12 * _K3),
    -1 / ((24 * _K3 - 12) * _K3),
    (-6 * _K3**2 + 6 * _K3 - 1) / (6 * _K3 - 3),
    _K3,
)
_K5 = 0.26
_K5_ROWS = (
    (_K5, _K5),
    (0.13, 0.84033320996790809, _K5),
    (0.22371961478320505, 0.47675532319799699, -0.06470895363112615, _K5),
    (0.16648564323248321, 0.10450018841591720, 0.03631482272098715, -0.13090704451073998, _K5),
    (0.13855640231268224, 0.0, -0.04245337201752043, 0.02446657898003141, 0.61943039072480676, _K5),
    (
        0.13659751177640291, 0.0, -0.05496908796538376, -0.04118626728321046, 0.62993304899016403,
        0.06962479448202728, _K5,
    ),
)  # fmt: skip
# Of order 4 at every θ, and smooth from step to step: Σ b_i(θ) (1, c_i, c_i², c_i³, (A c²)_i) = (θ, θ²/2, θ³/3, θ⁴/4,
# θ⁴/12), b(1) = b, b'(0) and b'(1) the slopes at the ends. What that leaves open is least squares of the conditions of
# order 5 over θ, with small weights. Made for this package: 30 times as accurate as a cubic Hermite one at 1e-10.
_K5_DENSE = (
    (1.0, -2.114948884273401, 1.749484586906096, -0.471134962109968, -0.02680322874632383),
    (0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.568556071675035, -1.528239308496857, 1.075964962141676, -0.17125081328523767),
    (0.0, -2.104771580988428, 3.146479262031104, -0.184575117512976, -0.8983188308129108),
    (0.0, 3.486999185244178, -4.310559751571845, 1.309787192361974, 0.14370642295585712),
    (0.0, 0.108338720591485, 0.464305043903039, -0.905502277170391, 0.40248330715789427),
    (0.0, 0.055826487751104, 0.478530167228486, -0.824539797710282, 0.5501831427306919),
)
_BUTCHER = "J. C. Butcher, Math. Comp. 18, 1964: Gauss–Legendre"
_KVAERNO = "A. Kværnø, BIT 44(3), 2004"
_HW = "E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 1996, "

METHODS = {
    m.name: m
    for m in (
        from_nodes("implicit_euler", 1, (1.0,), "C. Curtiss, J. Hirschfelder, PNAS 38, 1952: backward Euler"),
        from_nodes("implicit_midpoint", 2, (0.5,), "P. Hammer, J. Hollingsworth, MTAC 9, 1955; symplectic"),
        esdirk("trapezoid", 2, ((0.5, 0.5),), "J. Crank, P. Nicolson, Proc. Camb. Phil. Soc. 43, 1947"),
        Tableau(
            "sdirk2", 2, (_G, 1.0), ((_G, 0.0), (1 - _G, _G)), (1 - _G, _G),
            "R. Alexander, SIAM J. Numer. Anal. 14(6), 1977; L-stable",
            # the parabola with y at both ends and the slope at the second
            dense_weights=((2 * (1 - _G), -(1 - _G)), (2 * _G - 1, 1 - _G)), dense_order=2,
        ),
        esdirk(
            "trbdf2", 2, ((_D, _D), (_W, _W, _D)),
            "R. Bank et al., IEEE Trans. CAD 4, 1985; estimate: M. Hosea, L. Shampine, Appl. Numer. Math. 20, 1996",
            embedded=((1 - _W) / 3, (3 * _W + 1) / 3, _D / 3), error_order=3, filter_error=True,
        ),
        esdirk(
            "kvaerno3", 3, ((_K3, _K3), _K3_ROW2, _K3_ROW3), _KVAERNO + ", 3(2)",
            embedded=(*_K3_ROW2, 0.0), error_order=3,
        ),
        esdirk(
            "kvaerno5", 5, _K5_ROWS, _KVAERNO + ", 5(4)", embedded=(*_K5_ROWS[-2], 0.0), error_order=5,
            dense_weights=_K5_DENSE, dense_order=5,
        ),
        from_nodes("radauIIA3", 3, (1 / 3, 1.0), "B. L. Ehle, thesis, 1969; " + _HW + "IV.5"),
        from_nodes("radauIIA5", 5, _RADAU5_NODES, "B. L. Ehle, thesis, 1969; " + _HW + "IV.5"),
        from_nodes(
            "radau", 5, _RADAU5_NODES, _HW + "IV.8: Radau IIA of order 5 with an error estimate",
            b_error=_RADAU_ERROR, error_start=_GAMMA0, filter_error=True, error_order=4,
        ),
        from_nodes("gl4", 4, (0.5 - sqrt(3) / 6, 0.5 + sqrt(3) / 6), _BUTCHER),
        from_nodes("gl6", 6, (0.5 - sqrt(15) / 10, 0.5, 0.5 + sqrt(15) / 10), _BUTCHER),
    )
}  # fmt: skip
