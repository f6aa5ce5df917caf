"""The exercises of lesson 13, Stability."""

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values, several
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "The cell that kept its gradient differs from the tanh-RNN in two ways: it adds 0.01 tanh(...) to the old state, "
    "where the RNN puts tanh(...) in its place, and its weights are W - Wᵀ. Now we undo the second change only: it "
    "adds 0.01 tanh(W x + ...) with a plain W. What is the gradient worth after 784 steps?",
    {
        "a": "1e-60 or less, as for the RNN with the same weights: it has the same W.",
        "b": "About 3, as before: the small step alone is what keeps it.",
        "c": "Between 20 and 500.",
        "d": "1e20 or more: nothing holds it any longer.",
    },
    answer="c",
    explain={
        "a": "Then 784 steps would each have to shrink it by a sixth. A step changes it by 1% or so.",
        "b": "The small step does most of the work, but not all of it: plain weights still stretch.",
        "c": "784 steps of 0.01 are a way of 7.84 units of time. Weights that stretch at a rate of about 0.6 make a "
        "hundred of it.",
        "d": "That takes a rate of 6 for 7.84 units of time. The fastest rate at which these weights stretch is 1.3.",
    },
)

second_guess = Prediction(
    "The matrix A(t) has the eigenvalues -0.25 ± 0.66i at every time t, although its entries change with t. What "
    "becomes of the solution of x' = A(t) x from (1, 0) until t = 10?",
    {
        "a": "It shrinks like exp(-0.25 t), to about 0.08, turning.",
        "b": "It grows for a while, and then it shrinks at that rate.",
        "c": "It keeps its size, about.",
        "d": "It grows all the time, to more than 100.",
    },
    answer="d",
    explain={
        "a": "It would if A did not depend on t. The eigenvectors turn, and the solution turns with them.",
        "b": "That is what a constant matrix can do. Here the matrix keeps turning, so the growth need not end.",
        "c": "It grows like exp(t/2): the direction in which A(t) stretches turns together with the solution.",
        "d": "It grows like exp(t/2), to 148. At every time A(t) stretches the direction in which the solution is.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def logarithmic_norm(J):
    """The logarithmic norm of a matrix: the largest rate at which x' = J x can stretch a vector, relative to it.

    J: (d, d). Returns float.
    """
    return float(np.linalg.eigvalsh((J + J.T) / 2).max())


def check_logarithmic_norm(logarithmic_norm):
    rng = np.random.default_rng(131)
    for d, shift in ((3, 0.0), (2, -6.0), (1, -2.0), (5, 1.0), (4, -9.0), (3, -8.0)):
        J = rng.normal(size=(d, d)) * 1.5 + shift * np.eye(d)
        part, values = (J + J.T) / 2, np.linalg.eigvals(J)
        right = np.linalg.eigvalsh(part)[-1]
        mistakes = {
            "This is the largest real part of an eigenvalue of J. Take the eigenvalues of its symmetric part.": float(
                values.real.max()
            ),
            "This is the norm of J: it cannot be negative, and it does not see whether J pulls together.": float(
                np.linalg.norm(J, 2)
            ),
            "Half is missing: the symmetric part is (J + Jᵀ)/2.": float(2 * right),
            "This is the smallest eigenvalue: the slowest rate. The largest is asked for.": float(
                np.linalg.eigvalsh(part)[0]
            ),
            "np.linalg.eigvalsh reads half of its matrix only, and takes it to be symmetric. J is not: make its "
            "symmetric part first.": [float(np.linalg.eigvalsh(J, half)[-1]) for half in "LU"],
            "You take absolute values. The rate is negative where J pulls together: keep the sign.": [
                float(np.abs(np.linalg.eigvalsh(part)).max()),
                float(abs(right)),
            ],
            "This is the eigenvalue with J - Jᵀ, the part that only turns.": float(
                np.abs(np.linalg.eigvals((J - J.T) / 2)).max()
            ),
            "This is the largest entry on the diagonal: the rate for the axes only.": float(np.diag(J).max()),
        }
        got = logarithmic_norm(J)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted; yours has shape {np.shape(got)}.")
        if np.iscomplexobj(got):
            raise Wrong("Yours is a complex number. A symmetric matrix has real eigenvalues: np.linalg.eigvalsh.")
        value = float(as_array(got, "your μ"))
        if d > 1 and not abs(value - right) <= 1e-9:
            for text, wrong in mistakes.items():
                if np.any(np.abs(value - np.array(wrong)) <= 1e-9):
                    raise Wrong(text)
        same_values(value, np.float64(right), 1e-9, "your μ")
        h = 1e-6  # the definition, for this J
        if abs((np.linalg.norm(np.eye(d) + h * J, 2) - 1) / h - value) > 1e-3:
            raise Wrong("It does not agree with (|I + hJ| - 1)/h for a small h.")
    return (
        "Right for 6 random matrices of 1 to 5 rows, and equal to (|I + hJ| - 1)/h for a small h. It may be negative."
    )


logarithmic_norm = Exercise(
    logarithmic_norm,
    check_logarithmic_norm,
    hints=(
        "Section 4: the rate in the direction δ is δ · Jδ, for a δ of length 1. Only the symmetric part of J counts.",
        "The largest δ · Sδ of a symmetric S, over all δ of length 1, is the largest eigenvalue of S.",
        "np.linalg.eigvalsh((J + J.T) / 2) has all eigenvalues, in rising order.",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def antisymmetric_step(x, u, W, V, b, eps, gamma):
    """One step of the antisymmetric cell, x + eps tanh((W - Wᵀ - gamma I) x + V u + b), and its Jacobian.

    x: (d,), the old state. u: (m,), the input. W: (d, d). V: (d, m). b: (d,). eps, gamma: floats.
    Returns the new state (d,), and the derivatives of the new state by the old one (d, d).
    """
    A = W - W.T - gamma * np.eye(len(x))
    h = np.tanh(A @ x + V @ u + b)
    return x + eps * h, np.eye(len(x)) + eps * (1 - h**2)[:, None] * A


def check_antisymmetric_step(antisymmetric_step):
    rng = np.random.default_rng(132)
    for d, m in ((3, 2), (5, 1), (1, 3), (4, 4), (3, 3)):
        x, b, W, V, u = (rng.normal(size=s) for s in (d, d, (d, d), (d, m), m))
        eps, gamma, one = rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.9), np.eye(d)
        drive, S = V @ u + b, W - W.T

        def state(A, x=x, drive=drive, eps=eps):
            return x + eps * np.tanh(A @ x + drive)

        A = S - gamma * one
        h = np.tanh(A @ x + drive)
        slopes = 1 - h**2
        new, jacobian = x + eps * h, one + eps * slopes[:, None] * A
        of_the_state = {
            "gamma is subtracted from every entry of the matrix. It belongs on the diagonal: gamma * np.eye(d).": state(
                S - gamma
            ),
            "These are the weights W + Wᵀ: symmetric. The cell has W - Wᵀ.": state(W + W.T - gamma * one),
            "These are the weights W. The cell has W - Wᵀ.": state(W - gamma * one),
            "The transpose is on the wrong side: W - Wᵀ, not Wᵀ - W.": state(-S - gamma * one),
            "The damping has the wrong sign: - gamma I.": state(S + gamma * one),
            "The damping is missing.": state(S),
            "This is what the step adds. The old state is missing.": eps * h,
            "This is what a tanh-RNN does: the old state and eps are missing.": h,
            "eps is missing.": x + h,
            "The tanh is missing.": x + eps * (A @ x + drive),
            "The bias is missing.": x + eps * np.tanh(A @ x + V @ u),
            "The input is missing.": x + eps * np.tanh(A @ x + b),
            "The damping is outside of the tanh. It belongs to the matrix.": x
            + eps * (np.tanh(S @ x + drive) - gamma * x),
            "eps is inside of the tanh: it multiplies what tanh gives.": x + np.tanh(eps * (A @ x + drive)),
        }
        of_the_jacobian = {
            "The identity is missing: the old state is added to the step.": jacobian - one,
            "The slopes multiply the columns. They belong to the rows: (1 - h**2)[:, None] * A.": one
            + eps * A * slopes,
            "The Jacobian is transposed: entry [i, j] is the derivative of new x_i by old x_j.": jacobian.T,
            "eps is missing in the Jacobian.": one + slopes[:, None] * A,
            "The slopes are missing: tanh has the derivative 1 - tanh².": one + eps * A,
            "The slope of tanh is 1 - h², with the square.": one + eps * (1 - h)[:, None] * A,
            "The slopes are taken at the new state. They are 1 - h² with h the tanh of the step.": one
            + eps * (1 - new**2)[:, None] * A,
            "The slopes are taken at tanh of tanh: h is the tanh already.": one
            + eps * (1 - np.tanh(h) ** 2)[:, None] * A,
            "In the Jacobian the damping is missing.": one + eps * slopes[:, None] * S,
            "In the Jacobian the weights are W, not W - Wᵀ.": one + eps * slopes[:, None] * (W - gamma * one),
        }
        got = several(antisymmetric_step(x, u, W, V, b, eps, gamma), ("the new state", "the Jacobian"))
        first, second = as_array(got[0], "the new state"), as_array(got[1], "the Jacobian")
        if first.shape == (d, d) and second.shape == (d,) and d > 1:
            raise Wrong("Both are returned, in the other order: the new state first.")
        if d == 1:  # there many mistakes look alike
            of_the_state = of_the_jacobian = {}
        same_values(first, new, 1e-10, "the new state", of_the_state)
        same_values(second, jacobian, 1e-10, "the Jacobian", of_the_jacobian)
    return "New state and Jacobian right for 5 random cells of 1 to 5 components."


antisymmetric_step = Exercise(
    antisymmetric_step,
    check_antisymmetric_step,
    hints=(
        "Name the matrix A = W - W.T - gamma * np.eye(len(x)), and h the tanh: the new state is x + eps * h.",
        "By the chain rule, h has the Jacobian D A, where D is diagonal with 1 - h². The old x adds the identity.",
        "return x + eps * h, np.eye(len(x)) + eps * (1 - h**2)[:, None] * A",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def least_damping(W, eps):
    """The least damping gamma >= 0 with which Euler's steps of x' = (W - Wᵀ - gamma I) x make no vector longer.

    W: (d, d). eps: float > 0, the step size. Returns float; np.inf if no damping is enough.
    """
    turn = eps * np.linalg.norm(W - W.T, 2)
    return float((1 - np.sqrt(1 - turn**2)) / eps) if turn <= 1 else np.inf


def check_least_damping(least_damping):
    rng = np.random.default_rng(133)
    for d, eps, size in ((4, 0.02, 3.0), (3, 0.1, 1.2), (5, 0.3, 0.5), (1, 0.5, 1.0), (3, 0.5, 3.0), (6, 0.8, 0.2)):
        W = size * rng.normal(size=(d, d))
        omega, plain = np.linalg.norm(W - W.T, 2), np.linalg.norm(W, 2)
        turn, root = eps * omega, np.sqrt(np.maximum(0, 1 - (eps * omega) ** 2))
        right = (1 - root) / eps if turn <= 1 else np.inf
        with np.errstate(invalid="ignore", divide="ignore"):
            mistakes = {
                "This is eps times the damping: divide by eps.": 1 - root,
                "This is the other end of the disk, the most damping. The least is asked for.": (1 + root) / eps,
                "This is the first term of a series, eps ω²/2. It is too small; solve the condition itself.": eps
                * omega**2
                / 2,
                "This is eps ω², twice what is needed for small steps. Solve (1 - eps gamma)² + eps² ω² = 1.": eps
                * omega**2,
                "ω is a frequency of W - Wᵀ, not a size of W.": [
                    (1 - np.sqrt(1 - (eps * size) ** 2)) / eps
                    for size in (plain, np.abs(np.linalg.eigvals(W)).max(), np.abs(np.linalg.eigvals(W).imag).max())
                ],
                "The condition must hold for every frequency. This is enough for the slowest turn only.": (
                    1 - np.sqrt(1 - (eps * np.abs(np.linalg.eigvals(W - W.T)).min()) ** 2)
                )
                / eps,
                "This is minus the damping.": -(1 - root) / eps,
            }
        got = least_damping(W, eps)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted; yours has shape {np.shape(got)}.")
        value = float(as_array(got, "your damping"))
        if turn > 1:
            if value != np.inf:
                raise Wrong(
                    f"Here eps ω = {turn:.2f} is more than 1: the disk around -1 is nowhere so high. No damping is "
                    "enough: return np.inf."
                )
            continue
        if d > 1 and not abs(value - right) <= 1e-7 * max(1, right):
            if value == 0:
                raise Wrong("Without damping Euler's steps of a rotation grow: |1 + i eps ω| > 1.")
            for text, wrong in mistakes.items():
                if np.any(np.abs(value - np.array(wrong)) <= 1e-7):
                    raise Wrong(text)
        same_values(value, np.float64(right), 1e-7, "your damping")
    return "Right for 6 random W, among them one with no rotation (d = 1), and one that no damping holds."


least_damping = Exercise(
    least_damping,
    check_least_damping,
    hints=(
        "The eigenvalues of W - Wᵀ - gamma I are -gamma ± iω. A step multiplies by 1 + eps (-gamma ± iω).",
        "Its size is at most 1 if (1 - eps gamma)² + eps² ω² <= 1. Solve for gamma, for the largest ω, which is the "
        "2-norm of W - Wᵀ. If eps ω > 1 there is no solution.",
        "turn = eps * np.linalg.norm(W - W.T, 2), and then (1 - np.sqrt(1 - turn**2)) / eps, or np.inf if turn > 1",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def euler_error_bound(h, n, second, mu):
    """The bound of section 12 for Euler's error after n steps.

    h: float > 0, the step size. n: int >= 1. second: float, a bound on |x''| of the solutions through Euler's points.
    mu: float, the one-sided Lipschitz constant; it may be negative or zero. Returns float.
    """
    return float(second * h**2 / 2 * sum(np.exp(mu * h * j) for j in range(n)))


def check_euler_error_bound(euler_error_bound):
    for h, n, second, mu in ((0.1, 30, 1.7, -0.8), (0.05, 7, 0.6, 2.1), (0.2, 12, 3.0, 0.0), (0.3, 1, 2.0, -5.0)):
        weights = np.exp(mu * h * np.arange(n))
        right = second * h**2 / 2 * weights.sum()
        mistakes = {
            "This is the bound of lesson 01, with |mu| as if it were Λ: keep mu's sign.": second
            * h**2
            / 2
            * np.exp(abs(mu) * h * np.arange(n)).sum(),
            "The half is missing.": 2 * right,
            "One local error is h² M/2, not h M/2.": right / h,
            "The last local error is not carried at all: the factors are exp(mu h j) for j = 0 to n - 1.": second
            * h**2
            / 2
            * np.exp(mu * h * np.arange(1, n + 1)).sum(),
            "These are n + 1 local errors. There are n.": second * h**2 / 2 * np.exp(mu * h * np.arange(n + 1)).sum(),
            "All local errors are carried to the end: each by its own time.": n * second * h**2 / 2 * weights[-1],
            "The local errors are added up, but not carried.": n * second * h**2 / 2,
            "The factor of one step is exp(mu h), not 1 + mu h: the exact flow carries.": second
            * h**2
            / 2
            * ((1 + mu * h) ** np.arange(n)).sum(),
        }
        with np.errstate(all="ignore"):
            integral = second * h / 2 * np.divide(np.expm1(mu * n * h), mu) if mu else np.nan
            got = euler_error_bound(h, n, second, mu)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted; yours has shape {np.shape(got)}.")
        value = float(as_array(got, "your bound"))
        if mu == 0 and np.isnan(value):
            raise Wrong("For mu = 0 yours is 0/0: then every local error counts in full, n M h²/2.")
        if mu and abs(value - integral) < 1e-9:
            raise Wrong("You took the integral for the sum. For mu < 0 it is a little too small, and bounds nothing.")
        same_values(value, np.float64(right), 1e-9, "your bound", mistakes if n > 1 and mu else {})
    return "Right for mu < 0, mu > 0, mu = 0, and for one step."


euler_error_bound = Exercise(
    euler_error_bound,
    check_euler_error_bound,
    hints=(
        "Each step makes a new error of at most M h²/2. For how long is each carried, and what does that make of it?",
        "The error made in the last step is not carried, the one before it by exp(mu h), then exp(2 mu h), ...",
        "second * h**2 / 2 * np.exp(mu * h * np.arange(n)).sum()",
    ),
)


# ---- 5 -------------------------------------------------------------------------------------------------


def mean_growth_rate(jacobians, v, h):
    """The mean rate at which v grows when the matrices are applied one after the other: log(|P v| / |v|) / (n h).

    jacobians: (n, d, d), applied in this order. v: (d,). h: float, the time between two of them. Returns float.
    The product P may be too large or too small for a float: never form it.
    """
    total = 0.0
    for J in jacobians:
        new = J @ v
        total += np.log(np.linalg.norm(new) / np.linalg.norm(v))
        v = new / np.linalg.norm(new)
    return float(total / (len(jacobians) * h))


def check_mean_growth_rate(mean_growth_rate):
    rng = np.random.default_rng(135)
    for n, d, h, gain in ((3, 3, 0.5, 1.0), (7, 2, 0.1, 0.4), (3000, 3, 0.05, 2.0), (3000, 2, 0.2, 0.3)):
        J, v = gain * rng.normal(size=(n, d, d)), 3 * rng.normal(size=d)

        def rate(matrices, v, sizes=False):
            total = 0.0
            for each in matrices:
                new = each @ v
                total += np.log(np.linalg.norm(new) / np.linalg.norm(v))
                v = new / np.linalg.norm(new)
            return total

        total = rate(J, v)
        right = total / (n * h)
        mistakes = {
            "h is missing: the rate is per unit of time.": total / n,
            "This is the logarithm of the whole growth. Divide by the time n h.": total,
            "You divide by n and multiply by h. The time is n h.": total / n * h,
            "The matrices are applied in the opposite order.": rate(J[::-1], v) / (n * h),
            "The matrices are transposed: new v = J @ v.": rate(J.transpose(0, 2, 1), v) / (n * h),
            "The size of the v that was given counts too. The rate is of |P v| / |v|.": (
                total + np.log(np.linalg.norm(v))
            )
            / (n * h),
            "This is the mean of log |J|, the most that each matrix could do. Follow the vector.": np.mean(
                [np.log(np.linalg.norm(each, 2)) for each in J]
            )
            / h,
            "This is the mean rate for one v, taken anew for each matrix. Carry the vector on.": sum(
                rate([each], v) for each in J
            )
            / (n * h),
        }
        with np.errstate(all="ignore"):
            got = mean_growth_rate(J, v, h)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted; yours has shape {np.shape(got)}.")
        value = float(as_array(got, "your rate"))
        if n > 100 and not np.isfinite(value):
            raise Wrong(f"After {n} matrices yours is {value}: the product left the floats. Rescale v as you go.")
        same_values(value, np.float64(right), 1e-8, "your rate", mistakes)
    return "Right for 3, 7 and 3000 matrices; the product of the last would be beyond any float."


mean_growth_rate = Exercise(
    mean_growth_rate,
    check_mean_growth_rate,
    hints=(
        "The logarithm of a product is a sum: add up the logarithm of each step's growth.",
        "After each matrix, divide v by its length, and add the logarithm of that length to the total.",
        "new = J @ v; total += np.log(norm(new) / norm(v)); v = new / norm(new); then total / (len(jacobians) * h)",
    ),
)


quiz = Quiz(
    Question(
        "All eigenvalues of a constant matrix A have real part -1. What follows for x' = A x?",
        {
            "a": "|x(t)| falls at all times.",
            "b": "|x(t)| tends to 0, and may grow on the way.",
            "c": "|x(t)| <= exp(-t) |x(0)|.",
            "d": "Nothing.",
        },
        answer="b",
        explain={
            "a": "That takes a negative logarithmic norm. A matrix that is not normal may stretch first.",
            "b": "The eigenvalues of a constant matrix say what happens in the long run, and nothing of the way there.",
            "c": "That holds if A is normal. In general a constant stands in front, and it may be large.",
            "d": "For a constant A the solution does tend to 0. For an A(t) nothing would follow.",
        },
    ),
    Question(
        "A field has the Lipschitz constant 50 and the one-sided Lipschitz constant -2. Two solutions begin at the "
        "distance 1. What is the best that you can say about their distance at t = 1?",
        {
            "a": "At most exp(50)",
            "b": "Exactly exp(-2)",
            "c": "At most exp(-2)",
            "d": "At least exp(-2)",
        },
        answer="c",
        explain={
            "a": "True, but the other constant says far more.",
            "b": "It is a bound: they may come together faster.",
            "c": "|δ(t)| <= exp(μ t) |δ(0)|, and a negative μ is a promise that they approach.",
            "d": "The lower bound is another number: the smallest eigenvalue of the symmetric part.",
        },
    ),
    Question(
        "The matrix W - Wᵀ - γI, with γ > 0, has",
        {
            "a": "eigenvalues with real part -γ and the logarithmic norm -γ",
            "b": "real eigenvalues, all equal to -γ",
            "c": "eigenvalues with real part -γ, and a larger logarithmic norm",
            "d": "eigenvalues that depend on W only",
        },
        answer="a",
        explain={
            "a": "W - Wᵀ adds nothing to the symmetric part, which is -γI. So the two agree.",
            "b": "Their real parts are -γ. The imaginary parts are the frequencies of W - Wᵀ.",
            "c": "They differ where a matrix is not normal. This one is: the symmetric part is a multiple of I.",
            "d": "γ shifts all of them to the left.",
        },
    ),
    Question(
        "Euler's method with the step 0.1 follows x' = (W - Wᵀ) x for 1000 steps. Its fastest rotation has the "
        "frequency 3. What becomes of the length of x, and what helps?",
        {
            "a": "It is kept, since the flow keeps it.",
            "b": "It grows by up to exp(43); a damping γ of about 0.46 helps.",
            "c": "It shrinks; a smaller step helps.",
            "d": "It grows, and only an implicit method helps.",
        },
        answer="b",
        explain={
            "a": "The flow does. Euler's steps go along tangents, and a tangent leaves the circle.",
            "b": "|1 + 0.3i| is 1.044 and 1.044 to the power 1000 is exp(43). The damping brings 1 - 0.1γ ± 0.3i back "
            "into the unit circle.",
            "c": "Tangents leave a circle on the outside: it grows.",
            "d": "RK4 is stable there as well (lesson 03), and so is Euler with enough damping or a far smaller step.",
        },
    ),
    Question(
        "The Jacobian of x' = tanh((W - Wᵀ) x + V u(t)) has imaginary eigenvalues at each moment. Does that bound the "
        "gradient along the whole way?",
        {
            "a": "Yes: no factor of the product has an eigenvalue with a positive real part, so it cannot grow.",
            "b": "Yes, because the Jacobian is antisymmetric.",
            "c": "No: the slopes of tanh change along the way, and such products can grow.",
            "d": "No: tanh is not Lipschitz.",
        },
        answer="c",
        explain={
            "a": "Sizes of factors multiply, eigenvalues do not. Section 7 has a product that grows 260,000-fold.",
            "b": "It is D (W - Wᵀ) with a diagonal D, which is not antisymmetric.",
            "c": "On short ways, or where D changes slowly, they grow little. There is no promise for all ways.",
            "d": "tanh has the Lipschitz constant 1.",
        },
    ),
)
