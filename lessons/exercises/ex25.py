"""The exercises of lesson 25, Equilibrium models."""

import math

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "Each round of an iteration brings the state to 0.99 times its former distance from where it is going. About how "
    "many rounds make the distance a million times smaller?",
    {
        "a": "6: one digit a round.",
        "b": "About 100: the reciprocal of 1 - 0.99.",
        "c": "About 1400.",
        "d": "About a million.",
    },
    answer="c",
    explain={
        "a": "A digit a round needs the factor 0.1.",
        "b": "In 100 rounds the distance falls to 0.99^100 = 0.37, by a factor e only.",
        "c": "0.99^k = 1e-6 gives k = log(1e-6) / log(0.99) = 1375.",
        "d": "The distance falls in equal ratios, so the number of rounds goes with the logarithm.",
    },
)

second_guess = Prediction(
    "A solver has found a fixed point after 90 rounds, and you want the gradient of a loss at it. What has to be "
    "known of the 90 states on the way there?",
    {
        "a": "All of them: the chain rule goes back through every round.",
        "b": "The last few, because earlier rounds are forgotten by contraction.",
        "c": "Nothing: the state at the end is enough.",
        "d": "Nothing, but the solver has to be differentiable.",
    },
    answer="c",
    explain={
        "a": "That is the unrolled gradient. It is the gradient of the rounds, and agrees with the other in the limit.",
        "b": "That would be an approximation. There is an exact way that needs none of them.",
        "c": "The fixed point is defined by its equation and not by the way to it, so its gradient is too.",
        "d": "The solver may be anything, even one that rounds or guesses, as long as it arrives.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def rounds_needed(L, first, tol):
    """The least k for which the theorem promises a distance of at most tol after k rounds.

    L: float, the contraction factor, 0 < L < 1. first: float > 0, the size of the first change, ‖z₁ − z₀‖.
    tol: float > 0. Returns int >= 0.
    """
    return max(0, math.ceil(math.log(tol * (1 - L) / first) / math.log(L)))


def check_rounds_needed(rounds_needed):
    rng = np.random.default_rng(251)
    cases = [(0.8, 30.0, 1e-4), (0.99, 0.2, 1e-3), (0.9, 1.0, 20.0)]
    cases += [(rng.uniform(0.2, 0.97), 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-9, -2)) for _ in range(12)]
    for L, first, tol in cases:
        exact = math.log(tol * (1 - L) / first) / math.log(L)
        right = max(0, math.ceil(exact))
        got = rounds_needed(L, first, tol)
        where = f"For L = {L:.3g}, a first change of {first:.3g} and tol = {tol:.1e}"
        if isinstance(got, bool) or np.shape(as_array(got, "your number of rounds")) != ():
            raise Wrong("One number is wanted, an int.")
        if not np.isfinite(float(got)):
            raise Wrong(f"{where} your number of rounds is {got}.")
        if float(got) == right and not isinstance(got, int | np.integer):
            raise Wrong(f"Rounds are counted: return an int, not a {type(got).__name__}.")
        if float(got) != right:
            mistakes = {
                "The promise is missing its factor 1/(1 - L): the way still to go is a sum over all later rounds.": (
                    math.log(tol / first) / math.log(L)
                ),
                "1 - L stands on the wrong side: the bound is L^k / (1 - L) times the first change.": (
                    math.log(tol / (1 - L) / first) / math.log(L)
                ),
                "The size of the first change is missing.": math.log(tol * (1 - L)) / math.log(L),
                "The first change divides the tolerance; yours multiplies it.": (
                    math.log(tol * (1 - L) * first) / math.log(L)
                ),
                "This is one base of the logarithm for the other: divide by log(L).": -math.log(tol * (1 - L) / first),
            }
            for text, value in mistakes.items():
                if float(got) == max(0, math.ceil(value)):
                    raise Wrong(text)
            if right == 0:
                raise Wrong(f"{where} the promise holds before any round: 0 is the answer.")
            if abs(float(got) - exact) < 1:
                raise Wrong(f"{where} {got} rounds are not enough: round up to the next whole number.")
            if float(got) == right + 1:
                raise Wrong(f"{where} one round fewer is enough.")
            raise Wrong(f"{where} the least number is {right}, and yours is {got}. Solve L^k first / (1 - L) = tol.")
    return "Right for 15 cases; one of them needs no round at all."


rounds_needed = Exercise(
    rounds_needed,
    check_rounds_needed,
    hints=(
        "The theorem of section 3 bounds the distance after k rounds by L^k / (1 - L) times the first change.",
        "Take logarithms of L^k first / (1 - L) = tol; log(L) is negative. k is a whole number, and not below 0.",
        "max(0, math.ceil(math.log(tol * (1 - L) / first) / math.log(L)))",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def equilibrium_gradient(vjp_z, vjp_x, g, rounds):
    """The gradient of a loss at the fixed point z = f(z, x) by x.

    vjp_z: u (d,) -> (∂f/∂z)ᵀ u (d,). vjp_x: u (d,) -> (∂f/∂x)ᵀ u (m,). g: (d,), the gradient of the loss by z.
    rounds: int, how many times u ← g + (∂f/∂z)ᵀ u is done, from u = g. Returns (m,).
    """
    u = g
    for _ in range(rounds):
        u = g + vjp_z(u)
    return vjp_x(u)


def check_equilibrium_gradient(equilibrium_gradient):
    rng = np.random.default_rng(252)
    for d, m, rounds in ((3, 5, 4), (5, 2, 60), (1, 3, 2), (4, 4, 0)):
        J, B, g = rng.normal(size=(d, d)), rng.normal(size=(d, m)), rng.normal(size=d)
        J = 0.7 * J / np.linalg.norm(J, 2)
        calls = [0, 0]

        def vjp_z(u, J=J, calls=calls):
            calls[0] += 1
            return J.T @ u

        def vjp_x(u, B=B, calls=calls):
            calls[1] += 1
            return B.T @ u

        def after(k, g=g, J=J, B=B, sign=1.0, first=None):
            u = g if first is None else first
            for _ in range(k):
                u = g + sign * J.T @ u
            return B.T @ u

        got = equilibrium_gradient(vjp_z, vjp_x, g.copy(), rounds)
        powers = np.linalg.matrix_power(J.T, rounds)
        mistakes = {
            "This is the gradient without any round, B^T g: the Jacobian-free one.": after(0) if rounds else None,
            "The sign: u = g + J^T u, and yours has a minus.": after(rounds, sign=-1.0) if rounds else None,
            "g is added once only. It comes in again in every round.": B.T @ powers @ g if rounds else None,
            "Each round adds to g, not to the last u: write u = g + vjp_z(u). (Or did u += ... change g?)": (
                B.T @ np.linalg.matrix_power(np.eye(d) + J.T, rounds) @ g if rounds else None
            ),
            "One round too many.": after(rounds + 1),
            "One round is missing, or u starts from 0 instead of g.": after(rounds - 1) if rounds else None,
            "With no round left to do, u is g.": np.zeros(m) if not rounds else None,
        }
        if np.shape(got) == (d,) and d != m:
            raise Wrong("This has the shape of u, (d,). Send u through vjp_x at the end: (m,).")
        mistakes = {text: value for text, value in mistakes.items() if value is not None}
        same_values(got, after(rounds), 1e-10, f"the gradient after {rounds} rounds", mistakes)
        if calls[1] > 1:
            raise Wrong(f"Right value, but vjp_x was called {calls[1]} times. Once, at the end, is enough.")
        if rounds == 60:
            same_values(got, B.T @ np.linalg.solve(np.eye(d) - J.T, g), 1e-7, "the gradient")
    return "Right after 0, 2, 4 and 60 rounds; after 60 equal to B^T (I - J^T)^-1 g to 1e-7."


equilibrium_gradient = Exercise(
    equilibrium_gradient,
    check_equilibrium_gradient,
    hints=(
        "It is Picard's iteration once more: the unknown is u, and the map is u -> g + vjp_z(u).",
        "Start from u = g and do `rounds` rounds. g is added in each of them. At the end comes vjp_x, once.",
        "for _ in range(rounds): u = g + vjp_z(u), and then: return vjp_x(u)",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def broyden_update(H, dz, dg):
    """Broyden's new approximate inverse: H plus a matrix of rank one, so that it takes dg to dz.

    H: (d, d). dz: (d,), the last change of the state. dg: (d,), the change of g(z) = f(z) − z that it made.
    Returns (d, d).
    """
    return H + np.outer(dz - H @ dg, dz @ H) / (dz @ H @ dg)


def check_broyden_update(broyden_update):
    rng = np.random.default_rng(253)
    for d in (3, 5, 2, 1):
        H, dz, dg = -np.eye(d) + 0.4 * rng.normal(size=(d, d)), rng.normal(size=d), rng.normal(size=d)
        right = H + np.outer(dz - H @ dg, dz @ H) / (dz @ H @ dg)
        B = np.linalg.inv(H)
        with np.errstate(all="ignore"):
            mistakes = {
                "The outer product is turned round: the miss dz - H dg stands in the columns.": H
                + np.outer(dz @ H, dz - H @ dg) / (dz @ H @ dg),
                "The sign: the miss is dz - H dg, what H gets wrong so far.": 2 * H - right,
                "The row is dz H, with H from the right, and yours is H dz.": H
                + np.outer(dz - H @ dg, H @ dz) / (dz @ H @ dg),
                "This is Broyden's other formula, with dg in the row. It too takes dg to dz; the first is wanted.": H
                + np.outer(dz - H @ dg, dg) / (dg @ dg),
                "The row is dz H; yours is dz alone.": H + np.outer(dz - H @ dg, dz) / (dz @ dg),
                "You have updated B, the approximation of the Jacobian itself. Its inverse is wanted.": B
                + np.outer(dg - B @ dz, dz) / (dz @ dz),
                "This is the correction alone: add it to H.": right - H,
                "H is unchanged.": H,
                "The division by dz H dg is missing.": H + np.outer(dz - H @ dg, dz @ H),
            }
        if d == 1:
            mistakes = {}
        same_values(broyden_update(H, dz, dg), right, 1e-9, "the new H", mistakes)
    return "Equal to the inverse of Broyden's update of the Jacobian, in 1, 2, 3 and 5 dimensions."


broyden_update = Exercise(
    broyden_update,
    check_broyden_update,
    hints=(
        "The new H must take dg to dz. By how much does the old one miss?",
        "Add (dz - H dg) times a row, divided by the row times dg. The row is dz H.",
        "H + np.outer(dz - H @ dg, dz @ H) / (dz @ H @ dg)",
    ),
)


quiz = Quiz(
    Question(
        "A layer was trained through exactly 8 rounds. You run it for 400 rounds. What do you expect?",
        {
            "a": "A better answer, because it comes nearer to the fixed point.",
            "b": "Often a worse one: training asked for nothing beyond round 8.",
            "c": "The same, if the layer is a contraction.",
        },
        "b",
        {
            "a": "Nearer to the fixed point, yes. But training did not put the answer there.",
            "b": "It learned to be right after 8 rounds. In section 1 the error then grows by a third to a half.",
            "c": "A contraction makes the rounds converge. It does not say that they converge to the answer.",
        },
    ),
    Question(
        "f is a contraction with L = 0.9, and at a state z the residual ‖f(z) - z‖ is 0.01. How far is z from the "
        "fixed point?",
        {
            "a": "0.01 at most.",
            "b": "0.1 at most.",
            "c": "0.009 at most.",
        },
        "b",
        {
            "a": "The residual is one round's change. All later rounds may go the same way.",
            "b": "At most the residual divided by 1 - L: 0.01 / 0.1.",
            "c": "That bounds the next residual, not the distance.",
        },
    ),
    Question(
        "At a fixed point the spectral radius of ∂f/∂z is 1.3. Which iteration can still find it from near by?",
        {
            "a": "None: without contraction there is no fixed point.",
            "b": "Picard's, with enough rounds.",
            "c": "Newton's, as long as I - ∂f/∂z can be inverted.",
        },
        "c",
        {
            "a": "Contraction is sufficient, not necessary: x -> 3x has the fixed point 0.",
            "b": "Picard's multiplies the distance by up to 1.3 a round near by, so it is pushed away.",
            "c": "Newton's solves the linearised equation, and does not mind how f stretches.",
        },
    ),
    Question(
        "What does the memory of a training step of an equilibrium layer depend on?",
        {
            "a": "On the number of rounds that its solver took.",
            "b": "On one evaluation of f, and on what the solver keeps while it runs.",
            "c": "On the number of rounds of the backward solve.",
        },
        "b",
        {
            "a": "The rounds leave no graph.",
            "b": "One evaluation is recorded. Anderson's iteration holds a few states too, but not for the way back.",
            "c": "Every round back uses the same recorded evaluation.",
        },
    ),
    Question(
        "The Jacobian-free gradient replaces (I - J)^-T g by g. When is it nearly the gradient?",
        {
            "a": "When J is small: the layer contracts strongly.",
            "b": "When the fixed point was found to a tight tolerance.",
            "c": "When the batch is large.",
        },
        "a",
        {
            "a": "The series (I - J)^-T = I + J^T + ... then ends nearly with its first term.",
            "b": "The tolerance is about the state. The missing factor stays.",
            "c": "The factor is missing for every sample.",
        },
    ),
)
