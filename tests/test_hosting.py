"""What hosts read: workflows, the image, the codespace. They run elsewhere; what of them can be checked here is."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
IMAGE = (ROOT / "docs" / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def jobs(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_ends(path):
    """Rights are given to single jobs, each with a limit of time; what it installs and runs is in the repository."""
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert whole["permissions"] == {"contents": "read"}
    for name, job in whole["jobs"].items():
        assert job.get("timeout-minutes", 6) < 360 or name == "deploy"
        commands = "\n".join(step.get("run", "") for step in job["steps"])
        for extra in re.findall(r"\.\[(\w+)\]", commands):
            assert extra in EXTRAS
        for file in re.findall(r"(?:python|bash) ([\w./]+\.\w+|\.ci/run)", commands):
            assert (ROOT / file).exists(), file
        for module in re.findall(r"python -m (tests[\w.]+)", commands):
            assert (ROOT / module.replace(".", "/")).is_dir() or (ROOT / (module.replace(".", "/") + ".py")).exists()
        for needed in [job["needs"]] if "needs" in job else []:
            assert needed in whole["jobs"]


def test_every_python_that_is_promised_is_tested():
    """CI's oldest is pyproject.toml's; the website is built with one of CI's."""
    (matrix,) = (job["strategy"]["matrix"]["python"] for job in jobs(ROOT / ".github/workflows/ci.yml").values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={matrix[0]}"
    docs = (ROOT / ".github/workflows/docs.yml").read_text(encoding="utf-8")
    assert re.search(r'python-version: "([\d.]+)"', docs)[1] in matrix


def test_the_image_copies_and_installs_what_is_there():
    """The Dockerfile's instructions are known, its files exist, and its command opens the lesson that it copies."""
    lines = re.sub(r"\\\n", " ", IMAGE)
    words = [line.split(maxsplit=1) for line in lines.splitlines() if line.strip() and not line.startswith("#")]
    assert {word for word, _ in words} <= {"FROM", "RUN", "COPY", "ARG", "ENV", "USER", "WORKDIR", "EXPOSE", "CMD"}
    (extra,) = re.findall(r"/opt/nodekit\[(\w+)\]", IMAGE)
    assert extra in EXTRAS
    assert (ROOT / re.search(r"-c /opt/nodekit/(\S+)", IMAGE)[1]).exists()
    shell = json.loads(next(rest for word, rest in words if word == "CMD"))
    assert shell[:2] == ["sh", "-c"]
    assert shlex.split(shell[2].split("&&")[0]) == ["nodekit-course", "course"]
    (notebook,) = re.findall(r"course/(\S+\.ipynb)", shell[2])
    assert (ROOT / "lessons" / notebook).exists()


def test_the_image_holds_no_answers():
    """What is the instructor's is left out of what COPY sees, as it is of the wheel."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {"lessons/homework", "lessons/INSTRUCTORS.md", "tests"} <= set(ignored)
    assert ".ci" not in ignored


def test_the_codespace_builds_the_image():
    """devcontainer.json names the Dockerfile, from its own folder, and opens a lesson that is there."""
    folder = ROOT / ".devcontainer"
    described = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    assert (folder / described["build"]["dockerfile"]).read_text(encoding="utf-8") == IMAGE
    assert (folder / described["build"]["context"]).resolve() == ROOT
    for file in described["customizations"]["codespaces"]["openFiles"]:
        assert (ROOT / file).exists()


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.stem)
def test_an_issue_form_asks_for_what_is_needed(path):
    """Each form has a name and a description, and at least one field that must be filled in."""
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem != "config":
        assert {"name", "description", "body"} <= set(form)
        assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_the_hub_configuration_adds_to_what_is_there():
    """It keeps a hub's own environment, roles and services, and works where there are none."""
    traitlets = pytest.importorskip("traitlets.config")
    code = (ROOT / "docs" / "deploy" / "jupyterhub_config.py").read_text(encoding="utf-8")
    for before in ({}, {"environment": {"HTTP_PROXY": "p"}}):
        c = traitlets.Config({"Spawner": dict(before)})
        exec(compile(code, "jupyterhub_config.py", "exec"), {"get_config": lambda c=c: c})
        environment = c.Spawner.environment
        found = dict(environment) if before else environment.get_value({})
        assert found == {**before.get("environment", {}), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        assert c.JupyterHub.services.get_value([])[0]["name"] == "idle-culler"
