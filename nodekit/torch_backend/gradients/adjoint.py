"""The continuous adjoint on torch tensors, solved in one backward sweep (derived in lesson 06, measured in 07).

Its reference is `adjoint` in numpy_backend/gradient.py.
"""

import math

import torch

from nodekit import methods
from nodekit.gradients import on_the_way_back, warn_if_lost
from nodekit.solution import SolveError
from nodekit.stepping import control, loop
from nodekit.stepping.breaks import pieces
from nodekit.stepping.control import CONTROLLERS
from nodekit.torch_backend.explicit import ExplicitRungeKutta, step_vjp


class Augmented:
    """The field of the way back over s = ±t: z = (y, a, dL/dp), or (a, dL/dp) where `path` gives y at a time t.

    d: numbers in y. Counts its evaluations; each comes with one vjp.
    """

    def __init__(self, field, params, d, sign, path):
        self.field, self.params, self.d, self.sign, self.path = field, params, d, sign, path
        self.known, self.nfev = 0 if path else d, 0

    def state(self, s, z):
        return self.path(self.sign * s) if self.path else z[: self.d]

    def __call__(self, s, z):
        self.nfev += 1
        y = self.state(s, z).detach().requires_grad_()
        with torch.enable_grad():
            k = self.field(self.sign * s, y)
        if k.requires_grad:
            inputs = [y, *self.params]
            found = torch.autograd.grad(k, inputs, z[self.known : self.known + self.d], allow_unused=True)
            vjps = self.join(found, inputs)
        else:  # f is constant
            vjps = torch.zeros_like(z[self.known :])
        return self.sign * torch.cat([k.detach()[: self.known], -vjps])

    @staticmethod
    def join(found, inputs):
        """Gradients by several inputs as one flat tensor; None counts as zero."""
        return torch.cat(
            [(torch.zeros_like(x) if g is None else g).reshape(-1) for g, x in zip(found, inputs, strict=True)]
        )


class AdjointSteps(ExplicitRungeKutta):
    """Steps of the way back, from later to earlier times. a jumps by dL/dy at the time of each output.

    A step need not end there: the problem is linear in a, so that what the outputs within a step add to its end is
    computed apart, by one `step_vjp` over the same interval, however many they are.

    jump_times (m,), jumps (m, d): of the outputs, in s. parts: the lengths of y, a and dL/dp that the norm looks at.
    """

    def __init__(self, augmented, z, method, rtol, atol, fixed, jump_times, jumps, parts):
        super().__init__(None, z, method, rtol, atol, fixed)
        self.field, self.jump_times, self.jumps, self.parts = augmented, jump_times, jumps, parts
        self.shorter, self.jumped = None, False  # of the attempt last made: what to take in its place, if it jumped

    def norm(self, error):
        """The largest root mean square of y, a and, without seminorm, dL/dparams: none hides behind the others."""
        parts = error[: sum(self.parts)].split(self.parts)
        return torch.stack([torch.linalg.vector_norm(p) / math.sqrt(p.numel()) for p in parts]).max()

    def attempt(self, s, z, h):
        passed = (self.jump_times < s) & (self.jump_times >= s + h)
        self.shorter = self.up_to_a_large_jump(s, z, h, passed)
        if self.shorter:
            self.led_to(s, z, h, z)
            return z, 2.0  # refused without an evaluation
        z1, ratio = super().attempt(s, z, h)
        self.jumped = ratio <= 1 and bool(passed.any())
        if self.jumped:
            z1 = z1 + self.carry(s, h, z1, self.jump_times[passed], self.jumps[passed.to(z.device)])
            self.led_to(s, z, h, z1)
            self.size1 = z1.abs()
        return z1, ratio

    def up_to_a_large_jump(self, s, z, h, passed):
        """Part of h that just passes the first jump larger than a itself, or None.

        What a jump within a step adds has the relative error of the step: little, but only beside an a of its size.
        """
        if self.fixed:
            return None
        size = torch.linalg.vector_norm(z[self.field.known : self.field.known + self.field.d])
        large = passed.to(z.device) & (torch.linalg.vector_norm(self.jumps, dim=1) > size)
        if not bool(large.any()):
            return None
        part = float((self.jump_times[large.to(passed.device)].max() - s) / h) * (1 + 1e-9)
        return part if part < 0.999 else None

    def factor(self, ratio, accepted):
        return None if accepted else self.shorter

    def reject(self):
        if not self.shorter:
            super().reject()

    def carry(self, s, h, z1, times, jumps):
        """What the jumps within the step from s to s + h add to (y, a, dL/dp) at its end."""
        g, zero = self.field, torch.zeros_like(jumps[0])
        inside = ((times - s - h) / -h).clamp(max=1.0).numpy(), jumps
        start, t = g.state(s + h, z1), g.sign * (s + h)
        size, _ = control.end_on(t, -g.sign * h, g.sign * s)  # t - (-h) may round past s, and so past a breakpoint
        a, found, evaluations = step_vjp(g.field, self.method, t, start, size, zero, inside, g.params)
        g.nfev += evaluations
        return torch.cat([torch.zeros_like(z1[: g.known]), g.join([a, *found], [a, *g.params])])

    def accept(self):
        super().accept()
        if self.jumped:
            self.forget_slope()


def adjoint(way_back, marks, d, params, path=None):
    """a' = −(∂f/∂y)ᵀ a and (dL/dp)' = −(∂f/∂p)ᵀ a, solved backward in one sweep, with y solved backward too.

    path: a function of t that gives y, flat, instead of solving for it. Between breakpoints there is a sweep for each
    piece, the last first. Derived in lesson 06.
    """
    way, forward, n = way_back.way, way_back.path, d.shape[1]
    method = methods.get(way.method or (way_back.method if way_back.method.family == "explicit" else "dopri5"))
    sign = 1.0 if forward.times[-1] >= forward.times[0] else -1.0  # s = sign·t is swept from its largest value down
    s, told = torch.tensor([sign * t for t in marks], dtype=torch.float64), d.ne(0).any(1).cpu()
    sizes = [p.numel() for p in params]
    known = [] if path else [forward.state(len(forward.sizes))]
    z = torch.cat([*known, torch.zeros(n + sum(sizes), dtype=d.dtype, device=d.device)])
    place = slice(0 if path else n, n if path else 2 * n)  # of a in z
    augmented = Augmented(way_back.stepper.field_back, params, n, sign, path)
    parts = [n] * (1 if path else 2) + ([sum(sizes)] if sizes and not way.seminorm else [])
    # A tolerance for every number of y counts, on the way back, as its smallest.
    rtol, atol = way.rtol or way_back.stepper.tightest, way.atol or float(torch.as_tensor(way_back.stepper.atol).min())
    fixed = not method.adaptive
    h = None
    for t0, t1, first, last in reversed(pieces(way_back.stepper.breaks, forward.times[0], forward.times[-1])):
        s0, s1 = sign * first, sign * last
        z[place] += d[s == sign * t1].sum(0)
        inner = (s > sign * t0) & (s < sign * t1) & told
        steps = AdjointSteps(augmented, z, method, rtol, atol, fixed, s[inner], d[inner], parts)
        solution = loop.integrate(
            steps, z, [s1, (s0 + s1) / 2, s0],
            step=way_back.step if fixed else None, first_step=h, max_step=math.inf, max_steps=100_000,
            controller=CONTROLLERS["predictive"], keep="start",
        )  # fmt: skip
        if not solution.success:
            raise SolveError(on_the_way_back(solution, way.name))
        z, taken = solution.y[-1], solution.steps
        h = abs(taken.h[taken.accepted]).max(initial=0.0) or None  # the last step may be a short one
    if not path:
        warn_if_lost(missed(z[:n], forward.state(0), known[0]), rtol, way.name)
    a, *parts = z[place.start :].split([n, *sizes])
    dparams = [part.reshape(p.shape) for part, p in zip(parts, params, strict=True)]
    return a + d[s == sign * forward.times[0]].sum(0), dparams, augmented.nfev


def missed(arrived, y0, y1):
    """(off, size): how far a state that was solved backward is from y0, and the size of y0 and y1."""
    return (arrived - y0).abs().max().item(), max(y0.abs().max().item(), y1.abs().max().item())


def interpolated(way_back, marks, d, params):
    """The adjoint along the dense output of the forward solve: no y is solved backward, so none can go astray."""
    layout = way_back.stepper.layout
    return adjoint(way_back, marks, d, params, path=lambda t: layout.flatten(way_back.path(t)))
