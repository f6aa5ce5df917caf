"""Fields that are partly known: a right-hand side plus a network, and the physics-informed loss beside it (lesson 26).

What turns the network into a formula, and says whether the data allow it, needs arrays and no torch, and is in
`nodekit.analysis.sparse` and `nodekit.analysis.identifiability`.
"""

from nodekit.models.hybrid.hybrid_field import HybridField
from nodekit.models.hybrid.physics_informed import PhysicsInformed

__all__ = ["HybridField", "PhysicsInformed"]
