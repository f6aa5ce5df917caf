"""stochastic.solve: orders along one path, two integrals, free steps, both libraries, failures and errors."""

import math
import pickle

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import torch
from scipy.linalg import expm

from nodekit import stochastic
from nodekit.gradients import Adjoint, Checkpoint
from nodekit.solution import SolveError, Status
from nodekit.stochastic import BrownianPath

# Matrices that commute, not normal, of odd dimension; a noise for each of the last two.
M = np.array([[0.3, 0.8, 0.0], [-0.4, 0.1, 0.5], [0.2, 0.0, -0.6]])
A, B1, B2 = M @ M - 0.5 * M, 0.6 * M + 0.3 * np.eye(3), 0.5 * M @ M - 0.2 * np.eye(3)
START = np.array([1.0, -0.5, 0.7])


def drift(t, y):
    return (1 + np.cos(3 * t)) * y @ A.T


def diffusion(t, y):
    return np.stack([y @ B1.T, y @ B2.T], -1)


def exact(path, t, calculus):
    """exp(∫A + Σ B_j W_j − Σ ½B_j² t for Itô) y0, for each row."""
    time = t + math.sin(3 * t) / 3
    ends = []
    for w1, w2 in path(t):
        power = A * time + B1 * w1 + B2 * w2
        power = power - (B1 @ B1 + B2 @ B2) * t / 2 if calculus == "ito" else power
        ends.append(expm(power) @ START)
    return np.array(ends)


def slope(steps, errors):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


STRONG = pytest.mark.parametrize(
    ("calculus", "method", "order"),
    [
        ("ito", "euler_maruyama", 0.5),
        ("ito", "milstein", 1.0),
        ("stratonovich", "milstein", 1.0),
        ("stratonovich", "heun", 1.0),
    ],
)


@STRONG
def test_strong_orders_with_commutative_noise(calculus, method, order, record_property):
    path, steps = BrownianPath(21, 0.0, 1.0, (400, 2), cells=512), (16, 32, 64, 128)
    noise = "general" if method == "euler_maruyama" else "commutative"
    y0, right, errors = np.tile(START, (400, 1)), exact(path, 1.0, calculus), []
    for n in steps:
        sol = stochastic.solve(drift, diffusion, y0, (0.0, 1.0), calculus, path, method, noise, step=1 / n)
        errors.append(np.sqrt(((sol.y[-1] - right) ** 2).sum(1).mean()))
    found = slope(steps, errors)
    record_property("measured", f"strong order of {method}, {calculus}: {found:.2f}")
    assert abs(found - order) < 0.12


@STRONG
def test_strong_orders_with_diagonal_noise(calculus, method, order):
    """dy = 0.2 t y dt + σ y dW: y = exp(0.1 t² from 0.5 on − σ²t/2 for Itô + σW)."""
    n, sigma = 4000, np.linspace(0.4, 0.8, 4000)
    path, steps, errors = BrownianPath(22, 0.5, 1.5, (n,), cells=1024), (32, 64, 128, 256), []
    right = np.exp(0.1 * (1.5**2 - 0.5**2) - (sigma**2 / 2 if calculus == "ito" else 0.0) + sigma * path(1.5))
    for k in steps:
        sol = stochastic.solve(
            lambda t, y: 0.2 * t * y, lambda t, y: sigma * y, np.ones(n), (0.5, 1.5), calculus, path, method, step=1 / k
        )
        errors.append(np.abs(sol.y[-1] - right).mean())  # squares would hang on a few large values
    assert abs(slope(steps, errors) - order) < 0.12


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize(("calculus", "method"), [("ito", "euler_maruyama"), ("stratonovich", "heun")])
def test_general_noise_has_order_one_half(calculus, method):
    """Noises that do not commute, against the same method with steps 64 times as short."""

    def columns(t, y):
        return np.stack([np.stack([y[..., 1], 0 * y[..., 0]], -1), np.stack([0 * y[..., 0], y[..., 0]], -1)], -1)

    path, y0, steps = BrownianPath(23, 0.0, 1.0, (1000, 2), cells=8192), np.ones((1000, 2)), (16, 32, 64, 128)
    ends = {
        n: stochastic.solve(lambda t, y: -y, columns, y0, (0.0, 1.0), calculus, path, method, "general", step=1 / n).y[
            -1
        ]
        for n in (*steps, 8192)
    }
    errors = [np.sqrt(((ends[n] - ends[8192]) ** 2).sum(1).mean()) for n in steps]
    assert abs(slope(steps, errors) - 0.5) < 0.12


def test_weak_order_one():
    """Means of y² of Euler–Maruyama's geometric motion: ((1 + μh)² + σ²h)^n, against exp(2μ + σ²), by samples."""
    mu, sigma, n, steps = 0.5, 0.4, 40_000, (4, 8, 16, 32)
    path, errors = BrownianPath(24, 0.0, 1.0, (n,), cells=32), []
    for k in steps:
        sol = stochastic.solve(
            lambda t, y: mu * y,
            lambda t, y: sigma * y,
            np.ones(n),
            (0.0, 1.0),
            "ito",
            path,
            "euler_maruyama",
            step=1 / k,
        )
        right = np.exp(mu - sigma**2 / 2 + sigma * path(1.0))
        errors.append((right**2 - sol.y[-1] ** 2).mean())  # along the same paths: a small variance
        expected = math.exp(2 * mu + sigma**2) - ((1 + mu / k) ** 2 + sigma**2 / k) ** k
        assert abs(errors[-1] - expected) < 0.1 * expected
    assert abs(slope(steps, errors) - 1) < 0.1


def test_one_noise_and_two_integrals():
    """dy = y dW: exp(W − t/2) by Itô, exp(W) by Stratonovich."""
    path = BrownianPath(3, 0.0, 1.0, (5,), cells=4096)
    ito, other = (
        stochastic.solve(lambda t, y: 0 * y, lambda t, y: y, np.ones(5), (0.0, 1.0), calculus, path, step=1 / 4096).y[
            -1
        ]
        for calculus in ("ito", "stratonovich")
    )
    assert np.allclose(ito, np.exp(path(1.0) - 0.5), rtol=5e-3)
    assert np.allclose(other, np.exp(path(1.0)), rtol=5e-3)


@pytest.mark.parametrize(
    ("calculus", "method", "noise"), [("ito", "milstein", "commutative"), ("stratonovich", "heun", "commutative")]
)
def test_free_steps_follow_the_path(calculus, method, noise):
    """The error along the path falls with the tolerance, through rejected steps: a step whose noise was drawn anew
    would lead to another path."""
    path, y0 = BrownianPath(25, 0.0, 1.0, (4, 2)), np.tile(START, (4, 1))
    right, errors, rejected = exact(path, 1.0, calculus), [], 0
    for tol in (1e-2, 1e-3, 1e-5):
        sol = stochastic.solve(drift, diffusion, y0, (0.0, 1.0), calculus, path, method, noise, rtol=tol, atol=tol)
        errors.append(np.abs(sol.y[-1] - right).max())
        rejected += sol.stats.n_rejected
    assert rejected > 0
    assert errors[-1] < 1e-3
    assert errors[0] > 10 * errors[2]


@pytest.mark.slow(seconds=5)
def test_free_steps_do_not_prefer_small_increments():
    """Over 300 seeds W(1) and ∫ exp(−2|W|) dW have the mean 0, and W(1) the variance 1, through many rejected steps,
    which had the larger increments."""
    ends, rejected = [], 0
    for seed in range(300):
        sol = stochastic.solve(
            lambda t, y: 0 * y,
            lambda t, y: np.stack([1 + 0 * y[0], np.exp(-2 * abs(y[0]))])[:, None],
            np.zeros(2), (0.0, 1.0), "ito", seed, "milstein", "commutative", rtol=1e-2, atol=1e-2,
        )  # fmt: skip
        ends.append(sol.y[-1])
        rejected += sol.stats.n_rejected
    ends = np.array(ends)
    assert rejected > 300
    for values, variance in ((ends[:, 0], 1.0), (ends[:, 1], None)):
        spread = values.std()
        assert abs(values.mean()) < 3.5 * spread / math.sqrt(300)
        if variance:
            assert abs(values.var() / variance - 1) < 3.5 * math.sqrt(2 / 300)


@pytest.mark.parametrize(
    ("calculus", "method", "noise", "step"),
    [
        ("ito", "euler_maruyama", "general", 0.03),
        ("ito", "milstein", "commutative", 0.03),
        ("ito", "milstein", "diagonal", None),
        ("stratonovich", "milstein", "commutative", None),
        ("stratonovich", "heun", "commutative", 0.03),
        ("stratonovich", "heun", "diagonal", None),
    ],
)
def test_torch_takes_the_steps_of_numpy(calculus, method, noise, step):
    T = lambda x: torch.tensor(x)  # noqa: E731
    path = BrownianPath(26, 0.0, 1.0, (2, 3) if noise == "diagonal" else (2, 2))
    y0, times = np.tile(START, (2, 1)), np.array([0.0, 0.2, 0.77, 1.0])
    g = (lambda t, y: np.sin(t + y)) if noise == "diagonal" else diffusion
    ours = stochastic.solve(drift, g, y0, times, calculus, path, method, noise, step=step)
    f_torch = lambda t, y: (1 + torch.cos(3 * t)) * y @ T(A).T  # noqa: E731
    if noise == "diagonal":
        g_torch = lambda t, y: torch.sin(t + y)  # noqa: E731
    else:
        g_torch = lambda t, y: torch.stack([y @ T(B1).T, y @ T(B2).T], -1)  # noqa: E731
    other = stochastic.solve(f_torch, g_torch, T(y0), times, calculus, path, method, noise, step=step)
    assert np.allclose(ours.y, other.y.numpy(), rtol=1e-12, atol=1e-12)
    assert ours.stats == other.stats
    assert np.allclose(ours(0.5), other(0.5).numpy(), rtol=1e-12)


def test_outputs_and_dense_output_are_shorter_steps():
    path, f, g = BrownianPath(27, 0.0, 1.0, (2,)), lambda t, y: np.cos(t) - y, lambda t, y: 0.5 + 0.1 * np.sin(y)
    y0, times = np.array([0.3, -1.0]), np.array([0.0, 0.13, 0.2, 0.71, 1.0])
    at = stochastic.solve(f, g, y0, times, "ito", path, step=0.1)
    every = stochastic.solve(f, g, y0, (0.0, 1.0), "ito", path, step=0.1)
    assert np.allclose(at.y, every(times), rtol=1e-14)
    start = every.y[7]
    by_hand = start + 0.01 * f(0.7, start) + g(0.7, start) * (path(0.71) - path(0.7))
    along = start + 0.01 * f(0.7, start) + 0.1 * g(0.7, start)
    by_hand += (g(0.7, along) - g(0.7, start)) * ((path(0.71) - path(0.7)) ** 2 - 0.01) / 0.2
    assert np.allclose(at.y[3], by_hand, rtol=1e-10)


def test_a_seed_is_a_path():
    """With as many cells as steps, on the solve's interval, which a step that does not divide it passes."""
    args = (lambda t, y: -y, lambda t, y: 1 + 0 * y, np.ones(3), (0.0, 1.0), "ito")
    first = stochastic.solve(*args, 5, step=0.1)
    assert np.array_equal(first.y, stochastic.solve(*args, 5, step=0.1).y)
    assert np.array_equal(first.y, stochastic.solve(*args, BrownianPath(5, 0.0, 1.0, 3, cells=10), step=0.1).y)
    assert not np.allclose(first.y, stochastic.solve(*args, 6, step=0.1).y)
    assert stochastic.solve(*args, 5, step=0.3).t[-1] == 1.0


def test_stratonovich_backward_comes_home():
    path = BrownianPath(28, 0.0, 1.0, (3,), cells=2000)
    f, g = lambda t, y: np.cos(3 * t) - y, lambda t, y: 0.3 * np.sin(y + t)
    y0 = np.array([0.1, 0.5, -1.0])
    there = stochastic.solve(f, g, y0, (0.0, 1.0), "stratonovich", path, "heun", step=1 / 2000).y[-1]
    back = stochastic.solve(f, g, there, (1.0, 0.0), "stratonovich", path, "heun", step=1 / 2000).y[-1]
    assert np.abs(back - y0).max() < 1e-3
    assert np.abs(there - y0).max() > 0.1


def test_failures_keep_what_was_solved():
    def g(t, y):
        return np.where(t > 0.5, np.nan, 1.0) * np.ones_like(y)

    with pytest.raises(SolveError, match=r"nan.*at t = 0\.\d+") as caught:
        stochastic.solve(lambda t, y: -y, g, np.ones(2), (0.0, 1.0), "ito", 1, step=0.01)
    part = caught.value.solution
    assert part.status is Status.NOT_FINITE
    assert 0.5 < part.t[-1] < 0.53
    sol = stochastic.solve(
        lambda t, y: -y, lambda t, y: y, np.ones(2), (0.0, 1.0), "ito", 1, rtol=1e-6, max_steps=20, throw=False
    )
    assert sol.status is Status.MAX_STEPS
    rough = stochastic.solve(
        lambda t, y: 0 * y, lambda t, y: np.sin(1e6 * y), np.ones(2), (0.0, 1.0), "ito",
        BrownianPath(1, 0.0, 1.0, 2, cells=1), throw=False,
    )  # fmt: skip
    assert rough.status is Status.STEP_TOO_SMALL
    assert "more cells than 1" in rough.message


GOOD = {
    "drift": lambda t, y: -y, "diffusion": lambda t, y: y, "y0": np.ones((2, 3)), "t": (0.0, 1.0), "calculus": "ito",
    "brownian": 1, "step": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"drift": 3}, TypeError, r"drift must be a function \(t, y\), got int"),
        ({"diffusion": 1.0}, TypeError, "diffusion must be a function"),
        ({"calculus": "strat"}, ValueError, "calculus='strat' is not known. Choose one of: ito, stratonovich"),
        ({"noise": "scalar"}, ValueError, "noise='scalar' is not known. Choose one of: diagonal, commutative, general"),
        ({"method": "rk4"}, ValueError, "method='rk4' is not known. Choose one of: euler_maruyama, milstein, heun"),
        ({"method": "heun"}, ValueError, "not made for 'ito' integrals.*there is: euler_maruyama, milstein"),
        ({"noise": "general"}, ValueError, "'milstein' is not made for.*there is: euler_maruyama"),
        ({"method": "euler_maruyama", "step": None}, ValueError, "strong order ½: give it a step size"),
        ({"t": (1.0, 0.0)}, ValueError, "Itô's integral has a direction"),
        ({"step": -0.1}, ValueError, "step=-0.1"),
        ({"rtol": 0.0}, ValueError, "rtol"),
        ({"max_steps": 0}, ValueError, "max_steps=0 must be"),
        ({"brownian": 1.5}, TypeError, "brownian must be a seed, an int, or a BrownianPath, got float"),
        ({"brownian": BrownianPath(1, 0.0, 1.0, 3)}, ValueError, r"brownian has shape \(3,\).*\(2, 3\) was expected"),
        ({"brownian": BrownianPath(1, 0.0, 0.5, (2, 3))}, ValueError, r"a path on \[0.0, 0.5\], and t goes from"),
        ({"diffusion": lambda t, y: y[0]}, ValueError, r"diffusion returned shape \(3,\).*\(2, 3\) was expected"),
        ({"diffusion": lambda t, y: 1.0}, ValueError, "diffusion returned float"),
        ({"gradient": "adjoint"}, ValueError, "cannot be had of 'ito' integrals"),
        ({"gradient": "interpolated"}, ValueError, "'interpolated' cannot be had of a solve with noise. Take \"discr"),
        (
            {"gradient": Adjoint(rtol=1e-3), "calculus": "stratonovich"},
            ValueError,
            "Adjoint.*rtol=0.001.*the stochastic adjoint .*has no options",
        ),
        ({"gradient": "adjoint", "calculus": "stratonovich"}, ValueError, "gradient='adjoint' is for torch.*Leave it"),
        ({"gradient": Checkpoint("sqrt")}, ValueError, "every='sqrt'.* is for torch"),
        ({"params": []}, ValueError, "^params is for torch"),
        (
            {"step": 1e-9},
            ValueError,
            "step=1e-09 needs 1000000000 steps from t=0.0 to t=1.0, more than max_steps=10000",
        ),
        ({"max_steps": 9}, ValueError, "step=0.1 needs 10 steps.*more than max_steps=9"),
        ({"y0": np.ones(3) + 1j}, TypeError, "the state of a stochastic differential equation is real"),
        ({"y0": (torch.ones(2), torch.ones(3))}, TypeError, "y0 must be one array or tensor"),
        (
            {"noise": "general", "method": "euler_maruyama", "diffusion": lambda t, y: y, "brownian": 2},
            ValueError,
            r"y of shape \(2, 3\) \(2, 3, m\) was expected",
        ),
        (
            {"y0": torch.ones(2, 3), "t": torch.tensor([0.0, 1.0], requires_grad=True)},
            ValueError,
            "no derivative by time",
        ),
        ({"noise": "commutative", "y0": np.float64(1.0)}, ValueError, "needs a y0 with an axis"),
        (
            {"y0": torch.ones(2, 3), "diffusion": lambda t, y: y.double()},
            TypeError,
            "diffusion returned torch.float64, but y0 is torch.float32",
        ),
    ],
)
def test_errors(changed, error, words):
    with pytest.raises(error, match=words):
        stochastic.solve(**{**GOOD, **changed})


@pytest.mark.parametrize("library", [np, torch], ids=["numpy", "torch"])
@pytest.mark.parametrize(("columns", "noises"), [(1, 2), (2, 1), (2, 5), (3, 2)])
def test_a_path_has_as_many_noises_as_the_diffusion(columns, noises, library):
    """One of another number would be broadcast: a noise used twice, or two for one."""
    y0 = library.ones((4, 2))
    g = lambda t, y: y[..., None] * library.ones(columns)  # noqa: E731
    path = BrownianPath(1, 0.0, 1.0, (4, noises), cells=10)
    with pytest.raises(ValueError, match=rf"^diffusion has {columns} noises, brownian {noises}: .*\(4, 2, {columns}\)"):
        stochastic.solve(decay, g, y0, (0.0, 1.0), "ito", path, "euler_maruyama", "general", step=0.1)


@pytest.mark.parametrize("library", [np, torch], ids=["numpy", "torch"])
@pytest.mark.parametrize("noise", ["diagonal", "commutative"])
@pytest.mark.parametrize("step", [None, 0.1])
@pytest.mark.parametrize("shape", [(0, 3), (0,)])
def test_an_empty_batch_is_one_step(library, noise, step, shape):
    """As nodekit.solve's."""
    g = size if noise == "diagonal" else lambda t, y: library.stack([y, y], -1)
    y0 = library.zeros(shape)
    case = (0.0, 1.0), "ito", 1, "milstein", noise
    assert stochastic.solve(decay, g, y0, *case, step=step).y.shape == (2, *shape)
    assert stochastic.solve(decay, g, y0, [0.0, 0.2, 1.0], *case[1:], step=step).y.shape == (3, *shape)


def test_integers_of_numpy():
    seed, ours = np.int64(5), (decay, size, np.ones(3), (0.0, 1.0), "ito")
    sol = stochastic.solve(*ours, seed, step=0.1, max_steps=np.int64(10))
    assert np.array_equal(sol.y, stochastic.solve(*ours, 5, step=0.1).y)


def test_torch_warns_of_no_array():
    """With one noise for one component, whose increments are a view of the path's."""
    sol = stochastic.solve(
        decay, lambda t, y: y[..., None], torch.ones(4, 1), (0.0, 1.0), "ito", 1, "euler_maruyama", "general", step=0.1
    )
    assert sol.success


def test_a_solution_travels():
    """Pickled, with its dense output: on the same path."""
    sol = stochastic.solve(decay, size, np.ones(3), (0.0, 1.0), "ito", 5, rtol=1e-2)
    again = pickle.loads(pickle.dumps(sol))
    assert np.array_equal(again(0.37), sol(0.37))


def decay(t, y):
    return -y


def size(t, y):
    return 0.2 * y


def test_autograd_differentiates_numpy_solves():
    """By the diffusion's parameter, along one path, as differences do."""
    path = BrownianPath(6, 0.0, 1.0, (2, 3), cells=40)

    def end(sigma):
        g = lambda t, y: sigma * anp.cos(y + t)[..., None] * np.array([1.0, -0.5, 0.3])  # noqa: E731
        f = lambda t, y: -y * sigma  # noqa: E731
        sol = stochastic.solve(f, g, np.ones((2, 2)), (0.0, 1.0), "ito", path, "euler_maruyama", "general", step=0.025)
        return anp.sum(sol.y[-1] * np.array([[1.0, 2.0], [-1.0, 0.5]]))

    assert np.isclose(autograd.grad(end)(0.4), (end(0.4 + 1e-6) - end(0.4 - 1e-6)) / 2e-6, rtol=1e-6)
