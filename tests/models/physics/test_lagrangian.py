"""LagrangianField: against systems whose equations are known, against differences, and inside solves."""

import numpy as np
import pytest
import torch
from torch import nn

import nodekit
from nodekit.models import HamiltonianField, LagrangianField, NeuralODE

F64 = torch.float64


def points(*shape, seed=1, dtype=F64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


class Net(nn.Module):
    """|v|²/2 + a tanh network of y (..., 2d), with weights small enough for a regular mass matrix."""

    def __init__(self, d, seed=0, width=8, dtype=F64, size=0.5):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * d, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        ).to(dtype)
        generator = torch.Generator().manual_seed(seed)
        for p in self.layers.parameters():
            p.data = (size * torch.randn(p.shape, generator=generator, dtype=F64) / p.shape[-1] ** 0.5).to(dtype)

    def forward(self, y):
        return y.chunk(2, -1)[1].square().sum(-1) / 2 + self.layers(y)[..., 0]


def double_pendulum(y, m1=1.3, m2=0.7, l1=0.8, l2=1.1, g=9.81):
    """T − V of two rods without mass, m1 and m2 at their ends; angles from the vertical below."""
    a, b, w, v = y.unbind(-1)
    T = (m1 + m2) * l1**2 * w**2 / 2 + m2 * l2**2 * v**2 / 2 + m2 * l1 * l2 * w * v * (a - b).cos()
    return T + (m1 + m2) * g * l1 * a.cos() + m2 * g * l2 * b.cos()


def textbook(y, m1=1.3, m2=0.7, l1=0.8, l2=1.1, g=9.81):
    """The angular accelerations as textbooks print them, solved by hand (no mass matrix)."""
    a, b, w, v = y.unbind(-1)
    s, c = (a - b).sin(), (a - b).cos()
    under = 2 * m1 + m2 - m2 * (2 * a - 2 * b).cos()
    first = -g * (2 * m1 + m2) * a.sin() - m2 * g * (a - 2 * b).sin() - 2 * s * m2 * (v**2 * l2 + w**2 * l1 * c)
    second = 2 * s * (w**2 * l1 * (m1 + m2) + g * (m1 + m2) * a.cos() + v**2 * l2 * m2 * c)
    return torch.stack([w, v, first / (l1 * under), second / (l2 * under)], -1)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (0, 4)])
def test_double_pendulum(shape):
    """The textbook's equations of the double pendulum, unequal rods and weights, for any leading shape."""
    y = points(*shape)
    field = LagrangianField(double_pendulum)
    assert torch.allclose(field(0.0, y), textbook(y), rtol=1e-11, atol=1e-11)
    assert torch.equal(field.acceleration(y), field(0.0, y)[..., 2:])


def test_velocities_in_the_force():
    """A charge in a magnetic field, L = |v|²/2 + B(q) (q₁v₂ − q₂v₁): C matters, and it is not symmetric."""
    y = points(7, 4)
    q1, _, v1, v2 = y.unbind(-1)

    def magnetic(y):
        q1, q2, v1, v2 = y.unbind(-1)
        return (v1**2 + v2**2) / 2 + (1 + q1) * (q1 * v2 - q2 * v1)

    turn = (1 + 2 * q1) + (1 + q1)  # ∂A₂/∂q₁ − ∂A₁/∂q₂ of A = (1 + q₁)(−q₂, q₁)
    expected = torch.stack([v1, v2, turn * v2, -turn * v1], -1)
    assert torch.allclose(LagrangianField(magnetic)(0.0, y), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("d", [1, 3])
def test_against_differences(d):
    """∂L/∂q, M and C of a network by central differences, and the system solved by NumPy."""
    net, y = Net(d), points(6, 2 * d)
    step = 1e-4 * torch.eye(2 * d, dtype=F64)
    with torch.no_grad():
        slope = torch.stack([net(y + e) - net(y - e) for e in step], -1) / 2e-4
        second = torch.stack(
            [
                torch.stack([net(y + e + f) - net(y + e - f) - net(y - e + f) + net(y - e - f) for f in step], -1)
                for e in step
            ],
            -2,
        )
    second = (second / 4e-8).numpy()
    M, C, v = second[:, d:, d:], second[:, d:, :d], y[:, d:].numpy()
    right = slope[:, :d].numpy() - np.einsum("nij,nj->ni", C, v)
    expected = np.linalg.solve(M, right[..., None])[..., 0]
    field = LagrangianField(net)
    assert np.abs(field.acceleration(y).detach().numpy() - expected).max() < 1e-6
    assert np.abs(field.mass_matrix(y).detach().numpy() - M).max() < 1e-6
    assert torch.equal(field.lagrangian(y), net(y))


@pytest.mark.parametrize("seed", range(3))
def test_the_energy_is_kept(seed):
    """v·∂L/∂v − L to 1e-9 along a tight solve, for random weights; it is T + V of the double pendulum."""
    field, y = LagrangianField(Net(2, seed)), points(4, seed=seed)
    solution = nodekit.solve(field, y, (0.0, 3.0), rtol=1e-10, atol=1e-12)
    energy = field.energy(solution.y)
    assert (solution.y[-1] - y).abs().max() > 0.1
    assert (energy - energy[0]).abs().max() < 1e-9
    assert (field.lagrangian(solution.y) - field.lagrangian(y)).abs().max() > 1e-3
    y = points(5, 4, seed=seed)
    potential = -double_pendulum(torch.cat([y[:, :2], torch.zeros(5, 2, dtype=F64)], -1))
    assert torch.allclose(LagrangianField(double_pendulum).energy(y), double_pendulum(y) + 2 * potential)


@pytest.mark.parametrize("seed", range(3))
def test_gauge(seed):
    """L + dF(q)/dt = L + ∇F·v leaves q'' as it is, and so does c L; a term that is no such derivative does not."""
    net, y = Net(3, seed), points(6, 6, seed=seed)
    A = points(3, 3, seed=seed + 7)

    def change(y):  # d/dt of F = sin(q₁ + 2 q₂) q₃, by hand
        q1, q2, q3, v1, v2, v3 = y.unbind(-1)
        return (q1 + 2 * q2).cos() * (v1 + 2 * v2) * q3 + (q1 + 2 * q2).sin() * v3

    plain = LagrangianField(net).acceleration(y)
    gauged = LagrangianField(lambda y: net(y) + change(y))
    assert torch.allclose(gauged.acceleration(y), plain, atol=1e-12)
    assert torch.allclose(LagrangianField(lambda y: -2.5 * net(y)).acceleration(y), plain, atol=1e-12)
    assert torch.allclose(gauged.energy(y), LagrangianField(net).energy(y), atol=1e-12)
    assert (gauged.lagrangian(y) - net(y)).abs().max() > 0.1
    turning = LagrangianField(lambda y: net(y) + torch.einsum("ni,ij,nj->n", y[:, :3], A, y[:, 3:]))
    assert (turning.acceleration(y) - plain).abs().max() > 0.1


def test_same_motion_as_hamilton():
    """A pendulum of mass 2 and length 1.5: as a Lagrangian in (q, v) and as a Hamiltonian in (q, p = m l² v)."""
    inertia = 2 * 1.5**2
    lagrangian = LagrangianField(lambda y: inertia * y[..., 1] ** 2 / 2 + 6.0 * y[..., 0].cos())
    hamiltonian = HamiltonianField(lambda y: y[..., 1] ** 2 / (2 * inertia) - 6.0 * y[..., 0].cos())
    y = torch.tensor([1.2, 0.3], dtype=F64)
    scale = torch.tensor([1.0, inertia], dtype=F64)
    ends = [
        nodekit.solve(field, start, (0.0, 4.0), rtol=1e-10, atol=1e-12).y[-1]
        for field, start in ((lagrangian, y), (hamiltonian, y * scale))
    ]
    assert torch.allclose(ends[0] * scale, ends[1], atol=1e-8)


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint", "interpolated"])
def test_gradients_through_a_solve(gradient):
    """dL/dy0, and dL/dθ of NeuralODE, each against central differences along a random direction."""
    field = LagrangianField(Net(2))
    model = NeuralODE(field, t=(0.0, 1.0), rtol=1e-9, atol=1e-11, gradient=gradient)
    y = points(3, 4).requires_grad_()
    weights = list(field.parameters())[:-1]  # L is free up to a constant, the last bias
    by_y, *by_weights = torch.autograd.grad(model(y).square().sum(), [y, *weights])
    for tensors, found in (([y], [by_y]), (weights, by_weights)):
        ways, ends = [points(*x.shape, seed=5 + i) for i, x in enumerate(tensors)], []
        for size in (1e-4, -2e-4, 1e-4):
            with torch.no_grad():
                for x, way in zip(tensors, ways, strict=True):
                    x += size * way
                ends.append(model(y).square().sum())
        along = sum((g * way).sum() for g, way in zip(found, ways, strict=True))
        assert torch.allclose(along, (ends[0] - ends[1]) / 2e-4, rtol=1e-5, atol=1e-6)


def test_without_recording():
    """Under no_grad the same slopes come without a graph; a y that needs no gradient still trains the weights."""
    field, y = LagrangianField(Net(2)), points(3, 4)
    with torch.no_grad():
        alone, energy, mass = field(0.0, y), field.energy(y), field.mass_matrix(y)
    assert not any(x.requires_grad for x in (alone, energy, mass, y))
    assert torch.equal(alone, field(0.0, y).detach())
    assert all(x.requires_grad for x in (field(0.0, y), field.energy(y), field.mass_matrix(y)))


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_dtype(dtype):
    field, y = LagrangianField(Net(2, dtype=dtype)), points(3, 4, dtype=dtype)
    assert field(0.0, y).dtype == field.energy(y).dtype == field.mass_matrix(y).dtype == dtype
    exact = LagrangianField(Net(2))(0.0, points(3, 4))
    assert torch.allclose(field(0.0, y).to(F64), exact, atol=1e-5 if dtype == torch.float32 else 1e-14)


@pytest.mark.parametrize(("shape", "dim"), [((4,), 0), ((4, 5), 0), ((3, 4, 5), 1), ((3, 4, 5), -2)])
def test_another_axis(shape, dim):
    """Positions and velocities along `dim`: the same field as along the last axis."""
    net, y = Net(2), points(*shape)
    field, plain = LagrangianField(net, dim), LagrangianField(net)
    moved = y.movedim(dim, -1)
    assert torch.allclose(field(0.0, y), plain(0.0, moved).movedim(-1, dim), atol=1e-14)
    assert torch.allclose(field.energy(y), plain.energy(moved), atol=1e-14)
    assert field(0.0, y).shape == y.shape


def test_under_transforms():
    """vmap over samples, and jacrev, as torch.func has them: equal to what comes without."""
    field, y = LagrangianField(Net(2)), points(5, 4)
    assert torch.allclose(torch.func.vmap(lambda y: field(0.0, y))(y), field(0.0, y), atol=1e-13)
    jacobian = torch.func.jacrev(lambda y: field(0.0, y))(y[0])
    assert torch.allclose(jacobian, torch.autograd.functional.jacobian(lambda y: field(0.0, y), y[0]), atol=1e-12)


# ---- bad input -----------------------------------------------------------------------------------------


def half_singular(y):
    """Mass matrix diag(1, q₁): singular where q₁ = 0."""
    return y[..., 2] ** 2 / 2 + y[..., 0] * y[..., 3] ** 2 / 2


@pytest.mark.parametrize(
    ("shape", "place", "said"), [((4,), (), "of y is"), ((5, 4), (3,), "sample 3 is"), ((2, 3, 4), (1, 2), r"\(1, 2\)")]
)
def test_singular_mass_matrix(shape, place, said):
    """One error, which names the first sample at fault and its matrix; the others alone have a field."""
    y = points(*shape).abs() + 0.1
    assert torch.isfinite(LagrangianField(half_singular)(0.0, y)).all()
    y[(*place, 0)] = 0.0
    with pytest.raises(ValueError, match=rf"mass matrix .*{said} .*\[\[1.0, 0.0\], \[0.0, 0.0\]\]"):
        LagrangianField(half_singular)(0.0, y)
    assert LagrangianField(half_singular).mass_matrix(y).shape == (*shape[:-1], 2, 2)


@pytest.mark.parametrize(
    "L",
    [
        lambda y: y.new_zeros(y.shape[:-1]),
        lambda y: y[..., :2].square().sum(-1),
        lambda y: (y[..., :2] * y[..., 2:]).sum(-1),
        lambda y: (y[..., 2] + 3 * y[..., 3]) ** 2 / 7 + y[..., 0].sin(),
    ],
    ids=["constant", "without velocities", "linear in them", "of rank one, by rounding"],
)
@pytest.mark.parametrize("recorded", [True, False])
def test_lagrangians_without_accelerations(L, recorded):
    """No mass, or a mass in one direction only: said so, with and without recording."""
    y = points(3, 4).requires_grad_(recorded)
    with torch.set_grad_enabled(recorded), pytest.raises(ValueError, match=r"sample 0 is singular"):
        LagrangianField(L)(0.0, y)


def test_a_small_mass_is_not_singular():
    """Only the ratio counts: masses of 1e-30 in every direction are as good as 1."""
    y = points(3, 4)
    tiny = LagrangianField(lambda y: 1e-30 * double_pendulum(y))
    assert torch.allclose(tiny(0.0, y), textbook(y), rtol=1e-10)


def test_nan_is_left_to_the_solver():
    """A Lagrangian that is not finite: SolveError names the time, as for every field."""
    field = LagrangianField(lambda y: y[..., 1] ** 2 / 2 + (y[..., 0] - 1.0).sqrt())
    with pytest.raises(nodekit.SolveError, match="t = 0"):
        nodekit.solve(field, torch.tensor([0.5, 0.0], dtype=F64), (0.0, 1.0))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: LagrangianField("L"), TypeError, "net must be"),
        (lambda: LagrangianField(double_pendulum, dim=True), ValueError, "dim=True"),
        (lambda: LagrangianField(double_pendulum)(0.0, np.zeros(4)), TypeError, "ndarray"),
        (lambda: LagrangianField(double_pendulum)(0.0, points(3, 5)), ValueError, "5 numbers"),
        (lambda: LagrangianField(double_pendulum, dim=2)(0.0, points(3, 4)), ValueError, "no axis dim=2"),
        (lambda: LagrangianField(lambda y: y)(0.0, points(3, 4)), ValueError, r"shape \(3, 4\)"),
        (lambda: LagrangianField(lambda y: 1.0)(0.0, points(3, 4)), TypeError, "float"),
    ],
)
def test_bad_input(call, error, said):
    """One clear error for each."""
    with pytest.raises(error, match=said):
        call()


def test_repr():
    assert "dim=0" in repr(LagrangianField(Net(2), dim=0))
    assert "dim" not in repr(LagrangianField(Net(2)))


def test_masses_of_very_different_size_are_regular():
    """In float32 1e-8 beside 1 is no rounding of it; a matrix of rank one is singular at any scale."""
    masses = torch.tensor([1.0, 1e-8])
    field = LagrangianField(lambda y: (masses * y[..., 2:] ** 2).sum(-1) / 2 - (masses * y[..., :2]).sum(-1))
    assert torch.allclose(field.acceleration(torch.ones(3, 4)), -torch.ones(3, 2))
    one = LagrangianField(lambda y: (y[..., 2] + 1e-4 * y[..., 3]) ** 2)
    with pytest.raises(ValueError, match="of sample 0 is singular"):
        one(0.0, torch.ones(3, 4))


def test_a_large_singular_matrix_is_not_printed():
    with pytest.raises(ValueError, match=r"of sample 0 is singular\. No acceleration"):
        LagrangianField(lambda y: y.sum(-1))(0.0, torch.ones(2, 12))


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bfloat16])
def test_other_types_are_refused(dtype):
    with pytest.raises(TypeError, match=r"y has dtype .* float32 or float64 were expected"):
        LagrangianField(lambda y: y.sum(-1))(0.0, torch.ones(2, 4, dtype=dtype))
