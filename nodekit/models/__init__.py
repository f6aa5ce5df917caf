"""Models that solve a differential equation inside: one torch.nn.Module a file, by part of the course; with torch."""

from nodekit.models.augmented import Augmented
from nodekit.models.collocation import Collocation
from nodekit.models.convolutional import ConvField
from nodekit.models.density import CNF
from nodekit.models.equilibrium import DEQ
from nodekit.models.hybrid import HybridField, PhysicsInformed
from nodekit.models.log_time import LogTime
from nodekit.models.neural_ode import NeuralODE
from nodekit.models.neural_sde import NeuralSDE
from nodekit.models.physics import (
    SONODE,
    AntisymmetricCell,
    AntisymmetricField,
    HamiltonianField,
    LagrangianField,
    SecondOrderField,
    Separable,
)
from nodekit.models.series import CDE, ODERNN, GapGRU, LatentODE, Series

__all__ = [
    "CDE",
    "CNF",
    "DEQ",
    "ODERNN",
    "SONODE",
    "AntisymmetricCell",
    "AntisymmetricField",
    "Augmented",
    "Collocation",
    "ConvField",
    "GapGRU",
    "HamiltonianField",
    "HybridField",
    "LagrangianField",
    "LatentODE",
    "LogTime",
    "NeuralODE",
    "NeuralSDE",
    "PhysicsInformed",
    "SecondOrderField",
    "Separable",
    "Series",
]
