"""Wrong answers to the exercises of lesson 15."""

import numpy as np

from nodekit.analysis.stiffness import rate_of_step


def back(matrix=lambda J, h: (np.eye(len(J)) - h * J).T, theta=lambda P, h, kappa, a: h * P.T @ kappa, solve=True):
    """An answer to step_back with one thing changed."""

    def step_back(J, P, h, a):
        kappa = np.linalg.solve(matrix(J, h), a) if solve else matrix(J, h) @ a
        return kappa, theta(P, h, kappa, a)

    return step_back


def back_in_place(J, P, h, a):
    J *= -h
    J += np.eye(len(J))
    kappa = np.linalg.solve(J.T, a)
    return kappa, h * P.T @ kappa


def theta_forward(J, P, h, a):
    eye = np.eye(len(a))
    return np.linalg.solve((eye - h * J).T, a), h * P.T @ np.linalg.solve(eye - h * J, a)


def clock(formula):
    """An answer to in_log_time from (f, s, z, scale)."""
    return lambda f, scale: lambda s, z: formula(f, s, z, scale)


def clock_in_place(f, scale):
    def field(s, z):
        z *= scale
        return np.log(10) * 10.0**s * f(10.0**s, z) / scale

    return field


LN = np.log(10)


def states(a, k):
    return (np.array(row) @ k[: len(row)] for row in (a[6], a[5]))


def rate(formula):
    """An answer to estimated_rate from the two sums of slopes."""

    def estimated_rate(a, k, h):
        last, before = states(a, k)
        return formula(np.linalg.norm, last, before, k, h)

    return estimated_rate


def rate_rows_early(a, k, h):
    apart = np.array(a[5]) @ k[:5] - np.array(a[4]) @ k[:4]
    return float(np.linalg.norm(k[6] - k[5]) / (h * np.linalg.norm(apart)))


def rate_all_early(a, k, h):
    apart = np.array(a[5]) @ k[:5] - np.array(a[4]) @ k[:4]
    return float(np.linalg.norm(k[5] - k[4]) / (h * np.linalg.norm(apart)))


def rate_in_place(a, k, h):
    last, before = states(a, k)
    k[6] -= k[5]
    return float(np.linalg.norm(k[6]) / (h * np.linalg.norm(last - before)))


def rate_of_dopri5(a, k, h):
    return rate_of_step(k, h)


WRONG = {
    "step_back": {
        "not transposed": (back(lambda J, h: np.eye(len(J)) - h * J), "Backward it is transposed"),
        "plus": (back(lambda J, h: (np.eye(len(J)) + h * J).T), "this has I + hJ"),
        "a product": (back(solve=False), "to be solved with"),
        "explicit": (back(lambda J, h: (np.eye(len(J)) + h * J).T, solve=False), "gradient of an explicit step"),
        "no h": (back(lambda J, h: (np.eye(len(J)) - J).T), "h is missing beside J"),
        "identity": (back(lambda J, h: np.eye(len(J))), "a itself"),
        "minus": (back(lambda J, h: (h * J - np.eye(len(J))).T), "the sign"),
        "times h": (back(lambda J, h: (np.eye(len(J)) - h * J).T / h), "no factor h"),
        "half": (back(lambda J, h: 2 * (np.eye(len(J)) - h * J).T), "∂L/∂x is off"),
        "zeros": (lambda J, P, h, a: (0 * a, np.zeros(P.shape[1])), "∂L/∂x is off"),
        "one array": (lambda J, P, h, a: None if J is None else 3.0, "Two arrays are wanted"),
        "θ without h": (back(theta=lambda P, h, k, a: P.T @ k), "h is missing. θ enters"),
        "θ from a": (back(theta=lambda P, h, k, a: h * P.T @ a), "where κ belongs"),
        "θ minus": (back(theta=lambda P, h, k, a: -h * P.T @ k), "so that a change of f adds"),
        "θ forward": (theta_forward, "not transposed. Take the κ"),
        "θ h twice": (back(theta=lambda P, h, k, a: h * h * P.T @ k), "h is there twice"),
        "θ over h": (back(theta=lambda P, h, k, a: P.T @ k / h), "divided by h"),
        "θ half": (back(theta=lambda P, h, k, a: h * P.T @ k / 2), "∂L/∂θ is off"),
        "in place": (back_in_place, "changed J itself"),
    },
    "in_log_time": {
        "no ln": (clock(lambda f, s, z, c: 10.0**s * f(10.0**s, c * z) / c), "ln(10) is missing"),
        "no 10^s": (clock(lambda f, s, z, c: LN * f(10.0**s, c * z) / c), "The factor 10^s is missing"),
        "dz/dt": (clock(lambda f, s, z, c: f(10.0**s, c * z) / c), "dt/ds is missing"),
        "time s": (clock(lambda f, s, z, c: LN * 10.0**s * f(s, c * z) / c), "f is given s for its time"),
        "state z": (clock(lambda f, s, z, c: LN * 10.0**s * f(10.0**s, z) / c), "f is given z for its state"),
        "no units": (clock(lambda f, s, z, c: LN * 10.0**s * f(10.0**s, z)), "the units are missing"),
        "not divided": (clock(lambda f, s, z, c: LN * 10.0**s * f(10.0**s, c * z)), "not divided by scale: z = x"),
        "multiplied": (clock(lambda f, s, z, c: LN * 10.0**s * f(10.0**s, c * z) * c), "You multiply by scale"),
        "z / scale": (clock(lambda f, s, z, c: LN * 10.0**s * f(10.0**s, z / c) / c), "f's state is z / scale"),
        "wrong way round": (clock(lambda f, s, z, c: LN * 10.0**s * f(10.0**s, z / c) * c), "the wrong way round"),
        "e": (clock(lambda f, s, z, c: np.exp(s) * f(np.exp(s), c * z) / c), "10^s, not e^s"),
        "divided by dt/ds": (clock(lambda f, s, z, c: f(10.0**s, c * z) / c / (LN * 10.0**s)), "You divide by dt/ds"),
        "minus": (clock(lambda f, s, z, c: -LN * 10.0**s * f(10.0**s, c * z) / c), "The sign"),
        "half": (clock(lambda f, s, z, c: LN / 2 * 10.0**s * f(10.0**s, c * z) / c), "dz/ds is off"),
        "a value": (lambda f, scale: scale if f is None else 0 * scale, "returns a function of (s, z)"),
        "zeros": (clock(lambda f, s, z, c: 0 * z), "dz/ds is off"),
        "in place": (clock_in_place, "changed z itself"),
    },
    "estimated_rate": {
        "no h": (rate(lambda n, p, q, k, h: n(k[6] - k[5]) / n(p - q)), "h is missing"),
        "upside down": (rate(lambda n, p, q, k, h: h * n(p - q) / n(k[6] - k[5])), "the other way round"),
        "first and last": (rate(lambda n, p, q, k, h: n(k[6] - k[0]) / (h * n(p))), "first and the last stage"),
        "one slope too early": (rate(lambda n, p, q, k, h: n(k[5] - k[4]) / (h * n(p - q))), "stages 6 and 7"),
        "from x": (rate(lambda n, p, q, k, h: n(k[6] - k[5]) / (h * n(p))), "compared with x"),
        "norms subtracted": (
            rate(lambda n, p, q, k, h: n(k[6] - k[5]) / (h * abs(n(p) - n(q)))),
            "Subtract the states",
        ),
        "slopes' norms": (rate(lambda n, p, q, k, h: abs(n(k[6]) - n(k[5])) / (h * n(p - q))), "Subtract the slopes"),
        "components": (rate(lambda n, p, q, k, h: np.abs((k[6] - k[5]) / (h * (p - q)))), "One number is wanted"),
        "largest component": (
            rate(lambda n, p, q, k, h: np.abs((k[6] - k[5]) / (h * (p - q))).max()),
            "single components",
        ),
        "squares": (rate(lambda n, p, q, k, h: (n(k[6] - k[5]) / (h * n(p - q))) ** 2), "These are squares"),
        "h in the numerator": (rate(lambda n, p, q, k, h: h * n(k[6] - k[5]) / n(p - q)), "h stands in the numerator"),
        "h|λ|": (rate(lambda n, p, q, k, h: h * (n(k[6] - k[5]) / (h * n(p - q)))), "h is missing"),
        "rows one too early": (rate_rows_early, "rows 5 and 6 of a, not 4 and 5"),
        "all one too early": (rate_all_early, "These are stages 5 and 6"),
        "largest entries": (
            rate(lambda n, p, q, k, h: np.abs(k[6] - k[5]).max() / (h * np.abs(p - q).max())),
            "This takes the largest entries",
        ),
        "sums of entries": (
            rate(lambda n, p, q, k, h: np.abs(k[6] - k[5]).sum() / (h * np.abs(p - q).sum())),
            "This takes sums of entries",
        ),
        "mean of quotients": (
            rate(lambda n, p, q, k, h: np.mean(np.abs(k[6] - k[5]) / (h * np.abs(p - q)))),
            "mean of the quotients",
        ),
        "a ignored": (rate_of_dopri5, "its rows are in a"),
        "half": (lambda a, k, h: rate_of_dopri5(a, k, h) / 2, "your rate is off"),
        "zero": (lambda a, k, h: 0.0, "your rate is off"),
        "in place": (rate_in_place, "changed k itself"),
    },
}
