"""The sharpness of a loss: its largest curvature at the weights of the moment (built in lesson 24)."""

from collections.abc import Iterable

import torch

__all__ = ["hessian_product", "sharpness"]


def hessian_product(
    gradient: Iterable[torch.Tensor], parameters: Iterable[torch.Tensor], v: torch.Tensor
) -> torch.Tensor:
    """H v for the Hessian H of a loss by p numbers, without the p² entries of H: one more backward pass. (p,).

    gradient: of the loss by each of the parameters, made with create_graph=True. parameters: the tensors themselves.
    v: (p,), in the order of the parameters, each flattened.
    Raises ValueError for a gradient without a graph: made without create_graph=True, or of a loss that is linear in all
    its parameters, whose H is 0.

    Source: B. A. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 1994. Lesson 24.
    """
    parameters = list(parameters)
    with torch.enable_grad():
        inner = torch.cat([g.flatten() for g in gradient]) @ v
    if not inner.requires_grad:
        raise ValueError("the gradient has no graph: make it with create_graph=True, where gradients are recorded.")
    parts = torch.autograd.grad(inner, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(parts, parameters, strict=True)]
    )


def sharpness(
    loss: torch.Tensor,
    parameters: Iterable[torch.Tensor],
    tol: float = 1e-3,
    most: int = 200,
    generator: torch.Generator | None = None,
) -> float:
    """The largest eigenvalue of the Hessian of a loss: the largest, not the largest in size; it may be negative.

    By Lanczos' method from a random vector: an orthonormal basis of v, Hv, H²v, …, in which H is tridiagonal. It ends
    when the residual |Hu − λu| is at most tol |λ|, or rounding of the eigenvalue that is largest in size; then some
    eigenvalue of H is as near to λ as that. Gradient descent with the learning rate h is stable on the loss's quadratic
    model while the sharpness is below 2/h.

    loss: 0-d tensor with its graph, of which nothing is freed. parameters: tensors that it was computed from, as
    `net.parameters()`. most: int, products with H at most. generator: of the random vector; one with seed 0 if None.
    Returns float. Raises ValueError for a loss that is not one finite number with a graph, without parameters, and
    where the loss depends on none of them; TypeError for parameters of several types, or one tensor; ArithmeticError
    where `most` products do not suffice, and where H is not finite.

    Sources: C. Lanczos, J. Res. Nat. Bur. Standards 45, 1950; J. M. Cohen, S. Kaur, Y. Li, J. Z. Kolter, A. Talwalkar,
    Gradient descent on neural networks typically occurs at the edge of stability, 2021. Lesson 24.
    """
    if isinstance(parameters, torch.Tensor):
        raise TypeError("parameters must be a list of tensors, as net.parameters() gives, and not one tensor.")
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ValueError(f"most={most!r} must be an int of at least 1.")
    parameters = [p for p in parameters if p.requires_grad]
    if not parameters:
        raise ValueError("sharpness needs parameters that require gradients, got none.")
    if loss.ndim or not loss.requires_grad or not torch.isfinite(loss):
        raise ValueError(f"sharpness needs a loss of one finite number with its graph, got {loss!r}.")
    if len({(p.dtype, p.device) for p in parameters}) > 1:
        raise TypeError(f"the parameters must be of one type, got {sorted({str(p.dtype) for p in parameters})}.")
    with torch.enable_grad():
        found = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
        if all(g is None for g in found):
            raise ValueError("the loss does not depend on any of these parameters. Are they those of another net?")
        # 0 times p: a part of the loss that is linear, or does not depend on p, has a graph all the same
        gradient = tuple((0 if g is None else g) + 0 * p for g, p in zip(found, parameters, strict=True))
    size, one = sum(p.numel() for p in parameters), parameters[0]
    generator = generator or torch.Generator(device=one.device).manual_seed(0)
    v = torch.randn(size, generator=generator, dtype=one.dtype, device=one.device)
    basis, on, off = [v / v.norm()], [], []
    for _ in range(min(most, size)):
        w = hessian_product(gradient, parameters, basis[-1])
        if not torch.isfinite(w).all():
            raise ArithmeticError("the Hessian is not finite at these weights: there the loss has no curvature.")
        on.append(basis[-1] @ w)
        for _ in range(2):  # against the whole basis, twice: rounding would let old directions return
            w = w - torch.stack(basis).T @ (torch.stack(basis) @ w)
        off.append(w.norm())
        matrix = torch.diag(torch.stack(on))
        if len(on) > 1:
            side = torch.diag(torch.stack(off[:-1]), 1)
            matrix = matrix + side + side.T
        values, vectors = torch.linalg.eigh(matrix)
        # |Hu − λu| of the vector u = basis · vectors[:, -1]; where nothing is left of w, the basis is closed
        rounding = 10 * torch.finfo(one.dtype).eps * values.abs().max()
        if off[-1] * vectors[-1, -1].abs() <= torch.maximum(tol * values[-1].abs(), rounding) or len(on) == size:
            return values[-1].item()
        basis.append(w / off[-1])
    raise ArithmeticError(
        f"the largest eigenvalue is not found to tol={tol:g} by most={most} products with the Hessian: the last value "
        f"is {values[-1].item():.6g}. Raise tol or most."
    )
