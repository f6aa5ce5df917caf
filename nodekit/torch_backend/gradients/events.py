"""Gradients of the times and states of events (used from lesson 16 on).

An event at t* is where g(t*, y(t*)) = 0. When y(t*) would move by δy, or g by δg, the time moves by
δt = −(∂g/∂y·δy + δg)/ġ with ġ = ∂g/∂t + ∂g/∂y·f, and the state at the event by f δt besides. Source: R. T. Q. Chen,
B. Amos, M. Nickel, "Learning neural event functions for ordinary differential equations", 2021, section 3.
"""

import warnings

import torch

from nodekit.solution import Status


def differentiate(solution, stepper, events, slope):
    """Make solution.t_events and y_events depend on y0 and parameters; a terminal one's state ends sol.y too.

    slope(stepper, t, y) -> f(t, y), flat, as a value.
    """
    events = [events] if callable(events) else list(events)
    layout, ended = stepper.layout, None
    for i, g in enumerate(events):
        times, states = solution.t_events[i], layout.flatten(solution.y_events[i])
        if not len(times) or not states.requires_grad:
            continue
        moved = []
        for t, y, component in zip(times.tolist(), states, solution._which[i], strict=True):
            moved.append(move(g, component, t, y, layout, slope(stepper, t, y), f"events[{i}]"))
        solution.t_events[i] = torch.stack([t for t, _ in moved])
        solution.y_events[i] = layout.show(torch.stack([y for _, y in moved]))
        if getattr(g, "terminal", False) and times[-1].item() == solution.t[-1].item():
            ended = moved[-1][1]
    if solution.status is Status.TERMINATED and ended is not None:
        solution.y = layout.show(torch.cat([layout.flatten(solution.y)[:-1], ended[None]]))


def component_of(value, i):
    """The i-th number of what an event returned."""
    if isinstance(value, torch.Tensor):
        return value.reshape(-1)[i]
    return value[i] if isinstance(value, list | tuple) else value


def move(g, component, t, y, layout, k, name):
    """(t, y) of one zero of a component of g, as functions of what y and g depend on. k = f(t, y)."""

    def one(t, y):
        return component_of(g(t, y), component)

    at = torch.tensor(t, dtype=torch.float64, device=y.device)
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # g may take t as a number: that is seen below
        time, state = at.clone().requires_grad_(), y.detach().requires_grad_()
        value = one(time, layout.show(state))
        if not isinstance(value, torch.Tensor) or value.dtype is torch.bool or not value.requires_grad:
            why = f"{name} returns a {type(value).__name__}"
            if isinstance(value, torch.Tensor):
                why = f"{name} returns a truth value" if value.dtype is torch.bool else f"{name} leaves autograd"
            return Untold.apply(f"{why}, so that the time of its zero has no gradient. Return a tensor g(t, y)", at, y)
        dt, dy = torch.autograd.grad(value, [time, state], allow_unused=True)
        rate = 0.0 if dy is None else torch.sum((dy.conj() * k).real).item()
        if dt is None:  # g takes t as a number: a central difference
            step, state = 1e-5 * (1 + abs(t)), layout.show(y.detach())
            dt = (float(one(at + step, state)) - float(one(at - step, state))) / (2 * step)
        rate += float(dt)
        if rate == 0:
            return Untold.apply(f"{name} touches zero at t = {t!r} without a change of sign", at, y)
        value = one(at, layout.show(y))
        at = at - ((value - value.detach()) / rate).to(torch.float64)
        return at, y + k * (at - at.detach()).to(k.dtype)


class Untold(torch.autograd.Function):
    """(t, y) of an event whose gradient cannot be had: a backward pass through them is refused in words."""

    @staticmethod
    def forward(ctx, why, t, y):
        ctx.why = why
        return t.clone(), y.clone()

    @staticmethod
    def backward(ctx, dt, dy):
        if dt.any() or dy.any():  # not for a loss that looks elsewhere
            raise RuntimeError(f"{ctx.why}.")
        return None, dt, dy
