"""AntisymmetricField and AntisymmetricCell: against formulas in NumPy, differences, solves, and over 784 steps."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.analysis.logarithmic_norm import logarithmic_norm
from nodekit.models import AntisymmetricCell, AntisymmetricField, NeuralODE

F64 = torch.float64


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def field(size=5, inputs=3, damping=0.3, seed=0):
    """One in float64 with a bias that is not zero."""
    f = AntisymmetricField(size, inputs, damping, generator=seeded(seed)).to(F64)
    f.bias.data = torch.randn(size, generator=seeded(seed + 1), dtype=F64)
    return f


def cell(inputs=2, size=5, step=0.1, damping=0.3, seed=0):
    found = AntisymmetricCell(inputs, size, step, damping, generator=seeded(seed)).to(F64)
    found.field.bias.data = torch.randn(size, generator=seeded(seed + 1), dtype=F64)
    return found


def numbers(*shape, seed=2):
    return torch.randn(shape, generator=seeded(seed), dtype=F64)


def arrays(f):
    return (p.detach().numpy() for p in (f.weight, f.inward, f.bias))


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
def test_field_is_its_formula(shape):
    """tanh((W − Wᵀ − γI) y + V u + b), for samples of any leading shape; without u: V u is left out."""
    f, y, u = field(), numbers(*shape, 5), numbers(*shape, 3, seed=3)
    W, V, b = arrays(f)
    pre = y.numpy() @ (W - W.T - 0.3 * np.eye(5)).T + b
    assert np.allclose(f(0.0, y, u).detach(), np.tanh(pre + u.numpy() @ V.T), rtol=1e-13, atol=1e-14)
    assert np.allclose(f(0.0, y).detach(), np.tanh(pre), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("damping", [0.0, 0.7])
def test_spectrum(damping):
    """W − Wᵀ − γI has the eigenvalues −γ ± iω and μ = −γ; of D times it, no real part is above −γ min D."""
    f, y = field(damping=damping), numbers(5)
    matrix = f.matrix().detach().numpy()
    values = np.linalg.eigvals(matrix)
    assert np.allclose(values.real, -damping, atol=1e-12)
    assert np.abs(values.imag).max() > 1
    assert logarithmic_norm(matrix) == pytest.approx(-damping, abs=1e-12)
    jacobian = torch.func.jacrev(lambda y: f(0.0, y))(y).detach().numpy()
    slopes = 1 - f(0.0, y).detach().numpy() ** 2
    assert np.allclose(jacobian, slopes[:, None] * matrix, rtol=1e-12, atol=1e-14)
    assert np.linalg.eigvals(jacobian).real.max() <= -damping * slopes.min() + 1e-12


def test_cell_is_an_euler_step():
    """y + ε f, from zeros where no state is given; a sequence is its steps; solve with Euler makes the same ones."""
    c, u, y = cell(), numbers(4, 7, 2), numbers(4, 5, seed=3)
    states = y
    for k in range(7):
        states = c(u[:, k], states)
    assert torch.allclose(c.sequence(u, y), states, rtol=1e-13, atol=1e-14)
    assert torch.allclose(c(u[:, 0], y), y + 0.1 * c.field(0.0, y, u[:, 0]))
    assert torch.equal(c(u[:, 0]), c(u[:, 0], torch.zeros(4, 5, dtype=F64)))
    assert torch.allclose(c.sequence(u), c.sequence(u, torch.zeros(4, 5, dtype=F64)))
    held = lambda t, y: c.field(t, y, u[:, 3])  # noqa: E731
    sol = nodekit.solve(held, y, (0.0, 0.7), method="euler", step=0.1)
    assert torch.allclose(sol.y[-1], c.sequence(u[:, 3:4].expand(4, 7, 2), y), rtol=1e-12, atol=1e-13)


def test_gradients():
    """By differences, of every parameter, the start and the inputs, through a sequence."""
    c = cell(size=3)
    names, values = zip(*c.named_parameters(), strict=True)
    values = tuple(value.detach().clone().requires_grad_() for value in values)

    def end(u, y, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(Sequence(c), {f"cell.{k}": v for k, v in parameters.items()}, (u, y))

    u, y = (numbers(*shape).requires_grad_() for shape in ((2, 4, 2), (2, 3)))
    assert torch.autograd.gradcheck(end, (u, y, *values))


class Sequence(torch.nn.Module):
    """`sequence` as a forward, for functional_call."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, u, y):
        return self.cell.sequence(u, y)


@pytest.mark.parametrize("seed", range(3))
def test_gradients_travel_784_steps(seed, measured):
    """ε = 0.01, γ = 0, 64 components, random inputs: all singular values of ∂y_784/∂y_0 lie within [0.1, 10]."""
    c = AntisymmetricCell(1, 64, 0.01, 0.0, generator=seeded(seed)).to(F64)
    u = torch.rand(784, 1, generator=seeded(seed + 10), dtype=F64)
    jacobian = torch.func.jacrev(lambda y: c.sequence(u, y))(torch.zeros(64, dtype=F64))
    sizes = torch.linalg.svdvals(jacobian)
    measured(f"antisymmetric cell, seed {seed}: singular values after 784 steps {sizes[-1]:.2f} to {sizes[0]:.2f}")
    assert sizes[0] < 10
    assert sizes[-1] > 0.1


def test_in_a_neural_ode():
    """Without inputs it is a field like another, and the seed decides its numbers; float32 is the default."""
    f = AntisymmetricField(4, generator=seeded(1))
    same, other = (AntisymmetricField(4, generator=seeded(s)) for s in (1, 2))
    assert torch.equal(f.weight, same.weight)
    assert not torch.equal(f.weight, other.weight)
    assert f.weight.dtype == torch.float32
    out = NeuralODE(f, (0.0, 1.0))(torch.ones(3, 4))
    out.sum().backward()
    assert out.shape == (3, 4)
    assert f.weight.grad.abs().sum() > 0
    assert AntisymmetricField(9, 1, scale=0.0).weight.abs().max() == 0
    assert abs(AntisymmetricField(100, 1, scale=2.0, generator=seeded(0)).weight.std() - 0.2) < 0.01
    assert "size=4, inputs=0, damping=0" in repr(f)
    assert "step=0.01" in repr(AntisymmetricCell(1, 2))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AntisymmetricField(0), "size=0 must be an int, at least 1"),
        (lambda: AntisymmetricField(2.0), "size=2.0 must be an int"),
        (lambda: AntisymmetricField(True), "size=True must be an int"),
        (lambda: AntisymmetricField(2, -1), "inputs=-1 must be an int, at least 0"),
        (lambda: AntisymmetricField(2, damping=-0.1), "damping=-0.1 must be a finite number >= 0"),
        (lambda: AntisymmetricField(2, scale=float("nan")), "scale=nan must be"),
        (lambda: AntisymmetricCell(1, 2, step=0.0), "step=0.0 must be a finite number > 0"),
        (lambda: AntisymmetricField(2)(0.0, torch.ones(3)), r"y has shape \(3,\); its last axis must hold 2"),
        (lambda: AntisymmetricField(2, 1)(0.0, torch.ones(2), torch.ones(3)), r"u has shape \(3,\); .* 1 inputs"),
        (lambda: AntisymmetricCell(1, 2)(torch.ones(4, 1), torch.ones(4, 3)), r"y has shape \(4, 3\)"),
        (lambda: AntisymmetricCell(1, 2).sequence(torch.ones(5)), r"u has shape \(5,\); \(..., steps, 1\) was"),
        (lambda: AntisymmetricCell(1, 2).sequence(torch.ones(5, 1), torch.ones(3)), r"y has shape \(3,\)"),
    ],
)
def test_bad_input(make, words):
    """Each is refused with its value."""
    with pytest.raises(ValueError, match=words):
        make()
