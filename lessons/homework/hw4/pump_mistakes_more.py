"""Homework 4, the mistakes that students make, with the sentence that names each: parts 4 and 5. Never released."""

import hw4
import numpy as np
import pump_truth as right
from pump_mistakes import MODES
from pump_truth import summed_jacobian, variance_of

import nodekit


def scatter(formula=variance_of, K=summed_jacobian):
    """A log_density_variance with another formula, or another matrix."""
    return lambda f, jacobian, x, t0, t1, noise: formula(K(f, jacobian, x, t0, t1)[0], noise)


def as_written(K, noise):
    """The formulas for a symmetric matrix, applied to one that is not."""
    if noise == "sphere":
        return 2 * 3 / 5 * (np.sum(K**2) - np.trace(K) ** 2 / 3)
    return 2 * (np.sum(K**2) - (noise == "rademacher") * np.sum(np.diag(K) ** 2))


def of_the_sum(K, noise):
    """S = K + Kᵀ without the half."""
    return variance_of(K + K.T, noise)


def at_the_end(f, jacobian, x, t0, t1):
    return (t1 - t0) * jacobian(t1, x), x


def other_way(f, jacobian, x, t0, t1):
    """Along the path that is at x at t0."""
    return summed_jacobian(f, jacobian, x, t1, t0)


def integrated(f, jacobian, x, t0, t1, noise):
    """The variances at all times, added up."""

    def both(t, s):
        return np.append(f(t, s[:3]), variance_of(jacobian(t, s[:3]), noise))

    return abs(nodekit.solve(both, np.append(x, 0.0), (t1, t0), **right.TIGHT).y[-1, 3])


VARIANCES = [
    ("The Jacobian is not symmetric: its symmetric part S = ½ (K + Kᵀ) is what a probe sees.", scatter(as_written)),
    ("S is half of K + Kᵀ: you have no half.", scatter(of_the_sum)),
    ("The Jacobian is not that at x: it changes along the path. Integrate it from t0 to t1.", scatter(K=at_the_end)),
    ("You follow the path that is at x at t0. x is the state at t1: go to t0.", scatter(K=other_way)),
    (
        "You add up the variances at all times. But one probe is held along the path: first the integral K of the "
        "Jacobian, and then the variance of vᵀ K v.",
        integrated,
    ),
    (
        "This is the standard deviation. The variance is its square.",
        lambda *given: np.sqrt(right.log_density_variance(*given)),
    ),
    ("This is half of it.", lambda *given: right.log_density_variance(*given) / 2),
    ("This is twice as much.", lambda *given: right.log_density_variance(*given) * 2),
]


def as_if(kind, factor=1.0):
    """The formula of another noise, or this one's (kind None), times a factor."""
    return scatter(lambda K, noise: factor * variance_of(K, kind or noise))


BY_NOISE = {
    "rademacher": [("This is the variance of Gaussian noise. Signs make no error on the diagonal.", as_if("gaussian"))],
    "gaussian": [("This is the variance of signs. With Gaussian noise the diagonal counts.", as_if("rademacher"))],
    "sphere": [
        ("The trace is missing: on a sphere a multiple of the identity makes no error.", as_if("gaussian", 0.6)),
        ("The factor on a sphere is 2d/(d + 2), not 2.", as_if(None, 5 / 3)),
        ("This is the variance of signs. The sphere has other moments: E[v_i⁴] = 3d/(d + 2).", as_if("rademacher")),
        ("This is the variance of Gaussian noise. The sphere has other moments.", as_if("gaussian")),
    ],
}


def ends(t, x, pump):
    """The mean end of the walkers at x, E[x1 | x]."""
    return x + (1 - t) * right.mean_velocity(t, x, pump)


def starts(t, x, pump):
    """Their mean start, E[x0 | x]."""
    return x - t * right.mean_velocity(t, x, pump)


def averaged(parts=right.in_parts, share=None, own=lambda t, C: t * C - (1 - t) * np.eye(3)):
    """A mean_velocity with a mistake."""

    def mean_velocity(t, x, pump):
        logs, slope = parts(x, t, 1 - t, pump)
        given = share or (lambda logs, pump: np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)))
        covariance = pump.factors @ pump.factors.swapaxes(-1, -2)
        each = pump.means - np.einsum("kij,nkj->nki", own(t, covariance), slope)
        return np.sum(given(logs, pump)[..., None] * each, 1)

    return mean_velocity


def of_the_means(t, x, pump):
    """As if each mode were a point, as in lesson 23."""
    share = np.exp(-0.5 * np.sum(((x[:, None] - t * pump.means) / (1 - t)) ** 2, -1)) * pump.weights
    u = (pump.means - x[:, None]) / (1 - t)
    return np.sum((share / share.sum(1, keepdims=True))[..., None] * u, 1)


VELOCITIES = [
    ("The sign is turned: the walkers go from x0 to x1.", lambda *given: -right.mean_velocity(*given)),
    ("This is the mean end of the walkers at x. Their velocity is x1 - x0.", ends),
    ("This is the mean start of the walkers at x. Their velocity is x1 - x0.", starts),
    ("This is the mean end less x: the walkers still have 1 - t to go.", lambda t, x, pump: ends(t, x, pump) - x),
    (
        "You have t and 1 - t exchanged: at time 0 the walkers are at their starts, the noise.",
        lambda t, x, pump: right.mean_velocity(max(1 - t, 1e-9) if t else 1 - 1e-9, x, pump),
    ),
    ("Each mode is taken for a point, its mean. A mode has a covariance, too.", of_the_means),
    (
        "This is the score of the walkers' density, not their velocity.",
        lambda t, x, pump: right.score(x, t, 1 - t, pump),
    ),
    (
        "A mode's share at x is not its weight: it is weight times density at x, divided by their sum over the modes.",
        averaged(share=lambda logs, pump: pump.weights),
    ),
    (
        "In a mode's own velocity the term of the start has the wrong sign: x1 - x0.",
        averaged(own=lambda t, C: t * C + (1 - t) * np.eye(3)),
    ),
    ("In a mode's own velocity the end's scatter is missing.", averaged(own=lambda t, C: -(1 - t) * np.eye(3) + 0 * C)),
] + [(words, averaged(parts)) for words, parts in list(MODES.items())[:1] + list(MODES.items())[5:]]  # fmt: skip


def walkers(x0=None, target=lambda x0, x1: x1 - x0, time=None, turned=False, n=30_000, pairs=None):
    """A fit with a mistake."""

    def fit(features, readings, rng):
        x1 = readings[rng.integers(len(readings), size=n)]
        noise = rng.normal(size=x1.shape) if x0 is None else x0(rng, x1)
        t = rng.uniform(size=(n, 1)) if time is None else time(rng, n)
        if pairs:
            noise, x1 = pairs(noise, x1)
        x = t * noise + (1 - t) * x1 if turned else (1 - t) * noise + t * x1
        phi = features(t, x)
        return np.linalg.solve(phi.T @ phi + 1e-5 * n * np.eye(features.size), phi.T @ target(noise, x1))

    return fit


FITS = [  # the self-check knows each by what it makes of the mean velocity
    ("The sign is turned: a walker goes from x0 to x1.", walkers(target=lambda x0, x1: x0 - x1)),
    ("Your field is the mean end of the walkers", walkers(target=lambda x0, x1: x1)),
    ("Your field is the mean start of the walkers", walkers(target=lambda x0, x1: x0)),
    ("The walkers' times are turned", walkers(turned=True)),
    ("The walkers have no starts", walkers(x0=lambda rng, x1: 0 * x1)),
    ("a time of its own", walkers(time=lambda rng, n: np.full((n, 1), 0.5))),
    ("tens of thousands of walkers", walkers(n=300)),
    ("theta has the shape", lambda *given: walkers()(*given).T),
]


def wrong_counts(rule):
    """A fewest with the right noise and another number."""

    def fewest(f, jacobian, x, t0, t1, error):
        best, _ = right.fewest(f, jacobian, x, t0, t1, error)
        return best, rule(right.log_density_variance(f, jacobian, x, t0, t1, best), error)

    return fewest


def always(noise):
    def fewest(f, jacobian, x, t0, t1, error):
        return noise, int(np.ceil(right.log_density_variance(f, jacobian, x, t0, t1, noise) / error**2))

    return fewest


def most(f, jacobian, x, t0, t1, error):
    found = {noise: right.log_density_variance(f, jacobian, x, t0, t1, noise) for noise in hw4.tried.NOISES}
    worst = max(found, key=found.get)
    return worst, int(np.ceil(found[worst] / error**2))
