"""Homework 4, the self-checks: log_density, sample_and_log_density, noisy_log_density, score, probability_flow,
model_log_density, estimate, log_density_variance, fewest, mean_velocity, fit.

They know what is right on an example, and what many mistakes lead to there, as numbers from example.json. What is
handed in is looked at on other numbers, and by another program, so that it helps nobody to satisfy this file alone.
Parts 4 and 5: hw4_checks_more.py.
"""

import hw4
import numpy as np
from handin import SelfCheck
from hw4_checks_more import estimate, fewest, fit, log_density_variance, mean_velocity
from hw4_known import compared, numbers, said, two

from nodekit.classroom.watch import Wrong


def given(part):
    return hw4.inputs(part, *hw4.tried.EXAMPLE)


def log_density(f, jacobian, log_base, x, t0, t1):
    """The signature that the check expects."""


def check_log_density(log_density):
    got = []
    for f, x, t0, t1 in given(1):
        value = log_density(f, f.jacobian, hw4.tried.log_base, x, t0, t1)
        got.append(numbers(value, (len(x),), "the log density", "one number for each state"))
    advice = (
        "Where would it be right? Try f = 0, where it is log_base(x), and f = a x for a number a, whose trace is 3a."
    )
    off = compared("log_density", got, "the log density", advice)
    return f"The log density is right for six fields and both orders of the times, {said(off)}."


log_density = SelfCheck(
    log_density,
    check_log_density,
    seconds=30.0,
    hints=(
        "Lesson 10, section 4: go from x back to where the base density is known, with one more number that adds up "
        "the trace.",
        "A state of shape (n, 4) does it for all rows at once. np.trace(J, axis1=1, axis2=2) has one a row.",
        "Solve from t1 to t0 and take .y[-1]: log_base of its first three columns, and the fourth to add to it. The "
        "solver's times may rise or fall.",
    ),
)


def sample_and_log_density(f, jacobian, log_base, z, t0, t1):
    """The signature that the check expects."""


def check_sample_and_log_density(sample_and_log_density):
    got = []
    for f, z, t0, t1 in given(1):
        x, log_p = two(sample_and_log_density(f, f.jacobian, hw4.tried.log_base, z, t0, t1), "x and its log density")
        if np.shape(x) == (len(z),) and np.shape(log_p) == z.shape:
            raise Wrong("Return the sample first, and then its log density.")
        x = numbers(x, z.shape, "the sample", "a row for each z")
        log_p = numbers(log_p, (len(z),), "its log density", "one number for each state")
        got.append(np.column_stack([x, log_p]))
    advice = "Ask your own log_density about the sample: it must give the same number."
    off = compared("sample_and_log_density", got, "the sample with its log density", advice)
    return f"Samples and their log density are right for six fields, {said(off)}."


sample_and_log_density = SelfCheck(
    sample_and_log_density,
    check_sample_and_log_density,
    seconds=30.0,
    hints=(
        "It is the other direction of the same solve: z is known at t0, and its log density there is log_base(z).",
        "From t0 to t1 the log density changes by minus the integral of the trace.",
        "Solve from t0 to t1 with the same four numbers: x is the first three, and log_base(z) minus the fourth.",
    ),
)


def noisy_log_density(x, alpha, sigma, pump):
    """The signature that the check expects."""


def on_mixtures(function, shape, what, each):
    """What a function of part 2 gives on the example. Raises Wrong where an exponential has underflowed."""
    got = []
    for i, (x, alpha, sigma, pump) in enumerate(given(2)):
        value = numbers(function(x, alpha, sigma, pump), shape(x), what, each, finite=False)
        if not np.isfinite(value).all():
            if i == 3:
                raise Wrong(
                    "Far from all modes it is not finite: there every exp(...) underflows to 0. Take the largest "
                    "logarithm out first (np.logaddexp.reduce)."
                )
            raise Wrong(f"{what} is not finite, at sigma = {sigma:.2f}. (With sigma = 0 there is no noise at all.)")
        got.append(value)
    return got


def check_noisy_log_density(noisy_log_density):
    got = on_mixtures(noisy_log_density, lambda x: (len(x),), "the log density", "one number for each state")
    advice = "A mode in noise is normal with the mean α m and the covariance α² L Lᵀ + σ² I. Try a pump with one mode."
    off = compared("noisy_log_density", got, "the log density", advice)
    return f"The log density is right for eight pumps, with and without noise, near and far, {said(off)}."


noisy_log_density = SelfCheck(
    noisy_log_density,
    check_noisy_log_density,
    hints=(
        "Lesson 22, section 2, with a whole covariance in place of a spread: a mode in noise is normal again. What are "
        "its mean and its covariance, if a reading is α times (m + L z) plus σ times other noise?",
        "α m, and α² L Lᵀ + σ² I. Its log density has -½ dᵀ S⁻¹ d, -½ log det S and -3/2 log 2π.",
        "np.linalg.solve(S, d) and np.linalg.slogdet(S)[1] for each mode, plus the logarithm of its weight. Over the "
        "modes np.logaddexp.reduce adds up what stands in logarithms.",
    ),
)


def score(x, alpha, sigma, pump):
    """The signature that the check expects."""


def check_score(score):
    got = on_mixtures(score, lambda x: x.shape, "the score", "a row for each state")
    advice = "Compare it with differences of your own noisy_log_density, at a step of 1e-5: it is its gradient by x."
    off = compared("score", got, "the score", advice)
    return f"The score is right for eight pumps, with and without noise, near and far, {said(off)}."


score = SelfCheck(
    score,
    check_score,
    hints=(
        "The score of a single normal density is -S⁻¹ (x - mean). And that of a mixture?",
        "The gradient of log Σ p_k is Σ (p_k / Σ p) ∇log p_k: each mode's own score, weighted with its share at x.",
        "share = np.exp(logs - np.logaddexp.reduce(logs, axis=modes, keepdims=True)), with the logs of "
        "noisy_log_density. No density is divided by another.",
    ),
)


def probability_flow(score, score_jacobian, schedule):
    """The signature that the check expects."""


def check_probability_flow(probability_flow):
    flows, jacobians = [], []
    for score, schedule, t, x in given(3):
        f, jacobian = two(probability_flow(score, score.jacobian, schedule), "f and jacobian")
        if not callable(f) or not callable(jacobian):
            raise Wrong("f and jacobian are two functions of (t, x); return them without calling them.")
        flows.append(numbers(f(t, x.copy()), x.shape, "the field", "a row for each state"))
        jacobians.append(numbers(jacobian(t, x.copy()), (*x.shape, 3), "its Jacobian", "a matrix for each state"))
    advice = "With score = -x the density stays the standard normal one, and the field has to be 0."
    off = compared("flow", flows, "the field", advice)
    advice = "The field is right. Compare its Jacobian with differences of the field, column by column."
    off = max(off, compared("jacobian", jacobians, "its Jacobian", advice))
    return f"The field and its Jacobian are right for six scores, {said(off)}."


probability_flow = SelfCheck(
    probability_flow,
    check_probability_flow,
    hints=(
        "Lesson 22, section 2: f - ½ g² score. What are f and g in dx = -½ β(t) x dt + √β(t) dW?",
        "f = -½ β x and g² = β. The Jacobian is the same expression, with the identity in place of x and "
        "score_jacobian in place of the score.",
        "def f(t, x): return -schedule.beta(t) / 2 * (...), and the same for jacobian with np.eye(3) + ...",
    ),
)


def model_log_density(score, score_jacobian, schedule, x):
    """The signature that the check expects."""


def check_model_log_density(model_log_density):
    got = []
    for score, schedule, _, x in given(3):
        value = model_log_density(score, score.jacobian, schedule, x)
        got.append(numbers(value, (len(x),), "the log density", "one number for each state"))
    advice = "With score = -x the samples are standard normal, at every time. Is your log density that of x itself?"
    off = compared("model_log_density", got, "the log density", advice)
    return f"The log density of the samples is right for six scores, {said(off)}."


model_log_density = SelfCheck(
    model_log_density,
    check_model_log_density,
    seconds=30.0,
    hints=(
        "You have all of it: part 1 has the log density along any flow, and probability_flow is one.",
        "Which time is t0, at which the base density is known, and which t1, at which x is given?",
        "The base is standard normal in three dimensions at time 1, and x is at hw4.EARLY.",
    ),
)

for check in (estimate, log_density_variance, fewest, mean_velocity, fit):
    check._module = globals()  # a student calls them by this file's name
