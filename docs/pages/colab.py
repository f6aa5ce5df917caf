"""Copies of the lessons for Colab, each with a first cell that brings the course to Colab's machine.

    python docs/pages/colab.py FOLDER --repository OWNER/NAME --commit SHA

The website's workflow puts the copies on the branch `colab`, to which a lesson's page leads. Only there has a lesson
this cell, and only there do its links lead from one Colab to the next.
"""

import argparse
import re
from pathlib import Path

import nbformat

LESSONS = Path(__file__).parents[2] / "lessons"
CELL = """\
# This copy is for Colab: the cell installs nodekit, and brings the course's exercises, pictures and data (a minute).
%pip install --quiet "{requirement}"
!python -m nodekit.course course
%cd course"""


def address(repository, name):
    """Where the copy of the lesson `name` opens."""
    return f"https://colab.research.google.com/github/{repository}/blob/colab/{name}"


def copy(path, repository, requirement):
    """The lesson with the first cell, which installs `requirement`, behind its title, and with links that lead on."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            link = lambda match: f"]({address(repository, match[1])}"  # noqa: E731
            cell.source = re.sub(r"\]\((\d\d_\w+\.ipynb)", link, cell.source)
    first = nbformat.v4.new_code_cell(CELL.format(requirement=requirement), id="colab")
    notebook.cells.insert(1, first)
    return notebook


def write(folder, repository, commit):
    """Write a copy of each lesson into the folder."""
    requirement = f"nodekit-course[torch] @ https://github.com/{repository}/archive/{commit}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(LESSONS.glob("[0-9][0-9]_*.ipynb")):
        nbformat.write(copy(path, repository, requirement), folder / path.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repository", required=True)
    parser.add_argument("--commit", required=True)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.repository, arguments.commit)
