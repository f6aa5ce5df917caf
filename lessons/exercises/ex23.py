"""Lesson 23, Flow matching: two predictions, four exercises and the quiz."""

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values, several
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "The loss stopped falling at about 6.8, a little more than half of where it began. Now we let 1000 fresh starts "
    "follow the arrows of this field from time 0 to 1. Where do they arrive?",
    {
        "a": "Near the middle of the moons: with so large an error the field can only aim at the average.",
        "b": "On the moons.",
        "c": "Around the moons, in a cloud that is wider by about the root of 6.8.",
        "d": "Nowhere in particular: a field with such a loss has learned next to nothing.",
    },
    answer="b",
    explain={
        "a": "It aims at an average at the beginning. But it is asked again on the way, at every time, and later it "
        "can tell more and more of the ends apart.",
        "b": "The loss cannot fall to 0, because it asks for two velocities in one place. What it can fall to is the "
        "field whose flow does what we want.",
        "c": "The error of the loss is the scatter of the velocities around their mean. The points follow the mean, "
        "and do not scatter.",
        "d": "A loss must be compared with the least that it can be, and that is not 0 here.",
    },
)

second_guess = Prediction(
    "The field was trained on straight lines. A single Euler step of size 1 follows a straight line exactly. Where "
    "does one Euler step of the perfect field, from time 0, take a start x?",
    {
        "a": "Onto the moons: a straight line needs no second step.",
        "b": "To the mean of all ends, the same point for every x.",
        "c": "To the part of the moons that is nearest to x.",
        "d": "Past the moons, since the field is too fast at the beginning.",
    },
    answer="b",
    explain={
        "a": "The pairs walk straight. The points that follow the mean of their velocities do not.",
        "b": "At time 0 nothing is known of the end: the mean of x1 - x over all ends is their mean minus x.",
        "c": "The pairs were drawn independently, so at x every end is as likely as anywhere else.",
        "d": "The mean velocity at time 0 is the mean end minus x: it leads to the mean end, not past it.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def weighted_mean_velocity(t, x, ends, weights):
    """The mean velocity of all walkers that are at x at time t, whose starts are standard normal in d dimensions.

    A walker's end is ends[j] with the probability weights[j], and says nothing of its start.
    t: float in [0, 1). x: (n, d). ends: (m, d). weights: (m,), positive, of sum 1. Returns (n, d).
    """
    starts = (x[:, None] - t * ends) / (1 - t)
    exponent = np.log(weights) - 0.5 * np.sum(starts**2, axis=-1)
    share = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    share = share / share.sum(axis=1, keepdims=True)
    return np.sum(share[..., None] * (ends - starts), axis=1)


def check_weighted_mean_velocity(weighted_mean_velocity):
    rng = np.random.default_rng(232)
    for case, (n, m, d, t) in enumerate(
        ((4, 3, 2, 0.4), (2, 5, 3, 0.7), (3, 2, 1, 0.0), (3, 4, 3, 0.9), (2, 3, 2, 0.9))
    ):
        ends, weights = 1 + 1.5 * rng.normal(size=(m, d)), rng.uniform(0.2, 1.0, size=m)
        weights = weights / weights.sum()
        x = rng.normal(size=(n, d)) * (1 - t) + t * ends[rng.integers(m, size=n)]
        if case == 4:
            x = x + 12.0  # so far away that every exponential is 0
        starts = (x[:, None] - t * ends) / (1 - t)

        def mean(log_share, velocity=ends - starts):
            share = np.exp(log_share - log_share.max(axis=1, keepdims=True))
            share = share / share.sum(axis=1, keepdims=True)
            return np.sum(share[..., None] * velocity, axis=1)

        square, log_w = np.sum(starts**2, axis=-1), np.log(weights)
        right = mean(log_w - 0.5 * square)
        towards = np.broadcast_to(ends, starts.shape)
        mistakes = {
            "The weights are missing: a frequent end sends more walkers past x.": mean(-0.5 * square),
            "Every end counts as if it were as likely at x as anywhere. Which starts pass through x?": mean(
                np.broadcast_to(log_w, square.shape)
            ),
            "This is the mean end of the walkers at x. Their velocity is end minus start.": mean(
                log_w - 0.5 * square, towards
            ),
            "This is the mean end minus x. There is only the time 1 - t left to get there.": mean(
                log_w - 0.5 * square, towards - x[:, None]
            ),
            "The velocity has the opposite sign: it leads from the start to the end.": -right,
            "The ½ in the exponent of the normal density is missing.": mean(log_w - square),
            "The walkers at x from the end y started at (x - t y)/(1 - t): the 1 - t is missing in the exponent.": mean(
                log_w - 0.5 * np.sum((x[:, None] - t * ends) ** 2, axis=-1)
            ),
            "You took the density of the end at x itself: compare x with t times the end.": mean(
                log_w - 0.5 * np.sum((x[:, None] - ends) ** 2, axis=-1)
            ),
        }
        got = as_array(weighted_mean_velocity(t, x, ends, weights), "the velocity")
        if case == 4 and got.shape == (n, d) and not np.all(np.isfinite(got)):
            raise Wrong(
                "Far from all ends every exponential is 0, and 0/0 is no number. Subtract the largest exponent in each "
                "row before you take the exponential: the shares stay what they are."
            )
        same_values(got, right, 1e-8, f"the velocity, for d = {d} and t = {t},", mistakes)
    return "Right in 1, 2 and 3 dimensions, at time 0 too, and far away from all ends."


weighted_mean_velocity = Exercise(
    weighted_mean_velocity,
    check_weighted_mean_velocity,
    hints=(
        "A walker at x at time t with the end y came from the start (x - t y)/(1 - t). The density of that start, "
        "times the weight of y, says how many such walkers there are.",
        "starts = (x[:, None] - t * ends) / (1 - t) is (n, m, d). The shares are weights * exp(-½ |starts|²), "
        "divided by their sum over the ends. Each walker's velocity is its end minus its start.",
        "e = np.log(weights) - 0.5 * np.sum(starts**2, axis=-1); share = np.exp(e - e.max(axis=1, keepdims=True)); "
        "share /= share.sum(axis=1, keepdims=True); return np.sum(share[..., None] * (ends - starts), axis=1)",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def bend(t, path):
    """The mean over n paths of energy minus cost, of paths that are straight between the times of t.

    t: (k + 1,), increasing from 0 to 1, in steps that need not be equal. path: (k + 1, n, d), the points at these
    times. The energy is the integral of |velocity|², the cost is |end - start|². Returns float >= 0.
    """
    h = np.diff(t)[:, None]
    energy = np.sum(np.sum(np.diff(path, axis=0) ** 2, axis=-1) / h, axis=0)
    cost = np.sum((path[-1] - path[0]) ** 2, axis=-1)
    return float(np.mean(energy - cost))


def check_bend(bend):
    rng = np.random.default_rng(233)
    for k, n, d in ((4, 3, 2), (6, 5, 3), (1, 2, 2), (5, 1, 1)):
        h = rng.uniform(0.3, 1.7, size=k)
        t = np.concatenate([[0.0], np.cumsum(h)]) / h.sum()
        t[-1] = 1.0
        h = np.diff(t)[:, None]
        path = np.cumsum(rng.normal(size=(k + 1, n, d)) * 0.7 + 0.5, axis=0)
        square = np.sum(np.diff(path, axis=0) ** 2, axis=-1)
        energy, cost = np.sum(square / h, axis=0), np.sum((path[-1] - path[0]) ** 2, axis=-1)
        length = np.sum(np.sqrt(square), axis=0)
        value = as_array(bend(t, path), "the bend")
        if value.shape != ():
            raise Wrong(f"the bend has shape {value.shape}; one number was expected, the mean over the paths.")
        mistakes = {
            "This is the energy. Subtract the cost |end - start|².": energy.mean(),
            "The sign is turned: the energy is never below the cost.": (cost - energy).mean(),
            "This is the sum over the paths. The mean is asked for.": (energy - cost).sum(),
            "The steps are not equal: step i takes the time t[i + 1] - t[i].": (k * square.sum(0) - cost).mean(),
            "|Δx|² is not yet the energy of a step: the velocity is Δx/Δt, and it lasts for Δt.": (
                square.sum(0) - cost
            ).mean(),
            "The velocity Δx/Δt lasts for Δt: its square is to be multiplied by Δt.": (
                np.sum(square / h**2, axis=0) - cost
            ).mean(),
            "Each piece counts for its own time: multiply by t[i + 1] - t[i], do not average over the pieces.": (
                np.mean(square / h**2, axis=0) - cost
            ).mean(),
            "This is the square of the path's length minus the cost. At uneven speed the energy is more.": (
                length**2 - cost
            ).mean(),
            "The mean over the components was taken. |·|² is the sum over them.": (energy - cost).mean() / d,
            "Average energy minus cost over the paths: you took the distance of the mean points.": energy.mean()
            - np.sum((path[-1] - path[0]).mean(0) ** 2),
        }
        same_values(value, np.float64((energy - cost).mean()), 1e-9, "the bend", mistakes)
    return "Right for 4 bundles of random paths with uneven steps, and 0 for a single straight step."


bend = Exercise(
    bend,
    check_bend,
    hints=(
        "On a straight piece the velocity is constant: Δx/Δt. How long does it last, and what is the integral of its "
        "square over that time?",
        "The energy of a piece is |Δx|²/Δt. Sum over the pieces, subtract |end - start|², and average over the paths.",
        "energy = np.sum(np.sum(np.diff(path, axis=0)**2, axis=-1) / np.diff(t)[:, None], axis=0); "
        "return np.mean(energy - np.sum((path[-1] - path[0])**2, axis=-1))",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def curved_path(x0, x1, t):
    """Where a walker is at time t who goes from x0 to x1 as cos(πt/2) x0 + sin(πt/2) x1, and its velocity there.

    x0, x1: (n, d). t: (n, 1), a time in [0, 1] for each pair. Returns x (n, d) and the velocity (n, d).
    """
    angle = np.pi * t / 2
    x = np.cos(angle) * x0 + np.sin(angle) * x1
    return x, np.pi / 2 * (np.cos(angle) * x1 - np.sin(angle) * x0)


def check_curved_path(curved_path):
    rng = np.random.default_rng(231)
    got, right, mistakes = ([], []), ([], []), {}
    for n, d in ((4, 3), (1, 1), (5, 2)):
        x0, x1, t = rng.normal(size=(n, d)), 1 + 2 * rng.normal(size=(n, d)), rng.uniform(0.1, 0.9, size=(n, 1))
        found = several(curved_path(x0, x1, t), ("x", "velocity"))
        c, s = np.cos(np.pi * t / 2), np.sin(np.pi * t / 2)
        x, v = c * x0 + s * x1, np.pi / 2 * (c * x1 - s * x0)
        for place, name, expected in ((0, "x", x), (1, "the velocity", v)):
            each = as_array(found[place], name)
            if each.shape != (n, d):
                raise Wrong(f"{name} has shape {each.shape}; ({n}, {d}) was expected.")
            got[place].append(each.ravel())
            right[place].append(expected.ravel())
        for text, wrong in {
            "This is the velocity of the straight path, x1 - x0. Differentiate the curved one by t.": x1 - x0,
            "The inner derivative π/2 is missing in the velocity.": 2 / np.pi * v,
            "The velocity has the opposite sign.": -v,
            "The derivative of the cosine is minus the sine: a sign is wrong in the velocity.": np.pi
            / 2
            * (c * x1 + s * x0),
            "The cosine and the sine of the velocity are swapped: the derivative of the sine is the cosine.": np.pi
            / 2
            * (s * x1 - c * x0),
            "The inner derivative of πt/2 is π/2, not π.": 2 * v,
            "This is where the walker is, not how fast it goes.": x,
        }.items():
            mistakes.setdefault(text, []).append(wrong.ravel())
    swapped = {"The walker has to be at x0 at time 0, and at x1 at time 1.": []}
    for text in swapped:
        rng = np.random.default_rng(231)
        for n, d in ((4, 3), (1, 1), (5, 2)):
            x0, x1, t = rng.normal(size=(n, d)), 1 + 2 * rng.normal(size=(n, d)), rng.uniform(0.1, 0.9, size=(n, 1))
            swapped[text].append((np.sin(np.pi * t / 2) * x0 + np.cos(np.pi * t / 2) * x1).ravel())
    same_values(np.concatenate(got[0]), np.concatenate(right[0]), 1e-9, "x", joined(swapped))
    same_values(np.concatenate(got[1]), np.concatenate(right[1]), 1e-6, "the velocity", joined(mistakes))
    return "Position and velocity are right for 10 pairs, in 1, 2 and 3 dimensions."


def joined(mistakes):
    """The parts of each mistake as one array."""
    return {text: np.concatenate(parts) for text, parts in mistakes.items()}


curved_path = Exercise(
    curved_path,
    check_curved_path,
    hints=(
        "The velocity is the derivative of the position by t, with x0 and x1 held fixed.",
        "The derivative of cos(πt/2) is -π/2 sin(πt/2). That of sin(πt/2) is π/2 cos(πt/2).",
        "c, s = np.cos(np.pi * t / 2), np.sin(np.pi * t / 2); return c * x0 + s * x1, np.pi / 2 * (c * x1 - s * x0)",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def square_root(S):
    """The symmetric root of a symmetric matrix without negative eigenvalues. S: (d, d). Returns (d, d)."""
    values, vectors = np.linalg.eigh(S)
    return vectors @ np.diag(np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def gaussian_distance(m0, S0, m1, S1):
    """W2², the least mean of |x1 - x0|² over all pairings of N(m0, S0) with N(m1, S1).

    m0, m1: (d,). S0, S1: (d, d), symmetric and positive definite. Returns float >= 0.
    """

    def root(S):
        values, vectors = np.linalg.eigh(S)
        return vectors @ np.diag(np.sqrt(np.maximum(values, 0.0))) @ vectors.T

    half = root(S0)
    return float(np.sum((m1 - m0) ** 2) + np.trace(S0 + S1 - 2 * root(half @ S1 @ half)))


def check_gaussian_distance(gaussian_distance):
    rng = np.random.default_rng(234)
    for d in (2, 1, 3, 4):
        (m0, m1), (A, B) = rng.normal(size=(2, d)), rng.normal(size=(2, d, d))
        S0, S1 = A @ A.T + 0.1 * np.eye(d), B @ B.T + 0.2 * np.eye(d)
        half = square_root(S0)
        cross, shift = np.trace(square_root(half @ S1 @ half)), np.sum((m1 - m0) ** 2)
        traces = np.trace(S0) + np.trace(S1)
        right = shift + traces - 2 * cross
        mistakes = {
            "This is W2. Its square is asked for.": np.sqrt(right),
            "The means are missing: |m1 - m0|² is part of it.": traces - 2 * cross,
            "The distance of the means is to be squared.": np.sqrt(shift) + traces - 2 * cross,
            "This is the cost of independent pairs. The best pairing saves 2 tr (S0^½ S1 S0^½)^½.": shift + traces,
            "The factor 2 is missing: |x1 - x0|² has 2 x0·x1 in it.": shift + traces - cross,
            "The outer root is missing: (S0^½ S1 S0^½)^½.": shift + traces - 2 * np.trace(half @ S1 @ half),
        }
        if d > 1:
            product, entries = np.trace(half @ square_root(S1)), np.trace(np.sqrt(S0 + 0j) @ np.sqrt(S1 + 0j)).real
            mistakes |= {
                "S0^½ S1^½ is right only where S0 and S1 commute.": shift + traces - 2 * product,
                "np.sqrt takes the root of each entry. The root of a matrix R is one with R R = S.": shift
                + traces
                - 2 * entries,
            }
        value = as_array(gaussian_distance(m0, S0, m1, S1), "W2²")
        if value.shape != ():
            raise Wrong(f"W2² has shape {value.shape}; one number was expected.")
        same_values(value, np.float64(right), 1e-6, "W2²", mistakes)
    return "Right for 4 random pairs of Gaussians, in 1 to 4 dimensions."


gaussian_distance = Exercise(
    gaussian_distance,
    check_gaussian_distance,
    hints=(
        "With y = A(x - m0) + m1 and A symmetric, E|y - x|² = |m1 - m0|² + tr(S0 + S1 - 2 A S0). Insert A.",
        "A S0 has the trace of (S0^½ S1 S0^½)^½. The root of a symmetric S comes from its eigenvalues: np.linalg.eigh.",
        "values, vectors = np.linalg.eigh(S); root = vectors @ np.diag(np.sqrt(values)) @ vectors.T; "
        "return np.sum((m1 - m0)**2) + np.trace(S0 + S1 - 2 * root_of(half @ S1 @ half)), with half the root of S0",
    ),
)


quiz = Quiz(
    Question(
        "The loss of flow matching stops at 6.8 and does not fall further. What does this number tell?",
        {
            "a": "How far the samples are from the data, on average.",
            "b": "How much the velocities of the walkers scatter around their mean, if the field is that mean.",
            "c": "That the net is too small or was trained too briefly: a larger one, trained longer, would bring it "
            "to 0.",
        },
        "b",
        {
            "a": "Independent pairs gave 6.8 and good samples. With the cheapest pairs the loss is near 0.3, and the "
            "samples are about as good.",
            "b": "No field can have less. What is left to learn is the loss minus this floor.",
            "c": "A field has one velocity at each place and time. Where two walkers meet, no net can give both.",
        },
    ),
    Question(
        "Why does the mean velocity carry the starts to the right ends, although no walker moves with it?",
        {
            "a": "Because the walkers' lines do not cross, for almost all pairs.",
            "b": "Because in the change of any average over the walkers the velocity enters only through its mean at "
            "each place.",
            "c": "Because the mean of the ends is the end of the mean.",
        },
        "b",
        {
            "a": "They cross all the time. That is why the paths of the flow are not the walkers' lines.",
            "b": "So the walkers and the points of the flow are distributed alike at every time, though who is where "
            "differs.",
            "c": "All points would then arrive at one place. They do so only after a single step of size 1.",
        },
    ),
    Question(
        "After a reflow the paths are straight. Are they those of optimal transport?",
        {
            "a": "Yes: the paths of optimal transport are straight.",
            "b": "Not in general: straight paths can still lead to the wrong partners.",
            "c": "In the limit of infinitely many reflows, each of which makes the pairs a little cheaper.",
        },
        "b",
        {
            "a": "That is true, and its converse is not. The line from each start to its end may be straight for many "
            "pairings.",
            "b": "In the measured rows reflow straightened the paths and left a cost well above that of the cheapest "
            "pairing.",
            "c": "Once the paths are straight, a further reflow changes nothing, however expensive the pairs are.",
        },
    ),
    Question(
        "What does minibatch optimal transport pair?",
        {
            "a": "The starts and the data of one batch, at the least cost within that batch.",
            "b": "Each start with the datum that optimal transport between the two distributions gives it.",
            "c": "Each start with its nearest datum.",
        },
        "a",
        {
            "a": "It is cheap, and biased for small batches: another batch would give a start another partner.",
            "b": "That is the limit of very large batches.",
            "c": "Then some data would have many partners and others none, and the ends would not be the data.",
        },
    ),
    Question(
        "A field was trained by flow matching. What does the likelihood of a datum under its flow cost?",
        {
            "a": "Nothing: it comes out of the loss.",
            "b": "One evaluation of the field.",
            "c": "A solve from the datum back to time 0, with the trace, as for every CNF.",
        },
        "c",
        {
            "a": "The loss is a mean square of velocities, and no likelihood.",
            "b": "That is a step of training.",
            "c": "Training needs no solve. Scoring needs one, and the score was not what was trained.",
        },
    ),
)
