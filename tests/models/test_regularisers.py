"""What is added up along a solve: each density and each integral against a closed form or an independent sum."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

import nodekit
from nodekit.models import CNF, NeuralODE
from nodekit.models.density import Hutchinson, exact_divergence
from nodekit.models.regularisers import REGULARIZERS, Regularized, jacobian, kinetic, path_derivative, random_end

F64 = torch.float64


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


class Steered(nn.Module):
    """dy/dt = A y + b cos(3t), A neither symmetric nor normal: every derivative along a path is known."""

    def __init__(self, d=3):
        super().__init__()
        self.A, self.b = nn.Parameter(randn(d, d, seed=1)), nn.Parameter(randn(d, seed=2))
        self.calls = 0

    def forward(self, t, y):
        self.calls += 1
        return y @ self.A.T + self.b * torch.cos(3 * torch.as_tensor(t, dtype=y.dtype))

    def derivative(self, t, y, order):
        """y^(K) = A y^(K-1) + b d^(K-1) cos(3t) / dt^(K-1)."""
        for k in range(order):
            y = y @ self.A.T + self.b * 3**k * math.cos(3 * t + k * math.pi / 2)
        return y


class Net(nn.Module):
    """A tanh field of t and y."""

    def __init__(self, d=3, width=7):
        super().__init__()
        self.W, self.V, self.c = (
            nn.Parameter(randn(width, d, seed=3) / 2),
            nn.Parameter(randn(d, width, seed=4) / 4),
            nn.Parameter(randn(width, seed=5)),
        )

    def forward(self, t, y):
        return torch.tanh(y @ self.W.T + self.c * torch.sin(2 * torch.as_tensor(t, dtype=y.dtype))) @ self.V.T


# ---- the densities ---------------------------------------------------------------------------------------


def test_kinetic_is_the_mean_square():
    slope = randn(4, 3)
    assert kinetic(slope).item() == pytest.approx(sum(float(k) ** 2 for k in slope.flatten()) / 12, rel=1e-14)


def test_jacobian_over_all_unit_vectors_is_the_frobenius_norm():
    """Σ_i |e_iᵀ J|² = |J|², each sample with its own Jacobian; one e_i is the i-th row's square, not the column's."""
    y = randn(5, 3).requires_grad_()
    field = Net()
    full = torch.stack([torch.autograd.functional.jacobian(lambda x: field(0.3, x), row) for row in y.detach()])
    for i, unit in enumerate(torch.eye(3, dtype=F64)):
        found = jacobian(field(0.3, y), y, unit.expand(5, 3))
        assert found.shape == ()
        assert found.item() == pytest.approx(full[:, i].square().sum().item() / 15, rel=1e-12)


def test_jacobian_in_the_mean_over_the_noise():
    """Standard normal ε: the mean is |J|² / d, to 5 standard errors."""
    y, d = randn(3).requires_grad_(), 3
    slope = Net()(0.3, y)
    found = torch.stack([jacobian(slope, y, randn(3, seed=s)).detach() for s in range(2000)])
    exact = torch.autograd.functional.jacobian(lambda x: Net()(0.3, x), y).square().sum() / d
    assert abs(found.mean() - exact) < 5 * found.std() / math.sqrt(2000)


def test_jacobian_of_a_slope_that_is_not_the_states():
    y = randn(4, 3).requires_grad_()
    assert jacobian(torch.ones(4, 3, dtype=F64), y, randn(4, 3)).item() == 0
    assert jacobian(nn.Parameter(torch.ones(3, dtype=F64)).expand(4, 3), y, randn(4, 3)).item() == 0


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_path_derivatives_of_a_steered_linear_field(order):
    """Against the recursion y^(K) = A y^(K-1) + ..., which knows of time; and the field is called `order` times."""
    field, y, t = Steered(), randn(4, 3), 0.37
    found = path_derivative(field, t, y, order)
    assert torch.allclose(found, field.derivative(t, y, order), rtol=1e-12, atol=1e-12)
    assert field.calls == order


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_path_derivatives_of_y_squared(order):
    """dy/dt = y² gives K! y^(K+1)."""
    y = randn(6)
    found = path_derivative(lambda t, y: y * y, 0.0, y, order)
    assert torch.allclose(found, math.factorial(order) * y ** (order + 1), rtol=1e-12)


def test_path_derivative_of_a_network_against_differences_of_its_path():
    """The second and third, by central differences of an accurate solve."""
    field, y0, t0, h = Net(), randn(2, 3), 0.4, 0.01
    with torch.no_grad():
        path = {
            k: nodekit.solve(field, y0, (t0, t0 + k * h), method="dop853", rtol=1e-13, atol=1e-13).y[-1]
            for k in (-2, -1, 1, 2)
        } | {0: y0}
        second = (-path[2] + 16 * path[1] - 30 * path[0] + 16 * path[-1] - path[-2]) / (12 * h**2)
        third = (path[2] - 2 * path[1] + 2 * path[-1] - path[-2]) / (2 * h**3)
        assert torch.allclose(path_derivative(field, t0, y0, 2), second, atol=1e-6)
        assert torch.allclose(path_derivative(field, t0, y0, 3), third, atol=1e-2 * third.abs().max().item())


def test_path_derivative_has_gradients():
    """By the state and by each parameter, against differences."""
    field, y = Net(), randn(2, 3).requires_grad_()
    wanted = [y, *field.parameters()]
    found = torch.autograd.grad(path_derivative(field, 0.3, y, 3).square().sum(), wanted)
    for p, gradient in zip(wanted, found, strict=True):
        direction = randn(*p.shape, seed=9)
        with torch.no_grad():
            ends = []
            for sign in (1, -1):
                p += sign * 1e-6 * direction
                ends.append(path_derivative(field, 0.3, y, 3).square().sum())
                p -= sign * 1e-6 * direction
        assert (gradient * direction).sum().item() == pytest.approx(((ends[0] - ends[1]) / 2e-6).item(), rel=1e-6)


# ---- along a solve -----------------------------------------------------------------------------------------


def reference(field, y0, T, noise, n=14):
    """The integrals of all densities over [0, T], by Gauss's rule of n nodes on an accurate path."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    times = torch.tensor([0.0, *(T * (nodes + 1) / 2), T], dtype=F64)
    with torch.no_grad():
        path = nodekit.solve(field, y0, times, method="dop853", rtol=1e-11, atol=1e-12).y
    found = dict.fromkeys(REGULARIZERS, 0.0)
    for t, y, weight in zip(times[1:-1].tolist(), path[1:-1], weights * T / 2, strict=True):
        J = torch.stack([torch.autograd.functional.jacobian(lambda x, t=t: field(t, x), row) for row in y])
        with torch.no_grad():
            found["kinetic"] += weight * field(t, y).square().mean().item()
            found["jacobian"] += weight * torch.einsum("bi,bij->bj", noise, J).square().mean().item()
            for K in (2, 3, 4):
                found[f"taylor{K}"] += weight * path_derivative(field, t, y, K).square().mean().item()
    return found


def test_integrals_along_a_network():
    """All five, in the order of their names, with the noise that the generator gave; the state is as without them."""
    field, y0 = Net(), randn(2, 3)
    noise = torch.randn(2, 3, generator=torch.Generator().manual_seed(8), dtype=F64)
    exact = reference(field, y0, 0.8, noise)
    f = Regularized(field, REGULARIZERS[::-1], y0, torch.Generator().manual_seed(8))
    with torch.no_grad():
        solution = nodekit.solve(f, f.start(y0), (0.0, 0.8), rtol=1e-6, atol=1e-7)
    found = f.integrals(solution.y)
    assert list(found) == list(REGULARIZERS[::-1])
    for name, value in found.items():
        assert value.shape == ()
        assert value.item() == pytest.approx(exact[name], rel=1e-5), name
    alone = nodekit.solve(field, y0, (0.0, 0.8), rtol=1e-9, atol=1e-9)
    assert torch.allclose(solution.y[0][-1], alone.y[-1], atol=1e-6)


def test_layer_and_flow_give_the_same_integrals():
    """NeuralODE forward and CNF backward along the same paths, by the same noise; all are positive, both ways."""
    field, x, names = Net(), randn(2, 3), ("kinetic", "taylor3", "jacobian")
    options = {"method": "rk4", "step": 0.05, "regularizer": names}
    flow, layer = CNF(field, 3, **options), NeuralODE(field, **options)
    flow.log_prob(x, torch.Generator().manual_seed(4))
    back = NeuralODE(field, (1.0, 0.0), **options)
    z = back(x, torch.Generator().manual_seed(4))
    layer(z.detach(), torch.Generator().manual_seed(4))
    for name in names:
        values = [model.regularization[name].item() for model in (flow, back, layer)]
        assert min(values) > 1e-3
        assert values == pytest.approx([values[0]] * 3, rel=1e-5)


@pytest.mark.parametrize("divergence", [exact_divergence, Hutchinson()], ids=["exact", "Hutchinson"])
@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint"])
def test_a_flows_loss_has_its_gradient(gradient, divergence):
    """NLL and regularisers together, against differences along a random direction, for each way back."""
    flow = CNF(
        Net(), 3, divergence=divergence, method="rk4", step=0.1, gradient=gradient, regularizer=("jacobian", "taylor2")
    )

    def loss():
        nll = -flow.log_prob(randn(4, 3), torch.Generator().manual_seed(6)).mean()
        return nll + 0.3 * flow.regularization["jacobian"] + 0.2 * flow.regularization["taylor2"]

    found = torch.autograd.grad(loss(), list(flow.parameters()))
    for p, ours in zip(flow.parameters(), found, strict=True):
        direction = randn(*p.shape, seed=9)
        with torch.no_grad():
            ends = []
            for sign in (1, -1):
                p += sign * 1e-5 * direction
                ends.append(loss())
                p -= sign * 1e-5 * direction
        assert (ours * direction).sum().item() == pytest.approx(
            ((ends[0] - ends[1]) / 2e-5).item(), rel=1e-4 if gradient == "adjoint" else 1e-6
        )


@pytest.mark.parametrize("names", ["kinetic", "jacobian", "taylor3", ("taylor2", "jacobian")], ids=str)
def test_a_flow_is_regularised_in_training_only(names):
    """Log densities are those without regularisers, to the tolerance, and in eval mode to the last bit."""
    field, x = Net(), randn(4, 3)
    plain, flow = (CNF(field, 3, rtol=1e-6, atol=1e-6, regularizer=r) for r in (None, names))
    exact = plain.log_prob(x)
    assert torch.allclose(flow.log_prob(x), exact, atol=1e-5)
    assert set(flow.regularization) == ({names} if isinstance(names, str) else set(names))
    _, log_p = flow.sample_and_log_prob(5, torch.Generator().manual_seed(0))
    assert log_p.shape == (5,)
    assert all(value > 0 for value in flow.regularization.values())
    sum(flow.regularization.values()).backward()
    assert copy.deepcopy(flow).regularization == {}
    flow.eval()
    assert torch.equal(flow.log_prob(x), exact)
    assert flow.regularization == {}


def test_an_evaluation_is_one_call_of_the_field_and_one_less_than_K_more_for_taylor():
    """The solver counts evaluations of all together; without gradients nothing of a graph is left."""
    field, y0 = Steered(), randn(2, 3)
    for names, calls in ((("kinetic", "jacobian"), 1), ("taylor3", 3), (("taylor2", "taylor4"), 5)):
        field.calls, f = 0, Regularized(field, names, y0)
        with torch.no_grad():
            solution = nodekit.solve(f, f.start(y0), (0.0, 1.0), method="rk4", step=0.25)
        assert field.calls == calls * solution.stats.nfev == calls * 16
        assert not any(y.requires_grad for y in solution.y)


def test_the_noise_is_drawn_once_from_its_generator():
    y0, draws = (
        randn(2, 3),
        [Regularized(Net(), "jacobian", randn(2, 3), torch.Generator().manual_seed(s)) for s in (1, 1, 2)],
    )
    first, again, other = (f.noise for f in draws)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    a, b = (draws[0](0.3, draws[0].start(y0))[1] for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: Regularized(Net(), "ridge", randn(3)), "regularizer='ridge' is not known. Choose of: kinetic, jac"),
        (lambda: CNF(Net(), 3, regularizer=("kinetic", "taylor9")), "regularizer='taylor9' is not known"),
        (lambda: NeuralODE(Net(), regularizer=("kinetic", "kinetic")), "names one of them twice"),
        (lambda: path_derivative(Net(), 0.0, randn(3), 0), "order=0 must be an int >= 1"),
        (lambda: path_derivative(Net(), 0.0, randn(3), True), "order=True must be an int >= 1"),
        (lambda: random_end((0.0, 1.0), 1.0), "width=1.0 must be at least 0, and below the time from 0 to 1"),
        (lambda: random_end((0.0, 1.0), -0.1), "width=-0.1"),
        (lambda: random_end((0.0, 0.5, 1.0), 0.1), "must be two times"),
    ],
)  # fmt: skip
def test_bad_arguments(action, message):
    with pytest.raises(ValueError, match=message):
        action()


# ---- STEER -------------------------------------------------------------------------------------------------


def test_random_end_is_uniform_about_the_end():
    """Mean and standard deviation width/√3, to 5 standard errors; the start stays; the seed decides."""
    generator = torch.Generator().manual_seed(0)
    found = torch.tensor([random_end((2.0, 5.0), 0.6, generator) for _ in range(4000)], dtype=F64)
    assert torch.all(found[:, 0] == 2.0)
    u = found[:, 1] - 5.0
    assert u.abs().max() <= 0.6
    assert u.abs().max() > 0.59
    assert abs(u.mean()) < 5 * 0.6 / math.sqrt(3 * 4000)
    assert u.std().item() == pytest.approx(0.6 / math.sqrt(3), rel=0.03)
    assert random_end((0.0, 1.0), 0.0) == (0.0, 1.0)
    assert random_end((1.0, 0.0), 0.5, torch.Generator().manual_seed(3)) == random_end(
        (1.0, 0.0), 0.5, torch.Generator().manual_seed(3)
    )
