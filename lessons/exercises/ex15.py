"""The exercises of lesson 15, Stiff Neural ODEs."""

import numpy as np

from nodekit.analysis.stiffness import rate_of_step
from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong
from nodekit.methods.explicit import METHODS

first_guess = Prediction(
    "On x' = λ (x - φ(t)) + φ'(t) the solution is x = φ(t), a sine wave, whatever λ is. kvaerno5 has order 5: with "
    "half the step its error is about 32 times smaller. So it is at λ = -1. And at λ = -1000?",
    {
        "a": "About 32 times smaller, too: the order belongs to the method, and the solution has not changed.",
        "b": "About 4 times smaller, as with a method of order 2.",
        "c": "More than 32 times smaller: the strong pull keeps the points on the solution.",
        "d": "Not smaller at all: with such a step no method works.",
    },
    answer="b",
    explain={
        "a": "The order was derived for small h|λ|. Here h|λ| is 60 and more, only the order of the stages is left.",
        "b": "Order 2.1 is measured, between 16 and 32 steps. The error itself is small all the same.",
        "c": "The pull makes errors small, and it makes them small for every h. It does not make them fall faster.",
        "d": "kvaerno5 is L-stable: it works for every h. What suffers is how fast its error falls.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def step_back(J, P, h, a):
    """Backward through a step of backward Euler that ended at u.

    J: (d, d), ∂f/∂u, and P: (d, p), ∂f/∂θ, both at (t + h, u). h: float. a: (d,), ∂L/∂u.
    Returns ∂L/∂x (d,) and ∂L/∂θ (p,).
    """
    kappa = np.linalg.solve((np.eye(len(a)) - h * J).T, a)
    return kappa, h * P.T @ kappa


def check_step_back(step_back):
    rng = np.random.default_rng(150)
    for h, d, p in ((0.7, 3, 2), (0.3, 5, 1), (-0.4, 2, 4), (20.0, 3, 3), (0.5, 1, 2)):
        J, P, a = rng.normal(size=(d, d)), rng.normal(size=(d, p)), rng.normal(size=d)
        J[0] -= 3.0  # far from normal
        eye, solve = np.eye(d), np.linalg.solve
        kappa = solve((eye - h * J).T, a)
        answer = step_back(J, P, h, a)
        try:
            by_x, by_theta = answer
        except (TypeError, ValueError):
            raise Wrong("Two arrays are wanted: ∂L/∂x (d,) and ∂L/∂θ (p,).") from None
        forward, plus = solve(eye - h * J, a), solve((eye + h * J).T, a)
        mistakes = {
            "∂L/∂x: your matrix is I - hJ itself. Backward it is transposed.": forward,
            "∂L/∂x: this has I + hJ. Differentiate u = x + h f(u): the h J stands on the right.": plus,
            "∂L/∂x: this is a product with (I - hJ)ᵀ. It is to be solved with.": (eye - h * J).T @ a,
            "∂L/∂x: this is the gradient of an explicit step, (I + hJ)ᵀ a. The step is an equation: solve.": a
            + h * J.T @ a,
            "∂L/∂x: h is missing beside J.": solve((eye - J).T, a),
            "∂L/∂x: a itself. A change of x reaches u through (I - hJ)⁻¹.": a,
            "∂L/∂x: the sign.": -kappa,
            "∂L/∂x: there is no factor h. The state x stands in the equation with the factor 1.": h * kappa,
        }
        same_values(by_x, kappa, 1e-10, "∂L/∂x", mistakes)
        mistakes = {
            "∂L/∂θ: h is missing. θ enters through h f.": P.T @ kappa,
            "∂L/∂θ: this takes a where κ belongs: a change of θ reaches u through the same solve.": h * P.T @ a,
            "∂L/∂θ: the sign. u = x + h f(u, θ), so that a change of f adds.": -h * P.T @ kappa,
            "∂L/∂θ: the matrix in this one is not transposed. Take the κ of ∂L/∂x.": h * P.T @ forward,
            "∂L/∂θ: h is there twice.": h * h * P.T @ kappa,
            "∂L/∂θ: divided by h. θ enters through h f, so multiply.": P.T @ kappa / h,
        }
        same_values(by_theta, h * P.T @ kappa, 1e-10, "∂L/∂θ", mistakes)
    return "Right on 5 random steps, in 1 to 5 dimensions with 1 to 4 parameters, one of them backward in time."


step_back = Exercise(
    step_back,
    check_step_back,
    hints=(
        "The last two displayed formulas of the section. The first of them is a linear system for κ.",
        "κ solves (I - hJ)ᵀ κ = a: transpose the matrix, and let np.linalg.solve do the rest. Both answers need κ.",
        "kappa = np.linalg.solve((np.eye(len(a)) - h * J).T, a); return kappa, h * P.T @ kappa",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def in_log_time(f, scale):
    """The field dz/ds of x' = f(t, x), where t = 10^s and x = scale z.

    f: function (t, x) -> (d,). scale: (d,). Returns a function (s, z) -> (d,).
    """

    def field(s, z):
        t = 10.0**s
        return np.log(10) * t * f(t, scale * z) / scale

    return field


def check_in_log_time(in_log_time):
    rng, log = np.random.default_rng(151), np.log(10)
    for d, s in ((3, -0.7), (1, 0.4), (4, 0.9), (2, -1.3), (3, 1.1)):
        A, scale, z = rng.normal(size=(d, d)), 10.0 ** rng.uniform(-2, 1, d), rng.normal(size=d)
        f = lambda t, x, A=A: np.tanh(A @ x) * (1 + np.sin(3 * t)) - x / (1 + t)  # noqa: E731
        t, x = 10.0**s, scale * z
        right = log * t * f(t, x) / scale
        field = in_log_time(f, scale)
        if not callable(field):
            raise Wrong(f"in_log_time returns a function of (s, z); yours returned a {type(field).__name__}.")
        e = np.exp(s)
        mistakes = {
            "ln(10) is missing: dt/ds = ln(10) 10^s.": t * f(t, x) / scale,
            "The factor 10^s is missing: dt/ds = ln(10) 10^s.": log * f(t, x) / scale,
            "dt/ds is missing: this is dz/dt.": f(t, x) / scale,
            "f is given s for its time. Its time is 10^s.": log * t * f(s, x) / scale,
            "f is given z for its state. Its state is scale z.": log * t * f(t, z) / scale,
            "f is given z, and its value is not divided by scale: the units are missing.": log * t * f(t, z),
            "The value of f is not divided by scale: z = x / scale, and so is its slope.": log * t * f(t, x),
            "You multiply by scale. z = x / scale, so divide.": log * t * f(t, x) * scale,
            "f's state is z / scale. It is scale z.": log * t * f(t, z / scale) / scale,
            "Here scale is used the wrong way round: x = scale z.": log * t * f(t, z / scale) * scale,
            "10^s, not e^s: s is log10 of the time.": e * f(e, x) / scale,
            "You divide by dt/ds. dz/ds = dz/dt · dt/ds.": f(t, x) / scale / (log * t),
            "The sign.": -right,
            "log10(10) is 1. The derivative of 10^s has the natural logarithm of 10.": np.log10(10)
            * t
            * f(t, x)
            / scale,
        }
        before = z.copy()
        same_values(field(s, z), right, 1e-10, "dz/ds", mistakes)
        if not np.array_equal(z, before):
            raise Wrong("Right value, but your field changed z itself: the solver's state is now different.")
    return "Right for 5 random fields that depend on the time, in 1 to 4 dimensions, with units from 0.01 to 10."


in_log_time = Exercise(
    in_log_time,
    check_in_log_time,
    hints=(
        "The chain rule: dz/ds = dz/dt · dt/ds. And z = x / scale, so dz/dt = x' / scale.",
        "dt/ds = ln(10) 10^s, which is np.log(10) * 10.0**s. f needs its own time 10^s and its own state scale z.",
        "def field(s, z): return np.log(10) * 10.0**s * f(10.0**s, scale * z) / scale; and return field",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def estimated_rate(a, k, h):
    """|λ| from the last two stages of a step, which lie at the same time: how much the slope differs / the state.

    a: list of 7 rows, row a[i] of length i, the tableau's. k: (7, d), the slopes of the step. h: float, its size.
    The slope k[i] is taken at the state x + h Σ_j a[i][j] k[j]. Returns float, with Euclidean norms.
    """
    last = sum(a_j * k_j for a_j, k_j in zip(a[6], k, strict=False))
    before = sum(a_j * k_j for a_j, k_j in zip(a[5], k, strict=False))
    return float(np.linalg.norm(k[6] - k[5]) / (h * np.linalg.norm(last - before)))


def last_two(a, k, i):
    """The states of the stages with the rows i and i - 1 of a, one minus the other, in units of h."""
    return np.array(a[i]) @ k[:i] - np.array(a[i - 1]) @ k[: i - 1]


def check_estimated_rate(estimated_rate):
    pair, rng, norm = METHODS["dopri5"], np.random.default_rng(144), np.linalg.norm
    for h, d in ((0.1, 4), (0.02, 3), (0.5, 1), (1.7, 2), (0.3, 4), (0.04, 5)):
        a, k = [list(row) for row in pair.a], rng.normal(size=(7, d))
        own = rate_of_step(k, h)  # nodekit's, which knows dopri5's two rows
        if d > 3:  # another tableau, whose last two stages lie at t + h as well: their rows add up to 1
            a = [list(rng.normal(size=i)) for i in range(7)]
            a[5][0], a[6][0] = a[5][0] + 1 - sum(a[5]), a[6][0] + 1 - sum(a[6])
        last, before = (np.array(row) @ k[: len(row)] for row in (a[6], a[5]))
        slopes = norm(k[6] - k[5])
        right = slopes / (h * norm(last - before)) if d > 3 else own
        mistakes = {
            "You take dopri5's rows. This step is another tableau's: its rows are in a.": own,
            "h is missing: the states differ by h times the sums of slopes.": right * h,
            "You divide the state's difference by the slope's. It is the other way round.": 1 / right,
            "h stands in the numerator. It belongs to the states, and so below.": right * h * h,
            "h is in the denominator twice.": right / h,
            "These are squares: take the norms, not their squares.": right**2,
            "This takes the first and the last stage; these lie at different times. Take the last two.": norm(
                k[6] - k[0]
            )
            / (h * norm(last)),
            "The slopes are right. Their states are those of rows 5 and 6 of a, not 4 and 5.": slopes
            / (h * norm(last_two(a, k, 5))),
            "These are stages 5 and 6, at different times. The last two are rows 5 and 6, k[5] and k[6].": norm(
                k[5] - k[4]
            )
            / (h * norm(last_two(a, k, 5))),
            "This takes the largest entries. Take the Euclidean norm of each difference, np.linalg.norm.": np.abs(
                k[6] - k[5]
            ).max()
            / (h * np.abs(last - before).max()),
            "This takes sums of entries. Take the Euclidean norm of each difference, np.linalg.norm.": np.abs(
                k[6] - k[5]
            ).sum()
            / (h * np.abs(last - before).sum()),
            "This is the mean of the quotients of single components. Take norms, then divide.": np.abs(
                (k[6] - k[5]) / (h * (last - before))
            ).mean(),
            "The slopes are those of stages 6 and 7, k[5] and k[6].": norm(k[5] - k[4]) / (h * norm(last - before)),
            "The state of the last stage is compared with x, not with that of the stage before.": slopes
            / (h * norm(last)),
            "Norms of each state were subtracted. Subtract the states first, then take the norm.": slopes
            / (h * abs(norm(last) - norm(before))),
            "Norms of each slope were subtracted. Subtract the slopes first, then take the norm.": abs(
                norm(k[6]) - norm(k[5])
            )
            / (h * norm(last - before)),
            "This is the largest quotient of single components. Take norms, then divide.": np.abs(
                (k[6] - k[5]) / (h * (last - before))
            ).max(),
        }
        got = estimated_rate(a, k, h)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted, for the whole step; yours has shape {np.shape(got)}. Take norms.")
        value = float(as_array(got, "your rate"))
        if abs(value - right) > 1e-9 * right:
            for text, wrong in mistakes.items():
                if abs(value - wrong) <= 1e-9 * abs(wrong) and abs(wrong - right) > 1e-9 * right:
                    raise Wrong(text)
            if abs(value + right) <= 1e-9 * right:
                raise Wrong("|λ| is a size: it is not negative.")
        same_values(value, np.float64(right), 1e-9, "your rate")
    return "Equal to nodekit's estimate on 3 random steps of dopri5, and right on 3 of other tableaus."


estimated_rate = Exercise(
    estimated_rate,
    check_estimated_rate,
    hints=(
        "Two stages at the same time t + h, numbers 6 and 7: in Python rows 5 and 6. Where are they? What is f there?",
        "x drops out of the difference of their states, but h does not: h (Σ a[6][j] k[j] - Σ a[5][j] k[j]).",
        "last = sum(a_j * k_j for a_j, k_j in zip(a[6], k)), before the same with a[5]; then "
        "np.linalg.norm(k[6] - k[5]) / (h * np.linalg.norm(last - before)).",
    ),
)


quiz = Quiz(
    Question(
        "A network's loss is the mean squared error of three concentrations of the sizes 1, 1e-5 and 1. It falls to "
        "1e-4. What do you know of the second one?",
        {
            "a": "Its error is about 1% of its own size, as for the two others, because they share one loss.",
            "b": "Nothing: even if it were missing altogether, the loss would be as small.",
            "c": "It is learned best, because small numbers have small errors.",
        },
        "b",
        {
            "a": "The loss does not divide by its size. An error of 1% of 1 is a thousand times the whole chemical.",
            "b": "An error of 1e-5 adds 1e-10 to the mean of the squares.",
            "c": "Its absolute error is small, and may still be all of it.",
        },
    ),
    Question(
        "A solver iterates with a Jacobian from three steps ago, and its iteration has converged. What follows?",
        {
            "a": "The new state is right to the iteration's tolerance, but its gradient needs the Jacobian at the end.",
            "b": "The new state is right to the iteration's tolerance, and so is a gradient by the same old matrix.",
            "c": "The new state is off by the error of the Jacobian.",
        },
        "a",
        {
            "a": "The iteration goes on until G(u) = 0. The gradient is one linear solve, and nothing corrects it.",
            "b": "With the Jacobian of the start, section 4's gradient was off.",
            "c": "Where the iteration ends, G(u) = 0 holds, whatever the matrix was.",
        },
    ),
    Question(
        "On Prothero and Robinson's equation λ is fixed, and so large that h|λ| is 1000 and more. How fast does the "
        "error of radauIIA5 fall as h does?",
        {
            "a": "Like h⁵, its order.",
            "b": "Like h⁴: one power is lost over the solve.",
            "c": "Like h³, the order of its stages.",
        },
        "c",
        {
            "a": "That is for small h|λ|.",
            "b": "The loss is larger: two powers for this one, three for kvaerno5.",
            "c": "Order reduction: what counts is what the stages integrate exactly, here polynomials of degree 2.",
        },
    ),
    Question(
        "The network that has learned Robertson's curves in log time is solved by an explicit method in 40 steps. "
        "Why is it not stiff?",
        {
            "a": "In log time Robertson's system itself is not stiff.",
            "b": "The data lie on the slow curve, and do not show how strong the pull beside it is.",
            "c": "A network with two hidden layers of 32 units cannot have rates that are large enough for that.",
        },
        "b",
        {
            "a": "It is: dopri5 gave up on it after a few seconds of its hundred thousand.",
            "b": "So the network has learned a mild field with the same curves. Off the curves it is wrong.",
            "c": "In section 10 one is: it has the rates of what it fits.",
        },
    ),
    Question(
        "What does training by collocation not see?",
        {
            "a": "The slopes of the data.",
            "b": "The beginning of the reaction.",
            "c": "Small errors of the slope that add up along a path.",
        },
        "c",
        {
            "a": "They are what it fits, taken from splines.",
            "b": "In log time the beginning has as many points as the end.",
            "c": "Each slope is fitted by itself, at the data. Only a solve shows where they lead.",
        },
    ),
)
