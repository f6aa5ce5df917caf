"""A drop-in for SciPy's solve_ivp, which gains gradients (no lesson builds it; it is a face of `nodekit.solve`).

    from nodekit.drop_in import solve_ivp    # instead of: from scipy.integrate import solve_ivp

Arguments, result, warnings and the types of errors are those of scipy.integrate.solve_ivp (P. Virtanen et al., SciPy
1.0, Nature Methods 17, 2020); the solvers are ours. What differs:

    gradients           Where y0, or what fun uses, holds autograd's boxes, the result does too, for explicit methods.
                        A torch tensor as y0 (or numbers and tensors in a list), or one in args that requires grad,
                        has the solve run on torch: fun, jac and events get tensors, t and y are tensors, of y0's
                        dtype, and gradients go through the steps that were taken, of implicit methods too. The times
                        are numbers: `nodekit.solve` has gradients by them.
    RK45, RK23, DOP853  dopri5, bosh3, dop853: the same formulas, norm and controller, so that without max_step and
                        t_eval the steps are SciPy's up to rounding.
    Radau, BDF          radau, bdf: the same formulas, with controllers and Newton iterations of their own. nfev counts
                        the evaluations for Jacobians by differences too. Radau takes complex states.
    LSODA               auto: dopri5, and radau while the problem is stiff, not Adams and BDF. Complex states too. Of
                        problems that are not stiff the error is that of RK45, larger than ODEPACK's.
                        min_step has no effect, nor have lband and uband but that they unpack what jac returns.
    other methods       Every method of `nodekit.solve` by its own name; its arguments step (which methods without an
                        error estimate need), max_steps, controller, gradient and params are options here. SciPy's own
                        solver classes stand for their names; other classes are refused.
    max_steps           As many steps as it takes, as there, unless it is given.
    jac                 Dense: a sparse matrix is converted, and jac_sparsity has no effect. "autograd" too.
    atol                0 counts as 1e-123 (float32: 1e-15), so that a component may be zero.
    t_span              An infinite end counts as the largest float, or as 1e12 max_step.
    fun                 Is not called outside of t_span (but by kvaerno5 and yoshida4). A complex value for a real y0
                        is a TypeError.
    events              A zero at t_span[0] is not counted, one at the end of a step once. An event that is not finite
                        is a ValueError. A truth value's changes, and every component of an array, count too.
    dense output        At the order of each method. sol repeats steps, so it calls fun. Outside of [t_min, t_max] the
                        polynomial of the first or last step goes on, as there, but is refused where torch records.
    failures            nan in fun ends the solve with status -1, and the message says where.
"""

import math
import sys
import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nodekit.arrays import is_torch
from nodekit.drop_in.solve_ivp_arguments import (
    Field,
    checked_events,
    far,
    initial_state,
    jacobian,
    method_named,
    number,
    output_times,
    tolerances,
)
from nodekit.solution import Status
from nodekit.solve import solve
from nodekit.stepping.trajectory import Trajectory

OURS = ("max_step", "step", "max_steps", "controller", "gradient", "params")  # as nodekit.solve has them
MESSAGES = {0: "The solver successfully reached the end of the integration interval.",
            1: "A termination event occurred."}  # fmt: skip


@dataclass
class OdeResult:
    """What `solve_ivp` returns, with SciPy's names; each is an attribute, and an item, as in result["y"].

    Another name raises AttributeError, or KeyError.

    Attributes
    ----------
    t : (n,)
        t_eval, or the start and the end of every step; as far as the solve came.
    y : (d, n)
        The states there, time last. Both are [] where no time of t_eval was reached, as in SciPy.
    sol : OdeSolution or None
        With dense_output=True.
    t_events, y_events : lists, one entry an event, or None
        The times (m,) of its zeros and the states (m, d) there; (0,) where there are none.
    nfev, njev, nlu : int
        Evaluations of fun and of the Jacobian, and factorisations.
    status : int
        0: the end was reached; 1: a terminal event; -1: a failure, which message names.
    success : bool
        status >= 0.
    """

    t: Any
    y: Any
    sol: Any
    t_events: Any
    y_events: Any
    nfev: int
    njev: int
    nlu: int
    status: int
    message: str
    success: bool

    def keys(self):
        return [field.name for field in fields(self)]

    def __getitem__(self, name):
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name):
        return name in self.keys()


class OdeSolution:
    """The solution as a function of time: sol(t) is (d,) for a number t, and (d, n) for t (n,).

    ts (m + 1,): where the m steps begin and end, increasing or decreasing; t_min, t_max: the ends, as floats.
    """

    def __init__(self, solution):
        times = solution._dense.times
        self.solution, self.ts = solution, np.array(times if len(times) > 1 else times * 2, float)
        self.t_min, self.t_max = sorted((times[0], times[-1]))

    def __call__(self, t):
        """The state or states at t. Raises ValueError for an array of more than one axis, and where torch records
        what the solution depends on, for a time outside of [t_min, t_max]."""
        t = np.asarray(t.detach().cpu() if is_torch(t) and hasattr(t, "detach") else t, float)
        if t.ndim > 1:
            raise ValueError(f"`t` must be a float or a 1-D array, got shape {t.shape}.")
        if self.t_min == self.t_max:  # no step was taken
            t = np.full_like(t, self.t_min)
        path = self.solution._dense
        y = path(t, beyond=True) if isinstance(path, Trajectory) else path(t)
        return y.T if t.ndim else y


def solve_ivp(
    fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None, **options
):
    """Solve dy/dt = fun(t, y), y(t_span[0]) = y0; SciPy's interface. The module's table says what differs.

    Parameters
    ----------
    fun : function fun(t, y, *args) -> dy/dt, an array or a list of y's shape (d,)
    t_span : (t0, t1), numbers, in either order
    y0 : (d,), real or complex; or a torch tensor
    method : "RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA", or a name of `nodekit.methods.METHODS`
    t_eval : (n,) output times within t_span, in its direction; None: every step
    dense_output : whether the result has `sol`, the solution as a function of time
    events : function g(t, y, *args) -> number, or a list of them
        Their zeros are recorded. Attributes: terminal (True, or the number of the zero that ends the solve), direction.
    vectorized : whether fun takes and returns (d, 1) in place of (d,)
    args : tuple of further arguments of fun, jac and events
    options : rtol, atol (numbers, or (d,)), first_step, max_step; jac: a function jac(t, y, *args) -> ∂f/∂y (d, d), or
        a constant matrix (d, d), either of them sparse or not; and step, max_steps, controller, gradient, params of
        `nodekit.solve`. Others have no effect and warn.

    Returns
    -------
    OdeResult
        Also of a solve that failed, whose status is -1.

    Raises
    ------
    TypeError, ValueError
        Bad arguments.

    Source: P. Virtanen et al., SciPy 1.0, Nature Methods 17, 2020, for the interface. No lesson builds it.
    """
    record = method_named(method)
    try:
        args = () if args is None else (*args,)
    except TypeError as error:
        raise TypeError(
            f"Supplied 'args' cannot be unpacked. Please supply `args` as a tuple (e.g. `args=({args},)`)"
        ) from error
    y0 = initial_state(y0, args)
    t0, t1 = (number("t_span", x) for x in t_span)
    if math.isinf(t1):
        t1 = math.copysign(far(options.get("max_step")), t1)
    wanted = None if t_eval is None else output_times(t_eval, t0, t1)
    rtol, atol = tolerances(options.pop("rtol", 1e-3), options.pop("atol", 1e-6), y0)
    first_step = options.pop("first_step", None)
    if first_step is not None and not first_step > 0:
        raise ValueError(f"`first_step` must be positive, got {first_step!r}.")
    if first_step is not None and first_step > abs(t1 - t0):
        raise ValueError(f"`first_step` exceeds bounds: {first_step!r} is more than |{t1!r} - {t0!r}|.")
    jac, constant = jacobian(options, record, args)
    ours = {"max_steps": sys.maxsize, "controller": "I", "max_step": math.inf}
    ours |= {name: options.pop(name) for name in OURS if name in options}
    if ignored := [f"`{name}`" for name, value in options.items() if value is not None]:
        names = ", ".join(ignored)
        warnings.warn(f"The following arguments have no effect for a chosen solver: {names}.", stacklevel=2)

    solution = solve(
        Field(fun, args, vectorized), y0, [t0, *(t for t in wanted or () if t not in (t0, t1)), t1], record, rtol, atol,
        first_step=first_step, events=checked_events(events, args), jac=jac, throw=False, **ours,
    )  # fmt: skip
    status = {Status.SUCCESS: 0, Status.TERMINATED: 1}.get(solution.status, -1)
    kept = range(len(solution.t))
    if wanted is not None:  # neither the ends of the solve nor a terminal event were asked for
        kept = [i for i, t in enumerate(solution.t.tolist()) if t in wanted]
    elif t0 == t1 and status == 0:
        kept = [0, 0]  # as there
    t, y = solution.t, solution.y.T
    if len(kept) == 0:
        t, y = [], []
    elif list(kept) != list(range(len(t))):
        t, y = t[kept], y[:, kept]
    stats, found = solution.stats, events is not None
    return OdeResult(
        t, y,
        sol=OdeSolution(solution) if dense_output else None,
        t_events=solution.t_events if found else None,
        y_events=[states if len(states) else states.reshape(-1) for states in solution.y_events] if found else None,
        nfev=stats.nfev, njev=0 if constant else stats.njev, nlu=stats.nlu,
        status=status, message=MESSAGES.get(status, solution.message), success=status >= 0,
    )  # fmt: skip
