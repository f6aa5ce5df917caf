"""Homework 4, what the notebook needs: your variant's pump and its noise schedule, and `hand_in`.

The fields that your functions are tried on are in hw4_tried.py, the self-checks in hw4_checks.py.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nodekit.classroom.watch import is_stub

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in the course's own folder, handin.py lies one level up
import hw4_tried as tried
from handin import attempted, called, in_columns, pair, rng, secret, show, variant_of  # noqa: F401, asked of hw4

READINGS = 2000  # of a pump, which part 5 learns from
EARLY = 1e-3  # the time at which a probability flow's samples are taken
LIMIT = 1e-4  # what is asked for: |yours - right| against the larger of 1 and the largest |right|
LEARNED = 0.05  # what part 5 asks of `fit`: its mean squared error against that of the field 0


@dataclass(frozen=True)
class Pump:
    """A pump with three sensors that runs in some modes, each with a normal density of readings.

    weights: (k,), of the modes, with the sum 1. means: (k, 3). factors: (k, 3, 3), lower triangular L: the covariance
    of a mode is L Lᵀ.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def sample(self, n, random):
        """n readings: (n, 3)."""
        mode = random.choice(len(self.weights), size=n, p=self.weights)
        return self.means[mode] + np.einsum("nij,nj->ni", self.factors[mode], random.normal(size=(n, 3)))


@dataclass(frozen=True)
class Schedule:
    """The noise of lesson 22, dx = -½ β(t) x dt + √β(t) dW with β(t) = slow + rise t, for 0 <= t <= 1."""

    slow: float
    rise: float

    def beta(self, t):
        return self.slow + self.rise * t

    def alpha(self, t):
        """What is left of a reading at the time t."""
        return np.exp(-(self.slow * t + self.rise * t**2 / 2) / 2)

    def sigma(self, t):
        """How much noise there is."""
        return np.sqrt(-np.expm1(-(self.slow * t + self.rise * t**2 / 2)))


def some_pump(random, modes=3):
    """A pump whose modes lie apart and whose sensors hang together, in each mode in another way."""
    while True:
        means = 1.5 * random.normal(size=(modes, 3))
        apart = np.linalg.norm(means[:, None] - means, axis=-1)[np.triu_indices(modes, 1)]
        if apart.min() > 1.8 and apart.max() < 4.5:
            break
    weights = random.uniform(0.2, 1.0, modes)
    weights = weights / weights.sum()
    means = means - weights @ means + 0.3 * random.normal(size=3)  # each sensor's unit has its 0 near the mean
    factors = np.zeros((modes, 3, 3))
    for factor in factors:
        factor[np.diag_indices(3)] = 1.0
        factor[np.tril_indices(3, -1)] = random.choice([-1, 1], 3) * random.uniform(0.4, 1.0, 3)
        factor *= random.uniform(0.4, 0.7, 3)[:, None]
    return Pump(weights, means, factors)


def some_schedule(random):
    """A schedule that leaves 1 to 4 per cent of a reading at time 1."""
    return Schedule(float(random.uniform(0.1, 0.5)), float(random.uniform(13.0, 18.0)))


def parameters(variant):
    """A variant's Pump and its Schedule."""
    return drawn(variant_of(variant))


def drawn(variant):
    """`parameters`, whatever the environment says."""
    random = rng(variant, 0, 0)
    return some_pump(random), some_schedule(random)


def some_noise(random, i):
    """(alpha, sigma) of row i, not always with α² + σ² = 1: any share of a reading, any noise."""
    return (1.0, 0.0) if i == 0 else (float(random.uniform(0.5, 1.0)), float(random.uniform(0.3, 0.8)))


def some_places(pump, alpha, sigma, n, random, far=1.0):
    """n noisy readings (n, 3), each `far` times as far from 0."""
    return far * (alpha * pump.sample(n, random) + sigma * random.normal(size=(n, 3)))


def log_normal(x):
    """The standard normal density: (..., 3) -> its logarithm, (...)."""
    return -0.5 * np.sum(np.square(x), -1) - 1.5 * np.log(2 * np.pi)


def miss(got, right):
    """How far numbers are off: the largest |got - right|, against the larger of 1 and the largest |right|."""
    return float(np.max(np.abs(got - right)) / max(1.0, np.max(np.abs(right))))


def misfit(field, u):
    """The mean squared error of velocities `field` (n, 3) against the mean velocity u (n, 3), in shares of |u|²."""
    return float(np.sum((field - u) ** 2) / np.sum(u**2))


# ---- what is handed in ---------------------------------------------------------------------------------


def inputs(part, variant, secret):
    """What the work of one part (1 to 5) is tried on: the same for whoever asks and whoever judges.

    With the secret 0 your own pump is among it. At grading all are new, since your own numbers can be passed around.
    """
    random = rng(variant, part, secret)
    pump, schedule = (some_pump(random), some_schedule(random)) if secret else drawn(variant)
    if part == 1:  # fields, states, times of the base density and of the states
        rows = []
        for i in range(6):
            early, late = float(random.uniform(-0.3, 0.3)), float(random.uniform(0.8, 1.2))
            times = (late, early) if i % 2 else (early, late)
            rows.append((tried.Field(int(random.integers(2**31))), random.normal(size=(4, 3)), *times))
        return rows
    if part == 2:  # states, what is left of a reading, noise, pumps
        rows = []
        for i in range(8):
            alpha, sigma = some_noise(random, i)
            rows.append((some_places(pump, alpha, sigma, 4, random, 40.0 if i == 3 else 1.0), alpha, sigma, pump))
            pump = some_pump(random)
        return rows
    if part == 3:  # scores, schedules, times, states
        rows = []
        for _ in range(6):
            model = tried.Score(int(random.integers(2**31)))
            rows.append((model, schedule, float(random.uniform(0.2, 0.9)), random.normal(size=(4, 3))))
            schedule = some_schedule(random)
        return rows
    if part == 4:  # fields, a state, the times, seeds of generators, numbers of probes, an error
        rows = []
        for i in range(8):
            field = tried.Field(int(random.integers(2**31)), ("level", "uneven")[i % 2])
            early, late = float(random.uniform(0.0, 0.3)), float(random.uniform(0.8, 1.2))
            times = (late, early) if i in (1, 2, 5, 6) else (early, late)
            rest = int(random.integers(2**31)), (1, 4)[i // 2 % 2], float(random.uniform(0.02, 0.05))
            rows.append((field, random.normal(size=3), *times, *rest))
        return rows
    if part == 5:  # times, states, pumps; readings, and what they are to be learned with
        rows = []
        for i in range(6):
            t = 0.0 if i == 1 else float(random.uniform(0.1, 0.95))
            rows.append((t, some_places(pump, t, 1 - t, 4, random), pump))
            pump = some_pump(random)
        pump = drawn(variant)[0] if not secret else pump
        features, seed = tried.Features(int(random.integers(2**31))), int(random.integers(2**31))
        return rows, pump, pump.sample(READINGS, random), features, seed
    raise ValueError(f"part={part!r} must be 1 to 5: part 6 is for a human.")


def hand_in(part, variant, *work):
    """Call what you wrote on the inputs of this part and put what comes back into the cell's output.

    part: 1 to 5. work: the part's functions, in the order of the tasks.
    """
    given = inputs(part, variant_of(variant), secret())
    if part == 1:
        back, out = work
        rows = [(f, f.jacobian, tried.log_base, x.copy(), t0, t1) for f, x, t0, t1 in given]
        answer = {"log density": [called(back, *row) for row in rows]}
        answer |= in_columns([pair(called(out, *row), ("sample", "its log density")) for row in rows])
    elif part == 2:
        names = ("noisy log density", "score")
        answer = {name: [called(f, x.copy(), *rest) for x, *rest in given] for name, f in zip(names, work, strict=True)}
    elif part == 3:
        flow, model = work
        answer = in_columns([tried.flow_at(flow, *row) for row in given])
        answer["log density"] = [called(model, s, s.jacobian, schedule, x.copy()) for s, schedule, _, x in given]
    elif part == 4:
        estimate, variance, fewest = work
        answer = in_columns([tried.estimated(estimate, *row[:-1]) for row in given])
        for noise in tried.NOISES:
            answer[noise] = [called(variance, f, f.jacobian, x.copy(), t0, t1, noise) for f, x, t0, t1, *_ in given]
        answer["fewest"] = [
            called(fewest, f, f.jacobian, x.copy(), t0, t1, error) for f, x, t0, t1, _, _, error in given
        ]
    else:
        (rows, _, readings, features, seed), (velocity, fit) = given, work
        answer = {"mean velocity": [called(velocity, t, x.copy(), pump) for t, x, pump in rows]}
        del given, rows  # with the pump in it, which is not for `fit`
        answer["fit"] = called(fit, features, readings.copy(), np.random.default_rng(seed))
    show(part, answer if any(map(attempted_any, work)) else {"error": "not attempted"})


def attempted_any(function):
    return not (callable(function) and is_stub(function))
