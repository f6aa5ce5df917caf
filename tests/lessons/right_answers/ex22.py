"""Right answers to the exercises of lesson 22 in other forms than the solution's."""

import numpy as np


def by_rows(f, g, score):
    def field(t, x):
        return np.array([a - 0.5 * g(t) ** 2 * b for a, b in zip(f(t, x), score(t, x), strict=True)])

    return field


def sample_by_sample(guess, x0, z, t, alpha, sigma):
    x = np.array([a * p + s * q for a, p, s, q in zip(alpha, x0, sigma, z, strict=True)])
    return sum(np.sum(row**2) for row in guess(t, x) - z) / len(z)


def clean_and_noise(guess, x, now, then):
    noise = guess(x, *now)
    clean = (x - now[1] * noise) / now[0]
    return then[0] * clean + then[1] * noise


def by_shares(guess, x, now, then, z, eta):
    noise = guess(x, *now)
    kept = then[1] * now[0] / (now[1] * then[0])
    share = eta * np.sqrt(1 - kept**2)
    clean = (x - now[1] * noise) / now[0]
    return then[0] * clean + then[1] * (np.sqrt(1 - share**2) * noise + share * z)


RIGHT = {
    "flow_field": {"row by row": by_rows},
    "denoising_loss": {"sample by sample": sample_by_sample},
    "ddim_step": {"clean data and noise": clean_and_noise},
    "ancestral_step": {"shares of the noise": by_shares},
}
