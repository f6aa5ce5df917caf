"""Lesson 04, Adaptive computation: two predictions, five exercises and the quiz."""

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, as_array, random_field, same_values, several, slope
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.methods.explicit import METHODS
from nodekit.stepping import control
from nodekit.stepping.step import runge_kutta_step

first_guess = Prediction(
    "An adaptive method of order 5 solves a smooth problem at the tolerance 1e-6. You then ask for 1e-11, a tolerance "
    "100,000 times as tight. How many times as many evaluations of f does it take?",
    {
        "a": "About 5 times: one more portion for each digit.",
        "b": "About 10 times.",
        "c": "About 300 times: the square root of 100,000.",
        "d": "About 100,000 times: the error must be divided by that.",
    },
    answer="b",
    explain={
        "a": "Each digit multiplies the work, by 10 to the power 1/5 = 1.6. It does not add to it.",
        "b": "The estimated error goes with h to the power 5, so h need only be 100,000^(1/5) = 10 times as short.",
        "c": "That is what a pair of orders 2 and 1 would take, whose estimate goes with the square of h.",
        "d": "The error of a step falls much faster than its length: with the power 5.",
    },
)

second_guess = Prediction(
    "64 van der Pol oscillators start at random places. Each alone takes about 295 attempted steps, and the most "
    "demanding one 317. Now they are solved as one batch, one state of 128 numbers, with one step size for all. How "
    "many steps are attempted?",
    {
        "a": "About 295: the error is averaged over the batch.",
        "b": "About 320: the most demanding one sets the pace.",
        "c": "About 1300, four times as many as the most demanding one needs.",
        "d": "About 19,000: the steps of all 64 are added up.",
    },
    answer="c",
    explain={
        "a": "What is averaged are the squares: one sample with a large error is enough to shorten the step of all.",
        "b": "It is not always the same one. At nearly every moment some sample is in its fast phase.",
        "c": "Each needs short steps for a short time, at a time of its own. The batch needs them nearly always.",
        "d": "A step serves all 64. But it must suit whichever of them is in its fast phase.",
    },
)


def clue(got, mistakes):
    """The message of the mistake whose value `got` equals, or an empty string."""
    return next((text for text, value in mistakes.items() if np.allclose(got, value, rtol=1e-9, atol=1e-12)), "")


def number(value, what):
    """The value as a float; Wrong if it is an array or no number."""
    value = as_array(value, what)
    if value.shape != () or value.dtype.kind not in "fiu":
        raise Wrong(f"{what} has shape {value.shape}; one real number was expected.")
    return np.float64(value)


# ---- 1 -------------------------------------------------------------------------------------------------


def heun_pair(f, t, x, h):
    """Heun's step from (t, x), and the estimate that Euler's method gives with it: higher order minus lower.

    Two evaluations of f: the methods share their slopes. f: function (t, x) -> (d,). t: float. x: (d,).
    h: float, negative to go back. Returns two arrays: x at t + h (d,), the estimate (d,).
    """
    k1 = f(t, x)
    k2 = f(t + h, x + h * k1)
    return x + h * (k1 + k2) / 2, h * (k2 - k1) / 2


def check_heun_pair(heun_pair):
    sizes, estimates = 0.2 / 2.0 ** np.arange(5), []
    for seed in range(6):
        f, x = random_field(seed)
        rng, calls = np.random.default_rng(400 + seed), []
        t, h = float(rng.uniform(-1.0, 1.0)), float(rng.uniform(0.1, 0.8)) * (1, 1, -1)[seed % 3]

        def counted(t, x, f=f, calls=calls):
            calls.append(t)
            return f(t, x)

        k1 = f(t, x)
        k2 = f(t + h, x + h * k1)
        heun = x + h * (k1 + k2) / 2
        got, error = several(heun_pair(counted, t, x, h), ["x1", "error"])
        first = {
            "The first result is Euler's step. Go on with the better of the two, Heun's.": x + h * k1,
            "The two results are swapped: first the new x, then the estimate.": h * (k2 - k1) / 2,
            "The second slope is taken at t. Heun takes it at t + h.": x + h * (k1 + f(t, x + h * k1)) / 2,
            "The second slope is taken at the old x.": x + h * (k1 + f(t + h, x)) / 2,
            "You add the two slopes. Heun follows their average.": x + h * (k1 + k2),
        }
        if h < 0:
            late = f(t - h, x - h * k1)
            first["A negative h goes back in time. Your step goes forward, whatever its sign."] = (
                x - h * (k1 + late) / 2
            )
        same_values(got, heun, 1e-13, "the new x", first)
        second = {
            "The estimate is Euler minus Heun. Agree on a sign: higher order minus lower.": h * (k1 - k2) / 2,
            "The estimate lost its 1/2: subtract the two new states, not the slopes.": h * (k2 - k1),
            "The estimate lost its h: it is a difference of states, not of slopes.": (k2 - k1) / 2,
            "The estimate is a difference of slopes, k2 - k1. Subtract the two new states.": k2 - k1,
            "The estimate has lost its signs. Keep them; the norm comes later.": np.abs(h * (k2 - k1) / 2),
            "The estimate is x1 - x, how far the step goes. Subtract Euler's result from Heun's.": heun - x,
            "The estimate is one number; each component needs its own. The norm comes later.": np.linalg.norm(
                h * (k2 - k1) / 2
            ),
        }
        same_values(error, h * (k2 - k1) / 2, 1e-13, "the estimate", second)
        if len(calls) > 2:
            raise Wrong(
                f"Right values, but f was evaluated {len(calls)} times; two are enough: both methods begin with k1."
            )
        estimates.append([np.linalg.norm(as_array(heun_pair(f, t, x, h_i)[1])) for h_i in sizes])
    order = slope(sizes, np.sqrt(np.mean(np.square(estimates), axis=0)))
    return f"Heun's step on 6 random fields, with an estimate that falls like h^{order:.2f}."


heun_pair = Exercise(
    heun_pair,
    check_heun_pair,
    hints=(
        "Both methods begin with k1. Which of Heun's two slopes does Euler's method use?",
        "Heun: x + h (k1 + k2) / 2. Euler: x + h k1. Subtract: x drops out, and half of k1 is left.",
        "return x + h * (k1 + k2) / 2, h * (k2 - k1) / 2",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def heun_attempt(f, t, x, h, rtol, atol):
    """One attempted step of Heun's pair: measure, accept or reject, and choose the next step size.

    f: function (t, x) -> (d,). t: float. x: (d,). h: float, negative to go back. rtol, atol: float.
    The step is accepted if its error ratio is at most 1. The next step size is h times 0.9 ratio^(-1/2), with the
    factor kept within 0.2 and 10, whether accepted or not. If the ratio is NaN: rejected, and 0.2 h is next.
    Returns three things, after the attempt: t (float), x (d,), h (float).
    """
    k1 = f(t, x)
    k2 = f(t + h, x + h * k1)
    x1, error = x + h * (k1 + k2) / 2, h * (k2 - k1) / 2
    ratio = np.sqrt(np.mean((error / (atol + rtol * np.maximum(np.abs(x), np.abs(x1)))) ** 2))
    next_h = h * max(0.2, min(0.9 * ratio**-0.5, 10.0))
    return (t + h, x1, next_h) if ratio <= 1 else (t, x, next_h)


def check_heun_attempt(heun_attempt):
    rng, rows, parts = np.random.default_rng(46), [], []
    for seed, target in enumerate((0.03, 3.0, 0.62, 1.2, 0.97, 40.0, 1e-5, 0.6)):
        f, x = random_field(seed)
        t, h, calls = float(rng.uniform(-1, 1)), float(rng.uniform(0.1, 0.5)) * (1, 1, -1)[seed % 3], []
        tol = np.sqrt(np.mean(ratios_of(f, t, x, h, 1.0, 0.1) ** 2)) / target  # the ratio is the target

        def counted(t, x, f=f, calls=calls):
            calls.append(t)
            return f(t, x)

        got = several(heun_attempt(counted, t, x, h, tol, 0.1 * tol), ["t", "x", "h"])
        if len(calls) > 2:
            raise Wrong(f"f was evaluated {len(calls)} times in one attempt; two are enough: both methods share k1.")
        new_t, new_x, new_h = number(got[0], "t"), as_array(got[1], "x"), number(got[2], "h")
        if new_x.shape != x.shape:
            raise Wrong(f"x has shape {new_x.shape}; {x.shape} was expected.")
        rows.append((new_t, new_x, new_h))
        k1 = f(t, x)
        x1 = x + h * (k1 + f(t + h, x + h * k1)) / 2
        scaled = ratios_of(f, t, x, h, tol, 0.1 * tol)
        of_x, of_x1 = (np.sqrt(np.mean(v**2)) for v in scaled_by(scaled, x, x1, tol, 0.1 * tol))
        root, total, worst = np.sqrt(np.mean(scaled**2)), np.sqrt(np.sum(scaled**2)), np.abs(scaled).max()
        parts.append((t, h, x, x + h * k1, x1, root, total, worst, of_x, of_x1))
    t, h, ratio, total, worst, of_x, of_x1 = (np.array([part[i] for part in parts]) for i in (0, 1, 5, 6, 7, 8, 9))
    ok, next_h = ratio <= 1, h * np.clip(0.9 * ratio**-0.5, 0.2, 10.0)
    times = {
        "Every step was accepted. After one whose ratio is above 1, t stays where it is.": t + h,
        "No step was accepted. After one whose ratio is at most 1, t moves on.": t,
        "The rejected steps move on and the accepted ones stay.": np.where(ok, t, t + h),
        "Your ratio adds the squares. It is the root of their mean.": np.where(total <= 1, t + h, t),
        "Your ratio is the largest entry. It is the root of the mean square.": np.where(worst <= 1, t + h, t),
        "The scale takes the larger of |x| and |x1|: yours takes |x|.": np.where(of_x <= 1, t + h, t),
        "The scale takes the larger of |x| and |x1|: yours takes |x1|.": np.where(of_x1 <= 1, t + h, t),
        "t moved on by the new h. It moves by the h that was tried.": np.where(ok, t + next_h, t),
    }
    same_values(np.array([row[0] for row in rows]), np.where(ok, t + h, t), 1e-13, "t", times)

    def joined(choose):
        return np.concatenate([choose(accepted, *part) for accepted, part in zip(ok, parts, strict=True)])

    states = {
        "After a rejected step t stays where it is, but x moves.": joined(lambda ok, t, h, x, euler, x1, *_: x1),
        "After an accepted step t moves on, but x does not.": joined(lambda ok, t, h, x, *_: x),
        "x follows Euler's step. Go on with Heun's.": joined(lambda ok, t, h, x, euler, *_: euler if ok else x),
    }
    right = joined(lambda ok, t, h, x, euler, x1, *_: x1 if ok else x)
    same_values(np.concatenate([row[1] for row in rows]), right, 1e-13, "x", states)

    def sized(ratio, power=-0.5):
        return h * np.clip(0.9 * ratio**power, 0.2, 10.0)

    sizes = {
        "The scale takes the larger of |x| and |x1|: yours takes |x|.": sized(of_x),
        "The scale takes the larger of |x| and |x1|: yours takes |x1|.": sized(of_x1),
        "h is as it was. The next step size is h times the factor.": h,
        "Only after a rejection is there a new h. An accepted step may be followed by a longer one.": np.where(
            ok, h, next_h
        ),
        "Only after an accepted step is there a new h. A rejected one must be followed by a shorter one.": np.where(
            ok, next_h, h
        ),
        "After a rejection the step is halved. The ratio says by how much to shorten it.": np.where(ok, next_h, h / 2),
        "The factor has to stay within 0.2 and 10.": h * 0.9 * ratio**-0.5,
        "The safety factor 0.9 is missing.": h * np.clip(ratio**-0.5, 0.2, 10.0),
        "The sign of the exponent is turned: a large ratio must shorten the step.": sized(ratio, 0.5),
        "The exponent is -1/2, because the estimate of this pair goes with h².": sized(ratio, -1.0),
        "The exponent is -1/2: this pair's estimate goes with h². Is yours dopri5's?": sized(ratio, -0.2),
        "This is the factor alone. The next step size is h times the factor.": next_h / h,
        "Your ratio adds the squares. It is the root of their mean.": sized(total),
        "Your ratio is the largest entry, not the root mean square.": sized(worst),
    }
    same_values(np.array([row[2] for row in rows]), next_h, 1e-12, "h", sizes)
    on_the_line(heun_attempt)
    into_nan(heun_attempt)
    return (
        f"{ok.sum()} steps accepted and {(~ok).sum()} rejected on random fields, as they should be, and a NaN survived."
    )


def on_the_line(heun_attempt):
    """Check that a ratio of exactly 1 is accepted: slopes of 0 and ±2, a step of 1/2 and the tolerance 1/2."""
    got = several(
        heun_attempt(lambda t, x: np.array([4 * t, -4 * t]), 0.0, np.zeros(2), 0.5, 0.0, 0.5), ["t", "x", "h"]
    )
    if not number(got[0], "t") == 0.5:
        raise Wrong("A step whose ratio is exactly 1 was rejected. It is accepted if its ratio is at most 1.")


def into_nan(heun_attempt):
    """Check a step whose second slope is NaN."""
    x = np.array([1.0, 4.0])
    f = lambda t, x: np.array([-1.0, 0.0]) if x[0] > 0.9 else np.array([np.nan, 1.0])  # noqa: E731
    t, new_x, h = several(heun_attempt(f, 0.3, x, 0.5, 1e-3, 1e-3), ["t", "x", "h"])
    if not (number(t, "t") == 0.3 and np.array_equal(as_array(new_x, "x"), [1.0, 4.0])):
        raise Wrong(
            "A step whose ratio is NaN was accepted. Every comparison with NaN is false: ask whether ratio <= 1, and "
            "reject otherwise. To ask whether ratio > 1 would accept it."
        )
    if not abs(number(h, "h") / 0.1 - 1) < 1e-6:
        raise Wrong(f"After a ratio of NaN with h = 0.5 your next h is {h}; 0.2 h = 0.1 was expected.")


heun_attempt = Exercise(
    heun_attempt,
    check_heun_attempt,
    hints=(
        "Four things happen: the two slopes give the new state and the estimate, as in exercise 1. They give the "
        "ratio. The ratio decides whether t and x move on. And it gives the next h.",
        "error_ratio(error, x, x1, rtol, atol) and factor(ratio, 2) stand above: the estimate of this pair goes with "
        "h squared. Ask whether ratio <= 1.",
        "return (t + h, x1, h * factor(ratio, 2)) if ratio <= 1 else (t, x, h * factor(ratio, 2))",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def hermite(theta, h, x0, k0, x1, k1):
    """The cubic that has the values x0, x1 and the slopes k0, k1 at both ends of a step, at t + theta h.

    theta: float in [0, 1]. h: float. x0, k0, x1, k1: (d,). Returns the state there: (d,).
    """
    straight = x0 + theta * (x1 - x0)
    bend = (1 - 2 * theta) * (x1 - x0) + (theta - 1) * h * k0 + theta * h * k1
    return straight + theta * (theta - 1) * bend


def check_hermite(hermite):
    rng = np.random.default_rng(42)
    for theta in (0.0, 1.0, *rng.uniform(0.1, 0.9, size=6).tolist()):
        d = int(rng.integers(2, 5))
        h = float(rng.uniform(0.3, 0.8)) * (1 if d > 2 else -1)  # a step may go back
        p = rng.normal(size=(4, d))  # a random cubic: exact, of course

        def cubic(s, p=p):
            return p[0] + s * (p[1] + s * (p[2] + s * p[3]))

        def rate(s, p=p):
            return p[1] + s * (2 * p[2] + 3 * s * p[3])

        x0, k0, x1, k1 = cubic(0.0), rate(0.0), cubic(h), rate(h)

        def formula(theta, x0, k0, x1, k1, h):
            bend = (1 - 2 * theta) * (x1 - x0) + (theta - 1) * h * k0 + theta * h * k1
            return x0 + theta * (x1 - x0) + theta * (theta - 1) * bend

        mistakes = {
            "This is the straight line between the ends. The slopes have no part in it.": x0 + theta * (x1 - x0),
            "This follows the first slope alone.": x0 + theta * h * k0,
            "The two slopes are swapped.": formula(theta, x0, k1, x1, k0, h),
            "theta runs from the start to the end: yours runs backward.": formula(1 - theta, x0, k0, x1, k1, h),
            "The slopes are per unit of time: theta runs over a length h, so each needs a factor h.": formula(
                theta, x0, k0, x1, k1, 1.0
            ),
            "Its slope is 0 at both ends. The slopes k0 and k1 have no part in it.": x0
            + theta**2 * (3 - 2 * theta) * (x1 - x0),
            "The sign of the bend is turned: check the slope at theta = 0.": 2 * (x0 + theta * (x1 - x0))
            - formula(theta, x0, k0, x1, k1, h),
            "This is a parabola through x0, x1 with the slope k0: the slope at the end is missing.": x0
            + theta * h * k0
            + theta**2 * (x1 - x0 - h * k0),
        }
        if theta in (0.0, 1.0):
            mistakes = {f"At theta = {theta:.0f} the cubic must be {'x1' if theta else 'x0'}.": np.full(d, np.nan)}
            got = as_array(hermite(theta, h, x0, k0, x1, k1), "the state")
            if got.shape == x0.shape and not np.allclose(got, x1 if theta else x0, atol=1e-12):
                raise Wrong(f"At theta = {theta:.0f} the cubic must be {'x1' if theta else 'x0'}.")
        same_values(hermite(theta, h, x0, k0, x1, k1), cubic(theta * h), 1e-12, "the state", mistakes)
    f, x0 = random_field(1)
    sizes, errors = 0.2 / 2.0 ** np.arange(5), []
    for h in sizes:
        middle = runge_kutta_step(f, 0.0, x0, h / 2, METHODS["dopri5"])[0]
        end = runge_kutta_step(f, h / 2, middle, h / 2, METHODS["dopri5"])[0]
        errors.append(np.linalg.norm(hermite(0.5, h, x0, f(0.0, x0), end, f(h, end)) - middle))
    return (
        f"Exact on 6 random cubics; on a random field its error inside a step falls like h^{slope(sizes, errors):.2f}."
    )


hermite = Exercise(
    hermite,
    check_hermite,
    hints=(
        "Four conditions fix the four coefficients of a cubic in theta. Its slope in theta is h times that in t.",
        "Begin with the straight line x0 + theta (x1 - x0), right at both ends. Add theta (theta - 1) (A + B theta), "
        "which is 0 at both, and choose A and B for the slopes.",
        "Slope at 0: (x1 - x0) - A = h k0. Slope at 1: (x1 - x0) + A + B = h k1. Solve for A and B.",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def first_step(f, t, x, q, rtol, atol):
    """The size of the first step to try, by the recipe of four points. Two evaluations of f.

    f: function (t, x) -> (d,). t: float. x: (d,). q: int, order of the estimate. rtol, atol: float. Returns float.
    """

    def norm(v):
        return np.sqrt(np.mean((v / (atol + rtol * np.abs(x))) ** 2))

    k0 = f(t, x)
    d0, d1 = norm(x), norm(k0)
    h0 = 1e-6 if min(d0, d1) < 1e-5 else 0.01 * d0 / d1
    d2 = norm(f(t + h0, x + h0 * k0) - k0) / h0
    h1 = max(1e-6, 1e-3 * h0) if max(d1, d2) <= 1e-15 else (0.01 / max(d1, d2)) ** (1 / q)
    return min(100 * h0, h1)


def check_first_step(first_step):
    rng, got, expected, mistakes = np.random.default_rng(43), [], [], {}
    for seed in range(8):
        field, x = random_field(seed)
        q, rtol, speed = [2, 3, 5, 8][seed % 4], 10.0 ** -int(rng.integers(2, 9)), 10.0 ** int(rng.integers(-1, 4))
        x, atol, t = x * (seed < 7), 0.1 * rtol, 0.4  # the last one starts at 0

        calls = []

        def f(t, x, field=field, speed=speed, calls=calls):
            calls.append(t)
            return speed * field(t, x)

        weight = atol + rtol * np.abs(x)

        def size(v, weight=weight):
            return np.sqrt(np.mean((v / weight) ** 2))

        h, used = number(first_step(f, t, x, q, rtol, atol), "the first step"), len(calls)
        if seed == 7 and (h == 0 or not np.isfinite(h)):
            raise Wrong(f"At x = 0 your first step is {h}: where d0 or d1 is below 1e-5, step 1 takes 1e-6.")
        got.append(h)
        k0 = f(t, x)
        expected.append(control.first_step(f, t, x, k0, 1e9, q, lambda v, y, size=size: size(v), plain))
        h0 = 0.01 * size(x) / size(k0) if seed < 7 else 1e-6
        d1, jump, stale = size(k0), size(f(t + h0, x + h0 * k0) - k0), size(f(t, x + h0 * k0) - k0)
        d2, root = jump / h0, np.sqrt(len(x))

        def rest(d, e=q, h0=h0):
            return min(100 * h0, (0.01 / d) ** (1 / e))

        for text, value in {
            "d2 has no part in it, or is not divided by h0: it is a second derivative.": rest(max(d1, jump)),
            "The last exponent is 1/(q + 1). Here q is the order of the estimate already.": rest(max(d1, d2), q + 1),
            "This is h0, the first guess. Steps 2 to 4 are missing.": h0,
            "Step 4 allows 100 h0, not h0.": min(h0, (0.01 / max(d1, d2)) ** (1 / q)),
            "Step 4 takes the smaller of the two, not the larger.": max(100 * h0, (0.01 / max(d1, d2)) ** (1 / q)),
            "Step 3 takes the larger of d1 and d2: the smaller would allow too long a step.": rest(min(d1, d2)),
            "Where is 100 h0? Step 4 takes min(100 h0, h1).": (0.01 / max(d1, d2)) ** (1 / q),
            "The second slope is taken at t. It belongs to t + h0.": rest(max(d1, stale / h0)),
            "The norm is the root of the MEAN square; yours adds the squares.": rest(root * max(d1, d2)),
            "The norm divides each component by atol + rtol |x| first. Yours does not.": unscaled(f, t, x, k0, q),
        }.items():
            mistakes.setdefault(text, []).append(value)
    ratios = {text: np.divide(values, expected) for text, values in mistakes.items()}
    same_values(np.divide(got, expected), np.ones(8), 1e-9, "your step / the recipe's", ratios)
    if used > 2:
        raise Wrong(f"Right value, but f was evaluated {used} times; two are enough: keep k0.")
    hardly_moving(first_step)
    return "Equal to nodekit's first step on 8 random fields, on scales from 0.1 to 1000."


def hardly_moving(first_step):
    """Check the sentences in brackets of steps 1 and 3, for fields that are nearly 0, and one that does not change."""
    field, x = random_field(8)
    now = field(0.4, x)
    d1_now = np.sqrt(np.mean((now / (1e-7 + 1e-6 * np.abs(x))) ** 2))
    for d1, steady, expected, advice in (
        (1e-7, False, 1e-4, "d1 is below 1e-5 there, so step 1 takes h0 = 1e-6, and step 4 allows 100 h0."),
        (0.0, False, 1e-6, "d1 and d2 are below 1e-15 there, so step 3 takes h1 = max(1e-6, 1e-3 h0)."),
        (3e-5, True, (0.01 / 3e-5) ** (1 / 5), "d1 is not below 1e-5 there, so h0 is 0.01 d0 / d1; d2 alone is 0."),
        (3e-15, False, 1e-4, "d1 is not below 1e-15 there, so step 3 takes its formula, and step 4 allows 100 h0."),
    ):
        f = lambda t, x, d1=d1, steady=steady: d1 / d1_now * (now if steady else field(t, x))  # noqa: E731
        where = "For a field that is 0" if d1 == 0 else f"For a {'constant ' * steady}field with d1 = {d1:.0e}"
        try:
            h = number(first_step(f, 0.4, x, 5, 1e-6, 1e-7), "the first step")
        except Wrong as error:
            raise Wrong(f"{where}: {error}\n{advice}") from None
        if not abs(h / expected - 1) < 1e-6:
            raise Wrong(f"{where} your first step is {h:.4g}; {expected:.4g} was expected. {advice}")


def unscaled(f, t, x, k0, q):
    """The recipe with the plain root mean square for the norm."""
    d0, d1 = (np.sqrt(np.mean(v**2)) for v in (x, k0))
    h0 = 1e-6 if min(d0, d1) < 1e-5 else 0.01 * d0 / d1
    d2 = np.sqrt(np.mean((f(t + h0, x + h0 * k0) - k0) ** 2)) / h0
    return min(100 * h0, (0.01 / max(d1, d2)) ** (1 / q))


def plain(y, h, weights, k):
    return y + h * k[0]


first_step = Exercise(
    first_step,
    check_first_step,
    hints=(
        "Write the norm first: divide by atol + rtol |x|, then the root of the mean square. All of d0, d1, d2 use it.",
        "d2 = norm(f(t + h0, x + h0 * k0) - k0) / h0: how fast the slope changes, in units of the tolerance.",
        "h1 = (0.01 / max(d1, d2)) ** (1 / q), and the answer is min(100 * h0, h1).",
    ),
)


# ---- 5 -------------------------------------------------------------------------------------------------


def batch_attempt(f, t, x, h, rtol, atol):
    """One attempted step of Heun's pair for each sample of a batch, every sample with its own time and step size.

    f: function (t, x) -> (d, n), of t (n,) and x (d, n). t, h: (n,). x: (d, n). rtol, atol: float.
    A sample is accepted when its own ratio is at most 1. Its next step is h times 0.9 ratio^(-1/2), kept within 0.2
    and 10 times h, whether accepted or not; if its ratio is NaN, it is rejected and its next step is 0.2 h.
    Returns three arrays, after the attempt: t (n,), x (d, n), h (n,).
    """
    k1 = f(t, x)
    k2 = f(t + h, x + h * k1)
    x1, error = x + h * (k1 + k2) / 2, h * (k2 - k1) / 2
    scale = atol + rtol * np.maximum(np.abs(x), np.abs(x1))
    ratio = np.sqrt(np.mean((error / scale) ** 2, axis=0))
    accepted = ratio <= 1  # false for NaN
    factor = np.where(np.isnan(ratio), 0.2, np.clip(0.9 * ratio**-0.5, 0.2, 10.0))
    return np.where(accepted, t + h, t), np.where(accepted, x1, x), h * factor


def check_batch_attempt(batch_attempt):
    rng = np.random.default_rng(44)
    A = rng.normal(size=(3, 3))

    def f(t, x):
        return np.tanh(A @ x) + np.sin(3 * t)

    rtol, atol, got, parts = 1e-3, 1e-4, [], []
    for trial in range(4):
        n = (24, 12, 7, 1)[trial]
        t, x, h = rng.uniform(-1, 1, size=n), rng.normal(size=(3, n)), 10.0 ** rng.uniform(-3, -0.3, size=n)
        h = -h if trial == 2 else h  # a step may go back
        if trial == 0:  # a batch whose joint ratio is below 1, although some of its own are not
            while np.mean(ratios_of(f, t, x, h, rtol, atol) ** 2) > 0.9:
                h = 0.95 * h
        got.append(several(batch_attempt(f, t, x, h, rtol, atol), ["t", "x", "h"]))
        k1 = f(t, x)
        k2 = f(t + h, x + h * k1)
        scaled = ratios_of(f, t, x, h, rtol, atol)
        joint = np.full(n, np.sqrt(np.mean(scaled**2)))
        parts.append((t, h, x, x + h * k1, x + h * (k1 + k2) / 2, scaled, joint))
    for result, part in zip(got, parts, strict=True):
        n = len(part[0])
        for value, shape, name in zip(result, ((n,), (3, n), (n,)), "txh", strict=True):
            if as_array(value, name).shape != shape:
                raise Wrong(f"{name} has shape {np.shape(value)}; {shape} was expected.")
    new_t, new_x, new_h = (np.concatenate([as_array(result[i]) for result in got], -1) for i in range(3))
    t, h, x, euler, x1, scaled, joint = (np.concatenate(part, -1) for part in zip(*parts, strict=True))
    ratio, total, worst = np.sqrt(np.mean(scaled**2, 0)), np.sqrt(np.sum(scaled**2, 0)), np.abs(scaled).max(0)
    ok, next_h = ratio <= 1, h * np.clip(0.9 * ratio**-0.5, 0.2, 10.0)
    times = {
        "Every sample has moved. One whose ratio is above 1 must stay where it is.": t + h,
        "No sample has moved.": t,
        "One decision was taken for the whole batch. Each sample has a ratio of its own: axis=0.": t + h * (joint <= 1),
        "The accepted samples stay and the rejected ones move.": np.where(ok, t, t + h),
        "Your ratio adds the squares. It is the root of their mean.": np.where(total <= 1, t + h, t),
        "Your ratio is the largest entry. It is the root of the mean square.": np.where(worst <= 1, t + h, t),
        "The step was made with the new h: t moves by the h that was tried.": np.where(ok, t + next_h, t),
    }
    same_values(new_t, np.where(ok, t + h, t), 1e-13, "t", times)
    states = {
        "t stays where a step is rejected, but x moves.": x1,
        "t moves, but x does not.": x,
        "x follows Euler's step. Go on with Heun's.": np.where(ok, euler, x),
    }
    same_values(new_x, np.where(ok, x1, x), 1e-13, "x", states)
    of_x, of_x1 = (np.sqrt(np.mean(part**2, 0)) for part in scaled_by(scaled, x, x1, rtol, atol))
    sizes = {
        "The scale takes the larger of |x| and |x1|: yours takes |x|.": h * np.clip(0.9 * of_x**-0.5, 0.2, 10.0),
        "The scale takes the larger of |x| and |x1|: yours takes |x1|.": h * np.clip(0.9 * of_x1**-0.5, 0.2, 10.0),
        "h is as it was. Each sample's next step is h times its factor.": h,
        "Only the rejected samples get a new h: an accepted one may grow, too.": np.where(ok, h, next_h),
        "Only the accepted samples get a new h: a rejected one must shrink.": np.where(ok, next_h, h),
        "Rejected steps are halved. The ratio says by how much to shrink.": np.where(ok, next_h, h / 2),
        "The factor has to stay within 0.2 and 10.": h * 0.9 * ratio**-0.5,
        "The safety factor 0.9 is missing.": h * np.clip(ratio**-0.5, 0.2, 10.0),
        "The sign of the exponent: a large ratio must shorten the step.": h * np.clip(0.9 * ratio**0.5, 0.2, 10.0),
        "The exponent is -1/2: the estimate of this pair goes with h².": h * np.clip(0.9 / ratio, 0.2, 10.0),
        "The exponent is -1/2: this pair's estimate goes with h². Is yours dopri5's?": h
        * np.clip(0.9 * ratio**-0.2, 0.2, 10.0),
        "This is the factor alone. The next step is h times it.": next_h / h,
        "The factor comes from one ratio for the whole batch.": h * np.clip(0.9 * joint**-0.5, 0.2, 10.0),
        "Your ratio adds the squares. It is the root of their mean.": h * np.clip(0.9 * total**-0.5, 0.2, 10.0),
        "Your ratio is the largest entry, not the root mean square.": h * np.clip(0.9 * worst**-0.5, 0.2, 10.0),
    }
    same_values(new_h, next_h, 1e-12, "h", sizes)
    with_a_nan(batch_attempt)
    return f"{ok.sum()} of {ok.size} samples moved on, {(~ok).sum()} tried again, each with a step of its own."


def with_a_nan(batch_attempt):
    """Check a batch in dimension 2, one sample of which meets NaN in its second slope."""
    rng, n, lost = np.random.default_rng(45), 5, 3
    t, x, h = rng.uniform(size=n), rng.normal(size=(2, n)), np.full(n, 1e-3)
    x[0, lost] = -2.0 + 1e-6  # moves below -2, where the field is undefined
    x[0, :lost] = x[0, lost + 1 :] = 1.0

    def f(t, x):
        return np.where(x[0] < -2.0, np.nan, np.stack([-np.ones_like(x[0]), np.cos(x[0] + 2 * t)]))

    new_t, new_x, new_h = (as_array(v) for v in several(batch_attempt(f, t, x, h, 1e-3, 1e-4), ["t", "x", "h"]))
    if new_t[lost] != t[lost] or not np.array_equal(new_x[:, lost], x[:, lost]):
        raise Wrong(
            "A sample whose ratio is NaN was accepted. A comparison with NaN is always false: write the test as "
            "ratio <= 1, which then rejects, not as ratio > 1."
        )
    if not abs(new_h[lost] / (0.2 * h[lost]) - 1) < 1e-6:
        raise Wrong(
            f"A sample whose ratio is NaN has the next h {new_h[lost]:.4g}; 0.2 h = {0.2 * h[lost]:.4g} was expected. "
            "np.clip leaves NaN as it is: give it the smallest factor yourself."
        )
    others = np.arange(n) != lost
    if not np.allclose(new_t[others], (t + h)[others], rtol=0, atol=1e-6):
        raise Wrong("One sample with NaN held up the others. Each has a ratio of its own.")


def ratios_of(f, t, x, h, rtol, atol):
    """The estimate of Heun's pair in tolerances, (d, n)."""
    k1 = f(t, x)
    k2 = f(t + h, x + h * k1)
    return h * (k2 - k1) / 2 / (atol + rtol * np.maximum(np.abs(x), np.abs(x + h * (k1 + k2) / 2)))


def scaled_by(scaled, x, x1, rtol, atol):
    """The scaled estimates (d, n) again, as they are with |x| and with |x1| in the scale."""
    error = scaled * (atol + rtol * np.maximum(np.abs(x), np.abs(x1)))
    return error / (atol + rtol * np.abs(x)), error / (atol + rtol * np.abs(x1))


batch_attempt = Exercise(
    batch_attempt,
    check_batch_attempt,
    hints=(
        "The slopes and the estimate are those of exercise 1: h of shape (n,) multiplies the columns of (d, n) as it "
        "stands. The mean square goes over the components of each sample, not over the batch.",
        "ratio = np.sqrt(np.mean((error / scale) ** 2, axis=0)) has shape (n,). np.where(ratio <= 1, a, b) chooses for "
        "each sample. With ok = ratio <= 1 a NaN is rejected; np.clip leaves NaN as it is.",
        "return np.where(ok, t + h, t), np.where(ok, x1, x), h * factor, with the factor "
        "np.where(np.isnan(ratio), 0.2, np.clip(0.9 * ratio ** -0.5, 0.2, 10))",
    ),
)


# ---- quiz ----------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "DOPRI5 subtracts a solution of order 4 from one of order 5 and steps on with the one of order 5. Of what is "
        "the difference an estimate?",
        {
            "a": "The error of the order-5 result after this step",
            "b": "The error of the order-4 result after this step",
            "c": "The error of the whole way so far",
            "d": "The rounding error of the step",
        },
        answer="b",
        explain={
            "a": "That error is of order h^6 and smaller than the difference, which goes with h^5.",
            "b": "The order-5 result is so much nearer to the truth that it stands in for it.",
            "c": "Both results start from the same point. What went wrong before is in neither.",
            "d": "Rounding is far below it, unless the tolerance nears the precision of the numbers.",
        },
    ),
    Question(
        "A step of DOPRI5 with h = 0.1 is rejected: its error ratio is 32. What does the I controller try next?",
        {
            "a": "0.05: a rejected step is halved",
            "b": "0.1 / 32, because the error is 32 times too large",
            "c": "0.1 again, with a tighter tolerance",
            "d": "0.045: 0.9 times 0.1 times 32 to the power -1/5",
        },
        answer="d",
        explain={
            "a": "The ratio says by how much to shrink. Half is right by chance, or not at all.",
            "b": "The estimate goes with h^5. A step 32 times as short would have a ratio of 1e-6.",
            "c": "The tolerance is yours and stays. It is the step that changes.",
            "d": "32 to the power 1/5 is 2, so the ratio should fall to 0.9^5 = 0.59.",
        },
    ),
    Question(
        "At rtol = atol = 1e-6 a solver returns the state at T = 20 without a complaint. How large is its error?",
        {
            "a": "That depends on the equation: the tolerance bounds estimates, step by step",
            "b": "At most 1e-6",
            "c": "At most 1e-6 times the number of steps",
            "d": "About 1e-6 times the length of the interval",
        },
        answer="a",
        explain={
            "a": "On a field that draws solutions together we found 2e-7, on the Lorenz equations not one right digit.",
            "b": "Nothing in the loop looks at the error of the whole way.",
            "c": "That would hold if errors were added up. They are also magnified, or damped, by the flow.",
            "d": "Only where the flow neither magnifies nor damps differences, and then roughly.",
        },
    ),
    Question(
        "DOPRI5 has 7 stages. Why does a solve cost 6 evaluations of f for each attempted step?",
        {
            "a": "The seventh stage has the weight 0 in the solution of order 5",
            "b": "One stage serves the error estimate alone and is left out when a step is accepted",
            "c": "The last slope of an accepted step is the first of the next one; a rejected one keeps its first",
            "d": "The first stage is the old x, which needs no evaluation",
        },
        answer="c",
        explain={
            "a": "It has, but the error estimate needs that slope: it must be evaluated.",
            "b": "The estimate is what decides whether to accept, so its slopes come first.",
            "c": "First same as last: the seventh stage lies at (t + h, x1), where the next step begins.",
            "d": "The first stage is the slope at the old x. It was evaluated one step earlier.",
        },
    ),
    Question(
        "A batch is solved with one step size, and its error ratio is the root mean square over all samples and "
        "components. One sample of 64 is in a fast jump. What may happen to it?",
        {
            "a": "Nothing: its error is held below the tolerance like that of all others",
            "b": "Its own ratio may be up to 8 when the step is accepted",
            "c": "Its own ratio may be up to 64 when the step is accepted",
            "d": "It is solved more accurately than alone, because the batch takes more steps",
        },
        answer="b",
        explain={
            "a": "The mean over the batch is held. The others, far below the tolerance, make room for this one.",
            "b": "The mean of the 64 squares is at most 1, so one square is at most 64, and its root 8.",
            "c": "64 is the bound on its square. The ratio is a root mean square.",
            "d": "While it jumps it sets the pace, but by a looser measure than its own.",
        },
    ),
)
