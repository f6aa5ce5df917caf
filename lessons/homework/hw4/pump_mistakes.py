"""Homework 4, the mistakes that students make, with the sentence that names each: parts 1 to 3. Never released.

`python pump_examples.py` runs them once on the self-checks' example and writes what comes out to example.json, so that
the self-checks know a mistake by its numbers, and hold neither the right formula nor the wrong ones.
"""

import hw4
import numpy as np
import pump_truth as right
from pump_truth import carried, in_parts


def back(sign=1, at=None, base="start", times=None, trace=None, frozen=False, log=True):
    """A log_density with a mistake. at: where the trace is taken for all times; times: (t0, t1) -> from, to."""

    def log_density(f, jacobian, log_base, x, t0, t1):
        begin, end = times(t0, t1) if times else (t1, t0)
        if frozen:
            f, jacobian = (lambda t, x, g=g: g(t1, x) for g in (f, jacobian))
        z, integral = carried(f, jacobian, x, begin, end, trace)
        if at is not None:
            where = x if at == "x" else z
            integral = (t0 - t1) * np.trace(jacobian(t1 if at == "x" else t0, where), axis1=-2, axis2=-1)
        log_p = log_base(z if base == "start" else x) + sign * integral
        return log_p if log else np.exp(log_p)

    return log_density


def out(sign=-1, base="z", times=None, order=1):
    """A sample_and_log_density with a mistake."""

    def sample_and_log_density(f, jacobian, log_base, z, t0, t1):
        begin, end = times(t0, t1) if times else (t0, t1)
        x, integral = carried(f, jacobian, z, begin, end)
        return (x, log_base(z if base == "z" else x) + sign * integral)[::order]

    return sample_and_log_density


def entries(J):
    return J.sum(axis=(-2, -1))


def forward(t0, t1):
    return t0, t1


DENSITIES = [
    ("The sign of the trace is turned: where the flow draws states together, their density rises.", back(-1)),
    ("The trace is missing: this is the base density at the start of the path.", back(0)),
    ("You go the wrong way: x is the state at t1. Go to t0, where the base density is known.", back(times=forward)),
    ("You go the wrong way, from t0 to t1: x is the state at t1. Go to t0.", back(-1, times=forward)),
    ("The base density is asked about x itself. Ask it about the start of x's path.", back(base="x")),
    ("The base density is that at t0, which need not be 0: solve from t1 to t0.", back(times=lambda t0, t1: (t1, 0.0))),
    (
        "You go from the later time to the earlier one. But t0 may be the later: solve from t1 to t0, in any case.",
        back(times=lambda t0, t1: (max(t0, t1), min(t0, t1))),
    ),
    ("The trace is not that at x: it changes along the path. Integrate it along with the path.", back(at="x")),
    ("The trace is not that at the path's start: it changes along the path. Integrate it.", back(at="start")),
    ("You add up all entries of the Jacobian. The trace is the sum of the diagonal.", back(trace=entries)),
    ("This takes log|det J|, or det J, for the trace: the determinant became a trace.", back(trace=np.linalg.det)),
    ("You hold the time at t1: f and jacobian depend on t, so pass on the t that the solver gives.", back(frozen=True)),
    ("This is the density. Its logarithm is wanted.", back(log=False)),
]

SAMPLES = [
    ("The sign of the trace is turned: on the way from the base density it is subtracted.", out(+1)),
    ("The change of the log density is missing: this is the base density at z.", out(0)),
    ("z is the state at t0: carry it from t0 to t1, not back.", out(times=lambda t0, t1: (t1, t0))),
    ("z is carried the wrong way: it is the state at t0.", out(+1, times=lambda t0, t1: (t1, t0))),
    ("The base density is asked about the end of the path. It is the density of the start, z.", out(base="x")),
    ("Return the sample first, and then its log density.", out(order=-1)),
]


def mixture(alpha_power=2, sigma_power=2, at_mean=1, turned=False, diagonal=False, weights=True, **kind):
    """(logs, slopes) of the modes with a mistake in the covariance, and so on: as pump_truth.in_parts."""

    def parts(x, alpha, sigma, pump):
        L = pump.factors
        C = L.swapaxes(-1, -2) @ L if turned else L @ L.swapaxes(-1, -2)
        S = alpha**alpha_power * C + sigma**sigma_power * np.eye(3)
        S = S * np.eye(3) if diagonal else S
        away = x[:, None] - alpha**at_mean * pump.means
        slope = -np.linalg.solve(S, away[..., None])[..., 0]
        half = kind.get("half", 0.5)
        logs = np.sum(away * slope, -1) / 2 - half * np.linalg.slogdet(S)[1] - kind.get("pi", 1.5) * np.log(2 * np.pi)
        return logs + (np.log(pump.weights) if weights else -np.log(len(pump.weights))), slope

    return parts


def noisy(parts=in_parts, reduce=np.logaddexp.reduce):
    return lambda x, alpha, sigma, pump: reduce(parts(x, alpha, sigma, pump)[0], axis=1)


def gradient(parts=in_parts, share=None, sign=1):
    def score(x, alpha, sigma, pump):
        logs, slope = parts(x, alpha, sigma, pump)
        given = share or (lambda logs, pump: np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)))
        return sign * np.sum(given(logs, pump)[..., None] * slope, 1)

    return score


MODES = {
    "The covariance of a mode is L Lᵀ: you have Lᵀ L.": mixture(turned=True),
    "The covariance of a noisy mode holds α² L Lᵀ: you have α, without the square.": mixture(alpha_power=1),
    "The covariance of a noisy mode holds L Lᵀ as a whole: the readings were multiplied by α, so it takes α².": (
        mixture(alpha_power=0)
    ),
    "The noise adds the variance σ²: you have σ.": mixture(sigma_power=1),
    "The mean of a noisy mode is α times the mode's mean.": mixture(at_mean=0),
    "The sensors hang together: you use the diagonal of the covariance alone.": mixture(diagonal=True),
    "The modes' weights are missing: they are not equally frequent.": mixture(weights=False),
}
NOISY = [(words, noisy(parts)) for words, parts in MODES.items()] + [
    ("The determinant counts by half: ½ log det of the covariance.", noisy(mixture(half=1.0))),
    ("½ log det of the covariance is missing, or that of L.", noisy(mixture(half=0.0))),
    ("(2π)^(3/2) is missing, or another power of 2π.", noisy(mixture(pi=0.0))),
    ("With three components it is (2π)^(3/2): you have (2π)^(1/2).", noisy(mixture(pi=0.5))),
    (
        "This is the sum of logarithms. The densities of the modes add up, and then comes the logarithm.",
        noisy(reduce=np.sum),
    ),
    ("This is the largest mode alone: the densities of all modes add up.", noisy(reduce=np.max)),
    ("This is the density. Its logarithm is wanted.", lambda *given: np.exp(right.noisy_log_density(*given))),
]
SCORES = [(words, gradient(parts)) for words, parts in MODES.items()] + [
    ("The sign is turned: a score points to where the density grows.", gradient(sign=-1)),
    (
        "A mode's share at x is not its weight: it is weight times density at x, divided by their sum over the modes.",
        gradient(share=lambda logs, pump: pump.weights),
    ),
    (
        "This is the gradient of the density. The score is that of its logarithm: divide by the density.",
        gradient(share=lambda logs, pump: np.exp(logs)),
    ),
    (
        "This is the score of the nearest mode alone. All have their share.",
        gradient(share=lambda logs, pump: (logs == logs.max(axis=1, keepdims=True)).astype(float)),
    ),
    ("All modes have the same share here. It depends on x.", gradient(share=lambda logs, pump: np.ones_like(logs) / 3)),
    (
        "The shares have to add up to 1: you add up the modes' own scores.",
        gradient(share=lambda logs, pump: np.ones_like(logs)),
    ),
]


def flow(drift=-0.5, pull=-0.5, power=1, turned=False, eye=True, clock=lambda t: t):
    """A probability_flow with a mistake."""

    def probability_flow(score, score_jacobian, schedule):
        def rate(t):
            return schedule.beta(clock(t)) ** power

        def f(t, x):
            return drift * schedule.beta(clock(t)) * x + pull * rate(t) * score(clock(t), x)

        def jacobian(t, x):
            J = score_jacobian(clock(t), x)
            return drift * eye * schedule.beta(clock(t)) * np.eye(3) + pull * rate(t) * (
                J.swapaxes(-1, -2) if turned else J
            )

        return f, jacobian

    return probability_flow


FLOWS = [
    ("The score counts by half: f - ½ g² score, with g² = β.", flow(pull=-1.0)),
    ("The score has the wrong sign: f - ½ g² score. Points walk out of a crowd.", flow(pull=0.5)),
    ("The drift has the wrong sign: it is -½ β x.", flow(drift=0.5)),
    ("The whole field has the wrong sign. The solver turns the time, not you.", flow(0.5, 0.5)),
    ("The score is missing: this is the drift alone.", flow(pull=0.0)),
    ("The drift is missing: it is -½ β x.", flow(drift=0.0)),
    ("The drift is -½ β x: you have no ½.", flow(drift=-1.0)),
    ("g² is β: you have g = √β in front of the score.", flow(power=0.5)),
    ("g² is β, and you have β².", flow(power=2)),
    ("You turn the time, 1 - t. The solver does that, with times that fall.", flow(clock=lambda t: 1 - t)),
    ("Here β is taken at time 0. It depends on t.", flow(clock=lambda t: 0 * t)),
    ("The Jacobian of the drift is missing: -½ β on the diagonal.", flow(eye=False)),
    ("The Jacobian is transposed: row i holds the derivatives of component i.", flow(turned=True)),
]  # fmt: skip


def model(at_x=hw4.EARLY, at_base=1.0, flow=right.probability_flow, log_base=hw4.log_normal, **kind):
    """A model_log_density with a mistake."""
    return lambda score, score_jacobian, schedule, x: back(**kind)(
        *flow(score, score_jacobian, schedule), log_base, x, at_base, at_x
    )


MODELS = [
    ("The sign of the trace is turned.", model(sign=-1)),
    ("The trace is missing: this is the base density at the end of the way.", model(sign=0)),
    ("You go from 1 to EARLY. x is a state at EARLY, and the base density is known at time 1.", model(1.0, hw4.EARLY)),
    ("The base density is asked about x itself. Ask it about where x comes from, at time 1.", model(base="x")),
    ("The base density at time 1 is the standard normal one.", model(log_base=hw4.tried.log_base)),
    ("Its constant, -3/2 log 2π, is missing.", model(log_base=lambda x: -0.5 * np.sum(x**2, -1))),
    ("This is the density of a flow without the ½ in front of the score.", model(flow=flow(pull=-1.0))),
    ("This is the density of a flow whose score has the wrong sign.", model(flow=flow(pull=0.5))),
    ("The trace of the drift is missing, -3/2 β.", model(flow=flow(eye=False))),
    ("The trace is that at x. It changes along the path: integrate it.", model(at="x")),
]
