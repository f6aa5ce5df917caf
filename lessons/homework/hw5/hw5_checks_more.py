"""Homework 5, the self-checks of missing_term and learn, which are judged by what they find."""

import hw5
import numpy as np
from handin import SelfCheck
from hw5_examples import given, numbers

from nodekit.classroom.watch import Wrong


def missing_term(t, y, sigma, known, library):
    """The signature that the check expects."""


HELP = {
    (
        "found",
        "library wrong",
    ): "The library has the term, and the misfit is 1 by the right noise. What is the noise of "
    "a difference of two values of v? And does no row cross a gap?",
    ("found", "cannot be told"): "These data are rich enough. Is your threshold too high, or the noise too large?",
    ("library wrong", "found"): "The true term is not in this library: look at what is left, in units of the noise.",
    ("library wrong", "cannot be told"): "What is left is well above the noise here, whatever the bootstraps say.",
    (
        "cannot be told",
        "found",
    ): "With such small waves bootstraps keep other terms each time: look at their agreement.",
    (
        "cannot be told",
        "library wrong",
    ): "What is left is the noise here. Is it that of a difference of two values of v?",
}


def check_missing_term(function):
    good = []
    for record, known, library, coefficient, name, kind in given(3):
        value = function(record.t.copy(), record.y.copy(), record.sigma.copy(), known, library)
        if not (isinstance(value, tuple | list) and len(value) == 2):
            raise Wrong("Two things are returned: the verdict and the coefficients.")
        verdict, found = value
        if verdict not in hw5.VERDICTS:
            raise Wrong(f"The verdict is {str(verdict)[:40]!r}; it is one of {', '.join(map(repr, hw5.VERDICTS))}.")
        if verdict != kind:
            raise Wrong(f'It is "{kind}", and you say "{verdict}". {HELP[kind, verdict]}')
        if kind != "found":
            continue
        found = numbers(found, "the coefficients")
        if found.shape != (len(library.names),):
            raise Wrong(f"The coefficients have shape {found.shape}: one for each term, ({len(library.names)},).")
        right = np.array([coefficient if term == name else 0.0 for term in library.names])
        if np.allclose(found, -right, rtol=0.05, atol=0.01):
            raise Wrong(
                "The coefficients have their sign turned: the term is what v' has in addition to what is known."
            )
        if np.allclose(np.abs(found), right != 0, atol=0.1):
            raise Wrong("These are shares, without units. The coefficients are wanted.")
        if hw5.scaled_miss(found, right) > 0.02:
            raise Wrong(f"The formula is {found.round(3)}, and {coefficient:.3f} {name} was expected, to 2%.")
        good.append(hw5.scaled_miss(found, right))
    return f"Six verdicts are right, and what is found is right to {max(good):.1%}."


missing_term = SelfCheck(
    missing_term,
    check_missing_term,
    seconds=60.0,
    hints=(
        "Lesson 26, section 7: nodekit.analysis.identifiability on your rows.",
        "Each row is a difference of two values of v, whose noise is √2 σ of v. The threshold 0.2 will do.",
        "report = identifiability(theta, change, 2**0.5 * sigma[1], 0.2, library.names); report.verdict[0]",
    ),
)


def learn(t, y, sigma, known):
    """The signature that the check expects."""


def check_learn(function):
    record, known, law = given(4)
    answer = hw5.tried.learnt(function, record.t.copy(), record.y.copy(), record.sigma.copy(), known)
    for key in ("friction", "range"):
        if isinstance(answer[key], dict):
            raise Wrong(answer[key]["error"])
    found, v = numbers(answer["friction"], "the friction"), record.y[:, 1]
    speeds = hw5.tried.SPEEDS
    if found.shape != speeds.shape:
        raise Wrong(f"The friction has shape {found.shape} at {len(speeds)} velocities: one number for each.")
    been = (speeds > np.quantile(v, 0.02)) & (speeds < np.quantile(v, 0.98))
    right, found = law(speeds)[been], found[been]
    off = np.sqrt(np.mean((found - right) ** 2) / np.mean(right**2))
    if not off <= 0.03:
        why = "Compare with what a line through the rates would give, and train longer."
        if not np.ptp(found):
            why = "It does not depend on the velocity."
        elif np.corrcoef(found, right)[0, 1] < -0.9:
            why = "Its sign is turned: the friction is added to v', and is against the motion."
        elif np.std(found - np.polyval(np.polyfit(speeds[been], found, 1), speeds[been])) < 1e-6:
            why = "It is a straight line, and the law is none."
        raise Wrong(f"Where the plant has been the friction is off by {off:.1%}; 3% is asked for. {why}")
    low, high = (float(end) for end in answer["range"])
    if low > high:
        raise Wrong(f"The range is from {low:.2f} to {high:.2f}: low comes first.")
    if low < v.min() - 0.02 * np.ptp(v) or high > v.max() + 0.02 * np.ptp(v):
        raise Wrong(
            f"You vouch for {low:.2f} to {high:.2f}, and were given {v.min():.2f} to {v.max():.2f}. "
            "Beside the data a network invents."
        )
    if low > np.quantile(v, 0.04) or high < np.quantile(v, 0.96):
        raise Wrong(f"You vouch for {low:.2f} to {high:.2f} alone; there are data from {v.min():.2f} to {v.max():.2f}.")
    return f"The friction is right to {off:.1%} from {low:.2f} to {high:.2f}, where you vouch for it."


learn = SelfCheck(
    learn,
    check_learn,
    seconds=90.0,
    hints=(
        "HybridField(known, network), where the network takes (..., 3) and gives (..., 3): 0, its law of v, 0. Train "
        "it to get from each moment to the next.",
        "All intervals in one solve, as in lesson 19: with t = t_i + s h_i, dy/ds = h_i f(t_i + s h_i, y), s from 0 to "
        "1, y (n, 3), and t_i and h_i (n, 1). Leave out the gap. rk4 with step 0.5 is exact enough.",
        "A net of 1-16-16-1 with tanh, in double, and L-BFGS with 150 iterations and strong_wolfe on the mean of "
        "((v at the end - v seen) / σ)². The range is where v was.",
    ),
)
