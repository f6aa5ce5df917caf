"""The image to grade in: no Docker runs in the tests, so what can be read of it is checked."""

import re
import shlex

from tests.homework.conftest import HOMEWORK, load

grading = load(HOMEWORK / "grading.py")
ROOT = HOMEWORK.parents[1]
IMAGE = (HOMEWORK / "Dockerfile").read_text(encoding="utf-8")
README = (HOMEWORK / "README.md").read_text(encoding="utf-8")


def test_the_image_is_built_of_what_is_there():
    """The files that its steps name are in the repository, and not left out of what COPY sees; root does not run it."""
    lines = [line.split(maxsplit=1) for line in re.sub(r"\\\n", " ", IMAGE).splitlines() if line and line[0] != "#"]
    left_out = (HOMEWORK / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for file in re.findall(r"/opt/nodekit/([\w./]+\.\w+)", IMAGE):
        assert (ROOT / file).exists()
        assert not any(file.startswith(name) for name in left_out)
    assert f"\n{re.search(r'nodekit.(grading).', IMAGE)[1]} = [" in (ROOT / "pyproject.toml").read_text(
        encoding="utf-8"
    )
    assert ["USER", "65534:65534"] in lines
    assert [word for word, _ in lines].index("RUN") < lines.index(["USER", "65534:65534"])


def test_the_readmes_command_runs_it_without_a_network():
    """What stands in README.md builds this file, and ends with a command line that grading.py understands."""
    build, run = re.search(
        r"```bash\n(docker build.*?)\nmkdir -p graded.*\n(docker run.*?)\n```", README, re.S
    ).groups()
    run, tag = shlex.split(run.replace("\\\n", " ")), shlex.split(build)[-2]
    assert (ROOT / shlex.split(build)[3]).samefile(HOMEWORK / "Dockerfile")
    assert run[run.index("--network") + 1] == "none"
    assert "--read-only" in run
    given = grading.arguments(run[run.index(tag) + 1 :])
    volumes = [run[at + 1].split(":")[1] for at, word in enumerate(run) if word == "-v"]
    assert [given.submissions, given.to] == volumes


def test_every_command_of_the_readme_is_one():
    """Each line of README.md that begins with python is understood by grading.py."""
    lines = re.findall(r"^python lessons/homework/grading\.py (.*)$", README, re.M)
    assert {grading.arguments(shlex.split(line)).command for line in lines} == {
        "release", "grade", "marks", "fill", "feedback", "gradescope",
    }  # fmt: skip
