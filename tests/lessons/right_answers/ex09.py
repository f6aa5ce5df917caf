"""Right answers to the exercises of lesson 09 in other forms than the solution's."""

import numpy as np
from sklearn.isotonic import IsotonicRegression


def unwrapped(curve, point):
    closed = np.vstack([curve, curve[:1]]) - point
    angle = np.unwrap(np.arctan2(closed[:, 1], closed[:, 0]))
    return round((angle[-1] - angle[0]) / (2 * np.pi))


def complex_turns(curve, point):
    z = (curve - point) @ np.array([1, 1j])
    return np.int64(np.rint(np.angle(np.roll(z, -1) / z).sum() / (2 * np.pi)))


RIGHT = {
    "best_monotone": {"scikit-learn's": lambda y: IsotonicRegression().fit_transform(np.arange(len(y)), y)},
    "winding_number": {"np.unwrap": unwrapped, "complex numbers": complex_turns},
    "augment": {
        "np.pad": lambda x, p: np.pad(x, ((0, 0), (0, p))),
        "np.hstack": lambda x, p: np.hstack([x, np.zeros((x.shape[0], p), dtype=x.dtype)]),
    },
    "turning_field": {
        "clockwise": lambda t, z: np.pi * np.array([z[1], -z[0]]),
        "three half turns": lambda t, z: 3 * np.pi * np.array([-z[1], z[0]]),
        "faster and faster": lambda t, z: 2 * t * np.pi * np.array([-z[1], z[0]]),
    },
    "lifting_field": {
        "another level": lambda t, z: np.array([0.0, 0.0, z[0] ** 2 + z[1] ** 2 - 0.7]),
        "tanh, late": lambda t, z: np.array([0.0, 0.0, t * np.tanh(5 * (np.hypot(z[0], z[1]) - 0.75))]),
    },
}
