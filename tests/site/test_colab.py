"""The lessons' copies for Colab: one cell more, links that lead on, and nothing else changed."""

import re

import nbformat
import pytest
from pages import colab

PATHS = sorted(colab.LESSONS.glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name[:2])
def test_a_copy_is_the_lesson_with_a_first_cell(path):
    """The cell stands behind the title and installs what is asked for; no link leads to a file that is not there."""
    lesson, copied = nbformat.read(path, as_version=4), colab.copy(path, "owner/name", "nodekit-course[torch]")
    nbformat.validate(copied)
    assert '%pip install --quiet "nodekit-course[torch]"' in copied.cells.pop(1).source
    assert len(copied.cells) == len(lesson.cells)
    for mine, its in zip(copied.cells, lesson.cells, strict=True):
        if its.cell_type == "markdown":
            assert not re.search(r"\]\(\d\d_", mine.source)
            back = mine.source.replace("https://colab.research.google.com/github/owner/name/blob/colab/", "")
            assert back == its.source
        else:
            assert mine == its


def test_the_copies_of_all_lessons_are_written(tmp_path):
    """Each installs the commit that it was made of."""
    colab.write(tmp_path, "owner/name", "abc123")
    assert [path.name for path in sorted(tmp_path.iterdir())] == [path.name for path in PATHS]
    for path in tmp_path.iterdir():
        assert "https://github.com/owner/name/archive/abc123.zip" in path.read_text(encoding="utf-8")
