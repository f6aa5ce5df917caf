"""method="auto": explicit where the problem is not stiff, implicit where it is, there and back."""

import autograd.numpy as anp
import numpy as np
import pytest

import nodekit


def van_der_pol(mu):
    return lambda t, y: anp.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


def robertson(t, y):
    a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return anp.array([-a + b, a - b - c, c])


def test_both_ways_on_van_der_pol(measured):
    """μ = 1000: implicit on the slow arcs, explicit through each jump; cheaper than radau alone, and right."""
    arguments = {"rtol": 1e-6, "atol": 1e-9}
    sol = nodekit.solve(van_der_pol(1000.0), np.array([2.0, 0.0]), (0.0, 2000.0), method="auto", **arguments)
    radau = nodekit.solve(van_der_pol(1000.0), np.array([2.0, 0.0]), (0.0, 2000.0), method="radau", **arguments)
    names = [name for _, name in sol.stats.switches]
    measured(f"auto on van der Pol 1000: nfev {sol.stats.nfev} (radau {radau.stats.nfev}), {len(names)} switches")
    assert names == ["radau", "dopri5"] * 2 + ["radau"]
    assert 806 < sol.stats.switches[1][0] < 808  # the first jump
    assert np.allclose(sol.y[-1], [1.706167732170469, -0.8928097010248125e-3], rtol=2e-6)
    assert sol.stats.nfev < radau.stats.nfev


@pytest.mark.parametrize(
    ("f", "y0", "t1"),
    [
        (van_der_pol(1.0), [2.0, 0.0], 20.0),
        (van_der_pol(10.0), [2.0, 0.0], 60.0),
        (lambda t, y: anp.array([y[1], -y[0]]), [1.0, 0.0], 100.0),
        (lambda t, y: -y, [1.0], 20.0),
    ],
    ids=["van der Pol 1", "van der Pol 10", "rotation", "decay"],
)
def test_silent_where_nothing_is_stiff(f, y0, t1):
    """No switch, no Jacobian, and the very steps of dopri5."""
    auto = nodekit.solve(f, np.array(y0), (0.0, t1), method="auto")
    plain = nodekit.solve(f, np.array(y0), (0.0, t1), method="dopri5")
    assert auto.stats == plain.stats
    assert np.array_equal(auto.y, plain.y)


def test_stiff_ones_go_implicit_soon():
    """Robertson and Prothero–Robinson: one switch, at the start, and a few hundred steps instead of millions."""
    sol = nodekit.solve(robertson, np.array([1.0, 0.0, 0.0]), (0.0, 1e5), method="auto", atol=1e-12)
    assert np.allclose(sol.y[-1], [0.0178659, 7.27475e-8, 0.9821340], rtol=1e-4)
    assert [name for _, name in sol.stats.switches] == ["radau"]
    assert sol.stats.switches[0][0] < 0.1
    f = lambda t, y: -1e6 * (y - anp.sin(t)) + anp.cos(t)  # noqa: E731
    sol = nodekit.solve(f, np.array([0.0]), (0.0, 10.0), method="auto", atol=1e-6)
    assert np.abs(sol.y[:, 0] - np.sin(sol.t)).max() < 1e-5
    assert sol.stats.nfev < 1000


def test_dense_output_events_and_output_times_across_a_switch():
    """Each step is interpolated by the method that took it."""
    times = np.linspace(0.0, 1000.0, 41)
    f = van_der_pol(1000.0)
    sol = nodekit.solve(f, np.array([2.0, 0.0]), times, method="auto", rtol=1e-7, atol=1e-10, events=lambda t, y: y[0])
    tight = nodekit.solve(f, np.array([2.0, 0.0]), times, method="radau", rtol=1e-9, atol=1e-12)
    assert np.allclose(sol.y, tight.y, rtol=1e-4, atol=1e-7)
    assert np.allclose(sol(times[1:-1]), tight.y[1:-1], rtol=1e-4, atol=1e-7)
    assert sol.t_events[0] == pytest.approx([807.0], abs=1.0)


def test_auto_takes_no_step_size():
    """step= with "auto" is refused: it could mean neither method."""
    with pytest.raises(ValueError, match="chooses its own steps"):
        nodekit.solve(lambda t, y: -y, np.ones(1), (0.0, 1.0), method="auto", step=0.1)
