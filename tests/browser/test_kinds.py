"""Every kind of control that a notebook shows is driven in the browser by some test of test_controls.py."""

import json
import re
from pathlib import Path

import pytest

from nodekit.classroom import sliders
from tests.browser import test_controls as tests
from tests.browser.conftest import SMALL

NOTEBOOKS = sorted((Path(__file__).parents[2] / "lessons").rglob("*.ipynb"))
DRIVEN = {  # by its name in the state of widgets that a notebook is saved with
    "FloatSlider": tests.test_a_lesson_from_end_to_end,
    "BoundedFloatText": tests.test_a_typed_number_is_the_number_used,
    "BoundedIntText": tests.test_a_typed_number_is_the_number_used,
    "Dropdown": tests.test_a_choice_is_made_by_its_label,
    "RadioButtons": tests.test_a_quiz_answers_at_a_click,
}
SHOWN = {"HBox", "VBox", "HTML", "Image"}  # and nothing to move


def kinds(notebook):
    """The kinds of widgets in the saved state of a notebook, without their styles and layouts."""
    saved = notebook["metadata"].get("widgets", {}).values()
    names = {widget["model_name"].removesuffix("Model") for each in saved for widget in each["state"].values()}
    return {name for name in names if not name.endswith(("Style", "Layout"))}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_no_control_that_no_browser_test_drives(path):
    """A new kind needs a test that moves it by hand, named in DRIVEN."""
    assert kinds(json.loads(path.read_text(encoding="utf-8"))) - SHOWN <= DRIVEN.keys()


def test_every_kind_that_is_driven_is_shown_somewhere():
    """The names above are those that notebooks have, so that the test above is not about others."""
    shown = set().union(*(kinds(json.loads(path.read_text(encoding="utf-8"))) for path in NOTEBOOKS))
    assert shown == SHOWN | DRIVEN.keys()


def test_the_small_notebook_has_every_control_that_sliders_makes():
    """What nodekit.classroom.sliders makes, but for the figure itself, is used in the notebook of these tests."""
    assert set(sliders.__all__) == {"explore", *re.findall(r"=sliders\.(\w+)\(", SMALL)}


def test_a_new_kind_is_seen():
    state = {"1": {"model_name": "PlayModel"}, "2": {"model_name": "ButtonStyleModel"}}
    saved = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    assert kinds({"metadata": {"widgets": saved}}) == {"Play"}
