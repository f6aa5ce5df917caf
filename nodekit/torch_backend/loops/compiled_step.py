"""One step and its vjp as compiled graphs, for explicit methods (used from lesson 08 on): see compiled.py."""

from typing import NamedTuple

import torch

from nodekit.stepping.step import runge_kutta_step
from nodekit.torch_backend.loops.cache import compiled


class Plain(NamedTuple):
    """What a step needs of a tableau, as plain data that the compiler can see through."""

    later_stages: tuple
    b: tuple
    fsal: bool

    @staticmethod
    def of(m):
        return Plain(m.later_stages, m.b, m.fsal)


def build_vjp(f, layout, m, params):
    """The compiled twin of explicit.step_vjp. weights (n, slopes), d (n, d) stand for the outputs within the step."""
    rk = Plain(m.later_stages[:-1] if m.fsal else m.later_stages, m.b, False)
    whole, dense = Plain.of(m), tuple((row.c, row.a) for row in m.dense_rows)

    def vjp(t, h, y, a, weights, d, *ends):
        h_y = h.to(y.real.dtype)

        def field(t, y):
            t = t.clamp(*ends) if ends else t
            return layout.slopes(f(t.to(h_y.dtype), layout.show(y)), "t")

        with torch.enable_grad():
            y = y.detach().requires_grad_()
            y1, k = runge_kutta_step(field, t, y, h, whole if len(d) else rk, None, by(h_y))
            total = torch.sum(y1 * a)
            if len(d):
                for c, row in dense:
                    k.append(field(t + c * h, weighted(y, h_y, row, k)))
                total = total + torch.sum((y + h_y * (weights @ torch.stack(k))) * d)
            found = torch.autograd.grad(total, [y, *params], allow_unused=True)
        return [x if x is None else x.detach() for x in found]

    return vjp


def step_vjp(stepper, t, y, h, a, inside, params):
    """As explicit.step_vjp, compiled. The outputs within the step are filled up to a power of two by nothing."""
    m, f, layout = stepper.method, stepper.field_back, stepper.layout
    outputs = len(inside[0]) if inside else 0
    n = 1 << (outputs - 1).bit_length() if outputs else 0
    weights, d = y.new_zeros((n, len(m.dense_weights))), y.new_zeros((n, y.numel()))
    if outputs:
        weights[:outputs], d[:outputs] = stepper.constant(m.weights_at(inside[0])), inside[1]
    sided = stepper.field_back.sided
    at = y.shape, y.dtype, y.device, layout.key, stepper.context.default
    key = ("vjp", m, n, sided is not None, *at, tuple(map(id, params)))
    vjp = compiled(f.own, key, lambda field: build_vjp(field, layout, m, params), vjp=True)
    ends = sided.around(t) if sided else ()
    t, h, *ends = (torch.full((), x, dtype=torch.float64, device=y.device) for x in (t, h, *ends))
    dy, *parts = vjp(t, h, y, a, weights, d, *ends)
    evaluations = m.stages + len(m.dense_rows) if n else m.stages - m.fsal
    return dy, parts, evaluations


def weighted(y, h, weights, k):
    """`step.advance` as the compiler likes it: one expression, which it fuses."""
    total = sum(w * k_j for w, k_j in zip(weights, k, strict=False) if w)
    return h * total if y is None else y + h * total


def by(h):
    """`weighted` as `runge_kutta_step` takes it, for a step h in the state's precision."""
    return lambda y, _, weights, k: weighted(y, h, weights, k)
