"""Wrong answers to the exercises of lesson 12."""

import autograd
import numpy as np


def R(z):
    return 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24


def rows(vjp, noise):
    return np.array([vjp(v) for v in noise])


def by_time(f, t, x):
    return autograd.jacobian(lambda t: f(t, x))(t)


def jacobian(f, t, x):
    return autograd.jacobian(lambda x: f(t, x))(x)


def iterated(W, v, steps, more=0, last=lambda W, v: np.linalg.norm(W @ v), scaled=True):
    for _ in range(steps + more):
        v = W.T @ (W @ v)
        v = v / np.linalg.norm(v) if scaled else v
    return last(W, v)


def transposed(W, v, steps):
    for _ in range(steps):
        v = W @ (W @ v)
        v = v / np.linalg.norm(v)
    return np.linalg.norm(W @ v)


def in_place(W, v, steps):
    for _ in range(steps):
        v[:] = W.T @ (W @ v)
        v /= np.linalg.norm(v)
    return np.linalg.norm(W @ v)


def noise_in_place(vjp, noise):
    found = np.mean(np.sum(rows(vjp, noise) ** 2, axis=1))
    noise *= 2
    return found


WRONG = {
    "shrinkage": {
        "of |x|": (lambda omega, n: abs(R(1j * omega / n)) ** n, "This is the factor of |x|. Of"),
        "one step": (lambda omega, n: abs(R(1j * omega / n)) ** 2, "This is one step. There are"),
        "one step of |x|": (lambda omega, n: abs(R(1j * omega / n)), "This is one step, and of |x|"),
        "no h": (lambda omega, n: abs(R(1j * omega)) ** (2 * n), "The step is h = 1 / n"),
        "no i": (lambda omega, n: abs(R(omega / n)) ** (2 * n), "Here u' = ωu, which grows"),
        "decay": (lambda omega, n: abs(R(-omega / n)) ** (2 * n), "Here u' = -ωu, which decays"),
        "Euler": (lambda omega, n: abs(1 + 1j * omega / n) ** (2 * n), "This is Euler's factor"),
        "exact": (lambda omega, n: 1.0, "the exact solution's factor, 1"),
        "order 3": (
            lambda omega, n: abs(R(1j * omega / n) - (1j * omega / n) ** 4 / 24) ** (2 * n),
            "The last term is missing",
        ),
        "complex": (lambda omega, n: R(1j * omega / n) ** (2 * n), "the factor is a complex"),
        "real part": (lambda omega, n: (R(1j * omega / n) ** (2 * n)).real, "You took the complex number to the power"),
        "zero": (lambda omega, n: 0.0, "the factor is off"),
        "n + 1 steps": (lambda omega, n: abs(R(1j * omega / n)) ** (2 * n + 2), "the factor is off"),
        "two numbers": (lambda omega, n: np.array([1.0, 1.0]), "one number was expected"),
    },
    "frobenius_estimate": {
        "trace": (lambda vjp, noise: np.mean(np.sum(rows(vjp, noise) * noise, axis=1)), "an estimate of the trace"),
        "not squared": (lambda vjp, noise: np.mean(np.linalg.norm(rows(vjp, noise), axis=1)), "the mean of |Jᵀε|. It"),
        "sum": (lambda vjp, noise: np.sum(rows(vjp, noise) ** 2), "the sum over the random vectors"),
        "mean of all": (lambda vjp, noise: np.mean(rows(vjp, noise) ** 2), "the mean over all numbers"),
        "mean first": (lambda vjp, noise: np.sum(rows(vjp, noise).mean(0) ** 2), "You averaged the vectors"),
        "root": (lambda vjp, noise: np.sqrt(np.mean(np.sum(rows(vjp, noise) ** 2, axis=1))), "This is |J| itself"),
        "square of the trace": (
            lambda vjp, noise: np.mean(np.sum(rows(vjp, noise) * noise, axis=1) ** 2),
            "The square of ε · Jᵀε was taken",
        ),
        "first only": (lambda vjp, noise: np.sum(vjp(noise[0]) ** 2), "vjp was called once"),
        "unit vectors": (
            lambda vjp, noise: np.sum([np.sum(vjp(e) ** 2) for e in np.eye(noise.shape[1])]),
            "random vectors vjp was called",
        ),
        "all at once": (lambda vjp, noise: np.sum(vjp(noise) ** 2), "vjp was called with shape"),
        "zero": (lambda vjp, noise: 0.0 * np.sum(rows(vjp, noise)), "the estimate is off"),
        "a vector": (lambda vjp, noise: np.sum(rows(vjp, noise) ** 2, axis=1), "one number was expected"),
        "in place": (noise_in_place, "changed noise itself"),
    },
    "acceleration": {
        "no time": (lambda f, t, x: jacobian(f, t, x) @ f(t, x), "∂f/∂t is missing"),
        "time alone": (by_time, "This is ∂f/∂t alone"),
        "transposed": (
            lambda f, t, x: by_time(f, t, x) + jacobian(f, t, x).T @ f(t, x),
            "The Jacobian is transposed: ",
        ),
        "transposed, no time": (lambda f, t, x: jacobian(f, t, x).T @ f(t, x), "transposed, and ∂f/∂t is missing"),
        "on x": (lambda f, t, x: by_time(f, t, x) + jacobian(f, t, x) @ x, "acts on the velocity f"),
        "sign of time": (lambda f, t, x: jacobian(f, t, x) @ f(t, x) - by_time(f, t, x), "sign of ∂f/∂t"),
        "sign of J f": (lambda f, t, x: by_time(f, t, x) - jacobian(f, t, x) @ f(t, x), "sign of J f"),
        "velocity": (lambda f, t, x: f(t, x), "This is the velocity"),
        "half": (lambda f, t, x: (by_time(f, t, x) + jacobian(f, t, x) @ f(t, x)) / 2, "half of it"),
        "zeros": (lambda f, t, x: np.zeros(len(x)), "the acceleration is off"),
    },
    "spectral_norm": {
        "one short": (lambda W, v, steps: iterated(W, v, steps, -1), "one step too few"),
        "one more": (lambda W, v, steps: iterated(W, v, steps, 1), "one step too many"),
        "squared": (
            lambda W, v, steps: iterated(W, v, steps, last=lambda W, v: np.linalg.norm(W.T @ (W @ v))),
            "This is |WᵀW v|",
        ),
        "Frobenius": (lambda W, v, steps: np.linalg.norm(W), "the Frobenius norm"),
        "begun": (lambda W, v, steps: np.linalg.norm(W @ v), "the vector of the beginning"),
        "no root": (lambda W, v, steps: np.sum((W @ iterated(W, v, steps, last=lambda W, v: v)) ** 2), "|W v|²"),
        "exact": (lambda W, v, steps: np.linalg.norm(W, 2), "the exact norm"),
        "W twice": (transposed, "spectral_norm raised"),
        "not scaled": (lambda W, v, steps: iterated(W, v, steps, scaled=False), "overflow"),
        "zero": (lambda W, v, steps: 0.0, "the norm is off"),
        "in place": (in_place, "changed v itself"),
    },
}
