"""How a family of methods takes a step: one file a family, over either library (no lesson builds this front).

A family says what its step does, and asks its library's base for what differs between arrays and tensors: `Stepper` in
state.py of numpy_backend/ or torch_backend/, or, for families that solve equations with ∂f/∂y, in equations.py there.
The explicit family, whose inner loop is tuned for each library, is in explicit.py of each.
"""

from importlib import import_module


def stepper(library, f, y0, method, rtol, atol, fixed, jac=None):
    """The stepper of a method: library "numpy" or "torch", y0 and tolerances as its state.py checks them.

    Raises ValueError for a method of a family that is not known.
    """
    arguments = f, y0, method, rtol, atol, fixed, jac
    try:
        if method.family == "explicit":
            return import_module(f"nodekit.{library}_backend.explicit").stepper(*arguments)
        family = import_module(f"nodekit.steppers.{method.family}")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("nodekit"):
            raise
        raise ValueError(f"method={method.name!r} is of the family {method.family!r}, which is not known.") from error
    base = import_module(f"nodekit.{library}_backend.{family.BASE}").Stepper
    return family.stepper(base, *arguments)
