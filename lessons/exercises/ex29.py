"""The exercises of lesson 29, Pictures in motion."""

import numpy as np

from nodekit.classroom.checks import Exercise, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "In gaps of five and more missing frames we fill in the cross-fade. For comparison we show one and the same grey "
    "smear all the time, the mean of all kept frames. Which is nearer to the true frames, in the mean square of the "
    "pixels?",
    {
        "a": "The cross-fade, by far: it knows where the bob was before the gap and after it.",
        "b": "The smear, by far: a ghost is worse than a smear.",
        "c": "Neither, by much.",
    },
    answer="c",
    explain={
        "a": "It shows the bob where it was and where it will be, and not where it is.",
        "b": "In short gaps the cross-fade is better, and in the long ones it loses little against the smear.",
        "c": "10.8 against 11.2, on average over five seeds.",
    },
)

second_guess = Prediction(
    "After the window no frame is kept. A bidirectional GRU, trained for half as long again as the law and half of the "
    "time on looking ahead, and the learned law have to draw the sixth period, 20 frames. Which is nearer to the true "
    "frames?",
    {
        "a": "Both about as near as in the gaps.",
        "b": "The law; the GRU is no better than the grey smear.",
        "c": "The GRU, because the errors of the law add up from period to period.",
    },
    answer="b",
    explain={
        "a": "In a gap there are frames on both sides. Here there is only the past.",
        "b": "The law has a state, and goes on from it. The GRU must learn to go on as well, and in this time it has "
        "not. (What a longer training does is said below.)",
        "c": "They do add up, but in one period to little.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def shooting_step(path, z, q, small=1e-4):
    """One round of shooting: a better start than z.

    path: function of a start (2,) -> (k,), the positions at the k times of the kept frames. z: (2,), a position and a
    velocity. q: (k,), what the positions should be, k >= 2. small: by how much to change each of the two numbers of z
    for its slope. Returns (2,): z plus the least-squares solution of slopes · change = q − path(z).
    """
    here = path(z)
    slopes = np.stack([(path(z + shift) - here) / small for shift in small * np.eye(2)], axis=1)
    return z + np.linalg.lstsq(slopes, q - here, rcond=None)[0]


def check_shooting_step(shooting_step):
    rng = np.random.default_rng(292)
    for k in (2, 5, 9):
        t = np.sort(rng.uniform(0, 3, size=k))
        basis = np.stack([np.cos(2 * t), np.sin(2 * t) / 2], 1)

        def linear(z, basis=basis):
            return basis @ z

        def bent(z, basis=basis, t=t):
            return np.sin(basis @ z) + 0.3 * t * z[1] ** 2

        z, q = rng.normal(size=2), rng.normal(size=k)
        for path, name in ((linear, "a path that is linear in its start"), (bent, "a path that is not")):
            here, small = path(z.copy()), 1e-4
            slopes = np.stack([(path(z + shift) - here) / small for shift in small * np.eye(2)], axis=1)
            change = np.linalg.lstsq(slopes, q - here, rcond=None)[0]
            mistakes = {
                "This is the change alone: add it to z.": change,
                "The sign: you go away from q. The right-hand side is q minus the path.": z - change,
                "The slopes are too small: divide the difference of the paths by `small`.": z + change / small,
                "You have solved for q, and not for what the path from z misses.": (
                    z + np.linalg.lstsq(slopes, q, rcond=None)[0]
                ),
                "This is slopes transposed times the miss, a step downhill. Solve the least-squares problem.": (
                    z + slopes.T @ (q - here)
                ),
                "You have changed the velocity only. The position at the start is not known exactly either.": (
                    z + np.array([0, np.linalg.lstsq(slopes[:, 1:], q - here, rcond=None)[0][0]])
                ),
                "You have changed the position only.": (
                    z + np.array([np.linalg.lstsq(slopes[:, :1], q - here, rcond=None)[0][0], 0])
                ),
            }
            same_values(shooting_step(path, z.copy(), q.copy()), z + change, 1e-3, f"the start, for {name}", mistakes)
    return "Right for 2, 5 and 9 kept frames; one round is exact where the path is linear in its start."


shooting_step = Exercise(
    shooting_step,
    check_shooting_step,
    hints=(
        "Near z the path is path(z) + slopes · change. Which change takes it to q?",
        "Column j of the slopes (k, 2): the path from z with its number j changed by small, minus path(z), over small.",
        "np.linalg.lstsq(slopes, q - path(z), rcond=None)[0] is the change; add it to z.",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def jump_error(found, true):
    """The mean squared error of the jumps from each frame to the next.

    found, true: (n, height, width), n >= 2 frames each. Returns float: the mean over all n - 1 jumps and all pixels.
    """
    return (np.diff(found - true, axis=0) ** 2).mean()


def check_jump_error(jump_error):
    rng = np.random.default_rng(291)
    for n, height, width in ((7, 5, 4), (3, 2, 6), (2, 3, 3)):
        found, true = rng.normal(size=(n, height, width)) + 1, 2 * rng.normal(size=(n, height, width))
        off = found - true
        right = (np.diff(off, axis=0) ** 2).mean()
        mistakes = {
            "This is the error of the frames. Take the differences of neighbouring frames first.": (off**2).mean(),
            "You compare the sizes of the jumps. Jumps of one size may go in different directions: subtract the jumps "
            "themselves.": ((np.abs(np.diff(found, axis=0)) - np.abs(np.diff(true, axis=0))) ** 2).mean(),
            "You have taken the differences along the rows of a frame. Time is the first axis.": (
                np.diff(off, axis=1) ** 2
            ).mean(),
            "You have taken the differences along the columns of a frame. Time is the first axis.": (
                np.diff(off, axis=2) ** 2
            ).mean(),
            "This is how much the found film jumps. A true film jumps too: subtract its jumps.": (
                np.diff(found, axis=0) ** 2
            ).mean(),
            "Divide by the number of jumps, n - 1, and not by that of frames.": right * (n - 1) / n,
            "This is the sum over the pixels. Take their mean.": right * height * width,
            "The mean over the jumps is missing.": right * (n - 1),
            "The square is missing: positive and negative pixels cancel.": np.diff(off, axis=0).mean(),
            "These are the absolute values: take squares.": np.abs(np.diff(off, axis=0)).mean(),
            "Take the mean square, without the root.": right**0.5,
        }
        same_values(jump_error(found, true), right, 1e-10, "the error", mistakes)
    return "Right for films of 2, 3 and 7 frames, whose height is not their width."


jump_error = Exercise(
    jump_error,
    check_jump_error,
    hints=(
        "A jump is a frame minus the one before: n frames have n - 1 jumps. Both films have them.",
        "np.diff(found, axis=0) are the jumps of one film. Subtract those of the other; then square, then the mean.",
        "(np.diff(found - true, axis=0) ** 2).mean()",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def cubic_between(t0, z0, t1, z1, t):
    """The position at the times t on the cubic that has the states z0 at t0 and z1 at t1.

    t0, t1: floats, t0 < t1. z0, z1: (2,), a position and a velocity each. t: (n,). Returns (n,).
    """
    h = t1 - t0
    s = (t - t0) / h
    (q0, v0), (q1, v1) = z0, z1
    return (
        (1 + 2 * s) * (1 - s) ** 2 * q0 + s * (1 - s) ** 2 * h * v0 + s**2 * (3 - 2 * s) * q1 - s**2 * (1 - s) * h * v1
    )


def check_cubic_between(cubic_between):
    rng = np.random.default_rng(293)
    for h in (0.7, 2.5, 1.3):
        t0 = rng.normal()
        t1, z0, z1 = t0 + h, rng.normal(size=2), rng.normal(size=2)
        t = np.linspace(t0, t1, 7)[1:-1] + 0.01
        s = (t - t0) / h
        a, b, c, d = (1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2, s**2 * (3 - 2 * s), -(s**2) * (1 - s)
        (q0, v0), (q1, v1) = z0, z1
        right = a * q0 + b * h * v0 + c * q1 + d * h * v1
        mistakes = {
            "This is the straight line: its velocity is not that of the states.": (1 - s) * q0 + s * q1,
            "This is right in h = 1 only: multiply the velocities by h, since s runs from 0 to 1 while t runs by h.": (
                a * q0 + b * v0 + c * q1 + d * v1
            ),
            "Divide by h nowhere: the slope in s is the velocity times h.": a * q0 + b / h * v0 + c * q1 + d / h * v1,
            "The velocity at the end has the wrong sign: near t1 the cubic must come in with z1's velocity.": (
                a * q0 + b * h * v0 + c * q1 - d * h * v1
            ),
            "This is smooth, and at rest at both ends: the velocities are missing.": a * q0 + c * q1,
            "This follows the first state alone.": q0 + (t - t0) * v0,
            "The two states are exchanged.": a * q1 + b * h * v1 + c * q0 + d * h * v0,
            "The two velocities are exchanged.": a * q0 + b * h * v1 + c * q1 + d * h * v0,
        }
        same_values(cubic_between(t0, z0.copy(), t1, z1.copy(), t.copy()), right, 1e-9, "the position", mistakes)
    return "Right in three gaps of different lengths, for random states."


cubic_between = Exercise(
    cubic_between,
    check_cubic_between,
    hints=(
        "With s = (t − t0)/(t1 − t0), find four cubics of s, each of which is 1 for one of the four numbers (the value "
        "and the slope at s = 0 and at s = 1) and 0 for the three others.",
        "(1 + 2s)(1 − s)² and s²(3 − 2s) for the values; s(1 − s)² and −s²(1 − s) for the slopes, which are h times "
        "the velocities.",
        "(1 + 2*s)*(1 - s)**2 * q0 + s*(1 - s)**2 * h*v0 + s**2*(3 - 2*s) * q1 - s**2*(1 - s) * h*v1",
    ),
)


quiz = Quiz(
    Question(
        "Two frames of a pendulum, in which the bobs do not overlap, are cross-faded. What does the frame in the "
        "middle show?",
        {
            "a": "The bob half-way between the two places.",
            "b": "The bob twice, at half its brightness each.",
            "c": "A single bob of which one cannot say where it is.",
        },
        "b",
        {
            "a": "Pixels are mixed, not places.",
            "b": "Each frame's pixels count one half, wherever the true bob is.",
            "c": "One can: it is in two places.",
        },
    ),
    Question(
        "A network has learned to tell the position of the bob from a frame, without error. What else does one need in "
        "order to draw the next frame?",
        {
            "a": "Nothing: the position says where the bob is.",
            "b": "The frame after it, because a frame lies between its two neighbours.",
            "c": "The velocity, which no single frame shows, and the law.",
        },
        "c",
        {
            "a": "It says where it is, and not where it is going: the same place is passed in both directions.",
            "b": "That helps to find the velocity. It is not needed once one has it.",
            "c": "Position and velocity are the state; the law leads it on.",
        },
    ),
    Question(
        "Shooting with two kept frames far apart finds a path through both. Why may it be the wrong one?",
        {
            "a": "There are several: other swings may hit both.",
            "b": "Shooting finds approximate paths only, and never the exact one.",
            "c": "Because frames have noise.",
        },
        "a",
        {
            "a": "In section 3 three velocities hit. The frames between tell them apart.",
            "b": "It hits both frames to many digits, on the wrong path too.",
            "c": "Without any noise there are as many paths.",
        },
    ),
    Question(
        "Two films have the same mean squared error of their frames. One of them flickers. Which number tells?",
        {
            "a": "The error of the jumps between neighbouring frames.",
            "b": "None: an error is an error.",
            "c": "The error in the longest gap.",
        },
        "a",
        {
            "a": "An error that changes sign from frame to frame makes large jumps; a slow one makes small jumps.",
            "b": "The eye sees flicker, and the mean square of the frames does not.",
            "c": "A flicker may be anywhere.",
        },
    ),
    Question(
        "A flow carries a heart to a star, and back to within 0.00002. What follows for the star?",
        {
            "a": "Its points lie within 0.00002 of the star.",
            "b": "It is reached if the tolerance is small enough.",
            "c": "Nothing: the way back undoes the flow, wherever it went.",
        },
        "c",
        {
            "a": "In section 10 about one point in fourteen lay outside of it.",
            "b": "A small tolerance makes the solve exact, and the field is as it was learned.",
            "c": "Any smooth field can be run backward. That says nothing of where it leads.",
        },
    ),
)
