"""A docstring written for `help` becomes reStructuredText that says the same, without a warning."""

import docutils.core
import pytest

from tests.site import DOCS  # noqa: F401

from pages.docstrings import restructured  # isort: skip


def page(text):
    """The docstring as docutils' plain tree. A warning is an error."""
    source = "\n".join(restructured(text.split("\n")))
    settings = {"halt_level": 2, "report_level": 2, "output_encoding": "unicode"}
    return docutils.core.publish_string(source, writer="pseudoxml", settings_overrides=settings)


def test_bars_and_stars_are_letters():
    """|x| is no substitution, **kwargs and x* are no emphasis, y_ is no reference."""
    text = page("The norm |x| of x* with **kwargs, and y_ at \\alpha.")
    assert "The norm |x| of x* with **kwargs, and y_ at \\alpha." in text


def test_code_is_literal():
    """Single backticks, as `help` shows them, are code; what they hold is left as it is."""
    text = page("Call `f(t, *y)` or ``g|h``.")
    assert "<literal>\n            f(t, *y)" in text or "f(t, *y)" in text.split("<literal>")[1]
    assert "g|h" in text


def test_parameters_become_terms():
    """`name: what`, with its indented continuation; a first line is never one."""
    text = page("solve: a summary.\n\nf, t: a field\n    and a time.\nrtol: a number. Raises ValueError.")
    assert text.count("<definition_list_item>") == 2
    assert "solve: a summary." in text
    assert "and a time." in text


@pytest.mark.parametrize(
    "text", ["First.\n\n    y = 1\n    z = 2", "First.\n\nAs here:\n    y = 1\n    z = 2\nThen more."]
)
def test_what_is_set_stays_as_it_is(text):
    """An indented part keeps its lines."""
    found = page(text)
    assert "<literal_block" in found
    assert "y = 1\n" in found
    assert "z = 2" in found


def test_numpy_sections_are_left_to_napoleon():
    """A heading with its rule is not touched."""
    lines = restructured(["First |x|.", "", "Parameters", "----------", "f : callable", "    It may be *any*."])
    assert lines[2:4] == ["Parameters", "----------"]
    assert lines[0] == "First \\|x\\|."
    assert lines[5] == "    It may be \\*any\\*."
