"""Lesson 12, Regularised dynamics: two predictions, four exercises and the quiz."""

import autograd
import autograd.numpy as anp
import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "The flow above is trained by the likelihood that its own 8 RK4 steps report, and this gets better "
    "to the end. What does the true likelihood of the flow, by an accurate solver, do meanwhile?",
    {
        "a": "It gets better too, a constant distance behind: the solver's error is what it is.",
        "b": "It gets better until it is near the entropy, and stays there.",
        "c": "It gets better at first, and then worse, while the reported one goes on.",
    },
    answer="c",
    explain={
        "a": "The solver's error depends on the field, and the field is what is trained.",
        "b": "It would, if the loss still spoke of the flow. Past some point it speaks of the steps.",
        "c": "Long before the data are fitted, a field that steps cannot follow is the cheaper way to a good report.",
    },
)

second_guess = Prediction(
    "The same training is repeated with a price on long paths in the loss. How does the true NLL on fresh samples "
    "compare with that of the flow without a price? (A small NLL is good.)",
    {
        "a": "It is higher: whatever is added to a loss takes something from the fit.",
        "b": "It is lower, by several tenths of a nat or more.",
        "c": "It is the same to two digits: the price acts on the path, and the likelihood only sees its end.",
    },
    answer="b",
    explain={
        "a": "So it is for the loss that is reported. The true NLL was not in the loss of the other flow at all.",
        "b": "The price keeps the field where 8 steps can follow it, and there the report is true.",
        "c": "This would be so with an exact solver. With 8 steps the path decides what the report is worth.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def shrinkage(omega, n):
    """The factor by which n RK4 steps from time 0 to 1 multiply |x|², where x turns at the angular speed omega.

    omega: float. n: int >= 1. Returns float. RK4 multiplies the solution of u' = λ u by R(hλ) in each step, with
    R(z) = 1 + z + z²/2 + z³/6 + z⁴/24. A turn is u' = iωu for u = x₁ + i x₂, and |x| = |u|.
    """
    z = 1j * omega / n
    return abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) ** (2 * n)


def check_shrinkage(shrinkage):
    got, expected, mistakes = [], [], {}
    for omega, n in ((3.0, 2), (8.0, 8), (15.0, 7), (-11.0, 5), (20.0, 6), (0.0, 3), (4.5, 1)):
        value = as_array(shrinkage(omega, n), "the factor")
        if value.shape != ():
            raise Wrong(f"the factor has shape {value.shape}; one number was expected.")
        got.append(float(value))
        h = 1 / n
        factor = np.eye(2)
        turn = omega * np.array([[0.0, -1.0], [1.0, 0.0]])
        for _ in range(n):  # the steps themselves, with real numbers
            k1 = turn @ factor
            k2 = turn @ (factor + h / 2 * k1)
            k3 = turn @ (factor + h / 2 * k2)
            k4 = turn @ (factor + h * k3)
            factor = factor + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        expected.append(np.sum(factor[:, 0] ** 2))
        z, R = 1j * omega / n, lambda z: 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
        for text, mistake in {
            "This is the factor of |x|. Of |x|² it is the square of that.": abs(R(z)) ** n,
            "This is one step. There are n of them, and each multiplies.": abs(R(z)) ** 2,
            "This is one step, and of |x|. There are n of them, and |x|² was asked for.": abs(R(z)),
            "The step is h = 1 / n: R wants iωh, not iω.": abs(R(1j * omega)) ** (2 * n),
            "A turn is u' = iωu. Here u' = ωu, which grows.": abs(R(omega / n)) ** (2 * n),
            "A turn is u' = iωu. Here u' = -ωu, which decays.": abs(R(-omega / n)) ** (2 * n),
            "This is Euler's factor: 1 + z alone, and it grows.": abs(1 + z) ** (2 * n),
            "This is the exact solution's factor, 1. What do the steps do?": 1.0,
            "The last term is missing: R goes up to z⁴/24.": abs(R(z) - z**4 / 24) ** (2 * n),
            "You took the complex number to the power 2. |R|² is the square of its length.": np.real(R(z) ** (2 * n)),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    mistakes = {text: np.array(values) for text, values in mistakes.items()}
    same_values(np.array(got), np.array(expected), 1e-9, "the factor", mistakes)
    return "Equal to the steps themselves, for 7 speeds and numbers of steps."


shrinkage = Exercise(
    shrinkage,
    check_shrinkage,
    hints=(
        "In one step u is multiplied by R(iωh) with h = 1/n. What happens to |u|, and to |u|²?",
        "|u| is multiplied by abs(R(iωh)) in each step, |u|² by the square of it, and there are n steps.",
        "z = 1j * omega / n; return abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) ** (2 * n)",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def frobenius_estimate(vjp, noise):
    """An estimate of |J|², the sum of the squares of all entries of a Jacobian J (d, d), from random directions.

    vjp: function v -> Jᵀ v, both (d,). noise: (m, d), m random vectors with mean 0, variance 1 and independent
    entries. Call vjp once for each of them. Returns float, the mean over the m vectors.
    """
    return np.mean([np.sum(vjp(v) ** 2) for v in noise])


def check_frobenius_estimate(frobenius_estimate):
    rng = np.random.default_rng(120)
    got, expected, mistakes = [], [], {}
    for d, m in ((3, 1), (1, 4), (5, 3), (2, 6)):
        J, noise, calls = rng.normal(size=(d, d)), rng.normal(size=(m, d)), []

        def vjp(v, J=J, calls=calls, d=d):
            v = as_array(v, "what vjp is called with")
            if v.shape != (d,):
                raise Wrong(f"vjp was called with shape {v.shape}; one vector, of shape ({d},), was expected.")
            calls.append(v)
            return J.T @ v

        value = as_array(frobenius_estimate(vjp, noise), "the estimate")
        if value.shape != ():
            raise Wrong(f"the estimate has shape {value.shape}; one number was expected.")
        if len(calls) != m:
            times = {0: "never", 1: "once"}.get(len(calls), f"{len(calls)} times")
            raise Wrong(f"For {m} random vectors vjp was called {times}; once for each was asked for.")
        got.append(float(value))
        rows = noise @ J  # each εᵀ J
        expected.append(np.mean(np.sum(rows**2, axis=1)))
        for text, mistake in {
            "This is the mean of ε · Jᵀε, an estimate of the trace. |J|² wants |Jᵀε|².": np.mean(
                np.sum(rows * noise, axis=1)
            ),
            "This is the mean of |Jᵀε|. It is the square that has the mean |J|².": np.mean(
                np.linalg.norm(rows, axis=1)
            ),
            "This is the sum over the random vectors. The estimate is their mean.": np.sum(rows**2),
            "This is the mean over all numbers. Within a vector the squares are added.": np.mean(rows**2),
            "You averaged the vectors before squaring. The mean of a square is not the square of a mean.": np.sum(
                rows.mean(0) ** 2
            ),
            "This is |J| itself. Its square was asked for.": np.sqrt(np.mean(np.sum(rows**2, axis=1))),
            "The square of ε · Jᵀε was taken. The length of the whole vector Jᵀε counts.": np.mean(
                np.sum(rows * noise, axis=1) ** 2
            ),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    mistakes = {text: np.array(values) for text, values in mistakes.items()}
    same_values(np.array(got), np.array(expected), 1e-10, "the estimate", mistakes)
    return "Right for 4 random Jacobians, with one vector–Jacobian product for each random vector."


frobenius_estimate = Exercise(
    frobenius_estimate,
    check_frobenius_estimate,
    hints=(
        "Each random vector v gives one vector Jᵀ v. Which number of it has the mean |J|²?",
        "Its squared length, the sum of the squares of its entries. Then take the mean over all v in noise.",
        "return np.mean([np.sum(vjp(v) ** 2) for v in noise])",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def acceleration(f, t, x):
    """d²x/dt² at time t, of the solution of x' = f(t, x) that passes through x.

    f: function (t, x) -> (d,), written in autograd.numpy. t: float. x: (d,). Returns (d,).
    autograd.jacobian(g)(u) is the Jacobian of a function g at u.
    """
    return autograd.jacobian(lambda t: f(t, x))(t) + autograd.jacobian(lambda x: f(t, x))(x) @ f(t, x)


def check_acceleration(acceleration):
    rng = np.random.default_rng(121)
    for d in (3, 1, 5, 2):
        A, B = rng.normal(size=(2, d, d))
        b = rng.normal(size=d)

        def f(t, x, A=A, B=B, b=b):
            return anp.dot(B, anp.tanh(anp.dot(A, x) + b * anp.sin(2 * t)))

        t, x = rng.uniform(0.2, 1.0), rng.normal(size=d)
        slope = 1 - np.tanh(A @ x + b * np.sin(2 * t)) ** 2
        J, by_time, velocity = (B * slope) @ A, B @ (slope * b * 2 * np.cos(2 * t)), f(t, x)
        mistakes = {
            "The field itself depends on time: ∂f/∂t is missing.": J @ velocity,
            "This is ∂f/∂t alone. The point moves, too, and sees another field.": by_time,
            "The Jacobian is transposed: its row is the component of f.": by_time + J.T @ velocity,
            "The Jacobian is transposed, and ∂f/∂t is missing.": J.T @ velocity,
            "The Jacobian acts on the velocity f, not on x.": by_time + J @ x,
            "The sign of ∂f/∂t is turned.": J @ velocity - by_time,
            "The sign of J f is turned.": by_time - J @ velocity,
            "This is the velocity. The acceleration is its derivative along the path.": velocity,
            "This is half of it, the coefficient of Taylor's series.": (by_time + J @ velocity) / 2,
        }
        same_values(acceleration(f, t, x), by_time + J @ velocity, 1e-6, "the acceleration", mistakes)
    return "Right for 4 random fields that depend on time, in 1 to 5 dimensions."


acceleration = Exercise(
    acceleration,
    check_acceleration,
    hints=(
        "The velocity along the path is f(t, x(t)). It depends on t twice: chain rule.",
        "d/dt f(t, x(t)) = ∂f/∂t + J x', and x' is f.",
        "return autograd.jacobian(lambda t: f(t, x))(t) + autograd.jacobian(lambda x: f(t, x))(x) @ f(t, x)",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def spectral_norm(W, v, steps):
    """The largest factor by which W stretches a vector, by power iteration from v.

    W: (m, n). v: (n,), the vector to begin with. steps: int >= 1. Each step replaces v by Wᵀ W v, scaled to length 1.
    Returns |W v| after the last, a float.
    """
    for _ in range(steps):
        v = W.T @ (W @ v)
        v = v / np.linalg.norm(v)
    return np.linalg.norm(W @ v)


def check_spectral_norm(spectral_norm):
    rng = np.random.default_rng(122)
    got, expected, mistakes, largest = [], [], {}, 0.0
    for m, n, steps in ((4, 3, 2), (2, 5, 3), (5, 5, 4), (3, 3, 200)):
        W, v = rng.normal(size=(m, n)), rng.normal(size=n)
        value = as_array(spectral_norm(W, v, steps), "the norm")
        if value.shape != ():
            raise Wrong(f"the norm has shape {value.shape}; one number was expected.")
        got.append(float(value))

        def by(k, W=W, v=v):
            """|W v| and |WᵀW v| after k steps, in the basis of W's singular vectors."""
            _, stretch, basis = np.linalg.svd(W)
            stretch = np.append(stretch, np.zeros(len(v) - len(stretch)))
            parts = (stretch / stretch.max()) ** (2 * k) * (basis @ v)
            parts = parts / np.linalg.norm(parts)
            return np.linalg.norm(stretch * parts), np.linalg.norm(stretch**2 * parts)

        expected.append(by(steps)[0])
        for text, mistake in {
            "This is one step too few.": by(steps - 1)[0],
            "This is one step too many.": by(steps + 1)[0],
            "This is |WᵀW v|, the square of the norm when the iteration is done. |W v| was asked for.": by(steps)[1],
            "This is the Frobenius norm, over all entries. Wanted is the largest stretch.": np.linalg.norm(W),
            "This is |W v| with the vector of the beginning. v is to be replaced.": np.linalg.norm(W @ v),
            "This is |W v|² . Take the square root.": by(steps)[0] ** 2,
            "This is the exact norm. The iteration's value was asked for.": np.linalg.norm(W, 2),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    largest = abs(got[-1] - np.linalg.norm(W, 2))
    mistakes = {text: np.array(values) for text, values in mistakes.items()}
    same_values(np.array(got), np.array(expected), 1e-9, "the norm", mistakes)
    return f"Right for 4 random matrices; after 200 steps {max(largest, 1e-16):.0e} from the largest singular value."


spectral_norm = Exercise(
    spectral_norm,
    check_spectral_norm,
    hints=(
        "WᵀW stretches most in the direction that W stretches most. Apply it again and again.",
        "In each step: v = W.T @ (W @ v), then v / |v|, so that it neither overflows nor vanishes.",
        "for _ in range(steps): v = W.T @ (W @ v); v = v / np.linalg.norm(v)   and then   return np.linalg.norm(W @ v)",
    ),
)

quiz = Quiz(
    Question(
        "Two flows carry every point from the same start to the same end. One goes straight, the other turns on the "
        "way. Solved exactly, which has the higher likelihood?",
        {
            "a": "The straight one: its path is shorter.",
            "b": "Neither.",
            "c": "The turning one: it has more freedom.",
        },
        "b",
        {
            "a": "The length of the path is in no formula of the likelihood.",
            "b": "The density at the end depends on the map from start to end alone: change of variables.",
            "c": "Freedom on the way does not change the map, and the map decides.",
        },
    ),
    Question(
        "Why can 8 RK4 steps report a likelihood that is too good for a flow that turns fast?",
        {
            "a": "The steps pull the points inward, and the summed trace does not know of it.",
            "b": "The trace is computed with a rounding error.",
            "c": "RK4 has order 4, and the likelihood needs order 5.",
        },
        "a",
        {
            "a": "Each step multiplies the distance by |R(iωh)| < 1. The base density is higher further in.",
            "b": "In the turn the trace is 0, exactly.",
            "c": "With steps that are short enough any order will do. These are not short enough for the turn.",
        },
    ),
    Question(
        "The kinetic term is the integral of |f|² along the path. For which path between two given points, in the time "
        "1, is it smallest?",
        {
            "a": "The straight one, at a constant speed.",
            "b": "The straight one, at any speed.",
            "c": "The one that is slow at first and fast at the end.",
        },
        "a",
        {
            "a": "It is then the squared distance of the points, and any other path has the square of what it adds.",
            "b": "A speed that varies costs more: the mean of a square exceeds the square of the mean.",
            "c": "The mean of |x'|² exceeds the square of the mean of x' by the variance of x'.",
        },
    ),
    Question(
        "How much does the Jacobian term cost in d dimensions, estimated with one random vector that is held fixed "
        "during the solve?",
        {
            "a": "d vector–Jacobian products for each evaluation.",
            "b": "One vector–Jacobian product for each evaluation.",
            "c": "One vector–Jacobian product for the whole solve.",
        },
        "b",
        {
            "a": "That would give all of J. The mean of |Jᵀε|² needs one ε.",
            "b": "And Hutchinson's estimate of the trace could use the same product, with the same ε.",
            "c": "The Jacobian changes along the path, so it is asked for at each evaluation.",
        },
    ),
    Question(
        "Your flow starts from PyTorch's default weights, and its reported and its true NLL agree. What do the two "
        "terms buy you here?",
        {
            "a": "Half of the evaluations.",
            "b": "A much better NLL.",
            "c": "Next to nothing.",
        },
        "c",
        {
            "a": "So it was from the wide start. Here the flow took 38 evaluations with and without the terms.",
            "b": "It changed in the third digit.",
            "c": "The field does not wander by itself, so there is nothing to take away. Measure before you pay.",
        },
    ),
)
