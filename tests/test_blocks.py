"""batch="blocks": one small Newton system a sample, and the very steps of the joint solve."""

import math

import numpy as np
import pytest
import torch

import nodekit
from nodekit import event

F64 = torch.float64
ADAPTIVE = ["trbdf2", "kvaerno5", "radau", "rodas5p", "bdf", "auto"]
FIXED = {"implicit_euler": {"step": 0.02}, "gl4": {"step": 0.05}}
JACS = {"differences": None, "autograd": "autograd"}


class Samples(torch.nn.Module):
    """n = 5 samples of d = 3: coupled and unsymmetric within a sample, non-autonomous, stiff, with parameters."""

    def __init__(self):
        super().__init__()
        g = torch.Generator().manual_seed(3)
        self.mix = torch.nn.Parameter(torch.randn(3, 3, generator=g, dtype=F64))
        self.rate = torch.nn.Parameter(torch.tensor([1.0, 50.0, 400.0], dtype=F64))
        self.y0 = torch.rand(5, 3, generator=g, dtype=F64)

    def forward(self, t, y):
        return torch.tanh(y @ self.mix) * torch.cos(t) - self.rate * (y - torch.sin(t)) + 0.1 * y.roll(1, -1) ** 2

    def jac(self, t, y):
        """(n, d, d), by hand."""
        hyperbolic = (1 - torch.tanh(y @ self.mix) ** 2)[:, :, None] * self.mix.T * torch.cos(torch.as_tensor(t))
        rolled = torch.diag_embed(0.2 * y).roll(1, -2)
        return hyperbolic - torch.diag(self.rate) + rolled


def solved(f, batch, method, t=(0.0, 0.3, 1.0), y0=None, **more):
    settings = FIXED.get(method, {"rtol": 1e-5, "atol": 1e-7})
    return nodekit.solve(f, f.y0 if y0 is None else y0, t, method, batch=batch, **settings, **more)


@pytest.mark.parametrize("jac", [*JACS, "by hand"])
@pytest.mark.parametrize("method", [*ADAPTIVE, *FIXED])
def test_the_steps_of_the_joint_solve(method, jac):
    """Same steps, same outputs to rounding, same dense output, whatever ∂f/∂y is made by."""
    f = Samples()
    own = JACS.get(jac, f.jac)
    with torch.no_grad():
        joint = solved(f, "joint", method, jac=JACS.get(jac, "autograd"))
        blocks = solved(f, "blocks", method, jac=own)
        assert torch.allclose(blocks.y, joint.y, rtol=0, atol=1e-11)
        assert torch.allclose(blocks(0.77), joint(0.77), rtol=0, atol=1e-11)
    assert (blocks.stats.n_accepted, blocks.stats.njev) == (joint.stats.n_accepted, joint.stats.njev)


def test_what_a_jacobian_costs():
    """By differences d + 1 evaluations in place of n d + 1: njev times n d − d fewer, and the 1 of the first look."""
    f = Samples()
    with torch.no_grad():
        joint, blocks = solved(f, "joint", "implicit_euler"), solved(f, "blocks", "implicit_euler")
    assert joint.stats.njev > 10
    saved = joint.stats.nfev - blocks.stats.nfev
    assert 0 <= joint.stats.njev * (15 - 3) - saved <= 2


@pytest.mark.parametrize("way", ["discrete", "checkpoint"])
@pytest.mark.parametrize("method", ["implicit_euler", "kvaerno5", "radau", "rodas5p", "bdf", "auto"])
def test_gradients(method, way):
    """By y0 and by every parameter the joint solve's, to rounding."""
    found = []
    for batch in ("joint", "blocks"):
        f = Samples()
        y0 = f.y0.clone().requires_grad_()
        sol = solved(f, batch, method, t=(0.0, 0.04, 0.1), y0=y0, gradient=way)
        loss = (sol.y[1:] * torch.linspace(0.3, 1.7, 30, dtype=F64).reshape(2, 5, 3)).sum()
        found.append(torch.autograd.grad(loss, [y0, f.mix, f.rate]))
    for joint, blocks in zip(*found, strict=True):
        assert torch.allclose(joint, blocks, rtol=1e-9, atol=1e-9)


def test_the_adjoint_of_a_blocked_solve():
    """What is solved backward is one system, of the state, its adjoint and the parameters' gradients."""
    p = torch.tensor([0.7, 9.0, 3.0], dtype=F64, requires_grad=True)
    f = lambda t, y: -p * y * torch.cos(t)  # noqa: E731
    y0 = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    end = nodekit.solve(f, y0, (0.0, 1.5), "kvaerno5", gradient="adjoint", batch="blocks", rtol=1e-8, atol=1e-10).y[-1]
    (g,) = torch.autograd.grad((end**2).sum(), p)
    s = math.sin(1.5)
    assert torch.allclose(g, -2 * s * (y0**2).sum(0) * torch.exp(-2 * p.detach() * s), rtol=1e-5, atol=1e-9)


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize("method", ["kvaerno5", "radau", "rodas5p", "bdf"])
def test_gradient_by_differences(method):
    """An independent reference: central differences of the solve, by one entry of y0 and one of a parameter."""
    f = Samples()

    def loss(shift, rate):
        y0 = f.y0.clone()
        y0[3, 1] += shift
        f.rate.data[1] = rate
        with torch.no_grad():
            sol = nodekit.solve(f, y0, (0.0, 0.05), method, rtol=1e-10, atol=1e-12, batch="blocks")
        return (sol.y[-1] ** 2).sum().item()

    e = 1e-4
    expected = [(loss(e, 50.0) - loss(-e, 50.0)) / (2 * e), (loss(0.0, 50 + e) - loss(0.0, 50 - e)) / (2 * e)]
    f.rate.data[1] = 50.0
    y0 = f.y0.clone().requires_grad_()
    sol = nodekit.solve(f, y0, (0.0, 0.05), method, rtol=1e-8, atol=1e-10, batch="blocks")
    by_y0, by_rate = torch.autograd.grad((sol.y[-1] ** 2).sum(), [y0, f.rate])
    assert [by_y0[3, 1].item(), by_rate[1].item()] == pytest.approx(expected, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("shape", [(7,), (1, 3), (4, 2, 3)], ids=str)
@pytest.mark.parametrize("jac", JACS)
@pytest.mark.parametrize("method", ["radau", "kvaerno5", "rodas5p"])
def test_shapes(method, jac, shape):
    """Samples that are numbers, one sample alone, samples that are matrices."""
    y0 = torch.linspace(-1.0, 2.0, math.prod(shape), dtype=F64).reshape(shape)
    rate = torch.linspace(1.0, 300.0, math.prod(shape[1:]), dtype=F64).reshape(shape[1:])
    f = lambda t, y: -rate * (y - torch.cos(t)) * (1 + 0.1 * y**2)  # noqa: E731
    found = [nodekit.solve(f, y0, (0.0, 0.3), method, jac=JACS[jac], batch=b).y for b in ("joint", "blocks")]
    assert torch.allclose(*found, rtol=0, atol=1e-9)  # differences of one component at a time round otherwise


def test_a_jacobian_of_the_shape_of_y_twice():
    """jac for y (n, a, b) may return (n, a, b, a, b)."""
    y0 = torch.rand(4, 2, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    A = torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=F64) - 30 * torch.eye(6, dtype=F64)
    f = lambda t, y: (y.reshape(4, 6) @ A.T).reshape(y.shape) * torch.cos(t)  # noqa: E731
    jac = lambda t, y: (A * math.cos(t)).reshape(2, 3, 2, 3).expand(4, 2, 3, 2, 3)  # noqa: E731
    ends = [
        nodekit.solve(f, y0, (0.0, 1.0), "radau", jac=j, batch="blocks", rtol=1e-9, atol=1e-11) for j in (jac, None)
    ]
    exact = y0.reshape(4, 6) @ torch.linalg.matrix_exp(A * math.sin(1.0)).T
    for sol in ends:
        assert torch.allclose(sol.y[-1].reshape(4, 6), exact, atol=1e-8)


def test_complex_states():
    """Blocks of a holomorphic f: the matrices are complex, and the gradient has their adjoint."""
    A = torch.tensor([[-3 + 2j, 1 - 1j], [0.5j, -80 + 1j]])
    y0 = torch.tensor([[1 + 1j, 2j], [0.3, -1j], [2.0, 1.0]], dtype=torch.complex128)
    f = lambda t, y: (y * torch.cos(t)) @ A.T.to(y.dtype)  # noqa: E731
    for method in ("radau", "kvaerno5"):
        found = []
        for batch in ("joint", "blocks"):
            start = y0.clone().requires_grad_()
            end = nodekit.solve(f, start, (0.0, 1.0), method, rtol=1e-8, atol=1e-10, batch=batch).y[-1]
            found += [(end.detach(), torch.autograd.grad((end.abs() ** 2).sum(), start)[0])]
        exact = y0 @ torch.linalg.matrix_exp(A.to(y0.dtype) * math.sin(1.0)).T
        assert torch.allclose(found[1][0], exact, atol=1e-7)
        assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(*found, strict=True))


def test_explicit_methods_and_events_take_it_as_joint():
    """An explicit method has no Jacobian: the joint solve. Events look at the whole batch."""
    f = Samples()
    with torch.no_grad():
        assert torch.equal(solved(f, "blocks", "dopri5").y, solved(f, "joint", "dopri5").y)
        ends = [
            solved(f, b, "radau", events=event(lambda t, y: y[0, 1] - 0.3, terminal=True)) for b in ("joint", "blocks")
        ]
    assert ends[0].t[-1] < 1
    assert ends[1].t[-1] == pytest.approx(float(ends[0].t[-1]), abs=1e-10)


@pytest.mark.parametrize("method", ["radau", "rodas5p", "bdf", "implicit_euler"])
@pytest.mark.parametrize(
    "coupled",
    [lambda t, y: -y + y.mean(0), lambda t, y: -40 * y.flip(0), lambda t, y: -(y / y.norm())],
    ids=["mean", "neighbours", "norm"],
)
def test_samples_that_see_each_other(method, coupled):
    """An f that mixes samples has no blocks: one error, before a step is taken with a wrong matrix."""
    y0 = torch.rand(6, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    with pytest.raises(ValueError, match=r"treats the samples.*batch normalisation\?.*Take batch=\"joint\""):
        nodekit.solve(coupled, y0, (0.0, 1.0), method, batch="blocks", **FIXED.get(method, {}))


@pytest.mark.parametrize(
    ("y0", "given"),
    [
        (np.ones((2, 3)), r"shape \(2, 3\)"),
        ((torch.ones(2), torch.ones(2)), "tuple"),
        (torch.tensor(1.0), r"shape \(\)"),
        (torch.ones(0, 3), r"shape \(0, 3\)"),
    ],
    ids=["NumPy", "tuple", "one number", "empty"],
)
def test_states_without_samples(y0, given):
    with pytest.raises(ValueError, match=rf'batch="blocks" needs y0 as one torch tensor .*got .*{given}'):
        nodekit.solve(lambda t, y: y, y0, (0.0, 1.0), "radau", batch="blocks")


def test_a_jacobian_of_the_wrong_shape():
    f = Samples()
    with pytest.raises(ValueError, match=r'jac returned shape \(15, 15\) .*batch="blocks".*must be \(5, 3, 3\)'):
        solved(f, "blocks", "radau", jac=lambda t, y: torch.eye(15, dtype=F64))


def test_a_border_of_f_is_no_coupling():
    """f that is not finite where the look at the samples moves them: the solve goes on."""
    y0 = torch.full((4, 1), 0.995, dtype=F64)
    f = lambda t, y: -50 * (1 - y) ** 0.5 * torch.ones_like(y)  # noqa: E731, nan beyond 1
    sol = nodekit.solve(f, y0, (0.0, 0.01), "radau", batch="blocks", rtol=1e-8, atol=1e-10)
    exact = 1 - (0.005**0.5 + 25 * 0.01) ** 2
    assert torch.allclose(sol.y[-1], torch.full((4, 1), exact, dtype=F64), atol=1e-6)
