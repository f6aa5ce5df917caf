"""The exercises of lesson 28, Control: an environment as an ODE."""

import numpy as np
from scipy.linalg import expm, solve_discrete_are

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "The pendulum hangs nearly at rest, and you have four seconds to give it as much energy as you can. A rule of "
    "thumb: always push the way it is moving, with all the force there is. How good is this rule?",
    {
        "a": "It is the best: at every moment it adds as much energy as can be added.",
        "b": "It is good, but not the best.",
        "c": "It is poor: half of the pushes go the wrong way.",
    },
    answer="b",
    explain={
        "a": "It is the best for the next moment. A push now also changes where the pendulum will be later.",
        "b": "We found pushes that give 4% more (2% if the rule may decide ten times as often), and a law that "
        "they obey at every moment.",
        "c": "It is within a few per cent of the best that we found.",
    },
)

second_guess = Prediction(
    "Three models learn from the same play, with decisions 0.05 to 0.25 s apart: an acceleration, solved over the "
    "interval; a network that predicts the next state and is told the interval; one that is not told. Now decisions "
    "come 0.3 to 0.45 s apart. What becomes of the errors of the first two?",
    {
        "a": "Both grow somewhat, since the intervals are longer.",
        "b": "Both are useless: neither has seen such intervals.",
        "c": "The acceleration's grows somewhat, and that of the network that is told becomes many times as large.",
        "d": "The network's grows less, since it makes no error of a solver.",
    },
    answer="c",
    explain={
        "a": "The interval is an input of the network, and this input has never been so large.",
        "b": "The acceleration at a moment has nothing to do with the time to the next decision.",
        "c": "The one grows with the length of the interval, the other is asked where it has learned nothing.",
        "d": "The solver's error is far smaller than what either of them has not learned.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def best_push(costate, B, limit, price):
    """The controls that make λ · B u + price · |u|² / 2 as small as possible, each |u_i| <= limit, at n moments.

    costate: (n, d), no entry of λ · B is 0. B: (d, m). limit: float > 0. price: float >= 0. Returns (n, m).
    """
    slope = costate @ B
    if price == 0:
        return -limit * np.sign(slope)
    return np.clip(-slope / price, -limit, limit)


def check_best_push(best_push):
    rng = np.random.default_rng(281)
    for n, d, m, price in ((5, 3, 2, 0.0), (7, 2, 1, 0.0), (6, 3, 2, 0.8), (9, 2, 3, 2.5)):
        costate, B, limit = rng.normal(size=(n, d)) * 2, rng.normal(size=(d, m)), rng.uniform(0.5, 1.5)
        slope = costate @ B
        right = -limit * np.sign(slope) if price == 0 else np.clip(-slope / price, -limit, limit)
        mistakes = {
            "The sign: λ · B u should become small, and you make it large.": -right,
            "The limit is missing: no |u_i| may be larger.": -slope / (price or 1.0),
            "You cut off at 1. The limit is another number.": (
                -np.sign(slope) if price == 0 else np.clip(-slope / price, -1, 1)
            ),
        }
        if price:
            mistakes |= {
                "You push with all the force. It costs price · u² / 2 here, and weak pushes are better where little "
                "is gained.": -limit * np.sign(slope),
                "A factor of 2: the derivative of price · u² / 2 is price · u.": np.clip(
                    -slope / (2 * price), -limit, limit
                ),
                "You multiply by the price. What is dearer is used less.": np.clip(-slope * price, -limit, limit),
                "Divide by the price first, and cut off at the limit then.": np.clip(-slope, -limit, limit) / price,
            }
        got = best_push(costate.copy(), B.copy(), limit, price)
        if np.shape(as_array(got, "your controls")) == (m, n) and n != m:
            raise Wrong("Your controls have the shape (m, n): a row for each moment, please, (n, m).")
        same_values(got, right, 1e-12, "your answer", mistakes)
    return "Right for one to three controls, with a price and without."


best_push = Exercise(
    best_push,
    check_best_push,
    hints=(
        "λ · B u is a sum over the controls: each u_i stands alone, times (Bᵀ λ)_i. For all moments: costate @ B.",
        "Without a price, a straight line in u_i is least at an end. With one, set the derivative to zero and cut off "
        "what is beyond the limit: a parabola is least at the nearest point.",
        "slope = costate @ B; -limit * np.sign(slope) for price 0, np.clip(-slope / price, -limit, limit) otherwise",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def held_matrices(A, B, h):
    """F and G with x(h) = F x(0) + G u, exactly, for x' = A x + B u with a control u that is held for the time h.

    A: (d, d), which may be singular. B: (d, m). h: float > 0. Returns F (d, d), G (d, m).
    """
    d, m = B.shape
    whole = expm(h * np.block([[A, B], [np.zeros((m, d + m))]]))
    return whole[:d, :d], whole[:d, d:]


def check_held_matrices(held_matrices):
    rng = np.random.default_rng(282)
    for d, m in ((3, 2), (2, 1), (4, 1)):
        A, B, h = rng.normal(size=(d, d)), rng.normal(size=(d, m)), rng.uniform(0.4, 1.2)
        if d == 4:
            A[0] = 0  # singular
        zero, one = np.zeros((m, d + m)), np.eye(d)
        whole = expm(h * np.block([[A, B], [zero]]))
        F, G = whole[:d, :d], whole[:d, d:]
        try:
            got = held_matrices(A.copy(), B.copy(), h)
        except Wrong as error:  # what the student's function raises arrives as this
            if "LinAlgError" not in str(error):
                raise
            raise Wrong(
                "Your function inverts A, and one of these A is singular. The big matrix needs no inverse."
            ) from error
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong("Return two matrices, (F, G).")
        mistakes = {
            "F is one Euler step, I + h A. It should be exact.": one + h * A,
            "np.exp takes the exponential of each entry. scipy.linalg.expm is that of the matrix.": np.exp(h * A),
            "The time h is missing in the exponent.": expm(A),
            "F is transposed.": F.T,
            "F undoes the step: the sign of A is turned.": expm(-h * A),
        }
        same_values(got[0], F, 1e-9, "F", mistakes)
        mistakes = {
            "G is that of one Euler step, h B: while u acts, the state that it has changed already moves on.": h * B,
            "You carry all of h B through the whole interval. u acts all the while, and its last part is carried for "
            "no time.": F @ B * h,
            "This is the mean of the first and the last moment, the trapezoidal rule. It should be exact.": (
                h * (B + F @ B) / 2
            ),
            "The sign of G is turned.": -G,
            "G should be a matrix for u held at size one. Yours is divided by h.": G / h,
        }
        same_values(got[1], G, 1e-9, "G", mistakes)
    return "Right for one and two controls, and for a singular A."


held_matrices = Exercise(
    held_matrices,
    check_held_matrices,
    hints=(
        "A held control is a quantity that does not change: u' = 0. So (x, u) together obey a linear equation without "
        "a control.",
        "Its matrix is [[A, B], [0, 0]], with m rows of zeros. The solution after h is the exponential of h times it.",
        "whole = scipy.linalg.expm(h * np.block([[A, B], [np.zeros((m, d + m))]])); F is its upper left block, G the "
        "upper right one",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def riccati_step(P, F, G, Q, R):
    """One decision back: the best gain, and what a state is worth before it.

    From the state x' after the decision on, the cost is x'ᵀ P x'. The decision costs xᵀ Q x + uᵀ R u, and leads to
    x' = F x + G u. P, F, Q: (d, d), P and Q symmetric. G: (d, m). R: (m, m), symmetric and positive definite.
    Returns K (m, d) with u = -K x the best control, and P before the decision (d, d).
    """
    K = np.linalg.solve(R + G.T @ P @ G, G.T @ P @ F)
    return K, Q + F.T @ P @ (F - G @ K)


def check_riccati_step(riccati_step):
    rng = np.random.default_rng(283)
    for d, m in ((3, 2), (2, 1), (3, 1)):
        half = [rng.normal(size=(k, k)) for k in (d, d, m)]
        P, Q, R = (a @ a.T + 0.3 * np.eye(len(a)) for a in half)
        F, G = rng.normal(size=(d, d)), rng.normal(size=(d, m))
        K = np.linalg.solve(R + G.T @ P @ G, G.T @ P @ F)
        before = Q + F.T @ P @ (F - G @ K)
        got = riccati_step(P.copy(), F.copy(), G.copy(), Q.copy(), R.copy())
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong("Return two things, the gain and P before the decision: (K, P).")
        mistakes = {
            "The sign: u = -K x, so K itself is without the minus.": -K,
            "R is missing: pushing costs something, too.": np.linalg.pinv(G.T @ P @ G) @ G.T @ P @ F,
            "The size of G enters: a control costs uᵀ R u, and the cost after it too.": np.linalg.solve(R, G.T @ P @ F),
            "F is missing: the state has moved by F before P weighs it.": np.linalg.solve(R + G.T @ P @ G, G.T @ P),
            "Q stands where P belongs: what counts is all that the next state will cost.": np.linalg.solve(
                R + G.T @ Q @ G, G.T @ Q @ F
            ),
        }
        same_values(got[0], K, 1e-9, "K", mistakes)
        mistakes = {
            "Q is missing: the decision itself costs xᵀ Q x.": before - Q,
            "The gain is missing: this is the cost without any control.": Q + F.T @ P @ F,
            "The cost of the controls is missing, Kᵀ R K.": Q + (F - G @ K).T @ P @ (F - G @ K),
            "The sign of the gain's term: a good control makes the cost smaller.": Q + F.T @ P @ (F + G @ K),
            "P is that after the decision.": P,
        }
        same_values(got[1], before, 1e-9, "P", mistakes)
    P = np.eye(2)
    F, G = np.array([[1.0, 0.4], [0.3, 1.2]]), np.array([[0.1], [0.5]])
    for _ in range(200):
        P = riccati_step(P, F, G, np.eye(2), np.eye(1))[1]
    same_values(P, solve_discrete_are(F, G, np.eye(2), np.eye(1)), 1e-8, "P after 200 decisions")
    return "Right; repeated 200 times, it gives the P of scipy.linalg.solve_discrete_are."


riccati_step = Exercise(
    riccati_step,
    check_riccati_step,
    hints=(
        "Write down the cost of a decision and of all that follows as a function of u. Set its derivative to zero.",
        "(R + Gᵀ P G) u = -Gᵀ P F x. With the best u put in, the cost is xᵀ (Q + Fᵀ P (F - G K)) x.",
        "K = np.linalg.solve(R + G.T @ P @ G, G.T @ P @ F); return K, Q + F.T @ P @ (F - G @ K)",
    ),
)


quiz = Quiz(
    Question(
        "In a best plan the costate of the speed is negative at some moment; the torque enters the speed's equation "
        "with a plus. What does the plan push, if the force is limited and costs nothing?",
        {
            "a": "With all the force, forward: a faster pendulum makes the cost smaller.",
            "b": "With all the force, backward, since the costate of the speed is negative there.",
            "c": "In proportion to the costate.",
        },
        "a",
        {
            "a": "u = -limit · sign(λ). Something in between is best only where λ is zero, or where a push costs.",
            "b": "A negative costate says that more speed makes the cost smaller. So push forward.",
            "c": "That is so where a push costs u²/2 and stays within the limit.",
        },
    ),
    Question(
        "Your pushes obey the sign law at every moment. Are they the best?",
        {
            "a": "Yes: the law says when pushes are the best.",
            "b": "Not necessarily; no small change makes them better to first order, but others may be better.",
            "c": "No: a best plan has to have pushes in between too, besides those at the limit on one side.",
        },
        "b",
        {
            "a": "It says what the best pushes do. Others do it as well.",
            "b": "We found three plans in four seconds that obey it, with 10.3, 10.9 and 13.6 units of energy.",
            "c": "With a limit and no price, it pushes with all the force.",
        },
    ),
    Question(
        "A plan is made with the learned model, whose error is about two hundredths for a decision. Carried out "
        "blindly, it ends farther from the top than was planned. Why?",
        {
            "a": "The gradient has not converged.",
            "b": "The torque is too weak.",
            "c": "Small errors add up on the way, and near the top each becomes about three times as large in a third "
            "of a second.",
        },
        "c",
        {
            "a": "By the model's own reckoning the same plan comes nearer.",
            "b": "With the same torque it gets there when it looks again.",
            "c": "The remedy is to look again: to plan anew, or a feedback.",
        },
    ),
    Question(
        "The gain of the continuous regulator holds the top with decisions every 0.02 s. Now decisions come every "
        "0.4 s. What do you do?",
        {
            "a": "Compute the gain for controls that are held for 0.4 s.",
            "b": "Make the gain larger, because there are fewer decisions in the same time now.",
            "c": "Nothing: the best gain does not depend on it.",
        },
        "a",
        {
            "a": "It is smaller, and it holds.",
            "b": "A held push goes on after it has done its work. It must be weaker.",
            "c": "From about a third of a second on the continuous gain pushes too much, and loses the top.",
        },
    ),
    Question(
        "What is the good of a model that is an ODE, by what we measured?",
        {
            "a": "It controls better than any network that predicts the next state.",
            "b": "It can be used at intervals that it was not trained with.",
            "c": "It plans faster.",
        },
        "b",
        {
            "a": "Ours did better than one such network. With three times the training that one came nearer at the "
            "intervals of the play, and did as well with one seed.",
            "b": "The interval is the solver's business, and not a thing to be learned.",
            "c": "Four evaluations for each decision instead of one: it is slower.",
        },
    ),
)
