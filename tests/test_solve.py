"""nodekit.solve: outputs, directions, shapes, dtypes, dense output, statistics, and how it fails, on both backends."""

import math
import sys

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from conftest import Ensemble

import nodekit
from nodekit import problems
from nodekit.arrays import namespace
from nodekit.methods.explicit import METHODS
from nodekit.solution import Status
from nodekit.stepping.control import CONTROLLERS, Controller

BACKENDS = {"numpy": np.array, "torch": lambda x: torch.tensor(x, dtype=torch.float64)}


@pytest.fixture(params=BACKENDS)
def array(request):
    """Makes float64 arrays of one backend and then the other."""
    return BACKENDS[request.param]


# One problem of each kind; tests/test_problems.py checks all of them.
SAMPLE = [
    "decay", "oscillating growth", "logistic", "predator and prey", "rigid body", "non-autonomous", "bell", "rational",
    "harmonic oscillator", "Lotka–Volterra", "Arenstorf orbit", "cubic spiral",
]  # fmt: skip


def decay(t, y):
    return -y


def rotation(t, y):
    return namespace(y).stack([y[1], -y[0]])


@pytest.mark.parametrize("p", [problems.get(name) for name in SAMPLE], ids=SAMPLE)
def test_problems_reach_their_references(p, array):
    """dop853 at 1e-11 reaches the exact or many-digit end of every problem, to 1e-8 (Arenstorf: 1e-6)."""
    sol = nodekit.solve(p.f, array(p.y0), p.t_span, method="dop853", rtol=1e-11, atol=1e-12)
    end = p.y1 if p.y1 is not None else p.exact(p.t_span[1])
    tolerance = 1e-6 if p.name == "Arenstorf orbit" else 1e-8
    assert np.allclose(np.asarray(sol.y[-1]), end, rtol=tolerance, atol=tolerance)
    if p.exact is not None:
        assert np.allclose(p.exact(p.t_span[0]), p.y0, rtol=1e-14, atol=1e-15)
        assert np.allclose(np.asarray(sol.y), p.exact(np.asarray(sol.t)), rtol=1e-8, atol=1e-8)


def test_unknown_problem_lists_the_known_ones():
    """problems.get('x') raises ValueError with the names."""
    with pytest.raises(ValueError, match=r"'x' is not known.*Lotka"):
        problems.get("x")


@pytest.mark.parametrize("t", [(0.0, 2.0), (2.0, -1.0), [0.0, 2.0]])
def test_two_times_give_every_accepted_step(t, array):
    """sol.t holds t0, the end of every accepted step, and exactly t1; sol.y is time first."""
    sol = nodekit.solve(rotation, array([1.0, 0.0]), t)
    assert sol.t[0] == t[0]
    assert sol.t[-1] == t[1]
    assert len(sol.t) == sol.stats.n_accepted + 1
    assert sol.y.shape == (len(sol.t), 2)
    assert sol.success
    assert np.allclose(np.diff(np.asarray(sol.t)), sol.steps.h[sol.steps.accepted])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("times", [np.linspace(0, 3, 7), np.linspace(2, -1, 41), torch.linspace(0, 1, 3)])
def test_output_times(method, times, array):
    """More times give the states there, increasing or decreasing, the same as the dense output, at no extra steps.

    Where the dense output cannot hold the tolerance, as dopri8's, steps end on the times, and are as accurate there.
    """
    step = None if METHODS[method].adaptive else 0.01
    y0 = array([1.0, 0.5])
    sol = nodekit.solve(rotation, y0, times, method=method, step=step)
    every = nodekit.solve(rotation, y0, (float(times[0]), float(times[-1])), method=method, step=step)
    assert np.array_equal(np.asarray(sol.t), np.asarray(times, float))
    assert sol.y.shape == (len(times), 2)
    if not getattr(METHODS[method], "dense_holds", True):
        s = np.asarray(times, float) - float(times[0])
        exact = np.stack([np.cos(s) + 0.5 * np.sin(s), 0.5 * np.cos(s) - np.sin(s)], -1)
        assert np.abs(np.asarray(sol.y) - exact).max() < 1e-6
        assert np.isin(np.asarray(times, float), [*sol.steps.t, float(times[-1])]).all()
        return
    assert np.allclose(np.asarray(sol.y), np.asarray(every(times)), rtol=0, atol=1e-13)
    assert sol.stats.n_accepted == every.stats.n_accepted
    assert sol.stats.nfev <= every.stats.nfev + len(METHODS[method].dense_rows) * len(times)


def test_dense_output_at_the_steps_and_outside(array):
    """sol(t) is sol.y at the steps' ends; a number gives one state; outside the interval it raises ValueError."""
    sol = nodekit.solve(rotation, array([1.0, 0.0]), (0.0, 5.0))
    assert np.allclose(np.asarray(sol(np.asarray(sol.t))), np.asarray(sol.y), rtol=0, atol=1e-14)
    assert sol(2.5).shape == (2,)
    assert sol([1.0, 2.0, 3.0]).shape == (3, 2)
    for t in (-1e-9, 5.1, math.nan):
        with pytest.raises(ValueError, match=r"outside the solved interval \[0.0, 5.0\]"):
            sol(t)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 4)])
def test_shapes(shape, array):
    """Any shape goes in and comes out, time first; f sees it; an empty one is refused."""
    y0 = array(np.random.default_rng(0).normal(size=shape))
    seen = set()

    def f(t, y):
        seen.add(tuple(y.shape))
        return -y

    sol = nodekit.solve(f, y0, (0.0, 1.0), rtol=1e-9)
    assert seen == {shape}
    assert sol.y.shape == (len(sol.t), *shape)
    assert sol(0.5).shape == shape
    assert np.allclose(np.asarray(sol.y[-1]), np.asarray(y0) * math.exp(-1), rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("method", ["rk4", "dopri5", "dop853"])
def test_dtypes_are_kept(dtype, method, array):
    """The state keeps its dtype in sol.y and in f; times stay float64."""
    y0 = array([1.0, 2.0])
    y0 = y0.astype(dtype) if isinstance(y0, np.ndarray) else y0.to(getattr(torch, dtype))
    rate = 1j if dtype.startswith("complex") else -1.0

    def f(t, y):
        assert y.dtype == y0.dtype
        return rate * y

    sol = nodekit.solve(f, y0, (0.0, 1.0), method=method, step=0.05 if method == "rk4" else None)
    assert sol.y.dtype == y0.dtype
    assert sol(0.3).dtype == y0.dtype
    assert np.asarray(sol.t).dtype == np.float64
    assert np.allclose(np.asarray(sol.y[-1]), np.exp(rate) * np.array([1.0, 2.0]), rtol=3e-5)


def test_integers_are_promoted(array):
    """An integer or boolean y0 becomes float64, and a list an array."""
    for y0 in ([1, 2], np.array([1, 2]), np.array([True]), torch.tensor([1, 2])):
        sol = nodekit.solve(decay, y0, (0, 1))
        assert np.asarray(sol.y).dtype == np.float64


def test_f_is_never_called_outside_the_interval(array):
    """Neither the first step's trial, nor a stage, nor rounding at the end leaves [t0, t1] (SciPy's issue 17341)."""
    rng = np.random.default_rng(1)
    for name, m in METHODS.items():
        for _ in range(10):
            t0, t1 = rng.uniform(-10, 10, 2)
            low, high = min(t0, t1), max(t0, t1)

            def f(t, y, low=low, high=high):
                assert low <= float(t) <= high
                return -y

            sol = nodekit.solve(
                f, array([1.0]), (t0, t1), method=name, rtol=1e-3, step=None if m.adaptive else rng.uniform(0.1, 1)
            )
            sol(np.linspace(t0, t1, 7))


@pytest.mark.parametrize(("step", "n"), [(0.1, 10), (0.3, 4), (7.0, 1)])
def test_fixed_step(step, n, array):
    """step=h takes steps of h, the last one shortened to end on t1, without a sliver of rounding; both directions."""
    for span in ((0.0, 1.0), (1.0, 0.0)):
        sol = nodekit.solve(decay, array([1.0]), span, method="euler", step=step)
        assert sol.stats.n_accepted == n == sol.stats.nfev
        assert np.allclose(np.abs(sol.steps.h[:-1]), step, rtol=1e-15)
        assert abs(abs(sol.steps.h).sum() - 1) < 1e-15
        assert np.isnan(sol.steps.error_ratio).all()


def test_fixed_step_of_an_adaptive_method(array):
    """An adaptive method given a step takes it, whatever its error estimate says."""
    sol = nodekit.solve(decay, array([1.0]), (0.0, 1.0), method="dopri5", step=0.25, rtol=1e-15)
    assert np.array_equal(sol.steps.h, [0.25] * 4)
    assert sol.stats.nfev == 4 * 6 + 1


@pytest.mark.parametrize("method", [m.name for m in METHODS.values() if m.adaptive])
def test_cost_is_counted(method, array):
    """nfev is what f was called, and follows from the steps: s an attempt, one less when FSAL."""
    calls = []

    def f(t, y):
        calls.append(float(t))
        return rotation(t, y) * (1 + 20 * namespace(y).exp(-((t - 3) ** 2) * 10))

    sol = nodekit.solve(f, array([1.0, 0.0]), (0.0, 6.0), method=method, rtol=1e-4, atol=1e-7, max_steps=100_000)
    m, s = METHODS[method], sol.stats
    assert s.nfev == len(calls)
    assert s.n_rejected > 0
    assert len(sol.steps.t) == s.n_accepted + s.n_rejected
    if m.fsal:
        assert s.nfev == 2 + (m.stages - 1) * (s.n_accepted + s.n_rejected)
    else:  # the first slope is kept when a step is repeated, and when the first step is chosen
        assert s.nfev == 1 + m.stages * s.n_accepted + (m.stages - 1) * s.n_rejected


def test_fsal_costs_six_evaluations_a_step(array):
    """dopri5 on an easy problem: 2 + 6 evaluations an attempt, 7 stages."""
    sol = nodekit.solve(decay, array([1.0]), (0.0, 5.0))
    assert sol.stats.nfev == 2 + 6 * (sol.stats.n_accepted + sol.stats.n_rejected)


def test_first_step_and_max_step(array):
    """first_step is the size of the first attempt; max_step bounds every one."""
    sol = nodekit.solve(rotation, array([1.0, 0.0]), (0.0, 10.0), first_step=1e-3, max_step=0.07)
    assert sol.steps.h[0] == 1e-3
    assert sol.steps.h.max() <= 0.07
    assert sol.steps.h.max() > 0.069


@pytest.mark.parametrize("controller", [*CONTROLLERS, CONTROLLERS["PI"]], ids=str)
def test_controllers(controller, array):
    """All of them keep the error near the tolerance; a Controller can be given itself."""
    p = problems.get("Lotka–Volterra")
    sol = nodekit.solve(p.f, array(p.y0), p.t_span, rtol=1e-8, atol=1e-8, controller=controller)
    assert np.abs(np.asarray(sol.y[-1]) - p.y1).max() < 1e-6
    assert sol.stats.nfev < 2500


def test_a_step_lost_in_rounding_ends_the_solve(array):
    """An accepted step that does not move t is an error, not a time that comes twice."""

    class Shrinking(Controller):
        def accepted(self, *given):
            return 1e-20

    sol = nodekit.solve(decay, array([1.0]), (1.0, 2.0), controller=Shrinking("shrinking", 1.0), throw=False)
    assert sol.status is Status.STEP_TOO_SMALL
    assert "fell below rounding" in sol.message
    assert len(set(sol.t.tolist())) == len(sol.t) == 2


def test_controller_formula():
    """h_next/h = safety r^(−β₁/q) r₁^(−β₂/q) r₂^(−β₃/q) within its limits; not above 1 after a rejection."""
    pi, i = CONTROLLERS["PI"], CONTROLLERS["I"]
    assert pi.accepted(0.5, (0.8, 1.0), 5, False) == pytest.approx(
        0.9 * 0.5 ** (-0.6 / 5) * 0.8 ** (0.2 / 5), rel=1e-14
    )
    predictive = CONTROLLERS["predictive"]
    plain = 0.84 * 0.5 ** (-1 / 5) * 0.4 ** (0.15 / 5)
    for growth in (0.8, 1.3):  # the sizes that would have been accepted shrink; grow
        trend = growth * (0.4 / 0.5) ** (1 / 5)
        found = predictive.accepted(0.5, (0.4, 1.0), 5, False, growth)
        assert found == pytest.approx(plain * (trend**0.6 if growth < 1 else 1 / trend), rel=1e-14)
    for ratio, before, growth in ((0.5, 0.4, 0.0), (1e-5, 0.4, 1.3), (0.5, 1e-5, 1.3)):  # no trend to be seen
        found = predictive.accepted(ratio, (before, 1.0), 5, False, growth)
        assert found == pytest.approx(min(6.0, 0.84 * ratio ** (-1 / 5) * before ** (0.15 / 5)), rel=1e-14)
    assert i.accepted(0.0, (1.0, 1.0), 5, False) == 10.0
    assert i.accepted(0.0, (1.0, 1.0), 5, True) == 1.0
    assert i.rejected(2.0**5, 5) == pytest.approx(0.45, rel=1e-14)
    assert i.rejected(1e30, 5) == i.rejected(math.nan, 5) == i.rejected(math.inf, 5) == 0.2


def test_atol_may_be_an_array():
    """NumPy: atol of y0's shape weighs each component; another shape is refused."""
    sol = nodekit.solve(rotation, np.array([1.0, 0.0]), (0.0, 1.0), atol=np.array([1e-9, 1e-3]))
    assert sol.success
    with pytest.raises(ValueError, match=r"atol has shape \(3,\), but y0 has shape \(2,\)"):
        nodekit.solve(rotation, np.array([1.0, 0.0]), (0.0, 1.0), atol=np.ones(3))


# How it fails.


def run(f, y0, t=(0.0, 1.0), **arguments):
    """Solve twice: once for the returned solution, once for the error; both must tell the same."""
    sol = nodekit.solve(f, y0, t, throw=False, **arguments)
    with pytest.raises(nodekit.SolveError) as error:
        nodekit.solve(f, y0, t, **arguments)
    assert str(error.value) == sol.message
    assert error.value.solution.status is sol.status
    assert not sol.success
    return sol


def test_max_steps(array):
    """max_steps stops the solve with what was reached; the message says where, and what to try."""
    sol = run(rotation, array([1.0, 0.0]), (0.0, 100.0), max_steps=20)
    assert sol.status is Status.MAX_STEPS
    assert len(sol.steps.t) == 20
    assert 0 < sol.t[-1] < 100
    assert "max_steps = 20" in sol.message
    assert repr(float(sol.t[-1])) in sol.message
    assert sol(float(sol.t[-1]) / 2).shape == (2,)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_f_not_finite_at_the_start(bad, array):
    """nan or infinity from f(t0, y0) is reported at once, with its component."""
    sol = run(lambda t, y: array([0.0, bad]), array([1.0, 1.0]))
    assert sol.status is Status.NOT_FINITE
    assert f"f is {bad} in component 1 at t = 0.0" in sol.message
    assert sol.stats.nfev == 1


def test_a_trial_beyond_the_domain_is_only_a_rejection(array):
    """y' = −√y: a trial step that makes y negative (nan) is repeated smaller, and the solve goes on."""
    with np.errstate(invalid="ignore"):
        sol = nodekit.solve(lambda t, y: -(y**0.5), array([1.0]), (0.0, 1.9), first_step=1.9)
    assert sol.stats.n_rejected > 0
    assert np.isnan(sol.steps.error_ratio[0])
    assert np.asarray(sol.y[-1])[0] == pytest.approx((1 - 1.9 / 2) ** 2, rel=1e-3)


def test_blow_up_in_finite_time(array):
    """y' = y² from 1 has a pole at t = 1: the solve ends there, to its tolerance, with a clear failure."""
    with np.errstate(over="ignore", invalid="ignore"):
        sol = run(lambda t, y: y**2, array([1.0]), (0.0, 2.0))
    assert sol.status in (Status.STEP_TOO_SMALL, Status.NOT_FINITE)
    assert float(sol.t[-1]) == pytest.approx(1.0, abs=1e-4)


def test_overflow_of_a_fixed_step(array):
    """Euler beyond its stability limit grows until it overflows: NOT_FINITE, finite states kept."""
    with np.errstate(over="ignore", invalid="ignore"):
        sol = run(lambda t, y: -1000 * y, array([1.0]), (0.0, 10.0), method="euler", step=0.01)
    assert sol.status is Status.NOT_FINITE
    assert np.isfinite(np.asarray(sol.y)).all()


def test_tolerance_that_cannot_be_met(array):
    """A jump of f to 1e12 at tolerance 1e-9 asks for a step of 1e-21: below rounding, and the message says so."""
    sol = run(lambda t, y: y * 0 + (1.0 if t < 1 / 3 else 1e12), array([1.0]), rtol=1e-9, atol=1e-9)
    assert sol.status is Status.STEP_TOO_SMALL
    assert float(sol.t[-1]) == pytest.approx(1 / 3, abs=1e-9)
    assert "fell below rounding" in sol.message


def test_wrong_shape_and_changes_in_place(array):
    """An f that returns another shape, or changes y itself, is refused; the caller's y0 is as it was."""
    y0 = array([1.0, 2.0])
    with pytest.raises(ValueError, match=r"f returned shape \(1,\) at t = 0.0, but y has shape \(2,\)"):
        nodekit.solve(lambda t, y: y[:1], y0, (0.0, 1.0))

    def in_place(t, y):
        y *= -1
        return y

    with pytest.raises(ValueError, match=r"read-only|changed y in place"):
        nodekit.solve(in_place, array([1.0, 2.0]), (0.0, 1.0))


def test_solving_does_not_change_y0(array):
    """y0 can still be written after a solve, and holds what it held."""
    y0 = array([1.0, 2.0])
    nodekit.solve(decay, y0, (0.0, 1.0))
    y0[0] = 5.0
    assert list(np.asarray(y0)) == [5.0, 2.0]


def test_a_field_that_reuses_its_array(array):
    """An f that writes into the array it returned before is right on NumPy (slopes are copied), refused on torch."""
    buffer = array([0.0, 0.0])

    def f(t, y):
        buffer[0], buffer[1] = y[1], -y[0]
        return buffer

    y0 = array([1.0, 0.0])
    if isinstance(y0, np.ndarray):
        assert np.array_equal(nodekit.solve(f, y0, (0.0, 1.0)).y, nodekit.solve(rotation, y0, (0.0, 1.0)).y)
    else:
        with pytest.raises(ValueError, match="f wrote into the tensor that it returned before"):
            nodekit.solve(f, y0, (0.0, 1.0))


def test_constant_fields_and_inference_mode(array):
    """An f that returns one unchanged array, or y itself, is right; torch.inference_mode works."""
    constant = array([1.0, 2.0])
    with torch.inference_mode():
        y = nodekit.solve(lambda t, y: constant, array([0.0, 0.0]), (0.0, 2.0)).y[-1]
        assert np.allclose(np.asarray(y), [2.0, 4.0], atol=1e-12)
        y = nodekit.solve(lambda t, y: y, array([1.0, 2.0]), (0.0, 1.0)).y[-1]
        assert np.allclose(np.asarray(y), [math.e, 2 * math.e], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"f": 3.0}, TypeError, "f must be a function f(t, y), got float"),
        ({"method": "rk45"}, ValueError, "method='rk45' is not known. Choose one of: euler"),
        ({"method": "euler"}, ValueError, "method='euler' has no error estimate: give it a step size"),
        (
            {"t": (1.0, 1.0, 2.0)},
            ValueError,
            "strictly increasing or strictly decreasing: t[0]=1.0 is followed by t[1]=1.0",
        ),
        ({"t": (0.0, 2.0, 1.0)}, ValueError, "t[1]=2.0 is followed by t[2]=1.0"),
        ({"t": (0.0, 1.0, 1.0)}, ValueError, "t[1]=1.0 is followed by t[2]=1.0"),
        ({"t": 1.0}, ValueError, "at least two output times, got shape ()"),
        ({"t": []}, ValueError, "at least two output times, got shape (0,)"),
        ({"t": (0.0, math.nan)}, ValueError, "t=nan is not finite"),
        ({"t": (0.0, 1j)}, TypeError, "t must be (t0, t1) or a sequence of output times"),
        ({"t": "01"}, TypeError, "t must be (t0, t1) or a sequence of output times, got '01'"),
        ({"rtol": 0.0}, ValueError, "rtol=0.0 must be a number greater than 0"),
        ({"rtol": "1e-3"}, ValueError, "rtol='1e-3' must be a number greater than 0"),
        ({"atol": -1e-6}, ValueError, "atol=-1e-06 must be a number greater than 0"),
        ({"atol": math.nan}, ValueError, "atol=nan must be a number greater than 0"),
        ({"step": -0.1}, ValueError, "step=-0.1 must be a number greater than 0"),
        ({"step": math.inf}, ValueError, "step=inf"),
        (
            {"step": 1e-9},
            ValueError,
            "step=1e-09 needs 1000000000 steps from t=0.0 to t=1.0, more than max_steps=10000",
        ),
        ({"first_step": 0}, ValueError, "first_step=0 must be a number greater than 0"),
        ({"max_step": 0.0}, ValueError, "max_step=0.0 must be a number greater than 0"),
        ({"max_steps": 0}, ValueError, "max_steps=0 must be a whole number of at least 1"),
        ({"max_steps": 2.5}, ValueError, "max_steps=2.5 must be a whole number of at least 1"),
        ({"controller": "P"}, ValueError, "controller='P' is not known. Choose one of: I, PI, PID, predictive."),
        ({"y0": [1.0, math.inf]}, ValueError, "y0 is inf in component 1"),
    ],
)
def test_bad_arguments(arguments, error, words, array):
    """Each bad argument raises one error that repeats the value and says the way out."""
    good = {"f": decay, "y0": [1.0, 2.0], "t": (0.0, 1.0)}
    arguments = good | arguments
    arguments["y0"] = array(arguments["y0"])
    with pytest.raises(error) as raised:
        nodekit.solve(**arguments)
    assert words in str(raised.value)


@pytest.mark.parametrize("y0", ["text", [None], object()])
def test_y0_that_is_no_array(y0):
    """y0 without numbers raises TypeError."""
    with pytest.raises(TypeError, match="y0 must hold numbers"):
        nodekit.solve(decay, y0, (0.0, 1.0))


def test_complex_slope_of_a_real_state(array):
    """f that returns complex values for a real y0 raises TypeError instead of dropping the imaginary part."""
    with pytest.raises(TypeError, match="f returned complex values for a real y0"):
        nodekit.solve(lambda t, y: 1j * y, array([1.0]), (0.0, 1.0))


def test_repr_says_what_happened():
    """print(sol) gives status, times and cost in one line."""
    sol = nodekit.solve(decay, anp.array([1.0]), (0.0, 1.0))
    assert repr(sol).startswith(
        f"Solution(SUCCESS: {len(sol.t)} times from 0 to 1, {sol.stats.n_accepted} steps accepted"
    )


# What SciPy's users expect, and what no call may do in silence.


def test_overflow_is_no_news(array):
    """f ~ 1e300 and a state beyond 1e154 do not warn: warnings are errors in these tests. numpy.seterr is respected."""
    sol = nodekit.solve(lambda t, y: 0 * y + 1e300, array([1e200, -1e180, 3.0]), (0.0, 1.0), throw=False)
    assert np.isfinite(np.asarray(sol.y)).all()
    if isinstance(array([1.0]), np.ndarray):
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            nodekit.solve(lambda t, y: np.exp(1e3 * (1 + y)), np.ones(2), (0.0, 1.0))


@pytest.mark.parametrize("method", ["dopri5", "dop853", "bdf"])
def test_a_component_that_rests(method, array):
    """y' = y (1 − y) from 1, and f = 0: no false alarm where the error is 0 (dop853's ratio used to be 0/0)."""
    for f in (lambda t, y: y * (1 - y), lambda t, y: 0 * y):
        for y0 in ([1.0], [1e-170], [0.0]):
            sol = nodekit.solve(f, array(y0), (0.0, 20.0), method=method)
            assert sol.success


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"method": ["dopri5"]}, ValueError, "method=['dopri5'] is not known. Choose one of:"),
        ({"jac": 42}, TypeError, 'jac must be a function jac(t, y), "autograd" or None, got int'),
        ({"rtol": [1e-3, 1e-3, 1e-3]}, ValueError, "rtol has shape (3,), but y0 has shape (2,)"),
    ],
)
def test_more_bad_arguments(arguments, error, words, array):
    with pytest.raises(error) as caught:
        nodekit.solve(**{"f": decay, "y0": array([1.0, 2.0]), "t": (0.0, 1.0), **arguments})
    assert words in str(caught.value)


@pytest.mark.parametrize("arguments", [{"gradient": "adjoint"}, {"gradient": "interpolated"}, {"params": []}], ids=str)
def test_numpy_takes_no_way_back(arguments):
    """gradient and params are torch's: on NumPy they are refused and not ignored."""
    with pytest.raises(ValueError, match=r"is for torch.*solve_and_vjp"):
        nodekit.solve(decay, np.ones(2), (0.0, 1.0), **arguments)


def test_tolerances_for_every_number(array):
    """rtol and atol as arrays: a tight one bounds its component alone."""
    f = lambda t, y: -y * (1 + namespace(y).sin(3 * y))  # noqa: E731
    exact = np.asarray(nodekit.solve(f, array([1.0, 0.7]), (0.0, 2.0), rtol=1e-12, atol=1e-14).y[-1])
    for method in ("dopri5", "radau", "bdf", "rodas5p"):
        sol = nodekit.solve(f, array([1.0, 0.7]), (0.0, 2.0), method, rtol=[1e-9, 1e-3], atol=np.array([1e-10, 1e-3]))
        assert abs(float(sol.y[-1][0]) - exact[0]) < 1e-6
        loose = nodekit.solve(f, array([1.0, 0.7]), (0.0, 2.0), method, rtol=1e-3, atol=1e-3)
        assert loose.stats.n_accepted < sol.stats.n_accepted


@pytest.mark.parametrize("method", ["kvaerno5", "dopri8", "radau", "dopri5", "dop853"])
def test_outputs_are_as_accurate_as_the_steps(method, array):
    """At 1e-10 an output between two steps has an error of at most 50 tolerances (kvaerno5: 300, its steps have 53)."""
    xp, ensemble = namespace(array([1.0])), Ensemble(n=4)
    f = ensemble.field(xp, array) if xp is torch else ensemble.field()
    times = np.linspace(0.0, 3.0, 23)
    sol = nodekit.solve(f, array(ensemble.exact(0.0)), times, method=method, rtol=1e-10, atol=1e-10, max_steps=10**5)
    worst = max(np.abs(np.asarray(y) - ensemble.exact(t)).max() for t, y in zip(times, sol.y, strict=True))
    assert worst < 1e-10 * (300 if method == "kvaerno5" else 50)


@pytest.mark.parametrize("method", ["reversible_heun", "asynchronous_leapfrog"])
def test_a_reversible_method_says_when_it_is_unstable(method, array):
    """y' = −20 y in steps of 0.1 grows beyond all bounds in steps that succeed: a warning says so, and the message."""
    with pytest.warns(RuntimeWarning, match=f"method='{method}' has become unstable"):
        sol = nodekit.solve(lambda t, y: -20 * y, array([1.0, 0.5]), (0.0, 3.0), method=method, step=0.1)
    assert "unstable" in sol.message
    nodekit.solve(rotation, array([1.0, 0.5]), (0.0, 3.0), method=method, step=0.1)


def test_odeint_without_torch_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"nodekit\.odeint needs PyTorch, which is not installed"):
        nodekit.odeint  # noqa: B018
