"""The gradient through an independent batch: checkpointed, one attempt of all samples at a time (see batch.py)."""

import torch

from nodekit import gradients
from nodekit.stepping.step import runge_kutta_step
from nodekit.torch_backend import apart
from nodekit.torch_backend.depends import on_what
from nodekit.torch_backend.explicit import ends_only
from nodekit.torch_backend.loops.batch import Independent, weighted


def solve(own, f, y0, times, way, params, **arguments):
    """Run an independent solve so that gradients flow to y0 and to what f depends on. Returns the Solution.

    own: the user's f, to be looked into.
    """
    one = Independent(f, y0, times.detach(), **arguments)
    with one.context.held():
        return _solve(own, one, times, way, params)


def _solve(f, one, times, way, params):
    y = one.y0
    if torch.is_grad_enabled():
        pairs = apart.in_force(f)
        if params is None:
            params, k0 = on_what(f, one.field, one.start, y)
            one.begin_with(k0)
        else:
            params = apart.inner(params, pairs)
        params = [p for p in params if p.requires_grad]
        if params or y.requires_grad or times.requires_grad:
            if not isinstance(way, gradients.Discrete) and way != gradients.Checkpoint():
                raise ValueError(f'batch="independent" takes gradient="checkpoint", not {way!r}.')
            one.context.note_random()
            moved = (times - times.detach()).to(y)[..., None]  # a later start moves a solution back by f
            if times.requires_grad:
                y = y - slope(one, one.start, y) * moved[0]
            out = Through.apply(one, params, y, *apart.outer(params, pairs))
            one.context.refuse_random(way.name)
            if times.requires_grad:  # and a later output time moves the output along f
                marks = one.pieces.arriving() if one.pieces else one.times
                out = out + torch.stack([slope(one, *at) for at in zip(marks, out, strict=True)]) * moved
            return one.solution(out)
    with torch.no_grad():
        return one.solution(one.run(y))


def slope(one, t, y):
    """f (n, d) at times t (n,), as a value, and not in the count of the solve. nan where a sample failed."""
    before = one.field.nfev
    with torch.no_grad():
        k = one.field(t, y)
    one.field.nfev = before
    return k


class Through(torch.autograd.Function):
    """The outputs (m, n, d) of an independent solve as a function of y (n, d) and the parameters: checkpointed."""

    @staticmethod
    def forward(ctx, solve, params, y, *outer):
        """params: the tensors to differentiate by; outer: those that get the gradients."""
        ctx.solve, ctx.params = solve, params
        ctx.save_for_backward(*outer)  # autograd then refuses those that were changed in place meanwhile
        return solve.run(y.detach(), keep=True)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, d):
        solve, _ = ctx.solve, ctx.saved_tensors
        with solve.context.held():
            return None, None, *way_back(solve, d, ctx.params)


def way_back(solve, d, params):
    """dL/dy0 (n, d) and the gradients by params, from d, dL/d outputs (m, n, d)."""
    a, total, before = torch.zeros_like(d[0]), [None] * len(params), solve.field.nfev
    for taken in reversed(solve.taken):
        if len(taken.samples):
            a[taken.samples], parts = step_vjp(solve, taken, a[taken.samples], d, params)
            total = [p if x is None else x if p is None else x + p for x, p in zip(total, parts, strict=True)]
    solve.stats.went_back(solve.field.nfev - before)
    nothing = (solve.times[0] == solve.times[-1])[:, None]  # to do: these outputs are y0 itself
    return a + d[0] + torch.where(nothing, d[1:].sum(0), 0.0), *total


def step_vjp(solve, taken, a, d, params):
    """(dL/dy (m, d), gradients by params) of the steps taken together; a: dL/dy1 (m, d); d: dL/d outputs."""
    h = taken.h.to(solve.field.dtype)[:, None]
    dense = any(bool((theta < 1).any()) for _, _, theta in taken.outputs)
    with torch.enable_grad():
        y = taken.y.detach().requires_grad_()
        rk = solve.m if dense else ends_only(solve.m)
        y1, k = runge_kutta_step(solve.field, taken.t, y, taken.h, rk, None, lambda y, _, w, k: weighted(y, h, w, k))
        states, found = [y1], [a]
        if dense:
            solve.dense_slopes(taken.t, y, taken.h, h, k)
        for which, rows, theta in taken.outputs:
            inside = theta < 1
            end, d_rows = ~inside, d[which, taken.samples[rows]]
            states.append(y1[rows[end]])
            found.append(d_rows[end])
            if bool(inside.any()):
                some = rows[inside]
                states.append(solve.between(y[some], h[some], [k_j[some] for k_j in k], theta[inside]))
                found.append(d_rows[inside])
        dy, *parts = torch.autograd.grad(states, [y, *params], found, allow_unused=True)
    return dy, parts
