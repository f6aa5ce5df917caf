"""Events: located to the accuracy of the solution, in direction and order, at ends of steps and at the start."""

import math

import numpy as np
import pytest
import torch

import nodekit
from nodekit import event
from nodekit.arrays import namespace
from nodekit.solution import Status

BACKENDS = {"numpy": np.array, "torch": lambda x: torch.tensor(x, dtype=torch.float64)}
TIGHT = {"rtol": 1e-10, "atol": 1e-12}


@pytest.fixture(params=BACKENDS)
def array(request):
    return BACKENDS[request.param]


def rotation(t, y):
    """y = (sin t, cos t) from (0, 1)."""
    return namespace(y).stack([y[1], -y[0]])


@pytest.mark.parametrize(("direction", "expected"), [(0, [1, 2, 3, 4, 5, 6]), (1, [2, 4, 6]), (-1, [1, 3, 5])])
def test_zeros_and_directions(direction, expected, array):
    """The zeros of sin t on (0, 20): at kπ, rising at even k; the zero at t0 is not counted; y is the state there."""
    sol = nodekit.solve(
        rotation, array([0.0, 1.0]), (0.0, 20.0), events=event(lambda t, y: y[0], direction=direction), **TIGHT
    )
    assert np.allclose(np.asarray(sol.t_events[0]) / np.pi, expected, atol=1e-9)
    assert np.allclose(np.asarray(sol.y_events[0])[:, 0], 0, atol=1e-9)
    assert np.allclose(np.asarray(sol.y_events[0])[:, 1], (-1.0) ** np.array(expected), atol=1e-9)
    assert sol.status is Status.SUCCESS


def test_backwards_in_time(array):
    """Integrating from 20 to 0.5 finds the same zeros, latest first; 'rising' is along the way."""
    y0 = array([math.sin(20), math.cos(20)])
    sol = nodekit.solve(rotation, y0, (20.0, 0.5), events=event(lambda t, y: y[0], direction=-1), **TIGHT)
    assert np.allclose(np.asarray(sol.t_events[0]) / np.pi, [6, 4, 2], atol=1e-9)


@pytest.mark.parametrize("times", [(0.0, 20.0), np.linspace(0, 20, 11)])
def test_terminal_event_ends_the_solve(times, array):
    """The solution ends at the event, with status TERMINATED and without an error; earlier other events are kept."""
    events = [event(lambda t, y: y[0], terminal=True, direction=1), lambda t, y: y[1], lambda t, y: t - 6.5]
    sol = nodekit.solve(rotation, array([0.0, 1.0]), times, events=events, **TIGHT)
    assert sol.status is Status.TERMINATED
    assert sol.success
    assert sol.t[-1] == sol.t_events[0][-1] == pytest.approx(2 * math.pi, abs=1e-9)
    assert np.allclose(np.asarray(sol.y[-1]), [0, 1], atol=1e-9)
    assert len(sol.t) == len(sol.y)
    assert np.allclose(np.asarray(sol.t_events[1]), [math.pi / 2, 3 * math.pi / 2], atol=1e-9)
    assert len(sol.t_events[2]) == len(sol.y_events[2]) == 0
    assert np.allclose(np.asarray(sol(2 * math.pi - 1e-3)), [math.sin(-1e-3), 1], atol=1e-6)
    with pytest.raises(ValueError, match="outside the solved interval"):
        sol(6.4)


def test_events_of_scipys_form(array):
    """A plain function with the attributes terminal and direction, as SciPy has it, works."""

    def falling(t, y):
        return y[0]

    falling.terminal, falling.direction = True, -1
    sol = nodekit.solve(rotation, array([0.0, 1.0]), (0.0, 20.0), events=falling, **TIGHT)
    assert sol.t[-1] == pytest.approx(math.pi, abs=1e-9)


@pytest.mark.parametrize("target", [2.0, 2.25])
def test_zero_at_the_end_of_a_step(target, array):
    """y' = 1 in steps of 1/2: a zero exactly at a step's end is found once, one inside a step too."""
    sol = nodekit.solve(
        lambda t, y: 0 * y + 1, array([0.0]), (0.0, 4.0), method="euler", step=0.5, events=lambda t, y: y[0] - target
    )
    assert np.asarray(sol.t_events[0]).tolist() == pytest.approx([target], abs=1e-14)


def test_zero_at_the_end_of_the_interval(array):
    """A zero exactly at t1 is found."""
    sol = nodekit.solve(
        lambda t, y: 0 * y + 1, array([0.0]), (0.0, 2.0), method="euler", step=0.5, events=lambda t, y: y[0] - 2
    )
    assert np.asarray(sol.t_events[0]).tolist() == [2.0]


def test_zero_at_the_start_then_back_within_one_step(array):
    """A ball thrown up from the ground lands within the first long step: found, though it also starts at zero."""

    def ball(t, y):
        return namespace(y).stack([y[1], 0 * y[1] - 10])

    landing = event(lambda t, y: y[0], terminal=True)
    sol = nodekit.solve(ball, array([0.0, 4.0]), (0.0, 5.0), step=5.0, method="rk4", events=landing)
    assert sol.t[-1] == pytest.approx(0.8, abs=1e-12)


def test_touching_zero_is_reported_at_a_steps_end_only(array):
    """A function that touches zero without changing sign is no crossing; the documented limit of sign tests."""
    sol = nodekit.solve(rotation, array([0.0, 1.0]), (0.0, 3.0), events=lambda t, y: 1 - y[0], **TIGHT)
    assert len(sol.t_events[0]) in (0, 1)


def test_several_events_in_one_step_come_in_order(array):
    """Two terminal events within one step: the earlier one ends the solve, in whatever order they are given."""
    for first, second in ((1.2, 1.1), (1.1, 1.2)):
        events = [event(lambda t, y, c=c: y[0] - c, terminal=True) for c in (first, second)]
        sol = nodekit.solve(lambda t, y: 0 * y + 1, array([0.0]), (0.0, 4.0), step=2.0, events=events)
        assert sol.t[-1] == pytest.approx(1.1, abs=1e-14)
        assert sum(len(t) for t in sol.t_events) == 1


def test_known_event_times(array):
    """x'' = −8 from x₀ at rest is at 0 at t = √x₀/2; y' = y from 1 is at e at t = 1."""
    fall = lambda t, y: namespace(y).stack([y[1], 0 * y[1] - 8])  # noqa: E731
    ground = event(lambda t, y: y[0], terminal=True)
    sol = nodekit.solve(fall, array([9.0, 0.0]), (0.0, 10.0), events=ground)
    assert sol.t[-1] == pytest.approx(1.5, abs=1e-12)
    e = event(lambda t, y: y[0] - math.e, terminal=True)
    sol = nodekit.solve(lambda t, y: y, array([1.0]), (0.0, 10.0), events=e, **TIGHT)
    assert sol.t[-1] == pytest.approx(1.0, abs=1e-9)


def test_bad_events(array):
    """No function, a direction that is none, a value that is nan: one clear error each."""
    with pytest.raises(TypeError, match=r"events\[1\] must be a function g\(t, y\), got float"):
        nodekit.solve(rotation, array([0.0, 1.0]), (0.0, 1.0), events=[lambda t, y: y[0], 1.0])
    with pytest.raises(ValueError, match="direction=2 must be 1"):
        event(lambda t, y: y[0], direction=2)
    with pytest.raises(ValueError, match=r"events\[0\] is nan at t = "):
        nodekit.solve(rotation, array([0.0, 1.0]), (0.0, 1.0), events=lambda t, y: math.nan)
