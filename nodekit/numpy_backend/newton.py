"""What Newton's method needs on NumPy arrays: Jacobians and inverses (lessons 14 and 15).

`Jacobian` is ∂f/∂y from the user, from differences of f, or from autograd; `with_time` has ∂f/∂t too, for the methods
that want it. `inverse` is that of a Newton matrix. All are values, never autograd's boxes: how a
gradient goes through an implicit step is decided elsewhere.
"""

import math
import warnings

import numpy as np
from autograd.core import make_jvp, make_vjp
from autograd.tracer import getval, isbox, trace_stack

from nodekit.numpy_backend.state import all_finite

AGREEMENT = 1e-3  # how far autograd may be from a difference quotient, relatively, before it is not believed
SUSPICION = 1e-2  # how far, in the quick look at every step, before it is compared as carefully as at first


class Jacobian:
    """∂f/∂y at (t, y): call it with t and the flat state (d,) for an array (d, d).

    field: f on flat states, a `Field`, which counts every evaluation made here. jac: the user's jac(t, y), with y in
    f's shape; None for forward differences; or "autograd". autograd is tried at the first call: when it raises, or
    disagrees with a difference quotient of f, differences are used from then on. njev counts the calls.

    Differences are the default because a Newton iteration corrects what they leave: on HIRES, Robertson and van der
    Pol they give the same error as autograd's, whose d backward passes take two to eight times the time of the solve.

    smallest: (d,) or a number, the size of a component below which differences take it to be that large. Where atol
    takes over from rtol, at atol/rtol, is the right size: smaller values do not matter.

    For a complex state f must be holomorphic in y.

    Raises ValueError when jac returns a shape other than (d, d) or y.shape + y.shape, TypeError when it is no function.
    """

    def __init__(self, field, jac=None, smallest=1e-3):
        if not (jac is None or callable(jac) or (isinstance(jac, str) and jac == "autograd")):
            raise TypeError(f'jac must be a function jac(t, y), "autograd" or None, got {type(jac).__name__}.')
        self.field, self.jac, self.smallest, self.njev = field, jac if callable(jac) else None, smallest, 0
        wanted = False if jac is None else None  # None: whether f allows it is not known before the first call
        self.by_autograd = self.time_by_autograd = wanted

    def __call__(self, t, y):
        return self.from_user(t, getval(y)) if self.jac else self.with_value(t, y)[0]

    def with_value(self, t, y):
        """(∂f/∂y, f) at (t, y), (d, d) and (d,): the one meets the other on its way."""
        y = getval(y)
        self.njev += 1
        if self.by_autograd is not False:
            found = _attempt(rows if self.by_autograd else checked_rows, self.field, t, y, self.smallest)
            self.by_autograd = found is not None
            if self.by_autograd:
                return found
        return columns(self.field, t, y, self.smallest)

    def from_user(self, t, y):
        self.njev += 1
        shape, d = self.field.shape, y.size
        matrix = np.asarray(getval(self.jac(t, y.reshape(shape))), y.dtype)
        if matrix.shape != (d, d) and matrix.shape != shape + shape:
            expected = f"({d}, {d})" if shape == (d,) else f"({d}, {d}) or {shape + shape}"
            raise ValueError(
                f"jac returned shape {matrix.shape} at t = {t!r}; for y of shape {shape} it must be {expected}: "
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
            matrix, k = self.from_user(t, y), getval(self.field(t, y)) if k is None else k
        else:
            matrix, k = self.with_value(t, y)
        slope = self.time_derivative(t, y, k, h)
        if (self.by_autograd or self.time_by_autograd) and self._suspicious(t, y, k, h, matrix, slope):
            self.by_autograd, self.time_by_autograd = self.by_autograd and None, self.time_by_autograd and None
            self.njev -= 1
            matrix, slope = self(t, y), self.time_derivative(t, y, k, h)
        return matrix, slope, k

    def _suspicious(self, t, y, k, h, matrix, slope):
        s = time_move(t, h, y.dtype)
        move = moves(y, k, self.smallest)
        move[(np.arange(1, y.size + 1) * (2 * self.njev + 1) >> 1) % 2 == 0] *= -1  # another direction every time
        found = _attempt(self.field, t + s, y + move)  # it may lie beyond a border of f
        if found is None or not all_finite(found):  # no number to compare with
            return False
        difference = np.abs(found - k - matrix @ move - s * slope)
        allowed = SUSPICION * (np.abs(matrix) @ np.abs(move) + abs(s) * np.abs(slope)) + _noise(k)
        return not (difference <= allowed).all()

    def time_derivative(self, t, y, k, h):
        """∂f/∂t by autograd's forward mode, checked once; or by a one-sided difference of second order."""
        y, k = getval(y), getval(k)
        if self.time_by_autograd is not False:
            slope = _attempt(time_slope if self.time_by_autograd else checked_time_slope, self.field, t, y, k, h)
            self.time_by_autograd = slope is not None
            if self.time_by_autograd:
                return slope
        return time_difference(self.field, t, y, k, h)


def rows(field, t, y, smallest):
    """(∂f/∂y, f), (d, d) and (d,), by autograd: one evaluation of f, and one backward pass a row."""
    vjp, k = make_vjp(lambda y: field(t, y), y)
    if getval(k).dtype == object:
        raise TypeError("f put autograd's boxes into an array of its own.")
    return np.array([getval(vjp(row)) for row in np.eye(y.size, dtype=y.dtype)]), getval(k)


def checked_rows(field, t, y, smallest):
    """`rows`, or None when they do not give the change of f that one small move of all components causes."""
    matrix, k = rows(field, t, y, smallest)
    move = moves(y, k, smallest)
    move[::2] *= -1
    change = (getval(field(t, y + move)) - getval(field(t, y - move))) / 2  # central: parabolas do not count
    allowed = AGREEMENT * (np.abs(matrix) @ np.abs(move)) + _noise(k)
    return (matrix, k) if (np.abs(matrix @ move - change) <= allowed).all() else None


def columns(field, t, y, smallest):
    """(∂f/∂y, f), (d, d) and (d,), by forward differences: d + 1 evaluations of f."""
    k = getval(field(t, y))
    matrix = np.empty((y.size, y.size), np.result_type(k, y))
    for j, move in enumerate(moves(y, k, smallest)):
        moved = y.copy()
        moved[j] += move
        matrix[:, j] = (getval(field(t, moved)) - k) / (moved[j] - y[j])
    return matrix, k


def moves(y, k, smallest):
    """How far each component is moved: √eps of its size, and the way it is going, k: it may be at a border of f."""
    size = math.sqrt(np.finfo(y.dtype).eps) * np.maximum(np.abs(y), smallest)
    return np.where(k.real < 0, -size, size)


def time_slope(field, t, y, k, h):
    """∂f/∂t (d,) by autograd's forward mode: one evaluation of f, which is all if f does not depend on t."""
    _, slope = make_jvp(lambda t: field(t, y), t)(1.0)
    return np.zeros_like(y) + getval(slope)


def checked_time_slope(field, t, y, k, h):
    """`time_slope`, or None when it disagrees with `time_difference`."""
    slope, other = time_slope(field, t, y, k, h), time_difference(field, t, y, k, h)
    allowed = AGREEMENT * (np.abs(slope) + np.abs(other)) + _noise(k) / abs(time_move(t, h, y.dtype))
    return slope if (np.abs(slope - other) <= allowed).all() else None


def time_difference(field, t, y, k, h):
    """∂f/∂t (d,) at t from f at t, t + s, t + 2s: exact for parabolas."""
    s = time_move(t, h, y.dtype)
    return (4 * getval(field(t + s, y)) - getval(field(t + 2 * s, y)) - 3 * k) / (2 * s)


def time_move(t, h, dtype):
    """s with |2s| <= |h| and h's sign, ∛eps of h's or t's size, such that t + s and t + 2s are exact sums."""
    size = min(float(np.finfo(dtype).eps) ** (1 / 3) * max(abs(t), abs(h)), abs(h) / 2)
    exponent = math.frexp(size)[1] - 1
    return math.copysign(math.ldexp(1.0, exponent), h)


def inverse(matrix):
    """The inverse of a Newton matrix (d, d), or None when it is singular or not finite.

    Multiplying by it costs a tenth of solving with a factorisation in NumPy, and is as accurate in all but contrived
    cases: A. Druinsky, S. Toledo, How accurate is inv(A)*b?, 2012. Newton's iteration corrects what rounding leaves.
    """
    try:
        result = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None
    return result if all_finite(result.reshape(-1)) and all_finite(matrix.reshape(-1)) else None


def _attempt(derivative, *arguments):
    """derivative(*arguments), or None when autograd cannot follow f. An error of f's own comes again without it."""
    level = trace_stack.top
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # autograd warns of what does not depend on y or t
            return derivative(*arguments)
    except Exception:
        trace_stack.top = level  # autograd itself does not, and would believe for ever to be differentiating
        return None


def _noise(k):
    """What rounding may have changed in f = k, generously."""
    return 1e3 * np.finfo(k.dtype).eps * np.abs(k).max()


def refuse_boxes(method, *arrays):
    """Raise TypeError for autograd's boxes, which the steps of this method cannot carry."""
    if any(isbox(v) for v in arrays):
        raise TypeError(
            f"method={method.name!r} cannot be differentiated step by step: its matrices are values. "
            "Use solve_and_vjp of nodekit.numpy_backend.gradient with a Runge–Kutta method, or an explicit method here."
        )
