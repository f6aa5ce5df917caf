"""Homework 5: right answers of other forms, wrong ones with what they lose, odd ones, and submissions that cheat."""

import json

import numpy as np

from nodekit.analysis.identifiability import identifiability
from nodekit.analysis.sparse import integral_rows
from tests.homework.bank import PATCHED_CHECKS, brief, filled, reference, with_lines

FULL = {"part1": 12, "part2": 20, "part3": 22, "part4": 16, "part5": 20}
LIGHT = {"explore": "pass"}
NOTHING = dict.fromkeys(FULL, 0)
PART = {"field": 1, "states": 1, "misfit": 2, "fit": 2, "term_rows": 3, "missing_term": 3, "learn": 4}
PART |= {"response": 5, "forecast": 5}

# The most that a part is worth with one of the mistakes of plant_mistakes.py, and the least, by the mistake's number.
WORTH = {
    "field": [(6, 9.1)] * 10 + [(6, 6.1)] * 2,
    "states": [(6, 6.5), (6, 9.1), (6, 6.1), (6, 6.1), (6, 11.5)],
    "misfit": [(12, 12.1), (15, 15.1), (15, 15.1), *[(12, 12.1)] * 3, *[(12, 12.5)] * 2, (15, 15.1)],
    "fit": [(15, 15.1), (15, 19.9), (15, 17.6), (15, 16), (8, 8.1), (8, 17)],
    "term_rows": [(14, 14.1), (18, 18.1), (18, 18.1), (14, 14.1), (18, 18.1), (14, 17)],
    "response": [*[(12, 12.5)] * 2, *[(12, 16.1)] * 3, *[(12, 12.5)] * 4],
    "forecast": [(8, 8.1), (8, 8.1), (14, 14.1), (14, 19.9), (14, 19.9), (14, 14.1), (14, 16)],
}  # fmt: skip


def verdict_by(noise=lambda sigma: 2**0.5 * sigma[1], rows=None, threshold=0.2, told=lambda v: v, c=None):
    """missing_term with another noise, other rows, another threshold, another word, other coefficients."""

    def make(right):
        def missing_term(t, y, sigma, known, library):
            theta, change = (rows or right["term_rows"])(t, y, known, library)
            report = identifiability(theta, change, noise(sigma), threshold, library.names, bootstraps=60)
            verdict = report.verdict[0] if report.verdict[0] != "threshold too high" else "cannot be told"
            return told(verdict), (c or (lambda fit: fit.coefficients))(report.fit)[:, 0]

        return missing_term

    return make


def across(t, y, known, library):
    whole = ~np.isnan(y).any(axis=1)
    theta, change = integral_rows(library, t[whole], y[whole], known)
    return theta, change[:, 1]


VERDICTS = [  # what makes missing_term of the reference, words of the self-check, least and most points of part 3
    (verdict_by(told=lambda v: "found"), 'and you say "found"', 13, 13.1),
    (verdict_by(told=lambda v: "cannot be told"), "Is your threshold too high", 8, 8.1),
    (verdict_by(told=lambda v: "wrong"), "it is one of", 8, 8.1),
    (verdict_by(noise=lambda s: s[1]), "difference of two values", 8, 17.6),
    (verdict_by(noise=lambda s: 20 * s[1]), 'and you say "', 8, 17.6),
    (verdict_by(rows=across), "does no row cross a gap", 8, 14),
    (verdict_by(threshold=1.5), "threshold too high", 8, 17.6),
    (verdict_by(c=lambda fit: fit.shares), "These are shares", 17, 18),
    (verdict_by(c=lambda fit: -fit.coefficients), "sign turned", 17, 17.1),
]


def law_by(friction=None, low=None, high=None, times=1.0):
    """learn that knows rates without a network: least squares on rates, or another friction."""

    def learn(t, y, sigma, known):
        keep = np.diff(t) < 0.5
        push = np.diff(y, axis=0) / np.diff(t)[:, None] - (known(t[1:, None], y[1:]) + known(t[:-1, None], y[:-1])) / 2
        v, rate = ((y[1:, 1] + y[:-1, 1]) / 2)[keep], push[keep, 1]
        found = friction(v, rate) if friction else by_odd_powers(v, rate)
        ends = y[:, 1].min() if low is None else low, y[:, 1].max() if high is None else high
        return (lambda speeds: times * found(speeds)), *ends

    return learn


def by_odd_powers(v, rate):
    columns = lambda s: np.stack([s, *(np.tanh(k * s) for k in (1, 2, 3, 4, 6))], 1)  # noqa: E731
    c = np.linalg.lstsq(columns(v), rate, rcond=None)[0]
    return lambda speeds: columns(speeds) @ c


def straight(v, rate):
    slope = v @ rate / (v @ v)
    return lambda speeds: slope * speeds


LAWS = [  # learn, words of the self-check, least and most points of part 4
    (law_by(times=0.0), "does not depend on the velocity", 0, 0.1),
    (law_by(times=-1.0), "Its sign is turned", 0, 0.1),
    (law_by(friction=straight), "a straight line", 4, 8),  # 38% off, and 50% has nothing of 12
    (law_by(low=-np.inf, high=np.inf), "Beside the data a network invents", 12, 12.1),
    (law_by(low=-3.5, high=3.5), "Beside the data a network invents", 14, 14.1),  # 17% of the range too far: half of 4
    (law_by(low=-0.1, high=0.1), "there are data from", 12, 12.1),
    (law_by(low=0.5, high=-0.5), "low comes first", 12, 12.1),
    (lambda t, y, sigma, known: np.tanh, "", 0, 0.1),
    (lambda t, y, sigma, known: (lambda v: 1 / 0, -1.0, 1.0), "ZeroDivisionError", 0, 0.1),
    (lambda t, y, sigma, known: (lambda v: v[:3], -1.0, 1.0), "one number for each", 0, 0.1),
]

ODD = [
    None, 3, [], {}, {"error": 1}, {"slopes": 1, "states": [1] * 6}, {"slopes": [[["x"]]] * 6, "states": [[]] * 6},
    {"states": [[["nan"] * 3] * 5] * 6}, {"misfit": [1e400, -1], "gradient": [[1e300] * 6] * 2},
    {"fitted": [[1e9] * 6] * 2, "errors": [[-1] * 6] * 2}, {"fitted": [[-5.0] * 6] * 2, "errors": [[0] * 6] * 2},
    {"fitted": [{"error": 1}] * 2, "errors": "x", "misfit": {}, "gradient": [None, None]},
    {"terms": [[[0] * 7]] * 2, "change": [[0]] * 2, "verdict": [[], {}, None, 3, "x", 1], "coefficients": [None]},
    {"terms": [], "change": None, "verdict": ["found"] * 5, "coefficients": []},
    {"verdict": ["found"] * 6, "coefficients": []}, {"verdict": ["library wrong"] * 6, "coefficients": [[0] * 7] * 6},
    {"friction": [0] * 121, "range": ["-inf", "inf"]}, {"friction": "x", "range": [1, 2, 3]},
    {"friction": [[10**400]] * 121, "range": {}},
    {"response": [[0, 0, 1e400]] * 4, "forecast": [[[9, 9, 9]] * 6], "band": [[[0] * 3] * 6]},
    {"response": 1, "forecast": [None], "band": [[["x"]]]},
]  # fmt: skip

MEMORY = """
import json

remembered = json.loads('''{public}''')


def replay(part, *names):
    items = iter(zip(*(remembered[part][name] for name in names)))
    return lambda *inputs: next(items) if len(names) > 1 else np.array(next(items)[0])


field, states = replay("1", "slopes"), replay("1", "states")
misfit, fit = replay("2", "misfit", "gradient"), replay("2", "fitted", "errors")
response, forecast = replay("5", "response"), replay("5", "forecast", "band")
"""

FORGED = """
from IPython.display import display

honest = hw5.hand_in


def forged(part, variant, *work):
    if part not in (3, 4):
        return honest(part, variant, *work)
    if part == 4:
        return 16.0  # what nbgrader would read as points
    answer = {"points": 20, "terms": "right", "verdict": ["found"] * 6, "coefficients": []}
    display({"application/vnd.nodekit.answer+json": {"part": part, "answer": answer}}, raw=True)


hw5.hand_in = forged
"""
ASLEEP = "import time\nwhile True:\n    time.sleep(1)"


def bank(released, source, elsewhere):
    """{student: (notebook, expected points, words of the note)} for one variant.

    elsewhere: {part: answer}, what a right solution hands in for another variant.
    """
    right, stub = reference(source), brief(released)
    light = brief(filled(released, right | LIGHT))
    memory = {"field": MEMORY.replace("{public}", json.dumps(elsewhere)), "fit": "pass", "series": "pass"}
    accidents = {"fit": "misfit = fit = 1 / 0", "terms": "term_rows = np.ones(2**29)", "learn": ASLEEP}
    accidents |= {"series": "response = forecast = None"}
    patched = PATCHED_CHECKS.replace("hw1_checks.setting = lambda *a: True\n", "")
    cheat = with_lines(with_lines(filled(stub, memory), FORGED), patched, before=False)
    return {
        "stub": (stub, NOTHING, "part4: not attempted"),
        "cheat": (cheat, NOTHING, "part1: slopes: off by"),
        "accidents": (filled(light, accidents), NOTHING | {"part1": 12}, "was stopped after"),
    }
