"""Lesson 02, Continuous depth: two predictions, four exercises and the quiz."""

import math
from itertools import pairwise

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, many_steps, random_field, rk4, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "Two points of the plane start at different places and follow the same smooth field f(t, x), which depends on "
    "time. Both paths are drawn. What is impossible?",
    {
        "a": "That the two drawn paths cross.",
        "b": "That the two points are at one place at the same time.",
        "c": "That the two points come closer to one another.",
        "d": "Nothing of this is impossible.",
    },
    answer="b",
    explain={
        "a": "They may pass through the same place at different times: the field there is no longer the same.",
        "b": "From one place at one time there is one way on, and one way back. They would have started together.",
        "c": "They may come as close as you like, though not faster than exp(-Λ t).",
        "d": "Uniqueness forbids one thing: two different solutions through one place at one time.",
    },
)

second_guess = Prediction(
    "A solve runs from 0 to T with a tolerance of 1e-6, and a second one from its result back to 0. The field is "
    "x' = 1 - x. How far from its start does the round trip end, for T = 32?",
    {
        "a": "Nowhere: a flow is invertible, so the errors cancel.",
        "b": "By about 1e-6, whatever T is.",
        "c": "By about 32 times 1e-6: errors add up.",
        "d": "By more than the size of the start itself.",
    },
    answer="d",
    explain={
        "a": "The map is invertible. But the solver's errors on the way back are not those of the way there, reversed.",
        "b": "The tolerance bounds the error of one step. What becomes of that error, the field decides.",
        "c": "So it is where distances stay the same, as on the wheel. Here they grow on the way back.",
        "d": "Backward, differences grow like exp(t), and exp(32) is about 1e14.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def reversed_field(f, T):
    """The field whose flow from time 0 to T undoes the flow of f from time 0 to T.

    f: function (t, x) -> (..., d). T: float. Returns a function (s, x) -> (..., d).
    """

    def g(s, x):
        return -f(T - s, x)

    return g


def check_reversed_field(reversed_field):
    for seed, T in enumerate((1.3, 0.8, -0.9)):
        f, x0 = random_field(seed)
        s, x = 0.4 * T, np.random.default_rng(seed).normal(size=(5, len(x0)))
        g = reversed_field(f, T)
        if not callable(g):
            raise Wrong("A field is a function: return a function of (s, x), not its values.")
        mistakes = {
            "The clock runs backward too: at the reversed time s the old time is T - s.": -f(s, x),
            "The sign is missing: the reversed field points the other way.": f(T - s, x),
            "The old time is T - s; yours is s - T.": -f(s - T, x),
            "The old time is T - s: at s = 0 the way back begins at T, not at 0.": -f(-s, x),
            "This is the old field.": f(s, x),
            "The sign is missing, and the old time is T - s, not s - T.": f(s - T, x),
        }
        same_values(g(s, x), -f(T - s, x), what="your field", mistakes=mistakes)
        there = many_steps(rk4, f, x0, T, 200)
        back = many_steps(rk4, g, there, T, 200)
        same_values(back, x0, tol=1e-6, what="the start after the round trip")
    return "There and back on 3 random fields that depend on time, once from a negative T, to 1e-6."


reversed_field = Exercise(
    reversed_field,
    check_reversed_field,
    hints=(
        "Let y(s) = x(T - s). At s = 0 it is x(T), at s = T it is x(0). What is y'(s)?",
        "The chain rule: y'(s) = -x'(T - s) = -f(T - s, x(T - s)).",
        "Return lambda s, x: -f(T - s, x).",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def lipschitz_bound(matrices):
    """A bound on the Lipschitz constant of x -> W_L tanh(... tanh(W_2 tanh(W_1 x + b_1) + b_2) ...) + b_L.

    matrices: list of the L arrays W_1 ... W_L, of shapes (d_1, d_0), (d_2, d_1), ... Returns float.
    """
    return float(np.prod([np.linalg.norm(W, 2) for W in matrices]))


def check_lipschitz_bound(lipschitz_bound):
    rng = np.random.default_rng(2)
    for sizes in ((2, 2, 2, 2), (2, 8, 2), (3, 5, 5, 3), (2, 2)):  # square ones first: they have eigenvalues
        matrices = [rng.normal(size=(m, n)) for n, m in pairwise(sizes)]
        norms = [np.linalg.norm(W, 2) for W in matrices]
        product = np.linalg.multi_dot(matrices[::-1]) if len(matrices) > 1 else matrices[0]
        mistakes = {
            "The norms of layers in a row are multiplied: each stretches what the one before has left.": sum(norms),
            "That is the norm of the product of the matrices. With tanh in between it is no bound: two "
            "matrices that cancel one another no longer do.": np.linalg.norm(product, 2),
            "That is the Frobenius norm, np.linalg.norm's default. It is a bound, but a larger one than need be: "
            "the most that a matrix stretches is its largest singular value.": math.prod(map(np.linalg.norm, matrices)),
            "That is the largest entry of each matrix. What counts is how much it stretches a vector.": math.prod(
                np.abs(W).max() for W in matrices
            ),
            "That takes one layer only. Every layer stretches.": max(norms),
            "That is the smallest singular value of each: the least that it stretches.": math.prod(
                np.linalg.norm(W, -2) for W in matrices
            ),
            "That is the largest eigenvalue of WᵀW, the square of the norm: take the root.": math.prod(
                n**2 for n in norms
            ),
            "That is the norm with ord=np.inf, the largest row sum. Here lengths are Euclidean: ord=2.": math.prod(
                np.linalg.norm(W, np.inf) for W in matrices
            ),
            "That is the norm with ord=1, the largest column sum. Here lengths are Euclidean: ord=2.": math.prod(
                np.linalg.norm(W, 1) for W in matrices
            ),
        }
        if all(m == n for n, m in pairwise(sizes)):
            radius = math.prod(np.abs(np.linalg.eigvals(W)).max() for W in matrices)
            mistakes["That is from eigenvalues. A matrix may stretch more than any of them says."] = radius
        got = lipschitz_bound(matrices)
        same_values(got, math.prod(norms), tol=1e-10, what="your bound", mistakes=mistakes)
    return "The product of the largest singular values, for nets of 1 to 3 matrices."


lipschitz_bound = Exercise(
    lipschitz_bound,
    check_lipschitz_bound,
    hints=(
        "tanh stretches no distance, nor does adding b. By how much does W stretch a vector at most?",
        "By its largest singular value, np.linalg.norm(W, 2). Layers act one after the other.",
        "Multiply np.linalg.norm(W, 2) over all W in matrices.",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def piece_by_piece(flow, fields, x, T):
    """The state at T, where fields[k] is in force on the k-th of K equal pieces of [0, T].

    flow: function (f, x, t0, t1) -> (n, d), which solves x' = f(t, x) from x at t0 to t1.
    fields: list of K functions (t, x) -> (n, d), of the time t since 0. x: (n, d). T: float. Returns (n, d).
    """
    K = len(fields)
    for k, f in enumerate(fields):
        x = flow(f, x, k * T / K, (k + 1) * T / K)
    return x


def check_piece_by_piece(piece_by_piece):
    for K, T, d in ((4, 2.0, 2), (3, 1.3, 3)):
        check_pieces_of(piece_by_piece, K, T, d)
    return "Four random fields that depend on time, each for its quarter of [0, T]; and three, each for its third."


def check_pieces_of(piece_by_piece, K, T, d):
    """Check piece_by_piece on K fields in d dimensions."""
    fields = [random_field(seed, d)[0] for seed in range(K)]
    x = np.random.default_rng(K).normal(size=(5, d))

    def flow(f, x, t0, t1, n=8):
        h = (t1 - t0) / n
        for i in range(n):
            x = rk4(f, t0 + i * h, x, h)
        return x

    def chain(order, times, pieces=K):
        z = x
        for k in range(pieces):
            z = flow(fields[order(k)], z, *times(k))
        return z

    def jumping(t, x):
        return fields[min(int(t / T * K), K - 1)](t, x)

    def own(k):
        return k * T / K, (k + 1) * T / K

    right = chain(lambda k: k, own)
    mistakes = {
        "Each piece starts where the one before has ended, not at x.": flow(fields[-1], x, *own(K - 1)),
        "Every piece runs from 0. The fields depend on the time since 0: piece k runs from k T / K.": chain(
            lambda k: k, lambda k: (0.0, T / K)
        ),
        "Every piece runs over the whole of [0, T].": chain(lambda k: k, lambda k: (0.0, T)),
        "The pieces are K times as long as they should be: T is the horizon of all together.": chain(
            lambda k: k, lambda k: (k * T, (k + 1) * T)
        ),
        "The fields come in the opposite order: fields[0] is in force first.": chain(lambda k: K - 1 - k, own),
        "You give the solver a field that jumps, and it steps over the jumps. Solve each piece by itself.": flow(
            jumping, x, 0.0, T
        ),
        "You stop at the jumps, but the solver still sees the field jump: at the end of a piece it is the next "
        "one's. Give it fields[k] alone.": chain_of(flow, jumping, x, [own(k) for k in range(K)]),
        "The pieces end at k / K, wherever T is. They are the K-th parts of [0, T].": chain(
            lambda k: k, lambda k: (k / K, (k + 1) / K)
        ),
        "The last piece is missing.": chain(lambda k: k, own, K - 1),
        "The input comes back as it was: is the result of flow kept?": x,
    }
    same_values(piece_by_piece(flow, fields, x, T), right, tol=1e-10, what="your state at T", mistakes=mistakes)


def chain_of(flow, f, x, times):
    """The flow of one field, stopped and started again at the ends of the pieces."""
    for t0, t1 in times:
        x = flow(f, x, t0, t1)
    return x


piece_by_piece = Exercise(
    piece_by_piece,
    check_piece_by_piece,
    hints=(
        "A loop over the pieces. The state that one leaves is the start of the next.",
        "Piece k runs from k T / K to (k + 1) T / K, with K = len(fields).",
        "x = flow(fields[k], x, k * T / K, (k + 1) * T / K) for each k in turn; then return x.",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def invert_layer(F, y, rounds):
    """The x with x + F(x) = y, where F shrinks distances, by fixed-point iteration from the guess x = y.

    F: function (n, d) -> (n, d) with a Lipschitz constant below 1. y: (n, d). rounds: int. Returns (n, d).
    """
    x = y
    for _ in range(rounds):
        x = y - F(x)
    return x


def check_invert_layer(invert_layer):
    for seed in range(3):
        rng, d = np.random.default_rng(seed), 2 + seed % 2
        A, a, B = rng.normal(size=(6, d)), rng.normal(size=6), rng.normal(size=(d, 6))
        B *= 0.7 / (np.linalg.norm(A, 2) * np.linalg.norm(B, 2))  # shrinks by 0.7 at least

        def F(z, A=A, a=a, B=B):
            return np.tanh(z @ A.T + a) @ B.T

        def rounds_of(step, start, rounds, F=F):
            z = start
            for _ in range(rounds):
                z = step(F, z)
            return z

        x = rng.normal(size=(5, d))
        y = x + F(x)
        for rounds in (3, 60):

            def right_after(n, y=y, rounds_of=rounds_of):
                return rounds_of(lambda F, z: y - F(z), y, n)

            mistakes = {
                "The sign: from x + F(x) = y follows x = y - F(x).": rounds_of(lambda F, z, y=y: y + F(z), y, rounds),
                "You subtract from the last guess. Each round starts anew from y: x = y - F(x).": rounds_of(
                    lambda F, z: z - F(z), y, rounds
                ),
                "F is taken at y in every round. It is to be taken at the last guess.": y - F(y),
                "One round too few.": right_after(rounds - 1),
                "One round too many.": right_after(rounds + 1),
                "This is y itself: no round was made.": y,
                "You iterate until nothing changes. How many rounds there are is the argument rounds.": right_after(
                    300
                ),
                "That is the layer, forward: x + F(x). Its inverse is wanted.": y + F(y),
                "The first guess is x = y, and not 0.": rounds_of(lambda F, z, y=y: y - F(z), 0 * y, rounds),
            }
            same_values(invert_layer(F, y, rounds), right_after(rounds), what="your x", mistakes=mistakes)
        same_values(invert_layer(F, y, 60), x, tol=1e-8, what="the x that was put in")
    return "The input of 3 random contracting layers, recovered to 1e-8 in 60 rounds."


invert_layer = Exercise(
    invert_layer,
    check_invert_layer,
    hints=(
        "Write x + F(x) = y as x = (something that contains x). That something is the next guess.",
        "x = y - F(x). It contracts, because F does: the iteration is Picard's, for one step.",
        "Start with x = y, and repeat x = y - F(x) rounds times.",
    ),
)


# ---- the quiz ------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "The number of steps in an ODE block's solve goes from 20 to 40. What changes?",
        {
            "a": "The number of weights doubles, and the net becomes more expressive.",
            "b": "The model is a different one, twice as deep.",
            "c": "The same output, computed more accurately.",
            "d": "Nothing at all, to the last digit.",
        },
        answer="c",
        explain={
            "a": "The weights are those of the field. They are used more often, and none is added.",
            "b": "In a ResNet it would be. Here the model is the solution, which knows of no steps.",
            "c": "The block is defined by the equation; the solver's steps approximate its solution.",
            "d": "The solver's error changes; with four slopes a step it becomes about 16 times smaller.",
        },
    ),
    Question(
        "Which field guarantees exactly one solution for all times, from every start?",
        {
            "a": "x' = x²",
            "b": "x' = B ReLU(A x + a), with any weights",
            "c": "x' = √|x|, because it is continuous",
            "d": "Any continuous field that a computer can evaluate",
        },
        answer="b",
        explain={
            "a": "It is Lipschitz on bounded sets only: from x(0) = 1 the solution is infinite at t = 1.",
            "b": "ReLU stretches no distance, so Λ is at most the product of the norms of A and B.",
            "c": "Continuity gives a solution, but not one only: from 0 it may leave at any time.",
            "d": "√|x| can be evaluated as well. What is needed is a Lipschitz constant.",
        },
    ),
    Question(
        "In a picture of u against t, curves of the ODE block's first coordinate cross. The state has 4 coordinates.",
        {
            "a": "That is to be expected: the other coordinates differ there.",
            "b": "The solver has made an error.",
            "c": "The field is not Lipschitz.",
            "d": "The field must depend on time.",
        },
        answer="a",
        explain={
            "a": "A projection hides what keeps the points apart.",
            "b": "Exact solutions do it too: think of the shadows of two points on a wheel.",
            "c": "Uniqueness is about the whole state. One coordinate has no equation of its own.",
            "d": "It may do so without: the wheel's field does not depend on time.",
        },
    ),
    Question(
        "A time-aware field B tanh(A [x, t] + a) has, compared with the stationary one of the same width,",
        {
            "a": "weights that are all functions of time",
            "b": "a first bias that moves with time, at constant speed",
            "c": "the same flows, since time can be scaled away",
            "d": "as many weights again for each step of the solver",
        },
        answer="b",
        explain={
            "a": "That would be θ(t): piecewise, or from a small net of t. Here A and B stand still.",
            "b": "A [x, t] + a = A_x x + (a + t A_t): the column of A that belongs to t is the bias's velocity.",
            "c": "It has more: no stationary field is changed by setting back the clock, and this one is.",
            "d": "It has w more, one for each hidden unit, and none of them belongs to a step.",
        },
    ),
    Question(
        "A flow and its solver were run from 0 to 30 and back, and the result is far from the start. Most likely",
        {
            "a": "the flow is not invertible: it has mapped two inputs to one output",
            "b": "the way back was run with the wrong sign",
            "c": "differences shrink on the way there, so errors grow on the way back",
            "d": "the tolerance is to blame: a tighter one makes the round trip exact for every T",
        },
        answer="c",
        explain={
            "a": "A flow never does; but the images may be closer to each other than the rounding error.",
            "b": "It is worth a look, but then small T would fail too.",
            "c": "What exp(-Λ t) has brought together, exp(Λ t) takes apart, errors included.",
            "d": "It buys some time. Even with an exact formula, the rounding of x(T) is multiplied by exp(Λ T).",
        },
    ),
)
