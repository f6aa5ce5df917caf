"""The sweeps of odeint_adjoint: steps of the way back, explicit or implicit, with the options of torchdiffeq.

`Sweep` is the sweep of adjoint.py whose steps may be forced by min_step or be those of a grid. `ImplicitSweep` takes
the steps of an implicit method of fixed step: of y by Newton's method, of a by a linear solve at y's stages, for the
adjoint equation is linear in a, and of dL/dp by quadrature. No lesson builds it.
"""

import math

import torch

from nodekit import steppers
from nodekit.torch_backend.explicit import ExplicitRungeKutta
from nodekit.torch_backend.gradients.adjoint import AdjointSteps
from nodekit.torch_backend.newton import backward_rows


class Sweep(AdjointSteps):
    """`AdjointSteps`, whose steps may be forced by min_step or be those of a grid, which ends on outputs.

    known (m, d): the states of the forward solve at the outputs, to which y is set where a step of a grid meets them.
    """

    def __init__(self, augmented, z, options, adjoint, jump_times, jumps, sizes, min_step, known):
        rest = z.numel() - 2 * augmented.d
        parts = [*sizes, *sizes] + ([rest] if rest and adjoint.norm != "seminorm" else [])
        method, fixed = options.method, options.fixed
        super().__init__(augmented, z, method, adjoint.rtol, adjoint.atol, fixed, jump_times, jumps, parts)
        self.min_step, self.known = min_step, known
        self.left = torch.ones_like(jump_times, dtype=torch.bool)  # jumps still to come
        self.met = None  # jumps within the step attempted last, or at its end

    def attempt(self, s, z, h):
        times, forced = self.jump_times, abs(h) <= self.min_step * (1 + 1e-9)
        at_end = self.left & ((times - (s + h)).abs() <= 1e-12 * abs(h) + 4 * math.ulp(s + h))
        passed = self.left & (times > s + h) & ~at_end
        self.met = at_end | passed
        self.shorter = None if self.fixed or forced else self.up_to_a_large_jump(s, z, h, passed)
        if self.shorter:
            self.led_to(s, z, h, z)
            return z, 2.0  # refused without an evaluation
        z1, ratio = self.attempt_alone(s, z, h)
        self.jumped = (ratio <= 1 or (forced and ratio < math.inf)) and bool(self.met.any())
        if self.jumped:
            if passed.any():
                z1 = z1 + self.carry(s, h, z1, times[passed], self.jumps[passed.to(z.device)])
            if at_end.any():
                here, n = at_end.to(z.device), self.field.d
                y1 = z1[:n] if self.known is None else self.known[here][0]
                z1 = torch.cat([y1, z1[n : 2 * n] + self.jumps[here].sum(0), z1[2 * n :]])
            self.led_to(s, z, h, z1)
            self.size1 = z1.abs()
        return z1, ratio

    def attempt_alone(self, s, z, h):
        """As if there were no jumps."""
        return ExplicitRungeKutta.attempt(self, s, z, h)

    def accept(self):
        super().accept()
        self.left = self.left & ~self.met


class ImplicitSweep(Sweep):
    """A `Sweep` whose method is implicit, of fixed step."""

    def __init__(self, augmented, z, options, *arguments):
        super().__init__(augmented, z, options, *arguments)
        g, method = augmented, options.method

        def stepper(sign):
            """Of y over sign·t."""

            def f(t, y):
                return sign * g.field((sign * t).item(), y)

            return steppers.stepper("torch", f, z[: g.d], method, self.rtol, self.atol, True)

        self.stepper_back, self.stepper_forth = stepper(g.sign), stepper(1.0)

    def start(self, s, z):
        """No slope is kept from step to step: every one begins with a Jacobian of its own."""
        self.forget_slope()
        return True

    def stages(self, stepper, t, y, h):
        """(y1, k) of one step of y from t, or (None, None) where Newton's iteration failed. Counts its evaluations."""
        before = stepper.field.nfev
        stepper.enter(t, y, stepper.field(t, y))
        y1, ratio = stepper.attempt(t, y, h)
        self.field.nfev += stepper.field.nfev - before
        return (y1, stepper.keep()) if ratio <= 1 else (None, None)

    def attempt_alone(self, s, z, h):
        """z = (y, a, dL/dp) one step on. κ_i, the slopes of a, solve κ_i = −σ J_iᵀ (a + h Σ_j a_ij κ_j), σ = ds/dt."""
        g, n, rk = self.field, self.field.d, self.stepper_back.method
        y, a, rest = z.split([n, n, z.numel() - 2 * n])
        y1, k = self.stages(self.stepper_back, s, y, h)
        self.led_to(s, z, h, z)
        if y1 is None:
            return z, math.nan
        A, b = self.stepper_back.constant(self.stepper_back.a), self.stepper_back.weights
        with torch.enable_grad():
            Y = [Y_i.detach().requires_grad_() for Y_i in torch.addmm(y, A, k, alpha=h)]
            slopes = [g.field(g.sign * (s + c * h), Y_i) for c, Y_i in zip(rk.c, Y, strict=True)]
        g.nfev += len(Y)
        J = torch.stack(backward_rows(slopes, Y)).conj()
        system = g.sign * h * torch.einsum("ij,ikl->iljk", A, J).reshape(len(Y) * n, len(Y) * n)
        system.diagonal().add_(1.0)
        kappa = torch.linalg.solve(system, -g.sign * (a @ J).reshape(-1)).reshape(len(Y), n)
        used = [i for i, k_i in enumerate(slopes) if k_i.requires_grad]
        if g.params and used:
            at_stages = a + h * (A @ kappa)
            weights = [-g.sign * h * b[i] * at_stages[i] for i in used]
            found = torch.autograd.grad([slopes[i] for i in used], g.params, weights, allow_unused=True)
            rest = rest + g.join(found, g.params)
        z1 = torch.cat([y1, a + h * (b @ kappa), rest])
        self.led_to(s, z, h, z1)
        return z1, 0.0

    def carry(self, s, h, z1, times, jumps):
        """As that of `AdjointSteps`: by the vjp of the same step, taken forward."""
        g, zero = self.field, torch.zeros_like(jumps[0])
        inside = ((times - s - h) / -h).clamp(max=1.0).numpy(), jumps
        t, y, step = g.sign * (s + h), z1[: g.d], -g.sign * h
        _, k = self.stages(self.stepper_forth, t, y, step)
        if k is None:
            return torch.full_like(z1, math.nan)
        a, found, evaluations = self.stepper_forth.step_vjp(t, y, step, k, zero, inside, g.params)
        g.nfev += evaluations
        return torch.cat([torch.zeros_like(y), g.join([a, *found], [a, *g.params])])

    def accept(self):
        self.left = self.left & ~self.met

    def reject(self):
        """Nothing is kept of a step that failed."""

    def trouble(self, t, h):
        return self.stepper_back.trouble(t, h)
