"""Wrong answers to the exercises of lesson 03."""

import numpy as np


def heun(f, t, x, h):
    k1 = f(t, x)
    return k1, f(t + h, x + h * k1)


def heun_in_place(f, t, x, h):
    k1, k2 = heun(f, t, x.copy(), h)
    x += h * (k1 + k2) / 2
    return x


def heun_predictor_in_place(f, t, x, h):
    start = x.copy()
    k1 = f(t, x)
    x += h * k1
    return start + h * (k1 + f(t + h, x)) / 2


def order_from(formula):
    """An answer to observed_order from the norms of coarse - middle, middle - fine and coarse - fine."""

    def observed_order(coarse, middle, fine):
        norm = np.linalg.norm
        return formula(norm(coarse - middle), norm(middle - fine), norm(coarse - fine))

    return observed_order


def order_in_place(coarse, middle, fine):
    coarse -= middle
    middle -= fine
    return float(np.log2(np.linalg.norm(coarse) / np.linalg.norm(middle)))


def bisect(stable, low=0.0, high=1e5):
    for _ in range(70):
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def step_with(eigenvalues, test=np.all, scale=lambda z: 1.0):
    """An answer to largest_step that looks at eigenvalues(A)."""

    def largest_step(R, A):
        z = np.asarray(eigenvalues(A))
        return bisect(lambda h: test(np.abs(R(h * z)) <= 1)) * scale(z)

    return largest_step


def step_in_place(R, A):
    z = np.linalg.eigvals(A)
    A *= 0
    return bisect(lambda h: np.all(np.abs(R(h * z)) <= 1))


def solve_weights(c2, c3, right):
    return np.linalg.solve([[1, 1, 1], [0, c2, c3], [0, c2**2, c3**2]], right)


def third(a32, a31=lambda c3, w: c3 - w, right=(1, 1 / 2, 1 / 3)):
    """An answer to third_order with its own a_32 and a_31, or its own right-hand side."""

    def third_order(c2, c3):
        b = solve_weights(c2, c3, right)
        w = a32(b, c2, c3)
        return [0.0, c2, c3], [[], [c2], [a31(c3, w), w]], b.tolist()

    return third_order


def right_a32(b, c2, c3):
    return 1 / (6 * b[2] * c2)


WRONG = {
    "heun_step": {
        "second slope at t": (
            lambda f, t, x, h: x + h * (f(t, x) + f(t, x + h * f(t, x))) / 2,
            "Where is your second slope evaluated? Heun takes it at t + h.",
        ),
        "second slope at the old x": (
            lambda f, t, x, h: x + h * (f(t, x) + f(t + h, x)) / 2,
            "taken at the old x",
        ),
        "Euler": (
            lambda f, t, x, h: x + h * f(t, x),
            "Order 1.0 measured on 8 random fields, 2 expected. This is Euler",
        ),
        "the sum": (lambda f, t, x, h: x + h * sum(heun(f, t, x, h)), "You add the two slopes"),
        "the second slope alone": (lambda f, t, x, h: x + h * heun(f, t, x, h)[1], "second slope alone"),
        "midpoint": (
            lambda f, t, x, h: x + h * f(t + h / 2, x + h / 2 * f(t, x)),
            "This is the midpoint step",
        ),
        "half-way": (
            lambda f, t, x, h: x + h * (f(t, x) + f(t + h / 2, x + h / 2 * f(t, x))) / 2,
            "half-way",
        ),
        "half-way in x only": (
            lambda f, t, x, h: x + h * (f(t, x) + f(t + h, x + h / 2 * f(t, x))) / 2,
            "along k1 for the whole step",
        ),
        "x plus k1": (
            lambda f, t, x, h: x + h * (f(t, x) + f(t + h, x + f(t, x))) / 2,
            "taken at x + k1",
        ),
        "second halved": (lambda f, t, x, h: x + h * (f(t, x) + heun(f, t, x, h)[1] / 2), "Only the second slope"),
        "no parentheses": (lambda f, t, x, h: x + h * f(t, x) + heun(f, t, x, h)[1] / 2, "lost its h"),
        "x halved": (lambda f, t, x, h: (x + h * sum(heun(f, t, x, h))) / 2, "x itself is halved"),
        "without h": (lambda f, t, x, h: x + sum(heun(f, t, x, h)) / 2, "not multiplied by h"),
        "the slope": (lambda f, t, x, h: sum(heun(f, t, x, h)) / 2, "average slope only"),
        "backwards": (lambda f, t, x, h: x - h * sum(heun(f, t, x, h)) / 2, "measured on 8 random fields"),
        "zeros": (lambda f, t, x, h: np.zeros_like(x), "measured on 8 random fields"),
        "in place": (heun_in_place, "Right value, but your heun_step changed x itself"),
        "predictor in place": (heun_predictor_in_place, "Right value, but your heun_step changed x itself"),
        "one component": (lambda f, t, x, h: heun(f, t, x, h)[1][:1], "The new x has shape (1,); (2,) was expected"),
        "two components": (
            lambda f, t, x, h: np.array(
                [x[i] + h * (heun(f, t, x, h)[0] + heun(f, t, x, h)[1])[i] / 2 for i in (0, 1)]
            ),
            "The new x has shape (2,); (3,) was expected",
        ),
        "forward only": (
            lambda f, t, x, h: x + abs(h) * sum(heun(f, t, x, abs(h))) / 2,
            "Your step goes forward, whatever the sign of h.",
        ),
        "three evaluations": (
            lambda f, t, x, h: x + h * (f(t, x) + f(t + h, x + h * f(t, x))) / 2,
            "Right value, but f was evaluated 3 times; two are enough: keep k1.",
        ),
        "NaN for a long step": (
            lambda f, t, x, h: x + h * sum(heun(f, t, x, h)) / 2 if abs(h) < 0.5 else np.full_like(x, np.nan),
            "the new x is not finite: nan",
        ),
    },
    "observed_order": {
        "sign": (order_from(lambda first, second, whole: -np.log2(first / second)), "put the larger difference on top"),
        "ratio": (order_from(lambda first, second, whole: first / second), "Which function gives p?"),
        "natural logarithm": (order_from(lambda first, second, whole: np.log(first / second)), "must have base 2"),
        "base 10": (order_from(lambda first, second, whole: np.log10(first / second)), "base 2, not 10"),
        "squares": (
            order_from(lambda first, second, whole: 2 * np.log2(first / second)),
            "were the differences squared",
        ),
        "fine as exact": (order_from(lambda first, second, whole: np.log2(whole / second)), "for the exact one"),
        "wrong pair": (order_from(lambda first, second, whole: np.log2(whole / first)), "compare neighbours"),
        "componentwise": (lambda c, m, f: np.log2(np.abs(c - m) / np.abs(m - f)), "take norms"),
        "mean of componentwise": (
            lambda c, m, f: float(np.mean(np.log2(np.abs(c - m) / np.abs(m - f)))),
            "Where one is exact",
        ),
        "first component": (lambda c, m, f: float(np.log2(abs(c - m)[0] / abs(m - f)[0])), "Where one is exact"),
        "sums": (lambda c, m, f: float(np.log2(abs(np.sum(c - m) / np.sum(m - f)))), "errors cancel in a sum"),
        "rounded": (order_from(lambda first, second, whole: float(round(np.log2(first / second)))), "Do not round"),
        "norm of the quotient": (
            lambda c, m, f: float(np.log2(np.linalg.norm((c - m) / (m - f)))),
            "Divide the norms",
        ),
        "differences of norms": (
            lambda c, m, f: float(np.log2(np.divide(*-np.diff(np.linalg.norm([c, m, f], axis=1))))),
            "Subtract the results first",
        ),
        "without its sign": (order_from(lambda first, second, whole: abs(np.log2(first / second))), "Leave the sign"),
        "minus one": (order_from(lambda first, second, whole: np.log2(first / second) - 1), "nothing is to be sub"),
        "always 2": (lambda c, m, f: 2.0, "your order is off"),
        "in place": (order_in_place, "changed middle itself"),
    },
    "euler_limit": {
        "2 over the size": (lambda lam: 2 / abs(lam), "right on the negative axis only"),
        "real part": (lambda lam: -2 / lam.real, "You used the real part only"),
        "sign": (lambda lam: 2 * lam.real / abs(lam) ** 2, "turn the sign"),
        "smallest factor": (lambda lam: -lam.real / abs(lam) ** 2, "It is 1 again twice as far out"),
        "not squared": (lambda lam: -2 * lam.real / abs(lam), "divide by |λ| once more"),
        "RK4": (lambda lam: 2.785 / abs(lam), "This is RK4's limit"),
        "negative where there is none": (lambda lam: -2 * lam.real / abs(lam) ** 2, "0 was expected"),
        "absolute value": (lambda lam: 2 * abs(lam.real) / abs(lam) ** 2, "0 was expected"),
        "complex": (lambda lam: -2 / lam, "your step size is a complex"),
        "complex square": (lambda lam: (-2 * lam.real / lam**2).real, "at the limit it is 1"),
        "imaginary part": (lambda lam: -2 * lam.imag / abs(lam) ** 2, "at the limit it is 1"),
        "zero": (lambda lam: 0.0, "at the limit it is 1"),
        "not a number": (lambda lam: float("nan"), "A step size is one real number"),
        "coarse": (lambda lam: float(f"{-2 * lam.real / abs(lam) ** 2:.1e}"), "at the limit it is 1"),
    },
    "largest_step": {
        "any eigenvalue": (step_with(np.linalg.eigvals, np.any), "must be stable for all of them"),
        "real parts": (step_with(lambda A: np.linalg.eigvals(A).real), "You used the real parts only"),
        "sizes": (step_with(lambda A: -np.abs(np.linalg.eigvals(A))), "as if they lay on the negative axis"),
        "norm": (step_with(lambda A: [-np.linalg.norm(A, 2)]), "You used the norm of A"),
        "2 over the size": (lambda R, A: 2 / np.abs(np.linalg.eigvals(A)).max(), "as if they lay on the negative axis"),
        "h times eigenvalue": (
            lambda R, A: step_with(np.linalg.eigvals)(R, A) * np.abs(np.linalg.eigvals(A)).max(),
            "was expected",
        ),
        "coarse": (lambda R, A: round(step_with(np.linalg.eigvals)(R, A), 1), "at the limit it is 1"),
        "coarse grid": (
            lambda R, A: float(f"{step_with(np.linalg.eigvals)(R, A):.1e}"),
            "0.1% is asked",
        ),
        "between 0 and 1": (
            lambda R, A: min(step_with(np.linalg.eigvals)(R, A), 1.0),
            "Does your search end at a fixed h?",
        ),
        "Euler's formula": (
            lambda R, A: step_with(np.linalg.eigvals)(lambda z: 1 + z, A),
            "Which method it is, only R tells",
        ),
        "entries of A": (step_with(lambda A: A.astype(complex)), "no stable step at all"),
        "half": (lambda R, A: step_with(np.linalg.eigvals)(R, A) / 2, "at the limit it is 1"),
        "bisection on [0, 10]": (
            lambda R, A: bisect(lambda h: np.all(np.abs(R(h * np.linalg.eigvals(A))) <= 1), high=10.0),
            "Does your search end at a fixed h? No interval is given",
        ),
        "complex eigenvalues alone": (
            step_with(lambda A: (lambda z: z[z.imag != 0])(np.linalg.eigvals(A))),
            "at the limit it is 1",
        ),
        "a constant": (lambda R, A: 0.1, "at the limit it is 1"),
        "complex": (lambda R, A: step_with(np.linalg.eigvals)(R, A) + 0j, "your step size is a complex"),
        "in place": (step_in_place, "changed A itself"),
    },
    "third_order": {
        "row sum forgotten": (third(right_a32, a31=lambda c3, w: c3), "the sum of row 3 of a"),
        "c2 forgotten": (third(lambda b, c2, c3: 1 / (6 * b[2])), "Only i = 3, j = 2 is left of it"),
        "b3 forgotten": (third(lambda b, c2, c3: 1 / (6 * c2)), "Only i = 3, j = 2 is left of it"),
        "1/6 taken for a32": (third(lambda b, c2, c3: 1 / 6), "Only i = 3, j = 2 is left of it"),
        "a32 is c3": (third(lambda b, c2, c3: c3), "Only i = 3, j = 2 is left of it"),
        "nodes in order": (lambda c2, c3: third(right_a32)(*sorted((c2, c3))), "c is off"),
        "1/6 for the third condition": (third(right_a32, right=(1, 1 / 2, 1 / 6)), "Σ b c² is 0.1667, and 0.3333"),
        "factorials": (third(right_a32, right=(1, 1, 1 / 2)), "Σ b c is 1, and 0.5"),
        "Kutta's weights for all nodes": (
            lambda c2, c3: ([0, c2, c3], [[], [c2], [c3 - 1, 1]], [1 / 6, 2 / 3, 1 / 6]),
            "Σ b c is",
        ),
        "transposed": (
            lambda c2, c3: (
                [0, c2, c3],
                [[], [c2], [0, c3]],
                np.linalg.solve(np.array([[1, 1, 1], [0, c2, c3], [0, c2**2, c3**2]]).T, [1, 1 / 2, 1 / 3]).tolist(),
            ),
            "Σ b is",
        ),
        "two stages": (lambda c2, c3: ([0, c2], [[], [c2]], [0, 1]), "c and b need 3 numbers each"),
    },
}
