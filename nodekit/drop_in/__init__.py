"""Familiar faces: SciPy's solve_ivp and torchdiffeq's odeint and its kin, over the solvers of nodekit.

    from nodekit.drop_in import solve_ivp    # instead of: from scipy.integrate import solve_ivp
    from nodekit.drop_in import odeint       # instead of: from torchdiffeq import odeint

No lesson builds them. The first needs neither SciPy nor torch; the second needs torch, which is imported with it.
"""

import nodekit
from nodekit.drop_in.solve_ivp import OdeResult, OdeSolution, solve_ivp

__all__ = ["OdeResult", "OdeSolution", "solve_ivp"]


def __getattr__(name):
    if name in nodekit.OF_TORCH:
        return getattr(nodekit, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*globals(), *nodekit.OF_TORCH]
