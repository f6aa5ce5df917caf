"""solve(): check the arguments once, look the method up, call the backend (built in lessons 03 and 04)."""

import math
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from nodekit import gradients, methods, steppers
from nodekit.arguments import increasing, output_times, positive, sample_count, sample_times, step_sizes
from nodekit.arrays import is_torch
from nodekit.solution import Solution, SolveError
from nodekit.stepping import breaks, loop
from nodekit.stepping.control import CONTROLLERS, Controller
from nodekit.travel import detached

if TYPE_CHECKING:
    import torch

    from nodekit.hints import Batch, Control, Event, Field, Gradient, Method, State, Times, Tolerance

SPARSE = gradients.Checkpoint(every="sqrt")


def solve(
    f: "Field",
    y0: "State",
    t: "Times",
    method: "str | Method" = "dopri5",
    rtol: "Tolerance" = 1e-6,
    atol: "Tolerance" = 1e-9,
    step: float | None = None,
    first_step: float | None = None,
    max_step: float = math.inf,
    max_steps: int = 10_000,
    controller: "Control" = "predictive",
    events: "Event | Sequence[Event] | None" = None,
    breakpoints: "Times | None" = None,
    jac: "Field | Literal['autograd'] | None" = None,
    batch: "Batch" = "joint",
    gradient: "Gradient" = "discrete",
    params: "Sequence[torch.Tensor] | None" = None,
    compile: bool = False,
    throw: bool = True,
) -> Solution:
    """Solve dy/dt = f(t, y), y(t[0]) = y0.

    Parameters
    ----------
    f : callable
        f(t, y) -> dy/dt, of y's shape. It must not change y in place, nor be random (noise that it draws at its first
        call, and keeps, is not). Under torch.autocast f is autocast and nothing else is. t is a float on the NumPy
        backend and a 0-d tensor of y's dtype on torch. f is never called outside the interval (but by
        kvaerno5, up to a quarter of a step beyond its end, and yoshida4, whose steps go back and forth).
    y0 : array or tensor, any shape; on torch also a tuple or dict of tensors, which f then takes and returns
        A torch tensor selects the torch backend, anything else NumPy (float32, float64 or complex; integers are
        promoted to float64). Gradients flow to y0, to whatever f uses and, on torch, to t, by autograd or
        torch.autograd, with the step sizes held.
    t : (t0, t1), or (n,) output times
        Two times: the solution holds every accepted step. More: strictly increasing or decreasing output times, which
        are interpolated; where a method's dense output cannot hold the tolerance (dopri8's), steps end on them.
        t0 = t1 gives y0.
    method : str or Tableau
        A name in `nodekit.methods.METHODS`. Default: dopri5.
    rtol, atol : float > 0, or arrays of y0's shape (tuples or dicts of them, for such a y0)
        A step is accepted when the root mean square of (error estimate) / (atol + rtol max(|y|, |y1|)) is at
        most 1. They bound the error of a step, not that of the solution.
    step : float, optional
        A fixed step size > 0, in either direction of time; the last step is shortened to end on t1. Needed by a
        method without an error estimate, allowed for any.
    first_step, max_step : float > 0
        Size of the first step tried (chosen if None), and the largest allowed, for adaptive steps.
    max_steps : int
        Largest number of attempted steps.
    controller : "I", "PI", "PID", "predictive" or a `nodekit.stepping.control.Controller`
        How the error ratios set the next step size, for explicit methods; implicit ones bring their own.
    events : function g(t, y) -> number, truth value or array of them; or a list of such functions
        Their zeros are recorded in t_events and y_events; see `nodekit.event` for terminal ones and directions, and
        `nodekit.steady_state`.
    breakpoints : (n,) increasing times, in either direction of t
        Where f is known to jump, in itself or in a derivative: knots of a path that drives it, doses, switches. Steps
        end there, and what a method remembers (slopes, predictors, a history; fixed steps count anew) begins anew with
        the step size that it had. f is never asked at a breakpoint b, but for its limits from either side: the last
        time that it sees of a step that ends there is the neighbour of b in y's dtype, on the step's side (or as near
        to it as the float64 sum t + h comes, never beyond), and the first of the step after that is the neighbour on
        the other side. So an f of t alone, comparing t with b by < or by <=, has the right piece in every stage, on the
        way back of every gradient, and in dense output. For a gradient by an output time at b, f is that before b. At
        t[0] and t[-1] too, f sees the inner neighbour; those outside have no effect, so that all knots of a path may be
        given. On torch they may be a tensor; no gradient flows to them. Events see t itself. Not for methods that
        evaluate f outside of their steps (kvaerno5, yoshida4).
    jac : function jac(t, y) -> ∂f/∂y, (d, d) for y of shape (d,); "autograd"; or None; for implicit methods
        None: finite differences of f (rodas5p, which no iteration corrects: autograd, compared with f at every step).
        "autograd": automatic differentiation where f allows it. For a complex state f must be holomorphic in y.
    batch : "joint", "blocks" or "independent"
        "blocks", on torch: as "joint", with one step size for all, but the first axis of y0 counts samples that f
        treats by themselves. Then ∂f/∂y is one block a sample, (n, d, d), which jac may return so: implicit methods
        make it from d backward passes or d + 1 evaluations and solve n small systems (lesson 15). An f whose samples
        are seen to depend on each other raises ValueError.
        "independent", on torch, for explicit methods without events: the first axis of y0 counts samples, each of which
        takes its own steps, and t may be (m, samples), each with its own times. f(t, y) then sees those samples that
        are still on their way, y (n, ...), and their times as a tensor that broadcasts against y, (n, 1, ..., 1). Two
        times give both ends. There is no dense output; a sample that fails is nan from there on.
    gradient : "discrete", "checkpoint", "backprop", "adjoint", "interpolated", or a record of `nodekit.gradients`
        How a backward pass goes through the solve, on torch: see there. The first three give the exact gradient of the
        steps that were taken. Methods that carry a history from step to step are recorded as by "backprop". An adjoint
        whose state, solved backward, does not come home warns.
    params : sequence of tensors, optional
        What f depends on besides y, on torch. None: found by looking into f (modules, closures, attributes) and at its
        first evaluation. Give them if f hides them deeper.
    compile : bool
        On torch, for explicit methods without events: run the loop, and the steps of a backward pass by checkpoints, as
        one graph made by torch.compile. The first call takes seconds; later ones with the same field, shape and method
        reuse it, whatever the times, step sizes and tolerances. It needs torch 2.13 or newer
        and, on the CPU, a C++ compiler.
    throw : bool
        Whether a failure raises SolveError (with the part that was solved in `.solution`), or is returned with its
        status and message.

    Returns
    -------
    Solution

    Raises
    ------
    SolveError
        nan or infinity, max_steps reached, step size below rounding.
    TypeError, ValueError
        Bad arguments. The message repeats the value.

    Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, 1993, sections II.1-II.6.
    Lesson 03 builds the step, lesson 04 the adaptive loop.
    """
    if not callable(f):
        raise TypeError(f"f must be a function f(t, y), got {type(f).__name__}. The order is solve(f, y0, t).")
    m, way = methods.get(method), gradients.get(gradient)
    if not (jac is None or callable(jac) or (isinstance(jac, str) and jac == "autograd")):
        raise TypeError(f'jac must be a function jac(t, y), "autograd" or None, got {type(jac).__name__}.')
    if batch not in ("joint", "blocks", "independent"):
        raise ValueError(f'batch={batch!r} is not known. Choose "joint", "blocks" or "independent".')
    independent = batch == "independent"
    backend = "torch" if is_torch(y0) else "numpy"
    if backend == "numpy" and (params is not None or way.name in ("adjoint", "interpolated") or way == SPARSE):
        given = f"gradient={gradient!r}" if params is None else "params"
        raise ValueError(
            f"{given} is for torch: autograd differentiates the steps of a NumPy solve as they were taken. "
            "Leave it out, or see nodekit.numpy_backend.gradient.solve_and_vjp for the other ways."
        )
    if (compile or independent) and (backend == "numpy" or m.family != "explicit" or events is not None):
        what = "compile=True" if compile else 'batch="independent"'
        given = f"method={m.name!r} on {backend}" + (" with events" if events is not None else "")
        raise ValueError(f"{what} takes torch tensors and explicit methods without events, not {given}.")
    if compile and independent:
        raise ValueError('compile=True does not go with batch="independent". Leave one of them out.')
    points = increasing("breakpoints", breakpoints)
    if points:
        breaks.refuse_method(m)
    times = sample_times(t, y0) if independent else output_times(t)
    ends = (times.min().item(), times.max().item()) if independent else (times[0], times[-1])
    step_sizes(m, ends, rtol, atol, step, max_steps)
    if first_step is not None:
        positive("first_step", first_step, ends[:1])
    positive("max_step", max_step, ends)
    if not isinstance(controller, Controller):
        if controller not in list(CONTROLLERS):
            raise ValueError(f"controller={controller!r} is not known. Choose one of: {', '.join(CONTROLLERS)}.")
        controller = CONTROLLERS[controller]

    state = import_module(f"nodekit.{backend}_backend.state")
    integrate = import_module("nodekit.torch_backend.loops.compiled").integrate if compile else loop.integrate
    y0 = state.check_state(y0)
    rtol, atol = (state.check_tolerance(name, x, y0) for name, x in (("rtol", rtol), ("atol", atol)))

    if backend == "torch":
        from nodekit.torch_backend.apart import apart

        (f,) = apart((f,), params, compile)
    own = f
    if points:
        precision = state.neighbours(y0)
        breaks.refuse_too_near([b for b in points if min(ends) <= b <= max(ends)], precision)
        f = breaks.Sided(f, points, precision) if precision else f

    if state.size(y0) == 0:  # one step of anything gets there
        m, step, compile, integrate = methods.get("euler"), abs(ends[1] - ends[0]) or 1.0, False, loop.integrate

    sizes: dict[str, Any] = {"step": step, "first_step": first_step, "max_step": max_step, "max_steps": max_steps}
    sizes["controller"] = controller

    if independent:
        from nodekit.torch_backend.gradients import batch as batch_gradient

        solution = batch_gradient.solve(
            own, f, y0, times, way, params, m=m, rtol=rtol, atol=atol, points=points, **sizes
        )
    else:
        samples = sample_count(y0) if batch == "blocks" else None
        recipe = backend, f, y0, m, rtol, atol, step is not None, jac, samples
        stepper = steppers.stepper(*recipe)
        stepper.recipe, stepper.compile = (steppers.stepper, detached(recipe)), compile
        if points:
            stepper.breaks = breaks.sides(points, *ends)
        run, y = partial(integrate, times=times, events=events, **sizes), state.flat(y0)
        with stepper.held():
            if backend == "numpy":
                solution = run(stepper, y)
            else:
                from nodekit.torch_backend.gradients import through

                solution = through.solve(stepper, run, own, y, t, way, params, m, step, events)
    if throw and not solution.success:
        raise SolveError(solution)
    return solution
