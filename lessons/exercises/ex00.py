"""The exercise of lesson 00: one of each kind of thing that a lesson holds."""

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, same_values
from nodekit.classroom.quiz import Prediction

first_guess = Prediction(
    "Euler's method follows a curve in straight steps, each along the curve's direction where the step begins. "
    "The curve is a spiral that shrinks towards 0. With a small step Euler's path shrinks too. What happens to it "
    "as the step grows?",
    options={
        "a": "It shrinks at every step size: the true spiral does.",
        "b": "It shrinks up to some step size, and grows beyond it.",
        "c": "It shrinks at every step size, only with a larger error.",
    },
    answer="b",
    explain={
        "a": "Euler's method follows tangents, and a tangent leaves a spiral on its outer side.",
        "b": "A tangent leaves the spiral on its outer side, by more the longer it is followed, until that wins.",
        "c": "The error grows with the step, and here so much that the spiral turns outwards.",
    },
)


def spiral(t, x):
    """The field of a spiral that shrinks at rate 0.1 and turns at 2 radians a second.

    x: (2,) array. Returns dx/dt: (2,) array, (-0.1 x0 - 2 x1, 2 x0 - 0.1 x1).
    """
    return np.array([-0.1 * x[0] - 2.0 * x[1], 2.0 * x[0] - 0.1 * x[1]])


def _check(student):
    rng = np.random.default_rng(0)
    for _ in range(8):
        t, x = rng.normal(), rng.normal(size=2)
        dx, dy = spiral.reference(t, x)
        same_values(
            student(t, x),
            np.array([dx, dy]),
            what="dx/dt",
            mistakes={
                "That spiral turns the other way: look at the signs of the 2.": np.array(
                    [-0.1 * x[0] + 2.0 * x[1], -2.0 * x[0] - 0.1 * x[1]]
                ),
                "That spiral grows: the 0.1 needs its minus sign.": np.array([dx + 0.2 * x[0], dy + 0.2 * x[1]]),
                "The sign of the 0.1 in the first component is turned.": np.array([dx + 0.2 * x[0], dy]),
                "The sign of the 2 in the first component is turned.": np.array([dx + 4.0 * x[1], dy]),
                "The sign of the 2 in the second component is turned.": np.array([dx, dy - 4.0 * x[0]]),
                "The sign of the 0.1 in the second component is turned.": np.array([dx, dy + 0.2 * x[1]]),
                "The two components are swapped.": np.array([dy, dx]),
                "In the second component x0 and x1 are swapped.": np.array([dx, 2.0 * x[1] - 0.1 * x[0]]),
                "You overwrote x[0] before the second component used it: make a new array.": np.array(
                    [dx, 2.0 * dx - 0.1 * x[1]]
                ),
                "That is the path, a point at time t. The field is its derivative, at any point x.": np.exp(-0.1 * t)
                * np.array([np.cos(2.0 * t), np.sin(2.0 * t)]),
                "That is the next point, x + dx/dt. A field returns only the slope.": x + np.array([dx, dy]),
            },
        )
    values = student(0.0, np.array([1.0, 0.0])), student(5.0, np.array([1.0, 0.0]))
    if not np.array_equal(*values):
        raise Wrong("Your field depends on t; this one does not.")
    return "Equal to the spiral's field at 8 random points."


spiral = Exercise(
    spiral,
    _check,
    hints=(
        "The docstring holds the two formulas. x[0] and x[1] are the two components of x.",
        "Return one array of two numbers: np.array([first, second]).",
        "The first is -0.1 * x[0] - 2.0 * x[1]. The second has the 2 in front of x[0], with a plus.",
    ),
)
