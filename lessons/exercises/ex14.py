"""The exercises of lesson 14, Stiffness."""

import numpy as np

from nodekit.analysis.stability import stability_function
from nodekit.classroom.checks import Exercise, as_array, same_values, several
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong
from nodekit.methods.implicit import METHODS as IMPLICIT

first_guess = Prediction(
    "With the rates 1 and 1000, dopri5 with the PI controller takes 3716 evaluations from t = 0 to 2 at the tolerance "
    "1e-4. Its error is of order 5, so at the tolerance 1e-1, a thousand times looser, accuracy would let the steps be "
    "four times as long. How many evaluations does it take then?",
    {
        "a": "About 930: four times fewer, as the order says.",
        "b": "About 60: so loose a tolerance no longer sees the transient, and the rest is a gentle curve.",
        "c": "About 3700: hardly fewer.",
        "d": "About 8000: the steps get too long, many are rejected, and the work is done twice.",
    },
    answer="c",
    explain={
        "a": "That would be so if accuracy set the steps. After the first hundredth it no longer does.",
        "b": "The tolerance hardly sees the transient, but the pull beside the curve is still there. It punishes long "
        "steps.",
        "c": "Stability sets the steps: hs is about 3.3 at either tolerance. Only the very start becomes cheaper.",
        "d": "The steps would be too long, but the controller learns this quickly. It rejects one step in 600.",
    },
)

second_guess = Prediction(
    "On our system with s = 1000 we take steps of h = 0.05, so that the first step goes far beyond the transient. What "
    "do the points of the trapezoidal rule do after that?",
    {
        "a": "They follow the curve, more closely than backward Euler's, because the order is 2.",
        "b": "They jump from one side of the curve to the other, for many steps.",
        "c": "They move away from the curve: hs = 50 is far too large.",
        "d": "They approach the curve slowly, from one side.",
    },
    answer="b",
    explain={
        "a": "The order is about small hs. Here hs = 50, and no order removes what the first step left behind.",
        "b": "R(-50) = -24/26 = -0.92: the sign changes in each step, and only 8% of the distance is lost.",
        "c": "An A-stable method has |R| <= 1 for every h, so the distance cannot grow.",
        "d": "The distance does shrink slowly, by 8% a step. But R(-50) is negative, so the points change sides.",
    },
)


def clue(got, mistakes):
    """Raise Wrong with the message of the first mistake whose value `got` equals."""
    for text, value in mistakes.items():
        if np.shape(value) == np.shape(got) and np.allclose(got, value, rtol=1e-7, atol=1e-10):
            raise Wrong(text)


# ---- 1 -------------------------------------------------------------------------------------------------


def trapezoid_step(f, jac, t, x, h):
    """One step of the trapezoidal rule from (t, x), its equation solved to 1e-10.

    f: function (t, x) -> (d,). jac: function (t, x) -> (d, d), the Jacobian of f. t: float. x: (d,). h: float.
    Returns x at t + h: (d,).
    """
    base, u = x + h / 2 * f(t, x), x
    for _ in range(20):
        residual = u - base - h / 2 * f(t + h, u)
        change = np.linalg.solve(np.eye(len(x)) - h / 2 * jac(t + h, u), -residual)
        u = u + change
        if np.abs(change).max() <= 1e-12 * (1 + np.abs(u).max()):
            break
    return u


def theta_step(f, jac, t, x, h, theta, early=0.0, iterations=30):
    """x + h (1 - theta) f(t, x) + h theta f(t + h - early, x1), by Newton's iteration from x."""
    base, u, t1 = x + h * (1 - theta) * f(t, x), x, t + h - early
    for _ in range(iterations):
        u = u - np.linalg.solve(np.eye(len(x)) - h * theta * jac(t1, u), u - base - h * theta * f(t1, u))
    return u


def pushed(seed, speed, d):
    """A nonlinear field that pulls each component to the one before it, at up to `speed`, and at a rate that grows.

    Its Jacobian is far from symmetric, and depends on time, so that Newton's iteration needs it as it is. Returns f,
    the Jacobian and a start (d,).
    """
    rng = np.random.default_rng(seed)
    B, c, x = rng.normal(size=(d, d)), rng.normal(size=d), rng.normal(size=d)
    rates = np.geomspace(speed, 1.0, d)[::-1]

    def growing(t):
        return 1.05 - np.cos(5 * (t - 0.2))  # not the same at t + h and at t - h, where a step starts from t = 0.3

    def f(t, x):
        before = np.append(0.0, x[:-1])
        return -growing(t) * rates * (x + 0.2 * x**3 - before - c * np.sin(3 * t)) + np.tanh(B @ x)

    def jac(t, x):
        pull = np.diag(-rates * (1 + 0.6 * x**2)) + np.diag(rates[1:], -1)
        return growing(t) * pull + B / np.cosh(B @ x)[:, None] ** 2

    return f, jac, x


def check_trapezoid_step(trapezoid_step):
    cases = ((1.0, 0.3, 2), (2.0, 0.4, 3), (1.5, -0.2, 1), (5.0, 0.2, 4), (300.0, 0.1, 2), (1e4, 0.5, 2))
    for seed, (speed, h, d) in enumerate(cases):
        (f, jac, x), t = pushed(142 + seed, speed, d), 0.3
        right = theta_step(f, jac, t, x, h, 0.5)
        with np.errstate(all="ignore"):
            heun = x + h / 2 * (f(t, x) + f(t + h, x + h * f(t, x)))
        mistakes = {
            "This is backward Euler: the slope at the start has its half as well.": theta_step(f, jac, t, x, h, 1.0),
            "This is half a step of backward Euler: the slope at the start is missing.": x
            + h / 2 * f(t + h, theta_step(f, jac, t, x, h / 2, 1.0, early=-h / 2)),
            "The slope at the end is taken at t. Its time is t + h.": theta_step(f, jac, t, x, h, 0.5, early=h),
            "This is Newton's iteration stopped after one change: go on until the changes are small.": theta_step(
                f, jac, t, x, h, 0.5, iterations=1
            ),
            "This is Heun's step: the slope at the end is taken at Euler's guess, not at x₁ itself.": heun,
            "This is Euler's step.": x + h * f(t, x),
            "The slope at the end is missing: this is half a step of Euler.": x + h / 2 * f(t, x),
            "The slope at the start is taken at x₁ as well. It belongs to the old x.": newton_on_both(f, jac, t, x, h),
            "Both slopes count in full: the two together are to count once.": trapezoid_like(f, jac, t, x, 2 * h, h),
            "This is the implicit midpoint rule: it averages the states. The trapezoidal rule averages slopes.": x
            + 2 * (theta_step(f, jac, t, x, h / 2, 1.0) - x),
            "The two weights come out as they should, but h has the wrong sign.": theta_step(f, jac, t, x, -h, 0.5),
        }
        if h < 0:
            mistakes = {"Here h < 0, a step back in time. The formula holds as it stands.": mistakes.popitem()[1]}
        try:
            got = as_array(trapezoid_step(f, jac, t, x, h), "the new x")
        except Wrong as wrong:
            raise Wrong(f"At h|λ| of about {abs(h) * speed:.3g}: {wrong}") from None
        if got.shape == right.shape and not np.abs(got - right).max() <= 1e-9:
            clue(got, mistakes)
            residual = got - x - h / 2 * (f(t, x) + f(t + h, got)) if np.isfinite(got).all() else np.array([np.inf])
            if speed > 100 or not np.isfinite(residual).all():
                raise Wrong(
                    f"The equation of the step is not solved where h|λ| is about {abs(h) * speed:.3g}: there a plain "
                    "iteration x₁ ← x + ... explodes. Use Newton's, with the matrix I - h/2 J, its J at t + h and not "
                    "transposed."
                )
            raise Wrong(
                f"Your x₁ leaves {np.abs(residual).max():.1e} in the equation of the step, where h|λ| is about "
                f"{abs(h) * speed:.3g}. Is each sign right, J taken at t + h, and does the iteration go on until "
                "changes are small?"
            )
        same_values(got, right, 1e-9, "the new x", mistakes)
    return "Equal to the solution of the equation on 6 random fields, in 1 to 4 dimensions, h|λ| from 0.3 to 5000."


def trapezoid_like(f, jac, t, x, weight, h):
    """x + weight (f(t, x) + f(t + h, x1)) / 2, by Newton's iteration from x."""
    base, u = x + weight / 2 * f(t, x), x
    for _ in range(30):
        u = u - np.linalg.solve(np.eye(len(x)) - weight / 2 * jac(t + h, u), u - base - weight / 2 * f(t + h, u))
    return u


def newton_on_both(f, jac, t, x, h):
    """x + h/2 (f(t, x1) + f(t + h, x1)), by Newton's iteration from x."""
    u = x
    for _ in range(30):
        J = (jac(t, u) + jac(t + h, u)) / 2
        u = u - np.linalg.solve(np.eye(len(x)) - h * J, u - x - h / 2 * (f(t, u) + f(t + h, u)))
    return u


trapezoid_step = Exercise(
    trapezoid_step,
    check_trapezoid_step,
    hints=(
        "The slope at the start is known: put it into a base, x + h/2 f(t, x). What is left is like backward Euler.",
        "G(u) = u - base - h/2 f(t + h, u), and its Jacobian is I - h/2 jac(t + h, u). Iterate from u = x, 20 times.",
        "for _ in range(20): u = u - np.linalg.solve(np.eye(len(x)) - h/2 * jac(t + h, u), "
        "u - base - h/2 * f(t + h, u))",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def limit_at_infinity(a, b):
    """R(z) as z goes to infinity, for an implicit Runge–Kutta method.

    a: (s, s), invertible. b: (s,). Returns float.
    """
    return float(1 - b @ np.linalg.solve(a, np.ones(len(b))))


def check_limit_at_infinity(limit_at_infinity):
    rng, one = np.random.default_rng(141), np.ones
    named = {
        n: (np.array(IMPLICIT[n].a), np.array(IMPLICIT[n].b)) for n in ("implicit_euler", "gl4", "gl6", "radauIIA5")
    }
    cases = list(named.values())
    cases += [(np.eye(s) + 0.4 * rng.normal(size=(s, s)), rng.normal(size=s)) for s in (1, 2, 3, 4)]
    for a, b in reversed(cases):
        s, inverse = len(b), np.linalg.inv(a)
        right = 1 - b @ inverse @ one(s)
        mistakes = {
            "The sign: (I - z a)⁻¹ tends to -a⁻¹ / z.": 1 + b @ inverse @ one(s),
            "The 1 of R(z) = 1 + ... is missing, and the sign is that of +a⁻¹.": b @ inverse @ one(s),
            "The 1 of R(z) = 1 + ... is missing.": -b @ inverse @ one(s),
            "You multiply by a. For large z the inverse of I - z a is about -a⁻¹ / z.": 1 - b @ a @ one(s),
            "You multiply by a. For large z it is a⁻¹ that is left.": 1 + b @ a @ one(s),
            "a is transposed: it is b from the left, the ones from the right.": 1 - b @ inverse.T @ one(s),
            "This is 1 - Σ b: a has been lost.": 1 - b.sum(),
            "These are reciprocals of single entries of a, or its diagonal. The whole inverse is wanted.": 1
            - (b / np.diag(a)).sum(),
            "The size is right, the sign is not. The limit may be negative: take no absolute value.": -right,
            "You solve a x = b. It is a x = (1, ..., 1), and then b · x.": 1 - inverse @ b @ b,
            "This is R at a large z, not its limit. Take the limit on paper first.": 1
            + 1e6 * b @ np.linalg.solve(np.eye(s) - 1e6 * a, one(s)),
            "This is R at a large negative z, not its limit. Take the limit on paper first.": 1
            - 1e6 * b @ np.linalg.solve(np.eye(s) + 1e6 * a, one(s)),
        }
        got = limit_at_infinity(a, b)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted; yours has shape {np.shape(got)}.")
        value = float(as_array(got, "your limit"))
        if not abs(value - right) <= 1e-9 * max(1, abs(right)):
            for text, wrong in mistakes.items():
                if abs(value - wrong) <= 1e-9 * max(1, abs(wrong)):
                    raise Wrong(text)
            if abs(value - right) <= 1e-3 * max(1, abs(right)):
                raise Wrong("This is R at a large z, not its limit. Take the limit on paper first.")
        same_values(value, np.float64(right), 1e-9, "your limit")
    for name, (a, b) in named.items():
        far = stability_function(name, -1e9).real
        if abs(float(limit_at_infinity(a, b)) - far) > 1e-6:
            raise Wrong(f"{name} has R(-1e9) = {far:.3f}.")
    return "Backward Euler 0, Radau IIA 0, Gauss with two stages +1, with three -1; and four random methods."


limit_at_infinity = Exercise(
    limit_at_infinity,
    check_limit_at_infinity,
    hints=(
        "Lesson 03: R(z) = 1 + z bᵀ (I - z a)⁻¹ 1, for any a. What is left of z (I - z a)⁻¹ for large z?",
        "z (I - z a)⁻¹ = (I/z - a)⁻¹, and that tends to -a⁻¹.",
        "1 - b @ np.linalg.solve(a, np.ones(len(b)))",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def frozen_newton(G, M, u, tol):
    """Solve G(u) = 0 by Newton's iteration with one matrix M for all iterations.

    G: function (d,) -> (d,). M: (d, d), about the Jacobian of G. u: (d,), the first guess. tol: float.
    Stops when the largest entry of a change is at most tol. Returns u after that change (d,), and the number of
    changes made (int).
    """
    changes = 0
    while True:
        change = np.linalg.solve(M, -G(u))
        u = u + change
        changes += 1
        if np.abs(change).max() <= tol:
            return u, changes


def frozen_path(G, M, u, tol, most=500):
    """All iterates of the simplified iteration, the first guess included."""
    path = [u]
    while len(path) < 2 or (np.abs(path[-1] - path[-2]).max() > tol and len(path) < most):
        path.append(path[-1] - np.linalg.solve(M, G(path[-1])))
    return path


def check_frozen_newton(frozen_newton):
    rng, used = np.random.default_rng(140), []
    for tol, d in ((1e-3, 3), (1e-6, 2), (1e-10, 5), (1e-8, 1)):
        A = 2 * np.eye(d) + 0.3 * rng.normal(size=(d, d))
        b, u = rng.normal(size=(2, d))
        calls = []

        def plain(u, A=A, b=b):
            return A @ u + 0.5 * np.sin(u) - b

        def G(u, plain=plain, calls=calls):
            calls.append(0)
            if len(calls) > 500:
                raise Wrong(
                    "500 evaluations of G, and the changes are still larger than tol. Solve M change = -G(u), mind the "
                    "sign, and add the change to u."
                )
            return plain(u)

        M = A + 0.5 * np.diag(np.cos(u))
        path, longer = frozen_path(plain, M, u, tol), frozen_path(plain, M, u, 1e-15, 60)
        result = frozen_newton(G, M, u, tol)
        asked = len(calls)
        got, changes = several(result, ("u", "changes"))
        got = as_array(got, "u")
        if got.shape == () and np.shape(changes) == (d,):
            raise Wrong("Two things are returned, in the other order: return u, changes.")
        if got.shape == (d,) and not np.abs(got - path[-1]).max() <= 1e-12:
            near = [i for i, u_i in enumerate(longer) if np.abs(got - u_i).max() <= 1e-13]
            if not near:
                raise Wrong(
                    "This u is none that the iteration passes. Solve M change = -G(u) for the change, with the whole "
                    "matrix M, and add the change to u."
                )
            if near[0] == 0:
                raise Wrong("This is the first guess, unchanged.")
            raise Wrong(
                f"This is u after {near[0]} change{'s' * (near[0] > 1)}. Number {len(path) - 1} is the first whose "
                f"largest entry is at most tol = {tol:g}. Measure the change itself, np.abs(change).max(), and apply "
                "the last one too."
            )
        same_values(got, path[-1], 1e-12, "u")
        if isinstance(changes, bool) or not isinstance(changes, int | np.integer):
            raise Wrong(f"The number of changes is an int; yours is a {type(changes).__name__}.")
        if changes != len(path) - 1:
            raise Wrong(
                f"The right u after {len(path) - 1} changes, and you say {changes}. "
                "The last one, which was small, counts."
            )
        if asked > len(path):
            raise Wrong(f"The right u, but you evaluated G {asked} times for {changes} changes. One for each will do.")
        used.append(changes)
    return f"The right roots, after {', '.join(map(str, used))} changes for tol = 1e-3, 1e-6, 1e-10, 1e-8."


frozen_newton = Exercise(
    frozen_newton,
    check_frozen_newton,
    hints=(
        "A loop: compute the change, apply it, count it, and stop if it was small. The matrix stays.",
        "The change solves M change = -G(u): np.linalg.solve(M, -G(u)). Its size is np.abs(change).max().",
        "while True: change = np.linalg.solve(M, -G(u)); u = u + change; changes += 1; if np.abs(change).max() <= tol, "
        "return u, changes. (u += change would alter the caller's array.)",
    ),
)


quiz = Quiz(
    Question(
        "A solve with dopri5 takes 40,000 evaluations at the tolerance 1e-8 and 39,000 at 1e-3. What do you suspect?",
        {
            "a": "A very smooth solution, for which tolerances do not matter",
            "b": "Stability sets the steps: the problem is stiff at 1e-3",
            "c": "A bug in the controller, since a fifth-order method should take ten times fewer",
            "d": "A discontinuity in f, at which the steps become tiny",
        },
        answer="b",
        explain={
            "a": "On a smooth solution the steps could grow, and the count would fall with the tolerance.",
            "b": "Look at h|λ|: if it stands near 3.3, an implicit method is worth trying.",
            "c": "It takes ten times fewer where accuracy sets the steps. Here something else does.",
            "d": "A jump costs some dozens of steps where it is. It does not set them all the way.",
        },
    ),
    Question(
        "Which of these is stiff, for an explicit method at the tolerance 1e-4?",
        {
            "a": "x' = -1000 x, from 1, until t = 0.003",
            "b": "a turning with the eigenvalues 1000i and -1000i, until t = 1",
            "c": "two components with the rates -0.001 and -1, until t = 5",
            "d": "x' = -10000 (x - cos t) - sin t, from 1, until t = 10",
        },
        answer="d",
        explain={
            "a": "Until then the fast component is what happens. Accuracy wants the short steps.",
            "b": "Large eigenvalues, but alive: each round has to be followed, by any method.",
            "c": "A ratio of 1000. But until t = 5 the rate -1 is the fast one, and a step of 3 would be stable.",
            "d": "The solution is cos t, one slow wave; a single equation, and a pull of 10000 beside it.",
        },
    ),
    Question(
        "Backward Euler is used on x' = 3x with h = 1. The true solution grows 20 times in that time. Its steps",
        {
            "a": "grow by a factor of 20, since the method is A-stable",
            "b": "blow up, since 3 is outside of its stability region",
            "c": "shrink, with alternating sign",
            "d": "cannot be computed: I - hJ is singular",
        },
        answer="c",
        explain={
            "a": "A-stability is about the left half-plane. On the right nothing is promised.",
            "b": "Its region holds all but the disk of radius 1 around 1. The point 3 is inside the region.",
            "c": "R(3) = 1/(1 - 3) = -1/2. A stable method can hide an instability of the problem.",
            "d": "1 - 3 = -2. It would be singular at hλ = 1.",
        },
    ),
    Question(
        "On a linear field x' = A x, a step of backward Euler is solved by Newton's iteration. What happens?",
        {
            "a": "It converges in one iteration only if h times the fastest rate is below 1",
            "b": "Its first iteration gives the solution, for any h for which I - hA can be inverted",
            "c": "It needs the more iterations, the stiffer the field is",
            "d": "It diverges if the field is stiff, because the tangents are too steep",
        },
        answer="b",
        explain={
            "a": "The iteration without tangents, u = x + h A u, has such a limit. Newton's has not.",
            "b": "The graph of a linear equation is its own tangent, so going down the tangent ends at the solution.",
            "c": "The number depends on how the graph bends, and this one is straight.",
            "d": "Steep tangents do no harm. What matters is how the graph bends, and this one is straight.",
        },
    ),
    Question(
        "A field with 256 components, not stiff, takes dopri5 26 evaluations. An implicit solver of the same order "
        "takes about as many in its Newton iterations. Why does it cost ten times as much?",
        {
            "a": "Its steps are shorter, although the order is the same",
            "b": "Its Newton iteration diverges on so many components",
            "c": "It rejects most of its steps where nothing is stiff",
            "d": "A single Jacobian by differences takes 257 evaluations more",
        },
        answer="d",
        explain={
            "a": "Its steps are about as long. They are not what costs.",
            "b": "It converges in a few iterations where the field is smooth.",
            "c": "It rejects hardly any there.",
            "d": "And a factorisation of a 256 × 256 matrix besides. For two components all that is nothing.",
        },
    ),
)
