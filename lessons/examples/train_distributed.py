"""Train a Neural ODE on one process, on two, or on many machines, with the same lines (lesson 27). Copy what you need.

    python train_distributed.py --steps 100
    torchrun --standalone --nproc-per-node 2 train_distributed.py --steps 100
    torchrun --nnodes 4 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29400 train_distributed.py

The last line is given on each of the four machines. Where a machine has a GPU for each of its processes, they use them
and exchange by nccl; where it has fewer, or with --cpu, they use CPUs and gloo, so let all machines be alike. All
processes together take the steps that one alone would take:

- A batch depends on the seed and the step only, and process r of P takes its samples r, r + P, r + 2P, ...
- A process divides its sum of losses by the size of the whole batch and multiplies it by P, because
  DistributedDataParallel averages over processes. So the gradient is that of the whole batch for unequal shares too.
- A solve that fails gives the loss nan. After the exchange all processes see a gradient that is not finite, so that all
  leave out the same step, and none waits for another.
- Process 0 writes the checkpoint to a new file that then takes the old one's place: it is the old one or the new one,
  and never half of one. A run that was ended goes on from it with the same numbers to the last bit, alone or with two
  processes; with more, or with another number than before, with the same up to rounding (the order of a sum differs).
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

import nodekit
from nodekit.models import NeuralODE

IN_A_ROW = 10  # so many steps may be left out, one after the other
KEPT = ("batch", "lr", "seed", "step_size", "width")  # the settings that a checkpoint must agree with


# The data and the model, down to Loss: put your own here.


def recordings(n=512, seed=0, spread=1.0):
    """A damped pendulum, seen at two times: begin (n, 2), how much later (n, 1), end (n, 2). spread: of log times."""
    rng = np.random.default_rng(seed)
    begin, later = rng.uniform(-2, 2, (n, 2)), np.exp(rng.normal(0, spread, (n, 1)))
    pendulum = lambda t, y: later * np.stack([y[:, 1], -np.sin(y[:, 0]) - 0.2 * y[:, 1]], 1)  # noqa: E731
    end = nodekit.solve(pendulum, begin, (0.0, 1.0), rtol=1e-9, atol=1e-9, max_steps=100_000).y[-1]
    return begin, later, end


class Field(nn.Module):
    """Each recording has its own duration, so the state is (y, duration), and dy/ds = duration · net(y) until s = 1."""

    def __init__(self, width):
        super().__init__()
        middle = [nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()]
        self.net = nn.Sequential(*middle, nn.Linear(width, 2))

    def forward(self, s, state):
        y, later = state[:, :2], state[:, 2:]
        return torch.cat([later * self.net(y), torch.zeros_like(later)], 1)


class Loss(nn.Module):
    """(begin, later, end) -> the sum of the samples' losses; nan where the solve fails, and never an exception."""

    def __init__(self, width, step_size):
        super().__init__()
        method = {"method": "rk4", "step": step_size} if step_size else {"method": "dopri5", "rtol": 1e-4, "atol": 1e-4}
        self.ode = NeuralODE(Field(width), max_steps=2000, **method)

    def forward(self, begin, later, end):
        start = torch.cat([begin, later], 1)
        try:
            found = self.ode(start)[:, :2] if start.isfinite().all() else None
        except nodekit.SolveError:
            found = None
        if found is None:
            return math.nan * sum(p.sum() for p in self.parameters())  # every parameter gets a gradient, which is nan
        return nn.functional.huber_loss(found, end, reduction="none").sum(1).sum()


def batch_of(step, n, size, seed):
    """The samples of a step, whatever the number of processes. No sample comes twice in an epoch.

    Each epoch permutes the n samples anew and leaves out the last n % size. ValueError for a size that is not 1 to n.
    """
    if not 1 <= size <= n:
        raise ValueError(f"a batch of {size} cannot be taken from {n} samples: --batch 1 to {n}.")
    epoch, place = divmod(step * size, n - n % size)
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    return torch.randperm(n, generator=generator)[place : place + size]


def share(batch, rank, ranks):
    """The part of a batch that a process takes. Raises ValueError where some process would have none."""
    if len(batch) < ranks:
        raise ValueError(f"a batch of {len(batch)} cannot be shared by {ranks} processes: --batch {ranks} or more.")
    return batch[rank::ranks]


class Meetings:
    """Counts the seconds that this process spends in exchanges: its own transfers, and waiting for the others."""

    def __init__(self, device):
        self.device, self.seconds, self.ready = device, 0.0, 0.0

    def now(self):
        if self.device.type == "cuda":  # what was asked of a GPU has been done only after this
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def hook(self, group, bucket):
        """What DistributedDataParallel calls where a bucket of gradients is complete; the last one counts."""
        self.ready = self.now()
        return default_hooks.allreduce_hook(group, bucket)

    def backward(self, loss):
        self.ready = math.inf
        loss.backward()
        self.seconds += max(0.0, self.now() - self.ready)

    def gather(self, numbers, ranks):
        """The numbers of all processes: (ranks, len(numbers)). The second exchange of a step."""
        mine = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        all_of_them = [torch.zeros_like(mine) for _ in range(ranks)]
        begin = self.now()
        if ranks > 1:
            dist.all_gather(all_of_them, mine)
        self.seconds += self.now() - begin
        return torch.stack(all_of_them if ranks > 1 else [mine]).tolist()


def save(path, state):
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)  # whole or not at all


def load(path, rank, ranks, settings):
    """The state that process 0 has read, on all processes (their disks may differ); None if there is none.

    Raises ValueError where the checkpoint was made with other settings.
    """
    found = [None]
    if rank == 0 and path.exists():
        found = [torch.load(path, map_location="cpu", weights_only=True)]
    if ranks > 1:
        dist.broadcast_object_list(found, src=0)
    if found[0] is not None:
        for name in KEPT:
            if found[0]["settings"][name] != getattr(settings, name):
                was = found[0]["settings"][name]
                option = name.replace("_", "-")
                raise ValueError(f"{path.name} was made with --{option} {was}: give the same, or delete it.")
    return found[0]


def train(settings, data, rank=0, ranks=1, device=None, write=lambda row: None):
    """Train, and return the Loss module. write(row): called on process 0 after each step."""
    device = device or torch.device("cpu")
    data = [torch.as_tensor(part, dtype=torch.float64, device=device) for part in data]
    torch.manual_seed(settings.seed)
    model = Loss(settings.width, settings.step_size).to(device, torch.float64)
    optimizer = torch.optim.Adam(model.parameters(), settings.lr)
    path = Path(settings.checkpoint) if settings.checkpoint else None
    state, first, left_out, in_a_row = load(path, rank, ranks, settings) if path else None, 0, 0, 0
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first, left_out, in_a_row = state["step"], state["left_out"], state["in_a_row"]

    meetings, loss_of = Meetings(device), model
    if ranks > 1:
        loss_of = DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)
        loss_of.register_comm_hook(None, meetings.hook)
    begin = meetings.now()
    for step in range(first, settings.steps):
        batch = batch_of(step, len(data[0]), settings.batch, settings.seed)
        mine = share(batch, rank, ranks).to(device)
        optimizer.zero_grad()
        loss = loss_of(*(part[mine] for part in data)) / len(batch)
        meetings.backward(loss * ranks)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # of the whole batch, and so equal on all processes
        if torch.isfinite(norm):
            optimizer.step()
            in_a_row = 0
        else:
            left_out, in_a_row = left_out + 1, in_a_row + 1
        now = meetings.now()
        row = [loss.item(), model.ode.nfev, os.getpid(), now - begin, meetings.seconds]  # seconds since the last row
        begin, meetings.seconds = now, 0.0
        losses, nfev, pids, seconds, met = zip(*meetings.gather(row, ranks), strict=True)
        if rank == 0:
            said = {"step": step + 1, "loss": sum(losses), "norm": norm.item(), "left_out": left_out}
            write(said | {"nfev": nfev, "pids": pids, "seconds": seconds, "met": met})
        if in_a_row == IN_A_ROW:
            raise RuntimeError(f"{IN_A_ROW} steps in a row had no finite gradient, the last of them {step + 1}.")
        due = (step + 1) % settings.every == 0 or step + 1 == settings.steps  # what the last steps learned is kept too
        if rank == 0 and path and due and not in_a_row:
            kept = {"step": step + 1, "left_out": left_out, "in_a_row": in_a_row}
            kept |= {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            save(path, kept | {"settings": {name: getattr(settings, name) for name in KEPT}})
    return model


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be 1 or more")
    return number


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=positive, default=100)
    parser.add_argument("--batch", type=positive, default=64, help="samples of a step, of all processes together")
    parser.add_argument("--width", type=positive, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step-size", type=float, default=0.0, help="a fixed step of RK4; 0 lets dopri5 choose")
    parser.add_argument("--data", help="an .npz with begin, later, end; by default a pendulum")
    parser.add_argument("--checkpoint", help="a file: go on from it if it is there, and write it")
    parser.add_argument("--every", type=positive, default=10, help="steps from one checkpoint to the next")
    parser.add_argument("--cpu", action="store_true", help="use no GPU")
    parser.add_argument("--history", help="a file for a line of JSON a step")
    return parser.parse_args(given)


def own_device(cpu=False):
    """A GPU for each process of this machine, or none for all: two of them cannot exchange by nccl on one GPU."""
    if cpu or torch.cuda.device_count() < int(os.environ.get("LOCAL_WORLD_SIZE", 1)):
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def main(given=None):
    settings = arguments(given)
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # torchrun sets them
    device = own_device(settings.cpu)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if ranks > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    data = recordings()
    if settings.data:
        with np.load(settings.data) as file:
            data = [file[name] for name in ("begin", "later", "end")]

    def write(row):
        if settings.history:
            with open(settings.history, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        if row["step"] % 10 == 0:
            print(f"step {row['step']}: loss {row['loss']:.4f}, evaluations {row['nfev']}", flush=True)

    try:
        train(settings, data, rank, ranks, device, write)
    finally:
        if ranks > 1:
            dist.destroy_process_group()


if __name__ == "__main__":
    main()
