"""Wrong answers to the exercises of lesson 22."""

import numpy as np


def field(make):
    """An answer to flow_field from f, g and the score at (t, x)."""
    return lambda f, g, score: lambda t, x: make(f(t, x), g(t), score(t, x))


def field_in_place(f, g, score):
    def inside(t, x):
        value = f(t, x) - g(t) ** 2 * score(t, x) / 2
        x += value
        return value

    return inside


def loss(noisy=lambda x0, z, a, s: a * x0 + s * z, target=lambda x0, z, a, s: z, norm=None, sign=1.0):
    """An answer to denoising_loss with one thing changed."""

    def denoising_loss(guess, x0, z, t, alpha, sigma):
        a, s = alpha[:, None], sigma[:, None]
        off = (guess(t, noisy(x0, z, a, s)) - target(x0, z, a, s)) ** 2
        return sign * (off.sum(1).mean() if norm is None else norm(off, s))

    return denoising_loss


def step(make):
    """An answer to ddim_step from x, the guess e, and α, σ at both times."""
    return lambda guess, x, now, then: make(x, guess(x, *now), *now, *then)


def ddim_in_place(guess, x, now, then):
    noise = guess(x, *now)
    x *= then[0] / now[0]
    x += (then[1] - now[1] * then[0] / now[0]) * noise
    return x


def noisy(make, power=2, squared=True):
    """An answer to ancestral_step from the clean data times the new α, e, σ1, v and z."""

    def ancestral_step(guess, x, now, then, z, eta):
        (a, s), (a1, s1) = now, then
        e = guess(x, a, s)
        v = eta**power * s1**2 * (1 - (s1 * a / (s * a1)) ** (2 if squared else 1))
        return make(a1 * (x - s * e) / a, e, s1, v, z, a1)

    return ancestral_step


def ancestral_in_place(guess, x, now, then, z, eta):
    new = noisy(lambda c, e, s1, v, z, a1: c + np.sqrt(s1**2 - v) * e + np.sqrt(v) * z)(guess, x, now, then, z, eta)
    x[...] = new
    return x


WRONG = {
    "flow_field": {
        "sign": (field(lambda f, g, s: f + g**2 * s / 2), "The sign"),
        "no half": (field(lambda f, g, s: f - g**2 * s), "The ½ is missing"),
        "g": (field(lambda f, g, s: f - g * s / 2), "It is g², not g"),
        "drift": (field(lambda f, g, s: f), "This is the drift alone"),
        "no drift": (field(lambda f, g, s: -(g**2) * s / 2), "The drift f is missing"),
        "g at 0": (lambda f, g, score: lambda t, x: f(t, x) - g(0.0) ** 2 * score(t, x) / 2, "g is taken at t"),
        "score at 0": (
            lambda f, g, score: lambda t, x: f(t, x) - g(t) ** 2 * score(0.0, x) / 2,
            "The score is taken at t",
        ),
        "f at 0": (lambda f, g, score: lambda t, x: f(0.0, x) - g(t) ** 2 * score(t, x) / 2, "is off"),
        "backward": (field(lambda f, g, s: g**2 * s / 2 - f), "minus the field"),
        "zeros": (field(lambda f, g, s: 0 * f), "is off"),
        "a value": (lambda f, g, score: f(0.5, np.ones((4, 3))), "A function (t, x) is to be returned"),
        "in place": (field_in_place, "changed x itself"),
    },
    "denoising_loss": {
        "mean of all": (loss(norm=lambda off, s: off.mean()), "Sum over the components first"),
        "sum of all": (loss(norm=lambda off, s: off.sum()), "the sum over the samples"),
        "each": (loss(norm=lambda off, s: off.sum(1)), "One number is wanted"),
        "clean": (loss(noisy=lambda x0, z, a, s: x0), "asked about the clean data"),
        "guesses data": (loss(target=lambda x0, z, a, s: x0), "compared with the data"),
        "guesses σz": (loss(target=lambda x0, z, a, s: s * z), "the noise times σ"),
        "no α": (loss(noisy=lambda x0, z, a, s: x0 + s * z), "multiplied by α"),
        "swapped": (loss(noisy=lambda x0, z, a, s: s * x0 + a * z), "have changed places"),
        "σ squared": (loss(noisy=lambda x0, z, a, s: a * x0 + s**2 * z), "not squared"),
        "weighted": (loss(norm=lambda off, s: (s**2 * off).sum(1).mean()), "with the weight σ²"),
        "minus noise": (loss(noisy=lambda x0, z, a, s: a * x0 - s * z), "with a plus"),
        "score": (loss(target=lambda x0, z, a, s: -z / s), "only for the score"),
        "norm": (loss(norm=lambda off, s: np.sqrt(off.sum(1)).mean()), "The root of the squared error"),
        "root": (loss(norm=lambda off, s: np.sqrt(off.sum(1).mean())), "The root of the mean"),
        "sign": (loss(sign=-1.0), "The sign"),
        "zero": (loss(sign=0.0), "the loss is off"),
    },
    "ddim_step": {
        "clean": (step(lambda x, e, a, s, a1, s1: (x - s * e) / a), "none is put back"),
        "clean, scaled": (step(lambda x, e, a, s, a1, s1: a1 * (x - s * e) / a), "no noise is put back"),
        "y": (step(lambda x, e, a, s, a1, s1: x / a + (s1 / a1 - s / a) * e), "Multiply it by the new α"),
        "old α": (step(lambda x, e, a, s, a1, s1: x + a * (s1 / a1 - s / a) * e), "multiplied by the old α"),
        "x for y": (step(lambda x, e, a, s, a1, s1: a1 * (x + (s1 / a1 - s / a) * e)), "divide x by the old α"),
        "sign": (step(lambda x, e, a, s, a1, s1: a1 * (x / a - (s1 / a1 - s / a) * e)), "has the wrong sign"),
        "σ alone": (step(lambda x, e, a, s, a1, s1: x + (s1 - s) * e), "leaves α out"),
        "σ for s": (step(lambda x, e, a, s, a1, s1: a1 * (x / a + (s1 - s) * e)), "The variable is σ/α"),
        "scaled": (step(lambda x, e, a, s, a1, s1: a1 / a * x), "Only the rescaling"),
        "asked later": (
            lambda guess, x, now, then: (
                then[0] * (x / now[0] + (then[1] / then[0] - now[1] / now[0]) * guess(x, *then))
            ),
            "asked at the time where x is",
        ),
        "asked about y": (
            lambda guess, x, now, then: (
                then[0] * (x / now[0] + (then[1] / then[0] - now[1] / now[0]) * guess(x / now[0], *now))
            ),
            "asked about x itself",
        ),
        "backward": (
            lambda guess, x, now, then: now[0] / then[0] * (x - then[1] * guess(x, *then)) + now[1] * guess(x, *then),
            "now and then have changed places",
        ),
        "in place": (ddim_in_place, "changed x itself"),
        "zeros": (step(lambda x, e, a, s, a1, s1: 0 * x), "the new x is off"),
    },
    "ancestral_step": {
        "DDIM": (noisy(lambda c, e, s1, v, z, a1: c + s1 * e), "the new noise is missing"),
        "too much": (noisy(lambda c, e, s1, v, z, a1: c + s1 * e + np.sqrt(v) * z), "as much of the old one has to go"),
        "variance": (noisy(lambda c, e, s1, v, z, a1: c + np.sqrt(s1**2 - v) * e + v * z), "not by the variance"),
        "difference of roots": (
            noisy(lambda c, e, s1, v, z, a1: c + (s1 - np.sqrt(v)) * e + np.sqrt(v) * z),
            "the root of the difference",
        ),
        "no root": (noisy(lambda c, e, s1, v, z, a1: c + (s1**2 - v) * e + np.sqrt(v) * z), "The root of σ1² - v"),
        "swapped": (
            noisy(lambda c, e, s1, v, z, a1: c + np.sqrt(v) * e + np.sqrt(s1**2 - v) * z),
            "have changed places",
        ),
        "no α": (
            noisy(lambda c, e, s1, v, z, a1: c / a1 + np.sqrt(s1**2 - v) * e + np.sqrt(v) * z),
            "multiplied by the new α",
        ),
        "eta once": (
            noisy(lambda c, e, s1, v, z, a1: c + np.sqrt(s1**2 - v) * e + np.sqrt(v) * z, power=1),
            "eta is to be squared",
        ),
        "no eta": (
            noisy(lambda c, e, s1, v, z, a1: c + np.sqrt(s1**2 - v) * e + np.sqrt(v) * z, power=0),
            "eta is missing",
        ),
        "ratio not squared": (
            noisy(lambda c, e, s1, v, z, a1: c + np.sqrt(s1**2 - v) * e + np.sqrt(v) * z, squared=False),
            "the new x is off",
        ),
        "no ratio": (
            lambda guess, x, now, then, z, eta: (
                then[0] * (x - now[1] * guess(x, *now)) / now[0]
                + then[1] * (np.sqrt(1 - eta**2) * guess(x, *now) + eta * z)
            ),
            "which is missing",
        ),
        "minus z": (noisy(lambda c, e, s1, v, z, a1: c + np.sqrt(s1**2 - v) * e - np.sqrt(v) * z), "with a plus"),
        "in place": (ancestral_in_place, "changed x itself"),
        "zeros": (noisy(lambda c, e, s1, v, z, a1: 0 * c), "the new x is off"),
    },
}
