"""The course's maps, in README.md and in lesson 00, name the lessons that are here, and what each needs."""

import re

import pytest

from tests.lessons.pack import LESSONS, ROOT, cells, needed

START = "\n".join(c.source for c in cells("00") if c.cell_type == "markdown")


@pytest.mark.parametrize("number", LESSONS)
def test_the_readme_links_the_lesson(number):
    """README's table has a link to each lesson that is here."""
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"\[{number} [^]]+\]\(lessons/{re.escape(LESSONS[number].name)}\)", table)


@pytest.mark.parametrize("number", [n for n in LESSONS if n != "00"])
def test_lesson_00_links_the_lesson_and_says_what_it_needs(number):
    """Lesson 00's map has a link to each, and behind it the numbers that the lesson's card has."""
    link = rf"\[{number} [^]]+\]\({re.escape(LESSONS[number].name)}\)(?: \(([\d, ]+)\))?"
    found = re.search(link, START)
    assert found, f"{number} has no link in the map of lesson 00"
    assert (found.group(1) or "").split(", ") == (needed(number) or [""])


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_needs_only_what_comes_before_it_and_is_here(number):
    """Read in the order of their numbers, no lesson needs a later one, or one that is not written."""
    assert all(other < number and other in LESSONS for other in needed(number))
