"""How far apart two samples are, and their cheapest pairing: distances of optimal transport (built in lesson 23).

    from nodekit.models.density import optimal_pairs, wasserstein2

    y = optimal_pairs(x, y)          # y's rows in the order in which they are the cheapest partners of x's
    distance = wasserstein2(x, y)    # a float, in the unit of x and y

Sources: H. W. Kuhn, The Hungarian method for the assignment problem, 1955; G. Peyré, M. Cuturi, Computational optimal
transport, 2019, chapters 2 and 10; N. Bonneel, J. Rabin, G. Peyré, H. Pfister, Sliced and Radon Wasserstein barycenters
of measures, 2015.
"""

import math

import torch

from nodekit.arguments import at_least_one, tensor

__all__ = ["optimal_pairs", "sliced_wasserstein2", "wasserstein2"]

T = torch.Tensor


def optimal_pairs(x: T, y: T) -> T:
    """The rows of y in the order that makes the sum of |x_i − y_i|² least: (n, d). Each row is used once.

    x, y: (n, d). Exact, by SciPy's assignment, whose work grows like n³; gradients reach y, not the order.
    Raises TypeError for what is no tensor of real numbers, ValueError for other shapes, for numbers that are not finite
    and for those whose squares overflow, beyond 1e150.

    Pairs from small batches are not the pairs of the two whole distributions: those come with n to infinity.
    """
    from scipy.optimize import linear_sum_assignment  # here: a flow without pairs needs no SciPy

    _checked(x, y)
    costs = _costs(x, y).cpu().numpy()
    return y[torch.as_tensor(linear_sum_assignment(costs)[1], device=y.device)]


def wasserstein2(x: T, y: T) -> float:
    """The Wasserstein distance W2 of two samples: the root of the least mean of |x_i − y_j|² over all pairings.

    x, y: (n, d), the same n. Returns a float, in the unit of x and y. Two samples of one distribution are not at the
    distance 0, but at one that falls slowly with n: measure it beside yours. Raises as `optimal_pairs`.
    """
    y = optimal_pairs(x, y).detach().double()
    return math.sqrt((x.detach().double() - y).square().sum(-1).mean().item())


def sliced_wasserstein2(x: T, y: T, directions: int = 100, generator: torch.Generator | None = None) -> float:
    """The sliced distance: the root of the mean of W2² over random directions on which both samples are projected.

    x, y: (n, d), the same n. directions: int >= 1, drawn from the generator, uniform on the sphere. On a line the
    cheapest pairing is the sorted one, so this takes a sort for each direction, and suits many dimensions and samples.
    It is at most W2/√d on average over the directions. Raises as `optimal_pairs`, and for other `directions`.
    """
    _checked(x, y)
    at_least_one("directions", directions)
    with torch.no_grad():
        x, y = x.detach().double(), y.detach().double()
        ways = torch.randn(x.shape[1], directions, generator=generator, dtype=x.dtype, device=x.device)
        ways = ways / ways.norm(dim=0)
        return math.sqrt(((x @ ways).sort(0).values - (y @ ways).sort(0).values).square().mean().item())


def _costs(x: T, y: T) -> T:
    """|x_i − y_j|² (n, n), in float64, because the order of near costs decides."""
    x, y = x.detach().double(), y.detach().double()
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()


def _checked(x: T, y: T) -> None:
    for name, each in (("x", x), ("y", y)):
        tensor(name, each)
        if each.dim() != 2 or not len(each):
            raise ValueError(f"{name} has shape {tuple(each.shape)}; (n, d) was expected, with n >= 1.")
        if each.is_complex():
            raise TypeError(f"{name} has the dtype {each.dtype}; real numbers were expected.")
        if not torch.isfinite(each).all():
            row = int((~torch.isfinite(each)).any(1).nonzero()[0])
            raise ValueError(f"{name} has entries that are not finite, in row {row}.")
        if (each.abs() > 1e150).any():
            raise ValueError(f"{name} has entries beyond 1e150, whose squares overflow: give it in a larger unit.")
    if x.shape != y.shape:
        raise ValueError(f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}; both must be (n, d), with the same n.")
