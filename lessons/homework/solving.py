"""The model answer of a variant, executed and judged: for the instructor, and never for students before the end."""

import os
import re
import tempfile
from pathlib import Path

import nbformat
from course import load_answers, make_course
from marking import judge_cells
from nbclient import NotebookClient

FIRST = "**The model answer to {name}, variant {variant}. For instructors: it holds every solution.**"
NAME = "{name}-variant{variant}-solution.ipynb"


def solve(name, variant, to):
    """Write the source notebook, executed for `variant`, to the folder `to`, with what the judge gives each part.

    Raises SystemExit where a release lies in that folder, and RuntimeError where a part has not all of its points.
    """
    if Path(to, "handin.py").exists():
        raise SystemExit(f"{to} holds a release, which students get. Give the solutions a folder of their own.")
    with tempfile.TemporaryDirectory() as root:
        make_course(root, name, variant)
        folder = Path(root, "source", name)
        notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", cell.source).rstrip("\n")
        own = {"NODEKIT_HOMEWORK_VARIANT": str(variant), "NODEKIT_HOMEWORK_SECRET": "0"}
        client = NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        client.execute(env=os.environ | own)
    results = judge_cells(notebook, load_answers(name), variant, 0, "")
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        points, message = results.get(marks.get("grade_id"), (None, ""))
        if points is not None:
            cell.outputs = cell.outputs[:1]  # the line in words
            if points < marks.points:
                raise RuntimeError(
                    f"The model answer of {name}, variant {variant}, loses points in {marks.grade_id}: {message}"
                )
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(FIRST.format(name=name, variant=variant), id="solution"))
    Path(to).mkdir(parents=True, exist_ok=True)
    path = Path(to, NAME.format(name=name, variant=variant))
    nbformat.write(notebook, path)
    print(f"{path}: the model answer, executed, with all of its points. Keep it from students.")
