"""Homework 1, the self-checks: field, jacobian, rest, largest_stable_step, implicit_step, period, setting.

They look at properties of what you wrote, on numbers of their own. What is handed in is looked at on other numbers, and
by another program, so that it helps nobody to satisfy this file alone. Parts 3 to 5: hw1_checks_more.py.
"""

from dataclasses import replace

import hw1
import numpy as np
from handin import SelfCheck
from hw1_checks_more import EXAMPLE, implicit_step, period, setting  # noqa: F401, a student asks hw1_checks.setting

import nodekit
from nodekit.classroom.checks import as_array, same_values
from nodekit.classroom.watch import Wrong


def field(x, cell):
    """The signature that the check expects."""


def check_field(field):
    expected = {
        (0.5, -0.4): (13.583333333333334, 1.52),
        (-1.8, 0.9): (-2.56, -1.82),
        (2.0, 1.5): (-16.666666666666668, 1.5),
    }
    for x, right in expected.items():
        v, w = x
        got = as_array(field(np.array(x), EXAMPLE), "the slope")
        mistakes = {
            "ε v' is v - v³/3 - w + I. It is v' that is wanted: divide by ε.": np.array(right) * (EXAMPLE.epsilon, 1),
            "You multiply by ε. v' is (v - v³/3 - w + I) / ε.": np.array(right) * (EXAMPLE.epsilon**2, 1),
            "The current I is missing.": np.array(right) - (EXAMPLE.current / EXAMPLE.epsilon, 0),
            "The current I has the wrong sign.": np.array(right) - (2 * EXAMPLE.current / EXAMPLE.epsilon, 0),
            "In v' the recovery w has a minus.": np.array(right) - (-2 * w / EXAMPLE.epsilon, 0),
            "The cubic term is v³/3: the third is missing.": np.array(right) - (2 * v**3 / 3 / EXAMPLE.epsilon, 0),
            "v' is right. Mind the signs of w' = v + a - b w.": np.array((right[0], v + EXAMPLE.a + EXAMPLE.b * w)),
            "v' is right. In w' = v + a - b w the a has a plus.": np.array((right[0], v - EXAMPLE.a - EXAMPLE.b * w)),
            "v' is right. w' is v + a - b w, not divided by ε.": np.array(right) / (1, EXAMPLE.epsilon),
            "v' is right. w' is v + a - b w, without ε.": np.array(right) * (1, EXAMPLE.epsilon),
            "The two are in the other order: (v', w').": np.array(right[::-1]),
            "v' is right. In w' it is b w that is taken away, not b v.": np.array((right[0], v + EXAMPLE.a - 0.8 * v)),
            "In v' the whole sum is divided by ε: only I is, without brackets around the rest.": np.array(
                (v - v**3 / 3 - w + EXAMPLE.current / EXAMPLE.epsilon, right[1])
            ),
            "In v' only the last of what you add is divided by ε: brackets around the sum.": np.array(
                (v - v**3 / 3 + EXAMPLE.current - w / EXAMPLE.epsilon, right[1])
            ),
            "// cuts off what is behind the point: divide by /.": np.array((np.floor(right[0]), right[1])),
            "In w' it is v that counts, and not v', which you have put in its place: compute both from x.": np.array(
                (right[0], right[0] + EXAMPLE.a - EXAMPLE.b * w)
            ),
        }
        other = field(np.array(x), replace(EXAMPLE, epsilon=0.2, current=0.1, a=0.6))
        if np.array_equal(got, other) and np.any(got):
            raise Wrong("Another cell has the same slope: do you use the global cell, and not the one that is given?")
        same_values(got, np.array(right), 1e-10, f"the slope at v, w = {x}", mistakes)
    return "The slopes of the example cell are right."


field = SelfCheck(
    field,
    check_field,
    hints=(
        "x is the array (v, w): v, w = x. The cell's numbers are cell.epsilon, cell.a, cell.b, cell.current.",
        "Divide the first equation by ε. The second has no ε.",
        "np.array([(...) / cell.epsilon, ...])",
    ),
)


def jacobian(x, cell):
    """The signature that the check expects."""


def check_jacobian(jacobian):
    at = np.array([0.5, -0.4])
    right = np.array([[7.5, -10.0], [1.0, -0.8]])
    mistakes = {
        "Transposed: row 0 holds the derivatives of v', by v and by w.": right.T,
        "Row 0 is not divided by ε.": right * ((EXAMPLE.epsilon,), (1.0,)),
        "Only row 0 is divided by ε.": right / ((1.0,), (EXAMPLE.epsilon,)),
        "∂v'/∂w: w has a minus in v'.": right * ((1.0, -1.0), (1.0, 1.0)),
        "∂w'/∂w: b w has a minus in w'.": right * ((1.0, 1.0), (1.0, -1.0)),
        "The derivative of -v³/3 is -v².": right * ((0.0, 1.0), (1.0, 1.0)) + ((10 * (1 - 0.25 / 3), 0.0), (0.0, 0.0)),
        "The derivative of v³/3 is v², not 3 v².": right * ((0.0, 1.0), (1.0, 1.0)) + ((2.5, 0.0), (0.0, 0.0)),
    }
    got = as_array(jacobian(at, EXAMPLE), "the Jacobian")
    other = jacobian(at, replace(EXAMPLE, epsilon=0.2, b=0.5))
    if np.array_equal(got, other) and not np.array_equal(got, right):
        raise Wrong("Another cell has the same Jacobian: do you use the global cell, and not the one that is given?")
    if got.shape == right.shape and 1e-10 < np.abs(got - right).max() < 1e-4:
        raise Wrong("Nearly: this is a Jacobian by differences. The exact one is asked for, by hand.")
    same_values(got, right, 1e-10, f"the Jacobian at {at}", mistakes)
    for v, slope_there in ((-1.8, -22.4), (0.0, 10.0), (2.0, -30.0)):
        J = as_array(jacobian(np.array([v, 0.3]), EXAMPLE), "the Jacobian")
        same_values(J[0, 0], np.float64(slope_there), 1e-10, f"∂v'/∂v at v = {v}")
    return "The Jacobian of the example cell is right. Compare it with differences of your own field as well."


jacobian = SelfCheck(
    jacobian,
    check_jacobian,
    hints=(
        "Row i holds the derivatives of component i, by v and by w. Two of the four entries are constants.",
        "On paper: ∂v'/∂v, ∂v'/∂w in row 0, ∂w'/∂v, ∂w'/∂w in row 1.",
        "np.array([[(1 - ...) / cell.epsilon, ...], [1.0, ...]])",
    ),
)


def rest(cell):
    """The signature that the check expects."""


def real_root(*coefficients):
    """The real root of a cubic that has one only."""
    roots = np.roots(coefficients)
    return roots[np.abs(roots.imag).argmin()].real


def check_rest(rest):
    for v, w in ((-1.2, -0.625), (0.1, 1.0), (-2.0, -1.625), (1.7, 3.0)):
        got = as_array(rest(EXAMPLE.resting_at(v)), "the state of rest")
        if got.dtype.kind == "c":
            raise Wrong(
                "The state of rest is complex. np.roots gives complex numbers: take the real root, and its .real."
            )
        if got.shape != (2,):
            raise Wrong(f"The state of rest is the array (v, w), of shape (2,); yours has shape {got.shape}.")
        cell = EXAMPLE.resting_at(v)
        without = real_root(-1 / 3, 0.0, 1 - 1 / cell.b, -cell.a / cell.b)
        mistakes = {
            "This is (w, v): the order is (v, w).": np.array((w, v)),
            "The current I is missing.": np.array((without, (without + cell.a) / cell.b)),
            "Only v is right.": np.array((v, got[1])),
        }
        off = np.abs(got - (v, w)).max()
        if 2e-9 < off < 1e-4:
            raise Wrong(f"Nearly: the state of rest is off by {off:.0e}, and 1e-8 is wanted, here 2e-9.")
        same_values(got, np.array((v, w)), 2e-9, "the state of rest", mistakes)
    return "The state of rest of four cells is right."


rest = SelfCheck(
    rest,
    check_rest,
    hints=(
        "Both slopes are 0. The second equation gives w from v, and the first is then an equation for v alone.",
        "A cubic in v: np.roots takes its coefficients, highest power first. Only one root is real, since b < 1.",
        "Which one? The root with the smallest |imaginary part|: roots[np.abs(roots.imag).argmin()].real",
    ),
)


def largest_stable_step(jacobian, method):
    """The signature that the check expects."""


def growth(J, method, h):
    """By how much one step of size h lengthens what it lengthens most in the long run, on x' = J x. Returns float."""
    columns = [nodekit.solve(lambda t, x: J @ x, e, (0.0, h), method=method, step=h).y[-1] for e in np.eye(len(J))]
    return float(np.abs(np.linalg.eigvals(np.transpose(columns))).max())


def check_largest_stable_step(largest_stable_step):
    for seed, method in ((1, "euler"), (2, "euler"), (1, "dopri5"), (2, "dopri5")):
        for turning in (False, True):
            J = hw1.stable_matrix(np.random.default_rng(seed), turning)
            h = as_array(largest_stable_step(J, method), "the step")
            if h.shape != () or h.dtype.kind == "c" or not 0 < h < np.inf:
                raise Wrong(f"The largest step is one positive number; yours is {h!r}.")
            h, what = float(h), f"With {method}, on a matrix with {'complex' if turning else 'real'} eigenvalues,"
            far = (
                "A limit on the negative axis does not hold beside it."
                if turning
                else "Is it this method's limit, and for the fastest λ?"
            )
            why = (far, "The relative error may be 1e-6; this check, on other matrices, wants 2e-7.")
            for share in (0.2, 0.5, 0.8, 0.999, 1 - 1.5e-7):
                near = share > 0.999
                if growth(J, method, share * h) > 1 + 1e-9:
                    raise Wrong(
                        f"{what} a step of {share * h:.8g} already grows, and you allow up to {h:.8g}. {why[near]}"
                    )
            for share in (1.001, 1 + 1.5e-7):
                near = share < 1.001
                if growth(J, method, share * h) <= 1:
                    raise Wrong(
                        f"{what} a step of {share * h:.8g} is stable too, and you allow only {h:.8g}. {why[near]}"
                    )
    return "Below your largest step nothing grows, and just above it something does, for both methods."


largest_stable_step = SelfCheck(
    largest_stable_step,
    check_largest_stable_step,
    hints=(
        "x' = J x falls apart into x' = λ x, one for each eigenvalue. A step multiplies by R(hλ); λ may be complex.",
        "analysis.stability.stability_function(method, h * eigenvalues). Walk up in h until some |R| > 1, then bisect.",
        "Start at 0.01 / max|λ|, walk by as much, and bisect 60 times between the last stable h and the next one.",
    ),
)

for check in (implicit_step, period):
    check._module = globals()  # a student calls them by this file's name
