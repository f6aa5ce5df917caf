"""CDE: a state steered by a path; against known answers, a solver of another library's kind, and its own promises."""

import copy
import pickle

import numpy as np
import pytest
import torch

import nodekit
from nodekit import paths
from nodekit.models.series import CDE

T = torch.float64


class Planimeter(torch.nn.Module):
    """h follows the pen, and its third number is the area that the line from the origin to the pen has swept."""

    def forward(self, h):
        zero, one = torch.zeros_like(h[..., 0]), torch.ones_like(h[..., 0])
        rows = [[one, zero], [zero, one], [-h[..., 1] / 2, h[..., 0] / 2]]
        return torch.stack([torch.stack(row, -1) for row in rows], -2)


class Start(torch.nn.Module):
    def forward(self, x):
        return torch.cat([x, torch.zeros_like(x[..., :1])], -1)


class Field(torch.nn.Module):
    """Neither linear nor symmetric: h (..., 5) and, if it is given, X (..., 3) -> (..., 5, 3)."""

    def __init__(self, seen=0):
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(5 + seen, 7, dtype=T), torch.nn.Tanh(), torch.nn.Linear(7, 15, dtype=T)
        )

    def forward(self, h, *X):
        return self.net(torch.cat([h, *X], -1)).unflatten(-1, (5, 3))


def curves(n=6, samples=(4,), channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return torch.tensor(0.4 * rng.normal(size=(*samples, n, channels)).cumsum(-2))


def model(seen=0, **options):
    torch.manual_seed(1)
    options = {"rtol": 1e-9, "atol": 1e-11} | options
    return CDE(Field(seen), torch.nn.Linear(3, 5, dtype=T), sees_path=seen > 0, **options)


def shoelace(x):
    x, y = x.numpy().T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def by_hand(net, path, n):
    """The same by 200 steps of rk4 a piece, each sample by itself: an independent reference. h (..., hidden)."""
    h = net.initial(path(path.ends[0]))
    for i in range(n - 1):
        step = 1 / 200
        for k in range(200):
            t = i + k * step

            def f(t, h, i=i):
                s = min(max(t, i + 1e-12), i + 1 - 1e-12)
                matrix = net.field(h, path(s)) if net.sees_path else net.field(h)
                return torch.einsum("...hc,...c->...h", matrix, path.derivative(s))

            k1 = f(t, h)
            k2 = f(t + step / 2, h + step / 2 * k1)
            k3 = f(t + step / 2, h + step / 2 * k2)
            k4 = f(t + step, h + step * k3)
            h = h + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return h


def test_the_planimeter_measures_areas():
    """dA = (X1 dX2 − X2 dX1) / 2 around a polygon is its area, with its sign, for a batch."""
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(3, 7, 2)))
    around = torch.cat([x, x[:, :1]], 1)
    h = CDE(Planimeter(), Start(), rtol=1e-10, atol=1e-12)(paths.linear(around))
    assert np.allclose(h[:, 2], [shoelace(sample) for sample in x], atol=1e-9)
    assert torch.allclose(h[:, :2], x[:, 0], atol=1e-9)


@pytest.mark.parametrize("seen", [0, 3])
@pytest.mark.parametrize("kind", [paths.linear, paths.hermite, paths.natural_spline])
def test_it_solves_its_equation(kind, seen):
    """The end is that of many small steps of rk4 written by hand, with f(h) and with f(h, X), for every path."""
    net, path = model(seen), kind(curves(n=4))
    with torch.no_grad():
        assert torch.allclose(net(path), by_hand(net, path, 4), atol=1e-7)


def test_what_has_no_time_in_it_does_not_depend_on_speed():
    """Other times for the same points change nothing, and neither do midpoints; with time as a channel they do."""
    x, times = curves(n=5), np.array([0.0, 0.1, 2.0, 2.5, 7.0])
    net = model()
    with torch.no_grad():
        end = net(paths.linear(x))
        assert torch.allclose(net(paths.linear(x, times)), end, atol=1e-7)
        midpoints = torch.cat([torch.stack([x[:, :-1], (x[:, 1:] + x[:, :-1]) / 2], 2).flatten(1, 2), x[:, -1:]], 1)
        assert torch.allclose(net(paths.linear(midpoints)), end, atol=1e-7)
        timed = [torch.cat([x[..., :2], torch.tensor(t).expand(4, 5)[..., None]], -1) for t in (times, times**2)]
        ends = [net(paths.linear(z)) for z in timed]
    assert (ends[0] - ends[1]).abs().max() > 0.1


def test_output_at_given_times():
    """t gives the states at these times, the first and the last of the path among them if they are asked for."""
    net, path, x = model(), paths.hermite(curves()), curves()
    with torch.no_grad():
        states = net(path, [0.0, 1.0, 2.5, 5.0])
        assert states.shape == (4, 4, 5)
        assert torch.equal(states[0], net.initial(x[:, 0]))
        assert torch.allclose(states[-1], net(path), atol=1e-7)
        assert torch.allclose(net(path, torch.tensor([1.0, 2.5])), states[1:3], atol=1e-7)
        assert torch.allclose(net(path, [2.5])[0], states[2], atol=1e-7)
        assert torch.equal(net(path, [0.0]), states[:1])
        # what came before 2 is what decides the state at 2: paths that look no further ahead agree there
        until = paths.hermite(x[:, :4])
        assert torch.allclose(net(until, [2.0]), net(path, [2.0]), atol=1e-7)


@pytest.mark.parametrize("seen", [0, 3])
@pytest.mark.parametrize("gradient", ["discrete", "backprop", "adjoint"])
def test_gradients(gradient, seen):
    """By the parameters and by the observations, against central differences."""
    x = curves(n=4, samples=(2,)).requires_grad_()
    net, weights = model(seen, gradient=gradient), torch.tensor([1.0, -2.0, 0.5, 3.0, -0.7])
    value = lambda x: (net(paths.hermite(x)) * weights).sum()  # noqa: E731
    value(x).backward()
    eps = 1e-6
    for tensor, index in (
        (x, (1, 2, 0)),
        (x, (1, 0, 0)),
        (net.field.net[0].weight, (3, 1)),
        (net.initial.weight, (2, 1)),
    ):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                tensor[index] += sign * eps
                ends.append(value(x).item())
                tensor[index] -= sign * eps
        assert tensor.grad[index].item() == pytest.approx((ends[0] - ends[1]) / (2 * eps), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("gradient", ["discrete", "backprop", "adjoint"])
def test_a_condition_that_the_field_holds_has_its_gradient(gradient):
    """What an encoder put into the field is reached too, as every parameter is."""
    z = torch.tensor([0.3, -0.2, 0.5, 0.1, -0.4], dtype=T, requires_grad=True)
    net, path = model(gradient=gradient), paths.hermite(curves(n=3))
    plain = net.field.forward
    net.field.condition = 2 * z
    net.field.forward = lambda h: plain(h + net.field.condition)
    (found,) = torch.autograd.grad(net(path).square().sum(), z)
    eps, ends = 1e-6, []
    for sign in (1, -1):
        net.field.condition = 2 * (z.detach() + sign * eps * torch.eye(5, dtype=T)[2])
        ends.append(net(path).square().sum().item())
    assert found[2].item() == pytest.approx((ends[0] - ends[1]) / (2 * eps), rel=1e-5)


def test_steps_end_at_the_knots():
    """Along lines, where the field is smooth between knots, a rough tolerance needs a step or two for each piece."""
    x = 0.1 * curves(n=21, samples=())
    net = model(rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        net(paths.linear(x))
    assert net.nfev <= 20 * 7 * 2
    rough = model(method="rk4", step=1.0)
    with torch.no_grad():
        assert torch.allclose(rough(paths.linear(x)), net(paths.linear(x)), atol=1e-3)
    assert rough.nfev == 80
    finer = model(method="rk4", step=0.5)
    with torch.no_grad():
        finer(paths.linear(x))
    assert finer.nfev == 160


def test_the_tolerances_count():
    x, calls = curves(n=4), {}
    exact = model(rtol=1e-12, atol=1e-13)(paths.hermite(x)).detach()
    for rtol in (1e-2, 1e-5, 1e-8):
        net = model(rtol=rtol, atol=1e-2 * rtol)
        off = (net(paths.hermite(x)) - exact).abs().max().item()
        calls[rtol] = net.nfev
        assert off < 20 * rtol
    assert calls[1e-2] < calls[1e-5] < calls[1e-8]


@pytest.mark.parametrize("start", [2020.0, 1e5, 1.7e9])
def test_paths_that_begin_far_from_zero(start):
    """Years, hours or seconds since some date, in float32: the same as from 0, since only time on the path counts."""
    times, x = np.array([0.0, 1.5, 1.75, 4.0, 6.5, 7.0]), curves()
    near, late = (paths.hermite(x.float(), s + times) for s in (0.0, start))
    net = model(rtol=1e-6, atol=1e-8).float()
    with torch.no_grad():
        assert torch.allclose(net(late), net(near), atol=1e-4)
        assert torch.allclose(net(late, [start + 4.0]), net(near, [4.0]), atol=1e-4)


def test_second_derivatives():
    """The way back through the steps can be differentiated again; the others say that they cannot."""
    x = curves(n=3, samples=()).requires_grad_()
    by = {g: model(gradient=g, rtol=1e-6, atol=1e-8) for g in ("backprop", "discrete")}
    (first,) = torch.autograd.grad(by["backprop"](paths.hermite(x))[0], x, create_graph=True)
    (second,) = torch.autograd.grad(first[1, 2], x)
    eps, ends = 1e-6, []
    for sign in (1, -1):
        z = x.detach().clone()
        z[2, 0] += sign * eps
        z.requires_grad_()
        ends.append(torch.autograd.grad(by["backprop"](paths.hermite(z))[0], z)[0][1, 2].item())
    assert second[2, 0].item() == pytest.approx((ends[0] - ends[1]) / (2 * eps), rel=1e-4, abs=1e-7)
    (first,) = torch.autograd.grad(by["discrete"](paths.hermite(x))[0], x, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(first[1, 2], x)


@pytest.mark.parametrize("samples", [(), (3,), (2, 3)])
def test_shapes_and_single_precision(samples):
    """Any batch shape, and float32 in, float32 out."""
    x = curves(samples=samples)
    net = model()
    assert net(paths.hermite(x)).shape == (*samples, 5)
    single = net.float()(paths.hermite(x.float()))
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), model()(paths.hermite(x)), atol=1e-4)


def test_state_dict_copy_and_pickle():
    """The parameters are those of the two modules; a copy and a pickle give the same output."""
    net, path = model(), paths.hermite(curves())
    assert {name.split(".")[0] for name in net.state_dict()} == {"field", "initial"}
    end = net(path)
    assert torch.equal(copy.deepcopy(net)(path), end)
    assert torch.equal(pickle.loads(pickle.dumps(net))(path), end)
    assert "sees_path=False, method='dopri5'" in repr(net)


def test_errors_say_what_is_wrong():
    """A clear word for each bad argument."""
    net, path = model(), paths.hermite(curves())
    linear = torch.nn.Linear(3, 5)
    with pytest.raises(TypeError, match=r"field must be an nn.Module, got function"):
        CDE(lambda h: h, linear)
    with pytest.raises(TypeError, match=r"initial must be an nn.Module, got NoneType"):
        CDE(linear, None)
    with pytest.raises(ValueError, match="is not known"):
        CDE(linear, linear, method="rk5")
    with pytest.raises(TypeError, match=r"path must be a Path of torch tensors, .* got Tensor"):
        net(curves())
    with pytest.raises(TypeError, match=r"a Path of NumPy arrays"):
        net(paths.hermite(curves().numpy()))
    with pytest.raises(ValueError, match=r"t=\[1.0, 5.5\] must be times from 0 to 5"):
        net(path, [1.0, 5.5])
    for t in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=r"must be times from 0 to 5"):
            net(path, [t])
    for one in (2.5, torch.tensor(2.5)):
        with pytest.raises(TypeError, match="t must be a list of times"):
            net(path, one)
    with pytest.raises(ValueError, match="t requires gradients"):
        net(path, torch.tensor([1.0], requires_grad=True))
    with pytest.raises(TypeError, match=r"the path is torch.float32 and the model torch.float64"):
        net(paths.hermite(curves().float()))
    with pytest.raises(ValueError, match=r"gradient='x' is not known"):
        CDE(linear, linear, gradient="x")
    with pytest.raises(ValueError, match=r"increase strictly"):
        net(path, [2.0, 1.0])
    with pytest.raises(ValueError, match=r"t=\[\] must be"):
        net(path, [])
    with pytest.raises(ValueError, match=r"\(4, 5, 3\) for h \(4, 5\) and a path with 2 channels; \(4, 5, 2\)"):
        CDE(Field(), torch.nn.Linear(2, 5, dtype=T))(paths.hermite(curves(channels=2)))
    with pytest.raises(nodekit.SolveError):
        model(max_steps=2)(path)
