"""A drop-in for torchdiffeq: odeint and its kin (lesson 07 says which gradient each of them has).

    from nodekit import odeint, odeint_adjoint, odeint_dense, odeint_event    # instead of: from torchdiffeq import ...

Names, arguments, options, callbacks, warnings and the types of errors are torchdiffeq's (R. T. Q. Chen et al., 2018,
2021); the solvers are ours. What differs:

    methods             Ours, with our tableaus. tsit5, gl4, adaptive_heun and fehlberg2 have their full order here.
                        dopri5's error weights are Shampine's, 2/3 of the original ones, here as there; `solve` has
                        the original ones (Dormand, Prince 1980), and takes more steps for the same tolerance.
                        "rk4" is the 3/8 rule, as there. Every method of `nodekit.solve` can be named too.
    step sizes          The elementary controller, as there, which does not let a step grow after a rejection; safety,
                        ifactor and dfactor are its limits, but not of implicit methods, which bring their own, nor does
                        min_step bound Newton's failures. The last step ends on t[-1].
    output times        Interpolated at each method's own order where steps are adaptive.
    dtype               Times are float64 whatever this option says.
    max_num_steps       Counts all attempts of a solve, not those between two output times. With event_fn it is 20000
                        if not given: an event that never comes is an error.
    Adams methods       Order 4 unless max_order says another; implicit_adams corrects once and max_iters is not
                        needed. Implicit methods solve their equations to rounding or raise, whatever max_iters says;
                        their interp="cubic" is their own dense output.
    perturb, jump_t     f sees the neighbours of a jump. Elsewhere it sees the very ends of steps; torchdiffeq moves
                        the last stage of every adaptive step back.
    f's result          Must have y's shape and dtype: it is not broadcast or converted.
    errors              SolveError, which here is an AssertionError too, with the part that was solved in `.solution`.
                        nan in f is named as such, not an underflow in dt.
    gradient of odeint  Through every operation of the solve, double backward included; implicit methods give the
                        exact gradient of their steps, once. With respect to t: by the slopes at the output times.
    odeint_adjoint      One sweep, which does not begin anew at each output time; a tolerance for each number counts on
                        the way back as its smallest. Without a norm, dL/dparams counts as one block.
                        An Adams method goes back by dopri5 on the same grid; an adaptive implicit one and scipy_solver
                        by adaptive dopri5. grid_constructor is called once, with all t. A backward solve that
                        misses y(t[0]) warns.
    events              Located to rounding, not to atol. Gradients reach parameters of event_fn whether or not they
                        are in the state, and odeint(event_fn=...) gives the whole gradient as odeint_event does.
    scipy_solver        If SciPy is installed. odeint with it has no gradient, as there.
"""

import torch

from nodekit import gradients
from nodekit.drop_in.odeint_back import AdjointOptions, solve
from nodekit.drop_in.odeint_problem import Problem
from nodekit.torch_backend.apart import apart
from nodekit.torch_backend.gradients import through
from nodekit.torch_backend.state import flat


def odeint(func, y0, t, *, rtol=1e-7, atol=1e-9, method=None, options=None, event_fn=None):
    """Solve dy/dt = func(t, y), y(t[0]) = y0; torchdiffeq's interface. The module's table says what differs.

    func: func(t, y) -> dy/dt, of y's shape. y0: a tensor of any shape, or a tuple of them. t (n,): output times,
    increasing or decreasing; gradients reach it too. rtol, atol: numbers, tensors of y0's shape, or a tuple of
    either. options: a dict, see `Options`. event_fn(t, y) -> tensor: the solve ends where an element of it first
    becomes zero; t then gives the start and the direction.

    Returns the states (n, *y0.shape), or a tuple of them; with event_fn, (event_t, states), n = 2.
    Raises ValueError, TypeError or AssertionError for bad arguments, OdeintError for a solve that failed.
    """
    p = Problem(func, y0, t, rtol, atol, method, options, event_fn)
    if len(p.times) == 1 or p.begins_on_event:
        return p.nothing_to_do()
    with torch.set_grad_enabled(torch.is_grad_enabled() and not p.options.scipy):
        solution = by_steps(p, p.run)
        return p.answer(solution.y, solution)


def by_steps(p, run):
    """The Solution of a `Problem`, with the gradient of the steps that are taken. run(stepper, y, keep)."""
    (p.f,) = apart((p.f,))
    way, stepper = gradients.Backprop() if p.recorded else gradients.Checkpoint(), p.make(p.y0)
    with stepper.held():
        return through.solve(stepper, run, p.f, flat(p.y0), p.t, way, None, p.options.method, None)


def odeint_adjoint(
    func,
    y0,
    t,
    *,
    rtol=1e-7,
    atol=1e-9,
    method=None,
    options=None,
    event_fn=None,
    adjoint_rtol=None,
    adjoint_atol=None,
    adjoint_method=None,
    adjoint_options=None,
    adjoint_params=None,
):
    """As `odeint`, with the gradient by the continuous adjoint, in O(1) memory; torchdiffeq's interface.

    adjoint_rtol, adjoint_atol, adjoint_method, adjoint_options: of the way back; None takes those of the solve, but
    its norm. adjoint_options={"norm": "seminorm"} leaves dL/dparams out of the error norm (Kidger, Chen, Lyons 2021);
    a function gets (dL/dt, y, dL/dy, *dL/dparams). adjoint_params: what to differentiate by; None: func's parameters.
    """
    forward = {"rtol": rtol, "atol": atol, "method": method, "options": options}
    adjoint = AdjointOptions(func, forward, adjoint_rtol, adjoint_atol, adjoint_method, adjoint_options, adjoint_params)
    p = Problem(func, y0, t, rtol, atol, method, options, event_fn, inward=adjoint.options.inward)
    if len(p.times) == 1 or p.begins_on_event:
        return p.nothing_to_do()
    return p.answer(*solve(p, adjoint))


def odeint_dense(func, y0, t0, t1, *, rtol=1e-7, atol=1e-9, method=None, options=None):
    """The solution from t0 to t1 as a function of time; torchdiffeq's interface, for tuples and all methods too.

    func, y0, rtol, atol, method, options: as for `odeint`. t0, t1: numbers or 0-d tensors, through which gradients
    flow. Returns a function of t, a number or a tensor of any shape within [t0, t1], that gives the states
    (*t.shape, *y0.shape) by the method's own dense output, with gradients as `odeint` has them (none by t itself).
    Raises what odeint raises, and ValueError for a t outside.
    """
    parts = [torch.as_tensor(x, dtype=torch.float64).reshape(()) for x in (t0, t1)]
    p = Problem(func, y0, torch.stack(parts), rtol, atol, method, options, None)

    def run(stepper, y, keep="all"):
        """The states of all steps are kept, so that none is repeated twice."""
        return p.run(stepper, y, keep)

    return by_steps(p, run)


def odeint_event(func, y0, t0, *, event_fn, reverse_time=False, odeint_interface=odeint, **kwargs):
    """Solve from t0 until event_fn(t, y) becomes zero; torchdiffeq's interface.

    Returns (event_t, states): states[-1] is that at event_t. Gradients go through both (Chen, Amos, Nickel 2021).
    reverse_time: go back in time. odeint_interface: `odeint`, `odeint_adjoint`, or a function with their arguments,
    which gets **kwargs.
    """
    start = t0.reshape(-1)
    t = torch.cat([start, start.detach() + (-1.0 if reverse_time else 1.0)])
    return odeint_interface(func, y0, t, event_fn=event_fn, **kwargs)
