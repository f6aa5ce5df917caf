"""Fields with the structure of mechanics (lessons 13 and 16 to 18)."""

from nodekit.models.physics.antisymmetric import AntisymmetricCell, AntisymmetricField
from nodekit.models.physics.hamiltonian import HamiltonianField, Separable
from nodekit.models.physics.lagrangian import LagrangianField

__all__ = ["AntisymmetricCell", "AntisymmetricField", "HamiltonianField", "LagrangianField", "Separable"]
