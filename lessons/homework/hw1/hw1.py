"""Homework 1, what the notebook needs: your variant's cells, and `hand_in`. The self-checks are in hw1_checks.py."""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import nodekit
from nodekit.classroom.checks import slope
from nodekit.classroom.watch import Wrong

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in the course's own folder, handin.py lies one level up
from handin import attempted, called, plain, rng, secret, show, variant_of  # noqa: F401, the notebook asks hw1.attempted

START = (-1.2, 0.0)  # where every solve of parts 4 and 5 begins
SPIKES = 5  # how many upstrokes part 5 looks at
TARGET = 1e-4  # how exactly part 5 wants their times, in periods
MOST_STEPS = 20_000  # of a solve in part 5
COUNTS = (16, 32, 64, 128)  # steps from 0 to 1 with which the order is measured


@dataclass(frozen=True)
class Neuron:
    """FitzHugh's and Nagumo's model of a nerve cell: ε v' = v - v³/3 - w + I, w' = v + a - b w.

    epsilon (ε), a, b, current (I): floats. The state is x = (v, w).
    """

    epsilon: float
    a: float
    b: float
    current: float

    def resting_at(self, v):
        """The same cell with the current under which it rests at this v."""
        return Neuron(self.epsilon, self.a, self.b, float((v + self.a) / self.b - v + v**3 / 3))


def firing(random):
    """A cell that fires without end: its one state of rest is on the middle branch, where it is unstable."""
    epsilon = float(np.exp(random.uniform(np.log(8e-4), np.log(1.6e-3))))
    cell = Neuron(epsilon, float(random.uniform(0.6, 0.8)), float(random.uniform(0.5, 0.8)), 0.0)
    return cell.resting_at(random.uniform(-0.7, 0.3))


def quiet(random):
    """A cell with a stable state of rest."""
    return firing(random).resting_at(-random.uniform(1.05, 1.4))


def parameters(variant):
    """The two cells of a variant, each a `Neuron`: one that fires, and the same under a current too weak for that."""
    return drawn(variant_of(variant))


def drawn(variant):
    """`parameters`, whatever the environment says."""
    random = rng(variant, 0, 0)
    cell = firing(random)
    return cell, cell.resting_at(-random.uniform(1.1, 1.3))


# ---- what is handed in ---------------------------------------------------------------------------------


def inputs(part, variant, secret):
    """What the work of one part (1 to 5) is tried on: the same for whoever asks and whoever judges.

    With the secret 0 your own cell is among it. At grading all are new, since your own numbers can be passed around.
    """
    random = rng(variant, part, secret)
    mine, resting = (firing(random), quiet(random)) if secret else drawn(variant)
    if part == 1:  # states and cells
        return [(random.uniform((-2.5, -1.0), (2.5, 2.0)), firing(random)) for _ in range(6)]
    if part == 2:  # cells at rest, and matrices with real and with complex eigenvalues
        cells = [resting, *(quiet(random) for _ in range(3))]
        return cells, [stable_matrix(random, turning) for turning in (False, False, True, True)]
    if part == 3:  # smooth fields, rates, cells of van der Pol's kind
        rates = -(10.0 ** random.uniform((2.5, 4.0, 6.0), (3.5, 5.0, 7.0)))
        return [int(s) for s in random.integers(1, 2**31, 8)], rates.tolist(), random.uniform(300, 1000, 2).tolist()
    return [mine, *(firing(random) for _ in range(part - 3))]  # cells that fire


def stable_matrix(random, turning):
    """A random (2, 2) matrix whose solutions die out; `turning`, with complex eigenvalues."""
    size = 10 ** random.uniform(0, 3)
    if turning:
        angle = random.uniform(0.55, 0.95) * np.pi
        diagonal = size * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    else:
        diagonal = -np.diag([size, size * random.uniform(0.001, 0.5)])
    V = np.eye(2) + random.uniform(-0.4, 0.4, (2, 2))
    return V @ diagonal @ np.linalg.inv(V)


def hand_in(part, variant, *work):
    """Call what you wrote on the inputs of this part and put what comes back into the cell's output.

    part: 1 to 5. work: the part's functions, in the order of the tasks; in part 5 the dict.
    """
    given = inputs(part, variant_of(variant), secret())
    if part == 1:
        names = ("field", "jacobian")
        answer = {name: [called(f, x.copy(), cell) for x, cell in given] for name, f in zip(names, work, strict=True)}
    elif part == 2:
        rest, largest = work
        answer = {"rest": [called(rest, cell) for cell in given[0]]}
        answer |= {method: [called(largest, J.copy(), method) for J in given[1]] for method in ("euler", "dopri5")}
    elif part == 3:
        (step,), (seeds, rates, stiff) = work, given
        answer = {
            "order": [[called(march, step, *smooth(seed), 1.0, n) for n in COUNTS] for seed in seeds],
            "decay": [called(march, step, *decay(rate), 1.0, 1) for rate in rates],
            "stiff": [called(march, step, *van_der_pol(mu), 0.5, 10) for mu in stiff],
        }
    elif part == 4:
        answer = {"period": [called(work[0], cell) for cell in given]}
    else:
        answer = {"setting": {"error": "not attempted"} if work[0] is ... else plain(work[0])}
    show(part, answer)


# ---- fields that part 3 is tried on: f(t, x), its Jacobian, a start ------------------------------------


def smooth(seed):
    """A smooth random field of two components that depends on time."""
    random = np.random.default_rng(seed)
    A, B = random.normal(size=(2, 2, 2))
    b, c, x0 = random.normal(size=(3, 2))

    def f(t, x):
        return B @ np.tanh(A @ x + b + c * np.sin(2.0 * t))

    def jac(t, x):
        return B @ (A / np.cosh(A @ x + b + c * np.sin(2.0 * t))[:, None] ** 2)

    return f, jac, x0


def decay(rate):
    """x' = rate x from 1: one step of size 1 gives R(rate)."""
    return (lambda t, x: rate * x), (lambda t, x: np.array([[rate]])), np.ones(1)


def van_der_pol(mu):
    """Lesson 14's oscillator, in the time μ t, on its slow branch."""

    def f(t, x):
        return np.array([x[1], mu**2 * ((1 - x[0] ** 2) * x[1] - x[0])])

    def jac(t, x):
        return np.array([[0.0, 1.0], [-(mu**2) * (2 * x[0] * x[1] + 1), mu**2 * (1 - x[0] ** 2)]])

    return f, jac, np.array([2.0, -2 / 3])


def march(step, f, jac, x, end, n):
    """x (d,) after n steps of size end / n from time 0, by step(f, jac, t, x, h)."""
    h = end / n
    for i in range(n):
        x = step(f, jac, i * h, np.array(x), h)
    return x


@lru_cache
def stiff_end(mu):
    """Where van der Pol's oscillator is at t = 0.5: (2,)."""
    f, jac, x0 = van_der_pol(mu)
    return nodekit.solve(f, x0, (0.0, 0.5), "radau", rtol=1e-9, atol=1e-11, jac=jac).y[-1]


@lru_cache
def smooth_end(seed):
    """Where the smooth field's solution is at t = 1: (2,)."""
    f, _, x0 = smooth(seed)
    return nodekit.solve(f, x0, (0.0, 1.0), method="dopri8", rtol=1e-12, atol=1e-12).y[-1]


def measured_order(ends, seeds):
    """The slope of log error against log h, and the error at the smallest h: root mean squares over smooth fields.

    ends: (seeds, COUNTS, 2), where the steps end at t = 1, nan for what failed; then the order is nan.
    """
    truth = np.array([smooth_end(seed) for seed in seeds])
    errors = np.sqrt(np.square(ends - truth[:, None]).mean(axis=(0, 2)))
    return (slope(1 / np.array(COUNTS), errors) if np.isfinite(errors).all() else np.nan), errors[-1]


# ---- part 5 --------------------------------------------------------------------------------------------

ALLOWED = {"method": str, "rtol": float, "atol": float, "first_step": float, "max_step": float, "step": float}
ALLOWED |= {"controller": str}


def spike_times(f, setting, end):
    """The first SPIKES rising zeros of v by nodekit.solve with `setting` from START: (times (SPIKES,), nfev).

    f: f(t, x). setting: dict with some of ALLOWED. end: float, where the solve ends at the latest. Raises Wrong.
    """
    if not isinstance(setting, dict) or not set(setting) <= set(ALLOWED):
        raise Wrong(f"The setting is a dict with some of {', '.join(ALLOWED)}.")
    for name, value in setting.items():
        kind = ALLOWED[name]
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise Wrong(f"{name} = {str(value)[:50]!r} is no {'number' if kind is float else 'text'}.")
    upstroke = nodekit.event(lambda t, x: x[0], direction=1)
    try:
        with np.errstate(all="ignore"):
            sol = nodekit.solve(
                f, np.array(START), (0.0, end), events=upstroke, max_steps=MOST_STEPS, throw=False, **setting
            )
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise Wrong(f"nodekit.solve refuses it: {str(error)[:600]}") from None
    times = np.array(sol.t_events[0][:SPIKES])
    if len(times) < SPIKES:
        why = f"{MOST_STEPS} steps, the most that are allowed, were not enough"
        if sol.stats.n_accepted + sol.stats.n_rejected < MOST_STEPS:
            why = sol.message.rstrip(".")
        raise Wrong(f"Only {len(times)} of {SPIKES} upstrokes were found: {why}.")
    return times, sol.stats.nfev
