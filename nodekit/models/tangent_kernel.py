"""The tangent kernel of a net, and the linear ODE that its training follows when it is wide (built in lesson 24)."""

import copy
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, jacrev

__all__ = ["linearised", "output_jacobian", "tangent_kernel"]

T = torch.Tensor


def output_jacobian(net: nn.Module, x: T) -> T:
    """The derivatives of all outputs by all weights that require gradients: (outputs, weights), detached.

    net: a Module. x: (n, ...), inputs. The outputs (n, ...) are flattened, sample by sample, and so are the weights,
    in the order of `net.parameters()`. Raises ValueError where no weight requires gradients.
    """
    # A copy: functional_call would take a layer that the net holds twice apart. names: those of net.parameters().
    net = copy.deepcopy(net)
    weights = {name: p.detach() for name, p in net.named_parameters() if p.requires_grad}
    if not weights:
        raise ValueError("output_jacobian needs a net with weights that require gradients, got none.")
    parts = jacrev(lambda w: functional_call(net, w, (x,)).flatten())(weights)
    return torch.cat([part.flatten(1) for part in parts.values()], 1)


def tangent_kernel(net: nn.Module, x: T, other: T | None = None) -> T:
    """K = J(x) J(other)ᵀ, of the outputs' derivatives J by the weights: (outputs at x, outputs at other).

    other: (m, ...), inputs; None: x itself, and K is symmetric without negative eigenvalues. Under gradient flow of
    ½ Σ (output − y)² over the samples x, the outputs obey d(output)/dt = −K (output − y), with the K of the moment.

    Source: A. Jacot, F. Gabriel, C. Hongler, Neural tangent kernel: convergence and generalization in neural networks,
    2018. Lesson 24.
    """
    first = output_jacobian(net, x)
    return first @ (first if other is None else output_jacobian(net, other)).T


def linearised(kernel: T, start: T, target: T, t: Any, between: T | None = None, start_between: T | None = None) -> T:
    """The outputs at the times t of u′ = −K (u − y), u(0) = start, in closed form: (times, n) or (times, m).

    With K = V diag(λ) Vᵀ: u(t) = y + V e^{−λt} Vᵀ (start − y). Where `between` is given, the kernel between m other
    inputs and the n of the training, the outputs there are returned: u(t) = start_between − between V φ(t) Vᵀ
    (start − y), with φ = (1 − e^{−λt})/λ, and t where λ = 0. It is exact for a model that is linear in its weights.

    kernel: (n, n), symmetric. start, target: (n,). t: (times,), numbers >= 0. between: (m, n). start_between: (m,).
    Raises ValueError where shapes do not fit, only one of the last two is given, for a kernel that is not symmetric,
    and for a negative time.

    Source: J. Lee, L. Xiao, S. S. Schoenholz, Y. Bahri, R. Novak, J. Sohl-Dickstein, J. Pennington, Wide neural
    networks of any depth evolve as linear models under gradient descent, 2019. Lesson 24.
    """
    n = len(start)
    if kernel.shape != (n, n) or target.shape != (n,) or start.ndim != 1:
        shapes = f"{tuple(kernel.shape)}, {tuple(start.shape)}, {tuple(target.shape)}"
        raise ValueError(f"kernel (n, n), start (n,) and target (n,) are wanted, got {shapes}.")
    if (between is None) != (start_between is None):
        raise ValueError("between and start_between go together: the kernel at other inputs, and the outputs there.")
    eps = torch.finfo(kernel.dtype).eps
    if (kernel - kernel.T).abs().max() > 100 * n * eps * kernel.abs().max():
        raise ValueError("kernel must be symmetric, as tangent_kernel(net, x) is.")
    steps = torch.as_tensor(t, dtype=kernel.dtype, device=kernel.device).reshape(-1, 1)
    if not bool((steps >= 0).all()):
        raise ValueError(f"t={t!r}: times must be at least 0.")
    values, vectors = torch.linalg.eigh(kernel)
    values = torch.where(values.abs() < n * eps * values.abs().max(), 0.0, values)  # rounding, which would grow
    left = vectors.T @ (start - target)
    if between is None or start_between is None:
        return target + (torch.exp(-values * steps) * left) @ vectors.T
    if between.shape != (len(start_between), n):
        raise ValueError(f"between must be ({len(start_between)}, {n}), got {tuple(between.shape)}.")
    exponent = values * steps
    tiny = exponent.abs() < 1e-12
    phi = torch.where(tiny, steps.expand_as(exponent), -torch.expm1(-exponent) / torch.where(tiny, 1.0, values))
    return start_between - (phi * left) @ vectors.T @ between.T
