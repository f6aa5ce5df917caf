"""The logarithmic norm of a matrix: how fast a flow can pull two of its solutions apart (built in lesson 13).

For y' = J(t) y it bounds what eigenvalues do not: |y(t)| <= exp(∫ μ(J)) |y(0)|, at all times and for any J(t).
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["logarithmic_norm"]


def logarithmic_norm(matrix: "ArrayLike", norm: float = 2) -> float:
    """μ(A) = lim (|I + hA| − 1)/h for h → 0 from above, in the norm 2, 1 or inf. It may be negative.

    2: the largest eigenvalue of (A + Aᴴ)/2. 1: the largest of Re a_jj + Σ_{i≠j} |a_ij| over the columns j. inf: the
    same over the rows. It lies between the largest real part of an eigenvalue and |A|.

    matrix: (d, d), real or complex. norm: 2, 1 or numpy.inf (float("inf")). Returns a float, per unit of time where
    the matrix is a Jacobian.
    Raises ValueError for a matrix that is not square and finite, and for another norm.

    Sources: G. Dahlquist, Stability and error bounds in the numerical integration of ordinary differential equations,
    1958; S. M. Lozinskii, 1958. The formulas: T. Ström, SIAM J. Numer. Anal. 12, 1975; G. Söderlind, BIT 46, 2006.
    Lesson 13 builds it in the norm 2.
    """
    a: Any = np.asarray(matrix)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size:
        raise ValueError(f"logarithmic_norm needs a square matrix (d, d), got shape {a.shape}.")
    if a.dtype.kind not in "iufc" or not np.isfinite(a).all():
        raise ValueError(f"logarithmic_norm needs finite numbers, got a matrix of {a.dtype} that has others.")
    if norm == 2:
        return float(np.linalg.eigvalsh((a + a.conj().T) / 2)[-1])
    if norm not in (1, np.inf):
        raise ValueError(f"norm={norm!r} must be 2, 1 or inf: no formula is known for the others.")
    diagonal = np.diag(a)
    beside = np.abs(a - np.diag(diagonal)).sum(axis=0 if norm == 1 else 1)
    return float((diagonal.real + beside).max())
