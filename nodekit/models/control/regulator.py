"""Linear feedback that holds a state: a field's Jacobians, and the linear-quadratic regulator (built in lesson 28)."""

from typing import Any

import numpy as np
import torch
from scipy import linalg

__all__ = ["held_matrices", "linearise", "regulator"]


def linearise(f: Any, y: Any, u: Any, t: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The Jacobians A = ∂f/∂y and B = ∂f/∂u of a field f(t, y, u) at a state y (d,) and a control u (m,), by autograd.

    f: function or nn.Module of tensors. Returns float64 arrays (d, d) and (d, m).
    Raises ValueError for y and u that are not vectors.
    """
    with torch.inference_mode(False):  # within it, every derivative would be 0
        y, u = (each if each.is_floating_point() else each.double() for each in map(torch.as_tensor, (y, u)))
        if y.ndim != 1 or u.ndim != 1:
            raise ValueError(f"y must be (d,) and u (m,), got {tuple(y.shape)} and {tuple(u.shape)}.")
        A, B = torch.autograd.functional.jacobian(lambda y, u: f(t, y, u), (y, u))
    return A.double().cpu().numpy(), B.double().cpu().numpy()


def held_matrices(A: Any, B: Any, h: float) -> tuple[np.ndarray, np.ndarray]:
    """What x' = A x + B u makes of x after a time h in which u is held: x -> F x + G u, exactly. Returns F, G.

    A: (d, d). B: (d, m). h: float > 0. By the exponential of one matrix, of (x, u) together with u' = 0.
    Raises ValueError for h that is not positive and for shapes that do not fit.

    Source: C. F. Van Loan, Computing integrals involving the matrix exponential, 1978.
    """
    if not 0 < h < float("inf"):
        raise ValueError(f"h={h!r} must be positive: the time for which a control is held.")
    A, B = np.asarray(A, float), np.asarray(B, float)
    if B.ndim != 2 or A.shape != (len(B), len(B)):
        raise ValueError(f"A must be (d, d) and B (d, m), got A {A.shape} and B {B.shape}.")
    d, m = B.shape
    whole = linalg.expm(h * np.block([[A, B], [np.zeros((m, d + m))]]))
    return whole[:d, :d], whole[:d, d:]


def regulator(A: Any, B: Any, Q: Any, R: Any, held: float | None = None) -> np.ndarray:
    """The linear-quadratic regulator: K (m, d) such that u = -K x costs least, for x' = A x + B u.

    The cost is the integral of xᵀ Q x + uᵀ R u over all time. Where controls are held for the time `held`, it is the
    sum over the decisions, of x and u there.

    Parameters
    ----------
    A (d, d), B (d, m) : the linear field, from `linearise` say; x is the distance from the state to be held
    Q (d, d), R (m, m) : symmetric, Q positive semidefinite and R positive definite
    held : float > 0, the time between decisions; None for a control that changes at every moment

    Raises ValueError for shapes that do not fit, for Q and R that are not as said and for `held` that is not positive,
    and scipy.linalg.LinAlgError where no control can hold the state, or where the cheapest one does not, since Q does
    not see a deviation that stays or grows.

    Source: R. E. Kalman, Contributions to the theory of optimal control, 1960.
    """
    A, B, Q, R = (np.asarray(each, float) for each in (A, B, Q, R))
    d, m = B.shape if B.ndim == 2 else (0, 0)
    if not (A.shape == Q.shape == (d, d) and R.shape == (m, m) and d):
        shapes = ", ".join(f"{name} {each.shape}" for name, each in zip("ABQR", (A, B, Q, R), strict=True))
        raise ValueError(f"A and Q must be (d, d), B (d, m) and R (m, m), got {shapes}.")
    # for others SciPy gives a K too, which is not the cheapest
    for name, each, kind in (("Q", Q, "positive semidefinite"), ("R", R, "positive definite")):
        size, least = np.abs(each).max(), np.linalg.eigvalsh(each).min()
        definite = least > 0 if name == "R" else least >= -1e-12 * size
        if not (np.allclose(each, each.T, rtol=0, atol=1e-10 * size) and definite):
            raise ValueError(f"{name} must be symmetric and {kind}.")
    if held is None:
        K = np.linalg.solve(R, B.T @ linalg.solve_continuous_are(A, B, Q, R))
        holds = np.linalg.eigvals(A - B @ K).real.max() < 0
    else:
        F, G = held_matrices(A, B, held)
        P = linalg.solve_discrete_are(F, G, Q, R)
        K = np.linalg.solve(R + G.T @ P @ G, G.T @ P @ F)
        holds = np.abs(np.linalg.eigvals(F - G @ K)).max() < 1
    if not holds:
        raise linalg.LinAlgError("the cheapest control does not hold the state: Q does not see all that grows.")
    return K
