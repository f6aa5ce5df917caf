"""The homework's way out and back: what is released, and what a batch of good and bad submissions is worth."""

import re

import pytest

from tests.homework.bank import FULL
from tests.homework.conftest import HOMEWORK, VARIANTS, automatic, command, need_nbgrader

need_nbgrader()

pytestmark = pytest.mark.slow(seconds=130)
BAD = [
    "stub", "memorised", "memorised elsewhere", "checks patched", "hand_in forged", "accidents", "stubborn", "flood",
    "exit", "ends the grader", "tampered", "broken", "no notebook", "missing",
]  # fmt: skip


@pytest.mark.parametrize("student", VARIANTS)
def test_the_reference_scores_full_marks(graded, student):
    """A student's whole way: released, filled in, handed in, graded with numbers not seen before: 90 of 90."""
    row = graded.rows[student]
    assert automatic(graded.rows[student]) == FULL, row["note"]
    assert float(row["total"]) == float(row["out of"]) == 90
    assert row["part6"] == ""  # for a human to read
    assert "part6 is to be marked by hand, out of 10" in row["note"]


@pytest.mark.parametrize("student", BAD)
def test_a_bad_submission_gets_what_it_deserves(graded, student):
    """Each of the bank has the points of what it did right, and a note that says what happened."""
    _, points, *words = graded.bank[student]
    earned, note = automatic(graded.rows[student]), graded.rows[student]["note"]
    assert {part for part in points if points[part] is not None and points[part] != earned[part]} == set(), note
    assert [said for said in words if said not in note] == []


def test_every_submission_has_a_row_and_feedback(graded):
    """Whatever a submission does, the batch goes on: a row, a page of feedback and a printed line for each."""
    assert set(graded.rows) == {*VARIANTS, *graded.bank}
    assert set(graded.bank) == set(BAD)
    for student in graded.rows:
        assert graded.page(student).stat().st_size > 50
        assert student in graded.printed
    assert ("in a box of its own" if graded.boxed else "RUN WITH YOUR RIGHTS") in graded.printed
    assert "min left" in graded.printed


def test_feedback_says_what_was_earned(graded):
    """The page shows the points in words and what went wrong; of three accidents one alone is an end of the time:
    a memory limit ends in a MemoryError of that cell.
    """
    page = graded.page("accidents").read_text(encoding="utf-8")
    assert "12 of 12 points. field: right" in page
    assert "ZeroDivisionError" in page
    assert "MemoryError" in page
    assert graded.rows["accidents"]["note"].count("was stopped after") == 1


def test_written_answers_are_gathered(graded):
    """written/ holds a file for each student who wrote; what stands elsewhere than in its cell arrives as well; whoever
    wrote nothing has 0 there.
    """
    written = {path.stem: path.read_text(encoding="utf-8") for path in (graded.folder / "to" / "written").iterdir()}
    assert written["first"].startswith("## part6\n\nOn both slow branches")
    assert "Words of mine" in written["tampered"]
    assert "stub" not in written
    assert graded.rows["stub"]["part6"] == "0.0"
    assert "part6: nothing was written" in graded.rows["stub"]["note"]


def test_feedback_runs_nothing_of_a_students(graded):
    """Scripts, handlers and javascript links of outputs and of text are gone; harmless HTML and the text are not."""
    pages = {student: graded.page(student).read_text(encoding="utf-8") for student in ("hand_in forged", "tampered")}
    assert "<b>bold</b>" in pages["hand_in forged"]
    assert "Words of mine" in pages["tampered"]
    for page in pages.values():
        head, _, body = page.partition("<body")
        assert "alert(" not in head
        assert not re.search(r"<script|<iframe|<object|<embed|<form|<[^>]*\son\w+=|<[^>]*javascript:", body)


def test_nothing_is_seen_from_a_submission(graded):
    """Neither the answers nor the other submissions nor the marks, nor anybody's processes."""
    if not graded.boxed:
        pytest.skip("there is no bubblewrap (bwrap) that works here")
    assert "SEEN 0 others False" in graded.page("hand_in forged").read_text(encoding="utf-8")


def test_the_batch_reports_what_is_alike(graded):
    """similar.csv names the students who handed in the same, and the reference solution."""
    table = (graded.folder / "to" / "similar.csv").read_text(encoding="utf-8")
    assert "(the reference solution)" in table
    assert "second" in table


def test_code_that_reaches_for_the_hidden_numbers_is_pointed_out(graded):
    """A line of a student's own that names the environment's secret is in the note; an honest notebook has none."""
    assert "to be read by a human: 'os.environ[" in graded.rows["memorised"]["note"]
    assert not any("to be read" in graded.rows[student]["note"] for student in VARIANTS)


def test_numbers_at_grading_are_new(graded):
    """A batch has one secret, which scores.csv keeps, and the next one another."""
    found = {row["secret"] for row in graded.rows.values()}
    assert len(found) == 2
    assert "0" not in found


def test_help_warns():
    """--help says that students' code is run, with whose rights, and what to do about it."""
    for arguments in (["--help"], ["grade", "--help"]):
        said = " ".join(command(*arguments).lower().split())
        for word in ("runs the students' code", "with your rights", "container"):
            assert word in said
    assert "container" in (HOMEWORK / "README.md").read_text(encoding="utf-8")
