"""The exercises of lesson 26, Universal differential equations."""

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "A network takes the place of the question marks and is trained on one recording, until it follows that recording "
    "within the noise, five counts at a time. What does it know of the missing part then?",
    {
        "a": "The law: its values for all prey and predators.",
        "b": "Its values along the recorded path, and little beside it.",
        "c": "Nothing that is of use, since it has hundreds of weights and sees about a hundred numbers.",
    },
    answer="b",
    explain={
        "a": "The recording is one curve through the plane. Nothing in the loss speaks of the rest.",
        "b": "On the path it is within 2%; over the box around it, it is off by a fifth to a third.",
        "c": "Along the path it is right to a percent or two: the solver ties it to the data there.",
    },
)

second_guess = Prediction(
    "We take the right term, u·v, out of the library, and run the same sparse regression on a long recording. How does "
    "it tell us that something is missing?",
    {
        "a": "It keeps no term at all.",
        "b": "Not at all: it gives a formula of other terms, in the same words as before.",
        "c": "Its coefficients become huge.",
    },
    answer="b",
    explain={
        "a": "Other terms look somewhat like u·v along a path, so it takes them.",
        "b": "It selects within its library, whatever that is. Section 5 shows how one sees what is missing.",
        "c": "They are of size one. Huge ones are a sign of something else, of terms that can replace each other.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def shares(theta, target, c):
    """The share of each term: its size over all rows, times the size of its coefficient, relative to the target.

    theta: (n, p), a column for each term. target: (n,). c: (p,), the coefficients. Sizes over rows are root mean
    squares. Returns (p,), numbers >= 0 without units.
    """
    return np.abs(c) * np.sqrt((theta**2).mean(0)) / np.sqrt((target**2).mean())


def check_shares(shares):
    rng = np.random.default_rng(261)
    for n, p in ((7, 3), (12, 5), (4, 1)):
        theta = rng.normal(size=(n, p)) * 10.0 ** rng.uniform(-2, 3, size=p) + rng.normal(size=p)
        c, target = rng.normal(size=p), 5 * rng.normal(size=n) + 2
        rms = lambda a: np.sqrt((a**2).mean(0))  # noqa: E731
        right = np.abs(c) * rms(theta) / rms(target)
        mistakes = {
            "Shares are sizes: take the absolute value of the coefficient.": c * rms(theta) / rms(target),
            "This is the size of the coefficient alone, which has units: multiply by the size of its column.": np.abs(
                c
            ),
            "The target's size is missing: divide by it, so that the unit of the target drops out.": np.abs(c)
            * rms(theta),
            "You divide by the size of the column. Multiply: the term is coefficient times column.": np.abs(c)
            / rms(theta)
            / rms(target),
            "A column's mean is not its size: positive and negative rows cancel. Take the root mean square.": np.abs(c)
            * np.abs(theta.mean(0))
            / rms(target),
            "This is the standard deviation, the size after the mean has been taken off. Take the root mean square.": (
                np.abs(c) * theta.std(0) / target.std()
            ),
            "These are the squares: take the root.": right**2,
            "The mean runs over the terms. It has to run over the rows, one size for each column.": (
                np.abs(c) * np.sqrt((theta**2).mean()) / rms(target)
            ),
            "One of your two sizes is a root of a sum over the rows, and the other of a mean.": right * n**0.5,
        }
        same_values(shares(theta, target, c), right, 1e-10, "the shares", mistakes)
    return "Right for 1, 3 and 5 terms, whose columns differ by up to five orders of magnitude."


shares = Exercise(
    shares,
    check_shares,
    hints=(
        "What a term contributes to a row is its coefficient times its column's entry. How large is that, typically?",
        "|c_j| times the root mean square of column j, divided by the root mean square of the target.",
        "np.abs(c) * np.sqrt((theta**2).mean(0)) / np.sqrt((target**2).mean())",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def coefficient_errors(theta, noise):
    """The standard deviation of the error of each least-squares coefficient.

    theta: (n, p), n > p, of rank p. noise: float > 0, the standard deviation of the independent errors of the n rows.
    Returns (p,).
    """
    return noise * np.sqrt(np.diag(np.linalg.inv(theta.T @ theta)))


def check_coefficient_errors(coefficient_errors):
    rng = np.random.default_rng(262)
    for n, p in ((20, 3), (9, 4), (6, 1)):
        theta = rng.normal(size=(n, p)) @ (np.eye(p) + 0.8 * np.triu(np.ones((p, p)), 1)) + rng.normal(size=p)
        theta, noise = theta * 10.0 ** rng.uniform(-1, 1, size=p), rng.uniform(0.2, 3.0)
        gram = theta.T @ theta
        inverse = np.linalg.inv(gram)
        right = noise * np.sqrt(np.diag(inverse))
        _, s, V = np.linalg.svd(theta)
        mistakes = {
            "These are the variances: take the root.": right**2,
            "The noise is missing.": right / noise,
            "The noise enters once, not squared: it stands outside of the root.": noise * right,
            "You have inverted the diagonal. Invert the matrix first, and take its diagonal then: the terms share the "
            "blame.": noise / np.sqrt(np.diag(gram)),
            "The diagonal of theta^T theta itself, not of its inverse: a larger column makes its coefficient surer.": (
                noise * np.sqrt(np.diag(gram))
            ),
            "These are the errors along the singular directions, noise / s. The coefficients' are mixtures of them.": (
                noise / s[:p]
            ),
            "Divided by the root of n once too often: the sum over the rows is in theta^T theta already.": (
                right / np.sqrt(n)
            ),
            "theta^T theta is a sum over the rows. Yours divides it by n, as a mean would.": (right * np.sqrt(n)),
            "The sum over (V_ij / s_i)² runs over the wrong index: over the singular values i, for each term j.": (
                noise * np.sqrt(((V[:p, :p] / s[:p]) ** 2).sum(1))
            ),
        }
        if p == 1:  # where several mistakes are none
            mistakes = {text: value for text, value in mistakes.items() if not np.allclose(value, right)}
        got = coefficient_errors(theta, noise)
        if np.shape(as_array(got, "your errors")) == (p, p) and p > 1:
            raise Wrong("This is a whole matrix (p, p). The variances of the coefficients are its diagonal.")
        same_values(got, right, 1e-8, "the errors", mistakes)
    return "Right for 1, 3 and 4 terms that depend on each other, with columns of different sizes."


coefficient_errors = Exercise(
    coefficient_errors,
    check_coefficient_errors,
    hints=(
        "Section 6 has the matrix of the variances and covariances of the coefficients.",
        "It is noise² times the inverse of theta^T theta. The variance of coefficient j is its entry (j, j).",
        "noise * np.sqrt(np.diag(np.linalg.inv(theta.T @ theta)))",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def blind_direction(theta):
    """The combination of terms that the rows see least, with coefficients for the columns brought to size one.

    theta: (n, p), n >= p >= 2. Divide each column by its root mean square; among all vectors of length 1, find the one
    whose combination of these columns is smallest. Returns (z, size): z (p,), of length 1, with its largest entry in
    size positive; size: float, the root mean square over the rows of the scaled columns times z.
    """
    scaled = theta / np.sqrt((theta**2).mean(0))
    z = np.linalg.svd(scaled, full_matrices=False)[2][-1]
    z = z * np.sign(z[np.argmax(np.abs(z))])
    return z, np.sqrt(((scaled @ z) ** 2).mean())


def check_blind_direction(blind_direction):
    rng = np.random.default_rng(263)
    for n, p in ((12, 4), (30, 3), (5, 2)):
        theta = rng.normal(size=(n, p))
        theta[:, -1] = theta[:, 0] * 2 - theta[:, p - 2] + 0.03 * rng.normal(size=n)
        theta = theta * 10.0 ** rng.uniform(-1, 1, size=p)
        rms = np.sqrt((theta**2).mean(0))
        scaled = theta / rms
        _, s, V = np.linalg.svd(scaled, full_matrices=False)
        turned = lambda z: z * np.sign(z[np.argmax(np.abs(z))])  # noqa: E731
        z = turned(V[-1])
        got = blind_direction(theta.copy())
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong("Return two things: the vector z and the size, (z, size).")
        found = as_array(got[0], "z")
        mistakes = {
            "The columns were not brought to size one: z depends on the units then.": turned(
                np.linalg.svd(theta, full_matrices=False)[2][-1]
            ),
            "This is the combination that the rows see best. The singular values fall: take the last.": turned(V[0]),
            "NumPy's svd returns V transposed: its rows are the directions, and you have taken a column.": turned(
                V[:, -1]
            ),
            "The sign: the largest entry has to be positive.": -z,
            "The columns were moved to mean zero. Only their sizes are wanted.": turned(
                np.linalg.svd((theta - theta.mean(0)) / rms, full_matrices=False)[2][-1]
            ),
        }
        same_values(found, z, 1e-7, "z", mistakes)
        size = np.sqrt(((scaled @ z) ** 2).mean())
        wrong_sizes = {
            "The size is the singular value: a root of a sum. Divide by the root of n for the root of the mean.": s[-1],
            "The size has to be of the scaled columns times z, and yours is of theta itself.": np.sqrt(
                ((theta @ z) ** 2).mean()
            ),
            "This is the condition number.": s[0] / s[-1],
            "This is the mean square: take the root.": size**2,
        }
        same_values(got[1], size, 1e-7, "the size", wrong_sizes)
    return "Right for 2, 3 and 4 terms, one of which nearly depends on the others."


blind_direction = Exercise(
    blind_direction,
    check_blind_direction,
    hints=(
        "The smallest |A z| over all z of length 1 belongs to the smallest singular value of A.",
        "np.linalg.svd(scaled, full_matrices=False) gives U, s, V; the rows of V are the directions, s falls.",
        "z = np.linalg.svd(scaled, full_matrices=False)[2][-1], turned so that its largest entry is positive",
    ),
)


quiz = Quiz(
    Question(
        "A hybrid field follows its recording within the noise. You start it from a state far from the recorded path. "
        "What do you expect?",
        {
            "a": "A good forecast, because part of the field is known exactly, and the rest has been learned.",
            "b": "Anything: the data say nothing about such states.",
            "c": "An error as large as the noise.",
        },
        "b",
        {
            "a": "The known part is right there. The sum is as wrong as the network.",
            "b": "In the box around the path it was off by a fifth to three fifths, and nothing in the loss shows it.",
            "c": "The noise bounds the error on the path, not beside it.",
        },
    ),
    Question(
        "Somebody counts the prey in thousands instead of singly, and thresholds the coefficients at 0.1. What happens "
        "to the formula?",
        {
            "a": "It may lose or gain terms.",
            "b": "Its coefficients change by factors of a thousand, and the terms stay.",
            "c": "Nothing.",
        },
        "a",
        {
            "a": "A threshold on coefficients, which have units, is a choice of units. With shares the terms stay.",
            "b": "They do change so, and therefore other coefficients fall below 0.1.",
            "c": "Each coefficient changes with the units of its term.",
        },
    ),
    Question(
        "The misfit is 1.1 of the noise, and the bootstraps keep three different sets of terms. What do you report?",
        {
            "a": "The formula, because it fits.",
            "b": "That the library is wrong, because a right one would give the same terms each time.",
            "c": "That these data cannot tell.",
        },
        "c",
        {
            "a": "Other formulas of the same library fit as well.",
            "b": "Then more than the noise would be left over.",
            "c": "What fits is known. Which of them is true, these data do not say.",
        },
    ),
    Question(
        "What makes two terms of a library hard to tell apart?",
        {
            "a": "Their columns are nearly proportional on the states that were recorded.",
            "b": "Their formulas look alike.",
            "c": "Their coefficients are of the same size.",
        },
        "a",
        {
            "a": "Only values on the data enter: near the equilibrium even u·v is nearly linear.",
            "b": "x and x³ look alike only where x is small; the data decide.",
            "c": "The coefficients are what is sought; the columns decide how well they can be found.",
        },
    ),
    Question(
        "With a network added, Lotka and Volterra's equations fit 14 years of hares about three times as well. What "
        "follows for the next seven years?",
        {
            "a": "A better forecast, because the equations have been corrected where they were wrong.",
            "b": "Nothing: the forecast has to be measured on years it has not seen.",
            "c": "A forecast that is as good, because the known part is unchanged.",
        },
        "b",
        {
            "a": "Here it was worse in all five seeds: with so few numbers the network also fits their errors.",
            "b": "Measured, it was off by about two to three times as much as the plain equations.",
            "c": "The forecast follows the sum of both parts.",
        },
    ),
)
