"""Implicit Runge–Kutta steps on torch tensors (backward Euler is built in lesson 14, the rest in 15).

Its twin, with the same names, is numpy_backend/implicit.py. The stages of a step solve Y = base + h A F(Y). A
diagonally implicit method has one small system a stage, a fully implicit one (Radau, Gauss) a single system for all
stages; both are solved here as a list of blocks by the same simplified Newton iteration: the Jacobian is that of an
earlier point as long as the iteration converges with it. An iteration waits for the device once, to read how far it
has come. Gradients do not go through the iteration: `step_vjp` is the implicit function theorem at its end.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from nodekit.solution import Status, no_convergence
from nodekit.stepping import control
from nodekit.stepping.step import advance
from nodekit.torch_backend.newton import Jacobian, backward_rows, check_kind, inverse, refuse_recording
from nodekit.torch_backend.state import Stepper, all_finite, flat, rms

MAX_ITERATIONS = 8  # of an adaptive step, which may be made shorter
MAX_ITERATIONS_FIXED = 60  # of a step that may not: even a slow iteration is to end at rounding
INSTEAD = 'gradient="checkpoint"'


@dataclass(frozen=True)
class Block:
    """Stages that are solved together. stages: their slice; a: (m, m) = V diag(mu) V⁻¹; a⁻¹.

    Where the state is real, and so is J, of a pair of conjugate mu one stands for both.

    The Newton matrix I − h a ⊗ J falls apart into I − h mu_i J in the coordinates of V. mu: Python numbers, the rest
    tensors. right_left: (m m, len(mu)), V_ip V⁻¹_pj. before: the weights (m, i) of the i stages before these. sums:
    (m, 1), row sums of a.
    """

    stages: slice
    a: torch.Tensor
    mu: list
    right_left: torch.Tensor
    inverse: torch.Tensor
    before: torch.Tensor
    sums: torch.Tensor

    @staticmethod
    def of(rows, stages, tensor, complex_state):
        a = rows[:, stages]
        mu, vectors = np.linalg.eig(a)
        left, kept = np.linalg.inv(vectors), (mu.imag >= 0) | complex_state
        # The real part of a pair of conjugates is twice that of one.
        weights = np.where((mu.imag > 0) & (not complex_state), 2.0, 1.0)
        if np.isrealobj(mu) or not mu.imag.any():
            mu, vectors, left = mu.real, vectors.real, left.real
        right_left = ((vectors * weights)[:, None, kept] * left.T[None, :, kept]).reshape(len(a) ** 2, -1)
        arrays = a, right_left, np.linalg.inv(a), rows[:, : stages.start], a.sum(axis=1, keepdims=True)
        a, right_left, inverse, before, sums = map(tensor, arrays)
        return Block(stages, a, mu[kept].tolist(), right_left, inverse, before, sums)

    def joined(self, inverses):
        """(I − h a ⊗ J)⁻¹, (m d, m d), from the inverses (d, d) for every mu: an iteration then is one real product.

        That, and fewer calls around it, takes a sixth off radau's time for van der Pol, a fifth off kvaerno5's.
        """
        m, d = len(self.a), len(inverses[0])
        if m == 1:
            return inverses[0]
        joined = self.right_left @ torch.stack(inverses).to(self.right_left.dtype).reshape(-1, d * d)  # (m m, d d)
        joined = joined if self.a.is_complex() else joined.real
        return joined.reshape(m, m, d, d).transpose(1, 2).reshape(m * d, m * d)


def blocks(tableau, tensor, complex_state):
    """The blocks of a method, in order; an explicit first stage is none. tensor: turns an array into a tensor."""
    a = np.array(tableau.a)
    if np.triu(a, 1).any():
        return [Block.of(a, slice(0, len(a)), tensor, complex_state)]
    return [Block.of(a[i : i + 1], slice(i, i + 1), tensor, complex_state) for i in range(len(a)) if a[i, i]]


class ImplicitRungeKutta(Stepper):
    """A stepper (see stepper.py) for a tableau whose rows are complete.

    A fixed step is solved to rounding; an adaptive one to a fraction of the tolerance, as in Hairer, Wanner 1996,
    IV.8. `controller` does not apply: the size is predicted from the last two errors (Gustafsson 1994, IV.8.25).
    """

    norm = staticmethod(rms)

    def __init__(self, f, y0, tableau, rtol, atol, fixed, jac=None):
        super().__init__(f, y0, rtol, atol, fixed)
        y = flat(y0)
        check_kind(tableau, y)
        self.rk, self.adaptive, self.error_order = tableau, tableau.adaptive, tableau.error_order
        self.kinds, self.device = {"f": y.dtype, "c": y.dtype.to_complex()}, y.device
        self.a, self.b, self.dense = np.array(tableau.a), np.array(tableau.b), np.array(tableau.dense_weights)
        self.powers = np.arange(1, self.dense.shape[1] + 1)
        self.weights = self.tensor(self.b)
        self.b_error = None if tableau.b_error is None else self.tensor(np.array(tableau.b_error))
        self.blocks, self.first = blocks(tableau, self.tensor, y.is_complex()), not self.a[0].any()
        self.jacobian, self.nlu = Jacobian(self.field, jac, self.atol / rtol), 0
        self.why = ""  # why the last attempt could not be taken
        self.J = self.size = self.previous = self.k_last = self.before = None
        self.eta, self.rate, self.rejected, self.limit = 1.0, 0.0, False, math.inf
        eps = torch.finfo(y.dtype).eps
        self.rounding = 1e-14 * (eps / math.ulp(1.0))  # what a fixed step is solved to: as much in any precision
        # What an iteration may leave, in tolerances. Below `floor` rounding may keep it from getting there.
        self.floor = 10 * eps / self.tightest
        self.newton_tol = 1.0 if fixed else min(0.03, max(self.floor, math.sqrt(self.tightest)))

    def tensor(self, array):
        """A small NumPy array as a tensor of the state's kind, on its device."""
        return torch.as_tensor(array, dtype=self.kinds[array.dtype.kind], device=self.device)

    def start(self, t, y):
        finite = super().start(t, y)
        refuse_recording(self.rk, INSTEAD, y, self.k0)
        self.eye = torch.eye(y.numel(), dtype=y.dtype, device=y.device)
        return finite

    def first_step(self, t, y, t_end):
        norm = lambda v, y: rms(v / (self.atol + self.rtol * y.abs())).item()  # noqa: E731
        return control.first_step(self.field, t, y, self.k0, t_end, self.error_order, norm, advance)

    def attempt(self, t, y, h):
        self.step, self.why, self.iterations = (t, y, h), "", 1
        self.scale = self.rounding * (1 + y.abs()) if self.fixed else self.atol + self.rtol * y.abs()
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
        y1 = y + h * (self.weights @ self.k) if not self.rk.stiffly_accurate else self.y_last
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
                    found[mu] = inverse(self.eye - (h * mu) * self.J)
                    self.nlu += 1
                if found[mu] is None:
                    self.why, self.size = "its matrix I − hγ ∂f/∂y is singular", None
                    t, y, _ = self.step
                    if not all_finite(self.J.reshape(-1)):
                        self.refuse([self.field(t, y)])
                    return
            self.inverses.append(block.joined([found[mu] for mu in block.mu]))
        real = [mu for mu in self.blocks[-1].mu if not mu.imag]
        self.filter = None
        if real:
            self.filter = found[real[0]] if self.weights.is_complex() else found[real[0]].real

    def solve(self, t, y, h):
        """The slopes k (s, d) of the step, block after block. False if an iteration did not converge."""
        k = torch.zeros((len(self.b), y.numel()), dtype=y.dtype, device=y.device)
        if self.first:
            k[0] = self.k0
        guess = self.k0 if self.k_last is None else self.k_last
        for block, inverted in zip(self.blocks, self.inverses, strict=True):
            i = block.stages
            base = torch.addmm(y, block.before, k[: i.start], alpha=h)
            if len(block.a) > 1 and self.before is not None:
                z = self.extrapolated(h, self.rk.c[i])
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
        return self.tensor(h0 * (theta[:, None] ** self.powers @ self.dense.T - self.b)) @ k0

    def newton(self, t, h, base, block, inverted, z):
        """Solve z = h a F(base + z) for z (m, d) from a first guess. None if the iteration does not converge."""
        times = [t + c * h for c in self.rk.c[block.stages]]
        before = None
        most = MAX_ITERATIONS_FIXED if self.fixed else MAX_ITERATIONS
        for m in range(1, most + 1):
            pairs = zip(times, (base + z).unbind(), strict=True)
            slopes = torch.stack([self.field(t_i, y_i) for t_i, y_i in pairs])
            refuse_recording(self.rk, INSTEAD, slopes)  # a parameter may enter late
            residual = torch.addmm(z, block.a, slopes, beta=-1, alpha=h)
            dz = torch.mv(inverted, residual.view(-1)).view_as(z)
            size = rms(dz / self.scale).item()
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
        scale = self.atol + self.rtol * torch.maximum(y.abs(), y1.abs())
        if self.rk.filter_error:
            error = self.filter @ error
            if start and self.rejected and self.norm(error / scale).item() > 1:  # Hairer, Wanner 1996, IV.8.20
                error = self.filter @ (weighted + start * self.field(t, y + error))
        self.error = error.abs() / scale
        return self.norm(self.error).item()

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
        return lambda theta: y + h * (self.tensor(theta**self.powers @ self.dense.T) @ kept)

    def step_vjp(self, t, y, h, kept, a, inside, params):
        return step_vjp(self.back, self, t, y, h, kept, a, inside, params)

    def trouble(self, t, h):
        return (Status.NO_CONVERGENCE, no_convergence(t, h, self.why)) if self.why else super().trouble(t, h)

    def count(self):
        return {"nfev": self.field.nfev, "njev": self.jacobian.njev, "nlu": self.nlu}


def step_vjp(f, method, t, y, h, k, a, inside, params):
    """The vjp of one step: (dL/dy, a gradient or None for every parameter, evaluations).

    method: an `ImplicitRungeKutta`. k (s, d): the slopes of the step. a: dL/dy1 (d,). inside: (theta, dL/dy(theta)).
    The adjoints κ_i = dL/dk_i solve κ_i = h (b_i a + Σ b_i(θ) g_θ) + h Σ_j a_ji J_jᵀ κ_j, block after block, the last
    first, and dL/dy = a + Σ g_θ + Σ_j J_jᵀ κ_j. It is exact where the step is solved exactly; h is held.
    Source: W. Hager, "Runge–Kutta methods in optimal control", Numer. Math. 87, 2000.
    """
    rk, s, d, before = method.rk, len(k), y.numel(), f.nfev
    A = method.tensor(method.a)
    kappa, dL_dy = h * torch.outer(method.weights, a), a
    for theta, g in inside:
        kappa, dL_dy = kappa + h * torch.outer(method.tensor(np.array(rk.weights_at(theta))), g), dL_dy + g
    with torch.enable_grad():
        Y = [Y_i.detach().requires_grad_() for Y_i in torch.addmm(y, A, k, alpha=h)]
        slopes = [f(t + c * h, Y_i) for c, Y_i in zip(rk.c, Y, strict=True)]
    first = method.blocks[0].stages.start  # 1 where the first stage is f(t, y): it needs no Jacobian
    J = torch.stack(backward_rows(slopes[first:], Y[first:])).conj()  # of a complex state the adjoint has Jᴴ
    for block in reversed(method.blocks):
        i, m = block.stages, len(block.a)
        within = slice(i.start - first, i.stop - first)
        system = -h * torch.einsum("ji,jkl->iljk", block.a, J[within]).reshape(m * d, m * d)
        system.diagonal().add_(1.0)
        kappa[i] = torch.linalg.solve(system, kappa[i].reshape(-1)).reshape(m, d)
        pulled = (kappa[i][:, None] @ J[within])[:, 0]  # J_jᵀ κ_j, (m, d)
        kappa[: i.start] += h * block.before.T @ pulled
    used = [j for j in range(s) if slopes[j].requires_grad]  # none, where f is constant
    found = torch.autograd.grad([slopes[j] for j in used], [*Y, *params], [kappa[j] for j in used], allow_unused=True)
    dL_dy = dL_dy + sum(g for g in found[:s] if g is not None)
    return dL_dy, found[s:], f.nfev - before


def stepper(f, y0, tableau, rtol, atol, fixed, jac=None):
    """The stepper of an implicit tableau. jac(t, y), if given, is ∂f/∂y."""
    return ImplicitRungeKutta(f, y0, tableau, rtol, atol, fixed, jac)
