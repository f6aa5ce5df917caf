"""How a family of methods takes a step: one file a family, over either library (no lesson builds this front).

A family says what its step does, and asks its library's base for what differs between arrays and tensors: `Stepper` in
state.py of numpy_backend/ or torch_backend/, or, for families that solve equations with ∂f/∂y, in equations.py there.
The explicit family, whose inner loop is tuned for each library, is in explicit.py of each.
"""

from importlib import import_module

from nodekit.stepping.stepper import over


def stepper_class(library, method):
    """The class of a method's steppers, over a library: "numpy" or "torch".

    Raises ValueError for a method of a family that is not known.
    """
    try:
        if method.family == "explicit":
            return import_module(f"nodekit.{library}_backend.explicit").ExplicitRungeKutta
        family = import_module(f"nodekit.steppers.{method.family}")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("nodekit"):
            raise
        raise ValueError(f"method={method.name!r} is of the family {method.family!r}, which is not known.") from error
    return over(import_module(f"nodekit.{library}_backend.{family.BASE}").Stepper, family.of(method))


def stepper(library, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
    """The stepper of a method: y0 and tolerances as the library's state.py checks them; jac where it is of use.

    samples: how many there are along y0's first axis, on torch, if ∂f/∂y has a block for each; else None.
    """
    return stepper_class(library, method)(f, y0, method, rtol, atol, fixed, jac, samples)
