"""Lesson 10, Densities that flow: two predictions, four exercises and the quiz."""

import autograd
import autograd.numpy as anp
import numpy as np

import nodekit
from nodekit.classroom.checks import Exercise, Wrong, as_array, rk4, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "The flow of x' = A x with A = [[2, 5], [0, -2]] carries a square of area 1 along, from time 0 to time 1. What is "
    "the area of its image?",
    {
        "a": "About 55: it grows like exp(2t) in one direction and is sheared by the 5.",
        "b": "About 7: exp(2), the fastest growth there is.",
        "c": "1: what one direction gains, the other loses.",
        "d": "It depends on where the square lies.",
    },
    answer="c",
    explain={
        "a": "The shear moves area, and makes none.",
        "b": "One direction grows by exp(2). What does the other do?",
        "c": "The area grows at the rate tr A = 2 - 2 = 0. The 5 has no part in it, to no order.",
        "d": "A linear flow is the same everywhere, up to a shift.",
    },
)

second_guess = Prediction(
    "A model is trained on samples of a density with the entropy 2.83 nats. On fresh samples, a great many of them, it "
    "reports a mean negative log-likelihood of 2.6 nats. What has happened?",
    {
        "a": "It has learned the density better than it is.",
        "b": "It overfits: the training samples have been learned by heart.",
        "c": "What it reports is not the logarithm of a density.",
    },
    answer="c",
    explain={
        "a": "No density does better than the true one: the mean of -log q is the entropy plus a Kullback-Leibler "
        "divergence, and that is never negative.",
        "b": "Overfitting makes it worse on fresh samples, not better.",
        "c": "If exp(reported) integrates to more than 1, it can be anything. Here the solver's steps were too long.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def area_factor(A, eps):
    """The exact determinant of I + eps A, from the entries of A, without det. A: (2, 2). eps: float. Returns float."""
    trace, det = A[0, 0] + A[1, 1], A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0]
    return 1 + eps * trace + eps**2 * det


def check_area_factor(area_factor):
    rng = np.random.default_rng(100)
    got, expected, mistakes = [], [], {}
    for eps in (0.0, 1e-3, 0.3, 1.0, -0.7, 0.6):
        A = rng.normal(size=(2, 2))
        if eps == 0.6:  # one direction is turned over: the determinant is negative
            A = A - [[0.0, 0.0], [0.0, 6.0]]
        value = as_array(area_factor(A, eps), "the determinant")
        if value.shape != ():
            raise Wrong(f"the determinant has shape {value.shape}; one number was expected.")
        got.append(float(value))
        expected.append(np.linalg.det(np.eye(2) + eps * A))
        tr, det = np.trace(A), np.linalg.det(A)
        for text, mistake in {
            "This is the first order alone, 1 + ε tr A. The exact one has an ε² term, too.": 1 + eps * tr,
            "The off-diagonal product has the wrong sign.": 1
            + eps * tr
            + eps**2 * (A[0, 0] * A[1, 1] + A[0, 1] * A[1, 0]),
            "The ε² term is only a₁₁a₂₂: the off-diagonal entries are missing.": 1
            + eps * tr
            + eps**2 * A[0, 0] * A[1, 1],
            "The determinant of A comes with ε², not with ε.": 1 + eps * tr + eps * det,
            "This is det(ε A). Where is the I?": eps**2 * det,
            "The 1 is missing: at ε = 0 nothing is moved, and the area is 1.": eps * tr + eps**2 * det,
            "This is exp(ε tr A), the factor of the flow. Here it is one step, I + ε A.": np.exp(eps * tr),
            "The sign is lost: where I + ε A turns the plane over, the determinant is negative.": abs(expected[-1]),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    difference = same_values(np.array(got), np.array(expected), 1e-12, "the determinant", mistakes)
    return f"Equal to the determinant on 6 random matrices, to {max(difference, 1e-16):.0e}."


area_factor = Exercise(
    area_factor,
    check_area_factor,
    hints=(
        "Write down I + εA. Its determinant is (product of the diagonal) - (product of the off-diagonal).",
        "(1 + ε a₁₁)(1 + ε a₂₂) - ε² a₁₂ a₂₁. Multiply out, and sort by powers of ε.",
        "return 1 + eps * (A[0, 0] + A[1, 1]) + eps**2 * (A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0])",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def trace_by_vjps(vjp, d):
    """The trace of a Jacobian J (d, d) of which you have only vjp: v -> Jᵀ v, both (d,). Returns float.

    Call vjp d times.
    """
    return sum(vjp(row)[i] for i, row in enumerate(np.eye(d)))


def check_trace_by_vjps(trace_by_vjps):
    rng = np.random.default_rng(101)
    got, expected, mistakes = [], [], {}
    for d in (1, 2, 3, 7):
        J, calls = rng.normal(size=(d, d)), []

        def vjp(v, J=J, calls=calls, d=d):
            v = as_array(v, "what vjp is called with")
            if v.shape != (d,):
                raise Wrong(f"vjp was called with shape {v.shape}; ({d},) was expected.")
            calls.append(v)
            return J.T @ v

        value = as_array(trace_by_vjps(vjp, d), "the trace")
        if value.shape != ():
            raise Wrong(f"the trace has shape {value.shape}; one number was expected.")
        if len(calls) != d:
            times = {0: "never", 1: "once"}.get(len(calls), f"{len(calls)} times")
            raise Wrong(f"For d = {d} vjp was called {times}; d times were asked for, once for each unit vector.")
        got.append(float(value))
        expected.append(np.trace(J))
        for text, mistake in {
            "This is the sum of all entries of J. Of each Jᵀ eᵢ only the i-th number is wanted.": J.sum(),
            "Every time the same component is taken. Of Jᵀ eᵢ it is the i-th.": J[:, 0].sum(),
            "This is the sum of the squares of all entries.": (J**2).sum(),
            "The trace has no absolute values.": np.abs(np.diag(J)).sum(),
            "This is the mean of the diagonal. The trace is its sum.": np.trace(J) / d,
            "This is the product of the diagonal. The trace is its sum.": np.prod(np.diag(J)),
            "The last one is missing.": np.trace(J) - J[-1, -1],
            "Of each Jᵀ eᵢ the largest number was taken. The i-th is wanted.": J.max(axis=1).sum(),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    same_values(np.array(got), np.array(expected), 1e-12, "the trace", mistakes)
    return "The trace of 4 random Jacobians, by d vector–Jacobian products each."


trace_by_vjps = Exercise(
    trace_by_vjps,
    check_trace_by_vjps,
    hints=(
        "What is Jᵀ eᵢ for the i-th unit vector eᵢ? Where in it does Jᵢᵢ stand?",
        "Jᵀ eᵢ is the i-th row of J, as a column. Its i-th number is Jᵢᵢ.",
        "return sum(vjp(row)[i] for i, row in enumerate(np.eye(d)))",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def stream_field(psi):
    """A field of the plane that changes no area, from any smooth function: x' = ∂ψ/∂y, y' = -∂ψ/∂x.

    psi: function of (2,), written in autograd.numpy, that returns a number. Returns a function f(t, z), z (2,) -> (2,).
    """
    gradient = autograd.grad(psi)

    def f(t, z):
        g = gradient(z)
        return anp.array([g[1], -g[0]])

    return f


def check_stream_field(stream_field):
    rng = np.random.default_rng(102)
    for _ in range(4):
        a, b, c = rng.normal(size=3)

        def psi(z, a=a, b=b, c=c):
            return a * anp.sin(z[0]) * anp.cos(z[1]) + b * z[0] * z[1] ** 2 + c * z[0]

        f = stream_field(psi)
        if not callable(f):
            raise Wrong(f"stream_field returned a {type(f).__name__}; a function f(t, z) was expected.")
        for z in rng.normal(size=(3, 2)):
            gx = a * np.cos(z[0]) * np.cos(z[1]) + b * z[1] ** 2 + c
            gy = -a * np.sin(z[0]) * np.sin(z[1]) + 2 * b * z[0] * z[1]
            mistakes = {
                "This is the gradient of ψ itself. It points uphill, and its flow changes areas.": np.array([gx, gy]),
                "Both signs are plus. Its divergence is then 2 ∂²ψ/∂x∂y, and not 0.": np.array([gy, gx]),
                "The signs are turned: x' = +∂ψ/∂y, y' = -∂ψ/∂x.": np.array([-gy, gx]),
                "The components are swapped: x' is the derivative by y.": np.array([gx, -gy]),
                "The components are swapped, and the sign is at the wrong place.": np.array([-gx, gy]),
            }
            same_values(f(0.3, z), np.array([gy, -gx]), 1e-6, "the field", mistakes)  # differences will do
    return "Right for 4 random functions; so its divergence ∂²ψ/∂x∂y - ∂²ψ/∂y∂x is 0."


stream_field = Exercise(
    stream_field,
    check_stream_field,
    hints=(
        "autograd.grad(psi) is a function: it gives (∂ψ/∂x, ∂ψ/∂y) at z.",
        "Turn that vector by a right angle: swap its components, and give the second one a minus.",
        "g = autograd.grad(psi)(z); return anp.array([g[1], -g[0]])",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def log_prob(f, trace, base, x, T):
    """log p(x) at time T of the density that starts as `base` at time 0 and is carried by x' = f(t, x).

    f: function (t, x) -> (d,). trace: function (t, x) -> tr ∂f/∂x, a float. base: function (d,) -> log p at time 0.
    x: (d,). T: float > 0. Solve with nodekit.solve at rtol = atol = 1e-9. Returns float.
    """
    sol = nodekit.solve(
        lambda t, s: np.append(f(t, s[:-1]), trace(t, s[:-1])), np.append(x, 0.0), (T, 0.0), rtol=1e-9, atol=1e-9
    )
    return base(sol.y[-1, :-1]) + sol.y[-1, -1]


def check_log_prob(log_prob):
    rng = np.random.default_rng(103)
    got, expected, mistakes = [], [], {}
    for T, d in ((1.0, 2), (0.6, 1), (1.3, 3), (0.8, 4)):
        A, B = rng.normal(size=(2, d, d))
        b, centre = rng.normal(size=(2, d))

        def f(t, x, A=A, B=B, b=b, d=d):
            if np.shape(x) != (d,):
                raise Wrong(f"f was called with a state of shape {np.shape(x)}; x has shape ({d},) here.")
            return B @ np.tanh(A @ x + b * np.sin(2 * t))

        def trace(t, x, A=A, B=B, b=b, d=d):
            if np.shape(x) != (d,):
                raise Wrong(f"trace was called with a state of shape {np.shape(x)}; x has shape ({d},) here.")
            return np.sum((B * A.T) @ (1 - np.tanh(A @ x + b * np.sin(2 * t)) ** 2))

        def base(x, centre=centre, d=d):
            if np.shape(x) != (d,):
                raise Wrong(f"base was called with a state of shape {np.shape(x)}; x has shape ({d},) here.")
            return -0.5 * np.sum((x - centre) ** 2) - 0.5 * d * np.log(2 * np.pi)

        def carried(x, t0, t1, clock=1, f=f, trace=trace):
            """x and the integral of the trace, carried from t0 to t1. clock=-1: of -f and -trace, with f's clock."""
            both = lambda t, s: clock * np.append(f(t, s[:-1]), trace(t, s[:-1]))  # noqa: E731
            s, n = np.append(x, 0.0), 200
            for i in range(n):
                s = rk4(both, t0 + i * (t1 - t0) / n, s, (t1 - t0) / n)
            return s[:-1], s[-1]

        x = rng.normal(size=d)
        value = as_array(log_prob(f, trace, base, x, T), "log p")
        if value.shape != ():
            raise Wrong(f"log p has shape {value.shape}; one number was expected.")
        got.append(float(value))
        (start, minus), (end, forward), (clock, turned) = carried(x, T, 0), carried(x, 0, T), carried(x, 0, T, -1)
        expected.append(base(start) + minus)
        for text, mistake in {
            "The sign of the trace is turned: where the flow spreads out, the density falls.": base(start) - minus,
            "The change of log p is missing: this is the base density at the start of the trajectory.": base(start),
            "You go forward from x. x is the END, at time T: go back to time 0, where the base density is.": base(end)
            + forward,
            "You go forward from x. x is the END, at time T: go back to time 0.": base(end) - forward,
            "The base density is asked about x itself. Ask about the start of its trajectory.": base(x) + minus,
            "The base density is asked about x itself, and the sign of the trace is turned.": base(x) - minus,
            "You turned the sign of f and not its clock: on the way back, after the time s, the field is the one at "
            "T - s. Solve from T to 0.": base(clock) + turned,
            "This is p, not log p.": np.exp(base(start) + minus),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    difference = same_values(np.array(got), np.array(expected), 1e-6, "log p", mistakes)
    return f"Right at 4 points of 4 random flows, in 1 to 4 dimensions, to {max(difference, 1e-16):.0e}."


log_prob = Exercise(
    log_prob,
    check_log_prob,
    hints=(
        "Append one number to the state, which adds up the trace: s = (x, l), with l = 0 at time T. Which way does the "
        "solve go?",
        "Solve s' = (f, trace) from T to 0. At 0 you have the start x(0), and l(0) = -∫ tr dt over [0, T].",
        "sol = nodekit.solve(lambda t, s: np.append(f(t, s[:-1]), trace(t, s[:-1])), np.append(x, 0.0), (T, 0.0), "
        "rtol=1e-9, atol=1e-9); return base(sol.y[-1, :-1]) + sol.y[-1, -1]",
    ),
    seconds=20.0,
)

quiz = Quiz(
    Question(
        "The trace of ∂f/∂x is positive along a trajectory. What does the density do, seen from the moving point?",
        {
            "a": "It falls, since neighbours move apart.",
            "b": "It rises, since more points arrive, and the integral over all space stays 1.",
            "c": "It stays, since the flow is invertible.",
        },
        "a",
        {
            "a": "d log p/dt = -tr ∂f/∂x: the same points on a larger area.",
            "b": "Nobody arrives: the moving point takes its neighbourhood along, and that grows.",
            "c": "Invertible, yes. But it may stretch.",
        },
    ),
    Question(
        "What does the off-diagonal part of ∂f/∂x, here and now, add to the rate d log p/dt here and now?",
        {
            "a": "A fall, by the size of the shear.",
            "b": "A term of second order, which adds up over many short steps.",
            "c": "Nothing.",
        },
        "c",
        {
            "a": "A shear moves points past each other. A parallelogram keeps its area.",
            "b": "In a step of size ε there is one, -ε² a₁₂a₂₁. T / ε such steps add up to something like ε, which "
            "goes to 0.",
            "c": "The rate is the trace. (The shear bends the trajectory, and so has a say in the traces to come.)",
        },
    ),
    Question(
        "How much does the exact trace of the Jacobian of a network f: R^d -> R^d cost by reverse-mode automatic "
        "differentiation?",
        {
            "a": "One vector–Jacobian product, with the vector of ones.",
            "b": "d vector–Jacobian products.",
            "c": "d³ operations, like the determinant.",
            "d": "Nothing: it is on the diagonal of the weights.",
        },
        "b",
        {
            "a": "That gives the sums of the columns, off-diagonal entries included.",
            "b": "One for each diagonal entry, unless f has a structure that helps. Lesson 11 estimates it with one.",
            "c": "That is the determinant of a full matrix, once you have it.",
            "d": "Only for a linear f.",
        },
    ),
    Question(
        "Why does a CNF integrate backward to score a sample, and forward to draw one?",
        {
            "a": "Backward is cheaper, and training scores far more often than it draws.",
            "b": "The trace is known only at the end of a trajectory, so that is where a score has to begin.",
            "c": "The base density is known at time 0, the sample at time T.",
        },
        "c",
        {
            "a": "Both directions cost the same kind of evaluations.",
            "b": "The trace is known wherever the state is.",
            "c": "To score x(T), find the x(0) it came from; to draw, take x(0) from the base and carry it along.",
        },
    ),
    Question(
        "Which test finds a model whose solver takes too long steps?",
        {
            "a": "Its training loss.",
            "b": "The integral of its density over the plane.",
            "c": "The distance of its samples to the data, measured with the same steps that it was trained with.",
        },
        "b",
        {
            "a": "That can even look better than possible: the solver's error alone does most of it (section 6).",
            "b": "It must be 1. Or solve again with a tolerance: log p must not change.",
            "c": "They may look fine. The reported log p is what is wrong.",
        },
    ),
)
