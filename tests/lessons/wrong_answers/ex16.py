"""Wrong answers to the exercises of lesson 16."""

import numpy as np


def split(g):
    d = g.shape[-1] // 2
    return g[..., :d], g[..., d:]


def turned(make):
    """An answer to symplectic_gradient from (∂H/∂q, ∂H/∂p)."""

    def symplectic_gradient(g):
        return make(*split(g))

    return symplectic_gradient


def join(*parts):
    return np.concatenate(parts, axis=-1)


def in_place(g):
    d = g.shape[-1] // 2
    g[..., :d], g[..., d:] = g[..., d:].copy(), -g[..., :d]
    return g


def pairs(g):
    return np.stack([g[..., 1::2], -g[..., ::2]], -1).reshape(g.shape)


def first_axis(g):
    d = len(g) // 2
    return np.concatenate([g[d:], -g[:d]])


def drift(make):
    """An answer to energy_drift."""

    def energy_drift(t, E):
        return make(t, E)

    return energy_drift


def steps(*moves, force=1, new=True, swap=False):
    """An answer to leapfrog_step: ("kick", share) and ("drift", share) in turn; new: kicks see the newest q."""

    def leapfrog_step(dT, dV, q, p, h):
        old = q
        for what, share in moves:
            if what == "kick":
                p = p - force * share * h * dV(q if new else old)
            else:
                q = q + share * h * dT(p)
        return (p, q) if swap else (q, p)

    return leapfrog_step


def euler(dT, dV, q, p, h):
    return q + h * dT(p), p - h * dV(q)


def mass_one(dT, dV, q, p, h):
    p = p - h / 2 * dV(q)
    q = q + h * p
    return q, p - h / 2 * dV(q)


def leapfrog_in_place(dT, dV, q, p, h):
    p -= h / 2 * dV(q)
    q += h * dT(p)
    p -= h / 2 * dV(q)
    return q, p


def bodies(velocity=lambda p, m: p / m, force=lambda m1, m2, a, r: m1 * m2 * a / r**3, signs=(-1, 1)):
    """An answer to two_body_field with one of its parts replaced."""

    def two_body_field(x, m1, m2):
        q1, q2, p1, p2 = np.split(x, 4)
        pull = force(m1, m2, q1 - q2, np.linalg.norm(q1 - q2))
        return np.concatenate([velocity(p1, m1), velocity(p2, m2), signs[0] * pull, signs[1] * pull])

    return two_body_field


def accelerations(x, m1, m2):
    result = bodies()(x, m1, m2)
    return result / np.array([1, 1, 1, 1, m1, m1, m2, m2])


def kick_from_old(dT, dV, q, p, h):
    q = q + h * dT(p - h / 2 * dV(q))
    return q, p - h / 2 * dV(q)


def own_mass(x, m1, m2):
    return bodies()(x, m1, m2) / np.array([1, 1, 1, 1, m2, m2, m1, m1])


def crossed(x, m1, m2):
    return bodies()(x, m1, m2) * np.array([m1 / m2, m1 / m2, m2 / m1, m2 / m1, 1, 1, 1, 1])


KICK, DRIFT = ("kick", 1), ("drift", 1)
HALF_KICK, HALF_DRIFT = ("kick", 0.5), ("drift", 0.5)

WRONG = {
    "symplectic_gradient": {
        "all zeros": (np.zeros_like, "J g is off"),
        "the gradient": (lambda g: 1.0 * g, "energy grows as fast"),
        "signs exchanged": (turned(lambda dq, dp: join(-dp, dq)), "The signs are exchanged"),
        "no sign": (turned(lambda dq, dp: join(dp, dq)), "minus sign is missing"),
        "not exchanged": (turned(lambda dq, dp: join(dq, -dp)), "halves are not exchanged"),
        "both negative": (turned(lambda dq, dp: join(-dp, -dq)), "Both halves have a minus sign"),
        "pairs": (pairs, "yours takes pairs"),
        "the first axis": (first_axis, "not of the first"),
        "in place": (in_place, "changed g itself"),
        "half of it": (turned(lambda dq, dp: dp), "was expected"),
        "descent": (lambda g: -g, "The energy falls along it"),
    },
    "energy_drift": {
        "zero": (drift(lambda t, E: 0.0), "the drift of"),
        "the two ends": (drift(lambda t, E: float((E[-1] - E[0]) / (t[-1] - t[0]))), "Take all points"),
        "not per time": (drift(lambda t, E: float(E[-1] - E[0])), "divide by it"),
        "per sample": (drift(lambda t, E: float(np.polyfit(np.arange(len(t)), E, 1)[0])), "per sample"),
        "the largest": (drift(lambda t, E: float(np.abs(E - E[0]).max())), "does not drift"),
        "spread": (drift(lambda t, E: float(E.std())), "standard deviation"),
        "no sign": (drift(lambda t, E: abs(float(np.polyfit(t, E, 1)[0]))), "sign is lost"),
        "turned": (drift(lambda t, E: -float(np.polyfit(t, E, 1)[0])), "sign is turned"),
        "intercept": (drift(lambda t, E: float(np.polyfit(t, E, 1)[1])), "the slope first"),
        "through the origin": (drift(lambda t, E: float(np.sum(t * E) / np.sum(t**2))), "needs an intercept"),
        "both coefficients": (drift(lambda t, E: np.polyfit(t, E, 1)), "one number was expected"),
        "relative": (drift(lambda t, E: float(np.polyfit(t, E / E[0], 1)[0])), "relative to the first energy"),
        "through the first point": (
            drift(lambda t, E: float(np.sum((t - t[0]) * (E - E[0])) / np.sum((t - t[0]) ** 2))),
            "forced through the first point",
        ),
        "mean of differences": (drift(lambda t, E: float(np.mean(np.diff(E) / np.diff(t)))), "Short intervals"),
    },
    "leapfrog_step": {
        "nothing moves": (lambda dT, dV, q, p, h: (1.0 * q, 1.0 * p), "(q, p) is off"),
        "wrong force": (steps(HALF_KICK, DRIFT, HALF_KICK, force=-1), "wrong sign"),
        "old force": (steps(HALF_KICK, DRIFT, HALF_KICK, new=False), "NEW position"),
        "symplectic Euler": (steps(KICK, DRIFT), "symplectic Euler, of order 1. Leapfrog halves"),
        "the other symplectic Euler": (steps(DRIFT, KICK), "begins with half a kick"),
        "Euler": (euler, "Euler's method"),
        "one kick": (steps(HALF_KICK, DRIFT), "second half kick is missing"),
        "whole kicks": (steps(KICK, DRIFT, KICK), "Both kicks are whole"),
        "half drift": (steps(HALF_KICK, HALF_DRIFT, HALF_KICK), "half as long"),
        "drift first": (steps(HALF_DRIFT, KICK, HALF_DRIFT), "drift–kick–drift"),
        "second kick from the old p": (kick_from_old, "the first half kick is lost"),
        "drift backwards": (steps(HALF_KICK, ("drift", -1), HALF_KICK), "goes backwards"),
        "mass 1": (mass_one, "the mass need not be 1"),
        "h fixed": (lambda dT, dV, q, p, h: steps(HALF_KICK, DRIFT, HALF_KICK)(dT, dV, q, p, 0.3), "does not undo"),
        "h not negative": (
            lambda dT, dV, q, p, h: steps(HALF_KICK, DRIFT, HALF_KICK)(dT, dV, q, p, abs(h)),
            "does not undo a step by h",
        ),
        "exchanged": (steps(HALF_KICK, DRIFT, HALF_KICK, swap=True), "return q, p"),
        "in place": (leapfrog_in_place, "itself"),
        "joined": (lambda dT, dV, q, p, h: np.concatenate([q, p, p]), "2 things are returned: return q, p"),
    },
    "two_body_field": {
        "all zeros": (lambda x, m1, m2: np.zeros(8), "x' is off"),
        "repelling": (bodies(signs=(1, -1)), "They repel"),
        "the same force": (bodies(signs=(-1, -1)), "point the same way"),
        "one power too few": (bodies(force=lambda m1, m2, a, r: m1 * m2 * a / r**2), "divide it by r³"),
        "two powers too few": (bodies(force=lambda m1, m2, a, r: m1 * m2 * a / r), "off by a power of r"),
        "velocities": (bodies(velocity=lambda p, m: p), "a momentum is no velocity"),
        "times the mass": (bodies(velocity=lambda p, m: p * m), "not p m"),
        "no masses": (bodies(force=lambda m1, m2, a, r: a / r**3), "masses are missing"),
        "accelerations": (accelerations, "These are accelerations"),
        "the other's mass": (crossed, "the other body's mass"),
        "half the momentum": (bodies(velocity=lambda p, m: p / (2 * m)), "not p/(2m)"),
        "one mass": (own_mass, "one mass too few"),
        "softened a little": (
            bodies(force=lambda m1, m2, a, r: m1 * m2 * a / (r**2 + 1e-10) ** 1.5),
            "no such softening",
        ),
        "softened": (bodies(force=lambda m1, m2, a, r: m1 * m2 * a / (r**3 + 1e-6)), "no such softening"),
        "softened much": (bodies(force=lambda m1, m2, a, r: m1 * m2 * a / (r**2 + 0.1) ** 1.5), "x' is off"),
        "half of it": (lambda x, m1, m2: bodies()(x, m1, m2)[:4], "was expected"),
    },
}
