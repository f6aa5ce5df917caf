"""Symplectic and reversible steps, in + and * only (leapfrog in lesson 16, the others in 17).

Symplectic methods are compositions of drifts (positions move with the velocities) and kicks (momenta move with the
forces) for a state y = (q, p): its first half along the first axis is q, its second p, and f(t, y) = (q', p') must be
separable: q' a function of p alone, p' of q alone. The reversible methods take any f and carry a second quantity
along, so that a step back undoes a step.

On torch a gradient goes back through symplectic steps one at a time, each repeated while autograd records; the
reversible methods, which carry something from step to step, are recorded whole.
"""

import math

from nodekit.methods.geometric import Splitting
from nodekit.stepping.step import hermite

BASE = "state"


def splitting_step(f, t, q, p, h, splitting, force=None):
    """One step of a composition. q, p: arrays of one shape; f(t, q, p) -> (q', p').

    force: p' at (t, q), where it is known from the end of the step before. Returns (q1, p1, force there or None).
    """
    t_q = t_p = t
    for kick, drift in zip(splitting.kicks, splitting.drifts, strict=True):
        if kick:
            force = f(t_q, q, p)[1] if force is None else force
            p = p + kick * h * force
            t_p = t_p + kick * h
        if drift:
            q = q + drift * h * f(t_p, q, p)[0]
            t_q, force = t_q + drift * h, None
    return q, p, force


def asynchronous_leapfrog_step(f, t, y, aux, h):
    """One step; aux is a velocity v near f(t, y). Returns (y1, v1). The same step by −h undoes it."""
    (v,) = aux
    k = f(t + h / 2, y + h / 2 * v)
    return y + h * k, (2 * k - v,)


def reversible_heun_step(f, t, y, aux, h):
    """One step; aux is (ŷ, f(t, ŷ)), ŷ near y. Returns (y1, (ŷ1, f(t + h, ŷ1))). The same step by −h undoes it."""
    y_hat, k = aux
    y_hat1 = 2 * y - y_hat + h * k
    k1 = f(t + h, y_hat1)
    return y + h / 2 * (k + k1), (y_hat1, k1)


# The step of a reversible method, and what it carries along at the start, where f(t, y) = k.
REVERSIBLE = {
    "asynchronous_leapfrog": (asynchronous_leapfrog_step, lambda y, k: (k,)),
    "reversible_heun": (reversible_heun_step, lambda y, k: (y, k)),
}


class Geometric:
    """A stepper (see stepping/stepper.py) of fixed steps, each (y, aux) -> (y1, aux1) by `once`."""

    aux = aux1 = None  # what is carried along, at the start of a step and at its end

    def start(self, t, y):
        finite = super().start(t, y)
        self.aux = self.first_aux(t, y, finite)
        return finite

    def attempt(self, t, y, h):
        y1, self.aux1 = self.once(self.field, t, y, self.aux, h)
        self.led_to(t, y, h, y1)
        if self.finite(y1):
            return y1, 0.0
        self.blame_slopes(self.slopes_of(t, y, h))
        return y1, math.nan

    def slopes_of(self, t, y, h):
        """All slopes in the step, in their order."""
        slopes = []

        def watched(t, y):
            slopes.append(self.again(t, y))
            return slopes[-1]

        self.once(watched, t, y, self.aux, h)
        return slopes

    def accept(self):
        self.aux = self.aux1

    def between(self, field, t, y, h, y1):
        """A function of θ: the states within the step from y to y1."""
        k, k1 = field(t, y), field(t + h, y1)
        return lambda theta: hermite(y, y1, h, k, k1, self.column(theta))

    def inside(self, theta):
        t, y, h, y1 = self.step
        return self.between(self.field, t, y, h, y1)(theta)

    def keep(self):
        return self.step.y1

    def restep(self, t, y, h, kept):
        return self.between(self.again, t, y, h, kept)


class Symplectic(Geometric):
    """Steps of a `Splitting`: functions of (t, y, h), whose aux only saves an evaluation."""

    one_step = repeats = True

    def __init__(self, f, y0, method, *rest):
        super().__init__(f, y0, method, *rest)
        check_halves(method, y0)
        self.hint = batch_hint(y0)

    def first_aux(self, t, y, finite):
        if finite and self.sees_values():
            self.check_separable(t, y)
        return self.halves(self.k0)[1]

    def check_separable(self, t, y):
        """Raise ValueError if q' changes with q, or p' with p, at the start."""
        q, p = self.halves(y)
        moved = (q + 1e-3 * (1 + abs(q)), p), (q, p + 1e-3 * (1 + abs(p)))
        for i, (what, other) in enumerate((("q'", "q"), ("p'", "p"))):
            if not bool((self.halves(self.again(t, self.join(moved[i])))[i] == self.halves(self.k0)[i]).all()):
                raise ValueError(
                    f"method={self.method.name!r} needs a separable f, but {what} depends on {other} here. "
                    f"Use 'implicit_midpoint', which is symplectic for any Hamiltonian.{self.hint}"
                )

    def halves(self, y):
        d = y.shape[0] // 2
        return y[:d], y[d:]

    def once(self, field, t, y, aux, h):
        def slopes(t, q, p):
            return self.halves(field(t, self.join((q, p))))

        q, p, force = splitting_step(slopes, t, *self.halves(y), h, self.method, aux)
        return self.join((q, p)), force

    def restep(self, t, y, h, kept):
        return super().restep(t, y, h, self.again_end(t, y, h) if kept is None else kept)

    def again_end(self, t, y, h):
        """The end of an accepted step, from its start."""
        return self.once(self.again, t, y, None, h)[0]

    def recorded(self, t, y, h, theta):
        """[the state at the end of a step, those within it unless theta is None]: autograd goes back through them."""
        y1, _ = self.once(self.field_back, t, y, None, h)
        return [y1] if theta is None else [y1, self.between(self.field_back, t, y, h, y1)(theta)]

    def step_vjp(self, t, y, h, kept, a, inside, params):
        return self.recorded_vjp(t, y, h, a, inside, params)


class Reversing(Geometric):
    """Steps of a `Reversible` method, which carry a second quantity along."""

    def first_aux(self, t, y, finite):
        return REVERSIBLE[self.method.name][1](y, self.k0)

    def once(self, field, t, y, aux, h):
        return REVERSIBLE[self.method.name][0](field, t, y, aux, h)

    def warning(self, t, y):
        """What the second quantity says of the solution: that it has left the first."""
        first, second = (self.field(t, y), self.aux[0]) if len(self.aux) == 1 else (y, self.aux[0])
        apart, size = (self.largest(x) for x in (second - first, first))
        if apart is None or apart <= size:
            return None
        return (
            f"method={self.method.name!r} has become unstable: what it carries along is {apart:.1e} away from "
            f"where it belongs, {size:.1e}. Take a smaller step, or another method where f is damped."
        )


def check_halves(method, y0):
    """Raise ValueError unless y0 falls into q and p: by an even first axis, or as a tuple or dict of two alike."""
    if isinstance(y0, tuple | dict):
        shapes = [tuple(part.shape) for part in (y0.values() if isinstance(y0, dict) else y0)]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise ValueError(f"method={method.name!r} needs a state (q, p) of two equal shapes, got {shapes}.")
    elif y0.ndim == 0 or y0.shape[0] % 2:
        raise ValueError(
            f"method={method.name!r} needs a state (q, p) with an even first axis, got shape {tuple(y0.shape)}."
            f"{batch_hint(y0)}"
        )


def batch_hint(y):
    """What to do with samples along the first axis, which is the one that is halved."""
    return (
        ""
        if isinstance(y, tuple | dict) or y.ndim < 2
        else f" q and p are the halves of y's first axis, shape {tuple(y.shape)}: put samples last."
    )


def of(method):
    return Symplectic if isinstance(method, Splitting) else Reversing
