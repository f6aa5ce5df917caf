"""The exponential integrators: orders, formulas of the sources, and what they are exact for."""

import math
from dataclasses import replace

import pytest
import torch

from nodekit import solve
from nodekit.models.density import (
    SOLVERS,
    Exponential,
    GaussianMixture,
    ProbabilityFlowField,
    VarianceExploding,
    VariancePreserving,
    dpm_solve,
)
from tests.models.density.test_score import CONSERVED, mixture, points

SCHEDULES = [VariancePreserving(), CONSERVED, VarianceExploding(0.05, 30.0)]


def exact(score, schedule, x, t):
    field = ProbabilityFlowField(score, schedule)
    return solve(field, x, t, method="dop853", rtol=1e-12, atol=1e-12).y[-1]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("method", SOLVERS)
def test_each_has_its_order(method, schedule):
    """1, 2 and 3 within 0.15, in the median error of 20 samples of a mixture that is not symmetric."""
    m, t = mixture(schedule), (0.9, 0.05)
    x = points(20) * schedule.sigma(0.9)
    reference, steps = exact(m, schedule, x, t), torch.tensor([40, 80, 160])
    errors = [(dpm_solve(m, schedule, x, int(n), method, t).x[-1] - reference).norm(dim=1).median() for n in steps]
    slope = -torch.stack(errors).log().diff() / math.log(2)
    assert abs(slope[-1] - SOLVERS[method].order) < 0.15


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_forward_in_time_too(schedule):
    """From small t to large t, to the reference; x is not changed."""
    m, x, t = mixture(schedule), points(), (0.1, 0.7)
    before = x.clone()
    path = dpm_solve(m, schedule, x, 100, "dpm3", t)
    assert torch.allclose(path.x[-1], exact(m, schedule, x, t), atol=1e-4)
    assert torch.equal(x, before)
    assert path.t[0].item() == pytest.approx(0.1)
    assert path.t[-1].item() == pytest.approx(0.7)


def test_formulas_of_the_source():
    """A step of each, against algorithms 1 and 2 of Lu et al. written out, on a score that depends on t and x."""
    s, x = CONSERVED, points(4)
    m = mixture()

    def noise(log_snr, x):
        t = s.time(log_snr)
        return -s.sigma(t) * m(t, x)

    def at(log_snr):
        return s.alpha(s.time(log_snr)), s.sigma(s.time(log_snr))

    begin, end = float(s.log_snr(0.7)), float(s.log_snr(0.4))
    h = end - begin
    (a0, _), (a1, s1) = at(begin), at(end)
    e0 = noise(begin, x)
    ddim = a1 / a0 * x - s1 * math.expm1(h) * e0
    (am, sm) = at(begin + h / 2)
    middle = noise(begin + h / 2, am / a0 * x - sm * math.expm1(h / 2) * e0)
    dpm2 = a1 / a0 * x - s1 * math.expm1(h) * middle
    (b1, g1), (b2, g2) = at(begin + h / 3), at(begin + 2 * h / 3)
    d1 = noise(begin + h / 3, b1 / a0 * x - g1 * math.expm1(h / 3) * e0) - e0
    z = 2 * h / 3
    u2 = b2 / a0 * x - g2 * math.expm1(z) * e0 - g2 * 2 * (math.expm1(z) / z - 1) * d1
    d2 = noise(begin + z, u2) - e0
    dpm3 = a1 / a0 * x - s1 * math.expm1(h) * e0 - s1 * 1.5 * (math.expm1(h) / h - 1) * d2
    for name, wanted in (("ddim", ddim), ("dpm2", dpm2), ("dpm3", dpm3)):
        path = dpm_solve(m, s, x, 1, name, (0.7, 0.4))
        assert torch.allclose(path.x[-1], wanted, rtol=1e-9)
        assert path.nfev == SOLVERS[name].evaluations


@pytest.mark.parametrize("method", SOLVERS)
def test_one_step_is_exact_for_a_point(method):
    """All data in one point: the noise of a sample stays the same on its way, so any step is exact."""
    point = GaussianMixture([[0.7, -1.2]], [0.0], [1.0], CONSERVED)
    z = points(4, 2)
    start = CONSERVED.alpha(0.8) * point.means + CONSERVED.sigma(0.8) * z
    end = dpm_solve(point, CONSERVED, start, 1, method, (0.8, 0.1)).x[-1]
    assert torch.allclose(end, CONSERVED.alpha(0.1) * point.means + CONSERVED.sigma(0.1) * z, atol=1e-10)


def test_ddim_is_eulers_method_in_other_variables():
    """With y = x/α and s = σ/α the flow is dy/ds = ε: Euler's steps on it are DDIM's."""
    m, x, n = mixture(), points(), 9
    path = dpm_solve(m, CONSERVED, x, n, "ddim", (0.9, 0.1))
    y = x / CONSERVED.alpha(path.t[0])
    for a, b in zip(path.t[:-1], path.t[1:], strict=True):
        slope = -CONSERVED.sigma(a) * m(a, CONSERVED.alpha(a) * y)
        y = y + (torch.exp(-CONSERVED.log_snr(b)) - torch.exp(-CONSERVED.log_snr(a))) * slope
    assert torch.allclose(CONSERVED.alpha(path.t[-1]) * y, path.x[-1], rtol=1e-10)


def test_the_schedule_does_not_matter_to_the_flow():
    """x/α as a function of σ/α is the same for two schedules, step by step."""
    ends = []
    for schedule in (CONSERVED, VarianceExploding(0.01, 50.0)):
        t = tuple(float(schedule.time(r)) for r in (-1.0, 2.0))
        m, y = mixture(schedule), points()
        end = dpm_solve(m, schedule, schedule.alpha(t[0]) * y, 7, "dpm2", t).x[-1]
        ends.append(end / schedule.alpha(t[1]))
    assert torch.allclose(ends[0], ends[1], rtol=1e-9)


def test_gradients_and_float32():
    """The solve is differentiable, and keeps x's dtype."""
    m, x = mixture(), points(3).requires_grad_()
    end = dpm_solve(m, CONSERVED, x, 5, "dpm3", (0.9, 0.2)).x[-1]
    weights = points(3, seed=8)
    (gradient,) = torch.autograd.grad((end * weights).sum(), x)
    nudge = 1e-6 * points(3, seed=9)
    with torch.no_grad():
        there, here = (
            (dpm_solve(m, CONSERVED, x + sign * nudge, 5, "dpm3", (0.9, 0.2)).x[-1] * weights).sum() for sign in (1, -1)
        )
    assert (gradient * nudge).sum().item() == pytest.approx((there - here).item() / 2, rel=1e-5)
    single = dpm_solve(m, CONSERVED, x.detach().float(), 5, "dpm3", (0.9, 0.2)).x
    assert single.dtype is torch.float32
    assert torch.allclose(single[-1].double(), end, atol=1e-5)


def test_a_method_checks_itself():
    """Nodes, the length of rows and their sums."""
    two = SOLVERS["dpm2"]
    for change, words in (
        ({"nodes": (0.5, 0.9)}, "must lie in"),
        ({"p": ((1.0,), (1.0,))}, "must have rows of 1 to 2"),
        ({"p": ((1.0,), (0.0, 0.9))}, "must have the sum 1"),
        ({"q": ((0.0,), (0.0, 0.1))}, "must have the sum 0"),
    ):
        with pytest.raises(ValueError, match=words):
            replace(two, **change)


def test_a_method_of_ones_own():
    """Second order with its stage at 0.7 in place of the middle."""
    r = 0.7
    own = Exponential("own", 2, (r, 1.0), ((1.0,), (1 - 1 / (2 * r), 1 / (2 * r))), ((0.0,), (0.0, 0.0)), "this test")
    m, x, t = mixture(), points(20), (0.9, 0.05)
    reference = exact(m, CONSERVED, x, t)
    off = [(dpm_solve(m, CONSERVED, x, n, own, t).x[-1] - reference).norm(dim=1).median() for n in (80, 160)]
    assert abs(math.log2(off[0] / off[1]) - 2) < 0.15


def test_a_stage_at_the_end():
    """Heun's exponential method has two nodes of 1: a stage, and the step. Its order is 2, with two evaluations."""
    heun = Exponential("heun", 2, (1.0, 1.0), ((1.0,), (1.0, 0.0)), ((0.0,), (-1.0, 1.0)), "M. Hochbruck, A. Ostermann")
    m, x, t = mixture(), points(20), (0.9, 0.05)
    reference = exact(m, CONSERVED, x, t)
    paths = [dpm_solve(m, CONSERVED, x, n, heun, t) for n in (80, 160)]
    off = [(path.x[-1] - reference).norm(dim=1).median() for path in paths]
    assert abs(math.log2(off[0] / off[1]) - 2) < 0.15
    assert paths[0].nfev == 160


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 5, "heun"), "Choose of: ddim, dpm2, dpm3"),
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 0), "steps=0 must be"),
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 5, t=(1.0, 0.0)), r"t=\(1.0, 0.0\) must be two times"),
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 5, t=(0.5, 0.5)), "finite and not the same"),
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 5, t=(1.0, -0.3)), r"has -0.3, outside of .* \[0, 1\]"),
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 5, t=(3.0, 0.5)), "has 3.0, outside of"),
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 5, t=(1.0, 0.5, 0.1)), "must be two times"),
        (lambda: dpm_solve(lambda t, x: x[:, :1], CONSERVED, points(), 5), r"the shape \(5, 1\) for x .* \(5, 3\)"),
    ],
)
def test_bad_arguments(action, words):
    """Each error repeats the value."""
    with pytest.raises(ValueError, match=words):
        action()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: dpm_solve(mixture(), CONSERVED, points(), 5, 5), "method=5 must be a name or an Exponential"),
        (
            lambda: dpm_solve(mixture(), CONSERVED, torch.ones(4, 3, dtype=torch.int64), 5),
            "x must be .* got torch.int64",
        ),
        (
            lambda: dpm_solve(lambda t, x: x, CONSERVED, points().numpy(), 5),
            "x must be a tensor of floats, got ndarray",
        ),
    ],
)
def test_bad_types(action, words):
    """Each error names what was given."""
    with pytest.raises(TypeError, match=words):
        action()
