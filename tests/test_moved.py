"""Modules that have moved: an old name imports the new module, warns once in words, and costs nothing else."""

import importlib
import subprocess
import sys

import pytest

import nodekit
from nodekit.moved import MOVED, Moved

pytestmark = pytest.mark.slow(seconds=30)


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_is_the_new_module(old):
    """In a fresh process, as a user's script has it: one module, under both names, after one DeprecationWarning."""
    code = f"""
import importlib, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import nodekit
    first, again = importlib.import_module({old!r}), importlib.import_module({old!r})
    new = importlib.import_module({MOVED[old]!r})
assert first is again is new and new.__spec__.name == {MOVED[old]!r}
assert getattr(nodekit, {old!r}.split(".")[1], new) is not None
print(*[str(w.message) for w in caught if issubclass(w.category, DeprecationWarning) and "nodekit" in str(w.message)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{old} is now {MOVED[old]}; the old name goes with the next release."


def test_the_warning_points_at_the_importing_line(tmp_path):
    """The file and line of the import are those of the user's script, which is what has to change."""
    script = tmp_path / "script.py"
    script.write_text("import nodekit\n\nfrom nodekit.tableaus import METHODS\n")
    done = subprocess.run([sys.executable, "-W", "always", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"{script}:3: DeprecationWarning: nodekit.tableaus is now" in done.stderr


def test_from_nodekit_import_takes_an_old_name():
    sys.modules.pop("nodekit.stability", None)
    vars(nodekit).pop("stability", None)
    with pytest.warns(DeprecationWarning, match=r"nodekit\.stability is now nodekit\.analysis\.stability"):
        from nodekit import stability
    assert stability is importlib.import_module("nodekit.analysis.stability")
    del sys.modules["nodekit.stability"], nodekit.stability


def test_it_is_installed_once_and_finds_nothing_else():
    assert sum(isinstance(finder, Moved) for finder in sys.meta_path) == 1
    assert Moved().find_spec("nodekit.solve") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nodekit.never")
