"""The model answer of a variant: executed, with all of its points, and never beside what students get."""

import json
import subprocess
import sys

import pytest

from tests.homework.bank import FULL, printed, text
from tests.homework.conftest import HOMEWORK, command, need_nbgrader

need_nbgrader()
pytestmark = pytest.mark.slow(seconds=40)


def refused(*arguments):
    """What grading.py says when it does not do it."""
    line = [sys.executable, str(HOMEWORK / "grading.py"), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    return done.stderr


def test_a_model_answer_is_run_and_has_all_of_its_points(tmp_path):
    """For the variant that was asked, with the judge's word on every part, and no mark of nbgrader's. A folder with it
    takes no release.
    """
    command("solution", "hw1", "--variant", 23, "--to", tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.name == "hw1-variant23-solution.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    said = printed(cells)
    for points in FULL.values():
        assert f"{points} of {points} points." in said
    sources = "\n".join(map(text, cells))
    assert "VARIANT = 23" in sources
    assert "SOLUTION" not in sources
    assert "For instructors" in text(cells[0])
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    assert "lies where students are to look" in refused("release", "hw1", "--variant", 23, "--to", tmp_path)


def test_no_solution_lies_beside_a_release(tmp_path):
    """A folder that students get takes none."""
    (tmp_path / "handin.py").touch()
    assert "holds a release, which students get" in refused("solution", "hw1", "--variant", 23, "--to", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["handin.py"]
