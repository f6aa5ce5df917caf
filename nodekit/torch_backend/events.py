"""Gradients of the times and states of events (used from lesson 16 on).

An event at t* is where g(t*, y(t*)) = 0. When y(t*) would move by δy, or g by δg, the time moves by
δt = −(∂g/∂y·δy + δg)/ġ with ġ = ∂g/∂t + ∂g/∂y·f, and the state at the event by f δt besides. Source: R. T. Q. Chen,
B. Amos, M. Nickel, "Learning neural event functions for ordinary differential equations", 2021, section 3.
"""

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
        moved = [move(g, t, y, layout, slope(stepper, t, y)) for t, y in zip(times.tolist(), states, strict=True)]
        solution.t_events[i] = torch.stack([t for t, _ in moved])
        solution.y_events[i] = layout.show(torch.stack([y for _, y in moved]))
        if getattr(g, "terminal", False):
            ended = moved[-1][1]
    if solution.status is Status.TERMINATED and ended is not None:
        solution.y = layout.show(torch.cat([layout.flatten(solution.y)[:-1], ended[None]]))


def move(g, t, y, layout, k):
    """(t, y) of one event, as functions of what y and g depend on. k = f(t, y)."""
    with torch.enable_grad():
        time = torch.tensor(t, dtype=torch.float64, device=y.device, requires_grad=True)
        state = y.detach().requires_grad_()
        value = g(time, layout.show(state))
        dt, dy = torch.autograd.grad(value.sum(), [time, state], allow_unused=True)
        rate = 0.0 if dy is None else torch.sum(dy * k).item()
        if dt is None:  # g takes t as a number: a central difference
            step, state = 1e-5 * (1 + abs(t)), layout.show(y.detach())
            dt = (float(g(t + step, state)) - float(g(t - step, state))) / (2 * step)
        value = g(t, layout.show(y)).sum()
        t = torch.tensor(t, dtype=torch.float64, device=y.device)
        t = t - ((value - value.detach()) / (rate + float(dt))).to(torch.float64)
        return t, y + k * (t - t.detach()).to(k.dtype)
