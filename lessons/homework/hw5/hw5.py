"""Homework 5, what the notebook needs: your variant's plant and its recordings, and `hand_in`.

The equations that part 5 steers are in hw5_tried.py, the self-checks in hw5_checks.py.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import nodekit
from nodekit.analysis.sparse import Library
from nodekit.arrays import namespace
from nodekit.classroom.watch import is_stub

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in the course's own folder, handin.py lies one level up
import hw5_tried as tried
from handin import attempted, called, in_columns, pair, rng, secret, show, variant_of  # noqa: F401, asked of hw5
from hw5_tried import from_mean, miss, ratio, scaled_miss  # noqa: F401, the checks and the judge ask hw5

GUESS = np.array([0.8, 0.8, 0.3])  # where a fit may begin: c, r, β
LONGEST = 0.5  # part 3 integrates over no longer interval
TERMS = Library({
    "1": lambda y: 1 + 0 * y[..., 0],
    "x": lambda y: y[..., 0],
    "v": lambda y: y[..., 1],
    "p": lambda y: y[..., 2],
    "x³": lambda y: y[..., 0] ** 3,
    "v|v|": lambda y: y[..., 1] * abs(y[..., 1]),
    "x·p": lambda y: y[..., 0] * y[..., 2],
})  # fmt: skip
VERDICTS = ("found", "library wrong", "cannot be told")


@dataclass(frozen=True)
class Plant:
    """What is known of a wave power plant: the water's stiffness k and the air's b, floats, and the waves.

    waves: ((a, ω, φ), ...): the waves push with Σ a cos(ω t + φ). A state is y = (x, v, p), along the last axis.
    """

    k: float
    b: float
    waves: tuple

    def push(self, t):
        """The push of the waves at the times t: a float, an array or a tensor of any shape; of that shape."""
        wave = namespace(t).cos if hasattr(t, "shape") else np.cos
        return sum(a * wave(omega * t + phase) for a, omega, phase in self.waves)

    def calm(self):
        """The same plant on a day with small waves."""
        return replace(self, waves=tuple((0.08 * a, omega, phase) for a, omega, phase in self.waves))


@dataclass(frozen=True)
class Record:
    """A recording: uneven times t (m,) with a gap, states y (m, 3) with noise, nan where a sensor said nothing.

    sigma (3,): the standard deviation of the noise of x, v and p. plant: the Plant. power: 1 or 2, the friction that
    the model assumes, β v or β v|v|. The plant was at rest somewhere at the time 0, which is before t[0].
    """

    plant: Plant
    power: int
    t: np.ndarray
    y: np.ndarray
    sigma: np.ndarray


def some_plant(random):
    """A plant and the two swells that reach it."""
    waves = [(a * random.uniform(0.8, 1.2), w * random.uniform(0.9, 1.1), random.uniform(0, 6)) for a, w in SWELLS]
    return Plant(
        float(random.uniform(1.6, 2.6)), float(random.uniform(0.7, 1.1)), tuple(tuple(map(float, s)) for s in waves)
    )


SWELLS = ((1.6, 1.0), (1.0, 1.7))


def some_theta(random):
    """c, r and β of a plant: (3,)."""
    return random.uniform((0.8, 0.4, 0.25), (1.4, 0.8, 0.45))


def parameters(variant):
    """A variant's Plant."""
    return drawn(variant_of(variant))[0]


def drawn(variant):
    """A variant's plant and its c, r, β, whatever the environment says."""
    random = rng(variant, 0, 0)
    return some_plant(random), some_theta(random)


# ---- recordings ----------------------------------------------------------------------------------------


def motion(plant, theta, friction, y0, t):
    """The true states at the times t >= 0 of a plant whose missing acceleration is friction(y): (len(t), 3)."""
    c, r = float(theta[0]), float(theta[1])
    A = np.array([[0.0, 1.0, 0.0], [-plant.k, 0.0, -c], [0.0, plant.b, -r]])

    def f(t, y):
        return A @ y + np.array([0.0, plant.push(t) + friction(y), 0.0])

    return nodekit.solve(f, np.array(y0, float), [0.0, *t], method="dop853", rtol=1e-9, atol=1e-10).y[1:]


def recorded(random, plant, theta, friction, t, noise, missing, power=2):
    """A Record of the plant: a random start, noise as a share of each number's size, this share of numbers missing."""
    clean = motion(plant, theta, friction, random.uniform(-0.5, 0.5, 3) * noise[1], t)
    sigma = noise[0] * np.sqrt(np.mean(clean**2, axis=0))
    y = clean + sigma * random.normal(size=clean.shape)
    return Record(plant, power, t, np.where(random.uniform(size=y.shape) < missing, np.nan, y), sigma)


def drag(beta, power):
    """The friction -β v |v|^(power - 1), as an acceleration."""
    return lambda y: -beta * y[..., 1] * abs(y[..., 1]) ** (power - 1)


def to_fit(random, plant, theta, power, model):
    """A Record to fit: the friction has this power, and the model assumes another one or the same."""
    t = tried.moments(random, 16.0, 60, 3.0)
    return recorded(random, plant, theta, drag(theta[2], power), t, (0.03, 1.0), 0.1, power=model)


def to_forecast(random, plant, theta, power):
    """A Record of a test on a still day: the plant is pushed and let go, and watched while it remembers its start."""
    t = tried.moments(random, 4.5, 60, 1.2)
    return recorded(random, plant.calm(), theta, drag(theta[2], power), t, (0.03, 2.0), 0.1, power=power)


def to_explain(random, plant, theta, name, kind, end=30.0, n=240):
    """(record, known, library, the term's coefficient): a recording of a plant with one term missing.

    name: the term. kind: "found", "library wrong" (without the term), "cannot be told" (small waves). n moments.
    """
    size = {"v": 0.4, "v|v|": 0.4, "x³": 0.35}[name]
    coefficient = -float(size * random.uniform(0.8, 1.3))
    plant, small = (plant.calm(), 0.08) if kind == VERDICTS[2] else (plant, 1.0)
    t, term = tried.moments(random, end, n, 3.0), TERMS.terms[name]
    record = recorded(random, plant, theta, lambda y: coefficient * term(y), t, (0.003 / small**0.5, small), 0.01)
    return record, known(plant, theta), TERMS.without(name) if kind == VERDICTS[1] else TERMS, coefficient


def known(plant, theta):
    """The known part of the equation, f(t, y) without the missing term: t (m, 1) or a float, y (..., 3)."""
    c, r = float(theta[0]), float(theta[1])

    def f(t, y):
        push = plant.push(t)
        push = push[..., 0] if getattr(push, "ndim", 0) else push
        x, v, p = y[..., 0], y[..., 1], y[..., 2]
        return namespace(y).stack([v, push - plant.k * x - c * p, plant.b * v - r * p], -1)

    return f


def to_learn(random, plant, theta):
    """(record, known, the law): a recording of a plant whose friction is some smooth law of the velocity alone."""
    law = tried.Law(*(float(s) for s in random.uniform((0.03, 0.5, 2.0), (0.1, 0.8, 3.5))))
    t = tried.moments(random, 30.0, 240, 3.0)
    record = recorded(random, plant, theta, lambda y: law(y[..., 1]), t, (0.003, 1.0), 0.0)
    return record, known(plant, theta), law


# ---- what is handed in ---------------------------------------------------------------------------------


def inputs(part, variant, secret):
    """What the work of one part (1 to 5) is tried on: the same for whoever asks and whoever judges.

    With the secret 0 your own plant is among it. At grading all are new, since your own numbers can be passed around.
    """
    random = rng(variant, part, secret)
    plant, theta = drawn(variant)
    plant, theta = (some_plant(random), some_theta(random)) if secret else (plant, theta)
    if part == 1:  # times, states, theta, start, times, plants
        rows = []
        for i in range(6):
            t, later = random.uniform(0, 9), np.sort(random.uniform(0.2, 9, 5)) + (0 if i % 2 else 1e-3)
            rows.append((float(t), random.normal(size=(4, 3)), theta, random.normal(size=3), later, 1 + i % 2, plant))
            plant, theta = some_plant(random), some_theta(random)
        return rows
    if part == 2:  # six numbers, recordings
        rows = []
        for power, model in ((2, 2), (2, 1)):
            record = to_fit(random, plant, theta, power, model)
            rows.append((np.append(theta * random.uniform(0.8, 1.2, 3), random.uniform(-0.4, 0.4, 3)), record))
            plant, theta = some_plant(random), some_theta(random)
        return rows
    if part == 3:  # recordings, known parts, libraries, coefficients; and the kinds
        kinds = [VERDICTS[i] for i in random.permutation([0, 0, 1, 1, 2, 2])]
        names = {kind: list(random.permutation(LIKELY[kind])) for kind in VERDICTS}
        rows = []
        for kind in kinds:
            name = str(names[kind].pop())
            rows.append((*to_explain(random, plant, theta, name, kind), name, kind))
            plant, theta = some_plant(random), some_theta(random)
        return rows
    if part == 4:
        return to_learn(random, plant, theta)
    rows = [tried.some_path(random, gaps=i % 2 == 1) for i in range(4)]
    power = int(random.integers(1, 3))
    record = to_forecast(random, plant, theta, power)
    records = [(record, record.t[-1] + np.sort(random.uniform(0.1, 2.0, 6)))]
    return rows, records


LIKELY = {VERDICTS[0]: ("v|v|", "x³", "v"), VERDICTS[1]: ("v|v|", "x³"), VERDICTS[2]: ("v|v|", "x³")}


def tensors(*arrays):
    import torch  # here alone: who judges does without, and each submission is judged in a process of its own

    return [torch.tensor(array) for array in arrays]


def hand_in(part, variant, *work):
    """Call what you wrote on the inputs of this part and put what comes back into the cell's output.

    part: 1 to 5. work: the part's functions, in the order of the tasks.
    """
    given = inputs(part, variant_of(variant), secret())
    if part == 1:
        field, states = work
        answer = {"slopes": [], "states": []}
        for t, y, theta, y0, times, power, plant in given:
            answer["slopes"].append(called(field, t, *tensors(y, theta), power, plant))
            answer["states"].append(called(states, *tensors(theta, y0, times), power, plant))
    elif part == 2:
        misfit, fit = work
        answer = in_columns([pair(called(misfit, q.copy(), r), ("misfit", "gradient")) for q, r in given])
        answer |= in_columns([pair(called(fit, record), ("fitted", "errors")) for _, record in given])
    elif part == 3:
        rows, missing = work
        given = [(r.t, r.y, r.sigma, known, library) for r, known, library, *_ in given]
        answer = in_columns([pair(called(rows, t, y, k, lib), ("terms", "change")) for t, y, _, k, lib in given[:2]])
        answer |= in_columns([pair(called(missing, *row), ("verdict", "coefficients")) for row in given])
    elif part == 4:
        record, f, _ = given
        del given  # with the law in it, which is not for `learn`
        answer = tried.learnt(work[0], record.t.copy(), record.y.copy(), record.sigma.copy(), f)
    else:
        (paths, records), (response, forecast) = given, work
        answer = {"response": [called(response, f, h0.copy(), t.copy(), y.copy()) for f, h0, t, y in paths]}
        answer |= in_columns([pair(called(forecast, *row), ("forecast", "band")) for row in records])
    stubs = [callable(f) and is_stub(f) for f in work]
    show(part, {"error": "not attempted"} if all(stubs) else answer)
