"""Right answers in other forms to the exercise of lesson 00."""

import numpy as np

A = np.array([[-0.1, -2.0], [2.0, -0.1]])

RIGHT = {
    "spiral": {
        "with the matrix": lambda t, x: A @ x,
        "as a row": lambda t, x: x @ A.T,
        "float32": lambda t, x: (A @ x).astype(np.float32),
        "one component after the other": lambda t, x: np.concatenate([[A[0] @ x], [A[1] @ x]]),
    }
}
