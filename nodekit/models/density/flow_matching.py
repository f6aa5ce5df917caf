"""Flow matching: a flow trained by regression, without a solve (built in lesson 23).

Pair a start x0 with an end x1, walk from one to the other, and ask the field for the walker's velocity:

    loss = flow_matching_loss(field, x0, x1)                        # independent pairs
    loss = flow_matching_loss(field, x0, optimal_pairs(x0, x1))     # the cheapest pairs of a batch
    loss = flow_matching_loss(field, x0, rectified_ends(old, x0))   # a flow's own pairs ("reflow")

A field that is trained so is a field as any other: `NeuralODE(field)` carries points along, `CNF(field, d)` samples and
scores, with the trace of lesson 10 (for other starts than standard normal ones: with their density as `base`).
`measured_paths` says how far its paths are from straight ones.

Sources: Y. Lipman, R. T. Q. Chen, H. Ben-Hamu, M. Nickel, M. Le, Flow matching for generative modeling, 2023;
X. Liu, C. Gong, Q. Liu, Flow straight and fast, 2023 (rectified flow); A. Tong et al., Improving and generalizing
flow-based generative models with minibatch optimal transport, 2024.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import torch

from nodekit.arguments import positive, tensor
from nodekit.models.density.transport import wasserstein2
from nodekit.solve import solve

__all__ = ["MeasuredPaths", "flow_matching_loss", "measured_paths", "rectified_ends", "straight_path"]

T = torch.Tensor
Field = Callable[[Any, T], T]


def straight_path(x0: T, x1: T, t: float | T, left: float = 0.0) -> tuple[T, T]:
    """Where the walker from x0 to x1 is at time t, and its velocity: (..., d), (..., d).

        x = (1 − (1 − left) t) x0 + t x1,      velocity = x1 − (1 − left) x0

    x0, x1: (..., d), of one shape and one floating-point dtype; numbers are (n, 1), for (n,) is one point of R^n.
    t: a number in [0, 1], or (..., 1), one for each pair. left: the share of x0 that is left at time 1, in [0, 1). With
    x0 standard normal and left = σ this is the "conditional optimal transport path" to the datum x1 (Lipman et al.
    2023, equation 22); with 0 it ends on x1.

    Raises TypeError for other types and dtypes, ValueError for other shapes, times and shares.
    """
    _pairs(x0, x1)
    if not isinstance(left, Real) or not 0 <= left < 1:
        raise ValueError(f"left={left!r} must be a number in [0, 1): the share of x0 that is left at time 1.")
    if not isinstance(t, Real | T):
        raise TypeError(f"t must be a number or a torch tensor, got {type(t).__name__}.")
    if isinstance(t, T) and t.dim() and t.shape != (*x0.shape[:-1], 1):
        raise ValueError(f"t has shape {tuple(t.shape)}; a number or {(*x0.shape[:-1], 1)} was expected.")
    if isinstance(t, T) and t.dim() and t.dtype != x0.dtype:
        raise TypeError(f"t has the dtype {t.dtype} and x0 {x0.dtype}; they must have the same.")
    if not torch.all((torch.as_tensor(t) >= 0) & (torch.as_tensor(t) <= 1)):
        raise ValueError("t has entries outside of [0, 1]: pairs are at x0 at time 0 and at x1 at time 1.")
    velocity = x1 - (1 - left) * x0
    return x0 + t * velocity, velocity


def flow_matching_loss(
    field: Field,
    x0: T,
    x1: T,
    t: float | T | None = None,
    left: float = 0.0,
    generator: torch.Generator | None = None,
) -> T:
    """The mean over the pairs of |field(t, x) − velocity|², x on the straight path from x0 to x1: a 0-d tensor.

    The field that makes its expectation least is the mean velocity of all walkers that are at x at time t, and its
    flow, where that is smooth in x, carries the starts to the ends, for any pairs. The least value is not 0: it is the
    mean square scatter of the velocities around their mean, E|velocity|² − E|mean velocity|².

    Parameters
    ----------
    field : function (t, x) -> (..., d), x (..., d); a Module such as `ConcatSquashField(d)`
        t is (..., 1) here, or the number that you gave. A solve gives it 0-d: write the field for both.
    x0, x1 : (..., d), at least one pair, paired by their place
    t : a number in [0, 1], or (..., 1); by default uniform, one draw for each pair, from the generator
    left : as in `straight_path`

    Raises TypeError or ValueError as `straight_path`, and ValueError for no pairs and for a field whose result has
    another shape.

    Source: Lipman et al. 2023, equations 9 and 23; the pairs as in Tong et al. 2024.
    """
    _pairs(x0, x1)
    _some("x0", x0)
    if t is None:
        t = torch.rand((*x0.shape[:-1], 1), generator=generator, dtype=x0.dtype, device=x0.device)
    x, velocity = straight_path(x0, x1, t, left)
    found = field(t, x)
    if found.shape != x.shape:
        raise ValueError(f"field(t, x) has shape {tuple(found.shape)}; x has {tuple(x.shape)}, and so must dx/dt.")
    return (found - velocity).square().sum(-1).mean()


def rectified_ends(field: Field, x0: T, **options: Any) -> T:
    """Where the field's flow carries x0 from time 0 to 1, without gradients: (..., d). For the pairs of a reflow.

    A field that is trained on the pairs (x0, rectified_ends(field, x0)) has the same ends and straighter paths, and the
    mean of |x1 − x0|² does not rise (Liu, Gong and Liu 2023, theorem 3.5). That the pairs become optimal is not said.

    options: of `nodekit.solve`; RK4 in steps of 1/16, or of step=..., unless a method or a tolerance is named.
    Raises as `nodekit.solve`, and ValueError for a solve that has not come to time 1 (events, throw=False).
    """
    tensor("x0", x0)
    with torch.no_grad():
        return _carried(field, x0, options)[-1]


class MeasuredPaths(NamedTuple):
    """What `measured_paths` found. starts, ends: (n, d). energy, cost: (n,), in x's unit squared.

    On every path energy >= cost, with equality where it is straight and run through at constant speed. On average over
    the paths cost >= W2², the squared distance of the starts' sample from that of the ends.
    `excess` raises ValueError for a W2² that is not positive.
    """

    starts: T
    ends: T
    energy: T
    cost: T

    @property
    def bend(self) -> float:
        """The mean of energy − cost = ∫ |velocity − (end − start)|² dt: 0 for straight paths of constant speed."""
        return (self.energy - self.cost).mean().item()

    def excess(self, squared_distance: float | None = None) -> float:
        """(mean energy − W2²) / W2²: 0 for the paths of optimal transport.

        squared_distance: W2². By default that of the starts' sample from the ends', by assignment, in n³ operations.
        Raises ValueError for one that is not positive.
        """
        if squared_distance is None:
            squared_distance = wasserstein2(self.starts, self.ends) ** 2
        positive("squared_distance", squared_distance)
        return self.energy.double().mean().item() / squared_distance - 1


def measured_paths(field: Field, x0: T, **options: Any) -> MeasuredPaths:
    """The field's paths from x0 (n, d), time 0 to 1, without gradients: their energies ∫ |field|² dt and their costs.

    options: of `nodekit.solve`, as in `rectified_ends`. Raises as `rectified_ends`, and ValueError for an x0 of another
    shape or without points.

    Source: J.-D. Benamou, Y. Brenier, A computational fluid mechanics solution to the Monge–Kantorovich mass transfer
    problem, 2000: the least mean energy of all flows with these ends is W2².
    """
    tensor("x0", x0)
    if x0.dim() != 2:
        raise ValueError(f"x0 has shape {tuple(x0.shape)}; (n, d) was expected.")
    _some("x0", x0)

    def both(t: Any, state: tuple[T, T]) -> tuple[T, T]:
        velocity = field(t, state[0])
        return velocity, velocity.square().sum(-1)

    with torch.no_grad():
        y = _carried(both, (x0, x0.new_zeros(len(x0))), options)
        return MeasuredPaths(x0, y[0][-1], y[1][-1], (y[0][-1] - x0).square().sum(-1))


_STEPS = {"method": "rk4", "step": 1 / 16}
_ADAPTIVE = {"method", "rtol", "atol", "first_step", "max_step", "controller"}  # what RK4's fixed steps would not heed


def _carried(f: Any, state: Any, options: dict[str, Any]) -> Any:
    """The states of a solve from 0 to 1. Raises ValueError for one that has not come to time 1."""
    solution = solve(f, state, (0.0, 1.0), **(options if options.keys() & _ADAPTIVE else {**_STEPS, **options}))
    if not solution.success or solution.t[-1] != 1:
        raise ValueError(
            f"the paths have not all come to time 1, where their ends are: {solution.message} "
            "Leave out events and throw=False."
        )
    return solution.y


def _some(name: str, x: T) -> None:
    if not x.shape[:-1].numel():
        raise ValueError(f"{name} has shape {tuple(x.shape)}, and so no point: the mean over none is not a number.")


def _pairs(x0: T, x1: T) -> None:
    tensor("x0", x0)
    tensor("x1", x1)
    if x0.dim() == 0 or x0.shape != x1.shape:
        raise ValueError(
            f"x0 has shape {tuple(x0.shape)} and x1 {tuple(x1.shape)}; both must be (..., d), paired by their place."
        )
    if x0.dtype != x1.dtype or not x0.dtype.is_floating_point:
        raise TypeError(f"x0 has the dtype {x0.dtype} and x1 {x1.dtype}; both must have the same, of real floats.")
