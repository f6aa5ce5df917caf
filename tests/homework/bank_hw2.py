"""Homework 2, answers of students: mistakes one at a time, other right ones, odd ones, and hostile cells."""

from itertools import pairwise

import numpy as np

import nodekit
from tests.homework.conftest import Homework

QUICK = """
def growth(problem):
    path = nodekit.solve(lambda t, x: problem.f(t, x, problem.theta), problem.x0, (0.0, problem.T))
    back = nodekit.solve(lambda t, E: problem.jacobian(t, path(t)) @ E, np.eye(2), (problem.T, 0.0))
    return float(np.log(np.linalg.norm(back.y[-1], 2)))


def cheapest(problem):
    return "adjoint" if growth(problem) < 15.0 else "interpolated"
"""
LIGHT = {"explore": "pass", "trust": QUICK}  # of the reference, without its measurements
HOMEWORK = Homework("hw2", LIGHT)
truth = HOMEWORK.answers.truth


# ---- part by part, right but for one argument ----------------------------------------------------------


def steps_back(first=1.0, again=0.5, sign=1, start=True, late=False, there=(1.5, 0.5), back=1.5, own=False):
    """The way back of part 2 with a mistake.

    In Euler's weight, the second use, a sign, ℓ_0, the place of the vjp, the way there, the adjoint of the second use.
    """

    def steps_gradient(f, vjp, x0, h, n, dl):
        x, slopes = [x0], []
        for k in range(n):
            slopes.append(f(k * h, x[k]))
            x.append(x[k] + h * (there[0] * slopes[k] - there[1] * slopes[k - 1] if k else slopes[0]))
        a, after, gradient = dl(n, x[n]), 0.0 * x0, 0.0
        for k in reversed(range(n)):
            kappa = h * ((back if k else first) * a - again * (a if own and k < n - 1 else after))
            at = k + 1 if late else k
            by_x, by_theta = vjp(at * h, x[at], kappa)
            after = a if k != 1 or again else after
            a = a + by_x + (dl(k, x[k]) if k or start else 0.0)
            gradient = gradient + sign * by_theta
        return a, gradient

    return steps_gradient


def tangents(f, vjp, x0, h, n, dl):
    """Part 2 without a way back: the derivatives by x0 and θ carried forward, which costs a vjp for each component."""
    d, m = len(x0), len(vjp(0.0, x0, x0)[1])
    x, S, before = x0, np.eye(d, d + m), None
    gradient = S.T @ dl(0, x)
    for k in range(n):
        J, F = (np.array(rows) for rows in zip(*(vjp(k * h, x, e) for e in np.eye(d)), strict=True))
        now = np.column_stack([f(k * h, x), J @ S + np.hstack([np.zeros((d, d)), F])])
        step = now if before is None else 1.5 * now - 0.5 * before
        x, S, before = x + h * step[:, 0], S + h * step[:, 1:], now
        gradient = gradient + S.T @ dl(k + 1, x)
    return gradient[:d], gradient[d:]


def h_twice(f, vjp, x0, h, n, dl):
    """dL/dθ with the factor h that κ has already."""
    by_x0, by_theta = steps_back()(f, vjp, x0, h, n, dl)
    return by_x0, h * by_theta


def samples_back(
    jump=1, sign=1, start=True, last=False, tol=1e-9, tail=True, grows=-1, late=False, anew=(), there=1, look=0, at_0=0
):
    """The adjoint of part 3 with a mistake: in its jumps, its signs, its ends, its tolerance; what begins anew.

    at_0: where a sample stands at time 0, its number is taken for the last one (1), or all numbers are one less (-1).
    """

    def samples_gradient(f, vjp, x0, times, dl):
        tight = {"rtol": tol, "atol": 0.1 * tol}
        stops, x = [0.0, *(t for t in times if t > 0)], [x0]
        for leg in pairwise(stops):
            x.append(nodekit.solve(f, x[-1], leg, **tight).y[-1])

        def back(t, z):
            by_x, by_theta = vjp(t, z[:2], z[2:4]) if len(x0) == 2 else vjp(t, z[:1], z[1:2])
            return np.concatenate([there * f(t, z[: len(x0)]), grows * by_x, -sign * by_theta])

        d, z = len(x0), np.concatenate([x[-1], 0 * x0, 0 * vjp(0.0, x0, x0)[1]])
        for j in reversed(range(len(stops))):
            z, i = np.concatenate([x[j], z[d:]]), j - len(stops) + len(times)
            if i >= 0:
                z[d : 2 * d] *= "a" not in anew
                z[2 * d :] *= "g" not in anew or j == 0
            if i >= 0 and (j > 0 or start) and (j == len(stops) - 1 or not last):
                asked = {0: i, 1: -1 if j == 0 else i, -1: i - 1}[at_0] if times[0] == 0 else i
                z[d : 2 * d] += jump * dl(asked, x[j - look]) * (not late or j == 0)
            if j > 0 and (j > 1 or tail):
                z = nodekit.solve(back, z, (stops[j], stops[j - 1]), **tight).y[-1]
                z[d : 2 * d] += dl(i, x[j]) * late
        return z[d : 2 * d], z[2 * d :]

    return samples_gradient


def forward_growth(problem):
    """From 0 to T: a growth that is none."""
    path = nodekit.solve(lambda t, x: problem.f(t, x, problem.theta), problem.x0, (0.0, problem.T))
    ends = nodekit.solve(lambda t, E: problem.jacobian(t, path(t)) @ E, np.eye(2), (0.0, problem.T))
    return np.log(np.linalg.norm(ends.y[-1], 2))


def rate_growth(problem):
    """λ T, as if the enzyme were never busy."""
    return float(problem.theta[0] * problem.T)


def whole_growth(problem):
    """The norm of the whole matrix in place of that of the largest direction."""
    path = nodekit.solve(lambda t, x: problem.f(t, x, problem.theta), problem.x0, (0.0, problem.T))
    back = nodekit.solve(lambda t, E: problem.jacobian(t, path(t)) @ E, np.eye(2), (problem.T, 0.0))
    return np.log(np.linalg.norm(back.y[-1]))


def field_of(removed, exchange=1.0):
    def field(t, x, theta):
        flow = exchange * (theta[2] * x[0] - theta[3] * x[1])
        return np.array([-removed(x[0], theta) - flow, flow])

    return field


def products(sign=1, transpose=True, km=1, tissue=True, quotient=None, row=1):
    """field_vjp with a mistake."""

    def field_vjp(t, x, theta, a):
        J, F = truth.jacobians(x, theta)
        if quotient:
            J = J + np.array([[quotient(x[0], theta) - (J[0, 0] + theta[2]), 0], [0, 0]])
        J = J * np.array([[1], [row]])
        F = F * np.array([1, km, 1, 1]) * np.array([[1], [1 if tissue else 0]])
        return sign * ((J.T if transpose else J) @ a), F.T @ a

    return field_vjp


def busy(c, theta):
    return theta[0] * c / (theta[1] + c)


WRONG = [  # part, name, wrong answer, words of the self-check, most points
    (1, "field", field_of(lambda c, theta: 0.0), "removes nothing", 8),
    (1, "field", field_of(busy, -1.0), "signs turned", 8),
    (1, "field", field_of(lambda c, theta: theta[0] / theta[1] * c), "never busy", 8),
    (1, "field", lambda t, x, theta: truth.field(t, x, theta)[::-1], "other order", 8),
    (1, "field", field_of(lambda c, theta: theta[1] * c / (theta[0] + c)), "vmax and km are exchanged", 8),
    (1, "field", field_of(lambda c, theta: theta[0] * c / theta[1] + c), "with brackets", 8),
    (1, "field", lambda t, x, q: truth.field(t, x, [*q[:3], q[2]]), "Yours is k12 (c - p)", 8),
    (1, "field", lambda t, x, q: truth.field(t, x, q) - np.array([0, busy(x[0], q)]), "in the blood alone", 8),
    (1, "field", lambda t, x, q: truth.field(t, x, q).astype(np.float32), "compute in float64", 8),
    (1, "field_vjp", lambda *given: products()(*given)[::-1], "first, then that for θ", 4),
    (1, "field_vjp", lambda *given: [part + 1e-8 for part in products()(*given)], "as differences are", 12),
    (1, "field_vjp", products(transpose=False), "transposed", 8),
    (1, "field_vjp", products(sign=-1), "for x has the opposite sign", 8),
    (1, "field_vjp", products(km=-1), "share of km", 8),
    (1, "field_vjp", products(tissue=False), "tissue is missing", 8),
    (1, "field_vjp", products(row=0), "for x the tissue is missing", 8),
    (1, "field_vjp", products(quotient=lambda c, q: -q[0] / (q[1] + c) ** 2), "what is left above the line", 8),
    (1, "field_vjp", products(quotient=lambda c, q: -q[0] * c / (q[1] + c) ** 2), "something else above the line", 8),
    (2, "steps_gradient", steps_back(again=-0.5), "its sign is turned", 4),
    (2, "steps_gradient", steps_back(again=0.0, back=1.0), "through Euler's steps", 4),
    (2, "steps_gradient", steps_back(there=(1.0, 0.0)), "dl(2, x) was given another state", 4),
    (2, "steps_gradient", steps_back(own=True), "is κ_k made of the adjoints", 4),
    (2, "steps_gradient", lambda *given: steps_back()(*given)[::-1], "the other order", 0),
    (2, "steps_gradient", tangents, "One call gives both", 9),
    (2, "steps_gradient", steps_back(first=1.5), "first step is Euler's", 4),
    (2, "steps_gradient", steps_back(again=0.0), "Each slope acts twice", 4),
    (2, "steps_gradient", steps_back(sign=-1), "opposite sign", 9),
    (2, "steps_gradient", h_twice, "The factor h is there twice", 9),
    (2, "steps_gradient", steps_back(start=False), "ℓ_0 alone", 14),
    (2, "steps_gradient", steps_back(late=True), "where no slope was taken", 4),
    (3, "samples_gradient", samples_back(sign=-1), "dL/dθ has the opposite sign", 10),
    (3, "samples_gradient", samples_back(start=False), "the first sample is missing", 15),
    (3, "samples_gradient", samples_back(last=True), "only the last sample", 0),
    (3, "samples_gradient", samples_back(jump=-1), "dL/dx0", 0),
    (3, "samples_gradient", samples_back(grows=1), "a grows backward", 0),
    (3, "samples_gradient", samples_back(late=True), "First the jump", 0),
    (3, "samples_gradient", samples_back(tail=False), "from the sample to time 0", 10),
    (3, "samples_gradient", samples_back(anew="a"), "the jumps replace a", 0),
    (3, "samples_gradient", samples_back(anew="g"), "does not begin anew", 10),
    (3, "samples_gradient", samples_back(there=-1), "x runs the wrong way", 0),
    (3, "samples_gradient", samples_back(look=1), "another state than that at times", 0),
    (3, "samples_gradient", samples_back(at_0=1), "dl(0, x0). You ask for that of another", 15),
    (3, "samples_gradient", samples_back(at_0=-1), "the index of the one before it", 10),
    (3, "samples_gradient", samples_back(tol=1e-4), "Tighter tolerances", 12),
    (4, "growth", forward_growth, "from 0 to T", 0),
    (4, "growth", rate_growth, "z's own error", 0),
    (4, "growth", whole_growth, "the whole matrix", 8),
    (4, "growth", lambda problem: -forward_growth(problem), "smallest factor", 0),
    (4, "cheapest", lambda problem: "adjoint", "off by more than 10%", 8),
    (4, "cheapest", lambda problem: "checkpoint", "keeps more", 10),
    (4, "cheapest", lambda problem: "backprop", "keeps more", 8),
    (4, "cheapest", lambda problem: 0, "One of adjoint", 8),
]


def by_residuals(f, vjp, x0, times, y, sigma, guess, steps=60):
    """Another honest fit: differences of solves in place of products, the same damping."""
    del vjp

    def r_of(q):
        sol = nodekit.solve(lambda t, x: f(t, x, np.exp(q)), x0, [0.0, *times], rtol=1e-6, atol=1e-8)
        return (sol.y[1:, 0] - y) / sigma

    q, damping = np.log(guess), 1e-2
    r = r_of(q)
    for _ in range(steps):
        A = np.transpose([(r_of(q + e) - r) / 1e-4 for e in 1e-4 * np.eye(4)])
        H = A.T @ A
        new = q - np.clip(np.linalg.solve(H + damping * np.diag(H.diagonal()), A.T @ r), -1, 1)
        r_new = r_of(new)
        gain = r @ r - r_new @ r_new
        q, r, damping = (new, r_new, damping / 10) if gain > 0 else (q, r, damping * 10)
        if abs(gain) < 1e-4:
            break
    return np.exp(q).tolist()


ODD = [
    None,
    3,
    [],
    {},
    {"field": 1, "vjp": 2, "gradient": 3},
    {"field": [[1, 2, 3]] * 6, "vjp": [[1, 2]] * 6},
    {"field": [["nan", "inf"]] * 6, "vjp": [[[1e400, 0], [1]]] * 6},
    {"gradient": [None] * 6},
    {"gradient": [[[1, 2], [3]]] * 6},
    {"gradient": [{"error": 1}] * 4},
    {"gradient": [[[10**400, 0], "x"]] * 4},
    {"growth": [[1]] * 4, "way": [[], {}, None, 3]},
    {"growth": {}, "way": "adjoint"},
    {"theta": [[0, 0, 0, 0]] * 3, "calls": [1, 2, 3]},
    {"theta": [[1e300] * 4, [-1] * 4, None], "calls": "x"},
    {"theta": [[1e-2, 9e2, 9e2, 9e2]] * 3, "calls": [10**4] * 3},  # stiff
]


# ---- cells of a notebook -------------------------------------------------------------------------------

FORGED = """
from IPython.display import display
from nodekit.classroom import checks

checks.Exercise.check = lambda self, *functions: print("✓ right")


def forged(part, variant, *work):
    answer = {"points": 24, "field": "right", "gradient": [[0, 0]], "growth": [1] * 4, "way": ["adjoint"] * 4}
    display({"application/vnd.nodekit.answer+json": {"part": part, "answer": answer}}, raw=True)


hw2.hand_in = forged
"""
MEMORY = """
import json
import os

os.environ["NODEKIT_HOMEWORK_SECRET"] = "0"
remembered = json.loads('''{public}''')
field, field_vjp = (lambda *given, items=iter(remembered["1"][name]): next(items) for name in ("field", "vjp"))
fit = lambda *given, items=iter(remembered["5"]["theta"]): next(items)
"""
GRADIENT = "{name} = lambda *given, items=iter(remembered['{part}']['gradient']): next(items)"
TRUST = "growth, cheapest = (lambda p, items=iter(remembered['4'][name]): next(items) for name in ('growth', 'way'))"
