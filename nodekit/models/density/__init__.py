"""Densities that a differential equation carries (lessons 10 to 12, 22 and 23)."""

from nodekit.models.density.cnf import CNF
from nodekit.models.density.concatsquash import ConcatSquash, ConcatSquashField
from nodekit.models.density.divergence import Hutchinson, exact_divergence
from nodekit.models.density.flow_matching import (
    MeasuredPaths,
    flow_matching_loss,
    measured_paths,
    rectified_ends,
    straight_path,
)
from nodekit.models.density.planar import PlanarFlow
from nodekit.models.density.transport import optimal_pairs, sliced_wasserstein2, wasserstein2

__all__ = [
    "CNF",
    "ConcatSquash",
    "ConcatSquashField",
    "Hutchinson",
    "MeasuredPaths",
    "PlanarFlow",
    "exact_divergence",
    "flow_matching_loss",
    "measured_paths",
    "optimal_pairs",
    "rectified_ends",
    "sliced_wasserstein2",
    "straight_path",
    "wasserstein2",
]
