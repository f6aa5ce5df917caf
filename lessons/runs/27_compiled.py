"""Lesson 27: what compile=True costs and saves on one CPU thread, for the field of the training script.

A row is a seed (of weights and data). `later` is the CPU time of a solve and its backward pass with compile=True, in
parts of that without, both the median of ten calls after the first; `first` is the CPU time of the first call, which
compiles, in such plain calls. Nothing is kept on the disk from one row to the next; but the first row alone pays for
loading the compiler, as the first compiled solve of any process does.
"""

import os
import statistics
import time

import torch
from examples import train_distributed as script

import nodekit
from nodekit.classroom.runs import make

SETTINGS = [{"width": 64, "seed": seed} for seed in range(5)]


def seconds(field, start, compile):
    """CPU seconds of one solve and its backward pass, 20 to 30 evaluations."""
    begin = time.process_time()
    end = nodekit.solve(field, start, (0.0, 1.0), rtol=1e-4, atol=1e-4, compile=compile).y[-1]
    end[:, :2].square().sum().backward()
    return time.process_time() - begin


def measure(width, seed):
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    torch._dynamo.reset()
    torch.manual_seed(seed)
    field = script.Field(width).double()
    start = torch.cat([torch.tensor(part) for part in script.recordings(64, seed)[:2]], 1)
    seconds(field, start, False)
    first = seconds(field, start, True)
    both = {way: statistics.median(seconds(field, start, way) for _ in range(10)) for way in (False, True)}
    return {"first": first / both[False], "later": both[True] / both[False]}


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
