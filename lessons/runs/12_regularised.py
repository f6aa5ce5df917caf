"""Lesson 12's long run: what each regulariser does to a flow of the 8 gaussians, from two starts, over five seeds.

python lessons/runs/12_regularised.py
"""

import math

import numpy as np
import torch
from torch import nn

from nodekit.classroom import runs
from nodekit.classroom.densities import DENSITIES
from nodekit.models import CNF
from nodekit.models.regularisers import random_end

torch.set_num_threads(1)

STEPS, ITERATIONS, BATCH = 8, 150, 128
WIDE, SMOOTH = 6.0, 1.0  # times PyTorch's own weights
BOTH = {"kinetic": 0.06, "jacobian": 0.02}
# What is added to the loss, and what else is done.
TERMS = {
    "kinetic": {"kinetic": 0.06},
    "jacobian": {"jacobian": 0.02},
    "both": BOTH,
    "both x 3": {name: 3 * weight for name, weight in BOTH.items()},
    "both x 10": {name: 10 * weight for name, weight in BOTH.items()},
    "taylor2": {"taylor2": 0.005},
}
OTHERS = {
    "random end": {"width": 0.25},
    "weight decay": {"decay": 3.0},
    "spectral": {"spectral": True},
    "no clipping": {"clip": None},
    "adaptive": {"tolerance": 1e-3},
}


class Field(nn.Module):
    """A tanh network (x, t) -> dx/dt of the plane, two hidden layers of 64, its weights `gain` times PyTorch's."""

    def __init__(self, seed, gain, width=64):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in ((3, width), (width, width), (width, 2)))
        for layer in self.layers:
            for p, size in ((layer.weight, gain), (layer.bias, 1.0)):
                nn.init.uniform_(p, -size / layer.in_features**0.5, size / layer.in_features**0.5, generator=generator)

    def forward(self, t, x):
        return self.with_trace(t, x)[0]

    def with_trace(self, t, x):
        """dx/dt (n, 2) and the trace (n,), by the chain rule: as in lesson 10."""
        time = torch.as_tensor(t, dtype=x.dtype).expand(*x.shape[:-1], 1)
        W1, W2, W3 = (layer.weight for layer in self.layers)
        h1 = torch.tanh(nn.functional.linear(torch.cat([x, time], -1), W1, self.layers[0].bias))
        h2 = torch.tanh(nn.functional.linear(h1, W2, self.layers[1].bias))
        inner = W2 * (W1[:, :2] @ W3).T  # of both outer layers, by hidden unit
        trace = (((1 - h1**2) @ inner.T) * (1 - h2**2)).sum(-1)
        return nn.functional.linear(h2, W3, self.layers[2].bias), trace


def samples(n, rng):
    """n samples (n, 2) of the 8 gaussians."""
    return torch.tensor(DENSITIES["8 gaussians"].sample(n, rng), dtype=torch.float32)


def train(seed, gain, weights=None, width=0.0, decay=0.0, spectral=False, clip=1.0, tolerance=None, each=None):
    """A flow, trained with 8 RK4 steps, or with dopri5 at a tolerance.

    weights: {term: its weight}. each(iteration, flow): called before each step.
    """
    weights, field = weights or {}, Field(seed, gain)
    if spectral:
        for layer in field.layers:
            nn.utils.parametrizations.spectral_norm(layer)
    solver = {"rtol": tolerance, "atol": tolerance} if tolerance else {"method": "rk4", "step": 1 / STEPS}
    flow = CNF(field, 2, divergence=Field.with_trace, gradient="backprop", regularizer=tuple(weights), **solver)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(field.parameters(), lr=5e-3, weight_decay=decay)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: 1.0 if 2 * k < ITERATIONS else 0.5 - 0.5 * math.cos(2 * math.pi * k / ITERATIONS)
    )
    for k in range(ITERATIONS):
        if each:
            each(k, flow)
        flow.t = random_end((0.0, 1.0), width, generator)
        with nn.utils.parametrize.cached():
            loss = -flow.log_prob(samples(BATCH, rng), generator).mean()
            loss = loss + sum(weight * flow.regularization[name] for name, weight in weights.items())
            optimizer.zero_grad()
            loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(field.parameters(), clip)
        optimizer.step()
        rate.step()
    flow.t = (0.0, 1.0)
    return flow.eval()


def tested(flow):
    """What a trained flow is worth on 1000 fresh samples; "energy" and "jacobian" are per sample, not per number."""
    x, options = samples(1000, np.random.default_rng(999)), {"divergence": Field.with_trace}
    fixed = CNF(flow.field, 2, method="rk4", step=1 / STEPS, **options)
    tight = CNF(flow.field, 2, rtol=1e-5, atol=1e-5, regularizer=("kinetic", "jacobian"), **options)
    with torch.no_grad():
        reported = -fixed.log_prob(x).mean().item()
        tight.eval()
        nll, nfev = -tight.log_prob(x).mean().item(), tight.nfev
        tight.train()
        tight.log_prob(x, torch.Generator().manual_seed(0))
    energy, jacobian = (2 * tight.regularization[name].item() for name in ("kinetic", "jacobian"))
    return {
        "reported": reported, "nll": nll, "gap": reported - nll, "nfev": nfev, "energy": energy, "jacobian": jacobian,
    }  # fmt: skip


def measure(start, regulariser, seed):
    """One row: a flow from a "wide" or a "smooth" start."""
    options = {"weights": TERMS[regulariser]} if regulariser in TERMS else OTHERS.get(regulariser, {})
    return tested(train(seed, WIDE if start == "wide" else SMOOTH, **options))


SETTINGS = [
    {"start": start, "regulariser": name, "seed": seed}
    for start, names in (("wide", ("none", *TERMS, *OTHERS)), ("smooth", ("none", "both", "both x 3", "spectral")))
    for name in names
    for seed in range(5)
]

if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
