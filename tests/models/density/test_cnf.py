"""CNF: densities carried by a flow, against those that are known exactly."""

import math

import pytest
import torch
from torch import nn

from nodekit import SolveError
from nodekit.models import CNF

F64 = torch.float64


class Linear(nn.Module):
    """x' = A x: the end is Gaussian with covariance E Eᵀ, E = exp(A)."""

    def __init__(self, d=3, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.A = nn.Parameter(torch.randn(d, d, generator=generator, dtype=F64))

    def forward(self, t, x):
        return x @ self.A.T

    def exact(self, x, A=None):
        E = torch.linalg.matrix_exp(self.A if A is None else A)
        return torch.distributions.MultivariateNormal(torch.zeros(len(E), dtype=F64), E @ E.T).log_prob(x)


class Net(nn.Module):
    """A tanh field of t and x."""

    def __init__(self, d=2, width=8, seed=0):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, width), nn.Tanh(), nn.Linear(width, d)).double()
        generator = torch.Generator().manual_seed(seed)
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=generator, dtype=F64)

    def forward(self, t, x):
        return self.net(x) * torch.cos(3 * t)


def points(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3)])
def test_a_linear_flow_is_known_exactly(shape):
    """log p of a Gaussian, and log|det e^{A T}| = T tr A, for samples of any leading shape."""
    flow, x = CNF(Linear(), 3, rtol=1e-10, atol=1e-10), points(*shape)
    found = flow.log_prob(x)
    assert found.shape == shape[:-1]
    assert torch.allclose(found, flow.field.exact(x), atol=1e-8)
    z, change = flow.flow(x, (1.0, 0.0))
    assert torch.allclose(z, x @ torch.linalg.matrix_exp(-flow.field.A).T, atol=1e-8)
    assert torch.allclose(change, -flow.field.A.trace().expand(shape[:-1]), atol=1e-8)


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint", "interpolated"])
def test_gradients_of_the_likelihood(gradient):
    """In the parameters and in x, against those of the exact density."""
    flow, x = CNF(Linear(), 3, rtol=1e-9, atol=1e-9, gradient=gradient), points(5, 3).requires_grad_()
    found = torch.autograd.grad(flow.log_prob(x).sum(), [x, flow.field.A])
    A = flow.field.A.detach().clone().requires_grad_()
    exact = torch.autograd.grad(flow.field.exact(x, A).sum(), [x, A])
    for a, b in zip(found, exact, strict=True):
        assert torch.allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["leaf", "computed"])
@pytest.mark.parametrize("gradient", ["discrete", "checkpoint", "adjoint", "interpolated"])
def test_gradients_reach_what_a_field_holds(gradient, kind):
    """A condition that is no parameter: an input, or what another net made of it; as by backprop, in samples too."""

    class Steered(Net):
        def forward(self, t, x):
            return super().forward(t, x) * self.condition

    c, x, found = torch.tensor([0.5, -0.3], dtype=F64, requires_grad=True), points(4, 2), {}
    for way in ("backprop", gradient):
        flow = CNF(Steered(), 2, rtol=1e-9, atol=1e-9, gradient=way)
        flow.field.condition = c if kind == "leaf" else c.tanh()
        loss = flow.log_prob(x).sum() + flow.sample(5, torch.Generator().manual_seed(1)).square().sum()
        found[way] = torch.autograd.grad(loss, [c, *flow.parameters()])
    for a, b in zip(found[gradient], found["backprop"], strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-7)


def test_training_gradient_against_differences():
    """Second derivatives of a network: dL/dθ of the mean log density, each entry of each layer."""
    flow, x = CNF(Net(), 2, method="rk4", step=0.1), points(6, 2)
    flow.log_prob(x).mean().backward()
    for p in flow.parameters():
        numeric = torch.zeros_like(p)
        with torch.no_grad():
            for i in range(p.numel()):
                for sign in (1, -1):
                    p.view(-1)[i] += sign * 1e-5
                    numeric.view(-1)[i] += sign * flow.log_prob(x).mean() / 2e-5
                    p.view(-1)[i] -= sign * 1e-5
        assert torch.allclose(p.grad, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow(seconds=30)
def test_the_density_integrates_to_one(seed):
    """∫ p = 1 for random networks, by the trapezoidal rule on a grid."""
    flow, u = CNF(Net(seed=seed), 2, rtol=1e-6, atol=1e-6), torch.linspace(-12, 12, 481, dtype=F64)
    grid = torch.stack(torch.meshgrid(u, u, indexing="ij"), -1)
    with torch.no_grad():
        total = flow.log_prob(grid).exp().sum() * (u[1] - u[0]) ** 2
    assert abs(total - 1) < 1e-4


def test_samples_have_the_density():
    """The covariance of samples of a linear flow, within 5 standard errors; there and back to the base."""
    flow = CNF(Linear(), 3, rtol=1e-8, atol=1e-8)
    with torch.no_grad():
        x = flow.sample(20_000, torch.Generator().manual_seed(0))
        again = flow.sample((4, 5_000), torch.Generator().manual_seed(0))
        z, _ = flow.flow(x, (1.0, 0.0))
        E = torch.linalg.matrix_exp(flow.field.A)
        wanted = E @ E.T
    assert torch.allclose(again.reshape(-1, 3), x, atol=1e-6)
    error = (x.T @ x / len(x) - wanted) / (wanted.diag().outer(wanted.diag()) + wanted**2).sqrt()
    assert error.abs().max() < 5 / math.sqrt(len(x))
    assert abs(z.square().sum(-1).mean() - 3) < 5 * math.sqrt(6 / len(x))


def test_base_times_and_counts():
    """Another base density, times that run backward, and a field that is constant."""

    class Uniform:
        def log_prob(self, x):
            return torch.where(x.abs().amax(-1) <= 1, -x.shape[-1] * math.log(2), -math.inf)

        def sample(self, shape, like, generator=None):
            return 2 * torch.rand(shape, generator=generator, dtype=like.dtype) - 1

    class Shift(nn.Module):
        def forward(self, t, x):
            return torch.ones_like(x)

    flow = CNF(Shift(), 2, base=Uniform(), t=(0.5, -0.5))
    x = torch.tensor([[-1.5, -0.5], [0.5, 0.0]], dtype=F64)
    assert flow.log_prob(x).tolist() == pytest.approx([-2 * math.log(2), -math.inf], abs=1e-6)
    assert flow.sample(100, torch.Generator().manual_seed(0)).min() < -1.5
    assert flow.nfev > 0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"field": lambda t, x: x}, TypeError, "field must be an nn.Module"),
        ({"dim": 0}, ValueError, "dim=0 must be an int >= 1"),
        ({"dim": 2.0}, ValueError, "dim=2.0 must be an int >= 1"),
        ({"t": (0.0, 0.5, 1.0)}, ValueError, "must be two times"),
        ({"method": "dopri"}, ValueError, "dopri"),
        ({"method": "rk4"}, ValueError, "method='rk4' has no error estimate: give it a step size"),
        ({"step": -0.1}, ValueError, "step=-0.1 must be a number greater than 0"),
        ({"rtol": 0.0}, ValueError, "rtol=0.0"),
        ({"t": (0.0, torch.tensor(1.0, requires_grad=True))}, ValueError, "t requires gradients"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        CNF(**{"field": Net(), "dim": 2, **arguments})


def test_bad_points_and_failures():
    """A wrong shape, and a field that blows up."""
    with pytest.raises(ValueError, match=r"x has shape \(4, 3\); \(..., 2\) was expected"):
        CNF(Net(), 2).log_prob(points(4, 3))
    with pytest.raises(TypeError, match="x must be a torch tensor, got ndarray"):
        CNF(Net(), 2).log_prob(points(4, 2).numpy())

    class Explodes(nn.Module):
        def forward(self, t, x):
            return x**3

    with pytest.raises(SolveError):
        CNF(Explodes(), 2).sample(10)


def test_samples_with_their_density():
    """In one solve: the samples of `sample`, the density of `log_prob`; the gradient of a reverse KL by differences."""
    field = Net()
    flow = CNF(field, 2, rtol=1e-9, atol=1e-9)

    def seeded():
        return torch.Generator().manual_seed(3)

    x, log_q = flow.sample_and_log_prob((4, 5), seeded())
    assert torch.allclose(x, flow.sample((4, 5), seeded()), atol=1e-7)
    assert torch.allclose(log_q, flow.log_prob(x), atol=1e-7)

    def kl():
        x, log_q = flow.sample_and_log_prob(20, seeded())
        return (log_q + (x - 1).pow(4).sum(-1)).mean()

    (found,) = torch.autograd.grad(kl(), field.net[2].bias)
    with torch.no_grad():
        for i in range(2):
            field.net[2].bias[i] += 1e-5
            above = kl()
            field.net[2].bias[i] -= 2e-5
            assert (above - kl()) / 2e-5 == pytest.approx(found[i].item(), rel=1e-5)
            field.net[2].bias[i] += 1e-5
