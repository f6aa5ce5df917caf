"""Symplectic and reversible methods as data (leapfrog in lesson 16, the others in 17); steppers/geometric.py steps.

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
    """A reversible method; its step stands under its name in steppers/geometric.py.

    What it carries along is stable on the imaginary axis alone: where f is damped, y' = −λ y with hλ near 1 and more,
    the second quantity runs away from the first, and the solution with it, in steps that succeed. A solve whose two
    quantities have parted says so in a warning. Source: P. Kidger et al., NeurIPS 2021: the
    reversible Heun method is stable for hλ in [−i, i].
    """

    name: str
    order: int
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
            "asynchronous_leapfrog", 2,
            "U. Mutze, arXiv 1311.6602, 2013; as in J. Zhuang et al., MALI, ICLR 2021",
        ),
        Reversible(
            "reversible_heun", 2,
            "P. Kidger, J. Foster, X. Li, T. Lyons, NeurIPS 2021, algorithm 1",
        ),
    )
}  # fmt: skip
