"""Lesson 03, Solvers: two predictions, five exercises and the quiz. A tableau is a tuple (c, a, b), as there."""

import numpy as np

from nodekit.analysis.stability import stability_function
from nodekit.classroom.checks import Exercise, Wrong, as_array, order_slope, random_field, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.methods.explicit import METHODS
from nodekit.stepping.step import runge_kutta_step

first_guess = Prediction(
    "You may evaluate the field 48 times on the way from t = -1 to t = 2. Euler's method spends them on 48 short "
    "steps with one evaluation each. The midpoint method and Heun's method evaluate it twice in a step, so they take "
    "24 steps. RK4 evaluates it four times, so it takes only 12 steps, four times as long as Euler's. Which of them "
    "comes closest to the solution, judged by its largest error on the way?",
    {
        "a": "Euler: its steps are the shortest.",
        "b": "midpoint or Heun: a compromise between short steps and good steps.",
        "c": "RK4, in spite of its long steps.",
        "d": "They are about equal: the same number of evaluations is the same information.",
    },
    answer="c",
    explain={
        "a": "Short steps help, but Euler's error falls like h, and RK4's like h to the power 4.",
        "b": "They beat Euler by factors of about 16 and 4 here. RK4 does much better still.",
        "c": "Its error is 0.00013, and Euler's is 0.022. What counts is where the slopes are taken.",
        "d": "They all see 48 slopes, but what they make of them differs by a factor of more than 100.",
    },
)

second_guess = Prediction(
    "The solution of x' = -1000 x, x(0) = 1, is practically 0 after a time of 0.01. Euler's method blows up "
    "if h is larger than 0.002. Up to which step size do the points of RK4 go to 0?",
    {
        "a": "0.002: the limit is set by the equation, whatever the method.",
        "b": "A little farther, about 0.0028.",
        "c": "0.008: four slopes in a step carry four times as far.",
        "d": "Any: its error is of order 4, and the solution is smooth.",
    },
    answer="b",
    explain={
        "a": "Each method multiplies x by its own polynomial in h times -1000, so each has a limit of its own.",
        "b": "It is 2.785 / 1000. The four slopes that RK4 pays for carry 1.4 times as far as Euler's one.",
        "c": "Four slopes buy order 4. How far the step may reach is another question, with another answer.",
        "d": "The error behaves like the fifth power of h only for small h, and 1000 h is not small here.",
    },
)


def clue(got, mistakes):
    """The message of the mistake whose value `got` equals, or an empty string."""
    return next((text for text, value in mistakes.items() if np.allclose(got, value, rtol=1e-9, atol=1e-12)), "")


def as_tableau(value, stages):
    """(c, a, b) as arrays, a as a full square; raises Wrong unless it is an explicit tableau of that size."""
    if not (isinstance(value, tuple | list) and len(value) == 3):
        raise Wrong("A tableau is returned as three things: return c, a, b.")
    c, a, b = value
    if any(np.ndim(row) for part in (c, b) if isinstance(part, list | tuple) for row in part):
        raise Wrong("c and b are lists of numbers, a is a list of rows. The order is: return c, a, b.")
    if np.shape(c) != (stages,) or np.shape(b) != (stages,):
        raise Wrong(f"c and b need {stages} numbers each; yours have {np.size(c)} and {np.size(b)}.")
    if not isinstance(a, list | tuple) or [np.size(row) for row in a] != list(range(stages)):
        lengths = ", ".join(map(str, range(stages)))
        raise Wrong(f"a needs {stages} rows, of {lengths} numbers, as in the lesson: the first row is [].")
    full = np.zeros((stages, stages))
    for i, row in enumerate(a):
        full[i, :i] = as_array(np.asarray(row, float), "a row of a")
    c, b = as_array(np.asarray(c, float), "c"), as_array(np.asarray(b, float), "b")
    if not np.isfinite(np.concatenate([c, full.ravel(), b])).all():
        raise Wrong(f"The tableau is not finite: c = {c}, b = {b}.")
    return c, full, b


def step_of(c, a, b):
    """step(f, t, x, h) of a tableau with a full square a."""

    def step(f, t, x, h):
        k = []
        for c_i, a_i in zip(c, a, strict=True):
            k.append(f(t + c_i * h, x + h * sum(w * k_j for w, k_j in zip(a_i, k, strict=False))))
        return x + h * sum(w * k_j for w, k_j in zip(b, k, strict=True))

    return step


def real_number(value):
    """A real number, or Wrong."""
    value = as_array(value, "your step size")
    if value.shape != () or value.dtype.kind not in "fiu" or not np.isfinite(value):
        raise Wrong(f"A step size is one real number; yours is {value!r}.")
    return value


def clue_near(got, mistakes):
    """The message of the mistake that `got` is within 0.2% of, or an empty string."""
    return next((text for text, value in mistakes.items() if abs(got / value - 1) < 2e-3), "")


# ---- 1 -------------------------------------------------------------------------------------------------


def heun_step(f, t, x, h):
    """One step of Heun's method from (t, x). Two evaluations of f.

    f: function (t, x) -> (d,). t: float. x: (d,). h: float, negative to go back. Returns x at t + h: (d,).
    """
    k1 = f(t, x)
    k2 = f(t + h, x + h * k1)
    return x + h * (k1 + k2) / 2


def check_heun_step(heun_step):
    tableau, cases, used = METHODS["heun2"], [], []
    for seed in range(8):
        f, x = random_field(seed)
        rng = np.random.default_rng(300 + seed)
        t, h = float(rng.uniform(-1.0, 1.0)), float(rng.uniform(0.1, 1.2)) * (1, 1, -1, -1)[seed % 4]
        k1 = f(t, x)
        k2, end = f(t + h, x + h * k1), f(t + h, x + h * k1) + k1
        early, stale = f(t, x + h * k1), f(t + h, x)
        mistakes = {
            "Where is your second slope evaluated? Heun takes it at t + h.": x + h * (k1 + early) / 2,
            "Your second slope is taken at the old x. Heun takes it at x + h k1.": x + h * (k1 + stale) / 2,
            "This is Euler's step. Heun averages the slope at the start with one at the end.": x + h * k1,
            "You add the two slopes. Heun follows their average.": x + h * end,
            "Your step follows the second slope alone. Heun averages both.": x + h * k2,
            "Your second slope is taken half-way. Heun takes it at the end, at t + h and x + h k1.": x
            + h * (k1 + f(t + h / 2, x + h / 2 * k1)) / 2,
            "Your second slope is taken at x + h/2 k1. Heun goes along k1 for the whole step, to x + h k1.": x
            + h * (k1 + f(t + h, x + h / 2 * k1)) / 2,
            "Your second slope is taken at x + k1. A slope moves x by h k1 in a time h.": x
            + h * (k1 + f(t + h, x + k1)) / 2,
            "Only the second slope is halved: parentheses around k1 + k2.": x + h * (k1 + k2 / 2),
            "Only the second slope is halved, and it lost its h: parentheses around k1 + k2.": x + h * k1 + k2 / 2,
            "x itself is halved too: parentheses around the slopes alone.": (x + h * end) / 2,
            "This is the average slope only. The step goes from x, for a time h.": end / 2,
            "The slopes are not multiplied by h.": x + end / 2,
            "This is the midpoint step, with its one slope at t + h/2. Heun averages the slopes at both ends.": x
            + h * f(t + h / 2, x + h / 2 * k1),
        }
        if h < 0:
            late = f(t - h, x - h * k1)
            mistakes["A negative h goes back in time. Your step goes forward, whatever the sign of h."] = (
                x - h * (k1 + late) / 2
            )
        calls = []

        def counted(t, x, f=f, calls=calls):
            calls.append(t)
            return f(t, x)

        got = as_array(heun_step(counted, t, x, h), "the new x")
        used.append(len(calls))
        if got.shape != x.shape:
            raise Wrong(f"The new x has shape {got.shape}; {x.shape} was expected, that of x.")
        cases.append((got, runge_kutta_step(f, t, x, h, tableau)[0], mistakes))
    order = order_slope(heun_step)
    if not abs(order - 2) < 0.2:
        found = next(filter(None, (clue(got, mistakes) for got, _, mistakes in cases)), "")
        shown = round(order, 1) + 0.0  # no -0.0
        raise Wrong(f"Order {shown} measured on 8 random fields, 2 expected. {found}".rstrip())
    for got, expected, mistakes in cases:
        same_values(got, expected, 1e-13, "the new x", mistakes)
    if max(used) > 2:
        raise Wrong(f"Right value, but f was evaluated {max(used)} times; two are enough: keep k1.")
    return f"Order {order:.2f} on 8 random fields; equal to nodekit's heun2 to rounding."


heun_step = Exercise(
    heun_step,
    check_heun_step,
    hints=(
        "Go along the first slope for the whole step, and ask the field there. Its clock then shows t + h.",
        "k1 = f(t, x), and k2 is the slope at (t + h, x + h * k1). Follow the average of the two for a time h.",
        "return x + h * (k1 + k2) / 2. Make a new array: x += ... would change the caller's x.",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def observed_order(coarse, middle, fine):
    """The order of a method, from three results at the same time T and no exact solution.

    coarse, middle, fine: (d,), computed with step sizes h, h/2 and h/4. Returns float.
    """
    return float(np.log2(np.linalg.norm(coarse - middle) / np.linalg.norm(middle - fine)))


NO_ORDER = (
    "The second difference is the larger one there: the method does not converge, and log2 is negative. Leave the sign."
)


def check_observed_order(observed_order):
    rng = np.random.default_rng(31)
    for p in rng.uniform(0.7, 5.0, size=6).tolist():
        x, error = rng.normal(size=(2, 3))
        results = [x + error * (0.5 / 2**i) ** p for i in range(3)]
        first, second = np.linalg.norm(results[0] - results[1]), np.linalg.norm(results[1] - results[2])
        whole = np.linalg.norm(results[0] - results[2])
        norms = -np.diff(np.linalg.norm(results, axis=1))
        mistakes = {
            "The sign is turned: put the larger difference on top.": -p,
            "This is the ratio of the differences, 2 to the power p. Which function gives p?": 2**p,
            "The logarithm must have base 2, as h is divided by 2.": p * np.log(2),
            "The logarithm must have base 2, not 10, as h is divided by 2.": p * np.log10(2),
            "This is twice the order: were the differences squared?": 2 * p,
            "You took the finest result for the exact one; its own error is not small beside that of the middle "
            "one. Compare neighbours: coarse with middle, middle with fine.": np.log2(whole / second),
            "middle has step h/2, not h/4: compare neighbours, whose steps differ by a factor 2.": np.log2(
                whole / first
            ),
            "One number is wanted for the whole vector: take norms of the differences.": np.full(3, p),
            "Do not round: how near the measured order is to a whole number is what it tells.": np.round(p),
            "Divide the norms of the differences, not one vector by the other.": p + np.log2(3) / 2,
            "These are differences of norms. Subtract the results first, then take the norm.": np.log2(
                abs(norms[0] / norms[1])
            ),
            "Results at a fixed time differ like h to the power p already: nothing is to be subtracted.": p - 1,
        }
        same_values(observed_order(*results), p, 1e-6, "your order", mistakes)
    errors = np.array([0.0, 0.25, -0.375, 0.125])  # one component is exact, and the sum of all is
    x = rng.normal(size=4)
    try:
        same_values(observed_order(*(x + errors * 4.0**-i for i in range(3))), 2.0, 1e-6, "your order")
    except Wrong:
        raise Wrong(
            "Right while every component has an error. Where one is exact, or where errors cancel in a sum, it "
            "fails: take norms of the differences."
        ) from None
    apart = observed_order(x, x + errors, x + 3 * errors)  # a method that does not converge
    same_values(apart, -1.0, 1e-6, "your order where the differences double", {NO_ORDER: 1.0})
    f, x0 = random_field(3)
    measured = []
    for name in ("euler", "heun2", "rk4"):
        ends = []
        for n in (32, 64, 128):
            x = x0
            for i in range(n):
                x = runge_kutta_step(f, i / n, x, 1 / n, METHODS[name])[0]
            ends.append(x)
        measured.append(float(observed_order(*ends)))
    return "Exact on 6 synthetic errors. On a random field: Euler {:.2f}, Heun {:.2f}, RK4 {:.2f}.".format(*measured)


observed_order = Exercise(
    observed_order,
    check_observed_order,
    hints=(
        "Write each result as x(T) + C h^p with its own h. The unknown x(T) drops out of a difference.",
        "coarse - middle = C h^p (1 - 2^-p), and middle - fine is the same divided by 2^p.",
        "Take np.linalg.norm of both differences, divide, and take np.log2 of the ratio.",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def euler_limit(lam):
    """The largest step size with which the points of Euler's method do not grow on x' = lam x.

    lam: complex, not 0. Returns float; 0.0 if the points grow at every step size.
    """
    return max(0.0, -2 * lam.real / abs(lam) ** 2)


def check_euler_limit(euler_limit):
    rng = np.random.default_rng(34)
    scales = [[1, 1], [1, -3], [40, 90], [0.01, 0.02]]
    decaying = [complex(-a, b) for a, b in rng.uniform(0.3, 3.0, size=(4, 2)) * scales]
    for lam in [*decaying, complex(-rng.uniform(1.0, 9.0), 0.0)]:
        size, right = abs(lam), -2 * lam.real / abs(lam) ** 2
        mistakes = {
            "2 / |λ| is right on the negative axis only. Where does the ray through hλ leave the disk?": 2 / size,
            "You used the real part only. The imaginary part moves hλ as well.": -2 / lam.real,
            "The real part of λ is negative, and h is positive: turn the sign.": -right,
            "At your h the number |1 + hλ| is smallest. It is 1 again twice as far out.": right / 2,
            "This is h|λ|, not h: divide by |λ| once more.": right * size,
            "This is RK4's limit on the negative axis.": 2.785 / size,
        }
        got = float(real_number(euler_limit(lam)))
        if abs(got / right - 1) > 1e-5:
            raise Wrong(
                clue_near(got, mistakes)
                or f"h = {got:.4g} for λ = {lam:.3g}; {right:.4g} was expected. At your h, |1 + hλ| is "
                f"{abs(1 + got * lam):.4g}; at the limit it is 1."
            )
    for lam in (complex(0.0, rng.uniform(1.0, 4.0)), complex(rng.uniform(0.5, 2.0), 1.0)):
        got = float(real_number(euler_limit(lam)))
        if abs(got) > 1e-6:
            raise Wrong(
                f"h = {got:.4g} for λ = {lam:.3g}; 0 was expected. On the imaginary axis, and to the right of it, no "
                "point hλ is in Euler's disk."
            )
    return "The limit for 5 decaying solutions, fast and slow, turning either way or not at all; 0 where there is none."


euler_limit = Exercise(
    euler_limit,
    check_euler_limit,
    hints=(
        "A step multiplies by 1 + hλ. Write λ = a + ib, and square the size of 1 + hλ.",
        "|1 + hλ|² = (1 + ha)² + (hb)² = 1 + 2ha + h²(a² + b²). For which h is this at most 1?",
        "It is at most 1 if 2a + h(a² + b²) is at most 0, and a² + b² is abs(lam) ** 2. If a is not negative, only "
        "h = 0 is left.",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def third_order(c2, c3):
    """The explicit method of order 3 that has three stages, at the nodes 0, c2 and c3.

    c2, c3: float, different, not 0, c2 not 2/3. Returns the tableau (c, a, b): 3 floats, 3 rows, 3 floats.
    """
    b = np.linalg.solve([[1, 1, 1], [0, c2, c3], [0, c2**2, c3**2]], [1, 1 / 2, 1 / 3])
    a32 = 1 / (6 * b[2] * c2)
    return [0.0, c2, c3], [[], [c2], [c3 - a32, a32]], b.tolist()


def check_third_order(third_order):
    rng = np.random.default_rng(33)
    nodes = list(zip(rng.uniform(0.2, 0.6, 5).tolist(), rng.uniform(0.7, 1.0, 5).tolist(), strict=True))
    nodes += [nodes[0][::-1], (nodes[1][0], -nodes[1][1])]  # a node may lie before the one above it, or before t
    for c2, c3 in nodes:
        c, a, b = as_tableau(third_order(c2, c3), 3)
        same_values(c, np.array([0.0, c2, c3]), what="c")
        last = b[2] * a[2, 1] * c2
        conditions = (
            ("Σ b", b.sum(), 1, ""),
            ("Σ b c", b @ c, 1 / 2, ""),
            ("Σ b c²", b @ c**2, 1 / 3, ""),
            ("the sum of row 2 of a", a[1].sum(), c2, "A row's sum is its node."),
            ("the sum of row 3 of a", a[2].sum(), c3, "a_31 and a_32 share the way to the node c3."),
            ("Σ b_i a_ij c_j", last, 1 / 6, "Only i = 3, j = 2 is left of it: b_3 a_32 c_2."),
        )
        for name, value, expected, advice in conditions:
            if not abs(value - expected) < 1e-9:
                raise Wrong(f"{name} is {value:.4g}, and {expected:.4g} was expected. {advice}".rstrip())
    order = order_slope(step_of(*as_tableau(third_order(1 / 3, 2 / 3), 3)))
    return f"All four order conditions at 7 pairs of nodes; order {order:.2f} at (1/3, 2/3), which is Heun's heun3."


third_order = Exercise(
    third_order,
    check_third_order,
    hints=(
        "Four conditions, and four unknowns: b_1, b_2, b_3 and a_32. Three of them contain only b.",
        "The three are linear in b: np.linalg.solve with the rows (1, 1, 1), (0, c2, c3), (0, c2², c3²). "
        "Of the fourth condition only one term is left, as c_1 = 0 and a is triangular.",
        "a_32 = 1 / (6 b_3 c2), and a_31 = c3 - a_32, because the row sums of a are the nodes.",
    ),
)


# ---- 5 -------------------------------------------------------------------------------------------------


def largest_step(R, A):
    """The largest step size with which a method is stable on x' = A x: its points stay bounded.

    R: function, the method's stability function, complex array -> complex array. A: (d, d), all eigenvalues with
    negative real part. Returns float, accurate to 0.1%.
    """
    eigenvalues = np.linalg.eigvals(A)

    def stable(h):
        return np.all(np.abs(R(h * eigenvalues)) <= 1)

    low, high = 0.0, 1e-3
    while stable(high):
        low, high = high, 2 * high
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def stable_up_to(R, z):
    """The largest h, to 1e-7, up to which |R(h z)| <= 1 for each z: (m,) -> (m,)."""
    low, high = np.zeros(len(z)), np.full(len(z), 20.0) / np.abs(z)
    for _ in range(60):
        middle = (low + high) / 2
        inside = np.abs(R(middle * z)) <= 1 + 1e-13
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return low


def check_largest_step(largest_step):
    rng = np.random.default_rng(32)
    for seed, scale in enumerate((1.0, 30.0, 1e-3, 1.0)):  # fast and slow: no interval for h is given
        damping, turning = rng.uniform(0.5, 3.0, size=2), rng.uniform(1.0, 4.0, size=2)
        A = np.diag(np.repeat(-damping, 2))
        A[[0, 2], [1, 3]], A[[1, 3], [0, 2]] = -turning, turning
        if seed == 3:  # a real eigenvalue too, the fastest
            A = np.pad(A, (0, 1))
            A[4, 4] = -8.0
        V = np.eye(len(A)) + 0.4 * rng.normal(size=A.shape)
        A = scale * V @ A @ np.linalg.inv(V)
        z = np.linalg.eigvals(A)
        for name in ("euler", "heun2", "rk4"):

            def R(z, name=name):
                return stability_function(name, z)

            each, size = stable_up_to(R, z), np.abs(z).max()
            right, real = each.min(), stable_up_to(R, -np.ones(1))[0]
            euler = stable_up_to(lambda z: 1 + z, z).min()
            mistakes = {
                "Your h suits one eigenvalue only. The step must be stable for all of them.": each.max(),
                "You used the real parts only. An eigenvalue's imaginary part moves hλ as well.": real
                / np.abs(z.real).max(),
                "You used the size of the eigenvalues only, as if they lay on the negative axis.": real / size,
                "2 / |λ| is Euler's limit on the negative axis, not that of this method and these eigenvalues.": 2
                / size,
                "You used the norm of A. What decides is where its eigenvalues lie.": real / np.linalg.norm(A, 2),
                "This is Euler's limit for these eigenvalues. Which method it is, only R tells.": euler,
                "This is h|λ|, not h: divide by the size of the eigenvalue.": right * np.abs(z[each.argmin()]),
            }
            got = float(real_number(largest_step(R, A)))
            if abs(got) < 1e-6 * right:
                raise Wrong(
                    f"h = {got:.4g} on matrix {seed} with {name}: the search found no stable step at all. Is |R| taken "
                    "at h times the eigenvalues of A, np.linalg.eigvals(A), which may be complex?"
                )
            if abs(got / right - 1) > 2e-3:
                if seed == 2 and 0 < got < 0.1 * right and np.all(np.abs(R(got * z)) < 1):
                    raise Wrong(
                        f"h = {got:.4g} on a slow matrix with {name}; {right:.4g} was expected. Does your search end "
                        "at a fixed h? No interval is given: double h until it is unstable."
                    )
                near = " Near, but 0.1% is asked: search more finely." if abs(got / right - 1) < 0.03 else ""
                raise Wrong(
                    clue_near(got, mistakes)
                    or f"h = {got:.4g} on matrix {seed} with {name}; {right:.4g} was expected. At your h the largest "
                    f"|R(hλ)| is {np.abs(R(got * z)).max():.4g}; at the limit it is 1.{near}"
                )
    return "The limits of Euler, Heun and RK4 on 4 random matrices, fast and slow, with complex eigenvalues, to 0.1%."


largest_step = Exercise(
    largest_step,
    check_largest_step,
    hints=(
        "In the eigenvectors of A the system falls apart into one test equation for each eigenvalue.",
        "stable(h) is true if np.abs(R(h * eigenvalues)) is at most 1 for all of np.linalg.eigvals(A).",
        "Start from an h that is stable and double it until it is not. Then halve the interval between the last "
        "stable and the first unstable h until it is short.",
    ),
)


# ---- the quiz ------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "Heun's method with 100 steps is off by 0.01 at the end. About how large is the error with 200 steps?",
        {"a": "0.005", "b": "0.0025", "c": "0.0001, as 0.01 squared", "d": "0.00125, as each step's error is h cubed"},
        answer="b",
        explain={
            "a": "That would be order 1. Heun's method is of order 2.",
            "b": "Half the step to the power 2 is a quarter of the error.",
            "c": "The order is an exponent of h, not of the error.",
            "d": "Each step's error is an eighth, but there are twice as many of them.",
        },
    ),
    Question(
        "A library's Heun method evaluates both slopes at time t, by mistake. Its author tests the order on x' = -x "
        "and on x' = -2 t x. What is measured?",
        {
            "a": "2 on both: the weights are right, and those decide the order",
            "b": "1 on both: a wrong node costs an order, whatever the field",
            "c": "2 on the first, 1 on the second",
            "d": "2 on the first, and no convergence on the second",
        },
        answer="c",
        explain={
            "a": "The weights are right, but on the second equation the second slope is that of the wrong moment.",
            "b": "x' = -x does not look at the clock, so there the mistake cannot be seen.",
            "c": "Only a field that depends on t sees the wrong node. So test orders on one that does.",
            "d": "The weights still add up to 1, so it converges: with order 1.",
        },
    ),
    Question(
        "x' = iωx turns for ever at the same distance from 0. For which of the four methods do the points spiral "
        "outwards at every step size, however small?",
        {
            "a": "Euler, midpoint and Heun",
            "b": "Euler alone; a method of order 2 or more stays on the circle if h is small",
            "c": "All four: no explicit method has a stability region that reaches the imaginary axis",
            "d": "None, if h is small enough",
        },
        answer="a",
        explain={
            "a": "|1 + iy|² = 1 + y² and |1 + iy - y²/2|² = 1 + y⁴/4: both above 1 for every y except 0.",
            "b": "Midpoint and Heun have |R(iy)|² = 1 + y⁴/4. The spiral is slower, but it is there.",
            "c": "RK4's region holds the imaginary axis up to 2.83; there its points spiral slowly inwards.",
            "d": "Small h makes the spiral slow. It never makes |R| equal to 1.",
        },
    ),
    Question(
        "x' = -1000 x, and all that matters is that the points decay. Which method needs the fewest evaluations of f "
        "for each unit of time?",
        {
            "a": "RK4, whose steps may be longest",
            "b": "Heun, a good compromise",
            "c": "They all need the same number: the limit is 2/1000 for each",
            "d": "Euler",
        },
        answer="d",
        explain={
            "a": "2.785/1000 is the longest step of these, but it costs 4 evaluations: 1436 for each unit of time.",
            "b": "Its limit is Euler's, 2/1000, at twice the price: 1000 for each unit of time.",
            "c": "RK4's limit is 2.785/1000, and the methods differ in the price of a step.",
            "d": "500 for each unit of time. Its step is short, but costs one evaluation. (Lesson 14 does better.)",
        },
    ),
    Question(
        "A residual layer x + F(x) is repeated many times. At a point with F(x) = 0 the Jacobian of F has an "
        "eigenvalue -2.5. A small difference from that point, along its eigenvector,",
        {
            "a": "shrinks, because the eigenvalue is negative",
            "b": "is turned round and grows by half, layer by layer",
            "c": "shrinks by exp(-2.5) in each layer, as the differential equation demands",
            "d": "is multiplied by -2.5 in each layer",
        },
        answer="b",
        explain={
            "a": "The differential equation would shrink it. The layer multiplies it by 1 - 2.5.",
            "b": "1 + (-2.5) = -1.5: outside of Euler's disk, whose left end is at -2.",
            "c": "That is what the exact flow does in a time of 1. A layer is an Euler step of it.",
            "d": "The skip connection adds 1 to it.",
        },
    ),
)
