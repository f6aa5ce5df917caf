"""solve() for noise: with the loop, the outputs and the failures of nodekit.solve (built in lesson 21)."""

import math
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from nodekit import gradients
from nodekit.arguments import at_least_one, fixed_step, held_times, tolerance
from nodekit.arrays import is_torch
from nodekit.solution import Solution, SolveError
from nodekit.stepping import loop
from nodekit.stepping.control import CONTROLLERS
from nodekit.stepping.stepper import over
from nodekit.stochastic import diagonal, methods
from nodekit.stochastic.brownian import BrownianPath
from nodekit.stochastic.stepper import Noisy
from nodekit.travel import detached

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from nodekit.hints import Field, Gradient, State, Times, Tolerance

__all__ = ["solve"]

GOLDEN = 0.382  # where in a solve its diffusion is looked at: the ends may be special


def solve(
    drift: "Field",
    diffusion: "Field",
    y0: "State",
    t: "Times",
    calculus: str,
    brownian: "int | BrownianPath",
    method: str = "milstein",
    noise: str = "diagonal",
    step: float | None = None,
    rtol: "Tolerance" = 1e-3,
    atol: "Tolerance" = 1e-6,
    max_steps: int = 100_000,
    gradient: "Gradient" = "backprop",
    params: "Sequence[torch.Tensor] | None" = None,
    throw: bool = True,
) -> Solution:
    """Solve dy = drift(t, y) dt + diffusion(t, y) dW, y(t[0]) = y0, along one Brownian path.

    Parameters
    ----------
    drift : function (t, y) -> dy/dt, of y's shape
    diffusion : function (t, y) -> array of y's shape with noise="diagonal", else (*y's shape, m)
        Row by row: with y (..., d) and m noises it returns (..., d, m), and each row of y has m noises of its own.
    y0 : NumPy array or torch tensor, any shape
    t : (t0, t1), or output times, increasing; decreasing ones for Stratonovich's integral alone
    calculus : "ito" or "stratonovich"
        Which integral dW means. The same drift and diffusion are two different equations.
    brownian : int >= 0, a seed; or a `BrownianPath`
        A seed stands for BrownianPath(seed, t0, t1, shape, cells): shape is y's, or (..., m), and cells the number of
        steps, 1024 where the step size is free. To solve along one path with different steps, give the path.
    method : "euler_maruyama" (Itô; any noise), "milstein" (both; diagonal or commutative), "heun" (Stratonovich; any)
        Strong order ½ for Euler–Maruyama and for general noise, else 1.
    noise : "diagonal", "commutative" or "general"
        "diagonal": component i of the diffusion has its own dW_i, and depends on y_i alone; each number of y is a
        component, those of all samples. Where one depends on another, Milstein's method solves another equation
        (Stratonovich) or loses its order (Itô), and steps of its own choice may go astray: that raises ValueError, as
        far as four evaluations near y0 show it. Euler–Maruyama and Heun with a step size take such a diffusion, as the
        general noise that it is. "commutative": the columns b_j of the diffusion satisfy ∂b_j b_k = ∂b_k b_j, which is
        not checked; one column always does.
    step : float > 0, optional
        A fixed step size. None: steps are chosen so that one step and two of half its size agree to the tolerance. That
        needs a method of order 1: with order ½ such steps may converge to another solution (Gaines and Lyons, 1997).
    rtol, atol : as for nodekit.solve
    max_steps, gradient, params, throw : as for nodekit.solve. Of the gradients there are "backprop", the default, and
        "checkpoint" ("discrete" is the same here), which both give the exact gradient of the steps that were taken, the
        one quicker and the other with less memory; and "adjoint" (Stratonovich): the stochastic adjoint, along the same
        path backward.

    Returns
    -------
    Solution. Within a step, sol(t) is the state that a shorter step leads to. stats.nfev counts evaluations of the
    drift, stats.ngev those of the diffusion.

    Raises
    ------
    SolveError : nan or infinity, max_steps reached, a step near the resolution of the path
    TypeError, ValueError : bad arguments. The message repeats the value.

    Sources: P. E. Kloeden, E. Platen, 1992; the adjoint: X. Li, T.-K. L. Wong, R. T. Q. Chen, D. Duvenaud, Scalable
    gradients for stochastic differential equations, 2020. Lesson 21 builds it.
    """
    for name, f in (("drift", drift), ("diffusion", diffusion)):
        if not callable(f):
            raise TypeError(f"{name} must be a function (t, y), got {type(f).__name__}.")
    m, way, times = check(calculus, t, method, noise, step, rtol, atol, max_steps, gradient)
    backend = "torch" if is_torch(y0) else "numpy"
    if backend == "numpy" and (params is not None or way.name == "adjoint" or way == gradients.Checkpoint("sqrt")):
        given = f"gradient={gradient!r}" if params is None else "params"
        raise ValueError(
            f"{given} is for torch: autograd differentiates the steps of a NumPy solve as they were taken. "
            "Leave it out."
        )
    if isinstance(y0, tuple | list | dict) and backend == "torch":
        raise TypeError("y0 must be one array or tensor.")

    state = import_module(f"nodekit.{backend}_backend.state")
    start: Any = state.check_state(y0)
    if "complex" in str(start.dtype):
        raise TypeError(f"y0 is {start.dtype}; the state of a stochastic differential equation is real here.")
    rtol, atol = (state.check_tolerance(name, x, start) for name, x in (("rtol", rtol), ("atol", atol)))
    shape = tuple(start.shape)
    path = checked_path(brownian, times, shape, noise, step, diffusion, start)
    if state.size(start) == 0:  # one step of anything gets there
        step = abs(times[-1] - times[0]) or 1.0

    run = partial(
        loop.integrate, times=times, step=step, first_step=None, max_step=math.inf, max_steps=max_steps,
        controller=CONTROLLERS["PI"],
    )  # fmt: skip
    if backend == "torch":
        from nodekit.torch_backend.apart import apart

        drift, diffusion = apart((drift, diffusion), params)
    recipe = backend, drift, diffusion, start, m, rtol, atol, step is not None, noise, calculus == "ito", path
    noisy, y = stepper(*recipe), state.flat(start)
    noisy.recipe = (stepper, detached(recipe))
    if noise == "diagonal" and diagonal.needs(m, step is not None):
        noisy.alone_at = times[0] + GOLDEN * (times[-1] - times[0])
    with noisy.held():
        if backend == "numpy":
            solution = run(noisy, y)
        else:
            from nodekit.stochastic import gradient as back

            solution = back.through(noisy, run, (drift, diffusion), y, t, way, params, step)
    if throw and not solution.success:
        raise SolveError(solution)
    return solution


def check(
    calculus: str, t: "Times", method: str, noise: str, step: float | None, rtol: Any, atol: Any, max_steps: int,
    gradient: "Gradient",
) -> tuple[methods.Method, gradients.Way, list[float]]:  # fmt: skip
    """The method, the way back and the times; what can be said of arguments before y0 is known. Raises as `solve`."""
    m, way = methods.get(method, calculus, noise), gradients.get(gradient)
    times = held_times(t, "a path of Brownian motion has no derivative by time. Detach it")
    if calculus == "ito" and times[-1] < times[0]:
        raise ValueError(
            f"t goes from {times[0]!r} back to {times[-1]!r}: Itô's integral has a direction. Solve Stratonovich's "
            "equation backward, whose drift is f − ½ ∂g g."
        )
    if step is None and m.orders[noise] < 1:
        raise ValueError(
            f"method={method!r} with noise={noise!r} has strong order ½: give it a step size, as in step=0.01. Steps "
            "of its own choice may converge to another solution."
        )
    tolerance("rtol", rtol)
    tolerance("atol", atol)
    at_least_one("max_steps", max_steps)
    if step is not None:
        fixed_step(step, (times[0], times[-1]), max_steps)
    if way.name == "interpolated":
        raise ValueError(
            f'gradient={gradient!r} cannot be had of a solve with noise. Take "discrete", which is exact, or for '
            'Stratonovich\'s integral "adjoint", which goes backward along the path.'
        )
    if way.name == "adjoint" and calculus == "ito":
        raise ValueError(
            f"gradient={gradient!r} cannot be had of 'ito' integrals: the adjoint goes backward along the path, which "
            'Stratonovich\'s integral alone allows. Take "discrete", which is exact.'
        )
    if way.name == "adjoint" and way != gradients.Adjoint():
        raise ValueError(
            f"gradient={gradient!r}: the stochastic adjoint goes back by Heun's method in the steps of the solve, and "
            'has no options. Take gradient="adjoint".'
        )
    return m, way, times


def stepper(
    backend: str, drift: Any, diffusion: Any, y0: Any, method: methods.Method, rtol: Any, atol: Any, fixed: bool,
    noise: str, ito: bool, path: BrownianPath,
) -> Any:  # fmt: skip
    """The stepper of a solve; y0 (..., d) and tolerances as the library's state.py checks them."""
    base = import_module(f"nodekit.{backend}_backend.state").Stepper
    made = over(base, Noisy)(drift, y0, method, rtol, atol, fixed)
    return made.equip(diffusion, noise, ito, path, tuple(y0.shape))


def checked_path(
    brownian: Any, times: list[float], shape: tuple[int, ...], noise: str, step: float | None, diffusion: Any, y0: Any
) -> BrownianPath:
    """The path, made from a seed or checked. Raises TypeError, ValueError for one that does not fit."""
    low, high = min(times[0], times[-1]), max(times[0], times[-1])
    wanted: tuple[Any, ...] = shape if noise == "diagonal" else (*shape[:-1], "m")
    if noise != "diagonal" and not shape:
        raise ValueError(f"noise={noise!r} needs a y0 with an axis, (..., d): it has shape ().")
    if isinstance(brownian, BrownianPath):
        fits = len(brownian.shape) == len(wanted) and all(
            a in (b, "m") for a, b in zip(wanted, brownian.shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"brownian has shape {brownian.shape}; with noise={noise!r} and y0 of shape {shape} "
                f"({', '.join(map(str, wanted))}) was expected."
            )
        if low < brownian.t0 or high > brownian.t1:
            raise ValueError(
                f"brownian is a path on [{brownian.t0!r}, {brownian.t1!r}], and t goes from {times[0]!r} to "
                f"{times[-1]!r}."
            )
        return brownian
    if not isinstance(brownian, int | np.integer) or isinstance(brownian, bool):
        raise TypeError(f"brownian must be a seed, an int, or a BrownianPath, got {type(brownian).__name__}.")
    if noise != "diagonal":
        found = diffusion(y0.new_full((), times[0]) if is_torch(y0) else times[0], y0)
        wanted = (*shape[:-1], getattr(found, "shape", (1,))[-1])
    if high == low:
        high = low + 1.0
    cells = 1024 if step is None else max(1, math.ceil((high - low) / step * (1 - 1e-10)))
    # A cell is a step, so that the ends of steps are ends of cells; the last step may be shorter.
    end = high if step is None else low + cells * step
    return BrownianPath(int(brownian), low, max(end, high), wanted, cells)
