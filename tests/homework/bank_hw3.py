"""Homework 3: plausible wrong answers for each part, and submissions that are stubs, accidents or attempts to cheat."""

import json

import numpy as np

import nodekit
from tests.homework.bank import PATCHED_CHECKS, brief, filled, reference, with_lines

FULL = {"part1": 14, "part2": 18, "part3": 16, "part4": 20, "part5": 22}
LIGHT = {"explore": "pass"}
NOTHING = dict.fromkeys(FULL, 0)


# ---- wrong answers: each with the words of the self-check, and the most that the judge gives for its part ---


def fields(right):
    """{name: [(function, words, points)]} for part 1. right: the reference's functions."""
    field, divergence = right["field"], right["divergence"]

    def force(x, trap):
        return field(x, trap.without_beam()) * (0, 1)

    def drag(x, trap):
        return field(x, trap) - field(x, trap.without_beam())

    def second(q, trap):
        return 3 * trap.quartic * q**2 - trap.square

    def speed(x, trap):
        return field(x, trap) * (1, 0)

    return {
        "field": [
            (lambda x, trap: field(x, trap.without_beam()), "The friction is missing", 6),
            (lambda x, trap: speed(x, trap) + force(x, trap) - drag(x, trap), "The friction drives", 6),
            (lambda x, trap: speed(x, trap) - force(x, trap) + drag(x, trap), "The force has the wrong sign", 6),
            (lambda x, trap: field(x, trap) * (trap.mass, 1), "not p", 6),
            (lambda x, trap: field(x, trap)[:, ::-1], "in the other order", 6),
            (lambda x, trap: field(x, trap).T, "Transposed", 6),
            (lambda x, trap: field(x, trap) + np.array([0, trap.tilt]), "The tilt is missing", 6),
            (lambda x, trap: speed(x, trap) + force(x, trap) - trap.cooling * x * (0, 1), "not γ₀ everywhere", 6),
            (lambda x, trap: speed(x, trap) + force(x, trap) - trap.friction(x[:, 1:]) * x * (0, 1), "for γ(p)", 6),
            (lambda x, trap: field(x, trap).astype(np.float32), "compute in float64", 13),
        ],
        "divergence": [
            (lambda x, trap: -divergence(x, trap), "The sign is turned", 8),
            (lambda x, trap: -trap.friction(x[:, 1]), "you ask for γ(p)", 8),
            (lambda x, trap: divergence(x, trap) * x[:, 1], "the friction's force itself", 8),
            (lambda x, trap: divergence(x, trap) * (1 - x[:, 1] * (x[:, 0] - trap.center) / trap.width**2), "γ'(q)", 8),
            (lambda x, trap: divergence(x, trap) - second(x[:, 0], trap), "V''(q) is no part", 8),
            (lambda x, trap: 0 * x[:, 0], "Here the beam is on", 8),
            (lambda x, trap: divergence(x, trap)[:, None], "One number for each state", 8),
        ],
    }  # fmt: skip


def densities(right):
    """The same for part 2."""
    field, divergence = right["field"], right["divergence"]

    def made(sign=1, forward=False, beam=True, add=True, here=None, tol=1e-9, cloud_at="start"):
        def log_density(x, t, trap, cloud):
            given = trap if beam else trap.without_beam()

            def both(time, s):
                trace = divergence(s[:, :2], trap)[:, None]
                return np.concatenate([field(s[:, :2], given), sign * trace], 1)

            times = (0.0, t) if forward else (t, 0.0)
            start = np.concatenate([x, np.zeros((len(x), 1))], 1)
            end = nodekit.solve(both, start, times, rtol=tol, atol=tol).y[-1]
            log_p = cloud.log_density(end[:, :2] if cloud_at == "start" else x)
            if here is not None:
                return log_p + t * trap.friction((x if here else end)[:, 0])
            return log_p + end[:, 2] if add else log_p

        return log_density

    return {
        "log_density": [
            (made(sign=-1), "The sign of the trace is turned", 4),
            (made(forward=True), "You go forward from x", 0),
            (made(forward=True, add=False), "You go forward from x", 0),
            (made(add=False), "The change of log p is missing", 4),
            (made(here=True), "The friction is not that at x", 10),
            (made(here=False), "The friction is not that at the start", 10),
            (made(cloud_at="x"), "The cloud is asked about x itself", 0),
            (made(beam=False), "The states are carried without the beam", 4),
            (made(tol=1e-5), "Tighter tolerances", 17),
        ]
    }


def traces(right):
    """The same for part 3."""

    def drawn(draw, factor=1.0):
        def trace_estimate(vjp, d, probes, rng):
            return factor * np.mean([vjp(v) @ v for v in draw(rng, (probes, d))])

        return trace_estimate

    def estimate(sign=1, forward=False, new=False, normal=False, exact=False, fixed=False, swapped=False, **limits):
        options = limits or {"max_steps": 500, "throw": False}

        def log_density_estimate(f, vjp, log_base, x, T, rng):
            rng = np.random.default_rng(0) if fixed else rng
            draw = (lambda: rng.normal(size=len(x))) if normal else (lambda: rng.choice([-1.0, 1.0], len(x)))
            v = draw()

            def both(t, s):
                if exact:
                    trace = sum(vjp(t, s[:-1], e)[i] for i, e in enumerate(np.eye(len(x))))
                else:
                    w = draw() if new else v
                    trace = (vjp(t, w, s[:-1]) if swapped else vjp(t, s[:-1], w)) @ w
                return np.append(f(t, s[:-1]), sign * trace)

            times = (0.0, T) if forward else (T, 0.0)
            end = nodekit.solve(both, np.append(x, 0.0), times, rtol=1e-8, atol=1e-8, **options).y[-1]
            return log_base(end[:-1]) + end[-1]

        return log_density_estimate

    def signs(rng, size):
        return rng.choice([-1.0, 1.0], size)

    variance = right["probe_variance"]
    return {
        "trace_estimate": [
            (drawn(signs, 3.0), "Divide by the number of probes", 10),
            (drawn(lambda rng, size: rng.normal(size=size)), "Entries of ±1 have a smaller one", 13),
            (drawn(lambda rng, size: rng.uniform(-1, 1, size)), "have the mean square 0.33", 10),
            (drawn(lambda rng, size: rng.choice([0.0, 1.0], size)), "to be equally likely", 10),
            (drawn(lambda rng, size: np.ones(size)), "The estimate is the same each time", 10),
            (drawn(lambda rng, size: rng.choice([-1.0, 1.0, 1.0, 1.0], size)), "to be equally likely", 10),
            (
                lambda vjp, d, probes, rng: sum(vjp(e)[i] for i, e in enumerate(np.eye(d))),
                "one product for a probe was asked for",
                10,
            ),
        ],
        "probe_variance": [
            (lambda J: 2 * (np.sum(J**2) - np.sum(np.diag(J) ** 2)), "sums J_ij + J_ji", 12),
            (lambda J: variance(J) + 2 * np.sum(np.diag(J) ** 2), "the variance of normal probes", 12),
            (lambda J: variance(J) / 2, "This is half of it", 12),
            (lambda J: np.sqrt(variance(J)), "This is the standard deviation", 12),
            (lambda J: np.trace(J), "and", 12),
        ],
        "log_density_estimate": [
            (estimate(sign=-1), "The sign of the trace is turned", 10),
            (estimate(forward=True), "You go forward from x", 10),
            (estimate(new=True), "The probe changes along the solve", 10),
            (estimate(new=True, max_steps=10**6), "The probe changes along the solve", 10),
            (estimate(swapped=True), "its arguments are t, x, v", 10),
            (estimate(normal=True), "are to be ±1", 10),
            (estimate(exact=True), "This is the exact trace", 10),
            (estimate(fixed=True), "the same in every call", 10),
        ],
    }


OUTER = 1 / (2 - 2 ** (1 / 3))


def leapfrog(dT, dV, q, p, h):
    p = p - h / 2 * dV(q)
    q = q + h * dT(p)
    return q, p - h / 2 * dV(q)


def composed(weights):
    def step4(dT, dV, q, p, h):
        for w in weights:
            q, p = leapfrog(dT, dV, q, p, w * h)
        return q, p

    return step4


def rk4(dT, dV, q, p, h):
    def f(q, p):
        return np.array([dT(p), -dV(q)])

    x = np.array([q, p])
    k1 = f(*x)
    k2 = f(*(x + h / 2 * k1))
    k3 = f(*(x + h / 2 * k2))
    q, p = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(*(x + h * k3)))
    return q, p


def rk4_four_times(dT, dV, q, p, h):
    """All of the 16 evaluations that are allowed, spent on an accurate method that keeps nothing."""
    for _ in range(4):
        q, p = rk4(dT, dV, q, p, h / 4)
    return q, p


def stale(dT, dV, q, p, h):
    """The composition of order 4 of something that is no leapfrog: both its kicks have the force at the old q."""
    w = 1 / (2 - 2 ** (1 / 3))
    for part in (w, 1 - 2 * w, w):
        force = part * h / 2 * dV(q)
        q, p = q + part * h * dT(p - force), p - 2 * force
    return q, p


def ruth3(dT, dV, q, p, h):
    """Ruth's (1983) method of order 3, which is symplectic and not symmetric."""
    for kick, drift in ((7 / 24, 2 / 3), (3 / 4, -2 / 3), (-1 / 24, 1.0)):
        p = p - kick * h * dV(q)
        q = q + drift * h * dT(p)
    return q, p


def steps(right):
    """The same for part 4."""
    step4, w = right["step4"], 1 / (2 - 2 ** (1 / 2))
    return {
        "step4": [
            (leapfrog, "leave order 2", 8),
            (composed((w, 1 - 2 * w, w)), "leave order 2", 8),
            (composed((OUTER, OUTER, 1 - 2 * OUTER)), "the long one belongs in the middle", 13),
            (composed((1 / 3,) * 3), "leave order 2", 8),
            (composed((1.0, 1.0)), "Do the sub-steps add up to h?", 6),
            (ruth3, "The measured order is 3", 9),
            (lambda dT, dV, q, p, h: step4(dT, lambda q: -dV(q), q, p, h), "your kicks have the wrong sign", 0),
            (lambda dT, dV, q, p, h: step4(lambda p: p, dV, q, p, h), "The positions drift by p itself", 7),
            (lambda dT, dV, q, p, h: step4(dT, dV, q, p, h)[::-1], "return q, p", 0),
            (lambda dT, dV, q, p, h: (q, p), "does not follow", 0),
            (rk4, "and not symplectic", 9),
            (rk4_four_times, "and not symplectic", 9),
            (stale, "an old q in a kick", 9),
        ]
    }  # fmt: skip


# ---- submissions ---------------------------------------------------------------------------------------

MEMORY = """
import json

remembered = json.loads('''{public}''')


def replay(part, name):
    items = iter(remembered[part][name])
    return lambda *inputs: np.array(next(items))


field, divergence = replay("1", "field"), replay("1", "divergence")
log_density = replay("2", "log density")
"""

FORGED = """
from IPython.display import display

honest = hw3.hand_in


def forged(part, variant, *work):
    if part < 3:
        return honest(part, variant, *work)
    if part == 3:
        return 16.0  # what nbgrader would read as points
    answer = {"points": 22, "order": "right", "short": [], "long": []}
    display({"application/vnd.nodekit.answer+json": {"part": part, "answer": answer}}, raw=True)


hw3.hand_in = forged
"""

ASLEEP = "import time\nwhile True:\n    time.sleep(1)"  # other submissions use its time; homework 1 has a busy loop


def bank(released, source, elsewhere):
    """{student: (notebook, expected points, words of the note)} for one variant.

    elsewhere: {part: answer}, what a right solution hands in for another variant.
    """
    right = reference(source)
    stub = brief(released)
    light = brief(filled(released, right | LIGHT))
    patched = PATCHED_CHECKS.replace("hw1_checks.setting = lambda *a: True\n", "")
    accidents = {"density": "log_density = 1 / 0", "traces": ASLEEP, "learn": "learn = None"}
    accidents |= {"symplectic": "step4 = np.ones(2**29)"}
    memory = {"field": MEMORY.replace("{public}", json.dumps(elsewhere)), "density": "pass"}
    cheat = with_lines(with_lines(filled(stub, memory), FORGED), patched, before=False)
    return {
        "stub": (stub, NOTHING, "part4: not attempted"),
        "cheat": (cheat, NOTHING, "part1: field: the largest relative error"),
        "accidents": (filled(light, accidents), NOTHING | {"part1": 14}, "was stopped after"),
    }
