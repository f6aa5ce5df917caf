"""Lesson 11, FFJORD: two predictions, four exercises and the quiz."""

import numpy as np

import nodekit
from nodekit.classroom.checks import Exercise, Wrong, as_array, rk4, same_values, several
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "The solver asks for the estimated trace at each evaluation, and each time it gets one with a new random vector. "
    "At the tolerance 1e-3 it takes about 1,000 evaluations in 8 dimensions. We ask for ten times the accuracy, 1e-4. "
    "How many evaluations does it take now?",
    {
        "a": "About 1,000: the noise does not depend on the tolerance.",
        "b": "About 1,600: the method is of order 5, and the fifth root of 10 is 1.6.",
        "c": "About 3,200: an average over n random numbers is off by about 1/√n, and √10 is 3.2.",
        "d": "About 10,000: ten times as many.",
    },
    answer="d",
    explain={
        "a": "The noise does not, but the solver compares its effect on a step with the tolerance.",
        "b": "So it is for a smooth field. Here the error estimate of a step does not fall like the fifth power of h.",
        "c": "The error of the result may fall like that. But the solver never sees the result; it judges each "
        "step by itself.",
        "d": "The error estimate of a step is the noise of its slopes times h, so it falls like h and no faster. A "
        "tenth of the tolerance needs a tenth of the step.",
    },
)

second_guess = Prediction(
    "A trained flow scores every cell of a fine grid over the plane, with one random vector a solve. Each log p is "
    "right in the mean. We take exp of each and integrate over the plane. What comes out, up to the solver's error?",
    {
        "a": "1: the estimate has no bias, and over thousands of cells its errors average out.",
        "b": "More than 1.",
        "c": "Less than 1.",
    },
    answer="b",
    explain={
        "a": "The errors of log p average out. But we averaged p, and a log p that is 1 too large gains more than one "
        "that is 1 too small loses.",
        "b": "exp bends upward, so the mean of exp(log p) is larger than exp of the mean. With a scatter of one nat it "
        "is larger by half and more.",
        "c": "That would need a function that bends downward, as the logarithm does. exp bends upward.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def hutchinson(vjp, noise):
    """The trace of J (d, d), estimated with m random vectors: the mean of their m estimates.

    vjp: v -> Jᵀ v, both (d,). noise: (m, d), a vector a row. Returns float. Call vjp m times.
    """
    return np.mean([eps @ vjp(eps) for eps in noise])


def check_hutchinson(hutchinson):
    rng = np.random.default_rng(110)
    got, expected, mistakes = [], [], {}
    for m, d in ((1, 3), (4, 1), (3, 5), (5, 2), (2, 3)):
        J, noise, calls = rng.normal(size=(d, d)) + 0.3, rng.normal(size=(m, d)), []

        def vjp(v, J=J, calls=calls, d=d):
            v = as_array(v, "what vjp is called with")
            if v.shape != (d,):
                raise Wrong(f"vjp was called with shape {v.shape}; ({d},) was expected, one vector at a time.")
            calls.append(v)
            return J.T @ v

        value = as_array(hutchinson(vjp, noise), "the estimate")
        if value.shape != ():
            raise Wrong(f"the estimate has shape {value.shape}; one number was expected.")
        if len(calls) != m:
            times = {0: "never", 1: "once"}.get(len(calls), f"{len(calls)} times")
            raise Wrong(f"With {m} vectors vjp was called {times}. One call for each vector is enough.")
        got.append(float(value))
        each = np.array([eps @ J @ eps for eps in noise])
        expected.append(each.mean())
        for text, mistake in {
            "This is the sum of the estimates. Their mean was asked for.": each.sum(),
            "You divide by d. The estimates are averaged over the m vectors.": each.sum() / d,
            "The product Jᵀε is summed as it is. Multiply it by ε again before you sum: ε · (Jᵀε).": np.mean(
                [(J.T @ eps).sum() for eps in noise]
            ),
            "Only the first vector has a say.": each[0],
            "Only the last vector has a say.": each[-1],
            "This is the length of Jᵀε, squared. It is ε · (Jᵀε) that has the trace as its mean.": np.mean(
                [(J.T @ eps) @ (J.T @ eps) for eps in noise]
            ),
            "You divide by |ε|². The mean of ε εᵀ is I as it is.": np.mean(each / (noise**2).sum(1)),
            "The vectors are averaged before they are used. The mean vector is another vector.": noise.mean(0)
            @ J
            @ noise.mean(0),
            "A trace may be negative: no absolute values.": np.abs(each).mean(),
            "This is the median. It is the mean that is right on average.": np.median(each),
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    difference = same_values(np.array(got), np.array(expected), 1e-12, "the estimate", mistakes)
    return f"Right for 5 Jacobians that are not symmetric, with 1 to 5 vectors, to {max(difference, 1e-16):.0e}."


hutchinson = Exercise(
    hutchinson,
    check_hutchinson,
    hints=(
        "One estimate is the scalar product of ε with Jᵀε. How many calls of vjp does it take?",
        "Go through the rows of noise; for each row eps there is one number, eps @ vjp(eps).",
        "return np.mean([eps @ vjp(eps) for eps in noise])",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def estimate_variance(A, kind):
    """The variance of εᵀ A ε for random ε with independent entries. A: (d, d), any. Returns float.

    kind: "rademacher" (each entry ±1) or "gaussian" (each entry standard normal).
    """
    S = (A + A.T) / 2
    diagonal = np.sum(np.diag(S) ** 2) if kind == "rademacher" else 0.0
    return 2 * (np.sum(S**2) - diagonal)


def check_estimate_variance(estimate_variance):
    rng = np.random.default_rng(111)
    got, expected, mistakes = [], [], {}
    for d in (1, 2, 3, 5):
        for kind in ("rademacher", "gaussian"):
            A = rng.normal(size=(d, d)) + np.diag(rng.uniform(1, 2, size=d))
            value = as_array(estimate_variance(A, kind), "the variance")
            if value.shape != ():
                raise Wrong(f"the variance has shape {value.shape}; one number was expected.")
            got.append(float(value))
            S = (A + A.T) / 2
            full, diagonal = np.sum(S**2), np.sum(np.diag(S) ** 2)
            of_a, is_r = np.sum(A**2), kind == "rademacher"
            right = 2 * (full - diagonal * is_r)
            expected.append(right)
            for text, mistake in {
                "You took A as it is. What is antisymmetric in it does not scatter: use S = (A + Aᵀ)/2.": 2
                * (of_a - diagonal * is_r),
                "With ±1 the diagonal adds nothing, since ε² = 1. Leave it out for that kind.": 2 * full,
                "The Gaussian formula keeps the diagonal: the square of a normal number scatters too.": 2
                * (full - diagonal),
                "The kinds are exchanged: it is with ±1 that the diagonal drops out.": 2
                * (full - diagonal * (not is_r)),
                "The factor 2 is missing.": right / 2,
                "Twice too much: in A + Aᵀ each entry counts twice. S is half of that.": 4 * right,
                "This is the standard deviation. The variance is its square.": np.sqrt(right),
                "You squared the trace, not each entry of the diagonal.": 2 * (full - np.trace(S) ** 2 * is_r),
                "This is the mean of the squares. They are added up.": right / d**2,
            }.items():
                mistakes.setdefault(text, []).append(mistake)
    difference = same_values(np.array(got), np.array(expected), 1e-12, "the variance", mistakes)
    return f"Right for both kinds, on 4 matrices each that are not symmetric, to {max(difference, 1e-16):.0e}."


estimate_variance = Exercise(
    estimate_variance,
    check_estimate_variance,
    hints=(
        "Which part of A does εᵀ A ε not see at all? Take it out first.",
        "S = (A + A.T) / 2. Gaussian: twice the sum of all squares of S. Rademacher: the same without its diagonal.",
        'S = (A + A.T) / 2; return 2 * (np.sum(S**2) - (np.sum(np.diag(S) ** 2) if kind == "rademacher" else 0))',
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def estimated_score(f, vjp, base, x, T, draw):
    """log p(x) at time T, with the trace estimated by ONE random vector, the same through the whole solve.

    f: function (t, x) -> (d,). vjp: function (t, x, v) -> (∂f/∂x)ᵀ v. base: function (d,) -> log p at time 0.
    x: (d,). T: float > 0. draw: function () -> (d,), a new random vector each time it is called.
    Solve with nodekit.solve at rtol = atol = 1e-8. Returns float.
    """
    eps = draw()

    def slope(t, s):
        return np.append(f(t, s[:-1]), eps @ vjp(t, s[:-1], eps))

    end = nodekit.solve(slope, np.append(x, 0.0), (T, 0.0), rtol=1e-8, atol=1e-8).y[-1]
    return base(end[:-1]) + end[-1]


def check_estimated_score(estimated_score):
    rng = np.random.default_rng(112)
    got, expected, mistakes = [], [], {}
    for T, d in ((1.0, 3), (0.6, 2), (1.3, 1), (0.8, 5)):
        A, B = rng.normal(size=(2, d, d))
        b, centre, eps = rng.normal(size=(3, d))
        drawn = []

        def inner(t, x, A=A, b=b):
            return np.tanh(A @ x + b * np.sin(2 * t))

        def f(t, x, B=B, d=d, inner=inner):
            if np.shape(x) != (d,):
                raise Wrong(f"f was called with a state of shape {np.shape(x)}; x has shape ({d},) here.")
            return B @ inner(t, x)

        def vjp(t, x, v, A=A, B=B, d=d, inner=inner):
            if np.shape(x) != (d,) or np.shape(v) != (d,):
                raise Wrong(f"vjp was called with the shapes {np.shape(x)} and {np.shape(v)}; both are ({d},) here.")
            return A.T @ ((1 - inner(t, x) ** 2) * (B.T @ np.asarray(v)))

        def draw(drawn=drawn, eps=eps):
            if drawn:
                raise Wrong("draw was called a second time in one solve. Draw before the solve, and hold the vector.")
            drawn.append(1)
            return eps.copy()

        def base(x, centre=centre, d=d):
            if np.shape(x) != (d,):
                raise Wrong(f"base was called with a state of shape {np.shape(x)}; x has shape ({d},) here.")
            return -0.5 * np.sum((x - centre) ** 2) - 0.5 * d * np.log(2 * np.pi)

        def carried(x, t0, t1, of, f=f):
            """x and the integral of a function of (t, x), carried from t0 to t1."""
            s, n = np.append(x, 0.0), 100
            for i in range(n):
                h = (t1 - t0) / n
                s = rk4(lambda t, s: np.append(f(t, s[:-1]), of(t, s[:-1])), t0 + i * h, s, h)
            return s[:-1], s[-1]

        x = rng.normal(size=d)
        value = as_array(estimated_score(f, vjp, base, x, T, draw), "log p")
        if value.shape != ():
            raise Wrong(f"log p has shape {value.shape}; one number was expected.")
        if not drawn:
            raise Wrong("draw was never called: the trace is to be estimated with a random vector.")
        got.append(float(value))

        def estimate(t, x, vjp=vjp, eps=eps):
            return eps @ vjp(t, x, eps)

        (start, minus), (end, forward) = carried(x, T, 0, estimate), carried(x, 0, T, estimate)
        _, summed = carried(x, T, 0, lambda t, x, vjp=vjp, eps=eps: vjp(t, x, eps).sum())
        _, exact = carried(x, T, 0, lambda t, x, vjp=vjp, d=d: sum(vjp(t, x, e)[i] for i, e in enumerate(np.eye(d))))
        expected.append(base(start) + minus)
        for text, mistake in {
            "The sign of the estimate is turned: where the flow spreads out, the density falls.": base(start) - minus,
            "The change of log p is missing: this is the base density at the start of the path.": base(start),
            "You go forward from x. x is the END, at time T: go back to time 0.": base(end) + forward,
            "You go forward from x. x is the END, at time T: go back to 0, and mind the sign.": base(end) - forward,
            "The base density is asked about x itself. Ask about the start of its path.": base(x) + minus,
            "Jᵀε is summed as it is. The estimate is ε · (Jᵀε).": base(start) + summed,
            "This is the exact trace. One vector–Jacobian product is to do.": base(start) + exact,
        }.items():
            mistakes.setdefault(text, []).append(mistake)
    difference = same_values(np.array(got), np.array(expected), 1e-5, "log p", mistakes)
    return f"Right for 4 random flows in 1 to 5 dimensions, one vector each, to {max(difference, 1e-16):.0e}."


estimated_score = Exercise(
    estimated_score,
    check_estimated_score,
    hints=(
        "The state is (x, l) as in lesson 10. Where must draw() stand so that the solver never meets a second vector?",
        "eps = draw() first. The slope is (f, ε · Jᵀε) with that eps. Solve from T to 0, with l = 0 at T.",
        "sol = nodekit.solve(lambda t, s: np.append(f(t, s[:-1]), eps @ vjp(t, s[:-1], eps)), np.append(x, 0.0), "
        "(T, 0.0), rtol=1e-8, atol=1e-8); return base(sol.y[-1, :-1]) + sol.y[-1, -1]",
    ),
    seconds=20.0,
)


# ---- 4 -------------------------------------------------------------------------------------------------


def planar(z, w, u, b):
    """One planar layer x = z + u tanh(w·z + b), and the logarithm of its determinant's size.

    z: (n, d). w, u: (d,). b: float. Returns x (n, d) and log |det ∂x/∂z| (n,).
    """
    h = np.tanh(z @ w + b)
    return z + h[:, None] * u, np.log(np.abs(1 + (1 - h**2) * (w @ u)))


def check_planar(planar):
    rng = np.random.default_rng(113)
    for n, d in ((4, 3), (1, 2), (5, 5), (6, 2)):
        z, (w, u), b = rng.normal(size=(n, d)), rng.normal(size=(2, d)), rng.normal()
        if n == 6:
            u = u - w * (w @ u + 3) / (w @ w)  # w·u = −3: a determinant of either sign
        x, log_det = several(planar(z, w, u, b), ("x", "log_det"))
        h = np.tanh(z @ w + b)
        x_right, slope = z + h[:, None] * u, 1 - h**2
        mistakes = {
            "This is the step alone: add it to z.": h[:, None] * u,
            "w and u are exchanged: the layer looks along w and moves along u.": z + np.tanh(z @ u + b)[:, None] * w,
            "It moves along w. w is what z is compared with, u is the direction of the move.": z + h[:, None] * w,
            "The bias b is missing.": z + np.tanh(z @ w)[:, None] * u,
        }
        same_values(x, x_right, 1e-10, "x", mistakes)
        det = np.array([np.linalg.det(np.eye(d) + s * np.outer(u, w)) for s in slope])
        with np.errstate(invalid="ignore"):
            mistakes = {
                "This is the determinant. Its logarithm was asked for.": np.abs(det),
                "This is the trace, what a flow of infinitely short steps would count. A layer is one long step.": slope
                * (w @ u),
                "The 1 is missing: where the layer does nothing, its determinant is 1.": np.log(
                    np.abs(slope * (w @ u))
                ),
                "The derivative of tanh is 1 − tanh², not tanh.": np.log(np.abs(1 + h * (w @ u))),
                "The derivative of tanh is 1 − tanh², not tanh².": np.log(np.abs(1 + h**2 * (w @ u))),
                "The sign is turned: this is the determinant of the way back.": -np.log(np.abs(det)),
                "log of a negative number: the size of the determinant was asked for.": np.log(det),
            }
        same_values(log_det, np.log(np.abs(det)), 1e-8, "log_det", mistakes)
    return "Right on 4 layers in 2 to 5 dimensions; the determinants are those of the whole matrices."


planar = Exercise(
    planar,
    check_planar,
    hints=(
        "∂x/∂z = I + (1 − tanh²) u wᵀ. What does a matrix I + c u wᵀ do to vectors at right angles to w?",
        "It leaves d − 1 directions alone, so its determinant is 1 + c w·u, with c = 1 − tanh²(w·z + b).",
        "h = np.tanh(z @ w + b); return z + h[:, None] * u, np.log(np.abs(1 + (1 - h**2) * (w @ u)))",
    ),
)

quiz = Quiz(
    Question(
        "Which property of a random vector ε makes εᵀ A ε right in the mean, for every matrix A?",
        {
            "a": "Its entries are normal.",
            "b": "The mean of ε εᵀ is the identity.",
            "c": "Its length is always √d.",
        },
        "b",
        {
            "a": "Normal numbers do, and so do random signs and many others.",
            "b": "E[ε_i ε_j] is 1 for i = j and 0 else, so the sum of A_ij E[ε_i ε_j] is the trace.",
            "c": "Of √d times the first unit vector this is true too, and it finds nothing but A_11.",
        },
    ),
    Question(
        "The field x' = A x with A = [[0, 3], [-3, 0]] turns the plane. How much does the estimate of tr A scatter?",
        {
            "a": "Not at all, whichever noise we take.",
            "b": "Not at all with ±1; with Gaussian noise it does.",
            "c": "A lot: both entries off the diagonal are large.",
        },
        "a",
        {
            "a": "Its symmetric part S is 0, and both variances are made of S alone.",
            "b": "That is so for a diagonal matrix. Here there is nothing for either to see.",
            "c": "They are opposite, so what the one adds to εᵀ A ε the other takes away.",
        },
    ),
    Question(
        "A new random vector at each evaluation makes an adaptive solver take very many steps. Why?",
        {
            "a": "The estimates are biased, and the solver tries to correct that.",
            "b": "The slopes of a step differ by the noise however short the step is, so its error estimate falls like "
            "h only.",
            "c": "The random numbers are expensive to draw.",
        },
        "b",
        {
            "a": "Each is right in the mean; the solver could not know of a bias, either.",
            "b": "It takes the differences for an error, and shortens its steps until h times the noise is below the "
            "tolerance.",
            "c": "They are cheap beside an evaluation of f.",
        },
    ),
    Question(
        "You score a sample twice with Hutchinson's estimate, one vector a solve, and get −2.1 and −3.4. What makes "
        "the two agree better?",
        {
            "a": "A tighter tolerance.",
            "b": "A method of higher order at the same tolerance, whose steps are more accurate.",
            "c": "The mean over several vectors, or the exact trace.",
        },
        "c",
        {
            "a": "Each of the two equations was solved well. They are two equations.",
            "b": "As with the tolerance: the difference is not an error of the solver.",
            "c": "The mean over m vectors has a variance m times smaller; the exact trace has none.",
        },
    ),
    Question(
        "What may you do with log p as estimated with one vector a solve?",
        {
            "a": "Take its mean over a test set as an estimate of the mean log-likelihood.",
            "b": "Take exp of it and compare the p of two samples.",
            "c": "Integrate exp of it over the plane, to see whether the flow was solved well.",
        },
        "a",
        {
            "a": "Means of log p keep their mean. Train with it, and report with the exact trace where you can.",
            "b": "One vector a sample: the ratio of the two may be all noise.",
            "c": "The integral is above 1 even if everything was solved exactly, because exp bends upward.",
        },
    ),
)
