"""Wrong answers to the exercises of lesson 25."""

import math

import numpy as np


def rounds(formula, whole=math.ceil, least=0):
    return lambda L, first, tol: max(least, whole(formula(L, first, tol)))


def exact(L, first, tol):
    return math.log(tol * (1 - L) / first) / math.log(L)


def gradient(sign=1.0, again=True, extra=0, zero=False, through=True, in_place=False):
    """An answer to equilibrium_gradient with one thing changed."""

    def equilibrium_gradient(vjp_z, vjp_x, g, rounds):
        u = np.zeros_like(g) if zero else g
        for _ in range(rounds + extra):
            if in_place:
                u += vjp_z(u)
            else:
                u = (g if again else 0.0) + sign * vjp_z(u)
        return vjp_x(u) if through else u

    return equilibrium_gradient


def through_each_time(vjp_z, vjp_x, g, rounds):
    total, term = vjp_x(g), g
    for _ in range(rounds):
        term = vjp_z(term)
        total = total + vjp_x(term)
    return total


def updated(change, divisor):
    return lambda H, dz, dg: H + change(H, dz, dg) / divisor(H, dz, dg)


def own(H, dz, dg):
    return np.outer(dz - H @ dg, dz @ H)


def length(H, dz, dg):
    return dz @ H @ dg


def jacobian_update(H, dz, dg):
    B = np.linalg.inv(H)
    return B + np.outer(dg - B @ dz, dz) / (dz @ dz)


def updated_in_place(H, dz, dg):
    H += own(H, dz, dg) / length(H, dz, dg)
    return H


WRONG = {
    "rounds_needed": {
        "no 1 - L": (rounds(lambda L, first, tol: math.log(tol / first) / math.log(L)), "missing its factor 1/(1 - L)"),
        "1 - L above": (
            rounds(lambda L, first, tol: math.log(tol / (1 - L) / first) / math.log(L)),
            "on the wrong side",
        ),
        "no first change": (
            rounds(lambda L, first, tol: math.log(tol * (1 - L)) / math.log(L)),
            "first change is missing",
        ),
        "times the first change": (
            rounds(lambda L, first, tol: math.log(tol * (1 - L) * first) / math.log(L)),
            "yours multiplies it",
        ),
        "down": (rounds(exact, math.floor), "round up"),
        "one more": (rounds(lambda *case: exact(*case) + 1), "one round fewer is enough"),
        "never 0": (rounds(exact, least=1), "0 is the answer"),
        "negative": (rounds(exact, least=-(10**9)), "0 is the answer"),
        "not whole": (lambda *case: max(0.0, exact(*case)), "round up"),
        "a float": (lambda *case: float(rounds(exact)(*case)), "return an int"),
        "zero": (lambda L, first, tol: 0, "the least number is"),
        "no base": (rounds(lambda L, first, tol: -math.log(tol * (1 - L) / first)), "divide by log(L)"),
    },
    "equilibrium_gradient": {
        "Jacobian-free": (lambda vjp_z, vjp_x, g, rounds: vjp_x(g), "the Jacobian-free one"),
        "minus": (gradient(sign=-1.0), "yours has a minus"),
        "g once": (gradient(again=False), "comes in again in every round"),
        "one more": (gradient(extra=1), "One round too many"),
        "from zero": (gradient(zero=True), "u starts from 0"),
        "u itself": (gradient(through=False), "Send u through vjp_x"),
        "in place": (gradient(in_place=True), "Each round adds to g, not to the last u"),
        "zeros": (lambda vjp_z, vjp_x, g, rounds: 0 * vjp_x(g), "the gradient after 4 rounds is off"),
        "vjp_x each time": (through_each_time, "Once, at the end, is enough"),
    },
    "broyden_update": {
        "turned round": (updated(lambda H, dz, dg: own(H, dz, dg).T, length), "turned round"),
        "sign": (updated(lambda H, dz, dg: -own(H, dz, dg), length), "The sign"),
        "H dz": (updated(lambda H, dz, dg: np.outer(dz - H @ dg, H @ dz), length), "H from the right"),
        "bad Broyden": (
            updated(lambda H, dz, dg: np.outer(dz - H @ dg, dg), lambda H, dz, dg: dg @ dg),
            "other formula",
        ),
        "dz alone": (
            updated(lambda H, dz, dg: np.outer(dz - H @ dg, dz), lambda H, dz, dg: dz @ dg),
            "yours is dz alone",
        ),
        "the Jacobian": (jacobian_update, "Its inverse is wanted"),
        "correction alone": (lambda H, dz, dg: own(H, dz, dg) / length(H, dz, dg), "add it to H"),
        "unchanged": (lambda H, dz, dg: H.copy(), "H is unchanged"),
        "not divided": (updated(own, lambda H, dz, dg: 1.0), "division by dz H dg is missing"),
        "in place": (updated_in_place, "changed H itself"),
        "zeros": (lambda H, dz, dg: np.zeros_like(H), "the new H is off"),
    },
}
