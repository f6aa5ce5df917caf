"""Wrong answers to the exercises of lesson 09."""

import numpy as np


def pooled(join=lambda a, m, b, n: ((m * a + n * b) / (m + n), m + n), again=True, below=True, full=True):
    """An answer to best_monotone with one of its parts replaced."""

    def best_monotone(y):
        blocks = []
        for value in y:
            blocks.append((float(value), 1))
            while len(blocks) > 1 and (blocks[-1][0] < blocks[-2][0] if below else blocks[-1][0] > blocks[-2][0]):
                (a, m), (b, n) = blocks.pop(-2), blocks.pop(-1)
                blocks.append(join(a, m, b, n))
                if not again:
                    break
        return np.concatenate([np.full(n if full else 1, mean) for mean, n in blocks])

    return best_monotone


def monotone_in_place(y):
    result = pooled()(y)
    y[:] = result
    return y


def winding(close=True, wrap=True, sign=1, divide=2 * np.pi, whole=lambda turns: int(np.rint(turns))):
    """An answer to winding_number with one of its parts replaced."""

    def winding_number(curve, point):
        offset = curve - point
        angle = np.arctan2(offset[:, 1], offset[:, 0])
        turn = np.diff(np.append(angle, angle[0]) if close else angle)
        turn = (turn + np.pi) % (2 * np.pi) - np.pi if wrap else turn
        return whole(sign * turn.sum() / divide)

    return winding_number


def by_sines(curve, point):
    """An edge's turn by the cross product alone: right for short edges."""
    a = (curve - point) / np.linalg.norm(curve - point, axis=1)[:, None]
    b = np.roll(a, -1, axis=0)
    return int(np.rint(np.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / (2 * np.pi)))


def winding_in_place(curve, point):
    turns = winding()(curve, point)
    curve -= point
    return turns


def turn(speed, other=None):
    """An answer to turning_field."""

    def turning_field(t, z):
        return speed * np.array([-z[1], z[0]]) if other is None else other(t, z)

    return turning_field


def lift(rate, flat=lambda t, z: np.zeros(2)):
    """An answer to lifting_field: the rate of z₃, and those of z₁ and z₂."""

    def lifting_field(t, z):
        return np.append(flat(t, z), rate(t, z))

    return lifting_field


def square(z):
    return z[0] ** 2 + z[1] ** 2


WRONG = {
    "best_monotone": {
        "y": (lambda y: y + 0, "This is y itself"),
        "sorted": (np.sort, "Sorted numbers do go up"),
        "running maximum": (np.maximum.accumulate, "This is the running maximum"),
        "running minimum": (lambda y: np.minimum.accumulate(y[::-1])[::-1], "This is the running minimum"),
        "mean": (lambda y: np.full(len(y), y.mean()), "This is the mean of y everywhere"),
        "plain means": (pooled(join=lambda a, m, b, n: ((a + b) / 2, m + n)), "weighted by their lengths"),
        "joined once": (pooled(again=False), "One look back is not enough"),
        "non-increasing": (pooled(below=False), "yours goes down"),
        "block means": (pooled(full=False), "repeat it as often as the block is long"),
        "zeros": (np.zeros_like, "the sequence is off"),
        "a list": (lambda y: pooled()(y).tolist(), "Make one with np.array"),
        "in place": (monotone_in_place, "Right value, but your best_monotone changed y itself"),
    },
    "winding_number": {
        "open": (winding(close=False, whole=lambda x: x), "the edge from the last corner to the first is missing"),
        "not wrapped": (winding(wrap=False), "It is always 0"),
        "neither": (winding(close=False, wrap=False, whole=lambda x: x), "Close the curve"),
        "clockwise": (winding(sign=-1), "The direction is turned"),
        "not divided": (winding(divide=1, whole=lambda x: x), "Divide the sum of the angles by 2π"),
        "half turns": (winding(divide=np.pi), "A full turn is 2π, not π"),
        "float": (winding(whole=lambda x: float(np.rint(x))), "it is no int"),
        "truncated": (winding(whole=lambda x: int(x - 1e-9 * np.sign(x))), "times around the point gave 0"),
        "always 1": (lambda curve, point: 1, "winds -1 times around the point gave 1"),
        "zero": (lambda curve, point: 0, "It is always 0"),
        "around the origin": (lambda curve, point: winding()(curve, 0 * point), "Subtract the point first"),
        "inside or not": (lambda curve, point: int(winding()(curve, point) != 0), "but not how often"),
        "absolute": (lambda curve, point: abs(winding()(curve, point)), "The sign is lost"),
        "sines of the turns": (by_sines, "A curve that winds -1 times around the point gave 0"),
        "in place": (winding_in_place, "Right value, but your winding_number changed curve itself"),
    },
    "augment": {
        "before": (lambda x, p: np.concatenate([np.zeros((len(x), p), x.dtype), x], axis=1), "go after x"),
        "ones": (lambda x, p: np.concatenate([x, np.ones((len(x), p), x.dtype)], axis=1), "These are ones"),
        "nothing": (lambda x, p: x, "x is unchanged"),
        "rows": (lambda x, p: np.concatenate([x, np.zeros((p, x.shape[1]), x.dtype)]), "They are to be new columns"),
        "one column": (lambda x, p: np.concatenate([x, np.zeros((len(x), 1), x.dtype)], axis=1), "p are wanted"),
        "repeated": (lambda x, p: np.concatenate([x, x[:, :p]], axis=1), "repeat x"),
        "float64": (lambda x, p: np.concatenate([x, np.zeros((len(x), p))], axis=1), "has dtype float64"),
        "zeros": (lambda x, p: np.zeros((len(x), x.shape[1] + p), x.dtype), "the array is off"),
    },
    "turning_field": {
        "a whole turn": (turn(2 * np.pi), "ends after 0 degrees"),
        "a quarter": (turn(np.pi / 2), "ends after 90 degrees"),
        "a radian": (turn(1.0), "ends after 57 degrees"),
        "along the line": (turn(0, lambda t, z: np.array([-2 * z[0], 0.0])), "there is no way around"),
        "the end itself": (turn(0, lambda t, z: np.array([-z[0], z[1]])), "there is no way around"),
        "not a rotation": (turn(0, lambda t, z: np.pi * np.array([z[1], z[0]])), "at time 1"),
        "zeros": (turn(0.0), "there is no way around"),
        "spiral": (turn(0, lambda t, z: np.pi * np.array([-z[1], z[0]]) - z), "at time 1"),
        "one number": (lambda t, z: np.pi * z[0], "(2,) was expected"),
        "blows up": (turn(0, lambda t, z: np.array([z[0] ** 2 + 9, z[1]])), "The field must be smooth"),
    },
    "lifting_field": {
        "sign": (lift(lambda t, z: 0.5 - square(z)), "Is the sign turned?"),
        "no level": (lift(lambda t, z: square(z)), "nothing lifts it"),
        "level too high": (lift(lambda t, z: square(z) - 1.5), "on the wrong side"),
        "level too low": (lift(lambda t, z: square(z) - 0.01), "on the wrong side"),
        "tilted": (lift(lambda t, z: z[0]), "nothing lifts it"),
        "tilted and lowered": (lift(lambda t, z: z[0] - 0.1), "on the wrong side"),
        "spread out": (lift(lambda t, z: 0.0, flat=lambda t, z: z[:2]), "nothing lifts it"),
        "zeros": (lift(lambda t, z: 0.0), "nothing lifts it"),
        "step": (lift(lambda t, z: np.sign(square(z) - 0.5625)), "Your field jumps at |x| = 0.75"),
        "step elsewhere": (lift(lambda t, z: np.sign(square(z) - 0.5)), "Your field jumps at |x| = 0.707"),
        "three pieces": (lift(lambda t, z: np.sign(square(z) - 0.3) + np.sign(square(z) - 0.9)), "Your field jumps"),
        "two numbers": (lambda t, z: np.array([0.0, square(z) - 0.5]), "(3,) was expected"),
        "blows up": (lift(lambda t, z: 40 * (square(z) - 0.5) * (1 + z[2] ** 2)), "Smooth fields do not jump"),
    },
}
