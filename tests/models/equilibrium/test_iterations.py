"""The steps themselves: each against its formula on one sample, with matrices formed in full."""

import pytest
import torch

from nodekit.models.equilibrium.iterations import Anderson, Broyden, Newton, Picard, Singular

F64 = torch.float64


def problem(seed=0, d=5):
    """z -> tanh(W z) + b with an unsymmetric W, for batches; a state (1, d)."""
    g = torch.Generator().manual_seed(seed)
    W, b = torch.randn(d, d, generator=g, dtype=F64) / d**0.5, torch.randn(d, generator=g, dtype=F64)
    return (lambda z: torch.tanh(z @ W.T) + b), W, torch.randn(1, d, generator=g, dtype=F64)


def test_picard_damped():
    f, _, z = problem()
    assert torch.allclose(Picard(f, z, 1, 0.3)(z, f(z)), 0.7 * z + 0.3 * f(z))


def test_newton_by_the_whole_jacobian():
    f, W, z = problem()
    J = (1 - torch.tanh(z @ W.T) ** 2).T * W
    expected = z[0] + torch.linalg.solve(torch.eye(5, dtype=F64) - J, (f(z) - z)[0])
    step = Newton(f, z, 1, 1.0)
    assert torch.allclose(step(z, f(z))[0], expected)
    assert step.njev == 1


def test_newton_names_the_sample_that_is_singular():
    f = lambda z: torch.stack([0.5 * z[0], z[1] + 1.0])  # noqa: E731
    z = torch.zeros(2, 3, dtype=F64)
    with pytest.raises(Singular) as caught:
        Newton(f, z, 1, 1.0)(z, f(z))
    assert caught.value.sample == 1


def test_broyden_by_the_whole_inverse():
    """The sum of u vᵀ is the matrix that Broyden's formula gives, step by step."""
    f, _, z = problem(1)
    step, H, last = Broyden(f, z, 1, 1.0), -torch.eye(5, dtype=F64), None
    for _ in range(6):
        g = f(z) - z
        if last is not None:
            dz, dg = (z - last[0])[0], (g - last[1])[0]
            H = H + torch.outer(dz - H @ dg, dz @ H) / (dz @ H @ dg)
        new = step(z, f(z))
        assert torch.allclose(new[0], z[0] - H @ g[0], atol=1e-10)
        last, z = (z, g), new


@pytest.mark.parametrize("damping", [1.0, 0.4])
def test_anderson_by_least_squares(damping):
    """With the memory of two differences, against torch's least squares on the last three states."""
    f, _, z = problem(2)
    step, zs, gs = Anderson(f, z, 2, damping), [], []
    for _ in range(5):
        zs, gs = [*zs, z[0]][-3:], [*gs, (f(z) - z)[0]][-3:]
        expected = zs[-1] + damping * gs[-1]
        if len(zs) > 1:
            dz, dg = torch.stack(zs, 1).diff(dim=1), torch.stack(gs, 1).diff(dim=1)
            gamma = torch.linalg.lstsq(dg, gs[-1][:, None]).solution
            expected = expected - ((dz + damping * dg) @ gamma)[:, 0]
        z = step(z, f(z))
        assert torch.allclose(z[0], expected, atol=1e-8)
