"""Familiar faces: SciPy's solve_ivp and torchdiffeq's odeint and its kin, over the solvers of nodekit.

    from nodekit.drop_in import solve_ivp    # instead of: from scipy.integrate import solve_ivp
    from nodekit.drop_in import odeint       # instead of: from torchdiffeq import odeint

No lesson builds them. The first needs neither SciPy nor torch; the second needs torch, which is imported with it.
"""

from nodekit.drop_in.solve_ivp import OdeResult, OdeSolution, solve_ivp

__all__ = ["OdeResult", "OdeSolution", "solve_ivp"]

OF_TORCH = ("odeint", "odeint_adjoint", "odeint_dense", "odeint_event")  # torchdiffeq's interface


def __getattr__(name):
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


def __dir__():
    return [*globals(), *OF_TORCH]
