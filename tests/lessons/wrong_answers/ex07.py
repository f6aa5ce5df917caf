"""Wrong answers to the exercises of lesson 07."""

from math import comb

import numpy as np


def guard(test):
    """An answer to guarded that asks test(x, x0, tol) whether x came home."""

    def guarded(by_adjoint, by_checkpoint, x0, tol):
        gradient, x = by_adjoint()
        return gradient if test(x, x0, tol) else by_checkpoint()

    return guarded


def always_both(by_adjoint, by_checkpoint, x0, tol):
    gradient, x = by_adjoint()
    other = by_checkpoint()
    return gradient if np.all(np.abs(x - x0) <= tol * (1 + np.abs(x0))) else other


def twice(by_adjoint, by_checkpoint, x0, tol):
    home = np.all(np.abs(by_adjoint()[1] - x0) <= tol * (1 + np.abs(x0)))
    return by_adjoint()[0] if home else by_checkpoint()


def guarded_in_place(by_adjoint, by_checkpoint, x0, tol):
    gradient, x = by_adjoint()
    allowed = tol * (1 + np.abs(x0))
    x0 -= x
    return gradient if np.all(np.abs(x0) <= allowed) else by_checkpoint()


def ends_at(value):
    def reachable(s, r):
        return value if s == 0 or r == 0 else reachable(s, r - 1) + reachable(s - 1, r)

    return reachable


def both_less(s, r):
    return 1 if s == 0 or r == 0 else 2 * both_less(s - 1, r - 1)


def size(part=lambda d: slice(0, 2 * d), mean=np.mean, root=np.sqrt, absolute=np.abs, power=2):
    """An answer to seminorm with one part replaced."""

    def seminorm(error, z, d, rtol, atol):
        ratio = np.abs(error[part(d)] / (atol + rtol * absolute(z[part(d)])))
        return root(mean(ratio**power))

    return seminorm


def divided_by_all(error, z, d, rtol, atol):
    ratio = error / (atol + rtol * np.abs(z))
    return np.sqrt(np.sum(ratio[: 2 * d] ** 2) / len(z))


def seminorm_in_place(error, z, d, rtol, atol):
    error[: 2 * d] /= atol + rtol * np.abs(z[: 2 * d])
    return np.sqrt(np.mean(error[: 2 * d] ** 2))


def field(a=-1, g=-1, state=lambda path, t, z, d: path(t), order=(0, 1)):
    """An answer to interpolated_field with one part replaced."""

    def interpolated_field(vjp, path, d, t, z):
        a_x, a_theta = vjp(t, state(path, t, z, d), z[:d])
        parts = [a * a_x, g * a_theta]
        return np.concatenate([parts[i] for i in order])

    return interpolated_field


def parts(vjp, path, d, t, z):
    a_x, a_theta = vjp(t, path(t), z[:d])
    return -a_x, -a_theta


def field_in_place(vjp, path, d, t, z):
    z[:d], z[d:] = (-part for part in vjp(t, path(t), z[:d]))
    return z


def without_g(vjp, path, d, t, z):
    return -vjp(t, path(t), z[:d])[0]


WRONG = {
    "guarded": {
        "always the adjoint": (guard(lambda x, x0, tol: True), "One component of x(0) is off by 900 tol"),
        "always checkpoints": (guard(lambda x, x0, tol: False), "came home within tol"),
        "turned round": (guard(lambda x, x0, tol: np.any(abs(x - x0) > tol * (1 + abs(x0)))), "came home within tol"),
        "nan passes": (guard(lambda x, x0, tol: not np.any(abs(x - x0) > tol * (1 + abs(x0)))), "x(0) holds nan"),
        "no absolute value": (guard(lambda x, x0, tol: np.all(x - x0 <= tol * (1 + abs(x0)))), "below x0 by 900 tol"),
        "any component": (guard(lambda x, x0, tol: np.any(abs(x - x0) <= tol * (1 + abs(x0)))), "One component"),
        "sum": (
            guard(lambda x, x0, tol: abs(np.sum((x - x0) / (1 + abs(x0)))) <= tol),
            "in opposite directions",
        ),
        "norm": (
            guard(lambda x, x0, tol: np.linalg.norm(x - x0) <= tol * (1 + np.linalg.norm(x0))),
            "Each component has a bound of its own",
        ),
        "largest of each": (
            guard(lambda x, x0, tol: np.abs(x - x0).max() <= tol * (1 + np.abs(x0).max())),
            "Each component has a bound of its own",
        ),
        "mean": (
            guard(lambda x, x0, tol: np.mean(np.abs(x - x0) / (1 + np.abs(x0))) <= tol),
            "Each component has a bound of its own",
        ),
        "tol fixed": (guard(lambda x, x0, tol: np.all(abs(x - x0) <= 1e-3 * (1 + abs(x0)))), "tol is an argument"),
        "half of the 1": (
            guard(lambda x, x0, tol: np.all(abs(x - x0) <= tol * (0.5 + abs(x0)))),
            "off by less than tol",
        ),
        "absolute error": (guard(lambda x, x0, tol: np.all(abs(x - x0) <= tol)), "which is much where x0 is about 100"),
        "both computed": (always_both, "it is expensive"),
        "adjoint twice": (twice, "by_adjoint was called 2 times"),
        "a pair": (lambda by_adjoint, by_checkpoint, x0, tol: by_adjoint(), "is a tuple"),
        "zeros": (lambda by_adjoint, by_checkpoint, x0, tol: np.zeros(4), "the gradient is off"),
        "in place": (guarded_in_place, "changed x0 itself"),
    },
    "interpolated_field": {
        "both signs": (field(1, 1), "Both signs are turned"),
        "sign of a'": (field(a=1), "a' has the wrong sign"),
        "sign of g'": (field(g=1), "g' has the wrong sign"),
        "order": (field(order=(1, 0)), "yours returns g' first"),
        "x in z": (field(state=lambda path, t, z, d: z[:d]), "x is not in z"),
        "at 0": (field(state=lambda path, t, z, d: path(0.0)), "taken at another time"),
        "at the end": (field(state=lambda path, t, z, d: path(1.0)), "taken at the end"),
        "mirrored": (field(state=lambda path, t, z, d: path(1 - t)), "The times are mirrored"),
        "vjp at time 0": (lambda vjp, path, d, t, z: field()(lambda _, x, a: vjp(0.0, x, a), path, d, t, z), "is off"),
        "for d = 3 only": (lambda vjp, path, d, t, z: field()(vjp, path, 3, t, z), "raised ValueError"),
        "zeros": (lambda vjp, path, d, t, z: np.zeros_like(z), "dz/dt is off"),
        "a tuple": (parts, "dz/dt is a tuple"),
        "without g": (without_g, "dz/dt has shape (3,)"),
        "in place": (field_in_place, "changed z itself"),
    },
    "reachable": {
        "ends at 0": (ends_at(0), "the recursion ends at 1, not 0"),
        "ends at 2": (ends_at(2), "only one step can be reversed"),
        "product": (lambda s, r: 1 if s == 0 or r == 0 else s * (r + 1), "do not multiply"),
        "both less": (both_less, "different rights"),
        "one place more": (lambda s, r: 1 if 0 in (s, r) else comb(s + r + 1, s + 1), "x_0 is one of the s"),
        "left part": (lambda s, r: 1 if 0 in (s, r) else comb(s + r - 1, s), "That is one of the two parts"),
        "s + r": (lambda s, r: 1 if 0 in (s, r) else s + r, "The left part: s places, one take is spent"),
        "power of two": (lambda s, r: 1 if 0 in (s, r) else 2**r, "different rights"),
        "off by one": (lambda s, r: 1 if 0 in (s, r) else comb(s + r, s) - 1, "Off by one"),
        "zeros": (lambda s, r: 0, "the recursion ends at 1, not 0"),
        "a float": (lambda s, r: float(comb(s + r, s)), "is an int; yours is 1.0"),
        "an array": (lambda s, r: np.ones(2), "one number; yours has shape (2,)"),
    },
    "seminorm": {
        "with g": (size(lambda d: slice(None)), "g is still in it"),
        "x alone": (size(lambda d: slice(0, d)), "This looks at x alone"),
        "a alone": (size(lambda d: slice(d, 2 * d)), "This looks at a alone"),
        "g alone": (size(lambda d: slice(2 * d, None)), "This looks at g alone"),
        "sum": (size(mean=np.sum), "A sum where the mean belongs"),
        "no root": (size(root=lambda x: x), "The root is missing"),
        "no absolute value": (size(absolute=lambda z: z), "without the absolute value"),
        "largest": (size(mean=np.max), "This is the largest component"),
        "mean": (size(power=1, root=lambda x: x), "the mean of the absolute values"),
        "divided by all": (divided_by_all, "divided by the wrong number"),
        "tolerances swapped": (
            lambda error, z, d, rtol, atol: size()(error, z, d, atol, rtol),
            "rtol and atol are swapped",
        ),
        "no atol": (
            lambda error, z, d, rtol, atol: np.sqrt(np.mean((error[: 2 * d] / (rtol * np.abs(z[: 2 * d]))) ** 2)),
            "The absolute tolerance is missing",
        ),
        "for d = 2 only": (size(lambda d: slice(0, 4)), "the error is off"),
        "no tolerance": (lambda error, z, d, rtol, atol: np.sqrt(np.mean(error[: 2 * d] ** 2)), "not measured in"),
        "zero": (lambda error, z, d, rtol, atol: 0.0, "the error is off"),
        "in place": (seminorm_in_place, "changed error itself"),
    },
}
