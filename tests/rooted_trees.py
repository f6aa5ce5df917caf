"""Rooted trees and the order conditions of a Runge–Kutta method (Butcher 1963; Hairer, Nørsett, Wanner 1993, II.2).

A tree is the sorted tuple of its subtrees: () is the single node. A method has order p when
Σ b_i Φ_i(τ) = 1/γ(τ) for every tree τ of at most p nodes; its dense output has order q when
Σ b_i(θ) Φ_i(τ) = θ^|τ|/γ(τ) for every tree of at most q nodes.
"""

import functools
import math

import numpy as np


@functools.cache
def trees(n):
    """All rooted trees of n nodes."""

    def forests(total, largest):
        if total == 0:
            yield ()
        for size in range(min(total, largest), 0, -1):
            for first in trees(size):
                for rest in forests(total - size, size):
                    yield tuple(sorted((first, *rest), key=repr))

    return tuple(sorted(set(forests(n - 1, n - 1)), key=repr))


def nodes(tree):
    return 1 + sum(nodes(t) for t in tree)


def gamma(tree):
    return nodes(tree) * math.prod(gamma(t) for t in tree)


def elementary_weights(tree, a):
    """Φ_i(τ), i over the stages: shape (s,)."""
    product = np.ones(len(a))
    for t in tree:
        product = product * (a @ elementary_weights(t, a))
    return product


def residual(order, weights, a, theta=1.0):
    """Largest |Σ b_i Φ_i − θ^n/γ| over the trees of exactly `order` nodes."""
    weights = np.asarray(weights)
    return max(abs(weights @ elementary_weights(t, a) - theta**order / gamma(t)) for t in trees(order))
