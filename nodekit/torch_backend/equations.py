"""The base, on torch tensors, of steppers that solve equations with ∂f/∂y: what steppers/ asks for (lesson 15).

Its twin, with the same names, is numpy_backend/equations.py.
"""

import torch

from nodekit.steppers.jacobian import time_difference
from nodekit.torch_backend import state
from nodekit.torch_backend.blocks import Samples, Whole
from nodekit.torch_backend.newton import backward_rows, check_kind, inverse, refuse_recording
from nodekit.torch_backend.once import Once
from nodekit.torch_backend.state import flat


class Stepper(state.Stepper):
    """A state's kind, the tensors of that kind that a step needs, Jacobians and inverses. Values only, no graph."""

    Jacobian, inverse = Whole.Jacobian, staticmethod(inverse)
    product = staticmethod(torch.matmul)  # of matrices and vectors

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
        """Raises TypeError, ValueError for states that Newton's iteration cannot look at."""
        super().__init__(f, y0, method, rtol, atol, fixed)
        y = flat(y0)
        check_kind(method, y)
        self.complex, self.d = y.is_complex(), y.numel()
        self.split = Samples(self.d, samples) if samples else Whole(self.d)
        self.Jacobian = self.split.Jacobian
        self.eye, self.eps = torch.eye(self.split.d, dtype=y.dtype, device=y.device), torch.finfo(y.dtype).eps

    def applied(self, matrix, x):
        """matrix @ x of a matrix (m d, m d) and a state x (d,), or m of them as one vector, (m, d)."""
        return self.split.applied(matrix, x)

    def only_values(self, *tensors):
        """Raise ValueError for what autograd records."""
        refuse_recording(self.method, 'gradient="checkpoint"', *tensors)

    def records(self, x):
        """Whether a gradient is to flow through x."""
        return x.requires_grad

    def zeros(self, rows):
        return self.eye.new_zeros(rows, self.d)

    def stacked(self, rows):
        return torch.stack(rows)

    def maximum(self, a, b):
        return torch.maximum(a, b)

    def numbers(self, *xs):
        """Several 0-d tensors as floats: waits for the device once."""
        return (xs[0].item(),) if len(xs) == 1 else tuple(torch.stack(xs).tolist())

    def mixed(self, weights, matrices):
        """Σ_j weights_ij M_j of n square matrices: weights (m, n) -> (m, d·d)."""
        return weights @ torch.stack(matrices).to(weights.dtype).reshape(len(matrices), -1)

    def spectral_radius(self, matrix):
        """The largest |λ| of a matrix, as a float."""
        return torch.linalg.eigvals(matrix).abs().max().item()

    def recorded_derivatives(self, t, y, h):
        """(f, ∂f/∂y, ∂f/∂t, (d,), (d, d) and (d,)) at (t, y), each as a function of y and of what f depends on."""
        f, at = self.field_back, self.field_back.time(t).requires_grad_()
        k = f.checked(f.slopes(f.f(at, f.show(y)), t), y)
        f.nfev += 1
        J = self.split.rows([k], [y], create_graph=True)[0]
        if self.jacobian.time_by_autograd is False:
            return k, J, time_difference(f, t, y, k, h, self.eps)
        slope = backward_rows([k], [at], create_graph=True)[0].reshape(-1)
        if k.is_complex():  # time is real, and its derivative so far the real part
            slope = torch.complex(slope, backward_rows([-1j * k], [at], create_graph=True)[0].reshape(-1))
        return k, J, slope

    def newton_end(self, matrix, residual):
        """matrix⁻¹ residual, where the matrix is a value: a gradient that goes through it has no second."""
        return HeldInverse.apply(torch.linalg.inv(matrix), residual, self.split.applied, self.method.name)


class HeldInverse(torch.autograd.Function):
    """inverse @ residual, by `applied`, where the inverse is a value: there is one derivative, and no second."""

    @staticmethod
    def forward(ctx, inverse, residual, applied, name):
        ctx.save_for_backward(inverse, residual)
        ctx.name, ctx.applied = name, applied
        return applied(inverse, residual)

    @staticmethod
    def backward(ctx, d):
        inverse, residual = ctx.saved_tensors
        found = ctx.applied(inverse.mH, d)
        if torch.is_grad_enabled():  # create_graph=True
            why = f"method={ctx.name!r} can be differentiated once. For a double backward use an explicit method"
            (found,) = Once.apply(why, (found,), d, residual)
        return None, found, None, None
