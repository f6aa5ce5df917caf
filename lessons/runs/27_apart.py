"""Lesson 27: how far the gradient that two processes join is from that of one process with the whole batch.

A row is a seed of data, weights and batch. The net is trained for 24 steps by one process, as the script does it; then
the gradient for a batch of 64 is taken from the whole of it and from two shares of 32. Columns: the norm of the
difference in parts of the whole gradient's norm, by dopri5 with the tolerance in the name. With fixed steps, and with
own steps for each sample, it must be rounding, which is another number on each machine: so it is checked, not written.
"""

import torch
from examples import train_distributed as script

import nodekit
from nodekit.classroom.runs import make

SETTINGS = [{"spread": 1.0, "seed": seed} for seed in range(5)]
WAYS = {f"tol_1e-{k}": {"rtol": 10.0**-k, "atol": 10.0**-k} for k in (2, 4, 6)}
EXACT = [{"method": "rk4", "step": 0.25}, {"rtol": 1e-2, "atol": 1e-2, "batch": "independent"}]


def gradient(field, batch, ranks, how):
    """Of the mean loss over the batch, joined from the shares of several processes."""
    total = 0.0
    for rank in range(ranks):
        begin, later, end = (script.share(part, rank, ranks) for part in batch)
        found = nodekit.solve(field, torch.cat([begin, later], 1), (0.0, 1.0), **how).y[-1][:, :2]
        missed = torch.nn.functional.huber_loss(found, end, reduction="sum") / len(batch[0])
        total = total + torch.cat([g.ravel() for g in torch.autograd.grad(missed, list(field.parameters()))])
    return total


def measure(spread, seed):
    data = script.recordings(seed=seed, spread=spread)
    model = script.train(script.arguments(["--steps", "24", "--seed", str(seed)]), data)
    batch = [torch.tensor(part)[script.batch_of(30, len(data[0]), 64, seed)] for part in data]

    def apart(how):
        whole, joined = (gradient(model.ode.field, batch, ranks, how) for ranks in (1, 2))
        return ((joined - whole).norm() / whole.norm()).item()

    assert max(map(apart, EXACT)) < 1e-13
    return {name: apart(how) for name, how in WAYS.items()}


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
