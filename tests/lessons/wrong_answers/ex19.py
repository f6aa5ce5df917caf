"""Wrong answers to the exercises of lesson 19."""

import numpy as np

HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def moved(gap=lambda gaps: gaps, time=lambda t, k, size: t + k * size, length=lambda gaps, steps: gaps / steps, once=1):
    """An answer to through_gaps with one thing changed."""

    def through_gaps(f, t, h, gaps, steps):
        t, size = t[:, None], length(gap(gaps), steps)[:, None]
        for k in range(1 if once == 0 else steps):
            h = h + size * f(time(t, k, size), h)
        return h

    return through_gaps


def without_g(f, t, h, gaps, steps):
    for k in range(steps):
        h = h + f((t + k / steps * gaps)[:, None], h) / steps
    return h


def without_any_g(f, t, h, gaps, steps):
    for k in range(steps):
        h = h + f((t + k / steps)[:, None], h) / steps
    return h


def clock_of_s(f, t, h, gaps, steps):
    for k in range(steps):
        h = h + (gaps / steps)[:, None] * f((t + k / steps)[:, None], h)
    return h


def moved_in_place(f, t, h, gaps, steps):
    for k in range(steps):
        h += (gaps / steps)[:, None] * f((t + k * gaps / steps)[:, None], h)
    return h


def one_by_one(f, t, h, gaps, steps):
    rows = []
    for i in range(len(h)):
        row = h[i : i + 1]
        for k in range(steps):
            row = row + gaps[i] / steps * f(np.array([[t[i] + k * gaps[i] / steps]]), row)
        rows.append(row[0])
    return np.array(rows)


def likelihood(
    constants=True, count=None, square=lambda m, s: m**2 / s**2, half=0.5, log_noise=1.0, sign=1.0, mean=False
):
    """An answer to log_likelihood with one thing changed."""

    def log_likelihood(x, path, noise):
        seen = ~np.isnan(x)
        miss = (x - path)[seen]
        n = x.size if count == "all" else miss.size
        each = log_noise * np.log(noise) + (HALF_LOG_2PI if constants else 0.0)
        total = sign * (-half * np.sum(square(miss, noise)) - n * each)
        return float(total / n if mean else total)

    return log_likelihood


def zeros_seen(x, path, noise):
    miss = (np.nan_to_num(x) - path) / noise
    return float(np.sum(-0.5 * miss**2 - np.log(noise) - HALF_LOG_2PI))


def whole_rows(x, path, noise):
    rows = ~np.isnan(x).any(1)
    miss = (x[rows] - path[rows]) / noise
    return float(np.sum(-0.5 * miss**2 - np.log(noise) - HALF_LOG_2PI))


def with_nan(x, path, noise):
    return float(np.sum(-0.5 * ((x - path) / noise) ** 2 - np.log(noise) - HALF_LOG_2PI))


def table(gap=lambda t, t0: np.diff(t, prepend=t0), mask=lambda seen: seen, back=True, fill=0.0, with_mask=True):
    """An answer to recognition_inputs with one thing changed."""

    def recognition_inputs(t, x, t0):
        seen = ~np.isnan(x)
        parts = [np.where(seen, x, fill), *([mask(seen)] if with_mask else []), gap(t, t0)[:, None]]
        rows = np.concatenate(parts, axis=1)
        return rows[::-1] if back else rows

    return recognition_inputs


def gaps_forward(t, x, t0):
    seen = ~np.isnan(x)
    return np.concatenate([np.nan_to_num(x)[::-1], seen[::-1], np.diff(t, prepend=t0)[:, None]], axis=1)


def inputs_in_place(t, x, t0):
    seen = ~np.isnan(x)
    x[~seen] = 0.0
    return np.concatenate([x, seen, np.diff(t, prepend=t0)[:, None]], axis=1)[::-1]


def divergence(change):
    """An answer to gaussian_kl_from: the terms, each (d,), in the hands of `change`."""

    def gaussian_kl_from(m, s, prior_m, prior_s):
        return change(np.log(prior_s / s), s**2, (m - prior_m) ** 2, prior_s**2)

    return gaussian_kl_from


WRONG = {
    "through_gaps": {
        "one gap": (moved(gap=lambda gaps: np.full_like(gaps, gaps.mean())), "through the same gap"),
        "the first gap": (moved(gap=lambda gaps: np.full_like(gaps, gaps[0])), "through the same gap"),
        "not divided": (moved(length=lambda gaps, steps: gaps), "divide by steps"),
        "time stands still": (moved(time=lambda t, k, size: t), "The time stands still"),
        "late": (moved(time=lambda t, k, size: t + (k + 1) * size), "at its beginning"),
        "from 0": (moved(time=lambda t, k, size: k * size), "begin at time 0"),
        "no factor g": (without_g, "The factor g is missing"),
        "no g at all": (without_any_g, "The factor g is missing"),
        "clock of s": (clock_of_s, "The time moves by the gap, not by 1"),
        "one step": (moved(length=lambda gaps, steps: gaps, once=0), "One step only"),
        "backward": (moved(gap=lambda gaps: -gaps), "backward in time"),
        "in place": (moved_in_place, "changed h itself"),
        "one by one": (one_by_one, "it takes all samples at once"),
        "unmoved": (lambda f, t, h, gaps, steps: h.copy(), "before the gap"),
        "zeros": (lambda f, t, h, gaps, steps: np.zeros_like(h), "the states behind the gaps is off"),
    },
    "log_likelihood": {
        "zeros seen": (zeros_seen, "count as zeros"),
        "constants for all": (likelihood(count="all"), "counted for the missing numbers too"),
        "whole rows": (whole_rows, "counts by itself"),
        "nan": (with_nan, "This is nan"),
        "mean": (likelihood(mean=True), "is a sum"),
        "no 2 pi": (likelihood(constants=False), "log(2π) is missing"),
        "no log noise": (likelihood(log_noise=0.0), "log(noise) is missing"),
        "squares alone": (likelihood(constants=False, log_noise=0.0), "Both constants"),
        "noise once": (likelihood(square=lambda m, s: m**2 / s), "before it is squared"),
        "no half": (likelihood(half=1.0), "The half in front of the square"),
        "2 pi whole": (
            lambda x, path, noise: likelihood()(x, path, noise) - (~np.isnan(x)).sum() * HALF_LOG_2PI,
            "The half in front of log(2π)",
        ),
        "the density": (lambda x, path, noise: float(np.exp(likelihood()(x, path, noise))), "Its logarithm is wanted"),
        "minus": (likelihood(sign=-1.0), "minus the logarithm"),
        "log noise up": (likelihood(log_noise=-1.0), "The sign of log(noise)"),
        "zero": (lambda x, path, noise: 0.0, "the log-likelihood is off"),
    },
    "recognition_inputs": {
        "forward": (table(back=False), "reads backward"),
        "gap after": (table(gap=lambda t, t0: np.append(np.diff(t), 0.0)), "to the time after"),
        "no first gap": (table(gap=lambda t, t0: np.diff(t, prepend=t[0])), "reaches back to t0"),
        "from 0": (table(gap=lambda t, t0: np.diff(t, prepend=0.0)), "begin at time 0"),
        "times": (table(gap=lambda t, t0: t), "holds times, not gaps"),
        "since t0": (table(gap=lambda t, t0: t - t0), "the time since t0"),
        "mask turned": (table(mask=lambda seen: ~seen), "mask is turned round"),
        "gaps forward": (gaps_forward, "gaps are still in the order"),
        "mask forward": (table(mask=lambda seen: seen[::-1]), "mask is still in the order"),
        "negative": (table(gap=lambda t, t0: -np.diff(t, prepend=t0)), "A gap is a length"),
        "no mask": (table(with_mask=False), "tell a missing number from a 0"),
        "nan": (table(fill=np.nan), "a nan among the inputs"),
        "in place": (inputs_in_place, "changed x itself"),
        "zeros": (lambda t, x, t0: np.zeros((len(t), 2 * x.shape[1] + 1)), "the table of inputs is off"),
    },
    "gaussian_kl_from": {
        "the other way": (
            lambda m, s, a, b: float(np.sum(np.log(s / b) + (b**2 + (m - a) ** 2) / (2 * s**2) - 0.5)),
            "q stands in front",
        ),
        "variances": (
            lambda m, s, a, b: float(np.sum(0.5 * np.log(b / s) + (s + (m - a) ** 2) / (2 * b) - 0.5)),
            "take it for a variance",
        ),
        "squared twice": (
            lambda m, s, a, b: float(np.sum(2 * np.log(b / s) + (s**4 + (m - a) ** 2) / (2 * b**4) - 0.5)),
            "once too often",
        ),
        "sign of the logarithm": (
            divergence(lambda log, var, dist, prior: float(np.sum(-log + (var + dist) / (2 * prior) - 0.5))),
            "wrong sign",
        ),
        "no logarithm": (
            divergence(lambda log, var, dist, prior: float(np.sum((var + dist) / (2 * prior) - 0.5))),
            "logarithm is missing",
        ),
        "no half": (
            divergence(lambda log, var, dist, prior: float(np.sum(log + (var + dist) / (2 * prior)))),
            "The ½ at the end is missing",
        ),
        "half once": (
            divergence(lambda log, var, dist, prior: float(np.sum(log + (var + dist) / (2 * prior)) - 0.5)),
            "not for each component",
        ),
        "no means": (
            divergence(lambda log, var, dist, prior: float(np.sum(log + var / (2 * prior) - 0.5))),
            "distance of the means is missing",
        ),
        "means not divided": (
            divergence(lambda log, var, dist, prior: float(np.sum(log + var / (2 * prior) + dist / 2 - 0.5))),
            "not divided by the prior",
        ),
        "standard prior": (
            lambda m, s, a, b: float(np.sum(-np.log(s) + (s**2 + m**2) / 2 - 0.5)),
            "Here it is given",
        ),
        "vector": (divergence(lambda log, var, dist, prior: log + (var + dist) / (2 * prior) - 0.5), "One number"),
        "mean": (
            divergence(lambda log, var, dist, prior: float(np.mean(log + (var + dist) / (2 * prior) - 0.5))),
            "Independent ones add up",
        ),
        "minus": (
            divergence(lambda log, var, dist, prior: -float(np.sum(log + (var + dist) / (2 * prior) - 0.5))),
            "never negative",
        ),
        "twice": (
            divergence(lambda log, var, dist, prior: 2 * float(np.sum(log + (var + dist) / (2 * prior) - 0.5))),
            "twice the answer",
        ),
        "zero": (lambda m, s, a, b: 0.0, "the divergence is off"),
    },
}
