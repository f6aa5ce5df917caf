"""Wrong answers to the exercises of lesson 26."""

import numpy as np


def rms(a):
    return np.sqrt((a**2).mean(0))


def scaled_in_place(theta, target, c):
    theta *= c
    return rms(theta) / rms(target)


def errors(gram, root=np.sqrt, times=1.0):
    return lambda theta, noise: times * noise * root(np.diag(gram(theta)))


def inverse(theta):
    return np.linalg.inv(theta.T @ theta)


def wrong_index(theta, noise):
    _, s, V = np.linalg.svd(theta, full_matrices=False)
    return noise * np.sqrt(((V / s) ** 2).sum(1))


def turned(z):
    return z * np.sign(z[np.argmax(np.abs(z))])


def direction(columns=lambda theta: theta / rms(theta), pick=lambda V: V[-1], turn=turned, size=None):
    """An answer to blind_direction with one thing changed."""

    def blind_direction(theta):
        A = theta / rms(theta)
        z = turn(pick(np.linalg.svd(columns(theta), full_matrices=False)[2]))
        return z, (np.sqrt(((A @ z) ** 2).mean()) if size is None else size(theta, A, z))

    return blind_direction


WRONG = {
    "shares": {
        "signed": (lambda theta, target, c: c * rms(theta) / rms(target), "take the absolute value"),
        "the coefficients": (lambda theta, target, c: np.abs(c), "the coefficient alone"),
        "no target": (lambda theta, target, c: np.abs(c) * rms(theta), "target's size is missing"),
        "divided": (lambda theta, target, c: np.abs(c) / rms(theta) / rms(target), "Multiply"),
        "means": (lambda theta, target, c: np.abs(c) * np.abs(theta.mean(0)) / rms(target), "mean is not its size"),
        "deviations": (lambda theta, target, c: np.abs(c) * theta.std(0) / target.std(), "standard deviation"),
        "squares": (lambda theta, target, c: (c * rms(theta) / rms(target)) ** 2, "These are the squares"),
        "one size": (lambda theta, target, c: np.abs(c) * rms(theta.ravel()) / rms(target), "over the terms"),
        "a sum": (
            lambda theta, target, c: np.abs(c) * np.linalg.norm(theta, axis=0) / rms(target),
            "a root of a sum over the rows",
        ),
        "zeros": (lambda theta, target, c: 0 * c, "the shares is off"),
        "in place": (scaled_in_place, "changed"),
    },
    "coefficient_errors": {
        "variances": (lambda theta, noise: noise**2 * np.diag(inverse(theta)), "These are the variances"),
        "no noise": (lambda theta, noise: np.sqrt(np.diag(inverse(theta))), "The noise is missing"),
        "noise squared": (lambda theta, noise: noise**2 * np.sqrt(np.diag(inverse(theta))), "enters once"),
        "diagonal first": (lambda theta, noise: noise / np.sqrt(np.diag(theta.T @ theta)), "Invert the matrix first"),
        "not inverted": (errors(lambda theta: theta.T @ theta), "not of its inverse"),
        "singular directions": (
            lambda theta, noise: noise / np.linalg.svd(theta, compute_uv=False),
            "along the singular directions",
        ),
        "root of n": (
            lambda theta, noise: noise * np.sqrt(np.diag(inverse(theta)) / len(theta)),
            "once too often",
        ),
        "as a mean": (lambda theta, noise: noise * np.sqrt(np.diag(inverse(theta)) * len(theta)), "as a mean would"),
        "wrong index": (wrong_index, "over the wrong index"),
        "a matrix": (lambda theta, noise: noise * np.sqrt(np.abs(inverse(theta))), "whole matrix"),
        "zeros": (lambda theta, noise: np.zeros(theta.shape[1]), "the errors is off"),
    },
    "blind_direction": {
        "not scaled": (direction(columns=lambda theta: theta), "not brought to size one"),
        "best seen": (direction(pick=lambda V: V[0]), "see best"),
        "a column": (direction(pick=lambda V: V[:, -1]), "taken a column"),
        "the sign": (direction(turn=lambda z: -turned(z)), "The sign"),
        "centred": (direction(columns=lambda theta: (theta - theta.mean(0)) / rms(theta)), "moved to mean zero"),
        "singular value": (direction(size=lambda theta, A, z: np.linalg.norm(A @ z)), "Divide by the root of n"),
        "of theta": (direction(size=lambda theta, A, z: rms(theta @ z)), "of theta itself"),
        "condition": (direction(size=lambda theta, A, z: np.linalg.cond(A)), "condition number"),
        "squared": (direction(size=lambda theta, A, z: rms(A @ z) ** 2), "mean square"),
        "only z": (lambda theta: direction()(theta)[0], "Return two things"),
    },
}
