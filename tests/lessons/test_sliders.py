"""The sweep that moves every slider of a lesson from end to end, on figures made here: it sees what it should.

test_run.py sends it to the kernel of every lesson.
"""

import numpy as np
import pytest

from nodekit.classroom import sliders
from tests.lessons.running import sweep


@pytest.fixture
def explore(monkeypatch):
    """Makes a figure with one slider, 0 to 2, the only one alive."""
    monkeypatch.setattr(sliders, "explorers", type(sliders.explorers)())

    def make(draw, control=None):
        h = control or sliders.linear_slider(0, 2, 1, "h")
        return sliders.explore(draw, lambda ax: ax.set(xlim=(0, 1), ylim=(0, 2)), size=(3, 2), alt="a line", h=h)

    return make


def test_the_sweep_passes_a_figure_that_works(explore):
    explore(lambda ax, h: ax.plot([0, 1], [0, h]))
    assert sweep() == []


def test_the_sweep_needs_a_figure(explore):
    assert sweep() == ["there is no figure with sliders"]


@pytest.mark.parametrize(("bad", "found"), [(0, "h = 0.0: ZeroDivisionError"), (2, "h = 2.0: ZeroDivisionError")])
def test_the_sweep_finds_a_redraw_that_fails_at_an_end(explore, bad, found):
    """An error at either end is reported, though the widget itself goes on."""
    explore(lambda ax, h: ax.plot([0, 1], [0, h if h != bad else 1 / 0]))
    assert any(found in line for line in sweep())


def test_the_sweep_finds_a_control_without_an_effect(explore):
    explore(lambda ax, h: ax.plot([0, 1], [0, 1]))
    assert sweep() == ["figure 1, h: the picture is the same at two of [0.0, 2.0]"]


def test_the_sweep_finds_two_options_that_are_one(explore):
    options = sliders.choice(["euler", "rk4", "RK4"], "rk4", "method")
    explore(lambda ax, h: ax.set_title(h.lower()), options)
    assert sweep() == ["figure 1, h: the picture is the same at two of ['euler', 'rk4', 'RK4']"]


def test_the_sweep_finds_a_picture_that_depends_on_the_past(explore):
    """Random numbers from a generator that is not made anew at each redraw."""
    rng = np.random.default_rng(0)
    explore(lambda ax, h: ax.plot([0, 1], [0, h * rng.uniform()]))
    assert sweep() == ["figure 1, h: back at 1.0 the picture is another one, or none"]
