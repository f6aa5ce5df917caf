"""The detector speaks on every stiff problem and on no other."""

import numpy as np
import pytest

from nodekit import problems
from nodekit.analysis.stiffness import detect_stiffness


@pytest.mark.parametrize("name", problems.PROBLEMS)
def test_detector(name, measured):
    """At rtol = 1e-6 it fires on every stiff problem and on none of the others; the steps it saw lie at the limit."""
    p = problems.get(name)
    found = detect_stiffness(p.f, p.y0, p.t_span, rtol=1e-6, atol=p.atol(1e-9))
    measured(f"detector on {name}: {found}")
    assert found.stiff is p.stiff
    if found.stiff:
        at_limit = np.median(found.h_lambda[found.t >= found.intervals[0][0]])
        assert 2.5 < at_limit < 3.5
        assert found.gain > 50
    else:
        assert found.intervals == []
        assert found.gain == 1.0


def test_its_rate_is_the_eigenvalue():
    """On y' = −λ(y − cos t) the estimated rate is λ to 1%, in either direction of time and for any shape."""
    f = lambda t, y: -2e4 * (y - np.cos(t))  # noqa: E731
    for y0 in (np.ones(1), np.ones((2, 2))):
        assert detect_stiffness(f, y0, (0.0, 1.0)).rate == pytest.approx(2e4, rel=0.01)
    backward = detect_stiffness(lambda t, y: -f(-t, y), np.ones(1), (0.0, -1.0))
    assert backward.rate == pytest.approx(2e4, rel=0.01)


def test_the_tolerance_decides():
    """`relaxation` (rate 100) is stiff at rtol = 1e-3 and not at 1e-6: there accuracy limits the steps."""
    p = problems.get("relaxation")
    assert detect_stiffness(p.f, p.y0, p.t_span, rtol=1e-3, atol=1e-6).stiff
    assert not detect_stiffness(p.f, p.y0, p.t_span, rtol=1e-6, atol=1e-9).stiff


def test_where_it_is_stiff():
    """A rate that is large only in 2 < t < 6: one interval, near there, and a harmless problem after it."""
    rate = lambda t: 1.0 + 2e3 * (2 < t < 6)  # noqa: E731
    found = detect_stiffness(lambda t, y: -rate(t) * (y - np.cos(t)), np.ones(1), (0.0, 9.0), max_steps=5000)
    ((first, last),) = found.intervals
    assert found.seen_to == 9.0
    assert 1.9 < first < 2.1
    assert 5.9 < last < 6.1


def test_a_solve_that_fails_is_judged_as_far_as_it_came():
    """f becomes nan at t = 1: not stiff up to there."""
    found = detect_stiffness(lambda t, y: -y if t < 1 else y * np.nan, np.ones(1), (0.0, 2.0))
    assert not found.stiff
    assert found.seen_to == pytest.approx(1.0, abs=1e-3)
