"""The breakpoints of a batch whose samples take their own steps (see stepping/breaks.py; no lesson builds it)."""

import torch

from nodekit.stepping.breaks import before, pieces, sides


class Pieces:
    """Piece i of every sample goes from begins[i] to stops[i], which stands for the time goals[i]: (pieces, n) each.

    points: the breakpoints. times (m, n): those of the samples. A sample with fewer pieces has its last one again.
    """

    def __init__(self, points, times):
        ends = list(zip(times[0].tolist(), times[-1].tolist(), strict=True))
        self.breaks = {both: sides(points, *both) for both in set(ends)}
        self.ends, self.times = ends, times
        of = {both: pieces(breaks, *both) or [(*both, *both)] for both, breaks in self.breaks.items()}
        most = max(map(len, of.values()))
        rows = [[of[both][min(i, len(of[both]) - 1)] for both in ends] for i in range(most)]
        table = torch.tensor(rows, dtype=torch.float64, device=times.device)
        self.goals, self.begins, self.stops = table[..., 1], table[..., 2], table[..., 3]

    def arriving(self):
        """The times (m, n) at which f is what the solution arrives at them with; those of the starts begin it."""
        rows = [
            [before(self.breaks[both], t) for t, both in zip(row, self.ends, strict=True)]
            for row in self.times.tolist()
        ]
        return torch.tensor(rows, dtype=torch.float64, device=self.times.device)
