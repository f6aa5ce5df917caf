"""Every kind of control that a notebook shows is driven in the browser by some test of test_controls.py."""

import json
import re
from pathlib import Path

import pytest

from nodekit.classroom import sliders
from tests.browser import test_controls as tests
from tests.browser.conftest import SMALL

NOTEBOOKS = sorted((Path(__file__).parents[2] / "lessons").rglob("*.ipynb"))
DRIVEN = {  # by the call that shows it
    "log_slider": tests.test_a_lesson_from_end_to_end,
    "linear_slider": tests.test_a_typed_number_is_the_number_used,
    "choice": tests.test_a_choice_is_made_by_its_label,
    "quiz.show": tests.test_a_quiz_answers_at_a_click,
    "ask": tests.test_a_prediction_is_noted_at_a_click,
}
CALLS = re.compile(r"sliders\.(?!explore\b)(\w+)\(|\.(quiz\.show|ask)\(|\b(ipywidgets|interact)\b")


def kinds(notebook):
    """The kinds of controls in a notebook, by the calls in its code; for a widget of its own, its library."""
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return {name for found in CALLS.findall(code) for name in found if name}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_no_control_that_no_browser_test_drives(path):
    """A new kind needs a test that moves it by hand, named in DRIVEN."""
    assert kinds(json.loads(path.read_text(encoding="utf-8"))) <= DRIVEN.keys()


def test_every_kind_that_is_driven_is_shown_somewhere():
    """The names above are those that notebooks have, so that the test above is not about others."""
    shown = set().union(*(kinds(json.loads(path.read_text(encoding="utf-8"))) for path in NOTEBOOKS))
    assert shown == DRIVEN.keys()


def test_the_small_notebook_has_every_control_that_sliders_makes():
    """What nodekit.classroom.sliders makes, but for the figure itself, is used in the notebook of these tests."""
    assert set(sliders.__all__) == {"explore", *re.findall(r"=sliders\.(\w+)\(", SMALL)}


@pytest.mark.parametrize(("line", "kind"), [("sliders.play(1)", "play"), ("import ipywidgets", "ipywidgets")])
def test_a_new_kind_is_seen(line, kind):
    assert kinds({"cells": [{"cell_type": "code", "source": [line]}]}) == {kind}
