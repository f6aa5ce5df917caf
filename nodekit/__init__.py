"""nodekit: solvers and gradients for Neural ODEs, built lesson by lesson.

A NumPy reference to read and a PyTorch engine to train with, behind one function:

>>> import numpy as np, nodekit
>>> sol = nodekit.solve(lambda t, y: -y, np.array([1.0]), (0.0, 1.0))

torch is imported only when a torch tensor arrives.
"""

from typing import Any

from nodekit import drop_in, moved
from nodekit.drop_in import OF_TORCH
from nodekit.events import event, steady_state
from nodekit.solution import Solution, SolveError
from nodekit.solve import solve

__all__ = ["Solution", "SolveError", "event", "solve", "steady_state"]
__version__ = "0.1.0"

moved.install()


def __getattr__(name: str) -> Any:
    if name in OF_TORCH:
        return getattr(drop_in, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *OF_TORCH]
