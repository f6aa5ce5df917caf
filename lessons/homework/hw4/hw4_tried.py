"""Homework 4, what your functions are tried on: fields, scores, features, and what is kept of each call."""

import numpy as np
from handin import called

from nodekit.classroom.watch import is_stub

NOISES = ("rademacher", "gaussian", "sphere")
MOST = 20_000  # products after which a solve is stopped
EXAMPLE = (1_000_003, 1)  # the variant and the secret of what the self-checks try


def some_matrix(random, size):
    """A random matrix (3, 3) with the norm `size`: so that no field pulls much harder than another."""
    A = random.normal(size=(3, 3))
    return size * A / np.linalg.norm(A, 2)


class Field:
    """A smooth field of three components that depends on time, and whose Jacobian is neither symmetric nor normal.

        f(t, x) = (1 + t/2) D x + B tanh(A x + b + c sin 2t)

    x: (..., 3), a state or many. f.jacobian(t, x): (..., 3, 3), with ∂f_i/∂x_j in row i and column j.
    f.vjp(t, x, v): (∂f/∂x)ᵀ v, for one state (3,). kind: what D is like, for part 4.
    """

    def __init__(self, seed, kind="any"):
        random = np.random.default_rng(seed)
        self.A, self.B = some_matrix(random, 1.0), some_matrix(random, 1.4)
        self.b, self.c = random.normal(size=(2, 3))
        self.D = some_matrix(random, 0.4) + random.choice([-1, 1]) * random.uniform(0.3, 0.6) * np.eye(3)
        if kind != "any":
            self.B *= 0.5 if kind == "uneven" else 0.25
            self.D = random.choice([-1, 1], (3, 3)) * random.uniform(0.4, 0.9, (3, 3))
            self.D[np.tril_indices(3, -1)] *= 0.3
            diagonal = random.uniform(-1.0, 1.0) * np.ones(3)
            if kind == "uneven":
                self.D *= 0.5
                diagonal = random.permutation([-1.2, 0.2, 1.2]) + random.uniform(-0.3, 0.3, 3)
            self.D[np.diag_indices(3)] = diagonal

    def _inside(self, t, x):
        return np.tanh(np.asarray(x) @ self.A.T + self.b + self.c * np.sin(2.0 * t))

    def __call__(self, t, x):
        return (1 + t / 2) * np.asarray(x) @ self.D.T + self._inside(t, x) @ self.B.T

    def jacobian(self, t, x):
        slope = 1 - self._inside(t, x) ** 2
        return (1 + t / 2) * self.D + (self.B * slope[..., None, :]) @ self.A

    def vjp(self, t, x, v):
        return self.jacobian(t, x).T @ v


class Score:
    """What a network may have learned of a score: s(t, x) = -x + B tanh(A x + b + c cos 3t), and is no gradient.

    x: (..., 3). s.jacobian(t, x): (..., 3, 3), not symmetric.
    """

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        self.A, self.B = some_matrix(random, 1.0), some_matrix(random, 0.4)
        self.b, self.c = random.normal(size=(2, 3))

    def _inside(self, t, x):
        return np.tanh(np.asarray(x) @ self.A.T + self.b + self.c * np.cos(3.0 * t))

    def __call__(self, t, x):
        return -np.asarray(x) + self._inside(t, x) @ self.B.T

    def jacobian(self, t, x):
        return -np.eye(3) + (self.B * (1 - self._inside(t, x) ** 2)[..., None, :]) @ self.A


class Features:
    """Functions of (t, x) that a field is put together from, with random weights that nobody trains.

        v(t, x) = features(t, x) @ theta,      theta: (size, 3)

    features(t, x): x (..., 3), t a number or (..., 1). Returns (..., size). features.jacobian(t, x, theta): the
    Jacobian of v by x, (..., 3, 3).
    """

    def __init__(self, seed, tanhs=200):
        random = np.random.default_rng(seed)
        self.A, self.a = 0.7 * random.normal(size=(3, tanhs)), 2 * random.normal(size=tanhs)
        self.b = random.uniform(-2.5, 2.5, tanhs)
        self.size = tanhs + 4

    def _inside(self, t, x):
        return np.tanh(np.asarray(x) @ self.A + np.asarray(t) * self.a + self.b)

    def __call__(self, t, x):
        x = np.asarray(x)
        return np.concatenate([self._inside(t, x), x, np.ones_like(x[..., :1])], -1)

    def jacobian(self, t, x, theta):
        theta, slope = np.asarray(theta), 1 - self._inside(t, x) ** 2
        return ((slope[..., None, :] * theta[:-4].T) @ self.A.T) + theta[-4:-1].T


def log_base(x):
    """The logarithm of a normal density that is not the standard one: (..., 3) -> (...)."""
    y = (np.asarray(x) - np.array([0.3, -0.2, 0.1])) / np.array([1.2, 0.8, 1.5])
    return -0.5 * np.sum(y**2, -1) - np.log(1.2 * 0.8 * 1.5) - 1.5 * np.log(2 * np.pi)


# ---- what is kept of a call ----------------------------------------------------------------------------


class Recorded:
    """A function that keeps the last argument of every call, or what it returned; with a limit on the calls."""

    def __init__(self, function, returned=False, most=MOST):
        self.function, self.returned, self.most, self.kept = function, returned, most, []

    def __call__(self, *arguments):
        if len(self.kept) >= self.most:
            raise RuntimeError(f"after {self.most} calls it has not come to an end")
        value = self.function(*arguments)
        self.kept.append(np.array(value if self.returned else arguments[-1], float))
        return value


def noise(random, kind):
    """One random vector (3,) with mean 0 and E[v vᵀ] = I."""
    if kind == "rademacher":
        return random.choice([-1.0, 1.0], 3)
    v = random.normal(size=3)
    return v if kind == "gaussian" else v * np.sqrt(3) / np.linalg.norm(v)


def flow_at(probability_flow, score, schedule, t, x):
    """The field of part 3 and its Jacobian at (t, x), as `called` gives them."""
    made = []

    def at(i):
        def value():
            if not made:
                f, jacobian = probability_flow(score, score.jacobian, schedule)
                made.extend([f, jacobian])
            return made[i](t, x.copy())

        return value

    if not callable(probability_flow) or is_stub(probability_flow):
        return {name: called(probability_flow) for name in ("flow", "jacobian")}
    return {"flow": called(at(0)), "jacobian": called(at(1))}


def estimated(estimate, field, x, t0, t1, seed, m):
    """Part 4's estimate with m probes, and how many it drew: what hand_in shows."""
    random = np.random.default_rng(seed)
    draw = Recorded(lambda: noise(random, NOISES[seed % 3]), returned=True, most=1000)
    vjp = Recorded(field.vjp)
    value = called(estimate, field, vjp, log_base, x.copy(), t0, t1, draw, m)
    return {"estimate": value, "draws": len(draw.kept)}
