"""Symplectic and reversible steps, in + and * only, for both backends (leapfrog in lesson 16, the others in 17).

Symplectic methods are compositions of drifts (positions move with the velocities) and kicks (momenta move with the
forces) for a state y = (q, p): its first half along the first axis is q, its second p, and f(t, y) = (q', p') must be
separable: q' a function of p alone, p' of q alone. The reversible methods take any f and carry a second quantity
along, so that a step back undoes a step.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Splitting:
    """A symplectic method: alternately kick by kicks[i] h and drift by drifts[i] h. Σ kicks = Σ drifts = 1.

    The time of a force is that of the positions it acts on, and the other way round, so that the method keeps its
    order when f depends on t.
    """

    name: str
    order: int
    kicks: tuple[float, ...]
    drifts: tuple[float, ...]
    source: str
    family = "geometric"
    adaptive = False
    dense_order = property(lambda self: min(self.order, 4))

    def __post_init__(self):
        for what in ("kicks", "drifts"):
            if abs(sum(getattr(self, what)) - 1) > 1e-14:
                raise ValueError(f"splitting {self.name!r}: {what} sum to {sum(getattr(self, what))!r}, not 1.")


@dataclass(frozen=True)
class Reversible:
    """A reversible method; `step` is its name in this module.

    What it carries along is stable on the imaginary axis alone: where f is damped, y' = −λ y with hλ near 1 and more,
    the second quantity runs away from the first, and the solution with it, in steps that succeed. A solve whose two
    quantities have parted says so in a warning. Source: P. Kidger et al., NeurIPS 2021: the
    reversible Heun method is stable for hλ in [−i, i].
    """

    name: str
    order: int
    step: str
    source: str
    family = "geometric"
    adaptive = False
    dense_order = property(lambda self: min(self.order, 4))


_W1 = 1 / (2 - 2 ** (1 / 3))
_W0 = 1 - 2 * _W1

METHODS = {
    m.name: m
    for m in (
        Splitting(
            "symplectic_euler", 1, (1.0,), (1.0,),
            "R. de Vogelaere, report, 1956; Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, I.1.9",
        ),
        Splitting(
            "leapfrog", 2, (0.5, 0.5), (1.0, 0.0),
            "L. Verlet, Phys. Rev. 159, 1967, as velocity Verlet: W. Swope et al., J. Chem. Phys. 76, 1982",
        ),
        Splitting(
            "yoshida4", 4,
            (_W1 / 2, (_W0 + _W1) / 2, (_W0 + _W1) / 2, _W1 / 2), (_W1, _W0, _W1, 0.0),
            "H. Yoshida, Phys. Lett. A 150, 1990, eq. 2.11",
        ),
        Reversible(
            "asynchronous_leapfrog", 2, "asynchronous_leapfrog_step",
            "U. Mutze, arXiv 1311.6602, 2013; as in J. Zhuang et al., MALI, ICLR 2021",
        ),
        Reversible(
            "reversible_heun", 2, "reversible_heun_step",
            "P. Kidger, J. Foster, X. Li, T. Lyons, NeurIPS 2021, algorithm 1",
        ),
    )
}  # fmt: skip


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


def first_aux(step, y, k):
    """What a reversible method carries along at the start, where f(t, y) = k."""
    return (k,) if step == "asynchronous_leapfrog_step" else (y, k)


def hermite(y, y1, k, k1, h, theta):
    """Cubic with the values y, y1 and slopes k, k1 at the ends of a step of size h."""
    r = 1 - theta
    return r * r * (1 + 2 * theta) * y + theta * theta * (3 - 2 * theta) * y1 + theta * r * h * (r * k - theta * k1)


def check_halves(method, y0):
    """Raise ValueError unless y0 falls into q and p: by an even first axis, or as a tuple or dict of two alike."""
    if isinstance(y0, tuple | dict):
        shapes = [tuple(part.shape) for part in (y0.values() if isinstance(y0, dict) else y0)]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise ValueError(f"method={method.name!r} needs a state (q, p) of two equal shapes, got {shapes}.")
    elif y0.ndim == 0 or y0.shape[0] % 2:
        raise ValueError(
            f"method={method.name!r} needs a state (q, p) with an even first axis, got shape {tuple(y0.shape)}."
        )


def geometric_stepper(base, all_finite):
    """The stepper class of a backend, on its `state.Stepper`, for both records of this file."""

    class Geometric(base):
        """A stepper (see stepper.py) for a `Splitting` or a `Reversible` method. Fixed steps only."""

        def __init__(self, f, y0, method, rtol, atol, fixed):
            super().__init__(f, y0, rtol, atol, fixed)
            self.method, self.splits = method, isinstance(method, Splitting)
            if self.splits:
                check_halves(method, y0)

        def start(self, t, y):
            finite = super().start(t, y)
            if finite and self.splits:
                self.check_separable(t, y)
            self.aux = self.halves(self.k0)[1] if self.splits else first_aux(self.method.step, y, self.k0)
            return finite

        def check_separable(self, t, y):
            """Raise ValueError if q' changes with q, or p' with p, at the start."""
            q, p = self.halves(y)
            moved = (q + 1e-3 * (1 + abs(q)), p), (q, p + 1e-3 * (1 + abs(p)))
            for i, (what, other) in enumerate((("q'", "q"), ("p'", "p"))):
                if not bool((self.halves(self.again(t, self.join(moved[i])))[i] == self.halves(self.k0)[i]).all()):
                    raise ValueError(
                        f"method={self.method.name!r} needs a separable f, but {what} depends on {other} here. "
                        "Use 'implicit_midpoint', which is symplectic for any Hamiltonian."
                    )

        def halves(self, y):
            d = y.shape[0] // 2
            return y[:d], y[d:]

        def once(self, field, t, y, aux, h):
            if not self.splits:
                return globals()[self.method.step](field, t, y, aux, h)
            f = lambda t, q, p: self.halves(field(t, self.join((q, p))))  # noqa: E731
            q, p, force = splitting_step(f, t, *self.halves(y), h, self.method, aux)
            return self.join((q, p)), force

        def attempt(self, t, y, h):
            y1, self.aux1 = self.once(self.field, t, y, self.aux, h)
            self.step = t, y, h, y1
            if all_finite(y1):
                return y1, 0.0
            self.bad = self.culprit(t, y, h) or ("the result of a step", y1)
            return y1, float("nan")

        def culprit(self, t, y, h):
            """("f", k) of the first slope in a step that is not finite, or None."""
            slopes = []

            def watched(t, y):
                slopes.append(self.again(t, y))
                return slopes[-1]

            self.once(watched, t, y, self.aux, h)
            return next((("f", k) for k in slopes if not all_finite(k)), None)

        def accept(self):
            self.aux = self.aux1

        def warning(self, t, y):
            """What the second quantity of a reversible method says of the solution: that it has left the first."""
            if self.splits:
                return None
            first, second = (self.field(t, y), self.aux[0]) if len(self.aux) == 1 else (y, self.aux[0])
            apart, size = (self.largest(x) for x in (second - first, first))
            if apart is None or apart <= size:
                return None
            return (
                f"method={self.method.name!r} has become unstable: what it carries along is {apart:.1e} away from "
                f"where it belongs, {size:.1e}. Take a smaller step, or another method where f is damped."
            )

        def between(self, field, t, y, h, y1):
            k, k1 = field(t, y), field(t + h, y1)
            return lambda theta: hermite(y, y1, k, k1, h, theta)

        def inside(self, theta):
            t, y, h, y1 = self.step
            return self.between(self.field, t, y, h, y1)(theta)

        def keep(self):
            return self.step[3]

        def restep(self, t, y, h, kept):
            return self.between(self.again, t, y, h, kept)

    return Geometric
