"""Equilibrium models: a layer whose output is a fixed point, and the solvers that find it (lesson 25)."""

from nodekit.models.equilibrium.deq import DEQ
from nodekit.models.equilibrium.fixed_point import FixedPoint, FixedPointError, Outcome, fixed_point

__all__ = ["DEQ", "FixedPoint", "FixedPointError", "Outcome", "fixed_point"]
