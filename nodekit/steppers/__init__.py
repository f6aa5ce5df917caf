"""How a family of methods takes a step: one file a family, over either library (no lesson builds this front).

A family says what its step does, and asks its library's base, `Stepper` in numpy_backend/state.py or
torch_backend/state.py, for what differs between arrays and tensors. The explicit family, whose inner loop is tuned
for each library, is in numpy_backend/explicit.py and torch_backend/explicit.py.
"""

from importlib import import_module

APART = ("explicit", "implicit", "rosenbrock", "bdf", "auto")  # one file for each library


def stepper(library, f, y0, method, rtol, atol, fixed, jac=None):
    """The stepper of a method: library "numpy" or "torch", y0 and tolerances as its state.py checks them.

    Raises ValueError for a method of a family that is not known.
    """
    arguments = f, y0, method, rtol, atol, fixed, jac
    try:
        if method.family in APART:
            return import_module(f"nodekit.{library}_backend.{method.family}").stepper(*arguments)
        family = import_module(f"nodekit.steppers.{method.family}")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("nodekit"):
            raise
        raise ValueError(f"method={method.name!r} is of the family {method.family!r}, which is not known.") from error
    return family.stepper(import_module(f"nodekit.{library}_backend.state").Stepper, *arguments)
