"""The exercises of lesson 22, Diffusion and the probability flow."""

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "Noise spreads a cloud of points, whose density changes with time. Is there an equation without any noise whose "
    "cloud, started alike, has the same density at every time?",
    {
        "a": "No: without noise, points that start together stay together, so they cannot spread.",
        "b": "No: noise forgets where a point came from, and an equation without noise can always be run back.",
        "c": "Yes, but only as long as the density is a single Gaussian.",
        "d": "Yes, for any data.",
    },
    answer="d",
    explain={
        "a": "Points that start at *exactly* the same place do. But a field can carry neighbours apart as fast as it "
        "likes, and a density has neighbours everywhere.",
        "b": "The single path is forgotten in one case and not in the other. The density can be the same all the same.",
        "c": "The field is linear for a Gaussian. For other data it is another field, but it exists.",
        "d": "The Fokker–Planck equation can be written as that of an equation without noise. Its field needs the "
        "gradient of the log density.",
    },
)

second_guess = Prediction(
    "You may ask the score ten times. Which of the two comes nearer to the exact end of the flow: ten steps of the "
    "method of order 1, or five steps of the method of order 2, which asks twice in a step?",
    {
        "a": "Order 2, by a factor of about ten.",
        "b": "Order 2, by a little.",
        "c": "Order 1.",
        "d": "They are equal: both ask ten times.",
    },
    answer="c",
    explain={
        "a": "That is what the orders promise for short steps. Five steps over the whole way are not short.",
        "b": "It is ahead from about twenty evaluations on, not at ten.",
        "c": "By a factor of about three here. The order says how fast an error falls, not how large it is.",
        "d": "What counts is what is done with the answers.",
    },
)


def cloud(seed, d):
    """A time, a rate, samples (n, d), and a score that depends on t and x and is not symmetric in the components."""
    rng = np.random.default_rng(seed)
    A, b, x = rng.normal(size=(d, d)), rng.normal(size=d), rng.normal(size=(4, d))

    def score(t, x):
        return np.tanh(x @ A + b * t) - (1 + t) * x

    return rng, score, x


# ---- 1 -------------------------------------------------------------------------------------------------


def flow_field(f, g, score):
    """The field of the probability flow of dx = f dt + g dW, where g depends on time alone.

    f, score: functions (t, x) -> (n, d), x (n, d). g: function t -> float. Returns a function (t, x) -> (n, d).
    """
    return lambda t, x: f(t, x) - g(t) ** 2 * score(t, x) / 2


def check_flow_field(flow_field):
    for seed, d in enumerate((3, 1, 2, 5)):
        rng, score, x = cloud(220 + seed, d)
        B, t, rate = rng.normal(size=(d, d)), rng.uniform(0.2, 0.9), rng.uniform(0.5, 2)
        f, g = (lambda t, x, B=B: np.sin(x @ B) + t), (lambda t, rate=rate: rate + t)
        field = flow_field(f, g, score)
        if not callable(field):
            raise Wrong(f"A function (t, x) is to be returned, not a {type(field).__name__}: lambda t, x: ...")
        before = x.copy()
        got = field(t, x)
        if not np.array_equal(x, before):
            raise Wrong("Your field changed x itself: the caller's x is now different.")
        drift, push = f(t, x), g(t) ** 2 * score(t, x)
        same_values(
            got,
            drift - push / 2,
            1e-10,
            "the field at (t, x)",
            {
                "The sign: the score points to where the points are dense, and the flow carries them away from "
                "there.": drift + push / 2,
                "The ½ is missing. With g² you have the drift of the reversed SDE, which has noise besides.": drift
                - push,
                "It is g², not g: the second derivative of the density comes with ½ g².": drift
                - g(t) * score(t, x) / 2,
                "This is the drift alone: it does not replace the noise.": drift,
                "The drift f is missing.": -push / 2,
                "g is taken at t, not at 0.": drift - g(0.0) ** 2 * score(t, x) / 2,
                "The score is taken at t, not at 0.": drift - g(t) ** 2 * score(0.0, x) / 2,
                "This is minus the field: the flow from noise to data goes back in time, the field stays.": push / 2
                - drift,
            },
        )
    return "Equal to f - ½ g² score on 4 random equations, in 1 to 5 dimensions, at times other than 0."


flow_field = Exercise(
    flow_field,
    check_flow_field,
    hints=(
        "Section 2: the noise enters the Fokker–Planck equation as ½ g² times the second derivative of p.",
        "That term is what a drift of -½ g² ∂ log p/∂x would do, and the score is this gradient.",
        "return lambda t, x: f(t, x) - g(t)**2 * score(t, x) / 2",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def denoising_loss(guess, x0, z, t, alpha, sigma):
    """The mean over samples of |guess(t, x) - z|², the sum over the d components, at the noisy x = alpha x0 + sigma z.

    guess: function (t, x) -> (n, d). x0, z: (n, d), data and noise. t, alpha, sigma: (n,), of each sample. guess gets t
    as it is. Returns float.
    """
    x = alpha[:, None] * x0 + sigma[:, None] * z
    return float(np.mean(np.sum((guess(t, x) - z) ** 2, axis=1)))


def check_denoising_loss(denoising_loss):
    for seed, (n, d) in enumerate(((6, 3), (5, 5), (1, 2), (7, 1))):
        rng = np.random.default_rng(224 + seed)
        x0, z, t = rng.normal(size=(n, d)) + 1, rng.normal(size=(n, d)), rng.uniform(0.1, 0.9, size=n)
        sigma = rng.uniform(0.2, 1.5, size=n)
        alpha, A = rng.uniform(0.3, 1.2, size=n), rng.normal(size=(d, d))
        a, s = alpha[:, None], sigma[:, None]
        seen = []

        def guess(t, x, A=A, d=d, seen=seen):
            x, t = np.asarray(x), np.asarray(t)
            seen.append(x.shape)
            return np.tanh(x @ A) + t.reshape(-1, 1) * x if x.ndim == 2 else np.full(d, np.nan)

        def squared(x, target, weight=1.0, guess=guess, t=t):
            return float(np.mean(np.sum(weight * (guess(t, x) - target) ** 2, axis=1)))

        noisy = a * x0 + s * z
        right = squared(noisy, z)
        got = as_array(denoising_loss(guess, x0, z, t, alpha, sigma), "the loss")
        if got.shape == (n,) and n > 1:
            raise Wrong("One number is wanted: the mean over the samples.")
        mistakes = {
            "This is the mean over samples and components. Sum over the components first.": right / d,
            "This is the sum over the samples. Take the mean.": right * n,
            "The network is asked about the clean data. It has to see the noisy ones.": squared(x0, z),
            "The guess is compared with the data. It guesses the noise.": squared(noisy, x0),
            "The guess is compared with the noise times σ. It guesses z itself.": squared(noisy, s * z),
            "The data are to be multiplied by α.": squared(x0 + s * z, z),
            "α and σ have changed places.": squared(s * x0 + a * z, z),
            "σ is a standard deviation: it multiplies z as it is, not squared.": squared(a * x0 + s**2 * z, z),
            "This is the loss with the weight σ². Here every time counts the same.": squared(noisy, z, s**2),
            "The noise is to be added with a plus.": squared(a * x0 - s * z, z),
            "The guess is minus the noise over σ only for the score. Here it is the noise itself.": squared(
                noisy, -z / s
            ),
            "The root of the squared error is not wanted.": float(
                np.mean(np.sqrt(np.sum((guess(t, noisy) - z) ** 2, axis=1)))
            ),
            "The root of the mean is not wanted.": np.sqrt(right),
            "The sign: a loss is to be minimised.": -right,
        }
        if n == 1:
            mistakes.pop("This is the sum over the samples. Take the mean.")
        if d == 1:
            mistakes.pop("This is the mean over samples and components. Sum over the components first.")
        same_values(got, np.float64(right), 1e-10, "the loss", mistakes)
    return "Equal on 4 random batches, in 1 to 5 dimensions."


denoising_loss = Exercise(
    denoising_loss,
    check_denoising_loss,
    hints=(
        "Two lines: make the noisy x, then compare guess(t, x) with z. alpha and sigma are (n,), the data (n, d).",
        "alpha[:, None] is (n, 1), and multiplies each row by its own number.",
        "x = alpha[:, None] * x0 + sigma[:, None] * z; return float(((guess(t, x) - z)**2).sum(1).mean())",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def ddim_step(guess, x, now, then):
    """One step of DDIM, from noise to less noise.

    guess: function (x, alpha, sigma) -> (n, d), the noise that is guessed in x. x: (n, d). now, then: (alpha, sigma),
    two floats each, of the two times. Returns x at the second time: (n, d).
    """
    (alpha, sigma), (alpha1, sigma1) = now, then
    noise = guess(x, alpha, sigma)
    return alpha1 * (x / alpha + (sigma1 / alpha1 - sigma / alpha) * noise)


def check_ddim_step(ddim_step):
    for seed, (n, d) in enumerate(((5, 3), (1, 1), (4, 2), (3, 5))):
        rng = np.random.default_rng(228 + seed)
        A, x = rng.normal(size=(d, d)), rng.normal(size=(n, d))
        (a, a1), (s1, s) = np.sort(rng.uniform(0.2, 1.2, 2)), np.sort(rng.uniform(0.2, 1.5, 2))

        def guess(x, alpha, sigma, A=A):
            return np.tanh(x @ A) * alpha + sigma * x / 2

        e = guess(x, a, s)
        got = ddim_step(guess, x, (a, s), (a1, s1))
        right = a1 / a * (x - s * e) + s1 * e
        same_values(
            got,
            right,
            1e-10,
            "the new x",
            {
                "The noise is taken out, and none is put back: this is the guess of the clean data.": (x - s * e) / a,
                "The clean data, scaled, but no noise is put back.": a1 / a * (x - s * e),
                "The result is y = x/α at the new time. Multiply it by the new α.": right / a1,
                "The step is multiplied by the old α. The new x belongs to the new one.": right * a / a1,
                "x is y: divide x by the old α before the step.": a1 * (x + (s1 / a1 - s / a) * e),
                "The change of σ/α has the wrong sign: it is new minus old, which is negative.": a1
                * (x / a - (s1 / a1 - s / a) * e),
                "This takes the change of σ and leaves α out: s is σ/α.": x + (s1 - s) * e,
                "The variable is σ/α, not σ.": a1 * (x / a + (s1 - s) * e),
                "Only the rescaling is there: nothing is done about the noise.": a1 / a * x,
                "guess is asked at the time where x is, not at the new one.": a1
                * (x / a + (s1 / a1 - s / a) * guess(x, a1, s1)),
                "now and then have changed places: the step goes from now to then.": a
                / a1
                * (x - s1 * guess(x, a1, s1))
                + s * guess(x, a1, s1),
                "guess is asked about x itself, not about x/α.": a1 * (x / a + (s1 / a1 - s / a) * guess(x / a, a, s)),
            },
        )
    return "Right on 4 random steps, in 1 to 5 dimensions."


ddim_step = Exercise(
    ddim_step,
    check_ddim_step,
    hints=(
        "In y = x/α and s = σ/α the flow is dy/ds = noise. A step of DDIM is Euler's step for it.",
        "y1 = y + (s1 - s) * noise, where s = sigma/alpha at the first time, and s1 at the second. Then x = alpha1 y1.",
        "return alpha1 * (x / alpha + (sigma1 / alpha1 - sigma / alpha) * guess(x, alpha, sigma))",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def ancestral_step(guess, x, now, then, z, eta):
    """One step of ancestral sampling: DDIM's step with noise, whose share is eta.

    guess: function (x, alpha, sigma) -> (n, d), the noise that is guessed in x. x: (n, d). now, then: (alpha, sigma),
    two floats each. z: (n, d), standard normal numbers. eta: float in [0, 1]. Returns (n, d).
    """
    (alpha, sigma), (alpha1, sigma1) = now, then
    noise = guess(x, alpha, sigma)
    v = eta**2 * sigma1**2 * (1 - (sigma1 * alpha / (sigma * alpha1)) ** 2)
    return alpha1 * (x - sigma * noise) / alpha + np.sqrt(sigma1**2 - v) * noise + np.sqrt(v) * z


def check_ancestral_step(ancestral_step):
    for seed, (n, d, eta) in enumerate(((5, 3, 0.7), (4, 1, 1.0), (3, 2, 0.3), (2, 5, 0.9))):
        rng = np.random.default_rng(232 + seed)
        A, (x, z) = rng.normal(size=(d, d)), rng.normal(size=(2, n, d))
        (a, a1), (s1, s) = np.sort(rng.uniform(0.2, 1.2, 2)), np.sort(rng.uniform(0.2, 1.5, 2))

        def guess(x, alpha, sigma, A=A):
            return np.tanh(x @ A) * alpha + sigma * x / 2

        e = guess(x, a, s)
        got = ancestral_step(guess, x, (a, s), (a1, s1), z, eta)
        kept = 1 - (s1 * a / (s * a1)) ** 2
        clean, v = a1 * (x - s * e) / a, eta**2 * s1**2 * kept
        mistakes = {
            "This is DDIM's step: the new noise is missing.": clean + s1 * e,
            "New noise is added, and as much of the old one has to go: √(σ1² - v) in place of σ1.": clean
            + s1 * e
            + np.sqrt(v) * z,
            "z is multiplied by the standard deviation √v, not by the variance v.": clean
            + np.sqrt(s1**2 - v) * e
            + v * z,
            "It is √(σ1² - v), the root of the difference, not σ1 - √v.": clean
            + (s1 - np.sqrt(v)) * e
            + np.sqrt(v) * z,
            "The root of σ1² - v is missing.": clean + (s1**2 - v) * e + np.sqrt(v) * z,
            "The guessed noise and the new one have changed places.": clean + np.sqrt(v) * e + np.sqrt(s1**2 - v) * z,
            "The clean data are to be multiplied by the new α.": (x - s * e) / a
            + np.sqrt(s1**2 - v) * e
            + np.sqrt(v) * z,
            "eta is to be squared in v.": clean
            + np.sqrt(s1**2 - eta * s1**2 * kept) * e
            + np.sqrt(eta * s1**2 * kept) * z,
            "eta is missing in v.": clean + np.sqrt(s1**2 - s1**2 * kept) * e + np.sqrt(s1**2 * kept) * z,
            "v is η² σ1² times the bracket with the ratio of the two levels, which is missing.": clean
            + np.sqrt(s1**2 - (eta * s1) ** 2) * e
            + eta * s1 * z,
            "z is to be added with a plus. In law that is the same, but the step should be this function of z.": clean
            + np.sqrt(s1**2 - v) * e
            - np.sqrt(v) * z,
        }
        if eta == 1:
            mistakes = {name: x for name, x in mistakes.items() if not name.startswith("eta")}
        same_values(got, clean + np.sqrt(s1**2 - v) * e + np.sqrt(v) * z, 1e-10, "the new x", mistakes)
    return "Right on 4 random steps, in 1 to 5 dimensions, with eta from 0.3 to 1."


ancestral_step = Exercise(
    ancestral_step,
    check_ancestral_step,
    hints=(
        "Three terms: the guess of the clean data times the new alpha, the guessed noise, and the new noise.",
        "v = eta² σ1² (1 - (σ1 α/(σ α1))²). The guessed noise gets √(σ1² - v), the new one √v.",
        "clean = (x - sigma * noise) / alpha; return alpha1 * clean + np.sqrt(sigma1**2 - v) * noise + np.sqrt(v) * z",
    ),
)


quiz = Quiz(
    Question(
        "The probability flow and the reversed SDE start from the same noise x(1). What do their ends have in common?",
        {
            "a": "They are the same point, if the steps are short",
            "b": "They lie in the same part of the data",
            "c": "They have the same density, over many starts",
            "d": "Nothing, unless the score is exact",
        },
        answer="c",
        explain={
            "a": "Their paths are different: one is smooth, the other is shaken.",
            "b": "The noise often carries a path to another part, as the picture of section 2 shows.",
            "c": "Both have the density of the data. That is a statement about many paths, not about one.",
            "d": "With an inexact score both are a little off. With an exact one they share the density, not the end.",
        },
    ),
    Question(
        "A network is trained to guess the noise z in x = α x0 + σ z. Which of these is its score?",
        {"a": "guess / σ", "b": "-σ · guess", "c": "-guess / σ", "d": "(x - σ guess) / α"},
        answer="c",
        explain={
            "a": "The sign: noise has led away from the data, and the score points back to them.",
            "b": "This has σ on the wrong side: guess = -σ · score.",
            "c": "The best guess is the mean of z given x, which is -σ times the score.",
            "d": "This is the guess of the clean data x0.",
        },
    ),
    Question(
        "A network with a great many weights brings the loss on 50 training images down to the least possible value. "
        "Its samples, from an accurate solver, are",
        {
            "a": "new images of the same kind",
            "b": "the 50 training images",
            "c": "noise: the network has overfitted",
            "d": "the mean of the training images",
        },
        answer="b",
        explain={
            "a": "They are new only because a network does *not* reach the least loss on its training data.",
            "b": "The least loss belongs to the score of the noisy training set, and that leads back to its points.",
            "c": "It denoises its training data perfectly, so it does not produce noise.",
            "d": "Far from the data the guess is near the mean, but the flow goes on to single points.",
        },
    ),
    Question(
        "DDIM is, up to a change of variables,",
        {
            "a": "Euler's method",
            "b": "the midpoint rule",
            "c": "Euler–Maruyama",
            "d": "a method of its own, which no general solver contains",
        },
        answer="a",
        explain={
            "a": "For y = x/α as a function of s = σ/α. So it has order 1.",
            "b": "That is near to DPM-Solver-2, which asks in the middle of a step.",
            "c": "It adds no noise.",
            "d": "In y and s the flow is dy/ds = guess, and any solver may be used.",
        },
    ),
    Question(
        "At ten evaluations sampler A ends twice as near to the exact end of the flow as sampler B. Whose samples are "
        "better?",
        {
            "a": "A's: a smaller error of the path means a smaller error of the density",
            "b": "B's: errors of the path act as noise does, and mix the samples",
            "c": "They are equally good: both follow the same flow",
            "d": "One has to measure the samples",
        },
        answer="d",
        explain={
            "a": "Often, and not always: a sample may miss its own end and still be a good sample, as the SDE's are.",
            "b": "An error is no noise. It may be the same for all samples, and shift the density.",
            "c": "They follow it with errors.",
            "d": "The distance of densities is a measure of its own.",
        },
    ),
)
