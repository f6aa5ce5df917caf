"""README.md names the lessons that are here; what each needs comes before it. test_front.py has lesson 00's table."""

import re

import pytest

from tests.lessons.pack import LESSONS, ROOT, needed


@pytest.mark.parametrize("number", LESSONS)
def test_the_readme_links_the_lesson(number):
    """README's table has a link to each lesson that is here."""
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"\[{number} [^]]+\]\(lessons/{re.escape(LESSONS[number].name)}\)", table)


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_needs_only_what_comes_before_it_and_is_here(number):
    """Read in the order of their numbers, no lesson needs a later one, or one that is not written."""
    assert all(other < number and other in LESSONS for other in needed(number))
