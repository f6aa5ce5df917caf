"""Gradients through a stochastic solve on torch: of its steps, and by the stochastic adjoint (built in lesson 21)."""

import torch

from nodekit.gradients import Backprop, warn_if_lost
from nodekit.methods import get
from nodekit.torch_backend import apart
from nodekit.torch_backend.depends import on_what
from nodekit.torch_backend.gradients import through as ways


def through(stepper, run, fields, y, t, way, params, step):
    """Run a solve so that gradients flow to y and to what drift and diffusion depend on. Returns the Solution."""
    if params is None and torch.is_grad_enabled() and not isinstance(way, Backprop):

        def both(t, y):
            return stepper.again(t, y) + stepper.columns(t, y).sum(0)

        apart.in_force(fields)
        params = on_what(fields, both, float(t[0]), y)[0]
        stepper.ngev -= 1  # a look, and no step
    stepper.adjoint = adjoint
    return ways.solve(stepper, run, fields, y, t, way, params, get("euler"), step)


def adjoint(way_back, marks, d, params):
    """dL/dy0, dL/dparams and the evaluations of the drift: one sweep backward of y, a = dL/dy and the parameters' sums.

    With s(t, y) = h f(t, y) + Σ_j ΔW_j b_j(t, y), Stratonovich's equations of the three are dy = s, da = −(∂s/∂y)ᵀ a,
    dp = −(∂s/∂p)ᵀ a, along the same path. Each step is one of Heun's, between the times at which the solve's steps end
    and those of the marks (m,), where d (m, n) is added to a.

    Source: X. Li et al., Scalable gradients for stochastic differential equations, 2020, theorem 3.1.
    """
    stepper, path = way_back.stepper, way_back.path
    y0, y = path.state(0), path.state(len(path.sizes))
    sign = 1.0 if path.times[-1] >= path.times[0] else -1.0
    times = sorted({*path.times, *marks}, key=lambda t: sign * t)
    total, a, n, nfev = [torch.zeros_like(p) for p in params], torch.zeros_like(y), len(marks), stepper.field_back.nfev

    def change(t, h, w, y, a):
        with torch.enable_grad():
            at = y.detach().requires_grad_()
            s = h * stepper.field_back(t, at) + (stepper.columns(t, at) * w).sum(0)
            found = torch.autograd.grad(s, [at, *params], a, allow_unused=True)
        return s.detach(), *(
            torch.zeros_like(x) if g is None else -g for x, g in zip([at, *params], found, strict=True)
        )

    for i in reversed(range(len(times))):
        while n and marks[n - 1] == times[i]:
            n -= 1
            a = a + d[n]
        if i:
            t, h = times[i], times[i - 1] - times[i]
            w = stepper.increments(t, h)
            dy, da, *dp = change(t, h, w, y, a)
            dy1, da1, *dp1 = change(t + h, h, w, y + dy, a + da)
            y, a = y + (dy + dy1) / 2, a + (da + da1) / 2
            total = [x + (p + p1) / 2 for x, p, p1 in zip(total, dp, dp1, strict=True)]
    missed = float((y - y0).norm()), float(y0.norm())
    instead = 'gradient="checkpoint", or shorter steps'
    warn_if_lost(missed, stepper.tightest, "adjoint", instead)
    return a, total, stepper.field_back.nfev - nfev
