"""Models that solve a differential equation inside: one torch.nn.Module a file. They need torch."""

from nodekit.models.augmented import Augmented
from nodekit.models.cnf import CNF
from nodekit.models.convolutional import ConvField
from nodekit.models.hamiltonian import HamiltonianField, Separable
from nodekit.models.neural_ode import NeuralODE

__all__ = ["CNF", "Augmented", "ConvField", "HamiltonianField", "NeuralODE", "Separable"]
