"""Control of a field, known or learned: planning through the solver, planning again, holding a state (lesson 28)."""

from nodekit.models.control.receding import RecedingHorizon
from nodekit.models.control.regulator import held_matrices, linearise, regulator
from nodekit.models.control.shooting import Held, plan, rollout

__all__ = ["Held", "RecedingHorizon", "held_matrices", "linearise", "plan", "regulator", "rollout"]
