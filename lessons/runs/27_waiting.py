"""Lesson 27: how many evaluations a step waits for when a batch of 64 is shared by more and more processes.

A row is a seed and a spread of the durations: of their logarithms, so that with a spread of 1 two thirds of them lie
within a factor e of the middle. The net is trained for 24 steps by one process, as the script does it; then six
batches are solved, whole and in shares, by dopri5 with one step size for each share. `whole` is the number of
evaluations for the whole batch, `slowest_P` that of the slowest of P processes, both in the mean over the batches;
`busy_P` is the share of the time of P processors in which they work, if an evaluation takes the same time for all.
"""

import numpy as np
import torch
from examples import train_distributed as script

from nodekit.classroom.runs import make

SETTINGS = [{"spread": spread, "seed": seed} for spread in (0.25, 1.0) for seed in range(5)]
RANKS = (2, 8, 32)


def trained(spread, seed, steps=24):
    """(the Loss module, the data) after some steps on one process."""
    settings = script.arguments(["--steps", str(steps), "--seed", str(seed)])
    data = script.recordings(seed=seed, spread=spread)
    return script.train(settings, data), data


def evaluations(model, data, ranks, seed, steps=range(24, 30), batch=64):
    """The evaluations of each process in each step: (steps, ranks)."""
    data, found = [torch.tensor(part) for part in data], []
    with torch.no_grad():
        for step in steps:
            whole, row = script.batch_of(step, len(data[0]), batch, seed), []
            for rank in range(ranks):
                mine = script.share(whole, rank, ranks)
                model(*(part[mine] for part in data))
                row.append(model.ode.nfev)
            found.append(row)
    return np.array(found)


def measured(model, data, seed, ranks=RANKS):
    row = {"whole": float(evaluations(model, data, 1, seed).mean())}
    for P in ranks:
        work = evaluations(model, data, P, seed)
        row[f"slowest_{P}"] = float(work.max(1).mean())
        row[f"busy_{P}"] = float(work.sum() / (P * work.max(1).sum()))
    return row


def measure(spread, seed):
    return measured(*trained(spread, seed), seed)


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
