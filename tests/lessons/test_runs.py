"""The long runs beside the lessons, and the rows of the decision table: each is whole, and a lesson shows it."""

import csv
import re
from pathlib import Path

import pytest

from nodekit.classroom.runs import Run
from tests.lessons import rules
from tests.lessons.pack import LESSONS, ROOT

RUNS = sorted((ROOT / "lessons" / "runs").glob("*.py"))
DECISIONS = sorted((ROOT / "lessons" / "decisions").glob("*.csv"))
OLDER = {f"{number:02d}" for number in (*range(11), 14, 16)}  # written before there were such rows
COLUMNS = ["task", "method", "measured", "setting"]


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_run_has_its_table(path):
    """A row for each setting, finite, of at least five seeds, and a lesson of its number that shows it."""
    run = Run(path.stem, path.parent)
    wanted = [tuple(setting[key] for key in run.settings) for setting in run.script.SETTINGS]
    assert [tuple(row[key] for key in run.settings) for row in run.rows] == wanted
    numbers = [value for row in run.rows for key, value in row.items() if key not in run.settings]
    assert all(isinstance(value, int | float) and abs(value) < float("inf") for value in numbers)
    assert len({row["seed"] for row in run.rows}) >= 5
    lesson = rules.Lesson(LESSONS[path.stem[:2]])
    assert f'Run("{path.stem}")' in rules.source(lesson.code)
    assert ".outside(" in rules.source(lesson.code)


def test_every_table_has_its_script():
    folder = ROOT / "lessons" / "runs"
    assert {path.stem for path in folder.glob("*.csv")} == {path.stem for path in RUNS}


@pytest.mark.parametrize("number", sorted(set(LESSONS) - OLDER))
def test_a_lesson_writes_its_rows_for_the_decision_table(number):
    assert Path(ROOT, "lessons", "decisions", f"{number}.csv") in DECISIONS


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_what_a_row_says_was_measured_is_in_the_lesson(path):
    """Columns task, method, measured, setting; every number of `measured` is printed or said in the lesson itself."""
    with path.open(encoding="utf-8", newline="") as table:
        reader = csv.DictReader(table)
        rows = list(reader)
    assert reader.fieldnames == COLUMNS
    assert rows
    said = "\n".join(text for _, text in rules.written(rules.Lesson(LESSONS[path.stem])))
    for row in rows:
        assert all(row[name].strip() for name in COLUMNS), row
        numbers = re.findall(r"\d[\d,]*(?:\.\d+)?", row["measured"])
        assert numbers, row
        missing = [n for n in numbers if not re.search(rf"(?<![\d.,]){re.escape(n)}(?![\d]|[.,]\d)", said)]
        assert not missing, f"{row}: {missing}"
