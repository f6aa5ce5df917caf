"""Optimisation as an ODE: the fields against exact solutions, their discrete methods, and the bound with its proof."""

import math

import numpy as np
import pytest
import torch
from scipy.special import gamma, jv

import nodekit
from nodekit.analysis.optimisation import at_rest, gradient_flow, heavy_ball, nesterov, nesterov_bound

TIGHT = {"method": "dop853", "rtol": 1e-11, "atol": 1e-13}
CURVATURES = np.array([0.3, 2.0, 7.0])
START = np.array([1.0, -2.0, 0.5])


def quadratic(x):
    return CURVATURES * x


def coupled(x):
    """The gradient of log Σ exp(A x + b) + |x|²/20: convex, not quadratic, its Hessian not diagonal. x: (3,)."""
    rng = np.random.default_rng(24)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=5)
    weights = np.exp(a @ x + b)
    return a.T @ (weights / weights.sum()) + x / 10


def value(x):
    rng = np.random.default_rng(24)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=5)
    return np.log(np.exp(a @ x + b).sum()) + x @ x / 20


def test_gradient_flow_of_a_quadratic():
    """x(t) = exp(−λt) x(0), for each curvature λ."""
    t = np.linspace(0, 2, 9)
    x = nodekit.solve(gradient_flow(quadratic), START, t, **TIGHT).y
    assert np.allclose(x, START * np.exp(-CURVATURES * t[:, None]), rtol=1e-9)


def test_euler_on_the_flow_is_gradient_descent():
    """Euler's steps of size h are x − h gradient(x), to the last bit but rounding; the value falls."""
    x, h = START, 0.07
    path = nodekit.solve(gradient_flow(coupled), START, (0.0, 50 * h), method="euler", step=h).y
    for k in range(50):
        assert np.allclose(path[k], x, rtol=1e-12)
        x = x - h * coupled(x)
    assert np.all(np.diff([value(x) for x in path]) < 0)


@pytest.mark.parametrize("friction", [0.0, 0.9, 2 * CURVATURES[1] ** 0.5, 6.0])
def test_heavy_ball_is_the_damped_oscillator(friction):
    """Without friction, under-, critically and overdamped components, from rest, against their closed form."""
    t = np.linspace(0, 6, 13)
    x = nodekit.solve(heavy_ball(quadratic, friction), at_rest(START), t, **TIGHT).y[:, 0]
    root = np.sqrt(friction**2 / 4 - CURVATURES + 0j)
    root = np.where(np.abs(root) < 1e-9, 1e-6, root)  # critical: the limit, to 1e-11
    s = root * t[:, None]
    exact = START * np.exp(-friction / 2 * t[:, None]) * (np.cosh(s) + friction / 2 * np.sinh(s) / root)
    assert np.abs(exact.imag).max() < 1e-12
    assert np.allclose(x, exact.real, atol=1e-9)


def test_momentum_follows_the_heavy_ball():
    """x ← x − a gradient + β (last change), a = h², β = 1 − friction h, comes to the field's path like h."""
    friction, end = 0.8, 4.0
    exact = nodekit.solve(heavy_ball(coupled, friction), at_rest(START), (0.0, end), **TIGHT).y[-1, 0]
    errors = []
    for n in (200, 400, 800):
        h = end / n
        before, x = START, START
        for _ in range(n):
            before, x = x, x - h * h * coupled(x) + (1 - friction * h) * (x - before)
        errors.append(np.abs(x - exact).max())
    assert errors[0] < 0.05
    assert np.allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.1)


@pytest.mark.parametrize("r", [0.5, 1.0, 2.0, 3.0, 5.0, 8.5])
def test_nesterov_of_a_quadratic_is_a_bessel_function(r):
    """x(t) = x(0) Γ(ν + 1) (2/s)^ν J_ν(s), with s = √λ t and ν = (r − 1)/2, from t = 0 on."""
    t = np.linspace(0, 12, 25)
    sol = nodekit.solve(nesterov(quadratic, r), at_rest(START), t, **TIGHT)
    nu, s = (r - 1) / 2, np.sqrt(CURVATURES) * t[1:, None]
    assert np.allclose(sol.y[1:, 0], START * gamma(nu + 1) * (2 / s) ** nu * jv(nu, s), atol=1e-8)


@pytest.mark.parametrize("r", [0.5, 3.0, 6.0])
def test_nesterov_at_time_0(r):
    """x″(0) = −gradient/(1 + r), which is the limit of the exact second derivative, by differences."""
    slope = nesterov(quadratic, r)(0.0, at_rest(START))
    assert np.allclose(slope, [0 * START, -CURVATURES * START / (1 + r)])
    nu, s = (r - 1) / 2, np.sqrt(CURVATURES) * 1e-2
    near = START * gamma(nu + 1) * (2 / s) ** nu * jv(nu, s)
    assert np.allclose(2 * (near - START) / 1e-4, slope[1], rtol=1e-3)


@pytest.mark.parametrize("r", [3.0, 4.0, 7.0])
def test_bound(r):
    """t²(f − f*) stays below (r − 1)²|x(0) − x*|²/2, and the proof's E(t) never rises."""
    least = nodekit.solve(gradient_flow(coupled), START, (0.0, 300.0), **TIGHT).y[-1]
    assert np.abs(coupled(least)).max() < 1e-9
    t = np.linspace(0.05, 30, 600)
    path = nodekit.solve(nesterov(coupled, r), at_rest(START), [0.0, *t], **TIGHT).y[1:]
    above = np.array([value(x) for x, _ in path]) - value(least)
    assert np.all(above <= nesterov_bound(t, np.linalg.norm(START - least), r))
    turned = path[:, 0] + t[:, None] / (r - 1) * path[:, 1] - least
    energy = 2 * t**2 / (r - 1) * above + (r - 1) * (turned**2).sum(1)
    assert np.all(np.diff(energy) < 1e-8)
    assert energy[0] == pytest.approx((r - 1) * np.sum((START - least) ** 2), rel=0.05)


def test_bound_by_hand():
    assert nesterov_bound(2.0, 3.0) == 2 * 9 / 4
    assert nesterov_bound(np.array([1.0, 4.0]), 2.0, 5).tolist() == [32.0, 2.0]


def test_no_bound_for_r_1(measured):
    """On a parabola, t²f for r = 1 grows like t: x(t) = J₀(t), whose square is about 2/(πt) cos²."""
    t = np.linspace(0, 1000, 20001)
    f = lambda x: x  # noqa: E731
    x = nodekit.solve(nesterov(f, 1.0), at_rest(np.ones(1)), t, method="dop853", rtol=1e-10, atol=1e-12).y[:, 0, 0]
    size = t**2 * x**2 / 2
    peaks = [size[(t > a) & (t <= 2 * a)].max() / (2 * a) for a in (125, 250, 500)]
    measured(f"r = 1 on x²/2: t²f at its peaks is {peaks} t; 1/π = {1 / math.pi:.4f}")
    assert np.allclose(peaks, 1 / math.pi, rtol=0.02)


@pytest.mark.parametrize("make", [lambda g: heavy_ball(g, 0.7), lambda g: nesterov(g, 4.0)])
def test_on_torch_and_in_any_shape(make):
    """The same path of a tensor (2, 3), in its own dtype, as of the array."""
    slope = np.array([[1.0, 2.0, 3.0], [0.5, 4.0, 0.2]])
    x = np.arange(6.0).reshape(2, 3) - 2.5
    found = nodekit.solve(make(lambda x: slope * x), at_rest(x), (0.0, 3.0)).y[-1]
    tensor = at_rest(torch.as_tensor(x))
    assert tensor.shape == (2, 2, 3)
    assert at_rest(torch.ones(3)).dtype == torch.float32
    on_torch = nodekit.solve(make(lambda x: torch.as_tensor(slope) * x), tensor, (0.0, 3.0)).y[-1]
    assert np.allclose(on_torch.numpy(), found, rtol=1e-9)


def test_at_rest():
    """A list is taken as an array of floats; the velocity is 0."""
    assert at_rest([3, 4]).tolist() == [[3.0, 4.0], [0.0, 0.0]]
    assert at_rest([3, 4]).dtype == float


@pytest.mark.parametrize("bad", [-0.1, math.inf, math.nan])
def test_bad_friction(bad):
    with pytest.raises(ValueError, match=f"friction={bad!r} must be at least 0"):
        heavy_ball(quadratic, bad)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_bad_r(bad):
    with pytest.raises(ValueError, match=f"r={bad!r} must be positive"):
        nesterov(quadratic, bad)


@pytest.mark.parametrize("bad", [2.9, math.inf, math.nan])
def test_no_bound_below_3(bad):
    with pytest.raises(ValueError, match=f"r={bad!r}: this bound holds for r >= 3"):
        nesterov_bound(1.0, 1.0, bad)


def test_nesterov_refuses_times_and_velocities():
    """t < 0, and a velocity at t = 0."""
    f = nesterov(quadratic)
    with pytest.raises(ValueError, match=r"t=-0\.5: the friction r/t is that of a ball for t >= 0"):
        f(-0.5, at_rest(START))
    with pytest.raises(ValueError, match="at t = 0 the velocity must be 0"):
        f(0.0, np.stack([START, 0.1 * START]))


@pytest.mark.parametrize("make", [gradient_flow, lambda g: heavy_ball(g, 1.0), lambda g: nesterov(g, 3.0)])
def test_a_gradient_of_another_shape_is_refused(make):
    """The value of a function in place of its gradient would be added to every component."""
    field = make(lambda x: (x**2).sum())
    state = np.ones(3) if make is gradient_flow else at_rest(np.ones(3))
    with pytest.raises(ValueError, match=r"gradient returned shape \(\) for x of shape \(3,\)"):
        field(1.0, state)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nesterov_bound(0.0, 1.0), "the bound is for t > 0"),
        (lambda: nesterov_bound(np.array([1.0, -1.0]), 1.0), "the bound is for t > 0"),
        (lambda: nesterov_bound(1.0, -1.0), "distance=-1.0 must be at least 0"),
        (lambda: nesterov(lambda x: x)(math.nan, np.zeros((2, 3))), "t=nan"),
        (lambda: nodekit.solve(nesterov(lambda x: x), at_rest([1.0]), (0.0, 1.0), "radau"), "begin at a small t > 0"),
    ],
)
def test_bad_times(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_an_implicit_method_from_a_small_time_on():
    t0, r = 1e-4, 3.0
    x = np.array([1.0, -2.0])
    start = np.stack([x, -t0 * x / (1 + r)])
    sol = nodekit.solve(nesterov(lambda x: x, r), start, (t0, 3.0), "radau", rtol=1e-9, atol=1e-11)
    right = nodekit.solve(nesterov(lambda x: x, r), at_rest(x), (0.0, 3.0), rtol=1e-10, atol=1e-12)
    assert np.allclose(sol.y[-1], right.y[-1], atol=1e-6)
