"""One submission of homework: run within limits, judged as data, written down. batch.py starts one process for each.

What a student wrote runs in a kernel of its own (limited.py). This process never imports nor unpickles anything of it:
it reads the answers that came out, as JSON, and asks the assignment's answers.py what they are worth.
"""

import html
import json
import re
import shutil
import tempfile
from pathlib import Path

import bleach
import nbformat
from bleach.css_sanitizer import CSSSanitizer
from contained import furnish
from course import load_answers, make_course, opened
from handin import MIME
from limited import MEGABYTE, Limited
from mending import graded, mended, written
from nbformat.v4 import new_output
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import CheckCellMetadata, LimitOutput, SaveAutoGrades
from nbgrader.utils import is_grade
from reading import drawing, to_be_read
from scores import NOTHING
from submitted import notebook_of

from nodekit.classroom.watch import TimeUp, Wrong, time_limit

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
                if output.ename == "KeyboardInterrupt" and note_of_stop:
                    break
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


# ---- the page for the student --------------------------------------------------------------------------

TAGS = set(
    "a abbr b blockquote br button center code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre "
    "s small span strong sub summary sup table tbody td tfoot th thead tr tt u ul".split()
)


def allowed(tag, name, value):
    """Whether a tag of the page may have this attribute: no handler, no source elsewhere than in the page."""
    if name == "src":
        return tag == "img" and re.match(r"data:image/(png|jpeg|gif|webp);base64,", value) is not None
    if name == "href":
        return re.match(r"https?:|mailto:|#", value) is not None
    return name in ("class", "id", "style", "title", "alt", "width", "height", "colspan", "rowspan", "align")


def harmless(page):
    """The page without scripts, frames, forms and handlers; its head, which is nbgrader's, stays as it is."""
    head, body, rest = page.partition("<body")
    _, _, inside = rest.partition(">")
    styles = CSSSanitizer(allowed_css_properties=["color", "background-color", "font-weight", "text-align", "width"])
    clean = bleach.clean(inside, TAGS, allowed, protocols=["http", "https", "mailto", "data"], strip=True,
                         css_sanitizer=styles)  # fmt: skip
    return f"{head}{body}>{clean}</body></html>\n" if body else html.escape(page)


def plain_page(name, words):
    """A page that says these words, where there is no better one."""
    return f"<!doctype html><meta charset=utf-8><title>{name}</title><p>{html.escape(words)}</p>\n"


# ---- the whole -----------------------------------------------------------------------------------------


def mark(name, variant, secret, data, limits, page, contained, ready=None):
    """Grade one submission. Returns {"points": {grade_id: float or None}, "notes": [str], "written": str}.

    data: the notebook's bytes. limits: overrides answers.LIMITS. page: where the feedback goes, as HTML. contained:
    whether the kernel runs in a box. ready: a course folder of this variant, to be copied. None for points is where a
    human reads what is in `written`.
    """
    try:
        notebook, notes = notebook_of(data)
    except Wrong as wrong:
        page.write_text(plain_page(name, f"0 points: {wrong}."), encoding="utf-8")
        return {"points": {}, "notes": [str(wrong)], "written": ""}
    answers, results = load_answers(name), {}
    with tempfile.TemporaryDirectory() as root:
        if ready is not None:
            shutil.copytree(ready, root, dirs_exist_ok=True)
        coursedir = opened(root, name) if ready is not None else make_course(root, name, variant)
        released = nbformat.read(Path(root, "release", name, f"{name}.ipynb"), as_version=4)
        notebook, words = mended(notebook, released)
        by_hand = getattr(answers, "BY_HAND", {})
        notes += words + to_be_read(notebook, released, name, by_hand, drawing(Path(root, "source", name)))
        submitted = Path(root, "submitted", "student", name)
        submitted.mkdir(parents=True)
        nbformat.write(notebook, submitted / f"{name}.ipynb")
        texts, others = written(notebook, released)

        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as box:  # nothing of the course's is in it
            furnish(box, [p for p in Path(root, "source", name).iterdir() if p.suffix != ".ipynb"])
            environment = {"NODEKIT_HOMEWORK_VARIANT": str(variant), "NODEKIT_HOMEWORK_SECRET": str(secret)}
            execute = Limited({**answers.LIMITS, **limits}, box, contained, environment)

            def judge(nb, resources):
                results.update(judge_cells(nb, answers, variant, secret, "; ".join(execute.events)))
                return nb, resources

            autograde = Autograde(coursedir=coursedir, config=coursedir.config)
            autograde.autograde_preprocessors = [execute, judge, LimitOutput, SaveAutoGrades, CheckCellMetadata]
            try:
                autograde.start()
                GenerateFeedback(coursedir=coursedir, config=coursedir.config).start()
                made = Path(root, "feedback", "student", name, f"{name}.html").read_text(encoding="utf-8")
                page.write_text(harmless(made), encoding="utf-8")
            except Exception as error:
                if not results:  # the machine's fault: no mark
                    raise
                notes.append(
                    f"there is no feedback page: nbgrader stopped ({type(error).__name__}: {str(error)[:100]})"
                )
        notes += execute.events
    for grade_id, (points, message) in results.items():
        if points is not None and points < graded(released)[grade_id].metadata.nbgrader.points:
            notes.append(f"{grade_id}: {message}")
    points = {grade_id: points for grade_id, (points, _) in results.items()}
    for grade_id in [grade_id for grade_id, value in points.items() if value is None]:
        if grade_id not in texts and not others:
            points[grade_id] = 0.0
            notes.append(f"{grade_id}: {NOTHING}")
        elif grade_id not in texts:
            notes.append(f"{grade_id}: its own cell is as it was; {len(others)} others hold text")
    if not page.exists():
        page.write_text(plain_page(name, "; ".join([*map(str, points.items()), *notes])), encoding="utf-8")
    return {"points": points, "notes": notes, "written": as_text(texts, others)}


def as_text(texts, others):
    """What a student wrote, for the human who marks it."""
    parts = [f"## {grade_id}\n\n{text}" for grade_id, text in texts.items()]
    parts += [f"## in another cell {text}" for text in others]
    return "\n\n".join(parts)
