"""Wrong answers to the exercises of lesson 13."""

import numpy as np


def part(J, sign=1):
    return (J + sign * J.T) / 2


def norm_in_place(J):
    J += J.T
    J /= 2
    return float(np.linalg.eigvalsh(J)[-1])


def stepped(
    weights=lambda W: W - W.T, damped=lambda S, g: S - g * np.eye(len(S)), h=np.tanh, state=lambda x, e, h: x + e * h,
    jacobian=lambda I, e, d, A: I + e * d[:, None] * A, slopes=lambda h, new: 1 - h**2, b_factor=1.0, u_factor=1.0,
    result=lambda new, J: (new, J),
):  # fmt: skip
    """An answer to antisymmetric_step with some of its parts replaced."""

    def antisymmetric_step(x, u, W, V, b, eps, gamma):
        A = damped(weights(W), gamma)
        k = h(A @ x + u_factor * (V @ u) + b_factor * b)
        new = state(x, eps, k)
        return result(new, jacobian(np.eye(len(x)), eps, slopes(k, new), A))

    return antisymmetric_step


def inside(x, u, W, V, b, eps, gamma):
    J = stepped()(x, u, W, V, b, eps, gamma)[1]
    A = W - W.T - gamma * np.eye(len(x))
    return x + np.tanh(eps * (A @ x + V @ u + b)), J


def damping_outside(x, u, W, V, b, eps, gamma):
    J = stepped()(x, u, W, V, b, eps, gamma)[1]
    return x + eps * (np.tanh((W - W.T) @ x + V @ u + b) - gamma * x), J


def jacobian_of(matrix):
    """The right state, with the Jacobian of another matrix."""

    def antisymmetric_step(x, u, W, V, b, eps, gamma):
        new = stepped()(x, u, W, V, b, eps, gamma)[0]
        h = (new - x) / eps
        return new, np.eye(len(x)) + eps * (1 - h**2)[:, None] * matrix(W, gamma * np.eye(len(x)))

    return antisymmetric_step


def step_in_place(x, u, W, V, b, eps, gamma):
    new, J = stepped()(x, u, W, V, b, eps, gamma)
    x += new - x
    return x, J


def damped(frequency=lambda W: np.linalg.norm(W - W.T, 2), formula=lambda e, w: (1 - np.sqrt(1 - (e * w) ** 2)) / e):
    """An answer to least_damping with another frequency or formula; inf where there is no solution."""

    def least_damping(W, eps):
        omega = frequency(W)
        return float(formula(eps, omega)) if eps * np.linalg.norm(W - W.T, 2) <= 1 else np.inf

    return least_damping


def damped_nan(W, eps):
    with np.errstate(invalid="ignore"):
        return float((1 - np.sqrt(1 - (eps * np.linalg.norm(W - W.T, 2)) ** 2)) / eps)


def bounded(weights=lambda m, n: np.exp(m * np.arange(n)), half=0.5, local=lambda h: h**2):
    return lambda h, n, second, mu: float(second * local(h) * half * np.sum(weights(mu * h, n)))


def integral(h, n, second, mu):
    with np.errstate(all="ignore"):
        return second * h / 2 * np.divide(np.expm1(mu * n * h), mu)


def geometric(h, n, second, mu):
    with np.errstate(all="ignore"):
        return second * h**2 / 2 * np.divide(1 - np.exp(mu * h * n), 1 - np.exp(mu * h))


def by_product(jacobians, v, h):
    P = np.eye(len(v))
    for J in jacobians:
        P = J @ P
    return float(np.log(np.linalg.norm(P @ v) / np.linalg.norm(v)) / (len(jacobians) * h))


def rate(matrices=lambda J: J, start=lambda v: v / np.linalg.norm(v), scale=lambda total, n, h: total / (n * h)):
    """An answer to mean_growth_rate with its matrices, its start or its last division replaced."""

    def mean_growth_rate(jacobians, v, h):
        v, total = start(v), 0.0
        for J in matrices(jacobians):
            v = J @ v
            size = np.linalg.norm(v)
            total, v = total + np.log(size), v / size
        return float(scale(total, len(jacobians), h))

    return mean_growth_rate


def rate_in_place(jacobians, v, h):
    v /= np.linalg.norm(v)
    return rate()(jacobians, v, h)


def rate_anew(jacobians, v, h):
    return float(np.mean([np.log(np.linalg.norm(J @ v) / np.linalg.norm(v)) for J in jacobians]) / h)


WRONG = {
    "logarithmic_norm": {
        "zero": (lambda J: 0.0, "your μ is off"),
        "spectral abscissa": (lambda J: float(np.linalg.eigvals(J).real.max()), "the largest real part"),
        "2-norm": (lambda J: float(np.linalg.norm(J, 2)), "This is the norm of J"),
        "no half": (lambda J: float(np.linalg.eigvalsh(J + J.T)[-1]), "Half is missing"),
        "smallest": (lambda J: float(np.linalg.eigvalsh(part(J))[0]), "the smallest eigenvalue"),
        "eigvalsh of J": (lambda J: float(np.linalg.eigvalsh(J)[-1]), "reads half of its matrix"),
        "absolute values": (lambda J: float(np.abs(np.linalg.eigvalsh(part(J))).max()), "keep the sign"),
        "absolute value at the end": (lambda J: float(abs(np.linalg.eigvalsh(part(J))[-1])), "keep the sign"),
        "clipped at zero": (lambda J: float(max(0, np.linalg.eigvalsh(part(J))[-1])), "your μ is off"),
        "antisymmetric part": (
            lambda J: float(np.abs(np.linalg.eigvals(part(J, -1))).max()),
            "the part that only turns",
        ),
        "diagonal": (lambda J: float(np.diag(J).max()), "the axes only"),
        "all eigenvalues": (lambda J: np.linalg.eigvalsh(part(J)), "One number is wanted"),
        "complex": (lambda J: complex(np.linalg.eigvalsh(part(J))[-1]), "np.linalg.eigvalsh"),
        "sign": (lambda J: -float(np.linalg.eigvalsh(part(J))[-1]), "your μ is off"),
        "in place": (norm_in_place, "changed J itself"),
    },
    "antisymmetric_step": {
        "zeros": (lambda x, u, W, V, b, eps, gamma: (0 * x, 0 * W), "the new state is off"),
        "gamma everywhere": (stepped(damped=lambda S, g: S - g), "subtracted from every entry"),
        "symmetric": (stepped(weights=lambda W: W + W.T), "symmetric. The cell has"),
        "plain W": (stepped(weights=lambda W: W), "These are the weights W."),
        "Wᵀ − W": (stepped(weights=lambda W: W.T - W), "on the wrong side"),
        "damping's sign": (stepped(damped=lambda S, g: S + g * np.eye(len(S))), "the wrong sign"),
        "no damping": (stepped(damped=lambda S, g: S), "The damping is missing"),
        "no old state": (stepped(state=lambda x, e, h: e * h), "The old state is missing"),
        "RNN": (stepped(state=lambda x, e, h: h), "what a tanh-RNN does"),
        "no eps": (stepped(state=lambda x, e, h: x + h), "eps is missing"),
        "no tanh": (stepped(h=lambda z: z), "The tanh is missing"),
        "no bias": (stepped(b_factor=0.0), "The bias is missing"),
        "no input": (stepped(u_factor=0.0), "The input is missing"),
        "eps inside": (inside, "eps is inside"),
        "damping outside": (damping_outside, "outside of the tanh"),
        "J without identity": (stepped(jacobian=lambda I, e, d, A: e * d[:, None] * A), "The identity is missing"),
        "J by columns": (stepped(jacobian=lambda I, e, d, A: I + e * A * d), "multiply the columns"),
        "J transposed": (stepped(jacobian=lambda I, e, d, A: (I + e * d[:, None] * A).T), "is transposed"),
        "J without eps": (stepped(jacobian=lambda I, e, d, A: I + d[:, None] * A), "eps is missing in the Jacobian"),
        "J without slopes": (stepped(jacobian=lambda I, e, d, A: I + e * A), "The slopes are missing"),
        "slope without square": (stepped(slopes=lambda h, new: 1 - h), "with the square"),
        "slopes at the new state": (stepped(slopes=lambda h, new: 1 - new**2), "at the new state"),
        "tanh twice": (stepped(slopes=lambda h, new: 1 - np.tanh(h) ** 2), "tanh of tanh"),
        "J without damping": (jacobian_of(lambda W, g: W - W.T), "the damping is missing"),
        "J of plain W": (jacobian_of(lambda W, g: W - g), "the weights are W, not"),
        "state only": (stepped(result=lambda new, J: new), "2 things are returned"),
        "other order": (stepped(result=lambda new, J: (J, new)), "in the other order"),
        "in place": (step_in_place, "changed x itself"),
    },
    "least_damping": {
        "zero": (lambda W, eps: 0.0, "Without damping Euler's steps"),
        "times eps": (damped(formula=lambda e, w: 1 - np.sqrt(1 - (e * w) ** 2)), "divide by eps"),
        "other root": (damped(formula=lambda e, w: (1 + np.sqrt(1 - (e * w) ** 2)) / e), "the most damping"),
        "first term": (damped(formula=lambda e, w: e * w**2 / 2), "the first term of a series"),
        "twice": (damped(formula=lambda e, w: e * w**2), "twice what is needed"),
        "size of W": (damped(lambda W: np.linalg.norm(W, 2)), "not a size of W"),
        "eigenvalues of W": (damped(lambda W: np.abs(np.linalg.eigvals(W)).max()), "not a size of W"),
        "slowest": (damped(lambda W: np.abs(np.linalg.eigvals(W - W.T)).min()), "the slowest turn only"),
        "real parts": (damped(lambda W: np.linalg.eigvals(W - W.T).real.max()), "Without damping Euler's steps"),
        "sign": (damped(formula=lambda e, w: (np.sqrt(1 - (e * w) ** 2) - 1) / e), "minus the damping"),
        "nan": (damped_nan, "return np.inf"),
        "a vector": (
            lambda W, eps: (1 - np.sqrt(1 - np.minimum(1, eps * np.abs(np.linalg.eigvals(W - W.T))) ** 2)) / eps,
            "One number is wanted",
        ),
    },
    "euler_error_bound": {
        "zero": (lambda h, n, second, mu: 0.0, "your bound is off"),
        "mu's size": (bounded(lambda m, n: np.exp(abs(m) * np.arange(n))), "keep mu's sign"),
        "no half": (bounded(half=1.0), "The half is missing"),
        "h for h²": (bounded(local=lambda h: h), "One local error is h² M/2"),
        "one too late": (bounded(lambda m, n: np.exp(m * np.arange(1, n + 1))), "is not carried at all"),
        "one too many": (bounded(lambda m, n: np.exp(m * np.arange(n + 1))), "n + 1 local errors"),
        "all to the end": (bounded(lambda m, n: n * np.exp(m * (n - 1))), "each by its own time"),
        "not carried": (bounded(lambda m, n: n), "but not carried"),
        "1 + mu h": (bounded(lambda m, n: (1 + m) ** np.arange(n)), "The factor of one step is exp"),
        "integral": (integral, "the integral for the sum"),
        "0/0": (geometric, "yours is 0/0"),
        "a vector": (lambda h, n, second, mu: second * h**2 / 2 * np.exp(mu * h * np.arange(n)), "One number"),
    },
    "mean_growth_rate": {
        "zero": (lambda jacobians, v, h: 0.0, "your rate is off"),
        "the product": (by_product, "the product left the floats"),
        "no h": (rate(scale=lambda total, n, h: total / n), "h is missing"),
        "sum": (rate(scale=lambda total, n, h: total), "Divide by the time"),
        "times h": (rate(scale=lambda total, n, h: total / n * h), "multiply by h"),
        "opposite order": (rate(lambda J: J[::-1]), "in the opposite order"),
        "transposed": (rate(lambda J: J.transpose(0, 2, 1)), "are transposed"),
        "v's size": (rate(start=lambda v: v), "The size of the v"),
        "norms": (
            lambda jacobians, v, h: float(np.mean([np.log(np.linalg.norm(J, 2)) for J in jacobians]) / h),
            "the most that each matrix could do",
        ),
        "v anew": (rate_anew, "Carry the vector on"),
        "in place": (rate_in_place, "changed v itself"),
    },
}  # fmt: skip
