"""Wrong answers to the exercises of lesson 14."""

import numpy as np


def frozen(sign=-1.0, last=True, offset=0, measure="change", in_place=False, most=10**9):
    """An answer to frozen_newton with one thing changed."""

    def frozen_newton(G, M, u, tol):
        changes = 0
        while True:
            value = G(u)
            change = sign * np.linalg.solve(M, -value) * -1.0
            before = u
            if in_place:
                u += change
            else:
                u = u + change
            changes += 1
            size = np.abs(value if measure == "value" else change).max()
            if size <= tol or changes == most:
                return (u if last else before), changes + offset

    return frozen_newton


def frozen_transposed(G, M, u, tol):
    return frozen()(G, M.T, u, tol)


def frozen_signed(G, M, u, tol):
    changes, change = 0, np.full_like(u, np.inf)
    while change.max() > tol:
        change = np.linalg.solve(M, -G(u))
        u, changes = u + change, changes + 1
    return u, changes


def frozen_until(small):
    def frozen_newton(G, M, u, tol):
        changes, done = 0, False
        while not done:
            change = np.linalg.solve(M, -G(u))
            u, changes = u + change, changes + 1
            done = small(change, u, tol)
        return u, changes

    return frozen_newton


frozen_two_norm = frozen_until(lambda change, u, tol: np.linalg.norm(change) <= tol)
frozen_relative = frozen_until(lambda change, u, tol: np.abs(change).max() <= tol * (1 + np.abs(u).max()))


def frozen_multiplied(G, M, u, tol):
    changes, change = 0, np.inf
    while np.abs(change).max() > tol and changes < 50:
        change = -M @ G(u)
        u, changes = u + change, changes + 1
    return u, changes


def frozen_inverse(G, M, u, tol):
    changes, change = 0, np.inf
    while np.abs(change).max() > tol:
        change = -G(u) / np.diag(M)
        u, changes = u + change, changes + 1
    return u, changes


def at_infinity(formula):
    return lambda a, b: float(formula(np.asarray(a), np.asarray(b), np.linalg.inv(a), np.ones(len(b))))


def theta(weights=(0.5, 0.5), late=1.0, iterations=30, matrix=True, sign=1.0):
    """An answer to trapezoid_step with its own weights, time of the second slope, number of iterations."""

    def trapezoid_step(f, jac, t, x, h):
        base, u = x + h * weights[0] * f(t, x), x
        for _ in range(iterations):
            with np.errstate(all="ignore"):
                residual = u - base - h * weights[1] * f(t + late * h, u)
            M = np.eye(len(x)) - sign * h * weights[1] * jac(t + late * h, u) if matrix else np.eye(len(x))
            u = u - np.linalg.solve(M, residual)
        return u

    return trapezoid_step


def midpoint(f, jac, t, x, h):
    u = x
    for _ in range(30):
        M = np.eye(len(x)) - h / 2 * jac(t + h / 2, (x + u) / 2)
        u = u - np.linalg.solve(M, u - x - h * f(t + h / 2, (x + u) / 2))
    return u


def both_new(f, jac, t, x, h):
    u = x
    for _ in range(60):
        M = np.eye(len(x)) - h * jac(t + h, u)
        u = u - np.linalg.solve(M, u - x - h / 2 * (f(t, u) + f(t + h, u)))
    return u


def rosenbrock(f, jac, t, x, h):
    return x + h * np.linalg.solve(np.eye(len(x)) - h / 2 * jac(t, x), f(t, x))


def trapezoid_in_place(f, jac, t, x, h):
    base = x + h / 2 * f(t, x)
    for _ in range(30):
        x -= np.linalg.solve(np.eye(len(x)) - h / 2 * jac(t + h, x), x - base - h / 2 * f(t + h, x))
    return x


def jacobian_at_t(f, jac, t, x, h):
    with np.errstate(all="ignore"):
        return theta()(f, lambda _, u: jac(t, u), t, x, h)


def jacobian_before(f, jac, t, x, h):
    with np.errstate(all="ignore"):
        return theta()(f, lambda later, u: jac(2 * t - later, u), t, x, h)


def in_the_plane(f, jac, t, x, h):
    base, u = x + h / 2 * f(t, x), x
    for _ in range(30):
        u = u - np.linalg.solve(np.eye(2) - h / 2 * jac(t + h, u), u - base - h / 2 * f(t + h, u))
    return u


WRONG = {
    "frozen_newton": {
        "sign": (frozen(sign=1.0), "mind the sign"),
        "without the last change": (frozen(last=False), "the last one too"),
        "count one too few": (frozen(offset=-1), "and you say"),
        "count one too many": (frozen(offset=1), "and you say"),
        "one change": (frozen(most=1), "This is u after 1 change."),
        "G compared with tol": (frozen(measure="value"), "Measure the change itself"),
        "in place": (frozen(in_place=True), "changed u itself"),
        "diagonal only": (frozen_inverse, "with the whole matrix M"),
        "M transposed": (frozen_transposed, "none that the iteration passes"),
        "size without np.abs": (frozen_signed, "np.abs(change).max()"),
        "size as a 2-norm": (frozen_two_norm, "np.abs(change).max()"),
        "tol relative to u": (frozen_relative, "is the first whose"),
        "M multiplied": (frozen_multiplied, "none that the iteration passes"),
        "ten at most": (frozen(most=10), "This is u after 10 changes."),
        "u only": (lambda G, M, u, tol: frozen()(G, M, u, tol)[0], "return u, changes"),
        "other order": (lambda G, M, u, tol: frozen()(G, M, u, tol)[::-1], "in the other order"),
        "zeros": (lambda G, M, u, tol: (np.zeros_like(u), 1), "none that the iteration passes"),
        "first guess": (lambda G, M, u, tol: (u, 0), "the first guess, unchanged"),
        "tighter": (lambda G, M, u, tol: frozen()(G, M, u, 1e-13), "is the first whose"),
    },
    "limit_at_infinity": {
        "sign": (at_infinity(lambda a, b, i, one: 1 + b @ i @ one), "The sign"),
        "no one": (at_infinity(lambda a, b, i, one: b @ i @ one), "is missing"),
        "no one, minus": (at_infinity(lambda a, b, i, one: -b @ i @ one), "is missing"),
        "a for its inverse": (at_infinity(lambda a, b, i, one: 1 - b @ a @ one), "You multiply by a"),
        "transposed": (at_infinity(lambda a, b, i, one: 1 - one @ i @ b), "transposed"),
        "absolute value": (at_infinity(lambda a, b, i, one: abs(1 - b @ i @ one)), "take no absolute value"),
        "all signs turned": (at_infinity(lambda a, b, i, one: b @ i @ one - 1), "The size is right"),
        "sum of b": (at_infinity(lambda a, b, i, one: 1 - b.sum()), "a has been lost"),
        "diagonal": (at_infinity(lambda a, b, i, one: 1 - (b / np.diag(a)).sum()), "The whole inverse"),
        "large z": (
            lambda a, b: float(1 - 1e6 * b @ np.linalg.solve(np.eye(len(b)) + 1e6 * a, np.ones(len(b)))),
            "not its limit",
        ),
        "larger z": (
            lambda a, b: float(1 + 1e5 * b @ np.linalg.solve(np.eye(len(b)) - 1e5 * a, np.ones(len(b)))),
            "not its limit",
        ),
        "zero": (lambda a, b: 0.0, "your limit is off"),
        "one": (lambda a, b: 1.0, "your limit is off"),
        "vector": (lambda a, b: 1 - b * np.linalg.solve(a, np.ones(len(b))), "One number is wanted"),
        "in place": (
            lambda a, b: (b.__imul__(-1), float(1 + b @ np.linalg.solve(a, np.ones(len(b)))))[1],
            "changed b itself",
        ),
    },
    "trapezoid_step": {
        "backward Euler": (theta((0.0, 1.0)), "This is backward Euler"),
        "no slope at the start": (theta((0.0, 0.5)), "the slope at the start is missing"),
        "time of the start": (theta(late=0.0), "Its time is t + h"),
        "one iteration": (theta(iterations=1), "stopped after one change"),
        "Heun": (
            lambda f, jac, t, x, h: x + h / 2 * (f(t, x) + f(t + h, x + h * f(t, x))),
            "This is Heun's step",
        ),
        "Euler": (lambda f, jac, t, x, h: x + h * f(t, x), "This is Euler's step"),
        "linearly implicit": (rosenbrock, "does the iteration go on until changes are small"),
        "both in full": (theta((1.0, 1.0)), "Both slopes count in full"),
        "midpoint": (midpoint, "implicit midpoint rule"),
        "plain iteration": (theta(matrix=False, iterations=200), "a plain iteration"),
        "for d = 2 only": (in_the_plane, "raised ValueError"),
        "h not negative": (lambda f, jac, t, x, h: theta()(f, jac, t, x, abs(h)), "a step back in time"),
        "Jacobian transposed": (
            lambda f, jac, t, x, h: theta()(f, lambda t, x: jac(t, x).T, t, x, h),
            "not transposed",
        ),
        "Jacobian at the start": (jacobian_at_t, "J taken at t + h"),
        "Jacobian a step before": (jacobian_before, "J taken at t + h"),
        "in place": (trapezoid_in_place, "changed x itself"),
        "zeros": (lambda f, jac, t, x, h: np.zeros_like(x), "leaves"),
        "two iterations": (theta(iterations=2), "go on until changes are small"),
        "known part only": (lambda f, jac, t, x, h: x + h / 2 * f(t, x), "The slope at the end is missing"),
        "both slopes at the new x": (both_new, "It belongs to the old x"),
        "sign of the matrix": (theta(sign=-1.0), "Is each sign right"),
        "backwards": (lambda f, jac, t, x, h: theta()(f, jac, t, x, -h), "h has the wrong sign"),
    },
}
