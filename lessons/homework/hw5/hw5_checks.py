"""Homework 5, the self-checks: field, states, misfit, fit, term_rows, missing_term, learn, response, forecast.

They look at what your functions return on an example. What is handed in is looked at on other numbers, and by another
program, so that it helps nobody to satisfy this file alone. missing_term and learn are in hw5_checks_more.py.
"""

import hw5
import numpy as np
from handin import SelfCheck
from hw5_checks_more import learn, missing_term
from hw5_examples import compared, example, given


def field(t, y, theta, power, plant):
    """The signature that the check expects."""


def check_field(function):
    off = compared("field", function, ["the slopes"], [(hw5.miss, 1e-5)], "Compare the three equations one by one.")
    return f"The slopes are right in four plants, to {max(off, 1e-15):.0e}."


field = SelfCheck(
    field,
    check_field,
    hints=(
        "y[..., 0], y[..., 1], y[..., 2] are x, v, p, whatever the shape of y; theta the same way: c, r, β.",
        "v' = push - k x - c p - β v|v|^(power - 1): abs(v) ** (power - 1) is 1 for power 1.",
        "torch.stack([v, plant.push(t) - ..., plant.b * v - r * p], -1)",
    ),
)


def states(theta, y0, times, power, plant):
    """The signature that the check expects."""


def check_states(function):
    advice = (
        "rtol and atol of nodekit.solve are 1e-6 and 1e-9 unless you say otherwise; they bound the error of a step."
    )
    off = compared("states", function, ["the states"], [(hw5.miss, 1e-5)], advice)
    return f"The states are right at uneven times, to {max(off, 1e-15):.0e}."


states = SelfCheck(
    states,
    check_states,
    seconds=30.0,
    hints=(
        "nodekit.solve takes the output times, and the first of them is where y0 is.",
        "So the times are 0 and then yours; what belongs to 0 is not returned.",
        "nodekit.solve(lambda t, y: field(t, y, theta, power, plant), y0, [0.0, *times.tolist()], rtol=1e-8, ...)",
    ),
)


def misfit(q, record):
    """The signature that the check expects."""


def check_misfit(function):
    advice = "Is every number that was seen in the sum once, with its own σ? Compare the gradient with differences."
    limits = [(hw5.scaled_miss, 1e-4), (hw5.scaled_miss, 1e-4)]
    off = compared("misfit", function, ["½ χ²", "its gradient"], limits, advice)
    return f"½ χ² and its gradient are right for two recordings, to {max(off, 1e-15):.0e}."


misfit = SelfCheck(
    misfit,
    check_misfit,
    seconds=60.0,
    hints=(
        "A tensor q that requires gradients, states(q[:3], q[3:], ...), the sum, backward(): nodekit.solve carries it.",
        "seen = ~np.isnan(record.y) picks the numbers of the model and of the recording. record.sigma is by column.",
        "((model - data) / sigma)[seen].square().sum() / 2, with data that hold no nan where seen is False",
    ),
)


def in_errors(got, right):
    """How far a fit is off, in its standard errors: the largest of the six."""
    errors = [row[1] for row in example()["fit"]["right"] if np.allclose(row[0], right)]
    return float(np.max(np.abs(got - right) / np.array(errors[0])))


def check_fit(function):
    advice = "Does the descent come to its end? The gradient there should be small beside what AᵀA makes of an error."
    limits = [(in_errors, 0.03), (hw5.ratio, 0.02)]
    compared("fit", function, ["q", "its standard errors"], limits, advice)
    return "Both fits are at the least χ², and the standard errors are right."


def fit(record):
    """The signature that the check expects."""


fit = SelfCheck(
    fit,
    check_fit,
    seconds=120.0,
    hints=(
        "Steps of Levenberg and Marquardt need the residuals and their derivatives A (n, 6). L-BFGS on misfit will do "
        "as well; then A is needed once, at the end.",
        "A by central differences, all twelve shifted q in one solve: field takes theta (..., 3) and y (..., 3). "
        "Begin at hw5.GUESS, and at the first number of each sensor.",
        "np.sqrt(np.diag(np.linalg.inv(A.T @ A))), where A has the residuals' derivatives, divided by σ",
    ),
)


def term_rows(t, y, known, library):
    """The signature that the check expects."""


def check_term_rows(function):
    advice = "nodekit.analysis.sparse.integral_rows for each stretch without a gap, one after the other."
    limits = [(hw5.miss, 1e-3), (hw5.scaled_miss, 1e-3)]
    compared("term_rows", function, ["the terms", "the change"], limits, advice)
    return "The rows are right, and none of them crosses the gap."


term_rows = SelfCheck(
    term_rows,
    check_term_rows,
    hints=(
        "First leave out the moments that lack a number. Then cut wherever a step is longer than hw5.LONGEST.",
        "np.flatnonzero(np.diff(t) > hw5.LONGEST) + 1 says where; np.split cuts. A stretch needs three moments.",
        "theta, change = integral_rows(library, t_part, y_part, known); change[:, 1] belongs to v. np.concatenate.",
    ),
)


def response(f, h0, t, y):
    """The signature that the check expects."""


def check_response(function):
    advice = "dh/ds = f(h) dX/ds along paths.linear(y, t), from one end to the other; tell the solver its breakpoints."
    off = compared("response", function, ["the response"], [(hw5.miss, 1e-5)], advice)
    f, h0, t, y = hw5.inputs(5, 0, 1)[0][0]
    middle = np.insert(y, range(1, len(y)), (y[1:] + y[:-1]) / 2, axis=0)
    more = np.insert(t, range(1, len(t)), (t[1:] + t[:-1]) / 2)
    ends = [np.array(function(f, h0.copy(), *pair)) for pair in ((t, y), (more, middle), (t**2, y))]
    moved = max(hw5.miss(end, ends[0]) for end in ends[1:])
    return f"Right to {max(off, 1e-15):.0e}. Points in between, or another clock, move it by {max(moved, 1e-15):.0e}."


response = SelfCheck(
    response,
    check_response,
    seconds=30.0,
    hints=(
        "Lesson 20: nodekit.paths.linear(y, t) fills missing numbers by lines; derivative(t), ends, breakpoints.",
        "h' = f(h) X'(t), where f(h) is (3, 3) and X'(t) is (3,).",
        "nodekit.solve(lambda t, h: f(h) @ X.derivative(t), h0, X.ends, breakpoints=X.breakpoints, rtol=1e-9, ...)",
    ),
)


def forecast(record, later):
    """The signature that the check expects."""


def check_forecast(function):
    advice = (
        "The states of the fitted model; their derivatives G by q make of the fit's covariance C that of the states."
    )
    record = given(5)[1][0][0]
    limits = [(lambda got, right: hw5.from_mean(got, right, record), 0.006), (hw5.ratio, 0.02)]
    compared("forecast", function, ["the states", "their standard deviations"], limits, advice)
    return "Forecasts and their standard deviations are right."


forecast = SelfCheck(
    forecast,
    check_forecast,
    seconds=120.0,
    hints=(
        "fit gives q and, by A, its covariance C = (AᵀA)⁻¹. The states at later times are a function of q.",
        "G (n, 3, 6), the derivatives of the states by q, by central differences as in fit. Then G C Gᵀ for each time.",
        "np.sqrt(np.einsum('nij,jk,nik->ni', G, C, G))",
    ),
)

for check in (missing_term, learn):
    check._module = globals()  # a student calls them by this file's name
