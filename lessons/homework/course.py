"""The course folder that nbgrader wants: an assignment, generated for a variant. Release and grading begin with it."""

import importlib.util
import os
import re
import shutil
import sqlite3
import sys
import sysconfig
from contextlib import closing
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

HERE = Path(__file__).resolve().parent
# A cell's `!python` is to be this Python, whose folder is not on the PATH unless the environment is active.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])


def load_answers(name):
    """The module lessons/homework/NAME/answers.py. Its own imports, NAME.py and handin.py, are this folder's."""
    for folder in (HERE, HERE / name):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"{name}_answers", HERE / name / "answers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def empty_gradebook(path):
    """Make nbgrader's data base, without any grades, in the file `path`.

    It lives as long as one grading and is never migrated. So the table of its version is made empty: where there is
    none, nbgrader starts a program that takes three seconds to say what the version is.
    """
    with closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    Gradebook(f"sqlite:///{path}", "homework").close()


def opened(root, name):
    """The coursedir of a course folder that was made, or a copy of one."""
    config = Config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.course_id = "homework"
    config.CourseDirectory.db_url = f"sqlite:///{Path(root, 'gradebook.db')}"
    config.CourseDirectory.assignment_id = name
    config.CourseDirectory.student_id = "student"  # one course a submission: names of people stay out of paths
    config.ClearSolutions.code_stub = {"python": "..."}
    config.ClearSolutions.text_stub = "*Your answer, in place of this line.*"
    config.LimitOutput.max_lines, config.LimitOutput.max_traceback = 200, 30
    return CourseDirectory(config=config)


def make_course(root, name, variant):
    """A course folder of nbgrader's in `root`, with assignment `name` generated for `variant`. Returns its coursedir.

    root/source/NAME holds the notebook, its modules and the variant's files; root/release/NAME what students get.
    Raises RuntimeError where the notebook has no cell 'VARIANT = ...', or the release holds a solution.
    """
    source = Path(root, "source", name)
    source.mkdir(parents=True)
    empty_gradebook(Path(root, "gradebook.db"))
    notebook = nbformat.read(HERE / name / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if re.match(r"VARIANT = \d+", cell.source)]
    if len(cells) != 1:
        raise RuntimeError(f"{name}.ipynb must have exactly one cell that begins with 'VARIANT = ', not {len(cells)}.")
    cells[0].source = re.sub(r"\d+", str(variant), cells[0].source, count=1)
    for cell in notebook.cells:  # a release lies anywhere, without the lessons beside it
        cell.source = re.sub(r"\[(\d\d)\]\(\.\./\.\./\S+?\.ipynb\)", r"\1", cell.source)
    nbformat.write(notebook, source / f"{name}.ipynb")
    for path in [HERE / "handin.py", *(HERE / name).glob(f"{name}*.py")]:
        shutil.copy(path, source)
    for file, text in load_answers(name).files(variant).items():
        (source / file).write_text(text, encoding="utf-8")

    coursedir = opened(root, name)
    GenerateAssignment(coursedir=coursedir, config=coursedir.config).start()
    released = Path(root, "release", name, f"{name}.ipynb")
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:  # dots on a line of their own would print "Ellipsis"
        cell.source = re.sub(r"^\.\.\.$", "# your code", cell.source, flags=re.M)
    nbformat.write(notebook, released)
    if re.search(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)", released.read_text(encoding="utf-8")):
        raise RuntimeError(f"The release of {name} still holds a solution.")
    return coursedir
