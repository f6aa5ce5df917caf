"""DEQ: its fixed point, its gradient against the unrolled one and against differences, its memory, its errors."""

import copy
import gc

import pytest
import torch

from nodekit.models.equilibrium import DEQ, FixedPointError, Outcome

F64 = torch.float64


class Layer(torch.nn.Module):
    """tanh(W z + U x + b), W unsymmetric, of a given spectral norm."""

    def __init__(self, factor=0.8, d=5, m=3, seed=0):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        W = torch.randn(d, d, generator=g, dtype=F64)
        self.W = torch.nn.Parameter(W * factor / torch.linalg.matrix_norm(W, 2))
        self.U = torch.nn.Parameter(torch.randn(d, m, generator=g, dtype=F64))
        self.b = torch.nn.Parameter(0.3 * torch.randn(d, generator=g, dtype=F64))

    def forward(self, z, x):
        return torch.tanh(z @ self.W.T + x @ self.U.T + self.b)


def inputs(n=4, m=3, seed=1):
    return torch.randn(n, m, generator=torch.Generator().manual_seed(seed), dtype=F64).requires_grad_()


def loss(z):
    """Of all components, unsymmetric."""
    return (torch.sin(z) @ torch.arange(1.0, z.shape[1] + 1, dtype=z.dtype)).mean()


def gradients(layer, x, z):
    return torch.autograd.grad(loss(z), [x, *layer.parameters()])


def unrolled(f, x, rounds):
    z = torch.zeros(len(x), 5, dtype=F64)
    for _ in range(rounds):
        z = f(z, x)
    return z


@pytest.mark.parametrize("method", ["picard", "newton", "broyden", "anderson"])
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient_are_the_unrolled_ones(method, seed):
    """The bar: 1e-6; both solves at 1e-10 leave 1e-8."""
    f, x = Layer(seed=seed), inputs(seed=seed + 10)
    layer = DEQ(f, 5, method=method, tol=1e-10, max_evaluations=400)
    z, right = layer(x), unrolled(f, x, 300)
    assert torch.allclose(z, right, atol=1e-9)
    for got, expected in zip(gradients(f, x, z), gradients(f, x, right), strict=True):
        assert torch.allclose(got, expected, atol=1e-8)
    assert layer.last.success
    assert layer.last_backward.success


@pytest.mark.parametrize("backward_method", ["picard", "broyden", "anderson"])
def test_backward_methods_by_differences(backward_method):
    f, x = Layer(), inputs()
    layer = DEQ(f, 5, tol=1e-11, max_evaluations=400, backward_method=backward_method)
    assert torch.autograd.gradcheck(lambda x, W: loss(torch.func.functional_call(layer, {"f.W": W}, (x,))), (x, f.W))


def test_gradient_where_the_map_does_not_contract():
    """At a norm of 3 Newton still finds a fixed point, and the gradient is that of the equation: (I − J)⁻ᵀ by hand."""
    f, x = Layer(3.0), inputs(1)
    layer = DEQ(f, 5, method="newton", tol=1e-12, backward_method="anderson", backward_tol=1e-11, memory=8)
    z = layer(x)
    J = (1 - z[0].detach() ** 2)[:, None] * f.W.detach()
    g = torch.cos(z[0].detach()) * torch.arange(1.0, 6.0, dtype=F64)
    u = torch.linalg.solve(torch.eye(5, dtype=F64) - J.T, g)
    expected = (u * (1 - z[0].detach() ** 2)) @ f.U.detach()
    assert torch.allclose(gradients(f, x, z)[0][0], expected, atol=1e-8)


def test_jacobian_free_is_one_product():
    """The vjp of f at the fixed point, with nothing solved; not the gradient, and at an acute angle with it here."""
    f, x = Layer(0.5), inputs()
    layer = DEQ(f, 5, tol=1e-12, gradient="jacobian-free")
    z = layer(x)
    expected = gradients(f, x, f(z.detach(), x))
    free, exact = gradients(f, x, z), gradients(f, x, unrolled(f, x, 200))
    for a, b in zip(free, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-10)
    a, b = (torch.cat([part.flatten() for part in each]) for each in (free, exact))
    assert 0.5 < torch.cosine_similarity(a, b, dim=0) < 0.9999
    assert layer.last_backward is None


def saved_bytes(action):
    """What autograd keeps for the way back."""
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel() * 8) or t, lambda t: t):
        action()
    return sum(sizes)


def test_memory_is_flat_in_the_rounds():
    """A loose and a tight tolerance keep the same; the unrolled layer keeps as many times more as it takes rounds."""
    f, x = Layer(0.9), inputs()
    kept, rounds = [], []
    for tol in (1e-2, 1e-12):
        layer = DEQ(f, 5, "picard", tol=tol, max_evaluations=1000)
        kept.append(saved_bytes(lambda layer=layer: layer(x)))
        rounds.append(layer.last.nfev)
    assert rounds[1] > 5 * rounds[0]
    assert kept[0] == kept[1]
    assert saved_bytes(lambda: unrolled(f, x, 100)) > 50 * kept[0]


def test_no_graph_is_left_behind():
    """A hundred training steps end with as many tensors as ten."""
    f, x = Layer(), inputs()
    layer, counts = DEQ(f, 5), []
    gc.collect()
    gc.disable()
    try:
        for step in range(40):
            loss(layer(x)).backward()
            if step in (9, 39):
                counts.append(sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()))
    finally:
        gc.enable()
    assert counts[0] == counts[1]


def test_the_batch_scales_no_tolerance():
    """The mean over a large batch makes g small; the backward solve is relative to it, so the gradient is as exact."""
    f, x = Layer(), inputs(1)
    one = gradients(f, x, DEQ(f, 5, tol=1e-8)(x))
    small = torch.autograd.grad(1e-9 * loss(DEQ(f, 5, tol=1e-8)(x)), [x, *f.parameters()])
    for a, b in zip(one, small, strict=True):
        assert torch.allclose(a, 1e9 * b, atol=1e-7)


def test_without_gradients_and_with_a_start():
    f, x = Layer(), inputs()
    layer = DEQ(f, 5, tol=1e-10)
    with torch.no_grad():
        z = layer(x)
    assert not z.requires_grad
    layer(x, z)
    assert layer.last.nfev == 1
    assert torch.allclose(copy.deepcopy(layer)(x), z, atol=1e-9)


def test_states_of_any_shape():
    conv = torch.nn.Conv2d(2, 2, 3, padding=1, dtype=F64)

    class Picture(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv

        def forward(self, z, x):
            return torch.tanh(0.5 * self.conv(z) + x)

    x = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(2), dtype=F64)
    layer = DEQ(Picture(), (2, 4, 5), tol=1e-10)
    z = layer(x)
    assert z.shape == (3, 2, 4, 5)
    assert torch.allclose(z, torch.tanh(0.5 * conv(z) + x), atol=1e-8)


def test_a_search_that_fails():
    f, x = Layer(4.0), inputs()
    with pytest.raises(FixedPointError, match="no fixed point found by 'picard'"):
        DEQ(f, 5, "picard", max_evaluations=30)(x)
    layer = DEQ(f, 5, "picard", max_evaluations=30, throw=False)
    layer(x)
    assert layer.last.status is Outcome.MAX_EVALUATIONS


def test_a_way_back_that_fails():
    layer = DEQ(Layer(3.0), 5, "newton", max_evaluations=25, backward_method="picard")
    z = layer(inputs())
    with pytest.raises(FixedPointError, match=r"on the way back, for u = g \+ Jᵀu: no fixed point found by 'picard'"):
        loss(z).backward()
    assert layer.last.success
    assert layer.last_backward.status is Outcome.MAX_EVALUATIONS


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"f": lambda z, x: z}, TypeError, r"nn.Module with forward\(z, x\), got function"),
        ({"size": 0}, ValueError, "size=0 must be an int, at least 1"),
        ({"size": ()}, ValueError, r"size=\(\) must be"),
        ({"size": 2.0}, ValueError, "size=2.0 must be"),
        ({"size": True}, ValueError, "size=True must be"),
        ({"gradient": "unrolled"}, ValueError, "'unrolled' is not known; there are 'implicit', 'jacobian-free'"),
        ({"backward_method": "newton"}, ValueError, "'newton'; there are 'picard', 'broyden' and 'anderson'"),
        ({"backward_tol": -1.0}, ValueError, "tol=-1.0 must be a positive"),
        ({"method": "euler"}, ValueError, "method='euler' is not known"),
    ],
)
def test_bad_arguments(changed, error, words):
    with pytest.raises(error, match=words):
        DEQ(**{"f": Layer(), "size": 5, **changed})


def test_bad_starts_and_inputs():
    layer, x = DEQ(Layer(), 5), inputs()
    with pytest.raises(ValueError, match=r"z0 has shape \(4, 3\); for this x and size it is \(4, 5\)"):
        layer(x, torch.zeros(4, 3, dtype=F64))
    with pytest.raises(TypeError, match="x must be a torch tensor, got list"):
        layer([1.0, 2.0])
    with pytest.raises(ValueError, match=r"x has shape \(\)"):
        layer(torch.tensor(1.0))
    with pytest.raises(TypeError, match=r"x is torch.int64.*give z0"):
        layer(torch.ones(4, 3, dtype=torch.int64))


def test_second_derivatives_are_refused():
    """By each way to them: a wrong Hessian would come without a word."""
    layer = DEQ(Layer(), 5, tol=1e-12)
    x = inputs()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(loss(layer(x)), x, create_graph=True)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.functional.hessian(lambda x: loss(layer(x)), x.detach())


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_gradients_of_any_size(size):
    """The tolerance is relative to g, and no square of g is formed."""
    layer, x = DEQ(Layer(), 5, tol=1e-12), inputs()
    (one,) = torch.autograd.grad(loss(layer(x)), x)
    (other,) = torch.autograd.grad(loss(layer(x)) * size, x)
    assert torch.allclose(other / size, one, rtol=1e-9, atol=0)
