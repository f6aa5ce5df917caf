"""A field that holds a tensor and another computed from it: each part of the gradient arrives once, by every way."""

import functools

import numpy as np
import pytest
import torch

import nodekit
from nodekit import stochastic
from nodekit.models import NeuralODE
from nodekit.stochastic import BrownianPath

F64 = torch.float64
Y0 = torch.tensor([[0.3, -0.2, 0.5], [0.1, 0.4, -0.6]], dtype=F64)
WEIGHTS = torch.tensor([1.0, -2.0, 0.7], dtype=F64)
TIMES = torch.tensor([0.0, 1.3], dtype=F64)


class Model(torch.nn.Module):
    """An encoder, what it said of x, and a field that is steered by it; `skip` lets the field see x itself too."""

    def __init__(self, skip=False):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.encoder = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()
        self.net = torch.nn.Linear(3, 3).double()
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=generator, dtype=F64) / 2
        self.x = torch.tensor([0.8, -1.1], dtype=F64, requires_grad=True)
        self.skip, self.z = skip, self.encoder(self.x)

    def forward(self, t, y):
        k = torch.tanh(self.net(y)) * self.z + torch.cos(t) * y.flip(-1)
        return k + self.x[0] * torch.sin(self.x[1] * t) if self.skip else k

    def leaves(self):
        return [self.x, *self.parameters()]


def gradient(run, make=Model):
    model = make()
    end = run(model)
    return torch.autograd.grad((end * WEIGHTS).sum(), model.leaves())


def close(found, exact, rtol):
    for a, b in zip(found, exact, strict=True):
        assert torch.allclose(a, b, rtol=rtol, atol=rtol * b.abs().max().item())


def end(method="dopri5", **options):
    sizes = {} if "step" in options else {"rtol": 1e-9, "atol": 1e-9}
    return lambda f: nodekit.solve(f, Y0, (0.0, 1.3), method, **sizes, **options).y[-1]


@functools.cache
def exact(skip):
    return gradient(end(gradient="backprop"), lambda: Model(skip))


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(
    ("run", "rtol"),
    [
        (end(), 1e-6),
        (end(gradient="checkpoint"), 1e-6),
        (end(gradient="adjoint"), 1e-5),
        (end(gradient="interpolated"), 1e-4),
        (end("kvaerno5"), 1e-6),
        (end("rodas5p", gradient="adjoint"), 1e-5),
        (end("implicit_midpoint", step=0.002), 1e-5),
        (end("reversible_heun", step=0.002), 1e-5),
        (end("explicit_adams", step=0.005), 1e-5),
        (end("bdf"), 1e-4),
        (end(batch="independent", gradient="checkpoint"), 1e-6),
        (end("radau", batch="blocks"), 1e-6),
        (lambda f: nodekit.odeint(f, Y0, TIMES)[-1], 1e-5),
        (lambda f: nodekit.odeint(f, Y0, TIMES, method="implicit_adams", options={"step_size": 0.01})[-1], 1e-5),
        (lambda f: nodekit.odeint_adjoint(f, Y0, TIMES, adjoint_params=f.leaves())[-1], 1e-5),
        (lambda f: end(params=[*f.leaves(), f.z])(f), 1e-6),
        (lambda f: end(params=f.leaves())(f), 1e-6),
        (lambda f: end()(lambda t, y: f(t, y)), 1e-6),
        (lambda f: end()(f.forward), 1e-6),
        (lambda f: nodekit.solve(f, Y0, (0.0, 1.3), rtol=1e-9, atol=1e-9, breakpoints=[0.4]).y[-1], 1e-6),
        (lambda f: NeuralODE(f, (0.0, 1.3), rtol=1e-9, atol=1e-9)(Y0), 1e-6),
    ],
)  # fmt: skip
def test_an_encoder_and_what_it_said(run, rtol, skip):
    """As backpropagation has it, for the encoder, for its input, and for the field's own weights."""
    close(gradient(run, lambda: Model(skip)), exact(skip), rtol)


def test_backpropagation_has_the_differences():
    """The reference: by the input, which reaches the field by itself and by the encoder."""
    numeric, way = [], torch.tensor([0.6, -0.3], dtype=F64)
    for size in (1e-5, -1e-5):
        model = Model(True)
        model.x = (model.x + size * way).detach()
        model.z = model.encoder(model.x)
        numeric.append((end(gradient="backprop")(model) * WEIGHTS).sum().item())
    assert (exact(True)[0] * way).sum().item() == pytest.approx((numeric[0] - numeric[1]) / 2e-5, rel=1e-7)


@pytest.mark.parametrize("way", ["discrete", "checkpoint", "adjoint"])
def test_sums_and_parts(way):
    """Without saved tensors, where a doubled gradient came without a word: x, its running sum, and one of the other."""

    def run(gradient):
        x = torch.tensor([0.2, 0.5, -0.3], dtype=F64, requires_grad=True)
        sums = x.cumsum(0)
        twice = sums + x.flip(0)
        f = lambda t, y: sums * torch.sin(t) + x * y - twice * torch.cos(t) * y  # noqa: E731
        y = nodekit.solve(f, Y0, (0.0, 1.3), rtol=1e-10, atol=1e-10, gradient=gradient).y[-1]
        return torch.autograd.grad((y * WEIGHTS).sum(), x)

    close(run(way), run("backprop"), 1e-6)


def test_a_leaf_that_is_used_late_alone():
    """At the first evaluation f sees what was computed from x, and only later x."""

    def run(gradient):
        x = torch.tensor(0.7, dtype=F64, requires_grad=True)
        half = 0.5 * x
        f = lambda t, y: half * y if t < 0.6 else x * y  # noqa: E731
        y = nodekit.solve(f, torch.ones(1, dtype=F64), (0.0, 1.0), "rk4", step=0.05, gradient=gradient).y[-1]
        return torch.autograd.grad(y.sum(), x)

    close(run("discrete"), run("backprop"), 1e-10)


@pytest.mark.parametrize("way", ["discrete", "checkpoint", "adjoint"])
def test_drift_and_diffusion_share(way):
    """The drift holds x, the diffusion what was computed from it."""
    path = BrownianPath(3, 0.0, 1.0, (2, 3), cells=800)

    def run(gradient):
        x = torch.tensor([0.4, -0.6, 0.2], dtype=F64, requires_grad=True)
        z = x.tanh() + 0.3
        options = {"method": "heun", "step": 1 / 400, "gradient": gradient}
        y = stochastic.solve(
            lambda t, y: x * y.cos(), lambda t, y: z * y, Y0, (0.0, 1.0), "stratonovich", path, **options
        )
        return torch.autograd.grad((y.y[-1] * WEIGHTS).sum(), x)

    close(run(way), run("backprop"), 1e-2 if way == "adjoint" else 1e-9)


def test_outputs_in_between_and_the_callers_graph():
    """sol(t) has it too; and the caller's graph is still there for a loss of his own."""
    model = Model()
    sol = nodekit.solve(model, Y0, (0.0, 1.3), rtol=1e-9, atol=1e-9)
    loss = (sol(0.7) * WEIGHTS).sum() + model.z.square().sum()
    found = torch.autograd.grad(loss, model.leaves())
    other = Model()
    sol = nodekit.solve(other, Y0, (0.0, 0.7), rtol=1e-9, atol=1e-9, gradient="backprop")
    loss = (sol.y[-1] * WEIGHTS).sum() + other.z.square().sum()
    close(found, torch.autograd.grad(loss, other.leaves()), 1e-5)


def test_what_is_hidden_is_refused():
    """x behind more doors than are opened, beside what was computed from it."""
    x = torch.tensor(0.7, dtype=F64, requires_grad=True)
    hidden, half = [[[[[[[[x]]]]]]]], 0.5 * x
    f = lambda t, y: half * y + hidden[0][0][0][0][0][0][0][0] * y  # noqa: E731
    one = torch.ones(1, dtype=F64)
    with pytest.raises(ValueError, match=r"cannot be told apart. Give both as params"):
        nodekit.solve(f, one, (0.0, 1.0))
    y = nodekit.solve(f, one, (0.0, 1.0), rtol=1e-10, atol=1e-10, params=[x, half]).y[-1]
    (found,) = torch.autograd.grad(y.sum(), x)
    assert found.item() == pytest.approx(1.5 * np.exp(1.5 * 0.7), rel=1e-8)


def test_it_is_not_compiled():
    with pytest.raises(ValueError, match="compile=True does not go with an f that holds a tensor and another"):
        nodekit.solve(Model(), Y0, (0.0, 1.0), compile=True)


def test_a_field_may_have_a_method_of_any_name():
    """How nodekit looks into its own wrapper of a field is no business of a user's class."""

    class Holder(Model):
        def holds(self):
            raise AssertionError("called from outside")

    close(gradient(end(), lambda: Holder(True)), exact(True), 1e-6)
