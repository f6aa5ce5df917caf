"""Homework 2, the self-checks: field, field_vjp, steps_gradient, samples_gradient, growth, cheapest, fit.

They look at properties of what you wrote, on numbers of their own. What is handed in is looked at on other numbers, and
by another program, so that it helps nobody to satisfy this file alone.
"""

import hw2_tried
import numpy as np
from handin import SelfCheck

from nodekit.classroom.checks import as_array, same_values, several
from nodekit.classroom.watch import Wrong

THETA = np.array([5.0, 4.0, 0.6, 1.2])  # of the example: vmax, km, k12, k21


def field(t, x, theta):
    """The signature that the check expects."""


def check_field(field):
    table = {(6.0, 2.0): (3.0, 7.5), (1.0, 0.0): (1.0, 1.25), (36.0, 10.0): (4.5, 45.0), (0.0, 5.0): (0.0, 0.0)}
    for (c, p), (removed, linear) in table.items():
        out, back = 0.6 * c, 1.2 * p
        right = np.array([-removed - out + back, out - back])
        mistakes = {
            "The enzyme removes nothing: where is vmax c / (km + c)?": right + np.array((removed, 0)),
            "The enzyme brings the drug into the blood. It removes it: a minus.": right + np.array((2 * removed, 0)),
            "The exchange has its signs turned: k12 c leaves the blood, k21 p comes back.": np.array(
                [-removed + out - back, back - out]
            ),
            "c' is right. p' has its signs turned: what leaves the blood arrives in the tissue.": right * (1, -1),
            "k12 and k21 are exchanged. theta is (vmax, km, k12, k21), k12 belongs to c.": np.array(
                [-removed - 1.2 * c + 0.6 * p, 1.2 * c - 0.6 * p]
            ),
            "This enzyme is never busy, vmax c / km. It saturates.": right + np.array((removed - linear, 0)),
            "The two are in the other order: (c', p').": right[::-1],
            "vmax and km are exchanged: vmax stands above the line, km below it.": right
            + np.array((removed - 4.0 * c / (5.0 + c), 0)),
            "The exchange is k12 c - k21 p, with a rate for each way. Yours is k12 (c - p).": np.array(
                [-removed - 0.6 * (c - p), 0.6 * (c - p)]
            ),
            "The enzyme is in the blood alone: p' has no share in what it removes.": right + np.array((0, removed)),
            "The enzyme is in the blood alone: p' has no share in what it removes. ": right - np.array((0, removed)),
            "km + c stands below the line as a whole: vmax * c / (km + c), with brackets.": right
            + np.array((removed - linear - c, 0)),
        }
        got = as_array(field(0.0, np.array([c, p]), THETA.copy()), "the slope")
        same_values(got, right, 2e-11, f"the slope at c, p = {c}, {p}", mistakes)
    return "The slopes of the example are right."


field = SelfCheck(
    field,
    check_field,
    hints=(
        "c, p = x and vmax, km, k12, k21 = theta. Return one array of two numbers.",
        "The exchange stands in both equations, with opposite signs; the enzyme stands in the first alone.",
        "exchange = k12 * c - ...; c' is -(...) / (km + c) - exchange, p' is + exchange.",
    ),
)


def field_vjp(t, x, theta, a):
    """The signature that the check expects."""


POINTS = [  # x, ∂f/∂x, ∂f/∂θ
    ((6.0, 2.0), [[-0.8, 1.2], [0.6, -1.2]], [[-0.6, 0.3, -6, 2], [0, 0, 6, -2]]),
    ((36.0, 10.0), [[-0.6125, 1.2], [0.6, -1.2]], [[-0.9, 0.1125, -36, 10], [0, 0, 36, -10]]),
    ((1.0, 7.0), [[-1.4, 1.2], [0.6, -1.2]], [[-0.2, 0.2, -1, 7], [0, 0, 1, -7]]),
]


def check_field_vjp(field_vjp):
    for x, J, F in POINTS:
        J, F = np.array(J), np.array(F)
        for a in ((1.0, 0.0), (0.0, 1.0), (2.0, -3.0)):
            a, where = np.array(a), f"at x = {x}, a = {a}"
            by_x, by_theta = several(field_vjp(0.0, np.array(x), THETA.copy(), a.copy()), ("by_x", "by_theta"))
            if np.shape(by_x) == (4,) and np.shape(by_theta) == (2,):
                raise Wrong("The two products are in the other order: that for x comes first, then that for θ.")
            for got, right in ((by_x, J.T @ a), (by_theta, F.T @ a)):
                off = np.abs(got - right).max() if np.shape(got) == right.shape else 1.0
                if 2e-11 < off < 1e-4:
                    raise Wrong(
                        f"Nearly: off by {off:.0e} {where}, as differences are. The exact product is asked for."
                    )
            right = J.T @ a
            mistakes = {
                "For x you have ∂f/∂x times a. It is the transposed matrix: columns become rows.": J @ a,
                "The product for x has the opposite sign. (The minus of the adjoint equation does not belong here.)": (
                    -right
                ),
                "In the product for x the enzyme is missing.": right - a[0] * np.array([J[0, 0] + 0.6, 0]),
                "The derivative of vmax c / (km + c) by c is not vmax / (km + c): mind c below the line.": (
                    right - a[0] * np.array([J[0, 0] + 0.6 + 5 / (4 + x[0]), 0])
                ),
                "The derivative of vmax c / (km + c) by c is a quotient's: what is left above the line?": (
                    right - a[0] * np.array([J[0, 0] + 0.6 + 5 / (4 + x[0]) ** 2, 0])
                ),
                "The derivative of vmax c / (km + c) by c has something else above the line than vmax c.": (
                    right - a[0] * np.array([J[0, 0] + 0.6 + 5 * x[0] / (4 + x[0]) ** 2, 0])
                ),
                "In the product for x the tissue is missing: c and p stand in p' as well.": J[0] * a[0],
                "In the product for x the share of p, the second number, has the opposite sign.": right * (1, -1),
            }
            same_values(as_array(by_x, "the product for x"), right, 2e-11, f"the product for x {where}", mistakes)
            right = F.T @ a
            mistakes = {
                "The product for θ has the opposite sign.": -right,
                "The share of km has the opposite sign: a larger km makes the enzyme slower.": right * (1, -1, 1, 1),
                "In the product for θ the tissue is missing: k12 and k21 stand in p' as well.": np.array(
                    [right[0], right[1], F[0, 2] * a[0], F[0, 3] * a[0]]
                ),
                "k12 and k21 are exchanged in the product for θ.": right[[0, 1, 3, 2]],
            }
            same_values(as_array(by_theta, "the product for θ"), right, 2e-11, f"the product for θ {where}", mistakes)
    return "Both products are right at three states. Compare them with differences of your own field as well."


field_vjp = SelfCheck(
    field_vjp,
    check_field_vjp,
    hints=(
        "On paper: ∂f/∂x is 2 by 2, ∂f/∂θ is 2 by 4. Row i holds the derivatives of component i.",
        "The product (∂f/∂x)ᵀ a is the sum over both components: Σ_i a_i ∂f_i/∂c, and the same with ∂p.",
        "k12 and k21 act through the exchange alone, which has the weight a[1] - a[0] in every product.",
    ),
)


# ---- parts 2 and 3 -------------------------------------------------------------------------------------


def steps_gradient(f, vjp, x0, h, n, dl):
    """The signature that the check expects."""


steps_gradient = SelfCheck(
    steps_gradient,
    hw2_tried.steps,
    hints=(
        "Think of the slopes f_k as variables of their own, each with an adjoint κ_k = dL/df_k. Where does f_k act?",
        "f_k acts on x_{k+1} and on x_{k+2}; x_k acts on x_{k+1} directly, on ℓ_k, and through f_k.",
        "Backward: first κ_k from the two adjoints after it (mind k = 0 and k = n - 1), then vjp(k h, x_k, κ_k); its "
        "second array goes to dL/dθ, and dL/dx_k is dL/dx_{k+1} + its first array + dl(k, x_k).",
    ),
)


def samples_gradient(f, vjp, x0, times, dl):
    """The signature that the check expects."""


samples_gradient = SelfCheck(
    samples_gradient,
    hw2_tried.samples,
    seconds=30.0,
    hints=(
        "Lesson 06, section 6. One solve forward that gives the states at the samples, then one solve back from each "
        "sample to the one before it, the last one to time 0.",
        "The state of the way back is (x, a, g). On reaching a sample add its gradient to a. vjp(0.0, x0, x0)[1] tells "
        "how long g is. Forward, the times begin with 0.0, once; with two times alone nodekit.solve gives every step.",
        "The sample at time 0, if there is one: after the last solve, a is increased by dl(0, x0). Nothing happens to "
        "g. And the forward states are known at the samples, so that x can begin anew there.",
    ),
)


# ---- part 4 --------------------------------------------------------------------------------------------


def growth(problem):
    """The signature that the check expects."""


growth = SelfCheck(
    growth,
    hw2_tried.growth,
    seconds=30.0,
    hints=(
        "A small error e of the state obeys e' = J(t) e along the solution, in whichever direction time runs. "
        "Lesson 06, section 4.",
        "Solve forward for x(t) and keep its dense output. Then solve E' = J(t) E from T down to 0, from E(T) = I: "
        "its columns are what became of an error in z and of one in w. nodekit.solve takes a matrix as the state.",
        "The largest factor over all directions is np.linalg.norm(E, 2). Do not solve x itself backward.",
    ),
)


def cheapest(problem):
    """The signature that the check expects."""


cheapest = SelfCheck(
    cheapest,
    hw2_tried.cheapest,
    seconds=30.0,
    hints=(
        "Is it λ, or T, or both? Lesson 07, sections 1 and 2, and your own growth.",
        "Two roads: compare the adjoint's gradient with one that you trust; or ask how large an error at T (about "
        "atol) is when it has come back to 0.",
        'The choice is between "adjoint" and "checkpoint". The growths lie far apart: below 8, or above 25.',
    ),
)


# ---- part 5 --------------------------------------------------------------------------------------------


def fit(f, vjp, x0, times, y, sigma, guess):
    """The signature that the check expects."""


class Fit(SelfCheck):
    """The self-check of fit, which needs your field and its products as well."""

    def check(self, function, field=None, field_vjp=None):
        """Check fit with the field and the products of part 1; print one message."""
        self.given = field, field_vjp
        return super().check(function)


fit = Fit(
    fit,
    lambda function: hw2_tried.fit(function, *fit.given),
    seconds=40.0,
    hints=(
        "In q = log θ all parameters stay positive, and a step of 1 means a factor of e for each. By the chain rule "
        "the derivative by q_j is θ_j times that by θ_j.",
        "A sum of squares of fourteen residuals r: with their derivatives A (14, 4) the step of Gauss and Newton "
        "solves AᵀA s = -Aᵀr. Damped and clipped it does not run away, and it needs some ten steps.",
        "The columns of A: solve S' = J S + F beside x, from S(0) = 0; J and F are had from vjp with a = (1, 0) and "
        "(0, 1). Or differences of a solve, which cost five solves a step. A tolerance of 1e-5 is enough.",
    ),
)
