"""Wrong answers to the exercises of lesson 04."""

import numpy as np


def slopes(f, t, x, h):
    k1 = f(t, x)
    return k1, f(t + h, x + h * k1)


def pair(x1=None, error=None, second=slopes):
    """An answer to heun_pair with another new state or another estimate, made from (x, h, k1, k2)."""

    def heun_pair(f, t, x, h):
        k1, k2 = second(f, t, x, h)
        new = x + h * (k1 + k2) / 2 if x1 is None else x1(x, h, k1, k2)
        return new, h * (k2 - k1) / 2 if error is None else error(x, h, k1, k2)

    return heun_pair


def pair_in_place(f, t, x, h):
    k1, k2 = slopes(f, t, x.copy(), h)
    x += h * (k1 + k2) / 2
    return x, h * (k2 - k1) / 2


def one(
    norm=lambda e: np.sqrt(np.mean(e**2)),
    test=lambda ratio: ratio <= 1,
    factor=lambda r: max(0.2, min(0.9 * r**-0.5, 10.0)),
    size=None,
    x1=lambda x, h, k1, k2: x + h * (k1 + k2) / 2,
    magnitude=lambda x, x1: np.maximum(np.abs(x), np.abs(x1)),
    end=lambda ok, t, h, x, x1, next_h: (t + h, x1, next_h) if ok else (t, x, next_h),
    second=slopes,
):
    """An answer to heun_attempt with one of its parts replaced."""

    def heun_attempt(f, t, x, h, rtol, atol):
        k1, k2 = second(f, t, x, h)
        new, error = x1(x, h, k1, k2), h * (k2 - k1) / 2
        ratio = norm(error / (atol + rtol * magnitude(x, x + h * (k1 + k2) / 2)))
        ok = test(ratio)
        return end(ok, t, h, x, new, h * factor(ratio) if size is None else size(h, ratio, ok))

    return heun_attempt


def grown(r):
    return max(0.2, min(0.9 * r**-0.5, 10.0))


def one_in_place(f, t, x, h, rtol, atol):
    new_t, new_x, new_h = one()(f, t, x, h, rtol, atol)
    x[:] = new_x
    return new_t, x, new_h


def one_wasteful(f, t, x, h, rtol, atol):
    f(t, x)
    return one()(f, t, x, h, rtol, atol)


def cubic(theta, h, x0, k0, x1, k1):
    bend = (1 - 2 * theta) * (x1 - x0) + (theta - 1) * h * k0 + theta * h * k1
    return x0 + theta * (x1 - x0) + theta * (theta - 1) * bend


def cubic_in_place(theta, h, x0, k0, x1, k1):
    value = cubic(theta, h, x0, k0, x1, k1)
    x1 -= x0
    return value


def first(
    norm=lambda v, w: np.sqrt(np.mean((v / w) ** 2)),
    guess=lambda d0, d1: 1e-6 if min(d0, d1) < 1e-5 else 0.01 * d0 / d1,
    second=lambda d, h0: d / h0,
    end=lambda h0, d1, d2, q: min(100 * h0, (0.01 / max(d1, d2)) ** (1 / q)),
    clock=1.0,
    weight=lambda x, rtol, atol: atol + rtol * np.abs(x),
):
    """An answer to first_step with one of its parts replaced."""

    def first_step(f, t, x, q, rtol, atol):
        w, k0 = weight(x, rtol, atol), f(t, x)
        d1 = norm(k0, w)
        with np.errstate(all="ignore"):
            h0 = guess(norm(x, w), d1)
            d2 = second(norm(f(t + clock * h0, x + h0 * k0) - k0, w), h0)
            return end(h0, d1, d2, q)

    return first_step


def with_its_bracket(h0, d1, d2, q):
    h1 = max(1e-6, 1e-3 * h0) if max(d1, d2) <= 1e-15 else (0.01 / max(d1, d2)) ** (1 / q)
    return min(100 * h0, h1)


def first_wasteful(f, t, x, q, rtol, atol):
    f(t, x)
    return first()(f, t, x, q, rtol, atol)


def batch_scaled(magnitude):
    """An answer to batch_attempt whose scale takes magnitude(x, x1)."""

    def batch_attempt(f, t, x, h, rtol, atol):
        k1 = f(t, x)
        k2 = f(t + h, x + h * k1)
        x1 = x + h * (k1 + k2) / 2
        ratio = np.sqrt(np.mean((h * (k2 - k1) / 2 / (atol + rtol * magnitude(x, x1))) ** 2, axis=0))
        ok = ratio <= 1
        return np.where(ok, t + h, t), np.where(ok, x1, x), h * np.clip(0.9 * ratio**-0.5, 0.2, 10)

    return batch_attempt


def batch(
    axis=0,
    norm=None,
    keep=np.where,
    size=None,
    x1=lambda x, h, k1, k2: x + h * (k1 + k2) / 2,
    move=None,
    test=lambda ratio: ratio <= 1,
    lost=0.2,
):
    """An answer to batch_attempt with one of its parts replaced."""

    def batch_attempt(f, t, x, h, rtol, atol):
        k1, k2 = slopes(f, t, x, h)
        new, error = x1(x, h, k1, k2), h * (k2 - k1) / 2
        scaled = error / (atol + rtol * np.maximum(np.abs(x), np.abs(x + h * (k1 + k2) / 2)))
        ratio = np.sqrt(np.mean(scaled**2, axis=axis)) if norm is None else norm(scaled)
        ok = test(ratio)
        factor = np.where(np.isnan(ratio), lost, np.clip(0.9 * ratio**-0.5, 0.2, 10.0))
        new_h = h * factor if size is None else size(h, ratio, ok)
        moved = t + (h if move is None else h * factor)
        return keep(ok, moved, t), keep(ok, new, x), new_h + 0 * h

    return batch_attempt


def batch_in_place(f, t, x, h, rtol, atol):
    new_t, new_x, new_h = batch()(f, t, x, h, rtol, atol)
    h[:] = new_h
    return new_t, new_x, h


def only(part):
    """An answer to batch_attempt in which t and x do not agree."""

    def batch_attempt(f, t, x, h, rtol, atol):
        new_t, _, new_h = batch()(f, t, x, h, rtol, atol)
        k1, k2 = slopes(f, t, x, h)
        return new_t, {"x moves": x + h * (k1 + k2) / 2, "x stays": x}[part], new_h

    return batch_attempt


WRONG = {
    "heun_pair": {
        "Euler": (pair(x1=lambda x, h, k1, k2: x + h * k1), "The first result is Euler's step"),
        "swapped": (lambda f, t, x, h: pair()(f, t, x, h)[::-1], "The two results are swapped"),
        "second slope at t": (
            pair(second=lambda f, t, x, h: (f(t, x), f(t, x + h * f(t, x)))),
            "The second slope is taken at t.",
        ),
        "old x": (pair(second=lambda f, t, x, h: (f(t, x), f(t + h, x))), "taken at the old x"),
        "sum": (pair(x1=lambda x, h, k1, k2: x + h * (k1 + k2)), "You add the two slopes"),
        "sign": (pair(error=lambda x, h, k1, k2: h * (k1 - k2) / 2), "higher order minus lower"),
        "without half": (pair(error=lambda x, h, k1, k2: h * (k2 - k1)), "lost its 1/2"),
        "without h": (pair(error=lambda x, h, k1, k2: (k2 - k1) / 2), "lost its h"),
        "slopes": (pair(error=lambda x, h, k1, k2: k2 - k1), "difference of slopes"),
        "absolute": (pair(error=lambda x, h, k1, k2: np.abs(h * (k2 - k1) / 2)), "lost its signs"),
        "the way": (pair(error=lambda x, h, k1, k2: h * (k1 + k2) / 2), "how far the step goes"),
        "norm": (pair(error=lambda x, h, k1, k2: np.linalg.norm(h * (k2 - k1) / 2)), "The norm comes later"),
        "zeros": (lambda f, t, x, h: (np.zeros_like(x), np.zeros_like(x)), "the new x is off"),
        "no estimate": (pair(error=lambda x, h, k1, k2: 0 * x), "the estimate is off"),
        "only x": (lambda f, t, x, h: pair()(f, t, x, h)[0], "2 things are returned"),
        "an array of three": (lambda f, t, x, h: np.array([x, *pair()(f, t, x, h)]), "2 things are returned"),
        "two components": (
            lambda f, t, x, h: [np.array([v[0], v[1]]) for v in pair()(f, t, x, h)],
            "the new x has shape (2,); (3,) was expected",
        ),
        "forward only": (lambda f, t, x, h: pair()(f, t, x, abs(h)), "goes forward, whatever its sign"),
        "three evaluations": (
            lambda f, t, x, h: (pair()(f, t, x, h)[0], pair()(f, t, x, h)[0] - (x + h * f(t, x))),
            "Right values, but f was evaluated 5 times; two are enough",
        ),
        "in place": (pair_in_place, "Right value, but your heun_pair changed x itself"),
    },
    "heun_attempt": {
        "always accepted": (one(test=lambda r: True), "Every step was accepted"),
        "never accepted": (one(test=lambda r: False), "No step was accepted"),
        "turned": (one(test=lambda r: not r <= 1), "The rejected steps move on"),
        "sum of squares": (one(norm=lambda e: np.sqrt(np.sum(e**2))), "Your ratio adds the squares"),
        "largest": (one(norm=lambda e: np.abs(e).max()), "Your ratio is the largest entry"),
        "new h": (
            one(end=lambda ok, t, h, x, x1, n: (t + n, x1, n) if ok else (t, x, n)),
            "It moves by the h that was tried",
        ),
        "x moves": (one(end=lambda ok, t, h, x, x1, n: (t + h if ok else t, x1, n)), "but x moves"),
        "x stays": (one(end=lambda ok, t, h, x, x1, n: (t + h if ok else t, x, n)), "but x does not"),
        "Euler": (one(x1=lambda x, h, k1, k2: x + h * k1), "Go on with Heun's"),
        "h as it was": (one(size=lambda h, r, ok: h), "h is as it was"),
        "accepted keep h": (one(size=lambda h, r, ok: h if ok else h * grown(r)), "Only after a rejection"),
        "rejected keep h": (one(size=lambda h, r, ok: h * grown(r) if ok else h), "Only after an accepted step"),
        "halved": (one(size=lambda h, r, ok: h * grown(r) if ok else h / 2), "the step is halved"),
        "scale of x": (one(magnitude=lambda x, x1: np.abs(x)), "yours takes |x|."),
        "scale of x1": (one(magnitude=lambda x, x1: np.abs(x1)), "yours takes |x1|."),
        "no limits": (one(factor=lambda r: 0.9 * r**-0.5), "within 0.2 and 10"),
        "no upper limit": (one(factor=lambda r: max(0.2, 0.9 * r**-0.5)), "h is off"),
        "no safety": (one(factor=lambda r: max(0.2, min(r**-0.5, 10.0))), "safety factor 0.9"),
        "sign": (one(factor=lambda r: max(0.2, min(0.9 * r**0.5, 10.0))), "The sign of the exponent"),
        "1 / ratio": (one(factor=lambda r: max(0.2, min(0.9 / r, 10.0))), "The exponent is -1/2, because"),
        "dopri5's": (one(factor=lambda r: max(0.2, min(0.9 * r**-0.2, 10.0))), "Is yours dopri5's?"),
        "factor": (one(size=lambda h, r, ok: grown(r)), "This is the factor alone"),
        "below 1 only": (one(test=lambda r: r < 1), "exactly 1 was rejected"),
        "NaN accepted": (one(test=lambda r: not r > 1), "ask whether ratio <= 1"),
        "NaN for the next step": (
            one(factor=lambda r: float(np.clip(0.9 * r**-0.5, 0.2, 10.0))),
            "After a ratio of NaN with h = 0.5 your next h is nan",
        ),
        "old x for the second slope": (
            one(second=lambda f, t, x, h: (f(t, x), f(t + h, x))),
            "is off",
        ),
        "three evaluations": (one_wasteful, "f was evaluated 3 times in one attempt"),
        "two results": (lambda *a: one()(*a)[:2], "3 things are returned"),
        "one component": (
            one(end=lambda ok, t, h, x, x1, n: (t + h, x1[:1], n) if ok else (t, x[:1], n)),
            "x has shape (1,)",
        ),
        "an array for t": (
            one(end=lambda ok, t, h, x, x1, n: (np.array([t + h if ok else t]), x1 if ok else x, n)),
            "one real number was expected",
        ),
        "zeros": (lambda f, t, x, h, rtol, atol: (0.0, 0 * x, 0.0), "t is off"),
        "in place": (one_in_place, "changed x itself"),
    },
    "hermite": {
        "line": (lambda s, h, x0, k0, x1, k1: x0 + s * (x1 - x0), "the straight line between the ends"),
        "first slope": (lambda s, h, x0, k0, x1, k1: x0 + s * h * k0, "At theta = 1 the cubic must be x1"),
        "swapped slopes": (lambda s, h, x0, k0, x1, k1: cubic(s, h, x0, k1, x1, k0), "The two slopes are swapped"),
        "backward": (lambda s, h, x0, k0, x1, k1: cubic(1 - s, h, x0, k0, x1, k1), "At theta = 0 the cubic must be x0"),
        "without h": (lambda s, h, x0, k0, x1, k1: cubic(s, 1.0, x0, k0, x1, k1), "each needs a factor h"),
        "sign": (
            lambda s, h, x0, k0, x1, k1: 2 * (x0 + s * (x1 - x0)) - cubic(s, h, x0, k0, x1, k1),
            "The sign of the bend is turned",
        ),
        "parabola": (
            lambda s, h, x0, k0, x1, k1: x0 + s * h * k0 + s**2 * (x1 - x0 - h * k0),
            "This is a parabola",
        ),
        "one component": (lambda s, h, x0, k0, x1, k1: cubic(s, h, x0, k0, x1, k1)[:1], "has shape (1,)"),
        "zeros": (lambda s, h, x0, k0, x1, k1: 0 * x0, "At theta = 0 the cubic must be x0"),
        "the end": (lambda s, h, x0, k0, x1, k1: x1, "At theta = 0 the cubic must be x0"),
        "forward only": (lambda s, h, x0, k0, x1, k1: cubic(s, abs(h), x0, k0, x1, k1), "the state is off"),
        "flat ends": (lambda s, h, x0, k0, x1, k1: x0 + s**2 * (3 - 2 * s) * (x1 - x0), "Its slope is 0 at both ends"),
        "nearest end": (lambda s, h, x0, k0, x1, k1: x0 if s < 0.5 else x1, "the state is off"),
        "in place": (cubic_in_place, "Right value, but your hermite changed x1 itself"),
    },
    "first_step": {
        "not divided": (first(second=lambda d, h0: d), "or is not divided by h0"),
        "q + 1": (first(end=lambda h0, d1, d2, q: min(100 * h0, (0.01 / max(d1, d2)) ** (1 / (q + 1)))), "1/(q + 1)"),
        "without d2": (first(end=lambda h0, d1, d2, q: min(100 * h0, (0.01 / d1) ** (1 / q))), "d2 has no part in it"),
        "first guess": (first(end=lambda h0, d1, d2, q: h0), "This is h0, the first guess"),
        "larger": (
            first(end=lambda h0, d1, d2, q: max(100 * h0, (0.01 / max(d1, d2)) ** (1 / q))),
            "Step 4 takes the smaller",
        ),
        "smaller of d1 and d2": (
            first(end=lambda h0, d1, d2, q: min(100 * h0, (0.01 / min(d1, d2)) ** (1 / q))),
            "Step 3 takes the larger",
        ),
        "h0 for 100 h0": (
            first(end=lambda h0, d1, d2, q: min(h0, (0.01 / max(d1, d2)) ** (1 / q))),
            "Step 4 allows 100 h0, not h0",
        ),
        "no limit": (first(end=lambda h0, d1, d2, q: (0.01 / max(d1, d2)) ** (1 / q)), "Where is 100 h0?"),
        "clock": (first(clock=0.0), "It belongs to t + h0"),
        "sum of squares": (first(norm=lambda v, w: np.linalg.norm(v / w)), "the root of the MEAN square"),
        "no small x": (first(guess=lambda d0, d1: 0.01 * d0 / d1), "At x = 0"),
        "atol alone": (first(weight=lambda x, rtol, atol: atol + 0 * x), "and 1 was expected"),
        "unscaled": (first(weight=lambda x, rtol, atol: 1.0 + 0 * x), "by atol + rtol |x| first"),
        "three evaluations": (first_wasteful, "f was evaluated 3 times"),
        "third step without its bracket": (first(), "For a field that is 0 your first step is 0.0001; 1e-06 was"),
        "divides by 0": (
            first(end=lambda h0, d1, d2, q: min(100 * h0, (0.01 / float(max(d1, d2))) ** (1 / q))),
            "ZeroDivisionError: float division by zero",
        ),
        "first step looks at d0 alone": (
            first(guess=lambda d0, d1: 1e-6 if d0 < 1e-5 else 0.01 * d0 / d1),
            "For a field with d1 = 1e-07 your first step is",
        ),
        "first step's bracket at 1e-4": (
            first(guess=lambda d0, d1: 1e-6 if min(d0, d1) < 1e-4 else 0.01 * d0 / d1, end=with_its_bracket),
            "d1 is not below 1e-5 there",
        ),
        "third step's bracket at 1e-14": (
            first(end=lambda h0, d1, d2, q: 1e-6 if max(d1, d2) < 1e-14 else with_its_bracket(h0, d1, d2, q)),
            "d1 is not below 1e-15 there",
        ),
        "third step looks at the smaller": (
            first(end=lambda h0, d1, d2, q: 1e-6 if min(d1, d2) <= 1e-15 else with_its_bracket(h0, d1, d2, q)),
            "d2 alone is 0",
        ),
        "zero": (lambda f, t, x, q, rtol, atol: 0.0, "At x = 0 your first step is 0.0"),
        "negative": (lambda f, t, x, q, rtol, atol: -first()(f, t, x, q, rtol, atol), "and 1 was expected"),
        "constant": (lambda f, t, x, q, rtol, atol: 1e-3, "and 1 was expected"),
    },
    "batch_attempt": {
        "joint": (batch(axis=None), "One decision was taken for the whole batch"),
        "all move": (batch(keep=lambda ok, a, b: a), "Every sample has moved"),
        "none moves": (batch(keep=lambda ok, a, b: b), "No sample has moved"),
        "turned": (batch(keep=lambda ok, a, b: np.where(ok, b, a)), "The accepted samples stay"),
        "sum of squares": (batch(norm=lambda e: np.sqrt(np.sum(e**2, axis=0))), "Your ratio adds the squares"),
        "largest": (batch(norm=lambda e: np.abs(e).max(axis=0)), "Your ratio is the largest entry"),
        "new h": (batch(move=True), "by the h that was tried"),
        "x moves": (only("x moves"), "but x moves"),
        "x stays": (only("x stays"), "t moves, but x does not"),
        "Euler": (batch(x1=lambda x, h, k1, k2: x + h * k1), "Go on with Heun's"),
        "h as it was": (batch(size=lambda h, r, ok: h), "h is as it was"),
        "accepted keep h": (
            batch(size=lambda h, r, ok: np.where(ok, h, h * np.clip(0.9 * r**-0.5, 0.2, 10))),
            "Only the rejected samples get a new h",
        ),
        "rejected keep h": (
            batch(size=lambda h, r, ok: np.where(ok, h * np.clip(0.9 * r**-0.5, 0.2, 10), h)),
            "Only the accepted samples get a new h",
        ),
        "scale of x": (batch_scaled(lambda x, x1: np.abs(x)), "yours takes |x|."),
        "scale of x1": (batch_scaled(lambda x, x1: np.abs(x1)), "yours takes |x1|."),
        "halved": (
            batch(size=lambda h, r, ok: np.where(ok, h * np.clip(0.9 * r**-0.5, 0.2, 10), h / 2)),
            "Rejected steps are halved",
        ),
        "no limits": (batch(size=lambda h, r, ok: h * 0.9 * r**-0.5), "within 0.2 and 10"),
        "no safety": (batch(size=lambda h, r, ok: h * np.clip(r**-0.5, 0.2, 10)), "safety factor 0.9"),
        "sign": (batch(size=lambda h, r, ok: h * np.clip(0.9 * r**0.5, 0.2, 10)), "The sign of the exponent"),
        "1 / ratio": (batch(size=lambda h, r, ok: h * np.clip(0.9 / r, 0.2, 10)), "The exponent is -1/2: the"),
        "dopri5's": (batch(size=lambda h, r, ok: h * np.clip(0.9 * r**-0.2, 0.2, 10)), "Is yours dopri5's?"),
        "factor": (batch(size=lambda h, r, ok: np.clip(0.9 * r**-0.5, 0.2, 10)), "This is the factor alone"),
        "one factor": (
            batch(size=lambda h, r, ok: h * np.clip(0.9 * np.sqrt(np.mean(r**2)) ** -0.5, 0.2, 10)),
            "one ratio for the whole batch",
        ),
        "t without its sign": (
            lambda *a: (np.abs(batch()(*a)[0]), *batch()(*a)[1:]),
            "t is off",
        ),
        "two results": (lambda *a: batch()(*a)[:2], "3 things are returned"),
        "NaN accepted": (batch(test=lambda ratio: ~(ratio > 1)), "write the test as ratio <= 1"),
        "NaN for the next step": (batch(lost=np.nan), "np.clip leaves NaN as it is"),
        "NaN grows": (batch(lost=10.0), "0.2 h = 0.0002 was expected"),
        "zeros": (lambda f, t, x, h, rtol, atol: (0 * t, 0 * x, 0 * h), "t is off"),
        "in place": (batch_in_place, "changed h itself"),
    },
}
