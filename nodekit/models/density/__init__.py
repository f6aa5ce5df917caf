"""Densities that a differential equation carries (lessons 10 to 12, 22 and 23)."""

from nodekit.models.density.cnf import CNF
from nodekit.models.density.divergence import Hutchinson, exact_divergence

__all__ = ["CNF", "Hutchinson", "exact_divergence"]
