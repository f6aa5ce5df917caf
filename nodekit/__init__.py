"""nodekit: solvers and gradients for Neural ODEs, built lesson by lesson.

A NumPy reference to read and a PyTorch engine to train with, behind one function:

>>> import numpy as np, nodekit
>>> sol = nodekit.solve(lambda t, y: -y, np.array([1.0]), (0.0, 1.0))

torch is imported only when a torch tensor arrives.
"""

from typing import Any

from nodekit import moved
from nodekit.events import event, steady_state
from nodekit.solution import Solution, SolveError
from nodekit.solve import solve

__all__ = ["Solution", "SolveError", "event", "solve", "steady_state"]
__version__ = "0.1.0"

moved.install()

OF_TORCH = ("odeint", "odeint_adjoint", "odeint_dense", "odeint_event")  # torchdiffeq's interface


def __getattr__(name: str) -> Any:
    if name in OF_TORCH:
        try:
            import torch  # noqa: F401
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"nodekit.{name} needs PyTorch, which is not installed: pip install torch, or see "
                "pytorch.org/get-started. nodekit.solve works without it, on NumPy arrays.",
                name="torch",
            ) from error
        from nodekit.drop_in import odeints

        return getattr(odeints, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *OF_TORCH]
