"""What every assignment releases: a notebook without solutions, with its modules, in the form that nbgrader wants."""

import json
import re

import nbformat
import pytest
from nbclient import NotebookClient

from tests.homework.bank import printed, text
from tests.homework.conftest import HOMEWORK, Homework, load, release

pytestmark = pytest.mark.slow(seconds=30)

NAMES = load(HOMEWORK / "grading.py").assignments()
VARIANT = 23


@pytest.fixture(scope="module", params=NAMES)
def homework(request):
    return Homework(request.param)


@pytest.fixture(scope="module")
def folder(homework, tmp_path_factory):
    return release(homework.name, tmp_path_factory.mktemp("release"), {"somebody": VARIANT}) / "somebody"


@pytest.fixture
def notebook(homework, folder):
    return json.loads((folder / f"{homework.name}.ipynb").read_text(encoding="utf-8"))


def solves(cell):
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def lines(source):
    return {line.strip() for line in source.splitlines() if line.strip()}


def test_a_release_from_a_safe_path(tmp_path, monkeypatch):
    """Where Python adds no script's folder to the path by itself, the commands find their modules all the same."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    assert (release("hw1", tmp_path, {"somebody": VARIANT}) / "somebody" / "hw1.ipynb").exists()


def test_the_source_is_what_nbgrader_wants(homework):
    """100 points; parts are locked code that hands in, but for the last, a text of 10; it fits nbformat; it was run."""
    nbformat.validate(nbformat.reads(json.dumps(homework.source), as_version=4))
    marks = {grade_id: cell["metadata"]["nbgrader"] for grade_id, cell in homework.cells().items()}
    points = {grade_id: m["points"] for grade_id, m in marks.items() if m["grade"]}
    assert sum(points.values()) == 100
    *parts, written = points
    assert [*parts, written] == [f"part{k}" for k in range(1, len(points) + 1)]
    assert (homework.cells()[written]["cell_type"], points[written]) == ("markdown", 10)
    for part in parts:
        assert text(homework.cells()[part]).startswith(f"{homework.name}.hand_in({part[4:]}, VARIANT, ")
    assert all(m["locked"] == (m["grade"] and not m["solution"]) for m in marks.values())
    counts = [cell["execution_count"] for cell in homework.source["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_a_release_holds_no_solution(homework, folder, notebook):
    """Notebook, modules and data; no line of a solution, no mark of nbgrader's, nothing of the instructor's."""
    modules = {path.name for path in homework.folder.glob(f"{homework.name}*.py")}
    data = set(homework.answers.files(VARIANT))
    assert {path.name for path in folder.iterdir()} == {f"{homework.name}.ipynb", "handin.py"} | modules | data
    everything = "\n".join(text(cell) for cell in notebook["cells"])
    assert f"VARIANT = {VARIANT}\n" in everything + "\n"
    for word in ("SOLUTION", "HIDDEN", "answers.py", "secret"):
        assert word not in everything
    assert "](../" not in everything  # a release lies anywhere
    assert "..." not in everything.split("\n")  # an expression, which would print "Ellipsis"
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    left = set().union(*(lines(text(cell)) for cell in notebook["cells"] if solves(cell)))
    for cell in filter(solves, homework.source["cells"]):
        regions = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", text(cell), re.S)
        own = set().union(*map(lines, regions or [text(cell)]))
        assert own, cell["id"]
        assert not own & left, cell["id"]


def test_its_stubs_say_not_attempted(homework, notebook, capsys):
    """Each function of a release that has a self-check is a stub: the check says so. It has hints, and no solution."""
    space = {}
    for cell in filter(solves, notebook["cells"]):
        if cell["cell_type"] == "code":
            exec(text(cell), space)
    checked = [name for name in space if hasattr(getattr(homework.checks, name, None), "check")]
    assert len(checked) >= 4
    for name in checked:
        assert not getattr(homework.checks, name).check(space[name]).attempted
        assert "Not attempted yet" in capsys.readouterr().out
        for _ in range(4):
            getattr(homework.checks, name).hint()
        *hints, end = capsys.readouterr().out.splitlines()
        assert len(hints) >= 3
        assert "solution" not in end


def test_an_untouched_release_runs(homework, folder):
    """Run all goes through: every self-check says that nothing was attempted, and so does every hand-in."""
    notebook = nbformat.read(folder / f"{homework.name}.ipynb", as_version=4)
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    said = printed(notebook.cells)
    assert "Not attempted yet" in said
    assert "✓" not in said
    for part in range(1, 6):
        assert f"handed in: part {part}" in said
    assert said.count("not attempted") >= 5


def test_data_beside_the_source_are_the_release_of_its_variant(homework):
    """A data file in the assignment's folder is what a release of the source notebook's variant, 1, holds."""
    for name, new in homework.answers.files(1).items():
        kept = (homework.folder / name).read_text(encoding="utf-8")
        new, kept = (re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", data) for data in (new, kept))
        assert len(new) == len(kept) > 10
        assert all(abs(float(a) - float(b)) <= 0.02 + 1e-3 * abs(float(b)) for a, b in zip(new, kept, strict=True))
