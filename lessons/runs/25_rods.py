"""A layer that learns the steady temperature of a rod, by rounds or by its fixed point: a long run of lesson 25.

    python lessons/runs/25_rods.py [--compare]

trained: by how many rounds the layer was unrolled in training ("8 rounds", "40 rounds"), or "equilibrium", by `DEQ`;
"equilibrium, free" is the same without the bound on the weights. 300 steps of Adam, 256 rods of 16 cells.
as_trained, at_400: error after the rounds of the training (DEQ: at the fixed point) and after 400 rounds, on 200 new
rods; longer: after 400 rounds, on rods of 48 cells. Errors are roots of mean squares, divided by the temperatures'.
radius: the spectral radius of the layer's Jacobian, estimated at the fixed point that DEQ finds, or else at the state
after 400 rounds, the largest of 200 rods.
lost: searches of the training that ended without a fixed point. kept_kb: what autograd keeps of one forward pass,
kilobytes.
"""

import weakref

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nodekit.classroom.runs import make
from nodekit.models.equilibrium import DEQ, fixed_point

TRAINED = ("8 rounds", "40 rounds", "equilibrium", "equilibrium, free")
SETTINGS = [{"trained": trained, "seed": seed} for trained in TRAINED for seed in range(5)]
WARMTH = 6  # the numbers that a cell holds


def steady(x):
    """The steady temperatures of rods with the heat sources x (n, cells), by Newton's iteration: (n, cells)."""
    cells, T = x.shape[1], np.zeros_like(x)
    L = 2.05 * np.eye(cells) - 1.1 * np.eye(cells, k=-1) - 0.9 * np.eye(cells, k=1)
    for _ in range(30):
        residual = T @ L.T + 0.1 * T**3 - x
        T = T - np.linalg.solve(L + 0.3 * T[:, :, None] ** 2 * np.eye(cells), residual[..., None])[..., 0]
    return T


def rods(n, cells, seed):
    """n rods: heat sources in a quarter of the cells, and the temperatures. Two tensors (n, cells)."""
    rng = np.random.default_rng(seed)
    x = 2 * rng.normal(size=(n, cells)) * (rng.random((n, cells)) < 0.25)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(steady(x), dtype=torch.float32)


class Layer(torch.nn.Module):
    """One round: z ← tanh(W * z + V x + b), W a convolution over a cell and its two neighbours. z: (n, 6, cells).

    bounded: the sizes of the weights into a number add up to at most 0.99, so that the round is a contraction.
    """

    def __init__(self, seed, bounded):
        super().__init__()
        torch.manual_seed(seed)
        self.mix = torch.nn.Conv1d(WARMTH, WARMTH, 3, padding=1)
        self.source = torch.nn.Conv1d(1, WARMTH, 1, bias=False)
        self.read = torch.nn.Conv1d(WARMTH, 1, 1, bias=False)
        self.bounded = bounded
        with torch.no_grad():
            self.mix.weight *= 0.8
            self.source.weight *= 0.3

    def forward(self, z, x):
        W = self.mix.weight
        if self.bounded:
            W = W * torch.clamp(0.99 / W.abs().sum((1, 2), keepdim=True), max=1.0)
        return torch.tanh(torch.nn.functional.conv1d(z, W, self.mix.bias, padding=1) + self.source(x[:, None]))

    def start(self, x):
        return x.new_zeros(len(x), WARMTH, x.shape[1])

    def rounds(self, x, k):
        """The state after k rounds from 0: (n, 6, cells)."""
        z = self.start(x)
        for _ in range(k):
            z = self(z, x)
        return z


def error(layer, z, T):
    with torch.no_grad():
        return (layer.read(z)[:, 0] - T).square().mean().sqrt().item() / T.square().mean().sqrt().item()


def kept(forward):
    """Kilobytes that autograd keeps of a forward pass for the way back, the parameters not counted."""
    sizes = {}

    def pack(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()
    return sum(sizes.values()) / 1024, result


class Tally(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive, inside of torch's operations not; most: the most so far."""

    def __init__(self):
        super().__init__()
        self.now, self.most, self.alive = 0, 0, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and id(storage := tensor.untyped_storage()) not in self.alive:
                self.alive.add(id(storage))
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self.gone, id(storage), storage.nbytes())
        return result

    def gone(self, key, size):
        self.alive.discard(key)
        self.now -= size


def peak(step):
    """The most kilobytes that tensors made by step() take at one time."""
    step()  # gradients and buffers that stay
    with Tally() as tally:
        step()
    return tally.most / 1024


def train(trained, seed, steps=300):
    """The layer, trained; the function (x) -> z that it was trained with; and how many searches found nothing."""
    layer = Layer(seed, bounded="free" not in trained)
    deq = DEQ(layer, (WARMTH, 16), tol=1e-3, throw=False)
    forward = deq if "equilibrium" in trained else lambda x: layer.rounds(x, int(trained.split()[0]))
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    (x, T), rng, lost = rods(256, 16, seed + 100), np.random.default_rng(seed), 0
    for _ in range(steps):
        batch = rng.integers(0, 256, 32)
        z = forward(x[batch])
        loss = (layer.read(z)[:, 0] - T[batch]).square().mean() / T.square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        lost += deq.last is not None and not deq.last.success
    return layer, forward, lost


def measure(trained, seed):
    return measured(*train(trained, seed))


def measured(layer, forward, lost):
    """The numbers of one row, of a layer that is trained."""
    x, T = rods(200, 16, 999)
    far, far_T = rods(200, 48, 999)
    memory, z = kept(lambda: forward(x[:32]))
    with torch.no_grad():
        z, late, far_z = forward(x), layer.rounds(x, 400), layer.rounds(far, 400)
    at = z if isinstance(forward, DEQ) else late
    found = fixed_point(lambda z: layer(z, x), at, tol=1e-30, max_evaluations=1, throw=False)  # for its contraction
    return {
        "as_trained": error(layer, z, T),
        "at_400": error(layer, late, T),
        "longer": error(layer, far_z, far_T),
        "radius": found.contraction,
        "lost": lost,
        "kept_kb": round(memory),
    }


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
