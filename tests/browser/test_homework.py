"""A student's way through a homework: its release opened in JupyterLab, filled in, run, saved, and graded.

tests/homework/test_release.py runs every release as it is, in a kernel.
"""

import shutil

import pytest

from tests.homework.bank import printed, reference
from tests.homework.conftest import Homework, automatic, grade, release

NAME, VARIANT = "hw1", 23

pytestmark = pytest.mark.slow(seconds=60)
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
FILL = """sources => {
    for (const cell of window.panel.content.model.cells) {
        const source = sources[(cell.getMetadata('nbgrader') || {}).grade_id];
        if (source !== undefined) cell.sharedModel.setSource(source);
    }
}"""


def test_a_student_s_whole_way(lab, tmp_path):
    """Filled in, every self-check says right; what JupyterLab saved has all automatic points."""
    homework, folder = Homework(NAME), lab.work / NAME
    shutil.copytree(release(NAME, tmp_path, {"somebody": VARIANT}) / "somebody", folder)
    with lab.open(f"{NAME}/{NAME}.ipynb") as notebook:
        notebook.js(FILL, reference(homework.source))
        text = printed(notebook.run_all())
        assert "✗" not in text
        assert "Not attempted yet" not in text
        assert text.count("✓") >= 6
        notebook.js(SAVE)
    saved = (folder / f"{NAME}.ipynb").read_text(encoding="utf-8")
    rows, _ = grade(NAME, tmp_path, {"somebody": saved}, VARIANT, 60)
    cells = homework.cells().items()
    points = {k: cell["metadata"]["nbgrader"].get("points") for k, cell in cells if cell["cell_type"] == "code"}
    assert automatic(rows["somebody"]) == {k: value for k, value in points.items() if value}, rows["somebody"]["note"]
    assert "part6 is to be marked by hand" in rows["somebody"]["note"]
