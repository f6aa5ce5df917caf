"""The exercises of lesson 21, Neural SDEs."""

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong
from nodekit.stochastic.methods import milstein

first_guess = Prediction(
    "On x' = 0 with the noise x dW, Euler's and Heun's solutions end at different values: their means over many paths "
    "are 0.99 and 1.63 with 64 steps. What becomes of this gap with 512 steps along the same noise?",
    {
        "a": "It becomes 8 times smaller: the worse of the two has order 1.",
        "b": "It becomes about 3 times smaller: noise makes a solver's error fall like √h.",
        "c": "It stays.",
        "d": "It grows: with more steps there is more noise.",
    },
    answer="c",
    explain={
        "a": "That would be so if both approached one solution. They approach two.",
        "b": "Each solver's own error does fall, Euler's like √h. But the two approach different limits.",
        "c": "It is 0.64 with 32 steps, with 128 and with 512. Each converges, to an equation of its own.",
        "d": "The noise over [0, 1] is the same, cut into shorter pieces.",
    },
)

second_guess = Prediction(
    "A neural SDE is trained by the mean squared difference between its samples and the data. The data have the noise "
    "σ = 0.8. Which σ does the network learn?",
    {
        "a": "About 0.8: with enough samples the loss is least where they are distributed as the data.",
        "b": "About 1.1: the loss adds the two variances, and the network makes up for the noise of the data.",
        "c": "Anything: the squared error does not depend on σ.",
        "d": "Nearly 0.",
    },
    answer="d",
    explain={
        "a": "The loss is not a distance of distributions: it punishes samples that are spread as the data are.",
        "b": "It does add the two variances, and the data's cannot be changed. So the model's own is made small.",
        "c": "It depends on σ: the variance of the samples is one of its terms.",
        "d": "The variance of the samples is added to the loss, so training removes it: 0.01 to 0.03 after 300 steps.",
    },
)


def random_functions(seed, d):
    """f, g and g's derivative dg, (t, x) -> (d,): g_i depends on t and on x_i alone, nothing is symmetric. And t, x."""
    rng = np.random.default_rng(seed)
    A, (b, c, s, x) = rng.normal(size=(d, d)), rng.normal(size=(4, d))

    def f(t, x):
        return np.tanh(A @ x + c * np.cos(2 * t)) + t * b

    def g(t, x):
        return b + s * np.sin((1 + c**2) * x + 3 * t)

    def dg(t, x):
        return s * (1 + c**2) * np.cos((1 + c**2) * x + 3 * t)

    return f, g, dg, rng.uniform(0.2, 1.5), x


# ---- 1 -------------------------------------------------------------------------------------------------


def to_stratonovich(f, g, dg):
    """The drift F with which dx = F dt + g ∘ dW is Itô's dx = f dt + g dW. Each x_i has its own noise.

    f, g, dg: functions (t, x) -> (d,); dg is the derivative of g_i by x_i. Returns a function (t, x) -> (d,).
    """
    return lambda t, x: f(t, x) - g(t, x) * dg(t, x) / 2


def check_to_stratonovich(to_stratonovich):
    for seed, d in enumerate((3, 1, 2, 5)):
        f, g, dg, t, x = random_functions(210 + seed, d)
        F = to_stratonovich(f, g, dg)
        if not callable(F):
            raise Wrong(f"A function (t, x) is to be returned, not a {type(F).__name__}: lambda t, x: ...")
        before = x.copy()
        got = F(t, x)
        if not np.array_equal(x, before):
            raise Wrong("Your function changed x itself: the caller's x is now different.")
        shift = g(t, x) * dg(t, x)
        same_values(
            got,
            f(t, x) - shift / 2,
            1e-10,
            "F(t, x)",
            {
                "This is the way back, from Stratonovich to Itô. Here ½ g g' is subtracted.": f(t, x) + shift / 2,
                "The ½ is missing.": f(t, x) - shift,
                "The ½ is missing, and the sign is that of the way back.": f(t, x) + shift,
                "This is f itself: nothing is translated.": f(t, x),
                "The factor g is missing: the shift is ½ g g', with both.": f(t, x) - dg(t, x) / 2,
                "The derivative of g is missing: the shift is ½ g g', not ½ g².": f(t, x) - g(t, x) ** 2 / 2,
                "This is the shift alone. It is to be taken from f.": shift / 2,
                "This is minus the shift. f is missing.": -shift / 2,
                "The time is missing somewhere: f, g and dg are taken at t.": f(0.0, x) - g(0.0, x) * dg(0.0, x) / 2,
                "Each x_i has its own noise, so nothing is summed over the components.": f(t, x) - shift.sum() / 2,
            },
        )
    return "Equal to f - ½ g g' on 4 random equations, in 1 to 5 dimensions, at times other than 0."


to_stratonovich = Exercise(
    to_stratonovich,
    check_to_stratonovich,
    hints=(
        "Section 4: f dt + g ∘ dW is Itô's (f + ½ g g') dt + g dW. Here Itô's drift is given and the other is wanted.",
        "Solve F + ½ g g' = f for F, with all of them at (t, x). It is a function that is returned.",
        "return lambda t, x: f(t, x) - g(t, x) * dg(t, x) / 2",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def milstein_without_dg(f, g, t, x, h, w):
    """Milstein's step for Itô's integral, with g g' by one more evaluation of g at time t.

    f, g: functions (t, x) -> (d,), each x_i with its own noise. t: float. x: (d,). h: float > 0. w: (d,), the changes
    of the noise. Returns x at t + h: (d,).
    """
    slope, noise, root = f(t, x), g(t, x), h**0.5
    beside = g(t, x + h * slope + root * noise)
    return x + h * slope + noise * w + (beside - noise) * (w**2 - h) / (2 * root)


def check_milstein_without_dg(milstein_without_dg):
    for seed, (d, h) in enumerate(((3, 0.1), (2, 0.02), (1, 0.5), (5, 0.25))):
        f, g, _, t, x = random_functions(214 + seed, d)
        w = np.sqrt(h) * np.random.default_rng(seed).normal(size=d)
        slope, noise, root = f(t, x), g(t, x), h**0.5
        right = milstein(f, lambda t, x, g=g: g(t, x)[None], t, x, h, w[None], True)
        euler = x + h * slope + noise * w
        more = right - euler
        beside = g(t, x + root * noise)
        mistakes = {
            "This is Euler and Maruyama's step: the term with (w² - h) is missing.": euler,
            "The -h is missing: without it this is Milstein's step for Stratonovich's integral.": euler
            + more * w**2 / (w**2 - h),
            "The term has the wrong sign.": euler - more,
            "The ½ is missing: the quotient is divided by 2 √h.": euler + 2 * more,
            "A difference quotient is divided by its distance: the √h below is missing.": euler + more * root,
            "The difference is over √h g, so it is divided by √h, not by h.": euler + more / root,
            "The second point is x + h f + √h g; here h f is missing.": euler
            + (beside - noise) * (w**2 - h) / (2 * root),
            "The second point is a distance √h g away, not w g: w may be 0.": euler
            + (g(t, x + h * slope + w * noise) - noise) * (w**2 - h) / (2 * root),
            "The second point is a distance √h g away, not √h.": euler
            + (g(t, x + h * slope + root) - noise) * (w**2 - h) / (2 * root),
            "The second g is taken at the time t, as the first.": euler
            + (g(t + h, x + h * slope + root * noise) - noise) * (w**2 - h) / (2 * root),
            "This is the change of x. Add x.": right - x,
            "The drift h f is missing.": right - h * slope,
            "It is w² - h: here the whole bracket is squared, or w is not.": euler + more * (w - h) / (w**2 - h),
        }
        same_values(milstein_without_dg(f, g, t, x, h, w), right, 1e-10, "the new x", mistakes)
    return "Equal to nodekit's milstein on 4 random equations, in 1 to 5 dimensions."


milstein_without_dg = Exercise(
    milstein_without_dg,
    check_milstein_without_dg,
    hints=(
        "Begin with Euler's step. What is left is ½ g g' (w² - h), and g g' is the slope of g along the direction g.",
        "Let beside = g(t, x + h f + √h g). Then g g' is about (beside - g) / √h.",
        "return x + h * f(t, x) + g(t, x) * w + (beside - g(t, x)) * (w**2 - h) / (2 * h**0.5)",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def bridge(s, w_s, u, w_u, t, z):
    """W(t) between W(s) = w_s and W(u) = w_u, from standard normal numbers z.

    s, t, u: floats, s < t < u. w_s, w_u, z: (d,). Returns (d,).
    """
    along = (t - s) / (u - s)
    return w_s + along * (w_u - w_s) + np.sqrt((t - s) * (u - t) / (u - s)) * z


def check_bridge(bridge):
    rng = np.random.default_rng(218)
    for s, u, t, d in ((0.3, 1.7, 0.6, 3), (-1.0, 0.5, 0.1, 1), (2.0, 2.02, 2.015, 2), (0.0, 3.0, 1.0, 4)):
        w_s, w_u, z = rng.normal(size=(3, d))
        a, variance = (t - s) / (u - s), (t - s) * (u - t) / (u - s)
        mean = (1 - a) * w_s + a * w_u
        right = mean + np.sqrt(variance) * z
        mistakes = {
            "You multiply z by the variance. Its root is the standard deviation.": mean + variance * z,
            "The two weights have changed places: near s, W(s) counts most.": a * w_s
            + (1 - a) * w_u
            + np.sqrt(variance) * z,
            "This is the formula for the middle, (W(s) + W(u))/2. Here t may lie anywhere between.": (w_s + w_u) / 2
            + np.sqrt(u - s) / 2 * z,
            "The mean is that of the middle. Weigh both ends as in linear interpolation.": (w_s + w_u) / 2
            + np.sqrt(variance) * z,
            "The spread is that of the middle, √(u - s)/2. It is smaller near the ends.": mean + np.sqrt(u - s) / 2 * z,
            "The noise is missing: this is the straight line between the ends.": mean,
            "This goes on from W(s) as if W(u) were not known.": w_s + np.sqrt(t - s) * z,
            "With so much noise the path need not arrive at W(u): the variance is (t-s)(u-t)/(u-s).": mean
            + np.sqrt(t - s) * z,
            "The division by u - s is missing in the variance.": mean + np.sqrt((t - s) * (u - t)) * z,
            "The noise has the wrong sign. In law that is the same, but the path should be this function of z.": mean
            - np.sqrt(variance) * z,
            "This is the noise alone. Add the straight line.": np.sqrt(variance) * z,
        }
        same_values(bridge(s, w_s, u, w_u, t, z), right, 1e-10, "W(t)", mistakes)
    return "Right mean and spread on 4 intervals, in 1 to 4 dimensions."


bridge = Exercise(
    bridge,
    check_bridge,
    hints=(
        "How far along is t? (t - s)/(u - s): 0 at s, 1 at u. The mean goes from w_s to w_u in a straight line.",
        "z has variance 1. To get variance v, multiply it by √v.",
        "a = (t - s) / (u - s); return (1 - a) * w_s + a * w_u + np.sqrt((t - s) * (u - t) / (u - s)) * z",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def ou_log_likelihood(x, dt, theta, m, sigma):
    """log p(x_1, ..., x_n | x_0) for dx = theta (m - x) dt + sigma dW, observed every dt.

    x: (n + 1,). dt, theta, m, sigma: floats, dt, theta, sigma > 0. Returns float.
    """
    kept = np.exp(-theta * dt)
    variance = sigma**2 / (2 * theta) * (1 - kept**2)
    off = x[1:] - m - kept * (x[:-1] - m)
    return float(-0.5 * np.sum(off**2 / variance + np.log(2 * np.pi * variance)))


def normal_log(off, variance):
    return float(-0.5 * np.sum(off**2 / variance + np.log(2 * np.pi * variance)))


def check_ou_log_likelihood(ou_log_likelihood):
    rng = np.random.default_rng(219)
    for n, dt, theta, m, sigma in ((5, 0.5, 1.2, 0.4, 0.8), (1, 1.0, 0.7, -1.0, 1.5), (40, 0.05, 3.0, 0.2, 0.4)):
        x = m + rng.normal(size=n + 1)
        kept, rest = np.exp(-theta * dt), sigma**2 / (2 * theta)
        variance = rest * (1 - kept**2)
        off = x[1:] - m - kept * (x[:-1] - m)
        right = normal_log(off, variance)
        back = x[:-1] - m - kept * (x[1:] - m)
        mistakes = {
            "The sign: this is minus the log likelihood.": -right,
            "The normalising -½ log(2π variance) is missing, once for each transition.": float(
                -0.5 * np.sum(off**2) / variance
            ),
            "The 2π is missing in -½ log(2π variance).": float(-0.5 * np.sum(off**2 / variance + np.log(variance))),
            "This is the mean. The log likelihood is the sum over the transitions.": right / n,
            "The variance is σ²/(2θ) (1 - e^(-2θΔ)): here the 2 in 2θ is missing.": normal_log(off, 2 * variance),
            "The variance has 1 - e^(-2θΔ), and not 1 - e^(-θΔ).": normal_log(off, rest * (1 - kept)),
            "This is the density for a long gap, after which the start is forgotten.": normal_log(x[1:] - m, rest),
            "This is Euler's step, with variance σ² Δ: near for short gaps only.": normal_log(
                x[1:] - x[:-1] - theta * (m - x[:-1]) * dt, sigma**2 * dt
            ),
            "m is missing in the mean: the process is pulled to m, not to 0.": normal_log(
                x[1:] - kept * x[:-1], variance
            ),
            "x_k and x_(k+1) have changed places.": normal_log(back, variance),
            "You divide by the variance once more, or by its square: (off)²/variance.": normal_log(off, variance**2),
            "σ² is meant, not σ.": normal_log(off, variance / sigma),
            "The normalising term counts once for each transition, not once.": float(
                -0.5 * np.sum(off**2) / variance - 0.5 * np.log(2 * np.pi * variance)
            ),
        }
        got = as_array(ou_log_likelihood(x, dt, theta, m, sigma), "the log likelihood")
        if got.shape == (n,) and n > 1:
            raise Wrong("One number is wanted: the sum over all transitions.")
        if got.shape == () and n == 1:
            mistakes.pop("This is the mean. The log likelihood is the sum over the transitions.")
            mistakes.pop("The normalising term counts once for each transition, not once.")
        same_values(got, np.float64(right), 1e-10, "the log likelihood", mistakes)
    return "Equal to the sum of the normal log densities for 3 processes."


ou_log_likelihood = Exercise(
    ou_log_likelihood,
    check_ou_log_likelihood,
    hints=(
        "Each transition is normal, and given its start independent of the others. So log densities are added.",
        "mean = m + exp(-theta dt) (x_k - m), variance = sigma²/(2 theta) (1 - exp(-2 theta dt)).",
        "return float(-0.5 * np.sum((x[1:] - mean)**2 / variance + np.log(2 * np.pi * variance)))",
    ),
)


quiz = Quiz(
    Question(
        "Two programs solve dx = x dW along one noise and differ by a factor of 1.6 at every step size. What is the "
        "likeliest reason?",
        {
            "a": "One of them uses a method of order ½",
            "b": "They approximate two integrals",
            "c": "The steps are still too long",
            "d": "One of them draws its noise anew",
        },
        answer="b",
        explain={
            "a": "A method of order ½ converges too, only more slowly. The factor would go to 1.",
            "b": "At t = 1 the two solutions are exp(W - ½) and exp(W): a factor of √e, at any step size.",
            "c": "Then the factor would change with the step.",
            "d": "Then the two would not lie along one noise, and the factor would be random.",
        },
    ),
    Question(
        "For which of these equations do Itô's and Stratonovich's integrals give the same solution?",
        {
            "a": "dx = -x dt + 0.5 dW",
            "b": "dx = 0.5 x dW",
            "c": "dx = sin(t) dt + sin(x) dW",
            "d": "For none: the integrals always differ",
        },
        answer="a",
        explain={
            "a": "The shift is ½ g g', and g = 0.5 does not depend on x.",
            "b": "Here g g' = 0.25 x, so the drifts differ by x/8.",
            "c": "Here g g' = sin(x) cos(x). What the drift is does not matter.",
            "d": "They differ by ½ g g', which is 0 if g does not depend on x.",
        },
    ),
    Question(
        "You want the mean of x(1)² over many paths, to one part in a thousand. Euler–Maruyama or Milstein?",
        {
            "a": "Milstein: its order is twice as high",
            "b": "Neither: only Heun converges to means",
            "c": "Euler–Maruyama is about as good: both have weak order 1",
            "d": "Euler–Maruyama, because its strong order is higher",
        },
        answer="c",
        explain={
            "a": "Its strong order is. For means both have order 1.",
            "b": "All three converge, each to its own integral.",
            "c": "Milstein's term has mean 0 and hardly touches averages.",
            "d": "Its strong order is ½, the lowest of the three.",
        },
    ),
    Question(
        "An adaptive solver rejects a step and draws a new number for the shorter one. Its tolerance goes to 0. Then",
        {
            "a": "its results become right, slowly",
            "b": "its paths become accurate, for a noise that is not Brownian motion",
            "c": "it rejects every step in the end",
            "d": "its noise gets too large, since every rejection adds some",
        },
        answer="b",
        explain={
            "a": "The mean of W(1)² stayed near 0.7 at three tolerances.",
            "b": "Large changes are thrown away and replaced. No tolerance repairs that.",
            "c": "At least every second attempt was accepted, at each tolerance.",
            "d": "Too small: large changes are rejected, small ones are kept.",
        },
    ),
    Question(
        "A neural SDE forecasts prices. Its mean is right, and its samples hardly scatter. What do you look at first?",
        {
            "a": "The loss: a squared error removes the scatter",
            "b": "The solver: Euler–Maruyama has too low an order",
            "c": "The seed of the Brownian path",
            "d": "The softplus, which makes the diffusion positive",
        },
        answer="a",
        explain={
            "a": "It adds the variance of the samples to the loss. Take a score that compares distributions.",
            "b": "Its error is a few per cent here. It does not make noise vanish.",
            "c": "Another seed is another path, which scatters as little.",
            "d": "It bounds the diffusion from below, by 0, and forbids no value above.",
        },
    ),
)
