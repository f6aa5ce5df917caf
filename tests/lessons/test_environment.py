"""The environment check says what is there, what is wanted, and what to type; it never fails itself."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from exercises import environment
from IPython.core.interactiveshell import InteractiveShell

ROOT = Path(__file__).parents[2]
GOOD = {
    "numpy": "2.3.1",
    "autograd": "1.8",
    "matplotlib": "3.11.2",
    "ipywidgets": "8.1.5",
    "jupyterlab": "4.4.0",
    "jupyterlab_widgets": "3.0.13",
    "scikit-learn": "1.7.2",
    "tqdm": "4.67.1",
    "torch": "2.10.0+cpu",
}


@pytest.fixture
def table(monkeypatch, capsys):
    """What check() prints when just these versions are installed."""

    def run(gpu=False, in_notebook=True, **changed):
        versions = {name: version for name, version in (GOOD | changed).items() if version is not None}

        def version(name):
            if name not in versions:
                raise importlib.metadata.PackageNotFoundError(name)
            return versions[name]

        torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: gpu))
        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setattr(environment, "_in_notebook", lambda: in_notebook)
        environment.check()
        return capsys.readouterr().out

    return run


def rows(text):
    """name -> the other cells of its row."""
    lines = text.split("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: re.split(r"  +", line)[1:] for line in lines}


def test_all_is_well(table):
    """Every row ends with ok, and there is nothing to type."""
    text = table()
    assert [row[-1] for row in rows(text).values()] == ["ok"] * 9
    assert "install" not in text.partition("\n\n")[2]
    assert "Sliders: yes" in text


def test_the_ranges_are_those_of_pyproject(table):
    """The wanted versions are written once: each row shows what pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    expected = {"Python": project["requires-python"]}
    for requirement in [*project["dependencies"], *extras["torch"], *extras["lab"]]:
        name, versions = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
        expected[name] = versions
    shown = {name: row[1] for name, row in rows(table()).items()}
    assert shown == {name: expected[name] for name in shown}
    assert set(shown) == {"Python", *environment.NEEDED, "torch"}
    assert {"numpy", "autograd", "matplotlib", "ipywidgets", "jupyterlab", "scikit-learn", "tqdm"} == set(
        environment.NEEDED
    )


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        (None, "missing"),
        ("1.26.4", "too old"),
        ("2.0", "ok"),
        ("2.0.0rc1", "ok"),
        ("2.10.0", "ok"),
        ("3.0.0", "too new"),
    ],
)
def test_a_version_out_of_its_range_is_named_and_mended(table, version, verdict):
    """Versions are compared as numbers (2.10 is newer than 2.9), and the line to type is given when needed."""
    text = table(numpy=version)
    assert rows(text)["numpy"] == [version or "-", ">=2.0,<3", verdict]
    assert ('%pip install "numpy>=2.0,<3"' in text) == (verdict != "ok")


@pytest.mark.parametrize("name", environment.NEEDED)
def test_each_needed_package_may_be_missing(table, name):
    """One that is missing leaves the others' rows as they are."""
    text = table(**{name: None})
    assert [row[-1] for row in rows(text).values()].count("ok") == 8
    assert f'%pip install "{name}>' in text


def test_without_torch_the_numpy_lessons_run_and_it_says_how_to_get_it(table):
    text = table(torch=None)
    assert "run without it" in text
    assert '%pip install "torch>=2.6,<3"' in text
    assert "GPU" not in text


@pytest.mark.parametrize(("gpu", "says"), [(True, "GPU: yes"), (False, "no lesson needs one")])
def test_a_gpu_is_told(table, gpu, says):
    assert says in table(gpu=gpu)


def test_a_torch_that_does_not_start_is_told(table, monkeypatch):
    """A broken installation is a line in the report, not a traceback."""

    def broken(name):
        raise OSError("libtorch_cpu.so: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", broken)
    assert "does not start (OSError)" in table()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"ipywidgets": None}, "Sliders: no, they need ipywidgets"),
        ({"ipywidgets": "7.8.1"}, "Sliders: no, they need ipywidgets"),
        ({"jupyterlab_widgets": None}, "%pip install jupyterlab_widgets"),
        ({"jupyterlab": None, "jupyterlab_widgets": None}, "Sliders: yes"),
        ({"in_notebook": False}, "in a notebook; this is none"),
    ],
)
def test_whether_sliders_can_work_is_told(table, changed, says):
    assert says in table(**changed)


def test_an_old_python_is_told(table, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    text = table()
    assert rows(text)["Python"][-1] == "too old"
    assert "install Python >=3.11" in text


def test_nodekit_itself_not_installed(monkeypatch, capsys):
    """A clone that was never installed has no metadata: one line says what to do."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "metadata", missing)
    environment.check()
    assert capsys.readouterr().out == environment.NOT_INSTALLED + "\n"


def test_a_plain_python_is_no_notebook_and_neither_is_ipython_in_a_terminal():
    assert not environment._in_notebook()
    InteractiveShell.instance()
    assert not environment._in_notebook()


def test_it_needs_nothing_but_python():
    """The file itself runs where every package that it asks about is missing."""
    block = "".join(
        f"sys.modules['{name}'] = None; " for name in [*environment.NEEDED, "torch", "packaging", "IPython"]
    )
    code = f"import sys, runpy; {block}runpy.run_path({environment.__file__!r})['check']()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "does not start (ModuleNotFoundError)" in done.stdout or "PyTorch: no" in done.stdout


def test_no_path_and_no_time_is_printed(capsys):
    """The output sits in a committed notebook: it holds nothing of the machine but versions."""
    environment.check()
    first = capsys.readouterr().out
    environment.check()
    assert capsys.readouterr().out == first
    assert "/" not in first
    assert "\\" not in first


def test_it_runs_where_nothing_but_python_is_installed():
    """From the lessons' folder, as the first cell of lesson 00 does: it says what to type."""
    line = "from exercises import environment; environment.check()"
    ran = subprocess.run(  # -S: without the packages that are installed
        [sys.executable, "-S", "-c", line], cwd=ROOT / "lessons", env={}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == environment.NOT_INSTALLED
