"""Every slider of every lesson from end to end: no redraw fails, each changes the picture, and all can go back.

The notebooks run in a kernel, without a browser. tests/browser moves the first slider of each by hand.
"""

import inspect
import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from nodekit.classroom import sliders

LESSONS = sorted((Path(__file__).parents[2] / "lessons").glob("[0-9][0-9]_*.ipynb"))
SECONDS = 120  # that a cell may take


def sweep():
    """Move every control of every live figure; return what is wrong. Its source is sent to the kernel."""
    from nodekit.classroom import sliders

    wrong = [] if sliders.explorers else ["there is no figure with sliders"]
    for number, explorer in enumerate(sliders.explorers.values(), start=1):
        for name, control in explorer.controls.items():
            where = f"figure {number}, {name}"
            start, before, pictures = control.value, explorer.png, []
            ends = list(getattr(control, "options", ())) or [control.low, control.high]
            for value in ends:
                control.value = value
                pictures.append(explorer.png)
                if explorer.error is not None:
                    wrong.append(f"{where} = {value}: {type(explorer.error).__name__}: {explorer.error}")
            if len(set(pictures)) < len(ends):
                wrong.append(f"{where}: the picture is the same at two of {ends}")
            control.value = start
            if explorer.error is not None or explorer.png != before:
                wrong.append(f"{where}: back at {start} the picture is another one, or none")
    return wrong


def test_there_are_lessons():
    assert LESSONS


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_sliders_of_a_lesson_work_from_end_to_end(path):
    """The lesson runs in a new kernel; then each control goes to its ends, or each option, and back."""
    notebook = nbformat.read(path, as_version=4)
    code = f"{inspect.getsource(sweep)}\nimport json\nprint(json.dumps(sweep()))"
    notebook.cells.append(nbformat.v4.new_code_cell(code))
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=where).execute()
    printed = [output.text for output in notebook.cells[-1].outputs if output.get("name") == "stdout"]
    assert json.loads("".join(printed).splitlines()[-1]) == []


# The sweep itself, on figures made here.


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
