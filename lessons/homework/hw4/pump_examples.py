"""Homework 4: what the self-checks know of their example, as numbers. `python pump_examples.py` writes example.json.

Each entry has what is right, and for each sentence of the mistakes what it leads to. Never released; the file is.
"""

import json
from pathlib import Path

import hw4
import numpy as np
import pump_mistakes as first
import pump_mistakes_more as more
import pump_truth as right

EXAMPLE = hw4.tried.EXAMPLE
FILE = Path(__file__).with_name("example.json")


def shared(name, given):
    """What the rows of the self-checks are, as arguments of the function `name`."""
    if name in ("log_density", "sample_and_log_density"):
        return [(f, f.jacobian, hw4.tried.log_base, *rest) for f, *rest in given]
    if name == "model_log_density":
        return [(s, s.jacobian, schedule, x) for s, schedule, _, x in given]
    return given


def numbers(part, name, function):
    """What a function gives on the example of its part: a list with an array for each row."""
    given = shared(name, hw4.inputs(part, *EXAMPLE))
    if name in ("flow", "jacobian"):
        which = ("flow", "jacobian").index(name)
        return [np.array(function(s, s.jacobian, schedule)[which](t, x)) for s, schedule, t, x in given]
    if name in hw4.tried.NOISES:
        return [np.array(function(f, f.jacobian, x, t0, t1, name)) for f, x, t0, t1, *_ in given]
    if name == "mean_velocity":
        return [function(*row) for row in given[0]]
    values = [function(*row) for row in given]
    return [np.column_stack(v) if isinstance(v, tuple) else v for v in values]


def cases():
    """{name: (part, right, mistakes)}."""
    table = {
        "log_density": (1, right.log_density, first.DENSITIES),
        "sample_and_log_density": (1, right.sample_and_log_density, first.SAMPLES[:-1]),
        "noisy_log_density": (2, right.noisy_log_density, first.NOISY),
        "score": (2, right.score, first.SCORES),
        "flow": (3, right.probability_flow, first.FLOWS[:-2]),
        "jacobian": (3, right.probability_flow, first.FLOWS[-2:]),
        "model_log_density": (3, right.model_log_density, first.MODELS),
        "mean_velocity": (5, right.mean_velocity, more.VELOCITIES),
    }
    for noise in hw4.tried.NOISES:
        table[noise] = (4, right.log_density_variance, more.VARIANCES + more.BY_NOISE[noise])
    return table


def rounded(value, digits):
    """Nested lists of floats with so many digits; nan and inf as 0, which no answer is taken for."""
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if np.isfinite(value) else 0.0


def made():
    """All of example.json, as lists and dicts."""
    found = {}
    for name, (part, function, mistakes) in cases().items():
        with np.errstate(all="ignore"):
            wrong = {words: [v.tolist() for v in numbers(part, name, f)] for words, f in mistakes}
        found[name] = {"right": rounded([v.tolist() for v in numbers(part, name, function)], 10)}
        found[name]["mistakes"] = {words: rounded(value, 5) for words, value in wrong.items()}
    rows = hw4.inputs(4, *EXAMPLE)
    sums = [right.summed_jacobian(f, f.jacobian, x, t0, t1) for f, x, t0, t1, *_ in rows]
    found["estimate"] = {
        "K": rounded([K.tolist() for K, _ in sums], 10),
        "start": rounded([z.tolist() for _, z in sums], 10),
    }
    found["fewest"] = [right.fewest(f, f.jacobian, x, t0, t1, error) for f, x, t0, t1, _, _, error in rows]
    pump = hw4.inputs(5, *EXAMPLE)[1]
    found["walkers"] = [
        [float(t), rounded(x.tolist(), 6), rounded(u.tolist(), 6)] for t, x, u in right.judged_at(pump, 20)
    ]
    return found


if __name__ == "__main__":
    text = json.dumps(made(), ensure_ascii=False, separators=(",", ":"))
    FILE.write_text(text.replace('"right"', '\n"right"').replace('"mistakes"', '\n"mistakes"') + "\n", encoding="utf-8")
