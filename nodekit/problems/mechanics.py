"""Bodies that pull at each other: a Lennard-Jones cluster, planets, with what they conserve (built in lesson 17).

    from nodekit.problems.mechanics import lennard_jones, n_body

    cluster = lennard_jones(13)                                # at rest in its state of least energy, −44.326801
    y0 = cluster.state(cluster.places, momenta)                # (78,): positions first
    sol = nodekit.solve(cluster.f, y0, (0.0, 10.0), method="leapfrog", step=0.01)
    cluster.energy(sol.y), cluster.momentum(sol.y), cluster.angular_momentum(sol.y)

A state y = (q, p) is flat, (2 n d,): the n positions in d dimensions, body by body, and then the n momenta.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nodekit.arrays import namespace
from nodekit.problems.problem import constant

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Bodies", "lennard_jones", "n_body"]


@dataclass(frozen=True, eq=False)
class Bodies:
    """n bodies in d dimensions with masses m and a potential of every pair, V = Σ_{i<j} w_ij u(r_ij).

    H = Σ |p_i|²/(2 m_i) + V. `f` is Hamilton's equations, separable, so that leapfrog and the other splittings of
    `nodekit.solve` apply. Each function takes NumPy arrays, autograd's boxes and torch tensors.

    Parameters
    ----------
    name, source : str
    masses : (n,) positive
    places : (n, d), positions to begin with
    weights : (n, n) symmetric and finite, w_ij; the diagonal is not used
    pair : r² (...) -> u (...), the potential of a pair from the square of its distance, finite at r = 1
    pair_slope : r² (...) -> du/d(r²) (...)

    Raises ValueError for masses, places and weights that do not fit together.
    """

    name: str
    source: str
    masses: "NDArray[Any]"
    places: "NDArray[Any]"
    weights: "NDArray[Any]"
    pair: Callable[[Any], Any]
    pair_slope: Callable[[Any], Any]

    def __post_init__(self) -> None:
        n = len(self.masses)
        if self.places.ndim != 2 or len(self.places) != n or n < 2:
            raise ValueError(f"{self.name!r}: {n} masses and places {self.places.shape}; (n, d) with n >= 2 is needed.")
        if not (np.isfinite(self.masses).all() and (self.masses > 0).all()):
            raise ValueError(f"{self.name!r}: masses must be finite and positive, got {self.masses}.")
        if not (np.isfinite(self.places).all() and self.places.shape[1] > 0):
            raise ValueError(f"{self.name!r}: places must be finite, in d >= 1 dimensions, got {self.places}.")
        if self.weights.shape != (n, n) or not np.array_equal(self.weights, self.weights.T, equal_nan=True):
            raise ValueError(f"{self.name!r}: weights must be symmetric, ({n}, {n}), got shape {self.weights.shape}.")
        if not np.isfinite(self._off_diagonal()).all():
            raise ValueError(f"{self.name!r}: weights must be finite, got {self.weights}.")
        for name in ("masses", "places", "weights"):  # copies: what the caller writes later must not change them
            object.__setattr__(self, name, np.array(getattr(self, name), float))

    @property
    def y0(self) -> "NDArray[Any]":
        """The places, at rest: (2 n d,)."""
        return self.state(self.places, np.zeros_like(self.places))

    def state(self, q: "ArrayLike", p: "ArrayLike") -> "NDArray[Any]":
        """y from positions q (n, d) and momenta p (n, d): (2 n d,). Raises ValueError for other shapes."""
        q, p = np.asarray(q, float), np.asarray(p, float)
        if q.shape != self.places.shape or p.shape != self.places.shape:
            raise ValueError(f"{self.name!r} needs q and p {self.places.shape}, got {q.shape} and {p.shape}.")
        return np.concatenate([q.ravel(), p.ravel()])

    def parts(self, y: Any) -> tuple[Any, Any]:
        """q and p, each (..., n, d), from y (..., 2 n d). Raises ValueError for a y of another length."""
        size = self.places.size
        if y.shape[-1:] != (2 * size,):
            raise ValueError(
                f"{self.name!r} has {2 * size} numbers, positions and momenta, got shape {tuple(y.shape)}."
            )
        shape = (*y.shape[:-1], *self.places.shape)
        return y[..., :size].reshape(shape), y[..., size:].reshape(shape)

    def f(self, t: Any, y: Any) -> Any:
        """(q', p') = (p/m, −∂V/∂q), of y's shape (..., 2 n d). t is not used."""
        q, p = self.parts(y)
        velocity = p / constant(self.masses[:, None], y)
        flat = (*y.shape[:-1], self.places.size)
        joined = (velocity.reshape(flat), self.force(q).reshape(flat))
        return namespace(y).concatenate(joined, -1)

    def force(self, q: Any) -> Any:
        """−∂V/∂q: q (..., n, d) -> (..., n, d). The forces of all bodies add up to 0."""
        apart, squares = self._apart(q)
        pull = constant(-2 * self._off_diagonal(), q) * self.pair_slope(squares)
        return (pull[..., None] * apart).sum(-2)

    def potential(self, q: Any) -> Any:
        """V: q (..., n, d) -> (...)."""
        _, squares = self._apart(q)
        return (constant(self._off_diagonal() / 2, q) * self.pair(squares)).sum(-1).sum(-1)

    def energy(self, y: Any) -> Any:
        """H, kinetic and potential energy together: y (..., 2 n d) -> (...). Conserved."""
        q, p = self.parts(y)
        return (p**2 / constant(2 * self.masses[:, None], y)).sum(-1).sum(-1) + self.potential(q)

    def momentum(self, y: Any) -> Any:
        """Σ p_i: y (..., 2 n d) -> (..., d). Conserved; by leapfrog and every Runge–Kutta method to rounding."""
        return self.parts(y)[1].sum(-2)

    def angular_momentum(self, y: Any) -> Any:
        """Σ q_i × p_i: y -> (..., 3) for d = 3, (...) for d = 2. Conserved; by every splitting to rounding.

        Raises ValueError for other d.
        """
        q, p = self.parts(y)
        turn = lambda i, j: (q[..., i] * p[..., j] - q[..., j] * p[..., i]).sum(-1)  # noqa: E731
        if self.places.shape[1] == 2:
            return turn(0, 1)
        if self.places.shape[1] != 3:
            raise ValueError(f"{self.name!r} has d = {self.places.shape[1]}; a cross product needs d = 2 or 3.")
        return namespace(y).stack([turn(1, 2), turn(2, 0), turn(0, 1)], -1)

    def _off_diagonal(self) -> "NDArray[Any]":
        return np.where(np.eye(len(self.masses), dtype=bool), 0.0, self.weights)

    def _apart(self, q: Any) -> tuple[Any, Any]:
        """q_i − q_j (..., n, n, d), and its square (..., n, n) with ones on the diagonal, where nothing is divided."""
        apart = q[..., :, None, :] - q[..., None, :, :]
        return apart, (apart**2).sum(-1) + constant(np.eye(len(self.masses)), q)


def lennard_jones(n: int = 13) -> Bodies:
    """A cluster of n atoms of mass 1 with u(r) = 4 (r⁻¹² − r⁻⁶), at rest where V is least: n = 2, 3, 4 or 13.

    Units are the atom's: the distance σ at which u is 0, the depth ε of the well, the time σ √(m/ε).
    V at `places`: −1, −3, −6 (every pair at the distance 2^(1/6), u = −1), and −44.326801 for n = 13, an icosahedron
    around an atom.
    Raises ValueError for another n.

    Sources: J. E. Jones (Lennard-Jones), 1924; the minimum of 13 atoms: M. R. Hoare, P. Pal, Adv. Phys. 20, 1971, and
    the table of D. J. Wales, J. P. K. Doye, J. Phys. Chem. A 101, 1997. Lesson 17.
    """
    if not isinstance(n, int) or n not in (2, 3, 4, 13):
        raise ValueError(f"n={n!r}: places of least energy are known here for 2, 3, 4 and 13 atoms.")
    return Bodies(
        f"Lennard-Jones {n}",
        "J. E. Jones, Proc. R. Soc. A 106, 1924; places of least energy",
        np.ones(n),
        _icosahedron() if n == 13 else _simplex(n),
        np.ones((n, n)),
        lambda s: 4 * (s**-6 - s**-3),
        lambda s: 4 * (-6 * s**-7 + 3 * s**-4),
    )


def n_body(masses: "ArrayLike", places: "ArrayLike") -> Bodies:
    """Bodies that attract each other by gravity, V = −Σ_{i<j} m_i m_j / r_ij, in units with G = 1.

    masses: (n,) positive. places: (n, d), no two alike. Raises ValueError where they do not fit together.
    Two bodies of masses 1 and m at the relative distance 1 − e with the relative speed √((1 + m)(1 + e)/(1 − e)) go
    round an ellipse of half axis 1 and eccentricity e, in the time 2π/√(1 + m).

    Source: I. Newton, Philosophiæ naturalis principia mathematica, 1687. Lesson 17.
    """
    m, q = np.asarray(masses, float), np.asarray(places, float)
    if m.ndim != 1:
        raise ValueError(f"masses must be (n,), got shape {m.shape}.")
    if q.ndim == 2 and len(q) == len(m):  # other shapes are named by Bodies
        i, j = np.triu_indices(len(q), 1)
        alike = (q[i] == q[j]).all(-1)
        if alike.any():
            raise ValueError(f"bodies {i[alike][0]} and {j[alike][0]} are at one place, {q[i[alike][0]]}.")
    return Bodies(
        f"{len(m)} bodies",
        "I. Newton, 1687",
        m,
        q,
        np.multiply.outer(m, m),
        lambda s: -(s**-0.5),
        lambda s: 0.5 * s**-1.5,
    )


def _simplex(n: int) -> "NDArray[Any]":
    """n points in space, each pair at the distance 2^(1/6): (n, 3), around the origin."""
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])[:n] * 2 ** (1 / 6) / 8**0.5
    return corners - corners.mean(0)


def _icosahedron() -> "NDArray[Any]":
    """An atom in the centre of twelve, at the distance where V is least: (13, 3).

    V = 4 (A r⁻¹² − B r⁻⁶) with the sums A and B of distance⁻¹², distance⁻⁶ over all pairs at r = 1, so r⁶ = 2 A/B.
    """
    golden = (1 + 5**0.5) / 2
    corners = [np.roll([0.0, a, b * golden], k) for k in range(3) for a in (1, -1) for b in (1, -1)]
    points = np.concatenate([np.zeros((1, 3)), np.array(corners) / (1 + golden**2) ** 0.5])
    i, j = np.triu_indices(13, 1)
    squares = ((points[i] - points[j]) ** 2).sum(-1)
    return points * (2 * (squares**-6).sum() / (squares**-3).sum()) ** (1 / 6)
