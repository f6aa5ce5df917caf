"""Wrong answers to the exercises of lesson 21."""

import numpy as np


def milstein(time=0.0, drift=True, root=True, half=2.0, sign=1.0, ito=1.0, over=0.5, add=True, point="g"):
    """An answer to milstein_without_dg with one thing changed."""

    def milstein_without_dg(f, g, t, x, h, w):
        slope, noise, far = f(t, x), g(t, x), h**0.5
        away = {"g": far * noise, "w": w * noise, "1": far + 0 * x, "h": h * noise}[point]
        beside = g(t + time * h, x + (h * slope if drift else 0.0) + away)
        term = (beside - noise) * (w**2 - ito * h) / (half * h**over)
        return (x if add else 0.0) + h * slope + noise * w + sign * term

    return milstein_without_dg


def milstein_in_place(f, g, t, x, h, w):
    new = milstein()(f, g, t, x, h, w)
    x += new - x
    return x


def translated(shift):
    return lambda f, g, dg: lambda t, x: f(t, x) + shift(g(t, x), dg(t, x))


def between(mean=None, spread=None, sign=1.0):
    """An answer to bridge with another mean or spread."""

    def bridge(s, w_s, u, w_u, t, z):
        a = (t - s) / (u - s)
        m = (1 - a) * w_s + a * w_u if mean is None else mean(a, w_s, w_u)
        d = np.sqrt((t - s) * (u - t) / (u - s)) if spread is None else spread(s, u, t)
        return m + sign * d * z

    return bridge


def likelihood(two=2.0, power=2.0, norm=True, pi=True, shift=True, start=True, sign=1.0, mean=False, swapped=False):
    """An answer to ou_log_likelihood with one thing changed."""

    def ou_log_likelihood(x, dt, theta, m, sigma):
        kept, m = np.exp(-theta * dt), m if shift else 0.0
        variance = sigma**2 / (two * theta) * (1 - np.exp(-power * theta * dt))
        old, new = (x[1:], x[:-1]) if swapped else (x[:-1], x[1:])
        off = new - m - (kept * (old - m) if start else 0.0)
        value = off**2 / variance + (np.log((2 * np.pi if pi else 1.0) * variance) if norm else 0.0)
        return sign * -0.5 * float(value.mean() if mean else value.sum())

    return ou_log_likelihood


def by_euler(x, dt, theta, m, sigma):
    off, variance = x[1:] - x[:-1] - theta * (m - x[:-1]) * dt, sigma**2 * dt
    return float(-0.5 * np.sum(off**2 / variance + np.log(2 * np.pi * variance)))


def each(x, dt, theta, m, sigma):
    kept = np.exp(-theta * dt)
    variance = sigma**2 / (2 * theta) * (1 - kept**2)
    off = x[1:] - m - kept * (x[:-1] - m)
    return -0.5 * (off**2 / variance + np.log(2 * np.pi * variance))


def normalised_once(x, dt, theta, m, sigma):
    variance = sigma**2 / (2 * theta) * (1 - np.exp(-2 * theta * dt))
    off = x[1:] - m - np.exp(-theta * dt) * (x[:-1] - m)
    return float(-0.5 * np.sum(off**2) / variance - 0.5 * np.log(2 * np.pi * variance))


WRONG = {
    "to_stratonovich": {
        "way back": (translated(lambda g, dg: g * dg / 2), "This is the way back"),
        "no half": (translated(lambda g, dg: -g * dg), "The ½ is missing."),
        "no half, way back": (translated(lambda g, dg: g * dg), "and the sign"),
        "nothing": (lambda f, g, dg: f, "nothing is translated"),
        "no g": (translated(lambda g, dg: -dg / 2), "The factor g is missing"),
        "g squared": (translated(lambda g, dg: -(g**2) / 2), "not ½ g²"),
        "shift alone": (lambda f, g, dg: lambda t, x: g(t, x) * dg(t, x) / 2, "the shift alone"),
        "minus the shift": (lambda f, g, dg: lambda t, x: -g(t, x) * dg(t, x) / 2, "f is missing"),
        "time 0": (lambda f, g, dg: lambda t, x: f(0.0, x) - g(0.0, x) * dg(0.0, x) / 2, "The time is missing"),
        "summed": (translated(lambda g, dg: -(g * dg).sum() / 2), "nothing is summed"),
        "a value": (lambda f, g, dg: f(0.0, np.ones(3)), "A function (t, x) is to be returned"),
        "zeros": (lambda f, g, dg: lambda t, x: 0 * x, "is off"),
        "derivative at a wrong time": (
            lambda f, g, dg: lambda t, x: f(t, x) - g(t, x) * dg(0.0, x) / 2,
            "is off",
        ),
    },
    "milstein_without_dg": {
        "Euler": (lambda f, g, t, x, h, w: x + h * f(t, x) + g(t, x) * w, "This is Euler and Maruyama's step"),
        "Stratonovich": (milstein(ito=0.0), "The -h is missing"),
        "plus h": (milstein(ito=-1.0), "the new x is off"),
        "sign": (milstein(sign=-1.0), "The term has the wrong sign"),
        "no half": (milstein(half=1.0), "The ½ is missing"),
        "no root": (milstein(over=0.0), "the √h below is missing"),
        "over h": (milstein(over=1.0), "not by h"),
        "no drift in the point": (milstein(drift=False), "here h f is missing"),
        "point w g": (milstein(point="w"), "not w g"),
        "point √h": (milstein(point="1"), "not √h"),
        "point h g": (milstein(point="h"), "the new x is off"),
        "later": (milstein(time=1.0), "The second g is taken at the time t"),
        "change": (milstein(add=False), "This is the change of x"),
        "no drift": (lambda f, g, t, x, h, w: milstein()(f, g, t, x, h, w) - h * f(t, x), "The drift h f is missing"),
        "in place": (milstein_in_place, "changed x itself"),
        "zeros": (lambda f, g, t, x, h, w: 0 * x, "the new x is off"),
        "x": (lambda f, g, t, x, h, w: x.copy(), "the new x is off"),
    },
    "bridge": {
        "variance": (between(spread=lambda s, u, t: (t - s) * (u - t) / (u - s)), "You multiply z by the variance"),
        "weights": (between(mean=lambda a, p, q: a * p + (1 - a) * q), "have changed places"),
        "middle": (
            between(mean=lambda a, p, q: (p + q) / 2, spread=lambda s, u, t: np.sqrt(u - s) / 2),
            "the formula for the middle",
        ),
        "mean of the middle": (between(mean=lambda a, p, q: (p + q) / 2), "The mean is that of the middle"),
        "spread of the middle": (between(spread=lambda s, u, t: np.sqrt(u - s) / 2), "The spread is that"),
        "no noise": (between(sign=0.0), "The noise is missing"),
        "free": (
            between(mean=lambda a, p, q: p, spread=lambda s, u, t: np.sqrt(t - s)),
            "as if W(u) were not known",
        ),
        "free spread": (between(spread=lambda s, u, t: np.sqrt(t - s)), "need not arrive"),
        "no division": (between(spread=lambda s, u, t: np.sqrt((t - s) * (u - t))), "The division by u - s"),
        "sign": (between(sign=-1.0), "The noise has the wrong sign"),
        "noise alone": (between(mean=lambda a, p, q: 0 * p), "the noise alone"),
        "zeros": (lambda s, w_s, u, w_u, t, z: 0 * z, "W(t) is off"),
        "start": (lambda s, w_s, u, w_u, t, z: w_s.copy(), "W(t) is off"),
    },
    "ou_log_likelihood": {
        "sign": (likelihood(sign=-1.0), "minus the log likelihood"),
        "no normalising": (likelihood(norm=False), "The normalising"),
        "no 2π": (likelihood(pi=False), "The 2π is missing"),
        "mean": (likelihood(mean=True), "This is the mean"),
        "no 2 in 2θ": (likelihood(two=1.0), "the 2 in 2θ is missing"),
        "one power": (likelihood(power=1.0), "and not 1 - e^(-θΔ)"),
        "stationary": (likelihood(power=np.inf, start=False), "for a long gap"),
        "Euler": (by_euler, "This is Euler's step"),
        "no m": (likelihood(shift=False), "m is missing"),
        "swapped": (likelihood(swapped=True), "have changed places"),
        "not summed": (each, "One number is wanted"),
        "normalised once": (normalised_once, "once for each transition"),
        "zero": (lambda x, dt, theta, m, sigma: 0.0, "the log likelihood is off"),
    },
}
