"""Homework 4, what is right: each function that is asked for, and the fewest probes. Never released."""

import hw4
import numpy as np

import nodekit

TIGHT = {"method": "dopri8", "rtol": 1e-8, "atol": 1e-8}


# ---- parts 1 and 3: a density along a flow --------------------------------------------------------------


def carried(f, jacobian, x, begin, end, trace=None):
    """States x (n, 3) carried from the time `begin` to `end`, and the integral of the trace over it: (n, 3), (n,)."""
    trace = trace or (lambda J: np.trace(J, axis1=-2, axis2=-1))

    def both(t, s):
        return np.concatenate([f(t, s[:, :3]), trace(jacobian(t, s[:, :3]))[:, None]], 1)

    s = nodekit.solve(both, np.concatenate([x, np.zeros((len(x), 1))], 1), (begin, end), **TIGHT).y[-1]
    return s[:, :3], s[:, 3]


def log_density(f, jacobian, log_base, x, t0, t1):
    z, integral = carried(f, jacobian, x, t1, t0)
    return log_base(z) + integral


def sample_and_log_density(f, jacobian, log_base, z, t0, t1):
    x, integral = carried(f, jacobian, z, t0, t1)
    return x, log_base(z) - integral


def probability_flow(score, score_jacobian, schedule):
    def f(t, x):
        return -schedule.beta(t) / 2 * (x + score(t, x))

    def jacobian(t, x):
        return -schedule.beta(t) / 2 * (np.eye(3) + score_jacobian(t, x))

    return f, jacobian


def model_log_density(score, score_jacobian, schedule, x):
    return log_density(*probability_flow(score, score_jacobian, schedule), hw4.log_normal, x, 1.0, hw4.EARLY)


# ---- part 2 and the first half of part 5: a mixture in noise --------------------------------------------


def in_parts(x, alpha, sigma, pump):
    """log(weight · density) of each noisy mode (n, k), and the gradient of its log density (n, k, 3)."""
    covariance = alpha**2 * pump.factors @ pump.factors.swapaxes(-1, -2) + sigma**2 * np.eye(3)
    away = x[:, None] - alpha * pump.means
    slope = -np.linalg.solve(covariance, away[..., None])[..., 0]
    logs = np.sum(away * slope, -1) / 2 - np.linalg.slogdet(2 * np.pi * covariance)[1] / 2
    return np.log(pump.weights) + logs, slope


def noisy_log_density(x, alpha, sigma, pump):
    return np.logaddexp.reduce(in_parts(x, alpha, sigma, pump)[0], axis=1)


def score(x, alpha, sigma, pump):
    logs, slope = in_parts(x, alpha, sigma, pump)
    share = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
    return np.sum(share[..., None] * slope, 1)


def mean_velocity(t, x, pump):
    """By each mode's own mean velocity, which is linear, and not by the score."""
    logs, slope = in_parts(x, t, 1 - t, pump)
    share = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
    covariance = pump.factors @ pump.factors.swapaxes(-1, -2)
    own = pump.means - np.einsum("kij,nkj->nki", t * covariance - (1 - t) * np.eye(3), slope)
    return np.sum(share[..., None] * own, 1)


# ---- part 4: what an estimate scatters ------------------------------------------------------------------


def summed_jacobian(f, jacobian, x, t0, t1):
    """The integral of the Jacobian from t0 to t1 along the path that is at x (3,) at t1, and where it was at t0."""

    def both(t, s):
        return np.append(f(t, s[:3]), jacobian(t, s[:3]).ravel())

    s = nodekit.solve(both, np.append(x, np.zeros(9)), (t1, t0), **TIGHT).y[-1]
    return -s[3:].reshape(3, 3), s[:3]


def variance_of(K, noise):
    """The variance of vᵀ K v, K (d, d)."""
    S, d = (K + K.T) / 2, len(K)
    if noise == "sphere":
        return 2 * d / (d + 2) * (np.sum(S**2) - np.trace(S) ** 2 / d)
    return 2 * (np.sum(S**2) - (noise == "rademacher") * np.sum(np.diag(S) ** 2))


def log_density_variance(f, jacobian, x, t0, t1, noise):
    return variance_of(summed_jacobian(f, jacobian, x, t0, t1)[0], noise)


def fewest(f, jacobian, x, t0, t1, error):
    return fewest_of(summed_jacobian(f, jacobian, x, t0, t1)[0], error)


def fewest_of(K, error):
    found = {noise: variance_of(K, noise) for noise in hw4.tried.NOISES}
    best = min(found, key=found.get)
    return best, int(np.ceil(found[best] / error**2))


def estimate(f, vjp, log_base, x, t0, t1, draw, m):
    probes = np.array([draw() for _ in range(m)])

    def both(t, s):
        return np.append(f(t, s[:3]), np.mean([vjp(t, s[:3], v) @ v for v in probes]))

    s = nodekit.solve(both, np.append(x, 0.0), (t1, t0), **TIGHT).y[-1]
    return float(log_base(s[:3]) + s[3])


# ---- the second half of part 5: a field from walkers ----------------------------------------------------


def fit(features, readings, rng, walkers=50_000):
    x1 = readings[rng.integers(len(readings), size=walkers)]
    x0, t = rng.normal(size=x1.shape), rng.uniform(size=(walkers, 1))
    phi = features(t, (1 - t) * x0 + t * x1)
    return np.linalg.solve(phi.T @ phi + 1e-5 * walkers * np.eye(features.size), phi.T @ (x1 - x0))


def judged_at(pump, n=40):
    """Times and places of walkers, and the mean velocity there: [(t, x (n, 3), u (n, 3))]."""
    random, rows = np.random.default_rng(0), []
    for t in (np.arange(10) + 0.5) / 10:
        x = hw4.some_places(pump, t, 1 - t, n, random)
        rows.append((t, x, mean_velocity(t, x, pump)))
    return rows
