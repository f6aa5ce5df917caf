"""DETEST: the twenty-five non-stiff problems of Hull, Enright, Fellen and Sedgwick, each from t = 0 to 20.

Source: T. Hull, W. Enright, B. Fellen, A. Sedgwick, "Comparing numerical methods for ordinary differential
equations", SIAM J. Numer. Anal. 9(4), 1972. Classes: A single equations, B small systems, C moderate systems,
D orbits, E second-order equations. The digits of y(20) are from extrapolation (Gragg, Bulirsch, Stoer) in
arithmetic of 35 or more digits, at two orders and tolerances that agree to all the digits given.
"""

from math import cos, factorial, pi, sin, sqrt

import numpy as np

from nodekit.arrays import namespace
from nodekit.problems.problem import Problem, constant, linear, over_time, vector

_SOURCE = "Hull, Enright, Fellen, Sedgwick, SIAM J. Numer. Anal. 9(4), 1972, problem "


def _detest(number, f, y0, y1=None, exact=None, words=""):
    y1 = None if y1 is None else np.array(y1)
    source = _SOURCE + number + words
    return Problem(f"DETEST {number}", f, np.array(y0, float), (0.0, 20.0), source, exact, y1)


def _unit(d):
    return np.eye(d)[0]


def _chain(rates):
    """The matrix of a radioactive chain: y_i' = rates_(i−1) y_(i−1) − rates_i y_i."""
    return np.diag(np.negative(rates)) + np.diag(rates[:-1], -1)


def _diffusion(d):
    """(f, exact) of y_j' = y_(j−1) − 2 y_j + y_(j+1), y_0 = y_(d+1) = 0, from the first unit vector."""
    matrix = np.diag(np.full(d, -2.0)) + np.diag(np.ones(d - 1), 1) + np.diag(np.ones(d - 1), -1)
    k = np.arange(1, d + 1) * pi / (d + 1)
    modes = np.sin(np.outer(k, np.arange(1, d + 1))) * np.sin(k)[:, None] * 2 / (d + 1)
    return linear(matrix), lambda t: np.exp(np.multiply.outer(np.asarray(t, float), 2 * np.cos(k) - 2)) @ modes


def _torus(t, y):
    r = (y[0] ** 2 + y[1] ** 2) ** 0.5
    return vector(y, -y[1] - y[0] * y[2] / r, y[0] - y[1] * y[2] / r, y[0] / r)


# C5: Jupiter, Saturn, Uranus, Neptune and Pluto about the Sun; masses in its own, lengths in astronomical units, times
# in 100 days. Rows: x, y, z of the planets, then their velocities.
_K2, _SUN = 2.95912208286, 1.00000597682
_PLANETS = np.array([0.000954786104043, 0.000285583733151, 0.0000437273164546, 0.0000517759138449, 0.00000277777777778])
_PLANETS_START = np.array([
    [3.42947415189, 3.35386959711, 1.35494901715], [6.64145542550, 5.97156957878, 2.18231499728],
    [11.2630437207, 14.6952576794, 6.27960525067], [-30.1552268759, 1.65699966404, 1.43785752721],
    [-21.1238353380, 28.4465098142, 15.3882659679],
    [-0.557160570446, 0.505696783289, 0.230578543901], [-0.415570776342, 0.365682722812, 0.169143213293],
    [-0.325325669158, 0.189706021964, 0.0877265322780], [-0.0240476254170, -0.287659532608, -0.117219543175],
    [-0.176860753121, -0.216393453025, -0.0148647893090],
])  # fmt: skip
_PLANETS_END = np.array([
    [-4.7927302243236349039, -2.4205507254490220624, -0.92125093060151186795],
    [-4.2173104040352133935, 7.3562029474989699722, 3.2237859854212117716],
    [4.0355594432622705619, 17.198655286705549634, 7.478910794233702761],
    [-29.98759326324844224, -4.1073109375509295648, -0.92770083217544082989],
    [-24.421253025184827742, 23.81459045746554446, 14.920963069513588083],
    [0.34992089630639972945, -0.57484876879128027448, -0.25516940208791443769],
    [-0.52370409789033254563, -0.24930004635796617291, -0.08045341642044465707],
    [-0.38752892373341095316, 0.056486032887678920827, 0.030236064721433430001],
    [0.041338565467124461742, -0.28623930298413793068, -0.11830324051362070182],
    [-0.15119864573592056076, -0.24600688943187656296, -0.031896874113238770859],
])  # fmt: skip


def _planets(t, y):
    """Motion about the Sun, which is itself pulled by the planets: the last term."""
    m, q = constant(_PLANETS, y), y[:15].reshape((5, 3))
    apart = q[None] - q[:, None]  # (5, 5, 3), from planet j to planet k
    r3 = (q**2).sum(-1) ** 1.5
    apart3 = ((apart**2).sum(-1) + constant(np.eye(5), y)) ** 1.5  # 1 where j = k: there `apart` is zero
    pull = (m[None, :, None] * apart / apart3[:, :, None]).sum(1)
    acceleration = _K2 * (pull - _SUN * q / r3[:, None] - (m / r3) @ q)
    return namespace(y).concatenate([y[15:], acceleration.reshape(-1)])


def _kepler(t, y):
    r3 = (y[0] ** 2 + y[1] ** 2) ** 1.5
    return vector(y, y[2], y[3], -y[0] / r3, -y[1] / r3)


def _ellipse(e):
    """exact(t) of the orbit with eccentricity e, from Kepler's equation u − e sin u = t by Newton's method."""
    w = sqrt(1 - e * e)

    def exact(t):
        t = np.asarray(t, float)
        u = t + e * np.sign(np.sin(t))  # on the convex side: Newton's iteration cannot leave it
        for _ in range(50):
            u = u - (u - e * np.sin(u) - t) / (1 - e * np.cos(u))
        d = 1 - e * np.cos(u)
        return np.stack([np.cos(u) - e, w * np.sin(u), -np.sin(u) / d, w * np.cos(u) / d], -1)

    return exact


def _orbit(number, e, y1=None):
    start = [1 - e, 0.0, 0.0, sqrt((1 + e) / (1 - e))]
    return _detest(number, _kepler, start, y1, _ellipse(e), f": Kepler's orbit of eccentricity {e}")


def _bessel(t, y):
    return vector(y, y[1], -(y[1] / (t + 1) + (1 - 0.25 / (t + 1) ** 2) * y[0]))


_C2_SHAPE = [lambda t, i=i: np.exp(-t) * (-np.expm1(-t)) ** i for i in range(9)]
_C1_SHAPE = [lambda t, i=i: np.exp(-t) * t**i / factorial(i) for i in range(9)]
_RHO = sqrt(0.032 * 0.4)  # E4

DETEST = (
    _detest("A1", lambda t, y: -y, [1], [2.061153622438557828e-9], over_time(lambda t: np.exp(-t))),
    _detest("A2", lambda t, y: -(y**3) / 2, [1], [0.21821789023599238127], over_time(lambda t: (1 + t) ** -0.5)),
    _detest(
        "A3", lambda t, y: y * namespace(y).cos(t), [1], [2.4916502718504145235],
        over_time(lambda t: np.exp(np.sin(t))), ": oscillating growth",
    ),
    _detest(
        "A4", lambda t, y: y / 4 * (1 - y / 20), [1], [17.730166481314839849],
        over_time(lambda t: 20 / (1 + 19 * np.exp(-t / 4))), ": logistic growth",
    ),
    _detest("A5", lambda t, y: (y - t) / (y + t), [4], [-0.78878266889640142373], words=": a spiral"),
    _detest(
        "B1", lambda t, y: vector(y, 2 * (y[0] - y[0] * y[1]), -(y[1] - y[0] * y[1])), [1, 3],
        [0.67618760085766066073, 0.18608160996400298008], words=": predator and prey",
    ),
    _detest(
        "B2", linear(np.array([[-1.0, 1.0, 0.0], [1.0, -2.0, 1.0], [0.0, 1.0, -1.0]])), [2, 0, 1],
        [1.0000000010305768112, 1.0, 0.99999999896942318878],
        over_time(
            lambda t: 1 + np.exp(-t) / 2 + np.exp(-3 * t) / 2,
            lambda t: 1 - np.exp(-3 * t),
            lambda t: 1 - np.exp(-t) / 2 + np.exp(-3 * t) / 2,
        ), ": a linear reaction",
    ),
    _detest(
        "B3", lambda t, y: vector(y, -y[0], y[0] - y[1] ** 2, y[1] ** 2), [1, 0, 0],
        [2.061153622438557828e-9, 0.052572280220485125289, 0.94742771771836125227], words=": a nonlinear reaction",
    ),
    _detest(
        "B4", _torus, [3, 0, 0], [0.98269509280065304993, 2.1984470816949297022, 0.91294525072762765438],
        words=": a curve on a torus",
    ),
    _detest(
        "B5", lambda t, y: vector(y, y[1] * y[2], -y[0] * y[2], -0.51 * y[0] * y[1]), [0, 1, 1],
        [-0.93965707987292039619, -0.34211777540007490653, 0.74141265961999530078],
        words=": Euler's rigid body, (sn, cn, dn)(t | m = 0.51)",
    ),
    _detest(
        "C1", linear(_chain([1.0] * 9 + [0.0])), _unit(10),
        [
            2.061153622438557828e-9, 4.1223072448771156559e-8, 4.1223072448771156559e-7, 2.748204829918077104e-6,
            0.00001374102414959038552, 0.000054964096598361542079, 0.00018321365532787180693,
            0.00052346758665106230552, 0.0013086689666276557638, 0.9979127409508649812,
        ], over_time(*_C1_SHAPE, lambda t: 1 - sum(y(t) for y in _C1_SHAPE)), ": a radioactive chain",
    ),
    _detest(
        "C2", linear(_chain([*range(1, 10), 0.0])), _unit(10),
        [
            2.061153622438557828e-9, 2.0611536181902035727e-9, 2.0611536139418493261e-9, 2.0611536096934950884e-9,
            2.0611536054451408593e-9, 2.0611536011967866391e-9, 2.0611535969484324276e-9, 2.0611535927000782248e-9,
            2.0611535884517235196e-9, 0.99999998144961755099,
        ], over_time(*_C2_SHAPE, lambda t: (-np.expm1(-t)) ** 9), ": a radioactive chain",
    ),
    _detest(
        "C3", _diffusion(10)[0], _unit(10),
        [
            0.0029481192110226994126, 0.0056353801548452959208, 0.0078290725159270382936, 0.0093482579085955970833,
            0.01007943610301980475, 0.0099826741714294890142, 0.0090886933327653319025, 0.007489115195185085004,
            0.005322964130952675595, 0.0027624343790295144324,
        ], _diffusion(10)[1], ": diffusion, 10 components",
    ),
    _detest("C4", _diffusion(51)[0], _unit(51), None, _diffusion(51)[1], ": diffusion, 51 components"),
    _detest(
        "C5", _planets, _PLANETS_START.reshape(-1), _PLANETS_END.reshape(-1),
        words=": five planets; digits by extrapolation in 35-digit arithmetic, energy kept to 5e-17",
    ),
    _orbit(
        "D1", 0.1,
        [0.21988353520083966128, 0.94270768463418130852, -0.97876598410581765146, 0.32879779909620360826],
    ),
    _orbit(
        "D2", 0.3,
        [-0.17770273571404116933, 0.94677847199058925804, -1.030294163192969574, 0.12110748900539521633],
    ),
    _orbit("D3", 0.5),
    _orbit(
        "D4", 0.7,
        [-0.95389902934163943974, 0.6907409024219431517, -0.82126742708774330945, -0.1539574259125824708],
    ),
    _orbit("D5", 0.9),
    _detest(
        "E1", _bessel, [sqrt(2 / pi) * sin(1), sqrt(2 / pi) * (cos(1) - sin(1) / 2)],
        [0.14567236007282468436, -0.098835001955745789211],
        over_time(
            lambda t: np.sqrt(2 / pi / (t + 1)) * np.sin(t + 1),
            lambda t: np.sqrt(2 / pi / (t + 1)) * (np.cos(t + 1) - np.sin(t + 1) / (2 * (t + 1))),
        ), ": Bessel's equation of order 1/2",
    ),
    _detest(
        "E2", lambda t, y: vector(y, y[1], (1 - y[0] ** 2) * y[1] - y[0]), [2, 0],
        [2.008149762174948592, -0.042508875273202146986], words=": van der Pol's equation, μ = 1",
    ),
    _detest(
        "E3", lambda t, y: vector(y, y[1], y[0] ** 3 / 6 - y[0] + 2 * namespace(y).sin(2.78535 * t)), [0, 0],
        [-0.10041788586472407104, 0.24114001320959555824], words=": Duffing's equation",
    ),
    _detest(
        "E4", lambda t, y: vector(y, y[1], 0.032 - 0.4 * y[1] ** 2), [30, 0],
        [33.950914446465563998, 0.27678226596728677902],
        over_time(lambda t: 30 + np.log(np.cosh(_RHO * t)) / 0.4, lambda t: _RHO / 0.4 * np.tanh(_RHO * t)),
        ": a falling body",
    ),
    _detest(
        "E5", lambda t, y: vector(y, y[1], (1 + y[1] ** 2) ** 0.5 / (25 - t)), [0, 0], [14.117973905426254683, 2.4],
        over_time(
            lambda t: (25 * np.log(25 / (25 - t)) - t + t**2 / 50) / 2,
            lambda t: (25 / (25 - t) - (25 - t) / 25) / 2,
        ), ": pursuit",
    ),
)  # fmt: skip
