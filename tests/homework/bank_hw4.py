"""Homework 4: wrong answers for each part, right ones of other kinds, and submissions that are accidents or cheats."""

import json

import numpy as np

import nodekit
from tests.homework.bank import PATCHED_CHECKS, brief, filled, reference, with_lines
from tests.homework.conftest import HOMEWORK, load

FULL = {"part1": 16, "part2": 16, "part3": 16, "part4": 20, "part5": 22}
LIGHT = {"explore": "pass"}
NOTHING = dict.fromkeys(FULL, 0)
PARTS = {
    1: ("log_density", "sample_and_log_density"), 2: ("noisy_log_density", "score"),
    3: ("probability_flow", "model_log_density"), 4: ("estimate", "log_density_variance", "fewest"),
    5: ("mean_velocity", "fit"),
}  # fmt: skip


def module(name):
    """A module of the instructor's half. It must be asked for after hw4 itself."""
    return load(HOMEWORK / "hw4" / f"{name}.py")


# ---- wrong answers: each with words of the self-check, and the most that the judge gives for its part -------


def by_sentence(mistakes, points, **others):
    """Mistakes of pump_mistakes as rows (function, words, points). others: points of those that begin with a word."""
    rows = []
    for words, function in mistakes:
        own = [value for start, value in others.items() if words.lower().startswith(start.replace("_", " "))]
        rows.append((function, words, own[0] if own else points))
    return rows


def estimates(right):
    """Wrong ways to estimate a log density."""

    def made(sign=1, mean=np.mean, when="before", times=None, swapped=False, exact=False, base="start", count=None):
        def estimate(f, vjp, log_base, x, t0, t1, draw, m):
            probes = [draw() for _ in range(count or m)] if when == "before" else None

            def both(t, s):
                own = [draw() for _ in range(m)] if probes is None else np.eye(3) if exact else probes
                each = [(vjp(t, v, s[:3]) if swapped else vjp(t, s[:3], v)) @ v for v in own]
                return np.append(f(t, s[:3]), sign * (np.sum(each) if exact else mean(each)))

            limit = {"max_steps": 60, "throw": False} if probes is None else {}
            begin, end = times(t0, t1) if times else (t1, t0)
            s = nodekit.solve(both, np.append(x, 0.0), (begin, end), rtol=1e-7, atol=1e-7, **limit).y[-1]
            return log_base(s[:3] if base == "start" else x) + s[3]

        return estimate

    return [
        (made(sign=-1), "The sign of the trace is turned", 13),
        (made(mean=np.sum), "divide by m", 16.5),
        (made(mean=lambda each: each[0]), "One of the probes alone is used, the first", 16.5),
        (made(when="along"), "Probes are drawn along the solve", 13),
        (made(exact=True), "This is the exact trace", 13.5),
        (made(count=1), "m = 4 were asked for", 16.5),
        (made(swapped=True), "its arguments are t, x, v", 13),
        (made(base="x"), "The base density is asked about x itself", 13.5),
        (made(times=lambda t0, t1: (t0, t1)), "Is x taken at t1", 13),
        (made(times=lambda t0, t1: (max(t0, t1), min(t0, t1))), "Is x taken at t1", 16.5),
        (lambda f, vjp, log_base, x, t0, t1, draw, m: log_base(x), "draw was never called", 13),
    ]


def naive(*given):
    """A noisy log density that goes through the densities themselves."""
    logs, _ = module("pump_truth").in_parts(*given)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(logs).sum(axis=1))


def naive_score(*given):
    logs, own = module("pump_truth").in_parts(*given)
    with np.errstate(invalid="ignore"):
        return np.sum((np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True))[..., None] * own, axis=1)


def wrong():
    """{part: {name: [(function, words of the self-check, points)]}}."""
    first, more, right = module("pump_mistakes"), module("pump_mistakes_more"), module("pump_truth")

    def divided_by_t(t, x, pump):
        with np.errstate(divide="ignore", invalid="ignore"):
            return (x + (1 - t) * right.score(x, t, 1 - t, pump)) / t

    def loose(*given):
        return right.log_density(*given) * (1 + 2e-3)

    def only(noise, function):
        """Wrong for one noise alone."""
        return lambda *given: (function if given[-1] == noise else right.log_density_variance)(*given)

    variances = by_sentence(more.VARIANCES, 12.2, you_follow=14.2)
    for noise, points in (("rademacher", 17.0), ("gaussian", 18.0), ("sphere", 17.7)):
        variances += [(only(noise, function), words, points) for words, function in more.BY_NOISE[noise]]
    return {
        1: {
            "log_density": [
                *by_sentence(first.DENSITIES, 6.3, you_go_from_the_later=11),
                (loose, "Tighten the tolerances", 14),
            ],
            "sample_and_log_density": by_sentence(first.SAMPLES, 12.1, z_is=10.3, return_=10),
        },
        2: {
            "noisy_log_density": [
                *by_sentence(first.NOISY, 11.8),
                (naive, "Far from all modes it is not finite", 15.3),
            ],
            "score": [*by_sentence(first.SCORES, 8.3), (naive_score, "Far from all modes it is not finite", 14.8)],
        },
        3: {
            "probability_flow": by_sentence(first.FLOWS, 10, the_jacobian=13, you_turn=11),
            "model_log_density": by_sentence(first.MODELS, 6.1),
        },
        4: {
            "estimate": estimates(right),
            "log_density_variance": variances,
            "fewest": [
                (more.always("rademacher"), "needs fewer", 17.6),
                (more.always("sphere"), "needs fewer", 17.6),
                (more.most, "needs fewer", 15),
                (more.wrong_counts(lambda V, error: int(np.ceil(V / error))), "V/m = error²", 15.4),
                (more.wrong_counts(lambda V, error: int(np.ceil(np.sqrt(V) / error))), "but its square", 15.4),
            ],
        },
        5: {
            "mean_velocity": [
                *by_sentence(more.VELOCITIES, 15.4, the_covariance=16.1, the_sensors=16.1),
                (divided_by_t, "Nothing may be divided by t", 20.7),
            ],
            "fit": [(function, words, 8) for words, function in more.FITS],
        },
    }


# ---- right answers that go another way -----------------------------------------------------------------


def other_ways(right):
    """{name: [function]}: as right as the reference, and of another kind or form."""
    truth = module("pump_truth")

    def one_by_one(f, jacobian, log_base, x, t0, t1):
        """Each state alone, in a list, by default tolerances but for the method."""
        found = []
        for state in x:

            def both(t, s):
                return [*f(t, s[:3]), np.trace(jacobian(t, s[:3]))]

            s = nodekit.solve(lambda t, s: np.array(both(t, s)), np.append(state, 0.0), (t1, t0), method="dop853").y[-1]
            found.append(float(log_base(s[:3]) + s[3]))
        return found

    def by_determinant(f, jacobian, log_base, x, t0, t1):
        """The change of variables itself: the matrix M' = J M of the whole path, and its determinant."""

        def both(t, s):
            M = s[:, 3:].reshape(-1, 3, 3)
            return np.concatenate([f(t, s[:, :3]), (jacobian(t, s[:, :3]) @ M).reshape(-1, 9)], 1)

        start = np.concatenate([x, np.tile(np.eye(3).ravel(), (len(x), 1))], 1)
        s = nodekit.solve(both, start, (t1, t0), rtol=1e-8, atol=1e-8).y[-1]
        return log_base(s[:, :3]) + np.linalg.slogdet(s[:, 3:].reshape(-1, 3, 3))[1]

    def by_differences(x, alpha, sigma, pump):
        return np.stack([
            (truth.noisy_log_density(x + 1e-4 * e, alpha, sigma, pump)
             - truth.noisy_log_density(x - 1e-4 * e, alpha, sigma, pump)) / 2e-4 for e in np.eye(3)
        ], 1).astype(np.float32)  # fmt: skip

    def on_torch(x, alpha, sigma, pump):
        import torch

        S = alpha**2 * pump.factors @ pump.factors.swapaxes(-1, -2) + sigma**2 * np.eye(3)
        modes = torch.distributions.MultivariateNormal(torch.tensor(alpha * pump.means), torch.tensor(S))
        weights = torch.distributions.Categorical(torch.tensor(pump.weights))
        return torch.distributions.MixtureSameFamily(weights, modes).log_prob(torch.tensor(x)).float()

    def in_lists(score, score_jacobian, schedule):
        f, jacobian = right["probability_flow"](score, score_jacobian, schedule)
        return [lambda t, x: f(t, x).astype(np.float32), lambda t, x: jacobian(t, x).tolist()]

    def without_vjps(f, vjp, log_base, x, t0, t1, draw, m):
        """One probe after the other, each in a solve of its own."""
        return np.mean([right["estimate"](f, vjp, log_base, x, t0, t1, draw, 1) for _ in range(m)])

    def with_spare_probes(f, vjp, log_base, x, t0, t1, draw, m):
        """Ten probes drawn, and the first m used."""
        spare = iter([draw() for _ in range(10)])
        return right["estimate"](f, vjp, log_base, x, t0, t1, lambda: next(spare), m)

    def by_gradient_steps(features, readings, rng):
        """Gradient descent with momentum on the loss, in whitened coordinates, new walkers in each step."""

        def walkers(n):
            x0, x1, t = rng.normal(size=(n, 3)), readings[rng.integers(len(readings), size=n)], rng.uniform(size=(n, 1))
            return features(t, (1 - t) * x0 + t * x1), x1 - x0

        phi, _ = walkers(2000)
        values, vectors = np.linalg.eigh(phi.T @ phi / 2000)
        white = vectors / np.sqrt(values + 1e-3)
        theta = np.zeros((features.size, 3))
        for k in range(150):
            phi, target = walkers(1000)
            theta -= 0.5 / (1 + k / 30) * white @ (white.T @ (phi.T @ (phi @ theta - target))) / 1000
        return theta.astype(np.float32)

    return {
        "log_density": [one_by_one, by_determinant],
        "sample_and_log_density": [lambda *given: [v.tolist() for v in right["sample_and_log_density"](*given)]],
        "noisy_log_density": [on_torch, lambda *given: tuple(truth.noisy_log_density(*given))],
        "score": [by_differences, lambda *given: truth.score(*given).tolist()],
        "probability_flow": [in_lists],
        "model_log_density": [lambda *given: right["model_log_density"](*given).astype(np.float32)],
        "estimate": [without_vjps, with_spare_probes],
        "log_density_variance": [lambda *given: np.float32(right["log_density_variance"](*given))],
        "fewest": [lambda *given: [right["fewest"](*given)[0], float(right["fewest"](*given)[1])]],
        "mean_velocity": [truth.mean_velocity, lambda *given: truth.mean_velocity(*given).tolist()],
        "fit": [by_gradient_steps],
    }  # fmt: skip


# ---- submissions ---------------------------------------------------------------------------------------

MEMORY = """
import json

remembered = json.loads('''{public}''')


def replay(part, *names):
    items = [iter(remembered[part][name]) for name in names]
    return lambda *inputs: [next(item) for item in items] if len(names) > 1 else next(items[0])


log_density, sample_and_log_density = replay("1", "log density"), replay("1", "sample", "its log density")
"""
MEMORY_2 = 'noisy_log_density, score = replay("2", "noisy log density"), replay("2", "score")'

FORGED = """
from IPython.display import display

honest = hw4.hand_in


def forged(part, variant, *work):
    if part < 3:
        return honest(part, variant, *work)
    if part == 3:
        return 16.0  # what nbgrader would read as points
    answer = {"points": 22, "estimate": "right", "fewest": [["rademacher", 1]] * 8, "fit": [[0, 0, 0]] * 204}
    display({"application/vnd.nodekit.answer+json": {"part": part, "answer": answer}}, raw=True)


hw4.hand_in = forged
"""

ASLEEP = "import time\nwhile True:\n    time.sleep(1)"


def bank(released, source, elsewhere):
    """{student: (notebook, expected points, words of the note)} for one variant.

    elsewhere: {part: answer}, what a right solution hands in for another variant.
    """
    right = reference(source)
    stub, light = brief(released), brief(filled(released, right | LIGHT))
    patched = PATCHED_CHECKS.replace("hw1_checks.setting = lambda *a: True\n", "")
    memory = {"there": MEMORY.replace("{public}", json.dumps(elsewhere)), "mixture": MEMORY_2}
    cheat = with_lines(with_lines(filled(stub, memory), FORGED, "there"), patched, "there", before=False)
    accidents = {"mixture": "score = 1 / 0", "flow": ASLEEP, "estimate": "estimate = np.ones(2**29)"}
    accidents["matching"] = "mean_velocity = fit = None"
    return {
        "stub": (stub, NOTHING, "part4: not attempted"),
        "cheat": (cheat, NOTHING, "part1: log density: off by"),
        "accidents": (filled(light, accidents), NOTHING | {"part1": 16}, "was stopped after"),
    }
