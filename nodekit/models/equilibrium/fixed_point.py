"""fixed_point: solve z = f(z) by Picard's, Newton's, Broyden's or Anderson's iteration (lesson 25)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import torch

from nodekit.models.equilibrium.iterations import METHODS, Singular

__all__ = ["FixedPoint", "FixedPointError", "Outcome", "fixed_point"]


class Outcome(Enum):
    """Why the search for a fixed point stopped."""

    CONVERGED = "the residual is within the tolerance"
    MAX_EVALUATIONS = "max_evaluations was reached"
    NOT_FINITE = "f or the state is not finite"
    SINGULAR = "Newton's matrix I - J is singular"


@dataclass
class FixedPoint:
    """The result of `fixed_point`.

    Attributes
    ----------
    z : the last state, of z0's shape; it carries no graph
    status : Outcome
    message : str, why it stopped: what happened, in which sample, and what to try
    nfev : int, evaluations of f, each of the whole batch; the 31 more that measure contraction are not counted
    njev : int, Jacobians (Newton only), each d vector–Jacobian products more
    residuals : list, of every evaluation the largest ‖f(z) − z‖ / (1 + ‖z‖) of the batch
    contraction : float, or None where it converged: by what factor f multiplies a small nudge of the last state, in the
        mean over rounds; near a fixed point about the spectral radius of ∂f/∂z, below 1 where plain iteration converges
    """

    z: torch.Tensor
    status: Outcome
    message: str
    nfev: int
    njev: int
    residuals: list[float]
    contraction: float | None = None

    @property
    def success(self) -> bool:
        """Whether it converged."""
        return self.status is Outcome.CONVERGED

    @property
    def residual(self) -> float:
        """The last of the residuals."""
        return self.residuals[-1]

    def __repr__(self) -> str:
        return f"FixedPoint({self.status.name}: residual {self.residual:.1e} after {self.nfev} evaluations of f)"


class FixedPointError(RuntimeError):
    """No fixed point was found. `.result` holds what was."""

    def __init__(self, result: FixedPoint) -> None:
        super().__init__(result.message)
        self.result = result


@torch.no_grad()
def fixed_point(
    f: Callable[[torch.Tensor], torch.Tensor],
    z0: torch.Tensor,
    method: str = "anderson",
    tol: float = 1e-6,
    max_evaluations: int = 100,
    memory: int = 5,
    damping: float = 1.0,
    throw: bool = True,
) -> FixedPoint:
    """Solve z = f(z), for each sample of a batch: a FixedPoint.

    Parameters
    ----------
    f : function of the state, of one shape with it. With a batch, each sample's value depends on this sample alone.
    z0 : tensor (d,), or (n, ...) for n samples with a fixed point each: where the search starts
    method : "picard", z ← f(z); "newton", with the Jacobian from d vector–Jacobian products; "broyden", with an
        approximate inverse that each step corrects by a matrix of rank one; "anderson", which combines the last values
        of f so that the combined residual is least
    tol : float > 0. A sample has converged when ‖f(z) − z‖ <= tol (1 + ‖z‖), in the Euclidean norm; it then stays.
    max_evaluations : int >= 1, the most evaluations of f
    memory : int >= 1, how many differences "anderson" combines
    damping : float in (0, 1], of "picard" and "anderson": the new state is (1 − damping) z + damping f(z) in place of
        f(z). For "picard" it is a step of Euler's method of this size along z' = f(z) − z.
    throw : raise FixedPointError where it does not converge; False returns the result with its status

    It records no graph: `DEQ` has gradients. A small residual is not a small error: the error is up to
    1/(1 − L) times as large, with a Lipschitz constant L < 1 of f (lesson 25, section 3).

    Raises ValueError or TypeError for an argument outside of its range, and where f returns another shape.

    Sources: C. G. Broyden, A class of methods for solving nonlinear simultaneous equations, 1965; D. G. Anderson,
    Iterative procedures for nonlinear integral equations, 1965; H. F. Walker, P. Ni, Anderson acceleration for
    fixed-point iterations, 2011, problem (2.2) in its unconstrained form.
    """
    check(method, tol, max_evaluations, memory, damping)
    if not isinstance(z0, torch.Tensor) or not z0.is_floating_point():
        raise TypeError(
            f"z0 must be a tensor of floating-point numbers, got {getattr(z0, 'dtype', type(z0).__name__)}."
        )
    if torch.finfo(z0.dtype).bits < 32:
        raise TypeError(f"z0 is {z0.dtype}: a fixed point is sought in float32 or float64. Take z0.float().")
    if z0.dim() == 0 or z0.numel() == 0:
        raise ValueError(f"z0 has shape {tuple(z0.shape)}; it is (d,), or (n, ...) for n samples, none of them empty.")
    shape = (1, -1) if z0.dim() == 1 else (len(z0), -1)

    def flat(z: torch.Tensor) -> torch.Tensor:
        value = f(z.view_as(z0).clone())  # its own copy: f may work in place, as nn.ReLU(inplace=True) does
        if value.shape != z0.shape:
            raise ValueError(f"f(z) has shape {tuple(value.shape)}, and z {tuple(z0.shape)}: they must agree.")
        return value.reshape(shape)

    z = z0.detach().reshape(shape).clone()
    step = METHODS[method](flat, z, memory, damping)
    residuals: list[float] = []
    while True:
        value = flat(z)
        size = (value - z).norm(dim=1) / (1 + z.norm(dim=1))
        residuals.append(float(size.max()))
        nfev = len(residuals)
        if not bool(torch.isfinite(value).all()):
            bad = [int(i) for i in torch.nonzero(~torch.isfinite(value))[0]]
            status, why = Outcome.NOT_FINITE, f"f(z) is {value[bad[0], bad[1]]} in component {bad[1]}{of(z0, bad[0])}"
            break
        if not bool(torch.isfinite(size).all()):  # the norm overflows before f does, and nan compares as small
            sample = int(torch.nonzero(~torch.isfinite(size))[0])
            status, why = Outcome.NOT_FINITE, f"the state has grown beyond what {z.dtype} can hold{of(z0, sample)}"
            break
        active = size > tol
        if not bool(active.any()):
            return FixedPoint(z.view_as(z0), Outcome.CONVERGED, "converged", nfev, step.njev, residuals)
        if nfev >= max_evaluations:
            status, why = Outcome.MAX_EVALUATIONS, f"max_evaluations = {max_evaluations} was reached"
            break
        try:
            new = step(z, value)
        except Singular as singular:
            status, why = Outcome.SINGULAR, f"Newton's matrix I - J is singular{of(z0, singular.sample)}"
            break
        z = torch.where(active[:, None], new, z)  # who has arrived stays: no sample depends on its companions
    last = z if bool(torch.isfinite(z).all()) else None
    contraction = growth(flat, last) if last is not None and status is not Outcome.NOT_FINITE else None
    worst = int(torch.nan_to_num(size, nan=torch.inf).argmax())
    hint = advice(contraction, method, residuals, status, z.dtype)
    message = (
        f"no fixed point found by {method!r}: {why}. The residual ‖f(z) - z‖ / (1 + ‖z‖) is {residuals[-1]:.1e}"
        f"{of(z0, worst)}, tol = {tol:g}, after {nfev} evaluations. {hint}"
    )
    result = FixedPoint(z.view_as(z0), status, message, nfev, step.njev, residuals, contraction)
    if throw:
        raise FixedPointError(result)
    return result


def check(method: str, tol: float, max_evaluations: int, memory: int, damping: float) -> None:
    """Raise ValueError for an argument outside of its range."""
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not known; there are {', '.join(map(repr, METHODS))}.")
    if not 0 < tol < float("inf"):
        raise ValueError(f"tol={tol!r} must be a positive number.")
    for name, value in (("max_evaluations", max_evaluations), ("memory", memory)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}={value!r} must be an int, at least 1.")
    if not 0 < damping <= 1:
        raise ValueError(f"damping={damping!r} must lie in (0, 1].")


def of(z0: torch.Tensor, sample: int) -> str:
    """' in sample 3' of a batch, '' of a single state."""
    return f" in sample {sample}" if z0.dim() > 1 else ""


def nudges(f: Callable[[torch.Tensor], torch.Tensor], z: torch.Tensor, rounds: int) -> Iterator[torch.Tensor]:
    """By what each round of v ← J v stretches a nudge: (n,). J v by a difference; v starts the same each time."""
    eps = torch.finfo(z.dtype).eps ** 0.5
    base, v = f(z), torch.randn(z.shape[1], generator=torch.Generator().manual_seed(0)).to(z).expand_as(z)
    for _ in range(rounds):
        v = v / v.norm(dim=1, keepdim=True).clamp_min(torch.finfo(z.dtype).tiny)
        scale = eps * (1 + z.norm(dim=1, keepdim=True))
        v = (f(z + scale * v) - base) / scale
        yield v.norm(dim=1)


def growth(f: Callable[[torch.Tensor], torch.Tensor], z: torch.Tensor) -> float | None:
    """The mean factor by which f multiplies a nudge of z in 20 rounds, after 10: the largest of the batch."""
    logs = torch.stack([stretched.clamp_min(1e-30).log() for stretched in nudges(f, z, 30)])[10:]
    factor = float(logs.mean(0).max().exp())
    return factor if factor < float("inf") else None


def advice(contraction: float | None, method: str, residuals: list[float], status: Outcome, dtype: torch.dtype) -> str:
    """What to try."""
    if status is Outcome.SINGULAR:
        return "Start elsewhere, or take a method without this matrix."
    if residuals[-1] < 20 * torch.finfo(dtype).eps:
        return f"That is the rounding of {dtype}: take a larger tol{'' if dtype == torch.float64 else ', or float64'}."
    if contraction is None:
        return "Look at f there, start nearer, or damp the iteration."
    said = f"There f multiplies a small nudge by about {contraction:.3g} a round"
    other = "damping below 1" if method == "newton" else "method='newton', or damping below 1"
    half = len(residuals) // 2
    if contraction < 1 and half >= 5 and max(residuals[-2:]) > 0.99 * max(residuals[half : half + 2]):
        return (
            f"{said}: it contracts there. But in the last {len(residuals) - half} evaluations the residual did not "
            f"fall by 1%: the states may be caught in a cycle. Try {other}."
        )
    if contraction < 1:
        return f"{said}: it contracts, so more evaluations or a looser tol will do."
    return f"{said}: it does not contract, and may have no fixed point near. Try smaller weights, {other}."
