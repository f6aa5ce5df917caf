"""The base, on NumPy arrays, of steppers that solve equations with ∂f/∂y: what steppers/ asks for (lesson 15).

Its twin, with the same names, is torch_backend/equations.py.
"""

import numpy as np

from nodekit.numpy_backend import state
from nodekit.numpy_backend.newton import Jacobian, inverse, refuse_boxes
from nodekit.numpy_backend.state import flat


class Stepper(state.Stepper):
    """A state's kind, the arrays of that kind that a step needs, Jacobians and inverses. Values only, no boxes."""

    Jacobian, inverse = Jacobian, staticmethod(inverse)
    product = staticmethod(np.dot)  # of matrices and vectors: for small ones half the time of @

    @staticmethod
    def applied(matrix, x):
        """matrix @ x of a matrix (m d, m d) and a state x (d,), or m of them as one vector, (m, d)."""
        return np.dot(matrix, x) if x.ndim == 1 else np.dot(matrix, x.reshape(-1)).reshape(x.shape)

    def __init__(self, f, y0, method, *rest):
        """Raises TypeError for autograd's boxes: the matrices of these steps are values."""
        super().__init__(f, y0, method, *rest)
        refuse_boxes(method, y0)
        y = flat(y0)
        self.complex, self.d = y.dtype.kind == "c", y.size
        self.eye, self.eps = np.eye(y.size, dtype=y.dtype), float(np.finfo(y.dtype).eps)

    def only_values(self, *arrays):
        """Raise TypeError for what autograd differentiates."""
        refuse_boxes(self.method, *arrays)

    def records(self, x):
        """Whether a gradient is to flow through x: never here, where a box is an error."""
        refuse_boxes(self.method, x)
        return False

    def zeros(self, rows):
        return np.zeros((rows, self.d), self.kind)

    def stacked(self, rows):
        return np.array(rows)

    def maximum(self, a, b):
        return np.maximum(a, b)

    def numbers(self, *xs):
        """Several 0-d arrays as floats."""
        return (float(xs[0]),) if len(xs) == 1 else tuple(map(float, xs))

    def mixed(self, weights, matrices):
        """Σ_j weights_ij M_j of n square matrices: weights (m, n) -> (m, d·d)."""
        return weights @ np.array(matrices).reshape(len(matrices), -1)

    def spectral_radius(self, matrix):
        """The largest |λ| of a matrix, as a float."""
        return float(np.abs(np.linalg.eigvals(matrix)).max())
