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


# What an event may return.


def condition(t, y):
    return y[0] < 0.5


@pytest.mark.parametrize("direction", [0, 1, -1])
def test_conditions(array, direction):
    """y[0] < 0.5 on y' = −t y/(1 + t²), (1 + t²)^(−1/2): it comes true, rising, at √3, found to the accuracy of y."""
    f = lambda t, y: -t * y / (1 + t**2)  # noqa: E731
    seen = event(condition, direction=direction)
    sol = nodekit.solve(f, array([1.0, 5.0, 2.0]), (0.0, 4.0), events=[seen, condition], **TIGHT)
    expected = [] if direction == -1 else [math.sqrt(3)]
    assert np.asarray(sol.t_events[0]).tolist() == pytest.approx(expected, abs=1e-9)
    assert np.asarray(sol.t_events[1]).tolist() == pytest.approx([math.sqrt(3)], abs=1e-9)
    assert all(bool(y[0] < 0.5) for y in sol.y_events[1])
    back = nodekit.solve(f, sol.y[-1], (4.0, 0.0), events=seen, **TIGHT)
    expected = [] if direction == 1 else [math.sqrt(3)]
    assert np.asarray(back.t_events[0]).tolist() == pytest.approx(expected, abs=1e-8)


def test_a_terminal_condition_with_fixed_steps(array):
    """It is found within a step, not at its end."""
    stop = event(lambda t, y: y[0] >= 0.77, terminal=True)
    sol = nodekit.solve(lambda t, y: 0 * y + 1, array([0.0]), (0.0, 4.0), method="rk4", step=0.5, events=stop)
    assert float(sol.t[-1]) == pytest.approx(0.77, abs=1e-14)


@pytest.mark.parametrize("way", ["checkpoint", "backprop", "adjoint"])
def test_the_time_of_a_condition_has_no_gradient(way):
    """Instead of a wrong gradient, an error that says what to return; so for g that leaves torch by y.item()."""
    rate = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y0 = torch.ones(1, dtype=torch.float64)
    for g in (condition, lambda t, y: y[0].item() - 0.5):
        sol = nodekit.solve(lambda t, y: -rate * y, y0, (0.0, 4.0), events=event(g, terminal=True), gradient=way)
        assert sol.t_events[0].item() == pytest.approx(math.log(2), rel=1e-5)
        for value in (sol.t_events[0][0], sol.y[-1].sum()):
            with pytest.raises(RuntimeError, match=r"events\[0\] .* no gradient. Return a tensor g\(t, y\)"):
                value.backward(retain_graph=True)
        sol.y[-2].sum().backward()


def test_an_event_that_is_a_float_or_of_time_alone():
    """t − 0.5 and a plain float, in a solve that tracks a gradient: the time is fixed, the state there is not."""
    rate = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y0 = torch.ones(2, dtype=torch.float64)
    for g in (lambda t, y: t - 0.5, lambda t, y: float(t) - 0.5, lambda t, y: math.sin(t - 0.5)):
        sol = nodekit.solve(lambda t, y: -rate * y * t, y0, (0.0, 1.0), events=g, rtol=1e-9)
        assert sol.t_events[0].tolist() == pytest.approx([0.5], abs=1e-12)
    sol = nodekit.solve(lambda t, y: -rate * y * t, y0, (0.0, 1.0), events=lambda t, y: t - 0.5, rtol=1e-9)
    (slope,) = torch.autograd.grad(sol.y_events[0][0, 0], rate)
    assert slope.item() == pytest.approx(-0.125 * math.exp(-0.125), rel=1e-6)


def test_vector_events(array):
    """Every component counts, in order of time, with one direction and one end for all; the zeros of cos and sin."""
    zeros = event(lambda t, y: y * 1.0, direction=0)
    sol = nodekit.solve(rotation, array([0.0, 1.0]), (0.0, 6.0), events=zeros, **TIGHT)
    expected = np.array([1, 2, 3]) * math.pi / 2
    assert np.asarray(sol.t_events[0]).tolist() == pytest.approx(expected, abs=1e-9)
    assert np.abs(np.asarray(sol.y_events[0])).argmin(1).tolist() == [1, 0, 1]
    second = event(lambda t, y: [y[0], y[1]], terminal=2)
    sol = nodekit.solve(rotation, array([0.0, 1.0]), (0.0, 6.0), events=second, **TIGHT)
    assert float(sol.t[-1]) == pytest.approx(math.pi, abs=1e-9)


@pytest.mark.parametrize("n", [1, 3, True, np.int64(2)])
def test_the_nth_zero_ends_it(array, n):
    """terminal=n ends the solve at the n-th counted zero, as SciPy has it."""
    sol = nodekit.solve(rotation, array([0.0, 1.0]), (0.0, 20.0), events=event(lambda t, y: y[0], terminal=n), **TIGHT)
    assert float(sol.t[-1]) == pytest.approx(int(n) * math.pi, abs=1e-9)
    assert len(sol.t_events[0]) == int(n)


@pytest.mark.parametrize("way", ["checkpoint", "backprop"])
def test_the_event_that_ended_it_moves_the_end(way):
    """Of two terminal events, one to end at its third zero: sol.y[-1] has the gradient of the one that ended it."""
    v = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y0 = torch.zeros(1, dtype=torch.float64)
    late = event(lambda t, y: torch.sin(6 * y[0]), terminal=3)
    stop = event(lambda t, y: y[0] - 1.0, terminal=True)
    for events in ([late, stop], [stop, late]):
        sol = nodekit.solve(lambda t, y: v + 0 * y, y0, (0.0, 5.0), events=events, gradient=way)
        (slope,) = torch.autograd.grad(sol.y[-1].sum(), v, retain_graph=True)
        assert slope.item() == pytest.approx(0.0, abs=1e-9)  # it is 1, whatever v
        (slope,) = torch.autograd.grad(sol.t_events[events.index(stop)][0], v)
        assert slope.item() == pytest.approx(-0.25, rel=1e-9)


def test_the_gradient_of_an_event_of_a_complex_state():
    """|z| = ½ of z' = −p z at t = log 2 / Re p: dt/dp by hand, against differences of p along both axes."""
    p = torch.tensor(1.3 - 0.4j, dtype=torch.complex128, requires_grad=True)
    stop = event(lambda t, z: (z.abs() ** 2).sum() - 0.5, terminal=True)
    solve = lambda p: nodekit.solve(  # noqa: E731
        lambda t, z: -p * z, torch.tensor([0.6 + 0.8j, 1j], dtype=torch.complex128), (0.0, 9.0), events=stop, rtol=1e-10
    )
    sol = solve(p)
    (g,) = torch.autograd.grad(sol.t_events[0][0], p, retain_graph=True)
    time = math.log(2) / 1.3
    assert sol.t_events[0].item() == pytest.approx(time, rel=1e-8)
    assert g.real.item() == pytest.approx(-time / 1.3, rel=1e-6)
    assert g.imag.item() == pytest.approx(0.0, abs=1e-6)
    loss = lambda sol: (sol.y[-1][0] * (2 - 1j)).real  # noqa: E731
    (g,) = torch.autograd.grad(loss(sol), p)
    with torch.no_grad():
        by_difference = [(loss(solve(p + d)) - loss(solve(p - d))).item() / 2e-5 for d in (1e-5, 1e-5j)]
    assert [g.real.item(), g.imag.item()] == pytest.approx(by_difference, abs=1e-6)


STATES = {
    "()": torch.tensor(1.0),
    "(2, 3)": torch.ones(2, 3),
    "tuple": (torch.ones(2), torch.ones(1, 3)),
    "dict": {"q": torch.ones(2), "p": torch.ones(3, 1)},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("method", ["dopri5", "bdf", "explicit_adams", "reversible_heun"])
@pytest.mark.parametrize("gradient", [None, "checkpoint", "adjoint"])
def test_no_zero(state, method, gradient):
    """An event without zeros has empty times and empty states of y0's form, whatever the state."""
    y0 = STATES[state]
    rate = torch.tensor(1.0, requires_grad=gradient is not None)

    def f(t, y):
        if isinstance(y, dict):
            return {name: -rate * part for name, part in y.items()}
        return tuple(-rate * part for part in y) if isinstance(y, tuple) else -rate * y

    step = None if method in ("dopri5", "bdf") else 0.1
    sol = nodekit.solve(
        f, y0, (0.0, 1.0), method=method, step=step, events=lambda t, y: t + 5, gradient=gradient or "checkpoint"
    )
    assert len(sol.t_events[0]) == 0
    y = sol.y_events[0]
    form = {name: part.shape for name, part in y.items()} if isinstance(y, dict) else None
    if isinstance(y, dict):
        assert form == {"q": (0, 2), "p": (0, 3, 1)}
    elif isinstance(y, tuple):
        assert [part.shape for part in y] == [(0, 2), (0, 1, 3)]
    else:
        assert y.shape == (0, *y0.shape)


def test_numpy_states_without_zeros():
    for shape in ((), (2, 3), (4,)):
        sol = nodekit.solve(lambda t, y: -y, np.ones(shape), (0.0, 1.0), events=lambda t, y: t + 5)
        assert sol.y_events[0].shape == (0, *shape)


@pytest.mark.parametrize("form", ["array", "dict"])
def test_steady_state(form):
    """y' = −y + 1 comes within 1e-3 of rest at log(2000); a solve that starts there meets nothing and stays."""
    one = torch.ones(3, dtype=torch.float64)
    if form == "dict":
        f, y0 = lambda t, y: {"a": 1 - y["a"]}, {"a": 3 * one}
    else:
        f, y0 = lambda t, y: 1 - y, np.array([3.0, -1.0, 3.0])
    sol = nodekit.solve(f, y0, (0.0, 50.0), events=nodekit.steady_state(f, 1e-3), **TIGHT)
    assert sol.status is Status.TERMINATED
    assert float(sol.t[-1]) == pytest.approx(math.log(2000), abs=1e-6)
    rest = {"a": one} if form == "dict" else np.ones(3)
    sol = nodekit.solve(f, rest, (0.0, 50.0), events=nodekit.steady_state(f, 1e-3))
    assert (sol.status, float(sol.t[-1])) == (Status.SUCCESS, 50.0)


@pytest.mark.parametrize(
    ("g", "error", "message"),
    [
        (lambda t, y: None, TypeError, r"events\[1\] returned .*NoneType.*Return a real number"),
        (lambda t, y: y[0] * 1j, TypeError, r"events\[1\] returned complex128 at t = 0.0"),
        (lambda t, y: math.nan, ValueError, r"events\[1\] is nan at t = 0.0"),
        (lambda t, y: y if t < 0.5 else y[:1], ValueError, r"events\[1\] has 1 components at t = .* had 2 before"),
    ],
)
def test_events_that_return_no_number(array, g, error, message):
    with pytest.raises(error, match=message):
        nodekit.solve(rotation, array([0.3, 1.0]), (0.0, 2.0), events=[lambda t, y: y[0], g])


@pytest.mark.parametrize("terminal", [-1, 1.5, "yes", None])
def test_bad_terminal(array, terminal):
    """terminal is True, False or n, whether given to event() or set on the function."""
    with pytest.raises(ValueError, match=r"terminal=.* must be True, False, or the number"):
        event(rotation, terminal=terminal)
    g = lambda t, y: y[0]  # noqa: E731
    g.terminal = terminal
    with pytest.raises(ValueError, match=r"events\[0\]: terminal="):
        nodekit.solve(rotation, array([0.3, 1.0]), (0.0, 2.0), events=g)
