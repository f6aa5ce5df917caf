"""Wrong answers to the exercises of lesson 24."""

import numpy as np


def top(X):
    return np.linalg.norm(X, 2)


def in_place_rate(X):
    X *= 1 / np.sqrt(len(X))
    return float(1 / top(X) ** 2)


def roots(friction, curvatures, sign=-1, factor=4.0, half=0.5):
    return half * (friction + sign * np.sqrt(friction**2 - factor * curvatures + 0j))


def plain_root(friction, curvatures):
    with np.errstate(invalid="ignore"):
        return float(np.min((friction - np.sqrt(friction**2 - 4 * curvatures)) / 2))


def only_creeping(friction, curvatures):
    """np.maximum in place of the complex root is right; np.abs is not."""
    return float(np.min((friction - np.sqrt(np.abs(friction**2 - 4 * curvatures))) / 2))


def sorted_in_place(friction, curvatures):
    curvatures.sort()
    return float(roots(friction, curvatures).real.min())


def solved(
    gap=lambda s, y: s - y, over=lambda V: V.T, back=lambda V: V.T, decay=lambda z: np.exp(-z), add=lambda s, y: y,
    result=lambda u: u,
):  # fmt: skip
    """An answer to linear_outputs with some of its parts replaced."""

    def linear_outputs(K, start, target, times):
        values, V = np.linalg.eigh(K)
        return result(add(start, target) + (decay(np.outer(times, values)) * (over(V) @ gap(start, target))) @ back(V))

    return linear_outputs


def entrywise(K, start, target, times):
    return np.array([target + np.exp(-K * t) @ (start - target) for t in times])


def euler_once(K, start, target, times):
    return np.array([start - t * K @ (start - target) for t in times])


def by_values_only(K, start, target, times):
    return target + np.exp(-np.outer(times, np.linalg.eigvalsh(K))) * (start - target)


def by_diagonal(K, start, target, times):
    return target + np.exp(-np.outer(times, np.diag(K))) * (start - target)


def in_place(K, start, target, times):
    start -= target
    values, V = np.linalg.eigh(K)
    return target + (np.exp(-np.outer(times, values)) * (V.T @ start)) @ V.T


WRONG = {
    "largest_rate": {
        "zero": (lambda X: 0.0, "your rate, divided by the right one, is off"),
        "half": (lambda X: len(X) / (2 * top(X) ** 2), "This is 1/L"),
        "no 2 in the curvature": (lambda X: 2 * len(X) / top(X) ** 2, "A factor of 2 is missing in the curvature"),
        "sum": (lambda X: 1 / top(X) ** 2, "the sum of the squares"),
        "sum, no 2": (lambda X: 2 / top(X) ** 2, "the sum of the squares"),
        "n twice": (lambda X: len(X) ** 2 / top(X) ** 2, "divided by n²"),
        "smallest": (lambda X: len(X) / np.linalg.norm(X, -2) ** 2, "the smallest curvature"),
        "not squared": (lambda X: len(X) / top(X), "are the squares of"),
        "trace": (lambda X: len(X) / np.sum(X**2), "the sum of all curvatures"),
        "L": (lambda X: 2 * top(X) ** 2 / len(X), "the largest curvature L itself"),
        "L/2": (lambda X: top(X) ** 2 / len(X), "This is L/2"),
        "columns": (lambda X: X.shape[1] / top(X) ** 2, "not over its d columns"),
        "all": (lambda X: len(X) / np.linalg.svd(X, compute_uv=False) ** 2, "One number is wanted"),
        "in place": (in_place_rate, "changed X itself"),
    },
    "slowest_decay": {
        "zero": (lambda friction, curvatures: 0.0, "your rate is off"),
        "friction/2": (lambda friction, curvatures: friction / 2, "the components that swing"),
        "fastest": (
            lambda friction, curvatures: float(roots(friction, curvatures).real.max()),
            "the fastest component",
        ),
        "other root": (lambda friction, curvatures: float(roots(friction, curvatures, 1).real.min()), "the other root"),
        "no half": (
            lambda friction, curvatures: float(roots(friction, curvatures, half=1.0).real.min()),
            "without the half",
        ),
        "no 4": (
            lambda friction, curvatures: float(roots(friction, curvatures, factor=1.0).real.min()),
            "4 times the curvature",
        ),
        "the flow": (lambda friction, curvatures: float(curvatures.min()), "the gradient flow comes to rest"),
        "sign": (lambda friction, curvatures: -float(roots(friction, curvatures).real.min()), "The rate is wanted"),
        "nan": (plain_root, "Yours is nan"),
        "absolute value": (only_creeping, "your rate is off"),
        "all": (lambda friction, curvatures: roots(friction, curvatures).real, "One number is wanted"),
        "complex": (lambda friction, curvatures: complex(roots(friction, curvatures).min()), "a complex number"),
        "in place": (sorted_in_place, "changed curvatures itself"),
    },
    "momentum_limit": {
        "zero": (lambda L, beta: 0.0, "your border, divided by the right one, is off"),
        "no momentum": (lambda L, beta: 2 / L, "the border without momentum"),
        "down": (lambda L, beta: 2 * (1 - beta) / L, "check the sign of beta"),
        "1/(1 - beta)": (lambda L, beta: 2 / (L * (1 - beta)), "moves by 1 + beta"),
        "half": (lambda L, beta: (1 + beta) / L, "A factor of 2 is missing"),
        "complex roots": (lambda L, beta: (1 + beta**0.5) ** 2 / L, "become complex"),
        "the other end": (lambda L, beta: (1 - beta**0.5) ** 2 / L, "become complex"),
        "times L": (lambda L, beta: 2 * (1 + beta) * L, "Divide by it"),
    },
    "linear_outputs": {
        "zeros": (lambda K, start, target, times: np.zeros((len(times), len(K))), "the outputs is off"),
        "no target": (solved(add=lambda s, y: 0.0), "The target itself is missing"),
        "from the target": (
            solved(add=lambda s, y: s, gap=lambda s, y: y - s),
            "starts at the target and goes to the start",
        ),
        "grows": (solved(decay=np.exp), "The exponent has the wrong sign"),
        "transposed": (solved(over=lambda V: V, back=lambda V: V), "Yours are transposed"),
        "eigenvalues only": (by_values_only, "not those of the outputs"),
        "diagonal": (by_diagonal, "not those of the outputs"),
        "not back": (solved(back=lambda V: np.eye(len(V))), "and not back"),
        "entry by entry": (entrywise, "each entry of the matrix by itself"),
        "Euler": (euler_once, "one Euler step"),
        "the start decays": (solved(gap=lambda s, y: s, add=lambda s, y: 0.0), "use start - target"),
        "time last": (solved(result=lambda u: u.T), "Time comes first"),
        "in place": (in_place, "changed start itself"),
    },
}  # fmt: skip
