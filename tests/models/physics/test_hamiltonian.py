"""HamiltonianField: against energies whose equations are known, against differences, and inside solves."""

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from autograd import elementwise_grad
from torch import nn

import nodekit
from nodekit.models import CNF, HamiltonianField, NeuralODE
from nodekit.models.physics.hamiltonian import Separable

F64 = torch.float64


def points(*shape, seed=1, dtype=F64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


def net(inputs, seed=0, width=8, dtype=F64):
    """A tanh network inputs -> width -> width -> 1."""
    layers = [nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)]
    model = nn.Sequential(*layers).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.data = (torch.randn(p.shape, generator=generator, dtype=F64) / p.shape[-1] ** 0.5).to(dtype)
    return model


def kepler(y):
    """H = |p|²/2 − 1/|q| in the plane."""
    return y[..., 2:].square().sum(-1) / 2 - 1 / y[..., :2].norm(dim=-1)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (0, 4)])
def test_known_equations(shape):
    """Kepler's problem: q' = p, p' = −q/|q|³, for samples of any leading shape."""
    y = points(*shape)
    q, p = y.chunk(2, -1)
    expected = torch.cat([p, -q / q.norm(dim=-1, keepdim=True) ** 3], -1)
    assert torch.allclose(HamiltonianField(kepler)(0.0, y), expected, rtol=1e-12)


@pytest.mark.parametrize("d", [1, 3])
def test_equal_to_the_lessons_and_to_differences(d):
    """J ∇H as lesson 16 builds it with autograd, and with ∇H by central differences."""
    model, x = net(2 * d), points(6, 2 * d)
    weights = [p.detach().numpy() for p in model.parameters()]

    def network(x):
        W1, b1, W2, b2, w, c = weights
        return (anp.tanh(anp.tanh(x @ W1.T + b1) @ W2.T + b2) @ w.T + c)[..., 0]

    def symplectic(g):
        return np.concatenate([g[..., d:], -g[..., :d]], -1)

    found = HamiltonianField(model)(0.0, x).detach().numpy()
    assert np.allclose(found, symplectic(elementwise_grad(network)(x.numpy())), rtol=1e-12, atol=1e-14)
    sides = [np.stack([network(x.numpy() + s * e) for e in 1e-5 * np.eye(2 * d)], -1) for s in (1, -1)]
    assert np.allclose(found, symplectic((sides[0] - sides[1]) / 2e-5), atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_energy_volume_and_symplectic_form_are_kept(seed):
    """H to 1e-9 along a tight solve, tr ∂f/∂y = 0, and MᵀJM = J for the Jacobian M of the flow: for random weights."""
    field, y = HamiltonianField(net(4, seed)), points(4, seed=seed)
    solution = nodekit.solve(field, y, (0.0, 3.0), rtol=1e-10, atol=1e-12)
    energy = field.energy(solution.y)
    assert (solution.y[-1] - y).abs().max() > 0.1
    assert (energy - energy[0]).abs().max() < 1e-9
    assert abs(torch.func.jacrev(lambda y: field(0.0, y))(y).trace()) < 1e-14
    flow = lambda y: nodekit.solve(field, y, (0.0, 2.0), method="rk4", step=0.02, gradient="backprop").y[-1]  # noqa: E731
    M = torch.autograd.functional.jacobian(flow, y)
    eye, zero = torch.eye(2, dtype=F64), torch.zeros(2, 2, dtype=F64)
    J = torch.cat([torch.cat([zero, eye], 1), torch.cat([-eye, zero], 1)])
    assert (M - torch.eye(4, dtype=F64)).abs().max() > 0.1
    assert (M.T @ J @ M - J).abs().max() < 1e-6


def test_a_density_does_not_change():
    """Liouville, as CNF measures it."""
    x = points(5, 4)
    z, change = CNF(HamiltonianField(net(4)), 4).flow(x, (0.0, 1.0))
    assert (z - x).abs().max() > 0.01
    assert change.abs().max() < 1e-13


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint", "interpolated"])
def test_gradients_through_a_solve(gradient):
    """dL/dy0 and dL/dθ of NeuralODE, each against central differences along a random direction."""
    field = HamiltonianField(net(2))
    model = NeuralODE(field, t=(0.0, 1.5), rtol=1e-9, atol=1e-11, gradient=gradient)
    y = points(3, 2).requires_grad_()
    tensors = [y, *field.parameters()]
    found = torch.autograd.grad(model(y).square().sum(), tensors, allow_unused=True)
    assert found[-1] is None or found[-1].abs().max() == 0  # of the last bias: an energy is free up to a constant
    for x, g in zip(tensors[:-1], found, strict=False):
        way = points(*x.shape, seed=5)
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                x += sign * 1e-4 * way
                ends.append(model(y).square().sum())
                x -= sign * 1e-4 * way
        numeric = (ends[0] - ends[1]) / 2e-4
        assert torch.allclose((g * way).sum(), numeric, rtol=1e-5, atol=1e-6)


def test_training_gradient_against_differences():
    """The loss holds ∇H; its gradient in every weight differentiates a second time."""
    field, x, target = HamiltonianField(net(2, width=4)), points(6, 2), points(6, 2, seed=2)
    loss = lambda: (field(0.0, x) - target).square().mean()  # noqa: E731
    parameters = list(field.parameters())[:-1]
    found = torch.autograd.grad(loss(), parameters)
    for p, g in zip(parameters, found, strict=True):
        numeric = torch.zeros_like(p)
        with torch.no_grad():
            for i in range(p.numel()):
                for sign in (1, -1):
                    p.view(-1)[i] += sign * 1e-5
                    numeric.view(-1)[i] += sign * loss() / 2e-5
                    p.view(-1)[i] -= sign * 1e-5
        assert torch.allclose(g, numeric, rtol=1e-6, atol=1e-9)


def test_without_recording():
    """Under no_grad the same slopes come without a graph; a y that needs no gradient still trains the weights."""
    field, x = HamiltonianField(net(2)), points(3, 2)
    with torch.no_grad():
        alone = field(0.0, x)
    assert not alone.requires_grad
    assert not x.requires_grad
    assert torch.equal(alone, field(0.0, x).detach())
    assert field(0.0, x).requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype(dtype):
    field, x = HamiltonianField(net(4, dtype=dtype)), points(3, 4, dtype=dtype)
    assert field(0.0, x).dtype == field.energy(x).dtype == NeuralODE(field)(x).dtype == dtype
    exact = HamiltonianField(net(4))(0.0, points(3, 4))
    assert torch.allclose(field(0.0, x).to(F64), exact, atol=1e-5 if dtype == torch.float32 else 1e-14)


def test_under_transforms():
    """vmap over samples, and jacrev, as torch.func has them: equal to what comes without."""
    field, x = HamiltonianField(net(4)), points(5, 4)
    assert torch.allclose(torch.func.vmap(lambda y: field(0.0, y))(x), field(0.0, x), atol=1e-14)
    jacobian = torch.func.jacrev(lambda y: field(0.0, y))(x[0])
    assert torch.allclose(jacobian, torch.autograd.functional.jacobian(lambda y: field(0.0, y), x[0]), atol=1e-13)


def test_other_ways_to_solve():
    """Implicit methods, which differentiate the field, and samples with steps of their own: the same end."""
    field, y = HamiltonianField(net(4)), points(5, 4)
    end = nodekit.solve(field, y, (0.0, 1.0), rtol=1e-9, atol=1e-11).y[-1]
    apart = nodekit.solve(field, y, (0.0, 1.0), rtol=1e-9, atol=1e-11, batch="independent").y[-1]
    implicit = nodekit.solve(field, y[0], (0.0, 1.0), method="kvaerno5", rtol=1e-9, atol=1e-11, jac="autograd").y[-1]
    assert torch.allclose(apart, end, atol=1e-7)
    assert torch.allclose(implicit, end[0], atol=1e-7)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled():
    """torch.compile takes the field in one graph, with its gradient in the weights."""
    field, y = HamiltonianField(net(2)), points(5, 2)
    compiled = torch.compile(field, backend="aot_eager", fullgraph=True)
    weight = field.net[0].weight
    found = [torch.autograd.grad(f(0.0, y).square().sum(), weight)[0] for f in (compiled, field)]
    assert torch.allclose(compiled(0.0, y), field(0.0, y), atol=1e-14)
    assert torch.allclose(*found, rtol=1e-10, atol=1e-13)


def test_energies_that_do_not_depend_on_everything():
    """A constant H, one of q alone, and one with a trailing axis of length 1."""
    y = points(3, 4)
    assert torch.equal(HamiltonianField(lambda y: y.new_zeros(3))(0.0, y), torch.zeros_like(y))
    alone = HamiltonianField(lambda y: y[..., :2].sum(-1, keepdim=True))
    assert torch.equal(alone(0.0, y), torch.tensor([0.0, 0, -1, -1], dtype=F64).expand(3, 4))
    assert alone.energy(y).shape == (3,)
    assert alone.energy(y[0]).shape == ()


# ---- another axis, separable energies, leapfrog --------------------------------------------------------


@pytest.mark.parametrize(("shape", "dim"), [((4,), 0), ((4, 5), 0), ((3, 4, 5), 1), ((3, 4, 5), -2)])
def test_another_axis(shape, dim):
    """Positions and momenta along `dim`: the same field as along the last axis."""
    model, y = net(4), points(*shape)
    field, plain = HamiltonianField(model, dim), HamiltonianField(model)
    moved = y.movedim(dim, -1)
    assert torch.allclose(field(0.0, y), plain(0.0, moved).movedim(-1, dim), atol=1e-14)
    assert torch.allclose(field.energy(y), plain.energy(moved), atol=1e-14)
    assert field(0.0, y).shape == y.shape


def test_separable():
    """T(p) + V(q), with a learned T or |p|²/2; q' is of p alone, p' of q alone, to the last bit."""
    V, T = net(2, 1), net(2, 2)
    y = points(5, 4)
    q, p = y.chunk(2, -1)
    assert torch.allclose(Separable(V)(y), p.square().sum(-1) / 2 + V(q)[..., 0])
    assert torch.allclose(Separable(V, T)(y), T(p)[..., 0] + V(q)[..., 0])
    assert torch.allclose(HamiltonianField(Separable(V))(0.0, y)[..., :2], p)
    field = HamiltonianField(Separable(V, T))
    assert torch.equal(field(0.0, torch.cat([q + 1, p], -1))[..., :2], field(0.0, y)[..., :2])
    assert torch.equal(field(0.0, torch.cat([q, p + 1], -1))[..., 2:], field(0.0, y)[..., 2:])


def pendulum(y):
    """H = 3 (1 − cos q) + p²."""
    return 3 * (1 - y[..., 0].cos()) + y[..., 1].square()


@pytest.mark.parametrize("dim", [-1, 0])
def test_leapfrog(dim):
    """Of order 2 on a separable energy; the energy's error stays bounded where RK4 at equal cost loses the energy.

    dim=0: three samples side by side.
    """
    field, y0 = HamiltonianField(pendulum, dim), torch.tensor([2.0, 0.0], dtype=F64)
    y0 = y0[:, None] * torch.tensor([1.0, 0.9, 0.8]) if dim == 0 else y0
    energies = lambda y: torch.stack([field.energy(each) for each in y])  # noqa: E731
    worst = {}
    for method, h in (("leapfrog", 0.2), ("rk4", 0.4)):
        solution = nodekit.solve(field, y0, (0.0, 200.0), method=method, step=h)
        energy = energies(solution.y)
        worst[method] = ((energy - energy[0]).abs() / energy[0]).max(), solution.stats.nfev
    assert worst["leapfrog"][0] < 0.06
    assert worst["rk4"][0] > 0.9
    assert abs(worst["leapfrog"][1] - worst["rk4"][1]) <= 2
    exact = nodekit.solve(field, y0, (0.0, 1.0), rtol=1e-11, atol=1e-12).y[-1]
    ends = [nodekit.solve(field, y0, (0.0, 1.0), method="leapfrog", step=h).y[-1] for h in (0.02, 0.01)]
    errors = [(end - exact).abs().max() for end in ends]
    assert (errors[0] / errors[1]).item() == pytest.approx(4, rel=0.05)


def test_training_through_leapfrog():
    """Gradients of a learned separable energy through symplectic steps: checkpoints and a recording agree."""
    model = HamiltonianField(Separable(net(1), net(1, 1)), dim=0)
    found = []
    for gradient in ("checkpoint", "backprop"):
        solution = nodekit.solve(model, points(2, 6), (0.0, 1.0), method="leapfrog", step=0.1, gradient=gradient)
        weights = [model.net.potential[0].weight, model.net.kinetic[0].weight]
        found.append(torch.autograd.grad(solution.y[-1].square().sum(), weights))
    for a, b in zip(*found, strict=True):
        assert a.abs().max() > 0
        assert torch.allclose(a, b, rtol=1e-10)


def test_leapfrog_refuses_what_is_not_separable():
    with pytest.raises(ValueError, match="separable"):
        nodekit.solve(HamiltonianField(net(2)), points(2), (0.0, 1.0), method="leapfrog", step=0.1)


def test_state_dict_and_printing():
    """The field's parameters are the energy's; a function without parameters holds none."""
    field = HamiltonianField(Separable(net(1), net(1, 1)))
    assert {name.split(".")[1] for name in field.state_dict()} == {"potential", "kinetic"}
    assert not list(HamiltonianField(kepler).parameters())
    assert "Separable" in repr(field)
    copied = HamiltonianField(Separable(net(1, 5), net(1, 6)))
    copied.load_state_dict(field.state_dict())
    assert torch.equal(copied(0.0, points(3, 2)), field(0.0, points(3, 2)))


# ---- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (torch.zeros(5, 3), ValueError, "y has 3 numbers along its axis; d positions, then as many momenta"),
        (torch.zeros(()), ValueError, r"y has shape \(\), and no axis dim=-1"),
        (torch.zeros(3, 0), ValueError, "y has 0 numbers"),
        ((torch.zeros(2), torch.zeros(2)), TypeError, "y must be a tensor of positions and momenta, got tuple"),
        (np.zeros(2), TypeError, "got ndarray"),
    ],
)
def test_bad_states(y, error, words):
    field = HamiltonianField(kepler)
    for call in (lambda: field(0.0, y), lambda: field.energy(y)):
        with pytest.raises(error, match=words):
            call()


@pytest.mark.parametrize(
    ("energy", "error", "words"),
    [
        (nn.Linear(2, 2), ValueError, r"net returned shape \(5, 2\) for \(5, 2\); one number each"),
        (lambda y: y.sum(), ValueError, r"net returned shape \(\) for \(5, 2\)"),
        (lambda y: 1.0, TypeError, "net returned float"),
        (Separable(nn.Linear(1, 2)), ValueError, r"potential returned shape \(5, 2\) for \(5, 1\)"),
        (Separable(nn.Linear(1, 1), lambda p: p.sum()), ValueError, "kinetic returned"),
    ],
)
def test_bad_energies(energy, error, words):
    with pytest.raises(error, match=words):
        HamiltonianField(energy)(0.0, torch.zeros(5, 2))


def test_what_is_no_function():
    with pytest.raises(TypeError, match=r"net must be an nn\.Module or a function y -> H"):
        HamiltonianField(3.0)
    with pytest.raises(ValueError, match="dim=None must be an int"):
        HamiltonianField(kepler, dim=None)
    with pytest.raises(TypeError, match="potential must be"):
        Separable(None)
    with pytest.raises(TypeError, match="kinetic must be"):
        Separable(kepler, 1.0)
