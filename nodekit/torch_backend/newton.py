"""What Newton's method needs on torch tensors: Jacobians and inverses (lessons 14 and 15).

Its twin, with the same names, is numpy_backend/newton.py. `Jacobian` is ∂f/∂y from the user, from differences of f, or
from autograd; `with_time` has ∂f/∂t too, for the methods that want it. `inverse` is that of a Newton matrix. All are
values, on the state's device: how a gradient goes through an implicit step is decided elsewhere.
"""

import math
import warnings

import torch

from nodekit.torch_backend.state import all_finite, transformed

AGREEMENT = 1e-3  # how far autograd may be from a difference quotient, relatively, before it is not believed
SUSPICION = 1e-2  # how far, in the quick look at every step, before it is compared as carefully as at first


class Jacobian:
    """∂f/∂y at (t, y): call it with t and the flat state (d,) for a tensor (d, d).

    field: f on flat states, a `Field`, which counts every evaluation made here. jac: the user's jac(t, y), with t and y
    as f gets them; None for forward differences; or "autograd". autograd is tried at the first call: when it raises, or
    disagrees with a difference quotient of f, differences are used from then on. njev counts the calls.

    Differences are taken one after the other: under torch.func.vmap they cost 2 to 5 times as much for 2 components,
    as much for about 10, a third for 50, and f may not look at values. Of 20 components and more take "autograd": its
    d backward passes are one batch.

    smallest: (d,) or a number, the size of a component below which differences take it to be that large. Where atol
    takes over from rtol, at atol/rtol, is the right size: smaller values do not matter.

    For a complex state f must be holomorphic in y.

    Raises ValueError when jac returns a shape other than (d, d) or y.shape + y.shape, TypeError when it is no function
    or returns no numbers.
    """

    def __init__(self, field, jac=None, smallest=1e-3):
        if not (jac is None or callable(jac) or (isinstance(jac, str) and jac == "autograd")):
            raise TypeError(f'jac must be a function jac(t, y), "autograd" or None, got {type(jac).__name__}.')
        self.field, self.jac, self.smallest, self.njev = field, jac if callable(jac) else None, smallest, 0
        wanted = False if jac is None else None  # None: whether f allows it is not known before the first call
        self.by_autograd = self.time_by_autograd = wanted

    def __call__(self, t, y):
        return self.from_user(t, y.detach()) if self.jac else self.with_value(t, y)[0]

    def with_value(self, t, y):
        """(∂f/∂y, f) at (t, y), (d, d) and (d,): the one meets the other on its way."""
        y = y.detach()
        self.njev += 1
        if self.by_autograd is not False:
            found = _attempt(rows if self.by_autograd else checked_rows, self.field, t, y, self.smallest)
            self.by_autograd = found is not None
            if self.by_autograd:
                return found
        return columns(self.field, t, y, self.smallest)

    def from_user(self, t, y):
        self.njev += 1
        shown, d = self.field.show(y), y.numel()
        shape = tuple(shown.shape) if isinstance(shown, torch.Tensor) else (d,)
        matrix = self.jac(time(self.field, t), shown)
        try:
            matrix = torch.as_tensor(matrix, dtype=y.dtype, device=y.device).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"jac returned {type(matrix).__name__} at t = {t!r}: it must be a matrix.") from error
        if matrix.shape != (d, d) and matrix.shape != shape + shape:
            expected = f"({d}, {d})" if shape == (d,) else f"({d}, {d}) or {shape + shape}"
            raise ValueError(
                f"jac returned shape {tuple(matrix.shape)} at t = {t!r}; for y of shape {shape} it must be {expected}: "
                "the derivative of component i of f by component j of y in row i and column j."
            )
        return matrix.reshape(d, d)

    def with_time(self, t, y, k, h):
        """(∂f/∂y, ∂f/∂t, f), (d, d), (d,) and (d,), at (t, y), from times between t and t + h alone.

        k: f(t, y) where it is known already.

        What autograd says agrees, at its first call, with differences of f. That may be a coincidence: a slope that it
        does not see, as through t.item(), may be zero there. So at every call one evaluation of f nearby is compared
        with what both predict, and where it differs by more than SUSPICION they are checked as at first.
        """
        if self.jac:
            matrix, k = self.from_user(t, y), self.field(t, y) if k is None else k
        else:
            matrix, k = self.with_value(t, y)
        y, k = y.detach(), k.detach()
        slope = self.time_derivative(t, y, k, h)
        if (self.by_autograd or self.time_by_autograd) and self._suspicious(t, y, k, h, matrix, slope):
            self.by_autograd, self.time_by_autograd = self.by_autograd and None, self.time_by_autograd and None
            self.njev -= 1
            matrix, slope = self(t, y), self.time_derivative(t, y, k, h)
        return matrix, slope, k

    def _suspicious(self, t, y, k, h, matrix, slope):
        s, real = time_move(t, h, self.field.dtype), matrix.real.dtype
        move = moves(y, k, self.smallest)
        pattern = (torch.arange(1, y.numel() + 1, device=y.device) * (2 * self.njev + 1) >> 1) % 2
        move[pattern == 0] *= -1  # another direction every time
        found = _attempt(self.field, t + s, y + move)  # it may lie beyond a border of f
        if found is None or not all_finite(found):  # no number to compare with
            return False
        difference = (found - k - matrix @ move.to(matrix.dtype) - s * slope).abs()
        allowed = SUSPICION * (matrix.abs() @ move.abs().to(real) + abs(s) * slope.abs()) + _noise(k)
        return not bool((difference <= allowed).all())

    def time_derivative(self, t, y, k, h):
        """∂f/∂t by autograd's forward mode, checked once; or by a one-sided difference of second order."""
        y, k = y.detach(), k.detach()
        if self.time_by_autograd is not False:
            slope = _attempt(time_slope if self.time_by_autograd else checked_time_slope, self.field, t, y, k, h)
            self.time_by_autograd = slope is not None
            if self.time_by_autograd:
                return slope
        return time_difference(self.field, t, y, k, h)


def rows(field, t, y, smallest):
    """(∂f/∂y, f), (d, d) and (d,), by autograd: one evaluation of f, and one backward pass a row."""
    with torch.inference_mode(False), torch.enable_grad():
        y = y.detach().clone().requires_grad_()
        k = field(t, y)
        return backward_rows([k], [y])[0], k.detach()


def backward_rows(ks, ys, create_graph=False):
    """∂k_i/∂y_i (d, d) of each pair, from its graph: one batched backward pass. No k_i may depend on another's y.

    Where torch.func.vmap cannot follow the graph, row after row. create_graph: let the derivatives be differentiated.
    """
    found = [torch.zeros(k.numel(), y.numel(), dtype=y.dtype, device=y.device) for k, y in zip(ks, ys, strict=True)]
    recorded = [i for i, k in enumerate(ks) if k.requires_grad]
    if not recorded:
        return found
    ks, ys = [ks[i] for i in recorded], [ys[i] for i in recorded]
    eye = torch.eye(ks[0].numel(), dtype=ks[0].dtype, device=ks[0].device)
    arguments = {"retain_graph": True, "create_graph": create_graph, "allow_unused": True}
    try:
        parts = torch.autograd.grad(ks, ys, [eye] * len(ks), is_grads_batched=True, **arguments)
    except RuntimeError:
        one_by_one = [torch.autograd.grad(ks, ys, [e] * len(ks), **arguments) for e in eye]
        parts = [None if rs[0] is None else torch.stack(rs) for rs in zip(*one_by_one, strict=True)]
    for i, part in zip(recorded, parts, strict=True):
        if part is not None:
            found[i] = part.conj() if part.is_complex() else part  # torch's vjp is by the conjugate transpose
    return found


def checked_rows(field, t, y, smallest):
    """`rows`, or None when they do not give the change of f that one small move of all components causes."""
    matrix, k = rows(field, t, y, smallest)
    move = moves(y, k, smallest)
    move[::2] *= -1
    change = (field(t, y + move) - field(t, y - move)).detach() / 2  # central: parabolas do not count
    allowed = AGREEMENT * (matrix.abs() @ move.abs().to(matrix.real.dtype)) + _noise(k)
    return (matrix, k) if bool(((matrix @ move.to(matrix.dtype) - change).abs() <= allowed).all()) else None


def columns(field, t, y, smallest):
    """(∂f/∂y, f), (d, d) and (d,), by forward differences: d + 1 evaluations of f."""
    k = field(t, y).detach()
    moved = y + torch.diag(moves(y, k, smallest)).to(y.dtype)
    slopes = torch.stack([field(t, row) for row in moved]).detach()
    return ((slopes - k) / (moved.diagonal() - y)[:, None]).T, k


def moves(y, k, smallest):
    """How far each component is moved: √eps of its size, and the way it is going, k: it may be at a border of f."""
    size = math.sqrt(torch.finfo(y.dtype).eps) * torch.clamp(y.abs(), min=smallest)
    return torch.where(k.real < 0, -size, size)


def time(field, t):
    """t as f gets it."""
    return torch.full((), t, dtype=field.dtype, device=field.device)


def time_slope(field, t, y, k, h):
    """∂f/∂t (d,) by autograd's forward mode: one evaluation of f, which is all if f does not depend on t."""
    field.nfev += 1
    with torch.inference_mode(False), torch.autograd.forward_ad.dual_level():
        at = torch.autograd.forward_ad.make_dual(time(field, t), torch.ones((), dtype=field.dtype, device=field.device))
        value = field.checked(field.slopes(field.f(at, field.show(y.clone())), t), y)
        slope = torch.autograd.forward_ad.unpack_dual(value).tangent
    return torch.zeros_like(y) if slope is None else slope.detach()


def checked_time_slope(field, t, y, k, h):
    """`time_slope`, or None when it disagrees with `time_difference`."""
    slope, other = time_slope(field, t, y, k, h), time_difference(field, t, y, k, h)
    move = abs(time_move(t, h, field.dtype))
    rounding = torch.finfo(field.dtype).eps * abs(t) / move  # f gets the time in the precision of the state
    allowed = (AGREEMENT + rounding) * (slope.abs() + other.abs()) + _noise(k) / move
    return slope if bool(((slope - other).abs() <= allowed).all()) else None


def time_difference(field, t, y, k, h):
    """∂f/∂t (d,) at t from f at t, t + s, t + 2s: exact for parabolas. Recorded where autograd is at work."""
    s = time_move(t, h, field.dtype)
    k1, k2 = field(t + s, y), field(t + 2 * s, y)
    return (4 * k1 - k2 - 3 * k) / (2 * s)


def time_move(t, h, dtype):
    """s with |2s| <= |h| and h's sign, ∛eps of h's or t's size, such that t + s and t + 2s are exact sums."""
    size = min(torch.finfo(dtype).eps ** (1 / 3) * max(abs(t), abs(h)), abs(h) / 2)
    exponent = math.frexp(size)[1] - 1
    return math.copysign(math.ldexp(1.0, exponent), h)


def inverse(matrix):
    """The inverse of a Newton matrix (d, d), or None when it is singular or not finite.

    Multiplying by it costs a fifth of solving with a factorisation in torch, and is as accurate in all but contrived
    cases: A. Druinsky, S. Toledo, How accurate is inv(A)*b?, 2012. Newton's iteration corrects what rounding leaves.
    """
    result, info = torch.linalg.inv_ex(matrix)
    good = info.item() == 0 and all_finite(result.reshape(-1)) and all_finite(matrix.reshape(-1))
    return result if good else None


def _attempt(derivative, *arguments):
    """derivative(*arguments), or None when autograd cannot follow f. An error of f's own comes again without it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of what it takes the value out of
            return derivative(*arguments)
    except Exception:
        return None


def _noise(k):
    """What rounding may have changed in f = k, generously."""
    return 1e3 * torch.finfo(k.dtype).eps * k.abs().max()


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
