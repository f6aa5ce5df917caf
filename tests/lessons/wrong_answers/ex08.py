"""Wrong answers to the exercises of lesson 08."""

import numpy as np

# ---- with_time -----------------------------------------------------------------------------------------


def joined(value=lambda t, x: np.broadcast_to(t, (x.shape[0], 1, *x.shape[2:])), axis=1, first=False):
    """An answer to with_time with another channel, another axis or another order."""

    def with_time(t, x):
        parts = [x, value(t, x)]
        return np.concatenate(parts[::-1] if first else parts, axis=axis)

    return with_time


def of_the_first(t, x):
    return np.broadcast_to(np.ravel(t)[0], (x.shape[0], 1, *x.shape[2:]))


def time_in_place(t, x):
    x += 0 * t
    x[:, -1] = 1
    return np.concatenate([x, np.broadcast_to(t, (x.shape[0], 1, *x.shape[2:]))], axis=1)


def float_only(t, x):
    return np.concatenate([x, np.full((x.shape[0], 1, *x.shape[2:]), float(t))], axis=1)


# ---- group_norm ----------------------------------------------------------------------------------------


def norm(shape=lambda n, c, h, w, g: (n, g, -1), axes=(2,), ddof=0, scale=None, shift=True, fixed=None):
    """An answer to group_norm with another grouping, other axes or another scale."""

    def group_norm(x, groups, eps=1e-5):
        g, eps = x.reshape(shape(*x.shape, groups)), fixed or eps
        d = g - g.mean(axis=axes, keepdims=True) if shift else g
        v = g.var(axis=axes, keepdims=True, ddof=ddof)
        return (d / (scale(v, eps) if scale else np.sqrt(v + eps))).reshape(x.shape)

    return group_norm


def norm_in_place(x, groups, eps=1e-5):
    g = x.reshape(len(x), groups, -1)
    g -= g.mean(axis=2, keepdims=True)
    g /= np.sqrt(g.var(axis=2, keepdims=True) + eps)
    return x


def whole(n, c, h, w, g):
    return n, c, h, w


def split(n, c, h, w, g):
    return n, g, c // g, h, w


def strided(x, groups, eps=1e-5):
    n, c, h, w = x.shape
    g = x.reshape(n, c // groups, groups, h * w)
    g = (g - g.mean(axis=(1, 3), keepdims=True)) / np.sqrt(g.var(axis=(1, 3), keepdims=True) + eps)
    return g.reshape(x.shape)


# ---- body_parameters -----------------------------------------------------------------------------------


def count(block=lambda c: 2 * (9 * c + 1) * c + 4 * c, field=lambda c: 2 * (9 * (c + 1) + 1) * c + 6 * c, blocks=True):
    """An answer to body_parameters with another block or field."""
    return lambda channels, n: ((n if blocks else 1) * block(channels), field(channels))


# ---- costs_more ----------------------------------------------------------------------------------------


def pairs(score, pick=lambda nfev, wrong: (nfev[wrong][:, None], nfev[~wrong][None, :])):
    """An answer to costs_more from a table of pairs: score(a, b) -> number."""
    return lambda nfev, wrong: score(*pick(nfev, wrong))


WRONG = {
    "with_time": {
        "in front": (joined(first=True), "in front of the channels"),
        "zeros": (joined(lambda t, x: np.zeros((x.shape[0], 1, *x.shape[2:]))), "added channel is zero"),
        "ones": (joined(lambda t, x: np.ones((x.shape[0], 1, *x.shape[2:]))), "added channel is one"),
        "added": (lambda t, x: x + t, "added to the images"),
        "too many channels": (joined(lambda t, x: np.broadcast_to(t, x.shape)), "One channel is added, not"),
        "as a sample": (joined(lambda t, x: np.broadcast_to(t, x.shape)[:1], axis=0), "has shape"),
        "as a column": (joined(lambda t, x: np.broadcast_to(t, x.shape)[..., :1], axis=3), "has shape"),
        "the first one's time": (joined(of_the_first), "the first one's time"),
        "the mean time": (
            joined(lambda t, x: np.broadcast_to(np.mean(t), (x.shape[0], 1, *x.shape[2:]))),
            "Every sample got the same time",
        ),
        "minus t": (joined(lambda t, x: -np.broadcast_to(t, (x.shape[0], 1, *x.shape[2:]))), "is off at index"),
        "a float only": (float_only, "raised TypeError"),
        "unchanged": (lambda t, x: x, "has shape"),
        "all zeros": (lambda t, x: np.zeros((x.shape[0], x.shape[1] + 1, *x.shape[2:])), "is off at index"),
        "in place": (time_in_place, "is off"),
    },
    "group_norm": {
        "over the batch": (norm(split, (0, 2, 3, 4)), "looks at the whole batch"),
        "BatchNorm": (norm(whole, (0, 2, 3)), "This is BatchNorm"),
        "InstanceNorm": (norm(whole, (2, 3)), "each channel by itself"),
        "LayerNorm": (norm(whole, (1, 2, 3)), "all channels together"),
        "each pixel": (norm(split, (2,)), "each pixel by itself"),
        "n - 1": (norm(ddof=1), "the number less one"),
        "eps outside": (norm(scale=lambda v, eps: np.sqrt(v) + eps), "under the square root"),
        "variance": (norm(scale=lambda v, eps: v + eps), "The square root is missing"),
        "only shifted": (norm(scale=lambda v, eps: 1.0), "nothing is divided"),
        "only scaled": (norm(shift=False), "mean is not subtracted"),
        "groups of groups": (norm(lambda n, c, h, w, g: (n, c // g, -1)), "This makes groups of `groups` channels"),
        "eps fixed": (norm(fixed=1e-5), "eps is fixed"),
        "strided": (strided, "are neighbours"),
        "not shaped back": (
            lambda x, groups, eps=1e-5: norm()(x, groups, eps).reshape(len(x), groups, -1),
            "has shape",
        ),
        "minus": (lambda x, groups, eps=1e-5: -norm()(x, groups, eps), "is off at index"),
        "zeros": (lambda x, groups, eps=1e-5: 0 * x, "is off at index"),
        "the input": (lambda x, groups, eps=1e-5: x, "is off at index"),
        "in place": (norm_in_place, "changed x itself"),
    },
    "body_parameters": {
        "no biases": (count(lambda c: 18 * c * c + 4 * c, lambda c: 18 * (c + 1) * c + 6 * c), "has a bias too"),
        "no norms": (
            count(lambda c: 2 * (9 * c + 1) * c, lambda c: 2 * (9 * (c + 1) + 1) * c),
            "A norm has parameters too",
        ),
        "gains only": (
            count(lambda c: 2 * (9 * c + 1) * c + 2 * c, lambda c: 2 * (9 * (c + 1) + 1) * c + 3 * c),
            "a gain and a bias for each",
        ),
        "no time": (count(field=lambda c: 2 * (9 * c + 1) * c + 6 * c), "one more channel in: the time"),
        "time comes out": (
            count(field=lambda c: 2 * (9 * (c + 1) + 1) * (c + 1) + 6 * c),
            "none comes out",
        ),
        "time once": (
            count(field=lambda c: (9 * (c + 1) + 1) * c + (9 * c + 1) * c + 6 * c),
            "Both convolutions of the field",
        ),
        "3 for 3×3": (
            count(lambda c: 2 * (3 * c + 1) * c + 4 * c, lambda c: 2 * (3 * (c + 1) + 1) * c + 6 * c),
            "has 9 numbers, not 3",
        ),
        "one block": (count(blocks=False), "This is one block"),
        "one convolution": (
            count(lambda c: (9 * c + 1) * c + 4 * c, lambda c: (9 * (c + 1) + 1) * c + 6 * c),
            "There are two convolutions",
        ),
        "two norms": (count(field=lambda c: 2 * (9 * (c + 1) + 1) * c + 4 * c), "The field has three norms"),
        "three norms in a block": (count(lambda c: 2 * (9 * c + 1) * c + 6 * c), "A block has two norms"),
        "a field for each block": (
            lambda c, n: (count()(c, n)[0], n * count()(c, n)[1]),
            "one set of parameters",
        ),
        "exchanged": (lambda c, n: count()(c, n)[::-1], "exchanged"),
        "one number": (lambda c, n: count()(c, n)[0], "2 things are returned: return resnet, field"),
        "their sum": (lambda c, n: sum(count()(c, n)), "2 things are returned: return resnet, field"),
        "zeros": (lambda c, n: (0, 0), "is off: 0"),
    },
    "costs_more": {
        "equal left out": (pairs(lambda a, b: np.mean(a > b)), "each counts as half"),
        "equal in full": (pairs(lambda a, b: np.mean(a >= b)), "half was asked for"),
        "other way round": (pairs(lambda a, b: np.mean((a < b) + 0.5 * (a == b))), "the other way round"),
        "groups exchanged": (
            pairs(lambda a, b: np.mean((a > b) + 0.5 * (a == b)), lambda n, w: (n[~w][:, None], n[w][None, :])),
            "the other way round",
        ),
        "against all": (
            pairs(lambda a, b: np.mean((a > b) + 0.5 * (a == b)), lambda n, w: (n[w][:, None], n[None, :])),
            "Every image was compared with every image",
        ),
        "ratio of means": (pairs(lambda a, b: a.mean() / b.mean()), "one over the other"),
        "difference of means": (pairs(lambda a, b: a.mean() - b.mean()), "one less the other"),
        "correlation": (lambda nfev, wrong: np.corrcoef(nfev, wrong)[0, 1], "This is the correlation"),
        "equal dropped": (pairs(lambda a, b: np.mean((a > b)[a != b])), "dropped from the count"),
        "against the mean": (pairs(lambda a, b: np.mean(a > b.mean())), "with the mean of the right ones"),
        "for 40 images": (pairs(lambda a, b: np.sum((a > b) + 0.5 * (a == b)) / (len(a) * (40 - len(a)))), "is off"),
        "number of pairs": (pairs(lambda a, b: np.sum((a > b) + 0.5 * (a == b))), "divides by their number"),
        "a half": (lambda nfev, wrong: 0.5, "is off: 0.5"),
        "zero": (lambda nfev, wrong: 0.0, "is off: 0"),
        "a table": (lambda nfev, wrong: nfev[wrong][:, None] > nfev[~wrong], "dtype bool"),
    },
}
