"""Lesson 09, What a flow cannot do: two predictions, five exercises and the quiz."""

from itertools import pairwise

import numpy as np

import nodekit
from nodekit.classroom.checks import Exercise, Wrong, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "A Neural ODE on the line, x' = f(x, θ), is to take 1 to -1 and -1 to 1. The network f is as wide as you like, and "
    "trained for as long as you like. Where does its Huber loss end?",
    {
        "a": "At 0: a network that is wide enough approximates any function.",
        "b": "Near 0.5, whatever the network.",
        "c": "Anywhere: it depends on the seed.",
        "d": "It diverges: the two trajectories collide.",
    },
    answer="b",
    explain={
        "a": "f may be any function. But the map from x(0) to x(T) is not f: it is the flow of f, and keeps order.",
        "b": "The best they can do is to come close to each other near 0. Each error is then about 1, and H(1) = 1/2.",
        "c": "All five seeds end within half a per cent of 0.5. A theorem sets the floor, and they come close to it.",
        "d": "They approach each other and never meet: solutions are unique.",
    },
)

second_guess = Prediction(
    "A disk inside an annulus, in the plane. A Neural ODE in two dimensions with a linear read-out is trained on 3,000 "
    "points of them until all but a handful are classified correctly, if not all. What has it found?",
    {
        "a": "A flow that separates the disk from the annulus: training proves that there is one.",
        "b": "A flow that separates the points, but not the disk from the annulus.",
        "c": "A solver's error: the exact flow puts hundreds of the 3,000 points on the wrong side.",
    },
    answer="b",
    explain={
        "a": "3,000 points are not an annulus. Between them there is room.",
        "b": "It stretches the annulus into a thread where hardly a sample lies, and lets the disk out through what "
        "looks like a gap.",
        "c": "Coarse steps can do that (lesson 01). Here the solves are accurate: section 5 takes the tolerance 1e-6.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def best_monotone(y):
    """The non-decreasing sequence that is nearest to y in the mean square. y: (n,). Returns (n,).

    Go through y from the left and keep a list of blocks, (mean, length). A new number is a block of its own; as long
    as the last block's mean is below that of the block before it, join the two. Each number then gets its block's mean.
    """
    blocks = []
    for value in y:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-1][0] < blocks[-2][0]:
            (a, m), (b, n) = blocks.pop(-2), blocks.pop(-1)
            blocks.append(((m * a + n * b) / (m + n), m + n))
    return np.concatenate([np.full(n, mean) for mean, n in blocks])


reference_monotone = best_monotone


def check_best_monotone(best_monotone):
    rng, worst = np.random.default_rng(90), 0.0
    cases = [rng.normal(size=n) for n in (8, 40, 1, 2, 3)] + [np.arange(5.0), np.arange(5.0)[::-1], np.ones(4)]
    cases += [np.sin(np.linspace(-np.pi, np.pi, 60)), np.array([3.0, 2.0, 1.0, 4.0, 0.5])]
    for y in cases:
        expected = reference_monotone(y)
        got = as_array(best_monotone(y), "the sequence")
        mistakes = {
            "This is y itself: it still goes down somewhere.": y,
            "Sorted numbers do go up, but they are no longer near to y.": np.sort(y),
            "This is the running maximum. The nearest sequence goes through the middle: means, not maxima.": (
                np.maximum.accumulate(y)
            ),
            "This is the running minimum, from the right. The nearest sequence goes through the middle.": (
                np.minimum.accumulate(y[::-1])[::-1]
            ),
            "This is the mean of y everywhere. One block is too few.": np.full(len(y), y.mean()),
            "Joined blocks need a mean weighted by their lengths.": unweighted(y),
            "One look back is not enough: after joining, compare with the block before, and again.": joined_once(y),
            "Join two blocks when the later one is LOWER: yours goes down.": -reference_monotone(-y),
            "Each block's mean belongs to all of its numbers: repeat it as often as the block is long.": (
                np.unique(expected)
            ),
        }
        if got.shape == y.shape and np.all(np.isfinite(got)) and len(y) > 3 and not np.allclose(got, expected):
            for text, value in mistakes.items():
                if np.shape(value) == got.shape and np.allclose(got, value):
                    raise Wrong(text)
            if np.any(np.diff(got) < -1e-12):
                raise Wrong(f"Your sequence goes down somewhere: by {-np.diff(got).min():.3g}.")
        worst = max(worst, same_values(got, expected, 1e-12, "the sequence", mistakes))
    return f"The nearest non-decreasing sequence on {len(cases)} cases."


def unweighted(y):
    blocks = []
    for value in y:
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-1][0] < blocks[-2][0]:
            (a, m), (b, n) = blocks.pop(-2), blocks.pop(-1)
            blocks.append(((a + b) / 2, m + n))
    return np.concatenate([np.full(n, mean) for mean, n in blocks])


def joined_once(y):
    blocks = []
    for value in y:
        blocks.append((value, 1))
        if len(blocks) > 1 and blocks[-1][0] < blocks[-2][0]:
            (a, m), (b, n) = blocks.pop(-2), blocks.pop(-1)
            blocks.append(((m * a + n * b) / (m + n), m + n))
    return np.concatenate([np.full(n, mean) for mean, n in blocks])


best_monotone = Exercise(
    best_monotone,
    check_best_monotone,
    hints=(
        "Try it by hand on 3, 2, 1, 4: the blocks are (3), then (3, 2) joined to 2.5, then ... What is the last one?",
        "Joining (mean a, length m) and (mean b, length n) gives (mean (m a + n b)/(m + n), length m + n). Keep "
        "joining in a while loop, since the joined block may be lower than the one before it.",
        "for value in y: blocks.append((value, 1)); while len(blocks) > 1 and blocks[-1][0] < blocks[-2][0]: pop both, "
        "append the joined one. In the end np.concatenate([np.full(n, mean) for mean, n in blocks]).",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def winding_number(curve, point):
    """How often a closed curve goes around a point, anticlockwise. curve: (n, 2), its corners in order, n >= 3;
    point: (2,), not on the curve. Returns an int.

    The curve goes back from its last corner to its first. Seen from the point, no edge turns by half a turn or more.
    """
    offset = np.asarray(curve) - point
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    turn = np.diff(np.append(angle, angle[0]))
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    return int(np.rint(turn.sum() / (2 * np.pi)))


def check_winding_number(winding_number):
    rng, wanted, got, mistakes = np.random.default_rng(91), (1, -1, 0, 2, -3, 1, -1, 2), [], {}
    for case, turns in enumerate(wanted):
        n, start = int(rng.integers(30, 60)), rng.uniform(0, 2 * np.pi)
        n = {6: 3, 7: 5}.get(case, n)  # a triangle, and a star of five points: edges that turn by 120 and 144 degrees
        angle = start + 2 * np.pi * (turns or 1) * np.arange(n) / n
        around = np.stack([np.cos(angle), np.sin(angle)], 1) * (1 + 0.3 * rng.uniform(size=(n, 1)))
        point = rng.normal(size=2)
        curve = point + around + (0 if turns else np.array([-2.0, 0.3]))  # not around the point where turns is 0
        value = as_array(winding_number(curve, point), "the winding number")
        if value.shape != ():
            raise Wrong(f"the winding number has shape {value.shape}; one number was expected.")
        got.append(value)
        angles = np.arctan2(*(curve - point).T[::-1])
        jumping = np.diff(np.append(angles, angles[0]))
        turn = (jumping + np.pi) % (2 * np.pi) - np.pi
        for text, mistake in {
            "The direction is turned: anticlockwise counts as positive.": -turns,
            "Divide the sum of the angles by 2π.": 2 * np.pi * turns,
            "A full turn is 2π, not π.": 2 * turns,
            "The curve is closed: the edge from the last corner to the first is missing.": turn[:-1].sum()
            / (2 * np.pi),
            "Close the curve, and bring each edge's turn into [-π, π).": jumping[:-1].sum() / (2 * np.pi),
            "This is how often the curve goes around the origin. Subtract the point first.": about_origin(curve),
            "It says whether the curve goes around the point, but not how often, or not which way.": np.sign(turns)
            ** 2,
            "The sign is lost: clockwise counts as negative.": abs(turns),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    values = np.array(got, float)
    if not np.array_equal(values, wanted):
        for text, each in mistakes.items():
            if np.allclose(values, each, rtol=0, atol=1e-9):
                raise Wrong(text)
        if np.allclose(values, 0, atol=1e-9):
            raise Wrong(
                "It is always 0. The angles' differences around a closed curve add up to nothing, unless the turn of "
                "each edge is brought into [-π, π)."
            )
        i = int(np.argmax(values != wanted))
        close = " An int is wanted: round to the nearest." if abs(values[i] - wanted[i]) < 0.3 else ""
        raise Wrong(f"A curve that winds {wanted[i]} times around the point gave {values[i]:.6g}.{close}")
    if any(value.dtype.kind not in "iu" for value in got):
        raise Wrong("The value is right, but it is no int. Round it, and make it one.")
    return f"Right for curves that wind {', '.join(map(str, sorted(set(wanted))))} times."


def about_origin(curve):
    """The winding number around (0, 0), rounded."""
    turn = np.diff(np.unwrap(np.arctan2(*np.append(curve, curve[:1], axis=0).T[::-1])))
    return np.rint(turn.sum() / (2 * np.pi))


winding_number = Exercise(
    winding_number,
    check_winding_number,
    hints=(
        "Stand on the point and follow the curve with your eyes. By how much have you turned when you are back?",
        "arctan2 gives the angle of each corner. Append the first at the end, take differences, and bring each into "
        "[-π, π): (turn + π) % (2π) - π.",
        "int(np.rint(turn.sum() / (2 * np.pi)))",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def augment(x, p):
    """x with p zeros appended to each row. x: (n, d). p: int >= 0. Returns an array (n, d + p) of x's dtype."""
    return np.concatenate([x, np.zeros((len(x), p), x.dtype)], axis=1)


def check_augment(augment):
    rng = np.random.default_rng(92)
    for (n, d), p, dtype in (((3, 3), 2, float), ((5, 2), 1, float), ((4, 1), 1, np.float32), ((2, 4), 0, float)):
        x = rng.normal(size=(n, d)).astype(dtype)
        expected = np.concatenate([x, np.zeros((n, p), dtype)], axis=1)
        mistakes = {
            "The zeros go after x, not before it.": np.concatenate([np.zeros((n, p), dtype), x], axis=1),
            "These are ones. The new components begin at 0.": np.concatenate([x, np.ones((n, p), dtype)], axis=1),
            "x is unchanged: append p zeros to each row.": x,
            "The zeros are new rows (more samples). They are to be new columns.": np.concatenate(
                [x, np.zeros((p, d), dtype)]
            ),
            "One column was appended; p are wanted.": np.concatenate([x, np.zeros((n, 1), dtype)], axis=1),
            "The new components repeat x. They begin at 0.": np.concatenate([x, x[:, :p]], axis=1),
        }
        got = augment(x, p)
        for text, value in mistakes.items():
            if np.shape(got) != expected.shape and np.shape(value) == np.shape(got) and np.allclose(got, value):
                raise Wrong(text)
        same_values(got, expected, 0.0, "the array", mistakes)
    return "Right for four shapes, in float64 and float32, and for p = 0."


augment = Exercise(
    augment,
    check_augment,
    hints=(
        "np.concatenate joins arrays along an axis. Which shape must the zeros have, and which axis is it?",
        "np.zeros((len(x), p), x.dtype) has a row for each sample.",
        "return np.concatenate([x, np.zeros((len(x), p), x.dtype)], axis=1)",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def turning_field(t, z):
    """A field of the plane whose flow takes (x, 0) at time 0 to (-x, 0) at time 1. t: float. z: (2,). Returns (2,)."""
    return np.pi * np.array([-z[1], z[0]])


def check_turning_field(turning_field):
    rng = np.random.default_rng(93)
    xs = [1.0, -1.0, 0.0, *rng.uniform(-3, 3, size=5).tolist()]
    for x in xs:
        z = np.array([x, 0.0])
        slope = as_array(turning_field(0.0, z.copy()), "the slope")
        if slope.shape != (2,):
            raise Wrong(f"the slope has shape {slope.shape}; (2,) was expected.")
        if not np.all(np.isfinite(slope)):
            raise Wrong(f"the slope at {z.tolist()} is not finite.")
    for x in xs:
        sol = nodekit.solve(turning_field, np.array([x, 0.0]), (0.0, 1.0), rtol=1e-8, atol=1e-10, throw=False)
        if not sol.success:
            raise Wrong(
                f"The solve from ({x:.3g}, 0) ends at t = {sol.t[-1]:.3g}: {sol.status.name}. "
                "The field must be smooth on the whole way."
            )
        end, wanted = sol.y[-1], np.array([-x, 0.0])
        if np.allclose(end, wanted, atol=1e-5 * max(1, abs(x))):
            continue
        size = np.hypot(*end)
        if np.abs(sol.y[:, 1]).max() < 1e-9 and x:
            raise Wrong(
                f"From ({x:.3g}, 0) the solution stays on the line, and ends at ({end[0]:.3g}, 0). "
                "On a line there is no way around: use the second dimension."
            )
        if abs(size - abs(x)) < 1e-4 * abs(x):
            angle = np.degrees(np.arctan2(end[1], end[0]) - np.arctan2(0.0, x)) % 360
            raise Wrong(f"It turns, but ends after {angle:.0f} degrees (modulo 360) at time 1; 180 are wanted.")
        raise Wrong(f"({x:.3g}, 0) goes to ({end[0]:.4g}, {end[1]:.4g}) at time 1; ({-x:.3g}, 0) is wanted.")
    return f"{len(xs)} points went around to the other side."


turning_field = Exercise(
    turning_field,
    check_turning_field,
    hints=(
        "Half a turn about the origin takes (x, 0) to (-x, 0), and nobody meets anybody on the way.",
        "z' = ω (-z₂, z₁) turns by the angle ω t. Which ω makes half a turn in time 1?",
        "return np.pi * np.array([-z[1], z[0]])",
    ),
)


# ---- 5 -------------------------------------------------------------------------------------------------


def lifting_field(t, z):
    """A smooth field of space under which, at time 1, z₃ is below 0 for all points that started as (x₁, x₂, 0) in the
    disk |x| < 0.5, and above 0 for those of the annulus 1 < |x| < 1.5. t: float. z: (3,). Returns (3,).
    """
    return np.array([0.0, 0.0, z[0] ** 2 + z[1] ** 2 - 0.5])


def check_lifting_field(lifting_field):
    rng = np.random.default_rng(94)
    angles = rng.uniform(0, 2 * np.pi, size=24)
    for i, angle in enumerate(angles):
        inside = i % 2 == 0
        radius = [0.0, 0.499, 0.3, 0.4][i // 2 % 4] if inside else [1.001, 1.499, 1.2, 1.4][i // 2 % 4]
        x = radius * np.array([np.cos(angle), np.sin(angle)])
        slope = as_array(lifting_field(0.0, np.array([*x, 0.0])), "the slope")
        if slope.shape != (3,):
            raise Wrong(f"the slope has shape {slope.shape}; (3,) was expected.")
        if not np.all(np.isfinite(slope)):
            raise Wrong(f"the slope at {[*x.round(3).tolist(), 0.0]} is not finite.")
        start = np.array([*x, 0.0])
        sol = nodekit.solve(lifting_field, start, (0.0, 1.0), rtol=1e-6, atol=1e-8, throw=False)
        if not sol.success:
            raise Wrong(
                f"The solve from {start.round(3).tolist()} ends at t = {sol.t[-1]:.3g}: {sol.status.name}. "
                "Smooth fields do not jump; let z₃ rise at a rate that depends on |x| smoothly."
            )
        # A smooth field is solved in a few steps; a jump across a radius is not.
        height = sol.y[-1, 2]
        where = f"A point of the {'disk' if inside else 'annulus'}, at |x| = {radius:.4g},"
        if abs(height) < 1e-6:
            raise Wrong(f"{where} ends at z₃ = {height:.2g}: nothing lifts it.")
        if bool(height < 0) is not inside:
            turned = " Is the sign turned?" if radius in (0.0, 1.499) else ""
            raise Wrong(f"{where} ends at z₃ = {height:.3g}, on the wrong side.{turned}")
    for t, angle in ((0.0, 0.0), (0.0, 2.0), (0.7, 4.0)):
        radius = jump(lambda r, t=t, w=angle: lifting_field(t, r * np.array([np.cos(w), np.sin(w), 0.0])))
        if radius is not None:
            raise Wrong(f"Your field jumps at |x| = {radius:.3g}. A flow needs a smooth one (lesson 02).")
    return f"{len(angles)} points of disk and annulus on their own sides of the plane z₃ = 0."


def jump(value, low=0.4, high=1.1, cells=201):
    """Where value(r) jumps between low and high, or None: the cell with the largest change, cut in two 30 times."""
    radii = np.linspace(low, high, cells)
    values = [np.array(value(r), float) for r in radii]
    i = int(np.argmax([np.abs(b - a).max() for a, b in pairwise(values)]))
    (a, b), (at_a, at_b) = radii[i : i + 2], values[i : i + 2]
    for _ in range(30):
        middle = (a + b) / 2
        at_middle = np.array(value(middle), float)
        if np.abs(at_middle - at_a).max() > np.abs(at_b - at_middle).max():
            b, at_b = middle, at_middle
        else:
            a, at_a = middle, at_middle
    return middle if np.abs(at_b - at_a).max() > 1e-3 else None


lifting_field = Exercise(
    lifting_field,
    check_lifting_field,
    hints=(
        "Let x₁ and x₂ stay where they are. Then z₃ at time 1 is simply its rate, which may depend on x₁ and x₂.",
        "You need a smooth function of (x₁, x₂) that is negative for |x| < 0.5 and positive for |x| > 1.",
        "return np.array([0.0, 0.0, z[0] ** 2 + z[1] ** 2 - 0.5])",
    ),
)

quiz = Quiz(
    Question(
        "Why can the flow of x' = f(t, x) on the line not take 1 to -1 and -1 to 1?",
        {
            "a": "f is a network with finitely many neurons, and no such network is exact at both points.",
            "b": "The two trajectories would have to meet, and then they would agree for ever.",
            "c": "The solver's steps are too long.",
            "d": "f does not depend on t.",
        },
        "b",
        {
            "a": "The theorem holds for any f that is Lipschitz in x: networks have no part in its proof.",
            "b": "Their difference would change its sign, so be 0 at some time; by uniqueness it is then always 0.",
            "c": "It is about the exact flow. Too long steps can even break the order, as in section 2.",
            "d": "It may depend on t: the proof does not care.",
        },
    ),
    Question(
        "A residual block x + f(x) on the line, with f(x) = -2x, does take 1 to -1. Is that a contradiction?",
        {
            "a": "No: this step turns the order around, so it is not the flow of anything.",
            "b": "Yes: a ResNet is an ODE.",
            "c": "No: f(x) = -2x is not Lipschitz, and the theorem asks for a Lipschitz field.",
        },
        "a",
        {
            "a": "A step is sure to keep the order if hΛ < 1. Here hΛ = 2, and 1 + h f' = -1.",
            "b": "A block is an Euler step of an ODE. It shares the flow's properties only if the step is short.",
            "c": "It is, with the constant 2.",
        },
    ),
    Question(
        "A flow of the plane carries a circle and its centre along. Where does the centre's image lie?",
        {
            "a": "Inside the image of the circle.",
            "b": "Anywhere, if the network is wide enough.",
            "c": "On the image of the circle, if the flow is strong enough.",
        },
        "a",
        {
            "a": "What a closed curve encloses, a flow of the plane cannot let out: the paths would have to meet.",
            "b": "The width changes the field. But every flow is a homeomorphism, and keeps inside and outside apart.",
            "c": "Then two paths would have met, and uniqueness forbids it.",
        },
    ),
    Question(
        "What do appended zeros change?",
        {
            "a": "The network has more parameters, which is why the loss falls.",
            "b": "The solver takes longer steps, by definition.",
            "c": "The flow is no longer invertible.",
            "d": "Trajectories that would have to cross can now pass each other.",
        },
        "d",
        {
            "a": "Slightly more. But no number of parameters helps without the new dimension: that was the theorem.",
            "b": "Often it does take fewer, since there is less to squeeze; we measured it, and it is no law.",
            "c": "It is: in the larger space. What is thrown away at the end is thrown away by the read-out.",
            "d": "Obstacles of topology in d dimensions need not be obstacles in d + p.",
        },
    ),
    Question(
        "Append a zero y, and let x' = 0 and y' = g(x): then y(1) = g(x(0)), for any continuous g. What is the catch?",
        {
            "a": "It is not a flow.",
            "b": "The field must know the answer: all the work is in g.",
            "c": "It needs infinitely many zeros.",
        },
        "b",
        {
            "a": "It is one, and solved exactly.",
            "b": "Augmentation removes an obstacle. It does not do the learning.",
            "c": "As many as g has components.",
        },
    ),
)
