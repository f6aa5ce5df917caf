"""The energy that a symplectic method conserves in place of H, by its series in the step h (built in lesson 17).

A splitting is a product of flows, of T(p) and of V(q), and a product of exponentials is one exponential: that of the
modified energy H̃ = H + h H₁ + h² H₂ + … (Baker, Campbell, Hausdorff). The terms are Poisson brackets of T and V.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd import elementwise_grad

from nodekit import methods
from nodekit.arrays import is_torch
from nodekit.methods.geometric import Splitting

__all__ = ["Brackets", "bracket_coefficients", "modified_hamiltonian", "poisson_bracket"]

Function = Callable[[Any], Any]


def as_states(y: Any) -> Any:
    """y as floats (..., 2d). Raises TypeError for what autograd does not take, ValueError without two halves."""
    if is_torch(y):
        raise TypeError("y is a torch tensor; modified energies are made with autograd, for NumPy arrays.")
    y = y * 1.0 if hasattr(y, "shape") else np.asarray(y, float)  # of integers there is no derivative
    if y.ndim == 0 or y.shape[-1] % 2 or y.shape[-1] == 0:
        raise ValueError(f"y has shape {y.shape}; along the last axis d positions, then d momenta, were expected.")
    return y


class Brackets(NamedTuple):
    """H̃ = H + h tv {T, V} + h² (ttv {{T, V}, T} + vvt {{V, T}, V}) + O(h³); {A, B} = ∂A/∂q·∂B/∂p − ∂A/∂p·∂B/∂q."""

    tv: float
    ttv: float
    vvt: float


def poisson_bracket(first: Function, second: Function) -> Function:
    """{A, B} = ∂A/∂q·∂B/∂p − ∂A/∂p·∂B/∂q, as a function of y (..., 2d) -> (...): the rate of A along the flow of B.

    first, second: A and B, functions y = (q, p) (..., 2d) -> (...), written in autograd.numpy, one sample at a time.
    The function raises ValueError for a y without two halves, TypeError for one that is no NumPy array.

    Source: E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, 2006, eq. VII.2.6. Lesson 17 builds it.
    """
    slopes_a, slopes_b = elementwise_grad(first), elementwise_grad(second)

    def bracket(y: Any) -> Any:
        y = as_states(y)
        d = y.shape[-1] // 2
        a, b = slopes_a(y), slopes_b(y)
        return anp.sum(a[..., :d] * b[..., d:] - a[..., d:] * b[..., :d], axis=-1)

    return bracket


def bracket_coefficients(method: str | Splitting) -> Brackets:
    """The coefficients of h {T, V}, h² {{T, V}, T} and h² {{V, T}, V} in the modified energy of a splitting.

    method: a Splitting, or its name: "symplectic_euler", "leapfrog", "yoshida4". A method of order 2 has tv = 0, one of
    order 3 or more three zeros.
    Raises ValueError for a method that is no splitting.

    Source: Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, sections III.4 and IX.3 (eq. 4.11 there for
    two exponentials, applied factor by factor).
    """
    splitting = methods.get(method) if isinstance(method, str) else method
    if not isinstance(splitting, Splitting):
        names = [name for name, m in methods.METHODS.items() if isinstance(m, Splitting)]
        raise ValueError(f"method={method!r} is no splitting into kicks and drifts. Choose one of: {', '.join(names)}.")
    # So far: the exponential of t T + v V + tv {T, V} + ttv {{T, V}, T} + vvt {{V, T}, V}. A factor exp(a T) or
    # exp(a V) joins it on the right. Fields and energies multiply in opposite orders: [A, B] of the fields is {B, A}.
    t = v = tv = ttv = vvt = 0.0
    for kick, drift in zip(splitting.kicks, splitting.drifts, strict=True):
        for a, b in ((0.0, kick), (drift, 0.0)):
            # Z = (t, v) so far, W = (a, b): Z + W + ½ [Z, W] + (1/12) [Z − W, [Z, W]]; of [Z, W] the first term is c.
            c = v * a - t * b  # [Z, W] = c {T, V}
            ttv += -tv * a / 2 + (t - a) * c / 12
            vvt += tv * b / 2 - (v - b) * c / 12
            tv += c / 2
            t, v = t + a, v + b
    return Brackets(tv, ttv, vvt)


def modified_hamiltonian(
    method: str | Splitting, h: float, kinetic: Function, potential: Function
) -> Callable[[Any], Any]:
    """H̃ of a splitting for H = T(p) + V(q), up to and with its h²: a function y = (q, p) (..., 2d) -> (...).

    method: a Splitting or its name. h: the step, any sign. kinetic: T, p (..., d) -> (...); potential: V,
    q (..., d) -> (...); both in autograd.numpy, with two derivatives, one sample at a time.
    Along the method H̃ changes by O(h³) (O(h⁴) where the method is symmetric), over times exponentially long in 1/h
    where T and V are analytic and the path stays in a bounded set.
    Raises ValueError for a method that is no splitting, a step that is no finite number, a y without two halves, and a
    kinetic or potential that does not give one number for each sample.

    Source: Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, sections IX.3 and IX.8. Lesson 17 builds it.
    """
    if not isinstance(h, Real) or not np.isfinite(float(h)):
        raise ValueError(f"h={h!r} must be a finite number.")
    coefficients = bracket_coefficients(method)

    def t_of(y: Any) -> Any:
        return kinetic(y[..., y.shape[-1] // 2 :])

    def v_of(y: Any) -> Any:
        return potential(y[..., : y.shape[-1] // 2])

    tv = poisson_bracket(t_of, v_of)
    terms = (
        (h * coefficients.tv, tv),
        (h**2 * coefficients.ttv, poisson_bracket(tv, t_of)),
        (h**2 * coefficients.vvt, poisson_bracket(poisson_bracket(v_of, t_of), v_of)),
    )

    def energy(y: Any) -> Any:
        y = as_states(y)
        for name, part in (("kinetic", t_of(y)), ("potential", v_of(y))):
            if anp.shape(part) != y.shape[:-1]:
                raise ValueError(
                    f"{name} returned shape {anp.shape(part)} for {(*y.shape[:-1], y.shape[-1] // 2)}; one number for "
                    f"each sample, {y.shape[:-1]}, was expected: sum over the last axis only."
                )
        return t_of(y) + v_of(y) + sum(factor * term(y) for factor, term in terms if factor)

    return energy
