"""Lesson 24: the sharpness of a small net's loss while full-batch gradient descent trains it.

A row: a learning rate, or the gradient flow itself, and a seed of the weights. All train for the same time, learning
rate × steps = 480. Measured: the sharpness at the start; its mean, its least and its largest value in the last third
of the time; the loss at the end, and the share of steps at which it rose, in percent.
"""

from itertools import pairwise

import torch
from torch import nn

from nodekit import solve
from nodekit.classroom import runs
from nodekit.models.sharpness import sharpness

WIDTH, TIME, LOOKS = 32, 480.0, 60
RATES = (0.04, 0.06, 0.1)
SETTINGS = [{"rate": rate, "seed": seed} for rate in (*RATES, "flow") for seed in range(5)]


def make(seed):
    """A net of two hidden layers of 32 tanh units, and 20 points of a polynomial of degree 4, in float64."""
    generator = torch.Generator().manual_seed(seed)
    sizes = ((1, WIDTH), (WIDTH, WIDTH), (WIDTH, 1))
    layers = [nn.Linear(*size, dtype=torch.float64) for size in sizes]
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64))
            layer.weight /= layer.in_features**0.5
            layer.bias.zero_()
    net = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])
    x = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None]
    return net, x, 8 * x**4 - 8 * x**2 + 1


def descend(seed, rate):
    """Gradient descent for TIME / rate steps. Returns the losses of all steps, and the sharpness at every LOOKS-th."""
    net, x, y = make(seed)
    parameters, losses, sharp = list(net.parameters()), [], []
    steps = round(TIME / rate)
    for k in range(steps + 1):
        loss = nn.functional.mse_loss(net(x), y)
        if k % (steps // LOOKS) == 0:
            sharp.append(sharpness(loss, parameters))
        losses.append(loss.item())
        with torch.no_grad():
            for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                p -= rate * g
    return losses, sharp


def flow(seed):
    """The gradient flow, solved. Returns the losses at LOOKS + 1 times, and the sharpness there."""
    net, x, y = make(seed)
    parameters = list(net.parameters())

    def set_weights(flat):
        nn.utils.vector_to_parameters(flat.clone(), parameters)
        return nn.functional.mse_loss(net(x), y)

    def field(t, flat):
        with torch.enable_grad():
            gradient = torch.autograd.grad(set_weights(flat), parameters)
        return -torch.cat([g.flatten() for g in gradient])

    start = nn.utils.parameters_to_vector(parameters).detach()
    times = torch.linspace(0, TIME, LOOKS + 1, dtype=torch.float64)
    with torch.no_grad():
        weights = solve(field, start, times, rtol=1e-4, atol=1e-6, max_steps=10**6).y
    found = [(set_weights(each), sharpness(set_weights(each), parameters)) for each in weights]
    return [loss.item() for loss, _ in found], [value for _, value in found]


def measure(rate, seed):
    losses, sharp = flow(seed) if rate == "flow" else descend(seed, rate)
    last = sharp[-LOOKS // 3 :]
    rose = sum(b > a for a, b in pairwise(losses)) / (len(losses) - 1)
    return {
        "start": sharp[0], "sharpness": sum(last) / len(last), "least": min(last), "largest": max(last),
        "loss": losses[-1], "rose": 100 * rose,
    }  # fmt: skip


if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
