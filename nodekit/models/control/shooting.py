"""Controls held between decisions, carried through a field, and improved by their gradient (built in lesson 28).

A control u is decided at moments and held in between: u (..., m) acts for the duration h (...). A step is a function
(t, y, u, h) -> y, the state after it; `Held` makes one of a field, and a network that predicts the next state is one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from nodekit.solve import solve

__all__ = ["Held", "Step", "plan", "rollout"]

Step = Callable[[Any, Any, Any, Any], Any]


class Held:
    """A step of a field dy/dt = f(t, y, u) whose control is held: step(t, y, u, h) is y after the duration h.

    Parameters
    ----------
    f : function or nn.Module, (t, y (..., d), u (..., m)) -> (..., d), arrays or tensors; t is (...) or a float
    method : str, a method of `nodekit.solve` with fixed steps
    steps : int >= 1, the number of solver steps to an interval, whatever its duration

    Every sample of a batch has an own t and h: all are solved at once, in the time s from 0 to 1 of dy/ds = h f. On
    tensors the gradient goes back through the steps that were taken, to y, u, t, h and the parameters of f.

    Raises ValueError for steps below 1.
    """

    def __init__(self, f: Any, method: str = "rk4", steps: int = 1) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps={steps!r} must be an int >= 1: the solver's steps to an interval.")
        self.f, self.method, self.steps = f, method, steps

    def __call__(self, t: Any, y: Any, u: Any, h: Any) -> Any:
        long = h[..., None] if isinstance(h, torch.Tensor | np.ndarray) else h
        options: dict[str, Any] = {"gradient": "backprop", "params": ()} if isinstance(y, torch.Tensor) else {}
        step = 1 / self.steps
        return solve(
            lambda s, z: long * self.f(t + s * h, z, u), y, (0.0, 1.0), method=self.method, step=step, **options
        ).y[-1]


def rollout(step: Step, y: Any, t: Any, u: Any) -> list[Any]:
    """The states at the decision times: a list of n + 1 states (..., d), the first of them y.

    step: see `Held`. y: (..., d). t: (n + 1, ...), the times of the n decisions and the end. u: (n, ..., m).
    Raises ValueError unless t has one entry more than u.
    """
    if len(t) != len(u) + 1:
        raise ValueError(f"{len(u)} controls need {len(u) + 1} times, each decision's and the end; got {len(t)}.")
    states = [y]
    for k in range(len(u)):
        states.append(step(t[k], states[-1], u[k], t[k + 1] - t[k]))
    return states


def plan(
    step: Step,
    running: Callable[..., torch.Tensor],
    final: Callable[..., torch.Tensor],
    y: torch.Tensor,
    t: torch.Tensor,
    guess: torch.Tensor,
    limit: float,
    iterations: int = 100,
    rate: float = 0.1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Direct shooting: the controls are what is varied, down the gradient of the cost of the path that they lead to.

    The cost of a path is Σ h · running(y, u), with the state at the end of each interval, plus final(y) at its end.
    Within the limit by u = limit · tanh(v), and Adam varies v, its rate falling to a fifth.

    Parameters
    ----------
    step, y (..., d), t (n + 1, ...) : as for `rollout`
    running, final : functions (y (..., d), u (..., m)) -> (...) and y (..., d) -> (...), costs for each sample
    guess : (n, ..., m), controls to start from; beyond 0.99 of the limit they are moved back to it
    limit : float > 0, the largest size of a control
    iterations, rate : int >= 1 and float > 0, of Adam

    Returns (u (n, ..., m), cost (...)): for each sample the best controls that were met; its cost is inf where none of
    those had a cost that is a number. A minimum that gradients find is a near one: try several guesses.

    Raises ValueError for a limit, iterations or a rate that is not positive and finite, for a guess or a state that is
    not finite, for t that does not fit the guess or does not increase, and for costs without one entry per sample.

    Source: direct single shooting; J. T. Betts, Survey of numerical methods for trajectory optimization, 1998.
    """
    for name, value in (("limit", limit), ("iterations", iterations), ("rate", rate)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{name}={value!r} must be positive and finite.")
    if len(guess) == 0:
        raise ValueError("the guess has no controls: nothing is left to be planned.")
    for name, tensor in (("the guess", guess), ("y", y)):
        if not torch.all(torch.isfinite(tensor)):
            raise ValueError(f"{name} has entries that are not finite numbers.")
    if not torch.all(t[1:] > t[:-1]):
        raise ValueError("t must increase: the times of the decisions, and the end.")
    v = torch.atanh((guess.detach() / limit).clamp(-0.99, 0.99)).requires_grad_()
    optimizer = torch.optim.Adam([v], rate)

    def per_sample(cost: torch.Tensor) -> torch.Tensor:
        if cost.shape != least.shape:  # one number for all would mix the samples, and be kept for each of them
            raise ValueError(f"a cost has shape {tuple(cost.shape)}, but the samples {tuple(least.shape)}: one each.")
        return cost

    best = limit * torch.tanh(v.detach())
    least = torch.full(y.shape[:-1], float("inf"), dtype=y.dtype, device=y.device)
    for i in range(iterations + 1):
        with torch.enable_grad():  # whoever drives a machine does it under no_grad
            u = limit * torch.tanh(v)
            states = rollout(step, y, t, u)
            cost = per_sample(final(states[-1]))
            for k in range(len(u)):
                cost = cost + (t[k + 1] - t[k]) * per_sample(running(states[k + 1], u[k]))
            slope = torch.autograd.grad(cost.sum(), v)[0] if i < iterations else None
        better = cost.detach() < least
        least = torch.where(better, cost.detach(), least)
        best = torch.where(better[..., None], u.detach(), best)
        if slope is not None:
            optimizer.param_groups[0]["lr"] = rate * (1 - 0.8 * i / iterations)
            v.grad = torch.nan_to_num(slope, 0.0, 0.0, 0.0)  # a sample that is lost must not take the others along
            optimizer.step()
    return best, least
