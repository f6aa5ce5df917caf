"""Whose file is whose, and a notebook out of a file: what learning systems and editors do to both loses no work."""

import json
import os

import pytest

from nodekit.classroom.watch import Wrong
from tests.homework.conftest import HOMEWORK, load

submitted = load(HOMEWORK / "submitted.py")
CELLS = [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["Text ", "of mine"]}]
CELLS += [{"cell_type": "code", "id": "b", "metadata": {}, "source": "x = 1", "outputs": [], "execution_count": 3}]
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": CELLS}
GOOD = json.dumps(NOTEBOOK).encode()


def put(folder, *names, content=GOOD):
    """Make files with these names in the folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


# ---- names ---------------------------------------------------------------------------------------------

NAMES = [
    ("anna/hw1.ipynb", "anna"),
    ("anna.ipynb", "anna"),
    ("anna/hw1/hw1.ipynb", "anna"),  # nbgrader's own
    ("anna/HW1.ipynb", "anna"),
    ("anna/hw1 (1).ipynb", "anna"),  # a browser's second download
    ("anna (2).ipynb", "anna"),
    ("anna/hw1 - Copy.ipynb", "anna"),
    ("anna/Copy of hw1.ipynb", "anna"),  # Google Drive's
    ("anna/hw1-1.ipynb", "anna"),
    ("anna/my homework.ipynb", "anna"),  # the only one
    ("annalee_12345_67890_hw1-1.ipynb", "annalee"),  # Canvas's, handed in a second time
    ("annalee_LATE_12345_67890_hw1.ipynb", "annalee"),
    ("Anna Lee_4711_assignsubmission_file_/hw1.ipynb", "Anna Lee"),  # Moodle's, in folders
    ("Anna Lee_4711_assignsubmission_file/hw1.ipynb", "Anna Lee"),
    ("Anna Lee_4711_assignsubmission_file_hw1.ipynb", "Anna Lee"),  # and without
]


@pytest.mark.parametrize(("name", "student"), NAMES)
def test_names_of_learning_systems_are_understood(tmp_path, name, student):
    """nbgrader, Canvas, Moodle, a copied file: the student is who handed in, and the notebook is found."""
    put(tmp_path, name)
    found = submitted.submissions("hw1", tmp_path)
    assert list(found) == [student]
    assert submitted.chosen(found[student])[1] == GOOD


def test_what_is_no_submission_is_left_alone(tmp_path):
    """Other files, hidden ones, checkpoints, notebooks beside the right one; the roster's others have a row."""
    put(tmp_path, "readme.txt", ".hidden.ipynb", "__MACOSX/hw1.ipynb", "anna/.ipynb_checkpoints/hw1.ipynb")
    put(tmp_path, "anna/scratch.ipynb", content=b"{}")
    put(tmp_path, "anna/hw1.ipynb", "anna/data.csv")
    found = submitted.submissions("hw1", tmp_path, {"anna": 1, "ben": 2})
    assert {student: [path.name for path in paths] for student, paths in found.items()} == {
        "anna": ["hw1.ipynb"], "ben": [],
    }  # fmt: skip


def test_numbers_tell_students_apart(tmp_path):
    """Two students of one name have their numbers; a number that is in the roster is the student."""
    put(tmp_path, "lee_1_7_hw1.ipynb", "lee_2_8_hw1.ipynb", "kim_3_9_hw1.ipynb")
    assert set(submitted.submissions("hw1", tmp_path)) == {"lee_1", "lee_2", "kim"}
    assert set(submitted.submissions("hw1", tmp_path, {"3": 5, "1": 5})) == {"1", "lee_2", "3"}


@pytest.mark.parametrize("names", [("anna/hw1.ipynb", "anna.ipynb"), ("anna/hw1.ipynb", "anna/hw1 (1).ipynb")])
def test_two_different_files_are_refused_aloud(tmp_path, names):
    """Nobody guesses which one counts: both are named. Two files of the same content are one."""
    put(tmp_path, *names)
    (paths,) = submitted.submissions("hw1", tmp_path).values()
    assert submitted.chosen(paths)[1] == GOOD
    put(tmp_path, names[1], content=b"{}")
    with pytest.raises(Wrong, match=r"2 different notebooks were submitted, .* and .*Leave one"):
        submitted.chosen(paths)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "a\nb", "..."])
def test_no_name_leaves_its_folder(name):
    """A student's name is that of a file in a folder."""
    assert not submitted.is_name(name)
    assert submitted.is_name("Anna-Lee O'Hara (2)")


# ---- files that are none -------------------------------------------------------------------------------


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def nowhere(path):
    path.symlink_to(path.parent / "no such file")


def folder(path):
    path.mkdir()


def huge(path):
    with open(path, "wb") as file:
        file.truncate(2 * 10**9)


@pytest.mark.parametrize(
    ("make", "words"),
    [(pipe, "no ordinary file"), (device, "is a link"), (nowhere, "is a link"), (huge, "2000 MB large"),
     (folder, "no ordinary file")],
)  # fmt: skip
def test_odd_files_have_a_sentence(tmp_path, make, words):
    """A pipe, a link to /dev/zero, 2 GB: refused in words at once, and nothing waits for it."""
    make(tmp_path / "hw1.ipynb")
    with pytest.raises(Wrong, match=words):
        submitted.chosen([tmp_path / "hw1.ipynb"])


# ---- a notebook out of a file --------------------------------------------------------------------------


def changed(**cell):
    """The notebook's bytes with a changed code cell; None takes a key away."""
    new = {key: value for key, value in (CELLS[1] | cell).items() if value is not None}
    return json.dumps(NOTEBOOK | {"cells": [CELLS[0], new]}).encode()


HARMLESS = [
    (b"\xef\xbb\xbf" + GOOD, "byte-order mark"),
    (json.dumps(NOTEBOOK | {"nbformat_minor": 2}).encode(), "have ids"),
    (changed(outputs=None), "outputs or execution counts were missing"),
    (changed(execution_count=None), "outputs or execution counts were missing"),
    (changed(metadata=None), ""),
    (changed(id="a"), ""),  # twice
    (changed(id="no id at all!"), ""),
    (changed(outputs=[{"output_type": "nonsense"}]), ""),
    (json.dumps(NOTEBOOK).encode("utf-16"), ""),
    (json.dumps(NOTEBOOK | {"cells": [*CELLS, 3, {"cell_type": "heading"}]}).encode(), "no cell was left out"),
]


@pytest.mark.parametrize(("data", "words"), HARMLESS, ids=lambda value: str(value)[:30])
def test_harmless_files_are_repaired(data, words):
    """A byte-order mark, an old number, missing keys: the cells are what they were, and the note says what was done."""
    notebook, said = submitted.notebook_of(data)
    assert [cell.source for cell in notebook.cells] == ["Text of mine", "x = 1"]
    assert len({cell.id for cell in notebook.cells}) == 2
    assert words in "".join(said)
    assert bool(said) == bool(words)


@pytest.mark.parametrize("data", [b"", b"{", b"[1, 2]", b"{}", b'{"cells": 3}', b"\xff\xfe\x00", b"[" * 10**5])
def test_what_is_no_notebook_is_said_to_be_none(data):
    """Empty, cut off, another thing, nested too deep: one sentence."""
    with pytest.raises(Wrong, match="the file is no notebook"):
        submitted.notebook_of(data)


def test_an_old_notebook_is_converted():
    """nbformat 3 has worksheets: its cells are found."""
    cells = [{"cell_type": "code", "language": "python", "metadata": {}, "input": "x = 1", "outputs": []}]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells, "metadata": {}}]}
    assert [cell.source for cell in submitted.notebook_of(json.dumps(old).encode())[0].cells] == ["x = 1"]


def test_pasted_images_stay():
    """An attachment of a cell of text is kept where it is an image, and dropped where it is anything else."""
    image = {"image/png": "iVBORw0KGgo="}
    given = {
        "a.png": image,
        "b.svg": {"image/svg+xml": "<svg onload=alert(1)>"},
        "c.png": {"image/png": '"><script>'},
        "d": 3,
    }
    data = json.dumps(NOTEBOOK | {"cells": [CELLS[0] | {"attachments": given}]}).encode()
    assert submitted.notebook_of(data)[0].cells[0].attachments == {"a.png": image}
