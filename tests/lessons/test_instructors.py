"""lessons/INSTRUCTORS.md agrees with the lessons: its tables and map are theirs, its plans keep their order."""

import re

import pytest

from tests.lessons import counting, pack

PAGE = pack.PAGE.read_text(encoding="utf-8")
TAUGHT = [number for number in pack.LESSONS if number != "00"]
NEEDS = {number: pack.needed(number) for number in TAUGHT} | {k: after for k, (_, after) in pack.assignments().items()}


def advice(number):
    """What the page says of one lesson."""
    return re.search(rf"^### {number} .*?(?=^##)", PAGE + "\n##", re.S | re.M).group()


def listed(number, label):
    """The text behind a label in the advice on a lesson, to the end of its sentence."""
    return re.search(rf"\*\*{label}:\*\* (.*?)\.(?:\s|$)", advice(number)).group(1)


def table(heading):
    """The rows of the table under a heading, as lists of cells."""
    part = re.search(rf"^## {heading}\n(.*?)(?=^## )", PAGE, re.S | re.M).group(1)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*\|$", part, re.M)[2:]]


def left_out(number):
    """The numbers of the sections that may be left out whole."""
    items = re.split(r"[,;]", listed(number, "May be left out"))
    return [found.group(1) for found in (re.match(r"\s*(\d+)", item) for item in items) if found]


def places(number):
    """{exercise: section} of a lesson, and the set of its sections."""
    exercises, section, all_of_them = {}, None, set()
    for cell in pack.cells(number):
        if cell.cell_type == "markdown":
            heading = re.search(r"^## (\d+)\.", cell.source, re.M)
            section = heading.group(1) if heading else section
            all_of_them.add(section)
            exercises |= dict.fromkeys(re.findall(r"\*\*Exercise (\d+)(?: \(deeper\))?\.\*\*", cell.source), section)
    return exercises, all_of_them


def test_its_tables_and_its_map_are_made_from_the_lessons():
    """Whoever changes a lesson runs python -m tests.lessons.make."""
    assert pack.with_tables(PAGE) == PAGE


@pytest.mark.parametrize("number", pack.LESSONS)
def test_minutes_add_up_to_the_lessons(number):
    """The minutes of a lesson's sections are those of the whole."""
    whole = counting.total(counting.pieces(pack.cells(number))).minutes
    assert sum(value for _, value in pack.minutes(number)) == round(whole)


@pytest.mark.parametrize("node", NEEDS)
def test_the_map_leads_to_all_that_is_needed(node):
    """Whoever follows the arrows backward meets all lessons that a card names, and none but those they need."""
    arrows = {one: {before for before, to in pack.edges() if to == one} for one in NEEDS}

    def above(one, step):
        return set(step[one]).union(*(above(before, step) for before in step[one]))

    assert above(node, arrows) == above(node, NEEDS)


@pytest.mark.parametrize(("heading", "least"), [("Thirteen weeks", 20), ("Three days", 10), ("Six lessons", 8)])
def test_a_plan_teaches_no_lesson_before_what_it_needs(heading, least):
    """Row by row, cell by cell: each lesson once, after those on its card; homework after its lessons."""
    met = []
    for row in table(heading):
        for cell in row[1:]:
            if not cell.startswith("exercises"):
                met += re.findall(r"\b\d\d\b|hw\d(?= out)", cell)
    assert len(met) == len(set(met)) >= least
    for position, node in enumerate(met):
        assert set(NEEDS.get(node, ())) <= set(met[:position]), node


def test_thirteen_weeks_hold_every_lesson_and_homework():
    """All lessons that are here, all assignments; each comes in at least a week after it goes out."""
    rows = table("Thirteen weeks")
    assert sorted(re.findall(r"\b\d\d\b", " ".join(" ".join(row[1:3]) for row in rows))) == sorted(pack.LESSONS)
    assert [int(row[0]) for row in rows] == list(range(1, 14))
    for name in pack.assignments():
        out, back = (next(int(row[0]) for row in rows if f"{name} {way}" in row[3]) for way in ("out", "in"))
        assert out < back


@pytest.mark.parametrize("number", TAUGHT)
def test_every_exercise_is_for_the_class_or_for_home(number):
    """Both lists together are the lesson's exercises, none twice; one in a section left out is named there."""
    exercises, sections = places(number)
    both = [k for label in ("For the class", "At home") for k in re.findall(r"\b\d\b", listed(number, label))]
    assert sorted(both) == sorted(exercises)
    for section in left_out(number):
        assert section in sections
        inside = {exercise for exercise, place in exercises.items() if place == section}
        assert all(f"{section} (with exercise {k})" in listed(number, "May be left out") for k in inside)


@pytest.mark.parametrize("number", TAUGHT)
def test_no_later_lesson_refers_to_a_section_that_may_be_left_out(number):
    """'lesson NN, section K' in a later lesson means that K stays."""
    for later in TAUGHT:
        text = "\n".join(cell.source for cell in pack.cells(later) if cell.cell_type == "markdown")
        used = re.findall(rf"lesson \[{number}\]\(\S+\), section (\d+)", text, re.I)
        used += re.findall(rf"section (\d+) of lesson \[{number}\]", text, re.I)
        assert not set(used) & set(left_out(number)), later
