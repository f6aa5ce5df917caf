"""What a student wrote reaches the human who marks it, wherever it stands, and nbgrader's cells are found again."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.homework.conftest import HOMEWORK, load, need_nbgrader

need_nbgrader()
mending = load(HOMEWORK / "mending.py")

IMAGE = {"a.png": {"image/png": "iVBORw0KGgo="}}


def marks(grade_id, kind, grade, solution, points=None):
    made = {"grade_id": grade_id, "grade": grade, "solution": solution, "locked": grade and not solution}
    made |= {"schema_version": 3, "cell_type": kind, "task": False}
    return {"nbgrader": made | ({"points": points} if grade else {})}


def release():
    """A release of one function, one part that hands in and one answer in words."""
    return new_notebook(cells=[
        new_markdown_cell("# The homework", id="title"),
        new_code_cell("def field(x):\n    # your code", id="field", metadata=marks("field", "code", False, True)),
        new_code_cell("hand_in(1, field)", id="part1", metadata=marks("part1", "code", True, False, 12)),
        new_markdown_cell("Write 100 words.", id="text"),
        new_markdown_cell("*Your answer*", id="part2", metadata=marks("part2", "markdown", True, True, 10)),
    ])  # fmt: skip


def handed_in(notebook):
    """(answers, texts elsewhere, words) of a submission."""
    done, words = mending.mended(notebook, release())
    ids = [mending.grade_id_of(cell) for cell in done.cells if "nbgrader" in cell.metadata]
    assert sorted(set(ids)) == sorted(ids)
    assert {"part1", "part2"} <= set(ids)
    return *mending.written(done, release()), words


def test_an_untouched_release_says_nothing():
    assert handed_in(release()) == ({}, [], [])


def test_an_answer_in_its_cell_is_found():
    submission = release()
    submission.cells[4].source = "My answer."
    assert handed_in(submission) == ({"part2": "My answer."}, [], [])


def in_a_new_cell(submission):
    submission.cells.append(new_markdown_cell("My answer."))


def in_two_cells(submission):
    """Split in the editor, which copies a cell's marks to both."""
    submission.cells[4].source = "My"
    submission.cells.append(new_markdown_cell("answer.", metadata=submission.cells[4].metadata))


def beside_the_question(submission):
    submission.cells[3].source += "\n\nMy answer."


def without_marks(submission):
    """As Colab leaves a notebook: metadata gone, ids new."""
    submission.cells[4].source = "My answer."
    for i, cell in enumerate(submission.cells):
        cell.metadata, cell.id = {}, f"new-{i}"


def raw(submission):
    submission.cells[4].source = "My answer."
    submission.cells[4].cell_type = "raw"
    submission.cells[4].metadata = {}


@pytest.mark.parametrize("change", [in_a_new_cell, in_two_cells, beside_the_question, without_marks, raw])
def test_no_text_is_lost(change):
    """A new cell, two cells, the question's own cell, no metadata, another type: all words arrive."""
    submission = release()
    change(submission)
    answers, others, _ = handed_in(submission)
    everything = " ".join([*answers.values(), *others])
    assert "My" in everything
    assert "answer." in everything


def test_cells_without_marks_are_found_by_id_or_text():
    """What hands in is run where it stood; that marks were lost is said."""
    for change in (lambda cell: cell.update(metadata={}), lambda cell: cell.update(metadata={}, id=f"x-{cell.id}")):
        submission = release()
        submission.cells[1].source = "def field(x):\n    return 3"
        for cell in submission.cells:
            change(cell)
        done, words = mending.mended(submission, release())
        assert [cell.source for cell in done.cells if cell.cell_type == "code"][1] == "hand_in(1, field)"
        assert done.cells[2].metadata.nbgrader.points == 12
        assert any("cells had lost their marks" in said for said in words)


def test_locked_cells_are_the_releases():
    """Points, locks and source are those that were released, and what was changed is said; a lost one comes back."""
    submission = release()
    submission.cells[2].source = "12.0"
    submission.cells[2].metadata.nbgrader.update(points=1000, locked=False)
    del submission.cells[4]
    done, words = mending.mended(submission, release())
    assert done.cells[2].source == "hand_in(1, field)"
    assert done.cells[2].metadata.nbgrader.points == 12
    assert words == ["the locked cell part1 was changed", "cell part2 was missing"]


def test_pasted_images_arrive():
    """An image that came with the file is in the text; one that did not is said to be missing, and breaks no page."""
    submission = release()
    submission.cells[4].source = "Look: ![mine](attachment:a.png) and ![lost](attachment:b.png)"
    submission.cells[4].attachments = IMAGE
    done, _ = mending.mended(submission, release())
    assert done.cells[4].attachments == IMAGE
    answers, _ = mending.written(done, release())
    assert answers["part2"] == (
        "Look: ![mine](data:image/png;base64,iVBORw0KGgo=) and [the image b.png did not come with the file]"
    )
