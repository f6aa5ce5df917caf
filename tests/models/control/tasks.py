"""A field and tasks of control that the tests share: unsymmetric, of odd dimension, changing in time."""

import torch

from nodekit.models.control import rollout

F64 = torch.float64


M = torch.tensor([[0.3, -1.1, 0.2], [0.7, 0.1, -0.4], [-0.2, 0.9, -0.6]], dtype=F64)


N = torch.tensor([[0.5, -0.3], [0.2, 1.1], [-0.7, 0.4]], dtype=F64)


def field(t, y, u):
    """Three components, two controls, unsymmetric, and changing in time."""
    t = torch.as_tensor(t, dtype=F64)[..., None]
    return torch.sin(y @ M.T) + (1 + t) * (u @ N.T) * torch.cos(y)


def batch(b=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=F64)  # noqa: E731
    return draw(b, 3), draw(b, 2), 0.1 + 0.4 * torch.rand(b, generator=g, dtype=F64), draw(b).abs()


def quadratic_task(b=3):
    y, _, _, _ = batch(b, seed=5)
    t = torch.tensor([0.0, 0.2, 0.5, 0.6, 1.0], dtype=F64)[:, None].expand(-1, b)
    weight = torch.tensor([1.0, 0.2, 3.0], dtype=F64)
    running = lambda y, u: (weight * y**2).sum(-1) + 0.3 * (u**2).sum(-1)  # noqa: E731
    final = lambda y: 2 * (y**2).sum(-1)  # noqa: E731
    return y, t, running, final


def cost_of(step, running, final, y, t, u):
    states = rollout(step, y, t, u)
    return final(states[-1]) + sum((t[k + 1] - t[k]) * running(states[k + 1], u[k]) for k in range(len(u)))
