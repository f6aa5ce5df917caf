"""Make lessons ready to be committed: python -m tests.lessons.make 05 06 (numbers, or paths).

Formats the code, executes it from top to bottom in a new kernel, takes out what only a kernel can show, writes the
card's times, lesson 00's tables and those of INSTRUCTORS.md, and says in words what the rules find wrong. A
lesson with a failing cell is left as it was, and the traceback is shown. Ends with 1 if anything was wrong.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from nodekit.classroom import kept
from tests.lessons import counting, front, gate, pack, rules

SECONDS = 120  # that a cell may take: the same as in tests/lessons/test_run.py
WIDGET = "application/vnd.jupyter.widget-view+json"
RUFF = [sys.executable, "-m", "ruff"]
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)


def find(name):
    """The lesson's path, from its number or a path. Raises ValueError where there is none, or more than one."""
    found = [Path(name)] if name.endswith(".ipynb") else sorted(gate.FOLDER.glob(f"{name}_*.ipynb"))
    if len(found) != 1 or not found[0].exists():
        raise ValueError(f"no lesson {name!r}: give a number such as 05, or a path")
    return found[0].resolve()


def formatted(path):
    """The notebook at `path` as ruff formats it; the file itself stays. Raises ValueError where ruff cannot read it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(path.read_bytes())
        settings = ["--config", str(gate.FOLDER.parent / "pyproject.toml")]
        ran = subprocess.run([*RUFF, "format", "-q", *settings, str(copy)], capture_output=True, text=True)
        if ran.returncode:
            raise ValueError(f"ruff cannot format {path.name}:\n{ran.stderr.replace(folder, '')}")
        return nbformat.read(copy, as_version=4)


def execute(notebook, folder, seconds=SECONDS):
    """Run all cells in a new kernel that starts in `folder`, and knows of no exercise solved there. Raises FAILURES."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    client = NotebookClient(
        notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": str(folder)}},
        store_widget_state=False, coalesce_streams=True,
    )  # fmt: skip
    client.execute(env={**os.environ, kept.VARIABLE: ""})
    notebook.metadata.kernelspec = KERNEL


def without_widgets(notebook):
    """Take out the views and the state of widgets: the picture, the HTML and the text beside them stay."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET, None)
            cell.outputs = [o for o in cell.outputs if o.output_type in ("stream", "error") or o.data]


def run_row(seconds):
    """'6 s on 2 cores'; from 10 s on in steps of 5."""
    step = 1 if seconds < 10 else 5
    return f"{max(1, step * math.ceil(seconds / step))} s on 2 cores"


def with_row(card, label, value, *older):
    """The card with `value` behind a label, or in place of an older label."""
    row = f"| **{label}** | {value} |"
    for each in (label, *older):
        card, times = re.subn(rf"^\| \*\*{each}\*\* \|.*\|$", row.replace("\\", r"\\"), card, flags=re.M)
        if times:
            return card
    raise ValueError(f"the card has no row '{row}': see CONTRIBUTING.md")


def write_time(notebook):
    """On the card, what a student needs: as counted."""
    first = notebook.cells[0]
    first.source = with_row(first.source, "Time", counting.time_row(notebook.cells), "Reading time")


def write_run_time(notebook):
    """On the card, what the run just took."""
    first, code = notebook.cells[0], [cell for cell in notebook.cells if cell.cell_type == "code"]
    first.source = with_row(first.source, "Run time", run_row(rules.seconds_of(code)))


def write_front(folder):
    """What lesson 00 holds of the others, and its time; its code is not run for that."""
    for path in folder.glob("00_*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        front.write(notebook, folder)
        write_time(notebook)
        nbformat.write(notebook, path)


def make(path):
    """Make one lesson: formatted, executed, tidied, with its times, and written. Raises one of FAILURES, ValueError."""
    notebook = formatted(path)
    execute(notebook, path.parent)
    without_widgets(notebook)
    write_time(notebook)
    write_run_time(notebook)
    nbformat.write(notebook, path)
    write_front(path.parent)


def lint(path):
    """What ruff finds in the lesson's code, in lines."""
    ran = subprocess.run([*RUFF, "check", "-q", "--output-format=concise", str(path)], capture_output=True, text=True)
    return [f"ruff: {line}" for line in ran.stdout.splitlines()]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="+", metavar="NN")
    paths, wrong = [find(name) for name in parser.parse_args(arguments).lessons], 0
    for path in paths:
        print(f"{path.name}: running")
        try:
            make(path)
        except (*FAILURES, ValueError) as error:
            print(f"{error}\n{path.name}: not made; the file is as it was")
            wrong += 1
            continue
        found = [*gate.problems(path), *lint(path)]
        print("\n".join([f"  {line}" for line in found] or ["  all rules are kept"]))
        wrong += bool(found)
    if gate.FOLDER in {path.parent for path in paths}:
        pack.write()
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
