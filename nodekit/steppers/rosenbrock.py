"""Rosenbrock steps (lesson 15): implicit where the problem is stiff, without an iteration.

A step is that of a diagonally implicit Runge–Kutta method with one Newton iteration a stage, whose error the
coefficients take into account. The price: J = ∂f/∂y must be the true one, so it is made anew for every step. On torch
a gradient repeats the step and differentiates it, J included.
"""

import math

import numpy as np

from nodekit.methods.rosenbrock import square
from nodekit.steppers.newton import Newton

BASE = "equations"


class Rosenbrock(Newton):
    """A stepper (see stepping/stepper.py) for a `RosenbrockTableau`.

    ∂f/∂t is by autograd or by differences, `Jacobian.with_time`. A repeated step keeps f, J and ∂f/∂t.
    """

    one_step = True
    matrix = time_slope = None  # ∂f/∂y and ∂f/∂t at the start of a step, where they are known
    u = None  # (s, d), the increments of the step attempted last

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
        # No iteration corrects the Jacobian here, so that by default it is autograd's.
        super().__init__(f, y0, method, rtol, atol, fixed, jac or "autograd", samples)
        self.error_order = method.error_order
        arrays = map(np.array, (method.b, method.b_error, method.dense, square(method.a), square(method.C)))
        self.b, self.b_error, self.dense, a, C = map(self.constant, arrays)
        self.stages = [(i, method.c[i], method.d[i], a[i, :i], C[i, :i]) for i in range(len(a))]

    def start(self, t, y):
        self.matrix = None
        finite = super().start(t, y)
        self.only_values(y, self.k0)
        return finite

    def attempt(self, t, y, h):
        self.led_to(t, y, h, y)
        self.why = ""
        if self.matrix is None:
            matrix, self.time_slope, self.k0 = self.jacobian.with_time(t, y, self.k0, h)
            if not self.finite(self.k0):
                self.blame("f", self.k0)
                return y, math.nan
            self.matrix = matrix
        inverted = self.inverse(self.eye / (h * self.method.gamma) - self.matrix)
        self.nlu += 1
        if inverted is None:
            self.why = "the matrix I/(hγ) − ∂f/∂y is singular or not finite"
            return y, math.inf
        u, slopes = self.solve(self.field, t, y, h, self.k0, inverted, self.time_slope)
        self.only_values(*slopes)  # a parameter may enter late
        y1 = y + self.b @ u
        self.u = u
        self.led_to(t, y, h, y1)
        if not self.finite(y1):
            self.blame_slopes(slopes)
            return y1, math.nan
        return y1, 0.0 if self.fixed else self.ratio((self.b_error @ u) / self.scale(y, y1))

    def solve(self, field, t, y, h, k0, inverted, time_slope):
        """u (s, d) and the s slopes of a step: what autograd differentiates, where it is at work."""
        found, u, slopes = [], None, [k0]
        for i, c, d, a, C in self.stages:
            right = time_slope * (h * d)
            if i:
                slopes.append(field(t + c * h, y + self.product(a, u)))
                right = self.plus(right, 1 / h, C, u)
            found.append(self.applied(inverted, slopes[i] + right))
            u = self.stacked(found)
        return u, slopes

    def accept(self):
        self.matrix = self.k0 = None

    def inside(self, theta):
        return interpolated(self.step.y, self.step.y1, self.dense @ self.u, self.column(theta))

    def keep(self):
        return self.step.y1, self.dense @ self.u

    def restep(self, t, y, h, kept):
        y1, p = kept
        return lambda theta: interpolated(y, y1, p, self.column(theta))

    def step_vjp(self, t, y, h, kept, a, inside, params):
        """The vjp of one step, on torch: (dL/dy, a gradient or None for every parameter, evaluations).

        a: dL/dy1 (d,). inside: (theta (m,), dL/dy there (m, d)) or None. The step is repeated while autograd
        records, with J and ∂f/∂t as functions of y and the parameters: f is differentiated twice. h is held.
        Raises ValueError where the steps were taken with differences of f, which autograd cannot follow.
        """
        if self.jacobian.by_autograd is False:
            raise ValueError(
                f"method={self.method.name!r} differentiates f twice for a gradient, and autograd does not give the "
                "∂f/∂y that differences of f do. Write f in torch operations alone, or use radau or kvaerno5."
            )
        return self.recorded_vjp(t, y, h, a, inside, params)

    def recorded(self, t, y, h, theta):
        """[the state at the end of a step, those within it unless theta is None]: autograd goes back through them."""
        k0, J, slope = self.recorded_derivatives(t, y, h)
        matrix = self.eye / (h * self.method.gamma) - J
        u, _ = self.solve(self.field_back, t, y, h, k0, matrix.inverse(), slope)
        y1, p = y + self.b @ u, self.dense @ u
        return [y1] if theta is None else [y1, interpolated(y, y1, p, self.column(theta))]


def interpolated(y, y1, p, theta):
    """The state at θ within a step from y to y1; p (3, d) as `RosenbrockTableau.dense` says."""
    return (1 - theta) * y + theta * (y1 + (1 - theta) * (p[0] + theta * (p[1] + theta * p[2])))


def of(method):
    return Rosenbrock
