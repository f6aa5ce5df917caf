"""nodekit: solvers and gradients for Neural ODEs, built lesson by lesson.

A NumPy reference to read and a PyTorch engine to train with, behind one function:

>>> import numpy as np, nodekit
>>> sol = nodekit.solve(lambda t, y: -y, np.array([1.0]), (0.0, 1.0))

torch is imported only when a torch tensor arrives.
"""

from nodekit.events import event
from nodekit.solution import Solution, SolveError
from nodekit.solve import solve

__all__ = ["Solution", "SolveError", "event", "solve"]
__version__ = "0.1.0"
