"""sharpness: against the whole Hessian's eigenvalues; what is refused."""

import pytest
import torch

from nodekit.models.sharpness import hessian_product, sharpness

F64 = torch.float64


def net_and_loss(seed, dtype=F64):
    g = torch.Generator().manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)).to(dtype)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=dtype))
    x, y = torch.randn(7, 3, generator=g, dtype=dtype), torch.randn(7, 2, generator=g, dtype=dtype)
    return net, lambda: ((net(x) - y) ** 2).mean()


def hessian(net, loss):
    """By one backward pass for each weight: (p, p)."""
    parameters = list(net.parameters())
    flat = torch.cat([g.flatten() for g in torch.autograd.grad(loss(), parameters, create_graph=True)])
    rows = [torch.autograd.grad(entry, parameters, retain_graph=True, allow_unused=True) for entry in flat]
    return torch.stack(
        [torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(row, parameters, strict=True)])
         for row in rows]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_is_the_largest_eigenvalue(seed):
    """To its tolerance, of the whole Hessian; the weights and their gradients stay as they were."""
    net, loss = net_and_loss(seed)
    exact = torch.linalg.eigvalsh(hessian(net, loss))
    found = loss()
    assert sharpness(found, net.parameters(), tol=1e-6) == pytest.approx(exact[-1].item(), rel=2e-6)
    assert sharpness(found, net.parameters()) == pytest.approx(exact[-1].item(), rel=2e-3)
    assert all(p.grad is None for p in net.parameters())
    found.backward()  # nothing of the graph was freed


def test_the_largest_is_not_the_largest_in_size():
    """Of the curvatures −9, 2, 0.5 it is 2; and −0.5 where all are negative."""
    x = torch.tensor([0.3, -1.0, 2.0], dtype=F64, requires_grad=True)
    for c, largest in (([-9.0, 2.0, 0.5], 2.0), ([-9.0, -0.5, -3.0], -0.5)):
        loss = (torch.tensor(c, dtype=F64) / 2 * x**2).sum()
        assert sharpness(loss, [x]) == pytest.approx(largest, rel=1e-6)


def test_known_cases():
    """One weight; a loss without curvature; a weight that the loss does not have; a basis that closes early."""
    w = torch.tensor([1.5], dtype=F64, requires_grad=True)
    assert sharpness((w**4).sum(), [w]) == pytest.approx(12 * 1.5**2)
    assert sharpness((3 * w).sum(), [w]) == 0.0
    other = torch.ones(2, 2, dtype=F64, requires_grad=True)
    assert sharpness((2 * w**2).sum(), [w, other]) == pytest.approx(4)
    x = torch.ones(50, dtype=F64, requires_grad=True)
    assert sharpness((x**2).sum() + 0 * x[0], [x]) == pytest.approx(2)


def test_hessian_product():
    """H v, for an H that is not diagonal and a v in no special direction."""
    net, loss = net_and_loss(7)
    parameters = list(net.parameters())
    gradient = torch.autograd.grad(loss(), parameters, create_graph=True)
    v = torch.randn(sum(p.numel() for p in parameters), generator=torch.Generator().manual_seed(1), dtype=F64)
    assert torch.allclose(hessian_product(gradient, parameters, v), hessian(net, loss) @ v, rtol=1e-10)


def test_in_float32_and_with_a_generator():
    """float32 to its tolerance; another random vector finds the same value."""
    net, loss = net_and_loss(3, torch.float32)
    double = net_and_loss(3)
    a = sharpness(loss(), net.parameters())
    b = sharpness(loss(), net.parameters(), generator=torch.Generator().manual_seed(5))
    assert a == pytest.approx(b, rel=2e-3)
    assert double[0][0].weight.dtype == F64


def test_refused():
    """No parameters, a loss without a graph, of two numbers, not finite; and too few products."""
    net, loss = net_and_loss(0)
    with pytest.raises(ValueError, match="needs parameters that require gradients"):
        sharpness(loss(), [])
    for bad in (loss().detach(), torch.stack([loss(), loss()]), loss() * float("nan")):
        with pytest.raises(ValueError, match="needs a loss of one finite number"):
            sharpness(bad, net.parameters())
    with pytest.raises(ArithmeticError, match="by most=2 products"):
        sharpness(loss(), net.parameters(), tol=1e-9, most=2)
    zero = torch.zeros(3, dtype=F64, requires_grad=True)
    with pytest.raises(ArithmeticError, match="the Hessian is not finite at these weights"):
        sharpness((zero**1.5).sum(), [zero])


def test_a_negative_eigenvalue_that_is_larger_in_size_hides_nothing():
    """Curvatures of −1e4 and 3 and 400 within ±1: the largest is 3."""
    g = torch.Generator().manual_seed(2)
    curvatures = torch.cat([torch.tensor([-1e4, 3.0]), 2 * torch.rand(400, generator=g) - 1]).double()
    w = torch.zeros(402, dtype=torch.float64, requires_grad=True)
    assert abs(sharpness((curvatures * w**2).sum() / 2, [w]) - 3) < 3e-3


def test_a_loss_made_before_no_grad():
    w = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64, requires_grad=True)
    loss = (w**4).sum()
    with torch.no_grad():
        assert abs(sharpness(loss, [w]) - 48) < 1e-6


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: sharpness((w**2).sum(), [torch.zeros(2, requires_grad=True)]), ValueError, "another net"),
        (lambda w: sharpness((w**2).sum(), w), TypeError, "list of tensors"),
        (lambda w: sharpness((w**2).sum(), [w], most=0), ValueError, "most=0 must be an int of at least 1"),
        (
            lambda w: sharpness((w**2).sum(), [w, torch.zeros(2, requires_grad=True)]),
            TypeError,
            "must be of one type, got .'torch.float32', 'torch.float64'",
        ),
        (
            lambda w: hessian_product(torch.autograd.grad((w**2).sum(), [w]), [w], w.detach()),
            ValueError,
            "create_graph=True",
        ),
    ],
)
def test_what_would_be_zero_without_a_word(make, error, words):
    with pytest.raises(error, match=words):
        make(torch.ones(3, dtype=torch.float64, requires_grad=True))
