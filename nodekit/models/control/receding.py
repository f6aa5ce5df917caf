"""RecedingHorizon: plan, do a little of the plan, look, and plan the rest again (built in lesson 28)."""

from collections.abc import Callable

import torch

from nodekit.models.control.shooting import Step, plan

__all__ = ["RecedingHorizon"]


class RecedingHorizon:
    """Model predictive control by shooting: decide(k, y) is the control for the decision k, from the state now.

    Parameters
    ----------
    step, running, final, limit : the model and the costs, as for `plan`
    t : (n + 1, b), the times of all decisions of b samples, and the end
    horizon : int >= 1, how many decisions the first plan looks ahead
    every : int >= 1, after so many decisions the rest of the plan is improved, from the state that was then seen
    shortest : int >= 1, the fewest decisions that a plan may have. The plan of a task with an end shrinks as it is
        carried out; one that is used up is continued by `shortest` new decisions, which start from no control.
    iterations, rates : pairs, of the first plan and of each later one

    Decisions are to be asked in order, k = 0, 1, ...; `start` makes the first plan. Raises ValueError for counts that
    are not an int >= 1, for times that are not (n + 1, b), for a decision out of order or beyond the times, for
    `decide` before `start`, and where `plan` does.

    Source: J. Richalet, A. Rault, J. L. Testud, J. Papon, Model predictive heuristic control, 1978.
    """

    def __init__(
        self,
        step: Step,
        running: Callable[..., torch.Tensor],
        final: Callable[..., torch.Tensor],
        limit: float,
        t: torch.Tensor,
        horizon: int,
        every: int = 3,
        shortest: int = 1,
        iterations: tuple[int, int] = (100, 10),
        rates: tuple[float, float] = (0.1, 0.03),
    ) -> None:
        for name, value in (("horizon", horizon), ("every", every), ("shortest", shortest)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r} must be an int of at least 1.")
        if t.ndim != 2 or len(t) < 2:
            raise ValueError(f"t must be (n + 1, b) with n >= 1, got {tuple(t.shape)}.")
        self.step, self.running, self.final, self.limit = step, running, final, limit
        self.t, self.horizon, self.every, self.shortest = t, min(horizon, len(t) - 1), every, shortest
        self.iterations, self.rates = iterations, rates
        self.u: torch.Tensor | None = None  # what is left of the plan
        self.k = 0  # the decision that comes next
        self.done = 0  # decisions since the last plan

    def start(self, y: torch.Tensor, guesses: torch.Tensor) -> torch.Tensor:
        """The first plan, from the best of r guesses (horizon, r, b, m), for states y (b, d). Returns its cost (b)."""
        r = guesses.shape[1]
        t = self.t[: self.horizon + 1, None].expand(-1, r, -1)
        u, cost = plan(
            self.step,
            self.running,
            self.final,
            y.expand(r, *y.shape),
            t,
            guesses,
            self.limit,
            self.iterations[0],
            self.rates[0],
        )
        least, index = cost.min(0)
        self.u = u[:, index, torch.arange(len(index))]
        self.k = self.done = 0
        return least

    def decide(self, k: int, y: torch.Tensor) -> torch.Tensor:
        """The control (b, m) for decision k, when the state y (b, d) is seen."""
        if self.u is None:
            raise ValueError("there is no plan yet: call start(y, guesses) first.")
        if k != self.k or k >= len(self.t) - 1:
            raise ValueError(f"decision k={k}: {self.k} is next, of {len(self.t) - 1}.")
        if self.done == self.every or len(self.u) == 0:
            self._again(y)
        u, self.u = self.u[0], self.u[1:]
        self.k, self.done = k + 1, self.done + 1
        return u

    def _again(self, y: torch.Tensor) -> None:
        assert self.u is not None
        missing = min(self.shortest, len(self.t) - 1 - self.k) - len(self.u)
        u = torch.cat([self.u, self.u.new_zeros(max(missing, 0), *self.u.shape[1:])])
        t = self.t[self.k : self.k + len(u) + 1]
        self.u, _ = plan(self.step, self.running, self.final, y, t, u, self.limit, self.iterations[1], self.rates[1])
        self.done = 0
