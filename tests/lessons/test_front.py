"""What lesson 00 holds of the other lessons: it is made from them, and stands where its markers are."""

import re

import pytest

from tests.lessons import counting, front, glossary, pack


@pytest.fixture(scope="module")
def sources():
    """{tag: the source of the cell in lesson 00 that carries it}."""
    return {tag: cell.source for cell in pack.cells("00") for tag in cell.metadata.get("tags", [])}


@pytest.mark.parametrize(("name", "made"), [("way", front.way), ("glossary", glossary.table)])
def test_lesson_00_has_it_as_it_is_made_from_the_lessons(sources, name, made):
    """Whoever changes a lesson runs python -m tests.lessons.make."""
    assert front.written(sources[name], name, made()) == sources[name]


def test_every_lesson_is_in_a_part_once():
    """In the order of the numbers, and no lesson that is not there."""
    numbers = [number for lessons in front.PARTS.values() for number in lessons]
    assert ["00", *numbers] == sorted(pack.LESSONS)


def test_an_application_leads_to_lessons_that_speak_of_it(sources):
    """Each row of lesson 00's table of applications names a word in bold, and every lesson it links has that word."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|.*\| (.*) \|$", sources["applications"], re.M)
    assert len(rows) >= 12
    for word, links in rows:
        for number, file in re.findall(r"\[(\d\d)\]\((\S+?)\)", links):
            text = "\n".join(cell.source for cell in pack.cells(number))
            assert pack.LESSONS[number].name == file
            assert word.lower() in text.lower(), (word, number)


def test_the_sums_are_those_of_the_cards():
    """The last row adds the minutes on the lessons' cards, in hours."""
    core = [counting.fives(counting.core(counting.pieces(pack.cells(n))).minutes) for n in pack.LESSONS if n != "00"]
    assert f"{sum(core) // 60} h {sum(core) % 60} min" in front.way()[-1]


def test_what_stands_around_the_markers_stays():
    begin, end = front.markers("way")
    new = front.written(f"## Way\n\n{begin}\nold\n{end}\nAfter.", "way", ["| new |"])
    assert new == f"## Way\n\n{begin}\n\n| new |\n\n{end}\nAfter."
    assert front.written(new, "way", ["| new |"]) == new
    with pytest.raises(ValueError, match="'way' in lesson 00 needs"):
        front.written("## Way", "way", [])
