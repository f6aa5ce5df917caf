"""Implicit Runge–Kutta steps on NumPy arrays (backward Euler is built in lesson 14, the rest in 15).

The stages of a step solve Y = base + h A F(Y). A diagonally implicit method has one small system a stage, a fully
implicit one (Radau, Gauss) a single system for all stages; both are solved here as a list of blocks by the same
simplified Newton iteration: the Jacobian is that of an earlier point as long as the iteration converges with it.
"""

import math
from dataclasses import dataclass

import numpy as np
from autograd.tracer import getval

from nodekit.numpy_backend.newton import Jacobian, inverse, refuse_boxes
from nodekit.numpy_backend.state import Stepper, all_finite, rms
from nodekit.solution import Status, no_convergence
from nodekit.stepping import control
from nodekit.stepping.step import advance

MAX_ITERATIONS = 8  # of an adaptive step, which may be made shorter
MAX_ITERATIONS_FIXED = 60  # of a step that may not: even a slow iteration is to end at rounding


@dataclass(frozen=True)
class Block:
    """Stages that are solved together. stages: their slice; a: (m, m) = V diag(mu) V⁻¹; a⁻¹. mu: Python numbers.

    Where the state is real, and so is J, of a pair of conjugate mu one stands for both.

    The Newton matrix I − h a ⊗ J falls apart into I − h mu_i J in the coordinates of V.
    """

    stages: slice
    a: np.ndarray
    mu: list
    left: np.ndarray
    right: np.ndarray
    inverse: np.ndarray

    @staticmethod
    def of(a, stages, kind):
        mu, vectors = np.linalg.eig(a)
        both = kind.kind == "c"
        left, kept = np.linalg.inv(vectors), (mu.imag >= 0) | both
        # The real part of a pair of conjugates is twice that of one.
        weights = np.where((mu.imag > 0) & (not both), 2.0, 1.0)
        if np.isrealobj(mu) or not mu.imag.any():
            mu, vectors, left = mu.real, vectors.real, left.real
        own = lambda x: x.astype(np.result_type(kind, np.complex64) if np.iscomplexobj(x) else kind)  # noqa: E731
        a, left, right, inverse = map(own, (a, left[kept], (vectors * weights)[:, kept], np.linalg.inv(a)))
        return Block(stages, a, mu[kept].tolist(), left, right, inverse)


def blocks(tableau, kind):
    """The blocks of a method for states of this dtype, in order; an explicit first stage is none."""
    a = np.array(tableau.a)
    if np.triu(a, 1).any():
        return [Block.of(a, slice(0, len(a)), kind)]
    return [Block.of(a[i : i + 1, i : i + 1], slice(i, i + 1), kind) for i in range(len(a)) if a[i, i]]


class ImplicitRungeKutta(Stepper):
    """A stepper (see stepper.py) for a tableau whose rows are complete.

    A fixed step is solved to rounding; an adaptive one to a fraction of the tolerance, as in Hairer, Wanner 1996,
    IV.8. `controller` does not apply: the size is predicted from the last two errors (Gustafsson 1994, IV.8.25).
    """

    def __init__(self, f, y0, tableau, rtol, atol, fixed, jac=None):
        super().__init__(f, y0, rtol, atol, fixed)
        kind = getval(y0).dtype
        self.rk, self.adaptive, self.error_order = tableau, tableau.adaptive, tableau.error_order
        self.a, self.b, self.dense = (np.array(x, kind) for x in (tableau.a, tableau.b, tableau.dense_weights))
        self.powers = np.arange(1, self.dense.shape[1] + 1)
        self.b_error = None if tableau.b_error is None else np.array(tableau.b_error, kind)
        self.blocks, self.first = blocks(tableau, kind), not self.a[0].any()
        self.jacobian, self.nlu = Jacobian(self.field, jac, self.atol / rtol), 0
        self.why = ""  # why the last attempt could not be taken
        self.J = self.size = self.previous = self.k_last = self.before = None
        self.eta, self.rate, self.rejected, self.limit = 1.0, 0.0, False, math.inf
        eps = float(np.finfo(kind).eps)
        self.rounding = 1e-14 * (eps / math.ulp(1.0))  # what a fixed step is solved to: as much in any precision
        # What an iteration may leave, in tolerances. Below `floor` rounding may keep it from getting there.
        self.floor = 10 * eps / self.tightest
        self.newton_tol = 1.0 if fixed else min(0.03, max(self.floor, math.sqrt(self.tightest)))

    def start(self, t, y):
        finite = super().start(t, y)
        refuse_boxes(self.rk, y, self.k0)
        return finite

    def first_step(self, t, y, t_end):
        norm = lambda v, y: rms(np.abs(v) / (self.atol + self.rtol * np.abs(y)))  # noqa: E731
        return control.first_step(self.field, t, y, self.k0, t_end, self.error_order, norm, advance)

    def attempt(self, t, y, h):
        self.step, self.why, self.iterations = (t, y, h), "", 1
        self.scale = self.rounding * (1 + np.abs(y)) if self.fixed else self.atol + self.rtol * np.abs(y)
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
        y1 = y + h * (self.b @ self.k) if not self.rk.stiffly_accurate else self.y_last
        self.bad = "the result of a step", y1
        if not all_finite(y1):
            return y1, math.nan
        return y1, 0.0 if self.fixed else self.error_ratio(t, y, y1, h)

    def invert(self, h):
        """Invert I − h mu J for every mu; the same matrix is inverted once. Newton corrects what rounding leaves."""
        found, self.inverses, self.size = {}, [], h
        for block in self.blocks:
            for mu in block.mu:
                if mu not in found:
                    found[mu] = inverse(np.eye(len(self.J), dtype=self.J.dtype) - h * mu * self.J)
                    self.nlu += 1
                if found[mu] is None:
                    self.why, self.size = "its matrix I − hγ ∂f/∂y is singular", None
                    t, y, _ = self.step
                    if not all_finite(self.J.reshape(-1)):
                        self.refuse([self.field(t, y)])
                    return
            self.inverses.append([found[mu] for mu in block.mu])
        real = [mu for mu in self.blocks[-1].mu if not mu.imag]
        self.filter = self.kept(found[real[0]]) if real else None

    def kept(self, x):
        """x where the state is complex, its real part where it is not."""
        return x if self.b.dtype.kind == "c" else x.real

    def solve(self, t, y, h):
        """The slopes k (s, d) of the step, block after block. False if an iteration did not converge."""
        k = np.zeros((len(self.b), y.size), self.b.dtype)
        if self.first:
            k[0] = self.k0
        guess = self.k0 if self.k_last is None else self.k_last
        for block, inverses in zip(self.blocks, self.inverses, strict=True):
            i = block.stages
            base = y + h * (self.a[i, : i.start] @ k[: i.start])
            if len(block.a) > 1 and self.before is not None:
                z = self.extrapolated(h, self.rk.c[i])
            else:
                z = h * np.outer(block.a.sum(axis=1), guess)
            z = self.newton(t, h, base, block, inverses, z)
            if z is None:
                return False
            # k from Y and not from f(Y): a stiff f would magnify what Newton's iteration left of the error.
            k[i] = block.inverse @ z / h
            guess = k[i][-1]
        self.k, self.y_last = k, base[-1] + z[-1]
        return True

    def extrapolated(self, h, c):
        """Y − y from the polynomial of the step before, continued: (m, d)."""
        h0, k0 = self.before
        theta = 1 + np.array(c) * (h / h0)
        return h0 * (((theta[:, None] ** self.powers).astype(self.b.dtype) @ self.dense.T - self.b) @ k0)

    def newton(self, t, h, base, block, inverses, z):
        """Solve z = h a F(base + z) for z (m, d) from a first guess. None if the iteration does not converge."""
        times = [t + c * h for c in self.rk.c[block.stages]]
        before = None
        most = MAX_ITERATIONS_FIXED if self.fixed else MAX_ITERATIONS
        for m in range(1, most + 1):
            slopes = np.array([self.field(t_i, y_i) for t_i, y_i in zip(times, base + z, strict=True)])
            w = block.left @ (h * (block.a @ slopes) - z)
            w = np.array([inv @ w_i for inv, w_i in zip(inverses, w, strict=True)])
            dz = self.kept(block.right @ w)
            size = rms((dz / self.scale).reshape(-1))
            if not size < math.inf:
                self.refuse(slopes)
                return None
            z = z + dz
            if before is not None:
                rate = self.rate = size / before if before else 0.0
                if rate >= 1 and not self.fixed and size <= self.floor:
                    return z  # as near as rounding lets it come
                if rate >= 1 and size > self.newton_tol and not (self.fixed and size < 100):
                    self.why = f"Newton's iteration diverges (rate {rate:.2g})"
                    return None
                self.eta = rate / (1 - rate) if rate < 1 else 0.0
            elif not self.fixed:
                self.eta = max(self.eta, 1e-10) ** 0.8
            if size == 0 or ((before is not None or not self.fixed) and self.eta * size <= self.newton_tol):
                self.iterations = max(self.iterations, m)
                return z
            before = size
        if not self.fixed and size <= self.floor:
            return z
        self.why = f"Newton's iteration did not converge in {most} steps"
        return None

    def refuse(self, slopes):
        """Note why Newton's iteration ended: it is f's own fault where a slope is not finite."""
        bad = next((k for k in slopes if not all_finite(k)), None)
        self.why = "the numbers of the step overflow" if bad is None else ""
        self.bad = "f", bad

    def error_ratio(self, t, y, y1, h):
        """The norm that decides: a step is good when it is <= 1."""
        start = h * self.rk.error_start
        error = weighted = h * (self.b_error @ self.k)
        if start:
            self.k0 = self.field(t, y) if self.k0 is None else self.k0
            error = weighted + start * self.k0
        scale = self.atol + self.rtol * np.maximum(np.abs(y), np.abs(y1))
        if self.rk.filter_error:
            error = self.filter @ error
            if start and rms(error / scale) > 1 and self.rejected:  # Hairer, Wanner 1996, IV.8.20
                error = self.filter @ (weighted + start * self.field(t, y + error))
        self.error = np.abs(error) / scale
        return rms(self.error)

    def accept(self):
        self.k_last, self.before, self.rejected = self.k[-1], (self.step[2], self.k), False
        self.k0 = self.k_last if self.rk.fsal else None
        if self.fixed or (self.iterations > 2 and self.rate > 1e-3):
            self.J = None  # slow convergence: the Jacobian is renewed; a fixed step has a fresh one each time

    def reject(self):
        self.rejected = True

    def factor(self, ratio, accepted):
        q, h = self.error_order, self.step[2]
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
        _, y, h = self.step
        return self.restep(None, y, h, self.k)(theta)

    def keep(self):
        return self.k

    def restep(self, t, y, h, kept):
        return lambda theta: y + h * ((theta**self.powers).astype(self.b.dtype) @ self.dense.T @ kept)

    def trouble(self, t, h):
        return (Status.NO_CONVERGENCE, no_convergence(t, h, self.why)) if self.why else super().trouble(t, h)

    def count(self):
        return {"nfev": self.field.nfev, "njev": self.jacobian.njev, "nlu": self.nlu}


def stepper(f, y0, tableau, rtol, atol, fixed, jac=None):
    """The stepper of an implicit tableau. jac(t, y), if given, is ∂f/∂y."""
    return ImplicitRungeKutta(f, y0, tableau, rtol, atol, fixed, jac)
