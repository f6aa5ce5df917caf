"""Wrong answers to the exercises of lesson 11."""

import numpy as np

import nodekit


def each(vjp, noise):
    """The estimate of each vector."""
    return np.array([eps @ vjp(eps) for eps in noise])


def noise_in_place(vjp, noise):
    value = each(vjp, noise).mean()
    noise *= 2.0
    return value


def of(change):
    """An answer to estimate_variance: change(S, squares of S, squares of its diagonal, whether Rademacher)."""

    def estimate_variance(A, kind):
        S = (A + A.T) / 2
        return change(S, np.sum(S**2), np.sum(np.diag(S) ** 2), kind == "rademacher")

    return estimate_variance


def unsymmetrised(A, kind):
    return 2 * (np.sum(A**2) - (np.sum(np.diag(A) ** 2) if kind == "rademacher" else 0.0))


def symmetrised_in_place(A, kind):
    A += A.T.copy()
    A /= 2
    return 2 * (np.sum(A**2) - (np.sum(np.diag(A) ** 2) if kind == "rademacher" else 0.0))


def scored(
    way=-1, sign=1.0, at=lambda x, end: end, of=lambda eps, product: eps @ product, clock=lambda t: t, once=True
):
    """An answer to estimated_score with one of its parts replaced. way: -1 backward, 1 forward."""

    def estimated_score(f, vjp, base, x, T, draw):
        eps = draw()

        def slope(t, s):
            vector = eps if once else draw()
            return np.append(f(t, s[:-1]), of(vector, vjp(clock(t), s[:-1], vector)))

        times = (T, 0.0) if way < 0 else (0.0, T)
        end = nodekit.solve(slope, np.append(x, 0.0), times, rtol=1e-8, atol=1e-8).y[-1]
        return base(at(x, end[:-1])) + sign * end[-1]

    return estimated_score


def never_drawn(f, vjp, base, x, T, draw):
    rng = np.random.default_rng(0)
    return scored()(f, vjp, base, x, T, lambda: rng.choice([-1.0, 1.0], size=len(x)))


def exact(f, vjp, base, x, T, draw):
    draw()

    def slope(t, s):
        return np.append(f(t, s[:-1]), sum(vjp(t, s[:-1], e)[i] for i, e in enumerate(np.eye(len(x)))))

    end = nodekit.solve(slope, np.append(x, 0.0), (T, 0.0), rtol=1e-8, atol=1e-8).y[-1]
    return base(end[:-1]) + end[-1]


def at_the_end_only(f, vjp, base, x, T, draw):
    eps = draw()
    end = nodekit.solve(f, x, (T, 0.0), rtol=1e-8, atol=1e-8).y[-1]
    return base(end) - T * (eps @ vjp(T, x, eps))


def in_place(f, vjp, base, x, T, draw):
    value = scored()(f, vjp, base, x, T, draw)
    x -= 1.0
    return value


def layer(x=lambda z, h, w, u: z + h[:, None] * u, log_det=lambda h, along: np.log(np.abs(1 + (1 - h**2) * along))):
    """An answer to planar with one of its parts replaced."""

    def planar(z, w, u, b):
        h = np.tanh(z @ w + b)
        return x(z, h, w, u), log_det(h, w @ u)

    return planar


def planar_in_place(z, w, u, b):
    h = np.tanh(z @ w + b)
    z += h[:, None] * u
    return z, np.log(np.abs(1 + (1 - h**2) * (w @ u)))


def without_warnings(function):
    def quiet(*arguments):
        with np.errstate(invalid="ignore"):
            return function(*arguments)

    return quiet


WRONG = {
    "hutchinson": {
        "sum": (lambda vjp, noise: each(vjp, noise).sum(), "This is the sum of the estimates"),
        "divided by d": (lambda vjp, noise: each(vjp, noise).sum() / noise.shape[1], "You divide by d"),
        "without eps": (lambda vjp, noise: np.mean([vjp(eps).sum() for eps in noise]), "Multiply it by ε again"),
        "first": (lambda vjp, noise: each(vjp, noise)[0], "Only the first vector"),
        "last": (lambda vjp, noise: each(vjp, noise)[-1], "Only the last vector"),
        "length": (lambda vjp, noise: np.mean([vjp(eps) @ vjp(eps) for eps in noise]), "vjp was called 2 times"),
        "square": (lambda vjp, noise: np.mean([np.sum(vjp(eps) ** 2) for eps in noise]), "the length of Jᵀε, squared"),
        "normed": (lambda vjp, noise: np.mean(each(vjp, noise) / np.sum(noise**2, 1)), "You divide by |ε|²"),
        "mean vector": (lambda vjp, noise: noise.mean(0) @ vjp(noise.mean(0)), "vjp was called once"),
        "absolute": (lambda vjp, noise: np.abs(each(vjp, noise)).mean(), "no absolute values"),
        "median": (lambda vjp, noise: np.median(each(vjp, noise)), "This is the median"),
        "exact": (lambda vjp, noise: sum(vjp(e)[i] for i, e in enumerate(np.eye(noise.shape[1]))), "vjp was called"),
        "all at once": (lambda vjp, noise: np.mean(noise * vjp(noise)), "vjp was called with shape"),
        "never": (lambda vjp, noise: 0.0, "vjp was called never"),
        "sign": (lambda vjp, noise: -each(vjp, noise).mean(), "the estimate is off"),
        "not averaged": (each, "one number was expected"),
        "in place": (noise_in_place, "Right value, but your hutchinson changed noise itself"),
    },
    "estimate_variance": {
        "A itself": (unsymmetrised, "You took A as it is"),
        "never without": (of(lambda S, full, diagonal, r: 2 * full), "With ±1 the diagonal adds nothing"),
        "always without": (of(lambda S, full, diagonal, r: 2 * (full - diagonal)), "The Gaussian formula keeps"),
        "exchanged": (of(lambda S, full, diagonal, r: 2 * (full - diagonal * (not r))), "The kinds are exchanged"),
        "half": (of(lambda S, full, diagonal, r: full - diagonal * r), "The factor 2 is missing"),
        "A + A.T": (of(lambda S, full, diagonal, r: 8 * (full - diagonal * r)), "Twice too much"),
        "deviation": (of(lambda S, full, diagonal, r: (2 * (full - diagonal * r)) ** 0.5), "the standard deviation"),
        "trace": (of(lambda S, full, diagonal, r: 2 * (full - np.trace(S) ** 2 * r)), "You squared the trace"),
        "mean": (of(lambda S, full, diagonal, r: 2 * (full - diagonal * r) / S.size), "the mean of the squares"),
        "antisymmetric": (lambda A, kind: of(lambda S, full, d, r: 2 * full)(A - A.T, kind), "the variance is off"),
        "zero": (lambda A, kind: 0.0, "the variance is off"),
        "matrix": (lambda A, kind: (A + A.T) / 2, "one number was expected"),
        "in place": (symmetrised_in_place, "Right value, but your estimate_variance changed A itself"),
    },
    "estimated_score": {
        "anew": (scored(once=False), "draw was called a second time in one solve"),
        "never": (never_drawn, "draw was never called"),
        "sign": (scored(sign=-1.0), "The sign of the estimate is turned"),
        "no change": (scored(sign=0.0), "The change of log p is missing"),
        "forward": (scored(way=1), "x is the END, at time T: go back to time 0."),
        "forward, sign": (scored(way=1, sign=-1.0), "and mind the sign"),
        "base at x": (scored(at=lambda x, end: x), "The base density is asked about x itself"),
        "without eps": (scored(of=lambda eps, product: product.sum()), "Jᵀε is summed as it is"),
        "exact": (exact, "This is the exact trace"),
        "half": (scored(sign=0.5), "log p is off"),
        "frozen clock": (scored(clock=lambda t: 0.0), "log p is off"),
        "at the end only": (at_the_end_only, "log p is off"),
        "zero": (lambda f, vjp, base, x, T, draw: 0.0 * draw()[0], "log p is off"),
        "in place": (in_place, "Right value, but your estimated_score changed x itself"),
    },
    "planar": {
        "step alone": (layer(x=lambda z, h, w, u: h[:, None] * u), "This is the step alone"),
        "exchanged": (
            lambda z, w, u, b: layer()(z, u, w, b),
            "w and u are exchanged",
        ),
        "along w": (layer(x=lambda z, h, w, u: z + h[:, None] * w), "It moves along w"),
        "no b": (lambda z, w, u, b: layer()(z, w, u, 0.0), "The bias b is missing"),
        "determinant": (layer(log_det=lambda h, along: np.abs(1 + (1 - h**2) * along)), "This is the determinant"),
        "trace": (layer(log_det=lambda h, along: (1 - h**2) * along), "This is the trace"),
        "no 1": (layer(log_det=lambda h, along: np.log(np.abs((1 - h**2) * along))), "The 1 is missing"),
        "tanh": (layer(log_det=lambda h, along: np.log(np.abs(1 + h * along))), "is 1 − tanh², not tanh."),
        "tanh²": (layer(log_det=lambda h, along: np.log(np.abs(1 + h**2 * along))), "is 1 − tanh², not tanh²"),
        "sign": (layer(log_det=lambda h, along: -np.log(np.abs(1 + (1 - h**2) * along))), "The sign is turned"),
        "no size": (
            without_warnings(layer(log_det=lambda h, along: np.log(1 + (1 - h**2) * along))),
            "log_det is not finite",
        ),
        "x alone": (lambda z, w, u, b: layer()(z, w, u, b)[0], "2 things are returned"),
        "zero": (layer(log_det=lambda h, along: 0.0 * h), "log_det is off"),
        "in place": (planar_in_place, "Right value, but your planar changed z itself"),
    },
}
