"""ODERNN: a recurrent network whose state moves between observations, and jumps at them (built in lesson 19)."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nodekit import gradients, methods
from nodekit.arguments import at_least_one
from nodekit.models.series.observations import Series, a_series
from nodekit.solve import solve
from nodekit.torch_backend.depends import told

if TYPE_CHECKING:
    from nodekit.hints import Gradient, Method

__all__ = ["ODERNN"]

T = torch.Tensor


class ODERNN(nn.Module):
    """Series and times -> values at these times. Between observations dh/dt = field(t, h); at one, h = GRU(x, h).

    The samples of a batch have their own gaps. Each gap is made one unit of a common s, in which
    dh/ds = gap · field(t + s gap, h), so that all samples go through their k-th gaps in one solve.

    Parameters
    ----------
    field : nn.Module, field(t, h) -> dh/dt, h (samples, hidden); t is (samples, 1)
    dim, hidden : int, the numbers of an observation and of the state
    width : int, of the hidden layer of the net that turns a state into values
    method, rtol, atol, gradient : as in `nodekit.solve`; the step size is one for the batch
    step : float or None, the longest fixed step in units of t: as many equal steps through each gap as the longest gap
        of the batch needs. None lets the tolerances choose, which not every method can

    The state begins as 0 at the first observation. Times before it are answered from that 0, so give later ones.

    Raises TypeError for a field that is no module, ValueError for a series of another dim and for times that do not
    fit, SolveError where a solve fails.
    Source: Y. Rubanova, R. T. Q. Chen, D. Duvenaud, Latent ODEs for irregularly-sampled time series, 2019, algorithm 1.
    """

    def __init__(
        self, field: nn.Module, dim: int, hidden: int = 25, width: int = 20,
        method: "str | Method" = "dopri5", step: float | None = None, rtol: float = 1e-3, atol: float = 1e-3,
        gradient: "Gradient" = "backprop",
    ) -> None:  # fmt: skip
        super().__init__()
        if not isinstance(field, nn.Module):
            raise TypeError(f"field must be an nn.Module with forward(t, h), got {type(field).__name__}.")
        for name, value in (("dim", dim), ("hidden", hidden), ("width", width)):
            at_least_one(name, value)
        if step is None and not methods.get(method).adaptive:
            raise ValueError(f"method={method!r} has no error estimate: give step=, the longest step in units of t.")
        if step is not None and not 0 < step < math.inf:
            raise ValueError(f"step={step!r} must be a time greater than 0, or None.")
        gradients.get(gradient)
        self.field, self.dim, self.hidden, self.step = field, dim, hidden, step
        self.cell = nn.GRUCell(2 * dim, hidden)
        self.net = nn.Sequential(nn.Linear(hidden, width), nn.Tanh(), nn.Linear(width, dim))
        self.options: dict[str, Any] = {"method": method, "rtol": rtol, "atol": atol, "gradient": gradient}
        self.nfev = 0

    def forward(self, series: Series, t: T) -> T:
        """t (samples, m), or (m,) for all -> (samples, m, dim): from the observations at or before each time."""
        t, self.nfev = a_series(series).asked(t, self.dim), 0
        states = self.states(series)
        behind = ~series.real
        count = torch.searchsorted(series.t.masked_fill(behind, torch.inf).contiguous(), t.contiguous(), right=True)
        place = (count - 1).clamp(min=0)
        last = series.t.gather(1, place)
        begin = states.gather(1, place[..., None].expand(-1, -1, self.hidden))
        begin = torch.where((count > 0)[..., None], begin, 0.0)
        return self.net(self._across(begin, last, (t - last).clamp(min=0)))

    def states(self, series: Series) -> T:
        """The state just after each observation: (samples, n, hidden)."""
        inputs = torch.cat([series.x, series.mask.to(series.x.dtype)], -1)
        h, states = series.x.new_zeros(len(series), self.hidden), []
        for k in range(series.t.shape[1]):
            if k:
                h = self._across(h, series.t[:, k - 1], series.t[:, k] - series.t[:, k - 1])
            h = torch.where((k < series.length)[:, None], self.cell(inputs[:, k], h), h)
            states.append(h)
        return torch.stack(states, 1)

    def _across(self, h: T, start: T, gap: T) -> T:
        """h (..., hidden) after dh/dt = field(t, h) from start (...) for a time gap (...), each its own."""
        start, gap = start[..., None], gap[..., None]
        step = None
        if self.step is not None:
            step = 1.0 / max(1, math.ceil(gap.detach().max().item() / self.step - 1e-6))  # a gap in rounded times
        solution = solve(
            lambda s, h: gap * self.field(start + s * gap, h), h, (0.0, 0.5, 1.0), step=step,
            params=told(self.field),
            **self.options,
        )  # fmt: skip
        self.nfev += solution.stats.nfev
        return solution.y[-1]
