"""Homework 1: wrong answers for each self-check, each with words that it must be answered with."""

from dataclasses import replace

import numpy as np

import nodekit
from tests.homework.bank import LIGHT
from tests.homework.conftest import Homework

HOMEWORK = Homework("hw1", LIGHT)
hw1, answers = HOMEWORK.module, HOMEWORK.answers


def like(name):
    """One step of a method of nodekit's, as a student's implicit_step."""

    def step(f, jac, t, x, h):
        return nodekit.solve(f, x, (t, t + h), method=name, step=h, jac=jac if name != "midpoint" else None).y[-1]

    return step


def one_newton(f, jac, t, x, h):
    """SDIRK2 with one Newton iteration for each stage: of order 2 on smooth fields, too far off on stiff ones."""
    g = 1 - 1 / np.sqrt(2)

    def stage(t, base, u):
        return u + np.linalg.solve(np.eye(len(u)) - g * h * jac(t, u), base + g * h * f(t, u) - u)

    first = stage(t + g * h, x, x)
    return stage(t + h, x + (1 - g) / g * (first - x), first)


def slopes(x, c, cubic=1, w=1, current=1, a=1):
    """The field with factors on some of its terms."""
    v = x[0]
    first = v - cubic * v**3 / 3 - w * x[1] + current * c.current
    return np.array([first / c.epsilon, v + a * c.a - c.b * x[1]])


def wrong_largest(J, method):
    return {"euler": 2.0, "dopri5": 3.3066}[method] / np.abs(np.linalg.eigvals(J)).max()


def sdirk(g):
    """SDIRK2 with either root: 1 + 1/√2 is L-stable too, with a constant that is too large."""

    def stage(f, jac, t, base, h, u):
        for _ in range(30):
            u = u + np.linalg.solve(np.eye(len(u)) - g * h * jac(t, u), base + g * h * f(t, u) - u)
        return u

    def step(f, jac, t, x, h):
        first = stage(f, jac, t + g * h, x, h, x)
        return stage(f, jac, t + h, x + (1 - g) / g * (first - x), h, first)

    return step


WRONG = {
    "field": [
        (lambda x, c: np.array([x[0] - x[0] ** 3 / 3 - x[1] + c.current, x[0] + c.a - c.b * x[1]]), "divide by ε"),
        (lambda x, c: np.array([(x[0] - x[0] ** 3 / 3 - x[1]) / c.epsilon, x[0] + c.a - c.b * x[1]]), "current I is"),
        (lambda x, c: np.zeros(2), "off at index [0]"),
        (lambda x, c: slopes(x, c, w=-1), "recovery w has a minus"),
        (lambda x, c: slopes(x, c, current=-1), "current I has the wrong sign"),
        (lambda x, c: slopes(x, c, cubic=3), "the third is missing"),
        (lambda x, c: slopes(x, c, a=-1), "the a has a plus"),
        (lambda x, c: slopes(x, c) * (1, c.epsilon), "without ε"),
        (lambda x, c: slopes(x, c) * (1, 0) + np.array([0, x[0] + c.a - c.b * x[0]]), "not b v"),
        (
            lambda x, c: slopes(x, replace(c, current=0)) * (c.epsilon, 1) + np.array([c.current / c.epsilon, 0]),
            "only I is",
        ),
        (
            lambda x, c: np.array([(x[0] - x[0] ** 3 / 3 - x[1] + c.current) // c.epsilon, slopes(x, c)[1]]),
            "divide by /",
        ),
        (lambda x, c: slopes(x, hw1.parameters(7)[0]), "the global cell"),
        (lambda x, c: np.array([slopes(x, c)[0], slopes(x, c)[0] + c.a - c.b * x[1]]), "compute both from x"),
        (lambda x, c: slopes(x, c).astype(np.float32), "compute in float64"),
    ],
    "jacobian": [
        (lambda x, c: np.array([[(1 - x[0] ** 2) / c.epsilon, 1.0], [-1 / c.epsilon, -c.b]]), "Transposed"),
        (lambda x, c: np.array([[1 - x[0] ** 2, -1.0], [1.0, -c.b]]), "Row 0 is not divided by ε"),
        (lambda x, c: np.array([[7.5, -10.0], [1.0, -0.8]]), "at v = -1.8"),
        (lambda x, c: np.array([[1 - x[0] ** 2, -1.0], [1.0, -c.b]]) / c.epsilon, "Only row 0 is divided"),
        (lambda x, c: np.array([[(1 - x[0] ** 2) / c.epsilon, 1 / c.epsilon], [1.0, -c.b]]), "w has a minus in v'"),
        (lambda x, c: np.array([[(1 - x[0] ** 2) / c.epsilon, -1 / c.epsilon], [1.0, c.b]]), "b w has a minus in w'"),
        (lambda x, c: np.array([[(1 - 3 * x[0] ** 2) / c.epsilon, -1 / c.epsilon], [1.0, -c.b]]), "not 3 v²"),
        (lambda x, c: answers.jacobian(x, hw1.parameters(7)[0]), "the global cell"),
        (lambda x, c: answers.jacobian(x, c) + 1e-8, "by differences"),
    ],
    "rest": [
        (lambda c: np.array([-1.2, -0.625]), "and 1 was expected"),
        (lambda c: np.array([-0.625, -1.2]), "the order is (v, w)"),
        (lambda c: np.roots([-1 / 3, 0, 1 - 1 / c.b, c.current - c.a / c.b]), "take the real root"),
        (lambda c: answers.rest(c)[0], "of shape (2,); yours has shape ()"),
        (lambda c: answers.rest(replace(c, current=0.0)), "The current I is missing"),
        (lambda c: answers.rest(c) + 1e-6, "off by 1e-06, and 1e-8 is wanted"),
    ],
    "largest_stable_step": [
        (wrong_largest, "complex"),
        (lambda J, m: 0.0, "one positive number"),
        (lambda J, m: 1e-6, "only"),
    ],
    "implicit_step": [
        (lambda f, jac, t, x, h: x + h * f(t, x), "blows up"),
        (lambda f, jac, t, x, h: np.linalg.solve(np.eye(len(x)) - h * jac(t, x), x), "does not converge"),
        (
            lambda f, jac, t, x, h: nodekit.solve(f, x, (t, t + h), "radau", rtol=1e-8, atol=1e-10).y[-1],
            "a whole solve",
        ),
        (
            lambda f, jac, t, x, h: nodekit.solve(f, x, (t, t + h), "implicit_euler", step=h).y[-1],
            "An order of 1: are γ",
        ),
        (sdirk(1 + 1 / np.sqrt(2)), "but for its constant"),
        (one_newton, "but for its constant"),
    ],
    "period": [
        (lambda c: 3.3525, "relative error"),
        (lambda c: 1.7, "every crossing"),
        (lambda c: 33.52471117, "not in ms"),
        (lambda c: 2 * 3.352471117, "These are 2 rounds"),
        (lambda c: -3.352471117, "between two upstrokes"),
        (lambda c: 3.352471117 * (1 + 3e-4), "the first one"),
        (lambda c: 3.352471117 * (1 + 3e-6), "Tighter tolerances"),
    ],
}
