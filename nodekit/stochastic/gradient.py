"""Gradients through a stochastic solve on torch: of its steps, and by the stochastic adjoint (built in lesson 21)."""

import torch

from nodekit.methods import get
from nodekit.torch_backend.depends import on_what
from nodekit.torch_backend.gradients import through as ways


def through(stepper, run, fields, y, t, way, params, step):
    """Run a solve so that gradients flow to y and to what drift and diffusion depend on. Returns the Solution."""
    if params is None and torch.is_grad_enabled():

        def both(t, y):
            return stepper.field(t, y) + stepper.columns(t, y).sum(0)

        params = on_what(fields, both, float(t[0]), y)[0]
    return ways.solve(stepper, run, fields, y, t, way, params, get("euler"), step)
