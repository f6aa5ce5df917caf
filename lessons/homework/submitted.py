"""What was handed in: whose file is whose in a folder of submissions, and a notebook out of a file, repaired.

Nothing here runs or trusts what it reads: a file is bytes of at most 30 MB, and becomes cells that are made anew.
"""

import json
import os
import re
import stat
from hashlib import sha256
from pathlib import Path

import nbformat

from nodekit.classroom.watch import Wrong

MEGABYTE = 1_000_000
MOST = 30 * MEGABYTE
COPY = r"(?: ?\(\d+\)| - [^ ]+(?: \(\d+\))?| copy(?: \d+)?|[-_]\d+)"  # what browsers, desktops and Canvas add to a name
CANVAS = re.compile(r"(?P<student>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_.+\.ipynb", re.I)
MOODLE = re.compile(r"(?P<prefix>(?P<student>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?).*", re.I)
EXCHANGE = re.compile(
    r"(?P<student>.+)\+(?P<name>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d [^+]+)(?:\+[\w-]{12})?"
)  # nbgrader's
MISSING = "no notebook was submitted"


# ---- whose file is whose -------------------------------------------------------------------------------


def is_name(student):
    """Whether a student's name can be that of a file in a folder, and of no other place."""
    return student.strip(". ") != "" and student.isprintable() and not set(student) & {"/", "\\", ":", "\0"}


def submissions(name, folder, roster=()):
    """{student: [paths of notebooks]} of the folder's, with those of the `roster` (names) that handed in nothing.

    Understood are FOLDER/STUDENT/NAME.ipynb, nbgrader's FOLDER/STUDENT/NAME/NAME.ipynb, FOLDER/STUDENT.ipynb, the
    inbound folder of nbgrader's exchange, of which each student's last counts, and what Canvas and Moodle make of names
    when all submissions are downloaded. Where only its number is in the roster, that is the student. Two students of
    Canvas or Moodle with one name get their numbers: NAME_NUMBER.
    """
    found, inbound = {}, {}
    for path in sorted(Path(folder).iterdir()):
        if path.name.startswith((".", "__")) or not (path.is_dir() or path.suffix.lower() == ".ipynb"):
            continue
        if path.is_dir() and (match := EXCHANGE.fullmatch(path.name)):
            if match["name"] == name:
                inbound.setdefault(match["student"], []).append((match["time"], path))
            continue
        match = as_named(path)
        if match:
            who = (match["student"], match["id"])
        else:
            who = (path.name if path.is_dir() else re.sub(r" ?\(\d+\)$", "", path.stem), "")
        found.setdefault(who, []).extend(notebooks(name, path) if path.is_dir() else [path])
    for student, all_times in inbound.items():
        found.setdefault((student, ""), []).extend(notebooks(name, max(all_times)[1]))
    numbers = {student: {n for s, n in found if s == student} for student, _ in found}
    students = {}
    for (student, number), paths in found.items():
        if number in roster and student not in roster:
            student = number
        elif len(numbers[student] - {""}) > 1 and number:
            student = f"{student}_{number}"
        students.setdefault(student, []).extend(paths)
    return students | {student: [] for student in roster if student not in students}


def top(folder, paths):
    """What lies in the folder itself of a student's notebooks: a file, or a folder. None where there are none."""
    return Path(folder, paths[0].relative_to(folder).parts[0]) if paths else None


def number(path):
    """The number of a student in the name that Canvas or Moodle gave to what lies in the folder; "" elsewhere."""
    if path is None:
        return ""
    match = as_named(path)
    return match["id"] if match else ""


def as_named(path):
    """The parts of a name that Canvas (files) or Moodle (either) gave; None where it is another."""
    return MOODLE.fullmatch(path.name) or (None if path.is_dir() else CANVAS.fullmatch(path.name))


def notebooks(name, folder):
    """The notebooks in a student's folder that are the assignment's by their name; if none is, whatever there is."""
    inside = [p for p in sorted(folder.iterdir()) if p.is_dir() and p.name.lower() == name]
    files = [p for one in (folder, *inside) for p in sorted(one.iterdir()) if p.suffix.lower() == ".ipynb"]
    files = [p for p in files if not p.name.startswith(".")]
    return [p for p in files if re.fullmatch(rf"(?:copy of )?{name}{COPY}*", p.stem, re.I)] or files


def chosen(paths):
    """The one notebook of these, as (path, bytes). Raises Wrong, in words, where there is none, or more than one."""
    if not paths:
        raise Wrong(MISSING)
    contents = {path: content(path) for path in paths}
    if len(set(contents.values())) > 1:
        names = " and ".join(str(Path(path.parent.name, path.name)) for path in paths)
        raise Wrong(f"not graded: {len(paths)} different notebooks were submitted, {names}. Leave one of them there")
    return min(paths, key=lambda path: len(path.name)), contents[paths[0]]


def content(path):
    """The bytes of a file. Raises Wrong where it is a link, a pipe, too large, or cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would wait for a writer
    except OSError as error:
        link = Path(path).is_symlink()
        raise Wrong(f"{path.name} {'is a link' if link else f'cannot be read ({error.strerror})'}") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Wrong(f"{path.name} is no ordinary file")
        if status.st_size > MOST:
            raise Wrong(f"the notebook is {status.st_size / MEGABYTE:.0f} MB large; {MOST // MEGABYTE} is the limit")
        with open(handle, "rb", closefd=False) as file:
            return file.read(MOST)
    finally:
        os.close(handle)


def digest(data):
    """By which a submission is known again: a few hexadecimal digits."""
    return sha256(data).hexdigest()[:16]


# ---- a notebook out of a file --------------------------------------------------------------------------


def notebook_of(data):
    """(the notebook as nbformat 4, what had to be repaired, in words). Raises Wrong where the bytes are none.

    A cell is made anew of what it is known by: its type, source, id, metadata and pasted images. What it put out at
    home is dropped, since it is run again.
    """
    try:
        given = json.loads(data)  # in UTF-8, 16 or 32, with a byte-order mark or without
        if not isinstance(given, dict):
            raise ValueError
        if given.get("nbformat", 4) != 4:
            given = json.loads(nbformat.writes(nbformat.convert(nbformat.from_dict(given), 4)))
        if not isinstance(given["cells"], list):
            raise ValueError
    except Exception as error:
        raise Wrong(f"the file is no notebook ({type(error).__name__})") from None
    cells, ids, repairs = [], set(), {"it began with a byte-order mark"} if data[:3] == b"\xef\xbb\xbf" else set()
    for old in given["cells"]:
        if not isinstance(old, dict) or old.get("cell_type") not in ("code", "markdown", "raw"):
            repairs.add("what is no cell was left out")
            continue
        code, identity = old["cell_type"] == "code", old.get("id")
        if code and not {"outputs", "execution_count"} <= set(old):
            repairs.add("outputs or execution counts were missing")
        if not isinstance(identity, str) or not re.fullmatch(r"[\w-]{1,64}", identity, re.A) or identity in ids:
            identity = f"new-{len(cells)}"
        elif given.get("nbformat_minor") in range(5):
            repairs.add("its cells have ids, and it says that it is of a time before them")
        ids.add(identity)
        cells.append({"cell_type": old["cell_type"], "id": identity, "metadata": {}, "source": text(old.get("source"))})
        if isinstance(old.get("metadata"), dict):
            marks = old["metadata"].get("nbgrader")
            cells[-1]["metadata"] = {"nbgrader": marks} if isinstance(marks, dict) else {}
        if code:
            cells[-1] |= {"outputs": [], "execution_count": None}
        elif images(old):
            cells[-1]["attachments"] = images(old)
    new = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    return new, ([f"the file was repaired: {', '.join(sorted(repairs))}"] if repairs else [])


def text(source):
    """A cell's source as one text."""
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def images(cell):
    """{name: {type: base64}} of the images that were pasted into a cell of text."""
    given = cell.get("attachments")
    kept = {}
    for name, data in given.items() if isinstance(given, dict) else ():
        parts = {kind: text(part) for kind, part in data.items()} if isinstance(data, dict) else {}
        parts = {
            kind: part
            for kind, part in parts.items()
            if re.fullmatch(r"image/(png|jpeg|gif|webp)", kind) and re.fullmatch(r"[A-Za-z0-9+/=\s]+", part)
        }
        if parts:
            kept[name] = parts
    return kept
