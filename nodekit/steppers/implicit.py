"""Implicit Runge–Kutta steps (backward Euler is built in lesson 14, the rest in 15).

The stages of a step solve Y = base + h A F(Y). A diagonally implicit method has one small system a stage, a fully
implicit one (Radau, Gauss) a single system for all stages; both are solved here as a list of blocks (blocks.py) by the
same simplified Newton iteration: the Jacobian is that of an earlier point as long as the iteration converges with it.

On torch an iteration waits for the device once, to read how far it has come. Gradients do not go through it:
`step_vjp` is the implicit function theorem at its end, in torch_backend/gradients/implicit.py.
"""

import math
from importlib import import_module

import numpy as np

from nodekit.steppers.blocks import blocks
from nodekit.steppers.newton import Newton

BASE = "equations"
MAX_ITERATIONS = 8  # of an adaptive step, which may be made shorter
MAX_ITERATIONS_FIXED = 60  # of a step that may not: even a slow iteration is to end at rounding


class ImplicitRungeKutta(Newton):
    """A stepper (see stepping/stepper.py) for a tableau whose rows are complete.

    A fixed step is solved to rounding; an adaptive one to a fraction of the tolerance, as in Hairer, Wanner 1996,
    IV.8. `controller` does not apply: the size is predicted from the last two errors (Gustafsson 1994, IV.8.25).
    """

    one_step = True
    J = size = None  # the Jacobian in use, and the step size whose matrices are inverted
    last_J = None  # the Jacobian made last, which may be in use no more
    inverses = filter = None  # of each block; of the error
    k = y_last = unit = None  # of the step attempted last: slopes, last stage, what its iteration is measured in
    k_last = before = previous = None  # of the one accepted last: its last slope, (h, k), (h, ratio)
    iterations = 1

    def __init__(self, f, y0, tableau, rtol, atol, fixed, jac=None, samples=None):
        super().__init__(f, y0, tableau, rtol, atol, fixed, jac, samples)
        self.adaptive, self.error_order = tableau.adaptive, tableau.error_order
        self.a, self.b = map(np.array, (tableau.a, tableau.b))
        self.weights = self.constant(self.b)
        self.b_error = None if tableau.b_error is None else self.constant(np.array(tableau.b_error))
        self.blocks, self.first = blocks(tableau, self.constant, self.complex), not self.a[0].any()
        self.eta, self.rate, self.rejected, self.limit = 1.0, 0.0, False, math.inf
        self.rounding = 1e-14 * (self.eps / math.ulp(1.0))  # what a fixed step is solved to: as much in any precision
        # What an iteration may leave, in tolerances. Below `floor` rounding may keep it from getting there.
        self.floor = 10 * self.eps / self.tightest
        self.newton_tol = 1.0 if fixed else min(0.03, max(self.floor, math.sqrt(self.tightest)))

    def start(self, t, y):
        self.forget()
        finite = super().start(t, y)
        self.only_values(y, self.k0)
        return finite

    def forget(self):
        """Nothing known so far is of use."""
        self.J = self.before = self.k_last = self.previous = None

    def enter(self, t, y, k0):
        """Go on at (t, y), where another stepper has arrived and f is k0."""
        self.only_values(y, k0)
        self.begin_with(k0)
        self.forget()

    def attempt(self, t, y, h):
        self.led_to(t, y, h, y)
        self.why, self.iterations = "", 1
        self.unit = self.rounding * (1 + abs(y)) if self.fixed else self.atol + self.rtol * abs(y)
        if self.first and self.k0 is None:
            self.k0 = self.field(t, y)
        converged, stale = False, self.J is not None
        while not converged:
            if self.J is None:
                self.J, self.size = self.jacobian(t, y), None
                self.last_J = self.J
            if self.size != h:
                self.invert(h)
            converged = self.size == h and self.solve(t, y, h)
            if converged or not stale:
                break
            self.J, stale = None, False
        if not converged:
            return y, math.inf
        y1 = self.y_last if self.method.stiffly_accurate else self.plus(y, h, self.weights, self.k)
        self.led_to(t, y, h, y1)
        if not self.finite(y1):
            return y1, math.nan
        return y1, 0.0 if self.fixed else self.error_ratio(t, y, y1, h)

    def invert(self, h):
        """Invert I − h mu J for every mu; the same matrix is inverted once. Newton corrects what rounding leaves."""
        found, self.inverses, self.size = {}, [], h
        for block in self.blocks:
            for mu in block.mu:
                if mu not in found:
                    found[mu] = self.inverse(self.eye - (h * mu) * self.J)
                    self.nlu += 1
                if found[mu] is None:
                    t, y, *_ = self.step
                    self.why, self.size = "its matrix I − hγ ∂f/∂y is singular", None
                    if not self.finite(self.J.reshape(-1)):
                        self.refuse("the numbers of the step overflow", [self.field(t, y)])
                    return
            self.inverses.append(block.joined([found[mu] for mu in block.mu], self.mixed))
        real = [found[mu] for mu in self.blocks[-1].mu if not mu.imag]
        self.filter = (real[0] if self.complex else real[0].real) if real else None

    def solve(self, t, y, h):
        """The slopes k (s, d) of the step, block after block. False if an iteration did not converge."""
        k = self.zeros(len(self.b))
        if self.first:
            k[0] = self.k0
        guess = self.k0 if self.k_last is None else self.k_last
        for block, inverted in zip(self.blocks, self.inverses, strict=True):
            i = block.stages
            base = self.plus(y, h, block.before, k[: i.start])
            if block.guess is not None:
                z = h * block.sums * (block.guess @ k[: i.start])
            elif self.before is not None:
                z = self.extrapolated(h, self.method.c[i]) + (y - base)
            else:
                z = h * block.sums * guess
            z = self.newton(t, h, base, block, inverted, z)
            if z is None:
                return False
            # k from Y and not from f(Y): a stiff f would magnify what Newton's iteration left of the error.
            k[i] = block.inverse @ z / h
            guess = k[i.stop - 1]
        self.k, self.y_last = k, base[-1] + z[-1]
        return True

    def extrapolated(self, h, c):
        """Y − y from the polynomial of the step before, continued: (m, d)."""
        h0, k0 = self.before
        theta = 1 + np.array(c) * (h / h0)
        return self.constant(h0 * (self.method.weights_at(theta) - self.b)) @ k0

    def newton(self, t, h, base, block, inverted, z):
        """Solve z = h a F(base + z) for z (m, d) from a first guess. None if the iteration does not converge."""
        times, before = [t + c * h for c in self.method.c[block.stages]], None
        if len(times) == 1:  # without the products and lists of several stages
            (time,), (base,), (z,), weight = times, base, z, h * block.mu[0]
        most = MAX_ITERATIONS_FIXED if self.fixed else MAX_ITERATIONS
        for m in range(1, most + 1):
            if len(times) == 1:
                slopes = [self.field(time, base + z)]
                self.only_values(*slopes)  # a parameter may enter late
                change = self.applied(inverted, z - weight * slopes[0])
            else:
                slopes = [self.field(t_i, y_i) for t_i, y_i in zip(times, base + z, strict=True)]
                self.only_values(*slopes)
                slopes = self.stacked(slopes)
                change = self.applied(inverted, self.plus(z, -h, block.a, slopes))
            (size,) = self.numbers(self.rms(change / self.unit))
            if not size < math.inf:
                self.refuse("the numbers of the step overflow", slopes)
                return None
            z = z - change
            if before is not None:
                rate = self.rate = size / before if before else 0.0
                if rate >= 1 and not self.fixed and size <= self.floor:
                    return z.reshape(len(times), -1)  # as near as rounding lets it come
                if rate >= 1 and size > self.newton_tol and not (self.fixed and size < 100):
                    self.why = f"Newton's iteration diverges (rate {rate:.2g})"
                    return None
                self.eta = rate / (1 - rate) if rate < 1 else 0.0
            elif not self.fixed:
                self.eta = max(self.eta, 1e-10) ** 0.8
            if size == 0 or ((before is not None or not self.fixed) and self.eta * size <= self.newton_tol):
                self.iterations = max(self.iterations, m)
                return z.reshape(len(times), -1)
            before = size
        if not self.fixed and size <= self.floor:
            return z.reshape(len(times), -1)
        self.why = f"Newton's iteration did not converge in {most} steps"
        return None

    def error_ratio(self, t, y, y1, h):
        """The norm that decides: a step is good when it is <= 1."""
        start = h * self.method.error_start
        error = weighted = h * (self.b_error @ self.k)
        if start:
            self.k0 = self.field(t, y) if self.k0 is None else self.k0
            error = weighted + start * self.k0
        scale = self.scale(y, y1)
        if self.method.filter_error:
            error = self.applied(self.filter, error)
            if start and self.rejected and self.ratio(error / scale) > 1:  # Hairer, Wanner 1996, IV.8.20
                error = self.applied(self.filter, weighted + start * self.field(t, y + error))
        return self.ratio(error / scale)

    def accept(self):
        self.k_last, self.before, self.rejected = self.k[-1], (self.step.h, self.k), False
        self.k0 = self.k_last if self.method.fsal else None
        if self.fixed or (self.iterations > 2 and self.rate > 1e-3):
            self.J = None  # slow convergence: the Jacobian is renewed; a fixed step has a fresh one each time

    def reject(self):
        self.rejected = True

    def factor(self, ratio, accepted):
        q, h = self.error_order, self.step.h
        if self.fixed:
            return 0.25
        if not ratio < math.inf:
            self.limit = 0.7 * abs(h)
            return 0.5
        safety = 0.9 * (2 * MAX_ITERATIONS + 1) / (2 * MAX_ITERATIONS + self.iterations)
        ratio = max(ratio, 1e-8)
        factor = safety * ratio ** (-1 / q)
        if accepted:
            if self.previous is not None:
                h_before, before = self.previous
                factor = min(factor, factor * abs(h / h_before) * (before / ratio) ** (1 / q))
            self.previous = h, max(ratio, 1e-2)
            # Where Newton's iteration failed it may fail again: grow back to that size slowly, unless it is quick now.
            self.limit *= 2.0 if self.iterations <= 3 else 1.2
            factor = min(factor, max(1.0, self.limit / abs(h)))
            if factor < 1.2 and self.J is not None:
                return 1.0  # a change is not worth new inverses; a step too long is refused all the same
        return min(max(factor, 0.2), 8.0)

    def inside(self, theta):
        t, y, h, _ = self.step
        return self.restep(t, y, h, self.k)(theta)

    def keep(self):
        return self.k

    def restep(self, t, y, h, kept):
        return lambda theta: self.interpolate(y, h, kept, theta)

    def step_vjp(self, t, y, h, kept, a, inside, params):
        gradients = import_module("nodekit.torch_backend.gradients.implicit")
        return gradients.step_vjp(self.field_back, self, t, y, h, kept, a, inside, params)


def of(method):
    return ImplicitRungeKutta
