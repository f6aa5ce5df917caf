"""Densities that a differential equation carries (lessons 10 to 12, 22 and 23)."""

from nodekit.models.density.cnf import CNF
from nodekit.models.density.concatsquash import ConcatSquash, ConcatSquashField
from nodekit.models.density.divergence import Hutchinson, exact_divergence
from nodekit.models.density.planar import PlanarFlow

__all__ = ["CNF", "ConcatSquash", "ConcatSquashField", "Hutchinson", "PlanarFlow", "exact_divergence"]
