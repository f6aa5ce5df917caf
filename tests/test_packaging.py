"""What is declared agrees with itself: pyproject.toml, environment.yml, versions, the README's commands, the wheel."""

import importlib
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import nodekit
from nodekit import course, methods
from nodekit.methods import explicit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def bounds(requirement):
    """('numpy', {'>=2.0', '<3'})"""
    r = Requirement(requirement)
    return r.name, {str(s) for s in r.specifier}


def test_environment_yml_agrees_with_pyproject():
    """conda's file names the core, [torch] and [lab], with the same bounds, and nothing else."""
    wanted = {name: b for name, b in map(bounds, [*PROJECT["dependencies"], *EXTRAS["torch"], *EXTRAS["lab"]])}
    wanted.pop("nodekit-course")
    wanted = {CONDA_NAMES.get(name, name): b for name, b in wanted.items()}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *plain = [d for d in environment["dependencies"] if isinstance(d, str) and d != "pip"]
    assert dict(map(bounds, plain)) == wanted
    number = re.fullmatch(r"python=(3\.\d+)", python)[1]  # the form that repo2docker, which is Binder's, can read
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(number)
    assert environment["dependencies"][-1] == {"pip": ["--editable ."]}


def test_core_needs_only_four_packages():
    """numpy, autograd, matplotlib and ipywidgets; every range has both bounds."""
    assert {bounds(d)[0] for d in PROJECT["dependencies"]} == {"numpy", "autograd", "matplotlib", "ipywidgets"}
    for requirement in [*PROJECT["dependencies"], *(d for extra in EXTRAS.values() for d in extra)]:
        name, b = bounds(requirement)
        assert name == "nodekit-course" or (len(b) == 2 and any(x[0] == ">" for x in b)), requirement


def test_top_level_holds_what_it_should():
    """lessons, nodekit, tests, docs and the few files beside them: nothing else is visible."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    visible = {line.split("/")[0] for line in tracked.stdout.split("\n") if line and not line.startswith(".")}
    assert visible == {
        "lessons", "nodekit", "tests", "docs", "environment.yml", "pyproject.toml",
        "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE",
    }  # fmt: skip


def test_one_version():
    """pyproject.toml, nodekit.__version__, CITATION.cff and the first entry of CHANGELOG.md name the same version."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.*?)\]", changelog, re.M)
    assert PROJECT["version"] == nodekit.__version__ == CITATION["version"] == versions[0]


def test_citation():
    """CITATION.cff has what the Citation File Format 1.2.0 asks for; the package's name; its authors, licence."""
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["message"]
    assert CITATION["title"] == nodekit.__name__
    assert CITATION["authors"] == PROJECT["authors"]
    assert CITATION["license"] == PROJECT["license"]


def test_readme_leads_with_two_commands():
    """The first two code blocks of the README open the course and run the tests, from a fresh clone."""
    first, second = re.findall(r"```bash\n(.*?)```", README, flags=re.S)[:2]
    for command, last in ((first, "jupyter lab lessons/00_start_here.ipynb"), (second, "pytest")):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -e ")
        assert last in command


def test_readme_names_every_method():
    """Each method stands in the README's list, once."""
    (listed,) = re.findall(r"^What it holds so far.*?\n\n(.*?)^- gradients", README, re.M | re.S)
    names = re.findall(r"`(\w+)`", listed)
    assert sorted(names) == sorted(methods.METHODS)


def test_readme_names_every_model():
    """Each name in nodekit.models stands in the README."""
    pytest.importorskip("torch")
    models = importlib.import_module("nodekit.models")
    assert [name for name in models.__all__ if f"`{name}`" not in README] == []


def test_lesson_03_has_seen_every_explicit_method():
    """It lists those whose order conditions it has checked: a new method wants lesson 03 executed anew."""
    cells = json.loads((ROOT / "lessons" / "03_solvers.ipynb").read_text(encoding="utf-8"))["cells"]
    printed = "".join("".join(out.get("text", "")) for cell in cells for out in cell.get("outputs", ()))
    assert f"hold for all {len(explicit.METHODS)}: {', '.join(explicit.METHODS)}\n" in printed


DECISIONS = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
# Not docs/index.md, which links to pages that the site makes: sphinx checks it.
DOCS = ["docs/architecture.md", "docs/hub.md", *DECISIONS]
PAGES = [*DOCS, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "lessons/INSTRUCTORS.md", "lessons/homework/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_exist(page):
    """Every relative link of a page leads to a file, or to a heading of its own; every picture has alt text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)", text, re.M)
    anchors = {"#" + re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for bang, words, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", text):
        there = target in anchors if target[0] == "#" else (ROOT / page).parent.joinpath(target.split("#")[0]).exists()
        assert target.startswith("http") or there, target
        assert words.strip() or not bang


def run(*command, cwd=None):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def example():
    """The Python in the README: ten lines or so."""
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    assert len(code.strip().split("\n")) <= 12
    return code


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """nodekit's wheel, built from this checkout."""
    pytest.importorskip("pip", reason="builds the wheel with pip, which uv's environments do not have")
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(folder), str(ROOT))
    (path,) = folder.glob("*.whl")
    return path


def test_readme_homework_example_runs(example, tmp_path):
    """The README's example runs as it stands."""
    run(sys.executable, "-W", "error", "-c", example, cwd=tmp_path)


@pytest.mark.slow(seconds=30)
def test_wheel_works_without_the_course(wheel, example, tmp_path):
    """Installed into a new environment, where the checkout is not, the wheel runs the README's example."""
    venv.create(tmp_path / "new", with_pip=False)
    python = tmp_path / "new" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "-q", str(wheel))
    # What nodekit needs comes from this environment. Its .pth files are not read there, so the checkout is not on the
    # path of the new one, though it be installed here as editable.
    (site,) = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").split()
    needs = "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    Path(site, "needs.pth").write_text(needs, encoding="utf-8")
    where = "\nprint(nodekit.__file__)"
    found = run(python, "-W", "error", "-c", example + where, cwd=tmp_path).split("\n")[-2]
    assert Path(found).is_relative_to(site)
    command = python.with_name("nodekit-course.exe" if sys.platform == "win32" else "nodekit-course")
    assert "files copied to course" in run(command, "course", cwd=tmp_path)
    execute = (
        "import nbclient, nbformat; lesson = nbformat.read('00_start_here.ipynb', as_version=4)\n"
        "nbclient.NotebookClient(lesson, timeout=120).execute()\n"
        "print(*[out.get('text', '') for cell in lesson.cells for out in cell.get('outputs', [])])"
    )
    said = run(python, "-c", execute, cwd=tmp_path / "course")
    assert "PyTorch: yes" in said


@pytest.mark.slow(seconds=30)
def test_an_editable_install_finds_the_exercises(tmp_path):
    """`from exercises import ex06` works from the repository's root too: its install puts lessons/ on the path."""
    pytest.importorskip("pip", reason="installs with pip, which uv's environments do not have")
    run(sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", str(tmp_path), "-e", str(ROOT))
    (paths,) = (path.read_text(encoding="utf-8").split() for path in tmp_path.glob("*.pth"))
    assert [Path(path) for path in paths] == [ROOT, ROOT / "lessons"]


@pytest.mark.slow(seconds=20)
def test_wheel_holds_the_package_and_a_student_s_course(wheel):
    """nodekit, and of the lessons what `nodekit-course` copies from a clone: no homework, so no answer of it, no
    grading code; nothing of the tests; nothing of the instructors."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"nodekit/solve.py", "nodekit/py.typed", "nodekit/API.md"} <= names
    assert {n.split("/")[0] for n in names} == {"nodekit", f"nodekit_course-{PROJECT['version']}.dist-info"}
    lessons = {n.removeprefix("nodekit/_lessons/") for n in names if n.startswith("nodekit/_lessons/")}
    assert lessons == {path.as_posix() for path in course.files(ROOT / "lessons")}
    assert not [n for n in names if re.search("answers|grading|judging|marking|homework|INSTRUCTORS", n)]


@pytest.mark.slow(seconds=20)
def test_sdist_holds_what_its_tests_need(tmp_path):
    """Every file that git tracks: the tests look at lessons, homework, docs and the commands of CI too."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path), cwd=ROOT)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    there = {name for name in tracked.stdout.split("\n") if name and (ROOT / name).exists()}
    assert there <= names


def test_every_decision_is_listed():
    """docs/decisions/README.md numbers the pages as their files do, by their titles; each page has its four parts."""
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    lines = []
    for i, path in enumerate(sorted(folder.glob("[0-9]*.md")), 1):
        title, *parts = re.findall(r"^#+ (.*)", path.read_text(encoding="utf-8"), re.M)
        assert parts == ["Context", "Decision", "What it costs", "When to think again"], path.name
        lines.append(f"{i}. [{title.removeprefix(f'{i}. ')}]({path.name})")
        assert path.name.startswith(f"{i:02d}-")
    assert re.findall(r"^\d+\. .*", index, re.M) == lines


def test_every_model_has_its_tests():
    """nodekit/models/FOLDER/NAME.py is tested by tests/models/FOLDER/test_NAME.py."""
    models, tests = ROOT / "nodekit" / "models", ROOT / "tests" / "models"
    files = {str(path.relative_to(models)) for path in models.rglob("[!_]*.py")}
    assert files == {str(path.relative_to(tests)).replace("test_", "") for path in tests.rglob("test_*.py")}
