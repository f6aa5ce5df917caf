"""Homework 3, what parts 3 and 4 are tried on: matrices, fields, energies, a lattice, and what is kept of each call."""

from dataclasses import dataclass
from time import process_time

import numpy as np
from handin import called

import nodekit
from nodekit.classroom.checks import slope
from nodekit.classroom.watch import is_stub

REPEATS, PROBES = 400, 3  # how often an estimate of a trace is asked for, and from how many probes each
MOST = 5000  # products after which a solve is stopped
COUNTS = (8, 16, 32, 64)  # steps from 0 to END with which the order is measured
END = 2.0
EPS, STEP = 1e-5, 0.4  # of the differences for the Jacobian of a step, and that step
FORCES = 16  # evaluations of ∂V/∂q that a step may take
DEFECT = 1e-8  # of MᵀJM - J: compositions have up to 1e-9, all but round-off; RK4 in 16 evaluations 1e-7 at least
ROUNDS, KEPT = 32_000, 100  # steps along the lattice, of which so many are kept, at the beginning and at the end
PATIENCE = 30.0  # seconds of computing for all of them
ENERGY, GROWTH = 8e-4, 0.5  # the energy's error at the end, and by what share it may exceed that of the beginning
# (Yoshida's composition has 1.4e-4 on every lattice, order 2 from three leapfrogs 1.1e-3; neither grows by 2%.)


# ---- part 3 --------------------------------------------------------------------------------------------


def matrices(random):
    """Three matrices (8, 8) that are not symmetric and have large entries on the diagonal."""
    return [random.normal(0.0, 0.5, (8, 8)) + np.diag(random.normal(0.0, 1.5, 8)) for _ in range(3)]


def smooth(seed, d=5):
    """A smooth random field of d components that depends on time: f(t, x), vjp(t, x, v) = (∂f/∂x)ᵀ v, a state, T."""
    random = np.random.default_rng(seed)
    A, B = random.normal(size=(2, d, d)) / 1.5
    b, c, x = random.normal(size=(3, d))

    def f(t, x):
        return B @ np.tanh(A @ x + b + c * np.sin(2.0 * t))

    def vjp(t, x, v):
        return A.T @ ((B.T @ v) / np.cosh(A @ x + b + c * np.sin(2.0 * t)) ** 2)

    return f, vjp, x, float(random.uniform(0.5, 1.0))


def log_normal(x):
    """The standard normal density: (d,) -> its logarithm, a float."""
    return float(-0.5 * np.sum(np.square(x)) - 0.5 * len(x) * np.log(2 * np.pi))


class Recorded:
    """A function that keeps the last argument of every call; it raises RuntimeError when there are too many."""

    def __init__(self, function, most):
        self.function, self.most, self.probes = function, most, []

    def __call__(self, *arguments):
        if len(self.probes) >= self.most:
            raise RuntimeError(f"after {self.most} vector–Jacobian products it has not come to an end")
        self.probes.append(np.array(arguments[-1], float))
        return self.function(*arguments)


def estimates(trace_estimate, probe_variance, log_density_estimate, matrices, seeds):
    """What the three functions of part 3 give: a dict of lists, as hand_in shows it."""
    answer = {"trace": [], "products": [], "variance": [called(probe_variance, J.copy()) for J in matrices]}
    for J, seed in zip(matrices, seeds, strict=False):
        random, vjp = np.random.default_rng(seed), Recorded(lambda v, J=J: J.T @ v, 100 * REPEATS)
        values = [called(trace_estimate, vjp, len(J), PROBES, random)]
        while len(values) < REPEATS and not isinstance(values[0], dict):
            values.append(called(trace_estimate, vjp, len(J), PROBES, random))
        answer["trace"].append(values if len(values) == REPEATS else values[0])
        answer["products"].append(len(vjp.probes))
    answer |= {"log density": [], "probe": [], "held": []}
    for i, seed in enumerate(seeds[3:]):
        f, vjp, x, T = smooth(seeds[3 + i // 4])  # four estimates of each of three fields
        vjp = Recorded(vjp, MOST)
        answer["log density"].append(
            called(log_density_estimate, f, vjp, log_normal, x, T, np.random.default_rng(seed))
        )
        first = vjp.probes[0] if vjp.probes else np.zeros(0)
        answer["probe"].append(first.tolist())
        answer["held"].append(all(np.array_equal(first, probe) for probe in vjp.probes))
    return answer


# ---- part 4 --------------------------------------------------------------------------------------------


def separable(seed):
    """An energy T(p) + V(q) with two positions, neither part quadratic: ∂T/∂p, ∂V/∂q as functions, q (2,), p (2,)."""
    random = np.random.default_rng(seed)
    A, B = np.eye(2) + 0.4 * random.normal(size=(2, 2, 2))
    c, q, p = 0.5 * random.normal(size=2), *random.normal(size=(2, 2))
    return (lambda p: A.T @ np.tanh(A @ p)), (lambda q: B.T @ np.sin(B @ q + c)), q, p


@dataclass(frozen=True)
class Lattice:
    """Atoms in a standing wave of light, H = p²/(2 mass) + depth (1 - cos κq), each for itself. q: (8,), the starts."""

    mass: float
    depth: float
    kappa: float
    q: tuple

    @property
    def h(self):
        """The step: 31 to a small swing."""
        return 0.2 / (self.kappa * np.sqrt(self.depth / self.mass))

    def dT(self, p):
        return p / self.mass

    def dV(self, q):
        return self.depth * self.kappa * np.sin(self.kappa * q)


def some_lattice(random):
    """A lattice with eight atoms that start at rest, with swings up to 2.4 radians."""
    mass, depth, kappa = random.uniform((0.5, 0.5, 0.7), (2.0, 2.0, 1.5))
    return Lattice(float(mass), float(depth), float(kappa), tuple(random.uniform(0.3, 2.4, 8) / kappa))


def march(step, dT, dV, q, p, h, n):
    """(q, p) after n steps of size h, in one array (2d,)."""
    for _ in range(n):
        q, p = step(dT, dV, np.array(q), np.array(p), h)
    return np.concatenate([q, p])


def steps(step, seeds, lattice=None):
    """What a step does, for part 4: a dict of lists, as hand_in shows it. Without a lattice it is quick."""
    if is_stub(step):
        return {"error": "not attempted"}
    systems = [separable(seed) for seed in seeds]
    answer = {"order": [[called(march, step, *s, END / n, n) for n in COUNTS] for s in systems]}
    answer |= {"forces": [], "image": [], "back": []}
    for dT, dV, q, p in systems[:3]:
        kicks = Recorded(dV, 1000)
        called(march, step, dT, kicks, q, p, STEP, 1)
        answer["forces"].append(len(kicks.probes))
        shifts = EPS * np.concatenate([np.eye(4), -np.eye(4)])
        answer["image"].append([called(march, step, dT, dV, q + e[:2], p + e[2:], STEP, 1) for e in shifts])
        answer["back"].append(called(there_and_back, step, dT, dV, q, p))
    return answer | ({"orbit": called(orbit, step, lattice)} if lattice else {})


def there_and_back(step, dT, dV, q, p):
    """A step by STEP and one by -STEP: what is left of the start, (4,)."""
    there = march(step, dT, dV, q, p, STEP, 1)
    return march(step, dT, dV, there[:2], there[2:], -STEP, 1)


def orbit(step, lattice):
    """The first and the last KEPT of ROUNDS states of the lattice's eight atoms: (2 KEPT, 16), positions first."""
    q, p = np.array(lattice.q), np.zeros(8)
    kept, end = [], process_time() + PATIENCE
    for i in range(ROUNDS):
        if i % 500 == 0 and process_time() > end:
            raise RuntimeError(f"{ROUNDS} steps take more than {PATIENCE:g} s of computing")
        q, p = step(lattice.dT, lattice.dV, np.array(q), np.array(p), lattice.h)
        if i < KEPT or i >= ROUNDS - KEPT:
            kept.append(np.concatenate([q, p]))
    return np.array(kept)


# ---- what such data say --------------------------------------------------------------------------------


def measured_order(ends, seeds):
    """The slope of log error against log h, and the last error. ends: (seeds, COUNTS, 4), nan for what failed."""
    truth = []
    for dT, dV, q, p in map(separable, seeds):
        f = lambda t, x, dT=dT, dV=dV: np.concatenate([dT(x[2:]), -dV(x[:2])])  # noqa: E731
        options = {"method": "dopri8", "rtol": 1e-13, "atol": 1e-13}
        truth.append(nodekit.solve(f, np.concatenate([q, p]), (0.0, END), **options).y[-1])
    errors = np.sqrt(np.square(ends - np.array(truth)[:, None]).mean(axis=(0, 2)))
    return (slope(1 / np.array(COUNTS), errors) if np.isfinite(errors).all() else np.nan), errors[-1]


def symplectic_defect(images):
    """The largest entry of MᵀJM - J, with M the Jacobian of a step by differences. images: (systems, 8, 4)."""
    halves = images.reshape(-1, 2, 4, 4)
    M = np.swapaxes(halves[:, 0] - halves[:, 1], 1, 2) / (2 * EPS)
    J = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    return np.abs(np.swapaxes(M, 1, 2) @ J @ M - J).max()


def energy_errors(states, lattice):
    """The largest relative error of an atom's energy among the first and among the last states of an orbit: floats."""
    q, p = states[:, :8], states[:, 8:]
    energy = p**2 / (2 * lattice.mass) + lattice.depth * (1 - np.cos(lattice.kappa * q))
    at_first = lattice.depth * (1 - np.cos(lattice.kappa * np.array(lattice.q)))
    return np.abs(energy / at_first - 1).reshape(2, -1).max(axis=1)
