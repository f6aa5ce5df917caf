"""The gradient of one implicit Runge–Kutta step: the implicit function theorem at its end (taught in lesson 15)."""

import torch


def step_vjp(f, stepper, t, y, h, k, a, inside, params):
    """The vjp of one step: (dL/dy, a gradient or None for every parameter, evaluations).

    stepper: an `ImplicitRungeKutta`. k (s, d): the slopes of the step. a: dL/dy1 (d,). inside: (theta (m,),
    dL/dy there (m, d)) or None.
    The adjoints κ_i = dL/dk_i solve κ_i = h (b_i a + Σ b_i(θ) g_θ) + h Σ_j a_ji J_jᵀ κ_j, block after block, the last
    first, and dL/dy = a + Σ g_θ + Σ_j J_jᵀ κ_j. It is exact where the step is solved exactly; h is held.
    Source: W. Hager, "Runge–Kutta methods in optimal control", Numer. Math. 87, 2000.
    """
    rk, s, split, before = stepper.method, len(k), stepper.split, f.nfev
    A = stepper.constant(stepper.a)
    kappa, dL_dy = h * torch.outer(stepper.weights, a), a
    if inside:
        theta, g = inside
        kappa, dL_dy = kappa + h * (stepper.constant(rk.weights_at(theta)).T @ g), dL_dy + g.sum(0)
    with torch.enable_grad():
        Y = [Y_i.detach().requires_grad_() for Y_i in torch.addmm(y, A, k, alpha=h)]
        slopes = [f(t + c * h, Y_i) for c, Y_i in zip(rk.c, Y, strict=True)]
    first = stepper.blocks[0].stages.start  # 1 where the first stage is f(t, y): it needs no Jacobian
    J = torch.stack(stepper.split.rows(slopes[first:], Y[first:])).conj()  # of a complex state the adjoint has Jᴴ
    for block in reversed(stepper.blocks):
        i = block.stages
        of_block = slice(i.start - first, i.stop - first)
        kappa[i] = split.solved(split.system(block.a, J[of_block], h), kappa[i])
        pulled = split.pulled(kappa[i], J[of_block])  # J_jᵀ κ_j, (m, d)
        kappa[: i.start] += h * block.before.T @ pulled
    used = [j for j in range(s) if slopes[j].requires_grad]  # none, where f is constant
    found = torch.autograd.grad([slopes[j] for j in used], [*Y, *params], [kappa[j] for j in used], allow_unused=True)
    dL_dy = dL_dy + sum(g for g in found[:s] if g is not None)
    return dL_dy, found[s:], f.nfev - before
