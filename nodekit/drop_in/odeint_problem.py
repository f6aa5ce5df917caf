"""One call of odeint, checked, and solved by our loop (used by odeint.py and odeint_adjoint.py)."""

import warnings

import torch

from nodekit import steppers
from nodekit.drop_in.odeint_observed import Inward, Observed, Observer
from nodekit.drop_in.odeint_options import CALLBACKS, Options, floats
from nodekit.drop_in.odeint_scipy import run_scipy
from nodekit.events import event
from nodekit.solution import SolveError, Status
from nodekit.stepping import loop
from nodekit.stepping.stepper import over
from nodekit.torch_backend.layout import Layout
from nodekit.torch_backend.state import all_finite, check_state, flat, rms

MEANING = {
    Status.STEP_TOO_SMALL: "underflow in dt",
    Status.NOT_FINITE: "non-finite values in state `y`",
    Status.MAX_STEPS: "max_num_steps exceeded",
    Status.NO_CONVERGENCE: "the iteration did not converge",
}


class OdeintError(SolveError, AssertionError):
    """A solve that failed, in torchdiffeq's words and ours; what caught torchdiffeq's AssertionError catches it."""

    def __init__(self, solution):
        solution.message = f"{MEANING[solution.status]}: {solution.message}"
        super().__init__(solution)


class Problem:
    """The arguments of one call, checked; `make` and `run` are what `gradient.solve` asks for.

    inward: whether the way back needs f told times inside its steps.
    """

    def __init__(self, func, y0, t, rtol, atol, method, options, event_fn, inward=False):
        if event_fn is not None and len(t) != 2:
            raise ValueError(f"We require len(t) == 2 when in event handling mode, but got len(t)={len(t)}.")
        self.func, self.options = func, Options(method, options)
        self.y0 = checked_state(y0)
        self.layout = Layout(self.y0)
        first = flat(self.y0)
        self.t = checked_times(t, first.device)
        self.times = floats(self.t)
        self.inward = Inward(func) if inward or self.options.inward else None
        self.f = self.inward or func
        self.rtol, self.atol = (tolerance(n, x, self.layout) for n, x in (("rtol", rtol), ("atol", atol)))
        self.norm = norm_of(self.options.norm, self.layout)
        real = first.real if first.is_complex() else first
        self.rtol, self.atol = (x.to(real) if isinstance(x, torch.Tensor) else x for x in (self.rtol, self.atol))
        self.callbacks = {n: c for n in CALLBACKS if (c := getattr(func, n, None)) is not None}
        valid = () if self.options.scipy else CALLBACKS[:1] if self.options.fixed else CALLBACKS
        if set(self.callbacks) - set(valid):
            known = set(self.callbacks) - set(valid)
            warnings.warn(f"Solver '{self.options.name}' does not support callbacks {known}", stacklevel=3)
            self.callbacks = {n: c for n, c in self.callbacks.items() if n in valid}
        self.event = None if event_fn is None else Ended(event_fn, self.times[0], self.y0)
        self.begins_on_event = self.event is not None and self.event.now
        if self.event:
            self.t = torch.stack([self.t[0], self.t[1].detach()])  # t[1] gives the direction alone

    def make(self, y0):
        o = self.options
        kind = steppers.stepper_class("torch", o.method)
        arguments = self.f, y0, o.method, self.rtol, self.atol, o.fixed
        interpolates = o.fixed and (self.event or o.given.get("step_size") or o.given.get("grid_constructor"))
        if self.callbacks or self.inward or interpolates:
            ahead = 1.0 if self.times[-1] > self.times[0] else -1.0
            observer = Observer(o, self.callbacks, self.inward, self.layout.show, ahead)
            observer.solve_begins(self.times[0])  # f is looked at before the stepper starts
            kind, arguments = over(kind, Observed), (observer, *arguments)
        stepper = kind(*arguments)
        if self.norm:
            stepper.norm = self.norm
        return stepper

    @property
    def recorded(self):
        """Whether autograd records the steps. Implicit ones have the gradient of the equations which they solve."""
        return self.options.method.family in ("explicit", "multistep", "geometric", "bdf")

    def run(self, stepper, y, keep="start"):
        """Solve. Returns the Solution, at the times asked for. Raises OdeintError."""
        if self.options.scipy:
            return run_scipy(self, stepper, y)
        t = self.times
        if self.event:
            t = [t[0]] + 2 * [float("inf") if t[1] > t[0] else float("-inf")]
        elif len(t) == 2:  # two times would mean every step
            t = [*t, t[1]]
        given = self.t.detach()
        arguments = self.options.loop(t, lambda _: self.options.grid(self.func, self.y0, given))
        events = self.event and self.event.watched
        solution = loop.integrate(stepper, y, t, events=events, keep=keep, **arguments)
        if not solution.success:
            raise OdeintError(solution)
        n = len(self.times)
        solution.t, solution.y = solution.t[:n], self.layout.show(self.layout.flatten(solution.y)[:n])
        return solution

    def answer(self, y, solution):
        if self.event is None:
            return y
        at = self.t.new_tensor(solution.t[-1].item())
        return linked(self, at, y)

    def nothing_to_do(self):
        n = len(self.times)
        y = self.layout.show(torch.stack(n * [flat(self.y0)]))
        return y if self.event is None else linked(self, self.t[0].detach(), y)


def checked_times(t, device):
    """t (n,) on the device. Raises AssertionError or TypeError."""
    if not isinstance(t, torch.Tensor):
        raise AssertionError(f"t must be a torch.Tensor, got {type(t).__name__}.")
    if not t.is_floating_point():
        raise TypeError(f"`t` must be a floating point Tensor but is a {t.type()}")
    if t.dim() != 1 or not len(t):
        raise AssertionError(f"t must be one dimensional and not empty, got shape {tuple(t.shape)}.")
    gaps = t.detach().diff()
    if not bool((gaps > 0).all() | (gaps < 0).all()) or not bool(t.isfinite().all()):
        raise AssertionError(f"t must be strictly increasing or decreasing, and finite, got {t.detach()}.")
    if t.device != device:
        warnings.warn("t is not on the same device as y0. Coercing to y0.device.", stacklevel=4)
        t = t.to(device)
    return t


def checked_state(y0):
    """y0 in one dtype. Raises AssertionError."""
    if not isinstance(y0, torch.Tensor | tuple | dict):
        raise AssertionError(f"y0 must be either a torch.Tensor or a tuple, got {type(y0).__name__}.")
    parts = [y0] if isinstance(y0, torch.Tensor) else list(y0.values() if isinstance(y0, dict) else y0)
    for part in parts:
        if isinstance(part, torch.Tensor) and part.numel() and not all_finite(part):
            raise AssertionError(f"non-finite values in state `y`: y0 is {y0}.")
    if isinstance(y0, tuple) and all(isinstance(part, torch.Tensor) for part in parts):
        dtype = parts[0].dtype
        for part in parts:
            dtype = torch.promote_types(dtype, part.dtype)
        y0 = tuple(part.to(dtype) for part in parts)
    return check_state(y0)


def tolerance(name, given, layout):
    """A float, or a flat tensor (d,) from a tensor of y0's shape or a tuple of numbers and tensors."""
    if isinstance(given, tuple | list):
        if len(given) != len(layout.shapes):
            raise AssertionError(f"If using tupled {name} it must have the same length as the tuple y0")
        parts = given
    else:
        parts = [given] * (len(layout.shapes) if torch.as_tensor(given).dim() == 0 else 1)
    parts = [torch.as_tensor(part, dtype=torch.float64) for part in parts]
    if any(part.requires_grad for part in parts):
        raise AssertionError(f"{name} cannot require gradient")
    if all(part.dim() == 0 and part == parts[0] for part in parts):
        return float(parts[0])
    flats = []
    for part, shape in zip(parts, layout.shapes, strict=True):
        flats.append(part.reshape(-1) if part.numel() == shape.numel() else part.broadcast_to(shape).reshape(-1))
    return torch.cat(flats)


def norm_of(norm, layout):
    """The norm of a flat error as a 0-d tensor: the given one; else the largest root mean square of a tuple's parts.

    None for a single tensor: the stepper has its root mean square.
    """
    if norm is not None:
        return lambda e: torch.as_tensor(norm(layout.show(e))).abs()
    if layout.names is None:
        return None
    return lambda e: torch.stack([rms(part) for part in e.split(layout.sizes)]).max()


class Ended:
    """What ends a solve: the first element of event_fn(t, y) to become zero.

    signs: those at the start. now: whether one is zero there already. watched: the event as the loop takes it.
    """

    def __init__(self, event_fn, t0, y0):
        def value(t, y):
            return torch.min(event_fn(t, y) * signs)

        @torch.no_grad()
        def watched(t, y):
            # Zero counts as beyond: an event_fn that is zero from some time on ends the solve where that begins.
            return value(t, y).item() or -1e-30

        clock = torch.zeros((), dtype=torch.float64, device=flat(y0).device)
        with torch.no_grad():
            signs = torch.sign(event_fn(clock + t0, y0))
        self.now, self.value, self.clock = bool((signs == 0).any()), value, clock
        self.watched = event(watched, terminal=True)


def linked(p, at, states):
    """(event_t, states) with gradients: the event's value g(t, y) stays 0, so dt = −dg / (∂g/∂t + ∂g/∂y f).

    at: the time, a value. states: the last of them is that of the event, differentiated with the time held.
    Source: R. T. Q. Chen, B. Amos, M. Nickel, ICLR 2021, eq. 9.
    """
    rows, show, time = p.layout.flatten(states), p.layout.show, p.event.clock + at
    g = p.event.value(time, show(rows[-1]))
    if not g.requires_grad or not torch.is_grad_enabled():
        return at, states
    t, y = time.clone().requires_grad_(), rows[-1].detach().requires_grad_()
    g_t, g_y = torch.autograd.grad(p.event.value(t, show(y)), [t, y], allow_unused=True)
    with torch.no_grad():
        f = p.layout.slopes(p.func(time.to(y.real.dtype), show(y.detach())), at.item())
        rate = sum(x for x in (g_t, None if g_y is None else (g_y.conj() * f).real.sum()) if x is not None)
    if not rate:
        warnings.warn("event_fn does not change along the solution here: event_t has no gradient.", stacklevel=3)
        return at, states
    moved = -(g - g.detach()) / rate
    end = rows[-1] + f * moved.to(f.real.dtype)
    return at + moved.to(at.dtype), show(torch.cat([rows[:-1], end[None]]))
