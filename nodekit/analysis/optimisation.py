"""Optimisation as an ODE: gradient flow, a ball with friction, Nesterov's fading friction (built in lesson 24).

Each is a right-hand side f(t, state) for `nodekit.solve`, on either library, made from the gradient of a function.
The two of second order take position and velocity in one array: state = (x, v), of shape (2, *x.shape); `at_rest(x)`
makes their start. Euler's steps of the first are gradient descent, with the step size as learning rate.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nodekit.arrays import namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodekit.hints import Array, Field

__all__ = ["at_rest", "gradient_flow", "heavy_ball", "nesterov", "nesterov_bound"]


def gradient_flow(gradient: "Callable[[Any], Any]") -> "Field":
    """The field f(t, x) = −gradient(x). Along it the function falls at the rate |gradient|².

    gradient: function x -> array of x's shape, of any shape. Returns a field for `nodekit.solve`.

    Source: A.-L. Cauchy, Méthode générale pour la résolution des systèmes d'équations simultanées, 1847. Lesson 24.
    """

    def f(t: Any, x: Any) -> Any:
        return -_slope(gradient, x)

    return f


def heavy_ball(gradient: "Callable[[Any], Any]", friction: float) -> "Field":
    """The field of x″ + friction x′ + gradient(x) = 0, on states (x, x′): a ball of mass 1 with friction.

    On a quadratic function with curvatures in [μ, L], friction = 2√μ makes the slowest component as fast as it can be.
    Descent with momentum, x ← x − a gradient + β (the last change), follows it with steps of √a in time and the
    friction (1 − β)/√a.

    gradient: function x -> array of x's shape. friction: float >= 0. Returns a field on states (2, *x.shape).
    Raises ValueError for a friction that is negative or not finite.

    Source: B. T. Polyak, Some methods of speeding up the convergence of iteration methods, 1964. Lesson 24.
    """
    if not 0 <= friction < math.inf:
        raise ValueError(f"friction={friction!r} must be at least 0, and finite; a negative one drives the ball.")

    def f(t: Any, state: Any) -> Any:
        x, v = state
        return namespace(state).stack([v, -friction * v - _slope(gradient, x)])

    return f


def nesterov(gradient: "Callable[[Any], Any]", r: float = 3.0) -> "Field":
    """The field of x″ + (r/t) x′ + gradient(x) = 0, on states (x, x′), for t >= 0: a ball whose friction fades.

    At t = 0 the velocity has to be 0, and there x″ = −gradient(x)/(1 + r), the limit of the equation.
    For a convex function and r >= 3, its value is above the least one by `nesterov_bound` at most. For r < 3 this
    need not be so.

    gradient: function x -> array of x's shape. r: float > 0. Returns a field on states (2, *x.shape).
    Raises ValueError for another r; and the field does for t < 0, and at t = 0 for a velocity that is not 0.

    Source: W. Su, S. Boyd, E. J. Candès, A differential equation for modeling Nesterov's accelerated gradient method,
    2016. Lesson 24.
    """
    if not 0 < r < math.inf:
        raise ValueError(f"r={r!r} must be positive and finite.")

    def f(t: Any, state: Any) -> Any:
        x, v = state
        if t > 0:
            return namespace(state).stack([v, -(r / t) * v - _slope(gradient, x)])
        if not t >= 0:
            raise ValueError(f"t={float(t)!r}: the friction r/t is that of a ball for t >= 0 only. Start at t = 0.")
        if (v != 0).any():
            raise ValueError(
                "at t = 0 the velocity must be 0: there the friction r/t is infinite. Use at_rest(x). An implicit "
                "method asks beside its start, too: with one, begin at a small t > 0, with v = -t gradient(x)/(1 + r)."
            )
        return namespace(state).stack([v, -_slope(gradient, x) / (1 + r)])

    return f


def nesterov_bound(t: Any, distance: float, r: float = 3.0) -> Any:
    """(r − 1)² distance²/(2t²): what f(x(t)) − f* is at most under `nesterov`, for a convex f and r >= 3.

    t: float > 0, or an array of them. distance: |x(0) − x*|, to any point x* where f is least. Returns t's shape.
    Raises ValueError for r < 3, for which there is no such bound, for a t that is not positive and a negative distance.

    Source: W. Su, S. Boyd, E. J. Candès, 2016; their theorem 3 is r = 3, 2 distance²/t². Lesson 24 has the proof.
    """
    if not 3 <= r < math.inf:
        raise ValueError(f"r={r!r}: this bound holds for r >= 3.")
    if not distance >= 0:
        raise ValueError(f"distance={distance!r} must be at least 0.")
    t = t if hasattr(t, "dtype") else np.asarray(t, float)
    if not bool((t > 0).all()):
        raise ValueError(f"t={t!r}: the bound is for t > 0.")
    return (r - 1) ** 2 * distance**2 / (2 * t**2)


def _slope(gradient: "Callable[[Any], Any]", x: Any) -> Any:
    """gradient(x). Raises ValueError where it has not x's shape: a number would be added to every component."""
    g = gradient(x)
    if getattr(g, "shape", ()) != x.shape:
        raise ValueError(f"gradient returned shape {tuple(getattr(g, 'shape', ()))} for x of shape {tuple(x.shape)}.")
    return g


def at_rest(x: "Array") -> Any:
    """The state (x, 0) of shape (2, *x.shape): a ball that is let go at x, of x's library and dtype.

    A list of floats is taken as an array.
    """
    xp = namespace(x)
    position = x if hasattr(x, "dtype") else xp.array(x, dtype=float)
    return xp.stack([position, xp.zeros_like(position)])
