"""The tangent kernel: against differences and a kernel by hand; the linear ODE against a solve of it."""

import pytest
import torch

import nodekit
from nodekit.models.tangent_kernel import linearised, output_jacobian, tangent_kernel

F64 = torch.float64


def make(seed=0, outputs=1):
    g = torch.Generator().manual_seed(seed)
    net = torch.torch.nn.Sequential(
        torch.torch.nn.Linear(2, 6), torch.torch.nn.Tanh(), torch.torch.nn.Linear(6, outputs)
    ).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=F64))
    x, other = torch.randn(5, 2, generator=g, dtype=F64), torch.randn(3, 2, generator=g, dtype=F64)
    return net, x, other, torch.randn(5, generator=g, dtype=F64)


@pytest.mark.parametrize("outputs", [1, 2])
def test_jacobian_by_differences(outputs):
    """Column by column, in the order of parameters(); it is detached, and the weights stay."""
    net, x, _, _ = make(1, outputs)
    found, columns = output_jacobian(net, x), []
    with torch.no_grad():
        for p in net.parameters():
            for entry in p.view(-1).unbind():
                entry += 1e-6
                up = net(x).flatten()
                entry -= 2e-6
                columns.append((up - net(x).flatten()) / 2e-6)
                entry += 1e-6
    assert torch.allclose(found, torch.stack(columns, 1), atol=1e-7)
    assert not found.requires_grad


def test_kernel():
    """K = J Jᵀ, and between two sets of inputs J(x) J(other)ᵀ, not its transpose; a frozen layer does not count."""
    net, x, other, _ = make()
    J, Jo = output_jacobian(net, x), output_jacobian(net, other)
    assert torch.allclose(tangent_kernel(net, x), J @ J.T)
    assert torch.allclose(tangent_kernel(net, other, x), Jo @ J.T)
    assert torch.linalg.eigvalsh(tangent_kernel(net, x)).min() > -1e-10
    for p in net[0].parameters():
        p.requires_grad_(False)
    hidden = torch.cat([torch.tanh(net[0](x)), torch.ones(5, 1, dtype=F64)], 1)
    assert torch.allclose(tangent_kernel(net, x), hidden @ hidden.T)
    for p in net.parameters():
        p.requires_grad_(False)
    with pytest.raises(ValueError, match="needs a net with weights that require gradients"):
        tangent_kernel(net, x)


def test_linear_ode():
    """The closed form solves u′ = −K(u − y), and at other inputs u′ = −K_between (u − y)."""
    net, x, other, y = make(2)
    K, between = tangent_kernel(net, x), tangent_kernel(net, other, x)
    with torch.no_grad():
        u, v = net(x)[:, 0], net(other)[:, 0]
    t = torch.tensor([0.0, 0.01, 0.3, 2.0], dtype=F64)

    def field(t, state):
        return torch.cat([-K @ (state[:5] - y), -between @ (state[:5] - y)])

    exact = nodekit.solve(field, torch.cat([u, v]), t, rtol=1e-11, atol=1e-12).y
    assert torch.allclose(linearised(K, u, y, t), exact[:, :5], atol=1e-8)
    assert torch.allclose(linearised(K, u, y, t, between, v), exact[:, 5:], atol=1e-8)


def test_exact_for_a_model_linear_in_its_weights():
    """Gradient flow of ½ Σ (w·φ(x) − y)², with fewer weights than samples: K has zeros among its eigenvalues."""
    net = torch.torch.nn.Linear(2, 1).double()
    _, x, other, y = make(3)
    design = torch.cat([x, torch.ones(5, 1, dtype=F64)], 1)
    w = torch.cat([net.weight[0], net.bias]).detach()
    t = torch.linspace(0, 3, 7, dtype=F64)
    path = nodekit.solve(lambda t, w: -design.T @ (design @ w - y), w, t, rtol=1e-11, atol=1e-13).y
    K = tangent_kernel(net, x)
    start, at = (net(z)[:, 0].detach() for z in (x, other))
    assert torch.allclose(linearised(K, start, y, t), path @ design.T, atol=1e-8)
    beside = torch.cat([other, torch.ones(3, 1, dtype=F64)], 1)
    assert torch.allclose(linearised(K, start, y, t, tangent_kernel(net, other, x), at), path @ beside.T, atol=1e-8)


def test_an_eigenvalue_of_zero():
    """φ is t where λ = 0, not 0/0."""
    K, zero = torch.zeros(2, 2, dtype=F64), torch.zeros(2, dtype=F64)
    found = linearised(K, zero, torch.ones(2, dtype=F64), [0.0, 2.0], torch.eye(2, dtype=F64), zero)
    assert found.tolist() == [[0.0, 0.0], [2.0, 2.0]]


def test_refused():
    K, u = torch.eye(3, dtype=F64), torch.zeros(3, dtype=F64)
    with pytest.raises(ValueError, match=r"kernel \(n, n\), start \(n,\) and target \(n,\) are wanted, got \(3, 3\)"):
        linearised(K, u, torch.zeros(2, dtype=F64), [0.0])
    with pytest.raises(ValueError, match="go together"):
        linearised(K, u, u, [0.0], between=K)
    with pytest.raises(ValueError, match=r"between must be \(2, 3\), got \(3, 2\)"):
        linearised(K, u, u, [0.0], torch.ones(3, 2, dtype=F64), torch.zeros(2, dtype=F64))


def test_a_layer_held_twice_is_left_whole():
    """The derivatives of its weights add up, as autograd's do, and the net can still be trained."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2).double()
    net, x = torch.nn.Sequential(layer, torch.nn.Tanh(), layer), torch.randn(3, 2, dtype=torch.float64)
    found = output_jacobian(net, x)
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(out, list(net.parameters()), retain_graph=True)])
        for out in net(x).flatten()
    ]
    assert torch.allclose(found, torch.stack(rows))
    assert isinstance(layer.weight, torch.nn.Parameter)
    net(x).sum().backward()
    assert layer.weight.grad is not None


def test_rounding_eigenvalues_do_not_grow():
    """A kernel of rank 1: what it does not see stays, however late."""
    v = torch.tensor([1.0, 2.0, -1.0])
    late = linearised(torch.outer(v, v), torch.tensor([1.0, 0.0, 1.0]), torch.zeros(3), [1e8])
    assert late.abs().max() <= 1.1


@pytest.mark.parametrize(
    ("change", "words"),
    [({"kernel": torch.triu(torch.ones(3, 3))}, "must be symmetric"), ({"t": [-1.0]}, "at least 0")],
)
def test_linearised_refuses(change, words):
    given = {"kernel": torch.eye(3), "start": torch.ones(3), "target": torch.zeros(3), "t": [1.0], **change}
    with pytest.raises(ValueError, match=words):
        linearised(**given)
