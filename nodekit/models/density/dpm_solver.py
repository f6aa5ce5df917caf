"""Exponential integrators for the probability flow: DDIM and the DPM-Solvers, as data (built in lesson 22).

With λ = log(α/σ) and the predicted noise ε = −σ score, the probability flow is d(x/α)/dλ = −e^{−λ} ε. The factors,
which are known, are integrated exactly, and only ε is approximated. From λ₀ over h, with stages at λ₀ + c_i h:

    x_i = (α_i/α₀) x − σ_i c_i h Σ_j (p_ij φ₁(c_i h) + q_ij φ₂(c_i h)) ε_j

where φ₁(z) = (e^z − 1)/z and φ₂(z) = (φ₁(z) − 1)/z. A method is its nodes c and the rows of p and q; the last row, with
c = 1, is the step itself.

Sources: C. Lu, Y. Zhou, F. Bao, J. Chen, C. Li, J. Zhu, DPM-Solver, 2022, algorithms 1 and 2; J. Song, C. Meng,
S. Ermon, Denoising diffusion implicit models, 2021; M. Hochbruck, A. Ostermann, Exponential integrators, 2010.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from nodekit.arguments import at_least_one
from nodekit.models.density.score import Schedule, Score, floating, within

__all__ = ["SOLVERS", "Exponential", "Sampled", "dpm_solve"]

T = torch.Tensor
Row = tuple[float, ...]


@dataclass(frozen=True)
class Exponential:
    """An exponential Runge–Kutta method for the probability flow.

    nodes: c of every stage but the first, and 1 at the end. p, q: a row for each node, with as many numbers as there
    are stages before it. order: of convergence in h, for a smooth score. source: author and year.
    Checks itself: nodes in (0, 1], 1 the last; each row of p sums to 1, and each of q to 0. Raises ValueError.
    """

    name: str
    order: int
    nodes: Row
    p: tuple[Row, ...]
    q: tuple[Row, ...]
    source: str

    def __post_init__(self) -> None:
        if not self.nodes or self.nodes[-1] != 1 or not all(0 < c <= 1 for c in self.nodes):
            raise ValueError(f"{self.name}: nodes={self.nodes} must lie in (0, 1], and end with 1.")
        for name, rows, total in (("p", self.p, 1.0), ("q", self.q, 0.0)):
            if [len(row) for row in rows] != list(range(1, len(self.nodes) + 1)):
                raise ValueError(f"{self.name}: {name} must have rows of 1 to {len(self.nodes)} numbers.")
            for row in rows:
                if abs(sum(row) - total) > 1e-12:
                    raise ValueError(f"{self.name}: the row {row} of {name} must have the sum {total:g}.")

    @property
    def evaluations(self) -> int:
        """Evaluations of the score in a step."""
        return len(self.nodes)


SOLVERS = {
    method.name: method
    for method in (
        Exponential("ddim", 1, (1.0,), ((1.0,),), ((0.0,),), "J. Song, C. Meng, S. Ermon, 2021"),
        Exponential("dpm2", 2, (1 / 2, 1.0), ((1.0,), (0.0, 1.0)), ((0.0,), (0.0, 0.0)), "C. Lu et al., 2022"),
        Exponential(
            "dpm3",
            3,
            (1 / 3, 2 / 3, 1.0),
            ((1.0,), (1.0, 0.0), (1.0, 0.0, 0.0)),
            ((0.0,), (-2.0, 2.0), (-3 / 2, 0.0, 3 / 2)),
            "C. Lu et al., 2022",
        ),
    )
}


class Sampled(NamedTuple):
    """What `dpm_solve` went through: times t (n,), states x (n, ..., d), and nfev, the evaluations of the score."""

    t: T
    x: T
    nfev: int


def dpm_solve(
    score: Score,
    schedule: Schedule,
    x: T,
    steps: int,
    method: "str | Exponential" = "dpm2",
    t: tuple[float, float] = (1.0, 1e-3),
) -> Sampled:
    """Carry x from t[0] to t[1] along the probability flow, in steps of equal length in log(α/σ).

    score: function or nn.Module, (t, x (..., d)) -> (..., d). x: (..., d). steps: int >= 1. method: "ddim", "dpm2",
    "dpm3", or an `Exponential`. t: (from, to), in [0, 1]; in either direction.
    Returns `Sampled`. The solve is differentiable. Raises ValueError for other names, steps and times and a score of
    another shape, TypeError for another method and x without floats. Lesson 22.
    """
    if isinstance(method, str):
        if method not in SOLVERS:
            raise ValueError(f"method={method!r} is not known. Choose of: {', '.join(SOLVERS)}.")
        method = SOLVERS[method]
    if not isinstance(method, Exponential):
        raise TypeError(f"method={method!r} must be a name or an Exponential.")
    floating("x", x)
    at_least_one("steps", steps)
    within("t", t)
    if len(t) != 2:
        raise ValueError(f"t={t!r} must be two times, (from, to).")
    start, end = (float(schedule.log_snr(float(r))) for r in t)
    if not (start != end and math.isfinite(start) and math.isfinite(end)):
        raise ValueError(
            f"t={t!r} must be two times at which log(α/σ) is finite and not the same, here {start}, {end}."
        )
    grid = torch.linspace(start, end, steps + 1, dtype=torch.float64)
    h = (end - start) / steps
    states = [x]
    for begin in grid[:-1]:
        states.append(_step(score, schedule, states[-1], float(begin), h, method))
    return Sampled(schedule.time(grid), torch.stack(states), steps * method.evaluations)


def _step(score: Score, schedule: Schedule, x: T, begin: float, h: float, method: Exponential) -> T:
    """One step over h in log(α/σ)."""
    alpha0, sigma0, t = _at(schedule, begin, x)
    noises = [-sigma0 * score(t, x)]
    if noises[0].shape != x.shape:
        raise ValueError(f"score returned the shape {tuple(noises[0].shape)} for x of shape {tuple(x.shape)}.")
    for c, p, q in zip(method.nodes, method.p, method.q, strict=True):
        alpha, sigma, t = _at(schedule, begin + c * h, x)
        phi1, phi2 = _phi(c * h)
        weights = [c * h * (a * phi1 + b * phi2) for a, b in zip(p, q, strict=True)]
        parts = [w * noise for w, noise in zip(weights, noises, strict=True) if w]
        stage = (alpha / alpha0) * x - sigma * sum(parts[1:], parts[0])
        if len(noises) < method.evaluations:  # the last row is the step itself
            noises.append(-sigma * score(t, stage))
    return stage


def _at(schedule: Schedule, log_snr: float, x: T) -> tuple[float, float, T]:
    """α, σ as floats, and the time as a tensor of x's dtype."""
    t = schedule.time(log_snr)
    return schedule.alpha(t).item(), schedule.sigma(t).item(), t.to(x)


def _phi(z: float) -> tuple[float, float]:
    """φ₁(z) and φ₂(z). Near 0 the last digits of φ₂ are lost; it is multiplied by z afterwards."""
    phi1 = math.expm1(z) / z
    return phi1, (phi1 - 1) / z
