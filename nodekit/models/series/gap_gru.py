"""GapGRU: a GRU that is told the gaps between observations; a filter, or a smoother of both sides (lesson 19)."""

import torch
from torch import nn

from nodekit.arguments import at_least_one
from nodekit.models.series.observations import Series, a_series

__all__ = ["GapGRU"]

T = torch.Tensor


class GapGRU(nn.Module):
    """Series and times -> values at these times, by a GRU: the plain baseline for a Latent ODE.

    The GRU reads each observation with its mask and its gap to the one before. At a time t the net sees the state after
    the last observation at or before t, with t minus its time, and if both_sides, the state of a second GRU that has
    read backward as far as the first observation at or after t, with its time minus t. Nothing on a side: zeros.

    Parameters: dim, the numbers of an observation; hidden, of each GRU; width, of the net's hidden layer; both_sides.

    Raises ValueError for a series of another dim, and times that do not fit or are not finite.
    Source: the recurrent baseline of Rubanova, Chen, Duvenaud, 2019 ("RNN Δt"); K. Cho et al., 2014 (the GRU).
    """

    def __init__(self, dim: int, hidden: int = 25, width: int = 20, both_sides: bool = False) -> None:
        super().__init__()
        for name, value in (("dim", dim), ("hidden", hidden), ("width", width)):
            at_least_one(name, value)
        self.dim, self.hidden, self.both_sides = dim, hidden, both_sides
        sides = 2 if both_sides else 1
        self.reads = nn.ModuleList(nn.GRU(2 * dim + 1, hidden, batch_first=True) for _ in range(sides))
        self.net = nn.Sequential(nn.Linear(sides * (hidden + 1), width), nn.Tanh(), nn.Linear(width, dim))

    def forward(self, series: Series, t: T) -> T:
        """t (samples, m), or (m,) for all -> (samples, m, dim)."""
        t = a_series(series).asked(t, self.dim)
        seen = torch.cat(
            [side(read, series, t, back) for read, back in zip(self.reads, (False, True), strict=False)], -1
        )
        return self.net(seen)


def side(read: nn.Module, series: Series, t: T, back: bool) -> T:
    """The state and the gap at each time t (samples, m), read from one side: (samples, m, hidden + 1)."""
    times, x, mask = series.t, series.x, series.mask.to(series.x.dtype)
    number = torch.arange(times.shape[1], device=t.device)
    if back:  # each sample turned round: its last observation first, time running backward
        order = (series.length[:, None] - 1 - number).clamp(min=0)
        times, t = -times.gather(1, order), -t
        x, mask = (part.gather(1, order[..., None].expand_as(part)) for part in (x, mask))
    gap = times.diff(dim=1, prepend=times[:, :1])
    states = read(torch.cat([x, mask, gap[..., None]], -1))[0]
    states = torch.cat([torch.zeros_like(states[:, :1]), states], 1)
    behind = number >= series.length[:, None]
    count = torch.searchsorted(times.masked_fill(behind, torch.inf).contiguous(), t.contiguous(), right=True)
    state = states.gather(1, count[..., None].expand(-1, -1, states.shape[2]))
    last = torch.where(count > 0, times.gather(1, (count - 1).clamp(min=0)), t)
    return torch.cat([state, (t - last)[..., None]], -1)
