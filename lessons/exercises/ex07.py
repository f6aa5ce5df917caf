"""Lesson 07, The adjoint in practice: two predictions, four exercises and the quiz.

An adjoint a is a column, kept as an array (d,). vjp(t, x, a) returns two arrays, (∂f/∂x)ᵀ a (d,) and (∂f/∂θ)ᵀ a (p,),
both taken at (t, x).
"""

from math import comb

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, as_array, rk4, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "The simplest flow that forgets its start is z' = -20 z. We solve it from z(0) = 1 to T = 1, with rtol 1e-6 and "
    "atol 1e-9, and from the z(1) that comes out we solve back to t = 0 with the same tolerances. The true z(1) is "
    "exp(-20), about 2e-9, and the computed one is off by 1.4e-11. How far from 1 is the z(0) that comes back?",
    {
        "a": "About 1e-6, because that is the tolerance of both solves.",
        "b": "About 2e-5, because λ = 20 multiplies the tolerance.",
        "c": "Between a thousandth and a tenth.",
        "d": "Far more than 1, because nothing is left of z at the end.",
    },
    answer="c",
    explain={
        "a": "The tolerance bounds the error that each step adds. What becomes of an error on the way back?",
        "b": "Errors do not grow in proportion to λ, but by the factor exp(λ t).",
        "c": "The error of 1.4e-11 grows by exp(20), about 5e8, to 7e-3, and the way back adds errors of its own, "
        "which grow as well: together 3e-2.",
        "d": "That happens with λ = 50. Here exp(20) is 5e8, and 5e8 times 1.4e-11 is still below 1.",
    },
)

second_guess = Prediction(
    "The field is a network of 32 hidden units, T = 5, rtol = 1e-6, with the same solver both ways. For each hundred "
    "evaluations of f on the way there, how often does the adjoint of lesson 06 evaluate its right-hand side (f with a "
    "vjp) on the way back?",
    {
        "a": "About 50 times, because backward costs half of forward, as one often reads.",
        "b": "Exactly 100 times, because it takes the same steps in the other direction.",
        "c": "About 140 times here, because it solves for more than the state.",
        "d": "About 10 times, because the adjoint's equation is linear.",
    },
    answer="c",
    explain={
        "a": "That was measured in one experiment of 2018, with another method. It is not a law.",
        "b": "It chooses its own steps, and it chooses them for a larger system.",
        "c": "It solves for x again, and for a and g besides, and the hardest of the three sets the step. On other "
        "problems it may need fewer.",
        "d": "It is linear in a, but its coefficients move as x does. And x is solved for, too.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def guarded(by_adjoint, by_checkpoint, x0, tol):
    """The adjoint's gradient where its state came home; where not, that of the checkpoints.

    by_adjoint: function () -> two arrays: the gradient (p,), and the recomputed x(0) (d,), which may hold nan or inf.
    by_checkpoint: function () -> the gradient (p,); it is expensive, so call it only if you need it.
    x0: (d,), the start. tol: float. x(0) came home if |x(0) - x0| <= tol (1 + |x0|) in every component.
    Returns the gradient: (p,).
    """
    gradient, x = by_adjoint()
    home = np.all(np.abs(x - x0) <= tol * (1 + np.abs(x0)))
    return gradient if home else by_checkpoint()


def check_guarded(guarded):
    cases = {  # what x(0) is off by, in bounds: tol (1 + |x0|)
        "home": [0.3, -0.3, 0.005],
        "one component astray": [0.0, 0.0, 900.0],
        "astray below": [0.0, -900.0, 0.0],
        "opposite errors": [400.0, -400.0, 0.0],
        "all astray": [30.0, 30.0, 30.0],
        "one small component": [1.5, 0.0, 0.0],
        "nan": [np.nan, 0.0, 0.0],
        "all nan": [np.nan, np.nan, np.nan],
        "inf": [np.inf, 0.0, 0.0],
        "a large component": [0.9, -0.9, 0.5],
    }
    mistakes = {
        "home": "Here x(0) came home within tol, and the adjoint's gradient is good. Yours gives another.",
        "one component astray": "One component of x(0) is off by 900 tol (1 + |x0|), and the adjoint's gradient was "
        "returned.",
        "astray below": "One component of x(0) is below x0 by 900 tol (1 + |x0|), and the adjoint's gradient was "
        "returned. Is |x(0) - x0| an absolute value?",
        "opposite errors": "Two components are off, in opposite directions, and yours returned the adjoint's gradient. "
        "Look at each component.",
        "all astray": "All components are off by 30 tol (1 + |x0|), and yours returned the adjoint's gradient. tol is "
        "an argument.",
        "one small component": "One component is off by 1.5 tol (1 + |x0|), the others are home, and yours returned "
        "the adjoint's gradient. Each component has a bound of its own, so do not take a norm or a mean.",
        "nan": "x(0) holds nan, and yours returned the adjoint's gradient. Every comparison with nan is False, so "
        "ask whether x came home, and not whether it went astray.",
        "all nan": "x(0) holds nan, and yours returned the adjoint's gradient. Every comparison with nan is False, so "
        "ask whether x came home, and not whether it went astray.",
        "inf": "x(0) is infinite, and yours returned the adjoint's gradient.",
        "a large component": "Every component is off by less than tol (1 + |x0|), which is much where x0 is about 100. "
        "Yours returned the checkpoints' gradient.",
    }
    for seed, (tol, p) in enumerate(((1e-3, 4), (1e-5, 2), (1e-2, 5))):
        rng = np.random.default_rng(700 + seed)
        x0 = np.append(rng.normal(size=2), -100.0 if seed == 1 else 100.0)
        one, other = rng.normal(size=(2, p))
        for name, off in cases.items():
            calls = {"adjoint": 0, "checkpoint": 0}
            off = np.array(off) * tol * (1 + np.abs(x0))

            def by_adjoint(x0=x0, off=off, one=one, calls=calls):
                calls["adjoint"] += 1
                return one.copy(), x0 + off

            def by_checkpoint(other=other, calls=calls):
                calls["checkpoint"] += 1
                return other.copy()

            expected = one if name in ("home", "a large component") else other
            got = guarded(by_adjoint, by_checkpoint, x0, tol)
            same_values(got, expected, 1e-12, "the gradient", {mistakes[name]: one if expected is other else other})
            if expected is one and calls["checkpoint"]:
                raise Wrong("Right value, but by_checkpoint was called although x(0) came home: it is expensive.")
            if calls["adjoint"] > 1:
                raise Wrong(f"Right value, but by_adjoint was called {calls['adjoint']} times: each is a solve.")
    return "Right in 10 situations at 3 tolerances, nan and infinity among them, and without a needless call."


guarded = Exercise(
    guarded,
    check_guarded,
    hints=(
        "by_adjoint() gives the gradient and x. Is every component of x near that of x0?",
        "home = np.all(np.abs(x - x0) <= tol * (1 + np.abs(x0))). With nan in x this is False, as it should be.",
        "return gradient if home else by_checkpoint()",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def interpolated_field(vjp, path, d, t, z):
    """The right-hand side z' of the interpolated adjoint: x is not solved for, but known.

    vjp: function (t, x, a) -> two arrays, (∂f/∂x)ᵀ a (d,) and (∂f/∂θ)ᵀ a (p,). path: function t -> x (d,), the dense
    output of the forward solve. d: int. t: float. z: (d + p,), holds a, g. Returns dz/dt: (d + p,).
    """
    a_x, a_theta = vjp(t, path(t), z[:d])
    return np.concatenate([-a_x, -a_theta])


def half_square(W, x, n):
    """|x(1)|² / 2 for x' = tanh(W x + sin t), by n steps of RK4."""
    for k in range(n):
        x = rk4(lambda t, x: np.tanh(W @ x + np.sin(t)), k / n, x, 1 / n)
    return np.sum(x**2) / 2


def check_interpolated_field(interpolated_field):
    worst = 0.0
    for seed, d in enumerate((3, 2, 4, 1)):
        rng = np.random.default_rng(740 + seed)
        W, p = rng.normal(size=(d, d)), d * d

        def vjp(t, x, a, W=W):
            g = (1 - np.tanh(W @ x + np.sin(t)) ** 2) * a
            return W.T @ g, np.outer(g, x).ravel()

        n, x0 = 40, rng.normal(size=d)
        states = [x0]
        for k in range(n):
            states.append(rk4(lambda t, x, W=W: np.tanh(W @ x + np.sin(t)), k / n, states[-1], 1 / n))

        def path(t, states=states, n=n):
            return states[min(max(round(t * n), 0), n)]

        z, t = rng.normal(size=d + p), rng.integers(5, 35) / n
        a_x, a_theta = vjp(t, path(t), z[:d])
        expected = np.concatenate([-a_x, -a_theta])
        off = {
            "Both signs are turned: a' = -(∂f/∂x)ᵀ a and g' = -(∂f/∂θ)ᵀ a.": -expected,
            "a' has the wrong sign: a' = -(∂f/∂x)ᵀ a.": np.concatenate([a_x, -a_theta]),
            "g' has the wrong sign: g grows from 0 on the way back, so g' = -(∂f/∂θ)ᵀ a.": np.concatenate(
                [-a_x, a_theta]
            ),
            "z holds a, then g: yours returns g' first.": np.concatenate([-a_theta, -a_x]),
            "The vjp is taken at a, or at another part of z. x is not in z: it is path(t).": np.concatenate(
                [-part for part in vjp(t, z[:d], z[:d])]
            ),
            "The state is taken at another time. At time t it is path(t).": np.concatenate(
                [-part for part in vjp(t, path(0.0), z[:d])]
            ),
            "The state is taken at the end. At time t it is path(t).": np.concatenate(
                [-part for part in vjp(t, path(1.0), z[:d])]
            ),
            "The times are mirrored. The solver walks backward, and t is the time itself: path(t).": np.concatenate(
                [-part for part in vjp(t, path(1 - t), z[:d])]
            ),
        }
        same_values(interpolated_field(vjp, path, d, t, z), expected, 1e-12, "dz/dt", off)

        z = np.concatenate([states[-1], np.zeros(p)])
        for k in reversed(range(n // 2)):  # steps of 2 / n: their middle lies on a stored state
            z = rk4(lambda t, z, v=vjp, q=path, d=d: interpolated_field(v, q, d, t, z), 2 * (k + 1) / n, z, -2 / n)
        index = np.unravel_index(int(np.argmax(np.abs(z[d:]))), (d, d))
        E = np.zeros((d, d))
        E[index] = 1e-5
        numeric = (half_square(W + E, x0, n) - half_square(W - E, x0, n)) / 2e-5
        worst = max(worst, same_values(z[d:].reshape(d, d)[index], numeric, 1e-3, "dL/dθ"))
    return f"Solved backward along the stored states, it gives dL/dθ on 4 random fields, to {worst:.0e}."


interpolated_field = Exercise(
    interpolated_field,
    check_interpolated_field,
    hints=(
        "The augmented system of lesson 06 without its first part. Where does x come from?",
        "a_x, a_theta = vjp(t, path(t), z[:d]): a is the first d numbers of z.",
        "return np.concatenate([-a_x, -a_theta])",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def reachable(s, r):
    """How many steps can be reversed with room for s states (x_0 is one), if no step is taken more than r times.

    s: int, at least 0; with s = 0 one step can be reversed, from the state at hand. r: int, at least 0; with r = 0
    no step may be taken. Taking a step a last time, to differentiate it, does not count. Returns int.
    """

    def count(s, r):
        return 1 if s == 0 or r == 0 else count(s, r - 1) + count(s - 1, r)

    return count(s, r)


def check_reachable(reachable):
    for s, r in [(0, 3), (3, 0), (5, 4), (1, 1), (1, 5), (2, 2), (3, 2), (2, 3), (4, 4), (5, 3), (3, 6)]:
        got, right = as_array(reachable(s, r), "the number of steps"), comb(s + r, s)
        if got.shape != ():
            raise Wrong(f"The number of steps is one number; yours has shape {got.shape}.")
        if got.dtype.kind not in "iu":
            raise Wrong(f"A number of steps is an int; yours is {got}.")
        if got == right:
            continue
        where = f"s = {s}, r = {r}: yours says {got}, and it is {right}."
        if got == 0:
            raise Wrong(
                f"{where} From a state at hand one step can always be reversed: the recursion ends at 1, not 0."
            )
        if s == 0 or r == 0:
            raise Wrong(f"{where} Without room, or without taking a step, only one step can be reversed.")
        if got == s * (r + 1) or got == s * r or got == (s + 1) * (r + 1):
            raise Wrong(f"{where} The counts do not multiply: each part is cut again, with what room and takes it has.")
        if got in (2**r, 2**s, 2 ** min(s, r)):
            raise Wrong(
                f"{where} The two parts have different rights: the left has one take less, the right one place."
            )
        if got == comb(s + r + 1, s + 1):
            raise Wrong(f"{where} That is the number with one place more: x_0 is one of the s.")
        if got == comb(s + r - 1, s - 1) or got == comb(s + r - 1, s):
            raise Wrong(f"{where} That is one of the two parts. Add the other.")
        if got == right + 1 or got == right - 1:
            raise Wrong(f"{where} Off by one: does the recursion end at 1?")
        raise Wrong(f"{where} The left part: s places, one take is spent. The right part: one place is spent, r takes.")
    return "Right for 11 pairs: the binomial coefficients, C(s + r, s)."


reachable = Exercise(
    reachable,
    check_reachable,
    hints=(
        "Cut the steps in two. To reach the right part, each step of the left one is taken once. x_0 stays held.",
        "The left part has s places and r - 1 takes. The right part has s - 1 places, because x_0 holds one, and r "
        "takes. Add both.",
        "if s == 0 or r == 0: return 1, and then: return reachable(s, r - 1) + reachable(s - 1, r).",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def seminorm(error, z, d, rtol, atol):
    """The size of a step's error on the way back, in tolerances, as the seminorm sees it.

    error: (2 d + p,), the estimated error of the step, for x, a, g in this order. z: (2 d + p,), the state.
    d: int. rtol, atol: float; a component's tolerance is atol + rtol |z|.
    Returns float: the root mean square over the components of x and a alone.
    """
    ratio = error[: 2 * d] / (atol + rtol * np.abs(z[: 2 * d]))
    return np.sqrt(np.mean(ratio**2))


def check_seminorm(seminorm):
    for seed in range(5):
        rng = np.random.default_rng(720 + seed)
        d, p, rtol, atol = (2, 3, 4, 5, 1)[seed], 7 - seed, 10 ** rng.uniform(-5, -2), 10 ** rng.uniform(-5, -2)
        z, error = rng.normal(size=2 * d + p), 1e-3 * rng.normal(size=2 * d + p)
        error[2 * d :] *= 50

        def rms(part, plain=False, mean=True, z=z, error=error, rtol=rtol, atol=atol):
            ratio = error[part] / (atol + rtol * (z[part] if plain else np.abs(z[part])))
            return np.sqrt(np.mean(ratio**2) if mean else np.sum(ratio**2))

        front = slice(0, 2 * d)
        ratio = error / (atol + rtol * np.abs(z))
        mistakes = {
            "g is still in it. The seminorm looks at the first 2 d components alone.": rms(slice(None)),
            "This looks at x alone. a belongs to it: the gradients are made of a.": rms(slice(0, d)),
            "This looks at a alone. x belongs to it: the derivatives are taken along x.": rms(slice(d, 2 * d)),
            "This looks at g alone: it is g that is left out.": rms(slice(2 * d, None)),
            "The sum of squares is divided by the wrong number: take the mean over 2 d components.": np.sqrt(
                np.sum(ratio[front] ** 2) / len(z)
            ),
            "The tolerance takes |z|: without the absolute value it may become negative.": rms(front, plain=True),
            "A sum where the mean belongs: the norm would grow with d.": rms(front, mean=False),
            "The root is missing.": rms(front) ** 2,
            "The error is not measured in tolerances: divide by atol + rtol |z| first.": np.sqrt(
                np.mean(error[front] ** 2)
            ),
            "rtol and atol are swapped: the tolerance is atol + rtol |z|.": np.sqrt(
                np.mean((error[front] / (rtol + atol * np.abs(z[front]))) ** 2)
            ),
            "The absolute tolerance is missing: atol + rtol |z|.": np.sqrt(
                np.mean((error[front] / (rtol * np.abs(z[front]))) ** 2)
            ),
            "This is the largest component; the root mean square was asked for.": np.abs(ratio[front]).max(),
            "This is the mean of the absolute values; the root mean square was asked for.": np.abs(ratio[front]).mean(),
        }
        same_values(seminorm(error, z, d, rtol, atol), rms(front), 1e-10, "the error", mistakes)
    return "Right on 5 random steps; an error in g, however large, is not seen."


seminorm = Exercise(
    seminorm,
    check_seminorm,
    hints=(
        "x and a are the first 2 d components. Divide each error by its tolerance.",
        "ratio = error[:2*d] / (atol + rtol * np.abs(z[:2*d])).",
        "return np.sqrt(np.mean(ratio**2))",
    ),
)


# ---- the quiz ------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "A flow shrinks some nudges by the factor exp(-30). The state is recomputed backward at a tolerance of 1e-9. "
        "What do you expect?",
        {
            "a": "An error near 1e-9, because the solver controls it.",
            "b": "An error that may be larger than the state itself.",
            "c": "The solver notices, and stops with an error.",
            "d": "A wrong x but a right gradient, because a is stable backward.",
        },
        answer="b",
        explain={
            "a": "The solver controls what a step adds. What becomes of it later is up to the equation.",
            "b": "exp(30) is 1e13, so even an error of 1e-12 can grow to 10.",
            "c": "Each step is fine by its own measure. Only nodekit's comparison of x(0) with x0, afterwards, warns.",
            "d": "a is stable, but its equation and the integral of g are evaluated along the wrong x.",
        },
    ),
    Question(
        "The gradient by checkpoints, at rtol 1e-3, differs from the equation's gradient by 1e-3. Is it wrong?",
        {
            "a": "Yes: checkpoints approximate the steps.",
            "b": "Yes: with more checkpoints it would be exact.",
            "c": "No: the difference is rounding.",
            "d": "No: it is the gradient of the steps that were taken, and those are off by about as much.",
        },
        answer="d",
        explain={
            "a": "They repeat the same steps. Nothing is approximated on the way back.",
            "b": "Their number changes what is computed twice, and not what is computed.",
            "c": "1e-3 is far above rounding. It is the error of the solve.",
            "d": "It is exact for the loss that is computed, and that loss is itself an approximation.",
        },
    ),
    Question(
        "Why can the state of the interpolated adjoint not go astray on the way back?",
        {
            "a": "It is solved backward with smaller steps.",
            "b": "It is read off the forward solve, whose states are kept.",
            "c": "It is compared with x0 at the end, and corrected where they differ.",
            "d": "It can, but a and g do not depend on it.",
        },
        answer="b",
        explain={
            "a": "No step size would help: what the flow has shrunk below rounding is lost.",
            "b": "The kept states pin the path down, and between them the dense output fills in.",
            "c": "That comparison is what nodekit's plain adjoint does. It warns, and corrects nothing.",
            "d": "They do: the Jacobian and the integral are taken along x(t).",
        },
    ),
    Question(
        "One recorded step of a network takes 1 MB, one state takes 10 kB, and a solve takes 2,000 steps. What does "
        "nodekit's default do, with its budget of 512 MiB?",
        {
            "a": "It keeps all 2,000 recorded steps, as plain backprop would do, in 2 GB of memory.",
            "b": "It stops, because 2,000 MB do not fit.",
            "c": "It keeps some 500 recorded steps, and a state for each of the others.",
            "d": "It changes to the adjoint after 512 MiB.",
        },
        answer="c",
        explain={
            "a": "That would be 2 GB. The budget is about half of a gigabyte.",
            "b": "What does not fit is repeated on the way back.",
            "c": "512 MiB hold some 500 steps of 1 MB. The other 1,500 states take 15 MB; these steps are repeated.",
            "d": "It never solves the state backward. Its gradient is that of the steps, whatever the memory.",
        },
    ),
    Question(
        "Which gradient does a library compute if you say nothing?",
        {
            "a": "All of them compute the continuous adjoint.",
            "b": "nodekit, diffrax and torchdiffeq's odeint compute that of the steps.",
            "c": "torchdiffeq's odeint computes the continuous adjoint, the others use backprop.",
            "d": "The one that is cheapest for the problem at hand.",
        },
        answer="b",
        explain={
            "a": "It is the one that the paper of 2018 made known. It is not the default of these three.",
            "b": "odeint does so by backprop, diffrax by checkpoints, nodekit by both.",
            "c": "That one has its own name there: odeint_adjoint.",
            "d": "nodekit looks at what fits into memory. None of them looks at anything else of the problem.",
        },
    ),
)
