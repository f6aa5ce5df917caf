"""The stages of an implicit Runge–Kutta step, as systems that are solved one after the other (lesson 15)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Block:
    """Stages that are solved together. stages: their slice; a: (m, m) = V diag(mu) V⁻¹; inverse: a⁻¹.

    Where the state is real, and so is J, of a pair of conjugate mu one stands for both.

    The Newton matrix I − h a ⊗ J falls apart into I − h mu_i J in the coordinates of V. mu: Python numbers, the rest
    in the state's kind. right_left: (m m, len(mu)), V_ip V⁻¹_pj. before: the weights (m, i) of the i stages before
    these. sums: (m, 1), row sums of a. guess: (1, i), of the slopes before a single stage in a first guess of its own:
    the parabola through the last three at different times, continued; None where there are not so many.
    Source: J. C. Butcher, On the implementation of implicit Runge–Kutta methods, BIT 16, 1976.
    """

    stages: slice
    a: object
    mu: list
    right_left: object
    inverse: object
    before: object
    sums: object
    guess: object
    real: bool

    @staticmethod
    def of(rows, c, stages, constant, complex_state):
        a = rows[:, stages]
        mu, vectors = np.linalg.eig(a)
        left, kept = np.linalg.inv(vectors), (mu.imag >= 0) | complex_state
        # The real part of a pair of conjugates is twice that of one.
        weights = np.where((mu.imag > 0) & (not complex_state), 2.0, 1.0)
        if np.isrealobj(mu) or not mu.imag.any():
            mu, vectors, left = mu.real, vectors.real, left.real
        right_left = ((vectors * weights)[:, None, kept] * left.T[None, :, kept]).reshape(len(a) ** 2, -1)
        arrays = a, right_left, np.linalg.inv(a), rows[:, : stages.start], a.sum(axis=1, keepdims=True)
        a, right_left, inverse, before, sums = map(constant, arrays)
        guess = extrapolating(c, stages.start) if len(a) == 1 else None
        guess = None if guess is None else constant(guess[None])
        return Block(stages, a, mu[kept].tolist(), right_left, inverse, before, sums, guess, not complex_state)

    def joined(self, inverses, mixed):
        """(I − h a ⊗ J)⁻¹, (m d, m d), from the inverses (d, d) for every mu: an iteration then is one product.

        For n blocks of J the inverses are (n, d, d), and what is joined is (n, m d, m d).

        On torch that, and fewer calls around it, takes a sixth off radau's time for van der Pol, a fifth off
        kvaerno5's. mixed: a library's Σ_j w_ij M_j.
        """
        m, (*samples, d, _) = len(self.a), inverses[0].shape
        if m == 1:
            return inverses[0]
        joined = mixed(self.right_left, inverses)
        joined = joined.real if self.real else joined
        joined = joined.reshape(m, m, *samples, d, d)
        if samples:
            joined = joined.swapaxes(0, 2).swapaxes(1, 2)  # (n, m, m, d, d)
        return joined.swapaxes(-3, -2).reshape(*samples, m * d, m * d)


def extrapolating(c, i, points=3):
    """The weights (i,) of the slopes at c[0] ... c[i − 1] in the value at c[i] of the parabola through the last three
    at different times (Lagrange's form); None where there are fewer.
    """
    used = []
    for j in reversed(range(i)):
        if len(used) < points and all(c[j] != c[k] for k in used):
            used.append(j)
    if len(used) < points:
        return None
    weights = np.zeros(i)
    for j in used:
        weights[j] = np.prod([(c[i] - c[k]) / (c[j] - c[k]) for k in used if k != j])
    return weights


def blocks(tableau, constant, complex_state):
    """The blocks of a method, in order; an explicit first stage is none. constant: an array in the state's kind."""
    a, of = np.array(tableau.a), (constant, complex_state)
    if np.triu(a, 1).any():
        return [Block.of(a, tableau.c, slice(0, len(a)), *of)]
    return [Block.of(a[i : i + 1], tableau.c, slice(i, i + 1), *of) for i in range(len(a)) if a[i, i]]
