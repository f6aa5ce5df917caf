"""The types that nodekit declares: they agree with its code, and tell right uses from wrong ones."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytest.importorskip("mypy")
pytest.importorskip("torch")


def mypy(*paths):
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, paths)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    return result.stdout + result.stderr


@pytest.mark.slow(seconds=60)
def test_nodekit_and_its_uses():
    """mypy finds nothing in nodekit, passes the right uses, and refuses each wrong one: no ignore is left over."""
    assert mypy("nodekit", "tests/typed_uses.py") == ""


@pytest.mark.slow(seconds=30)
def test_the_public_modules_are_fully_typed(tmp_path):
    """A function without types in a public module is an error; elsewhere it is not."""
    for module in ("events", "arrays"):
        path = tmp_path / "nodekit" / f"{module}.py"
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text("def f(x):\n    return x\n", encoding="utf-8")
    found = mypy("--cache-dir", tmp_path / "cache", tmp_path / "nodekit")
    assert "events.py:1: error: Function is missing a type annotation" in found
    assert "arrays.py" not in found


def test_hints_are_for_checkers_alone():
    """A program that solves, with every public module imported, has not imported nodekit.hints."""
    code = (
        "import sys, numpy, nodekit, nodekit.problems, nodekit.analysis.stiffness, nodekit.models;"
        "nodekit.solve(lambda t, y: -y, numpy.ones(2), (0, 1)); print('nodekit.hints' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "False", result.stderr
