"""What Newton's method needs on torch tensors: Jacobians and inverses (lessons 14 and 15).

Its twin, with the same names, is numpy_backend/newton.py. `Jacobian` is that of steppers/jacobian.py on tensors;
`inverse` is that of a Newton matrix. All are values, on the state's device.
"""

import math
import warnings

import torch

from nodekit.steppers import jacobian
from nodekit.torch_backend.private_torch import transformed
from nodekit.torch_backend.recording import recording
from nodekit.torch_backend.state import all_finite


class Jacobian(jacobian.Jacobian):
    """∂f/∂y at (t, y), and ∂f/∂t: see steppers/jacobian.py. It also raises TypeError when jac returns no numbers.

    Differences are taken one after the other: under torch.func.vmap they cost 2 to 5 times as much for 2 components,
    as much for about 10, a third for 50, and f may not look at values. Of 20 components and more take "autograd": its
    d backward passes are one batch.
    """

    values, finite, rounds_time = staticmethod(torch.Tensor.detach), staticmethod(all_finite), True

    def eps(self, x):
        return torch.finfo(x.dtype).eps

    def product(self, matrix, v):
        return matrix @ v.to(matrix.dtype)

    def given(self, t, y):
        shown = self.field.show(y)
        matrix = self.jac(self.field.time(t), shown)
        try:
            matrix = torch.as_tensor(matrix, dtype=y.dtype, device=y.device).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"jac returned {type(matrix).__name__} at t = {t!r}: it must be a matrix.") from error
        return matrix, tuple(shown.shape) if isinstance(shown, torch.Tensor) else tuple(y.shape)

    def rows(self, t, y):
        """(∂f/∂y, f), (d, d) and (d,), by autograd: one evaluation of f, and one backward pass a row."""
        with recording(y.detach().clone()) as (y, _):
            k = self.field(t, y)
            return backward_rows([k], [y])[0], k.detach()

    def columns(self, t, y):
        """(∂f/∂y, f), (d, d) and (d,), by forward differences: d + 1 evaluations of f."""
        k = self.field(t, y).detach()
        moved = y + torch.diag(self.moves(y, k)).to(y.dtype)
        slopes = torch.stack([self.field(t, row) for row in moved]).detach()
        return ((slopes - k) / (moved.diagonal() - y)[:, None]).T, k

    def moves(self, y, k):
        """How far each component is moved: √eps of its size, and the way it is going, k: it may be at a border of f."""
        size = math.sqrt(self.eps(y)) * torch.clamp(y.abs(), min=self.smallest)
        return torch.where(k.real < 0, -size, size)

    def time_slope(self, t, y, k, h):
        """∂f/∂t (d,) by autograd's forward mode: one evaluation of f, which is all if f does not depend on t."""
        f = self.field
        f.nfev += 1
        with torch.inference_mode(False), torch.autograd.forward_ad.dual_level():
            at = torch.autograd.forward_ad.make_dual(f.time(t), torch.ones((), dtype=f.dtype, device=f.device))
            value = f.checked(f.slopes(f.f(at, f.show(y.clone())), t), y)
            slope = torch.autograd.forward_ad.unpack_dual(value).tangent
        return torch.zeros_like(y) if slope is None else slope.detach()

    def attempt(self, derivative, *arguments):
        """derivative(*arguments), or None when autograd cannot follow f. An error of f's own comes again without it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of what it takes the value out of
                return derivative(*arguments)
        except Exception:
            return None


def backward_rows(ks, ys, create_graph=False, rows=None):
    """∂k_i/∂y_i (d, d) of each pair, from its graph: one batched backward pass. No k_i may depend on another's y.

    rows: sums of components, (m, d), whose derivatives (m, d) are wanted in place of those of each component.
    Where torch.func.vmap cannot follow the graph, row after row. create_graph: let the derivatives be differentiated.
    """
    if rows is None:
        rows = torch.eye(ks[0].numel(), dtype=ks[0].dtype, device=ks[0].device)
    found = [torch.zeros(len(rows), y.numel(), dtype=y.dtype, device=y.device) for y in ys]
    recorded = [i for i, k in enumerate(ks) if k.requires_grad]
    if not recorded:
        return found
    ks, ys = [ks[i] for i in recorded], [ys[i] for i in recorded]
    arguments = {"retain_graph": True, "create_graph": create_graph, "allow_unused": True}
    try:
        parts = torch.autograd.grad(ks, ys, [rows] * len(ks), is_grads_batched=True, **arguments)
    except RuntimeError:
        one_by_one = [torch.autograd.grad(ks, ys, [row] * len(ks), **arguments) for row in rows]
        parts = [None if rs[0] is None else torch.stack(rs) for rs in zip(*one_by_one, strict=True)]
    for i, part in zip(recorded, parts, strict=True):
        if part is not None:
            found[i] = part.conj() if part.is_complex() else part  # torch's vjp is by the conjugate transpose
    return found


def inverse(matrix):
    """The inverse of a Newton matrix (d, d), or of n of them, or None when one is singular or not finite.

    Multiplying by it costs a fifth of solving with a factorisation in torch, and is as accurate in all but contrived
    cases: A. Druinsky, S. Toledo, How accurate is inv(A)*b?, 2012. Newton's iteration corrects what rounding leaves.
    """
    result, info = torch.linalg.inv_ex(matrix)
    good = not info.any().item() and all_finite(result.reshape(-1)) and all_finite(matrix.reshape(-1))
    return result if good else None


def check_kind(method, y):
    """Raise TypeError for a state too coarse for Newton's method, ValueError inside torch.func's transforms."""
    if torch.finfo(y.dtype).bits < 32:
        raise TypeError(f"method={method.name!r} takes float32 or float64 states, got {y.dtype}. Convert y0.")
    if transformed():
        raise ValueError(
            f"method={method.name!r} looks at values, and cannot run inside torch.func's transforms (vmap, grad, jvp). "
            "Solve one after the other there, or take an explicit method with a fixed step."
        )


def refuse_recording(method, instead, *tensors):
    """Raise ValueError for tensors that autograd records. instead: what to use, for the message."""
    if torch.is_grad_enabled() and any(v.requires_grad for v in tensors):
        raise ValueError(
            f"method={method.name!r} cannot be differentiated step by step: its matrices are values. "
            f"Use {instead}; or, if no gradient is wanted, solve under torch.no_grad()."
        )
