"""What Newton's method needs on NumPy arrays: Jacobians and inverses (lessons 14 and 15).

`Jacobian` is that of steppers/jacobian.py on arrays; `inverse` is that of a Newton matrix. All are values, never
autograd's boxes.
"""

import math
import warnings

import numpy as np

from nodekit.numpy_backend.state import all_finite
from nodekit.private_autograd import getval, isbox, level_restored, make_jvp, make_vjp
from nodekit.steppers import jacobian


class Jacobian(jacobian.Jacobian):
    """∂f/∂y at (t, y), and ∂f/∂t: see steppers/jacobian.py.

    Differences are the default because a Newton iteration corrects what they leave: on HIRES, Robertson and van der
    Pol they give the same error as autograd's, whose d backward passes take two to eight times the time of the solve.
    """

    values, finite, rounds_time = staticmethod(getval), staticmethod(all_finite), False

    def eps(self, x):
        return float(np.finfo(x.dtype).eps)

    def product(self, matrix, v):
        return matrix @ v

    def given(self, t, y):
        shape, sided = self.field.shape, self.field.sided
        t = t if sided is None else sided.inside(t)
        return np.asarray(getval(self.jac(t, y.reshape(shape))), y.dtype), shape

    def rows(self, t, y):
        """(∂f/∂y, f), (d, d) and (d,), by autograd: one evaluation of f, and one backward pass a row."""
        vjp, k = make_vjp(lambda y: self.field(t, y), y)
        if getval(k).dtype == object:
            raise TypeError("f put autograd's boxes into an array of its own.")
        return np.array([getval(vjp(row)) for row in np.eye(y.size, dtype=y.dtype)]), getval(k)

    def columns(self, t, y):
        """(∂f/∂y, f), (d, d) and (d,), by forward differences: d + 1 evaluations of f."""
        k = getval(self.field(t, y))
        matrix = np.empty((y.size, y.size), np.result_type(k, y))
        for j, move in enumerate(self.moves(y, k)):
            moved = y.copy()
            moved[j] += move
            matrix[:, j] = (getval(self.field(t, moved)) - k) / (moved[j] - y[j])
        return matrix, k

    def moves(self, y, k):
        """How far each component is moved: √eps of its size, and the way it is going, k: it may be at a border of f."""
        size = math.sqrt(self.eps(y)) * np.maximum(np.abs(y), self.smallest)
        return np.where(k.real < 0, -size, size)

    def time_slope(self, t, y, k, h):
        """∂f/∂t (d,) by autograd's forward mode: one evaluation of f, which is all if f does not depend on t."""
        _, slope = make_jvp(lambda t: self.field(t, y), t)(1.0)
        return np.zeros_like(y) + getval(slope)

    def attempt(self, derivative, *arguments):
        """derivative(*arguments), or None when autograd cannot follow f. An error of f's own comes again without it."""
        try:
            with warnings.catch_warnings(), level_restored():
                warnings.simplefilter("ignore")  # autograd warns of what does not depend on y or t
                return derivative(*arguments)
        except Exception:
            return None


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


def refuse_boxes(method, *arrays):
    """Raise TypeError for autograd's boxes, which the steps of this method cannot carry."""
    for v in arrays:  # asked at every evaluation: any() of a generator would take longer
        if isbox(v):
            raise TypeError(
                f"method={method.name!r} cannot be differentiated step by step: its matrices are values. Use "
                "solve_and_vjp of nodekit.numpy_backend.gradient with a Runge–Kutta method, or an explicit method here."
            )
