"""Rosenbrock steps on torch tensors (lesson 15): implicit where the problem is stiff, without an iteration.

Its twin, with the same names, is numpy_backend/rosenbrock.py. A step is that of a diagonally implicit Runge–Kutta
method with one Newton iteration a stage, whose error the coefficients take into account. The price: J = ∂f/∂y must be
the true one, so it is made anew for every step. A gradient repeats the step and differentiates it, J included.
"""

import math

import torch

from nodekit.methods.rosenbrock import square
from nodekit.solution import Status, no_convergence
from nodekit.stepping import control
from nodekit.stepping.step import advance
from nodekit.torch_backend.newton import (
    Jacobian,
    backward_rows,
    check_kind,
    inverse,
    refuse_recording,
    time,
    time_difference,
)
from nodekit.torch_backend.state import Stepper, all_finite, flat, rms

INSTEAD = 'gradient="checkpoint"'


class Rosenbrock(Stepper):
    """A stepper (see stepper.py) for a `RosenbrockTableau`. jac: ∂f/∂y as in `Jacobian`.

    ∂f/∂t is by autograd or by differences, `Jacobian.with_time`. A repeated step keeps f, J and ∂f/∂t.
    """

    adaptive, why = True, ""
    norm = staticmethod(rms)

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None):
        super().__init__(f, y0, rtol, atol, fixed)
        y = flat(y0)
        check_kind(method, y)
        self.method, self.error_order = method, method.error_order
        tensor = lambda x: torch.as_tensor(x, dtype=y.dtype, device=y.device)  # noqa: E731
        self.b, self.b_error, self.dense = map(tensor, (method.b, method.b_error, method.dense))
        a, C = tensor(square(method.a)), tensor(square(method.C))
        self.stages = [(i, method.c[i], method.d[i], a[i, :i], C[i, :i]) for i in range(len(a))]
        self.eye = torch.eye(y.numel(), dtype=y.dtype, device=y.device)
        # No iteration corrects the Jacobian here, so that by default it is autograd's.
        self.jacobian, self.nlu = Jacobian(self.field, jac or "autograd", self.atol / rtol), 0

    def start(self, t, y):
        self.matrix = None
        finite = super().start(t, y)
        refuse_recording(self.method, INSTEAD, y, self.k0)
        return finite

    def first_step(self, t, y, t_end):
        norm = lambda v, y: rms(v.abs() / (self.atol + self.rtol * y.abs())).item()  # noqa: E731
        return control.first_step(self.field, t, y, self.k0, t_end, self.error_order, norm, advance)

    def attempt(self, t, y, h):
        self.why = ""
        if self.matrix is None:
            matrix, self.time_slope, self.k0 = self.jacobian.with_time(t, y, self.k0, h)
            if not all_finite(self.k0):
                self.bad = "f", self.k0
                return y, math.nan
            self.matrix = matrix
        inverted = inverse(self.eye / (h * self.method.gamma) - self.matrix)
        self.nlu += 1
        if inverted is None:
            self.why = "the matrix I/(hγ) − ∂f/∂y is singular or not finite"
            return y, math.inf

        u, slopes = self.solve(self.field, t, y, h, self.k0, inverted, self.time_slope)
        refuse_recording(self.method, INSTEAD, *slopes)  # a parameter may enter late
        y1 = y + self.b @ u
        self.step, self.u = (y, y1), u
        if not all_finite(y1):
            bad = next((k for k in slopes if not all_finite(k)), None)
            self.bad = ("the result of a step", y1) if bad is None else ("f", bad)
            return y1, math.nan
        if self.fixed:
            return y1, 0.0
        scale = self.atol + self.rtol * torch.maximum(y.abs(), y1.abs())
        self.error = (self.b_error @ u).abs() / scale
        return y1, self.norm(self.error).item()

    def solve(self, field, t, y, h, k0, inverted, time_slope):
        """u (s, d) and the s slopes of a step: what autograd differentiates, where it is at work."""
        found, u, slopes = [], None, [k0]
        for i, c, d, a, C in self.stages:
            right = time_slope * (h * d)
            if i:
                slopes.append(field(t + c * h, y + a @ u))
                right = torch.addmv(right, u.T, C, alpha=1 / h)
            found.append(inverted @ (slopes[i] + right))
            u = torch.stack(found)
        return u, slopes

    def accept(self):
        self.matrix = self.k0 = None

    def inside(self, theta):
        y, y1 = self.step
        return within(y, y1, self.dense @ self.u, theta)

    def keep(self):
        return self.step[1], self.dense @ self.u

    def restep(self, t, y, h, kept):
        y1, p = kept
        return lambda theta: within(y, y1, p, theta)

    def step_vjp(self, t, y, h, kept, a, inside, params):
        """The vjp of one step: (dL/dy, a gradient or None for every parameter, evaluations).

        a: dL/dy1 (d,). inside: (theta, dL/dy(theta)). The step is repeated while autograd records, with J and ∂f/∂t as
        functions of y and the parameters: f is differentiated twice. h is held.
        Raises ValueError where the steps were taken with differences of f, which autograd cannot follow.
        """
        if self.jacobian.by_autograd is False:
            raise ValueError(
                f"method={self.method.name!r} differentiates f twice for a gradient, and autograd does not give the "
                "∂f/∂y that differences of f do. Write f in torch operations alone, or use radau or kvaerno5."
            )
        f, before = self.back, self.back.nfev
        with torch.enable_grad():
            y, at = y.detach().requires_grad_(), time(f, t).requires_grad_()
            k0 = f.checked(f.slopes(f.f(at, f.show(y)), t), y)
            f.nfev += 1
            J = backward_rows([k0], [y], create_graph=True)[0]
            if self.jacobian.time_by_autograd is False:
                slope = time_difference(f, t, y, k0, h)
            else:
                slope = backward_rows([k0], [at], create_graph=True)[0].reshape(-1)
                if k0.is_complex():  # time is real, and its derivative so far the real part
                    slope = torch.complex(slope, backward_rows([-1j * k0], [at], create_graph=True)[0].reshape(-1))
            u, _ = self.solve(f, t, y, h, k0, torch.linalg.inv(self.eye / (h * self.method.gamma) - J), slope)
            y1, p = y + self.b @ u, self.dense @ u
            states = [y1, *(within(y, y1, p, theta) for theta, _ in inside)]
            found = torch.autograd.grad(states, [y, *params], [a, *(g for _, g in inside)], allow_unused=True)
        return found[0], found[1:], f.nfev - before

    def trouble(self, t, h):
        return (Status.NO_CONVERGENCE, no_convergence(t, h, self.why)) if self.why else super().trouble(t, h)

    def count(self):
        return {"nfev": self.field.nfev, "njev": self.jacobian.njev, "nlu": self.nlu}


def within(y, y1, p, theta):
    """The state at θ within a step from y to y1; p (3, d) as `RosenbrockTableau.dense` says."""
    return (1 - theta) * y + theta * (y1 + (1 - theta) * (p[0] + theta * (p[1] + theta * p[2])))


def stepper(f, y0, method, rtol, atol, fixed, jac=None):
    """The stepper of a `RosenbrockTableau`. jac(t, y), if given, is ∂f/∂y."""
    return Rosenbrock(f, y0, method, rtol, atol, fixed, jac)
