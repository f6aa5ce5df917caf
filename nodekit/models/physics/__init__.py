"""Fields with the structure of mechanics (lessons 13 and 16 to 18)."""

from nodekit.models.physics.hamiltonian import HamiltonianField, Separable

__all__ = ["HamiltonianField", "Separable"]
