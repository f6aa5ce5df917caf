"""Feedback on its way back, in the form in which the submissions came: Moodle's and Canvas's names, or folders."""

import json
import shutil
import zipfile
from pathlib import Path

import nbformat
import scores
from batch import points_of
from nbformat.v4 import new_code_cell, new_notebook, new_output
from submitted import CANVAS, as_named, submissions, top


def as_notebook(page):
    """A page as a notebook of one output: Canvas gives a returned file the name of the notebook that was handed in."""
    cell = new_code_cell("# Feedback", outputs=[new_output("display_data", data={"text/html": page})])
    return json.dumps(nbformat.from_dict(new_notebook(cells=[cell])))


def send_back(name, graded, folder, to):
    """Write `to`/NAME-moodle.zip, `to`/NAME-canvas.zip, and for others nbgrader's `to`/STUDENT/NAME/NAME.html.

    folder: the submissions, whose names say where each came from.
    """
    graded, to, written, said, zipped = Path(graded), Path(to), 0, [], {"moodle": {}, "canvas": {}}
    rows = scores.read(graded / "scores.csv", name, points_of(name))
    if not rows:
        raise SystemExit(f"There are no rows in {graded / 'scores.csv'}: --graded is the folder that `grade` wrote to.")
    found = submissions(name, folder, rows)
    for student in rows:
        page, place = graded / "feedback" / f"{student}.html", top(folder, found[student])
        if place is None or not page.exists():
            said.append(f"{student}: {'nothing was handed in' if place is None else f'there is no {page}'}")
            continue
        match, text = as_named(place), page.read_text(encoding="utf-8")
        if match is None:
            put(to / student / name, f"{name}.html", page, place / name)
            written += 1
        elif match.re is CANVAS:
            zipped["canvas"][place.name] = as_notebook(text)
        else:
            inside = f"{place.name}/" if place.is_dir() else match["prefix"]
            zipped["moodle"][f"{inside}{name}.html"] = text
    for system, pages in zipped.items():
        if pages:
            to.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(to / f"{name}-{system}.zip", "w", zipfile.ZIP_DEFLATED) as file:
                for inside, text in pages.items():
                    file.writestr(inside, text)
            print(f"{file.filename}: feedback for {len(pages)} students, named as {system.title()} wants it.")
    if written:
        print(f"{to}: feedback for {written} students, in STUDENT/{name}/{name}.html.")
    for line in said:
        print(f"  {line}")


def put(folder, file, page, submission):
    """Copy a page into a student's folder, with what nbgrader wrote beside the submission and wants beside the page."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(page, folder / file)
    for beside in ("timestamp.txt", "submission_secret.txt"):
        source = submission / beside
        if source.is_file() and not source.is_symlink():
            shutil.copy(source, folder / beside)
