"""Diagonal noise: a diffusion that mixes components is refused where the method's claim needs it, and no other one."""

import numpy as np
import pytest
import torch
from torch import nn

from nodekit import stochastic
from nodekit.models import NeuralSDE
from nodekit.stochastic import BrownianPath

F64 = torch.float64
LIBRARIES = pytest.mark.parametrize("library", ["numpy", "torch"])
A = np.array([[0.9, -0.5, 0.3], [-0.2, 0.7, 1.1], [0.4, 0.8, -0.6], [1.0, 0.1, 0.5]])
B = np.array([[0.5, -0.4, 0.3, 0.2], [0.1, 0.6, -0.5, 0.3], [-0.3, 0.2, 0.4, -0.6]])


def mixing(t, y):
    """Not symmetric, non-autonomous, y (..., 3)."""
    return 0.6 + 0.4 * np.tanh(y @ A.T + t) @ B.T


def own_slopes(t, y):
    """∂_i g_i of `mixing`."""
    return 0.4 * np.einsum("...k,ik,ki->...i", 1 - np.tanh(y @ A.T + t) ** 2, B, A)


def drift(t, y):
    return np.cos(3 * t) - 0.5 * y


def solved(
    diffusion, y0, library="numpy", calculus="stratonovich", method="milstein", step=0.1, seed=1, end=1.0, **options
):
    """A solve with the drift −y, and y0 as given; a diffusion of either library."""
    y0 = torch.tensor(y0) if library == "torch" else np.array(y0)
    f = lambda t, y: -y  # noqa: E731
    return stochastic.solve(f, diffusion, y0, (0.0, end), calculus, seed, method, step=step, **options)


def test_heun_takes_a_diffusion_that_mixes_with_order_one_half():
    """To the equation whose Itô drift has ½ g_i ∂_i g_i more; its steps are those with the matrix diag(g)."""
    path, y0 = BrownianPath(3, 0.0, 1.0, (300, 3), cells=4096), np.zeros((300, 3))
    span, steps, errors = (0.0, 1.0), (16, 32, 64, 128), []

    def ito_drift(t, y):
        return drift(t, y) + mixing(t, y) * own_slopes(t, y) / 2

    right = stochastic.solve(ito_drift, mixing, y0, span, "ito", path, "euler_maruyama", step=1 / 4096).y[-1]
    for n in steps:
        found = stochastic.solve(drift, mixing, y0, span, "stratonovich", path, "heun", step=1 / n).y[-1]
        errors.append(np.sqrt(((found - right) ** 2).mean()))
    assert abs(-np.polyfit(np.log(steps), np.log(errors), 1)[0] - 0.5) < 0.12
    matrix = lambda t, y: mixing(t, y)[..., None] * np.eye(3)  # noqa: E731
    other = stochastic.solve(drift, matrix, y0, span, "stratonovich", path, "heun", "general", step=1 / 128).y[-1]
    assert np.allclose(found, other, rtol=1e-12)


@LIBRARIES
@pytest.mark.parametrize(
    ("calculus", "method", "step", "instead"),
    [
        ("ito", "milstein", 0.1, "euler_maruyama"),
        ("ito", "milstein", None, "euler_maruyama"),
        ("stratonovich", "milstein", 0.1, "heun"),
        ("stratonovich", "milstein", None, "heun"),
        ("stratonovich", "heun", None, "heun"),
        ("ito", "euler_maruyama", 0.1, None),
        ("stratonovich", "heun", 0.1, None),
    ],
)
def test_who_refuses_a_diffusion_that_mixes(library, calculus, method, step, instead):
    """Milstein's method, and steps of its own choice; the message names two components and a method that takes it."""
    on_torch = lambda t, y: 1 + 0.3 * torch.tanh(y @ torch.tensor(A[:3]).T)  # noqa: E731
    g = on_torch if library == "torch" else mixing
    case = g, np.ones((2, 3)), library, calculus, method, step
    if instead is None:
        assert solved(*case).success
        return
    words = (
        rf"diffusion\[(\d), (\d)\] depends on y\[\1, [^\2]\]; .*method='{method}'.*Take method='{instead}' and a step"
    )
    with pytest.raises(ValueError, match=words):
        solved(*case)


def coupled(i, k):
    """d y_i alone but for component i, which depends on y_k too."""

    def g(t, y):
        own = 1 + 0.1 * y
        more = 0.01 * y[..., k]
        if isinstance(y, torch.Tensor):
            return own + more[..., None] * torch.eye(y.shape[-1], dtype=y.dtype)[i]
        return own + more[..., None] * np.eye(y.shape[-1])[i]

    return g


@LIBRARIES
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("i", "k"), [(0, 1), (4, 0), (2, 4), (3, 2)])
def test_one_component_that_depends_on_one_other_is_named(library, kind, i, k):
    """In up to six dimensions, by whatever seed; from y0 = 0 too."""
    for y0 in (np.ones(5, kind), np.zeros(5, kind), np.array([2.0, -1.0, 300.0, 0.5, 7.0], kind)):
        for seed in range(5):
            with pytest.raises(ValueError, match=rf"diffusion\[{i}\] depends on y\[{k}\]; "):
                solved(coupled(i, k), y0, library, seed=seed)


MIXES = {
    "at a later time": (lambda t, y: 1 + t * y.sum(-1)[..., None] + 0 * y, np.ones((2, 3))),
    "away from 0": (lambda t, y: 1 + y * y[..., [1, 2, 0]], np.zeros((2, 3))),
    "samples": (lambda t, y: 1 + y.mean() + 0 * y, np.ones((5, 1))),
    "numbers of a vector": (lambda t, y: 1 + 0.1 * y.mean() + 0 * y, np.ones(400)),
    "images": (lambda t, y: 1 + 0.1 * y[:, [1, 0]], np.ones((2, 2, 3, 3))),
}


@LIBRARIES
@pytest.mark.parametrize("name", MIXES)
def test_mixing_that_hides(name, library):
    g, y0 = MIXES[name]
    with pytest.raises(ValueError, match=r"depends on y\["):
        solved(g, y0, library)


def of_either(name):
    return lambda y: getattr(torch if isinstance(y, torch.Tensor) else np, name)(y)


def by_rotation(t, y):
    """The identity, through a matrix and back: with roundings of each component in each other one."""
    Q = np.linalg.qr(A[:3])[0]
    Q = torch.tensor(Q, dtype=y.dtype) if isinstance(y, torch.Tensor) else Q.astype(y.dtype)
    return y @ Q @ Q.T


def by_a_diagonal_matrix(t, y):
    D = np.diag([0.3, -0.7, 1.1])
    return y @ (torch.tensor(D, dtype=y.dtype) if isinstance(y, torch.Tensor) else D.astype(y.dtype))


def share(t, y):
    """nan outside of [0, 1]."""
    return of_either("sqrt")(y) * of_either("sqrt")(1 - y)


ALONE = {
    "constant": (lambda t, y: 0.3 + 0 * y, np.ones((2, 3))),
    "with time": (lambda t, y: 0.2 * of_either("sin")(y * (1 + t)), np.array([[1.0, -2.0, 0.0], [0.3, 0.1, 5.0]])),
    "a vector of samples": (lambda t, y: 0.1 * y**3, np.linspace(-1, 1, 301)),
    "a number": (lambda t, y: 0.1 * y, np.array(0.7)),
    "one of each sample": (lambda t, y: 0.1 * y, np.ones((4, 1))),
    "images": (lambda t, y: 0.1 * y * (1 + y), np.linspace(0, 1, 2 * 3 * 5 * 5).reshape(2, 3, 5, 5)),
    "a diagonal matrix": (by_a_diagonal_matrix, np.array([1.0, 2.0, 0.0])),
    "roundings": (by_rotation, np.array([[1.0, 30.0, -0.5], [0.2, 0.1, -7.0]])),
    "a share": (share, np.array([0.5, 0.4, 0.6])),
    "a bound": (lambda t, y: of_either("sqrt")(y - 0.95), np.array([1.0, 2.0, 1.0])),
    "far apart": (lambda t, y: 0.1 * y, np.array([1e8, 1e-8, 0.0])),
    "nothing": (lambda t, y: 0 * y, np.zeros(3)),
}


@LIBRARIES
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", ALONE)
def test_a_diffusion_that_acts_element_by_element_is_taken(name, kind, library):
    g, y0 = ALONE[name]
    end = 1e-4 if name in ("a share", "a bound") else 1.0  # beyond they are nan
    for seed in range(4):
        assert solved(g, y0.astype(kind), library, step=end / 10, seed=seed, end=end).success


class Each(nn.Module):
    """A network of its own for each component, in one product: what NeuralSDE's docstring shows."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(3, 12, 1, groups=3), nn.Tanh(), nn.Conv1d(12, 3, 1, groups=3))
        self.dropout, self.calls = nn.Dropout(dropout), 0

    def forward(self, t, y):
        self.calls += 1
        return self.dropout(self.net(y[..., None])[..., 0])


def still(t, y):
    return 0 * y


def test_looking_disturbs_nothing():
    """Neither torch's random state, nor gradients, nor counts, nor dropout; and it takes four evaluations."""
    torch.manual_seed(0)
    g, y0, found = Each(dropout=0.5), torch.randn(4, 3), {}
    for method, looked in (("milstein", True), ("heun", False)):  # with step=0.1, heun is not looked at
        torch.manual_seed(5)
        g.calls = 0
        sol = stochastic.solve(still, g, y0, (0.0, 1.0), "stratonovich", 3, method, step=0.1)
        assert g.calls == sol.stats.ngev + 4 * looked
        found[method] = torch.randn(3)
        (sol.y[-1] ** 2).sum().backward()
        assert all(p.grad.isfinite().all() for p in g.parameters())
    assert torch.equal(found["milstein"], found["heun"])  # both draw two masks a step, and one at the start


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_looking_where_no_gradients_are(context):
    g, y0 = Each(), torch.ones(4, 3)
    with context():
        sol = stochastic.solve(still, g, y0, (0.0, 1.0), "ito", 3, step=0.1)
        with pytest.raises(ValueError, match="depends on"):
            stochastic.solve(still, lambda t, y: y.sum() + 0 * y, y0, (0.0, 1.0), "ito", 3, step=0.1)
    assert not sol.y.requires_grad
    assert sol.y.isfinite().all()


def test_the_transforms_of_torch_are_not_looked_into():
    def end(y0):
        return stochastic.solve(still, lambda t, y: 0.1 * y, y0, (0.0, 1.0), "ito", 3, step=0.1).y[-1].sum()

    y0 = torch.tensor([0.5, -1.0, 2.0], dtype=F64)
    assert torch.func.grad(end)(y0).isfinite().all()


def test_neural_sde_refuses_a_net_that_mixes():
    """And takes those that its docstring shows, one for all components or one for each."""

    class Of(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))

        def forward(self, t, y):
            return self.net(y)

    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))

        def forward(self, t, y):
            return self.net(y[..., None])[..., 0]

    torch.manual_seed(1)
    y0 = torch.randn(4, 3)
    for calculus in ("ito", "stratonovich"):
        with pytest.raises(ValueError, match=r"diffusion\[.*depends on"):
            NeuralSDE(Of(), Of(), calculus)(y0, 1)
        assert all(NeuralSDE(Of(), net(), calculus, step=0.1)(y0, 1).shape == (4, 3) for net in (One, Each))
    assert NeuralSDE(Of(), Of(), "stratonovich", method="heun", step=0.1)(y0, 1).shape == (4, 3)
    assert NeuralSDE(Of(), Of(), "ito", method="euler_maruyama", step=0.1)(y0, 1).shape == (4, 3)
