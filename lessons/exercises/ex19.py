"""The exercises of lesson 19, Latent ODEs."""

import numpy as np

from nodekit.classroom.checks import Exercise, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "A second model sees the same 1000 noisy recordings, which end at t = 5. It describes each of them by four numbers "
    "at t = 0 and one differential equation for all. Beyond t = 5 the GRU's error is about four fifths of that of "
    "answering 0. How large is the second model's?",
    {
        "a": "As large as the GRU's: nobody can learn what comes after t = 5 from recordings that end there.",
        "b": "About three quarters of the GRU's.",
        "c": "Between a fifth and a quarter of the GRU's.",
        "d": "Larger: an equation that is a little wrong runs away.",
    },
    answer="c",
    explain={
        "a": "The law that moves a spiral is the same before and after t = 5, and before 5 it can be seen at work.",
        "b": "It is better than that: what it learned about one moment it uses at all moments.",
        "c": "A field that is right where the spirals are moves them on after t = 5 as before.",
        "d": "This can happen, far outside of the data. A spiral after t = 5 mostly visits places seen before.",
    },
)

second_guess = Prediction(
    "Fifteen noisy observations between t = 0 and 4 have told us the start z0 of a latent path, as well as they can. "
    "Where are we least sure of the path itself?",
    {
        "a": "At t = 0: that is where the start is unknown.",
        "b": "In the middle of the recording.",
        "c": "It depends on the flow: where it pulls the starts that are still possible farthest apart.",
        "d": "Nowhere in particular: one start, one uncertainty.",
    },
    answer="c",
    explain={
        "a": "Often, if the flow pulls paths together. But another flow pulls them apart.",
        "b": "There the most observations are near, on both sides.",
        "c": "The flow carries the whole cloud of possible starts along, and stretches it as it goes.",
        "d": "There is one cloud of starts, but the flow changes its size on the way.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def through_gaps(f, t, h, gaps, steps):
    """Each state moves by dh/dt = f(t, h) through a gap of its own: Euler, all samples in one go.

    f: (t (n, 1), h (n, d)) -> (n, d). t: (n,), where each gap begins. h: (n, d). gaps: (n,), each >= 0.
    steps: int, how many steps each sample takes through its gap. Returns (n, d).
    """
    t, size = t[:, None], (gaps / steps)[:, None]
    for k in range(steps):
        h = h + size * f(t + k * size, h)
    return h


def check_through_gaps(through_gaps):
    rng = np.random.default_rng(191)
    for n, d, steps in ((4, 3, 1), (3, 3, 5), (5, 2, 3), (1, 4, 2)):
        A, t, h = rng.normal(size=(d, d)), rng.uniform(0.5, 3, n), rng.normal(size=(n, d))
        gaps = rng.uniform(0.2, 2.0, n) * (np.arange(n) != 1)
        calls = []

        def f(t, h, A=A, calls=calls):
            calls.append(np.shape(t))
            return np.tanh(h @ A.T + np.sin(t)) - 0.3 * h * t

        def moved(gaps, steps=steps, begin=t, h=h, f=f, still=False, late=0, whole=False, clock=None, factor=None):
            size, begin = (gaps if whole else gaps / steps)[:, None], begin[:, None]
            for k in range(steps):
                at = begin + (0 if still else k + late) * (size if clock is None else clock)
                h = h + (size if factor is None else factor) * f(at, h)
            return h

        with np.errstate(all="ignore"):
            mistakes = {
                "Every sample has moved through the same gap. Each has its own.": [
                    moved(np.full(n, one)) for one in (gaps[0], gaps.mean(), gaps.max())
                ],
                "Each step is as long as the whole gap: divide by steps.": [moved(gaps, whole=True)],
                "The time stands still at the beginning of the gap. Step k begins at t + k · size.": [
                    moved(gaps, still=True)
                ],
                "Each step takes its slope at its end in time. Euler takes it at its beginning.": [moved(gaps, late=1)],
                "All gaps begin at time 0. Sample i begins at t[i].": [moved(gaps, begin=0 * t)],
                "The factor g is missing: dh/ds = g · f.": [
                    moved(gaps, factor=1 / steps),
                    moved(gaps, factor=1 / steps, clock=1 / steps),
                ],
                "The time moves by the gap, not by 1: t + s · g.": [moved(gaps, clock=1 / steps)],
                "One step only.": [moved(gaps, steps=1)],
                "This goes backward in time.": [moved(-gaps)],
                "These are the states before the gap.": [h],
            }  # fmt: skip
        right = moved(gaps)
        calls.clear()
        got = through_gaps(f, t.copy(), h.copy(), gaps.copy(), steps)
        seen = calls.copy()
        named = {f"{text}{' ' * k}": value for text, values in mistakes.items() for k, value in enumerate(values)}
        if n > 1:
            named = {text: value for text, value in named.items() if not np.allclose(value, right)}
            same_values(got, right, 1e-10, "the states behind the gaps", named)
        same_values(got, right, 1e-10, "the states behind the gaps")
        if len(seen) > steps:
            raise Wrong(
                f"Right values, but f was called {len(seen)} times for {steps} steps of {n} samples. One call a step "
                "is enough: it takes all samples at once."
            )
    return "Right for 1 to 5 samples at a time, one of them with a gap of 0, with one call of f a step."


through_gaps = Exercise(
    through_gaps,
    check_through_gaps,
    hints=(
        "All samples take the same number of steps, each of a size of its own: gaps / steps.",
        "Make t and the sizes columns, (n, 1), so that they multiply rows. Step k begins at t + k · size.",
        "size = (gaps / steps)[:, None], and then, steps times, h = h + size * f(t[:, None] + k * size, h)",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def log_likelihood(x, path, noise):
    """The logarithm of the density of the observations, given the path: each seen number is normal about the path.

    x: (n, d), the observations, nan where a number is missing. path: (n, d). noise: float, the standard deviation.
    Returns float, in nats: a sum over the numbers that were seen, all independent.
    """
    seen = ~np.isnan(x)
    miss = (x[seen] - path[seen]) / noise
    return float(np.sum(-0.5 * miss**2 - np.log(noise) - 0.5 * np.log(2 * np.pi)))


def check_log_likelihood(log_likelihood):
    rng = np.random.default_rng(192)
    for n, d, noise, share in ((7, 3, 0.4, 0.3), (5, 2, 1.7, 0.5), (4, 3, 0.6, 0.0), (6, 1, 2.5, 0.4)):
        path = rng.normal(size=(n, d))
        x = path + noise * rng.normal(size=(n, d))
        x[rng.random((n, d)) < share] = np.nan
        if share:
            x[1, 0] = np.nan
        seen = ~np.isnan(x)
        count, miss = seen.sum(), (x - path)[seen]
        square, log2pi = (miss**2).sum(), np.log(2 * np.pi)
        right = -0.5 * square / noise**2 - count * (np.log(noise) + 0.5 * log2pi)
        zeros = np.where(seen, x, 0.0) - path
        rows = seen.all(1)
        by_row = ((x - path)[rows] ** 2).sum() if rows.any() else 0.0
        mistakes = {
            "The missing numbers count as zeros that were seen. Leave them out of the sum.": -0.5
            * (zeros**2).sum() / noise**2 - x.size * (np.log(noise) + 0.5 * log2pi),
            "The squares are right, but the constants are counted for the missing numbers too.": -0.5
            * square / noise**2 - x.size * (np.log(noise) + 0.5 * log2pi),
            "Only times at which every component was seen are counted. A seen number counts by itself.": -0.5
            * by_row / noise**2 - rows.sum() * d * (np.log(noise) + 0.5 * log2pi),
            "This is the mean over the seen numbers. The logarithm of a product is a sum.": right / count,
            "The term with log(2π) is missing.": right + count * 0.5 * log2pi,
            "The term with log(noise) is missing.": right + count * np.log(noise),
            "Both constants are missing. They matter as soon as the noise is learned, or models are compared.": -0.5
            * square / noise**2,
            "The miss is divided by the noise before it is squared: noise² below.": -0.5
            * square / noise - count * (np.log(noise) + 0.5 * log2pi),
            "The half in front of log(2π) is missing.": right - count * 0.5 * log2pi,
            "This is the density itself. Its logarithm is wanted.": np.exp(right),
            "The half in front of the square is missing.": right - 0.5 * square / noise**2,
            "The sign: this is minus the logarithm.": -right,
            "The sign of log(noise): a larger noise makes the density lower at its top.": right
            + 2 * count * np.log(noise),
        }  # fmt: skip
        got = log_likelihood(x.copy(), path.copy(), noise)
        if np.shape(got) == () and np.isnan(got):
            raise Wrong("This is nan: a missing number has come into the sum. Which entries of x are not nan?")
        if not share:  # nothing is missing: several mistakes agree with the answer
            mistakes = {}
        same_values(got, np.float64(right), 1e-9, "the log-likelihood", mistakes)
    return "Right with 0 to 50% of the numbers missing, single components among them."


log_likelihood = Exercise(
    log_likelihood,
    check_log_likelihood,
    hints=(
        "seen = ~np.isnan(x) has True where a number was seen. x[seen] holds these numbers, one after the other.",
        "A normal density with deviation s at the distance m from its mean is exp(-m²/(2 s²)) / (s √(2π)).",
        "miss = (x[seen] - path[seen]) / noise; then the sum of -miss²/2 - log(noise) - log(2π)/2.",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def recognition_inputs(t, x, t0):
    """What the recognition network reads: a row for each time, the last time first.

    t: (n,), rising. x: (n, d), nan where a number is missing. t0: float, at most t[0].
    Returns (n, 2d + 1): the numbers, 0 where they are missing; the mask, 1 where they were seen and else 0; and the
    gap to the time before, in the order of the clock. The gap of the first time is the one to t0.
    """
    seen = ~np.isnan(x)
    gap = np.diff(t, prepend=t0)
    return np.concatenate([np.where(seen, x, 0.0), seen, gap[:, None]], axis=1)[::-1]


def check_recognition_inputs(recognition_inputs):
    rng = np.random.default_rng(193)
    for n, d in ((5, 3), (4, 2), (6, 1), (1, 3)):
        t0 = rng.uniform(-2, -1)
        t = np.sort(rng.uniform(-0.5, 4, n))
        x = rng.normal(size=(n, d))
        x[rng.random((n, d)) < 0.35] = np.nan
        x[0, 0] = np.nan
        seen = ~np.isnan(x)
        zeroed, gap = np.where(seen, x, 0.0), np.diff(t, prepend=t0)

        def table(gap, values=zeroed, mask=seen, back=True):
            rows = np.concatenate([values, mask, gap[:, None]], axis=1)
            return rows[::-1] if back else rows

        right = table(gap)
        mistakes = {
            "The first time comes first. The recognition network reads backward.": table(gap, back=False),
            "The gaps are those to the time after. The net goes back in time, to the one before.": table(
                np.append(np.diff(t), 0.0)
            ),
            "The gap of the first time is missing: it reaches back to t0.": table(np.diff(t, prepend=t[0])),
            "These gaps begin at time 0 in place of t0.": table(np.diff(t, prepend=0.0)),
            "The last column holds times, not gaps.": table(t),
            "The last column holds the time since t0. The gap to the time before is wanted.": table(t - t0),
            "The mask is turned round: 1 is for a number that was seen.": table(gap, mask=~seen),
            "The gaps are still in the order of the clock, and the rows are turned round.": np.concatenate(
                [zeroed[::-1], seen[::-1], gap[:, None]], axis=1
            ),
            "The mask is still in the order of the clock, and the rows are turned round.": np.concatenate(
                [zeroed[::-1], seen, gap[::-1, None]], axis=1
            ),
            "The gaps are negative. A gap is a length of time.": table(-gap),
        }
        got = recognition_inputs(t.copy(), x.copy(), t0)
        if np.shape(got) == (n, d + 1):
            raise Wrong("There are d + 1 columns: without the mask the net cannot tell a missing number from a 0.")
        if np.shape(got) == (n, 2 * d + 1) and np.isnan(np.asarray(got, float)).any():
            raise Wrong("There is a nan among the inputs. Put 0 where a number is missing; the mask says that it is.")
        if isinstance(got, np.ndarray) and got.dtype.kind in "ib":
            got = got.astype(float)
        if n == 1:
            mistakes = {}
        mistakes = {text: value for text, value in mistakes.items() if not np.array_equal(value, right)}
        same_values(got, right, 1e-12, "the table of inputs", mistakes)
    return "Right for four recordings of 1 to 6 times."


recognition_inputs = Exercise(
    recognition_inputs,
    check_recognition_inputs,
    hints=(
        "Make the three parts in the order of the clock, join them side by side, and turn the rows round at the end.",
        "np.where(seen, x, 0.0) has no nan left. np.diff(t, prepend=t0) has the gap before each time.",
        "np.concatenate([np.where(seen, x, 0.0), seen, gap[:, None]], axis=1)[::-1]",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def gaussian_kl_from(m, s, prior_m, prior_s):
    """KL(q ‖ p) in nats of q = N(m, diag s²) from p = N(prior_m, diag prior_s²): the mean of log q − log p under q.

    m, s, prior_m, prior_s: (d,) each, standard deviations s and prior_s > 0. Returns float.
    """
    return float(np.sum(np.log(prior_s / s) + (s**2 + (m - prior_m) ** 2) / (2 * prior_s**2) - 0.5))


def check_gaussian_kl_from(gaussian_kl_from):
    rng = np.random.default_rng(194)

    def kl(m, s, a, b):
        return np.log(b / s) + (s**2 + (m - a) ** 2) / (2 * b**2) - 0.5

    for d in (3, 1, 5, 2):
        m, a = rng.normal(size=(2, d))
        s, b = np.exp(rng.normal(scale=0.5, size=(2, d)))
        right = kl(m, s, a, b).sum()
        mistakes = {
            "This is KL(p ‖ q). Here q stands in front: the mean is taken under q.": kl(a, b, m, s).sum(),
            "s is a standard deviation, and you take it for a variance.": kl(m, np.sqrt(s), a, np.sqrt(b)).sum(),
            "You squared the deviations once too often: s² is the variance already.": kl(m, s**2, a, b**2).sum(),
            "The logarithm has the wrong sign: log(prior_s / s).": (kl(m, s, a, b) - 2 * np.log(b / s)).sum(),
            "The logarithm is missing.": (kl(m, s, a, b) - np.log(b / s)).sum(),
            "The ½ at the end is missing, once for each component: for q = p the answer is 0.": right + 0.5 * d,
            "The ½ at the end is counted once, and not for each component.": right + 0.5 * (d - 1),
            "The distance of the means is missing.": kl(a, s, a, b).sum(),
            "The distance of the means is not divided by the prior's variance.": (
                np.log(b / s) + s**2 / (2 * b**2) + (m - a) ** 2 / 2 - 0.5
            ).sum(),
            "This holds for the prior N(0, I). Here it is given.": kl(m, s, np.zeros(d), np.ones(d)).sum(),
            "This is the mean over the components. Independent ones add up.": right / d,
            "The sign: a KL divergence is never negative.": -right,
            "This is twice the answer.": 2 * right,
        }
        got = gaussian_kl_from(m.copy(), s.copy(), a.copy(), b.copy())
        if np.shape(got) == (d,) and d > 1:
            raise Wrong("One number is wanted, the sum over the components.")
        mistakes = {text: value for text, value in mistakes.items() if not np.isclose(value, right)}
        same_values(got, np.float64(right), 1e-10, "the divergence", mistakes)
    same = gaussian_kl_from(m.copy(), s.copy(), m.copy(), s.copy())
    same_values(same, np.float64(0.0), 1e-10, "the divergence of q from itself")
    return "Right in 1, 2, 3 and 5 dimensions, and 0 for q = p."


gaussian_kl_from = Exercise(
    gaussian_kl_from,
    check_gaussian_kl_from,
    hints=(
        "One component at a time; they are independent, so the divergences add up. Write log q - log p.",
        "Under q the mean of (z - m)² is s², and that of (z - prior_m)² is s² + (m - prior_m)².",
        "log(prior_s / s) + (s² + (m - prior_m)²) / (2 prior_s²) - ½, summed.",
    ),
)


quiz = Quiz(
    Question(
        "A latent ODE with the exact field reads a recording, and then one more observation arrives at t = 4. Which "
        "part of its answer may change?",
        {
            "a": "Only the path after t = 4, since time runs forward.",
            "b": "The whole path, from t = 0 on.",
            "c": "Nothing: the equation fixes the path.",
        },
        "b",
        {
            "a": "That is what a filter does, a GRU that reads forward for example.",
            "b": "All observations together decide on z0, and the path follows from z0, before t = 4 as after it.",
            "c": "The equation fixes the path once z0 is known. The observation changes what we know of z0.",
        },
    ),
    Question(
        "log p(x) is -40, and for some q the evidence lower bound is -43. What is 3?",
        {
            "a": "The divergence of q from the prior, which the bound leaves out.",
            "b": "The error that sampling z0 makes.",
            "c": "The divergence of q from the posterior.",
        },
        "c",
        {
            "a": "That one stands inside the bound, as its second term.",
            "b": "The bound is an expectation. Sampling makes its estimate scatter about -43.",
            "c": "log p(x) = bound + KL(q ‖ posterior), for every q.",
        },
    ),
    Question(
        "Half of the numbers of a recording are missing. What has to change in the bound?",
        {
            "a": "The missing numbers are filled in first, by the means of the seen ones.",
            "b": "The log-likelihood sums over the seen numbers only.",
            "c": "The divergence counts half.",
        },
        "b",
        {
            "a": "Then the model would be taught our guesses as if they had been measured.",
            "b": "A number that nobody has seen has no factor in the likelihood.",
            "c": "z0 has as many components as before, and the same prior.",
        },
    ),
    Question(
        "A pump that is switched on and off at unforeseen times moves what you record. Which model do you try first?",
        {
            "a": "A latent ODE: the pump is physics.",
            "b": "A recurrent network that is told the gaps.",
            "c": "A latent ODE with a finer solver and more hidden numbers.",
        },
        "b",
        {
            "a": "Its path is decided at t = 0, and the switching is not. It can follow only what z0 foresees.",
            "b": "Each observation may change its state. Section 8: better between the observations of knocked paths.",
            "c": "No solver helps. More hidden numbers do, if they can hold the time and the size of one knock; a pump "
            "switches again and again.",
        },
    ),
    Question(
        "Fifty recordings, each with 30 times of its own, make about 1500 different times. What does it cost to solve "
        "the latent equation for all of them on the union of the times?",
        {
            "a": "Hardly more evaluations of the field than two output times: the others are interpolated.",
            "b": "A step for each time, 1500.",
            "c": "Fifty solves.",
        },
        "a",
        {
            "a": "Steps follow the tolerance. What grows with the times is the interpolation, and its memory.",
            "b": "An adaptive solver does not stop at output times. It interpolates between its own steps.",
            "c": "One solve takes all samples together. What it costs is one step size for all.",
        },
    ),
)
