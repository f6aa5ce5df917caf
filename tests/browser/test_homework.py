"""A student's way through a homework: its release opened in JupyterLab, run, filled in, saved, and graded."""

import shutil

import pytest

from tests.homework.bank import reference
from tests.homework.conftest import Homework, automatic, grade, release
from tests.homework.test_release import NAMES

VARIANT = 23
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
FILL = """sources => {
    for (const cell of window.panel.content.model.cells) {
        const source = sources[(cell.getMetadata('nbgrader') || {}).grade_id];
        if (source !== undefined) cell.sharedModel.setSource(source);
    }
}"""


def printed(cells):
    """What the cells show as text."""
    outputs = [output for cell in cells for output in cell["outputs"]]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join(text if isinstance(text, str) else "".join(text) for text in texts)


@pytest.fixture(params=NAMES)
def opened(request, lab, tmp_path):
    """(assignment, its release open in JupyterLab, the file)."""
    folder = lab.work / request.node.name
    shutil.copytree(release(request.param, tmp_path, {"somebody": VARIANT}) / "somebody", folder)
    with lab.open(f"{folder.name}/{request.param}.ipynb") as notebook:
        yield Homework(request.param), notebook, folder / f"{request.param}.ipynb"
    shutil.rmtree(folder)


def test_an_untouched_release_runs(opened):
    """Run all goes through: every self-check says that nothing was attempted, and so does every hand-in."""
    _, notebook, _ = opened
    text = printed(notebook.run_all())
    assert "Not attempted yet" in text
    assert "✓" not in text
    for part in range(1, 6):
        assert f"handed in: part {part}" in text
    assert text.count("not attempted") >= 5


@pytest.mark.parametrize("opened", ["hw1"], indirect=True)
def test_a_student_s_whole_way(opened, tmp_path):
    """Filled in, every self-check says right; what JupyterLab saved has all automatic points."""
    homework, notebook, file = opened
    notebook.js(FILL, reference(homework.source))
    text = printed(notebook.run_all())
    assert "✗" not in text
    assert "Not attempted yet" not in text
    assert text.count("✓") >= 6
    notebook.js(SAVE)
    rows, _ = grade(homework.name, tmp_path, {"somebody": file.read_text(encoding="utf-8")}, VARIANT, 60)
    cells = homework.cells().items()
    points = {k: cell["metadata"]["nbgrader"].get("points") for k, cell in cells if cell["cell_type"] == "code"}
    assert automatic(rows["somebody"]) == {k: value for k, value in points.items() if value}, rows["somebody"]["note"]
    assert "part6 is to be marked by hand" in rows["somebody"]["note"]
