"""Lesson 24: how far a net of one hidden layer is from the linear ODE of its tangent kernel, by its width.

A row: a width, and a seed of the weights. Measured, in percent: the error of the prediction at its largest over the
time of the training and over all inputs together, the 8 of the training and 9 others, as a part of the distance between
outputs and targets at the start; how far the weights move, as a part of their size; the mean squared loss at the end as
a part of that at the start.
"""

import torch
from torch import nn

from nodekit import solve
from nodekit.classroom import runs
from nodekit.models.tangent_kernel import linearised, tangent_kernel

END = 20.0
SETTINGS = [{"width": width, "seed": seed} for width in (16, 64, 256, 1024, 4096) for seed in range(5)]


class Wide(nn.Module):
    """x (n,) -> a · tanh(w x + b) / √width, (n,), all weights drawn from a standard normal distribution."""

    def __init__(self, width, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.w, self.b, self.a = (
            nn.Parameter(torch.randn(width, generator=generator, dtype=torch.float64)) for _ in range(3)
        )

    def forward(self, x):
        return torch.tanh(x[:, None] * self.w + self.b) @ self.a / len(self.a) ** 0.5


def task():
    """The 8 inputs of the training, their targets, and 9 other inputs."""
    x = torch.linspace(-1.5, 1.5, 8, dtype=torch.float64)
    return x, torch.sin(2 * x) + x / 2, torch.linspace(-1.4, 1.4, 9, dtype=torch.float64)


def train(net, x, y, times):
    """The gradient flow of ½ Σ (output − y)², solved. Returns the nets' weights (times, weights)."""
    parameters = list(net.parameters())

    def field(t, flat):
        nn.utils.vector_to_parameters(flat.clone(), parameters)
        with torch.enable_grad():
            gradient = torch.autograd.grad(((net(x) - y) ** 2).sum() / 2, parameters)
        return -torch.cat(gradient)

    start = nn.utils.parameters_to_vector(parameters).detach()
    with torch.no_grad():
        return solve(field, start, times, rtol=1e-6, atol=1e-8).y


def compare(width, seed):
    """The outputs of the net (times, 17), those of the linear ODE, and the weights (times, weights)."""
    net, (x, y, other) = Wide(width, seed), task()
    times, every = torch.linspace(0, END, 41, dtype=torch.float64), torch.cat([x, other])
    kernel = tangent_kernel(net, every, x)
    with torch.no_grad():
        start = net(every)
    predicted = linearised(kernel[:8], start[:8], y, times, kernel, start)
    weights = train(net, x, y, times)
    with torch.no_grad():
        found = []
        for each in weights:
            nn.utils.vector_to_parameters(each, net.parameters())
            found.append(net(every))
    return torch.stack(found), predicted, weights


def measure(width, seed):
    found, predicted, weights = compare(width, seed)
    y = task()[1]
    size = (found[0, :8] - y).norm()
    return {
        "error": 100 * ((found - predicted).norm(dim=1).max() / size).item(),
        "moved": 100 * ((weights[-1] - weights[0]).norm() / weights[0].norm()).item(),
        "loss": 100 * ((found[-1, :8] - y).norm() / size).square().item(),
    }


if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
