"""Wrong answers to the exercises of lesson 27."""

import numpy as np


def shared(weights, over):
    """A sum of the gradients with other weights, over another number."""
    return lambda gradients, sizes: (weights(sizes)[:, None] * gradients).sum(0) / over(sizes)


def scaled_in_place(gradients, sizes):
    gradients *= sizes[:, None]
    return gradients.sum(0) / sizes.sum()


def busy(top, bottom):
    return lambda work: top(work) / bottom(work)


def total(work):
    return work.sum()


def lasts(work):
    return work.shape[1] * work.max(1).sum()


def sorted_in_place(work):
    work.sort(axis=1)
    return work.sum() / (work.shape[1] * work[:, -1].sum())


def ones(sizes):
    return np.ones(len(sizes))


WRONG = {
    "joined": {
        "the plain mean": (shared(ones, len), "counts more"),
        "the sum over the batch": (shared(lambda n: n, lambda n: 1), "divide by the number of its samples"),
        "over the number of processes": (shared(lambda n: n, len), "number of processes"),
        "the sum of the gradients": (shared(ones, lambda n: 1), "without the sizes"),
        "upside down": (shared(lambda n: 1 / n, lambda n: (1 / n).sum()), "upside down"),
        "a mean of means": (shared(lambda n: 1 / n, lambda n: 1), "a mean over its share already"),
        "turned round": (shared(lambda n: n[::-1], np.sum), "turned round"),
        "negative": (shared(lambda n: -n, np.sum), "The sign is wrong"),
        "halved": (shared(lambda n: n / 2, np.sum), "half of it"),
        "zeros": (lambda gradients, sizes: np.zeros(gradients.shape[1]), "the gradient is off"),
        "in place": (scaled_in_place, "changed"),
    },
    "busy_share": {
        "waiting": (busy(lambda w: lasts(w) - total(w), lasts), "in which they wait"),
        "above 1": (busy(lasts, total), "other way round"),
        "meeting once": (busy(total, lambda w: w.shape[1] * w.sum(0).max()), "very end"),
        "transposed": (busy(total, lambda w: w.shape[0] * w.max(0).sum()), "over the steps"),
        "a mean of shares": (lambda w: (w.mean(1) / w.max(1)).mean(), "mean of the steps' shares"),
        "no number of processes": (busy(total, lambda w: w.max(1).sum()), "number of processes is missing"),
        "the fastest": (busy(lambda w: w.shape[1] * w.min(1).sum(), total), "fastest"),
        "the longest of all": (busy(total, lambda w: w.size * w.max()), "slowest of all steps"),
        "in place": (sorted_in_place, "changed"),
        "halved": (busy(lambda w: total(w) / 2, lasts), "the share"),
    },
    "piece_to_send": {
        "always its own": (lambda rank, turn, ranks: rank, "same piece"),
        "the other way": (lambda rank, turn, ranks: (rank + turn) % ranks, "Send on"),
        "always the first": (lambda rank, turn, ranks: 0, "same piece"),
        "the turn's": (lambda rank, turn, ranks: turn, "of 3 pieces"),
        "no modulo": (lambda rank, turn, ranks: rank - turn, "no piece"),
        "a fraction": (lambda rank, turn, ranks: ((rank - turn) % ranks) / 2, "no piece"),
    },
}
