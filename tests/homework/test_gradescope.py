"""Gradescope's autograder: the zip has what Gradescope wants, and what it runs gives the points that `grade` gives."""

import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from tests.homework.bank import FULL, brief, filled, reference
from tests.homework.conftest import HOMEWORK, Homework, load, need_nbgrader

gradescope, grading, batch = (load(HOMEWORK / f"{name}.py") for name in ("gradescope", "grading", "batch"))
PARTS = batch.points_of("hw1")
RIGHT = {part: None if by_hand else most for part, (most, by_hand) in PARTS.items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Gradescope's tree: the zip unpacked into source, and nothing handed in yet."""
    root = tmp_path_factory.mktemp("autograder")
    grading.main(["gradescope", "hw1", "--variant", "7", "--to", str(root / "hw1.zip"), "--visibility", "visible"])
    with zipfile.ZipFile(root / "hw1.zip") as file:
        file.extractall(root / "source")
        for info in file.infolist():  # as unzip does it
            if info.external_attr >> 16:
                (root / "source" / info.filename).chmod(info.external_attr >> 16 & 0o777)
    (root / "submission").mkdir()
    return root


def start(root, python=sys.executable):
    """What Gradescope does with a submission; returns (exit status, results or None)."""
    (root / "results" / "results.json").unlink(missing_ok=True)
    where = {"AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": str(python)}
    done = subprocess.run([root / "source" / "run_autograder"], env=os.environ | where, cwd=root, timeout=900)
    made = root / "results" / "results.json"
    return done.returncode, json.loads(made.read_text(encoding="utf-8")) if made.exists() else None


def test_the_zip_holds_what_gradescope_and_pip_want(root):
    """The two scripts at its root, which can be run and are Bash; what pip needs; no other homework's answers."""
    for name in ("setup.sh", "run_autograder"):
        assert os.access(root / "source" / name, os.X_OK)
        subprocess.run(["bash", "-n", root / "source" / name], check=True)
    setup = (root / "source" / "setup.sh").read_text(encoding="utf-8")
    (extra,) = re.findall(r"\./source\[(\w+)\]", setup)
    project = (root / "source" / "pyproject.toml").read_text(encoding="utf-8")
    assert f"\n{extra} = [" in project
    for file in re.findall(r'(?:readme = |license-files = \[)"(.*?)"', project):
        assert (root / "source" / file).exists()
    assert [path.parent.name for path in root.rglob("answers.py")] == ["hw1"]
    assert not list(root.rglob("__pycache__"))


@pytest.mark.slow(seconds=40)
def test_a_submission_is_graded_where_gradescope_lays_it(root):
    """Three right parts have their points, the others a reason; where two different ones are there students read so."""
    need_nbgrader()
    notebook = json.loads((HOMEWORK / "hw1" / "hw1.ipynb").read_text(encoding="utf-8"))
    lacks = {"period": "period = None", "setting": "setting = ...", "explore": "pass"}
    notebook = filled(notebook, reference(Homework("hw1").source) | lacks)
    (root / "submission" / "hw1.ipynb").write_text(json.dumps(brief(notebook)), encoding="utf-8")
    status, made = start(root)
    assert status == 0
    tests = {test["name"]: test for test in made["tests"]}
    assert {part: tests[part]["score"] for part in FULL} == FULL | {"part4": 0, "part5": 0}
    assert {part: tests[part]["max_score"] for part in FULL} == FULL
    assert made["score"] == FULL["part1"] + FULL["part2"] + FULL["part3"]
    assert tests["part1"]["output"] == "all points"
    assert tests["part4"]["output"].startswith("period: ")
    assert "score" not in tests["part6"]
    assert made["visibility"] == "visible"
    assert os.listdir(root / "results") == ["results.json"]
    (root / "submission" / "hw1 (1).ipynb").write_text("{}", encoding="utf-8")
    status, made = start(root)
    assert (status, made["score"]) == (0, 0)
    assert "2 different notebooks were submitted" in made["tests"][0]["output"]
    assert made["tests"][0]["visibility"] == "visible"


def test_a_grader_that_fails_gives_nobody_zero(root, monkeypatch):
    """Without results Gradescope says that the autograder failed, and the student can hand in again."""
    (root / "submission" / "hw1.ipynb").write_text("{}", encoding="utf-8")
    (root / "submission" / "hw1 (1).ipynb").unlink(missing_ok=True)
    stopped = {"points": {}, "notes": [f"{batch.STOPPED} (no memory)"], "written": ""}
    monkeypatch.setattr(batch, "grade_one", lambda job, context: stopped)
    (root / "results").mkdir(exist_ok=True)
    (root / "results" / "results.json").unlink(missing_ok=True)
    with pytest.raises(SystemExit, match=r"the grader stopped .no memory."):
        gradescope.run(root)
    assert not (root / "results" / "results.json").exists()


def test_what_students_see(root):
    """What went wrong is with its part, what is the instructor's is hidden, and points come when it was said."""
    notes = ["part2: rest: 3 of 6 are right", "to be read by a human: 'eval' (reaches for it)", "cell 3 was stopped"]
    outcome = {"points": RIGHT | {"part2": 9.5}, "notes": notes}
    made = gradescope.results(outcome, PARTS, 3.2, "after_published")
    tests = {test["name"]: test for test in made["tests"]}
    assert made["score"] == 81.5
    assert made["visibility"] == "after_published"
    assert (tests["part2"]["score"], tests["part2"]["output"]) == (9.5, "rest: 3 of 6 are right")
    assert tests["part1"]["output"] == "all points"
    assert tests["The notebook"]["output"] == "cell 3 was stopped"
    assert "out of 10" in tests["part6"]["output"]
    hidden = [test for test in made["tests"] if test.get("visibility") == "hidden"]
    assert [test["output"] for test in hidden] == [notes[1]]


def test_two_zips_have_two_secrets_and_one_file_is_kept(root):
    """The hidden numbers of one class are not those of the next; a zip that is there is left."""
    say = ["gradescope", "hw1", "--variant", "7", "--to", str(root / "other.zip")]
    grading.main(say)
    with zipfile.ZipFile(root / "other.zip") as file:
        other = json.loads(file.read("homework.json"))
    own = json.loads((root / "source" / "homework.json").read_text(encoding="utf-8"))
    assert other["secret"] != own["secret"]
    assert other["visibility"] == "after_published"
    with pytest.raises(SystemExit, match="is there already"):
        grading.main(say)
