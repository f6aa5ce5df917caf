"""Rosenbrock steps on NumPy arrays (lesson 15): implicit where the problem is stiff, without an iteration.

A step is that of a diagonally implicit Runge–Kutta method with one Newton iteration a stage, whose error the
coefficients take into account. The price: J = ∂f/∂y must be the true one, so it is made anew for every step.
"""

import math

import numpy as np

from nodekit.methods.rosenbrock import square
from nodekit.numpy_backend.newton import Jacobian, inverse, refuse_boxes
from nodekit.numpy_backend.state import Stepper, all_finite, rms
from nodekit.solution import Status, no_convergence
from nodekit.stepping import control
from nodekit.stepping.step import advance


class Rosenbrock(Stepper):
    """A stepper (see stepper.py) for a `RosenbrockTableau`. jac: ∂f/∂y as in `Jacobian`.

    ∂f/∂t is by autograd or by differences, `Jacobian.with_time`. A repeated step keeps f, J and ∂f/∂t.
    """

    adaptive, why = True, ""

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None):
        super().__init__(f, y0, rtol, atol, fixed)
        refuse_boxes(method, y0)
        self.method, self.error_order = method, method.error_order
        self.b, self.b_error, self.dense = (np.array(x, y0.dtype) for x in (method.b, method.b_error, method.dense))
        a, C = square(method.a).astype(y0.dtype), square(method.C).astype(y0.dtype)
        self.stages = [(i, method.c[i], method.d[i], a[i, :i], C[i, :i]) for i in range(len(a))]
        # No iteration corrects the Jacobian here, so that by default it is autograd's.
        self.jacobian, self.nlu = Jacobian(self.field, jac or "autograd", self.atol / rtol), 0

    def start(self, t, y):
        self.matrix = None
        finite = super().start(t, y)
        refuse_boxes(self.method, self.k0)
        return finite

    def first_step(self, t, y, t_end):
        norm = lambda v, y: rms(np.abs(v) / (self.atol + self.rtol * np.abs(y)))  # noqa: E731
        return control.first_step(self.field, t, y, self.k0, t_end, self.error_order, norm, advance)

    def attempt(self, t, y, h):
        self.why = ""
        if self.matrix is None:
            matrix, self.time_slope, self.k0 = self.jacobian.with_time(t, y, self.k0, h)
            if not all_finite(self.k0):
                self.bad = "f", self.k0
                return y, math.nan
            self.matrix = matrix
        inverted = inverse(np.eye(y.size, dtype=y.dtype) / (h * self.method.gamma) - self.matrix)
        self.nlu += 1
        if inverted is None:
            self.why = "the matrix I/(hγ) − ∂f/∂y is singular or not finite"
            return y, math.inf

        u, slopes = np.empty((len(self.b), y.size), y.dtype), [self.k0]
        for i, c, d, a, C in self.stages:
            before = u[:i]
            if i:
                slopes.append(self.field(t + c * h, y + a.dot(before)))
            u[i] = inverted.dot(slopes[i] + C.dot(before) / h + (h * d) * self.time_slope)
        y1 = y + self.b.dot(u)
        self.step, self.u = (y, y1), u
        if not all_finite(y1):
            bad = next((k for k in slopes if not all_finite(k)), None)
            self.bad = ("the result of a step", y1) if bad is None else ("f", bad)
            return y1, math.nan
        if self.fixed:
            return y1, 0.0
        scale = self.atol + self.rtol * np.maximum(np.abs(y), np.abs(y1))
        self.error = np.abs(self.b_error.dot(u)) / scale
        return y1, rms(self.error)

    def accept(self):
        self.matrix = self.k0 = None

    def inside(self, theta):
        y, y1 = self.step
        return within(y, y1, self.dense.dot(self.u), theta)

    def keep(self):
        return self.step[1], self.dense.dot(self.u)

    def restep(self, t, y, h, kept):
        y1, p = kept
        return lambda theta: within(y, y1, p, theta)

    def trouble(self, t, h):
        return (Status.NO_CONVERGENCE, no_convergence(t, h, self.why)) if self.why else super().trouble(t, h)

    def count(self):
        return {"nfev": self.field.nfev, "njev": self.jacobian.njev, "nlu": self.nlu}


def within(y, y1, p, theta):
    """The state at θ within a step from y to y1; p (3, d) as `RosenbrockTableau.dense` says."""
    return (1 - theta) * y + theta * (y1 + (1 - theta) * (p[0] + theta * (p[1] + theta * p[2])))


def stepper(f, y0, method, rtol, atol, fixed, jac=None):
    """The stepper of a `RosenbrockTableau`. jac(t, y), if given, is ∂f/∂y. Raises TypeError for autograd's boxes."""
    return Rosenbrock(f, y0, method, rtol, atol, fixed, jac)
