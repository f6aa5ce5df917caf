"""One submission of homework: run within limits, judged as data, written down. grading.py starts one process for each.

What a student wrote runs in a kernel of its own. This process never imports nor unpickles anything of it: it reads the
answers that came out, as JSON, and asks the assignment's answers.py what they are worth.
"""

import importlib.util
import json
import os
import re
import shutil
import sqlite3
import sys
import sysconfig
import tempfile
from contextlib import closing
from pathlib import Path

import nbformat
from handin import MIME
from limited import MEGABYTE, PASSED_ON, Limited
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import CheckCellMetadata, LimitOutput, SaveAutoGrades
from nbgrader.utils import is_grade
from traitlets.config import Config

from nodekit.classroom.watch import TimeUp, Wrong, time_limit

HERE = Path(__file__).resolve().parent
# What a student's own code has no reason to name: where the numbers of the hidden test come from.
REACHES = re.compile(
    r"\benviron\b|secret|handin|\binputs\((?!\d, VARIANT, 0\))|\bdrawn\(|import answers|answers\.py"
    r"|__self__|__closure__|_getframe|\bgc\b|\.left\b|hw\d_tried|\bhw\d(\.\w+)+ *=(?!=)|vars\(hw|setattr\("
)
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


# ---- the course folder that nbgrader wants -------------------------------------------------------------


def empty_gradebook(path):
    """Make nbgrader's data base, without any grades, in the file `path`.

    It lives as long as one grading and is never migrated. So the table of its version is made empty: where there is
    none, nbgrader starts a program that takes three seconds to say what the version is.
    """
    with closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    Gradebook(f"sqlite:///{path}", "homework").close()


def make_course(root, name, variant):
    """A course folder of nbgrader's in `root`, with assignment `name` generated for `variant`. Returns its coursedir.

    root/source/NAME holds the notebook, its modules and the variant's files; root/release/NAME what students get.
    Raises RuntimeError where the notebook has no cell 'VARIANT = ...', or the release holds a solution.
    """
    empty_gradebook(Path(root, "gradebook.db"))
    source = Path(root, "source", name)
    source.mkdir(parents=True)
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

    config = Config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.course_id = "homework"
    config.CourseDirectory.db_url = f"sqlite:///{Path(root, 'gradebook.db')}"
    config.CourseDirectory.assignment_id = name
    config.CourseDirectory.student_id = "student"  # one course a submission: names of people stay out of paths
    config.ClearSolutions.code_stub = {"python": "..."}
    config.ClearSolutions.text_stub = "*Your answer, in place of this line.*"
    config.LimitOutput.max_lines, config.LimitOutput.max_traceback = 200, 30
    coursedir = CourseDirectory(config=config)
    GenerateAssignment(coursedir=coursedir, config=config).start()
    released = Path(root, "release", name, f"{name}.ipynb")
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:  # dots on a line of their own would print "Ellipsis"
        cell.source = re.sub(r"^\.\.\.$", "# your code", cell.source, flags=re.M)
    nbformat.write(notebook, released)
    if re.search(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)", released.read_text(encoding="utf-8")):
        raise RuntimeError(f"The release of {name} still holds a solution.")
    return coursedir


def mended(notebook, released):
    """The submission with nbgrader's cells as they were released, and in words what had to be mended.

    Marks of a cell (points, what is locked) and the source of locked ones are the release's; of a cell that occurs
    twice the last one counts; a cell with points that is missing comes back at the end.
    """
    known = {cell.metadata.nbgrader.grade_id: cell for cell in released.cells if "nbgrader" in cell.metadata}
    found, words = set(), []
    for cell in reversed(notebook.cells):
        marks = cell.metadata.pop("nbgrader", None)
        grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
        if not isinstance(grade_id, str) or grade_id not in known or grade_id in found:
            continue
        found.add(grade_id)
        original = known[grade_id]
        if cell.cell_type != original.cell_type:
            words.append(f"cell {grade_id} was changed to {cell.cell_type}")
        if original.metadata.nbgrader.locked and cell.source != original.source:
            words.append(f"the locked cell {grade_id} was changed")
            cell.source = original.source
        fresh = dict(original)
        fresh["source"], fresh["id"] = cell.source, cell.get("id", original["id"])
        cell.clear()
        cell.update(nbformat.from_dict(fresh))
    for grade_id, original in known.items():
        if grade_id not in found:
            words.append(f"cell {grade_id} was missing")
            if original.metadata.nbgrader.grade:  # an empty solution would undo what is written elsewhere
                notebook.cells.append(nbformat.from_dict(dict(original)))
    notebook.metadata = released.metadata
    return notebook, words


def to_be_read(notebook, released):
    """In words, the lines of a student's own code that reach for what hand_in knows: a human should look at them."""
    given = {cell.source for cell in released.cells}
    own = [cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.source not in given]
    lines = [line.strip() for source in own for line in source.splitlines() if REACHES.search(line)]
    return [f"to be read by a human: {line[:80]!r}" for line in lines[:3]]


# ---- what came out of it --------------------------------------------------------------------------------


def judge_cells(nb, answers, variant, secret, note_of_stop):
    """Replace the outputs of each cell that hands in by its points, as nbgrader reads them, and a line in words.

    Returns {grade_id: (points, message)}; None for points where a human reads the answer.
    """
    results = {}
    for cell in nb.cells:
        if not is_grade(cell):
            continue
        grade_id, most = cell.metadata.nbgrader.grade_id, float(cell.metadata.nbgrader.points)
        if cell.cell_type != "code":
            results[grade_id] = (None, "to be marked by hand")
            continue
        try:
            part, answer = the_answer(cell, note_of_stop)
            if part != int(re.sub(r"\D", "", grade_id)):
                raise Wrong("An answer to another part was handed in.")
            with time_limit(120, None):
                points, message = answers.judge(part, variant, secret, answer)
        except Wrong as wrong:
            points, message = 0.0, str(wrong)
        except TimeUp:
            points, message = 0.0, "The answer could not be judged within 120 s."
        except Exception as error:
            points, message = 0.0, f"The answer could not be judged ({type(error).__name__})."
        points = round(float(min(max(points, 0.0), most)), 2)
        cell.outputs = [
            new_output("stream", name="stdout", text=f"{points:g} of {most:g} points. {message}\n"),
            new_output("execute_result", data={"text/plain": str(points)}, execution_count=1),
        ]
        results[grade_id] = (points, message)
    return results


def the_answer(cell, note_of_stop):
    """(part, answer) among a cell's outputs. Raises Wrong unless there is exactly one, of at most 1 MB of JSON."""
    found = [output["data"][MIME] for output in cell.outputs if MIME in output.get("data", {})]
    if not found:
        for output in cell.outputs:
            if output.output_type == "error":
                raise Wrong(f"Nothing was handed in: {output.ename}: {str(output.evalue)[:200]}")
        raise Wrong(f"Nothing was handed in{': ' + note_of_stop if note_of_stop else '.'}")
    if len(found) > 1:
        raise Wrong("More than one answer came out of the cell.")
    try:
        size = len(json.dumps(found[0], allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        raise Wrong("The answer is no JSON of finite numbers.") from None
    if size > MEGABYTE:
        raise Wrong(f"The answer is {size / MEGABYTE:.1f} MB; 1 is the limit.")
    if not isinstance(found[0], dict) or not isinstance(found[0].get("part"), int) or "answer" not in found[0]:
        raise Wrong("The answer is not in the form that hand_in gives it.")
    return found[0]["part"], found[0]["answer"]


# ---- the whole -----------------------------------------------------------------------------------------


def grade_id_of(cell):
    return cell.metadata.nbgrader.grade_id


def graded(notebook):
    """{grade_id: cell} of the cells with points."""
    return {grade_id_of(cell): cell for cell in notebook.cells if is_grade(cell)}


def read_submission(path):
    """The notebook at `path`, as nbformat 4. Raises Wrong, in words, where there is none."""
    if path is None:
        raise Wrong("no notebook was submitted")
    path = Path(path)
    if path.stat().st_size > 30 * MEGABYTE:
        raise Wrong(f"the notebook is {path.stat().st_size / MEGABYTE:.0f} MB large")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
        return notebook
    except Exception as error:
        raise Wrong(f"the file is no notebook ({type(error).__name__})") from None


def mark(name, variant, secret, path, limits, page):
    """Grade one submission. Returns {"points": {grade_id: float or None}, "notes": [str], "written": {grade_id: str}}.

    path: the notebook, or None. limits: overrides answers.LIMITS. page: where the feedback goes, as HTML.
    """
    answers = load_answers(name)
    notes, written, results = [], {}, {}
    with tempfile.TemporaryDirectory() as root:
        coursedir = make_course(root, name, variant)
        released = nbformat.read(Path(root, "release", name, f"{name}.ipynb"), as_version=4)
        try:
            notebook, words = mended(read_submission(path), released)
        except Wrong as wrong:
            page.write_text(f"<!doctype html><title>{name}</title><p>0 points: {wrong}.</p>\n", encoding="utf-8")
            return {"points": {}, "notes": [str(wrong)], "written": {}}
        notes += words + to_be_read(notebook, released)
        submitted = Path(root, "submitted", "student", name)
        submitted.mkdir(parents=True)
        nbformat.write(notebook, submitted / f"{name}.ipynb")
        for cell in notebook.cells:
            if (
                is_grade(cell)
                and cell.cell_type == "markdown"
                and cell.source != graded(released)[grade_id_of(cell)].source
            ):
                written[grade_id_of(cell)] = cell.source

        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        environment |= {"NODEKIT_HOMEWORK_VARIANT": str(variant), "NODEKIT_HOMEWORK_SECRET": str(secret)}
        environment |= {"IPYTHONDIR": root, "TMPDIR": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        execute = Limited({**answers.LIMITS, **limits}, environment)

        def judge(nb, resources):
            results.update(judge_cells(nb, answers, variant, secret, "; ".join(execute.events)))
            return nb, resources

        config = coursedir.config
        autograde = Autograde(coursedir=coursedir, config=config)
        autograde.autograde_preprocessors = [execute, judge, LimitOutput, SaveAutoGrades, CheckCellMetadata]
        try:
            autograde.start()
            GenerateFeedback(coursedir=coursedir, config=config).start()
            shutil.copy(Path(root, "feedback", "student", name, f"{name}.html"), page)
        except Exception as error:
            notes.append(f"nbgrader stopped ({type(error).__name__}: {str(error)[:100]})")
        notes += execute.events
    for grade_id, (points, message) in results.items():
        if points is not None and points < graded(released)[grade_id].metadata.nbgrader.points:
            notes.append(f"{grade_id}: {message}")
    points = {grade_id: points for grade_id, (points, _) in results.items()}
    points |= {grade_id: 0.0 for grade_id, value in points.items() if value is None and grade_id not in written}
    return {"points": points, "notes": notes, "written": written}
