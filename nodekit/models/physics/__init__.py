"""Fields with the structure of mechanics (lessons 13 and 16 to 18)."""

from nodekit.models.physics.antisymmetric import AntisymmetricCell, AntisymmetricField
from nodekit.models.physics.hamiltonian import HamiltonianField, Separable
from nodekit.models.physics.lagrangian import LagrangianField
from nodekit.models.physics.second_order import SONODE, SecondOrderField

__all__ = [
    "SONODE",
    "AntisymmetricCell",
    "AntisymmetricField",
    "HamiltonianField",
    "LagrangianField",
    "SecondOrderField",
    "Separable",
]
