"""The exercises of lesson 20, Controlled differential equations."""

from itertools import pairwise

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "A small move dX of a pen changes a state h by dh = f(h) dX, in a proportion f that depends on h. The pen draws "
    "the same curve once more, twice as fast, with a rest in the middle. Where does h end now?",
    {
        "a": "Half as far from its start, as it had half the time.",
        "b": "Twice as far, as the pen's velocity was twice as large.",
        "c": "At the same place, for every smooth f.",
        "d": "At the same place if f is linear, else somewhere else.",
    },
    answer="c",
    explain={
        "a": "Half the time, but twice the velocity X': the two cancel.",
        "b": "Twice the velocity, but for half the time: the two cancel.",
        "c": "Time does not occur in dh = f(h) dX. Section 3 proves it.",
        "d": "The proof is the chain rule, and needs nothing of f but that solutions are unique.",
    },
)

second_guess = Prediction(
    "A coin is tossed 12 times, and a walk goes up or down by one each time. You draw a natural cubic spline through "
    "the whole walk and look at it at toss 6 only: its slope there, and the six tosses so far. How often can you say "
    "how toss 7 came out?",
    {
        "a": "50% of the time: it is a fair coin.",
        "b": "About 60% of the time.",
        "c": "Nearly always.",
    },
    answer="c",
    explain={
        "a": "The coin is fair, but the spline was drawn when toss 7 was known.",
        "b": "There is a hint of the future in the slope, and it is stronger than that.",
        "c": "The slope depends on all tosses, on the sixth and the seventh most, and equally. The known six can be "
        "subtracted, and tosses 8 to 12 together weigh 0.23 against 0.63: so always.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def area_matrix(h):
    """The matrix f(h) of the planimeter, dh = f(h) dX, for the position X of a pen in the plane.

    h: (3,), the pen's two coordinates and the area that the line from the origin to the pen has swept. Returns (3, 2).
    """
    return np.array([[1.0, 0.0], [0.0, 1.0], [-h[1] / 2, h[0] / 2]])


def check_area_matrix(area_matrix):
    rng = np.random.default_rng(201)
    for _ in range(6):
        h = rng.normal(size=3)
        right = np.array([[1.0, 0.0], [0.0, 1.0], [-h[1] / 2, h[0] / 2]])
        got = as_array(area_matrix(h), "f(h)")
        if got.shape == (2, 3):
            raise Wrong("This is (2, 3). f(h) times a change of X, (2,), must be a change of h, (3,): turn it round.")
        if got.shape == (3,):
            raise Wrong("This is (3,), as dh is. What is wanted is the matrix (3, 2) that multiplies dX.")
        last = lambda a, b, right=right: np.vstack([right[:2], [a, b]])  # noqa: E731
        mistakes = {
            "The sign of the area: a turn to the left, against the clock, counts as positive.": last(
                h[1] / 2, -h[0] / 2
            ),
            "Twice the area: a triangle is half of a parallelogram.": last(-h[1], h[0]),
            "The coordinates in the last row have changed places: the area grows by (h1 dX2 - h2 dX1) / 2.": last(
                h[0] / 2, -h[1] / 2
            ),
            "Around a closed curve this gives the area too, but not the sweep of the line from the origin.": last(
                0.0, h[0]
            ),
            "Around a closed curve this sums to the area, but it is not what the line from the origin sweeps.": last(
                -h[1], 0.0
            ),
            "Both terms have a plus, so this is half the change of h1 h2. The area has a difference.": last(
                h[1] / 2, h[0] / 2
            ),
            "The first two rows are the wrong way round: h1 follows X1, and h2 follows X2.": np.vstack(
                [right[1::-1], right[2]]
            ),
            "The first two states must follow the pen: their rows are the identity.": np.vstack(
                [np.zeros((2, 2)), right[2]]
            ),
            "The pen is where h says, not what the rows multiply: the first two rows do not contain h.": np.vstack(
                [np.diag(h[:2]), right[2]]
            ),
        }
        same_values(got, right, 1e-12, "f(h)", mistakes)
    h, corners = np.array([0.4, -0.3, 0.0]), np.array([[0.4, -0.3], [1.5, 0.2], [0.9, 1.4], [0.4, -0.3]])
    for start, end in pairwise(corners):
        h = h + as_array(area_matrix(h), "f(h)") @ (end - start)  # exact along a line: the sweep is a triangle
    if abs(h[2] - 0.81) > 1e-12:
        raise Wrong(f"Followed around a triangle of area 0.81 it gives {h[2]:.3f}.")
    return "Right at 6 random states. Followed around a triangle, it gives the triangle's area."


area_matrix = Exercise(
    area_matrix,
    check_area_matrix,
    hints=(
        "One row for each number of h. The first says how h1 changes with X1 and X2: it is the pen's first coordinate.",
        "The triangle between the origin, (h1, h2) and (h1 + dX1, h2 + dX2) has the area (h1 dX2 - h2 dX1) / 2.",
        "np.array([[1.0, 0.0], [0.0, 1.0], [-h[1] / 2, h[0] / 2]])",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def hermite_rate(x, i, s):
    """The derivative at time i + s of the cubic path through x whose slopes look back.

    x: (n, channels), observed at the times 0, 1, ..., n − 1. i: int, the piece, from x[i] to x[i + 1]. s: float,
    0 <= s <= 1, the place in it. Returns (channels,).
    """
    line = x[i + 1] - x[i]
    before = x[i] - x[i - 1] if i > 0 else line
    return line + (1 - s) * (1 - 3 * s) * (before - line)


def check_hermite_rate(hermite_rate):
    rng = np.random.default_rng(202)
    for n, c in ((6, 3), (4, 1), (5, 2)):
        x = rng.normal(size=(n, c))
        for i in (*range(1, n - 1), 0):
            for s in (0.3, 0.85, 0.0, 1.0, 0.5):
                line = x[i + 1] - x[i]
                before = x[i] - x[i - 1] if i else line
                wrapped, ahead = x[i] - x[i - 1], (x[i + 2] if i + 2 < n else x[i + 1]) - x[i + 1]
                rate = lambda a, b, s=s: b + (1 - s) * (1 - 3 * s) * (a - b)  # noqa: E731
                right = rate(before, line)
                mistakes = {
                    "This is the path's value at i + s. Its derivative is wanted.": x[i]
                    + s * line
                    + s * (1 - s) ** 2 * (before - line),
                    "This is the slope of the line, without the bend.": line,
                    "The bend has the wrong sign: at s = 0 the slope is that of the line that came to x[i].": 2 * line
                    - right,
                    "The bend is s (1 - s)^2. By the product rule its derivative is (1 - s)^2 - 2 s (1 - s).": line
                    + (1 - s) ** 2 * (before - line),
                    "The inner derivative of 1 - s is -1: (1 - s)^2 - 2 s (1 - s), with a minus.": line
                    + ((1 - s) ** 2 + 2 * s * (1 - s)) * (before - line),
                    "This path looks ahead: its slope at x[i] is that of the line after it, not before it.": rate(
                        ahead, line
                    ),
                    "In the first piece there is no line before it; x[-1] is the last observation. Take its own.": (
                        rate(wrapped, line) if i == 0 else right
                    ),
                    "In the first piece the slope at x[0] is that of its own line, and not 0.": (
                        rate(0 * line, line) if i == 0 else right
                    ),
                    "The slope of the line itself is missing.": right - line,
                }
                mistakes = {t: v for t, v in mistakes.items() if not np.allclose(v, right)}
                if as_array(hermite_rate(x, i, s), "the rate").shape == () and c == 1:
                    raise Wrong("One number for each channel, (channels,), even if there is one channel.")
                same_values(hermite_rate(x, i, s), right, 1e-10, f"the rate in piece {i} at s = {s}", mistakes)
    return "Right in all pieces of three paths, the first piece and both ends of each included."


hermite_rate = Exercise(
    hermite_rate,
    check_hermite_rate,
    hints=(
        "The piece is x[i] + s·line + s (1 − s)²·(before − line). Differentiate by s; the other factors are constants.",
        "The derivative of s (1 − s)² is (1 − s)² − 2 s (1 − s) = (1 − s)(1 − 3 s). In piece 0, before = line.",
        "line + (1 - s) * (1 - 3 * s) * (before - line), with before = x[i] - x[i - 1] if i > 0 else line",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def as_controlled(g, h, x):
    """The matrix F of dz = F d(t, x) for z = (h, x), where h' = g(h, x).

    g: function (h (d,), x (c,)) -> (d,). h: (d,). x: (c,). Returns (d + c, 1 + c): its first column multiplies dt.
    """
    d, c = len(h), len(x)
    F = np.zeros((d + c, 1 + c))
    F[:d, 0] = g(h, x)
    F[d:, 1:] = np.eye(c)
    return F


def check_as_controlled(as_controlled):
    rng = np.random.default_rng(203)
    for d, c in ((3, 2), (2, 5), (1, 3), (4, 1)):
        A, B, h, x = rng.normal(size=(d, d)), rng.normal(size=(d, c)), rng.normal(size=d), rng.normal(size=c)
        g = lambda h, x, A=A, B=B: np.tanh(A @ h + B @ x)  # noqa: E731
        right = np.zeros((d + c, 1 + c))
        right[:d, 0], right[d:, 1:] = g(h, x), np.eye(c)
        got = as_array(as_controlled(g, h, x), "F")
        if got.shape == (1 + c, d + c) and got.shape != right.shape:
            raise Wrong("This is turned round: a row for each number of z = (h, x), a column for each of (t, x).")
        if got.shape == (d, 1 + c) and got.shape != right.shape:
            raise Wrong("Only the rows of h are here. x is part of the state: it needs rows too, which follow X.")
        if got.shape == (d + c, c) and got.shape != right.shape:
            raise Wrong("A column is missing: time is the first channel of the path.")

        def put(first=None, rows=None, g=g, h=h, x=x, d=d, c=c):
            F = np.zeros((d + c, 1 + c))
            F[:d, 0] = g(h, x) if first is None else first
            F[d:, 1:] = np.eye(c) if rows is None else rows
            return F

        spread = put()
        spread[:d, 1:] = g(h, x)[:, None]
        end, low = np.roll(put(), -1, 1), np.roll(put(), c, 0)
        mistakes = {
            "The rows of x are empty: then x stands still. It follows the path: the identity.": put(
                rows=np.zeros((c, c))
            ),
            "g belongs to dt alone, and stands in the other columns of h too.": spread,
            "Time is the first column; yours has it last.": end,
            "z = (h, x): the rows of h come first.": low,
            "The rows of x hold x itself. Their product with dx must be dx.": put(rows=np.diag(x)),
            "The sign of g.": put(first=-g(h, x)),
            "This takes g at h and x = 0.": put(first=g(h, 0 * x)),
        }
        same_values(got, right, 1e-12, "F", mistakes)
    return "Right for four pairs of dimensions. Every ODE that reads an input is a CDE with time as a channel."


as_controlled = Exercise(
    as_controlled,
    check_as_controlled,
    hints=(
        "h changes only while time passes, and x only with the path's own x. So most of F is 0.",
        "The rows of h have g(h, x) in the first column; the rows of x have the identity in the others.",
        "F = np.zeros((d + c, 1 + c)), then F[:d, 0] = g(h, x) and F[d:, 1:] = np.eye(c)",
    ),
)


quiz = Quiz(
    Question(
        "You read the same curve at twice as many points of its straight lines. What happens to a GRU's answer, and to "
        "that of a CDE along those lines?",
        {
            "a": "Neither changes, as there is no new information.",
            "b": "The GRU's may change, since it makes more updates; the CDE's only by the error of its solver.",
            "c": "Both change, the CDE's less because it is smoother.",
        },
        "b",
        {
            "a": "For the GRU each point is one more update, new or not.",
            "b": "The CDE's path is the same curve, run through at another speed.",
            "c": "The exact solution of the CDE does not change at all.",
        },
    ),
    Question(
        "How long somebody waits between two keystrokes matters for your task. What does a CDE along the sequence of "
        "keys need?",
        {
            "a": "Time as a channel of its path.",
            "b": "A solver with a smaller step.",
            "c": "Nothing: it is a differential equation, so it knows the time.",
        },
        "a",
        {
            "a": "Then waiting is a change of X too, and the state can move.",
            "b": "It would find the same answer more accurately, and that answer does not depend on the waiting.",
            "c": "Time cancels in dh = f(h) dX. That is what section 3 proves.",
        },
    ),
    Question(
        "A model is to raise an alarm at the hour, from measurements up to that hour. Which path may it be trained on?",
        {
            "a": "A natural cubic spline, since it is the smoothest.",
            "b": "Any, as long as the model reads it only up to that hour.",
            "c": "A Hermite path with slopes that look back, each piece followed when its end has been observed.",
        },
        "c",
        {
            "a": "Every piece of it depends on all later measurements.",
            "b": "The spline up to that hour was bent by what came after it.",
            "c": "A piece depends on observations up to its end, and on none after it.",
        },
    ),
    Question(
        "An adaptive solver runs along 20 straight lines and rejects over a hundred steps. What is the cure?",
        {
            "a": "Let it end a step at each knot.",
            "b": "A looser tolerance, so that fewer steps are rejected.",
            "c": "A method of higher order.",
        },
        "a",
        {
            "a": "Between knots the field is smooth, and the solver need not search for the jump.",
            "b": "It rejects fewer steps and is less accurate; the jumps are still there.",
            "c": "A high order is of no use across a jump of the slope.",
        },
    ),
    Question(
        "Two streams differ by a constant: X and X + 5. Which CDE can tell them apart?",
        {
            "a": "Every one.",
            "b": "One whose h starts from X's first value, or whose f sees X.",
            "c": "None: every CDE sees the changes of X, and nothing else of it.",
        },
        "b",
        {
            "a": "f(h) dX only sees changes, and these are equal.",
            "b": "The level has to come in somewhere, as the changes do not hold it.",
            "c": "The start of h, or an f(h, X), may depend on the level.",
        },
    ),
)
