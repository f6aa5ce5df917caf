"""Linear stability of a Runge–Kutta method (built in lesson 03).

On y' = λy a step multiplies y by R(hλ). The method is stable there when |R(z)| <= 1, z = hλ.
"""

import numpy as np

from nodekit import methods


def stability_function(tableau, z):
    """R(z) of a method: y1 = R(hλ) y on y' = λy.

    tableau: a Tableau or a name. z: complex number or array of any shape. Returns an array of z's shape, complex.
    Raises ValueError for an unknown name. Source: Hairer, Wanner, Solving Ordinary Differential Equations II,
    1996, section IV.2: the stages of y' = λy with y = 1 and h = 1, written as k_i = z (1 + Σ a_ij k_j).
    """
    tableau = methods.get(tableau)
    z = np.asarray(z, complex)
    k = []
    for a_i in tableau.a:
        k.append(z * (1 + sum(a_ij * k_j for a_ij, k_j in zip(a_i, k, strict=True))))
    return 1 + sum(b_i * k_i for b_i, k_i in zip(tableau.b, k, strict=True))
